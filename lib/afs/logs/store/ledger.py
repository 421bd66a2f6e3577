"""The event files of the history store: where they lie, how they are added to, turns of Codex in them.

    events_YYYYMMDD.jsonl         events of one UTC day: {id, timestamp, type, source, op, metadata, payload}
    common/events_YYYYMMDD.jsonl  the same in a store of the second layout
    payloads/STAMP_ID.json        a payload that is too long for its line, named there by payload_ref
    commands_YYYYMMDD.jsonl       what the oldest version wrote: {timestamp, command, exit_code, cwd}

payloads.py reads the payload of an event. Store is for the import of Codex threads: importing.py makes a
turn into events, conversation_of() and turn_of() make a turn of an event that gives the same sample.
"""

from __future__ import annotations

import errno
import os
import re
from typing import TYPE_CHECKING, Any

from afs import jsonl
from afs.logs import chat
from afs.logs.conversation import Conversation, Message, Turn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import BinaryIO

_EVENTS = re.compile(r"(?:events|commands)_.*\.jsonl(?:\.gz|\.zst)?\Z", re.S)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_UNSAFE = re.compile(r"[^A-Za-z0-9._+-]")
_COMMON = "common"
_PAYLOADS = "payloads"
# Characters of JSON that stand in the event's own line, as the store itself has it.
INLINE = 4000
_PREVIEW = 200
_HELD = 2 << 20


# --- where things lie -------------------------------------------------------------------------------


def is_events(path: str) -> bool:
    """Whether a file holds events, by its name."""
    return _EVENTS.match(os.path.basename(path)) is not None


def is_common(path: str) -> bool:
    """Whether an event file is of the second layout, whose copy of an event counts."""
    return os.path.basename(os.path.dirname(path)) == _COMMON


def place(root: str) -> str:
    """The history folder that a name means: itself, or the `history` of a context folder."""
    inner = os.path.join(root, "history")
    return inner if os.path.basename(os.path.abspath(root)) != "history" and os.path.isdir(inner) else root


def files(root: str, failed: Callable[[OSError], None] | None = None) -> list[str]:
    """Event files of a history folder and the payloads beside them, sorted.

    Hidden files are none of the store's, and links are not followed: what they name inside is found
    under its own name. A folder that cannot be read is given to `failed`.
    """
    found = []
    for folder, folders, names in os.walk(root, onerror=failed):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            path = os.path.join(folder, name)
            wanted = _EVENTS.match(name) or name.endswith(".json")
            if wanted and not name.startswith(".") and not os.path.islink(path) and os.path.isfile(path):
                found.append(path)
    return sorted(found, key=order)


def order(path: str) -> tuple[str, bool, bool, str]:
    """What sorts event files by time: by day; of one day the first layout first, and the packed before."""
    name = os.path.basename(path)
    stem = name.removesuffix(".gz").removesuffix(".zst")
    return stem, is_common(path), name == stem, path


# --- writing ----------------------------------------------------------------------------------------


class Store:
    """A history folder that is added to, under a lock until it is closed.

    Nothing that stands in it is changed. A turn of Codex that says something else than its event is added
    once more under the same id, and readers take the later one. A run that is killed leaves at most one torn
    line, which the next run completes. Events without a time go to events_undated.jsonl. New files are for
    their owner alone. `waiting` is called where another run has the lock; with `dry` nothing is written.
    """

    def __init__(self, root: str, waiting: Callable[[], None] = lambda: None, dry: bool = False) -> None:
        import fcntl

        common = os.path.join(root, _COMMON)
        self._folder = common if os.path.isdir(common) and not os.path.islink(common) else root
        self._days: dict[str, list[bytes]] = {}
        self._held = 0
        self._apart = False
        self._lock = -1
        if not dry:
            os.makedirs(self._folder, mode=0o700, exist_ok=True)
            if not os.access(self._folder, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), self._folder)
            self._lock = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waiting()
                fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._known = known(root)

    def holds(self, name: str) -> bool:
        """Whether an event of this id is in the store."""
        return name in self._known

    def add(self, event: dict[str, Any]) -> str:
        """new, grown or same: same adds nothing; grown is added in the place of an older one.

        What a fork repeats goes in the place of nothing: the thread that it is from tells it better.
        """
        import hashlib

        event, text = dict(event), b""
        if event.get("payload") is not None:
            text = jsonl.encode(event["payload"])
            event["payload_sha256"] = hashlib.sha256(text).hexdigest()
        name, mark = event["id"], _mark(event)
        before = self._known.get(name)
        if before is not None and (before in ("", mark) or is_repeated(event)):
            return "same"
        self._known[name] = mark
        if self._lock >= 0:
            if len(told := text.decode()) > INLINE:
                event["payload_ref"] = _write_payload(self._folder, event, text)
                event["payload_preview"] = told[:_PREVIEW]
                del event["payload"]
                self._apart = True
            line = jsonl.encode(event)
            self._days.setdefault(_day(event["timestamp"]), []).append(line)
            self._held += len(line)
            if self._held > _HELD:
                self.flush()
        return "new" if before is None else "grown"

    def flush(self) -> None:
        """Put the lines at the end of the files of their days, behind the payloads that they name."""
        if self._apart:
            os.sync()
        for day, lines in sorted(self._days.items()):
            _extend(os.path.join(self._folder, f"events_{day}.jsonl"), lines)
        self._days, self._held, self._apart = {}, 0, False

    def close(self) -> None:
        """Let go of the lock. What was not flushed is not added."""
        if self._lock >= 0:
            os.close(self._lock)
        self._lock = -1


