"""Scratch on disk for what has to be looked at twice: a file without a name in TMPDIR."""

from __future__ import annotations

import contextlib
import os
import re

from afs import jsonl
from afs.messages import reason_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType

_BUFFER = 1 << 18
_BLOCK = 1 << 20
_NAME = re.compile(r"afs-[0-9a-f]{16}\.spool")


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
        try:
            self._fd = _open_unnamed(self._folder)
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

    def flush(self) -> None:
        """Write what is held: before another process reads, or goes on writing. Raises Full."""
        self._flush()

    @property
    def end(self) -> int:
        """Bytes written so far."""
        return self.size + self._waiting

    def lines(self) -> Iterator[bytes]:
        """All lines, without their newlines. Raises Full when what was written does not fit."""
        self._flush()
        os.lseek(self._fd, 0, os.SEEK_SET)
        for block in jsonl.Reader(self._fd, self.size + 1).blocks():
            yield from block

    def blocks(self) -> Iterator[bytes]:
        """All bytes, also those that a child process has written. Raises Full."""
        start = 0
        while data := self.read(_BLOCK, start):
            yield data
            start += len(data)

    def read(self, size: int, start: int) -> bytes:
        """So many bytes from `start`, fewer at the end. Raises Full when what was written does not fit."""
        self._flush()
        data = os.pread(self._fd, size, start)
        if len(data) == size:
            return data
        parts = [data]
        while data:
            size, start = size - len(data), start + len(data)
            data = os.pread(self._fd, size, start)
            parts.append(data)
        return b"".join(parts)

    def _flush(self) -> None:
        if not self._held:
            return
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
        self._marks = [mark(path) for path in paths]

    def lines(self) -> Iterator[bytes]:
        """Every line that is not blank and not over max_record, as afs.run counts them.

        Raises Changed for a file that is not what it was.
        """
        for path, before in zip(self._paths, self._marks, strict=True):
            if mark(path) != before:
                raise Changed(f"{path}: was changed while it was read; run again when it is complete")
            try:
                for _, line in jsonl.lines(path, self._max):
                    if line and not line.isspace():
                        yield line
            except jsonl.Corrupt:
                continue  # said at the first reading


def _open_unnamed(folder: str) -> int:
    """A new file without a name.

    Where the system gives a file its name first, a run killed just then leaves an empty file; the next run
    removes it. A run that is about to take that name away itself does not mind.
    """
    with contextlib.suppress(AttributeError, OSError):  # a system or a file system that cannot
        return os.open(folder, os.O_RDWR | os.O_TMPFILE | os.O_EXCL | os.O_CLOEXEC, 0o600)
    for entry in os.listdir(folder):
        if _NAME.fullmatch(entry):
            with contextlib.suppress(OSError):
                os.unlink(os.path.join(folder, entry))
    path = os.path.join(folder, f"afs-{os.urandom(8).hex()}.spool")
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    return fd


def mark(path: str) -> tuple[int, int, int]:
    """What is another once a file was changed or replaced."""
    found = os.stat(path)
    return found.st_ino, found.st_size, found.st_mtime_ns
