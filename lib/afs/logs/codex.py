"""Codex CLI rollouts -> conversations: unwrapped records (2025) and wrapped ones (since), forks, sub-agents.

A rollout is one thread, one file, one conversation. codex_thread.py reads its lines in order, and
codex_text.py knows what was typed and what the client put in.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping

from afs.logs.codex_thread import Thread
from afs.logs.conversation import Conversation, Note
from afs.logs.read import ODD, oddity, records

NAME = "codex"
_NAME = re.compile(r"rollout-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-([0-9a-fA-F-]{36})\.jsonl(?:\.gz|\.zst)?\Z")
# Any rollout, however it is named or packed; only the copy that the client is just writing is none.
_ROLLOUT = re.compile(r"rollout-.*\.jsonl?(?:\..*)?(?<!\.tmp)\Z", re.S)
_READ = re.compile(r".*\.jsonl(?:\.gz|\.zst)?\Z", re.S)
_FOLDERS = ("sessions", "archived_sessions")


def roots(home: str, environ: Mapping[str, str]) -> list[str]:
    """The folder of Codex: $CODEX_HOME, else ~/.codex."""
    return [environ.get("CODEX_HOME") or os.path.join(home, ".codex")]


def find(root: str, failed: Callable[[OSError], None] | None = None) -> list[list[str]]:
    """Rollouts of a root, oldest first; all copies of one thread in one group.

    A plain file goes before a packed one and sessions/ before archived_sessions/. Links out of the root are
    not followed. A folder that cannot be read is given to `failed`.
    """
    groups: dict[str, list[tuple[bool, bool, str]]] = {}
    inside = os.path.realpath(root) + os.sep
    tops = [top for top in (os.path.join(root, name) for name in _FOLDERS) if os.path.isdir(top)]
    for top in tops or [root]:
        for folder, _, names in os.walk(top, onerror=failed):
            for name in names:
                path = os.path.join(folder, name)
                real = os.path.realpath(path)
                if not _ROLLOUT.match(name) or not real.startswith(inside) or not os.path.isfile(real):
                    continue
                copy = (name.endswith((".gz", ".zst")), os.path.basename(top) == _FOLDERS[1], path)
                match = _NAME.match(name)
                groups.setdefault(match[1].lower() if match else path, []).append(copy)
    found = [[path for *_, path in sorted(copies)] for copies in groups.values()]
    return sorted(found, key=lambda paths: (os.path.basename(paths[0]), paths[0]))


def parse(files: list[str], note: Note) -> Iterator[Conversation]:
    """The conversation of one thread, from the copy that holds most of it, the first of equals.

    Raises OSError for a copy that cannot be read, after the others are done.
    """
    best: _Copy | None = None
    failed = None
    for path in files:
        name = os.path.basename(path)
        if _ROLLOUT.match(name) and not _READ.match(name):
            first = name.endswith(".json")
            note(
                "unknown",
                path,
                0,
                "a rollout of the first generation" if first else "a rollout of another form",
            )
            continue
        try:
            copy = _Copy(path)
        except OSError as error:
            failed = failed or error
            continue
        if best is not None:
            other = best if copy.held > best.held else copy
            note("skipped", other.path, 0, "another copy of a thread")
        best = copy if best is None or copy.held > best.held else best
    if best is not None:
        for noted in best.noted:
            note(*noted)
        if best.thread.began:
            yield best.thread.finish()
    if failed is not None:
        raise failed


class _Copy:
    """One copy of a thread, read to its end. Its notes wait until it is known which copy is taken."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.noted: list[tuple[str, str, int, str]] = []
        name = os.path.basename(path)
        named = _NAME.match(name)
        talk = Conversation(NAME, named[1].lower() if named else name, [path])
        self.thread = Thread(talk, self._note)
        lines = 0
        for line, record in records(path, self._note):
            lines += 1
            try:
                self.thread.take(line, record)
            except ODD as error:
                self._note("bad", path, line, oddity(error))
        self.held = len(talk.turns), lines

    def _note(self, kind: str, path: str, line: int, detail: str) -> None:
        self.noted.append((kind, path, line, detail))
