"""What an encoding hides: base64, hexadecimal, percent codes, Unicode escapes and HTML entities.

What looks like encoded text is decoded and searched again with the same rules, levels 1 to 3, twice at
most: base64 of base64 is read, a third layer is not. A finding inside base64 or hexadecimal claims the
whole run, over all lines that it is wrapped into; a finding between escapes claims what it spans.

Nearly nothing is decoded in vain. A run must begin with the base64 of twelve ASCII characters, or of
sixteen for hexadecimal; of random base62 one run in ten thousand does, of names in code none. So
digests, images, archives and encrypted blobs are passed over after one match. A long stretch may begin
with other UTF-8, and its first 72 bytes decide. What is longer than a piece is decoded in pieces that
overlap, to the end, for a secret may stand there as well as at the beginning.
"""

from __future__ import annotations

import re
from binascii import a2b_base64
from bisect import bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from afs.redact.rules import Rule

    Place = tuple[int, int, Rule]
    Search = Callable[[str], Iterable[Place]]

# How many layers are taken off.
DEPTH = 2
LEAST = 24

# Four characters of base64 are three bytes of printable ASCII or white space.
_GROUP = rb"[CDI-Za-f][AC-HQS-Xgi-nwyz0-3][ABEFIJMNQRUVYZcdghklopstwx014589][A-Za-z0-9+/_-]"
# Eight are six bytes of UTF-16, as PowerShell's -EncodedCommand is written.
_WIDE = rb"[CDI-Za-f][AQgw][AB][A-Za-z0-9+/]A[C-HA][A-Za-z0-9+/]A"
# What stands glued before: the letter of an escape, digits of a percent or colour code, a cut group.
_TEXT64 = re.compile(rb"[A-Za-z0-9_-]{0,3}?(?=(?:" + _GROUP + rb"){4}|(?:" + _WIDE + rb"){2})")
_TEXT16 = re.compile(rb"[A-Za-z0-9_-]{0,3}?(?=(?:[2-7][0-9A-Fa-f]|0[9AaDd]){16})")
_STRETCH = re.compile(rb"[A-Za-z0-9+/_-]{96}")
# Any of these: one match tells nearly all runs of clean code from what is looked at.
_HEADS = (_TEXT16, _TEXT64, _STRETCH, re.compile(rb"(?<=[+/])(?=\S{64})"))
_HEAD = re.compile(b"|".join(head.pattern for head in _HEADS))
_BODY64 = re.compile(rb"(?:[A-Za-z0-9+/_-]++|\\{1,31}+(?=/))++")
_BODY16 = re.compile(rb"(?:[0-9A-Fa-f]{2})++")
_PAD = re.compile(rb"(?:=|%3[Dd]|\\{1,31}+u003[dD]){1,2}")
_JOINT = re.compile(rb"[ \t]{0,4}(?:\\{1,31}+r)?\r?(?:\n|\\{1,31}+n)[ \t]{0,40}(?:[>|#][ \t])?")
_LINE_END = re.compile(rb"[ \t]*+(?:[\r\n\"'`\\<]|\Z)")
# Lines narrower than this are not wrapped base64.
_NARROW = 40
_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_-"
_STANDARD = bytes.maketrans(b"-_", b"+/")
_INK = bytes(byte for byte in range(256) if byte in b"\t\n\r\x1b" or (byte >= 32 and byte != 127))
# Encoded characters decoded at once; a multiple of four, less the overlap too.
_PIECE = 1 << 20
_LAP = 1 << 13


def places(raw: bytes, runs: Sequence[tuple[int, int]], search: Search) -> Iterator[Place]:
    """What is found in a text's encoded parts. `runs` are the spans of its long rows of letters,
    digits, `_` and `-`; `search` finds the places of a decoded text."""
    done = 0
    for start, end in runs:
        if end - start >= LEAST and end > done and _HEAD.match(raw, start) is not None:
            (begin, last), rule = _run(raw, max(start, done), end, done, search)
            if rule is not None:
                yield begin, last, rule
            done = max(done, last)
    if _escaped(raw):
        yield from _between_escapes(raw, search)


# --- base64, hexadecimal ----------------------------------------------------------------------------


