"""What every log exporter does: find the logs, redact, write a sample a turn, account for every turn.

A command gives its parser to add_options() and its run, with the module of its parser, to export().
"""

from __future__ import annotations

import os
import re
from collections import Counter
from types import SimpleNamespace

from afs import jsonl
from afs.messages import fail, reason_of, show

TYPE_CHECKING = False  # typing is not loaded at run time
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Any, Protocol

    from afs.logs.conversation import Conversation, Note, Turn
    from afs.logs.samples import Wanted
    from afs.output import Output
    from afs.redact import Redactor
    from afs.run import Run

    class Source(Protocol):
        """A log parser: a module of this package, as conversation.py describes it."""

        NAME: str

        def roots(self, home: str, environ: Mapping[str, str]) -> list[str]:
            """The folders of that agent under a home."""

        def find(self, root: str, failed: Callable[[OSError], None] | None = None) -> list[list[str]]:
            """Files in groups that must be read together."""

        def parse(self, files: list[str], note: Note) -> Iterator[Conversation]:
            """The conversations of a group."""


# What a log may hold that is no fault of ours but is named; the last kind was left out on purpose.
_NOTES = ("bad", "torn", "unknown", "skipped")
_PLAIN = re.compile(r"[A-Za-z0-9_ .,:;()/-]{1,80}", re.ASCII)
_MOST_DETAILS = 100
# Reasons that mean the same in every command.
_REASONS = frozenset(("json", "utf8", "nan", "number", "depth", "not-object"))


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options that all log exporters share, beside those of cli.FLAGS."""
    from afs.cli import whole

    add = parser.add_argument
    add("logs", nargs="*", metavar="FILE", help="a log to read; FILE, --root and --home add up")
    add("--home", metavar="DIR", help="read the logs under this home folder (the user's own)")
    add("--root", action="append", default=[], metavar="DIR", help="a folder of logs; may be repeated")
    add("--project", action="append", default=[], metavar="GLOB", help="only this project, such as '~/src/*'")
    add("--exclude-project", action="append", default=[], metavar="GLOB", help="not this project; goes first")
    add("--unit", choices=("turn", "conversation"), default="turn", help="what one sample holds (turn)")
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
    add("--account", metavar="FILE", help="one row a human turn: its sample_id, or why there is none")


def export(run: Run, source: Source) -> None:
    """Write the samples of one agent's logs. Options are those of add_options()."""
    groups = list(_find(run, source))
    if not groups and run.status == 0:
        places = ", ".join(run.args.root or source.roots(_home(run.args), _environ(run.args)))
        run.warn(f"no {source.NAME} logs under {places}; nothing to do")
    job = _Job(run)
    for root, files in groups:
        job.root, job.home = root, _home(run.args)
        talks = source.parse(files, job.note)
        while not job.full():
            try:
                talk = next(talks, None)
            except OSError as error:
                path = error.filename or files[0]
                run.fault(1, f"{path}: {reason_of(error)}; its turns are missing")
                run.count["unreadable"] += 1
                break
            if talk is None:
                break
            job.take(talk)
    job.close()


def _home(args: argparse.Namespace) -> str:
    return args.home or os.path.expanduser("~")


def _environ(args: argparse.Namespace) -> Mapping[str, str]:
    """A home that was named is meant: no variable of the user's own may lead elsewhere."""
    return {} if args.home else os.environ


