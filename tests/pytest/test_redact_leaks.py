"""Nothing that a run of afs-redact or an exporter writes or says holds a secret or eight characters of one.

Secrets of many kinds stand in every place of the input. The command runs in a folder of its own, which is its
home, its place for temporary files and its cache; then every byte in there is searched, and what it said.
"""

from __future__ import annotations

import base64
import json
import os
import pty
import random
import re
import resource
import select
import signal
import subprocess
import sys
import urllib.parse

import pytest
from afs.redact.rules import joined
from conftest import ROOT, environment

KEY = "".join(random.Random(7).choices("abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789", k=64))
# Each with how it stands in a text; what is searched for is the secret alone.
CANARIES = {
    "github": (joined(["ghp_", "<b62*36>"])[4:], "see ghp_{} there"),
    "gitlab": (joined(["<url64*20>"]).replace("-", "x"), "glpat-{}"),
    "aws": (joined(["<b32*16>"]), "AKIA{} is the id"),
    "password": ("Tr0ub" + "4dor&3xQ", "DB_PASSWORD={} ok"),
    "url": ("Zk8rVq" + "3nLw5T", "postgres://app:{}@db.corp-mail.com/app"),
    "bearer": (joined(["<b62*32>"])[::-1], "Authorization: Bearer {}"),
    "key": (KEY, "-----BEGIN PRIVATE " + "KEY-----\n{}\n-----END PRIVATE " + "KEY-----"),
    "email": ("quentin.zimmer" + "@" + "corp-mail.com", "write to {} please"),
    "home": ("quzimmerle7", "cd /home/{}/src"),
    "card": ("4539" + "1488" + "0343" + "6467", "paid with {} today"),
    "known": ("plum-Q7uark" + "-lamp-9", "{}"),
    "variable": ("Vx7" + "kQ9zR2mT5pW", "{}"),
}
ALL = " ; ".join(shape.format(secret) for secret, shape in CANARIES.values())


