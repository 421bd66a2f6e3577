"""A Gemini CLI session file, replayed: what is live at its end, what was taken back, what was forgotten.

Records take effect in the client's own order: a rewind, a message (which replaces the one with its id
where that stands), an update of the session, the session's first line. A list of messages in an update is
a checkpoint: what it leaves out is no longer in the client's memory, but it happened, so it stays here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from afs.logs.gemini.record import Entry, entry_of, shorten
from afs.logs.gemini.text import string
from afs.logs.read import ODD, again, oddity

if TYPE_CHECKING:
    from collections.abc import Callable

_ROLES = {"user": "user", "model": "gemini"}


class Session:
    """What is known of one file while its records are read in order; `timeline` is every message seen."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.noted: list[tuple[str, str, int, str]] = []  # told when it is known which copy is taken
        self.id = self.hash = self.start = self.kind = ""
        self.large = False
        self.saved = False  # a chat without ids
        self.ended = False  # the client summed it up afterwards
        self.compacted = False  # the next message is the first after a compaction
        self.timeline: list[Entry] = []
        self.live: dict[str, Entry] = {}
        self.closed: dict[str, Entry] = {}
        self._held: tuple[int, dict[str, Any]] = (-1, {})
        self._line = self._offset = self._length = 0

    def note(self, kind: str, path: str, line: int, detail: str) -> None:
        """Keep a note on what could not be used."""
        self.noted.append((kind, path, line, detail))

    def at(self, line: int, offset: int = 0, length: int = 0) -> None:
        """Where the record lies that is read next."""
        self._line, self._offset, self._length = line, offset, length

    def take(self, record: dict[str, Any]) -> None:
        """Read one record."""
        change = record.get("$set")
        if type(record.get("$rewindTo")) is str:
            self._rewind(record["$rewindTo"])
        elif type(record.get("id")) is str:
            self._message(record)
        elif type(change) is dict:
            self._facts(change)
            if type(messages := change.get("messages")) is list:
                self._checkpoint(messages)
        elif type(record.get("sessionId")) is str and type(record.get("projectHash")) is str:
            self.whole(record)
        else:
            named = string(record.get("type")) or next((key for key in record if key[:1] == "$"), "")
            self.note("unknown", self.path, self._line, named or "no type")

    def whole(self, record: dict[str, Any]) -> None:
        """Read the session's own record, which may hold its messages."""
        self._facts(record)
        messages = record.get("messages")
        for at, message in enumerate(messages if type(messages) is list else ()):
            self.message(message, "messages", at)
        self.ended = bool(self.ended or record.get("summary"))

    def message(self, message: Any, *keys: str | int) -> None:
        """Read one message of a list, which lies under the keys of the record."""
        if type(message) is dict and type(message.get("id")) is str:
            self._message(message, *keys)
        else:
            self.note("bad", self.path, self._line, "shape")

    def content(self, given: Any) -> None:
        """Read one Content of a saved chat: {role, parts}, without id or time."""
        role = _ROLES.get(string(given.get("role"))) if type(given) is dict else None
        if role is None:
            self.note("bad", self.path, self._line, "shape")
            return
        name = f"{len(self.timeline)}"
        self._message({"id": name, "type": role, "content": given.get("parts")})

    def _facts(self, given: dict[str, Any]) -> None:
        self.id = string(given.get("sessionId")) or self.id
        self.hash = string(given.get("projectHash")) or self.hash
        self.start = string(given.get("startTime")) or self.start
        self.kind = string(given.get("kind")) or self.kind
        self.ended = self.ended or bool(string(given.get("summary")))

    def _entry(self, record: dict[str, Any], *keys: str | int) -> Entry | None:
        try:
            entry = entry_of(record, self._line)
        except ODD as error:
            self.note("bad", self.path, self._line, oddity(error))
            return None
        if entry.kind == "unknown":
            self.note("unknown", self.path, self._line, entry.whole)
        if self.large:
            shorten(entry, self._fetcher(self._offset, self._length, keys))
        return entry

    def _fetcher(self, offset: int, length: int, keys: tuple[str | int, ...]) -> Callable[[], dict[str, Any]]:
        """How to read a message record once more, which lies under `keys` of the record at the offset."""

        def fetch() -> dict[str, Any]:
            if not keys:
                return again(self.path, offset, length)
            if self._held[0] != offset:  # one record holds many messages
                self._held = offset, again(self.path, offset, length)
            record: Any = self._held[1]
            for key in keys:
                record = record[key]
            return record if type(record) is dict else {}

        return fetch

    def _message(self, record: dict[str, Any], *keys: str | int) -> None:
        entry = self._entry(record, *keys)
        if entry is None:
            return
        self.ended = False
        old = self.live.get(entry.id) or self.closed.get(entry.id)
        if old is not None:
            old.update(entry)
            return
        self.live[entry.id] = entry
        self.timeline.append(entry)
        if entry.kind in ("human", "agent"):
            entry.compacted, self.compacted = self.compacted, False

    def _rewind(self, name: str) -> None:
        """Take back the message of that name and all after it; all, where there is none of that name."""
        names = list(self.live)
        start = names.index(name) if name in self.live else 0
        for gone in names[start:]:
            self.live.pop(gone).state = "rolled-back"
        if start == 0 and name in self.closed:  # back behind what the client had forgotten
            first = self.closed[name]
            at = next(at for at, entry in enumerate(self.timeline) if entry is first)
            for entry in self.timeline[at:]:
                if entry.state == "closed":
                    entry.state = "rolled-back"
            self.closed = {key: entry for key, entry in self.closed.items() if entry.state == "closed"}

    def _checkpoint(self, messages: list[Any]) -> None:
        """Put a new list in the place of all live messages.

        Messages are known by their ids, else by what they say: the client may write them anew.
        """
        new: list[Entry] = []
        for at, record in enumerate(messages):
            if type(record) is not dict or type(record.get("id")) is not str:
                self.note("bad", self.path, self._line, "shape")
            elif entry := self._entry(record, "$set", "messages", at):
                new.append(entry)
        named = {entry.id for entry in new}
        unnamed: dict[tuple[Any, ...], list[Entry]] = {}
        for old in self.live.values():
            if old.id not in named and old.mark():
                unnamed.setdefault(old.mark(), []).append(old)
        live: dict[str, Entry] = {}
        fresh: list[Entry] = []
        before: dict[int, list[Entry]] = {}
        forgot = False
        for entry in new:
            known = self.live.get(entry.id) or self.closed.pop(entry.id, None)
            if known is not None:
                known.update(entry)
                known.state = ""
            elif same := unnamed.get(entry.mark()):
                known = same.pop(0)
            if entry.id in live:
                continue
            if known is None:
                fresh.append(entry)
                forgot = forgot or entry.kind == "summary"
            elif fresh:
                before[id(known)], fresh = fresh, []
            live[entry.id] = known or entry
        kept = {id(entry) for entry in live.values()}
        for name, old in self.live.items():
            if id(old) not in kept:
                old.state = "closed"
                self.closed[name] = old
                forgot = forgot or old.kind == "human"
        timeline: list[Entry] = []
        for entry in self.timeline:
            timeline += (*before.get(id(entry), ()), entry)
        self.timeline = timeline + fresh
        self.live = live
        self.compacted = self.compacted or forgot
