"""What a pipeline's folder holds, in figures: the state of each stage, summary.json and manifest.json."""

from __future__ import annotations

import glob
import hashlib
import os
import shlex
import shutil

import orjson

from afs import __version__, stages
from afs.messages import show
from afs.output import Output

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from afs.stages import Pipeline

PARTS = ("train", "val", "test")
COLUMNS = ("stage", "state", "read", "written", "dropped", "rejected", "seconds")


def rows(
    line: Pipeline, commands: Mapping[str, str], pending: Iterable[str], busy: bool
) -> list[dict[str, Any]]:
    """One row a stage, in order: its state and what its last run counted.

    state is `done`, `stale` (made, but not from what is there now), `missing`, `running`, or `failed`
    with the exit status of the last run; `busy` says whether a run is at work.
    """
    waiting, failures = set(pending), failed(line.folder)
    found = []
    for stage, command in commands.items():
        state = "done"
        if stage in waiting:
            state = "stale" if os.path.exists(os.path.join(line.folder, target(command))) else "missing"
            if busy and _parts(line.folder, command):
                state = "running"
            elif stage in failures:
                state = "failed"
        row: dict[str, Any] = {"stage": stage, "state": state}
        counts = _counts(line.folder, stage)
        seconds = counts.get("run", {}).get("seconds")
        if state == "failed":
            row["exit"] = failures[stage]
        row |= {"read": counts.get("read"), "written": counts.get("written")}
        row |= {"dropped": counts.get("dropped", {}), "rejected": counts.get("rejected")}
        found.append(row | {"reject_reasons": counts.get("reject_reasons", {}), "seconds": seconds})
    return found


def table(found: Iterable[Mapping[str, Any]]) -> str:
    """The rows for people."""
    cells = [COLUMNS, *(_cells(row) for row in found)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    right = [name in ("read", "written", "seconds") for name in COLUMNS]
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
    dropped = _named(sum(row["dropped"].values()), row["dropped"])
    rejected = "" if row["rejected"] is None else _named(row["rejected"], row["reject_reasons"])
    numbers = ["" if row[name] is None else str(row[name]) for name in ("read", "written")]
    seconds = "" if row["seconds"] is None else f"{row['seconds']:.1f}"
    return (row["stage"], state, *numbers, dropped if numbers[0] else "", rejected, seconds)


def _named(total: int, reasons: Mapping[str, int]) -> str:
    told = ", ".join(f"{name} {number}" for name, number in reasons.items())
    return f"{total} ({told})" if told else str(total)


def target(command: str) -> str:
    """The file that a stage's recipe renames last."""
    return command.split()[-1]


def failed(folder: str) -> dict[str, int]:
    """Stages that failed in the last run, with their exit status."""
    try:
        with open(os.path.join(folder, stages.FAILED), encoding="utf-8") as file:
            words = [line.split() for line in file]
    except FileNotFoundError:
        return {}
    return {pair[1].removesuffix(".summary"): int(pair[0]) for pair in words if len(pair) == 2}


def sweep(line: Pipeline, commands: Mapping[str, str]) -> None:
    """Remove what a killed run left. Only who holds the lock may."""
    for path in (os.path.join(line.folder, stages.FAILED), *_all_parts(line.folder, commands)):
        if os.path.isdir(path):
            shutil.rmtree(path)
        elif os.path.exists(path):
            os.unlink(path)


def _all_parts(folder: str, commands: Mapping[str, str]) -> list[str]:
    return [path for command in commands.values() for path in _parts(folder, command)]


def _parts(folder: str, command: str) -> list[str]:
    """Unfinished files of a stage: there while its command runs."""
    head, name = os.path.split(os.path.join(folder, target(command)))
    head, name = glob.escape(head), glob.escape(name)
    stem = name.removesuffix(".summary.json")
    patterns = (f"{name}.part", f".{name}.part.*.afs-part", f"{stem}.part")
    return [path for pattern in patterns for path in glob.glob(os.path.join(head, pattern))]


def _counts(folder: str, stage: str) -> dict[str, Any]:
    try:
        with open(os.path.join(folder, f"{stage}.summary.json"), "rb") as file:
            found: dict[str, Any] = orjson.loads(file.read())
            return found
    except (FileNotFoundError, orjson.JSONDecodeError):
        return {}


# --- the end of a run -------------------------------------------------------------------------------------


def sizes(folder: str) -> dict[str, int]:
    """Samples in each part, as the split counted them."""
    counts = _counts(folder, "splits")
    return {part: int(counts.get(part, 0)) for part in PARTS}


def is_told(line: Pipeline, commands: Mapping[str, str]) -> bool:
    """Whether summary.json and manifest.json are newer than all that they tell of."""
    targets = [os.path.join(line.folder, target(command)) for command in commands.values()]
    told = [os.path.join(line.folder, name) for name in ("summary.json", "manifest.json")]
    if not all(map(os.path.exists, told)):
        return False
    return min(map(os.path.getmtime, told)) >= max(map(os.path.getmtime, targets))


def tell(line: Pipeline, commands: Mapping[str, str]) -> None:
    """Write summary.json (counts alone: the same input gives the same bytes) and manifest.json."""
    summary: dict[str, Any] = {"samples": sizes(line.folder), "stages": {}}
    for stage in commands:
        counts = _counts(line.folder, stage)
        summary["stages"][stage] = {
            name: value for name, value in counts.items() if name not in ("command", "version", "run")
        }
    _put(os.path.join(line.folder, "summary.json"), summary)
    _put(os.path.join(line.folder, "manifest.json"), _manifest(line, commands))


def _manifest(line: Pipeline, commands: Mapping[str, str]) -> dict[str, Any]:
    """What made the files, and what they are: enough to make them again and to see that they are the same."""
    import time

    def shown(path: str) -> str:
        return show(os.path.relpath(real) if (real := _real(line, path)).startswith(_here()) else real)

    values = line.variables
    files = [f"splits/{part}.jsonl" for part in PARTS]
    files += [target(command) for command in commands.values() if "/" in target(command)]
    return {
        "afs": __version__,
        **stages.versions(),
        "variables": {
            name: values[name] for name in ("SOURCES", "FORMAT", "MIN_SCORE", "MAX_REJECT", "SEED")
        },
        "home": shown(values["AGENT_HOME"]) if values["AGENT_HOME"] else None,
        "inputs": [shown(path) for path in shlex.split(values["INPUT"])],
        "files": {path: _facts(os.path.join(line.folder, path)) for path in files},
        "run": {
            "finished": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "host": os.uname().nodename,
        },
    }


def _here() -> str:
    return os.path.realpath(os.curdir).rstrip("/") + "/"


def _real(line: Pipeline, path: str) -> str:
    return os.path.realpath(os.path.join(line.folder, path))


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
