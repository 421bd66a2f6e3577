"""The memory store as a source: entries in every shape, notes, mirrors, tags, and what is not read."""

from __future__ import annotations

import json
import os
from random import Random

import exports
import pytest
import talks
import write_memory
from afs.logs import chat, samples
from afs.logs.store import front, memory
from afs.logs.store.memory import Memory
from hypothesis import given, settings
from hypothesis import strategies as st

RAW = Memory(allow_raw=True)


def put(folder, files):
    for name, value in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".jsonl") and type(value) is list:
            value = "".join(json.dumps(row) + "\n" for row in value)
        value = value if type(value) in (str, bytes) else json.dumps(value)
        path.write_bytes(value if type(value) is bytes else value.encode())
    return folder


def read(tmp_path, files, source=RAW):
    """(turns as (question, reason, answer), conversations, notes) of a store of these files."""
    root, notes, found = put(tmp_path / "memory", files), [], []
    for group in source.find(str(root)):
        found += source.parse(
            group, lambda kind, path, line, detail: notes.append((kind, os.path.basename(path), line, detail))
        )
    turns = [
        (turn.messages[0].content, samples.why_not(turn), turn.messages[-1].content)
        for talk in found
        for turn in talk.turns
    ]
    return turns, found, notes


def one(tmp_path, entry, source=RAW):
    """The only turn of an entry."""
    _, (talk,), _ = read(tmp_path, {"e.json": entry}, source)
    (turn,) = talk.turns
    return turn


# --- entries ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("question", ["instruction", "prompt", "user"])
@pytest.mark.parametrize("answer", ["output", "response", "assistant"])
def test_a_question_and_its_answer_have_three_names_each(tmp_path, question, answer):
    entry = {question: "q", answer: "a", "input": "i", "thinking": "t", "domain": "d", "model": "m"}
    turn = one(tmp_path, entry, Memory())
    assert (turn.messages[0].content, turn.messages[1].content, turn.messages[1].reasoning) == ("q", "a", "t")
    assert (turn.context, turn.domain, turn.model, samples.why_not(turn)) == ("i", "d", "m", "")


@pytest.mark.parametrize(
    ("entry", "turn"),
    [
        ({"instruction": "", "prompt": "q", "output": "", "response": "a"}, ("q", "", "a")),
        ({"instruction": "q", "output": " \n", "assistant": "a"}, ("q", "", "a")),
        ({"instruction": "q", "output": None, "response": {"n": 1}}, ("q", "", '{"n":1}')),
        ({"instruction": "q", "output": 42}, ("q", "", "42")),
        ({"instruction": "q", "output": ["a", 1]}, ("q", "", '["a",1]')),
        ({"instruction": "q", "output": ""}, ("q", "no-answer", "")),
        ({"output": "a"}, ("", "no-question", "a")),
        ({"instruction": "q", "content": "c"}, ("q", "", "c")),
        ({"output": "", "content": "", "text": "c"}, (memory.DEFAULT_INSTRUCTION, "", "c")),
        ({"title": "T\nx", "text": "c"}, ('Recall the memory entry "T".', "", "c")),
        ({"title": 7, "text": "c"}, (memory.DEFAULT_INSTRUCTION, "", "c")),
    ],
)
def test_the_first_text_that_is_not_empty_counts(tmp_path, entry, turn):
    assert read(tmp_path, {"e.json": entry})[0] == [turn]


def test_a_thought_that_is_no_text_is_none(tmp_path):
    assert one(tmp_path, {"instruction": "q", "output": "a", "thinking": ["x"]}).messages[1].reasoning == ""


@pytest.mark.parametrize(
    ("entry", "stamp"),
    [
        ({"created_at": "2026-01-21T08:00:00Z"}, "2026-01-21T08:00:00Z"),
        ({"timestamp": "2026-01-21 08:00:00.25+01:00"}, "2026-01-21T08:00:00.25+01:00"),
        ({"date": "2026-01-21t08:00:00z"}, "2026-01-21T08:00:00Z"),
        ({"created_at": "yesterday", "updated": "2026-01-21T08:00:00Z"}, "2026-01-21T08:00:00Z"),
        ({"created_at": "2026-01-21"}, ""),
        ({"created_at": "2026-01-21T08:00:00"}, ""),
        ({"timestamp": 17}, ""),
    ],
)
def test_only_a_time_with_its_zone_is_one(tmp_path, entry, stamp):
    assert one(tmp_path, {"instruction": "q", "output": "a", **entry}).timestamp == stamp


