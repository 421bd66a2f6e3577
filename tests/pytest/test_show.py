"""afs-show: what is chosen, what is folded, and that data never steers the terminal."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys

import pytest
from afs import terminal
from conftest import as_nobody
from hypothesis import given
from hypothesis import strategies as st

ROOT = os.path.join(os.path.dirname(__file__), "..", "..")
COMMAND = [sys.executable, "-B", os.path.join(ROOT, "bin", "afs-show")]
EXAMPLES = os.path.join(ROOT, "examples", "samples.jsonl")


def run(*args, data=b"", env=None, **more):
    return subprocess.run(
        [*COMMAND, *args],
        input=data,
        capture_output=True,
        timeout=60,
        env=env and {**os.environ, **env},
        **more,
    )


def text_of(*args, data=b"", env=None):
    done = run(*args, data=data, env=env)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


def many(number):
    records = ({"sample_id": f"id{n:03d}", "instruction": f"q{n}", "output": "a"} for n in range(number))
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def shown(text):
    return [int(number) for number in re.findall(r"^== (\d+)", text, re.M)]


# --- text for a terminal ----------------------------------------------------------------------------


@given(st.text())
def test_visible_text_prints_and_plain_text_is_unchanged(text):
    seen = terminal.visible(text)
    assert all(char.isprintable() or char in "\u200c\u200d" for char in seen)
    assert seen == text or not text.isprintable()


def test_control_characters_are_shown_escaped():
    assert terminal.visible("a\x1b[31mb\x07\x9b\u202ec\ud83d\U000e0041") == (
        "a\\x1b[31mb\\x07\\x9b\\u202ec\\ud83d\\U000e0041"
    )
    assert terminal.visible("👩\u200d💻 é 木") == "👩\u200d💻 é 木"


@given(st.text(alphabet="ab 木é\u0301\t\n", max_size=60), st.integers(4, 20))
def test_wrapped_lines_fit_and_lose_only_spaces(text, width):
    rows = terminal.wrap(text, width)
    assert all(terminal.columns(row) <= width for row in rows)
    assert "".join(rows).replace(" ", "") == text.expandtabs(4).replace(" ", "").replace("\n", "")


def test_wrapping_cuts_at_spaces_and_keeps_the_indentation_of_code():
    assert terminal.wrap("one two three", 8) == ["one two", "three"]
    assert terminal.wrap("    indented_without_a_space", 12) == ["    indented", "_without_a_s", "pace"]
    assert terminal.wrap("木木木木", 5) == ["木木", "木木"]
    assert terminal.wrap("\tx", 20) == ["    x"]


@given(st.text(max_size=200), st.integers(30, 60))
def test_a_folded_text_is_one_line_that_fits(text, width):
    row = terminal.fold(text, width)
    assert "\n" not in row and terminal.columns(row) <= width


def test_a_folded_text_says_how_long_it_is():
    assert terminal.fold("a  b\n c", 20) == "a b c"
    assert terminal.fold("x" * 100, 40) == "x" * (40 - len(" ... (100 characters)")) + " ... (100 characters)"


# --- which samples ----------------------------------------------------------------------------------


def test_the_first_three_are_shown_or_as_many_as_asked_for():
    assert shown(text_of(data=many(9))) == [1, 2, 3]
    assert shown(text_of("-n", "5", data=many(9))) == [1, 2, 3, 4, 5]
    assert shown(text_of("-n", "5", data=many(2))) == [1, 2]
    assert text_of("-n", "0", data=many(2)) == ""


def test_a_seed_chooses_at_random_and_keeps_the_order():
    first = shown(text_of("-n", "5", "--seed", "1", data=many(200)))
    assert len(first) == 5 and first == sorted(first) and first != [1, 2, 3, 4, 5]
    assert first == shown(text_of("-n", "5", "--seed", "1", data=many(200)))
    assert first != shown(text_of("-n", "5", "--seed", "2", data=many(200)))


def test_chance_is_fair():
    hits = [0] * 10
    for seed in range(24):
        for number in shown(text_of("-n", "5", "--seed", str(seed), data=many(10))):
            hits[number - 1] += 1
    assert sum(hits) == 120 and min(hits) >= 4 and max(hits) <= 20


def test_ids_are_prefixes_and_add_up():
    assert shown(text_of("--id", "id00", "--id", "id013", data=many(20))) == [*range(1, 11), 14]
    assert shown(text_of("--id", "id00", "-n", "2", data=many(20))) == [1, 2]
    assert len(shown(text_of("--id", "id00", "-n", "2", "--seed", "3", data=many(20)))) == 2


def test_an_id_that_no_sample_has_is_a_question_answered_no():
    done = run("--id", "zz", data=many(3))
    assert done.returncode == 3 and done.stdout == b""
    assert run("--id", "zz", "-n", "0", data=many(3)).returncode == 0
    assert b"no sample has an id that begins with zz" in done.stderr


# --- how they look ----------------------------------------------------------------------------------

CALL = {
    "id": "c",
    "type": "function",
    "function": {"name": "look", "arguments": '{"path":"%s"}' % ("x" * 90)},
}
SAMPLE = {
    "sample_id": "0123456789abcdef",
    "instruction": "Where?",
    "output": "There.",
    "source": "codex",
    "quality_score": 0.714,
    "_metadata": {"model": "m-1", "flags": ["open", "tool_failed"]},
    "messages": [
        {"role": "system", "content": "Be brief.\nBe right."},
        {"role": "user", "content": "Where?"},
        {"role": "assistant", "content": "", "reasoning_content": "I must look. " * 9, "tool_calls": [CALL]},
        {"role": "tool", "content": "one\ntwo\n", "tool_call_id": "c"},
        {"role": "assistant", "content": "There,\n  indented."},
    ],
}


def test_no_title_is_wider_than_a_line_should_be():
    call = {"id": "c", "function": {"name": "n" * 500, "arguments": "{}"}}
    messages = [{"role": "assistant", "content": "", "tool_calls": [call]}]
    text = text_of(data=line({**SAMPLE, "source": "s" * 500, "messages": messages}))
    assert " ... (500 characters)  m-1" in text and " ... (505 characters)] {}" in text
    assert max(map(len, text.splitlines())) < 150


def line(record):
    return json.dumps(record).encode() + b"\n"


def test_tools_reasoning_and_system_text_are_folded():
    assert text_of(data=line(SAMPLE)).splitlines() == [
        "== 1  0123456789ab  codex  m-1  score 0.71  open tool_failed",
        "[system] Be brief. Be right.",
        "[user]",
        "  Where?",
        "[thinking] I must look. I must look. I must look. I must lo ... (117 characters)",
        '[call look] {"path":"' + "x" * 38 + " ... (101 characters)",
        "[tool] one two",
        "[assistant]",
        "  There,",
        "    indented.",
        "",
    ]


def test_full_unfolds_everything():
    text = text_of("--full", data=line(SAMPLE))
    assert "[system]\n  Be brief.\n  Be right.\n" in text
    assert "[tool]\n  one\n  two\n" in text
    assert "[thinking]\n  I must look. I must look." in text and "x" * 68 in text
    assert " ... (" not in text


def test_a_plain_sample_shows_its_fields():
    record = {"instruction": "q", "input": "ctx", "thinking": "hm", "output": "a"}
    assert (
        text_of(data=line(record)) == "== 1\n[user]\n  q\n[input]\n  ctx\n[thinking] hm\n[assistant]\n  a\n\n"
    )


def test_lines_wrap_at_columns():
    record = {"instruction": "word " * 40, "output": "木" * 60}
    for columns in ("40", "100"):
        rows = text_of(data=line(record), env={"COLUMNS": columns}).splitlines()
        widest = max(map(terminal.columns, rows))
        assert int(columns) - 6 < widest <= int(columns)


def test_nothing_in_a_sample_steers_the_terminal():
    evil = "\x1b]0;title\x07\x1b[2J\x9b31m\u202eback\r"
    call = {"id": evil, "function": {"name": evil, "arguments": evil}}
    record = {
        "sample_id": evil,
        "instruction": evil,
        "output": evil,
        "source": evil,
        "teacher_model": evil,
        "_metadata": {"flags": [evil]},
        "messages": [
            {"role": "user", "content": evil},
            {"role": "assistant", "content": evil, "reasoning_content": evil, "tool_calls": [call]},
            {"role": "tool", "content": evil, "tool_call_id": evil},
        ],
    }
    plain = {**record, "messages": None, "input": evil, "thinking": evil}
    for args in ([], ["--full"]):
        text = text_of(*args, data=line(record) + line(plain))
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text)
        assert text.count("\\x1b]0;title") >= 15


def on_a_terminal(**env):
    """What a terminal of 60 columns gets."""
    import fcntl
    import struct
    import termios

    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
    kept = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "NO_COLOR", "TERM")}
    process = subprocess.Popen(
        COMMAND, stdin=subprocess.PIPE, stdout=slave, stderr=slave, env={**kept, **env}
    )
    os.close(slave)
    process.stdin.write(line({**SAMPLE, "instruction": "word " * 40, "messages": None}))
    process.stdin.close()
    text = b""
    while True:
        try:
            data = os.read(master, 4096)
        except OSError:  # Linux says so at the end of a terminal
            break
        if not data:
            break
        text += data
    os.close(master)
    assert process.wait() == 0
    return text.decode()


def test_colour_is_for_terminals_and_can_be_refused():
    text = on_a_terminal(TERM="xterm")
    assert "\x1b[1m== 1" in text
    rows = re.sub(r"\x1b\[\d*m", "", text).splitlines()
    assert 50 < max(len(row) for row in rows if row.startswith("  ")) <= 60
    assert "\x1b" not in on_a_terminal(TERM="xterm", NO_COLOR="1")
    assert "\x1b" not in on_a_terminal(TERM="dumb")
    assert "\x1b" in on_a_terminal(TERM="xterm", NO_COLOR="")
    assert "\x1b" not in text_of(EXAMPLES)


def test_the_text_can_go_to_a_file(tmp_path):
    assert text_of("-o", str(tmp_path / "out.txt"), EXAMPLES) == ""
    assert (tmp_path / "out.txt").read_text() == text_of(EXAMPLES)


@pytest.mark.parametrize("args", [["-n", "-1"], ["-n", "x"], ["--seed", "x"]])
def test_wrong_numbers_are_usage_errors(args):
    done = run(*args, data=many(2))
    assert done.returncode == 2 and done.stdout == b"" and args[0].encode() in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody without rights")
def test_an_unreadable_file_is_a_usage_error(shell, tmp_path):
    (tmp_path / "in.jsonl").write_bytes(b'{"instruction":"q","output":"a"}\n')
    (tmp_path / "in.jsonl").chmod(0)
    status, said = as_nobody(shell, "afs-show", "in.jsonl")
    assert status == 2 and b"in.jsonl: cannot be read; check its permissions" in said
