"""What the tests share: the commands of this checkout, run as a person runs them, or loaded as modules."""

from __future__ import annotations

import gc
import importlib.util
import os
import signal
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[2]
PYTHON_BIN = os.path.dirname(sys.executable)

# The same examples at every run, and no database in the tree.
settings.register_profile("afs", derandomize=True, deadline=None, database=None, print_blob=False)
settings.load_profile("afs")

# Thousands of tests leave a large heap: going through it often costs minutes, and falls into what is timed.
gc.set_threshold(50_000, 20, 50)

# A shell starts what is in its background with interrupts ignored; the tests are about what they do.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def cache_of_its_own(tmp_path_factory):
    """What commands keep for the next process is not kept in the home of who runs the tests."""
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))


def environment(home, **more):
    """A clean environment: own HOME, the commands of this checkout and this Python first."""
    path = f"{ROOT}/bin:{ROOT}/scripts:{PYTHON_BIN}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
    return {
        "PATH": path,
        "HOME": str(home),
        "LC_ALL": "C.UTF-8",
        "COLUMNS": "100",
        "PYTHONDONTWRITEBYTECODE": "1",
        **more,
    }


def _deaf_to_nothing():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # a runner may have ignored them
        signal.signal(number, signal.SIG_DFL)


class Shell:
    """Runs commands in a folder of its own. `env` may be changed by the test."""

    def __init__(self, folder):
        self.folder = folder
        home = folder / "home"
        home.mkdir(exist_ok=True)
        self.env = environment(home)

    def run(self, name, *args, stdin=b"", timeout=60, **more):
        """CompletedProcess of a command with its streams as bytes. stdin is bytes or a descriptor."""
        if isinstance(stdin, bytes):
            more["input"] = stdin
        else:
            more["stdin"] = stdin
        for stream in ("stdout", "stderr"):
            more.setdefault(stream, subprocess.PIPE)
        return subprocess.run(
            [name, *map(str, args)],
            cwd=self.folder,
            env=self.env,
            timeout=timeout,
            preexec_fn=_deaf_to_nothing,
            check=False,
            **more,
        )

    def bash(self, script, *args, **more):
        """The same for a few lines of bash; $1 and on are args."""
        return self.run("bash", "-c", script, "bash", *args, **more)

    def start(self, name, *args, **more):
        """A Popen with pipes, for tests that signal it."""
        for stream in ("stdin", "stdout", "stderr"):
            more.setdefault(stream, subprocess.PIPE)
        return subprocess.Popen(
            [name, *map(str, args)],
            cwd=self.folder,
            env=self.env,
            preexec_fn=_deaf_to_nothing,
            **more,
        )


@pytest.fixture
def shell(tmp_path):
    return Shell(tmp_path)


def load(name):
    """A command of bin/ as a module, without leaving bytecode beside it."""
    spelled = name.replace("-", "_")
    loader = SourceFileLoader(spelled, str(ROOT / "bin" / name))
    spec = importlib.util.spec_from_loader(spelled, loader)
    module = importlib.util.module_from_spec(spec)
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = before
    return module


def commands(kind="python"):
    """Names of the files in bin/ whose first line mentions `kind`, sorted."""
    found = []
    for path in sorted((ROOT / "bin").iterdir()):
        with path.open("rb") as file:
            if kind.encode() in file.readline():
                found.append(path.name)
    return found


def as_nobody(shell, name, *args):
    """(status, stderr) of a command as a user without rights. Only root can become one.

    The command runs in a fork of this process, because another user may not reach this Python's files.
    """
    import fcntl  # noqa: F401  what a run loads late has to be here before the rights are gone

    import xxhash  # noqa: F401
    from afs import cli

    module = load(name)
    said = shell.folder / "stderr-of-nobody"
    said.touch()
    for folder in (shell.folder, *shell.folder.parents[:3]):  # pytest makes them for root alone
        if folder.stat().st_uid == os.geteuid() and folder != Path("/tmp"):
            folder.chmod(folder.stat().st_mode | 0o055)
    child = os.fork()
    if not child:
        status = 99
        try:
            os.chdir(shell.folder)
            os.dup2(os.open(said, os.O_WRONLY), 2)
            os.dup2(os.open(os.devnull, os.O_RDWR), 0)
            sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            sys.argv = [name, *map(str, args)]
            cli.run(module.main)
        except SystemExit as error:
            status = error.code
        finally:
            sys.stderr.flush()
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    text = said.read_bytes()
    said.unlink()
    return status, text
