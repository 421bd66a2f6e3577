"""The graph of the records of Claude Code sessions, and the ways through it.

A record names its parent, and a conversation is the way from its last record up to a root. Rewinds
leave branches behind, one message of the model lies on several lines, results come in any order, parents
are missing or come late. So each record counts once, every kind of record is kept as a link, and turns
are cut from the way, not from the order of the lines.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from afs.logs.claude import text as words
from afs.logs.claude.family import agent_of, is_held
from afs.logs.claude.message import shorten
from afs.logs.claude.queue import Queue
from afs.logs.claude.record import Node, Spot, node_of, steps_of
from afs.logs.read import is_packed, located

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator
    from typing import Any

    from afs.logs.conversation import Message, Note


@dataclass(slots=True)
class Segment:
    """The part of a way that belongs to one prompt; `ordinal` prompts stand above it, `place` sorts it."""

    head: Node
    ordinal: int
    place: int
    nodes: list[Node] = field(default_factory=list)
    compacted: bool = False
    last: bool = False
    skip: str = ""

    def said(self) -> set[str]:
        """What a copy of this segment must hold to stand for it: its messages, whatever their lines."""
        return {
            node.message or node.uuid for node in self.nodes if node.kind in (words.ASSISTANT, words.QUEUED)
        }

    def name(self) -> Hashable:
        """What copies of a prompt share: its text and time, where the log tells one."""
        head = self.head
        return (head.side, head.timestamp, head.text) if head.timestamp else head


class Graph:
    """Every record of files that belong together."""

    def __init__(self, paths: list[str], note: Note) -> None:
        self.note = note
        self.paths = paths
        self.nodes: dict[str, Node] = {}
        self.lines: dict[tuple[str, str], list[Node]] = {}
        self.results: dict[str, Message] = {}
        self.rejected: set[str] = set()
        self.retracted: set[str] = set()
        self.systems: dict[tuple[str, str], str] = {}
        self.callers: dict[str, str] = {}  # agent -> the side whose call began it
        self.failed: OSError | None = None
        self._kept: set[tuple[str, str]] = set()
        self._sides: dict[str, str] = {}  # message -> the side that said it first
        self._agents = {agent_of(path) for path in paths}
        self._followed: set[str] = set()
        self._held = is_held(paths)
        self.files = [self._read(path) for path in paths]
        # Who went back to a place that was never written is where the first was who named it.
        self._gaps: dict[tuple[str, str], Node] = {}
        for node in dict.fromkeys(self.nodes.values()):
            if node.parent and node.parent not in self.nodes and node.kind != words.BOUNDARY:
                self._gaps.setdefault((node.parent, node.side), node)

    # --- reading ------------------------------------------------------------------------------------------

    def _read(self, path: str) -> list[Node]:
        """The nodes of a file in the order of its lines. A copy stands as the node of the earlier file."""
        agent = agent_of(path)
        found: list[Node] = []
        before: dict[str, Node] = {}
        queue = Queue()
        try:
            held = self._held or is_packed(path)
            for line, offset, length, record in located(path, self.note):
                spot = Spot(path, line, offset, length)
                kind = record.get("type")
                if kind == "queue-operation":
                    queue.take(record, spot)
                node = node_of(record, spot, agent, self.note)
                if node is None:
                    continue
                made = [node]
                if kind == "progress" or "toolUseResult" in record:
                    made += self._steps(record, node)
                for node in made:
                    if not held:
                        shorten(node)
                    known = self.nodes.get(node.uuid) or self.nodes.get(node.origin)
                    if known is None:
                        for waiting in queue.delivered(node, node.key() not in self.lines):
                            if not held:
                                shorten(waiting)
                            self._add(waiting, before)
                            found.append(waiting)
                        self._add(node, before)
                        found.append(node)
                        continue
                    queue.copied(node)
                    self.nodes[node.uuid] = known
                    before[known.side] = known
                    if known.path != path and not agent:
                        found.append(known)
                    if node.speaks():
                        self.note("skipped", path, node.line, "duplicate")
        except OSError as error:
            self.failed = error
        queue.settle(found)
        return found

    def _steps(self, record: dict[str, Any], node: Node) -> Iterator[Node]:
        """What a record tells of a sub-agent that has no file of its own here."""
        result = record.get("toolUseResult")
        if type(result) is dict and type(result.get("agentId")) is str:
            self.callers.setdefault(result["agentId"], node.side)
        for step in steps_of(record, node.spot, self.note):
            self.callers.setdefault(step.side, node.side)
            if step.side not in self._agents and (step.facet == "step" or step.side in self._followed):
                self._followed.add(step.side)
                yield step

    def _add(self, node: Node, before: dict[str, Node]) -> None:
        node.order = len(self.nodes)
        last = before.get(node.side)
        if last is not None and last.parent == node.uuid and not node.speaks():  # a parent that comes late
            node.before = last.before
        else:
            node.before = last
            before[node.side] = node
        self.nodes[node.uuid] = node
        if node.origin:
            self.nodes.setdefault(node.origin, node)
        if node.kind == words.ASSISTANT:
            if self._repeats(node):
                self.note("skipped", node.path, node.line, "duplicate")
                node.kind, node.parts = words.COPY, ()
                return
            self.lines.setdefault(node.key(), []).append(node)
        elif node.kind == words.SYSTEM:
            self.systems.setdefault((node.path, node.side), node.text)
            node.text = ""
        elif node.kind == words.EXPANSION:
            above = self.nodes.get(node.parent or "")
            if above is None or above.kind not in (words.COMMAND, words.EXPANSION):
                node.kind, node.text = words.LINK, ""
        for result in node.results:
            self.results.setdefault(result.tool_call_id, result)
            if node.denial == "user-rejected" or words.is_rejection(result.content):
                self.rejected.add(result.tool_call_id)
        self.retracted.update(node.retracts)

    def _repeats(self, node: Node) -> bool:
        """Whether another side said a block of this message first: some sub-agents begin with its history."""
        side = self._sides.setdefault(node.message, node.side)
        if side == node.side or not node.message:
            return False
        lines = self.lines[side, node.message]
        return {part[::2] for part in node.parts} <= {part[::2] for line in lines for part in line.parts}

    # --- ways ---------------------------------------------------------------------------------------------

    def _above(self, node: Node) -> Node | None:
        """The parent; where it was never written, the node before in the file; None at a root."""
        if node.parent == "":
            return None
        above = self.nodes.get(node.parent or "")
        if above is None:
            same = self._gaps.get((node.parent or "", node.side), node)
            above = same.before if same.order < node.order else node.before
        if above is not None and above.side != node.side:
            return None if node.side else node.before  # where a sub-agent starts, a main thread goes on
        return above

    def way(self, leaf: Node, stop: set[Node]) -> tuple[list[Node], bool]:
        """The nodes from the top down to a leaf, and whether the topmost hangs on a node of `stop`."""
        way: dict[Node, None] = {}
        at: Node | None = leaf
        while at is not None and at not in way and at not in stop:
            way[at] = None
            above = self._above(at)
            if above in way:  # a link that closes a circle counts as missing
                above = at.before
            while above in way:
                above = above.before
            at = above
        return list(way)[::-1], at is not None and at in stop

    def main(self, nodes: list[Node]) -> list[Node]:
        """The way to the last thing that was said on the main thread of a file, and the marks behind it."""
        at = next(
            (at for at in reversed(range(len(nodes))) if nodes[at].speaks() and not nodes[at].side), None
        )
        if at is None:
            return []
        way, _ = self.way(nodes[at], set())
        for node in nodes[at + 1 :]:
            if self._above(node) is way[-1]:
                way.append(node)
        return way

    def cut(self, way: list[Node], left: str = "") -> list[Segment]:
        """A way in segments, each from one prompt to the next; `left` is why the person left this way."""
        segments: list[Segment] = []
        current: Segment | None = None
        forgot = repeats = False
        told: set[tuple[str, str]] = set()
        mine: set[tuple[str, str]] = set()
        for index, node in enumerate(way):
            kind = node.kind
            if kind == words.BOUNDARY:
                forgot = repeats = True
            elif kind == words.ASSISTANT:
                key = node.key()
                if current is None:
                    if key not in self._kept:
                        self.note("skipped", node.path, node.line, left or "no prompt")
                elif key not in mine:
                    current.compacted, forgot = current.compacted or forgot, False
                    mine.add(key)
                    self._kept.add(key)
            elif kind == words.COMMAND and _answered_by_client(way, index):
                self.note("skipped", node.path, node.line, "command")
                continue
            if kind in (words.PROMPT, words.COMMAND, words.AUTOMATED) or (
                kind == words.QUEUED and (current is None or self._answered(current))
            ):
                # After a compaction the client may write the last messages again, with their old times.
                if repeats and (node.timestamp, node.text) in told:
                    self.note("skipped", node.path, node.line, "duplicate")
                    continue
                told.add((node.timestamp, node.text))
                skip = "automated" if kind == words.AUTOMATED and not node.side else left
                if node.side and node.text.strip() == "Warmup":
                    skip = "warm-up"
                place = max(node.order, current.place if current else 0)
                current = Segment(node, len(segments), place, skip=skip)
                segments.append(current)
            if current is not None:
                current.nodes.append(node)
        if current is not None:
            current.last = not left
        return segments

    def _answered(self, segment: Segment) -> bool:
        """Whether the agent had given its answer: its last message calls no tool."""
        for node in reversed(segment.nodes):
            if node.kind == words.ASSISTANT:
                return not any(part[0] == "call" for line in self.lines[node.key()] for part in line.parts)
        return False


def _answered_by_client(way: list[Node], index: int) -> bool:
    """Whether a slash command never reached the model: a built-in one, or one with output of its own."""
    if way[index].text[1:].split()[0] in words.BUILT_IN:
        return True
    for node in way[index + 1 :]:
        if node.kind in (words.ASSISTANT, words.PROMPT, words.COMMAND):
            return False
        if node.kind == words.LOCAL:
            return True
    return False
