#!/usr/bin/env python3
"""Measure afs-decontaminate beside bare loops over sets of n-grams, and what it finds against the truth.

    python tests/bench/bench_contamination.py [--size 100] [--repeat 3] [--seed 1] [--dir DIR]

Makes `--size` MB of samples and a benchmark of other text, plants every second item in one sample each
(as it is, within prose, in capitals, with other punctuation and line ends) and runs each program as a
child process. Rates are MB of input per CPU second, the best of `--repeat` runs; what is looked for are
runs of 13 words in all of them. Exits 3 when a figure misses its aim.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile

import bench_curate as curate

# A set of n-grams as tuples and one look at each of the sample's: what a first version of this looks like.
LOOP = """\
import re, sys, orjson
cut = {cut}
grams = set()
for line in open(sys.argv[1], "rb"):
    words = cut(orjson.loads(line)["question"].lower())
    grams.update(zip(*(words[at:] for at in range(13))))
write = sys.stdout.buffer.write
for line in sys.stdin.buffer:
    record = orjson.loads(line)
    for field in ("instruction", "input", "output"):
        words = cut(record[field].lower())
        if not grams.isdisjoint(zip(*(words[at:] for at in range(13)))):
            break
    else:
        write(line)
"""


def plant(chance: random.Random, item: str, filling: str, way: int) -> str:
    """A text that holds an item in one of five ways."""
    words = item.split()
    if way == 1:
        return f"{filling} {item} {filling}"
    if way == 2:
        return f"Question: {item.upper()}"
    if way == 3:
        return " ".join(
            word.strip(".") + chance.choice(("", ",", ";", "...", "\u201d", "\u2026")) for word in words
        )
    if way == 4:
        return "\n> ".join(" ".join(words[at : at + 5]) for at in range(0, len(words), 5))
    return item


def prepare(folder: str, megabytes: float, seed: int) -> tuple[int, int, set[str], int]:
    """(bytes, lines, ids of the samples with an item, items): data.jsonl, plain.jsonl and items.jsonl."""
    size, lines, _ = curate.generate(os.path.join(folder, "plain.jsonl"), megabytes, seed)
    chance = random.Random(seed + 1)
    vocabulary = curate.words(chance, 20_000)
    count = max(100, min(5000, lines // 10))
    items = [curate.prose(chance, vocabulary, chance.randint(60, 900)) for _ in range(count)]
    with open(os.path.join(folder, "items.jsonl"), "w", encoding="utf-8") as out:
        for number, item in enumerate(items):
            out.write(json.dumps({"id": number, "question": item, "answer": chance.choice("ABCD")}) + "\n")
    holders = sorted(chance.sample(range(lines), count // 2))
    places = dict(zip(holders, range(0, count, 2), strict=False))
    planted = set()
    with (
        open(os.path.join(folder, "plain.jsonl"), "rb") as plain,
        open(os.path.join(folder, "data.jsonl"), "wb") as data,
    ):
        for number, line in enumerate(plain):
            if number in places:
                record = json.loads(line)
                field = chance.choice(("instruction", "input", "output"))
                record[field] = plant(chance, items[places[number]], record[field], places[number] // 2 % 5)
                record["sample_id"] = f"planted-{number}"
                planted.add(record["sample_id"])
                line = json.dumps(record, ensure_ascii=False).encode() + b"\n"
            data.write(line)
    return size, lines, planted, count


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--size", type=float, default=100, metavar="MB")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--dir", help="where the data goes (a folder that is removed)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.dir) as folder:
        return compare(folder, args.size, args.repeat, args.seed)


def compare(folder: str, megabytes: float, repeat: int, seed: int) -> int:
    size, lines, planted, count = prepare(folder, megabytes, seed)
    data, items = os.path.join(folder, "data.jsonl"), os.path.join(folder, "items.jsonl")
    print(f"{size / 1e6:.0f} MB, {lines} samples, {count} items, {len(planted)} of them in one sample each")
    me, ours = sys.executable, os.path.join(curate.BIN, "afs-decontaminate")
    cases = {
        "orjson decode, write line": [me, "-c", curate.PASS],
        "afs-decontaminate": [me, ours, "-q", "--against", items],
        "afs-decontaminate --ngram 8": [me, ours, "-q", "--against", items, "--ngram", "8"],
        "loop over a set, str.split": [me, "-c", LOOP.format(cut="str.split"), items],
        "loop over a set, re.findall": [me, "-c", LOOP.format(cut=r're.compile(r"\w+").findall'), items],
    }
    rate, memory = {}, {}
    print(f"\n{'':30} {'MB/CPU-s':>9} {'samples/CPU-s':>14} {'peak MB':>8}")
    for name, argv in cases.items():
        seconds, memory[name] = curate.measure(argv, data, repeat if "loop" not in name else 1)
        rate[name] = size / seconds / 1e6
        print(f"{name:30} {rate[name]:9.1f} {lines / seconds:14.0f} {memory[name]:8}")
    print(f"\n{'':50} {'recall':>9} {'false drops':>12}")
    missed = 0
    for name, argv in cases.items():
        if name.startswith("orjson"):
            continue
        with open(data, "rb") as file:
            kept = subprocess.run(argv, stdin=file, stdout=subprocess.PIPE, check=True).stdout
        ids = {json.loads(line)["sample_id"] for line in kept.splitlines()}
        found = len(planted - ids)
        false = lines - len(kept.splitlines()) - found
        wrong = name.startswith("afs") and (found < len(planted) or false)
        missed += bool(wrong)
        print(f"{name:50} {found / len(planted):9.4f} {false:12}{'  missed' if wrong else ''}")
    return 3 if missed + report(rate, memory) else 0


def report(rate: dict[str, float], memory: dict[str, int]) -> int:
    """Print the ratios and their aims; how many are missed."""
    missed = 0
    print(f"\n{'':60} {'ratio':>7} {'aim':>6}")
    ours = "afs-decontaminate"
    for name, aim in (("loop over a set, re.findall", 2.0), ("loop over a set, str.split", 1.5)):
        ratio = rate[ours] / rate[name]
        missed += ratio < aim
        print(f"{ours + ' / ' + name:60} {ratio:7.2f} {aim:6}{'  missed' if ratio < aim else ''}")
    share = memory[ours] / memory["loop over a set, re.findall"]
    missed += share > 1
    print(f"{'its memory / the same':60} {share:7.2f} {1:6}{'  missed' if share > 1 else ''}")
    return missed


if __name__ == "__main__":
    sys.exit(main())
