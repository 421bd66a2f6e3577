"""What a redactor left of labelled values, and what it took of clean ones. Strict, and blind to how it works.

A secret is found when no eight characters of it in a row are left in its record, in any depth of JSON
escapes; a shorter one when it is not left itself. Characters that the record holds elsewhere too, where
nothing was planted, do not count. A decoy is lost when it does not stand whole in its record any more.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from redact_records import Conversation, Label

    # The records of one conversation in, as many out.
    Redact = Callable[[list[Any]], list[Any]]

WINDOW = 8
GROUPS = ("secret", "pii", "decoy")
# JSON in JSON in JSON, within strings of a record.
_DEPTH = 4


class Verdict(NamedTuple):
    """A label, whether the redactor did right by it, and what of it was left."""

    label: Label
    right: bool
    left: str
    conversation: int


def strings(value: Any) -> Iterator[str]:
    """Every string of a JSON value, keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)
    elif isinstance(value, (int, float)):
        yield str(value)


def forms(planted: str) -> list[str]:
    """The lines of a value, each as it stands in text, in JSON text, in JSON text within that, in HTML."""
    out: dict[str, None] = {}
    for line in planted.split("\n"):
        plain = line.strip()
        for start in (plain, escape(plain, {'"': "&quot;"}), repr(plain)[1:-1]):
            for ascii_only in (False, True):
                form = start
                for _ in range(_DEPTH + 1):
                    if form:
                        out[form] = None
                    form = json.dumps(form, ensure_ascii=ascii_only)[1:-1]
    return list(out)


def windows(form: str) -> list[str]:
    if len(form) <= WINDOW:
        return [form]
    return [form[at : at + WINDOW] for at in range(len(form) - WINDOW + 1)]


def left(planted: str, before: str, after: str) -> str:
    """The first part of a value that is left in `after`, and that `before` does not hold elsewhere too."""
    shown = forms(planted.replace("\\n", "\n"))
    elsewhere = before
    for form in sorted(shown, key=len, reverse=True):
        elsewhere = elsewhere.replace(form, "\n")
    for form in shown:
        telling = [part for part in windows(form) if part not in elsewhere]
        for part in telling or ([form] if form not in elsewhere else []):
            if part in after:
                return part
    return ""


def judge(conversation: Conversation, redacted: list[Any], number: int = 0) -> Iterator[Verdict]:
    for label in conversation.labels:
        after = "\n".join(strings(redacted[label.record]))
        if label.group == "decoy":
            whole = all(
                any(form in after for form in forms(line)) for line in label.planted.split("\n") if line
            )
            yield Verdict(label, whole, "", number)
        else:
            before = "\n".join(strings(conversation.records[label.record]))
            rest = left(label.planted, before, after)
            yield Verdict(label, not rest, rest, number)


def measure(conversations: Iterable[Conversation], redact: Redact) -> list[Verdict]:
    """Verdicts of all labels of all conversations."""
    out: list[Verdict] = []
    for number, conversation in enumerate(conversations):
        out += judge(conversation, redact(conversation.records), number)
    return out


class Share(NamedTuple):
    """How many of how many were right."""

    right: int
    all: int

    @property
    def percent(self) -> float:
        return 100 * self.right / self.all if self.all else 100.0


def shares(verdicts: Iterable[Verdict], by: Callable[[Verdict], str]) -> dict[str, Share]:
    """Shares by what `by` says of a verdict, worst first, then by name."""
    right: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for verdict in verdicts:
        total[by(verdict)] += 1
        right[by(verdict)] += verdict.right
    made = {name: Share(right[name], total[name]) for name in total}
    return dict(sorted(made.items(), key=lambda item: (item[1].percent, -item[1].all, item[0])))


def whole_kinds(verdicts: Iterable[Verdict]) -> Share:
    """How many kinds of secret and personal data were never missed."""
    missed: dict[str, bool] = defaultdict(bool)
    for verdict in verdicts:
        if verdict.label.group != "decoy":
            missed[verdict.label.kind] |= not verdict.right
    return Share(sum(not value for value in missed.values()), len(missed))
