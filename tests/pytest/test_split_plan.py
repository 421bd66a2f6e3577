"""afs-split --exact, --stratify, --previous: quotas are met, strata are served, old groups stay."""

from __future__ import annotations

import json
import os
import random
from collections import Counter, defaultdict

import pytest
from afs.curate import assign, split
from afs.curate.rows import Rows
from hypothesis import given
from hypothesis import strategies as st

BOUNDS = split.parts(0.8, 0.1)
SHARES = (0.8, 0.1, 0.1)
TOP = (1 << 64) - 1


def decided(records, strata=(), old=(), bounds=BOUNDS, most=3, links=None):
    """(parts of the records, outcome) of (place, stratum from 1) each; tiny stretches, as of huge data."""
    with Rows(2) as rows, Rows(2) as before:
        for row in records:
            rows.add(*row)
        for row in old:
            before.add(*row)
        outcome = assign.decide(rows, before if old else None, links, bounds, list(strata), most)
    return [part - 1 for part in outcome.parts], outcome


def lines_of(records):
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def sample(number, group, **more):
    return {"sample_id": f"s{number}", "instruction": f"q{number}", "output": "a",
            "_metadata": {"group": group}, **more}  # fmt: skip


def homes(folder):
    """{group: part} of what lies in a folder; fails where a group is in two parts."""
    found = {}
    for part in split.PARTS:
        for line in (folder / f"{part}.jsonl").read_bytes().splitlines():
            group = json.loads(line)["_metadata"]["group"]
            assert found.setdefault(group, part) == part, f"{group} is in two parts"
    return found


def sizes(folder):
    return [(folder / f"{part}.jsonl").read_bytes().count(b"\n") for part in split.PARTS]


# --- ranks and quotas -----------------------------------------------------------------------------------

PLACES = st.integers(0, TOP)


@given(st.lists(PLACES, unique=True, max_size=60), st.integers(1, 50))
def test_single_groups_get_the_exact_quotas_in_order_of_their_hash(places, most):
    parts, outcome = decided([(at, 1) for at in places], [1], most=most)
    number = len(places)
    got = [parts.count(part) for part in range(3)]
    assert outcome.groups == [got] and outcome.records == [got]
    if number < 3:
        assert got == [[0, 0, 0], [1, 0, 0], [1, 0, 1]][number]
        return
    assert min(got) >= 1
    for size, share in zip(got, SHARES, strict=True):
        assert abs(size - share * number) < 1 or (number < 10 and (size == 1 or got[0] == number - 2))
    assert [part for _, part in sorted(zip(places, parts, strict=True))] == sorted(parts)


def test_strata_of_one_two_and_four_get_what_is_promised():
    records = [(7, 1), (3, 2), (9, 2), (2, 3), (4, 3), (6, 3), (8, 3)]
    parts, outcome = decided(records, [1, 2, 3])
    assert parts[:3] == [0, 0, 2]
    assert outcome.groups == [[1, 0, 0], [1, 0, 1], [2, 1, 1]]


@given(st.lists(st.tuples(PLACES, st.integers(1, 4)), max_size=80), st.integers(2, 40), st.randoms())
def test_neither_the_order_of_records_nor_memory_changes_a_part(records, most, dice):
    records = [(at * 0x9E3779B97F4A7C15 & TOP, number) for at, number in records]
    home = {}
    for at, number in records:  # a group lies in one stratum here: ties go by the first
        home.setdefault(at, number)
    records = [(at, home[at]) for at, _ in records]
    strata = [3, 1, 4, 2]
    parts, _ = decided(records, strata, most=most)
    order = list(range(len(records)))
    dice.shuffle(order)
    again, _ = decided([records[at] for at in order], strata, most=1000)
    assert [parts[at] for at in order] == again


SIZES = st.lists(st.tuples(st.integers(1, 30), st.integers(1, 3)), min_size=1, max_size=50)


@given(SIZES, st.sampled_from([(0.8, 0.1), (0.5, 0.5), (0.1, 0.8), (0, 0.5), (1, 0), (0.34, 0.33)]))
def test_every_stratum_is_cut_as_near_to_its_shares_as_whole_groups_allow(groups, ratios):
    bounds = split.parts(*ratios)
    shares = [len_of(bound) for bound in bounds]
    place = split.placer(5)
    records = [(place(str(n)), stratum) for n, (size, stratum) in enumerate(groups) for _ in range(size)]
    parts, outcome = decided(records, [1, 2, 3], bounds=bounds, most=7)
    for stratum in (1, 2, 3):
        own = {n: size for n, (size, number) in enumerate(groups) if number == stratum}
        total, largest = sum(own.values()), max(own.values(), default=0)
        wanted = [part for part in split.FIRST if shares[part]][: len(own)]
        got = outcome.records[stratum - 1]
        assert sum(got) == total
        assert all(outcome.groups[stratum - 1][part] for part in wanted)
        assert all(not got[part] for part in range(3) if not shares[part])
        if len(own) > 3:
            # A cut lies within half a group of its place, and every part must have one group.
            for part in range(3):
                assert abs(got[part] - shares[part] * total) <= 2 * largest + 1
    seen = defaultdict(set)
    for (at, _), part in zip(records, parts, strict=True):
        seen[at].add(part)
    assert all(len(found) == 1 for found in seen.values())


