"""The one shape that every log parser yields: Conversation, Turn, Message, ToolCall.

A parser is a module of this package with these names:

    NAME                            the `source` of its samples, such as "codex"
    roots(home, environ) -> [str]   the folders of that agent under a home, existing or not
    find(root, failed) -> [[str]]   files of a root in groups that must be read together, sorted;
                                    failed(OSError) hears of a folder that cannot be read
    glance(path) -> (str, str)      conversation id and working folder as the first records of a file
                                    (or its name and neighbours) tell them, "" where they do not
    parse(files, note) -> Iterator[Conversation]

or an object that has them. `glance` decides what a person has excluded for good before any text is
parsed, so it reads no further than it must. A group holds every file that `parse` may open, so that a
change in any of them is seen.

`note(kind, path, line, detail)` is how a parser names what it could not use: kind is `bad` (a line
that is not a JSON object or has an odd shape or depth, a damaged packed log), `torn` (an unfinished last
line), `unknown` (a record type that it does not know, named in detail) or `skipped` (known, and left out
on purpose). A parser never raises for what a file holds, never prints, and reads nothing but the files
that it is given.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

TYPE_CHECKING = False  # typing is not loaded at run time
if TYPE_CHECKING:
    from typing import Protocol

    class Source(Protocol):
        """A log parser: a module of this package, or an object, as described above."""

        @property
        def NAME(self) -> str:
            """The `source` of its samples."""

        def roots(self, home: str, environ: Mapping[str, str]) -> list[str]:
            """The folders of that agent under a home."""

        def find(self, root: str, failed: Callable[[OSError], None] | None = None) -> list[list[str]]:
            """Files in groups that must be read together."""

        def glance(self, path: str) -> tuple[str, str]:
            """Conversation id and working folder, as the first records tell."""

        def parse(self, files: list[str], note: Note) -> Iterator[Conversation]:
            """The conversations of a group."""


Note = Callable[[str, str, int, str], None]


@dataclass(slots=True)
class ToolCall:
    """One call of a tool. `arguments` is JSON text of an object, as logged where it parses."""

    id: str
    name: str
    arguments: str


@dataclass(slots=True)
class Message:
    """One message of a turn.

    role is user, assistant or tool. `reasoning` is what the log holds in the clear. On a tool
    message `tool_call_id` names the call and `failed` says what the log says of it. `phase` is
    "commentary" or "final" where the log tells them apart. Of a log over read.LARGE bytes no texts are
    held: `content`, `reasoning` and `arguments` are only their beginnings, and `load` reads the message
    once more, whole.
    """

    role: str
    content: str = ""
    reasoning: str = ""
    tool_calls: list[ToolCall] = field(default_factory=list)
    tool_call_id: str = ""
    failed: bool = False
    line: int = 0
    phase: str = ""
    load: Callable[[], Message] | None = None


@dataclass(slots=True)
class Turn:
    """What follows one human message, up to the next one.

    messages[0] is the human message as typed: nothing injected. native_id is its id in the log, ""
    where the log has none; ordinal counts the human turns of the conversation from 0 on the oldest
    branch. tokens are None where the log does not say. flags are a subset of FLAGS. `skip` is the
    reason of a parser that knows that this turn gives no sample ("command", "rolled-back", ...).
    origin is the conversation of first appearance where that is another one (a fork repeats its
    parent's turns); cwd is the working folder of this turn where it is not the conversation's. context
    is text that belongs beside the question (files that it names, a system prompt of its own); domain is
    the topic where the log names one; redacted counts what was taken out before it was logged.
    """

    messages: list[Message]
    native_id: str = ""
    ordinal: int = 0
    path: str = ""
    line: int = 0
    timestamp: str = ""
    model: str = ""
    tokens_in: int | None = None
    tokens_out: int | None = None
    flags: set[str] = field(default_factory=set)
    skip: str = ""
    origin: str = ""
    cwd: str = ""
    context: str = ""
    domain: str = ""
    redacted: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Conversation:
    """A thread of turns, oldest first.

    id is the conversation of first appearance; cwd is the working folder as logged (an absolute
    path, which the exporter turns into a project name); parent is the id of the conversation that
    started this one when it is a sub-agent; group is the oldest ancestor of a fork, whose turns it
    shares and from which a split must not part it.
    """

    source: str
    id: str
    files: list[str]
    turns: list[Turn] = field(default_factory=list)
    cwd: str = ""
    agent_version: str = ""
    system: str = ""
    subagent: bool = False
    parent: str = ""
    group: str = ""


# Every flag that a sample's `_metadata.flags` may hold.
FLAGS = (
    "after_compaction",  # the first turn after the agent summed up and forgot what came before
    "api_error",  # the client reported a failed request inside the turn
    "complained_by_user",  # the next human message is displeased with this turn
    "corrected_by_user",  # the next human message corrects this turn
    "interrupted",  # the person stopped the agent
    "open",  # the last turn of a log without an end mark: it may still grow
    "subagent",  # another agent asked, not a person
    "synthetic_prompt",  # the client wrote the prompt on the person's behalf
    "thanked_by_user",  # the next human message thanks for this turn
    "tool_failed",  # at least one tool result is an error
    "tool_rejected",  # the person refused a tool call
    "unanswered_call",  # a tool call without a result
)


_LONE = re.compile("[\ud800-\udfff]")


def sound(text: str) -> str:
    """The text with U+FFFD for each lone surrogate, which no UTF-8 file can hold."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return _LONE.sub("\ufffd", text)
    return text


def pair_results(messages: Iterable[Message]) -> Iterator[Message]:
    """Put each tool result behind the assistant message that called it, in the order of the calls.

    Logs write results when they arrive, which may be after later messages. The first result of an
    id wins; a result without a call is left out, because no trainer can place it.
    """
    kept = list(messages)
    results: dict[str, Message] = {}
    for message in kept:
        if message.role == "tool":
            results.setdefault(message.tool_call_id, message)
    for message in kept:
        if message.role == "tool":
            continue
        yield message
        for call in message.tool_calls:
            result = results.pop(call.id, None)
            if result is not None:
                yield result
