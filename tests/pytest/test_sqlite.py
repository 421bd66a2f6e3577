"""Databases of other programs: what was committed is read, nothing is left beside them, damage is named."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time

import pytest
from afs.logs import sqlite
from conftest import ROOT

SCHEMA = "CREATE TABLE t(n INTEGER PRIMARY KEY, text TEXT, data BLOB)"


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """A temporary folder of its own, to see what lies in it."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setattr(sqlite, "_temporary", lambda: str(folder))
    monkeypatch.setenv("TMPDIR", str(folder))
    sqlite._sweep.cache_clear()
    return folder


def make(path, rows=3, journal="WAL"):
    base = sqlite3.connect(path, isolation_level=None)
    base.execute(f"PRAGMA journal_mode={journal}")
    base.execute(SCHEMA)
    base.executemany("INSERT INTO t VALUES(?, 'x', x'00ff')", [(n,) for n in range(rows)])
    base.close()
    return str(path)


def numbers(connection):
    return [n for (n,) in connection.execute("SELECT n FROM t ORDER BY n")]


def listing(path):
    """Names, sizes and contents of the folder of a database."""
    folder = os.path.dirname(path)
    files = (os.path.join(folder, name) for name in sorted(os.listdir(folder)))
    return {name: open(name, "rb").read() for name in files if os.path.isfile(name)}


