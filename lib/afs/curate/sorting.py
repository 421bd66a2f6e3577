"""Rows of whole numbers in order, however many there are: what memory cannot hold waits sorted in scratch."""

from __future__ import annotations

import os

from afs.curate.rows import Rows

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType

    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.uint64]
# Rows are held once as they came, once in order, and their order once.
_COPIES = 4
_LEAST = 1 << 10
_NEAR = 64


class Table(Rows):
    """Rows of whole numbers that are found again by their number."""

    def __enter__(self) -> Table:
        return self

    def stretch(self, part: range) -> Numbers:
        """Rows that follow each other."""
        import numpy as np

        size = 8 * self.width
        data = self.read(len(part) * size, part.start * size)
        return np.frombuffer(data, "<u8").reshape(-1, self.width)

    def recount(self) -> None:
        """Count the rows that another process has written."""
        self.flush()
        self.count = os.fstat(self._fd).st_size // (8 * self.width)

    def append(self, other: Table) -> None:
        """Add all rows of another table. Raises spool.Full."""
        for data in other.blocks():
            self.write(data)
        self.count = self.end // (8 * self.width)

    def pick(self, numbers: Numbers) -> Numbers:
        """Rows by their numbers, which rise. Those that are near each other are read at once."""
        import numpy as np

        if not len(numbers):
            return self.stretch(range(0))
        cuts = np.flatnonzero(np.diff(numbers) > _NEAR) + 1
        parts = []
        for few in np.split(numbers.astype(np.int64), cuts):
            for start in range(0, len(few), _LEAST):
                some = few[start : start + _LEAST]
                parts.append(self.stretch(range(int(some[0]), int(some[-1]) + 1))[some - some[0]])
        return np.concatenate(parts)


class Sorter:
    """Rows of `width` numbers of 64 bits, sorted by all of them, in so many bytes of memory.

    With `distinct` equal rows count once. Rows may be added after a reading, which starts anew each time.
    """

    def __init__(self, width: int, memory: int, distinct: bool = False) -> None:
        self._width = width
        self._most = max(memory // (8 * width * _COPIES), _LEAST)
        self._distinct = distinct
        self._held: list[Numbers] = []
        self._size = 0
        self._few: list[int] = []
        self._runs: list[range] = []
        self._rows: Table | None = None

    def __enter__(self) -> Sorter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held = []
        if self._rows is not None:
            self._rows.__exit__(kind, error, trace)

    def add(self, table: Numbers) -> None:
        """Add the rows of an array. Raises spool.Full."""
        for start in range(0, len(table), self._most):
            part = table[start : start + self._most]
            self._held.append(part)
            self._size += len(part)
            if self._size >= self._most:
                self._spill()

    def row(self, *numbers: int) -> None:
        """Add one row. Raises spool.Full."""
        self._few += numbers
        if len(self._few) >= _LEAST * self._width:
            self._settle()

    def blocks(self) -> Iterator[Numbers]:
        """All rows in order, in arrays that are not empty."""
        self._settle()
        if self._runs:
            if self._size:
                self._spill()
            yield from self._merged()
        elif self._size:
            self._held = [self._sorted(self._held)]
            self._size = len(self._held[0])
            for start in range(0, self._size, self._most):
                yield self._held[0][start : start + self._most]

    def _settle(self) -> None:
        if self._few:
            import numpy as np

            table = np.array(self._few, np.uint64).reshape(-1, self._width)
            self._few = []
            self.add(table)

    def _sorted(self, tables: Sequence[Numbers]) -> Numbers:
        import numpy as np

        table = in_order(tables[0] if len(tables) == 1 else np.concatenate(tables))
        if self._distinct and len(table) > 1:
            new = np.ones(len(table), bool)
            new[1:] = (table[1:] != table[:-1]).any(axis=1)
            table = table[new]
        return table

    def _spill(self) -> None:
        table = self._sorted(self._held)
        self._held, self._size = [], 0
        if self._rows is None:
            self._rows = Table(self._width)
        self._runs.append(range(self._rows.count, self._rows.count + len(table)))
        self._rows.extend(table)

    def _merged(self) -> Iterator[Numbers]:
        """Of each run a stretch is held; all that no later stretch can come before is put in order."""
        assert self._rows is not None
        step = max(self._most // (2 * len(self._runs)), _LEAST // 4, 1)
        left = list(self._runs)
        held = [self._rows.stretch(range(0)) for _ in left]
        while True:
            for at, run in enumerate(left):
                if run and not len(held[at]):
                    held[at] = self._rows.stretch(run[:step])
                    left[at] = run[step:]
            ends = [tuple(table[-1].tolist()) for table, run in zip(held, left, strict=True) if run]
            if not ends:
                rest = [table for table in held if len(table)]
                if rest:
                    yield self._sorted(rest)
                return
            limit, parts = min(ends), []
            for at, table in enumerate(held):
                cut = _up_to(table, limit)
                if cut:
                    parts.append(table[:cut])
                    held[at] = table[cut:]
            yield self._sorted(parts)


def _up_to(table: Numbers, limit: tuple[int, ...]) -> int:
    """How many rows come before a limit or are equal to it."""
    from bisect import bisect_right

    return bisect_right(range(len(table)), limit, key=lambda row: tuple(table[row].tolist()))


def in_order(table: Numbers) -> Numbers:
    """The rows sorted by all their numbers; those of one first number are looked at once more."""
    import numpy as np

    table = table[np.argsort(table[:, 0])]
    same = table[1:, 0] == table[:-1, 0]
    if same.any():
        tied = np.zeros(len(table), bool)
        tied[1:] = same
        tied[:-1] |= same
        at = np.flatnonzero(tied)
        part = table[at]
        table[at] = part[np.lexsort(part.T[::-1])]
    return table
