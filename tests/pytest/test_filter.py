"""The conditions of afs-filter, and what a jq expression can and cannot see."""

from __future__ import annotations

import os

import pytest
from afs import jsonl
from afs.curate import where
from conftest import load
from hypothesis import given
from hypothesis import strategies as st

filters = load("afs-filter")
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def holds(expression, record):
    line = jsonl.encode(record)
    return where.compile(expression)(line, record)


@pytest.mark.parametrize(
    ("score", "reason"),
    [(0.5, ""), (1, ""), (0.49, "min-score"), (0, "min-score"), (None, "no-score")],
)
def test_a_score_reaches_the_least_or_not(score, reason):
    assert filters.scores(0.5)(b"", {"quality_score": score}) == reason
    assert filters.scores(0.5)(b"", {}) == "no-score"


@pytest.mark.parametrize("score", ["0.9", True, [], {}])
def test_a_score_of_another_type_is_bad(score):
    with pytest.raises(jsonl.Bad) as caught:
        filters.scores(0.5)(b"", {"quality_score": score})
    assert caught.value.reason == "not-sample"


@given(value=json_values)
def test_a_field_is_there_unless_it_is_null_or_empty(value):
    empty = value is None or (isinstance(value, str | list | dict) and not value)
    assert filters.has("a.b")(b"", {"a": {"b": value}}) == ("lacks-a.b" if empty else "")


@pytest.mark.parametrize("record", [{}, {"a": None}, {"a": "b"}, {"a": [{"b": 1}]}, {"a.b": 1}])
def test_a_path_goes_through_objects_only(record):
    assert filters.has("a.b")(b"", record) == "lacks-a.b"


def test_characters_are_code_points():
    record = {"instruction": "\U0001f600", "input": None, "output": "e\u0301", "thinking": "x" * 99}
    assert filters.at_most(3)(b"", record) == ""
    assert filters.at_most(2)(b"", record) == "max-chars"


@given(record=st.dictionaries(st.text(), json_values, max_size=4))
def test_any_record_goes_through_jq(record):
    line = jsonl.encode(record)
    assert where.compile("true")(line, record) is True
    assert where.compile('type == "object"')(line, record) is True
    assert where.compile(".[]?")(line, record) == any(
        value is not None and value is not False for value in record.values()
    )


@pytest.mark.parametrize(
    ("expression", "kept"),
    [
        (".a", True), (".b", False), ("empty", False), ("false, 0", True), ("null, false", False),
        ('.a == "x"', True), (".a # comment", True), ("def f: .a; f", True), (". as $r | $r.a", True),
        ("repeat(1)", True), ('"\\(.a)%s"', True),
    ],
)  # fmt: skip
def test_any_output_that_is_true_keeps(expression, kept):
    assert holds(expression, {"a": "x", "b": False}) is kept


@pytest.mark.parametrize(
    "expression", ["", ".a[", "nosuch", "$nosuch", 'include "a"; .', 'import "a" as a; .']
)
def test_what_does_not_compile_is_a_value_error_without_a_traceback(expression):
    with pytest.raises(ValueError, match=r"^[^\n]+$"):
        where.compile(expression)


@pytest.mark.parametrize(
    "expression", [".a.b", "error", "error(.a)", "error(null)", "input", '"m" | modulemeta', ".a | fromjson"]
)
def test_a_failure_is_a_bad_record_that_quotes_nothing(expression):
    with pytest.raises(jsonl.Bad) as caught:
        holds(expression, {"a": "SECRET"})
    assert caught.value.reason == "where"
    assert "SECRET" not in caught.value.what
    assert caught.value.__cause__ is None


def test_the_environment_is_hidden_for_good_and_not_lost(tmp_path, monkeypatch):
    (tmp_path / ".jq").write_text('def leak: "leaked";')
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AFS_TEST_SECRET", "visible")
    before = dict(os.environ)
    asks = where.compile("(env, $ENV) | length > 0")
    assert dict(os.environ) == before
    for _ in range(3):
        assert asks(b"{}", {}) is False
    # While an iterator of the same program lives, jq.py compiles it anew: nothing may show then either.
    nested = where.compile("(env, $ENV) | length > 0")
    assert [nested(b"{}", {}), asks(b"{}", {})] == [False, False]
    with pytest.raises(ValueError, match="leak/0 is not defined"):
        where.compile("leak")
    assert dict(os.environ) == before
    with pytest.raises(ValueError, match="import"):
        where.compile(f'import "m" as m {{search:"{tmp_path}"}}; .')
    assert dict(os.environ) == before


def test_a_condition_that_ends_early_leaves_the_next_record_alone():
    asks = where.compile("(.a, error)")
    for _ in range(3):
        assert asks(b'{"a":1}', {"a": 1}) is True
        with pytest.raises(jsonl.Bad):
            asks(b'{"a":false}', {"a": False})


def test_lone_surrogates_are_text_for_jq_too():
    line = b'{"a":"x\\ud83d"}'
    assert where.compile('.a | startswith("x") and length == 2')(line, jsonl.decode(line)) is True


def test_jq_is_loaded_for_where_alone(shell):
    script = (
        "import sys; sys.argv = ['afs-filter', '-q', *sys.argv[2:]];"
        "from conftest import load; load('afs-filter').main(sys.argv[1:]); print('jq' in sys.modules)"
    )
    shell.env["PYTHONPATH"] = f"{os.path.dirname(__file__)}:{os.path.dirname(__file__)}/../../lib"
    for options, loaded in ((["--min-score", "0.1"], b"False\n"), (["--where", ".a"], b"True\n")):
        done = shell.run("python3", "-c", script, "x", *options, stdin=b"")
        assert done.stdout == loaded, done.stderr
