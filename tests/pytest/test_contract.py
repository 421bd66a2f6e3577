"""What every command of bin/ keeps, and scripts/afs where it applies. A failure says what mends it."""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys

import pytest
from afs import cli
from conftest import ROOT, Shell, commands, environment, load

BIN = ROOT / "bin"
ALL = sorted(path.name for path in BIN.iterdir() if path.name != "__pycache__")
PYTHON = commands()
# Modules with a child of their own: it ends at once, so that nothing of its parent's is written twice.
FORKING = ("ranges", "where")
CORE = ("cli", "jsonl", "messages", "output", "run", "sample")
GOOD = b'{"sample_id":"a","instruction":"Say hi.","input":"","output":"hi, you there","source":"t"}\n'

# What a command needs to do anything at all; nothing else may be written here.
NEEDED = {
    "afs-decontaminate": ("--against", ROOT / "examples" / "benchmark.jsonl"),
    "afs-split": ("-o", "parts"),
    "afs-export-antigravity": ("--home", ROOT / "examples" / "home"),
    "afs-export-claude": ("--home", ROOT / "examples" / "home"),
    "afs-export-codex": ("--home", ROOT / "examples" / "home"),
    "afs-export-gemini": ("--home", ROOT / "examples" / "home"),
    "afs-export-history": ("--home", ROOT / "examples" / "home"),
    "afs-export-memory": ("--home", ROOT / "examples" / "home"),
    "afs-import-codex-history": ("--home", ROOT / "examples" / "home", "--history-root", "history"),
}
# Commands whose standard output is for eyes: a table or a page, there also for no input.
FOR_EYES = {"afs-show", "afs-stats"}
LIB_BLOCK = """\
_lib = os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "lib")
if os.path.isfile(os.path.join(_lib, "afs", "cli.py")):
    sys.path.insert(0, _lib)
"""
# Loaded by Python, argparse and orjson anyway; what comes on top at --help and at an empty run is named here.
LOADED_AT_HELP = {"__future__", "_locale", "errno", "locale", "signal", "textwrap", "unicodedata"}
LOADED_AT_WORK = LOADED_AT_HELP | {"fcntl", "xxhash", "xxhash._xxhash", "xxhash.version"}
LOADED_BY = {
    # the configuration, for weights; ranks are looked up by halves
    "afs-score": {"bisect", "_bisect", "typing", "_typing", "typing.io", "typing.re"},
    # rules are read when a redactor is made: TOML, and hashes of the values that are known
    "afs-redact": {
        *("tomllib", "tomllib._parser", "tomllib._re", "tomllib._types"),
        *("string", "_string", "struct", "_struct", "typing", "_typing", "typing.io", "typing.re"),
        *("base64", "binascii", "hashlib", "_hashlib", "_blake2", "bisect", "_bisect"),
        *("ipaddress", "importlib.util", "importlib._abc"),
    }
}
# Among what this keeps out of --help: importlib.metadata asyncio urllib logging subprocess pathlib typing
# numpy tqdm jq ijson zstandard tomllib shutil.


def parser_of(name):
    return load(name).build_parser()


def actions(name):
    return [action for action in parser_of(name)._actions if action.option_strings]


def takes_files(name):
    return any(action.dest == "files" for action in parser_of(name)._actions)


def has(name, option):
    return any(option in action.option_strings for action in actions(name))


FILTERS = [name for name in PYTHON if takes_files(name)]
WRITERS = [name for name in FILTERS if has(name, "--output") and name not in FOR_EYES and name != "afs-split"]
each = pytest.mark.parametrize("name", PYTHON)
each_filter = pytest.mark.parametrize("name", FILTERS)
each_writer = pytest.mark.parametrize("name", WRITERS)


def run(shell, name, *args, **more):
    return shell.run(name, *NEEDED.get(name, ()), *args, **more)


# --- the file -------------------------------------------------------------------------------------------


def test_there_are_commands():
    assert len(PYTHON) >= 1 and "afs-validate" in PYTHON


