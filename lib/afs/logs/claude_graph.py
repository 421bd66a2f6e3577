"""The graph of the records of Claude Code sessions, and the conversations that lie in it.

A record names its parent, and a conversation is the way from its last record up to a root. Rewinds
leave branches behind, one message of the model lies on several lines, results come in any order, parents
are missing or come late. So each record counts once, every kind of record is kept as a link, and turns
are cut from the way, not from the order of the lines.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from afs.logs import claude_text as words
from afs.logs.claude_record import UNNAMED, Node, Queue, begin, count_tokens, merge, node_of
from afs.logs.conversation import Conversation, Message, Turn, pair_results
from afs.logs.read import records

if TYPE_CHECKING:
    from collections.abc import Iterator

    from afs.logs.conversation import Note


def agent_of(path: str) -> str:
    """The id of the sub-agent that a file belongs to, "" for a session."""
    before, _, name = _stem(path).partition("agent-")
    return "" if before else name


def _stem(path: str) -> str:
    return os.path.basename(path).partition(".jsonl")[0]


@dataclass(slots=True)
class _Segment:
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


class Graph:
    """Every record of files that belong together, and the conversations in them."""

    def __init__(self, source: str, paths: list[str], note: Note) -> None:
        self.source = source
        self.note = note
        self.paths = paths
        self.nodes: dict[str, Node] = {}
        self.lines: dict[tuple[str, str], list[Node]] = {}
        self.results: dict[str, Message] = {}
        self.rejected: set[str] = set()
        self.retracted: set[str] = set()
        self.kept: set[tuple[str, str]] = set()
        self.merged: set[tuple[str, str]] = set()
        self.systems: dict[tuple[str, str], str] = {}
        self.group = ""
        self.failed: OSError | None = None
        self.files = [self._read(path) for path in paths]

    def _read(self, path: str) -> list[Node]:
        """The nodes of a file in the order of its lines. A copy stands as the node of the earlier file."""
        agent = agent_of(path)
        found: list[Node] = []
        before: dict[str, Node] = {}
        queue = Queue(path)
        try:
            for line, record in records(path, self.note):
                if record.get("type") == "queue-operation":
                    queue.take(record, line)
                node = node_of(record, path, line, agent, self.note)
                if node is None:
                    continue
                known = self.nodes.get(node.uuid) or self.nodes.get(node.origin)
                if known is None:
                    for waiting in queue.delivered(node, (node.side, node.message) not in self.lines):
                        self._add(waiting, before)
                        found.append(waiting)
                    self._add(node, before)
                    found.append(node)
                    continue
                self.nodes[node.uuid] = known
                before[known.side] = known
                if known.path != path:
                    found.append(known)
                if node.speaks():
                    self.note("skipped", path, line, "duplicate")
        except OSError as error:
            self.failed = error
        queue.settle(found)
        return found

    def _add(self, node: Node, before: dict[str, Node]) -> None:
        node.order = len(self.nodes)
        node.before = before.get(node.side)
        before[node.side] = node
        self.nodes[node.uuid] = node
        if node.origin:
            self.nodes.setdefault(node.origin, node)
        if node.kind == words.ASSISTANT:
            self.lines.setdefault((node.side, node.message or node.uuid), []).append(node)
        for result in node.results:
            self.results.setdefault(result.tool_call_id, result)
            if node.denial == "user-rejected" or words.is_rejection(result.content):
                self.rejected.add(result.tool_call_id)
        self.retracted.update(node.retracts)
        if node.kind == words.SYSTEM:
            self.systems.setdefault((node.path, node.side), node.text)

    # --- ways ---------------------------------------------------------------------------------------------

    def _above(self, node: Node) -> Node | None:
        """The parent; where it was never written, the node before in the file; None at a root."""
        if node.parent == "":
            return None
        above = self.nodes.get(node.parent or "", node.before)
        if above is not None and above.side != node.side:
            return None if node.side else node.before  # where a sub-agent starts, a main thread goes on
        return above

    def _way(self, leaf: Node, stop: set[Node]) -> tuple[list[Node], bool]:
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

    def _main(self, nodes: list[Node]) -> list[Node]:
        """The way to the last thing that was said on the main thread of a file, and the marks behind it."""
        at = next(
            (at for at in reversed(range(len(nodes))) if nodes[at].speaks() and not nodes[at].side), None
        )
        if at is None:
            return []
        way, _ = self._way(nodes[at], set())
        for node in nodes[at + 1 :]:
            if self._above(node) is way[-1]:
                way.append(node)
        return way

    def _cut(self, way: list[Node], left: str = "") -> list[_Segment]:
        """A way in segments, each from one prompt to the next; `left` is why the person left this way."""
        segments: list[_Segment] = []
        current: _Segment | None = None
        forgot = repeats = False
        told: set[tuple[str, str]] = set()
        mine: set[tuple[str, str]] = set()
        for index, node in enumerate(way):
            kind = node.kind
            if kind == words.BOUNDARY:
                forgot = repeats = True
            elif kind == words.ASSISTANT:
                key = (node.side, node.message or node.uuid)
                if current is None:
                    if key not in self.kept:
                        self.note("skipped", node.path, node.line, left or "no prompt")
                elif key not in mine:
                    current.compacted, forgot = current.compacted or forgot, False
                    mine.add(key)
                    self.kept.add(key)
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
                current = _Segment(node, len(segments), place, skip=skip)
                segments.append(current)
            if current is not None:
                current.nodes.append(node)
        if current is not None:
            current.last = not left
        return segments

    def _answered(self, segment: _Segment) -> bool:
        """Whether the agent had given its answer: its last message calls no tool."""
        for node in reversed(segment.nodes):
            if node.kind == words.ASSISTANT:
                lines = self.lines[node.side, node.message or node.uuid]
                return not any(part[0] == "call" for line in lines for part in line.parts)
        return False

    # --- conversations ------------------------------------------------------------------------------------

    def conversations(self) -> Iterator[Conversation]:
        """The conversations, file by file: the thread that went on, threads apart from it, sub-agents."""
        covered: set[Node] = set()
        owners: dict[Node, _Segment] = {}
        threads: list[list[_Segment]] = []
        for nodes in self.files:  # every thread that goes on, before what was left behind
            way = self._main(nodes)
            covered.update(way)
            threads.append([])
            for segment in self._cut(way):
                earlier = owners.setdefault(segment.head, segment)
                if earlier is segment:
                    threads[-1].append(segment)
                elif earlier.said() < segment.said():  # a resumed session finished the turn
                    earlier.nodes, earlier.compacted = segment.nodes, segment.compacted
                else:
                    for _ in segment.said() - earlier.said():  # a fork answered the same prompt again
                        self.note("skipped", segment.head.path, segment.head.line, "abandoned-branch")
                earlier.last = earlier.last and segment.last
        for path, nodes, segments in zip(self.paths, self.files, threads, strict=True):
            own = [node for node in reversed(nodes) if node.path == path and node.speaks()]
            session = segments[0].head.session if segments else own[-1].session if own else ""
            apart: dict[str, list[_Segment]] = {}
            for leaf in own:
                if leaf.side or leaf in covered:
                    continue
                way, hangs = self._way(leaf, covered)
                covered.update(way)
                left = hangs or leaf.session == session
                found = segments if left else apart.setdefault(leaf.session, [])
                found += self._cut(way, "abandoned-branch" if left else "")
            for name, found in ((session, segments), *sorted(apart.items())):
                yield from self._conversation(name or _stem(path), path, found)
            yield from self._sides(path, own, covered)

    def _sides(self, path: str, own: list[Node], covered: set[Node]) -> Iterator[Conversation]:
        """The sub-agents of a file, in the order in which they ended."""
        agents: dict[str, list[_Segment]] = {}
        for leaf in own:
            if not leaf.side or leaf in covered:
                continue
            way, hangs = self._way(leaf, covered)
            covered.update(way)
            name = leaf.side if leaf.side != UNNAMED else self._way(leaf, set())[0][0].uuid
            agents.setdefault(name, []).extend(self._cut(way, "abandoned-branch" if hangs else ""))
        for name in reversed(agents):
            session = agents[name][0].head.session if agents[name] else ""
            yield from self._conversation(f"{session}:{name}", path, agents[name], session)

    def _conversation(
        self, name: str, path: str, segments: list[_Segment], parent: str = ""
    ) -> Iterator[Conversation]:
        if not segments:
            return
        segments.sort(key=lambda segment: segment.place)
        head = segments[0].head
        self.group = self.group or parent or name
        made = Conversation(self.source, name, list(self.paths), cwd=head.cwd, agent_version=head.version)
        made.system = self.systems.get((path, head.side), "")
        made.subagent, made.parent, made.group = bool(head.side), parent, self.group
        for segment in segments:
            for turn in self._turns(segment):
                turn.cwd = turn.cwd if turn.cwd != made.cwd else ""
                turn.origin = turn.origin if turn.origin != name else ""
                made.turns.append(turn)
        yield made

    def _turns(self, segment: _Segment) -> list[Turn]:
        """The turn of a segment, and one for each thing that the person said into it."""
        turn = begin(segment.head, segment.ordinal, segment.skip)
        turns = [turn]
        results: list[Message] = []
        partial: list[Message] = []
        ended = False
        for node in segment.nodes[1:]:
            if node.kind == words.ASSISTANT:
                key = (node.side, node.message or node.uuid)
                lines = [line for line in self.lines[key] if line.uuid not in self.retracted]
                if key in self.merged or not lines:
                    continue
                self.merged.add(key)
                for message in partial:  # the client asked again after a broken answer
                    turn.messages.remove(message)
                answer = merge(lines, results)
                turn.messages += answer
                partial = answer if lines[-1].aborted and not any(one.tool_calls for one in answer) else []
                count_tokens(turn, lines)
                ended = any(line.ended for line in lines)
                if ended and answer:
                    answer[-1].phase = "final"
            elif node.kind == words.FAULT and node.text:
                turn.flags.add("api_error")
            elif node.kind == words.QUEUED:
                interjection = begin(node, segment.ordinal, segment.skip or "mid-turn")
                turn.messages += interjection.messages
                turns.append(interjection)
            elif node.kind == words.END:
                ended = True
            if node.kind == words.INTERRUPT or (node.aborted and node.kind != words.ASSISTANT):
                turn.flags.add("interrupted")
        if partial:
            turn.flags.add("interrupted")
        if segment.compacted:
            turn.flags.add("after_compaction")
        if segment.last and not ended and "interrupted" not in turn.flags:
            turn.flags.add("open")
        self._pair(turn, results)
        return turns

    def _pair(self, turn: Turn, results: list[Message]) -> None:
        """Set the results behind their calls, and flag what went wrong."""
        own = {result.tool_call_id for result in results}
        for message in turn.messages:
            for call in message.tool_calls:
                result = self.results.get(call.id)
                if result is not None:
                    results.append(result)
                elif call.id not in own:
                    turn.flags.add("unanswered_call")
        for result in results:
            if result.failed:
                turn.flags.add("tool_rejected" if result.tool_call_id in self.rejected else "tool_failed")
        turn.messages = list(pair_results([*turn.messages, *results]))


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
