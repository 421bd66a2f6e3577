"""The folder of a pipeline: the variables it is made with, the home it is made from, its lock.

The rules are in pipeline.mk. stages.py asks make what they mean, tally.py reads what they made.
"""

from __future__ import annotations

import glob
import os
import re
import shlex
from dataclasses import dataclass

import orjson

from afs.messages import fail, show

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

VARIABLES = (
    *("AGENT_HOME", "SOURCES", "INPUT", "OUT", "FORMAT", "KNOWN", "RULES"),
    *("MIN_SCORE", "BENCHMARKS", "BALANCE", "AUGMENT", "MAX_REJECT", "SEED", "JOBS"),
)
_SETTINGS = ".stamp/settings.json"
_LOCK = ".stamp/lock"


@dataclass(slots=True)
class Pipeline:
    """A folder, the values of its variables, and the table of what each command uses of lib/afs.

    `folder` is where make runs; `make` is its path, `bin` holds the commands. Paths in `variables` are
    absolute or relative to `folder`.
    """

    make: str
    bin: str
    folder: str
    variables: dict[str, str]
    uses: dict[str, list[str]]


def real(line: Pipeline, path: str) -> str:
    """Where a path of the variables leads."""
    return os.path.realpath(os.path.join(line.folder, path))


# --- variables --------------------------------------------------------------------------------------------


def resolve(values: dict[str, str], commands: str) -> dict[str, str]:
    """The variables checked, with paths as they are seen from OUT. A wrong one is a usage error.

    `commands` is the folder of the commands: only a source with an exporter there is known.
    """
    found = {name: values.get(name, "").strip() for name in VARIABLES}
    _check_numbers(found)
    out = found["OUT"]
    if not out:
        fail("OUT is empty; name a folder")
    if os.path.exists(out) and not os.path.isdir(out):
        fail(f"{out}: is a file; name a folder")
    _check_formats(found["FORMAT"].split())
    if not re.fullmatch(r"[\w .,=:/+-]*", found["BALANCE"]):
        fail(f"BALANCE: '{found['BALANCE']}' holds more than options of afs-rebalance and plain words")
    for name in ("KNOWN", "RULES", "BENCHMARKS"):
        found[name] = " ".join(_extras(name, found[name], out))
    inputs = _inputs(found["INPUT"])
    if not found["SOURCES"] and not inputs:
        fail("there is nothing to read; name a home with logs, or an input file")
    found["INPUT"] = shlex.join(_seen_from(out, path) for path in inputs)
    if not found["SOURCES"]:
        found["AGENT_HOME"] = ""
        return found
    _check_sources(found["SOURCES"].split(), commands)
    home = os.path.expanduser(found["AGENT_HOME"])
    if not os.path.isdir(home):
        hint = "; name a home with logs, or an input file" if home == "examples/home" else ""
        fail(f"{home or 'AGENT_HOME'}: no such folder{hint}")
    found["AGENT_HOME"] = _seen_from(out, home)
    return found


def _check_numbers(found: dict[str, str]) -> None:
    for name in ("MIN_SCORE", "MAX_REJECT"):
        try:
            if not 0 <= float(found[name] or "0") <= 1:
                raise ValueError
        except ValueError:
            fail(f"{name}: '{found[name]}' is not a number from 0 to 1")
    if not found["MAX_REJECT"]:
        fail("MAX_REJECT is empty; name a number from 0 to 1")
    for name, pattern in (("SEED", r"-?\d+"), ("JOBS", r"\d+"), ("AUGMENT", r"\d*")):
        if not re.fullmatch(pattern, found[name], re.ASCII):
            fail(f"{name}: '{found[name]}' is not a whole number")
    found["AUGMENT"] = found["AUGMENT"].lstrip("0")  # none is none
    if int(found["JOBS"]) == 0:
        found["JOBS"] = str(os.cpu_count() or 1)


def _check_formats(names: list[str]) -> None:
    from afs import converters

    try:
        for name in names:
            converters.load(name)
    except converters.Unknown as error:
        fail(f"FORMAT: {error}")


