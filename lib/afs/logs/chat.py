"""Chat messages as programs log them: rows of {role, content, tool_calls, ...} -> Messages and turns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from afs import jsonl
from afs.logs.conversation import Message, ToolCall, Turn, pair_results

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_SYSTEM = ("system", "developer")
_ROLES = ("user", "assistant", "tool")
_MOST_CONTEXT = 20_000


def words(content: Any) -> str:
    """The text of a content: a string, a list of parts, an object that holds one; "" for nothing."""
    if type(content) is str:
        return content
    if type(content) is list:
        return "\n".join(part for part in map(_part, content) if part)
    if type(content) is dict:
        return _part(content)
    return ""


def _part(part: Any) -> str:
    if type(part) is not dict:
        return part if type(part) is str else ""
    inner = part.get("text") or part.get("content")
    if type(inner) in (str, list):
        return words(inner)
    return "[image]" if "image" in str(part.get("type")) else ""


def told(value: Any) -> str:
    """Any value as text: a string as it is, nothing as "", all else as JSON."""
    if type(value) is str:
        return value
    return "" if value is None else jsonl.encode(value).decode()


def capped(text: str) -> str:
    """A context at the length that a parser may give. It is cut where no word, and no secret, is parted."""
    if len(text) <= _MOST_CONTEXT:
        return text
    end = text.rfind("\n", _MOST_CONTEXT - 2000, _MOST_CONTEXT)
    if end < 0:
        end = max(text.rfind(" ", _MOST_CONTEXT - 2000, _MOST_CONTEXT), 0) or _MOST_CONTEXT
    return f"{text[:end]}\n[... {len(text) - end} more characters]"


def message(row: Any) -> Message | None:
    """The message of a row; None for one of the system, and for what is no message."""
    if type(row) is not dict or row.get("role") not in _ROLES:
        return None
    made = Message(row["role"], words(row.get("content")))
    if made.role == "tool":
        made.tool_call_id = _str(row.get("tool_call_id"))
    elif made.role == "assistant":
        made.reasoning = _str(row.get("reasoning_content"))
        calls = row.get("tool_calls")
        made.tool_calls = [_call(call) for call in calls if type(call) is dict] if type(calls) is list else []
    return made


def _call(call: dict[str, Any]) -> ToolCall:
    function = call.get("function")
    if type(function) is not dict:
        function = call
    arguments = told(function.get("arguments"))
    return ToolCall(_str(call.get("id")), _str(function.get("name")), arguments or "{}")


def _str(value: Any) -> str:
    return value if type(value) is str else ""


def split(rows: Iterable[Any]) -> tuple[list[Message], str]:
    """(the messages of a list of rows, what the system messages among them say)."""
    messages: list[Message] = []
    system: list[str] = []
    for row in rows:
        made = message(row)
        if made is not None:
            messages.append(made)
        elif type(row) is dict and row.get("role") in _SYSTEM:
            system.append(words(row.get("content")))
    return messages, "\n\n".join(text for text in system if text)


def spans(messages: list[Message]) -> Iterator[tuple[int, int]]:
    """(start, end) of what belongs to each human message."""
    starts = [at for at, one in enumerate(messages) if one.role == "user"]
    yield from zip(starts, [*starts[1:], len(messages)], strict=False)


def settle(turn: Turn) -> Turn:
    """The turn with each result behind its call, and what this tells of it as flags."""
    answered = {one.tool_call_id for one in turn.messages if one.role == "tool"}
    if any(call.id not in answered for one in turn.messages for call in one.tool_calls):
        turn.flags.add("unanswered_call")
    turn.messages = list(pair_results(turn.messages))
    return turn
