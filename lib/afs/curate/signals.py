"""The signals of a score: each looks at one reason why an answer may teach something wrong.

A signal is a function of a View that gives a number from 0 (certainly bad) to 1 (nothing to hold
against it), or None where it cannot tell. None of them knows a topic. Thresholds were set by looking at
agents' turns, documentation, source code and prose in a dozen languages, sound and damaged.
"""

from __future__ import annotations

import re

from afs.curate.phrases import HAN, LONG_TASK, NO_TERMS, PAIRED, QUESTION, SHORT_TASK

TYPE_CHECKING = False
if TYPE_CHECKING:
    from afs.curate.view import View

_IS_HAN = re.compile(f"[{HAN}]")
_IS_PAIRED = re.compile(f"[{PAIRED}]")
_TERM = re.compile(rf"[{PAIRED}]+|[^\W{PAIRED}]{{3,}}")
_ASCII_TERM = re.compile(r"\w{3,}", re.ASCII)
_WORDS = 32
_REACH = 600
_UNITS = 320
_END = 32
_TIMES = 4


def _fall(value: float, good: float, bad: float) -> float:
    """1 up to `good`, 0 from `bad`, a straight line between."""
    return min(1.0, max(0.0, (bad - value) / (bad - good)))


# --- substance --------------------------------------------------------------------------------------


def substance(view: View) -> float | None:
    """Enough of an answer for the kind of task. A right short answer to a short question is enough."""
    if not (view.question.strip() or view.context.strip()):
        return 0.0  # nothing was asked
    text = view.answer
    if len(text) > 240:
        return 1.0 if any(map(str.isalnum, text[:240])) or any(map(str.isalnum, text)) else 0.0
    size = sum(map(str.isalnum, text))
    if not size:
        return 0.0
    if not view.spaced or not view.ascii:
        size += 2 * len(_IS_HAN.findall(text))
    task = view.question[:400].lower()
    if SHORT_TASK.search(task):
        return 1.0
    need = 40 if LONG_TASK.search(task) else 1 if QUESTION.search(task) else 8
    return min(1.0, size / need)


# --- relevance --------------------------------------------------------------------------------------


def relevance(view: View) -> float | None:
    """How much of what the question names comes back in the answer.

    None where the question names too little to tell ("yes, please"), where the answer is too short to
    have to repeat it, and where the two are in different scripts. Low overlap is weak evidence, so the
    signal never falls to 0. Terms are compared by their beginnings, Chinese and Japanese by pairs of
    characters; long terms count for more.
    """
    if len(view.answer) < 60 or (view.spaced and len(view.words) < 12):
        return None
    terms = _terms(view.question)
    if len(terms) < 3:
        terms |= _terms(view.context)
    if len(terms) < 3:
        return None
    text = view.lower
    weight = found = 0
    for term, count in terms.items():
        weight += count
        if term in text:
            found += count
    if not found and _IS_PAIRED.search(view.question) and not _IS_PAIRED.search(text):
        return None
    return 0.15 + 0.85 * min(1.0, found / weight / 0.4)


def _terms(text: str) -> dict[str, int]:
    """{beginning of a term: its weight} of what a text names at its beginning and its end."""
    if len(text) > 2 * _REACH:
        text = f"{text[:_REACH]} {text[-_REACH:]}"
    words = (_ASCII_TERM if text.isascii() else _TERM).findall(text.lower())
    if len(words) > 2 * _WORDS:
        words = words[:_WORDS] + words[-_WORDS:]
    terms: dict[str, int] = {}
    for word in words:
        if word > "\u3040" and _IS_PAIRED.match(word):
            for at in range(min(len(word) - 1, _WORDS)):
                terms[word[at : at + 2]] = 2
        elif word not in NO_TERMS:
            size = len(word)
            stem = word if size < 6 else word[:5] if size < 9 else word[: size * 2 // 3]
            terms[stem] = size if size < 12 else 12
    return terms


# --- originality ------------------------------------------------------------------------------------


def originality(view: View) -> float | None:
    """1 unless the answer is the question said again. Text taken from the input is no echo."""
    answer, question = view.answer.strip(), view.question.strip()
    if not answer or len(question) < 12:
        return None
    if len(answer) < 0.6 * len(question):
        return 1.0  # a quotation at most
    if answer.casefold() == question.casefold():
        return 0.0
    echoed = sum(len(line) for line in view.lines if len(line) > 16 and line in question)
    return _fall(echoed / max(len(answer), len(question)), 0.5, 0.85)


# --- variety ----------------------------------------------------------------------------------------


def variety(view: View) -> float | None:
    """1 unless lines or runs of words come again and again, or the end goes round in circles.

    None for an answer of a few words.
    """
    if _circles(view.tail):
        return 0.0
    again = 0.0
    lines = [line for line in view.lines if len(line) > 15]
    if len(lines) > 3:
        again = 1 - sum(map(len, set(lines))) / sum(map(len, lines))
    # The shorter the text, the shorter the runs that tell.
    if view.spaced:
        words = view.words
        size = 4 if len(words) >= 40 else 2
        runs = len(words) - size + 1
        distinct = len(set(zip(*(words[at:] for at in range(size)), strict=False)))
    else:
        text = view.answer
        if len(text) > _UNITS:
            text = text[: _UNITS // 4] + text[-3 * _UNITS // 4 :]
        size = 5 if len(text) >= 40 else 2
        runs = len(text) - size + 1
        distinct = len({text[at : at + size] for at in range(runs)})
    if runs > 10:
        again = max(again, 1 - distinct / runs)
    elif not lines:
        return None
    return _fall(again, 0.3, 0.6)


def _circles(tail: str) -> bool:
    """Whether the last characters stand there again and again: a model that does not find the end."""
    end = tail[-_END:]
    return len(end) == _END and tail.count(end) >= _TIMES and len(set(end)) > 2  # not a ruled line


# --- outcome ----------------------------------------------------------------------------------------

# What a flag of _metadata.flags leaves of a turn. A failed tool is part of ordinary work.
_AFTER = {
    "interrupted": 0.0,
    "unanswered_call": 0.1,
    "api_error": 0.2,
    "corrected_by_user": 0.3,
    "open": 0.5,
    "tool_rejected": 0.6,
    "tool_failed": 0.9,
}


def outcome(view: View) -> float | None:
    """How the turn ended, by its flags and its last message. None where the record says neither."""
    found = None
    if type(view.flags) is list:
        found = min((_AFTER.get(flag, 1.0) for flag in view.flags if type(flag) is str), default=1.0)
    if type(view.messages) is list and view.messages and type(view.messages[-1]) is dict:
        last = view.messages[-1]
        if last.get("role") == "tool" or last.get("tool_calls"):
            return min(0.1, 1.0 if found is None else found)  # no word came after the tool
    return found
