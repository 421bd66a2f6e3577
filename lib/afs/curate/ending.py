"""Whether an answer comes to an end, or stops in the middle."""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from afs.curate.view import View

_STOPS = ".!?。！？।؟።։…；"
_CLOSERS = "\"'`*_)]}>»”’」』】）〉》~|"
_ENDED = tuple(_STOPS)
_ITEM = re.compile(r"(?:[-*+•–]|\d{1,3}[.)]|[a-zA-Z][.)])(?:\s+|$)")
_FENCE = re.compile(r"^[ \t]*(?:```+|~~~+)(.*)$", re.MULTILINE)
_CUT_MARK = re.compile(r"(?:\[(?:\.\.\.|…|truncated|cut off|continued?)\]|\((?:continued|truncated)\)|<truncated>)$")
_OPENERS = "([{（「『【"
# No sentence ends with these.
_DANGLING = frozenset(
    "the a an and or but nor of to with for from by as at into onto that which who whose because if than while"
    " when where is are was were be been has have had will would should can could may might must this these"
    " those its their your our my his her not very such both either neither between through during about over"
    " under using via per und oder der die das ein eine den dem mit für von zu et ou le la les un une des du de"
    " pour avec que el los las una y o con por para".split()
)
# Some of them do end lines, items and titles ("log in with", "what it is").
_SOMETIMES = frozenset("in on up out off it is are not to for with by from about over under through that".split())


def completeness(view: View) -> float | None:
    """1 for an answer that comes to an end; 0 for one that stops inside a code block or a sentence.

    The text's own habit decides where a full stop is missing: a list whose items have none may end
    without one. None where the text never shows how it ends its sentences.
    """
    if not view.last:
        return None
    fenced = "```" in view.answer or "~~~" in view.answer
    if fenced:
        if _in_fence(view):
            return 0.0
        if view.last.startswith(("```", "~~~")):
            return 1.0
    if view.last.endswith((":", "：")):
        return 0.05 if len(view.last) > 1 else 0.3  # what it announces does not come
    if view.last.endswith(("...", "…")):
        return 0.0 if _CUT_MARK.search(view.last) else 0.2
    if _CUT_MARK.search(view.last[-20:].lower()):
        return 0.0
    bare = view.last.rstrip(_CLOSERS)
    open_end = _open_marks(view.last)
    if not bare or bare.endswith(_ENDED) or bare != view.last:
        return 0.1 if open_end else _balance(view, fenced)
    if _ITEM.fullmatch(bare) or bare[-1] in ",，、;(（[{=+&\\<–—-":
        return 0.5 if bare[-1] == ";" else 0.0
    if open_end:
        return 0.05
    return _unpunctuated(view, bare, fenced)


def _in_fence(view: View) -> bool:
    """Whether the end lies inside a code block."""
    if "````" in view.answer:
        return False  # blocks in blocks: not for counting
    fences = _FENCE.findall(view.answer if view.whole else view.tail)
    if view.whole:
        return len(fences) % 2 == 1
    return bool(fences and fences[-1].strip())  # only an opening fence names a language


def _open_marks(last: str) -> bool:
    """Whether the last line opens what it does not close: a bracket, code, bold."""
    if last.count("`") % 2 or last.count("**") % 2 and not last.startswith("*"):
        return True
    if "(" in last or "（" in last or "[" in last or "{" in last:
        return any(last.count(mark) > last.count(twin) for mark, twin in ("()", "（）", "[]", "{}"))
    return False


def _balance(view: View, fenced: bool) -> float:
    """For a text that may be code without a fence: 1 unless it ends with blocks left open."""
    if fenced or not view.whole or "{" not in view.answer:
        return 1.0
    missing = view.answer.count("{") - view.answer.count("}")
    return 1.0 if missing <= 0 or view.answer.count("{") < 2 else 0.2


def _unpunctuated(view: View, bare: str, fenced: bool) -> float | None:
    """A last line that ends with a letter or a digit."""
    words = bare.split()
    final = words[-1].lower()
    if final in _DANGLING and len(words) > 2:
        return 0.1 if final in _SOMETIMES else 0.0
    if bare.startswith("#"):
        return 0.1  # a title without its text
    lines = [line for line in (line.strip() for line in view.lines[-60:-1]) if line]
    if _ITEM.match(bare) or bare.startswith("|"):
        return _habit([line for line in lines if _ITEM.match(line)])
    if "/" in final or any(map(str.isdigit, final)) or len(bare) < (40 if view.spaced else 16):
        return 1.0 if not lines or len(bare) < 40 else 0.6  # an address, a number, a short answer
    prose = [line for line in lines if len(line) > 40 or line.endswith(_ENDED)]
    prose += [part for part in re.split(r"(?<=[.!?。！？])\s*", bare)[:-1] if part]
    if not prose:
        return None
    return _habit(prose)


def _habit(lines: list[str]) -> float | None:
    """How strange a missing full stop is, where `lines` are those before it."""
    if not lines:
        return None
    ended = sum(line.rstrip(_CLOSERS).endswith(_ENDED) for line in lines) / len(lines)
    return max(0.0, 1 - 1.25 * ended)
