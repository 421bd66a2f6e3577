"""One Codex thread, read line by line into a conversation.

The conversation is built from response items alone: events repeat them in some versions and are absent
in others. Events tell where a turn ends, what was taken back and what was spent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from afs.logs import codex_text as text
from afs.logs.conversation import Conversation, Message, Note, ToolCall, Turn, pair_results, sound

_AGENT_TYPES = ("subagent", "internal")
# Written in one burst, a replayed head has no gap as long as this between two lines (milliseconds).
_BURST = 1000


class Thread:
    """What is known of a thread while its lines are read in order."""

    def __init__(self, talk: Conversation, note: Note) -> None:
        self.talk, self.note, self.path, self.line = talk, note, talk.files[0], 0
        self.began = False
        self.stamp = ""
        self.turn: Turn | None = None  # the human turn that takes what the agent does now
        self.ended = False  # the turn has its end mark, or a turn without a human message began
        self.muted = False  # the next text answers the client (a summary), not the person
        self.said: Message | None = None  # the assistant message that is still being written
        self.turn_id = ""
        self.by_turn_id: dict[str, Turn] = {}
        self.callers: dict[str, Turn] = {}
        self.outcomes: dict[str, bool] = {}
        self.searches: dict[str, str] = {}
        self.model = self.cwd = ""
        self.compacted = False
        self.spent: Any = None
        # The head of a fork or a sub-agent repeats its ancestors, nearest first.
        self.head = False
        self.ancestors: list[str] = []
        self.born = 0
        self.head_clock = 0
        self.head_turn = 0

    # --- one record ---------------------------------------------------------------------------------

    def take(self, line: int, record: dict[str, Any]) -> None:
        """Read one line."""
        self.line = line
        kind, payload = _str(record.get("type")), record.get("payload")
        if type(payload) is not dict:
            if record.get("record_type") is not None:
                return
            kind, payload = ("response_item" if kind or "id" not in record else "session_meta"), record
        elif type(record.get("timestamp")) is str:
            self.stamp = record["timestamp"]
            if self.head:
                self._watch_head(payload)
        act = _RECORDS.get(kind)
        if act is not None:
            self.began = True
            act(self, payload)
        elif kind not in text.QUIET:
            self._unknown("", kind)

    def _unknown(self, family: str, kind: str) -> None:
        self.note("unknown", self.path, self.line, family + (kind or "no type"))

    def _skipped(self, what: str) -> None:
        self.note("skipped", self.path, self.line, what)

    def _meta(self, meta: dict[str, Any]) -> None:
        talk, name = self.talk, _str(meta.get("id"))
        if self.born:  # the first one is the thread's own, what follows are those of its ancestors
            if name and name != talk.id and name not in self.ancestors:
                self.ancestors.append(name)
                self.head = self.head or len(talk.turns) == 0
            return
        self.stamp = self.stamp or _str(meta.get("timestamp"))
        talk.id = name or talk.id
        self.born = text.uuid_time(talk.id) or text.clock(_str(meta.get("timestamp")) or self.stamp) or 1
        talk.cwd = self.cwd = _str(meta.get("cwd"))
        talk.agent_version = _str(meta.get("cli_version"))
        instructions = meta.get("base_instructions")
        if type(instructions) is dict:
            talk.system = _str(instructions.get("text"))
        source = meta.get("source")
        if type(source) is dict and any(key in source for key in _AGENT_TYPES):
            talk.subagent = True
            spawn = source.get("subagent")
            spawn = spawn.get("thread_spawn") if type(spawn) is dict else None
            talk.parent = _str(spawn.get("parent_thread_id")) if type(spawn) is dict else ""
        if meta.get("thread_source") == "subagent" or _str(meta.get("parent_thread_id")):
            talk.subagent = True
        talk.parent = talk.parent or _str(meta.get("parent_thread_id"))
        if forked := _str(meta.get("forked_from_id")):
            self.ancestors.append(forked)
            self.head = True

    def _watch_head(self, payload: dict[str, Any]) -> None:
        """Leave the replayed head at the first turn born after the thread, else at the first pause."""
        turn_time = text.uuid_time(_str(payload.get("turn_id")))
        clock = text.clock(self.stamp)
        if turn_time:
            self.head = turn_time < self.born
            self.head_turn = turn_time
        elif not self.head_turn and self.head_clock and clock - self.head_clock >= _BURST:
            self.head = False
        self.head_clock = clock
        if not self.head:
            self.turn, self.said, self.compacted = None, None, False

    def _context(self, context: dict[str, Any]) -> None:
        self.model = _str(context.get("model")) or self.model
        self.cwd = _str(context.get("cwd")) or self.cwd
        self.turn_id = _str(context.get("turn_id")) or self.turn_id
        if self.turn is not None and not self.ended:  # older versions write it behind the question
            self.turn.model = self.model
        self.talk.cwd = self.talk.cwd or self.cwd

    def _compaction(self, _: dict[str, Any]) -> None:
        self.compacted = True

    # --- events -------------------------------------------------------------------------------------

    def _event(self, event: dict[str, Any]) -> None:
        kind = _str(event.get("type"))
        act = _EVENTS.get(kind)
        if act is not None:
            act(self, event)
        elif kind not in text.QUIET_EVENTS:
            self._unknown("event_msg/", kind)

    def _started(self, event: dict[str, Any]) -> None:
        name = _str(event.get("turn_id"))
        if not name or name != self.turn_id:
            self.turn_id, self.ended, self.said = name, True, None

    def _completed(self, event: dict[str, Any]) -> None:
        self.ended, self.said = True, None

    def _aborted(self, event: dict[str, Any]) -> None:
        turn = self.by_turn_id.get(_str(event.get("turn_id")), self.turn)
        self._interrupt(turn)

    def _error(self, event: dict[str, Any]) -> None:
        if self.turn is not None and not self.ended:
            self.turn.flags.add("api_error")

    def _interrupt(self, turn: Turn | None) -> None:
        if turn is not None:
            turn.flags.add("interrupted")
        if turn is self.turn:
            self.ended, self.said = True, None

    def _rolled_back(self, event: dict[str, Any]) -> None:
        number = event.get("num_turns")
        left = number if type(number) is int else 1
        for turn in reversed(self.talk.turns):
            if left <= 0:
                break
            if not turn.skip:
                turn.skip = "rolled-back"
                left -= 1
        self.turn, self.said, self.ended = None, None, True

    def _tokens(self, event: dict[str, Any]) -> None:
        info = event.get("info")
        if type(info) is not dict:
            return
        total = info.get("total_token_usage")
        if total is None or total == self.spent:  # the same count is often written twice
            return
        before, self.spent = self.spent, total
        last = info.get("last_token_usage")
        turn = self.turn
        if turn is None or type(total) is not dict:
            return
        for name, key in (("tokens_in", "input_tokens"), ("tokens_out", "output_tokens")):
            if type(last) is dict:
                number = last.get(key)
            else:
                number = _int(total.get(key)) - (_int(before.get(key)) if type(before) is dict else 0)
            setattr(turn, name, (getattr(turn, name) or 0) + max(0, _int(number)))

    def _outcome(self, event: dict[str, Any]) -> None:
        result = event.get("result")
        failed = event.get("success") is False or event.get("exit_code") not in (None, 0)
        failed = failed or (type(result) is dict and "Err" in result)
        if key := _str(event.get("call_id")):
            self.outcomes[key] = failed

    def _searched(self, event: dict[str, Any]) -> None:
        if results := event.get("results"):
            self.searches[_str(event.get("call_id"))] = text.encoded(results)

    # --- response items -----------------------------------------------------------------------------

    def _item(self, item: dict[str, Any]) -> None:
        kind = _str(item.get("type"))
        act = _ITEMS.get(kind)
        if act is not None:
            act(self, item)
        elif kind not in text.QUIET_ITEMS:
            self._unknown("response_item/", kind)

    def _message(self, item: dict[str, Any]) -> None:
        role = item.get("role")
        if role == "user":
            self._human(item)
        elif role == "assistant":
            self._answer(item)
        else:
            self._skipped(f"{role if type(role) is str else 'no'} role")

    def _human(self, item: dict[str, Any]) -> None:
        typed, marks, where = text.typed(item)
        if where:
            self.cwd = where
            self.talk.cwd = self.talk.cwd or where
        if "turn_aborted" in marks:
            self._interrupt(self.turn)
        if marks & text.STARTS_A_TURN:  # the client asks, and what follows answers the client
            self.ended, self.said = True, None
        self.muted = self.muted or "summarize" in marks
        if not typed:
            self._skipped("injected text")
            return
        if self.head and self.talk.subagent:
            self._skipped("turn repeated by a sub-agent")
            self.turn = None
            return
        talk = self.talk
        said, name = Message("user", typed, line=self.line), _str(item.get("id"))
        turn = Turn([said], name, len(talk.turns), self.path, self.line, self.stamp, self.model)
        turn.cwd = self.cwd if self.cwd != talk.cwd else ""
        if self.head:
            turn.origin = self._origin()
        if self.compacted:
            turn.flags.add("after_compaction")
        if self.turn_id:
            self.by_turn_id[self.turn_id] = turn
        talk.turns.append(turn)
        self.turn, self.said = turn, None
        self.ended = self.muted = self.compacted = False

    def _origin(self) -> str:
        """The ancestor in which a turn of the replayed head first appeared."""
        for name in self.ancestors:
            if self.head_turn >= (text.uuid_time(name) or 1 << 62):
                return name
        return self.ancestors[-1 if self.head_turn else 0]

    def _say(self) -> Message | None:
        """The assistant message to add to; None where no human message asked for it."""
        if self.turn is None or self.ended:
            self._skipped("answer to no human message")
            return None
        if self.compacted:
            self.turn.flags.add("after_compaction")
            self.compacted = False
        if self.said is None:
            self.said = Message("assistant", line=self.line)
            self.turn.messages.append(self.said)
        return self.said

    def _answer(self, item: dict[str, Any]) -> None:
        words = text.parts(item.get("content"))
        if not words:
            return
        if self.muted:
            self.muted = False
            self._skipped("summary for the client")
            return
        if self.said is not None and (self.said.content or self.said.tool_calls):
            self.said = None
        if (message := self._say()) is not None:
            message.content = words
            phase = item.get("phase")
            message.phase = {"commentary": "commentary", "final_answer": "final"}.get(_str(phase), "")

    def _reasoning(self, item: dict[str, Any]) -> None:
        words = text.parts(item.get("content"), "\n\n") or text.parts(item.get("summary"), "\n\n")
        if not words:
            return
        if self.said is not None and self.said.content and not self.said.tool_calls:
            self.said = None
        if (message := self._say()) is not None:
            message.reasoning = f"{message.reasoning}\n\n{words}" if message.reasoning else words

    def _call(self, name: str, call_id: Any, arguments: str) -> None:
        if (message := self._say()) is None or self.turn is None:
            return
        key = _str(call_id) or f"line-{self.line}"
        message.tool_calls.append(ToolCall(key, name, arguments))
        self.callers[key] = self.turn

    def _function_call(self, item: dict[str, Any]) -> None:
        name, space = _str(item.get("name")), _str(item.get("namespace"))
        name = f"{space.rstrip('_')}__{name.lstrip('_')}" if space else name
        self._call(name, item.get("call_id"), text.arguments(item.get("arguments")))

    def _custom_call(self, item: dict[str, Any]) -> None:
        raw = orjson.dumps({"input": sound(_str(item.get("input")))}).decode()
        self._call(_str(item.get("name")), item.get("call_id"), raw)

    def _other_call(self, item: dict[str, Any]) -> None:
        name = item["type"].removesuffix("_call")
        given = item.get("action") or item.get("arguments")
        if name == "image_generation":
            given = {"prompt": item.get("revised_prompt")}
        self._call(name, item.get("call_id") or item.get("id"), text.arguments(given))
        if name in ("web_search", "image_generation"):  # the server ran it: what follows has read the result
            self.said = None

    def _output(self, item: dict[str, Any]) -> None:
        key = _str(item.get("call_id"))
        turn = self.callers.get(key)
        if turn is None:
            self._skipped("output without its call")
            return
        if turn is self.turn:
            self.said = None
        given = item.get("tools") if item["type"] == "tool_search_output" else item.get("output")
        words, failed, marks = text.output(given)
        turn.flags |= marks
        turn.messages.append(Message("tool", words, tool_call_id=key, failed=failed, line=self.line))

    # --- the end ------------------------------------------------------------------------------------

    def finish(self) -> Conversation:
        """The conversation, with results behind their calls and flags that need the whole file."""
        talk = self.talk
        talk.group = self.ancestors[-1] if self.ancestors and not talk.subagent else ""
        if self.turn is not None and not self.ended:
            self.turn.flags.add("open")
        for turn in talk.turns:
            calls = [call for message in turn.messages for call in message.tool_calls]
            answered = {message.tool_call_id for message in turn.messages if message.role == "tool"}
            for call in calls:
                if call.id not in answered and call.id in self.searches:
                    turn.messages.append(Message("tool", self.searches[call.id], tool_call_id=call.id))
                    answered.add(call.id)
            if any(call.id not in answered for call in calls):
                turn.flags.add("unanswered_call")
            turn.messages = list(pair_results(turn.messages))
            for message in turn.messages:
                message.failed = message.failed or self.outcomes.get(message.tool_call_id, False)
                if message.failed:
                    turn.flags.add("tool_failed")
        return talk


def _str(value: Any) -> str:
    return value if type(value) is str else ""


def _int(value: Any) -> int:
    return value if type(value) is int else 0


_Act = Callable[[Thread, dict[str, Any]], None]
_RECORDS: dict[str, _Act] = {
    "session_meta": Thread._meta,
    "response_item": Thread._item,
    "event_msg": Thread._event,
    "turn_context": Thread._context,
    "compacted": Thread._compaction,
}
_EVENTS: dict[str, _Act] = {
    "task_started": Thread._started,
    "turn_started": Thread._started,
    "task_complete": Thread._completed,
    "turn_complete": Thread._completed,
    "turn_aborted": Thread._aborted,
    "error": Thread._error,
    "thread_rolled_back": Thread._rolled_back,
    "token_count": Thread._tokens,
    "exec_command_end": Thread._outcome,
    "patch_apply_end": Thread._outcome,
    "mcp_tool_call_end": Thread._outcome,
    "web_search_end": Thread._searched,
}
_ITEMS: dict[str, _Act] = {
    "message": Thread._message,
    "reasoning": Thread._reasoning,
    "function_call": Thread._function_call,
    "custom_tool_call": Thread._custom_call,
    "local_shell_call": Thread._other_call,
    "web_search_call": Thread._other_call,
    "tool_search_call": Thread._other_call,
    "image_generation_call": Thread._other_call,
    "function_call_output": Thread._output,
    "custom_tool_call_output": Thread._output,
    "tool_search_output": Thread._output,
    "mcp_tool_call_output": Thread._output,
}
