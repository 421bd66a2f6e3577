"""The Antigravity parser: the files of one conversation, branches, who speaks, results, exported markdown."""

from __future__ import annotations

import gzip
import json
import os
import sys
from random import Random

import pytest
import talks
import write_antigravity_db
from afs.logs import antigravity, read, samples
from afs.logs.antigravity import beside as antigravity_beside
from afs.logs.antigravity import db as antigravity_db
from afs.logs.antigravity import files as antigravity_files
from afs.logs.antigravity import steps as antigravity_steps
from afs.logs.antigravity import text as antigravity_text
from afs.logs.antigravity.steps import Step
from hypothesis import given, settings
from hypothesis import strategies as st

TALK = "4d7e9a10-3c52-4b6f-8a01-0000000000d1"
OTHER = "4d7e9a10-3c52-4b6f-8a01-0000000000d2"
USER, MODEL, SYSTEM = "USER_EXPLICIT", "MODEL", "SYSTEM"


def at(second):
    return f"2026-06-26T10:{second // 60:02d}:{second % 60:02d}Z"


class Log:
    """Records of a transcript, one second apart."""

    def __init__(self):
        self.rows, self.clock, self.index = [], 0, 0

    def add(self, source, kind, *, index=None, status="DONE", **fields):
        self.index = self.index if index is None else index
        row = {"step_index": self.index, "source": source, "type": kind, "status": status}
        self.rows.append({**row, "created_at": at(self.clock), **fields})
        self.index += 1
        self.clock += 1
        return self

    def ask(self, text, **more):
        return self.add(USER, "USER_INPUT", content=f"<USER_REQUEST>\n{text}\n</USER_REQUEST>", **more)

    def say(self, text, **more):
        return self.add(MODEL, "PLANNER_RESPONSE", content=text, **more)

    def call(self, *calls, **more):
        calls = [{"name": name, "args": args} for name, args in calls]
        return self.add(MODEL, "PLANNER_RESPONSE", tool_calls=calls, **more)

    def result(self, kind, text, **more):
        return self.add(MODEL, kind, content=text, **more)

    def text(self):
        return "".join(json.dumps(row) + "\n" for row in self.rows)


