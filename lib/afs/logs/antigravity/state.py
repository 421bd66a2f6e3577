"""Antigravity's summaries -> conversations: state.vscdb of the IDE, agyhub_summaries_proto.pb.

What the agent last set as its task and said to the person stands there as the arguments of `task_boundary`
and `notify_user`. That is little beside a transcript, and all that is left of a conversation whose own file
is encrypted. Of the IDE's database, which holds credentials too, only two keys are ever asked for.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import TYPE_CHECKING, Any

from afs.logs import sqlite
from afs.logs.antigravity.db import folder, stamp
from afs.logs.antigravity.protobuf import Bad, strings
from afs.logs.antigravity.protobuf import Message as Proto
from afs.logs.conversation import Conversation, Message, Turn

if TYPE_CHECKING:
    from collections.abc import Iterator
    from sqlite3 import Connection

    from afs.logs.conversation import Note

NAME = "antigravity"
KEYS = ("antigravityUnifiedStateSync.trajectorySummaries", "unifiedStateSync.trajectorySummaries")
MOST = 64 << 20  # bytes of all summaries
MOST_CONTEXT = 20_000  # characters
_SAME = "%SAME%"
_TASK = ("TaskName", "TaskSummary")
_BASE64 = re.compile(r"[A-Za-z0-9+/]{64,}={0,2}")
_DECODER = json.JSONDecoder()


def conversations(path: str, note: Note) -> Iterator[Conversation]:
    """The conversations of a state.vscdb or an agyhub_summaries_proto.pb, in the order of the file.

    A turn is one answer to the person: its question is what the person typed last where that is the turn
    for it, else the task that the agent had set itself, flagged `synthetic_prompt`. Of a conversation under
    both keys the one with more answers counts. Raises OSError for a file that cannot be read.
    """
    best: dict[str, Conversation] = {}
    for data, coded in _sources(path, note):
        for talk in _entries(path, data, coded, note):
            other = best.get(talk.id)
            if other is None or len(talk.turns) > len(other.turns):
                best[talk.id] = talk
            if other is not None:
                note("skipped", path, 0, "another summary of a conversation")
    yield from best.values()


def _sources(path: str, note: Note) -> list[tuple[bytes, bool]]:
    """(the map of summaries, whether these are base64 in it) of each place in a file that has one."""
    with open(path, "rb") as file:
        head = file.read(16)
        if not head.startswith(b"SQLite format 3"):
            data = head + file.read(MOST)
            if len(data) > MOST:
                note("skipped", path, 0, f"summaries of more than {MOST} bytes")
            elif not data.strip(b"\0"):
                note("bad", path, 0, "a file of zeros" if data else "an empty file")
            else:
                return [(data, False)]
            return []
    try:
        values = sqlite.read(path, _values)
    except sqlite.Unreadable as error:
        note(error.kind, path, 0, str(error))
        return []
    found = []
    for value in values:
        try:
            found.append((_unpacked(value), True))
        except Bad as error:
            note("bad", path, 0, f"summaries that cannot be read: {error}")
    return found


def _values(connection: Connection) -> list[bytes]:
    if not {"key", "value"} <= sqlite.columns(connection, "ItemTable"):
        raise sqlite.Unreadable("a database without a table of items")
    found = []
    for key in KEYS:
        row = connection.execute(
            "SELECT length(value), CASE WHEN length(value) <= ? THEN value END FROM ItemTable WHERE key = ?",
            (MOST, key),
        ).fetchone()
        if row and row[0]:
            if row[1] is None:
                raise sqlite.Unreadable(f"summaries of {row[0]} bytes", "skipped")
            found.append(bytes(row[1]) if isinstance(row[1], bytes | bytearray) else b"")
    return found


def _unpacked(value: bytes | str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise Bad("no base64") from None


def _entries(path: str, data: bytes, coded: bool, note: Note) -> Iterator[Conversation]:
    try:
        entries = Proto(data).blobs(1)
    except Bad as error:
        note("bad", path, 0, f"summaries that cannot be read: {error}")
        return
    for number, entry in enumerate(entries, 1):
        try:
            told = Proto(entry)
            name = told.text(1)
            summary = _unpacked(told.text(2, 1)) if coded else b"".join(told.blobs(2))
            talk = _talk(path, number, name, summary)
        except Bad as error:
            note("bad", path, number, f"a summary that cannot be read: {error}")
            continue
        if talk.turns:
            yield talk
        else:
            note("skipped", path, number, "a summary without an answer")


def _talk(path: str, number: int, name: str, data: bytes) -> Conversation:
    summary = Proto(data)
    talk = Conversation(NAME, name or f"summary-{number}", [path])
    places = [place.text(1) for place in summary.messages(9)] + [summary.text(17, 7)]
    talk.cwd = next(filter(None, map(folder, places)), "")
    typed, title = summary.text(10).strip(), summary.text(1)
    created, changed = stamp(summary.message(7)), stamp(summary.message(3)) or stamp(summary.message(15, 7))
    task: dict[str, str] = {}
    answers: list[tuple[str, dict[str, str]]] = []
    for said in _arguments(data):
        if type(answer := said.get("Message")) is str:
            answers.append((answer, task))
        else:
            task = {key: _kept(said, key, task) for key in _TASK}
    for at, (answer, task) in enumerate(answers):
        last = at == len(answers) - 1
        # Only the newest input is kept, so it belongs to the newest answer alone.
        asked = (last and typed) or task.get("TaskName") or task.get("TaskSummary") or title
        turn = Turn([Message("user", asked, line=number), Message("assistant", answer, line=number)])
        turn.native_id, turn.ordinal, turn.path, turn.line = f"summary-{at}", at, path, number
        turn.timestamp = (changed or created) if last else (created or changed)
        if not (last and typed):
            turn.flags.add("synthetic_prompt")
        turn.context = _context(asked, task)
        talk.turns.append(turn)
    return talk


def _kept(said: dict[str, Any], key: str, before: dict[str, str]) -> str:
    """What a call says of a task. "%SAME%" is what the call before it said."""
    value = said.get(key)
    if value == _SAME:
        return before.get(key, "")
    return value.strip() if type(value) is str else ""


def _context(asked: str, task: dict[str, str]) -> str:
    """The task beside the question, but for what the question says itself."""
    parts = (task.get(key, "") for key in ("TaskName", "TaskSummary"))
    text = "\n\n".join(part for part in parts if part and part != asked)
    if len(text) > MOST_CONTEXT:
        text = f"{text[:MOST_CONTEXT]}\n[... {len(text) - MOST_CONTEXT} more characters]"
    return text


def _arguments(data: bytes) -> Iterator[dict[str, Any]]:
    """The arguments of task_boundary and notify_user in a summary, in order, without direct repeats."""
    last: dict[str, Any] | None = None
    for text in _texts(data):
        for given in _objects(text, 0):
            if given != last:
                yield given
                last = given


def _texts(data: bytes) -> Iterator[str]:
    """The texts of a summary and of the messages that lie in it as base64."""
    for text in strings(data):
        if _BASE64.fullmatch(text) and len(text) % 4 == 0:
            try:
                yield from list(strings(_unpacked(text)))
            except Bad:
                pass  # an image, a key
        else:
            yield text


def _objects(text: str, depth: int) -> Iterator[dict[str, Any]]:
    """The arguments among the JSON objects in a text, which may stand among other words."""
    at = text.find("{")
    tries = 100 if len(text) < 1 << 20 else 1  # each may look at all the rest
    while at >= 0 and tries:
        tries -= 1
        try:
            value, end = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            end = at + 1
        else:
            yield from _within(value, depth)
        at = text.find("{", end)


def _within(value: Any, depth: int) -> Iterator[dict[str, Any]]:
    """The value where it is the arguments of one of the two calls, else what of it is."""
    if depth > 8:
        return
    if type(value) is dict:
        if any(type(value.get(key)) is str for key in ("Message", *_TASK)):
            yield value
            return
        for inner in value.values():
            yield from _within(inner, depth + 1)
    elif type(value) is list:
        for inner in value:
            yield from _within(inner, depth + 1)
    elif type(value) is str and value.lstrip().startswith("{"):
        yield from _objects(value, depth + 1)
