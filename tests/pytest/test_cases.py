"""Golden cases: tests/cases/NAME/NUMBER/{cmd,in,out,err}.

`cmd` is run by bash in a copy of its folder, with `in` (where there is one) as standard input. `out` is what
must come on standard output; `err` what must come on standard error, with the exit status as its last line.
After a wanted change write them anew and read the difference:

    AFS_TEST_POPULATE=1 python3 -m pytest tests/pytest/test_cases.py && git diff tests/cases
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from conftest import ROOT, Shell, commands

CASES = sorted(path.parent for path in (ROOT / "tests" / "cases").glob("*/*/cmd"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}/{case.name}")
def test_the_case_holds(case, tmp_path):
    folder = tmp_path / "case"
    shutil.copytree(case, folder, symlinks=True)
    for name in ("cmd", "out", "err"):
        (folder / name).unlink(missing_ok=True)
    shell = Shell(folder)
    shell.env["TZ"] = "UTC"
    text = (folder / "in").read_bytes() if (folder / "in").exists() else b""
    done = shell.bash((case / "cmd").read_text("utf-8"), stdin=text)
    found = {"out": done.stdout, "err": done.stderr + b"exit %d\n" % done.returncode}
    for name, data in found.items():
        assert str(tmp_path).encode() not in data, f"{name} holds a path of this machine"
        if os.environ.get("AFS_TEST_POPULATE"):
            (case / name).write_bytes(data)
    wanted = {name: (case / name).read_bytes() for name in found}
    assert found == wanted


def test_every_case_is_whole():
    for folder in (ROOT / "tests" / "cases").glob("*/*"):
        missing = [name for name in ("cmd", "out", "err") if not (folder / name).exists()]
        assert not missing, f"{folder.relative_to(ROOT)} lacks {missing}: run with AFS_TEST_POPULATE=1"
        assert folder.name.isdigit() and len(folder.name) == 4


@pytest.mark.parametrize("name", commands())
def test_every_command_has_a_case(name):
    text = "".join(Path(case / "cmd").read_text("utf-8") for case in CASES)
    assert name in text, f"write tests/cases/{name}/0001/cmd"
