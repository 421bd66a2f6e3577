#!/usr/bin/env python3
"""Measure what redaction finds, spares and costs on made-up agent logs, beside other scanners.

    python tests/bench/bench_redact.py [--seed N] [--records N] [--misses N [--of NAME]] [--kinds N]
                                       [--size MB] [--repeat N] [--no-peers] [--no-speed] [--json FILE]
                                       [--dir DIR]

The set is what redact_records.conversations makes, from a fresh seed unless one is given; redact_measure
says what counts as found. Clean code is that of the running Python, its standard library and packages, in
strings of 2 kB. Peers run where AFS_PEER_PYTHON (an interpreter that has them) or AFS_PEER_BIN (folders of
programs) finds them. With AFS_TEST_HOME set, the logs in that folder are timed too. Exits 3 when a figure
misses its aim.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING, Any

import redact_clean as clean
import redact_measure as measure
import redact_peers as peers
from redact_records import conversations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from redact_measure import Redact, Share, Verdict
    from redact_records import Conversation

ROOT = os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..")
# name -> (aim, whether more is better)
AIMS = {
    "secrets found %": (98.0, True),
    "personal data found %": (96.0, True),
    "decoys lost %": (0.5, False),
    "records refused": (0.0, False),
    "changed by a second pass": (0.0, False),
    "changed by another instance": (0.0, False),
    "untouched lines not as they were": (0.0, False),
    "false positives a MB": (1.0, False),
    "MB a CPU second": (20.0, True),
}


def ours() -> Redact:
    """This project's redactor, which sees a conversation whole. A record it refuses is not passed on."""
    from afs.redact import Redactor, Unclean

    redactor = Redactor()

    def redact(records: list[Any]) -> list[Any]:
        results = redactor.redact_all(records)
        return [None if isinstance(one, Unclean) else one.value for one in results]

    return redact


def totals(verdicts: Iterable[Verdict]) -> dict[str, float]:
    """The figures that every redactor is judged by."""
    verdicts = list(verdicts)
    by = measure.shares(verdicts, lambda one: one.label.group)
    nested = measure.shares((one for one in verdicts if one.label.depth), lambda one: one.label.group)
    none = measure.Share(0, 0)
    return {
        "secrets found %": by.get("secret", none).percent,
        "secrets in nested JSON found %": nested.get("secret", none).percent,
        "personal data found %": by.get("pii", none).percent,
        "kinds never missed %": measure.whole_kinds(verdicts).percent,
        "decoys lost %": 100 - by.get("decoy", none).percent,
    }


def steady(sets: list[Conversation], redact: Redact, folder: str | None) -> dict[str, float]:
    """Whether all is the same again: redacted twice, by another instance, and by the program."""
    another = ours()
    redacted = [redact(one.records) for one in sets]
    return {
        "records refused": sum(record is None for records in redacted for record in records),
        "changed by a second pass": sum(redact(records) != records for records in redacted),
        "changed by another instance": sum(
            another(one.records) != records for one, records in zip(sets[:300], redacted, strict=False)
        ),
        "untouched lines not as they were": _retouched(sets, folder),
    }


def _retouched(sets: list[Conversation], within: str | None) -> int:
    """Lines of the program that say what they said before, in other bytes, and lines that are missing."""
    lines = [json.dumps(record).encode() for one in sets for record in one.records]
    with tempfile.TemporaryDirectory(dir=within) as folder:
        path = os.path.join(folder, "in.jsonl")
        with open(path, "wb") as file:
            file.write(b"\n".join(lines) + b"\n")
        program = os.path.join(ROOT, "bin", "afs-redact")
        done = subprocess.run([sys.executable, program, "-q", path], stdout=subprocess.PIPE)
    out = done.stdout.split(b"\n")[:-1]
    if len(out) != len(lines):
        return abs(len(out) - len(lines))
    return sum(a != b and json.loads(a) == json.loads(b) for a, b in zip(lines, out, strict=True))


def by_table(verdicts: list[Verdict]) -> dict[str, dict[str, Share]]:
    found = [one for one in verdicts if one.label.group != "decoy"]
    decoys = [one for one in verdicts if one.label.group == "decoy"]
    depths = ("plain", "nested", "twice nested")
    sides: dict[str, tuple[list[Verdict], Callable[[Verdict], str]]] = {
        "kind, worst first": (found, lambda one: one.label.kind),
        "written as": (found, lambda one: one.label.style),
        "passed through": (found, lambda one: one.label.wrap),
        "JSON in JSON": (found, lambda one: f"{one.label.group}, {depths[one.label.depth]}"),
        "decoy, worst first": (decoys, lambda one: one.label.kind),
    }
    return {title: measure.shares(some, by) for title, (some, by) in sides.items()}


