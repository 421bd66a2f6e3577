"""The records of a Codex rollout file: lines of JSON, or the one document of the first generation."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

import orjson

from afs import jsonl
from afs.logs import read

if TYPE_CHECKING:
    from collections.abc import Iterator

    from afs.logs.conversation import Note

# A place in a file: line, offset and length in bytes, number of the item within the record.
Place = tuple[int, int, int, int]


def entries(path: str, note: Note) -> Iterator[tuple[int, int, int, dict[str, Any]]]:
    """(line, offset, length, record) of each record; see read.located().

    A document that is laid out over many lines is one record, whose length is that of the file.
    """
    return _document(path, note) if _is_document(path) else read.located(path, note)


def first_records(path: str, most: int) -> Iterator[dict[str, Any]]:
    """The first records of a file, as far as they can be read. Raises OSError where it cannot be opened."""

    def note(*_: Any) -> None:
        pass

    for (*_, record), _ in zip(entries(path, note), range(most), strict=False):
        yield record


def head(path: str, size: int = 1 << 16) -> bytes:
    """The first bytes of a file, unpacked."""
    with open(path, "rb", buffering=0) as opened:
        data = opened.read(size)
        if not data.startswith((b"\x1f\x8b", b"\x28\xb5\x2f\xfd")):
            return data
        opened.seek(0)
        try:
            return b"\n".join(next(jsonl.Reader(opened.fileno()).blocks(), []))[:size]
        except jsonl.Corrupt:
            return b""


def _is_document(path: str) -> bool:
    """Whether a file is one object over many lines."""
    first, newline, _ = head(path, 4096).lstrip(b"\xef\xbb\xbf \t\r\n").partition(b"\n")
    return bool(newline) and first.strip() == b"{"


def _document(path: str, note: Note) -> Iterator[tuple[int, int, int, dict[str, Any]]]:
    fd = os.open(path, os.O_RDONLY)
    try:
        size = os.fstat(fd).st_size
        lines: list[bytes] = []
        try:
            for block in jsonl.Reader(fd, to_size=size).blocks():
                lines += block
        except jsonl.Corrupt as error:
            note("bad", path, len(lines), str(error))
    finally:
        os.close(fd)
    whole = b"\n".join(lines)
    try:
        record = jsonl.decode(whole)
    except jsonl.Bad as error:
        record = _torn(whole)
        note(
            "torn" if record is not None and error.reason == "json" else "bad", path, len(lines), error.reason
        )
    if type(record) is dict:
        starts = [number for number, line in enumerate(lines, 1) if line.startswith(b"    {")]
        record["lines"] = starts  # where the client wrote it, an item begins at each of them
        yield 1, 0, size, record
    elif record is not None:
        note("bad", path, 1, "not-object")


def _torn(whole: bytes) -> dict[str, Any] | None:
    """The session and the whole items of a document that was cut."""
    at = re.search(rb'\n  "items": ?\[\n', whole)
    if at is None:
        return None
    try:
        record = orjson.loads(whole[: at.start()].rstrip().rstrip(b",") + b"}")
    except ValueError:
        return None
    items = []
    for part in re.split(rb"(?<=\n    \}),?\n(?=    \{)", whole[at.end() :]):
        try:
            items.append(orjson.loads(part))
        except ValueError:
            break
    return {**record, "items": items} if type(record) is dict else None
