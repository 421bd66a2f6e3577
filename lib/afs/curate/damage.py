"""Whether text is text: broken encodings, control characters, letters thrown together."""

from __future__ import annotations

import functools
import math
import re
import sys
from itertools import repeat
from operator import itemgetter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from afs.curate.view import View

# How much more (or less) often one letter follows another in words than chance has it: for each first
# letter from a to z the second ones, 0 for e to the power of -3, 9 for e to the power of 1.5. Source: counted
# in the translations of a web framework into sixteen European languages and Indonesian, and in the
# documentation and source of Python (English six times as much as each other language, code three times).
_FOLLOWS = """
27770465467877064777575787 77408000791711633750800190 70607009767500806447713057
71348231772343712453643045 35762663356767058876266947 71146821831720903634702361
64028476734434602563830181 70029004754431702315542150 45764874077778657476270617
80059410535344604164755206 74407003727542703456868180 72267752764741734056642071
89028100753362792030700030 61686593655313662067660074 28670763357678373865778116
82317312541712872846763182 03210322042520028400934634 73467462645364634655665066
51617225728421577168636268 61127309713121740655736084 46545562466797271777645626
91308100752103713510530270 81237209912206754550325393 64906311821210398028234952
67634655354653593077157285 77447153733466644015647288
""".split()  # noqa: SIM905
_LOWER = bytes(byte | 32 if byte < 128 and chr(byte).isalpha() else 32 for byte in range(256))
_CASES = bytes(
    ord("x") if byte > 127 else ord("a") if chr(byte).islower() else ord("A") if chr(byte).isupper()
    else ord("0") if chr(byte).isdigit() else ord(" ") if chr(byte).isspace() else ord(".")
    for byte in range(256)
)  # fmt: skip
_MARKS = bytes(
    ord(".") if byte in b".!?" else ord(" ") if byte in b" \t\n" else ord("x") if byte > 127
    else ord("a") if chr(byte).islower() else ord("A") if chr(byte).isupper() else ord("x")
    for byte in range(256)
)  # fmt: skip
_SAMPLE = 320
_GLANCE = 240
_SOUND = 6.3
_LAST = 70
_CONTROLS = bytes(byte for byte in range(32) if byte not in b"\t\n\r\f\x1b") + b"\x7f"
# What is read instead of the bytes 80 to bf of UTF-8 by those who take them for Windows-1252 or Latin-1.
_CONTINUED = (
    "\u0080-\u00bf\u20ac\u201a\u0192\u201e\u2026\u2020\u2021\u02c6\u2030\u0160\u2039\u0152\u017d\u2018\u2019"
    "\u201c\u201d\u2022\u2013\u2014\u02dc\u2122\u0161\u203a\u0153\u017e\u0178"
)
_MISREAD = re.compile(
    f"[\u00c2\u00c3][{_CONTINUED}]|[\u00c4\u00c5\u00ce-\u00d1\u00d7-\u00d9][\u0080-\u009f{_CONTINUED[9:]}]"
    f"|[\u00e0-\u00ef][{_CONTINUED}]{{2}}|\u00f0\u0178[{_CONTINUED}]{{2}}"
)
_SURE = 4  # one is enough to know what happened to all others, which were plain letters
_WIDE = (b"\xef\xbc", b"\xef\xbd", b"\xef\xb8")
# Lost, private and invisible characters; and what a replaced character becomes in GBK.
_LOST = re.compile("\u951f\u65a4\u62f7|[\u0080-\u0084\u0086-\u009f\ud800-\udfff\ue000-\uf8ff\ufffd-\uffff]")


def integrity(view: View) -> float | None:
    """1 for sound text, less the more of it is replaced, misread, invisible or thrown together.

    Looks at question and answer; two characters of a hundred are ruin. None for an empty answer.
    """
    if not view.answer:
        return None
    return min(_encoding(view.answer), _encoding(view.question), _order(view.answer), _sentences(view))


def _encoding(text: str) -> float:
    try:
        data = text.encode()
    except UnicodeEncodeError:  # half a character
        data = text.encode("utf-8", "replace") + b"\xee"
    wrong = _controls(data)
    if len(data) > len(text):
        # What is lost or misread begins with one of these bytes; most of the rest is wide punctuation.
        odd = data.count(b"\xef") - sum(map(data.count, _WIDE))
        if odd or b"\xee" in data or b"\xc2" in data or b"\xc3" in data or "\u951f" in text:
            wrong += sum(map(len, _LOST.findall(text))) + _SURE * sum(map(len, _MISREAD.findall(text)))
    return max(0.0, 1 - wrong / (0.02 * len(text))) if wrong else 1.0


