"""Which logs are read and which turns are wanted: dates, sub-agents, permanent exclusions, --list."""

from __future__ import annotations

import json

import pytest
from afs.logs import codex, samples
from afs.logs.conversation import Conversation, Message, Turn
from afs.messages import Usage
from exports import IDS, rollout, run


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "home"
    folder.mkdir()
    rollout(folder, 1, ["one", "1"], cwd="/home/kit/src/app")
    rollout(folder, 2, ["two", "2"], cwd="/home/kit/diary")
    rollout(folder, 5, ["five", "5"], ["open end"], cwd="/home/kit/src/app")
    return folder


def questions(records):
    return [record["instruction"] for record in records]


@pytest.mark.parametrize(
    ("argv", "found"),
    [
        (["--since", "2025-11-02"], ["two", "five"]),
        (["--until", "2025-11-02"], ["one"]),
        (["--since", "2025-11-01", "--until", "2025-11-03"], ["one", "two"]),
        (["--since", "2025-11-02T01:00:00+02:00", "--until", "2025-11-02T00:00:00Z"], []),
        (["--since", "2025-11-02T02:00:00+02:00"], ["two", "five"]),
    ],
)
def test_dates(argv, found, home, tmp_path):
    status, records, summary, _ = run(tmp_path, "--home", home, *argv)
    assert (status, questions(records)) == (0, found)
    assert summary["turns"]["seen"] == 4 == len(found) + sum(summary["turns"]["skipped"].values())


def test_a_turn_without_a_time_is_in_no_span_of_time(home, tmp_path):
    path = next(home.rglob(f"*{IDS[1]}*"))
    path.write_text(path.read_text().replace('"timestamp"', '"when"'))
    assert questions(run(tmp_path, "--home", home, "--until", "2026-01-01")[1]) == ["two", "five"]


@pytest.fixture
def config(tmp_path):
    def config(text):
        path = tmp_path / "config.toml"
        path.write_text(text)
        path.chmod(0o600)
        return path

    return config


@pytest.mark.parametrize("pattern", ["diary", "~/diary", "/home/kit/diary", "~/di*"])
def test_an_excluded_project_is_not_even_read(pattern, home, tmp_path, config, monkeypatch):
    path = config(f'[exclude]\nprojects = ["{pattern}"]\n')
    seen = []
    parse = codex.parse
    monkeypatch.setattr(codex, "parse", lambda files, note: seen.append(files) or parse(files, note))
    status, records, summary, _ = run(tmp_path, "--home", home, "--config", path)
    assert (status, questions(records)) == (0, ["one", "five"])
    assert summary["conversations"] == {"excluded": 1, "read": 2, "subagent": 0}
    assert not any(IDS[2] in file for files in seen for file in files)


def test_a_turn_in_an_excluded_folder_is_left_out_of_a_conversation(home, tmp_path, config):
    path = next(home.rglob(f"*{IDS[5]}*"))
    lines = path.read_text().splitlines()
    moved = {
        "type": "turn_context",
        "timestamp": "2025-11-05T00:00:00.000Z",
        "payload": {"cwd": "/home/kit/diary"},
    }
    path.write_text("\n".join([*lines[:2], json.dumps(moved), *lines[2:]]) + "\n")
    _, records, summary, _ = run(
        tmp_path, "--home", home, "--config", config('[exclude]\nprojects = ["diary"]\n')
    )
    assert questions(records) == ["one"]
    assert summary["turns"]["skipped"] == {"excluded": 2}


def test_an_excluded_conversation(home, tmp_path, config):
    path = config(f'[exclude]\nconversations = ["{IDS[1]}"]\n')
    _, records, summary, _ = run(tmp_path, "--home", home, "--config", path)
    assert questions(records) == ["two", "five"]
    assert summary["conversations"]["excluded"] == 1


class Store:
    """A source of one main conversation and two sub-agents."""

    NAME = "codex"

    @staticmethod
    def roots(home, environ):
        return [environ.get("AFS_CONTEXT_ROOT", home)]

    @staticmethod
    def find(root, failed=None):
        return [[f"{root}/log"]]

    @staticmethod
    def glance(path):
        return "", ""

    @staticmethod
    def parse(files, note):
        for name, parent in (("m", ""), ("s", "m"), ("t", "x")):
            asked = Message("user", f"ask {name}")
            turn = Turn(
                [asked, Message("assistant", "told")], path=files[0], timestamp="2025-01-01T00:00:00Z"
            )
            talk = Conversation("codex", name, files, [turn], system=f"system {name}")
            talk.subagent, talk.parent, talk.group = bool(parent), parent, parent
            yield talk


