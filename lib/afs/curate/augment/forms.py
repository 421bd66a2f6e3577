"""Other ways to put one request: politeness, order or question, closings, contractions, order of clauses.

A rule changes what stands before the verb, the punctuation at the end, or a few words of the sentence that
it knows whole. Where a sentence goes on in a way that a form cannot carry, the form is left out.
"""

# ruff: noqa: RUF001, SIM905

from __future__ import annotations

import re

from afs.curate.augment.covered import COVER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from afs.curate.augment.request import Request

_ORDERS = {
    "please": ("please ",),
    "order": ("",),
    "need": ("I need you to ", "I want you to ", "I'd like you to ", "I would like you to "),
}
_ASKS = (
    "can you ", "could you ", "would you ", "can you please ", "could you please ", "would you please ",
    "please could you ",
)  # fmt: skip
_SWAPS = {
    "we": ("can we ", "could we ", "can we please ", "could we please "),
    "lets": ("let's ", "I'd like us to ", "I would like us to "),
    "own": ("I'd like to ", "I would like to ", "I want to "),
}
_NEUTRAL = ("quick question: ", "I have a question: ", "please explain: ", "help me understand: ")
_THANKS = (" Thanks.", " Thank you.", " Thanks!", " Thanks in advance.")

# Who goes on like this has begun another sentence: neither a question nor "I need you to" can carry it.
_SUBJECT = (
    "i|we|you|he|she|it|they|there|this|that|these|those|i'm|i've|i'd|it's|that's|there's"
    "|they're|we're|you're|let's"
)
_ASKING = (
    "is|are|was|were|am|do|does|did|can|could|should|would|will|may|might|must|isn't|aren't|why|how|what"
)
_ORDERING = (
    "make|ensure|use|keep|avoid|please|also|just|only|add|remove|write|fix|create|include|explain|show|give|try"
    "|run|test|check|update|change|leave|note|remember|be|start|stop|return|put|take|focus|assume|follow"
)
_GOES_ON = re.compile(
    rf"(?:[,;…]|\s[-–—]+|\.\.\.)\s+(?:(?:(?:so|then)\s+)?(?:{_SUBJECT}|{_ASKING})|{_ORDERING}|not|never|no)\b"
    rf"|;|\b(?:and|but)\s+(?:then\s+)?(?:{_SUBJECT}|{_ASKING}|who|where|when|which|please|never|not)\b"
    rf"|\band\s+also\s+(?:{_ASKING})\b"
    rf"|\bor\s+(?:{_SUBJECT}|{_ASKING})\b"
    r"|[,;]\s+(?:the|my|our|your|his|her|their|its|some|most|all|everyone|everything|nobody|nothing)\b(?:\s[\w'-]+){0,3}?"
    r"\s(?:is|are|was|were|has|have|will|can|do|does|did|keeps?|needs?)\b"
    r"|\b(?:do\s+not|don't|thanks?|thx|cheers)\b",
    re.IGNORECASE,
)
# A rest that leans on the question before it.
_LEANS = re.compile(
    r"\s*(?:if\s+(?:not|so|yes|no|you\s+can)|otherwise|even|or|and|but|not|because|so|maybe|perhaps|with"
    r"|without)\b",
    re.IGNORECASE,
)
_THANKED = re.compile(r"\bth(?:anks?|x)\b", re.IGNORECASE)
_ABBREVIATED = re.compile(r"\b(?:etc|al|e\.g|i\.e)\Z", re.IGNORECASE)
_COMPOUND = re.compile(r"\b(?:and|then|or|but|also|so)\b|[:;,…]|\s[-–—]|\.\.\.", re.IGNORECASE)


def forms(request: Request) -> Iterator[tuple[str, str]]:
    """(family, head) of each way to put the request; the given one may be among them."""
    if request.form == "question":
        yield from _questions(request)
    elif request.form in _SWAPS:
        if request.form == "we" or not _GOES_ON.search(request.plain):
            yield from ((request.form, put(request, opening)) for opening in _SWAPS[request.form])
    else:
        yield from _orders(request)
        yield from _of_kind(request)
    yield from _words(request)
    yield from _places(request)


