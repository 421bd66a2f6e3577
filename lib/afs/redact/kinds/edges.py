"""Where a number may begin and end: beside no letter and no digit, unless these belong to an escape.

A number stands right behind `\\n`, `\\u0022`, `%3D` or the colour code `[31m` all the time in logs, and each
of them ends in a letter or a digit. neutral() puts the character that an escape stands for in the place
of its first byte and NUL in the rest, so that offsets stay.
"""

from __future__ import annotations

import re

_ESCAPE = re.compile(
    rb"\\(?:u00([0-9a-fA-F]{2})|u[0-9a-fA-F]{4}|x([0-9a-fA-F]{2})|[nrtbfvae0])|%(?:25)?([0-9A-Fa-f]{2})"
    rb"|\[[0-9;]{0,24}m"
)


def neutral(raw: bytes) -> bytes:
    """The text of the same length without letters and digits that only belong to escapes."""
    if b"\\" in raw or b"%" in raw or b"\x1b" in raw:
        return _ESCAPE.sub(_plain, raw)
    return raw


def _plain(escape: re.Match[bytes]) -> bytes:
    code = escape[1] or escape[2] or escape[3]
    sign = bytes((int(code, 16),)) if code else b"\n"
    return (sign if not sign.isalnum() else b"\0").ljust(len(escape[0]), b"\0")


def opens(raw: bytes, at: int) -> bool:
    """Whether a number may begin at `at`."""
    before = raw[at - 1 : at] if at else b""
    return not before.isalnum() and before != b"_"


def closes(raw: bytes, at: int) -> bool:
    """Whether a number may end at `at`."""
    after = raw[at : at + 1]
    return not after.isalnum() and after != b"_"


_GROUP_LEFT = re.compile(rb"(?:[0-9A-Za-z]()[.-]|(?<![0-9A-Za-z-])[0-9A-Fa-f]{4}([ \xa0-]))\Z")
_GROUP_RIGHT = re.compile(rb"()[.-][0-9]|([ \xa0-])[0-9A-Fa-f]{4}(?![0-9A-Za-z])")


def alone(raw: bytes, start: int, end: int, sign: bytes) -> bool:
    """Whether a number in groups is no part of a longer one, of a word, or of a dump with the same sign."""
    if not opens(raw, start) or not closes(raw, end):
        return False
    sides = (_GROUP_LEFT.search(raw, max(0, start - 6), start), _GROUP_RIGHT.match(raw, end))
    return not any(side and side[2] in (None, sign) for side in sides)
