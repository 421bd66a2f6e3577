"""The memory of the AFS store -> conversations: entries in .jsonl and .json, notes in .md and .txt.

A file is a conversation, an entry of it a turn: what is asked, and what is remembered. front.py reads notes.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from afs.logs import chat, read
from afs.logs.conversation import Conversation, Message, Turn, sound
from afs.logs.store import front

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from afs.logs.conversation import Note

DEFAULT_INSTRUCTION = "Recall the following memory entry."
_KNOWN = re.compile(r".*\.(?:jsonl(?:\.gz|\.zst)?|json|md|markdown|txt)\Z", re.S | re.I)
_NOTE = re.compile(r".*\.(?:md|markdown|txt)\Z", re.S | re.I)
_COMMON = "common/"
_QUESTION = ("instruction", "prompt", "user")
_ANSWER = ("output", "response", "assistant")
_TEXT = ("content", "text")
_TAGS = ("tags", "labels", "tag")
_TIMES = ("created_at", "timestamp", "created", "date", "updated_at", "updated")
_STAMP = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d(?:\.\d+)?)\s?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
# A note or a list of entries is read whole.
_MOST_BYTES = 64 << 20
# Each conversation names so many other files at most.
_MOST_BESIDE = 100


@dataclass(frozen=True)
class Memory:
    """The memory store as a source.

    A raw entry, one with text but no answer, counts if `allow_raw` or if it has one of `raw_tags`. An
    entry must have one of the tags of `include`, if there are any, and none of `exclude`; tags are
    lower-cased. default_instruction is what is asked of raw entries; without it their titles are asked for.
    """

    allow_raw: bool = False
    raw_tags: frozenset[str] = frozenset(("allow_raw",))
    include: frozenset[str] = frozenset()
    exclude: frozenset[str] = frozenset()
    default_instruction: str = ""
    # What find() knows of a file: its root, and which roots are a person's own and no project's.
    _root: dict[str, str] = field(default_factory=dict, compare=False)
    _own: set[str] = field(default_factory=set, compare=False)

    NAME = "memory"

    def roots(self, home: str, environ: Mapping[str, str]) -> list[str]:
        """The memory folder of $AFS_CONTEXT_ROOT, else of ~/.context."""
        root = os.path.join(environ.get("AFS_CONTEXT_ROOT") or os.path.join(home, ".context"), "memory")
        self._own.add(root)
        return [root]

    def find(self, root: str, failed: Callable[[OSError], None] | None = None) -> list[list[str]]:
        """All files of a root as one group, because one may mirror another.

        The root may also be the context folder that holds `memory`. Hidden files and links are not
        followed: what a link names inside is found under its own name.
        """
        own = root in self._own
        inner = os.path.join(root, "memory")
        if os.path.basename(os.path.abspath(root)) != "memory" and os.path.isdir(inner):
            root = inner
        found = []
        for folder, folders, names in os.walk(root, onerror=failed):
            folders[:] = [name for name in folders if not name.startswith(".")]
            for name in names:
                path = os.path.join(folder, name)
                if name.startswith(".") or os.path.islink(path) or not os.path.isfile(path):
                    continue
                if _KNOWN.match(name):
                    self._root[path] = root
                    found.append(path)
        if own:
            self._own.add(root)
        return [sorted(found, key=self._order)] if found else []

    def glance(self, path: str) -> tuple[str, str]:
        """The name of a file in its store, and the project whose store it is."""
        return self._name(path), self._project(path)

    def parse(self, files: list[str], note: Note) -> Iterator[Conversation]:
        """A conversation a file: files of `common` first, notes last.

        Turns may have these skips. raw: text without an answer that nothing allows. tag: the tags asked for.
        duplicate: a note that mirrors an entry, or an entry that `common` holds too. Raises OSError for a
        file that cannot be read, after all others are done.
        """
        from afs.logs.store.mirrors import Mirrors

        mirrors = Mirrors()
        failed = None
        ordered = sorted(files, key=self._order)
        names = {self._name(path): path for path in ordered}
        beside = [path for path in ordered if not _NOTE.match(path)]
        beside = beside if len(beside) <= _MOST_BESIDE else []
        for path in ordered:
            name = self._name(path)
            # Whether it is told twice depends on the files of entries, and on its twin in `common`.
            others = [*beside, names.get(_COMMON + name, path)]
            read_from = list(dict.fromkeys([path, *others]))
            talk = Conversation(self.NAME, name, read_from, cwd=self._project(path))
            used: dict[str, int] = {}
            try:
                for number, (line, entry) in enumerate(self._entries(path, note)):
                    try:
                        turns = self._turns(entry, path, line, note)
                    except read.ODD as error:
                        note("bad", path, line, read.oddity(error))
                        continue
                    if not turns:
                        continue
                    if mirrors.has(name, _id(entry), turns, _NOTE.match(path) is not None):
                        for turn in turns:
                            turn.skip = "duplicate"
                    self._number(talk, turns, _id(entry), number, used)
            except OSError as error:
                failed = failed or error
            if talk.turns:
                yield talk
        if failed is not None:
            raise failed

    # --- where a file is ----------------------------------------------------------------------------

    def _name(self, path: str) -> str:
        """The path of a file relative to its root; a file that was named alone is asked where it lies."""
        root = self._root.get(path)
        if root is not None:
            return os.path.relpath(path, root).replace(os.sep, "/")
        parts = path.replace(os.sep, "/").split("/")
        under = max((at for at, part in enumerate(parts[:-1]) if part == "memory"), default=len(parts) - 2)
        return "/".join(parts[under + 1 :])

    def _project(self, path: str) -> str:
        """The folder whose `.context` a file is in; "" for the person's own."""
        root = self._root.get(path)
        if root is None or root in self._own:
            return ""
        head, found, _ = (os.path.abspath(root) + os.sep).partition(f"{os.sep}.context{os.sep}")
        return head if found else ""

    def _order(self, path: str) -> tuple[bool, bool, str]:
        name = self._name(path)
        return _NOTE.match(path) is not None, not name.startswith(_COMMON), name

    # --- entries ------------------------------------------------------------------------------------

    def _entries(self, path: str, note: Note) -> Iterator[tuple[int, dict[str, Any]]]:
        """(line, entry) of a file."""
        if not _KNOWN.match(path):
            note("unknown", path, 0, "no file of a memory store")
        elif re.search(r"\.jsonl(?:\.gz|\.zst)?\Z", path, re.I):
            yield from read.records(path, note)
        elif (data := _whole(path, note)) is None:
            return
        elif _NOTE.match(path):
            if (entry := front.entry(data, path, note)) is not None:
                yield 1, entry
        else:
            yield from _listed(data, path, note)

    def _turns(self, entry: dict[str, Any], path: str, line: int, note: Note) -> list[Turn]:
        """The turns of an entry: one, or those of its chat messages."""
        if type(rows := entry.get("messages")) is list:
            messages, system = chat.split(rows)
            turns = [Turn(messages[start:end]) for start, end in chat.spans(messages)]
        else:
            turns, system = [], ""
        turns = turns or self._single(entry)
        if not turns:
            note("skipped", path, line, "an object without text fields")
        tags = _tags(entry)
        context = "\n\n".join(text for text in (system, chat.told(entry.get("input"))) if text)
        for turn in turns:
            turn.path, turn.line, turn.timestamp = path, line, _time(entry)
            turn.context = chat.capped(context)
            turn.domain = _str(entry.get("domain"))
            turn.model = _str(entry.get("teacher_model")) or _str(entry.get("model"))
            if (self.include and not tags & self.include) or tags & self.exclude:
                turn.skip = "tag"
            elif turn.skip and (self.allow_raw or tags & self.raw_tags):
                turn.skip = ""
            chat.settle(turn)
        return turns

    def _single(self, entry: dict[str, Any]) -> list[Turn]:
        """The turn of a question and an answer, or of a text, which is raw; none for other objects."""
        question, answer, text = (_first(entry, names) for names in (_QUESTION, _ANSWER, _TEXT))
        if not question and not answer and not text:
            return []
        raw = not answer and bool(text)
        if raw and not question:
            title = sound(_str(entry.get("title"))).strip().splitlines()
            question = f'Recall the memory entry "{title[0]}".' if title else DEFAULT_INSTRUCTION
            question = self.default_instruction or question
        thought = _str(entry.get("thinking"))
        messages = [Message("user", question), Message("assistant", answer or text, reasoning=thought)]
        return [Turn(messages, skip="raw" if raw else "")]

    def _number(
        self, talk: Conversation, turns: list[Turn], name: str, number: int, used: dict[str, int]
    ) -> None:
        """Give turns their ids: of the entry where it has one, else its place in the file."""
        key = f"id {name}" if name else f"entry {number}"
        used[key] = used.get(key, 0) + 1
        if used[key] > 1:  # an entry that was written again under its id
            key += f" {used[key]}"
        for at, turn in enumerate(turns):
            turn.native_id = f"{key}/{at}" if at else key
            turn.ordinal = len(talk.turns)
            talk.turns.append(turn)


