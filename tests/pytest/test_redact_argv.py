"""Command lines that are lists of words in JSON text, at any depth of escapes."""

from __future__ import annotations

import json

import pytest
from afs.redact import Redactor

REDACTOR = Redactor()
WORD = "Zx9-plum" + "7Quark"
LINES = {
    "curl": ["curl", "-s", "-u", f"me:{WORD}", "https://h.example/x"],
    "mysql": ["mysql", "-u", "root", f"-p{WORD}", "shop"],
    "sshpass": ["sshpass", "-p", WORD, "ssh", "h"],
    "redis": ["redis-cli", "-h", "h", "-a", WORD],
    "docker": ["docker", "login", "-u", "me", "-p", WORD],
    "flag": ["tool", "--token", WORD, "--verbose"],
}


@pytest.mark.parametrize("depth", [0, 1, 2, 3])
@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
@pytest.mark.parametrize("name", LINES)
def test_a_secret_word_is_found_and_its_neighbours_stay(name, separators, depth):
    text = json.dumps({"command": LINES[name], "timeout": 5}, separators=separators)
    for _ in range(depth):
        text = json.dumps({"arguments": text}, separators=separators)
    out, counts = REDACTOR.redact(text)
    assert sum(counts.values()) == 1
    (placeholder,) = {f"REDACTED_{kind}_1" for kind in counts}
    assert out == text.replace(WORD, placeholder)
    assert REDACTOR.redact(out)[0] == out


@pytest.mark.parametrize(
    "words",
    [
        ["git", "commit", "-m", "fix: the password field"],
        ["bash", "-lc", "ls -la && rg -n password src"],
        ["mkdir", "-p", "build-2024/output"],
        ["cp", "-a", "src/key_9x7", "dst"],
        ["tar", "-u", "a:b"],
    ],
)
def test_other_command_lines_stay(words):
    text = json.dumps({"command": words})
    assert REDACTOR.redact(text) == (text, {})


def test_many_lists_and_lists_without_an_end():
    """No list is read more than once, whatever the brackets are."""
    one = json.dumps(["sshpass", "-p", WORD, "ssh"])
    assert WORD not in REDACTOR.redact(one * 2000)[0]
    for text in ("[" * 20000 + '"a","-b"' * 20000, '"a","-b",' * 40000):
        assert REDACTOR.redact(text) == (text, {})
