"""Numbers of all records in scratch files, for what cannot be decided one record at a time.

A file of rows is read as often as memory asks for: each time only the keys of one stretch are held. Keys
are hashes, so stretches of equal width hold about as many of them.
"""

from __future__ import annotations

import os

from afs import jsonl
from afs.curate.spool import Again, Spool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from afs.run import Run

    Numbers = NDArray[np.uint64]
    Pairs = tuple[Numbers, Numbers, NDArray[np.int64], NDArray[np.int64]]
    Look = Callable[[Numbers], tuple[Numbers, Numbers]]

_CHUNK = 1 << 17
# What one row of a stretch costs while it is sorted and merged, in bytes.
ROW_COST = 256


def most_rows(memory: int) -> int:
    """How many rows may be held at once in so many bytes."""
    return max(memory // ROW_COST, 1 << 12)


class Rows(Spool):
    """Rows of whole numbers of 64 bits, written one after the other and read as arrays."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self._pack: Callable[..., bytes] | None = None
        self._none = bytes(8 * width)
        self.width = width
        self.count = 0

    def __enter__(self) -> Rows:
        return self

    def add(self, *numbers: int) -> None:
        """Add a row. Raises Full."""
        if self._pack is None:  # not on the way of a run without records
            from struct import Struct

            self._pack = Struct(f"<{self.width}Q").pack
        self.write(self._pack(*numbers))
        self.count += 1

    def put(self, row: int, *numbers: int) -> None:
        """Add a row as number `row`; those passed over are zeros. Raises Full."""
        while self.count < row:
            self.write(self._none)
            self.count += 1
        self.add(*numbers)

    def extend(self, table: Numbers) -> None:
        """Add the rows of an array. Raises Full."""
        self.write(table.tobytes())
        self.count += len(table)

    def chunks(self, most: int = _CHUNK) -> Iterator[tuple[int, Numbers]]:
        """(number of the first row, array of rows), at most `most` at a time."""
        import numpy as np

        size = 8 * self.width
        for first in range(0, self.count, most):
            data = self.read(min(most, self.count - first) * size, first * size)
            yield first, np.frombuffer(data, "<u8").reshape(-1, self.width)

    def at(self, row: int) -> list[int]:
        """The numbers of one row."""
        import numpy as np

        size = 8 * self.width
        return [int(number) for number in np.frombuffer(self.read(size, row * size), "<u8")]

    def keys(self, most: int) -> Iterator[Numbers]:
        """The distinct numbers of the first column in order, stretch by stretch, about `most` at a time."""
        import numpy as np

        for low, last in _stretches(-(-self.count // most) or 1):
            held = [np.empty(0, np.uint64)]
            for _, chunk in self.chunks():
                key = chunk[:, 0]
                held.append(np.unique(key[(key >= low) & (key <= last)]))
                if len(held) > 16:
                    held = [np.unique(np.concatenate(held))]
            yield np.unique(np.concatenate(held))

    def pairs(self, most: int, look: Look | None = None) -> Iterator[Pairs]:
        """The distinct (key, value) of the first two columns, with how often and in which row first.

        Stretch by stretch in order of key and value, at most about `most` pairs at a time. Rows whose value
        is 0 do not count. `look` makes key and value of the rows of a chunk.
        """
        return self.stretched(-(-self.count // most) or 1, most, look)

    def stretched(self, number: int, most: int, look: Look | None = None) -> Iterator[Pairs]:
        """The same in so many stretches."""
        import numpy as np

        for low, last in _stretches(number):
            held: list[Pairs] = []
            size = 0
            for first, chunk in self.chunks():
                key, value = look(chunk) if look else (chunk[:, 0], chunk[:, 1])
                keep = np.flatnonzero((value > 0) & (key >= low) & (key <= last))
                once = np.ones(len(keep), np.int64)
                held.append(merged(key[keep], value[keep], once, keep + first))
                size += len(held[-1][0])
                if size > 2 * most and len(held) > 1:
                    held = [_joined(held)]
                    size = len(held[0][0])
            yield _joined(held)


def _stretches(number: int) -> Iterator[tuple[int, int]]:
    """First and last key of so many equal stretches of all keys."""
    for at in range(number):
        yield (1 << 64) * at // number, (1 << 64) * (at + 1) // number - 1


def _joined(held: list[Pairs]) -> Pairs:
    import numpy as np

    if not held:
        none = np.empty(0, np.uint64)
        return none, none, np.empty(0, np.int64), np.empty(0, np.int64)
    if len(held) == 1:
        return held[0]
    key, value, count, row = (np.concatenate(column) for column in zip(*held, strict=True))
    return merged(key, value, count, row)


def merged(key: Numbers, value: Numbers, count: NDArray[np.int64], row: NDArray[np.int64]) -> Pairs:
    """The same with equal (key, value) as one: their counts added, the first of their rows."""
    import numpy as np

    order = np.lexsort((value, key))
    key, value = key[order], value[order]
    starts = firsts(key, value)
    if not len(starts):
        return key, value, count, row
    return (
        key[starts],
        value[starts],
        np.add.reduceat(count[order], starts),
        np.minimum.reduceat(row[order], starts),
    )


def mostly(pairs: Pairs) -> tuple[Numbers, Numbers, NDArray[np.int64], NDArray[np.int64]]:
    """For each key the value that it has most often (of equals the smallest), its rows, how many values."""
    import numpy as np

    key, value, count, _ = pairs
    start = firsts(key)
    if not len(start):
        return key, value, count, count
    total = np.add.reduceat(count, start)
    kinds = np.diff(np.append(start, len(key)))
    order = np.lexsort((value, -count, np.repeat(np.arange(len(start)), kinds)))
    return key[start], value[order][start], total, kinds


def firsts(*columns: NDArray[np.generic]) -> NDArray[np.intp]:
    """Where something new begins in columns that are sorted together."""
    import numpy as np

    new = np.ones(len(columns[0]), bool)
    if len(new):
        new[1:] = np.logical_or.reduce([column[1:] != column[:-1] for column in columns])
    return np.flatnonzero(new)


class Names(Spool):
    """Texts to be found again by where they were put."""

    def __enter__(self) -> Names:
        return self

    def put(self, text: str) -> int:
        """Keep a text; its place. Raises Full."""
        place = self.end
        data = text.encode("utf-8", "surrogatepass")
        self.write(len(data).to_bytes(8, "little") + data)
        return place

    def text(self, place: int) -> str:
        """The text that was put there."""
        size = int.from_bytes(self.read(8, place), "little")
        return self.read(size, place + 8).decode("utf-8", "surrogatepass")


class Twice:
    """The lines of a run's records once more: files are read again, anything else is copied to scratch."""

    def __init__(self, run: Run) -> None:
        paths = [*run.args.files, *(run.args.input or ())] or ["-"]
        again = all(path != "-" and os.path.isfile(path) for path in paths)
        self._run = run
        self._again = Again(paths, run.args.max_record) if again else None
        self._copy = None if again else Spool()
        self._count = 0

    def __enter__(self) -> Twice:
        return self

    def __exit__(self, *_: object) -> None:
        if self._copy is not None:
            self._copy.__exit__(None, None, None)

    def row(self, line: bytes) -> int:
        """The number that the record just read, of this line, has in the second reading. Raises Full."""
        if self._copy is None:
            # What could not be used is a line of the second reading too.
            return self._run.read - self._run.reasons["too-long"] - 1
        self._copy.write(line + b"\n")
        self._count += 1
        return self._count - 1

    def lines(self) -> Iterator[bytes]:
        """All lines, in order. Raises Changed for a file that is not what it was."""
        if self._again is not None:
            return self._again.lines()
        assert self._copy is not None
        return self._copy.lines()


def rows_of(path: str) -> Iterator[tuple[int, dict[str, object]]]:
    """(line number, object) of a file of JSON lines. Raises jsonl.Bad, its text beginning with FILE:LINE."""
    try:
        for number, line in jsonl.lines(path):
            if not line or line.isspace():
                continue
            try:
                row = jsonl.decode(line)
            except jsonl.Bad as error:
                raise jsonl.Bad(error.reason, f"{path}:{number}: {error.what}") from None
            if type(row) is not dict:
                raise jsonl.Bad("not-object", f"{path}:{number}: not a JSON object")
            yield number, row
    except jsonl.Corrupt as error:
        raise jsonl.Bad("corrupt", f"{path}: {error}") from None
