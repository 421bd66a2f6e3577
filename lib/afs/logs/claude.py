"""Claude Code: where its sessions lie, and which of them must be read together.

Sessions that were resumed or forked repeat records of others, or go on from them. Files of a project
that share ids of records are one graph (claude_graph.py); any other file is read alone, so that memory
is that of the largest family of sessions and not of the project.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from afs import jsonl
from afs.logs.claude_graph import Graph, agent_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from afs.logs.conversation import Conversation, Note

NAME = "claude"
_LOG = re.compile(r".*\.jsonl(?:\.gz|\.zst)?\Z", re.S)
# Files in which the client talks to a model for its own ends.
_INTERNAL = re.compile(r"agent-a(?:compact|prompt_suggestion)")
_IDS = (b'"uuid":"', b'"parentUuid":"', b'"logicalParentUuid":"', b'"messageUuid":"')


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


def parse(files: list[str], note: Note) -> Iterator[Conversation]:
    """The conversations of a project's files, oldest file first, each sub-agent behind its file.

    Turns may have these skips. `abandoned-branch`: the person went back behind this turn. `mid-turn`: said
    while the agent worked, and a message of the turn before it. `automated`: another agent or a schedule
    asked. `warm-up`: a sub-agent that only fills a cache. A command that the client answered itself is no
    turn. Raises OSError for a file that cannot be read, after all others are done.
    """
    wanted = []
    for path in sorted(set(files)):
        if _INTERNAL.match(os.path.basename(path)):
            note("skipped", path, 0, "a file of the client's own")
        else:
            wanted.append(path)
    failed = None
    for paths in _linked(wanted):
        graph = Graph(NAME, paths, note)
        failed = failed or graph.failed
        yield from graph.conversations()
    if failed is not None:
        raise failed


def _linked(files: list[str]) -> list[list[str]]:
    """Files in groups that share record ids; the groups, and the files in each, oldest first."""
    if len(files) < 2:
        return [files] if files else []
    from xxhash import xxh3_64_intdigest

    owner: dict[int, int] = {}
    above = list(range(len(files)))
    ages: list[tuple[bytes, bool, bool, bytes, int]] = []

    def top(index: int) -> int:
        while above[index] != index:
            index = above[index]
        return index

    for index, path in enumerate(files):
        first = last = b""
        copied = False
        try:
            for _, line in jsonl.lines(path):
                if b'"uuid": "' in line:
                    line = line.replace(b'": "', b'":"')
                for key in _IDS:
                    for part in line.split(key)[1:]:
                        seen = owner.setdefault(xxh3_64_intdigest(part[: part.find(b'"')]), index)
                        if seen != index:
                            above[top(index)] = top(seen)
                stamp = line.rfind(b'"timestamp":"')
                if stamp >= 0 and b'"uuid":"' in line:
                    last = line[stamp + 13 : stamp + 37]
                    first = first or last
                    copied = copied or b'"forkedFrom":' in line
        except (OSError, jsonl.Corrupt):
            pass  # named when the file is read for its content
        ages.append((first, bool(agent_of(path)), copied, last, index))
    groups: dict[int, list[str]] = {}
    for *_, index in sorted(ages):
        groups.setdefault(top(index), []).append(files[index])
    return list(groups.values())
