"""Train, val and test by group, as a hash of seed and group decides.

A group's place is a number that depends on the seed and its name alone, and a part is a stretch of
those numbers: adding data moves no group. Sizes are within chance of the shares.
"""

from __future__ import annotations

from afs import jsonl, sample

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Any

    from afs.curate.spool import Spool

    Row = tuple[bytes, int]
    Parts = tuple[range, range, range]

PARTS = ("train", "val", "test")
# With fewer groups than parts the first of these are filled.
_FIRST = (0, 2, 1)
_PLACES = 1 << 64


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
        return int(xxh3_64_intdigest(f"{seed}\0{group}".encode("utf-8", "surrogatepass")))

    return place


def distribute(
    rows: Iterable[Row], bounds: Parts, write: tuple[Callable[[bytes], None], ...], spool: Spool
) -> dict[int, int]:
    """Write each (line, place) into its part, in order. {place: part} of the groups that were moved.

    Until every part has a group, lines wait in `spool`, an empty file: only then is it known whether a
    part would stay empty and has to be given a group.
    """
    stream = iter(rows)
    settled, seen = _spool(stream, bounds, spool)
    moved = {} if settled else _fill(seen, bounds)
    train, val, test = write
    first, second = bounds[0].stop, bounds[1].stop
    for row in spool.lines():
        at = int(row[:16], 16)
        write[moved.get(at, _part(at, bounds))](row[16:])
    for line, at in stream:
        (train if at < first else val if at < second else test)(line)
    return moved


def _spool(stream: Iterator[Row], bounds: Parts, spool: Spool) -> tuple[bool, set[int]]:
    """Whether every part that has a share got a group before the end, and the places seen until then."""
    empty = {part for part in range(3) if bounds[part]}
    seen: set[int] = set()
    for line, at in stream:
        spool.write(b"%016x%b\n" % (at, line))
        seen.add(at)
        empty.discard(_part(at, bounds))
        if not empty:
            return True, seen
    return False, seen


def _part(at: int, bounds: Parts) -> int:
    return 0 if at < bounds[0].stop else 1 if at < bounds[1].stop else 2


def _fill(seen: set[int], bounds: Parts) -> dict[int, int]:
    """The groups to move so that no part that has a share stays empty, nearest first.

    With fewer groups than parts the parts of _FIRST are filled, and the others give up what they have.
    """
    wanted = [part for part in _FIRST if bounds[part]][: len(seen)]
    held: dict[int, int] = {at: _part(at, bounds) for at in sorted(seen)}
    sizes = [0, 0, 0]
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
            move(min(spare, key=lambda at, part=part: _distance(at, bounds[part])), part)  # type: ignore[misc]
    for at in held:
        if held[at] not in wanted:
            move(at, min(wanted, key=lambda part, at=at: _distance(at, bounds[part])))  # type: ignore[misc]
    return moved


def _distance(at: int, bound: range) -> int:
    return max(bound.start - at, at - bound.stop + 1, 0)
