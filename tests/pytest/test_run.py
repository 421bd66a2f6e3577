"""The frame of every command: inputs, exits and their order, rejects, summaries, signals, terminals."""

from __future__ import annotations

import fcntl
import gzip
import json
import os
import pty
import signal
import stat
import struct
import subprocess
import termios
import time

import pytest
import zstandard
from afs import cli, jsonl
from afs.messages import Stop, Usage, show
from afs.run import PRECEDENCE, Run
from conftest import ROOT, as_nobody

GOOD = b'{"instruction":"Say hi.","output":"hi"}\n'
BAD = b'{"instruction":"Say hi."}\n'
REMEDY = b"; use --rejects FILE to collect such records\n"

# A command with every common option, told by its arguments what to do.
PROBE = f'''#!/usr/bin/env python3
"""afs-probe - do as it is told

Examples:
  afs-probe
"""
import sys
sys.path.insert(0, {str(ROOT / "lib")!r})
from afs import cli


def build_parser():
    parser = cli.parser(__doc__, "input output rejects rejects-text dropped summary strict limit seed")
    parser.add_argument("--fault", type=int, action="append", default=[])
    parser.add_argument("--private", action="store_true")
    parser.add_argument("--then")
    return parser


def main(argv):
    args = build_parser().parse_args(argv)
    with cli.Run(args, args.private) as run:
        for line, record in run.records():
            if record.get("drop"):
                run.drop(line, record["drop"])
            elif record.get("reject"):
                run.reject(record["reject"], "no use")
            else:
                run.write(line)
        for status in args.fault:
            run.fault(status, "fault %d" % status)
        run.count["odd"] += 1
        run.extra["table"] = {{"x": [1]}}
        if args.then == "usage":
            cli.fail("no")
        if args.then == "crash":
            raise ZeroDivisionError
        if args.then == "print":
            print("A\\ud800\\u20ac")
        if args.then == "module":
            import no_such_module
    return run.status


if __name__ == "__main__":
    cli.run(main)
'''


@pytest.fixture
def probe(shell):
    path = shell.folder / "home" / "afs-probe"
    path.write_text(PROBE)
    path.chmod(0o755)
    shell.env["PATH"] = f"{path.parent}:{shell.env['PATH']}"
    return shell


def put(shell, **files):
    for name, data in files.items():
        (shell.folder / name).write_bytes(data)


def left(shell):
    """What lies in the folder, hidden files too."""
    return sorted(name for name in os.listdir(shell.folder) if name != "home")


def rows(path):
    return [json.loads(line) for line in path.read_bytes().splitlines()]


# --- inputs -------------------------------------------------------------------------------------------


def test_inputs_are_read_in_the_order_given(shell):
    for name in "abc":
        put(shell, **{name: GOOD.replace(b"hi", name.encode())})
    done = shell.run("afs-validate", "a", "-", "-i", "b", "--input", "c", stdin=GOOD)
    assert [json.loads(line)["output"] for line in done.stdout.splitlines()] == ["a", "hi", "b", "c"]
    assert (done.returncode, done.stderr) == (0, b"afs-validate: 4 read, 4 written\n")


def test_options_may_stand_anywhere_and_two_dashes_end_them(shell):
    put(shell, a=GOOD, **{"-q": GOOD, "--": GOOD})
    assert shell.run("afs-validate", "a", "-q", "a").stdout == GOOD * 2
    assert shell.run("afs-validate", "-q", "a", "--", "-q", "a", "--").stdout == GOOD * 4
    assert shell.run("afs-validate", "-q", "./-q").stdout == GOOD
    assert shell.run("afs-validate", "-qoout", "a").stdout == b""
    assert (shell.folder / "out").read_bytes() == GOOD


@pytest.mark.parametrize("data", [b"", b"\n", b"\n \r\n\t\n", b"\xef\xbb\xbf"])
def test_an_input_without_records_is_fine(shell, data):
    put(shell, a=data)
    done = shell.run("afs-validate", "a")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"afs-validate: 0 read, 0 written\n")


