#!/usr/bin/env python3
"""Measure validate, convert, split and start-up beside bare loops, in one run, per CPU second.

    python tests/bench/bench_core.py [--size 100] [--repeat 3] [--seed 1] [--dir DIR]

Exits 3 when a figure misses its aim. The start-up figures need the byte code of lib/afs to be cached, as it
is for whoever runs a command twice; the first call here sees to that.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile

from bench_curate import BIN, PASS, RECODE, ROOT, generate, measure

AFS = os.path.join(ROOT, "scripts", "afs")
JQ_ALPACA = "{instruction, input, output}"


def start(argv: list[str], runs: int = 40) -> float:
    """CPU milliseconds of one start: the least mean of five series."""
    before = os.times()
    best = float("inf")
    for _ in range(5):
        before = os.times()
        for _ in range(runs):
            subprocess.run(
                argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
        after = os.times()
        spent = after.children_user + after.children_system - before.children_user - before.children_system
        best = min(best, spent * 1000 / runs)
    return best


def starts() -> list[tuple[str, float, float, bool]]:
    """(what, value, aim, whether it is reached) of start-up and dispatcher."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["AFS_PYTHON"] = sys.executable
    names = sorted(name for name in os.listdir(BIN) if name.startswith("afs-"))
    bare = start([sys.executable, "-c", "import argparse, orjson"])
    rows = []
    for name in names:
        ratio = start([sys.executable, os.path.join(BIN, name), "--help"], 10) / bare
        rows.append((f"{name} --help / python -c 'import argparse, orjson'", ratio, 1.3, ratio <= 1.3))
    direct = start([sys.executable, os.path.join(BIN, "afs-validate"), "-q"])
    through = start([AFS, "validate", "-q"])
    spelled = start([AFS, "scoring", "score", "-q"]) - start(
        [sys.executable, os.path.join(BIN, "afs-score"), "-q"]
    )
    rows.append(("afs validate over afs-validate, CPU ms", through - direct, 15, through - direct <= 15))
    rows.append(("afs scoring score over afs-score, CPU ms", spelled, 15, spelled <= 15))
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--size", type=float, default=100, metavar="MB")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--dir", help="where the data goes (a folder that is removed)")
    args = parser.parse_args()
    missed = 0
    print(f"{'':72} {'value':>7} {'aim':>6}")
    for what, value, aim, good in starts():
        missed += not good
        print(f"{what:72} {value:7.2f} {aim:6}{'' if good else '  missed'}")
    with tempfile.TemporaryDirectory(dir=args.dir) as folder:
        missed += streams(folder, args)
    return 3 if missed else 0


def streams(folder: str, args: argparse.Namespace) -> int:
    data = os.path.join(folder, "data.jsonl")
    size, lines, _ = generate(data, args.size, args.seed)
    print(f"\n{size / 1e6:.0f} MB, {lines} lines")
    me, jq = sys.executable, shutil.which("jq")
    cases = {
        "decode, write line": [me, "-c", PASS],
        "decode, encode": [me, "-c", RECODE],
        "afs-validate": [me, os.path.join(BIN, "afs-validate"), "-q"],
        "afs-convert alpaca": [me, os.path.join(BIN, "afs-convert"), "--format", "alpaca", "-q"],
        "afs-convert openai": [me, os.path.join(BIN, "afs-convert"), "--format", "openai", "-q"],
        "afs-convert sharegpt": [me, os.path.join(BIN, "afs-convert"), "--format", "sharegpt", "-q"],
        "afs-split": [me, os.path.join(BIN, "afs-split"), "-q", "-o", os.path.join(folder, "splits")],
        "afs-stats": [me, os.path.join(BIN, "afs-stats"), "-q"],
    }
    if jq:
        cases["jq -c ."] = [jq, "-c", "."]
        cases["jq -c alpaca"] = [jq, "-c", JQ_ALPACA]
    rate: dict[str, float] = {}
    print(f"{'':30} {'MB/CPU-s':>9} {'peak MB':>8}")
    heavy = 0
    for name, argv in cases.items():
        seconds, peak = measure(argv, data, args.repeat)
        rate[name] = size / seconds / 1e6
        note = "  over 64 MB" if name.startswith("afs-") and peak > 64 else ""
        heavy += bool(note)
        print(f"{name:30} {rate[name]:9.1f} {peak:8}{note}")
    aims = (
        ("afs-validate", "decode, write line", 0.72),
        ("afs-validate", "jq -c .", 8),
        ("afs-convert alpaca", "decode, encode", 0.75),
        ("afs-convert openai", "decode, encode", 0.75),
        ("afs-convert sharegpt", "decode, encode", 0.75),
        ("afs-convert alpaca", "jq -c alpaca", 5),
    )
    missed = heavy
    print(f"\n{'':60} {'ratio':>7} {'aim':>6}")
    for ours, theirs, aim in aims:
        if theirs not in rate:
            print(f"{ours + ' / ' + theirs:60} {'absent':>7} {aim:6}")
            continue
        ratio = rate[ours] / rate[theirs]
        missed += ratio < aim
        print(f"{ours + ' / ' + theirs:60} {ratio:7.2f} {aim:6}{'  missed' if ratio < aim else ''}")
    return missed


if __name__ == "__main__":
    sys.exit(main())
