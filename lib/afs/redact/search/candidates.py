"""Patterns for hyperscan that match wherever a pattern of ours does, made from it.

What a candidate leaves out can only make it match more: lookarounds and anchors are dropped, a pattern is
cut where it is long enough, many repeats become any number. Every character is written as a set of bytes,
so that no flag, no case and no class of characters can mean another thing than in Python.
"""

from __future__ import annotations

import contextlib
import re
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

# A candidate is cut where its shortest match has so many bytes, and where its longest has.
ENOUGH, WIDEST = 64, 1024
# More repeats than these are written as any number: the automaton is smaller, and more matches.
_MANY = 32
# And before a part that is repeated and of more letters than these, all repeats counted.
_LARGEST = 1000
_ALL = (1 << 256) - 1
_SAME = bytes(range(256))
_LAST = re.compile(r"\{([1-9]\d*),\d*\}$")


class _Cut(Exception):
    """The candidate ends here: what follows is long enough, or cannot be said."""


def candidate(source: str, enough: int = ENOUGH, table: bytes | None = None, left_out: bytes = b"") -> str:
    """A pattern that matches in a text wherever Python's `source` for bytes matches, or could.

    It matches a beginning of what `source` matches, cut where that has `enough` bytes. With `table` and
    `left_out`, `source` is for text.translate(table, left_out), and the candidate for the text itself.
    "" if it would match nothing at all, which is everywhere.
    """
    tree = parser.parse(source.encode("latin-1"))
    writer = _Writer(table or _SAME, left_out)
    with contextlib.suppress(_Cut):
        writer.sequence(tree, tree.state.flags, enough)
    # Behind the last repeat that must be there, no more has to be looked at.
    return _LAST.sub(r"{\1}", writer.text) if writer.least else ""


