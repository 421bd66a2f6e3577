"""Every string of a JSON value in a row: keys too, each with the name of its field; and back again.

Strings are told apart by their number in that row. Some are one text with others: the words of a
command line, the pieces of a stream, the lines of a key. What shows only when they are read together is
laid over them here.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from afs.redact.kinds import nested
from afs.redact.search.scan import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    # find(text, highest level) -> findings in order
    Find = Callable[[str, int], Sequence[Finding]]
    # Findings by the number of their string.
    Outside = dict[int, list[Finding]]

# The type of a finding that holds a further piece of a value: it is taken out without a placeholder.
PIECE = ""
# A whole number of so many digits may be the number of a card. A double is exact up to 16 digits.
_CARDS = range(10**11, 10**19)
_EXACT = 10.0**16
_LEAST = 10**5  # a number that is a password
_VALUE = frozenset(("value", "Value", "val", "Val"))
_NAMED = ("name", "key", "Name", "Key")
_FEW = 12
_SECRET = re.compile(
    r"(?i)pass|pwd|secret|kennwort|senha|contrase|парол|密码|密碼|パスワード|비밀번호|pin\Z|pin_?code"
)
# Objects that are a person, and the fields of theirs that hold a name.
_PERSON = re.compile(
    r"(?i)(?:author|committer|owner|maintainer|user|actor|sender|assignee|creator|tagger)s?|(?:merged|closed)_by"
)
_CALLED = frozenset(("name", "login", "username", "displayName", "display_name"))
# A string of so many characters is no piece of another; in a stream its ends may be. An item of so many
# strings is no part of a stream.
_SHORT = 1024
# Programs whose arguments are a user or a password without any flag.
_PROGRAMS = frozenset(
    (
        *("sudo", "su", "doas", "runuser", "chown", "chgrp", "useradd", "adduser", "usermod", "userdel"),
        *("deluser", "passwd", "chage", "gosu", "su-exec", "id", "groups", "net", "bw", "vault", "kinit"),
        *("htpasswd", "rabbitmqctl", "sqlplus", "cargo", "wpa_passphrase", "ansible-vault", "dotnet", "fly"),
    )
)
_STRINGS = 96
_WORDS = 256
_ALL = 9
# Fields that carry text, and those of them that say that it comes in pieces.
_STREAMED = frozenset(("delta", "partial_json", "chunk", "token"))
_CARRIES = _STREAMED.union(
    ("text", "content", "arguments", "value", "data", "output", "thinking", "reasoning", "line")
)


class Flat(NamedTuple):
    """The strings of a value: `names` holds the field that each is in, None for a key.

    `lists` tells of each list of two items and more where each item begins, and where the last ends.
    Whole numbers that could be cards stand in the row as text; `numbers` names them.
    """

    texts: list[str]
    names: list[str | None]
    lists: list[list[int]]
    numbers: list[int]

    def __repr__(self) -> str:
        return f"Flat({len(self.texts)} strings)"


def flatten(value: Any) -> Flat:
    """The strings of a value. Raises RecursionError where it is nested too deeply."""
    flat = Flat([], [], [], [])
    _flatten(value, "", *flat)
    return flat


def _flatten(
    value: Any,
    name: str,
    texts: list[str],
    names: list[str | None],
    lists: list[list[int]],
    numbers: list[int],
) -> None:
    kind = type(value)
    if kind is dict:
        alias = _alias(value) or name
        label = _label(name) if name else None
        for key, item in value.items():
            texts.append(key)
            names.append(None)
            inner = type(item)
            if inner is str:
                texts.append(item)
                names.append(alias if alias and key in _VALUE else label(name, key) if label else key)
            elif inner is dict or inner is list:
                field = alias if alias and key in _VALUE else label(name, key) if label else key
                _flatten(item, field, texts, names, lists, numbers)
            elif (inner is int or inner is float) and (digits := _digits(item, key)):
                numbers.append(len(texts))
                texts.append(digits)
                names.append(alias if alias and key in _VALUE else key)
    elif kind is list:
        starts = []
        for item in value:
            starts.append(len(texts))
            _flatten(item, name, texts, names, lists, numbers)
        if len(starts) > 1:
            starts.append(len(texts))
            lists.append(starts)
    elif kind is str:
        texts.append(value)
        names.append(name)
    elif digits := _digits(value):
        numbers.append(len(texts))
        texts.append(digits)
        names.append(name)


def _digits(value: Any, key: str = "") -> str:
    """The digits of a whole number that may be that of a card, or a secret as its key says, or nothing."""
    kind = type(value)
    if kind is int:
        return str(value) if value in _CARDS or (value >= _LEAST and _secret(key)) else ""
    if kind is float and value >= _LEAST:
        wanted = _CARDS.start <= value < _EXACT or (value < _EXACT and _secret(key))
        return str(int(value)) if wanted and value.is_integer() else ""
    return ""


@lru_cache(maxsize=4096)
def _secret(key: str) -> bool:
    return _SECRET.search(key) is not None


@lru_cache(maxsize=4096)
def _label(name: str) -> Callable[[str, str], str] | None:
    """What names the fields of an object of this name, or None where their keys do."""
    if nested.holds(name):
        return lambda name, key: f"{name.partition(nested.WITHIN)[0]}{nested.WITHIN}{key}"
    if _PERSON.fullmatch(name):
        return lambda name, key: "author" if key in _CALLED else key
    return None


def rebuild(value: Any, texts: Iterator[str]) -> Any:
    """The value with the strings of a row in place of its own; the same object where none is another.

    A key that is there already gets a number behind it.
    """
    kind = type(value)
    if kind is dict:
        pairs = []
        changed = False
        for key, item in value.items():
            new_key = next(texts)
            inner = type(item)
            if inner is str:
                new = next(texts)
            elif inner is dict or inner is list:
                new = rebuild(item, texts)
            elif (inner is int or inner is float) and (digits := _digits(item, key)):
                text = next(texts)
                new = item if text == digits else text
            else:
                new = item
            changed = changed or new is not item or new_key is not key
            pairs.append((new_key, new))
        return joined(pairs) if changed else value
    if kind is list:
        items = [rebuild(item, texts) for item in value]
        return items if any(a is not b for a, b in zip(items, value, strict=True)) else value
    if kind is str:
        return next(texts)
    if digits := _digits(value):
        text = next(texts)
        return value if text == digits else text
    return value


def joined(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of pairs; a key that is there already gets a number behind it."""
    out: dict[str, Any] = {}
    for key, item in pairs:
        new, number = key, 2
        while new in out:
            new = f"{key}_{number}"
            number += 1
        out[new] = item
    return out


