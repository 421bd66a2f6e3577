"""A crash at any moment leaves the old output or the new one, never half of one."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import threading
import time

import pytest
from conftest import ROOT

LINE = b'{"instruction":"%d","output":"%s"}\n'
OLD = b"".join(LINE % (number, b"old") for number in range(5))
NEW = b"".join(LINE % (number, b"new" * 40) for number in range(4000))
PARTS = re.compile(r"\.o\.[0-9a-f]{8}\.afs-part")


def trickle(pipe, data, pieces, seconds):
    """Feed a command slowly, as a producer that works does."""
    step = max(1, len(data) // pieces)
    try:
        for at in range(0, len(data), step):
            pipe.write(data[at : at + step])
            pipe.flush()
            time.sleep(seconds / pieces)
        pipe.close()
    except (BrokenPipeError, ValueError):
        pass


def left(shell):
    return sorted(name for name in os.listdir(shell.folder) if name != "home")


def run_and_kill(shell, number, wait, seconds=0.25):
    """Exit status of a slow run that got a signal after `wait` seconds."""
    process = shell.start("afs-validate", "-q", "-o", "o", stdout=subprocess.DEVNULL)
    feeder = threading.Thread(target=trickle, args=(process.stdin, NEW, 40, seconds))
    feeder.start()
    time.sleep(wait)
    process.send_signal(number)
    status = process.wait(30)
    feeder.join()
    process.stderr.close()
    return status


def duration(shell):
    """Seconds that a whole run takes here and now."""
    started = time.perf_counter()
    assert run_and_kill(shell, 0, 0) == 0
    return time.perf_counter() - started


def test_a_kill_at_any_moment_leaves_the_old_or_the_new_file(shell):
    dice = random.Random(7)
    seen = {OLD: 0, NEW: 0}
    path = shell.folder / "o"
    whole = duration(shell)
    for _ in range(30):
        path.write_bytes(OLD)
        status = run_and_kill(shell, signal.SIGKILL, dice.uniform(0, 1.5) * whole)
        found = path.read_bytes()
        assert found in seen
        seen[found] += 1
        assert found == NEW if status == 0 else status == -signal.SIGKILL
        others = [name for name in left(shell) if name != "o"]
        assert len(others) <= 1 and all(PARTS.fullmatch(name) for name in others)
    assert min(seen.values()) >= 2, f"the moments were not spread: {list(seen.values())}"
    done = shell.run("afs-validate", "-q", "-o", "o", stdin=NEW)
    assert done.returncode == 0 and path.read_bytes() == NEW and left(shell) == ["o"]


def test_a_kill_where_no_file_was_leaves_none_or_the_new(shell):
    dice = random.Random(8)
    whole = duration(shell)
    (shell.folder / "o").unlink()
    for _ in range(6):
        run_and_kill(shell, signal.SIGKILL, dice.uniform(0, 1.5) * whole)
        if "o" in left(shell):
            assert (shell.folder / "o").read_bytes() == NEW
            (shell.folder / "o").unlink()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_interrupt_at_any_moment_cleans_up(shell, number):
    dice = random.Random(number)
    path = shell.folder / "o"
    whole = duration(shell)
    for _ in range(8):
        path.write_bytes(OLD)
        status = run_and_kill(shell, number, dice.uniform(0.3, 1.5) * whole)
        assert status in (0, 130, -number)  # the last: before the command itself began
        # A signal may also come in the moment between the rename and the end of the process.
        assert path.read_bytes() == NEW or (status and path.read_bytes() == OLD)
        assert left(shell) == ["o"]


# The commit taken apart: the run stops right before the system call whose turn it is.
STEPS = """
import os, sys
sys.path.insert(0, {lib!r})
turn, calls = int(sys.argv.pop(1)), [0]
def die_before(name):
    real = getattr(os, name)
    def stand_in(*args, **kwargs):
        calls[0] += 1
        if calls[0] == turn:
            os.kill(os.getpid(), 9)
        return real(*args, **kwargs)
    setattr(os, name, stand_in)
for name in ("open", "write", "fchmod", "fchown", "fsync", "rename", "close", "unlink", "listdir"):
    die_before(name)
sys.argv[0] = "afs-validate"
names = {{"__name__": "__main__", "__file__": {command!r}}}
exec(compile(open({command!r}).read(), {command!r}, "exec"), names)
"""


def test_a_kill_before_every_single_step_of_the_commit(shell):
    (shell.folder / "home" / "in").write_bytes(NEW)
    program = STEPS.format(lib=str(ROOT / "lib"), command=str(ROOT / "bin" / "afs-validate"))
    (shell.folder / "home" / "step.py").write_text(program)
    path, rejects = shell.folder / "o", shell.folder / "r"
    seen = set()
    for turn in range(1, 200):
        path.write_bytes(OLD)
        rejects.write_bytes(b"old rejects\n")
        done = shell.run("python3", "home/step.py", turn, "-q", "-o", "o", "--rejects", "r", "home/in")
        pair = (path.read_bytes(), rejects.read_bytes())
        assert pair[0] in (OLD, NEW) and pair[1] in (b"old rejects\n", b"")
        assert pair != (NEW, b"old rejects\n"), "the output was there before its rejects"
        seen.add(pair)
        if done.returncode == 0:
            break
    else:
        pytest.fail("the run never got to its end")
    assert turn > 10 and len(seen) == 3
    assert left(shell) == ["o", "r"], "leftovers of the killed runs"


MAKE = """
SHELL := bash
.DELETE_ON_ERROR:
out.jsonl: in.jsonl
\tset -euo pipefail; slow < $< | afs-validate -q > $@.part && mv $@.part $@
"""
SLOW = "#!/usr/bin/env bash\nhead -n 100; echo $$ > pid; exec sleep 20\n"


def test_a_killed_producer_inside_a_make_stage_leaves_the_target(shell):
    """-o cannot see that a producer in a pipe failed; pipefail and the rename after the pipe can."""
    (shell.folder / "Makefile").write_text(MAKE)
    (shell.folder / "home" / "slow").write_text(SLOW)
    (shell.folder / "home" / "slow").chmod(0o755)
    shell.env["PATH"] = f"{shell.folder}/home:{shell.env['PATH']}"
    target = shell.folder / "out.jsonl"
    target.write_bytes(OLD)
    os.utime(target, (1, 1))
    (shell.folder / "in.jsonl").write_bytes(NEW)
    process = shell.start("make", "out.jsonl", stdin=subprocess.DEVNULL)
    pid = shell.folder / "pid"
    while not pid.exists() or not pid.read_text().strip():
        assert process.poll() is None
        time.sleep(0.02)
    os.kill(int(pid.read_text()), signal.SIGKILL)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 2 and b"Error 137" in stderr
    assert target.read_bytes() == OLD