def test_lines_keep_their_bytes(shell):
    data = (
        b'{ "output" : "\\u00fc \\ud83d" , "instruction":"\xe2\x80\xa8",  "n":1.00000000000000000000001 }\r\n'
        b'\n{"instruction":"","output":"","unknown":[{"deep":null}]}'
    )
    put(shell, a=data)
    done = shell.run("afs-validate", "-q", "a")
    assert done.returncode == 0
    assert done.stdout == data.replace(b"\n\n", b"\n") + b"\n"


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("none",), b"none: no such file"),
        (("a", "none"), b"none: no such file"),
        (("-i", "none", "a"), b"none: no such file"),
        (("dir",), b"dir: is a folder; name the files in it"),
        (("a", "dir"), b"dir: is a folder; name the files in it"),
        (("dangling",), b"dangling: no such file"),
        (("",), b": no such file"),
        (("a/b",), b"a/b: no such file"),
        (("--none",), b"unrecognized arguments: --none; see afs-validate --help"),
        (("--stric",), b"unrecognized arguments: --stric; see afs-validate --help"),
        (("-x", "a"), b"unrecognized arguments: -x; see afs-validate --help"),
        (("--rejects",), b"argument --rejects: expected one argument; see afs-validate --help"),
        (("--rejects-text",), b"--rejects-text needs --rejects FILE"),
        (("--check", "-o", "x"), b"--check writes nothing; leave -o out"),
        (("--max-record", "0"), b"argument --max-record: invalid size value: '0'; see afs-validate --help"),
    ],
)
def test_wrong_usage_writes_nothing_at_all(shell, args, message):
    put(shell, a=GOOD, out=b"old")
    (shell.folder / "dir").mkdir()
    (shell.folder / "dangling").symlink_to("nowhere")
    done = shell.run("afs-validate", "--summary", "s", "--rejects", "r", *args) if args[0] == "none" else None
    done = done or shell.run("afs-validate", *args)
    assert (done.returncode, done.stdout, done.stderr) == (2, b"", b"afs-validate: " + message + b"\n")
    assert left(shell) == ["a", "dangling", "dir", "out"]
    assert (shell.folder / "out").read_bytes() == b"old"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs another user to be")
def test_an_unreadable_file_is_wrong_usage(shell):
    put(shell, a=GOOD, secret=GOOD)
    (shell.folder / "secret").chmod(0o600)
    status, stderr = as_nobody(shell, "afs-validate", "a", "secret")
    assert status == 2
    assert stderr == b"afs-validate: secret: cannot be read; check its permissions\n"


@pytest.mark.parametrize("option", ["--rejects", "--summary"])
def test_an_input_is_not_overwritten_by_a_slip_of_the_finger(shell, option):
    put(shell, a=GOOD + BAD)
    (shell.folder / "link").symlink_to("a")
    for name in ("a", "./a", "link"):
        done = shell.run("afs-validate", "a", option, name, "-o", "o")
        assert (done.returncode, done.stdout) == (2, b"")
        what = b"is an input; name another file for what is not its lines"
        assert done.stderr == b"afs-validate: %s: %s\n" % (name.encode(), what)
    assert left(shell) == ["a", "link"] and (shell.folder / "a").read_bytes() == GOOD + BAD


def test_of_two_inputs_the_damaged_one_does_not_stop_the_other(shell):
    put(shell, a=gzip.compress(GOOD * 100)[:-4], b=GOOD)
    done = shell.run("afs-validate", "a", "b", "-o", "o")
    assert done.returncode == 1
    assert done.stderr == (
        b"afs-validate: a: the gzip data ends too early; lines up to 100 were used\n"
        b"afs-validate: 101 read, 101 written\n"
    )
    assert (shell.folder / "o").read_bytes() == GOOD * 101


