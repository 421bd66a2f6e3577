"""Level 5: names of people in addresses, in paths of their home folders, and where they log in.

Finders as in keys.py, made with the word lists of the rule table: which host names are reserved for
examples (RFC 2606), which local parts are machines, which user names are nobody's.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Finder = Callable[[bytes, int], Iterator[tuple[int, int]]]

# --- e-mail -----------------------------------------------------------------------------------------

# One byte a character: letters of Latin-1 count, and \xb7 stands for any letter beyond it.
_LATIN = bytes(byte for byte in range(0xC0, 0x100) if byte not in (0xD7, 0xF7))
_LOCAL = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._%+-'" + _LATIN
_LABEL = rb"[A-Za-z0-9\xb7\xc0-\xff](?:[A-Za-z0-9\xb7\xc0-\xff-]{0,61}[A-Za-z0-9\xb7\xc0-\xff])?"
_SIGN = rb"(?:@|%(?:25)?40|&#0{0,4}64;|&#[xX]0{0,4}40;|&commat;|\\{1,31}u0040)"
_DOMAIN = re.compile(
    _SIGN + rb"((?:" + _LABEL + rb"\.){1,8}(?:xn--[A-Za-z0-9-]{2,59}|[A-Za-z]{2,24}|[\xb7\xc0-\xff]{2,24}))"
    rb"(?![A-Za-z0-9_(]|-[A-Za-z0-9]|\.[A-Za-z0-9])"
)
# A sentence that goes on without a space: the address ends at the dot before it.
_GLUED = re.compile(
    _SIGN + rb"((?:" + _LABEL + rb"\.){1,8}?(?:com|org|net|edu|gov|de|uk|fr|io))(?=\.[A-Z][a-z])"
)
# What stands before the host of a URL is its user and password, and that is the business of other rules.
_USERINFO = re.compile(rb":(?:\\{0,4}/){2}[^\s/@\"'<>\\]{0,64}\Z")
# Endings of file names that are endings of countries, too: `a@b.py` is no address.
_SUFFIXES = frozenset(b"cc go hs js kt md pl py rb rs sh so ts vb".split())
# Percent codes that may stand in a local part: + - . _ and letters never do any other way.
_PERCENT = re.compile(rb"%(?:25)?(?!2[bBdDeE]|5[fF])[0-9A-Fa-f]{2}|%(?![0-9A-Fa-f]{2})")
_HEAD = re.compile(rb"(?:u00[0-9a-fA-F]{2}|x[0-9a-fA-F]{2}|[nrtbfv])")
_COLOUR = re.compile(rb"[0-9]{0,3}m")
_COLOUR_HEAD = re.compile(rb"(?:\x1b|u001b|x1b|033|\\e)\[[0-9;]{0,24}\Z")
_ROBOT = re.compile(
    rb"(?:no|do|donot|do-not|dont)[-_.]?reply.*|.*[-_.+]bots?|.*\[bot\]|bounces?[-_.+].*|.*[-_.]bounces?"
    rb"|(?:notifications?|mailer|github-actions|dependabot|renovate|bot)(?:[-_.+].*)?|x+"
)


def email(words: dict[str, list[str]]) -> Finder:
    """An address of a person: not of the reserved example domains, not of a machine. Called at its sign."""
    endings = frozenset(word.encode() for word in words["tlds"])
    reserved = tuple(word.encode() for word in words["reserved_domains"])
    robots = frozenset(word.encode() for word in words["robots"])

    def find(raw: bytes, at: int) -> Iterator[tuple[int, int]]:
        if _DOMAIN.match(raw, at) is None and _GLUED.match(raw, at) is None:
            return
        local, start = _local(raw, at)
        if not local or local[-1:] == b"." or _USERINFO.search(raw, max(0, start - 80), start):
            return
        name = local.lower()
        if name in robots or name.split(b"+")[0] in robots or _ROBOT.fullmatch(name):
            return
        for shape in (_DOMAIN, _GLUED):
            domain = shape.match(raw, at)
            if domain is not None and good(domain[1].lower()):
                yield start, domain.end(1)
                return

    def good(host: bytes) -> bool:
        ending = host.rpartition(b".")[2]
        if ending in _SUFFIXES:
            return False
        if len(ending) > 2 and ending.isalpha() and ending.isascii() and ending not in endings:
            return False
        return not any(host == one or host.endswith(b"." + one) for one in reserved)

    return find


def _local(raw: bytes, at: int) -> tuple[bytes, int]:
    """What stands before the sign and can be the name of a mailbox, without the escapes before it."""
    end = at
    while raw[end - 1 : end] == b"\\" and raw[at : at + 1] in (b"u", b"\\"):
        end -= 1
    left = raw[max(0, end - 100) : end]
    local = left[len(left.rstrip(_LOCAL)) :]
    if not local and left[-1:] == b"\xb7":
        local = left[len(left.rstrip(b"\xb7")) :]
    return _trimmed(raw, local, end)


def _trimmed(raw: bytes, local: bytes, end: int) -> tuple[bytes, int]:
    while (code := _PERCENT.search(local)) is not None:
        local = local[code.end() :]
    before = raw[end - len(local) - 1 : end - len(local)] if end > len(local) else b""
    glued = None
    if before == b"\\":
        glued = _HEAD.match(local)
    elif before in (b"[", b";"):
        glued = _past_colour(raw, end - len(local), local)
    if glued is not None:
        local = local[glued.end() :]
    local = local.lstrip(b".%+-'")
    if len(local) > 64:
        local = b""
    return local, end - len(local)


def _past_colour(raw: bytes, at: int, name: bytes) -> re.Match[bytes] | None:
    """The rest of a colour code that a name at `at` begins with."""
    return _COLOUR.match(name) if _COLOUR_HEAD.search(raw, max(0, at - 36), at) else None


# --- home folders -----------------------------------------------------------------------------------

_PART = rb"[A-Za-z0-9_\xc0-\xff]"
_INNER = rb"(?:[A-Za-z0-9_.@+\xc0-\xff-]|\xb7(?=[A-Za-z0-9\xb7/\\]))"
_NAME = re.compile(
    rb"[/\\]{1,64}+(\xb7{2,32}(?=[/\\])|(?:" + _PART + rb"|\xb7(?=[A-Za-z\xb7]))" + _INNER + rb"{0,61}"
    rb"(?:[A-Za-z0-9_$\xc0-\xff]|~[0-9]|\xb7(?=[/\\]))|[A-Za-z])"
    rb"(?=[/\\\s\"'`:;,)\]}>|&?*<=#!\x1b]|\.?$|\.[\s\"']|%(?:25)?(?:2[0fF]|5[cC]))"
)
# Windows lets a name have spaces; a separator must follow, or it is prose.
_SPACED = re.compile(
    rb"[/\\]{1,64}+([A-Za-z0-9_\xc0-\xff.-]{1,30}(?: [A-Za-z0-9_\xc0-\xff.-]{1,30}){1,3})(?=\\)"
)
_CODED = re.compile(
    rb"(?i:%(?:25)*+(?:2f|5c)){1,8}([A-Za-z0-9_][A-Za-z0-9_.@+-]{0,62}?|[A-Za-z])(?=(?i:%(?:25)*+[0-9a-f]{2})|[^A-Za-z0-9_.@+-]|$)"
)
_DASHED = re.compile(rb"-([A-Za-z0-9_]{2,32})(?=-|[/\\\s\"'`,;:)\]}>|<&]|\.jsonl?|$)")
_SEPARATED = re.compile(rb"(?i)%(?:25)*(?:2f|5c)\Z")
_NOBODY = re.compile(
    rb"(?i:users?|username|your.*|my.*|x+)[0-9]*|REDACTED_[A-Z_]+_[0-9]+|[0-9]+|\.+"
    rb"|.*\.(?:html?|php|json|jsx?|py|tsx?|css|md|txt|log|csv|xml|ya?ml|toml|sh|vue|svelte|aspx?)"
)
# What may stand before the first sign of a path: nothing of a word, or an escape, or a compiler's flag.
_EDGE = (
    rb"(?:^|[^A-Za-z0-9_.%)}~/\\\xc0-\xff-]|\\[nrtbf]|\\u00[0-9a-fA-F]{2}|%(?:25)?[0-9A-Fa-f]{2}"
    rb"|-[0-9]{1,7}-|\[[0-9;]{0,24}m|(?:^|[\s\"'=|])(?:-{1,2}(?:[A-Za-z]|isystem)|[-+]{1,3}))"
)
_ROOT = re.compile(_EDGE + rb"[/\\]{1,64}\Z")
_WEB = re.compile(rb"(?i)(?:https?|wss?):(?:\\{0,4}/){2}\Z")
_SCHEME = re.compile(
    rb"(?i)(?:file|ssh|sftp|scp|rsync|nfs|smb|cifs|afp|ftp|vscode-remote|vscode-file|vscode-userdata|git\+ssh|svn\+ssh)"
    rb":(?:\\{0,4}/){2}[^\s/\"'<>]{0,80}\Z"
)
_FOLDERS = (
    rb"(?:mnt|media|net|nfs\d?|vol|volumes?|srv|var|usr|export|exports|private|data\d?|gpfs\d?|lustre|beegfs"
    rb"|cluster|storage|scratch|work|share|host|hostfs|rootfs|host_mnt|u|opt|afs|cygdrive|[a-z]|System/Volumes)"
)
_MOUNT = re.compile(
    _EDGE
    + rb"[/\\]{1,64}(?i:"
    + _FOLDERS
    + rb"(?:[/\\][A-Za-z0-9_. -]{1,32}){0,2}|[a-z]:)\Z|(?<![A-Za-z0-9])[A-Za-z]:\Z"
)
_SHARE = re.compile(
    rb"(?:^|[^\\/:A-Za-z0-9_.)}])[\\/]{2,64}[A-Za-z0-9.$_-]{1,64}(?:[\\/]{1,32}[A-Za-z0-9.$_ -]{1,32}){0,2}\Z"
)
_DASHED_MOUNT = re.compile(
    rb"(?:^|[/\\\s\"'`=:~])-?(?:mnt-[a-z]|[a-z]|var|export|private|data|nfs|usr|host)\Z", re.I
)


def home(words: dict[str, list[str]]) -> Finder:
    """The user's name in a path of a home folder, plain, percent-coded, and in the dashed form in which
    agents name folders. Called at `home`, `users` or `documents and settings`."""
    common = frozenset(word.encode() for word in words["common_users"])

    def find(raw: bytes, at: int) -> Iterator[tuple[int, int]]:
        sign = raw[at - 1 : at] if at else b""
        end = at + _size(raw, at)
        if sign in (b"/", b"\\"):
            name = _NAME.match(raw, end)
            spaced = _SPACED.match(raw, end) if raw[end : end + 1] == b"\\" else None
            name = spaced or name
            if name is None or not _rooted(raw, at):
                return
        elif sign == b"-":
            name = _DASHED.match(raw, end)
            if name is None or not _rooted_dashes(raw, at):
                return
        elif sign in (b"f", b"F", b"c", b"C") and _SEPARATED.search(raw, max(0, at - 24), at):
            name = _CODED.match(raw, end)
            if name is None or (raw[at : at + 1] == b"u" and sign in b"fF"):
                return
        else:
            return
        if name[1].lower() not in common and not _NOBODY.fullmatch(name[1]):
            yield name.span(1)

    return find


def _size(raw: bytes, at: int) -> int:
    """Length of the word: home, homes, home2, users, documents and settings."""
    first = raw[at : at + 1]
    if first in b"uU":
        return 5
    if first in b"dD":
        return 22
    more = raw[at + 4 : at + 5]
    return 4 if more != b"s" and not more.isdigit() else 5


def _rooted(raw: bytes, at: int) -> bool:
    """Whether the path that comes to `at` is one from the root of a machine, and no web address."""
    left = raw[max(0, at - 120) : at]
    bare = left.rstrip(b"/\\")
    lower = raw[at : at + 1] == b"u" and raw[at - 1 : at] == b"/"
    if not lower and _ROOT.search(left[-84:]):
        return not _WEB.search(left)
    if lower and left[-1:] != b"\\" and _MOUNT.search(bare) is None:
        return False  # /users/ in lower case is a route of a web service, not a folder of macOS
    return bool(_MOUNT.search(bare) or _SCHEME.search(bare) or _SHARE.search(bare))


def _rooted_dashes(raw: bytes, at: int) -> bool:
    left = raw[max(0, at - 40) : at - 1]
    before = left[-1:]
    if before == b"-":
        return len(left) > 1 and left[-2:-1].isalpha() and not left[-3:-2].isalnum()
    if raw[at : at + 1] == b"u":
        return False
    if before.isalnum():
        return _DASHED_MOUNT.search(left) is not None or raw[at - 3 : at - 1] in (b"\\n", b"\\t")
    return before in (
        b"",
        b"/",
        b"\\",
        b" ",
        b"\t",
        b"\n",
        b'"',
        b"'",
        b"`",
        b"=",
        b":",
        b"~",
        b"(",
        b">",
        b"|",
    )


_TILDE = re.compile(rb"~([A-Za-z_][A-Za-z0-9_.-]{1,31})/(?=[A-Za-z_.*]|[\s\"'`]|$)")
_BEFORE_TILDE = re.compile(rb"(?:[A-Za-z0-9\"'.,/_-](?<!return)[ \t]|[\n:]|[A-Z_]=)\Z")


def tilde(words: dict[str, list[str]]) -> Finder:
    """The name in `~name/`, called at the tilde: behind a blank or a colon, as a shell has it."""
    common = frozenset(word.encode() for word in words["common_users"])

    def find(raw: bytes, at: int) -> Iterator[tuple[int, int]]:
        name = _TILDE.match(raw, at)
        if name is None or not _BEFORE_TILDE.search(raw, max(0, at - 8), at):
            return
        if name[1].lower() not in common and not _NOBODY.fullmatch(name[1]):
            yield name.span(1)

    return find


# --- logins -----------------------------------------------------------------------------------------

_LOGIN = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"
_HOST = (
    rb"@(?:(?=[0-9.-]{0,62}[A-Za-z])[A-Za-z0-9](?:[A-Za-z0-9.-]{0,62}[A-Za-z0-9])?"
    rb"|[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?![0-9.]))"
)
_PROMPT = re.compile(
    _HOST + rb"(?::[~/][^\s$#%]{0,120}[$#%](?:\s|\\|$)|[ ][~/A-Za-z0-9][^\s\]]{0,80}\][$#%]|:[~/][\w~./-])"
)
_TARGET = re.compile(_HOST + rb"(?![A-Za-z0-9_.-]*[=(\[])")
_COMMAND = re.compile(
    rb"(?<![A-Za-z0-9_.-])(?:ssh|scp|sftp|rsync|mosh|sshfs|autossh|ssh-copy-id)(?:\s|\\n)[^\n|;&\[\]{}]{0,100}\Z"
)
_SCHEMES = re.compile(rb"(?:ssh|sftp|scp|rsync|smb|ftps?|https?|svn\+ssh|git\+ssh):(?:\\{0,4}/){2}\Z")


def login(words: dict[str, list[str]]) -> Finder:
    """The user of `user@host` in a shell's prompt, behind ssh and its kin, in a URL; called at the `@`."""
    common = frozenset(word.encode() for word in words["common_users"] + words["robots"])

    def find(raw: bytes, at: int) -> Iterator[tuple[int, int]]:
        if not raw[at - 1 : at].isalnum() or not raw[at + 1 : at + 2].isalnum():
            return
        left = raw[max(0, at - 33) : at]
        name = left[len(left.rstrip(_LOGIN)) :].lstrip(b".-")
        start = at - len(name)
        if raw[start - 1 : start] == b"\\" and name[:1] in (b"n", b"r", b"t"):
            name, start = name[1:], start + 1
        elif raw[start - 1 : start] in (b"[", b";") and (colour := _past_colour(raw, start, name)):
            name, start = name[colour.end() :], start + colour.end()
        if not 2 <= len(name) <= 32 or not name[:1].isalpha() or name.lower() in common:
            return
        if _NOBODY.fullmatch(name) or sum(48 <= byte < 58 for byte in name) > 5:
            return
        behind = _PROMPT.match(raw, at) is not None
        before = raw[max(0, start - 128) : start]
        if behind or (_TARGET.match(raw, at) and (_COMMAND.search(before) or _SCHEMES.search(before))):
            yield start, at

    return find