@pytest.mark.parametrize("name", [*(f"bin/{name}" for name in ALL), "scripts/afs", "scripts/afs-venv"])
def test_it_is_an_executable_program(name):
    path = ROOT / name
    if not path.exists():
        pytest.skip(f"no {name} yet")
    assert re.fullmatch(r"afs(-[a-z0-9]+)*", path.name), f"git mv {name} to lower-case words and dashes"
    assert os.access(path, os.X_OK), f"run: chmod +x {name}"
    first, second = path.read_text("utf-8").splitlines()[:2]
    assert first in ("#!/usr/bin/env python3", "#!/usr/bin/env bash"), f"{name}: write the shebang by env"
    quote = '"""' if "python" in first else "# "
    found = re.fullmatch(rf"{quote}{path.name} - ([a-z].*?[^.\n])(\"\"\")?", second)
    assert found, f"{name}: line 2 must be: {quote}{path.name} - lower-case verb phrase without a full stop"
    assert len(found[1]) <= 60, f"{name}: the phrase of line 2 has {len(found[1])} characters; 60 are allowed"


@each
def test_it_is_laid_out_as_its_neighbours(name):
    source = (BIN / name).read_text("utf-8")
    assert len(source.splitlines()) <= 150, f"{name}: move pure code to lib until it has 150 lines"
    assert source.count(LIB_BLOCK) == 1, f"{name}: copy the lib block from bin/afs-validate unchanged"
    assert source.endswith('\n\n\nif __name__ == "__main__":\n    cli.run(main)\n'), (
        f"{name}: end with cli.run"
    )
    places = [
        source.find(part)
        for part in (LIB_BLOCK, "\ndef build_parser()", "\ndef main(argv: list[str]) -> int:")
    ]
    assert -1 not in places and places == sorted(places), (
        f"{name}: lib block, build_parser and main, in this order"
    )
    assert "argparse" in source and "import argparse" in source
    assert "print(" not in source.replace("pprint(", ""), f"{name}: write lines with run.write or sys.stdout"


def test_the_dispatcher_is_small():
    lines = len((ROOT / "scripts" / "afs").read_text("utf-8").splitlines())
    assert lines <= 100, f"scripts/afs has {lines} lines; 100 are allowed"


@each
def test_its_docstring_is_its_manual(name):
    doc = load(name).__doc__
    assert "\nExamples:\n" in doc, f"{name}: end the docstring with Examples: and lines that can be pasted"
    examples = doc.partition("\nExamples:\n")[2].strip().splitlines()
    assert examples and any(name in line for line in examples), f"{name}: no example runs it"
    assert max(map(len, doc.splitlines())) <= 110
    assert parser_of(name).prog == name


@each
def test_every_option_of_its_own_is_explained_shown_and_tested(name):
    """Common options are tested for every command here and in test_run.py, all others beside the command."""
    common = {flag for rows in cli.FLAGS.values() for flags, _ in rows for flag in flags}
    common |= {"-q", "--quiet", "-h", "--help", "--version"}
    common -= {"--dropped", "--seed", "--limit"}  # what they do depends on the command
    examples = load(name).__doc__.partition("\nExamples:\n")[2]
    tests = [(ROOT / "tests" / "bats" / f"{name}.bats")]
    tests += [
        path for path in (ROOT / "tests" / "pytest").glob("test_*.py") if path.name != "test_contract.py"
    ]
    tests += [path for path in (ROOT / "tests" / "bats").glob("*.bats") if path not in tests]
    tests += (ROOT / "tests" / "cases").glob("*/*/cmd")
    texts = [path.read_text("utf-8") for path in tests if path.exists()]
    texts = [text for text in texts if re.search(rf"\b{name}\b|\b{name.replace('-', '_')}\b", text)]
    missing = []
    for action in actions(name):
        spellings = set(action.option_strings)
        assert action.help and action.help is not argparse.SUPPRESS, (
            f"{name} {action.option_strings}: no help"
        )
        if spellings & common:
            continue
        used = re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, action.option_strings))})(?![\w-])")
        if not any(used.search(text) for text in texts):
            missing.append(f"tests/bats/{name}.bats: add a test of {action.option_strings[-1]}")
        if not used.search(examples) and "--limit" not in spellings and "--seed" not in spellings:
            missing.append(f"bin/{name}: add an example with {action.option_strings[-1]}")
    assert not missing, "\n".join(missing)


