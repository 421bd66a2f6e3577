"""What one record of a Claude Code log says, and its place in the graph.

`node_of` turns a record into a Node and drops everything else of it at once (file bodies, screen data),
so that a long log stays small in memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from afs import jsonl
from afs.logs import claude_text as words
from afs.logs.claude_text import string
from afs.logs.conversation import Message, ToolCall, Turn
from afs.logs.read import ODD, oddity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from afs.logs.conversation import Note


@dataclass(slots=True, eq=False)
class Node:
    """A record in the graph.

    `parent` is None where the log names none, "" at a root. `origin` and `origin_session` name the record
    in the conversation that this one was forked from. `side` is "" on the main thread and the agent's id
    on a sub-agent's. `parts` of an assistant node are (kind, value) pairs in the order of its blocks:
    text, thinking, call, result, gap. `order` and `before` (the node before it in its file) come from the
    reader.
    """

    uuid: str
    parent: str | None
    kind: str
    path: str
    line: int
    side: str = ""
    session: str = ""
    timestamp: str = ""
    cwd: str = ""
    version: str = ""
    origin: str = ""
    origin_session: str = ""
    text: str = ""
    results: Sequence[Message] = ()
    denial: str = ""
    synthetic: bool = False
    aborted: bool = False
    message: str = ""
    model: str = ""
    parts: Sequence[tuple[str, Any]] = ()
    tokens_in: int | None = None
    tokens_out: int | None = None
    ended: bool = False
    retracts: Sequence[str] = ()
    order: int = 0
    before: Node | None = None

    def speaks(self) -> bool:
        """Whether the node is of the conversation, and not only between its nodes."""
        return bool(self.results) or self.kind not in (words.LINK, words.BOUNDARY, words.END, words.SYSTEM)


# Record types without a place in the graph. They are known, and left out.
SIDECAR = frozenset(
    """
    summary file-history-snapshot file-history-delta custom-title ai-title agent-name agent-color agent-
    setting last-prompt mode permission-mode pr-link frame-link worktree-state relocated bridge-session
    atis-latch isolation-latch tag started result speculation-accept content-replacement fork-pointer
    turn_end ended cost-state attribution-snapshot artifact-comment-monitor artifact-autoreact-ledger
    queue-operation
    """.split()  # noqa: SIM905
)
UNNAMED = "sidechain"  # the side of sub-agents without an id of their own


def _dict(value: Any) -> dict[str, Any]:
    return value if type(value) is dict else {}


def _list(value: Any) -> list[Any]:
    return value if type(value) is list else []


def node_of(record: dict[str, Any], path: str, line: int, agent: str, note: Note) -> Node | None:
    """The node of a record, or None where it has no place in the graph.

    `agent` is the id of the sub-agent that the file belongs to, or "". What is left out of the record on
    purpose is noted as skipped, what is not known as unknown.
    """
    type_ = string(record.get("type"))
    reader = _READERS.get(type_)
    uuid = string(record.get("uuid"))
    if reader is None:
        kind = "skipped" if type_ in SIDECAR else "unknown"
        note(kind, path, line, type_ if type_ in SIDECAR else f"type {type_ or '?'}")
    elif not uuid and type_ in ("user", "assistant"):
        uuid = f"{path}:{line}"  # a log that another program wrote or mended
    if not uuid:
        return None
    parent = record.get("parentUuid")
    side = agent
    if not side and record.get("isSidechain") is True:
        side = string(record.get("agentId")) or UNNAMED
    found = Node(
        uuid,
        parent if type(parent) is str else "" if "parentUuid" in record else None,
        words.LINK,
        path,
        line,
        side,
        string(record.get("sessionId")),
        string(record.get("timestamp")),
        string(record.get("cwd")),
        string(record.get("version")),
    )
    if "forkedFrom" in record:
        stamp = _dict(record["forkedFrom"])
        found.origin, found.origin_session = string(stamp.get("messageUuid")), string(stamp.get("sessionId"))
    if reader is not None:
        try:
            reader(found, record, note)
        except ODD as error:  # what it says is lost, but it still holds the chain together
            found.kind, found.text, found.results, found.parts = words.LINK, "", (), ()
            note("bad", path, line, oddity(error))
    return found


def _blocks(record: dict[str, Any], found: Node, note: Note) -> list[Any]:
    """The blocks of a message: a text and a lone block stand for a list of one."""
    message = record.get("message")
    content = message.get("content") if type(message) is dict else message
    if type(content) is str:
        return [{"type": "text", "text": content}]
    if type(content) is dict:
        return [content]
    if type(content) is not list:
        note("unknown", found.path, found.line, f"{string(record.get('type'))} content")
    return _list(content)


def _user(found: Node, record: dict[str, Any], note: Note) -> None:
    texts: list[str] = []
    results: list[Message] = []
    pictures: list[str] = []
    for block in _blocks(record, found, note):
        block = _dict(block)
        kind = block.get("type")
        if kind == "tool_result":
            text = words.flat(block.get("content"))
            wrong = block.get("is_error") is True or text.startswith("<tool_use_error>")
            name = string(block.get("tool_use_id"))
            results.append(Message("tool", text, tool_call_id=name, failed=wrong, line=found.line))
        elif kind == "text":
            texts.append(string(block.get("text")))
        elif kind in ("image", "document"):
            pictures.append(f"[{kind}]")
        else:
            note("unknown", found.path, found.line, f"user block {string(kind) or '?'}")
    found.results = results
    found.denial = string(record.get("toolDenialKind"))
    found.aborted = record.get("interruptedByShutdown") is True
    if not texts and (results or not pictures):
        return
    found.kind, found.text = words.said(texts, pictures)
    reason = _unsaid(record)
    if reason == "compact summary":
        found.kind = words.BOUNDARY
        found.parent = found.parent or None
    elif reason == "automated" and found.kind == words.PROMPT:
        found.kind = words.AUTOMATED
    elif reason and found.kind in (words.PROMPT, words.COMMAND):
        found.kind = words.LINK
    if found.kind == words.PROMPT:
        plan = found.text.startswith(words.PLAN) or "planContent" in record
        found.synthetic = plan or _source(record) == "sdk"
    elif found.kind not in (words.COMMAND, words.AUTOMATED):
        found.text = ""
        reason = "interruption" if found.kind == words.INTERRUPT else reason or "injected"
        note("skipped", found.path, found.line, reason)


def _source(record: dict[str, Any]) -> str:
    """Where a prompt came from, "" where its origin says that it was a person."""
    return "" if _dict(record.get("origin")).get("kind") == "human" else string(record.get("promptSource"))


def _unsaid(record: dict[str, Any]) -> str:
    """Why no person can have typed the text of a user record; "" where one can."""
    origin = string(_dict(record.get("origin")).get("kind"))
    if origin in words.AUTOMATED_ORIGINS:
        return "automated"
    if record.get("isCompactSummary") is True:
        return "compact summary"
    for mark in ("isMeta", "isVisibleInTranscriptOnly", "isVirtual", "turnCompanion"):
        if record.get(mark) is True:
            return "meta"
    if origin not in ("", "human") or _source(record) == "system" or record.get("sourceToolUseID"):
        return "injected"
    return ""


def _assistant(found: Node, record: dict[str, Any], note: Note) -> None:
    message = _dict(record.get("message"))
    blocks = _blocks(record, found, note)
    found.message = string(message.get("id"))
    found.model = string(message.get("model"))
    if found.model == "<synthetic>" or record.get("isApiErrorMessage") is True:
        text = "".join(string(_dict(block).get("text")) for block in blocks)
        failed = record.get("isApiErrorMessage") is True or text.startswith("API Error")
        found.kind, found.text = words.FAULT, "error" if failed else ""
        note("skipped", found.path, found.line, "api error" if failed else "synthetic")
        return
    found.kind = words.ASSISTANT
    found.ended = message.get("stop_reason") in ("end_turn", "stop_sequence", "max_tokens", "refusal")
    found.aborted = record.get("isAbortedMidStream") is True
    usage = _dict(message.get("usage"))
    if usage:
        found.tokens_out = _count(usage.get("output_tokens"))
        names = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
        found.tokens_in = sum(_count(usage.get(name)) for name in names)
    found.parts = [_part(_dict(block), found, note) for block in blocks]


def _count(value: Any) -> int:
    return value if type(value) is int and value > 0 else 0


def _part(block: dict[str, Any], found: Node, note: Note) -> tuple[str, Any]:
    kind = string(block.get("type"))
    if kind in ("text", "thinking", "connector_text"):
        return "thinking" if kind == "thinking" else "text", string(block.get(kind))
    if kind in ("tool_use", "server_tool_use", "mcp_tool_use"):
        given = block.get("input")
        text = given if type(given) is str else jsonl.encode(_dict(given)).decode()
        return "call", ToolCall(string(block.get("id")), string(block.get("name")), text)
    if kind.endswith("_tool_result"):  # of a tool that ran on the server, inside the message
        content = block.get("content")
        wrong = block.get("is_error") is True or string(_dict(content).get("type")).endswith("_error")
        text = string(_dict(content).get("error_code")) if wrong else words.flat(content)
        name = string(block.get("tool_use_id"))
        return "result", Message("tool", text, tool_call_id=name, failed=wrong, line=found.line)
    known = kind in ("redacted_thinking", "fallback")
    note("skipped" if known else "unknown", found.path, found.line, f"assistant block {kind or '?'}")
    return "gap", None


def _system(found: Node, record: dict[str, Any], note: Note) -> None:
    subtype = string(record.get("subtype"))
    if subtype == "compact_boundary":
        found.kind = words.BOUNDARY
        found.parent = string(record.get("logicalParentUuid")) or found.parent or None
    elif subtype in ("turn_duration", "stop_hook_summary"):
        found.kind = words.END
    found.retracts = [uuid for uuid in _list(record.get("retractedMessageUuids")) if type(uuid) is str]
    note("skipped", found.path, found.line, f"system {subtype or '?'}")


def _attachment(found: Node, record: dict[str, Any], note: Note) -> None:
    attached = _dict(record.get("attachment"))
    kind = string(attached.get("type"))
    if kind == "queued_command" and attached.get("commandMode", "prompt") == "prompt":
        _user(found, {**attached, "message": {"content": attached.get("prompt")}}, note)
        found.kind = words.QUEUED if found.kind == words.PROMPT else words.LINK
        return
    if kind == "prompt_snapshot":
        found.text = words.flat(attached.get("systemPrompt"))
        found.kind = words.SYSTEM if found.text else words.LINK
    note("skipped", found.path, found.line, f"attachment {kind or '?'}")


def _progress(found: Node, record: dict[str, Any], note: Note) -> None:
    note("skipped", found.path, found.line, "progress")


_READERS = {
    "user": _user,
    "assistant": _assistant,
    "system": _system,
    "attachment": _attachment,
    "progress": _progress,
}


# --- several records ----------------------------------------------------------------------------------


def merge(lines: Sequence[Node], results: list[Message]) -> list[Message]:
    """One message of the model from its lines; several where a tool ran on the server in between."""
    message = Message("assistant", line=lines[0].line)
    merged = [message]
    seen: set[tuple[str, str]] = set()
    for line in lines:
        for kind, value in line.parts:
            if kind == "result":
                results.append(value)
                message = Message("assistant", line=line.line)
                merged.append(message)
            if kind in ("result", "gap"):
                continue
            key = (kind, value.id if kind == "call" else value)
            if key in seen and key[1]:  # the client wrote a block twice
                continue
            seen.add(key)
            if kind == "call":
                message.tool_calls.append(value)
            elif kind == "text":
                message.content = _joined(message.content, value)
            else:
                message.reasoning = _joined(message.reasoning, value)
    return [one for one in merged if one.content or one.reasoning or one.tool_calls]


def _joined(text: str, more: str) -> str:
    if not more or more.isspace():
        return text
    joint = "" if not text or text.endswith("\n") else "\n\n"
    return text + joint + more


def begin(head: Node, ordinal: int, skip: str) -> Turn:
    """The turn of a prompt, with nothing but the prompt yet."""
    turn = Turn([Message("user", head.text, line=head.line)], head.origin or head.uuid, ordinal)
    turn.path, turn.line, turn.timestamp, turn.skip = head.path, head.line, head.timestamp, skip
    turn.origin, turn.cwd = head.origin_session, head.cwd
    if head.uuid == f"{head.path}:{head.line}":  # no id in the log
        turn.native_id = ""
    if head.synthetic:
        turn.flags.add("synthetic_prompt")
    return turn


def count_tokens(turn: Turn, lines: Sequence[Node]) -> None:
    """Add the tokens of one message: its lines repeat the same count, or a growing one."""
    turn.model = lines[-1].model or turn.model
    told_in = [line.tokens_in for line in lines if line.tokens_in is not None]
    told_out = [line.tokens_out for line in lines if line.tokens_out is not None]
    if told_in:
        turn.tokens_in = (turn.tokens_in or 0) + max(told_in)
    if told_out:
        turn.tokens_out = (turn.tokens_out or 0) + max(told_out)


class Queue:
    """Prompts typed while the agent worked, which some versions log in the operations of a queue alone.

    `remove` without a reason, or with `absorbed_mid_turn`, means that the running turn took one in;
    `dequeue` and `popAll` are followed by an ordinary prompt.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._pending: list[tuple[str, int, str]] = []
        self._waiting: list[Node] = []
        self._made: list[Node] = []

    def take(self, record: dict[str, Any], line: int) -> None:
        """Follow one queue-operation record."""
        operation = record.get("operation")
        content = string(record.get("content"))
        if operation == "enqueue":
            self._pending.append((content, line, string(record.get("timestamp"))))
        elif operation == "popAll":
            self._pending.clear()
        elif operation in ("dequeue", "remove") and self._pending:
            at = next((index for index, one in enumerate(self._pending) if one[0] == content), 0)
            text, line, timestamp = self._pending.pop(at)
            kind, text = words.told(content or text)
            if operation == "remove" and kind == words.PROMPT and not self._refused(record):
                node = Node(f"{self._path}:{line}", None, words.QUEUED, self._path, line)
                node.text, node.timestamp = text, timestamp
                self._waiting.append(node)

    def _refused(self, record: dict[str, Any]) -> bool:
        return string(record.get("reason")) not in ("", "absorbed_mid_turn")

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

    def settle(self, nodes: Sequence[Node]) -> None:
        """Take back what the file holds as a prompt too: in an attachment, or in a later record."""
        for one in self._made:
            for node in nodes:
                again = node.kind == words.QUEUED or (node.kind == words.PROMPT and node.order > one.order)
                if again and node is not one and node.text == one.text and node not in self._made:
                    one.kind = words.LINK