# The base64 of a public key, or its fingerprint as ssh-keygen prints it, then a comment.
_ANSI = rb"(?:(?:\x1b|\\{1,31}+(?:u001b|x1b|033|e))\[[0-9;]{0,24}m)?"
_PUBLIC = re.compile(
    rb"(?i:aaaa)[A-Za-z0-9+/]{20,16384}+={0,3}[ \t]{1,4}"
    + _ANSI
    + rb"([^\s\\\"'`<>|&#=,;\x1b][^\n\r\\\"'`<>|\x1b]{0,100})"
)
_PRINT = re.compile(
    rb"(?i:sha256):[A-Za-z0-9+/]{43}=?[ \t]{1,4}"
    + _ANSI
    + rb"([^\s\\\"'`<>|\x1b][^\n\r\\\"'`<>|\x1b]{0,99}?)"
    + _ANSI
    + rb"[ \t]{1,4}\((?:RSA|DSA|ECDSA|ED25519)"
)
_COMMENT_USER = re.compile(rb"([^@]+)@([^@]+)")


def key_comment(words: dict[str, list[str]]) -> Finder:
    """The comment of an SSH public key, which names a person and a machine (sshd(8)); the key stays."""
    common = frozenset(word.encode() for word in words["common_users"] + words["robots"])
    reserved = tuple(word.encode() for word in words["reserved_domains"])

    def find(raw: bytes, at: int) -> Iterator[tuple[int, int]]:
        line = _PUBLIC.match(raw, at) or _PRINT.match(raw, at)
        if line is None:
            return
        comment = line[1].rstrip(b" \t)]}.,")
        if b"@" in comment.split()[0]:
            comment = comment.split()[0]
        elif comment.count(b" ") > 3:
            return  # a sentence that goes on
        name = comment.lower()
        parts = _COMMENT_USER.fullmatch(name)
        if parts is not None and any(parts[2] == one or parts[2].endswith(b"." + one) for one in reserved):
            return
        if name in common or name in _PLAIN_COMMENTS or _NOBODY.fullmatch(comment) or b"REDACTED_" in comment:
            return
        yield line.start(1), line.start(1) + len(comment)

    return find


_PLAIN_COMMENTS = frozenset(
    b"comment key ssh-key deploy-key deploy ci generated-by-azure phpseclib-generated-key".split()
)
