"""One jq expression from a command line as a question to records, asked in a process of its own.

The expression sees the record and nothing else: no environment, no file, no module. jq has no limit of
its own and cannot be interrupted from Python, so it runs in a child that the system ends when a record
takes too much time or memory. The child goes when its parent does.
"""

from __future__ import annotations

import os

from afs import jsonl

TYPE_CHECKING = False
if TYPE_CHECKING:
    import mmap
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any, NoReturn

# Inside the brackets `import` and `include` are syntax errors. $ENV and env are hidden although the
# environment is emptied too, because jq.py may compile again later.
_FRAME = ('def env: {}; def modulemeta: error("no modules"); {} as $ENV | (', "\n)")
_NO, _YES, _FAILS = b"nyf"
MOST = 256  # lines asked about at once
_FAILED = "the expression of --where fails on this record"
_MEMORY = 1 << 30
_COPIES = 16  # how many times the size of a record jq may take on top of that
_WORK = 1 << 22  # bytes of a record that have to be read in a second


class Hostile(Exception):
    """Too many records ended the child: the expression is at fault, not they."""


class Child:
    """A jq expression in a process of its own, until close().

    `seconds` of processor time are what a record may take, and a second more for every 4 MB of it; memory
    is bounded by 1 GB and 16 times the record. A child that goes over is ended and another is started,
    `most` times in all. Raises ValueError, with what jq says, for an expression that does not compile.
    """

    def __init__(self, expression: str, seconds: float = 5, most: int = 10) -> None:
        import mmap

        self._letters = mmap.mmap(-1, MOST)  # shared with the child: an answer a line
        self._expression = expression
        self._seconds = seconds
        self._left = most
        self._start()

    def ask(self, lines: Sequence[bytes]) -> Iterator[bool | jsonl.Bad]:
        """For each line whether any output is neither false nor null; Bad where that cannot be told.

        The lines are JSON objects, MOST of them or fewer. Raises Hostile where no further child may be
        started.
        """
        while lines:
            if not self._pid:
                if not self._left:
                    raise Hostile
                self._start()
            self._letters[: len(lines)] = bytes(len(lines))
            try:
                self._send(b"\n".join(lines))
            except BrokenPipeError:
                pass  # it was ended, perhaps by someone else; the next one gets the rest
            done = os.read(self._answers, 1)
            letters = self._letters[: len(lines)].rstrip(b"\0")  # up to where it ended, if it did
            for letter in letters:
                yield jsonl.Bad("where", _FAILED) if letter == _FAILS else letter == _YES
            if done:
                return
            self._left -= 1
            yield jsonl.Bad("where", self._ended())
            lines = lines[len(letters) + 1 :]

    def close(self) -> None:
        """End the child."""
        import signal

        if self._pid:
            os.kill(self._pid, signal.SIGKILL)
            self._ended()

    def _send(self, data: bytes) -> None:
        view = memoryview(len(data).to_bytes(8, "little") + data)
        while view:
            view = view[os.write(self._questions, view) :]

    def _start(self) -> None:
        reads, self._questions = os.pipe()
        self._answers, writes = os.pipe()
        self._pid = os.fork()
        if not self._pid:
            _serve(self._expression, self._seconds, reads, writes, self._letters)
        os.close(reads)
        os.close(writes)
        said = os.read(self._answers, 1)
        if said == b"+":
            return
        while said and (more := os.read(self._answers, 1 << 16)):
            said += more
        ended = self._ended()
        if said == b"!":
            raise ModuleNotFoundError("No module named 'jq'", name="jq")
        text = said[1:].decode("utf-8", "replace")
        raise ValueError(text or ended.replace(_FAILED, "it cannot be compiled"))

    def _ended(self) -> str:
        """What the end of the child says of the record that it was at."""
        import signal

        _, status = os.waitpid(self._pid, 0)
        self._pid = 0
        os.close(self._questions)
        os.close(self._answers)
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGPROF:
            return f"the expression of --where takes over {self._seconds:g} seconds"
        return _FAILED


def _held() -> int:
    """Bytes of data that this process has from its parent: the bound is for what comes beside."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[5]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def _serve(expression: str, seconds: float, reads: int, writes: int, letters: mmap.mmap) -> NoReturn:
    """The child: read some lines, answer each with a letter, say when all are answered."""
    try:
        import resource
        import signal

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPROF):
            signal.signal(number, signal.SIG_DFL)
        null = os.open(os.devnull, os.O_RDWR)
        for old, new in ((reads, 0), (writes, 1), (null, 2)):  # jq tells on stderr that memory is out
            os.dup2(old, new)
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        held = _held()

        def bound(size: int) -> None:
            most = held + _MEMORY + _COPIES * size
            resource.setrlimit(resource.RLIMIT_DATA, (most if hard < 0 else min(most, hard), hard))

        def start(size: int) -> None:
            signal.setitimer(signal.ITIMER_PROF, seconds + size / _WORK)

        bound(0)
        start(0)
        try:
            holds = compile(expression)
        except ValueError as error:
            os.write(1, b"-" + str(error).encode("utf-8", "replace"))
            os._exit(0)
        except ModuleNotFoundError:
            os.write(1, b"!")
            os._exit(0)
        os.write(1, b"+")
        while True:
            lines = _read(int.from_bytes(_read(8), "little")).split(b"\n")
            size = max(map(len, lines))
            if size > 1 << 20:
                bound(size)
            for at, line in enumerate(lines):
                start(len(line))
                try:
                    letters[at] = _YES if holds(line) else _NO
                except jsonl.Bad:
                    letters[at] = _FAILS
            os.write(1, b"+")
            signal.setitimer(signal.ITIMER_PROF, 0)
    finally:
        os._exit(1)


def _read(size: int) -> bytes:
    """So many bytes from the parent; the end of the child where it is gone."""
    parts = []
    while size:
        part = os.read(0, min(size, 1 << 20))
        if not part:
            os._exit(0)
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def compile(expression: str) -> Callable[[bytes], bool]:
    """A function of a line that is true if any output is neither false nor null.

    jq reads the line itself, so numbers are what jq makes of them. Raises ValueError for an expression
    that does not compile; the function raises jsonl.Bad("where") where it fails on a record. Nothing here
    bounds the time that it takes.
    """
    import jq

    kept = dict(os.environ)
    os.environ.clear()
    os.environ["HOME"] = os.devnull  # else jq looks for ~/.jq in the password file's home, and obeys it
    try:
        program = jq.compile(expression.join(_FRAME))
    except ValueError as error:
        raise ValueError(str(error).partition(" at <top-level>")[0].removeprefix("jq: error: ")) from None
    finally:
        os.environ.clear()
        os.environ.update(kept)

    def answers(text: str) -> bool:
        # The iterator must be gone when this returns: jq.py compiles anew while one is in use.
        return any(value is not None and value is not False for value in program.input_text(text))

    def holds(line: bytes) -> bool:
        try:
            try:
                return answers(line.decode())
            except ValueError as error:
                if not str(error).startswith("parse error"):
                    raise
                return answers(_without_surrogates(jsonl.decode(line)))
        except ValueError:  # its text may quote the record
            raise jsonl.Bad("where", _FAILED) from None

    return holds


def _without_surrogates(record: Any) -> str:
    """The record for jq, which refuses lone surrogates."""
    import json

    return json.dumps(record, ensure_ascii=False).encode("utf-8", "replace").decode()
