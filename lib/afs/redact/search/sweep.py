"""Level 5: one cheap look at a whole text that tells which numbers and addresses can be in it at all.

Letters, blanks and the separators of numbers are left out and every digit becomes 0: what remains is an
eighth of code, and few texts have seven digits in a row in it, three numbers between dots, or two colons
with nothing but digits between. Only these are looked through in earnest.
"""

from __future__ import annotations

import re
import string
from typing import TYPE_CHECKING

from afs.redact.kinds import addresses, numbers

if TYPE_CHECKING:
    from collections.abc import Iterator

_LEFT_OUT = string.ascii_letters.encode() + b" -_/()+\xa0\xb7\xad"
_DIGITS = bytes(48 if 48 <= byte < 58 else byte for byte in range(256))
_SEVEN = b"0000000"
_DOTTED = re.compile(rb"0\.0{1,4}\.0")
_COLONS = re.compile(rb":(?::|0{1,4}:)")
_DASHES = re.compile(rb"-[0-9A-Fa-f]{2}-[0-9A-Fa-f]{2}-")
# Without any of these nothing is found: a pattern, and the table and the bytes left out that it is for.
SIGNS = (
    (_DOTTED.pattern, _DIGITS, _LEFT_OUT),
    (_SEVEN, _DIGITS, _LEFT_OUT),
    # Behind four digits and a colon a fifth digit or a colon follows, or an escape that stands for one.
    *(
        (re.escape(needle) + (b"" if needle[-1:] == b"h" else rb"[h:\\%]"), addresses.SEEN, b"")
        for needle in addresses.NEEDLES
    ),
)


def sweep(raw: bytes) -> Iterator[tuple[int, int, str]]:
    """(start, end, finder) of every number of a person and every address of a machine."""
    short = raw.translate(_DIGITS, _LEFT_OUT)
    dots = _DOTTED.search(short) is not None
    colons, dashes = _COLONS.search(short) is not None, _DASHES.search(raw) is not None
    if dots or _SEVEN in short:
        yield from numbers.sweep(raw)
        yield from addresses.host_names(raw)
    if dots or colons or dashes:
        yield from addresses.sweep(raw, dots, colons, dashes)
