"""One text searched for everything that the rule table knows, in plain Python at pipe speed.

The text becomes one byte a character (what is not Latin-1 becomes `?`), so that offsets stay and
every step runs in C. Level 1 looks at runs only: a translation turns characters of tokens into one
letter, a search for 16 of them in a row finds the runs, and one pattern of all prefixes is tried
inside. The other levels start at literal anchors, and their patterns run in a window around a hit.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from afs.redact.kinds import argv, decoded, entropy, finders, foreign, keys, people, prose, vendors
from afs.redact.kinds.assign import Assignments
from afs.redact.kinds.judge import PLACEHOLDER, Judge
from afs.redact.search import accel, colours
from afs.redact.search.anchors import Anchors
from afs.redact.search.runs import Runs, spans
from afs.redact.search.sweep import sweep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from collections.abc import Set as AbstractSet

    from afs.redact.rules import Rule
    from afs.redact.search.anchors import Block

    Place = tuple[int, int, Rule]
    Look = Callable[[bytes, int], Iterable[Place]]


class Finding(NamedTuple):
    """What a rule found: text[start:end], in characters."""

    start: int
    end: int
    type: str
    rule: str


_DONE = re.compile(PLACEHOLDER.pattern.encode())
_INK = re.compile(rb"[A-Za-z0-9]")
_WINDOW = 512
# So many characters are searched before it is worth while to load hyperscan and its database.
_WORTH = 1 << 18
_MARKS = bytes.maketrans(b"?\x1a", b"\xb7?")
# Fields whose values have a form of their own.
_HEADER = re.compile(
    r"(?i)cookie|authorization|phone|mobile|(?<![a-z])tel(?![a-z])|fax|msisdn|whatsapp|ssn|social|iban|card|visa"
)


class Scanner:
    """The rules made ready. Patterns are compiled when their anchor is first met."""

    def __init__(
        self, rules: Iterable[Rule], words: dict[str, list[str]], accelerated: bool | None = None
    ) -> None:
        """`accelerated`: with hyperscan where it is installed (None), at once (True), or never (False)."""
        self._judge = Judge(words)
        self.strength = self._judge.strength
        self._patterns: dict[str, re.Pattern[bytes]] = {}
        self._finders: dict[str, finders.Finder] = {
            "private-key": keys.private_key,
            "private-lines": keys.private_lines,
            "key-body": keys.key_body,
            "jwk": finders.jwk,
            "kubernetes": finders.kubernetes(self._judge),
            "cookies": finders.cookies(self._judge),
            "login-pair": prose.pair(self._judge),
            "email": people.email(words),
            "home": people.home(words),
            "tilde": people.tilde(words),
            "login": people.login(words),
            "key-comment": people.key_comment(words),
        }
        rules = list(rules)
        self._by_id = {rule.id: rule for rule in rules}
        self._random = self._by_id.get("random-run")
        self._services = vendors.services(words)
        vendor = vendors.vendor(words, self._judge, self._services)
        run_finders = {"vendor": vendor, "random": entropy.random_run}
        last = [(run_finders[rule.finder], rule) for rule in rules if rule.finder in run_finders]
        self._vendors = [pair for pair in last if pair[1].finder == "vendor"]
        # The sweep looks through a whole text at once and says which rule's finder each place belongs to.
        self._swept = {rule.finder: rule for rule in rules if rule.level == 5 and not rule.anchors}
        self._runs = Runs((rule for rule in rules if rule.level == 1), self._finders, last)
        self.assignments = Assignments((rule for rule in rules if rule.level == 3), self._judge, words)
        anchors: dict[tuple[bytes, bytes], list[Look]] = {}
        anchored: dict[tuple[bytes, bytes], list[Rule]] = {}
        for rule in rules:
            if rule.level == 1 or not rule.anchors:
                continue
            look = self._look(rule)
            for anchor in rule.anchors:
                looks = anchors.setdefault((rule.gate.encode(), anchor.encode()), [])
                anchored.setdefault((rule.gate.encode(), anchor.encode()), []).append(rule)
                if look not in looks:
                    looks.append(look)
        self._anchors = Anchors(anchors)
        self._gate: accel.Gate | None = None
        self._until = 0 if accelerated else _WORTH if accelerated is None and accel.wanted() else -1
        self._rules, self._anchored = rules, list(anchored.items())

    def _look(self, rule: Rule) -> Look:
        if rule.level == 3:
            return self.assignments.at
        return self._finder(rule) if rule.finder else self._window(rule)

    # --- anchors ------------------------------------------------------------------------------------

    def _window(self, rule: Rule) -> Look:
        """A level 2 or 5 pattern: it begins at its anchor, or up to `before` characters earlier."""
        before, least, strength = rule.before, rule.least, self._judge.strength
        basic = "basic" in rule.check

        def look(raw: bytes, at: int) -> Iterable[Place]:
            pattern = self._pattern(rule.re)
            match = None
            if not before:
                match = pattern.match(raw, at)
            else:
                for begin in range(max(0, at - before), at + 1):
                    match = pattern.match(raw, begin, begin + _WINDOW)
                    if match is not None:
                        break
            if match is None:
                return ()
            value = match["s"].decode("latin-1")
            if not value or (least and strength(value) < least) or PLACEHOLDER.fullmatch(value):
                return ()
            if basic and not finders.basic(match["s"]):
                return ()
            return ((match.start("s"), match.end("s"), rule),)

        return look

    def _finder(self, rule: Rule) -> Look:
        finder = self._finders[rule.finder]

        def look(raw: bytes, at: int) -> Iterable[Place]:
            return [(start, end, rule) for start, end in finder(raw, at)]

        return look

    def _pattern(self, source: str) -> re.Pattern[bytes]:
        pattern = self._patterns.get(source)
        if pattern is None:
            pattern = self._patterns[source] = re.compile(source.encode("ascii"))
        return pattern

    # --- all of it ----------------------------------------------------------------------------------

    def find(self, text: str, layer: int = 0) -> tuple[Finding, ...]:
        """Every finding in a text, in order, none overlapping another; `layer` encodings were taken off."""
        return self.look(text, layer)[0]

    def look(self, text: str, layer: int = 0) -> tuple[tuple[Finding, ...], bool]:
        """The same, and whether the text holds what is not seen."""
        raw = _bytes(text)
        alive, blocks = self._told(raw)
        hides = colours.hides(text) if accel.UNSEEN in alive else colours.has_marks(text)
        if not hides:
            plain = self._found(raw, alive, blocks, layer) if alive else ()
            return self._foreign(text, plain, layer), False
        found: list[Finding] = []
        for seen, back in colours.views(text):
            if seen is not text:
                raw = _bytes(seen)
                alive, blocks = self._told(raw)
            for one in self._found(raw, alive, blocks, layer):
                start, end = back(one.start, one.end) if back else one[:2]
                found.append(one._replace(start=start, end=end))
        return self._foreign(text, self.merged(found), layer), True

    def _foreign(self, text: str, found: tuple[Finding, ...], layer: int) -> tuple[Finding, ...]:
        """What was found in a text, and what shows once names in other languages are read."""
        view = foreign.view(text)
        if view is None:
            return found
        raw, back = _bytes(view[0]), view[1]
        more = []
        for one in self._found(raw, *self._told(raw), layer):
            start, end = back(one.start, one.end)
            shut = foreign.end(text, start, end)
            if shut > start and (shut == end or self.strength(text[start:shut]) > 1):
                more.append(one._replace(start=start, end=shut))
        return self.merged([*found, *more])

    def _found(
        self, raw: bytes, alive: AbstractSet[int], blocks: list[Block] | None, layer: int
    ) -> tuple[Finding, ...]:
        runs = spans(raw) if len(raw) > 15 and not alive.isdisjoint(accel.IN_RUNS) else []
        places = (
            list(self._runs.find(raw, runs, accel.TOKENS in alive, accel.OTHERS in alive)) if runs else []
        )
        if layer < decoded.DEPTH and accel.ENCODED in alive:
            places += decoded.places(raw, runs, lambda inner: self._hidden(inner, layer + 1))
        if not layer and accel.LISTS in alive and b'"-' in raw:
            places += argv.places(raw, lambda words: self._hidden(words, 1))
        if blocks is None or blocks:
            low = raw.lower()
            places += self._anchors.find(raw, low, self._anchors.present(low) if blocks is None else blocks)
        for start, end, name in sweep(raw) if self._swept and accel.NUMBERS in alive else ():
            if (rule := self._swept.get(name)) is not None:
                places.append((start, end, rule))
        if places and b"REDACTED_" in raw:
            places = [left for place in places if (left := _beside(raw, place)) is not None]
        return _merged(places) if places else ()

    def _told(self, raw: bytes) -> tuple[AbstractSet[int], list[Block] | None]:
        """What can find anything in a text, as far as that is known before."""
        if self._gate is not None:
            return self._gate(raw)
        if self._until >= 0:
            self._until -= len(raw)
            if self._until <= 0:
                self._until = -1
                self._gate = accel.gate(self._rules, self._anchored)
                return self._told(raw)
        return accel.EVERY, None

    def _hidden(self, text: str, layer: int) -> list[Place]:
        """What a decoded text holds for sure: no run that is only random, and no personal data."""
        found = self.find(text, layer)
        return [(one.start, one.end, rule) for one in found if (rule := self._by_id[one.rule]).level < 4]

    def says(self, name: str) -> bool:
        """Whether the name of a field may say what its value is: in_field() can find something."""
        name = colours.bare(name)
        if len(name) > 80:
            return False
        if self.assignments.name(name) is not None or _HEADER.search(name):
            return True
        if self._vendors and self._services.search(name.encode("latin-1", "replace")):
            return True
        return self._random is not None and entropy.lists(name)

    def in_field(self, name: str, text: str, found: tuple[Finding, ...]) -> tuple[Finding, ...]:
        """What a text holds as the value of a field of this name; `found` is what it holds by itself."""
        name = colours.bare(name)
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
        if rule is None and not found and 16 <= len(text) <= 300:
            raw, shift = _bytes(f"{name}: {text}"), len(name) + 2
            for find, one in self._vendors:
                for begin, end in find(raw, shift, len(raw)):
                    return (Finding(begin - shift, end - shift, one.type, one.id),)
        if rule is None and not found and self._random is not None and entropy.listed(name, text):
            return (Finding(0, len(text), self._random.type, self._random.id),)
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
