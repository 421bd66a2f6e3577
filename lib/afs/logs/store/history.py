"""The history of the AFS store -> conversations: model events, and tool, file and command events.

A model event holds one call of a model, and many programs send, and so log, the whole conversation at
each call. chains.py finds which events go on from which, so that each turn comes once. Turns that were
imported from Codex threads become the conversations that they were.
"""

from __future__ import annotations

import itertools
import os
import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from afs import jsonl
from afs.logs import chat, read
from afs.logs.conversation import Conversation, Message, Turn
from afs.logs.store import ledger, payloads
from afs.logs.store.chains import Chains, Part, Place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from afs.logs.conversation import Note

TYPES = ("model", "tool", "fs", "cli")
# Types that hold nothing that was asked and answered.
_QUIET = (
    "agent_lifecycle", "agent_progress", "agent_route", "context", "embedding", "hivemind", "hook",
    "mcp_tool", "review", "session",
)  # fmt: skip
# Programs of the store that call a model for their own ends: samples of them would teach a model its judge.
_OWN = re.compile(
    r"afs\.(?:augment|benchmark|consolidat|curat|discriminator|distill|embedding|eval|generat|judge|memory|quality"
    r"|scor|summar|training)|.*[._](?:judge|summarizer)\Z"
)
_OWN_OPS = frozenset(("judge", "summarize", "teacher_response", "consolidate", "score", "distill"))
_MODELS = ("backend_model", "model", "model_name", "teacher_model", "teacher")
_BLANKED = "[redacted]"


@dataclass(frozen=True)
class History:
    """The history store as a source; `types` says which events give samples.

    domain is that of model events, which else have that of the log; tool_domain that of all others.
    """

    types: frozenset[str] = frozenset(("model",))
    domain: str = ""
    tool_domain: str = "history_tools"
    include_own: bool = False

    NAME = "history"

    def roots(self, home: str, environ: Mapping[str, str]) -> list[str]:
        """The history folder of $AFS_CONTEXT_ROOT, else of ~/.context."""
        return [os.path.join(environ.get("AFS_CONTEXT_ROOT") or os.path.join(home, ".context"), "history")]

    def find(self, root: str, failed: Callable[[OSError], None] | None = None) -> list[list[str]]:
        """All event files of a root and their payloads as one group: a conversation may go on for days.

        The root may also be the context folder that holds `history`.
        """
        found = ledger.files(ledger.place(root), failed)
        return [found] if any(map(ledger.is_events, found)) else []

    def glance(self, path: str) -> tuple[str, str]:
        """Nothing: a file of events holds many conversations."""
        return "", ""

    def parse(self, files: list[str], note: Note) -> Iterator[Conversation]:
        """Conversations in the order of their first events.

        Turns may have these skips. failed: the call is logged as failed. redacted-at-source: the store
        blanked a part of the text. payload-missing, -outside, -changed, -large: the text of the event is not
        to be had. automated: a program of the store asked. abandoned-branch: the conversation went on from
        an earlier place. incomplete: an importer kept the first answer of a turn only. not-imported: a
        turn of a Codex thread without an event. Raises OSError for what cannot be read, after all others.
        """
        scan = _Scan(self, note)
        scan.read(sorted(filter(ledger.is_events, files), key=ledger.order))
        for path in files:
            if not ledger.is_events(path) and not path.endswith(".json"):
                note("unknown", path, 0, "no file of events")
        for parts in scan.talks():
            talk = scan.codex(parts) if parts[0].thread else scan.told(parts)
            if talk is not None:
                yield talk
        if scan.failed is not None:
            raise scan.failed


