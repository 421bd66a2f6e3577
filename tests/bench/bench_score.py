#!/usr/bin/env python3
"""Measure afs-score: how fast it is, and what it tells apart.

    python tests/bench/bench_score.py [--size 10] [--repeat 3] [--count 600] [--seed 7] [--home HOME]
    python tests/bench/bench_score.py --calibrate

Quality is the area under the ROC curve: how often a sound sample scores above a damaged one (a tie is a
half). It is measured (a) on generated single questions and answers (score_samples.py) and (b) on the turns
that the exporters find under --home or AFS_TEST_HOME, with the answer before as context, each damaged in one
named way (score_damage.py); swapped answers with a 95 % interval by resampling; and beside it the score of
the system that AFS follows, which knows the length of the answer only. Speed is in samples a CPU second of
the whole process; a peer is the bare decoding and writing of the same lines.
--calibrate writes lib/afs/curate/calibration.tsv anew. Exits 3 when a figure misses its aim.
"""

from __future__ import annotations

import argparse
import bisect
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from typing import TYPE_CHECKING, Any

ROOT = os.path.realpath(os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", ".."))
sys.path[:0] = [os.path.join(ROOT, "lib"), os.path.dirname(os.path.realpath(__file__))]

from afs.curate import calibration, profiles, score  # noqa: E402
from bench_curate import PASS, chinese, measure, prose, words  # noqa: E402
from score_damage import VISIBLE, damaged, swapped  # noqa: E402
from score_samples import KINDS, samples  # noqa: E402
from score_words import FIELDS, NAMES, PYTHON  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Made = dict[str, Any]
    Rate = Callable[[Made], float]

SEED = 20  # of the calibration set; figures are taken with another
CALIBRATED = 400
LEAST, LEAST_CUT, MEAN, SWAPPED = 0.90, 0.85, 0.95, 0.90
FAST, FASTER, SHARED = 3500, 7000, 1.8


# --- calibration --------------------------------------------------------------------------------------


def calibrated() -> Iterator[str]:
    """The lines of calibration.tsv."""
    yield "# Written by tests/bench/bench_score.py --calibrate; see calibration.py."
    yield "# " + "\t".join(calibration.COLUMNS)
    for kind in KINDS:
        for record in samples(kind, CALIBRATED, SEED):
            yield calibration.row(kind, score.components(record), score.components(record, parsers=False))


# --- quality ------------------------------------------------------------------------------------------


def area(good: list[float], bad: list[float]) -> float:
    """How often one of `good` is above one of `bad`; a tie is a half."""
    ranked = sorted(good)
    lower = sum(bisect.bisect_left(ranked, value) + bisect.bisect_right(ranked, value) for value in bad)
    return 1 - lower / 2 / len(good) / len(bad)


def interval(good: list[float], bad: list[float], chance: random.Random) -> tuple[float, float]:
    """95 % of the areas of resampled scores."""
    areas = sorted(
        area(chance.choices(good, k=len(good)), chance.choices(bad, k=len(bad))) for _ in range(300)
    )
    return areas[7], areas[292]


def rating(profile: str) -> Rate:
    """The score as afs-score --profile gives it."""
    weights = profiles.weights_of(profile)
    sound = calibration.sound(profile, weights)
    return lambda record: score.rank(score.mean(score.components(record), weights), sound)


def by_length(record: Made) -> float:
    """The generic profile of the original system: from 50 to 5000 characters, best at 500."""
    size = len(record["output"])
    if size < 50:
        return 0.5 * size / 50
    if size <= 500:
        return 0.5 + 0.5 * (size - 50) / 450
    return 1 - 0.3 * (size - 500) / 4500 if size <= 5000 else 0.5


def turns(home: str) -> list[Made]:
    """The agents' turns under a home, each with the answer before it as context."""
    found: list[Made] = []
    before: dict[str, str] = {}
    for agent in ("codex", "claude", "gemini"):
        command = [sys.executable, os.path.join(ROOT, "bin", f"afs-export-{agent}"), "-q", "--home", home]
        lines = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout.splitlines()
        for record in map(json.loads, lines):
            group = record["_metadata"]["group"]
            context, before[group] = before.get(group, ""), record["output"]
            if len(record["output"]) > 20:
                flags = {"flags": record["_metadata"]["flags"]}
                found.append(
                    {
                        "instruction": record["instruction"],
                        "input": context,
                        "output": record["output"],
                        "_metadata": flags,
                    }
                )
    return found


def quality(name: str, sound: list[Made], rate: Rate, seed: int) -> int:
    """Print a table of areas; how many aims are missed."""
    chance = random.Random(seed)
    good = sorted(map(rate, sound))
    marks = ", ".join(
        f"{share:.0%}: {good[int(share * len(good))]:.4f}" for share in (0.01, 0.02, 0.05, 0.1, 0.5)
    )
    print(f"\n{name}: {len(sound)} sound samples; scores at {marks}")
    print(f"{'':24}{'samples':>8}{'area':>8}{'length only':>13}{'below .05':>11}{'aim':>7}")
    missed, areas = 0, []
    for way, damage in VISIBLE.items():
        pairs = damaged(damage, sound, chance)
        bad = [rate(worse) for _, worse in pairs]
        found = area([rate(better) for better, _ in pairs], bad)
        old = area([by_length(better) for better, _ in pairs], [by_length(worse) for _, worse in pairs])
        aim = LEAST_CUT if way == "cut between words" else LEAST
        areas.append(found)
        missed += found < aim
        low = sum(value < 0.05 for value in bad) / len(bad)
        note = "  missed" * (found < aim)
        print(f"{way:24}{len(bad):>8}{found:>8.3f}{old:>13.3f}{low:>11.0%}{aim:>7.2f}{note}")
    mean = sum(areas) / len(areas)
    missed += mean < MEAN
    print(f"{'mean':24}{'':8}{mean:>8.3f}{'':24}{MEAN:>7.2f}{'  missed' * (mean < MEAN)}")
    wrong = [rate(record) for record in swapped(sound, chance)]
    found = area(good, wrong)
    low, high = interval(good, wrong, chance)
    aimed = name.startswith("(a)")
    missed += aimed and found < SWAPPED
    aim = f"{SWAPPED:7.2f}{'  missed' * (found < SWAPPED)}" if aimed else ""
    print(f"{'swapped answer':24}{len(wrong):>8}{found:>8.3f}   {low:.3f} to {high:.3f}{'':10}{aim}")
    return missed


# --- speed --------------------------------------------------------------------------------------------


def write_lines(path: str, megabytes: float, seed: int) -> tuple[int, int]:
    """(bytes, lines) of samples of 2.7 kB: 65 % prose, 22 % Python that parses, 13 % Chinese."""
    chance = random.Random(seed)
    vocabulary = words(chance, 20_000)
    size = lines = 0
    with open(path, "wb") as out:
        while size < megabytes * 1e6:
            length = min(60_000, int(chance.lognormvariate(7.45, 0.7)))
            make = chance.choices((prose, _python, chinese), (65, 22, 13))[0]
            sample = {
                "sample_id": f"{lines:032x}",
                "instruction": prose(chance, vocabulary, chance.randint(20, 300)),
                "input": prose(chance, vocabulary, 200) if chance.random() < 0.3 else "",
                "output": make(chance, vocabulary, length),
                "source": "codex",
                "_metadata": {"group": f"{lines // 5:08x}", "flags": []},
            }
            line = json.dumps(sample, ensure_ascii=chance.random() < 0.05).encode() + b"\n"
            out.write(line)
            size += len(line)
            lines += 1
    return size, lines


def _python(chance: random.Random, vocabulary: list[str], size: int) -> str:
    parts: list[str] = []
    while sum(map(len, parts)) < size:
        named = {
            "x": chance.choice(NAMES),
            "y": chance.choice(FIELDS),
            "f": chance.choice(vocabulary),
            "F": "Job",
        }
        parts.append(chance.choice(PYTHON)[1].format(**named))
    text = "\n\n\n".join(parts)
    return f"```python\n{text}\n```"


def speed(folder: str, megabytes: float, repeat: int, seed: int) -> int:
    """Print samples a CPU second, and how much faster two processes are; how many aims are missed."""
    path = os.path.join(folder, "data.jsonl")
    size, lines = write_lines(path, megabytes, seed)
    me, command = sys.executable, os.path.join(ROOT, "bin", "afs-score")
    print(f"\n{size / 1e6:.0f} MB, {lines} samples of {size / lines / 1e3:.1f} kB")
    print(f"{'':34}{'samples/CPU-s':>14}{'MB/CPU-s':>10}{'peak MB':>9}{'aim':>7}")
    missed = 0
    cases = (
        ("orjson decode, write line", [me, "-c", PASS], 0),
        ("afs-score", [me, command, "-q", path], FAST),
        ("afs-score --no-parsers", [me, command, "-q", "--no-parsers", path], FASTER),
    )
    for name, argv, aim in cases:
        seconds, peak = measure(argv, path, repeat)
        rate = lines / seconds
        missed += rate < aim
        told = f"{aim:7}{'  missed' * (rate < aim)}" if aim else ""
        print(f"{name:34}{rate:>14.0f}{size / seconds / 1e6:>10.1f}{peak:>9}{told}")
    one, two = (wall([me, command, "-q", path, "-j", jobs, "-o", f"{path}.{jobs}"], repeat) for jobs in "12")
    with open(f"{path}.1", "rb") as first, open(f"{path}.2", "rb") as second:
        same = first.read() == second.read()
    busy = os.getloadavg()[0] > 1.5 + repeat / 10  # then the clock tells of the others
    slow = one / two < SHARED and not busy
    missed += slow or not same
    note = "  missed" if slow else "  not judged: the machine is busy" if busy else ""
    print(f"{'-j 2, times as fast by the clock':34}{one / two:>14.2f}{'':19}{SHARED:>7}{note}")
    print(f"{'-j 2, the same bytes':34}{'yes' if same else 'NO':>14}")
    return missed


def wall(argv: list[str], repeat: int) -> float:
    """Seconds by the clock, the best of some runs."""
    best = float("inf")
    for _ in range(repeat):
        before = time.perf_counter()
        subprocess.run(argv, check=True)
        best = min(best, time.perf_counter() - before)
    return best


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--size", type=float, default=10, metavar="MB", help="of the data for speed; 0: none")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--count", type=int, default=600, help="generated samples for quality; 0: none")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument(
        "--home", default=os.environ.get("AFS_TEST_HOME", ""), help="a home with agents' logs"
    )
    parser.add_argument("--calibrate", action="store_true", help="write calibration.tsv and do nothing else")
    args = parser.parse_args()
    if args.calibrate:
        lines = [f"{line}\n" for line in calibrated()]
        with open(calibration.PATH, "w", encoding="ascii", newline="\n") as file:
            file.writelines(lines)
        return 0
    missed = 0
    if args.count:
        made = list(samples("generic", args.count, args.seed))
        missed += quality("(a) generated questions and answers", made, rating("generic"), args.seed)
    if args.count and args.home:
        missed += quality(
            "(b) agents' turns", turns(os.path.abspath(args.home)), rating("agentic"), args.seed
        )
    if args.size:
        with tempfile.TemporaryDirectory() as folder:
            missed += speed(folder, args.size, args.repeat, args.seed)
    return 3 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
