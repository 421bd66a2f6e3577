"""The conversations that lie in a graph of Claude Code records."""

from __future__ import annotations

from typing import TYPE_CHECKING

from afs.logs.claude import text as words
from afs.logs.claude.family import stem
from afs.logs.claude.message import answered, asked, begin, count_tokens
from afs.logs.claude.record import UNNAMED, Node
from afs.logs.conversation import Conversation, Message, Turn, pair_results

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from afs.logs.claude.graph import Graph, Segment

# How a message of the model may end without calling a tool; of the last three it is not whole.
_ENDED = frozenset(("end_turn", "stop_sequence", "max_tokens", "refusal", "model_context_window_exceeded"))
_CUT = _ENDED - {"end_turn", "stop_sequence"}
_MOST_CONTEXT = 20_000  # characters of what a slash command told the model


def conversations(source: str, graph: Graph) -> Iterator[Conversation]:
    """File by file the thread that went on and threads apart from it, then the sub-agents."""
    yield from _Talks(source, graph).all()


class _Talks:
    """What was told already, so that each message is told once."""

    def __init__(self, source: str, graph: Graph) -> None:
        self._source = source
        self._graph = graph
        self._covered: set[Node] = set()
        self._owners: dict[Hashable, Segment] = {}
        self._merged: set[tuple[str, str]] = set()
        self._agents: dict[str, list[Segment]] = {}
        self._group = ""

    def all(self) -> Iterator[Conversation]:
        graph = self._graph
        threads: list[list[Segment]] = []
        for nodes in graph.files:  # every thread that goes on, before what was left behind
            way = graph.main(nodes)
            self._covered.update(way)
            threads.append([segment for segment in graph.cut(way) if self._is_first(segment)])
        for path, nodes, segments in zip(graph.paths, graph.files, threads, strict=True):
            own = [node for node in reversed(nodes) if node.path == path and node.speaks()]
            session = segments[0].head.session if segments else own[-1].session if own else ""
            apart: dict[str, list[Segment]] = {}
            for leaf in own:
                if leaf.side or leaf in self._covered:
                    continue
                way, hangs = graph.way(leaf, self._covered)
                self._covered.update(way)
                left = hangs or leaf.session == session
                found = segments if left else apart.setdefault(leaf.session, [])
                cut = graph.cut(way, "abandoned-branch" if left else "")
                found += [segment for segment in cut if self._is_first(segment)]
            for name, found in ((session, segments), *sorted(apart.items())):
                yield from self._conversation(name or stem(path), path, found)
        self._gather()
        told: set[str] = set()
        for name in self._agents:
            yield from self._agent(name, told)

    def _is_first(self, segment: Segment) -> bool:
        """Whether no copy of the segment was met; an earlier copy takes over what this one adds."""
        earlier = self._owners.setdefault(segment.name(), segment)
        if earlier is segment:
            return True
        head = segment.head
        if segment.skip != "abandoned-branch" and earlier.said() < segment.said():
            earlier.nodes, earlier.compacted = segment.nodes, segment.compacted  # a resumed session went on
        else:
            for _ in segment.said() - earlier.said():  # a fork answered the same prompt again
                self._graph.note("skipped", head.path, head.line, "abandoned-branch")
        if not segment.skip:
            earlier.last = earlier.last and segment.last
        if head is not earlier.head:
            self._graph.note("skipped", head.path, head.line, "duplicate")
        return False

    # --- sub-agents ---------------------------------------------------------------------------------------

    def _gather(self) -> None:
        """The sub-agents, in the order in which they ended. A resumed session may go on with one."""
        graph = self._graph
        found: dict[str, list[Segment]] = {}
        for leaf in (node for nodes in reversed(graph.files) for node in reversed(nodes)):
            if not leaf.side or leaf in self._covered or not leaf.speaks():
                continue
            way, hangs = graph.way(leaf, self._covered)
            self._covered.update(way)
            name = leaf.side if leaf.side != UNNAMED else graph.way(leaf, set())[0][0].uuid
            segments = graph.cut(way, "abandoned-branch" if hangs else "")
            found.setdefault(name, []).extend(one for one in segments if not _is_replay(one))
        self._agents = {name: found[name] for name in reversed(found) if found[name]}

    def _agent(self, name: str, told: set[str]) -> Iterator[Conversation]:
        """The conversation of a sub-agent, behind that of the one which called it."""
        if name in told or name not in self._agents:
            return
        told.add(name)
        head = self._agents[name][0].head
        caller = self._graph.callers.get(name, "")
        yield from self._agent(caller, told)
        parent = f"{head.session}:{caller}" if caller in self._agents else head.session
        yield from self._conversation(f"{head.session}:{name}", head.path, self._agents[name], parent)

    # --- conversations and turns --------------------------------------------------------------------------

    def _conversation(
        self, name: str, path: str, segments: list[Segment], parent: str = ""
    ) -> Iterator[Conversation]:
        if not segments:
            return
        segments.sort(key=lambda segment: segment.place)
        head = segments[0].head
        self._group = self._group or parent or name
        paths = {node.path for segment in segments for node in segment.nodes}
        made = Conversation(self._source, name, [path, *sorted(paths - {path})])
        made.cwd, made.agent_version = head.cwd, head.version
        made.system = self._graph.systems.get((path, head.side), "")
        made.subagent, made.parent, made.group = bool(head.side), parent, self._group
        for segment in segments:
            for turn in self._turns(segment):
                turn.cwd = turn.cwd if turn.cwd != made.cwd else ""
                turn.origin = turn.origin if turn.origin != name else ""
                made.turns.append(turn)
        yield made

    def _turns(self, segment: Segment) -> list[Turn]:
        """The turn of a segment, and one for each thing that the person said into it."""
        turn = begin(segment.head, segment.ordinal, segment.skip)
        turns = [turn]
        results: list[Message] = []
        partial: list[Message] = []
        ended, cut = False, ""
        for node in segment.nodes[1:]:
            if node.kind == words.ASSISTANT:
                if (key := node.key()) in self._merged:
                    continue
                self._merged.add(key)
                lines = [line for line in self._graph.lines[key] if line.uuid not in self._graph.retracted]
                if not lines:
                    continue
                for message in partial:  # the client asked again after a broken answer
                    turn.messages.remove(message)
                answer = answered(lines, results)
                turn.messages += answer
                partial = answer if lines[-1].aborted and not any(one.tool_calls for one in answer) else []
                count_tokens(turn, lines)
                stops = {line.stop for line in lines}
                ended = not stops.isdisjoint(_ENDED)
                cut = "" if stops.isdisjoint(_CUT) else "incomplete"
                if ended and answer:
                    answer[-1].phase = "final"
            elif node.kind == words.RETRY or (node.kind == words.FAULT and node.text):
                turn.flags.add("api_error")
            elif node.kind == words.EXPANSION:
                turn.context = _shown(turn.context, node.text)
            elif node.kind == words.END:
                ended = True
            if node.kind == words.QUEUED:
                turn.messages.append(asked(node))
            if node.kind == words.QUEUED or node.feedback:
                skip = segment.skip or "mid-turn"
                turns.append(begin(node, segment.ordinal, skip, node.feedback))
            if node.kind == words.INTERRUPT or (node.aborted and node.kind != words.ASSISTANT):
                turn.flags.add("interrupted")
        if partial:
            turn.flags.add("interrupted")
        if segment.compacted:
            turn.flags.add("after_compaction")
        if segment.last and not ended and "interrupted" not in turn.flags:
            turn.flags.add("open")
        turn.skip = turn.skip or cut
        self._pair(turn, results)
        return turns

    def _pair(self, turn: Turn, results: list[Message]) -> None:
        """Set the results behind their calls, and flag what went wrong."""
        own = {result.tool_call_id for result in results}
        for message in turn.messages:
            for call in message.tool_calls:
                result = self._graph.results.get(call.id)
                if result is not None:
                    results.append(result)
                elif call.id not in own:
                    turn.flags.add("unanswered_call")
        for result in results:
            if result.failed:
                refused = result.tool_call_id in self._graph.rejected
                turn.flags.add("tool_rejected" if refused else "tool_failed")
        turn.messages = list(pair_results([*turn.messages, *results]))


def _is_replay(segment: Segment) -> bool:
    """Whether a sub-agent's file only repeats here what another thread said."""
    kinds = {node.kind for node in segment.nodes}
    return words.COPY in kinds and words.ASSISTANT not in kinds


def _shown(context: str, text: str) -> str:
    """The context with more text, cut with a mark where it gets too long."""
    context = f"{context}\n\n{text}" if context else text
    if len(context) <= _MOST_CONTEXT:
        return context
    return f"{context[:_MOST_CONTEXT]}\n[... {len(context) - _MOST_CONTEXT} more characters]"
