"""Private keys: PEM, PGP, OpenVPN and PuTTY armour in every form that logs write it, whole or cut short.

A finder is called at an anchor with (raw, at) and yields (start, end) of what is secret. `raw` is the
text as one byte a character. Each looks at a bounded stretch around its anchor or walks forward once.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from afs.redact.judge import oddness

if TYPE_CHECKING:
    from collections.abc import Iterator

_SLASHES = rb"\\{1,31}+"
_DASHES = rb"(?:-|" + _SLASHES + rb"u002[dD]){2,5}"
_KIND = rb" [A-Za-z0-9 ]{0,40}(?:PRIVATE KEY|Static key V1)(?: BLOCK)? ?" + _DASHES
_BEGIN = re.compile(_DASHES + rb" ?BEGIN" + _KIND)
_END = re.compile(_DASHES + rb" ?END" + _KIND)
# Between two lines of a key: line ends written out or escaped, quotes and joints of code, diff marks,
# line numbers, comment signs, colour codes, tags.
_JOINT = (
    rb"(?:"
    + rb"|".join(
        (
            rb"[\s\"'`,;>|#*:&.()\[\]?\xb7-]",
            _SLASHES + rb"(?:[nrt]|u000[aAdD]|(?=[\s\"'`]))",
            rb"\+(?=[\s\"'`A-Za-z0-9+/])",
            rb"\d{1,6}(?=[\s:|.?\xb7-])",
            rb"(?:\x1b|" + _SLASHES + rb"(?:u001b|x1b|033))\[[0-9;]{0,8}m",
            rb"//(?=\s)|<br ?/?>|&#1[03];|%0[AaDd]",
        )
    )
    + rb")"
)
_HEADER = (
    rb"(?:Proc-Type|DEK-Info|Version|Comment|Hash|Charset|MessageID|Subject|X-[A-Za-z-]{1,30})"
    rb": ?[^\n\\\"]{0,120}"
)
_PIECE = re.compile(_JOINT + rb"{0,60}+(?P<body>" + _HEADER + rb"|[A-Za-z0-9+/=]++)")
_BEFORE_END = re.compile(_JOINT + rb"{0,60}?(?=" + _END.pattern + rb")")
# A line of a key between other words, as grep and echo put them, and an end mark not far away.
_FRAMED = re.compile(rb"[^\r\n]{0,40}\r?\n[^\r\n]{0,80}?(?P<body>[A-Za-z0-9+/]{40,}+={0,2})")
_NEAR_END = re.compile(rb"(?:[^\r\n]{0,80}\r?\n){1,2}[^\r\n]{0,80}?" + _END.pattern)
_LINE_END = re.compile(rb"\r?\n|" + _SLASHES + rb"r" + _SLASHES + rb"n|" + _SLASHES + rb"n")
_INK = re.compile(rb"[A-Za-z0-9+/]{12,}={0,2}")
_PUTTY = re.compile(rb"(?i:private-lines): ?\d{1,4}")
_BACK = 9000


def private_key(raw: bytes, at: int) -> Iterator[tuple[int, int]]:
    """A key in armour, called at the word KEY of its first or last line."""
    if raw[at - 8 : at].lower() != b"private " and raw[at - 7 : at].lower() != b"static ":
        return
    begin = _around(_BEGIN, raw, at)
    if begin is not None:
        last = _walk(raw, begin.end())
        if last > begin.end():
            yield begin.start(), last
        return
    end = _around(_END, raw, at)
    if end is not None and not _BEGIN.search(raw, max(0, end.start() - _BACK), end.start()):
        first = _walk_back(raw, end.start())
        if first < end.start():
            yield first, end.end()


def private_lines(raw: bytes, at: int) -> Iterator[tuple[int, int]]:
    """The secret part of a PuTTY key file: what follows `Private-Lines: N`."""
    head = _PUTTY.match(raw, at)
    first = _PIECE.match(raw, head.end()) if head else None
    if head and first and (last := _walk(raw, head.end())) > head.end():
        yield first.start("body"), last


def key_body(raw: bytes, at: int) -> Iterator[tuple[int, int]]:
    """A key without armour, known by how its base64 begins."""
    last = _walk(raw, at)
    if last - at >= 40:
        yield at, last


def _around(pattern: re.Pattern[bytes], raw: bytes, at: int) -> re.Match[bytes] | None:
    for match in pattern.finditer(raw, max(0, at - 80), at + 60):
        if match.start() <= at < match.end():
            return match
    return None


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
            if piece is None or not _like(piece, width):
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


def _like(piece: re.Match[bytes], width: int) -> bool:
    """Whether a framed line is as wide as the one before, and no other armour begins."""
    return width in (0, len(piece["body"])) and b"BEGIN" not in piece[0] and _drawn(piece["body"])


def _skip(raw: bytes, at: int) -> int:
    joint = _BEFORE_END.match(raw, at)
    return joint.end() if joint else at


def _drawn(body: bytes) -> bool:
    text = body[:64].decode("latin-1")
    return oddness(text) >= 0.25 or (len(text) >= 40 and text.isalnum() and not text.isalpha())


def _walk_back(raw: bytes, at: int) -> int:
    """Where a key that ends at `at` begins: the first of the base64 lines right before it."""
    low = max(0, at - _BACK)
    window = raw[low:at]
    starts = [0, *(match.end() for match in _LINE_END.finditer(window))]
    first = at
    for index in range(len(starts) - 1, -1, -1):
        line = window[starts[index] : starts[index + 1] if index + 1 < len(starts) else len(window)]
        ink = _INK.search(line)
        if ink is None:
            if first == at and len(line.strip()) < 24:
                continue
            break
        if len(line) - len(ink[0]) > 24 or not _drawn(ink[0]):
            break
        first = low + starts[index] + ink.start()
    return first