def _controls(data: bytes) -> int:
    return len(data) - len(data.translate(None, _CONTROLS))


def _order(text: str) -> float:
    """Less than 1 for letters in no order that a language written in Latin letters, or code, would have.

    Looks at which letters follow which, at every second pair, at small letters before capitals and at
    letters before digits. In sound text of 150 letters the mean of _FOLLOWS is at least 6.0 in seventeen
    languages and code, with letters shuffled within the words at most 5.8 (95 of 100), with a third of the
    letters replaced at most 6.0.
    """
    if len(text) > 2 * _SAMPLE:
        text = text[:_SAMPLE] + text[-_SAMPLE:]
    data = text.encode("utf-8", "replace")
    cases = data.translate(_CASES)
    letters = len(cases.translate(None, b" .0x"))
    if letters < 60 or 4 * letters < len(data):
        return 1.0  # other scripts, numbers, drawings: nothing to be seen here
    humps = cases.count(b"aA")
    mixed = cases.count(b"a0") + cases.count(b"A0")
    return min(
        _pairing(data.translate(_LOWER)),
        _fall(humps / letters, 0.06, 0.12),
        _fall(mixed / letters, 0.06, 0.12),
    )


def _pairing(data: bytes) -> float:
    """1 less the more the pairs of letters are those of chance. Where a part is sound it is enough."""
    size = len(data) // 2 * 2
    for end in (_GLANCE, size):
        pairs = bytes(itemgetter(*memoryview(data[: min(end, size)]).cast("H"))(_pairs()))
        many = len(pairs) - pairs.count(0)
        if many < 25:
            continue
        mean = sum(pairs) / many - 1
        if mean > _SOUND or end == size:
            good = 6.1 - 3 / math.sqrt(many + 1)  # the shorter the text, the more may be chance
            return _fall(-mean, -good, 0.4 - good)
    return 1.0


@functools.cache
def _pairs() -> bytes:
    """_FOLLOWS plus 1 by the two letters as one 16-bit number of this machine; 0 for other characters."""
    table = bytearray(1 << 16)
    for first, row in zip(range(97, 123), _FOLLOWS, strict=True):
        for second, digit in zip(range(97, 123), row, strict=True):
            table[int.from_bytes((first, second), sys.byteorder)] = int(digit) + 1
    return bytes(table)


# --- words ------------------------------------------------------------------------------------------

_ARTICLES = "the a an un une le les ein eine einen el los las"
_NEVER_NEXT = (
    "of and is are was the a an to for with from or but that be which et est und ist y por avec pour"
)
_CLASS = dict.fromkeys(_NEVER_NEXT.split(), "n") | dict.fromkeys(_ARTICLES.split(), "a")
_CLASS |= dict.fromkeys(_ARTICLES.split()[:3], "A")  # articles that also never follow one


def _sentences(view: View) -> float:
    """Less than 1 for words in no order: articles before what no article stands before, sentences without a
    capital where others have capitals in the middle."""
    words = view.words[-_LAST:]
    if len(words) < 40 or not view.spaced:
        return 1.0
    kinds = "".join(map(_CLASS.get, words, repeat("-")))
    articles = kinds.count("a") + kinds.count("A")
    value = 1.0
    if articles > 5:
        wrong = sum(map(kinds.count, ("an", "An", "AA", "aA")))
        value = _fall(wrong / articles, 0.08, 0.22) if wrong > 1 else 1.0
    marks = view.answer[-6 * _LAST :].encode("utf-8", "replace").translate(_MARKS)
    small, large = marks.count(b"a. a"), marks.count(b"a. A")
    if small + large > 4 and marks.count(b"a A") > small / 2:
        value = min(value, _fall(small / (small + large), 0.4, 0.75))
    return value


def _fall(value: float, good: float, bad: float) -> float:
    """1 up to `good`, 0 from `bad` on, a straight line between."""
    return min(1.0, max(0.0, (bad - value) / (bad - good)))
