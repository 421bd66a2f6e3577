"""The files of Antigravity: what one is by its path, whose it is, and in which folder the agent worked."""

from __future__ import annotations

import os
import re
from functools import lru_cache
from typing import Any

import orjson

# What a file is, in the order in which a conversation's are listed.
KINDS = (
    *("full", "short", "overview", "chunk", "db", "sidecar", "pb", "state", "export"),
    *("wal", "lineage", "message", "task", "spill", "artifact"),
)
TRANSCRIPTS = frozenset(("full", "short", "overview", "chunk"))
# Without one of these there is no conversation.
SESSIONS = TRANSCRIPTS | {"db", "sidecar", "pb", "state", "export"}
# Folders that hold no part of any conversation; credentials and the client's own logs are among them.
PRUNED = frozenset(
    (
        *(".tempmediaStorage", ".user_uploaded", "annotations", "bin", "browser", "browser_recordings"),
        *("code_tracker", "crashes", "knowledge", "log", "scratch"),
    )
)

_PACKED = r"(?:\.gz|\.zst)?\Z"
_BRAIN = (
    ("full", re.compile(r"\.system_generated/logs/transcript_full\.jsonl" + _PACKED)),
    ("short", re.compile(r"\.system_generated/logs/transcript\.jsonl" + _PACKED)),
    ("overview", re.compile(r"\.system_generated/logs/overview\.txt" + _PACKED)),
    ("chunk", re.compile(r"\.system_generated/logs/chunks/[^/]+\.(?:jsonl|txt)" + _PACKED)),
    ("message", re.compile(r"\.system_generated/messages/(?!read\.json|cursor\.json)[^/]+\.json\Z")),
    ("task", re.compile(r"\.system_generated/tasks/task-\d+\.log\Z")),
    ("spill", re.compile(r"\.system_generated/steps/\d+/(?:output\.txt|content\.md)\Z")),
    ("lineage", re.compile(r"\.system_generated/subagents/([^/]+)\.json\Z")),
    ("artifact", re.compile(r"[^/]+\.md\Z")),
)
_PLACE = re.compile(r"(.*)/brain/([^/]+)/(.+)", re.S)
_CONVERSATION = re.compile(
    r"(.*)/(?:conversations|implicit)/([^/]+?)(?:\.(db|pb)|(\.db-wal)|(\.trajectory\.json))\Z", re.S
)
_STATE = re.compile(r"(?:state\.vscdb|agyhub_summaries_proto\.pb)(-wal)?\Z")
_PROBES = ("transcript_full.jsonl", "transcript.jsonl", "overview.txt")
_HEAD = 1 << 18  # bytes of a transcript's beginning in which the working folder is looked for


def place(path: str) -> tuple[str, str, str]:
    """(kind, conversation, top folder of that client) as a path tells; "" where it does not."""
    posix = os.path.abspath(path).replace(os.sep, "/")
    if match := _PLACE.match(posix):
        for kind, rest in _BRAIN:
            if found := rest.match(match[3]):
                return kind, (found[1] if kind == "lineage" else match[2]).lower(), match[1]
        return "", "", ""
    if match := _CONVERSATION.match(posix):
        kind = match[3] or ("wal" if match[4] else "sidecar")
        return kind, match[2].lower(), match[1]
    if match := _STATE.search(posix.rpartition("/")[2]):
        return ("wal" if match[1] else "state"), "", ""
    return "", "", ""


def parent(path: str) -> str:
    """The conversation in whose folder the file of a sub-agent lies."""
    match = _PLACE.match(os.path.abspath(path).replace(os.sep, "/"))
    return match[2].lower() if match else ""


# --- the working folder -----------------------------------------------------------------------------


