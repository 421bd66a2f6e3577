"""Antigravity's databases: the steps of a conversation, whatever wrote them, and the summaries of the IDE."""

from __future__ import annotations

import base64
import json
import os
import random
import sqlite3
import tempfile

import pytest
import talks
from afs.logs import antigravity, samples, sqlite
from afs.logs.antigravity import db as antigravity_db
from afs.logs.antigravity import state as antigravity_state
from hypothesis import given, settings
from hypothesis import strategies as st
from write_antigravity_db import (
    FORMS,
    MODEL,
    SYSTEM,
    Book,
    begun,
    forked,
    message,
    put,
    state,
    summaries,
    varint,
    write,
)

OWN = Book().name
OTHER = "9c000000-0000-4000-8000-00000000000f"


def read(path):
    """(Db, notes) of a database."""
    noted = []
    db = antigravity_db.steps(str(path), lambda kind, path, line, detail: noted.append((kind, line, detail)))
    return db, noted


def told(book, tmp_path, **more):
    db, noted = read(book.save(tmp_path, **more))
    assert not noted
    return db


def one(tmp_path, kind, payload, **more):
    """The one step of a database."""
    book = Book()
    book.tell(kind, payload, **more)
    return told(book, tmp_path).steps[0]


CALL = {1: "call_1", 2: "run_command", 3: '{"CommandLine":"ls"}'}


# --- steps ------------------------------------------------------------------------------------------


def test_a_conversation_of_four_steps(tmp_path):
    book = Book()
    book.tell(14, {19: {2: "List the files."}}, 4)
    call = {1: "c1", 2: "list_dir", 3: '{"DirectoryPath":"/w"}'}
    book.tell(15, {20: {1: "I look.", 3: "Listing.", 7: [call]}}, usage={2: 10, 3: 5, 5: 90})
    book.tell(132, {140: {2: {1: '{"name":"a.txt"}'}}}, call=call)
    book.tell(15, {20: {1: "There is a.txt."}})
    book.generations = [
        {1: {19: "x-1", 21: "X One (High)"}, 2: varint(1) + varint(3)},
        {1: {19: "x-2"}, 2: varint(9)},
    ]
    book.about = {1: {1: "file:///home/dana/src/k%C3%B6ln"}, 2: {1: 1782468970}, 7: ["file:///other"]}
    db = told(book, tmp_path)
    rows = [(step.index, step.source, step.type, step.status, step.content) for step in db.steps]
    assert rows == [
        (0, "USER_EXPLICIT", "USER_INPUT", "DONE", "List the files."),
        (1, "MODEL", "PLANNER_RESPONSE", "DONE", "I look."),
        (2, "MODEL", "GENERIC", "DONE", '{"name":"a.txt"}'),
        (3, "MODEL", "PLANNER_RESPONSE", "DONE", "There is a.txt."),
    ]
    planner = db.steps[1]
    assert planner.thinking == "Listing."
    assert [(made.id, made.name, json.loads(made.arguments)) for made in planner.calls] == [
        ("c1", "list_dir", {"DirectoryPath": "/w"})
    ]
    assert db.steps[2].call_id == "c1"
    assert planner.created == "2026-06-26T10:16:22Z" and planner.line == 2
    assert (db.cwd, db.model, db.version) == ("/home/dana/src/köln", "x-2", "db-1")
    assert (db.created, db.parent, db.subagent) == ("2026-06-26T10:16:10Z", "", False)
    assert db.models == {1: "X One (High)", 3: "X One (High)", 9: "x-2"}
    assert db.tokens == {1: (100, 5)} and db.origins == {} and db.guessed == set()


@pytest.mark.parametrize(
    "asked, typed",
    [
        ({2: "b", 1: "a"}, "b"),
        ({3: [{1: "b "}, {2: {1: "file:///x"}}, {1: "c"}], 1: "a"}, "b c"),
        ({1: "a"}, "a"),
        ({5: {1: "aGk=", 2: "image/png"}}, ""),
        ({2: "déjà vu 🙂\n<USER_REQUEST>", 3: {1: "x"}}, "déjà vu 🙂\n<USER_REQUEST>"),
    ],
)
def test_what_a_person_typed(tmp_path, asked, typed):
    step = one(tmp_path, 14, {19: asked}, source=4)
    assert (step.content, step.source) == (typed, "USER_EXPLICIT")


