"""Codex CLI rollouts -> conversations: every generation, forks, sub-agents, threads in several files.

A rollout is one thread. Threads that come from each other (forks, sub-agents) are read together, parents
first, so that what a child repeats is known. file.py reads the records, thread.py takes them
in order, head.py knows where a replayed head ends, text.py what was typed and what the client
put in.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from afs import jsonl
from afs.logs import read
from afs.logs.codex import file, meta
from afs.logs.codex.head import Mark
from afs.logs.codex.thread import Thread
from afs.logs.conversation import Conversation, Note

NAME = "codex"
_ID = "[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}"
# Of a thread in several files each has a second id of its own.
_NAME = re.compile(
    rf"rollout-\d{{4}}-\d\d-\d\d(?:T\d\d-\d\d-\d\d)?-({_ID})(?:_({_ID}))?\.jsonl?(?:\.gz|\.zst)?\Z"
)
# Any rollout, however it is named or packed; only the copy that the client is just writing is none.
_ROLLOUT = re.compile(r"rollout-.*\.jsonl?(?:\..*)?(?<!\.tmp)\Z", re.S)
_READ = re.compile(r".*\.jsonl?(?:\.gz|\.zst)?\Z", re.S)
_FOLDERS = ("sessions", "archived_sessions")
# The client's list of the threads that it made from logs of other agents.
_LEDGER = "external_agent_session_imports.json"
_FIRST = 24  # records in which a working folder is looked for


def roots(home: str, environ: Mapping[str, str]) -> list[str]:
    """The folder of Codex: $CODEX_HOME, else ~/.codex."""
    return [environ.get("CODEX_HOME") or os.path.join(home, ".codex")]


def find(root: str, failed: Callable[[OSError], None] | None = None) -> list[list[str]]:
    """Rollouts of a root, oldest first; all files of a thread, and of the threads it comes from, in a group.

    A plain file goes before a packed one and sessions/ before archived_sessions/. A group of a thread that
    was imported from another agent ends with the list that says so. The two folders may be links, as where
    they lie on another disk; other links out of the root are not followed. A folder that cannot be read is
    given to `failed`.
    """
    copies: dict[str, list[tuple[str, bool, bool, str]]] = {}
    tops = [top for top in (os.path.join(root, name) for name in _FOLDERS) if os.path.isdir(top)]
    inside = tuple(os.path.realpath(top) + os.sep for top in (root, *tops))
    for top in tops or [root]:
        for folder, _, names in os.walk(top, onerror=failed):
            archived = _FOLDERS[1] in os.path.relpath(folder, root).split(os.sep)
            for name in names:
                path = os.path.join(folder, name)
                real = os.path.realpath(path)
                if not _ROLLOUT.match(name) or not real.startswith(inside) or not os.path.isfile(real):
                    continue
                match = _NAME.match(name)
                part = (match[2] or "").lower() if match else ""
                copy = (part, name.endswith((".gz", ".zst")), archived, path)
                copies.setdefault(match[1].lower() if match else path, []).append(copy)
    threads = {key: [path for *_, path in sorted(found)] for key, found in copies.items()}
    ledger = os.path.join(root, _LEDGER)
    imported = _imported(ledger) if os.path.realpath(ledger).startswith(inside) else set()
    groups = []
    for family in _families(threads):
        family.sort(key=lambda key: (os.path.basename(threads[key][0]), threads[key][0]))
        paths = [path for key in family for path in threads[key]]
        groups.append(paths + [ledger] * any(key in imported for key in family))
    return sorted(groups, key=lambda paths: (os.path.basename(paths[0]), paths[0]))


def _families(threads: Mapping[str, list[str]]) -> list[list[str]]:
    """Threads in groups of those that come from each other."""
    above = {key: key for key in threads}

    def top(key: str) -> str:
        while above[key] != key:
            key = above[key]
        return key

    for key, paths in threads.items():
        for name in _relatives(paths[0]):
            if name in above:
                above[top(key)] = top(name)
    families: dict[str, list[str]] = {}
    for key in threads:
        families.setdefault(top(key), []).append(key)
    return list(families.values())


def _relatives(path: str) -> set[str]:
    """The threads that the first lines of a file name, in lower case."""
    try:
        data = file.head(path)
    except OSError:
        return set()  # named when the file is read for its content
    marks = (b'"forked_from_id"', b'"parent_thread_id"', b'"history_base"')
    if data.count(b'"session_meta"') < 2 and not any(mark in data for mark in marks):
        return set()
    names: set[str] = set()
    for line in data.split(b"\n")[:8]:
        try:
            record = jsonl.decode(line)
            found = meta.header(record) if type(record) is dict else None
        except (jsonl.Bad, *read.ODD):
            continue
        if found is not None:
            names.update(name.lower() for name in (*meta.relatives(found), meta.string(found.get("id"))))
    if b"\n" not in data:  # a header so long that it was cut
        names.update(name.decode().lower() for name in re.findall(rb'_id":"([0-9a-fA-F-]{36})"', data))
    return names


def _imported(ledger: str) -> set[str]:
    """The threads that a list of imports names."""
    try:
        with open(ledger, "rb") as opened:
            listed = jsonl.decode(opened.read(read.LARGE))["records"]
        return {row["imported_thread_id"].lower() for row in listed}
    except (OSError, *read.ODD):
        return set()


def glance(path: str) -> tuple[str, str]:
    """(thread, working folder) as the first records or the name tell. Raises OSError."""
    match = _NAME.match(os.path.basename(path))
    name, cwd = match[1].lower() if match else "", ""
    if os.path.basename(path) == _LEDGER or not _READ.match(path):
        return name, cwd
    headed = False
    for record in file.first_records(path, _FIRST):
        try:
            found = meta.header(record)
            if found is not None and not headed:
                name, headed = meta.string(found.get("id")) or name, True
            cwd = cwd or meta.folder(record)
        except read.ODD:
            continue
        if cwd and headed:
            break
    return name, cwd


def parse(files: list[str], note: Note) -> Iterator[Conversation]:
    """The conversations of a group, parents first; of a thread's copies the one that holds most of it.

    Turns may have these skips. `rolled-back`: the person took this turn back. `mid-turn`: said while the
    agent worked, and a message of the turn before it. `imported`: copied from the log of another agent.
    Raises OSError for a file that cannot be read, after the others are done.
    """
    wanted: list[str] = []
    imported: set[str] = set()
    for path in files:
        name = os.path.basename(path)
        if name == _LEDGER:
            imported |= _imported(path)
        elif _ROLLOUT.match(name) and not _READ.match(name):
            note("unknown", path, 0, "a rollout of another form")
        else:
            wanted.append(path)
    reading = _Reading(note, imported, len(wanted) > 1)
    yield from reading.conversations(wanted)
    if reading.failed is not None:
        raise reading.failed


class _Reading:
    """One group of files, read thread by thread."""

    def __init__(self, note: Note, imported: set[str], several: bool) -> None:
        self.note, self.imported, self.several = note, imported, several
        self.failed: OSError | None = None
        self.known: dict[str, list[Mark]] = {}
        self.above: dict[str, str] = {}

    def conversations(self, files: list[str]) -> Iterator[Conversation]:
        """Each thread's conversation behind those that it comes from."""
        threads: dict[str, dict[str, list[str]]] = {}
        headers: dict[str, dict[str, Any]] = {}
        for path in files:
            match = _NAME.match(os.path.basename(path))
            header = self._header(path) if self.several else {}
            name = meta.string(header.get("id")) or (match[1] if match else path)
            part = (match[2] or "").lower() if match else ""
            threads.setdefault(name.lower(), {}).setdefault(part, []).append(path)
            headers.setdefault(path, header)
        above = {
            name: {
                other.lower()
                for paths in parts.values()
                for path in paths
                for other in meta.relatives(headers[path])
            }
            for name, parts in threads.items()
        }
        for name in _parents_first(above):
            copy = self._thread(threads[name], headers)
            if copy is None:
                continue
            talk = copy.thread.finish(self.known)
            for noted in copy.noted:
                self.note(*noted)
            if self.several:
                self._place(talk, copy.thread)
            if copy.thread.began:
                yield talk

    def _place(self, talk: Conversation, thread: Thread) -> None:
        """Remember a thread for those that come from it; its group is that of its oldest ancestor."""
        self.known[talk.id] = thread.remembered()
        talk.group = self.above.get(talk.group, talk.group)
        self.above[talk.id] = talk.group or talk.id

    def _header(self, path: str) -> dict[str, Any]:
        try:
            for record in file.first_records(path, 2):
                if (found := meta.header(record)) is not None:
                    return found
        except OSError:
            pass  # met again where the file is read
        return {}

    def _thread(self, parts: Mapping[str, list[str]], headers: Mapping[str, dict[str, Any]]) -> _Copy | None:
        """A thread from its files: the fullest copy of its first part, and the parts that go on from it."""
        later: list[tuple[int, list[str]]] = []
        copies: list[str] = []
        for part in sorted(parts, key=lambda part: os.path.basename(parts[part][0])):
            first = headers[parts[part][0]]
            base, end = meta.based_on(first)
            if base and base == first.get("id") and copies:
                later.append((end, parts[part]))
            else:
                copies += parts[part]
        best = self._best(copies)
        for end, paths in later:
            best = self._go_on(best, end, paths)
        return best

    def _best(self, paths: list[str]) -> _Copy | None:
        best: _Copy | None = None
        for path in paths:
            try:
                copy = _Copy(path, self.imported, self.several)
            except OSError as error:
                self.failed = self.failed or error
                continue
            if best is not None:
                other = best if copy.held > best.held else copy
                self.note("skipped", other.path, 0, "another copy of a thread")
            best = copy if best is None or copy.held > best.held else best
        return best

    def _go_on(self, before: _Copy | None, end: int, paths: list[str]) -> _Copy | None:
        for at, path in enumerate(paths):
            try:
                if before is None:
                    before = _Copy(path, self.imported, self.several)
                else:
                    before.go_on(path, end)
            except OSError as error:
                self.failed = self.failed or error
                continue
            for other in paths[at + 1 :]:
                self.note("skipped", other, 0, "another copy of a thread")
            break
        return before