def pointers(value: Any, mask: Callable[[str], str]) -> Iterator[str]:
    """The place of each string as a JSON pointer (RFC 6901), each key of it as `mask` shows it."""

    def places(value: Any, where: str, name: str = "") -> Iterator[str]:
        kind = type(value)
        if kind is dict:
            for key, item in value.items():
                inner = f"{where}/{mask(key).replace('~', '~0').replace('/', '~1')}"
                yield inner
                yield from places(item, inner, key)
        elif kind is list:
            for index, item in enumerate(value):
                yield from places(item, f"{where}/{index}")
        elif kind is str or _digits(value, name):
            yield where

    return places(value, "")


def _alias(value: dict[str, Any]) -> str:
    """The name that {"name": ..., "value": ...} gives to its value."""
    if len(value) <= _FEW and not _VALUE.isdisjoint(value):
        if value.get("Type") == "SecureString" or value.get("sensitive") is True:
            return "secret"  # as AWS and Terraform say
        for key in _NAMED:
            if type(value.get(key)) is str:
                return str(value[key])
    return ""


# --- strings that are one text ----------------------------------------------------------------------


def row(flats: Sequence[Flat]) -> tuple[Flat, list[int]]:
    """Several values as the items of one list, and where each begins."""
    starts = list(accumulate((len(flat.texts) for flat in flats), initial=0))
    texts = [text for flat in flats for text in flat.texts]
    names = [name for flat in flats for name in flat.names]
    return Flat(texts, names, [starts], []), starts


def across(flat: Flat, find: Find) -> Outside:
    """Findings that show only when strings of a list are read together."""
    out: Outside = {}
    for starts in flat.lists:
        _streams(flat, starts, find, out)
        count = len(starts) - 1
        if starts[-1] - starts[0] != count or None in flat.names[starts[0] : starts[-1]]:
            continue
        texts = flat.texts[starts[0] : starts[-1]]
        if max(map(len, texts)) >= _SHORT:
            continue
        numbers = range(starts[0], starts[-1])
        if count <= _WORDS and (
            texts[0].rpartition("/")[2] in _PROGRAMS or any(text[:1] == "-" for text in texts)
        ):
            _lay(find(" ".join(texts), _ALL), numbers, texts, 1, out, (False,), [])
        if any("PRIVATE KEY" in text for text in texts):
            _lay(find("\n".join(texts), _ALL), numbers, texts, 1, out, (True, False), [])
    return out


