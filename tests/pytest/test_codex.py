"""The Codex parser: every generation of records, what a person typed, forks, rollbacks, outputs."""

from __future__ import annotations

import gzip
import json
import os
import time
from collections import Counter

import pytest
import zstandard
from afs.logs import codex, samples
from afs.logs.codex import events as codex_events
from afs.logs.codex import text as codex_text
from afs.logs.codex import thread as codex_thread
from hypothesis import given, settings
from hypothesis import strategies as st

THREAD = "019c4bc9-2780-7000-8000-00000000000a"  # 2026-02-11T08:20:00Z
PARENT = "019c0000-0000-7000-8000-00000000000b"
OLDEST = "019b0000-0000-7000-8000-00000000000c"

DEEP = "990 levels"  # json cannot write them, so they come in when the lines are written


def dumps(row):
    return json.dumps(row).replace(json.dumps(DEEP), "[" * 990 + "]" * 990) + "\n"


class Log:
    """Lines of a wrapped rollout, 10 ms apart; wait() makes a pause."""

    def __init__(self, name=THREAD, **meta):
        self.rows, self.clock = [], 1770798000000
        if name:
            self.add(
                "session_meta", {"id": name, "cwd": "/home/kit/src/app", "cli_version": "0.98.0", **meta}
            )

    def stamp(self):
        seconds, rest = divmod(self.clock, 1000)
        return f"2026-02-11T08:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{rest:03d}Z"

    def wait(self, seconds):
        self.clock += int(seconds * 1000)
        return self

    def add(self, kind, payload, **more):
        self.rows.append({"timestamp": self.stamp(), "type": kind, "payload": payload, **more})
        self.clock += 10
        return self

    def item(self, kind, **fields):
        return self.add("response_item", {"type": kind, **fields})

    def event(self, kind, **fields):
        return self.add("event_msg", {"type": kind, **fields})

    def user(self, *texts, **fields):
        content = [{"type": "input_text", "text": text} for text in texts]
        return self.item("message", role="user", content=content, **fields)

    def say(self, text, **fields):
        return self.item(
            "message", role="assistant", content=[{"type": "output_text", "text": text}], **fields
        )

    def think(self, text):
        return self.item("reasoning", summary=[{"type": "summary_text", "text": text}], encrypted_content="x")

    def call(self, call_id, output, name="shell", arguments='{"command":["ls"]}'):
        self.item("function_call", name=name, arguments=arguments, call_id=call_id)
        return self.item("function_call_output", call_id=call_id, output=output)

    def text(self):
        return "".join(dumps(row) for row in self.rows)


def read(rows, tmp_path, name=f"rollout-2026-02-11T09-20-00-{THREAD}.jsonl"):
    """(conversation, notes) of rows, or of a Log."""
    path = tmp_path / name
    text = rows.text() if isinstance(rows, Log) else "".join(json.dumps(row) + "\n" for row in rows)
    path.write_text(text, encoding="utf-8")
    notes = []
    talks = list(codex.parse([str(path)], lambda *note: notes.append((note[0], note[2], note[3]))))
    return (talks[0] if talks else None), notes


def said(turn):
    """(question, answer) of a turn; None for no answer."""
    at = samples.final(turn)
    return turn.messages[0].content, turn.messages[at].content if at > 0 else None


# --- generations ------------------------------------------------------------------------------------


def test_unwrapped_records_of_2025(tmp_path):
    rows = [
        {"id": "4b1e", "timestamp": "2025-08-20T10:11:12.345Z", "instructions": None, "git": {}},
        {"record_type": "state"},
        {
            "type": "message",
            "id": None,
            "role": "user",
            "content": [
                {
                    "type": "input_text",
                    "text": "<environment_context>\n"
                    "Current working directory: /home/kit/x\n</environment_context>",
                }
            ],
        },
        {
            "type": "message",
            "id": None,
            "role": "user",
            "content": [{"type": "input_text", "text": "fix the test"}],
        },
        {
            "type": "reasoning",
            "id": "r",
            "summary": [],
            "content": [{"type": "reasoning_text", "text": "raw plan"}],
        },
        {"type": "function_call", "name": "shell", "arguments": '{"command":["ls"]}', "call_id": "c1"},
        {
            "type": "function_call_output",
            "call_id": "c1",
            "output": '{"output":"a.py\\n","metadata":{"exit_code":0,"duration_seconds":0.1}}',
        },
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Done."}]},
    ]
    talk, notes = read(rows, tmp_path)
    assert (talk.id, talk.cwd, talk.agent_version) == ("4b1e", "/home/kit/x", "")
    (turn,) = talk.turns
    assert [m.role for m in turn.messages] == ["user", "assistant", "tool", "assistant"]
    assert said(turn) == ("fix the test", "Done.")
    assert turn.messages[1].reasoning == "raw plan"
    assert turn.messages[1].tool_calls[0].arguments == '{"command":["ls"]}'
    assert turn.messages[2].content == "a.py\n"
    assert (turn.timestamp, turn.line, turn.model) == ("2025-08-20T10:11:12.345Z", 4, "")
    assert notes == [("skipped", 3, "injected text")]