def _orders(request: Request) -> Iterator[tuple[str, str]]:
    """The forms in which somebody is told or asked to do it."""
    asked = request.form == "ask" and "?" in request.end
    goes_on = bool(_GOES_ON.search(request.plain)) or request.end in ("…", "...")
    if not asked or not (goes_on or not request.specific or _LEANS.match(request.rest)):
        yield from _told(request, _stop(request) if asked else request.end, goes_on)
    end = request.end if request.form == "ask" else _mark(request)
    if asked and not request.specific:  # it may be asked whether, not that
        yield from (("ask", put(request, opening, end)) for opening in _ASKS[:2])
    elif asked or not (goes_on or end is None):
        polite = "please" in request.plain.lower()
        for opening in _ASKS:
            if not (polite and "please" in opening):
                yield "ask", put(request, opening, end)
        if end == "?" and _may_close(request) and not goes_on:
            for thanks in _THANKS[:2]:
                yield "closing", put(request, "could you ", end) + thanks


def _told(request: Request, end: str, goes_on: bool) -> Iterator[tuple[str, str]]:
    polite = "please" in request.plain.lower()
    for family, openings in _ORDERS.items():
        for opening in openings:
            if not (family == "need" and goes_on) and not (family == "please" and polite):
                yield family, put(request, opening, end)
    if goes_on or not _may_close(request) or end not in (".", "!"):
        return
    if len(request.core) < 90 and end == "." and not polite and not _ABBREVIATED.search(request.plain):
        yield "please", put(request, "", ", please.")
    for thanks, opening in zip(_THANKS, ("", "please ", "", "please "), strict=True):
        if not (polite and opening):
            yield "closing", put(request, opening, end) + thanks


def _may_close(request: Request) -> bool:
    """Whether the request is all there is, and what stands behind it cannot be taken for its object."""
    return request.alone and ":" not in request.plain and not _THANKED.search(request.lead)


def put(request: Request, opening: str, end: str | None = None, core: str = "") -> str:
    """The head with another opening, end or core for its request."""
    said = opening + (core or request.core[:1].lower() + request.core[1:])
    follows = request.lead.rstrip()[-1:]
    if request.capital if not follows else follows in ".!":
        said = said[:1].upper() + said[1:]
    elif opening[:1] != "I":
        said = said[:1].lower() + said[1:]
    return request.lead + said + (request.end if end is None else end)


def _mark(request: Request) -> str | None:
    """The end of the request as a question; None where it cannot become one."""
    last = request.core.rsplit(None, 1)[-1]
    if (
        "://" in last
        or _ABBREVIATED.search(request.plain)
        or (request.plain[-1:] == COVER and last[-1:] in "\"'”’»" and last[-2:-1] in ".?!")
    ):
        return None
    if request.end in (".", "!"):
        return "?"
    if request.end == ":":
        return ":" if request.rest.lstrip(" \t\r")[:1] in ("", "\n") else None
    if not request.end and not request.rest.lstrip()[:2].startswith(("-", "*", "+", "•", "1")):
        return "?"
    return None


def _stop(request: Request) -> str:
    return request.end.replace("?", "") or ("" if "://" in request.core.rsplit(None, 1)[-1] else ".")


# --- forms of one kind ------------------------------------------------------------------------------

_A_THING = re.compile(
    r"(?:write|create|build|develop|generate|implement|draft|compose|design)\s+(an?\s.*)",
    re.IGNORECASE | re.DOTALL,
)
# This tells how to make the thing, not which thing.
_IN_WHICH_WAY = re.compile(
    r"\b(?:by \w+ing|before|after|while|if|unless|instead|again|yourself|for (?:me|us)|\w+ly)\b",
    re.IGNORECASE,
)
_EXPLAIN = re.compile(
    r"explain\s+((?:how|why|what|the|this|that|these|those|each|my|our)\s.*)", re.IGNORECASE | re.DOTALL
)
_TO_WHOM = re.compile(
    r"\b(?<!how )to (?:an?|me|my|us|someone|somebody|the|children|kids|beginners|people)\b|\b(?:for|as)\b"
)
_HOW_TO = re.compile(r"(?:explain|show me|tell me)\s+how\s+to\s+(.*)", re.IGNORECASE | re.DOTALL)
_DIFFERENCE = re.compile(
    r"explain\s+(the differences?\s+between\s(?:(?!\s(?:and|or|then|but|so)\s)[^,;:…])+\sand\s"
    r"(?:(?!\s(?:and|or|then|but|so)\s)[^,;:…])+)",
    re.IGNORECASE | re.DOTALL,
)


