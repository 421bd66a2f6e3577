"""Whether text is text: broken encodings, control characters, letters thrown together."""

from __future__ import annotations

import math
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from afs.curate.view import View

# Each byte as what it is: a vowel, a consonant, or neither, as y is; and as its case.
_VOWELS = frozenset(b"aeiouAEIOU")
_LETTERS = bytes(
    ord("v")
    if byte in _VOWELS
    else ord("c")
    if byte < 128 and chr(byte).isalpha() and byte not in b"yY"
    else ord(" ")
    for byte in range(256)
)
_CASES = bytes(
    ord("x") if byte > 127 else ord("a") if chr(byte).islower() else ord("A") if chr(byte).isupper()
    else ord("0") if chr(byte).isdigit() else ord(" ") if chr(byte).isspace() else ord(".")
    for byte in range(256)
)  # fmt: skip
_SAMPLE = 800
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
_ASCII = bytes(range(128))
# Lost, private and invisible characters; and what a replaced character becomes in GBK.
_LOST = re.compile("\u951f\u65a4\u62f7|[\u0080-\u0084\u0086-\u009f\ud800-\udfff\ue000-\uf8ff\ufffd-\uffff]")


def integrity(view: View) -> float | None:
    """1 for sound text, less the more of it is replaced, misread, invisible or thrown together.

    Looks at question and answer; two characters of a hundred are ruin. None for an empty answer.
    """
    if not view.answer:
        return None
    return min(_encoding(view.answer), _encoding(view.question), _order(view.answer))


def _encoding(text: str) -> float:
    if text.isascii():
        wrong = _controls(text.encode())
    else:
        wrong = sum(map(len, _LOST.findall(text))) + _controls(text.encode("utf-8", "replace"))
        # Misread text begins with Latin letters that have accents; most other text has none.
        if text.encode("latin-1", "ignore").translate(None, _ASCII):
            wrong += sum(map(len, _MISREAD.findall(text)))
    return max(0.0, 1 - wrong / (0.02 * len(text))) if wrong else 1.0


def _controls(data: bytes) -> int:
    return len(data) - len(data.translate(None, _CONTROLS))


def _order(text: str) -> float:
    """Less than 1 for letters in no order that a language written in Latin letters, or code, would have.

    Looks at runs of four consonants or three vowels, at small letters before capitals, and at letters
    before digits, each as a share of the letters, and at the share of vowels. Source: measured on prose in
    eleven languages and code (at most .03, .05 and .05, at least .25), and on shuffled, mistyped and random
    letters.
    """
    if len(text) > 2 * _SAMPLE:
        text = text[:_SAMPLE] + text[-_SAMPLE:]
    data = text.encode("utf-8", "replace")
    kinds = data.translate(_LETTERS)
    letters = len(kinds.translate(None, b" "))
    vowels = len(kinds.translate(None, b"c "))
    if letters < 60 or 4 * letters < len(data):
        return 1.0  # other scripts, numbers, drawings: nothing to be seen here
    chance = 1 / math.sqrt(letters)  # the shorter the text, the more may be chance
    runs = kinds.count(b"cccc") + kinds.count(b"vvv") - text.count("http") - text.count("html")
    cases = data.translate(_CASES)
    humps = cases.count(b"aA")
    mixed = cases.count(b"a0") + cases.count(b"A0")
    code = (
        0.01 if len(cases.translate(None, b"aA0x ")) > len(data) / 10 else 0.0
    )  # names in code are short of vowels
    return min(
        _fall((runs - 1) / letters - chance / 10 - code, 0.011, 0.027) if letters > 150 else 1.0,
        _fall(humps / letters, 0.06, 0.12),
        _fall(mixed / letters, 0.06, 0.12),
        _fall(-vowels / letters, chance / 2 - 0.26, chance / 2 - 0.19),
    )


def _fall(value: float, good: float, bad: float) -> float:
    return min(1.0, max(0.0, (bad - value) / (bad - good)))
