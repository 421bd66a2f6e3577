"""Records of agents' logs with labelled secrets, personal data and decoys in them, from a seed."""

from __future__ import annotations

import json
import random
import re
import shlex
from typing import TYPE_CHECKING, Any, NamedTuple

import redact_contexts as contexts
import redact_wraps as wraps
from bench_curate import code, prose, words
from redact_contexts import Block
from redact_kinds import Kind, kinds
from redact_tables import listed
from redact_values import B62, mixed, uuid4

if TYPE_CHECKING:
    from collections.abc import Iterator

# How often which group comes.
_GROUPS = {"secret": 62, "pii": 14, "decoy": 24}


class Label(NamedTuple):
    """What stands where in a conversation."""

    kind: str
    group: str
    planted: str
    style: str
    wrap: str
    depth: int  # how often the text is JSON within the record's own strings
    record: int  # number of the record in its conversation


class Conversation(NamedTuple):
    """Records of one conversation, and what was planted in them."""

    records: list[dict[str, Any]]
    labels: list[Label]


class Made(NamedTuple):
    """A record, and how the block in it came out."""

    record: dict[str, Any]
    block: Block
    wrap: str
    depth: int


def conversations(seed: int, count: int) -> Iterator[Conversation]:
    """Conversations of `count` records in all, every kind about as often as any other of its group."""
    chance = random.Random(seed)
    by_group: dict[str, list[Kind]] = {group: [] for group in _GROUPS}
    for kind in kinds():
        by_group[kind.group].append(kind)
    decks: dict[str, list[Kind]] = {group: [] for group in _GROUPS}
    number = made = 0
    while made < count:
        records: list[dict[str, Any]] = []
        labels: list[Label] = []
        for _ in range(chance.randint(1, 4)):
            group = chance.choices(list(_GROUPS), list(_GROUPS.values()))[0]
            if not decks[group]:
                decks[group] = chance.sample(by_group[group], len(by_group[group]))
            kind = decks[group].pop()
            for block, judged in _blocks(chance, kind):
                one = _record(chance, block, group)
                if judged:
                    planted, style = one.block.planted, one.block.style
                    labels.append(Label(kind.name, group, planted, style, one.wrap, one.depth, len(records)))
                records.append(
                    {**one.record, "_metadata": {"group": f"bench-{number}", "turn": len(records)}}
                )
        yield Conversation(records, labels)
        number += 1
        made += len(records)


# A value that is random enough to be known again.
_AGAIN = re.compile(r"(?=.*[0-9])(?=.*[A-Za-z])[A-Za-z0-9_.+/=-]{16,200}")


def _blocks(chance: random.Random, kind: Kind) -> list[tuple[Block, bool]]:
    """The blocks to write for one value of a kind, each in a record of its own, and whether it is judged."""
    if kind.reveal:
        home, shown = kind.reveal(chance)
        pair = [(home, False), (shown, True)]
        return pair if chance.random() < 0.7 else pair[::-1]
    block = kind.make(chance)
    blocks = [(block, True)]
    if kind.group == "secret" and chance.random() < 0.07 and _AGAIN.fullmatch(block.planted):
        blocks.append((contexts.again(chance, block.planted), True))
        chance.shuffle(blocks)
    return blocks


# --- one record -----------------------------------------------------------------------------------------

_COMMANDS = frozenset(listed("commands"))
_VOCABULARY = words(random.Random(7), 2000)
# Lines that stand beside, of any file or output.
_BESIDE = """\
LOG_LEVEL=debug
port: 8080
import os
make: Nothing to be done for 'all'.
const app = express();
# settings of the service
retries = 3
$ ls -la
total 24
OK
replicas: 2
def main() -> None:
[INFO] Building 4 modules
timeout = 30
HTTP/1.1 200 OK
Content-Type: application/json
Enumerating objects: 12, done.
print('done')
}
name: web
NODE_ENV=production
""".splitlines()


def _record(chance: random.Random, block: Block, group: str) -> Made:
    """A record that holds the block."""
    draw = chance.random()
    if draw < 0.1 and "\n" not in block.text and block.text.split(" ", 1)[0] in _COMMANDS:
        argv = _argv(block)
        if argv:
            return _structured(chance, {"command": argv, "workdir": "/srv/app"}, block, "argv")
    if block.name and draw < 0.06:
        name = contexts.cased(block.name, chance.choice(("UPPER", "snake", "camel")))
        pair = {name: block.planted}
        fields = chance.choice(
            (pair, {"env": pair}, {"name": name, "value": block.planted}, {"id": 3, **pair})
        )
        return _structured(chance, fields, block._replace(style="field"), "bare")
    once = block.text.count(block.planted) == 1
    if group == "secret" and 0.1 < draw < 0.12 and once and 12 <= len(block.planted) < 400:
        block = contexts.in_base64(chance, block)
    elif draw > 0.93:
        block = wraps.coloured(chance, block)
    wrap = "bare" if chance.random() < 0.35 else chance.choice(sorted(wraps.WRAPS))
    text = wraps.WRAPS[wrap](chance, _with_lines(chance, block.text))
    if chance.random() < 0.4:
        filler = chance.choice((prose, code))(chance, _VOCABULARY, chance.randint(60, 900))
        text = f"{filler}\n\n{text}" if chance.random() < 0.5 else f"{text}\n\n{filler}"
    depth = chance.choices((0, 1, 2), (50, 32, 18))[0]
    shape = _codex_call if depth and chance.random() < 0.5 else chance.choice(_SHAPES)
    return Made(shape(chance, _nested(chance, text, depth)), block, wrap, depth)


