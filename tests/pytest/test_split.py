"""afs-split: groups stay whole, added data moves nothing, no part stays empty while there are groups."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys

import pytest
from afs import jsonl
from afs.curate import split
from afs.curate.spool import Spool
from conftest import as_nobody
from hypothesis import given
from hypothesis import strategies as st

ROOT = os.path.join(os.path.dirname(__file__), "..", "..")
COMMAND = [sys.executable, "-B", os.path.join(ROOT, "bin", "afs-split")]
BOUNDS = split.parts(0.8, 0.1)
TRAIN, VAL, TEST = 0.4, 0.85, 0.95  # places well inside each part, as shares of all places


def at(share):
    return int(share * (1 << 64))


def distributed(places, bounds=BOUNDS):
    """What distribute() writes into each part for lines named by their number."""
    parts = ([], [], [])
    rows = [(b"%d" % number, place) for number, place in enumerate(places)]
    with Spool() as spool:
        moved = split.distribute(rows, bounds, tuple(part.append for part in parts), spool)
    return [[int(line) for line in part] for part in parts], moved


def run(*args, data=b"", **more):
    return subprocess.run([*COMMAND, *args], input=data, capture_output=True, timeout=60, **more)


def lines_of(*records):
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def read(folder):
    return {part: (folder / f"{part}.jsonl").read_bytes() for part in split.PARTS}


def samples(many, groups):
    return lines_of(*({"sample_id": f"s{n}", "_metadata": {"group": f"g{n % groups}"}} for n in range(many)))


# --- where a group belongs --------------------------------------------------------------------------


def test_a_place_depends_on_seed_and_name_and_never_changes():
    assert split.placer(42)("a") == 6637241295083198296
    assert split.placer(42)("木") == 8065031125180312953
    assert split.placer(7)("a") == 13880521204283616450
    assert split.placer(42)("\ud83d") != split.placer(42)("a")


@pytest.mark.parametrize(
    ("train", "val", "shares"),
    [(0.8, 0.1, (0.8, 0.1, 0.1)), (0.9, 0.1, (0.9, 0.1, 0)), (0.7, 0.3, (0.7, 0.3, 0)), (1, 0, (1, 0, 0))],
)
def test_parts_are_stretches_of_all_places_without_gaps(train, val, shares):
    bounds = split.parts(train, val)
    assert bounds[0].start == 0 and bounds[2].stop == 1 << 64
    assert bounds[0].stop == bounds[1].start and bounds[1].stop == bounds[2].start
    for bound, share in zip(bounds, shares, strict=True):
        assert (bound.stop - bound.start) / 2**64 == pytest.approx(share, abs=1e-12)
        assert bool(bound) == bool(share)


def test_shares_over_the_whole_are_refused():
    with pytest.raises(ValueError, match="more than 1"):
        split.parts(0.8, 0.3)


def test_the_group_is_the_conversation_else_the_id_else_the_content():
    plain = {"instruction": "q", "output": "a"}
    assert split.group_of({**plain, "sample_id": "s", "_metadata": {"group": "g"}}) == "g"
    assert split.group_of({**plain, "sample_id": "s", "_metadata": {"group": None}}) == "s"
    assert split.group_of({**plain, "sample_id": "s", "_metadata": "of another system"}) == "s"
    content = split.group_of(plain)
    assert len(content) == 32 and content == split.group_of({**plain, "source": "other"})
    assert content != split.group_of({**plain, "output": "b"})


@pytest.mark.parametrize(
    "record", [{"_metadata": {"group": 5}}, {"instruction": "q"}, {"instruction": 5, "output": "a"}]
)
def test_a_record_without_a_usable_group_is_bad(record):
    with pytest.raises(jsonl.Bad) as caught:
        split.group_of(record)
    assert caught.value.reason == "not-sample"


def test_a_field_names_groups_by_path():
    record = {"source": "codex", "_metadata": {"project": "p", "turn": 3, "flags": []}, "n": True}
    assert split.field_of(record, ["source"]) == "codex"
    assert split.field_of(record, ["_metadata", "project"]) == "p"
    assert split.field_of(record, ["_metadata", "turn"]) == "3"
    assert split.field_of(record, ["n"]) == "true"
    assert split.field_of(record, ["_metadata", "none"]) == split.field_of(record, ["source", "x"]) == ""
    with pytest.raises(jsonl.Bad):
        split.field_of(record, ["_metadata", "flags"])


# --- distribution -----------------------------------------------------------------------------------


def test_an_empty_part_gets_the_group_whose_place_is_nearest():
    near, far = at(0.79), at(0.5)
    parts, moved = distributed([at(0.1), far, near, near, at(TEST)])
    assert parts == [[0, 1], [2, 3], [4]]
    assert moved == {near: 1}


def test_a_part_is_not_emptied_to_fill_another():
    # The only group of val is nearest to test, but train has more to give.
    parts, moved = distributed([at(0.1), at(0.2), at(0.89)])
    assert parts == [[0], [2], [1]]
    assert moved == {at(0.2): 2}


def test_one_group_goes_to_train_and_two_go_to_train_and_test():
    assert distributed([at(TEST), at(TEST)])[0] == [[0, 1], [], []]
    assert distributed([at(0.1), at(0.2), at(0.1)])[0] == [[0, 2], [], [1]]
    assert distributed([at(VAL), at(TEST)])[0] == [[0], [], [1]]
    assert distributed([at(VAL), at(0.88)])[0] == [[0], [], [1]]


def test_a_part_without_a_share_stays_empty():
    bounds = split.parts(0.5, 0.5)
    assert distributed([at(0.1), at(0.2)], bounds)[0] == [[0], [1], []]
    assert distributed([at(0.9)], split.parts(0, 0))[0] == [[], [], [0]]
    assert distributed([], bounds) == ([[], [], []], {})


PLACES = st.lists(st.integers(0, (1 << 64) - 1), max_size=12)


@given(PLACES, st.lists(st.integers(0, 11), max_size=40))
def test_every_line_lands_once_in_order_and_no_group_is_parted(places, picks):
    chosen = [places[pick % len(places)] for pick in picks if places]
    parts, moved = distributed(chosen)
    assert sorted(number for part in parts for number in part) == list(range(len(chosen)))
    assert all(part == sorted(part) for part in parts)
    homes = {place: index for index, part in enumerate(parts) for place in {chosen[n] for n in part}}
    assert len(homes) == len(set(chosen))
    assert [[n for n, place in enumerate(chosen) if homes[place] == index] for index in range(3)] == parts
    filled = sum(map(bool, parts))
    assert filled == min(3, len(set(chosen)))
    for place, home in homes.items():  # only the moved ones are away from where their hash puts them
        assert (home != split.part_of(place, BOUNDS)) == (place in moved)


@given(st.sets(st.text(max_size=5), min_size=1), st.sets(st.text(max_size=5)))
def test_added_groups_move_none_once_every_part_has_one(first, added):
    fixed = [at(TRAIN), at(VAL), at(TEST)]
    before = fixed + [split.placer(1)(name) for name in sorted(first)]
    parts, moved = distributed(before)
    more, moved_later = distributed(before + [split.placer(1)(name) for name in sorted(added)])
    assert not moved and not moved_later
    for part, later in zip(parts, more, strict=True):
        assert later[: len(part)] == part


def test_sizes_are_within_chance_of_the_shares():
    parts, _ = distributed([split.placer(42)(f"g{n}") for n in range(10_000)])
    for part, share in zip(parts, (0.8, 0.1, 0.1), strict=True):
        assert abs(len(part) - 10_000 * share) < 4 * (10_000 * share * (1 - share)) ** 0.5


@given(st.sets(st.integers(0, (1 << 64) - 1), min_size=1, max_size=60), st.tuples(*[st.integers(0, 9)] * 2))
def test_of_many_groups_those_near_a_border_decide_which_is_moved(seen, shares):
    bounds = split.parts(shares[0] / 20, shares[1] / 20)
    whole = split.fill({at: split.part_of(at, bounds) for at in sorted(seen)}, bounds)
    near = split.nearest(seen, bounds)
    assert split.fill({at: split.part_of(at, bounds) for at in sorted(near)}, bounds) == whole


def test_a_part_with_a_tiny_share_is_filled_from_many_groups():
    bounds = split.parts(1 - 2e-8, 1e-8)
    places = [split.placer(3)(f"g{n}") for n in range(5000)]
    parts, moved = distributed(places, bounds)
    assert [len(part) for part in parts] == [4998, 1, 1]
    assert sorted(moved) == sorted(places)[-2:]


def test_groups_are_counted_in_memory_and_beyond_it(monkeypatch):
    places = [split.placer(3)(f"g{n % 700}") for n in range(3000)]
    expected = [sum(split.part_of(at, BOUNDS) == part for at in set(places)) for part in range(3)]
    for held in (10_000, 50):
        monkeypatch.setattr(split, "_HELD", held)
        with split.Groups() as groups:
            for at in places:
                groups.add(at)
            assert groups.counts(BOUNDS, {}) == expected
            first = next(at for at in places if split.part_of(at, BOUNDS) == 0)
            assert groups.counts(BOUNDS, {first: 2}) == [expected[0] - 1, expected[1], expected[2] + 1]
            assert groups.counts(split.parts(0, 0), {}) == [0, 0, 700]
            assert groups.counts(split.parts(0.5, 0.5), {})[2] == 0


# --- the command ------------------------------------------------------------------------------------


def test_lines_keep_their_bytes_and_the_parts_make_up_the_input(tmp_path):
    odd = b'{ "sample_id" : "x\\u00e9", "instruction":"q", "output":"a", "n": 1.50, "_metadata": null }'
    data = samples(200, 40) + odd + b"\n" + odd  # the last line has no newline
    done = run("-o", str(tmp_path), "--summary", str(tmp_path / "s.json"), data=data)
    assert done.returncode == 0, done.stderr
    parts = read(tmp_path)
    assert sorted(b"".join(parts.values()).split(b"\n")) == sorted([*data.split(b"\n"), b""])
    summary = json.loads((tmp_path / "s.json").read_bytes())
    assert summary["written"] == summary["read"] == 202
    assert {part: summary[part] for part in parts} == {k: v.count(b"\n") for k, v in parts.items()}
    assert summary["moved"] == {}
    file = tmp_path / "in.jsonl"
    file.write_bytes(data)
    assert run("-o", str(tmp_path / "again"), str(file)).returncode == 0
    assert read(tmp_path / "again") == parts


def test_the_seed_changes_the_parts_and_42_is_the_default(tmp_path):
    data = samples(100, 50)
    for name, args in (("none", []), ("42", ["--seed", "42"]), ("7", ["--seed", "7"])):
        assert run("-o", str(tmp_path / name), *args, data=data).returncode == 0
    assert read(tmp_path / "none") == read(tmp_path / "42") != read(tmp_path / "7")


def test_ratios_of_a_whole_leave_an_empty_test_file(tmp_path):
    done = run("--train-ratio", "0.5", "--val-ratio", "0.5", "-o", str(tmp_path), data=samples(60, 30))
    assert done.returncode == 0
    parts = read(tmp_path)
    assert parts["test"] == b"" and parts["train"] and parts["val"]
    assert b"stays empty" not in done.stderr


def test_what_chance_did_not_give_is_said(tmp_path):
    done = run("-o", str(tmp_path), "--summary", str(tmp_path / "s.json"), data=samples(9, 3))
    assert done.returncode == 0
    assert all(read(tmp_path).values())
    moved = json.loads((tmp_path / "s.json").read_bytes())["moved"]
    assert sum(moved.values()) >= 1
    assert b"it got the nearest group" in done.stderr and b" moved (" in done.stderr
    done = run("-o", str(tmp_path), data=samples(4, 2))
    assert b"val stays empty: there are fewer groups than parts" in done.stderr
    assert read(tmp_path)["val"] == b""


def test_group_by_a_field_keeps_its_values_together(tmp_path):
    records = [
        {"sample_id": f"s{n}", "instruction": "q", "output": "a", "_metadata": {"project": f"p{n % 30}"}}
        for n in range(300)
    ]
    done = run("--group-by", "_metadata.project", "-o", str(tmp_path), data=lines_of(*records))
    assert done.returncode == 0
    homes = {}
    for part, data in read(tmp_path).items():
        for line in data.splitlines():
            homes.setdefault(json.loads(line)["_metadata"]["project"], set()).add(part)
    assert len(homes) == 30 and all(len(parts) == 1 for parts in homes.values())


def test_records_without_the_field_are_counted_and_none_with_it_is_an_error(tmp_path):
    records = lines_of(
        {"sample_id": "a", "source": "x"},
        {"sample_id": "b", "source": "y"},
        {"sample_id": "c"},
        {"source": []},
    )
    done = run("--group-by", "source", "-o", str(tmp_path / "a"), data=records)
    assert done.returncode == 1  # the list names no group
    assert b"1 without_field" in done.stderr and b"stdin:4: field 'source'" in done.stderr
    done = run("--group-by", "proj", "-o", str(tmp_path / "b"), data=records)
    assert done.returncode == 2 and b"no record has the field 'proj'" in done.stderr
    assert os.listdir(tmp_path / "b") == []


def test_a_failed_write_leaves_all_three_old_files(tmp_path):
    assert run("-o", str(tmp_path), data=samples(60, 30)).returncode == 0
    old = read(tmp_path)

    def small_files():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    done = run("-o", str(tmp_path), data=samples(20_000, 5000), preexec_fn=small_files)
    assert done.returncode == 1 and b"file too large" in done.stderr
    assert read(tmp_path) == old
    assert sorted(os.listdir(tmp_path)) == ["test.jsonl", "train.jsonl", "val.jsonl"]


def test_strict_leaves_all_three_old_files(tmp_path):
    assert run("-o", str(tmp_path), data=samples(60, 30)).returncode == 0
    old = read(tmp_path)
    assert run("--strict", "-o", str(tmp_path), data=samples(60, 20) + b"{\n").returncode == 1
    assert read(tmp_path) == old


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody without rights")
def test_an_unreadable_file_is_a_usage_error(shell, tmp_path):
    (tmp_path / "in.jsonl").write_bytes(b'{"instruction":"q","output":"a"}\n')
    (tmp_path / "in.jsonl").chmod(0)
    status, said = as_nobody(shell, "afs-split", "in.jsonl", "-o", tmp_path / "out")
    assert status == 2 and b"in.jsonl: cannot be read; check its permissions" in said
