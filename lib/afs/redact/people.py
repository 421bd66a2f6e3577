"""Level 5: names of people in addresses and in paths of their home folders.

Finders as in keys.py, made with the word lists of the rule table: which host names are reserved for
examples, which local parts are machines, which user names are nobody's.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Finder = Callable[[bytes, int], Iterator[tuple[int, int]]]

_LOCAL = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._%+-"
_DOMAIN = re.compile(
    rb"@((?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,8}([A-Za-z]{2,24}))"
    rb"(?![A-Za-z0-9_(]|-[A-Za-z0-9]|\.[A-Za-z0-9])"
)
# What stands before the host of a URL is its user and password, and that is the business of other rules.
_USERINFO = re.compile(rb":(?:\\{0,4}/){2}[^\s/@\"'<>\\]{0,64}\Z")
# Endings of file names that are endings of countries, too: `a@b.py` is no address.
_SUFFIXES = frozenset(b"cc go hs js kt md pl py rb rs sh so ts vb".split())
_NAME = re.compile(
    rb"[/\\]{1,8}([A-Za-z0-9_][A-Za-z0-9_.@-]{0,62}[A-Za-z0-9_$]|[A-Za-z])"
    rb"(?=[/\\\s\"'`:;,)\]}>|&?*<=]|\.?$|\.[\s\"'])"
)
_DASHED = re.compile(rb"-([A-Za-z0-9_]{2,32})(?=-|[/\\\s\"'`]|$)")
_NOBODY = re.compile(
    rb"(?i:users?|username|your.*|my.*|x+)[0-9]*|REDACTED_[A-Z_]+_[0-9]+|[0-9]+"
    rb"|.*\.(?:html?|php|json|js|py|tsx?|css|md)"
)
_MOUNTS = (b"/mnt/c", b"/mnt/d", b"/c", b"/d", b"/var", b"/export", b"/private")


def email(words: dict[str, list[str]]) -> Finder:
    """An address of a person: not of the reserved example domains, not of a machine."""
    endings = frozenset(word.encode() for word in words["tlds"])
    reserved = tuple(word.encode() for word in words["reserved_domains"])
    robots = frozenset(word.encode() for word in words["robots"])

    def find(raw: bytes, at: int) -> Iterator[tuple[int, int]]:
        left = raw[max(0, at - 65) : at]
        local = left[len(left.rstrip(_LOCAL)) :].lstrip(b".%+-")
        domain = _DOMAIN.match(raw, at) if local and not local.endswith(b".") else None
        if domain is None:
            return
        start = at - len(local)
        if _USERINFO.search(raw, max(0, start - 80), start):
            return
        if raw[start - 1 : start] == b"\\" and local[:1] in (b"n", b"r", b"t"):
            local, start = local[1:], start + 1
        name, host, ending = local.lower(), domain[1].lower(), domain[2].lower()
        if not name.strip(b"x") or name in robots:
            return
        if ending in _SUFFIXES or (len(ending) > 2 and ending not in endings):
            return
        if not any(host == one or host.endswith(b"." + one) for one in reserved):
            yield start, domain.end(1)

    return find


def home(words: dict[str, list[str]]) -> Finder:
    """The user's name in a path of a home folder, and in its dashed form as agents name folders."""
    common = frozenset(word.encode() for word in words["common_users"])

    def find(raw: bytes, at: int) -> Iterator[tuple[int, int]]:
        sign = raw[at - 1 : at]
        if sign not in (b"/", b"\\", b"-") or not at or _inside(raw, at - 1):
            return
        if raw[at : at + 1] == b"u" and sign != b"\\":
            return  # /users/ in lower case is a route of a web service, not a folder of macOS
        end = at + (4 if raw[at : at + 1] in b"hH" else 5)
        name = (_DASHED if sign == b"-" else _NAME).match(raw, end)
        if name is not None and name[1].lower() not in common and not _NOBODY.fullmatch(name[1]):
            yield name.span(1)

    return find


def _inside(raw: bytes, at: int) -> bool:
    """Whether what stands before the sign at `at` makes this the middle of another path or word."""
    before = raw[at - 1 : at] if at else b""
    if before.isalnum():
        if raw[at - 2 : at - 1] == b"\\" and before in (b"n", b"r", b"t"):
            return False
        return not raw[max(0, at - 12) : at].lower().endswith(_MOUNTS)
    if raw[at : at + 1] == b"-":
        return before not in (b"", b"/", b"\\", b" ", b"\t", b"\n", b'"', b"'", b"`", b"=", b":", b"~")
    return before in (b"_", b"-", b".", b"}", b")", b"%")
