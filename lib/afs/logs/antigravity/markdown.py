"""Markdown that the Antigravity window exports (and Windsurf's, of the same engine) -> a conversation.

Two headings alone part the sides, outside of fenced code; both sides may hold headings of their own. What
the agent did stands there as lines without any result, so that a sample holds question and answer only.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from afs import sample
from afs.logs.antigravity import text as antigravity_text
from afs.logs.conversation import Conversation, Message, Turn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from afs.logs.conversation import Note

MOST = 64 << 20  # bytes of one export
_TITLE = re.compile(r"\ufeff?\s*# (?:Cascade )?Chat Conversation\s*$", re.M)
_SIDES = {"### User Input": "user", "### Planner Response": "assistant"}
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")
# What the window says of the agent's doings, each a paragraph of its own.
_ACTION = re.compile(
    r"""\*(?:
    Viewed\ (?:\[[^\n]*\]\([^\n]*\)|content\ chunk) | Listed\ directory\ [^\n]* | Edited\ relevant\ file
    | Grep\ searched\ codebase | Searched\ (?:filesystem|web\ for\ [^\n]*)
    | Read\ (?:URL\ content|resource)\ from\ [^\n]* | Read\ terminal\ output:\ [^\n]*
    | Checked\ command\ status | Running\ MCP\ tool | Generated\ image | Found\ code\ context
    | Updated\ todo\ list | Asked\ user\ a\ question
    )\ ?\*[ \t]*""",
    re.VERBOSE,
)
_COMMAND = re.compile(r"\*User (?:accepted|rejected) the command `")
_COMMAND_END = re.compile(r"`\*[ \t]*\Z")


def is_export(path: str) -> bool:
    """Whether a file is such an export, by its first line. False where it cannot be read."""
    try:
        with open(path, "rb") as file:
            return _TITLE.match(file.read(200).decode("utf-8", "replace")) is not None
    except OSError:
        return False


def conversation(path: str, source: str, note: Note) -> Conversation | None:
    """The conversation of an export, None where there is none. Raises OSError where it cannot be read."""
    with open(path, "rb") as file:
        data = file.read(MOST + 1)
    if len(data) > MOST:
        note("bad", path, 0, f"an export of over {MOST} bytes")
        return None
    turns: list[Turn] = []
    turn: Turn | None = None
    for side, line, words in _sections(data.decode("utf-8", "replace").replace("\0", "").split("\n")):
        if side == "user":
            goes_on = antigravity_text.typed(words, False).goes_on
            skip = "mid-turn" if goes_on and turn is not None else ""
            asked = Turn([Message("user", words, line=line)], "", len(turns), path, line, skip=skip)
            turns.append(asked)
            if not skip:
                turn = asked
            elif words and turn is not None:
                turn.messages.append(Message("user", words, line=line))
        elif turn is None:
            note("skipped", path, line, "an answer without its question")
        elif words:
            turn.messages.append(Message("assistant", words, line=line))
    if not turns:
        note("skipped", path, 0, "an export without a question")
        return None
    # The file has no id of its own: what was said first names it, however long it has become.
    first = [message.content for turn in turns for message in turn.messages][:2]
    return Conversation(source, sample.sample_id(source, *first), [path], turns)


def _sections(lines: list[str]) -> Iterator[tuple[str, int, str]]:
    """(side, number of its heading's line, text without the lines of doings) of each section."""
    side, start = "", 0
    held: list[str] = []
    closes = _closing(lines)
    fence_end = -1
    for number, line in enumerate(lines):
        if number <= fence_end:
            held.append(line)
        elif (end := closes.get(number)) is not None:
            fence_end = end
            held.append(line)
        elif (other := _SIDES.get(line.rstrip())) is not None:
            if side:
                yield side, start, _said(held)
            side, start, held = other, number + 1, []
        else:
            held.append(line)
    if side:
        yield side, start, _said(held)


def _closing(lines: list[str]) -> dict[int, int]:
    """Line of the end of each fenced block, by that of its beginning. One that never ends is no block."""
    found: dict[int, int] = {}
    opened: tuple[int, str] | None = None
    for number, line in enumerate(lines):
        match = _FENCE.match(line)
        if match is None:
            continue
        mark, info = match[1], match[2].strip()
        if opened is None:
            if mark[0] == "~" or "`" not in info:
                opened = number, mark
        elif mark.startswith(opened[1]) and not info:
            found[opened[0]] = number
            opened = None
    return found


def _said(lines: list[str]) -> str:
    """The text of a section. A command that the person let run may go over many lines."""
    kept: list[str] = []
    at = 0
    while at < len(lines):
        line = lines[at]
        if _COMMAND.match(line):
            end = next((n for n in range(at, min(at + 200, len(lines))) if _COMMAND_END.search(lines[n])), -1)
            if end >= 0:
                at = end + 1
                continue
        if not _ACTION.fullmatch(line.rstrip("\r")):
            kept.append(line)
        elif kept and not kept[-1].strip():
            kept.pop()
        at += 1
    return "\n".join(kept).replace("\r", "").strip("\n")
