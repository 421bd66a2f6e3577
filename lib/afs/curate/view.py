"""What the signals of a score look at: the head and tail of question and answer, cut up once."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

WINDOW = 4096


class View:
    """A sample as the signals see it; of each text at most the first and the last WINDOW characters.

    `whole` says that nothing of the answer was left out. `head` and `tail` are the answer's ends, `tail`
    without white space behind it. `spaced` is false where words are not set apart by spaces, as in
    Chinese, or in what is no text. Question is the instruction, context the input.
    """

    __slots__ = (
        "answer", "ascii", "context", "flags", "head", "last", "lines", "lower", "messages", "question",
        "spaced", "tail", "whole", "words",
    )  # fmt: skip

    def __init__(self, record: Mapping[str, Any]) -> None:
        answer: str = record["output"]
        self.question = ends(record["instruction"])
        self.context = ends(record.get("input") or "")
        self.whole = len(answer) <= 2 * WINDOW
        self.answer = answer = ends(answer)
        self.ascii = answer.isascii()
        self.lower = answer.lower()
        self.head = answer[:WINDOW]
        self.tail = answer[-WINDOW:].rstrip()
        self.lines = answer.split("\n")
        self.last = self.tail[self.tail.rfind("\n") + 1 :].strip()
        self.words = answer.split()
        self.spaced = 12 * len(self.words) > len(answer)
        metadata = record.get("_metadata")
        self.flags = metadata.get("flags") if type(metadata) is dict else None
        self.messages = record.get("messages")


def ends(text: str) -> str:
    """The text, or its first and last WINDOW characters on lines of their own."""
    if len(text) <= 2 * WINDOW:
        return text
    return f"{text[:WINDOW]}\n{text[-WINDOW:]}"