def len_of(bound):
    return (bound.stop - bound.start) / (1 << 64)


def test_a_huge_group_goes_to_the_largest_part_wherever_its_hash_lies():
    for place in (1, TOP):
        records = [(place, 1)] * 900 + [(n * 10_000, 1) for n in range(1, 101)]
        parts, outcome = decided(records, [1], most=50)
        assert parts[0] == 0
        assert outcome.records == [[900, 50, 50]]


def test_what_rounding_takes_from_a_part_in_one_stratum_it_gets_in_another():
    place = split.placer(1)
    records = [(place(f"{stratum}-{n}"), stratum) for stratum in range(1, 101) for n in range(14)]
    _, outcome = decided(records, list(range(1, 101)), most=100)
    for got in outcome.groups:
        assert got[0] in (11, 12) and got[1] in (1, 2) and got[2] in (1, 2)
    assert [sum(column) for column in zip(*outcome.groups, strict=True)] == [1120, 140, 140]


def test_a_group_counts_in_the_stratum_of_most_of_its_records():
    records = [(1, 1), (1, 2), (1, 2), (2, 1), (3, 1)]
    _, outcome = decided(records, [1, 2])
    assert outcome.mixed == 1
    assert outcome.records == [[1, 0, 1], [3, 0, 0]]


# --- what was there before ------------------------------------------------------------------------------


@given(
    st.lists(st.tuples(PLACES, st.integers(1, 2)), max_size=50),
    st.dictionaries(PLACES, st.integers(1, 3), max_size=20),
    st.sampled_from([(), (1, 2)]),
    st.lists(st.integers(0, 19), max_size=20),
)
def test_old_groups_stay_whatever_is_asked(records, old, strata, picks):
    known = list(old)
    records += [(known[pick % len(known)], 1) for pick in picks if known]
    records = [(at, number if strata else 1) for at, number in records]
    parts, outcome = decided(records, strata, list(old.items()), most=4)
    seen = {}
    for (at, _), part in zip(records, parts, strict=True):
        assert seen.setdefault(at, part) == part
        if at in old:
            assert part == old[at] - 1
    assert outcome.kept == len(set(seen) & set(old)) and outcome.old == len(old)


def test_new_groups_fill_what_old_ones_left_short():
    old = [(n, 1) for n in range(1, 81)]  # train has its share already
    records = [(at, 1) for at, _ in old] + [(1000 + n, 1) for n in range(20)]
    _, outcome = decided(records, [1], old, most=30)
    assert outcome.records == [[80, 10, 10]]


def test_one_new_group_goes_where_its_stratum_has_none():
    parts, _ = decided([(1, 1), (2, 1), (3, 1)], [1], [(1, 1), (2, 3)])
    assert parts == [0, 2, 1]


def test_an_empty_part_is_not_filled_with_an_old_group():
    """Two old groups in train: the new one is nearest, whatever its place."""
    parts, outcome = decided([(1, 1), (2, 1), (3, 1)], (), [(1, 1), (2, 1)])
    assert parts == [0, 0, 2] and outcome.moved == [0, 0, 1]


def test_a_group_that_was_in_two_parts_goes_where_most_of_it_was():
    parts, outcome = decided([(5, 1)], (), [(5, 1), (5, 3), (5, 3)])
    assert parts == [2] and outcome.parted == 1


# --- the command ----------------------------------------------------------------------------------------


@pytest.fixture
def grown(shell):
    """1,000 groups of one to four records, and 1 % more, mixed in everywhere."""
    dice = random.Random(3)
    records = [sample(f"{n}-{k}", f"g{n}", source=dice.choice("xy")) for n in range(1000)
               for k in range(dice.randint(1, 4))]  # fmt: skip
    added = [sample(f"new{n}", f"new{n % 10}", source="x") for n in range(25)]
    (shell.folder / "old.jsonl").write_bytes(lines_of(records))
    more = [*records, *added]
    dice.shuffle(more)
    (shell.folder / "more.jsonl").write_bytes(lines_of(more))
    return shell