@pytest.mark.parametrize(
    "kind, payload, text",
    [
        (21, {28: {21: {1: "full", 2: "cut"}, 4: "old"}}, "full"),
        (21, {28: {19: {1: "stream"}, 4: "old"}}, "stream"),
        (21, {28: {4: "old"}}, "old"),
        (21, {28: {2: "the command line itself"}}, ""),
        (25, {34: {11: "raw", 8: "failed"}}, "raw"),
        (25, {34: {8: "failed"}}, "failed"),
        (8, {140: {2: {1: "generic"}}}, "generic"),
        (132, {140: {2: {1: ""}, 3: {2: "a payload that is no result"}}}, ""),
        (103, {116: {4: [{1: "x/ToolResponse", 2: {1: "view", 2: '{"a":1}'}}, {2: {2: "b"}}]}}, '{"a":1}\nb'),
    ],
)
def test_what_a_tool_gave_back(tmp_path, kind, payload, text):
    step = one(tmp_path, kind, payload, call=CALL)
    assert (step.content, step.call_id, step.source) == (text, "call_1", "MODEL")
    assert step.truncated == frozenset()


def test_an_output_that_the_client_cut_says_so(tmp_path):
    step = one(tmp_path, 21, {28: {21: {2: "cut"}}}, call=CALL)
    assert (step.content, step.truncated) == ("cut", {"content"})


@pytest.mark.parametrize("kind", [8, 7, 101])
def test_a_tool_step_is_told_by_its_call_and_not_by_its_type(tmp_path, kind):
    step = one(
        tmp_path,
        kind,
        {77: {1: "short", 4: "the longest text, größer", 6: {1: "inner"}}},
        call=CALL,
        source=0,
    )
    assert step.source == "MODEL" and step.call_id == "call_1"
    if kind != 101:
        assert step.content == "the longest text, größer"


def test_a_result_in_a_field_that_nobody_knows_is_the_longest_text_and_marked(tmp_path):
    book = Book()
    shot = base64.b64encode(bytes(900)).decode()
    long_error = {3: "words " * 99}
    book.tell(
        8,
        {14: {1: "file:///w/main.py", 4: "print('größe')\n" * 3, 9: {1: shot}}},
        call=CALL,
        error=long_error,
    )
    db = told(book, tmp_path)
    assert db.steps[0].content == "print('größe')\n" * 3
    assert db.guessed == {0} and db.steps[0].truncated == {"content"}


@pytest.mark.parametrize(
    "status, name", [(1, "PENDING"), (2, "RUNNING"), (8, "GENERATING"), (9, "WAITING"), (11, "QUEUED")]
)
def test_nothing_is_guessed_of_a_step_in_flight(tmp_path, status, name):
    step = one(tmp_path, 8, {14: {1: "file:///w/main.py"}}, call=CALL, status=status)
    assert (step.content, step.status) == ("", name)


def test_errors(tmp_path):
    book = Book()
    book.tell(
        132, {140: {1: "x"}}, call=CALL, status=7, error={3: "no such file: ünï", 2: "short", 1: "sorry"}
    )
    book.tell(17, {24: {3: {1: "quota", 2: "resource exhausted"}}}, SYSTEM, status=7)
    book.tell(132, {140: {2: {1: "exit 1"}}}, call=CALL, status=7, error={1: "failed"})
    book.tell(8, {14: {1: "file:///w/x"}}, call=CALL, status=7)
    rows = [(step.status, step.content, step.error) for step in told(book, tmp_path).steps]
    assert rows == [
        ("ERROR", "no such file: ünï", "no such file: ünï"),
        ("ERROR", "resource exhausted", "resource exhausted"),
        ("ERROR", "exit 1", "failed"),
        ("ERROR", "", ""),
    ]


def test_what_the_client_says_is_of_the_system(tmp_path):
    book = Book()
    for kind, number in ((90, 103), (98, 111), (101, 114)):
        book.tell(kind, {number: {1: f"said {kind}"}}, SYSTEM)
    book.tell(101, {114: {1: "by itself"}}, 0)
    steps = told(book, tmp_path).steps
    assert [step.content for step in steps] == ["said 90", "said 98", "said 101", "by itself"]
    assert {step.source for step in steps} == {"SYSTEM"}
    assert [step.type for step in steps][:3] == [
        "EPHEMERAL_MESSAGE",
        "CONVERSATION_HISTORY",
        "SYSTEM_MESSAGE",
    ]