class _Copy:
    """One copy of a thread, read to its end. Its notes wait until it is known which copy is taken."""

    def __init__(self, path: str, imported: set[str], hashing: bool) -> None:
        self.path = path
        self.noted: list[tuple[str, str, int, str]] = []
        name = os.path.basename(path)
        named = _NAME.match(name)
        talk = Conversation(NAME, named[1].lower() if named else name, [path])
        self.thread = Thread(talk, self._note, talk.id in imported, hashing)
        self.records = 0
        self._read(path)
        self.held = len(talk.turns), self.records

    def go_on(self, path: str, ordinal: int) -> None:
        """Read what follows in another file."""
        read.is_large(path)  # an OSError comes before anything is changed
        self.thread.go_on(path, ordinal)
        self._read(path)

    def _read(self, path: str) -> None:
        take = self.thread.take
        self.thread.large = read.is_large(path)
        for line, offset, length, record in file.entries(path, self._note):
            self.records += 1
            take(line, offset, length, record)

    def _note(self, kind: str, path: str, line: int, detail: str) -> None:
        self.noted.append((kind, path, line, detail))


def _parents_first(above: Mapping[str, set[str]]) -> Iterator[str]:
    """Names in their order, each behind those above it; a name in a circle where it comes first."""
    done: set[str] = set()
    for name in above:
        stack = [name]
        while stack:
            if stack[-1] in done:
                stack.pop()
                continue
            missing = [other for other in above if other in above[stack[-1]] - done and other not in stack]
            if missing:
                stack.append(missing[0])
            else:
                last = stack.pop()
                done.add(last)
                yield last
