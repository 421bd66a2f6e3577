"""What a pipeline's folder holds, in figures: the state of each stage, summary.json and manifest.json."""

from __future__ import annotations

import glob
import hashlib
import os
import re
import shlex
import shutil

import orjson

from afs import __version__, stages
from afs.messages import show
from afs.output import Output
from afs.pipeline import real
from afs.run import PRECEDENCE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from afs.pipeline import Pipeline

PARTS = ("train", "val", "test")
COLUMNS = ("stage", "state", "read", "written", "redacted", "seconds", "rejected", "dropped")


def rows(
    line: Pipeline, recipes: Mapping[str, str], pending: Iterable[str], busy: bool
) -> list[dict[str, Any]]:
    """One row a stage, in order: its state and what its last run counted.

    state is `done`, `stale` (made, but not from what is there now), `missing`, `running`, or `failed`
    with the exit status of the last run; `busy` says whether a run is at work.
    """
    waiting, failures = set(pending), failed(line.folder)
    found = []
    for stage, recipe in recipes.items():
        state = "done"
        if stage in waiting:
            state = "stale" if os.path.exists(os.path.join(line.folder, target(recipe))) else "missing"
            if busy and _parts(line.folder, recipe):
                state = "running"
            elif stage in failures:
                state = "failed"
        row: dict[str, Any] = {"stage": stage, "state": state}
        if state == "failed":
            row["exit"] = failures[stage]
        counts = _counts(line.folder, recipe)
        row |= {
            name: counts.get(name)
            for name in ("read", "written", "dropped", "rejected", "reject_reasons", "redacted")
        }
        found.append(row | {"seconds": counts.get("run", {}).get("seconds")})
    return found


