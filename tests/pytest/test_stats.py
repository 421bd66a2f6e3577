"""afs-stats: figures that can be checked by hand, in memory that does not grow."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from afs.curate import stats
from conftest import as_nobody
from hypothesis import given
from hypothesis import strategies as st

ROOT = os.path.join(os.path.dirname(__file__), "..", "..")
COMMAND = [sys.executable, "-B", os.path.join(ROOT, "bin", "afs-stats")]


def run(*args, data=b"", **more):
    return subprocess.run([*COMMAND, *args], input=data, capture_output=True, timeout=60, **more)


def one(instruction="q", output="a", **fields):
    return {"instruction": instruction, "output": output, **fields}


def lines(*records):
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def lengths(numbers):
    found = stats.Lengths()
    for number in numbers:
        found.add(number)
    return found.summary()


# --- lengths ----------------------------------------------------------------------------------------


def test_percentiles_are_by_nearest_rank():
    assert lengths(range(1, 101)) == {
        "mean": 50.5,
        "min": 1,
        "p10": 10,
        "p50": 50,
        "p90": 90,
        "p99": 99,
        "max": 100,
        "total": 5050,
    }
    assert lengths([7]) == {"mean": 7, "min": 7, "p10": 7, "p50": 7, "p90": 7, "p99": 7, "max": 7, "total": 7}
    assert lengths([]) == {}


@given(st.lists(st.integers(0, 1 << 40), min_size=1))
def test_percentiles_are_within_a_fifth_of_a_percent(numbers):
    found = lengths(numbers)
    ranked = sorted(numbers)
    assert (found["min"], found["max"], found["total"]) == (ranked[0], ranked[-1], sum(numbers))
    for percent in stats.PERCENTILES:
        exact = ranked[-(-len(numbers) * percent // 100) - 1]
        assert exact * 0.998 <= found[f"p{percent}"] <= exact
        assert exact > 1023 or found[f"p{percent}"] == exact


def test_a_million_unlike_lengths_take_little_room():
    found = stats.Lengths()
    for number in range(0, 1 << 30, 1 << 10):
        found.add(number)
    assert len(found._counts) < 12_000


# --- the figures ------------------------------------------------------------------------------------


def test_counts_names_groups_flags_and_scores():
    metadata = {"group": "g", "model": "m1", "flags": ["open", "tool_failed"]}
    found = stats.measure(
        [
            one(source="codex", domain="code", _metadata=metadata, quality_score=0.25),
            one(
                source="codex", teacher_model="m2", _metadata={**metadata, "flags": ["open"]}, quality_score=1
            ),
            one(source="claude", quality_score=0.3, sample_id="s"),
            one(output="b", _metadata={"flags": "odd", "model": 5}),
        ]
    )
    assert found["samples"] == 4 and found["conversations"] == 0
    assert found["groups"] == {"count": 3, "largest": 2, "untold": 0}
    assert list(found["sources"].items()) == [("codex", 2), ("claude", 1)]
    assert found["domains"] == {"code": 1}
    assert found["models"] == {"m1": 1, "m2": 1}
    assert found["flags"] == {"open": 2, "tool_failed": 1}
    assert found["scores"] == {
        "scored": 3,
        "mean": 0.5167,
        "min": 0.25,
        "max": 1,
        "histogram": [0, 0, 1, 1, 0, 0, 0, 0, 0, 1],
    }


def test_content_is_what_a_model_would_see():
    call = {"id": "c", "type": "function", "function": {"name": "look", "arguments": '{"n":1}'}}
    messages = [
        {"role": "user", "content": "12345"},
        {"role": "assistant", "content": "", "tool_calls": [call], "reasoning_content": "not seen"},
        {"role": "tool", "content": "木木", "tool_call_id": "c"},
        {"role": "assistant", "content": "done"},
    ]
    found = stats.measure(
        [one("12345", "done", input="xx"), one("12345", "done", input="xx", messages=messages)]
    )
    assert found["conversations"] == 1
    assert found["characters"]["content"]["min"] == 5 + 2 + 4
    assert found["characters"]["content"]["max"] == 5 + len("look") + len('{"n":1}') + 2 + 4
    assert found["characters"]["output"]["total"] == 8


def test_names_and_groups_beyond_a_bound_are_counted_together(monkeypatch):
    monkeypatch.setattr(stats, "NAMES", 3)
    monkeypatch.setattr(stats, "GROUPS", 4)
    found = stats.measure(one(source=f"s{n % 7}", sample_id=f"i{n}") for n in range(70))
    assert found["sources"] == {"(others)": 40, "s0": 10, "s1": 10, "s2": 10}
    assert found["groups"] == {"count": 4, "largest": 1, "untold": 66}


def test_no_sample_at_all_has_figures_too():
    found = stats.measure([])
    assert found["samples"] == 0 and found["characters"]["content"] == {}
    assert found["scores"] == {"scored": 0, "mean": None, "min": None, "max": None, "histogram": [0] * 10}


# --- the command ------------------------------------------------------------------------------------


def test_json_is_one_line_with_the_same_figures(tmp_path):
    path = os.path.join(ROOT, "examples", "samples.jsonl")
    done = run("--as", "json", path)
    assert done.returncode == 0 and done.stdout.count(b"\n") == 1
    with open(path, "rb") as file:
        assert json.loads(done.stdout) == stats.measure(json.loads(line) for line in file)
    assert run("--as", "json", "-o", str(tmp_path / "out"), path).stdout == b""
    assert (tmp_path / "out").read_bytes() == done.stdout


def test_the_table_is_plain_text():
    records = [one("q" * n, "a" * 2 * n, source="codex", quality_score=n / 10) for n in range(1, 11)]
    done = run(data=lines(*records))
    assert done.returncode == 0 and b"\x1b" not in done.stdout
    rows = [row.split() for row in done.stdout.decode().splitlines()]
    assert ["samples", "10"] in rows
    assert ["characters", "mean", "min", "p10", "p50", "p90", "p99", "max", "total"] in rows
    assert ["instruction", "5.5", "1", "1", "5", "9", "10", "10", "55"] in rows
    assert ["codex", "10", "100.0", "%"] in rows
    assert ["scores", "10", "mean", "0.550,", "0.100", "to", "1.000"] in rows
    assert ["0.9", "to", "1.0", "2", "#" * 30] in rows
    assert ["0.0", "to", "0.1", "0"] in rows


def test_the_table_names_the_ten_most_frequent():
    done = run(data=lines(*(one(source=f"s{n:02d}") for n in range(12))))
    rows = [row.split() for row in done.stdout.decode().splitlines()]
    assert ["s09", "1", "8.3", "%"] in rows and ["2", "more", "2", "16.7", "%"] in rows
    assert not any("s10" in row for row in rows)


def test_names_cannot_steer_the_terminal_and_wide_ones_keep_the_columns():
    done = run(data=lines(one(source="\x1b[2Jx"), one(source="日本語"), one(source="\u202ex")))
    text = done.stdout.decode()
    assert "\\x1b[2Jx" in text and "\x1b" not in text and "\u202e" not in text
    row = next(row for row in text.splitlines() if "日本語" in row)
    assert row.index("1") == 50 - 1 - 3  # three characters of two columns each


@pytest.mark.parametrize("args", [["--as", "csv"], ["--as"]])
def test_an_unknown_style_is_a_usage_error(args):
    done = run(*args)
    assert done.returncode == 2 and done.stdout == b"" and b"--as" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody without rights")
def test_an_unreadable_file_is_a_usage_error(shell, tmp_path):
    (tmp_path / "in.jsonl").write_bytes(b'{"instruction":"q","output":"a"}\n')
    (tmp_path / "in.jsonl").chmod(0)
    status, said = as_nobody(shell, "afs-stats", "in.jsonl")
    assert status == 2 and b"in.jsonl: cannot be read; check its permissions" in said
