"""The Claude Code parser: the graph of records, messages on several lines, what a person typed, copies."""

from __future__ import annotations

import itertools
import json
import os
import random
from collections import Counter
from pathlib import Path

import pytest
from afs.logs import claude
from afs.logs.claude import record as claude_record
from afs.logs.claude import text as claude_text
from hypothesis import given, settings
from hypothesis import strategies as st

HOME = Path(__file__).parents[2] / "examples" / "home"
REMINDER = "<system-reminder>\nBe careful.\n</system-reminder>"

DEEP = "990 levels"  # json cannot write them, so they come in when the lines are written


def dumps(row):
    return json.dumps(row).replace(json.dumps(DEEP), "[" * 990 + "]" * 990) + "\n"


class Log:
    """Records of one session, a second apart, each the child of the one before."""

    def __init__(self, session="s1", **extra):
        self.rows, self.last, self.count, self.session, self.extra = [], None, 0, session, extra

    def add(self, kind, parent="", **more):
        self.count += 1
        row = {
            "type": kind,
            "uuid": f"{self.session}-{self.count}",
            "parentUuid": self.last if parent == "" else parent,
            "sessionId": self.session,
            "timestamp": f"2026-01-01T00:{self.count // 60:02d}:{self.count % 60:02d}.000Z",
            "isSidechain": False,
            "cwd": "/home/kit/src/app",
            "version": "2.1.0",
            **self.extra,
            **more,
        }
        self.rows.append(row)
        self.last = row["uuid"]
        return self.last

    def user(self, content, **more):
        return self.add("user", message={"role": "user", "content": content}, **more)

    def line(self, name, block, **more):
        facts = {k: more.pop(k) for k in ("usage", "model", "stop_reason") if k in more}
        block = {"type": "text", "text": block} if isinstance(block, str) else block
        message = {"id": name, "role": "assistant", "model": "claude-x", "content": [block], **facts}
        return self.add("assistant", message=message, **more)

    def call(self, name, tool, **more):
        return self.line(
            name, {"type": "tool_use", "id": tool, "name": "Bash", "input": {"command": tool}}, **more
        )

    def result(self, tool, text="ok", **more):
        wrong = {"is_error": True} if more.pop("wrong", False) else {}
        return self.user([{"type": "tool_result", "tool_use_id": tool, "content": text, **wrong}], **more)

    def turn(self, ask="question", answer="answer"):
        self.user(ask)
        return self.line(f"m{self.session}{self.count}", answer)

    def text(self):
        return "".join(dumps(row) for row in self.rows)


@pytest.fixture
def parse(tmp_path):
    """parse(log, ...) -> conversations; logs are Log, text, or (name, Log). Notes are in parse.notes."""

    def run(*logs, order=None):
        paths = []
        for index, log in enumerate(logs):
            name, log = log if isinstance(log, tuple) else (f"{getattr(log, 'session', index)}.jsonl", log)
            path = tmp_path / name
            path.write_bytes(
                log if isinstance(log, bytes) else (log if isinstance(log, str) else log.text()).encode()
            )
            paths.append(str(path))
        run.notes = []
        return list(claude.parse(order(paths) if order else paths, lambda *note: run.notes.append(note)))

    run.notes = []
    return run


def said(talk):
    return [(turn.messages[0].content, turn.messages[-1].content, turn.skip) for turn in talk.turns]


def reasons(run):
    return Counter((kind, detail) for kind, _, _, detail in run.notes)


# --- one message on several lines ---------------------------------------------------------------------


def test_one_message_over_lines_that_are_not_adjacent(parse):
    log = Log()
    log.user("go")
    log.line(
        "m1", {"type": "thinking", "thinking": "Two files.", "signature": "x"}, usage={"output_tokens": 5}
    )
    log.line("m1", "I'll read both.", usage={"output_tokens": 5})
    first = log.call("m1", "t1", usage={"input_tokens": 3, "cache_read_input_tokens": 7, "output_tokens": 5})
    log.result("t1", "one")
    second = log.call("m1", "t2", parent=first, usage={"output_tokens": 20})
    log.call("m1", "t2", parent=second)  # the client wrote a block twice
    log.add("progress", data={"type": "hook_progress"})
    log.result("t2", "two")
    log.line("m2", "Done.", usage={"input_tokens": 1, "output_tokens": 4}, model="claude-y")
    (talk,) = parse(log)
    (turn,) = talk.turns
    roles = [
        (m.role, m.content, m.reasoning, [c.id for c in m.tool_calls], m.tool_call_id) for m in turn.messages
    ]
    assert roles == [
        ("user", "go", "", [], ""),
        ("assistant", "I'll read both.", "Two files.", ["t1", "t2"], ""),
        ("tool", "one", "", [], "t1"),
        ("tool", "two", "", [], "t2"),
        ("assistant", "Done.", "", [], ""),
    ]
    assert (turn.tokens_in, turn.tokens_out, turn.model) == (11, 24, "claude-y")
    assert json.loads(turn.messages[1].tool_calls[0].arguments) == {"command": "t1"}
    assert (talk.id, talk.cwd, talk.agent_version, turn.native_id) == (
        "s1",
        "/home/kit/src/app",
        "2.1.0",
        "s1-1",
    )


def test_a_side_branch_of_parallel_tools_is_no_abandoned_branch(parse):
    log = Log()
    log.user("go")
    a = log.call("m1", "t1")
    b = log.call("m1", "t2", parent=a)
    log.result("t2", "two", parent=b)
    log.result("t1", "one", parent=a)  # the answer hangs below this one
    log.line("m2", "Done.")
    (talk,) = parse(log)
    assert [m.content for m in talk.turns[0].messages] == ["go", "", "one", "two", "Done."]
    assert len(talk.turns) == 1 and not reasons(parse)["skipped", "abandoned-branch"]


