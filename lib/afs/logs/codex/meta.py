"""What the header of a Codex thread says of it: its name, its folder, the threads that it comes from."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from afs.logs.codex import text
from afs.logs.codex.items import string as string

if TYPE_CHECKING:
    from afs.logs.codex.head import Head
    from afs.logs.conversation import Conversation

_AGENT_TYPES = ("subagent", "internal")
_WHERE = re.compile(r"<cwd>(.*?)</cwd>|^Current working directory: *(.+)$", re.M)


def read_meta(meta: dict[str, Any], talk: Conversation, head: Head, stamp: str) -> None:
    """Take a header. The first one is the thread's own, what follows are those of its ancestors."""
    name = string(meta.get("id"))
    if head.born:
        if name and name != talk.id and name not in head.ancestors:
            head.ancestors.append(name)
        return
    talk.id = name or talk.id
    head.born = text.uuid_time(talk.id) or text.clock(string(meta.get("timestamp")) or stamp) or 1
    talk.cwd = string(meta.get("cwd"))
    talk.agent_version = string(meta.get("cli_version"))
    given = meta.get("base_instructions")
    given = given.get("text") if type(given) is dict else given
    talk.system = string(given) or string(meta.get("instructions"))
    source = meta.get("source")
    talk.subagent = type(source) is dict and any(key in source for key in _AGENT_TYPES)
    talk.parent = _parent(meta)
    if meta.get("thread_source") == "subagent" or string(meta.get("parent_thread_id")):
        talk.subagent = True
    base, forked = based_on(meta)[0], string(meta.get("forked_from_id"))
    if forked:
        head.ancestors.append(forked)
    if base and base != talk.id and base not in head.ancestors:
        head.ancestors.append(base)
    start = meta.get("subagent_history_start_ordinal")
    head.start = start if type(start) is int else None
    head.open = head.start is not None or bool(forked and not base)


def based_on(meta: dict[str, Any]) -> tuple[str, int]:
    """(thread, ordinal) whose records before that ordinal come before this file's own; ("", 0) for none."""
    base = meta.get("history_base")
    if type(base) is not dict:
        return "", 0
    end = base.get("end_ordinal_exclusive")
    return string(base.get("thread_id")), end if type(end) is int else 0


def relatives(meta: dict[str, Any]) -> list[str]:
    """The threads from which this one comes, as far as its header names them."""
    return [name for name in (string(meta.get("forked_from_id")), based_on(meta)[0], _parent(meta)) if name]


def _parent(meta: dict[str, Any]) -> str:
    source = meta.get("source")
    spawn = source.get("subagent") if type(source) is dict else None
    spawn = spawn.get("thread_spawn") if type(spawn) is dict else None
    named = string(spawn.get("parent_thread_id")) if type(spawn) is dict else ""
    return named or string(meta.get("parent_thread_id"))


def header(record: dict[str, Any]) -> dict[str, Any] | None:
    """The header that a record is, in whichever generation; None for any other record."""
    payload = record.get("payload")
    if type(payload) is dict:
        return payload if record.get("type") == "session_meta" else None
    session = record.get("session")
    if type(session) is dict:
        return session
    return record if "id" in record and "type" not in record else None


def folder(record: dict[str, Any]) -> str:
    """The working folder that a record names; "" for none."""
    payload = record.get("payload")
    payload = payload if type(payload) is dict else record
    if record.get("type") in ("session_meta", "turn_context"):
        return string(payload.get("cwd"))
    if payload.get("type") != "message" or payload.get("role") != "user":
        return ""
    found = _WHERE.search(text.parts(payload.get("content")))
    return (found[1] or found[2]).strip() if found else ""
