"""alpaca: one question, its context and the answer."""

from __future__ import annotations

from afs.converters.turns import has_thinking, question_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from afs.converters import Note

NAME = "alpaca"
ABOUT = "instruction, input and output of one turn"
HOLDS: frozenset[str] = frozenset()


def convert(record: dict[str, Any], note: Note) -> dict[str, Any]:
    """The sample's own view of one turn; system text, earlier turns and calls have no place.

    No `system` and no `history`: loaders fix the columns from the first rows, and a list that is
    empty there fails at the first that is not.
    """
    question, context, answer = record["instruction"], record.get("input") or "", record["output"]
    if not question or not answer or question.isspace() or answer.isspace():
        question_of(record)  # names what is empty; a question may stand in the input alone
    get = record.get
    if get("messages") or get("thinking") or get("tools"):
        _note_lost(record, note)
    return {"instruction": question, "input": context, "output": answer}


def _note_lost(record: dict[str, Any], note: Note) -> None:
    if has_thinking(record):
        note("lost", "thinking")
    if record.get("tools"):
        note("lost", "tools")
    texts = 0
    for message in record.get("messages") or ():
        if message["role"] == "system":
            note("lost", "system")
        elif message.get("tool_calls") or message["role"] == "tool":
            note("lost", "tool_calls")
        texts += message["role"] in ("user", "assistant") and bool(message["content"].strip())
    if texts > 2:
        note("lost", "turns")
