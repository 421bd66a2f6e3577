"""What the signals of a score look at: the head and tail of question and answer, cut up once."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

WINDOW = 4096
# Words are looked at in the first quarter of this and, because a model goes astray at the end, the rest.
_SPAN = 1800


class View:
    """A sample as the signals see it; of each text at most the first and the last WINDOW characters.

    Question is the instruction, context the input. `whole` says that nothing of the answer was left
    out. `tail` is its end, without white space behind it, `last` the last line of that; `words` are those
    of a shorter stretch. `spaced` is false where no spaces part the words, as in Chinese, or where there
    are none.
    """

    __slots__ = (
        "answer", "ascii", "context", "flags", "last", "lines", "lower", "messages", "question",
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
        self.tail = answer[-WINDOW:].rstrip()
        self.lines = answer.split("\n")
        self.last = self.tail[self.tail.rfind("\n") + 1 :].strip()
        words = answer if len(answer) <= _SPAN else answer[: _SPAN // 4] + answer[-3 * _SPAN // 4 :]
        self.words = words.split()
        self.spaced = 12 * len(self.words) > len(words)
        metadata = record.get("_metadata")
        self.flags = metadata.get("flags") if type(metadata) is dict else None
        self.messages = record.get("messages")


def ends(text: str) -> str:
    """The text, or its first and last WINDOW characters on lines of their own."""
    if len(text) <= 2 * WINDOW:
        return text
    return f"{text[:WINDOW]}\n{text[-WINDOW:]}"