@each
def test_it_is_listed_tested_and_documented(name):
    settings = (ROOT / "pyproject.toml").read_text("utf-8")
    missing = []
    if f'"bin/{name}",' not in settings:
        missing.append(f'pyproject.toml: add "bin/{name}", to script-files')
    if not (ROOT / "tests" / "bats" / f"{name}.bats").exists():
        missing.append(f"write tests/bats/{name}.bats")
    if (ROOT / "scripts" / "gen-docs").exists():
        if not (ROOT / "docs" / "man" / f"{name}.1").exists():
            missing.append("run: scripts/gen-docs man")
        table = (ROOT / "README.md").read_text("utf-8").partition("<!-- commands -->")[2]
        if f"| `{name}` |" not in table.partition("<!-- /commands -->")[0]:
            missing.append("run: scripts/gen-docs readme")
    assert not missing, "\n".join(missing)


def test_man_pages_and_readme_are_fresh(tmp_path):
    if not (ROOT / "scripts" / "gen-docs").exists():
        pytest.skip("no scripts/gen-docs yet")
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "gen-docs", "--check"],
        env=environment(tmp_path), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_an_old_spelling_belongs_to_one_command():
    claimed = {}
    for name in ALL:
        lines = (BIN / name).read_text("utf-8").splitlines()
        also = [line for line in lines if re.match("# ?also:", line, re.IGNORECASE)]
        assert len(also) <= 1, f"bin/{name}: put all old spellings on one line"
        for line in also:
            assert re.fullmatch(r"# Also: [a-z0-9 -]+(, [a-z0-9 -]+)*", line), (
                f"bin/{name}: {line!r}: spell # Also: a b, c d"
            )
            for spelling in line.removeprefix("# Also: ").split(", "):
                claimed.setdefault(spelling.replace(" ", "-"), set()).add(name)
        claimed.setdefault(name.removeprefix("afs-"), set()).add(name)
    twice = {spelling: names for spelling, names in claimed.items() if len(names) > 1}
    assert not twice, f"two commands claim one spelling; take it from one of them: {twice}"


# --- the core -------------------------------------------------------------------------------------------


def lines_of(*names):
    return sum(len((ROOT / "lib" / "afs" / f"{name}.py").read_text("utf-8").splitlines()) for name in names)


def test_the_core_stays_small():
    assert lines_of("cli", "jsonl", "sample") <= 900
    for name in CORE:
        assert lines_of(name) <= 400, f"lib/afs/{name}.py is two rooms"


@pytest.mark.parametrize(
    "path", sorted((ROOT / "lib").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT / "lib"))
)
def test_a_module_is_one_room_that_neither_prints_nor_exits(path):
    source = path.read_text("utf-8")
    name = path.relative_to(ROOT)
    assert len(source.splitlines()) <= 400, f"{name}: more than 400 lines are two rooms"
    if path.name == "__init__.py" and len(source.splitlines()) <= 3:
        return
    code = re.sub(r'"""(.|\n)*?"""|#.*', "", source)
    if path.stem not in ("cli",):
        assert not re.search(r"^\s*(import argparse|from argparse)", _without_typing(code), re.MULTILINE), (
            f"{name}: options belong to cli.py and to the commands"
        )
    if path.stem in FORKING:
        code = code.replace("os._exit(", "")
    assert (
        not re.search(r"(?<![\w.])(print|exit|quit)\(|sys\.exit\(|os\._exit\(|SystemExit\(", code)
        or path.stem == "cli"
    ), f"{name}: return a value or raise; cli.run prints and exits"


def _without_typing(code):
    """Code without what stands under `if TYPE_CHECKING:`."""
    return re.sub(r"if TYPE_CHECKING:\n(( {4}.*)?\n)+", "", code)


