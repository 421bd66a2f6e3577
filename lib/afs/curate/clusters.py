"""Groups that belong together: near-duplicates that afs-dedupe --clusters names.

A cluster joins the groups of its records. Of what is joined one group gives its place to all, chosen by a
hash of the places, so that the sizes of the parts stay within chance.
"""

from __future__ import annotations

from afs import jsonl
from afs.curate.rows import firsts, merged, mostly, rows_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from afs.curate.rows import Numbers, Rows


class Clusters:
    """Which cluster a record is in, by the 64-bit hash of its sample_id."""

    def __init__(self, ids: Numbers, numbers: Numbers) -> None:
        self.ids = ids
        self.numbers = numbers

    def of(self, ids: Numbers) -> Numbers:
        """The numbers, from 1, of the clusters of records; 0 for a record that is in none."""
        import numpy as np

        if not len(self.ids):
            return np.zeros(len(ids), np.uint64)
        at = np.searchsorted(self.ids, ids)
        at[at == len(self.ids)] = 0
        return np.where(self.ids[at] == ids, self.numbers[at], np.uint64(0))


def id_of(name: object) -> int:
    """The hash of a sample_id; 0 where there is none."""
    from xxhash import xxh3_64_intdigest

    if not name or type(name) is not str:
        return 0
    return int(xxh3_64_intdigest(name.encode("utf-8", "surrogatepass"))) or 1


def read(path: str, most: int) -> Clusters:
    """The clusters of a file whose rows have `cluster` and `sample_id`. About 50 bytes a row are held.

    A record in several clusters joins them. Raises jsonl.Bad for a file that is something else and for one
    of more than `most` rows, its text beginning with the file's name; and OSError.
    """
    import numpy as np

    ids: list[int] = []
    numbers: list[int] = []
    known: dict[int, int] = {}
    for line, row in rows_of(path):
        cluster, name = row.get("cluster"), id_of(row.get("sample_id"))
        if type(cluster) not in (int, str) or "sample_id" not in row:
            what = "no row of afs-dedupe --clusters: it needs cluster and sample_id"
            raise jsonl.Bad("clusters", f"{path}:{line}: {what}")
        if not name:  # a record without an id cannot be found again
            continue
        key = id_of(str(cluster))
        numbers.append(known.setdefault(key, len(known) + 1))
        ids.append(name)
        if len(ids) > most:
            raise jsonl.Bad("memory", f"{path}: has more than {most} rows; raise --memory")
    id_array, number = np.array(ids, np.uint64), np.array(numbers, np.uint64)
    label = _components(np.unique(id_array, return_inverse=True)[1], number.astype(np.intp) - 1)
    order = np.argsort(id_array, kind="stable")
    id_array, label = id_array[order], label[order]
    start = firsts(id_array)
    return Clusters(id_array[start], label[start].astype(np.uint64) + np.uint64(1))


def _components(left: NDArray[np.intp], right: NDArray[np.intp]) -> NDArray[np.intp]:
    """For each edge between nodes of two kinds the number of what it hangs together with."""
    import numpy as np

    if not len(left):
        return left
    left_label = np.arange(int(left.max()) + 1)
    right_label = np.full(int(right.max()) + 1, len(left_label))
    while True:
        before = left_label.copy()
        np.minimum.at(right_label, right, left_label[left])
        np.minimum.at(left_label, left, right_label[right])
        left_label = left_label[left_label]  # a label is a node too: what that one found counts for this
        if np.array_equal(before, left_label):
            return left_label[left]


class Links:
    """Places that stand for others."""

    def __init__(self, source: Numbers, target: Numbers) -> None:
        self._source = source
        self._target = target

    def __call__(self, places: Numbers) -> Numbers:
        import numpy as np

        if not len(self._source):
            return places
        at = np.searchsorted(self._source, places)
        at[at == len(self._source)] = 0
        return np.where(self._source[at] == places, self._target[at], places)


def links(rows: Rows, clusters: Clusters, old: Rows | None) -> tuple[Links, int, int]:
    """(links, groups that are joined to another, clusters that --previous has parted).

    The rows hold place, stratum and id, those of `old` place and part. An old group stands for itself, and
    for the others of its cluster.
    """
    import numpy as np

    held: list[tuple[Numbers, Numbers]] = []
    for _, chunk in rows.chunks():
        number = clusters.of(chunk[:, 2])
        keep = (number > 0) & (chunk[:, 1] > 0)
        held.append(_distinct(chunk[keep, 0], number[keep]))
        if len(held) > 16:
            held = [_distinct(*(np.concatenate(column) for column in zip(*held, strict=True)))]
    if not held:
        none = np.empty(0, np.uint64)
        return Links(none, none), 0, 0
    place, number = _distinct(*(np.concatenate(column) for column in zip(*held, strict=True)))
    places, index = np.unique(place, return_inverse=True)
    label = np.empty(len(places), np.intp)
    label[index] = _components(index, number.astype(np.intp) - 1 if len(number) else index)
    kept, part = _kept(places, old)
    # First of each component stands who gives the place: a group that has its part, else any.
    order = np.lexsort((_mixed(places), ~kept, label))
    start = firsts(label[order])
    size = np.diff(np.append(start, len(order)))
    giver = np.repeat(places[order][start], size)
    source = places[order]
    change = ~kept[order] & (source != giver)
    back = np.argsort(source[change])
    parted = sum(len(np.unique(found)) > 1 for found in _split_by(label[kept], part[kept]))
    return Links(source[change][back], giver[change][back]), int((np.repeat(size, size) > 1).sum()), parted


def _distinct(place: Numbers, number: Numbers) -> tuple[Numbers, Numbers]:
    import numpy as np

    order = np.lexsort((number, place))
    place, number = place[order], number[order]
    start = firsts(place, number)
    return place[start], number[start]


def _kept(places: Numbers, old: Rows | None) -> tuple[NDArray[np.bool_], Numbers]:
    """Which of the places, in order, are old, and their parts."""
    import numpy as np

    part = np.zeros(len(places), np.uint64)
    held = []
    for _, chunk in old.chunks() if old is not None and len(places) else ():
        chunk = chunk[np.isin(chunk[:, 0], places)]
        once = np.ones(len(chunk), np.int64)
        held.append(merged(chunk[:, 0], chunk[:, 1], once, once))
    if held:
        key, value, _, _ = mostly(merged(*(np.concatenate(column) for column in zip(*held, strict=True))))
        part[np.searchsorted(places, key)] = value
    return part > 0, part


def _split_by(label: NDArray[np.intp], part: Numbers) -> Iterator[Numbers]:
    import numpy as np

    order = np.argsort(label, kind="stable")
    if len(order):
        yield from np.split(part[order], firsts(label[order])[1:])


def _mixed(places: Numbers) -> Numbers:
    """Another hash of the places (the finish of SplitMix64, by Steele, Lea and Flood)."""
    import numpy as np

    mixed = (places ^ (places >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
