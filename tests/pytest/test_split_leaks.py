"""afs-split --groups and --check: what is alike stays together, and what does not is found."""

from __future__ import annotations

import json
from collections import defaultdict

import numpy as np
import pytest
from afs import jsonl
from afs.curate import clusters, leaks, split
from afs.curate.rows import Names, Rows, mostly
from hypothesis import given
from hypothesis import strategies as st

TOP = (1 << 64) - 1
BOUNDS = split.parts(0.8, 0.1)


def sample(name, group=None, **more):
    return {"sample_id": name, "instruction": f"question {name}", "output": "a",
            "_metadata": {"group": group or f"of {name}"}, **more}  # fmt: skip


def write(path, *records):
    path.write_bytes(b"".join(json.dumps(record).encode() + b"\n" for record in records))
    return path


# --- rows -----------------------------------------------------------------------------------------------

PAIRS = st.lists(st.tuples(st.sampled_from([0, 1, 7, 1 << 63, TOP]) | st.integers(0, TOP), st.integers(0, 3)))


@given(PAIRS, st.integers(1, 9))
def test_pairs_are_counted_in_order_whatever_memory_there_is(records, most):
    expected = {}
    for row, (key, value) in enumerate(records):
        if value:
            count, first = expected.get((key, value), (0, row))
            expected[key, value] = (count + 1, first)
    with Rows(2) as rows:
        for record in records:
            rows.add(*record)
        found = [
            row for pairs in rows.pairs(most) for row in zip(*map(np.ndarray.tolist, pairs), strict=True)
        ]
        assert found == [(*pair, *expected[pair]) for pair in sorted(expected)]
        main = [
            row
            for pairs in rows.pairs(most)
            for row in zip(*map(np.ndarray.tolist, mostly(pairs)), strict=True)
        ]
    by_key = defaultdict(dict)
    for (key, value), (count, _) in expected.items():
        by_key[key][value] = count
    assert main == [
        (
            key,
            min(counts, key=lambda value, counts=counts: (-counts[value], value)),
            sum(counts.values()),
            len(counts),
        )
        for key, counts in sorted(by_key.items())
    ]


def test_rows_that_are_passed_over_are_zeros_and_names_are_found_again():
    with Rows(2) as rows, Names() as names:
        rows.put(2, 5, 6)
        rows.put(3, 7, 8)
        assert [table.tolist() for _, table in rows.chunks(3)] == [[[0, 0], [0, 0], [5, 6]], [[7, 8]]]
        assert rows.at(3) == [7, 8]
        places = [names.put(text) for text in ("", "木", "\ud83d", "x" * 400_000)]
        assert [names.text(place) for place in places] == ["", "木", "\ud83d", "x" * 400_000]


# --- clusters -------------------------------------------------------------------------------------------


def linked(members, number_of, old=()):
    """(what each place stands for, joined, parted) where members[i] = (place, id) and ids have clusters."""
    ids = sorted(number_of)
    found = clusters.Clusters(np.array(ids, np.uint64), np.array([number_of[i] for i in ids], np.uint64))
    with Rows(3) as rows, Rows(2) as before:
        for place, name in members:
            rows.add(place, 1, name)
        for row in old:
            before.add(*row)
        links, joined, parted = clusters.links(rows, found, before if old else None)
    places = sorted({place for place, _ in members})
    return dict(zip(places, links(np.array(places, np.uint64)).tolist(), strict=True)), joined, parted


MEMBERS = st.lists(st.tuples(st.integers(0, 15), st.integers(1, 20)), max_size=40)


@given(MEMBERS, st.dictionaries(st.integers(1, 20), st.integers(1, 6)))
def test_groups_with_records_in_one_cluster_stand_for_one_of_them(members, number_of):
    """Against a slow union of sets."""
    stands, joined, _ = linked(members, number_of)
    sets = {place: {place} for place, _ in members}
    by_cluster = defaultdict(set)
    for place, name in members:
        if name in number_of:
            by_cluster[number_of[name]].add(place)
    for together in by_cluster.values():
        union = set().union(*(sets[place] for place in together))
        for place in union:
            sets[place] = union
    for place, other in stands.items():
        assert other in sets[place]
        assert all(stands[near] == other for near in sets[place])
    assert joined == sum(len(found) > 1 for found in sets.values())


def test_a_long_chain_is_one_component():
    members = [(place, name) for place in range(2000) for name in (place + 1, place + 2)]
    stands, joined, _ = linked(members, {name: name for name in range(1, 2002)})
    assert len(set(stands.values())) == 1 and joined == 2000


def test_old_groups_keep_their_parts_and_take_the_others_along():
    stands, joined, parted = linked([(1, 1), (2, 1), (3, 1)], {1: 1}, [(2, 3)])
    assert stands == {1: 2, 2: 2, 3: 2} and (joined, parted) == (3, 0)
    stands, _, parted = linked([(1, 1), (2, 1), (3, 1)], {1: 1}, [(2, 3), (3, 1)])
    assert stands[2] == 2 and stands[3] == 3 and stands[1] in (2, 3) and parted == 1


