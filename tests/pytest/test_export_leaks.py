"""No field of a log is a way out for a secret: all that exporters write and say is searched for canaries."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys

import pytest
from afs.logs import samples

ROOT = os.path.join(os.path.dirname(__file__), "..", "..")
TOKEN = "ghp_" + "q7R2mW9xK4vT" * 3
WORD = "Zk8rVq" + "3nLw5T"
OPTIONS = [[], ["--no-tools"], ["--no-thinking"], ["--unit", "conversation"]]


def canary(part):
    return f"{TOKEN}{part}"


def stamp(second):
    return f"2026-03-01T10:00:{second:02}.000Z"


def codex(home, *rows, name="rollout-2026-03-01T10-00-00-019ca000-0000-7000-8000-000000000001.jsonl"):
    folder = home / ".codex" / "sessions" / "2026" / "03" / "01"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


def item(second, **payload):
    return {"timestamp": stamp(second), "type": "response_item", "payload": payload}


def said(second, role, text, kind=None):
    kind = kind or ("input_text" if role == "user" else "output_text")
    return item(second, type="message", role=role, content=[{"type": kind, "text": text}])


def export(agent, home, tmp_path, *options):
    """(records, every byte that was written or said)."""
    out = tmp_path / "written"
    out.mkdir(exist_ok=True)
    files = ["-o", "o.jsonl", "--summary", "s.json", "--account", "a.jsonl", "--rejects", "r.jsonl"]
    command = [sys.executable, "-B", os.path.join(ROOT, "bin", f"afs-export-{agent}"), "--home", str(home)]
    done = subprocess.run([*command, *files, *options], cwd=out, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    data = done.stdout + done.stderr + b"".join(path.read_bytes() for path in out.iterdir())
    return [json.loads(line) for line in (out / "o.jsonl").read_bytes().splitlines()], data


@pytest.mark.parametrize("options", OPTIONS, ids=" ".join)
def test_no_field_of_a_codex_log_lets_a_secret_out(tmp_path, options):
    home = tmp_path / "h"
    meta = {
        "id": canary("a"),
        "timestamp": canary("b"),
        "cwd": f"/srv/{canary('c')}",
        "cli_version": canary("d"),
    }
    meta |= {"originator": canary("e"), "source": canary("f"), "git": {"branch": canary("g")}}
    codex(
        home,
        {"timestamp": canary("h"), "type": "session_meta", "payload": meta},
        {
            "timestamp": canary("i"),
            "type": "turn_context",
            "payload": {"model": canary("j"), "cwd": canary("k")},
        },
        {"timestamp": stamp(1), "type": canary("l"), "payload": {"type": canary("m")}},
        item(2, type=canary("n")),
        {**said(3, "user", f"what is {canary('o')}?"), "timestamp": canary("p")},
        item(4, type="message", role=canary("q"), content=[]),
        item(5, type="reasoning", summary=[{"type": "summary_text", "text": canary("r")}]),
        item(
            6,
            type="function_call",
            name=canary("s"),
            arguments=json.dumps({"x": canary("t")}),
            call_id=canary("u"),
        ),
        item(7, type="function_call_output", call_id=canary("u"), output=canary("v")),
        said(8, "assistant", f"It is {canary('w')}."),
    )
    records, data = export("codex", home, tmp_path, *options)
    assert len(records) == 1 and TOKEN.encode() not in data
    assert records[0]["timestamp"] == ""


@pytest.mark.parametrize("options", OPTIONS, ids=" ".join)
def test_no_field_of_a_claude_log_lets_a_secret_out(tmp_path, options):
    home = tmp_path / "h"
    folder = home / ".claude" / "projects" / "-srv-x"
    folder.mkdir(parents=True)
    common = {
        "sessionId": canary("a"),
        "cwd": f"/srv/{canary('b')}",
        "version": canary("c"),
        "gitBranch": canary("d"),
    }
    common |= {"timestamp": canary("e"), "isSidechain": False}

    def user(name, before, content):
        message = {"role": "user", "content": content}
        return {**common, "type": "user", "uuid": name, "parentUuid": before, "message": message}

    def assistant(name, before, *blocks):
        message = {"role": "assistant", "id": name, "model": canary("m"), "content": list(blocks)}
        return {**common, "type": "assistant", "uuid": name, "parentUuid": before, "message": message}

    call = {"type": "tool_use", "id": canary("f"), "name": canary("g"), "input": {canary("h"): canary("i")}}
    result = {"type": "tool_result", "tool_use_id": canary("f"), "content": canary("j")}
    rows = [
        user("u1", None, f"what is {canary('k')}?"),
        assistant("a1", "u1", {"type": "thinking", "thinking": canary("l")}),
        assistant("a2", "a1", call),
        user("u2", "a2", [result]),
        assistant("a3", "u2", {"type": canary("n"), "x": 1}),
        assistant("a4", "a3", {"type": "text", "text": f"It is {canary('o')}."}),
        {**common, "type": canary("p"), "uuid": "x1", "parentUuid": "a4"},
        {**common, "type": "system", "subtype": canary("q"), "uuid": "x2", "parentUuid": "x1"},
        {
            **common,
            "type": "attachment",
            "attachment": {"type": canary("r")},
            "uuid": "x3",
            "parentUuid": "x2",
        },
    ]
    (folder / "s.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    records, data = export("claude", home, tmp_path, *options)
    assert len(records) == 1 and TOKEN.encode() not in data


@pytest.mark.parametrize("options", [["--no-tools"], ["--no-tools", "--no-thinking"]], ids=" ".join)
def test_what_is_cut_still_tells_what_is_secret(tmp_path, options):
    home = tmp_path / "h"
    codex(
        home,
        {
            "timestamp": stamp(0),
            "type": "session_meta",
            "payload": {"id": "019ca000-0000-7000-8000-000000000001"},
        },
        said(1, "user", "which password does the importer use?"),
        item(2, type="function_call", name="shell", arguments='{"command":["cat",".env"]}', call_id="c1"),
        item(3, type="function_call_output", call_id="c1", output=f"DB_PASSWORD={WORD}\n"),
        said(4, "assistant", f"It reads {WORD} right now."),
    )
    records, data = export("codex", home, tmp_path, *options)
    assert records[0]["output"].startswith("It reads REDACTED_PASSWORD_1 ") and WORD.encode() not in data


def test_a_conversation_is_one_record_for_the_redactor(tmp_path):
    home = tmp_path / "h"
    other = WORD[::-1]
    codex(
        home,
        {
            "timestamp": stamp(0),
            "type": "session_meta",
            "payload": {"id": "019ca000-0000-7000-8000-000000000001"},
        },
        said(1, "user", f"set DB_PASSWORD={WORD}"),
        said(2, "assistant", "Done, it is set."),
        said(3, "user", f"now {WORD} is old, set DB_PASSWORD={other}"),
        said(4, "assistant", "Done, the new one is set."),
    )
    records, data = export("codex", home, tmp_path, "--unit", "conversation")
    assert len(records) == 1 and WORD.encode() not in data and other.encode() not in data
    asked = [row["content"] for row in records[0]["messages"] if row["role"] == "user"]
    assert asked[1] == "now REDACTED_PASSWORD_1 is old, set DB_PASSWORD=REDACTED_PASSWORD_2"


def test_details_from_a_log_are_bounded(tmp_path):
    home = tmp_path / "h"
    rows = [{"timestamp": stamp(0), "type": f"kind_{number}", "payload": {}} for number in range(300)]
    rows += [{"timestamp": stamp(1), "type": "x" * 500, "payload": {}}]
    codex(home, *rows)
    export("codex", home, tmp_path)
    unknown = json.loads((tmp_path / "written" / "s.json").read_bytes())["log"]["unknown"]
    assert len(unknown) <= 101 and unknown["other"]["count"] > 200
    assert sum(entry["count"] for entry in unknown.values()) == 301


def test_the_summary_tells_no_name_of_a_home(tmp_path):
    home = tmp_path / "h"
    folder = home / ".claude" / "projects" / "-home-zelda-src-app"
    folder.mkdir(parents=True)
    (folder / "s.jsonl").write_text('{"type":"something-new","uuid":"x"}\n', "utf-8")
    export("claude", home, tmp_path)
    assert b"zelda" not in (tmp_path / "written" / "s.json").read_bytes()


@pytest.mark.parametrize(
    ("cwd", "name"),
    [
        ("/var/home/zelda/src/x", "~/src/x"),
        ("/export/home/zelda", "~"),
        ("/usr/home/zelda/x", "~/x"),
        ("\\\\wsl$\\Ubuntu\\home\\zelda\\x", "~/x"),
        ("//wsl.localhost/Ubuntu/home/zelda/x", "~/x"),
    ],
)
def test_a_project_tells_no_name_of_a_home(cwd, name):
    assert samples.project_name(cwd) == name


def test_lone_surrogates_become_replacement_characters_in_every_field(tmp_path):
    home = tmp_path / "h"
    half = "x\ud83d"
    codex(
        home,
        {"timestamp": stamp(0), "type": "session_meta", "payload": {"id": half, "cwd": f"/srv/{half}"}},
        {"timestamp": stamp(1), "type": "turn_context", "payload": {"model": half}},
        said(2, "user", f"q {half}"),
        item(3, type="function_call", name=half, arguments="{}", call_id=half),
        item(4, type="function_call_output", call_id=half, output=half),
        said(5, "assistant", f"a {half}"),
    )
    _, data = export("codex", home, tmp_path)
    assert b"\\ud83d" not in data and "x\ufffd".encode() in data


AGENTS = ("codex", "claude", "gemini", "antigravity", "memory", "history")


def planted(value, plant):
    """A JSON value whose strings, keys apart, are what `plant` makes of them."""
    if isinstance(value, dict):
        return {key: planted(item, plant) for key, item in value.items()}
    if isinstance(value, list):
        return [planted(item, plant) for item in value]
    return plant(value) if isinstance(value, str) else value


def replant(home, plant):
    """Rewrite every log of a home that is JSON or lines of it, and the notes of the store."""
    for path in sorted(home.rglob("*")):
        if path.is_dir() or path.is_symlink():
            continue
        text = path.read_text("utf-8", "replace")
        if path.suffix in (".md", ".txt") and ".context" in str(path):
            path.write_text(plant(text), "utf-8")
        elif path.suffix in (".jsonl", ".json", ".txt"):
            try:
                path.write_text(json.dumps(planted(json.loads(text), plant)), "utf-8")
            except ValueError:
                rows = []
                for line in text.splitlines():
                    try:
                        rows.append(json.dumps(planted(json.loads(line), plant)))
                    except ValueError:
                        rows.append(line)
                path.write_text("\n".join(rows) + "\n", "utf-8")


def everything(agent, home, tmp_path, *options):
    """(status, every byte that an export wrote or said), with all outputs that it can have."""
    out = tmp_path / "all"
    out.mkdir(exist_ok=True)
    files = ["-o", "o.jsonl", "--summary", "s.json", "--account", "a.jsonl", "--rejects", "r.jsonl"]
    command = [sys.executable, "-B", os.path.join(ROOT, "bin", f"afs-export-{agent}"), "--home", str(home)]
    data, status = b"", []
    for more in ([*files, "--state", "st"], ["--list"], ["--list", "--as", "json", "--no-tools"]):
        done = subprocess.run([*command, *more, *options], cwd=out, capture_output=True, timeout=120)
        status.append(done.returncode)
        data += done.stdout + done.stderr
    return status, data + b"".join(path.read_bytes() for path in out.iterdir())


@pytest.mark.parametrize("agent", AGENTS)
def test_a_secret_in_every_text_of_the_examples_is_in_no_byte_that_is_written(agent, tmp_path):
    home = tmp_path / "h"
    shutil.copytree(os.path.join(ROOT, "examples", "home"), home, symlinks=True)
    replant(home, lambda text: f"{text} {canary('x')}" if " " in text or "\n" in text else text)
    status, data = everything(agent, home, tmp_path)
    assert set(status) <= {0, 1} and TOKEN.encode() not in data
    assert data.count(b"REDACTED_GITHUB_TOKEN_1") > 3


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("agent", AGENTS)
def test_a_secret_in_a_name_an_id_or_a_time_is_in_no_byte_that_is_written(agent, seed, tmp_path):
    home = tmp_path / "h"
    shutil.copytree(os.path.join(ROOT, "examples", "home"), home, symlinks=True)
    chance = random.Random(seed)
    share = chance.choice((0.01, 0.05, 0.3))
    replant(home, lambda text: canary(chance.randrange(99)) if chance.random() < share else text)
    status, data = everything(agent, home, tmp_path)
    assert set(status) <= {0, 1} and TOKEN.encode() not in data
