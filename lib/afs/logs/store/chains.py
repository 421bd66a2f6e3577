"""Which model calls go on from which: programs send, and log, the whole conversation at each call.

A call continues a conversation when what it sends begins with all that was said there, word for word. Only
hashes are held, so that a history may be far larger than memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from afs.logs.conversation import Message

Spent = tuple[int | None, int | None]


class Place(NamedTuple):
    """Where an event stands; the event itself where its file has no offsets to come back to."""

    path: str
    line: int
    offset: int
    length: int
    event: dict[str, Any] | None


@dataclass(slots=True)
class Part:
    """One event of a conversation.

    earlier: where in its messages those earlier human turns begin that no event before it told of. why: the
    reason why its last turn gives no sample. left: messages from there on were left for another branch.
    """

    place: Place
    why: str = ""
    thread: str = ""
    earlier: tuple[int, ...] = ()
    spent: Spent = (None, None)
    left: int | None = None
    start: int = 0


class _Talk(NamedTuple):
    parts: list[Part]
    end: list[int]  # the hash of all that was said in it, as its only element


class Chains:
    """Conversations as lists of parts, in the order of their first events: `talks`."""

    def __init__(self) -> None:
        from xxhash import xxh3_64_intdigest

        self.talks: list[list[Part]] = []
        self._hash = xxh3_64_intdigest
        self._threads: dict[str, list[Part]] = {}
        self._ends: dict[int, list[_Talk]] = {}
        self._inner: dict[int, _Talk] = {}
        self._asking: dict[int, _Talk] = {}
        self._turns: set[int] = set()

    def alone(self, place: Place, why: str) -> Part:
        """An event that is a conversation of its own."""
        part = Part(place, why)
        self.talks.append([part])
        return part

    def join(self, place: Place, thread: str) -> Part:
        """A turn of a thread that has a name."""
        parts = self._threads.get(thread)
        if parts is None:
            parts = self._threads[thread] = []
            self.talks.append(parts)
        part = Part(place, thread=thread)
        parts.append(part)
        return part

    def renew(self, part: Part, place: Place, thread: str, why: str) -> None:
        """A later event that goes in the place of one that alone() or join() took."""
        part.place, part.why = place, why
        if part.thread != thread:
            old = self._threads[part.thread]
            del old[next(at for at, one in enumerate(old) if one is part)]
            part.thread = thread
            if thread not in self._threads:
                self._threads[thread] = []
                self.talks.append(self._threads[thread])
            self._threads[thread].append(part)

    def take(self, place: Place, messages: list[Message], answer: Message, why: str, spent: Spent) -> None:
        """A call that sent `messages` and got `answer`."""
        steps = list(self._steps([*messages, answer]))
        starts = [at for at, message in enumerate(messages) if message.role == "user"]
        last = starts[-1] if starts else 0
        asked = steps[last]
        talk, shared = self._before(steps, last)
        part = Part(place, why, spent=spent, start=last)
        if why:  # what failed, or was a program's own, is no place to go on from
            self._turns.add(self._pair(messages, last, last + 1))
            self._add(talk if talk is not None and why == "failed" else None, part)
            return
        working = self._asking.get(asked) if len(messages) > last + 1 else None
        if working is not None and not working.parts[-1].why and working.parts[-1].start == last:
            self._replace(working, part)
            talk = working
        else:
            ends = [*starts[1:], len(messages)]
            pairs = [self._pair(messages, start, end) for start, end in zip(starts, ends, strict=False)]
            known = [start < shared or pair in self._turns for start, pair in zip(starts, pairs, strict=True)]
            part.earlier = tuple(
                start for start, is_known in zip(starts[:-1], known[:-1], strict=True) if not is_known
            )
            self._turns.update(pairs[:-1])
            if talk is not None and shared and talk.end[0] != steps[shared - 1]:
                for one in talk.parts:  # the person went back, and on from there
                    one.left = shared if one.left is None else min(one.left, shared)
            talk = self._add(talk, part)
        self._turns.add(self._pair([*messages, answer], last, len(messages) + 1))
        self._settle(talk, steps, starts, asked)

    def _add(self, talk: _Talk | None, part: Part) -> _Talk:
        if talk is None:
            talk = _Talk([], [0])
            self.talks.append(talk.parts)
        talk.parts.append(part)
        return talk

    def _replace(self, talk: _Talk, part: Part) -> None:
        """A call within the same turn, after a tool: it tells all that the call before it told."""
        before = talk.parts.pop()
        part.earlier = before.earlier
        part.spent = (_plus(before.spent[0], part.spent[0]), _plus(before.spent[1], part.spent[1]))
        talk.parts.append(part)

    def _settle(self, talk: _Talk, steps: list[int], starts: list[int], asked: int) -> None:
        old, end = talk.end[0], steps[-1]
        if talk in self._ends.get(old, ()):
            self._ends[old].remove(talk)
            self._inner[old] = talk
        talk.end[0] = end
        self._ends.setdefault(end, []).append(talk)
        self._asking[asked] = talk
        for start in starts[1:]:
            self._inner.setdefault(steps[start - 1], talk)

    def _before(self, steps: list[int], last: int) -> tuple[_Talk | None, int]:
        """(the conversation that these messages go on from, how many of them it has)."""
        for at in range(last, 0, -1):
            if found := self._ends.get(steps[at - 1]):
                return found[-1], at
            if (talk := self._inner.get(steps[at - 1])) is not None:
                return talk, at
        return None, 0

    def _steps(self, messages: list[Message]) -> Iterator[int]:
        """The hash of each beginning of the messages."""
        before = 0
        for message in messages:
            before = self._digest(before, message)
            yield before

    def _digest(self, before: int, message: Message) -> int:
        parts = [str(before), message.role, message.content.strip()]
        parts += [part for call in message.tool_calls for part in (call.name, call.arguments)]
        return int(self._hash("\0".join(parts).encode("utf-8", "surrogatepass")))

    def _pair(self, messages: list[Message], start: int, end: int) -> int:
        """What names a turn wherever it stands: its question and all that followed."""
        before = 1
        for message in messages[start:end]:
            before = self._digest(before, message)
        return before


def _plus(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else one + other
