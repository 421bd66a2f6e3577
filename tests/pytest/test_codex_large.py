"""Codex logs that are too large to be held, and logs that hold anything but a log."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from random import Random

import pytest
import talks
import write_codex
from afs.logs import codex, read
from hypothesis import given, settings
from hypothesis import strategies as st
from test_codex import THREAD, Log, said

NAME = f"rollout-2026-02-11T09-20-00-{THREAD}.jsonl"


def parsed(folder):
    notes = []
    groups = codex.find(str(folder))
    return [talk for group in groups for talk in codex.parse(group, lambda *note: notes.append(note))], notes


def loaded(talks):
    """Each turn's fields, with all messages whole."""
    rows = []
    for talk in talks:
        for turn in talk.turns:
            whole = [message.load() if message.load else message for message in turn.messages]
            texts = [
                (m.role, m.content, m.reasoning, m.tool_calls, m.tool_call_id, m.failed, m.phase)
                for m in whole
            ]
            rows.append((talk.id, turn.ordinal, turn.origin, turn.skip, sorted(turn.flags), turn.line, texts))
    return rows


@settings(max_examples=60)
@given(st.integers(0, 2**32), st.sampled_from(write_codex.GENERATIONS))
def test_a_large_log_gives_what_a_small_one_gives(seed, generation):
    limit = read.LARGE
    random = Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        write_codex.write(talks.talk(random), random, folder, generation)
        held, notes = parsed(folder)
        try:
            read.LARGE = 300
            short, again = parsed(folder)
            assert loaded(short) == loaded(held)
        finally:
            read.LARGE = limit
        assert again == notes
        plain = [talk for talk in short if talk.files[0].endswith(".jsonl")]
        for message in (one for talk in plain for turn in talk.turns for one in turn.messages):
            words = [message.content, message.reasoning, *(call.arguments for call in message.tool_calls)]
            assert message.load is not None
            assert all(len(word) <= 200 for word in words)


def test_a_search_result_and_a_long_first_line_are_read_again(tmp_path, monkeypatch):
    log = (
        Log()
        .user(" \n" * 200 + "q")
        .item("web_search_call", id="ws", action={"type": "search", "query": "x" * 999})
    )
    log.think("a" * 500).think("b" * 500).say("this").event(
        "web_search_end", call_id="ws", results=[{"t": "c" * 999}]
    )
    path = tmp_path / NAME
    path.write_text("\ufeff" + log.text(), encoding="utf-8")
    held, _ = parsed(tmp_path)
    monkeypatch.setattr(read, "LARGE", 300)
    short, _ = parsed(tmp_path)
    assert loaded(short) == loaded(held)
    assert short[0].turns[0].messages[0].content == "q"
    path.write_text("changed")
    with pytest.raises(OSError, match="changed while it was read"):
        short[0].turns[0].messages[0].load()


def test_a_thread_in_two_large_files_reads_each_of_them_again(tmp_path, monkeypatch):
    base = {"thread_id": THREAD, "end_ordinal_exclusive": 9}
    (tmp_path / NAME).write_text(Log().user("q1" * 300).say("a1" * 300).text())
    second = NAME.replace("02-11", "02-12").replace(THREAD, f"{THREAD}_019c4bd0-0000-7000-8000-0000000000ff")
    (tmp_path / second).write_text(Log(history_base=base).user("q2" * 300).say("a2" * 300).text())
    held, _ = parsed(tmp_path)
    monkeypatch.setattr(read, "LARGE", 300)
    short, _ = parsed(tmp_path)
    assert len(held[0].turns) == 2
    assert loaded(short) == loaded(held)


