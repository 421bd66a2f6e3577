"""The event files of the history store: what is added once and whole, and turns of Codex that come back."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import stat
import subprocess
import sys

import pytest
from afs import sample
from afs.logs import codex, samples
from afs.logs.conversation import Conversation, Message, Turn
from afs.logs.store import history, importing, ledger, payloads
from conftest import ROOT

HOME = ROOT / "examples" / "home"


def event(name="e1", stamp="2026-01-21T23:30:00-02:00", **more):
    return {
        "id": name,
        "timestamp": stamp,
        "type": "model",
        "metadata": {},
        "payload": {"prompt": "q"},
    } | more


def lines(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


# --- append -------------------------------------------------------------------------------------------


def test_events_go_to_the_file_of_their_utc_day_and_come_once(tmp_path):
    root = tmp_path / "new" / "history"
    events = [event(), event("e2", "2026-01-21T08:00:00"), event("e3", "yesterday"), event("e4", "")]
    assert ledger.append(str(root), [*events, events[0]]) == 4
    names = {path.name: [row["id"] for row in lines(path)] for path in root.iterdir()}
    assert names == {
        "events_20260122.jsonl": ["e1"],
        "events_20260121.jsonl": ["e2"],
        "events_undated.jsonl": ["e3", "e4"],
    }
    before = {path: path.read_bytes() for path in root.iterdir()}
    assert ledger.append(str(root), iter(events)) == 0
    assert {path: path.read_bytes() for path in root.iterdir()} == before
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in before)
    assert stat.S_IMODE(root.stat().st_mode) == 0o700


def test_an_event_that_either_layout_has_is_not_added(tmp_path):
    (tmp_path / "common").mkdir()
    (tmp_path / "events_20250101.jsonl").write_text(json.dumps(event("old")) + "\n")
    assert ledger.append(str(tmp_path), [event("old"), event("new")]) == 1
    assert [row["id"] for row in lines(tmp_path / "common" / "events_20260122.jsonl")] == ["new"]
    assert set(ledger.known(str(tmp_path))) == {"old", "new"}


def test_a_long_payload_goes_into_a_file_whose_hash_the_event_tells(tmp_path):
    held = {"prompt": "é" * 5000, "response": "lone \ud83d"}
    ledger.append(str(tmp_path), [event("a/b", payload=held), event("short")])
    long, short = lines(tmp_path / "events_20260122.jsonl")
    assert "payload" not in long and short["payload"] == {"prompt": "q"}
    assert long["payload_ref"] == "payloads/20260121T2330000200_a_b.json"
    data = (tmp_path / long["payload_ref"]).read_bytes()
    assert long["payload_sha256"] == hashlib.sha256(data).hexdigest()
    assert payloads.payload(str(tmp_path / "events_20260122.jsonl"), long)[:2] == (held, "")
    assert [path.name for path in (tmp_path / "payloads").iterdir()] == ["20260121T2330000200_a_b.json"]


def test_what_others_wrote_stays_and_a_line_begins_behind_a_torn_one(tmp_path):
    path = tmp_path / "events_20260122.jsonl"
    path.write_bytes(b'{"id":"x", "odd":  1}\n{"id":"half')
    os.chmod(path, 0o640)
    assert ledger.append(str(tmp_path), [event()]) == 1
    first, second, third, end = path.read_bytes().split(b"\n")
    assert (first, second) == (b'{"id":"x", "odd":  1}', b'{"id":"half') and json.loads(third)["id"] == "e1"
    assert end == b"" and stat.S_IMODE(path.stat().st_mode) == 0o640
    path.write_bytes(b'{"id":"y"}')  # whole, though its newline is missing
    ledger.append(str(tmp_path), [event("e2")])
    assert [row["id"] for row in lines(path)] == ["y", "e2"]


def test_what_a_killed_run_left_torn_is_completed_wherever_it_ends(tmp_path):
    path = tmp_path / "events_20260122.jsonl"
    events = [
        event(f"e{number}", payload={"prompt": "é" * 90_000 if number == 1 else "q"}) for number in range(3)
    ]
    ledger.append(str(tmp_path), events)
    whole = path.read_bytes()
    for end in [*range(0, len(whole), 7), len(whole) - 1]:
        path.write_bytes(whole[:end])
        ledger.append(str(tmp_path), events)
        assert sorted(path.read_bytes().splitlines()) == sorted(whole.splitlines())
        assert ledger.append(str(tmp_path), events) == 0


def test_a_torn_line_longer_than_a_block_is_completed(tmp_path, monkeypatch):
    path = tmp_path / "events_20260122.jsonl"
    long = [event(metadata={"text": "x" * 300_000})]
    ledger.append(str(tmp_path), long)
    whole = path.read_bytes()
    path.write_bytes(whole[:200_000])
    ledger.append(str(tmp_path), long)
    assert path.read_bytes() == whole


def test_what_another_program_adds_meanwhile_is_not_lost(tmp_path, monkeypatch):
    path = tmp_path / "events_20260122.jsonl"
    path.write_text('{"id":"x"}\n')
    late = path.open("ab")
    last = ledger._last

    def added(file):
        torn = last(file)
        late.write(b'{"id":"late"}\n')
        late.flush()
        return torn

    monkeypatch.setattr(ledger, "_last", added)
    ledger.append(str(tmp_path), [event()])
    late.write(b'{"id":"later"}\n')
    late.close()
    assert [row["id"] for row in lines(path)] == ["x", "late", "e1", "later"]


def test_a_write_that_fails_is_completed_by_the_next_one(tmp_path, monkeypatch):
    path = tmp_path / "events_20260122.jsonl"
    path.write_text('{"id":"x"}\n')
    events = [event(), event("long", payload={"prompt": "x" * 9000})]
    with monkeypatch.context() as patch:
        patch.setattr(os, "sync", lambda: (_ for _ in ()).throw(OSError(28, "no space")))
        with pytest.raises(OSError, match="no space"):
            ledger.append(str(tmp_path), events)
    assert path.read_text() == '{"id":"x"}\n'
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [path.name, "payloads"]
    assert ledger.append(str(tmp_path), events) == 2
    assert [row["id"] for row in lines(path)] == ["x", "e1", "long"]
    assert len(list((tmp_path / "payloads").iterdir())) == 1


def test_an_event_of_codex_that_changed_is_added_again_and_its_payload_is_another_file(tmp_path):
    old = event("c", source="codex", payload={"prompt": "x" * 9000})
    new = old | {"payload": {"prompt": "y" * 9000}}
    store = ledger.Store(str(tmp_path))
    assert [store.add(one) for one in (old, old, new, new)] == ["new", "same", "grown", "same"]
    store.flush()
    store.close()
    path = tmp_path / "events_20260122.jsonl"
    held = [payloads.payload(str(path), row)[0] for row in lines(path)]
    assert held == [old["payload"], new["payload"]]
    before = path.read_bytes()
    assert ledger.append(str(tmp_path), [new]) == 0 and path.read_bytes() == before
    fork = old | {"metadata": {"codex_origin": "elsewhere"}}
    assert ledger.append(str(tmp_path), [fork]) == 0
    (tmp_path / lines(path)[1]["payload_ref"]).unlink()  # nothing is left of it: it is not there
    assert ledger.append(str(tmp_path), [new]) == 1
    assert payloads.payload(str(path), lines(path)[2])[0] == new["payload"]


def test_an_event_of_another_program_is_never_added_over(tmp_path):
    ledger.append(str(tmp_path), [event("m")])
    assert ledger.append(str(tmp_path), [event("m", source="codex", payload={"prompt": "other"})]) == 0


def test_a_packed_day_is_older_than_what_was_added_to_it(tmp_path):
    import gzip

    old = event("c", source="codex")
    (tmp_path / "events_20260122.jsonl.gz").write_bytes(gzip.compress(json.dumps(old).encode() + b"\n"))
    assert ledger.append(str(tmp_path), [old | {"op": "x"}]) == 1
    names = [os.path.basename(path) for path in ledger.files(str(tmp_path))]
    assert names == ["events_20260122.jsonl.gz", "events_20260122.jsonl"]
    assert ledger.append(str(tmp_path), [old | {"op": "x"}]) == 0


@pytest.mark.parametrize("name", ["events_20260122.jsonl", "payloads"])
def test_nothing_is_written_through_a_link(tmp_path, name):
    (tmp_path / "s").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "s" / name).symlink_to("../outside" if name == "payloads" else "../outside/file")
    with pytest.raises(OSError, match="is a link"):
        ledger.append(str(tmp_path / "s"), [event(payload={"prompt": "x" * 9000})])
    assert list((tmp_path / "outside").iterdir()) == []


def test_a_link_named_common_is_no_second_layout(tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "common").symlink_to("../outside")
    ledger.append(str(tmp_path / "s"), [event()])
    assert (tmp_path / "s" / "events_20260122.jsonl").exists() and not list((tmp_path / "outside").iterdir())


def test_two_imports_wait_for_each_other(tmp_path):
    code = (
        "import sys; sys.path.insert(0, sys.argv[2]); from afs.logs.store import ledger; "
        "ledger.append(sys.argv[1], [{'id': 'child', 'timestamp': '', 'payload': None}])"
    )
    lock = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(lock, fcntl.LOCK_EX)
    child = subprocess.Popen([sys.executable, "-B", "-c", code, tmp_path, ROOT / "lib"])
    with pytest.raises(subprocess.TimeoutExpired):
        child.wait(0.5)
    assert list(tmp_path.iterdir()) == []
    os.close(lock)
    assert child.wait(30) == 0
    assert [row["id"] for row in lines(tmp_path / "events_undated.jsonl")] == ["child"]


def test_many_events_are_written_in_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(ledger, "_HELD", 300)
    assert ledger.append(str(tmp_path), (event(f"e{number}") for number in range(20))) == 20
    assert [row["id"] for row in lines(tmp_path / "events_20260122.jsonl")] == [f"e{n}" for n in range(20)]


# --- payloads -----------------------------------------------------------------------------------------


@pytest.fixture
def store(tmp_path):
    root = tmp_path / "history"
    (root / "common" / "payloads").mkdir(parents=True)
    (root / "payloads").mkdir()
    (tmp_path / "secret.json").write_text('{"response":"secret"}')
    (root / "payloads" / "p.json").write_text('{"response":"root"}')
    (root / "common" / "payloads" / "p.json").write_text('{"response":"common"}')
    return root


@pytest.mark.parametrize(
    "reference", ["../secret.json", "payloads/../../secret.json", "{tmp}/secret.json", "payloads/link.json",
                  "payloads/folder/secret.json", "..\\secret.json", "payloads/p.json\0"]
)  # fmt: skip
def test_a_reference_out_of_the_store_is_refused(store, tmp_path, reference):
    (store / "payloads" / "link.json").symlink_to(tmp_path / "secret.json")
    (store / "payloads" / "folder").symlink_to(tmp_path)
    told = {"payload_ref": reference.replace("{tmp}", str(tmp_path)), "payload_preview": '{"response":"x"}'}
    assert payloads.payload(str(store / "events_1.jsonl"), told) == (None, "payload-outside", "")


@pytest.mark.parametrize("reference", ["payloads/none.json", "payloads", "", 7, None])
def test_a_payload_that_is_not_there_is_missing(store, reference):
    told = {"payload_ref": reference, "payload_preview": '{"response":"x"}'}
    assert payloads.payload(str(store / "events_1.jsonl"), told) == (None, "payload-missing", "")


def test_a_fifo_is_no_payload(store):
    os.mkfifo(store / "payloads" / "fifo.json")
    assert payloads.payload(str(store / "e"), {"payload_ref": "payloads/fifo.json"})[1] == "payload-missing"


def test_a_payload_must_have_its_hash(store):
    data = (store / "payloads" / "p.json").read_bytes()
    good, told = hashlib.sha256(data).hexdigest(), {"payload_ref": "payloads/p.json"}
    found = ({"response": "root"}, "", str(store / "payloads" / "p.json"))
    path = str(store / "events_1.jsonl")
    assert payloads.payload(path, told | {"payload_sha256": good.upper()}) == found
    assert payloads.payload(path, told) == found
    assert payloads.payload(path, told | {"payload_sha256": "0" * 64})[:2] == (None, "payload-changed")
    (store / "payloads" / "p.json").write_bytes(data + b"\n")
    assert payloads.payload(path, told | {"payload_sha256": good}) == found
    (store / "payloads" / "p.json").write_bytes(data[:9])
    assert payloads.payload(path, told)[1] == "payload-changed"


def test_a_reference_of_common_is_looked_for_there_and_then_beside_it(store):
    path = str(store / "common" / "events_1.jsonl")
    assert payloads.payload(path, {"payload_ref": "payloads/p.json"})[0] == {"response": "common"}
    (store / "payloads" / "q.json").write_text("[1]")
    assert payloads.payload(path, {"payload_ref": "payloads/q.json"})[0] == {"items": [1]}


def test_a_payload_of_another_kind_is_wrapped_and_a_huge_one_refused(store, monkeypatch):
    assert payloads.payload("x", {"payload": "words"}) == ({"text": "words"}, "", "")
    monkeypatch.setattr(payloads.jsonl, "MAX_RECORD", 5)
    assert payloads.payload(str(store / "e"), {"payload_ref": "payloads/p.json"})[1] == "payload-large"


# --- turns of Codex -----------------------------------------------------------------------------------


def records(source, root, **wanted):
    """sample_id -> sample of all turns that give one, redaction left out."""
    found, asked = {}, samples.Wanted(**wanted)
    for files in source.find(str(root)):
        for talk in source.parse(files, lambda *note: None):
            samples.mark_replies(talk.turns)
            for turn in talk.turns:
                name = samples.turn_id(talk, turn)
                if not samples.why_not(turn) and name not in found:
                    clean = samples.told(talk, [turn], asked)
                    found[name] = samples.make(talk, [turn], clean, {}, asked, "turn")
    return found


def events_of_home(home):
    for files in codex.find(str(home / ".codex")):
        for talk in codex.parse(files, lambda *note: None):
            samples.mark_replies(talk.turns)
            for turn in talk.turns:
                if not samples.why_not(turn):
                    yield importing.event_of(talk, turn)
                    yield from importing.tool_events_of(talk, turn)


HOMES = [HOME, *([type(HOME)(os.environ["AFS_TEST_HOME"])] if os.environ.get("AFS_TEST_HOME") else [])]


@pytest.mark.parametrize("home", HOMES, ids=lambda home: "examples" if home == HOME else "real")
def test_threads_that_were_imported_give_the_same_samples(tmp_path, home):
    added = ledger.append(str(tmp_path), events_of_home(home))
    assert added > 20 and ledger.append(str(tmp_path), events_of_home(home)) == 0
    for wanted in ({}, {"system": True}, {"tools": False, "thinking": False}):
        there = records(history.History(), tmp_path, **wanted)
        assert there and there == records(codex, home / ".codex", **wanted)


def test_tool_events_of_an_import_tell_what_failed(tmp_path):
    ledger.append(str(tmp_path), events_of_home(HOME))
    source = history.History(frozenset(("tool",)))
    (files,) = source.find(str(tmp_path))
    turns = [talk.turns[0] for talk in source.parse(files, lambda *note: None)]
    reasons = {turn.skip for turn in turns}
    assert reasons == {"", "failed"}
    good = next(turn for turn in turns if not turn.skip)
    assert good.messages[0].content.startswith("Tool ") and "\n\n{" in good.messages[0].content
    assert good.domain == "history_tools"


def test_what_a_damaged_event_of_an_import_lacks_is_said(tmp_path):
    talk = Conversation("codex", "s1", ["x"], [
        Turn([Message("user", f"q{at}"), Message("assistant", f"a{at}")], f"n{at}", at) for at in range(4)
    ])  # fmt: skip
    events = [importing.event_of(talk, turn) for turn in talk.turns]
    events[1] |= {"payload": None, "payload_ref": "gone.json"}
    events = [events[3], events[0], events[1]]
    old = event("old", source="codex", op="completion", payload={"prompt": "q", "response": "a preamble"})
    mine = old | {"id": "old2", "metadata": {"codex_session_id": "s1"}}
    path = tmp_path / "events_1.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in [*events, old, mine]))
    first, second = history.parse([str(path)], lambda *note: None)
    assert [(turn.ordinal, samples.why_not(turn)) for turn in first.turns] == [
        (0, ""), (1, "payload-missing"), (2, "not-imported"), (3, ""), (4, "incomplete")
    ]  # fmt: skip
    assert (second.id, [turn.skip for turn in second.turns]) == ("old", ["incomplete"])


def test_an_event_is_one_whatever_repeats_it():
    turn = Turn([Message("user", "q"), Message("assistant", "a")], "n", 3)
    fork = Turn([Message("user", "q"), Message("assistant", "a")], "n", 3, origin="s1")
    one = importing.event_of(Conversation("codex", "s1", ["x"]), turn)
    other = importing.event_of(Conversation("codex", "s2", ["y"]), fork)
    assert one["id"] == other["id"] == sample.sample_id("codex", "s1", "n")