def test_a_file_that_ends_within_a_line_says_what_is_lost(shell):
    packed = gzip.compress(b"".join(b'{"instruction":"%d","output":"%d"}\n' % (n, n**9) for n in range(500)))
    put(shell, a=packed[: len(packed) // 2])
    done = shell.run("afs-validate", "a", "-o", "o", "--rejects", "r")
    lines = (shell.folder / "o").read_bytes().count(b"\n")
    assert done.returncode == 1 and 100 < lines < 400
    first = f"a: the gzip data ends too early; its last lines are lost; lines up to {lines} were used\n"
    assert done.stderr.startswith(b"afs-validate: " + first.encode())
    assert (shell.folder / "r").read_bytes() == b""
    done = shell.run("afs-validate", "a", "-o", "o2", "--strict")
    assert done.returncode == 1 and "o2" not in left(shell)


def test_damaged_zstd(shell):
    packed = bytearray(zstandard.ZstdCompressor(write_checksum=True).compress(GOOD * 3))
    packed[-1] ^= 1
    put(shell, a=bytes(packed))
    done = shell.run("afs-validate", "a")
    assert done.returncode == 1 and b"a: the Zstandard data is damaged" in done.stderr


def test_a_file_that_vanishes_between_the_look_and_the_reading(tmp_path, capsys):
    (tmp_path / "a").write_bytes(GOOD)
    (tmp_path / "b").write_bytes(GOOD)
    args = parse(str(tmp_path / "a"), str(tmp_path / "b"), "-o", str(tmp_path / "o"))
    with Run(args) as run:
        os.unlink(tmp_path / "a")
        for line, _ in run.records():
            run.write(line)
    assert run.status == 1 and (tmp_path / "o").read_bytes() == GOOD
    assert f"{tmp_path}/a: no such file or directory\n" in capsys.readouterr().err


def parse(*argv):
    names = "input output rejects rejects-text dropped summary strict limit"
    return cli.parser("afs-test - be tested\n", names).parse_args(list(argv))


# --- what is bad ----------------------------------------------------------------------------------------


BAD_LINES = [
    (b"not json", "json", b"not JSON (expecting value at column 1)"),
    (b'{"a":', "json", b"not JSON (expecting value at column 6)"),
    (b"[1,2]", "not-object", b"not a JSON object"),
    (b'"text"', "not-object", b"not a JSON object"),
    (b"null", "not-object", b"not a JSON object"),
    (b"12", "not-object", b"not a JSON object"),
    (b'{"instruction":"\xff","output":"b"}', "utf8", b"invalid UTF-8 at byte 17"),
    (b'{"instruction":"a","output":NaN}', "nan", b"NaN is not JSON"),
    (b'{"a":1e999}', "number", b"a number out of range"),
    (b"[" * 3000, "depth", b"nested too deeply"),
    (b'{"instruction":"a"}', "not-sample", b"field 'output' is missing"),
    (b'{"instruction":7,"output":"b"}', "not-sample", b"field 'instruction' must be a string, not a number"),
    (b'{"instruction":"a","output":null}', "not-sample", b"field 'output' must be a string, not null"),
]


@pytest.mark.parametrize(("line", "reason", "what"), BAD_LINES)
def test_a_bad_line_is_named_and_the_rest_is_written(shell, line, reason, what):
    data = GOOD + line + b"\n" + GOOD
    done = shell.run("afs-validate", stdin=data)
    assert (done.returncode, done.stdout) == (1, GOOD * 2)
    closing = f"afs-validate: 3 read, 2 written, 1 rejected ({reason} 1)\n".encode()
    assert done.stderr == b"afs-validate: stdin:2: " + what + REMEDY + closing
    put(shell, a=data)
    done = shell.run("afs-validate", "a", "-q", "-o", "o")
    assert (done.returncode, done.stderr) == (1, b"afs-validate: a:2: " + what + REMEDY)
    assert (shell.folder / "o").read_bytes() == GOOD * 2
    done = shell.run("afs-validate", "a", "--rejects", "r")
    assert (done.returncode, done.stdout, done.stderr) == (0, GOOD * 2, closing)
    (row,) = rows(shell.folder / "r")
    assert row == {
        "file": "a",
        "line": 2,
        "offset": len(GOOD),
        "length": len(line),
        "reason": reason,
        "hash": jsonl.digest(line),
    }
    put(shell, o=b"old")
    done = shell.run("afs-validate", "a", "--strict", "-o", "o")
    assert (done.returncode, done.stderr) == (1, b"afs-validate: a:2: " + what + b"\n")
    assert (shell.folder / "o").read_bytes() == b"old"


def test_rejects_lead_back_to_the_bytes(shell):
    """Every row names its bytes, in any packing, behind empty lines, CRLF and a byte order mark."""
    text = b"\xef\xbb\xbf" + GOOD
    for number in range(3000):
        text += [GOOD, b"\n", b"bad %d\n" % number, b"{}\r\n", b"y" * 2000 + b"\n", b'{"x":"\xff"}\n'][
            number % 6
        ]
    text += b"torn"
    packs = {"a": bytes, "a.gz": gzip.compress, "a.zst": zstandard.compress}
    for name, pack in packs.items():
        put(shell, **{name: pack(text)})
        done = shell.run(
            "afs-validate", name, "--rejects", "r", "-o", "o", "--max-record", "1000", "--rejects-text"
        )
        assert done.returncode == 0
        found = rows(shell.folder / "r")
        assert len(found) == 4 * 500 + 1
        lines = text.split(b"\n")
        for row in found:
            at = text[row["offset"] : row["offset"] + row["length"]]
            assert row["file"] == name
            assert b"\n" not in at and jsonl.digest(at) == row["hash"]
            assert lines[row["line"] - 1] == at
            if row["reason"] != "too-long":
                assert row["text"] == at.decode("utf-8", "replace")
        assert stat.S_IMODE((shell.folder / "r").stat().st_mode) == 0o600
        assert {row["reason"] for row in found} == {"json", "utf8", "not-sample", "too-long"}


def test_a_block_full_of_bad_lines_takes_linear_time(shell):
    put(shell, a=b"x\n" * 200_000)
    started = time.perf_counter()
    done = shell.run("afs-validate", "a", "--rejects", "r", "-o", "o", timeout=50)
    assert done.returncode == 0 and time.perf_counter() - started < 40
    assert rows(shell.folder / "r")[-1]["offset"] == 399_998


def test_without_text_no_row_holds_the_record(shell):
    done = shell.run("afs-validate", "--rejects", "r", stdin=b'{"instruction":"private words"}\n')
    assert done.returncode == 0
    assert b"private" not in (shell.folder / "r").read_bytes() + done.stderr


def test_rejects_name_files_without_the_way_to_them(shell):
    put(shell, a=BAD)
    (shell.folder / "home" / "b").write_bytes(BAD)
    outside = shell.folder.parent / "elsewhere.jsonl"
    outside.write_bytes(BAD)
    inputs = ["a", shell.folder / "a", shell.folder / "home" / "b", outside, "-"]
    shell.env["HOME"] = str(shell.folder.parent / "nowhere")
    done = shell.run("afs-validate", *inputs, "--rejects", "r", stdin=BAD)
    assert done.returncode == 0
    names = [row["file"] for row in rows(shell.folder / "r")]
    assert names == ["a", "a", "home/b", "elsewhere.jsonl", "stdin"]


def test_a_path_in_a_file_is_relative_or_from_home(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path / "h"))
    monkeypatch.chdir(tmp_path)
    assert show("x/y") == "x/y"
    assert show(str(tmp_path / "x")) == "x"
    monkeypatch.chdir("/")
    assert show(str(tmp_path / "h" / "x")) == os.path.relpath(tmp_path / "h" / "x", "/")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    assert show(str(tmp_path / "h" / "x" / "y")) == "~/x/y"
    assert show("/nowhere/z") == "z"


def test_names_of_files_cannot_write_to_the_terminal(shell):
    name = "a\n\x1b[31m\u202eb"
    put(shell, **{name: BAD})
    done = shell.run("afs-validate", "-q", name)
    assert done.returncode == 1
    assert done.stderr.startswith(b"afs-validate: a\\n\\x1b[31m\\u202eb:1: field")
    assert done.stderr.count(b"\n") == 1


def test_a_share_of_rejects_that_is_too_large(shell):
    put(shell, a=GOOD * 3 + BAD)
    for share, status in (("0.25", 0), ("0.2", 3), ("0", 3), ("1", 0), (".249999", 3)):
        put(shell, o=b"old")
        done = shell.run("afs-validate", "a", "--rejects", "r", "-o", "o", "--max-reject", share)
        assert done.returncode == status, share
        assert (b"1 of 4 rejected, more than --max-reject" in done.stderr) == (status == 3)
        assert (shell.folder / "o").read_bytes() == GOOD * 3 and len(rows(shell.folder / "r")) == 1
    done = shell.run("afs-validate", "a", "--max-reject", "0")  # of 1 and 3 the 1
    assert done.returncode == 1
    assert shell.run("afs-validate", "--max-reject", "0").returncode == 0


@pytest.mark.parametrize("text", ["-1", "1.1", "nan", "x", "", "inf"])
def test_a_share_is_from_0_to_1(shell, text):
    done = shell.run("afs-validate", f"--max-reject={text}")
    assert done.returncode == 2 and b"argument --max-reject: invalid share value" in done.stderr


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1", 1),
        ("4096", 4096),
        ("64k", 65536),
        ("64K", 65536),
        ("1.5M", 1572864),
        ("2g", 2 << 30),
        ("1e3", 1000),
    ],
)
def test_sizes(text, size):
    assert cli.size(text) == size
    assert parse("--max-record", text).max_record == size