def process(code, *args):
    """A Python process that has said one line when this returns."""
    env = {**os.environ, "PYTHONPATH": str(ROOT / "lib"), "PYTHONDONTWRITEBYTECODE": "1"}
    started = subprocess.Popen(
        [sys.executable, "-c", code, *args],
        env=env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert started.stdout.readline() == "ready\n"
    return started


@pytest.mark.parametrize("name", ["plain", "a b", "what?", "half#", "50%41", "ünï", "q'\"&=", "file:x"])
def test_a_database_is_read_in_place_whatever_its_name_is(tmp_path, name, temporary):
    (tmp_path / "in").mkdir()
    path = make(tmp_path / "in" / name)
    before = listing(path)
    with sqlite.opened(path) as connection:
        assert numbers(connection) == [0, 1, 2]
        assert os.listdir(temporary) == []
    assert listing(path) == before


def test_a_name_that_is_no_utf8(tmp_path):
    folder = os.path.join(os.fsencode(tmp_path), b"in\xff")
    os.mkdir(folder)
    made = make(tmp_path / "x")
    path = os.path.join(os.fsdecode(folder), "b.db")
    os.rename(made, path)
    with sqlite.opened(path) as connection:
        assert numbers(connection) == [0, 1, 2]


def test_text_and_blobs_are_told_apart(tmp_path):
    path = make(tmp_path / "b.db", 1)
    with sqlite.opened(path) as connection:
        assert connection.execute("SELECT text, data FROM t").fetchone() == (bytearray(b"x"), b"\0\xff")
        assert isinstance(connection.execute("SELECT text FROM t").fetchone()[0], bytearray)


def test_nothing_can_be_written(tmp_path):
    path = make(tmp_path / "b.db")
    with pytest.raises(sqlite.Unreadable), sqlite.opened(path) as connection:
        connection.execute("INSERT INTO t(n) VALUES(99)")
    base = sqlite3.connect(path)
    base.execute("INSERT INTO t(n) VALUES(50)")
    base.commit()  # now there is a -wal, and a copy that could be written to
    with pytest.raises(sqlite.Unreadable), sqlite.opened(path) as connection:
        connection.execute("INSERT INTO t(n) VALUES(99)")
    base.close()


def test_rows_that_are_only_in_the_wal_are_read_from_a_copy_that_goes(tmp_path, temporary):
    (tmp_path / "in").mkdir()
    path = make(tmp_path / "in" / "b.db")
    base = sqlite3.connect(path, isolation_level=None)
    base.execute("INSERT INTO t(n) VALUES(7)")
    base.execute("BEGIN IMMEDIATE")
    base.execute("INSERT INTO t(n) VALUES(8)")  # not committed
    before = listing(path)
    assert len(before) == 3
    with sqlite.opened(path) as connection:
        assert numbers(connection) == [0, 1, 2, 7]
        (folder,) = temporary.iterdir()
        assert folder.stat().st_mode & 0o777 == 0o700
        assert all(file.stat().st_mode & 0o077 == 0 for file in folder.iterdir() if file.name != "db-shm")
    assert listing(path) == before
    assert list(temporary.iterdir()) == []
    base.close()


def test_a_process_that_goes_on_writing_loses_and_hides_nothing(tmp_path, temporary):
    (tmp_path / "in").mkdir()
    path = make(tmp_path / "in" / "b.db", 0)
    code = """
import sqlite3, sys, time
base = sqlite3.connect(sys.argv[1], isolation_level=None)
base.execute("PRAGMA wal_autocheckpoint=200")
for n in range(100000):
    base.execute("INSERT INTO t VALUES(?, ?, ?)", (n, "y" * 3000, bytes(100)))
    if n == 20:
        print("ready", flush=True)
    if n >= 20:
        print(n, flush=True)
        time.sleep(0.001)
"""
    names = {"b.db", "b.db-wal", "b.db-shm"}
    writer = process(code, path)
    try:
        for _ in range(20):
            said = int(writer.stdout.readline())  # it had committed this many when it was asked
            found = []
            while not found:
                try:
                    found = sqlite.read(path, numbers)
                except sqlite.Unreadable as error:  # it may change at each of three tries
                    assert "changed" in str(error)
            assert found == list(range(len(found)))
            assert len(found) > said
            assert set(os.listdir(tmp_path / "in")) == names
    finally:
        writer.kill()
        writer.wait()
        writer.stdout.close()
        writer.stdin.close()
    assert list(temporary.iterdir()) == []


HOLDER = """
import sqlite3, sys
base = sqlite3.connect(sys.argv[1], isolation_level=None)
base.execute("PRAGMA cache_size=5")
base.execute(sys.argv[2])
for n in range(int(sys.argv[3])):
    base.execute("INSERT INTO t VALUES(?, ?, NULL)", (1000 + n, "z" * 900))
base.execute("UPDATE t SET text = 'changed' WHERE n < 3") if int(sys.argv[3]) else None
print("ready", flush=True)
sys.stdin.readline()
"""


@pytest.mark.parametrize("rows", [0, 500])  # 500 do not fit its cache: pages are written before the commit
def test_a_database_under_an_exclusive_lock_is_read_without_waiting(tmp_path, rows, temporary):
    (tmp_path / "in").mkdir()
    path = make(tmp_path / "in" / "b.db", journal="DELETE")
    holder = process(HOLDER, path, "BEGIN EXCLUSIVE", str(rows))
    before = listing(path)
    started = time.perf_counter()
    try:
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            sqlite3.connect(path, timeout=0).execute("SELECT * FROM t").fetchone()
        with sqlite.opened(path) as connection:
            found = connection.execute("SELECT n, text FROM t ORDER BY n").fetchall()
        assert found == [(n, b"x") for n in range(3)]
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()
        holder.stdin.close()
    assert time.perf_counter() - started < 4
    assert listing(path) == before
    assert list(temporary.iterdir()) == []


def test_a_transaction_that_a_crash_cut_off_is_rolled_back_in_the_copy_alone(tmp_path):
    (tmp_path / "in").mkdir()
    path = make(tmp_path / "in" / "b.db", journal="DELETE")
    holder = process(HOLDER, path, "BEGIN EXCLUSIVE", "500")
    holder.kill()
    holder.wait()
    holder.stdout.close()
    holder.stdin.close()
    before = listing(path)
    assert f"{path}-journal" in before
    assert sqlite.read(path, numbers) == [0, 1, 2]
    assert listing(path) == before
    with pytest.raises(sqlite.Unreadable), sqlite.opened(path) as connection:
        connection.execute("INSERT INTO t(n) VALUES(99)")


def test_a_journal_that_names_another_file_is_left_alone(tmp_path):
    (tmp_path / "in").mkdir()
    path = make(tmp_path / "in" / "b.db", journal="DELETE")
    precious = tmp_path / "precious"
    precious.write_text("keep")
    with open(f"{path}-journal", "wb") as file:
        file.write(sqlite._JOURNAL_MAGIC + bytes(2000) + os.fsencode(precious) + sqlite._JOURNAL_MAGIC)
    with pytest.raises(sqlite.Unreadable, match="with others"), sqlite.opened(path):
        pass
    assert precious.read_text() == "keep"


def test_a_database_that_changes_while_it_is_read_is_read_again(tmp_path):
    path = make(tmp_path / "b.db", journal="DELETE")
    calls = []

    def work(connection):
        calls.append(numbers(connection))
        if len(calls) == 1:
            other = sqlite3.connect(path, isolation_level=None)
            other.execute("INSERT INTO t(n) VALUES(9)")
            other.close()
        return calls[-1]

    assert sqlite.read(path, work) == [0, 1, 2, 9]
    assert len(calls) == 2


def meddling(monkeypatch, act, times):
    """The copy of the first file of each try is followed by act(), at most `times` times."""
    real, called = sqlite._duplicate, []

    def duplicate(source, target):
        real(source, target)
        if len(os.listdir(os.path.dirname(target))) == 1 and len(called) < times:
            called.append(act())

    monkeypatch.setattr(sqlite, "_duplicate", duplicate)
    return called


@pytest.mark.parametrize("moved", ["PASSIVE", "RESTART", "TRUNCATE"])
def test_a_wal_that_is_begun_anew_during_the_copy_is_copied_again(tmp_path, monkeypatch, moved):
    path, base = live(tmp_path / "in")

    def act():
        base.execute(f"PRAGMA wal_checkpoint({moved})").fetchall()
        base.execute("INSERT INTO t(n) VALUES(8)")

    called = meddling(monkeypatch, act, 1)
    with sqlite.opened(path) as connection:
        assert numbers(connection) == [0, 1, 2, 7, 8]
    assert len(called) == 1
    base.close()


def test_rows_that_come_during_the_copy_break_nothing(tmp_path, monkeypatch):
    path, base = live(tmp_path / "in")

    def act():
        for number in range(100, 400):
            base.execute("INSERT INTO t VALUES(?, ?, NULL)", (number, "y" * 500))
        base.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()  # all is in both files now

    base.execute("PRAGMA wal_autocheckpoint=0")
    meddling(monkeypatch, act, 1)
    with sqlite.opened(path) as connection:
        assert numbers(connection) == [0, 1, 2, 7, *range(100, 400)]
        assert connection.execute("PRAGMA integrity_check").fetchall() == [(b"ok",)]
    base.close()


def test_a_database_that_never_rests_is_named(tmp_path, monkeypatch):
    path, base = live(tmp_path / "in")
    row = iter(range(100, 200))

    def act():
        base.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        base.execute(f"INSERT INTO t(n) VALUES({next(row)})")

    meddling(monkeypatch, act, 99)
    with pytest.raises(sqlite.Unreadable, match="while it was copied"), sqlite.opened(path):
        pass
    base.close()


def test_a_copy_of_a_database_without_a_wal_is_made_again_where_it_changed(tmp_path, monkeypatch):
    path = make(tmp_path / "b.db", journal="DELETE")

    def act():
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as base:
            base.execute("INSERT INTO t(n) VALUES(8)")

    meddling(monkeypatch, act, 1)
    with sqlite.opened(path, copied=True) as connection:
        assert numbers(connection) == [0, 1, 2, 8]


def test_a_link_leads_to_the_files_beside_its_end(tmp_path):
    (tmp_path / "in").mkdir()
    path = make(tmp_path / "in" / "b.db")
    base = sqlite3.connect(path, isolation_level=None)
    base.execute("INSERT INTO t(n) VALUES(7)")
    (tmp_path / "link.db").symlink_to(path)
    assert sqlite.read(str(tmp_path / "link.db"), numbers) == [0, 1, 2, 7]
    base.close()


def test_what_lies_beside_it_under_its_names_and_is_no_file_is_passed_over(tmp_path):
    path = make(tmp_path / "b.db")
    os.mkfifo(f"{path}-wal")
    os.symlink("/etc/passwd", f"{path}-journal")
    with sqlite.opened(path) as connection:
        assert numbers(connection) == [0, 1, 2]


READER = """
import sys
from afs.logs import sqlite
with sqlite.opened(sys.argv[1]) as connection:
    print("ready", flush=True)
    sys.stdin.readline()
"""


def live(folder):
    folder.mkdir()
    path = make(folder / "b.db")
    base = sqlite3.connect(path, isolation_level=None)
    base.execute("INSERT INTO t(n) VALUES(7)")
    return path, base


def test_a_killed_reader_leaves_a_copy_that_the_next_one_removes(tmp_path, temporary):
    path, base = live(tmp_path / "in")
    mine = temporary / "afs-copy-0123456g"  # not one of these names
    mine.mkdir()
    reader, other = process(READER, path), process(READER, path)
    assert len(list(temporary.iterdir())) == 3
    reader.kill()
    reader.wait()
    assert len(list(temporary.iterdir())) == 3
    sqlite.read(make(tmp_path / "quiet.db"), numbers)  # any database, also one that needs no copy
    left = set(temporary.iterdir())
    assert len(left) == 2 and mine in left  # the living reader's copy stays
    other.stdin.write("\n")
    other.stdin.flush()
    assert other.wait(30) == 0
    assert list(temporary.iterdir()) == [mine]
    base.close()
    for one in (reader, other):
        one.stdin.close()
        one.stdout.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_interrupted_reader_leaves_nothing(tmp_path, temporary, number):
    path, base = live(tmp_path / "in")
    code = READER.replace("import sys", "import signal, sys", 1).replace(
        "with", "from afs import cli\nsignal.signal(signal.SIGTERM, cli._interrupted)\nwith", 1
    )
    reader = process(code, path)
    assert len(list(temporary.iterdir())) == 1
    reader.send_signal(number)
    reader.wait(30)
    assert list(temporary.iterdir()) == []
    base.close()
    reader.stdin.close()
    reader.stdout.close()


def damaged(path, at, data):
    with open(path, "r+b") as file:
        file.seek(at)
        file.write(data)


@pytest.mark.parametrize(
    "make_bad, words",
    [
        (lambda path: open(path, "wb").close(), "an empty file"),
        (lambda path: damaged(path, 0, bytes(os.path.getsize(path))), "a file of zeros"),
        (lambda path: damaged(path, 0, os.urandom(4096)), "encrypted"),
        (lambda path: os.truncate(path, 60), "cut in its head"),
        (lambda path: os.truncate(path, 4096), "damaged"),
        (lambda path: damaged(path, 100, b"\xff" * 3996), "damaged"),
        (lambda path: damaged(path, 4096, b"\xff" * 4096), "damaged"),
        (lambda path: damaged(path, 16, b"\0\3"), "no database, or an encrypted one"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path, make_bad, words):
    path = make(tmp_path / "b.db", 300)
    make_bad(path)
    with pytest.raises(sqlite.Unreadable, match=words):
        sqlite.read(path, numbers)


def test_a_table_that_is_not_there(tmp_path):
    path = str(tmp_path / "b.db")
    sqlite3.connect(path).execute("CREATE TABLE other(x)").connection.close()
    with pytest.raises(sqlite.Unreadable, match="other tables"):
        sqlite.read(path, numbers)


def test_bytes_at_any_place_may_be_wrong_and_nothing_but_unreadable_comes_of_it(tmp_path):
    import random

    dice = random.Random(5)
    path = make(tmp_path / "b.db", 200)
    whole = open(path, "rb").read()  # noqa: SIM115
    outcomes = set()
    for _ in range(150):
        data = bytearray(whole)
        for _ in range(dice.choice((1, 5, 200))):
            data[dice.randrange(len(data))] = dice.randrange(256)
        with open(path, "wb") as file:
            file.write(data)
        try:
            sqlite.read(path, lambda base: base.execute("SELECT n, text, data FROM t ORDER BY n").fetchall())
            outcomes.add("read")
        except sqlite.Unreadable:
            outcomes.add("unreadable")
    assert outcomes == {"read", "unreadable"}


def test_a_file_that_is_none(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(sqlite.Unreadable, match="no regular file"), sqlite.opened(str(tmp_path / "pipe")):
        pass
    with pytest.raises(FileNotFoundError), sqlite.opened(str(tmp_path / "absent")):
        pass
    with pytest.raises(IsADirectoryError), sqlite.opened(str(tmp_path)):
        pass


def test_a_query_without_end_ends(tmp_path, monkeypatch):
    monkeypatch.setattr(sqlite, "_SLICES", 3)
    path = make(tmp_path / "b.db")
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
    with pytest.raises(sqlite.Unreadable, match="too long"):
        sqlite.read(path, lambda base: base.execute(endless).fetchone())


def test_views_and_computed_columns_count_as_absent(tmp_path):
    path = str(tmp_path / "b.db")
    base = sqlite3.connect(path)
    base.execute("CREATE TABLE a(x, y AS (hex(x)), z AS (x) STORED)")
    base.execute("CREATE VIEW b AS SELECT x FROM a")
    base.execute("CREATE VIRTUAL TABLE c USING rtree(i, l, h)")
    base.commit()
    base.close()
    with sqlite.opened(path) as connection:
        found = {name: sqlite.columns(connection, name) for name in ("a", "b", "c", "d")}
    assert found == {"a": {"x"}, "b": set(), "c": set(), "d": set()}


def test_a_database_in_use_that_is_too_large_to_copy(tmp_path, monkeypatch):
    path, base = live(tmp_path / "in")
    monkeypatch.setattr(sqlite, "MOST_COPIED", 5000)
    with pytest.raises(sqlite.Unreadable, match="in use") as caught, sqlite.opened(path):
        pass
    assert caught.value.kind == "skipped"
    base.close()


def test_no_room_for_a_copy(tmp_path, monkeypatch, temporary):
    path, base = live(tmp_path / "in")
    full = os.statvfs(path)
    none = os.statvfs_result((full.f_bsize, full.f_frsize, 9, 0, 0, 9, 9, 9, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda _: none)
    with pytest.raises(sqlite.Unreadable, match="no room"), sqlite.opened(path):
        pass
    assert list(temporary.iterdir()) == []
    base.close()


def test_the_words_quote_no_data(tmp_path):
    path = str(tmp_path / "b.db")
    base = sqlite3.connect(path)
    base.execute("CREATE TABLE t(n, text)")
    base.execute("PRAGMA writable_schema=1")
    base.execute("UPDATE sqlite_master SET sql = 'CREATE TABLE private words here('")
    base.commit()
    base.close()
    with pytest.raises(sqlite.Unreadable) as caught:
        sqlite.read(path, numbers)
    assert "private" not in str(caught.value)
    assert caught.value.__cause__ is None
