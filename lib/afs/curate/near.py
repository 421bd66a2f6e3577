"""Samples that say nearly the same: pairs whose sets of grams have at least a given Jaccard similarity.

MinHash sketches are cut into bands (Indyk and Motwani 1998); records that agree in a band may be alike.
Of those the sketches estimate the similarity, and where that comes near the threshold the grams themselves
decide. All that grows with the input stands in scratch, but for two bytes a record.
"""

from __future__ import annotations

from afs.curate import sketch
from afs.curate.matches import KEPT, NEAR, REFERENCE
from afs.curate.places import FIRST
from afs.curate.sorting import Sorter, Table
from afs.curate.spool import Spool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from afs.curate.matches import State
    from afs.curate.sorting import Numbers

# Of pairs that are just at the threshold so many may be missed.
_MISSED = 0.0005
# How many records before it in its bucket a record is compared with; those behind these only with the
# first and their neighbours, and that in so many bands.
_WINDOW = 16
_NEIGHBOURS = 8
_CROWDED = 16
ROUNDS = 4
_STACK = 1 << 13
_PAIRS = 1 << 14
# More than the bits of any similarity.
TOP = 1 << 62


def banding(threshold: float) -> tuple[int, int]:
    """(bands, rows of a band) for a threshold: as many rows as miss no more than _MISSED of the pairs."""
    for rows in range(16, 1, -1):
        bands = sketch.PERMUTATIONS // rows
        if (1 - threshold**rows) ** bands <= _MISSED:
            return bands, rows
    return sketch.PERMUTATIONS, 1


