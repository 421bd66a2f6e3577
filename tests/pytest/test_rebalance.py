"""afs-rebalance: shares are met to one record, shortfalls go to others, every original before any repeat."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import time
from collections import Counter
from fractions import Fraction

import pytest
from afs.curate import balance, mixing
from afs.curate.rows import Rows
from conftest import load
from hypothesis import given
from hypothesis import strategies as st

COUNTS = st.lists(st.integers(1, 60), min_size=1, max_size=8)
WEIGHTS = st.lists(st.integers(0, 9), min_size=8, max_size=8).filter(lambda weights: weights[0] > 0)


def sample(number, source="x", **more):
    return {"sample_id": f"s{number}", "instruction": f"q{number}", "output": "a", "source": source, **more}


def lines_of(records):
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def mixed(**sizes):
    """Records of so many of each source, one source after the other in turn."""
    left, records = dict(sizes), []
    while any(left.values()):
        for name in left:
            if left[name]:
                left[name] -= 1
                records.append(sample(f"{name}{left[name]}", name))
    return records


def read(data):
    return [json.loads(line) for line in data.splitlines()]


def sources(data):
    return Counter(record["source"] for record in read(data))


# --- how many -------------------------------------------------------------------------------------------


@given(COUNTS, WEIGHTS, st.integers(0, 600))
def test_sizes_are_exact_to_one_record_wherever_the_data_allow_it(caps, weights, size):
    weights = weights[: len(caps)]
    given = balance.allot(weights, caps, size)
    usable = sum(cap for cap, weight in zip(caps, weights, strict=True) if weight)
    assert sum(given) == min(size, usable)
    assert all(0 <= got <= cap for got, cap in zip(given, caps, strict=True))
    assert not any(got for got, weight in zip(given, weights, strict=True) if not weight)
    # There is a level: who is under the cap has weight x level to one record, and no one has more.
    free = [at for at, cap in enumerate(caps) if weights[at] and given[at] < cap]
    if free:
        filled = [at for at, cap in enumerate(caps) if weights[at] and given[at] == cap]
        total = sum(weights[at] for at in free)
        left = size - sum(given[at] for at in filled)
        level = Fraction(left, total)
        for at in free:
            assert abs(given[at] - weights[at] * level) < 1
        for at in filled:
            assert given[at] < weights[at] * level + 1
    if all(Fraction(size * weight, sum(weights)) <= cap for weight, cap in zip(weights, caps, strict=True)):
        for got, weight in zip(given, weights, strict=True):
            assert abs(got - Fraction(size * weight, sum(weights))) < 1


@given(COUNTS, WEIGHTS, st.integers(1, 4))
def test_the_natural_size_is_the_largest_that_keeps_the_ratio_and_repeats_nothing_needlessly(
    counts, weights, times
):
    weights = weights[: len(counts)]
    caps = [count * times for count in counts]
    size = balance.natural_size(weights, counts, caps)
    used = [at for at, weight in enumerate(weights) if weight]

    def fits(size):
        return all(Fraction(size * weights[at], sum(weights)) <= caps[at] for at in used)

    def complete(size):
        return all(Fraction(size * weights[at], sum(weights)) >= counts[at] for at in used)

    assert fits(size)
    assert not fits(size + 1) or complete(size)
    assert not complete(size - 1)
    given = balance.allot(weights, caps, size)
    for at in used:
        assert abs(given[at] - Fraction(size * weights[at], sum(weights))) < 1


def test_four_two_one_by_halves_gives_five_with_all_groups():
    weights = balance.whole([Fraction("0.5"), Fraction("0.3"), Fraction("0.2")])
    assert weights == [5, 3, 2]
    assert balance.natural_size(weights, [4, 2, 1], [4, 2, 1]) == 5
    assert balance.allot(weights, [4, 2, 1], 5) == [3, 1, 1]


def test_weights_are_read_as_they_are_written():
    assert balance.pairs(["a=2,b=.5"]) == {"a": 2, "b": Fraction(1, 2)}
    assert balance.pairs(["a=0.1", "b=1e2"]) == {"a": Fraction(1, 10), "b": 100}
    assert balance.pairs(["a,b=2,c=d=3", "=1"]) == {"a,b": 2, "c=d": 3, "": 1}
    assert balance.pairs(["a=1,b=1e-999999999"]) == {"a": 1, "b": 0}


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("a=0", "the numbers sum to 0"),
        ("a=0,b=0.0", "the numbers sum to 0"),
        ("a=-1,b=2", "'a=-1' is negative"),
        ("a=nan", "'a=nan' needs a number"),
        ("a=inf", "'a=inf' needs a number"),
        ("a=1e999999999", "needs a number"),
        ("a=", "needs a number"),
        ("a=x", "needs a number"),
        ("a", "'a' has no =NUMBER"),
        ("a=1,b", "'b' has no =NUMBER"),
        ("a=1,a=2", "'a' is named twice"),
    ],
)
def test_weights_that_are_none_are_refused(text, what):
    with pytest.raises(ValueError, match=what):
        balance.pairs([text])


def test_targets_leave_the_rest_as_it_is():
    asked = {"a": Fraction(1, 2)}
    assert balance.targets(["a", "b", "c"], [10, 30, 10], asked) == [4, 3, 1]
    assert balance.targets(["a", "b"], [10, 30], {"a": Fraction(1)}) == [1, 0]
    with pytest.raises(ValueError, match="more than 1"):
        balance.targets(["a", "b"], [1, 1], {"a": Fraction(2, 3), "b": Fraction(1, 2)})


def test_temperature_goes_from_as_it_is_to_equal():
    assert balance.tempered([9, 3], 1) == [9, 3]
    low, high = balance.tempered([100, 4], 2)
    assert low / high == pytest.approx(5)
    assert len(set(balance.tempered([100, 4, 7], math.inf))) == 1


# --- which ones -----------------------------------------------------------------------------------------


@given(
    st.lists(
        st.tuples(
            st.integers(0, 4), st.sampled_from([0, 1, 1 << 40, (1 << 64) - 1]) | st.integers(0, 1 << 63)
        )
    ),
    st.lists(st.integers(0, 99), min_size=4, max_size=4),
    st.integers(1, 12),
)
def test_the_smallest_keys_are_taken_whatever_memory_there_is(records, shares, most):
    """Against sorting everything. Group 0 stands for lines that are no records."""
    counts = [sum(group == at for group, _ in records) for at in range(1, 5)]
    take = [count * share // 100 for count, share in zip(counts, shares, strict=True)]
    with Rows(2) as rows:
        for group, key in records:
            rows.add(group, key)
        cut, ties = balance.cuts(rows, counts, take, most)
        found = list(balance.copies(rows, [2, 0, 1, 0], cut, ties))
    expected = []
    for at, (group, _) in enumerate(records):
        if not group:
            expected.append(-1)
            continue
        order = sorted((key, other) for other, (home, key) in enumerate(records) if home == group)
        rank = [other for _, other in order].index(at)
        expected.append([2, 0, 1, 0][group - 1] + (rank < take[group - 1]))
    assert found == expected


def test_keys_order_by_score_then_by_chance_and_none_is_last():
    ranked = ((1, 5 << 32), (0.9, 0), (0.9, 1 << 32), (0.8999, 0), (0, 9 << 32), (None, 0), (None, 1 << 63))
    keys = [balance.score_key(score, chance) for score, chance in ranked]
    assert keys == sorted(set(keys)) and max(keys) < 1 << 64


@given(st.floats(0, 1), st.floats(0, 1), st.integers(0, (1 << 64) - 1), st.integers(0, (1 << 64) - 1))
def test_a_better_score_comes_first_whatever_chance_says(one, other, a, b):
    if one > other + 1e-9:
        assert balance.score_key(one, a) < balance.score_key(other, b)


# --- repeats --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        b'{"sample_id":"a","n":12345678901234567890123,"x":1.50}',
        b' { "sample_id" : "a\\"b" , "n" : 1.50 }',
        b'{"x":1,"sample_id":"a"}',
        b'{"x":{"sample_id":"inner"},"sample_id":"a"}',
        b'{"sample_id":"a","x":"\\ud83d"}',
        b'{"instruction":"no id"}',
        b'{"sample_id":null,"x":2}',
    ],
)
def test_a_repeat_differs_in_its_id_alone(line):
    first, second = mixing.repeat(line, 1), mixing.repeat(line, 2)
    assert first == mixing.repeat(line, 1) != second
    before, after = json.loads(line), json.loads(first)
    assert len(after["sample_id"]) == 32 and after["sample_id"] != before.get("sample_id")
    assert {**before, "sample_id": ""} == {**after, "sample_id": ""}
    if line.lstrip().startswith(b'{"sample_id":"a"'):
        assert first == line.replace(b'"a"', b'"%s"' % after["sample_id"].encode(), 1)


def test_a_key_that_comes_twice_still_gives_a_new_id():
    line = b'{"sample_id":"a","sample_id":"b"}'
    assert json.loads(mixing.repeat(line, 1))["sample_id"] not in ("a", "b")


# --- the command ----------------------------------------------------------------------------------------


def test_without_options_all_sources_give_as_many_as_the_smallest(shell):
    records = mixed(x=50, y=20, z=7)
    done = shell.run("afs-rebalance", stdin=lines_of(records))
    assert done.returncode == 0 and sources(done.stdout) == {"x": 7, "y": 7, "z": 7}
    assert b"z has least for its weight and sets the size" in done.stderr
    assert done.stderr.endswith(b"77 read, 21 written, 56 dropped (surplus 56), 3 groups, 0 repeats\n")
    lines = lines_of(records).splitlines()
    kept = done.stdout.splitlines()
    assert [line for line in lines if line in set(kept)] == kept  # bytes and order
    assert shell.run("afs-rebalance", "--equal", "-q", stdin=lines_of(records)).stdout == done.stdout


def test_files_and_pipes_give_the_same_bytes_with_bad_lines_in_between(shell):
    lines = lines_of(mixed(x=30, y=10)).splitlines(keepends=True)
    lines[3:3] = [b"bad\n", b"\n", b'{"source":[1]}\n', b"[]\n"]
    data = b"".join(lines) + b"worse"
    (shell.folder / "in").write_bytes(data)
    args = ("--rejects", "r", "-q", "--size", "25", "--oversample", "2")
    first = shell.run("afs-rebalance", *args, "in")
    assert first.returncode == 0 and (shell.folder / "r").read_bytes().count(b"\n") == 4
    assert shell.run("afs-rebalance", *args, stdin=data).stdout == first.stdout
    assert shell.run("afs-rebalance", *args, "in", "--memory", "2k").stdout == first.stdout
    assert sources(first.stdout) == {"x": 13, "y": 12}


def test_a_size_is_kept_and_shortfalls_are_given_to_others_and_said(shell):
    done = shell.run(
        "afs-rebalance", "--size", "60", "--summary", "s", stdin=lines_of(mixed(x=50, y=40, z=7))
    )
    assert done.returncode == 0 and sources(done.stdout) == {"x": 27, "y": 26, "z": 7}
    assert b"z has 7 of the 20 records that are its share" in done.stderr
    assert b"other groups gave the 13 records that they lack" in done.stderr
    summary = json.loads((shell.folder / "s").read_bytes())
    assert summary["groups_written"]["z"] == {"read": 7, "asked": 20, "written": 7}
    done = shell.run("afs-rebalance", "--size", "200", stdin=lines_of(mixed(x=50, y=40, z=7)))
    assert sources(done.stdout) == {"x": 50, "y": 40, "z": 7}
    assert (
        b"103 of 200 records are missing: the groups have no more; --oversample K repeats them" in done.stderr
    )


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (("--weights", "x=3,y=1,z=1"), {"x": 21, "y": 7, "z": 7}),
        (("--weights", "x=2", "--weights", "y=1"), {"x": 40, "y": 20}),
        (("--weights", "x=1,y=1,z=0", "--size", "30"), {"x": 15, "y": 15}),
        (("--target", "z=.5"), {"x": 5, "y": 2, "z": 7}),
        (("--target", "x=.5,y=.25,z=.25"), {"x": 14, "y": 7, "z": 7}),
        (("--max", "10"), {"x": 10, "y": 10, "z": 7}),
        (("--equal", "--max", "5"), {"x": 5, "y": 5, "z": 5}),
        (("--max", "10", "--size", "20"), {"x": 7, "y": 7, "z": 6}),
        (("--max", "20", "--oversample", "2"), {"x": 20, "y": 20, "z": 14}),
        (("--temperature", "1"), {"x": 50, "y": 20, "z": 7}),
        (("--temperature", "inf"), {"x": 7, "y": 7, "z": 7}),
        (("--temperature", "2"), {"x": 18, "y": 12, "z": 7}),
        (("--oversample", "3"), {"x": 21, "y": 21, "z": 21}),
        (("--oversample", "99"), {"x": 50, "y": 50, "z": 50}),
        (("--size", "77", "--oversample", "99"), {"x": 26, "y": 26, "z": 25}),
    ],
)
def test_every_way_to_ask(shell, args, expected):
    done = shell.run("afs-rebalance", *args, stdin=lines_of(mixed(x=50, y=20, z=7)))
    assert done.returncode == 0, done.stderr
    assert sources(done.stdout) == expected


def test_every_original_comes_before_any_repeat_and_repeats_have_ids_of_their_own(shell):
    records = mixed(x=40, y=7)
    done = shell.run("afs-rebalance", "--oversample", "9", stdin=lines_of(records))
    out = read(done.stdout)
    assert out[:47] == records  # all originals, in order
    ids = [record["sample_id"] for record in out]
    assert len(ids) == len(set(ids)) == 80
    repeats = Counter(record["instruction"] for record in out if record["source"] == "y")
    assert set(repeats.values()) == {5, 6} and len(repeats) == 7  # 40 of 7: no one twice more than another
    turns = [record["instruction"] for record in out[47:]]
    assert [len(set(turns[at : at + 7])) for at in range(0, 28, 7)] == [7, 7, 7, 7]
    assert (
        done.stdout == shell.run("afs-rebalance", "--oversample", "9", "-q", stdin=lines_of(records)).stdout
    )
    assert b" 33 repeats" in done.stderr


def test_ids_that_repeat_in_the_input_stay_as_they_are(shell):
    records = [sample(1, "x"), sample(1, "x"), sample(2, "y")]
    done = shell.run("afs-rebalance", "--oversample", "2", stdin=lines_of(records))
    assert [record["sample_id"] for record in read(done.stdout)][:3] == ["s1", "s1", "s2"]
    data = lines_of([sample(1, "x")]) * 2000 + lines_of([sample(2, "y")]) * 3
    done = shell.run("afs-rebalance", "--size", "10", "-q", stdin=data)
    assert sources(done.stdout) == {"x": 7, "y": 3}  # identical records, yet exact


def test_a_repeat_that_cannot_be_encoded_is_said(shell):
    data = b'{"source":"x","n":12345678901234567890123.5,"sample_id":"a"}\n' + lines_of(
        [sample(n, "y") for n in range(3)]
    )
    done = shell.run("afs-rebalance", "--oversample", "3", stdin=data)
    assert (
        done.returncode == 1 and b"2 repeats are missing: their numbers have too many digits" in done.stderr
    )
    assert sources(done.stdout) == {"x": 1, "y": 3}


def test_the_best_are_taken_first(shell):
    records = [sample(n, "xy"[n % 2], quality_score=round((n * 37 % 100) / 100, 2)) for n in range(100)]
    done = shell.run("afs-rebalance", "--by-score", "--size", "20", stdin=lines_of(records))
    out = read(done.stdout)
    for source in "xy":
        scores = sorted((r["quality_score"] for r in records if r["source"] == source), reverse=True)
        assert sorted((r["quality_score"] for r in out if r["source"] == source), reverse=True) == scores[:10]
    bare = [sample(1000 + n, "x") for n in range(10)] + records[:20]
    done = shell.run("afs-rebalance", "--by-score", "--size", "20", stdin=lines_of(bare))
    assert done.returncode == 0 and b" 10 without_score\n" in done.stderr
    assert sum("quality_score" not in record for record in read(done.stdout)) == 0
    done = shell.run("afs-rebalance", "--by-score", stdin=lines_of([sample(1)]))
    assert done.returncode == 2 and b"run afs-score first" in done.stderr
    for score in (1.5, -0.1, "high", True, [1]):
        done = shell.run(
            "afs-rebalance", "--by-score", stdin=lines_of([sample(1, quality_score=score), records[0]])
        )
        assert done.returncode == 1 and b"stdin:1: field 'quality_score' must be from 0 to 1" in done.stderr


def test_seed_decides_and_order_of_the_input_does_not(shell):
    records = mixed(x=50, y=5)
    first = shell.run("afs-rebalance", "-q", stdin=lines_of(records)).stdout
    assert shell.run("afs-rebalance", "-q", "--seed", "42", stdin=lines_of(records)).stdout == first
    assert shell.run("afs-rebalance", "-q", "--seed", "7", stdin=lines_of(records)).stdout != first
    back = shell.run("afs-rebalance", "-q", stdin=lines_of(records[::-1])).stdout
    assert sorted(back.splitlines()) == sorted(first.splitlines())


def test_groups_are_by_any_field_and_records_without_it_are_one(shell):
    records = [sample(n, _metadata={"project": f"p{n % 3}" if n % 4 else None}) for n in range(43)]
    done = shell.run("afs-rebalance", "--by", "_metadata.project", "--dropped", "d", stdin=lines_of(records))
    out = Counter(record["_metadata"]["project"] for record in read(done.stdout))
    assert len(out) == 4 and len(set(out.values())) == 1 and b" 11 without_field" in done.stderr
    dropped = read((shell.folder / "d").read_bytes())
    assert {record.pop("_dropped") for record in dropped} == {"surplus"}
    assert len(dropped) + sum(out.values()) == 43
    done = shell.run(
        "afs-rebalance", "--by", "_metadata.project", "--weights", "(none)=1", stdin=lines_of(records)
    )
    assert {record["_metadata"]["project"] for record in read(done.stdout)} == {None}
    assert b"3 groups have no weight and are left out: p0, p1, p2" in done.stderr


def test_what_has_no_weight_is_dropped_under_that_name(shell):
    done = shell.run("afs-rebalance", "--weights", "x=1", "--dropped", "d", stdin=lines_of(mixed(x=3, y=2)))
    assert b"3 written, 2 dropped (no-weight 2)" in done.stderr
    assert all(record["_dropped"] == "no-weight" for record in read((shell.folder / "d").read_bytes()))


@pytest.mark.parametrize(
    ("args", "what"),
    [
        (("--by", "nope"), b"no record has the field 'nope' of --by; name one that they have"),
        (("--weights", "x=1,nope=1"), b"no record has 'nope' in the field 'source'; there are: x, y"),
        (("--target", "nope=.5"), b"no record has 'nope' in the field 'source'"),
        (("--weights", "x=0,y=0"), b"--weights: the numbers sum to 0"),
        (("--weights", "x=-1"), b"--weights: 'x=-1' is negative"),
        (("--weights", "x=nan"), b"--weights: 'x=nan' needs a number behind the ="),
        (("--target", "x=.6,y=.6"), b"--target: the shares are more than 1"),
        (("--weights", "x=1", "--target", "x=1"), b"not allowed with"),
        (("--equal", "--temperature", "2"), b"not allowed with"),
        (("--temperature", "0"), b"--temperature"),
        (("--temperature", "nan"), b"--temperature"),
        (("--size", "0"), b"--size"),
        (("--max", "-1"), b"--max"),
        (("--oversample", "0"), b"--oversample"),
        (("--by", "sample_id", "--memory", "1k"), b"--by sample_id: over 2 values"),
    ],
)
def test_wrong_usage_writes_nothing(shell, args, what):
    (shell.folder / "in").write_bytes(lines_of(mixed(x=3, y=2)))
    (shell.folder / "out").write_bytes(b"old")
    done = shell.run("afs-rebalance", *args, "in", "-o", "out")
    assert (done.returncode, done.stdout) == (2, b"") and what in done.stderr, done.stderr
    assert (shell.folder / "out").read_bytes() == b"old"


def test_long_names_are_not_told_in_full(shell):
    records = [sample(1, "a secret text " * 20), sample(2, "b")]
    done = shell.run("afs-rebalance", "--weights", "zz=1", stdin=lines_of(records))
    assert done.returncode == 2 and len(done.stderr) < 200


def test_one_group_and_a_million_weights_are_fine(shell):
    data = lines_of(mixed(x=30))
    assert shell.run("afs-rebalance", "-q", stdin=data).stdout == data
    assert shell.run("afs-rebalance", "-q", "--weights", "x=1e-300", stdin=data).stdout == data
    assert shell.run("afs-rebalance", "-q", "--by", "sample_id", stdin=data).stdout == data


def test_a_full_scratch_disk_leaves_the_old_output(shell):
    import resource

    def small():
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))

    (shell.folder / "out").write_bytes(b"old")
    done = subprocess.run(
        ["afs-rebalance", "-o", "out"], cwd=shell.folder, env=shell.env, preexec_fn=small,
        input=lines_of(mixed(x=500, y=500)), capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1 and b"set TMPDIR to a folder with room" in done.stderr
    assert (shell.folder / "out").read_bytes() == b"old"


def test_a_kill_leaves_the_old_output_and_nothing_in_scratch(shell):
    scratch = shell.folder / "scratch"
    scratch.mkdir()
    shell.env["TMPDIR"] = str(scratch)
    (shell.folder / "out").write_bytes(b"old")
    for wait in (0.05, 0.15, 0.3):
        process = shell.start("afs-rebalance", "-o", "out")
        process.stdin.write(lines_of(mixed(x=200, y=100)))
        process.stdin.flush()
        time.sleep(wait)
        process.send_signal(signal.SIGKILL)
        process.wait(30)
        for stream in (process.stdin, process.stdout, process.stderr):
            stream.close()
        assert (shell.folder / "out").read_bytes() == b"old" and os.listdir(scratch) == []
    done = shell.run("afs-rebalance", "-q", "-o", "out", stdin=lines_of(mixed(x=3, y=3)))
    assert done.returncode == 0 and not [name for name in os.listdir(shell.folder) if "afs-part" in name]


def test_memory_does_not_grow_with_the_input(shell):
    """100 MB of records that are all alike, all in one group, read from a pipe."""
    line = lines_of([sample(1, "x", output="a" * 900)])
    code = (
        "import os, resource, subprocess, sys\n"
        "done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)\n"
        "sys.exit(done.returncode)\n"
    )
    argv = ("python3", "-c", code, "afs-rebalance", "-q", "--size", "5", "--memory", "8M")
    done = shell.run(*argv, stdin=line * 100_000)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 8 + 64


def test_the_options_say_what_they_take():
    command = load("afs-rebalance")
    assert command.number("3") == 3 and command.positive("inf") == math.inf
    for text in ("0", "-1", "x", "1.5"):
        with pytest.raises(ValueError):
            command.number(text)
    for text in ("0", "-1", "nan"):
        with pytest.raises(ValueError):
            command.positive(text)
