"""The two readings of texts that near duplicates take: all for their sketches, some for exact similarities.

Both go over a range of rows, so that processes can share them; what comes out does not depend on how many.
"""

from __future__ import annotations

import os

from afs import jsonl
from afs.curate import sketch
from afs.curate.matches import KEPT
from afs.curate.near import TOP, Sketches
from afs.curate.places import RANK, SIZE
from afs.curate.spool import Changed, Full

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from afs.curate.matches import State
    from afs.curate.places import Places
    from afs.curate.sorting import Numbers, Table

    # (grams, sorted; the question, where the answer is short; the question, and its words)
    Said = tuple[Numbers, int, int, Numbers]

# Buffers of this size stay in the caches of a core.
_BATCH = 160 << 10
_STRETCH = 1 << 12
_PAIRS = 1 << 10
# Of the words of two questions this share must be the same.
_QUESTION = 0.5


class Ended(Exception):
    """A process that shares the work has gone. The text says so."""


def most_bytes(memory: int) -> int:
    """The longest line whose text is compared: the words of one take about 20 times as much memory."""
    return max(memory // 32, 1 << 16)


def sketched(
    places: Places, state: State, part: range, most: int, out: Sketches, on: Callable[[int], None]
) -> int:
    """Sketch what is kept of a range of records; how many of them are too long.

    `on` hears of the bytes that were read. Raises spool.Full and spool.Changed.
    """
    import numpy as np

    too_long = 0
    batch: list[tuple[int, int, bytes, int]] = []
    size = 0
    for start in range(part.start, part.stop, _STRETCH):
        stop = min(start + _STRETCH, part.stop)
        rows = places.stretch(range(start, stop))
        kept = np.flatnonzero(state[start:stop] == KEPT)
        fits = kept[rows[kept, SIZE] >> np.uint64(2) <= most]
        too_long += len(kept) - len(fits)
        rows = rows[fits]
        lines = places.again(rows)
        for number, rank, line in zip((fits + start).tolist(), rows[:, RANK].tolist(), lines, strict=True):
            record = jsonl.decode(line)
            try:
                text, _ = sketch.text_of(record)
                asked = sketch.asked(record)
            except (KeyError, TypeError, AttributeError):
                continue  # with --by id a record need not have a text
            batch.append((number, rank, text, asked))
            size += len(text)
            if size >= _BATCH:
                _sketch(batch, out)
                batch, size = [], 0
        on(int((rows[:, SIZE] >> np.uint64(2)).sum()))
    _sketch(batch, out)
    out.finish()
    return too_long


def _sketch(batch: Sequence[tuple[int, int, bytes, int]], out: Sketches) -> None:
    import numpy as np

    if not batch:
        return
    made, firsts, _, _ = sketch.grams([text for _, _, text, _ in batch])
    some = np.flatnonzero(np.diff(firsts))  # a text without words is like no other
    if len(some):
        docs = np.array([(number, rank) for number, rank, _, _ in batch], np.uint64)
        asked = np.array([asked for _, _, _, asked in batch], np.uint64)
        out.add(docs[some], sketch.minima(made, np.append(firsts[some], firsts[-1])), asked[some])


def compared(
    places: Places,
    docs: Table,
    likely: Table,
    part: range,
    threshold: float,
    memory: int,
    out: Table,
    on: Callable[[int], None],
) -> int:
    """Find the similarity of a range of likely pairs, and write those that reach the threshold as edges.

    How many pairs there are. An edge is (rank, number, TOP less the bits of the similarity, rank, number):
    of the later record, then of the earlier. Raises spool.Full and spool.Changed.
    """
    import numpy as np

    held: dict[int, Said] = {}
    for start in range(part.start, part.stop, _PAIRS):
        on(0)
        some = likely.stretch(range(start, min(start + _PAIRS, part.stop)))
        numbers = np.unique(some)
        known = docs.pick(numbers)
        rows = places.pick(known[:, 0])
        place = {number: at for at, number in enumerate(numbers.tolist())}
        sizes = (rows[:, SIZE] >> np.uint64(2)).tolist()
        found: list[tuple[int, int]] = []
        values: list[float] = []
        for batch, need in _batches(some.tolist(), place, sizes, held, memory // 8):
            at = sorted(place[number] for number in need)
            for number, said in zip(numbers[at].tolist(), _said(places.again(rows[at])), strict=True):
                held[number] = said
            for one, two in batch:
                if (value := similarity(held[one], held[two])) >= threshold:
                    found.append((place[one], place[two]))
                    values.append(value)
        if found:
            first, second = (known[[pair[side] for pair in found]] for side in (0, 1))
            bits = np.array(values).view(np.uint64)
            out.extend(np.column_stack((second[:, ::-1], np.uint64(TOP) - bits, first[:, ::-1])))
    out.flush()
    return len(part)


def _batches(
    some: list[list[int]], place: dict[int, int], sizes: list[int], held: dict[int, Said], most: int
) -> Iterator[tuple[list[list[int]], set[int]]]:
    """Pairs with the records to be read for them, so many that what is held stays within bounds."""
    batch: list[list[int]] = []
    need: set[int] = set()
    weight = sum(2 * said[0].nbytes for said in held.values())
    for pair in some:
        new = {number for number in pair if number not in held} - need
        more = sum(3 * sizes[place[number]] for number in new)
        if weight + more > most and (batch or held):
            yield batch, need
            held.clear()
            batch, need = [], set()
            new = set(pair)
            weight, more = 0, sum(3 * sizes[place[number]] for number in new)
        batch.append(pair)
        need |= new
        weight += more
    yield batch, need


def _said(lines: Iterator[bytes]) -> Iterator[Said]:
    batch: list[tuple[bytes, int, int]] = []
    size = 0
    for line in lines:
        record = jsonl.decode(line)
        text, head = sketch.text_of(record)
        batch.append((text, head, sketch.asked(record)))
        size += len(text)
        if size >= _BATCH:
            yield from _sets(batch)
            batch, size = [], 0
    yield from _sets(batch)


def _sets(batch: Sequence[tuple[bytes, int, int]]) -> Iterator[Said]:
    import numpy as np
    from xxhash import xxh3_64_intdigest

    if not batch:
        return
    made, firsts, words, places = sketch.grams([text for text, _, _ in batch])
    starts = np.cumsum([0] + [len(text) + 1 for text, _, _ in batch])
    heads = starts[:-1] + np.array([head for _, head, _ in batch])
    low, high = np.searchsorted(places, starts[:-1]), np.searchsorted(places, heads)
    for at, (text, head, asked) in enumerate(batch):
        grams = made[firsts[at] : firsts[at + 1]].copy()
        grams.sort()
        if len(grams) > 1:
            new = np.ones(len(grams), bool)
            new[1:] = grams[1:] != grams[:-1]
            grams = grams[new]
        yield grams, asked, xxh3_64_intdigest(text[:head]), words[low[at] : high[at]].copy()


def similarity(one: Said, two: Said) -> float:
    """The Jaccard similarity of two sets of grams; 0 for samples that ask something else.

    Where an answer is short, the questions must be the same but for case and spaces; else half of their
    words must be.
    """
    import numpy as np

    if one[1] != two[1]:
        return 0.0
    if one[2] != two[2] and _jaccard(np.unique(one[3]), np.unique(two[3])) < _QUESTION and not one[1]:
        return 0.0
    return _jaccard(one[0], two[0])


def _jaccard(one: Numbers, two: Numbers) -> float:
    import numpy as np

    both = np.concatenate((one, two))
    both.sort()
    shared = int(np.count_nonzero(both[1:] == both[:-1]))
    return shared / (len(both) - shared) if len(both) else 1.0


def in_processes(work: Sequence[Callable[[], int]]) -> list[int]:
    """Do each piece in a process of its own, a single one in this; what they return, in order.

    Raises what the first of them raised that did not succeed.
    """
    if len(work) == 1:
        return [work[0]()]
    import multiprocessing

    context = multiprocessing.get_context("fork")
    children = []
    try:
        for piece in work:
            mine, theirs = context.Pipe(False)
            child = context.Process(target=_piece, args=(piece, theirs), daemon=True)
            child.start()
            theirs.close()
            children.append((child, mine))
        results = []
        for child, pipe in children:
            try:
                result = pipe.recv()
            except EOFError:
                raise Ended("a process of this run was ended from outside; run again") from None
            child.join()
            if isinstance(result, BaseException):
                raise result
            results.append(result)
        return results
    finally:
        for child, _ in children:
            child.kill()
            child.join()


def _piece(work: Callable[[], int], pipe: Any) -> None:
    import signal

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears it too, and ends its children
    try:
        result: Any = work()
    except (Full, Changed, OSError, MemoryError) as error:
        result = error
    except Exception as error:  # not each can be sent
        result = RuntimeError(type(error).__name__)
    pipe.send(result)


def while_parent_lives(on: Callable[[int], None]) -> Callable[[int], None]:
    """The same; in a child it ends the process once the parent is gone."""
    import signal

    parent = os.getpid()

    def heard(done: int) -> None:
        if os.getpid() == parent:
            on(done)
        elif os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)

    return heard
