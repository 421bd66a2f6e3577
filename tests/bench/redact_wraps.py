"""What texts pass through before a log holds them: programs that number, colour, quote or nest lines."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from redact_contexts import Block
from redact_values import ALPHABETS, mixed

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

_DIFF = """\
diff --git a/conf/app b/conf/app
index 83db48f..bf2a9c1 100644
--- a/conf/app
+++ b/conf/app
@@ -1,6 +1,8 @@
 import os
"""
_LOGS = (
    "2026-03-{:02} 10:11:12,345 INFO app.settings: {}",
    "[2026-03-{:02}T10:11:12Z] {}",
    "Mar {:02} 10:11:12 web1 app[2211]: {}",
    "web-1  | 2026-03-{:02} {}",
    "10:11:{:02} DEBUG {}",
)
_NUMBERS = ("{:>6}\t{}", "{:>6}→{}", "{:4d}: {}", "{}| {}")
# The terminal's colours around a value, and around a whole line.
_CODES = ("\x1b[32m", "\x1b[0;33m", "\x1b[1m", "\x1b[38;2;100;200;50m")
_LINE_CODES = ("\x1b[32m", "\x1b[1;31m", "\x1b[38;5;214m")


def _marked(mark: str, text: str) -> str:
    return "\n".join(mark + line for line in text.split("\n"))


def _numbered(chance: random.Random, text: str) -> str:
    start, form = chance.randint(1, 300), chance.choice(_NUMBERS)
    return "\n".join(form.format(start + at, line) for at, line in enumerate(text.split("\n")))


def _grep(chance: random.Random, text: str) -> str:
    name = chance.choice(("settings.py", ".env", "app.yaml", "main.ts"))
    path = f"src/{mixed(chance, ALPHABETS['low'], 6)}/{name}"
    start, mark = chance.randint(1, 300), chance.choice((":{}:", "-{}-", ":{}:"))
    return "\n".join(path + mark.format(start + at) + line for at, line in enumerate(text.split("\n")))


def _diff(chance: random.Random, text: str) -> str:
    return _DIFF + _marked(chance.choice("+-+ "), text) + "\n \n"


def _colour_lines(chance: random.Random, text: str) -> str:
    code = chance.choice(_LINE_CODES)
    return "\n".join(f"{code}{line}\x1b[0m" for line in text.split("\n"))


def _history(chance: random.Random, text: str) -> str:
    start = chance.randint(2, 1900)
    return "\n".join(f"{start + at:>5}  {line}" for at, line in enumerate(text.split("\n")))


def _blame(chance: random.Random, text: str) -> str:
    head = mixed(chance, ALPHABETS["hex"], 8) + " (dev 2026-01-02 10:00:00 +0100"
    return "\n".join(f"{head} {at + 7:3}) {line}" for at, line in enumerate(text.split("\n")))


def _traceback(chance: random.Random, text: str) -> str:
    place = f'  File "/srv/app/main.py", line {chance.randint(3, 400)}, in <module>'
    shown = _marked("    ", text)
    return f"Traceback (most recent call last):\n{place}\n{shown}\n    ^^^^^^^^\nConnectionError: refused\n"


def _log(chance: random.Random, text: str) -> str:
    form, day = chance.choice(_LOGS), chance.randint(1, 28)
    return "\n".join(form.format(day, line) for line in text.split("\n"))


def _fence(chance: random.Random, text: str) -> str:
    return f"Here it is:\n\n```{chance.choice(('', 'bash', 'yaml', 'python'))}\n{text}\n```\n"


def _notebook(chance: random.Random, text: str) -> str:
    cell = {"cell_type": "code", "source": [line + "\n" for line in text.split("\n")]}
    return json.dumps(cell, indent=1)


def _json_lines(chance: random.Random, text: str) -> str:
    return "\n".join(json.dumps({"level": "info", "msg": line}) for line in text.split("\n"))


WRAPS: dict[str, Callable[[random.Random, str], str]] = {
    "bare": lambda chance, text: text,
    "blame": _blame,
    "boxed": lambda chance, text: "\n".join(f"│ {line:<70} │" for line in text.split("\n")),
    "bullet": lambda chance, text: "- first\n- " + text.replace("\n", "\n  ") + "\n- last",
    "colour-lines": _colour_lines,
    "comment": lambda chance, text: _marked(chance.choice(("# ", "// ", "-- ")), text),
    "crlf": lambda chance, text: text.replace("\r", "").replace("\n", "\r\n") + "\r\n",
    "diff": _diff,
    "fence": _fence,
    "grep": _grep,
    "heredoc": lambda chance, text: f"cat > conf/app <<'EOF'\n{text}\nEOF",
    "history": _history,
    "html": lambda chance, text: f"<pre>{escape(text, {chr(34): '&quot;'})}</pre>",
    "indent": lambda chance, text: _marked(chance.choice(("    ", "\t", "  ")), text),
    "json-lines": _json_lines,
    "log": _log,
    "notebook": _notebook,
    "numbered": _numbered,
    "prompt": lambda chance, text: f"$ {text}\n$ echo $?\n0",
    "quote": lambda chance, text: _marked("> ", text),
    "repr": lambda chance, text: repr({"returncode": 0, "stdout": text}),
    "trace": lambda chance, text: _marked("+ ", text),
    "traceback": _traceback,
    "yaml-block": lambda chance, text: "script: |\n" + _marked("  ", text),
}  # fmt: skip


def coloured(chance: random.Random, block: Block) -> Block:
    """Colour codes around the value, and perhaps around the name at the start of its line.

    Only where programs colour: a value behind a sign or a blank, not one within a URL or a path.
    """
    if "\n" in block.planted or block.text.count(block.planted) != 1:
        return block
    before, after = block.text.split(block.planted)
    word = re.search(r"\S*$", before)
    if word and ("//" in word[0] or (word[0] and before[-1] not in "=:'\"|`>")):
        return block
    if chance.random() < 0.5:
        before = re.sub(r"^(\s*)([A-Za-z_.-]{3,})(?=\s*[=:](?!/))", _coloured_name, before, count=1)
    return block._replace(
        style="colour", text=f"{before}{chance.choice(_CODES)}{block.planted}\x1b[0m{after}"
    )


def _coloured_name(match: re.Match[str]) -> str:
    return f"{match[1]}\x1b[36m{match[2]}\x1b[0m"
