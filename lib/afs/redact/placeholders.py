"""Which placeholder stands for which value in one record, numbered by first appearance."""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from typing import TYPE_CHECKING

from afs import jsonl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from afs.redact.rules import Rule

_GENERAL = re.compile(r"REDACTED_[A-Z0-9_]+_[0-9]+")


class Unclean(ValueError):
    """A value that still held something after redaction. The message never quotes the value."""


class closed(contextlib.ContextDecorator):  # entered faster than a generator
    """Turn a fault of ours into Unclean: it must pass no record on, nor show a value in a traceback."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if kind is None or issubclass(kind, (Unclean, jsonl.Bad)):  # neither quotes the data
            return
        if issubclass(kind, RecursionError):
            raise Unclean("nested too deeply to be searched") from None
        if issubclass(kind, Exception):
            raise Unclean(f"could not be searched ({kind.__name__})") from None


class Keeps:
    """The forms of replacements that stay what they were: addresses, paths. One a rule table."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.forms = {rule.type: (rule.keep, rule.room) for rule in rules if rule.keep}
        every = sorted({form for keep, _ in self.forms.values() for form in keep}, key=len, reverse=True)
        # The longest first: the form of an address begins with the form of a name.
        self._stems = ["REDACTED_", *(form.partition("{")[0] for form in every)]
        parts = [_GENERAL.pattern]
        parts += [
            re.escape(form).replace(r"\{n\}", "[0-9]+").replace(r"\{x\}", "[0-9a-fA-F]+") for form in every
        ]
        self._pattern = re.compile("|".join(parts))

    def names(self, kind: str) -> Iterator[str]:
        """All placeholders of a type, in order."""
        keep, room = self.forms.get(kind, ([], 0))
        general = f"REDACTED_{kind}_"
        number = 0
        for form in keep:
            for index in range(1, room + 1) if room else _count():
                number += 1
                digits = f"{index:x}" if "::{x}" in form else f"{index:02x}"  # a group of IPv6, or two digits
                yield form.replace("{n}", str(index)).replace("{x}", digits)
        for index in _count():
            yield f"{general}{number + index}"

    def present(self, text: str) -> list[str]:
        """The placeholders that a text holds."""
        return self._pattern.findall(text) if any(stem in text for stem in self._stems) else []


def _count() -> Iterator[int]:
    number = 1
    while True:
        yield number
        number += 1


class Placeholders:
    """The placeholders of one record. `taken` are those that it held before; `plain` is what a form of a
    value stands for, so that it has one number in all its forms."""

    def __init__(self, keeps: Keeps, taken: set[str], plain: Callable[[str], str]) -> None:
        self._keeps, self._taken, self._plain = keeps, taken, plain
        self._given: dict[tuple[str, str], str] = {}
        self._names: dict[str, Iterator[str]] = {}
        self.counts: Counter[str] = Counter()

    def put(self, secret: str, kind: str) -> str:
        """The placeholder of a value found; counts it."""
        self.counts[kind] += 1
        return self.of(secret, kind)

    def of(self, secret: str, kind: str) -> str:
        """The placeholder of a value. Where one is kept in form its type tells it from others."""
        key = (kind if kind in self._keeps.forms else "", self._plain(secret))
        name = self._given.get(key)
        if name is None:
            names = self._names.get(kind)
            if names is None:
                names = self._names[kind] = self._keeps.names(kind)
            name = self._given[key] = next(name for name in names if name not in self._taken)
        return name