def test_a_conversation_is_a_file_and_its_turns_have_the_ids_of_entries(tmp_path):
    entries = [
        {"id": "m1", "instruction": "q", "output": "a"},
        {"instruction": "q2", "output": "a2"},
        {"id": 3, "instruction": "q3", "output": "a3"},
        {"id": "m1", "instruction": "q", "output": "newer"},
    ]
    _, (talk,), _ = read(tmp_path, {"team/x.jsonl": entries})
    assert (talk.id, talk.source, talk.cwd) == ("team/x.jsonl", "memory", "")
    assert [turn.native_id for turn in talk.turns] == ["id m1", "entry 1", "id 3", "id m1 2"]
    assert [(turn.ordinal, turn.line) for turn in talk.turns] == [(0, 1), (1, 2), (2, 3), (3, 4)]


def test_entries_of_a_list_have_their_lines(tmp_path):
    text = '[\n {"instruction": "q",\n  "output": "a"},\n\n {"instruction": "q2", "output": "a2"}\n]\n'
    _, (talk,), _ = read(tmp_path, {"x.json": text})
    assert [turn.line for turn in talk.turns] == [2, 5]


def test_chat_messages_are_turns_with_their_tools_and_the_system_beside(tmp_path):
    call = {"id": "c", "function": {"name": "ls", "arguments": "{}"}}
    rows = [
        {"role": "developer", "content": "Be brief."},
        {"role": "assistant", "content": "Hello?"},
        {"role": "user", "content": [{"type": "text", "text": "q1"}]},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "x"},
        {"role": "assistant", "content": "a1"},
        "noise",
        {"role": "user", "content": "q2"},
        {"role": "judge", "content": "no"},
    ]
    turns, (talk,), _ = read(
        tmp_path, {"e.json": {"id": "m", "messages": rows, "input": "i", "tags": "x"}}, Memory()
    )
    assert turns == [("q1", "", "a1"), ("q2", "no-answer", "q2")]
    assert [row.role for row in talk.turns[0].messages] == ["user", "assistant", "tool", "assistant"]
    assert [turn.native_id for turn in talk.turns] == ["id m", "id m/1"]
    assert {turn.context for turn in talk.turns} == {"Be brief.\n\ni"}


def test_a_long_input_is_capped(tmp_path):
    entry = {"instruction": "q", "output": "a", "input": "x" * 30_000}
    assert one(tmp_path, entry).context == "x" * 20_000 + "\n[... 10000 more characters]"
    assert chat.capped("line\n" * 5000).endswith("line\n[... 5001 more characters]")


# --- raw text and tags: S3 ----------------------------------------------------------------------------


def test_raw_text_needs_to_be_allowed(tmp_path):
    entry = {"content": "c", "tags": ["Ops"]}
    assert one(tmp_path, entry, Memory()).skip == "raw"
    assert one(tmp_path, entry, Memory(raw_tags=frozenset(("ops",)))).skip == ""
    assert one(tmp_path, {**entry, "tags": "x, ALLOW_RAW"}, Memory()).skip == ""
    assert one(tmp_path, entry, RAW).skip == ""
    assert one(tmp_path, entry, Memory(True, default_instruction="What?")).messages[0].content == "What?"
    named = one(tmp_path, {**entry, "title": "T"}, Memory(True, default_instruction="What?"))
    assert named.messages[0].content == "What?"