BIG = """
import resource, sys
sys.path.insert(0, sys.argv[1])
from afs.logs import codex
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
notes = []
(talk,) = codex.parse([sys.argv[2]], lambda *note: notes.append(note))
turn = talk.turns[0]
held = sum(len(message.content) for turn in talk.turns for message in turn.messages)
print(len(talk.turns), held, len(notes), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def measured(path):
    """(turns, characters held, notes, kilobytes that reading took) in a process of its own."""
    lib = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(__file__))), "lib")
    command = [sys.executable, "-c", BIG, lib, str(path)]
    return [
        int(word)
        for word in subprocess.run(command, capture_output=True, check=True, text=True).stdout.split()
    ]


def test_the_memory_of_a_large_log_is_that_of_its_index(tmp_path):
    log = Log()
    for number in range(120):
        log.user(f"q{number}").call(f"c{number}", "x" * 600_000).say("done")
    path = tmp_path / NAME
    path.write_text(log.text())
    assert path.stat().st_size > read.LARGE
    turns, held, notes, grown = measured(path)
    assert (turns, notes) == (120, 0)
    assert held < 120 * 1000
    assert grown < 24_000


@pytest.mark.slow
def test_one_line_of_200_megabytes_is_an_output_like_any_other(tmp_path):
    log = Log().user("q").call("c", "OUTPUT").say("done").user("q2").say("a2")
    before, after = log.text().split("OUTPUT")
    path = tmp_path / NAME
    with path.open("w") as file:
        file.write(before)
        for _ in range(200):
            file.write("y" * (1 << 20))
        file.write(after)
    turns, held, notes, grown = measured(path)
    assert (turns, notes) == (2, 0)
    assert held < 1000
    assert grown < 900_000
    (talk,) = codex.parse([str(path)], lambda *note: None)
    assert [said(turn) for turn in talk.turns] == [("q", "done"), ("q2", "a2")]
    assert len(talk.turns[0].messages[2].load().content) == 200 << 20
    with path.open("a") as file:  # over the most that is ever held: named and passed over
        file.write('{"type":"response_item","payload":{"type":"message","text":"')
        for _ in range(257):
            file.write("z" * (1 << 20))
        file.write('"}}\n')
    noted = []
    (talk,) = codex.parse([str(path)], lambda *note: noted.append(note))
    assert len(talk.turns) == 2
    assert [note[0] for note in noted] == ["bad"]


# --- what is no log ---------------------------------------------------------------------------------


def test_records_of_a_future_version_are_named(tmp_path):
    path = tmp_path / NAME
    log = (
        Log()
        .user("q")
        .add("thought_stream", {"type": "x"})
        .event("dreamed")
        .item("hologram", data=[1])
        .say("a")
    )
    log.rows[1]["version"] = 9
    path.write_text(log.text() + '{"v":9,"kind":"turn","body":{}}\n')
    (talk,), notes = parsed(tmp_path)
    assert [said(turn) for turn in talk.turns] == [("q", "a")]
    assert [(note[0], note[3]) for note in notes] == [
        ("unknown", "thought_stream"),
        ("unknown", "event_msg/dreamed"),
        ("unknown", "response_item/hologram"),
        ("unknown", "response_item/no type"),
    ]


@settings(max_examples=80)
@given(st.integers(0, 2**32), st.sampled_from(write_codex.GENERATIONS))
def test_a_damaged_log_never_raises_and_keeps_what_stands_before_the_damage(seed, generation):
    random = Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        _, files = write_codex.write(talks.talk(random), random, folder, generation)
        for path in files:
            data = bytearray(path.read_bytes())
            for _ in range(random.randint(1, 20)):
                at = random.randrange(len(data))
                end = at + random.choice((1, 1, 5, 200))
                data[at:end] = random.choice(
                    (b"", b"\xff", b"\x00" * 9, b"{", b'"', b"\n", random.randbytes(40))
                )
            path.write_bytes(bytes(data))
        parsed(folder)
        for path in files:
            codex.glance(str(path))


def test_links_in_a_circle_and_folders_that_cannot_be_read(tmp_path):
    folder = tmp_path / "sessions" / "2026"
    folder.mkdir(parents=True)
    (folder / NAME).write_text(Log().user("q").say("a").text())
    (folder / "loop").symlink_to(tmp_path / "sessions", target_is_directory=True)
    (folder / NAME.replace("02-11", "02-12")).symlink_to(folder / NAME.replace("02-11", "02-12"))
    failed = []
    assert codex.find(str(tmp_path), failed.append) == [[str(folder / NAME)]]
    assert failed == []


def test_deep_values_in_a_header_stop_nothing(tmp_path):
    deep = "[" * 990 + "]" * 990
    head = json.dumps(
        {"type": "session_meta", "payload": {"id": THREAD, "source": "DEEP", "forked_from_id": 7}}
    )
    path = tmp_path / NAME
    path.write_text(head.replace('"DEEP"', deep) + "\n" + Log(None).user("q").say("a").text())
    (talk,), _ = parsed(tmp_path)
    assert [said(turn) for turn in talk.turns] == [("q", "a")]
    assert codex.glance(str(path))[0] == THREAD


def test_the_clock_may_go_backwards(tmp_path):
    log = Log(forked_from_id="22222222-2222-4222-8222-222222222222").user("old").say("a")
    log.clock -= 90_000_000
    path = tmp_path / NAME
    path.write_text(log.user("older").say("b").wait(200_000).user("new").say("c").text())
    (talk,), _ = parsed(tmp_path)
    assert [(said(turn)[0], bool(turn.origin)) for turn in talk.turns] == [
        ("old", True),
        ("older", True),
        ("new", False),
    ]