def test_areas_do_not_lean_on_each_other():
    """Arrows point one way: bin -> area -> core. Areas know themselves and the root of lib/afs."""
    leans = []
    shared = {f"afs.{name}" for name in (*CORE, "config", "terminal")} | {"afs"}
    for path in sorted((ROOT / "lib" / "afs").rglob("*.py")):
        parts = path.relative_to(ROOT / "lib" / "afs").parts
        area = parts[0] if len(parts) > 1 else ""
        code = path.read_text("utf-8")
        found = re.findall(r"^\s*from (afs[\w.]*) import ([\w, ]+)", code, re.MULTILINE)
        named = {f"{module}.{name.split()[0]}" if module == "afs" else module
                 for module, names in found for name in names.split(",")}  # fmt: skip
        for module in named - shared - {"afs.__version__"}:
            if parts[0].removesuffix(".py") in CORE or (area and not module.startswith(f"afs.{area}")):
                leans.append(f"lib/afs/{'/'.join(parts)} imports {module}")
    leans = [lean for lean in leans if lean != "lib/afs/logs/clean.py imports afs.redact"]  # exporters redact
    assert not leans, "\n".join(leans)


# --- the run --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*ALL, "afs"])
@pytest.mark.parametrize("option", ["--help", "-h", "--version"])
def test_help_and_version_go_to_standard_output(shell, name, option):
    if (name, option) == ("afs", "-h"):
        pytest.skip("the dispatcher has it too; its own tests say so")
    done = shell.run(name, option)
    assert (done.returncode, done.stderr) == (0, b"")
    if option == "--version":
        assert done.stdout == f"{name} {cli.__version__}\n".encode()
    elif name != "afs":
        text = done.stdout.decode()
        assert text.startswith(f"usage: {name} ") and "\nexit status:\n" in text
        assert (BIN / name).read_text("utf-8").splitlines()[1].removeprefix('"""') in text
    assert b"\x1b" not in done.stdout


@each
def test_help_names_every_option(shell, name):
    text = shell.run(name, "--help").stdout.decode()
    for action in actions(name):
        for spelling in action.option_strings:
            assert re.search(rf"(?<![\w-]){re.escape(spelling)}(?![\w-])", text), f"{name} {spelling}"


@each
def test_complete_names_every_option(shell, name):
    done = shell.run(name, "--complete")
    assert done.returncode == 0 and done.stderr == b""
    assert done.stdout.decode().split() == sorted(
        o for action in actions(name) for o in action.option_strings
    )


@pytest.mark.parametrize("name", [*ALL, "afs"])
def test_an_unknown_option_is_wrong_usage(shell, name):
    done = shell.run(name, "--no-such-option", stdin=GOOD)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(f"{name}: ".encode()) and b"--no-such-option" in done.stderr
    assert done.stderr.count(b"\n") == 1 and b"--help" in done.stderr


@each
def test_options_are_not_abbreviated(shell, name):
    known = {spelling for action in actions(name) for spelling in action.option_strings}
    longest = max((spelling for spelling in known if spelling.startswith("--")), key=len)
    for short in ("--versio", "--hel", longest[:-1]):
        done = run(shell, name, short, stdin=GOOD)
        assert (done.returncode, done.stdout) == (2, b""), f"{name} takes {short}"


@each
def test_nothing_goes_to_the_terminal_as_code(shell, name):
    shell.env |= {"TERM": "xterm-256color", "FORCE_COLOR": "1", "CLICOLOR_FORCE": "1"}
    for args in (("--help",), ("--no-such-option",), ()):
        if name.startswith("afs-pipeline") and not args:
            continue
        done = run(shell, name, *args, stdin=GOOD + b"bad\n")
        assert b"\x1b" not in done.stdout + done.stderr


@each_filter
def test_nothing_in_is_nothing_out(shell, name):
    done = run(shell, name)
    assert done.returncode == 0
    assert done.stdout == b"" or name in FOR_EYES
    assert done.stderr.startswith(f"{name}: 0 read".encode()) and done.stderr.count(b"\n") == 1
    quiet = run(shell, name, "-q")
    assert (quiet.returncode, quiet.stderr) == (0, b"")


