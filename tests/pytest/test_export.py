"""The exporters' common part: options, samples, redaction, the account of every turn, bad files."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import types
from collections import Counter
from pathlib import Path

import pytest
from afs import jsonl, sample
from afs.logs import codex, samples
from afs.logs.conversation import FLAGS, Conversation, Message, ToolCall, Turn, pair_results, sound
from afs.messages import Usage
from exports import IDS, rollout, run

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


# --- samples ----------------------------------------------------------------------------------------


def test_a_sample_is_a_whole_turn(home, tmp_path):
    rollout(home, 1, ["list it", "? where?", "Let me look.", "$ ls", "? one file", "There is one file."])
    status, (record,), summary, account = run(tmp_path, "--home", home)
    assert status == 0
    assert list(record) == [name for name in sample.FIELDS if name not in sample.SCORE_FIELDS]
    assert list(record["_metadata"]) == list(sample.METADATA_KEYS)
    assert sample.check(record) == ""
    assert (record["instruction"], record["output"]) == ("list it", "There is one file.")
    assert record["thinking"] == "where?\n\none file"
    assert record["input"] == "[shell]\noutput of ls"
    call = {"id": "c2-2", "type": "function", "function": {"name": "shell", "arguments": '{"cmd": "ls"}'}}
    call["id"] = record["messages"][1]["tool_calls"][0]["id"]
    assert record["messages"] == [
        {"role": "user", "content": "list it"},
        {"role": "assistant", "content": "Let me look.", "reasoning_content": "where?", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call["id"], "content": "output of ls"},
        {
            "role": "assistant",
            "content": "There is one file.",
            "reasoning_content": "one file",
            "tool_calls": None,
        },
    ]
    assert record["sample_id"] == sample.sample_id("codex", IDS[1], "0")
    assert (record["source"], record["domain"], record["teacher_model"]) == ("codex", "codex", "m-1")
    assert record["timestamp"] == "2025-11-01T00:00:00.000Z"
    assert record["_metadata"] == {
        "group": IDS[1],
        "project": "~/src/app",
        "turn": 0,
        "unit": "turn",
        "model": "m-1",
        "agent_version": "0.40.0",
        "tool_names": ["shell"],
        "tokens_in": None,
        "tokens_out": None,
        "flags": ["open"],
        "redactions": [],
        "terms": None,
    }
    assert summary["turns"] == {"seen": 1, "samples": 1, "skipped": {}}
    assert account == [
        {
            "file": f"~/.codex/sessions/2025/11/01/rollout-2025-11-01T00-00-00-{IDS[1]}.jsonl",
            "line": 3,
            "sample_id": record["sample_id"],
            "reason": None,
        }
    ]


def test_no_tools_leaves_question_and_answer(home, tmp_path):
    rollout(home, 1, ["list it", "? where?", "Let me look.", "$ ls", "There is one file."])
    _, (record,), _, _ = run(tmp_path, "--home", home, "--no-tools")
    assert [message["role"] for message in record["messages"]] == ["user", "assistant"]
    assert (record["input"], record["_metadata"]["tool_names"]) == ("", [])
    assert record["thinking"] == "where?"


def test_no_thinking_leaves_no_reasoning_anywhere(home, tmp_path):
    rollout(home, 1, ["list it", "? where?", "$ ls", "? hm", "There is one file."])
    _, (record,), _, _ = run(tmp_path, "--home", home, "--no-thinking")
    assert record["thinking"] is None
    assert [message.get("reasoning_content") for message in record["messages"]] == [None] * 4
    assert "where?" not in json.dumps(record)


def test_outputs_are_cut_in_the_input_alone_and_visibly(home, tmp_path):
    rollout(home, 1, ["q", "$ a", "$ b", "done"])
    _, (record,), _, _ = run(tmp_path, "--home", home, "--max-tool-output-chars", 6)
    assert (
        record["input"]
        == "[shell]\noutput\n[... 5 more characters]\n\n[shell]\noutput\n[... 5 more characters]"
    )
    assert [m["content"] for m in record["messages"] if m["role"] == "tool"] == ["output of a", "output of b"]


def test_a_conversation_is_one_sample_of_its_answered_turns(home, tmp_path):
    rollout(home, 1, ["one", "$ ls", "1"], ["two"], ["three", "? hm", "3"])
    status, (record,), summary, account = run(tmp_path, "--home", home, "--unit", "conversation")
    assert status == 0
    assert [m["content"] for m in record["messages"]] == ["one", "", "output of ls", "1", "three", "3"]
    assert (record["instruction"], record["output"], record["thinking"]) == ("one", "3", "hm")
    assert record["sample_id"] == sample.sample_id("codex", IDS[1])
    assert (record["_metadata"]["turn"], record["_metadata"]["unit"]) == (None, "conversation")
    assert summary["turns"] == {"seen": 3, "samples": 2, "skipped": {"no-answer": 1}}
    assert [row["sample_id"] for row in account] == [record["sample_id"], None, record["sample_id"]]


def test_a_domain_is_what_was_asked(home, tmp_path):
    rollout(home, 1, ["q", "a"])
    _, (record,), _, _ = run(tmp_path, "--home", home, "--domain", "shell")
    assert record["domain"] == "shell"


def turn(*messages, **fields):
    return Turn([Message("user", "q"), *messages], **fields)


CALL = ToolCall("1", "ls", "{}")


@pytest.mark.parametrize(
    ("given", "answer", "reason"),
    [
        (turn(), -1, "no-answer"),
        (turn(Message("assistant", "a")), 1, ""),
        (turn(Message("assistant", " \n")), -1, "no-answer"),
        (turn(Message("assistant", "a", tool_calls=[CALL])), -1, "no-answer"),
        (turn(Message("assistant", "a"), Message("assistant", tool_calls=[CALL])), -1, "no-answer"),
        (turn(Message("assistant", "a"), Message("assistant", reasoning="r")), 1, ""),
        (turn(Message("assistant", "a", phase="commentary")), -1, "no-answer"),
        (
            turn(Message("assistant", "a", phase="final"), Message("assistant", "b", phase="commentary")),
            1,
            "",
        ),
        (turn(Message("assistant", "a"), flags={"interrupted"}), 1, "interrupted"),
        (turn(flags={"interrupted"}), -1, "interrupted"),
        (turn(Message("assistant", "a", phase="final"), flags={"interrupted"}), 1, ""),
        (turn(Message("assistant", "a"), skip="command"), 1, "command"),
        (Turn([Message("user", " "), Message("assistant", "a")]), 1, "no-question"),
    ],
)
def test_the_answer_is_the_last_text_that_no_call_follows(given, answer, reason):
    assert (samples.final(given), samples.why_not(given)) == (answer, reason)


@pytest.mark.parametrize(
    ("cwd", "name"),
    [
        ("/home/kit/src/app", "~/src/app"),
        ("/Users/kit/src/app/", "~/src/app"),
        ("/root/app", "~/app"),
        ("/home/kit", "~"),
        ("/work/deep/app", "app"),
        ("/homework/kit", "kit"),
        ("C:\\Users\\kit\\src\\app", "~/src/app"),
        ("/mnt/c/Users/kit/app", "~/app"),
        ("/", ""),
        ("", ""),
    ],
)
def test_a_project_never_names_a_home(cwd, name):
    assert samples.project_name(cwd) == name


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("That's wrong: it must be 12", "corrected"),
        ("No, that is not what I meant", "corrected"),
        ("it still fails with the same error", "corrected"),
        ("I think you broke something: Traceback", "corrected"),
        ("this doesn't work on macOS", "corrected"),
        ("stop, undo that", "corrected"),
        ("wrong file", "corrected"),
        ("CI seems to still fail... Also, the readme", "corrected"),
        ("Nope, the CI badge is still failing.", "corrected"),
        ("No, let's expand the checks first", ""),
        ("yes please", ""),
        ("the README still needs a section", ""),
        ("why is this wrong in Python 2?", ""),
        ("you are great", ""),
        ("Thanks! Now the tests.", "thanked"),
        ("ok, perfect", "thanked"),
        ("It works now", "thanked"),
        ("perfect would be a table", ""),
        ("it works, but only once", "thanked"),
        ("why did you delete the tests?", "complained"),
        ("I already told you: no new files", "complained"),
        ("This is terrible", "complained"),
        ("What are you doing", "complained"),
        ("stop changing the tests", "complained"),
        ("how would you structure this?", ""),
        ("no, use tabs", ""),
    ],
)
def test_what_the_next_message_says_of_a_turn_is_a_flag(text, said):
    turns = [turn(), Turn([Message("user", text)])]
    samples.mark_replies(turns)
    assert turns[0].flags == ({f"{said}_by_user"} if said else set())
    assert turns[1].flags == set()


def test_results_go_behind_their_calls_and_orphans_go():
    work = Message("assistant", tool_calls=[ToolCall("1", "a", "{}"), ToolCall("2", "b", "{}")])
    results = [
        Message("tool", text, tool_call_id=name)
        for name, text in (("2", "two"), ("1", "one"), ("1", "again"), ("9", "x"))
    ]
    assert [m.content for m in pair_results([work, *results, Message("assistant", "done")])] == [
        "",
        "one",
        "two",
        "done",
    ]


def test_lone_surrogates_become_replacement_characters(home, tmp_path):
    path = rollout(home, 1, ["caf\u00e9 XX", "$ XX", "? XX", "XX"])
    path.write_text(path.read_text().replace("XX", "\\ud83d"))
    _, (record,), _, _ = run(tmp_path, "--home", home)
    assert (record["instruction"], record["output"], record["thinking"]) == (
        "caf\u00e9 \ufffd",
        "\ufffd",
        "\ufffd",
    )
    assert json.loads(record["messages"][1]["tool_calls"][0]["function"]["arguments"]) == {"cmd": "\ufffd"}
    assert sound("plain") == "plain"
    assert sound("\ud83d\ud83d!") == "\ufffd\ufffd!"


# --- selection --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ([], ["a", "b", "c", "d"]),
        (["--project", "~/src/*"], ["a", "b"]),
        (["--project", "app"], ["a", "b"]),
        (["--project", "~/src/app"], ["a", "b"]),
        (["--project", "deep"], ["b"]),
        (["--project", "/srv/*"], ["c"]),
        (["--project", "app", "--project", "other"], ["a", "b", "c"]),
        (["--exclude-project", "src"], ["c", "d"]),
        (["--project", "app", "--exclude-project", "deep"], ["a"]),
        (["--exclude-project", "?*"], []),
    ],
)
def test_projects_are_chosen_by_patterns(options, kept, home, tmp_path):
    for number, (cwd, name) in enumerate(
        [("/home/kit/src/app", "a"), ("/home/kit/src/app/deep", "b"), ("/srv/other", "c"), ("", "d")], 1
    ):
        rollout(home, number, [name, "answer"], cwd=cwd)
    _, records, summary, _ = run(tmp_path, "--home", home, *options)
    kept = kept or (["d"] if options else kept)
    assert [record["instruction"] for record in records] == kept
    assert summary["turns"]["skipped"].get("project", 0) == 4 - len(kept)


def test_a_turn_in_an_excluded_folder_is_left_out_of_a_wanted_conversation(home, tmp_path):
    path = rollout(home, 1, ["public", "a1"], ["private", "a2"])
    lines = path.read_text().splitlines()
    lines.insert(4, json.dumps({"type": "turn_context", "payload": {"cwd": "/home/kit/diary"}}))
    path.write_text("\n".join(lines) + "\n")
    for unit in ("turn", "conversation"):
        _, records, summary, _ = run(tmp_path, "--home", home, "--exclude-project", "diary", "--unit", unit)
        assert [m["content"] for m in records[0]["messages"]] == ["public", "a1"]
        assert summary["turns"]["skipped"] == {"project": 1}


def test_a_limit_counts_samples_that_were_written(home, tmp_path):
    rollout(home, 1, ["none"], ["one", "1"], ["two", "2"], ["three", "3"])
    rollout(home, 2, ["four", "4"])
    status, records, summary, account = run(tmp_path, "--home", home, "--limit", 2)
    assert (status, [record["output"] for record in records]) == (0, ["1", "2"])
    assert summary["turns"] == {"seen": 3, "samples": 2, "skipped": {"no-answer": 1}}
    assert len(account) == 3


def test_the_same_thread_is_written_once_and_named(home, tmp_path):
    path = rollout(home, 1, ["q", "a"])
    other = tmp_path / "elsewhere.jsonl"
    other.write_bytes(path.read_bytes())
    for unit, rows in (("turn", 2), ("conversation", 2)):
        status, records, summary, account = run(tmp_path, "--home", home, other, "--unit", unit)
        assert (status, len(records), len(account)) == (0, 1, rows)
        assert summary["turns"]["skipped"] == {"duplicate": 1}


def test_a_fork_repeats_nothing_but_gives_what_only_it_has(home, tmp_path):
    parent = rollout(home, 1, ["old", "a1"])
    fork = rollout(home, 2, ["new", "a2"])
    lines = fork.read_text().splitlines()
    old = [line for line in parent.read_text().splitlines() if '"turn_context"' not in line]
    stamps = ["2025-11-02T00:00:00.000Z", "2025-11-02T00:00:09.000Z"]
    rows = [json.loads(line) | {"timestamp": stamps[0]} for line in [lines[0], *old]]
    rows += [json.loads(line) | {"timestamp": stamps[1]} for line in lines[1:]]
    fork.write_text("".join(json.dumps(row) + "\n" for row in rows))
    _, records, summary, _ = run(tmp_path, "--home", home)
    assert [(r["instruction"], r["_metadata"]["group"]) for r in records] == [
        ("old", IDS[1]),
        ("new", IDS[1]),
    ]
    assert summary["turns"] == {"seen": 3, "samples": 2, "skipped": {"replayed": 1}}
    name = records[0]["sample_id"]
    parent.unlink()
    _, records, summary, _ = run(tmp_path, "--home", home)
    assert (len(records), records[0]["sample_id"]) == (2, name)


def test_sub_agents_are_counted_and_not_written(home, tmp_path):
    path = rollout(home, 1, ["count", "7"])
    path.write_text(path.read_text().replace('"cli_version"', '"thread_source": "subagent", "cli_version"'))
    status, records, summary, _ = run(tmp_path, "--home", home)
    assert (status, records, summary["turns"]["seen"]) == (0, [], 0)
    assert summary["conversations"] == {"read": 1, "subagent": 1}


# --- redaction --------------------------------------------------------------------------------------


class Unclean(ValueError):
    pass


class Redactor:
    """Takes HUSH out, and cannot clean CURSED."""

    def redact_all(self, values, beside=()):
        return [self.redact(value) for value in values]

    def redact(self, value):
        text = json.dumps(value)
        if "CURSED" in text:
            return Unclean("a value that will not go")
        counts = Counter(X=text.count("HUSH"))
        return types.SimpleNamespace(value=json.loads(text.replace("HUSH", "[X]")), counts=counts)


@pytest.fixture
def redactor(monkeypatch):
    import afs.redact

    monkeypatch.setattr(afs.redact, "ready", lambda *options: Redactor())


def test_everything_is_redacted_before_it_is_cut(redactor, home, tmp_path):
    rollout(home, 1, ["the HUSH", "? HUSH", "$ HUSH", "is HUSH"], cwd="/home/kit/HUSH")
    _, (record,), _, _ = run(tmp_path, "--home", home, "--max-tool-output-chars", 12, redact=True)
    assert "HUSH" not in json.dumps(record) and "HU" not in record["input"]
    assert (record["instruction"], record["thinking"], record["output"]) == ("the [X]", "[X]", "is [X]")
    assert record["input"] == "[shell]\noutput of [X\n[... 1 more characters]"
    assert record["_metadata"]["project"] == "~/[X]"
    assert record["_metadata"]["redactions"] == ["X:6"]


def test_a_conversation_counts_what_all_its_turns_lost(redactor, home, tmp_path):
    rollout(home, 1, ["q1", "HUSH"], ["q2", "HUSH HUSH"], cwd="/home/kit/HUSH")
    _, (record,), _, _ = run(tmp_path, "--home", home, "--unit", "conversation", redact=True)
    assert record["_metadata"]["redactions"] == ["X:4"]


def test_no_tools_redacts_the_reasoning_that_stands_in_no_message(redactor, home, tmp_path):
    rollout(home, 1, ["q", "? HUSH", "$ ls", "a"])
    _, (record,), _, _ = run(tmp_path, "--home", home, "--no-tools", redact=True)
    assert record["thinking"] == "[X]"


def test_an_unclean_sample_is_not_written(redactor, home, tmp_path):
    path = rollout(home, 1, ["fine", "a"], ["CURSED", "b"])
    status, records, summary, account = run(tmp_path, "--home", home, redact=True)
    assert (status, [record["instruction"] for record in records]) == (3, ["fine"])
    assert summary["turns"] == {"seen": 2, "samples": 1, "skipped": {"unclean": 1}}
    assert (summary["rejected"], summary["reject_reasons"]) == (1, {"unclean": 1})
    assert account[1]["reason"] == "unclean"
    rejects = tmp_path / "rejects.jsonl"
    status, _, _, _ = run(tmp_path, "--home", home, "--rejects", rejects, redact=True)
    row = json.loads(rejects.read_text())
    assert (status, row["line"], row["reason"]) == (0, 5, "unclean")
    assert "CURSED" not in rejects.read_text()
    assert row["file"].startswith("~/") and row["file"].endswith(path.name)


# --- the account ------------------------------------------------------------------------------------


class Lossy:
    """A source whose conversation changes its turns while they are counted."""

    NAME = "codex"

    @staticmethod
    def roots(home, environ):
        return [home]

    @staticmethod
    def find(root, failed=None):
        return [[os.path.join(root, "log")]]

    @staticmethod
    def parse(files, note):
        class Short(list):
            def __iter__(self):
                return iter(self[:1])

        yield Conversation("codex", "1", files, Short([turn(Message("assistant", "a"), path=files[0])] * 2))


def test_a_turn_without_account_is_an_error_with_the_output_written(home, tmp_path, capsys):
    status, records, _, _ = run(tmp_path, "--home", home, source=Lossy)
    assert (status, len(records)) == (1, 1)
    assert "~/log: 2 human turns, but 1 accounted for" in capsys.readouterr().err


def test_the_account_names_every_turn_of_the_examples(tmp_path):
    status, records, summary, account = run(tmp_path, "--home", ROOT / "examples" / "home")
    turns = summary["turns"]
    assert status == 0
    assert turns["seen"] == len(account) == len(records) + sum(turns["skipped"].values())
    assert turns["skipped"] == {"imported": 1, "interrupted": 1, "replayed": 1, "rolled-back": 1}
    assert [row["sample_id"] for row in account if row["sample_id"]] == [row["sample_id"] for row in records]
    assert len({row["sample_id"] for row in records}) == len(records)
    assert all(sample.check(record) == "" for record in records)
    assert {flag for record in records for flag in record["_metadata"]["flags"]} <= set(FLAGS)
    assert not any("<environment_context>" in record["instruction"] for record in records)


# --- bad input --------------------------------------------------------------------------------------


def test_bad_lines_are_rejects_and_a_torn_end_is_none(home, tmp_path, capsys):
    path = rollout(home, 1, ["q", "a"], tail='{"type": "resp')
    data = path.read_bytes().split(b"\n")
    data[2:2] = [b"\xff\xfe", b"[1]", b"{nope}", b""]
    path.write_bytes(b"\n".join(data))
    status, records, summary, _ = run(tmp_path, "--home", home)
    assert (status, len(records)) == (1, 1)
    assert f"{path.name}:4: bad record: not-object; use --rejects FILE" in capsys.readouterr().err
    rejects = tmp_path / "rejects.jsonl"
    status, records, summary, _ = run(tmp_path, "--home", home, "--rejects", str(rejects))
    assert (status, len(records)) == (0, 1)
    rows = [json.loads(line) for line in rejects.read_text().splitlines()]
    assert [(row["line"], row["reason"]) for row in rows] == [(3, "utf8"), (4, "not-object"), (5, "json")]
    data = path.read_bytes()
    lines = [data[row["offset"] : row["offset"] + row["length"]] for row in rows]
    assert lines == data.splitlines()[2:5]
    assert [row["hash"] for row in rows] == [jsonl.digest(line) for line in lines]
    assert all(row["file"].startswith("~/.codex/sessions/") for row in rows)
    assert {what: entry["count"] for what, entry in summary["log"]["bad"].items()} == {
        "utf8": 1,
        "not-object": 1,
        "json": 1,
    }
    assert summary["log"]["torn"]["json"]["first"].endswith(f"{path.name}:9")
    assert summary["torn"] == {"json": 1}


def test_strict_stops_at_the_first_line_that_cannot_be_used(home, tmp_path, capsys):
    path = rollout(home, 1, ["q", "a"])
    path.write_bytes(path.read_bytes() + b"oops\n")
    with pytest.raises(Exception) as stopped:
        run(tmp_path, "--home", home, "--strict")
    assert type(stopped.value).__name__ == "Stop" and stopped.value.args[0] == 1
    assert f"{path.name}:5: bad record: json" in capsys.readouterr().err
    assert not (tmp_path / "out.jsonl").exists()


def test_an_empty_file_and_one_without_turns_give_nothing(home, tmp_path):
    rollout(home, 1, ["q", "a"]).write_bytes(b"")
    rollout(home, 2)
    status, records, summary, _ = run(tmp_path, "--home", home)
    assert (status, records, summary["turns"]["seen"]) == (0, [], 0)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_a_file_and_a_folder_without_permission_are_named_and_the_others_read(home, tmp_path, capsys):
    first = rollout(home, 1, ["q1", "a1"])
    rollout(home, 2, ["q2", "a2"])
    third = rollout(home, 3, ["q3", "a3"])
    first.chmod(0)
    third.parent.chmod(0)
    try:
        status, records, summary, _ = run(tmp_path, "--home", home)
    finally:
        third.parent.chmod(0o700)
    assert (status, [record["output"] for record in records]) == (1, ["a2"])
    assert summary["unreadable"] == 2
    assert f"{first.name}: permission denied; its turns are missing" in capsys.readouterr().err


def test_a_file_that_fails_is_named_and_the_others_read(home, tmp_path, capsys):
    rollout(home, 1, ["q1", "a1"])
    rollout(home, 2, ["q2", "a2"])

    class Broken(Lossy):
        roots, find = staticmethod(codex.roots), staticmethod(codex.find)

        @staticmethod
        def parse(files, note):
            if "-11-01T" in files[0]:
                raise OSError(5, "Input/output error", files[0])
            yield from codex.parse(files, note)

    status, records, summary, _ = run(tmp_path, "--home", home, source=Broken)
    assert (status, [record["output"] for record in records]) == (1, ["a2"])
    assert summary["unreadable"] == 1
    assert "input/output error; its turns are missing" in capsys.readouterr().err


def test_a_folder_that_cannot_be_listed_is_named(home, tmp_path, monkeypatch, capsys):
    shut = rollout(home, 1, ["q1", "a1"]).parent
    rollout(home, 2, ["q2", "a2"])
    plain = os.scandir

    def scandir(path):
        if path == str(shut):
            raise PermissionError(13, "Permission denied", path)
        return plain(path)

    monkeypatch.setattr(os, "scandir", scandir)
    status, records, _, _ = run(tmp_path, "--home", home)
    assert (status, [record["output"] for record in records]) == (1, ["a2"])
    assert f"{shut}: permission denied; its logs are missing" in capsys.readouterr().err


def test_a_log_that_grows_is_read_up_to_its_size_at_the_start(home, tmp_path, monkeypatch):
    path = rollout(home, 1, ["q1", "a1"])
    plain = os.read

    def grow(fd, size):
        data = plain(fd, size)
        if data and data.startswith(b'{"timestamp"'):
            with path.open("a") as out:
                out.write(path.read_text().splitlines()[2] + "\n")
        return data

    monkeypatch.setattr(os, "read", grow)
    status, records, summary, _ = run(tmp_path, "--home", home)
    assert (status, len(records), summary["turns"]["seen"]) == (0, 1, 1)
    assert path.read_text().count("q1") > 1


def test_a_home_without_logs_is_a_clear_line(home, tmp_path, capsys):
    status, records, _, _ = run(tmp_path, "--home", home)
    assert (status, records) == (0, [])
    assert f"no codex logs under {home}/.codex; nothing to do" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--home", "missing"], "missing: no such folder"),
        (["--root", "missing"], "missing: no such folder"),
        (["missing.jsonl"], "missing.jsonl: no such file"),
        (["."], ".: is a folder; read it with --root"),
        (["--home", "file"], "file: no such folder"),
        (["out.jsonl"], "out.jsonl: is a log; name another file for the samples"),
    ],
)
def test_what_is_named_must_exist(argv, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    if argv == ["out.jsonl"]:
        (tmp_path / "out.jsonl").touch()
    with pytest.raises(Usage, match=message.replace(".", "\\.")):
        run(tmp_path, *argv)


# --- the command ------------------------------------------------------------------------------------


def command(*argv, **environ):
    path = ROOT / "bin" / "afs-export-codex"
    given = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", **environ}
    return subprocess.run(
        [sys.executable, path, *map(str, argv)], capture_output=True, env=given, check=False
    )


def test_the_same_logs_give_the_same_bytes_in_any_order_of_the_folder(home, tmp_path):
    for number in (3, 1, 2):
        rollout(home, number, [f"q{number}", "$ ls", f"a{number}"])
    other = tmp_path / "copy"
    other.mkdir()
    for number in (2, 3, 1):
        rollout(other, number, [f"q{number}", "$ ls", f"a{number}"])
    runs = [
        command("--home", where, "--no-redact", PYTHONHASHSEED=seed)
        for where, seed in ((home, "1"), (other, "2"), (home, "3"))
    ]
    assert [done.returncode for done in runs] == [0, 0, 0]
    assert runs[0].stdout == runs[1].stdout == runs[2].stdout != b""
    assert str(tmp_path).encode() not in runs[0].stdout


def test_a_root_and_files_may_be_named_and_paths_are_relative_to_the_root(home, tmp_path):
    path = rollout(home, 1, ["q1", "a1"])
    single = tmp_path / "single.jsonl"
    rollout(tmp_path, 2, ["q2", "a2"]).rename(single)
    account = tmp_path / "account.jsonl"
    done = command(
        "--root", home / ".codex", single, "--no-redact", "--account", account, HOME=str(tmp_path / "none")
    )
    assert done.returncode == 0
    assert [json.loads(line)["output"] for line in done.stdout.splitlines()] == ["a1", "a2"]
    files = [json.loads(line)["file"] for line in account.read_text().splitlines()]
    assert files == [str(path.relative_to(home / ".codex")), "single.jsonl"]


def test_the_users_home_and_codex_home_are_the_default(home, tmp_path):
    rollout(home, 1, ["q1", "a1"])
    rollout(tmp_path, 2, ["q2", "a2"])
    done = command("--no-redact", HOME=str(home))
    assert json.loads(done.stdout)["output"] == "a1"
    done = command("--no-redact", HOME=str(home), CODEX_HOME=str(tmp_path / ".codex"))
    assert json.loads(done.stdout)["output"] == "a2"
    done = command("--no-redact", "--home", home, CODEX_HOME=str(tmp_path / ".codex"))
    assert json.loads(done.stdout)["output"] == "a1"


# --- one conversation -------------------------------------------------------------------------------


def test_what_one_turn_tells_is_replaced_in_all_turns_before_and_after(home, tmp_path):
    word = "plum-Q7uark" + "-lamp"
    encoded = base64.b64encode(f"id:{word}".encode()).decode()
    rollout(home, 1, ["q1", f"it is {word}"], [f"DB_PASSWORD={word}", "thanks"], ["q3", f"as {encoded} says"])
    rollout(home, 2, ["q1", f"it is {word}"])
    _, records, summary, _ = run(tmp_path, "--home", home, redact=True)
    answers = [record["output"] for record in records]
    assert answers == [
        "it is REDACTED_PASSWORD_1",
        "thanks",
        "as REDACTED_PASSWORD_1 says",
        f"it is {word}",  # another conversation
    ]
    assert summary["redacted"]["PASSWORD"] == 3


def test_a_turn_without_a_sample_tells_too(home, tmp_path):
    word = "plum-Q7uark" + "-lamp"
    rollout(home, 1, ["q1", f"it is {word}"], [f"DB_PASSWORD={word}"])
    for unit in ("turn", "conversation"):
        _, (record,), _, _ = run(tmp_path, "--home", home, "--unit", unit, redact=True)
        assert record["output"] == "it is REDACTED_PASSWORD_1"


def test_a_limit_counts_samples_that_are_written(redactor, home, tmp_path):
    rollout(home, 1, ["q1", "CURSED"], ["q2", "a"], ["q3", "CURSED"], ["q4", "b"], ["q5", "c"])
    status, records, summary, _ = run(tmp_path, "--home", home, "--limit", 2, redact=True)
    assert [record["output"] for record in records] == ["a", "b"]
    assert (status, summary["turns"]["seen"], summary["turns"]["skipped"]) == (3, 4, {"unclean": 2})
