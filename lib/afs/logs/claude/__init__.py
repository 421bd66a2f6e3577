"""Claude Code: where its sessions lie, what a file is about, and its conversations."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from afs import jsonl
from afs.logs.claude.family import families, stem
from afs.logs.claude.graph import Graph
from afs.logs.claude.talks import conversations
from afs.logs.claude.text import string

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from afs.logs.conversation import Conversation, Note

NAME = "claude"
_LOG = re.compile(r".*\.jsonl(?:\.gz|\.zst)?\Z", re.S)
# Files in which the client talks to a model for its own ends.
_INTERNAL = re.compile(r"agent-a(?:compact|prompt_suggestion)")
_FIRST = 1000  # lines that glance() looks at


def roots(home: str, environ: Mapping[str, str]) -> list[str]:
    """$CLAUDE_CONFIG_DIR where it is set (a comma parts several), else the two places under the home."""
    named = [path.strip() for path in environ.get("CLAUDE_CONFIG_DIR", "").split(",") if path.strip()]
    return named or [os.path.join(home, ".claude"), os.path.join(home, ".config", "claude")]


def find(root: str, failed: Callable[[OSError], None] | None = None) -> list[list[str]]:
    """The session files of each project folder.

    A root may also be the folder `projects` itself, or the folder of one project. Links out of the root
    are not followed. A folder that cannot be read is given to `failed`.
    """
    top = os.path.join(root, "projects")
    top = top if os.path.isdir(top) else root
    real = os.path.realpath(top) + os.sep
    groups: dict[str, list[str]] = {}
    for folder, folders, names in os.walk(top, onerror=failed):
        folders.sort()
        project = os.path.relpath(folder, top).split(os.sep)[0]
        for name in sorted(names):
            path = os.path.join(folder, name)
            if not _LOG.match(name) or name == "history.jsonl" or not os.path.isfile(path):
                continue
            if os.path.realpath(path).startswith(real):
                # Files at the top make it the folder of one project, with its sub-agents below.
                groups.setdefault("." if "." in groups else project, []).append(path)
    return [groups[project] for project in sorted(groups)]


def glance(path: str) -> tuple[str, str]:
    """The session and the working folder that the first records name; a sub-agent has those of its session.

    Where they name no session, the name of the file does. Raises OSError for a file that cannot be read.
    """
    session = cwd = ""
    try:
        for number, line in jsonl.lines(path):
            if b'"cwd"' in line or b'"sessionId"' in line:
                try:
                    record = jsonl.decode(line)
                except jsonl.Bad:
                    record = None
                if type(record) is dict:
                    session = session or string(record.get("sessionId"))
                    cwd = cwd or string(record.get("cwd"))
            if (session and cwd) or number == _FIRST:
                break
    except jsonl.Corrupt:
        pass  # named when the file is read for its content
    return session or stem(path), cwd


def parse(files: list[str], note: Note) -> Iterator[Conversation]:
    """The conversations of a project's files, oldest file first, the sub-agents behind the sessions.

    Turns may have these skips. `abandoned-branch`: the person went back behind this turn. `mid-turn`: said
    while the agent worked or in refusing a tool call, and read by the model in the turn before it.
    `automated`: another agent or a schedule asked. `warm-up`: a sub-agent that only fills a cache.
    `incomplete`: the answer was cut at its greatest length or withheld. A command that the client answered
    itself is no turn. Raises OSError for a file that cannot be read, after all others are done.
    """
    wanted = []
    for path in sorted(set(files)):
        if _INTERNAL.match(os.path.basename(path)):
            note("skipped", path, 0, "a file of the client's own")
        else:
            wanted.append(path)
    failed = None
    for paths in families(wanted):
        graph = Graph(paths, note)
        failed = failed or graph.failed
        yield from conversations(NAME, graph)
    if failed is not None:
        raise failed