@pytest.mark.parametrize("field", ["tags", "labels", "tag"])
@pytest.mark.parametrize("value", ["#Ops", ["x", "OPS ", 3], "x,ops"])
def test_tags_choose_whatever_their_field_is(tmp_path, field, value):
    entry = {"instruction": "q", "output": "a", field: value}
    ops, other = frozenset(("ops",)), frozenset(("other",))
    assert one(tmp_path, entry, Memory(include=ops)).skip == ""
    assert one(tmp_path, entry, Memory(include=other)).skip == "tag"
    assert one(tmp_path, entry, Memory(exclude=ops)).skip == "tag"
    assert one(tmp_path, entry, Memory(include=ops, exclude=ops)).skip == "tag"
    assert one(tmp_path, entry, Memory(exclude=other)).skip == ""


@pytest.mark.parametrize(
    ("text", "fields", "body"),
    [
        ("no head", {}, "no head"),
        ("---\ntitle: A day\n---\nbody", {"title": "A day"}, "body"),
        ("---\ntags: [a, \"b c\", 'd']\n...\nx", {"tags": ["a", "b c", "d"]}, "x"),
        (
            "---\ntags:\n  - a\n- 'b'  # why\ntitle: \"x: y\" # z\n---\n",
            {"tags": ["a", "b"], "title": "x: y"},
            "",
        ),
        ("---\ntags: [a,\n  b]\nTag: one # two\n---\nx", {"tags": ["a", "b"], "tag": "one"}, "x"),
        (
            "---\ntext: |\n  many\n  lines\ndate: 2026-01-01T00:00:00Z\n---\nx",
            {"text": "", "date": "2026-01-01T00:00:00Z"},
            "x",
        ),
        ("---\ntitle: not closed\n", {}, "---\ntitle: not closed\n"),
        ("---\n\nA rule above.\n", {}, "---\n\nA rule above.\n"),
        ("----\nx: y\n---\n", {}, "----\nx: y\n---\n"),
        ("---\n: odd\n- stray\nurl: http://x\nno colon\n---\nx", {"url": "http://x"}, "x"),
        ("---\nempty:\n---\nx", {"empty": ""}, "x"),
        ("---\nlong: " + "x" * 70_000 + "\n---\nx", {}, None),
    ],
)
def test_front_matter(text, fields, body):
    assert front.front_matter(text) == (fields, text if body is None else body)


def test_a_note_is_an_entry_with_the_tags_and_title_of_its_front_matter(tmp_path):
    head = "---\ntitle: How to\ntags:\n- allow_raw\ncreated: 2026-01-21T08:00:00Z\ndomain: ops\n---\n\n"
    note = (head + "Do\nit.\n").replace("\n", "\r\n")
    files = {
        "a.md": "\ufeff" + note,
        "b.md": "# Heading #\n\nText.",
        "c.txt": "# no heading\n",
        "d.markdown": "Plain.",
    }
    turns, found, notes = read(tmp_path, files, Memory())
    assert turns == [
        ('Recall the memory entry "How to".', "", "Do\nit."),
        ('Recall the memory entry "Heading".', "raw", "# Heading #\n\nText."),
        (memory.DEFAULT_INSTRUCTION, "raw", "# no heading"),
        (memory.DEFAULT_INSTRUCTION, "raw", "Plain."),
    ]
    assert (found[0].turns[0].timestamp, found[0].turns[0].domain) == ("2026-01-21T08:00:00Z", "ops")
    assert notes == []


def test_a_note_may_hold_its_own_question(tmp_path):
    assert read(tmp_path, {"a.md": "---\nprompt: Why?\n---\nSo."})[0] == [("Why?", "", "So.")]


# --- S1 and S10: what is there twice ------------------------------------------------------------------


@pytest.mark.parametrize(
    "note",
    [
        "# m1\n\nThe answer\nis  long.\n",
        "The answer is long.",
        "# A title\n\nThe answer is long.\n",
        "---\nid: m1\n---\n## Memory\n\nTold on Monday:\nThe answer is long.\n",
        "# m1\n\nRecall something.\n\nThe answer is long.\n\n- more\n",
    ],
)
def test_a_note_that_mirrors_an_entry_is_counted_once(tmp_path, note):
    files = {"z.jsonl": [{"id": "m1", "instruction": "q", "output": "The answer is long."}], "a/m1.md": note}
    turns, talks, _ = read(tmp_path, files)
    assert [(question, reason) for question, reason, _ in turns] == [("q", ""), (turns[1][0], "duplicate")]
    assert str(tmp_path / "memory" / "z.jsonl") in talks[1].files