def _run(raw: bytes, start: int, end: int, floor: int, search: Search) -> tuple[tuple[int, int], Rule | None]:
    """The span of the encoded text that begins in a run, and the rule of what it holds.

    What stands before `floor` was read with another run.
    """
    head = _TEXT16.match(raw, start, end)
    if head is not None:
        begin, body, last = _walk(raw, head.end(), _BODY16)
        text = _text(bytes.fromhex(body.decode("ascii")))
        if text:
            return (begin, last), _lowest(search(text))
    head = _TEXT64.match(raw, start, end)
    left = raw[max(floor, start - 80) : start]
    first = start - (len(left) - len(left.rstrip(_ALPHABET)))
    if head is not None:
        at = _earlier(raw, first, head.end())
    elif raw[first - 1 : first].strip(_ALPHABET) == raw[first - 1 : first] and _STRETCH.match(raw, first):
        at = next((at for at in range(first, first + 4) if _text(_bytes64(raw[at : first + 96]))), -1)
    else:
        at = -1  # in the middle of what was looked at
    if at < 0:
        return (start, end), None
    begin, body, last = _walk(raw, at, _BODY64)
    if len(body) < LEAST or not _text(_bytes64(body[:96])):
        return (start, end), None
    for piece in range(0, max(1, len(body) - _LAP), _PIECE - _LAP):
        text = _text(_bytes64(body[piece : piece + _PIECE]))
        if text and (rule := _lowest(search(text))):
            return (begin, last), rule
    return (begin, last), None


def _earlier(raw: bytes, first: int, at: int) -> int:
    """Where base64 begins that holds twelve ASCII characters at `at`: `first` if that is text, too."""
    head = raw[first + (at - first) % 4 : at]
    return at - len(head) if head and len(head) < 80 and _text(_bytes64(head)) else at


def _lowest(found: Iterable[Place]) -> Rule | None:
    return min((rule for _, _, rule in found), key=lambda rule: rule.level, default=None)


def _walk(raw: bytes, at: int, pattern: re.Pattern[bytes]) -> tuple[int, bytes, int]:
    """Where encoded text begins, its characters, and where it ends, over all its lines."""
    match = pattern.match(raw, at)
    if match is None:
        return at, b"", at
    lines = [match[0]]
    width = size = len(match[0])
    last = match.end()
    mark = raw[at - 1 : at] if raw[at - 1 : at] in (b"+", b"-") else b""  # of a diff, at each line
    while width >= _NARROW:
        joint = _JOINT.match(raw, last)
        if joint is None or not raw.startswith(mark, joint.end()):
            break
        match = pattern.match(raw, joint.end() + len(mark))
        if match is None or len(match[0]) > width:
            break
        if len(match[0]) < width and not _ends(raw, match, lines[-1][width - size % 4 :]):
            break
        lines.append(match[0])
        size += len(match[0])
        last = match.end()
        if len(match[0]) < width:
            break
    pad = _PAD.match(raw, last) if pattern is _BODY64 else None
    return at, b"".join(lines), pad.end() if pad else last


def _ends(raw: bytes, line: re.Match[bytes], cut: bytes) -> bool:
    """Whether a shorter line is the last of encoded text, and no word of its own. `cut` is the part of
    a group of four that stands at the end of the line before."""
    pad = _PAD.match(raw, line.end())
    if _LINE_END.match(raw, pad.end() if pad else line.end()) is None:
        return False
    hexadecimal = line.re is _BODY16
    return bool(_text(bytes.fromhex(line[0].decode("ascii")) if hexadecimal else _bytes64(cut + line[0])))


def _bytes64(body: bytes) -> bytes:
    body = body.translate(_STANDARD, b"\\")
    body = body[: len(body) - (len(body) % 4 == 1)]
    return a2b_base64(body + b"=" * (-len(body) % 4))


def _text(data: bytes) -> str:
    """Decoded bytes as text, or nothing where they are no text."""
    if data[1:8:2] == b"\0\0\0\0" and 0 not in data[:8:2]:
        data = data[: len(data) & ~1].decode("utf-16-le", "replace").encode("utf-8", "replace")
    if len(data.translate(None, _INK)) * 50 > len(data):
        return ""
    text = data.decode("utf-8", "replace")
    # Some may be broken at both ends, where a character is cut in two.
    return text if text.count("\ufffd") <= len(data) // 50 + min(4, len(data) // 16) else ""


# --- escapes ----------------------------------------------------------------------------------------

