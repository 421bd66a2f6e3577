"""What a memory store holds twice: notes that mirror an entry, and files that both layouts have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from afs.logs.store.front import heading

if TYPE_CHECKING:
    from afs.logs.conversation import Turn

_COMMON = "common/"
_HEAD = 200


class Mirrors:
    """The entries so far, as hashes and beginnings."""

    def __init__(self) -> None:
        self._named: set[tuple[str, str]] = set()  # (file without `common/`, id) in common
        self._entries: dict[tuple[str, int], str] = {}  # (id, or file without `common/`; all texts) -> file
        self._texts: set[int] = set()  # answers
        self._heads: dict[str, str] = {}  # id -> how its answer begins

    def has(self, file: str, name: str, turns: list[Turn], is_note: bool) -> bool:
        """Whether another file told this entry before; remembers it if not.

        `file` is relative to the store, `name` the id of the entry or "". A note mirrors an entry whose
        answer is its text, with or without a heading, and one whose id it names as its heading or in
        its front matter if that answer is a part of it. An entry repeats one of the same id and texts,
        and one of the same id, or the same texts, in the same file of `common`.
        """
        last = turns[-1].messages[-1].content if len(turns[-1].messages) > 1 else ""
        text = _plain(last)
        twin = file.removeprefix(_COMMON)
        whole = _hash("\0".join(_plain(one.content) for turn in turns for one in turn.messages))
        if is_note and self._is_mirror(name, last, text):
            return True
        keys = [(key, whole) for key in (f"id {name}" if name else "", f"in {twin}") if key]
        if any(self._entries.get(key, file) != file for key in keys):
            return True
        if file != twin and name:
            self._named.add((twin, name))
        elif name and (twin, name) in self._named:
            return True
        for key in keys:
            self._entries.setdefault(key, file)
        if text and not is_note:
            self._texts.add(_hash(text))
            if name:
                self._heads.setdefault(name, text[:_HEAD])
        return False

    def _is_mirror(self, name: str, last: str, text: str) -> bool:
        title = heading(last)
        if any(one and self._heads.get(one, "\0") in text for one in (title, name)):
            return True
        bodies = [text]
        if title:
            bodies.append(_plain(last.lstrip("\n").partition("\n")[2]))
        return any(_hash(body) in self._texts for body in bodies if body)


def _plain(text: str) -> str:
    return " ".join(text.split())


def _hash(text: str) -> int:
    from xxhash import xxh3_64_intdigest

    return int(xxh3_64_intdigest(text.encode("utf-8", "surrogatepass")))
