"""What a parser could not use: counted by kind, named where it stood first, and told without a value."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from afs.logs.read import Lines
from afs.messages import reason_of, show

if TYPE_CHECKING:
    from collections.abc import Callable

    from afs.run import Run

_Log = dict[str, dict[str, dict[str, Any]]]  # {kind: {detail: {"count": n, "first": place}}}
# The last kind was left out on purpose; the others are no fault of ours but are named.
KINDS = ("bad", "torn", "unknown", "skipped")
_PLAIN = re.compile(r"[A-Za-z0-9_ .,:;()/-]{1,80}", re.ASCII)
_MOST_DETAILS = 100
# Reasons that mean the same in every command.
_REASONS = frozenset(("json", "utf8", "nan", "number", "depth", "not-object"))


class Noted:
    """The notes of one run. `cleaned` gives a text without secrets and names of people."""

    def __init__(self, run: Run, cleaned: Callable[[str], str]) -> None:
        self._run, self._cleaned = run, cleaned
        self._root = self._home = ""
        self._lines = Lines()
        self._log: _Log = {}
        self.of_group: _Log = {}

    def begin(self, root: str, home: str) -> None:
        """The notes that follow are of a group of logs under this root."""
        self._root, self._home = root, home
        self.of_group = {}

    def shown(self, path: str) -> str:
        """A path as it may stand in a file: from ~, or from the root that was named."""
        if not self._root:
            return show(path)
        for folder, prefix in ((self._home, "~/"), (self._root, "")):
            if path.startswith(folder.rstrip("/") + "/"):
                return prefix + os.path.relpath(path, folder)
        return os.path.basename(path)

    def take(self, kind: str, path: str, line: int, detail: str) -> None:
        """Count what a parser could not use, and keep where it stood first. A bad line is a reject."""
        detail = self._plain(kind, detail)
        mine = self.of_group.setdefault(kind, {})
        if detail not in mine:
            where = self._cleaned(self.shown(path)) + (f":{line}" if line else "")
            mine[detail] = {"count": 0, "first": where}
        mine[detail]["count"] += 1
        known = self._log.setdefault(kind, {})
        known.setdefault(detail, {"count": 0, "first": mine[detail]["first"]})["count"] += 1
        if kind in ("torn", "unknown"):  # an agent may be writing, or be newer than this parser
            self._run.tallies[kind][detail] += 1
        if kind == "bad" or (kind != "skipped" and self._run.args.strict):
            reason = detail if detail in _REASONS else kind
            part = self._lines.part(path, line) if line else (None, None, None)
            self._run.reject_at(self.shown(path), line, reason, f"{kind} record: {detail}", part=part)

    def unreadable(self, error: OSError, missing: str, path: str = "") -> None:
        """A file or folder that cannot be read: the others are, and with --rejects it is a reject."""
        path = str(error.filename or path)
        self._run.count["unreadable"] += 1
        what = f"{reason_of(error)}; {missing} are missing"
        if self._run.args.rejects:
            self._run.reject_at(self.shown(path), 0, "unreadable", what)
        else:
            self._run.fault(1, f"{path}: {what}")

    def add(self, notes: _Log) -> None:
        """Count what was noted before of a group of logs that has not changed."""
        for kind, details in notes.items():
            known = self._log.setdefault(kind, {})
            for detail, entry in details.items():
                known.setdefault(detail, {"count": 0, "first": entry["first"]})["count"] += entry["count"]
                if kind in ("torn", "unknown"):
                    self._run.tallies[kind][detail] += entry["count"]

    def _plain(self, kind: str, detail: str) -> str:
        """A detail as it may stand in a message: it may come from a log, and then may be anything."""
        known = self._log.get(kind, {})
        if detail in known:
            return detail
        plain = _PLAIN.fullmatch(detail) and self._cleaned(detail) == detail and len(known) < _MOST_DETAILS
        return detail if plain else "other"

    def summary(self) -> _Log:
        """The notes by kind and detail: how many, and where the first stood."""
        return {kind: dict(sorted(self._log.get(kind, {}).items())) for kind in KINDS}