def test_a_record_in_two_clusters_joins_them(tmp_path):
    rows = [("x", 1), ("y", 1), ("y", "b"), ("z", "b"), ("lone", 7), (None, 8)]
    path = write(tmp_path / "c", *({"cluster": number, "sample_id": name} for name, number in rows))
    found = clusters.read(str(path), 100)
    ids = np.array([clusters.id_of(name) for name in ("x", "y", "z", "lone", "unknown")], np.uint64)
    x, y, z, lone, unknown = found.of(ids).tolist()
    assert x == y == z > 0 and lone not in (0, x) and unknown == 0


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (b'{"cluster":1}\n', "f:1: no row of afs-dedupe --clusters"),
        (b'{"sample_id":"a"}\n', "f:1: no row"),
        (b'{"cluster":1,"sample_id":"a"}\n[]\n', "f:2: not a JSON object"),
        (b"nonsense\n", "f:1: not JSON"),
        (b'{"cluster":1,"sample_id":"a"}\n' * 5, "f: has more than 4 rows; raise --memory"),
    ],
)
def test_what_is_no_file_of_clusters_is_named(tmp_path, text, what, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "f").write_bytes(text)
    with pytest.raises(jsonl.Bad) as caught:
        clusters.read("f", 4)
    assert caught.value.what.startswith(what)


def test_an_empty_file_of_clusters_joins_nothing(tmp_path):
    found = clusters.read(str(write(tmp_path / "f")), 4)
    assert found.of(np.array([1, 2], np.uint64)).tolist() == [0, 0]


def test_sizes_stay_within_chance_however_many_groups_are_joined():
    """The place of a cluster is that of one of its groups, not the least of them: train is not favoured."""
    place = split.placer(1)
    members = [(place(f"{n} {k}"), n + 1) for n in range(2000) for k in range(5)]
    stands, _, _ = linked(members, {n: n for n in range(1, 2001)})
    homes = [split.part_of(stands[at], BOUNDS) for at, _ in members[::5]]
    for part, share in enumerate((0.8, 0.1, 0.1)):
        assert abs(homes.count(part) - 2000 * share) < 4 * (2000 * share * (1 - share)) ** 0.5


# --- the command ----------------------------------------------------------------------------------------


def parts_of(folder):
    return {
        json.loads(line)["sample_id"]: part
        for part in split.PARTS
        for line in (folder / f"{part}.jsonl").read_bytes().splitlines()
    }


def test_near_duplicates_land_in_one_part_and_check_agrees(shell):
    write(shell.folder / "in", *(sample(f"s{n}") for n in range(600)))
    rows = [{"cluster": n // 3, "sample_id": f"s{n}", "similarity": 0.9} for n in range(300)]
    write(shell.folder / "near", *rows)
    done = shell.run("afs-split", "--groups", "near", "in", "-o", "a")
    assert done.returncode == 0 and b" 400 groups, 300 joined_groups, " in done.stderr
    found = parts_of(shell.folder / "a")
    assert len(found) == 600
    assert all(found[f"s{n}"] == found[f"s{n // 3 * 3}"] for n in range(300))
    files = [f"a/{part}.jsonl" for part in split.PARTS]
    assert shell.run("afs-split", "--check", *files, "--groups", "near").returncode == 0
    assert shell.run("afs-split", "-q", "in", "-o", "b").returncode == 0
    done = shell.run(
        "afs-split", "--check", *(file.replace("a/", "b/") for file in files), "--groups", "near"
    )
    assert done.returncode == 3 and b'"shared":"cluster"' in done.stdout
    for args in (("--exact",), ("--stratify", "output")):
        assert shell.run("afs-split", "-q", "--groups", "near", *args, "in", "-o", "c").returncode == 0
        found = parts_of(shell.folder / "c")
        assert all(found[f"s{n}"] == found[f"s{n // 3 * 3}"] for n in range(300))


def test_a_new_near_duplicate_goes_to_the_old_one(shell):
    write(shell.folder / "in", *(sample(f"s{n}") for n in range(100)))
    assert shell.run("afs-split", "-q", "in", "-o", "a").returncode == 0
    before = parts_of(shell.folder / "a")
    write(
        shell.folder / "more",
        *(sample(f"s{n}") for n in range(100)),
        *(sample(f"new{n}") for n in range(100)),
    )
    rows = [{"cluster": n, "sample_id": f"{kind}{n}"} for kind in ("s", "new") for n in range(100)]
    write(shell.folder / "near", *rows)
    done = shell.run("afs-split", "-q", "more", "--previous", "a", "--groups", "near", "-o", "b")
    assert (done.returncode, done.stderr) == (0, b"")
    after = parts_of(shell.folder / "b")
    assert all(after[name] == part for name, part in before.items())
    assert all(after[f"new{n}"] == before[f"s{n}"] for n in range(100))
    write(shell.folder / "all", *({"cluster": 1, "sample_id": f"s{n}"} for n in range(100)))
    done = shell.run("afs-split", "more", "--previous", "a", "--groups", "all", "-o", "b")
    assert b"1 clusters lie in several files of --previous; their old groups stay there" in done.stderr


def test_a_file_of_clusters_that_is_none_is_wrong_usage(shell):
    write(shell.folder / "in", sample("a"))
    for name in ("nowhere", "in"):
        done = shell.run("afs-split", "--groups", name, "in", "-o", "a")
        assert done.returncode == 2 and name.encode() in done.stderr
        done = shell.run("afs-split", "--check", "--groups", name, "in", "-")
        assert done.returncode == 2


RECORDS = st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from("uvwxyz")), max_size=15)


