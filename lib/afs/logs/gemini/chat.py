"""Saved and shared chats of Gemini CLI: lists of {role, parts}, without ids, times and models."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

from afs import jsonl
from afs.logs.gemini.record import BEGINNING
from afs.logs.gemini.text import string
from afs.logs.samples import final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from afs.logs.conversation import Conversation, Turn

SHARED = (b"## USER ", b"## MODEL ")
_SECTION = re.compile(r"(?:\A|\n\n---\n\n)## (USER|MODEL) [^\w\s]+\n\n")
_TOOL = re.compile(r"\*\*Tool (Command|Response)\*\*:\n```json\n(\{\n.*?\n\})\n```", re.S)


def contents(value: Any) -> list[Any] | None:
    """The list of a saved chat, a state for /restore or a shared chat; None for anything else.

    Calls and responses without an id get one: a response belongs to the first open call of its name.
    """
    if type(value) is dict:
        value = value.get("clientHistory") or value.get("history")
    if type(value) is not list or not any(type(one) is dict and "role" in one for one in value):
        return None
    open_calls: dict[str, list[str]] = {}
    number = 0
    for content in value:
        parts = content.get("parts") if type(content) is dict else None
        for part in parts if type(parts) is list else ():
            call, answer = (
                (part.get("functionCall"), part.get("functionResponse"))
                if type(part) is dict
                else (None, None)
            )
            if type(call) is dict and not string(call.get("id")):
                number += 1
                call["id"] = f"call-{number}"
                open_calls.setdefault(string(call.get("name")), []).append(call["id"])
            elif type(answer) is dict and not string(answer.get("id")):
                waiting = open_calls.get(string(answer.get("name")))
                answer["id"] = waiting.pop(0) if waiting else ""
    return value


def shared(data: bytes) -> list[dict[str, Any]]:
    """The contents of a chat that was shared as Markdown. Raises jsonl.Bad where it is no UTF-8."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise jsonl.Bad("utf8", "is no UTF-8") from None
    pieces = _SECTION.split(text)
    return [
        {"role": role.lower(), "parts": _parts(words)}
        for role, words in zip(pieces[1::2], pieces[2::2], strict=True)
    ]


def _parts(words: str) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    at = 0
    for found in _TOOL.finditer(words):
        try:
            value = jsonl.decode(found[2].encode())
        except jsonl.Bad:
            continue
        if found.start() > at:
            parts.append({"text": words[at : found.start()]})
        parts.append({"functionCall" if found[1] == "Command" else "functionResponse": value})
        at = found.end()
    if at < len(words):
        parts.append({"text": words[at:]})
    return parts


def name(talk: Conversation) -> None:
    """Give a chat without ids names by what was said: the same for a chat and a longer one of it."""
    chain = hashlib.sha256()
    for turn in talk.turns:
        chain.update(_bytes(turn.messages[0].content))
        turn.native_id = chain.hexdigest()[:32]
        for message in turn.messages[1:]:
            if message.role == "assistant":
                chain.update(_bytes(message.content))
        if turn.ordinal == 0:
            talk.id = f"chat-{chain.hexdigest()[:32]}"


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass") + b"\0"


class Covered:
    """Turns that were seen, by what was asked and what was answered."""

    def __init__(self) -> None:
        self._seen: set[tuple[Any, ...]] = set()

    def add(self, turns: list[Turn], asked: list[tuple[int, str]]) -> None:
        """Remember the turns of a conversation; `asked` marks the question of each."""
        for keys in self._keys(turns, asked):
            self._seen.update(keys)

    def leave_out(self, turns: list[Turn], asked: list[tuple[int, str]]) -> bool:
        """Skip the turns that were seen as duplicates; whether a turn is left."""
        left = False
        for turn, keys in zip(turns, self._keys(turns, asked), strict=True):
            if keys[-1] in self._seen:
                turn.skip = turn.skip or "duplicate"
            else:
                left = True
        return left

    def _keys(self, turns: list[Turn], asked: list[tuple[int, str]]) -> Iterator[list[tuple[Any, ...]]]:
        """For each turn its question's key and, where it has an answer, that with the answer."""
        for turn, question in zip(turns, asked, strict=True):
            keys: list[tuple[Any, ...]] = [question]
            if (at := final(turn)) > 0:
                answer = turn.messages[at].content.strip()[:BEGINNING].rstrip()
                keys.append((question, answer))
            yield keys
