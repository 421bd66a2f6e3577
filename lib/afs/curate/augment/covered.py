"""What of a text no rule may touch: code, quotations, names of things, numbers and placeholders."""

# ruff: noqa: RUF001

from __future__ import annotations

import re

# They stand for a covered character: two of those for private use, so that no rule takes them for a word.
COVER = "\ue000"
BLOCK = "\ue001"

_BLOCKS = re.compile(
    r"^[ \t>]*(```+|~~~+)[^\n]*(?:\n|\Z)(?:.*\n)*?(?:[ \t>]*\1[`~]*[ \t]*$|.*\Z)",
    re.MULTILINE,
)
_QUOTED = re.compile(
    r"(?P<ticks>`+).+?(?P=ticks)|(?:https?|ftp|file|ssh)://[^\s<>\"')\]]+[^\s<>\"')\].,;:!?]"
    r"|\"[^\"\n]*\"|“[^”\n]*”|‘[^’\n]*’(?!\w)|«[^»\n]*»|(?<![\w'])'[^'\n]+'(?!\w)|</?\w[^<>\n]*>"
)
_TOKEN = re.compile(r"[^\s,;:!?()\[\]\"“”]+(?:[(\[][^\s()\[\]]*[)\]])*")
# A dot inside, a sign, a digit, a capital behind the first letter: no plain word of English.
_NAME = re.compile(r"[._/\\@=<>{}#$%&*|~^+\[\]()0-9]|[^\W\d_][A-Z]|^-|[^\x00-\x7f'’]|-[A-Z]")
# Plain all the same.
_PLAIN = frozenset(("-", "--", "–", "—", "…", "...", "e.g.", "i.e.", "e.g", "i.e", "and/or"))


def cover(text: str) -> str:
    """The text with what may not be touched blotted out, character for character.

    Blocks between fences become BLOCK; words in backticks, quotations, addresses, paths, identifiers,
    options, numbers, words of more than ASCII letters and placeholders such as REDACTED_EMAIL_1 become
    COVER. What is left are plain words with straight apostrophes, white space and punctuation.
    """
    if "```" in text or "~~~" in text:
        text = _BLOCKS.sub(lambda found: BLOCK * len(found[0]), text)
    text = _QUOTED.sub(lambda found: COVER * len(found[0]), text)
    return _TOKEN.sub(_cover_name, text).replace("’", "'")


def _cover_name(found: re.Match[str]) -> str:
    token = found[0]
    body = token.rstrip(".")
    if COVER in body or BLOCK in body or (_NAME.search(body) and token.lower() not in _PLAIN):
        return "".join(char if char == BLOCK else COVER for char in body) + token[len(body) :]
    return token
