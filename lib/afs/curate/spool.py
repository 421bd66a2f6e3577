"""Scratch on disk for what has to be looked at twice: a file without a name in TMPDIR."""

from __future__ import annotations

import os

from afs import jsonl
from afs.messages import reason_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType

_BUFFER = 1 << 18
_WIDTH = 16  # bytes of a key
_ROWS = 1 << 14
_NO_KEY = bytes(_WIDTH)


class Full(Exception):
    """The scratch folder cannot take what it is given. The text names folder, reason and remedy."""


class Changed(Exception):
    """An input is not the file that was read before. The text names it."""


class Spool:
    """Bytes to be read again, in a file of mode 0600 that has no name and ends with the process."""

    def __init__(self) -> None:
        self.size = 0
        self._folder = os.environ.get("TMPDIR") or "/tmp"
        self._held: list[bytes] = []
        self._waiting = 0
        self._rows = 0
        path = os.path.join(self._folder, f"afs-{os.urandom(8).hex()}.spool")
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            os.unlink(path)
        except OSError as error:
            raise self._full(error) from None

    def __enter__(self) -> Spool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._fd)

    def write(self, data: bytes) -> None:
        """Add bytes at the end. Raises Full."""
        self._held.append(data)
        self._waiting += len(data)
        if self._waiting > _BUFFER:
            self._flush()

    def lines(self) -> Iterator[bytes]:
        """All lines, without their newlines. Raises Full when what was written does not fit."""
        self._flush()
        os.lseek(self._fd, 0, os.SEEK_SET)
        for block in jsonl.Reader(self._fd, self.size + 1).blocks():
            yield from block

    def write_row(self, number: int, key: int) -> None:
        """Add a key of 128 bits as row `number`; the rows passed over stay zeros. Raises Full."""
        for _ in range(number - self._rows):
            self.write(_NO_KEY)
        self.write(key.to_bytes(_WIDTH, "little"))
        self._rows = number + 1

    def last_rows(self) -> Iterator[bool | None]:
        """For each row whether no later one has its key; None for a row of zeros.

        The rows are read from the back, so that memory is that of the distinct keys and a bit a row.
        """
        self._flush()
        bits = bytearray(self._rows // 8 + 1)
        seen: set[int] = set()
        for start in range((self._rows - 1) // _ROWS * _ROWS, -1, -_ROWS):
            keys = self._keys(start)
            for row in range(start + len(keys) - 1, start - 1, -1):
                key = keys[row - start]
                if key not in seen:
                    seen.add(key)
                    bits[row >> 3] |= 1 << (row & 7)
        del seen
        for start in range(0, self._rows, _ROWS):
            for row, key in enumerate(self._keys(start), start):
                yield bits[row >> 3] >> (row & 7) & 1 == 1 if key else None

    def _keys(self, start: int) -> list[int]:
        size = min(_ROWS, self._rows - start) * _WIDTH
        data = os.pread(self._fd, size, start * _WIDTH)
        return [int.from_bytes(data[at : at + _WIDTH], "little") for at in range(0, size, _WIDTH)]

    def _flush(self) -> None:
        view = memoryview(b"".join(self._held))
        self._held, self._waiting = [], 0
        self.size += len(view)
        try:
            while view:
                view = view[os.write(self._fd, view) :]
        except OSError as error:
            raise self._full(error) from None

    def _full(self, error: OSError) -> Full:
        return Full(f"{self._folder}: {reason_of(error)}; set TMPDIR to a folder with room for a copy")


class Again:
    """The lines of regular files, read a second time."""

    def __init__(self, paths: Sequence[str], max_record: int) -> None:
        self._paths = paths
        self._max = max_record
        self._marks = [_mark(path) for path in paths]

    def lines(self) -> Iterator[bytes]:
        """Every line that is not blank and not over max_record, as afs.run counts them.

        Raises Changed for a file that is not what it was.
        """
        for path, mark in zip(self._paths, self._marks, strict=True):
            if _mark(path) != mark:
                raise Changed(f"{path}: was changed while it was read; run again when it is complete")
            try:
                for _, line in jsonl.lines(path, self._max):
                    if line and not line.isspace():
                        yield line
            except jsonl.Corrupt:
                continue  # said at the first reading


def _mark(path: str) -> tuple[int, int, int]:
    found = os.stat(path)
    return found.st_ino, found.st_size, found.st_mtime_ns
