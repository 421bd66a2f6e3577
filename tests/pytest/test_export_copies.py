"""--state and --reuse where a conversation lies in several files, and one of them comes or goes."""

from __future__ import annotations

import json
import os
import shutil

from afs.logs import claude, codex, gemini
from exports import rollout, run


def again(tmp_path, *argv, source=codex):
    """The questions that a run with --reuse writes, and those of a full one."""
    out, state = tmp_path / "kept.jsonl", tmp_path / "state"
    _, full, _, _ = run(tmp_path, *argv, source=source)
    run(tmp_path, *argv, "--state", state, "--reuse", out, source=source)
    shutil.copy(tmp_path / "out.jsonl", out)
    return [json.loads(line) for line in out.read_text().splitlines()], full


def test_the_same_log_under_two_roots_stays_in_the_output(tmp_path):
    for name in ("a", "b"):
        rollout(tmp_path / name, 1, ("q", "a"))
    roots = ["--root", tmp_path / "a" / ".codex", "--root", tmp_path / "b" / ".codex"]
    for _ in range(3):
        kept, full = again(tmp_path, *roots)
        assert kept == full and len(kept) == 1


def session(path):
    rows = [
        {"type": "user", "uuid": "u", "parentUuid": None, "sessionId": "s1", "message": {"content": "q"}},
        {"type": "assistant", "uuid": "v", "parentUuid": "u", "sessionId": "s1"},
    ]
    rows[1]["message"] = {"id": "m", "content": [{"type": "text", "text": "a"}], "stop_reason": "end_turn"}
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def test_what_a_deleted_copy_gave_the_other_copy_gives(tmp_path):
    for name in ("-a", "-b"):
        session(tmp_path / ".claude" / "projects" / name / "s1.jsonl")
    assert len(again(tmp_path, "--home", tmp_path, source=claude)[0]) == 1
    (tmp_path / ".claude" / "projects" / "-a" / "s1.jsonl").unlink()
    kept, full = again(tmp_path, "--home", tmp_path, source=claude)
    assert kept == full and len(kept) == 1


def test_a_file_beside_a_session_changes_its_samples(tmp_path):
    folder = tmp_path / ".gemini" / "tmp" / "app"
    (folder / "chats").mkdir(parents=True)
    rows = [{"sessionId": "s1", "projectHash": "x"}, {"id": "u", "type": "user", "content": "q"}]
    rows.append({"id": "g", "type": "gemini", "content": "a"})
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "chats" / "session-2026-05-01T09-00-s1.jsonl").write_text(text)
    again(tmp_path, "--home", tmp_path, source=gemini)
    (folder / ".project_root").write_text("/home/kit/src/app")
    kept, full = again(tmp_path, "--home", tmp_path, source=gemini)
    assert kept == full
    assert kept[0]["_metadata"]["project"] == "~/src/app"


def test_a_file_name_that_is_no_utf8_spoils_no_state(tmp_path):
    session(os.fsencode(tmp_path).decode() + "/.claude/projects/-p/s\udcff.jsonl")
    for _ in range(2):
        kept, full = again(tmp_path, "--home", tmp_path, source=claude)
        assert kept == full