def test_results_without_call_and_calls_without_result(parse):
    log = Log()
    log.user("go")
    log.result("never-called", "ghost")
    log.call("m1", "t1")
    log.line("m2", "Gone.")
    (talk,) = parse(log)
    assert [m.role for m in talk.turns[0].messages] == ["user", "assistant", "assistant"]
    assert talk.turns[0].flags == {"unanswered_call", "open"}


def test_text_blocks_thinking_without_text_and_server_tools(parse):
    log = Log()
    log.user("search")
    blocks = [
        {"type": "thinking", "thinking": "", "signature": "only"},
        {"type": "redacted_thinking", "data": "x"},
        {"type": "text", "text": "\n\n"},
        {"type": "text", "text": "Looking."},
        {"type": "server_tool_use", "id": "srv1", "name": "web_search", "input": {"query": "q"}},
        {
            "type": "web_search_tool_result",
            "tool_use_id": "srv1",
            "content": [{"type": "web_search_result", "title": "A", "url": "https://example.com"}],
        },
        {"type": "text", "text": "Found A."},
    ]
    log.add("assistant", message={"id": "m1", "model": "claude-x", "content": blocks})
    (talk,) = parse(log)
    assert [(m.role, m.content, m.reasoning) for m in talk.turns[0].messages] == [
        ("user", "search", ""),
        ("assistant", "Looking.", ""),
        ("tool", "A\nhttps://example.com", ""),
        ("assistant", "Found A.", ""),
    ]


def test_stop_hook_feedback_and_more_text_are_one_turn(parse):
    log = Log()
    log.user("write it")
    log.line("m1", "Written.")
    log.user("Stop hook feedback:\n- lint failed", isMeta=True)
    log.line("m2", "Fixed.")
    (talk,) = parse(log)
    assert said(talk) == [("write it", "Fixed.", "")]


def test_synthetic_errors_and_retracted_messages_are_no_answer(parse):
    log = Log()
    log.user("go")
    log.line("m1", "Refused.")
    retracted = log.last
    log.add("system", subtype="model_refusal_fallback", retractedMessageUuids=[retracted])
    log.line("m2", "Real.")
    log.line("x", "API Error: 529", model="<synthetic>", isApiErrorMessage=True)
    log.line("y", "No response requested.", model="<synthetic>")
    (talk,) = parse(log)
    assert said(talk) == [("go", "Real.", "")]
    assert talk.turns[0].flags == {"api_error", "open"}


def test_a_broken_answer_gives_way_to_its_repetition(parse):
    log = Log()
    log.user("go")
    log.line("m1", "Half an ans", isAbortedMidStream=True)
    log.line("m2", "A whole answer.")
    log.user("again")
    log.line("m3", "Half", isAbortedMidStream=True)
    (talk,) = parse(log)
    assert [len(turn.messages) for turn in talk.turns] == [2, 2]
    assert [sorted(turn.flags) for turn in talk.turns] == [[], ["interrupted"]]


@pytest.mark.parametrize(
    ("more", "flags"),
    [
        ({"stop_reason": "end_turn"}, set()),
        ({"stop_reason": None}, {"open"}),
        ({"stop_reason": "tool_use"}, {"open"}),
    ],
)
def test_the_last_turn_is_open_without_an_end_mark(parse, more, flags):
    log = Log()
    log.turn("first")
    log.user("go")
    log.line("m1", "Done.", **more)
    (talk,) = parse(log)
    assert [turn.flags for turn in talk.turns] == [set(), flags]
    assert talk.turns[1].messages[-1].phase == ("" if flags else "final")
    for mark in ("turn_duration", "stop_hook_summary"):
        ended = Log()
        ended.turn()
        ended.add("system", subtype=mark)
        assert parse(ended)[0].turns[0].flags == set()


