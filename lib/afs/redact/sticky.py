"""What is known of one conversation: values found anywhere in it, in every form that they are written in.

A value is looked for plain, as it stands in JSON text (and JSON text within JSON text), percent-encoded,
as HTML and double-quoted shell words write it, and in base64, at each of the three offsets that it can
have there. Names of people and machines are looked for where names stand (names.py).
"""

from __future__ import annotations

import base64
import json
import re
from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING

from afs.redact.known import also
from afs.redact.names import Positions, user_names
from afs.redact.needles import spots
from afs.redact.search.colours import bare, views
from afs.redact.search.scan import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from afs.redact.known import Known, Name
    from afs.redact.needles import Spots
    from afs.redact.rules import Rule

# Values shorter than _STICKY are replaced only where they were found, unless they are plainly made up;
# up to _GLUED only as whole words.
_STICKY = 8
_SHORTEST = 6
_GLUED = 16
# Base64 of less than this many bytes turns up by chance.
_ENCODED = 8
_BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_-"
_BASE64_RUN = re.compile(r"[A-Za-z0-9+/_-]*={0,2}")
_SHELL = re.compile(r'([\\"$`])')
# Characters that are written as they are everywhere.
_SAME = re.compile(r"[A-Za-z0-9_.-]*")
_USER = "home-path"
# With more forms than this they are looked for together.
_FEW = 300
_BEFORE_WORD = re.compile(
    r"(?<![A-Za-z0-9])|(?<=\\[nrt])|(?<=%[0-9A-Fa-f]{2})|(?<=\\u00[0-9a-fA-F]{2})|(?<=\\x[0-9a-fA-F]{2})"
)
_AFTER_WORD = re.compile(r"[A-Za-z0-9]")
_ONE_MORE = (1).__add__


class Held:
    """The values and names of one conversation, beside those of `base`, which are known in every one.

    `rules` are the rules by their id, `strength` is the judge's.
    """

    def __init__(
        self, rules: Mapping[str, Rule], strength: Callable[[str], int], base: Held | None = None
    ) -> None:
        self._rules, self._strength, self._base = rules, strength, base
        self._values: dict[str, tuple[str, str]] = {}  # value -> type, rule
        self._plain: dict[str, str] = {}  # form -> value
        self._encoded: dict[str, str] = {}  # what base64 of a value holds -> value
        self._whole: dict[str, str] = {}  # base64 of a value and of nothing else -> value
        self._names: set[Name] = set()
        self._spots: Spots = spots(())
        self._positions: Positions | None = None
        self._stale = False

    def __len__(self) -> int:
        """How much is known; it grows when something new is learnt."""
        return len(self._values) + len(self._names)

    def __repr__(self) -> str:
        return f"Held({len(self._values)} values, {len(self._names)} names)"

    def knows(self) -> bool:
        """Whether there is anything to look for."""
        return bool(self._values or self._names) or (self._base is not None and self._base.knows())

    # --- learning -----------------------------------------------------------------------------------

    def know(self, known: Known) -> None:
        """Take in what is known from outside."""
        for value, kind in known.values if "known-value" in self._rules else ():
            self._add(value, kind, "known-value")
            for other in also(value):
                for form in _forms(other):
                    self._plain.setdefault(bare(form), value)
        self._name(known.names)

    def learn(self, text: str, findings: Iterable[Finding]) -> None:
        """Take in what was found in a text."""
        for one in findings:
            secret = bare(text[one.start : one.end])
            if one.rule == _USER:
                self._name(user_names(secret))
            elif one.type and self._rules[one.rule].sticky and secret not in self._plain:
                value = unescaped(secret)
                if self._telling(value):
                    self._add(value, one.type, one.rule)
                    self._plain.setdefault(secret, value)

    def _name(self, new: Iterable[Name]) -> None:
        wanted = {name for name in new if f"known-{name.kind}" in self._rules} - self._names
        if wanted:
            self._names |= wanted
            self._stale = True

    def _telling(self, secret: str) -> bool:
        """Whether a value says enough to be replaced wherever it stands: no plain word, no number."""
        if len(secret) >= _STICKY:
            return len(secret) >= 24 or self._strength(secret) >= 2
        return len(secret) >= _SHORTEST and self._strength(secret) >= 3

    def _add(self, value: str, kind: str, rule: str) -> None:
        if value in self._values:
            return
        self._values[value] = kind, rule
        for form in _forms(value):
            self._plain.setdefault(bare(form), value)
        for data in [each.encode("utf-8", "surrogatepass") for each in dict.fromkeys((value, bare(value)))]:
            for core in _cores(data):
                self._encoded.setdefault(core, value)
            for run in _runs(data):
                self._whole.setdefault(run, value)
        self._stale = True

    # --- looking ------------------------------------------------------------------------------------

    def value(self, secret: str) -> str:
        """The value that a form of it stands for; the text itself, unescaped, where it is none."""
        secret = bare(secret)
        for held in (self, self._base):
            if held is not None:
                value = held._plain.get(secret) or held._whole.get(secret)
                if value is not None:
                    return value
        return unescaped(secret)

    def find(self, text: str, field: str = "") -> list[Finding]:
        """Where a text, the value of a `field`, holds what is known. Those of `base` may overlap others."""
        found: list[Finding] = []
        for seen, back in views(text):
            for one in self._find(seen, field):
                start, end = back(one.start, one.end) if back else one[:2]
                found.append(one._replace(start=start, end=end))
        return found

    def _find(self, text: str, field: str) -> list[Finding]:
        if self._stale:
            self._make()
        found = self._base._find(text, field) if self._base is not None else []
        if self._values:
            found += self._search(text)
        if self._positions is not None:
            found += self._positions.find(text, field)
        return found

    def find_all(
        self, texts: list[str], names: list[str | None], hiding: Collection[int]
    ) -> dict[int, list[Finding]]:
        """What find() finds in each of many texts, by its number; `names` are the fields that they are in,
        `hiding` are the numbers of those that hold what is not seen."""
        if not self.knows():
            return {}
        out: dict[int, list[Finding]] = {}
        for number in sorted(self._touched(texts).union(hiding)):
            find = self.find if number in hiding else self._find
            if found := find(texts[number], names[number] or ""):
                out[number] = found
        return out

    def _touched(self, texts: list[str]) -> set[int]:
        """The numbers of texts that may hold something as they are, told by one look at all of them."""
        together = "\n".join(texts)
        spots: list[int] = []
        for held in (self, self._base):
            if held is None:
                continue
            if held._stale:
                held._make()
            for look in (held._spots, held._positions.spots if held._positions else None):
                if look is not None:
                    spots += [start for start, _ in look(together)]
        if not spots:  # in few records there are any
            return set()
        starts = list(accumulate(map(_ONE_MORE, map(len, texts)), initial=0))
        return {bisect_right(starts, start) - 1 for start in spots}

    def _search(self, text: str) -> Iterator[Finding]:
        """Of values that overlap the union is found, under the name of the first."""
        first, last, kind, rule = 0, 0, "", ""
        for start, end in sorted(self._places(text), key=lambda place: (place[0], -place[1])):
            form = text[start:end]
            value = self._plain.get(form)
            if value is None:  # all of the base64 that it stands in
                if end <= last:
                    continue
                value = self._encoded[form]
                left = text[last:start]
                start = last + len(left.rstrip(_BASE64))
                run = _BASE64_RUN.match(text, end)
                end = run.end() if run else end
            if start < last:
                last = max(last, end)
                continue
            if last:
                yield Finding(first, last, kind, rule)
            first, last = start, end
            kind, rule = self._values[value]
        if last:
            yield Finding(first, last, kind, rule)

    def _places(self, text: str) -> Iterator[tuple[int, int]]:
        """(start, end) of every form in a text, short ones as words of their own."""
        for start, end in self._spots(text):
            glued = end - start >= _GLUED or text[start:end] in self._encoded
            if glued or _alone(text, start, end):
                yield start, end

    def _make(self) -> None:
        """Make ready what looks for the values and names."""
        self._stale = False
        self._spots = spots([*self._plain, *self._encoded], _FEW)
        self._positions = Positions(sorted(self._names)) if self._names else None


