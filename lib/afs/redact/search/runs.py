"""Level 1: formats that name themselves, looked for in long runs of characters of tokens only.

A translation turns characters of tokens into one letter, and a search for 16 of them in a row finds the
runs. In each run the first letters of all formats are tried where a word begins; what begins like a
format is then matched whole. Finders of other levels that judge whole runs are called here, too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from afs.redact.kinds import finders
from afs.redact.kinds.judge import filler, oddness
from afs.redact.search.candidates import candidate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from afs.redact.rules import Rule

    Place = tuple[int, int, Rule]
    RunFinder = Callable[[bytes, int, int], Iterator[tuple[int, int]]]

_TOKEN = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
_RUN = bytes(97 if byte in _TOKEN else 32 for byte in range(256))
_LONG = b"a" * 16
# A token may begin with other signs before its first long run: `SG.`, `1//0`, `123456:`, `AtzR|`.
_WIDE = _TOKEN + b".:/+=~|!$"
_WIDE_SET = frozenset(_WIDE)
# What may stand glued before a token: an escape, a percent code, a colour code, an HTML entity.
_ESCAPE = re.compile(
    rb"(?<=\\)(?:u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|033|[nrtbfve0])|(?<=%)[0-9A-Fa-f]{2}"
    rb"|(?<=[\[;])[0-9;]{0,12}m"
)
_ESCAPES = frozenset(b"\\%[;")
_DIGIT = re.compile(rb"[A-Za-z_-]*+[0-9]")
# What is drawn at random from letters and digits, or from letters of both cases, has one of these.
_DRAWN = re.compile(rb"[^A-Z0-9]*+[A-Z0-9]")
# So many characters of each start are tried at a boundary, and only where they fit the whole table is.
_HINT, _HEAD = 4, 10
_ONE_KIND = re.compile(rf"\(\?:\[([^\]]*)\]\)\{{{_HEAD}(?:,{_HEAD})?\}}")
# How far behind the end of a run a start, and a shape, may reach.
_START_ROOM, _SHAPE_ROOM, _SHAPE_LEAST = 32, 96, 24
# A payload is matched in so many bytes, and once accepted taken on to the end of its characters.
_PAYLOAD = 4096
_TAIL = re.compile(rb"[A-Za-z0-9_-]{8,4096}+")
_REST = re.compile(rb"[A-Za-z0-9_+/=.-]*+")


class Runs:
    """The level 1 rules made ready, and the finders that look at one run that holds a digit."""

    def __init__(
        self,
        rules: Iterable[Rule],
        known: dict[str, finders.Finder],
        last: list[tuple[RunFinder, Rule]],
    ) -> None:
        self._finders, self._last = known, last
        self._patterns: dict[str, re.Pattern[bytes]] = {}
        by_start: dict[bytes, list[tuple[int, Rule]]] = {}
        self._shapes: list[Rule] = []
        for rule in rules:
            for start in rule.starts:
                by_start.setdefault(start.encode(), []).append((len(start), rule))
            if rule.shape:
                self._shapes.append(rule)
        # A longer start is tried first, then the shorter ones that it begins with.
        self._starts = {
            start: [pair for size in range(len(start), 0, -1) for pair in by_start.get(start[:size], ())]
            for start in by_start
        }
        self._start = re.compile(alternation(start.decode() for start in self._starts).encode())
        cut = alternation(sorted({start[:_HINT].decode() for start in self._starts})).encode()
        self._hint = re.compile(rb"[^A-Za-z0-9](?=" + cut + rb")")
        self._hint_first = re.compile(cut)
        shapes = b"|".join(b"(?:" + rule.shape.encode("ascii") + b")" for rule in self._shapes)
        self._shape = re.compile(shapes or rb"(?!)")
        # How the shapes begin; so many signs of one kind, as most of them do, are tried once for all.
        heads = sorted({candidate(rule.shape, _HEAD) for rule in self._shapes})
        kinds = [kind[1] for head in heads if (kind := _ONE_KIND.fullmatch(head))]
        heads = [head for head in heads if not _ONE_KIND.fullmatch(head)]
        if kinds:
            heads.insert(0, f"[{''.join(kinds)}]{{{_HEAD}}}")
        self._shape_hint = re.compile(rb"[^A-Za-z0-9](?=" + ("|".join(heads) or "(?!)").encode() + rb")")

    def find(
        self, raw: bytes, runs: Sequence[tuple[int, int]], tokens: bool = True, others: bool = True
    ) -> Iterator[Place]:
        """Every token in the long runs of a text, and what the finders of runs say of runs without one.

        Without `tokens`, or without `others`, it is known that there are none.
        """
        if not tokens:
            yield from self._others(raw, runs)
            return
        done = 0
        hint, drawn = self._hint.search, _DRAWN.match
        for first, end in runs:
            if end <= done:
                continue
            start = first
            if start and raw[start - 1] in _WIDE_SET:
                left = raw[max(done, start - 80) : start]
                start -= len(left) - len(left.rstrip(_WIDE))
            if drawn(raw, start, end) is None:
                continue  # a name: it may be the beginning of what the next run is the end of
            if start and raw[start - 1] in _ESCAPES:
                escape = _ESCAPE.match(raw, start)
                place = self._claim(raw, escape.end()) if escape is not None else None
                if place is not None:
                    yield place
                    start = place[1]
            at = start
            hinted = hint(raw, start - 1, end + _HINT - 1) if start else True
            for begin in self._begins(raw, start, end) if hinted else ():
                if begin >= at and (place := self._claim(raw, begin)) is not None:
                    yield place
                    at = max(place[1], begin + 1)
                    done = max(done, at)
            if end - first >= _SHAPE_LEAST:
                at = start
                for begin in self._shape_begins(raw, start, end):
                    if begin >= at and (place := self._claim(raw, begin)) is not None:
                        yield place
                        at = max(place[1], begin + 1)
                        done = max(done, at)
            if others and done <= first and _DIGIT.match(raw, first, end) is not None:
                for find, rule in self._last:
                    for begin, last in find(raw, first, end):
                        yield begin, last, rule
                        done = max(done, last)
            done = max(done, end)

    def _others(self, raw: bytes, runs: Sequence[tuple[int, int]]) -> Iterator[Place]:
        done = 0
        for first, end in runs:
            if done <= first and _DIGIT.match(raw, first, end) is not None:
                for find, rule in self._last:
                    for begin, last in find(raw, first, end):
                        yield begin, last, rule
                        done = max(done, last)

    def _begins(self, raw: bytes, start: int, end: int) -> Iterator[int]:
        """Where a start of the table stands from `start` to before `end`, no letter or digit before it."""
        if start >= end:
            return
        if not start and self._hint_first.match(raw, 0) and self._start.match(raw, 0, end + _START_ROOM):
            yield 0
        for hint in self._hint.finditer(raw, max(0, start - 1), end + _HINT - 1):
            at = hint.end()
            if at < end and self._start.match(raw, at, end + _START_ROOM) is not None:
                yield at

    def _shape_begins(self, raw: bytes, start: int, end: int) -> Iterator[int]:
        """The same for the shapes."""
        if start >= end:
            return
        if not start and self._shape.match(raw, 0, end + _SHAPE_ROOM):
            yield 0
        for hint in self._shape_hint.finditer(raw, max(0, start - 1), end + _HEAD):
            at = hint.end()
            if at < end and self._shape.match(raw, at, end + _SHAPE_ROOM) is not None:
                yield at

    def _claim(self, raw: bytes, at: int) -> Place | None:
        """The longest token that begins at `at`."""
        best: Place | None = None
        start = self._start.match(raw, at)
        if start is not None and len(start[0]) < 6 and _amid_random(raw, at):
            start = None
        for size, rule in self._starts[start[0]] if start is not None else ():
            end = self._payload(raw, at, at + size, rule)
            if end > (best[1] if best else 0):
                best = at, end, rule
        if best is None and self._shape.match(raw, at) is not None:
            for rule in self._shapes:
                shape = self._pattern(rule.shape).match(raw, at)
                if shape is not None and (end := self._payload(raw, at, shape.end(), rule)):
                    return at, end, rule
        return best

    def _payload(self, raw: bytes, at: int, begin: int, rule: Rule) -> int:
        """Where a token ends that begins at `at` and whose payload begins at `begin`; 0 if it is none."""
        match = self._pattern(rule.then).match(raw, begin, begin + _PAYLOAD)
        if match is None:
            return 0
        end = match.end()
        while raw[end - 1] == 0x2E:
            end -= 1
        payload = raw[begin : min(end, begin + 128)].decode("latin-1")
        if payload and filler(payload):
            return 0
        for check in rule.check:
            if check == "random" and oddness(payload) < 0.25:
                return 0
            if check == "alone" and (_amid_random(raw, at) or raw[end : end + 1] in (b"+", b"/")):
                return 0
            if check == "jwt" and not finders.jwt(raw[at:end]):
                return 0
        if end == begin + _PAYLOAD and (rest := _REST.match(raw, end)):
            end = rest.end()
        rest = _TAIL.match(raw, end)
        if rest is not None and oddness(rest[0].decode("latin-1")) >= 0.25:
            end = rest.end()  # a vendor made its tokens longer, or another one is glued to this
        if rule.finder:
            for _, last in self._finders[rule.finder](raw, at):
                end = max(end, last)
        return end

    def _pattern(self, source: str) -> re.Pattern[bytes]:
        pattern = self._patterns.get(source)
        if pattern is None:
            pattern = self._patterns[source] = re.compile(source.encode("ascii"))
        return pattern


def spans(raw: bytes) -> list[tuple[int, int]]:
    """Where the long runs of a text stand."""
    seen, out = raw.translate(_RUN) + b" ", []
    at = seen.find(_LONG)
    while at >= 0:
        end = seen.find(b" ", at + len(_LONG))
        out.append((at, end))
        at = seen.find(_LONG, end)
    return out


def alternation(literals: Iterable[str], depth: int = 4) -> str:
    """A pattern of many literals, the longest first, factored by first letters so that few are tried."""
    groups: dict[str, list[str]] = {}
    for literal in literals:
        groups.setdefault(literal[:1], []).append(literal[1:])
    parts = []
    for head in sorted(groups):
        tails = sorted(groups[head], key=lambda tail: (-len(tail), tail))
        if len(tails) == 1:
            parts.append(re.escape(head + tails[0]))
            continue
        rest = [tail for tail in tails if tail]
        inner = alternation(rest, depth - 1) if depth else "|".join(map(re.escape, rest))
        parts.append(f"{re.escape(head)}(?:{inner}){'?' if len(rest) < len(tails) else ''}")
    return "|".join(parts) or "(?!)"


def _amid_random(raw: bytes, at: int) -> bool:
    """Whether a token would begin in the middle of base64, where any short start turns up by chance."""
    if raw[at - 1 : at] not in (b"_", b"-", b"+", b"/"):
        return False
    left = raw[max(0, at - 48) : at]
    left = left[len(left.rstrip(_TOKEN + b"+/")) :]
    return len(left) >= 16 and oddness(left[-32:].decode("latin-1")) >= 0.25
