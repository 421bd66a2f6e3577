"""The request that an instruction opens with: what kind it is of, how it is put, and where it ends."""

# ruff: noqa: SIM905

from __future__ import annotations

import re

from afs.curate.augment.covered import BLOCK, COVER, cover

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple

    class Request(NamedTuple):
        """The opening of an instruction: `head` is lead + what `form` stands for + core + closing + end.

        `form` says how the request is put: bare, please, ask (can you), need (I need you to), we (can we),
        lets (let's), own (I'd like to) or question. `place` is the file that the lead names. `core` is from
        its verb, or question word, to before its end, `plain` the same covered. `closing` is a please at its
        end, `end` its punctuation. `rest` is a stretch of what follows, `alone` says that this is nothing.
        `capital` says that it begins with a capital, `specific` that it is about something named: what
        "can you" asks is then to be done.
        """

        kind: str
        head: str
        lead: str
        place: str
        form: str
        core: str
        plain: str
        closing: str
        end: str
        rest: str
        alone: bool
        capital: bool
        specific: bool
else:
    from collections import namedtuple

    Request = namedtuple(
        "Request", "kind head lead place form core plain closing end rest alone capital specific"
    )

KINDS = ("write", "fix", "explain", "optimise", "review")
# A request that has not ended by then is none that rules can handle. So much of a text is looked at.
_LONGEST = 600
_WINDOWS = (320, 3 * _LONGEST)

# Verbs with which each kind opens: those that are nothing but verbs there, and those that are nouns or
# adjectives too ("build failed", "correct answers"), which need an object that shows what they are.
_VERBS = {
    "write": (
        "write create implement add generate draft compose develop produce construct translate convert"
        " rename remove delete replace extend configure insert append",
        "build design make code document update change move port define script sketch",
    ),
    "fix": (
        "fix debug repair resolve solve troubleshoot diagnose investigate figure|out find|out",
        "correct patch address",
    ),
    "explain": (
        "explain describe clarify summarize summarise compare discuss tell|me show|me teach|me"
        " walk|me|through help|me|understand",
        "outline interpret",
    ),
    "optimise": (
        "optimize optimise refactor simplify improve speed|up streamline tidy|up clean|up rewrite"
        " rephrase reword modernize modernise restructure",
        "reduce profile minimize minimise",
    ),
    "review": (
        "inspect evaluate assess analyze analyse verify validate double-check double|check look|over look|at"
        " look|through take|a|look|at proofread examine",
        "review check audit critique",
    ),
}
_KIND = {
    verb.replace("|", " "): kind
    for kind, lists in _VERBS.items()
    for words in lists
    for verb in words.split()
}
_CLEAR = frozenset(verb.replace("|", " ") for words, _ in _VERBS.values() for verb in words.split())
# What begins an object that is meant, and none in general.
_THIS = frozenset(
    (
        "a an the this these that those my our your its their his her me us it them all any some each every"
        " both another one two three why what how whether if where which"
    ).split()
)
# Before these words what looks like a verb is a noun.
_NOUN_BEFORE = frozenset("is was are were of for failed fails fail has had".split())

_VERB = "|".join(sorted((re.escape(v).replace(r"\ ", r"\s+") for v in _KIND), key=len, reverse=True))
_LEAD = (
    r"\s*(?:(?:hi|hello|hey)(?:\ (?!can\b|could\b|please\b)[^\W\d_]+)?[,!.]\s+)?"
    r"(?:(?:(?:ok|okay|yes|yep|yeah|sure|alright|now|also)[,!.]?"
    r"|(?:great|good|perfect|cool|nice|thanks|thank\ you|no|nope|hm+|all\ right|well|so)[,!.])\s+){0,3}"
    r"(?:in\s+(?P<place>`[^`\n]+`|[\w/-]*[./][\w./-]+\w),?\s+)?"
)
_FORM = r"""
    (?P<ask>(?:please,?\s+)?(?:can|could|would|will)\s+you\s+(?P<asked>(?:please|kindly|pls)\s+)?)
  | (?P<need>(?:i\s+(?:need|want)|i'd\s+like|i\s+would\s+like)\s+you\s+to\s+|your\s+task\s+is\s+to\s+)
  | (?P<we>(?:can|could)\s+we\s+(?:please\s+)?)
  | (?P<lets>let's\s+)
  | (?P<own>(?:i'd\s+like|i\s+would\s+like|i\s+want)\s+to\s+)
  | (?P<please>(?:please|pls|plz|kindly),?\s+)
"""
_OPENING = re.compile(
    rf"(?P<lead>{_LEAD})(?:{_FORM})?(?P<core>(?:(?:also|just|now)\s+)?(?:help\s+(?:me|us)\s+(?:to\s+)?)?"
    rf"(?P<verb>{_VERB}))(?=\s)",
    re.IGNORECASE | re.VERBOSE,
)
_QUESTION = re.compile(
    rf"""(?P<lead>{_LEAD})(?P<core>
    why\s+(?:is|are|was|were|am|do|does|did|has|have|had|can|could|should|would|will|isn't|aren't|wasn't
      |weren't|don't|doesn't|didn't|can't|couldn't|won't|wouldn't|hasn't|haven't)\s
  | how\s+(?:to|do|does|did|can|could|should|would)\s(?!you\b)
  | what(?:'s|\s+(?:is|are|was|were))\s+the\s+(?:differences?|purpose|meaning|reasons?|point|role|benefits?
      |advantages?|disadvantages?|idea|effect|consequences?|causes?|cause)\b
  | what\s+(?:do|does|did)\s(?!you\b|we\b|i\b)(?=[^?\n]*\s(?:do|mean|return)\?)
  | what\s+(?:happens|happened|causes|caused|makes)\s)""",
    re.IGNORECASE | re.VERBOSE,
)
_END = re.compile(
    rf"(?P<mark>[.?!…]+)(?=\s|\Z)|:(?=\s|\Z)|(?=[^\S\n]*(?:\n\s*(?:\n|\Z|[-*+•>#|]\s|\d+[.)]\s|{BLOCK})|\Z))"
)
_SHORT = frozenset("e.g i.e eg ie etc vs cf approx no fig dr mr mrs ms st al resp".split())
_PLEASE = re.compile(r",?\s+(?:please|pls|plz)\Z", re.IGNORECASE)
_BLANK = re.compile(r"\s*")
_WORD = re.compile(r"\s+(\S+)")
_MAKE = re.compile(
    r"\b(?:faster|quicker|smaller|leaner|cleaner|simpler|shorter|more\s+(?:\w+)|less\s+(?:\w+))\b"
)