def _whole(path: str, note: Note) -> bytes | None:
    with open(path, "rb") as file:
        data = file.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        note("skipped", path, 0, "a file of more than 64 MB")
        return None
    return data


def _listed(data: bytes, path: str, note: Note) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line, entry) of a file that is one object or a list of them, up to where it is damaged."""
    import json

    try:
        text = data.removeprefix(b"\xef\xbb\xbf").decode()
    except UnicodeDecodeError:
        note("bad", path, 0, "utf8")
        return
    space = re.compile(r"[ \t\r\n]*")
    decoder = json.JSONDecoder(parse_constant=_no_constant)
    at = space.match(text).end()  # type: ignore[union-attr]
    many = text[at : at + 1] == "["
    at = space.match(text, at + many).end()  # type: ignore[union-attr]
    line, counted = 1, 0
    while at < len(text) and not (many and text[at] == "]"):
        line, counted = line + text.count("\n", counted, at), at
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            note("bad", path, line, "depth" if isinstance(error, RecursionError) else "json")
            return
        if type(value) is dict:
            yield line, value
        else:
            note("skipped", path, line, "not an entry")
        at = space.match(text, at).end()  # type: ignore[union-attr]
        if many and text[at : at + 1] == ",":
            at = space.match(text, at + 1).end()  # type: ignore[union-attr]
        elif text[at : at + 1] != ("]" if many else ""):
            note("bad", path, line, "json")
            return


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _first(entry: dict[str, Any], names: tuple[str, ...]) -> str:
    """The first text of some fields that is not empty."""
    found = (chat.told(entry.get(name)) for name in names)
    return next((text for text in found if text.strip()), "")


def _id(entry: dict[str, Any]) -> str:
    value = entry.get("id")
    return str(value) if type(value) in (str, int) else ""


def _tags(entry: dict[str, Any]) -> set[str]:
    """The tags of an entry, lower-cased; a string may hold several with commas between."""
    found: set[str] = set()
    for name in _TAGS:
        value = entry.get(name)
        items = value.split(",") if type(value) is str else value if type(value) is list else ()
        found.update(item.strip().lstrip("#").lower() for item in items if type(item) is str)
    return found - {""}


def _time(entry: dict[str, Any]) -> str:
    """When an entry was written, as RFC 3339; "" where no field tells it with its zone."""
    for name in _TIMES:
        if match := _STAMP.fullmatch(_str(entry.get(name)).strip()):
            return f"{match[1]}T{match[2]}{match[3].upper()}"
    return ""


def _str(value: Any) -> str:
    return value if type(value) is str else ""


# The module is a source as well: the store as it is exported without options.
NAME = Memory.NAME
_plain = Memory()
roots, find, glance, parse = _plain.roots, _plain.find, _plain.glance, _plain.parse
