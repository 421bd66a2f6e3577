"""The history store as a source: which events give samples, which do not, and why."""

from __future__ import annotations

import gzip
import hashlib
import json
import os

import exports
import pytest
from afs.logs import samples
from afs.logs.store import history
from afs.logs.store.history import History
from hypothesis import given, settings
from hypothesis import strategies as st

ALL = frozenset(history.TYPES)


def model(name="e1", held=None, source="afs.gateway", op="chat", **told):
    held = {"prompt": "q", "response": "a"} if held is None else held
    stamp = "2026-01-21T08:00:00+00:00"
    return {"id": name, "timestamp": stamp, "type": "model", "source": source, "op": op, "metadata": told,
            "payload": held}  # fmt: skip


def event(kind, told=None, held=None, **more):
    return {**model("e1", held or {}), "type": kind, "metadata": told or {}, **more}


def user(text):
    return {"role": "user", "content": text}


def bot(text, **more):
    return {"role": "assistant", "content": text, **more}


def write(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join((row if type(row) is str else json.dumps(row)) + "\n" for row in rows))
    return path


def read(tmp_path, rows=None, source=None, failed=None):
    """(turns as (question, reason, answer), conversations, notes) of rows, or of what is there."""
    if rows is not None:
        write(tmp_path / "events_20260121.jsonl", rows)
    source, notes, talks = source or History(), [], []
    for files in source.find(str(tmp_path), failed):
        talks += source.parse(files, lambda kind, path, line, detail: notes.append((kind, line, detail)))
    turns = [
        (turn.messages[0].content, samples.why_not(turn), turn.messages[-1].content)
        for talk in talks
        for turn in talk.turns
    ]
    return turns, talks, notes


def one(tmp_path, row, source=None):
    """The only turn of an event."""
    ((_, (talk,), _),) = (read(tmp_path, [row], source),)
    (turn,) = talk.turns
    return turn


# --- one call -----------------------------------------------------------------------------------------


def test_a_call_becomes_a_turn_with_all_that_the_event_tells(tmp_path):
    told = {
        "backend_model": "m-1",
        "prompt_tokens": 9,
        "completion_tokens": 4,
        "domain": "geo",
        "cwd": "/home/u/app",
    }
    held = {"prompt": "Capital of Peru?", "system": "Be brief.", "response": "Lima.",
            "retrieved_context": [{"text": "Peru: Lima"}, "more", {"n": 1}]}  # fmt: skip
    turns, (talk,), notes = read(tmp_path, [model("e7", held, session_id="s1", **told)])
    (turn,) = talk.turns
    assert turns == [("Capital of Peru?", "", "Lima.")] and notes == []
    assert (talk.source, talk.id, talk.group, talk.system, talk.cwd) == (
        "history", "e7", "s1", "Be brief.", "/home/u/app"
    )  # fmt: skip
    assert (turn.native_id, turn.model, turn.domain, turn.timestamp) == (
        "e7", "m-1", "geo", "2026-01-21T08:00:00+00:00"
    )  # fmt: skip
    assert (turn.tokens_in, turn.tokens_out, turn.line) == (9, 4, 1)
    assert turn.context == 'Peru: Lima\n\nmore\n\n{"n":1}'
    assert talk.files == [turn.path] == [str(tmp_path / "events_20260121.jsonl")]


def test_a_long_context_is_cut_between_words(tmp_path):
    held = {"prompt": "q", "response": "a", "retrieved_context": "word " * 9000}
    context = one(tmp_path, model(held=held)).context
    assert len(context) < 20_100 and context.endswith("word\n[... 25001 more characters]")


@pytest.mark.parametrize(
    ("response", "answer"),
    [("a", "a"), ([{"type": "text", "text": "a"}, {"text": "b"}], "a\nb"), ({"content": "a"}, "a"),
     (None, ""), (7, ""), ({"role": "user", "content": [{"type": "image_url"}]}, "[image]")],
)  # fmt: skip
def test_every_form_of_a_response(tmp_path, response, answer):
    turn = one(tmp_path, model(held={"prompt": [{"type": "text", "text": "q"}], "response": response}))
    assert (turn.messages[0].content, turn.messages[-1].content) == ("q", answer)
    assert samples.why_not(turn) == ("" if answer else "no-answer")