def windows():
    """Every eight characters of a secret, plain, percent-encoded and in base64, as bytes."""
    out = set()
    for secret, _ in CANARIES.values():
        forms = [secret, urllib.parse.quote(secret, safe="")]
        for shift in range(3):
            text = base64.b64encode(b"\0" * shift + secret.encode()).decode()
            forms.append(text[(0, 2, 3)[shift] : (shift + len(secret)) * 8 // 6])
        out |= {form[at : at + 8].encode() for form in forms for at in range(len(form) - 7)}
    # What placeholders and messages hold anyhow.
    return sorted(out - {each for each in out if each in b"@corp-mail.com"})


WINDOWS = re.compile(b"|".join(map(re.escape, windows())))


def found(data):
    return sorted({match[0] for match in WINDOWS.finditer(data)})


def test_the_search_sees_a_part_of_every_secret():
    for secret, _ in CANARIES.values():
        assert found(secret[2:10].encode()) and not found(secret[:7].encode())
        assert found(base64.b64encode(f"x {secret}".encode()))


def records():
    """Lines of JSON with secrets everywhere, and lines that are none."""
    fields = ["id", "source", "input", "output", "thinking", "model", "project", "timestamp"]
    yield from (
        {name: shape.format(secret), "n": 1} for name in fields for secret, shape in CANARIES.values()
    )
    yield {"output": ALL, "_metadata": {"group": "g", "redactions": [ALL], "path": ALL}}
    yield {
        "_metadata": {"group": "g", "redactions": {ALL: 1}},
        "messages": [{"role": "user", "content": ALL}],
    }
    yield {"a": {"b": [ALL, {"c": json.dumps({"d": json.dumps(ALL)})}]}}
    yield {shape.format(secret): shape.format(secret) for secret, shape in CANARIES.values()}
    yield {
        "card": int(CANARIES["card"][0]),
        "b": [base64.b64encode(ALL.encode()).decode(), urllib.parse.quote(ALL)],
    }
    yield from ({"delta": {"text": part}} for part in re.findall(".{1,9}", ALL, re.S))
    yield {"clean": "nothing"}


def bad_lines():
    text = json.dumps(ALL)
    yield '{"a":' + text[:-1]
    yield '{"a":' + text + "} " + text
    yield ALL.replace("\n", " ")
    yield "[" + text + "]"
    yield text
    yield '{"a":NaN,"b":' + text + "}"
    yield '{"a":123456789012345678901234567890,"b":' + text + "}"
    yield '{"a":1,"a":' + text + ',"a":2}'
    yield '{"a":' + "[" * 3000 + text + "]" * 3000 + "}"
    yield '{"a":' + "[" * 400 + text + "]" * 400 + "}"
    yield '{"x":' + text + ',"a":"' + "long " * 6000 + '"}'  # over --max-record
    yield '{"\udcff":' + text + "}"
    yield '{"a":"\\ud800' + text[1:] + "}"
    yield '{"torn":' + text[: len(text) // 2]


class Box:
    """A folder that is all that a command can write to. Inputs stand beside it."""

    def __init__(self, folder):
        self.folder, self.inside = folder, folder / "box"
        for name in ("home", "tmp", "cache", "work"):
            (self.inside / name).mkdir(parents=True)
        self.env = environment(
            self.inside / "home",
            TMPDIR=str(self.inside / "tmp"),
            XDG_CACHE_HOME=str(self.inside / "cache"),
            DEPLOY_TOKEN=CANARIES["variable"][0],
            AFS_ACCEL="0",
        )
        self.work = self.inside / "work"
        self.lines = folder / "in.jsonl"
        rows = [json.dumps(row) for row in records()]
        bad = list(bad_lines())
        self.lines.write_bytes(self._bytes([*rows[:40], *bad[:-1], *rows[40:], bad[-1]]))
        self.fine = folder / "fine.jsonl"
        self.fine.write_bytes(self._bytes(rows) + b"\n")
        self.text = folder / "in.txt"
        self.text.write_bytes(self._bytes([ALL, "\udcff" + ALL, "", "nothing"]))
        self.known = folder / "known.txt"
        self.known.write_text(CANARIES["known"][0] + "\nTOOL_KEY\t" + CANARIES["variable"][0] + "\n")

    @staticmethod
    def _bytes(lines):
        return "\n".join(lines).encode("utf-8", "surrogateescape")

    def command(self, *args, name="afs-redact"):
        return [sys.executable, "-B", str(ROOT / "bin" / name), *map(str, args)]

    def run(self, *args, name="afs-redact", **more):
        """(status, all that the command wrote or said)."""
        done = subprocess.run(
            self.command(*args, name=name),
            cwd=self.work,
            env=self.env,
            capture_output=True,
            timeout=120,
            **{"stdin": subprocess.DEVNULL, **more},
        )
        return done.returncode, done.stdout + b"\n" + done.stderr + b"\n" + self.left()

    def left(self):
        """The bytes and names of all files in the box."""
        data = []
        for folder, _, names in os.walk(self.inside):
            for each in names:
                path = os.path.join(folder, each)
                data.append(os.fsencode(each) + b"\n")
                with open(path, "rb") as file:
                    data.append(file.read() + b"\n")
        return b"".join(data)

    def fault(self, patch):
        """Let the command run with a few lines of Python done before it begins."""
        folder = self.folder / "faults"
        folder.mkdir(exist_ok=True)
        code = f"import os, signal, sys\nsys.path.insert(0, {str(ROOT / 'lib')!r})\n{patch}\n"
        (folder / "sitecustomize.py").write_text(code)
        self.env["PYTHONPATH"] = str(folder)


@pytest.fixture
def box(tmp_path):
    return Box(tmp_path)


# --- every mode -------------------------------------------------------------------------------------

OUTPUTS = ["-o", "o.jsonl", "--rejects", "r.jsonl", "--summary", "s.json", "--findings", "f.jsonl"]
MODES = {
    "plain": [],
    "check": ["--check"],
    "check with files": ["--check", "--findings", "f.jsonl", "--rejects", "r.jsonl", "--summary", "s.json"],
    "every file": OUTPUTS,
    "rejects to standard error": ["--rejects", "/dev/stderr"],
    "strict": ["--strict"],
    "little memory": ["--memory", "2k", *OUTPUTS],
    "small records": ["--max-record", "300", *OUTPUTS],
    "without a rule": ["--without", "mac", *OUTPUTS],
    "max-reject": ["--rejects", "r.jsonl", "--max-reject", "0.01"],
    "compressed": ["-o", "o.jsonl.zst", "--summary", "s.json"],
    "quiet": ["-q"],
}


@pytest.mark.parametrize("mode", MODES)
def test_no_mode_lets_a_secret_out(box, mode):
    args = ["--max-record", "20k", *MODES[mode]] if mode != "small records" else MODES[mode]
    status, data = box.run("--known", box.known, *args, box.lines)
    asked = mode in ("max-reject", "check with files")
    assert status in ((0,) if "--rejects" in args and not asked else (1, 3))
    assert found(data) == []
    assert b"Traceback" not in data


@pytest.mark.parametrize("mode", ["plain", "check", "every file", "little memory"])
def test_plain_text_lets_no_secret_out(box, mode):
    status, data = box.run("--known", box.known, "--text", *MODES[mode], box.text)
    assert status == (3 if mode == "check" else 0)
    assert found(data) == []
    assert mode == "check" or b"REDACTED_" in data


def test_standard_input_and_the_environment(box):
    with box.fine.open("rb") as source:
        status, data = box.run("--known", "auto", "--known", box.known, *OUTPUTS, stdin=source)
    assert status == 0 and found(data) == [] and b"REDACTED_" in data


def test_a_whole_folder_is_searched_and_shows_nothing(box):
    folder = box.folder / "logs"
    (folder / "inner").mkdir(parents=True)
    for source in (box.lines, box.text, box.fine):
        (folder / "inner" / source.name).write_bytes(source.read_bytes())
    (folder / "one.json").write_text(json.dumps({"a": [ALL]}))
    (folder / "broken.json").write_text('{"a": "' + ALL)
    (folder / "zero.bin").write_bytes(b"\0\xff" + ALL.encode() + b"\0")
    args = ["--check", "--findings", "f.jsonl", "--summary", "s.json", "--rejects", "r.jsonl"]
    status, data = box.run("--known", box.known, *args, "--max-record", "20k", "--root", folder)
    assert status in (1, 3) and found(data) == [] and b"one.json" in data and b"zero.bin" in data


BAD_RULES = {
    "no TOML": '[[rule]\nid = "{}"',
    "a pattern": "[[rule]]\nid = 'bad'\ntype = 'BAD'\nlevel = 2\nanchors = ['x']\nre = '({}'",
    "a type": "[[rule]]\nid = 'bad'\ntype = '{}'\nlevel = 1\nstarts = ['x']\nthen = 'x'",
    "keep": "[[rule]]\nid = 'bad'\ntype = 'BAD'\nlevel = 1\nstarts = ['x']\nthen = 'x'\nkeep = ['{}']",
}


@pytest.mark.parametrize("fault", BAD_RULES)
def test_a_rule_file_that_cannot_be_used_is_not_quoted(box, fault):
    path = box.folder / "rules.toml"
    path.write_text(BAD_RULES[fault].format(KEY))
    status, data = box.run("--rules", path, box.fine)
    assert status == 2 and found(data) == [] and b"rules.toml" in data and b"Traceback" not in data


def test_a_rule_is_listed_without_its_pattern(box):
    path = box.folder / "rules.toml"
    path.write_text(
        f"[[rule]]\nid = 'mine'\ntype = 'MINE'\nlevel = 1\nstarts = ['{KEY[:9]}']\nthen = '{KEY[9:]}'\n"
    )
    status, data = box.run("--rules", path, "--list-rules")
    assert status == 0 and found(data) == [] and b"mine\tMINE" in data
    status, data = box.run("--rules", path, "--known", box.known, *OUTPUTS, box.fine)
    assert status == 0 and found(data) == []


def test_a_known_file_that_cannot_be_used_is_not_quoted(box):
    for text in (
        b"ab\n",
        b"\xff" + KEY.encode(),
        b"GOOD\t\n" + KEY[:2].encode(),
        b"x" * 3 + b"\0" + KEY.encode(),
    ):
        path = box.folder / "bad-known.txt"
        path.write_bytes(text + b"\n" + KEY.encode() + b"\n")
        status, data = box.run("--known", path, box.fine, "-o", "o.jsonl")
        assert status in (0, 2) and found(data) == [] and b"Traceback" not in data


# --- faults -----------------------------------------------------------------------------------------

# What is patched, and how its first argument that is a text gets into the exception.
PLACES = {
    "the scanner": "afs.redact.search.scan Scanner.look",
    "the sweep": "afs.redact.search.scan sweep",
    "what is known": "afs.redact.sticky Held.find",
    "what learns": "afs.redact.sticky Held.learn",
    "the placeholders": "afs.redact.placeholders Placeholders.of",
    "the rewriting": "afs.redact.record put",
    "the shape": "afs.redact.record rebuild",
    "the encoder": "afs.jsonl encode",
    "the second reading": "afs.redact.lines whole",
    "the note": "afs.redact.lines note",
    "the findings": "afs.redact.findings pointers",
    "the report": "afs.redact.report Report._tell",
    "the batches": "afs.redact.stream _group",
    "the rejects": "afs.run Run.reject_at",
    "the output": "afs.output Output.write",
    "the summary": "afs.run Run.summary",
}
RAISING = """
import importlib
place, kind, after = {place!r}, {kind}, {after}
module, _, name = place.partition(" ")
owner = importlib.import_module(module)
*outer, name = name.split(".")
for each in outer:
    owner = getattr(owner, each)
before, calls = getattr(owner, name), [0]
def raising(*args, **more):
    calls[0] += 1
    if calls[0] > after:
        raise kind(repr((args, more)) + {text!r})
    return before(*args, **more)
setattr(owner, name, raising)
"""


FAULTS = [*((place, "KeyError") for place in PLACES), ("the scanner", "RecursionError")]
FAULTS += [("the findings", "OSError"), ("the batches", "MemoryError"), ("the encoder", "ValueError")]


@pytest.mark.parametrize(("place", "kind"), FAULTS)
def test_no_fault_shows_a_secret(box, place, kind):
    box.fault(
        RAISING.format(place=PLACES[place], kind=kind, after=0 if place == "the summary" else 3, text=ALL)
    )
    status, data = box.run("--known", box.known, *OUTPUTS, "--max-record", "20k", box.lines)
    assert found(data) == []
    if place not in ("the second reading", "the sweep"):
        assert status != 0 or b'"unclean"' in data


def test_a_rule_that_is_never_satisfied_shows_nothing(box):
    path = box.folder / "rules.toml"
    path.write_text(
        "[[rule]]\nid = 'endless'\ntype = 'ENDLESS'\nlevel = 2\n"
        "anchors = ['e']\nre = 'e(?P<s>.)'\nkeep = ['e{n}']\n"
    )
    status, data = box.run("--rules", path, "--known", box.known, *OUTPUTS, "--max-record", "20k", box.lines)
    assert status == 0 and found(data) == [] and b'"unclean"' in data


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGKILL", "SIGABRT"])
@pytest.mark.parametrize("place", ["Scanner.look", "Redactor._rewritten"])
def test_a_run_cut_short_leaves_nothing(box, name, place):
    module, (owner, method) = {"S": "search.scan", "R": "record"}[place[0]], place.split(".")
    box.fault(
        f"from afs.redact.{module} import {owner}\nbefore, calls = {owner}.{method}, [0]\n"
        "def deadly(*args):\n    calls[0] += 1\n"
        f"    if calls[0] == 60:\n        os.kill(os.getpid(), signal.{name})\n    return before(*args)\n"
        f"{owner}.{method} = deadly\n"
    )
    box.env["PYTHONFAULTHANDLER"] = "1"
    status, data = box.run("--known", box.known, "-o", "o.jsonl", "--findings", "f.jsonl", box.fine)
    assert status == (130 if name in ("SIGINT", "SIGTERM", "SIGHUP") else -getattr(signal, name))
    assert found(data) == []


def test_outputs_that_fail_leave_nothing(box):
    big = box.folder / "big.jsonl"
    big.write_bytes(box.fine.read_bytes() * 30)

    def small():
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

    status, data = box.run("--known", box.known, *OUTPUTS, big, preexec_fn=small)
    assert status == 1 and found(data) == []
    with open("/dev/full", "wb") as full:
        said = subprocess.run(
            box.command(big), cwd=box.work, env=box.env, stdout=full, stderr=subprocess.PIPE, timeout=60
        )
    assert said.returncode == 1 and found(said.stderr + box.left()) == []
    status, data = box.run("--known", box.known, big, preexec_fn=lambda: os.close(1))
    assert status != 0 and found(data) == []


def test_a_reader_that_goes_away_hears_nothing(box):
    big = box.folder / "big.jsonl"
    big.write_bytes(box.fine.read_bytes() * 30)
    child = subprocess.Popen(
        box.command("--known", box.known, big),
        cwd=box.work,
        env=box.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    head = child.stdout.read(2000)
    child.stdout.close()
    said = child.stderr.read()
    child.stderr.close()
    assert child.wait(60) == 141 and found(head + said + box.left()) == []


def on_terminal(box, *args):
    """(status, all that a command says on a terminal of its own)."""
    mine, theirs = pty.openpty()
    child = subprocess.Popen(
        box.command(*args), cwd=box.work, env=box.env, stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    data = b""
    while select.select([mine], [], [], 60)[0]:
        try:
            part = os.read(mine, 1 << 16)
        except OSError:  # all of them are closed
            break
        if not part:
            break
        data += part
    os.close(mine)
    return child.wait(60), data


def test_a_terminal_is_told_nothing(box):
    # A clock that runs fast brings the progress bar up at once.
    box.fault("import time\nreal = time.perf_counter\ntime.perf_counter = lambda: real() * 10_000\n")
    for args in ([], ["--check"], ["-o", "o.jsonl"]):
        status, data = on_terminal(box, "--known", box.known, *args, "--max-record", "20k", box.lines)
        assert status in (1, 3) and found(data + box.left()) == []
        assert b"B/s" in data or b"it/s" in data or b"afs-redact:" in data


def test_the_cache_of_hyperscan_holds_nothing(box):
    pytest.importorskip("hyperscan")
    del box.env["AFS_ACCEL"]
    big = box.folder / "big.jsonl"
    big.write_bytes(b'{"a":"%s"}\n' % (b"some words of no use " * 20_000) + box.fine.read_bytes())
    status, data = box.run("--known", "auto", "--known", box.known, "-o", "o.jsonl", big)
    assert status == 0 and list((box.inside / "cache" / "afs").iterdir())
    assert found(data) == []


# --- exporters --------------------------------------------------------------------------------------

EXPORTED = ["-o", "o.jsonl", "--summary", "s.json", "--account", "a.jsonl", "--rejects", "r.jsonl"]


@pytest.fixture
def home(box):
    """A home whose every field holds secrets."""
    folder = box.folder / "h" / ".codex" / "sessions" / "2026" / "03" / "01"
    folder.mkdir(parents=True)

    def item(second, **payload):
        return {
            "timestamp": f"2026-03-01T10:00:{second:02}.000Z",
            "type": "response_item",
            "payload": payload,
        }

    meta = dict.fromkeys(("timestamp", "cwd", "cli_version", "originator", "source", "instructions"), ALL)
    rows = [
        {
            "timestamp": ALL,
            "type": "session_meta",
            "payload": {"id": "019ca000-0000-7000-8000-000000000001", **meta},
        },
        {"timestamp": ALL, "type": "turn_context", "payload": {"model": ALL, "cwd": ALL, "summary": ALL}},
        {"timestamp": ALL, "type": ALL, "payload": {"type": ALL, ALL: ALL}},
        item(1, type="message", role="user", content=[{"type": "input_text", "text": ALL}]),
        item(2, type="reasoning", summary=[{"type": "summary_text", "text": ALL}]),
        item(3, type="function_call", name=ALL, arguments=json.dumps({ALL: ALL}), call_id=ALL),
        item(4, type="function_call_output", call_id=ALL, output=ALL),
        item(5, type="message", role=ALL, content=[{"type": ALL, "text": ALL}]),
        item(6, type="message", role="assistant", content=[{"type": "output_text", "text": f"It is {ALL}."}]),
    ]
    name = "rollout-2026-03-01T10-00-00-019ca000-0000-7000-8000-000000000001.jsonl"
    lines = [*map(json.dumps, rows), *bad_lines()]
    (folder / name).write_bytes(box._bytes(lines))
    return box.folder / "h"


@pytest.mark.parametrize("options", [[], ["--no-tools"], ["--unit", "conversation"]], ids=" ".join)
def test_an_exporter_lets_no_secret_out(box, home, options):
    status, data = box.run("--home", home, "--known", box.known, *EXPORTED, *options, name="afs-export-codex")
    assert status == 0 and found(data) == [] and b"REDACTED_" in data


EXPORT_PLACES = {
    "the scanner": "afs.redact.search.scan Scanner.look",
    "the redactor": "afs.redact.record Redactor.redact_all",
    "what learns": "afs.redact.sticky Held.learn",
    "the placeholders": "afs.redact.placeholders Placeholders.of",
    "the reader": "afs.jsonl decode",
    "the sample": "afs.sample make",
    "the check": "afs.sample check",
    "the output": "afs.output Output.write",
}


@pytest.mark.parametrize("place", EXPORT_PLACES)
def test_no_fault_of_an_exporter_shows_a_secret(box, home, place):
    box.fault(RAISING.format(place=EXPORT_PLACES[place], kind="KeyError", after=0, text=ALL))
    _, data = box.run("--home", home, "--known", box.known, *EXPORTED, name="afs-export-codex")
    assert found(data) == []


def test_an_exporter_that_is_killed_leaves_nothing(box, home):
    box.fault(
        "from afs.redact.search.scan import Scanner\nbefore, calls = Scanner.look, [0]\n"
        "def deadly(*args):\n    calls[0] += 1\n    if calls[0] == 9:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n    return before(*args)\nScanner.look = deadly\n"
    )
    status, data = box.run("--home", home, "--known", box.known, *EXPORTED, name="afs-export-codex")
    assert status == -signal.SIGKILL and found(data) == []
