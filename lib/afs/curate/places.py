"""Where every record stands, to be read again: in its file, or in a copy of what can be read only once."""

from __future__ import annotations

import os

from afs.curate.sorting import Table
from afs.curate.spool import Changed, Spool, mark

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from afs.curate.sorting import Numbers

# The columns. SIZE has two flags below the length in bytes, SPOT the file above the number of the line.
RANK, AT, SIZE, SPOT = range(4)
REFERENCE, WITHDRAWN = 1, 2
# Ranks of references come before all others.
FIRST, MIDDLE = 0, 1 << 62
_PACKED = (b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd")  # gzip, Zstandard
_LINES = 40
_SPAN = 1 << 20
_GAP = 1 << 15
_OPEN = 64


class Places(Table):
    """A row (rank, offset, size, spot) of every record, in the order in which they came.

    The lower the rank, the sooner a record is kept; of equal ranks the one that came first. Files that are
    neither regular nor plain are copied when they are read, and so is what is named in `streams`.
    """

    def __init__(self, streams: Sequence[str] = ()) -> None:
        super().__init__(4)
        self._streams = streams
        self._paths: list[str] = []
        self._numbers: dict[str, int] = {}
        self._marks: list[tuple[int, ...] | None] = []
        self._fds: dict[int, int] = {}
        self._copy: Spool | None = None

    def __enter__(self) -> Places:
        return self

    def __exit__(self, *_: object) -> None:
        self._shut()
        if self._copy is not None:
            self._copy.__exit__(None, None, None)
        super().__exit__(None, None, None)

    def put_line(
        self, line: bytes, spot: tuple[str, int, int], rank: int, flags: int = 0, name: str = ""
    ) -> int:
        """Note a record by (path, number, offset) of its line; its number. Raises spool.Full.

        `name` is the path as the files of a report call it.
        """
        path, number, offset = spot
        file = self._numbers.get(path)
        if file is None:
            file = self._numbers[path] = len(self._paths)
            self._paths.append(name or path)
            self._marks.append(mark(path) if path not in self._streams and _is_plain(path) else None)
        if self._marks[file] is None:
            if self._copy is None:
                self._copy = Spool()
            offset = self._copy.end
            self._copy.write(line + b"\n")
        self.add(rank, offset, len(line) << 2 | flags, file << _LINES | number)
        return self.count - 1

    def flush(self) -> None:
        """Write what is held, here and in the copy. Raises spool.Full."""
        super().flush()
        if self._copy is not None:
            self._copy.flush()

    def check(self) -> None:
        """Raises Changed when a file is not what it was."""
        for path, file in self._numbers.items():
            if (was := self._marks[file]) is not None:
                try:
                    same = mark(path) == was
                except OSError:
                    same = False
                if not same:
                    raise Changed(f"{path}: was changed while it was read; run again when it is complete")

    def spot(self, row: list[int]) -> tuple[str, int]:
        """(file, number of the line) of a record."""
        return self._paths[row[SPOT] >> _LINES], row[SPOT] & (1 << _LINES) - 1

    def again(self, rows: Numbers) -> Iterator[bytes]:
        """The lines of some rows, which are in order. Lines near each other are read at once.

        Raises Changed and spool.Full.
        """
        spans: list[tuple[int, int]] = []
        file = first = last = -1
        for _, at, size, spot in rows.tolist():
            end = at + (size >> 2)
            if spans and (spot >> _LINES != file or not 0 <= at - last < _GAP or end - first > _SPAN):
                yield from self._span(file, first, last, spans)
                spans = []
            if not spans:
                file, first = spot >> _LINES, at
            spans.append((at, end))
            last = end
        if spans:
            yield from self._span(file, first, last, spans)

    def _span(self, file: int, first: int, last: int, spans: list[tuple[int, int]]) -> Iterator[bytes]:
        if self._marks[file] is None:
            assert self._copy is not None
            data = self._copy.read(last - first, first)
        else:
            data = self._read_file(file, last - first, first)
        if len(data) < last - first:
            self.check()
            raise Changed(f"{self._paths[file]}: cannot be read a second time")
        if len(spans) == 1:
            yield data
            return
        for at, end in spans:
            yield data[at - first : end - first]

    def _read_file(self, file: int, size: int, start: int) -> bytes:
        if file not in self._fds:
            if len(self._fds) >= _OPEN:
                self._shut()
            path = next(path for path, number in self._numbers.items() if number == file)
            try:
                self._fds[file] = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            except OSError:
                self.check()
                raise
        parts = []
        while size and (part := os.pread(self._fds[file], size, start)):
            parts.append(part)
            size, start = size - len(part), start + len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _shut(self) -> None:
        for fd in self._fds.values():
            os.close(fd)
        self._fds.clear()


def _is_plain(path: str) -> bool:
    """Whether offsets in the lines are offsets in the file."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        import stat

        return stat.S_ISREG(os.fstat(fd).st_mode) and not os.pread(fd, 4, 0).startswith(_PACKED)
    finally:
        os.close(fd)
