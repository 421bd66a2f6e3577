"""Lines of JSON: made clean with their bytes kept, what was taken out noted, what is in them twice seen."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from afs import jsonl
from afs.redact.flat import joined
from afs.redact.placeholders import Unclean, closed
from afs.redact.record import Clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from afs.redact.record import Redactor, Seen
    from afs.redact.sticky import Held

# TYPE:COUNT. int() refuses a number of some thousand digits.
_COUNT = re.compile(r"([A-Z][A-Z0-9_]*):([0-9]{1,18})")


@closed()
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


class Line(NamedTuple):
    """A line as it may be written, the counts by type, and what it held."""

    text: bytes
    counts: Counter[str]
    seen: Sequence[Seen]


def redact_line(redactor: Redactor, line: bytes, record: Any) -> tuple[bytes, Counter[str]]:
    """A line of JSON that decodes to `record`, made clean, and the counts by type.

    The same bytes come back where nothing is found. A line in which an object names a key twice is
    written anew all the same: the value under the first of them is in the bytes and not in the record.
    Raises Unclean, and jsonl.Bad where a number would change.
    """
    (result,) = redact_lines(redactor, [(line, record)])
    if isinstance(result, Exception):
        raise result
    return result.text, result.counts


def redact_lines(
    redactor: Redactor, lines: Sequence[tuple[bytes, Any]], held: Held | None = None, stream: bool = False
) -> list[Line | Unclean | jsonl.Bad]:
    """Lines of one conversation as redact_line() gives each, or why it cannot be written.

    `held` and `stream` as Redactor.redact_all() has them.
    """
    results = redactor.redact_all([record for _, record in lines], (), held, stream)
    out: list[Line | Unclean | jsonl.Bad] = []
    for (line, record), result in zip(lines, results, strict=True):
        try:
            out.append(result if isinstance(result, Unclean) else _written(line, record, result))
        except (Unclean, jsonl.Bad) as error:
            out.append(error)
    return out


@closed()
def _written(line: bytes, record: Any, result: Clean) -> Line:
    clean, counts, seen = result
    if clean is record and whole(line, record) is record:
        return Line(line, counts, seen)
    note(clean, counts)
    out = jsonl.reencode(clean, line)
    if jsonl.decode(out) != clean:  # what was proven is what is written
        raise Unclean("would be written as something else")
    return Line(out, counts, seen)


@closed()
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
        out = joined(items)
        doubled = doubled or len(items) > len({key for key, _ in items})
        return out

    everything = json.loads(line, object_pairs_hook=pairs)
    return everything if doubled else record