def moves(shell, first, then):
    """How many of the old groups are elsewhere in the second split."""
    assert shell.run("afs-split", "-q", *first, "old.jsonl", "-o", "a").returncode == 0
    done = shell.run("afs-split", "-q", *then, "more.jsonl", "-o", "b")
    assert done.returncode == 0, done.stderr
    before, after = homes(shell.folder / "a"), homes(shell.folder / "b")
    assert len(before) == 1000 and len(after) == 1010
    return sum(after[group] != part for group, part in before.items())


@pytest.mark.parametrize(
    ("first", "then"),
    [
        ((), ()),
        ((), ("--previous", "a")),
        (("--exact",), ("--previous", "a", "--exact")),
        (("--stratify", "source"), ("--previous", "a", "--stratify", "source")),
        (("--exact",), ("--previous", "a")),
    ],
)
def test_one_percent_more_data_moves_no_old_group(grown, first, then):
    assert moves(grown, first, then) == 0


def test_exact_alone_is_not_stable_and_the_help_says_so(grown):
    assert 0 < moves(grown, ("--exact",), ("--exact",)) < 60
    assert b"new data may move groups" in b" ".join(grown.run("afs-split", "--help").stdout.split())


def test_exact_sizes_are_exact_and_those_of_strata_too(grown):
    for args in (("--exact",), ("--stratify", "source"), ("--exact", "--stratify", "source")):
        done = grown.run("afs-split", *args, "old.jsonl", "-o", "a", "--summary", "s")
        total = sum(sizes(grown.folder / "a"))
        for size, share in zip(sizes(grown.folder / "a"), SHARES, strict=True):
            assert abs(size - total * share) <= 4
        assert b" 1000 groups, " in done.stderr
        summary = json.loads((grown.folder / "s").read_bytes())
        assert sum(summary["groups_by_part"].values()) == summary["groups"] == 1000
        if "--stratify" in args:
            for row in summary["strata"].values():
                assert 0.79 < row["records"]["train"] / sum(row["records"].values()) < 0.81


def test_a_pipe_gives_what_a_file_gives_with_bad_lines_in_between(grown):
    lines = (grown.folder / "old.jsonl").read_bytes().splitlines(keepends=True)
    lines[5:5] = [b"not json\n", b"\n", b'{"_metadata":{"group":7}}\n', b'{"source":[],"sample_id":"z"}\n']
    data = b"".join([*lines, b"last is bad"])
    (grown.folder / "mixed").write_bytes(data)
    args = ("--stratify", "source", "--rejects", "r", "-q")
    assert grown.run("afs-split", *args, "mixed", "-o", "a").returncode == 0
    assert (grown.folder / "r").read_bytes().count(b"\n") == 4
    assert grown.run("afs-split", *args, "-o", "b", stdin=data).returncode == 0
    assert homes(grown.folder / "a") == homes(grown.folder / "b")
    for part in split.PARTS:
        assert (grown.folder / "a" / f"{part}.jsonl").read_bytes() == (
            grown.folder / "b" / f"{part}.jsonl"
        ).read_bytes()


def test_previous_may_be_the_folder_that_is_written(grown):
    assert grown.run("afs-split", "-q", "old.jsonl", "-o", "a").returncode == 0
    before = homes(grown.folder / "a")
    done = grown.run("afs-split", "more.jsonl", "--previous", "a", "-o", "a", "--seed", "99")
    assert done.returncode == 0 and b" 1000 old_groups, " in done.stderr
    after = homes(grown.folder / "a")
    assert all(after[group] == part for group, part in before.items())


def test_little_memory_changes_nothing(grown):
    for memory in ("1k", "1G"):
        done = grown.run(
            "afs-split", "-q", "--stratify", "source", "--memory", memory, "old.jsonl", "-o", memory
        )
        if memory == "1k":  # two names fit into 1 kB
            assert done.returncode == 0, done.stderr
    assert homes(grown.folder / "1k") == homes(grown.folder / "1G")
    done = grown.run("afs-split", "--stratify", "sample_id", "--memory", "1k", "old.jsonl", "-o", "c")
    assert done.returncode == 2 and b"--stratify sample_id: over 2 values" in done.stderr


def test_unknown_fields_and_folders_are_wrong_usage(grown):
    done = grown.run("afs-split", "--stratify", "nope", "old.jsonl", "-o", "a")
    assert done.returncode == 2 and b"no record has the field 'nope' of --stratify" in done.stderr
    done = grown.run("afs-split", "--previous", "nowhere", "old.jsonl", "-o", "a")
    assert done.returncode == 2 and b"nowhere/train.jsonl: no such file" in done.stderr
    assert not list((grown.folder / "a").iterdir())
    assert grown.run("afs-split", "--exact", "-o", "a").returncode == 0  # nothing in, nothing out
    assert sizes(grown.folder / "a") == [0, 0, 0]


