"""Level 5: telephone numbers, the exact checks at the places that numbers.sweep finds.

A number is one of ITU-T E.164 with `+`, a country code that is given out and the length of its plan; one
of the North American form with its separators, by area code and exchange; or any national form behind a
word that says telephone. 555-0100 to 555-0199 are kept for fiction and stay.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from afs.redact.kinds.edges import alone, closes, opens

if TYPE_CHECKING:
    from collections.abc import Iterator

    Place = tuple[int, int, str]

_AREA = rb"[2-9][0-8][0-9]"
_GAP = rb"[ .\xa0\xb7-]"
NANP = re.compile(
    rb"(?<![0-9+])(?:1" + _GAP + rb"{0,2})?"
    rb"(?:\((?P<p>" + _AREA + rb")\)" + _GAP + rb"{0,2}|(?P<q>" + _AREA + rb")[.\xb7-])"
    rb"(?P<x>[2-9][0-9]{2})(?P<s>" + _GAP + rb")(?P<l>[0-9]{4})(?![0-9])"
)

PLUS = re.compile(rb"\+\0{0,5}[0-9(]")
# Country codes with the lengths of the numbers behind them, from the national plans listed by the ITU.
_PLANS = (
    "1:10-10 7:10-10 20:8-10 27:9-9 30:10-10 31:9-9 32:8-9 33:9-9 34:9-9 36:8-9 39:8-11 40:9-9 41:9-9 "
    "43:7-13 44:9-10 45:8-8 46:7-10 47:8-8 48:9-9 49:7-12 51:8-9 52:10-11 53:8-8 54:10-11 55:10-11 56:9-9 "
    "57:8-10 58:10-10 60:8-10 61:9-9 62:8-12 63:8-10 64:8-10 65:8-8 66:8-9 81:9-10 82:8-11 84:9-10 86:10-11 "
    "90:10-10 91:10-10 92:9-10 93:9-9 94:9-9 95:7-10 98:10-10"
)
_LENGTHS = {
    code.encode(): tuple(map(int, sizes.split("-")))
    for code, sizes in (row.split(":") for row in _PLANS.split())
}
_THREE_DIGITS = re.compile(
    rb"21[12368]|2[2-6][0-9]|29[0179]|3[57][0-9]|38[0-35-79]|42[013]|50[0-9]|59[0-9]|67[02-9]|68[0-35-9]"
    rb"|69[0-2]|85[02356]|8[07]0|88[0-368]|96[0-8]|97[0-79]|99[2-68]"
)
_PIECE = re.compile(rb"(?:[ .\-/()\xa0\xb7]\0{0,5}){0,3}([0-9]{1,14})")
_WORD = re.compile(
    rb"(?:phone|mobile?|(?<![a-z])(?:cell|tel|sms)|telef(?:on|ono|one)|tel\xe9fono|t\xe9l(?:\xe9phone)?|fax"
    rb"|whatsapp|wa\.me/|msisdn|handy|m[o\xf3]vil|celular|portable|landline|hotline"
    rb"|(?<![a-z])(?:call|ring|text|reach)(?: (?:me|us|him|her|them))?(?: (?:at|on))?)"
    rb"(?:[ _.-]?(?:numbers?|num|nos?|nr|home|work|cell|office|main|mobile|primary|secondary|e164|line"
    rb"|contact|[0-9])){0,4}+"
    rb"(?:\\*[\"'`]|[\]:=.,|>#( \t*\0]|is|=>|[\[{]|\xb7|-){0,12}(?:\+|00)?\Z"
)
_WORDS = (
    b"phon mobil cel tel fax whatsapp wa.me msisdn sms handy call ring text reach line t\xe9l portable vil"
)
_HINTS = _WORDS.split()


def says_phone(raw: bytes, at: int) -> bool:
    """Whether the words before a number say that it is a telephone's."""
    left = raw[max(0, at - 48) : at].lower()
    return any(word in left for word in _HINTS) and _WORD.search(left) is not None


def _pieces(raw: bytes, at: int, most: int) -> list[tuple[int, int]]:
    """(digits so far, end) after each group of a number that begins at `at`, up to `most` digits."""
    out: list[tuple[int, int]] = []
    count = 0
    while (piece := _PIECE.match(raw, at)) is not None:
        count += len(piece[1])
        if count > most:
            break
        at = piece.end()
        out.append((count, at))
    return out


