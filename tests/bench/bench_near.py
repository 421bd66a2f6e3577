#!/usr/bin/env python3
"""Measure afs-dedupe --near and exact afs-dedupe beside their peers, on samples of which the truth is known.

    python tests/bench/bench_near.py [--size 100] [--peer-size 20] [--repeat 1] [--seed 1] [--memory 64M]

Makes `--size` MB of prose, code and Chinese, some with escapes; a fifth are exact duplicates and about 14 %
near duplicates, made by changing words of question and answer at rates from 1 to 12 %. All pairs of a family
are compared by a slow obvious reading of their texts (sets of word 5-grams as Python tuples), so their
similarity is known exactly. Counts pairs at or above a threshold of which not both are kept (recall), and
looks at every drop: its named match must be kept and as similar as was said. Prints MB of input per CPU
second (the best of `--repeat` runs) and peak memory; peers run in the Python that AFS_PEER_PYTHON names,
datasketch on `--peer-size` MB because it is slow. Exits 3 when a figure misses its aim.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import bench_curate as curate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    Families = dict[int, list[int]]

DEDUPE = os.path.join(curate.BIN, "afs-dedupe")
THRESHOLD = 0.7
_WORD = re.compile(r"[\u3041-\u9fff]|[^\W\u3041-\u9fff]+")

READ = """\
import sys, re, orjson
words = re.compile(r"\\w+").findall
def texts():
    for line in open(sys.argv[1], "rb"):
        sample = orjson.loads(line)
        yield line, "\\n".join((sample["instruction"], sample["input"], sample["output"]))
def grams(text):
    found = words(text.lower())
    return [" ".join(found[at : at + 5]) for at in range(max(len(found) - 4, 1))]
out = open(sys.argv[2], "wb")
"""
GAOYA = """\
from gaoya.minhash import MinHashStringIndex
index = MinHashStringIndex(32, 0.7, 32, 4, None, "word", True, (5, 5))
for number, (line, text) in enumerate(texts()):
    if not index.query(text):
        index.insert_document(number, text)
        out.write(line)
"""
RENSA = """\
from rensa import RMinHash, RMinHashDeduplicator
index = RMinHashDeduplicator(threshold=0.7, num_perm=128, use_lsh=True, num_bands=16)
for number, (line, text) in enumerate(texts()):
    sketch = RMinHash(num_perm=128, seed=42)
    sketch.update(grams(text))
    if index.add(str(number), sketch):
        out.write(line)
"""
DATASKETCH = """\
from datasketch import MinHash, MinHashLSH
import xxhash
index = MinHashLSH(threshold=0.7, num_perm=128)
hash32 = lambda data: xxhash.xxh3_64_intdigest(data) & 0xffffffff
for number, (line, text) in enumerate(texts()):
    sketch = MinHash(num_perm=128, hashfunc=hash32)
    sketch.update_batch([gram.encode() for gram in grams(text)])
    if not index.query(sketch):
        index.insert(str(number), sketch)
        out.write(line)