def put(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def logs(top, talk=TALK):
    return top / "brain" / talk / ".system_generated" / "logs"


def everything(root):
    """(conversations, notes without paths) of a root."""
    notes, found = [], []
    for files in antigravity.find(str(root)):
        found += antigravity.parse(files, lambda *note: notes.append((note[0], note[3])))
    return found, notes


def one(tmp_path, log, name="transcript_full.jsonl"):
    """(conversation, notes) of one transcript."""
    text = log if isinstance(log, str | bytes) else log.text()
    put(logs(tmp_path / "antigravity") / name, text)
    talks, notes = everything(tmp_path)
    return (talks[0] if talks else None), notes


def said(turn):
    answer = samples.final(turn)
    return turn.messages[0].content, turn.messages[answer].content if answer > 0 else None


def tools(turn):
    """[(name, result)] of the calls of a turn."""
    results = {message.tool_call_id: message.content for message in turn.messages if message.role == "tool"}
    calls = [call for message in turn.messages for call in message.tool_calls]
    return [(call.name, results.get(call.id)) for call in calls]


# --- who speaks ---------------------------------------------------------------------------------------


def test_only_the_planner_speaks_and_results_go_to_their_calls_by_type(tmp_path):
    log = Log().ask("why?")
    log.call(("view_file", {"AbsolutePath": "/a"}), ("run_command", {"CommandLine": "ls"}))
    log.result("RUN_COMMAND", "Created At: x\nCompleted At: y\nout").result("VIEW_FILE", "1: text")
    log.say("because")
    talk, notes = one(tmp_path, log)
    (turn,) = talk.turns
    assert (talk.id, notes) == (TALK, [])
    assert said(turn) == ("why?", "because")
    assert tools(turn) == [("view_file", "1: text"), ("run_command", "out")]
    assert turn.native_id == "0@2026-06-26T10:00:00Z"
    assert turn.flags == set()


def test_a_result_of_another_type_is_no_result_of_the_call(tmp_path):
    log = Log().ask("why?").call(("view_file", {})).result("RUN_COMMAND", "out").say("so")
    talk, notes = one(tmp_path, log)
    assert tools(talk.turns[0]) == [("view_file", None)]
    assert talk.turns[0].flags == {"unanswered_call"}
    assert ("skipped", "a result without its call") in notes


def test_generic_results_go_in_order_and_a_late_one_to_the_block_that_called(tmp_path):
    log = Log().ask("a").call(("view_file", {}), ("mine", {}), ("run_command", {}))
    log.result("GENERIC", "1").result("GENERIC", "2").say("wait").result("RUN_COMMAND", "3").say("done")
    talk, _ = one(tmp_path, log)
    assert tools(talk.turns[0]) == [("view_file", "1"), ("mine", "2"), ("run_command", "3")]


def test_injected_steps_and_the_persons_own_edits_are_nobodys_words(tmp_path):
    log = Log().ask("a").add(SYSTEM, "EPHEMERAL_MESSAGE", content="x").add(USER, "VIEW_FILE", content="y")
    log.add(SYSTEM, "KNOWLEDGE_ARTIFACTS").add(SYSTEM, "USER_INPUT", content="z").add(
        SYSTEM, "NEW", content="n"
    )
    log.add("ROBOT", "USER_INPUTS", content="q").say("b")
    talk, notes = one(tmp_path, log)
    assert [said(turn) for turn in talk.turns] == [("a", "b")]
    assert len(talk.turns[0].messages) == 2
    assert notes == [
        ("skipped", "what the person did in the editor"),
        ("skipped", "a prompt of the client"),
        ("unknown", "NEW"),
        ("unknown", "source ROBOT"),
    ]


def test_an_unknown_type_of_the_model_is_a_result_and_is_named(tmp_path):
    talk, notes = one(tmp_path, Log().ask("a").call(("mine", {})).result("WEIGH_ANCHOR", "up").say("b"))
    assert tools(talk.turns[0]) == [("mine", "up")]
    assert notes == [("unknown", "WEIGH_ANCHOR")]


def test_flags_of_errors_checkpoints_failures_and_open_turns(tmp_path):
    log = Log().ask("a").add(SYSTEM, "ERROR_MESSAGE", error="quota").say("b")
    log.add(SYSTEM, "CHECKPOINT", content="sum").ask("c").call(("run_command", {}))
    log.result("RUN_COMMAND", "The command exited with code 1\nOutput:").say("d").ask("e").call(
        ("view_file", {})
    )
    talk, _ = one(tmp_path, log)
    assert [turn.flags for turn in talk.turns] == [
        {"api_error"},
        {"after_compaction", "tool_failed"},
        {"open", "unanswered_call"},
    ]


def test_an_answer_that_is_still_written_or_was_stopped_gives_no_sample(tmp_path):
    log = Log().ask("a").say("par", status="CANCELED").ask("b").say("par", status="RUNNING")
    talk, _ = one(tmp_path, log)
    assert [samples.why_not(turn) for turn in talk.turns] == ["interrupted", "incomplete"]


def test_thoughts_go_with_what_is_said_next_and_cut_ones_are_left_out(tmp_path):
    log = Log().ask("a").add(MODEL, "PLANNER_RESPONSE", thinking="one").say("b", thinking="two")
    log.ask("c").say("d", thinking="cut\n<truncated 9 bytes>")
    talk, _ = one(tmp_path, log)
    assert [turn.messages[1].reasoning for turn in talk.turns] == ["one\n\ntwo", ""]


def test_notify_user_speaks_where_it_is_the_last_act(tmp_path):
    log = Log().ask("a").call(("view_file", {}), ("notify_user", {"Message": "read it"}))
    log.result("VIEW_FILE", "x").result("NOTIFY_USER", "sent")
    log.ask("b").call(("notify_user", {"Message": "asked"})).result("NOTIFY_USER", "sent").say("more")
    talk, _ = one(tmp_path, log)
    assert [said(turn) for turn in talk.turns] == [("a", "read it"), ("b", "more")]
    assert tools(talk.turns[0]) == [("view_file", "x")]
    assert tools(talk.turns[1]) == [("notify_user", "sent")]


# --- what was typed -----------------------------------------------------------------------------------

META = "<ADDITIONAL_METADATA>\nActive Document: secret.py\n</ADDITIONAL_METADATA>"


@pytest.mark.parametrize(
    ("content", "text", "goes_on"),
    [
        (f"<USER_REQUEST>\nDo it well\n</USER_REQUEST>\n{META}", "Do it well", False),
        (f"<USER_REQUEST>\n\n</USER_REQUEST>\n{META}", "", True),
        ("<USER_REQUEST>\n  Continue. \n</USER_REQUEST>", "  Continue. ", True),
        ("<USER_REQUEST>\nsay </USER_REQUEST> twice\n</USER_REQUEST>", "say </USER_REQUEST> twice", False),
        (
            "Comments on artifact URI: file:///p.md\n\nThe user has approved this document.\n\n\n"
            f"<USER_REQUEST>\n\n</USER_REQUEST>\n{META}",
            "",
            True,
        ),
        (
            'Comments on artifact URI: file:///p.md\n\nSelection:\n>x\n\nComment: "no"\n\n'
            "<USER_REQUEST>\n\n</USER_REQUEST>",
            'Comments on artifact URI: file:///p.md\n\nSelection:\n>x\n\nComment: "no"',
            False,
        ),
        (f"Old style\n{META}", "Old style", False),
        ("a <MY_TAG>b</MY_TAG> c", "a <MY_TAG>b</MY_TAG> c", False),
        (f"<USER_REQUEST>\n{META}\n</USER_REQUEST>", META, False),
    ],
)
def test_the_question_is_what_was_typed(content, text, goes_on):
    assert antigravity_text.typed(content, False)[:2] == (text, goes_on)


def test_a_question_that_the_log_cut_is_none(tmp_path):
    rows = Log().ask("x" * 30).say("b").rows
    rows[0]["content"] = "<USER_REQUEST>\nxxx\n<truncated 27 bytes>"
    rows[0]["truncated_fields"] = ["content"]
    talk, _ = one(tmp_path, "".join(json.dumps(row) + "\n" for row in rows))
    assert samples.why_not(talk.turns[0]) == "incomplete"
    cut = f"<USER_REQUEST>\nwhole\n</USER_REQUEST>\n{META[:40]}\n<truncated 9 bytes>"
    assert antigravity_text.typed(cut, True)[:3] == ("whole", False, False)


def test_the_model_is_read_from_the_settings_also_for_the_turns_before(tmp_path):
    def change(before, after):
        told = f"changed setting `Model Selection` from {before} to {after}. No need"
        return f"<USER_SETTINGS_CHANGE>\nThe user {told} to comment.\n</USER_SETTINGS_CHANGE>"

    log = Log().ask("a").say("b").ask("c").say("d").ask("e").say("f")
    log.rows[2]["content"] += change("Example 3.5 (Low)", "Example 4 (High)")
    talk, _ = one(tmp_path, log)
    assert [turn.model for turn in talk.turns] == [
        "Example 3.5 (Low)",
        "Example 4 (High)",
        "Example 4 (High)",
    ]


def test_an_approval_and_continue_go_on_with_the_turn(tmp_path):
    log = Log().ask("plan it").say("a plan").ask("").call(("view_file", {})).result("VIEW_FILE", "x")
    log.ask("Yes, proceed!").say("built")
    talk, _ = one(tmp_path, log)
    assert [turn.skip for turn in talk.turns] == ["", "mid-turn", "mid-turn"]
    assert said(talk.turns[0]) == ("plan it", "built")
    assert [message.content for message in talk.turns[0].messages if message.role == "user"] == [
        "plan it",
        "Yes, proceed!",
    ]


def test_a_sliding_tail_begins_with_what_belongs_to_no_question(tmp_path):
    log = Log()
    log.index = 400
    log.result("VIEW_FILE", "x").say("answer").ask("continue").say("more").ask("real").say("yes")
    talk, notes = one(tmp_path, log)
    assert [(turn.skip, said(turn)) for turn in talk.turns] == [
        ("mid-turn", ("continue", None)),
        ("", ("real", "yes")),
    ]
    assert [detail for _, detail in notes] == [
        "a result without its question",
        "an answer without its question",
        "an answer without its question",
    ]


def test_a_prompt_of_the_client_is_automated(tmp_path):
    log = Log().ask("a").say("b").add("USER_IMPLICIT", "USER_INPUT", content="tick").say("c")
    talk, _ = one(tmp_path, log)
    assert [turn.skip for turn in talk.turns] == ["", "automated"]
    assert said(talk.turns[0]) == ("a", "b")


# --- branches -----------------------------------------------------------------------------------------


def test_a_prompt_at_a_used_index_cuts_the_branch(tmp_path):
    log = Log().ask("one").say("1").ask("two").call(("view_file", {})).result("VIEW_FILE", "x").say("2")
    log.ask("three", index=2).say("3")
    talk, notes = one(tmp_path, log)
    assert [(turn.skip, *said(turn)) for turn in talk.turns] == [
        ("", "one", "1"),
        ("abandoned-branch", "two", "2"),
        ("", "three", "3"),
    ]
    assert [turn.ordinal for turn in talk.turns] == [0, 1, 2]
    assert len({turn.native_id for turn in talk.turns}) == 3
    assert notes == []


def test_lines_out_of_order_are_put_in_order(tmp_path):
    log = Log().ask("a").call(("view_file", {})).result("VIEW_FILE", "x").say("b")
    log.rows = [log.rows[place] for place in (0, 2, 1, 3)]
    talk, _ = one(tmp_path, log)
    assert tools(talk.turns[0]) == [("view_file", "x")]


def test_a_result_and_an_error_may_share_an_index(tmp_path):
    log = Log().ask("a").call(("view_file", {})).result("VIEW_FILE", "x")
    log.add(SYSTEM, "ERROR_MESSAGE", index=2, error="quota").say("b")
    talk, _ = one(tmp_path, log)
    assert tools(talk.turns[0]) == [("view_file", "x")]
    assert talk.turns[0].flags == {"api_error"}


def test_a_clock_that_goes_back_cuts_nothing(tmp_path):
    log = Log()
    log.clock = 3000
    log.ask("a").say("b")
    log.clock = 0
    log.ask("c").say("d").ask("e").say("f")
    talk, _ = one(tmp_path, log)
    assert [(turn.skip, *said(turn)) for turn in talk.turns] == [("", *"ab"), ("", *"cd"), ("", *"ef")]


@given(st.lists(st.tuples(st.integers(0, 8), st.booleans(), st.integers(0, 9)), max_size=30))
def test_branches_lose_no_step_and_are_what_the_plain_rule_says(rows):
    steps = [
        Step(index, USER if asks else MODEL, "USER_INPUT" if asks else "GENERIC", "", str(number), at=second)
        for number, (index, asks, second) in enumerate(rows)
    ]
    kept, left = antigravity_steps.branches(steps)
    plain = []
    for step in sorted(steps, key=lambda step: (step.at, step.index)):
        if step.type == "USER_INPUT" and any(one.index >= step.index for one in plain):
            plain = [one for one in plain if one.index < step.index]
        plain.append(step)
    places = lambda found: sorted({(step.index, step.type) for step in found})  # noqa: E731
    assert places(kept) == places(plain)
    assert [step.index for step in kept] == sorted(step.index for step in kept)
    assert places(kept + [step for branch in left for step in branch]) == places(steps)


# --- many files of one conversation ------------------------------------------------------------------------


def encoded(row):
    """A record as the short transcript has it."""
    calls = [
        {"name": call["name"], "args": {key: json.dumps(value) for key, value in call["args"].items()}}
        for call in row.get("tool_calls", ())
    ]
    return {**row, "tool_calls": calls} if calls else row


def test_short_and_whole_are_one_conversation_and_the_whole_record_wins(tmp_path):
    log = Log().ask("a").call(("write_to_file", {"CodeContent": '{"a": 1}', "n": 5, "toolAction": "x"}))
    log.result("CODE_ACTION", "made").say("long answer")
    short = [encoded(row) for row in log.rows]
    short[3] = {**short[3], "content": "long\n<truncated 7 bytes>", "truncated_fields": ["content"]}
    put(logs(tmp_path / "antigravity") / "transcript.jsonl", "".join(json.dumps(row) + "\n" for row in short))
    put(
        logs(tmp_path / "antigravity-ide") / "transcript_full.jsonl",
        "".join(json.dumps(row) + "\n" for row in log.rows[3:]),
    )
    (talk,), notes = everything(tmp_path)
    assert said(talk.turns[0]) == ("a", "long answer")
    assert json.loads(talk.turns[0].messages[1].tool_calls[0].arguments) == {
        "CodeContent": '{"a": 1}',
        "n": 5,
    }
    assert (len(talk.files), notes) == (2, [])
    os.remove(talk.files[0])
    (talk,), _ = everything(tmp_path)
    assert samples.why_not(talk.turns[0]) == "incomplete"
    assert json.loads(talk.turns[0].messages[1].tool_calls[0].arguments) == {
        "CodeContent": '{"a": 1}',
        "n": 5,
    }


@pytest.mark.parametrize(
    ("args", "whole", "found"),
    [
        ({"a": '"x"', "b": "true", "c": "[1]"}, False, {"a": "x", "b": True, "c": [1]}),
        ({"a": '"x"', "b": "true"}, True, {"a": '"x"', "b": "true"}),
        ({"a": '"x"', "b": 5}, False, {"a": "x", "b": 5}),
        ({"a": "plain"}, False, {"a": "plain"}),
        ({"a": '"one\\ntw\n<truncated 83 bytes>'}, False, {"a": "one\ntw\n<truncated 83 bytes>"}),
        ({"a": '"one\\u00\n<truncated 83 bytes>'}, False, {"a": "one\n<truncated 83 bytes>"}),
        ('{"a": 1, "toolSummary": "s"}', True, {"a": 1}),
        ("not json", True, {"input": "not json"}),
        (None, True, {}),
        ({"a": '"\\ud83d"'}, False, {"a": "\ufffd"}),
        ({"a": 1 << 70}, True, {"a": 1 << 70}),
    ],
)
def test_arguments_are_decoded_where_they_are_json_text(args, whole, found):
    call = antigravity_steps._call({"name": "t", "args": args}, whole)
    assert json.loads(call.arguments) == found


def test_how_arguments_are_written_is_told_by_all_calls_of_a_file(tmp_path):
    log = Log().ask("a").call(("t", {"Command": '"x"'})).result("GENERIC", "").call(("t", {"Command": "ls"}))
    talk, _ = one(tmp_path, log.result("GENERIC", "").say("b"), "chunks/1.jsonl")
    calls = [call for message in talk.turns[0].messages for call in message.tool_calls]
    assert [json.loads(call.arguments) for call in calls] == [{"Command": '"x"'}, {"Command": "ls"}]


def test_background_results_are_joined_by_their_task(tmp_path):
    notice = f"Created At: x\nTool is running as a background task with task id: {TALK}/task-"
    log = (
        Log()
        .ask("a")
        .call(("run_command", {}), ("run_command", {}), ("run_command", {}), ("run_command", {}))
    )
    for index in (2, 3, 4, 5):
        log.result("GENERIC", f"{notice}{index}\nTask logs", status="RUNNING")
    end = (
        f'content=Task id "{TALK}/task-2" finished with result:\n\nOutput:\n2\n\nLog: file:///x/task-2.log\n'
    )
    head = f"<SYSTEM_MESSAGE>\n[Message] timestamp=x sender={TALK}/task-2 priority=HIGH "
    log.add(SYSTEM, "SYSTEM_MESSAGE", content=f"{head}{end}</SYSTEM_MESSAGE>").say("b").ask("c").say("d")
    base = logs(tmp_path / "antigravity").parent
    told = {"content": f'Task id "{TALK}/task-%d" finished with result:\n\n%d', "timestamp": at(8)}
    put(base / "messages" / "m.json", json.dumps({**told, "content": told["content"] % (3, 3)}))
    put(
        base / "messages" / "late.json",
        json.dumps({**told, "content": told["content"] % (5, 5), "timestamp": at(99)}),
    )
    put(base / "messages" / "read.json", "{}")
    put(base / "messages" / "bad.json", "[")
    put(base / "tasks" / "task-4.log", "from the log")
    talk, notes = one(tmp_path, log)
    results = [result for _, result in tools(talk.turns[0])]
    assert results[:2] == ["Output:\n2", "3"]
    assert results[2].endswith("task-4\nTask logs\n\nfrom the log")
    assert results[3].endswith("task-5\nTask logs")  # its end was told after the turn
    assert notes == [("bad", "json")]


def test_a_task_of_the_branch_that_was_left_is_another_of_the_same_id(tmp_path):
    notice = f"Tool is running as a background task with task id: {TALK}/task-2"
    log = Log()
    for second in (0, 10):
        log.clock = second
        log.ask(f"at {second}", index=0).call(("run_command", {})).result("GENERIC", notice, status="RUNNING")
        log.say("done")
        told = {
            "content": f'Task id "{TALK}/task-2" finished with result:\n\nof {second}',
            "timestamp": at(second + 3),
        }
        put(logs(tmp_path / "antigravity").parent / "messages" / f"{20 - second}.json", json.dumps(told))
    talk, _ = one(tmp_path, log)
    assert [(turn.skip, tools(turn)) for turn in talk.turns] == [
        ("abandoned-branch", [("run_command", "of 0")]),
        ("", [("run_command", "of 10")]),
    ]


def test_a_cut_result_is_kept_with_its_mark_or_repaired_from_what_was_spilled(tmp_path):
    log = Log().ask("a").call(("view_file", {}), ("view_file", {}))
    cut = {"truncated_fields": ["content"]}
    log.result("VIEW_FILE", "x\n<truncated 9 bytes>", **cut).result(
        "VIEW_FILE", "y\n<truncated 9 bytes>", **cut
    )
    put(logs(tmp_path / "antigravity").parent / "steps" / "3" / "output.txt", "y and all")
    talk, _ = one(tmp_path, log.say("b"))
    assert [result for _, result in tools(talk.turns[0])] == ["x\n<truncated 9 bytes>", "y and all"]
    assert samples.why_not(talk.turns[0]) == ""


def test_a_file_beside_is_read_to_a_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(antigravity_beside, "MOST", 4)
    path = put(tmp_path / "steps" / "3" / "output.txt", "abcdefgh")
    beside = antigravity_beside.Beside([str(path)], lambda *note: None)
    assert beside.spill(3) == "abcd\n<truncated>"


def test_a_sidecar_repairs_what_the_transcript_cut(tmp_path):
    log = Log().ask("a").say("cut\n<truncated 9 bytes>", truncated_fields=["content"])
    put(logs(tmp_path / "antigravity") / "transcript.jsonl", log.text())
    planner = {"type": "PLANNER_RESPONSE", "plannerResponse": {"response": "cut no more"}}
    rows = [{"type": "USER_INPUT", "userInput": {"userResponse": "a"}}, planner]
    for number, row in enumerate(rows):
        row["metadata"] = {"createdAt": at(number)}
    sidecar = tmp_path / "antigravity" / "conversations" / f"{TALK}.trajectory.json"
    put(sidecar, json.dumps({"steps": [*rows, {"type": 5}, 7]}))
    (talk,), notes = everything(tmp_path)
    assert [said(turn) for turn in talk.turns] == [("a", "cut no more")]
    assert notes == [("bad", "shape")] * 2
    rows[1]["metadata"]["createdAt"] = at(500)  # the same index of another branch repairs nothing
    put(sidecar, json.dumps({"steps": rows[1:]}))
    (talk,), _ = everything(tmp_path)
    assert samples.why_not(talk.turns[0]) == "incomplete"


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b'{"steps": 5}', b"\xff"])
def test_a_sidecar_that_is_none_is_noted(tmp_path, data):
    put(tmp_path / "antigravity" / "conversations" / f"{TALK}.trajectory.json", data)
    talks, notes = everything(tmp_path)
    assert talks == [] and [kind for kind, _ in notes] == ["bad"]


