"""How much each signal of a score counts, by what the samples are."""

from __future__ import annotations

from afs.messages import fail

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

SIGNALS = (
    "relevance",
    "substance",
    "completeness",
    "variety",
    "density",
    "directness",
    "originality",
    "integrity",
    "language",
    "code",
    "outcome",
)
_EVEN = dict.fromkeys(SIGNALS, 1.0) | {"relevance": 0.8, "density": 0.4}
# In a dialogue short answers are in order and questions lean on what was said before; agents report on work
# whose question may be one word, and how their turn ended tells most.
WEIGHTS: dict[str, Mapping[str, float]] = {
    "generic": _EVEN,
    "dialogue": {**_EVEN, "relevance": 0.5, "substance": 0.5, "density": 0.2},
    "code": {**_EVEN, "relevance": 0.6, "code": 2.0, "density": 0.1},
    "agentic": {**_EVEN, "relevance": 0.4, "substance": 0.7, "outcome": 2.0, "density": 0.2},
}


def weights_of(profile: str, settings: Mapping[str, Mapping[str, float]] | None = None) -> dict[str, float]:
    """The weights of a profile, changed by [score] and [score.PROFILE] of the configuration, in this order.

    A usage error for names that are not known, in any profile, and where nothing is left to count.
    """
    changed = settings or {}
    for name, weights in changed.items():
        if name and name not in WEIGHTS:
            fail(f"the configuration: score.{name} is not known; profiles are {', '.join(WEIGHTS)}")
        for signal in weights:
            if signal not in SIGNALS:
                where = ".".join(part for part in ("score", name, signal) if part)
                fail(f"the configuration: {where} is not known; weights are {', '.join(SIGNALS)}")
    made = {**WEIGHTS[profile], **changed.get("", {}), **changed.get(profile, {})}
    if not sum(made.values()):
        fail("the configuration: [score] leaves no weight above 0")
    return made