def test_a_damaged_file_of_previous_stops_the_run(grown):
    assert grown.run("afs-split", "-q", "old.jsonl", "-o", "a").returncode == 0
    before = {part: (grown.folder / "a" / f"{part}.jsonl").read_bytes() for part in split.PARTS}
    with (grown.folder / "a" / "val.jsonl").open("ab") as file:
        file.write(b'{"sample_id":')
    done = grown.run("afs-split", "more.jsonl", "--previous", "a", "-o", "b")
    assert done.returncode == 1 and b"a/val.jsonl:" in done.stderr and b"not JSON" in done.stderr
    assert not list((grown.folder / "b").iterdir())
    assert (grown.folder / "a" / "train.jsonl").read_bytes() == before["train"]


def test_what_could_not_be_honoured_is_said(shell):
    data = lines_of([*(sample(n, "huge") for n in range(90)), *(sample(n, f"g{n}") for n in range(100, 104))])
    done = shell.run("afs-split", "--exact", "-o", "a", stdin=data)
    assert b"train has 90 records where 75 are its share: groups stay whole" in done.stderr
    data = lines_of([sample(1, "g", source="x"), sample(2, "g", source="y"), sample(3, "h", source="y")])
    done = shell.run("afs-split", "--stratify", "source", "-o", "a", stdin=data)
    assert b"1 groups have several values of source; each counts where most of it is" in done.stderr
    assert b"2 of 2 strata have fewer than three groups; val stays without them" in done.stderr
    done = shell.run("afs-split", "--previous", "a", "-o", "b", stdin=lines_of([sample(1, "other")]))
    assert b"no group of --previous is among these" in done.stderr


def test_all_records_in_one_group_go_to_train(shell):
    data = lines_of([sample(n, "one", source="x") for n in range(500)])
    for args in ((), ("--exact",), ("--stratify", "source")):
        done = shell.run("afs-split", *args, "-o", "a", stdin=data)
        assert done.returncode == 0 and sizes(shell.folder / "a") == [500, 0, 0]
        assert b" 1 groups, " in done.stderr and b"fewer groups than parts" in done.stderr


def test_ids_that_repeat_are_one_group_each(shell):
    data = b'{"sample_id":"a","instruction":"q","output":"a"}\n' * 3000
    for args in ((), ("--exact",)):
        assert shell.run("afs-split", "-q", *args, "-o", "a", stdin=data).returncode == 0
        assert sizes(shell.folder / "a") == [3000, 0, 0]


def test_a_full_scratch_disk_leaves_what_was_there(grown):
    import resource

    assert grown.run("afs-split", "-q", "old.jsonl", "-o", "a").returncode == 0
    before = homes(grown.folder / "a")

    def small():
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    import subprocess

    done = subprocess.run(
        ["afs-split", "--exact", "-o", "a"], cwd=grown.folder, env=grown.env, preexec_fn=small,
        input=(grown.folder / "more.jsonl").read_bytes(), capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1 and b"set TMPDIR to a folder with room" in done.stderr
    assert homes(grown.folder / "a") == before


def test_a_kill_leaves_old_files_and_nothing_in_scratch(grown):
    import signal
    import time

    scratch = grown.folder / "scratch"
    scratch.mkdir()
    grown.env["TMPDIR"] = str(scratch)
    assert grown.run("afs-split", "-q", "old.jsonl", "-o", "a").returncode == 0
    before = homes(grown.folder / "a")
    for wait in (0.05, 0.15, 0.3):
        process = grown.start("afs-split", "--exact", "-o", "a")
        process.stdin.write((grown.folder / "old.jsonl").read_bytes())
        process.stdin.flush()  # and no end: it waits for more
        time.sleep(wait)
        process.send_signal(signal.SIGKILL)
        process.wait(30)
        for stream in (process.stdin, process.stdout, process.stderr):
            stream.close()
        assert homes(grown.folder / "a") == before and os.listdir(scratch) == []
    assert grown.run("afs-split", "-q", "old.jsonl", "-o", "a").returncode == 0
    assert len(os.listdir(grown.folder / "a")) == 3


def test_parts_sum_up_over_many_seeds():
    """Within chance by hash, exact by rank: the spread of one is that of coins, the other has none."""
    spread = Counter()
    for seed in range(40):
        place = split.placer(seed)
        records = [(place(str(n)), 1) for n in range(200)]
        spread[len([1 for at, _ in records if split.part_of(at, BOUNDS) == 0])] += 1
        parts, _ = decided(records, [1], most=100)
        assert [parts.count(part) for part in range(3)] == [160, 20, 20]
    assert len(spread) > 5 and all(140 <= size <= 180 for size in spread)