# --- what a person typed ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "more", "typed"),
    [
        ("plain text", {}, "plain text"),
        ("  as typed \n", {}, "  as typed \n"),
        ("hidden", {"isMeta": True}, None),
        ("summary of it all", {"isCompactSummary": True}, None),
        ("This session is being continued from a previous conversation that ran out", {}, None),
        ("shown only", {"isVisibleInTranscriptOnly": True}, None),
        ("Caveat: The messages below were generated by the user while running local commands.", {}, None),
        ("<local-command-caveat>x</local-command-caveat>", {}, None),
        ("<command-name>/clear</command-name>\n<command-message>clear</command-message>", {}, None),
        ("<command-message>model</command-message>\n<command-name>/model</command-name>", {}, None),
        ("/compact keep the names", {}, None),
        ("/path/to/file is empty, why?", {}, "/path/to/file is empty, why?"),
        ("<command-name>/fix</command-name><command-args>the bug</command-args>", {}, "/fix the bug"),
        ("<command-message>fix</command-message><command-name>/team:fix</command-name>", {}, "/team:fix"),
        ("<command-message>no name</command-message>", {}, None),
        ("<local-command-stdout>done</local-command-stdout>", {}, None),
        ("<local-command-stderr>bad</local-command-stderr>", {}, None),
        ("<bash-input>ls</bash-input>", {}, None),
        ("<bash-stdout>a</bash-stdout><bash-stderr></bash-stderr>", {}, None),
        ("<user-memory-input>be brief</user-memory-input>", {}, None),
        ("<task-notification>\n<task-id>1</task-id></task-notification>\nRead the output file", {}, None),
        (REMINDER, {}, None),
        ("<system-reminder>\nnever closed", {}, None),
        (f"look at this\n{REMINDER}", {}, "look at this"),
        (f"{REMINDER}\nlook at this", {}, "look at this"),
        ("<ide_opened_file>a.py is open</ide_opened_file>\nrename it", {}, "rename it"),
        ("<ide_selection>lines 1 to 3</ide_selection>explain", {}, "explain"),
        ("<ide_diagnostics>[]</ide_diagnostics>", {}, None),
        ("<user-prompt-submit-hook>ok</user-prompt-submit-hook>\nship it", {}, "ship it"),
        ("why does <div> stay open in <b>this</b>?", {}, "why does <div> stay open in <b>this</b>?"),
        ("[Request interrupted by user]", {}, None),
        ("[Request interrupted by user for tool use]", {}, None),
        ("[Image: source: /tmp/a.png]", {"isMeta": True}, None),
        ("what is [Image #2]?", {}, "what is [Image #2]?"),
        ("Base directory for this skill: /x\n\n# Skill", {}, None),
        ("Stop hook feedback:\n- no", {}, None),
        ("from a tool", {"sourceToolUseID": "t1"}, None),
        ("asked", {"origin": {"kind": "human"}, "promptSource": "sdk"}, "asked"),
        ("asked", {"promptSource": "typed"}, "asked"),
        ("asked", {"promptSource": "queued"}, "asked"),
        ("Continue the task.", {"promptSource": "system"}, None),
        ("Your limit has reset.", {"origin": {"kind": "auto-continuation"}}, None),
        ("done", {"origin": {"kind": "task-notification"}}, None),
        ([{"type": "text", "text": "two"}, {"type": "text", "text": "blocks"}], {}, "two\nblocks"),
        ([{"type": "text", "text": REMINDER}, {"type": "text", "text": "typed"}], {}, "typed"),
        (
            [{"type": "image", "source": {"data": "AAAA"}}, {"type": "text", "text": "what?"}],
            {},
            "what?\n[image]",
        ),
        ([{"type": "text", "text": "[Image #1] what?"}, {"type": "image"}], {}, "[Image #1] what?"),
        ([{"type": "image", "source": {"data": "AAAA"}}], {}, "[image]"),
        ([{"type": "document", "source": {}}, {"type": "text", "text": "read"}], {}, "read\n[document]"),
        ("", {}, None),
        (None, {}, None),
    ],
)
def test_the_table_of_user_text(parse, content, more, typed):
    log = Log()
    log.turn("before", "earlier")
    log.user(content, **more)
    log.line("m9", "reply")
    (talk,) = parse(log)
    found = [turn.messages[0].content for turn in talk.turns]
    assert found == ["before"] + ([typed] if typed is not None else [])
    assert talk.turns[-1].messages[-1].content == "reply"


@pytest.mark.parametrize(
    ("content", "more"),
    [
        ('<teammate-message teammate_id="a">do it</teammate-message>', {}),
        ('<cross-session-message from="b">do it</cross-session-message>', {}),
        ('<channel source="chat">do it</channel>', {}),
        ("<scheduled-task>nightly</scheduled-task>", {}),
        ("<fork-boilerplate>x</fork-boilerplate> go", {}),
        ("do it", {"origin": {"kind": "peer"}, "isMeta": True}),
        ("do it", {"origin": {"kind": "cron"}}),
    ],
)
def test_work_that_nobody_asked_for_ends_the_turn_and_is_named(parse, content, more):
    log = Log()
    log.turn("mine", "my answer")
    log.user(content, **more)
    log.line("m9", "an answer to a machine")
    (talk,) = parse(log)
    assert said(talk)[0] == ("mine", "my answer", "")
    assert [turn.skip for turn in talk.turns] == ["", "automated"]


def test_a_command_with_output_of_its_own_never_reached_the_model(parse):
    log = Log()
    log.turn("before", "earlier")
    log.user("<command-name>/brand-new</command-name>")
    log.user("<local-command-stdout>toggled</local-command-stdout>")
    log.turn("after", "later")
    log.user("<command-name>/mine</command-name>")
    log.user([{"type": "text", "text": "Expanded body of the command"}], isMeta=True)
    log.line("m5", "obeyed")
    (talk,) = parse(log)
    assert said(talk) == [("before", "earlier", ""), ("after", "later", ""), ("/mine", "obeyed", "")]
    assert reasons(parse)["skipped", "command"] == 1


def test_prompts_that_the_client_wrote(parse):
    tail = "\n\n\nIf you need specific details from before exiting plan mode, see: /x.jsonl"
    log = Log()
    log.user(f"Implement the following plan:\n\n# Plan{tail}", planContent="# Plan")
    log.line("m1", "Done.")
    log.user("scripted", promptSource="sdk")
    log.line("m2", "Yes.")
    (talk,) = parse(log)
    assert talk.turns[0].messages[0].content == "Implement the following plan:\n\n# Plan"
    assert ["synthetic_prompt" in turn.flags for turn in talk.turns] == [True, True]


def test_tool_results_as_the_model_saw_them(parse):
    saved = (
        "<persisted-output>\nOutput too large. Full output saved to: /x\n\nPreview:\nabc\n</persisted-output>"
    )
    cases = {
        f"code\n\n{REMINDER}\n": "code",
        f"a\n{REMINDER}\nb": "a\nb",
        f"grep: say('{REMINDER}')": f"grep: say('{REMINDER}')",
        saved: saved,
        ("text", "image"): "seen\n[image]",
        None: "",
    }
    log = Log()
    log.user("go")
    for number, content in enumerate(cases):
        log.call(f"m{number}", f"t{number}")
        if isinstance(content, tuple):
            content = [{"type": "text", "text": "seen"}, {"type": "image", "source": {"data": "AAAA"}}]
        log.result(f"t{number}", content, toolUseResult={"originalFile": "private"})
    log.line("z", "Done.")
    (talk,) = parse(log)
    assert [m.content for m in talk.turns[0].messages if m.role == "tool"] == list(cases.values())