@pytest.mark.parametrize("text", ["", "k", "0", "-1", ".5", "1T", "nan", "inf", "1e99"])
def test_what_is_no_size(text):
    with pytest.raises(Usage, match="invalid size value"):
        parse(f"--max-record={text}")


def test_the_default_longest_line():
    assert parse().max_record == 256 << 20


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress])
def test_a_line_over_max_record_is_a_reject(shell, pack):
    put(shell, a=pack(GOOD + b"x" * 5000 + b"\n" + GOOD + b"y" * 300_000))
    done = shell.run("afs-validate", "a", "--max-record", "4k")
    assert (done.returncode, done.stdout) == (1, GOOD * 2)
    assert done.stderr == (
        b"afs-validate: a:2: a line of 5000 bytes is over --max-record" + REMEDY +
        b"afs-validate: a:4: a line of 300000 bytes is over --max-record" + REMEDY +
        b"afs-validate: 4 read, 2 written, 2 rejected (too-long 2)\n"
    )  # fmt: skip
    assert shell.run("afs-validate", "a", "--max-record", "4k", "--strict").returncode == 1


def test_a_full_disk_for_rejects_of_overlong_lines_is_no_read_error(shell):
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full")
    put(shell, a=(b"x" * 100 + b"\n") * 20_000, o=b"old")
    done = shell.run("afs-validate", "a", "--max-record", "50", "--rejects", "/dev/full", "-o", "o")
    assert (done.returncode, done.stderr) == (1, b"afs-validate: /dev/full: no space left on device\n")
    assert (shell.folder / "o").read_bytes() == b"old"


