"""Whether the code of an answer is a frame with nothing inside."""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from afs.curate.view import View

# What stands where the work should be. Each line of a block is matched by itself.
_HOLE = re.compile(
    r"\s*(?:(?:#|//|--|/\*|;|<!--)\s*(?:todo\b|fixme\b|your (?:code|logic|implementation)\b|(?:add"
    r"|insert|put|write)"
    r" (?:your |the )?(?:\w+ )?(?:code|logic|implementation)\b"
    r"|implement(?:ation)?\b(?: \w+){0,3}[ .]*(?:here|later)?[ .]*(?:\*/|-->)?$"
    r"|(?:\.\.\.|…)?\s*(?:the )?(?:rest|remaining|remainder|same as (?:before|above)|existing code)\b"
    r"|code (?:goes )?here\b|placeholder\b|not (?:yet )?implemented).*"
    r"|pass|raise NotImplementedError\b.*|unimplemented!\(.*|todo!\(.*|throw new (?:Error"
    r"|UnsupportedOperation\w*)"
    r"\(['\"]?(?:not (?:yet )?implemented|todo)?.*|panic\(\"(?:todo|not (?:yet )?implemented).*)",
    re.IGNORECASE,
)
# Left out on purpose, in an excerpt; or all there is.
_ELISION = re.compile(r"\s*(?:(?:#|//|--|/\*|;)\s*)?(?:\.\.\.|…)\s*(?:\*/)?")
_HINTS = (
    "pass", "...", "…", "todo", "fixme", "implement", "your code", "your logic", "code here", "goes here",
    "placeholder", "rest of", "remaining", "same as", "existing code", "insert ",
)  # fmt: skip
# Lines that only frame: signatures, brackets, decorators, comments, imports, docstrings, blank ones.
_FRAME = re.compile(
    r"\s*(?:(?:async |export |default |public |private |protected |static |pub )*(?:def|class|function"
    r"|func|fn|interface"
    r"|struct|impl|enum|void|int|module|namespace)\b.*|[\])}{;,]*|@.*|(?:#|//|--|\*|/\*).*|(?:import"
    r"|from|use|using|#include)\b.*"
    r"|(?:\"\"\"|''').*|if __name__ .*|main\(\)|else:|try:|except.*:|finally:)\s*"
)
_WHOLE = ("except",)
_LINES = 120


def substantial(view: View) -> float | None:
    """1 for code that does something; 0 where all that does not frame is left open. None without code.

    `pass` and `...` have their uses: what counts is how much stands beside them.
    """
    texts = [block.text for block in view.blocks]
    if (
        not texts
        and view.question
        and view.lower.lstrip().startswith(("def ", "class ", "function ", "async def "))
    ):
        texts = [view.answer]
    found: float | None = None
    for text in texts:
        lower = text.lower()
        if not any(map(lower.__contains__, _HINTS)):
            found = 1.0 if found is None else found
            continue
        holes, work = _counted([line[:200] for line in text.split("\n")[:_LINES] if line.strip()])
        if not holes:
            found = 1.0 if found is None else found
            continue
        # A hole says "the work is yours": lines of work beside it make up for it.
        value = min(1.0, work / (4 * holes))
        found = value if found is None else min(found, value)
    return found


def _counted(lines: list[str]) -> tuple[int, int]:
    """(lines that leave something open, lines that do something)."""
    holes = work = left_out = 0
    before = ""
    for line in lines:
        if _HOLE.fullmatch(line):
            # An exception without a body, and one that is passed over, are whole.
            holes += not (line.strip() == "pass" and before.startswith(_WHOLE))
        elif _ELISION.fullmatch(line):
            left_out = 1
        else:
            work += not _FRAME.fullmatch(line)
        before = line.strip() if not line.strip().startswith("#") else before
    return holes + (left_out if not work else 0), work