def test_an_encrypted_conversation_is_counted_and_told_from_its_brain(tmp_path):
    top = tmp_path / "antigravity"
    put(top / "conversations" / f"{TALK}.pb", b"\x8f\x11")
    put(top / "implicit" / f"{OTHER}.pb", b"\x8f\x11")
    put(top / "brain" / TALK / "walkthrough.md", "# Done")
    talk, notes = one(tmp_path, Log().ask("a").say("b"), "overview.txt")
    assert said(talk.turns[0]) == ("a", "b")
    assert notes == [("skipped", "encrypted"), ("skipped", "artifact"), ("skipped", "encrypted")]


@settings(max_examples=60)
@given(seed=st.integers(0, 1 << 32), form=st.sampled_from(write_antigravity_db.FORMS))
def test_a_database_repairs_every_cut_of_a_transcript(tmp_path_factory, seed, form):
    tmp_path = tmp_path_factory.mktemp("both")
    folder = tmp_path / "antigravity" / "conversations"
    folder.mkdir(parents=True)
    write_antigravity_db.write(talks.talk(Random(seed)), Random(seed), str(folder), form)
    (path,) = folder.glob("*.db")
    (alone,), _ = everything(tmp_path)
    db = antigravity_db.steps(str(path), lambda *note: None)
    rows = []
    for step in db.steps:
        args = [json.loads(call.arguments) for call in step.calls]
        calls = [{"name": call.name, "args": one} for call, one in zip(step.calls, args, strict=True)]
        row = {"step_index": step.index, "source": step.source, "type": step.type, "status": step.status}
        row |= {"created_at": step.created, "content": step.content, "thinking": step.thinking}
        row = encoded({**row, "error": step.error, **({"tool_calls": calls} if calls else {})})
        for name in ("content", "thinking"):
            if step.source == MODEL and step.index not in db.guessed and len(row[name]) > 8:
                row[name] = f"{row[name][:8]}\n<truncated 9 bytes>"
                row["truncated_fields"] = [*row.get("truncated_fields", ()), name]
        rows.append(json.dumps(row) + "\n")
    put(logs(tmp_path / "antigravity", alone.id) / "transcript.jsonl", "".join(rows))
    (both,), _ = everything(tmp_path)
    shape = lambda talk: [  # noqa: E731
        (samples.turn_id(talk, turn), samples.why_not(turn), samples.chat(turn), turn.model)
        for turn in talk.turns
    ]
    assert shape(both) == shape(alone)


