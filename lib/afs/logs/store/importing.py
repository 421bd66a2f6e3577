"""Turns of Codex threads -> events of the history store, of which its export makes the same samples.

A turn is a model event, and each of its tool calls that has a result a tool event. What is selected,
redacted and accounted for is what afs-export-codex would write; ledger.py says how the store is added to.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from contextlib import ExitStack

from afs.logs import export
from afs.sample import sample_id

TYPE_CHECKING = False  # typing is not loaded at run time
if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping
    from typing import Any

    from afs.logs.conversation import Conversation, Source, Turn
    from afs.logs.store import ledger
    from afs.run import Run

# Options of the exporters that say how a sample looks: an event has all of a turn.
_OTHERS = {
    "--unit": "turn", "--no-thinking": False, "--domain": "", "--state": None, "--reuse": None,
    "--list": False, "--as": "table", "--max-tool-output-chars": 4000,
}  # fmt: skip
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|")
# Reasons that say nothing of the turn itself: its event stays as it is.
_STAYS = frozenset(("excluded", "project", "date", "replayed", "duplicate", "unclean", "unchanged"))


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of the import: those of the exporters that say which turns, and those of the store."""
    from afs.cli import whole

    export.add_options(parser, tuple(_OTHERS))
    parser.set_defaults(**{name.strip("-").replace("-", "_"): value for name, value in _OTHERS.items()})
    add = parser.add_argument
    add("--history-root", metavar="DIR", help="the store ($AFS_CONTEXT_ROOT/history or ~/.context/history)")
    add("--dry-run", action="store_true", help="say what would be added, and write nothing")
    add(
        "--max-tool-output-chars",
        type=whole,
        default=4000,
        metavar="N",
        help="cut the output in tool events here (4000); model events keep it whole",
    )


# --- the events of a turn -------------------------------------------------------------------------------