def test_events_repeat_nothing_and_tokens_are_counted_once(tmp_path):
    log = Log().user("why?").event("user_message", message="why?")
    usage = {
        "total_token_usage": {"input_tokens": 100, "output_tokens": 7},
        "last_token_usage": {"input_tokens": 100, "output_tokens": 7},
    }
    more = {
        "total_token_usage": {"input_tokens": 250, "output_tokens": 10},
        "last_token_usage": {"input_tokens": 150, "output_tokens": 3},
    }
    log.event("token_count", info=None).event("token_count", info=usage).event("token_count", info=usage)
    log.event("agent_reasoning", text="plan").think("plan").call("a", "ok")
    log.event("token_count", info=more).event("agent_message", message="because").say("because")
    talk, notes = read(log, tmp_path)
    (turn,) = talk.turns
    assert [m.role for m in turn.messages] == ["user", "assistant", "tool", "assistant"]
    assert (turn.tokens_in, turn.tokens_out) == (250, 10)
    assert notes == []


def test_tokens_without_a_last_count_are_differences(tmp_path):
    log = Log().user("q")
    for total in (40, 40, 90):
        log.event(
            "token_count", info={"total_token_usage": {"input_tokens": total, "output_tokens": total // 10}}
        )
    talk, _ = read(log.say("a"), tmp_path)
    assert (talk.turns[0].tokens_in, talk.turns[0].tokens_out) == (90, 9)


def test_the_model_is_that_of_the_turn_context_before_or_behind_the_question(tmp_path):
    log = Log().add("turn_context", {"model": "one", "cwd": "/home/kit/src/app"}).user("q1").say("a1")
    log.event("task_complete", turn_id="t1").add("turn_context", {"model": "two", "turn_id": "t2"}).user(
        "q2"
    ).say("a2")
    log.event("task_complete", turn_id="t2").user("q3").add("turn_context", {"model": "three"}).say("a3")
    talk, _ = read(log, tmp_path)
    assert [turn.model for turn in talk.turns] == ["one", "two", "three"]


def test_a_turn_in_another_folder_names_it(tmp_path):
    log = (
        Log()
        .user("q1")
        .say("a1")
        .add("turn_context", {"model": "m", "cwd": "/home/kit/src/lib"})
        .user("q2")
        .say("a2")
    )
    talk, _ = read(log, tmp_path)
    assert (talk.cwd, [turn.cwd for turn in talk.turns]) == ("/home/kit/src/app", ["", "/home/kit/src/lib"])


def test_newest_records_with_ordinals_metadata_and_kinds(tmp_path):
    kinds = {
        "internal_chat_message_metadata_passthrough": {
            "content_item_kinds": ["agents_md.instructions", "user.text"]
        }
    }
    log = Log(history_mode="paginated", session_id=THREAD)
    log.user("Keep scripts short.", "rename it", id="msg_1", **kinds)
    log.event("item_completed", item={"type": "UserMessage", "content": []})
    log.say("Renamed.", phase="final_answer")
    for number, row in enumerate(log.rows):
        row |= {"ordinal": number, "metadata": {"x": 1}}
    talk, notes = read(log, tmp_path)
    assert said(talk.turns[0]) == ("rename it", "Renamed.")
    assert talk.turns[0].native_id == "msg_1"
    assert notes == []


# --- what a person typed ----------------------------------------------------------------------------

INJECTED = [
    "<environment_context>\n  <cwd>/x</cwd>\n</environment_context>",
    "<user_instructions>\nbe brief\n</user_instructions>",
    "# AGENTS.md instructions for /x\n\n<INSTRUCTIONS>\nbe brief\n</INSTRUCTIONS>",
    "<permissions instructions>\nread only\n</permissions instructions>",
    "<collaboration_mode>plan</collaboration_mode>",
    "<model_switch>new</model_switch>",
    "<apps_instructions>a</apps_instructions>",
    "<plugins_instructions>a</plugins_instructions>",
    "<skills_instructions>a</skills_instructions>",
    "<skill>\n<name>x</name>\n</skill>",
    "<recommended_plugins>a</recommended_plugins>",
    "<app-context>a</app-context>",
    "<multi_agent_mode>a</multi_agent_mode>",
    "<user_shell_command>\n<command>ls</command>\n</user_shell_command>",
    "<user_action>review</user_action>",
    "<SUBAGENT_NOTIFICATION>{}</subagent_notification>",
    '<hook_prompt hook_run_id="1">go on</hook_prompt>',
    "<goal_context>go on</goal_context>",
    '<codex_internal_context source="goal">\ngo on\n</codex_internal_context>',
    "<external_editor>open files</external_editor>",
    "## Memory\n\nYou have access to a memory folder with guidance.",
    "Another language model started to solve this problem and produced a summary",
    "Warning: apply_patch was requested via exec_command. Use the apply_patch tool instead of exec_command.",
]


@pytest.mark.parametrize("text", INJECTED)
def test_injected_text_is_no_turn_alone_and_no_part_of_one(text, tmp_path):
    log = Log().user(text).user(text, "what is this?").say("A test.")
    talk, notes = read(log, tmp_path)
    assert [said(turn) for turn in talk.turns] == [("what is this?", "A test.")]
    assert ("skipped", 2, "injected text") in notes


@pytest.mark.parametrize(
    "text",
    [
        "<skill> is not found, why?",
        "<environment_context> shows up in my logs",
        "## Memory leak in the parser, please look",
        "# Title\n\nturn this into HTML",
        "<div>why is this red?</div>",
        "   allow this by default",
        "# AGENTS.md instructions are ignored, why?",
    ],
)
def test_what_a_person_typed_is_kept_to_the_letter(text, tmp_path):
    talk, _ = read(Log().user(text).say("ok"), tmp_path)
    assert said(talk.turns[0])[0] == text


def test_injected_text_in_front_of_typed_text_in_one_part(tmp_path):
    text = "<environment_context>\n<cwd>/home/kit/y</cwd>\n</environment_context>\n\nfix it"
    talk, _ = read(Log(cwd="").user(text).say("ok"), tmp_path)
    assert (said(talk.turns[0])[0], talk.cwd) == ("fix it", "/home/kit/y")


def test_the_editor_wrapper_is_taken_off(tmp_path):
    text = "# Context from my IDE setup:\n\n## Open tabs:\n- a.ts\n\n## My request for Codex:\nfix a.ts\n"
    talk, _ = read(Log().user(text).say("ok"), tmp_path)
    assert said(talk.turns[0])[0] == "fix a.ts\n"


def test_pictures_are_a_mark_and_never_data(tmp_path):
    image = {"type": "input_image", "image_url": "data:image/png;base64,AAAA"}
    tags = [{"type": "input_text", "text": "<image>"}, image, {"type": "input_text", "text": "</image>"}]
    log = (
        Log()
        .item("message", role="user", content=[{"type": "input_text", "text": "what is it?"}, *tags])
        .say("A cat.")
    )
    log.item("message", role="user", content=tags).say("A dog.")
    log.item("message", role="user", content=[{"type": "input_text", "text": "see [Image #1]"}, *tags]).say(
        "A cow."
    )
    talk, _ = read(log, tmp_path)
    assert [said(turn)[0] for turn in talk.turns] == ["what is it?\n[image]", "[image]", "see [Image #1]"]


def test_a_heartbeat_is_no_person_and_its_answer_nobodys(tmp_path):
    kinds = {"internal_chat_message_metadata_passthrough": {"content_item_kinds": ["user.heartbeat"]}}
    log = Log().user("build it").say("Built.").user("check the build", **kinds).say("Still fine.")
    talk, notes = read(log, tmp_path)
    assert [said(turn) for turn in talk.turns] == [("build it", "Built.")]
    assert ("skipped", 5, "answer to no human message") in notes


@pytest.mark.parametrize("complete", [True, False])
def test_answers_behind_the_end_of_a_turn_belong_to_no_person(complete, tmp_path):
    log = Log().event("task_started", turn_id="t1").user("q").say("a")
    if complete:
        log.event("task_complete", turn_id="t1")
    log.event("task_started", turn_id="t2").user("<goal_context>go on</goal_context>").say("went on")
    talk, _ = read(log, tmp_path)
    assert said(talk.turns[0]) == ("q", "a")


def test_the_summary_asked_for_by_old_clients_is_no_answer(tmp_path):
    log = Log().user("q").call("a", "ok").say("half way")
    log.user("You have exceeded the maximum number of tokens, please stop coding and write a memento")
    talk, notes = read(log.say("memento"), tmp_path)
    assert said(talk.turns[0]) == ("q", "half way")
    assert ("skipped", 7, "summary for the client") in notes
    talk, _ = read(log.say("all the way"), tmp_path)
    assert said(talk.turns[0]) == ("q", "all the way")


# --- calls and outputs ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "text", "failed"),
    [
        ("plain", "plain", False),
        (None, "", False),
        ('{"output":"a\\n","metadata":{"exit_code":0,"duration_seconds":1}}', "a\n", False),
        ('{"output":"","metadata":{"exit_code":1,"duration_seconds":1}}', "Exit code: 1\nOutput:\n", True),
        ('{"output":"mine","metadata":"theirs"}', '{"output":"mine","metadata":"theirs"}', False),
        ('{"output": {}', '{"output": {}', False),
        (
            "Chunk ID: 1a\nWall time: 0.1 seconds\nProcess exited with code 2\nOutput:\nno",
            "Chunk ID: 1a\nWall time: 0.1 seconds\nProcess exited with code 2\nOutput:\nno",
            True,
        ),
        ("Exit code: 0\nWall time: 1 seconds\nOutput:\nExit code: 9", None, False),
        ("Exit code: 7\nWall time: 1 seconds\nOutput:\n", None, True),
        ("the log says Exit code: 7", None, False),
        ("notes of the run\nExit code: 7", None, False),
        (
            [
                {"type": "input_text", "text": "Script completed\nOutput:\n"},
                {"type": "input_text", "text": "17"},
            ],
            "Script completed\nOutput:\n17",
            False,
        ),
        ([{"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}], "a\nb", False),
        (
            [{"type": "input_text", "text": "a"}, {"type": "input_image", "image_url": "data:x"}],
            "a\n[image]",
            False,
        ),
        ([{"type": "input_text", "text": "Script failed\nOutput:\n"}], "Script failed\nOutput:\n", True),
        ({"content": "no", "success": False}, "no", True),
        ({"content": "yes", "success": True}, "yes", False),
        ({"Ok": {"content": [{"type": "text", "text": "t"}], "isError": True}}, "t", True),
        ({"rows": [1]}, '{"rows":[1]}', False),
        ("failed in sandbox LinuxSeccomp with execution error: exit code: 1", None, True),
        ("error: Failed to find expected lines", None, True),
        ("unsupported call: shellx", None, True),
    ],
)
def test_outputs_in_every_form(given, text, failed):
    words, wrong, _ = codex_text.output(given)
    assert words == (given if text is None else text)
    assert wrong is failed


def test_a_failed_and_a_refused_call_flag_the_turn(tmp_path):
    log = Log().user("q1").call("a", '{"output":"x","metadata":{"exit_code":1}}').say("a1")
    log.user("q2").call("b", "exec command rejected by user").say("a2")
    log.user("q3").call("c", "fine").event("patch_apply_end", call_id="c", success=False).say("a3")
    talk, _ = read(log, tmp_path)
    assert [turn.flags for turn in talk.turns] == [
        {"tool_failed"},
        {"tool_failed", "tool_rejected"},
        {"tool_failed", "open"},
    ]


@pytest.mark.parametrize(
    ("given", "arguments"),
    [
        ('{"a": 1}', '{"a": 1}'),
        ("", "{}"),
        (None, "{}"),
        ({"a": 1}, '{"a":1}'),
        ("[1]", '{"input":"[1]"}'),
        ("{broken", '{"input":"{broken"}'),
        ('"text"', '{"input":"\\"text\\""}'),
        ('{"a":"\\ud83d"}', '{"a":"\ufffd"}'),
    ],
)
def test_arguments_are_json_of_an_object(given, arguments):
    assert codex_text.arguments(given) == arguments


def test_every_kind_of_call(tmp_path):
    log = Log().user("q")
    log.item("custom_tool_call", name="apply_patch", input="*** Begin Patch", call_id="1")
    log.item("custom_tool_call_output", call_id="1", output="ok")
    log.item("local_shell_call", call_id="2", status="completed", action={"type": "exec", "command": ["ls"]})
    log.item("function_call_output", call_id="2", output="a")
    log.item("function_call", name="query", namespace="mcp__db", arguments="{}", call_id="3")
    log.item("function_call_output", call_id="3", output="rows")
    log.item("tool_search_call", call_id="4", arguments={"query": "mail"})
    log.item("tool_search_output", call_id="4", tools=[{"name": "send"}])
    log.say("done")
    talk, notes = read(log, tmp_path)
    calls = [(c.name, c.arguments) for m in talk.turns[0].messages for c in m.tool_calls]
    assert calls == [
        ("apply_patch", '{"input":"*** Begin Patch"}'),
        ("local_shell", '{"type":"exec","command":["ls"]}'),
        ("mcp__db__query", "{}"),
        ("tool_search", '{"query":"mail"}'),
    ]
    outputs = [m.content for m in talk.turns[0].messages if m.role == "tool"]
    assert outputs == ["ok", "a", "rows", '{"name":"send"}']
    assert notes == []


def test_a_web_search_has_no_output_and_the_text_behind_it_is_the_answer(tmp_path):
    log = (
        Log()
        .user("q1")
        .item("web_search_call", id="ws_1", status="completed", action={"type": "search", "query": "x"})
    )
    log.think("read it").say("found").user("q2").item(
        "web_search_call", id="ws_2", action={"type": "search", "query": "y"}
    ).say("this")
    log.event("web_search_end", call_id="ws_2", query="y", results=[{"title": "t"}])
    talk, _ = read(log, tmp_path)
    first, second = talk.turns
    assert said(first) == ("q1", "found")
    assert first.flags == {"unanswered_call"}
    assert [message.reasoning for message in first.messages] == ["", "", "read it"]
    assert [m.role for m in second.messages] == ["user", "assistant", "tool", "assistant"]
    assert second.messages[2].content == '[{"title":"t"}]'


def test_one_message_is_what_the_model_said_in_one_go(tmp_path):
    log = Log().user("q").think("first").think("second").say("looking")
    log.item("function_call", name="a", arguments="{}", call_id="1").item(
        "function_call", name="b", arguments="{}", call_id="2"
    )
    log.item("function_call_output", call_id="2", output="two").item(
        "function_call_output", call_id="1", output="one"
    )
    log.think("third").say("answer")
    talk, _ = read(log, tmp_path)
    _, work, one, two, answer = talk.turns[0].messages
    assert (work.reasoning, work.content, [c.name for c in work.tool_calls]) == (
        "first\n\nsecond",
        "looking",
        ["a", "b"],
    )
    assert (one.content, two.content) == ("one", "two")
    assert (answer.reasoning, answer.content) == ("third", "answer")


def test_a_late_output_goes_to_the_turn_of_its_call(tmp_path):
    log = Log().user("q1").item("function_call", name="a", arguments="{}", call_id="1").user("faster!")
    log.item("function_call_output", call_id="1", output="late").say("done")
    log.item("function_call_output", call_id="9", output="nobody's")
    talk, notes = read(log, tmp_path)
    assert [[m.role for m in turn.messages] for turn in talk.turns] == [
        ["user", "assistant", "tool"],
        ["user", "assistant"],
    ]
    assert [said(turn)[1] for turn in talk.turns] == [None, "done"]
    assert ("skipped", 7, "output without its call") in notes


# --- ends, aborts, rollbacks, compaction ------------------------------------------------------------


def test_an_aborted_turn_is_interrupted_and_commentary_is_no_answer(tmp_path):
    log = Log().event("task_started", turn_id="t1").user("q1").say("I will look.", phase="commentary")
    log.user("<turn_aborted>\nby the user\n</turn_aborted>").event(
        "turn_aborted", turn_id="t1", reason="interrupted"
    )
    log.event("task_started", turn_id="t2").user("q2").say("On it.", phase="commentary").say(
        "Here.", phase="final_answer"
    )
    log.event("task_complete", turn_id="t2").user("q3").say("Looking.", phase="commentary")
    talk, _ = read(log, tmp_path)
    assert [samples.why_not(turn) for turn in talk.turns] == ["interrupted", "", "no-answer"]
    assert said(talk.turns[1])[1] == "Here."
    assert [sorted(turn.flags) for turn in talk.turns] == [["interrupted"], [], ["open"]]


def test_an_error_of_the_service_flags_its_turn(tmp_path):
    log = Log().user("q1").event("error", message="server overloaded").user("q2").say("a2")
    talk, _ = read(log, tmp_path)
    assert [sorted(turn.flags) for turn in talk.turns] == [["api_error"], ["open"]]
    assert samples.why_not(talk.turns[0]) == "no-answer"


def test_a_rollback_takes_back_the_last_turns_that_are_left(tmp_path):
    log = Log()
    for number in range(4):
        log.user(f"q{number}").say(f"a{number}")
    log.event("thread_rolled_back", num_turns=1).event("thread_rolled_back", num_turns=2).user("again").say(
        "a4"
    )
    talk, _ = read(log, tmp_path)
    assert [turn.skip for turn in talk.turns] == ["", "rolled-back", "rolled-back", "rolled-back", ""]
    assert [turn.ordinal for turn in talk.turns] == [0, 1, 2, 3, 4]


def test_compaction_flags_the_next_turn_or_the_rest_of_a_running_one(tmp_path):
    log = (
        Log()
        .user("q1")
        .say("a1")
        .add("compacted", {"message": "", "replacement_history": [{"type": "message"}]})
    )
    log.user("q2").say("a2").user("q3").call("1", "x").add("compacted", {"message": "sum"}).say("a3").user(
        "q4"
    ).say("a4")
    talk, _ = read(log, tmp_path)
    assert ["after_compaction" in turn.flags for turn in talk.turns] == [False, True, True, False]


def test_the_last_turn_is_open_without_an_end_mark(tmp_path):
    log = (
        Log()
        .event("task_started", turn_id="t")
        .user("q1")
        .say("a1")
        .event("task_complete", turn_id="t")
        .user("q2")
        .say("a2")
    )
    talk, _ = read(log, tmp_path)
    assert [turn.flags for turn in talk.turns] == [set(), {"open"}]


# --- forks and sub-agents ---------------------------------------------------------------------------

OLD_TURN = "019c0001-0000-7000-8000-000000000001"
OLDER_TURN = "019b0001-0000-7000-8000-000000000002"
NEW_TURN = "019c4bca-0000-7000-8000-000000000003"


def test_a_fork_keeps_its_own_id_and_its_parents_turns_keep_theirs(tmp_path):
    log = Log(forked_from_id=PARENT).add("session_meta", {"id": PARENT, "cwd": "/other"})
    log.event("task_started", turn_id=OLD_TURN).user("old").say("old answer")
    log.wait(20).event("task_started", turn_id=NEW_TURN).user("new").say("new answer")
    talk, _ = read(log, tmp_path)
    assert (talk.id, talk.cwd, talk.group) == (THREAD, "/home/kit/src/app", PARENT)
    assert [(said(turn)[0], turn.origin) for turn in talk.turns] == [("old", PARENT), ("new", "")]
    original, _ = read(Log(PARENT).user("old").say("old answer"), tmp_path)
    assert samples.turn_id(talk, talk.turns[0]) == samples.turn_id(original, original.turns[0])


def test_a_fork_of_a_fork_gives_each_turn_to_its_first_thread(tmp_path):
    log = Log().add("session_meta", {"id": PARENT}).add("session_meta", {"id": OLDEST})
    log.event("task_started", turn_id=OLDER_TURN).user("oldest").say("a")
    log.event("task_started", turn_id=OLD_TURN).user("old").say("b")
    log.wait(5).event("task_started", turn_id=NEW_TURN).user("new").say("c")
    talk, _ = read(log, tmp_path)
    assert [turn.origin for turn in talk.turns] == [OLDEST, PARENT, ""]
    assert talk.group == OLDEST


def test_a_fork_without_turn_ids_ends_its_head_at_the_first_pause(tmp_path):
    name = "11111111-1111-4111-8111-111111111111"
    log = Log(name).add("session_meta", {"id": PARENT}).user("old").say("a").wait(2).user("new").say("b")
    talk, _ = read(log, tmp_path)
    assert [(said(turn)[0], turn.origin) for turn in talk.turns] == [("old", PARENT), ("new", "")]


def test_a_resume_that_repeats_the_own_header_is_no_fork(tmp_path):
    again = {"id": THREAD}
    log = (
        Log().add("session_meta", again).user("q1").say("a1").add("session_meta", again).user("q2").say("a2")
    )
    talk, _ = read(log, tmp_path)
    assert ([turn.origin for turn in talk.turns], talk.group) == (["", ""], "")


@pytest.mark.parametrize(
    "meta",
    [
        {"source": {"subagent": {"thread_spawn": {"parent_thread_id": PARENT, "depth": 1}}}},
        {"source": {"subagent": "review"}},
        {"source": {"internal": "title"}},
        {"thread_source": "subagent", "parent_thread_id": PARENT},
    ],
)
def test_sub_agents_are_marked_and_lose_what_they_repeat(meta, tmp_path):
    log = Log(forked_from_id=PARENT, **meta).add("session_meta", {"id": PARENT})
    log.event("task_started", turn_id=OLD_TURN).user("old").say("a")
    log.event("task_started", turn_id=NEW_TURN).user("count the rows").say("7")
    talk, notes = read(log, tmp_path)
    assert talk.subagent
    assert [said(turn) for turn in talk.turns] == [("count the rows", "7")]
    assert ("skipped", 4, "turn repeated by a sub-agent") in notes


# --- files ------------------------------------------------------------------------------------------


def test_files_are_found_oldest_first_and_a_thread_once(tmp_path, monkeypatch):
    root = tmp_path / ".codex"
    ids = [f"00000000-0000-4000-8000-{number:012d}" for number in range(4)]
    places = [
        ("sessions/2026/02/11", f"rollout-2026-02-11T09-00-00-{ids[0]}.jsonl"),
        ("sessions/2026/02/11", f"rollout-2026-02-11T09-00-00-{ids[0]}.jsonl.zst"),
        ("archived_sessions", f"rollout-2025-01-01T00-00-00-{ids[1]}.jsonl"),
        ("sessions/2025/01/01", f"rollout-2025-01-01T00-00-00-{ids[1]}.jsonl"),
        ("archived_sessions", f"rollout-2026-03-01T00-00-00-{ids[2]}.jsonl.zst"),
        ("archived_sessions", f"rollout-2026-03-01T00-00-00-{ids[2]}.jsonl.zst.tmp"),
        ("sessions", "notes.jsonl"),
    ]
    for folder, name in places:
        (root / folder).mkdir(parents=True, exist_ok=True)
        (root / folder / name).touch()
    outside = tmp_path / f"rollout-2026-03-01T00-00-00-{ids[3]}.jsonl"
    outside.touch()
    (root / "sessions" / outside.name).symlink_to(outside)
    os.mkfifo(root / "sessions" / f"rollout-2026-03-02T00-00-00-{ids[3]}.jsonl")
    walk = os.walk
    for backwards in (False, True):

        def ordered(top, onerror=None, backwards=backwards):
            for folder, folders, names in walk(top, onerror=onerror):
                folders.sort(reverse=backwards)
                yield folder, folders, sorted(names, reverse=backwards)

        monkeypatch.setattr(os, "walk", ordered)
        found = [[os.path.relpath(path, root) for path in group] for group in codex.find(str(root))]
        assert found == [
            [os.path.join(*places[3]), os.path.join(*places[2])],
            [os.path.join(*places[0]), os.path.join(*places[1])],
            [os.path.join(*places[4])],
        ]


def test_a_root_may_be_any_folder_or_a_link_to_one(tmp_path):
    name = f"rollout-2026-02-11T09-00-00-{THREAD}.jsonl"
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / name).touch()
    (tmp_path / "link").symlink_to(tmp_path / "deep")
    assert codex.find(str(tmp_path / "link")) == [[str(tmp_path / "link" / "er" / name)]]
    assert codex.find(str(tmp_path / "missing")) == []


@pytest.mark.parametrize("name", ["sessions", "archived_sessions"])
def test_a_folder_of_rollouts_may_be_a_link_to_another_disk(tmp_path, name):
    rollout = f"rollout-2026-02-11T09-00-00-{THREAD}.jsonl"
    disk, root = tmp_path / "disk", tmp_path / ".codex"
    (disk / name).mkdir(parents=True)
    (disk / name / rollout).touch()
    (disk / rollout.replace("02-11", "02-12")).touch()
    (disk / name / rollout.replace("02-11", "02-12")).symlink_to(disk / rollout.replace("02-11", "02-12"))
    root.mkdir()
    (root / name).symlink_to(disk / name)
    assert codex.find(str(root)) == [[str(root / name / rollout)]]


def test_the_folder_of_codex_follows_its_variable():
    assert codex.roots("/home/kit", {}) == ["/home/kit/.codex"]
    assert codex.roots("/home/kit", {"CODEX_HOME": "/srv/codex"}) == ["/srv/codex"]


def test_a_compressed_rollout_is_read_and_copies_are_named(tmp_path):
    path = tmp_path / f"rollout-2026-02-11T09-00-00-{THREAD}.jsonl.zst"
    path.write_bytes(zstandard.compress(Log().user("q").say("a").text().encode()))
    other = tmp_path / "other"
    other.write_bytes(path.read_bytes())
    talk, notes = read_files(path, other)
    assert said(talk.turns[0]) == ("q", "a")
    assert notes == [("skipped", str(other), 0, "another copy of a thread")]


def read_files(*paths):
    notes = []
    talks = list(codex.parse([str(path) for path in paths], lambda *note: notes.append(note)))
    return (talks[0] if talks else None), notes


@pytest.mark.parametrize("cut", [Log(), Log().user("q1").say("a1"), Log().user("q1").say("a1").user("q2")])
def test_of_two_copies_the_fuller_one_is_read(cut, tmp_path):
    name = f"rollout-2026-02-11T09-00-00-{THREAD}.jsonl"
    plain, packed = tmp_path / name, tmp_path / f"{name}.zst"
    plain.write_text(cut.text() + "torn")
    whole = Log().user("q1").say("a1").user("q2").say("a2").text().encode()
    packed.write_bytes(zstandard.compress(whole))
    talk, notes = read_files(plain, packed)
    assert [said(turn) for turn in talk.turns] == [("q1", "a1"), ("q2", "a2")]
    assert talk.files == [str(packed)] and {turn.path for turn in talk.turns} == {str(packed)}
    assert notes == [("skipped", str(plain), 0, "another copy of a thread")]
    plain.write_bytes(whole)
    assert read_files(plain, packed)[0].files == [str(plain)]


def test_a_copy_that_cannot_be_read_is_named_behind_the_others(tmp_path):
    path = tmp_path / f"rollout-2026-02-11T09-00-00-{THREAD}.jsonl"
    path.write_text(Log().user("q").say("a").text())
    talks = []
    with pytest.raises(FileNotFoundError):
        talks.extend(codex.parse([str(tmp_path / "gone"), str(path)], lambda *note: None))
    assert said(talks[0].turns[0]) == ("q", "a")


def test_rollouts_of_every_name_and_packing_are_seen(tmp_path):
    folder = tmp_path / ".codex" / "sessions"
    folder.mkdir(parents=True)
    ids = [f"00000000-0000-4000-8000-{number:012d}" for number in range(3)]
    upper = "019C4BC9-2780-7000-8000-00000000000A"

    def text(name):
        return Log(name).user(f"of {name}").say("a").text().encode()

    files = {
        f"rollout-2026-01-01T00-00-00-{ids[0]}.jsonl.gz": gzip.compress(text(ids[0])),
        f"rollout-2026-01-02T00-00-00-{upper}.jsonl": text(upper),
        f"rollout-2026-01-02T00-00-00-{upper.lower()}.jsonl.zst": zstandard.compress(text(upper)),
        "rollout-by-hand.jsonl": text(ids[1]),
        f"rollout-2025-04-16-{ids[2]}.json": b'{"session":{},"items":[]}',
        f"rollout-2026-01-03T00-00-00-{ids[2]}.jsonl.xz": b"x",
        f"rollout-2026-01-03T00-00-00-{ids[2]}.jsonl.zst.tmp": b"x",
    }
    for name, data in files.items():
        (folder / name).write_bytes(data)
    found = [read_files(*group) for group in codex.find(str(tmp_path / ".codex"))]
    asked = [turn.messages[0].content for talk, _ in found if talk for turn in talk.turns]
    assert asked == [f"of {name}" for name in (ids[0], upper, ids[1])]
    assert [(note[0], note[3]) for _, notes in found for note in notes] == [
        ("skipped", "another copy of a thread"),
        ("unknown", "a rollout of another form"),
    ]


def test_unknown_records_are_named_and_passed_over(tmp_path):
    log = Log().add("brand_new", {"type": "x"}).event("dreamt", text="x").item("hologram").user("q").say("a")
    log.rows += [
        {"timestamp": "x", "payload": {}},
        {"type": ["list"]},
        {"type": "response_item", "payload": {"type": 3}},
    ]
    talk, notes = read(log, tmp_path)
    assert said(talk.turns[0]) == ("q", "a")
    assert Counter(kind for kind, *_ in notes) == {"unknown": 6}
    assert {"brand_new", "event_msg/dreamt", "response_item/hologram", "no type"} <= {
        what for *_, what in notes
    }


def test_fields_of_a_wrong_type_never_stop_the_reading(tmp_path):
    log = Log(None).add(
        "session_meta", {"id": 5, "source": {"subagent": 3}, "base_instructions": "x", "timestamp": 7}
    )
    log.item("message", role="user", content="q").item(
        "message", role="user", content=[3, {"type": 4, "text": None}]
    )
    log.item("message", role=7, content=None).item("reasoning", summary=3, content={"a": 1})
    log.item("function_call", name=3, arguments=7, call_id=None).item(
        "function_call_output", call_id=["x"], output=7
    )
    log.item("custom_tool_call", input=None).item("web_search_call", action=3)
    log.event("token_count", info=[1]).event("token_count", info={"total_token_usage": {"input_tokens": "x"}})
    log.event("turn_aborted", turn_id=3).event("thread_rolled_back", num_turns="x").add(
        "turn_context", {"model": 3}
    )
    log.event("exec_command_end", call_id=4, result=3).event("web_search_end", results=3)
    talk, _ = read(log, tmp_path, "odd.jsonl")
    assert talk.id == "odd.jsonl"
    assert [turn.messages[0].content for turn in talk.turns] == ["q"]


def test_a_record_that_is_too_deep_is_named_and_the_next_one_read(tmp_path):
    log = Log().user("q").item("function_call", name="a", arguments={"a": DEEP}, call_id="1")
    log.item("web_search_call", id="ws", action={"type": "search"}).say("done")
    log.event("web_search_end", call_id="ws", results=["\ud800"])
    log.event("token_count", info={"total_token_usage": DEEP})
    log.event("token_count", info={"total_token_usage": DEEP})
    talk, notes = read(log, tmp_path)
    assert said(talk.turns[0]) == ("q", "done")
    assert talk.turns[0].messages[2].content == '["\ufffd"]'
    assert set(notes) <= {("bad", line, "depth") for line in range(1, 9)} and ("bad", 3, "depth") in notes


VALUES = st.recursive(
    st.sampled_from([None, True, 7, 1 << 70, 0.5, "", "text", "\ud800", "9" * 5000, "0001-01-01", THREAD])
    | st.sampled_from([DEEP, {"text": "\ud800", "type": "input_text"}]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["text", "type", "content", "output", "Ok", "\ud800"]), inner, max_size=3
        )
    ),
    max_leaves=4,
)
FIELDS = """id cwd cli_version base_instructions source thread_source parent_thread_id forked_from_id
timestamp turn_id model num_turns info call_id exit_code success result results role content phase summary
name namespace arguments input action revised_prompt output tools metadata""".split()  # noqa: SIM905
KINDS = [
    *((kind, None) for kind in codex_thread._RECORDS),
    *(("event_msg", kind) for kind in codex_events.TABLE),
    *(("response_item", kind) for kind in codex_thread._ITEMS),
]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(KINDS), st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=8), VALUES
        ),
        max_size=8,
    )
)
def test_no_value_in_any_field_raises(tmp_path_factory, rows):
    log = Log().user("q").item("web_search_call", id=THREAD)
    for (kind, inner), payload, stamp in rows:
        log.add(kind, {"type": inner, "role": "user", **payload} if inner else payload)
        log.rows[-1]["timestamp"] = stamp
    talk, _ = read(log.say("a"), tmp_path_factory.mktemp("noise"))
    assert talk.turns[0].messages[0].content == "q"


