"""What earlier exports wrote, so that only what changed is read and redacted again.

The state is one JSON object without any text of a log: for each group of files their sizes and hashes of
their first and last bytes, and for each conversation in it how many turns it has, why some give no
sample, and the id and hash of each sample. It belongs to the options that it was made with. A newer
version of our code, or of the rules, makes every conversation be read again.
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Any

import orjson
from xxhash import xxh3_64_hexdigest, xxh3_128

from afs import jsonl, sample
from afs.messages import fail, reason_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Mapping

    from afs.config import Config
    from afs.logs.conversation import Conversation

_VERSION = 2
_EDGE = 1 << 16  # bytes hashed at each end of a file
# Options that change neither what is selected nor any byte of a sample.
_FREE = {"output", "quiet", "rejects", "max_reject", "summary", "account", "strict", "limit"}
_FREE |= {"state", "reuse", "config", "logs", "home", "root"}
# A group of files: {"files": {name: mark}, "talks": [...], "notes": {...}, "whole": bool}
_Group = dict[str, Any]
_PREFIX = b'{"sample_id":"'


class State:
    """The state of one command's exports: what the last runs left, and what this one finds.

    `path` is the state file, `options` what it must have been made with, `shown` how a path is named in it.
    With `anew` a state of other options counts for nothing; else it is a usage error, because an output
    to which this run is added would then hold samples of two kinds.
    """

    def __init__(self, path: str, options: str, shown: Callable[[str], str], anew: bool = False) -> None:
        self._shown = shown
        self._options, self._code = options, _code()
        before = _read(path, options, anew)
        self._groups: list[_Group] = before["groups"]
        self._fresh = before["code"] == self._code
        # Lists: under two roots files may have one name, and copies of a conversation one id.
        self._of_file: dict[str, list[_Group]] = {}
        self._of_talk: dict[str, list[tuple[dict[str, Any], _Group]]] = {}
        self.hashes: dict[str, str] = {}
        for group in self._groups:
            for name in group["files"]:
                self._of_file.setdefault(name, []).append(group)
            for talk in group["talks"]:
                self._of_talk.setdefault(talk["id"], []).append((talk, group))
                self.hashes.update(talk["samples"])
        self._done: list[_Group] = []
        self._group: _Group = {}
        self._taken: set[int] = set()

    def begin(self, files: Iterable[str]) -> _Group | None:
        """Start on a group of files. Its talks and notes, if nothing in it has changed; else None."""
        marks = {self._shown(path): _mark(path) for path in files}
        self._group = {"files": marks, "talks": [], "notes": {}, "whole": False}
        if not self._fresh or not all(marks.values()):
            return None
        for before in self._of_file.get(next(iter(marks)), ()):
            if before["whole"] and before["files"] == marks and id(before) not in self._taken:
                self._taken.add(id(before))
                return before
        return None

    def settled(self, talk: Conversation) -> dict[str, Any] | None:
        """What is known of a conversation none of whose files has changed, in a group that has."""
        names, told, mine = (
            sorted(self._shown(path) for path in talk.files),
            _told(talk),
            self._group["files"],
        )
        for entry, group in self._of_talk.get(_name(talk), ()):
            same = entry["whole"] and entry["files"] == names and entry["told"] == told
            if self._fresh and same and all(mine.get(name) == group["files"].get(name) for name in names):
                return entry
        return None

    def keep(self, entry: dict[str, Any]) -> None:
        """Take over what is known of a conversation."""
        self._group["talks"].append(entry)

    def talk(self, talk: Conversation) -> dict[str, Any]:
        """The entry of a conversation that is read again; the caller fills it."""
        names = sorted(self._shown(path) for path in talk.files)
        entry = {
            "id": _name(talk),
            "files": names,
            "turns": len(talk.turns),
            "told": _told(talk),
            "whole": True,
        }
        self._group["talks"].append(entry | {"skipped": {}, "redacted": {}, "samples": [], "elsewhere": []})
        found: dict[str, Any] = self._group["talks"][-1]
        return found

    def add(self, entry: dict[str, Any], name: str, line: bytes, redacted: Mapping[str, int]) -> bool:
        """Enter a sample that is read again; whether its bytes are those that were written last."""
        mark = mark_of(line)
        entry["samples"].append([name, mark])
        for kind, number in redacted.items():
            entry["redacted"][kind] = entry["redacted"].get(kind, 0) + number
        return self.hashes.get(name) == mark

    def end(self, whole: bool, notes: dict[str, Any]) -> None:
        """The group is done; `whole` if nothing in it has to be read again for what went wrong."""
        self._group |= {"whole": whole, "notes": notes}
        self._done.append(self._group)

    def withdrawn(self, known: set[str]) -> list[str]:
        """Samples of conversations that this run read, and that none of them gives any more."""
        read = {talk["id"] for group in self._done for talk in group["talks"] if talk["whole"]}
        half = {talk["id"] for group in self._done for talk in group["talks"] if not talk["whole"]}
        files = {name for group in self._done if group["whole"] for name in group["files"]}
        before = [talk for group in self._groups for talk in group["talks"] if talk["id"] not in half]
        gone = [talk for talk in before if talk["id"] in read or files.issuperset(talk["files"])]
        return list(dict.fromkeys(n for talk in gone for n, _ in talk["samples"] if n not in known))

    def encoded(self) -> bytes:
        """The state after this run: groups that it did not come to stay as they were."""
        files = {name for group in self._done for name in group["files"]}
        talks = {talk["id"] for group in self._done for talk in group["talks"]}
        left = []
        for group in self._groups:
            kept = [talk for talk in group["talks"] if talk["id"] not in talks]
            if kept and not files & group["files"].keys():
                whole = self._fresh and group["whole"] and kept == group["talks"]
                left.append(group | {"talks": kept, "whole": whole})
        groups = sorted((*self._done, *left), key=lambda group: min(group["files"]))
        found = {"version": _VERSION, "options": self._options, "code": self._code, "groups": groups}
        return jsonl.encode(found)


def mark_of(line: bytes) -> str:
    """The hash by which a sample's bytes are known."""
    return xxh3_64_hexdigest(line)


