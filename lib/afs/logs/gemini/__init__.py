"""Gemini CLI: where its sessions lie, and which of its files are one conversation.

A project's folder was named by a hash, then by a short name, and its sessions were copied, not moved; a
resumed session of the older form goes on in a file beside it. So a session may lie in several files, and
the one that holds most of it is taken. read.py reads a file, replay.py plays its records,
turns.py makes turns of them; chat.py knows chats that were saved or shared.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from afs.logs.conversation import Conversation
from afs.logs.gemini import chat
from afs.logs.gemini.files import (
    OUTPUTS,
    Places,
    below_chats,
    find,
    glance,
    key_of,
    kind_of,
    order,
    project_of,
)
from afs.logs.gemini.read import load
from afs.logs.gemini.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from afs.logs.conversation import Note
    from afs.logs.gemini.replay import Session

__all__ = ["NAME", "find", "glance", "parse", "roots"]
NAME = "gemini"


def roots(home: str, environ: Mapping[str, str]) -> list[str]:
    """The folder of Gemini CLI: .gemini under $GEMINI_CLI_HOME, else under the home."""
    return [os.path.join(environ.get("GEMINI_CLI_HOME") or home, ".gemini")]


def parse(files: list[str], note: Note) -> Iterator[Conversation]:
    """The conversations of a group: each session, its sub-agents behind it, saved chats last.

    Turns may have these skips. `rolled-back`: the person went back behind this turn. `command`: the
    client answered it. `duplicate`: a saved chat repeats the turn of a session. Raises OSError for a
    file that cannot be read, after all others are done.
    """
    group = _Group(files, note)
    yield from group.sessions()
    yield from group.chats()
    if group.failed is not None:
        raise group.failed


class _Group:
    """The files of a group by kind, and what was seen of it so far."""

    def __init__(self, files: list[str], note: Note) -> None:
        self.note = note
        self.failed: OSError | None = None
        self.kinds: dict[str, list[str]] = {}
        for path in sorted(set(files), key=order):
            self.kinds.setdefault(kind_of(path) or "session", []).append(path)
        self.places = Places(self.kinds.get("beside", []))
        self.outputs: dict[str, dict[str, str]] = {}
        for path in self.kinds.get("output", []):
            project, name = path.split(os.sep + OUTPUTS + os.sep)
            self.outputs.setdefault(project, {})[name.replace(os.sep, "/")] = path
        self.covered: chat.Covered | None = chat.Covered() if self._with_chats() else None
        for path in self.kinds.get("left", []):
            note("skipped", path, 0, "a leftover of a crash")
        for path in self.kinds.get("prompts", []):
            note("skipped", path, 0, "a list of prompts")

    def _with_chats(self) -> bool:
        return bool(self.kinds.get("saved") or self.kinds.get("state"))

    def sessions(self) -> Iterator[Conversation]:
        """The conversations of session files, oldest first."""
        parts: dict[str, list[str]] = {}
        for path in self.kinds.get("session", []):
            parts.setdefault(key_of(path, ""), []).append(path)
        for paths in parts.values():
            mains = self._load([path for path in paths if not below_chats(path)])
            names = {_safe(one.id): one.id for one in mains if one.kind != "subagent"}
            while mains:
                yield from self._talk(mains.pop(0), "", names)
            below = sorted({below_chats(path) for path in paths} - {""})
            for name in below:
                agents = self._load([path for path in paths if below_chats(path) == name])
                while agents:
                    yield from self._talk(agents.pop(0), names.get(name, name), names)

    def _load(self, paths: list[str]) -> list[Session]:
        """The sessions of files, the fullest copy of each, oldest first."""
        best: dict[tuple[str, str], Session] = {}
        for path in paths:
            try:
                session = load(path)
            except OSError as error:
                self.failed = self.failed or error
                continue
            name = session.id or os.path.basename(path)
            key = (name, session.start if session.kind == "subagent" else "")
            other = best.setdefault(key, session)
            if other is not session:
                better = session if _fullness(session) > _fullness(other) else other
                worse = other if better is session else session
                self.note("skipped", worse.path, 0, "another copy of a session")
                best[key] = better
        return sorted(best.values(), key=lambda one: (one.kind == "subagent", one.start, one.id, one.path))

    def _talk(self, session: Session, parent: str, names: dict[str, str]) -> Iterator[Conversation]:
        """The conversation of a session; none where no human message is in it."""
        path = session.path
        name = session.id or os.path.basename(path).partition(".")[0]
        talk = Conversation(NAME, name, [path])
        talk.subagent = bool(parent) or session.kind == "subagent"
        if talk.subagent:
            own = name in names.values()  # older clients gave a sub-agent its parent's id
            talk.parent = parent or (name if own else "")
            talk.id = f"{name}:{session.start}" if own else name
            talk.group = talk.parent
        folder = project_of(path)
        asked = Turns(session, talk, self.outputs.get(folder, {})).asked
        self._tell(session)
        talk.cwd = self._place(session, folder)
        if session.saved:
            chat.name(talk)
        if self.covered is not None and not talk.subagent:
            self.covered.add(talk.turns, asked)
        if talk.turns:
            yield talk

    def _tell(self, session: Session) -> None:
        for one in session.noted:
            self.note(*one)

    def _place(self, session: Session, folder: str) -> str:
        seen = dict.fromkeys(place for entry in session.timeline for place in entry.places)
        above: dict[str, None] = {}
        for place in seen:
            while place not in above and len(above) < 1000:
                above[place] = None
                place = re.sub(r"[/\\][^/\\]*\Z", "", place)
        told = [place for entry in session.timeline if entry.kind == "injected" for place in entry.places]
        return self.places.of(folder, session.hash, list(above)) or (told[0] if told else "")

    # --- saved chats --------------------------------------------------------------------------------------

    def chats(self) -> Iterator[Conversation]:
        """Saved chats, then states for /restore where the project has no session, longest first."""
        for kind in ("saved", "state"):
            for path in sorted(self.kinds.get(kind, []), key=_longest):
                if kind == "state" and self.kinds.get("session"):
                    self.note("skipped", path, 0, "a state for /restore")
                    continue
                try:
                    session = load(path)
                except OSError as error:
                    self.failed = self.failed or error
                    continue
                talk = Conversation(NAME, "", [path])
                asked = Turns(session, talk, {}).asked
                self._tell(session)
                chat.name(talk)
                talk.cwd = self._place(session, project_of(path))
                covered = self.covered or chat.Covered()
                if not covered.leave_out(talk.turns, asked):
                    if talk.turns:
                        self.note("skipped", path, 0, "a copy of a chat")
                    continue
                covered.add(talk.turns, asked)
                if talk.turns:
                    yield talk


def _fullness(session: Session) -> tuple[int, bool]:
    return len(session.timeline), ".jsonl" in os.path.basename(session.path)


def _longest(path: str) -> tuple[int, str]:
    try:
        return -os.path.getsize(path), path
    except OSError:
        return 0, path


def _safe(name: str) -> str:
    """An id as the client writes it in the name of a folder."""
    return re.sub(r"[^a-zA-Z0-9_-]", "_", name)