def test_rejections_errors_and_interruptions_are_flags(parse):
    refused = "The user doesn't want to proceed with this tool use. The tool use was rejected."
    log = Log()
    log.user("one")
    log.call("m1", "t1")
    log.result("t1", refused, wrong=True)
    log.user([{"type": "text", "text": "[Request interrupted by user for tool use]"}])
    log.user("two")
    log.call("m2", "t2")
    log.result("t2", "<tool_use_error>no such file</tool_use_error>")
    log.line("m3", "Hm.")
    log.user("three")
    log.call("m4", "t4")
    log.result("t4", "denied", wrong=True, toolDenialKind="user-rejected")
    log.line("m5", "Fine.", stop_reason="end_turn")
    (talk,) = parse(log)
    assert [sorted(turn.flags) for turn in talk.turns] == [
        ["interrupted", "tool_rejected"],
        ["tool_failed"],
        ["tool_rejected"],
    ]


def test_text_typed_beside_a_rejection_is_read_in_the_running_turn(parse):
    log = Log()
    log.user("one")
    log.call("m1", "t1")
    log.user(
        [
            {"type": "tool_result", "tool_use_id": "t1", "content": "no", "is_error": True},
            {"type": "text", "text": "use git rm"},
        ],
        userFeedback="use git rm",
    )
    log.line("m2", "Done.")
    (talk,) = parse(log)
    assert said(talk) == [("one", "Done.", ""), ("use git rm", "use git rm", "mid-turn")]
    assert [m.role for m in talk.turns[0].messages] == ["user", "assistant", "tool", "user", "assistant"]


REFUSED = (
    "The user doesn't want to proceed with this tool use. The tool use was rejected (eg. if it was a file "
    "edit, the new_string was NOT written to the file). "
)


@pytest.mark.parametrize(
    ("text", "more", "reason"),
    [
        (f"{REFUSED}To tell you how to proceed, the user said:\nuse git rm", {}, "use git rm"),
        (f"{REFUSED}The user said:\ntwo\n\nlines\n\nNote: The user's next message may", {}, "two\n\nlines"),
        ("Permission for this tool use was denied. The user said:\nno", {}, "no"),
        (REFUSED, {"userFeedback": "use git rm"}, "use git rm"),
        (f"{REFUSED}the user said: a", {"userFeedback": "a"}, "a"),
        (REFUSED, {"userFeedback": "  "}, ""),
        (REFUSED, {}, ""),
        ("42 rows, and the user said: hi", {}, ""),
    ],
)
def test_the_reason_of_a_rejection_is_human_and_stays_in_the_result(parse, text, more, reason):
    log = Log()
    log.user("one")
    log.call("m1", "t1")
    log.result("t1", text, wrong=True, **more)
    log.line("m2", "Done.")
    (talk,) = parse(log)
    turn, *others = talk.turns
    assert [(m.role, m.content) for m in turn.messages] == [
        ("user", "one"),
        ("assistant", ""),
        ("tool", text),
        ("assistant", "Done."),
    ]
    expected = [(reason, "mid-turn", "s1-3")] if reason else []
    assert [(turn.messages[0].content, turn.skip, turn.native_id) for turn in others] == expected
    assert ("tool_rejected" in turn.flags) == text.startswith(("The user", "Permission"))


def test_a_prompt_taken_into_the_running_turn(parse):
    log = Log()
    log.user("go")
    log.call("m1", "t1")
    log.result("t1")
    log.add(
        "attachment", attachment={"type": "queued_command", "prompt": "and be quick", "commandMode": "prompt"}
    )
    log.add(
        "attachment", attachment={"type": "queued_command", "prompt": "x", "commandMode": "task-notification"}
    )
    log.add("attachment", attachment={"type": "queued_command", "prompt": "x", "origin": {"kind": "peer"}})
    log.line("m2", "Done.", stop_reason="end_turn")
    log.add("attachment", attachment={"type": "queued_command", "prompt": [{"type": "text", "text": "next"}]})
    log.line("m3", "Next done.")
    (talk,) = parse(log)
    assert said(talk) == [
        ("go", "Done.", ""),
        ("and be quick", "and be quick", "mid-turn"),
        ("next", "Next done.", ""),
    ]
    assert [m.role for m in talk.turns[0].messages] == ["user", "assistant", "tool", "user", "assistant"]


@pytest.mark.parametrize(
    ("operations", "heard"),
    [
        ([("enqueue", "hurry"), ("remove", None)], True),
        ([("enqueue", "hurry"), ("remove", "hurry", "absorbed_mid_turn")], True),
        ([("enqueue", "first"), ("enqueue", "hurry"), ("dequeue", None), ("remove", None)], True),
        ([("enqueue", "hurry"), ("remove", "hurry", "cancelled")], False),
        ([("enqueue", "hurry"), ("popAll", "hurry")], False),
        ([("enqueue", "hurry"), ("dequeue", None)], False),
        ([("enqueue", "<task-notification>1</task-notification>"), ("remove", None)], False),
        ([("enqueue", "hurry")], False),
        ([("remove", None)], False),
    ],
)
def test_a_prompt_that_only_the_queue_holds(parse, operations, heard):
    def build(twin):
        log = Log()
        log.user("go")
        log.call("m1", "t1")
        for operation, content, *reason in operations:
            more = {"content": content} if content else {}
            more |= {"reason": reason[0]} if reason else {}
            log.rows.append({"type": "queue-operation", "operation": operation, "sessionId": "s1", **more})
        log.result("t1")
        if twin:
            log.add("attachment", attachment={"type": "queued_command", "prompt": "hurry"})
        log.line("m2", "Done.")
        return log

    for twin in (False, True):  # with its attachment it counts once
        (talk,) = parse(build(twin))
        assert [turn.messages[0].content for turn in talk.turns[1:]] == ["hurry"] * (heard or twin)
        assert [m.content for m in talk.turns[0].messages].count("hurry") == (heard or twin)
        assert said(talk)[0] == ("go", "Done.", "")


