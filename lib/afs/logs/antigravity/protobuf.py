"""Protocol buffer messages without their schema: fields by number, within bounds.

Source: protobuf.dev, "Encoding". A message of a stranger can cost no more than its bytes: lengths are held
against what is left, nesting and the number of fields are bounded, and text is UTF-8 or an error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

Data = TypeVar("Data", bytes, memoryview)

DEPTH = 32
FIELDS = 1 << 20

_VARINT, _FIXED64, _BYTES, _OPEN, _CLOSE, _FIXED32 = range(6)
_FIXED = {_FIXED64: 8, _FIXED32: 4}
# Text that people and tools write holds none of these; a message read as text nearly always does.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f\x7f]")


class Bad(ValueError):
    """Bytes that are no message: cut, overlong, too deep, or text that is no UTF-8."""


class Spent(Bad):
    """More fields than any message of a log has."""


@dataclass(slots=True)
class Budget:
    """How many fields may still be read, of a message and all within it."""

    left: int = FIELDS

    def spend(self) -> None:
        """Count one field. Raises Spent."""
        self.left -= 1
        if self.left < 0:
            raise Spent("too many fields")


def fields(data: Data, budget: Budget | None = None) -> Iterator[tuple[int, int | Data]]:
    """(number, value) of each field in order: an int for a varint, bytes for text and messages.

    Fields of fixed width and the old groups are read over. Raises Bad where the bytes are no message.
    """
    budget = budget or Budget()
    at, end = 0, len(data)
    groups: list[int] = []
    while at < end:
        budget.spend()
        tag, at = _varint(data, at)
        number, wire = tag >> 3, tag & 7
        if not 0 < number < 1 << 29:
            raise Bad("field number")
        if wire == _VARINT:
            value, at = _varint(data, at)
            if not groups:
                yield number, value
        elif wire == _BYTES:
            size, at = _varint(data, at)
            if size > end - at:
                raise Bad("length")
            if not groups:
                yield number, data[at : at + size]
            at += size
        elif wire in _FIXED:
            at += _FIXED[wire]
            if at > end:
                raise Bad("cut")
        elif wire == _OPEN:
            groups.append(number)
            if len(groups) > DEPTH:
                raise Bad("depth")
        elif wire != _CLOSE or not groups or groups.pop() != number:
            raise Bad("wire type")
    if groups:
        raise Bad("cut")


def _varint(data: bytes | memoryview, at: int) -> tuple[int, int]:
    """(value of 64 bits, where it ends)."""
    if at < len(data) and data[at] < 0x80:  # nearly all are of one byte
        return data[at], at + 1
    value = shift = 0
    for byte in data[at : at + 10]:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            if value >> 64:
                break
            return value, at + shift // 7
    raise Bad("number")


class Message:
    """The fields of one message by number.

    A field that is absent, or of another type than asked for, is 0 or empty, as the format has it. Of a
    single value that comes more than once the last one holds, and parts of one message are put together.
    """

    __slots__ = ("_budget", "_depth", "_values")

    def __init__(self, data: bytes = b"", budget: Budget | None = None, depth: int = 0) -> None:
        if depth > DEPTH:
            raise Bad("depth")
        self._budget = budget or Budget()
        self._depth = depth
        self._values: dict[int, list[int | bytes]] = {}
        for number, value in fields(data, self._budget):
            self._values.setdefault(number, []).append(value)

    def __contains__(self, number: int) -> bool:
        return number in self._values

    def number(self, number: int) -> int:
        """The last varint of a field."""
        found = [value for value in self._values.get(number, ()) if isinstance(value, int)]
        return found[-1] if found else 0

    def numbers(self, number: int) -> list[int]:
        """All varints of a field, packed or not."""
        found: list[int] = []
        for value in self._values.get(number, ()):
            if isinstance(value, int):
                found.append(value)
                continue
            at = 0
            while at < len(value):
                self._budget.spend()
                one, at = _varint(value, at)
                found.append(one)
        return found

    def blobs(self, number: int) -> list[bytes]:
        """All values of a field of bytes."""
        return [value for value in self._values.get(number, ()) if isinstance(value, bytes)]

    def texts(self, number: int) -> list[str]:
        """All values of a field of text. Raises Bad for one that is no UTF-8."""
        return [_text(value) for value in self.blobs(number)]

    def text(self, *path: int) -> str:
        """The last text at a path of field numbers."""
        *parents, last = path
        found = self.message(*parents).blobs(last)
        return _text(found[-1]) if found else ""

    def message(self, *path: int) -> Message:
        """The message at a path of field numbers, an empty one where it is absent."""
        found = self
        for number in path:
            parts = found.blobs(number)
            if not parts:
                return _NOTHING
            found = found._nested(parts[0] if len(parts) == 1 else b"".join(parts))
        return found

    def messages(self, number: int) -> list[Message]:
        """All messages of a repeated field."""
        return [self._nested(value) for value in self.blobs(number)]

    def _nested(self, data: bytes) -> Message:
        return Message(data, self._budget, self._depth + 1)


_NOTHING = Message()


def _text(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise Bad("text that is no UTF-8") from None


def strings(data: bytes, without: frozenset[int] = frozenset()) -> Iterator[str]:
    """Every text in a message and in those within it, but in its fields `without`, in order.

    Without a schema text and message look alike: bytes are taken for text where they can be. Raises Bad
    where the bytes are no message.
    """
    budget = Budget()
    for number, value in fields(memoryview(data), budget):
        if isinstance(value, memoryview) and number not in without:
            yield from _strings(value, budget, 1)


def _strings(data: memoryview, budget: Budget, depth: int) -> list[str]:
    inner: list[str] = []
    if depth <= DEPTH:
        try:
            for _, value in fields(data, budget):
                if isinstance(value, memoryview):
                    inner += _strings(value, budget, depth + 1)
        except Spent:
            raise
        except Bad:
            inner = []
    try:
        text = str(data, "utf-8")
    except UnicodeDecodeError:
        return inner
    if not text or _CONTROL.search(text):
        return inner
    # Prose may be a message by chance, and a message may be prose: one of a single text, whose first byte
    # is a newline, behind which that text has just the length that it says.
    wrapped = text[0] == "\n" and 2 * sum(len(one.encode()) for one in inner) >= len(data)
    return inner if wrapped else [text]
