"""Codex threads in the history store: what comes back, what is added once, and what a crash leaves."""

from __future__ import annotations

import fcntl
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import exports
import pytest
import talks
import write_codex
from afs import cli
from afs.logs import codex, read
from afs.logs.store import history, importing, ledger
from conftest import ROOT, as_nobody
from hypothesis import given, settings
from hypothesis import strategies as st
from test_export_leaks import TOKEN, canary, item, said, stamp

HOME = ROOT / "examples" / "home"
HOMES = [HOME, *([Path(os.environ["AFS_TEST_HOME"])] if os.environ.get("AFS_TEST_HOME") else [])]
PLAIN = ("--no-redact",)


def imported(tmp_path, *argv, redact=False):
    """(status, {state: events}, summary) of an import into tmp_path/history."""
    parser = cli.parser("afs-import-x - test\n", "rejects summary strict limit config")
    importing.add_options(parser)
    counts = tmp_path / "imported.json"
    options = ["-q", "--history-root", str(tmp_path / "history"), "--summary", str(counts)]
    args = parser.parse_args([*options, *(() if redact else PLAIN), *map(str, argv)])
    with cli.Run(args, private=True) as run:
        importing.run_import(run)
    summary = json.loads(counts.read_text())
    return run.status, tuple(summary[name] for name in ("new", "grown", "already there")), summary


def told(tmp_path, *argv, source=codex, redact=False):
    """sample_id -> sample of an export."""
    status, rows, *_ = exports.run(tmp_path, *argv, source=source, redact=redact)
    assert status == 0 and len({row["sample_id"] for row in rows}) == len(rows)
    return {row["sample_id"]: row for row in rows}


def back(tmp_path, *argv, redact=False):
    """The same of what was imported."""
    return told(tmp_path, "--root", tmp_path / "history", *argv, source=history, redact=redact)


def same(tmp_path, *argv, redact=False):
    found = back(tmp_path, *argv, redact=redact)
    assert found and found == told(tmp_path, "--home", tmp_path, *argv, redact=redact)
    return found


# --- what comes back ----------------------------------------------------------------------------------


@pytest.mark.parametrize("home", HOMES, ids=lambda home: "examples" if home == HOME else "real")
@pytest.mark.parametrize("redact", [True, False])
@pytest.mark.parametrize("options", [(), ("--include-system", "--subagents", "include"), ("--no-tools",)])
def test_the_samples_are_those_of_the_codex_export(tmp_path, home, redact, options):
    status, (new, grown, there), _ = imported(tmp_path, "--home", home, *options, redact=redact)
    assert (status, grown, there) == (0, 0, 0) and new > 20
    found = back(tmp_path, *options, redact=redact)
    assert found and found == told(tmp_path, "--home", home, *options, redact=redact)
    # What was redacted once is as it was, whether it is redacted again or not.
    assert not redact or found == back(tmp_path, *options)
    assert imported(tmp_path, "--home", home, *options, redact=redact)[1] == (0, 0, new)


@pytest.mark.parametrize("generation", write_codex.GENERATIONS)
def test_made_up_threads_come_back_word_for_word(generation):
    @settings(max_examples=25)
    @given(st.integers(0, 2**32))
    def property_of(seed):
        dice = random.Random(seed)
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            write_codex.write(talks.talk(dice), dice, root / "c", generation)
            options = ("--root", root / "c", "--rejects", root / "r")
            new = imported(root, *options)[1][0]
            assert imported(root, *options)[1] == (0, 0, new)
            expected = told(root, *options)
            assert (back(root) if new else {}) == expected

    property_of()


def test_a_log_too_large_to_be_held_comes_back_whole(tmp_path, monkeypatch):
    exports.rollout(tmp_path, 1, ["Why? " * 100, "$ ls " + "x" * 900, "So. " * 200], ["And?", "Thus."])
    expected = told(tmp_path, "--home", tmp_path)
    monkeypatch.setattr(read, "LARGE", 1)
    assert imported(tmp_path, "--home", tmp_path, redact=True)[1] == (3, 0, 0)
    assert back(tmp_path) == expected


def test_a_project_is_stored_by_its_name_and_chosen_by_it(tmp_path):
    exports.rollout(tmp_path, 1, ["Why?", "$ ls", "So."], cwd="/home/kit/src/app")
    exports.rollout(tmp_path, 2, ["How?", "Thus."], cwd="/srv/deep/site")
    imported(tmp_path, "--home", tmp_path)
    events = [
        json.loads(line) for path in sorted((tmp_path / "history").glob("*.jsonl")) for line in path.open()
    ]
    assert {event["metadata"]["cwd"] for event in events} == {"~/src/app", "site"}
    assert len(same(tmp_path, "--project", "~/src/*")) == 1
    assert len(same(tmp_path, "--exclude-project", "app")) == 1


