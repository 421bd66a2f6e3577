"""What the signals of a score look at: the head and tail of question and answer, cut up once."""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any, NamedTuple
else:
    from collections import namedtuple

WINDOW = 4096
# Words are looked at in the first quarter of this and, because a model goes astray at the end, the rest.
_SPAN = 1200
_TASK = 400
_BARE = dict.fromkeys(map(ord, ".,:;!?()[]{}\"'`*#/-"), " ")
_FENCE = re.compile(r"(```+|~~~+)[ \t]*([^\n`]*)$", re.MULTILINE)
_INLINE = re.compile(r"`[^`\n]*`|https?://\S+")

if TYPE_CHECKING:

    class Block(NamedTuple):
        """Code between fences: the language that it names (lower case), its text, whether it is closed."""

        language: str
        text: str
        closed: bool
else:
    Block = namedtuple("Block", "language text closed")


class View:
    """A sample as the signals see it; of each text at most the first and the last WINDOW characters.

    Question is the instruction, context the input. `whole` says that nothing of the answer was left
    out. `tail` is its end, without white space behind it, `last` the last line of that; `words` are those
    of a shorter stretch, in lower case. `spaced` is false where no spaces part the words, as in Chinese, or
    where there are none. `blocks` is the code between fences, `prose` the answer without that and without
    words in backticks, `task` the beginning of the question in lower case and `asked` its words.
    """

    __slots__ = (
        "answer",
        "ascii",
        "asked",
        "blocks",
        "context",
        "flags",
        "last",
        "lines",
        "lower",
        "messages",
        "prose",
        "question",
        "spaced",
        "tail",
        "task",
        "whole",
        "words",
    )  # fmt: skip

    def __init__(self, record: Mapping[str, Any]) -> None:
        answer: str = record["output"]
        self.question = ends(record["instruction"])
        self.task = self.question[:_TASK].lower()
        self.asked = frozenset(self.task.translate(_BARE).split())
        self.context = ends(record.get("input") or "")
        self.whole = len(answer) <= 2 * WINDOW
        self.blocks: list[Block] = []
        if "```" in answer or "~~~" in answer:
            parts = (answer,) if self.whole else (answer[:WINDOW], answer[-WINDOW:])
            prose = "\n".join(self._outside(part, number > 0) for number, part in enumerate(parts))
        else:
            prose = answer = ends(answer)
        self.answer = answer = ends(answer)
        self.prose = _INLINE.sub(" ", prose) if "`" in prose or "://" in prose else prose
        self.ascii = answer.isascii()
        self.lower = answer.lower()
        self.tail = answer[-WINDOW:].rstrip()
        self.lines = answer.split("\n")
        self.last = self.tail[self.tail.rfind("\n") + 1 :].strip()
        words = self.lower
        if len(words) > _SPAN:
            words = words[: _SPAN // 4] + words[-3 * _SPAN // 4 :]
        self.words = words.split()
        self.spaced = 12 * len(self.words) > len(words)
        metadata = record.get("_metadata")
        self.flags = metadata.get("flags") if type(metadata) is dict else None
        self.messages = record.get("messages")

    def _outside(self, text: str, later: bool) -> str:
        """What of a part lies outside of its blocks, which are noted. A later part may begin inside one."""
        fences = sorted(_fences(text))
        prose, since, opened = [], 0, ""
        language = ""
        if later and fences:
            named = next((at for at, fence in enumerate(fences) if fence[3]), len(fences))
            if named % 2:  # only an opening fence names a language
                fences, since = fences[1:], fences[0][1]
        for start, end, mark, name in fences:
            if not opened:
                prose.append(text[since:start])
                opened, language, since = mark, name.split(" ")[0].lower(), end + 1
            elif mark.startswith(opened) and not name:
                self.blocks.append(Block(language, text[since:start], True))
                opened, since = "", end
        if not opened:
            prose.append(text[since:])
        elif later or self.whole:  # where the middle is left out, a block may end there
            self.blocks.append(Block(language, text[since:], False))
        return "\n".join(prose)


def _fences(text: str) -> Iterator[tuple[int, int, str, str]]:
    """(start of the line, end, mark, name behind it) of every line that opens or closes code."""
    for mark in ("```", "~~~"):
        at = text.find(mark)
        while at >= 0:
            start = text.rfind("\n", 0, at) + 1
            found = _FENCE.match(text, at)
            if found and not text[start:at].strip(" \t>"):
                yield start, found.end(), found[1], found[2].strip()
            at = text.find(mark, found.end() if found else at + 3)


def ends(text: str) -> str:
    """The text, or its first and last WINDOW characters on lines of their own."""
    if len(text) <= 2 * WINDOW:
        return text
    return f"{text[:WINDOW]}\n{text[-WINDOW:]}"
