"""Converted files load in Hugging Face datasets and give back equal content."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys

import pytest
from afs import converters, jsonl, sample

pytestmark = pytest.mark.slow
datasets = pytest.importorskip("datasets", reason="the extra `hf` is not installed: datasets")

COMMAND = [sys.executable, "-B", os.path.join(os.path.dirname(__file__), "..", "..", "bin", "afs-convert")]
WORDS = [
    "plain",
    "two\nlines",
    "木漏れ日",
    '"quoted"',
    "\\back",
    "2026-01-01",
    "",
    "1.50",
    "null",
    "émigré 🏃",
]


def value(chance):
    """JSON of any type: what one call has as text another has as a number or a list."""
    return chance.choice(
        [
            chance.choice(WORDS),
            chance.randrange(100),
            1.5,
            True,
            None,
            [1, "a"],
            {"deep": {"er": [None, 2.5]}},
        ]
    )


def conversation(chance, number):
    messages = [{"role": "system", "content": "Be right."}] if number % 3 == 0 else []
    tools = set()
    for turn in range(chance.randint(1, 3)):
        messages.append({"role": "user", "content": f"question {turn} {chance.choice(WORDS)}"})
        for step in range(chance.randint(0, 2)):
            calls = []
            for item in range(chance.randint(1, 2)):
                name = chance.choice(["shell", "read_file", "search"])
                keys = chance.sample(["path", "query", "limit", "flags", "x"], chance.randint(0, 4))
                arguments = json.dumps({key: value(chance) for key in keys})
                call = {"id": f"c{turn}.{step}.{item}", "type": "function"}
                calls.append({**call, "function": {"name": name, "arguments": arguments}})
                tools.add(name)
            messages.append(
                {"role": "assistant", "content": "", "reasoning_content": None, "tool_calls": calls}
            )
            messages += [
                {"role": "tool", "content": chance.choice(WORDS), "tool_call_id": call["id"]}
                for call in calls
            ]
        messages.append({"role": "assistant", "content": f"answer {turn} {chance.choice(WORDS)}"})
    schemas = [
        {
            "type": "function",
            "function": {"name": name, "parameters": {"enum": [1, "a", None][: len(name) % 3 + 1]}},
        }
        for name in sorted(tools)
    ]
    return sample.make(
        sample_id=f"{number:032x}",
        instruction=messages[-1]["content"],
        output=messages[-1]["content"],
        messages=messages if number % 5 else None,
        tools=json.dumps(schemas) if schemas and number % 2 else None,
        source="generated",
    )


def without_nulls(row):
    """A loader with one schema for all rows gives absent keys back as null."""
    if isinstance(row, dict):
        return {key: without_nulls(item) for key, item in row.items() if item is not None}
    return [without_nulls(item) for item in row] if isinstance(row, list) else row


@pytest.mark.parametrize("name", converters.BUILT_IN)
def test_every_format_loads_and_comes_back_equal(tmp_path, name):
    if name == "openai" and tuple(map(int, datasets.__version__.split(".")[:2])) < (4, 7):
        pytest.skip("datasets before 4.7 has no type for tools with unlike schemas")
    chance = random.Random(7)
    records = [conversation(chance, number) for number in range(400)]
    assert not any(sample.check(record) for record in records)
    source, made = tmp_path / "samples.jsonl", tmp_path / f"{name}.jsonl"
    source.write_bytes(b"".join(jsonl.encode(record) + b"\n" for record in records))
    subprocess.run([*COMMAND, "-q", "--format", name, "-o", made, source], check=True, timeout=60)
    rows = [json.loads(line) for line in made.read_bytes().splitlines()]
    assert len(rows) == len(records)
    loaded = datasets.load_dataset(
        "json", data_files=str(made), split="train", cache_dir=str(tmp_path / "cache")
    )
    assert [without_nulls(row) for row in loaded] == [without_nulls(row) for row in rows]
    if name != "openai":  # the same columns of text in every row, so any version and any block loads
        assert all(row == back for row, back in zip(rows, loaded, strict=True))
