#!/usr/bin/env python3
"""Measure augment in MB of input per CPU second, beside the least that such a program has to do.

    python tests/bench/bench_augment.py [--size 60] [--repeat 3] [--seed 1] [--dir DIR]

Makes `--size` MB of samples, half of them single questions and half turns of an agent; three of four open
with a request of a known kind. Each program is a child process; the system says what it used, and the best
of `--repeat` runs counts. The least is a bare loop that decodes a line, writes it and encodes it twice again
with another text in place; who looks at the text needs more. Exits 3 when a figure misses its aim.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import random
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
from bench_curate import BIN, PASS, measure, prose, words

LEAST = """\
import sys, orjson
write = sys.stdout.buffer.write
for line in sys.stdin.buffer:
    record = orjson.loads(line)
    write(line)
    for opening in ("Please ", "Could you "):
        text = opening + record["instruction"]
        metadata = {**record["_metadata"], "parent_id": record["sample_id"]}
        copy = {**record, "instruction": text, "_metadata": metadata}
        if said := record["messages"]:
            copy["messages"] = [{**said[0], "content": text}, *said[1:]]
        write(orjson.dumps(copy))
        write(b"\\n")
"""
AIM = 7000  # as for score without the parsers: both look at the words of a sample
REQUESTS = (
    "Fix the {0} in `{1}.py`.", "can you explain why the {0} is {1}?", "How do I {0} the {1}?",
    "Write a function that turns {0} into {1}.", "Please review {0}/{1}.go for races.", "What does `{0}` do?",
    "Optimise the {0} of {1}.", "OK, add a flag for {0}, it's needed.", "I want you to refactor {0} and {1}.",
    "The {0} is {1} since today.", "Run the {0} again.", "{0} {1}", "Continue with {0}.",
)  # fmt: skip


def generate(path: str, megabytes: float, seed: int) -> None:
    chance = random.Random(seed)
    vocabulary = words(chance, 20_000)
    size = number = 0
    with open(path, "wb") as out:
        while size < megabytes * 1e6:
            question = chance.choice(REQUESTS).format(*chance.choices(vocabulary, k=2))
            if chance.random() < 0.3:
                question += "\n\n" + prose(chance, vocabulary, chance.randint(100, 2000))
            answer = prose(chance, vocabulary, min(20_000, int(chance.lognormvariate(7, 0.8))))
            messages = None
            if chance.random() < 0.5:
                said = [prose(chance, vocabulary, 800) for _ in range(chance.randint(1, 12))]
                messages = [{"role": "user", "content": question}]
                messages += [
                    {"role": "assistant", "content": text, "tool_calls": None} for text in (*said, answer)
                ]
            sample = {
                "sample_id": f"{number:032x}", "instruction": question, "input": "", "output": answer,
                "messages": messages, "source": "t", "_metadata": {"group": f"{number // 8}", "flags": []},
            }  # fmt: skip
            line = json.dumps(sample).encode() + b"\n"
            out.write(line)
            size += len(line)
            number += 1


def compare(folder: str, megabytes: float, repeat: int, seed: int) -> int:
    data = os.path.join(folder, "data.jsonl")
    child = multiprocessing.Process(target=generate, args=(data, megabytes, seed))
    child.start()  # the memory of whoever measures counts as the least that its children had
    child.join()
    size = os.path.getsize(data)
    with open(data, "rb") as file:
        lines = sum(1 for _ in file)
    print(f"{size / 1e6:.0f} MB, {lines} samples of {size / lines:.0f} bytes")
    augment = os.path.join(BIN, "afs-augment")
    cases = {
        "orjson decode, write line": [sys.executable, "-c", PASS],
        "the least: two encoded copies": [sys.executable, "-c", LEAST],
        "afs-augment": [sys.executable, augment, "-q"],
        "afs-augment --variants 8": [sys.executable, augment, "-q", "--variants", "8"],
    }
    rate: dict[str, float] = {}
    heavy = 0
    print(f"\n{'':30} {'MB/CPU-s':>9} {'samples/CPU-s':>14} {'peak MB':>8}")
    for name, argv in cases.items():
        seconds, peak = measure(argv, data, repeat)
        rate[name] = size / seconds / 1e6
        over = name.startswith("afs-") and peak > 64
        heavy += over
        print(f"{name:30} {rate[name]:9.1f} {lines / seconds:14.0f} {peak:8}{'  over 64 MB' if over else ''}")
    ratio = rate["afs-augment"] / rate["the least: two encoded copies"]
    speed = rate["afs-augment"] * 1e6 / size * lines
    print(f"\nafs-augment / the least {ratio:.2f}; samples a CPU second {speed:.0f} (aim {AIM})")
    return 3 if speed < AIM or heavy else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--size", type=float, default=60, metavar="MB")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--dir", help="where the data goes (a folder that is removed)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.dir) as folder:
        return compare(folder, args.size, args.repeat, args.seed)


if __name__ == "__main__":
    sys.exit(main())
