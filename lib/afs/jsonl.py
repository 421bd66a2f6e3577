"""JSON lines: decode, encode and splice one record; read a file or a pipe as blocks of lines.

Lines are cut at "\\n" only, because U+2028 and its kin are legal inside JSON text. A record that did
not change is written as the bytes that were read.
"""

from __future__ import annotations

import codecs
import os

import orjson

TYPE_CHECKING = False  # typing is not loaded at run time: it costs as much as argparse's parse
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

BLOCK = 1 << 17
MAX_RECORD = 256 << 20
_GZIP = b"\x1f\x8b\x08"
_ZSTD = b"\x28\xb5\x2f\xfd"
_BOM = b"\xef\xbb\xbf"
# Zstandard packs up to 128 kB into 4 bytes: with bites of this size a hostile file gives 16 MB at once.
_BITE = 512


class Bad(ValueError):
    """A record that cannot be used. `reason` is one word for counting, `what` never quotes the data."""

    def __init__(self, reason: str, what: str) -> None:
        super().__init__(what)
        self.reason = reason
        self.what = what


class Corrupt(ValueError):
    """A compressed stream that ends too early or is damaged."""


# --- one record -------------------------------------------------------------------------------------


def decode(line: bytes) -> Any:
    """The JSON value of a line. A lone surrogate (`\\ud83d` without its twin) stays one in the text.

    Raises Bad with the reason utf8, nan, number, depth or json.
    """
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError as error:
        if "limit" in error.msg:  # of depth; how far json goes depends on the version of Python
            raise Bad("depth", "nested too deeply") from None
        return _decode_slowly(line)


def _decode_slowly(line: bytes) -> Any:
    """What orjson refuses: lone surrogates are JSON all the same; the rest gets its reason named."""
    import json

    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Bad("utf8", f"invalid UTF-8 at byte {error.start + 1}") from None
    try:
        return json.loads(text, parse_constant=_no_constant, parse_float=_finite)
    except Bad:
        raise
    except RecursionError:
        raise Bad("depth", "nested too deeply") from None
    except json.JSONDecodeError as error:
        raise Bad(
            "json", f"not JSON ({error.msg.lower().removesuffix(' at')} at column {error.colno})"
        ) from None
    except ValueError:
        raise Bad("number", "a number with too many digits") from None


