"""The pipeline's pure parts: the table of uses against real imports, stamps, variables, lock, figures."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from afs import pipeline, stages, tally
from afs.messages import Usage

ROOT = Path(__file__).resolve().parents[2]
LIB = ROOT / "lib" / "afs"
RULES = (LIB / "pipeline.mk").read_text()
MAKE = stages.find_make()
SETTINGS = stages.settings(MAKE, str(ROOT / "bin"), {})
USES = stages.table_of_uses(SETTINGS)
CORE = {"__init__.py", "cli.py", "jsonl.py", "messages.py", "output.py", "run.py", "sample.py"}


def imported(path: Path, seen: set[Path]) -> set[Path]:
    """The files of lib/afs that a program or module imports, at its top or inside a function."""
    for node in ast.walk(ast.parse(path.read_text())):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "afs":
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names if alias.name.split(".")[0] == "afs"]
        for name in names:
            parts = name.split(".")[1:]
            folders = [LIB.joinpath(*parts[:end], "__init__.py") for end in range(1, len(parts) + 1)]
            for file in (*folders, LIB.joinpath(*parts).with_suffix(".py")):
                if file.is_file() and file not in seen:
                    seen.add(file)
                    imported(file, seen)
    return seen


def existing(command: str) -> Path:
    path = ROOT / "bin" / command
    if not path.exists():
        pytest.skip(f"{command} is not there")
    return path


@pytest.mark.parametrize("command", sorted(USES))
def test_the_table_names_all_that_a_command_imports(command):
    found = {str(path.relative_to(LIB)) for path in imported(existing(command), set())}
    missing = found - set(stages.used(USES, command))
    assert not missing, f"add to {command}.uses in lib/afs/pipeline.mk: {' '.join(sorted(missing))}"


@pytest.mark.parametrize("command", sorted(USES))
def test_the_table_names_nothing_that_is_not_there(command):
    existing(command)
    for pattern in USES[command]:
        assert list(LIB.glob(pattern)), f"{command}.uses: lib/afs/{pattern} does not exist"


def test_every_command_of_a_recipe_is_in_the_table():
    told = set(re.findall(r"^\t(afs-[a-z-]+)", RULES, re.M)) - {"afs-export-"}
    exporters = {path.name for path in (ROOT / "bin").glob("afs-export-*")}
    assert told | exporters <= set(USES)


@pytest.mark.parametrize("command", sorted(USES))
def test_every_stage_depends_on_the_core(command):
    assert set(stages.used(USES, command)) >= CORE


@pytest.mark.parametrize("command", sorted(USES))
def test_redaction_rules_are_used_by_exporters_and_redact_alone(command):
    redacts = command.startswith(("afs-export-", "afs-import-")) or command == "afs-redact"
    assert ("redact/**" in USES[command]) == redacts


def test_a_command_that_the_table_does_not_name_uses_everything():
    assert set(stages.used({}, "afs-new")) >= {"pipeline.mk", "logs/read.py", *CORE}


def test_the_versions_are_those_of_the_base_dependencies():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = [re.split(r"[<>=]", line)[0] for line in project["dependencies"]]
    assert list(stages.DEPENDENCIES) == names
    assert set(stages.versions()) <= {"python", *names}


def test_the_rules_use_nothing_newer_than_make_3_81():
    text = RULES + (ROOT / "Makefile").read_text()
    for newer in (
        "&:",
        "$(file ",
        "$(let ",
        "!=",
        "::=",
        ".ONESHELL",
        "undefine ",
        "$(intcmp",
        ".EXTRA_PREREQS",
    ):
        assert newer not in text, newer


def test_every_recipe_of_a_stage_begins_strictly_and_renames_last():
    recipes = RULES[RULES.index("# --- The rules") :]
    bodies = re.findall(r"\t@# .*\n((?:\t.*\n)+)", recipes)
    assert len(bodies) == 11
    for body in bodies:
        assert body.startswith("\t@$(call begin,")
        assert body.endswith("mv -f $@.part $@\n")


# --- variables and stamps -------------------------------------------------------------------------------


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A current folder with a home of two logs, and a pipeline of Codex's alone."""
    monkeypatch.chdir(tmp_path)
    for name in ("MAKEFLAGS", "MAKELEVEL", *pipeline.VARIABLES):
        monkeypatch.delenv(name, raising=False)
    log = tmp_path / "home/.codex/sessions/2025/01/02"
    log.mkdir(parents=True)
    (log / "rollout-2025-01-02T00-00-00-00000000-0000-4000-8000-000000000001.jsonl").write_text("{}\n")
    commands = tmp_path / "commands"
    commands.mkdir()
    for name in USES:
        (commands / name).write_text("#!/bin/sh\n")
        (commands / name).chmod(0o755)
    return tmp_path


