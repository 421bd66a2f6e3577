"""Which placeholder stands for which value in one record, and where else the value stands in it."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from afs.redact.scan import alternation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from afs.redact.record import Redactor
    from afs.redact.scan import Finding

    # each(text, name of the field, where, findings known from outside) -> text
    Each = Callable[[str, str, Any, Sequence[Finding]], str]

# Values shorter than this are replaced only where they were found; up to _GLUED only as whole words.
_STICKY = 8
_GLUED = 16


class Unclean(ValueError):
    """A value that still held something after redaction. The message never quotes the value."""


class Names:
    """Which placeholder stands for which value in one record."""

    def __init__(self, redactor: Redactor, value: Any) -> None:
        self._redactor = redactor
        self._keep = {rule.type: rule.keep for rule in redactor.rules if rule.keep}
        self._sticks = {rule.id: rule.level < 5 for rule in redactor.rules}
        self._given: dict[tuple[str, str], str] = {}
        self._last: Counter[str] = Counter()
        self._forms: dict[str, tuple[str, str]] = {}
        self._pattern: re.Pattern[str] | None = None
        self._taken: set[str] | None = None
        self._value = value

    def learn(self, found: Sequence[tuple[str, Sequence[Finding], Any]]) -> None:
        """Give every value found a placeholder, and note the values to look for everywhere else."""
        for text, findings, _ in found:
            for one in findings:
                secret = text[one.start : one.end]
                name = self.placeholder(secret, one.type)
                if self._sticks[one.rule] and len(secret) >= _STICKY and self._telling(secret):
                    for form in _forms(secret):
                        self._forms.setdefault(form, (name, one.type))
        glued = [form for form in self._forms if len(form) >= _GLUED]
        words = [form for form in self._forms if len(form) < _GLUED]
        parts = [alternation(glued)] if glued else []
        if words:
            parts.append(rf"(?:(?<![A-Za-z0-9])|(?<=\\[nrt]))(?:{alternation(words)})(?![A-Za-z0-9])")
        self._pattern = re.compile("|".join(parts)) if parts else None

    def _telling(self, secret: str) -> bool:
        """Whether a value says enough to be replaced wherever it stands: no plain word, no number."""
        return len(secret) >= 24 or self._redactor.strength(secret) >= 2

    def placeholder(self, secret: str, kind: str) -> str:
        plain = _plain(secret)
        keep = self._keep.get(kind, "")
        key = (keep and kind, plain)
        if key not in self._given:
            if self._taken is None:
                self._taken = self._present()
            form = keep or f"REDACTED_{kind}_{{n}}"
            while True:
                self._last[kind] += 1
                name = form.replace("{n}", str(self._last[kind]))
                if name not in self._taken:
                    break
            self._given[key] = name
        return self._given[key]

    def _present(self) -> set[str]:
        """The placeholders that the record holds already."""
        forms = [re.escape(keep).replace(r"\{n\}", "[0-9]+") for keep in self._keep.values()]
        pattern = re.compile("|".join(["REDACTED_[A-Z0-9_]+_[0-9]+", *sorted(forms, key=len, reverse=True)]))
        taken: set[str] = set()

        def each(text: str, name: str, where: Any, outside: Sequence[Finding]) -> str:
            taken.update(pattern.findall(text))
            return text

        self._redactor.walk(self._value, each)
        return taken

    def rewriter(self, counts: Counter[str]) -> Each:
        """A function for walk that puts the placeholders in."""
        pattern = self._pattern

        def stick(match: re.Match[str]) -> str:
            name, kind = self._forms[match[0]]
            counts[kind] += 1
            return name

        def each(text: str, name: str, where: Any, outside: Sequence[Finding]) -> str:
            found = self._redactor.findings(text, name, outside)
            if not found and (pattern is None or pattern.search(text) is None):
                return text
            out = []
            at = 0
            for one in (*found, None):
                gap = text[at : one.start if one else len(text)]
                out.append(pattern.sub(stick, gap) if pattern else gap)
                if one:
                    out.append(self.placeholder(text[one.start : one.end], one.type))
                    counts[one.type] += 1
                    at = one.end
            return "".join(out)

        return each

    def prove(self, text: str, name: str, where: Any, outside: Sequence[Finding]) -> str:
        """A function for walk that raises Unclean where a value is still there."""
        if self._pattern is not None and self._pattern.search(text):
            raise Unclean("a value was found once more after its replacement")
        return text


def _plain(secret: str) -> str:
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


def _forms(secret: str) -> Iterator[str]:
    """A value plain and as it stands in JSON text, in JSON text within JSON text, and so on."""
    form = _plain(secret)
    yield secret
    for _ in range(3):
        yield form
        escaped = json.dumps(form, ensure_ascii=False)[1:-1]
        if escaped == form:
            break
        form = escaped
    ascii_form = json.dumps(_plain(secret))[1:-1]
    if ascii_form != secret:
        yield ascii_form
