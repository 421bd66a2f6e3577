"""Prompts typed while the agent worked, which some versions of Claude Code log in a queue alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from afs.logs.claude import text as words
from afs.logs.claude.record import Node, Spot
from afs.logs.claude.text import string

if TYPE_CHECKING:
    from collections.abc import Sequence


class Queue:
    """The queue of one file.

    `remove` without a reason, or with `absorbed_mid_turn`, means that the running turn took a prompt in;
    `dequeue` and `popAll` are followed by an ordinary prompt.
    """

    def __init__(self) -> None:
        self._pending: list[tuple[str, Spot, str]] = []
        self._waiting: list[Node] = []
        self._made: list[Node] = []

    def take(self, record: dict[str, Any], spot: Spot) -> None:
        """Follow one queue-operation record."""
        operation = record.get("operation")
        content = string(record.get("content"))
        if operation == "enqueue":
            self._pending.append((content, spot, string(record.get("timestamp"))))
        elif operation == "popAll":
            self._pending.clear()
        elif operation in ("dequeue", "remove") and self._pending:
            at = next((index for index, one in enumerate(self._pending) if one[0] == content), 0)
            text, at_first, timestamp = self._pending.pop(at)
            kind, text = typed({"content": content or text})
            if operation == "remove" and kind == words.PROMPT and not _refused(record):
                node = Node(at_first.name(), None, words.QUEUED, *(spot if content else at_first))
                node.text, node.timestamp, node.facet = text, timestamp, "queue"
                self._waiting.append(node)

    def delivered(self, node: Node, new: bool) -> list[Node]:
        """The prompts that the model saw first when it wrote `node`, the first line of a message if `new`."""
        if not self._waiting or node.side or node.kind != words.ASSISTANT or not new:
            return []
        given, self._waiting = self._waiting, []
        for one in given:
            one.parent, node.parent = node.parent, one.uuid
            one.session, one.cwd, one.version = node.session, node.cwd, node.version
        self._made += given
        return given

    def copied(self, node: Node) -> None:
        """Take back what waits before a copy: the file that was copied told of it."""
        if node.kind == words.ASSISTANT:
            self._waiting.clear()

    def settle(self, nodes: Sequence[Node]) -> None:
        """Take back what the file holds as a prompt too: in an attachment, or in a later record."""
        made = set(map(id, self._made))
        said: dict[str, list[Node]] = {}
        for node in nodes if made else ():
            if node.kind in (words.QUEUED, words.PROMPT) and id(node) not in made:
                said.setdefault(node.text, []).append(node)
        for one in self._made:
            if any(node.kind == words.QUEUED or node.order > one.order for node in said.get(one.text, ())):
                one.kind = words.LINK


def typed(record: dict[str, Any]) -> tuple[str, str]:
    """Kind and text of what a queue-operation record holds, as claude_text.told() gives them."""
    return words.told(string(record.get("content")))


def _refused(record: dict[str, Any]) -> bool:
    return string(record.get("reason")) not in ("", "absorbed_mid_turn")
