"""The signals of a score: each looks at one reason why an answer may teach something wrong.

A signal is a function of a View that gives a number from 0 (certainly bad) to 1 (nothing to hold
against it), or None where it cannot tell. None of them knows a topic. Thresholds were set by looking at
agents' turns, documentation, source code and prose in a dozen languages, sound and damaged.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from afs.curate.view import View

# Chinese and Japanese set no spaces; a character there says about as much as three letters.
_HAN = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
_PAIRED = _HAN + "\uac00-\ud7af"  # Korean sets spaces, but its words change their ends
_IS_HAN = re.compile(f"[{_HAN}]")


def _fall(value: float, good: float, bad: float) -> float:
    """1 up to `good`, 0 from `bad`, a straight line between."""
    return min(1.0, max(0.0, (bad - value) / (bad - good)))


# --- substance --------------------------------------------------------------------------------------

# Words of a task whose answer takes some room, and of one that a word or two may answer.
_LONG = re.compile(
    r"\b(?:explain|describe|write|implement|compare|discuss|summari[sz]e|list|how|why|plan|design|review"
    r"|refactor|create|essay|steps|erkl\w+|schreib\w*|warum|explique\w*|pourquoi|escrib\w+|explica\w*)\b"
    r"|解释|说明|写|为什么|如何|怎么|説明|書い|なぜ",
)
_SHORT = re.compile(
    r"\b(?:which|who|whose|when|where|what (?:is|are|was|year|does)|how (?:many|much|old|far|long)|is|are|does"
    r"|classify|label|choose|pick|select|translate|name|extract|true|false|yes|no|one (?:word|line)|only"
    r"|short|briefly|answer with|capital|calculate|sum|solve)\b|\?|？",
)


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
    need = 1
    if not _SHORT.search(task):
        need = 40 if _LONG.search(task) else 8
    return min(1.0, (size / need) ** 0.5)


# --- relevance --------------------------------------------------------------------------------------

_TERM = re.compile(rf"[{_PAIRED}]+|[^\W{_PAIRED}]{{3,}}")
_IS_PAIRED = re.compile(f"[{_PAIRED}]")
# What questions are made of, whatever they are about.
_NO_TERMS = frozenset(
    "about above after again all also and another any answer anything are around ask because been before being"
    " below between both but can cannot come could did does doing done each even every explain find first for"
    " from get give goes going good had has have help her here him his how however into its just kind know"
    " less let like list look made make many may maybe mean might more most much must name need new not now"
    " off okay one only other our out over own please provide put question rather really right said same say"
    " see shall she should show since some something such sure take tell than thank thanks that the their"
    " them then there these they thing things this those through too two use used using very want was way"
    " well were what when where whether which while who why will with without work would write yes yet you"
    " your und der die das ist nicht ein eine mit für auf wie was les des une est que pour dans los las del"
    " por para con como qué".split()
)
_MOST_TERMS = 48
_ENDS = 1024


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
    """{beginning of a term: its weight} of the first terms of a text and of its end."""
    if len(text) > 2 * _ENDS:
        text = f"{text[:_ENDS]} {text[-_ENDS:]}"
    terms: dict[str, int] = {}
    for word in _TERM.findall(text.lower()):
        if word > "\u3040" and _IS_PAIRED.match(word):
            for at in range(len(word) - 1):
                terms[word[at : at + 2]] = 2
        elif word not in _NO_TERMS:
            size = len(word)
            terms[word if size < 6 else word[: max(5, size * 2 // 3)]] = min(size, 12)
        if len(terms) >= _MOST_TERMS:
            break
    return terms


# --- originality ------------------------------------------------------------------------------------


def originality(view: View) -> float | None:
    """1 unless the answer is the question said again. Text taken from the input is no echo."""
    answer, question = view.answer.strip(), view.question.strip()
    if not question or len(question) < 12:
        return None
    if len(answer) < 0.6 * len(question):
        return 1.0  # a quotation at most
    if answer.casefold() == question.casefold():
        return 0.0
    echoed = sum(len(line) for line in view.lines if len(line) > 16 and line.strip() in question)
    return _fall(echoed / max(len(answer), len(question)), 0.5, 0.85)


# --- variety ----------------------------------------------------------------------------------------

_GRAM = 4
_UNITS = 800


def variety(view: View) -> float | None:
    """1 unless lines or runs of words come again and again. None for an answer of a few words."""
    again = 0.0
    lines = [line for line in view.lines if len(line) > 15]
    if len(lines) > 3:
        again = 1 - sum(map(len, set(lines))) / sum(map(len, lines))
    units: Sequence[Hashable] = view.words if view.spaced else _characters(view)
    if len(units) >= 12:
        # The shorter the text, the shorter the runs that tell.
        gram = _GRAM if len(units) >= 40 else 2
        runs = list(zip(*(units[at:] for at in range(gram)), strict=False))
        again = max(again, 1 - len(set(runs)) / len(runs))
    elif not lines:
        return None
    return _fall(again, 0.3, 0.6)


def _characters(view: View) -> list[str]:
    """Pairs of characters, for text without spaces; the end counts, because that is where loops are."""
    text = view.answer
    if len(text) > _UNITS:
        text = text[: _UNITS // 4] + text[-3 * _UNITS // 4 :]
    return list(map("".join, zip(text, text[1:], strict=False)))


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
