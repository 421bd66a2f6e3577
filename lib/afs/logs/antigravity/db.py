"""Antigravity's conversations/<uuid>.db: a table of protobuf messages -> the steps of a transcript.

The numbers of fields, types, states and sources are those of agy 1.0.7 to 1.2.0, as others found them. Of
some tools the field of the result is not known: there the longest text of the step stands for it, and
`guessed` says so.
"""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from afs.logs import sqlite
from afs.logs.antigravity.protobuf import Bad, Message, strings
from afs.logs.antigravity.steps import Step, arguments
from afs.logs.conversation import ToolCall
from afs.logs.read import ODD, oddity

if TYPE_CHECKING:
    from collections.abc import Callable
    from sqlite3 import Connection

    from afs.logs.conversation import Note

    Noted = list[tuple[str, str, int, str]]

KNOWN_VERSIONS = (1,)
MOST_STEP = 64 << 20  # bytes of one step
MOST_HELD = 1 << 30  # bytes of all steps
_PAGE = 256

_USER_INPUT, _PLANNER, _ERROR = 14, 15, 17
_TYPES = {
    5: "CODE_ACTION",
    7: "GREP_SEARCH",
    8: "VIEW_FILE",
    9: "LIST_DIRECTORY",
    _USER_INPUT: "USER_INPUT",
    _PLANNER: "PLANNER_RESPONSE",
    _ERROR: "ERROR_MESSAGE",
    21: "RUN_COMMAND",
    23: "CHECKPOINT",
    25: "FIND",
    33: "SEARCH_WEB",
    38: "MCP_TOOL",
    81: "TASK_BOUNDARY",
    82: "NOTIFY_USER",
    90: "EPHEMERAL_MESSAGE",
    98: "CONVERSATION_HISTORY",
    101: "SYSTEM_MESSAGE",
    103: "AGENCY_TOOL_CALL",
    127: "INVOKE_SUBAGENT",
    132: "GENERIC",
    138: "ASK_QUESTION",
}
_STATES = {
    0: "DONE",  # nobody waits for a step that says nothing of it
    1: "PENDING",
    2: "RUNNING",
    3: "DONE",
    4: "INVALID",
    5: "CLEARED",
    6: "CANCELED",
    7: "ERROR",
    8: "GENERATING",
    9: "WAITING",
    11: "QUEUED",
    12: "INTERRUPTED",
}
_IN_FLIGHT = frozenset(("PENDING", "RUNNING", "GENERATING", "WAITING", "QUEUED"))
_SOURCES = {2: "MODEL", 3: "USER_IMPLICIT", 4: "USER_EXPLICIT", 5: "SYSTEM", 6: "SYSTEM"}
# What the client writes into a conversation: it is never the result of a tool.
_SYSTEM = {23: (), 90: (103, 1), 98: (111, 1), 101: (114, 1)}
_GENERIC = (140, 2, 1)
_RESULTS = {
    21: ((28, 21, 1), (28, 21, 2), (28, 19, 1), (28, 4)),
    25: ((34, 11), (34, 8)),
}
_CUT = (28, 21, 2)  # the shortened output of a command
_AGENCY = (116, 4)
_NO_RESULT = frozenset((5, 31))  # the step's metadata and its error
_FORKS = (2, 6)
_PACKED = re.compile(r"[A-Za-z0-9+/=_-]{512,}")  # an image, not words
_DECIMAL = re.compile(rb"\s*\[?\s*\d{1,3}(?:\s*,\s*\d{1,3})*\s*\]?\s*")


@dataclass(slots=True)
class Db:
    """One conversation of a database.

    steps are in the order of their index; what a person took back is not among them any more. cwd is an
    absolute path; parent the conversation that started this one where `subagent`, else the one that it is a
    fork of; model the last one that answered; version names the layout of the tables, since the client's own
    is not told; created an RFC 3339 time. By index of step: models, tokens (in, out), and origins, the
    conversation in which a step that a fork repeats first appeared. guessed holds the steps whose text is
    the longest one found.
    """

    steps: list[Step]
    cwd: str = ""
    parent: str = ""
    model: str = ""
    version: str = ""
    created: str = ""
    subagent: bool = False
    models: dict[int, str] = field(default_factory=dict)
    tokens: dict[int, tuple[int, int]] = field(default_factory=dict)
    origins: dict[int, str] = field(default_factory=dict)
    guessed: set[int] = field(default_factory=set)


def steps(path: str, note: Note) -> Db | None:
    """The conversation of a database, None where it cannot be used, which is noted.

    The line of a step and of a note is its index counted from 1. Raises OSError for a file that cannot be
    read.
    """
    noted: Noted = []

    def work(connection: Connection) -> Db:
        noted.clear()  # it may be read twice
        return _Reader(path, noted).read(connection)

    try:
        found = sqlite.read(path, work)
    except sqlite.Unreadable as error:
        note(error.kind, path, 0, str(error))
        return None
    for one in noted:
        note(*one)
    return found


