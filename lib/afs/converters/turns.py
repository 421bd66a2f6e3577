"""A sample as a conversation that trainers accept: calls with their results, and an answer at the end.

What stands in a record is kept in its order; what no trainer can place is left out and noted:

    lost     orphan_result    a tool result whose call is not there
    lost     unanswered_call  a call without a result
    lost     unfinished_end   what follows the last answer: a question, or calls without a closing text
    adapted  empty_turn       a message without text and calls
    adapted  moved_result     a result that came after a later message stands behind its call
    adapted  empty_arguments  no arguments become {}
"""

from __future__ import annotations

from functools import lru_cache

import orjson

from afs import jsonl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from afs.converters import Note


class Call:
    """One call of a tool with its result; `arguments` is JSON text of an object."""

    __slots__ = ("arguments", "id", "name", "result")

    def __init__(self, id: str, name: str, arguments: str) -> None:
        self.id = id
        self.name = name
        self.arguments = arguments
        self.result: str | None = None


class Turn:
    """One message of system, user or assistant; the results of its calls are with the calls."""

    __slots__ = ("calls", "content", "number", "role")

    def __init__(self, role: str, content: str, calls: list[Call], number: int) -> None:
        self.role = role
        self.content = content
        self.calls = calls
        self.number = number


def turns(record: Mapping[str, Any], note: Note) -> list[Turn]:
    """The turns of a sample's messages. The last one is an answer.

    Raises jsonl.Bad where there is no question (no-question), no answer (no-answer) or where the
    arguments of a call are not JSON text of an object (arguments).
    """
    kept = _trim(_without_unanswered(_paired(record["messages"], note), note), note)
    for turn in kept:
        for call in turn.calls:
            _check_arguments(call, turn.number, note)
    return kept


def question_of(record: Mapping[str, Any]) -> tuple[str, str]:
    """(instruction with its input, output) of a sample. Raises jsonl.Bad where one is empty."""
    question, context, answer = record["instruction"], record.get("input"), record["output"]
    if context:
        question = f"{question}\n\n{context}" if question else context
    if not question or question.isspace():
        raise jsonl.Bad("no-question", "field 'instruction' is empty")
    if not answer or answer.isspace():
        raise jsonl.Bad("no-answer", "field 'output' is empty")
    return question, answer


def has_thinking(record: Mapping[str, Any]) -> bool:
    """Whether reasoning stands anywhere in a sample."""
    if record.get("thinking"):
        return True
    messages = record.get("messages")
    return messages is not None and any(message.get("reasoning_content") for message in messages)


@lru_cache(maxsize=4)  # the samples of a conversation carry the same text, and it can be long
def functions(text: str) -> tuple[list[dict[str, Any]], int]:
    """The functions of a sample's `tools`, without their wrapping, and how many tools are none.

    Raises jsonl.Bad where the text is not JSON of a list of objects.
    """
    try:
        data = text.encode("utf-8", "surrogatepass")
        tools = jsonl.decode(data)
        jsonl.reencode(tools, data)
    except jsonl.Bad as error:
        raise jsonl.Bad("tools", f"field 'tools': {error.what}") from None
    if type(tools) is not list or any(type(tool) is not dict for tool in tools):
        raise jsonl.Bad("tools", "field 'tools' must be JSON text of a list of objects")
    bare = [
        tool.get("function", tool) if tool.get("type", "function") == "function" else {} for tool in tools
    ]
    named = [tool for tool in bare if type(tool) is dict and tool.get("name") and type(tool["name"]) is str]
    return named, len(tools) - len(named)


def _paired(messages: list[dict[str, Any]], note: Note) -> list[Turn]:
    """Turns with each result at its call. An id may be used again once it was answered."""
    kept: list[Turn] = []
    waiting: dict[str, tuple[Turn, Call]] = {}
    for number, message in enumerate(messages):
        role, content = message["role"], message["content"]
        if role == "tool":
            found = waiting.pop(message["tool_call_id"], None)
            if found is None:
                note("lost", "orphan_result")
                continue
            turn, call = found
            call.result = content
            if turn is not kept[-1]:
                note("adapted", "moved_result")
            continue
        turn = Turn(role, content, [], number)
        for item in message.get("tool_calls") or ():
            call = Call(item["id"], item["function"]["name"], item["function"]["arguments"])
            turn.calls.append(call)
            waiting[call.id] = turn, call
        if turn.calls or (content and not content.isspace()):
            kept.append(turn)
        elif not message.get("reasoning_content"):  # a turn that only thinks is counted as thinking
            note("adapted", "empty_turn")
    return kept


def _without_unanswered(paired: list[Turn], note: Note) -> list[Turn]:
    kept = []
    for turn in paired:
        calls = [call for call in turn.calls if call.result is not None]
        if len(calls) < len(turn.calls):
            note("lost", "unanswered_call")
            turn.calls = calls
            if not calls and (not turn.content or turn.content.isspace()):
                continue
        kept.append(turn)
    return kept


def _trim(kept: list[Turn], note: Note) -> list[Turn]:
    """Up to the last answer: an assistant's text without calls."""
    last = len(kept) - 1
    while last >= 0 and (kept[last].role != "assistant" or kept[last].calls):
        last -= 1
    if last < 0:
        raise jsonl.Bad("no-answer", "field 'messages' holds no answer: no assistant's text without calls")
    if not any(turn.role == "user" for turn in kept[:last]):
        raise jsonl.Bad("no-question", "field 'messages' holds no user's text before the answer")
    if last < len(kept) - 1:
        note("lost", "unfinished_end")
    return kept[: last + 1]


def _check_arguments(call: Call, number: int, note: Note) -> None:
    if not call.arguments or call.arguments.isspace():
        call.arguments = "{}"
        note("adapted", "empty_arguments")
        return
    try:
        value = orjson.loads(call.arguments)
    except ValueError:
        value = _decode_slowly(call.arguments)
    if type(value) is not dict:
        what = f"messages[{number}] has a call whose arguments are not JSON text of an object"
        raise jsonl.Bad("arguments", what)


def _decode_slowly(text: str) -> Any:
    try:
        return jsonl.decode(text.encode("utf-8", "afs-escape"))
    except jsonl.Bad:
        return None