# --- the graph ----------------------------------------------------------------------------------------


def test_a_compaction_inside_a_turn_and_between_turns(parse):
    log = Log()
    log.turn("one", "first")
    log.user("two")
    log.call("m1", "t1")
    log.result("t1")
    log.add("system", parent=None, subtype="compact_boundary", logicalParentUuid="never-written")
    log.user("This session is being continued", isCompactSummary=True)
    log.line("m2", "second")
    log.turn("three", "third")
    log.add("system", parent=None, subtype="compact_boundary", logicalParentUuid=log.last)
    log.user("summary", isCompactSummary=True)
    kept = [row for row in log.rows if row["timestamp"] >= log.rows[-4]["timestamp"]][:2]
    for row in kept:  # the client writes the last messages again, with new ids and old times
        log.add(
            **{
                **row,
                "kind": row["type"],
                "uuid": row["uuid"] + "-again",
                "parent": log.last,
                "parentUuid": log.last,
            }
            | {"type": row["type"]}
        )
        log.last = log.rows[-1]["uuid"]
    log.turn("four", "fourth")
    (talk,) = parse(log)
    assert said(talk) == [
        ("one", "first", ""),
        ("two", "second", ""),
        ("three", "third", ""),
        ("four", "fourth", ""),
    ]
    assert ["after_compaction" in turn.flags for turn in talk.turns] == [False, True, False, True]
    assert [turn.ordinal for turn in talk.turns] == [0, 1, 2, 3]


def test_a_rewind_leaves_a_branch_behind(parse):
    log = Log()
    fork = log.turn("one", "first")
    log.turn("wrong", "bad")
    log.turn("worse", "very bad")
    log.user("better", parent=fork)
    log.line("m9", "good")
    (talk,) = parse(log)
    assert said(talk) == [
        ("one", "first", ""),
        ("wrong", "bad", "abandoned-branch"),
        ("worse", "very bad", "abandoned-branch"),
        ("better", "good", ""),
    ]
    assert [turn.ordinal for turn in talk.turns] == [0, 0, 1, 1]


def test_links_of_every_kind_hold_the_chain_together(parse):
    log = Log()
    log.turn("one", "first")
    for kind, more in [
        ("progress", {"data": {"type": "bash_progress"}}),
        ("system", {"subtype": "informational"}),
        ("attachment", {"attachment": {"type": "todo_reminder"}}),
        ("hologram", {}),
    ]:
        log.add(kind, **more)
    log.turn("two", "second")
    (talk,) = parse(log)
    assert said(talk) == [("one", "first", ""), ("two", "second", "")]
    assert reasons(parse)["unknown", "type hologram"] == 1


def test_missing_late_and_circular_parents(parse):
    log = Log()
    log.turn("one", "first")
    log.user("two", parent="never-written")
    log.line("m2", "second")
    log.turn("three", "third")
    late = log.rows.pop(2)
    log.rows.insert(4, late)
    (talk,) = parse(log)
    assert said(talk) == [("one", "first", ""), ("two", "second", ""), ("three", "third", "")]
    for parent in ("s1-1", "s1-2", "s1-4"):
        log = Log()
        log.turn("one", "first")
        log.turn("two", "second")
        log.rows[2]["parentUuid"] = "s1-4"
        log.rows[0]["parentUuid"] = parent
        assert said(parse(log)[0]) == [("one", "first", ""), ("two", "second", "")]


def test_records_without_ids_are_taken_in_order(parse):
    rows = [
        {"type": "user", "message": {"content": "hi"}},
        {"type": "assistant", "message": {"content": "ho"}},
    ]
    (talk,) = parse(("x.jsonl", "".join(json.dumps(row) + "\n" for row in rows)))
    assert said(talk) == [("hi", "ho", "")]
    assert (talk.id, talk.turns[0].native_id) == ("x", "")


def test_sub_agents_inline(parse):
    log = Log()
    log.user("delegate")
    log.call("m1", "t1")
    main = log.last
    log.extra, log.last = {"isSidechain": True}, None
    log.turn("task one", "report one")
    one = log.last
    log.last = None
    log.turn("task two", "report two")
    log.last = one
    log.line("mx", "report one, longer")
    log.extra, log.last = {}, main
    log.result("t1", "report")
    log.line("m2", "Done.")
    main, first, second = sorted(parse(log), key=lambda talk: (talk.subagent, said(talk)))
    assert said(main) == [("delegate", "Done.", "")]
    assert (first.subagent, first.parent, first.group) == (True, "s1", "s1")
    assert said(first) == [("task one", "report one, longer", "")]
    assert said(second) == [("task two", "report two", "")]
    assert len({main.id, first.id, second.id}) == 3


