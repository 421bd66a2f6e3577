"""What sound samples score: the set that a percentile is the rank in.

calibration.tsv beside this file holds the signals of samples with which nothing is wrong, one a line: its
kind, then each signal in ten-thousandths, - where it cannot tell. The samples are made up from a seed by
tests/bench/score_samples.py (questions and answers in seven languages, code and data, dialogue, agents'
turns); `python tests/bench/bench_score.py --calibrate` writes the file anew. It holds signals and not scores,
so that other weights have their own ranks.
"""

from __future__ import annotations

import os

from afs.curate.profiles import SIGNALS
from afs.curate.score import mean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from afs.curate.score import Parts

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "calibration.tsv")
# Code is rated in two ways: with parsers and without.
COLUMNS = ("kind", *SIGNALS, "code-unparsed")


def sound(profile: str, weights: Mapping[str, float], parsers: bool = True) -> list[float]:
    """The means of the sound samples of a profile, in order; generic is all kinds together."""
    kind = "" if profile == "generic" else profile
    return sorted(mean(parts, weights) for name, parts in _rows(parsers) if not kind or name == kind)


def _rows(parsers: bool) -> Iterator[tuple[str, Parts]]:
    with open(PATH, encoding="utf-8") as file:
        for line in file:
            if line[0] == "#":
                continue
            name, *cells = line.split()
            values = [None if cell == "-" else int(cell) / 10_000 for cell in cells]
            parts = dict(zip(SIGNALS, values, strict=False))
            if not parsers:
                parts["code"] = values[-1]
            yield name, parts


def row(kind: str, parsed: Parts, unparsed: Parts) -> str:
    """A sample's line of calibration.tsv."""
    values = [*(parsed[name] for name in SIGNALS), unparsed["code"]]
    return "\t".join([kind, *("-" if value is None else str(round(value * 10_000)) for value in values)])
