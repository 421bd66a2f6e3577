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
import statistics
import subprocess
import sys
import tempfile

from bench_curate import BIN, PASS, RECODE, ROOT, measure

AFS = os.path.join(ROOT, "scripts", "afs")
RUNS = 31
JQ_ALPACA = "{instruction, input, output}"


def once(argv: list[str]) -> float:
    """CPU milliseconds of one start."""
    child = os.fork()
    if not child:
        null = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(null, stream)
        os.execv(argv[0], argv)
    _, _, usage = os.wait4(child, 0)
    return (usage.ru_utime + usage.ru_stime) * 1000


def starts() -> list[tuple[str, float, float]]:
    """(what, value, aim) of start-up and dispatcher: medians of runs that take turns."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["AFS_PYTHON"] = me = sys.executable
    names = sorted(name for name in os.listdir(BIN) if name.startswith("afs-"))
    cases = {name: [me, os.path.join(BIN, name), "--help"] for name in names}
    cases["bare"] = [me, "-c", "import argparse, orjson"]
    cases["direct"] = [me, os.path.join(BIN, "afs-score"), "-q"]
    cases["afs score"] = [AFS, "score", "-q"]
    cases["afs scoring score"] = [AFS, "scoring", "score", "-q"]
    times: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(RUNS):
        for name, argv in cases.items():
            times[name].append(once(argv))
    cost = {name: statistics.median(values[1:]) for name, values in times.items()}
    rows = [
        (f"{name} --help / python -c 'import argparse, orjson'", cost[name] / cost["bare"], 1.3)
        for name in names
    ]
    for name in ("afs score", "afs scoring score"):
        rows.append((f"{name} over afs-score, CPU ms", cost[name] - cost["direct"], 15))
    return rows


def made(path: str, megabytes: float, seed: int) -> tuple[int, int]:
    """(bytes, lines) of data made by another process: a child begins with its parent's peak memory."""
    code = f"from bench_curate import generate; print(*generate({path!r}, {megabytes}, {seed}))"
    here = os.path.dirname(os.path.realpath(__file__))
    told = subprocess.run([sys.executable, "-c", code], cwd=here, check=True, capture_output=True, text=True)
    size, lines, _ = map(int, told.stdout.split())
    return size, lines


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--size", type=float, default=100, metavar="MB")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--dir", help="where the data goes (a folder that is removed)")
    args = parser.parse_args()
    missed = 0
    print(f"{'':72} {'value':>7} {'aim':>6}")
    for what, value, aim in starts():
        missed += value > aim
        print(f"{what:72} {value:7.2f} {aim:6}{'  missed' if value > aim else ''}")
    with tempfile.TemporaryDirectory(dir=args.dir) as folder:
        missed += streams(folder, args)
    return 3 if missed else 0


def streams(folder: str, args: argparse.Namespace) -> int:
    data = os.path.join(folder, "data.jsonl")
    size, lines = made(data, args.size, args.seed)
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
