"""One of each kind: a run of afs-dedupe, in one reading where that will do, else by what is in scratch."""

from __future__ import annotations

import os

from afs import jsonl, sample
from afs.curate import matches
from afs.curate.matches import KEPT, WITHDRAWN
from afs.curate.places import FIRST, RANK, REFERENCE, SIZE, Places
from afs.curate.places import WITHDRAWN as TAKEN_BACK
from afs.curate.sorting import Sorter, Table
from afs.curate.spool import Full
from afs.messages import Stop, reason_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any

    from afs.curate.matches import State
    from afs.run import Run

    Records = Iterator[tuple[bytes, dict[str, Any]]]

# What a key costs in a set of Python while that grows.
_KEY = 160
_STATES = 4
_NO_ONE = (1 << 64) - 1
_BEFORE = 1


def first_of_each(run: Run, records: Records, by: str, most: int) -> set[int]:
    """Write the first record of each key. Ends early when `most` keys are known; all that were seen."""
    seen: set[int] = set()
    add, write = seen.add, run.write
    key_of = sample.content_key if by == "content" else matches.id_key
    for line, record in records:
        try:
            key = key_of(record)
        except (KeyError, TypeError, AttributeError):
            _reject(run, record, by)
            continue
        if key in seen:
            run.drop(line, "duplicate")
            continue
        add(key)
        if by == "id" and matches.is_withdrawn(line):
            run.drop(line, "withdrawn")
        else:
            write(line)
        if len(seen) >= most:
            break
    return seen