def options_of(args: argparse.Namespace, config: Config, own: bool) -> str:
    """A digest of all that decides which samples there are and what stands in them."""
    told = {name: value for name, value in vars(args).items() if name not in _FREE}
    files = [*([args.rules] if args.rules else []), *config.rules]
    told |= {
        "own": own,
        "rules": [_content(path) for path in files],
        "known": [path if path == "auto" else _content(path) for path in args.known],
        "excluded": [list(config.excluded_projects), sorted(config.excluded_conversations)],
    }
    # The files of known values are secrets: a slow hash, so that it tells nobody what they hold.
    data = orjson.dumps(told, option=orjson.OPT_SORT_KEYS, default=str)
    if args.known:
        return hashlib.scrypt(data, salt=b"afs-state", n=1 << 14, r=8, p=1, dklen=16).hex()
    return hashlib.sha256(data).hexdigest()[:32]


def _name(talk: Conversation) -> str:
    """By what a conversation is known here: a log may hold anything as its id."""
    return sample.sample_id(talk.source, talk.id)


# Flags that the engine adds, after it has asked whether a conversation is settled.
_LATER = {"subagent", "corrected_by_user", "complained_by_user", "thanked_by_user"}


def _told(talk: Conversation) -> str:
    """A hash of what other files of its group may change in a conversation."""
    turns = [
        (turn.origin, turn.native_id, turn.ordinal, turn.skip, turn.cwd, len(turn.messages))
        for turn in talk.turns
    ]
    flags = [sorted(turn.flags - _LATER) for turn in talk.turns]
    facts = [talk.group, talk.parent, talk.cwd, talk.subagent, talk.agent_version, turns, flags]
    return xxh3_64_hexdigest(jsonl.encode(facts))


def _content(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()
    except OSError as error:
        fail(f"{path}: {reason_of(error)}")


def _code() -> str:
    """A digest of the code and rules that make samples of logs."""
    digest = xxh3_128()
    top = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    for folder, folders, names in os.walk(top):
        folders[:] = sorted(name for name in folders if folder != top or name in ("logs", "redact"))
        for name in sorted(names):
            if name.endswith((".py", ".toml")) and (folder != top or name in ("sample.py", "__init__.py")):
                with open(os.path.join(folder, name), "rb") as file:
                    digest.update(file.read())
    return digest.hexdigest()


def _mark(path: str) -> list[Any]:
    """Size and hash of both ends of a file; nothing where it cannot be read, which is never the same."""
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            head = file.read(_EDGE)
            file.seek(max(0, size - _EDGE))
            return [size, xxh3_64_hexdigest(head + file.read(_EDGE))]
    except OSError:
        return []


def _read(path: str, options: str, anew: bool) -> dict[str, Any]:
    """The state in a file; an empty one where there is none. One that is not ours is a usage error."""
    empty: dict[str, Any] = {"code": "", "groups": []}
    try:
        with open(path, "rb") as file:
            found = jsonl.decode(file.read())  # a name of a file may be no UTF-8
    except FileNotFoundError:
        return empty
    except OSError as error:
        fail(f"{path}: {reason_of(error)}")
    except ValueError:
        fail(f"{path}: is no state of an export; remove it to export all again")
    if type(found) is not dict or found.get("version") != _VERSION or "groups" not in found:
        fail(f"{path}: is no state of this version; remove it to export all again")
    if found.get("options") != options:
        if anew:
            return empty
        fail(f"{path}: was made with other options; name another file, or remove it to export all again")
    return found


class Earlier:
    """The output of the run that wrote the state, from which unchanged samples are copied."""

    def __init__(self, path: str) -> None:
        self._places: dict[str, tuple[int, int]] = {}
        self._file = None
        try:
            self._file = open(path, "rb")  # noqa: SIM115
        except FileNotFoundError:
            return
        except OSError as error:
            fail(f"{path}: {reason_of(error)}")
        offset = 0
        for line in self._file:
            if line.startswith(_PREFIX):
                name = line[len(_PREFIX) : line.find(b'"', len(_PREFIX))].decode("ascii", "replace")
                self._places[name] = (offset, len(line))
            offset += len(line)

    def lines(self, samples: list[list[str]]) -> list[bytes] | None:
        """The lines of these (id, hash); None where one is missing or not what it was."""
        if self._file is None:
            return None if samples else []
        found = []
        for name, mark in samples:
            offset, length = self._places.get(name, (0, 0))
            self._file.seek(offset)
            line = self._file.read(length).rstrip(b"\n")
            if not length or mark_of(line) != mark:
                return None
            found.append(line)
        return found

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
