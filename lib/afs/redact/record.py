"""Whole records: every string at every depth, keys too, replaced by numbered placeholders, then proven.

What was found once in a record is replaced everywhere in it. The result is searched again before it
is given back: it holds no finding and none of the values, or Unclean is raised.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import orjson

from afs import jsonl
from afs.redact import rules
from afs.redact.placeholders import Names, Unclean
from afs.redact.scan import Finding, Scanner

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from afs.redact.placeholders import Each

# Strings searched once are remembered, because agents' logs repeat them: at most so many characters.
_MEMO = 4 << 20
_MEMO_TEXT = 1 << 16
_ROUNDS = 4


class Redactor:
    """The packaged rules, less those named in `without`, and those of the file `extra_rules`.

    Raises rules.BadRule for a rule file or a name that cannot be used, OSError for a file that cannot
    be read. One instance serves any number of values; it keeps nothing of one for the next but a
    bounded memory of which strings hold what.
    """

    def __init__(self, without: Sequence[str] = (), extra_rules: str | None = None) -> None:
        self.rules, words = rules.load(tuple(without), extra_rules)
        self._scanner = Scanner(self.rules, words)
        self.strength = self._scanner.strength
        self._memo: dict[str, tuple[Finding, ...]] = {}
        self._held = 0

    def find(self, text: str) -> list[Finding]:
        """What a text holds, in order, not overlapping; offsets in characters."""
        return list(self._find(text))

    def _find(self, text: str) -> tuple[Finding, ...]:
        found = self._memo.get(text)
        if found is None:
            found = self._scanner.find(text)
            if len(text) <= _MEMO_TEXT:
                self._held += len(text) + 100
                if self._held > _MEMO:
                    self._memo.clear()
                    self._held = len(text) + 100
                self._memo[text] = found
        return found

    def findings(self, text: str, name: str, outside: Sequence[Finding]) -> Sequence[Finding]:
        """What a text holds as the value of a field: the name may say secret where no text does."""
        found = self._find(text)
        if name:
            found = self._scanner.in_field(name, text, found)
        return self._scanner.merged([*found, *outside]) if outside else found

    # --- any JSON value -----------------------------------------------------------------------------

    def redact(self, value: Any) -> tuple[Any, Counter[str]]:
        """The value without what was found, and how many places of each type were replaced.

        The same object comes back, and an empty counter, where nothing is found. Placeholders are
        numbered by first appearance in this value; numbers that it holds already are passed over. A
        key that becomes equal to another gets a number behind it. Raises Unclean.
        """
        counts: Counter[str] = Counter()
        with _closed():
            found = self._collect(value)
            if not found:
                return value, counts
            names = Names(self, value)
            for _ in range(_ROUNDS):
                names.learn(found)
                value = self.walk(value, names.rewriter(counts))
                found = self._collect(value)
                if not found:
                    self.walk(value, names.prove)
                    return value, counts
            rest = ", ".join(sorted({finding.rule for _, findings, _ in found for finding in findings}))
            raise Unclean(f"could not be made clean of {rest}")

    def check(self, value: Any) -> list[tuple[str, Finding]]:
        """(JSON pointer, finding) for all that a value holds. No pointer holds what was found."""
        with _closed():
            found = self._collect(value)
            names = Names(self, value)
            names.learn(found)
            mask = names.rewriter(Counter())
            return [(_pointer(where, mask), one) for _, findings, where in found for one in findings]

    def _collect(self, value: Any) -> list[tuple[str, Sequence[Finding], Any]]:
        out: list[tuple[str, Sequence[Finding], Any]] = []

        def each(text: str, name: str, where: Any, outside: Sequence[Finding]) -> str:
            found = self.findings(text, name, outside)
            if found:
                out.append((text, found, where))
            return text

        self.walk(value, each)
        return out

    def walk(self, value: Any, each: Each, name: str = "", where: Any = None) -> Any:
        """The value with each(...) of every string; the same object where no string changed."""
        kind = type(value)
        if kind is str:
            return each(value, name, where, ())
        if kind is dict:
            alias = _alias(value)
            pairs = []
            changed = False
            for key, item in value.items():
                new_key = each(key, "", (where, key), ())
                new = item
                if type(item) in _HOLDERS:
                    new = self.walk(item, each, alias if alias and key in _VALUE else key, (where, key))
                changed = changed or new is not item or new_key is not key
                pairs.append((new_key, new))
            return _joined(pairs) if changed else value
        if kind is list:
            outside = self._in_words(value)
            items = []
            for index, item in enumerate(value):
                if outside and index in outside:
                    items.append(each(item, name, (where, index), outside[index]))
                elif type(item) in _HOLDERS:
                    items.append(self.walk(item, each, name, (where, index)))
                else:
                    items.append(item)
            return items if any(a is not b for a, b in zip(items, value, strict=True)) else value
        return value

    def _in_words(self, items: list[Any]) -> dict[int, list[Finding]]:
        """Findings that show only when a list of words is read as the command line that it is."""
        out: dict[int, list[Finding]] = {}
        if not 1 < len(items) <= 256 or not all(type(item) is str and len(item) < 1024 for item in items):
            return out
        if not any(item[:1] == "-" for item in items):
            return out
        found = iter(self._find(" ".join(items)))
        one = next(found, None)
        start = 0
        for index, item in enumerate(items):
            end = start + len(item)
            while one is not None and one.start < end:
                if start <= one.start and one.end <= end:
                    shifted = one._replace(start=one.start - start, end=one.end - start)
                    out.setdefault(index, []).append(shifted)
                one = next(found, None)
            start = end + 1
        return out


@contextlib.contextmanager
def _closed() -> Iterator[None]:
    """Turn a fault of ours into Unclean: it must pass no record on, nor show a value in a traceback."""
    try:
        yield
    except (Unclean, jsonl.Bad):  # neither quotes the data
        raise
    except RecursionError:
        raise Unclean("nested too deeply to be searched") from None
    except Exception as error:
        raise Unclean(f"could not be searched ({type(error).__name__})") from None


_HOLDERS = frozenset((str, dict, list))
_VALUE = frozenset(("value", "Value"))


def _alias(value: dict[str, Any]) -> str:
    """The name that {"name": ..., "value": ...} gives to its value."""
    if len(value) <= 4 and ("value" in value or "Value" in value):
        for key in ("name", "key", "Name", "Key"):
            if type(value.get(key)) is str:
                return str(value[key])
    return ""


def _joined(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key, item in pairs:
        new, number = key, 2
        while new in out:
            new = f"{key}_{number}"
            number += 1
        out[new] = item
    return out


def _pointer(where: Any, mask: Each) -> str:
    parts: list[str] = []
    while where is not None:
        where, part = where
        part = mask(part, "", None, ()) if type(part) is str else str(part)
        parts.append(part.replace("~", "~0").replace("/", "~1"))
    return "".join(f"/{part}" for part in reversed(parts))


# --- lines ------------------------------------------------------------------------------------------


# TYPE:COUNT. int() refuses a number of some thousand digits.
_COUNT = re.compile(r"([A-Z][A-Z0-9_]*):([0-9]{1,18})")


@_closed()
def note(record: Any, counts: Counter[str]) -> None:
    """Write what was redacted into `_metadata.redactions` of a sample, beside what stands there.

    Entries of a list that are not TYPE:COUNT are kept as they are, behind the counts; what is no list
    is replaced. Raises Unclean.
    """
    metadata = record.get("_metadata") if type(record) is dict else None
    if type(metadata) is not dict or not counts:
        return
    total = Counter(counts)
    strange = []
    there = metadata.get("redactions")
    for item in there if type(there) is list else ():
        if type(item) is str and (match := _COUNT.fullmatch(item)):
            total[match[1]] += int(match[2])
        else:
            strange.append(item)
    listed = [f"{kind}:{number}" for kind, number in sorted(total.items())]
    record["_metadata"] = {**metadata, "redactions": listed + strange}


@_closed()
def redact_line(redactor: Redactor, line: bytes, record: Any) -> tuple[bytes, Counter[str]]:
    """A line of JSON that decodes to `record`, made clean, and the counts by type.

    The same bytes come back where nothing is found. A line in which an object names a key twice is
    written anew all the same: the value under the first of them is in the bytes and not in the record.
    Raises Unclean, and jsonl.Bad where a number would change.
    """
    clean, counts = redactor.redact(record)
    if counts:
        note(clean, counts)
        return jsonl.reencode(clean, line), counts
    if whole(line, record) is record:
        return line, counts
    return jsonl.reencode(record, line), counts


@_closed()
def whole(line: bytes, record: Any) -> Any:
    """All that a line holds: the record itself, or one in which keys named twice have a number behind.

    Raises Unclean.
    """
    try:
        if orjson.dumps(record) == line:
            return record
    except TypeError:
        pass
    doubled = False

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal doubled
        out = _joined(items)
        doubled = doubled or len(items) > len({key for key, _ in items})
        return out

    everything = json.loads(line, object_pairs_hook=pairs)
    return everything if doubled else record
