"""The messages of a replayed Gemini CLI session -> turns."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import orjson

from afs.logs.conversation import Conversation, Message, Turn, pair_results
from afs.logs.gemini.record import BEGINNING, Entry
from afs.logs.gemini.text import REFUSED
from afs.logs.read import LARGE

if TYPE_CHECKING:
    from collections.abc import Callable

    from afs.logs.gemini.replay import Session

# The tool by which a sub-agent gives its answer.
_ANSWERS = "complete_task"


class Lane:
    """The turn that takes what the agent does now, in what stands or in what was taken back."""

    turn: Turn | None = None


class Turns:
    """The turns of a session, put into `talk`; `asked` holds the size and beginning of each question.

    `outputs` are the files of tool outputs that may be read, by session folder and name.
    """

    def __init__(self, session: Session, talk: Conversation, outputs: dict[str, str]) -> None:
        self.session, self.talk, self.outputs = session, talk, outputs
        self.asked: list[tuple[int, str]] = []
        self._results: dict[int, dict[str, Message]] = {}
        self._cut: dict[int, str] = {}
        stands, gone = Lane(), Lane()
        for entry in session.timeline:
            lane = gone if entry.state == "rolled-back" else stands
            self._take(entry, lane)
            if lane is stands and entry.kind in ("human", "command"):
                gone.turn = None
        if stands.turn is not None and not session.ended and "interrupted" not in stands.turn.flags:
            stands.turn.flags.add("open")
        for turn in talk.turns:
            self._finish(turn)

    def _take(self, entry: Entry, lane: Lane) -> None:
        turn = lane.turn
        if entry.kind in ("human", "command"):
            turn = lane.turn = self._begin(entry)
        elif entry.kind in ("injected", "summary", "acknowledged"):
            self._skipped(entry, "injected text")
        elif turn is None:
            if entry.kind in ("agent", "results"):
                self._skipped(entry, "answer to no human message")
            return
        elif entry.kind == "agent":
            self._agent(entry, turn)
        elif entry.kind == "results":
            self._hold(entry, turn)
        elif entry.kind == "cancelled":
            turn.flags.add("interrupted")
        elif entry.kind == "error":
            turn.flags.add("api_error")
        if entry.compacted and turn is not None:
            turn.flags.add("after_compaction")

    def _skipped(self, entry: Entry, what: str) -> None:
        self.session.note("skipped", self.session.path, entry.line, what)

    def _begin(self, entry: Entry) -> Turn:
        turn = Turn(list(entry.messages), entry.id, len(self.talk.turns), self.session.path, entry.line)
        turn.timestamp, turn.context = entry.timestamp, entry.context
        if entry.state == "rolled-back":
            turn.skip = "rolled-back"
        elif entry.kind == "command":
            turn.skip = "command"
        if entry.synthetic:
            turn.flags.add("synthetic_prompt")
        self.talk.turns.append(turn)
        self.asked.append((entry.size, entry.whole[:BEGINNING]))
        self._results[id(turn)] = {}
        return turn

    def _agent(self, entry: Entry, turn: Turn) -> None:
        said = entry.messages[0]
        if said.content or said.reasoning or said.tool_calls:
            turn.messages.append(said)
        self._hold(entry, turn)
        turn.model = entry.model or turn.model
        if entry.tokens_in is not None:
            turn.tokens_in = (turn.tokens_in or 0) + entry.tokens_in
        if entry.tokens_out is not None:
            turn.tokens_out = (turn.tokens_out or 0) + entry.tokens_out

    def _hold(self, entry: Entry, turn: Turn) -> None:
        """Hold the results of an entry; one that was not cut wins over one that was."""
        results = self._results[id(turn)]
        for message in entry.messages:
            key = message.tool_call_id
            if message.role != "tool":
                continue
            if key not in results or (id(results[key]) in self._cut and key not in entry.masked):
                results[key] = message
                if key in entry.masked:
                    self._cut[id(message)] = entry.masked[key]

    def _finish(self, turn: Turn) -> None:
        results = self._results[id(turn)]
        if self.talk.subagent and not turn.skip:
            _answer(turn)
        for message in turn.messages:
            for call in message.tool_calls:
                result = results.get(call.id)
                if result is None:
                    turn.flags.add("unanswered_call")
                elif (place := self._cut.get(id(result))) is not None:
                    results[call.id] = self._whole(result, place)
                if result is not None and result.failed:
                    turn.flags.add("tool_rejected" if REFUSED in result.content else "tool_failed")
        turn.messages = list(pair_results([*turn.messages, *results.values()]))

    def _whole(self, message: Message, place: str) -> Message:
        """A result that the client cut, from the file that it wrote the whole into, if we have that."""
        names = place.replace("\\", "/").split("/")
        path = self.outputs.get("/".join(names[-2:]), "")
        try:
            if not path or os.path.getsize(path) > LARGE:
                return message
            words = _read(path)
        except OSError:
            return message
        self.talk.files.append(path)
        found = replace(message, content=words, load=None)
        if self.session.large and len(words) > BEGINNING:
            found.content, found.load = words[:BEGINNING], _loader(message, path)
        return found


def _loader(message: Message, path: str) -> Callable[[], Message]:
    return lambda: replace(message, content=_read(path), load=None)


def _read(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace", newline="") as file:
        return file.read()


def _answer(turn: Turn) -> None:
    """Let a sub-agent's last message say what it handed over by a call."""
    last = next((one for one in reversed(turn.messages) if one.role == "assistant"), None)
    if last is None or [call.name for call in last.tool_calls] != [_ANSWERS]:
        return
    if (load := last.load) is not None:
        last.content, last.tool_calls, last.load = "[...]", [], lambda: _said(load())
    else:
        said = _said(last)
        last.content, last.tool_calls = said.content, said.tool_calls


def _said(message: Message) -> Message:
    """The message with the answer that its one call holds as its text."""
    given = orjson.loads(message.tool_calls[0].arguments)
    words = [value for value in given.values() if type(value) is str]
    answer = words[0] if len(words) == len(given) == 1 else message.tool_calls[0].arguments
    content = f"{message.content}\n\n{answer}" if message.content.strip() else answer
    return replace(message, content=content, tool_calls=[])