# --- exits ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [0, 1, 3])
def test_outputs_are_committed(probe, status):
    put(probe, o=b"old", r=b"old", d=b"old", s=b"old")
    data = b'{"a":1}\n{"drop":"x"}\n{"reject":"y"}\n'
    files = ("-o", "o", "--rejects", "r", "--dropped", "d", "--summary", "s")
    fault = () if not status else ("--fault", status)
    done = probe.run("afs-probe", *files, *fault, stdin=data)
    assert done.returncode == status
    assert (probe.folder / "o").read_bytes() == b'{"a":1}\n'
    assert (probe.folder / "d").read_bytes() == b'{"drop":"x","_dropped":"x"}\n'
    assert rows(probe.folder / "r")[0]["reason"] == "y"
    assert rows(probe.folder / "s")[0]["read"] == 3
    assert left(probe) == ["d", "o", "r", "s"]


@pytest.mark.parametrize(
    ("args", "status", "last"),
    [
        (("--fault", 2), 2, b"fault 2"),
        (("--fault", 4), 4, b"fault 4"),
        (("--then", "usage"), 2, b"no"),
        (("--then", "module"), 2, b"no_such_module is missing; run scripts/afs-venv and activate .venv"),
        (("--strict",), 1, b"stdin:3: no use"),
    ],
)
def test_outputs_are_left_as_they_were(probe, args, status, last):
    old = {"o": b"old", "r": b"older", "d": b"oldest", "s": b"ancient"}
    put(probe, **old)
    data = b'{"a":1}\n{"drop":"x"}\n{"reject":"y"}\n'
    files = ("-o", "o", "--rejects", "r", "--dropped", "d", "--summary", "s")
    done = probe.run("afs-probe", *files, *args, stdin=data)
    assert (done.returncode, done.stderr) == (status, b"afs-probe: " + last + b"\n")
    assert {name: (probe.folder / name).read_bytes() for name in left(probe)} == old


def test_an_error_of_ours_leaves_outputs_and_shows_where(probe):
    put(probe, o=b"old")
    done = probe.run("afs-probe", "-o", "o", "--then", "crash", stdin=b"{}\n")
    assert done.returncode == 1 and b"ZeroDivisionError" in done.stderr
    assert (probe.folder / "o").read_bytes() == b"old" and left(probe) == ["o"]


@pytest.mark.parametrize("first", [1, 2, 3, 4])
@pytest.mark.parametrize("second", [1, 2, 3, 4])
def test_of_two_causes_the_graver_is_the_exit(probe, first, second):
    done = probe.run("afs-probe", "-q", "--fault", first, "--fault", second)
    assert done.returncode == min(first, second, key=(2, 4, 1, 3).index)
    assert done.stderr.splitlines() == [b"afs-probe: fault %d" % status for status in (first, second)]


def test_the_order_of_exits():
    assert PRECEDENCE == (130, 141, 2, 4, 1, 3, 0)


def test_text_that_is_no_utf8_is_printed_all_the_same(probe):
    for locale in ("C", "C.UTF-8"):
        probe.env |= {"LC_ALL": locale, "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
        done = probe.run("afs-probe", "-q", "--then", "print")
        assert (done.returncode, done.stdout) == (0, "A\\ud800€\n".encode())


def test_a_reader_that_goes_away_ends_the_run_silently(shell):
    put(shell, a=GOOD * 200_000, s=b"old")
    done = shell.bash("afs-validate a --summary s | head -n 1; echo ${PIPESTATUS[0]}")
    assert (done.stdout, done.stderr) == (GOOD + b"141\n", b"")
    assert (shell.folder / "s").read_bytes() == b"old" and left(shell) == ["a", "s"]
    done = shell.bash("set -o pipefail; afs-validate a --rejects /dev/stdout -o o | true", stdin=b"")
    assert left(shell) == ["a", "o", "s"]  # no line went to the reader that went away
    put(shell, b=BAD * 100_000, o=b"old")
    done = shell.bash("afs-validate -q b --rejects /dev/stdout -o o | true; echo ${PIPESTATUS[0]}")
    assert (done.stdout, done.stderr) == (b"141\n", b"")
    assert (shell.folder / "o").read_bytes() == b"old"


def test_a_reader_that_goes_away_from_overlong_rejects(shell):
    put(shell, a=(b"x" * 100 + b"\n") * 20_000)
    done = shell.bash(
        "afs-validate -q a --max-record 50 --rejects /dev/stdout -o o | true; echo ${PIPESTATUS[0]}"
    )
    assert (done.stdout, done.stderr) == (b"141\n", b"") and left(shell) == ["a"]


@pytest.mark.parametrize("option", ["--help", "--version", "--complete"])
def test_a_reader_that_goes_away_from_help(shell, option):
    done = shell.bash(f"afs-validate {option} | true; echo ${{PIPESTATUS[0]}}")
    assert done.stderr == b"" and done.stdout in (b"0\n", b"141\n")


def test_nobody_listening_on_standard_error_stops_no_run(shell):
    put(shell, a=BAD * 100 + GOOD)
    done = shell.bash("{ sleep .2; afs-validate a -o o; } 2>&1 | true; echo ${PIPESTATUS[0]}; cat o")
    assert (done.stdout, done.stderr) == (b"1\n" + GOOD, b"")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_leaves_the_old_file_and_nothing_else(shell, number):
    put(shell, o=b"old")
    process = shell.start("afs-validate", "-o", "o", "--rejects", "r", "--summary", "s")
    process.stdin.write(GOOD * 10_000)
    process.stdin.flush()
    while len(left(shell)) < 4 or max((shell.folder / name).stat().st_size for name in left(shell)) < 100_000:
        time.sleep(0.01)
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=30)
    assert (process.returncode, stdout, stderr) == (130, b"", b"afs-validate: interrupted\n")
    assert left(shell) == ["o"] and (shell.folder / "o").read_bytes() == b"old"


