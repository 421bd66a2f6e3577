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


# How a person begins who is displeased without saying what is wrong, and one who is content.
_COMPLAINS = re.compile(
    r"""\s*(?:
    (?:wtf|ugh+|argh+|omg|wth|ffs|jesus|come\ on|seriously)\b
    | (?:no+|nope)[,.! ]+(?:no+|nope)\b
    | (?:this|that|it|you)(?:['\u2019]s|['\u2019]re|\ is|\ are)\ (?:so\ |really\ |completely\ |totally\ )?
      (?:bad|terrible|awful|horrible|useless|garbage|rubbish|broken|ridiculous|annoying|nonsense|stupid|worse)\b
    | (?:why|how)\ (?:do|did|would|could)\ you\ (?:keep|delete|remove|break|ignore|change|even|always|still)\b
    | (?:i\ (?:already|just)\ (?:told|said|asked)|as\ i\ (?:already\ )?said|i\ told\ you|how\ many\ times)\b
    | (?:stop|quit)\ (?:doing|changing|deleting|adding|ignoring|making|guessing)\b
    | what\ (?:are|did)\ you\ (?:doing|do)\b
    )""",
    re.IGNORECASE | re.VERBOSE,
)
_THANKS = re.compile(
    r"""\s*(?:(?:ok(?:ay)?|yes|yeah|yep|cool|ah|oh|wow|alright|and)[,.!\s]+)?(?:
    (?:many\ )?(?:thanks|thank\ you|thx|tysm|ty|cheers)\b
    | (?:perfect|excellent|awesome|amazing|brilliant|fantastic|wonderful|beautiful|lovely)\b(?!\ would)
    | (?:great|nice|good|well)\ (?:job|work|done|one|catch)\b | great[,.!]
    | (?:it|that|this)(?:\ now)?\ work(?:s|ed)\b(?!\ (?:but|except|only))
    | works\ (?:now|great|perfectly|well|fine)\b
    | (?:you['\u2019]re|you\ are)\ (?:awesome|amazing|the\ best)\b | love\ it\b
    )""",
    re.IGNORECASE | re.VERBOSE,
)
_REPLIES = (
    ("corrected_by_user", _CORRECTS),
    ("complained_by_user", _COMPLAINS),
    ("thanked_by_user", _THANKS),
)
_OPENING = 200


class Wanted(NamedTuple):
    """What the caller asked of the samples."""

    tools: bool = True
    thinking: bool = True
    output_chars: int = 2000
    domain: str = ""
    system: bool = False


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


def mark_replies(turns: Iterable[Turn]) -> None:
    """Flag each turn by what the next human message says of it: sent back, complained of, thanked for."""
    before: Turn | None = None
    for turn in turns:
        if turn.skip == "mid-turn":  # said into a running turn, not about the one before
            continue
        if before is not None:
            said = turn.messages[0].content[:_OPENING]
            for flag, pattern in _REPLIES:
                if pattern.match(said):
                    before.flags.add(flag)
        before = turn


def turn_id(talk: Conversation, turn: Turn) -> str:
    """The sample_id of a turn. A turn that a fork repeats has that of the original."""
    return sample.sample_id(talk.source, turn.origin or talk.id, turn.native_id or str(turn.ordinal))


def stamp(turn: Turn) -> str:
    """The time of a turn; "" where the log's is none."""
    return turn.timestamp if _STAMP.fullmatch(turn.timestamp) else ""


def project_name(cwd: str) -> str:
    """A name of a working folder that tells nobody's home: ~/src/x below a home, else the last part."""
    path = cwd.replace("\\", "/") if cwd[1:3] == ":\\" or cwd[:2] == "\\\\" else cwd
    path = path.rstrip("/")
    if path.startswith("~/"):  # such a name, as the history store keeps it
        return path
    home = _HOME.match(path)
    return "~" + path[home.end() :] if home else path.rpartition("/")[2]


def chat(turn: Turn) -> list[dict[str, Any]]:
    """All messages of a turn as chat, one for one: nothing is cut before it was searched for secrets."""
    return [_row(message.load() if message.load else message) for message in turn.messages]


def told(talk: Conversation, turns: list[Turn], wanted: Wanted) -> dict[str, Any]:
    """All that a sample of these turns may say, to be searched for secrets as one value."""
    return {
        "turns": [chat(turn) for turn in turns],
        "contexts": [sound(turn.context) for turn in turns if turn.context],
        "system": sound(talk.system) if wanted.system else "",
        "facts": facts(talk, turns),
    }


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


def withdrawn(source: str, name: str) -> dict[str, Any]:
    """The record by which a later export takes a sample back: its id, no text, and a flag."""
    metadata = {"flags": ["withdrawn"], "tool_names": [], "redactions": []}
    return sample.make(sample_id=name, source=source, domain=source, metadata=metadata)


def facts(talk: Conversation, turns: list[Turn]) -> dict[str, str]:
    """What a sample says of its origin, to be searched for secrets with its text."""
    return {
        "model": sound(turns[-1].model),
        "version": sound(talk.agent_version),
        "project": sound(project_name(turns[0].cwd or talk.cwd)),
        "group": sound(talk.group or talk.id),
        "domain": sound(turns[0].domain),
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

    `clean` is what told() made of them, redacted; `redacted` counts what was taken out.
    """
    messages: list[dict[str, Any]] = []
    thoughts: list[str] = []
    for turn, rows in zip(turns, clean["turns"], strict=True):
        kept, thought = cut(rows, final(turn), wanted)
        messages += kept
        thoughts += thought
    asked, answer = messages[0]["content"], messages[-1]["content"]
    beside = [*clean["contexts"], *_outputs(messages, wanted.output_chars)]
    if clean["system"]:
        messages.insert(0, {"role": "system", "content": clean["system"]})
    single = unit == "turn"
    facts = clean["facts"]
    counts = _total([redacted, *(turn.redacted for turn in turns)])
    # A name that had to be changed must still be one for all turns of a conversation, and for it alone.
    group = talk.group or talk.id
    group = group if group == facts["group"] else sample.sample_id(talk.source, group)
    return sample.make(
        sample_id=turn_id(talk, turns[0]) if single else sample.sample_id(talk.source, talk.id),
        instruction=asked,
        input="\n\n".join(beside),
        output=answer,
        thinking="\n\n".join(thoughts) or None,
        messages=messages,
        domain=wanted.domain or facts["domain"] or talk.source,
        source=talk.source,
        teacher_model=facts["model"],
        timestamp=stamp(turns[0]),
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
            "redactions": [f"{kind}:{number}" for kind, number in sorted(counts.items())],
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
            text = shortened(message["content"], most)
            yield f"[{names.get(message['tool_call_id'], 'tool')}]\n{text}"


def shortened(text: str, most: int | None) -> str:
    """A text cut at `most` characters with a mark; None leaves it whole."""
    if most is None or len(text) <= most:
        return text
    return f"{text[:most]}\n[... {len(text) - most} more characters]"


def _total(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for count in counts:
        for kind, number in count.items():
            total[kind] = total.get(kind, 0) + number
    return total


def _sum(numbers: Iterable[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None