def workspace(path: str) -> str:
    """The working folder that a database names, before any step is looked at; "" where it names none."""
    reader = _Reader(path, [])
    try:
        sqlite.read(path, reader.read_about)
    except (sqlite.Unreadable, OSError):
        return ""
    return reader.db.cwd


class _Reader:
    """One reading of a database."""

    def __init__(self, path: str, noted: Noted) -> None:
        self.path, self.noted = path, noted
        self.name = os.path.basename(path).removesuffix(".db")
        self.db = Db([])

    def _note(self, kind: str, index: int, what: str) -> None:
        self.noted.append((kind, self.path, index + 1, what))

    def read(self, connection: Connection) -> Db:
        there = sqlite.columns(connection, "steps")
        if not {"idx", "step_payload"} <= there:
            raise sqlite.Unreadable("a database without a table of steps")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version not in KNOWN_VERSIONS:
            self._note("unknown", -1, f"a database of version {version}")
        self.db.version = f"db-{version}"
        self._steps(connection, there)
        self.read_about(connection)
        self._rows(connection, "gen_metadata", "idx", self._generation)
        self._rows(connection, "parent_references", "idx", self._reference)
        if not self.db.created:
            self.db.created = min(filter(None, (step.created for step in self.db.steps)), default="")
        return self.db

    def read_about(self, connection: Connection) -> None:
        self._rows(connection, "trajectory_metadata_blob", "id", self._about)

    def _steps(self, connection: Connection, there: frozenset[str]) -> None:
        held = 0
        names = ["step_type", "status", "step_payload", "metadata", "error_details"]
        wanted = ", ".join(_capped(name) if name in there else "NULL" for name in names)
        sizes = " + ".join(f"coalesce(length({name}), 0)" for name in names if name in there)
        rows = connection.execute(f"SELECT idx, {sizes}, {wanted} FROM steps ORDER BY idx")
        while page := rows.fetchmany(_PAGE):
            for index, size, *values in page:
                if type(index) is not int:
                    self._note("bad", -1, "a step without a number")
                    continue
                if size > MOST_STEP:
                    self._note("bad", index, f"a step of {size} bytes")
                    continue
                held += size
                if held > MOST_HELD:
                    raise sqlite.Unreadable(f"a conversation of more than {MOST_HELD} bytes", "skipped")
                try:
                    self._step(index, *values)
                except ODD as error:
                    what = str(error) if isinstance(error, Bad) else oddity(error)
                    self._note("bad", index, f"a step that cannot be read: {what}")

    def _step(self, index: int, kind: Any, status: Any, payload: Any, metadata: Any, error: Any) -> None:
        data = _blob(payload)
        told = Message(data)
        about = Message(_blob(metadata)) if metadata else told.message(5)
        number = kind if type(kind) is int else told.number(1)
        state = status if type(status) is int else told.number(4)
        if number not in _TYPES:
            self._note("unknown", index, f"step type {number}")
        if state not in _STATES:
            self._note("unknown", index, f"step status {state}")
        step = Step(
            index=index,
            source=_source(number, about),
            type=_TYPES.get(number, f"STEP_{number}"),
            status=_STATES.get(state, f"STATUS_{state}"),
            created=stamp(about.message(1)),
            path=self.path,
            line=index + 1,
        )
        if number == _USER_INPUT:
            step.content = _typed(told.message(19))
        elif number == _PLANNER:
            self._planned(step, told.message(20))
        else:
            step.call_id = about.text(4, 1)
            self._other(step, number, told, 4 in about)
            if not step.content and self._guesses(step, number, told):
                self._guess(step, data)
        if step.status == "ERROR" or number == _ERROR:
            self._failed(step, Message(_blob(error)) if error else told.message(31), told)
        self.db.steps.append(step)
        usage = about.message(9)
        if 2 in usage or 3 in usage:
            self.db.tokens[index] = usage.number(2) + usage.number(5), usage.number(3)
        origin = about.text(20, 3)
        if origin and origin != self.name:
            self.db.origins[index] = origin

    def _planned(self, step: Step, said: Message) -> None:
        step.content, step.thinking = said.text(1), said.text(3)
        for call in said.messages(7):
            step.calls.append(ToolCall(call.text(1), call.text(2), arguments(call.text(3))))

    def _other(self, step: Step, number: int, told: Message, tool: bool) -> None:
        """What a tool gave back, or what the client said."""
        if number in _SYSTEM and not tool:
            path = _SYSTEM[number]
            step.content = told.text(*path) if path else ""
            return
        step.content = told.text(*_GENERIC)
        for path in _RESULTS.get(number, ()):
            if not step.content:
                step.content = told.text(*path)
                if step.content and path == _CUT:
                    step.truncated = frozenset(("content",))
        if not step.content:
            answers = told.message(_AGENCY[0]).messages(_AGENCY[1])
            step.content = "\n".join(text for answer in answers if (text := answer.text(2, 2)))

    def _guesses(self, step: Step, number: int, told: Message) -> bool:
        """Whether the step is one whose result may stand in a field that nobody knows."""
        known = _GENERIC[0] in told or _AGENCY[0] in told or number in _RESULTS or number == _ERROR
        settled = step.status not in _IN_FLIGHT and step.status != "ERROR"
        return settled and not known and (number not in _SYSTEM or not _SYSTEM[number])

    def _guess(self, step: Step, data: bytes) -> None:
        words = (text for text in strings(data, _NO_RESULT) if not _PACKED.fullmatch(text))
        step.content = max(words, key=len, default="")
        if step.content:
            self.db.guessed.add(step.index)
            step.truncated = frozenset(("content",))  # what another file says of it goes before

    def _failed(self, step: Step, details: Message, told: Message) -> None:
        for words in (details, told.message(24, 3)):
            step.error = step.error or words.text(3) or words.text(2) or words.text(1)
        if step.type != "PLANNER_RESPONSE" and step.type != "USER_INPUT":
            step.content = step.content or step.error

    # --- the other tables -------------------------------------------------------------------------------

    def _rows(self, connection: Connection, table: str, order: str, take: Callable[[Message], None]) -> None:
        """Give the messages of a table, which a database may lack, to `take`."""
        if not {order, "data"} <= sqlite.columns(connection, table):
            return
        for (data,) in connection.execute(f"SELECT {_capped('data')} FROM {table} ORDER BY {order}"):
            try:
                if data:
                    take(Message(_blob(data)))
            except Bad as error:
                self._note("bad", -1, f"a row of {table} that cannot be read: {error}")

    def _about(self, data: Message) -> None:
        folders = [workspace.text(1) for workspace in data.messages(1)] + data.texts(7)
        self.db.cwd = self.db.cwd or next(filter(None, map(folder, folders)), "")
        self.db.created = self.db.created or stamp(data.message(2))
        self.db.parent = self.db.parent or data.text(5)
        self.db.subagent = self.db.subagent or bool(self.db.parent)

    def _generation(self, data: Message) -> None:
        model = data.text(1, 21) or data.text(1, 19)
        if model:
            self.db.model = model
            self.db.models.update(dict.fromkeys(data.numbers(2), model))

    def _reference(self, data: Message) -> None:
        """The newest fork of another conversation counts; one whose steps were taken back names itself."""
        other = data.text(6)
        if data.number(5) in _FORKS and other and other != self.name and not self.db.subagent:
            self.db.parent = other