def test_sub_agents_in_files(parse):
    log = Log()
    log.turn("delegate", "Done.")
    agent = Log("s1", isSidechain=True, agentId="a1b2")
    agent.turn("task", "report")
    for row in agent.rows:
        row["uuid"], row["parentUuid"] = "a" + row["uuid"], row["parentUuid"] and "a" + row["parentUuid"]
    warm = Log("s9", agentId="ffff")
    warm.turn("Warmup", "Ready.")
    own = Log("s8")
    own.turn("compact this", "compacted")
    talks = parse(
        log, ("agent-a1b2.jsonl", agent), ("agent-ffff.jsonl", warm), ("agent-acompact-1.jsonl", own)
    )
    found = {talk.id: (talk.subagent, talk.parent, said(talk)) for talk in talks}
    assert found == {
        "s1": (False, "", [("delegate", "Done.", "")]),
        "s1:a1b2": (True, "s1", [("task", "report", "")]),
        "s9:ffff": (True, "s9", [("Warmup", "Ready.", "warm-up")]),
    }
    assert reasons(parse)["skipped", "a file of the client's own"] == 1


def resumed(first, session="s2", **more):
    """A session of the old kind: it begins with copies of another."""
    log = Log(session)
    log.rows = [{**row, "sessionId": session, **more} for row in first.rows]
    log.last, log.count = first.last, first.count
    return log


def test_a_resumed_session_counts_each_record_once(parse):
    first = Log()
    first.turn("one", "first")
    first.turn("two", "second")
    second = resumed(first)
    second.turn("three", "third")
    third = resumed(second, "s3")
    talks = parse(second, first, third)
    assert [(talk.id, talk.group, said(talk)) for talk in talks] == [
        ("s1", "s1", [("one", "first", ""), ("two", "second", "")]),
        ("s2", "s1", [("three", "third", "")]),
    ]
    assert talks[1].turns[0].ordinal == 2
    assert "open" not in talks[0].turns[-1].flags  # it went on in another file
    assert reasons(parse)["skipped", "duplicate"] == 4 + 6


def test_a_resumed_session_that_finished_a_turn(parse):
    first = Log()
    first.user("go")
    first.call("m1", "t1")
    second = resumed(first)
    second.result("t1", "late")
    second.line("m2", "Done.")
    (talk,) = parse(first, second)
    assert [m.content for m in talk.turns[0].messages] == ["go", "", "late", "Done."]
    assert "unanswered_call" not in talk.turns[0].flags


def test_a_fork_that_answers_the_same_prompt_again_gives_no_second_turn(parse):
    first = Log()
    first.user("go")
    first.line("m1", "one way")
    second = Log("s2")
    second.rows = [{**first.rows[0], "sessionId": "s2"}]
    second.last, second.count = "s1-1", 9
    second.line("m2", "another way")
    second.turn("next", "and on")
    talks = parse(first, second)
    assert [said(talk) for talk in talks] == [[("go", "one way", "")], [("next", "and on", "")]]
    assert reasons(parse)["skipped", "abandoned-branch"] == 1


def test_a_session_that_goes_on_from_another_without_copies(parse):
    first, second = Log(), Log("s2")
    second.last = first.turn("one", "first")
    second.count = 10
    second.turn("two", "second")
    talks = parse(second, first)
    assert [(talk.id, talk.group, said(talk)) for talk in talks] == [
        ("s1", "s1", [("one", "first", "")]),
        ("s2", "s1", [("two", "second", "")]),
    ]


def test_forks_with_and_without_their_origin(parse):
    first = Log()
    first.turn("one", "first")
    fork = Log("s2")
    for row in first.rows:
        name = "copy-" + row["uuid"]
        fork.rows.append({**row, "uuid": name, "parentUuid": fork.last, "sessionId": "s2"})
        fork.rows[-1]["forkedFrom"] = {"sessionId": "s1", "messageUuid": row["uuid"]}
        fork.last = name
    fork.count = 20
    fork.turn("two", "second")
    talks = parse(fork, first)
    assert [(talk.id, said(talk)) for talk in talks] == [
        ("s1", [("one", "first", "")]),
        ("s2", [("two", "second", "")]),
    ]
    alone = Path(talks[0].files[0]).parent
    os.unlink(alone / "s1.jsonl")
    (talk,) = claude.parse([str(alone / "s2.jsonl")], lambda *note: None)
    assert [(turn.origin, turn.native_id) for turn in talk.turns] == [("s1", "s1-1"), ("", "s2-21")]


def test_an_unrelated_session_in_one_file_is_a_conversation_of_its_own(parse):
    log, other = Log(), Log("s2")
    log.turn("one", "first")
    other.turn("two", "second")
    talks = parse(("s1.jsonl", log.text() + other.text()))
    assert sorted((talk.id, said(talk)) for talk in talks) == [
        ("s1", [("one", "first", "")]),
        ("s2", [("two", "second", "")]),
    ]


def test_the_order_of_files_does_not_matter(parse):
    first = Log()
    first.turn("one", "first")
    second = resumed(first)
    second.turn("two", "second")
    other = Log("s5")
    other.turn("else", "where")
    found = [
        [
            (talk.id, said(talk))
            for talk in parse(first, second, other, order=lambda paths, o=order: [paths[i] for i in o])
        ]
        for order in itertools.permutations(range(3))
    ]
    assert all(talks == found[0] for talks in found)


# --- where they are -----------------------------------------------------------------------------------