def _of_kind(request: Request) -> Iterator[tuple[str, str]]:
    core, plain = request.core, request.plain
    leans = "?" in request.end and (not request.specific or bool(_LEANS.match(request.rest)))
    difference = _DIFFERENCE.fullmatch(plain)
    if leans or (_COMPOUND.search(plain) and not difference):
        return
    end = _stop(request) if "?" in request.end else request.end
    found = _A_THING.fullmatch(plain)
    if found and request.kind == "write" and not _IN_WHICH_WAY.search(plain):
        yield "thing", put(request, "I need ", end, core[found.start(1) :])
    if (found := _EXPLAIN.fullmatch(plain)) and not _TO_WHOM.search(plain):
        yield "understand", put(request, "help me understand ", end, core[found.start(1) :])
        yield "understand", put(request, "I'd like to understand ", end, core[found.start(1) :])
    if (request.end if "?" in request.end else _mark(request)) != "?":
        return
    if found := _HOW_TO.fullmatch(plain):
        yield "direct", put(request, "how do I ", "?", core[found.start(1) :])
        yield "direct", put(request, "how can I ", "?", core[found.start(1) :])
    elif difference:
        verb = "are" if "differences" in plain[:24].lower() else "is"
        yield "direct", put(request, f"what {verb} ", "?", core[difference.start(1) :])


# --- questions --------------------------------------------------------------------------------------

_DOES = re.compile(
    rf"(?:what\s+does\s+(?=.*\s(?:do|mean)\Z)|how\s+does\s+(?=.*\swork\Z))"
    rf"((?:it|the|this|that|my|our|your|each|a|an|{COVER}+)(?:\s(?:[\w'-]|{COVER})+){{0,5}})\s+(do|mean|work)",
    re.IGNORECASE,
)
_NOT_A_THING = re.compile(
    r"\b(?:to|lets?|makes?|have|has|had|helps?|can|could|should|would|will|must|that|which|who|not|is|are|was"
    r"|were|when|if|while|needs?|wants?|try|tries|really|actually|even|exactly|also|still|now|then)\b|ly\b",
    re.IGNORECASE,
)
_HOW_DO_I = re.compile(
    r"how\s+(?:do\s+i|can\s+i|can\s+we|to)\s+((?!know|feel|think|be)\S.*)", re.IGNORECASE | re.DOTALL
)
_WHAT_IS = re.compile(
    r"what(?:'s|\s+is|\s+are)\s+(the\s+differences?\s+between\s.*)", re.IGNORECASE | re.DOTALL
)
_WHY_IS = re.compile(
    r"why\s+(is|are|was|were|do|can|could|should|would|isn't|aren't|wasn't|weren't|don't|doesn't|didn't"
    r"|can't|couldn't|won't|wouldn't)\s+(it|they|we|i|you|there)\s+(\S.*)",
    re.IGNORECASE | re.DOTALL,
)


def _questions(request: Request) -> Iterator[tuple[str, str]]:
    """The question with an announcement before it, and as a request where its words need no other order."""
    core, plain = request.core, request.plain
    if request.end != "?" and (request.end or not request.alone):
        return
    if not plain.lower().startswith("how to"):
        for opening in _NEUTRAL:
            yield "announced", put(request, opening)
    if _GOES_ON.search(plain[4:]) or _LEANS.match(request.rest):
        return
    for said in _reported(core, plain):
        for opening, family in (
            ("", "order"), ("please ", "please"), ("can you ", "ask"), ("could you ", "ask"),
        ):  # fmt: skip
            yield family, put(request, opening + "explain ", "?" if family == "ask" else ".", said)
        yield "understand", put(request, "help me understand ", ".", said)
    if (found := _HOW_DO_I.fullmatch(plain)) and "we" not in plain.lower().split()[:3]:
        verb = core[found.start(1) :]
        for opening in ("how do I ", "how can I "):
            yield "direct", put(request, opening, "?", verb)


