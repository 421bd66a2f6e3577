#!/usr/bin/env python3
"""Measure score, filter and dedupe beside their peers, in MB of input per CPU second.

    python tests/bench/bench_curate.py [--size 100] [--repeat 3] [--seed 1] [--dir DIR]

Makes `--size` MB of samples with known duplicates, runs each program as a child process and prints what
the system says of it: user and system time of the child and its children, and its peak memory. The best
of `--repeat` runs counts, because other work on the machine can only slow a run down. Peers: bare orjson
loops, jq where it is on PATH, and polars and duckdb in the interpreter that AFS_PEER_PYTHON names.
Exits 3 when a figure misses its aim.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sys
import tempfile

ROOT = os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..")
BIN = os.path.join(ROOT, "bin")

PASS = """\
import sys, orjson
write = sys.stdout.buffer.write
for line in sys.stdin.buffer:
    orjson.loads(line)
    write(line)
"""
RECODE = """\
import sys, orjson
write = sys.stdout.buffer.write
for line in sys.stdin.buffer:
    write(orjson.dumps(orjson.loads(line)))
    write(b"\\n")
"""
# The same key for all: instruction, input and output. Order is kept, as ours keeps it.
POLARS = """\
import sys, polars
frame = polars.read_ndjson(sys.argv[1])
kept = frame.unique(["instruction", "input", "output"], keep=sys.argv[3], maintain_order=True)
kept.write_ndjson(sys.argv[2])
"""
DUCKDB = """\
import sys, duckdb
duckdb.execute("set threads = 1")
duckdb.execute(
    f"copy (select distinct on (instruction, input, output) * from read_ndjson_auto('{sys.argv[1]}'))"
    f" to '{sys.argv[2]}' (format json)"
)
"""

SYLLABLES = "ka lo mi ter ver an est ro pla sen di con tra bel mor gis un ple net for"
COMMON = "the of and to in is that for it with as on be this by are from or an at which not"
CODE = (
    "def {a}_{b}({c}, {d}=None):",
    "    if {c} is None or len({c}) < {n}:",
    "        return {d}[{n}]",
    "    for {a} in sorted({c}.items()):",
    "        {b}.append(({a}, {n}))",
    "    self.{d} = {a}.{b}({c}, key=lambda {a}: {a}[{n}])",
    "    return {{'{a}': {b}, '{c}': {n}}}",
)
HAN = (
    "的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出"
    "就分对成会可主发年动同工也能下过子说产种面而方后多定行学法所民得经"
)


def words(chance: random.Random, count: int) -> list[str]:
    syllables = SYLLABLES.split()
    made = ["".join(chance.choices(syllables, k=chance.randint(2, 4))) for _ in range(count)]
    return COMMON.split() * (count // 20) + made


def prose(chance: random.Random, vocabulary: list[str], size: int) -> str:
    out, length = [], 0
    while length < size:
        sentence = " ".join(chance.choices(vocabulary, k=chance.randint(6, 18))).capitalize() + ". "
        if chance.random() < 0.15:
            sentence += "\n\n"
        out.append(sentence)
        length += len(sentence)
    return "".join(out).strip()


def code(chance: random.Random, vocabulary: list[str], size: int) -> str:
    out, length = [], 0
    while length < size:
        a, b, c, d = chance.choices(vocabulary, k=4)
        line = chance.choice(CODE).format(a=a, b=b, c=c, d=d, n=chance.randint(0, 99))
        out.append(line)
        length += len(line)
    return "```python\n" + "\n".join(out) + "\n```"


def chinese(chance: random.Random, vocabulary: list[str], size: int) -> str:
    out, length = [], 0
    while length < size // 3:
        sentence = "".join(chance.choices(HAN, k=chance.randint(8, 30))) + "。"
        out.append(sentence)
        length += len(sentence)
    return "".join(out)


def generate(path: str, megabytes: float, seed: int) -> tuple[int, int, int]:
    """(bytes, lines, distinct contents). A fifth of the lines repeats an earlier content exactly.

    Half of the repeats are the same bytes; the others have another id, time, key order or escapes. Made in
    a child, because the memory of whoever measures counts as the least that its children had.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.write(writing, json.dumps(_generate(path, megabytes, seed)).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        size, lines, distinct = json.loads(pipe.read())
    os.waitpid(child, 0)
    return size, lines, distinct


def _generate(path: str, megabytes: float, seed: int) -> tuple[int, int, int]:
    chance = random.Random(seed)
    vocabulary = words(chance, 20_000)
    recent: list[tuple[dict[str, str | float], bytes]] = []
    size = lines = distinct = 0
    with open(path, "wb") as out:
        while size < megabytes * 1e6:
            if recent and chance.random() < 0.2:
                sample, line = chance.choice(recent)
                if chance.random() < 0.5:
                    other = dict(reversed(sample.items())) | {"sample_id": f"{lines:032x}"}
                    line = json.dumps(other, ensure_ascii=chance.random() < 0.3).encode() + b"\n"
            else:
                distinct += 1
                make = chance.choices((prose, code, chinese), (65, 22, 13))[0]
                length = min(60_000, int(chance.lognormvariate(7.35, 0.75)))
                sample = {
                    "sample_id": f"{lines:032x}",
                    "instruction": prose(chance, vocabulary, chance.randint(20, 300)),
                    "input": prose(chance, vocabulary, 200) if chance.random() < 0.3 else "",
                    "output": make(chance, vocabulary, length),
                    "domain": "general",
                    "source": chance.choice(("codex", "claude")),
                    "timestamp": f"2026-01-{chance.randint(1, 28):02}T12:00:00Z",
                    "quality_score": round(chance.random(), 4),
                }
                line = json.dumps(sample, ensure_ascii=chance.random() < 0.05).encode() + b"\n"
                if len(recent) < 5000:
                    recent.append((sample, line))
                else:
                    recent[chance.randrange(5000)] = (sample, line)
            out.write(line)
            size += len(line)
            lines += 1
    return size, lines, distinct


def measure(argv: list[str], path: str, repeat: int) -> tuple[float, int]:
    """(CPU seconds, peak memory in MB) of a child that reads `path`: the best of some runs."""
    best, peak = float("inf"), 0
    for _ in range(repeat):
        child = os.fork()
        if not child:
            os.dup2(os.open(path, os.O_RDONLY), 0)
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 1)
            os.dup2(null, 2)
            os.execv(argv[0], argv)
        _, status, usage = os.wait4(child, 0)
        if status:
            raise SystemExit(f"{' '.join(argv)[:80]}: status {os.waitstatus_to_exitcode(status)}")
        best = min(best, usage.ru_utime + usage.ru_stime)
        scale = 1 << 20 if sys.platform == "darwin" else 1 << 10
        peak = max(peak, usage.ru_maxrss // scale)
    return best, peak


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
    data, out = os.path.join(folder, "data.jsonl"), os.path.join(folder, "out.jsonl")
    size, lines, distinct = generate(data, megabytes, seed)
    print(f"{size / 1e6:.0f} MB, {lines} lines of {size / lines:.0f} bytes, {distinct} distinct contents")
    me, peer, jq = sys.executable, os.environ.get("AFS_PEER_PYTHON"), shutil.which("jq")
    score, keep, dedupe = (os.path.join(BIN, f"afs-{name}") for name in ("score", "filter", "dedupe"))
    cases = {
        "orjson decode, write line": [me, "-c", PASS],
        "orjson decode, encode": [me, "-c", RECODE],
        "afs-filter": [me, keep, "-q"],
        "afs-filter --min-score": [me, keep, "-q", "--min-score", "0.5"],
        "afs-filter --where": [me, keep, "-q", "--where", ".quality_score >= 0.5"],
        "afs-score": [me, score, "-q"],
        "afs-dedupe": [me, dedupe, "-q"],
        "afs-dedupe -o": [me, dedupe, "-q", data, "-o", out],
        "afs-dedupe --keep last": [me, dedupe, "-q", "--keep", "last", data],
        "afs-dedupe --keep last, pipe": [me, dedupe, "-q", "--keep", "last"],
    }
    if jq:
        cases["jq -c ."] = [jq, "-c", "."]
        cases["jq -c select()"] = [jq, "-c", "select(.quality_score >= 0.5)"]
    if peer:
        os.environ["POLARS_MAX_THREADS"] = "1"
        cases["polars unique, keep first"] = [peer, "-c", POLARS, data, out, "first"]
        cases["polars unique, keep last"] = [peer, "-c", POLARS, data, out, "last"]
        cases["duckdb distinct on"] = [peer, "-c", DUCKDB, data, out]
    rate: dict[str, float] = {}
    heavy = 0
    print(f"\n{'':30} {'MB/CPU-s':>9} {'lines/CPU-s':>12} {'peak MB':>8}")
    for name, argv in cases.items():
        seconds, peak = measure(argv, data, repeat)
        rate[name] = size / seconds / 1e6
        most = 60 + 140e-6 * distinct if "dedupe" in name else 64 if name.startswith("afs-") else peak
        note = f"  over {most:.0f} MB" if peak > most else ""
        heavy += bool(note)
        print(f"{name:30} {rate[name]:9.1f} {lines / seconds:12.0f} {peak:8}{note}")
    return 3 if report(rate, lines / size * 1e6) or heavy else 0


def report(rate: dict[str, float], lines: float) -> int:
    """Print the ratios and their aims; how many are missed. `lines` are those of a MB."""
    aims = (
        ("afs-filter", "orjson decode, write line", 0.85),
        ("afs-filter", "jq -c .", 8),
        ("afs-filter --where", "jq -c select()", 0.75),
        ("afs-dedupe -o", "polars unique, keep first", 1.3),
        ("afs-dedupe -o", "duckdb distinct on", 1.3),
    )
    missed = 0
    print(f"\n{'':60} {'ratio':>7} {'aim':>6}")
    for ours, theirs, aim in aims:
        if theirs not in rate:
            print(f"{ours + ' / ' + theirs:60} {'absent':>7} {aim:6}")
            continue
        ratio = rate[ours] / rate[theirs]
        missed += ratio < aim
        print(f"{ours + ' / ' + theirs:60} {ratio:7.2f} {aim:6}{'  missed' if ratio < aim else ''}")
    speed = rate["afs-score"] * lines
    missed += speed < 7000
    print(f"{'afs-score, samples a CPU second':60} {speed:7.0f} {7000:6}{'  missed' if speed < 7000 else ''}")
    return missed


if __name__ == "__main__":
    sys.exit(main())
