"""What lies beside an Antigravity transcript: messages of background tasks, their logs, spilled outputs."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from afs import jsonl
from afs.logs.antigravity.steps import instant
from afs.logs.antigravity.text import finished

if TYPE_CHECKING:
    from collections.abc import Iterable

    from afs.logs.conversation import Note

MOST = 1 << 20  # bytes of one such file that are read
_TASK = re.compile(r"/tasks/(task-\d+)\.log\Z")
_SPILL = re.compile(r"/steps/(\d+)/(?:output\.txt|content\.md)\Z")


class Beside:
    """The files beside the logs of one conversation, read when they are asked for.

    `failed` is the first file that could not be read.
    """

    def __init__(self, paths: Iterable[str], note: Note) -> None:
        self._note = note
        self.failed: OSError | None = None
        self._logs: dict[str, str] = {}
        self._spills: dict[int, str] = {}
        self._ends: dict[str, list[tuple[float, str]]] = {}
        self._steps: dict[int, str] = {}
        for path in sorted(paths):
            posix = path.replace(os.sep, "/")
            if match := _TASK.search(posix):
                self._logs[match[1]] = path
            elif match := _SPILL.search(posix):
                self._spills[int(match[1])] = path
            elif "/messages/" in posix:
                self._message(path)

    def end(self, task: str, index: int, since: float, until: float) -> str | None:
        """The result of a background task, by its id or its step; None where no message tells its end at all.

        After a person went back, a task may have the id of an earlier one: only a message of its own time
        counts, "" where there is none.
        """
        ends = self._ends.get(task) or self._ends.get(self._steps.get(index, ""))
        if not ends:
            return None
        return next((result for at, result in sorted(ends) if not at or since - 1 <= at <= until), "")

    def log(self, task: str) -> str:
        """What a background task wrote."""
        return self._text(self._logs.get(task.rpartition("/")[2], ""))

    def spill(self, index: int) -> str:
        """The output of a step that was too long for the log."""
        return self._text(self._spills.get(index, ""))

    def _text(self, path: str) -> str:
        """The beginning of a file, with a mark where it goes on."""
        data = self._bytes(path) if path else b""
        text = data[:MOST].decode("utf-8", "replace").replace("\0", "")
        return text if len(data) <= MOST else f"{text}\n<truncated>"

    def _bytes(self, path: str) -> bytes:
        try:
            with open(path, "rb") as file:
                return file.read(MOST + 1)
        except OSError as error:
            self.failed = self.failed or error
            return b""

    def _message(self, path: str) -> None:
        """Keep what a message file says of the end of a task."""
        data = self._bytes(path)
        if not data:
            return
        if len(data) > MOST:
            self._note("bad", path, 0, f"a message of over {MOST} bytes")
            return
        try:
            record = jsonl.decode(data)
        except jsonl.Bad as error:
            self._note("bad", path, 0, error.reason)
            return
        content = record.get("content") if type(record) is dict else None
        if type(content) is not str:
            self._note("bad", path, 0, "shape")
            return
        task, result = finished(content)
        if not task:
            return
        try:
            at = instant(str(record.get("timestamp")))
        except (ValueError, OverflowError):
            at = 0.0
        self._ends.setdefault(task, []).append((at, result))
        tool = record.get("sourceMetadata")
        tool = tool.get("tool") if type(tool) is dict else None
        index = tool.get("stepIndex") if type(tool) is dict else None
        if type(index) is int:
            self._steps[index] = task