def test_the_columns_go_before_the_payload_and_may_be_missing(tmp_path):
    path = str(tmp_path / f"{OWN}.db")
    base = sqlite3.connect(path)
    base.execute("CREATE TABLE steps(idx INTEGER PRIMARY KEY, step_payload BLOB)")
    base.execute("PRAGMA user_version=1")
    values = {1: 21, 4: 7, 5: {1: {1: 60}, 4: CALL}, 28: {4: "out"}, 31: {3: "bad"}}
    base.execute("INSERT INTO steps VALUES(5, ?)", (message(values),))
    base.commit()
    base.close()
    db, noted = read(path)
    (step,) = db.steps
    assert (step.index, step.type, step.status, step.error) == (5, "RUN_COMMAND", "ERROR", "bad")
    assert (step.call_id, step.created, step.content) == ("call_1", "1970-01-01T00:01:00Z", "out")
    assert noted == [] and db.created == step.created


@pytest.mark.parametrize(
    "arguments, found", [("", {}), ("[1]", {"input": "[1]"}), ("{bad", {"input": "{bad"})]
)
def test_arguments_that_are_no_object(tmp_path, arguments, found):
    step = one(tmp_path, 15, {20: {7: {1: "c", 2: "t", 3: arguments}}})
    assert json.loads(step.calls[0].arguments) == found


@pytest.mark.parametrize(
    "seconds, stamp", [(0, ""), (253402300799, "9999-12-31T23:59:59Z"), (253402300800, ""), (1 << 63, "")]
)
def test_times(seconds, stamp):
    assert antigravity_db.stamp(antigravity_db.Message(message({1: seconds}))) == stamp


@pytest.mark.parametrize(
    "uri, path",
    [
        ("file:///home/d/a%20b", "/home/d/a b"),
        ("file:///C:/x", "C:/x"),
        ("file:///c%3A/x", "c:/x"),
        ("file://localhost/x", "/x"),
        ("file://host/share", "//host/share"),
        ("/plain/x%20y", "/plain/x%20y"),
        ("vscode-remote://wsl%2Bubuntu/home/d/x", "/home/d/x"),
        ("", ""),
    ],
)
def test_workspaces(uri, path):
    assert antigravity_db.folder(uri) == path


# --- lineage ----------------------------------------------------------------------------------------


def test_a_sub_agent_names_its_parent(tmp_path):
    book = Book(about={5: OTHER, 17: 1})
    book.parents = [{1: "t", 2: 3, 5: 6, 6: "another"}]
    db = told(book, tmp_path)
    assert (db.parent, db.subagent) == (OTHER, True)


def test_a_fork_names_the_newest_other_conversation_and_its_steps_their_origin(tmp_path):
    book = Book()
    book.tell(14, {19: {2: "a"}}, 4, home=OTHER)
    book.tell(14, {19: {2: "b"}}, 4)
    book.parents = [
        {1: "t", 2: 1, 5: 2, 6: "older"},
        {1: "t", 2: 3, 5: 2, 6: OTHER},
        {1: "t", 2: 3, 5: 2, 6: OWN},
        {1: "t", 2: 3, 5: 3, 6: "no fork"},
    ]
    db = told(book, tmp_path)
    assert (db.parent, db.subagent, db.origins) == (OTHER, False, {0: OTHER})


# --- what may be wrong ------------------------------------------------------------------------------


def test_blobs_as_decimal_text(tmp_path):
    book = Book(about={1: {1: "file:///w"}})
    book.tell(15, {20: {1: "größe"}})
    book.tell(132, {140: {2: {1: "r"}}}, call=CALL, status=7, error={3: "e"})
    book.generations = [{1: {21: "X"}, 2: 0}]
    plain, decimal = told(book, tmp_path / "a"), told(book, tmp_path / "b", decimal=True)
    for step in (*plain.steps, *decimal.steps):
        step.path = ""
    assert plain == decimal and plain.steps[1].content == "r"
    assert antigravity_db._blob(bytearray(b"[10, 165,1]")) == bytes((10, 165, 1))