def _reported(core: str, plain: str) -> Iterator[str]:
    """What "explain" takes in place of the question."""
    if found := _DOES.fullmatch(plain):
        if not _NOT_A_THING.search(found[1]):
            verb = {"do": "does", "mean": "means", "work": "works"}[found[2].lower()]
            yield f"{plain.split()[0].lower()} {core[found.start(1) : found.end(1)]} {verb}"
    elif found := _HOW_DO_I.fullmatch(plain):
        yield "how to " + core[found.start(1) :]
    elif found := _WHAT_IS.fullmatch(plain):
        yield core[found.start(1) :]
    elif found := _WHY_IS.fullmatch(plain):
        verb, who, rest = (core[found.start(n) : found.end(n)] for n in (1, 2, 3))
        if verb.lower() == "do":
            yield f"why {who} {rest}"
        else:
            yield f"why {who} {verb.lower()} {rest}"


# --- words of the sentence --------------------------------------------------------------------------

# Never one that says no. What stands beside decides: "what it is" and "as I am" have no short form.
_WORDS = (
    (re.compile(r"\b(I) would like\b"), r"\1'd like"),
    (
        re.compile(r"(?<!what )(?<!how )(?<!where )(?<!than )(?<!as )\b(I) am (?=(?:a|an|the|\w+ing)\b)"),
        r"\1'm ",
    ),
    (re.compile(r"(?<!what )(?<!where )\b(it|that) is (?=(?:a|an|the)\b)"), r"\1's "),
    (re.compile(r"\b(we|they|you) are (?=\w+ing\b)"), r"\1're "),
    (re.compile(r"\b(I|we|you|they) have (?=(?:been|already|written|added|tried|made|seen)\b)"), r"\1've "),
    (re.compile(r"\b(I)'d like\b"), r"\1 would like"),
    (re.compile(r"\b(I)'m\b"), r"\1 am"),
    (re.compile(r"\b(we|they|you)'re\b"), r"\1 are"),
    (re.compile(r"\b(I|we|they|you)'ve\b(?! to\b)"), r"\1 have"),
    (re.compile(r"\b(it|that|there)'s (?=(?:a|an|the|in|on|at|too|so|very|not|\w+ing)\b)"), r"\1 is "),
)
_LEANING = frozenset(
    (
        "in on at from to by with for that which who where when and or not as into used called defined if so"
        " without per via under it them this"
    ).split()
)
_ENDS_IN_PLACE = re.compile(rf"(\w+(?: (?:[a-z'-]+|{COVER}+)){{1,6}}) in ({COVER}+)", re.IGNORECASE)


def _words(request: Request) -> Iterator[tuple[str, str]]:
    """The same with a word drawn together or spelled out."""
    core, plain = request.core, request.plain
    if request.end == ":":  # what follows may be a text to work on
        return
    tail = request.closing + request.end
    head = request.head[: len(request.head) - len(core) - len(tail)]
    for pattern, new in _WORDS:
        if found := pattern.search(plain):
            yield "words", head + core[: found.start()] + found.expand(new) + core[found.end() :] + tail


def _places(request: Request) -> Iterator[tuple[str, str]]:
    """The same with "in that file" at the other end, where nothing else could be meant to be in it."""
    if request.kind not in ("write", "fix") or request.form not in ("bare", "please") or request.end != ".":
        return
    opening = "please " if request.form == "please" else ""
    if request.place:
        words = request.plain.split()
        if len(words) <= 7 and not (_LEANING & {word.lower() for word in words}):
            moved = f"{request.core} in {request.place}"
            capital = request.lead.lstrip()[:1].isupper()
            yield "place", put(request._replace(lead="", capital=capital, core=moved), opening)
        return
    if request.lead or not (found := _ENDS_IN_PLACE.fullmatch(request.plain)):
        return
    place = request.core[found.start(2) :]
    if _is_place(place) and not (_LEANING & set(found[1].lower().split())):
        yield "place", put(request._replace(core=request.core[: found.end(1)]), f"in {place}, {opening}")


def _is_place(text: str) -> bool:
    return text.strip("`").replace("/", ".").find(".", 1) > 0 and text[0] not in "\"'“‘«"
