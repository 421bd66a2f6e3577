"""A score from 0 to 1 for one sample: the signals, their weights and their mean."""

from __future__ import annotations

from afs.curate.damage import integrity
from afs.curate.ending import completeness
from afs.curate.refusal import directness
from afs.curate.signals import originality, outcome, relevance, substance, variety
from afs.curate.view import View

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

# Every signal, in the order of quality_components, with its weight.
SIGNALS: dict[str, tuple[Callable[[View], float | None], float]] = {
    "relevance": (relevance, 0.5),
    "substance": (substance, 1.0),
    "completeness": (completeness, 1.0),
    "variety": (variety, 1.0),
    "directness": (directness, 1.0),
    "originality": (originality, 1.0),
    "integrity": (integrity, 1.0),
    "outcome": (outcome, 1.0),
}
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


def rate(record: Mapping[str, Any]) -> tuple[float, dict[str, float | None]]:
    """(quality_score, quality_components) of a record in which check() finds nothing wrong.

    A signal that cannot tell is None and drops out of the mean. The mean is harmonic, so that one good
    reason against a sample is not outvoted by seven that find nothing.
    """
    view = View(record)
    parts: dict[str, float | None] = {}
    total = pull = 0.0
    for name, (signal, weight) in SIGNALS.items():
        value = signal(view)
        if value is not None:
            total += weight
            pull += weight / (value + _LEAST)
            value = round(value, 4)
        parts[name] = value
    mean = total / pull - _LEAST if pull else 0.0
    return round(min(1.0, max(0.0, mean)), 4), parts