def _check_sources(names: list[str], commands: str) -> None:
    known = [entry[11:] for entry in sorted(os.listdir(commands)) if entry.startswith("afs-export-")]
    for name in names:
        if name not in known:
            fail(f"SOURCES: there is no exporter for '{name}'; known: {', '.join(known)}")


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
        if os.path.isdir(path):
            fail(f"{path}: is a folder; name the files in it")
        if not os.path.exists(path):
            fail(f"{path}: no such file")
        if not os.path.isfile(path):
            fail(f"{path}: is not a file; a stage must be able to read it again")
        if not os.access(path, os.R_OK):
            fail(f"{path}: cannot be read; check its permissions")
    return paths


def _extras(name: str, text: str, out: str) -> list[str]:
    """The files of KNOWN or RULES as they are seen from OUT. make takes them apart at spaces."""
    paths = [os.path.expanduser(word) for word in text.split()]
    for path in paths:
        if not os.path.isfile(path) and (path, name) != ("auto", "KNOWN"):
            fail(f"{name}: {path}: no such file; its name may hold no space")
    if name == "RULES" and len(paths) > 1:
        fail("RULES: name one file")
    return [path if path == "auto" else _seen_from(out, path) for path in paths]


def _seen_from(folder: str, path: str) -> str:
    """A path as it is seen from a folder: relative if both are below the current one, else absolute.

    So two copies of a tree see the same, and a tree may be moved.
    """
    here, folder, path = os.path.realpath(os.curdir), os.path.realpath(folder), os.path.realpath(path)
    if all(each.startswith(here.rstrip("/") + "/") for each in (folder, path)):
        return os.path.relpath(path, folder)
    return path


# --- what a folder remembers ------------------------------------------------------------------------------


def read_settings(folder: str) -> dict[str, Any]:
    """What the last run in a folder was asked for; {} if there was none."""
    path = os.path.join(folder, _SETTINGS)
    try:
        with open(path, "rb") as file:
            found: dict[str, Any] = orjson.loads(file.read())
            return found
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except ValueError:
        return fail(f"{path}: is damaged; remove it and run the pipeline")


def write_settings(line: Pipeline) -> None:
    """Remember what this run is asked for. The home outlives runs that read no logs."""
    home = line.variables["AGENT_HOME"] or read_settings(line.folder).get("home", "")
    value = {"home": home, "variables": line.variables}
    write(os.path.join(line.folder, _SETTINGS), orjson.dumps(value, option=orjson.OPT_INDENT_2) + b"\n")


def check_home(line: Pipeline) -> None:
    """Refuse a folder that was made from another home: whose data is in it must stay plain."""
    old, new = read_settings(line.folder).get("home", ""), line.variables["AGENT_HOME"]
    if old and new and (was := real(line, old)) != (asked := real(line, new)):
        what = f"was made from the logs of {show(was)}, not of {show(asked)}"
        fail(f"{line.folder} {what}; name another folder or remove this one")


def read(path: str) -> bytes | None:
    """A file, or None if there is none."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


def write(path: str, data: bytes) -> None:
    """Write a file whole, if it would be different."""
    if read(path) == data:
        return
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + ".part", "wb") as file:
        file.write(data)
    os.replace(path + ".part", path)


# --- one run at a time ------------------------------------------------------------------------------------


def lock(folder: str) -> bool:
    """Take a folder until this process, and all that it started, have ended; False if it is taken.

    make and its recipes inherit the lock, so that a stage that outlives a killed make still holds the
    folder. Whoever only looks (`held`) has it for an instant; that is waited out.
    """
    import fcntl
    import time

    os.makedirs(os.path.join(folder, ".stamp"), exist_ok=True)
    fd = os.open(os.path.join(folder, _LOCK), os.O_RDWR | os.O_CREAT, 0o644)
    for attempt in range(10):
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.02 * (attempt + 1))
        else:
            os.set_inheritable(fd, True)
            return True
    os.close(fd)
    return False


def held(folder: str) -> bool:
    """Whether a run is at work in a folder."""
    import fcntl

    try:
        fd = os.open(os.path.join(folder, _LOCK), os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False
