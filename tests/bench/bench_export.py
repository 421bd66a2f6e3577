#!/usr/bin/env python3
"""Measure the exporters of Codex and Claude Code on a large home, beside dataclaw.

    AFS_TEST_HOME=DIR python tests/bench/bench_export.py [--size 200] [--repeat 3] [--whole 1000] [--dir DIR]

Copies the logs of the home that AFS_TEST_HOME names, each copy with ids of its own, until there are --size
MB of each agent; of --whole MB the peak memory is taken too. Prints MB of log per second of user and system
time (the best of --repeat runs), peak memory, and how many human turns each program recovers. dataclaw is
looked for beside AFS_PEER_PYTHON; it always redacts, so ours is shown with redaction too. Copies repeat
texts, which a redactor remembers: bench_redact.py measures redaction.
Exits 3 when a figure misses its aim.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
import tempfile

from bench_curate import BIN, measure

UUID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{8}([0-9a-f]{4})")
IDS = re.compile(rb'"(?:msg|req|toolu|call|rs|fc)_[A-Za-z0-9]+')
PARTS = {"codex": ".codex/sessions", "claude": ".claude/projects"}


def grown(home: str, out: str, agent: str, megabytes: float) -> int:
    """Bytes of logs under `out`: copies of those of one agent, each with ids of its own."""
    top = os.path.join(home, PARTS[agent])
    logs = sorted(
        os.path.join(folder, name) for folder, _, names in os.walk(top) for name in names if ".jsonl" in name
    )
    if not logs:
        sys.exit(f"{top}: no logs; name a home with AFS_TEST_HOME")
    total, number = 0, 0
    while total < megabytes * 1e6:
        mark = f"{number:04x}".encode()

        def renamed(match: re.Match[bytes], mark: bytes = mark) -> bytes:
            return match[0][:-4] + bytes(f"{int(match[1], 16) ^ int(mark, 16):04x}", "ascii")

        for path in logs:
            with open(path, "rb") as file:
                data = IDS.sub(rb"\g<0>" + mark, UUID.sub(renamed, file.read()))
            place = os.path.relpath(path, home)
            if agent == "claude":  # a family of sessions a folder
                head, name = os.path.split(place)
                place = os.path.join(f"{head}-{number}", name)
            place = UUID.sub(renamed, place.encode()).decode()
            target = os.path.join(out, place)
            os.makedirs(os.path.dirname(target), exist_ok=True)
            with open(target, "wb") as file:
                file.write(data)
            total += len(data)
            if total >= megabytes * 1e6:
                break
        number += 1
    return total


def turns(path: str) -> tuple[int, int]:
    """(samples or sessions, user messages) of an export."""
    rows = users = 0
    with open(path, "rb") as file:
        for line in file:
            rows += 1
            users += sum(message["role"] == "user" for message in json.loads(line)["messages"])
    return rows, users


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=float, default=200, help="MB of logs of each agent (200)")
    parser.add_argument("--whole", type=float, default=1000, help="MB of logs for the peak memory (1000)")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--dir", help="where to put the logs (a temporary folder)")
    args = parser.parse_args()
    home = os.environ.get("AFS_TEST_HOME", "")
    if not home:
        print("AFS_TEST_HOME names no home: exporters are not measured")
        return 0
    peer = os.path.join(os.path.dirname(os.environ.get("AFS_PEER_PYTHON", "")), "dataclaw")
    work = tempfile.mkdtemp(dir=args.dir)
    missed = 0
    try:
        for agent in PARTS:
            missed += _agent(agent, args, home, work, peer if os.access(peer, os.X_OK) else "")
    finally:
        shutil.rmtree(work)
    return 3 if missed else 0


def row(name: str, size: float, seconds: float, peak: float, rest: str) -> None:
    print(f"{name:34} {size:6.0f} MB {size / seconds:7.1f} MB/CPU s {peak:6.0f} MB peak {rest}", flush=True)


def _agent(agent: str, args: argparse.Namespace, home: str, work: str, peer: str) -> int:
    logs, own = os.path.join(work, agent), os.environ["HOME"]
    size = grown(home, logs, agent, args.size) / 1e6
    ours = [sys.executable, os.path.join(BIN, f"afs-export-{agent}"), "-q", "--home", logs]
    out = os.path.join(work, "out.jsonl")
    cases = {
        f"afs-export-{agent} --no-redact": [*ours, "--no-redact", "-o", out],
        f"afs-export-{agent}": [*ours, "-o", out],
    }
    if peer:
        cases["dataclaw"] = [peer, "export", "--no-push", "--source", agent, "--all-projects", "-o", out]
    rates: dict[str, float] = {}
    missed = 0
    for name, argv in cases.items():
        os.environ["HOME"] = logs if name == "dataclaw" else own
        seconds, peak = measure(argv, os.devnull, args.repeat)
        rows, users = turns(out)
        rates[name] = size / seconds
        row(name, size, seconds, peak, f"{rows:7} rows {users:7} user messages")
        os.unlink(out)
    os.environ["HOME"] = own
    first = rates[f"afs-export-{agent} --no-redact"]
    missed += first < 60
    if peer:
        both = rates[f"afs-export-{agent}"] / rates["dataclaw"]
        print(f"{'ratio to dataclaw':34} {first / rates['dataclaw']:.1f} (aim 3), both redacting {both:.1f}")
        missed += first < 3 * rates["dataclaw"]
    if args.whole > args.size:
        size = grown(home, logs, agent, args.whole) / 1e6
        seconds, peak = measure([*ours, "--no-redact", "-o", out], os.devnull, 1)
        row(f"afs-export-{agent} --no-redact", size, seconds, peak, "(aim 150)")
        missed += peak > 150
    return missed


if __name__ == "__main__":
    sys.exit(main())
