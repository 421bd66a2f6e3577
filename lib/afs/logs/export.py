"""What every log exporter does: find the logs, redact, write a sample a turn, account for every turn.

A command gives its parser to add_options() and its run, with the module of its parser, to export().
"""

from __future__ import annotations

import os
from collections import Counter

from afs import jsonl

TYPE_CHECKING = False  # typing is not loaded at run time
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator
    from typing import Any

    from afs.logs.conversation import Conversation, Source, Turn
    from afs.output import Output
    from afs.run import Run


def add_options(parser: argparse.ArgumentParser, without: tuple[str, ...] = ()) -> None:
    """The options that all log exporters share, beside those of cli.FLAGS; `without` names those left out."""
    from afs.cli import whole

    def day(text: str) -> str:
        from datetime import datetime

        datetime.fromisoformat(text)
        return text

    def add(name: str, **settings: Any) -> None:
        if name not in without:
            parser.add_argument(name, **settings)

    add("logs", nargs="*", metavar="FILE", help="a log to read; FILE, --root and --home add up")
    add("--home", metavar="DIR", help="read the logs under this home folder (the user's own)")
    add("--root", action="append", default=[], metavar="DIR", help="a folder of logs; may be repeated")
    add("--project", action="append", default=[], metavar="GLOB", help="only this project, such as '~/src/*'")
    add("--exclude-project", action="append", default=[], metavar="GLOB", help="not this project; goes first")
    add("--since", type=day, metavar="TIME", help="only turns from this date or RFC 3339 time on")
    add("--until", type=day, metavar="TIME", help="only turns before it; without a zone it is UTC")
    add("--subagents", choices=("include", "only", "skip"), default="skip", help="turns of sub-agents (skip)")
    add("--unit", choices=("turn", "conversation"), default="turn", help="what one sample holds (turn)")
    add("--include-system", action="store_true", help="begin messages with the system prompt, if logged")
    add("--no-tools", action="store_true", help="leave tool calls and their outputs out")
    add(
        "--max-tool-output-chars",
        type=whole,
        default=2000,
        metavar="N",
        help="cut each tool output in `input` here (2000); `messages` keep it whole",
    )
    add("--no-thinking", action="store_true", help="leave the reasoning out")
    add("--domain", default="", metavar="NAME", help="topic of the samples (the agent's name)")
    add("--no-redact", action="store_true", help="write secrets and personal data as they stand in the logs")
    add(
        "--known",
        action="append",
        default=[],
        metavar="FILE",
        help="replace the values of FILE, one a line; auto: what your account tells (on for your own home)",
    )
    add("--rules", metavar="FILE", help="redact by the rules of a TOML file, too")
    add(
        "--state",
        metavar="FILE",
        help="remember what was written; next time write only what is new or changed",
    )
    add(
        "--reuse",
        metavar="FILE",
        help="the output of the last run with --state: write all, copied from there",
    )
    add("--account", metavar="FILE", help="one row a human turn: its sample_id, or why there is none")
    add("--list", action="store_true", help="print what would be read, a row a project, and export nothing")
    add("--as", dest="form", choices=("table", "json"), default="table", help="how --list prints (table)")


def export(run: Run, source: Source, make: Callable[[Run, Source], Job] | None = None) -> None:
    """Write the samples of one agent's logs, or do what `make` gives. Options are those of add_options()."""
    job = (make or Job)(run, source)
    groups = job.selection.groups(job.notes.unreadable)
    if not groups and run.status == 0 and not job.selection.excluded:
        run.warn(f"no {source.NAME} logs under {', '.join(job.selection.places())}; nothing to do")
    sizes = [sum(map(_size, files)) for _, files in groups]
    total = sum(sizes)
    for (root, files), size in zip(groups, sizes, strict=True):
        if job.full():
            break
        job.group(root, files)
        run.progress(size, total)
    job.close()