@pytest.mark.parametrize("note", ["# m1\n\nAnother answer.\n", "# m2\n\nThe answer is long, too.\n", "m1"])
def test_a_note_of_its_own_is_no_mirror(tmp_path, note):
    files = {"z.jsonl": [{"id": "m1", "instruction": "q", "output": "The answer is long."}], "a.md": note}
    assert [reason for _, reason, _ in read(tmp_path, files)[0]] == ["", ""]


def test_entries_of_both_layouts_are_counted_once_and_common_counts(tmp_path):
    entries = [{"id": "m1", "instruction": "q1", "output": "old"}, {"instruction": "q2", "output": "a2"},
               {"id": "m3", "instruction": "q3", "output": "only here"}]  # fmt: skip
    newer = [{"id": "m1", "instruction": "q1", "output": "new"}, *entries[1:2]]
    turns, talks, _ = read(tmp_path, {"entries.jsonl": entries, "common/entries.jsonl": newer})
    assert turns == [
        ("q1", "", "new"), ("q2", "", "a2"), ("q1", "duplicate", "old"), ("q2", "duplicate", "a2"),
        ("q3", "", "only here"),
    ]  # fmt: skip
    assert [talk.id for talk in talks] == ["common/entries.jsonl", "entries.jsonl"]


def test_ids_of_different_files_do_not_meet_unless_their_texts_do(tmp_path):
    same = {"id": "1", "instruction": "q", "output": "a"}
    files = {
        "a.jsonl": [same, {"instruction": "q", "output": "a"}],
        "b.jsonl": [{**same, "output": "b"}],
        "c.json": same,
    }
    assert [reason for _, reason, _ in read(tmp_path, files)[0]] == ["", "", "", "duplicate"]


# --- S2 and S4: what is no entry ----------------------------------------------------------------------


def test_objects_without_text_are_named(tmp_path):
    files = {
        "history_memory_checkpoint.json": {"timestamp": "2026-01-01T00:00:00Z", "event_id": "x"},
        "knowledge_graph.json": {"nodes": [], "edges": []},
        "config.json": [{"root": "/x"}, "words", 3],
        "chat.json": {"messages": []},
        "good.json": {"instruction": "q", "output": "a"},
    }
    turns, _, notes = read(tmp_path, files)
    assert turns == [("q", "", "a")]
    without = "an object without text fields"
    assert sorted(notes) == [
        ("skipped", "chat.json", 1, without),
        ("skipped", "config.json", 1, without),
        ("skipped", "config.json", 1, "not an entry"),
        ("skipped", "config.json", 1, "not an entry"),
        ("skipped", "history_memory_checkpoint.json", 1, without),
        ("skipped", "knowledge_graph.json", 1, without),
    ]


