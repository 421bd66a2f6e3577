"""What an export would read: a row a project, without writing a sample."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from afs import jsonl, terminal
from afs.logs.samples import project_name, stamp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from afs.logs.conversation import Conversation, Turn

_HEADS = ("conversations", "turns", "bytes", "first", "last")


class Listing:
    """Projects with their conversations, turns, bytes of logs and days."""

    def __init__(self, cleaned: Callable[[str], str]) -> None:
        self._cleaned = cleaned
        self._rows: dict[str, dict[str, Any]] = {}

    def add(self, talk: Conversation, turns: list[Turn]) -> None:
        """Count the turns that are wanted of a conversation."""
        seen = set()
        for turn in turns:
            project = project_name(turn.cwd or talk.cwd)
            row = self._rows.setdefault(
                project, {"conversations": 0, "turns": 0, "files": {}, "first": "", "last": ""}
            )
            if project not in seen:
                seen.add(project)
                row["conversations"] += 1
                row["files"].update((path, os.path.getsize(path)) for path in _present(talk.files))
            row["turns"] += 1
            if day := stamp(turn)[:10]:
                row["first"] = min(row["first"] or day, day)
                row["last"] = max(row["last"], day)

    def lines(self, form: str) -> Iterator[bytes]:
        """The rows by name of the project, as a table for people or as JSON lines."""
        rows = [
            {
                "project": self._cleaned(name) or None,
                "conversations": row["conversations"],
                "turns": row["turns"],
                "bytes": sum(row["files"].values()),
                "first": row["first"] or None,
                "last": row["last"] or None,
            }
            for name, row in sorted(self._rows.items())
        ]
        if form == "json":
            yield from map(jsonl.encode, rows)
            return
        names = [terminal.visible(row["project"] or "(no folder)") for row in rows]
        room = max(map(terminal.columns, ("project", *names)))
        yield (f"{'project':{room}}" + "".join(f"  {head:>13}" for head in _HEADS)).encode()
        for name, row in zip(names, rows, strict=True):
            space = " " * (room - terminal.columns(name))
            yield (name + space + "".join(f"  {row[head] or '':>13}" for head in _HEADS)).encode()


def _present(paths: list[str]) -> Iterator[str]:
    return (path for path in paths if os.path.exists(path))