def append(root: str, events: Iterable[dict[str, Any]]) -> int:
    """Add the events that a store does not hold; how many they were."""
    store = Store(root)
    try:
        added = sum(store.add(event) != "same" for event in events)
        store.flush()
    finally:
        store.close()
    return added


def known(root: str) -> dict[str, str]:
    """{id: mark of the newest} of all events of a store."""
    from afs.logs.read import records

    found: dict[str, str] = {}
    for path in files(root):
        if is_events(path):
            for _, event in records(path, lambda *_: None):
                name, reference = event.get("id"), event.get("payload_ref")
                if type(name) is str and not (name in found and is_repeated(event)):
                    found[name] = _mark(event)
                    if type(reference) is str and found[name]:  # of one without its payload there is nothing
                        there = os.path.isfile(os.path.join(os.path.dirname(path), reference))
                        found[name] = found[name] if there else "lost"
    return found


def _mark(event: dict[str, Any]) -> str:
    """What tells an event of Codex from another one under its id; "" for those of others, which stand."""
    if event.get("source") != "codex":
        return ""
    told = {key: value for key, value in event.items() if key == "payload_sha256" or "payload" not in key}
    return jsonl.digest(jsonl.encode(told))


def _write_payload(folder: str, event: dict[str, Any], text: bytes) -> str:
    """Put a payload into a file of its own, which appears whole; how the event names it."""
    stamp = event["timestamp"].replace(":", "").replace("-", "")
    name = _UNSAFE.sub("_", f"{stamp}_{event['id']}")[-180:].lstrip(".")
    inner = os.path.join(folder, _PAYLOADS)
    _refuse_link(inner)
    os.makedirs(inner, mode=0o700, exist_ok=True)
    if os.path.lexists(path := os.path.join(inner, f"{name}.json")):  # an older event's, or a killed run's
        with open(path, "rb") as file:
            if not os.path.islink(path) and file.read(len(text) + 1) == text:
                return f"{_PAYLOADS}/{name}.json"
        name += f"_{event['payload_sha256'][:12]}"
    path = os.path.join(inner, f"{name}.json")
    part = f"{path}.part"  # one name will do: the folder is locked, and what was left is written over
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "wb") as file:
        file.write(text)
    os.rename(part, path)
    return f"{_PAYLOADS}/{name}.json"


def _day(stamp: str) -> str:
    """The UTC day of a time, as file names have it."""
    from datetime import UTC, datetime

    if not _DAY.match(stamp):
        return "undated"
    try:
        when = datetime.fromisoformat(stamp)
        return (when.astimezone(UTC) if when.tzinfo else when).strftime("%Y%m%d")
    except (ValueError, OverflowError):
        return "undated"


