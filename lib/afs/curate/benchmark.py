"""The items of a benchmark: JSON lines of any shape, or plain text with an item a line.

An item is a question with what belongs to it. Of a JSON object the fields that usually hold one are
read, or those that are named; text in arrays and objects below them counts too.
"""

from __future__ import annotations

from afs import jsonl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any, NamedTuple
else:
    from collections import namedtuple

QUESTIONS = (
    "question", "prompt", "instruction", "problem", "query", "goal", "ctx", "sentence", "turns", "text",
    "input", "messages", "conversations",
)  # fmt: skip
ANSWERS = (
    "answer", "answers", "output", "solution", "canonical_solution", "completion", "response", "target",
    "choices", "options", "endings", "expected", "reference",
)  # fmt: skip
_IDS = ("id", "item_id", "sample_id", "task_id", "question_id", "_id")
_ASKING = ("user", "human")
_DEPTH = 4

if TYPE_CHECKING:

    class Item(NamedTuple):
        """A text of an item: its file, line and id (or None), the field, and whether it is an answer."""

        path: str
        line: int
        name: str | int | None
        field: str
        answer: bool
        text: str
else:
    Item = namedtuple("Item", "path line name field answer text")


class Empty(ValueError):
    """A reference in which there is nothing to look for."""


def items(path: str, fields: Sequence[str], wrong: Callable[[str], None]) -> Iterator[Item]:
    """The texts of a reference file, plain or packed. `fields` are paths with dots; none means the usual.

    `wrong` is called with what is wrong with a line that cannot be used. Raises Empty where a file holds
    no text, and OSError and jsonl.Corrupt for a file that cannot be read.
    """
    lines = ((number, line) for number, line in jsonl.lines(path) if line and not line.isspace())
    number, first = next(lines, (0, b""))
    if not number:
        raise Empty(f"{path}: is empty; name a file with the items of a benchmark")
    found = 0
    rest = _chain((number, first), lines)
    if first.lstrip()[:1] in (b"{", b"["):
        try:
            jsonl.decode(first)
        except jsonl.Bad:
            if next(lines, None) is not None:
                raise Empty(f"{path}: is JSON, but not an object a line; try jq -c '.[]'") from None
        texts = _of_objects(path, rest, fields, wrong)
    else:
        texts = (
            Item(path, number, None, "line", False, line.decode("utf-8", "replace")) for number, line in rest
        )
    for item in texts:
        found += 1
        yield item
    if not found:
        asked = ", ".join(fields or (*QUESTIONS, *ANSWERS))
        raise Empty(f"{path}: has no text in any of the fields {asked}; name one with --field")


def _chain(first: tuple[int, bytes], rest: Iterator[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    yield first
    yield from rest


def _of_objects(
    path: str, lines: Iterator[tuple[int, bytes]], fields: Sequence[str], wrong: Callable[[str], None]
) -> Iterator[Item]:
    asked = [(field, field.split(".")) for field in fields or (*QUESTIONS, *ANSWERS)]
    for number, line in lines:
        try:
            record = jsonl.decode(line)
        except jsonl.Bad as error:
            wrong(f"{path}:{number}: {error.what}; its item is not looked for")
            continue
        if type(record) is not dict:
            wrong(f"{path}:{number}: not a JSON object; its item is not looked for")
            continue
        name = next((record[key] for key in _IDS if type(record.get(key)) in (str, int)), None)
        for field, keys in asked:
            value: Any = record
            for key in keys:
                value = value.get(key) if type(value) is dict else None
            answers = keys[-1] in ANSWERS
            for text, answer in _texts(value, answers, 0):
                yield Item(path, number, name, field, answer, text)


def _texts(value: Any, answer: bool, depth: int) -> Iterator[tuple[str, bool]]:
    """The strings in a value. What another than the user says in a conversation is an answer."""
    if type(value) is str:
        yield value, answer
    elif depth == _DEPTH:
        return
    elif type(value) is list:
        for inner in value:
            yield from _texts(inner, answer, depth + 1)
    elif type(value) is dict:
        role = value.get("role", value.get("from"))
        if type(role) is str:
            if role != "system":
                said = value.get("content", value.get("value"))
                yield from _texts(said, answer or role not in _ASKING, depth + 1)
            return
        for key, inner in value.items():
            if key not in ("id", "label", "type"):
                yield from _texts(inner, answer, depth + 1)
