"""Exact duplicates: what is the same, which one stays, and what it costs."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time

import pytest
from afs import sample
from afs.curate import matches, spool
from conftest import PYTHON_BIN, ROOT
from hypothesis import given
from hypothesis import strategies as st

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


def peak(shell, keep, lines, *options):
    """Peak memory of a run in bytes, and how many lines it wrote; `lines` may be there already."""
    script = (
        "import os, subprocess, sys; child = subprocess.Popen(sys.argv[1:], stdout=open('out', 'wb'));"
        "_, status, usage = os.wait4(child.pid, 0); print(status, usage.ru_maxrss)"
    )
    if lines is not None:
        with (shell.folder / "in.jsonl").open("wb") as file:
            file.writelines(lines)
    command = [str(ROOT / "bin" / "afs-dedupe"), "-q", "--keep", keep, *options, "in.jsonl"]
    done = shell.run(f"{PYTHON_BIN}/python3", "-c", script, sys.executable, *command)
    status, usage = done.stdout.split()
    assert status == b"0", done.stderr
    unit = 1 if sys.platform == "darwin" else 1024
    return int(usage) * unit, (shell.folder / "out").read_bytes().count(b"\n")


@pytest.mark.parametrize("keep", KEEPS)
def test_memory_is_that_of_the_distinct_lines(shell, keep):
    count = 200_000
    many = (b'{"instruction":"question %d","output":"yes"}\n' % number for number in range(count))
    usage, written = peak(shell, keep, many)
    assert written == count
    assert usage <= 60e6 + 140 * count
    same = (b'{"instruction":"question","output":"yes","n":%d}\n' % number for number in range(count))
    usage, written = peak(shell, keep, same)
    assert written == 1
    assert usage <= 60e6 + (140 * count if keep == "last" else 0)


def test_an_id_key_needs_an_id():
    assert matches.id_key({"sample_id": "a"}) != matches.id_key({"sample_id": "b"})
    for record in ({}, {"sample_id": ""}, {"sample_id": None}, {"sample_id": 5}):
        with pytest.raises((KeyError, AttributeError)):
            matches.id_key(record)
    assert matches.id_key({"sample_id": "\ud800"})


@pytest.mark.parametrize("keep", KEEPS)
@pytest.mark.parametrize("by", ["content", "id"])
def test_what_memory_does_not_hold_is_sorted_in_scratch(shell, keep, by):
    """With room for a few hundred keys the lines are those of a run that has all the room."""
    chance = random.Random(4)
    rows = [(chance.randrange(3000), chance.randrange(3000)) for _ in range(8000)]
    data = b"".join(b'{"sample_id":"%d","instruction":"%d","output":"yes"}\n' % row for row in rows)
    whole = shell.run("afs-dedupe", "--by", by, "--keep", keep, stdin=data)
    for memory in ("64k", "300k"):
        few = shell.run("afs-dedupe", "--by", by, "--keep", keep, "--memory", memory, stdin=data)
        assert (few.returncode, few.stdout, few.stderr) == (0, whole.stdout, whole.stderr)
    (shell.folder / "in").write_bytes(data)
    few = shell.run("afs-dedupe", "--by", by, "--keep", keep, "--memory", "64k", "in")
    assert (few.stdout, few.stderr) == (whole.stdout, whole.stderr)


def test_memory_too_small_for_a_number_a_record_is_said(shell):
    data = b'{"instruction":"q","output":"a"}\n' * 3000
    done = shell.run("afs-dedupe", "--keep", "last", "--memory", "20k", stdin=data)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr == b"afs-dedupe: 3000 samples need --memory 1M or more\n"


def most(shell, memory, *options):
    """Peak memory in bytes of a run within `memory` MB, and how many lines it wrote."""
    used, written = peak(shell, "first", None, "--memory", f"{memory}M", *options)
    assert used <= (memory + 64) << 20, f"{used >> 20} MB"
    return written


@pytest.mark.parametrize(
    "options", [(), ("--near",), ("--near", "-j", "2", "--clusters", "c"), ("--by", "conversation")]
)
def test_memory_is_a_promise(shell, options):
    """Half a million short samples, and some of ten thousand words."""
    chance = random.Random(8)
    words = [f"w{number}" for number in range(5000)]
    with (shell.folder / "in.jsonl").open("wb") as file:
        for number in range(200_000 if "--near" not in options else 60_000):
            file.write(
                b'{"sample_id":"%d","instruction":"question %d of many","output":"yes"}\n' % (number, number)
            )
        for number in range(60):
            text = " ".join(chance.choices(words, k=10_000))
            file.write(
                encode({"sample_id": f"long {number}", "instruction": "tell me", "output": text}) + b"\n"
            )
    assert most(shell, 8, *options) == (60_060 if "--near" in options else 200_060)


def test_ten_thousand_alike_and_one_that_is_huge(shell):
    """Identical records, records that differ in one word, and one of 40 MB."""
    text = " ".join(f"w{number}" for number in range(300))
    with (shell.folder / "in.jsonl").open("wb") as file:
        for number in range(10_000):
            file.write(encode({"instruction": "q", "output": text, "n": number}) + b"\n")
        for number in range(3000):
            file.write(encode({"instruction": "q", "output": f"{text} {number}"}) + b"\n")
        file.write(encode({"instruction": "q", "output": "word " * 8_000_000}) + b"\n")
    done = shell.run("afs-dedupe", "--near", "in.jsonl", "-o", "out.jsonl")
    assert done.returncode == 0
    assert b"13001 read, 2 written, 12999 dropped (duplicate 9999, near 3000), 1 too_long" in done.stderr


PHASES = [
    "curate.unique.gather",
    "curate.unique.decide",
    "curate.alike._sketch",
    "curate.near.pairs",
    "curate.alike._said",
    "curate.near.choose",
    "curate.outcome.follow",
    "curate.outcome.write_told",
    "curate.outcome._marked",
    "output.Output.finish",
    "output.Output.commit",
    "output._sync_folder",
]
KILLED = """
import importlib, os, sys
place, path = "afs." + sys.argv[1], sys.argv[2]
module, _, name = place.rpartition(".")
try:
    home = importlib.import_module(module)