class _Writer:
    """Writes one candidate. `least` and `most` are the lengths of its matches, `size` that of the pattern."""

    def __init__(self, table: bytes, left_out: bytes, first: bool = True) -> None:
        self.text, self.least, self.most, self.size = "", 0, 0, 0
        self._table, self._left_out, self._first = table, left_out, first
        # The set that is all of the candidate so far, and the one that it begins with.
        self._single: int | None = None
        self._opening = 0
        self._between = _written(sum(1 << byte for byte in set(left_out))) + "*" if left_out else ""

    def sequence(self, items: Iterable[Any], flags: int, enough: int) -> None:
        items, before = list(items), 0
        for number, (code, value) in enumerate(items):
            if code is op.ASSERT and value[0] < 0 and self._first and not self.text:
                self.sequence(value[1], flags, enough)  # what must stand before may begin the candidate
                before, self._opening = self.least, 0
                continue
            if code is op.ASSERT and value[0] > 0 and self.least == before and number == len(items) - 1:
                self.sequence(value[1], flags, enough)  # the only thing that is said
                raise _Cut
            self._item(code, value, flags, enough - self.least)
            if self.least >= enough or self.most >= WIDEST:
                raise _Cut

    def _item(self, code: Any, value: Any, flags: int, enough: int) -> None:
        if code in (op.AT, op.ASSERT, op.ASSERT_NOT):
            return
        if code is op.SUBPATTERN:
            _, more, less, inner = value
            self._part(inner, (flags | more) & ~less, enough, 1, 1)
        elif code is op.ATOMIC_GROUP:
            self._part(value, flags, enough, 1, 1)
        elif code is op.BRANCH:
            self._branch(value[1], flags, enough)
        elif code in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT):
            least, most, inner = value
            self._part(inner, flags, enough, least, most)
        elif (members := _members(code, value, flags)) is not None:
            there = self._before(members)
            self._single, self._opening = (None, 0) if self.text else (there, there)
            self.text += _written(there) + self._between
            self.least += 1
            self.most += 1
            self.size += 1
        else:
            raise _Cut  # a reference to a group, or what a later Python may bring

    def _before(self, members: int) -> int:
        """The bytes that the table turns into these."""
        if self._table is _SAME:
            return members
        there = (byte for byte in range(256) if members >> self._table[byte] & 1)
        return sum(1 << byte for byte in there if byte not in self._left_out)

    def _part(self, inner: Iterable[Any], flags: int, enough: int, least: int, most: Any) -> None:
        """A part that is repeated from `least` to `most` times."""
        if not least and self._first and not self.text:
            return  # a match may begin behind it as well
        part, cut = self._inner(inner, flags, enough, (least, most) == (1, 1))
        if cut or part.size * min(_MANY, WIDEST if most is op.MAXREPEAT else most) > _LARGEST:
            if least and part.size <= _LARGEST:
                self._add(part, 1, 1)
            raise _Cut
        if least * part.least >= enough:
            times = -(-enough // part.least)
            self._add(part, times, times)
            raise _Cut
        if most is op.MAXREPEAT or most * part.most > WIDEST:
            self._add(part, least, op.MAXREPEAT)
            self.most = WIDEST
        else:
            self._add(part, least, most)

    def _inner(self, inner: Iterable[Any], flags: int, enough: int, once: bool) -> tuple[_Writer, bool]:
        part = _Writer(self._table, self._left_out, self._first and once and not self.text)
        try:
            part.sequence(inner, flags, enough)
        except _Cut:
            return part, True
        return part, False

    def _branch(self, branches: Iterable[Any], flags: int, enough: int) -> None:
        parts = [self._inner(each, flags, enough, True) for each in branches]
        self._single, self._opening = None, 0
        self.text += f"(?:{'|'.join(part.text for part, _ in parts)})"
        self.least += min(part.least for part, _ in parts)
        self.most += max(part.most for part, _ in parts)
        self.size += sum(part.size for part, _ in parts)
        if any(cut for _, cut in parts):
            raise _Cut

    def _add(self, part: _Writer, least: int, most: Any) -> None:
        if not part.text or most == 0:
            return
        if part._single is not None and self._opening and least:
            opening, self._opening = self._opening, 0
            if not opening & ~part._single and opening.bit_count() > 1:
                # One of a set that is part of the set behind it: counted with those, it is found faster.
                self.text, self.least, self.most, self.size = "", 0, 0, 0
                least, most = least + 1, most if most is op.MAXREPEAT else most + 1
        self._single, self._opening = None, 0
        times = f"{{{least},}}" if most is op.MAXREPEAT or most > _MANY else f"{{{least},{most}}}"
        self.text += f"(?:{part.text})" + ("" if (least, most) == (1, 1) else times)
        self.least += least * part.least
        self.size += part.size * (max(1, least) if most is op.MAXREPEAT or most > _MANY else most)
        self.most += WIDEST if most is op.MAXREPEAT else most * part.most


def _members(code: Any, value: Any, flags: int) -> int | None:
    """The set of bytes that one item matches, as the bits of a number; None where it is no set."""
    if code is op.LITERAL:
        return _both(1 << value, flags)
    if code is op.NOT_LITERAL:
        return _ALL & ~_both(1 << value, flags)
    if code is op.ANY:
        return _ALL if flags & re.DOTALL else _ALL & ~(1 << 10)
    if code is not op.IN:
        return None
    members, inverse = 0, False
    for kind, what in value:
        if kind is op.NEGATE:
            inverse = True
        elif kind is op.LITERAL:
            members |= 1 << what
        elif kind is op.RANGE:
            members |= sum(1 << byte for byte in range(what[0], what[1] + 1))
        elif kind is op.CATEGORY:
            members |= _CATEGORIES[what]
        else:
            return None
    members = _both(members, flags)
    return _ALL & ~members if inverse else members


def _both(members: int, flags: int) -> int:
    """The set with both cases of its letters where the flags say so."""
    if flags & re.IGNORECASE:
        for byte in range(65, 91):
            if members >> byte & 1 or members >> byte + 32 & 1:
                members |= 1 << byte | 1 << byte + 32
    return members


def _bits(pattern: bytes) -> int:
    return sum(1 << byte for byte in range(256) if re.fullmatch(pattern, bytes((byte,)), re.DOTALL))


_CATEGORIES = {
    op.CATEGORY_DIGIT: _bits(rb"\d"),
    op.CATEGORY_NOT_DIGIT: _bits(rb"\D"),
    op.CATEGORY_SPACE: _bits(rb"\s"),
    op.CATEGORY_NOT_SPACE: _bits(rb"\S"),
    op.CATEGORY_WORD: _bits(rb"\w"),
    op.CATEGORY_NOT_WORD: _bits(rb"\W"),
}


def _written(members: int) -> str:
    """A set of bytes as hyperscan reads it."""
    if members == _ALL:
        return "."
    ranges = []
    first = None
    for byte in range(257):
        there = byte < 256 and members >> byte & 1
        if there and first is None:
            first = byte
        elif not there and first is not None:
            ranges.append(f"\\x{first:02x}" + (f"-\\x{byte - 1:02x}" if byte - 1 > first else ""))
            first = None
    return ranges[0] if len(ranges) == 1 and "-" not in ranges[0] else f"[{''.join(ranges)}]"