def line(here: Path, **given: str) -> pipeline.Pipeline:
    values = stages.settings(
        MAKE, str(here / "commands"), {"AGENT_HOME": "home", "SOURCES": "codex", **given}
    )
    variables = pipeline.resolve(values, str(here / "commands"))
    out = here / variables["OUT"]
    out.mkdir(parents=True, exist_ok=True)
    uses = stages.table_of_uses(values)
    return pipeline.Pipeline(MAKE, str(here / "commands"), str(out), variables, uses)


def stamps(made: pipeline.Pipeline) -> dict[str, str]:
    stages._digest.cache_clear()
    return stages.stamps(made, stages.commands(made))


def different(old: dict[str, str], new: dict[str, str]) -> set[str]:
    return {stage for stage in new if old.get(stage) != new[stage]}


def test_defaults(here):
    made = stages.settings(MAKE, str(here / "commands"), {})
    assert [made[name] for name in pipeline.VARIABLES] == [
        *("examples/home", "codex claude gemini antigravity", "", "training_data/pipeline"),
        *("openai alpaca", "", "", "0.05", "", "", "", ".05", "42", "1"),
    ]
    given = stages.settings(MAKE, str(here / "commands"), {"AGENT_HOME": "home"})
    assert given["OUT"] == "training_data/pipeline-home"
    alone = stages.settings(MAKE, str(here / "commands"), {"INPUT": "a.jsonl"})
    assert (alone["SOURCES"], alone["AGENT_HOME"], alone["OUT"]) == ("", "", "training_data/pipeline")


def test_stages_come_in_an_order_in_which_they_could_run(here):
    assert list(stages.commands(line(here, FORMAT="openai"))) == [
        *("raw/codex", "samples", "scored", "kept", "unique", "splits"),
        *("openai/train", "openai/val", "openai/test"),
    ]


def test_a_stamp_names_what_its_stage_was_made_from(here):
    text = stamps(line(here))["kept"]
    assert "afs-filter --min-score 0.05 --has output scored.jsonl" in text
    assert re.search(r"^afs-filter [0-9a-f]{64}$", text, re.M)
    assert re.search(r"^lib/afs/run.py [0-9a-f]{64}$", text, re.M)
    assert re.search(r"^orjson \d", text, re.M)
    assert "lib/afs/curate/score.py" not in text


def test_stamps_are_the_same_however_a_path_is_written(here):
    old = stamps(line(here))
    assert (
        stamps(line(here, AGENT_HOME=str(here / "home") + "/", OUT=str(here / "training_data/pipeline-home")))
        == old
    )
    assert not different(old, stamps(line(here, JOBS="2")))


@pytest.mark.parametrize(
    ("name", "value", "stage"),
    [
        ("MIN_SCORE", "", "kept"),
        ("MIN_SCORE", "0.5", "kept"),
        ("SEED", "7", "splits"),
        ("SOURCES", "codex claude", "samples"),
    ],
)
def test_a_variable_changes_the_stamp_of_its_stage_alone(here, name, value, stage):
    new = different(stamps(line(here)), stamps(line(here, **{name: value})))
    assert new - {"raw/claude"} == {stage}


def test_a_command_changes_the_stamps_of_its_stages_alone(here):
    old = stamps(line(here))
    (here / "commands/afs-convert").write_text("#!/bin/sh\n#\n")
    assert different(old, stamps(line(here))) == {stage for stage in old if "/" in stage} - {"raw/codex"}


