"""One message record of a Gemini CLI log, and what it becomes when it is written again."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from afs.logs.conversation import Message, ToolCall
from afs.logs.gemini import text
from afs.logs.gemini.text import string

if TYPE_CHECKING:
    from collections.abc import Callable

# Of a log that is too large to be held, this many characters of each text are.
BEGINNING = 200
_AGENT = frozenset({"gemini", "model", "assistant"})
_QUIET = frozenset({"info", "warning", "system"})
_CANCELLED = ("Request cancelled", "User cancelled")
_ABSOLUTE = ("/", "\\\\")
_PATH = re.compile(r"(?<![\w./])(?:/[\w.@+-]+){2,}")
_MOST_PLACES = 40


@dataclass(slots=True)
class Entry:
    """A message record as it stands after its last update.

    kind is that of text.Human for what is written as the user's, else "agent", "acknowledged",
    "cancelled", "error", "quiet" or "unknown". `masked` holds, for each result that the client cut, where
    it says that the whole of it lies. `size` is the length of the text that the model was given. state is
    "", "closed" (no more in the client's memory, but it happened) or "rolled-back".
    """

    id: str
    kind: str
    line: int = 0
    timestamp: str = ""
    messages: list[Message] = field(default_factory=list)
    context: str = ""
    whole: str = ""
    size: int = 0
    synthetic: bool = False
    model: str = ""
    tokens_in: int | None = None
    tokens_out: int | None = None
    masked: dict[str, str] = field(default_factory=dict)
    places: list[str] = field(default_factory=list)
    state: str = ""
    compacted: bool = False

    def mark(self) -> tuple[Any, ...]:
        """By which the same message is known under another id; () where that would be too little."""
        calls = [call.id for message in self.messages for call in message.tool_calls]
        calls += [message.tool_call_id for message in self.messages if message.role == "tool"]
        if not calls and not self.whole.strip():
            return ()
        return (self.kind, self.size, self.whole[:BEGINNING], *sorted(set(calls)))

    def update(self, new: Entry) -> None:
        """Become the newer record, but keep the results that it cut, and the place in the log."""
        known = {one.tool_call_id: one for one in self.messages if one.role == "tool"}
        for at, message in enumerate(new.messages):
            key = message.tool_call_id
            if key in new.masked and key in known and key not in self.masked:
                new.messages[at] = known[key]
                del new.masked[key]
        for name in self.__slots__:
            if name not in ("id", "line", "state", "compacted"):
                setattr(self, name, getattr(new, name))


def entry_of(record: dict[str, Any], line: int = 0) -> Entry:
    """The entry of a message record. Raises one of read.ODD for a record of an odd shape."""
    kind = string(record.get("type"))
    entry = Entry(string(record.get("id")), "quiet", line, string(record.get("timestamp")))
    if kind == "user":
        _human(entry, record)
    elif kind in _AGENT:
        _agent(entry, record)
    elif kind == "error":
        entry.kind = "error"
    elif kind in _QUIET:
        words = text.told(text.items(record.get("content")))
        entry.kind = "cancelled" if words.startswith(_CANCELLED) else "quiet"
    else:
        entry.kind, entry.whole = "unknown", kind or "no type"
    return entry


def _human(entry: Entry, record: dict[str, Any]) -> None:
    said = text.human(record)
    entry.kind, entry.context, entry.synthetic = said.kind, said.context, said.synthetic
    entry.whole = said.whole.strip()
    entry.size = len(entry.whole)
    if said.kind in ("human", "command"):
        entry.messages = [Message("user", said.question, line=entry.line)]
    elif said.kind == "injected":
        entry.places = text.workspaces(said.whole)
    elif said.kind == "results":
        parts = text.items(record.get("content"))
        for part in parts:
            given = part.get("functionResponse")
            if type(given) is dict and (key := string(given.get("id"))):
                _result(entry, key, text.result(key, parts), "", "")


def _agent(entry: Entry, record: dict[str, Any]) -> None:
    parts = text.items(record["content"] if record.get("content") is not None else record.get("parts"))
    said = Message("assistant", text.told(parts), line=entry.line)
    entry.whole = said.content.strip()  # the log has it stripped, a checkpoint as the model wrote it
    entry.size = len(entry.whole)
    said.reasoning = text.thought(parts) or text.thoughts(record.get("thoughts"))
    rows = record.get("toolCalls")
    calls = [row for row in rows if type(row) is dict] if type(rows) is list else []
    for row in calls:
        said.tool_calls.append(_call(row, f"{entry.id}-{len(said.tool_calls)}"))
    _add_parts(said, parts, entry.id)
    given = (said.content or text.thought(parts)).strip()
    if given in text.ACKNOWLEDGED and not said.tool_calls:
        entry.kind, entry.whole = "acknowledged", given
        return
    entry.kind, entry.messages = "agent", [said]
    for row, call in zip(calls, said.tool_calls, strict=False):
        _result(entry, call.id, text.result(call.id, row.get("result")), call.name, string(row.get("status")))
        _shown(entry, call.id, row)
        for value in _values(row.get("args")):
            if value.startswith(_ABSOLUTE) or value[1:3] == ":\\":
                entry.places.append(value)
    del entry.places[_MOST_PLACES:]
    entry.model = string(record.get("model"))
    tokens = record.get("tokens")
    if type(tokens) is dict:
        entry.tokens_in, entry.tokens_out = _count(tokens, "input"), _count(tokens, "output", "thoughts")


def _call(row: dict[str, Any], fallback: str) -> ToolCall:
    return ToolCall(
        string(row.get("id")) or fallback, string(row.get("name")), text.arguments(row.get("args"))
    )


def _add_parts(said: Message, parts: list[dict[str, Any]], name: str) -> None:
    """Add the calls among the parts of a content that the record's own list does not hold."""
    known = {call.id for call in said.tool_calls}
    unnamed = [call.name for call in said.tool_calls]
    for part in parts:
        given = part.get("functionCall")
        if type(given) is not dict or (key := string(given.get("id"))) in known:
            continue
        if not key and string(given.get("name")) in unnamed:
            unnamed.remove(string(given.get("name")))
            continue
        said.tool_calls.append(_call(given, f"{name}-{len(said.tool_calls)}"))


def _result(entry: Entry, key: str, given: tuple[str, bool] | None, tool: str, status: str) -> None:
    """Add the result of a call."""
    if given is None:
        return
    words, failed = given
    failed = failed or status in ("error", "cancelled")
    if tool == "run_shell_command":
        failed = failed or text.exited_badly(words)
    if found := _PATH.search(words, 0, BEGINNING):
        entry.places.append(found[0])
    if (place := text.masked(words)) is not None:
        entry.masked[key] = place
    entry.messages.append(Message("tool", words, tool_call_id=key, failed=failed, line=entry.line))


def _shown(entry: Entry, key: str, row: dict[str, Any]) -> None:
    """What the person saw, where a call that came to its end left no result."""
    status = string(row.get("status"))
    if status in ("success", "error", "cancelled") and entry.messages[-1].tool_call_id != key:
        words = text.displayed(row.get("resultDisplay"))
        if words is not None:
            _result(entry, key, (words, False), string(row.get("name")), status)


def _values(given: Any) -> list[str]:
    return [value for value in given.values() if type(value) is str] if type(given) is dict else []


def _count(tokens: dict[str, Any], *names: str) -> int | None:
    known = [tokens[name] for name in names if type(tokens.get(name)) is int]
    return sum(known) if known else None


# --- logs too large to be held ----------------------------------------------------------------------------


def shorten(entry: Entry, fetch: Callable[[], dict[str, Any]]) -> None:
    """Leave only the beginnings of an entry's texts; `fetch` reads its record once more."""
    entry.whole = entry.whole[:BEGINNING]
    for at, message in enumerate(entry.messages):
        texts = [message.content, message.reasoning, *(call.arguments for call in message.tool_calls)]
        if max(map(len, texts)) > BEGINNING:
            message.load = _loader(fetch, message.line, at)
            message.content, message.reasoning = message.content[:BEGINNING], message.reasoning[:BEGINNING]
            for call in message.tool_calls:
                call.arguments = call.arguments[:BEGINNING]


def _loader(fetch: Callable[[], dict[str, Any]], line: int, at: int) -> Callable[[], Message]:
    return lambda: entry_of(fetch(), line).messages[at]
