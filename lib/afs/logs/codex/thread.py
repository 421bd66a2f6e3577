"""One Codex thread, read record by record into a conversation.

The conversation is built from response items: events repeat them in some versions and are absent in
others. Events tell where a turn ends, what was taken back and what was spent; what they repeat is taken
only where the items themselves are absent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from afs.logs.codex import events, items, text
from afs.logs.codex.head import Head, Mark, align, remember
from afs.logs.codex.items import string
from afs.logs.codex.meta import read_meta
from afs.logs.conversation import Conversation, Message, Note, Turn
from afs.logs.read import ODD, oddity

if TYPE_CHECKING:
    from afs.logs.codex.file import Place

_IMPORTED = "external-import-turn"  # how the client names the turns that it took over from another agent
_INTERRUPT = "Execution interrupted by user"  # what the first generation wrote


class Thread:
    """What is known of a thread while its records are read in order.

    Of a large log no texts are held. With `hashing` the turns are compared with those of other threads.
    """

    def __init__(self, talk: Conversation, note: Note, imported: bool = False, hashing: bool = False) -> None:
        self.talk, self.note, self.path, self.large = talk, note, talk.files[0], False
        self.place: Place = (0, 0, 0, 0)
        self.record: dict[str, Any] = {}
        self.began, self.stamp = False, ""
        self.turn: Turn | None = None  # the human turn that takes what the agent does now
        self.ended = False  # the turn has its end mark, or a turn without a human message began
        self.muted = False  # the next text answers the client (a summary), not the person
        self.said: Message | None = None  # the assistant message that is still being written
        self.spoken = ("", 0)  # id and hash of what was said last
        self.turn_id = ""
        self.by_turn_id: dict[str, Turn] = {}
        self.callers: dict[str, tuple[Turn, str]] = {}
        self.answered: set[str] = set()
        self.outcomes: dict[str, bool] = {}
        self.searches: dict[str, Message] = {}
        self.places: dict[int, list[Place]] = {}  # of the messages of a large log, by their id()
        self.model = self.cwd = self.agent_path = ""
        self.compacted = False
        self.spent: Any = None
        self.head = Head()
        self.own = 0  # turns of the head
        self.imported, self.hashing = imported, hashing
        self.hashes: list[list[int]] = []  # of each turn: its question, and all that it holds
        self.mark: list[int] = []
        self.ordinals: list[int] = []  # of the records that hold the questions
        # What item_completed events repeat, while it is not known whether the items come themselves.
        self.asked = self.worked = False
        self.repeats: list[tuple[Place, str, dict[str, Any]]] = []

    # --- one record ---------------------------------------------------------------------------------

    def take(self, line: int, offset: int, length: int, record: dict[str, Any]) -> None:
        """Read one record. What has an odd shape is named and left out."""
        self.place = (line, offset, length, 0)
        self.record = record
        try:
            kind, payload = string(record.get("type")), record.get("payload")
            if type(payload) is not dict:
                self._bare(record, kind)
                return
            if type(stamp := record.get("timestamp")) is str:
                self.stamp = stamp
                if self.head.open or self.head.doubt:
                    self._watch_head(payload, record.get("ordinal"))
            act = _RECORDS.get(kind)
            if act is not None:
                self.began = True
                act(self, payload)
            elif kind not in text.QUIET:
                self._unknown("", kind)
        except ODD as error:
            self.note("bad", self.path, self.place[0], oddity(error))

    def _bare(self, record: dict[str, Any], kind: str) -> None:
        """A record of the first two generations."""
        if type(record.get("session")) is dict:
            self._document(record)
        elif record.get("record_type") is None:
            self.began = True
            (self.item if kind or "id" not in record else self._meta)(record)

    def _watch_head(self, payload: dict[str, Any], ordinal: Any) -> None:
        head, talk, was = self.head, self.talk, self.head.open
        if head.passed(self.stamp, string(payload.get("turn_id")), ordinal):
            self.turn, self.said, self.compacted = None, None, False
            self.own = len(talk.turns)
        elif head.open and not was:
            for turn in talk.turns[self.own :]:
                turn.origin = head.origin()

    def _document(self, record: dict[str, Any]) -> None:
        """All of a conversation, as the first generation wrote it."""
        self.began = True
        self._meta(record["session"])
        self.model = string(record["session"].get("model"))
        found, lines = items.pieces(record), record.get("lines") or []
        for index, item in enumerate(found):
            line = lines[index] if len(lines) == len(found) else self.place[0]
            self.place = (line, self.place[1], self.place[2], index)
            try:
                self.item(item)
            except ODD as error:
                self.note("bad", self.path, line, oddity(error))

    def _unknown(self, family: str, kind: str) -> None:
        self.note("unknown", self.path, self.place[0], family + (kind or "no type"))

    def _skipped(self, what: str) -> None:
        self.note("skipped", self.path, self.place[0], what)

    def _meta(self, meta: dict[str, Any]) -> None:
        head, first = self.head, self.head.born == 0
        named, self.stamp = len(head.ancestors), self.stamp or string(meta.get("timestamp"))
        read_meta(meta, self.talk, head, self.stamp)
        if first:
            self.cwd = self.talk.cwd
            self.agent_path = string(meta.get("agent_path"))
        again = not first and len(head.ancestors) > named
        if (first and head.open) or (again and not self.talk.turns and not head.open):
            head.begin(self.stamp)

    def _context(self, context: dict[str, Any]) -> None:
        self.model = string(context.get("model")) or self.model
        self.cwd = string(context.get("cwd")) or self.cwd
        self.turn_id = string(context.get("turn_id")) or self.turn_id
        self.imported = False
        if self.turn is not None and not self.ended:  # older versions write it behind the question
            self.turn.model = self.model
        self.talk.cwd = self.talk.cwd or self.cwd

    def _compaction(self, _: dict[str, Any]) -> None:
        self.compacted = True

    def _event(self, event: dict[str, Any]) -> None:
        kind = string(event.get("type"))
        act = events.TABLE.get(kind)
        if act is not None:
            act(self, event)
        elif kind not in text.QUIET_EVENTS:
            self._unknown("event_msg/", kind)

    # --- turns --------------------------------------------------------------------------------------

    def end_turn(self) -> None:
        events.repeat(self, "user", "agent")
        self.worked = False
        self.ended, self.said = True, None

    def interrupt(self, turn: Turn | None) -> None:
        if turn is not None:
            turn.flags.add("interrupted")
        if turn is self.turn:
            self.ended, self.said = True, None

    def take_back(self, left: int) -> None:
        host = False  # of a message that was said into a running turn: it loses its answer with it
        for turn in reversed(self.talk.turns):
            if left <= 0 and not host:
                break
            if turn.skip != "rolled-back":
                host = turn.skip == "mid-turn"
                turn.skip = "rolled-back"
                left -= 1
        self.turn, self.said, self.ended = None, None, True

    # --- response items -----------------------------------------------------------------------------

    def _response(self, item: dict[str, Any]) -> None:
        if not self.worked and string(item.get("type")) in _WORK and item.get("role") in _AGENT:
            events.repeat(self, "user")
            self.worked = True
        self.item(item)

    def item(self, item: dict[str, Any]) -> None:
        kind = string(item.get("type"))
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
            if _INTERRUPT in text.parts(item.get("content")) and role == "system":
                self.interrupt(self.turn)
            self._skipped(f"{role if type(role) is str else 'no'} role")

    def _mail(self, item: dict[str, Any]) -> None:
        """What another agent writes; to a sub-agent it is the task."""
        to = item.get("recipient")
        if self.talk.subagent and (not self.agent_path or not to or to == self.agent_path):
            self._human(item)

    def _human(self, item: dict[str, Any]) -> None:
        typed, marks, where = text.typed(item)
        if where:
            self.cwd = where
            self.talk.cwd = self.talk.cwd or where
        if "turn_aborted" in marks:
            self.interrupt(self.turn)
        if marks & text.STARTS_A_TURN:  # the client asks, and what follows answers the client
            self.ended, self.said, self.asked = True, None, True
        self.muted = self.muted or "summarize" in marks
        if not typed:
            self._skipped("injected text")
            return
        self.asked = True
        if self.head.open and self.talk.subagent:
            self._skipped("turn repeated by a sub-agent")
            self.turn = None
            return
        self._begin_turn(Message("user", typed, line=self.place[0]), string(item.get("id")))

    def _begin_turn(self, said: Message, name: str) -> None:
        talk, host = self.talk, self.by_turn_id.get(self.turn_id) if self.turn_id else None
        turn = Turn([said], name, len(talk.turns), self.path, said.line, self.stamp, self.model)
        turn.cwd = self.cwd if self.cwd != talk.cwd else ""
        if self.head.open:
            turn.origin = self.head.origin()
        if self.imported or self.turn_id.startswith(_IMPORTED):
            turn.skip = "imported"
        talk.turns.append(turn)
        mark = [hash(said.content) if self.hashing else 0, 0]
        self.hashes.append(mark)
        ordinal = self.record.get("ordinal")
        self.ordinals.append(ordinal if type(ordinal) is int else 0)
        self.keep(said)
        if host is not None and host is self.turn and not self.ended and not turn.skip:
            turn.skip = "mid-turn"  # said while the agent works: it goes on with the same turn
            host.messages.append(said)
            self.said = None
            return
        if self.compacted:
            turn.flags.add("after_compaction")
        if self.turn_id:
            self.by_turn_id[self.turn_id] = turn
        self.turn, self.said, self.mark = turn, None, mark
        self.ended = self.muted = self.compacted = False

    def _say(self) -> Message | None:
        """The assistant message to add to; None where no human message asked for it."""
        if self.turn is None or self.ended:
            self._skipped("answer to no human message")
            return None
        if self.compacted:
            self.turn.flags.add("after_compaction")
            self.compacted = False
        if self.said is None:
            self.said = Message("assistant", line=self.place[0])
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
        spoken = (string(item.get("id")), hash(words))
        if spoken[0] and spoken == self.spoken:
            self._skipped("message repeated after a failure")
            return
        self.spoken = spoken
        if self.said is not None and (self.said.content or self.said.tool_calls):
            self.said = None
        if (message := self._say()) is not None:
            items.answer(message, item, words)
            self.keep(message, words)

    def _reasoning(self, item: dict[str, Any]) -> None:
        words = items.thought(item)
        if not words:
            return
        if self.said is not None and self.said.content and not self.said.tool_calls:
            self.said = None
        if (message := self._say()) is not None:
            items.think(message, words)
            self.keep(message)

    def _call(self, item: dict[str, Any]) -> None:
        made = items.call(item, self.place[0])
        turn, name = self.callers.get(key := made.id, (None, ""))
        if turn is not None and turn is self.turn:
            if name not in self.answered:
                self._skipped("call repeated after a failure")
                return
            made.id = f"{key}-{self.place[0]}-{self.place[3]}"  # a model that counts from 1 in every answer
        if (message := self._say()) is None or self.turn is None:
            return
        message.tool_calls.append(made)
        self.callers[key] = (self.turn, made.id)
        self.answered.discard(made.id)
        self.keep(message, made.arguments)
        if item["type"] in ("web_search_call", "image_generation_call"):
            self.said = None  # the server ran it: what follows has read the result

    def _output(self, item: dict[str, Any]) -> None:
        caller = self.callers.get(string(item.get("call_id")))
        if caller is None:
            self._skipped("output without its call")
            return
        turn, key = caller
        if turn is self.turn:
            self.said = None
        words, failed, marks = items.result(item)
        turn.flags |= marks
        self.answered.add(key)
        message = Message("tool", words, tool_call_id=key, failed=failed, line=self.place[0])
        turn.messages.append(message)
        self.keep(message, words)

    def keep(self, message: Message, words: str = "") -> None:
        """After every addition: of a large log hold the beginnings, and where the whole stands."""
        if self.hashing and self.mark and words:
            self.mark[1] = hash((self.mark[1], message.role, words))
        if not self.large:
            return
        places = self.places.get(id(message))
        if places is None:
            places = self.places[id(message)] = []
            message.load = partial(items.whole, self.path, message, places)
        places.append(self.place)
        items.shorten(message)

    # --- the end ------------------------------------------------------------------------------------

    def go_on(self, path: str, ordinal: int) -> None:
        """What follows is in another file, and goes on behind this record of the ones before."""
        for turn, at in zip(self.talk.turns, self.ordinals, strict=True):
            if at >= ordinal and not turn.skip:
                turn.skip = "rolled-back"
        self.path, self.said = path, None
        self.talk.files.append(path)

    def finish(self, known: Mapping[str, list[Mark]]) -> Conversation:
        """The conversation, with results behind their calls and all that needs the whole log.

        `known` holds what its ancestors told, as remembered() says it of this one.
        """
        talk = self.talk
        events.repeat(self, "user", "agent")
        for _ in range(align(talk, self.hashes, [*self.head.ancestors, talk.parent], known)):
            self._skipped("turn repeated by a sub-agent")
        if self.head.ancestors or talk.parent:
            talk.group = self.head.ancestors[-1] if self.head.ancestors else talk.parent
        if self.turn is not None and not self.ended:
            self.turn.flags.add("open")
        for turn in talk.turns:
            items.complete(turn, self.searches, self.outcomes)
        return talk

    def remembered(self) -> list[Mark]:
        """What descendants need of this thread."""
        return remember(self.talk, self.hashes)


_Act = Callable[[Thread, dict[str, Any]], None]
_RECORDS: dict[str, _Act] = {
    "session_meta": Thread._meta,
    "response_item": Thread._response,
    "event_msg": Thread._event,
    "turn_context": Thread._context,
    "compacted": Thread._compaction,
}
_CALLS = ("function_call", "custom_tool_call", "local_shell_call", "web_search_call")
_MORE_CALLS = ("tool_search_call", "image_generation_call")
_OUTPUTS = ("function_call_output", "custom_tool_call_output", "tool_search_output", "mcp_tool_call_output")
_ITEMS: dict[str, _Act] = {
    "message": Thread._message,
    "agent_message": Thread._mail,
    "reasoning": Thread._reasoning,
    **dict.fromkeys((*_CALLS, *_MORE_CALLS), Thread._call),
    **dict.fromkeys(_OUTPUTS, Thread._output),
}
_AGENT = (None, "assistant")
# Items of the agent: where one of them was written, events repeat it.
_WORK = frozenset(("message", "reasoning", *_CALLS, *_MORE_CALLS))