@each_filter
def test_what_is_not_there_or_no_file_is_wrong_usage(shell, name):
    (shell.folder / "dir").mkdir()
    (shell.folder / "in").write_bytes(GOOD)
    for path, what in (("none", b"no such file"), ("dir", b"is a folder")):
        for args in ((path,), ("in", path), ("-i", path)):
            done = run(shell, name, *args)
            assert (done.returncode, done.stdout) == (2, b""), f"{name} {args}"
            assert done.stderr.startswith(f"{name}: {path}: ".encode() + what)
            assert done.stderr.count(b"\n") == 1


@each_filter
def test_bad_json_is_named_with_its_line(shell, name):
    done = run(shell, name, stdin=GOOD + b"not json\n" + GOOD + b"[]\n")
    assert done.returncode == 1
    lines = done.stderr.decode().splitlines()
    assert lines[0].startswith(f"{name}: stdin:2: not JSON (")
    assert lines[1].startswith(f"{name}: stdin:4: not a JSON object")
    assert lines[-1].startswith(f"{name}: 4 read, ") and "2 rejected (json 1, not-object 1)" in lines[-1]
    assert b"not json" not in done.stderr.replace(b"not JSON", b"")


@each_filter
def test_rejects_make_it_a_success_and_strict_a_failure(shell, name):
    if not has(name, "--rejects"):
        pytest.skip("takes no --rejects")
    (shell.folder / "in").write_bytes(GOOD + b"not json\n" + GOOD)
    done = run(shell, name, "in", "--rejects", "r", "--summary", "s")
    assert done.returncode == 0, done.stderr
    (row,) = map(json.loads, (shell.folder / "r").read_bytes().splitlines())
    assert (row["file"], row["line"], row["offset"], row["reason"]) == ("in", 2, len(GOOD), "json")
    summary = json.loads((shell.folder / "s").read_bytes())
    assert (summary["command"], summary["read"], summary["rejected"]) == (name, 3, 1)
    done = run(shell, name, "in", "--rejects", "r", "--max-reject", "0.3")
    assert done.returncode == 3
    if has(name, "--rejects-text"):
        run(shell, name, "in", "--rejects", "r", "--rejects-text")
        assert json.loads((shell.folder / "r").read_bytes())["text"] == "not json"
    for entry in shell.folder.glob("parts/*"):
        entry.unlink()
    done = run(shell, name, "in", "--strict")
    assert done.returncode == 1 and done.stderr.startswith(f"{name}: in:2: not JSON".encode())
    assert list(shell.folder.glob("parts/*")) == []


@each_filter
def test_a_long_line_and_every_packing(shell, name):
    import gzip

    import zstandard

    (shell.folder / "in").write_bytes(GOOD * 3)
    (shell.folder / "in.gz").write_bytes(gzip.compress(GOOD * 3))
    (shell.folder / "in.zst").write_bytes(zstandard.compress(GOOD * 3))
    outs = [run(shell, name, "-q", file).stdout for file in ("in", "in.gz", "in.zst")]
    assert outs[0] == outs[1] == outs[2]
    done = run(shell, name, "--max-record", "20", "in")
    assert done.returncode == 1 and b"over --max-record" in done.stderr


@each_writer
def test_a_file_gets_what_standard_output_gets(shell, name):
    (shell.folder / "in").write_bytes(GOOD * 3)
    out = run(shell, name, "-q", "in").stdout
    done = run(shell, name, "in", "-o", "o", "--summary", "s")
    assert (done.returncode, done.stdout) == (0, b"")
    assert (shell.folder / "o").read_bytes() == out and (out or name == "afs-filter")
    written = json.loads((shell.folder / "s").read_bytes())["written"]
    assert written == out.count(b"\n")
    before = (shell.folder / "o").read_bytes()
    done = run(shell, name, "in", "-o", "in")  # in place is safe
    assert done.returncode == 0 and (shell.folder / "in").read_bytes() == before


