"""The Gemini parser: files of both forms, replay, checkpoints, what was typed, tools, copies, saved chats."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from collections import Counter

import pytest
from afs.logs import gemini, read, samples
from afs.logs.gemini import read as gemini_read
from afs.logs.gemini import text as gemini_text
from hypothesis import given, settings
from hypothesis import strategies as st

SESSION = "5d0c0000-0000-4000-8000-00000000000a"
HASH = hashlib.sha256(b"/home/kit/src/app").hexdigest()
DEEP = "990 levels"  # json cannot write them, so they come in when the lines are written


def meta(**more):
    return {
        "sessionId": SESSION,
        "projectHash": HASH,
        "startTime": "2026-05-01T09:00:00.000Z",
        "lastUpdated": "2026-05-01T09:00:00.000Z",
        **more,
    }


def user(name, content, **more):
    return {"id": name, "timestamp": "2026-05-01T09:00:05.000Z", "type": "user", "content": content, **more}


def said(name, content, *calls, **more):
    row = {"id": name, "timestamp": "2026-05-01T09:00:09.000Z", "type": "gemini", "content": content}
    row |= {"model": "gemini-x", "tokens": {"input": 10, "output": 2, "thoughts": 3}}
    return row | ({"toolCalls": list(calls)} if calls else {}) | more


def answer(call_id, output, name="read_file", key="output"):
    return {"functionResponse": {"id": call_id, "name": name, "response": {key: output}}}


def call(call_id, output="", name="read_file", status="success", **more):
    result = [answer(call_id, output, name)] if output is not None else None
    return {"id": call_id, "name": name, "args": {"path": "a"}, "status": status, "result": result} | more


def write(tmp_path, rows, name=f"session-2026-05-01T09-00-{SESSION[:8]}.jsonl", project="app"):
    path = tmp_path / "tmp" / project / "chats" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(row if type(row) is str else json.dumps(row) + "\n" for row in rows)
    path.write_text(text.replace(json.dumps(DEEP), "[" * 990 + "]" * 990), encoding="utf-8")
    return path


def parse(files):
    """(conversations, notes) of files."""
    notes = []
    found = gemini.parse([str(path) for path in files], lambda *note: notes.append((note[0], *note[2:])))
    return list(found), notes


def read_rows(tmp_path, *rows, **more):
    """(conversation, notes) of the records of one session file."""
    talks, notes = parse([write(tmp_path, [meta(), *rows], **more)])
    return (talks[0] if talks else None), notes


def home(tmp_path):
    """All conversations below a folder that stands for .gemini, and the notes."""
    talks, notes = [], []
    for files in gemini.find(str(tmp_path)):
        found, noted = parse(files)
        talks += found
        notes += noted
    return talks, notes


def pairs(talk):
    """(question, answer) of each turn that gives a sample."""
    kept = [turn for turn in talk.turns if not samples.why_not(turn)]
    return [(turn.messages[0].content, turn.messages[samples.final(turn)].content) for turn in kept]


def skips(talk):
    return [turn.skip for turn in talk.turns]


# --- one session ------------------------------------------------------------------------------------------


def test_a_turn_with_all_that_the_log_tells(tmp_path):
    talk, notes = read_rows(
        tmp_path,
        user("u1", [{"text": "Why?"}]),
        said("g1", "I look.", call("c1", "def f()"), thoughts=[{"subject": "Look", "description": "first"}]),
        said("g2", "So.", thoughts=[{"subject": "", "description": "sure"}]),
        {"$set": {"summary": "Why"}},
    )
    (turn,) = talk.turns
    assert (talk.source, talk.id, talk.subagent, notes) == ("gemini", SESSION, False, [])
    assert (turn.native_id, turn.line, turn.timestamp) == ("u1", 2, "2026-05-01T09:00:05.000Z")
    assert (turn.model, turn.tokens_in, turn.tokens_out, turn.flags) == ("gemini-x", 20, 10, set())
    assert [m.role for m in turn.messages] == ["user", "assistant", "tool", "assistant"]
    assert turn.messages[1].reasoning == "**Look**\nfirst" and turn.messages[3].reasoning == "sure"
    assert turn.messages[1].tool_calls[0].arguments == '{"path":"a"}'
    assert turn.messages[2].content == "def f()" and turn.messages[2].tool_call_id == "c1"


@pytest.mark.parametrize("indent", [2, 4, None])
@pytest.mark.parametrize("suffix", ["json", "jsonl"])
def test_a_whole_record_in_any_print_under_any_suffix(tmp_path, indent, suffix):
    value = meta(messages=[user("u1", "Why?"), said("g1", "So.")], summary="s")
    path = write(tmp_path, [json.dumps(value, indent=indent)], name=f"session-x.{suffix}")
    (talk,), notes = parse([path])
    assert pairs(talk) == [("Why?", "So.")] and notes == []
    assert talk.turns[0].flags == set() and talk.turns[0].line == (7 if indent == 2 else 1)


def test_records_on_lines_under_the_older_suffix(tmp_path):
    talk, _ = read_rows(tmp_path, user("u1", "Why?"), said("g1", "So."), name="session-x.json")
    assert pairs(talk) == [("Why?", "So.")] and talk.turns[0].flags == {"open"}


def test_a_printed_session_that_ends_too_early_gives_what_is_whole(tmp_path):
    text = json.dumps(meta(messages=[user("u1", "Why?"), said("g1", "So."), user("u2", "And?")]), indent=2)
    path = write(tmp_path, [text[: text.index("And?")]])
    (talk,), notes = parse([path])
    assert talk.id == SESSION and pairs(talk) == [("Why?", "So.")]
    assert [note[0] for note in notes] == ["torn"]


def test_bytes_that_are_no_records(tmp_path):
    path = write(tmp_path, [meta(), user("u1", "Why?")])
    noise = b'\0\0\0{"id":"g1","type":"gemini","content":"So."}\n'
    noise += b'\xff\xfe\n{"id":\n[1]\n{"type":"later"}\n{"$new":1}\n'
    path.write_bytes(path.read_bytes() + noise + b'{"id":"g2","type":"gem')
    (talk,), notes = parse([path])
    assert pairs(talk) == [("Why?", "So.")]
    assert Counter(note[0] for note in notes) == {"bad": 3, "unknown": 2, "torn": 1}
    assert {note[2] for note in notes if note[0] == "unknown"} == {"later", "$new"}


def test_a_record_that_is_nested_too_deeply_is_named(tmp_path):
    talk, notes = read_rows(
        tmp_path, user("u1", "Why?"), said("g0", "", call("c1") | {"args": {"a": DEEP}}), said("g1", "So.")
    )
    assert pairs(talk) == [("Why?", "So.")]
    assert notes == [] or [note[0] for note in notes] == ["bad"]


def test_a_packed_session(tmp_path):
    plain = write(tmp_path, [meta(), user("u1", "Why?"), said("g1", "So.")])
    packed = plain.with_name(plain.name + ".gz")
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    (talk,), _ = parse([packed])
    assert pairs(talk) == [("Why?", "So.")]
    packed.write_bytes(packed.read_bytes()[:-9])
    (talk,), notes = parse([packed])
    assert pairs(talk) == [("Why?", "So.")] and notes[-1][0] == "bad"


@pytest.mark.parametrize("value", ["[]", "{}", "[1]", '{"contents":[]}', "", "null", '{"a":'])
def test_a_file_that_is_no_chat(tmp_path, value):
    talks, notes = parse([write(tmp_path, [value])])
    assert talks == [] and len(notes) <= 1


def test_a_value_in_one_piece_beyond_the_limit_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(gemini_read, "MOST_WHOLE", 100)
    contents = [{"role": "user", "parts": [{"text": "x" * 200}]}]
    assert parse([write(tmp_path, [json.dumps(contents)])]) == ([], [("bad", 0, "one value of 0 MB")])


# --- replay -----------------------------------------------------------------------------------------------


def test_a_message_that_is_written_again_stays_where_it_was(tmp_path):
    talk, _ = read_rows(
        tmp_path,
        user("u1", "Why?"),
        said("g1", ""),
        said("g2", "So."),
        said("g1", "I look.", call("c1", "x")),
        said("g1", "I look!", call("c1", "y")),
    )
    (turn,) = talk.turns
    assert [m.content for m in turn.messages] == ["Why?", "I look!", "y", "So."]
    assert turn.tokens_in == 20


def test_the_same_id_twice_in_a_whole_record(tmp_path):
    value = meta(messages=[user("u1", "Why?"), said("g1", "No."), said("g1", "So.")])
    (talk,), _ = parse([write(tmp_path, [json.dumps(value, indent=2)])])
    assert [m.content for m in talk.turns[0].messages] == ["Why?", "So."]


def test_a_rewind_takes_back_the_message_and_all_after_it(tmp_path):
    talk, _ = read_rows(
        tmp_path,
        user("u1", "Why?"),
        said("g1", "So."),
        user("u2", "Oops"),
        said("g2", "Hm."),
        {"$rewindTo": "u2"},
        user("u3", "And?"),
        said("g3", "Then."),
    )
    assert pairs(talk) == [("Why?", "So."), ("And?", "Then.")]
    assert skips(talk) == ["", "rolled-back", ""] and [turn.ordinal for turn in talk.turns] == [0, 1, 2]


def test_a_rewind_to_an_unknown_id_takes_back_everything(tmp_path):
    talk, _ = read_rows(
        tmp_path,
        user("u1", "Why?"),
        said("g1", "So."),
        {"$rewindTo": "x"},
        user("u1", "Why"),
        said("g1", "Ah."),
    )
    assert skips(talk) == ["rolled-back", ""] and pairs(talk) == [("Why", "Ah.")]


def test_a_rewind_into_a_turn_keeps_its_question(tmp_path):
    talk, notes = read_rows(
        tmp_path, user("u1", "Why?"), said("g1", "No."), {"$rewindTo": "g1"}, said("g2", "So.")
    )
    assert pairs(talk) == [("Why?", "So.")] and len(talk.turns) == 1
    assert ("skipped", 3, "answer to no human message") in notes


def test_a_record_is_judged_in_the_order_of_the_client(tmp_path):
    talk, _ = read_rows(
        tmp_path,
        user("u1", "Why?") | {"$set": {"messages": []}},
        said("g1", "So.") | {"sessionId": "x", "projectHash": "y"},
        user("u2", "Oops"),
        user("u3", "x") | {"$rewindTo": "u2"},
        {"$set": {"messages": "no list", "sessionId": SESSION}},
        meta(messages=[user("u4", "And?"), said("g4", "Then.")]),
    )
    assert talk.id == SESSION
    assert pairs(talk) == [("Why?", "So."), ("And?", "Then.")]


# --- checkpoints ------------------------------------------------------------------------------------------

CONTEXT = user("x1", [{"text": "<session_context>\nkit\n</session_context>"}])
SUMMARY = user("x2", [{"text": "<state_snapshot>\nall\n</state_snapshot>"}])
GOT_IT = said("x3", [{"text": "Got it. Thanks for the additional context!"}])


def test_a_compaction_keeps_what_it_forgets_and_flags_what_follows(tmp_path):
    talk, notes = read_rows(
        tmp_path,
        user("u1", "Why?"),
        said("g1", "So."),
        user("u2", "And?"),
        said("g2", "Then."),
        {"$set": {"messages": [CONTEXT, SUMMARY, GOT_IT, user("u2", "And?"), said("g2", "Then.")]}},
        user("u3", "Now?"),
        said("g3", "Now."),
        user("u4", "Later?"),
        said("g4", "Later."),
    )
    assert pairs(talk) == [("Why?", "So."), ("And?", "Then."), ("Now?", "Now."), ("Later?", "Later.")]
    assert ["after_compaction" in turn.flags for turn in talk.turns] == [False, False, True, False]
    assert [note[2] for note in notes] == ["injected text"] * 3


def test_a_compaction_inside_a_turn_does_not_part_it(tmp_path):
    talk, _ = read_rows(
        tmp_path,
        user("u1", "Why?"),
        said("g1", "", call("c1", "x")),
        {"$set": {"messages": [CONTEXT, SUMMARY, GOT_IT]}},
        said("g2", "So."),
    )
    assert pairs(talk) == [("Why?", "So.")] and talk.turns[0].flags == {"after_compaction", "open"}


def test_a_checkpoint_that_forgets_no_question_is_no_compaction(tmp_path):
    rows = [user("u1", "Why?"), {"id": "i", "type": "info", "content": "x"}, said("g1", "So.")]
    talk, _ = read_rows(
        tmp_path, *rows, {"$set": {"messages": [rows[0], rows[2]]}}, user("u2", "And?"), said("g2", "Then.")
    )
    assert not any("after_compaction" in turn.flags for turn in talk.turns)


def test_a_checkpoint_that_names_messages_anew_gives_none_twice(tmp_path):
    talk, _ = read_rows(
        tmp_path,
        user("u1", "go on"),
        said("g1", "One. "),
        user("u2", "go on"),
        said("g2", "", call("c2", "x")),
        said("g3", "Two."),
        {
            "$set": {
                "messages": [
                    user("n1", [{"text": "go on"}]),
                    said("n2", [{"text": "One."}]),
                    user("n3", [{"text": "go on"}]),
                    said("n4", [{"functionCall": {"id": "c2", "name": "read_file", "args": {"path": "a"}}}]),
                    user("n5", [answer("c2", "x")]),
                    said("n6", [{"text": "Two."}]),
                ]
            }
        },
        {"$rewindTo": "n3"},
        user("u4", "stop"),
        said("g4", "Ok."),
    )
    assert pairs(talk) == [("go on", "One. "), ("stop", "Ok.")]
    assert skips(talk) == ["", "rolled-back", ""] and talk.turns[1].native_id == "u2"


def test_a_rewind_behind_a_compaction(tmp_path):
    talk, _ = read_rows(
        tmp_path,
        user("u1", "Why?"),
        said("g1", "So."),
        user("u2", "And?"),
        said("g2", "Then."),
        {"$set": {"messages": [CONTEXT, SUMMARY, GOT_IT]}},
        user("u3", "Now?"),
        {"$rewindTo": "u2"},
        user("u4", "Other?"),
        said("g4", "Other."),
    )
    assert pairs(talk) == [("Why?", "So."), ("Other?", "Other.")]
    assert skips(talk) == ["", "rolled-back", "rolled-back", ""]


def test_an_update_of_a_forgotten_message_does_not_repeat_it(tmp_path):
    talk, _ = read_rows(
        tmp_path,
        user("u1", "Why?"),
        said("g1", ""),
        {"$set": {"messages": [CONTEXT, SUMMARY, GOT_IT]}},
        said("g1", "So."),
    )
    assert pairs(talk) == [("Why?", "So.")] and len(talk.turns[0].messages) == 2


def test_content_of_parts_and_the_list_of_calls_are_one(tmp_path):
    parts = [
        {"text": "plan", "thought": True, "thoughtSignature": "secret"},
        {"text": "I look."},
        {"functionCall": {"id": "c1", "name": "read_file", "args": {"path": "a"}}, "thoughtSignature": "x"},
        {"functionCall": {"name": "list", "args": {}}},
    ]
    row = said("g1", parts, call("c1", "x"), thoughts=[{"subject": "p", "description": "q"}])
    talk, _ = read_rows(tmp_path, user("u1", "Why?"), row, said("g2", "So."))
    (said_first,) = [m for m in talk.turns[0].messages if m.tool_calls]
    assert (said_first.content, said_first.reasoning) == ("I look.", "plan")
    assert [(one.name, one.arguments) for one in said_first.tool_calls] == [
        ("read_file", '{"path":"a"}'),
        ("list", "{}"),
    ]
    assert "unanswered_call" in talk.turns[0].flags


# --- what was typed ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "shown", "question", "context"),
    [
        ("Why?", None, "Why?", ""),
        ({"text": "Why?"}, None, "Why?", ""),
        (["Wh", {"text": "y?"}], None, "Why?", ""),
        ("  Why?\n", None, "  Why?\n", ""),
        (
            "Why @a?\n--- Content from referenced files ---\nx",
            None,
            "Why @a?",
            FILES := "--- Content from referenced files ---\nx",
        ),
        ([{"text": "Why @a?"}, {"text": "\n" + FILES}], [{"text": "Why @a?"}], "Why @a?", FILES),
        ([{"text": "Read a: x"}], "Read @a", "Read @a", "Read a: x"),
        ([{"text": "Why?"}], [answer("c", "x")], "Why?", ""),
        (
            [{"text": "Why?"}, {"text": "<hook_context>h</hook_context>"}],
            None,
            "Why?",
            "<hook_context>h</hook_context>",
        ),
        ("<hook_context>h</hook_context>\n\nWhy?", None, "Why?", ""),
        (
            [{"text": "See"}, {"inlineData": {"mimeType": "image/png", "data": "A" * 8192}}],
            None,
            "See\n[image image/png 6 KB]",
            "",
        ),
        ("/home/kit/a.py fails, why?", None, "/home/kit/a.py fails, why?", ""),
    ],
)
def test_the_question_is_what_was_typed(content, shown, question, context):
    found = gemini_text.human(user("u", content) | ({} if shown is None else {"displayContent": shown}))
    assert (found.kind, found.question, found.context, found.synthetic) == ("human", question, context, False)


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("injected", "<session_context>\nkit"),
        ("injected", "\n<session_context>kit</session_context>\n"),
        ("injected", "<hook_context>x</hook_context>"),
        ("injected", "System: Please continue."),
        ("injected", "Please continue."),
        ("injected", "This is the Gemini CLI. We are setting up the context for our chat.\nToday"),
        ("injected", ""),
        ("injected", None),
        ("injected", [{"text": "  "}]),
        ("summary", "<scratchpad>s</scratchpad>\n<state_snapshot>x</state_snapshot>"),
        ("results", [answer("c", "x"), {"text": "Why?"}]),
        ("command", "/stats model"),
        ("command", "?"),
        ("command", "/mcp:list"),
        ("human", "what is a <state_snapshot>?"),
    ],
)
def test_what_is_no_question(kind, content):
    assert gemini_text.human(user("u", content)).kind == kind


def test_a_command_of_ones_own_that_the_model_answers(tmp_path):
    talk, _ = read_rows(
        tmp_path,
        user("u1", [{"text": "Analyze all."}], displayContent=[{"text": "/init"}]),
        said("g1", "Done."),
    )
    (turn,) = talk.turns
    assert pairs(talk) == [("/init", "Done.")] and turn.context == "Analyze all."
    assert "synthetic_prompt" in turn.flags


def test_commands_are_turns_without_a_sample(tmp_path):
    talk, _ = read_rows(tmp_path, user("u1", "Why?"), said("g1", "So."), user("u2", "/quit"))
    assert [samples.why_not(turn) for turn in talk.turns] == ["", "command"]


def test_a_long_context_is_capped(tmp_path):
    talk, _ = read_rows(
        tmp_path, user("u1", [{"text": "a" * 90000}], displayContent=[{"text": "Why?"}]), said("g1", "So.")
    )
    assert len(talk.turns[0].context) < 20100 and talk.turns[0].context.endswith("more characters]")


def test_what_the_client_makes_the_model_say_is_no_answer(tmp_path):
    talk, _ = read_rows(
        tmp_path,
        user("u1", "Why?"),
        said("g1", "", call("c1", "x")),
        said("g2", [{"text": "Binary content received. Proceeding with analysis.", "thought": True}]),
    )
    assert [samples.why_not(turn) for turn in talk.turns] == ["no-answer"]


def test_a_turn_goes_on_after_the_client_asked_to(tmp_path):
    talk, _ = read_rows(
        tmp_path,
        user("u1", "Why?"),
        said("g1", "Half."),
        user("u2", [{"text": "System: Please continue."}], displayContent=[answer("c", "x")]),
        said("g2", "Whole."),
    )
    assert pairs(talk) == [("Why?", "Whole.")] and len(talk.turns) == 1


@pytest.mark.parametrize(
    ("kind", "content", "flag"),
    [("info", "Request cancelled.", "interrupted"), ("error", "[API Error: 429]", "api_error")],
)
def test_what_happened_to_a_turn(tmp_path, kind, content, flag):
    talk, _ = read_rows(
        tmp_path,
        user("u1", "Why?"),
        said("g1", "I", call("c1", "x")),
        {"id": "i", "type": kind, "content": content},
    )
    assert flag in talk.turns[0].flags


def test_an_unknown_type_of_message_is_named(tmp_path):
    talk, notes = read_rows(tmp_path, user("u1", "Why?"), said("g1", "So.") | {"type": "robot"})
    assert notes == [("unknown", 3, "robot")] and len(talk.turns) == 1


# --- tools ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "told", "failed"),
    [
        ([answer("c", "x")], "x", False),
        (answer("c", ""), "", False),
        ("plain", "plain", False),
        ([answer("c", "no", key="error")], "no", True),
        ([answer("c", {"a": [1, "é"]})], '{"a":[1,"é"]}', False),
        ([answer("c", [{"type": "text", "text": "m"}], key="content")], "m", False),
        ([answer("c", 3, key="count")], '{"count":3}', False),
        ([answer("b", "other"), answer("c", "x"), {"text": "more"}, answer("d", "y")], "x\nmore", False),
        (
            [answer("c", "x"), {"inlineData": {"mimeType": "image/png", "data": "A"}}],
            "x\n[image image/png 1 KB]",
            False,
        ),
        ([answer("", "x")], "x", False),
    ],
)
def test_the_result_of_a_call(given, told, failed):
    assert gemini_text.result("c", given) == (told, failed)


def test_no_result():
    assert gemini_text.result("c", None) is None
    assert gemini_text.result("c", [answer("a", "x"), answer("b", "y")]) is None


@pytest.mark.parametrize(
    ("row", "content", "failed", "flags"),
    [
        (call("c1", "x", status="error"), "x", True, {"tool_failed"}),
        (call("c1", None, status="cancelled", resultDisplay="stopped"), "stopped", True, {"tool_failed"}),
        (call("c1", None, resultDisplay={"fileDiff": "@@"}), "@@", False, set()),
        (call("c1", "Output: x\nExit Code: 2", name="run_shell_command"), None, True, {"tool_failed"}),
        (call("c1", "Output: x\nExit Code: 0", name="run_shell_command"), None, False, set()),
        (
            call("c1", status="cancelled")
            | {"result": [answer("c1", "User did not allow tool call", key="error")]},
            "User did not allow tool call",
            True,
            {"tool_rejected"},
        ),
    ],
)
def test_how_a_call_ended(tmp_path, row, content, failed, flags):
    talk, _ = read_rows(tmp_path, user("u1", "Why?"), said("g1", "", row), said("g2", "So."))
    (result,) = [m for m in talk.turns[0].messages if m.role == "tool"]
    assert result.failed is failed and content in (None, result.content)
    assert talk.turns[0].flags - {"open"} == flags


@pytest.mark.parametrize("status", ["executing", "validating", "awaiting_approval"])
def test_a_call_that_a_crash_left_behind(tmp_path, status):
    talk, _ = read_rows(tmp_path, user("u1", "Why?"), said("g1", "", call("c1", None, status=status)))
    assert "unanswered_call" in talk.turns[0].flags and samples.why_not(talk.turns[0]) == "no-answer"


def test_results_are_paired_by_id_and_a_durable_result_is_no_second_one(tmp_path):
    talk, _ = read_rows(
        tmp_path,
        user("u1", "Why?"),
        said("g1", "", call("c2", None), call("c1", "one")),
        user("u2", [answer("c1", "uno"), answer("c2", "two")]),
        said("g2", "So."),
    )
    told = [(m.tool_call_id, m.content) for m in talk.turns[0].messages if m.role == "tool"]
    assert told == [("c2", "two"), ("c1", "one")] and len(talk.turns) == 1


MASK = "<tool_output_masked>\nabc\n\nOutput too large. Full output available at: {}\n</tool_output_masked>"


def test_a_masked_output_is_taken_from_before_it_was_masked(tmp_path):
    rows = [user("u1", "Why?"), said("g1", "", call("c1", "the whole")), said("g2", "So.")]
    masked = said("g1", "", call("c1", MASK.format("/x/y/z.txt")))
    talk, _ = read_rows(tmp_path, *rows, {"$set": {"messages": [rows[0], masked, rows[2]]}}, masked)
    assert talk.turns[0].messages[2].content == "the whole"


@pytest.mark.parametrize(
    ("place", "content"),
    [
        (f"/anywhere/tmp/app/tool-outputs/session-{SESSION}/read_file_c1.txt", "the whole\r\n"),
        (f"C:\\x\\session-{SESSION}\\read_file_c1.txt", "the whole\r\n"),
        ("/etc/passwd", None),
        (f"/x/session-{SESSION}/../../../secret.txt", None),
        ("", None),
    ],
)
def test_a_cut_output_is_taken_from_the_project_s_own_files_only(tmp_path, place, content):
    text = f"Output too large. Showing first 3 and last 3 characters. For full output see: {place}\nabc\n"
    write(tmp_path, [meta(), user("u1", "Why?"), said("g1", "", call("c1", text)), said("g2", "So.")])
    outputs = tmp_path / "tmp" / "app" / "tool-outputs" / f"session-{SESSION}"
    outputs.mkdir(parents=True)
    (outputs / "read_file_c1.txt").write_bytes(b"the whole\r\n")
    (tmp_path / "tmp" / "secret.txt").write_text("secret")
    (talk,), _ = home(tmp_path)
    assert talk.turns[0].messages[2].content == (content or text)
    assert len(talk.files) == (2 if content else 1)


# --- files that belong together ---------------------------------------------------------------------------


def test_copies_of_a_session_count_once_and_the_fullest_is_taken(tmp_path):
    rows = [meta(), user("u1", "Why?"), said("g1", "So.")]
    more = [*rows, user("u2", "And?"), said("g2", "Then.")]
    name = f"session-2026-05-01T09-00-{SESSION[:8]}"
    whole = [json.dumps(meta(messages=rows[1:]), indent=2)]
    write(tmp_path, whole, name=f"{name}.json")
    write(tmp_path, rows, name=f"{name}.jsonl")
    write(tmp_path, more, name=f"{name}.jsonl", project=HASH)
    write(
        tmp_path,
        [meta(sessionId=SESSION[:8] + "-other")],
        name=f"session-2026-06-01T09-00-{SESSION[:8]}.json",
    )
    assert len(gemini.find(str(tmp_path))) == 1
    (talk,), notes = home(tmp_path)
    assert len(talk.turns) == 2 and talk.files[0].endswith(f"{HASH}/chats/{name}.jsonl")
    assert [note[2] for note in notes] == ["another copy of a session"] * 2


def test_of_equal_copies_the_newer_form_is_taken(tmp_path):
    rows = [meta(), user("u1", "Why?"), said("g1", "So.")]
    write(tmp_path, [json.dumps(meta(messages=rows[1:]), indent=2)], name="session-x.json")
    write(tmp_path, rows, name="session-x.jsonl")
    (talk,), _ = home(tmp_path)
    assert talk.files[0].endswith(".jsonl")


def test_sub_agents_are_conversations_of_their_own_behind_their_parent(tmp_path):
    write(tmp_path, [meta(), user("u1", "Why?"), said("g1", "So.")])
    agent = meta(sessionId="agent-1", kind="subagent")
    done = call("c1", "ok", name="complete_task") | {"args": {"result": "Found."}}
    write(tmp_path, [agent, user("a1", "Find it."), said("b1", "", done)], name=f"{SESSION}/agent-1.jsonl")
    flat = meta(sessionId="agent-2", kind="subagent", messages=[user("a2", "Look."), said("b2", "Seen.")])
    write(tmp_path, [json.dumps(flat, indent=2)], name="session-2026-05-01T09-01-agent-2x.json")
    same = meta(
        kind="subagent",
        startTime="2026-05-01T09:00:30.000Z",
        messages=[user("a3", "Go."), said("b3", "Gone.")],
    )
    write(tmp_path, [json.dumps(same)], name=f"session-2026-05-01T09-01-{SESSION[:8]}.json")
    talks, _ = home(tmp_path)
    told = {talk.id: (talk.subagent, talk.parent, pairs(talk)) for talk in talks}
    assert told == {
        SESSION: (False, "", [("Why?", "So.")]),
        f"{SESSION}:2026-05-01T09:00:30.000Z": (True, SESSION, [("Go.", "Gone.")]),
        "agent-1": (True, SESSION, [("Find it.", "Found.")]),
        "agent-2": (True, "", [("Look.", "Seen.")]),
    }
    assert talks[0].id == SESSION


@pytest.mark.parametrize("way", ["marker", "index", "hash", "arguments", "context", "nothing"])
def test_the_working_folder(tmp_path, way):
    rows = [meta(), user("u1", "Why?"), said("g1", "So.")]
    project = HASH if way == "hash" else "app"
    if way == "arguments":
        rows.insert(
            2, said("g0", "", call("c1", "x") | {"args": {"file_path": "/home/kit/src/app/lib/a.py"}})
        )
    if way == "context":
        text = "<session_context>\n- **Workspace Directories:**\n  - /home/kit/src/app\n</session_context>"
        rows = [meta(projectHash="no hash"), user("u0", text), *rows[1:]]
    path = write(tmp_path, rows, project=project)
    if way == "marker":
        (path.parent.parent / ".project_root").write_text("/home/kit/src/app\n")
    if way in ("index", "hash"):
        index = {"projects": {"/home/kit/src/app": "app" if way == "index" else "other", "/x": 3}}
        (tmp_path / "projects.json").write_text(json.dumps(index))
    (talk,), _ = home(tmp_path)
    wanted = "" if way == "nothing" else "/home/kit/src/app"
    assert talk.cwd == wanted
    cold = way in ("arguments", "context", "nothing")  # not told before the messages
    assert gemini.glance(str(path)) == (SESSION, "" if cold else wanted)


def test_glance_at_files_that_are_no_sessions(tmp_path):
    write(tmp_path, [meta(), user("u1", "Why?")])
    (tmp_path / "tmp" / "app" / ".project_root").write_text("/home/kit/src/app")
    outputs = tmp_path / "tmp" / "app" / "tool-outputs" / f"session-{SESSION}"
    outputs.mkdir(parents=True)
    (outputs / "a.txt").write_text("x")
    assert gemini.glance(str(outputs / "a.txt")) == (SESSION, "/home/kit/src/app")
    (tmp_path / "share.json").write_text('{"messages":[{"sessionId":"x"}]}')
    assert gemini.glance(str(tmp_path / "share.json")) == ("", "")
    with pytest.raises(OSError):
        gemini.glance(str(tmp_path / "tmp" / "app" / "chats" / "session-missing.json"))


def test_tool_outputs_alone_say_nothing(tmp_path):
    outputs = tmp_path / "tmp" / "app" / "tool-outputs" / f"session-{SESSION}"
    outputs.mkdir(parents=True)
    (outputs / "a.txt").write_text("x")
    assert gemini.find(str(tmp_path)) == [] and parse([outputs / "a.txt"]) == ([], [])


def test_what_is_found_and_what_is_never_touched(tmp_path):
    path = write(tmp_path, [meta(), user("u1", "Why?"), said("g1", "So.")])
    for name in (
        "oauth_creds.json",
        "google_accounts.json",
        "tmp/bin/chats/session-x.json",
        "history/x/chats/a.json",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("no")
    for name in (
        "logs.json",
        "logs.json.bad.1.bak",
        "shell_history",
        "memory/a.json",
        "logs/session-x.jsonl",
    ):
        other = path.parent.parent / name
        other.parent.mkdir(exist_ok=True)
        other.write_text("no")
    path.with_name(path.name + ".tmp-12").write_text("no")
    path.with_name(path.name + ".unreadable-12").write_text("no")
    found = [sorted(os.path.basename(one) for one in files) for files in gemini.find(str(tmp_path))]
    assert found == [
        [path.name, path.name + ".tmp-12", path.name + ".unreadable-12"],
        ["logs.json"],
        ["logs.json.bad.1.bak"],
    ]
    talks, notes = home(tmp_path)
    assert len(talks) == 1
    assert Counter(note[2] for note in notes) == {"a leftover of a crash": 2, "a list of prompts": 2}
    for root in (tmp_path / "tmp", tmp_path / "tmp" / "app", tmp_path / "tmp" / "app" / "chats"):
        assert str(path) in gemini.find(str(root))[0]


def test_links_loops_and_folders_that_cannot_be_read(tmp_path):
    path = write(tmp_path / "in", [meta(), user("u1", "Why?"), said("g1", "So.")])
    away = write(tmp_path / "out", [meta(sessionId="away"), user("u1", "Why?")])
    os.symlink(away, path.with_name("session-away.jsonl"))
    os.symlink(path.parent, path.parent / "loop")
    os.symlink(path.with_name("session-self.json"), path.with_name("session-self.json"))
    os.mkfifo(path.with_name("session-fifo.json"))
    heard = []
    assert gemini.find(str(tmp_path / "in"), heard.append) == [[str(path)]]
    assert heard == []
    assert gemini.find(str(tmp_path / "missing"), heard.append) == [] and len(heard) == 1


def test_a_file_that_cannot_be_read_comes_after_the_others(tmp_path):
    path = write(tmp_path, [meta(), user("u1", "Why?"), said("g1", "So.")])
    found = gemini.parse([str(path.with_name("session-a.json")), str(path)], lambda *note: None)
    assert next(found).id == SESSION
    with pytest.raises(FileNotFoundError):
        next(found)


def test_the_root_is_a_folder_of_the_home_or_of_the_variable():
    assert gemini.roots("/home/kit", {}) == ["/home/kit/.gemini"]
    assert gemini.roots("/home/kit", {"GEMINI_CLI_HOME": "/srv/g"}) == ["/srv/g/.gemini"]


# --- saved chats ------------------------------------------------------------------------------------------


def content(role, *parts):
    return {"role": role, "parts": [{"text": part} if type(part) is str else part for part in parts]}


CHAT = [
    content("user", "This is the Gemini CLI. We are setting up the context for our chat.\nkit"),
    content("model", "Got it. Thanks for the context!"),
    content("user", "Why?"),
    content(
        "model",
        {"functionCall": {"name": "ls", "args": {"a": 1}}},
        {"functionCall": {"name": "ls", "args": {}}},
    ),
    content(
        "user", *({"functionResponse": {"name": "ls", "response": {"output": one}}} for one in ("1", "2"))
    ),
    content("model", "So."),
    content("user", "And?"),
    content("model", "Then."),
]


def save(tmp_path, name, value):
    path = tmp_path / "tmp" / "app" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))
    return path


@pytest.mark.parametrize("wrap", [lambda chat: chat, lambda chat: {"history": chat, "authType": "x"}])
def test_a_saved_chat(tmp_path, wrap):
    save(tmp_path, "checkpoint-my%20tag.json", wrap(CHAT))
    (talk,), _ = home(tmp_path)
    assert pairs(talk) == [("Why?", "So."), ("And?", "Then.")] and talk.id.startswith("chat-")
    first = talk.turns[0]
    assert [(m.role, m.content) for m in first.messages if m.role == "tool"] == [("tool", "1"), ("tool", "2")]
    assert len({turn.native_id for turn in talk.turns}) == 2 and first.timestamp == ""


def test_a_chat_keeps_its_names_as_it_grows(tmp_path):
    short, long = (save(tmp_path, f"checkpoint-{n}.json", CHAT[:n]) for n in (6, 8))
    (one,), _ = parse([short])
    (two,), _ = parse([long])
    assert one.id == two.id and one.turns[0].native_id == two.turns[0].native_id


def test_turns_of_a_session_are_not_told_again_by_a_saved_chat(tmp_path):
    write(tmp_path, [meta(), user("u1", [{"text": "Why?"}]), said("g1", "So.")])
    save(tmp_path, "checkpoint-a.json", CHAT)
    save(tmp_path, "checkpoint-b.json", CHAT[:6])
    talks, notes = home(tmp_path)
    assert [pairs(talk) for talk in talks] == [[("Why?", "So.")], [("And?", "Then.")]]
    assert skips(talks[1]) == ["duplicate", ""]
    assert ("skipped", 0, "a copy of a chat") in notes


def test_states_for_restore_only_where_there_is_no_session(tmp_path):
    state = {"history": [{"type": "user", "text": "x"}], "toolCall": {"name": "edit", "args": {}}}
    for length in (6, 8):
        save(
            tmp_path,
            f"checkpoints/2026-05-0{length}-a.py-edit.json",
            state | {"clientHistory": CHAT[:length]},
        )
    talks, notes = home(tmp_path)
    assert [pairs(talk) for talk in talks] == [[("Why?", "So."), ("And?", "Then.")]]
    assert ("skipped", 0, "a copy of a chat") in notes
    write(tmp_path, [meta(), user("u1", "Else?"), said("g1", "So.")])
    talks, notes = home(tmp_path)
    assert [pairs(talk) for talk in talks] == [[("Else?", "So.")]]
    assert [note[2] for note in notes] == ["a state for /restore"] * 2


def test_a_chat_that_was_shared_as_markdown(tmp_path):
    command = {"id": "c1", "name": "ls", "args": {"path": "a"}}
    back = {"id": "c1", "name": "ls", "response": {"output": "x\n```\ny"}}
    sections = [
        ("USER \U0001f9d1\u200d\U0001f4bb", "Why?\n\n---\n\nno section\n## USER data"),
        ("MODEL \u2728", f"I look.**Tool Command**:\n```json\n{json.dumps(command, indent=2)}\n```"),
        (
            "USER \U0001f9d1\u200d\U0001f4bb",
            f"**Tool Response**:\n```json\n{json.dumps(back, indent=2)}\n```",
        ),
        ("MODEL \u2728", "So."),
    ]
    path = tmp_path / "gemini-conversation-1.md"
    path.write_text("\n\n---\n\n".join(f"## {head}\n\n{text}" for head, text in sections), encoding="utf-8")
    (talk,), notes = parse([path])
    assert pairs(talk) == [("Why?\n\n---\n\nno section\n## USER data", "So.")] and notes == []
    assert [m.content for m in talk.turns[0].messages][1:3] == ["I look.", "x\n```\ny"]


# --- large logs, odd logs ---------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["lines", "printed", "one line"])
def test_a_large_session_is_not_held_and_is_read_again_by_place(tmp_path, monkeypatch, form):
    monkeypatch.setattr(read, "LARGE", 1000)
    rows = [user("u1", "Q" * 700), said("g1", "", call("c1", "R" * 900)), said("g2", "A" * 800)]
    printed = json.dumps(meta(messages=rows), indent=2)
    forms = {"printed": [printed], "one line": [meta(messages=rows)]}
    path = write(tmp_path, forms.get(form) or [meta(), *rows, {"$set": {"messages": rows}}])
    (talk,), _ = parse([path])
    (turn,) = talk.turns
    assert max(len(m.content) for m in turn.messages) == 200
    whole = [m.load() if m.load else m for m in turn.messages]
    assert [len(m.content) for m in whole] == [700, 0, 900, 800] and whole[2].tool_call_id == "c1"
    if form == "printed":
        path.write_text("{}")
        with pytest.raises(OSError):
            turn.messages[0].load()


RECORD_KEYS = (
    "id",
    "type",
    "content",
    "toolCalls",
    "result",
    "thoughts",
    "tokens",
    "displayContent",
    "parts",
)
PART_KEYS = ("text", "functionResponse", "functionCall", "response", "args", "name", "output", "inlineData")
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.sampled_from(["u1", "user", "gemini"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from([*RECORD_KEYS, *PART_KEYS]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=300)
@given(
    rows=st.lists(
        st.fixed_dictionaries(
            {},
            optional={
                "id": st.sampled_from(["u1", "g1", "c1", 3]),
                "type": st.sampled_from(["user", "gemini", "info", "error", 7]),
                "content": JSON,
                "displayContent": JSON,
                "toolCalls": JSON,
                "thoughts": JSON,
                "tokens": JSON,
                "timestamp": JSON,
                "$set": JSON,
                "$rewindTo": st.sampled_from(["u1", "g1", 3, None]),
                "sessionId": JSON,
                "projectHash": JSON,
                "messages": st.lists(JSON, max_size=3),
                "history": st.lists(JSON, max_size=3),
            },
        ),
        max_size=6,
    ),
    indent=st.sampled_from([None, 2]),
)
def test_no_shape_of_a_record_raises(tmp_path_factory, rows, indent):
    path = tmp_path_factory.mktemp("odd") / "session-x.json"
    for text in (
        "\n".join(json.dumps(row) for row in rows),
        *(json.dumps(row, indent=indent) for row in rows),
    ):
        path.write_text(text)
        talks, _ = parse([path])
        for talk in talks:
            for turn in talk.turns:
                samples.chat(turn)
                samples.why_not(turn)