def _no_constant(name: str) -> None:
    raise Bad("nan", f"{name} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise Bad("number", "a number out of range")
    return value


def _escape_surrogate(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lone = error.object[error.start : error.end]
    return "".join(f"\\u{ord(char):04x}" for char in lone), error.end


codecs.register_error("afs-escape", _escape_surrogate)


def encode(value: Any) -> bytes:
    """Compact JSON in UTF-8 without a newline; keys in order, lone surrogates as escapes.

    Raises Bad("depth") beyond some 900 levels.
    """
    try:
        return orjson.dumps(value)
    except TypeError:  # lone surrogates, integers over 64 bits, more than 254 levels
        import json

        try:
            text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        except RecursionError:
            raise Bad("depth", "nested too deeply") from None
        return text.encode("utf-8", "afs-escape")


def reencode(record: Any, line: bytes) -> bytes:
    """Encode a record that was decoded from `line` and then changed.

    Raises Bad("number") where a number of `line` would come back different: an integer over 64 bits,
    or more digits than a double has (17 are enough to name any double). Raises Bad("depth") as encode.
    """
    try:
        if _has_float(record):
            import json

            json.loads(line, parse_int=_check_int, parse_float=_check_float)
    except RecursionError:
        raise Bad("depth", "nested too deeply") from None
    return encode(record)


def _has_float(value: Any) -> bool:
    kind = type(value)
    if kind is dict:
        return any(_has_float(item) for item in value.values())
    if kind is list:
        return any(_has_float(item) for item in value)
    return kind is float


def _check_int(text: str) -> int:
    if len(text) > 20 or not -(1 << 63) <= int(text) < 1 << 64:
        raise Bad("number", "an integer of more than 64 bits in a record that has to change")
    return 0


def _check_float(text: str) -> float:
    digits = text.lower().partition("e")[0].replace(".", "").lstrip("-0")
    value = _finite(text)
    if len(digits) > 17 or (digits and not value):
        from decimal import Decimal

        if not value or Decimal(text) != Decimal(repr(value)):
            raise Bad("number", "a number that no double holds in a record that has to change")
    return value


def append_keys(line: bytes, pairs: Mapping[str, Any]) -> bytes:
    """Add keys at the end of an object's line and leave its other bytes alone.

    The caller has decoded the line and knows that it is an object without these keys.
    """
    if not pairs:
        return line
    body = line.rstrip()[:-1]
    joint = b"" if body.rstrip()[-1:] == b"{" else b","
    return body + joint + encode(pairs)[1:]


def digest(data: bytes) -> str:
    """32 hex digits that name these bytes (XXH3, 128 bits)."""
    from xxhash import xxh3_128_hexdigest  # not on the way of a run without rejects: it loads typing

    return str(xxh3_128_hexdigest(data))


# --- reading ----------------------------------------------------------------------------------------


class Reader:
    """One input as blocks of lines, plain, gzip or Zstandard by its first bytes.

    While a block is being used, `line` and `offset` are those of its first line (from 1, and in bytes of
    the uncompressed stream). `overlong` collects (line, offset, length, hash) of lines over
    `max_record` bytes, which are passed over without being held. `torn` is true once the last line
    came without a newline. `taken` counts bytes read from the file, for progress.
    """

    def __init__(self, fd: int, max_record: int = MAX_RECORD, to_size: int | None = None) -> None:
        self.line = 1
        self.offset = 0
        self.taken = 0
        self.torn = False
        self.overlong: list[tuple[int, int, int, str]] = []
        self._fd = fd
        self._max = max_record
        self._left = to_size

    def blocks(self) -> Iterator[list[bytes]]:
        """Lists of lines without their newlines. Raises Corrupt after the last whole line is out."""
        held: list[bytes] = []
        size = 0
        chunks = self._chunks()
        try:
            for chunk in chunks:
                first = chunk.find(b"\n")
                size += first if first >= 0 else len(chunk)
                if size > self._max:
                    chunk = self._pass_over(held, chunk, chunks)
                    held, size = [], len(chunk)
                cut = chunk.rfind(b"\n")
                if cut < 0:
                    held.append(chunk)
                    continue
                block = b"".join((*held, chunk[:cut])) if held else chunk[:cut]
                rest = chunk[cut + 1 :]
                held, size = ([rest], len(rest)) if rest else ([], 0)
                lines = block.split(b"\n")
                if len(block) > self._max and max(map(len, lines)) > self._max:
                    yield from self._without_overlong(lines)
                    continue
                yield lines
                self.line += len(lines)
                self.offset += len(block) + 1
        except Corrupt:
            self.torn = size > 0
            raise
        self.torn = size > 0
        if size > self._max:
            self._pass_over(held, b"", chunks)
        elif size:
            yield [b"".join(held)]

    def _without_overlong(self, lines: list[bytes]) -> Iterator[list[bytes]]:
        """The same for a limit so small that lines over it come within a chunk."""
        part: list[bytes] = []
        for line in (*lines, None):
            if line is not None and len(line) <= self._max:
                part.append(line)
                continue
            if part:
                yield part
                self.line += len(part)
                self.offset += sum(map(len, part)) + len(part)
                part = []
            if line is not None:
                self._pass_over([line], b"\n", iter(()))

    def _pass_over(self, held: list[bytes], chunk: bytes, chunks: Iterator[bytes]) -> bytes:
        """Skip a line that is too long to hold; the bytes behind it."""
        from xxhash import xxh3_128

        total, mark = 0, xxh3_128()
        for part in held:
            total += len(part)
            mark.update(part)
        while True:
            cut = chunk.find(b"\n")
            part = chunk if cut < 0 else chunk[:cut]
            total += len(part)
            mark.update(part)
            if cut >= 0:
                chunk = chunk[cut + 1 :]
                break
            chunk = next(chunks, b"")
            if not chunk:
                break
        self.overlong.append((self.line, self.offset, total, mark.hexdigest()))
        self.line += 1
        self.offset += total + 1
        return chunk

    def _chunks(self) -> Iterator[bytes]:
        chunks = self._raw()
        head = _head(chunks, _GZIP, _ZSTD, _BOM)
        if head.startswith((_GZIP, _ZSTD)):
            chunks = (_gunzip if head.startswith(_GZIP) else _unzstd)(head, chunks)
            head = _head(chunks, _BOM)
        if head.startswith(_BOM):
            self.offset += len(_BOM)
            head = head[len(_BOM) :]
        if head:
            yield head
        yield from chunks

    def _raw(self) -> Iterator[bytes]:
        while self._left is None or self._left > 0:
            try:
                data = os.read(self._fd, BLOCK if self._left is None else min(BLOCK, self._left))
            except BlockingIOError:  # a writer left the pipe in non-blocking mode
                import select

                select.select([self._fd], [], [])
                continue
            if not data:
                return
            self.taken += len(data)
            if self._left is not None:
                self._left -= len(data)
            yield data


def _head(chunks: Iterator[bytes], *marks: bytes) -> bytes:
    """The first bytes, as many as it takes to tell whether they begin with a mark."""
    head = next(chunks, b"")
    while any(len(head) < len(mark) and mark.startswith(head) for mark in marks):
        more = next(chunks, b"")
        if not more:
            break
        head += more
    return head


def _gunzip(head: bytes, raw: Iterator[bytes]) -> Iterator[bytes]:
    import zlib

    data = head
    machine = zlib.decompressobj(31)
    while data or (data := next(raw, b"")):
        if machine.eof:  # another member, or the zeros that tapes and disks pad with
            data = data.lstrip(b"\0")
            if not data:
                continue
            machine = zlib.decompressobj(31)
        try:
            out = machine.decompress(data, BLOCK)
        except zlib.error:
            raise Corrupt("the gzip data is damaged") from None
        data = machine.unused_data if machine.eof else machine.unconsumed_tail
        if out:
            yield out
    if not machine.eof and (out := machine.flush()):
        yield out
    if not machine.eof:
        raise Corrupt("the gzip data ends too early")


def _unzstd(head: bytes, raw: Iterator[bytes]) -> Iterator[bytes]:
    import zstandard

    machine = None
    data = head
    gathered: list[bytes] = []
    size = 0
    try:
        while data or (data := next(raw, b"")):
            for start in range(0, len(data), _BITE):
                bite = data[start : start + _BITE]
                while bite:
                    machine = machine or zstandard.ZstdDecompressor().decompressobj()
                    out = machine.decompress(bite)
                    bite = b""
                    if machine.eof:  # frames may follow each other
                        bite, machine = machine.unused_data, None
                    gathered.append(out)
                    size += len(out)
                if size >= BLOCK:
                    yield from _cut(b"".join(gathered))
                    gathered, size = [], 0
            data = b""
    except zstandard.ZstdError as error:
        yield from _cut(b"".join(gathered))
        if "memory" in str(error):
            raise Corrupt("the Zstandard window is over 128 MB; pack it again without --long") from None
        raise Corrupt("the Zstandard data is damaged") from None
    yield from _cut(b"".join(gathered))
    if machine is not None:
        raise Corrupt("the Zstandard data ends too early")


def _cut(data: bytes) -> Iterator[bytes]:
    for start in range(0, len(data), BLOCK):
        yield data[start : start + BLOCK]


def lines(path: str, max_record: int = MAX_RECORD, to_size: int | None = None) -> Iterator[tuple[int, bytes]]:
    """(number from 1, line) of a file. Lines over max_record are left out; see Reader for their account."""
    fd = os.open(path, os.O_RDONLY)
    try:
        reader = Reader(fd, max_record, to_size)
        for block in reader.blocks():
            yield from enumerate(block, reader.line)
    finally:
        os.close(fd)