def test_a_tool_event_holds_its_call_and_tells_whether_it_failed(tmp_path):
    exports.rollout(tmp_path, 1, ["Why?", "$ ls", "So."])
    imported(tmp_path, "--home", tmp_path, "--max-tool-output-chars", "9")
    (path,) = (tmp_path / "history").glob("events_20251101.jsonl")
    model, tool = [json.loads(line) for line in path.open()]
    assert (model["type"], model["source"], model["op"]) == ("model", "codex", "completion")
    assert (model["payload"]["prompt"], model["payload"]["response"]) == ("Why?", "So.")
    assert (tool["type"], tool["op"], tool["metadata"]["tool"]) == ("tool", "shell", "shell")
    assert tool["metadata"]["success"] is tool["metadata"]["tool_success"] is True
    assert tool["payload"] == {"input": '{"cmd": "ls"}', "output": "output of\n[... 3 more characters]"}
    assert model["payload"]["messages"][2]["content"] == "output of ls"
    assert len(model["id"]) >= 12 and int(model["id"], 16) and tool["id"] != model["id"]


def test_no_field_of_a_log_lets_a_secret_into_the_store(tmp_path):
    meta = {
        "id": canary("a"),
        "timestamp": canary("b"),
        "cwd": f"/srv/{canary('c')}",
        "cli_version": canary("d"),
    }
    meta |= {"base_instructions": canary("e"), "source": canary("f"), "git": {"branch": canary("g")}}
    rows = [
        {"timestamp": canary("h"), "type": "session_meta", "payload": meta},
        {
            "timestamp": canary("i"),
            "type": "turn_context",
            "payload": {"model": canary("j"), "turn_id": canary("k")},
        },
        {
            "timestamp": stamp(1),
            "type": "event_msg",
            "payload": {"type": "task_started", "turn_id": canary("l")},
        },
        {**said(3, "user", f"what is {canary('o')}?"), "timestamp": canary("p")},
        item(5, type="reasoning", summary=[{"type": "summary_text", "text": canary("r")}]),
        item(
            6,
            type="function_call",
            name=canary("s"),
            arguments=json.dumps({"x": canary("t")}),
            call_id=canary("u"),
        ),
        item(7, type="function_call_output", call_id=canary("u"), output=canary("v")),
        said(8, "assistant", f"It is {canary('w')}." + " so" * 3000),
    ]
    rows[3]["payload"]["id"] = canary("n")
    path = tmp_path / "logs" / "rollout-2026-03-01T10-00-00-x.jsonl"
    path.parent.mkdir()
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    options = ("--root", path.parent, "--subagents", "include", "--include-system")
    assert imported(tmp_path, *options, redact=True)[1] == (2, 0, 0)
    data = b"".join(b"%s %s" % (os.fsencode(path), path.read_bytes()) for path in files(tmp_path / "history"))
    assert b"so so" in data and TOKEN.encode() not in data
    assert imported(tmp_path, *options, redact=True)[1] == (0, 0, 2)
    assert len(back(tmp_path, "--subagents", "include")) == 1


def files(root):
    return [path for path in sorted(root.rglob("*")) if path.is_file()]


# --- once, and again when it has changed ------------------------------------------------------------------


def test_a_turn_that_has_grown_is_added_again_and_the_later_one_counts(tmp_path):
    exports.rollout(tmp_path, 1, ["One?", "First."], ["Two?", "Half of it."])
    assert imported(tmp_path, "--home", tmp_path)[1] == (2, 0, 0)
    assert {row["output"] for row in same(tmp_path).values()} == {"First.", "Half of it."}
    more = ["Two?", "Half of it.", "$ ls", "The whole."], ["No, that is wrong.", "x" * 5000]
    exports.rollout(tmp_path, 1, ["One?", "First."], *more)
    # The second turn is longer now, and corrected; a tool's event and the third turn are new.
    assert imported(tmp_path, "--home", tmp_path)[1] == (2, 1, 1)
    found = {row["output"]: row for row in same(tmp_path).values()}
    assert set(found) == {"First.", "The whole.", "x" * 5000}
    assert "corrected_by_user" in found["The whole."]["_metadata"]["flags"]
    exports.rollout(tmp_path, 1, ["One?", "First."], *more[:1], [more[1][0], "y" * 5000])
    assert imported(tmp_path, "--home", tmp_path)[1] == (
        0,
        1,
        3,
    )  # its payload is a file, which no one overwrites
    assert len(list((tmp_path / "history" / "payloads").iterdir())) == 2
    same(tmp_path)
    before = [path.read_bytes() for path in files(tmp_path / "history")]
    assert imported(tmp_path, "--home", tmp_path)[1] == (0, 0, 4)
    assert [path.read_bytes() for path in files(tmp_path / "history")] == before


