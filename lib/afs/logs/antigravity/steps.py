"""Antigravity's steps, whatever file tells them: what one holds, their union, and which are one branch.

The transcript is written twice, shortened and whole, and each file is a sliding tail of the conversation.
Lines are not in the order of the steps, and an index is used again when the person goes back to an
earlier prompt: nothing else marks that.
"""

from __future__ import annotations

import heapq
import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

from afs.logs.antigravity.text import QUIET
from afs.logs.conversation import ToolCall, sound
from afs.logs.read import ODD, again, is_large, located, oddity, records

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from afs.logs.conversation import Note


@dataclass(slots=True)
class Step:
    """One step of a trajectory, in the terms of the transcript.

    index is its place in the trajectory, neither unique nor in the order of the lines. source is
    USER_EXPLICIT, MODEL or SYSTEM; type USER_INPUT, PLANNER_RESPONSE, RUN_COMMAND, ...; status DONE,
    RUNNING, ERROR, ...; created an RFC 3339 time. `calls` have the id "" where the log has none, and
    `call_id` names the call that a result answers where the log knows it. `truncated` names the fields that
    the log cut (content, thinking, tool_calls). `at` orders steps in time, in seconds. Of a log over
    read.LARGE bytes the texts of the model are only their beginnings, and `load` reads the step again.
    """

    index: int
    source: str
    type: str
    status: str
    created: str
    content: str = ""
    thinking: str = ""
    calls: list[ToolCall] = field(default_factory=list)
    error: str = ""
    call_id: str = ""
    truncated: frozenset[str] = frozenset()
    path: str = ""
    line: int = 0
    at: float = 0.0
    load: Callable[[], Step] | None = None


# Arguments of nearly every call that only the client's display uses.
_DISPLAY = ("toolAction", "toolSummary")
_MARK = re.compile(r"<truncated \d+ bytes>")
_CUT = re.compile(r"<truncated \d+ bytes>\s*\Z")
_STAMPS = re.compile(r"(?:(?:Created|Completed) At: [^\n]*(?:\n|\Z))+")
_STAMP = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d")
# A clock that was set back: lines are written late, but not by this many seconds.
_BACK = 600
_HEAD = 200
_CALLS = 200  # that tell how a transcript writes arguments


def instant(stamp: str) -> float:
    """Seconds since 1970 of an RFC 3339 time, UTC where it names no zone. Raises ValueError for none."""
    if not _STAMP.match(stamp):
        raise ValueError(stamp)
    time = datetime.fromisoformat(stamp)
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()


