"""The conditions of a filter: functions of a record that say why it is removed, or "" to keep it.

All raise jsonl.Bad("not-sample") for a field of a type that it cannot have.
"""

from __future__ import annotations

import os
import re

from afs import jsonl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from typing import Any

    Condition = Callable[[dict[str, Any]], str]

# What a length can be of. Without a name it is of the first three together.
TEXTS = ("instruction", "input", "output", "thinking", "messages")
UNKNOWN = "und"  # ISO 639-2: a language that cannot be told
# What language.py tells apart, and what by the script alone. A test holds the two together.
LANGUAGES = (
    "en", "de", "fr", "es", "it", "pt", "nl", "sv", "da", "pl", "cs", "tr", "fi", "hu", "ro", "id", "vi",
)  # fmt: skip
SCRIPTS = ("ja", "zh", "ko", "cyrillic", "greek", "hebrew", "arabic", "indic", "thai")
_FEW = 4  # fewer words tell no language
_EMPTY: tuple[Any, ...] = (None, "", [], {})
# Scripts whose characters count as a word each: Thai to Khmer, kana, Chinese, Hangul.
_SINGLE = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]"
)


def _bad(field: str, kind: str) -> jsonl.Bad:
    return jsonl.Bad("not-sample", f"field '{field}' must be {kind}")


def _under(record: dict[str, Any], path: list[str]) -> Any:
    value: Any = record
    for key in path:
        value = value.get(key) if type(value) is dict else None
    return value


def score(least: float) -> Condition:
    """quality_score is `least` or more; a record without one goes as no-score."""

    def reason(record: dict[str, Any]) -> str:
        value = record.get("quality_score")
        if value is None:
            return "no-score"
        if type(value) not in (int, float):
            raise _bad("quality_score", "a number")
        return "" if value >= least else "min-score"

    return reason


def number(field: str, least: float | None, most: float | None, found: set[str]) -> Condition:
    """The number of a field lies within bounds. `found` gets the field when a record has it.

    The field is a path with dots, or the name of a part of the score. A null is a signal that could not
    tell: it passes. A record without the field goes as no-FIELD.
    """
    path = field.split(".")
    *parents, last = path

    def reason(record: dict[str, Any]) -> str:
        inside = _under(record, parents)
        if not parents and field not in record:
            inside = record.get("quality_components")
        if type(inside) is not dict or last not in inside:
            return f"no-{field}"
        found.add(field)
        value = inside[last]
        if value is None:
            return ""
        if type(value) not in (int, float):
            raise _bad(field, "a number")
        if least is not None and value < least:
            return f"min-{field}"
        return f"max-{field}" if most is not None and value > most else ""

    return reason


def has(field: str) -> Condition:
    """A field, a path with dots, is there and not null, "", [] or {}."""
    path = field.split(".")

    def reason(record: dict[str, Any]) -> str:
        return f"lacks-{field}" if _under(record, path) in _EMPTY else ""

    return reason


def one_of(field: str, names: Collection[str]) -> Condition:
    """The text of a field is one of some names."""
    wanted = frozenset(names)

    def reason(record: dict[str, Any]) -> str:
        value = record.get(field)
        if type(value) is not str and value is not None:
            raise _bad(field, "a string")
        return "" if value in wanted else field

    return reason


def without_flag(flag: str) -> Condition:
    """_metadata.flags does not list a flag."""

    def reason(record: dict[str, Any]) -> str:
        flags = _under(record, ["_metadata", "flags"])
        if flags is not None and type(flags) is not list:
            raise _bad("_metadata.flags", "an array or null")
        return f"flag-{flag}" if flags and flag in flags else ""

    return reason


