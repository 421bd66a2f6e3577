"""One text searched for everything that the rule table knows, in plain Python at pipe speed.

The text becomes one byte a character (what is not Latin-1 becomes `?`), so that offsets stay and
every step runs in C. Level 1 looks at runs only: a translation turns characters of tokens into one
letter, a search for 16 of them in a row finds the runs, and one pattern of all prefixes is tried
inside. The other levels start at literal anchors, and their patterns run in a window around a hit.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from afs.redact import finders
from afs.redact.assign import Assignments
from afs.redact.judge import PLACEHOLDER, Judge, filler, oddness

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from afs.redact.rules import Rule

    Place = tuple[int, int, Rule]
    Look = Callable[[bytes, int], Iterator[Place]]


class Finding(NamedTuple):
    """What a rule found: text[start:end], in characters."""

    start: int
    end: int
    type: str
    rule: str


_TOKEN = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
_RUN = bytes(97 if byte in _TOKEN else 32 for byte in range(256))
_LONG = re.compile(b"a" * 16 + b"a*+")
# A token may begin with other signs before its first long run: `SG.`, `1//0`, `123456:`, `AtzR|`.
_WIDE = _TOKEN + b".:/+=~|!$"
# What may stand glued before a token: an escape, a percent code, a colour code, an HTML entity.
_ESCAPE = re.compile(rb"(?<=\\)(?:u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|033|[nrtbfve0])|(?<=%)[0-9A-Fa-f]{2}|(?<=[\[;])[0-9;]{0,12}m")
_WINDOW = 512


class Scanner:
    """The rules made ready. Patterns are compiled when their anchor is first met."""

    def __init__(self, rules: Iterable[Rule], words: dict[str, list[str]]) -> None:
        self._judge = Judge(words)
        self._patterns: dict[str, re.Pattern[bytes]] = {}
        self._finders: dict[str, finders.Finder] = {
            "private-key": finders.private_key,
            "private-lines": finders.private_lines,
            "key-body": finders.key_body,
            "kubernetes": finders.kubernetes,
            "cookies": finders.cookies(self._judge),
            "email": finders.email(words),
            "home": finders.home(words),
        }
        rules = list(rules)
        self._prefixes(rule for rule in rules if rule.level == 1)
        self.assignments = Assignments((rule for rule in rules if rule.level == 3), self._judge, words)
        anchors: dict[bytes, list[Look]] = {}
        for rule in rules:
            if rule.level == 3 and not rule.query:
                for anchor in rule.anchors:
                    looks = anchors.setdefault(anchor.encode(), [])
                    if self.assignments.at not in looks:
                        looks.append(self.assignments.at)
            elif rule.level != 1:
                look = self._finder(rule) if rule.finder else self._window(rule)
                for anchor in rule.anchors:
                    anchors.setdefault(anchor.encode(), []).append(look)
        self._anchors = list(anchors.items())

    # --- level 1 ------------------------------------------------------------------------------------

    def _prefixes(self, rules: Iterable[Rule]) -> None:
        by_start: dict[bytes, list[tuple[int, Rule]]] = {}
        self._shapes: list[Rule] = []
        for rule in rules:
            for start in rule.starts:
                by_start.setdefault(start.encode(), []).append((len(start), rule))
            if rule.shape:
                self._shapes.append(rule)
        # A longer start is tried first, then the shorter ones that it begins with.
        self._starts = {
            start: [
                pair
                for size in range(len(start), 0, -1)
                for pair in by_start.get(start[:size], ())
            ]
            for start in by_start
        }
        body = _alternation(sorted(self._starts))
        shapes = b"|".join(rule.shape.encode("ascii") for rule in self._shapes) or rb"(?!)"
        self._start = re.compile(rb"(?<![A-Za-z0-9])(?:" + body + rb")")
        self._start_here = re.compile(body)
        self._shape = re.compile(rb"(?<![A-Za-z0-9])(?:" + shapes + rb")")

    def _runs(self, raw: bytes) -> Iterator[Place]:
        done = 0
        for run in _LONG.finditer(raw.translate(_RUN)):
            start, end = run.span()
            if end <= done:
                continue
            left = raw[max(done, start - 80) : start]
            start -= len(left) - len(left.rstrip(_WIDE))
            escape = _ESCAPE.match(raw, start)
            if escape is not None and self._start_here.match(raw, escape.end()):
                place = self._claim(raw, escape.end())
                if place is not None:
                    yield place
                    start = place[1]
            for pattern in (self._start, self._shape):
                at = start
                while at < end and (hit := pattern.search(raw, at, end + 1)) is not None:
                    place = self._claim(raw, hit.start())
                    if place is not None:
                        yield place
                        at = max(place[1], at + 1)
                        done = max(done, at)
                    else:
                        at = hit.start() + 1
            done = max(done, end)

    def _claim(self, raw: bytes, at: int) -> Place | None:
        start = self._start_here.match(raw, at)
        if start is not None:
            for size, rule in self._starts[start[0]]:
                end = self._payload(raw, at, at + size, rule)
                if end:
                    return at, end, rule
        for rule in self._shapes:
            shape = self._pattern(rule.shape).match(raw, at)
            if shape is not None:
                end = self._payload(raw, at, shape.end(), rule)
                if end:
                    return at, end, rule
        return None

    def _payload(self, raw: bytes, at: int, begin: int, rule: Rule) -> int:
        """Where a token ends that begins at `at` and whose payload begins at `begin`; 0 if it is none."""
        match = self._pattern(rule.then).match(raw, begin)
        if match is None:
            return 0
        end = match.end()
        while raw[end - 1] == 0x2E:
            end -= 1
        payload = raw[begin:end].decode("latin-1")
        if payload and filler(payload):
            return 0
        for check in rule.check:
            if check == "random" and oddness(payload) < 0.25:
                return 0
            if check == "alone" and (raw[at - 1 : at] in (b"+", b"/", b"_", b"-") or raw[end : end + 1] in (b"+", b"/")):
                return 0
            if check == "jwt" and not _jwt(raw[at:end]):
                return 0
        if rule.finder:
            for _, last in self._finders[rule.finder](raw, at):
                end = max(end, last)
        return end

    # --- anchors ------------------------------------------------------------------------------------

    def _window(self, rule: Rule) -> Look:
        """A level 2 or 5 pattern: it begins at its anchor, or up to `before` characters earlier."""
        before, least, strength = rule.before, rule.least, self._judge.strength
        basic = "basic" in rule.check

        def look(raw: bytes, at: int) -> Iterator[Place]:
            pattern = self._pattern(rule.re)
            match = pattern.search(raw, max(0, at - before), at + _WINDOW) if before else pattern.match(raw, at)
            if match is None:
                return
            for name in ("s", "s2"):
                if name not in pattern.groupindex or match[name] is None:
                    continue
                value = match[name].decode("latin-1")
                if least and strength(value) < least:
                    continue
                if basic and not finders.basic(match[name]):
                    continue
                if value and not PLACEHOLDER.fullmatch(value):
                    yield match.start(name), match.end(name), rule

        return look

    def _finder(self, rule: Rule) -> Look:
        finder = self._finders[rule.finder]

        def look(raw: bytes, at: int) -> Iterator[Place]:
            for start, end in finder(raw, at):
                yield start, end, rule

        return look

    def _pattern(self, source: str) -> re.Pattern[bytes]:
        pattern = self._patterns.get(source)
        if pattern is None:
            pattern = self._patterns[source] = re.compile(source.encode("ascii"))
        return pattern

    # --- all of it ----------------------------------------------------------------------------------

    def find(self, text: str) -> tuple[Finding, ...]:
        """Every finding in a text, in order, none overlapping another."""
        raw = text.encode("latin-1", "replace")
        low = raw.lower()
        places = list(self._runs(raw)) if len(raw) > 15 else []
        for anchor, looks in self._anchors:
            at = low.find(anchor)
            while at >= 0:
                for look in looks:
                    places.extend(look(raw, at))
                at = low.find(anchor, at + 1)
        return _merged(places) if places else ()


def _merged(places: list[Place]) -> tuple[Finding, ...]:
    """One finding for all that overlap: the union, under the name of the lowest level."""
    places.sort(key=lambda place: (place[0], -place[1], place[2].level, place[2].id))
    out: list[Finding] = []
    first, last, best = places[0]
    for start, end, rule in places[1:]:
        if start < last:
            last = max(last, end)
            if rule.level < best.level:
                best = rule
        else:
            out.append(Finding(first, last, best.type, best.id))
            first, last, best = start, end, rule
    out.append(Finding(first, last, best.type, best.id))
    return tuple(out)


def _alternation(literals: list[bytes]) -> bytes:
    """A pattern of many literals, longest first, factored by first letters so that few are tried."""
    groups: dict[bytes, list[bytes]] = {}
    for literal in literals:
        groups.setdefault(literal[:1], []).append(literal[1:])
    if not groups:
        return rb"(?!)"
    parts = []
    for head in sorted(groups, reverse=True):
        tails = groups[head]
        if head == b"":
            continue
        inner = _alternation([tail for tail in tails if tail]) if any(tails) else b""
        if inner and b"" in tails:
            inner = b"(?:" + inner + b")?"
        elif inner and b"|" in inner:
            inner = b"(?:" + inner + b")"
        parts.append(re.escape(head) + inner)
    return b"|".join(parts)


def _jwt(token: bytes) -> bool:
    """Whether the first part is JSON, as the header of a token is, and a second looks encoded too."""
    import base64
    import binascii

    head, _, rest = token.partition(b".")
    try:
        plain = base64.urlsafe_b64decode(head + b"=" * (-len(head) % 4))
    except (binascii.Error, ValueError):
        return False
    return plain.startswith(b"{") and (b'"alg"' in plain or b'"enc"' in plain or rest.startswith(b"eyJ"))
