"""Conversations -> training samples: the one place where a log's turn becomes a record."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from afs import sample
from afs.logs.conversation import sound

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from afs.logs.conversation import Conversation, Message, Turn

_HOME = re.compile(
    r"(?:(?:[A-Za-z]:|/mnt/[a-z]|/var|/usr|/export|/private|//[^/]+/[^/]+)?/(?:home|Users)/[^/]+|(?:/var)?/root)(?=/|\Z)"
)
_STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)", re.ASCII)
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
    path = cwd.replace("\\", "/") if cwd[1:3] == ":\\" or cwd[:2] == "\\\\" else cwd
    path = path.rstrip("/")
    home = _HOME.match(path)
    return "~" + path[home.end() :] if home else path.rpartition("/")[2]


def chat(turn: Turn) -> list[dict[str, Any]]:
    """All messages of a turn as chat, one for one: nothing is cut before it was searched for secrets."""
    return [_row(message) for message in turn.messages]


def _row(message: Message) -> dict[str, Any]:
    content = sound(message.content)
    if message.role == "tool":
        return {"role": "tool", "tool_call_id": sound(message.tool_call_id), "content": content}
    if message.role == "user":
        return {"role": "user", "content": content}
    calls = [
        {
            "id": sound(call.id),
            "type": "function",
            "function": {"name": sound(call.name), "arguments": sound(call.arguments)},
        }
        for call in message.tool_calls
    ]
    thought = sound(message.reasoning) or None
    return {
        "role": "assistant",
        "content": content,
        "reasoning_content": thought,
        "tool_calls": calls or None,
    }


def cut(rows: list[dict[str, Any]], answer: int, wanted: Wanted) -> tuple[list[dict[str, Any]], list[str]]:
    """(the messages of an answered turn up to the answer, what it thought) as far as they are wanted."""
    first, *rest = rows[: answer + 1]
    thoughts = [row["reasoning_content"] for row in rest if row.get("reasoning_content") and wanted.thinking]
    kept = [first]
    for row in rest if wanted.tools else rest[-1:]:
        if row["role"] == "assistant":
            if not wanted.thinking:
                row = {**row, "reasoning_content": None}
            if not row["content"] and not row["tool_calls"] and not row["reasoning_content"]:
                continue
        kept.append(row)
    return kept, thoughts


def facts(talk: Conversation, turns: list[Turn]) -> dict[str, str]:
    """What a sample says of its origin, to be searched for secrets with its text."""
    return {
        "model": sound(turns[-1].model),
        "version": sound(talk.agent_version),
        "project": sound(project_name(turns[0].cwd or talk.cwd)),
        "group": sound(talk.group or talk.id),
    }


def make(
    talk: Conversation,
    turns: list[Turn],
    clean: Mapping[str, Any],
    redacted: Mapping[str, int],
    wanted: Wanted,
    unit: str,
) -> dict[str, Any]:
    """The sample of one turn, or of a conversation where `unit` says so.

    `clean` holds the facts() and, under "turns", the chat() of each turn; `redacted` what was taken out.
    """
    messages: list[dict[str, Any]] = []
    thoughts: list[str] = []
    for turn, rows in zip(turns, clean["turns"], strict=True):
        kept, thought = cut(rows, final(turn), wanted)
        messages += kept
        thoughts += thought
    single = unit == "turn"
    facts, stamp = clean["facts"], turns[0].timestamp
    # A name that had to be changed must still be one for all turns of a conversation, and for it alone.
    group = talk.group or talk.id
    group = group if group == facts["group"] else sample.sample_id(talk.source, group)
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
        timestamp=stamp if _STAMP.fullmatch(stamp) else "",
        metadata={
            "group": group,
            "project": facts["project"] or None,
            "turn": turns[0].ordinal if single else None,
            "unit": unit,
            "model": facts["model"] or None,
            "agent_version": facts["version"] or None,
            "tool_names": sorted({call["function"]["name"] for call in _calls(messages)}),
            "tokens_in": _sum(turn.tokens_in for turn in turns),
            "tokens_out": _sum(turn.tokens_out for turn in turns),
            "flags": sorted({flag for turn in turns for flag in turn.flags}),
            "redactions": [f"{kind}:{number}" for kind, number in sorted(redacted.items())],
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
