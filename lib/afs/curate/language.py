"""Which language a text is in, by its script and its little words, and whether two texts agree in it."""

# ruff: noqa: RUF001

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Set

    from afs.curate.view import View

_SPAN = 220
# Words that stand in nearly every sentence of a language.
_LITTLE = {
    "en": "the of and to is that for with you it this are be have from your can will not which their has"
    " i'm it's do not on as so me an us what how why does should into when if or my we they at by was"
    " but all i please there",
    "de": "der und ist nicht das mit ein eine für auf wie dem den ich sie auch sich wird sind werden oder"
    " bei kann aber wenn wir zu zum zur nach bitte was warum einen einer ihr diese dieser dabei ohne wer",
    "fr": "les est dans pour une avec sur qui pas plus ce il vous nous et des aux sont cette mais comment"
    " pourquoi ou être fait du je ne au ces leur elle très aussi peut c'est faut",
    "es": "los las una con por para es y como más pero se lo su sus qué cómo está son del al este esta"
    " cuando muy también puede porque entre hay desde el cuál",
    "it": "il di che è per una con sono non gli della nel più anche come questo questa alla ma dei delle"
    " perché essere cosa si può",
    "pt": "os uma com não para por mais como mas foi ao das dos você isso são seu sua está também pelo"
    " pela quando muito ser o que em",
    "nl": "het een van en niet dat op zijn met voor aan ook deze wordt maar bij hoe waarom kunnen worden"
    " naar dit nog je",
    "sv": "och att det som på är av för med den till inte har kan ett jag vad hur också men från om",
    "da": "og at det som på er af for med den til ikke har kan et jeg hvad hvordan også men fra om",
    "pl": "się nie jest na że z do to jak co oraz dla przez są jego może który",
    "cs": "je že se na jako pro není které která jsou aby jeho tento který při",
    "tr": "bir ve bu için ile da değil çok olarak daha gibi ne nasıl olan var",
    "fi": "ja on ei että se ovat oli myös mutta kuin tai jos hän ole voi",
    "hu": "az és nem hogy egy is van ez meg vagy mint csak kell már",
    "ro": "și este nu la pe cu din să sunt pentru care mai dar acest ca",
    "id": "yang dan di ini itu dengan untuk tidak dari dalam adalah pada akan atau juga",
    "vi": "và của là có không cho một được các với này đã trong những",
}
_ENGLISH = frozenset(_LITTLE["en"].split())
# Those of other languages that are no English words, by their languages.
_FOREIGN: dict[str, str] = {}
for _name, _words in _LITTLE.items():
    for _word in set(_words.split()) - _ENGLISH:
        _FOREIGN[_word] = f"{_FOREIGN.get(_word, '')} {_name}".strip()
_FOREIGN_WORDS = frozenset(_FOREIGN)  # a set meets a set by its smaller side
_SCRIPTS = ("ja", "zh", "ko", "cyrillic", "greek", "hebrew", "arabic", "indic", "thai")
_KINDS = "jzkcghrit"  # one letter for each of them
_SPANS = (
    ("j", 0x30, 0x30), ("z", 0x34, 0x9F), ("k", 0x11, 0x11), ("k", 0xAC, 0xD7), ("c", 0x04, 0x04),
    ("g", 0x03, 0x03), ("g", 0x1F, 0x1F), ("h", 0x05, 0x05), ("r", 0x06, 0x07), ("i", 0x09, 0x0D),
    ("t", 0x0E, 0x0E),
)  # fmt: skip
# The script by the upper half of a character's number; "." for Latin letters and all that is common.
_TABLE = bytearray(b"." * 256)
for _kind, _first, _last in _SPANS:
    _TABLE[_first : _last + 1] = _kind.encode() * (_last + 1 - _first)