def workspace(path: str) -> str:
    """The working folder of the conversation of a file, "" where nothing beside it tells.

    The client's index tells it, the database, or the first command that the agent ran. The index holds
    nothing else that is used, changes with every prompt of any conversation, and belongs to no group.
    """
    kind, name, top = place(path)
    if not name:
        if kind:
            return ""
        return _first_command([path])
    beside = [top, *(other for other in _tops(os.path.dirname(top)) if other != top)]
    for index in ("history.jsonl", "cache/last_conversations.json"):
        for folder in beside:
            if found := _index(os.path.join(folder, index)).get(name):
                return found
    for folder in beside:
        if found := _database(os.path.join(folder, "conversations", name + ".db")):
            return found
    logs = [os.path.join(folder, "brain", name, ".system_generated", "logs") for folder in beside]
    return _first_command([os.path.join(folder, probe) for folder in logs for probe in _PROBES])


def _database(path: str) -> str:
    """The working folder that a database tells."""
    if not os.path.isfile(path) or os.path.islink(path):
        return ""
    from afs.logs.antigravity import db as antigravity_db

    return antigravity_db.workspace(path)


def _index(path: str) -> dict[str, str]:
    """Working folder by conversation, of an index that the client keeps."""
    try:
        if os.path.islink(path):
            return {}
        told = os.stat(path)
    except OSError:
        return {}
    return _read_index(path, told.st_size, told.st_mtime_ns)


@lru_cache(maxsize=16)
def _read_index(path: str, size: int, changed: int) -> dict[str, str]:
    found: dict[str, str] = {}
    try:
        with open(path, "rb") as file:
            rows = file.read(64 << 20).split(b"\n") if path.endswith(".jsonl") else [file.read(16 << 20)]
    except OSError:
        return {}
    for row in rows:
        record = _object(row)
        if path.endswith(".jsonl"):
            record = {record.get("workspace"): record.get("conversationId")}
        for folder, name in record.items():
            if type(folder) is str and type(name) is str and folder:
                found[name.lower()] = _path(folder)
    return found


def _first_command(paths: list[str]) -> str:
    for path in paths:
        try:
            with open(path, "rb") as file:
                lines = file.read(_HEAD).split(b"\n") if not os.path.islink(path) else []
        except OSError:
            continue
        for line in lines:
            if b'"Cwd"' not in line:
                continue
            calls = _object(line).get("tool_calls")
            for call in calls if type(calls) is list else ():
                args = call.get("args") if type(call) is dict else None
                folder = args.get("Cwd") if type(args) is dict else None
                if type(folder) is str and folder:
                    return _path(folder.strip('"').replace("\\\\", "\\"))
    return ""


def _path(folder: str) -> str:
    if not folder.startswith("file:"):
        return folder
    from afs.logs.antigravity.db import folder as of_uri

    return of_uri(folder)


def _object(data: bytes) -> dict[Any, Any]:
    try:
        value = orjson.loads(data)
    except ValueError:
        return {}
    return value if type(value) is dict else {}


# --- other places of the same conversation --------------------------------------------------------------


def told_elsewhere(path: str, name: str) -> bool:
    """Whether a conversation that an index sums up has a log of its own, in the home of that index."""
    if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
        return False
    folder = os.path.dirname(os.path.abspath(path))
    for _ in range(8):
        for top in (folder, *_tops(folder), *_tops(os.path.join(folder, ".gemini"))):
            logs = os.path.join(top, "brain", name, ".system_generated", "logs")
            if os.path.isfile(os.path.join(top, "conversations", name + ".db")):
                return True
            if any(_size(os.path.join(logs, probe)) for probe in _PROBES):
                return True
        above = os.path.dirname(folder)
        if above == folder or os.path.isdir(os.path.join(folder, ".gemini")):
            break
        folder = above
    return False


def _tops(folder: str) -> list[str]:
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return []
    return [os.path.join(folder, name) for name in names if name.startswith("antigravity")]


def tops(root: str) -> list[str]:
    """The folders of the clients under ~/.gemini; none for any other folder."""
    return [top for top in _tops(root) if os.path.isdir(top) and not os.path.islink(top)]


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0