@pytest.mark.parametrize("value", [DEEP, "\ud800", 1 << 70, ["\ud800"], {"\ud800": DEEP}, "9" * 5000])
def test_one_odd_value_in_each_field_of_each_record(value, tmp_path):
    for kind, inner in KINDS:
        log = Log().user("q")
        for field in FIELDS:
            log.add(kind, {"type": inner, "call_id": "c", "role": "user", field: value})
        assert read(log, tmp_path)[0].turns[0].messages[0].content == "q"


def test_a_time_without_a_zone_is_utc(monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert codex_text.clock("2026-02-11T08:20:00") == codex_text.clock("2026-02-11T08:20:00Z")
    finally:
        monkeypatch.undo()
        time.tzset()
    assert codex_text.clock("0001-01-01T00:00:00") < 0
    assert codex_text.clock("never") == 0


# --- real logs --------------------------------------------------------------------------------------


@pytest.mark.skipif(not os.environ.get("AFS_TEST_HOME"), reason="set AFS_TEST_HOME to a home with real logs")
def test_real_logs_give_each_question_and_its_last_text():
    """The answers are worked out once more from the raw lines, without the parser."""
    root = os.path.join(os.environ["AFS_TEST_HOME"], ".codex")
    for files in codex.find(root):
        with open(files[0], encoding="utf-8", errors="replace") as lines:
            rows = [json.loads(line) for line in lines if line.endswith("}\n")]
        events = [row["payload"] for row in rows if row.get("type") == "event_msg"]
        items = [row["payload"] if row.get("type") == "response_item" else row for row in rows]
        turns = []
        for item in items:
            if item.get("type") == "message" and item["role"] in ("user", "assistant"):
                text = "\n".join(part["text"] for part in item["content"] if "text" in part)
                if item["role"] == "assistant":
                    turns[-1][1] = text
                elif not text.startswith("<"):
                    turns.append([text, None])
            elif str(item.get("type")).endswith("_call") and turns:
                turns[-1][1] = None
        talks = list(codex.parse(files, lambda *note: None))
        assert [said(turn) for talk in talks for turn in talk.turns] == [tuple(turn) for turn in turns]
        typed = [event["message"] for event in events if event.get("type") == "user_message"]
        assert not typed or typed == [turn[0] for turn in turns]
