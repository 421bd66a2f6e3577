"""How the values of a conversation are made clean: all at once, or one by one where they are too many."""

from __future__ import annotations

import os
from itertools import chain
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from afs.messages import Stop, say

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Iterator

    from afs.config import Config
    from afs.redact import Redactor

    Values = Callable[[], Iterable[Any]]

# A conversation that is not held is searched until nothing new comes to be known, at most so often.
_ROUNDS = 4


def cleaner(args: argparse.Namespace, config: Config, own: bool) -> Raw | Cleaner:
    """What the options ask for; `own` if the logs are the caller's, who is known by name then."""
    if args.no_redact:
        return Raw()
    from afs.redact import ready

    rules = [*config.rules, *([args.rules] if args.rules else [])]
    return Cleaner(ready((), rules, [*args.known, *(["auto"] if own else [])]))


def is_own(args: argparse.Namespace) -> bool:
    """Whether the logs are the caller's own: who exports a home of his own is known by name."""
    from afs.redact import is_own

    whole = bool(args.home) or not (args.root or args.logs)
    return whole and not args.no_redact and is_own(args.home or os.path.expanduser("~"))


class Raw:
    """What stands in the place of a Cleaner with --no-redact."""

    def text(self, text: str) -> str:
        """The text as it is."""
        return text

    def all(self, values: Values, beside: Values) -> list[Any]:
        """The values as they are."""
        return list(self.each(values, beside))

    def each(self, values: Values, beside: Values) -> Iterator[Any]:
        """The values as they are, one by one."""
        return (SimpleNamespace(value=value, counts={}) for value in values())


class Cleaner:
    """The redactor, as the exporters use it. Values come from functions that make them anew at each call."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor

    def text(self, text: str) -> str:
        """A text without secrets and names of people."""
        (result,) = self._redactor.redact_all([text])
        return "other" if isinstance(result, ValueError) else str(result.value)

    def all(self, values: Values, beside: Values) -> list[Any]:
        """Each value redacted, or a ValueError. What one holds, or one of those beside, is known in all."""
        held = list(values())
        return list(self._redactor.redact_all(held, beside())) if held else []

    def each(self, values: Values, beside: Values) -> Iterator[Any]:
        """The same for a conversation too large to be held: made and searched again for every pass."""
        redactor, held = self._redactor, self._redactor.conversation()
        redactor.redact_all([], chain(values(), beside()), held)
        for _ in range(_ROUNDS):
            known = len(held)
            for value in values():
                redactor.redact_all([value], held=held)
            if len(held) == known:
                break
        for value in values():
            (result,) = redactor.redact_all([value], held=held)
            if len(held) != known:  # what is written already may hold what only now is known
                say("a value became known too late in a large conversation; nothing is written")
                raise Stop(1)
            yield result