except ModuleNotFoundError:
    module, _, kind = module.rpartition(".")
    home = getattr(importlib.import_module(module), kind)
was = getattr(home, name)
def killed(*args, **more):
    result = was(*args, **more) if name.startswith("_sync") else None
    os.kill(os.getpid(), 9)
setattr(home, name, killed)
sys.argv = sys.argv[2:]
exec(compile(open(path).read(), path, "exec"), {"__name__": "__main__", "__file__": path})
"""


@pytest.mark.parametrize("phase", PHASES)
def test_a_run_that_is_killed_leaves_the_old_or_the_new(shell, phase):
    samples = [
        {"instruction": "q", "output": " ".join(f"w{n % 90}" for n in range(100 + at))} for at in range(9)
    ]
    (shell.folder / "in").write_bytes(b"".join(encode(sample) + b"\n" for sample in samples))
    scratch = shell.folder / "scratch"
    scratch.mkdir()
    shell.env["TMPDIR"] = str(scratch)
    options = ("--near", "--dropped", "gone", "in", "-o", "out")
    assert shell.run("afs-dedupe", *options).returncode == 0
    new = (shell.folder / "out").read_bytes()
    (shell.folder / "out").write_bytes(b"old\n")
    done = shell.run("python3", "-c", KILLED, phase, ROOT / "bin" / "afs-dedupe", *options)
    assert done.returncode == -9, done.stderr
    assert (shell.folder / "out").read_bytes() in (b"old\n", new)
    assert shell.run("afs-dedupe", *options).returncode == 0
    assert (shell.folder / "out").read_bytes() == new
    assert not list(scratch.iterdir())
    assert sorted(path.name for path in shell.folder.iterdir()) == ["gone", "home", "in", "out", "scratch"]


def test_a_name_that_was_left_in_scratch_is_removed(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    (tmp_path / f"afs-{'0' * 16}.spool").write_bytes(b"")
    (tmp_path / "afs-other.spool").write_bytes(b"")
    with spool.Spool() as copy:
        copy.write(b"x")
        assert copy.read(9, 0) == b"x"
        assert [path.name for path in tmp_path.iterdir()] == ["afs-other.spool"]


def test_a_process_that_is_gone_ends_the_run(shell):
    samples = families_of(300)
    (shell.folder / "in").write_bytes(samples)
    script = KILLED.replace("os.kill(", "os.getppid() == parent and os.kill(").replace(
        "was =", "parent = os.getpid(); was ="
    )
    args = ("curate.alike._sketch", ROOT / "bin" / "afs-dedupe", "--near", "-j", "2", "in", "-o", "out")
    done = shell.run("python3", "-c", script, *args)
    assert done.returncode == 1
    assert done.stderr == b"afs-dedupe: a process of this run was ended from outside; run again\n"
    assert not (shell.folder / "out").exists()


def test_processes_end_with_a_parent_that_is_killed(shell):
    (shell.folder / "in").write_bytes(families_of(60_000))
    command = [ROOT / "bin" / "afs-dedupe", "--near", "-j", "2", "in", "-o", "out"]
    child = subprocess.Popen(command, cwd=shell.folder, env=shell.env, start_new_session=True)
    for _ in range(1000):
        time.sleep(0.01)
        if len(members(child.pid)) == 3:
            break
    else:
        pytest.fail("there were no children")
    child.kill()
    child.wait()
    for _ in range(1000):
        if not members(child.pid):
            return
        time.sleep(0.01)
    pytest.fail("a child lives on")


def members(session):
    """The processes of a session that still run."""
    done = subprocess.run(["ps", "-A", "-o", "sess=,stat="], capture_output=True, text=True, check=True)
    rows = [line.split() for line in done.stdout.splitlines()]
    return [row for row in rows if row[0] == str(session) and not row[1].startswith("Z")]


def test_a_full_disk_of_a_child_is_said(shell):
    (shell.folder / "in").write_bytes(families_of(3000))
    done = shell.bash("ulimit -f 400; afs-dedupe --near -j 2 in -o out")
    assert done.returncode == 1
    assert done.stderr == b"afs-dedupe: /tmp: file too large; set TMPDIR to a folder with room for a copy\n"
    assert not (shell.folder / "out").exists()


def families_of(count):
    chance = random.Random(6)
    words = [f"w{number}" for number in range(900)]
    texts = [" ".join(chance.choices(words, k=60)) for _ in range(count)]
    return b"".join(encode({"instruction": "q", "output": text}) + b"\n" for text in texts)


@pytest.mark.parametrize("keep", ["first", "last", "longest", "best:n"])
def test_processes_change_nothing(shell, keep):
    chance = random.Random(6)
    lines = families_of(400).splitlines()
    lines += [
        line.replace(b"w1 ", b"x ").replace(b"}", b',"n":%d}' % chance.randint(0, 9)) for line in lines[::2]
    ]
    chance.shuffle(lines)
    (shell.folder / "in").write_bytes(b"\n".join(lines))
    outs = []
    for jobs in "1230":
        options = ("--near", "--keep", keep, "-j", jobs, "--clusters", "who", "--dropped", "gone", "in")
        done = shell.run("afs-dedupe", *options)
        assert done.returncode == 0 and b"near" in done.stderr
        outs.append(
            (done.stdout, done.stderr, *((shell.folder / name).read_bytes() for name in ("who", "gone")))
        )
    assert outs == outs[:1] * 4