def test_an_empty_transcript_falls_through_to_the_database(tmp_path):
    made = talks.talk(Random(3))
    folder = tmp_path / "antigravity" / "conversations"
    folder.mkdir(parents=True)
    write_antigravity_db.write(made, Random(3), str(folder))
    name = os.path.basename(str(next(folder.glob("*.db")))).removesuffix(".db")
    put(logs(tmp_path / "antigravity", name) / "transcript.jsonl", "")
    (talk,), _ = everything(tmp_path)
    assert talk.id == name.lower() and len(talk.turns) >= 1


def test_auxiliary_files_alone_say_nothing(tmp_path):
    base = logs(tmp_path / "antigravity").parent
    put(base / "messages" / "m.json", "[")
    put(base / "tasks" / "task-4.log", "x")
    put(base.parent / "plan.md", "x")
    assert everything(tmp_path) == ([], [])


def test_a_sub_agent_is_a_conversation_of_its_own_behind_its_parent(tmp_path):
    child = "00000000-3c52-4b6f-8a01-0000000000d1"
    head = f"The following is ...\n<SYSTEM_MESSAGE>\n[Message] timestamp=x sender={TALK} content="
    log = Log().add(SYSTEM, "SYSTEM_MESSAGE", content=f"{head}Look at b\n</SYSTEM_MESSAGE>").say("looked")
    put(logs(tmp_path / "antigravity", child) / "transcript.jsonl", log.text())
    put(logs(tmp_path / "antigravity").parent / "subagents" / f"{child}.json", "{}")
    put(logs(tmp_path / "antigravity") / "transcript.jsonl", Log().ask("a").say("b").text())
    talks, _ = everything(tmp_path)
    assert [(talk.id, talk.subagent, talk.parent) for talk in talks] == [
        (TALK, False, ""),
        (child, True, TALK),
    ]
    assert said(talks[1].turns[0]) == ("Look at b", "looked")


