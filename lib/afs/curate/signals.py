"""The signals of a score: each looks at one reason why an answer may teach something wrong.

A signal is a function of a View that gives a number from 0 (certainly bad) to 1 (nothing to hold
against it), or None where it cannot tell. None of them knows a topic. Thresholds were set by looking at
agents' turns, documentation, source code and prose in a dozen languages, sound and damaged.
"""

from __future__ import annotations

import math
import re

from afs.curate.phrases import (
    ARITHMETIC,
    CODE_HINTS,
    CODE_TASK,
    HAN,
    LONG_HINTS,
    LONG_TASK,
    NO_TERMS,
    PAIRED,
    QUESTION_WORDS,
    SHORT_HINTS,
    SHORT_TASK,
    TERSE,
    TERSE_HINTS,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from afs.curate.view import View

_IS_HAN = re.compile(f"[{HAN}]")
_IS_PAIRED = re.compile(f"[{PAIRED}]")
_TERM = re.compile(rf"[{PAIRED}]+|[^\W{PAIRED}]{{3,}}")
_ASCII_TERM = re.compile(r"\w{3,}", re.ASCII)
_WORDS = 7
_REACH = 300
_SEEN = 1600
_UNITS = 200
_END = 32
_TIMES = 4
_PROBE = 24
_PROBES = 10
_NUMBER = re.compile(r"\d+")
_CODE_MARK = re.compile(r"[(){};=<>\[\]$|\\]|\b(?:SELECT|FROM|def|import|return)\b")


def _fall(value: float, good: float, bad: float) -> float:
    """1 up to `good`, 0 from `bad`, a straight line between."""
    return min(1.0, max(0.0, (bad - value) / (bad - good)))


# --- substance --------------------------------------------------------------------------------------


def substance(view: View) -> float | None:
    """Enough of an answer for the kind of task, and not too much where a word was asked for.

    A right short answer to a short question is enough; who asks for an explanation wants some lines, of
    which the first ones count for most.
    """
    if not (view.question.strip() or view.context.strip()):
        return 0.0  # nothing was asked
    text = view.answer
    if len(text) > 600:
        size = 600 if any(map(str.isalnum, text[:240])) or any(map(str.isalnum, text)) else 0
    else:
        size = sum(map(str.isalnum, text))
        if not view.spaced or not view.ascii:
            size += 2 * len(_IS_HAN.findall(text))
    if not size:
        return 0.0
    asked, task = view.asked, view.task
    exotic = not task.isascii()
    if asked & TERSE_HINTS and TERSE.search(task):
        return 1.0 if len(text) < 240 else _fall(math.log(len(text)), math.log(240), math.log(2400))
    if (exotic or asked & SHORT_HINTS) and SHORT_TASK.search(task):
        return 1.0
    if (exotic or asked & LONG_HINTS) and LONG_TASK.search(task):
        part = math.log1p(size) / math.log1p(200)
        return min(1.0, part * part)
    if "?" in task or asked & QUESTION_WORDS or "\uff1f" in task:
        return min(1.0, 0.7 + 0.3 * math.log1p(size) / math.log1p(40))
    return min(1.0, math.log1p(size) / math.log1p(40))


# --- relevance --------------------------------------------------------------------------------------


def relevance(view: View) -> float | None:
    """How much of what the question names comes back, and whether code comes where code was asked for.

    None where the question names too little to tell ("yes, please") and there is no context, where the
    answer is too short to have to repeat it, and where the two are in different scripts. Low overlap is
    weak evidence, so the signal never falls to 0. Terms are compared by their beginnings, Chinese and
    Japanese by pairs of characters; long terms count for more. Of a context, which may be long, only so
    much as the answer has of its own must come back: then the terms of the answer are looked for in it.
    """
    task = view.task
    if len(task) < 80 and ARITHMETIC.search(task):
        numbers = _NUMBER.findall(view.answer)
        near = len(view.answer) < 24 or any(number in numbers for number in _NUMBER.findall(task))
        return 1.0 if numbers and near else 0.2
    fits = _fits(view, task)
    short = len(view.answer) < 60 or (view.spaced and len(view.words) < 12)
    if short:
        if len(view.context) > 200 and not view.blocks and len(_terms(view.answer)) > 2:
            return 0.3 + 0.7 * _drawn(view)
        if fits is not None and fits < 1:
            return fits
        return 0.4 if len(view.words) > 4 and not view.context and _strange(view) else None
    terms = _terms(view.question)
    text = view.lower if len(view.lower) <= _SEEN else view.lower[: _SEEN // 2] + view.lower[-_SEEN // 2 :]
    found = weight = 0
    for term, count in terms.items():
        weight += count
        if term in text:
            found += count
    share = found / weight if terms else None
    if share is not None and len(terms) < 3:
        share = share + 0.15 * (3 - len(terms)) * (1 - share)  # a word or two that are missing say less
    if view.context and (share is None or share < 0.5 or len(terms) < 3):
        share = max(share or 0.0, _drawn(view))
    if share is None:
        return fits
    if not found and _IS_PAIRED.search(view.question) and not _IS_PAIRED.search(text):
        return None
    return min(1.0 if fits is None else fits, 0.2 + 0.8 * min(1.0, share / 0.5))


def _strange(view: View) -> bool:
    """Whether a short sentence names things, and none of those that the question names."""
    asked, told = _terms(view.question), _terms(view.answer)
    return len(asked) > 1 and len(told) > 1 and not any(term in view.lower for term in asked)


def _drawn(view: View) -> float:
    """Which share of what the answer names stands in question or context; twice, because it says more."""
    terms = _terms(view.answer)
    if not terms:
        return 0.5
    text = f"{view.question}\n{view.context}".lower()
    return min(1.0, 1.6 * sum(count for term, count in terms.items() if term in text) / sum(terms.values()))


def _fits(view: View, task: str) -> float | None:
    """.15 where code was asked for and none comes; 1 where it comes; None where none was asked for."""
    if not view.asked & CODE_HINTS or not CODE_TASK.search(task):
        return None
    if view.blocks or "`" in view.answer:
        return 1.0
    return 1.0 if len(_CODE_MARK.findall(view.answer)) > 1 + len(view.answer) // 200 else 0.15


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
    if not answer or not question:
        return None
    if len(answer) < 0.6 * len(question):
        return 1.0  # a quotation at most
    if len(answer) < 2 * len(question) + 40:
        bare = answer.casefold().rstrip(".!?")
        asked = question.casefold().rstrip(".!?")
        if bare == asked:
            return 0.0
        if len(question) > 6 and bare.endswith(asked) and len(bare) - len(asked) < 24:
            return 0.05  # "You asked: ..."
    if len(question) < 12:
        return None
    if len(answer) > 2 * len(question):
        return 1.0  # most of it is its own
    echoed = sum(len(line) for line in view.lines if len(line) > 16 and line in question)
    return _fall(echoed / max(len(answer), len(question)), 0.5, 0.85)


# --- variety ----------------------------------------------------------------------------------------


def variety(view: View) -> float | None:
    """1 unless lines or runs of words come again and again, or the end goes round in circles.

    What a compressor would find is looked for in samples: pieces of 24 characters from all over the text
    that stand there once more further on. None for an answer of a few words.
    """
    if _circles(view.tail):
        return 0.0
    again = 0.0
    lines = [line for line in view.lines if len(line) > 15] if len(view.lines) > 3 else view.lines
    if len(lines) > 3:
        again = 1 - sum(map(len, set(lines))) / sum(map(len, lines))
    seen = _seen_again(view.answer)
    if seen == 0.0 and len(view.answer) > 600:
        return _fall(again, 0.3, 0.6)  # what runs of words would show has been found missing
    runs, distinct = _runs(view)
    if runs > 10:
        again = max(again, 1 - distinct / runs)
    elif not any(len(line) > 15 for line in lines):
        return None
    return min(_fall(again, 0.3, 0.6), _fall(seen, 0.25, 0.5))


def _runs(view: View) -> tuple[int, int]:
    """(runs of words or characters, different ones). The shorter the text, the shorter the runs that tell."""
    if view.spaced:
        words = view.words
        size = 4 if len(words) >= 40 else 2
        return len(words) - size + 1, len(set(zip(*(words[at:] for at in range(size)), strict=False)))
    text = view.answer
    if len(text) > _UNITS:
        text = text[: _UNITS // 4] + text[-3 * _UNITS // 4 :]
    size = 5 if len(text) >= 40 else 2
    runs = len(text) - size + 1
    return runs, len({text[at : at + size] for at in range(runs)})


def _seen_again(text: str) -> float:
    """The share of pieces of a text that come again behind it."""
    size = len(text) - _PROBE
    if size < 6 * _PROBE:
        return 0.0
    starts = range(0, size, size // _PROBES + 1)
    hits = 0
    for at in starts:
        piece = text[at : at + _PROBE]
        if text.find(piece, at + 1) > 0 and len(set(piece)) > 7:  # no ruled line, no indent
            hits += 1
    return hits / len(starts)


def _circles(tail: str) -> bool:
    """Whether the last characters stand there again and again: a model that does not find the end."""
    end = tail[-_END:]
    return len(end) == _END and tail.count(end) >= _TIMES and len(set(end)) > 2  # not a ruled line


# --- density ----------------------------------------------------------------------------------------


def density(view: View) -> float | None:
    """How much is said for the room it takes: different words that mean something, among the last words.

    Little words and what was said before do not count; longer words count for more. None for a few words.
    """
    if view.spaced:
        words = view.words[-64:]
        if len(words) < 24:
            return None
        told = sum(map(len, set(words) - NO_TERMS))
        return 1 - _fall(told / sum(map(len, words)), 0.25, 0.7)
    text = view.answer[-200:]
    if len(text) < 40:
        return None
    return 1 - _fall(len(set(text)) / len(text), 0.1, 0.35)


# --- outcome ----------------------------------------------------------------------------------------

# What a flag of _metadata.flags leaves of a turn. A failed tool is part of ordinary work.
_AFTER = {
    "interrupted": 0.0,
    "unanswered_call": 0.1,
    "api_error": 0.2,
    "corrected_by_user": 0.3,
    "complained_by_user": 0.3,
    "open": 0.5,
    "tool_rejected": 0.6,
    "tool_failed": 0.8,
}
_UNTOLD = 0.9


def outcome(view: View) -> float | None:
    """How the turn ended, by its flags and its last message. None where the record says neither.

    Thanks make up for a tool that failed; without a word from the person it is a little less than 1.
    """
    found = None
    if type(view.flags) is list:
        named = [flag for flag in view.flags if type(flag) is str]
        found = min((_AFTER.get(flag, _UNTOLD) for flag in named), default=_UNTOLD)
        if "thanked_by_user" in named and found > 0.5:
            found = 1.0
    if type(view.messages) is list and view.messages and type(view.messages[-1]) is dict:
        last = view.messages[-1]
        if last.get("role") == "tool" or last.get("tool_calls"):
            return min(0.1, 1.0 if found is None else found)  # no word came after the tool
    return found
