"""Exact duplicates: what is the same, which one stays, and what it costs."""

from __future__ import annotations

import json
import os
import random
import sys

import pytest
from afs import sample
from afs.curate import spool
from conftest import PYTHON_BIN, ROOT, load
from hypothesis import given
from hypothesis import strategies as st

dedupe = load("afs-dedupe")
KEEPS = ("first", "last")


def encode(record):
    return json.dumps(record, ensure_ascii=False).encode()


def ids(data):
    return [json.loads(line)["sample_id"] for line in data.splitlines()]


@pytest.mark.parametrize("keep", KEEPS)
def test_recall_and_precision_are_whole(shell, keep):
    """Copies in other bytes are found; what only looks alike, and short answers to other questions, stay."""
    chance = random.Random(5)
    contents = [(f"question {n}", "", "yes") for n in range(300)]
    contents += [("q", text, "no") for text in ("", "a", "ab", "a b", "\0", "a\0b")]
    contents += [
        ("q", "a", "b"),
        ("qa", "", "b"),
        ("q", "", "ab"),
        ("", "qa", "b"),
        ("Q", "a", "b"),
        ("q", "a", "b "),
    ]
    lines = []
    for number in range(3000):
        question, context, answer = content = chance.choice(contents)
        fields = {"instruction": question, "output": answer, "timestamp": str(number), "quality_score": 0.5}
        if context or chance.random() < 0.5:
            fields["input"] = context
        fields["sample_id"] = f"{contents.index(content)}.{number}"
        order = chance.sample(sorted(fields), len(fields))
        separators = chance.choice([(",", ":"), (" , ", " : ")])
        made = {key: fields[key] for key in order}
        lines.append(json.dumps(made, ensure_ascii=chance.random() < 0.5, separators=separators))
    seen = {}
    for line in lines:
        name = json.loads(line)["sample_id"].partition(".")[0]
        if keep == "last" or name not in seen:
            seen.pop(name, None)
            seen[name] = line
    data = "".join(f"{line}\n" for line in lines).encode()
    done = shell.run("afs-dedupe", "-q", "--keep", keep, stdin=data)
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode().splitlines() == list(seen.values())


def test_messages_count_and_reasoning_does_not():
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    one = {"role": "assistant", "content": "", "tool_calls": [call]}
    base = sample.make(instruction="q", output="a", messages=[one])
    other = sample.make(
        instruction="q", output="a", thinking="hm", messages=[{**one, "reasoning_content": "hm"}]
    )
    assert sample.content_key(base) == sample.content_key(other)
    call2 = {**call, "function": {"name": "f", "arguments": '{"x":1}'}}
    changed = sample.make(instruction="q", output="a", messages=[{**one, "tool_calls": [call2]}])
    assert sample.content_key(base) != sample.content_key(changed)


@given(keys=st.lists(st.integers(0, 6)), wide=st.integers(1, 5))
def test_the_last_rows_are_those_of_a_plain_loop(keys, wide):
    """A key of 0 stands for a line that could not be used."""
    before, spool._ROWS = spool._ROWS, wide
    try:
        with spool.Spool() as rows:
            for number, key in enumerate(keys):
                if key:
                    rows.write_row(number, key << 120)
            found = list(rows.last_rows())
    finally:
        spool._ROWS = before
    expected = [key not in keys[at + 1 :] if key else None for at, key in enumerate(keys)]
    while expected and expected[-1] is None:
        expected.pop()
    assert found == expected


@given(st.lists(st.binary(max_size=40).filter(lambda line: b"\n" not in line), min_size=1))
def test_a_spool_gives_back_its_lines(lines):
    with spool.Spool() as copy:
        for line in lines:
            copy.write(line + b"\n")
        assert list(copy.lines()) == lines


def test_a_spool_is_private_and_has_no_name(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with spool.Spool() as copy:
        found = os.fstat(copy._fd)
        assert found.st_nlink == 0
        assert found.st_mode & 0o777 == 0o600
        assert not os.listdir(tmp_path)


def test_a_full_disk_is_said_with_folder_and_remedy(tmp_path, monkeypatch):
    def full(fd, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with spool.Spool() as copy:
        copy.write(b"x" * 10)
        monkeypatch.setattr(spool.os, "write", full)
        with pytest.raises(spool.Full) as caught:
            list(copy.lines())
        monkeypatch.undo()
    assert (
        str(caught.value)
        == f"{tmp_path}: no space left on device; set TMPDIR to a folder with room for a copy"
    )


@pytest.mark.parametrize("change", ["grow", "replace"])
def test_a_file_that_changes_between_the_passes_is_not_used(tmp_path, change):
    path = tmp_path / "in.jsonl"
    path.write_bytes(b"{}\n")
    again = spool.Again([str(path)], 1 << 20)
    assert list(again.lines()) == [b"{}"]
    if change == "grow":
        with path.open("ab") as file:
            file.write(b"{}\n")
    else:
        (tmp_path / "new").write_bytes(b"[]\n")
        os.rename(tmp_path / "new", path)
    with pytest.raises(spool.Changed, match=r"in\.jsonl: was changed while it was read"):
        list(again.lines())


def test_a_changed_file_ends_the_command_and_writes_nothing(shell):
    """The file grows while the command waits for room in the pipe of its messages."""
    path = shell.folder / "in.jsonl"
    path.write_bytes(encode({"instruction": "q", "output": "a"}) + b"\n" + b"x\n" * 3000)
    child = shell.start("afs-dedupe", "--keep", "last", "in.jsonl", "-o", "out.jsonl")
    child.stderr.read(1)
    with path.open("ab") as file:
        file.write(b"{}\n")
    _, said = child.communicate(timeout=30)
    assert child.returncode == 1
    assert b"in.jsonl: was changed while it was read; run again when it is complete" in said
    assert not (shell.folder / "out.jsonl").exists()


def peak(shell, keep, lines):
    """Peak memory of a run in bytes, and how many lines it wrote."""
    script = (
        "import os, subprocess, sys; child = subprocess.Popen(sys.argv[1:], stdout=open('out', 'wb'));"
        "_, status, usage = os.wait4(child.pid, 0); print(status, usage.ru_maxrss)"
    )
    with (shell.folder / "in.jsonl").open("wb") as file:
        file.writelines(lines)
    command = [str(ROOT / "bin" / "afs-dedupe"), "-q", "--keep", keep, "in.jsonl"]
    done = shell.run(f"{PYTHON_BIN}/python3", "-c", script, sys.executable, *command)
    status, usage = done.stdout.split()
    assert status == b"0", done.stderr
    unit = 1 if sys.platform == "darwin" else 1024
    return int(usage) * unit, (shell.folder / "out").read_bytes().count(b"\n")


@pytest.mark.parametrize("keep", KEEPS)
def test_memory_is_that_of_the_distinct_lines(shell, keep):
    count = 300_000
    many = (b'{"instruction":"question %d","output":"yes"}\n' % number for number in range(count))
    usage, written = peak(shell, keep, many)
    assert written == count
    assert usage <= 60e6 + 140 * count
    same = (b'{"instruction":"question","output":"yes","n":%d}\n' % number for number in range(count))
    usage, written = peak(shell, keep, same)
    assert written == 1
    assert usage <= 60e6


def test_an_id_key_needs_an_id():
    assert dedupe.id_key({"sample_id": "a"}) != dedupe.id_key({"sample_id": "b"})
    for record in ({}, {"sample_id": ""}, {"sample_id": None}, {"sample_id": 5}):
        with pytest.raises((KeyError, AttributeError)):
            dedupe.id_key(record)
    assert dedupe.id_key({"sample_id": "\ud800"})
