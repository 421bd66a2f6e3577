"""Whether the code of an answer parses: Python, JSON, TOML and XML.

YAML is left out: no safe parser of it comes with Python or with what AFS needs anyway. Nothing is run.
What is too long, too deep or an excerpt on purpose says nothing, and no parser's error leaves here.
"""

from __future__ import annotations

import re
import textwrap

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from afs.curate.view import View

_MOST = 4096
_BLOCKS = 4
_DEEP = 40
# Where something was left out on purpose, or where the block shows a session, a difference or a template.
_EXCERPT = re.compile(
    r"^\s*(?:\.\.\.|…|# ?\.\.\.|// ?\.\.\.|>>> |In \[|[-+]{3} |@@ |[$%] )|^[-+] ?\w|\{\{|<[\w -]+ here>"
    r"|…|\.\.\.\s*$",
    re.MULTILINE,
)
_BARE_PYTHON = re.compile(
    r"(?:@\w+.*\n)*(?:def \w+\(|class \w+|import \w+|from \w+(?:\.\w+)* import |async def )"
)
_PYTHON_2 = re.compile(r"^\s*(?:print [\"'\w]|exec [\"']|except \w+, \w+:)", re.MULTILINE)
_COMMENT = re.compile(r"(?:^|[\s,{\[])//|/\*", re.MULTILINE)
_WANTS_JSON = re.compile(r"\bjson\b", re.IGNORECASE)


def parses(view: View) -> float | None:
    """1 where all code that can be checked parses; else less, by its share of what does. None without"
    " any."""
    fine = broken = 0
    for language, text in _blocks(view):
        found = _PARSERS[language](text)
        if found is not None:
            fine += found * len(text)
            broken += (not found) * len(text)
    if not fine + broken:
        return None
    return 1.0 if not broken else 0.3 * fine / (fine + broken)


def _blocks(view: View) -> Iterator[tuple[str, str]]:
    """(language, text) of what is to be parsed: fenced blocks, else an answer that is nothing but code."""
    if view.blocks:
        known = [
            (_NAMES[block.language], block.text)
            for block in view.blocks
            if block.closed and block.language in _NAMES and len(block.text) <= _MOST and block.text.strip()
        ]
        for name, text in known[:_BLOCKS]:
            yield name, textwrap.dedent(text) if text[0] in " \t" else text
        return
    answer = view.answer
    if not view.whole or len(answer) > _MOST:
        return
    head = answer.lstrip()[:200]
    if head[:1] in ("{", "[") and (_WANTS_JSON.search(view.question) or head[:2] in ('{"', '["', "[{")):
        yield "json", answer
    elif _BARE_PYTHON.match(head) and "python" in view.question.lower():
        yield "python", answer


def _python(text: str) -> bool | None:
    if _EXCERPT.search(text) or _PYTHON_2.search(text) or "\0" in text or _too_deep(text):
        return None
    import ast
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd escapes: the text is not ours
        try:
            ast.parse(text)
        except SyntaxError:
            return False
        except (ValueError, RecursionError, MemoryError, OverflowError):
            return None
    return True


def _json(text: str) -> bool | None:
    if _EXCERPT.search(text) or _COMMENT.search(text):
        return None  # with comments it is another format
    import orjson

    try:
        orjson.loads(text)
    except orjson.JSONDecodeError as error:
        return None if "limit" in error.msg or "surrogate" in error.msg else _many(text)
    except (ValueError, RecursionError):
        return None
    return True


def _many(text: str) -> bool | None:
    """Several values, one a line, are JSON lines; or a value with a line of text before it."""
    import orjson

    lines = [line for line in text.split("\n") if line.strip()]
    if len(lines) < 2 or not all(line.lstrip()[0] in "{[" and line.rstrip()[-1] in "}]" for line in lines):
        return False
    try:
        for line in lines:
            orjson.loads(line)
    except ValueError:
        return False
    return True


def _toml(text: str) -> bool | None:
    if _EXCERPT.search(text) or _too_deep(text):
        return None
    import tomllib

    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False
    except (ValueError, RecursionError):
        return None
    return True


def _xml(text: str) -> bool | None:
    """Well-formed XML. What declares entities is not parsed; several elements side by side are fine."""
    if _EXCERPT.search(text) or "<!" in text.replace("<!--", "").replace("<![CDATA[", ""):
        return None
    from xml.parsers import expat

    body = text.strip()
    if body.startswith("<?xml"):
        body = body.partition("?>")[2]
    parser = expat.ParserCreate(namespace_separator=None)
    try:
        parser.Parse(f"<all>{body}</all>".encode("utf-8", "replace"), True)
    except expat.ExpatError as error:
        unbound = expat.errors.codes[expat.errors.XML_ERROR_UNDEFINED_ENTITY]
        return None if error.code == unbound else False
    except (ValueError, RecursionError):
        return None
    return True


def _too_deep(text: str) -> bool:
    """More brackets or indents in each other than people write: parsers take long or give up."""
    depth = 0
    for char in re.findall(r"[\[\](){}]", text):
        depth += 1 if char in "[({" else -1
        if depth > _DEEP:
            return True
    return (
        re.search(rf"[-+~]{{{_DEEP}}}|(?:not ){{{_DEEP}}}|(?:lambda:? ?){{{_DEEP // 4}}}", text) is not None
    )


_PARSERS: dict[str, Callable[[str], bool | None]] = {
    "python": _python, "json": _json, "toml": _toml, "xml": _xml,
}  # fmt: skip
_NAMES = {
    "python": "python", "py": "python", "python3": "python", "json": "json", "jsonl": "json",
    "toml": "toml", "xml": "xml", "svg": "xml",
}  # fmt: skip