def test_a_signal_that_the_caller_ignores_stays_ignored(shell):
    done = shell.bash(
        "trap '' HUP; afs-validate -q -o o <fifo & exec 3>fifo; sleep .5; kill -HUP $!; cat in >&3;"
        " exec 3>&-; wait $!; echo $?"
        if not put(shell, **{"in": GOOD}) and not os.mkfifo(shell.folder / "fifo")
        else ""
    )
    assert done.stdout == b"0\n" and (shell.folder / "o").read_bytes() == GOOD


# --- counts, summaries, removed records ----------------------------------------------------------------


def test_the_closing_line_and_the_summary_say_the_same(probe):
    data = b'{"a":1}\n{"drop":"short"}\n{"drop":"long"}\n{"drop":"short"}\n{"reject":"y"}\nx\n\n'
    done = probe.run("afs-probe", "--rejects", "r", "--summary", "s", "-o", "o", stdin=data)
    assert done.returncode == 0
    assert done.stderr == (
        b"afs-probe: 6 read, 1 written, 3 dropped (long 1, short 2), 2 rejected (json 1, y 1), 1 odd\n"
    )
    (summary,) = rows(probe.folder / "s")
    run = summary.pop("run")
    assert summary == {
        "command": "afs-probe",
        "version": cli.__version__,
        "read": 6,
        "written": 1,
        "rejected": 2,
        "reject_reasons": {"json": 1, "y": 1},
        "dropped": {"long": 1, "short": 2},
        "odd": 1,
        "table": {"x": [1]},
    }
    assert run.keys() == {"started", "seconds", "host"}
    assert list(summary["dropped"]) == ["long", "short"]
    done = probe.run("afs-probe", "-q", "--rejects", "r", stdin=data)
    assert done.stderr == b""


def test_what_is_dropped_again_has_one_reason(probe):
    data = (
        b'{"drop":"x","n":1.00000000000000000000001,"_dropped":"old"}\n{"drop":"y","_dropped":"old","z":1}\n'
    )
    done = probe.run("afs-probe", "-q", "--dropped", "d", stdin=data)
    assert done.returncode == 0 and done.stdout == b""
    first, second = (probe.folder / "d").read_bytes().splitlines()
    assert second == b'{"drop":"y","_dropped":"y","z":1}'
    assert (
        first.startswith(b'{"drop":"x","n":1.00000000000000000000001')
        and json.loads(first)["_dropped"] == "x"
    )


def test_private_outputs(probe):
    os.umask(0o022)
    data = b'{"a":1}\n{"drop":"x"}\n'
    for private, wanted in (((), 0o644), (("--private",), 0o600)):
        probe.run("afs-probe", *private, "-o", "o", "--dropped", "d", "--summary", "s", stdin=data)
        for name in "od":
            assert stat.S_IMODE((probe.folder / name).stat().st_mode) == wanted
            (probe.folder / name).unlink()
        assert stat.S_IMODE((probe.folder / "s").stat().st_mode) == 0o644


def test_a_limit_ends_the_reading(probe):
    data = b"".join(b'{"n":%d}\n' % n for n in range(1, 1000)) + b"bad\n"
    for limit in (0, 1, 7, 999):
        done = probe.run("afs-probe", "--limit", limit, stdin=data)
        assert (done.returncode, done.stdout.count(b"\n")) == (0, limit)
        assert done.stderr == b"afs-probe: %d read, %d written, 1 odd\n" % (limit, limit)
    assert probe.run("afs-probe", "--limit", 1000, stdin=data).returncode == 1
    assert probe.run("afs-probe", "--limit", "-1").returncode == 2
    data = b'{"drop":"x"}\n{"drop":"x"}\n{"a":1}\nbad\n'
    done = probe.run("afs-probe", "--limit", 1, stdin=data)
    assert (done.returncode, done.stderr) == (0, b"afs-probe: 3 read, 1 written, 2 dropped (x 2), 1 odd\n")


