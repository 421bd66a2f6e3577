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
# Zstandard packs up to 128 kB into 4 bytes: small bites keep a hostile file from filling the memory.
_BITE = 4096


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
    except orjson.JSONDecodeError:
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
        raise Bad("json", f"not JSON ({error.msg.lower()} at column {error.colno})") from None
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
    """Compact JSON in UTF-8 without a newline; keys in order, lone surrogates as escapes."""
    try:
        return orjson.dumps(value)
    except TypeError:  # lone surrogates, integers over 64 bits, more than 254 levels
        import json

        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        return text.encode("utf-8", "afs-escape")


def reencode(record: Any, line: bytes) -> bytes:
    """Encode a record that was decoded from `line` and then changed.

    Raises Bad("number") where a number of `line` would come back different: an integer over 64 bits,
    or more digits than a double has (17 are enough to name any double).
    """
    if _has_float(record):
        import json

        json.loads(line, parse_int=_check_int, parse_float=_check_float)
    return encode(record)


def _has_float(value: Any) -> bool:
    kind = type(value)
    if kind is dict:
        return any(_has_float(item) for item in value.values())
    if kind is list:
        return any(_has_float(item) for item in value)
    return kind is float


def _check_int(text: str) -> int:
    value = int(text)
    if not -(1 << 63) <= value < 1 << 64:
        raise Bad("number", "an integer of more than 64 bits in a record that has to change")
    return value


def _check_float(text: str) -> float:
    digits = text.lower().partition("e")[0].replace(".", "").lstrip("-0")
    value = _finite(text)
    if len(digits) > 17:
        from decimal import Decimal

        if Decimal(text) != Decimal(repr(value)):
            raise Bad("number", "a number with more digits than a double in a record that has to change")
    return value


def append_keys(line: bytes, pairs: Mapping[str, Any]) -> bytes:
    """Add keys at the end of an object's line and leave its other bytes alone.

    The caller has decoded the line and knows that it is an object without these keys.
    """
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
        failure: Corrupt | None = None
        chunks = self._chunks()
        while True:
            try:
                chunk = next(chunks, b"")
            except Corrupt as error:
                failure = error
                break
            if not chunk:
                break
            first = chunk.find(b"\n")
            if size + (first if first >= 0 else len(chunk)) > self._max:
                chunk = self._pass_over(held, chunk, chunks)
                held, size = [], 0
            cut = chunk.rfind(b"\n")
            if cut < 0:
                held.append(chunk)
                size += len(chunk)
                continue
            block = b"".join((*held, chunk[:cut])) if held else chunk[:cut]
            rest = chunk[cut + 1 :]
            held, size = ([rest], len(rest)) if rest else ([], 0)
            lines = block.split(b"\n")
            yield lines
            self.line += len(lines)
            self.offset += len(block) + 1
        if size:
            self.torn = True
            if failure is None:
                yield [b"".join(held)]
        if failure is not None:
            raise failure

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
        raw = self._raw()
        head = next(raw, b"")
        while 0 < len(head) < 4:
            more = next(raw, b"")
            if not more:
                break
            head += more
        if head.startswith(_GZIP):
            yield from _gunzip(head, raw)
            return
        if head.startswith(_ZSTD):
            yield from _unzstd(head, raw)
            return
        if head.startswith(_BOM):
            self.offset += len(_BOM)
            head = head[len(_BOM) :]
        if head:
            yield head
        yield from raw

    def _raw(self) -> Iterator[bytes]:
        while self._left is None or self._left > 0:
            data = os.read(self._fd, BLOCK if self._left is None else min(BLOCK, self._left))
            if not data:
                return
            self.taken += len(data)
            if self._left is not None:
                self._left -= len(data)
            yield data


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
    while data or (data := next(raw, b"")):
        bite, data = data[:_BITE], data[_BITE:]
        while bite:
            machine = machine or zstandard.ZstdDecompressor().decompressobj()
            try:
                out = machine.decompress(bite)
            except zstandard.ZstdError:
                raise Corrupt("the Zstandard data is damaged") from None
            bite = b""
            if machine.eof:  # frames may follow each other
                bite, machine = machine.unused_data, None
            if out:
                yield out
    if machine is not None:
        raise Corrupt("the Zstandard data ends too early")


def lines(path: str, max_record: int = MAX_RECORD, to_size: int | None = None) -> Iterator[tuple[int, bytes]]:
    """(number from 1, line) of a file. Lines over max_record are left out; see Reader for their account."""
    fd = os.open(path, os.O_RDONLY)
    try:
        reader = Reader(fd, max_record, to_size)
        for block in reader.blocks():
            yield from enumerate(block, reader.line)
    finally:
        os.close(fd)
