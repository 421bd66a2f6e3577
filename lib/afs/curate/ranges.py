"""Costly work on the lines of plain files by several processes, each on ranges of bytes in turn.

What comes out does not depend on how many there are: results are taken in the order of the file, and a pipe
that is full makes its worker wait, so that memory is one range and one record a process.
"""

from __future__ import annotations

import contextlib
import marshal
import os
import signal

from afs import jsonl
from afs.messages import Stop, reason_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

    from afs.run import Run

    Work = Callable[[bytes, dict[str, Any]], tuple[bytes, Any]]
    # (line in the range, text, note) of what is written,
    # (line in the range, offset, length, hash, reason, what, text) of what is rejected
    Event = tuple[Any, ...]

RANGE = 1 << 19
_STRANGE = b"\x1f\x28\xef"  # what packed files and a byte order mark begin with; no JSON does
_PIPE = 1 << 20


def plain(paths: Sequence[str]) -> bool:
    """Whether all inputs are regular files that are not packed, and there is enough in them to share out."""
    total = 0
    for path in paths:
        if path == "-" or not os.path.isfile(path):
            return False
        total += os.path.getsize(path)
        with open(path, "rb") as file:
            if file.read(2) in (b"\x1f\x8b", b"\x28\xb5"):
                return False
    return total > 2 * RANGE


def cut(path: str) -> Iterator[tuple[int, int]]:
    """(start, end) of ranges of whole lines; only the last one may end without a newline."""
    size = os.path.getsize(path)
    start = 0
    with open(path, "rb") as file:
        while start < size:
            end = start + RANGE
            while end < size:
                file.seek(end - 1)
                end = _behind_newline(file, end - 1)
                if file.read(1) not in (_STRANGE[:1], _STRANGE[1:2], _STRANGE[2:]):
                    break
                end += 1
            yield start, min(end, size)
            start = end


def _behind_newline(file: Any, at: int) -> int:
    """Where the line ends that holds the byte `at`; the file stands there. Reads no line as a whole."""
    while chunk := file.read(1 << 16):
        found = chunk.find(b"\n")
        if found >= 0:
            file.seek(at + found + 1)
            return int(at + found + 1)
        at += len(chunk)
    return at


def run_ranges(run: Run, paths: Sequence[str], jobs: int, work: Work) -> Iterator[tuple[str, int, Any]]:
    """Do `work` on every record of the files and write what it gives; (file, line, note) of each, in order.

    work(line, record) is called in the workers; it gives the line to write and a note (numbers, texts, None
    and tuples of them), or raises jsonl.Bad for a record that cannot be used. What is no record is rejected
    as Run.records does it.
    """
    parts = [(path, start, end) for path in paths for start, end in cut(path)]
    total = sum(end - start for _, start, end in parts)
    most = run.args.max_record
    workers = [_Worker(parts[number::jobs], most, work) for number in range(min(jobs, len(parts)))]
    try:
        path, before = "", 0
        for number, (name, start, end) in enumerate(parts):
            if name != path:
                path, before = name, 0
            lines, read, events, fault = workers[number % jobs].take(path)
            run.read += read
            for event in events:
                if len(event) == 3:
                    run.write(event[1])
                    yield path, before + event[0], event[2]
                else:
                    at, offset, length, mark, reason, what, text = event
                    part = (offset, length, mark)
                    run.reject_at(path, before + at, reason, what, run.reject_status, part, text)
            if fault:
                run.fault(1, f"{path}:{before + lines + 1}: {fault}")
            before += lines
            run.progress(end - start, total)
    finally:
        for worker in workers:
            worker.end()


class _Worker:
    """A child that works through its ranges and writes one frame for each into a pipe."""

    def __init__(self, parts: Sequence[tuple[str, int, int]], most: int, work: Work) -> None:
        self._fd, out = os.pipe()
        with contextlib.suppress(ImportError, AttributeError, OSError):  # lets it run ahead; not everywhere
            import fcntl

            fcntl.fcntl(out, fcntl.F_SETPIPE_SZ, _PIPE)
        self._pid = os.fork()
        if self._pid:
            os.close(out)
            return
        status = 1
        try:
            os.close(self._fd)
            for name in (signal.SIGINT, signal.SIGHUP):
                signal.signal(name, signal.SIG_IGN)  # the parent ends its workers
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            for part in parts:
                frame = marshal.dumps(_worked(*part, most, work))
                _write(out, len(frame).to_bytes(8, "big"))
                _write(out, frame)
            status = 0
        except BrokenPipeError:  # nobody waits for it any more
            status = 0
        finally:
            os._exit(status)

    def take(self, path: str) -> tuple[int, int, list[Event], str]:
        """The next frame: (lines, records read, events, what kept it from reading on)."""
        size = int.from_bytes(self._read(8, path), "big")
        found: tuple[int, int, list[Event], str] = marshal.loads(self._read(size, path))
        return found

    def _read(self, size: int, path: str) -> bytearray:
        data = bytearray()
        while len(data) < size:
            part = os.read(self._fd, min(size - len(data), _PIPE))
            if not part:
                raise _gone(path)
            data += part
        return data

    def end(self) -> None:
        """Stop it, if it still runs, and wait for it."""
        os.close(self._fd)
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGTERM)
        os.waitpid(self._pid, 0)


def _gone(path: str) -> Stop:
    from afs.messages import say

    say(f"{path}: a worker process ended early; nothing is written. Use a smaller -j, or none")
    return Stop(1)


def _write(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _worked(path: str, start: int, end: int, most: int, work: Work) -> tuple[int, int, list[Event], str]:
    events: list[Event] = []
    read, fault = 0, ""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.lseek(fd, start, os.SEEK_SET)
        reader = jsonl.Reader(fd, most, end - start)
        try:
            for block in reader.blocks():
                offset = start + reader.offset
                read += _overlong(reader, start, events)
                for at, line in enumerate(block, reader.line):
                    if line and not line.isspace():
                        read += 1
                        _event(line, at, offset, work, events)
                    offset += len(line) + 1
        except OSError as error:
            fault = reason_of(error)
        read += _overlong(reader, start, events)
    finally:
        os.close(fd)
    return reader.line - 1, read, events, fault


def _event(line: bytes, at: int, offset: int, work: Work, events: list[Event]) -> None:
    try:
        record = jsonl.decode(line)
        if type(record) is not dict:
            raise jsonl.Bad("not-object", "not a JSON object")
        written, note = work(line, record)
    except jsonl.Bad as error:
        events.append((at, offset, len(line), jsonl.digest(line), error.reason, error.what, line))
    else:
        events.append((at, written, note))


def _overlong(reader: jsonl.Reader, start: int, events: list[Event]) -> int:
    """Note the lines that are too long to be held; how many."""
    found = len(reader.overlong)
    for line, offset, length, mark in reader.overlong:
        what = f"a line of {length} bytes is over --max-record"
        events.append((line, start + offset, length, mark, "too-long", what, b""))
    reader.overlong.clear()
    return found
