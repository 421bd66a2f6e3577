"""Clean code: what is altered in it, and how fast it is read."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import sysconfig
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from afs.redact import Redactor

CHUNK = 2000
_ENDS = (".py", ".pyi", ".js", ".json", ".md", ".txt", ".toml", ".c", ".h", ".html", ".css", ".rst", ".cfg")
# What may be personal data in code that is public: not counted, whoever takes it.
_PERSONAL = re.compile(
    r"""
    [^\s@]+@[^\s@]+ | [0-9]{1,3}(?:\.[0-9]{1,3}){3} | (?=.*[0-9])[+()0-9\ .-]{7,}
    | (?=.*:)[0-9A-Fa-f:.%/-]{6,}
    """,
    re.VERBOSE,
)


def personal(text: str) -> bool:
    """Whether a text looks like an e-mail address, an IP address or a phone number."""
    return _PERSONAL.fullmatch(text) is not None


def files() -> list[str]:
    """The files of the standard library and of the packages of this Python, shuffled by a fixed seed.

    In a virtual environment the packages of the Python that it was made from are left out.
    """
    found = set()
    for root in {sysconfig.get_path("stdlib"), sysconfig.get_path("purelib")}:
        for folder, inner, names in os.walk(root):
            inner[:] = [name for name in inner if name not in ("site-packages", "dist-packages")]
            found |= {os.path.join(folder, name) for name in names if name.endswith(_ENDS)}
    out = sorted(found)
    random.Random(1).shuffle(out)
    return out


def chunks(megabytes: float) -> list[str]:
    """About so much code in strings of 2 kB; no file gives more than 300 kB."""
    out: list[str] = []
    size = 0
    for path in files():
        try:
            with open(path, encoding="utf-8") as file:
                text = file.read(300_000)
        except (OSError, UnicodeDecodeError):
            continue
        out += [text[at : at + CHUNK] for at in range(0, len(text), CHUNK)]
        size += len(text)
        if size > megabytes * 1e6:
            break
    return out


def measure(texts: list[str], repeat: int) -> dict[str, float]:
    """False positives and speed of this project's redactor, and its speed on real logs if there are any."""
    from afs.redact import Redactor

    size = sum(map(len, texts)) / 1e6
    seconds = []
    for _ in range(repeat):  # a new instance each time: it remembers what it has read
        redactor = Redactor()
        redactor.redact("warm up")
        begun = time.process_time()
        for text in texts:
            _quietly(redactor, text)
        seconds.append(time.process_time() - begun)
    wrong = 0
    for text in texts:
        wrong += sum(not personal(text[one.start : one.end]) for one in redactor.find(text))
    out = {"false positives a MB": wrong / size, "MB a CPU second": size / min(seconds)}
    logs = os.environ.get("AFS_TEST_HOME")
    if logs:
        out["MB a CPU second on real logs"] = max(_speed_on_logs(Redactor(), logs) for _ in range(repeat))
    return out


def _quietly(redactor: Redactor, value: Any) -> None:
    """Redact a value for the time it takes. What is refused takes time too."""
    from afs.redact import Unclean

    with contextlib.suppress(Unclean):
        redactor.redact(value)


def _speed_on_logs(redactor: Redactor, folder: str) -> float:
    lines = list(_lines(folder))
    begun = time.process_time()
    for line in lines:
        with contextlib.suppress(ValueError):
            _quietly(redactor, json.loads(line))
    return sum(map(len, lines)) / 1e6 / (time.process_time() - begun)


def _lines(folder: str) -> Iterator[bytes]:
    for root, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            if name.endswith(".jsonl"):
                with open(os.path.join(root, name), "rb") as file:
                    yield from file
