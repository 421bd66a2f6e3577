"""Passwords that sentences tell: `use x as the password`, `log in with bob / x`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from afs.redact.kinds.judge import Judge

    Finder = Callable[[bytes, int], Iterator[tuple[int, int]]]

_QUOTE = rb"\\{0,31}+[\"'`]"
_BEFORE = re.compile(
    rb"(?i:use|used|using|set|enter|entered|type|with|try|put|chose|choose|pass|has|have|gave|give|to)[ \t]"
    rb"(?:(?P<quote>"
    + _QUOTE
    + rb")(?P<quoted>[^\"'`\\\n]{4,128})|(?P<s>[^\s\"'`\\]{4,128}))(?:"
    + _QUOTE
    + rb")?[ \t](?i:as|for)[ \t]"
    rb"(?:(?i:the|your|my|its|a|an|our|his|her)[ \t])?(?:[A-Za-z][\w-]{0,19}[ \t]){0,3}$"
)
_PAIR = re.compile(
    rb"(?i:log ?in|logged in|sign ?in|signed in|credentials?|creds|account|logins?)(?![A-Za-z_])"
    rb"(?:[ \t](?i:with|as|using|are|is|were|to it with|details|in|for|page|into))?"
    rb"(?:[ \t](?i:with|as|using|are|is|user|the))?(?:[ \t][\w./-]{1,40})?(?:[ \t]?(?i:with|as|using|are"
    rb"|is|:|=|\())?[ \t]{0,3}"
    rb"(?:"
    + _QUOTE
    + rb")?[A-Za-z][\w.+@-]{0,40}(?:"
    + _QUOTE
    + rb")?[ ]?(?P<sign>[:/])[ ]?(?:"
    + _QUOTE
    + rb")?"
    rb"(?P<s>[^\s\"'`\\,;()<>{}]{4,128})(?!\{)"
)


_PIPED = re.compile(
    rb"(?:echo|printf)[ \t]{1,4}(?:-[ne]{1,2}[ \t]{1,4})?(?:"
    + _QUOTE
    + rb"(?P<quoted>[^\"'`\\\n]{4,512})"
    + _QUOTE
    + rb"|(?P<s>[^\s\"'`\\|]{4,512}))[ \t]{0,4}\|[^\n|\"']{0,80}(?:secrets?|env|variable|config"
    rb"|parameter)[ :](?:put|set|add|create|import)[^\n|\"']{0,40}[ \t]$"
)


def before(raw: bytes, start: int) -> Iterator[tuple[int, int, int]]:
    """(begin, end, bar) of the value in `use x as the NAME`, where the name begins at `start`."""
    left = raw[max(0, start - 140) : start]
    if left[-1:] != b" ":
        return
    if b"|" in left and (piped := _PIPED.search(raw, max(0, start - 700), start)):
        yield *piped.span("quoted" if piped["quoted"] else "s"), 1
    if b" as " not in left:
        return
    match = _BEFORE.search(raw, max(0, start - 240), start)
    if match is not None:
        yield *match.span("quoted" if match["quote"] else "s"), 1 if match["quote"] else 2


def pair(judge: Judge) -> Finder:
    """The password of a pair `name / password` or `name:password` behind words of logging in."""

    def find(raw: bytes, at: int) -> Iterator[tuple[int, int]]:
        match = _PAIR.match(raw, at)
        if match is None:
            return
        value = match["s"].rstrip(b".:?")
        if judge.strength(value.decode("latin-1")) >= 2:
            yield match.start("s"), match.start("s") + len(value)

    return find
