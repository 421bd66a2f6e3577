"""Every place of every one of many literals in a text, in time that does not grow with their number.

A few are looked for one by one. Of many only the first letters are one pattern, which is made quickly even
of ten thousand; where one stands, the literals that begin with it are known by their lengths.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from afs.redact.search.runs import alternation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    # A text -> (start, end) of every place of every literal, also where they overlap.
    Spots = Callable[[str], Iterator[tuple[int, int]]]

FEW = 300
_HEAD = 5


def spots(needles: Iterable[str], few: int = FEW) -> Spots:
    """What finds the places of the literals in a text. Places that begin together come in no order."""
    literals = frozenset(needles) - {""}
    if len(literals) <= few:
        ordered = sorted(literals)
        return lambda text: _one_by_one(ordered, text)
    sizes: dict[str, set[int]] = {}
    for literal in literals:
        sizes.setdefault(literal[:_HEAD], set()).add(len(literal))
    # Of a head that begins with another one the shorter is found first, or not at all.
    by_head = {
        head: sorted(set[int]().union(*(sizes.get(head[:size], ()) for size in range(1, _HEAD + 1))))
        for head in sizes
    }
    search = re.compile(alternation(sorted(by_head))).search

    def find(text: str) -> Iterator[tuple[int, int]]:
        head = search(text)
        while head is not None:
            start = head.start()
            for size in by_head[head[0]]:
                if text[start : start + size] in literals:
                    yield start, start + size
            head = search(text, start + 1)

    return find


def _one_by_one(literals: list[str], text: str) -> Iterator[tuple[int, int]]:
    for literal in literals:
        start = text.find(literal)
        while start >= 0:
            yield start, start + len(literal)
            start = text.find(literal, start + 1)