@pytest.mark.parametrize("value", [b"\x0a\xff", "no blob", "10,300", "1.5", "1" * 70, 5])
def test_one_bad_step_is_named_and_the_others_are_read(tmp_path, value):
    book = Book()
    for text in ("a", "b", "c"):
        book.tell(15, {20: {1: text}})
    path = book.save(tmp_path)
    base = sqlite3.connect(path)
    base.execute("UPDATE steps SET step_payload = ? WHERE idx = 1", (value,))
    base.commit()
    base.close()
    db, noted = read(path)
    assert [step.content for step in db.steps] == ["a", "c"]
    ((kind, line, detail),) = noted
    assert (kind, line) == ("bad", 2) and "cannot be read" in detail


@pytest.mark.parametrize("field", [19, 20, 140])
def test_text_that_is_no_utf8_is_an_error_and_never_mojibake(tmp_path, field):
    inner = put(1, "d\xe9j\xe0 vu".encode("latin-1"))
    book = Book()
    book.tell({19: 14, 20: 15, 140: 132}[field], {field: put(2, inner) if field == 140 else inner})
    db, noted = read(book.save(tmp_path))
    assert db.steps == [] and noted == [("bad", 1, "a step that cannot be read: text that is no UTF-8")]


def test_rows_of_the_other_tables_may_be_bad(tmp_path):
    book = Book()
    book.tell(14, {19: {2: "a"}}, 4)
    path = book.save(tmp_path)
    base = sqlite3.connect(path)
    base.execute("UPDATE trajectory_metadata_blob SET data = ?", (put(5, b"\xff"),))
    base.execute("INSERT INTO gen_metadata VALUES(0, x'0aff', 2)")
    base.execute("INSERT INTO parent_references VALUES(0, ?)", (put(5, 2) + put(6, b"\xff"),))
    base.execute("DROP TABLE executor_metadata")
    base.commit()
    base.close()
    db, noted = read(path)
    assert len(db.steps) == 1 and db.parent == db.model == db.cwd == ""
    assert [detail.split(" that")[0] for _, _, detail in noted] == [
        "a row of trajectory_metadata_blob",
        "a row of gen_metadata",
        "a row of parent_references",
    ]


def test_what_is_new_is_named_and_read_as_far_as_it_is_known(tmp_path):
    book = Book(version=7)
    book.tell(14, {19: {2: "a"}}, 4)
    book.tell(999, {400: {1: "news of a tool"}}, MODEL, status=77, call=CALL)
    db, noted = read(book.save(tmp_path))
    assert [(step.type, step.status, step.content) for step in db.steps] == [
        ("USER_INPUT", "DONE", "a"),
        ("STEP_999", "STATUS_77", "news of a tool"),
    ]
    assert noted == [
        ("unknown", 0, "a database of version 7"),
        ("unknown", 2, "step type 999"),
        ("unknown", 2, "step status 77"),
    ]
    assert db.version == "db-7"


def test_a_step_and_a_conversation_that_are_too_large(tmp_path, monkeypatch):
    book = Book()
    book.tell(15, {20: {1: "x" * 5000}})
    book.tell(15, {20: {1: "small"}})
    path = book.save(tmp_path)
    monkeypatch.setattr(antigravity_db, "MOST_STEP", 4000)
    db, noted = read(path)
    assert [step.content for step in db.steps] == ["small"]
    assert noted[0][:2] == ("bad", 1) and noted[0][2].startswith("a step of 5")
    monkeypatch.setattr(antigravity_db, "MOST_STEP", 1 << 20)
    monkeypatch.setattr(antigravity_db, "MOST_HELD", 4000)
    assert read(path) == (None, [("skipped", 0, "a conversation of more than 4000 bytes")])


@pytest.mark.parametrize(
    "schema",
    ["CREATE TABLE x(y)", "CREATE TABLE steps(idx)", "CREATE VIEW steps AS SELECT 1 idx, 2 step_payload"],
)
def test_a_database_without_steps(tmp_path, schema):
    path = str(tmp_path / "a.db")
    base = sqlite3.connect(path)
    base.execute(schema)
    base.commit()
    base.close()
    assert read(path) == (None, [("bad", 0, "a database without a table of steps")])


