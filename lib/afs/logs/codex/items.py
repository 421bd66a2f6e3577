"""The items of a Codex log, and what each of them adds to a message.

An item is what the model was sent or what it answered. Most versions log it as a record of its own; the
first generation has all of them in one list, and the newest repeats them as events with names and fields
of their own, which are turned into the usual ones here.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson

from afs.logs import read
from afs.logs.codex import text
from afs.logs.conversation import Message, ToolCall, Turn, pair_results, sound

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from afs.logs.codex.file import Place

_SHOWN = 200  # characters of a text of a large log that are held
_PHASES = {"commentary": "commentary", "final_answer": "final"}


def pieces(record: dict[str, Any]) -> list[dict[str, Any]]:
    """The items of a record."""
    payload = record.get("payload")
    if type(payload) is not dict:
        items = record.get("items") if type(record.get("session")) is dict else None
        if type(items) is not list:
            return [record]
        return [item if type(item) is dict else {} for item in items]
    if payload.get("type") == "item_completed":
        return enveloped(payload.get("item"))
    return [payload]


def enveloped(given: Any) -> list[dict[str, Any]]:
    """The items that an `item_completed` event repeats; [] for what is no part of a conversation."""
    if type(given) is not dict:
        return []
    kind = string(given.get("type"))
    kind = kind[:1].upper() + kind[1:]
    if kind == "UserMessage":
        return [{"type": "message", "role": "user", "id": given.get("id"), "content": _inputs(given)}]
    if kind == "AgentMessage":
        words = given.get("content") or given.get("text")
        return [{"type": "message", "role": "assistant", "content": words, "phase": given.get("phase")}]
    if kind == "Reasoning":
        raw, summary = _field(given, "raw_content"), _field(given, "summary_text")
        return [{"type": "reasoning", "content": _texts(raw), "summary": _texts(summary)}]
    if kind == "CommandExecution":
        wanted = {"command": given.get("command"), "cwd": given.get("cwd")}
        keys = ("aggregated_output", "formatted_output", "stdout")
        told = next((words for key in keys if string(words := _field(given, key))), "")
        failed = _field(given, "exit_code") not in (None, 0) or given.get("status") in ("failed", "declined")
        return _called(given, "shell", wanted, {"output": told, "success": not failed})
    if kind == "FileChange":
        told = "\n".join(filter(None, (string(given.get("stdout")), string(given.get("stderr")))))
        failed = given.get("status") in ("failed", "declined")
        return _called(
            given, "apply_patch", {"changes": given.get("changes")}, {"output": told, "success": not failed}
        )
    if kind in ("McpToolCall", "DynamicToolCall"):
        space = given.get("server") or given.get("namespace")
        name = "__".join(
            filter(None, ("mcp" if kind[0] == "M" else "", string(space), string(given.get("tool"))))
        )
        result = given.get("result") or _field(given, "content_items")
        error = given.get("error")
        if error:
            result = {"Err": error.get("message") if type(error) is dict else error}
        return _called(given, name, given.get("arguments"), result)
    return []


def _called(given: dict[str, Any], name: str, wanted: Any, result: Any) -> list[dict[str, Any]]:
    key = given.get("id")
    return [
        {"type": "function_call", "name": name, "arguments": wanted, "call_id": key},
        {"type": "function_call_output", "call_id": key, "output": result},
    ]


def _field(given: dict[str, Any], name: str) -> Any:
    """A field that is spelled exit_code or exitCode."""
    if name in given:
        return given[name]
    first, *rest = name.split("_")
    return given.get(first + "".join(word.capitalize() for word in rest))


def _inputs(given: dict[str, Any]) -> list[Any]:
    content = given.get("content")
    return content if type(content) is list else []


def _texts(words: Any) -> list[Any]:
    return [{"text": word} for word in words] if type(words) is list else []


# --- what an item says ------------------------------------------------------------------------------


def thought(item: dict[str, Any]) -> str:
    """The reasoning in the clear, else its summary."""
    return text.parts(item.get("content"), "\n\n") or text.parts(item.get("summary"), "\n\n")


def call(item: dict[str, Any], line: int) -> ToolCall:
    """The call that an item makes. One without an id is named after its line."""
    kind = item["type"]
    key = string(item.get("call_id"))
    if kind == "function_call":
        name, space = string(item.get("name")), string(item.get("namespace"))
        name = f"{space.rstrip('_')}__{name.lstrip('_')}" if space else name
        wanted = text.arguments(item.get("arguments"))
    elif kind == "custom_tool_call":
        name = string(item.get("name"))
        wanted = orjson.dumps({"input": sound(string(item.get("input")))}).decode()
    else:
        name = kind.removesuffix("_call")
        given = item.get("action") or item.get("arguments")
        if name == "image_generation":
            given = {"prompt": item.get("revised_prompt")}
        wanted = text.arguments(given)
        key = key or string(item.get("id"))
    return ToolCall(key or f"line-{line}", name, wanted)


def result(item: dict[str, Any]) -> tuple[str, bool, set[str]]:
    """(text, whether it failed, flags of the turn) of an item that holds what a call gave."""
    if item.get("type") == "web_search_end":
        return text.encoded(item.get("results")), False, set()
    return text.output(item.get("tools") if item.get("type") == "tool_search_output" else item.get("output"))


def answer(message: Message, item: dict[str, Any], words: str) -> None:
    """Make an item's text that of a message."""
    message.content = words
    message.phase = _PHASES.get(string(item.get("phase")), "")


