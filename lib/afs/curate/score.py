"""A score from 0 to 1 for one sample: the signals, their mean, and its rank among sound samples."""

from __future__ import annotations

from bisect import bisect_left

from afs.curate.damage import integrity
from afs.curate.ending import completeness
from afs.curate.language import agreement
from afs.curate.parses import parses
from afs.curate.profiles import SIGNALS
from afs.curate.refusal import directness
from afs.curate.signals import density, originality, outcome, relevance, substance, variety
from afs.curate.stubs import substantial
from afs.curate.view import View

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any

    Parts = dict[str, float | None]

# What a signal of 0 counts as in the mean: it leaves about a tenth, whatever the others say.
_LEAST = 0.02


def check(record: Mapping[str, Any]) -> str:
    """What keeps a record from being rated, or "": instruction and output must be text, input may be."""
    for name in ("instruction", "output"):
        if name not in record:
            return f"field '{name}' is missing"
    for name in ("instruction", "output", "input"):
        if type(record.get(name, "")) is not str and not (name == "input" and record[name] is None):
            return f"field '{name}' must be a string"
    return ""


def _code(view: View) -> float | None:
    """Code that parses and does something: the worse of both."""
    found, whole = substantial(view), parses(view)
    return found if whole is None else whole if found is None else min(found, whole)


_MEASURES: tuple[tuple[str, Callable[[View], float | None]], ...] = (
    ("relevance", relevance),
    ("substance", substance),
    ("completeness", completeness),
    ("variety", variety),
    ("density", density),
    ("directness", directness),
    ("originality", originality),
    ("integrity", integrity),
    ("language", agreement),
    ("code", _code),
    ("outcome", outcome),
)
_UNPARSED = tuple((name, substantial if name == "code" else signal) for name, signal in _MEASURES)


def components(record: Mapping[str, Any], parsers: bool = True) -> Parts:
    """Every signal of a record in which check() finds nothing wrong, to 4 places; None: it cannot tell."""
    view = View(record)
    parts: Parts = {}
    for name, signal in _MEASURES if parsers else _UNPARSED:
        value = signal(view)
        parts[name] = value if value is None or value == 1.0 else round(value, 4)
    return parts


def mean(parts: Mapping[str, float | None], weights: Mapping[str, float]) -> float:
    """The weighted harmonic mean of the signals that could tell, from 0 to 1; 0 where none could.

    Harmonic, so that one good reason against a sample is not outvoted by ten that find nothing.
    """
    total = pull = 0.0
    for name in SIGNALS:
        value = parts[name]
        if value is not None:
            weight = weights[name]
            total += weight
            pull += weight / (value + _LEAST)
    return min(1.0, max(0.0, total / pull - _LEAST)) if pull else 0.0


def rank(value: float, sound: Sequence[float]) -> float:
    """The share of `sound`, which are in order, that are lower, to 4 places."""
    return round(bisect_left(sound, value) / len(sound), 4)


# What is wrong where a signal is low.
_WORDS = {
    "relevance": "takes up little of the question",
    "substance": "the wrong length for the task",
    "completeness": "stops before its end",
    "variety": "repeats itself",
    "density": "says little for its length",
    "directness": "a refusal, an error or an empty form",
    "originality": "says the question again",
    "integrity": "broken characters, or letters or words in no order",
    "language": "another language than the question",
    "code": "code that does not parse or does nothing",
    "outcome": "its flags or its last message tell of trouble",
}
_TELLING = 0.7


def reasons(parts: Mapping[str, float | None], weights: Mapping[str, float]) -> list[str]:
    """What there is against a sample, the weightiest first, as `name value (words)`."""
    low = [
        (-weights[name] / (value + _LEAST), name, value)
        for name, value in parts.items()
        if value is not None and value < _TELLING and weights[name]
    ]
    return [f"{name} {value:g} ({_WORDS[name]})" for _, name, value in sorted(low)]
