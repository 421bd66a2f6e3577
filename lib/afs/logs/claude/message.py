"""From the nodes of Claude Code records to messages and turns, held or read again by offset."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from afs.logs import read
from afs.logs.claude.queue import typed
from afs.logs.claude.record import Node, node_of, steps_of
from afs.logs.conversation import Message, ToolCall, Turn

if TYPE_CHECKING:
    from collections.abc import Sequence

_BRIEF = 200  # characters of a text of which the rest is read again


def answered(lines: Sequence[Node], results: list[Message]) -> list[Message]:
    """One message of the model from its lines; several where a tool ran on the server in between.

    What those tools gave is added to `results`.
    """
    merged = _merged(lines, results)
    if any(line.brief for line in lines):
        for at, message in enumerate(merged):
            message.content, message.reasoning = _brief(message.content), _brief(message.reasoning)
            message.load = partial(_answer_again, lines, at)
    return [one for one in merged if one.content or one.reasoning or one.tool_calls]


def _merged(lines: Sequence[Node], results: list[Message]) -> list[Message]:
    message = Message("assistant", line=lines[0].line)
    merged = [message]
    seen: set[tuple[str, Any]] = set()
    for line in lines:
        for kind, value, mark in line.parts:
            if kind == "result":
                results.append(value)
                message = Message("assistant", line=line.line)
                merged.append(message)
            if kind in ("result", "gap"):
                continue
            if (kind, mark) in seen and mark:  # the client wrote a block twice
                continue
            seen.add((kind, mark))
            if kind == "call":
                message.tool_calls.append(value)
            elif kind == "text":
                message.content = _joined(message.content, value)
            else:
                message.reasoning = _joined(message.reasoning, value)
    return merged


def _joined(text: str, more: str) -> str:
    if not more or more.isspace():
        return text
    joint = "" if not text or text.endswith("\n") else "\n\n"
    return text + joint + more


def asked(node: Node) -> Message:
    """The message of the person, or of the agent that gave a sub-agent its task."""
    message = Message("user", node.text, line=node.line)
    if node.brief:
        message.load = partial(_asked_again, node)
    return message


def begin(head: Node, ordinal: int, skip: str, text: str = "") -> Turn:
    """The turn of a prompt, with nothing but the prompt yet; `text` where it is only a part of the node."""
    first = Message("user", text, line=head.line) if text else asked(head)
    turn = Turn([first], head.origin or head.uuid, ordinal)
    turn.path, turn.line, turn.timestamp, turn.skip = head.path, head.line, head.timestamp, skip
    turn.origin, turn.cwd = head.origin_session, head.cwd
    if head.uuid == head.spot.name():  # no id in the log
        turn.native_id = ""
    if head.synthetic:
        turn.flags.add("synthetic_prompt")
    return turn


def count_tokens(turn: Turn, lines: Sequence[Node]) -> None:
    """Add the tokens of one message: its lines repeat the same count, or a growing one."""
    turn.model = lines[-1].model or turn.model
    told_in = [line.tokens_in for line in lines if line.tokens_in is not None]
    told_out = [line.tokens_out for line in lines if line.tokens_out is not None]
    if told_in:
        turn.tokens_in = (turn.tokens_in or 0) + max(told_in)
    if told_out:
        turn.tokens_out = (turn.tokens_out or 0) + max(told_out)


# --- texts that are not held ----------------------------------------------------------------------------


def shorten(node: Node) -> None:
    """Keep of the node's texts only the beginnings. Its messages read the rest again by offset."""
    node.brief = True
    node.text = _brief(node.text)
    for result in node.results:
        _shorten_result(node, result)
    node.parts = [_brief_part(node, *part) for part in node.parts]


def _brief(text: str) -> str:
    """The beginning; a text that says something says something in its beginning too."""
    if len(text) <= _BRIEF:
        return text
    return text[:_BRIEF] if not text[:_BRIEF].isspace() else text.lstrip()[:_BRIEF]


def _shorten_result(node: Node, result: Message) -> None:
    result.content = _brief(result.content)
    result.load = partial(_result_again, node, result.tool_call_id)


def _brief_part(node: Node, kind: str, value: Any, mark: Any) -> tuple[str, Any, Any]:
    if kind == "result":
        _shorten_result(node, value)
    elif kind == "call":
        value = ToolCall(value.id, value.name, _brief(value.arguments))
    elif type(value) is str and len(value) > _BRIEF:
        from xxhash import xxh3_128_intdigest

        return kind, _brief(value), xxh3_128_intdigest(value.encode("utf-8", "surrogatepass"))
    return kind, value, mark


def _answer_again(lines: Sequence[Node], at: int) -> Message:
    return _merged([_whole(line) for line in lines], [])[at]


def _asked_again(node: Node) -> Message:
    return Message("user", _whole(node).text, line=node.line)


def _result_again(node: Node, call: str) -> Message:
    whole = _whole(node)
    inner = [value for kind, value, _ in whole.parts if kind == "result"]
    every: list[Message] = [*whole.results, *inner]
    return next(result for result in every if result.tool_call_id == call)


def _whole(node: Node) -> Node:
    """The node with all its text, from the log."""
    if not node.brief:
        return node
    spot = node.spot
    record = read.again(spot.path, spot.offset, spot.length)
    if node.facet == "queue":
        whole = Node(node.uuid, None, node.kind, *spot)
        whole.text = typed(record)[1]
        return whole
    found = steps_of(record, spot, _unheard) if node.facet else [node_of(record, spot, node.side, _unheard)]
    return found[0] or node


def _unheard(kind: str, path: str, line: int, detail: str) -> None:
    """It was noted when the log was read first."""
