"""Antigravity's steps of one branch -> human turns: who speaks, and which result answers which call.

Only a PLANNER_RESPONSE speaks; any other step of the model is the result of a tool. A transcript has no ids
of calls: results are paired in order within their block, the steps between two responses of the model, and
the type of the result must fit the tool.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import orjson

from afs.logs.antigravity import text
from afs.logs.antigravity.steps import second
from afs.logs.conversation import Message, ToolCall, Turn, pair_results
from afs.logs.samples import final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from afs.logs.antigravity.beside import Beside
    from afs.logs.antigravity.steps import Step
    from afs.logs.conversation import Note

_HEAD = 200
_BLOCKS = 20  # a result later than this many responses is none of the call
_UNFINISHED = frozenset(("RUNNING", "PENDING", "GENERATING", "WAITING", "QUEUED"))
_STOPPED = frozenset(("CANCELED", "CANCELLED", "INTERRUPTED"))
_SPEECH = "notify_user"  # how older builds said something to the person


@dataclass
class _Open:
    """A call that waits for its result."""

    call: ToolCall
    block: int
    taken: bool = False


@dataclass
class _Task:
    """A call that goes on in the background."""

    step: Step
    message: Message


class Branch:
    """The turns of one branch, built step by step.

    `skip` is the reason for a branch that the person left. `asker` is the conversation whose messages are
    the questions, where an agent asked and no person.
    """

    def __init__(self, beside: Beside, note: Note, skip: str = "", asker: str = "") -> None:
        self.beside, self._note, self.skip, self.asker = beside, note, skip, asker
        self.turns: list[Turn] = []
        self.asked: list[Step] = []  # the step of each turn's question
        self.turn: Turn | None = None
        self.model = self.model_before = ""
        self.compacted = False
        self._reset()

    def _reset(self) -> None:
        self.block = 0
        self.open: list[_Open] = []
        self.results: list[Step] = []
        self.tasks: dict[str, _Task] = {}
        self.ends: list[tuple[str, str]] = []  # of background tasks: the id and its result
        self.thoughts: list[Step] = []
        self.cut: list[Message] = []  # what the log cut, and what the model had not ended
        self.running = False

    def take(self, steps: Iterable[Step]) -> list[Turn]:
        """The turns of these steps, in the order of their indexes."""
        for step in steps:
            if step.type == "USER_INPUT":
                self._question(step)
            elif step.source == "MODEL":
                if step.type == "PLANNER_RESPONSE":
                    self._speech(step)
                else:
                    self._result(step)
            elif step.source == "SYSTEM":
                self._system(step)
            elif step.source.startswith("USER_"):
                self._skipped(step, "what the person did in the editor")
            else:
                self._note(
                    "unknown", step.path, step.line, f"source {step.source}" if step.source else "no source"
                )
        self._end()
        if self.turns and self.turn is not None and not self.skip:
            last = self.turn
            if self.running or final(last) < 0:
                last.flags.add("open")
        return self.turns

    def _skipped(self, step: Step, what: str) -> None:
        if not self.skip:  # a branch that was left is noted by its turns
            self._note("skipped", step.path, step.line, what)

    # --- who asks -----------------------------------------------------------------------------------

    def _question(self, step: Step) -> None:
        if not step.source.startswith("USER_"):
            self._skipped(step, "a prompt of the client")
            return
        said = text.typed(step.content, "content" in step.truncated)
        self.model_before = self.model_before or (said.model_before if not self.model else "")
        self.model = said.model or self.model
        explicit = step.source == "USER_EXPLICIT"

        def typed(whole: Step) -> Message:
            return Message("user", text.typed(whole.content, False).text, line=whole.line)

        if said.goes_on and explicit and (self.turn is not None or step.index):
            self._close()
            self._begin(step, typed, self.skip or "mid-turn")
            if said.text.strip() and self.turn is not None:  # else its question is in no file any more
                self.turn.messages.append(_held(step, typed))
            return
        self._end(step.at)
        skip = self.skip or ("" if explicit else "automated") or ("incomplete" if said.cut else "")
        self.turn = self._begin(step, typed, skip)
        if self.compacted:
            self.turn.flags.add("after_compaction")
            self.compacted = False

    def _begin(self, step: Step, typed: Callable[[Step], Message], skip: str) -> Turn:
        native = f"{step.index}@{second(step.created)}"
        turn = Turn([_held(step, typed)], native, 0, step.path, step.line, step.created)
        turn.model, turn.skip = self.model, skip
        self.turns.append(turn)
        self.asked.append(step)
        return turn

    # --- what the model says and does -----------------------------------------------------------------

    def _speech(self, step: Step) -> None:
        turn = self.turn
        if turn is None:
            self._skipped(step, "an answer without its question")
            return
        self._close()
        self.block += 1
        self.open = [one for one in self.open if not one.taken and one.block > self.block - _BLOCKS]
        self.running = step.status in _UNFINISHED
        if step.status in _STOPPED:
            turn.flags.add("interrupted")
        if self.compacted:
            turn.flags.add("after_compaction")
            self.compacted = False
        if not step.content.strip() and not step.calls:
            if step.thinking.strip():
                self.thoughts.append(step)
            return
        thoughts, self.thoughts = self.thoughts, []
        message = _spoken(step, thoughts)
        if any(one.load for one in (step, *thoughts)):
            message = _light(message, lambda: _spoken(_whole(step), [_whole(one) for one in thoughts]))
        turn.messages.append(message)
        if "content" in step.truncated or self.running:
            self.cut.append(message)
        self.open += [_Open(call, self.block) for call in message.tool_calls]

    def _result(self, step: Step) -> None:
        if self.turn is None:
            self._skipped(step, "a result without its question")
            return
        if step.type not in text.RESULT_TYPES and step.type not in text.OTHER_RESULTS:
            self._note("unknown", step.path, step.line, step.type)
        self.results.append(step)

    def _close(self) -> None:
        """Pair the results of the block that ends with its calls."""
        results, self.results = self.results, []
        if results:
            self._pair(results)
        self._settle()

    def _pair(self, results: list[Step]) -> None:
        """In order where every type fits. Else by id where the log knows it, then by type, then in order
        where tool or type are of no known kind, last with a call of an earlier block."""
        block = [one for one in self.open if one.block == self.block and not one.taken]
        if len(block) == len(results) and all(map(_fits, results, block)):
            for step, one in zip(results, block, strict=True):
                one.taken = True
                self._answer(step, one.call)
            return
        ids = {one.call.id: [one] for one in self.open}
        late: dict[str, list[_Open]] = {}
        fits: dict[str, list[_Open]] = {}
        for one in self.open:
            for kind in text.RESULTS.get(one.call.name, ()):
                late.setdefault(kind, []).append(one)
                if one.block == self.block:
                    fits.setdefault(kind, []).append(one)
        free = [one for one in block if one.call.name not in text.RESULTS]
        passes: tuple[Callable[[Step], list[_Open]], ...] = (
            lambda step: ids.get(step.call_id, []) if step.call_id else [],
            lambda step: fits.get(step.type, []),
            lambda step: [] if step.call_id else free if step.type in text.RESULT_TYPES else block,
            lambda step: late.get(step.type, []),
        )
        for choose in passes:
            left = []
            for step in results:
                calls = choose(step)
                while calls and calls[0].taken:
                    calls.pop(0)
                if calls:
                    calls[0].taken = True
                    self._answer(step, calls[0].call)
                else:
                    left.append(step)
            results = left
        for step in results:
            self._skipped(step, "a result without its call")

    def _answer(self, step: Step, call: ToolCall) -> None:
        assert self.turn is not None
        words = step.content
        if not words or ("content" in step.truncated and step.load is None):
            words = self.beside.spill(step.index) or words
        words = words or step.error
        message = Message("tool", words, tool_call_id=call.id, line=step.line)
        message.failed = step.status == "ERROR" or text.failed(words)
        if step.load is not None:
            whole = message
            message = _light(message, lambda: replace(whole, content=_whole(step).content))
        self.turn.messages.append(message)
        task = text.background(words)
        if task or step.status == "RUNNING":
            self.tasks[task or f"/task-{step.index}"] = _Task(step, message)

    # --- what the client says -------------------------------------------------------------------------

    def _system(self, step: Step) -> None:
        if step.type == "SYSTEM_MESSAGE":
            self._told(step)
        elif step.type == "ERROR_MESSAGE":
            if self.turn is not None:
                self.turn.flags.add("api_error")
        elif step.type == "CHECKPOINT":
            self.compacted = True
        elif step.type not in text.QUIET:
            self._note("unknown", step.path, step.line, step.type)

    def _told(self, step: Step) -> None:
        parts = [words for _, words in text.messages(step.content)] or [step.content]
        self.ends += [end for words in parts if (end := text.finished(words))[0]]
        if not self.asker:
            return
        if any(sender == self.asker for sender, _ in text.messages(step.content)):
            self._end(step.at)
            self.turn = self._begin(step, self._requested, self.skip)

    def _requested(self, step: Step) -> Message:
        """What the agent asked that started this one."""
        words = [words for sender, words in text.messages(step.content) if sender == self.asker]
        return Message("user", "\n\n".join(words), line=step.line)

    def _settle(self) -> None:
        """Put the end of each background task in the place of the notice that it runs."""
        ends, self.ends = self.ends, []
        for name, result in ends:
            for task in (name, "/" + name.rpartition("/")[2]):
                if task in self.tasks:
                    self._join(self.tasks.pop(task), result)
                    break

    def _join(self, task: _Task, result: str) -> None:
        task.message.content, task.message.load = result, None
        task.message.failed = text.failed(result)

    # --- the end of a turn ----------------------------------------------------------------------------

    def _end(self, until: float = math.inf) -> None:
        """Finish the turn that is being built; what came to its end after `until` was not known in it."""
        turn = self.turn
        if turn is not None:
            self._close()
            for name, task in self.tasks.items():
                result = self.beside.end(name, task.step.index, task.step.at, until)
                if result:
                    self._join(task, result)
                elif result is None and (log := self.beside.log(name)):
                    task.message.content = f"{task.message.content}\n\n{log}".strip("\n")
            self._finish(turn)
        self._reset()

    def _finish(self, turn: Turn) -> None:
        calls = [call for message in turn.messages for call in message.tool_calls]
        answered = {message.tool_call_id for message in turn.messages if message.role == "tool"}
        messages = list(pair_results(turn.messages))
        turn.messages = messages
        if final(turn) < 0:
            self._notified(turn)
        if any(call.id not in answered and call.name != _SPEECH for call in calls):
            turn.flags.add("unanswered_call")
        if any(message.failed for message in turn.messages):
            turn.flags.add("tool_failed")
        answer = final(turn)
        if not turn.skip and answer > 0 and any(turn.messages[answer] is one for one in self.cut):
            turn.skip = "incomplete"

    def _notified(self, turn: Turn) -> None:
        """Let the last message be the answer where it speaks by a tool."""
        at = max((at for at, message in enumerate(turn.messages) if message.role == "assistant"), default=0)
        message = turn.messages[at]
        if not message.tool_calls or message.tool_calls[-1].name != _SPEECH or message.load is not None:
            return
        call = message.tool_calls[-1]
        told = orjson.loads(call.arguments).get("Message")
        if type(told) is not str or not told.strip():
            return
        rest = [one for one in turn.messages[at + 1 :] if one.tool_call_id != call.id]
        if message.tool_calls[:-1]:
            message.tool_calls.pop()
            spoken = Message("assistant", told, line=message.line)
            turn.messages = [*turn.messages[: at + 1], *rest, spoken]
        else:
            message.tool_calls = []
            message.content = f"{message.content}\n\n{told}".strip("\n")
            turn.messages = [*turn.messages[: at + 1], *rest]
            spoken = message
        if text.is_cut(told):
            self.cut.append(spoken)


def _fits(step: Step, one: _Open) -> bool:
    """Whether a result may be that of a call."""
    if step.call_id and one.call.id:
        return step.call_id == one.call.id
    types = text.RESULTS.get(one.call.name)
    return types is None or step.type in types or step.type not in text.RESULT_TYPES


def _whole(step: Step) -> Step:
    return step if step.load is None else step.load()


def _held(step: Step, made: Callable[[Step], Message]) -> Message:
    """The message that is made of a step, of which a large log keeps only the beginning."""
    message, load = made(step), step.load
    return message if load is None else _light(message, lambda: made(load()))


def _spoken(step: Step, thoughts: list[Step]) -> Message:
    """The message of a response, with what was thought before it. A thought that the log cut is none."""
    thought = [one.thinking.strip() for one in (*thoughts, step) if "thinking" not in one.truncated]
    calls = [
        ToolCall(call.id or f"step-{step.index}-{number}", call.name, call.arguments)
        for number, call in enumerate(step.calls)
    ]
    reasoning = "\n\n".join(filter(None, thought))
    return Message("assistant", step.content, reasoning, calls, line=step.line)


def _light(message: Message, load: Callable[[], Message]) -> Message:
    """The beginning of a message that can be read again."""
    calls = [ToolCall(call.id, call.name, call.arguments[:_HEAD]) for call in message.tool_calls]
    heads = message.content[:_HEAD], message.reasoning[:_HEAD]
    return replace(message, content=heads[0], reasoning=heads[1], tool_calls=calls, load=load)
