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
from afs.logs.read import records

NAME = "codex"
_NAME = re.compile(r"rollout-(\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d)-([0-9a-f-]{36})\.jsonl(\.zst)?\Z")
_FOLDERS = ("sessions", "archived_sessions")


def roots(home: str, environ: Mapping[str, str]) -> list[str]:
    """The folder of Codex: $CODEX_HOME, else ~/.codex."""
    return [environ.get("CODEX_HOME") or os.path.join(home, ".codex")]


def find(root: str, failed: Callable[[OSError], None] | None = None) -> list[list[str]]:
    """Rollouts of a root, oldest first; all copies of one thread in one group, the one to read first.

    A plain file goes before its .zst and sessions/ before archived_sessions/. Links out of the root are
    not followed. A folder that cannot be read is given to `failed`.
    """
    groups: dict[str, list[tuple[bool, bool, str]]] = {}
    inside = os.path.realpath(root) + os.sep
    tops = [top for top in (os.path.join(root, name) for name in _FOLDERS) if os.path.isdir(top)]
    for top in tops or [root]:
        for folder, _, names in os.walk(top, onerror=failed):
            for name in names:
                path = os.path.join(folder, name)
                match = _NAME.match(name)
                real = os.path.realpath(path)
                if match is None or not real.startswith(inside) or not os.path.isfile(real):
                    continue
                copy = (match[3] is not None, os.path.basename(top) == _FOLDERS[1], path)
                groups.setdefault(match[2], []).append(copy)
    found = [[path for *_, path in sorted(copies)] for copies in groups.values()]
    return sorted(found, key=lambda paths: (os.path.basename(paths[0]), paths[0]))


def parse(files: list[str], note: Note) -> Iterator[Conversation]:
    """The conversation of one thread. Raises OSError where the file cannot be read."""
    for copy in files[1:]:
        note("skipped", copy, 0, "another copy of a thread")
    path = files[0]
    named = _NAME.match(os.path.basename(path))
    thread = Thread(Conversation(NAME, named[2] if named else os.path.basename(path), [path]), note)
    for line, record in records(path, note):
        thread.take(line, record)
    if thread.began:
        yield thread.finish()
