"""afs-convert: what each consumer takes, and nothing left out without a word."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections import Counter

import pytest
from afs import converters, jsonl, sample
from afs.converters import turns
from conftest import as_nobody
from hypothesis import given
from hypothesis import strategies as st

ROOT = os.path.join(os.path.dirname(__file__), "..", "..")
COMMAND = [sys.executable, "-B", os.path.join(ROOT, "bin", "afs-convert")]
TOOLS = '[{"type":"function","function":{"name":"look","parameters":{"type":"object","maximum":1.50}}}]'


def user(text):
    return {"role": "user", "content": text}


def system(text):
    return {"role": "system", "content": text}


def said(text, *calls, thinking=None):
    items = [
        {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}
        for id, name, arguments in calls
    ]
    return {"role": "assistant", "content": text, "reasoning_content": thinking, "tool_calls": items or None}


def result(id, text):
    return {"role": "tool", "content": text, "tool_call_id": id}


def chat(*messages, **fields):
    record = {"instruction": "Q?", "output": "A.", "messages": list(messages), **fields}
    assert sample.check(record) == ""
    return record


def convert(name, record):
    """(what is written, {what: kind} of the notes)."""
    notes = {}
    made = converters.load(name).convert(record, lambda kind, what: notes.__setitem__(what, kind))
    return made, notes


def bad(name, record):
    with pytest.raises(jsonl.Bad) as caught:
        convert(name, record)
    return caught.value.reason


def run(*args, data=b""):
    return subprocess.run([*COMMAND, *args], input=data, capture_output=True, timeout=60)


TOOL_TURN = (
    user("Where is it?"),
    said("I look.", ("c1", "look", '{"n": 1.50, "e": 1e5}')),
    result("c1", "there"),
    said("There."),
)


# --- the registry -----------------------------------------------------------------------------------


def test_every_module_that_is_a_format_is_built_in():
    folder = os.path.dirname(converters.__file__)
    modules = {name[:-3] for name in os.listdir(folder) if name.endswith(".py")}
    assert modules - {"__init__", "turns"} == set(converters.BUILT_IN)
    for name in converters.BUILT_IN:
        known = converters.load(name)
        assert name == known.NAME and known.ABOUT and known.HOLDS <= converters.ALL


def test_an_unknown_format_names_the_near_and_the_known_ones():
    with pytest.raises(
        converters.Unknown, match=r"'sharegtp'; did you mean sharegpt\? known: alpaca, openai"
    ):
        converters.load("sharegtp")
    with pytest.raises(converters.Unknown, match="'turns'; known: alpaca"):
        converters.load("turns")


def test_a_format_loses_no_more_than_it_says():
    full = chat(system("S"), *TOOL_TURN, user("and?"), said("A.", thinking="hm"), thinking="hm", tools=TOOLS)
    for name in converters.BUILT_IN:
        _, notes = convert(name, full)
        assert set(notes) == converters.ALL - converters.load(name).HOLDS - (
            {"call_text"} if name == "alpaca" else set()  # part of its lost turns
        )


# --- alpaca -----------------------------------------------------------------------------------------


def test_alpaca_has_three_keys_in_every_row():
    plain = {"instruction": "Q", "output": "A", "source": "x", "quality_score": 0.5}
    assert convert("alpaca", plain) == ({"instruction": "Q", "input": "", "output": "A"}, {})
    made, notes = convert("alpaca", chat(*TOOL_TURN, input="ctx", tools=TOOLS))
    assert made == {"instruction": "Q?", "input": "ctx", "output": "A."}
    assert notes == {"tool_calls": "lost", "turns": "lost", "tools": "lost"}


def test_alpaca_of_a_plain_conversation_loses_nothing():
    assert convert("alpaca", chat(user("Q?"), said("A.")))[1] == {}
    assert convert("alpaca", chat(system("S"), user("Q?"), said("A.", thinking="t")))[1] == {
        "system": "lost",
        "thinking": "lost",
    }


# --- openai -----------------------------------------------------------------------------------------


def test_openai_has_messages_and_no_other_key():
    made, notes = convert("openai", {"instruction": "Q", "input": "ctx", "output": "A", "thinking": "t"})
    assert made == {"messages": [user("Q\n\nctx"), {"role": "assistant", "content": "A"}]}
    assert notes == {"thinking": "lost"}


def test_openai_keeps_calls_with_arguments_as_text_and_answers_each():
    made, notes = convert("openai", chat(system("S"), *TOOL_TURN, tools=TOOLS))
    call = {
        "id": "c1",
        "type": "function",
        "function": {"name": "look", "arguments": '{"n": 1.50, "e": 1e5}'},
    }
    assert made["messages"] == [
        system("S"),
        user("Where is it?"),
        {"role": "assistant", "content": "I look.", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "there"},
        {"role": "assistant", "content": "There."},
    ]
    assert made["tools"] == json.loads(TOOLS)
    assert notes == {}


def test_openai_wraps_bare_functions_and_leaves_out_what_is_no_function():
    tools = '[{"name":"a b","parameters":{}},{"type":"web_search"},{"type":"function","function":{}}]'
    made, notes = convert("openai", chat(user("q"), said("a"), tools=tools))
    assert made["tools"] == [{"type": "function", "function": {"name": "a_b", "parameters": {}}}]
    assert notes == {"tools": "lost", "tool_name": "adapted"}
    assert "tools" not in convert("openai", chat(user("q"), said("a"), tools="[]"))[0]


def test_openai_makes_tool_names_fit():
    made, notes = convert(
        "openai", chat(user("q"), said("", ("c", "mcp.files/" + "x" * 80, "{}")), result("c", ""), said("a"))
    )
    name = made["messages"][1]["tool_calls"][0]["function"]["name"]
    assert name == "mcp_files_" + "x" * 54 and notes == {"tool_name": "adapted"}
    assert (
        bad("openai", chat(user("q"), said("", ("c", "", "{}")), result("c", ""), said("a"))) == "tool-name"
    )


def test_openai_keeps_two_users_in_a_row_and_a_system_message_in_the_middle():
    messages = [user("a"), user("b"), {"role": "assistant", "content": "c"}, system("s"), user("d")]
    made, notes = convert("openai", chat(*messages, said("e")))
    assert made["messages"][:-1] == messages and notes == {}


# --- sharegpt ---------------------------------------------------------------------------------------


def test_sharegpt_has_the_same_three_keys_in_every_row():
    made, _ = convert("sharegpt", {"instruction": "Q", "output": "A"})
    assert made == {
        "conversations": [{"from": "human", "value": "Q"}, {"from": "gpt", "value": "A"}],
        "system": "",
        "tools": "",
    }
    assert convert("sharegpt", chat(user("q"), said("a"), tools="[]"))[0]["tools"] == ""


def test_sharegpt_splices_arguments_as_they_were_logged():
    made, notes = convert("sharegpt", chat(system("S"), *TOOL_TURN, tools=TOOLS))
    assert [turn["from"] for turn in made["conversations"]] == [
        "human",
        "function_call",
        "observation",
        "gpt",
    ]
    assert made["conversations"][1]["value"] == '{"name": "look", "arguments": {"n": 1.50, "e": 1e5}}'
    assert made["system"] == "S" and made["tools"] == TOOLS  # 1.50 is still 1.50
    assert notes == {"call_text": "lost"}


def test_sharegpt_calls_at_once_are_a_list_and_share_an_observation():
    made, _ = convert(
        "sharegpt",
        chat(
            user("q"),
            said("", ("a", "f", '{"x":1}'), ("b", 'g"', "{}")),
            result("b", 'second "b"'),
            result("a", "first\n"),
            said("done"),
        ),
    )
    call, observation = (turn["value"] for turn in made["conversations"][1:3])
    assert json.loads(call) == [{"name": "f", "arguments": {"x": 1}}, {"name": 'g"', "arguments": {}}]
    assert json.loads(observation) == ["first\n", 'second "b"']


def test_sharegpt_joins_neighbours_of_one_side():
    made, notes = convert("sharegpt", chat(user("a"), user("b"), said("c"), said("d")))
    assert [turn["value"] for turn in made["conversations"]] == ["a\n\nb", "c\n\nd"]
    assert notes == {"merged_turns": "adapted"}


def test_sharegpt_loses_a_text_that_a_call_follows():
    made, notes = convert(
        "sharegpt", chat(user("q"), said("I look."), said("", ("c", "f", "{}")), result("c", "r"), said("a"))
    )
    assert [turn["from"] for turn in made["conversations"]] == [
        "human",
        "function_call",
        "observation",
        "gpt",
    ]
    assert notes == {"call_text": "lost"}


def test_sharegpt_moves_a_system_message_into_the_next_question():
    made, notes = convert("sharegpt", chat(user("q"), said("a"), system("now"), user("q2"), said("a2")))
    assert made["conversations"][2] == {"from": "human", "value": "now\n\nq2"}
    assert made["system"] == "" and notes == {"moved_system": "adapted"}
    made, notes = convert("sharegpt", chat(user("q"), system("now"), user("more"), said("a")))
    assert made["conversations"][0]["value"] == "q\n\nnow\n\nmore"
    assert notes == {"moved_system": "adapted", "merged_turns": "adapted"}


def test_sharegpt_begins_with_a_question():
    made, notes = convert("sharegpt", chat(said("Hello!"), user("q"), said("a")))
    assert [turn["value"] for turn in made["conversations"]] == ["q", "a"]
    assert notes == {"leading_answer": "lost"}


def test_sharegpt_moves_what_a_person_says_between_a_result_and_the_answer_to_the_question():
    record = chat(user("q"), said("", ("c", "f", "{}")), result("c", "r"), user("wait"), said("a"))
    made, notes = convert("sharegpt", record)
    assert [turn["from"] for turn in made["conversations"]] == [
        "human",
        "function_call",
        "observation",
        "gpt",
    ]
    assert made["conversations"][0]["value"] == "q\n\nwait"
    assert made["conversations"][2]["value"] == "r"
    assert notes == {"moved_user": "adapted"}
    assert convert("openai", record)[1] == {}


# --- what no format can place -----------------------------------------------------------------------

BOTH = pytest.mark.parametrize("name", ["openai", "sharegpt"])


@BOTH
def test_a_result_without_a_call_is_left_out(name):
    record = chat(user("q"), result("x", "r"), said("a"))
    made, notes = convert(name, record)
    assert notes == {"orphan_result": "lost"} and b'"r"' not in jsonl.encode(made)


@BOTH
def test_a_call_without_a_result_is_left_out(name):
    two = said("", ("c1", "f", "{}"), ("c2", "lonely", "{}"))
    made, notes = convert(
        name, chat(user("q"), two, result("c1", "r"), said("", ("c3", "g", "{}")), said("a"))
    )
    text = jsonl.encode(made)
    assert notes == {"unanswered_call": "lost"} and b"lonely" not in text and b'g"' not in text


@BOTH
def test_what_follows_the_last_answer_is_left_out(name):
    made, notes = convert(name, chat(*TOOL_TURN, user("more"), said("", ("c", "f", "{}")), result("c", "r")))
    assert notes.pop("unfinished_end") == "lost" and b"more" not in jsonl.encode(made)
    assert notes == ({"call_text": "lost"} if name == "sharegpt" else {})


@BOTH
def test_empty_turns_are_left_out(name):
    made, notes = convert(name, chat(system(""), user("q"), said(" \n"), user(""), said("a")))
    assert notes == {"empty_turn": "adapted"}
    assert len(made.get("messages") or made["conversations"]) == 2
    made, notes = convert(name, chat(user("q"), said("", thinking="only thought"), said("a")))
    assert notes == {"thinking": "lost"}


@BOTH
def test_a_late_result_stands_behind_its_call(name):
    calls = said("", ("c1", "f", "{}")), said("", ("c2", "g", "{}"))
    late, notes = convert(name, chat(user("q"), *calls, result("c1", "r1"), result("c2", "r2"), said("a")))
    first, second = calls
    on_time = chat(user("q"), first, result("c1", "r1"), second, result("c2", "r2"), said("a"))
    assert notes == {"moved_result": "adapted"}
    assert (late, {}) == convert(name, on_time)


@BOTH
def test_an_id_may_be_used_again_once_it_is_answered(name):
    again = said("", ("c", "f", "{}")), result("c", "r1"), said("", ("c", "f", "{}")), result("c", "r2")
    made, notes = convert(name, chat(user("q"), *again, said("a")))
    assert notes == {} and jsonl.encode(made).index(b"r1") < jsonl.encode(made).index(b"r2")


@BOTH
@pytest.mark.parametrize("arguments", ["{", "[1]", '"text"', "{} {}", '{"a": NaN}', "null", "\ud83d"])
def test_arguments_that_are_no_json_object_are_refused(name, arguments):
    assert (
        bad(name, chat(user("q"), said("", ("c", "f", arguments)), result("c", "r"), said("a")))
        == "arguments"
    )


@BOTH
def test_arguments_that_are_empty_become_an_empty_object(name):
    made, notes = convert(name, chat(user("q"), said("", ("c", "f", " ")), result("c", "r"), said("a")))
    assert notes == {"empty_arguments": "adapted"} and b"{}" in jsonl.encode(made)


@BOTH
def test_lone_surrogates_survive(name):
    line = b'{"instruction":"q","output":"a\\ud83d","messages":[{"role":"user","content":"q"},'
    line += b'{"role":"assistant","content":"","tool_calls":[{"id":"c","function":{"name":"f",'
    line += b'"arguments":"{\\"x\\":\\"\\\\ud83d\\"}"}}]},{"role":"tool","tool_call_id":"c","content":"r"},'
    line += b'{"role":"assistant","content":"a\\ud83d"}]}'
    made = jsonl.encode(convert(name, jsonl.decode(line))[0])
    assert made.endswith((b'a\\ud83d"}]}', b'a\\ud83d"}],"system":"","tools":""}'))


@pytest.mark.parametrize("name", converters.BUILT_IN)
def test_a_sample_without_question_or_answer_is_refused(name):
    assert bad(name, {"instruction": " ", "output": "a"}) == "no-question"
    assert bad(name, {"instruction": "q", "output": ""}) == "no-answer"
    assert convert(name, {"instruction": "", "input": "q", "output": "a"})[1] == {}


@BOTH
def test_a_conversation_without_question_or_answer_is_refused(name):
    assert bad(name, chat(system("s"), said("a"))) == "no-question"
    assert bad(name, chat(user("q"), said("", ("c", "f", "{}")), result("c", "r"))) == "no-answer"
    assert bad(name, chat(said("a"), user("q"))) == "no-question"


@BOTH
@pytest.mark.parametrize("tools", ["{", "{}", '["x"]', '[{"name":"f","maximum":1.00000000000000000001}]'])
def test_tools_that_are_no_list_of_objects_are_refused(name, tools):
    assert bad(name, chat(user("q"), said("a"), tools=tools)) == "tools"


# --- every conversation, by property ------------------------------------------------------------------

TEXT = st.text(max_size=6)
CALLS = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from(["f", "g"]), st.just('{"x":1}')), max_size=3
)
MESSAGES = st.lists(
    st.one_of(
        st.builds(user, TEXT),
        st.builds(system, TEXT),
        st.builds(lambda text, calls: said(text, *calls), TEXT, CALLS),
        st.builds(result, st.sampled_from("abcd"), TEXT),
    ),
    min_size=1,
    max_size=12,
)


@given(MESSAGES)
def test_openai_rows_keep_the_providers_rules(messages):
    try:
        made = convert("openai", chat(*messages))[0]["messages"]
    except jsonl.Bad as error:
        assert error.reason in ("no-question", "no-answer")
        return
    assert made[-1]["role"] == "assistant" and "tool_calls" not in made[-1]
    due = []
    for message in made:
        assert type(message["content"]) is str
        assert message["content"].strip() or message.get("tool_calls") or message["role"] == "tool"
        if message["role"] == "tool":
            assert message["tool_call_id"] == due.pop(0)
            continue
        assert not due
        due = [call["id"] for call in message.get("tool_calls", ())]


@given(MESSAGES)
def test_sharegpt_rows_alternate_as_llama_factory_checks(messages):
    try:
        made = convert("sharegpt", chat(*messages))[0]["conversations"]
    except jsonl.Bad as error:
        assert error.reason in ("no-question", "no-answer")
        return
    assert len(made) % 2 == 0
    for number, turn in enumerate(made):
        assert turn["from"] in (("human", "observation"), ("gpt", "function_call"))[number % 2]
        if turn["from"] == "function_call":
            calls = json.loads(turn["value"])
            for call in calls if type(calls) is list else [calls]:
                assert type(call["arguments"]) is dict
            assert made[number + 1]["from"] == "observation"
    assert made[-1]["from"] == "gpt"


@given(MESSAGES)
def test_no_text_goes_without_a_word(messages):
    record = chat(
        *({**message, "content": f"<{n}>{message['content']}"} for n, message in enumerate(messages))
    )
    for name in ("openai", "sharegpt"):
        try:
            made, notes = convert(name, record)
        except jsonl.Bad:
            continue
        text = json.dumps(made, ensure_ascii=False)
        gone = [n for n in range(len(messages)) if f"<{n}>" not in text]
        assert bool(gone) <= ("lost" in notes.values())


# --- the command ------------------------------------------------------------------------------------


def test_losses_are_counted_in_samples_in_the_closing_line_and_the_summary(tmp_path):
    noisy = chat(*TOOL_TURN, result("x", "1"), result("y", "2"), said("end"))
    data = b"".join(jsonl.encode(record) + b"\n" for record in (noisy, chat(*TOOL_TURN), chat(user("a"))))
    counts = tmp_path / "counts.json"
    done = run("--format", "sharegpt", "--summary", str(counts), "--rejects", str(tmp_path / "r"), data=data)
    assert done.returncode == 0
    assert done.stdout.count(b"\n") == 2
    summary = json.loads(counts.read_bytes())
    assert summary["lost"] == {"call_text": 2, "orphan_result": 1}
    assert summary["adapted"] == {"merged_turns": 1}
    assert summary["reject_reasons"] == {"no-answer": 1}
    assert b"3 lost (call_text 2, orphan_result 1), 1 adapted (merged_turns 1)" in done.stderr


def test_a_refused_sample_leaves_no_trace_in_the_losses(tmp_path):
    refused = chat(user("q"), result("x", "r"), said("", ("c", "f", "[]")), result("c", "r"), said("a"))
    counts = tmp_path / "counts.json"
    data = jsonl.encode(refused) + b"\n" + jsonl.encode(chat(user("q"), said("a")))
    done = run("--format", "openai", "--summary", str(counts), data=data)
    assert done.returncode == 1
    assert b"stdin:1: messages[2] has a call whose arguments are not JSON text of an object" in done.stderr
    assert json.loads(counts.read_bytes())["lost"] == {}


@pytest.mark.parametrize("name", converters.BUILT_IN)
def test_the_examples_convert(name):
    path = os.path.join(ROOT, "examples", "samples.jsonl")
    done = run("--format", name, path)
    assert done.returncode == 0
    with open(path, "rb") as file:
        records = [json.loads(line) for line in file]
    last = {
        "alpaca": lambda row: row["output"],
        "openai": lambda row: row["messages"][-1]["content"],
        "sharegpt": lambda row: row["conversations"][-1]["value"],
    }[name]
    answers = [last(json.loads(line)) for line in done.stdout.splitlines()]
    assert answers == [record["output"] for record in records]


def test_on_a_terminal_it_says_where_the_lines_go(tmp_path):
    data = b'{"instruction":"q","output":"a"}\n'
    master, slave = pty.openpty()
    done = subprocess.run(COMMAND, input=data, stdout=slave, stderr=subprocess.PIPE, timeout=60)
    os.close(slave)
    assert b"name a file with -o FILE" in done.stderr and done.returncode == 0
    assert os.read(master, 1000).startswith(b'{"instruction"')
    os.close(master)
    assert b"-o FILE" not in run("-o", str(tmp_path / "out"), data=data).stderr
    assert b"-o FILE" not in run(data=data).stderr


def test_the_examples_show_every_kind_of_content():
    with open(os.path.join(ROOT, "examples", "samples.jsonl"), "rb") as file:
        records = [json.loads(line) for line in file]
    assert all(sample.check(record) == "" for record in records)
    assert len({record["sample_id"] for record in records}) == len(records)
    keys = Counter(sample.content_key(record) for record in records)
    assert sorted(keys.values())[-2:] == [1, 2]
    assert sum(1 for record in records if record["messages"]) >= 6
    assert any(turns.has_thinking(record) for record in records)
    assert any(not record["instruction"].isascii() for record in records)
    groups = Counter(record["_metadata"]["group"] for record in records if record["_metadata"]["group"])
    assert len(groups) > 3 and max(groups.values()) > 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody without rights")
def test_an_unreadable_file_is_a_usage_error(shell, tmp_path):
    (tmp_path / "in.jsonl").write_bytes(b'{"instruction":"q","output":"a"}\n')
    (tmp_path / "in.jsonl").chmod(0)
    status, said = as_nobody(shell, "afs-convert", "in.jsonl")
    assert status == 2 and b"in.jsonl: cannot be read; check its permissions" in said