def test_a_turn_that_was_taken_back_since_is_taken_back_in_the_store(tmp_path):
    path = exports.rollout(tmp_path, 1, ["One?", "First."], ["Two?", "Second."])
    imported(tmp_path, "--home", tmp_path)
    with path.open("a") as file:
        undone = {"type": "event_msg", "payload": {"type": "thread_rolled_back", "num_turns": 1}}
        file.write(json.dumps({"timestamp": "2025-11-01T00:01:00.000Z", **undone}) + "\n")
    _, states, summary = imported(tmp_path, "--home", tmp_path)
    assert states[0] == 0 and summary["withdrawn"] == 1
    assert {row["output"] for row in same(tmp_path).values()} == {"First."}
    assert exports.run(tmp_path, "--root", tmp_path / "history", source=history)[2]["dropped"] == {
        "withdrawn": 1
    }
    again = imported(tmp_path, "--home", tmp_path)
    assert again[1][:2] == (0, 0) and "withdrawn" not in again[2]
    exports.rollout(tmp_path, 1, ["One?", "First."], ["Two?", "Second."])
    imported(tmp_path, "--home", tmp_path)
    assert len(same(tmp_path)) == 2


def test_a_turn_that_a_fork_still_has_is_not_taken_back(tmp_path):
    path = exports.rollout(tmp_path, 1, ["One?", "First."], ["Two?", "Second."])
    imported(tmp_path, "--home", tmp_path)
    fork = exports.rollout(tmp_path, 2, ["One?", "First."], ["Two?", "Second."], ["Three?", "Third."])
    text = fork.read_text().replace(
        f'"id": "{exports.IDS[2]}"', f'"id": "{exports.IDS[2]}", "forked_from_id": "{exports.IDS[1]}"'
    )
    fork.write_text(text)
    with path.open("a") as file:
        undone = {"type": "event_msg", "payload": {"type": "thread_rolled_back", "num_turns": 1}}
        file.write(json.dumps({"timestamp": "2025-11-01T00:01:00.000Z", **undone}) + "\n")
    assert "withdrawn" not in imported(tmp_path, "--home", tmp_path)[2]
    assert {row["output"] for row in back(tmp_path).values()} == {"First.", "Second.", "Third."}
    assert back(tmp_path).keys() == told(tmp_path, "--home", tmp_path).keys()
    assert imported(tmp_path, "--home", tmp_path)[1][:2] == (0, 0)


def test_what_options_leave_out_is_not_taken_back(tmp_path):
    exports.rollout(tmp_path, 1, ["One?", "First."], ["Two?", "Second."])
    imported(tmp_path, "--home", tmp_path)
    for option in (("--since", "2030-01-01"), ("--exclude-project", "app"), ("--limit", "0")):
        assert imported(tmp_path, "--home", tmp_path, *option)[1][:2] == (0, 0)
    assert len(same(tmp_path)) == 2


def test_a_fork_and_the_thread_it_is_from_may_come_in_any_order(tmp_path):
    (fork,) = (HOME / ".codex").rglob("rollout-2026-02-12*.jsonl")
    imported(tmp_path, fork)
    assert imported(tmp_path, "--home", HOME)[1][1] >= 1  # the turn of the thread that has it first
    expected = told(tmp_path, "--home", HOME)
    assert back(tmp_path) == expected
    for argv in (("--home", HOME), (fork,)):
        assert imported(tmp_path, *argv)[1][:2] == (0, 0)
    assert back(tmp_path) == expected


def test_limit_counts_turns_that_were_added(tmp_path):
    exports.rollout(tmp_path, 1, *([f"Q{at}?", "$ ls", "So."] for at in range(5)))
    exports.rollout(tmp_path, 2, *([f"R{at}?", "So."] for at in range(5)))
    for total in (3, 6, 9, 10, 10):
        imported(tmp_path, "--home", tmp_path, "--limit", "3")
        assert len(back(tmp_path)) == total
    same(tmp_path)


# --- a store in use, and what a crash leaves --------------------------------------------------------------


def test_a_store_of_either_layout_and_its_context_folder_are_known(tmp_path):
    exports.rollout(tmp_path, 1, ["One?", "First."])
    (tmp_path / "history" / "common").mkdir(parents=True)
    imported(tmp_path, "--home", tmp_path)
    assert [path.parent.name for path in files(tmp_path / "history")] == ["common"]
    assert imported(tmp_path, "--home", tmp_path, "--history-root", tmp_path)[1] == (0, 0, 1)
    same(tmp_path)