def test_logs_change_the_stamp_by_name_size_and_time(here):
    old = stamps(line(here))
    (log,) = (here / "home").rglob("*.jsonl")
    os.utime(log, ns=(1, 1))
    touched = stamps(line(here))
    assert different(old, touched) == {"raw/codex"}
    log.write_text("{}\n{}\n")
    os.utime(log, ns=(1, 1))
    grown = stamps(line(here))
    assert different(touched, grown) == {"raw/codex"}
    log.rename(log.with_name(log.name.replace("0001", "0002")))
    assert different(grown, stamps(line(here))) == {"raw/codex"}
    (here / "home/.codex/config.toml").write_text("model = 1\n")
    assert different(grown, stamps(line(here))) == {"raw/codex"}  # by the new name, not by what is no log


def test_input_files_may_be_quoted_as_in_a_shell(here):
    for name in ("a b.jsonl", "c:d'e.jsonl", "f1.jsonl", "f2.jsonl"):
        (here / name).write_text("{}\n")
    assert pipeline._inputs("a b.jsonl") == ["a b.jsonl"]
    assert pipeline._inputs("'a b.jsonl' \"c:d'e.jsonl\"") == ["a b.jsonl", "c:d'e.jsonl"]
    assert pipeline._inputs("f*.jsonl") == ["f1.jsonl", "f2.jsonl"]
    with pytest.raises(Usage, match="a quote is not closed"):
        pipeline._inputs("'a b")


def test_a_make_above_gives_its_variables(here, monkeypatch):
    monkeypatch.setenv("SEED", "9")
    assert stages.settings(MAKE, str(here / "commands"), {})["SEED"] == "42"
    monkeypatch.setenv("MAKELEVEL", "1")
    assert stages.settings(MAKE, str(here / "commands"), {})["SEED"] == "9"
    monkeypatch.setenv("MAKEFLAGS", " -- SEED=8")
    assert stages.settings(MAKE, str(here / "commands"), {})["SEED"] == "8"
    assert stages.settings(MAKE, str(here / "commands"), {"SEED": "7"})["SEED"] == "7"


def test_dollar_signs_survive_make(here):
    (here / "a$b $(c)").mkdir()
    made = line(here, AGENT_HOME="a$b $(c)", OUT="o")
    assert "--home '../a$b $(c)'" in stages.commands(made)["raw/codex"]


# --- lock and figures -----------------------------------------------------------------------------------


def test_a_lock_ends_with_the_last_process_that_holds_it(tmp_path):
    assert not pipeline.held(str(tmp_path))
    code = (
        "import subprocess, sys; from afs import pipeline; pipeline.lock(sys.argv[1]);"
        "child = subprocess.Popen(['sleep', '60'], close_fds=False); print(child.pid, flush=True)"
    )
    environ = {**os.environ, "PYTHONPATH": str(ROOT / "lib")}
    child = subprocess.Popen([sys.executable, "-c", code, tmp_path], env=environ, stdout=subprocess.PIPE)
    assert child.stdout is not None
    grandchild = int(child.stdout.readline())
    child.wait()
    assert pipeline.held(str(tmp_path))
    assert not pipeline.lock(str(tmp_path))
    os.kill(grandchild, 9)
    assert pipeline.lock(str(tmp_path))
    assert pipeline.held(str(tmp_path))


def test_the_table_aligns_and_leaves_out_what_is_not_known():
    done = {"stage": "kept", "state": "done", "read": 12, "written": 9, "dropped": {"min-score": 3}}
    done |= {"rejected": 0, "reject_reasons": {}, "redacted": {"EMAIL": 2, "USER": 3}, "seconds": 0.25}
    failed = dict.fromkeys(done) | {"stage": "unique", "state": "failed", "exit": 3}
    assert tally.table([done, failed]) == (
        "stage   state       read  written  redacted  seconds  rejected  dropped\n"
        "kept    done          12        9         5      0.2  0         3 (min-score 3)\n"
        "unique  failed (3)\n"
    )


def test_the_status_of_a_failed_run(tmp_path):
    folder = tmp_path / ".stamp"
    folder.mkdir()
    assert tally.exit_status(str(tmp_path)) == 1
    (folder / "failed").write_text("3 kept\n137 scored\n")
    assert tally.failed(str(tmp_path)) == {"kept": 3, "scored": 137}
    assert tally.exit_status(str(tmp_path)) == 1
    (folder / "failed").write_text("3 kept\n4 scored\n")
    assert tally.exit_status(str(tmp_path)) == 4
