"""What one record of a Claude Code log says, and its place in the graph.

`node_of` turns a record into a Node and drops everything else of it at once (file bodies, screen data),
so that a long log stays small in memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from sys import intern
from typing import TYPE_CHECKING, Any, NamedTuple

from afs import jsonl
from afs.logs.claude import text as words
from afs.logs.claude.text import string
from afs.logs.conversation import Message, ToolCall
from afs.logs.read import ODD, oddity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from afs.logs.conversation import Note


class Spot(NamedTuple):
    """Where a record lies: `offset` and `length` are bytes of the unpacked log."""

    path: str
    line: int
    offset: int
    length: int

    def name(self) -> str:
        """The id of a record that the log gives none."""
        return f"{self.path}:{self.line}:{self.offset}"


@dataclass(slots=True, eq=False)
class Node:
    """A record in the graph.

    `parent` is None where the log names none, "" at a root. `origin` and `origin_session` name the record
    in the conversation that this one was forked from. `side` is "" on the main thread and the agent's id
    on a sub-agent's. `parts` of an assistant node are (kind, value, mark) in the order of its blocks, kind
    being text, thinking, call, result or gap; blocks with the same mark are one. `brief` says that the texts
    are only beginnings. `feedback` is what the person said in refusing a call, which the
    model read in the result. `facet` is "" for a record of its own, else what of another record the node
    is made from: "queue", "step" or "report". `order` and `before` (the node before it in its file) come
    from the reader.
    """

    uuid: str
    parent: str | None
    kind: str
    path: str
    line: int
    offset: int
    length: int
    side: str = ""
    session: str = ""
    timestamp: str = ""
    cwd: str = ""
    version: str = ""
    origin: str = ""
    origin_session: str = ""
    text: str = ""
    results: Sequence[Message] = ()
    feedback: str = ""
    denial: str = ""
    synthetic: bool = False
    aborted: bool = False
    message: str = ""
    model: str = ""
    parts: Sequence[tuple[str, Any, Any]] = ()
    tokens_in: int | None = None
    tokens_out: int | None = None
    stop: str = ""
    retracts: Sequence[str] = ()
    facet: str = ""
    brief: bool = False
    order: int = 0
    before: Node | None = None

    @property
    def spot(self) -> Spot:
        """Where its record lies."""
        return Spot(self.path, self.line, self.offset, self.length)

    def key(self) -> tuple[str, str]:
        """What all lines of one message of the model share."""
        return self.side, self.message or self.uuid

    def speaks(self) -> bool:
        """Whether the node is of the conversation, and not only between its nodes."""
        return bool(self.results) or self.kind in words.SPEAKING


# Record types without a place in the graph. They are known, and left out.
SIDECAR = frozenset(
    """
    summary file-history-snapshot file-history-delta custom-title ai-title agent-name agent-color
    agent-setting last-prompt mode permission-mode pr-link frame-link worktree-state relocated bridge-session
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


def node_of(record: dict[str, Any], spot: Spot, agent: str, note: Note) -> Node | None:
    """The node of a record, or None where it has no place in the graph.

    `agent` is the id of the sub-agent that the file belongs to, or "". What is left out of the record on
    purpose is noted as skipped, what is not known as unknown.
    """
    type_ = string(record.get("type"))
    reader = _READERS.get(type_)
    uuid = string(record.get("uuid"))
    if reader is None:
        kind = "skipped" if type_ in SIDECAR else "unknown"
        note(kind, spot.path, spot.line, type_ if type_ in SIDECAR else f"type {type_ or '?'}")
    elif not uuid and type_ in ("user", "assistant"):
        uuid = spot.name()  # a log that another program wrote or mended
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
        *spot,
        side,
        intern(string(record.get("sessionId"))),
        string(record.get("timestamp")),
        intern(string(record.get("cwd"))),
        intern(string(record.get("version"))),
    )
    if "forkedFrom" in record:
        stamp = _dict(record["forkedFrom"])
        found.origin, found.origin_session = string(stamp.get("messageUuid")), string(stamp.get("sessionId"))
    if reader is not None:
        try:
            reader(found, record, note)
        except ODD as error:  # what it says is lost, but it still holds the chain together
            found.kind, found.text, found.results, found.parts = words.LINK, "", (), ()
            note("bad", spot.path, spot.line, oddity(error))
    return found