def think(message: Message, words: str) -> None:
    """Add a thought to a message."""
    message.reasoning = f"{message.reasoning}\n\n{words}" if message.reasoning else words


def complete(turn: Turn, searches: Mapping[str, Message], outcomes: Mapping[str, bool]) -> None:
    """Put the results of a whole turn behind their calls, with what the events of the log say of them."""
    calls = [made for message in turn.messages for made in message.tool_calls]
    answered = {message.tool_call_id for message in turn.messages if message.role == "tool"}
    for made in calls:
        if made.id not in answered and made.id in searches:
            turn.messages.append(searches[made.id])
            answered.add(made.id)
    if any(made.id not in answered for made in calls):
        turn.flags.add("unanswered_call")
    turn.messages = list(pair_results(turn.messages))
    for message in turn.messages:
        message.failed = message.failed or outcomes.get(message.tool_call_id, False)
        if message.failed:
            turn.flags.add("tool_failed")


# --- logs that are too large to be held --------------------------------------------------------------


def shorten(message: Message) -> None:
    """Keep the beginnings of a message's texts."""
    message.content = _beginning(message.content)
    message.reasoning = _beginning(message.reasoning)
    for made in message.tool_calls:
        made.arguments = _beginning(made.arguments)


def _beginning(words: str) -> str:
    start = words[:_SHOWN]
    return start if start.strip() else words.lstrip()[:_SHOWN]


def whole(path: str, message: Message, places: Iterable[Place]) -> Message:
    """A shortened message with all of its texts, read again. Raises OSError where the log has changed."""
    names = [made.id for made in message.tool_calls]
    fresh = replace(message, content="", reasoning="", tool_calls=[], load=None)
    for line, offset, length, index in places:
        item = pieces(read.again(path, offset, length))[index]
        kind = item.get("type")
        if message.role == "user":
            fresh.content = text.typed(item)[0]
        elif message.role == "tool":
            fresh.content = result(item)[0]
        elif kind in ("message", "agent_message"):
            answer(fresh, item, text.parts(item.get("content")))
        elif kind == "reasoning":
            think(fresh, thought(item))
        else:
            made = call(item, line)
            made.id = names[len(fresh.tool_calls)]  # an id that was used twice has got another name
            fresh.tool_calls.append(made)
    return fresh


def string(value: Any) -> str:
    """A text, or "" for any other value."""
    return value if type(value) is str else ""