_WORD = re.compile(r"[^\W\d_]{2,}")
_NO_LETTERS = bytes(byte for byte in range(128) if not chr(byte).isalpha())
_SOME = 16
_TELLING = 64
# Who asks for another language gets one; so does who names a language.
_ASKED = re.compile(
    r"\btranslat|\b(?:in(?:to)?|auf|ins|en|to|from) (?:\w+ )?(?:english|german|french|spanish|italian"
    r"|portuguese|chinese|mandarin|japanese|korean|russian|arabic|hindi|dutch|polish|turkish|swedish|latin"
    r"|greek|deutsche?|englische?|französische?|spanische?|anglais|français|inglés|español)\b"
    r"|übersetz|tradu[izc]|перевед|翻译|翻譯|翻訳|英文|中文|日本語|英語|번역|영어"
)


def agreement(view: View) -> float | None:
    """1 where the answer is in the language of the question, .05 where it is in another one.

    Code and quotations are left out. The context tells where the question is too short to; then another
    language weighs less, because a context may be anything. None where either cannot be told, and where
    the question asks for a translation or names a language.
    """
    # What is plain English is seen by words that are at hand.
    answer = _by_words(set(view.words[-_TELLING:])) if view.ascii and not view.blocks else ""
    answer = answer or language(view.prose)
    if answer == "en" and _ENGLISH & view.asked and not _FOREIGN_WORDS & view.asked:
        return 1.0
    asked = plain(view.question)
    question, worst = language(asked), 0.05
    if not answer:
        if question not in _SCRIPTS or _exotic(view.prose) or len(_WORD.findall(view.prose)) < _SOME:
            return None
        answer, worst = "latin", 0.1
    if not question and answer in _SCRIPTS and not _exotic(asked) and len(_WORD.findall(asked)) > 2:
        question, worst = "latin", 0.1  # whatever it is, it is not that
    if not question:
        question, worst = language(plain(view.context)), 0.15
    if not question:
        return None
    if question == answer:
        return 1.0
    return None if _ASKED.search(view.question.lower()) else worst


_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`|https?://\S+", re.DOTALL)


def plain(text: str) -> str:
    """What of a text is no code: without blocks, words in backticks and addresses."""
    return _CODE.sub(" ", text) if "`" in text or "://" in text else text


def language(text: str) -> str:
    """The language of a text, its script where that says no more, or "" where neither can be told."""
    if len(text) > 2 * _SPAN:
        text = f"{text[:_SPAN]} {text[-_SPAN:]}"
    if not text.isascii() and (script := _script(text)):
        return script
    return _by_words(set(text.lower().split()))


def _by_words(words: Set[str]) -> str:
    """The language of little words, "" where there are too few of them or those of two languages."""
    english = len(_ENGLISH & words)
    counts = {"en": english} if english else {}
    for word in _FOREIGN_WORDS & words:
        for name in _FOREIGN[word].split():
            counts[name] = counts.get(name, 0) + 1
    if not counts:
        return ""
    if len(counts) == 1 and english > 3:
        return "en" if 16 * english >= len(words) else ""
    (most, name), *rest = sorted(((count, name) for name, count in counts.items()), reverse=True)
    if 16 * most < len(words) or (rest and most < 2 * rest[0][0]) or most < min(3, len(words) // 4):
        return ""
    return name


def _exotic(text: str) -> bool:
    """Whether any character is of a script other than Latin."""
    kinds = text.encode("utf-16-le", "surrogatepass")[1::2].translate(_TABLE)
    return not text.isascii() and kinds.count(b".") < len(kinds)


def _script(text: str) -> str:
    """The script of most letters other than Latin ones. A character of Chinese counts as three letters."""
    kinds = text.encode("utf-16-le", "surrogatepass")[1::2].translate(_TABLE)
    counts = {name: kinds.count(kind.encode()) for name, kind in zip(_SCRIPTS, _KINDS, strict=True)}
    if counts["ja"] * 8 > counts["zh"]:
        counts["ja"] += counts.pop("zh")
    elif counts["zh"]:
        counts["zh"] += counts.pop("ja")  # the marks of both stand among the letters of one
    name, most = max(counts.items(), key=lambda item: item[1])
    if most < 4:
        return ""
    size = 3 * most if name in ("ja", "zh", "ko") else most
    return name if size > len(text.encode("ascii", "ignore").translate(None, _NO_LETTERS)) else ""