class _Scan:
    """One reading of a history: first which events belong together, then each conversation."""

    def __init__(self, options: History, note: Note) -> None:
        self.options, self.note = options, note
        self.failed: OSError | None = None
        self.chains = Chains()

    # --- which events there are ---------------------------------------------------------------------

    def read(self, paths: list[str]) -> None:
        """Find what every event is a part of. Where two files hold an event, that of `common` counts."""
        common = [path for path in paths if ledger.is_common(path)]
        reserved: set[str] = set()
        if len(common) < len(paths):
            for path in common:
                for *_, event, _ in self._events(path, lambda *_: None):
                    reserved.add(_str(event.get("id")))
        seen: dict[str, Part | None] = {}
        for path in paths:
            for line, offset, length, event, held in self._events(path, self.note):
                name = _str(event.get("id"))
                place = Place(path, line, offset, length, event if held else None)
                if name and (name in seen or (name in reserved and path not in common)):
                    self.note("skipped", path, line, "another copy of an event")
                    self._renew(seen.get(name), place, event)
                    continue
                try:
                    seen[name] = self._take(place, event)
                except read.ODD as error:
                    seen[name] = None
                    self.note("bad", path, line, read.oddity(error))

    def _renew(self, part: Part | None, place: Place, event: dict[str, Any]) -> None:
        """An import adds an event of Codex once more when its turn has changed; the later one counts."""
        is_turn = ledger.is_codex(event)
        if part is None or event.get("source") != "codex" or ledger.is_repeated(event):
            return
        if bool(part.thread) == is_turn:
            thread = (ledger.thread_of(event) or _name(event)) if is_turn else ""
            self.chains.renew(part, place, thread, _failure(event, None))

    def _events(self, path: str, note: Note) -> Iterator[tuple[int, int, int, dict[str, Any], bool]]:
        """(line, offset, length, event, whether it has to be held) of a file."""
        try:
            packed = read.is_packed(path)
            for found in read.located(path, note):
                yield *found, packed
        except OSError as error:
            self.failed = self.failed or error

    def _take(self, place: Place, event: dict[str, Any]) -> Part | None:
        """Find what an event is a part of; the part if a later event may go in its place."""
        kind = _kind(event)
        if kind not in self.options.types:
            known = kind in TYPES or kind in _QUIET
            detail = f"{kind} event" if kind else "no type"
            self.note("skipped" if known else "unknown", place.path, place.line, detail)
            return None
        told = _told(event)
        if kind == "model" and ledger.is_codex(event):
            return self.chains.join(place, ledger.thread_of(event) or _name(event))
        held, why = self._payload(place, event)[:2] if kind == "model" else ({}, "")
        if not why and kind == "model" and self._is_own(event):
            why = "automated"
        why = why or _failure(event, held)
        if kind != "model" or held is None:
            part = self.chains.alone(place, why)
            return part if event.get("source") == "codex" and kind == "tool" else None
        messages, _, answer = _asked(held)
        spent = _int(told, "prompt_tokens", "input_tokens"), _int(told, "completion_tokens", "output_tokens")
        self.chains.take(place, messages, answer, why, spent)
        return None

    def _is_own(self, event: dict[str, Any]) -> bool:
        source = _str(event.get("source"))
        return not self.options.include_own and (
            _OWN.match(source) is not None or (source.startswith("afs.") and event.get("op") in _OWN_OPS)
        )

    def _payload(self, place: Place, event: dict[str, Any]) -> tuple[dict[str, Any] | None, str, str]:
        try:
            return payloads.payload(place.path, event)
        except OSError as error:
            self.failed = self.failed or error
            return None, "payload-missing", ""

    # --- the conversations --------------------------------------------------------------------------

    def talks(self) -> Iterator[list[Part]]:
        """The parts of each conversation."""
        return filter(None, self.chains.talks)

    def told(self, parts: list[Part]) -> Conversation | None:
        """The conversation of some events that go on from each other, or of a single one."""
        talk: Conversation | None = None
        for part in parts:
            event = self._again(part.place)
            if event is None:
                continue
            name = _name(event)
            if talk is None:
                talk = Conversation(self.options.NAME, name, [], cwd=_folder(event))
                talk.group = _str(_told(event).get("session_id"))
            held, why, path = self._payload(part.place, event)
            talk.files += [file for file in (part.place.path, path) if file and file not in talk.files]
            try:
                if _kind(event) == "model":
                    talk.turns += self._model_turns(talk, part, event, name, held or {})
                else:
                    talk.turns.append(self._other_turn(part, event, name, held or {}, why))
            except read.ODD as error:
                self.note("bad", part.place.path, part.place.line, read.oddity(error))
        for ordinal, turn in enumerate(talk.turns if talk is not None else ()):
            turn.ordinal = ordinal
        return talk

    def _model_turns(
        self, talk: Conversation, part: Part, event: dict[str, Any], name: str, held: dict[str, Any]
    ) -> Iterator[Turn]:
        messages, system, answer = _asked(held)
        talk.system = talk.system or system
        told = _told(event)
        spans = list(chat.spans(messages)) or [(0, 0)]
        for start, end in spans:
            last = (start, end) == spans[-1]
            if not last and start not in part.earlier:
                continue
            turn = self._turn(part, name if last else f"{name}/{start}")
            turn.messages = messages[start:end] or [Message("user")]
            turn.model = next((told[key] for key in _MODELS if type(told.get(key)) is str), "")
            if last:
                turn.messages = [*turn.messages, answer]
                turn.timestamp = _str(event.get("timestamp"))
                turn.tokens_in, turn.tokens_out = part.spent
                turn.context = chat.capped(_retrieved(held))
                turn.skip = part.why
            if not turn.skip and any(_BLANKED in message.content for message in turn.messages):
                turn.skip = "redacted-at-source"
            if not turn.skip and part.left is not None and start >= part.left:
                turn.skip = "abandoned-branch"
            turn.domain = self.options.domain or _str(told.get("domain"))
            yield chat.settle(turn)

    def _other_turn(
        self, part: Part, event: dict[str, Any], name: str, held: dict[str, Any], why: str
    ) -> Turn:
        """The turn of a tool, file or command event. A command has no payload as a rule."""
        why = "" if _kind(event) == "cli" else why
        question, answer = _other(event, held)
        turn = self._turn(part, name)
        turn.messages = [Message("user", question), Message("assistant", answer)]
        turn.timestamp = _str(event.get("timestamp"))
        turn.domain = self.options.tool_domain
        turn.skip = part.why or _failure(event, held) or why
        if not turn.skip and (_BLANKED in question or _BLANKED in answer):
            turn.skip = "redacted-at-source"
        return turn

    def _turn(self, part: Part, name: str) -> Turn:
        place = part.place
        return Turn([], name, 0, place.path, place.line)

    def codex(self, parts: list[Part]) -> Conversation | None:
        """A Codex thread from the events of its turns."""
        talk: Conversation | None = None
        turns: dict[int, Turn] = {}
        for part in parts:
            event = self._again(part.place)
            if event is None:
                continue
            held, why, path = self._payload(part.place, event)
            made = ledger.conversation_of(event, held or {})
            if talk is None:
                talk = made
            talk.system = talk.system or made.system
            talk.files += [file for file in (part.place.path, path) if file and file not in talk.files]
            turn = ledger.turn_of(event, held) if held else None
            if turn is None:
                question = chat.told((held or {}).get("prompt"))
                name = _str(_told(event).get("codex_turn_id")) or _str(event.get("id"))
                turn = Turn([Message("user", question)], name, ledger.ordinal_of(event))
                turn.skip = "withdrawn" if _told(event).get("withdrawn") is True else why or "incomplete"
            turn.path, turn.line = part.place.path, part.place.line
            turn.domain = self.options.domain or turn.domain
            while turn.ordinal < 0 or turn.ordinal in turns:  # of an importer that did not count
                turn.ordinal = max(turn.ordinal, len(turns) - 1) + 1
            turns[turn.ordinal] = turn
        if talk is not None:
            first = parts[0].place
            last = max(turns)
            if last <= len(turns) + 10_000:
                for ordinal in range(last):
                    turns.setdefault(ordinal, ledger.missing(ordinal, first.path, first.line))
            talk.turns = [turns[ordinal] for ordinal in sorted(turns)]
        return talk

    def _again(self, place: Place) -> dict[str, Any] | None:
        if place.event is not None:
            return place.event
        try:
            return read.again(place.path, place.offset, place.length)
        except OSError as error:
            self.failed = self.failed or error
            return None


