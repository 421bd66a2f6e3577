"""Claude Code logs: glance, sub-agents in every form, doubled branches, crashes, files that are not held."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from afs.logs import claude, read
from afs.logs.claude import record as claude_record
from afs.logs.claude import text as claude_text
from test_claude import Log, parse, reasons, said  # noqa: F401  parse is a fixture

REMINDER = "<system-reminder>\nBe careful.\n</system-reminder>"


class AgentLog(Log):
    """The same for a sub-agent of a session."""

    def add(self, kind, parent="", **more):
        name = super().add(kind, parent, **more)
        self.last = self.rows[-1]["uuid"] = f"{self.extra['agentId']}-{name}"
        return self.last


def agent_log(session="s1", name="a1b2", **more):
    return AgentLog(session, isSidechain=True, agentId=name, **more)


def told(parse, *logs):  # noqa: F811
    return {talk.id: (talk.parent, talk.group, said(talk)) for talk in parse(*logs)}


# --- glance -------------------------------------------------------------------------------------------


def test_glance_reads_the_first_records_only(tmp_path):
    path = tmp_path / "s1.jsonl"
    first = (
        '{"type":"summary","leafUuid":"x"}\nno json\n[1]\n{"sessionId":7,"cwd":null}\n{"cwd":"/home/kit/a"}\n'
    )
    path.write_text(first)
    assert claude.glance(str(path)) == ("s1", "/home/kit/a")
    path.write_text(first + '{"sessionId":"s9","cwd":"/elsewhere"}\n{"sessionId":"later"}\n')
    assert claude.glance(str(path)) == ("s9", "/home/kit/a")
    path.write_text('{"x":1}\n' * 2000 + '{"sessionId":"s9","cwd":"/too/late"}\n')
    assert claude.glance(str(path)) == ("s1", "")
    log = agent_log()
    log.turn("task", "report")
    path = tmp_path / "agent-a1b2.jsonl"
    path.write_text(log.text())
    assert claude.glance(str(path)) == ("s1", "/home/kit/src/app")
    path = tmp_path / "s7.jsonl.gz"
    path.write_bytes(gzip.compress(log.text().encode())[:-40])
    assert claude.glance(str(path))[0] in ("s1", "s7")
    with pytest.raises(FileNotFoundError):
        claude.glance(str(tmp_path / "nowhere.jsonl"))


def test_a_folder_that_cannot_be_read_is_told(tmp_path, monkeypatch):
    (tmp_path / "projects" / "p").mkdir(parents=True)
    heard = []

    def walk(top, onerror):
        onerror(PermissionError(13, "no", str(tmp_path)))
        return iter(())

    monkeypatch.setattr(claude.os, "walk", walk)
    assert claude.find(str(tmp_path), heard.append) == []
    assert [error.filename for error in heard] == [str(tmp_path)]


# --- what a record says -------------------------------------------------------------------------------


def test_what_a_command_told_the_model_is_context_of_the_question(parse):  # noqa: F811
    log = Log()
    log.user("<command-message>fix</command-message>\n<command-name>/fix</command-name>")
    log.user([{"type": "text", "text": "Fix it well."}], isMeta=True)
    log.user("x" * 30_000, isMeta=True)
    log.line("m1", "Fixed.")
    log.user("<command-name>/one</command-name>")
    log.user("from a tool", isMeta=True, sourceToolUseID="t1")
    log.line("m2", "Done.")
    log.user("plain")
    log.user("meta of no command", isMeta=True)
    log.line("m3", "Yes.")
    (talk,) = parse(log)
    first, second, third = talk.turns
    assert said(talk) == [("/fix", "Fixed.", ""), ("/one", "Done.", ""), ("plain", "Yes.", "")]
    assert first.context == "Fix it well.\n\n" + "x" * 19_986 + "\n[... 10014 more characters]"
    assert (second.context, third.context) == ("", "")


@pytest.mark.parametrize("name", ["output-style", "remote-env", "install-slack-app", "vim"])
def test_a_command_of_the_client_is_no_turn_whatever_follows(parse, name):  # noqa: F811
    log = Log()
    log.user(f"<command-name>/{name}</command-name>\n<command-args></command-args>")
    log.user(f"/{name} x")
    log.turn("q1", "a1")
    (talk,) = parse(log)
    assert said(talk) == [("q1", "a1", "")]


def test_no_name_of_a_command_or_record_is_broken():
    names = {*claude_text.BUILT_IN, *claude_record.SIDECAR}
    assert not [name for name in names if name.startswith("-") or name.endswith("-")]
    assert {"agent-setting", "queue-operation"} <= claude_record.SIDECAR


def test_a_command_and_what_it_says_in_one_record_is_the_command(parse):  # noqa: F811
    log = Log()
    log.user(
        [{"type": "text", "text": t} for t in ("<command-name>/fix</command-name>", "You are an expert.")]
    )
    log.line("m1", "Fixed.")
    assert said(parse(log)[0]) == [("/fix", "Fixed.", "")]


@pytest.mark.parametrize("stop", ["max_tokens", "refusal", "model_context_window_exceeded"])
def test_an_answer_that_was_cut_is_incomplete_unless_it_goes_on(parse, stop):  # noqa: F811
    log = Log()
    log.user("go")
    log.line("m1", "Half an", stop_reason=stop)
    log.user("more")
    log.line("m2", "Half an", stop_reason=stop)
    log.user("Output token limit hit. Resume directly.", isMeta=True)
    log.line("m3", "answer.", stop_reason="end_turn")
    (talk,) = parse(log)
    assert said(talk) == [("go", "Half an", "incomplete"), ("more", "answer.", "")]


def test_a_failed_request_is_a_flag_wherever_the_log_says_so(parse):  # noqa: F811
    log = Log()
    log.user("go")
    log.add("system", subtype="api_error", error={"status": 529})
    log.line("m1", "Done.")
    assert parse(log)[0].turns[0].flags == {"api_error", "open"}


def test_the_system_prompt_is_that_of_the_thread(parse):  # noqa: F811
    log = Log()
    log.add(
        "attachment",
        attachment={"type": "prompt_snapshot", "systemPrompt": [{"type": "text", "text": "Be."}]},
    )
    log.add("attachment", attachment={"type": "prompt_snapshot", "systemPrompt": "A later one."})
    log.turn()
    agent = agent_log()
    agent.turn("task", "report")
    main, side = parse(log, ("agent-a1b2.jsonl", agent))
    assert (main.system, side.system) == ("Be.", "")


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        (f"a\n  {REMINDER}  \nb", "a\nb"),
        (f"{REMINDER}", ""),
        (f"{REMINDER} not a line of its own", f"{REMINDER} not a line of its own"),
        (f"1: {REMINDER}\n{REMINDER}\n2", f"1: {REMINDER}\n2"),
        ("<system-reminder>\nnever closed", "<system-reminder>\nnever closed"),
        ([{"type": "text", "text": "a"}, {"type": "text", "text": REMINDER}], "a"),
        ([{"type": "tool_reference", "tool_name": "Grep"}], "[tool Grep]"),
    ],
)
def test_reminders_in_tool_results(parse, content, shown):  # noqa: F811
    log = Log()
    log.user("go")
    log.call("m1", "t1")
    log.result("t1", content)
    log.line("m2", "Done.")
    assert parse(log)[0].turns[0].messages[2].content == shown


# --- sub-agents ---------------------------------------------------------------------------------------


def progress(log, kind, content, name="a9", **message):
    """A step of a sub-agent as versions up to 2.1 wrote it into the session."""
    log.count += 1
    inner = {"type": kind, "uuid": f"p{log.count}", "timestamp": f"2026-01-01T01:00:{log.count:02d}.000Z"}
    inner["message"] = {"role": kind, "content": content, **message}
    data = {"type": "agent_progress", "agentId": name, "prompt": "x", "message": inner}
    log.add("progress", data=data, parentToolUseID="t1")


def delegated(name="a9", report="the report"):
    log = Log()
    log.user("delegate")
    log.call("m1", "t1")
    progress(log, "user", [{"type": "text", "text": "the task"}], name)
    block = {"type": "tool_use", "id": "i1", "name": "Grep", "input": {}}
    progress(log, "assistant", [block], name, id="n1")
    progress(log, "user", [{"type": "tool_result", "tool_use_id": "i1", "content": "found"}], name)
    log.add("progress", data={"type": "agent_progress", "agentId": 7, "message": {"type": "user"}})
    log.add("progress", data={"type": "agent_progress", "agentId": name, "message": "odd"})
    log.add("progress", data={"type": "agent_progress", "agentId": name, "message": {"type": "system"}})
    log.result(
        "t1",
        "report and more",
        toolUseResult={"status": "completed", "agentId": name, "content": [{"type": "text", "text": report}]},
    )
    log.line("m2", "Done.")
    return log


def test_a_sub_agent_that_only_progress_tells_of(parse):  # noqa: F811
    main, side = parse(delegated())
    assert said(main) == [("delegate", "Done.", "")]
    assert (side.id, side.parent, side.group, side.subagent) == ("s1:a9", "s1", "s1", True)
    assert [(m.role, m.content) for m in side.turns[0].messages] == [
        ("user", "the task"),
        ("assistant", ""),
        ("tool", "found"),
        ("assistant", "the report"),
    ]
    assert side.turns[0].flags == set()


def test_the_file_of_a_sub_agent_goes_before_its_progress(parse):  # noqa: F811
    agent = agent_log(name="a9")
    agent.user("the task")
    agent.line("n1", "the whole report")
    found = told(parse, delegated(), ("agent-a9.jsonl", agent))
    assert found["s1:a9"] == ("s1", "s1", [("the task", "the whole report", "")])
    assert len(found) == 2


def test_an_agent_that_another_agent_called_hangs_on_it_and_comes_behind_it(parse):  # noqa: F811
    log = Log()
    log.user("delegate")
    log.call("m1", "t1")
    log.result("t1", "report", toolUseResult={"status": "async_launched", "agentId": "outer"})
    log.line("m2", "Done.")
    outer, inner = agent_log(name="outer"), agent_log(name="inner")
    outer.count, inner.count = 50, 20  # the inner one has the older clock
    outer.user("task")
    outer.call("o1", "t9")
    outer.result("t9", "x", toolUseResult={"status": "completed", "agentId": "inner", "content": []})
    outer.line("o2", "all told")
    inner.turn("part of the task", "part of the report")
    talks = parse(log, ("agent-inner.jsonl", inner), ("agent-outer.jsonl", outer))
    assert [(talk.id, talk.parent, talk.group) for talk in talks] == [
        ("s1", "", "s1"),
        ("s1:outer", "s1", "s1"),
        ("s1:inner", "s1:outer", "s1"),
    ]


@pytest.mark.parametrize("fresh", [False, True])
def test_a_sub_agent_that_begins_with_the_history_of_its_session(parse, fresh):  # noqa: F811
    log = Log()
    log.turn("one", "first")
    log.user("two")
    log.call("m1", "t1")
    fork = agent_log(name="f1")
    for row in log.rows:
        new = f"copy-{row['uuid']}" if fresh else row["uuid"]
        fork.rows.append({**row, "uuid": new, "parentUuid": fork.last, "isSidechain": True, "agentId": "f1"})
        fork.last = new
    fork.count = 30
    result = {"type": "tool_result", "tool_use_id": "t1", "content": "Fork started"}
    text = "<fork-boilerplate>\nYou are a fork.\n</fork-boilerplate>\n\nlook into it"
    fork.user([result, {"type": "text", "text": text}])
    fork.line("x1", "looked")
    log.result("t1", "looked")
    log.line("m2", "second")
    found = told(parse, log, ("agent-f1.jsonl", fork))
    assert found == {
        "s1": ("", "s1", [("one", "first", ""), ("two", "second", "")]),
        "s1:f1": ("s1", "s1", [("look into it", "looked", "")]),
    }


def test_nobody_types_commands_to_a_sub_agent(parse):  # noqa: F811
    log = Log()
    log.turn()
    agent = agent_log()
    agent.user("/review the last commit")
    agent.line("x1", "reviewed")
    agent.user("<command-name>/model</command-name>")
    found = told(parse, log, ("agent-a1b2.jsonl", agent))
    assert found["s1:a1b2"][2] == [("/review the last commit", "reviewed", "")]


def test_an_agent_that_a_resumed_session_goes_on_with(parse):  # noqa: F811
    first = Log()
    first.user("go")
    first.extra, first.last = {"isSidechain": True}, None
    first.user("task")
    first.call("x1", "i1")
    second = Log("s2")
    second.rows, second.last, second.count = [{**row, "sessionId": "s2"} for row in first.rows], first.last, 9
    second.extra = {"isSidechain": True}
    second.result("i1", "found")
    second.line("x2", "report")
    talks = parse(first, second)
    assert [said(talk) for talk in talks if talk.subagent] == [[("task", "report", "")]]


# --- the graph ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["same", "stamped", "fresh"])
def test_a_branch_that_doubles_everything_inside_one_file(parse, form):  # noqa: F811
    log = Log()
    log.turn("one", "first")
    log.user("two")
    log.call("m1", "t1")
    log.result("t1", "ok")
    log.line("m2", "second")
    rows, above = list(log.rows), None
    for row in rows:
        new = row["uuid"] if form == "same" else f"copy-{row['uuid']}"
        stamp = {"forkedFrom": {"sessionId": "s1", "messageUuid": row["uuid"]}} if form == "stamped" else {}
        log.rows.append({**row, "uuid": new, "parentUuid": above, **stamp})
        above = new
    log.last, log.count = above, 40
    log.turn("three", "third")
    (talk,) = parse(log)
    assert said(talk) == [("one", "first", ""), ("two", "second", ""), ("three", "third", "")]
    assert [m.role for m in talk.turns[1].messages] == ["user", "assistant", "tool", "assistant"]


def test_who_goes_back_to_a_place_that_was_never_written(parse):  # noqa: F811
    log = Log()
    log.turn("one", "first")
    log.user("wrong", parent="gone")
    log.line("m2", "bad")
    log.user("better", parent="gone")
    log.line("m3", "good")
    (talk,) = parse(log)
    assert said(talk) == [("one", "first", ""), ("wrong", "bad", "abandoned-branch"), ("better", "good", "")]


def test_a_compaction_behind_a_link_that_came_late(parse):  # noqa: F811
    log = Log()
    log.user("one")
    link = log.add("attachment", attachment={"type": "hook_success"})
    log.line("m1", "first")
    log.rows[1:3] = log.rows[2], log.rows[1]
    assert log.rows[2]["uuid"] == link
    log.add("system", parent=None, subtype="compact_boundary")
    log.turn("two", "second")
    assert said(parse(log)[0]) == [("one", "first", ""), ("two", "second", "")]


def test_a_prompt_of_the_queue_counts_once_in_a_resumed_session(parse):  # noqa: F811
    first = Log()
    first.user("go")
    first.call("m1", "t1")
    for operation in ("enqueue", "remove"):
        first.rows.append({"type": "queue-operation", "operation": operation, "content": "hurry"})
    first.result("t1")
    first.line("m2", "Done.")
    second = Log("s2")
    second.rows = [{**row, "sessionId": "s2"} for row in first.rows]
    second.last, second.count = first.last, 9
    second.turn("next", "and on")
    talks = parse(first, second)
    assert [said(talk) for talk in talks] == [
        [("go", "Done.", ""), ("hurry", "hurry", "mid-turn")],
        [("next", "and on", "")],
    ]


# --- crashes ------------------------------------------------------------------------------------------

HEAD = '{"type":"user","message":{"role":"user","content":[{"type":"text","text":"los'


@pytest.mark.parametrize(
    ("crash", "notes"),
    [
        (lambda rows: rows[0] + rows[1] + "\n" + rows[2] + "\n" + rows[3], {}),
        (lambda rows: " ".join(rows), {}),
        (lambda rows: "".join([*['{"type":"summary"}'] * 99, *rows]), {"skipped": 99}),
        (lambda rows: "".join(rows) + "no json " * 99, {"torn": 1}),
        (lambda rows: "\0" * 4096 + "\n\0".join(rows), {}),
        (lambda rows: HEAD + rows[0] + "\n" + HEAD + rows[1] + "\n" + "\n".join(rows[2:]), {"bad": 2}),
        (lambda rows: HEAD + HEAD + rows[0] + HEAD + rows[1] + "\n" + "\n".join(rows[2:]), {"bad": 1}),
        (lambda rows: "\n".join(rows) + HEAD, {"torn": 1}),
        (lambda rows: HEAD + "\0\0" + "".join(rows) + HEAD, {"torn": 1}),
        (
            lambda rows: "\n".join(rows) + "\n" + '{"a":{"type":"user","message":{"content":"no"}},"b',
            {"torn": 1},
        ),
    ],
)
def test_what_a_crash_leaves_loses_no_whole_record(parse, crash, notes):  # noqa: F811
    log = Log()
    log.turn("one", "first")
    log.turn("zwei: ü 文", "second\ud83d")
    text = crash([json.dumps(row) for row in log.rows])
    (talk,) = parse(("s1.jsonl", text))
    assert said(talk) == [("one", "first", ""), ("zwei: ü 文", "second\ud83d", "")]
    found = {kind: number for (kind, _), number in reasons(parse).items()}
    assert found == notes


# --- logs that are not held ---------------------------------------------------------------------------


def everything(long):
    """A session with each kind of text, each of them long."""
    log = delegated(report=f"report {long}")
    log.user(f"question {long}", isMeta=False)
    log.line("k1", {"type": "thinking", "thinking": f"thought {long}"})
    log.line("k1", f"text {long}")
    log.line("k1", f"text {long}, but not the same")
    log.line("k1", f"text {long}")
    log.line("k1", {"type": "tool_use", "id": "k2", "name": "Bash", "input": {"command": long}})
    for operation in ("enqueue", "remove"):
        log.rows.append({"type": "queue-operation", "operation": operation, "content": f"aside {long}"})
    log.result("k2", f"result {long}\n{REMINDER}")
    blocks = [
        {"type": "text", "text": " " * 300 + long},
        {"type": "server_tool_use", "id": "srv1", "name": "web_search", "input": {"query": long}},
        {
            "type": "web_search_tool_result",
            "tool_use_id": "srv1",
            "content": [{"type": "text", "text": long}],
        },
        {"type": "text", "text": f"found {long}"},
    ]
    log.add("assistant", message={"id": "m8", "model": "claude-x", "content": blocks})
    log.call("m9", "k3")
    log.result("k3", f"refused {long}", userFeedback=f"no {long}")
    log.line("m10", f"end {long}")
    log.user(f"<command-name>/fix</command-name><command-args>{long}</command-args>")
    log.line("m11", "\n".join(["short"] * 3))
    return log


def whole(talk):
    rows = []
    for turn in talk.turns:
        for message in turn.messages:
            full = message.load() if message.load else message
            assert (full.role, full.line, full.tool_call_id) == (
                message.role,
                message.line,
                message.tool_call_id,
            )
            assert (full.failed, [c.id for c in full.tool_calls]) == (
                message.failed,
                [c.id for c in message.tool_calls],
            )
            calls = [(call.id, call.name, call.arguments) for call in full.tool_calls]
            rows.append(
                (turn.skip, turn.context, sorted(turn.flags), full.role, full.content, full.reasoning, calls)
            )
    return talk.id, rows


def test_a_log_too_large_to_be_held_gives_the_same_messages(parse, monkeypatch):  # noqa: F811
    log = everything("x" * 500 + " ü文" * 200)
    held = parse(log)
    assert not any(message.load for talk in held for turn in talk.turns for message in turn.messages)
    monkeypatch.setattr(read, "LARGE", 1)
    brief = parse(log)
    messages = [message for talk in brief for turn in talk.turns for message in turn.messages]
    assert all(
        len(message.content) <= 200 and len(message.reasoning) <= 200 for message in messages if message.load
    )
    assert all(message.content.strip() for message in messages if message.role == "user")
    assert sum(message.load is None for message in messages) == 1  # what was said in refusing a call
    assert list(map(whole, brief)) == list(map(whole, held))


def test_a_family_is_held_or_not_as_one_and_packed_files_are_held(parse, monkeypatch, tmp_path):  # noqa: F811
    first = Log()
    first.turn("one", "first")
    second = Log("s2")
    second.rows, second.last, second.count = [dict(row) for row in first.rows], first.last, 9
    second.turn("two", "second")
    size = len(first.text())
    monkeypatch.setattr(read, "LARGE", size * 2)
    packed = gzip.compress(second.text().encode())
    for form, loads in ((second.text().encode(), [True, True]), (packed, [False, False])):
        talks = parse(first, ("s2.jsonl.gz", form))
        assert [talk.turns[0].messages[0].load is not None for talk in talks] == loads
    monkeypatch.setattr(read, "LARGE", 1)
    talks = parse(first, ("s2.jsonl.gz", packed))
    assert [talk.turns[0].messages[0].load is not None for talk in talks] == [True, False]


def test_a_log_that_changed_while_it_was_read_is_an_error(parse, monkeypatch, tmp_path):  # noqa: F811
    monkeypatch.setattr(read, "LARGE", 1)
    log = Log()
    log.turn("one", "x" * 500)
    (talk,) = parse(log)
    Path(talk.files[0]).write_text("\n" * 10)
    with pytest.raises(OSError, match="changed while it was read"):
        talk.turns[0].messages[1].load()


def test_a_line_of_many_megabytes(parse):  # noqa: F811
    log = Log()
    log.user("go")
    log.call("m1", "t1")
    log.result("t1", "ok", toolUseResult={"originalFile": "x" * (8 << 20)})
    log.line("m2", "Done.")
    (talk,) = parse(log)
    assert [m.content for m in talk.turns[0].messages] == ["go", "", "ok", "Done."]


@pytest.mark.slow
def test_a_line_of_200_megabytes(parse):  # noqa: F811
    log = Log()
    log.user("go")
    log.call("m1", "t1")
    picture = [{"type": "image", "source": {"type": "base64", "data": "A" * 200_000_000}}]
    log.result("t1", picture)
    log.line("m2", "Done.")
    (talk,) = parse(log)
    assert [m.content for m in talk.turns[0].messages] == ["go", "", "[image]", "Done."]
    assert not reasons(parse)