def second(stamp: str) -> str:
    """A time to the second in UTC, as it may stand in an id: every file writes it in a form of its own."""
    try:
        return datetime.fromtimestamp(int(instant(stamp)), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return stamp


# --- one transcript ---------------------------------------------------------------------------------


def transcript(path: str, note: Note) -> Iterator[Step]:
    """The steps of a transcript file, in the order of its lines."""
    light, whole = is_large(path), _is_whole(path)
    latest, shift = 0.0, 0.0
    stamp = ""
    for line, offset, length, record in located(path, note):
        if "step_index" not in record:
            kind = record.get("type")
            note("unknown", path, line, kind if type(kind) is str and kind else "no step_index")
            continue
        try:
            step = _step(record, whole, stamp)
            at = instant(step.created) if step.created else latest - shift
        except ODD as error:
            note("bad", path, line, oddity(error))
            continue
        stamp = step.created
        if at + shift < latest - _BACK:
            shift = latest - at
        step.at = at + shift
        latest = max(latest, step.at)
        step.path, step.line = path, line
        if light:
            step = _lighter(step, offset, length, whole)
        yield step


def _is_whole(path: str) -> bool:
    """Whether arguments stand in a transcript as they are: by its name, else by its first calls."""
    if os.path.basename(path).startswith("transcript_full"):
        return True
    seen = 0
    for _, record in records(path, lambda *_: None):
        calls = record.get("tool_calls")
        for call in calls if type(calls) is list else ():
            args = call.get("args") if type(call) is dict else None
            if type(args) is dict:
                seen += 1
                if not all(map(_encoded, args.values())):
                    return True
        if seen > _CALLS:
            break
    return False


def _step(record: dict[str, Any], whole: bool, stamp: str) -> Step:
    """The step of a record; a record without a time has that of the one before. Raises ODD."""
    index, kind = record["step_index"], record["type"]
    if type(index) is not int or index < 0 or type(kind) is not str or not kind:
        raise ValueError("shape")
    source = _str(record.get("source"))
    content = "" if kind in QUIET else _str(record.get("content"))
    if source == "MODEL" and kind != "PLANNER_RESPONSE":
        content = content[match.end() :] if (match := _STAMPS.match(content)) else content
    cut = record.get("truncated_fields")
    truncated = frozenset(name for name in cut if type(name) is str) if type(cut) is list else frozenset()
    thinking = _str(record.get("thinking"))
    if _CUT.search(content, max(0, len(content) - 40)):
        truncated |= {"content"}
    if _CUT.search(thinking, max(0, len(thinking) - 40)):
        truncated |= {"thinking"}
    calls = record.get("tool_calls")
    created = record.get("created_at")
    if created is not None and type(created) is not str:
        raise ValueError("shape")
    return Step(
        index,
        source,
        kind,
        _str(record.get("status")),
        stamp if created is None else created,
        content,
        thinking,
        [_call(call, whole) for call in calls if type(call) is dict] if type(calls) is list else [],
        _str(record.get("error")),
        truncated=truncated,
    )


def _lighter(step: Step, offset: int, length: int, whole: bool) -> Step:
    """The step with the beginnings of what the model said, which reads itself again."""
    path, line = step.path, step.line
    created, at = step.created, step.at

    def load() -> Step:
        found = _step(again(path, offset, length), whole, created)
        return replace(found, path=path, line=line, at=at)

    if step.source != "MODEL":
        return replace(step, load=load)
    return replace(
        step,
        content=step.content[:_HEAD],
        thinking=step.thinking[:_HEAD],
        calls=[ToolCall(call.id, call.name, call.arguments[:_HEAD]) for call in step.calls],
        load=load,
    )


def _call(call: dict[str, Any], whole: bool) -> ToolCall:
    args = call.get("args")
    name = _str(call.get("name")) or "tool"
    if type(args) is str:
        args = _object(args)
    if type(args) is not dict:
        args = {} if args is None else {"input": args}
    kept = {key: value for key, value in args.items() if key not in _DISPLAY}
    if not whole:
        kept = {key: _decoded(value) for key, value in kept.items()}
    return ToolCall(_str(call.get("id")), name, json_text(kept))


def arguments(given: str) -> str:
    """JSON text of a call's arguments, given as JSON text, without those for the display."""
    value = _object(given)
    return json_text({key: item for key, item in value.items() if key not in _DISPLAY})


def _object(given: str) -> dict[str, Any]:
    try:
        value = orjson.loads(given or "{}")
    except ValueError:
        value = None
    return value if type(value) is dict else {"input": given}


def json_text(value: Any) -> str:
    """Compact JSON of a value, U+FFFD for each lone surrogate. Raises RecursionError beyond some depth."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # lone surrogates, integers over 64 bits, more than 254 levels
        return sound(json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False))


def _encoded(value: Any) -> bool:
    """Whether a value of `args` is JSON text, as the shortened transcript writes every one."""
    if type(value) is not str:
        return False
    try:
        orjson.loads(value)
    except ValueError:
        return _MARK.search(value) is not None or _loads(value) is not None
    return True


def _decoded(value: Any) -> Any:
    """What the JSON text of an argument says. One that the log cut stays text, up to the mark and with it."""
    if type(value) is not str:
        return value
    try:
        return orjson.loads(value)
    except ValueError:
        found = _loads(value)
    if found is not None:
        return found
    mark = _MARK.search(value)
    if mark and value.startswith('"'):
        head = value[: mark.start()].rstrip("\n")
        for end in range(len(head), max(0, len(head) - 12), -1):  # the cut may stand inside an escape
            text = _loads(head[:end] + '"')
            if type(text) is str:
                return text + "\n" + value[mark.start() :].rstrip('"')
    return value


def _loads(text: str) -> Any:
    """The value of JSON that orjson refuses, such as lone surrogates; None for none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _str(value: Any) -> str:
    return value if type(value) is str else ""


# --- many files -------------------------------------------------------------------------------------


def union(files: Iterable[Iterable[Step]]) -> list[Step]:
    """The steps of all transcripts of a conversation, each once: of two records the later that is whole."""
    found: dict[tuple[int, str, str], Step] = {}
    for steps in files:
        for step in steps:
            key = step.index, step.type, step.created
            before = found.get(key)
            if before is None:
                found[key] = step
            elif not step.truncated or before.truncated:
                step.at = max(step.at, before.at)
                found[key] = step
    return list(found.values())


def _family(step: Step) -> str:
    """What a step is, where files name its type in different ways."""
    if step.type in ("USER_INPUT", "PLANNER_RESPONSE"):
        return step.type
    return "result" if step.source == "MODEL" else step.type


def complete(steps: list[Step], others: Iterable[Step]) -> list[Step]:
    """The steps with those of a database, which has ids and nothing cut, but not the text of every result.

    A step of both is the same where index and kind are, and the times no more than two seconds apart.
    """
    by_place: dict[tuple[int, str], list[int]] = {}
    for at, step in enumerate(steps):
        by_place.setdefault((step.index, _family(step)), []).append(at)
    steps = list(steps)
    clock = 0.0
    for other in others:
        try:
            other.at = clock = instant(other.created)
        except (ValueError, OverflowError):
            other.created, other.at = "", clock
        places = by_place.get((other.index, _family(other)), [])
        near = [at for at in places if not other.created or abs(steps[at].at - other.at) <= 2]
        if near:
            at = max(near, key=lambda place: steps[place].at)
            steps[at] = _both(steps[at], other)
        else:
            steps.append(other)
    return steps


def _both(step: Step, other: Step) -> Step:
    """A step that two files tell: the first as far as it is whole."""
    cut = set(step.truncated)
    found = replace(step, call_id=step.call_id or other.call_id, error=step.error or other.error)
    for name in ("content", "thinking"):
        mine, theirs, whole = getattr(step, name), getattr(other, name), name not in other.truncated
        if theirs and (not mine or (whole and name in cut)):
            setattr(found, name, theirs)
            cut = cut - {name} if whole else cut | {name}
    if other.calls and [call.name for call in step.calls] == [call.name for call in other.calls]:
        pairs = zip(step.calls, other.calls, strict=True)
        keep = "tool_calls" not in cut
        found.calls = [ToolCall(b.id, a.name, a.arguments if keep else b.arguments) for a, b in pairs]
        cut -= {"tool_calls"}
    elif not step.calls:
        found.calls = other.calls
    found.truncated = frozenset(cut)
    if (load := step.load) is not None:
        found.load = lambda: _both(load(), other)
    return found


# --- branches ---------------------------------------------------------------------------------------


def branches(steps: list[Step]) -> tuple[list[Step], list[list[Step]]]:
    """(the steps of the branch that the person went on with, those of each branch that was left).

    In order of time, a prompt at an index that is already there drops what stands at it and behind it.
    Each list is in the order of the indexes.
    """
    kept: list[tuple[int, int, Step]] = []  # a heap, highest index first
    left: list[list[Step]] = []
    for number, step in enumerate(sorted(steps, key=lambda step: (step.at, step.index))):
        if step.type == "USER_INPUT":
            cut = []
            while kept and -kept[0][0] >= step.index:
                cut.append(heapq.heappop(kept)[2])
            if cut:
                left.append(_ordered(cut))
        heapq.heappush(kept, (-step.index, number, step))
    return _ordered(step for _, _, step in kept), left


def _ordered(steps: Iterable[Step]) -> list[Step]:
    """By index; of a step that was written twice the later one. A result and an error may share an index."""
    found = {
        (step.index, step.type, step.source): step
        for step in sorted(steps, key=lambda step: (step.index, step.at))
    }
    return list(found.values())
