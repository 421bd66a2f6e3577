"""Texts too short for n-grams: the same words in a row, as a sentence of its own."""

from __future__ import annotations

import re
import unicodedata

# Scripts whose characters are words: Thai to Khmer, kana, Chinese, Hangul.
_CHARS = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"
_TOKEN = re.compile(rf"[{_CHARS}]|[^\W_{_CHARS}]+")
_SINGLE = re.compile(f"[{_CHARS}]")
# What parts sentences, and quotes what is said.
_EDGE = re.compile(
    r"[.!?:;\n\r|<>()\[\]{}\"'`\u00ab\u00bb\u2013\u2014\u2018-\u201f\u3001\u3002\u300c-\u300f]"
)
# Between numbers or single letters a sign is arithmetic; else it may be a hyphen, a list or bold type.
_SIGN = re.compile(
    r"(?:\d|(?<![^\W_])[^\W\d_])[)\]]?\s*([-+*/^%=<>\u00d7\u00f7\u2212])"
    r"(?=\s*[-(\[]?(?:\d|[^\W\d_](?![^\W_])))"
)


def plain(text: str) -> str:
    """A text as it is compared: compatible forms made one, small letters, no "_"."""
    if not text.isascii():
        if not unicodedata.is_normalized("NFKC", text):
            text = unicodedata.normalize("NFKC", text)
        text = text.lower()
    return text.replace("_", " ") if "_" in text else text


def signature(text: str) -> tuple[str, ...]:
    """Words and signs of arithmetic of a plain text."""
    text = text.lower()
    return *_TOKEN.findall(text), "\0", *_SIGN.findall(text)


def pattern(text: str) -> re.Pattern[str]:
    """What finds the words of a short text in a row, with whatever stands between them."""
    words = _TOKEN.findall(text.lower())
    parts = []
    for number, word in enumerate(words):
        single = _SINGLE.match(word) is not None
        after = number and _SINGLE.match(words[number - 1]) is not None
        if number:
            parts.append(r"[\W_]*?" if single or after else r"[\W_]+?")
        parts.append(re.escape(word))
    return re.compile(rf"(?<![^\W_{_CHARS}]){''.join(parts)}(?![^\W_{_CHARS}])", re.IGNORECASE)


def stands(words: re.Pattern[str], signs: tuple[str, ...], text: str) -> bool:
    """Whether a short text is there as a sentence of its own, with the same signs of arithmetic."""
    text = plain(text)
    for found in words.finditer(text):
        start, end = found.span()
        while start and not text[start - 1].isalnum():
            start -= 1
        while end < len(text) and not text[end].isalnum():
            end += 1
        before, after = text[start : found.start()], text[found.end() : end]
        if (start and not _EDGE.search(before)) or (end < len(text) and not _EDGE.search(after)):
            continue
        if signature(text[found.start() : found.end()]) == signs:
            return True
    return False
