"""Train, val and test by group, as a hash of seed and group decides.

A group's place is a number that depends on the seed and its name alone, and a part is a stretch of
those numbers: adding data moves no group. Sizes are within chance of the shares. What has to be decided
over all groups at once is in afs.curate.assign.
"""

from __future__ import annotations

from afs import jsonl, sample
from afs.messages import fail

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Any

    from afs.curate.rows import Rows
    from afs.curate.spool import Spool
    from afs.run import Run

    Row = tuple[bytes, int]
    Parts = tuple[range, range, range]

PARTS = ("train", "val", "test")
# With fewer groups than parts the first of these are filled.
FIRST = (0, 2, 1)
_PLACES = 1 << 64
# Groups that are counted in memory; more go to scratch.
_HELD = 1 << 18
_STRETCH = 1 << 18
# Of so many groups it is still known in full which could fill an empty part.
_SEEN = 1 << 10
NEAREST = 4


def parts(train: float, val: float) -> Parts:
    """The places of train, val and test for the shares of the first two; test has the rest.

    Raises ValueError if the shares are more than the whole.
    """
    if train + val > 1 + 1e-9:
        raise ValueError("the shares are more than 1")
    first = int(train * _PLACES)
    second = _PLACES if train + val > 1 - 1e-9 else int((train + val) * _PLACES)
    return range(first), range(first, second), range(second, _PLACES)


def group_of(record: Mapping[str, Any]) -> str:
    """The name of what may not be parted: the conversation, else the sample's id, else its content.

    Raises jsonl.Bad for a record that has none of these.
    """
    metadata = record.get("_metadata")
    group = metadata.get("group") if type(metadata) is dict else None
    if group is not None and type(group) is not str:
        raise jsonl.Bad("not-sample", "field '_metadata.group' must be a string or null")
    name = group or record.get("sample_id")
    if name and type(name) is str:
        return name
    if wrong := sample.check(record):
        raise jsonl.Bad("not-sample", wrong)
    return f"{sample.content_key(record):032x}"


def field_of(record: Mapping[str, Any], path: list[str]) -> str:
    """The value under a path of keys as a name; "" where the record has none.

    Raises jsonl.Bad for a value that names no group: a list or an object.
    """
    value: Any = record
    for key in path:
        value = value.get(key) if type(value) is dict else None
    if value is None:
        return ""
    if type(value) is str:
        return value
    if type(value) in (list, dict):
        raise jsonl.Bad("group", f"field '{'.'.join(path)}' must be a string, a number or a boolean")
    return jsonl.encode(value).decode()


def placer(seed: int) -> Callable[[str], int]:
    """What gives a group's number from 0 to 2**64 (XXH3, 64 bits, of the seed's text and the name)."""
    from xxhash import xxh3_64_intdigest

    def place(group: str) -> int:
        try:
            return int(xxh3_64_intdigest(f"{seed}\0{group}".encode()))
        except UnicodeEncodeError:
            return int(xxh3_64_intdigest(f"{seed}\0{group}".encode("utf-8", "surrogatepass")))

    return place


def names(run: Run, field: str) -> Iterator[tuple[bytes, dict[str, Any], str]]:
    """(line, record, name of its group) of every record that has one.

    Ends the run as wrongly used where no record has the field that groups are made by.
    """
    path = field.split(".")
    named = 0
    for line, record in run.records():
        try:
            if field and (group := field_of(record, path)):
                named += 1
            else:
                group = group_of(record)
        except jsonl.Bad as error:
            run.reject(error.reason, error.what)
            continue
        yield line, record, group
    if not field:
        return
    if run.read > run.rejected and not named:
        fail(f"no record has the field '{field}' of --group-by; name one that they have")
    if missing := run.read - run.rejected - named:
        run.count["without_field"] = missing


def placed(run: Run, field: str, seed: int, groups: Groups) -> Iterator[Row]:
    """(line, place of its group) of every record that has one. The groups are counted. Raises Full."""
    place, add = placer(seed), groups.add
    last, at = "", -1
    if field:
        for line, _, group in names(run, field):
            if group != last:
                last, at = group, place(group)
                add(at)
            yield line, at
        return
    for line, record in run.records():
        try:  # what group_of does, without a call for each record
            group = record["_metadata"]["group"] or record["sample_id"]
        except (KeyError, TypeError):
            group = ""
        if group != last or not group:
            try:
                last = group if group and type(group) is str else group_of(record)
            except jsonl.Bad as error:
                run.reject(error.reason, error.what)
                continue
            at = place(last)
            add(at)
        yield line, at


