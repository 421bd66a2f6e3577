"""Which of many literals stand in a text, in one search for the rarest letters in them.

To look for each literal by itself costs a pass over the text for each. One pattern of all of them is no
better where it must try a branch at every letter. So of every literal only the part from a rare letter on is
looked for: the letters where a branch is tried are then few, and one pass tells which literals can be
there at all. Only those are looked for.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from afs.redact.search.runs import alternation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from afs.redact.rules import Rule

    Place = tuple[int, int, Rule]
    Look = Callable[[bytes, int], Iterable[Place]]
    # (begin, end, numbers of the rows that can find something there)
    Block = tuple[int, int, list[int]]

# Characters of lower-case code from the most frequent to the rarest (the standard library).
_FREQUENT = b" etarsinold,cp\"fm_u.g:()'xhyb0=12v-w[]k84635*>q7/`#9{}\\zj+|$@<?;%^!~&"
# Roughly how many of the characters of a text are this one, and how many at least.
_ALONE, _FEWEST = -1, 0.0005
_SHARE = {byte: 0.07 * 0.93**rank for rank, byte in enumerate(_FREQUENT)} | {32: 0.24, _ALONE: 0.0}
# What it costs to try a branch at a letter, to look for an anchor whose part was found, and for one that
# is always looked for, in a text of two thousand; in microseconds.
_TRY, _SEARCH, _ANCHOR, _TEXT = 0.06, 1.5, 1.3, 2000
# Texts are looked through in blocks, so that what is found in one is never a long list.
_BLOCK = 1 << 16

# The search goes on this far before the end of what was found: a name may be the end of a value.
_OVERLAP = 64


class Anchors:
    """Literals in lower case, what must stand anywhere in the text beside each, and what looks there."""

    def __init__(self, looks: dict[tuple[bytes, bytes], list[Look]]) -> None:
        """`looks` by (gate, anchor)."""
        self.rows = [(gate, anchor, each) for (gate, anchor), each in looks.items()]
        starts = {anchor: _starts(anchor) for _, anchor in looks}
        rare = _rare(list(starts.values()))
        self._always: list[tuple[bytes, int]] = []
        by_part: dict[bytes, list[int]] = {}
        for number, (_, anchor, _) in enumerate(self.rows):
            _, at = min(start for byte, start in starts[anchor].items() if byte in rare)
            if at == _ALONE:
                self._always.append((anchor, number))
            else:
                by_part.setdefault(anchor[at:], []).append(number)
        by_head: dict[int, list[bytes]] = {}
        for part in by_part:
            by_head.setdefault(part[0], []).append(part)
        # The longest part that fits is found: those that it begins with are there, too. Inside of it the
        # search does not look, so all that may begin there may be there.
        self._rows = {
            part: {
                number
                for at in range(len(part))
                for other in by_head.get(part[at], ())
                if (_meet(part[at:], other) if at else part.startswith(other))
                for number in by_part[other]
            }
            for part in by_part
        }
        self._reach = max(map(len, by_part), default=0)
        # Branches are tried in turn: frequent letters first.
        heads = sorted(by_head, key=lambda byte: (-_SHARE.get(byte, _FEWEST), byte))
        branches = (alternation(part.decode("ascii") for part in sorted(by_head[head])) for head in heads)
        self._parts = re.compile("|".join(branches).encode() or rb"(?!)")

    def present(self, low: bytes) -> Iterator[Block]:
        """Which rows' anchors may stand in the blocks of a text, which is given in lower case."""
        for at in range(0, len(low), _BLOCK):
            found = set(self._parts.findall(low, at, min(len(low), at + _BLOCK + self._reach)))
            end = at + _BLOCK - 1
            rows = {number for anchor, number in self._always if low.find(anchor, at, end + len(anchor)) >= 0}
            for part in found:
                rows.update(self._rows[part])
            yield at, at + _BLOCK, sorted(rows)

    def find(self, raw: bytes, low: bytes, blocks: Iterable[Block]) -> Iterator[Place]:
        """What is found at the anchors of the rows of each block; `low` is the text in lower case."""
        done: dict[int, int] = {}
        opened: dict[bytes, bool] = {b"": True}
        for begin, end, rows in blocks:
            for number in rows:
                gate, anchor, looks = self.rows[number]
                last = end + len(anchor) - 1
                at = low.find(anchor, max(begin, done.get(number, 0)), last)
                if at < 0:
                    continue
                if gate not in opened:  # asked once for all blocks
                    opened[gate] = gate in raw
                if not opened[gate]:
                    continue
                while at >= 0:
                    after = at + 1
                    for look in looks:
                        for place in look(raw, at):
                            yield place
                            after = max(after, place[1] - _OVERLAP)
                    at = low.find(anchor, after, last)
                done[number] = after


def _starts(anchor: bytes) -> dict[int, tuple[float, int]]:
    """For each letter of an anchor what it costs to look for the part from there on, and where it is;
    under _ALONE what it costs to look for the anchor by itself."""
    out = {_ALONE: (_ANCHOR, _ALONE)}
    for at in range(len(anchor) - 1):
        chance = math.prod(_SHARE.get(byte, _FEWEST) for byte in anchor[at:])
        start = _SEARCH * min(1.0, _TEXT * chance), at
        out[anchor[at]] = min(out.get(anchor[at], start), start)
    return out


def _rare(starts: list[dict[int, tuple[float, int]]]) -> set[int]:
    """Few and rare letters that cost the least: each anchor has one of them, or is looked for by itself."""

    def cost(rare: set[int]) -> float:
        tried = sum(_SHARE.get(byte, _FEWEST) for byte in rare) * _TRY * _TEXT
        return tried + sum(min(each[byte][0] for byte in rare & each.keys()) for each in starts)

    rare = {byte for each in starts for byte in each}
    least = cost(rare)
    for byte in sorted(rare - {_ALONE}, key=lambda byte: (-_SHARE.get(byte, _FEWEST), byte)):
        if (now := cost(rare - {byte})) <= least:
            rare, least = rare - {byte}, now
    return rare


def _meet(tail: bytes, part: bytes) -> bool:
    """Whether a part may begin where this tail of another stands."""
    return part.startswith(tail) or tail.startswith(part)
