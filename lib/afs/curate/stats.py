"""Figures of a stream of samples in bounded memory: counts, lengths, names, scores."""

from __future__ import annotations

from collections import Counter

from afs.curate.split import group_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

PERCENTILES = (10, 50, 90, 99)
BINS = 10
# What is counted under a name of its own; further names are counted together as OTHERS.
GROUPS = 100_000
NAMES = 1_000
OTHERS = "(others)"


class Lengths:
    """Lengths as a histogram: exact below 1024, within 0.2 % above."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()
        self._total = 0
        self._least = 1 << 62
        self._most = 0

    def add(self, number: int) -> None:
        """Count one length."""
        shift = max(number.bit_length() - 10, 0)
        self._counts[number >> shift << shift] += 1
        self._total += number
        self._least = min(self._least, number)
        self._most = max(self._most, number)

    def summary(self) -> dict[str, float]:
        """mean, min, percentiles by nearest rank, max and total; empty without any length."""
        many = self._counts.total()
        if not many:
            return {}
        found: dict[str, float] = {"mean": round(self._total / many, 1), "min": self._least}
        below, numbers = 0, iter(sorted(self._counts))
        number = 0
        for percent in PERCENTILES:
            while below * 100 < percent * many:
                number = next(numbers)
                below += self._counts[number]
            found[f"p{percent}"] = max(number, self._least)
        return {**found, "max": self._most, "total": self._total}


def measure(samples: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The figures of samples that sample.check() accepts, as one JSON object.

    characters counts code points; `content` is all that a model would see. groups are what afs-split
    keeps together. Names and groups stand in the order of their counts, the most frequent first.
    """
    count = chats = scored = 0
    total, low, high = 0.0, 1.0, 0.0
    bins = [0] * BINS
    lengths = {name: Lengths() for name in ("instruction", "output", "content")}
    names: dict[str, Counter[str]] = {name: Counter() for name in ("sources", "domains", "models", "flags")}
    groups: Counter[str] = Counter()
    for record in samples:
        count += 1
        chats += bool(record.get("messages"))
        _bump(groups, group_of(record), GROUPS)
        lengths["instruction"].add(len(record["instruction"]))
        lengths["output"].add(len(record["output"]))
        lengths["content"].add(_content(record))
        metadata = record.get("_metadata") or {}
        _bump(names["sources"], record.get("source"), NAMES)
        _bump(names["domains"], record.get("domain"), NAMES)
        _bump(names["models"], record.get("teacher_model") or metadata.get("model"), NAMES)
        flags = metadata.get("flags")
        for flag in flags if type(flags) is list else ():
            _bump(names["flags"], flag, NAMES)
        score = record.get("quality_score")
        if score is not None:
            scored, total, low, high = scored + 1, total + score, min(low, score), max(high, score)
            bins[min(int(score * BINS), BINS - 1)] += 1
    untold = groups.pop(OTHERS, 0)
    return {
        "samples": count,
        "conversations": chats,
        "groups": {"count": len(groups), "largest": max(groups.values(), default=0), "untold": untold},
        "characters": {name: found.summary() for name, found in lengths.items()},
        **{name: dict(sorted(found.items(), key=_rank)) for name, found in names.items()},
        "scores": {
            "scored": scored,
            "mean": round(total / scored, 4) if scored else None,
            "min": low if scored else None,
            "max": high if scored else None,
            "histogram": bins,
        },
    }


def _rank(item: tuple[str, int]) -> tuple[int, str]:
    return -item[1], item[0]


def _bump(counts: Counter[str], name: Any, most: int) -> None:
    """Count a name; one that is empty or no text is none."""
    if name and type(name) is str:
        counts[name if name in counts or len(counts) < most else OTHERS] += 1


def _content(record: Mapping[str, Any]) -> int:
    messages = record.get("messages")
    if not messages:
        return len(record["instruction"]) + len(record.get("input") or "") + len(record["output"])
    size = 0
    for message in messages:
        size += len(message["content"])
        for call in message.get("tool_calls") or ():
            size += len(call["function"]["name"]) + len(call["function"]["arguments"])
    return size