def _extend(path: str, lines: list[bytes]) -> None:
    """Put lines at the end of a file. One that a killed run left torn is completed, if it is one of them.

    Any other last line without its newline is another program's: the first line begins behind it.
    """
    _refuse_link(path)
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(path, flags, 0o600), "r+b", buffering=0) as file:
        torn = _last(file)
        whole = next((line for line in lines if torn and line.startswith(torn)), None)
        if whole is not None:
            lines = [whole[len(torn) :], *(line for line in lines if line is not whole)]
        elif torn:
            lines = [b"", *lines]
        left = memoryview(b"\n".join([*lines, b""]))
        while left:
            left = left[file.write(left) :]
        os.fsync(file.fileno())


def _last(file: BinaryIO) -> bytes:
    """What stands behind the last newline of a file."""
    at = file.seek(0, os.SEEK_END)
    tail = b""
    while at and b"\n" not in tail:
        size = min(at, 1 << 16)
        at = file.seek(at - size)
        tail = file.read(size) + tail
    return tail.rpartition(b"\n")[2]


def _refuse_link(path: str) -> None:
    if os.path.islink(path):
        raise OSError(errno.ELOOP, "is a link, which no reader of the store follows", path)


# --- turns of Codex ---------------------------------------------------------------------------------


def is_codex(event: dict[str, Any]) -> bool:
    """Whether an event is a turn of a Codex thread."""
    return event.get("source") == "codex" and event.get("op") == "completion"


def thread_of(event: dict[str, Any]) -> str:
    """The id of the Codex thread that an event is a turn of; its own where it does not say."""
    return _str(_told(event).get("codex_session_id")) or _str(event.get("id"))


def is_repeated(event: dict[str, Any]) -> bool:
    """Whether an event is what a fork repeats of the thread that it is from, whose own event counts."""
    return bool(_told(event).get("codex_origin"))


def conversation_of(event: dict[str, Any], held: dict[str, Any]) -> Conversation:
    """The conversation that a turn of Codex is of, without any turn."""
    told = _told(event)
    return Conversation(
        "codex",
        thread_of(event),
        [],
        cwd=_str(told.get("cwd")),
        agent_version=_str(told.get("codex_cli_version")),
        system=_str(held.get("system")),
        subagent=told.get("codex_subagent") is True,
        parent=_str(told.get("codex_parent")),
        group=_str(told.get("codex_group")),
    )


def turn_of(event: dict[str, Any], held: dict[str, Any]) -> Turn | None:
    """The turn of an event and its payload; None for an event of an importer that kept no messages."""
    from afs.logs.conversation import FLAGS

    rows, told = held.get("messages"), _told(event)
    made = [chat.message(row) for row in rows] if type(rows) is list else []
    messages = [message for message in made if message is not None]
    answer = told.get("codex_answer")
    if type(answer) is not int or not 0 < answer < len(messages) or len(messages) != len(made):
        return None
    for at, message in enumerate(messages):
        if message.role == "assistant":  # which text is the answer is not to be found out anew
            message.phase = "final" if at == answer else "commentary"
    flags = told.get("flags")
    return Turn(
        messages,
        _str(told.get("codex_turn_id")),
        ordinal_of(event),
        timestamp=_str(event.get("timestamp")),
        model=_str(told.get("model")),
        tokens_in=_int(told.get("prompt_tokens")),
        tokens_out=_int(told.get("completion_tokens")),
        flags={flag for flag in flags if flag in FLAGS} if type(flags) is list else set(),
        origin=_str(told.get("codex_origin")),
        cwd=_str(told.get("cwd")),
        context=_str(held.get("context")),
        redacted=_counts(told.get("redactions")),
    )


def ordinal_of(event: dict[str, Any]) -> int:
    """Which human turn of its thread an event tells of; -1 where it does not say."""
    number = _int(_told(event).get("codex_ordinal"))
    return number if number is not None and number >= 0 else -1


def _told(event: dict[str, Any]) -> dict[str, Any]:
    told = event.get("metadata")
    return told if type(told) is dict else {}


def missing(ordinal: int, path: str, line: int) -> Turn:
    """What stands for a human turn that gave no event. It parts its neighbours, as it did in the thread."""
    return Turn([Message("user")], "", ordinal, path, line, skip="not-imported")


def _str(value: Any) -> str:
    return value if type(value) is str else ""


def _counts(value: Any) -> dict[str, int]:
    kinds = value if type(value) is dict else {}
    return {kind: number for kind, number in kinds.items() if type(number) is int and number > 0}


def _int(value: Any) -> int | None:
    return value if type(value) is int else None