def _argv(block: Block) -> list[str]:
    """The words of a command line; none where it is more than that."""
    try:
        argv = shlex.split(block.text)
    except ValueError:
        return []
    return argv if len(argv) > 2 and any(block.planted in word for word in argv) else []


def _structured(chance: random.Random, fields: dict[str, Any], block: Block, wrap: str) -> Made:
    """Arguments of a tool as an object, or as the JSON text that they often are."""
    if chance.random() < 0.5:
        return Made(_codex_call(chance, json.dumps(fields)), block, wrap, 1)
    return Made({"type": "tool_use", "name": "configure", "input": fields}, block, wrap, 0)


def _with_lines(chance: random.Random, text: str) -> str:
    if "\r" in text:
        return text
    before = chance.sample(_BESIDE, chance.choice((0, 0, 1, 2, 3)))
    after = chance.sample(_BESIDE, chance.choice((0, 0, 1, 2)))
    return "\n".join([*before, text, *after])


def _nested(chance: random.Random, text: str, depth: int) -> str:
    """The text as a string within JSON text, `depth` times."""
    for _ in range(depth):
        key = chance.choice(("command", "content", "output", "stdout", "text", "file_text", "body"))
        whole = chance.choice(({key: text}, {"id": 1, key: text, "ok": True}, [{"type": "text", key: text}]))
        indent = chance.choice((None, None, 2))
        text = json.dumps(whole, indent=indent, ensure_ascii=chance.random() < 0.2)
    return text


# --- the shapes of logs ---------------------------------------------------------------------------------


def _claude(chance: random.Random, text: str) -> dict[str, Any]:
    number = "toolu_01" + mixed(chance, B62, 22)
    use = {"type": "tool_use", "id": number}
    part: dict[str, Any] = chance.choice((
        {"type": "text", "text": text},
        {**use, "name": "Bash", "input": {"command": text, "description": "Run it"}},
        {**use, "name": "Write", "input": {"file_path": "/srv/app/conf", "content": text}},
        {"type": "tool_result", "tool_use_id": number, "content": [{"type": "text", "text": text}]},
        {"type": "tool_result", "tool_use_id": number, "content": text},
    ))  # fmt: skip
    return {"type": "assistant", "uuid": uuid4(chance), "message": {"role": "assistant", "content": [part]}}


def _patch(chance: random.Random, text: str) -> dict[str, Any]:
    lines = [" import os", *("+" + line for line in text.split("\n"))]
    hunk = {"oldStart": 1, "oldLines": 3, "lines": lines}
    return {"type": "user", "toolUseResult": {"filePath": "/srv/app/conf", "structuredPatch": [hunk]}}


def _codex(chance: random.Random, text: str) -> dict[str, Any]:
    payload = chance.choice((
        {"type": "function_call_output", "call_id": "call_" + mixed(chance, B62, 24), "output": text},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]},
        {"type": "local_shell_call", "action": {"type": "exec", "command": ["bash", "-lc", text]}},
    ))  # fmt: skip
    return {"timestamp": "2026-03-04T10:11:12.345Z", "type": "response_item", "payload": payload}


def _codex_call(chance: random.Random, text: str) -> dict[str, Any]:
    call = {"type": "function_call", "name": "shell", "call_id": "call_" + mixed(chance, B62, 24)}
    return {"type": "response_item", "payload": {**call, "arguments": text}}


def _sample(chance: random.Random, text: str) -> dict[str, Any]:
    parts = [prose(chance, _VOCABULARY, 80), prose(chance, _VOCABULARY, 120), ""]
    parts[chance.randrange(3)] = text
    out: dict[str, Any] = {"sample_id": f"{chance.getrandbits(128):032x}"}
    out |= {"instruction": parts[0], "input": parts[2], "output": parts[1]}
    if chance.random() < 0.5:
        out["messages"] = [{"role": "user", "content": parts[0]}, {"role": "tool", "content": parts[1]}]
    return out


_SHAPES = (_claude, _claude, _claude, _codex, _codex, _sample, _patch)
