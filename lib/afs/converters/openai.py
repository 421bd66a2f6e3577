"""openai: the provider's file for fine-tuning chat models with tools."""

from __future__ import annotations

import re

from afs import jsonl
from afs.converters.turns import functions, has_thinking, question_of, turns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from afs.converters import Note
    from afs.converters.turns import Turn

NAME = "openai"
ABOUT = "messages and tools, as the provider's fine-tuning takes them"
HOLDS = frozenset(("system", "turns", "tool_calls", "call_text", "tools"))

_BAD_NAME = re.compile(r"[^a-zA-Z0-9_-]")


def convert(record: dict[str, Any], note: Note) -> dict[str, Any]:
    """`messages`, and `tools` only where the sample has them: the provider refuses every other key.

    Arguments stay JSON text. Every call is answered before the next turn, in the order of the calls.
    """
    if record.get("messages"):
        messages = [message for turn in turns(record, note) for message in _messages(turn, note)]
    else:
        question, answer = question_of(record)
        messages = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    if has_thinking(record):
        note("lost", "thinking")
    if text := record.get("tools"):
        tools, others = functions(text)
        if others:
            note("lost", "tools")
        if tools:
            return {"messages": messages, "tools": [_tool(tool, note) for tool in tools]}
    return {"messages": messages}


def _messages(turn: Turn, note: Note) -> list[dict[str, Any]]:
    said: dict[str, Any] = {"role": turn.role, "content": turn.content}
    if not turn.calls:
        return [said]
    said["tool_calls"] = [
        {
            "id": call.id,
            "type": "function",
            "function": {"name": _name(call.name, note), "arguments": call.arguments},
        }
        for call in turn.calls
    ]
    results = [{"role": "tool", "tool_call_id": call.id, "content": call.result} for call in turn.calls]
    return [said, *results]


def _tool(tool: dict[str, Any], note: Note) -> dict[str, Any]:
    return {"type": "function", "function": {**tool, "name": _name(tool["name"], note)}}


def _name(name: str, note: Note) -> str:
    """A name that the provider takes: 1 to 64 letters, digits, _ and -."""
    fit = _BAD_NAME.sub("_", name)[:64]
    if not fit:
        raise jsonl.Bad("tool-name", "a tool without a name")
    if fit != name:
        note("adapted", "tool_name")
    return fit