def table(found: Iterable[Mapping[str, Any]]) -> str:
    """The rows for people."""
    cells = [COLUMNS, *(_cells(row) for row in found)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    right = [name in ("read", "written", "redacted", "seconds") for name in COLUMNS]
    return "".join(
        "  ".join(
            text.rjust(width) if number else text.ljust(width)
            for text, width, number in zip(row, widths, right, strict=True)
        ).rstrip()
        + "\n"
        for row in cells
    )


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    state = f"{row['state']} ({row['exit']})" if "exit" in row else row["state"]
    numbers = ["" if row[name] is None else str(row[name]) for name in ("read", "written")]
    seconds = "" if row["seconds"] is None else f"{row['seconds']:.1f}"
    redacted = "" if row["redacted"] is None else str(sum(row["redacted"].values()))
    reasons = [_named(row[name]) for name in ("reject_reasons", "dropped")]
    return (row["stage"], state, *numbers, redacted, seconds, *reasons)


def _named(reasons: Mapping[str, int] | None) -> str:
    if not reasons:
        return "" if reasons is None else "0"
    return f"{sum(reasons.values())} ({', '.join(f'{name} {number}' for name, number in reasons.items())})"


def target(recipe: str) -> str:
    """The file that a recipe renames last."""
    return recipe.split()[-1]


def failed(folder: str) -> dict[str, int]:
    """Stages that failed in the last run, with their exit status."""
    try:
        with open(os.path.join(folder, stages.FAILED), encoding="utf-8") as file:
            words = [row.split() for row in file]
    except FileNotFoundError:
        return {}
    return {pair[1]: int(pair[0]) for pair in words if len(pair) == 2}


def exit_status(folder: str) -> int:
    """The status to leave with after a failed run: the first of the stages' own in the usual order."""
    codes = [code if code in PRECEDENCE else 1 for code in failed(folder).values()]
    return min(codes, key=PRECEDENCE.index, default=1)


def sweep(line: Pipeline, recipes: Mapping[str, str]) -> None:
    """Remove what a run that failed or was killed left. Only who holds the lock may."""
    left = [path for recipe in recipes.values() for path in _parts(line.folder, recipe)]
    for path in (os.path.join(line.folder, stages.FAILED), *left):
        if os.path.isdir(path):
            shutil.rmtree(path)
        elif os.path.exists(path):
            os.unlink(path)


def _parts(folder: str, recipe: str) -> list[str]:
    """Unfinished files of a stage: they are there while its commands run."""
    head, name = os.path.split(os.path.join(folder, target(recipe)))
    name = name.removesuffix(".summary.json")
    patterns = (f"{name}.part", f".{name}.part.*.afs-part")
    return [path for pattern in patterns for path in glob.glob(os.path.join(glob.escape(head), pattern))]


def _counts(folder: str, recipe: str) -> dict[str, Any]:
    """The summary of a stage; {} if there is none."""
    told = re.search(r"--summary (\S+?)(\.part)?\s", recipe)
    try:
        with open(os.path.join(folder, told[1] if told else ""), "rb") as file:
            found: dict[str, Any] = orjson.loads(file.read())
            return found
    except (OSError, orjson.JSONDecodeError):
        return {}


# --- the end of a run -------------------------------------------------------------------------------------


def sizes(folder: str) -> dict[str, int]:
    """Samples in each part, from summary.json."""
    with open(os.path.join(folder, "summary.json"), "rb") as file:
        found: dict[str, int] = orjson.loads(file.read())["samples"]
        return found


def closing(folder: str, what: str) -> str:
    """What a run says at its end; it ends with the number of samples."""
    parts = sizes(folder)
    if not any(parts.values()):
        return f"{folder} {what}; but no sample is left and all files are empty: see {folder}/summary.json"
    named = ", ".join(f"{part} {number}" for part, number in parts.items())
    return f"{folder} {what}: {sum(parts.values())} samples ({named})"


def _split(part: str) -> str:
    return f"splits/{part}.jsonl"


def is_told(line: Pipeline, recipes: Mapping[str, str]) -> bool:
    """Whether summary.json and manifest.json are as new as all that they tell of."""
    made = [os.path.join(line.folder, target(recipe)) for recipe in recipes.values()]
    told = [os.path.join(line.folder, name) for name in ("summary.json", "manifest.json")]
    if not all(map(os.path.exists, told)):
        return False
    return min(map(os.path.getmtime, told)) >= max(map(os.path.getmtime, made))


def remove_stale(line: Pipeline) -> list[str]:
    """Remove the formats of earlier runs that this one did not ask for and that hold another split.

    Beside the new parts they would put what is now tested on into what is trained on.
    """
    wanted = line.variables["FORMAT"].split()
    split = os.stat(os.path.join(line.folder, "splits.summary.json")).st_mtime_ns
    gone = []
    for summary in sorted(glob.glob(os.path.join(glob.escape(line.folder), "*-train.summary.json"))):
        name = os.path.basename(summary)[: -len("-train.summary.json")]
        if name in wanted or os.stat(summary).st_mtime_ns >= split:
            continue
        for part in PARTS:
            stem = os.path.join(line.folder, f"{name}-{part}")
            paths = (
                f"{stem}.summary.json",
                f"{stem}.rejects.jsonl",
                os.path.join(line.folder, name, f"{part}.jsonl"),
            )
            for path in paths:
                if os.path.exists(path):
                    os.unlink(path)
        if os.path.isdir(os.path.join(line.folder, name)) and not os.listdir(os.path.join(line.folder, name)):
            os.rmdir(os.path.join(line.folder, name))
        gone.append(name)
    return gone


def tell(line: Pipeline, recipes: Mapping[str, str]) -> None:
    """Write summary.json (counts alone: the same input gives the same bytes) and manifest.json."""
    counts = {stage: _counts(line.folder, recipe) for stage, recipe in recipes.items()}
    for each in counts.values():
        for name in ("command", "version", "run"):
            each.pop(name, None)
    manifest = _manifest(line, recipes)
    samples = {part: manifest["files"][_split(part)]["records"] for part in PARTS}
    _put(os.path.join(line.folder, "summary.json"), {"samples": samples, "stages": counts})
    _put(os.path.join(line.folder, "manifest.json"), manifest)


def _manifest(line: Pipeline, recipes: Mapping[str, str]) -> dict[str, Any]:
    """What made the files, and what they are: enough to make them again and to see that they are the same."""
    import time

    values = line.variables
    made = [path for path in map(target, recipes.values()) if path.endswith(".jsonl")]
    return {
        "afs": __version__,
        "versions": stages.versions(),
        "variables": {
            name: values[name] for name in ("SOURCES", "FORMAT", "MIN_SCORE", "MAX_REJECT", "SEED")
        },
        "home": _shown(line, values["AGENT_HOME"]) if values["AGENT_HOME"] else None,
        "inputs": [_shown(line, path) for path in shlex.split(values["INPUT"])],
        "files": {path: _facts(os.path.join(line.folder, path)) for path in (*made, *map(_split, PARTS))},
        "run": {
            "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "host": os.uname().nodename,
        },
    }


def _shown(line: Pipeline, path: str) -> str:
    """A path as it may stand in a file: relative, from ~, or its last part."""
    path = real(line, path)
    here = os.path.realpath(os.curdir)
    return os.path.relpath(path) if path.startswith(here.rstrip("/") + "/") else show(path)


def _facts(path: str) -> dict[str, Any]:
    digest, size, records = hashlib.sha256(), 0, 0
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
            size += len(block)
            records += block.count(b"\n")
    return {"records": records, "bytes": size, "sha256": digest.hexdigest()}


def _put(path: str, value: Any) -> None:
    out = Output(path)
    out.write(orjson.dumps(value, option=orjson.OPT_INDENT_2))
    out.commit()
