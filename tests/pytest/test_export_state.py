"""--state and --reuse: only what changed is written again, and the union is one full export."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest
from afs.messages import Usage
from exports import IDS, item, rollout, run

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "home"
    folder.mkdir()
    rollout(folder, 1, ["one", "1"], ["two", "$ ls", "2"])
    rollout(folder, 2, ["three", "3"], ["unanswered"])
    return folder


@pytest.fixture
def export(home, tmp_path):
    """A run with --state whose output is a file of its own each time."""

    def export(*argv, **options):
        (tmp_path / "out.jsonl").unlink(missing_ok=True)
        return run(tmp_path, "--home", home, "--state", tmp_path / "state", *argv, **options)

    return export


def grow(path, *texts):
    """Go on with the last turn of a rollout, or with new turns: `? question`, else an answer."""
    with open(path, "a", encoding="utf-8") as file:
        for text in texts:
            role = "user" if text.startswith("? ") else "assistant"
            kind = "input_text" if role == "user" else "output_text"
            row = item("message", role=role, content=[{"type": kind, "text": text.removeprefix("? ")}])
            file.write(json.dumps({"timestamp": "2025-11-09T00:00:00.000Z"} | row) + "\n")


def roll_back(path, number=1):
    row = {"type": "event_msg", "payload": {"type": "thread_rolled_back", "num_turns": number}}
    with open(path, "a", encoding="utf-8") as file:
        file.write(json.dumps({"timestamp": "2025-11-09T00:00:01.000Z"} | row) + "\n")


def questions(records):
    return [record["instruction"] for record in records]


def test_a_second_run_writes_nothing(export):
    assert questions(export()[1]) == ["one", "two", "three"]
    status, records, summary, account = export()
    assert (status, records, account) == (0, [], [])
    assert summary["turns"] == {"seen": 4, "samples": 0, "skipped": {"unchanged": 4}}
    assert summary["conversations"] == {"read": 0, "subagent": 0, "unchanged": 2}


def test_a_new_turn_is_written_and_the_conversation_before_it_is_not(home, export):
    export()
    grow(rollout(home, 1, ["one", "1"], ["two", "$ ls", "2"]), "? four", "4")
    _, records, summary, account = export()
    assert questions(records) == ["two", "four"]  # "two" was the open last turn: its flag is gone
    assert [record["_metadata"]["flags"] for record in records] == [[], ["open"]]
    assert [row["reason"] for row in account] == ["unchanged", None, None]
    assert summary["turns"]["skipped"] == {"unchanged": 3}


def test_a_grown_answer_has_the_same_id(home, export):
    before = {record["instruction"]: record["sample_id"] for record in export()[1]}
    grow(home / ".codex/sessions/2025/11/01" / f"rollout-2025-11-01T00-00-00-{IDS[1]}.jsonl", "2, corrected")
    (record,) = export()[1]
    assert (record["sample_id"], record["output"]) == (before["two"], "2, corrected")


def test_the_state_holds_no_text(tmp_path, home, export):
    rollout(home, 3, ["a question that nobody else asks", "told so"], cwd="/home/kit/secret-folder")
    export()
    state = (tmp_path / "state").read_text()
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o600
    for text in ("nobody", "told so", "secret-folder", "/home/kit", str(tmp_path)):
        assert text not in state


def test_other_options_are_refused_and_nothing_is_changed(tmp_path, export):
    export()
    before = (tmp_path / "state").read_bytes()
    rule = '[[rule]]\nid = "w"\ntype = "WW"\nlevel = 2\nanchors = ["wwww"]\nre = "(?P<s>wwww)"\n'
    (tmp_path / "rules.toml").write_text(rule)
    for argv in (["--no-tools"], ["--since", "2025-01-01"], ["--unit", "conversation"], ["--project", "x"]):
        with pytest.raises(Usage, match="was made with other options"):
            export(*argv)
    for argv in (["--rules", tmp_path / "rules.toml"], ["--known", tmp_path / "rules.toml"]):
        with pytest.raises(Usage, match="was made with other options"):
            export(*argv, redact=True)
    assert (tmp_path / "state").read_bytes() == before


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 99}', "\0"])
def test_a_file_that_is_no_state_is_refused(text, tmp_path, export):
    (tmp_path / "state").write_text(text)
    with pytest.raises(Usage, match="state"):
        export()
    assert (tmp_path / "state").read_text() == text


def test_output_of_earlier_runs_is_not_replaced_by_what_is_new(tmp_path, home, export):
    export()
    with pytest.raises(Usage, match="holds what earlier runs wrote"):
        run(tmp_path, "--home", home, "--state", tmp_path / "state")


def test_limit_leaves_the_rest_for_the_next_run(export):
    assert questions(export("--limit", 1)[1]) == ["one"]
    assert questions(export("--limit", 1)[1]) == ["two"]
    assert questions(export()[1]) == ["three"]
    assert questions(export()[1]) == []


def test_a_failed_run_leaves_the_state(tmp_path, home, export, monkeypatch):
    export()
    before = (tmp_path / "state").read_bytes()
    rollout(home, 3, ["new", "n"])
    monkeypatch.setattr("afs.logs.samples.make", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        export()
    monkeypatch.undo()
    assert (tmp_path / "state").read_bytes() == before
    assert questions(export()[1]) == ["new"]


def test_a_file_with_bad_lines_is_named_at_every_run(tmp_path, home, export):
    rollout(home, 3, ["q", "a"], tail="{broken}\n")
    assert export()[0] == 1
    status, records, _, _ = export()
    assert (status, records) == (1, [])


def test_newer_code_reads_everything_again_but_writes_what_changed(export, monkeypatch):
    export()
    monkeypatch.setattr("afs.logs.state._code", lambda: "newer")
    status, records, summary, _ = export()
    assert (status, records, summary["conversations"]["read"]) == (0, [], 2)


def test_a_conversation_without_logs_stays_known(home, export):
    path = next(home.rglob(f"*{IDS[1]}*"))
    export()
    text = path.read_bytes()
    path.unlink()
    assert export()[1] == []
    path.write_bytes(text)
    assert export()[1] == []


def test_what_was_taken_back_is_withdrawn(home, export):
    ids = {record["instruction"]: record["sample_id"] for record in export()[1]}
    path = next(home.rglob(f"*{IDS[1]}*"))
    roll_back(path)
    _, records, summary, _ = export()
    gone = [record for record in records if "withdrawn" in record["_metadata"]["flags"]]
    assert [record["sample_id"] for record in gone] == [ids["two"]]
    assert (gone[0]["instruction"], gone[0]["output"]) == ("", "")
    assert summary["withdrawn"] == 1


def test_a_conversation_is_one_sample_that_grows(home, export):
    assert len(export("--unit", "conversation")[1]) == 2
    grow(next(home.rglob(f"*{IDS[1]}*")), "? four", "4")
    (record,) = export("--unit", "conversation")[1]
    assert [m["content"] for m in record["messages"] if m["role"] == "user"] == ["one", "two", "four"]


# --- the union ----------------------------------------------------------------------------------------


def command(name, *argv, **options):
    done = subprocess.run(
        [sys.executable, ROOT / "bin" / name, "-q", *map(str, argv)], capture_output=True, **options
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def change(folder, chance):
    """One thing that happens to logs between two exports."""
    paths = sorted(folder.rglob("*.jsonl"))
    path = chance.choice(paths)
    what = chance.randrange(5)
    if what == 0 and len(paths) < 9:
        rollout(folder, len(paths) + 1, [f"first of {len(paths) + 1}", "answer"])
    elif what == 1:
        grow(path, f"? question {chance.random()}", "answer")
    elif what == 2:
        grow(path, f"more {chance.random()}")
    elif what == 3:
        grow(path, f"? unanswered {chance.random()}")
    else:
        roll_back(path)


@pytest.mark.parametrize("seed", range(3))
def test_the_union_reduced_by_id_is_one_full_export(seed, home, tmp_path):
    chance = random.Random(seed)
    union, reused, state = (tmp_path / name for name in ("union", "reused", "state"))
    for _ in range(6):
        with open(union, "ab") as file:
            file.write(command("afs-export-codex", "--no-redact", "--home", home, "--state", state))
        reuse = ("--state", tmp_path / "state2", "--reuse", reused, "-o", reused)
        command("afs-export-codex", "--no-redact", "--home", home, *reuse)
        full = command("afs-export-codex", "--no-redact", "--home", home)
        newest = command("afs-dedupe", "--by", "id", "--keep", "last", union)
        assert sorted(newest.splitlines()) == sorted(full.splitlines())
        assert reused.read_bytes() == full
        for _ in range(chance.randint(1, 3)):
            change(home, chance)


def test_reuse_reads_again_what_the_earlier_output_does_not_hold(home, tmp_path):
    out, state = tmp_path / "all.jsonl", tmp_path / "state"
    argv = ("afs-export-codex", "--no-redact", "--home", home, "--state", state, "--reuse", out, "-o", out)
    command(*argv)
    full = out.read_bytes()
    out.write_bytes(full.replace(b"three", b"THREE"))
    command(*argv)
    assert out.read_bytes() == full
    out.unlink()
    command(*argv)
    assert out.read_bytes() == full


def test_reuse_needs_a_state(home, tmp_path):
    with pytest.raises(Usage, match="--reuse needs --state"):
        run(tmp_path, "--home", home, "--reuse", "x")
