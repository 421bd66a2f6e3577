"""Whether files that were split share anything: a group, a content, a cluster of near-duplicates."""

from __future__ import annotations

import os
from contextlib import ExitStack

from afs import jsonl, sample
from afs.curate import split
from afs.messages import fail, show

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray

    from afs.curate.rows import Look, Names, Pairs, Rows
    from afs.run import Run

_MASK = (1 << 64) - 1


def usable(args: argparse.Namespace) -> None:
    """Ends a run with --check as wrongly used where it has nothing to compare, or is told to write."""
    told = {
        "-o": args.folder,
        "--exact": args.exact,
        "--stratify": args.stratify,
        "--previous": args.previous,
    }
    for name, value in told.items():
        if value:
            fail(f"--check writes nothing; leave {name} out")
    paths = [*args.files, *(args.input or ())]
    if len(paths) < 2:
        fail("--check compares files: name two or more")
    seen: set[str] = set()
    for path in paths:
        if (real := os.path.realpath(path)) in seen:
            fail(f"{path}: is named twice; --check compares different files")
        seen.add(real)


def check(run: Run) -> None:
    """Write a line for everything that stands in two or more inputs; exit 3 if anything does. Raises Full."""
    from afs.curate import parting
    from afs.curate.rows import Names, Rows, most_rows

    args = run.args
    most = most_rows(args.memory)
    paths = _paths(args)
    found = parting.read_clusters(args.groups, most) if args.groups else None
    with ExitStack() as stack:
        groups, contents = stack.enter_context(Rows(4)), stack.enter_context(Rows(3))
        ids = stack.enter_context(Rows(3)) if found else None
        names = stack.enter_context(Names())
        _read(run, groups, contents, ids, names)
        out = run.open("-")
        kinds: list[tuple[str, Rows, Look | None]] = [("group", groups, None), ("content", contents, None)]
        if ids is not None and found is not None:
            clusters = found
            kinds.append(("cluster", ids, lambda chunk: _by_cluster(clusters.of(chunk[:, 0]), chunk[:, 1])))
        for kind, rows, look in kinds:
            shared = run.count[f"shared_{kind}s"] = 0
            for pairs in rows.pairs(most, look):
                for row, places in _shared(rows, pairs):
                    name = {"group": names.text(rows.at(row)[3])} if kind == "group" else {}
                    files = [
                        {"file": show(paths[file]), "line": line, "records": count}
                        for file, line, count in places
                    ]
                    out.write(jsonl.encode({"shared": kind, **name, "files": files}))
                    shared += 1
            run.count[f"shared_{kind}s"] = shared
    looked = "groups, contents and clusters" if found else "groups and contents"
    run.extra["checked"] = [kind for kind, _, _ in kinds]
    if any(run.count[f"shared_{kind}s"] for kind, _, _ in kinds):
        told = ", ".join(f"{run.count[f'shared_{kind}s']} {kind}s" for kind, _, _ in kinds)
        run.fault(3, f"{told} are in more than one file; {looked} were compared{_without(found)}")
    elif not args.quiet:
        run.warn(f"nothing is in more than one file; {looked} were compared{_without(found)}")


def _without(found: object) -> str:
    return "" if found else ", near-duplicates only with --groups"


def _read(run: Run, groups: Rows, contents: Rows, ids: Rows | None, names: Names) -> None:
    """Note group, content and id of every record: a key, its file from 1, its line; the group's name too."""
    from afs.curate.clusters import id_of

    place = split.placer(run.args.seed)
    paths = _paths(run.args)
    file, before, last, at = 0, None, None, 0
    for _, record, group in split.names(run, run.args.group_by):
        path, line = run.place()
        if path != before:  # an input without records has no number: it shares nothing
            before, file = path, paths.index(path) + 1
        if group != last:
            last, at = group, names.put(group)
        groups.add(place(group), file, line, at)
        if (key := _content(record)) is None:
            run.count["without_content"] += 1
        else:
            contents.add(key & _MASK, file, line)
        if ids is not None and (name := id_of(record.get("sample_id"))):
            ids.add(name, file, line)


def _paths(args: argparse.Namespace) -> list[str]:
    return ["stdin" if path == "-" else path for path in (*args.files, *(args.input or ()))]


def _content(record: dict[str, Any]) -> int | None:
    try:
        return sample.content_key(record)
    except (KeyError, TypeError, AttributeError):
        return None


def _by_cluster(
    numbers: NDArray[np.uint64], files: NDArray[np.uint64]
) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Cluster and file of rows. A record in none does not count. Numbers are spread over all keys."""
    import numpy as np

    return numbers * np.uint64(0x9E3779B97F4A7C15), np.where(numbers > 0, files, np.uint64(0))


def _shared(rows: Rows, pairs: Pairs) -> Iterator[tuple[int, list[tuple[int, int, int]]]]:
    """(first row, [(number of the file, first line, records)]) of each key in several files, in order."""
    import numpy as np

    from afs.curate.rows import firsts

    key, file, count, row = pairs
    start = firsts(key)
    size = np.diff(np.append(start, len(key)))
    several = np.flatnonzero(size > 1)
    order = several[np.argsort(row[start[several]], kind="stable")]
    for at in order.tolist():
        span = slice(int(start[at]), int(start[at] + size[at]))
        places = [
            (int(number) - 1, rows.at(int(first))[2], int(records))
            for number, first, records in zip(file[span], row[span], count[span], strict=True)
        ]
        yield int(row[start[at]]), places
