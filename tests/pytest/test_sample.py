"""The record: what is one, how one is made, and that the published schema says the same."""

from __future__ import annotations

import json
import os
import unicodedata

import pytest
from afs import jsonl, sample
from conftest import ROOT
from hypothesis import given
from hypothesis import strategies as st

SCHEMA = ROOT / "docs" / "training-sample.schema.json"
GOOD = {"instruction": "Say hi.", "output": "hi"}


def message(role="user", content="x", **more):
    return {"role": role, "content": content, **more}


def call(**more):
    return {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}, **more}


# --- making ---------------------------------------------------------------------------------------------


def test_a_made_sample_has_every_field_in_order():
    made = sample.make(instruction="a", output="b")
    assert list(made) == [name for name in sample.FIELDS if name not in sample.SCORE_FIELDS]
    assert list(made["_metadata"]) == list(sample.METADATA_KEYS)
    assert made["messages"] is None and made["tools"] is None and made["thinking"] is None
    assert made["input"] == made["timestamp"] == "" and set(made["_metadata"].values()) == {None}
    assert sample.check(made) == ""


def test_scores_stand_at_the_end():
    made = sample.make(quality_components={"a": 1.0}, output="b", quality_score=0.5, instruction="a")
    assert list(made)[-2:] == list(sample.SCORE_FIELDS)


@pytest.mark.parametrize("fields", [{"instructions": "a"}, {"metadata": {"grup": "x"}}, {"_metadata": {}}])
def test_a_wrong_name_is_an_error_of_the_producer(fields):
    with pytest.raises(TypeError, match="not fields of a sample"):
        sample.make(**fields)


def test_an_id_depends_on_every_part():
    ids = {sample.sample_id(*parts) for parts in [("a", "b", "c"), ("a", "b"), ("ab", "c"), ("a", "bc"), ()]}
    assert len(ids) == 5 and all(len(found) == 32 and int(found, 16) >= 0 for found in ids)
    assert sample.sample_id("codex", "c", "t") == sample.sample_id("codex", "c", "t")
    assert len(sample.sample_id("\ud800")) == 32


# --- checking -------------------------------------------------------------------------------------------


ROLE = "messages[0].role must be one of system, user, assistant, tool"
WRONG = [
    ({}, "field 'instruction' is missing"),
    ({"instruction": "a"}, "field 'output' is missing"),
    ({**GOOD, "instruction": None}, "field 'instruction' must be a string, not null"),
    ({**GOOD, "output": 5}, "field 'output' must be a string, not a number"),
    ({**GOOD, "output": True}, "field 'output' must be a string, not a boolean"),
    ({**GOOD, "input": ["a"]}, "field 'input' must be a string, not an array"),
    ({**GOOD, "thinking": {}}, "field 'thinking' must be a string or null, not an object"),
    ({**GOOD, "tools": []}, "field 'tools' must be a string or null, not an array"),
    ({**GOOD, "messages": {}}, "field 'messages' must be an array or null, not an object"),
    ({**GOOD, "_metadata": "x"}, "field '_metadata' must be an object or null, not a string"),
    ({**GOOD, "_metadata": {"group": 1}}, "field '_metadata.group' must be a string or null"),
    ({**GOOD, "quality_score": "1"}, "field 'quality_score' must be a number, not a string"),
    ({**GOOD, "quality_score": True}, "field 'quality_score' must be a number, not a boolean"),
    ({**GOOD, "quality_score": None}, "field 'quality_score' must be a number, not null"),
    ({**GOOD, "quality_score": 1.01}, "field 'quality_score' must be from 0 to 1"),
    ({**GOOD, "quality_score": -1}, "field 'quality_score' must be from 0 to 1"),
    ({**GOOD, "quality_components": []}, "field 'quality_components' must be an object, not an array"),
    ({**GOOD, "messages": ["x"]}, "messages[0] must be an object"),
    ({**GOOD, "messages": [message(), {}]}, ROLE.replace("0", "1")),
    ({**GOOD, "messages": [message("User")]}, ROLE),
    ({**GOOD, "messages": [message(["user"])]}, ROLE),
    ({**GOOD, "messages": [message(content=None)]}, "messages[0].content must be a string"),
    ({**GOOD, "messages": [message(content=[{"type": "text"}])]}, "messages[0].content must be a string"),
    ({**GOOD, "messages": [message("tool")]}, "messages[0].tool_call_id must be a string"),
    ({**GOOD, "messages": [message("tool", tool_call_id=None)]}, "messages[0].tool_call_id must be a string"),
    ({**GOOD, "messages": [message(tool_call_id=1)]}, "messages[0].tool_call_id must be a string"),
    (
        {**GOOD, "messages": [message(reasoning_content=1)]},
        "messages[0].reasoning_content must be a string or null",
    ),
    ({**GOOD, "messages": [message(tool_calls={})]}, "messages[0].tool_calls must be an array or null"),
    *(
        (
            {**GOOD, "messages": [message("assistant", tool_calls=[made])]},
            "messages[0].tool_calls must hold objects {id, type, function: {name, arguments}} "
            "with arguments as JSON text",
        )
        for made in [
            "x",
            {},
            call(id=1),
            call(type="tool"),
            call(type=None),
            call(function="f"),
            call(function={"name": "f"}),
            call(function={"name": "f", "arguments": {}}),
            call(function={"name": None, "arguments": "{}"}),
        ]
    ),
]  # fmt: skip
RIGHT = [
    GOOD,
    {**GOOD, "unknown": {"a": [1]}, "embedding": [0.1], "kg_entities": [], "kg_validated": True},
    {**GOOD, "messages": None, "_metadata": None, "thinking": None, "tools": None},
    {**GOOD, "messages": [], "_metadata": {}},
    {**GOOD, "_metadata": {"group": None, "turn": "three", "original": {"x": 1}, "flags": "many"}},
    {**GOOD, "quality_score": 1, "quality_components": {"anything": "x"}},
    {**GOOD, "quality_score": 0.0},
    {**GOOD, "messages": [message(), message("assistant", tool_calls=None, reasoning_content=None)]},
    {**GOOD, "messages": [message("assistant", tool_calls=[call()]), message("tool", tool_call_id="1")]},
    {**GOOD, "messages": [message("assistant", tool_calls=[{"id": "", "function": call()["function"]}])]},
    {**GOOD, "messages": [message("assistant", tool_calls=[call(index=0)], tool_call_id=None, name="x")]},
]