@each_writer
def test_a_limit_is_kept(shell, name):
    if not has(name, "--limit"):
        pytest.skip("takes no --limit")
    lines = b"".join(GOOD.replace(b'"a"', b'"%d"' % n).replace(b"hi,", b"hi %d," % n) for n in range(9))
    done = run(shell, name, "--limit", "2", stdin=lines)
    assert done.returncode == 0 and done.stdout.count(b"\n") == 2


@pytest.mark.parametrize("name", [*FILTERS, *(name for name in PYTHON if name.startswith("afs-export-"))])
def test_a_reader_that_goes_away_makes_no_noise(shell, name):
    if name == "afs-split":
        pytest.skip("writes no lines to standard output")
    lines = b"".join(GOOD.replace(b"hi,", b"hi %d," % n) for n in range(20_000))
    (shell.folder / "in").write_bytes(lines)
    needed = " ".join(map(str, NEEDED.get(name, ())))
    files = "in" if name in FILTERS else ""
    done = shell.bash(f"{name} -q {needed} {files} | true; echo ${{PIPESTATUS[0]}}")
    assert done.stderr == b""
    assert done.stdout in (b"0\n", b"141\n")


def modules(shell, program, *args):
    """Names of the modules that a run of a Python program has loaded at its end."""
    code = """
import sys
path = sys.argv[1]
sys.argv = sys.argv[1:]
names = {"__name__": "__main__", "__file__": path}
try:
    exec(compile(open(path).read(), path, "exec"), names)
except SystemExit as end:
    assert not end.code, end.code
sys.stdout.write("\\nMODULES " + " ".join(sys.modules) + "\\n")
"""
    done = shell.run("python3", "-c", code, program, *args)
    assert done.returncode == 0, done.stderr.decode()
    return set(done.stdout.decode().rpartition("\nMODULES ")[2].split())


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """What Python, argparse and orjson load by themselves."""
    shell = Shell(tmp_path_factory.mktemp("bare"))
    program = shell.folder / "bare.py"
    program.write_text("import argparse, orjson\n")
    return shell, modules(shell, program)


def beyond(loaded, allowed):
    return sorted(name for name in loaded - allowed if name.partition(".")[0] != "afs")


@each
def test_help_loads_nothing_dear(bare, name):
    shell, base = bare
    found = beyond(modules(shell, BIN / name, "--help") - base, LOADED_AT_HELP)
    assert not found, f"{name} --help loads {', '.join(found)}: import them in the function that needs them"


@each_filter
def test_an_empty_run_loads_nothing_dear(bare, name):
    shell, base = bare
    allowed = LOADED_AT_WORK | LOADED_BY.get(name, set())
    found = beyond(modules(shell, BIN / name, *NEEDED.get(name, ()), "-q") - base, allowed)
    assert not found, (
        f"{name} loads {', '.join(found)} for nothing: import them in the function that needs them"
    )


def test_a_missing_package_is_named_with_its_remedy(shell):
    """Every command says so in the same words: the import stands in the core."""
    (shell.folder / "orjson.py").write_text("raise ModuleNotFoundError('gone', name='orjson')\n")
    shell.env["PYTHONPATH"] = str(shell.folder)
    for name in PYTHON:
        done = shell.run(name, "--help")
        assert (done.returncode, done.stdout) == (2, b"")
        assert done.stderr == f"{name}: orjson is missing; run scripts/afs-venv and activate .venv\n".encode()
    (shell.folder / "orjson.py").unlink()
    (shell.folder / "zstandard.py").write_text("raise ModuleNotFoundError('gone', name='zstandard')\n")
    done = shell.run("afs-validate", "-o", "o.zst", stdin=GOOD)
    assert done.returncode == 2 and not list(shell.folder.glob("*o.zst*"))
    assert done.stderr == b"afs-validate: zstandard is missing; run scripts/afs-venv and activate .venv\n"


def test_a_command_works_through_a_link_and_from_any_folder(shell):
    (shell.folder / "deep" / "er").mkdir(parents=True)
    link = shell.folder / "deep" / "afs-validate"
    link.symlink_to(BIN / "afs-validate")
    done = shell.bash("cd deep/er && ../afs-validate -q", stdin=GOOD)
    assert (done.returncode, done.stdout) == (0, GOOD)
