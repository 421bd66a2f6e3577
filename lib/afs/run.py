"""One run of a command: inputs, outputs, counts, what was rejected and removed, and the exit status."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections import Counter, defaultdict

import orjson

from afs import __version__, jsonl
from afs.messages import Stop, fail, name, reason_of, say, show
from afs.output import Output

TYPE_CHECKING = False  # typing is not loaded at run time: it costs as much as argparse's parse
if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from types import TracebackType
    from typing import Any

# Of two causes the first in this order is the exit status.
PRECEDENCE = (130, 141, 2, 4, 1, 3, 0)
COMMITS = (0, 1, 3)


class Run:
    """One run of a command: its inputs, outputs, counts and exit status.

    Leaving the `with` block commits the outputs at status 0, 1 and 3, and discards them at any other
    end. `count` holds numbers for the closing line and the summary, `tallies` named counts by kind that
    stand in both as dropped and rejected do; `extra` is for the summary alone.
    `reject_status` is what a rejected record means where there is no --rejects.
    """

    def __init__(self, args: argparse.Namespace, private: bool = False) -> None:
        self.args = args
        self.status = 0
        self.reject_status = 1
        self.read = 0
        self.rejected = 0
        self.reasons: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()
        self.count: Counter[str] = Counter()
        self.tallies: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.extra: dict[str, Any] = {}
        self._private = private
        self._started = time.time()
        self._clock = time.perf_counter()
        self._reader: jsonl.Reader | None = None
        self._path = ""
        self._block: list[bytes] = []
        self._at = 0
        self._counted = (0, 0)
        self._bar: Any = None
        self._done = 0
        self._limit = getattr(args, "limit", None)
        self._outputs: list[Output] = []
        self._out: Output | None = None
        self._rejects: Output | None = None
        self._dropped: Output | None = None
        self._summary: Output | None = None

    def __enter__(self) -> Run:
        args = vars(self.args)
        self._inputs = _inputs(args)
        if args.get("rejects_text") and not args.get("rejects"):
            fail("--rejects-text needs --rejects FILE")
        try:
            self._out = self.open(args["output"], self._private) if "output" in args else None
            self._rejects = self.open(args["rejects"], True) if args.get("rejects") else None
            self._dropped = self.open(args["dropped"], self._private) if args.get("dropped") else None
            self._summary = self.open(args["summary"]) if args.get("summary") else None
            self._spare_inputs()
        except BaseException:  # the with block is not entered, so __exit__ will not come
            self._discard()
            raise
        if self._out is not None:
            self.write = self._out.write  # type: ignore[method-assign]
        return self

    def _spare_inputs(self) -> None:
        """Only -o may name an input: the file of lines in place of the file of lines."""
        inputs = {os.path.realpath(path) for path in self._inputs if path != "-"}
        for out in self._outputs:
            if out is not self._out and out.target in inputs:
                fail(f"{out.path}: is an input; name another file for what is not its lines")

    def open(self, path: str, private: bool = False, last: bool = False) -> Output:
        """Another output that is committed or discarded with this run; behind all others if `last`."""
        try:
            out = Output(path, private)
        except OSError as error:
            fail(f"{path}: {reason_of(error)}; name a file in a folder that can be written")
        twins = [other for other in self._outputs if out.target and other.target == out.target]
        self._outputs.insert(0 if last else len(self._outputs), out)
        if twins:
            fail(f"{path}: named for two outputs; give each a file of its own")
        return out

    @property
    def written(self) -> int:
        """Records written to the output."""
        return self._out.count if self._out is not None else 0

    def write(self, line: bytes) -> None:
        """Write one line to the output."""
        raise TypeError("a command without --output writes no lines")  # replaced in __enter__

    # --- reading ------------------------------------------------------------------------------------

    def records(self) -> Iterator[tuple[bytes, dict[str, Any]]]:
        """(line, record) for every JSON object of every input. What is no object is rejected here."""
        loads = orjson.loads
        full = self._full
        limited = self._limit is not None
        if full():
            return
        for block in self._blocks():
            for self._at, line in enumerate(block):
                try:
                    record = loads(line)
                except ValueError:
                    if not line or line.isspace():
                        continue
                    self.read += 1
                    try:
                        record = jsonl.decode(line)
                    except jsonl.Bad as error:
                        self.reject(error.reason, error.what)
                        continue
                else:
                    self.read += 1
                if type(record) is not dict:
                    self.reject("not-object", "not a JSON object")
                    continue
                yield line, record
                if limited and full():  # before another block is waited for
                    return

    def texts(self) -> Iterator[bytes]:
        """Every line of every input as bytes, for commands that read plain text."""
        for block in self._blocks():
            for self._at, line in enumerate(block):
                self.read += 1
                yield line

    def _full(self) -> bool:
        return self._limit is not None and self.written >= self._limit

    def _blocks(self) -> Iterator[list[bytes]]:
        most = self.args.max_record
        for path, fd in self._open_inputs():
            self._path = "stdin" if path == "-" else path
            reader = self._reader = jsonl.Reader(fd, most)
            for block in self._readable(reader):
                self._block, self._counted = block, (0, 0)
                self._report_overlong(reader)
                self.progress(reader.taken)
                reader.taken = 0
                yield block
            self._report_overlong(reader)
        self._block = []
        self._close_bar()

    def _readable(self, reader: jsonl.Reader) -> Iterator[list[bytes]]:
        """The blocks of one input up to where it cannot be read. No write may fail in here."""
        try:
            yield from reader.blocks()
        except jsonl.Corrupt as error:
            left = "; its last lines are lost" if reader.torn else ""
            self._broken(f"{self._path}: {error}{left}; lines up to {reader.line - 1} were used")
        except OSError as error:
            self._broken(f"{self._path}:{reader.line}: {reason_of(error)}")

    def _broken(self, text: str) -> None:
        """An input ends in an error: exit 1 at the end, or now if --strict."""
        self.fault(1, text)
        if vars(self.args).get("strict"):
            raise Stop(1)

    def _open_inputs(self) -> Iterator[tuple[str, int]]:
        for path in self._inputs:
            if path == "-":
                if os.isatty(0):
                    say("reading standard input from the terminal; name a FILE or use a pipe")
                yield path, 0
                continue
            try:
                fd = os.open(path, os.O_RDONLY)
            except OSError as error:
                self._broken(f"{path}: {reason_of(error)}")
                continue
            try:
                yield path, fd
            finally:
                os.close(fd)

    def _report_overlong(self, reader: jsonl.Reader) -> None:
        for line, offset, length, mark in reader.overlong:
            self.read += 1
            what = f"a line of {length} bytes is over --max-record"
            self.reject_at(self._path, line, "too-long", what, self.reject_status, (offset, length, mark))
        reader.overlong.clear()

    # --- what cannot be used, what is removed -------------------------------------------------------

    def place(self) -> tuple[str, int]:
        """(file, line) of the current record."""
        return self._path, (self._reader.line if self._reader else 0) + self._at

    def spot(self) -> tuple[str, int, int]:
        """(file, line, offset in bytes) of the current record."""
        at, size = self._counted  # counted on from the last call: it may be made for every line
        size += sum(map(len, self._block[at : self._at])) + self._at - at
        self._counted = (self._at, size)
        return *self.place(), (self._reader.offset if self._reader else 0) + size

    def reject(self, reason: str, what: str, status: int = 0) -> None:
        """The current record cannot be used: a row in --rejects, else a message and a status at the end."""
        text = self._block[self._at]
        path, line, offset = self.spot()
        part = (offset, len(text), jsonl.digest(text))
        self.reject_at(path, line, reason, what, status or self.reject_status, part, text)

    def reject_at(
        self,
        path: str,
        line: int,
        reason: str,
        what: str,
        status: int = 1,
        part: tuple[int | None, int | None, str | None] = (None, None, None),
        text: bytes = b"",
    ) -> None:
        """The same for another record; one made from several lines of a log is named by where it begins.

        `part` is its offset and length in bytes, and its hash.
        """
        self.rejected += 1
        self.reasons[reason] += 1
        strict = vars(self.args).get("strict")
        if strict or self._rejects is None:
            remedy = (
                "" if strict or "rejects" not in self.args else "; use --rejects FILE to collect such records"
            )
            place = f"{path}:{line}" if line else path
            self.warn(f"{place}: {what}{remedy}")
            if strict:
                raise Stop(status)
            self._remember(status)
            return
        offset, length, mark = part
        row: dict[str, Any] = {"file": show(path), "line": line, "offset": offset, "length": length}
        row |= {"reason": reason, "hash": mark}
        if vars(self.args).get("rejects_text"):
            row["text"] = text.decode("utf-8", "replace")
        self._rejects.write(jsonl.encode(row))

    def drop(self, line: bytes, reason: str) -> None:
        """The command's own job removes this record: counted, and kept in --dropped with the reason."""
        self.dropped[reason] += 1
        if self._dropped is not None:
            self._dropped.write(_mark_dropped(line, reason))

    def fault(self, status: int, text: str) -> None:
        """Say a line and remember the status; of several the first in PRECEDENCE holds."""
        self.warn(text)
        self._remember(status)

    def _remember(self, status: int) -> None:
        self.status = min(self.status, status, key=PRECEDENCE.index)

    def warn(self, text: str) -> None:
        """A line on standard error that changes no status."""
        if self._bar is not None:
            self._bar.clear()
        say(text)

    # --- the end ------------------------------------------------------------------------------------

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close_bar()
        if kind is not None:
            self._discard()
            return
        limit = vars(self.args).get("max_reject")
        if limit is not None and self.rejected > limit * self.read:
            self.fault(3, f"{self.rejected} of {self.read} rejected, more than --max-reject {limit:g}")
        if self.status not in COMMITS:
            self._discard()
            return
        try:
            if self._summary is not None:
                self._summary.write(jsonl.encode(self.summary()))
            for out in self._outputs:
                out.finish()
            self._commit()
        except BaseException:
            self._discard()
            raise
        if not self.args.quiet:
            say(self._closing())

    def _commit(self) -> None:
        """Rename all files. An interrupt comes too late here: it would leave one new and one old."""
        import signal

        late = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = [(number, signal.signal(number, signal.SIG_IGN)) for number in late]
        try:
            while self._outputs:  # -o comes behind what belongs to it: where it is new, that is there
                self._outputs[-1].commit()
                self._outputs.pop()
        finally:
            for number, handler in before:
                signal.signal(number, handler if handler is not None else signal.SIG_DFL)

    def summary(self) -> dict[str, Any]:
        """The counts. Clock and host stand under `run` alone."""
        return {
            "command": name(),
            "version": __version__,
            "read": self.read,
            "written": self.written,
            "rejected": self.rejected,
            "reject_reasons": dict(sorted(self.reasons.items())),
            "dropped": dict(sorted(self.dropped.items())),
            **{title: dict(sorted(kinds.items())) for title, kinds in self.tallies.items()},
            **dict(sorted(self.count.items())),
            **self.extra,
            "run": {
                "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._started)),
                "seconds": round(time.perf_counter() - self._clock, 3),
                "host": os.uname().nodename,
            },
        }

    def _closing(self) -> str:
        parts = [f"{self.read} read"]
        if self._out is not None:
            parts.append(f"{self.written} written")
        for title, reasons in (("dropped", self.dropped), ("rejected", self.reasons), *self.tallies.items()):
            if reasons:
                named = ", ".join(f"{name} {number}" for name, number in sorted(reasons.items()))
                parts.append(f"{sum(reasons.values())} {title} ({named})")
        parts += [f"{number} {name}" for name, number in sorted(self.count.items())]
        return ", ".join(parts)

    def _discard(self) -> None:
        while self._outputs:
            self._outputs.pop().discard()

    def progress(self, done: int, total: int = 0) -> None:
        """So many bytes more of `total` are done: a bar on a terminal after one second."""
        self._done += done
        if self._bar is None:
            if self.args.quiet or time.perf_counter() - self._clock < 1 or not sys.stderr.isatty():
                return
            from tqdm import tqdm

            total = total or sum(os.path.getsize(path) for path in self._inputs if os.path.isfile(path))
            self._bar = tqdm(total=total or None, unit="B", unit_scale=True, desc=name(), leave=False)
        self._bar.update(self._done)
        self._done = 0

    def _close_bar(self) -> None:
        if self._bar is not None:  # a bar without a total is false
            self._bar.close()
            self._bar = None


def _inputs(args: dict[str, Any]) -> list[str]:
    """The named inputs, all of them looked at before the first is read."""
    if "files" not in args:
        return []
    paths = [*args["files"], *(args["input"] or ())] or ["-"]
    for path in paths:
        if path == "-":
            continue
        if not os.path.exists(path):
            fail(f"{path}: no such file")
        if os.path.isdir(path):
            fail(f"{path}: is a folder; name the files in it")
        if not os.access(path, os.R_OK):
            fail(f"{path}: cannot be read; check its permissions")
    return paths


def _mark_dropped(line: bytes, reason: str) -> bytes:
    if b'"_dropped"' in line:  # removed once before
        with contextlib.suppress(jsonl.Bad):
            return jsonl.reencode({**jsonl.decode(line), "_dropped": reason}, line)
    return jsonl.append_keys(line, {"_dropped": reason})
