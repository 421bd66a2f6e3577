"""The files of Gemini CLI, told apart by what they hold: records on lines, or one value over many.

Neither the suffix nor the folder tells: clients have written either form under either name.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from afs import jsonl
from afs.logs.gemini import chat
from afs.logs.gemini.replay import Session
from afs.logs.read import ODD, is_large, located, oddity

if TYPE_CHECKING:
    from collections.abc import Iterator

# One value in one piece is decoded up to this size; the client's own print may be larger.
MOST_WHOLE = 256 << 20
_HEAD = 1 << 16
_PACKED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd")
_SAID_ID = re.compile(rb'"sessionId"\s*:\s*"([^"\\]*)"')


def head(path: str) -> bytes:
    """The first bytes of a file, unpacked."""
    with open(path, "rb") as file:
        first = file.read(_HEAD)
    if first.startswith(_PACKED):
        try:
            first = next((line for _, line in jsonl.lines(path) if line.strip()), b"")[:_HEAD]
        except jsonl.Corrupt:
            return b""
    return first.removeprefix(b"\xef\xbb\xbf").lstrip(b"\0\r\n\t ")


def session_id(path: str) -> str:
    """The id by which a session names itself before its messages begin; "" for another file."""
    found = _SAID_ID.search(head(path).partition(b'"messages"')[0])
    return found[1].decode("utf-8", "replace") if found else ""


def load(path: str) -> Session:
    """What a file holds; a session without messages where that is no conversation."""
    session = Session(path)
    session.large = is_large(path)
    first = head(path)
    line, ended, _ = first.partition(b"\n")
    if first.startswith(chat.SHARED):
        return _whole(session, first)
    if first.startswith(b"[") or line.strip() == b"{" or (ended and not _is_record(line)):
        if first.startswith(b"{") and _printed(session):
            return session
        if not session.timeline and (first.startswith(b"[") or _decodes(path)):
            return _whole(session, first)
    for number, offset, length, record in located(path, session.note):
        session.at(number, offset, length)
        try:
            session.take(record)
        except ODD as error:
            session.note("bad", path, number, oddity(error))
    if not session.timeline and not session.id and _decodes(path):  # one value on one line
        return _whole(Session(path), first)
    return session


def _is_record(line: bytes) -> bool:
    try:
        return type(jsonl.decode(line)) is dict
    except jsonl.Bad:
        return False


def _lines(path: str) -> Iterator[tuple[int, int, bytes]]:
    """(number, offset, line) of each line, up to the size that the file had when it was opened."""
    fd = os.open(path, os.O_RDONLY)
    try:
        reader = jsonl.Reader(fd, to_size=os.fstat(fd).st_size)
        for block in reader.blocks():
            offset = reader.offset
            for number, line in enumerate(block, reader.line):
                yield number, offset, line
                offset += len(line) + 1
    finally:
        os.close(fd)


def _printed(session: Session) -> bool:
    """Read a session as the client prints it, two spaces a level; False where it is printed otherwise.

    Message by message, so that a file of any size is read, and one that ends too early up to its end.
    """
    facts: list[bytes] = []
    piece: list[bytes] = []
    inside = found = False
    start = number = first = 0
    try:
        for number, offset, line in _lines(session.path):
            if not inside:
                inside = line.rstrip() == b'  "messages": ['
                found = found or inside
                if not inside:
                    facts.append(line)
            elif piece or line == b"    {":
                start = start if piece else offset
                if not piece:
                    first = number
                piece.append(line)
                if line in (b"    }", b"    },"):
                    data = b"\n".join(piece).removesuffix(b",")
                    session.at(first, start, len(data))
                    _take(session, data, first)
                    piece = []
            elif line in (b"  ]", b"  ],"):
                inside = False
            elif line.strip():
                session.note("bad", session.path, number, "shape")
    except jsonl.Corrupt as error:
        session.note("bad", session.path, number, str(error))
    if not found:
        return False
    if inside:
        session.note("torn", session.path, number, "json")
    try:
        told = jsonl.decode(b"\n".join(facts).rstrip(b", \n") + (b"}" if inside else b""))
    except jsonl.Bad:
        told = _without_comma(facts)
    session.whole(told if type(told) is dict else {})
    return True


def _without_comma(facts: list[bytes]) -> Any:
    """The facts of a session without its messages, which may have been the last in the object."""
    kept = b"\n".join(facts).rstrip().removesuffix(b"}").rstrip(b", \n")
    try:
        return jsonl.decode(kept + b"}")
    except jsonl.Bad:
        return None


def _take(session: Session, data: bytes, line: int) -> None:
    try:
        session.message(jsonl.decode(data))
    except jsonl.Bad as error:
        session.note("bad", session.path, line, error.reason)


def _decodes(path: str) -> bool:
    """Whether a file of no great size holds one JSON object in whatever form."""
    if os.path.getsize(path) > MOST_WHOLE:
        return False
    try:
        return type(jsonl.decode(_read(path))) is dict
    except (jsonl.Bad, jsonl.Corrupt):
        return False


def _read(path: str) -> bytes:
    return b"\n".join(line for _, _, line in _lines(path))


def _whole(session: Session, first: bytes) -> Session:
    """Read a file that is one value: a session, a saved chat, a chat that was shared."""
    path, note = session.path, session.note
    if (size := os.path.getsize(path)) > MOST_WHOLE:
        note("bad", path, 0, f"one value of {size >> 20} MB")
        return session
    session.large = False
    session.at(1)
    try:
        data = _read(path)
        value = chat.shared(data) if first.startswith(chat.SHARED) else jsonl.decode(data)
    except jsonl.Bad as error:
        note("bad", path, 1, error.reason)
        return session
    except jsonl.Corrupt as error:
        note("bad", path, 1, str(error))
        return session
    if type(value) is dict and type(value.get("messages")) is list:
        session.whole(value)
        return session
    contents = chat.contents(value)
    if contents is None:
        note("skipped" if value == [] else "unknown", path, 0, "no chat")
        return session
    session.saved = True
    for content in contents:
        session.content(content)
    return session