class Sketches:
    """What is known of each record that has words: number, rank, the keys of its bands, a print.

    A print is the lowest byte of each minimum. Band keys stand in stacks, band after band, each with its
    height before it.
    """

    def __init__(self, bands: int) -> None:
        self.bands = bands
        self.docs = Table(2)
        self.prints = Table(sketch.PERMUTATIONS // 8)
        self._stacks = Spool()
        self._held: list[Numbers] = []
        self._height = 0

    def __enter__(self) -> Sketches:
        return self

    def __exit__(self, *_: object) -> None:
        for scratch in (self.docs, self.prints, self._stacks):
            scratch.__exit__(None, None, None)

    def add(self, docs: Numbers, minima: NDArray[np.uint32], asked: Numbers) -> None:
        """Add records with their sketches, one in each column. Raises spool.Full."""
        import numpy as np

        self.docs.extend(docs)
        prints = np.ascontiguousarray(minima.astype(np.uint8).T)
        self.prints.extend(prints.view(np.uint64))
        self._held.append(sketch.band_keys(minima, self.bands, asked))
        self._height += len(docs)
        if self._height >= _STACK:
            self.finish()

    def finish(self) -> None:
        """Write the stack that is being filled. Raises spool.Full."""
        import numpy as np

        if self._height:
            self._stacks.write(self._height.to_bytes(8, "little") + np.hstack(self._held).tobytes())
            self._held, self._height = [], 0
        for scratch in (self.docs, self.prints, self._stacks):
            scratch.flush()

    def append(self, other: Sketches) -> None:
        """Add what another process has put into `other`. Raises spool.Full."""
        for mine, theirs in ((self.docs, other.docs), (self.prints, other.prints)):
            mine.append(theirs)
        for data in other._stacks.blocks():
            self._stacks.write(data)

    def band(self, number: int) -> Iterator[tuple[int, Numbers]]:
        """(number of the first record, keys) of one band, stack after stack."""
        import numpy as np

        at = first = 0
        while head := self._stacks.read(8, at):
            height = int.from_bytes(head, "little")
            start = at + 8 + 8 * height * number
            yield first, np.frombuffer(self._stacks.read(8 * height, start), "<u8")
            at += 8 + 8 * height * self.bands
            first += height


def pairs(sketches: Sketches, threshold: float, state: State, memory: int, turn: int) -> tuple[Table, int]:
    """(pairs of records that may be alike, how many records met too many others to be compared with all).

    Each pair once, the one of the lower rank first, sorted. From the second turn on records that were
    dropped are left out.
    """
    import numpy as np

    crowd = np.zeros(sketches.docs.count, np.uint8)
    likely = Table(2)
    with Sorter(2, memory // 4, distinct=True) as found:
        for number in range(sketches.bands):
            with Sorter(3, memory // 4) as rows:
                for first, keys in sketches.band(number):
                    docs = sketches.docs.stretch(range(first, first + len(keys)))
                    table = np.stack(
                        (keys, docs[:, 1], np.arange(first, first + len(keys), dtype=np.uint64)), 1
                    )
                    rows.add(table if turn == 1 else table[state[docs[:, 0]] == KEPT])
                for some in _meetings(rows, crowd, turn):
                    found.add(some)
        least = threshold - 4 * (threshold * (1 - threshold) / sketch.PERMUTATIONS) ** 0.5 - 1e-6
        for block in found.blocks():
            for start in range(0, len(block), _PAIRS):
                some = block[start : start + _PAIRS]
                likely.extend(some[_estimates(sketches.prints, some) >= least])
    return likely, int((crowd > 0).sum())


def _meetings(rows: Sorter, crowd: NDArray[np.uint8], turn: int) -> Iterator[Numbers]:
    """Pairs of records of one bucket; rows are (key, rank, record).

    In a bucket of more than _WINDOW records the rest meets one of those before that and its neighbours:
    the first at the first turn, and so on, as the one before was compared with all.
    """
    import numpy as np

    last_key, last_depth, pivot = -1, -1, 0
    tail = np.empty(0, np.uint64)
    for block in rows.blocks():
        count = len(block)
        at = np.arange(count)
        new = np.ones(count, bool)
        new[1:] = block[1:, 0] != block[:-1, 0]
        new[0] = int(block[0, 0]) != last_key
        start = np.maximum.accumulate(np.where(new, at, -1))
        depth = np.where(start < 0, at + last_depth + 1, at - start)
        is_pivot = depth == turn - 1
        chosen = np.maximum.accumulate(np.where(is_pivot, at, -1))
        pivots = np.where(chosen < np.maximum(start, 0), np.uint64(pivot), block[chosen, 2])
        may = block[:, 1] != FIRST
        deep = (depth > _WINDOW) & may
        if deep.any():
            deep &= crowd[block[:, 2]] < _CROWDED
            crowd[block[deep, 2]] += 1
            yield np.stack((pivots[deep], block[deep, 2]), 1)
        near = may & (depth <= _WINDOW)
        whole = np.concatenate((tail, block[:, 2]))
        for step in range(1, _WINDOW + 1):
            some = near & (depth >= step)
            if step <= _NEIGHBOURS:
                some |= deep
            later = np.flatnonzero(some)
            if not len(later):
                break
            yield np.stack((whole[later + len(tail) - step], block[later, 2]), 1)
        last_key, last_depth, pivot = int(block[-1, 0]), int(depth[-1]), int(pivots[-1])
        tail = whole[-_WINDOW:]


def _estimates(prints: Table, some: Numbers) -> NDArray[np.float64]:
    """The similarity of pairs as their sketches have it."""
    import numpy as np

    numbers, index = np.unique(some, return_inverse=True)
    found = prints.pick(numbers).view(np.uint8)
    index = index.reshape(some.shape)
    same = (found[index[:, 0]] == found[index[:, 1]]).mean(axis=1)
    return np.asarray((same - 1 / 256) * (256 / 255))


def choose(edges: Sorter, state: State, memory: int) -> Sorter:
    """Go through the records by rank and drop what is alike to one that is kept.

    The edges are (rank, number, similarity turned round, rank, number): of the later record and of the
    earlier. The result is sorted: (number, number of the one that is kept, similarity), with the bits of
    the similarity as a whole number.
    """
    found = Sorter(3, memory)
    for block in edges.blocks():
        for _, later, turned, rank, earlier in block.tolist():
            if state[later] == KEPT and state[earlier] == KEPT:
                state[later] = REFERENCE if rank == FIRST else NEAR
                found.row(later, earlier, TOP - turned)
    return found
