"""One run of afs-rebalance: groups are counted, sizes are set, and the lines are read once more."""

from __future__ import annotations

import re
from contextlib import ExitStack

from afs import jsonl, sample
from afs.curate import balance, split
from afs.curate.rows import Rows, Twice, most_rows
from afs.curate.spool import Spool
from afs.messages import fail

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping, Sequence
    from fractions import Fraction
    from typing import Any

    from afs.run import Run

NONE = "(none)"
# What a group costs, its name and its counts, in bytes; the most that are named on standard error and in a
# summary.
_GROUP_COST = 512
_SAID = 10
_NAMED = 1000
_SHORT = 40
_LEFT_OUT = -2
_FIRST_ID = re.compile(rb'\s*\{\s*"sample_id"\s*:\s*("(?:[^"\\]|\\.)*")')


def mix(run: Run, asked: Mapping[str, Fraction]) -> None:
    """Write the records of a run in the proportions of its options. Raises spool.Full, spool.Changed."""
    args = run.args
    most = most_rows(args.memory)
    with ExitStack() as stack:
        rows = stack.enter_context(Rows(2))
        twice = stack.enter_context(Twice(run))
        counted = _count(run, rows, twice)
        # By name, so that what comes out does not depend on what came first.
        names = sorted(counted)
        rank = {name: at for at, name in enumerate(names)}
        order = [rank[name] for name in counted]
        counts = [counted[name] for name in names]
        if counts:
            _check_names(args, asked, names)
        weights, caps, size = plan(args, asked, names, counts)
        given = balance.allot(weights, caps, size)
        by_order = [given[at] for at in order]
        numbers = [counts[at] for at in order]
        every = [want // have if weights[at] else _LEFT_OUT
                 for want, have, at in zip(by_order, numbers, order, strict=True)]  # fmt: skip
        take = [want % have for want, have in zip(by_order, numbers, strict=True)]
        cut, ties = balance.cuts(rows, numbers, take, most)
        _write(run, twice.lines(), balance.copies(rows, every, cut, ties))
    _report(run, names, counts, weights, size, given)


def _count(run: Run, rows: Rows, twice: Twice) -> dict[str, int]:
    """The records of each group as they come; for every record a row of group (from 1) and rank."""
    args = run.args
    path = args.by.split(".")
    chance = split.placer(args.seed)
    counts: dict[str, int] = {}
    numbers: dict[str, int] = {}
    limit = args.memory // _GROUP_COST
    scored = 0
    for line, record in run.records():
        row = twice.row(line)
        try:
            name = split.field_of(record, path)
            score = _score(record) if args.by_score else None
        except jsonl.Bad as error:
            run.reject(error.reason, error.what)
            continue
        if not name:
            run.count["without_field"] += 1
            name = NONE
        key = chance(f"rank\0{_name_of(record, line)}")
        if args.by_score:
            scored += score is not None
            key = balance.score_key(score, key)
        number = numbers.setdefault(name, len(numbers) + 1)
        if number > limit:
            fail(f"--by {args.by}: over {limit} values; name a field with fewer, or raise --memory")
        counts[name] = counts.get(name, 0) + 1
        rows.put(row, number, key)
    if list(counts) == [NONE] and counts[NONE] == run.count["without_field"]:
        fail(f"no record has the field '{args.by}' of --by; name one that they have")
    if args.by_score and counts and not scored:
        fail("no record has a quality_score for --by-score; run afs-score first")
    if args.by_score and (bare := sum(counts.values()) - scored):
        run.count["without_score"] = bare
    return counts


def _score(record: Mapping[str, Any]) -> float | None:
    score = record.get("quality_score")
    if score is None:
        return None
    if type(score) not in (int, float) or not 0 <= score <= 1:
        raise jsonl.Bad("not-sample", "field 'quality_score' must be from 0 to 1")
    return float(score)


def _name_of(record: Mapping[str, Any], line: bytes) -> str:
    name = record.get("sample_id")
    return name if name and type(name) is str else jsonl.digest(line)


def _check_names(args: argparse.Namespace, asked: Mapping[str, Fraction], names: Sequence[str]) -> None:
    known = set(names)
    for name in asked:
        if name not in known:
            fail(f"no record has '{name}' in the field '{args.by}'; there are: {_listed(names)}")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(_brief, names[:_SAID])) + (", ..." if names[_SAID:] else "")


def _brief(name: str) -> str:
    return name if len(name) <= _SHORT else name[:_SHORT] + "..."