def test_what_other_programs_logged_stays_as_it_is(tmp_path):
    root = tmp_path / "history"
    root.mkdir()
    path = root / "events_20251101.jsonl"
    path.write_bytes(b'{"id":"a",  "type":"session"}\n\xff\n{"id":"torn')
    exports.rollout(tmp_path, 1, ["One?", "First."])
    assert imported(tmp_path, "--home", tmp_path)[1] == (1, 0, 0)
    assert path.read_bytes().startswith(b'{"id":"a",  "type":"session"}\n\xff\n{"id":"torn\n{"id":"')
    assert imported(tmp_path, "--home", tmp_path)[1] == (0, 0, 1)


def test_a_store_in_use_is_waited_for_and_named(shell, tmp_path):
    exports.rollout(tmp_path, 1, ["One?", "First."])
    root = tmp_path / "history"
    root.mkdir()
    lock = os.open(root, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    child = shell.start("afs-import-codex-history", "--home", tmp_path, "--history-root", root)
    assert child.stderr.readline() == (
        f"afs-import-codex-history: {root}: another run adds to it; waiting\n".encode()
    )
    assert child.poll() is None and files(root) == []
    os.close(lock)
    said = child.communicate(timeout=60)
    assert (child.returncode, said[0]) == (0, b"") and said[1].endswith(b"0 already there, 0 grown, 1 new\n")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody without rights")
@pytest.mark.skipif(
    not all(path.stat().st_mode & 1 for path in ROOT.parents), reason="nobody but root may read this checkout"
)
def test_a_store_that_may_not_be_written_is_named_before_any_log_is_read(shell, tmp_path):
    exports.rollout(tmp_path, 1, ["One?", "First."])
    (tmp_path / "history").mkdir(mode=0o755)
    argv = ("--root", ".codex", "--history-root", "history", "--config", "c.toml")
    (tmp_path / "c.toml").touch(mode=0o644)
    status, stderr = as_nobody(shell, "afs-import-codex-history", *argv)
    assert (status, stderr) == (1, b"afs-import-codex-history: history: permission denied\n")


SLOW = """
import sys
sys.path[:0] = [{lib!r}]
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from afs import cli
from afs.logs.store import ledger
ledger._HELD = 3000
ledger.os.sync = lambda: None
loader = SourceFileLoader("command", {command!r})
command = module_from_spec(spec_from_loader("command", loader))
sys.dont_write_bytecode = True
loader.exec_module(command)
sys.argv = ["afs-import-codex-history", *sys.argv[1:]]
cli.run(command.main)
"""


def test_a_kill_at_any_moment_leaves_what_the_next_run_completes(tmp_path):
    for number in range(1, 5):
        turns = ([f"Q{number}.{at}?", "$ ls", "So. " * (at % 5 * 400 + 1)] for at in range(25))
        exports.rollout(tmp_path, number, *turns)
    program = SLOW.format(lib=str(ROOT / "lib"), command=str(ROOT / "bin" / "afs-import-codex-history"))
    command = [sys.executable, "-B", "-c", program, "-q", "--no-redact", "--home", str(tmp_path)]
    started = time.perf_counter()
    subprocess.run([*command, "--history-root", str(tmp_path / "whole")], check=True, timeout=60)
    whole = time.perf_counter() - started
    expected = told(tmp_path, "--root", tmp_path / "whole", source=history)
    assert len(expected) == 100
    dice, parts = random.Random(3), set()
    for attempt in range(12):
        child = subprocess.Popen([*command, "--history-root", str(tmp_path / "history")])
        time.sleep(dice.uniform(0.3, 1.0) * whole)
        child.send_signal(signal.SIGKILL)
        child.wait(30)
        known = len(ledger.known(str(tmp_path / "history"))) if (tmp_path / "history").exists() else 0
        parts.add(known)
        if known == 200 and attempt % 3 == 2:
            break
    # Torn in the middle of a line, as a kill within a write leaves it.
    path = tmp_path / "history" / "events_20251102.jsonl"
    if path.exists():
        path.write_bytes(path.read_bytes()[:-100])
    subprocess.run([*command, "--history-root", str(tmp_path / "history")], check=True, timeout=60)
    assert len(parts) > 1, "the moments were not spread"
    for name in ("history", "whole"):
        found = [
            line for path in (tmp_path / name).glob("*.jsonl") for line in path.read_bytes().splitlines()
        ]
        assert len(found) == len(set(found)) == 200
    assert back(tmp_path) == expected
    assert {path.name for path in files(tmp_path / "history")} == {
        path.name for path in files(tmp_path / "whole")
    }
