"""The two jobs of afs-redact: conversations made clean, or only searched; and what is told of both."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING, Any

from afs import jsonl
from afs.messages import show
from afs.redact.findings import listed
from afs.redact.lines import Line, redact_lines, whole
from afs.redact.placeholders import Unclean, closed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from afs.redact.record import Redactor, Seen
    from afs.redact.sticky import Held
    from afs.redact.stream import Batch, Item
    from afs.run import Run


class Report:
    """What a run of afs-redact finds, counted and named. `findings` is the file of --findings."""

    def __init__(self, run: Run, redactor: Redactor, findings: str | None) -> None:
        self._run, self._redactor = run, redactor
        self._out = run.open(findings, private=True) if findings else None
        # A key for this run alone: tags tell equal values apart, and nobody can try values against them.
        self._key = os.urandom(32) if findings else b""

    def clean(self, batch: Batch, held: Held) -> None:
        """Write the records of one conversation made clean; what cannot be is rejected, never passed on."""
        run = self._run
        results = (
            self._text(batch.items[0], held)
            if not batch.items[0].line
            else redact_lines(
                self._redactor, [(item.line, item.value) for item in batch.items], held, batch.stream
            )
        )
        for item, result in zip(batch.items, results, strict=True):
            if isinstance(result, Line):
                try:
                    self._tell(item, item.value, result.seen, held)
                except Unclean as error:
                    self._reject(item, error)
                    continue
                run.tallies["redacted"].update(result.counts)
                for line in [result.text] if item.line else result.text.split(b"\n"):
                    run.write(line)
            else:
                self._reject(item, result)
        if batch.goes_on:
            self._say_cut(batch)

    def _text(self, item: Item, held: Held) -> list[Line | Unclean]:
        (result,) = self._redactor.redact_all([item.value], (), held)
        if isinstance(result, Unclean):
            return [result]
        return [Line(result.value.encode("utf-8", "surrogateescape"), result.counts, result.seen)]

    def check(self, batch: Batch, held: Held) -> None:
        """Name every finding: place, rule, JSON pointer, offset and length in characters. Never the value.

        The offset is that in the string that the pointer names; in plain text that in the line.
        """
        values = []
        for item in batch.items:
            try:
                values.append(whole(item.line, item.value) if item.line else item.value)
            except Unclean:
                values.append(item.value)  # too deep to be read again is too deep to be searched
        results = self._redactor.check_all(values, held, batch.stream)
        for item, value, result in zip(batch.items, values, results, strict=True):
            if isinstance(result, Unclean):
                self._reject(item, result)
                continue
            try:
                self._tell(item, value, result, held)
                with closed():
                    rows = list(listed(self._redactor, value, result, held))
            except Unclean as error:
                self._reject(item, error)
                continue
            for pointer, one, _ in rows:
                self._run.tallies["found"][one.rule] += 1
                line, at = item.number, one.start
                if type(item.value) is str and not pointer:
                    line += item.value.count("\n", 0, at)
                    at -= item.value.rfind("\n", 0, at) + 1
                where = f"{pointer or 'the line'} at {at}, length {one.end - one.start}"
                self._run.fault(3, f"{item.path}:{line}: {one.rule} in {where}")

    def _tell(self, item: Item, value: Any, seen: Sequence[Seen], held: Held) -> None:
        """A row of --findings for each value at each place: how often, what it is, a tag of it.

        Raises Unclean.
        """
        if self._out is None or not seen:
            return
        rows: Counter[tuple[str, str, str, int, str]] = Counter()
        with closed():
            for pointer, one, tag in listed(self._redactor, value, seen, held, self._key):
                rows[pointer, one.type, one.rule, one.end - one.start, tag] += 1
        for (pointer, kind, rule, length, tag), number in rows.items():
            row = {"file": show(item.path), "line": item.number, "pointer": pointer, "type": kind}
            row |= {"rule": rule, "count": number, "length": length, "tag": tag}
            self._out.write(jsonl.encode(row))

    def _reject(self, item: Item, error: Unclean | jsonl.Bad) -> None:
        """Without --rejects a record that cannot be made clean is a question answered no: exit 3."""
        part = (item.offset, len(item.line), jsonl.digest(item.line)) if item.line else (None, None, None)
        if isinstance(error, Unclean):
            self._run.reject_at(item.path, item.number, "unclean", str(error), 3, part)
        else:
            self._run.reject_at(item.path, item.number, error.reason, error.what, 1, part)

    def _say_cut(self, batch: Batch) -> None:
        first = batch.items[0]
        self._run.count["conversations over --memory"] += 1
        self._run.warn(
            f"{first.path}:{first.number}: a conversation is larger than --memory; what is found further on"
            " is not replaced in this part of it"
        )
