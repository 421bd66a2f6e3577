"""Values that stand in another line than their name, or before it: tables, SQL, forms.

cells() is called with the place of a name that says secret, and yields (begin, end, bar).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from afs.redact.kinds.contexts import BREAK, above, line_end, line_start

if TYPE_CHECKING:
    from collections.abc import Iterator

_BREAKS = re.compile(BREAK)
_QUOTE = rb"\\{0,31}+[\"'`]"
_LINE = 2000
_ROWS = 1 << 16
# What closes a name, and a tab or a line end that is written out.
_SHUT = re.compile(rb"(?:\\{0,31}+[\"'`]|[ *\]])*+")
_WRITTEN = re.compile(rb"\\{1,31}+[tnr]")
# The beginning of a text in JSON, and what begins and ends texts.
_OPENING = re.compile(rb":[ \t]?(?P<slashes>\\{0,31}+)\"")
_MARK = re.compile(rb"(?P<slashes>\\{0,31}+)\"")
_ALONE = re.compile(rb"[ \t]*[A-Za-z0-9_][\w .-]{0,40}[ \t]*")
_DASHES = re.compile(rb"[ \t]*-{3,200}[ \t]*")
_CELLS = 40
# Signs of diffs, of quotation and numbers of lines before a row.
_MARKS = re.compile(
    rb"(?:[ \t>#+\"'`\xb7-]|\d{1,7}(?:[:|\t \xb7]|\\{1,31}+t)|[\w./-]{1,120}[:-]\d{1,6}[:-]"
    rb"|\\{1,31}+[t\"'])*+"
)
_FRAME = re.compile(rb"[ \t]*\\*[\"'][\s\"',\\+]*")
_RULE = re.compile(rb"(?:^|\|)[\s|:+=\xb7-]*--[\s|:+=\xb7-]*$")
_HEADER = re.compile(
    rb"[ \t\\]*(?:\\{0,31}+[\"'`*]{0,2})[A-Za-z0-9_#][\w .()/-]{0,40}"
    rb"(?:\\{0,31}+[\"'`*]{0,2})[ \t\\\xb7]*|[ \t\\\xb7]*"
)
_NAME = re.compile(
    rb"(?:name|key|Name|Key|id)" + _QUOTE + rb"?[ \t]{0,4}[:=][ \t]{0,4}(?P<quote>" + _QUOTE + rb")$"
)
_VALUE = re.compile(rb"[Vv]alue" + _QUOTE + rb"?[ \t]{0,4}[:=][ \t]{0,4}(?P<quote>" + _QUOTE + rb")")
_TYPE = re.compile(rb"type[ \t]?=[ \t]?(?P<quote>" + _QUOTE + rb")$")
_INSERT = re.compile(
    rb"(?i:insert\s{1,4}(?:ignore\s{1,4})?into|replace\s{1,4}into|copy)\s{1,4}[\w.\"`\[\]\\]{1,80}\s{0,4}$"
)
_VALUES = re.compile(rb"(?:\s|\\{1,31}+[nrt]){0,20}+(?i:values)(?:\s|\\{1,31}+[nrt]){0,20}+(?=\()")
_ITEM = re.compile(
    rb"(?:\s|\\{1,31}+[nrt]){0,20}+(?:[EeNnBb]?(?P<quote>\\{0,31}+['\"])(?P<s>(?:[^'\"\\]|''"
    rb"|\\.){0,400}?)(?P=quote)"
    rb"|[^\s,()'\"][^,()'\"]{0,200}(?:\([^()]{0,80}\))?)(?:\s|\\{1,31}+[nrt]){0,20}+(?P<end>[,)])"
)


def cells(raw: bytes, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
    """(begin, end, bar) of the values that belong to the name at start:stop."""
    shut = _SHUT.match(raw, stop).end()  # type: ignore[union-attr]
    after = raw[shut : shut + 1]
    if raw[start - 1 : start] in (b'"', b"'"):
        yield from _reversed(raw, start, stop)
    if after in (b",", b")") and (found := list(_inserted(raw, start))):
        yield from found
    elif after in (b",", b"|", b"\t", b";", b"\n", b"\r", b""):
        yield from _column(raw, start, after)
    elif _WRITTEN.match(raw, shut):
        yield from _column(raw, start, b"")


def _reversed(raw: bytes, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
    """The value in {"value": "x", "name": "NAME"}, <entry value="x" key="NAME">, <input type="password">."""
    field = _TYPE.search(raw, max(0, start - 140), start)
    named = field or _NAME.search(raw, max(0, start - 140), start)
    if named is None:
        return
    shut = {b"}": b"{", b">": b"<"}
    left = raw[max(0, start - 500) : start]
    opened = max(left.rfind(b"{"), left.rfind(b"<"))
    low = start - len(left) + opened
    if opened < 0 or any(left.find(sign, opened) >= 0 for sign in shut):
        return
    high = start
    if field is not None:
        closed = raw.find(b">", stop, stop + 500)
        high = closed if closed >= 0 else stop
    for match in _VALUE.finditer(raw, low, high):
        end = raw.find(match["quote"], match.end(), high)
        if end > match.end():
            yield match.end(), end, 1


def _inserted(raw: bytes, start: int) -> Iterator[tuple[int, int, int]]:
    """The values of a column in INSERT INTO t (a, NAME) VALUES ('x', 'y'), ('z', 'w')."""
    low = max(0, start - 1000)
    opened = raw.rfind(b"(", low, start)
    if opened < 0 or b"into" not in raw[max(0, opened - 140) : opened].lower():
        return
    if not _INSERT.search(raw, max(0, opened - 140), opened):
        return
    index = raw.count(b",", opened, start)
    closed = raw.find(b")", start, start + 1000)
    values = _VALUES.match(raw, closed + 1) if closed >= 0 else None
    at = values.end() if values else len(raw)
    stop = at + _ROWS
    while at < stop and raw[at : at + 1] == b"(":
        at += 1
        for number in range(_CELLS):
            item = _ITEM.match(raw, at)
            if item is None:
                return
            if number == index and item["s"]:
                yield *item.span("s"), 1
            at = item.end()
            if item["end"] == b")":
                break
        rest = re.compile(rb"(?:\s|\\{1,31}+[nrt]){0,20}+,(?:\s|\\{1,31}+[nrt]){0,20}+").match(raw, at)
        if rest is None:
            return
        at = rest.end()


def _column(raw: bytes, start: int, sign: bytes) -> Iterator[tuple[int, int, int]]:
    """The cells under a name in the first line of a table with bars, commas, semicolons or tabs."""
    first = max(0, start - 600)
    began = raw.rfind(b"\n", first, start) + 1
    if sign in (b",", b"\n", b"\r", b"") and began and b"(" in raw[began:start]:
        return
    first, depth = line_start(raw, start, 600), -1
    if raw.find(b'"', first, start) >= 0:
        first, depth = _opened(raw, first, start)
    first = min(start, _MARKS.match(raw, first).end())  # type: ignore[union-attr]
    last = _BREAKS.match(raw, line_end(raw, start, 600))
    if last is None:
        return
    head = raw[first : last.start()]
    if sign not in (b"|", b"\t", b";", b","):
        sign = next((one for one in (b"|", b"\t", b"\\t", b";", b",") if one in head), b"")
    elif sign == b"\t" and sign not in head:
        sign = b"\\t"
    if not sign:
        yield from _under(raw, head, last.end())
        return
    count, names = head.count(sign), head.split(sign)
    if not 1 <= count <= _CELLS or not all(_HEADER.fullmatch(cell) for cell in names):
        return
    if sign != b"|" and (not all(names) or b"(" in head or b")" in head or b", " in head):
        return  # words of a list, one under another
    if first and names[0][-1:] in (b'"', b"'") and raw[first - 1 : first] == names[0][-1:]:
        names[0] = raw[first - 1 : first] + names[0]
    if len({cell.strip(b" \\")[:1] in (b'"', b"'") for cell in names}) > 1:
        return
    if (above(raw, first, _LINE) or b"").count(sign) == count:
        return  # a row of a table is no header
    if sign == b"|" and count < 2 and not _RULE.search(raw[last.end() : line_end(raw, last.end(), _LINE)]):
        return
    index = raw.count(sign, first, start)
    at = last.end()
    ruled, framed = sign != b"|", False
    while at < last.end() + _ROWS:
        end = line_end(raw, at, _LINE)
        row = raw[at:end]
        if b'"' not in head and b'"' in row:  # the end of the text that the table stands in
            row = row.partition(b'"')[0].rstrip(b"\\")
            end = at + len(row)
        elif depth >= 0 and (shut := _end_of_text(row, depth)) >= 0:
            row, end = row[:shut], at + shut
        if _FRAME.fullmatch(row) and not framed:
            framed = True
            stop = _BREAKS.match(raw, end)
            if stop is None:
                return
            at = stop.end()
            continue
        framed = False
        if _RULE.search(row):
            ruled = True
        elif row.count(sign) != count:
            return
        elif ruled:
            begin = at
            for _ in range(index):
                begin = raw.find(sign, begin, end) + len(sign)
            close = raw.find(sign, begin, end)
            yield _stripped(raw, begin, close if close >= 0 else end)
        stop = _BREAKS.match(raw, end)
        if stop is None:
            return
        at = stop.end()


def _opened(raw: bytes, first: int, at: int) -> tuple[int, int]:
    """Where the text in JSON begins that `at` stands in, and how many backslashes its quotes have; `first`
    and -1 where there is none. The quotes within it have more of them."""
    found = first, -1
    for opening in _OPENING.finditer(raw, first, at):
        depth = len(opening["slashes"])
        if _end_of_text(raw[opening.end() : at], depth) < 0:
            found = opening.end(), depth
    return found


def _end_of_text(raw: bytes, depth: int) -> int:
    """Where a text ends whose quotes have so many backslashes, or -1."""
    ends = (mark.start() for mark in _MARK.finditer(raw) if len(mark["slashes"]) <= depth)
    return next(ends, -1)


def _under(raw: bytes, head: bytes, at: int) -> Iterator[tuple[int, int, int]]:
    """The words below a name that is the only column of a table: a line of dashes is between them."""
    end = line_end(raw, at, _LINE)
    if not _ALONE.fullmatch(head) or not _DASHES.fullmatch(raw, at, end):
        return
    for _ in range(_CELLS):
        stop = _BREAKS.match(raw, end)
        if stop is None:
            return
        at = stop.end()
        end = line_end(raw, at, _LINE)
        row = raw[at:end].partition(b'"')[0].rstrip(b"\\")
        if len(row.split()) != 1:
            return
        begin, close, _ = _stripped(raw, at, at + len(row))
        yield begin, close, 2


def _stripped(raw: bytes, begin: int, end: int) -> tuple[int, int, int]:
    cell = raw[begin:end]
    begin += len(cell) - len(cell.lstrip(b" \t\\\"'`*"))
    return begin, max(begin, begin + len(raw[begin:end].rstrip(b" \t\\\"'`*"))), 1 if len(cell) > 7 else 2
