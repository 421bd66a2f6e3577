"""One text searched for everything that the rule table knows, in plain Python at pipe speed.

The text becomes one byte a character (what is not Latin-1 becomes `?`), so that offsets stay and
every step runs in C. Level 1 looks at runs only: a translation turns characters of tokens into one
letter, a search for 16 of them in a row finds the runs, and one pattern of all prefixes is tried
inside. The other levels start at literal anchors, and their patterns run in a window around a hit.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from afs.redact import finders, keys, people
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
_ESCAPE = re.compile(
    rb"(?<=\\)(?:u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|033|[nrtbfve0])|(?<=%)[0-9A-Fa-f]{2}"
    rb"|(?<=[\[;])[0-9;]{0,12}m"
)
_DONE = re.compile(PLACEHOLDER.pattern.encode())
_INK = re.compile(rb"[A-Za-z0-9]")
_WINDOW = 512
# A payload is matched in so many bytes, and once accepted taken on to the end of its characters.
_PAYLOAD = 4096
_TAIL = re.compile(rb"[A-Za-z0-9_-]{8,4096}+")
_REST = re.compile(rb"[A-Za-z0-9_+/=.-]*+")
# The search goes on this far before the end of what was found: a name may be the end of a value.
_OVERLAP = 64
_MARKS = bytes.maketrans(b"?\x1a", b"\xb7?")
# Fields whose values have a form of their own.
_HEADER = re.compile(r"(?i)cookie|authorization")


class Scanner:
    """The rules made ready. Patterns are compiled when their anchor is first met."""

    def __init__(self, rules: Iterable[Rule], words: dict[str, list[str]]) -> None:
        self._judge = Judge(words)
        self.strength = self._judge.strength
        self._patterns: dict[str, re.Pattern[bytes]] = {}
        self._finders: dict[str, finders.Finder] = {
            "private-key": keys.private_key,
            "private-lines": keys.private_lines,
            "key-body": keys.key_body,
            "jwk": finders.jwk,
            "kubernetes": finders.kubernetes,
            "cookies": finders.cookies(self._judge),
            "email": people.email(words),
            "home": people.home(words),
        }
        rules = list(rules)
        self._by_id = {rule.id: rule for rule in rules}
        self._prefixes(rule for rule in rules if rule.level == 1)
        self.assignments = Assignments((rule for rule in rules if rule.level == 3), self._judge, words)
        anchors: dict[tuple[bytes, bytes], list[Look]] = {}
        for rule in rules:
            if rule.level == 1:
                continue
            look = self._look(rule)
            for anchor in rule.anchors:
                looks = anchors.setdefault((rule.gate.encode(), anchor.encode()), [])
                if look not in looks:
                    looks.append(look)
        self._gates = [
            (gate, [(anchor, looks) for (other, anchor), looks in anchors.items() if other == gate])
            for gate in sorted({gate for gate, _ in anchors})
        ]

    def _look(self, rule: Rule) -> Look:
        if rule.level == 3:
            return self.assignments.at
        return self._finder(rule) if rule.finder else self._window(rule)

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
            start: [pair for size in range(len(start), 0, -1) for pair in by_start.get(start[:size], ())]
            for start in by_start
        }
        body = alternation(start.decode() for start in self._starts).encode()
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
            if escape is not None:
                place = self._claim(raw, escape.end())
                if place is not None:
                    yield place
                    start = place[1]
            for pattern, least, more in ((self._start, 0, 32), (self._shape, 24, 96)):
                at = start
                while run.end() - run.start() >= least and at < end:
                    hit = pattern.search(raw, at, end + more)
                    if hit is None or hit.start() >= end:
                        break
                    place = self._claim(raw, hit.start())
                    at = hit.start() + 1
                    if place is not None:
                        yield place
                        at = max(place[1], at)
                        done = max(done, at)
            done = max(done, end)

    def _claim(self, raw: bytes, at: int) -> Place | None:
        """The longest token that begins at `at`."""
        best: Place | None = None
        start = self._start_here.match(raw, at)
        if start is not None and len(start[0]) < 6 and _amid_random(raw, at):
            start = None
        for size, rule in self._starts[start[0]] if start is not None else ():
            end = self._payload(raw, at, at + size, rule)
            if end > (best[1] if best else 0):
                best = at, end, rule
        if best is None:
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

    # --- anchors ------------------------------------------------------------------------------------

    def _window(self, rule: Rule) -> Look:
        """A level 2 or 5 pattern: it begins at its anchor, or up to `before` characters earlier."""
        before, least, strength = rule.before, rule.least, self._judge.strength
        basic = "basic" in rule.check

        def look(raw: bytes, at: int) -> Iterator[Place]:
            pattern = self._pattern(rule.re)
            match = None
            for begin in range(max(0, at - before), at + 1):
                match = pattern.match(raw, begin, begin + _WINDOW) if before else pattern.match(raw, begin)
                if match is not None:
                    break
            if match is None:
                return
            value = match["s"].decode("latin-1")
            if least and strength(value) < least:
                return
            if basic and not finders.basic(match["s"]):
                return
            if value and not PLACEHOLDER.fullmatch(value):
                yield match.start("s"), match.end("s"), rule

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
        raw = _bytes(text)
        low = raw.lower()
        places = list(self._runs(raw)) if len(raw) > 15 else []
        for gate, anchors in self._gates:
            if gate and gate not in raw:
                continue
            for anchor, looks in anchors:
                at = low.find(anchor)
                while at >= 0:
                    after = at + 1
                    for look in looks:
                        for place in look(raw, at):
                            places.append(place)
                            after = max(after, place[1] - _OVERLAP)
                    at = low.find(anchor, after)
        if places and b"REDACTED_" in raw:
            places = [left for place in places if (left := _beside(raw, place)) is not None]
        return _merged(places) if places else ()

    def in_field(self, name: str, text: str, found: tuple[Finding, ...]) -> tuple[Finding, ...]:
        """What a text holds as the value of a field of this name; `found` is what it holds by itself."""
        if len(text) > 4096 or len(name) > 80:
            return found
        rule = self.assignments.field(name, text)
        if rule is not None and all(self._by_id[one.rule].level > 2 for one in found):
            return (Finding(0, len(text), rule.type, rule.id),)
        if rule is None and _HEADER.search(name):
            shift = len(name) + 2
            return self.merged(
                [*found]
                + [
                    one._replace(start=one.start - shift, end=one.end - shift)
                    for one in self.find(f"{name}: {text}")
                    if one.start >= shift
                ]
            )
        return found

    def merged(self, findings: Iterable[Finding]) -> tuple[Finding, ...]:
        """Findings of one text in order, those that overlap made one."""
        places = [(one.start, one.end, self._by_id[one.rule]) for one in findings]
        return _merged(places) if places else ()


def _beside(raw: bytes, place: Place) -> Place | None:
    """A place without the placeholders at its ends, or None where nothing else is in it."""
    start, end, rule = place
    rest = b""
    at = start
    for done in _DONE.finditer(raw, max(0, start - 80), end + 80):
        if done.end() <= start or done.start() >= end:
            continue
        rest += raw[at : max(at, done.start())]
        if done.start() <= start:
            start = done.end()
        if done.end() >= end:
            end = done.start()
        at = done.end()
    rest += raw[at:end]
    return (start, end, rule) if at == place[0] or len(_INK.findall(rest)) > 3 else None


def _bytes(text: str) -> bytes:
    """One byte a character. What Latin-1 lacks becomes a dot in the middle, which no rule knows."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:  # `replace` writes a question mark, which rules for URLs do know
        return text.replace("?", "\x1a").encode("latin-1", "replace").translate(_MARKS)


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