def test_a_limit_does_not_wait_for_more(probe):
    process = probe.start("afs-probe", "--limit", "1")
    process.stdin.write(b'{"a":1}\n')
    process.stdin.flush()
    assert process.wait(20) == 0
    assert process.stdout.read() == b'{"a":1}\n'
    process.communicate()


def test_a_seed_is_a_number(probe):
    assert parse_seed("7") == 7 and parse_seed() == 42
    assert probe.run("afs-probe", "--seed", "x").returncode == 2


def parse_seed(*given):
    return cli.parser("afs-x - y", "seed").parse_args(["--seed", *given] if given else []).seed


def test_a_command_without_output_writes_no_lines():
    with Run(cli.parser("afs-x - y", "").parse_args(["-q"])) as run, pytest.raises(TypeError):
        run.write(b"x")
    assert run.written == 0


def test_a_record_of_several_lines_is_rejected_where_it_begins(tmp_path, capsys):
    with Run(parse("--rejects", str(tmp_path / "r"), "-o", os.devnull)) as run:
        run.reject_at("log", 7, "unclean", "cannot be cleaned", 3)
    assert run.status == 0
    assert rows(tmp_path / "r") == [
        {"file": "log", "line": 7, "offset": None, "length": None, "reason": "unclean", "hash": None}
    ]
    with Run(parse("-q", "-o", os.devnull)) as run:
        run.reject_at("log", 7, "unclean", "cannot be cleaned", 3)
    assert run.status == 3
    assert (
        capsys.readouterr()
        .err.splitlines()[-1]
        .endswith(": log:7: cannot be cleaned; use --rejects FILE to collect such records")
    )
    with pytest.raises(Stop), Run(parse("-q", "--strict", "-o", os.devnull)) as run:
        run.reject_at("log", 7, "unclean", "cannot be cleaned", 3)