class Groups:
    """How many groups there are: their places, in memory or, if there are many, in scratch."""

    def __init__(self) -> None:
        self._held: set[int] = set()
        self._rows: Rows | None = None

    def __enter__(self) -> Groups:
        return self

    def __exit__(self, *_: object) -> None:
        if self._rows is not None:
            self._rows.__exit__(None, None, None)

    def add(self, at: int) -> None:
        """Count a place. Raises Full."""
        self._held.add(at)
        if len(self._held) > _HELD:
            self._spill()

    def _spill(self) -> None:
        from afs.curate.rows import Rows

        self._rows = self._rows or Rows(1)
        for at in self._held:
            self._rows.add(at)
        self._held.clear()

    def counts(self, bounds: Parts, moved: Mapping[int, int]) -> list[int]:
        """The groups of each part, those in `moved` where they were moved to."""
        found = [0, 0, 0]
        if self._rows is None:
            for at in self._held:
                found[part_of(at, bounds)] += 1
        else:
            self._spill()
            for keys in self._rows.keys(_STRETCH):
                ends = [int(keys.searchsorted(keys.dtype.type(bound.stop - 1), "right")) if bound.stop else 0
                        for bound in bounds]  # fmt: skip
                for part, end in enumerate(ends):
                    found[part] += end - (ends[part - 1] if part else 0)
        for at, part in moved.items():
            found[part_of(at, bounds)] -= 1
            found[part] += 1
        return found


def distribute(
    rows: Iterable[Row], bounds: Parts, write: tuple[Callable[[bytes], None], ...], spool: Spool
) -> dict[int, int]:
    """Write each (line, place) into its part, in order. {place: part} of the groups that were moved.

    Until every part has a group, lines wait in `spool`, an empty file: only then is it known whether a
    part would stay empty and has to be given a group.
    """
    stream = iter(rows)
    settled, seen = _spool(stream, bounds, spool)
    moved = {} if settled else fill({at: part_of(at, bounds) for at in sorted(seen)}, bounds)
    train, val, test = write
    first, second = bounds[0].stop, bounds[1].stop
    for row in spool.lines():
        at = int(row[:16], 16)
        write[moved.get(at, part_of(at, bounds))](row[16:])
    for line, at in stream:
        (train if at < first else val if at < second else test)(line)
    return moved


def _spool(stream: Iterator[Row], bounds: Parts, spool: Spool) -> tuple[bool, set[int]]:
    """Whether every part that has a share got a group before the end, and places that could fill one."""
    empty = {part for part in range(3) if bounds[part]}
    seen: set[int] = set()
    for line, at in stream:
        spool.write(b"%016x%b\n" % (at, line))
        seen.add(at)
        empty.discard(part_of(at, bounds))
        if not empty:
            return True, seen
        if len(seen) > _SEEN:
            seen = nearest(seen, bounds)
    return False, seen


def part_of(at: int, bounds: Parts) -> int:
    """The part in whose stretch a place lies."""
    return 0 if at < bounds[0].stop else 1 if at < bounds[1].stop else 2


def nearest(seen: Iterable[int], bounds: Parts) -> set[int]:
    """Of the places of each part those nearest to its borders: no other can be the nearest to a part.

    At most two groups are moved out of a part, and one has to stay.
    """
    inside: tuple[list[int], list[int], list[int]] = ([], [], [])
    for at in sorted(seen):
        inside[part_of(at, bounds)].append(at)
    return {at for places in inside for at in (*places[:NEAREST], *places[-NEAREST:])}


def fill(held: Mapping[int, int], bounds: Parts, fixed: Iterable[int] = (0, 0, 0)) -> dict[int, int]:
    """{place: part} of the groups to move so that no part that has a share stays empty, nearest first.

    `held` says where the groups are that may move, `fixed` how many each part has that may not. With
    fewer groups than parts the parts of FIRST are filled, and the others give up what they have.
    """
    sizes = list(fixed)
    wanted = [part for part in FIRST if bounds[part]][: len(held) + sum(sizes)]
    held = dict(held)
    for part in held.values():
        sizes[part] += 1
    moved: dict[int, int] = {}

    def move(at: int, part: int) -> None:
        sizes[held[at]] -= 1
        sizes[part] += 1
        held[at] = moved[at] = part

    for part in wanted:
        if not sizes[part]:
            spare = [at for at in held if held[at] not in wanted or sizes[held[at]] > 1]
            if spare:
                move(min(spare, key=lambda at, part=part: _distance(at, bounds[part])), part)  # type: ignore[misc]
    for at in held:
        if held[at] not in wanted:
            move(at, min(wanted, key=lambda part, at=at: _distance(at, bounds[part])))  # type: ignore[misc]
    return moved


def _distance(at: int, bound: range) -> int:
    return max(bound.start - at, at - bound.stop + 1, 0)
