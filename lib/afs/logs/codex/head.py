"""The head of a fork or a sub-agent, which repeats what its ancestors hold.

Where it ends is told, in this order: by the ordinal that the file names; by the first turn whose id (a
UUID of version 7) is younger than the thread; by the first time that is not older than the thread; by the
first pause, because a replay is written in one burst. Where the ancestor's file is at hand, what the head
repeats is also known by its content.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from afs.logs.codex import text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from afs.logs.conversation import Conversation

# Written in one burst, a replayed head has no gap as long as this between two lines (milliseconds).
_BURST = 1000


@dataclass(slots=True)
class Head:
    """Whether the lines that are read now still repeat an ancestor's. Times are milliseconds since 1970.

    ancestors are the threads that it may repeat, nearest first; turn is the time of the last turn's id.
    """

    open: bool = False
    doubt: bool = False
    born: int = 0
    start: int | None = None
    ancestors: list[str] = field(default_factory=list)
    turn: int = 0
    _clock: int = 0
    _old: bool = False

    def begin(self, stamp: str) -> None:
        """The lines from here on repeat an ancestor's."""
        self.open, self._clock = True, text.clock(stamp)

    def passed(self, stamp: str, turn_id: str, ordinal: object) -> bool:
        """Whether a line is the first one of the thread's own.

        A pause may come within a slow replay: until the id of a turn is seen, it is in doubt, and an old
        one opens the head again.
        """
        before, clock = self.open, text.clock(stamp)
        if self.start is not None and type(ordinal) is int:
            self.open = ordinal < self.start
        elif turn_time := text.uuid_time(turn_id):
            self.open = turn_time < self.born
            self.turn, self.doubt = turn_time, False
        elif not self.turn and before:
            self._old = self._old or 0 < clock < self.born - _BURST
            if self._old:
                self.open = clock < self.born
            elif self._clock and clock - self._clock >= _BURST:
                self.open, self.doubt = False, True
        self._clock = clock
        return before and not self.open

    def origin(self) -> str:
        """The ancestor in which a turn of the head first appeared."""
        for name in self.ancestors:
            if self.turn >= (text.uuid_time(name) or 1 << 62):
                return name
        return self.ancestors[-1 if self.turn else 0] if self.ancestors else ""


# What a descendant needs of a turn: hashes of its question and of all that it holds, ordinal, id, origin.
Mark = tuple[int, int, int, str, str]


def remember(talk: Conversation, hashes: list[list[int]]) -> list[Mark]:
    """A thread's turns as its descendants need them."""
    return [
        (question, whole, turn.ordinal, turn.native_id, turn.origin)
        for turn, (question, whole) in zip(talk.turns, hashes, strict=True)
    ]


def align(
    talk: Conversation, hashes: list[list[int]], ancestors: list[str], known: Mapping[str, list[Mark]]
) -> int:
    """Name the turns that repeat an ancestor's as that one does; of a sub-agent, drop them.

    Returns the number of dropped turns.
    """
    above = next((name for name in ancestors if name in known), "")
    told = known.get(above, [])
    if not told and not talk.subagent:
        return 0
    at, repeated = 0, 0
    for turn, (question, whole) in zip(talk.turns, hashes, strict=True):
        head = bool(turn.origin)
        places = range(at, len(told))
        found = next(
            (at for at in places if told[at][0] == question and (head or told[at][1] == whole)), None
        )
        if found is not None:
            _, _, ordinal, turn.native_id, origin = told[found]
            turn.origin, at = origin or above, found + 1
            turn.ordinal = turn.ordinal if talk.subagent else ordinal
        elif not head:
            break
        repeated += 1
    if not talk.subagent:
        return 0
    del talk.turns[:repeated], hashes[:repeated]
    return repeated
