"""Whether an answer comes to an end, or stops in the middle."""

from __future__ import annotations

import re

from afs.curate.phrases import (
    CLOSERS,
    COLONS,
    DANGLING_MARKS,
    ELLIPSIS,
    ENDS,
    ITEM,
    NEVER_LAST,
    PAIRS,
    SIGN_OFFS,
    SOMETIMES_LAST,
    UNENDED,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from afs.curate.view import View

_CUT_MARK = re.compile(r"[\[(<](?:\.\.\.|\u2026|truncated|cut off|continued?)[\])>]$")
_SENTENCE = re.compile(r"\w{2}[.!?](?:\s|$)|[\u3002\uff01\uff1f]")
# A sentence that begins behind another one and has no end. Two letters: "e.g." and "3." end none.
_SENTENCE_BEGUN = re.compile(r"\w{2}[.!?]['\")]?\s+[A-Z][^.!?]*$|[\u3002\uff01\uff1f][^\u3002\uff01\uff1f]+$")
_FRAGMENT = re.compile(r"[^\W\d_]{2}$")
# A short line without a full stop, and its part right below.
_LABEL = re.compile(r"(?:^|\n\n)[^\n.!?|`]{2,60}\n(?=\S)")


def completeness(view: View) -> float | None:
    """1 for an answer that comes to an end; 0 for one that stops inside a code block or a sentence.

    The text's own habit decides where a full stop is missing: a list whose items have none may end
    without one, a report in several parts is rarely over deep in one of its lists. None where the text
    does not show how it ends its sentences.
    """
    last = view.last
    if not last:
        return None
    if view.blocks and not view.blocks[-1].closed:
        return 0.0
    if last.startswith(("```", "~~~")):
        return 1.0
    if _CUT_MARK.search(last[-20:].lower()) or ITEM.fullmatch(last) or last[-1] in DANGLING_MARKS:
        return 0.0
    if last[-1] in COLONS:
        return 0.02  # what it announces does not come
    if last.endswith(("...", ELLIPSIS)):
        return 0.2
    bare = last.rstrip(CLOSERS)
    if bare and bare[-1] not in ENDS and _FRAGMENT.search(bare) and bare[-2:].lower() in UNENDED:
        return 0.25 if len(last) > 24 or len(view.answer) > 80 else None
    if _is_code(view):
        return min(_balance(view), 0.3 if last.count('"') % 2 else 0.7 if _in_parts(view) else 1.0)
    if _opens(last):
        return 0.03
    if last[0] == "|":
        return _row(view)
    if bare.endswith(ENDS) or not bare or last[-1] in "}>]/;":
        return _balance(view)
    value = _without_stop(view, bare)
    if value is not None and bare != last:
        value = max(value, 0.3)  # a closing bracket or mark ends something, if not a sentence
    return value


def _is_code(view: View) -> bool:
    """Whether the last line is set apart like code or a table without lines, outside a fence."""
    if ITEM.match(view.last):
        return False
    raw = view.tail[view.tail.rfind("\n") + 1 :]
    if ">>> " in view.tail[view.tail.rfind("\n\n") + 1 :]:
        return True
    return raw.startswith(("    ", "\t", "$ ")) or "   " in view.last


def _balance(view: View) -> float:
    """For what may be code without a fence: 1 unless it ends with blocks left open."""
    opened = view.answer.count("{") if view.whole else 0
    return 0.2 if opened > 1 and opened > view.answer.count("}") else 1.0


def _in_parts(view: View) -> bool:
    """Whether the text has several parts, and lists in more than one of them or within lists."""
    parts = view.tail.split("\n\n")
    if len(parts) < 4:
        return False
    listed = sum(
        "\n- " in part or "\n* " in part or "\n1. " in part or part[:2] in ("- ", "* ") for part in parts
    )
    return listed > 1 or "\n  - " in view.tail or "\n   - " in view.tail


def _opens(last: str) -> bool:
    """Whether the last line opens what it does not close: a bracket, code, bold."""
    if last.count("`") % 2 and "'" not in last:
        return True
    if last.count("**") % 2 and not last.startswith("*"):
        return True
    return any(last.count(mark) > last.count(twin) for mark, twin in map(tuple, PAIRS) if mark in last)


def _row(view: View) -> float:
    """A table whose last row has fewer bars than the one before it was cut."""
    rows = [line for line in view.lines[-3:] if line.strip()]
    return 0.0 if len(rows) > 1 and rows[-1].count("|") < rows[-2].count("|") else 1.0


def _without_stop(view: View, bare: str) -> float | None:
    """For a last line that ends with a letter, a digit or a closing mark."""
    words = bare.split()
    final = words[-1].lower()
    if final in NEVER_LAST and len(words) > 2:
        return 0.1 if final in SOMETIMES_LAST else 0.0
    if _SENTENCE_BEGUN.search(bare):
        return 0.05
    cut = view.tail.rfind("\n\n") + 2
    paragraph, before = (view.tail[cut:], view.tail[:cut]) if cut > 1 else (view.tail, "")
    if bare.startswith("#"):
        return 0.1 if paragraph.startswith("#") else None  # a title without its text
    if ITEM.match(bare):
        items = [line for line in map(str.strip, view.lines[:-1]) if ITEM.match(line)]
        if not items:
            return 0.3  # a list of one
        value = _habit(items)
        if value is not None and _in_parts(view):
            value = min(value, 0.35 if view.tail[view.tail.rfind("\n") + 1 :].startswith("  ") else 0.55)
        return value
    lines = paragraph.split("\n")
    if len(lines) > 1 and len(words) < 5 and lines[-2].rstrip()[-1:] in SIGN_OFFS:
        return 1.0  # a name under a letter
    if len(lines) > 1 and _SENTENCE.search(paragraph) and not ITEM.match(lines[-2].strip()):
        return 0.05  # wrapped lines
    if "/" in final or any(map(str.isdigit, final)):
        return 1.0  # an address or a number
    others = [line.strip() for line in before.split("\n") if len(line) > 40]
    if len(lines) == 1 and len(bare) < 60 and before:
        return _label(before)
    if not others and len(lines) == 1 and len(words) > 11 and bare[0].isupper():
        return 0.3  # the one sentence there is
    if not others:
        return None if len(bare) > (40 if view.spaced else 16) else 1.0
    return _habit(others)


def _label(before: str) -> float:
    """For a last line that could be a heading: worse if the text has such lines above its parts."""
    return 0.05 if _LABEL.search(before) else 0.3


def _habit(lines: list[str]) -> float | None:
    """How strange a missing full stop is after `lines`."""
    if not lines:
        return None
    ended = sum(line.rstrip(CLOSERS).endswith(ENDS) for line in lines)
    return max(0.0, 1 - 1.25 * ended / (len(lines) + 0.2))
