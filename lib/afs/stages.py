"""What make would do in a pipeline's folder, and the stamps that tell it what has changed.

make alone decides what has to run: `commands` and `pending` ask it. A stage is known by the comment
that opens its recipe, its stamp is `.stamp/STAGE`.
"""

from __future__ import annotations

import functools
import glob
import hashlib
import os
import re
import shlex
import subprocess
import sys

from afs import config
from afs.messages import fail, reason_of
from afs.pipeline import VARIABLES, Pipeline, read, real, write

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

LIB = os.path.dirname(os.path.realpath(__file__))
RULES = os.path.join(LIB, "pipeline.mk")
SOURCES = ("codex", "claude", "gemini", "antigravity")  # in this order, if there is an exporter
DEPENDENCIES = ("orjson", "xxhash", "zstandard", "numpy", "tqdm", "jq", "ijson")  # the base, as in pyproject
FAILED = ".stamp/failed"
_MARK = re.compile(r"# ([\w./-]+): ")
# Commands that read the configuration.
_CONFIGURED = re.compile(r"\bafs-(?:export-[a-z]+|redact|score)\b")
_COMMAND = re.compile(r"(?:^|[;|&(\n])\s*(afs-[a-z0-9-]+)(?=\s|$)")


# --- asking make ------------------------------------------------------------------------------------------


def find_make() -> str:
    """GNU make, under either of its names."""
    from shutil import which

    for name in ("make", "gmake"):
        path = which(name)
        if path and b"GNU Make" in subprocess.run([path, "--version"], capture_output=True).stdout:
            return path
    return fail("make is missing; install the package make (GNU make 3.81 or newer)")


def settings(make: str, commands: str, given: Mapping[str, str]) -> dict[str, str]:
    """What the rules say of each variable after their defaults, and of what each command uses.

    Below another make the values come from its command line and environment too. Else the environment
    says nothing: OUT or FORMAT may mean anything there.
    """
    environ = dict(os.environ)
    if "MAKELEVEL" not in environ:
        for name in VARIABLES:
            environ.pop(name, None)
    known = [name for name in SOURCES if os.access(os.path.join(commands, f"afs-export-{name}"), os.X_OK)]
    text = _ask(make, ["-s", "settings"], {"exporters": " ".join(known), **given}, os.curdir, environ)
    return dict(row.split("=", 1) for row in text.splitlines() if "=" in row)


def table_of_uses(values: Mapping[str, str]) -> dict[str, list[str]]:
    """From the settings: for each command the patterns of the files that it uses below lib/afs."""
    return {name[:-5]: value.split() for name, value in values.items() if name.endswith(".uses")}


def commands(line: Pipeline) -> dict[str, str]:
    """The recipes of all stages, in an order in which they could run."""
    return _recipes(_ask(line.make, ["-nsB", "files"], line.variables, line.folder))


def pending(line: Pipeline, stale: list[str]) -> list[str]:
    """The stages that make would run if the stamps of `stale` were new."""
    return list(_recipes(explain(line, stale)))


def explain(line: Pipeline, stale: list[str]) -> str:
    """What make would run, as it prints it."""
    return _ask(line.make, ["-ns", "files"], _with_stale(line, stale), line.folder)


def start(line: Pipeline, stale: list[str], quiet: bool) -> subprocess.Popen[bytes]:
    """make at work in the folder. It inherits what is open: the lock, the job tokens of a make above."""
    values = {**_with_stale(line, stale), "failed": FAILED, "quiet": "1" if quiet else ""}
    jobs = line.variables["JOBS"]
    alone = jobs == "1" or "--jobserver" in os.environ.get("MAKEFLAGS", "")  # a make above deals them out
    argv = _argv(line.make, ["files"] if alone else ["files", f"-j{jobs}"], values)
    # Recipes find our commands first, then the interpreter that runs this one.
    path = [line.bin, os.path.dirname(sys.executable), os.environ.get("PATH", os.defpath)]
    environ = {**os.environ, "PATH": os.pathsep.join(path)}
    return subprocess.Popen(argv, cwd=line.folder, env=environ, close_fds=False)


def _with_stale(line: Pipeline, stale: list[str]) -> dict[str, str]:
    return {**line.variables, "stale": " ".join(stale)}


def _argv(make: str, rest: list[str], values: Mapping[str, str]) -> list[str]:
    pairs = [f"{name}={value.replace('$', '$$')}" for name, value in values.items()]
    return [make, "-rR", "--no-print-directory", "-f", RULES, *rest, *pairs]


def _ask(
    make: str,
    rest: list[str],
    values: Mapping[str, str],
    folder: str,
    environ: Mapping[str, str] | None = None,
) -> str:
    """What make prints. Without `environ` the flags and values of a make above have no say."""
    if environ is None:
        environ = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS")}
    argv = _argv(make, rest, values)
    done = subprocess.run(argv, cwd=folder, env=environ, capture_output=True, close_fds=False)
    if done.returncode:
        fail(done.stderr.decode(errors="replace").strip() or f"make failed with exit {done.returncode}")
    return os.fsdecode(done.stdout)


