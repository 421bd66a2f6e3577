"""Google Antigravity (IDE, app, `agy`): where its conversations lie, and all files of one read together.

One conversation may be told by a shortened and a whole transcript, an older overview, a database, a sidecar
of agy-reader, and files beside them, under several folders of ~/.gemini. steps.py makes one
branch of them, turns.py its turns. What is encrypted is counted, and told from what lies beside.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from typing import TYPE_CHECKING

from afs import sample
from afs.logs.antigravity import files as files_of
from afs.logs.antigravity import text
from afs.logs.antigravity.beside import Beside
from afs.logs.antigravity.steps import branches, complete, transcript, union
from afs.logs.antigravity.turns import Branch
from afs.logs.conversation import Conversation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from afs.logs.antigravity.db import Db
    from afs.logs.antigravity.steps import Step
    from afs.logs.conversation import Note

NAME = "antigravity"
_MARKDOWN = (".md", ".markdown")
_APPS = ("Antigravity", "Antigravity IDE")
_STATE = os.path.join("User", "globalStorage", "state.vscdb")


def roots(home: str, environ: Mapping[str, str]) -> list[str]:
    """~/.gemini ($GEMINI_HOME, or .gemini below $GEMINI_CLI_HOME), and the IDE's folders of user data.

    These are those of Linux, macOS and Windows, the last as WSL sees it under /mnt/c/Users.
    """
    gemini = environ.get("GEMINI_HOME") or os.path.join(environ.get("GEMINI_CLI_HOME") or home, ".gemini")
    config = environ.get("XDG_CONFIG_HOME") or os.path.join(home, ".config")
    mac = os.path.join(home, "Library", "Application Support")
    windows = os.path.join(home, "AppData", "Roaming")
    return [gemini, *(os.path.join(place, app) for place in (config, mac, windows) for app in _APPS)]


def find(root: str, failed: Callable[[OSError], None] | None = None) -> list[list[str]]:
    """The files of each conversation of a root, sub-agents behind who started them.

    A root is ~/.gemini, one of its antigravity folders, a part of one, the IDE's folder of user data, a whole
    home, or a folder of exported markdown. Links out of the root are not followed, nor links to folders.
    A folder that cannot be read is given to `failed`.
    """
    inside = os.path.realpath(root) + os.sep
    groups: dict[str, list[tuple[int, str]]] = {}
    parents: dict[str, str] = {}
    singles: list[list[str]] = []

    def add(path: str) -> None:
        kind, name, _ = files_of.place(path)
        if not (kind or path.endswith(_MARKDOWN)):
            return
        if not os.path.isfile(path) or not os.path.realpath(path).startswith(inside):
            return
        if not kind and _is_export(path):
            kind = "export"
        if name:
            groups.setdefault(name, []).append((files_of.KINDS.index(kind), path))
            if kind == "lineage":
                parents[name] = files_of.parent(path)
        elif kind in ("state", "export"):
            singles.append([path, *(wal for wal in (path + "-wal",) if os.path.isfile(wal))])

    for top in _places(root):
        if os.path.basename(top) == os.path.basename(_STATE):
            add(top)
            continue
        for folder, folders, names in os.walk(top, onerror=failed):
            folders[:] = sorted(name for name in folders if name not in files_of.PRUNED)
            for name in sorted(names):
                add(os.path.join(folder, name))
    found = [[path for _, path in sorted(groups[name])] for name in sorted(groups, key=_lineage(parents))]
    return [*found, *sorted(singles)]


def _places(root: str) -> list[str]:
    """The folders to walk, or the one file that is wanted."""
    if os.path.isdir(os.path.join(root, ".gemini")):
        return [place for one in roots(root, {}) for place in _places(one) if os.path.exists(place)]
    if os.path.isdir(os.path.join(root, "User", "globalStorage")):
        return [os.path.join(root, _STATE)]
    return files_of.tops(root) or ([] if os.path.basename(root) == ".gemini" else [root])


def _lineage(parents: Mapping[str, str]) -> Callable[[str], tuple[str, ...]]:
    """How to sort conversations so that a sub-agent comes behind its parent."""

    def key(name: str) -> tuple[str, ...]:
        line = [name]
        while (above := parents.get(line[-1], "")) and above not in line and len(line) < 32:
            line.append(above)
        return tuple(reversed(line))

    return key


def glance(path: str) -> tuple[str, str]:
    """The conversation of a file; its working folder as an index, a database or a first command tells."""
    kind, name, _ = files_of.place(path)
    if kind in ("state", "wal") and not name:
        return "", ""
    return name, files_of.workspace(path)


# --- reading ------------------------------------------------------------------------------------------


def parse(files: list[str], note: Note) -> Iterator[Conversation]:
    """The conversation of these files, or all that an index sums up.

    Turns may have these skips. `abandoned-branch`: the person went back behind this turn. `mid-turn`: an
    approval or "continue", a message of the turn before. `automated`: the client asked. `incomplete`: the log
    cut the question or the answer, and no other file has it whole. Raises OSError for a file that cannot be
    read, after all others are done.
    """
    kinds = {path: _kind(path) for path in files}
    for path in (path for path in files if kinds[path] in ("state", "export")):
        yield from _single(path, kinds[path], note)
    if not any(kind in files_of.SESSIONS - {"state", "export"} for kind in kinds.values()):
        return
    reader = _Reader(kinds, note)
    talk = reader.conversation()
    if talk is not None:
        yield talk
    if reader.failed is not None:
        raise reader.failed


def _kind(path: str) -> str:
    """What a file is, by its path, else by its beginning."""
    kind, _, _ = files_of.place(path)
    if kind:
        return kind
    try:
        with open(path, "rb") as file:
            head = file.read(1 << 16)
    except OSError:
        return "short"  # told when it is read
    if head.startswith(b"SQLite format 3\0"):
        return "state" if b"ItemTable" in head else "db"
    if _is_export(path):
        return "export"
    return "full" if os.path.basename(path).startswith("transcript_full") else "short"


def _is_export(path: str) -> bool:
    if not path.endswith(_MARKDOWN):
        return False
    from afs.logs.antigravity import markdown as antigravity_markdown

    return antigravity_markdown.is_export(path)


def _single(path: str, kind: str, note: Note) -> Iterator[Conversation]:
    if kind == "export":
        from afs.logs.antigravity import markdown as antigravity_markdown

        talk = antigravity_markdown.conversation(path, NAME, note)
        if talk is not None:
            yield talk
        return
    from afs.logs.antigravity import state as antigravity_state

    for talk in antigravity_state.conversations(path, note):
        if files_of.told_elsewhere(path, talk.id):
            note("skipped", path, 0, "a summary of a conversation that has its own log")
        else:
            yield talk


class _Reader:
    """One conversation, read from all of its files."""

    def __init__(self, kinds: Mapping[str, str], note: Note) -> None:
        self._kinds, self._note = kinds, note
        self.failed: OSError | None = None
        self._db: Db | None = None

    def _of(self, *kinds: str) -> list[str]:
        return [path for kind in kinds for path in self._kinds if self._kinds[path] == kind]

    def conversation(self) -> Conversation | None:
        """The conversation, None where no file tells any of it."""
        for path in self._of("pb"):
            self._note("skipped", path, 0, "encrypted")
        for path in self._of("artifact"):
            self._note("skipped", path, 0, "artifact")
        steps = self._steps()
        if not steps:
            return None
        kept, left = branches(steps)
        read = [path for path in self._kinds if self._kinds[path] not in ("pb", "artifact")]
        talk = Conversation(NAME, self._name(read[0], steps), read)
        self._family(talk, kept)
        beside = Beside(self._of("message", "task", "spill"), self._note)
        branch = Branch(beside, self._note, asker=talk.parent if talk.subagent else "")
        branch.take(kept)
        self._tell(branch)
        turns = list(zip(branch.asked, branch.turns, strict=True))
        for steps in left:
            other = Branch(beside, self._note, "abandoned-branch", branch.asker)
            other.take(steps)
            turns += zip(other.asked, other.turns, strict=True)
        turns.sort(key=lambda pair: (pair[0].at, pair[0].index))
        model = branch.model_before or (self._db.model if self._db else "")
        for number, (_, turn) in enumerate(turns):
            turn.ordinal, turn.model = number, turn.model or model
        talk.turns = [turn for _, turn in turns]
        self.failed = self.failed or beside.failed
        return talk

    def _name(self, path: str, steps: list[Step]) -> str:
        """The conversation's id: the name of its folder, else what its first step was."""
        _, name, _ = files_of.place(path)
        first = min(steps, key=lambda step: (step.at, step.index))
        return name or sample.sample_id(NAME, first.created, first.type, first.content[:200])

    def _steps(self) -> list[Step]:
        """The steps that any file tells, each once."""
        told = []
        for path in self._of("overview", "chunk", "short", "full"):
            try:
                told.append(list(transcript(path, self._note)))
            except OSError as error:
                self.failed = self.failed or error
        steps = union(told)
        for path in self._of("sidecar", "db"):
            try:
                steps = complete(steps, self._other(path))
            except OSError as error:
                self.failed = self.failed or error
        return steps

    def _other(self, path: str) -> list[Step]:
        if self._kinds[path] == "sidecar":
            from afs.logs.antigravity import sidecar as antigravity_sidecar

            return antigravity_sidecar.steps(path, self._note)
        from afs.logs.antigravity import db as antigravity_db

        db = antigravity_db.steps(path, self._note)
        if db is None:
            return []
        if self._db is None or len(db.steps) > len(self._db.steps):
            self._db = db
        for step in db.steps:
            if step.index in db.guessed:
                step.truncated |= {"content"}
        return db.steps

    def _family(self, talk: Conversation, kept: list[Step]) -> None:
        """Who started the conversation, where it worked, and which client wrote it."""
        db = self._db
        talk.cwd = (db.cwd if db else "") or files_of.workspace(talk.files[0])
        talk.agent_version = db.version if db else ""
        for path in self._of("lineage"):
            talk.parent = files_of.parent(path)
        if db and db.parent:
            talk.parent = talk.parent if db.subagent and talk.parent else db.parent
        asked = any(step.type == "USER_INPUT" and step.source == "USER_EXPLICIT" for step in kept)
        talk.subagent = bool(self._of("lineage")) or bool(db and db.subagent)
        if not asked and not talk.subagent:
            talk.parent = talk.parent or _asker(kept)
            talk.subagent = bool(talk.parent)
        if talk.parent and not talk.subagent:
            talk.group, talk.parent = talk.parent, ""

    def _tell(self, branch: Branch) -> None:
        """What the database knows of the turns, by the indexes of their steps."""
        db = self._db
        pairs = zip(branch.asked, branch.turns, strict=True)
        turns = [(step.index, turn) for step, turn in pairs if turn.skip != "mid-turn"]
        if db is None or not turns:
            return
        starts = [index for index, _ in turns]
        for index, turn in turns:
            turn.origin = db.origins.get(index, "")
        for index in sorted(db.models.keys() | db.tokens.keys()):
            at = bisect_right(starts, index) - 1
            if at < 0:
                continue
            turn = turns[at][1]
            turn.model = db.models.get(index, turn.model)
            if index in db.tokens:
                turn.tokens_in = (turn.tokens_in or 0) + db.tokens[index][0]
                turn.tokens_out = (turn.tokens_out or 0) + db.tokens[index][1]


def _asker(steps: list[Step]) -> str:
    """The agent whose message is the first that a conversation holds, where it is one."""
    for step in steps:
        if step.type == "SYSTEM_MESSAGE":
            return next((sender for sender, _ in text.messages(step.content) if "/" not in sender), "")
    return ""
