"""Parts for all groups at once: exact sizes, strata, groups that stay where they were.

Groups are ranked by their place within a stratum and cut where the shares are reached, counted in records.
One group goes to train, two go to train and test, of three or more each part gets one. Groups larger than
what the smaller parts should have come first in the rank, so that they go to the largest.
"""

from __future__ import annotations

from afs.curate.rows import Rows, mostly
from afs.curate.split import FIRST, NEAREST, fill, nearest, part_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from afs.curate.rows import Numbers
    from afs.curate.split import Parts

    Whole = NDArray[np.int64]
    Moved = Callable[[Numbers], Numbers]
    Deal = Iterator[tuple[Numbers, NDArray[np.intp]]]

# The columns of a table of groups: place, records, stratum (from 0), and the part that it keeps (from 1).
_PLACE, _SIZE, _STRATUM, _KEPT = range(4)


class Outcome:
    """What was decided: parts by row, and how it came out."""

    def __init__(self, strata: int) -> None:
        self.parts = b""
        # By stratum and part.
        self.groups: list[list[int]] = [[0, 0, 0] for _ in range(strata)]
        self.records: list[list[int]] = [[0, 0, 0] for _ in range(strata)]
        self.moved = [0, 0, 0]  # groups that an empty part got from another
        self.old = self.kept = self.parted = 0
        self.mixed = 0


def decide(
    rows: Rows, old: Rows | None, links: Moved | None, bounds: Parts, strata: list[int], most: int
) -> Outcome:
    """The part of every row (place, stratum from 1, ...); a row of zeros gets none.

    `old` has rows of (place, part from 1), `links` says which places stand for others. Without `strata` the
    place alone decides, else rank and quota do: it has for each stratum its number in the outcome, from 1.
    """
    import numpy as np

    def moved(places: Numbers) -> Numbers:
        return links(places) if links else places

    ranks = np.array([0, *(strata or [1])], np.uint64)
    outcome = Outcome(len(ranks) - 1)
    parts = np.zeros(rows.count, np.uint8)
    with Rows(4) as groups:
        _collect(rows, old, moved, ranks, groups, outcome, most)
        deal = (
            _by_rank(groups, bounds, len(strata), most)
            if strata
            else _by_place(groups, bounds, outcome, most)
        )
        for table, part in deal:
            _count(table, part, outcome)
            _spread(rows, moved, table[:, _PLACE], part, parts)
    outcome.parts = parts.tobytes()
    return outcome


