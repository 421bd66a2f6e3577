r"""What a text holds that nobody sees: colour codes of terminals, marks without width, control characters.

They stand in the middle of words: a coloured diff, a soft hyphen, the marks of scripts that are read from
right to left, the zero bytes of UTF-16. Texts are searched without them, and places counted back. What has
no width may also stand between two words, so a text with such marks is searched with them, too.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    # A place in what is searched -> the place in the text.
    Back = Callable[[int, int], tuple[int, int]]

_COLOUR = r"\[[0-9;:]{0,24}[mK]"
_CODE = re.compile(rf"[\x1b\\](?:(?<=\x1b){_COLOUR}|(?<=\\)\\{{0,30}}+(?:u001[bB]|x1[bB]|0?33|e){_COLOUR})")
# Soft hyphen, joiners, marks of direction, selectors of a variant, halves of a character, byte order mark.
_MARKS = r"\xad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ud800-\udfff\ufe00-\ufe0f\ufeff"
# Control characters of terminals.
_CONTROLS = r"\x01\x02\x07\x08\x0e\x0f\x7f"
# And those that end a field: the zero of /proc/PID/environ (but for UTF-16), the separators of ASCII.
_ENDS = dict.fromkeys((0, 3, 4, *range(0x1C, 0x20)), 10)
_MARK = re.compile(
    rf"[\\\0{_CONTROLS}{_MARKS}](?:(?<=[{_CONTROLS}{_MARKS}])"
    r"|(?<=\0)(?:(?<=[ -~]\0)(?=[ -~]\0)|(?<=[ -~]\0[ -~]\0))"
    # as JSON writes them, at any depth
    r"|(?<=\\)\\{0,30}+u(?:000[1278]|00[aA][dD]|00(?:0[eEfF]|7[fF])|034[fF]|061[cC]|180[eE]|200[b-fB-F]"
    r"|202[a-eA-E]|206[0-9a-fA-F]|[fF][eE]0[0-9a-fA-F]|[fF][eE][fF][fF]))"
    r"|(?<=[ -~])\\{1,31}+u0000(?=[ -~]\\{1,31}+u0000)|(?<=u0000[ -~])\\{1,31}+u0000"
)
# Emoji are full of them: what counts are those between two letters or signs.
_INSIDE = re.compile(rf"[{_MARKS}](?<=[\w!-~].)[{_MARKS}]*(?=[\w!-~])", re.S)
_SIGNS = "\0\x01\x02\x03\x04\x07\x08\x0e\x0f\x1c\x1d\x1e\x1f\x7f"
# Without any of these a text of ASCII is seen whole.
SIGNS = (
    r"\x1b\[",
    r"\\(?:x1[bB]|0?33|e)\[",
    r"\\u(?:0[0136]|18|20|[fF][eE])",
    r"[\x00-\x04\x07\x08\x0e\x0f\x1c-\x1f\x7f]",
)


def views(text: str) -> Iterator[tuple[str, Back | None]]:
    """What to search in place of a text, and what turns a place in it into the place in the text (None:
    it is the same): the text without codes, and if there are marks, without these, too. Control
    characters that end a field are line ends."""
    marked = _may_have_marks(text)
    seen = plain(text)
    part, back = (text, None) if seen is None else seen
    yield _ended(part) if marked else part, back
    if marked and (bare := _without(_MARK, part)) is not None:
        second = bare[1]
        yield _ended(bare[0]), second if back is None else lambda start, end: back(*second(start, end))


def _ended(text: str) -> str:
    return text.translate(_ENDS) if any(map(text.__contains__, map(chr, _ENDS))) else text


def plain(text: str) -> tuple[str, Back] | None:
    """A text without colour codes, and what turns a place in it into the place in the text; None if none.

    A place never begins or ends with a code.
    """
    # Nearly all texts have none of these, and one sign is found far faster than two.
    if "\x1b" in text or ("\\" in text and any(map(text.__contains__, ("1b[", "33[", "\\e[", "1B[")))):
        return _without(_CODE, text)
    return None


def bare(text: str) -> str:
    """A text without codes and marks, also where they stand at its ends."""
    seen = plain(text)
    return _ended(_MARK.sub("", text if seen is None else seen[0]))


def hides(text: str) -> bool:
    """Whether views() differ from the text."""
    return _may_have_marks(text) or plain(text) is not None


def _may_have_marks(text: str) -> bool:
    return any(map(text.__contains__, _SIGNS)) or ("\\" in text and "\\u" in text) or has_marks(text)


def has_marks(text: str) -> bool:
    """Whether a text has marks without width beyond ASCII between its letters or signs."""
    return not text.isascii() and _INSIDE.search(text) is not None


def _without(pattern: re.Pattern[str], text: str) -> tuple[str, Back] | None:
    kept: list[str] = []
    starts: list[int] = []  # where each kept part begins in what is left
    shifts: list[int] = []  # and how much was left out before it
    last = size = 0
    for hidden in pattern.finditer(text):
        if hidden.start() > last:
            starts.append(size)
            shifts.append(last - size)
            kept.append(text[last : hidden.start()])
            size += hidden.start() - last
        last = hidden.end()
    if not last:
        return None
    starts.append(size)
    shifts.append(last - size)
    kept.append(text[last:])

    def back(start: int, end: int) -> tuple[int, int]:
        first = start + shifts[bisect_right(starts, start) - 1]
        return first, end + shifts[bisect_right(starts, end - 1) - 1]

    return "".join(kept), back
