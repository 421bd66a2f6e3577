"""The folder of a pipeline: what make would do in it, stamps, lock, counts. The rules are in pipeline.mk.

make alone decides what has to run. This module asks it (`settings`, `commands`, `pending`), writes the
stamps that tell it what has changed, and reads the summaries that the stages leave.
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
from dataclasses import dataclass

import orjson

from afs.messages import fail, reason_of, show

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

LIB = os.path.dirname(os.path.realpath(__file__))
RULES = os.path.join(LIB, "pipeline.mk")
VARIABLES = ("AGENT_HOME", "SOURCES", "INPUT", "OUT", "FORMAT", "MIN_SCORE", "MAX_REJECT", "SEED", "JOBS")
KNOWN_SOURCES = ("codex", "claude", "gemini", "antigravity")
DEPENDENCIES = ("orjson", "xxhash", "zstandard", "numpy", "tqdm", "jq", "ijson")  # the base, as in pyproject
FAILED = ".stamp/failed"
_SETTINGS = ".stamp/settings.json"
_LOCK = ".stamp/lock"
_MARK = re.compile(r"# ([\w./-]+): ")  # the comment that opens a recipe names its stage
_COMMAND = re.compile(r"(?:^|[;|&(\n])\s*(afs-[a-z0-9-]+)(?=\s|$)")


@dataclass(slots=True)
class Pipeline:
    """A folder, the values of its variables, and the table of what each command uses of lib/afs.

    `folder` is where make runs. Paths in `variables` are absolute or relative to it. `bin` holds the
    commands.
    """

    make: str
    bin: str
    folder: str
    variables: dict[str, str]
    uses: dict[str, list[str]]


# --- asking make ------------------------------------------------------------------------------------------


def find_make() -> str:
    """GNU make, under either of its names."""
    from shutil import which

    for name in ("gmake", "make"):
        if path := which(name):
            return path
    return fail("make is missing; install the package make (GNU make 3.81 or newer)")


def settings(make: str, folder_of_commands: str, given: Mapping[str, str]) -> dict[str, str]:
    """What the rules say of each variable after their defaults, and of what each command uses.

    Below another make the values come from its command line and environment too; else the
    environment says nothing, because OUT or FORMAT may mean anything there.
    """
    environ = dict(os.environ)
    if "MAKELEVEL" not in environ:
        for name in VARIABLES:
            environ.pop(name, None)
    known = [name for name in KNOWN_SOURCES if os.access(f"{folder_of_commands}/afs-export-{name}", os.X_OK)]
    text = _ask(make, ["-s", "settings"], {"exporters": " ".join(known), **given}, os.curdir, environ)
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def commands(line: Pipeline) -> dict[str, str]:
    """The command lines of all stages, in an order in which they could run: what `make -nB` prints."""
    return _recipes(_ask(line.make, ["-nB", "files"], line.variables, line.folder))


def pending(line: Pipeline, stale: list[str]) -> list[str]:
    """The stages that make would run if these had a new stamp."""
    return list(_recipes(_ask(line.make, ["-n", "files"], _with_stale(line, stale), line.folder)))


def explain(line: Pipeline, stale: list[str]) -> str:
    """What make would run, as it prints it."""
    return _ask(line.make, ["-n", "files"], _with_stale(line, stale), line.folder)


def start(line: Pipeline, stale: list[str], quiet: bool) -> subprocess.Popen[bytes]:
    """make at work on the folder. It keeps what it inherits: the lock, and the tokens of a make above."""
    values = {**_with_stale(line, stale), "failed": FAILED, "quiet": "1" if quiet else ""}
    jobs = int(line.variables["JOBS"])
    argv = _argv(line.make, ["files", *([f"-j{jobs}"] if jobs > 1 else ())], values)
    return subprocess.Popen(argv, cwd=line.folder, env=_environ(line.bin, os.environ), close_fds=False)


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
    if environ is None:  # all is said in `values`; the flags of a make above must not change the answer
        environ = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS")}
    argv = _argv(make, rest, values)
    done = subprocess.run(argv, cwd=folder, env=environ, capture_output=True, close_fds=False)
    if done.returncode:
        fail(done.stderr.decode(errors="replace").strip() or f"make failed with exit {done.returncode}")
    return done.stdout.decode(errors="surrogateescape")


def _environ(commands: str, environ: Mapping[str, str]) -> dict[str, str]:
    """Recipes find our commands first, and the interpreter that runs this one."""
    path = [commands, os.path.dirname(sys.executable), environ.get("PATH", os.defpath)]
    return {**environ, "PATH": os.pathsep.join(path)}


def _recipes(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    stage = ""
    for line in text.splitlines(keepends=True):
        if mark := _MARK.match(line):
            stage = mark[1]
            found[stage] = ""
        elif stage:
            found[stage] += line
    return found


# --- variables --------------------------------------------------------------------------------------------


def resolve(values: dict[str, str], folder_of_commands: str) -> dict[str, str]:
    """The variables checked, with paths as they are seen from OUT. A wrong one is a usage error."""
    found = {name: values.get(name, "").strip() for name in VARIABLES}
    for name in ("SOURCES", "FORMAT"):
        for word in found[name].split():
            if not re.fullmatch(r"[a-z0-9][\w-]*", word):
                fail(f"{name}: '{word}' is no name; give names with spaces between")
    for name, kind in (("MIN_SCORE", float), ("MAX_REJECT", float), ("SEED", int), ("JOBS", int)):
        try:
            number = kind(found[name]) if found[name] or name != "MIN_SCORE" else 1
            if name != "SEED" and not (number >= 0 and (number <= 1 or name == "JOBS")):
                raise ValueError
        except ValueError:
            fail(
                f"{name}: '{found[name]}' is not {'a number from 0 to 1' if kind is float else 'a whole number'}"
            )
    if found["JOBS"] == "0":
        found["JOBS"] = str(os.cpu_count() or 1)
    if not found["OUT"]:
        fail("OUT is empty; name a folder")
    if os.path.exists(found["OUT"]) and not os.path.isdir(found["OUT"]):
        fail(f"{found['OUT']}: is a file; name a folder")
    inputs = _inputs(found["INPUT"])
    found["INPUT"] = shlex.join(seen_from(found["OUT"], path) for path in inputs)
    if not found["SOURCES"] and not inputs:
        fail("there is nothing to read: name a home with logs, or an input file")
    if found["SOURCES"]:
        _check_sources(found["SOURCES"].split(), folder_of_commands)
        if not os.path.isdir(found["AGENT_HOME"]):
            hint = "; name a home folder with logs" if found["AGENT_HOME"] == "examples/home" else ""
            fail(f"{found['AGENT_HOME'] or 'AGENT_HOME'}: no such folder{hint}")
        found["AGENT_HOME"] = seen_from(found["OUT"], found["AGENT_HOME"])
    else:
        found["AGENT_HOME"] = ""
    return found


def _inputs(text: str) -> list[str]:
    """The files named in INPUT: one name as it stands, else words quoted as in a shell."""
    try:
        words = [text] if os.path.isfile(text) else shlex.split(text)
    except ValueError:
        fail(f"INPUT: {text}: a quote is not closed")
    paths: list[str] = []
    for word in words:
        path = os.path.expanduser(word)
        paths += [path] if os.path.exists(path) else sorted(glob.glob(path)) or [path]
    for path in paths:
        if not os.path.isfile(path):
            fail(f"{path}: {'is a folder; name the files in it' if os.path.isdir(path) else 'no such file'}")
        if not os.access(path, os.R_OK):
            fail(f"{path}: cannot be read; check its permissions")
    return paths


def _check_sources(names: list[str], folder: str) -> None:
    known = [entry[11:] for entry in sorted(os.listdir(folder)) if entry.startswith("afs-export-")]
    for name in names:
        if name not in known:
            fail(f"SOURCES: there is no afs-export-{name}; known: {', '.join(known)}")


def seen_from(folder: str, path: str) -> str:
    """A path as it is seen from a folder: relative if both are below the current one, else absolute.

    So two copies of a tree see the same, and a tree may be moved.
    """
    here, folder, path = os.path.realpath(os.curdir), os.path.realpath(folder), os.path.realpath(path)
    if all((each + "/").startswith(here.rstrip("/") + "/") for each in (folder, path)):
        return os.path.relpath(path, folder)
    return path


def read_settings(folder: str) -> dict[str, Any]:
    """What the last run in this folder was asked for; {} if there was none."""
    try:
        with open(os.path.join(folder, _SETTINGS), "rb") as file:
            found: dict[str, Any] = orjson.loads(file.read())
            return found
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except ValueError:
        return fail(f"{os.path.join(folder, _SETTINGS)}: is damaged; remove it and run the pipeline")


def write_settings(line: Pipeline) -> None:
    """Remember what this run is asked for. The home outlives runs that read no logs."""
    home = line.variables["AGENT_HOME"] or read_settings(line.folder).get("home", "")
    value = {"home": home, "variables": line.variables, "uses": line.uses}
    _write(os.path.join(line.folder, _SETTINGS), orjson.dumps(value, option=orjson.OPT_INDENT_2) + b"\n")


def check_home(line: Pipeline) -> None:
    """Refuse a folder that was made from another home: whose data is in it must stay plain."""
    old, new = read_settings(line.folder).get("home", ""), line.variables["AGENT_HOME"]
    if old and new and _real(line.folder, old) != _real(line.folder, new):
        fail(
            f"{line.variables['OUT']} was made from the home {show(_real(line.folder, old))}, not from "
            f"{show(_real(line.folder, new))}; name another folder, or remove this one"
        )


def _real(folder: str, path: str) -> str:
    return os.path.realpath(os.path.join(folder, path))


# --- one run at a time ------------------------------------------------------------------------------------


def lock(folder: str) -> int:
    """Take the folder: a descriptor whose lock ends with the last process that holds it, -1 if taken.

    make and all that it starts inherit it, so that a stage that outlives a killed make still holds the
    folder. Whoever only looks (`held`) holds it for an instant; that is waited out.
    """
    import fcntl
    import time

    os.makedirs(os.path.join(folder, ".stamp"), exist_ok=True)
    fd = os.open(os.path.join(folder, _LOCK), os.O_RDWR | os.O_CREAT, 0o644)
    for attempt in range(10):
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.set_inheritable(fd, True)
            return fd
        except OSError:
            time.sleep(0.02 * (attempt + 1))
    os.close(fd)
    return -1


def held(folder: str) -> bool:
    """Whether a run is at work in the folder."""
    import fcntl

    try:
        fd = os.open(os.path.join(folder, _LOCK), os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return False
    except OSError:
        return True
    finally:
        os.close(fd)


# --- stamps -----------------------------------------------------------------------------------------------


def stamps(line: Pipeline, commands: Mapping[str, str]) -> dict[str, str]:
    """For each stage the text that its stamp should have."""
    return {stage: _stamp(line, stage, command) for stage, command in commands.items()}


def changed(line: Pipeline, wanted: Mapping[str, str]) -> list[str]:
    """The stages whose stamp is missing or says something else."""
    return [stage for stage, text in wanted.items() if _read(_stamp_path(line, stage)) != text.encode()]


def write_stamps(line: Pipeline, wanted: Mapping[str, str], stale: list[str]) -> None:
    """Rewrite the stamps of these stages."""
    for stage in stale:
        _write(_stamp_path(line, stage), wanted[stage].encode())


def _stamp_path(line: Pipeline, stage: str) -> str:
    return os.path.join(line.folder, ".stamp", stage)


def _stamp(line: Pipeline, stage: str, command: str) -> str:
    rows = [command.rstrip("\n")]
    for name in sorted(set(_COMMAND.findall(command))):
        path = os.path.join(line.bin, name)
        if not os.access(path, os.X_OK):
            fail(f"{name}: no such command in {line.bin}")
        rows.append(f"{name} {_digest(path)}")
        rows += [f"lib/afs/{part} {_digest(os.path.join(LIB, part))}" for part in _used(line, name)]
    rows += [f"{name} {version}" for name, version in versions().items()]
    rows += _origin(line, stage)
    return "\n".join(rows) + "\n"


def _used(line: Pipeline, command: str) -> Iterator[str]:
    """The files of lib/afs that a command uses; all of them if the table does not name it."""
    for pattern in line.uses.get(command, ["**"]):
        for path in sorted(glob.glob(os.path.join(LIB, pattern), recursive=True)):
            if os.path.isfile(path) and not path.endswith(".pyc"):
                yield os.path.relpath(path, LIB)


def _origin(line: Pipeline, stage: str) -> Iterator[str]:
    """What a raw stage reads from outside the folder: path, size and time of each file, as one number."""
    source = stage.removeprefix("raw/")
    if source == stage:
        return
    files = []
    if source == "input":
        files = [(path, _real(line.folder, path)) for path in shlex.split(line.variables["INPUT"])]
    else:
        home = _real(line.folder, line.variables["AGENT_HOME"])
        files = [(os.path.relpath(path, home), path) for path in logs(source, home)]
    digest = hashlib.sha256()
    for name, path in files:
        try:
            status = os.stat(path)
        except OSError as error:
            digest.update(os.fsencode(f"{name}\0{reason_of(error)}\0"))
        else:
            digest.update(os.fsencode(f"{name}\0{status.st_size}\0{status.st_mtime_ns}\0"))
    yield f"{len(files)} files {digest.hexdigest()}"


def logs(source: str, home: str) -> list[str]:
    """The logs of a source under a home, in order."""
    from importlib import import_module

    parser = import_module(f"afs.logs.{source}")
    return [
        path
        for root in parser.roots(home, {})
        for group in parser.find(root, lambda error: None)
        for path in group
    ]


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


def _read(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


def _write(path: str, data: bytes) -> None:
    """Write a file whole, if it would be different."""
    if _read(path) == data:
        return
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + ".part", "wb") as file:
        file.write(data)
    os.replace(path + ".part", path)