def _recipes(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    stage = ""
    for row in text.splitlines(keepends=True):
        if mark := _MARK.match(row):
            stage = mark[1]
            found[stage] = ""
        elif stage:
            found[stage] += row
    return found


# --- stamps -----------------------------------------------------------------------------------------------


def stamps(line: Pipeline, recipes: Mapping[str, str]) -> dict[str, str]:
    """For each stage the text that its stamp should have."""
    return {stage: _stamp(line, stage, recipe) for stage, recipe in recipes.items()}


def changed(line: Pipeline, wanted: Mapping[str, str]) -> list[str]:
    """The stages whose stamp is missing or says something else."""
    return [stage for stage, text in wanted.items() if read(_path(line, stage)) != os.fsencode(text)]


def write_stamps(line: Pipeline, wanted: Mapping[str, str], stale: list[str]) -> None:
    """Rewrite the stamps of these stages."""
    for stage in stale:
        write(_path(line, stage), os.fsencode(wanted[stage]))


def dry_run(line: Pipeline) -> str:
    """The recipes of what would run. Nothing is written, not even a stamp."""
    import tempfile

    out = line.folder
    with tempfile.TemporaryDirectory() as empty:
        line.folder = out if os.path.isdir(out) else empty
        text = explain(line, changed(line, stamps(line, commands(line))))
    return f"# in {out}:\n{text}" if text else f"# in {out}: nothing to do\n"


def _path(line: Pipeline, stage: str) -> str:
    return os.path.join(line.folder, ".stamp", stage)


def _stamp(line: Pipeline, stage: str, recipe: str) -> str:
    rows = [recipe.rstrip("\n")]
    for name in sorted(set(_COMMAND.findall(recipe))):
        path = os.path.join(line.bin, name)
        if not os.access(path, os.X_OK):
            fail(f"{name}: no such command in {line.bin}")
        rows.append(f"{name} {_digest(path)}")
        rows += [f"lib/afs/{part} {_digest(os.path.join(LIB, part))}" for part in used(line.uses, name)]
    rows += [f"{name} {version}" for name, version in versions().items()]
    settings = config.load(None)
    if settings.path and _CONFIGURED.search(recipe):
        rows.append(f"configuration {_digest(settings.path)}")
    if stage.startswith("raw/"):
        rows.append(_origin(line, stage.removeprefix("raw/"), settings.rules))
    elif stage == "clean":
        paths = line.variables["BENCHMARKS"].split()
        rows.append(_facts((path, real(line, path)) for path in paths))
    return "\n".join(rows) + "\n"


def used(uses: Mapping[str, list[str]], command: str) -> Iterator[str]:
    """The files of lib/afs that a command uses; all of them if the table does not name it."""
    for pattern in uses.get(command, ["**"]):
        for path in sorted(glob.glob(os.path.join(LIB, pattern), recursive=True)):
            if os.path.isfile(path) and not path.endswith(".pyc"):
                yield os.path.relpath(path, LIB)


def _origin(line: Pipeline, source: str, rules: Iterable[str]) -> str:
    """What a raw stage reads from outside the folder: path, size and time of each file, as one number."""
    if source == "input":
        files = [(path, real(line, path)) for path in shlex.split(line.variables["INPUT"])]
    else:
        home = real(line, line.variables["AGENT_HOME"])
        files = [(os.path.relpath(path, home), path) for path in logs(source, home)]
    extras = [*f"{line.variables['KNOWN']} {line.variables['RULES']}".split(), *rules]
    files += [(path, real(line, path)) for path in extras if path != "auto"]
    return f"{len(files)} files {_facts(files)}"


def _facts(files: Iterable[tuple[str, str]]) -> str:
    """Name, size and time of files outside the folder, as one number."""
    digest = hashlib.sha256()
    for name, path in files:
        try:
            status = os.stat(path)
            facts = f"{name}\0{status.st_size}\0{status.st_mtime_ns}\0"
        except OSError as error:
            facts = f"{name}\0{reason_of(error)}\0"
        digest.update(os.fsencode(facts))
    return digest.hexdigest()


def logs(source: str, home: str) -> list[str]:
    """The logs of a source under a home, in order. An unreadable folder is the exporter's to name."""
    from importlib import import_module

    parser = import_module(f"afs.logs.{source}")
    found = (group for root in parser.roots(home, {}) for group in parser.find(root, lambda error: None))
    return [path for group in found for path in group]


@functools.cache
def versions() -> dict[str, str]:
    """Versions of Python and of the base dependencies that are there."""
    from importlib.metadata import PackageNotFoundError, version
    from platform import python_version

    found = {"python": python_version()}
    for name in DEPENDENCIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


@functools.cache
def _digest(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