def test_an_interrupt_between_two_renames_comes_too_late(tmp_path, monkeypatch):
    """The files of a run belong together: once one is renamed, all are, and the run is done."""
    rename = os.rename

    def interrupted(*names):
        rename(*names)
        os.kill(os.getpid(), signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    monkeypatch.setattr(os, "rename", interrupted)
    try:
        with Run(parse("-q", "-o", str(tmp_path / "o"), "--summary", str(tmp_path / "s"))) as run:
            run.write(b"x")
    finally:
        signal.signal(signal.SIGINT, before)
    assert run.status == 0 and sorted(os.listdir(tmp_path)) == ["o", "s"]
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == set()


def test_further_outputs_share_the_fate_of_the_run(tmp_path):
    out = tmp_path / "o"
    with pytest.raises(Stop), Run(parse("-o", str(out))) as run:
        run.open(str(tmp_path / "more")).write(b"x")
        raise Stop(1)
    assert os.listdir(tmp_path) == []
    with Run(parse("-q", "-o", str(out))) as run:
        run.open(str(tmp_path / "more")).write(b"x")
        with pytest.raises(Usage):
            run.open(str(tmp_path))
        with pytest.raises(Usage, match="named for two outputs"):
            run.open(str(out))
    assert (tmp_path / "more").read_bytes() == b"x\n" and out.read_bytes() == b""
    assert sorted(os.listdir(tmp_path)) == ["more", "o"]


def test_no_descriptor_is_left_open(tmp_path):
    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("no /proc")
    (tmp_path / "a").write_bytes(GOOD * 10)
    before = len(os.listdir("/proc/self/fd"))
    for number in range(10):
        with Run(parse("-q", str(tmp_path / "a"), "-o", str(tmp_path / "o"))) as run:
            for line, _ in run.records():
                run.write(line)
                if number % 2:
                    break
        with pytest.raises(Usage):
            Run(parse("-o", str(tmp_path / "o"), "--rejects", str(tmp_path))).__enter__()
    assert len(os.listdir("/proc/self/fd")) == before
    assert sorted(os.listdir(tmp_path)) == ["a", "o"]


# --- memory ---------------------------------------------------------------------------------------------


PEAK = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(done.returncode, peak if sys.platform != "darwin" else peak // 1024)
"""


def peak(shell, *command):
    """(status, peak of memory in MB) of a command."""
    done = shell.run("python3", "-c", PEAK, *command)
    status, size = done.stdout.split()
    return int(status), int(size) / 1024


def rle(byte, blocks):
    """A Zstandard frame of 128 kB blocks in 4 bytes each: the smallest bomb."""
    head = b"\x28\xb5\x2f\xfd\x00" + bytes([(17 - 10) << 3])
    middle = ((131072 << 3) | 2).to_bytes(3, "little") + byte
    last = ((131072 << 3) | 3).to_bytes(3, "little") + byte
    return head + middle * (blocks - 1) + last


def test_a_bomb_stays_in_its_bounds(shell):
    put(shell, a=rle(b"a", 4000), b=rle(b"\n", 8))  # 500 MB in 16 kB; a million empty lines
    machine = zstandard.ZstdCompressor(level=19)
    put(shell, c=machine.compress(GOOD + bytes(200 << 20)), d=gzip.compress(bytes(200 << 20)))
    for name, status in (("a", 1), ("b", 0), ("c", 1), ("d", 1)):
        found, size = peak(shell, "afs-validate", "--max-record", "1M", name)
        assert found == status
        assert size < 80, f"{name}: {size:.0f} MB"


def test_a_line_of_100_megabytes(shell):
    put(shell, a=b'{"instruction":"%s","output":"x"}\n' % (b"y" * 100_000_000) + GOOD)
    found, size = peak(shell, "afs-validate", "a", "-o", "o")
    assert found == 0 and size < 100 * 6
    assert (shell.folder / "o").read_bytes() == (shell.folder / "a").read_bytes()


def test_many_records_take_no_more_than_a_few(shell):
    line = b'{"instruction":"%s","output":"%s"}\n' % (b"question " * 30, b"answer " * 100)
    put(shell, a=line * 60_000)  # 60 MB
    found, size = peak(shell, "afs-validate", "a", "-o", "o")
    assert found == 0 and size < 64, f"{size:.0f} MB"


# --- terminals ------------------------------------------------------------------------------------------


def on_terminal(shell, *args, feed=b"", seconds=0.0, stdin_too=False):
    """(status, what the terminal showed) with stderr, and stdin if asked, on a terminal."""
    main, side = pty.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = subprocess.Popen(
        list(map(str, args)), cwd=shell.folder, env=shell.env | {"TERM": "xterm"},
        stdin=side if stdin_too else subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=side,
    )  # fmt: skip
    os.close(side)
    if stdin_too:
        os.write(main, feed + b"\x04")
    else:
        for _ in range(int(seconds / 0.05)):
            process.stdin.write(feed)
            process.stdin.flush()
            time.sleep(0.05)
        process.stdin.close()
    shown = b""
    try:
        while data := os.read(main, 65536):
            shown += data
    except OSError:  # Linux says so when the other side is closed
        pass
    os.close(main)
    return process.wait(30), shown


def test_a_terminal_as_input_is_told_what_is_awaited(shell):
    status, shown = on_terminal(shell, "afs-validate", feed=GOOD, stdin_too=True)
    assert status == 0
    assert b"afs-validate: reading standard input from the terminal; name a FILE or use a pipe\r\n" in shown
    assert b"1 read, 1 written" in shown
    status, shown = on_terminal(shell, "afs-validate", "--help", stdin_too=True)
    assert status == 0 and b"terminal" not in shown
    put(shell, a=GOOD)
    status, shown = on_terminal(shell, "afs-validate", "a", stdin_too=True)
    assert status == 0 and shown.endswith(b"afs-validate: 1 read, 1 written\r\n") and b"terminal" not in shown


def test_a_bar_shows_on_a_terminal_when_the_work_is_long(shell):
    status, shown = on_terminal(shell, "afs-validate", "--rejects", "r", feed=GOOD * 100, seconds=1.6)
    assert status == 0
    assert b"B/s" in shown and shown.rstrip().endswith(b"3200 read, 3200 written")
    status, shown = on_terminal(shell, "afs-validate", feed=GOOD, seconds=0.1)
    assert status == 0 and b"B/s" not in shown and b"\x1b" not in shown
    status, shown = on_terminal(shell, "afs-validate", "-q", feed=GOOD, seconds=1.6)
    assert (status, shown) == (0, b"")


def test_messages_and_the_bar_do_not_share_a_line(shell):
    status, shown = on_terminal(shell, "afs-validate", feed=GOOD + b"x\n", seconds=1.6)
    assert status == 1
    messages = [line for line in shown.replace(b"\r\n", b"\n").split(b"\n") if b"not JSON" in line]
    assert len(messages) == 32
    for line in messages:
        assert line.rpartition(b"\r")[2].startswith(b"afs-validate: stdin:")


def test_there_is_no_bar_in_a_pipe(shell):
    process = shell.start("afs-validate")
    for _ in range(25):
        process.stdin.write(GOOD)
        process.stdin.flush()
        time.sleep(0.05)
    _, stderr = process.communicate()
    assert stderr == b"afs-validate: 25 read, 25 written\n"
