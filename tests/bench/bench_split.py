#!/usr/bin/env python3
"""Measure split and rebalance beside their peers, in MB of input per CPU second, and what they promise.

    python tests/bench/bench_split.py [--size 100] [--repeat 3] [--seed 1] [--dir DIR]

Peers: `shuf | split` into two files, the same with the three files of a split made of it (neither keeps
groups, order or old files), and sklearn on lines in the interpreter that AFS_PEER_PYTHON names. Exits 3 when
a figure misses its aim.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile

from bench_core import made
from bench_curate import BIN, PASS, measure

SPLIT, REBALANCE = (os.path.join(BIN, f"afs-{name}") for name in ("split", "rebalance"))
PARTS = ("train", "val", "test")
SKLEARN = """\
import sys
from sklearn.model_selection import train_test_split
train, rest = train_test_split(sys.stdin.buffer.readlines(), test_size=0.2, random_state=1)
val, test = train_test_split(rest, test_size=0.5, random_state=1)
for name, lines in (("train", train), ("val", val), ("test", test)):
    with open(f"{sys.argv[1]}/{name}", "wb") as out:
        out.writelines(lines)
"""


def table(row: str, value: float, aim: float, low: bool = False) -> bool:
    """Print a figure with its aim; whether it is missed. `low`: the less the better."""
    missed = value > aim if low else value < aim
    print(f"{row:66} {value:7.2f} {'<=' if low else '>='} {aim:g}{'  missed' if missed else ''}")
    return missed


def speed(folder: str, args: argparse.Namespace) -> int:
    data, out = os.path.join(folder, "data.jsonl"), os.path.join(folder, "out")
    os.mkdir(out)
    size, lines = made(data, args.size, args.seed)
    print(f"{size / 1e6:.0f} MB, {lines} lines, as many groups")
    me, peer = sys.executable, os.environ.get("AFS_PEER_PYTHON")
    cut, tenth = int(lines * 0.8), -(-lines // 10)
    three = (
        f"cd {out} && shuf | split -l {tenth} -d - p. && cat p.0[0-7] >train && mv p.08 val && cat p.09 >test"
    )
    ours = {
        "afs-split": [me, SPLIT, "-q", "-o", out],
        "afs-split FILE": [me, SPLIT, "-q", "-o", out, data],
        "afs-split --exact FILE": [me, SPLIT, "-q", "--exact", "-o", out, data],
        "afs-split --stratify source FILE": [me, SPLIT, "-q", "--stratify", "source", "-o", out, data],
        "afs-split --previous FILE": [me, SPLIT, "-q", "--previous", out, "-o", out, data],
        "afs-rebalance FILE": [me, REBALANCE, "-q", data, "-o", os.path.join(out, "balanced")],
        "afs-rebalance, pipe": [me, REBALANCE, "-q", "-o", os.path.join(out, "balanced")],
    }
    theirs = {
        "orjson decode, write line": [me, "-c", PASS],
        "shuf | split -l": ["/bin/bash", "-c", f"cd {out} && shuf | split -l {cut} - p."],
        "shuf | split, three files": ["/bin/bash", "-c", f"{three}; rm -f p.*"],
    }
    if peer and not subprocess.run([peer, "-c", "import sklearn"], capture_output=True).returncode:
        theirs["sklearn on lines"] = [peer, "-c", SKLEARN, out]
    rate: dict[str, float] = {}
    most: dict[str, int] = {}
    print(f"\n{'':34} {'MB/CPU-s':>9} {'peak MB':>8}")
    for name, argv in {**theirs, **ours}.items():
        seconds, most[name] = measure(argv, data, args.repeat)
        rate[name] = size / seconds / 1e6
        print(f"{name:34} {rate[name]:9.1f} {most[name]:8}")
    print()
    missed = 0
    for name in ("shuf | split -l", "shuf | split, three files"):
        missed += table(f"afs-split / {name}, MB a CPU second", rate["afs-split"] / rate[name], 1.0)
    if args.size >= 300:
        share = most["afs-split"] / most["shuf | split -l"]
        missed += table("afs-split / shuf | split -l, memory", share, 0.1, low=True)
    else:
        print("memory beside shuf is told from --size 300: below, Python itself is most of it")
    return missed + sum(table(f"{name}, MB of memory", most[name], 320, low=True) for name in ours)


def write(path: str, records: list[dict[str, object]]) -> None:
    with open(path, "wb") as out:
        out.writelines(json.dumps(record).encode() + b"\n" for record in records)


def homes(folder: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for part in PARTS:
        with open(os.path.join(folder, f"{part}.jsonl"), "rb") as lines:
            for line in lines:
                found.setdefault(json.loads(line)["_metadata"]["group"], set()).add(part)
    return found


def run(*argv: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, *argv], capture_output=True)


def promises(folder: str, seed: int) -> int:
    """What split and rebalance promise, on 20,000 samples of 4,000 conversations."""
    dice = random.Random(seed)
    records: list[dict[str, object]] = []
    for n in range(20_200):
        group = f"g{dice.randrange(4000)}" if n < 20_000 else f"new{n % 40}"
        sources = dice.choices("abcde", (50, 25, 15, 9, 1))[0]
        records.append({"sample_id": f"s{n}", "instruction": f"q{n}", "output": "a", "source": sources,
                        "_metadata": {"group": group}})  # fmt: skip
    old, more = (os.path.join(folder, name) for name in ("old.jsonl", "more.jsonl"))
    write(old, records[:20_000])
    dice.shuffle(records)
    write(more, records)
    missed = 0
    print("\n20,000 samples of 4,000 conversations, and 1 % more")
    for title, first, then in (
        ("default", (), ()),
        ("--previous", (), ("--previous", os.path.join(folder, "a"))),
        ("--exact --stratify, then --previous", ("--exact", "--stratify", "source"),
         ("--exact", "--stratify", "source", "--previous", os.path.join(folder, "a"))),
    ):  # fmt: skip
        before, after = os.path.join(folder, "a"), os.path.join(folder, "b")
        run(SPLIT, "-q", *first, old, "-o", before)
        run(SPLIT, "-q", *then, more, "-o", after)
        home = homes(after)
        moved = sum(home[group] != parts for group, parts in homes(before).items())
        missed += table(f"{title}: old groups moved", moved, 0, low=True)
        files = [os.path.join(after, f"{part}.jsonl") for part in PARTS]
        told = run(SPLIT, "--check", *files)
        missed += table(f"{title}: leaks that --check finds", told.stdout.count(b"\n"), 0, low=True)
    worst = 0.0
    counts = {name: sum(record["source"] == name for record in records) for name in "abcde"}
    for _ in range(10):
        weights = {name: dice.randint(1, 20) for name in dice.sample("abcde", dice.randint(2, 5))}
        total = sum(weights.values())
        size = dice.randint(1, min(counts[name] * total // weight for name, weight in weights.items()))
        asked = ",".join(f"{name}={weight}" for name, weight in weights.items())
        lines = run(REBALANCE, "-q", "--weights", asked, "--size", str(size), more).stdout.splitlines()
        got = [json.loads(line)["source"] for line in lines]
        worst = max(
            worst, *(abs(got.count(name) - size * weight / total) for name, weight in weights.items())
        )
    return missed + table("rebalance: most records beside what ten mixtures ask", worst, 1, low=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--size", type=float, default=100, metavar="MB")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--dir", help="where the data goes (a folder that is removed)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.dir) as folder:
        missed = speed(folder, args)
        missed += promises(folder, args.seed)
    return 3 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