def test_roots_and_find(tmp_path):
    assert claude.roots("/h", {}) == ["/h/.claude", "/h/.config/claude"]
    assert claude.roots("/h", {"CLAUDE_CONFIG_DIR": "/a, /b"}) == ["/a", "/b"]
    inside = ["p1/a.jsonl", "p1/a/subagents/agent-1.jsonl", "p2/b.jsonl", "p2/c.jsonl.gz"]
    for name in [*inside, "p1/a/tool-results/t.txt", "p1/memory.json"]:
        path = tmp_path / "projects" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "history.jsonl").touch()
    secret = tmp_path / "secret.jsonl"
    secret.touch()
    (tmp_path / "projects/p1/out.jsonl").symlink_to(secret)
    (tmp_path / "projects/p1/in.jsonl").symlink_to(tmp_path / "projects/p2/b.jsonl")
    (tmp_path / "projects/p1/loop").symlink_to(tmp_path / "projects")
    expected = [
        ["p1/a.jsonl", "p1/in.jsonl", "p1/a/subagents/agent-1.jsonl"],
        ["p2/b.jsonl", "p2/c.jsonl.gz"],
    ]
    for root in (tmp_path, tmp_path / "projects"):
        assert [
            [os.path.relpath(path, tmp_path / "projects") for path in group]
            for group in claude.find(str(root))
        ] == expected
    one = tmp_path / "projects/p1"
    assert [len(group) for group in claude.find(str(one))] == [2]  # in.jsonl leads out of this root
    assert claude.find(str(tmp_path / "nowhere")) == []
    (tmp_path / "bare").mkdir()
    (tmp_path / "bare/history.jsonl").touch()
    assert claude.find(str(tmp_path / "bare")) == []


# --- bad input ----------------------------------------------------------------------------------------


def test_bad_lines_are_named_and_passed_over(parse):
    log = Log()
    log.turn("one", "first")
    rows = log.text().encode().splitlines()
    text = b"\n".join(
        [
            b"[1]",
            rows[0],
            b"\xff\xfe",
            b'{"type":',
            b"",
            b"null",
            b'{"no":"type"}',
            rows[1],
            b'{"type":"user","mess',
        ]
    )
    (talk,) = parse(("s1.jsonl", text))
    assert said(talk) == [("one", "first", "")]
    assert Counter(kind for kind, *_ in parse.notes) == {"bad": 4, "torn": 1, "unknown": 1}


def test_an_empty_file_and_one_without_turns(parse):
    meta = '{"type":"summary","summary":"A title","leafUuid":"x"}\n{"type":"ai-title"}\n'
    assert parse(("a.jsonl", ""), ("b.jsonl", meta), ("c.jsonl", "\n\n")) == []


def test_a_file_that_cannot_be_read_never_stops_the_others(parse, tmp_path):
    log = Log()
    log.turn("one", "first")
    talks = []
    (tmp_path / "s1.jsonl").write_text(log.text())
    missing = str(tmp_path / "gone.jsonl")
    with pytest.raises(FileNotFoundError) as error:
        talks.extend(claude.parse([missing, str(tmp_path / "s1.jsonl")], lambda *note: None))
    assert error.value.filename == missing


def test_a_long_chain(parse):
    log = Log()
    log.user("go")
    for number in range(20_000):
        log.add("progress", data={"type": str(number)})
    log.line("m1", "Done.")
    assert said(parse(log)[0]) == [("go", "Done.", "")]


WORDS = [
    *claude_record.SIDECAR,
    *claude_record._READERS,
    "text",
    "thinking",
    "tool_use",
    "tool_result",
    "image",
]
WORDS += [
    "compact_boundary",
    "queued_command",
    "prompt_snapshot",
    "enqueue",
    "remove",
    "s1",
    "m1",
    "<bash-input>",
]
KEYS = """
type uuid parentUuid sessionId message content id model usage output_tokens input isSidechain agentId isMeta
origin kind attachment prompt subtype logicalParentUuid forkedFrom messageUuid retractedMessageUuids
operation text tool_use_id is_error timestamp
""".split()  # noqa: SIM905
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.floats(allow_nan=False)
    | st.sampled_from(WORDS)
    | st.text(max_size=4)
    | st.sampled_from(["\ud800", 1 << 70]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=9), max_size=8))
