"""Exports in this process, of rollouts that are written for a test."""

from __future__ import annotations

import json

from afs import cli
from afs.logs import codex, export

IDS = [f"00000000-0000-4000-8000-{number:012d}" for number in range(10)]


def rollout(home, number, *turns, cwd="/home/kit/src/app", tail=""):
    """A rollout file whose turns are lists of strings: the question, then what the agent did."""
    rows = [{"type": "session_meta", "payload": {"id": IDS[number], "cwd": cwd, "cli_version": "0.40.0"}}]
    rows.append({"type": "turn_context", "payload": {"model": "m-1"}})
    for question, *work in turns:
        rows.append(item("message", role="user", content=[{"type": "input_text", "text": question}]))
        for at, step in enumerate(work):
            call = f"c{len(rows)}-{at}"
            if step.startswith("$ "):
                rows.append(
                    item("function_call", name="shell", arguments=json.dumps({"cmd": step[2:]}), call_id=call)
                )
                rows.append(item("function_call_output", call_id=call, output=f"output of {step[2:]}"))
            elif step.startswith("? "):
                rows.append(item("reasoning", summary=[{"type": "summary_text", "text": step[2:]}]))
            else:
                rows.append(
                    item("message", role="assistant", content=[{"type": "output_text", "text": step}])
                )
    folder = home / ".codex" / "sessions" / "2025" / "11" / f"{number:02d}"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"rollout-2025-11-{number:02d}T00-00-00-{IDS[number]}.jsonl"
    stamp = {"timestamp": f"2025-11-0{number}T00:00:00.000Z"}
    path.write_text("".join(json.dumps(stamp | row) + "\n" for row in rows) + tail, encoding="utf-8")
    return path


def item(kind, **fields):
    return {"type": "response_item", "payload": {"type": kind, **fields}}


def run(tmp_path, *argv, source=codex, redact=False):
    """(status, samples, summary, account) of an export into files."""
    parser = cli.parser("afs-export-x - test\n", "output rejects summary strict limit config")
    export.add_options(parser)
    out, counts, account = (tmp_path / name for name in ("out.jsonl", "counts.json", "account.jsonl"))
    options = ["-q", "-o", str(out), "--summary", str(counts), "--account", str(account)]
    args = parser.parse_args([*options, *([] if redact else ["--no-redact"]), *map(str, argv)])
    with cli.Run(args, private=True) as running:
        export.export(running, source)
    read = [[json.loads(line) for line in path.read_text().splitlines()] for path in (out, account)]
    return running.status, read[0], json.loads(counts.read_text()), read[1]