def national(raw: bytes, at: int) -> Iterator[Place]:
    """A number behind a word that says telephone: 7 to 15 digits in any groups."""
    begin = at
    if raw[at : at + 1] == b"(":
        at += 1
    if raw[begin - 1 : begin] == b"+":
        return  # the sign has a look of its own
    if not opens(raw, at):
        return
    for count, end in reversed(_pieces(raw, at, 15)):
        if count < 7:
            return
        if closes(raw, end) and not _FURTHER.match(raw, end):
            digits = raw[begin:end].translate(None, _SIGNS)
            if not _fiction(digits) and not _DATE.match(raw[begin:end]) and len(set(digits)) > 2:
                yield begin, end, "phone"
            return


_SIGNS = b" .-/()\0\xa0\xb7"
_FURTHER = re.compile(rb"[.:-][0-9]")
_DATE = re.compile(
    rb"(?:19|20)[0-9]{2}[-/.][01][0-9][-/.][0-3][0-9](?![0-9])"
    rb"|[0-3]?[0-9][-/.][0-3]?[0-9][-/.](?:19|20)[0-9]{2}(?![0-9])"
)


def international(raw: bytes, start: int, at: int) -> Iterator[Place]:
    """A number of E.164: `+` at `start`, the first digit or a bracket at `at`."""
    if raw[start : start + 1] == b"+" and (start and not _before_plus(raw, start)):
        return
    if raw[at : at + 1] == b"(":
        at += 1
    head = raw[at : at + 3]
    code = next((head[:size] for size in (1, 2) if head[:size] in _LENGTHS), head)
    if len(code) == 3 and not _THREE_DIGITS.fullmatch(code):
        return
    least, most = _LENGTHS.get(code, (7, 10))
    pieces = [(count - len(code), end) for count, end in _pieces(raw, at, 15) if closes(raw, end)]
    trunk = _TRUNK.match(raw, at) is not None
    fitting = [end for national, end in pieces if least <= national - trunk <= most]
    if not fitting:
        # Plans change and people mistype: groups, or a word, say enough.
        said = says_phone(raw, start)
        fitting = [end for count, end in pieces if count >= 7 and (said or len(pieces) > 2) and code != b"1"]
    if not fitting:
        return
    digits = raw[at : fitting[-1]].translate(None, _SIGNS)
    if code == b"1" and not _area(digits[1:]):
        return
    if not _fiction(digits) and not _added_line(raw, start, fitting[-1]):
        yield start, fitting[-1], "phone"


_TRUNK = re.compile(rb"[0-9]{1,3}[ .\xa0-]?\(0\)")


def _before_plus(raw: bytes, at: int) -> bool:
    """Whether a plus may begin a number: it adds nothing to what stands before it."""
    before = raw[at - 1 : at]
    if before in (b")", b"]", b"+", b".", b"$", b"}", b"\\"):
        return False
    return opens(raw, at)


def _added_line(raw: bytes, start: int, end: int) -> bool:
    """Whether the plus marks a line of a diff that holds a bare number."""
    first = start == 0 or raw[start - 1 : start] == b"\n" or raw[start - 2 : start] == b"\n\0"
    if not first or any(byte in b" -().\xa0" for byte in raw[start:end]):
        return False
    left = raw[max(0, start - 400) : start]
    return b"@@ " in left or b"diff --git" in left or b"+++ " in left


def north_american(raw: bytes, match: re.Match[bytes]) -> bool:
    start, end = match.span()
    area = match["p"] or match["q"]
    if match["q"] and raw[match.end("q") : match.end("q") + 1] != match["s"]:
        return False
    if not _area(area + match["x"] + match["l"]) or _fiction(area + match["x"] + match["l"]):
        return False
    if match["p"] is None or raw[start : start + 1] != b"(":
        return alone(raw, start, end, match["s"])
    return closes(raw, end) and not _FURTHER.match(raw, end)


def _area(digits: bytes) -> bool:
    """Whether ten digits begin with an area code and an exchange of the North American plan."""
    return digits[:1] not in (b"0", b"1") and digits[1:3] != b"11" and digits[3:4] not in (b"0", b"1")


def _fiction(digits: bytes) -> bool:
    return digits[-7:-2] == b"55501"


def dotted(raw: bytes, at: int) -> Iterator[Place]:
    """555.123.4567, called at the first dot."""
    for match in NANP.finditer(raw, max(0, at - 6), at + 9):
        if match["s"] == b"." and match.start() < at and north_american(raw, match):
            yield *match.span(), "phone"