# --- places -------------------------------------------------------------------------------------------


def test_roots_follow_the_environment():
    home = antigravity.roots("/h", {})
    assert home[:2] == ["/h/.gemini", "/h/.config/Antigravity"]
    assert "/h/Library/Application Support/Antigravity IDE" in home
    assert "/h/AppData/Roaming/Antigravity" in home
    assert antigravity.roots("/h", {"GEMINI_CLI_HOME": "/g"})[0] == "/g/.gemini"
    assert antigravity.roots("/h", {"GEMINI_HOME": "/g"})[0] == "/g"
    assert antigravity.roots("/h", {"XDG_CONFIG_HOME": "/x"})[1] == "/x/Antigravity"


def test_find_takes_any_folder_on_the_way(tmp_path):
    put(logs(tmp_path / ".gemini" / "antigravity-cli") / "transcript.jsonl", Log().ask("a").say("b").text())
    top = tmp_path / ".gemini" / "antigravity-cli"
    for root in (tmp_path, tmp_path / ".gemini", top, top / "brain", top / "brain" / TALK):
        assert [len(files) for files in antigravity.find(str(root))] == [1], root


def test_links_out_of_the_root_loops_and_special_files_are_left_alone(tmp_path):
    top = tmp_path / "antigravity"
    outside = put(tmp_path / "outside.jsonl", Log().ask("a").say("b").text())
    logs(top).mkdir(parents=True)
    (logs(top) / "transcript.jsonl").symlink_to(outside)
    (top / "brain" / "loop").symlink_to(top / "brain")
    (logs(top) / "transcript_full.jsonl").symlink_to("transcript_full.jsonl")
    os.mkfifo(top / "notes.md")
    assert antigravity.find(str(top)) == []