@pytest.mark.parametrize(
    "held",
    [
        {"items": []},
        {"text": "x"},
        {},
        {"messages": []},
        {"messages": "x", "prompt": 7},
        {"messages": [bot("x")]},
    ],
)
def test_a_payload_without_a_question_gives_no_sample(tmp_path, held):
    assert samples.why_not(one(tmp_path, model(held=held))) in ("no-answer", "no-question")


@pytest.mark.parametrize(
    ("root", "project"),
    [
        ("/home/u/.context", ""),
        ("/home/u/src/app/.context", "/home/u/src/app"),
        ("/data/ctx", ""),
        (None, ""),
        (7, ""),
    ],
)
def test_the_project_is_the_one_whose_store_it_is(tmp_path, root, project):
    _, (talk,), _ = read(tmp_path, [{**model(), "context_root": root}])
    assert talk.cwd == project


# --- S7, S6, S9: what must not be learned -------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "reason"),
    [({"error": "timeout"}, "failed"), ({"success": False}, "failed"), ({"tool_success": False}, "failed"),
     ({"exit_code": 2}, "failed"), ({"ok": False}, "failed"),
     ({"error": None, "success": True, "ok": True}, ""), ({"exit_code": 0}, ""), ({"error": ""}, "")],
)  # fmt: skip
@pytest.mark.parametrize("kind", history.TYPES)
def test_what_failed_gives_no_sample(tmp_path, kind, told, reason):
    held = {"prompt": "q", "response": "a", "input": "i", "output": "o", "content": "c"}
    turn = one(tmp_path, event(kind, {"argv": ["afs", "x"], **told}, held), History(ALL))
    assert samples.why_not(turn) == reason


def test_an_error_in_the_payload_is_a_failure(tmp_path):
    turn = one(tmp_path, event("tool", {"tool": "grep"}, {"input": "x", "error": "timeout"}), History(ALL))
    assert turn.skip == "failed"


@pytest.mark.parametrize(
    "held",
    [{"prompt": "with [redacted]", "response": "a"}, {"prompt": "q", "response": "[redacted]"},
     {"messages": [user("q"), bot("x"), user("[redacted]")], "response": "a"}],
)  # fmt: skip
def test_what_the_store_blanked_gives_no_sample(tmp_path, held):
    turns, _, _ = read(tmp_path, [model(held=held)])
    assert turns[-1][1] == "redacted-at-source"


def test_the_store_blanks_the_input_of_tools_as_well(tmp_path):
    row = event("tool", {"tool": "t"}, {"input": {"api_key": "[redacted]"}, "output": "o"})
    assert one(tmp_path, row, History(ALL)).skip == "redacted-at-source"


@pytest.mark.parametrize(
    ("source", "op", "own"),
    [("afs.distillation", "teacher_response", True), ("afs.generators.cot", "generate", True),
     ("afs.judge", "chat", True), ("afs.memory_consolidation", "summarize", True), ("afs.x", "judge", True),
     ("tools.summarizer", "chat", True), ("afs.gateway", "chat", False), ("afs.router", "fast", False),
     ("mine", "summarize", False), (None, None, False)],
)  # fmt: skip
def test_calls_of_the_store_for_its_own_ends_are_left_out(tmp_path, source, op, own):
    row = model(source=source, op=op)
    assert one(tmp_path, row).skip == ("automated" if own else "")
    assert one(tmp_path, row, History(include_own=True)).skip == ""


# --- S5: payloads -------------------------------------------------------------------------------------


def test_a_payload_is_read_from_its_file_if_the_hash_is_right(tmp_path):
    data = json.dumps({"prompt": "q", "response": "a"})
    (tmp_path / "payloads").mkdir()
    (tmp_path / "payloads" / "p.json").write_text(data)
    row = {
        **model(),
        "payload_ref": "payloads/p.json",
        "payload_preview": '{"prompt":"PREVIEW","response":"x"}',
    }
    del row["payload"]
    good = hashlib.sha256(data.encode()).hexdigest()
    turns, (talk,), _ = read(tmp_path, [{**row, "payload_sha256": good}])
    assert turns == [("q", "", "a")]
    assert talk.files == [str(tmp_path / "events_20260121.jsonl"), str(tmp_path / "payloads" / "p.json")]
    assert read(tmp_path, [{**row, "payload_sha256": "0" * 64}])[0] == [("", "payload-changed", "")]
    assert read(tmp_path, [{**row, "payload_ref": "../p.json"}])[0] == [("", "payload-outside", "")]
    assert read(tmp_path, [{**row, "payload_ref": "payloads/q.json"}])[0] == [("", "payload-missing", "")]
    assert read(tmp_path, [model(held=0) | {"payload": None}])[0] == [("", "payload-missing", "")]