def test_files_that_are_none(tmp_path):
    (tmp_path / "zeros.db").write_bytes(bytes(8192))
    (tmp_path / "secret.db").write_bytes(random.Random(1).randbytes(8192))
    (tmp_path / "empty.db").write_bytes(b"")
    assert read(tmp_path / "zeros.db") == (None, [("bad", 0, "a file of zeros")])
    assert read(tmp_path / "secret.db") == (None, [("skipped", 0, "no database, or an encrypted one")])
    assert read(tmp_path / "empty.db") == (None, [("bad", 0, "an empty file")])
    with pytest.raises(OSError):
        read(tmp_path / "absent.db")


def test_what_is_read_twice_is_noted_once(tmp_path, monkeypatch):
    path = Book(version=9).save(tmp_path)
    real = antigravity_db._Reader.read
    calls = []

    def read_and_write(self, connection):
        found = real(self, connection)
        if not calls:
            base = sqlite3.connect(path)
            base.execute("INSERT INTO steps(idx, step_type, status) VALUES(0, 14, 3)")
            base.commit()
            base.close()
        calls.append(found)
        return found

    monkeypatch.setattr(antigravity_db._Reader, "read", read_and_write)
    db, noted = read(path)
    assert (len(calls), len(db.steps), noted) == (2, 1, [("unknown", 0, "a database of version 9")])


def test_a_step_without_a_payload_is_an_empty_one(tmp_path):
    path = Book().save(tmp_path)
    base = sqlite3.connect(path)
    base.execute("INSERT INTO steps(idx, step_type, status) VALUES(3, 15, 8)")
    base.commit()
    base.close()
    db, noted = read(path)
    assert [(step.type, step.status, step.content) for step in db.steps] == [
        ("PLANNER_RESPONSE", "GENERATING", "")
    ]
    assert noted == []


def test_the_folder_is_told_before_any_step_is_looked_at(tmp_path):
    book = Book(about={1: {1: "file:///w"}})
    book.tell(14, {19: {2: "a"}}, 4)
    path = book.save(tmp_path)
    base = sqlite3.connect(path)
    base.execute("DROP TABLE steps")
    base.commit()
    base.close()
    assert antigravity_db.workspace(path) == "/w"
    (tmp_path / "zeros.db").write_bytes(bytes(9999))
    assert antigravity_db.workspace(str(tmp_path / "zeros.db")) == ""
    assert antigravity_db.workspace(str(tmp_path / "absent.db")) == ""


def test_rows_that_are_only_in_the_wal_count(tmp_path):
    book = Book()
    for number in range(600):  # more than a page of rows
        book.tell(15, {20: {1: f"said {number}"}})
    path = book.save(tmp_path, live=True)
    before = sorted(os.listdir(tmp_path))
    assert f"{OWN}.db-wal" in before
    db, noted = read(path)
    assert [step.content for step in db.steps] == [f"said {number}" for number in range(600)]
    assert sorted(os.listdir(tmp_path)) == before and noted == []
    book.connection.close()


def test_wrong_bytes_raise_nothing(tmp_path):
    dice = random.Random(11)
    path = write(talks.talk(dice, 4), dice, tmp_path, "kinds")
    whole = open(path, "rb").read()  # noqa: SIM115
    found = set()
    for _ in range(200):
        data = bytearray(whole)
        for _ in range(dice.choice((1, 3, 60))):
            data[dice.randrange(len(data))] = dice.randrange(256)
        with open(path, "wb") as file:
            file.write(data)
        db, noted = read(path)
        found.add((db is None, bool(noted)))
    assert {(True, True), (False, True), (False, False)} <= found


# --- all that was said comes back -------------------------------------------------------------------


def expected(talk):
    """The steps that a database holds of a Talk, without the noise; results in the order of their calls."""
    rows = []
    for turn in talk.exchanges:
        if turn.fate == "taken-back":
            continue
        rows.append(("USER_INPUT", turn.question))
        for step in turn.steps:
            calls = [(call.id, call.name, call.arguments) for call in step.calls]
            rows.append(("PLANNER_RESPONSE", step.text, step.thought, calls))
            rows += sorted(("result", call.id, call.result) for call in step.calls if call.result is not None)
        if turn.fate == "kept":
            rows.append(("PLANNER_RESPONSE", turn.answer, turn.thought, []))
    return rows


