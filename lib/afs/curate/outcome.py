"""What a run of afs-dedupe says in the end: the lines that stay, those that go, and which of them matched."""

from __future__ import annotations

from functools import lru_cache
from struct import pack, unpack

from afs import jsonl
from afs.curate.matches import KEPT, NEAR, REFERENCE, WITHDRAWN, WORDS
from afs.curate.places import FIRST, RANK
from afs.curate.sorting import Sorter
from afs.messages import show

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from afs.curate.matches import State
    from afs.curate.places import Places
    from afs.curate.sorting import Numbers, Table
    from afs.output import Output
    from afs.run import Run

MARK = "_duplicate"
# A record that others were dropped for.
_CHOSEN = len(WORDS)
_STRETCH = 1 << 12
_HELD = 1 << 12
_ONE = 0x3FF0000000000000  # the bits of 1.0


def follow(by: str, state: State, same: Table, found: Sorter, memory: int) -> Sorter:
    """(number, number of the one that is kept, bits of the similarity or 0) of every record that goes.

    `same` has those that went by their key, and the record that stayed then; `found` has what was nearly
    the same as another. If the one that stayed is among these, what it stands for goes with it. Raises
    spool.Full.
    """
    import numpy as np

    by_content = by == "content"
    bits = np.uint64(_ONE if by_content else 0)
    out = Sorter(3, memory)
    with Sorter(2, memory) as moved:
        for _, table in same.chunks():
            heads = state[table[:, 1]]
            gone = (heads == NEAR) | (heads == REFERENCE)
            if by_content:
                state[table[gone, 0]] = heads[gone]
            moved.add(table[gone][:, ::-1])
            stay = table[~gone]
            out.add(np.column_stack((stay, np.full(len(stay), bits))))
        rows = (row for block in found.blocks() for row in block.tolist())
        at, kept, value = -1, 0, 0
        for block in moved.blocks():
            for head, number in block.tolist():
                while at < head:
                    at, kept, value = next(rows)
                out.row(number, kept, value if by_content else 0)
    for block in found.blocks():
        out.add(block)
    return out


def write(run: Run, places: Places, state: State) -> None:
    """Write the lines that stay, in order, and count the others. Raises spool.Full and spool.Changed."""
    import numpy as np

    places.check()
    for first, rows in _stretches(places):
        states = state[first : first + len(rows)]
        for line in places.again(rows[(states == KEPT) & (rows[:, RANK] != FIRST)]):
            run.write(line)
        for code, count in zip(*np.unique(states[states != KEPT], return_counts=True), strict=True):
            run.dropped[WORDS[code]] += int(count)
    places.check()


def write_told(run: Run, places: Places, state: State, gone: Sorter, clusters: Output | None) -> None:
    """The same, and name the match of every record that goes: in its mark, and in `clusters`."""
    import numpy as np

    places.check()
    match = (row for block in gone.blocks() for row in block.tolist())
    if clusters is not None:
        for block in gone.blocks():
            others = block[:, 1]
            state[others[state[others] == KEPT]] = _CHOSEN
    name = _namer(places)
    for first, rows in _stretches(places):
        states = state[first : first + len(rows)]
        at = np.flatnonzero((rows[:, RANK] != FIRST) | (states == _CHOSEN))
        for place, line in zip(at.tolist(), places.again(rows[at]), strict=True):
            number, code, row = first + place, int(states[place]), rows[place].tolist()
            file, spot = places.spot(row)
            told: dict[str, Any] | None = None
            if code not in (KEPT, _CHOSEN, WITHDRAWN):
                _, other, bits = next(match)
                value = round(unpack("<d", pack("<Q", bits))[0], 4) if bits else None
                told = {"reason": WORDS[code], "similarity": value} | name(other)
            if clusters is not None and code not in (KEPT, WITHDRAWN):
                clusters.write(_cluster_row(number if told is None else other, _id(line), file, spot, told))
            if row[RANK] == FIRST:
                continue
            if run.args.mark or told is not None:
                line = _marked(run, line, told, file, spot)
            if code in (KEPT, _CHOSEN):
                run.write(line)
            elif run.args.mark:
                run.tallies["marked"][WORDS[code]] += 1
                run.write(line)
            else:
                run.drop(line, WORDS[code])
    places.check()


def _stretches(places: Places) -> Iterator[tuple[int, Numbers]]:
    for first in range(0, places.count, _STRETCH):
        yield first, places.stretch(range(first, min(first + _STRETCH, places.count)))


def _namer(places: Places) -> Callable[[int], dict[str, Any]]:
    """What gives the id, file and line of a record by its number."""

    @lru_cache(_HELD)
    def name(number: int) -> dict[str, Any]:
        rows = places.stretch(range(number, number + 1))
        file, line = places.spot(rows[0].tolist())
        return {"id": _id(next(places.again(rows))), "file": show(file), "line": line}

    return name


def _id(line: bytes) -> str | None:
    name = jsonl.decode(line).get("sample_id")
    return name if type(name) is str else None


def _cluster_row(cluster: int, name: str | None, file: str, line: int, told: dict[str, Any] | None) -> bytes:
    """A row of a record that goes, or, without a match, of the one that is kept."""
    row = {"cluster": cluster + 1, "sample_id": name, "file": show(file), "line": line}
    match = told or {"reason": "kept", "similarity": None, "id": None, "file": None, "line": None}
    row |= {"reason": match["reason"], "similarity": match["similarity"]}
    return jsonl.encode(row | {f"match_{key}": match[key] for key in ("id", "file", "line")})


def _marked(run: Run, line: bytes, told: dict[str, Any] | None, file: str, number: int) -> bytes:
    """The line with what is told of it at its end, and without what an earlier run has told."""
    if b'"_duplicate"' in line:
        record = jsonl.decode(line)
        if record.pop(MARK, None) is not None:
            try:
                line = jsonl.reencode(record, line)
            except jsonl.Bad as error:
                run.reject_at(file, number, error.reason, error.what)
                return line
    return jsonl.append_keys(line, {MARK: told}) if told is not None else line
