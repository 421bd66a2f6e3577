"""conversations/<uuid>.trajectory.json, which the program agy-reader writes -> steps.

Its shape is that of the client's own JSON and has changed before: what is not known of it is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from afs import jsonl
from afs.logs.antigravity.steps import Step, arguments, json_text
from afs.logs.conversation import ToolCall
from afs.logs.read import ODD, oddity

if TYPE_CHECKING:
    from afs.logs.conversation import Note

MOST = 64 << 20  # bytes of one file
_TYPE, _STATUS, _SOURCE = "CORTEX_STEP_TYPE_", "CORTEX_STEP_STATUS_", "CORTEX_STEP_SOURCE_"
# What the client writes into a conversation: it is never the result of a tool.
_SYSTEM = ("ERROR_MESSAGE", "SYSTEM_MESSAGE", "CHECKPOINT", "EPHEMERAL_MESSAGE", "CONVERSATION_HISTORY")
_TEXTS = ("fullOutput", "full", "content", "rawOutput", "output", "stdout", "text", "message", "result")


def steps(path: str, note: Note) -> list[Step]:
    """The steps of a sidecar. Raises OSError for a file that cannot be read."""
    with open(path, "rb") as file:
        data = file.read(MOST + 1)
    if len(data) > MOST:
        note("bad", path, 0, f"a trajectory of over {MOST} bytes")
        return []
    try:
        record = jsonl.decode(data)
    except jsonl.Bad as error:
        note("bad", path, 0, error.reason)
        return []
    rows = record.get("steps") if type(record) is dict else None
    if type(rows) is not list:
        note("bad", path, 0, "shape")
        return []
    found = []
    for number, row in enumerate(rows):
        try:
            found.append(_step(path, number, row))
        except ODD as error:
            note("bad", path, number + 1, oddity(error))
    return found


def _step(path: str, number: int, row: dict[str, Any]) -> Step:
    kind = row["type"].removeprefix(_TYPE)
    about = row.get("metadata") or {}
    source = (about.get("source") or "").removeprefix(_SOURCE)
    if kind == "USER_INPUT":
        source = source or "USER_EXPLICIT"
    elif source not in ("MODEL", "SYSTEM") and not source.startswith("USER_"):
        source = "SYSTEM" if kind in _SYSTEM else "MODEL"
    step = Step(
        number,
        source,
        kind,
        (row.get("status") or "").removeprefix(_STATUS),
        about.get("createdAt") or "",
        path=path,
        line=number + 1,
    )
    if kind == "USER_INPUT":
        asked = row.get("userInput") or {}
        step.content = asked.get("userResponse") or asked.get("query") or ""
    elif kind == "PLANNER_RESPONSE":
        said = row.get("plannerResponse") or {}
        step.content, step.thinking = said.get("response") or "", said.get("thinking") or ""
        step.calls = [
            ToolCall(call.get("id") or "", call["name"], arguments(call.get("argumentsJson") or ""))
            for call in said.get("toolCalls") or ()
        ]
    else:
        words = kind.lower().split("_")
        told = row.get(words[0] + "".join(word.title() for word in words[1:]))
        step.content = _text(told)
        step.call_id = (about.get("toolCall") or {}).get("id") or ""
    for text in (step.content, step.thinking, step.created, step.call_id):
        if type(text) is not str:
            raise TypeError("shape")
    return step


def _text(told: Any) -> str:
    """What a tool gave back: the text in the place for it, else all that it says as JSON."""
    if type(told) is not dict:
        return told if type(told) is str else ""
    inner = told.get("combinedOutput", told)
    if type(inner) is dict:
        inner = next((inner[name] for name in _TEXTS if type(inner.get(name)) is str), inner)
    return inner if type(inner) is str else json_text(inner)