# --- what an event says -------------------------------------------------------------------------------


def _kind(event: dict[str, Any]) -> str:
    """The type of an event; that of the oldest version, which has none, is cli."""
    if "type" not in event and type(event.get("command")) is list:
        return "cli"
    return _str(event.get("type"))


def _told(event: dict[str, Any]) -> dict[str, Any]:
    told = event.get("metadata")
    return told if type(told) is dict else {}


def _failure(event: dict[str, Any], held: dict[str, Any] | None) -> str:
    told = _told(event)
    code = told.get("exit_code", event.get("exit_code"))
    failed = told.get("success") is False or told.get("tool_success") is False or told.get("ok") is False
    failed = failed or bool(told.get("error")) or (type(code) is int and code != 0)
    return "failed" if failed or bool((held or {}).get("error")) else ""


def _asked(held: dict[str, Any]) -> tuple[list[Message], str, Message]:
    """(what was sent without the system's messages, what those say, the answer) of a model payload."""
    given = held.get("response")
    row = {**given, "role": "assistant"} if type(given) is dict else {"role": "assistant", "content": given}
    answer = chat.message(row) or Message("assistant")
    rows = held.get("messages")
    messages, system = chat.split(rows) if type(rows) is list else ([], "")
    if not messages:
        messages = [Message("user", chat.words(held.get("prompt")))]
    own = chat.words(held.get("system"))
    return messages, "\n\n".join(text for text in (own, system) if text), answer


