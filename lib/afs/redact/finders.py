"""What a pattern cannot say: private keys over many lines, cookies, Kubernetes secrets, names of people.

A finder is called at an anchor with (raw, at) and yields (start, end) of what is secret. `raw` is the
text as one byte a character. Each looks at a bounded stretch around its anchor or walks forward once.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING

from afs.redact.judge import oddness

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from afs.redact.judge import Judge

    Finder = Callable[[bytes, int], Iterator[tuple[int, int]]]

# --- private keys -----------------------------------------------------------------------------------

_BEGIN = re.compile(
    rb"(?:-|\\{1,31}+u002[dD]){2,5} ?BEGIN [A-Za-z0-9 ]{0,40}(?:PRIVATE KEY|Static key V1)(?: BLOCK)? ?(?:-|\\{1,31}+u002[dD]){2,5}"
)
_END = re.compile(
    rb"(?:-|\\{1,31}+u002[dD]){2,5} ?END [A-Za-z0-9 ]{0,40}(?:PRIVATE KEY|Static key V1)(?: BLOCK)? ?(?:-|\\{1,31}+u002[dD]){2,5}"
)
# Between two lines of a key: line ends written out or escaped, quotes and joints of code, diff marks,
# line numbers, comment signs, colour codes, tags.
_JOINT = (
    rb"(?:[\s\"'`,;>|#*:&.()\[\]?\xb7-]|\\{1,31}+[nrt]|\\{1,31}+u000[aAdD]|\\{1,31}+(?=[\s\"'`])|[+](?=[\s\"'`A-Za-z0-9+/])|\d{1,6}(?=[\s:|.?\xb7-])"
    rb"|(?:\x1b|\\{1,31}+u001b|\\{1,31}+x1b|\\{1,31}+033)\[[0-9;]{0,8}m|//(?=\s)|<br ?/?>|&#1[03];|%0[AaDd])"
)
_HEADER = rb"(?:Proc-Type|DEK-Info|Version|Comment|Hash|Charset|MessageID|Subject|X-[A-Za-z-]{1,30}): ?[^\n\\\"]{0,120}"
_PIECE = re.compile(_JOINT + rb"{0,60}+(?P<body>" + _HEADER + rb"|[A-Za-z0-9+/=]{1,}+)")
# A line of a key between other words, as grep and echo put them, and an end mark not far away.
_FRAMED = re.compile(rb"[^\r\n]{0,40}\r?\n[^\r\n]{0,80}?(?P<body>[A-Za-z0-9+/]{40,}+={0,2})")
_NEAR_END = re.compile(
    rb"(?:[^\r\n]{0,80}\r?\n){1,2}[^\r\n]{0,80}?-{4,5}END [A-Za-z0-9 ]{0,40}(?:PRIVATE KEY|V1)(?: BLOCK)?-{4,5}"
)
_LINES = re.compile(rb"\r?\n|\\{1,31}+r\\{1,31}+n|\\{1,31}+n")
_INK = re.compile(rb"[A-Za-z0-9+/]{12,}={0,2}")


def private_key(raw: bytes, at: int) -> Iterator[tuple[int, int]]:
    """A key in PEM, PGP or OpenVPN armour, whole, or cut off before its end or after its beginning."""
    if raw[at - 8 : at].lower() != b"private " and raw[at - 7 : at].lower() != b"static ":
        return
    near = max(0, at - 80)
    begin = end = None
    for match in _BEGIN.finditer(raw, near, at + 60):
        if match.start() <= at < match.end():
            begin = match
    if begin is not None:
        last = _walk(raw, begin.end())
        if last > begin.end():
            yield begin.start(), last
        return
    for match in _END.finditer(raw, near, at + 60):
        if match.start() <= at < match.end():
            end = match
    if end is not None and not _BEGIN.search(raw, max(0, end.start() - 9000), end.start()):
        first = _walk_back(raw, end.start())
        if first < end.start():
            yield first, end.end()


def private_lines(raw: bytes, at: int) -> Iterator[tuple[int, int]]:
    """The secret part of a PuTTY key file: what follows `Private-Lines: N`."""
    head = re.compile(rb"private-lines: ?\d{1,4}", re.I).match(raw, at)
    if head is not None:
        last = _walk(raw, head.end())
        if last > head.end():
            first = _PIECE.match(raw, head.end())
            yield (first.start("body") if first else head.end()), last


def key_body(raw: bytes, at: int) -> Iterator[tuple[int, int]]:
    """A key without armour, known by how its base64 begins."""
    last = _walk(raw, at)
    if last - at >= 40:
        yield at, last


def _walk(raw: bytes, at: int) -> int:
    """The end of the key whose armour or first line ends at `at`; `at` itself where no key follows."""
    last = at
    width = 0
    while True:
        stop = _END.match(raw, _skip(raw, last))
        if stop is not None:
            return stop.end() if last > at else at
        piece = _PIECE.match(raw, last)
        if piece is None or not _belongs(raw, piece, width):
            piece = _FRAMED.match(raw, last)
            same = piece is not None and width in (0, len(piece["body"])) and b"BEGIN" not in piece[0]
            if piece is None or not same or not _drawn(piece["body"]):
                near = _NEAR_END.match(raw, last) if width else None
                return near.end() if near is not None else last
        width = 0 if b":" in piece["body"] else len(piece["body"])
        last = piece.end()


def _belongs(raw: bytes, piece: re.Match[bytes], width: int) -> bool:
    """Whether what follows a line of `width` (0: the armour or a header) is part of the key."""
    body = piece["body"]
    if b":" in body:
        return not width
    if 0 < width < 16 and not body.startswith(b"="):
        return False
    if len(body) >= 16 and _drawn(body):
        return True
    return width >= 16 and (b"=" in body or _END.match(raw, _skip(raw, piece.end())) is not None)


def _skip(raw: bytes, at: int) -> int:
    joint = re.compile(_JOINT[: -1] + rb"){0,60}?(?=(?:-|\\{1,31}+u002[dD]){2,5} ?END )").match(raw, at)
    return joint.end() if joint else at


def _drawn(body: bytes) -> bool:
    text = body[:64].decode("latin-1")
    return oddness(text) >= 0.25 or (len(text) >= 40 and text.isalnum() and not text.isalpha())


def _walk_back(raw: bytes, at: int) -> int:
    """Where a key that ends at `at` begins: the first of the base64 lines right before it."""
    low = max(0, at - 9000)
    window = raw[low:at]
    starts = [0, *(match.end() for match in _LINES.finditer(window))]
    first = at
    for index in range(len(starts) - 1, -1, -1):
        stop = starts[index + 1] if index + 1 < len(starts) else len(window)
        line = window[starts[index] : stop]
        ink = _INK.search(line)
        if ink is None:
            if first == at and len(line.strip()) < 24:
                continue
            break
        if len(line) - len(ink[0]) > 24 or not _drawn(ink[0]):
            break
        first = low + starts[index] + ink.start()
    return first


# --- cookies ----------------------------------------------------------------------------------------

_COOKIE = re.compile(
    rb"(?i:cookies?(?:_?header)?\\{0,31}+[\"'`]?\]?[ \t]{0,4}(?:[:=,]|=>)?[ \t]{0,4}(?:\\{0,31}+[\"'`])?)"
    rb"(?=[A-Za-z0-9_.!#$%*^|~-]{1,64}=)"
)
_PAIR = re.compile(rb"(?P<name>[A-Za-z0-9_.!#$%*^|~\[\]-]{1,64})=(?P<s>[^\s;,\"'`\\<>{}()]{0,4096})(?:;[ \t]{0,4})?")
_ATTRIBUTES = frozenset((b"path", b"domain", b"expires", b"max-age", b"samesite", b"version", b"priority", b"comment"))


def cookies(judge: Judge) -> Finder:
    """Values of a Cookie or Set-Cookie header that are no plain words."""

    def find(raw: bytes, at: int) -> Iterator[tuple[int, int]]:
        head = _COOKIE.match(raw, at)
        if head is None:
            return
        where = head.end()
        if not raw[at:where].rstrip(b" \t\"'`\\").endswith((b":", b"=", b">")) and raw[where - 1 : where] not in (b'"', b"'"):
            return
        while pair := _PAIR.match(raw, where):
            value = pair["s"].decode("latin-1")
            if pair["name"].lower() not in _ATTRIBUTES and len(value) >= 8 and judge.strength(value) >= 3:
                yield pair.start("s"), pair.end("s")
            if pair.end() == where:
                return
            where = pair.end()

    return find


# --- Kubernetes -------------------------------------------------------------------------------------

_KIND = re.compile(rb"kind\\{0,31}+[\"']?:[ \t]{0,4}\\{0,31}+[\"']?$")
_DATA = re.compile(rb"(?:^|\n|\\n|[{,\s])[ \t]{0,8}\\{0,31}+\"?data\\{0,31}+\"?:[ \t]{0,4}\{?")
_ENTRY = re.compile(rb"(?:\s|\\{1,31}+[nrt]|,){1,40}+\\{0,31}+\"?[A-Za-z0-9_.-]{1,80}\\{0,31}+\"?:[ \t]{0,4}\\{0,31}+\"?(?P<s>[A-Za-z0-9+/]{4,}={0,2})")


def kubernetes(raw: bytes, at: int) -> Iterator[tuple[int, int]]:
    """The base64 values under `data:` of a Secret."""
    if not _KIND.search(raw, max(0, at - 16), at):
        return
    data = _DATA.search(raw, max(0, at - 2000), at + 4000)
    where = data.end() if data else len(raw)
    while entry := _ENTRY.match(raw, where):
        if _readable(entry["s"]) is not None:
            yield entry.span("s")
        where = entry.end()


_JWK = re.compile(
    rb"\"(?:d|k|p|q|dp|dq|qi)\\{0,31}+\"[ \t]{0,4}:[ \t]{0,4}\\{0,31}+\"(?P<s>[A-Za-z0-9_-]{20,8192})\\{0,31}+\""
)


def jwk(raw: bytes, at: int) -> Iterator[tuple[int, int]]:
    """The private members of a JSON Web Key around its `kty`."""
    for member in _JWK.finditer(raw, max(0, at - 2000), at + 2000):
        if oddness(member["s"][:64].decode("latin-1")) >= 0.25:
            yield member.span("s")


def _readable(value: bytes) -> bytes | None:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return None


def basic(value: bytes) -> bool:
    """Whether a value is base64 of `name:password`."""
    plain = _readable(value + b"=" * (-len(value) % 4) if b"=" not in value else value)
    return plain is not None and b":" in plain and all(32 <= byte < 127 for byte in plain)


# --- people -----------------------------------------------------------------------------------------

_LOCAL = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._%+-"
_DOMAIN = re.compile(rb"@((?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,8}([A-Za-z]{2,24}))(?![A-Za-z0-9_(]|-[A-Za-z0-9]|\.[A-Za-z0-9])")
_NAME = re.compile(rb"[/\\]{1,8}([A-Za-z0-9_][A-Za-z0-9_.@-]{0,62}[A-Za-z0-9_$]|[A-Za-z])(?=[/\\\s\"'`:;,)\]}>|&?*<=]|\.?$|\.[\s\"'])")
_DASHED = re.compile(rb"-([A-Za-z0-9_]{2,32})(?=-|[/\\\s\"'`]|$)")


def email(words: dict[str, list[str]]) -> Finder:
    """An address of a person: not of the reserved example domains, not of a machine."""
    endings = frozenset(word.encode() for word in words["tlds"])
    reserved = tuple(word.encode() for word in words["reserved_domains"])
    robots = frozenset(word.encode() for word in words["robots"])

    def find(raw: bytes, at: int) -> Iterator[tuple[int, int]]:
        left = raw[max(0, at - 65) : at]
        local = left[len(left.rstrip(_LOCAL)) :].lstrip(b".%+-")
        if not local or local.endswith(b"."):
            return
        domain = _DOMAIN.match(raw, at)
        if domain is None:
            return
        start = at - len(local)
        if start and raw[start - 1] == 0x5C and local[:1] in b"nrt":
            local, start = local[1:], start + 1
        name, host = local.lower(), domain[1].lower()
        if not name or name in robots or not name.strip(b"x") or (len(domain[2]) > 2 and domain[2].lower() not in endings):
            return
        if len(domain[2]) == 2 and domain[2].lower() in _SUFFIXES:
            return
        if any(host == one or host.endswith(b"." + one) for one in reserved):
            return
        yield start, domain.end(1)

    return find


_SUFFIXES = frozenset((b"py", b"js", b"ts", b"go", b"rs", b"rb", b"sh", b"md", b"cc", b"hs", b"kt", b"vb", b"pl", b"so"))


def home(words: dict[str, list[str]]) -> Finder:
    """The user's name in a path of a home folder, and in its dashed form as agents name folders."""
    common = frozenset(word.encode() for word in words["common_users"])

    def find(raw: bytes, at: int) -> Iterator[tuple[int, int]]:
        sign = raw[at - 1 : at]
        if sign not in (b"/", b"\\", b"-") or not at:
            return
        dashed = sign == b"-"
        if at > 1 and _inside(raw, at - 1, dashed):
            return
        if raw[at : at + 1] == b"u" and sign != b"\\":
            return  # /users/ in lower case is a route of a web service, not a folder of macOS
        end = at + (4 if raw[at : at + 1] in b"hH" else 5)
        name = (_DASHED if dashed else _NAME).match(raw, end)
        if name is None or name[1].lower() in common or _NUMBERED.fullmatch(name[1]):
            return
        yield name.span(1)

    return find


_NUMBERED = re.compile(rb"(?i:user|users|username|your.*|my.*|x+)[0-9]*|REDACTED_[A-Z_]+_[0-9]+|[0-9]+|.*\.(?:html?|php|json|js|py|tsx?|css|md)")


def _inside(raw: bytes, at: int, dashed: bool) -> bool:
    """Whether what stands before makes this the middle of another path or word."""
    before = raw[at - 1 : at]
    if before.isalnum():
        if at > 1 and raw[at - 2] == 0x5C and before in b"nrt":
            return False
        tail = raw[max(0, at - 12) : at].lower()
        return not tail.endswith((b"/mnt/c", b"/mnt/d", b"/c", b"/d", b"/var", b"/export", b"/private", b"/cygdrive/c"))
    return before in (b"_", b"-", b".", b"}", b")", b"%") or (dashed and before not in b"/\\ \t\n\"'`=:~")
