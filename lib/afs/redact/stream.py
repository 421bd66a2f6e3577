"""What belongs together in a stream of records: the conversations that afs-redact sees whole."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

from afs import jsonl
from afs.messages import reason_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from afs.run import Run

# A record that says that it is a piece of a stream has one of these keys: anywhere if it is short.
_PIECE = 4096
_SAYS = (b'"delta"', b'"partial_json"', b'"chunk"')
_KEYS = frozenset(key.decode().strip('"') for key in _SAYS)
# What is sent in between, so that the line stays open.
_PINGS = frozenset(("ping", "keepalive", "heartbeat"))
_STREAM = (True, "")


class Item(NamedTuple):
    """One record of an input and the bytes of its line, or a text, which has none."""

    path: str
    number: int
    offset: int
    line: bytes
    value: Any

    def __repr__(self) -> str:
        return f"Item({self.number})"


class Batch(NamedTuple):
    """Neighbouring items of one conversation. `goes_on`: it is cut here, because it is too large.

    In a `stream` one item goes on where the last ended.
    """

    items: list[Item]
    goes_on: bool = False
    stream: bool = False


def records(run: Run, memory: int) -> Iterator[Batch]:
    """The records of a run in conversations: neighbours whose `_metadata.group` is the same, and
    neighbours that are pieces of a stream. A conversation of more than `memory` bytes comes in parts."""
    held: list[Item] = []
    size = 0
    group: tuple[bool, Any] | None = None
    for line, record in run.records():
        now = _group(line, record)
        if now is None and group == _STREAM and type(kind := record.get("type")) is str and kind in _PINGS:
            now = group
        if held and (now is None or now != group):
            yield Batch(held, False, bool(group and group[0]))
            held, size = [], 0
        elif held and size + len(line) > memory:
            yield Batch(held, True, bool(group and group[0]))
            held, size = [], 0
        group = now
        held.append(Item(*run.spot(), line, record))
        size += len(line)
    if held:
        yield Batch(held, False, bool(group and group[0]))


def _group(line: bytes, record: dict[str, Any]) -> tuple[bool, Any] | None:
    """(whether it is a piece, what it belongs to), or None of a record for itself."""
    metadata = record.get("_metadata")
    if type(metadata) is dict and type(metadata.get("group")) is str and metadata["group"]:
        return False, metadata["group"]
    if len(line) < _PIECE:
        return _STREAM if any(key in line for key in _SAYS) else None
    inner = (value for value in record.values() if type(value) is dict)
    return _STREAM if any(not _KEYS.isdisjoint(each) for each in (record, *inner)) else None


def texts(run: Run, memory: int) -> Iterator[Batch]:
    """The inputs of a run as plain text, each one conversation; one of more than `memory` bytes in parts."""
    held: list[bytes] = []
    place, size = ("", 0, 0), 0
    for line in run.texts():
        path = run.place()[0]
        if held and (path != place[0] or size > memory):
            yield Batch([_text(place, held)], path == place[0])
            held, size = [], 0
        if not held:
            place = run.spot()
        held.append(line)
        size += len(line) + 1
    if held:
        yield Batch([_text(place, held)])


def _text(place: tuple[str, int, int], lines: list[bytes]) -> Item:
    return Item(*place, b"", b"\n".join(lines).decode("utf-8", "surrogateescape"))


def folders(run: Run, roots: list[str], memory: int) -> Iterator[Batch]:
    """Every file under the folders, each one conversation: JSON, JSON lines, or text of any kind."""
    for root in roots:
        for path in _files(run, root):
            run.count["files"] += 1
            try:
                yield from _file(run, path, memory)
            except OSError as error:
                run.fault(1, f"{path}: {reason_of(error)}; it was not searched")
            except jsonl.Corrupt as error:
                run.fault(1, f"{path}: {error}; what follows was not searched")


def _files(run: Run, root: str) -> Iterator[str]:
    """Regular files in the order of their names; a link is followed if it stays under the root."""

    def failed(error: OSError) -> None:
        run.fault(1, f"{error.filename}: {reason_of(error)}; it was not searched")

    top = os.path.realpath(root) + os.sep
    for folder, inner, names in os.walk(root, onerror=failed):
        inner.sort()
        for name in sorted(names):
            path = os.path.join(folder, name)
            if os.path.isfile(path) and os.path.realpath(path).startswith(top):
                yield path


def _file(run: Run, path: str, memory: int) -> Iterator[Batch]:
    """A file that is one JSON value is read whole, where it is no larger than `memory`."""
    if path.endswith(".json") and os.path.getsize(path) <= memory:
        with open(path, "rb") as file:
            data = file.read()
        try:
            value = jsonl.decode(data)
        except jsonl.Bad:
            pass  # text, then
        else:
            run.read += 1
            yield Batch([Item(path, 1, 0, data, value)])
            return
    held: list[Item] = []
    plain: list[bytes] = []
    start, size = (path, 1, 0), 0
    is_json: bool | None = None
    for number, offset, line in _lines(run, path):
        if is_json is None and line.strip():
            is_json = line.lstrip()[:1] in (b"{", b"[") and not isinstance(_value(line), str)
        if size > memory:
            yield Batch(held if is_json else [_text(start, plain)], True)
            held, plain, size = [], [], 0
        if is_json:
            held.append(Item(path, number, offset, line, _value(line)))
        else:
            start = start if plain else (path, number, offset)
            plain.append(line)
        size += len(line) + 1
    run.read += 1
    if held or plain:
        yield Batch(held if is_json else [_text(start, plain)])


def _lines(run: Run, path: str) -> Iterator[tuple[int, int, bytes]]:
    """(number, offset, line) of a file of any kind; a line that is too long is named, not searched."""
    fd = os.open(path, os.O_RDONLY)
    try:
        reader = jsonl.Reader(fd, run.args.max_record, os.fstat(fd).st_size)
        for block in reader.blocks():
            offset = reader.offset
            for number, line in enumerate(block, reader.line):
                yield number, offset, line
                offset += len(line) + 1
        for number, _, length, _ in reader.overlong:
            run.fault(
                1, f"{path}:{number}: a line of {length} bytes is over --max-record; it was not searched"
            )
    finally:
        os.close(fd)


def _value(line: bytes) -> Any:
    """What a line of JSON holds; a line of anything else as text."""
    try:
        return jsonl.decode(line)
    except jsonl.Bad:
        return line.decode("utf-8", "surrogateescape")