def steps_of(record: dict[str, Any], spot: Spot, note: Note) -> list[Node]:
    """The nodes of a sub-agent that a record of the main thread tells of.

    Versions up to 2.1 wrote what a sub-agent did as progress of the call, and what it said last as the
    data of the result, so that it can be read even where its own file is gone.
    """
    data, result = record.get("data"), record.get("toolUseResult")
    if type(data) is dict and data.get("type") == "agent_progress":
        told, facet = _dict(data.get("message")), "step"
        made = {"type": told.get("type"), "uuid": told.get("uuid"), "message": told.get("message")}
        made["timestamp"] = told.get("timestamp")
        agent = data.get("agentId")
    elif type(result) is dict and result.get("status") == "completed" and "agentId" in result:
        made, facet = {"type": "assistant", "uuid": f"{string(record.get('uuid'))}:report"}, "report"
        made["message"] = {"content": result.get("content"), "stop_reason": "end_turn"}
        made["timestamp"] = record.get("timestamp")
        agent = result["agentId"]
    else:
        return []
    if type(agent) is not str or not agent or made["type"] not in ("user", "assistant"):
        return []
    for name in ("sessionId", "cwd", "version"):
        made[name] = record.get(name)
    node = node_of(made, spot, agent, note)
    if node is None:
        return []
    node.facet = facet
    return [node]


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
            found.feedback = found.feedback or words.feedback(text)
        elif kind == "text":
            texts.append(string(block.get("text")))
        elif kind in ("image", "document"):
            pictures.append(f"[{kind}]")
        else:
            note("unknown", found.path, found.line, f"user block {string(kind) or '?'}")
    found.results = results
    found.denial = string(record.get("toolDenialKind"))
    found.aborted = record.get("interruptedByShutdown") is True
    if results and (typed := string(record.get("userFeedback")).strip()):
        found.feedback = found.feedback or typed
    if not texts and (results or not pictures):
        return
    found.kind, found.text = words.said(texts, pictures)
    if found.side and found.kind == words.COMMAND and "<command-" not in texts[0]:
        found.kind = words.PROMPT  # nobody types commands to a sub-agent
    reason = _unsaid(record)
    if results and found.kind == words.PROMPT:  # typed beside a refusal: the agent reads both and goes on
        found.kind, found.feedback = words.QUEUED, ""
    if reason == "compact summary":
        found.kind = words.BOUNDARY
        found.parent = found.parent or None
    elif reason == "automated" and found.kind == words.PROMPT:
        found.kind = words.AUTOMATED
    elif reason and found.kind in (words.PROMPT, words.COMMAND, words.QUEUED):
        typed_for = reason == "meta" and not record.get("sourceToolUseID")
        found.kind = words.EXPANSION if typed_for else words.LINK
    if found.kind == words.PROMPT:
        plan = found.text.startswith(words.PLAN) or "planContent" in record
        found.synthetic = plan or _source(record) == "sdk"
    elif found.kind not in (words.COMMAND, words.AUTOMATED, words.QUEUED):
        found.text = found.text if found.kind == words.EXPANSION else ""
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
    found.model = intern(string(message.get("model")))
    if found.model == "<synthetic>" or record.get("isApiErrorMessage") is True:
        text = "".join(string(_dict(block).get("text")) for block in blocks)
        failed = record.get("isApiErrorMessage") is True or text.startswith("API Error")
        found.kind, found.text = words.FAULT, "error" if failed else ""
        note("skipped", found.path, found.line, "api error" if failed else "synthetic")
        return
    found.kind = words.ASSISTANT
    found.stop = intern(string(message.get("stop_reason")))
    found.aborted = record.get("isAbortedMidStream") is True
    usage = _dict(message.get("usage"))
    if usage:
        found.tokens_out = _count(usage.get("output_tokens"))
        names = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
        found.tokens_in = sum(_count(usage.get(name)) for name in names)
    found.parts = [_part(_dict(block), found, note) for block in blocks]


def _count(value: Any) -> int:
    return value if type(value) is int and value > 0 else 0


def _part(block: dict[str, Any], found: Node, note: Note) -> tuple[str, Any, Any]:
    kind = string(block.get("type"))
    if kind in ("text", "thinking", "connector_text"):
        text = string(block.get(kind))
        return "thinking" if kind == "thinking" else "text", text, text
    if kind in ("tool_use", "server_tool_use", "mcp_tool_use"):
        given = block.get("input")
        text = given if type(given) is str else jsonl.encode(_dict(given)).decode()
        name = string(block.get("id"))
        return "call", ToolCall(name, string(block.get("name")), text), name
    if kind.endswith("_tool_result"):  # of a tool that ran on the server, inside the message
        content = block.get("content")
        wrong = block.get("is_error") is True or string(_dict(content).get("type")).endswith("_error")
        text = string(_dict(content).get("error_code")) if wrong else words.flat(content)
        name = string(block.get("tool_use_id"))
        return "result", Message("tool", text, tool_call_id=name, failed=wrong, line=found.line), name
    known = kind in ("redacted_thinking", "fallback")
    note("skipped" if known else "unknown", found.path, found.line, f"assistant block {kind or '?'}")
    return "gap", None, None


def _system(found: Node, record: dict[str, Any], note: Note) -> None:
    subtype = string(record.get("subtype"))
    if subtype == "compact_boundary":
        found.kind = words.BOUNDARY
        found.parent = string(record.get("logicalParentUuid")) or found.parent or None
    elif subtype in ("turn_duration", "stop_hook_summary"):
        found.kind = words.END
    elif subtype == "api_error":
        found.kind = words.RETRY
    found.retracts = [uuid for uuid in _list(record.get("retractedMessageUuids")) if type(uuid) is str]
    note("skipped", found.path, found.line, f"system {subtype or '?'}")


def _attachment(found: Node, record: dict[str, Any], note: Note) -> None:
    attached = _dict(record.get("attachment"))
    kind = string(attached.get("type"))
    if kind == "queued_command" and attached.get("commandMode", "prompt") == "prompt":
        _user(found, {**attached, "message": {"content": attached.get("prompt")}}, note)
        found.kind = words.QUEUED if found.kind == words.PROMPT else words.LINK
        found.text = found.text if found.kind == words.QUEUED else ""
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