def request_of(text: str) -> Request | None:
    """The request with which an instruction opens; None where it is of no kind or has no clear end."""
    straight = text[:_LONGEST].replace("\u2019", "'")
    found = _OPENING.match(straight)
    start = found or _QUESTION.match(straight)
    if start is None:
        return None
    begin, least = start.span("core")
    for size in _WINDOWS:  # most requests are short, and to cover a text takes time
        window = text[:size]
        covered = cover(window)
        stop, end, rest = _end(covered, least, len(window) == len(text))
        if stop:
            break
    if COVER in covered[begin:least] or stop <= least:
        return None
    closing = _PLEASE.search(covered, begin, stop)
    last = closing.start() if closing else stop
    core, plain = window[begin:last], covered[begin:last]
    if not _balanced(plain):
        return None
    if found:
        form = next((name for name in _FORMS if found[name]), "bare")
        verb = " ".join(found["verb"].lower().split())
        if core[:2].isupper():  # shouted: to lower one letter would not do
            return None
        following = _WORD.match(covered, least)
        kind, specific = _judged(verb, following[1] if following else "", plain)
    else:
        form, kind, specific = "question", "explain", True
    if not kind:
        return None
    first = start.end("lead")
    return Request(
        kind, window[:rest], window[:first], start["place"] or "", form, core, plain, window[last:stop], end,
        window[rest:], bool(_BLANK.fullmatch(text, rest)), window[first].isupper(),
        specific or bool(found and found["asked"]),
    )  # fmt: skip


_FORMS = ("ask", "need", "we", "lets", "own", "please")


def _judged(verb: str, following: str, plain: str) -> tuple[str, bool]:
    """(kind, whether it is about something named) of a verb with the word behind it; "" for no verb."""
    kind, word = _KIND[verb], following.strip(".,;:!?()").lower()
    named = following[:1] == COVER or word in _THIS
    if verb == "make":
        if word in ("sure", "it") and not _MAKE.search(plain):
            return "", False
        if _MAKE.search(plain) and word not in ("a", "an"):
            return "optimise", True
        if word not in ("a", "an", "the", "me", "us", "my", "our"):
            return "", False
    if word in _NOUN_BEFORE or not following or not (named or verb in _CLEAR or following[:1] in "(["):
        return "", False
    return kind, named or kind == "explain" or " " in verb


def _end(covered: str, start: int, whole: bool) -> tuple[int, str, int]:
    """(where the request stops, its punctuation, where the rest begins); (0, "", 0) if that is not clear."""
    for found in _END.finditer(covered, start):
        at, mark = found.start(), found[0]
        if at > start + _LONGEST or not (whole or covered[found.end() :].strip()):
            break
        if mark == ".":
            before = covered[start:at].rsplit(None, 1)
            word = before[-1].lower().lstrip("(") if before else ""
            following = covered[at + 1 :].lstrip()[:1]
            if following and (word in _SHORT or len(word) == 1):
                if following.isupper() or word == "etc":
                    return 0, "", 0
                continue
        return at, mark, found.end()
    return 0, "", 0


def _balanced(plain: str) -> bool:
    return (
        plain.count("(") == plain.count(")")
        and plain.count("[") == plain.count("]")
        and not {'"', "`"} & set(plain)
    )
