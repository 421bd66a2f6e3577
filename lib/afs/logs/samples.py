"""Conversations -> training samples: the one place where a log's turn becomes a record."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from afs import sample
from afs.logs.conversation import sound

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from afs.logs.conversation import Conversation, Message, Turn

_HOME = re.compile(r"(?:(?:[A-Za-z]:|/mnt/[a-z])?/(?:home|Users)/[^/]+|(?:/var)?/root)(?=/|\Z)")
# How a person begins who sends the agent back. Few and sure: a bare "no" often answers a question.
_CORRECTS = re.compile(
    r"""\s*(?:(?:no|nope|sorry|hm+|wait|stop)[,.!]?\s+)?(?:
    that(?:['\u2019]s|\ is|\ was)\ (?:wrong|incorrect|not)\b
    | (?:this|that|it)\ (?:does|did)(?:n['\u2019]?t|\ not)\ work
    | (?:it|this|that|they|the\ \w+)(?:['\u2019]s|\ is|\ are)?\ still\ (?!needs?\b|to\b)
    | [^.?!\n]{0,50}\bstill\ (?:fail|broken|wrong|not\ work|missing|crash|the\ same\ error)
    | you\ (?:broke|forgot|missed|misunderstood|misread|ignored|deleted|removed|did(?:n['\u2019]?t|\ not))\b
    | i\ (?:think\ you\ broke|did(?:n['\u2019]?t|\ not)\ (?:ask|mean|want)|asked\ for|meant|said)\b
    | not\ what\ i\b | (?:please\ )?(?:undo|revert)\ (?:that|this|it|your|the\ last)\b | wrong\b | incorrect\b
    )""",
    re.IGNORECASE | re.VERBOSE,
)


class Wanted(NamedTuple):
    """What the caller asked of the samples."""

    tools: bool = True
    thinking: bool = True
    output_chars: int = 2000
    domain: str = ""


class Part(NamedTuple):
    """A turn on its way into a sample: its messages as chat, clean, and what was redacted."""

    turn: Turn
    messages: list[dict[str, Any]]
    redacted: Mapping[str, int]


def final(turn: Turn) -> int:
    """Where in turn.messages the answer stands: the last text that no tool call follows; -1 for none."""
    for at in range(len(turn.messages) - 1, 0, -1):
        message = turn.messages[at]
        if message.tool_calls:
            return -1
        if message.role == "assistant" and message.phase != "commentary" and message.content.strip():
            return at
    return -1


def why_not(turn: Turn) -> str:
    """The reason why a turn gives no sample, or ""."""
    if turn.skip:
        return turn.skip
    answer = final(turn)
    if "interrupted" in turn.flags and (answer < 0 or turn.messages[answer].phase != "final"):
        return "interrupted"
    if answer < 0:
        return "no-answer"
    return "" if turn.messages[0].content.strip() else "no-question"


def mark_corrections(turns: Iterable[Turn]) -> None:
    """Flag each turn whose answer the next human message sends back."""
    before: Turn | None = None
    for turn in turns:
        if turn.skip == "mid-turn":  # said into a running turn, not about the one before
            continue
        if before is not None and _CORRECTS.match(turn.messages[0].content):
            before.flags.add("corrected_by_user")
        before = turn


def turn_id(talk: Conversation, turn: Turn) -> str:
    """The sample_id of a turn. A turn that a fork repeats has that of the original."""
    return sample.sample_id(talk.source, turn.origin or talk.id, turn.native_id or str(turn.ordinal))


def project_name(cwd: str) -> str:
    """A name of a working folder that tells nobody's home: ~/src/x below a home, else the last part."""
    path = cwd.replace("\\", "/") if cwd[1:3] == ":\\" else cwd
    path = path.rstrip("/")
    home = _HOME.match(path)
    return "~" + path[home.end() :] if home else path.rpartition("/")[2]


def chat(turn: Turn, wanted: Wanted) -> list[dict[str, Any]]:
    """The messages of an answered turn as chat, up to the answer."""
    answer = final(turn)
    first, *rest = turn.messages[: answer + 1]
    messages: list[dict[str, Any]] = [{"role": "user", "content": sound(first.content)}]
    for message in rest if wanted.tools else rest[-1:]:
        if message.role == "tool":
            content = sound(message.content)
            messages.append({"role": "tool", "tool_call_id": message.tool_call_id, "content": content})
        elif message.role == "user":  # said while the agent worked
            messages.append({"role": "user", "content": sound(message.content)})
        elif row := _assistant(message, wanted.thinking):
            messages.append(row)
    return messages


def _assistant(message: Message, thinking: bool) -> dict[str, Any]:
    """One assistant message; empty where nothing of it is left."""
    reasoning = sound(message.reasoning) or None if thinking else None
    if not message.content and not message.tool_calls and not reasoning:
        return {}
    calls = [
        {
            "id": call.id,
            "type": "function",
            "function": {"name": sound(call.name), "arguments": sound(call.arguments)},
        }
        for call in message.tool_calls
    ]
    return {
        "role": "assistant",
        "content": sound(message.content),
        "reasoning_content": reasoning,
        "tool_calls": calls or None,
    }


def reasoning(turn: Turn) -> list[str]:
    """All that the turn thought in the clear, with or without tools."""
    return [sound(message.reasoning) for message in turn.messages if message.reasoning]


def make(
    talk: Conversation,
    parts: list[Part],
    thoughts: list[str],
    facts: Mapping[str, str],
    wanted: Wanted,
    unit: str,
) -> dict[str, Any]:
    """The sample of one turn, or of a conversation where `unit` says so.

    `thoughts` and `facts` (project, model, version) are clean already, as the messages of the parts are.
    """
    messages = [message for part in parts for message in part.messages]
    turns = [part.turn for part in parts]
    single = unit == "turn"
    found: dict[str, int] = {}
    for part in parts:
        for kind, number in part.redacted.items():
            found[kind] = found.get(kind, 0) + number
    return sample.make(
        sample_id=turn_id(talk, turns[0]) if single else sample.sample_id(talk.source, talk.id),
        instruction=messages[0]["content"],
        input="\n\n".join(_outputs(messages, wanted.output_chars)),
        output=messages[-1]["content"],
        thinking="\n\n".join(thoughts) or None,
        messages=messages,
        domain=wanted.domain or talk.source,
        source=talk.source,
        teacher_model=facts["model"],
        timestamp=turns[0].timestamp,
        metadata={
            "group": talk.group or talk.id,
            "project": facts["project"] or None,
            "turn": turns[0].ordinal if single else None,
            "unit": unit,
            "model": facts["model"] or None,
            "agent_version": facts["version"] or None,
            "tool_names": sorted({call["function"]["name"] for call in _calls(messages)}),
            "tokens_in": _sum(turn.tokens_in for turn in turns),
            "tokens_out": _sum(turn.tokens_out for turn in turns),
            "flags": sorted({flag for turn in turns for flag in turn.flags}),
            "redactions": [f"{kind}:{number}" for kind, number in sorted(found.items())],
        },
    )


def _calls(messages: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for message in messages:
        yield from message.get("tool_calls") or ()


def _outputs(messages: list[dict[str, Any]], most: int) -> Iterator[str]:
    """Each tool output behind the tool's name, cut at `most` characters with a mark."""
    names = {call["id"]: call["function"]["name"] for call in _calls(messages)}
    for message in messages:
        if message["role"] == "tool":
            text = message["content"]
            if len(text) > most:
                text = f"{text[:most]}\n[... {len(text) - most} more characters]"
            yield f"[{names.get(message['tool_call_id'], 'tool')}]\n{text}"


def _sum(numbers: Iterable[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None