@pytest.mark.parametrize(("record", "what"), WRONG)
def test_what_is_no_sample_is_said_without_its_value(record, what):
    assert sample.check(record) == what


@pytest.mark.parametrize("record", RIGHT)
def test_what_is_a_sample(record):
    assert sample.check(record) == ""


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.floats(-2, 2)
    | st.sampled_from(["", "x", "user", "tool"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["id", "role", "a"]), inner),
    max_leaves=4,
)


def nearly(strategy):
    """Mostly what it should be, sometimes anything."""
    return st.integers(0, 9).flatmap(lambda dice: json_values if dice == 0 else strategy)


names = st.sampled_from(["", "x"])
optional_text = nearly(names | st.none())
calls = st.fixed_dictionaries(
    {
        "id": nearly(names),
        "function": nearly(st.fixed_dictionaries({"name": nearly(names), "arguments": names})),
    },
    optional={"type": nearly(st.just("function"))},
)
messages = st.fixed_dictionaries(
    {"role": nearly(st.sampled_from(sample.ROLES)), "content": nearly(names)},
    optional={
        "reasoning_content": optional_text,
        "tool_calls": nearly(st.none() | st.lists(nearly(calls), max_size=2)),
        "tool_call_id": optional_text,
    },
)
records = st.fixed_dictionaries(
    {"instruction": nearly(names), "output": nearly(names)},
    optional={
        "input": nearly(names),
        "thinking": optional_text,
        "tools": optional_text,
        "messages": nearly(st.none() | st.lists(nearly(messages), max_size=3)),
        "_metadata": nearly(st.none() | st.dictionaries(st.sampled_from(["group", "turn"]), optional_text)),
        "quality_score": nearly(st.floats(0, 1)),
        "quality_components": nearly(st.dictionaries(names, st.floats(0, 1))),
        "other": json_values,
    },
)


@pytest.fixture(scope="module")
def validator():
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator.check_schema(sample.schema())
    return jsonschema.Draft202012Validator(sample.schema())


def test_the_schema_and_the_check_agree_on_the_tables(validator):
    assert [record for record in RIGHT if not validator.is_valid(record)] == []
    assert [record for record, _ in WRONG if validator.is_valid(record)] == []


@given(record=records)
def test_the_schema_and_the_check_agree_on_anything(validator, record):
    assert validator.is_valid(record) == (sample.check(record) == "")


def test_the_published_schema_is_the_one_of_the_code():
    text = json.dumps(sample.schema(), indent=2, ensure_ascii=False) + "\n"
    if os.environ.get("AFS_TEST_POPULATE"):
        SCHEMA.write_text(text, encoding="utf-8")
    assert SCHEMA.exists() and SCHEMA.read_text(encoding="utf-8") == text, (
        "write it anew: AFS_TEST_POPULATE=1 python3 -m pytest tests/pytest/test_sample.py -k published"
    )