"""


def changed(chance: random.Random, text: str, vocabulary: list[str], rate: float) -> str:
    """The text with words replaced, left out and put in, each at a third of the rate."""
    spaced = text.count(" ") * 12 > len(text)
    made = []
    for word in text.split(" ") if spaced else text:
        draw = chance.random()
        if draw > rate:
            made.append(word)
        elif draw > rate / 3:
            made.append(chance.choice(vocabulary) if spaced else chance.choice(curate.HAN))
            if draw > rate * 2 / 3:
                made.append(word)
    return (" " if spaced else "").join(made)


def generate(path: str, megabytes: float, seed: int) -> tuple[int, int, Families]:
    """(bytes, lines, {line that a family began with: its lines}). Lines count from 1."""
    chance = random.Random(seed)
    vocabulary = curate.words(chance, 20_000)
    recent: list[tuple[int, dict[str, str]]] = []
    families: Families = {}
    size = lines = 0
    with open(path, "wb") as out:
        while size < megabytes * 1e6:
            lines += 1
            draw = chance.random()
            if recent and draw < 0.34:
                family, old = chance.choice(recent)
                sample = old | {"sample_id": f"{lines:032x}", "timestamp": str(lines)}
                if draw < 0.14:
                    rate = chance.uniform(0.002, 0.06)
                    for field in ("instruction", "input", "output"):
                        sample[field] = changed(chance, sample[field], vocabulary, rate)
                if chance.random() < 0.3:
                    sample = dict(reversed(sample.items()))
            else:
                family = lines
                make = chance.choices((curate.prose, curate.code, curate.chinese), (65, 22, 13))[0]
                length = min(60_000, int(chance.lognormvariate(7.35, 0.75)))
                sample = {
                    "sample_id": f"{lines:032x}",
                    "instruction": curate.prose(chance, vocabulary, chance.randint(20, 300)),
                    "input": curate.prose(chance, vocabulary, 200) if chance.random() < 0.3 else "",
                    "output": make(chance, vocabulary, length),
                    "timestamp": str(lines),
                }
                if len(recent) < 5000:
                    recent.append((family, sample))
                else:
                    recent[chance.randrange(5000)] = (family, sample)
            families.setdefault(family, []).append(lines)
            line = json.dumps(sample, ensure_ascii=chance.random() < 0.05).encode() + b"\n"
            out.write(line)
            size += len(line)
    return size, lines, {family: members for family, members in families.items() if len(members) > 1}


def grams(line: bytes) -> frozenset[tuple[str, ...]]:
    """The set of word 5-grams, as the help of afs-dedupe tells it."""
    sample = json.loads(line)
    text = "\n".join((sample["instruction"], sample["input"], sample["output"])).lower()
    found = _WORD.findall(text)
    return frozenset(tuple(found[at : at + 5]) for at in range(max(len(found) - 4, 1)))


def similarities(path: str, families: Families) -> Iterator[tuple[int, int, float]]:
    """(line, line, Jaccard) of all pairs within families."""
    offsets = [0]
    with open(path, "rb") as file:
        for line in file:
            offsets.append(offsets[-1] + len(line))
        for members in families.values():
            sets = []
            for number in members:
                file.seek(offsets[number - 1])
                sets.append(grams(file.readline()))
            for at, one in enumerate(sets):
                for back, two in enumerate(sets[:at]):
                    yield members[back], members[at], len(one & two) / len(one | two)


def kept_of(path: str) -> set[int]:
    with open(path, "rb") as file:
        return {int(json.loads(line)["sample_id"], 16) for line in file}


def recalls(truth: list[tuple[int, int, float]], kept: set[int]) -> dict[float, tuple[float, int]]:
    """{threshold: (share of the pairs from there up of which not both are kept, pairs)}."""
    found = {}
    for least in (0.8, 0.7):
        pairs = [(one, two) for one, two, value in truth if value >= least]
        both = sum(one in kept and two in kept for one, two in pairs)
        found[least] = 1 - both / max(len(pairs), 1), len(pairs)
    return found


def untrue(clusters: str, truth: list[tuple[int, int, float]], kept: set[int]) -> tuple[int, int]:
    """(drops, drops whose match is not kept, under the threshold, or not as similar as was said)."""
    known = {(one, two): value for one, two, value in truth}
    drops = wrong = 0
    with open(clusters, "rb") as file:
        for line in file:
            row = json.loads(line)
            if row["reason"] == "kept":
                continue
            drops += 1
            one, two = sorted((int(row["sample_id"], 16), int(row["match_id"], 16)))
            value = known.get((one, two), 0.0)
            true = int(row["match_id"], 16) in kept and value >= THRESHOLD
            wrong += not (true and abs(value - row["similarity"]) < 1e-4)
    return drops, wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--size", type=float, default=100, metavar="MB")
    parser.add_argument("--peer-size", type=float, default=20, metavar="MB")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--memory", default="64M", metavar="SIZE")
    parser.add_argument("--dir", help="where the data goes (a folder that is removed)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.dir) as folder:
        return compare(folder, args)


def compare(folder: str, args: argparse.Namespace) -> int:
    data, few, out, who = (os.path.join(folder, name) for name in ("data", "few", "out", "who"))
    size, lines, families = _made(data, args.size, args.seed)
    small, _, _ = _made(few, min(args.peer_size, args.size), args.seed)
    truth = list(similarities(data, families))
    near = sum(THRESHOLD <= value < 1 for _, _, value in truth)
    print(f"{size / 1e6:.0f} MB, {lines} lines of {size / lines:.0f} bytes, {near} pairs from {THRESHOLD} up")
    me, peer = sys.executable, os.environ.get("AFS_PEER_PYTHON")
    ours = [me, DEDUPE, "-q", data, "-o", out]
    cases: dict[str, tuple[list[str], str]] = {
        "afs-dedupe --near": ([*ours, "--near", "--memory", args.memory], data),
        "afs-dedupe --near --clusters": ([*ours, "--near", "--clusters", who], data),
        "afs-dedupe --near -j 2": ([*ours, "--near", "-j", "2"], data),
        "afs-dedupe -o": (ours, data),
    }
    if peer:
        os.environ["POLARS_MAX_THREADS"] = "1"
        os.environ["RAYON_NUM_THREADS"] = "1"
        cases["gaoya"] = ([peer, "-c", READ + GAOYA, data, out], data)
        cases["rensa"] = ([peer, "-c", READ + RENSA, data, out], data)
        cases["datasketch"] = ([peer, "-c", READ + DATASKETCH, few, out], few)
        cases["polars unique"] = ([peer, "-c", curate.POLARS, data, out, "first"], data)
        cases["duckdb distinct on"] = ([peer, "-c", curate.DUCKDB, data, out], data)
    rate: dict[str, float] = {}
    missed = 0
    print(f"\n{'':30} {'MB/CPU-s':>9} {'peak MB':>8}  recall J>=.8, J>=.7")
    for name, (argv, path) in cases.items():
        seconds, peak = curate.measure(argv, path, args.repeat)
        rate[name] = (size if path == data else small) / seconds / 1e6
        note = ""
        if path == data and "distinct" not in name and "unique" not in name and "-o" not in name.split():
            kept = kept_of(out)
            found = recalls(truth, kept)
            note = "  " + ", ".join(f"{share:.4f} of {pairs}" for share, pairs in found.values())
            if name.startswith("afs-"):
                missed += found[0.8][0] < 0.998 or found[0.7][0] < 0.995
            if "--clusters" in name:
                drops, wrong = untrue(who, truth, kept)
                missed += bool(wrong)
                note += f"; {drops} drops, {wrong} without a true match"
        if name == "afs-dedupe --near" and peak > _megabytes(args.memory) + 64:
            missed += 1
            note += f"  over {args.memory} and 64 MB"
        print(f"{name:30} {rate[name]:9.1f} {peak:8}{note}")
    return 3 if missed + _ratios(rate) else 0


def _made(path: str, megabytes: float, seed: int) -> tuple[int, int, Families]:
    """Made in a child: the memory of whoever measures counts as the least that its children had."""
    code = "import bench_near, json, sys; print(json.dumps(bench_near.generate(*json.loads(sys.argv[1]))))"
    folder = os.path.dirname(os.path.realpath(__file__))
    argv = [sys.executable, "-c", code, json.dumps([path, megabytes, seed])]
    done = subprocess.run(argv, cwd=folder, stdout=subprocess.PIPE, check=True)
    size, lines, families = json.loads(done.stdout)
    return size, lines, {int(family): members for family, members in families.items()}


def _megabytes(text: str) -> float:
    return float(text[:-1]) * {"k": 1 / 1024, "M": 1, "G": 1024}[text[-1]]


def _ratios(rate: dict[str, float]) -> int:
    aims = (
        ("afs-dedupe --near", "gaoya", 1.0),
        ("afs-dedupe --near", "rensa", 1.4),
        ("afs-dedupe --near", "datasketch", 7.0),
        ("afs-dedupe -o", "polars unique", 1.3),
        ("afs-dedupe -o", "duckdb distinct on", 1.3),
    )
    missed = 0
    print(f"\n{'':50} {'ratio':>7} {'aim':>6}")
    for mine, theirs, aim in aims:
        if theirs not in rate:
            print(f"{mine + ' / ' + theirs:50} {'absent':>7} {aim:6}")
            continue
        ratio = rate[mine] / rate[theirs]
        missed += ratio < aim
        print(f"{mine + ' / ' + theirs:50} {ratio:7.2f} {aim:6}{'  missed' if ratio < aim else ''}")
    return missed


if __name__ == "__main__":
    sys.exit(main())