def _retrieved(held: dict[str, Any]) -> str:
    """The texts that were looked up for the question."""
    items = held.get("retrieved_context")
    items = items if type(items) is list else [items]
    return "\n\n".join(text for text in (chat.words(item) or chat.told(item) for item in items) if text)


def _other(event: dict[str, Any], held: dict[str, Any]) -> tuple[str, str]:
    """(question, answer) of a tool, file or command event."""
    told, kind, op = _told(event), _kind(event), _str(event.get("op"))
    if kind == "tool":
        name = _str(told.get("tool")) or _str(told.get("tool_name")) or op
        return f"Tool {name}\n\n{chat.told(held.get('input'))}".rstrip(), chat.told(held.get("output"))
    if kind == "fs":
        path = _str(told.get("relative_path")) or os.path.basename(_str(told.get("context_path")))
        mount = _str(told.get("mount_type"))
        place = f"{mount}/{path}" if mount else path
        return f"{op.capitalize() or 'Use'} the file {place}", chat.told(held.get("content"))
    argv = told.get("argv", event.get("command"))
    words = [word for word in argv if type(word) is str] if type(argv) is list else []
    line = shlex.join(words)
    if output := chat.told(held.get("output", held.get("stdout"))):
        return f"Command {line}", output
    plain = [os.path.basename(word) for word in words[:1]]
    plain += itertools.takewhile(lambda word: not word.startswith("-"), words[1 : min(3, len(words) - 1)])
    return f"Command {' '.join(plain)}".rstrip(), line


def _folder(event: dict[str, Any]) -> str:
    """The working folder of an event, or the project whose store it is in."""
    from afs.logs.samples import project_name

    if cwd := _str(_told(event).get("cwd")) or _str(event.get("cwd")):
        return cwd
    root = _str(event.get("context_root")).rstrip("/")
    parent, name = os.path.split(root)
    return parent if name == ".context" and project_name(parent) != "~" else ""


def _name(event: dict[str, Any]) -> str:
    """The id of an event; of one without, a name that its content gives."""
    from afs import sample

    return _str(event.get("id")) or sample.sample_id(jsonl.encode(event).decode())[:12]


def _int(told: dict[str, Any], *names: str) -> int | None:
    return next((told[name] for name in names if type(told.get(name)) is int), None)


def _str(value: Any) -> str:
    return value if type(value) is str else ""


# The module is a source as well: the store as it is exported without options.
NAME = History.NAME
_plain = History()
roots, find, glance, parse = _plain.roots, _plain.find, _plain.glance, _plain.parse
