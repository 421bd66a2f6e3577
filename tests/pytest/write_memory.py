"""Memory stores that hold made-up questions and answers, in every shape that an entry has, with the noise."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

from talks import Talk

QUESTIONS = ("instruction", "prompt", "user")
ANSWERS = ("output", "response", "assistant")
NOISE = (
    {"timestamp": "2026-01-01T00:00:00Z", "event_id": "INJECTED"},
    {"nodes": [{"id": "INJECTED"}], "edges": []},
    {"content": "INJECTED", "tags": ["draft"]},
    {"instruction": "INJECTED", "output": "INJECTED", "tags": ["Private"]},
)


def write(talk: Talk, random: Random, folder: Path) -> None:
    """Write the exchanges of a talk as entries and notes; of those without an answer the questions."""
    shapes: dict[str, list[Any]] = {}
    for at, turn in enumerate(talk.exchanges):
        turn.steps, turn.compacted = [], False
        turn.fate = (
            "unanswered" if turn.fate == "interrupted" else "kept" if turn.fate == "taken-back" else turn.fate
        )
        kind = random.choice(("lines", "lines", "list", "object", "chat"))
        name = random.choice((f"m-{at}", at, None))
        entry: dict[str, Any] = {} if name is None else {"id": name}
        if kind == "chat":
            rows = [{"role": "user", "content": turn.question}]
            rows += [{"role": "assistant", "content": turn.answer}] * (turn.fate == "kept")
            entry["messages"] = [*random.choice(([], [{"role": "system", "content": "Be brief."}])), *rows]
        else:
            entry[random.choice(QUESTIONS)] = turn.question
            if turn.fate == "kept":
                entry |= {"output": "", random.choice(ANSWERS): turn.answer}
        entry |= {"tags": random.choice((["ops"], "Ops, git", [])), "confidence": 0.5}
        shapes.setdefault("object" + str(at) if kind == "object" else kind, []).append(entry)
        if kind == "lines" and turn.fate == "kept" and random.random() < 0.3:  # the note that mirrors it
            note = folder / "common" / "mirror" / f"{at}.md"
            note.parent.mkdir(parents=True, exist_ok=True)
            head = f"# {name}\n\n" if name else random.choice(("", "# A title\n\n"))
            note.write_text(head + turn.answer + "\n")
    for shape, entries in shapes.items():
        _file(shape, entries, random, folder)


def _file(shape: str, entries: list[Any], random: Random, folder: Path) -> None:
    place = folder / random.choice(("common", "", "team/notes"))
    place.mkdir(parents=True, exist_ok=True)
    for _ in range(random.randint(0, 2)):
        if shape.startswith("object"):
            (folder / f"noise{random.random()}.json").write_text(json.dumps(random.choice(NOISE)))
        else:
            entries.insert(random.randint(0, len(entries)), random.choice(NOISE))
    if shape == "list" or shape.startswith("object"):
        value = entries if shape == "list" else entries[0]
        path, data = place / f"{shape}.json", json.dumps(value, indent=random.choice((None, 2)))
    else:
        lines = [json.dumps(entry, ensure_ascii=random.random() < 0.5) for entry in entries]
        data = random.choice(("\n", "\r\n")).join([*lines, random.choice(("", '{"id": "torn'))])
        path = place / f"{shape}.jsonl"
    path.write_bytes(("\ufeff" * (random.random() < 0.2) + data).encode())
    if place.name == "common" and random.random() < 0.5:  # the store was of the first layout once
        (folder / path.name).write_bytes(path.read_bytes())