def test_what_is_damaged_is_named_and_the_rest_is_read(tmp_path):
    good = json.dumps({"instruction": "q", "output": "a"}).encode()
    deep = b"[" * 100_000
    files = {
        "a.jsonl": b"\xef\xbb\xbf" + good + b'\r\n[1]\r\n{"x": "\xff"}\r\n\r\n{"id": "torn',
        "b.json": b"[" + good + b", " + good.replace(b"q", b"q2") + b', {"instr',
        "c.json": b'{"instruction": "\xff"}',
        "d.json": deep,
        "e.json": good + b" trailing",
        "f.json": b'[{"output": NaN}]',
        "g.json": b"",
        "h.md": b"caf\xe9\n",
        "i.txt": b"bin\0ary",
        "j.md": b"---\ntags: x\n---\n\n",
        "k.json": b"[" + good.replace(b"q", b"q4") + good + b"]",
    }
    turns, _, notes = read(tmp_path, files)
    assert turns == [
        ("q", "", "a"), ("q", "", "a"), ("q2", "", "a"), ("q", "", "a"), ("q4", "", "a"),
        (memory.DEFAULT_INSTRUCTION, "", "caf\ufffd"),
    ]  # fmt: skip
    assert notes == [
        ("bad", "a.jsonl", 2, "not-object"), ("bad", "a.jsonl", 3, "utf8"), ("torn", "a.jsonl", 5, "json"),
        ("bad", "b.json", 1, "json"), ("bad", "c.json", 0, "utf8"), ("bad", "d.json", 1, "depth"),
        ("bad", "e.json", 1, "json"), ("bad", "f.json", 1, "json"), ("bad", "k.json", 1, "json"),
        ("skipped", "h.md", 1, "bytes that are no UTF-8, replaced"), ("skipped", "i.txt", 0, "binary data"),
        ("skipped", "j.md", 0, "an empty note"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "field", ["id", "instruction", "output", "content", "messages", "tags", "title", "input", "created_at"]
)
@pytest.mark.parametrize("value", [None, 7, "x", [], [[]], {}, {"a": 1}, True, 1.5])
def test_no_shape_of_a_field_stops_the_others(tmp_path, field, value):
    entry = {"instruction": "q", "output": "a", "content": "c", field: value}
    turns, _, notes = read(tmp_path, {"x.jsonl": [entry, {"instruction": "end", "output": "a"}]})
    assert turns[-1] == ("end", "", "a")
    assert not [note for note in notes if note[0] == "bad"]


def test_a_file_too_large_to_be_held_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "_MOST_BYTES", 50)
    turns, _, notes = read(tmp_path, {"a.md": "x" * 51, "b.json": " " * 60, "c.md": "x" * 50})
    assert [answer for *_, answer in turns] == ["x" * 50]
    assert notes == [("skipped", "b.json", 0, "a file of more than 64 MB"),
                     ("skipped", "a.md", 0, "a file of more than 64 MB")]  # fmt: skip


def test_links_hidden_files_and_other_names_are_not_read(tmp_path):
    root = put(
        tmp_path / "memory",
        {
            "in.md": "in",
            ".hidden.md": "x",
            ".git/config.md": "x",
            "a.yaml": "x",
            "b.py": "x",
            "c": "x",
            "UP.MD": "up",
        },
    )
    out = put(tmp_path, {"out.md": "out"}) / "out.md"
    (root / "link.md").symlink_to(out)
    (root / "again").symlink_to(root)
    (root / "loop.md").symlink_to("loop.md")
    (root / "broken.md").symlink_to("nowhere")
    os.mkfifo(root / "fifo.md")
    found = [[str(root / "UP.MD"), str(root / "in.md")]]
    assert RAW.find(str(root)) == found
    (tmp_path / "ctx").symlink_to(root)
    assert [os.path.basename(path) for path in Memory().find(str(tmp_path / "ctx"))[0]] == ["UP.MD", "in.md"]
    assert Memory().find(str(tmp_path)) == found  # the folder that holds `memory`
    assert Memory().find(str(tmp_path / "none")) == []


def test_a_file_that_cannot_be_read_comes_after_all_others(tmp_path):
    root = put(
        tmp_path / "memory", {"a.json": {"instruction": "q", "output": "a"}, "b.json": {}, "c.md": "c"}
    )
    (files,) = RAW.find(str(root))
    os.remove(root / "b.json")
    talks = RAW.parse(files, lambda *note: None)
    assert [next(talks).id, next(talks).id] == ["a.json", "c.md"]
    with pytest.raises(FileNotFoundError):
        next(talks)


def test_a_folder_that_cannot_be_read_is_told(tmp_path, monkeypatch):
    errors, scandir = [], os.scandir
    root = put(tmp_path / "memory", {"in.md": "in", "locked/x.md": "x"})

    def locked(path):
        if str(path).endswith("locked"):
            raise PermissionError(13, "denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", locked)
    assert RAW.find(str(root), errors.append) == [[str(root / "in.md")]]
    assert [error.filename for error in errors] == [str(root / "locked")]


# --- the source ---------------------------------------------------------------------------------------