# One escaped ASCII character, in any of the forms.
_CODE = re.compile(
    rb"%(?P<p>[2-7][0-9A-Fa-f]|0[9AaDd])|\\{1,31}+(?:u00|x)(?P<u>[2-7][0-9A-Fa-f]|0[9AaDd])"
    rb"|&(?:#(?P<d>3[2-9]|[4-9]\d|1[01]\d|12[0-6]);|#[xX](?P<h>[2-7][0-9A-Fa-f]);"
    rb"|(?P<n>quot|apos|amp|lt|gt);)"
)
_NAMED = {b"quot": b'"', b"apos": b"'", b"amp": b"&", b"lt": b"<", b"gt": b">"}
# What makes it worth while: an escaped sign that rules ask for, or a row of escapes.
_PERCENT = re.compile(rb"%(?:2[26F]|3[AaDd]|7[Bb]|25[2-7]|[2-7][0-9A-Fa-f](?:%[2-7][0-9A-Fa-f]){5})")
_BACKSLASH = re.compile(
    rb"\\(?:u00|x)(?:2[267]|3[AaDdCc]|40|[2-7][0-9A-Fa-f](?:\\{1,31}+(?:u00|x)[2-7][0-9A-Fa-f]){5})"
)
_ENTITY = re.compile(
    rb"&(?:quot|apos|lt|#3[49]|#x2[27]|#(?:\d{2,3}|x[2-7][0-9A-Fa-f]);(?:&#x?[0-9A-Fa-f]{2,3};){5})"
)
_SIGN = re.compile(b"|".join((_PERCENT.pattern, _BACKSLASH.pattern, _ENTITY.pattern)))
# Without any of these nothing is decoded.
SIGNS = (*_HEADS, _PERCENT, _BACKSLASH, _ENTITY)
# Escapes that stand nearer to each other than this are read together, with text before and behind.
_NEAR = 256
_BEFORE = 64
_WORD = re.compile(rb"(?<=[A-Za-z0-9_-])[A-Za-z0-9_-]++")
_VALUE = re.compile(rb"[^\s\"'<>\\%&]*+")


def _escaped(raw: bytes) -> bool:
    # One byte is searched for a few times faster than two, and most texts lack it.
    return (
        (b"%" in raw and _PERCENT.search(raw) is not None)
        or (b"\\" in raw and (b"\\u00" in raw or b"\\x" in raw) and _BACKSLASH.search(raw) is not None)
        or (b"&" in raw and _ENTITY.search(raw) is not None)
    )


def _between_escapes(raw: bytes, search: Search) -> Iterator[Place]:
    done = 0
    while sign := _SIGN.search(raw, done):
        begin = max(0, sign.start() - _BEFORE)
        cut = _WORD.match(raw, begin, sign.start())
        done = end = sign.end()
        while True:
            # At least so far, and to the end of the value that stands there.
            end = _VALUE.match(raw, min(len(raw), done + _NEAR)).end()  # type: ignore[union-attr]
            code = _CODE.search(raw, done, end + 8)
            if code is None:
                break
            done = code.end()
        yield from _region(raw, cut.end() if cut else begin, end, search)


def _region(raw: bytes, begin: int, end: int, search: Search) -> Iterator[Place]:
    """What a stretch holds once its escapes are read, as places in the stretch as it is written."""
    parts: list[bytes] = []
    plain = [0]  # where each part begins in the decoded text,
    spans = [(begin, begin)]  # and the span that it comes from
    at, size = begin, 0
    for code in _CODE.finditer(raw, begin, end):
        if code.start() > at:
            parts.append(raw[at : code.start()])
            plain.append(size)
            spans.append((at, 0))
            size += code.start() - at
        parts.append(_character(code))
        plain.append(size)
        spans.append(code.span())
        size += 1
        at = code.end()
    parts.append(raw[at:end])
    plain.append(size)
    spans.append((at, 0))

    def back(offset: int, *, last: bool) -> int:
        part = bisect_right(plain, offset) - 1
        start, stop = spans[part]
        return (stop if last else start) if stop else start + offset - plain[part] + last

    for start, stop, rule in search(b"".join(parts).decode("latin-1")):
        yield back(start, last=False), back(stop - 1, last=True), rule


def _character(code: re.Match[bytes]) -> bytes:
    if code["n"]:
        return _NAMED[code["n"]]
    if code["d"]:
        return bytes((int(code["d"]),))
    return bytes.fromhex((code["p"] or code["u"] or code["h"]).decode("ascii"))