@given(st.lists(RECORDS, min_size=2, max_size=4))
def test_shared_keys_are_what_sets_say(files):
    with Rows(4) as rows:
        for number, records in enumerate(files, 1):
            for line, (group, _) in enumerate(records, 1):
                rows.add(ord(group) << 55, number, line, 0)
        found = []
        for pairs in rows.pairs(2):
            for row, places in leaks._shared(rows, pairs):
                found.append((chr(rows.at(row)[0] >> 55), places))
    expected = []
    for group in "abcde":
        places = [
            (number, next(line for line, record in enumerate(records, 1) if record[0] == group),
             sum(record[0] == group for record in records))
            for number, records in enumerate(files) if any(record[0] == group for record in records)
        ]  # fmt: skip
        if len(places) > 1:
            expected.append((group, places))
    assert sorted(found) == expected


def test_a_leak_is_named_with_files_lines_and_how_many(shell):
    write(shell.folder / "train", sample("a", "g"), sample("b", "g"), sample("c", "h"))
    write(
        shell.folder / "val", sample("d", "i"), sample("e", "g"), {**sample("c", "j"), "sample_id": "other"}
    )
    done = shell.run("afs-split", "--check", "train", "val", "--summary", "s")
    assert done.returncode == 3
    assert list(map(json.loads, done.stdout.splitlines())) == [
        {"shared": "group", "group": "g", "files": [
            {"file": "train", "line": 1, "records": 2}, {"file": "val", "line": 2, "records": 1}]},
        {"shared": "content", "files": [
            {"file": "train", "line": 3, "records": 1}, {"file": "val", "line": 3, "records": 1}]},
    ]  # fmt: skip
    assert b"1 groups, 1 contents are in more than one file; groups and contents were compared" in done.stderr
    summary = json.loads((shell.folder / "s").read_bytes())
    assert (summary["shared_groups"], summary["shared_contents"], summary["checked"]) == (
        1,
        1,
        ["group", "content"],
    )
    done = shell.run("afs-split", "--check", "train", "-", stdin=(shell.folder / "val").read_bytes())
    assert done.returncode == 3 and b'"file":"stdin","line":2' in done.stdout


def test_group_by_decides_what_is_compared(shell):
    write(shell.folder / "a", sample("a", source="x"))
    write(shell.folder / "b", sample("b", source="x"))
    assert shell.run("afs-split", "--check", "a", "b").returncode == 0
    done = shell.run("afs-split", "--check", "a", "b", "--group-by", "source")
    assert done.returncode == 3 and b'"group":"x"' in done.stdout


def test_a_check_that_finds_nothing_says_what_it_compared(shell):
    write(shell.folder / "a", sample("a"), {"sample_id": "no content", "instruction": 5})
    write(shell.folder / "b", sample("b"))
    write(shell.folder / "empty")
    done = shell.run("afs-split", "--check", "a", "b", "empty")
    assert (done.returncode, done.stdout) == (0, b"")
    assert (
        b"nothing is in more than one file; groups and contents were compared, near-duplicates" in done.stderr
    )
    assert b"1 without_content" in done.stderr
    done = shell.run("afs-split", "--check", "-q", "a", "b")
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_record_that_cannot_be_read_is_not_passed_over(shell):
    write(shell.folder / "a", sample("a"))
    (shell.folder / "b").write_bytes(b"nonsense\n")
    done = shell.run("afs-split", "--check", "a", "b")
    assert done.returncode == 1 and b"b:1: not JSON" in done.stderr


def test_check_needs_two_different_files_and_writes_none(shell):
    write(shell.folder / "a", sample("a"))
    for args, what in (
        (("a",), b"name two or more"),
        (("a", "./a"), b"./a: is named twice"),
        (("a", "-", "-o", "out"), b"leave -o out"),
        (("a", "-", "--exact"), b"leave --exact out"),
        (("a", "-", "--stratify", "source"), b"leave --stratify out"),
        (("a", "-", "--previous", "."), b"leave --previous out"),
    ):
        done = shell.run("afs-split", "--check", *args)
        assert done.returncode == 2 and what in done.stderr, done.stderr


def test_of_many_shared_contents_each_is_found_in_little_memory(shell):
    records = [sample(f"s{n}", f"g{n}") for n in range(3000)]
    write(shell.folder / "a", *records)
    write(shell.folder / "b", *records[::-1])
    done = shell.run("afs-split", "--check", "--memory", "1k", "-q", "a", "b")
    assert done.returncode == 3 and done.stdout.count(b"\n") == 6000
    assert len({json.loads(line).get("group") for line in done.stdout.splitlines()}) == 3001
