"""Private keys: PEM, PGP, OpenVPN and PuTTY armour in every form that logs write it, whole or cut short.

A finder is called at an anchor with (raw, at) and yields (start, end) of what is secret. `raw` is the
text as one byte a character.

Logs write the lines of a key with anything around them: numbers, marks of diffs, quotes and joints of
code, times, colour codes. So a key is walked from one run of base64 to the next. What stands between two
of them must be thin (signs, numbers, escapes, tags), or must be what stood between two lines before.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from afs.redact.kinds.judge import oddness

if TYPE_CHECKING:
    from collections.abc import Iterator

_SLASHES = rb"\\{1,31}+"
_DASHES = rb"(?:-|\xb7|%2[dD]|&#45;|" + _SLASHES + rb"u002[dD]){2,5}"
_BLANK = rb"(?: |%20|\+|&nbsp;|" + _SLASHES + rb"u0020)"
_KIND = (
    _BLANK
    + rb"(?:[A-Za-z0-9]{1,20}"
    + _BLANK
    + rb"){0,4}(?:PRIVATE"
    + _BLANK
    + rb"KEY|Static"
    + _BLANK
    + rb"key"
    + _BLANK
    + rb"V1)(?:"
    + _BLANK
    + rb"BLOCK)?"
    + _BLANK
    + rb"?"
    + _DASHES
)
_BEGIN = re.compile(_DASHES + _BLANK + rb"?BEGIN" + _KIND)
_END = re.compile(_DASHES + _BLANK + rb"?END" + _KIND)
_NAMED = re.compile(rb"(?:PRIVATE|Static)" + _BLANK + rb"$")
# Nothing is found but behind these words.
SIGNS = (_NAMED.pattern + rb"(?:KEY|key)",)
_SKIP = (
    rb"(?:\x1b|" + _SLASHES + rb"(?:u001[bB]|x1[bB]|033|e))\[[0-9;]{0,12}m"
    rb"|" + _SLASHES + rb"(?:u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|[nrtbfv])"
    rb"|%0[AaDd9]|%20|&#?[a-zA-Z0-9]{1,6};|<[^<>]{0,80}>"
)
# Escapes are stepped over, for their letters are letters of base64, too.
_RUN = re.compile(
    _SKIP + rb"|(?P<body>(?:[A-Za-z0-9+/]|%2[BbFf]|" + _SLASHES + rb"/(?=[A-Za-z0-9+/=]))++(?:=|%3[Dd]){0,3})"
)
_THIN = re.compile(
    rb"(?:"
    + _SKIP
    + rb"|[\s\"'`,;>|#*:&.()\[\]?\xb7+/_~^$@{}\\-]|\d{1,6}|b(?=[\"'])|vb(?:CrLf|LF|NewLine)|echo|=(?!=))*+"
)
_HEADERS = re.compile(
    rb"(?:Proc-Type|DEK-Info|Version|Comment|Hash|Charset|MessageID|Subject|X-[A-Za-z-]{1,30})(?:: ?|%3A%20)"
)
_DIGITS = re.compile(rb"\d+")
_NUMBER = re.compile(rb"\d{1,6}")
_BLANKS = re.compile(rb"[ \t]+")
_BREAK = re.compile(rb"[\r\n]|" + _SLASHES + rb"[nr]|%0[AaDd]|<br|&#1[03];|[\"'][ \t]*[,+.&]")
_PUTTY = re.compile(rb"(?i:private-lines): ?\d{1,4}")
_BACK = 12000
_NEAR = 300


def private_key(raw: bytes, at: int) -> Iterator[tuple[int, int]]:
    """A key in armour, called at the word KEY of its first or last line."""
    if raw[at : at + 3] not in (b"KEY", b"key") or not _NAMED.search(raw, max(0, at - 20), at):
        return
    begin = _around(_BEGIN, raw, at)
    if begin is not None:
        last = _walk(raw, begin.end())
        if last > begin.end():
            yield begin.start(), last
        return
    end = _around(_END, raw, at)
    if end is not None and (first := _walk_back(raw, end.start())) < end.start():
        yield first, end.end()


def private_lines(raw: bytes, at: int) -> Iterator[tuple[int, int]]:
    """The secret part of a PuTTY key file: what follows `Private-Lines: N`."""
    head = _PUTTY.match(raw, at)
    if head is None:
        return
    last = _walk(raw, head.end())
    first = next((run for run in _RUN.finditer(raw, head.end(), last) if _is_line(run, 0)), None)
    if first is not None:
        yield first.start(), last


def key_body(raw: bytes, at: int) -> Iterator[tuple[int, int]]:
    """A key without armour, known by how its base64 begins."""
    last = _walk(raw, at)
    if last - at >= 40:
        yield at, last


def _around(pattern: re.Pattern[bytes], raw: bytes, at: int) -> re.Match[bytes] | None:
    for match in pattern.finditer(raw, max(0, at - 100), at + 80):
        if match.start() <= at < match.end():
            return match
    return None


def _is_line(run: re.Match[bytes], width: int) -> bool:
    """Whether a run is a line of a key: long and drawn at random."""
    body = run["body"]
    if body is None or len(body) < 16:
        return False
    text = body[:64].decode("latin-1")
    return (
        len(body) == width > 24
        or oddness(text) >= 0.25
        or (len(text) >= 40 and text.isalnum() and not text.isalpha())
    )


def _drawn(body: bytes) -> bool:
    return len(body) > 6 and oddness(body[:64].decode("latin-1")) >= 0.25


def _shape(gap: bytes) -> bytes:
    return _BLANKS.sub(b" ", _DIGITS.sub(b"0", gap))


def _walk(raw: bytes, at: int) -> int:
    """The end of the key whose armour or first line ends at `at`; `at` itself where no key follows."""
    last, width, shapes = at, 0, set[bytes]()
    for run in _RUN.finditer(raw, at):
        if run.start() - last > _NEAR:
            break
        if run["body"] is None:
            continue
        gap, size = raw[last : run.start()], len(run["body"])
        if b"---" in gap and (b"BEGIN" in gap + run["body"] or _END.search(raw, last, run.end() + 60)):
            break
        thin = _THIN.fullmatch(gap) is not None
        if _is_line(run, width):
            known = thin or _shape(gap) in shapes or (size == width >= 40 and _BREAK.search(gap))
            if width and not known:
                break
            if not width and not thin and size < 32 and not _HEADERS.search(gap):
                continue
            if not width or size == width:
                shapes.add(_shape(gap))
        elif not (width >= 16 and (thin or _shape(gap) in shapes) and _is_last(raw, run)):
            continue
        last, width = run.end(), size
    if not width:
        return at
    end = _END.search(raw, last, last + _NEAR)
    return end.end() if end and b"BEGIN" not in raw[last : end.start()] else last


def _is_last(raw: bytes, run: re.Match[bytes]) -> bool:
    """Whether a short run can be the last line of a key: it is padded, or the end of the armour is near."""
    if run["body"].endswith((b"=", b"%3D", b"%3d")):
        return True
    return not _NUMBER.fullmatch(run["body"]) and bool(_END.search(raw, run.end(), run.end() + 200))


def _walk_back(raw: bytes, at: int) -> int:
    """Where a key that ends at `at` begins: the first of the base64 lines before it."""
    low = max(0, at - _BACK)
    low = max(low, raw.rfind(b"----", low, at))  # another armour
    lines = [run for run in _RUN.finditer(raw, low, at) if run["body"] is not None]
    first, width, shapes = at, 0, set[bytes]()
    for run in reversed(lines):
        if first - run.end() > _NEAR:
            break
        gap, size = raw[run.end() : first], len(run["body"])
        thin = _THIN.fullmatch(gap) is not None or _shape(gap) in shapes
        if _is_line(run, width):
            alike = size == width >= 40 or (size >= 40 and len(shapes) < 2)
            if not thin and width and not (alike and _BREAK.search(gap)):
                break
            if not (width or thin or size >= 32):
                continue
            shapes.add(_shape(gap))
        elif width or not thin or not (run["body"].endswith((b"=", b"%3D", b"%3d")) or _drawn(run["body"])):
            continue
        first, width = run.start(), max(width, size) if size >= 16 else width
    return first