def recovered(db):
    rows, results = [], []
    for step in db.steps:
        if step.source == "SYSTEM" or step.status == "CANCELED":
            continue
        if step.call_id:
            results.append(("result", step.call_id, step.content))
            continue
        rows += sorted(results)
        results = []
        if step.type == "USER_INPUT":
            rows.append((step.type, step.content))
        else:
            calls = [(call.id, call.name, json.loads(call.arguments)) for call in step.calls]
            rows.append((step.type, step.content, step.thinking, calls))
    return rows + sorted(results)


def exported(folder):
    """What the samples of a home would tell, each once, as the engine chooses them."""
    known, found = set(), []
    for group in antigravity.find(folder):
        for talk in antigravity.parse(group, lambda *note: None):
            for turn in talk.turns:
                name = samples.turn_id(talk, turn)
                if talk.subagent or name in known or samples.why_not(turn):
                    continue
                known.add(name)
                rows = samples.chat(turn)[: samples.final(turn) + 1]
                row = {"instruction": rows[0]["content"], "output": rows[-1]["content"], "messages": rows}
                found.append((row, turn.flags))
    return found


def holds(seed, form):
    dice = random.Random(seed)
    talk, more = talks.talk(dice), talks.talk(dice, 2)
    decimal = dice.random() < 0.2
    told = talks.told(talk)
    with tempfile.TemporaryDirectory() as root:
        folder = os.path.join(root, "antigravity-cli", "conversations")
        book, begins = begun(talk, dice, form)
        path = book.save(folder, decimal)
        db, noted = read(path)
        assert recovered(db) == expected(talk)
        assert (db.cwd, db.model) == (talk.cwd, talk.model if db.models else "")
        assert [one for one in noted if one[0] == "bad"] == []
        if dice.random() < 0.3:  # another conversation goes on from one of the turns
            forked(book, begins, more, dice, form).save(folder, decimal)
            told += talks.told(more)
        found = exported(root)
        assert sorted(talks.recovered([row for row, _ in found]), key=str) == sorted(told, key=str), seed
        for row, flags in found:
            (turn,) = (
                turn for turn in (*talk.exchanges, *more.exchanges) if turn.question == row["instruction"]
            )
            assert ("after_compaction" in flags) >= turn.compacted


@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=50)
@given(seed=st.integers(0, 2**32))
def test_every_turn_comes_back_as_it_was_told(form, seed):
    holds(seed, form)


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
@settings(max_examples=2000)
@given(seed=st.integers(0, 2**32))
def test_every_turn_of_many_comes_back(form, seed):
    holds(seed, form)


# --- summaries --------------------------------------------------------------------------------------

TASK = {
    "TaskName": "Fixing the parser",
    "Mode": "EXECUTION",
    "TaskSummary": "Found the slice.",
    "TaskStatus": "Testing",
}
SAID = {"Message": "déjà vu: it is fixed 🙂", "PathsToReview": ["/etc/passwd"], "BlockedOnUser": True}
SUMMARY = {
    1: "Parser",
    2: 12,
    3: {1: 1767000000},
    7: {1: 1766000000},
    9: {1: "file:///home/dana/app"},
    40: {1: json.dumps(TASK)},
    41: {1: json.dumps(SAID, ensure_ascii=False)},
}


def mined(path):
    noted = []
    found = antigravity_state.conversations(str(path), lambda *note: noted.append((note[0], *note[2:])))
    return list(found), noted


def kept(tmp_path, summary, name="state.vscdb"):
    """(question, answer, flags, context) of each turn of one summary."""
    path = tmp_path / name
    path.unlink(missing_ok=True)
    (talk,), noted = mined(state(path, {antigravity_state.KEYS[0]: summaries({OWN: summary}, True)}))
    assert noted == []
    return [
        (turn.messages[0].content, turn.messages[1].content, turn.flags, turn.context) for turn in talk.turns
    ]