def test_an_unreadable_folder_is_told_and_the_others_are_read(tmp_path):
    put(logs(tmp_path / "antigravity") / "transcript.jsonl", Log().ask("a").say("b").text())
    closed = tmp_path / "antigravity" / "brain" / OTHER
    closed.mkdir()
    closed.chmod(0)
    failed = []
    try:
        groups = antigravity.find(str(tmp_path), failed.append)
    finally:
        closed.chmod(0o700)
    assert len(groups) == 1
    if os.getuid():
        assert [error.filename for error in failed] == [str(closed)]


def test_a_file_that_cannot_be_read_is_raised_after_the_others(tmp_path):
    put(logs(tmp_path / "antigravity") / "transcript.jsonl", Log().ask("a").say("b").text())
    (files,) = antigravity.find(str(tmp_path))
    talks = antigravity.parse([*files, str(logs(tmp_path / "antigravity") / "transcript_full.jsonl")], print)
    assert said(next(talks).turns[0]) == ("a", "b")
    with pytest.raises(FileNotFoundError):
        next(talks)


def test_nothing_but_logs_is_opened(tmp_path):
    top = tmp_path / ".gemini" / "antigravity-cli"
    put(logs(top) / "transcript.jsonl", Log().ask("a").say("b").text())
    for name in ("antigravity-oauth-token", "acp_token.json", "settings.json", "log/cli.log", "keys.pb"):
        put(top / name, "x")
    put(tmp_path / ".gemini" / "oauth_creds.json", "x")
    opened = []
    watching = [True]

    def watch(event, args):
        if event == "open" and watching and str(args[0]).startswith(str(tmp_path)):
            opened.append(os.path.relpath(args[0], tmp_path))

    sys.addaudithook(watch)
    try:
        assert len(everything(tmp_path)[0]) == 1
        antigravity.glance(str(logs(top) / "transcript.jsonl"))
    finally:
        watching.clear()
    logs_of_it = {"transcript.jsonl", "transcript_full.jsonl", "overview.txt"}  # looked for, there or not
    assert opened and {os.path.basename(path) for path in opened} <= logs_of_it