def event_of(
    talk: Conversation,
    turn: Turn,
    clean: Mapping[str, Any] | None = None,
    redacted: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """The event of a turn that gives a sample (samples.why_not says so), after samples.mark_replies.

    `clean` is samples.told() of the turn, redacted where that is wanted, and `redacted` what was taken out.
    The id is that of the sample, so that a turn that a fork repeats is one event.
    """
    from afs.logs import samples

    clean = clean or samples.told(talk, [turn], samples.Wanted(system=True))
    (rows,), facts, answer = clean["turns"], clean["facts"], samples.final(turn)
    told: dict[str, Any] = {
        **_origin(talk, turn, facts),
        "codex_ordinal": turn.ordinal,
        "codex_parent": talk.parent,
        "codex_subagent": talk.subagent,
        "codex_cli_version": facts["version"],
        "codex_answer": answer,
        "prompt_tokens": turn.tokens_in,
        "completion_tokens": turn.tokens_out,
        "flags": sorted(turn.flags),
        "redactions": dict(sorted((redacted or {}).items())),
    }
    held: dict[str, Any] = {"prompt": rows[0]["content"], "response": rows[answer]["content"]}
    held["messages"] = rows
    for name, text in (("system", clean["system"]), ("context", "\n\n".join(clean["contexts"]))):
        if text:
            held[name] = text
    return _event(samples.turn_id(talk, turn), turn, "model", "completion", told, held)


def tool_events_of(
    talk: Conversation, turn: Turn, clean: Mapping[str, Any] | None = None, most: int | None = None
) -> list[dict[str, Any]]:
    """An event for each tool call of a turn that has a result, of which `most` characters are kept."""
    from afs.logs import samples

    clean = clean or samples.told(talk, [turn], samples.Wanted())
    (rows,), name = clean["turns"], samples.turn_id(talk, turn)
    calls = {call["id"]: call["function"] for row in rows for call in row.get("tool_calls") or ()}
    made = []
    for message, row in zip(turn.messages, rows, strict=True):
        call = calls.pop(row["tool_call_id"], None) if row["role"] == "tool" else None
        if call is None:
            continue
        told = {
            "tool": call["name"],
            "tool_call_id": row["tool_call_id"],
            "success": not message.failed,
            "tool_success": not message.failed,  # as others name it
            **_origin(talk, turn, clean["facts"]),
        }
        output = samples.shortened(row["content"], most)
        held = {"input": call["arguments"], "error" if message.failed else "output": output}
        key = sample_id(talk.source, "tool", name, row["tool_call_id"])
        made.append(_event(key, turn, "tool", call["name"], told, held))
    return made


def withdrawn(talk: Conversation, turn: Turn) -> dict[str, Any]:
    """The event that takes the event of a turn back, when the person did or the answer is none any more."""
    from afs.logs.samples import turn_id

    told = _origin(talk, turn, {}) | {"codex_ordinal": turn.ordinal, "withdrawn": True}
    return _event(turn_id(talk, turn), turn, "model", "completion", told, None)


def _origin(talk: Conversation, turn: Turn, facts: Mapping[str, str]) -> dict[str, Any]:
    told = {"codex_session_id": talk.id, "codex_turn_id": turn.native_id, "codex_origin": turn.origin}
    more = {"codex_group": talk.group, "cwd": facts.get("project", ""), "model": facts.get("model", "")}
    return told | more


def _event(
    name: str, turn: Turn, kind: str, op: str, told: dict[str, Any], held: dict[str, Any] | None
) -> dict[str, Any]:
    return {
        "id": name,
        "timestamp": turn.timestamp,
        "type": kind,
        "source": "codex",
        "op": op,
        "context_root": None,
        "metadata": told,
        "payload": held,
    }


def without_tools(event: dict[str, Any]) -> None:
    """Leave tool calls and their results out of the event of a turn."""
    kept: list[dict[str, Any]] = []
    for at, row in enumerate(event["payload"]["messages"]):
        if at == event["metadata"]["codex_answer"]:
            answer = len(kept)
        if row["role"] == "assistant":
            row = {**row, "tool_calls": None}
        if row["role"] != "tool" and (row["content"] or row.get("reasoning_content")):
            kept.append(row)
    event["payload"]["messages"], event["metadata"]["codex_answer"] = kept, answer


# --- the import -----------------------------------------------------------------------------------------


def run_import(run: Run) -> None:
    """Add the events of the selected turns to the store. Options are those of add_options()."""
    from afs.logs import codex

    with ExitStack() as stack:
        export.export(run, codex, lambda run, source: _Import(run, source, stack))


class _Import(export.Job):
    """The state of one import."""

    def __init__(self, run: Run, source: Source, stack: ExitStack) -> None:
        super().__init__(run, source)
        self._stack = stack
        self._opened: ledger.Store | None = None
        self._talk: Conversation | None = None
        self._added = 0
        self._gone: dict[str, dict[str, Any]] = {}
        self._events = {kind: Counter(new=0, grown=0, same=0) for kind in ("model", "tool")}

    @property
    def _store(self) -> ledger.Store:
        """The store, made and locked when the first turn is at hand."""
        if self._opened is None:
            from afs.logs.store import ledger

            root = ledger.place(self.args.history_root or _default(self.args.config))

            def waiting() -> None:
                self.run.warn(f"{root}: another run adds to it; waiting")

            self._opened = ledger.Store(root, waiting, self.args.dry_run)
            self._stack.callback(self._opened.close)
        return self._opened

    def written(self) -> int:
        """Turns whose events were added."""
        return self._added

    def take(self, talk: Conversation) -> None:
        """Add the events of a conversation."""
        self._talk = talk
        super().take(talk)

    def _write(self, talk: Conversation, turns: list[Turn], result: Any) -> str:
        """Add the events of one turn; why nothing was added."""
        if isinstance(result, ValueError):
            return super()._write(talk, turns, result)
        clean = result.value
        talk, turn = self._named(talk, turns[0], clean["facts"])
        event = event_of(talk, turn, clean, result.counts)
        tools = [] if self.args.no_tools else tool_events_of(talk, turn, clean, self.wanted.output_chars)
        if self.args.no_tools:
            without_tools(event)
        if {self._add(one) for one in (event, *tools)} == {"same"}:
            return "unchanged"
        self.run.tallies["redacted"].update(result.counts)
        self._added += 1
        return ""

    def _settle(self, turn: Turn, name: str, reason: str) -> None:
        """Enter a turn into the account, and remember one that may have to be taken back in the store."""
        super()._settle(turn, name, reason)
        talk = self._talk
        if talk is not None and reason not in ("", *_STAYS) and self._store.holds(name):
            self._gone[name] = withdrawn(*self._named(talk, turn, {"group": talk.group or talk.id}))

    def _add(self, event: dict[str, Any]) -> str:
        state = self._store.add(event)
        self._events[event["type"]][state] += 1
        return state

    def _named(self, talk: Conversation, turn: Turn, facts: Mapping[str, str]) -> tuple[Conversation, Turn]:
        """Both with names that tell nothing: one that the redactor would change becomes another."""
        from dataclasses import replace

        from afs.logs.samples import stamp

        group = talk.group or talk.id
        names = {group: group if facts["group"] == group else sample_id(talk.source, group)}

        def plain(name: str) -> str:
            if name not in names:
                is_clean = _UUID.fullmatch(name) or self.cleaner.text(name) == name
                names[name] = name if is_clean else sample_id(talk.source, name)
            return names[name]

        talk, turn = replace(talk), replace(turn)
        talk.id, talk.parent, talk.group = plain(talk.id), plain(talk.parent), plain(group)
        turn.native_id, turn.origin = plain(turn.native_id), plain(turn.origin)
        turn.timestamp = stamp(turn)
        return talk, turn

    def close(self) -> None:
        """Hand the counts to the summary, when everything is in the store."""
        for name, event in self._gone.items():
            if name not in self.known and self._add(event) != "same":  # no fork has it still
                self.run.count["withdrawn"] += 1
        if self._opened is not None:
            self._opened.flush()
        super().close()
        count = self.run.count
        count.pop("unchanged", None)
        for title, state in (("new", "new"), ("grown", "grown"), ("already there", "same")):
            count[title] = sum(states[state] for states in self._events.values())
        self.run.extra["events"] = {kind: dict(states) for kind, states in self._events.items()}


def _default(settings: str | None) -> str:
    """The history folder of the caller's own context store."""
    from afs import config
    from afs.logs.store import history

    environ = {"AFS_CONTEXT_ROOT": config.load(settings).context_root, **os.environ}
    return history.roots(os.path.expanduser("~"), environ)[0]
