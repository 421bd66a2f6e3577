"""What the redactor raises: nothing but Unclean, whatever the value; and what note() keeps."""

from __future__ import annotations

import contextlib
import json
from collections import Counter

import pytest
from afs import jsonl
from afs.redact import Redactor, Unclean, redact_line, whole
from afs.redact.findings import check
from afs.redact.lines import note
from afs.redact.rules import joined
from hypothesis import given, settings
from hypothesis import strategies as st

REDACTOR = Redactor()
TOKEN = joined(["ghp_", "<b62*36>"])


def noted(there):
    record = {"a": TOKEN, "_metadata": {"redactions": there}}
    out, _ = redact_line(REDACTOR, json.dumps(record).encode(), record)
    return json.loads(out)["_metadata"]["redactions"]


# --- note -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("there", [5, 1.5, True, "A:1", {"A:1": 2}, None])
def test_what_is_no_list_is_replaced(there):
    assert noted(there) == ["GITHUB_TOKEN:1"]


@pytest.mark.parametrize(
    "entry",
    [
        "A:²",
        "A:٣",
        "names removed by hand",
        "see notes.md:12",
        "A:" + "9" * 5000,
        ":1",
        "a:b",
        "A:",
        7,
        None,
        ["A:1"],
        {},
    ],
)
def test_an_entry_that_is_no_count_is_kept(entry):
    assert noted([entry, "EMAIL:2", entry]) == ["EMAIL:2", "GITHUB_TOKEN:1", entry, entry]


def test_counts_are_added_up():
    assert noted(["GITHUB_TOKEN:2", "EMAIL:1", "GITHUB_TOKEN:03"]) == ["EMAIL:1", "GITHUB_TOKEN:6"]


@pytest.mark.parametrize("metadata", [None, [], "text", 5])
def test_metadata_that_is_no_object_stays(metadata):
    record = {"output": TOKEN, "_metadata": metadata}
    out, _ = redact_line(REDACTOR, json.dumps(record).encode(), record)
    assert json.loads(out) == {"output": "REDACTED_GITHUB_TOKEN_1", "_metadata": metadata}


def test_metadata_without_redactions_gets_them():
    record = {"output": TOKEN, "_metadata": {}}
    out, _ = redact_line(REDACTOR, json.dumps(record).encode(), record)
    assert json.loads(out)["_metadata"] == {"redactions": ["GITHUB_TOKEN:1"]}


def test_note_is_under_the_guard():
    with pytest.raises(Unclean) as caught:
        note({"_metadata": {}}, {TOKEN: 1, 5: 1})
    assert TOKEN not in str(caught.value)
    assert caught.value.__suppress_context__


# --- depth and faults -------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [*range(300, 1100, 50), *range(900, 1020), 5000, 100_000])
def test_a_line_of_any_depth_is_read_or_unclean(depth):
    line = b'{"a": ' + b"[" * depth + b"1" + b"]" * depth + b"}"
    with contextlib.suppress(jsonl.Bad):
        record = jsonl.decode(line)
        for work in (lambda: whole(line, record), lambda: redact_line(REDACTOR, line, record)):
            with contextlib.suppress(Unclean):
                work()


def test_a_line_that_does_not_belong_shows_nothing():
    line = b'{"a":"' + TOKEN.encode()
    for work in (lambda: whole(line, {"a": 1}), lambda: redact_line(REDACTOR, line, {"a": TOKEN, "b": 1.5})):
        with pytest.raises(Unclean) as caught:
            work()
        assert TOKEN not in str(caught.value)
        assert caught.value.__suppress_context__


def test_faults_of_any_type_are_closed(monkeypatch):
    for fault in (AssertionError, RuntimeError, OSError, RecursionError, MemoryError, UnicodeError):

        def broken(text, fault=fault):
            raise fault(text)

        redactor = Redactor()
        monkeypatch.setattr(redactor._scanner, "look", broken)
        with pytest.raises(Unclean) as caught:
            redactor.redact([TOKEN])
        assert TOKEN not in str(caught.value)


# --- any value --------------------------------------------------------------------------------------

texts = st.text(max_size=12) | st.sampled_from(
    [
        TOKEN,
        f"password={TOKEN}",
        "\ud800",
        "A:²",
        "A:1",
        "EMAIL:" + "9" * 30,
        "-p",
        "--token",
        "name",
        "value",
    ]
)
scalars = texts | st.none() | st.booleans() | st.integers() | st.floats()
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=10,
)
samples = st.builds(
    lambda record, metadata: {**record, "_metadata": metadata},
    st.dictionaries(texts, values, max_size=3),
    values | st.builds(lambda there: {"redactions": there}, values | st.lists(values, max_size=5)),
)


@settings(max_examples=1000, deadline=None)
@given(samples | values)
def test_nothing_but_unclean_is_raised(value):
    line = json.dumps(value).encode()
    works = [
        lambda: REDACTOR.redact(value),
        lambda: check(REDACTOR, value),
        lambda: redact_line(REDACTOR, line, value),
        lambda: whole(line, value),
        lambda: note(value, Counter(X=1)),
    ]
    for work in works:
        try:
            work()
        except Unclean as error:
            assert TOKEN not in str(error)
        except jsonl.Bad as error:  # a number of the line that would change: redact_line says so
            assert error.reason in ("number", "nan")
            assert work is works[2]
