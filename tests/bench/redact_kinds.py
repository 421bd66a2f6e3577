"""The kinds of secret, of personal data and of decoy, each as a function that writes one down."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import redact_contexts as contexts
import redact_tables as tables
from redact_contexts import Block
from redact_values import fill

if TYPE_CHECKING:
    import random
    from collections.abc import Callable


class Kind(NamedTuple):
    """A kind of secret, of personal data, or of decoy."""

    name: str
    group: str  # secret, pii, decoy
    make: Callable[[random.Random], Block]
    # Where a value is known by another place alone: that place, and the value.
    reveal: Callable[[random.Random], tuple[Block, Block]] | None = None


def kinds() -> list[Kind]:
    """All kinds, each with the ways in which it is written."""
    out = [Kind(one.name, "secret", _named(one)) for one in tables.tokens()]
    out += [Kind(one.name, "secret", _formed(one)) for one in tables.forms("forms")]
    out += [Kind(name, "secret", _key(title, size)) for name, title, size in tables.KEYS]
    for one in tables.forms("people"):
        beside = [way[1:] for way in one.ways if way.startswith("@")]
        out.append(Kind(one.name, "pii", _formed(one), _revealed(one.template, beside) if beside else None))
    out += [Kind(one.name, "decoy", _decoy(one)) for one in tables.forms("decoys")]
    return out


def _named(token: tables.Token) -> Callable[[random.Random], Block]:
    return lambda chance: contexts.assigned(chance, token.names, fill(chance, token.template), token.free)


def _formed(form: tables.Form) -> Callable[[random.Random], Block]:
    return lambda chance: _written(chance, fill(chance, form.template), form.ways)


def _written(chance: random.Random, value: str, ways: list[str]) -> Block:
    return Block("form", fill(chance, chance.choice(ways)).replace("{v}", value), value)


def _decoy(form: tables.Form) -> Callable[[random.Random], Block]:
    """A decoy is all of what is written, not its value alone."""

    def make(chance: random.Random) -> Block:
        block = _written(chance, fill(chance, form.template), form.ways)
        return block._replace(planted=block.text)

    return make


def _key(title: str, size: int) -> Callable[[random.Random], Block]:
    return lambda chance: contexts.private_key(chance, title, size)


def _revealed(template: str, ways: list[str]) -> Callable[[random.Random], tuple[Block, Block]]:
    def make(chance: random.Random) -> tuple[Block, Block]:
        value = fill(chance, template)
        home = _written(chance, value, list(tables.HOMES))
        return home._replace(style="home"), _written(chance, value, ways)

    return make