def _alone(text: str, start: int, end: int) -> bool:
    """Whether nothing that words are made of stands beside a form."""
    return _AFTER_WORD.match(text, end) is None and _BEFORE_WORD.match(text, start) is not None


# --- forms ------------------------------------------------------------------------------------------


def unescaped(secret: str) -> str:
    """A value as it reads once its JSON escapes are taken off, so that it has one number in any depth."""
    for _ in range(3):
        if "\\" not in secret:
            break
        try:
            inner = json.loads(f'"{secret}"')
        except ValueError:
            break
        secret = inner
    return secret


def _forms(value: str) -> Iterator[str]:
    """A value plain and as other texts write it: JSON to three levels, percent codes, HTML, shell."""
    from html import escape
    from urllib.parse import quote, quote_plus

    yield value
    if _SAME.fullmatch(value):
        return
    for ascii_only in (False, True):
        form = value
        for _ in range(3):
            escaped = json.dumps(form, ensure_ascii=ascii_only)[1:-1]
            if escaped == form:
                break
            yield escaped
            form = escaped
    data = value.encode("utf-8", "surrogatepass")
    for safe in ("", "/", "!*'()", "/:@!$&'()*+,;=~"):  # of Python, shells, and the two of JavaScript
        for coded in (quote(data, safe=safe), quote_plus(data, safe=safe)):
            yield coded
            yield re.sub(r"%[0-9A-F]{2}", lambda code: code[0].lower(), coded)
    yield escape(value)
    yield _SHELL.sub(r"\\\1", value)


def _runs(data: bytes) -> Iterator[str]:
    """Base64 of a value, in both alphabets, with and without padding."""
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        text = encode(data).decode("ascii")
        yield text
        yield text.rstrip("=")


def _cores(data: bytes) -> Iterator[str]:
    """What any base64 of a longer text holds if the text holds this value: the part that its neighbours
    do not change, for each place in a group of three bytes (RFC 4648), in both alphabets."""
    if len(data) < _ENCODED:
        return
    for shift in range(3):
        text = base64.b64encode(b"\0" * shift + data)
        # 8 bits a byte, 6 a letter: the first and the last letter may hold bits of a neighbour
        first, last = (0, 2, 3)[shift], (shift + len(data)) * 8 // 6
        core = text[first:last].decode("ascii")
        yield core
        yield core.replace("+", "-").replace("/", "_")