def test_glance_tells_the_conversation_and_its_folder(tmp_path):
    top = tmp_path / "antigravity-cli"
    path = put(logs(top) / "transcript.jsonl", Log().ask("a").say("b").text())
    task = put(logs(top).parent / "tasks" / "task-1.log", "x")
    assert antigravity.glance(str(path)) == (TALK, "")
    row = encoded(Log().call(("run_command", {"Cwd": "/home/kit/app"})).rows[0])
    with path.open("a") as file:
        file.write(json.dumps(row) + "\n")
    assert antigravity.glance(str(task)) == (TALK, "/home/kit/app")
    index = put(
        top / "history.jsonl",
        json.dumps({"workspace": "file:///home/kit/b%20c", "conversationId": TALK}) + "\n[]\n{",
    )
    assert antigravity.glance(str(path)) == antigravity.glance(str(task)) == (TALK, "/home/kit/b c")
    (talk,), _ = everything(tmp_path)
    assert talk.cwd == "/home/kit/b c"
    index.unlink()
    put(top / "cache" / "last_conversations.json", json.dumps({"/home/kit/c": TALK.upper()}))
    assert antigravity.glance(str(path)) == (TALK, "/home/kit/c")
    assert antigravity.glance(str(tmp_path / "state.vscdb")) == ("", "")


def test_a_summary_of_what_has_its_own_log_is_not_told_twice(tmp_path):
    state = tmp_path / ".config" / "Antigravity" / "User" / "globalStorage" / "state.vscdb"
    assert not antigravity_files.told_elsewhere(str(state), TALK)
    put(logs(tmp_path / ".gemini" / "antigravity") / "transcript.jsonl", "x")
    assert antigravity_files.told_elsewhere(str(state), TALK)
    assert not antigravity_files.told_elsewhere(str(state), OTHER)
    assert not antigravity_files.told_elsewhere(str(state), "../" + TALK)


# --- damaged and hostile ---------------------------------------------------------------------------------


def test_bad_lines_are_named_and_the_rest_is_read(tmp_path):
    good = Log().ask("a").say("b").text().encode().splitlines(keepends=True)
    deep = b'{"step_index": 1, "type": "GENERIC", "content": ' + b"[" * 2000 + b"]" * 2000 + b"}\n"
    lines = [
        *(b"\0\0" + good[0], b'ated_at":"x"}\n', b"\xff\xfe\n", b"[]\n", deep),
        b'{"step_index": -1, "type": "GENERIC"}\n{"step_index": 1.5, "type": "GENERIC"}\n',
        b'{"step_index": 1, "type": 5}\n',
        b'{"step_index": 1, "type": "GENERIC", "created_at": "soon"}\n{"format": 9}\n{"type": "HEADER"}\n\n',
        *(good[1], b'{"step_in'),
    ]
    talk, notes = one(tmp_path, b"".join(lines))
    assert said(talk.turns[0]) == ("a", "b")
    assert [note for note in notes if note[0] != "bad"] == [
        ("unknown", "no step_index"),
        ("unknown", "HEADER"),
        ("torn", "json"),
    ]
    assert [detail for kind, detail in notes if kind == "bad"] == [
        "json",
        "utf8",
        "not-object",
        "depth",
        *["shape"] * 4,
    ]


def test_records_without_a_time_keep_the_order_of_the_file(tmp_path):
    log = Log().ask("a").say("b").ask("c").say("d")
    for row in log.rows:
        del row["created_at"]
    talk, _ = one(tmp_path, log)
    assert [said(turn) for turn in talk.turns] == [("a", "b"), ("c", "d")]
    assert talk.turns[0].timestamp == ""