@pytest.mark.parametrize("coded", [True, False])
def test_a_summary_is_a_conversation(tmp_path, coded):
    data = summaries({OWN: {**SUMMARY, 10: "Fix the parser, größer\n"}}, coded)
    if coded:
        path = state(tmp_path / "state.vscdb", {"unifiedStateSync.trajectorySummaries": data.decode()})
    else:
        path = tmp_path / "agyhub_summaries_proto.pb"
        path.write_bytes(data)
    (talk,), noted = mined(path)
    (turn,) = talk.turns
    assert noted == []
    assert (talk.source, talk.id, talk.cwd) == ("antigravity", OWN, "/home/dana/app")
    assert [(said.role, said.content) for said in turn.messages] == [
        ("user", "Fix the parser, größer"),
        ("assistant", SAID["Message"]),
    ]
    assert turn.context == "Fixing the parser\n\nFound the slice."
    assert (turn.timestamp, turn.flags, samples.why_not(turn)) == ("2025-12-29T09:20:00Z", set(), "")


def test_without_the_input_the_task_is_the_question_and_flagged(tmp_path):
    assert kept(tmp_path, SUMMARY) == [
        ("Fixing the parser", SAID["Message"], {"synthetic_prompt"}, "Found the slice.")
    ]
    nameless = {**SUMMARY, 40: {1: json.dumps({"TaskSummary": "Found it."})}}
    assert kept(tmp_path, nameless)[0][0] == "Found it."
    assert kept(tmp_path, {**SUMMARY, 40: b""})[0][0] == "Parser"
    assert kept(tmp_path, {**SUMMARY, 40: b"", 1: ""})[0][0] == ""


def test_each_answer_is_a_turn_and_same_is_what_was_said_before(tmp_path):
    rows = [
        {"TaskName": "One", "TaskSummary": "s1"},
        {"Message": "m1"},
        {"TaskName": "%SAME%", "TaskSummary": "s2"},
        {"Message": "m2"},
        {"Message": "m2"},  # the same row once more
        {"TaskName": "Two", "TaskSummary": "%SAME%"},
        {"Message": "m3"},
        {"TaskName": "After", "TaskSummary": "later"},
    ]
    data = b"".join(put(40 + at % 2, message({1: json.dumps(row)})) for at, row in enumerate(rows))
    path = tmp_path / "state.vscdb"
    entry = message({1: OWN, 2: {1: base64.b64encode(data + put(10, "typed"))}})
    (talk,), _ = mined(state(path, {antigravity_state.KEYS[0]: base64.b64encode(put(1, entry))}))
    found = [(turn.messages[0].content, turn.messages[1].content, turn.context) for turn in talk.turns]
    assert found == [("One", "m1", "s1"), ("One", "m2", "s2"), ("typed", "m3", "Two\n\ns2")]
    assert [turn.ordinal for turn in talk.turns] == [0, 1, 2]
    assert len({turn.native_id for turn in talk.turns}) == 3


@pytest.mark.parametrize(
    "wrapped",
    [
        {50: {3: {1: json.dumps(SAID, ensure_ascii=False)}}},
        {50: 'some words {"x": {} and then ' + json.dumps(SAID)},
        {50: json.dumps({"name": "notify_user", "args": SAID})},
        {50: json.dumps([{"argumentsJson": json.dumps(SAID)}])},
        {50: base64.b64encode(message({4: json.dumps(SAID), 5: "x" * 40}))},
    ],
)
def test_the_arguments_are_found_wherever_they_stand(tmp_path, wrapped):
    assert [row[1] for row in kept(tmp_path, {**wrapped, 10: "typed"})] == [SAID["Message"]]


def test_a_long_summary_of_the_task_is_cut_with_a_mark(tmp_path):
    long = {**SUMMARY, 40: {1: json.dumps({"TaskName": "n", "TaskSummary": "x" * 30000})}}
    (row,) = kept(tmp_path, long)
    assert len(row[3]) < 20100 and row[3].endswith("[... 10000 more characters]")


def test_only_two_keys_are_ever_asked_for(tmp_path, monkeypatch):
    token = "the-" + "token"
    items = {
        "antigravityUnifiedStateSync.oauthToken": token,
        "antigravityAuthStatus": token,
        "antigravityUnifiedStateSync.trajectorySummaries": summaries({OWN: SUMMARY}, True),
    }
    path = state(tmp_path / "state.vscdb", items)
    asked = []
    real = sqlite.read

    def watched(path, work):
        def noting(connection):
            connection.set_trace_callback(asked.append)
            return work(connection)

        return real(path, noting)

    monkeypatch.setattr(sqlite, "read", watched)
    (talk,), _ = mined(path)
    assert token not in repr(talk)
    values = [query for query in asked if "FROM ItemTable" in query]
    assert len(values) == 2 and all(
        "WHERE key = '" in query and "trajectorySummaries'" in query for query in values
    )