def test_the_examples_are_samples(validator):
    found = sorted((ROOT / "examples").glob("samples*.jsonl"))
    if not found:
        pytest.skip("no examples/samples.jsonl yet")
    for path in found:
        for number, line in jsonl.lines(str(path)):
            record = jsonl.decode(line)
            assert sample.check(record) == "", f"{path.name}:{number}"
            assert validator.is_valid(record), f"{path.name}:{number}"


def test_the_table_of_fields_is_the_one_that_is_documented():
    """The order is a promise: loaders fix their columns by the first rows."""
    assert list(sample.FIELDS) == [
        "sample_id", "instruction", "input", "output", "thinking", "messages", "tools", "domain", "source",
        "teacher_model", "teacher_prompt", "timestamp", "_metadata", "quality_score", "quality_components",
    ]  # fmt: skip
    assert list(sample.METADATA_KEYS) == [
        "group", "project", "turn", "unit", "model", "agent_version", "tool_names", "tokens_in", "tokens_out",
        "flags", "redactions", "terms",
    ]  # fmt: skip


# --- round trips ----------------------------------------------------------------------------------------


texts = st.text(st.characters(codec="utf-8"))


@given(st.builds(sample.make, instruction=texts, output=texts, input=texts, thinking=st.none() | texts))
def test_a_sample_comes_back_from_its_line(made):
    line = jsonl.encode(made)
    assert jsonl.decode(line) == made
    assert jsonl.encode(jsonl.decode(line)) == line
    scored = jsonl.append_keys(line, {"quality_score": 0.5, "quality_components": {"a": 0.5}})
    assert sample.check(jsonl.decode(scored)) == ""
    assert jsonl.decode(scored) == {**made, "quality_score": 0.5, "quality_components": {"a": 0.5}}


# --- content keys ---------------------------------------------------------------------------------------


def test_content_is_what_counts_for_the_key():
    one = sample.make(instruction="a", output="b", sample_id="1", timestamp="x", thinking="t")
    other = sample.make(instruction="a", output="b", sample_id="2", timestamp="y", quality_score=0.5)
    assert (
        sample.content_key(one)
        == sample.content_key(other)
        == sample.content_key({"instruction": "a", "output": "b"})
    )
    assert 0 <= sample.content_key(one) < 1 << 128


def test_content_that_differs_has_another_key():
    asked, named_as_a_role = message(), {"name": "user", "arguments": "{}"}
    different = [
        GOOD,
        {**GOOD, "output": "Hi"},
        {**GOOD, "input": "x"},
        {**GOOD, "instruction": "Say", "input": " hi."},
        {"instruction": "Say hi.hi", "output": ""},
        {"instruction": "", "output": "Say hi.hi"},
        {"instruction": "Say hi.\0", "output": "hi"},
        {"instruction": "Say hi.", "output": "\0hi"},
        {"instruction": unicodedata.normalize("NFD", "ü"), "output": ""},
        {"instruction": "ü", "output": ""},
        {**GOOD, "messages": [asked]},
        {**GOOD, "messages": [message("system")]},
        {**GOOD, "messages": [asked, asked]},
        {**GOOD, "messages": [message("assistant"), message("user", "{}")]},
        {**GOOD, "messages": [message("assistant", tool_calls=[call(function=named_as_a_role)])]},
        {**GOOD, "messages": [message("assistant", tool_calls=[call()])]},
        {**GOOD, "messages": [message("assistant", tool_calls=[call(), call()])]},
        {**GOOD, "instruction": "\ud800"},
        {**GOOD, "instruction": "\ud801"},
    ]  # fmt: skip
    assert len({sample.content_key(record) for record in different}) == len(different)


def test_ids_of_calls_and_nulls_do_not_count():
    one = {**GOOD, "messages": [message("assistant", tool_calls=[call(id="1")])], "input": None}
    two = {
        **GOOD,
        "messages": [message("assistant", tool_calls=[call(id="2")], reasoning_content="r")],
        "input": "",
    }
    assert sample.content_key(one) == sample.content_key(two)
    assert sample.content_key({**GOOD, "messages": None}) == sample.content_key({**GOOD, "messages": []})


@given(records, records)
def test_equal_keys_mean_equal_content(first, second):
    if sample.check(first) or sample.check(second):
        return

    def content(record):
        told = []
        for message in record.get("messages") or ():
            calls = [call["function"] for call in message.get("tool_calls") or ()]
            told.append((message["role"], message["content"], [(c["name"], c["arguments"]) for c in calls]))
        return record["instruction"], record.get("input") or "", record["output"], told

    assert (sample.content_key(first) == sample.content_key(second)) == (content(first) == content(second))
