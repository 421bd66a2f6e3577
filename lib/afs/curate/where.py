"""One jq expression from a command line as a question to a record.

The expression sees the record and nothing else: no environment, no file, no module.
"""

from __future__ import annotations

import os

from afs import jsonl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

# Inside the brackets `import` and `include` are syntax errors. $ENV and env are hidden although the
# environment is emptied too, because jq.py may compile again later.
_FRAME = ('def env: {}; def modulemeta: error("no modules"); {} as $ENV | (', "\n)")


def compile(expression: str) -> Callable[[bytes, dict[str, Any]], bool]:
    """A function of (line, record) that is true if any output is neither false nor null.

    jq reads the line itself, so numbers are what jq makes of them. Raises ValueError for an expression
    that does not compile; the function raises jsonl.Bad("where") where it fails on a record.
    """
    import jq

    kept = dict(os.environ)
    os.environ.clear()
    os.environ["HOME"] = os.devnull  # else jq looks for ~/.jq in the password file's home, and obeys it
    try:
        program = jq.compile(expression.join(_FRAME))
    except ValueError as error:
        raise ValueError(str(error).partition(" at <top-level>")[0].removeprefix("jq: error: ")) from None
    finally:
        os.environ.clear()
        os.environ.update(kept)

    def answers(text: str) -> bool:
        # The iterator must be gone when this returns: jq.py compiles anew while one is in use.
        return any(value is not None and value is not False for value in program.input_text(text))

    def holds(line: bytes, record: dict[str, Any]) -> bool:
        try:
            try:
                return answers(line.decode())
            except ValueError as error:
                if not str(error).startswith("parse error"):
                    raise
                return answers(_without_surrogates(record))
        except ValueError:  # its text may quote the record
            raise jsonl.Bad("where", "the expression of --where fails on this record") from None

    return holds


def _without_surrogates(record: dict[str, Any]) -> str:
    """The record for jq, which refuses lone surrogates."""
    import json

    return json.dumps(record, ensure_ascii=False).encode("utf-8", "replace").decode()