def _find(run: Run, source: Source) -> Iterator[tuple[str, list[str]]]:
    """(root, files) of every group of logs; the root of a named file is ""."""
    args = run.args
    roots = list(args.root)
    for path in (*roots, *([args.home] if args.home else ())):
        if not os.path.isdir(path):
            fail(f"{path}: no such folder")
    for path in args.logs:
        if not os.path.exists(path):
            fail(f"{path}: no such file")
        if os.path.isdir(path):
            fail(f"{path}: is a folder; read it with --root")
    if args.home or not (roots or args.logs):
        roots += source.roots(_home(args), _environ(args))

    def failed(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            run.fault(1, f"{error.filename}: {reason_of(error)}; its logs are missing")
            run.count["unreadable"] += 1

    for root in roots:
        for files in source.find(root, failed):
            yield root, files
    for path in args.logs:
        yield "", [path]


class _Job:
    """The state of one export: what was seen, written and left out."""

    def __init__(self, run: Run) -> None:
        from afs.logs.samples import Wanted

        args = run.args
        if args.no_redact and (args.known or args.rules):
            fail("--no-redact leaves nothing to do for --known and --rules; leave it or them out")
        self.run, self.args = run, args
        self.root = self.home = ""
        self.wanted: Wanted = Wanted(
            not args.no_tools, not args.no_thinking, args.max_tool_output_chars, args.domain
        )
        self.cleaner: _Raw | Redactor = _Raw() if args.no_redact else _redactor(args)
        self.account: Output | None = run.open(args.account, private=True) if args.account else None
        self.talks = Counter(read=0, subagent=0)
        self.seen = self.samples = 0
        self.skipped: Counter[str] = Counter()
        self.known: set[str] = set()
        self.log: dict[str, dict[str, dict[str, Any]]] = {}

    def full(self) -> bool:
        """Whether --limit is reached."""
        return self.args.limit is not None and self.run.written >= self.args.limit

    def shown(self, path: str) -> str:
        """A path as it may stand in a file: from ~, or from the root that was named."""
        if not self.root:
            return show(path)
        for folder, prefix in ((self.home, "~/"), (self.root, "")):
            if path.startswith(folder.rstrip("/") + "/"):
                return prefix + os.path.relpath(path, folder)
        return os.path.basename(path)

    def note(self, kind: str, path: str, line: int, detail: str) -> None:
        """Count what a parser could not use, and keep where it stood first. A bad line is a reject."""
        detail = self._plain(kind, detail)
        where = self._cleaned(self.shown(path)) + (f":{line}" if line else "")
        entry = self.log.setdefault(kind, {}).setdefault(detail, {"count": 0, "first": where})
        entry["count"] += 1
        if kind in ("torn", "unknown"):  # an agent may be writing, or be newer than this parser
            self.run.tallies[kind][detail] += 1
        if kind == "bad" or (kind != "skipped" and self.args.strict):
            reason = detail if detail in _REASONS else kind
            self.run.reject_at(self.shown(path), line, reason, f"{kind} record: {detail}")

    def _plain(self, kind: str, detail: str) -> str:
        """A detail as it may stand in a message: it may come from a log, and then may be anything."""
        known = self.log.get(kind, {})
        if detail in known:
            return detail
        plain = _PLAIN.fullmatch(detail) and self._cleaned(detail) == detail and len(known) < _MOST_DETAILS
        return detail if plain else "other"

    def _cleaned(self, text: str) -> str:
        """A text without secrets and names of people."""
        (result,) = self.cleaner.redact_all([text])
        return "other" if isinstance(result, ValueError) else str(result.value)

    # --- one conversation ---------------------------------------------------------------------------

    def take(self, talk: Conversation) -> None:
        """Write the samples of a conversation."""
        from afs.logs.samples import mark_corrections

        self.talks["read"] += 1
        if talk.subagent:
            self.talks["subagent"] += 1
            return
        mark_corrections(talk.turns)
        before = self.seen, self.samples + self.skipped.total()
        if self.args.unit == "turn":
            self._turns(talk)
        else:
            self._whole(talk)
        seen, settled = self.seen - before[0], self.samples + self.skipped.total() - before[1]
        if seen != settled or (seen != len(talk.turns) and not self.full()):
            path = self.shown(talk.files[0])
            self.run.fault(1, f"{path}: {len(talk.turns)} human turns, but {settled} accounted for")

    def _turns(self, talk: Conversation) -> None:
        turns = list(talk.turns)
        at = 0
        while at < len(turns) and not self.full():
            at = self._some(talk, turns, at)

    def _some(self, talk: Conversation, turns: list[Turn], at: int) -> int:
        """Write the samples of the turns from `at` on, no more than --limit leaves; where to go on."""
        left = len(turns) if self.args.limit is None else self.args.limit - self.run.written
        judged: list[tuple[Turn, str, str]] = []
        while at < len(turns) and left > 0:
            name, reason = self._judge(talk, turns[at])
            judged.append((turns[at], name, reason))
            left -= not reason
            at += 1
        wanted = [[turn] for turn, _, reason in judged if not reason]
        kept = {id(turn) for (turn,) in wanted}
        results = iter(self._clean(talk, wanted, [turn for turn in turns if id(turn) not in kept]))
        for turn, name, reason in judged:
            self.seen += 1
            if not reason and not self._write(talk, [turn], next(results)):
                reason = "unclean"
            self._settle(turn, name, reason)
        return at

    def _whole(self, talk: Conversation) -> None:
        from afs import sample

        name = sample.sample_id(talk.source, talk.id)
        reasons = [self._judge(talk, turn)[1] for turn in talk.turns]
        if name in self.known:
            reasons = [reason or "duplicate" for reason in reasons]
        self.known.add(name)
        kept = [turn for turn, reason in zip(talk.turns, reasons, strict=True) if not reason]
        left = [turn for turn, reason in zip(talk.turns, reasons, strict=True) if reason]
        written = bool(kept) and self._write(talk, kept, self._clean(talk, [kept], left)[0])
        for turn, reason in zip(talk.turns, reasons, strict=True):
            self.seen += 1
            self._settle(turn, name, reason or ("" if written else "unclean"))

    def _judge(self, talk: Conversation, turn: Turn) -> tuple[str, str]:
        """(sample_id, why there is no sample)."""
        from afs.logs import samples

        name = samples.turn_id(talk, turn)
        if not self._selected(turn.cwd or talk.cwd):
            return name, "project"
        if reason := samples.why_not(turn):
            return name, reason
        if self.args.unit == "turn":
            if name in self.known:
                return name, "replayed" if turn.origin else "duplicate"
            self.known.add(name)
        return name, ""

    def _selected(self, cwd: str) -> bool:
        wanted, unwanted = self.args.project, self.args.exclude_project
        if not wanted and not unwanted:
            return True
        names = _names(cwd)
        return not _matches(names, unwanted) and (not wanted or _matches(names, wanted))

    def _settle(self, turn: Turn, name: str, reason: str) -> None:
        """Enter a turn into the account."""
        if reason:
            self.skipped[reason] += 1
            if reason != "unclean":
                self.run.dropped[reason] += 1
        else:
            self.samples += 1
        if self.account is not None:
            row = {
                "file": self.shown(turn.path),
                "line": turn.line,
                "sample_id": None if reason else name,
                "reason": reason or None,
            }
            self.account.write(jsonl.encode(row))

    def _clean(self, talk: Conversation, wanted: list[list[Turn]], beside: list[Turn]) -> list[Any]:
        """The turns of each sample redacted, or why that cannot be done.

        Searched whole, before anything is cut, and all turns of the conversation together, those too
        that give no sample: what one of them names is a secret in every other.
        """
        from afs.logs import samples

        values = [
            {"turns": [samples.chat(turn) for turn in turns], "facts": samples.facts(talk, turns)}
            for turns in wanted
        ]
        return self.cleaner.redact_all(values, (samples.chat(turn) for turn in beside)) if values else []

    def _write(self, talk: Conversation, turns: list[Turn], result: Any) -> bool:
        """Write one sample; False where it could not be made clean."""
        from afs.logs import samples

        first = turns[0]
        if isinstance(result, ValueError):
            self.run.reject_at(self.shown(first.path), first.line, "unclean", str(result), 3)
            return False
        self.run.tallies["redacted"].update(result.counts)
        record = samples.make(talk, turns, result.value, result.counts, self.wanted, self.args.unit)
        self.run.write(jsonl.encode(record))
        return True

    # --- the end ------------------------------------------------------------------------------------

    def close(self) -> None:
        """Hand the counts to the summary."""
        run = self.run
        run.read += self.seen
        run.extra["turns"] = {
            "seen": self.seen,
            "samples": self.samples,
            "skipped": dict(sorted(self.skipped.items())),
        }
        run.extra["conversations"] = dict(sorted(self.talks.items()))
        run.extra["log"] = {kind: dict(sorted(self.log.get(kind, {}).items())) for kind in _NOTES}


class _Raw:
    """What stands in the place of a redactor with --no-redact."""

    def redact_all(self, values: Iterable[Any], beside: Iterable[Any] = ()) -> list[Any]:
        return [SimpleNamespace(value=value, counts={}) for value in values]


def _redactor(args: argparse.Namespace) -> Redactor:
    """The redactor; who exports a home of his own is known by name."""
    from afs.redact import is_own, ready

    own = (args.home or not (args.root or args.logs)) and is_own(_home(args))
    return ready((), args.rules, [*args.known, *(["auto"] if own else [])])


def _names(cwd: str) -> set[str]:
    """All that a pattern may match: the project, each folder above it, each folder's own name."""
    from afs.logs.samples import project_name

    names: set[str] = set()
    for path in (project_name(cwd), cwd.rstrip("/")):
        parts = path.split("/")
        names.update("/".join(parts[:end]) for end in range(1, len(parts) + 1))
        names.update(parts)
    return names - {"", "~"} | {project_name(cwd)}


def _matches(names: set[str], globs: list[str]) -> bool:
    from fnmatch import fnmatchcase

    return any(fnmatchcase(name, glob.rstrip("/")) for glob in globs for name in names)