def test_a_packed_transcript_is_read(tmp_path):
    talk, _ = one(tmp_path, gzip.compress(Log().ask("a").say("b").text().encode()), "transcript.jsonl.gz")
    assert said(talk.turns[0]) == ("a", "b")


def test_a_large_log_is_not_held_and_is_read_again(tmp_path, monkeypatch):
    log = Log().ask("q" * 500).call(("run_command", {"CommandLine": "c" * 500})).result("GENERIC", "r" * 500)
    log.add(MODEL, "PLANNER_RESPONSE", thinking="t" * 500).say("s" * 500, thinking="u" * 500)
    whole, _ = one(tmp_path, log)
    monkeypatch.setattr(read, "LARGE", 10)
    light, _ = one(tmp_path, log)
    for before, after in zip(whole.turns[0].messages, light.turns[0].messages, strict=True):
        assert len(after.content) <= 200 and len(after.reasoning) <= 200
        assert all(len(call.arguments) <= 200 for call in after.tool_calls)
        again = after.load()
        again.load = None
        assert again == before
    path = light.files[0]
    os.truncate(path, 100)
    with pytest.raises(OSError):
        light.turns[0].messages[-1].load()


WORDS = st.sampled_from(
    [
        *("step_index", "source", "type", "status", "created_at", "content", "thinking"),
        *("tool_calls", "args", "name", "truncated_fields", "error"),
    ]
)
KINDS = st.sampled_from(
    [
        "USER_INPUT",
        "PLANNER_RESPONSE",
        "GENERIC",
        "VIEW_FILE",
        "SYSTEM_MESSAGE",
        "CHECKPOINT",
        "ERROR_MESSAGE",
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just(at(5)),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=8,
)
RECORDS = st.builds(
    lambda base, more: {**base, **more},
    st.fixed_dictionaries(
        {"step_index": st.integers(0, 5), "type": KINDS, "source": st.sampled_from([USER, MODEL, SYSTEM])}
    ),
    st.dictionaries(WORDS, VALUES, max_size=4),
)


@settings(max_examples=300)
@given(st.lists(RECORDS, max_size=12), st.binary(max_size=20))
def test_no_log_raises(tmp_path_factory, rows, tail):
    path = tmp_path_factory.mktemp("any") / "transcript.jsonl"
    path.write_bytes("".join(json.dumps(row) + "\n" for row in rows).encode() + tail)
    for talk in antigravity.parse([str(path)], lambda *note: None):
        for turn in talk.turns:
            samples.chat(turn)
            samples.why_not(turn)


def test_many_open_calls_and_blocks_take_no_long_time(tmp_path):
    log = Log().ask("<A_B>" * 20000 + "x")
    calls = [("view_file", {})] * 3000
    for _ in range(30):
        log.call(*calls)
    for _ in range(3000):
        log.result("RUN_COMMAND", "no call")
    talk, _ = one(tmp_path, log.say("end"))
    assert len(talk.turns) == 1


# --- markdown -------------------------------------------------------------------------------------------

EXPORT = """# Chat Conversation

Note: _This is purely the output of the chat conversation._

### User Input

Add a flag.

*Viewed [main.py](file:///w/main.py) *

*Edited relevant file*

*User accepted the command `pytest -q \\
  && echo "`ok`"`*

### Planner Response

I look first.

### Planner Response

Done:

```sh
### User Input
main --flag
```

### A heading of mine

*This stays*

### User Input

*User rejected the command `rm -rf x`*

### Planner Response

All is built.

### User Input

Next?
"""


@pytest.mark.parametrize(
    "title", ["# Chat Conversation", "# Cascade Chat Conversation", "\ufeff# Chat Conversation"]
)
def test_an_exported_markdown_is_a_conversation(tmp_path, title):
    put(tmp_path / "exports" / "a.md", EXPORT.replace("# Chat Conversation", title, 1))
    put(tmp_path / "exports" / "other.md", "# Notes\n\n### User Input\n\nno\n")
    (talk,), notes = everything(tmp_path)
    assert [(turn.skip, *said(turn)) for turn in talk.turns] == [
        ("", "Add a flag.", "All is built."),
        ("mid-turn", "", None),
        ("", "Next?", None),
    ]
    texts = [message.content for message in talk.turns[0].messages]
    assert texts[1] == "I look first."
    assert (
        texts[2]
        == "Done:\n\n```sh\n### User Input\nmain --flag\n```\n\n### A heading of mine\n\n*This stays*"
    )
    assert notes == []
    assert len(talk.id) == 32


def test_an_export_without_a_question_or_beyond_the_limit_is_noted(tmp_path, monkeypatch):
    from afs.logs.antigravity import markdown as antigravity_markdown

    put(tmp_path / "a.md", "# Chat Conversation\n\n### Planner Response\n\nx\n")
    assert everything(tmp_path)[1] == [
        ("skipped", "an answer without its question"),
        ("skipped", "an export without a question"),
    ]
    monkeypatch.setattr(antigravity_markdown, "MOST", 10)
    assert [kind for kind, _ in everything(tmp_path)[1]] == ["bad"]