def plan(
    args: argparse.Namespace, asked: Mapping[str, Fraction], names: Sequence[str], counts: Sequence[int]
) -> tuple[list[int], list[int], int]:
    """Weights, the most of each group, and how many records in all."""
    most = args.max if args.max is not None else args.size or sum(counts) * args.oversample
    caps = [min(count * args.oversample, most) for count in counts]
    if args.weights:
        from fractions import Fraction

        weights = balance.whole([asked.get(name, Fraction(0)) for name in names])
    elif args.target:
        weights = balance.targets(names, counts, asked)
    elif args.temperature is not None:
        weights = balance.tempered(counts, args.temperature)
    elif args.max is None or args.size is not None or args.equal:
        weights = [1] * len(names)
    else:  # a cap and nothing else: each group as it is, up to it
        return list(counts), caps, sum(caps)
    size = args.size if args.size is not None else balance.natural_size(weights, counts, caps)
    return weights, caps, size


def _write(run: Run, lines: Iterator[bytes], copies: Iterator[int]) -> None:
    """All first copies in the order of the input, then all second ones, and so on."""
    with ExitStack() as stack:
        again: Spool | None = None
        for line, number in zip(lines, copies, strict=False):
            if number > 0:
                run.write(line)
            elif number == 0:
                run.drop(line, "surplus")
            elif number == _LEFT_OUT:
                run.drop(line, "no-weight")
            if number > 1:
                again = again or stack.enter_context(Spool())
                again.write(b"%016x%b\n" % (number, line))
        turn, lost = 1, 0
        while again is not None:
            before, again = again, None
            for row in before.lines():
                line = row[16:]
                try:
                    run.write(repeat(line, turn))
                    run.count["repeats"] += 1
                except jsonl.Bad:
                    lost += 1
                if int(row[:16], 16) > turn + 1:
                    again = again or stack.enter_context(Spool())
                    again.write(row + b"\n")
            turn += 1
    if lost:
        run.fault(1, f"{lost} repeats are missing: their numbers have too many digits to be written again")


def repeat(line: bytes, turn: int) -> bytes:
    """The line with an id of its own, which depends on the old id, the line and the turn (from 1).

    Raises jsonl.Bad for a record that cannot be encoded again.
    """
    record = jsonl.decode(line)
    name = sample.sample_id(_name_of(record, line), "repeat", jsonl.digest(line), str(turn))
    if found := _FIRST_ID.match(line):  # all other bytes stay
        made = b'%b"%b"%b' % (line[: found.start(1)], name.encode(), line[found.end(1) :])
        if jsonl.decode(made).get("sample_id") == name:  # a key that comes twice counts where it is last
            return made
    return jsonl.reencode({**record, "sample_id": name}, line)


def _report(
    run: Run,
    names: Sequence[str],
    counts: Sequence[int],
    weights: Sequence[int],
    size: int,
    given: Sequence[int],
) -> None:
    """Count, and say where the data did not allow what was asked."""
    args = run.args
    wanted = list(given)
    if args.size is not None:
        wanted = balance.allot(weights, [size] * len(weights), size)
    run.count["groups"] = len(names)
    run.count["repeats"] += 0
    if len(names) <= _NAMED:
        table = zip(names, counts, wanted, given, strict=True)
        run.extra["by"] = args.by
        run.extra["groups_written"] = {
            name: {"read": count, "asked": want, "written": got} for name, count, want, got in table
        }
    short = [(name, want, got) for name, want, got in zip(names, wanted, given, strict=True) if got < want]
    for name, want, got in short[:_SAID]:
        run.warn(f"{_brief(name)} has {got} of the {want} records that are its share")
    if short[_SAID:]:
        run.warn(f"so have {len(short) - _SAID} more groups")
    if short:
        missing = size - sum(given)
        run.warn(
            f"{missing} of {size} records are missing: the groups have no more; --oversample K repeats them"
            if missing
            else f"other groups gave the {sum(want - got for _, want, got in short)} records that they lack"
        )
    if bare := [name for name, weight in zip(names, weights, strict=True) if not weight]:
        run.warn(f"{len(bare)} groups have no weight and are left out: {_listed(bare)}")
    if args.size is None and args.max is None and 2 * sum(given) < sum(counts):
        total = sum(weights)
        rows = zip(names, counts, weights, strict=True)
        _, name = min((count * total // weight, name) for name, count, weight in rows if weight)
        run.warn(
            f"{_brief(name)} has least for its weight and sets the size; --size N or --oversample K keep more"
        )
