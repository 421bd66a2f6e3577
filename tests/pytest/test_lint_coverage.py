"""The linters see the programs without a suffix. A green lint that looked at nothing is no lint.

A fault is planted in every program of a copy of the tree, and the targets of the Makefile must name each.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT, commands, environment

PROGRAMS = {
    path.relative_to(ROOT)
    for folder in ("bin", "scripts")
    for path in (ROOT / folder).iterdir()
    if path.is_file()
}
PYTHON = sorted(str(path) for path in PROGRAMS if b"python" in (ROOT / path).open("rb").readline())
BASH = sorted(str(path) for path in PROGRAMS if b"bash" in (ROOT / path).open("rb").readline())


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A function: plant text at the end of files in a fresh copy of the tree, make a target, what it said."""
    if not (ROOT / "Makefile").exists():
        pytest.skip("no Makefile yet")
    missing = [
        tool for tool in ("ruff", "mypy", "shellcheck") if not shutil.which(tool, path=f"{sys.prefix}/bin")
    ]
    if missing:
        pytest.skip(f"not installed here: {', '.join(missing)}")

    def plant(fault, names, target):
        folder = tmp_path_factory.mktemp("tree")
        leave = shutil.ignore_patterns("__pycache__", "*.pyc")
        for name in ("bin", "lib", "scripts", "tests", "examples"):
            shutil.copytree(ROOT / name, folder / name, ignore=leave, symlinks=True)
        for name in ("Makefile", "pyproject.toml", "constraints.txt", "README.md"):
            if (ROOT / name).exists():
                shutil.copy(ROOT / name, folder)
        for name in names:
            with (folder / name).open("a") as file:
                file.write(fault)
        # -i: what is wrong elsewhere in the tree must not hide the fault from the linters that come later.
        done = subprocess.run(
            ["make", "-i", f"AFS_VENV={sys.prefix}", "-o", f"{sys.prefix}/.dev", *target.split()],
            cwd=folder, env=environment(folder), capture_output=True, text=True, check=False,
        )  # fmt: skip
        said = done.stdout + done.stderr
        assert not fault or "(ignored)" in said, f"make {target} is content with:\n{fault}\n{said}"
        return said

    return plant


def unnamed(programs, said):
    """Programs that no linter named with a line number."""
    place = r"^(?:In |\s*--> )?((?:bin|scripts)/[\w.-]+)(?::| line )\d+"
    return sorted(set(programs) - set(re.findall(place, said, re.MULTILINE)))


def test_every_program_has_a_language():
    assert sorted(PYTHON + BASH) == sorted(map(str, PROGRAMS)), "write a shebang that names python or bash"
    assert {f"bin/{name}" for name in commands()} <= set(PYTHON)


def test_ruff_checks_every_program_in_python(copy):
    assert unnamed(PYTHON, copy("\nplanted_name_that_nobody_defined\n", PYTHON, "lint")) == []


def test_ruff_formats_every_program_in_python(copy):
    """It names no files when it is quiet, so the command is looked at."""
    (command,) = [line for line in copy("", [], "-n lint").splitlines() if "ruff format" in line]
    assert "--check" in command.split() and sorted(set(PYTHON) & set(command.split())) == PYTHON


def test_mypy_checks_every_program_in_python(copy):
    assert unnamed(PYTHON, copy('\nplanted: int = "text"\n', PYTHON, "types")) == []


def test_shellcheck_checks_every_program_in_bash(copy):
    assert unnamed(BASH, copy("\nplanted=$1; rm $planted\n", BASH, "lint")) == []


def test_the_library_and_the_tests_are_checked(copy):
    names = ["lib/afs/sample.py", "lib/afs/logs/read.py", "tests/pytest/conftest.py"]
    said = copy("\nplanted_name_that_nobody_defined\n", names, "lint")
    assert [name for name in names if f"{name}:" not in said] == []
    said = copy('\nplanted: int = "text"\n', names[:2], "types")
    assert [name for name in names[:2] if f"{name}:" not in said] == []