def test_every_file_that_is_opened_is_in_the_group(tmp_path, monkeypatch):
    for place in ("payloads/a.json", "common/payloads/b.json", "odd/c.json"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text('{"prompt":"q","response":"a"}')
    rows = [
        {**model(n), "payload": None, "payload_ref": p}
        for n, p in (("1", "payloads/a.json"), ("2", "odd/c.json"))
    ]
    write(tmp_path / "events_20260101.jsonl", rows)
    rows = [{**model("3"), "payload": None, "payload_ref": "payloads/b.json"}]
    write(tmp_path / "common" / "events_20260102.jsonl", rows)
    turns, talks, _ = read(tmp_path)
    assert turns == [("q", "", "a")] * 3
    (group,) = History().find(str(tmp_path))
    assert {path for talk in talks for path in talk.files} <= set(group) and len(group) == 5


# --- S8: the whole conversation at each call ----------------------------------------------------------


def grow(*calls):
    """Events of calls (messages, response)."""
    return [
        model(f"e{at}", {"messages": list(asked), "response": told}) for at, (asked, told) in enumerate(calls)
    ]


def test_a_conversation_that_grows_gives_each_turn_once(tmp_path):
    first = [{"role": "system", "content": "Be brief."}, user("q1")]
    second = [*first, bot("a1 "), user("q2")]
    turns, (talk,), _ = read(
        tmp_path, grow((first, "a1"), (second, "a2"), ([*second, bot("a2"), user("q3")], "a3"))
    )
    assert turns == [("q1", "", "a1"), ("q2", "", "a2"), ("q3", "", "a3")]
    assert [turn.native_id for turn in talk.turns] == ["e0", "e1", "e2"]
    assert [turn.ordinal for turn in talk.turns] == [0, 1, 2] and talk.system == "Be brief."


def test_turns_that_no_event_of_their_own_tells_come_from_the_messages(tmp_path):
    asked = [user("q1"), bot("a1"), user("q2"), user("q2b"), bot("a2"), user("q3")]
    turns, (talk,), _ = read(tmp_path, grow((asked, "a3"), ([*asked, bot("a3"), user("q4")], "a4")))
    assert turns == [
        ("q1", "", "a1"), ("q2", "no-answer", "q2"), ("q2b", "", "a2"), ("q3", "", "a3"), ("q4", "", "a4")
    ]  # fmt: skip
    assert [turn.native_id for turn in talk.turns] == ["e0/0", "e0/2", "e0/3", "e0", "e1"]


def test_messages_that_lost_their_head_repeat_nothing(tmp_path):
    asked = [user("q1"), bot("a1"), user("q2")]
    later = [user("q2"), bot("a2"), user("q3")]
    turns, talks, _ = read(tmp_path, grow((asked[:1], "a1"), (asked, "a2"), (later, "a3")))
    assert turns == [("q1", "", "a1"), ("q2", "", "a2"), ("q3", "", "a3")] and len(talks) == 2


def test_calls_within_a_turn_are_one_turn_with_its_tools(tmp_path):
    call = {"id": "c1", "type": "function", "function": {"name": "ls", "arguments": {"p": "."}}}
    asked = [user("q1")]
    rows = [*asked, bot(None, tool_calls=[call]), {"role": "tool", "tool_call_id": "c1", "content": "x.py"}]
    one, two = grow((asked, bot("", tool_calls=[call])), (rows, "a1"))
    one["metadata"], two["metadata"] = {"prompt_tokens": 3}, {"prompt_tokens": 5, "completion_tokens": 2}
    turns, (talk,), _ = read(tmp_path, [one, two])
    (turn,) = talk.turns
    assert turns == [("q1", "", "a1")] and [row.role for row in turn.messages] == [
        "user",
        "assistant",
        "tool",
        "assistant",
    ]
    assert turn.messages[1].tool_calls[0].arguments == '{"p":"."}' and (turn.tokens_in, turn.tokens_out) == (
        8,
        2,
    )
    turns, (talk,), _ = read(tmp_path, [one])
    assert turns[0][1] == "no-answer" and talk.turns[0].flags == {"unanswered_call"}


def test_a_branch_that_was_left_gives_no_samples(tmp_path):
    asked = [user("q1")]
    two, three = [*asked, bot("a1"), user("q2")], [*asked, bot("a1"), user("q2 again")]
    turns, _, _ = read(
        tmp_path, grow((asked, "a1"), (two, "a2"), (three, "a3"), ([*three, bot("a3"), user("q4")], "a4"))
    )
    assert turns == [
        ("q1", "", "a1"), ("q2", "abandoned-branch", "a2"), ("q2 again", "", "a3"), ("q4", "", "a4")
    ]  # fmt: skip


def test_conversations_that_begin_alike_do_not_end_each_other(tmp_path):
    calls = [([user("hi")], "hello"), ([user("hi")], "hello")]
    calls += [([user("hi"), bot("hello"), user("x")], "1"), ([user("hi"), bot("hello"), user("y")], "2")]
    turns, talks, _ = read(tmp_path, grow(*calls))
    assert sorted(turns) == [("hi", "", "hello"), ("hi", "", "hello"), ("x", "", "1"), ("y", "", "2")]
    assert len(talks) == 2


def test_a_call_that_failed_does_not_break_the_conversation(tmp_path):
    asked = [user("q1"), bot("a1"), user("q2")]
    rows = grow((asked[:1], "a1"), (asked, "half"), (asked, "a2"), ([*asked, bot("a2"), user("q3")], "a3"))
    rows[1]["metadata"] = {"error": "reset"}
    turns, (talk,), _ = read(tmp_path, rows)
    assert turns == [("q1", "", "a1"), ("q2", "failed", "half"), ("q2", "", "a2"), ("q3", "", "a3")]
    assert len({turn.native_id for turn in talk.turns}) == 4


def test_a_conversation_goes_on_over_days(tmp_path):
    first, second = grow(([user("q1")], "a1"), ([user("q1"), bot("a1"), user("q2")], "a2"))
    write(tmp_path / "events_20260101.jsonl", [first])
    write(tmp_path / "events_20260102.jsonl", [second])
    _, (talk,), _ = read(tmp_path)
    assert [os.path.basename(path) for path in talk.files] == [
        "events_20260101.jsonl",
        "events_20260102.jsonl",
    ]


# --- tools, files, commands ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "question", "answer"),
    [
        (event("tool", {"tool": "grep"}, {"input": {"q": "x"}, "output": {"n": 2}}),
         'Tool grep\n\n{"q":"x"}', '{"n":2}'),
        (event("tool", {}, {"input": "a\nb", "output": "o"}, op="shell"), "Tool shell\n\na\nb", "o"),
        (event("fs", {"mount_type": "notes", "relative_path": "a/b.md"}, {"content": "x"}, op="read"),
         "Read the file notes/a/b.md", "x"),
        (event("fs", {"context_path": "/home/u/.context/x/c.md"}, {"content": "y"}, op="write"),
         "Write the file c.md", "y"),
        (event("cli", {"argv": ["/usr/bin/afs", "memory", "search", "--query", "a b"]}, op="invoke"),
         "Command afs memory search", "/usr/bin/afs memory search --query 'a b'"),
        (event("cli", {"argv": ["afs", "status"]}, {"output": "all well"}), "Command afs status", "all well"),
    ],
)  # fmt: skip
def test_other_events_ask_for_what_they_did(tmp_path, row, question, answer):
    source = History(ALL, domain="chat", tool_domain="deeds")
    turn = one(tmp_path, row, source)
    assert (turn.messages[0].content, turn.messages[1].content) == (question, answer)
    assert (turn.domain, turn.timestamp, samples.why_not(turn)) == ("deeds", row["timestamp"], "")