def _size(path: str) -> int:
    try:
        return os.path.getsize(path)
    except OSError:
        return 0


class Job:
    """The state of one export: what was seen, written and left out."""

    def __init__(self, run: Run, source: Source) -> None:
        from afs import config
        from afs.logs.clean import cleaner, is_own
        from afs.logs.noted import Noted
        from afs.logs.samples import Wanted
        from afs.logs.select import Selection, check

        self.run, self.args, self.source = run, run.args, source
        check(run.args)
        args, settings = run.args, config.load(vars(run.args).get("config"))
        self.selection = Selection(args, source, settings)
        tools, thinking = not args.no_tools, not args.no_thinking
        self.wanted = Wanted(tools, thinking, args.max_tool_output_chars, args.domain, args.include_system)
        own = is_own(args)
        self.cleaner = cleaner(args, settings, own)
        self.notes = Noted(run, self.cleaner.text)
        self.account: Output | None = run.open(args.account, private=True) if args.account else None
        self.talks = Counter(read=0, subagent=0)
        self.seen = self.samples = 0
        self.skipped: Counter[str] = Counter()
        self.known: set[str] = set()
        self.entry: dict[str, Any] = {}
        self.listing: Any = None
        self.state: Any = None
        self.earlier: Any = None
        if args.list:
            from afs.logs.listing import Listing

            self.listing = Listing(self.cleaner.text)
        if args.state:
            from afs.logs.state import Earlier, State, options_of

            options = options_of(args, settings, own)
            self.state = State(args.state, options, self.notes.shown, anew=bool(args.reuse))
            self.saved = run.open(args.state, private=True, last=True)
            self.earlier = Earlier(args.reuse) if args.reuse else None

    def full(self) -> bool:
        """Whether --limit is reached."""
        return self.args.limit is not None and self.written() >= self.args.limit

    def written(self) -> int:
        """What --limit counts."""
        return self.run.written

    # --- one group of files -------------------------------------------------------------------------

    def group(self, root: str, files: list[str]) -> None:
        """Read the conversations of files that belong together, if one of them has changed."""
        self.notes.begin(root, self.selection.home)
        before = self.state.begin(files) if self.state else None
        if before is not None and self._all_unchanged(before["talks"]):
            if self.earlier:
                self.notes.add(before["notes"])
            self.state.end(True, before["notes"])
            return
        whole = True
        talks = self.source.parse(files, self.notes.take)
        while not self.full():
            try:
                talk = next(talks, None)
            except OSError as error:
                self.notes.unreadable(error, "its turns", files[0])
                whole = False
                break
            if talk is None:
                break
            self.take(talk)
        if self.state:
            notes = self.notes.of_group
            self.state.end(whole and not self.full() and "bad" not in notes, notes)

    def _all_unchanged(self, entries: list[dict[str, Any]]) -> bool:
        """Settle all conversations of a group as they were; False where their samples cannot be copied."""
        lines = [self.earlier.lines(entry["samples"]) if self.earlier else [] for entry in entries]
        mine: set[str] = set()
        for entry in entries:
            if not self._stands(entry, mine):
                return False
            mine.update(name for name, _ in entry["samples"])
        if None in lines:
            return False
        for entry, copies in zip(entries, lines, strict=True):
            self._unchanged(entry, copies)
        return True

    def _unchanged(self, entry: dict[str, Any], copies: list[bytes]) -> None:
        self.state.keep(entry)
        self.talks["unchanged"] += 1
        self.seen += entry["turns"]
        self.known.update(name for name, _ in entry["samples"])
        if self.earlier is None:
            self.skipped["unchanged"] += entry["turns"]
            return
        for line in copies:
            self.run.write(line)
        self.skipped.update(entry["skipped"])
        self.run.dropped.update(entry["skipped"])
        self.run.tallies["redacted"].update(entry["redacted"])
        self.samples += entry["turns"] - sum(entry["skipped"].values())

    def take(self, talk: Conversation) -> None:
        """Write the samples of a conversation."""
        from afs.logs.samples import mark_replies

        kind = "subagent" if talk.subagent else "main"
        self.talks["read"] += 1
        if self.args.subagents == ("skip" if talk.subagent else "only"):
            self.talks[kind] += 1
            return
        if self.listing is not None:
            self.seen += len(talk.turns)
            self.listing.add(talk, [turn for turn in talk.turns if not self.selection.why_not(talk, turn)])
            return
        if self.state and self._is_settled(talk):
            return
        if talk.subagent:
            for turn in talk.turns:
                turn.flags.add("subagent")
        mark_replies(talk.turns)
        none: dict[str, Any] = {"skipped": {}, "redacted": {}, "samples": [], "elsewhere": []}
        self.entry = self.state.talk(talk) if self.state else none
        before = self.seen, self.samples + self.skipped.total()
        if self.args.unit == "turn":
            self._turns(talk)
        else:
            self._whole(talk)
        seen, settled = self.seen - before[0], self.samples + self.skipped.total() - before[1]
        self.entry["whole"] = seen == len(talk.turns) and "unclean" not in self.entry["skipped"]
        if seen != settled or (seen != len(talk.turns) and not self.full()):
            path = self.notes.shown(talk.files[0])
            self.run.fault(1, f"{path}: {len(talk.turns)} human turns, but {settled} accounted for")

    def _is_settled(self, talk: Conversation) -> bool:
        """Whether none of a conversation's files has changed; it is taken over then as it was."""
        entry = self.state.settled(talk)
        copies = self.earlier.lines(entry["samples"]) if entry and self.earlier else []
        if entry is None or copies is None or not self._stands(entry, set()):
            return False
        self._unchanged(entry, copies)
        return True

    def _stands(self, entry: dict[str, Any], more: set[str]) -> bool:
        """Whether it gives what it gave: no other gives its samples, another those that it left out.

        `more` are samples of its group that are known beside those of this run.
        """
        if any(name in self.known or name in more for name, _ in entry["samples"]):
            return False
        return all(name in self.known or name in more for name in entry["elsewhere"])

    def _turns(self, talk: Conversation) -> None:
        turns = list(talk.turns)
        at = 0
        while at < len(turns) and not self.full():
            at = self._some(talk, turns, at)

    def _some(self, talk: Conversation, turns: list[Turn], at: int) -> int:
        """Write the samples of the turns from `at` on, no more than --limit leaves; where to go on."""
        left = len(turns) if self.args.limit is None else self.args.limit - self.written()
        judged: list[tuple[Turn, str, str]] = []
        while at < len(turns) and left > 0:
            name, reason = self._judge(talk, turns[at])
            judged.append((turns[at], name, reason))
            left -= not reason
            at += 1
        wanted = [[turn] for turn, _, reason in judged if not reason]
        kept = {id(turn) for (turn,) in wanted}
        results = self._clean(talk, wanted, [turn for turn in turns if id(turn) not in kept])
        for turn, name, reason in judged:
            self.seen += 1
            self._settle(turn, name, reason or self._write(talk, [turn], next(results)))
        return at

    def _whole(self, talk: Conversation) -> None:
        from afs import sample

        name = sample.sample_id(talk.source, talk.id)
        reasons = [self._judge(talk, turn)[1] for turn in talk.turns]
        if name in self.known:
            self.entry["elsewhere"].append(name)
            reasons = [reason or "duplicate" for reason in reasons]
        self.known.add(name)
        kept = [turn for turn, reason in zip(talk.turns, reasons, strict=True) if not reason]
        left = [turn for turn, reason in zip(talk.turns, reasons, strict=True) if reason]
        wrong = self._write(talk, kept, next(self._clean(talk, [kept], left))) if kept else ""
        for turn, reason in zip(talk.turns, reasons, strict=True):
            self.seen += 1
            self._settle(turn, name, reason or wrong)

    def _judge(self, talk: Conversation, turn: Turn) -> tuple[str, str]:
        """(sample_id, why there is no sample)."""
        from afs.logs import samples

        name = samples.turn_id(talk, turn)
        if reason := self.selection.why_not(talk, turn) or samples.why_not(turn):
            return name, reason
        if self.args.unit == "turn":
            if name in self.known:
                self.entry["elsewhere"].append(name)
                return name, "replayed" if turn.origin else "duplicate"
            self.known.add(name)
        return name, ""

    def _settle(self, turn: Turn, name: str, reason: str) -> None:
        """Enter a turn into the account."""
        if reason:
            self.skipped[reason] += 1
            if reason not in ("unclean", "unchanged"):
                self.run.dropped[reason] += 1
        else:
            self.samples += 1
        if reason and reason != "unchanged":
            self.entry["skipped"][reason] = self.entry["skipped"].get(reason, 0) + 1
        if self.account is not None:
            row = {
                "file": self.notes.shown(turn.path),
                "line": turn.line,
                "sample_id": name if reason in ("", "unchanged") else None,
                "reason": reason or None,
            }
            self.account.write(jsonl.encode(row))

    def _clean(self, talk: Conversation, wanted: list[list[Turn]], beside: list[Turn]) -> Iterator[Any]:
        """The turns of each sample redacted, or why that cannot be done.

        Searched whole, before anything is cut, and all turns of the conversation together, those too
        that give no sample: what one of them names is a secret in every other.
        """
        from afs.logs import samples

        def values() -> Iterator[Any]:
            return (samples.told(talk, turns, self.wanted) for turns in wanted)

        def others() -> Iterator[Any]:
            return (samples.chat(turn) for turn in beside)

        large = any(message.load for turn in talk.turns for message in turn.messages)
        return self.cleaner.each(values, others) if large else iter(self.cleaner.all(values, others))

    def _write(self, talk: Conversation, turns: list[Turn], result: Any) -> str:
        """Write one sample; why there is none if it could not be made clean, or has not changed."""
        from afs.logs import samples

        first = turns[0]
        if isinstance(result, ValueError):
            self.run.reject_at(self.notes.shown(first.path), first.line, "unclean", str(result), 3)
            return "unclean"
        record = samples.make(talk, turns, result.value, result.counts, self.wanted, self.args.unit)
        line = jsonl.encode(record)
        if self.state:
            same = self.state.add(self.entry, record["sample_id"], line, result.counts)
            if same and self.earlier is None:
                return "unchanged"
        self.run.tallies["redacted"].update(result.counts)
        self.run.write(line)
        return ""

    # --- the end ------------------------------------------------------------------------------------

    def close(self) -> None:
        """Hand the counts to the summary, and what is known now to the state."""
        run = self.run
        run.read += self.seen
        if self.listing is not None:
            for line in self.listing.lines(self.args.form):
                run.write(line)
        elif self.seen != self.samples + self.skipped.total():
            run.fault(1, f"{self.seen} human turns, but {self.samples + self.skipped.total()} accounted for")
        if self.skipped["unchanged"]:
            run.count["unchanged"] = self.skipped["unchanged"]
        if self.selection.excluded:
            self.talks["excluded"] = self.selection.excluded
        run.extra["turns"] = {
            "seen": self.seen,
            "samples": self.samples,
            "skipped": dict(sorted(self.skipped.items())),
        }
        run.extra["conversations"] = dict(sorted(self.talks.items()))
        run.extra["log"] = self.notes.summary()
        if self.state:
            self._save()

    def _save(self) -> None:
        from afs.logs.samples import withdrawn

        if self.earlier is None and not self.full():
            for name in self.state.withdrawn(self.known):
                self.run.write(jsonl.encode(withdrawn(self.source.NAME, name)))
                self.run.count["withdrawn"] += 1
        self.saved.write(self.state.encoded())