def _streams(flat: Flat, starts: list[int], find: Find, out: Outside) -> None:
    """What is sent in pieces says so; of other strings that stand side by side only a format that names
    itself tells that they belong together.

    A chain is made of the fields of one name, one in each item. In a stream an item may lack it.
    """
    chains: dict[tuple[str, int], list[int]] = {}
    met: dict[tuple[str, int], int] = {}  # the last item of each chain
    streamed = False

    def end(key: tuple[str, int]) -> None:
        numbers = chains.pop(key)
        if len(numbers) > 1:
            _chain(flat, numbers, streamed, find, out)

    for item, (first, last) in enumerate(pairwise(starts)):
        names = flat.names[first:last]
        keys = flat.texts[first:last]
        says = any(name is None and key in _STREAMED for name, key in zip(names, keys, strict=True))
        if streamed and not says and first < last and _CARRIES.isdisjoint(names):
            continue  # it keeps the line open, no more
        if says is not streamed or not 0 < last - first <= _STRINGS:
            for key in list(chains):
                end(key)
            streamed = says
            if not 0 < last - first <= _STRINGS:
                continue
        count: Counter[str] = Counter()
        for number, name in enumerate(names, first):
            if name is None or not (name in _CARRIES or last - first == 1):
                continue
            key = name, count[name]
            count[name] += 1
            if not streamed and key in chains and met[key] != item - 1:
                end(key)
            chains.setdefault(key, []).append(number)
            met[key] = item
    for key in list(chains):
        end(key)


def _chain(flat: Flat, numbers: list[int], streamed: bool, find: Find, out: Outside) -> None:
    """The findings of neighbouring strings that are short, laid over them."""
    held: list[tuple[int, int, str]] = []  # number, where its part begins, the part
    for number in numbers:
        text = flat.texts[number]
        if len(text) < _SHORT:
            held.append((number, 0, text))
            continue
        if streamed:
            held.append((number, 0, text[:_SHORT]))
        _together(held, streamed, find, out)
        held = [(number, len(text) - _SHORT, text[-_SHORT:])] if streamed else []
    _together(held, streamed, find, out)


def _together(held: list[tuple[int, int, str]], streamed: bool, find: Find, out: Outside) -> None:
    if len(held) < 2:
        return
    texts = [part for _, _, part in held]
    inner: Outside = {}
    found = find("".join(texts), _ALL if streamed else 1)
    if found:
        apart = [bool(own := find(text, _ALL)) and not own[0].start for text in texts]
        _lay(found, range(len(texts)), texts, 0, inner, (True,), apart)
    if any("PRIVATE KEY" in text for text in texts):
        _lay(find("\n".join(texts), _ALL), range(len(texts)), texts, 1, inner, (True,), [])
    for at, findings in inner.items():
        number, shift, _ = held[at]
        out.setdefault(number, []).extend(
            one._replace(start=one.start + shift, end=one.end + shift) for one in findings
        )


def _lay(
    found: Sequence[Finding],
    numbers: Sequence[int],
    texts: list[str],
    gap: int,
    out: Outside,
    cut: tuple[bool, ...],
    apart: list[bool],
) -> None:
    """Lay findings in a joined text over its texts: those in several of them (`cut` holds True), or in one.

    A text that is `apart` begins with a finding of its own: what reaches it from before ends there.
    """
    starts = list(accumulate((len(text) + gap for text in texts[:-1]), initial=0))
    for one in found:
        first, last = bisect_right(starts, one.start) - 1, bisect_left(starts, one.end) - 1
        if apart:
            last = next((index for index in range(first + 1, last + 1) if apart[index]), last + 1) - 1
        if (first < last) not in cut:
            continue
        kind = one.type
        for index in range(first, last + 1):
            start = max(one.start - starts[index], 0)
            end = min(one.end - starts[index], len(texts[index]))
            if start < end:
                out.setdefault(numbers[index], []).append(Finding(start, end, kind, one.rule))
                kind = PIECE
