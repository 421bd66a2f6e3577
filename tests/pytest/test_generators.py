"""scripts/gen-docs on a small tree of commands, and the lines of constraints.txt."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from afs import cli

ROOT = Path(__file__).resolve().parents[2]

ALPHA = '''#!/usr/bin/env python3
"""afs-alpha - write the letter a

Reads nothing. A back\\\\slash, a quote' and a tilde ~ stay what they are.
.Not a request. See afs-beta-two, not afs-none.

  a list:   in
    its own shape

Examples:
  afs-alpha --count 3 'it''s' > a.txt
"""

# Also: letters a, first letter

import argparse
import os

HOME = os.path.expanduser("~/.letters")


def build_parser():
    parser = argparse.ArgumentParser(prog="afs-alpha", description=__doc__)
    parser.add_argument("files", nargs="*", metavar="FILE", help="read 100%% of it")
    parser.add_argument("-c", "--count", type=int, default=2, metavar="N", help="how often (%(default)s)")
    parser.add_argument("--kind", choices=("x", "y"), help="one of %(choices)s")
    parser.add_argument("--pair", nargs=2, metavar=("A", "B"), help="two")
    parser.add_argument("--place", required=True, default=HOME, help="%(default)s")
    parser.add_argument("--switch", action="store_true", help="no value")
    parser.add_argument("--secret", help=argparse.SUPPRESS)
    return parser
'''
BETA = "#!/bin/sh\n# afs-beta-two - write the letter b\n#\n# Twice,\n# when asked.\nexit 0\n# not this\n"
PAGE = r""".TH AFS\-ALPHA 1 "" "afs" "AFS"
.SH NAME
afs\-alpha \- write the letter a
.SH SYNOPSIS
.B afs\-alpha
\-\-place PLACE [OPTION...] [FILE...]
.SH DESCRIPTION
Reads nothing. A back\eslash, a quote\(aq and a tilde \(ti stay what they are.
\&.Not a request. See afs\-beta\-two, not afs\-none.
.PP
.RS 2
.nf
a list:   in
  its own shape
.fi
.RE
.SH OPTIONS
.TP
\fB\-h\fR, \fB\-\-help\fR
show this help message and exit
.TP
\fIFILE\fR
read 100% of it
.TP
\fB\-c\fR, \fB\-\-count\fR \fIN\fR
how often (2)
.TP
\fB\-\-kind\fR \fI{x,y}\fR
one of x, y
.TP
\fB\-\-pair\fR \fIA B\fR
two
.TP
\fB\-\-place\fR \fIPLACE\fR
\(ti/.letters
.TP
\fB\-\-switch\fR
no value
.SH EXIT STATUS
.nf
{EXIT STATUS}
.fi
.SH EXAMPLES
.RS 2
.nf
afs\-alpha \-\-count 3 \(aqit\(aq\(aqs\(aq > a.txt
.fi
.RE
.SH SEE ALSO
\fBafs\fR(1),
\fBafs\-beta\-two\fR(1)
"""
README = "# Title\n\n<!-- commands -->\nold\n<!-- /commands -->\n\nTail.\n"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A checkout with two commands; its library is ours."""
    for folder in ("bin", "scripts", "lib"):
        (tmp_path / folder).mkdir()
    for name in ("afs", "gen-docs"):
        shutil.copy(ROOT / "scripts" / name, tmp_path / "scripts")
    (tmp_path / "lib" / "afs").symlink_to(ROOT / "lib" / "afs")
    (tmp_path / "bin" / "afs-alpha").write_text(ALPHA)
    (tmp_path / "bin" / "afs-beta-two").write_text(BETA)
    (tmp_path / "bin" / "afs-alpha~").write_text("an editor's copy")
    (tmp_path / "README.md").write_text(README)
    return tmp_path


def gen(tree: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-B", str(tree / "scripts" / "gen-docs"), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment or None)


def snapshot(tree: Path) -> dict[str, str]:
    found = [*tree.glob("docs/man/*"), tree / "README.md", *tree.glob("bin/*")]
    return {str(path.relative_to(tree)): path.read_text() for path in found}


def test_the_page_of_a_python_command(tree: Path) -> None:
    assert gen(tree, "man").returncode == 0
    page = (tree / "docs/man/afs-alpha.1").read_text()
    statuses = "\n".join(line.strip() for line in cli.EXIT_STATUS.splitlines())
    assert page == PAGE.replace("{EXIT STATUS}", statuses)


def test_the_page_of_a_shell_command(tree: Path) -> None:
    gen(tree, "man")
    page = (tree / "docs/man/afs-beta-two.1").read_text()
    assert "afs\\-beta\\-two \\- write the letter b\n" in page
    assert ".SH DESCRIPTION\nTwice,\nwhen asked.\n.SH SEE ALSO" in page
    assert "not this" not in page
    assert "afs help [\\-m] [COMMAND]" in (tree / "docs/man/afs.1").read_text()


def test_the_table_in_readme(tree: Path) -> None:
    assert gen(tree, "readme").returncode == 0
    assert (tree / "README.md").read_text() == (
        "# Title\n\n<!-- commands -->\n"
        "| command | what it does | as `afs` takes it |\n|---|---|---|\n"
        "| `afs-alpha` | write the letter a | `afs letters a` |\n"
        "| `afs-beta-two` | write the letter b | `afs beta two` |\n"
        "<!-- /commands -->\n\nTail.\n"
    )
    assert not (tree / "docs").exists()


def test_the_same_again_and_anywhere(tree: Path) -> None:
    first = gen(tree)
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout.splitlines()[0] == "wrote README.md"
    before = snapshot(tree)
    again = gen(tree, HOME="/somewhere/else", COLUMNS="40", LC_ALL="C", TZ="Asia/Tokyo")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    assert snapshot(tree) == before
    assert not list(tree.rglob("bin/__pycache__"))


def test_check_names_what_is_out_of_date_and_writes_nothing(tree: Path) -> None:
    gen(tree)
    assert gen(tree, "--check").returncode == 0
    (tree / "docs/man/afs-gone.1").write_text("a page without its command")
    (tree / "docs/man/afs-beta-two.1").unlink()
    alpha = tree / "bin/afs-alpha"
    alpha.write_text(alpha.read_text().replace("how often", "how many times").replace("letter a", "letter A"))
    before = snapshot(tree)
    done = gen(tree, "--check")
    assert (done.returncode, done.stdout) == (1, "")
    remedy = " is out of date; run: scripts/gen-docs"
    assert done.stderr.splitlines() == [
        f"gen-docs: {name}{remedy}"
        for name in ("README.md", "docs/man/afs-alpha.1", "docs/man/afs-beta-two.1", "docs/man/afs-gone.1")
    ]
    assert snapshot(tree) == before
    assert gen(tree, "--check", "readme").stderr.count("\n") == 1
    assert "removed docs/man/afs-gone.1\n" in gen(tree).stdout
    assert gen(tree, "--check").returncode == 0


def test_what_is_missing_is_named(tree: Path) -> None:
    (tree / "README.md").write_text("<!-- /commands -->\n<!-- commands -->\n")
    done = gen(tree)
    assert done.returncode == 1
    assert done.stderr.startswith("gen-docs: README.md: the lines <!-- commands -->")
    (tree / "bin/afs-beta-two").write_text("#!/bin/sh\n# beta - wrong name\n")
    done = gen(tree)
    assert done.returncode == 1
    assert done.stderr == "gen-docs: bin/afs-beta-two: line 2 must be: afs-beta-two - verb phrase\n"
    assert gen(tree, "women").returncode == 2


@pytest.mark.skipif(not shutil.which("groff"), reason="needs groff")
def test_troff_has_nothing_to_say(tree: Path) -> None:
    gen(tree)
    for page in tree.glob("docs/man/*.1"):
        command = ["groff", "-ww", "-man", "-Tutf8", page]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stderr == ""


def test_constraints_are_exact_sorted_and_without_torch() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*", pin) for pin in pins), pins
    names = [pin.partition("==")[0] for pin in pins]
    assert names == sorted(set(names))
    assert "torch" not in names
    assert not re.search(r"://|@|--|index", "\n".join(pins))


def test_constraints_cover_the_base_and_the_tools() -> None:
    pins = {line.partition("==")[0] for line in (ROOT / "constraints.txt").read_text().splitlines()}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = project["dependencies"] + project["optional-dependencies"]["dev"]
    names = {re.split(r"[^A-Za-z0-9_.-]", line)[0].lower().replace("_", "-") for line in wanted}
    assert names <= pins, f"add to constraints.txt: {sorted(names - pins)}"