@pytest.mark.parametrize(
    ("argv", "found"),
    [
        ([], ["ask m"]),
        (["--subagents", "skip"], ["ask m"]),
        (["--subagents", "include"], ["ask m", "ask s", "ask t"]),
        (["--subagents", "only"], ["ask s", "ask t"]),
    ],
)
def test_subagents(argv, found, home, tmp_path):
    _, records, summary, _ = run(tmp_path, "--root", home, *argv, source=Store)
    assert questions(records) == found
    flagged = {record["instruction"]: "subagent" in record["_metadata"]["flags"] for record in records}
    assert flagged == {name: name != "ask m" for name in found}
    assert summary["turns"]["seen"] == len(found)


def test_subagents_of_an_excluded_conversation_are_excluded(home, tmp_path, config):
    path = config('[exclude]\nconversations = ["m"]\n')
    argv = ("--root", home, "--subagents", "include", "--config", path)
    _, records, summary, _ = run(tmp_path, *argv, source=Store)
    assert questions(records) == ["ask t"]
    assert summary["turns"]["skipped"] == {"excluded": 2}


def test_the_system_prompt_begins_the_messages_and_nothing_else(home, tmp_path):
    _, (record,), _, _ = run(tmp_path, "--root", home, source=Store)
    assert record["messages"][0]["role"] == "user"
    _, (record,), _, _ = run(tmp_path, "--root", home, "--include-system", source=Store)
    assert record["messages"][0] == {"role": "system", "content": "system m"}
    assert (record["instruction"], record["output"], record["input"]) == ("ask m", "told", "")


def test_context_stands_in_the_input_and_a_topic_of_its_own_is_the_domain():
    turn = Turn([Message("user", "q"), Message("assistant", "a")], context="beside", domain="ops")
    talk = Conversation("codex", "c", ["f"], [turn])
    wanted = samples.Wanted()
    record = samples.make(talk, [turn], samples.told(talk, [turn], wanted), {}, wanted, "turn")
    assert (record["input"], record["domain"]) == ("beside", "ops")
    wanted = samples.Wanted(domain="mine")
    assert (
        samples.make(talk, [turn], samples.told(talk, [turn], wanted), {}, wanted, "turn")["domain"] == "mine"
    )


# --- --list -------------------------------------------------------------------------------------------


def test_list_tells_a_row_a_project_and_exports_nothing(home, tmp_path):
    out = tmp_path / "out.jsonl"
    status, rows, _, _ = run_list(tmp_path, "--home", home, "--as", "json")
    size = {number: next(home.rglob(f"*{IDS[number]}*")).stat().st_size for number in (1, 2, 5)}
    assert status == 0
    assert rows == [
        {
            "project": "~/diary",
            "conversations": 1,
            "turns": 1,
            "bytes": size[2],
            "first": "2025-11-02",
            "last": "2025-11-02",
        },
        {
            "project": "~/src/app",
            "conversations": 2,
            "turns": 3,
            "bytes": size[1] + size[5],
            "first": "2025-11-01",
            "last": "2025-11-05",
        },
    ]
    run_list(tmp_path, "--home", home, "--since", "2025-11-05")
    assert [line.split() for line in out.read_text().splitlines()] == [
        ["project", "conversations", "turns", "bytes", "first", "last"],
        ["~/src/app", "1", "2", str(size[5]), "2025-11-05", "2025-11-05"],
    ]


def run_list(tmp_path, *argv):
    from afs import cli
    from afs.logs import export

    parser = cli.parser("afs-export-x - test\n", "output rejects summary strict limit config")
    export.add_options(parser)
    out, counts = tmp_path / "out.jsonl", tmp_path / "counts.json"
    args = parser.parse_args(["-q", "--list", "-o", str(out), "--summary", str(counts), *map(str, argv)])
    with cli.Run(args) as running:
        export.export(running, codex)
    rows = [json.loads(line) for line in out.read_text().splitlines()] if args.form == "json" else []
    return running.status, rows, json.loads(counts.read_text()), None


def test_a_secret_in_the_name_of_a_folder_is_not_listed(home, tmp_path):
    secret = "gh" + "p_" + "16C7e42F292c6912E7710c838347Ae178B4a"
    rollout(home, 6, ["q", "a"], cwd=f"/home/kit/{secret}")
    _, rows, _, _ = run_list(tmp_path, "--home", home, "--as", "json")
    assert secret not in json.dumps(rows) and len(rows) == 3


@pytest.mark.parametrize("argv", [["--state", "s"], ["--account", "a"]])
def test_list_goes_with_no_option_that_writes(argv, home, tmp_path):
    with pytest.raises(Usage, match="--list exports nothing"):
        run_list(tmp_path, "--home", home, *argv)
