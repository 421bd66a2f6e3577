"""One run of afs-split: where groups and strata come from, and what is said of how it came out."""

from __future__ import annotations

import os
from contextlib import ExitStack

from afs import jsonl
from afs.curate import split
from afs.curate.spool import Spool
from afs.messages import Stop, fail, reason_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from afs.curate.assign import Outcome
    from afs.curate.clusters import Clusters
    from afs.curate.rows import Rows
    from afs.output import Output
    from afs.run import Run

# What a stratum costs, its name and its counts, in bytes; and the most that a summary names.
_STRATUM_COST = 512
_NAMED_STRATA = 1000


def by_hash(run: Run, bounds: split.Parts, outs: list[Output]) -> None:
    """Part as hashes decide, in one reading. Raises spool.Full."""
    with Spool() as spool, split.Groups() as groups:
        rows = split.placed(run, run.args.group_by, run.args.seed, groups)
        moved = split.distribute(rows, bounds, tuple(out.write for out in outs), spool)
        counts = groups.counts(bounds, moved)
    homes = list(moved.values())
    _report(run, bounds, outs, counts, [homes.count(part) for part in range(3)])


def by_plan(run: Run, bounds: split.Parts, outs: list[Output]) -> None:
    """Part as is decided over all groups, in two readings. Raises spool.Full, spool.Changed."""
    from afs.curate import clusters
    from afs.curate.assign import decide
    from afs.curate.rows import Rows, Twice, most_rows

    args = run.args
    most = most_rows(args.memory)
    place = split.placer(args.seed)
    strata = Strata(args.stratify, args.memory // _STRATUM_COST)
    with ExitStack() as stack:
        found = read_clusters(args.groups, most) if args.groups else None
        rows = stack.enter_context(Rows(3 if found else 2))
        twice = stack.enter_context(Twice(run))
        for line, record, group in split.names(run, args.group_by):
            row = twice.row(line)
            try:
                number = strata.number(record)
            except jsonl.Bad as error:
                run.reject(error.reason, error.what)
                continue
            ids = (clusters.id_of(record.get("sample_id")),) if found else ()
            rows.put(row, place(group), number, *ids)
        strata.close()
        old = _previous(run, stack) if args.previous else None
        links = None
        if found:
            links, run.count["joined_groups"], parted = clusters.links(rows, found, old)
            if parted:
                run.warn(f"{parted} clusters lie in several files of --previous; their old groups stay there")
        order = strata.order() if args.stratify or args.exact else []
        outcome = decide(rows, old, links, bounds, order, most)
        write = (None, *(out.write for out in outs))
        for line, part in zip(twice.lines(), outcome.parts, strict=False):
            if put := write[part]:
                put(line)
    groups = [sum(column) for column in zip(*outcome.groups, strict=True)]
    _report(run, bounds, outs, groups, outcome.moved)
    if old is not None:
        _report_old(run, outcome)
    if args.stratify:
        _report_strata(run, outcome, strata.names())
    if order:
        _report_sizes(run, bounds, outcome)


class Strata:
    """The values of the field of --stratify, numbered from 1 as they come. Without a field all are 1."""

    def __init__(self, field: str, most: int) -> None:
        self._field = field
        self._path = field.split(".")
        self._most = most
        self._numbers: dict[str, int] = {} if field else {"": 1}

    def number(self, record: Mapping[str, Any]) -> int:
        """The number of a record's value. Raises jsonl.Bad for a list or an object."""
        if not self._field:
            return 1
        name = split.field_of(record, self._path)
        number = self._numbers.setdefault(name, len(self._numbers) + 1)
        if number > self._most:
            most = f"over {self._most} values"
            fail(f"--stratify {self._field}: {most}; name a field with fewer, or raise --memory")
        return number

    def close(self) -> None:
        """Ends the run as wrongly used where no record has the field."""
        if self._field and list(self._numbers) == [""]:
            fail(f"no record has the field '{self._field}' of --stratify; name one that they have")

    def order(self) -> list[int]:
        """For each number, from 1, its rank, from 1, by name: what comes out does not depend on the order."""
        ranks = {name: rank for rank, name in enumerate(sorted(self._numbers), 1)}
        return [ranks[name] for name in self._numbers]

    def names(self) -> list[str]:
        """The values by rank."""
        return sorted(self._numbers)


def read_clusters(path: str, most: int) -> Clusters:
    """The clusters of --groups. Ends the run as wrongly used where the file holds something else."""
    from afs.curate import clusters

    try:
        return clusters.read(path, most)
    except OSError as error:
        fail(f"{path}: {reason_of(error)}; --groups names a file of afs-dedupe --clusters")
    except jsonl.Bad as error:
        fail(error.what)


def _previous(run: Run, stack: ExitStack) -> Rows:
    """Place and part (from 1) of every record in the files of --previous."""
    from afs.curate.rows import Rows, rows_of

    place = split.placer(run.args.seed)
    path = run.args.group_by.split(".") if run.args.group_by else []
    old = stack.enter_context(Rows(2))
    for part, name in enumerate(split.PARTS, 1):
        file = os.path.join(run.args.previous, f"{name}.jsonl")
        if not os.path.isfile(file):
            fail(f"{file}: no such file; --previous names a folder that afs-split has written")
        try:
            for number, record in rows_of(file):
                try:
                    group = (split.field_of(record, path) if path else "") or split.group_of(record)
                except jsonl.Bad as error:
                    raise jsonl.Bad(error.reason, f"{file}:{number}: {error.what}") from None
                old.add(place(group), part)
        except jsonl.Bad as error:
            run.warn(f"{error.what}; mend the file of --previous")
            raise Stop(1) from None
    return old


def _report(run: Run, bounds: split.Parts, outs: list[Output], groups: list[int], moved: list[int]) -> None:
    """Count groups and parts, and say what chance alone would not have given."""
    run.count.update({name: out.count for name, out in zip(split.PARTS, outs, strict=True)})
    run.extra["written"] = sum(out.count for out in outs)
    run.count["groups"] = sum(groups)
    run.extra["groups_by_part"] = dict(zip(split.PARTS, groups, strict=True))
    tally = run.tallies["moved"]
    for name, bound, number, came in zip(split.PARTS, bounds, groups, moved, strict=True):
        if came:
            tally[f"to {name}"] = came
            run.warn(
                f"{name} would have stayed empty: it got the nearest group; --previous keeps it there later"
            )
        elif bound and not number and sum(groups):
            few = sum(groups) < sum(map(bool, bounds))
            why = "there are fewer groups than parts" if few else "--previous has all groups elsewhere"
            run.warn(f"{name} stays empty: {why}")


def _report_old(run: Run, outcome: Outcome) -> None:
    run.count["old_groups"] = outcome.kept
    run.extra["old_groups_gone"] = outcome.old - outcome.kept
    if outcome.parted:
        run.warn(
            f"{outcome.parted} groups lie in several files of --previous; each went where most of it was"
        )
    if outcome.old and not outcome.kept and any(map(any, outcome.groups)):
        run.warn("no group of --previous is among these: was it made with the same --group-by?")


def _report_strata(run: Run, outcome: Outcome, names: list[str]) -> None:
    run.count["strata"] = len(names)
    if len(names) <= _NAMED_STRATA:
        run.extra["strata"] = {
            name: {
                "groups": dict(zip(split.PARTS, groups, strict=True)),
                "records": dict(zip(split.PARTS, records, strict=True)),
            }
            for name, groups, records in zip(names, outcome.groups, outcome.records, strict=True)
        }
    if outcome.mixed:
        field = run.args.stratify
        run.warn(f"{outcome.mixed} groups have several values of {field}; each counts where most of it is")
    if small := sum(0 < sum(groups) < 3 for groups in outcome.groups):
        run.warn(f"{small} of {len(names)} strata have fewer than three groups; val stays without them")


def _report_sizes(run: Run, bounds: split.Parts, outcome: Outcome) -> None:
    """Say which part did not get its share. Every stratum may be off by what whole groups leave."""
    records = [sum(column) for column in zip(*outcome.records, strict=True)]
    asked = [sum(records) * (bound.stop - bound.start) / (1 << 64) for bound in bounds]
    run.extra["asked"] = {name: round(size, 1) for name, size in zip(split.PARTS, asked, strict=True)}
    for name, size, count in zip(split.PARTS, asked, records, strict=True):
        if abs(size - count) > len(outcome.records):
            run.warn(f"{name} has {count} records where {size:.0f} are its share: groups stay whole")