def in_language(names: Collection[str]) -> Condition:
    """The language of the answer, or of the question where it cannot be told, is one of some.

    Code, words in backticks and addresses do not count. Raises ValueError for a name that is not known.
    """
    from afs.curate import language

    known = (*LANGUAGES, *SCRIPTS, UNKNOWN)
    wanted = frozenset(names)
    if unknown := sorted(wanted.difference(known)):
        raise ValueError(f"--language: '{unknown[0]}' is not known; {' '.join(known)} are")

    def reason(record: dict[str, Any]) -> str:
        name = UNKNOWN
        for field in ("output", "instruction"):
            text = language.plain("".join(texts(record, field)))
            told = language.language(text)
            if told and (told in SCRIPTS or len(text.split()) >= _FEW):
                name = told
                break
        return "" if name in wanted else f"language-{name}"

    return reason


# --- length -----------------------------------------------------------------------------------------


def texts(record: dict[str, Any], field: str = "") -> Iterator[str]:
    """The texts of a field; of messages what is said, thought and called; unnamed: the first three."""
    for name in (field,) if field else TEXTS[:3]:
        value = record.get(name)
        if value is None:
            continue
        if name == "messages":
            yield from _said(value)
        elif type(value) is str:
            yield value
        else:
            raise _bad(name, "a string")


def _said(messages: Any) -> Iterator[str]:
    try:
        for message in messages:
            said = [message.get("content"), message.get("reasoning_content")]
            for call in message.get("tool_calls") or ():
                said += (call["function"]["name"], call["function"]["arguments"])
            for text in said:
                if type(text) is str:
                    yield text
                elif text is not None:
                    raise TypeError
    except (TypeError, KeyError, AttributeError):
        raise _bad("messages", "an array of messages or null") from None


def length(
    size: Callable[[str], int], unit: str, field: str, least: int | None, most: int | None
) -> Condition:
    """`size` of the texts together lies within bounds; reasons are named by `unit` and the field."""
    end = f"{unit}-{field}" if field else unit

    def reason(record: dict[str, Any]) -> str:
        total = sum(map(size, texts(record, field)))
        if least is not None and total < least:
            return f"min-{end}"
        return f"max-{end}" if most is not None and total > most else ""

    return reason


def words(text: str) -> int:
    """What spaces part; a character of a script without spaces is one."""
    if text.isascii():
        return len(text.split())
    rest, singles = _SINGLE.subn(" ", text)
    return len(rest.split()) + singles


def chars4(text: str) -> int:
    """A token for every four characters, begun ones too: near enough for English."""
    return -(-len(text) // 4)


def tokenizer(name: str) -> Callable[[str], int]:
    """What counts the tokens of a text: words, chars4, or a tokenizer.json by its folder or itself.

    Tokens that a model's template adds are not counted. Raises ValueError for a name that is none, a file
    that is no tokenizer, and where the package tokenizers is missing.
    """
    if name in ("words", "chars4"):
        return words if name == "words" else chars4
    path = os.path.join(name, "tokenizer.json") if os.path.isdir(name) else name
    if not os.path.isfile(path):
        raise ValueError(
            f"--tokenizer: {path}: no such file; name words, chars4 or a folder that holds tokenizer.json"
        )
    try:
        from tokenizers import Tokenizer  # type: ignore[import-not-found,unused-ignore]
    except ModuleNotFoundError:
        raise ValueError(
            "--tokenizer: the package tokenizers is missing; install it, or name words or chars4"
        ) from None
    try:
        machine = Tokenizer.from_file(path)
    except Exception:  # the package raises this very class
        raise ValueError(
            f"--tokenizer: {path}: is no tokenizer that the package tokenizers can read"
        ) from None
    machine.no_truncation()  # a file may bring both along
    machine.no_padding()

    def count(text: str) -> int:
        try:
            return len(machine.encode(text, add_special_tokens=False).ids)
        except (UnicodeEncodeError, TypeError):  # lone surrogates
            plain = text.encode("utf-8", "replace").decode()
            return len(machine.encode(plain, add_special_tokens=False).ids)

    return count
