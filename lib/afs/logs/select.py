"""Which logs are read, and which of their turns are wanted."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from afs.logs.samples import project_name
from afs.messages import fail

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Collection, Iterator, Mapping

    from afs.config import Config
    from afs.logs.conversation import Conversation, Source, Turn


def check(args: argparse.Namespace) -> None:
    """Refuse options that contradict each other, and an output that would replace what must stay."""
    output = vars(args).get("output", "-")
    if args.no_redact and (args.known or args.rules):
        fail("--no-redact leaves nothing to do for --known and --rules; leave it or them out")
    if args.list and (args.state or args.account):
        fail("--list exports nothing; leave --state and --account out")
    if args.reuse and not args.state:
        fail("--reuse needs --state FILE, which tells what has not changed")
    if output in ("-", "") or not os.path.isfile(output):
        return
    if os.path.realpath(output) in map(os.path.realpath, args.logs):
        fail(f"{output}: is a log; name another file for the samples")
    if args.state and not args.reuse and os.path.getsize(output) and os.path.exists(args.state):
        fail(
            f"{output}: holds what earlier runs wrote, and this one writes what is new; "
            "append with >>, name another file, or copy the rest from it with --reuse"
        )


class Selection:
    """What the options of a run and the configuration ask for."""

    def __init__(self, args: argparse.Namespace, source: Source, config: Config) -> None:
        self._args, self._source, self._config = args, source, config
        self.home = self._args.home or os.path.expanduser("~")
        # A home that was named is meant: no variable of the caller's own may lead elsewhere.
        self._environ: Mapping[str, str] = {} if self._args.home else _environ(config)
        self._since, self._until = moment(self._args.since), moment(self._args.until)
        self.excluded = 0

    def places(self) -> list[str]:
        """The folders in which logs are looked for."""
        return self._args.root or self._source.roots(self.home, self._environ)

    def groups(self, unreadable: Callable[[OSError, str], None]) -> list[tuple[str, list[str]]]:
        """(root, files) of every group of logs; the root of a named file is "".

        Files of conversations and projects that the configuration excludes for good are left out. A name
        that does not exist is a usage error; `unreadable` hears of a folder that cannot be read.
        """
        found = self._found(unreadable)
        return [(root, kept) for root, files in found if (kept := self._allowed(files))]

    def _found(self, unreadable: Callable[[OSError, str], None]) -> Iterator[tuple[str, list[str]]]:
        args = self._args
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
            roots += self._source.roots(self.home, self._environ)

        def failed(error: OSError) -> None:
            if not isinstance(error, FileNotFoundError):
                unreadable(error, "its logs")

        for root in roots:
            for files in self._source.find(root, failed):
                yield root, files
        for path in args.logs:
            yield "", [path]

    def _allowed(self, files: list[str]) -> list[str]:
        projects, names = self._config.excluded_projects, self._config.excluded_conversations
        if not projects and not names:
            return files
        kept = []
        for path in files:
            try:
                name, cwd = self._source.glance(path)
            except OSError:
                name = cwd = ""  # named when it is read for its content
            if name in names or (cwd and _matches(cwd, projects)):
                self.excluded += 1
            else:
                kept.append(path)
        return kept

    def why_not(self, talk: Conversation, turn: Turn) -> str:
        """Why a turn is not wanted, whatever it holds: excluded, project, date; "" if it is."""
        config, args, cwd = self._config, self._args, turn.cwd or talk.cwd
        if {talk.id, talk.parent, talk.group, turn.origin} & config.excluded_conversations:
            return "excluded"
        if _matches(cwd, config.excluded_projects):
            return "excluded"
        if _matches(cwd, args.exclude_project) or (args.project and not _matches(cwd, args.project)):
            return "project"
        if self._since or self._until:
            at = moment(turn.timestamp)
            if not at or at < (self._since or at) or (self._until and at >= self._until):
                return "date"
        return ""


def _environ(config: Config) -> Mapping[str, str]:
    """The environment; the configuration's context root stands in where no variable names one."""
    return {"AFS_CONTEXT_ROOT": config.context_root, **os.environ} if config.context_root else os.environ


def moment(text: str | None) -> datetime | None:
    """The time of a date or an RFC 3339 time, UTC where it names no zone; None where it is none."""
    try:
        found = datetime.fromisoformat(text or "")
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _matches(cwd: str, globs: Collection[str]) -> bool:
    if not globs:
        return False
    names = _names(cwd)
    return any(fnmatchcase(name, glob.rstrip("/")) for glob in globs for name in names)


def _names(cwd: str) -> set[str]:
    """All that a pattern may match: the project, each folder above it, each folder's own name."""
    names: set[str] = set()
    for path in (project_name(cwd), cwd.rstrip("/")):
        parts = path.split("/")
        names.update("/".join(parts[:end]) for end in range(1, len(parts) + 1))
        names.update(parts)
    return names - {"", "~"} | {project_name(cwd)}
