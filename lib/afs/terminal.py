"""Text for a terminal: nothing in it steers the terminal, and lines fit its width."""

from __future__ import annotations

import os
import unicodedata

# Joiners that some scripts and emoji need; every other character that does not print is shown escaped.
_JOINERS = "\u200c\u200d"


def width(on_terminal: bool) -> int:
    """Columns of a line: COLUMNS, else the terminal's that standard output is, else 80."""
    given = os.environ.get("COLUMNS", "")
    if given.isdecimal() and int(given):
        return int(given)
    return os.get_terminal_size(1).columns or 80 if on_terminal else 80


def visible(text: str) -> str:
    """The text with control characters, terminal codes, direction marks and lone surrogates escaped."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char in _JOINERS else _escape(char) for char in text)


def _escape(char: str) -> str:
    code = ord(char)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"


def columns(text: str) -> int:
    """How many columns visible text takes: wide characters two, combining ones none."""
    return len(text) if text.isascii() else sum(map(_size, text))


def _size(char: str) -> int:
    if unicodedata.east_asian_width(char) in "WF":
        return 2
    return 0 if char in _JOINERS or unicodedata.category(char) in ("Mn", "Me") else 1


def wrap(text: str, width: int) -> list[str]:
    """Lines of at most `width` columns, cut at spaces where there are any; tabs are four columns."""
    rows = []
    for line in text.split("\n"):
        line = visible(line.expandtabs(4))
        if len(line) <= width and line.isascii():
            rows.append(line)
        else:
            rows += _wrap_line(line, width)
    return rows


def _wrap_line(line: str, width: int) -> list[str]:
    rows = []
    start, used, space = 0, 0, -1
    for at, char in enumerate(line):
        size = 1 if char < "\u0300" else _size(char)
        if used + size > width and at > start:
            cut = space + 1 if line[start : space + 1].strip() else at
            rows.append(line[start:cut].rstrip())
            start, used, space = cut, columns(line[cut:at]), -1
        if char == " ":
            space = at
        used += size
    rows.append(line[start:])
    return rows


def fold(text: str, width: int) -> str:
    """The beginning of a text as one line of at most `width` columns, with its length where it is cut."""
    head = visible(" ".join(text[: 4 * width].split()))
    if columns(head) <= width and len(text) <= 4 * width:
        return head
    tail = f" ... ({len(text)} characters)"
    room = max(width - len(tail), 1)
    while columns(head) > room:
        head = head[: len(head) - max((columns(head) - room) // 2, 1)]
    return head + tail