def _capped(name: str) -> str:
    return f"CASE WHEN length({name}) <= {MOST_STEP} THEN {name} END"


def _blob(value: Any) -> bytes:
    """The bytes of a BLOB, and of one that a recovery tool wrote as numbers: `10,165,1`."""
    if value is None or type(value) is bytes:
        return value or b""
    if type(value) is not bytearray or (value and not _DECIMAL.fullmatch(value)):
        raise Bad("no blob")
    try:
        return bytes(map(int, re.findall(rb"\d+", value)))
    except ValueError:
        raise Bad("no blob") from None


def _source(number: int, about: Message) -> str:
    if 4 in about and number not in (_USER_INPUT, _PLANNER):
        return "MODEL"  # the step runs a tool, whatever its type
    if known := _SOURCES.get(about.number(3)):
        return known
    if number == _USER_INPUT:
        return "USER_EXPLICIT"
    return "SYSTEM" if number in _SYSTEM or number == _ERROR else "MODEL"


def _typed(asked: Message) -> str:
    items = "".join(item.text(1) for item in asked.messages(3))
    return asked.text(2) or items or asked.text(1)


def stamp(moment: Message) -> str:
    """RFC 3339 of a Timestamp, "" where there is none; whole seconds, as the transcript has them."""
    seconds = moment.number(1)
    if not 0 < seconds < 253402300800:  # the year 10000
        return ""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def folder(uri: str) -> str:
    """The path of a workspace: file:///C:/x is C:/x, and of one on another machine the path there."""
    scheme, mark, rest = uri.partition("://")
    if not mark:
        return uri
    host, slash, path = rest.partition("/")
    path = os.fsdecode(unquote_to_bytes(slash + path))
    if re.match(r"/[A-Za-z]:", path):
        return path[1:]
    return f"//{host}{path}" if scheme == "file" and host not in ("", "localhost") else path
