"""History stores that hold made-up conversations: what programs log at each call of a model, with the noise.

GENERATIONS: `gateway` sends all messages at each call, with tools, retries, failed calls, calls that the
person took back, and heads that were left out; `prompt` sends one prompt at a time; `threads` are the events
of an import. All of them use both layouts and payloads in files; the first two have copies of events, torn
and foreign lines.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from random import Random
from typing import Any
from unittest import mock

from afs.logs import samples
from afs.logs.conversation import Conversation, Message, ToolCall, Turn
from afs.logs.store import importing, ledger
from talks import Exchange, Talk, text

GENERATIONS = ("gateway", "prompt", "threads")
SYSTEMS = ("Be brief.", "You are INJECTED into all of this.", "")


def prepare(talks: list[Talk], generation: str) -> None:
    """Take out of the truth what no store of a generation can tell."""
    for talk in talks:
        logged = [at for at, turn in enumerate(talk.exchanges) if turn.fate in ("kept", "taken-back")]
        for at, turn in enumerate(talk.exchanges):
            turn.compacted = False
            # Only a later call tells that a turn was taken back, and from the first one nothing goes on.
            later = any(talk.exchanges[one].fate == "kept" for one in logged if one > at)
            before = any(talk.exchanges[one].fate == "kept" for one in logged if one < at)
            if generation != "threads" and turn.fate == "taken-back" and not (later and before):
                turn.fate = "kept"
            if generation == "prompt":
                turn.steps = []
                turn.fate = "kept" if turn.fate == "taken-back" else turn.fate


def write(talks: list[Talk], random: Random, folder: Path, generation: str) -> None:
    """Write talks that go on side by side into a history folder."""
    prepare(talks, generation)
    if generation == "threads":
        _threads(talks, random, folder)
        return
    store = _Store(random, folder)
    lanes = [
        iter({"gateway": _gateway, "prompt": _prompts}[generation](talk, random, store)) for talk in talks
    ]
    while lanes:
        lane = random.choice(lanes)
        if next(lane, None) is None:
            lanes.remove(lane)
        store.noise()
    store.close()


# --- one conversation a call --------------------------------------------------------------------------


def _gateway(talk: Talk, random: Random, store: _Store):
    system = [{"role": "system", "content": one} for one in [random.choice(SYSTEMS)] if one]
    said: list[dict[str, Any]] = []
    cuts = random.random() < 0.2 and all(turn.fate != "taken-back" for turn in talk.exchanges)
    for turn in talk.exchanges:
        asked = [*said, {"role": "user", "content": turn.question}]
        if turn.fate == "unanswered":
            said = asked if random.random() < 0.5 else said
            continue
        if turn.fate == "interrupted":
            store.model([*system, *asked], turn.answer[:5], talk.model, error="cancelled")
            said = asked if random.random() < 0.5 else said
            yield True
            continue
        if random.random() < 0.2:
            store.model([*system, *asked], "half an ans", talk.model, error="connection reset")
            yield True
        rows = list(asked)
        for step in turn.steps:
            row = _assistant(step.text, step.thought, step.calls, random)
            if step.calls and random.random() < 0.6:  # a call of the model for each step of the agent
                store.model([*system, *rows], row, talk.model)
                yield True
            rows.append(row)
            results = [(one.id, one.result) for one in step.calls if one.result is not None]
            random.shuffle(results)
            rows += [{"role": "tool", "tool_call_id": name, "content": told} for name, told in results]
        store.model([*system, *rows], turn.answer, talk.model)
        yield True
        if turn.fate == "kept":
            padded = turn.answer + random.choice(("", "", "\n", " "))
            said = [*rows, {"role": "assistant", "content": padded}]
            starts = [at for at, row in enumerate(said) if row["role"] == "user"]
            if cuts and len(starts) > 2:  # the program sends the last messages only
                said = said[starts[random.choice((1, -1))] :]


def _assistant(words: str, thought: str, calls: list[Any], random: Random) -> dict[str, Any]:
    row: dict[str, Any] = {"role": "assistant", "content": words or random.choice((None, ""))}
    if thought:
        row["reasoning_content"] = thought
    if calls:
        as_text = random.random() < 0.7
        row["tool_calls"] = [
            {
                "id": one.id,
                "type": "function",
                "function": {
                    "name": one.name,
                    "arguments": json.dumps(one.arguments) if as_text else one.arguments,
                },
            }
            for one in calls
        ]
    return row


def _prompts(talk: Talk, random: Random, store: _Store):
    for turn in talk.exchanges:
        if turn.fate == "unanswered":
            continue
        error = "cancelled" if turn.fate == "interrupted" else None
        held = {"prompt": turn.question, "system": random.choice(SYSTEMS)}
        store.event(
            "model", "afs.router", {"model": talk.model, "error": error}, held | {"response": turn.answer}
        )
        yield True


class _Store:
    """The files of a store, line by line."""

    def __init__(self, random: Random, folder: Path) -> None:
        self.random, self.folder = random, folder
        self.day, self.number = 1, 0
        self.lines: dict[Path, list[str]] = {}
        self.second = random.random() < 0.5

    def model(self, messages: list[Any], response: Any, model: str, error: str | None = None) -> None:
        parts = self.random.random() < 0.2
        if parts:
            last = {**messages[-1], "content": [{"type": "text", "text": messages[-1]["content"]}]}
            messages = [*messages[:-1], last] if messages[-1]["role"] == "user" else messages
        held = {"messages": messages, "response": response}
        self.event("model", "afs.gateway", {"backend_model": model, "error": error}, held)

    def event(self, kind: str, source: str, told: dict[str, Any], held: Any) -> None:
        random = self.random
        self.number += 1
        name = f"{self.number:012x}"
        self.day += random.random() < 0.15
        self.second = self.second or random.random() < 0.05
        event: dict[str, Any] = {
            "id": name,
            "timestamp": f"2026-01-{self.day % 28 + 1:02d}T08:00:00+00:00",
            "type": kind,
            "source": source,
            "op": "chat",
            "metadata": told,
        }
        folder = self.folder / "common" if self.second else self.folder
        if random.random() < 0.3:
            reference = f"payloads/{name}.json"
            data = json.dumps(held, ensure_ascii=random.random() < 0.5)
            (folder / "payloads").mkdir(parents=True, exist_ok=True)
            (folder / reference).write_text(data, encoding="utf-8")
            event |= {
                "payload_ref": reference,
                "payload_sha256": hashlib.sha256(data.encode()).hexdigest(),
                "payload_preview": data[:9],
            }
        else:
            event["payload"] = held
        path = folder / f"events_202601{self.day:02d}.jsonl"
        line = json.dumps(event, ensure_ascii=False)
        self.lines.setdefault(path, []).append(line)
        if random.random() < 0.1:
            self.lines[path].append(line)
        if self.second and random.random() < 0.1 and "payload" in event:  # the same event in both layouts
            self.lines.setdefault(self.folder / path.name, []).append(line)

    def noise(self) -> None:
        random = self.random
        kind = random.choice(("", "", "", "context", "hook", "tool", "fs", "cli", "some_day", "own", "gone"))
        if kind == "own":
            held = {"prompt": "INJECTED: rate this", "response": "0.5"}
            self.event("model", "afs.distillation", {}, held)
        elif kind == "gone":
            self.event("model", "afs.gateway", {}, None)
            path = next(reversed(self.lines))
            self.lines[path][-1] = self.lines[path][-1].replace(
                '"payload": null', '"payload_ref": "/etc/hosts"'
            )
        elif kind:
            self.event(kind, "afs.x", {"tool": "t"}, {"input": "INJECTED", "output": "INJECTED"})

    def close(self) -> None:
        random = self.random
        for path, lines in self.lines.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            data = "\ufeff" * (random.random() < 0.1) + random.choice(("\n", "\r\n")).join([*lines, ""])
            data += random.choice(("", '{"id": "torn', "\n\n"))
            path.write_bytes(data.encode())


# --- turns of an import -------------------------------------------------------------------------------


def thread(talk: Talk, random: Random) -> Conversation:
    """A talk as the parser of Codex gives it."""
    made = Conversation("codex", talk.id, ["x"], cwd=talk.cwd, agent_version="0.9", system=text(random))
    for at, one in enumerate(talk.exchanges):
        turn = Turn([Message("user", one.question)], random.choice(("", f"native-{at}")), at, "x", at)
        turn.timestamp = (
            f"2026-01-{at % 28 + 1:02d}T{at % 24:02d}:00:00.000Z" if random.random() < 0.9 else ""
        )
        turn.model, turn.tokens_in = talk.model, random.choice((None, 0, at))
        turn.cwd = random.choice(("", "/home/dana/other"))
        turn.flags = {flag for flag in ("open", "tool_failed", "after_compaction") if random.random() < 0.2}
        turn.context = random.choice(("", "", text(random)))
        turn.skip = {"taken-back": "rolled-back"}.get(one.fate, "")
        turn.messages += _worked(one, random)
        made.turns.append(turn)
    return made


def _worked(one: Exchange, random: Random) -> list[Message]:
    rows = []
    for step in one.steps:
        calls = [ToolCall(call.id, call.name, json.dumps(call.arguments)) for call in step.calls]
        phase = random.choice(("", "commentary")) if one.fate == "kept" else "commentary"
        rows.append(Message("assistant", step.text, step.thought, calls, phase=phase))
        for call in step.calls:
            if call.result is not None:
                rows.append(Message("tool", call.result, tool_call_id=call.id, failed=call.failed))
    if one.fate in ("kept", "taken-back"):
        rows.append(Message("assistant", one.answer, one.thought, phase=random.choice(("", "final"))))
        if random.random() < 0.2:
            rows.append(Message("assistant", "INJECTED behind the answer", phase="commentary"))
    return rows


def _threads(talks: list[Talk], random: Random, folder: Path) -> None:
    """Import them in some batches, each of which begins with what those before it held."""
    events = []
    for talk in talks:
        made = thread(talk, random)
        samples.mark_replies(made.turns)
        for turn in made.turns:
            if not samples.why_not(turn):
                events += [importing.event_of(made, turn), *importing.tool_events_of(made, turn)]
    if random.random() < 0.5:
        (folder / "common").mkdir(parents=True)
    with mock.patch("os.fsync"), mock.patch("os.sync"):  # a disk is not what is tested
        while random.random() < 0.6:
            ledger.append(str(folder), events[: random.randint(0, len(events))])
        ledger.append(str(folder), events)
