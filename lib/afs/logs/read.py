"""Tolerant reading of logs: what is no JSON object is named and passed over, never an error."""

from __future__ import annotations

import errno
import os
import re
from typing import TYPE_CHECKING, Any

import orjson

from afs import jsonl

if TYPE_CHECKING:
    from collections.abc import Iterator

    from afs.logs.conversation import Note


# What a record of an odd shape may raise in a parser; jsonl.Bad is a ValueError.
ODD = (RecursionError, TypeError, ValueError, LookupError, AttributeError)


def oddity(error: Exception) -> str:
    """The detail of the `bad` note for a record that raised one of ODD."""
    deep = isinstance(error, RecursionError) or getattr(error, "reason", "") == "depth"
    return "depth" if deep else "shape"


# Places at which a line that is no JSON is tried for a record that begins there.
_MOST_TRIES = 50
_BLANK = re.compile(r"[ \t\r\0]*")
# A log of more bytes is read twice by offset instead of held.
LARGE = 64 << 20


def is_large(path: str) -> bool:
    """Whether a log is too large to be held. A packed one has no offsets to come back to."""
    return not is_packed(path) and os.path.getsize(path) > LARGE


def is_packed(path: str) -> bool:
    """Whether a log is compressed, by its first bytes. Raises OSError."""
    with open(path, "rb") as file:
        return file.read(4).startswith((b"\x1f\x8b", b"\x28\xb5\x2f\xfd"))


def again(path: str, offset: int, length: int) -> dict[str, Any]:
    """The record that located() found there. Raises OSError where the log is not the same any more."""
    with open(path, "rb") as file:
        file.seek(offset)
        line = file.read(length)
    try:
        record = jsonl.decode(line.lstrip(b"\0"))
    except jsonl.Bad:
        record = None
    if type(record) is not dict:
        raise OSError(errno.ESTALE, "changed while it was read", path)
    return record


def records(path: str, note: Note) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line number, object) of a log, plain or compressed; see located()."""
    for number, _, _, record in located(path, note):
        yield number, record


def located(path: str, note: Note) -> Iterator[tuple[int, int, int, dict[str, Any]]]:
    """(line number, offset and length in bytes of the unpacked log, object) of each record.

    The log may grow while it is read: reading ends at the size that the file had when it was opened.
    A last line without its newline that does not parse is noted as torn, any other line that is no
    object as bad, and so is the place where a compressed log is damaged or cut: what follows is lost, so
    it must not pass for the end of a log that still grows. Raises OSError only where the file cannot be
    opened or read.
    """
    fd = os.open(path, os.O_RDONLY)
    try:
        reader = jsonl.Reader(fd, to_size=os.fstat(fd).st_size)
        try:
            for block in reader.blocks():
                last = reader.line + len(block) - 1
                offset = after = reader.offset
                for number, line in enumerate(block, reader.line):
                    offset, after = after, after + len(line) + 1
                    try:
                        record = orjson.loads(line)
                    except ValueError:
                        if not line or line.isspace():
                            continue
                        try:
                            record = jsonl.decode(line.lstrip(b"\0"))  # a crash may leave zeros before a line
                        except jsonl.Bad as error:
                            torn = reader.torn and number == last
                            lost, found = _several(line)
                            if lost:
                                note("torn" if torn else "bad", path, number, error.reason)
                            for at, length, record in found:
                                yield number, offset + at, length, record
                            continue
                    if type(record) is dict:
                        yield number, offset, len(line), record
                    else:
                        note("bad", path, number, "not-object")
        except jsonl.Corrupt as error:
            note("bad", path, reader.line, str(error))
        for number, _, length, _ in reader.overlong:
            note("bad", path, number, f"a line of {length} bytes")
    finally:
        os.close(fd)


def _several(line: bytes) -> tuple[bool, list[tuple[int, int, dict[str, Any]]]]:
    """Whether a part of a line is lost, and offset, length and value of each object that is not.

    A client that crashed while it wrote goes on without a newline: a line may hold several objects, and
    the first halves of some. An object inside a torn one stands behind a colon, a comma or a bracket.
    """
    import json

    text = line.decode("latin-1")  # a character a byte; all that parts the objects is ASCII
    found: list[tuple[int, int, dict[str, Any]]] = []
    at = tries = 0
    lost = False
    while 0 <= at < len(text) and tries < _MOST_TRIES:
        begin = _past_blank(text, at)
        try:
            _, end = json.JSONDecoder().raw_decode(text, begin)
            value = jsonl.decode(line[begin:end])
        except (ValueError, RecursionError):
            value, end = None, begin + 1
        inside = lost and text[begin - 1] in ":,[ " and _past_blank(text, end) < len(text)
        if type(value) is dict and not inside:
            found.append((begin, end - begin, value))
            at = end
            continue
        lost = lost or begin < len(text)
        tries += 1
        at = text.find('{"', begin + 1)
    return lost, found


def _past_blank(text: str, at: int) -> int:
    """Where the next character stands that says something; zeros are what a crash leaves."""
    blank = _BLANK.match(text, at)
    return blank.end() if blank else at


class Lines:
    """The few lines of logs that have to be named as rejects: where they stand, in the order they come."""

    def __init__(self) -> None:
        self._path, self._at = "", 0
        self._lines: Iterator[tuple[int, int, bytes]] = iter(())

    def part(self, path: str, line: int) -> tuple[int | None, int | None, str | None]:
        """Offset and length in bytes of the unpacked log, and hash; nothing where there is no such line."""
        if path != self._path or line <= self._at:
            self._path, self._lines = path, _lines(path)
        for number, offset, text in self._lines:
            self._at = number
            if number == line:
                return offset, len(text), jsonl.digest(text)
        self._path = ""
        return None, None, None


def _lines(path: str) -> Iterator[tuple[int, int, bytes]]:
    """(line number, offset, line) of a log, up to where it can be read."""
    try:
        fd = os.open(path, os.O_RDONLY)
    except OSError:
        return
    try:
        reader = jsonl.Reader(fd, to_size=os.fstat(fd).st_size)
        for block in reader.blocks():
            offset = reader.offset
            for number, line in enumerate(block, reader.line):
                yield number, offset, line
                offset += len(line) + 1
    except (OSError, jsonl.Corrupt):
        return
    finally:
        os.close(fd)
