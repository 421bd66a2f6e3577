"""Values in a list or an object behind a name: `"passwords": ["x"]`, `"secret": {"data": {"a": "x"}}`.

The same for JSON that is read as text, at any depth of escapes, and for objects in code. What is a field of
an object may be no more than a fact about it: the names of such fields are passed over (about()).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# What stands between the name of an object and that of a field in it (flat.py): "secret>a".
WITHIN = ">"
_GAP = rb"(?:\s|\\{1,31}+[nrt]){0,80}+"
_QUOTE = rb"\\{0,31}+[\"'`]"
_LIST = re.compile(rb"\[" + _GAP)
_ITEM = re.compile(
    rb"(?P<quote>"
    + _QUOTE
    + rb")(?P<s>(?:(?!(?P=quote))[^\n]){0,512}+)(?P=quote)"
    + _GAP
    + rb"(?P<more>,)?"
    + _GAP
)
_OBJECT = re.compile(rb"\{" + _GAP)
_FIELD = re.compile(
    rb"(?P<by>"
    + _QUOTE
    + rb")?(?P<key>[\w.:/@ -]{1,80}?)(?(by)(?P=by))"
    + _GAP
    + rb":"
    + _GAP
    + rb"(?:(?P<open>\{)"
    rb"|(?P<quote>" + _QUOTE + rb")(?P<s>(?:(?!(?P=quote))[^\n]){0,2048}+)(?P=quote)"
    rb"|\[[^\[\]{}]{0,400}\]|[\w.+-]{1,40})" + _GAP + rb"(?P<shut>(?:\}" + _GAP + rb"){0,20}),?" + _GAP
)
_MOST = 60
_OBJECTS = re.compile(
    r"(?:.*[_.-])?(?:secrets?|credentials|passwords|creds)|.*(?:Secrets?|Credentials|Passwords)", re.S
)
_SPLIT = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


def holds(name: str) -> bool:
    """Whether the fields of an object of this name are secrets, whatever they are called."""
    return WITHIN in name or _OBJECTS.fullmatch(name) is not None


def about(key: str, facts: frozenset[str]) -> bool:
    """Whether a field of a secret tells one of these facts about it: its name, its type, its region."""
    words = [word.lower() for word in _SPLIT.findall(key)]
    return not words or not facts.isdisjoint(words)


def items(raw: bytes, at: int) -> Iterator[tuple[int, int]]:
    """(begin, end) of the texts in the list that begins at `at`."""
    opened = _LIST.match(raw, at)
    if opened is None:
        return
    at = opened.end()
    for _ in range(_MOST):
        item = _ITEM.match(raw, at)
        if item is None:
            return
        yield item.span("s")
        if not item["more"]:
            return
        at = item.end()


def fields(raw: bytes, at: int) -> Iterator[tuple[int, int, str]]:
    """(begin, end, name) of the texts in the object that begins at `at`, and in objects in it."""
    opened = _OBJECT.match(raw, at)
    if opened is None:
        return
    at, depth = opened.end(), 1
    for _ in range(_MOST):
        field = _FIELD.match(raw, at)
        if field is None:
            return
        if field["open"]:
            depth += 1
        elif field["quote"]:
            yield *field.span("s"), field["key"].decode("latin-1")
        depth -= field["shut"].count(b"}")
        if depth <= 0:
            return
        at = field.end()