def test_a_tool_event_without_its_payload_is_said(tmp_path):
    row = event("tool", {"tool": "t"}) | {"payload": None}
    assert one(tmp_path, row, History(ALL)).skip == "payload-missing"
    assert samples.why_not(one(tmp_path, event("fs", {}, {"content": ""}), History(ALL))) == "no-answer"


def test_commands_of_the_oldest_version_are_commands(tmp_path):
    rows = [
        {
            "timestamp": "2026-01-09T10:00:00+00:00",
            "command": ["afs", "mount", "x"],
            "exit_code": 0,
            "cwd": "/home/u/app",
        },
        {
            "timestamp": "2026-01-09T10:00:01+00:00",
            "command": ["afs", "mount", "y"],
            "exit_code": 1,
            "cwd": "/home/u",
        },
    ]
    write(tmp_path / "commands_20260109.jsonl", rows)
    turns, talks, _ = read(tmp_path, source=History(ALL))
    assert turns == [("Command afs mount", "", "afs mount x"), ("Command afs mount", "failed", "afs mount y")]
    assert talks[0].cwd == "/home/u/app" and talks[0].id != talks[1].id
    assert read(tmp_path)[2] == [("skipped", 1, "cli event"), ("skipped", 2, "cli event")]


def test_only_the_types_asked_for_are_read_and_the_others_are_named(tmp_path):
    rows = [event(kind, id=kind) for kind in ("tool", "context", "mcp_tool", "some_day")] + [
        {"id": "x"},
        model("m"),
    ]
    turns, _, notes = read(tmp_path, rows)
    assert turns == [("q", "", "a")]
    assert notes == [
        ("skipped", 1, "tool event"), ("skipped", 2, "context event"), ("skipped", 3, "mcp_tool event"),
        ("unknown", 4, "some_day event"), ("unknown", 5, "no type"),
    ]  # fmt: skip
    assert [turn.skip for turn in read(tmp_path, rows, History(frozenset(("tool",))))[1][0].turns] == [""]