def test_both_keys_name_a_conversation_once(tmp_path):
    more = {**SUMMARY, 42: {1: json.dumps({"Message": "and more"})}}
    items = {
        antigravity_state.KEYS[0]: summaries({OWN: SUMMARY, OTHER: SUMMARY}, True),
        antigravity_state.KEYS[1]: summaries({OWN: more}, True),
    }
    found, noted = mined(state(tmp_path / "state.vscdb", items))
    assert [(talk.id, len(talk.turns)) for talk in found] == [(OWN, 2), (OTHER, 1)]
    assert noted == [("skipped", 0, "another summary of a conversation")]


def test_bad_summaries_are_named_and_the_others_are_read(tmp_path):
    good = message({1: OWN, 2: {1: base64.b64encode(message(SUMMARY))}})
    rows = [
        message({1: "a", 2: {1: "no base64"}}),
        message({1: "b", 2: {1: base64.b64encode(b"\x0a\xff")}}),
        message({1: "c", 2: {1: base64.b64encode(put(1, "d\xe9j".encode("latin-1")))}}),
        message({1: "d", 2: {1: base64.b64encode(message({1: "a title alone"}))}}),
        good,
    ]
    data = base64.b64encode(b"".join(put(1, row) for row in rows))
    found, noted = mined(state(tmp_path / "state.vscdb", {antigravity_state.KEYS[0]: data}))
    assert [talk.id for talk in found] == [OWN]
    assert [(kind, line) for kind, line, _ in noted] == [("bad", 1), ("bad", 2), ("bad", 3), ("skipped", 4)]


@pytest.mark.parametrize(
    "items, noted",
    [
        ({}, []),
        ({antigravity_state.KEYS[0]: b""}, []),
        ({antigravity_state.KEYS[0]: None}, []),
        ({antigravity_state.KEYS[0]: "%%%"}, [("bad", 0, "summaries that cannot be read: no base64")]),
        ({antigravity_state.KEYS[0]: 5}, []),
        ({antigravity_state.KEYS[0]: b"CgU="}, [("bad", 0, "summaries that cannot be read: length")]),
    ],
)
def test_values_that_are_no_summaries(tmp_path, items, noted):
    assert mined(state(tmp_path / "state.vscdb", items)) == ([], noted)


def test_places_that_hold_no_summaries(tmp_path, monkeypatch):
    sqlite3.connect(tmp_path / "a.vscdb").execute("CREATE TABLE x(y)").connection.close()
    (tmp_path / "zeros.pb").write_bytes(bytes(300))
    (tmp_path / "empty.pb").write_bytes(b"")
    (tmp_path / "noise.pb").write_bytes(b"\xff" * 300)
    assert mined(tmp_path / "a.vscdb") == ([], [("bad", 0, "a database without a table of items")])
    assert mined(tmp_path / "zeros.pb") == ([], [("bad", 0, "a file of zeros")])
    assert mined(tmp_path / "empty.pb") == ([], [("bad", 0, "an empty file")])
    assert mined(tmp_path / "noise.pb")[1][0][0] == "bad"
    with pytest.raises(OSError):
        mined(tmp_path / "absent.vscdb")
    path = state(tmp_path / "large.vscdb", {antigravity_state.KEYS[0]: summaries({OWN: SUMMARY}, True)})
    monkeypatch.setattr(antigravity_state, "MOST", 100)
    assert mined(path)[1][0][0] == "skipped"
    (tmp_path / "large.pb").write_bytes(summaries({OWN: SUMMARY}, False))
    assert mined(tmp_path / "large.pb") == ([], [("skipped", 0, "summaries of more than 100 bytes")])


def test_hostile_texts_cost_little(tmp_path):
    import time

    started = time.process_time()
    deep = '{"a":' * 5000 + "1" + "}" * 5000
    for text in ("{" * 300_000, '{"a":"' * 200_000, deep, '{"Message": 5}'):
        path = tmp_path / "a.pb"
        path.write_bytes(summaries({OWN: {5: text}}, False))
        assert mined(path)[0] == []
    assert time.process_time() - started < 5