def show(verdicts: list[Verdict], count: int, sets: list[Conversation]) -> None:
    """Misses, with what was left of them, and decoys lost. The data is made up, so it may be shown."""
    wrong = [one for one in verdicts if not one.right]
    for one in random.Random(0).sample(wrong, min(count, len(wrong))):
        label = one.label
        text = "\n".join(measure.strings(sets[one.conversation].records[label.record]))
        part = label.planted.split("\n")[0]
        at = next((text.find(form) for form in measure.forms(part) if form in text), 0)
        what = f"left {one.left!r}" if label.group != "decoy" else "altered"
        print(f"\n{label.group} {label.kind} [{label.style}, {label.wrap}, depth {label.depth}] {what}")
        print(f"    {text[max(0, at - 110) : at + len(part) + 40]!r}"[:420])


def peers_beside(sets: list[Conversation], texts: list[str]) -> dict[str, dict[str, float]]:
    """The same figures of the peers that are installed, printed as they come."""
    out: dict[str, dict[str, float]] = {}
    for name, scan in peers.found().items():
        if not out:
            titles = ("secrets %", "nested %", "personal %", "kinds %", "lost %", "false/MB", "MB/CPU s")
            print(f"\n{'peer':16}" + "".join(f"{title:>11}" for title in titles))
        try:
            done = peers.run(scan, sets, texts[:: peers.SLOW.get(name, 1)], clean.personal)
        except (OSError, ValueError, LookupError) as error:
            print(f"{name:16} could not be run: {error}", flush=True)
            continue
        verdicts = [one for at, each in enumerate(sets) for one in measure.judge(each, done.redacted[at], at)]
        speed = {"false positives a MB": done.false, "MB a CPU second": done.speed}
        out[name] = totals(verdicts) | speed
        print(f"{name:16}" + "".join(f"{value:11.2f}" for value in out[name].values()), flush=True)
    return out


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seed", type=int, help="default: a fresh one, which is printed")
    parser.add_argument("--records", type=int, default=6000)
    parser.add_argument("--misses", type=int, default=0, metavar="N", help="print N misses and lost decoys")
    parser.add_argument("--of", metavar="NAME", help="print misses of that kind, group or style alone")
    parser.add_argument("--kinds", type=int, default=25, metavar="N", help="print the N worst kinds")
    parser.add_argument("--size", type=float, default=8, metavar="MB", help="clean code to read")
    parser.add_argument("--repeat", type=int, default=2, metavar="N", help="the best of N times counts")
    parser.add_argument("--dir", help="where the data for the program goes (a folder that is removed)")
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--no-speed", action="store_true", help="leave the clean code and the real logs out")
    parser.add_argument("--json", metavar="FILE", help="write all figures there")
    args = parser.parse_args()
    seed = args.seed if args.seed is not None else random.SystemRandom().randrange(1_000_000)
    sets = list(conversations(seed, args.records))
    redact = ours()
    verdicts = measure.measure(sets, redact)
    kinds = {
        group: {one.label.kind for one in verdicts if one.label.group == group} for group in measure.GROUPS
    }
    counts = ", ".join(f"{len(names)} kinds of {group}" for group, names in kinds.items())
    print(f"seed {seed}: {args.records} records, {len(sets)} conversations, {len(verdicts)} labels; {counts}")
    show([one for one in verdicts if args.of in (None, *one.label[:2], one.label.style)], args.misses, sets)
    tables = by_table(verdicts)
    for title, rows in tables.items():
        print(f"\n{title:34} {'right %':>8} {'of':>6}")
        for name, share in list(rows.items())[: args.kinds if "worst" in title else None]:
            print(f"{name:34} {share.percent:8.1f} {share.all:6}")
    figures = totals(verdicts) | steady(sets, redact, args.dir)
    texts = [] if args.no_speed and args.no_peers else clean.chunks(args.size)
    if not args.no_speed:
        figures |= clean.measure(texts, args.repeat)
    print(f"\n{'':34} {'value':>8} {'aim':>6}")
    missed = 0
    for name, value in figures.items():
        aim, more = AIMS.get(name, (None, True))
        bad = aim is not None and (value < aim if more else value > aim)
        missed += bad
        print(f"{name:34} {value:8.2f} {'' if aim is None else aim:>6}{'  missed' if bad else ''}")
    beside = {} if args.no_peers else peers_beside(sets, texts)
    if args.json:
        shown = {title: {name: row._asdict() for name, row in rows.items()} for title, rows in tables.items()}
        with open(args.json, "w", encoding="utf-8") as out:
            json.dump({"seed": seed, "figures": figures, "peers": beside, "tables": shown}, out, indent=1)
    return 3 if missed else 0


if __name__ == "__main__":
    sys.path.insert(0, os.path.join(ROOT, "lib"))
    sys.exit(main())