def test_a_domain_that_was_asked_for_is_that_of_model_events(tmp_path):
    assert one(tmp_path, model(domain="geo"), History(domain="chat")).domain == "chat"


# --- S4, S10: files -----------------------------------------------------------------------------------


def test_the_copy_of_an_event_in_common_counts(tmp_path):
    old, new = (
        model("same", {"prompt": "q", "response": "old"}),
        model("same", {"prompt": "q", "response": "new"}),
    )
    write(tmp_path / "events_20260121.jsonl", [old, model("only-old"), model("only-old")])
    write(tmp_path / "common" / "events_20260122.jsonl", [new])
    turns, _, notes = read(tmp_path)
    assert sorted(turns) == [("q", "", "a"), ("q", "", "new")]
    assert notes == [("skipped", 1, "another copy of an event"), ("skipped", 3, "another copy of an event")]


def test_what_is_no_event_is_named_and_the_others_are_read(tmp_path):
    good = json.dumps(model("good"))
    data = b"\xef\xbb\xbf" + b"\r\n".join(
        [good.encode(), b"[1]", b'{"id": "\xff"}', b"", b"\0\0\0" + json.dumps(model("nul")).encode(),
         b"noise", b'{"id":"deep","type":"model","payload":{"messages":' + b"[" * 5000 + b"]" * 5000 + b"}}",
         b'{"id":"t","type":"model","pay']
    )  # fmt: skip
    (tmp_path / "events_20260121.jsonl").write_bytes(data)
    turns, _, notes = read(tmp_path)
    assert turns == [("q", "", "a")] * 2
    assert notes == [
        ("bad", 2, "not-object"), ("bad", 3, "utf8"), ("bad", 6, "json"), ("bad", 7, "depth"),
        ("torn", 8, "json"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "field", ["id", "timestamp", "type", "source", "op", "metadata", "payload", "context_root"]
)
@pytest.mark.parametrize("value", [None, 7, "x", [], [[]], {}, {"a": 1}, True])
def test_no_shape_of_a_field_stops_the_others(tmp_path, field, value):
    rows = [{**event(kind, {"argv": ["x"]}, {"input": "i"}, id=kind), field: value} for kind in history.TYPES]
    turns, _, _ = read(tmp_path, [*rows, model("good", {"prompt": "end", "response": "a"})], History(ALL))
    assert ("end", "", "a") in turns


NAMES = (
    "role",
    "content",
    "text",
    "messages",
    "response",
    "prompt",
    "system",
    "tool_calls",
    "function",
    "id",
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text("aq[]{}", max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(NAMES), inner, max_size=4),
)  # fmt: skip


@settings(max_examples=200)
@given(held=st.lists(JSON, max_size=3), told=JSON)
def test_no_payload_raises_and_every_event_is_accounted_for(tmp_path_factory, held, told):
    rows = [
        {**model(f"e{at}", {"messages": one, "response": one}), "metadata": told}
        for at, one in enumerate(held)
    ]
    turns, _, notes = read(
        tmp_path_factory.mktemp("h"), [*rows, model("good", {"prompt": "end", "response": "a"})]
    )
    assert turns[-1] == ("end", "", "a") and not notes
    assert len(turns) >= len(rows) + 1


def test_a_packed_file_of_events_is_read(tmp_path):
    rows = grow(([user("q1")], "a1"), ([user("q1"), bot("a1"), user("q2")], "a2"))
    data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    (tmp_path / "events_20260121.jsonl.gz").write_bytes(gzip.compress(data))
    assert read(tmp_path)[0] == [("q1", "", "a1"), ("q2", "", "a2")]


def test_links_hidden_files_and_other_names_are_not_read(tmp_path):
    out = write(tmp_path / "out" / "events_1.jsonl", [model("out")])
    root = tmp_path / "history"
    write(root / "events_1.jsonl", [model("in")])
    (root / "events_2.jsonl").symlink_to(out)
    (root / "again").symlink_to(root)
    (root / "loop").symlink_to("loop")
    write(root / ".trash" / "events_3.jsonl", [model("hidden")])
    write(root / ".events_4.jsonl", [model("hidden")])
    write(root / "notes.jsonl", [model("other")])
    os.mkfifo(root / "events_5.jsonl")
    assert History().find(str(root)) == [[str(root / "events_1.jsonl")]]
    assert History().find(str(tmp_path)) == [[str(root / "events_1.jsonl")]]
    assert History().find(str(tmp_path / "none")) == []


def test_a_file_that_cannot_be_read_comes_after_all_others(tmp_path, monkeypatch):
    write(tmp_path / "events_1.jsonl", [model("gone")])
    write(tmp_path / "events_2.jsonl", [model("there")])
    (files,) = History().find(str(tmp_path))
    os.remove(tmp_path / "events_1.jsonl")
    talks = History().parse(files, lambda *note: None)
    assert next(talks).id == "there"
    with pytest.raises(FileNotFoundError):
        next(talks)


def test_a_folder_that_cannot_be_read_is_told(tmp_path, monkeypatch):
    errors, scandir = [], os.scandir
    write(tmp_path / "events_1.jsonl", [model("there")])
    (tmp_path / "locked").mkdir()

    def locked(path):
        if str(path).endswith("locked"):
            raise PermissionError(13, "denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", locked)
    assert read(tmp_path, failed=errors.append)[0] == [("q", "", "a")]
    assert [error.filename for error in errors] == [str(tmp_path / "locked")]


def test_the_same_bytes_whatever_order_the_folder_has(tmp_path, monkeypatch):
    for day in range(5):
        write(tmp_path / f"events_{day}.jsonl", [model(str(day), {"prompt": str(day), "response": "a"})])
    forth = History().find(str(tmp_path))
    walk = os.walk
    monkeypatch.setattr(os, "walk", lambda *a, **k: ((f, d[::-1], n[::-1]) for f, d, n in walk(*a, **k)))
    assert History().find(str(tmp_path)) == forth


# --- the source ---------------------------------------------------------------------------------------


def test_where_the_store_is():
    assert history.roots("/h", {}) == ["/h/.context/history"]
    assert history.roots("/h", {"AFS_CONTEXT_ROOT": "/ctx"}) == ["/ctx/history"]
    assert history.glance("/h/.context/history/events_1.jsonl") == ("", "")


def test_a_file_that_was_named_alone_is_read_with_its_payloads(tmp_path):
    (tmp_path / "payloads").mkdir()
    (tmp_path / "payloads" / "p.json").write_text('{"prompt":"q","response":"a"}')
    path = write(
        tmp_path / "events_1.jsonl", [{**model(), "payload": None, "payload_ref": "payloads/p.json"}]
    )
    (talk,) = History().parse([str(path)], lambda *note: None)
    assert talk.turns[0].messages[1].content == "a"
    notes = []
    assert list(History().parse([str(tmp_path / "x.log")], lambda *note: notes.append(note))) == []
    assert notes == [("unknown", str(tmp_path / "x.log"), 0, "no file of events")]


def test_the_engine_accounts_for_every_turn_and_the_state_makes_a_second_run_empty(tmp_path):
    root = tmp_path / "history"
    rows = grow(([user("q1")], "a1"), ([user("q1"), bot("a1"), user("q2")], "a2"))
    write(root / "events_1.jsonl", [*rows, model("own", source="afs.judge")])
    status, found, counts, account = exports.run(
        tmp_path, "--root", root, "--state", tmp_path / "state", source=History()
    )
    assert (status, len(found), len(account)) == (0, 2, 3)
    assert counts["turns"] == {"seen": 3, "samples": 2, "skipped": {"automated": 1}}
    assert {sample["source"] for sample in found} == {"history"}
    os.remove(tmp_path / "out.jsonl")
    status, found, counts, _ = exports.run(
        tmp_path, "--root", root, "--state", tmp_path / "state", source=History()
    )
    assert (status, found) == (0, [])
