"""Which Claude Code files must be read together: those that share ids of records or of a session.

Sessions that were resumed or forked repeat records of others, or go on from them, and a sub-agent names
the session that it works for. Any other file is read alone, so that memory is that of the largest family
of files and not of the project.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from afs import jsonl
from afs.logs import read

if TYPE_CHECKING:
    from collections.abc import Iterator

# The ids by which records name themselves and each other. In a text their quotes would be escaped.
_IDS = re.compile(rb'"(?:uuid|parentUuid|logicalParentUuid|messageUuid|sessionId)": ?"([^"\\]*)"')
_STAMP = re.compile(rb'"timestamp": ?"([^"\\]*)"')


def stem(path: str) -> str:
    """The name of a log without its endings: the id of the session that it was made for."""
    return os.path.basename(path).partition(".jsonl")[0]


def agent_of(path: str) -> str:
    """The id of the sub-agent that a file belongs to, "" for a session."""
    before, _, name = stem(path).partition("agent-")
    return "" if before else name


def is_held(paths: list[str]) -> bool:
    """Whether a family is small enough to be held; of a larger one texts are read again by offset."""
    size = 0
    for path in paths:
        try:
            size += os.path.getsize(path)
        except OSError:
            pass  # named when the file is read for its content
    return size <= read.LARGE


def families(files: list[str]) -> Iterator[list[str]]:
    """Files in groups that share ids; the groups, and the files in each, oldest first."""
    if len(files) < 2:
        yield from [files] if files else []
        return
    from xxhash import xxh3_64_intdigest

    owner: dict[int, int] = {}
    above = list(range(len(files)))
    ages: list[tuple[bytes, bool, bool, bytes, int]] = []

    def top(index: int) -> int:
        while above[index] != index:
            above[index] = index = above[above[index]]
        return index

    for index, path in enumerate(files):
        first = last = b""
        copied = False
        try:
            for _, line in jsonl.lines(path):
                ids = _IDS.findall(line)
                for name in ids:
                    seen = owner.setdefault(xxh3_64_intdigest(name), index)
                    if seen != index:
                        above[top(index)] = top(seen)
                if ids and not first and (stamp := _STAMP.search(line)):
                    first = stamp[1]
                last = line if ids else last
                copied = copied or b'"forkedFrom":' in line
        except (OSError, jsonl.Corrupt):
            pass  # named when the file is read for its content
        stamps = _STAMP.findall(last)
        ages.append((first, bool(agent_of(path)), copied, stamps[-1] if stamps else b"", index))
    groups: dict[int, list[str]] = {}
    for *_, index in sorted(ages):
        groups.setdefault(top(index), []).append(files[index])
    yield from groups.values()