def test_no_record_raises(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("noise") / "s1.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    for talk in claude.parse([str(path)], lambda *note: None):
        assert talk.turns and all(turn.messages[0].role == "user" for turn in talk.turns)


def test_a_record_that_is_too_deep_is_named_and_holds_the_chain_together(parse):
    log = Log()
    log.user("go")
    log.line("m1", {"type": "tool_use", "id": "t1", "name": "Bash", "input": {"a": DEEP}})
    log.result("t1", [{"type": DEEP}])
    log.line("m2", "Done.")
    assert said(parse(log)[0]) == [("go", "Done.", "")]
    assert ("bad", 2, "depth") in [(kind, line, detail) for kind, _, line, detail in parse.notes]


@pytest.mark.parametrize("value", [DEEP, "\ud800", 1 << 70, ["\ud800"], {"\ud800": DEEP}, None])
def test_one_odd_value_in_each_field_of_each_record(parse, value):
    fields = """uuid parentUuid sessionId timestamp cwd version isSidechain agentId forkedFrom message origin
    promptSource toolDenialKind subtype logicalParentUuid retractedMessageUuids attachment operation content
    reason planContent""".split()  # noqa: SIM905
    inner = "content id model usage stop_reason".split()  # noqa: SIM905
    blocks = "text thinking input id name content tool_use_id is_error type".split()  # noqa: SIM905
    kinds = "text thinking tool_use tool_result web_search_tool_result".split()  # noqa: SIM905
    for kind in (*claude_record._READERS, "queue-operation", "summary"):
        log = Log()
        log.turn()
        for field in fields:
            log.add(kind, **{field: value})
        for field in inner:
            log.add(kind, message={"id": "m", "content": "x", field: value})
        for field in blocks:
            for part in kinds:
                log.add(kind, message={"content": [{"type": part, field: value}]})
        for field in ("type", "prompt", "commandMode", "systemPrompt"):
            for part in ("queued_command", "prompt_snapshot"):
                log.add(kind, attachment={"type": part, field: value})
        assert parse(log)[0].turns[0].messages[0].content == "question"


def test_a_lone_block_and_a_message_of_text_are_read(parse):
    log = Log()
    log.turn("one", "first")
    log.user({"type": "text", "text": "two"})
    log.add("assistant", message={"id": "m2", "model": "x", "content": {"type": "text", "text": "second"}})
    log.add("user", message="three")
    log.line("m3", "third")
    log.user(7)
    log.add("user", message=None)
    (talk,) = parse(log)
    assert said(talk) == [("one", "first", ""), ("two", "second", ""), ("three", "third", "")]
    assert reasons(parse) == {("unknown", "user content"): 2}


# --- truth -> log -> truth ----------------------------------------------------------------------------


@settings(max_examples=120, deadline=None)
@given(st.integers(0, 1 << 32))
def test_a_made_up_conversation_is_recovered(tmp_path_factory, seed):
    """Parallel tools with mixed lines, noise, rewinds, compactions, a resumed session and a torn end."""
    dice = random.Random(seed)
    folder = tmp_path_factory.mktemp("truth")
    log, truth, tools = Log(), [], 0
    for number in range(dice.randint(1, 6)):
        if dice.random() < 0.2 and log.last:  # a branch that is left again
            fork = log.last
            log.turn(f"left {number}", "behind")
            log.last = fork
        log.user(f"ask {number}")
        messages = [("user", f"ask {number}", ())]
        for step in range(dice.randint(0, 3)):
            calls = [f"t{tools + index}" for index in range(dice.randint(1, 3))]
            tools += len(calls)
            name, waiting = f"m{number}.{step}", []
            log.line(name, f"step {step}")
            for call in calls:
                parent = log.call(name, call)
                waiting.append((call, parent))
                if dice.random() < 0.5 and waiting:
                    done, parent = waiting.pop(dice.randrange(len(waiting)))
                    log.result(done, f"{done} said\n{REMINDER}", parent=parent)
            dice.shuffle(waiting)
            for call, parent in waiting:
                log.result(call, f"{call} said", parent=parent)
            messages += [
                ("assistant", f"step {step}", tuple(calls)),
                *(("tool", f"{call} said", ()) for call in calls),
            ]
            if dice.random() < 0.2:
                log.add(
                    "system",
                    parent=None,
                    subtype="compact_boundary",
                    logicalParentUuid=dice.choice(["gone", log.last]),
                )
                log.user("a summary", isCompactSummary=True)
            if dice.random() < 0.3:
                log.add("progress", data={"type": "hook_progress"})
        log.line(f"m{number}.end", f"answer {number}")
        truth.append([*messages, ("assistant", f"answer {number}", ())])
        if dice.random() < 0.3:
            log.user("Stop hook feedback: fine", isMeta=True)
    cut = dice.randint(1, len(log.rows))
    older, newer = Log(), Log("s2")
    older.rows = log.rows[:cut]
    newer.rows = [{**row, "sessionId": "s2"} for row in log.rows]
    (folder / "s1.jsonl").write_text(older.text() + dice.choice(["", '{"type":"us', "\n"]))
    if cut < len(log.rows):
        (folder / "s2.jsonl").write_text(newer.text())
    found = []
    for talk in claude.parse([str(path) for path in folder.iterdir()], lambda *note: None):
        for turn in talk.turns:
            if not turn.skip:
                found.append(
                    [(m.role, m.content, tuple(call.id for call in m.tool_calls)) for m in turn.messages]
                )
    # Where the older file ends on a branch that the newer one leaves, that file cannot know it.
    assert [turn for turn in found if not turn[0][1].startswith("left")] == truth


# --- real layouts -------------------------------------------------------------------------------------


def test_the_example_home(parse):
    found = Counter()
    texts = []
    for group in claude.find(str(HOME / ".claude")):
        for talk in claude.parse(group, lambda *note: None):
            for turn in talk.turns:
                found["sub-agent" if talk.subagent else turn.skip or "turn"] += 1
                texts += [message.content for message in turn.messages]
    assert found == {"turn": 23, "sub-agent": 2, "mid-turn": 2, "abandoned-branch": 1}
    for noise in (
        "<system-reminder>",
        "Stop hook",
        "being continued",
        "<command",
        "API Error",
        "Caveat:",
        "<ide",
    ):
        assert not [text for text in texts if noise in text]
    assert sum(path.stat().st_size for path in (HOME / ".claude").rglob("*") if path.is_file()) < 150_000


@pytest.mark.skipif(not os.environ.get("AFS_TEST_HOME"), reason="set AFS_TEST_HOME to a home with real logs")
def test_real_answers_are_the_last_text_of_their_turn():
    """By other means than the parser: the order of the lines, and nothing but main-thread records."""
    checked = 0
    for group in claude.find(os.path.join(os.environ["AFS_TEST_HOME"], ".claude")):
        files = {
            path: [json.loads(line) for line in Path(path).read_bytes().split(b"\n") if line]
            for path in group
        }
        for talk in claude.parse(group, lambda *note: None):
            starts = sorted(turn.line for turn in talk.turns if not turn.skip)
            for turn in talk.turns:
                if turn.skip or talk.subagent or turn.messages[-1].role != "assistant":
                    continue
                rows = files[turn.path]
                end = next((line for line in starts if line > turn.line), len(rows) + 1)
                last = ""
                for row in rows[turn.line : end - 1]:
                    if row["type"] == "assistant" and not row.get("isSidechain"):
                        texts = [
                            block["text"] for block in row["message"]["content"] if block["type"] == "text"
                        ]
                        last = next((text for text in reversed(texts) if text.strip()), last)
                if turn.messages[-1].content:
                    assert turn.messages[-1].content == last, (turn.path, turn.line)
                    checked += 1
                assert claude_text.told(turn.messages[0].content) == (
                    claude_text.PROMPT,
                    turn.messages[0].content,
                )
    assert checked