def test_where_the_store_is_and_whose():
    assert memory.roots("/h", {}) == ["/h/.context/memory"]
    assert Memory().roots("/h", {"AFS_CONTEXT_ROOT": "/ctx"}) == ["/ctx/memory"]


def test_the_store_of_a_project_is_the_projects_and_ones_own_is_nobodys(tmp_path):
    put(tmp_path / "app" / ".context" / "memory", {"a/x.md": "x"})
    path = str(tmp_path / "app" / ".context" / "memory" / "a" / "x.md")
    source = Memory(True)
    for root in (os.path.dirname(os.path.dirname(path)), str(tmp_path / "app" / ".context")):
        source.find(root)
        assert source.glance(path) == ("a/x.md", str(tmp_path / "app"))
    own = Memory(True)
    for root in own.roots(str(tmp_path / "app"), {}):
        own.find(root)
    assert own.glance(path) == ("a/x.md", "")
    assert Memory().glance(path) == ("a/x.md", "")  # named alone, it is asked where it lies
    assert Memory().glance("/x/notes/y.md") == ("y.md", "")


def test_a_file_that_was_named_alone(tmp_path):
    path = str(put(tmp_path, {"x.md": "x"}) / "x.md")
    (talk,) = RAW.parse([path], lambda *note: None)
    assert talk.id == "x.md" and talk.turns[0].messages[1].content == "x"
    notes = []
    assert list(RAW.parse([str(tmp_path / "x.log")], lambda *note: notes.append(note))) == []
    assert notes == [("unknown", str(tmp_path / "x.log"), 0, "no file of a memory store")]


def test_the_same_order_whatever_the_folder_has(tmp_path, monkeypatch):
    root = put(tmp_path / "memory", {f"{name}/{name}.md": name for name in "cabde"} | {"common/z.json": {}})
    (forth,) = Memory().find(str(root))
    walk = os.walk
    monkeypatch.setattr(os, "walk", lambda *a, **k: ((f, d[::-1], n[::-1]) for f, d, n in walk(*a, **k)))
    assert Memory().find(str(root)) == [forth] and forth[0].endswith("z.json")


def test_the_engine_accounts_for_every_entry(tmp_path):
    root = put(tmp_path / "memory", {
        "e.jsonl": [{"id": "m1", "instruction": "q", "output": "a", "input": "i"}, {"content": "c"}],
        "n.md": "# m1\n\na\n",
    })  # fmt: skip
    status, found, counts, account = exports.run(tmp_path, "--root", root, source=Memory())
    assert (status, counts["turns"]) == (0, {"seen": 3, "samples": 1, "skipped": {"duplicate": 1, "raw": 1}})
    assert (found[0]["source"], found[0]["domain"], found[0]["input"]) == ("memory", "memory", "i")
    assert [(row["file"], row["line"], row["reason"]) for row in account] == [
        ("e.jsonl", 1, None), ("e.jsonl", 2, "raw"), ("n.md", 1, "duplicate")
    ]  # fmt: skip


# --- generated stores ---------------------------------------------------------------------------------


def comes_back(folder, seed):
    random = Random(seed)
    talk = talks.talk(random)
    write_memory.write(talk, random, folder / "memory")
    found = []
    source = Memory(True, exclude=frozenset(("private", "draft")))
    for files in source.find(str(folder / "memory")):
        for one in source.parse(files, lambda *note: None):
            for turn in one.turns:
                if not samples.why_not(turn):
                    rows = samples.chat(turn)
                    found.append(
                        {
                            "instruction": turn.messages[0].content,
                            "output": turn.messages[-1].content,
                            "messages": rows,
                        }
                    )
    assert sorted(talks.recovered(found)) == sorted(talks.told(talk))


@settings(max_examples=150)
@given(seed=st.integers(0, 1 << 32))
def test_the_truth_comes_back(tmp_path_factory, seed):
    comes_back(tmp_path_factory.mktemp("truth"), seed)


@pytest.mark.slow
@settings(max_examples=2000)
@given(seed=st.integers(0, 1 << 32))
def test_the_truth_comes_back_from_thousands(tmp_path_factory, seed):
    comes_back(tmp_path_factory.mktemp("truth"), seed)