def most_keys(memory: int) -> int:
    """How many keys are held before they are sorted in scratch."""
    return max(memory // _KEY, 1)


def _reject(run: Run, record: Mapping[str, Any], by: str) -> None:
    run.reject(*_wrong(record, by))


def _wrong(record: Mapping[str, Any], by: str) -> tuple[str, str]:
    if by == "id":
        return "no-id", "field 'sample_id' must be a string that is not empty"
    return "not-sample", sample.check(record) or "its messages cannot be compared"


def gather(run: Run, records: Records, places: Places, keys: Sorter, seen: set[int]) -> None:
    """Note where every record stands, by what it meets others, and its rank. Raises Full.

    What is in `seen` was written before; it is emptied.
    """
    args = run.args
    by, rank_of = args.by, matches.ranker(args.keep)
    while seen:  # each leaves memory on its way
        key = seen.pop()
        keys.row(key >> 64, key & _NO_ONE, 1 << 32, _BEFORE, _NO_ONE, 0)
    seen.clear()
    for path in args.against:
        _gather_reference(run, path, places, keys)
    by_id = by == "id"
    for line, record in records:
        number = places.count
        rank = rank_of(record, number)
        try:
            matches.add_keys(keys, record, number, rank, by)
        except (KeyError, TypeError, AttributeError):
            _reject(run, record, by)
            continue
        flags = TAKEN_BACK if by_id and matches.is_withdrawn(line) else 0
        places.put_line(line, run.spot(), rank, flags)


def _gather_reference(run: Run, path: str, places: Places, keys: Sorter) -> None:
    """The same for the records of a reference: none of them is dropped or written."""
    count = 0
    by = run.args.by
    fd = os.open(path, os.O_RDONLY)
    try:
        reader = jsonl.Reader(fd, run.args.max_record)
        for block in reader.blocks():
            at = reader.offset
            for number, line in enumerate(block, reader.line):
                spot, at = (path, number, at), at + len(line) + 1
                if not line or line.isspace():
                    continue
                try:
                    record = jsonl.decode(line)
                    if type(record) is not dict:
                        raise jsonl.Bad("not-object", "not a JSON object")
                    try:
                        matches.add_keys(keys, record, places.count, FIRST, by)
                    except (KeyError, TypeError, AttributeError):
                        raise jsonl.Bad(*_wrong(record, by)) from None
                except jsonl.Bad as error:
                    part = (spot[2], len(line), jsonl.digest(line))
                    run.reject_at(path, number, error.reason, error.what, 1, part, line)
                    continue
                places.put_line(line, spot, FIRST, REFERENCE)
                count += 1
    except jsonl.Corrupt as error:
        _broken(run, f"{path}: {error}; lines up to {reader.line - 1} were used")
    except OSError as error:
        _broken(run, f"{path}: {reason_of(error)}")
    finally:
        os.close(fd)
    for number, offset, length, digest in reader.overlong:
        what = f"a line of {length} bytes is over --max-record"
        run.reject_at(path, number, "too-long", what, 1, (offset, length, digest))
    run.count["reference"] += count
    if not count:
        run.warn(f"{path}: holds no sample to compare with")


def _broken(run: Run, text: str) -> None:
    run.fault(1, text)
    if run.args.strict:
        raise Stop(1)


def decide(run: Run, places: Places, keys: Sorter, same: Table) -> State:
    """What becomes of each record by its key; the rows (number, number of the one that stays) in `same`.

    Raises Full where --memory does not hold the states.
    """
    import numpy as np

    places.check()
    if (least := 2 * _STATES * places.count) > run.args.memory:
        raise Full(f"{places.count} samples need --memory {-(-least >> 20)}M or more")
    state = np.zeros(places.count, np.uint8)
    for table in matches.settle(keys, state):
        same.extend(table)
    if run.args.by == "id":
        for first, rows in places.chunks():
            some = np.flatnonzero(rows[:, SIZE] & np.uint64(TAKEN_BACK)) + first
            some = some[(state[some] == KEPT) & (rows[some - first, RANK] != FIRST)]
            state[some] = WITHDRAWN
    return state


def near(run: Run, places: Places, state: State) -> Sorter:
    """Drop what is nearly the same as another record; (number, number of the one kept, similarity) of each.

    Raises Full and spool.Changed.
    """
    from functools import partial

    import numpy as np

    from afs.curate import alike
    from afs.curate.near import ROUNDS, Sketches, banding, choose, pairs

    args = run.args
    memory, jobs, bands = args.memory, args.jobs or os.cpu_count() or 1, banding(args.threshold)[0]
    before = state.copy()
    with Sketches(bands) as sketches, Sorter(5, memory // 8) as edges:
        on = alike.while_parent_lives(run.progress)
        most = alike.most_bytes(memory)
        outs = [sketches] if jobs == 1 else [Sketches(bands) for _ in range(jobs)]
        parts = _shares(places, jobs)
        work = [
            partial(alike.sketched, places, state, part, most, out, on)
            for part, out in zip(parts, outs, strict=True)
        ]
        places.flush()
        too_long = sum(_share(run, work))
        if jobs > 1:
            for out in outs:
                sketches.append(out)
                out.__exit__(None, None, None)
        found = Sorter(3, memory // 8)
        dropped = -1
        for turn in range(1, ROUNDS + 1):
            likely, crowded = pairs(sketches, args.threshold, state, memory, turn)
            with likely:
                size = likely.count
                tables = [Table(5) for _ in range(jobs)]
                step = -(-size // jobs)
                work = [
                    partial(
                        alike.compared,
                        places,
                        sketches.docs,
                        likely,
                        range(min(step * job, size), min(step * (job + 1), size)),
                        args.threshold,
                        memory // jobs,
                        table,
                        on,
                    )
                    for job, table in enumerate(tables)
                ]
                likely.flush()
                sketches.docs.flush()
                _share(run, work)
                for table in tables:
                    with table:
                        table.recount()
                        for _, rows in table.chunks():
                            edges.add(rows)
            state[:] = before
            found.__exit__(None, None, None)
            found = choose(edges, state, memory // 8)
            now = int(np.count_nonzero(state != before))
            if not crowded or now == dropped:
                break
            dropped = now
    places.check()
    if too_long:
        run.count["too_long"] = too_long
    if crowded:
        run.count["crowded"] = crowded
    return found


def _share(run: Run, work: Sequence[Callable[[], int]]) -> list[int]:
    from afs.curate import alike

    try:
        return alike.in_processes(work)
    except alike.Ended as error:
        run.warn(str(error))
        raise Stop(1) from None


def _shares(places: Places, jobs: int) -> list[range]:
    """Ranges of records that hold about as many bytes each."""
    from itertools import pairwise

    import numpy as np

    if jobs == 1:
        return [range(places.count)]
    total = sum(int((rows[:, SIZE] >> np.uint64(2)).sum()) for _, rows in places.chunks())
    cuts, done = [0], 0
    for first, rows in places.chunks():
        for at, size in enumerate((rows[:, SIZE] >> np.uint64(2)).tolist(), first):
            done += size
            if done * jobs >= total * len(cuts) and len(cuts) < jobs:
                cuts.append(at + 1)
    cuts += [places.count] * (jobs + 1 - len(cuts))
    return [range(low, high) for low, high in pairwise(cuts)]


def two_readings(run: Run, records: Records, seen: set[int]) -> None:
    """The whole of a run that has to look at its records more than once. Raises Full and spool.Changed."""
    from afs.curate import outcome

    args = run.args
    clusters = run.open(args.clusters) if args.clusters else None
    with Places(_streams(run)) as places, Table(2) as same:
        with Sorter(6, args.memory // 2) as keys:
            gather(run, records, places, keys, seen)
            state = decide(run, places, keys, same)
        telling = bool(clusters or args.mark or args.dropped)
        if not args.near and not telling:
            outcome.write(run, places, state)
            return
        least = args.memory // 8
        try:
            with (
                near(run, places, state) if args.near and places.count else Sorter(3, least) as found,
                outcome.follow(args.by, state, same, found, least) as gone,
            ):
                if telling:
                    outcome.write_told(run, places, state, gone, clusters)
                else:
                    outcome.write(run, places, state)
        except jsonl.Bad:
            places.check()  # a line was good when it was read before
            raise


def _streams(run: Run) -> tuple[str, ...]:
    """What standard input is called where it is among the inputs."""
    inputs = [*run.args.files, *(run.args.input or ())] or ["-"]
    return ("stdin",) if "-" in inputs else ()