def _collect(
    rows: Rows, old: Rows | None, moved: Moved, ranks: Numbers, groups: Rows, outcome: Outcome, most: int
) -> None:
    """Write the table of groups in order of place."""
    import numpy as np

    def look(chunk: Numbers) -> tuple[Numbers, Numbers]:
        return moved(chunk[:, 0]), ranks[chunk[:, 1]]

    # Both are read in the same stretches: rows of both may fall into one.
    stretches = max(-(-rows.count // most), -(-old.count // most) if old is not None else 0, 1)
    before = old.stretched(stretches, most) if old is not None else None
    for pairs in rows.stretched(stretches, most, look):
        place, stratum, size, kinds = mostly(pairs)
        table = np.zeros((len(place), 4), np.uint64)
        table[:, _PLACE], table[:, _SIZE], table[:, _STRATUM] = place, size, stratum - np.uint64(1)
        outcome.mixed += int((kinds > 1).sum())
        if before is not None:
            known, part, _, kinds = mostly(next(before))
            here = np.isin(known, place, assume_unique=True)
            table[np.searchsorted(place, known[here]), _KEPT] = part[here]
            outcome.old += len(known)
            outcome.kept += int(here.sum())
            outcome.parted += int((kinds > 1).sum())
        groups.extend(table)


def _count(table: Numbers, part: NDArray[np.intp], outcome: Outcome) -> None:
    import numpy as np

    key = table[:, _STRATUM].astype(np.intp) * 3 + part
    keys, at = np.unique(key, return_inverse=True)
    sizes = np.zeros(len(keys), np.int64)
    np.add.at(sizes, at, table[:, _SIZE].astype(np.int64))
    for key, groups, size in zip(keys.tolist(), np.bincount(at).tolist(), sizes.tolist(), strict=True):
        outcome.groups[key // 3][key % 3] += groups
        outcome.records[key // 3][key % 3] += size


def _spread(
    rows: Rows, moved: Moved, places: Numbers, part: NDArray[np.intp], parts: NDArray[np.uint8]
) -> None:
    """Give the rows of these groups, whose places are in order, their parts."""
    import numpy as np

    if not len(places):
        return
    for first, chunk in rows.chunks():
        place = moved(chunk[:, 0])
        here = np.flatnonzero((chunk[:, 1] > 0) & (place >= places[0]) & (place <= places[-1]))
        at = np.searchsorted(places, place[here])
        parts[here + first] = part[at] + 1


# --- by place -----------------------------------------------------------------------------------------


def _by_place(groups: Rows, bounds: Parts, outcome: Outcome, most: int) -> Deal:
    """The groups with their parts by hash; a part that would stay empty gets the nearest group."""
    import numpy as np

    fixed = [0, 0, 0]
    near: set[int] = set()
    for _, table in groups.chunks(most):
        free = table[table[:, _KEPT] == 0, _PLACE]
        for places in np.split(free, _parts_of(free, bounds).searchsorted((1, 2))):
            near.update(map(int, (*places[:NEAREST], *places[-NEAREST:])))
        for at, number in enumerate(np.bincount(table[:, _KEPT].astype(np.intp), minlength=4)[1:].tolist()):
            fixed[at] += number
    near = nearest(near, bounds)
    moved = fill({at: part_of(at, bounds) for at in sorted(near)}, bounds, fixed)
    for home in moved.values():
        outcome.moved[home] += 1
    for _, table in groups.chunks(most):
        kept = table[:, _KEPT].astype(np.intp)
        part = np.where(kept > 0, kept - 1, _parts_of(table[:, _PLACE], bounds))
        for place, home in moved.items():
            part[(table[:, _PLACE] == place) & (kept == 0)] = home
        yield table, part


def _parts_of(places: Numbers, bounds: Parts) -> NDArray[np.intp]:
    import numpy as np

    first, second = (bound.stop for bound in bounds[:2])
    part = np.zeros(len(places), np.intp)
    for stop in (first, second):
        if stop < 1 << 64:
            part += places >= np.uint64(stop)
    return part


# --- by rank ------------------------------------------------------------------------------------------


def _by_rank(groups: Rows, bounds: Parts, strata: int, most: int) -> Deal:
    """The groups with their parts by rank within the stratum."""
    import numpy as np

    shares = [(bound.stop - bound.start) / (1 << 64) for bound in bounds]
    order = sorted(range(3), key=lambda part: (-shares[part], part))
    number, total, old_number, old_total = _totals(groups, strata, most)
    quota, least = _quotas(shares, number, total, old_number, old_total)
    quota, least = quota[:, order], least[:, order]
    limit = np.maximum(quota[:, 1], 1)
    # What stands before the first of the other groups of a stratum: its large ones.
    large = np.zeros((2, 2 * strata), np.int64)
    for _, table in groups.chunks(most):
        free = table[table[:, _KEPT] == 0]
        stratum = free[:, _STRATUM].astype(np.intp)
        over = free[:, _SIZE].astype(np.int64) > limit[stratum]
        np.add.at(large[0], 2 * stratum[over] + 1, 1)
        np.add.at(large[1], 2 * stratum[over] + 1, free[over, _SIZE].astype(np.int64))
    first, taken, second = np.zeros((3, strata), np.int64)
    for table, free, _, before in _ranked(groups, limit, large, most):
        stratum, size = table[free, _STRATUM].astype(np.intp), table[free, _SIZE].astype(np.int64)
        inside = 2 * before + size < 2 * quota[stratum, 0]
        np.add.at(first, stratum, inside)
        np.add.at(taken, stratum, inside * size)
    # What the first part has too much or too little of, the others share.
    left = np.maximum(quota[:, 1] + quota[:, 2], 1)
    end = taken + np.rint((quota.sum(1) - taken) * (quota[:, 1] / left)).astype(np.int64)
    for table, free, _, before in _ranked(groups, limit, large, most):
        stratum, size = table[free, _STRATUM].astype(np.intp), table[free, _SIZE].astype(np.int64)
        np.add.at(second, stratum, 2 * before + size < 2 * end[stratum])
    first = np.clip(first, least[:, 0], np.maximum(number - least[:, 1] - least[:, 2], least[:, 0]))
    second = np.clip(second, first + least[:, 1], np.maximum(number - least[:, 2], first + least[:, 1]))
    for table, free, rank, _ in _ranked(groups, limit, large, most):
        stratum = table[free, _STRATUM].astype(np.intp)
        part = table[:, _KEPT].astype(np.intp) - 1
        walked = (rank >= first[stratum]).astype(np.intp) + (rank >= second[stratum])
        part[free] = np.array(order)[walked]
        yield table, part


def _totals(groups: Rows, strata: int, most: int) -> tuple[Whole, Whole, Whole, Whole]:
    """By stratum: the new groups and their records; by stratum and part: the old ones."""
    import numpy as np

    found = np.zeros((2, strata * 4), np.int64)
    for _, table in groups.chunks(most):
        key = table[:, _STRATUM].astype(np.intp) * 4 + table[:, _KEPT].astype(np.intp)
        np.add.at(found[0], key, 1)
        np.add.at(found[1], key, table[:, _SIZE].astype(np.int64))
    number, size = (column.reshape(strata, 4) for column in found)
    return number[:, 0], size[:, 0], number[:, 1:], size[:, 1:]


def _quotas(
    shares: list[float], number: Whole, size: Whole, old_number: Whole, old_size: Whole
) -> tuple[Whole, Whole]:
    """By stratum and part the records that the new groups should bring, and the groups that they must.

    Whole numbers by the largest remainder; what a part lost by rounding in one stratum it gets in another.
    """
    import numpy as np

    quota = np.zeros((len(number), 3), np.int64)
    least = np.zeros((len(number), 3), np.int64)
    wanted = [part for part in FIRST if shares[part]]
    carry = [0.0, 0.0, 0.0]
    for at, (groups, new) in enumerate(zip(number.tolist(), size.tolist(), strict=True)):
        if not groups:
            continue
        held, kept = old_number[at].tolist(), old_size[at].tolist()
        total = new + sum(kept)
        for part in wanted[: groups + sum(held)]:
            least[at, part] = not held[part] and least[at].sum() < groups
        need = [max(0.0, share * total - have) for share, have in zip(shares, kept, strict=True)]
        need = [value * new / sum(need) for value in need]
        given = [int(value + 1e-9) for value in need]
        spare = sorted(
            (part for part in range(3) if need[part]),
            key=lambda part, given=given, need=need: (given[part] - need[part] - carry[part], part),  # type: ignore[misc]
        )
        for part in (spare * 3)[: new - sum(given)]:
            given[part] += 1
        if groups == least[at].sum() == 1:
            given = [new * int(must) for must in least[at]]
        for part in range(3):
            most = max(range(3), key=given.__getitem__)
            if least[at, part] and not given[part] and given[most] > 1:
                given[most], given[part] = given[most] - 1, 1
        carry = [left + value - got for left, value, got in zip(carry, need, given, strict=True)]
        quota[at] = given
    return quota, least


def _ranked(
    groups: Rows, limit: Whole, large: Whole, most: int
) -> Iterator[tuple[Numbers, NDArray[np.bool_], Whole, Whole]]:
    """(table, which of it are new, their ranks, the records before them), within their strata."""
    import numpy as np

    rank_now, before_now = large.copy()
    for _, table in groups.chunks(most):
        free = table[:, _KEPT] == 0
        size = table[free, _SIZE].astype(np.int64)
        stratum = table[free, _STRATUM].astype(np.intp)
        key = 2 * stratum + (size <= limit[stratum])
        order = np.argsort(key, kind="stable")
        key, size = key[order], size[order]
        start = np.flatnonzero(np.diff(key, prepend=-1))
        length = np.diff(np.append(start, len(key)))
        run = np.cumsum(size) - size
        rank = np.empty(len(key), np.int64)
        before = np.empty(len(key), np.int64)
        rank[order] = np.arange(len(key)) - np.repeat(start, length) + rank_now[key]
        before[order] = run - np.repeat(run[start], length) + before_now[key]
        np.add.at(rank_now, key, 1)
        np.add.at(before_now, key, size)
        yield table, free, rank, before
