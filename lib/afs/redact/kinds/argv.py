"""Command lines that stand in JSON text as lists of words: `["mysql", "-u", "root", "-pSECRET"]`.

Rules for command lines know words with blanks between them. Here the words of a list are read so, and what is
found in one word is counted back to its place in the text.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from afs.redact.rules import Rule

    Place = tuple[int, int, Rule]

# The end of a word and a flag behind it; the quotes may have backslashes before them, and as many of them
# before the first as before the second. It begins with one sign, which is found fast.
_FLAG = re.compile(rb"\"\s{0,4},\s{0,4}(?P<quote>\\{0,31}+\")-{1,2}[A-Za-z]")
# Where it does not match nothing is found.
SIGN = _FLAG.pattern
# How far before its first flag a list begins, and how far it is read.
_BEFORE = 400
_BEHIND = 2000


def places(raw: bytes, find: Callable[[str], list[Place]]) -> Iterator[Place]:
    """(start, end, rule) of what shows in the words of lists that hold flags. `find` searches a text."""
    done = 0
    for flag in _FLAG.finditer(raw):
        quote = flag["quote"]
        start = flag.start() + 1 - len(quote)
        if start < done or not raw.startswith(quote, start):
            continue
        begin = raw.rfind(b"[", max(done, start - _BEFORE), start)
        if begin < 0:
            continue
        stop = raw.find(quote + b"]", flag.end(), flag.end() + _BEHIND)
        done = stop if stop >= 0 else min(len(raw), flag.end() + _BEHIND)
        yield from _in_words(raw, begin + 1, done, quote, find)


def _in_words(
    raw: bytes, begin: int, stop: int, quote: bytes, find: Callable[[str], list[Place]]
) -> Iterator[Place]:
    """What is found in raw[begin:stop], whose words stand in quotes with commas between them."""
    between = re.compile(rb"\s{0,8}" + re.escape(quote) + rb"\s{0,8},\s{0,8}" + re.escape(quote))
    first = raw.find(quote, begin, stop)
    at = first + len(quote)
    words: list[bytes] = []
    shifts: list[int] = []  # of each word, how much farther it stands in the text
    starts: list[int] = []
    size = 0
    while at <= stop:
        sign = between.search(raw, at, stop)
        end = sign.start() if sign else stop
        starts.append(size)
        shifts.append(at - size)
        words.append(raw[at:end])
        size += end - at + 1
        if sign is None:
            break
        at = sign.end()
    for start, end, rule in find(b" ".join(words).decode("latin-1")):
        index = bisect_right(starts, start) - 1
        if end <= starts[index] + len(words[index]):
            yield start + shifts[index], end + shifts[index], rule
