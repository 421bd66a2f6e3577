"""Codex threads that come from each other, and the newest and the oldest generation of records."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from afs.logs import codex, samples
from test_codex import NEW_TURN, OLD_TURN, OLDEST, PARENT, THREAD, Log, read, said


def save(folder, log, name, day="2026-02-11T09-20-00", second=""):
    path = folder / "sessions" / f"rollout-{day}-{name}{second and '_' + second}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(log.text())
    return path


def read_all(folder):
    """(conversations, notes) of a Codex home."""
    notes = []
    groups = codex.find(str(folder))
    talks = [talk for group in groups for talk in codex.parse(group, lambda *note: notes.append(note))]
    return talks, notes


def ids(*talks):
    return [samples.turn_id(talk, turn) for talk in talks for turn in talk.turns]


# --- the first generation ---------------------------------------------------------------------------

SESSION = {"timestamp": "2025-04-20T10:00:00.000Z", "id": "5c1e", "instructions": "Be brief."}
ITEMS = [
    {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "list it"}]},
    {"type": "reasoning", "id": "rs", "summary": [{"type": "summary_text", "text": "look"}]},
    {"type": "function_call", "name": "shell", "arguments": '{"command":["ls"]}', "call_id": "c"},
    {
        "type": "function_call_output",
        "call_id": "c",
        "output": '{"output":"a.py","metadata":{"exit_code":0}}',
    },
    {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "One file."}]},
    {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "and now?"}]},
    {
        "type": "message",
        "role": "system",
        "content": [
            {"type": "input_text", "text": "Execution interrupted by user. You can continue typing."}
        ],
    },
]
FIRST = "rollout-2025-04-20-5c1e0000-0000-4000-8000-000000000001.json"


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("name", [FIRST, "rollout-by-hand.jsonl"])
def test_the_one_document_of_the_first_generation(indent, name, tmp_path):
    path = tmp_path / name
    path.write_text(json.dumps({"session": SESSION, "items": ITEMS}, indent=indent))
    notes = []
    (talk,) = codex.parse([str(path)], lambda *note: notes.append(note))
    assert (talk.id, talk.system, talk.files) == ("5c1e", "Be brief.", [str(path)])
    assert [said(turn) for turn in talk.turns] == [("list it", "One file."), ("and now?", None)]
    assert [m.content for m in talk.turns[0].messages] == ["list it", "", "a.py", "One file."]
    assert talk.turns[0].timestamp == "2025-04-20T10:00:00.000Z"
    assert samples.why_not(talk.turns[1]) == "interrupted"
    assert [note[3] for note in notes] == ["system role"]
    starts = [number for number, line in enumerate(path.read_text().split("\n"), 1) if line == "    {"]
    assert talk.turns[1].line == (starts[5] if indent else 1)


def test_a_document_that_was_cut_gives_its_whole_items(tmp_path):
    path = tmp_path / FIRST
    whole = json.dumps({"session": SESSION, "items": ITEMS}, indent=2)
    path.write_text(whole[: whole.index("and now?")])
    notes = []
    (talk,) = codex.parse([str(path)], lambda *note: notes.append(note[0]))
    assert [said(turn) for turn in talk.turns] == [("list it", "One file.")]
    assert notes == ["torn"]
    for cut in range(0, len(whole), 7):
        path.write_text(whole[:cut])
        for talk in codex.parse([str(path)], lambda *note: None):
            assert [turn.messages[0].content for turn in talk.turns] in (
                [],
                ["list it"],
                ["list it", "and now?"],
            )


# --- what a file is about ---------------------------------------------------------------------------


def test_a_glance_tells_the_thread_and_its_folder(tmp_path):
    wrapped = save(tmp_path, Log().user("q"), THREAD)
    assert codex.glance(str(wrapped)) == (THREAD, "/home/kit/src/app")
    context = "<environment_context>\nCurrent working directory: /home/kit/x\n</environment_context>"
    old = tmp_path / "rollout-2025-08-20T01-42-25-4b1e0000-0000-4000-8000-000000000002.jsonl"
    content = [{"type": "input_text", "text": context}]
    rows = [{"id": "4b1e"}, {"record_type": "state"}, {"type": "message", "role": "user", "content": content}]
    old.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert codex.glance(str(old)) == ("4b1e", "/home/kit/x")
    first = tmp_path / FIRST
    first.write_text(json.dumps({"session": SESSION, "items": ITEMS}, indent=2))
    assert codex.glance(str(first)) == ("5c1e", "")
    late = save(tmp_path, Log(cwd="").add("turn_context", {"cwd": "/home/kit/y"}), OLDEST)
    assert codex.glance(str(late)) == (THREAD, "/home/kit/y")


def test_a_glance_at_what_is_no_log_is_the_name(tmp_path):
    for data in (b"", b"\xff\xfe\x00", b"{}\n[]\n", b'{"type":"session_meta","payload":{"id":7}}\n', b"{\n"):
        path = tmp_path / f"rollout-2026-02-11T09-20-00-{THREAD}.jsonl"
        path.write_bytes(data)
        assert codex.glance(str(path)) == (THREAD, "")
    assert codex.glance(str(tmp_path / "external_agent_session_imports.json")) == ("", "")
    with pytest.raises(FileNotFoundError):
        codex.glance(str(tmp_path / "rollout-gone.jsonl"))


def test_a_system_prompt_is_that_of_the_thread_itself(tmp_path):
    log = Log(base_instructions={"text": "You are an agent."}).add(
        "session_meta", {"id": PARENT, "base_instructions": {"text": "another"}}
    )
    assert read(log.user("q"), tmp_path)[0].system == "You are an agent."
    assert read(Log(instructions="Be brief.").user("q"), tmp_path)[0].system == "Be brief."


# --- families ---------------------------------------------------------------------------------------


def test_a_fork_names_each_turn_as_its_parent_does_though_some_are_missing_in_it(tmp_path):
    parent = Log(PARENT).user("q0").say("a0").event("thread_rolled_back", num_turns=1)
    parent.user("q1").say("a1").user("q2").say("a2")
    fork = Log(forked_from_id=PARENT).user("q1").say("a1").wait(9).user("own").say("b")
    save(tmp_path, parent, PARENT, "2026-02-12T00-00-00")  # the names tell another order
    save(tmp_path, fork, THREAD, "2026-02-11T00-00-00")
    first, second = read_all(tmp_path)[0]
    assert (first.id, second.id, second.group) == (PARENT, THREAD, PARENT)
    assert ids(second)[0] == ids(first)[1]
    assert len(set(ids(first, second))) == 4


def test_a_head_with_pauses_is_known_by_its_content(tmp_path):
    name, above = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
    parent = Log(above)
    for number in range(3):
        parent.wait(5).user(f"q{number}").call("c", f"out {number}").say(f"a{number}")
    fork = Log(name, forked_from_id=above)
    for number in range(2):
        fork.wait(5).user(f"q{number}").call("c", f"out {number}").say(f"a{number}")
    fork.wait(5).user("q2").call("c", "another").say("b2")
    save(tmp_path, parent, above)
    save(tmp_path, fork, name)
    first, second = sorted(read_all(tmp_path)[0], key=lambda talk: talk.id, reverse=True)
    assert ids(second)[:2] == ids(first)[:2]
    assert [turn.origin for turn in second.turns] == [above, above, ""]


def test_a_fork_of_a_missing_parent_keeps_its_turns(tmp_path):
    fork = Log(forked_from_id=PARENT).event("task_started", turn_id=OLD_TURN).user("old").say("a")
    fork.event("task_started", turn_id=NEW_TURN).user("new").say("b")
    save(tmp_path, fork, THREAD)
    ((talk,), _) = read_all(tmp_path)
    assert [(said(turn), turn.origin) for turn in talk.turns] == [(("old", "a"), PARENT), (("new", "b"), "")]
    assert talk.group == PARENT


def test_a_fork_of_a_fork_belongs_to_the_group_of_the_oldest(tmp_path):
    save(tmp_path, Log(OLDEST).user("q0").say("a0"), OLDEST)
    save(
        tmp_path, Log(PARENT, forked_from_id=OLDEST).user("q0").say("a0").wait(9).user("q1").say("a1"), PARENT
    )
    log = Log(forked_from_id=PARENT).user("q0").say("a0").user("q1").say("a1").wait(9).user("q2").say("a2")
    save(tmp_path, log, THREAD)
    talks, _ = read_all(tmp_path)
    assert {talk.id: talk.group for talk in talks} == {OLDEST: "", PARENT: OLDEST, THREAD: OLDEST}
    assert len(set(ids(*talks))) == 3


def test_threads_that_come_from_each_other_in_a_circle_are_each_read_once(tmp_path):
    save(tmp_path, Log(THREAD, forked_from_id=PARENT).wait(9).user("q1").say("a1"), THREAD)
    save(tmp_path, Log(PARENT, forked_from_id=THREAD).wait(9).user("q2").say("a2"), PARENT)
    save(tmp_path, Log(OLDEST, forked_from_id=OLDEST).wait(9).user("q3").say("a3"), OLDEST)
    talks, _ = read_all(tmp_path)
    assert sorted(talk.id for talk in talks) == sorted((THREAD, PARENT, OLDEST))


def test_a_sub_agent_comes_behind_its_parent_and_loses_what_it_repeats(tmp_path):
    spawned = {"source": {"subagent": {"thread_spawn": {"parent_thread_id": PARENT, "depth": 1}}}}
    side = Log(**spawned).wait(5).user("q0").say("a0").wait(5).user("count the rows").say("7")
    save(tmp_path, side, THREAD, "2026-01-01T00-00-00")
    save(tmp_path, Log(PARENT).user("q0").say("a0"), PARENT, "2026-02-01T00-00-00")
    talks, notes = read_all(tmp_path)
    assert [(talk.id, talk.subagent, talk.parent, talk.group) for talk in talks] == [
        (PARENT, False, "", ""),
        (THREAD, True, PARENT, PARENT),
    ]
    assert [said(turn) for turn in talks[1].turns] == [("count the rows", "7")]
    assert "turn repeated by a sub-agent" in [note[3] for note in notes]


@pytest.mark.parametrize("side", [True, False])
def test_a_replay_may_pause_until_the_id_of_a_turn_tells_better(side, tmp_path):
    more = {"thread_source": "subagent"} if side else {}
    log = Log(forked_from_id=PARENT, **more).user("old 1").say("a").wait(5).user("old 2").say("b").wait(5)
    log.event("task_started", turn_id=OLD_TURN).user("old 3").say("c").event(
        "task_complete", turn_id=OLD_TURN
    )
    log.wait(5).event("task_started", turn_id=NEW_TURN).user("new").say("d")
    talk, _ = read(log, tmp_path)
    turns = [(said(turn)[0], turn.origin) for turn in talk.turns]
    head = [] if side else [(f"old {number}", PARENT) for number in (1, 2, 3)]
    assert turns == [*head, ("new", "")]


def test_the_task_of_a_sub_agent_may_come_as_a_message_of_another_agent(tmp_path):
    log = Log(thread_source="subagent", parent_thread_id=PARENT, agent_path="/root/a")
    task = [{"type": "input_text", "text": "count the rows"}]
    log.item("agent_message", author="/root", recipient="/root/a", content=task).say("7")
    log.item(
        "agent_message", author="/root/a", recipient="/root", content=[{"type": "input_text", "text": "7"}]
    )
    talk, _ = read(log, tmp_path)
    assert [said(turn) for turn in talk.turns] == [("count the rows", "7")]
    log = Log().user("q").item("agent_message", author="/root/a", recipient="/root", content=task).say("a")
    assert [said(turn) for turn in read(log, tmp_path)[0].turns] == [("q", "a")]


# --- generation 5 -----------------------------------------------------------------------------------


def numbered(log, start=0):
    for number, row in enumerate(log.rows, start):
        row["ordinal"] = number
    return log


def test_what_a_sub_agent_repeats_ends_at_the_ordinal_that_it_names(tmp_path):
    log = Log(thread_source="subagent", parent_thread_id=PARENT, subagent_history_start_ordinal=3)
    numbered(log.user("old").say("a").user("count").say("7"))
    talk, _ = read(log, tmp_path)
    assert [said(turn) for turn in talk.turns] == [("count", "7")]


def test_a_thread_in_two_files_goes_on_where_the_first_was_left(tmp_path):
    second = "019c4bd0-0000-7000-8000-0000000000ff"
    base = {"thread_id": THREAD, "end_ordinal_exclusive": 3, "end_byte_offset": 9}
    save(tmp_path, numbered(Log().user("q1").say("a1").user("q2").say("a2")), THREAD)
    later = Log(history_mode="paginated", history_base=base).user("q3").say("a3")
    save(tmp_path, numbered(later, 3), THREAD, "2026-02-12T09-20-00", second)
    ((talk,), notes) = read_all(tmp_path)
    assert [(said(turn)[0], turn.skip) for turn in talk.turns] == [
        ("q1", ""),
        ("q2", "rolled-back"),
        ("q3", ""),
    ]
    assert [os.path.basename(path)[8:18] for path in talk.files] == ["2026-02-11", "2026-02-12"]
    assert talk.turns[2].path == talk.files[1]
    assert notes == []


def test_a_fork_that_names_its_base_repeats_nothing(tmp_path):
    save(tmp_path, numbered(Log(PARENT).user("q1").say("a1")), PARENT)
    base = {"thread_id": PARENT, "end_ordinal_exclusive": 3}
    save(tmp_path, Log(forked_from_id=PARENT, history_base=base).user("q2").say("a2"), THREAD)
    talks, _ = read_all(tmp_path)
    assert [[turn.origin for turn in talk.turns] for talk in talks] == [[""], [""]]
    assert talks[1].group == PARENT


def completed(log, kind, **fields):
    return log.event(
        "item_completed", thread_id=THREAD, turn_id="t1", item={"type": kind, "id": "i", **fields}
    )


def test_events_stand_in_where_the_items_are_absent(tmp_path):
    log = Log(history_mode="paginated").event("task_started", turn_id="t1")
    completed(
        log, "UserMessage", content=[{"type": "text", "text": "do it"}, {"type": "image", "image_url": "x"}]
    )
    completed(log, "Reasoning", summary_text=["plan"], raw_content=[])
    completed(
        log, "CommandExecution", id="1", command=["ls"], cwd="/x", exit_code=2, aggregated_output="none"
    )
    completed(log, "fileChange", id="2", changes={"a": {"type": "add"}}, status="completed", stdout="Done")
    completed(
        log, "McpToolCall", id="3", server="db", tool="query", arguments={"q": 1}, error={"message": "no"}
    )
    completed(
        log, "DynamicToolCall", id="4", tool="t", arguments={}, contentItems=[{"text": "x"}], success=True
    )
    completed(log, "Plan", text="a plan")
    completed(log, "AgentMessage", content=[{"type": "Text", "text": "Done."}], phase="final_answer")
    talk, notes = read(log.event("task_complete", turn_id="t1"), tmp_path)
    (turn,) = talk.turns
    assert said(turn) == ("do it\n[image]", "Done.")
    calls = [
        (call.name, json.loads(call.arguments)) for message in turn.messages for call in message.tool_calls
    ]
    assert calls == [
        ("shell", {"command": ["ls"], "cwd": "/x"}),
        ("apply_patch", {"changes": {"a": {"type": "add"}}}),
        ("mcp__db__query", {"q": 1}),
        ("t", {}),
    ]
    assert [(m.content, m.failed) for m in turn.messages if m.role == "tool"] == [
        ("none", True),
        ("Done", False),
        ("no", True),
        ("x", False),
    ]
    assert turn.messages[1].reasoning == "plan"
    assert notes == []


@pytest.mark.parametrize("first", [True, False])
def test_events_that_repeat_items_double_nothing(first, tmp_path):
    log = Log().event("task_started", turn_id="t1")
    for twin in (first, not first):
        if twin:
            completed(log, "UserMessage", content=[{"type": "text", "text": "do it"}])
        else:
            log.user("do it")
    completed(log, "CommandExecution", command=["ls"], exit_code=0)
    log.call("c", "a.py").say("Done.")
    completed(log, "AgentMessage", content=[{"type": "Text", "text": "Done."}]).event(
        "task_complete", turn_id="t1"
    )
    talk, _ = read(log, tmp_path)
    assert [[m.role for m in turn.messages] for turn in talk.turns] == [
        ["user", "assistant", "tool", "assistant"]
    ]


def test_a_question_that_stands_in_events_alone_comes_before_its_answer(tmp_path):
    log = (
        Log()
        .event("task_started", turn_id="t1")
        .user("# AGENTS.md instructions\n<INSTRUCTIONS>x</INSTRUCTIONS>")
    )
    completed(log, "UserMessage", content=[{"type": "text", "text": "do it"}])
    log.call("c", "a.py").say("Done.").event("task_complete", turn_id="t1")
    talk, _ = read(log, tmp_path)
    assert [said(turn) for turn in talk.turns] == [("do it", "Done.")]
    assert len(talk.turns[0].messages) == 4


# --- what happens within a turn ---------------------------------------------------------------------


def test_what_is_said_while_the_agent_works_goes_into_the_running_turn(tmp_path):
    log = (
        Log()
        .event("task_started", turn_id="t1")
        .user("fix it")
        .call("c1", "x")
        .user("and the docs")
        .call("c2", "y")
    )
    log.say("Both done.").event("task_complete", turn_id="t1").event("task_started", turn_id="t2").user(
        "q"
    ).say("a")
    talk, _ = read(log, tmp_path)
    assert [turn.skip for turn in talk.turns] == ["", "mid-turn", ""]
    assert [m.role for m in talk.turns[0].messages] == [
        "user",
        "assistant",
        "tool",
        "user",
        "assistant",
        "tool",
        "assistant",
    ]
    assert said(talk.turns[0]) == ("fix it", "Both done.")
    log.event("thread_rolled_back", num_turns=2)
    assert [turn.skip for turn in read(log, tmp_path)[0].turns] == ["rolled-back"] * 3


def test_undone_work_was_not_wanted(tmp_path):
    log = Log().user("q1").say("a1").user("q2").say("a2").event("undo_completed", success=False)
    log.event("undo_completed", success=True, message="x")
    talk, _ = read(log, tmp_path)
    assert ["corrected_by_user" in turn.flags for turn in talk.turns] == [False, True]


def test_what_was_sent_again_after_a_failure_is_taken_once(tmp_path):
    log = Log().user("q").item("function_call", name="a", arguments="{}", call_id="1")
    log.item("function_call", name="a", arguments="{}", call_id="1").event("stream_error", message="again")
    log.item("function_call_output", call_id="1", output="x").say("done", id="m1").say("done", id="m1")
    talk, notes = read(log, tmp_path)
    assert [m.role for m in talk.turns[0].messages] == ["user", "assistant", "tool", "assistant"]
    assert [note[2] for note in notes] == [
        "call repeated after a failure",
        "message repeated after a failure",
    ]


def test_ids_that_a_model_uses_again_are_told_apart(tmp_path):
    talk, _ = read(Log().user("q").call("call_0", "one").call("call_0", "two").say("done"), tmp_path)
    messages = talk.turns[0].messages
    assert [m.content for m in messages if m.role == "tool"] == ["one", "two"]
    assert len({call.id for m in messages for call in m.tool_calls}) == 2


def test_a_review_is_no_question_of_a_person(tmp_path):
    log = Log().event("task_started", turn_id="t1").user("q").say("a").event("task_complete", turn_id="t1")
    log.event("entered_review_mode", user_facing_hint="x").user("<user_action>\nreview\n</user_action>")
    log.event("exited_review_mode", review_output={}).say("A finding.").event(
        "turn_aborted", reason="review_ended"
    )
    talk, _ = read(log, tmp_path)
    assert [(said(turn), turn.flags) for turn in talk.turns] == [(("q", "a"), set())]


def test_code_mode_is_a_call_with_its_script(tmp_path):
    script = 'const r = await tools.exec_command({"cmd":"ls"});\ntext(r.output)'
    log = Log().user("q").item("custom_tool_call", call_id="c", name="exec", input=script)
    parts = [
        {"type": "input_text", "text": "Script completed\nOutput:\n"},
        {"type": "input_text", "text": "a.py"},
    ]
    log.item("custom_tool_call_output", call_id="c", output=parts).say("done")
    _, work, result, _ = read(log, tmp_path)[0].turns[0].messages
    assert (work.tool_calls[0].name, json.loads(work.tool_calls[0].arguments)) == ("exec", {"input": script})
    assert result.content == "Script completed\nOutput:\na.py"


def test_nothing_of_a_replacement_history_is_a_turn(tmp_path):
    kept = [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "old question"}]}]
    log = Log().user("q1").say("a1").add("compacted", {"message": "", "replacement_history": kept * 50})
    log.add("world_state", {"full": True, "state": {"agents_md": {"text": "be brief"}}}).user("q2").say("a2")
    talk, notes = read(log, tmp_path)
    assert [(said(turn)[0], sorted(turn.flags)) for turn in talk.turns] == [
        ("q1", []),
        ("q2", ["after_compaction", "open"]),
    ]
    assert notes == []


# --- threads of other agents ------------------------------------------------------------------------


def test_turns_that_were_imported_from_another_agent_are_no_samples(tmp_path):
    log = Log().event("task_started", turn_id="external-import-turn-1").user("q1").say("a1")
    log.event("task_complete", turn_id="external-import-turn-1").event("task_started", turn_id=NEW_TURN)
    talk, _ = read(
        log.add("turn_context", {"turn_id": NEW_TURN, "model": "m"}).user("q2").say("a2"), tmp_path
    )
    assert [turn.skip for turn in talk.turns] == ["imported", ""]


def test_the_clients_own_list_tells_which_threads_were_imported(tmp_path):
    log = Log().user("q1").say("a1").add("turn_context", {"model": "m"}).user("q2").say("a2")
    save(tmp_path, log, THREAD)
    save(tmp_path, Log(PARENT).user("q").say("a"), PARENT)
    ledger = tmp_path / "external_agent_session_imports.json"
    rows = [{"imported_thread_id": THREAD.upper(), "source_path": "/home/kit/.claude/projects/x/y.jsonl"}]
    for text, skips in (
        (json.dumps({"records": rows}), ["imported", ""]),
        ("[7", ["", ""]),
        ('{"records":7}', ["", ""]),
    ):
        ledger.write_text(text)
        talks, notes = read_all(tmp_path)
        assert {talk.id: [turn.skip for turn in talk.turns] for talk in talks} == {
            PARENT: [""],
            THREAD: skips,
        }
        assert notes == []
    ledger.write_text(json.dumps({"records": rows}))
    assert [len(group) for group in codex.find(str(tmp_path))] == [1, 2]
    assert list(codex.parse([str(ledger)], lambda *note: pytest.fail(str(note)))) == []


def test_a_home_of_a_project_may_be_the_root(tmp_path):
    save(tmp_path / "repo" / ".codex", Log().user("q").say("a"), THREAD)
    assert len(codex.find(str(tmp_path / "repo" / ".codex"))) == 1
    assert [Path(path).name for (path,) in codex.find(str(tmp_path / "repo"))] == [
        f"rollout-2026-02-11T09-20-00-{THREAD}.jsonl"
    ]
