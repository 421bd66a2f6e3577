"""How people and programs write a value down: named, encoded, once more, or as a private key."""

from __future__ import annotations

import base64
import functools
import json
import re
import shlex
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote
from xml.sax.saxutils import escape

import redact_tables as tables
from redact_values import ALPHABETS, fill, mixed

if TYPE_CHECKING:
    import random


class Block(NamedTuple):
    """Lines of text in which `planted` stands: the value as it is written there."""

    style: str
    text: str
    planted: str
    name: str = ""  # under which it may stand as a field of an object


# --- a named value --------------------------------------------------------------------------------------


@functools.cache
def _styles() -> tuple[list[tables.Style], list[tables.Style]]:
    """Statements that name the value, and those that do not."""
    all_of_them = tables.styles()
    return (
        [style for style in all_of_them if style.case != "-"],
        [style for style in all_of_them if style.case == "-"],
    )


def assigned(chance: random.Random, names: list[str], value: str, free: bool) -> Block:
    """A value in a statement that names it, or, where it says by itself what it is, perhaps without."""
    named, nameless = _styles()
    if free and chance.random() < 0.2:
        style = chance.choice(nameless)
        return Block(style.style, fill(chance, style.statement).replace("{v}", value), value)
    while True:
        style, name = chance.choice(named), chance.choice(names)
        shown, planted = written(value, style.how)
        if not shown or (style.case == "words" and " " in value):
            continue
        statement = fill(chance, style.statement).replace("{n}", cased(name, style.case))
        return Block(style.style, statement.replace("{v}", shown), planted, name)


def cased(name: str, case: str) -> str:
    """A name in another case style."""
    words = [word.lower() for word in re.findall(r"[A-Z]?[a-z0-9]+|[A-Z0-9]+", name)]
    if case == "UPPER":
        return "_".join(words).upper()
    if case == "Train":
        return "-".join(word.capitalize() for word in words)
    if case in ("Pascal", "camel"):
        pascal = "".join(word.capitalize() for word in words)
        return pascal if case == "Pascal" else pascal[0].lower() + pascal[1:]
    return {"snake": "_", "kebab": "-", "words": " "}[case].join(words)


def written(value: str, how: str) -> tuple[str, str]:
    """(what is written, the value within it), both empty where nobody writes it so."""
    if how == "json":
        inner = json.dumps(value, ensure_ascii=False)[1:-1]
    elif how == "url":
        inner = quote(value, safe="-._~")
    elif how == "xml":
        inner = escape(value, {'"': "&quot;"})
    elif how == "shell":
        shown = shlex.quote(value)
        return ("", "") if "'\"'" in shown else (shown, value)
    else:
        never = {"double": r"[\"$`\\!]", "plain": r"[\s'\"`#\\{}|<>&;,]", "raw": r"['`\n]"}[how]
        inner = "" if re.search(never, value) else value
    return inner, inner


# --- a value in other clothes ---------------------------------------------------------------------------


def core(before: str, value: str) -> str:
    """The part of the base64 of a text that nothing but `value` decides, where it stands behind `before`."""
    whole = base64.b64encode((before + value).encode()).decode()
    first = -(-len(before.encode()) // 3)
    last = len((before + value).encode()) // 3
    return whole[first * 4 : last * 4]


_FILES = (
    "echo {v} | base64 -d > .env",
    "base64 --decode <<< {v}",
    "CONFIG_B64={v}",
    "  .env: {v}",
    '"content": "{v}",',
    'user_data = "{v}"',
)


def in_base64(chance: random.Random, block: Block) -> Block:
    """A file with the block in it, encoded, as people pass files through variables."""
    before, after = block.text.split(block.planted, 1)
    before = f"# settings\n{before}"
    whole = base64.b64encode(f"{before}{block.planted}{after}\n".encode()).decode()
    return Block("base64", chance.choice(_FILES).replace("{v}", whole), core(before, block.planted))


_AGAIN = ("retrying with {v}", "> {v}", "{v}: command not found", "is {v} right?", "'{v}' != ''")


def again(chance: random.Random, value: str) -> Block:
    """The value once more, where nothing says what it is."""
    form = chance.choice(("plain", "plain", "percent", "base64", "glued"))
    if form == "percent":
        shown = quote(f"a {value}&b")
        return Block("again-percent", f"GET /?q={shown}", quote(value, safe=""))
    if form == "base64":
        before = chance.choice(("app:", "x-oauth-basic:", "deploy:"))
        whole = base64.b64encode(f"{before}{value}".encode()).decode()
        return Block("again-base64", f"sent {whole} to the server", core(before, value))
    if form == "glued":
        return Block("again-glued", f"/tmp/run/{value}/out.log: not found", value)
    return Block("again-plain", chance.choice(_AGAIN).replace("{v}", value), value)


# --- private keys, whole and cut ------------------------------------------------------------------------


def private_key(chance: random.Random, words: str, size: int) -> Block:
    """A private key in one of the forms in which logs hold it; a cut one keeps two lines at least."""
    width = chance.choice((64, 64, 64, 70, 76))
    body = mixed(chance, ALPHABETS["b64"], size + chance.randint(0, 40))
    lines = [body[at : at + width] for at in range(0, len(body) - 8, width)]
    begin, end = f"-----BEGIN {words}-----", f"-----END {words}-----"
    cut = chance.randint(2, len(lines))
    draw = chance.random()
    if draw < 0.12:
        return Block("pem-no-end", "\n".join([begin, *lines[:cut]]), "\n".join(lines[:cut]))
    if draw < 0.22:
        return Block("pem-no-begin", "\n".join([*lines[-cut:], end]), "\n".join(lines[-cut:]))
    whole = [begin, *([""] if "PGP" in words else []), *lines, end]
    form, text = chance.choice((
        ("whole", "\n".join(whole)),
        ("whole", "\n".join(whole)),
        ("escaped", '"private_key": "' + "\\n".join(whole) + '\\n",'),
        ("indented", "private_key: |\n" + "\n".join("    " + line for line in whole)),
        ("quoted", "key = (\n" + "\n".join(f'    "{line}\\n"' for line in whole) + "\n)"),
        ("added", "key = " + " +\n  ".join(f"'{line}\\n'" for line in whole) + ";"),
        ("listed", json.dumps(whole, indent=2)),
        ("variable", 'PRIVATE_KEY="' + "\\n".join(whole) + '"'),
        ("crlf", "\r\n".join(whole)),
        ("one-line", "KEY='" + " ".join(whole) + "'"),
        ("heredoc", "cat > id_key <<'EOF'\n" + "\n".join(whole) + "\nEOF"),
        ("comment", "\n".join("# " + line for line in whole)),
        ("double-spaced", "\n\n".join(whole)),
    ))  # fmt: skip
    return Block(f"pem-{form}", text, "\n".join(lines))
