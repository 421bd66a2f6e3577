"""Files that appear whole or not at all: names, modes, links, devices, leftovers, full disks."""

from __future__ import annotations

import fcntl
import gzip
import os
import resource
import signal
import stat
import subprocess
import threading
import time

import pytest
import zstandard
from afs.output import Output
from conftest import as_nobody

GOOD = b'{"instruction":"Say hi.","output":"hi"}\n'
BAD = b'{"instruction":"Say hi."}\n'
ROOT_USER = os.geteuid() == 0
full_device = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")


@pytest.fixture(autouse=True)
def umask():
    before = os.umask(0o022)
    yield
    os.umask(before)


def names(folder):
    """What lies in a folder, hidden files too, without the test's own home."""
    return sorted(name for name in os.listdir(folder) if name != "home")


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def write(path, *lines, private=False):
    out = Output(str(path), private)
    for line in lines:
        out.write(line)
    out.commit()
    return out


# --- the file itself ----------------------------------------------------------------------------------


def test_lines_are_written_each_with_its_newline(tmp_path):
    out = write(tmp_path / "o", b"one", b"", b"two")
    assert (tmp_path / "o").read_bytes() == b"one\n\ntwo\n"
    assert out.count == 3
    assert names(tmp_path) == ["o"]


def test_nothing_appears_before_commit_and_nothing_stays_after_discard(tmp_path):
    path = tmp_path / "o"
    path.write_bytes(b"old\n")
    out = Output(str(path))
    out.write(b"x" * (1 << 20))
    out.flush()
    (part,) = [name for name in names(tmp_path) if name != "o"]
    assert part.startswith(".o.") and part.endswith(".afs-part")
    assert mode(tmp_path / part) == 0o600
    out.finish()
    assert path.read_bytes() == b"old\n"
    out.discard()
    out.discard()
    assert path.read_bytes() == b"old\n" and names(tmp_path) == ["o"]


def test_no_lines_make_an_empty_file(tmp_path):
    write(tmp_path / "o")
    assert (tmp_path / "o").read_bytes() == b""
    write(tmp_path / "o.gz")
    assert gzip.decompress((tmp_path / "o.gz").read_bytes()) == b""
    write(tmp_path / "o.zst")
    assert zstandard.decompress((tmp_path / "o.zst").read_bytes()) == b""


def test_packed_by_suffix_with_the_same_bytes_every_time(tmp_path):
    lines = [b'{"n":%d}' % number for number in range(100_000)]
    for name, unpack in (("a.gz", gzip.decompress), ("a.zst", _unzstd)):
        write(tmp_path / name, *lines)
        first = (tmp_path / name).read_bytes()
        assert unpack(first) == b"\n".join(lines) + b"\n"
        assert len(first) < 600_000
        os.utime(tmp_path / name, (0, 0))
        write(tmp_path / ("other-" + name), *lines)
        assert (tmp_path / ("other-" + name)).read_bytes() == first
    header = (tmp_path / "a.gz").read_bytes()[:10]
    assert header[3] == 0 and header[4:8] == bytes(4)  # no name, no time


def _unzstd(data):
    return zstandard.ZstdDecompressor().decompressobj().decompress(data)


def test_the_mode_of_the_old_file_is_kept(tmp_path):
    path = tmp_path / "o"
    for wanted in (0o600, 0o640, 0o444, 0o755):
        path.write_bytes(b"old")
        path.chmod(wanted)
        write(path, b"new", private=wanted != 0o600)
        assert mode(path) == wanted
        path.chmod(0o600)


def test_a_new_file_has_what_the_umask_leaves_or_is_private(tmp_path):
    write(tmp_path / "o", b"x")
    assert mode(tmp_path / "o") == 0o644
    write(tmp_path / "p", b"x", private=True)
    assert mode(tmp_path / "p") == 0o600
    os.umask(0o077)
    write(tmp_path / "q", b"x")
    assert mode(tmp_path / "q") == 0o600


@pytest.mark.skipif(not ROOT_USER, reason="only root gives files away")
def test_the_owner_of_the_old_file_is_kept(tmp_path):
    path = tmp_path / "o"
    path.write_bytes(b"old")
    os.chown(path, 12345, 23456)
    path.chmod(0o640)
    write(path, b"new")
    found = path.stat()
    assert (found.st_uid, found.st_gid, mode(path)) == (12345, 23456, 0o640)


@pytest.mark.skipif(not ROOT_USER, reason="needs another user to be")
def test_another_group_gets_no_more_than_everybody(tmp_path):
    """The old file belongs to a group that the caller is not in: its rights go to no other group."""
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o777)
    for parent in (tmp_path, *tmp_path.parents[:3]):
        if parent.stat().st_uid == 0 and str(parent) != "/tmp":
            parent.chmod(parent.stat().st_mode | 0o055)
    path = folder / "o"
    path.write_bytes(b"old")
    os.chown(path, 12345, 23456)
    path.chmod(0o664)
    child = os.fork()
    if not child:
        try:
            os.setgroups([])
            os.setgid(34567)
            os.setuid(34567)
            write(path, b"new")
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    assert path.read_bytes() == b"new\n"
    assert mode(path) == 0o644


def test_missing_folders_are_made(tmp_path):
    write(tmp_path / "a" / "b" / "o", b"x")
    assert (tmp_path / "a" / "b" / "o").read_bytes() == b"x\n"


@pytest.mark.parametrize("name", ["ü" * 127, "x" * 255, "日" * 85, "a b\nc", "-x", ".hidden", "o.afs-part"])
def test_any_name_that_a_file_may_have(tmp_path, name):
    write(tmp_path / name, b"x")
    write(tmp_path / name, b"y")
    assert (tmp_path / name).read_bytes() == b"y\n"
    assert names(tmp_path) == [name]


def test_a_name_that_is_no_text(tmp_path):
    path = os.fsdecode(os.fsencode(str(tmp_path)) + b"/\xff\xfe")
    write(path, b"x")
    with open(path, "rb") as file:
        assert file.read() == b"x\n"


# --- links, devices, pipes ------------------------------------------------------------------------------


def test_a_link_is_followed_and_stays(tmp_path):
    (tmp_path / "there").mkdir()
    real, link = tmp_path / "there" / "real", tmp_path / "link"
    real.write_bytes(b"old")
    real.chmod(0o640)
    link.symlink_to("there/real")
    write(link, b"new")
    assert link.is_symlink() and real.read_bytes() == b"new\n" and mode(real) == 0o640
    assert names(tmp_path / "there") == ["real"]


def test_a_dangling_link_gets_its_file(tmp_path):
    link = tmp_path / "link"
    link.symlink_to("there/real")
    write(link, b"new")
    assert link.is_symlink() and (tmp_path / "there" / "real").read_bytes() == b"new\n"


def test_a_link_to_itself_a_folder_and_a_file_as_folder_are_wrong_usage(shell):
    (shell.folder / "loop").symlink_to("loop")
    (shell.folder / "dir").mkdir()
    (shell.folder / "file").write_bytes(b"x")
    for name in ("loop", "dir", "dir/", "file/o", "file/", "new/", ""):
        done = shell.run("afs-validate", "-o", name, stdin=GOOD)
        assert done.returncode == 2, name
        assert done.stdout == b"" and done.stderr.startswith(f"afs-validate: {name}: ".encode())
        assert done.stderr.count(b"\n") == 1
    assert names(shell.folder) == ["dir", "file", "loop"] and names(shell.folder / "dir") == []


def test_a_fifo_is_written_into(shell):
    fifo = shell.folder / "fifo"
    os.mkfifo(fifo)
    got = []
    reader = threading.Thread(target=lambda: got.append(fifo.read_bytes()))
    reader.start()
    done = shell.run("afs-validate", "-o", "fifo", stdin=GOOD)
    reader.join()
    assert done.returncode == 0 and got == [GOOD]
    assert stat.S_ISFIFO(fifo.stat().st_mode) and names(shell.folder) == ["fifo"]


def test_a_fifo_whose_reader_goes_away_ends_the_run(shell):
    fifo = shell.folder / "fifo"
    os.mkfifo(fifo)
    reader = threading.Thread(target=lambda: os.close(os.open(fifo, os.O_RDONLY)))
    reader.start()
    done = shell.run("afs-validate", "-o", "fifo", "--summary", "s", stdin=GOOD * 20_000)
    reader.join()
    assert (done.returncode, done.stderr) == (141, b"")
    assert names(shell.folder) == ["fifo"]


def test_dev_null_stays_a_device(shell):
    done = shell.run("afs-validate", "-o", "/dev/null", stdin=GOOD)
    assert (done.returncode, done.stdout) == (0, b"")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_numbered_descriptors(shell):
    (shell.folder / "in").write_bytes(GOOD)
    done = shell.bash("afs-validate -q -o /dev/fd/3 in 3>&1 >/dev/null | cat")
    assert done.stdout == GOOD
    done = shell.bash("echo first >log; afs-validate -q -o /dev/fd/4 in 4>>log; cat log")
    assert done.stdout == b"first\n" + GOOD
    done = shell.bash("{ echo first; afs-validate -q -o /dev/fd/5 in; echo last; } 5>log >&5; cat log")
    assert done.stdout == b"first\n" + GOOD + b"last\n"
    done = shell.bash("afs-validate -q -o >(cat >copy) in; until [ -s copy ]; do sleep .01; done; cat copy")
    assert done.stdout == GOOD
    done = shell.bash("afs-validate -q -o /dev/stdout in; afs-validate -q -o - in")
    assert done.stdout == GOOD * 2
    done = shell.bash("echo first >log; afs-validate -q -o /dev/stdout in >>log; cat log")
    assert done.stdout == b"first\n" + GOOD
    done = shell.run("afs-validate", "-q", "-o", "/dev/stderr", "in")
    assert (done.stdout, done.stderr) == (b"", GOOD)


def test_a_descriptor_that_is_not_open(shell):
    done = shell.run("afs-validate", "-o", "/dev/fd/77", stdin=GOOD)
    assert done.returncode == 2 and done.stderr.startswith(b"afs-validate: /dev/fd/77: bad file descriptor")


def test_a_descriptor_for_reading_only(shell):
    done = shell.bash("echo x >f; afs-validate -o /dev/fd/6 6<f; echo $?; cat f", stdin=GOOD)
    assert done.stdout == b"1\nx\n"
    assert done.stderr == b"afs-validate: /dev/fd/6: bad file descriptor\n"


# --- two outputs, several runs --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "args",
    [
        ("-o", "x", "--rejects", "x"),
        ("-o", "x", "--rejects", "./y/../x"),
        ("-o", "x", "--summary", "link"),
        ("--rejects", "x", "--summary", "x"),
        ("--summary", "-"),
        ("--rejects", "/dev/stdout"),
        ("-o", "/dev/stdout", "--summary", "/dev/fd/1"),
    ],
)
def test_two_outputs_of_one_name_are_refused(shell, args):
    (shell.folder / "link").symlink_to("x")
    (shell.folder / "y").mkdir()
    (shell.folder / "x").write_bytes(b"old")
    done = shell.run("afs-validate", *args, stdin=GOOD + BAD)
    assert done.returncode == 2 and b"named for two outputs" in done.stderr and done.stdout == b""
    assert (shell.folder / "x").read_bytes() == b"old"
    assert names(shell.folder) == ["link", "x", "y"]


def test_devices_may_be_named_twice(shell):
    done = shell.run("afs-validate", "-o", "/dev/null", "--rejects", "/dev/null", stdin=GOOD + BAD)
    assert done.returncode == 0
    done = shell.run("afs-validate", "-q", "-o", "x", "--summary", "-", stdin=GOOD)
    assert done.returncode == 0 and b'"written":1' in done.stdout


def test_leftovers_of_a_killed_run_are_removed(tmp_path):
    (tmp_path / ".o.0123abcd.afs-part").write_bytes(b"dead")
    others = [
        ".o.txt.0123abcd.afs-part",  # of o.txt
        ".o.notes.afs-part",
        ".o.0123ABCD.afs-part",
        "o.0123abcd.afs-part",
        ".o.0123abcd.afs-part.bak",
    ]
    for name in others:
        (tmp_path / name).write_bytes(b"alive")
    (tmp_path / ".o.00000000.afs-part").symlink_to(others[0])
    os.mkfifo(tmp_path / ".o.00000001.afs-part")  # must not be waited for
    write(tmp_path / "o", b"x")
    assert names(tmp_path) == sorted([*others, "o", ".o.00000000.afs-part", ".o.00000001.afs-part"])


def test_a_run_in_progress_keeps_its_file(tmp_path):
    first = Output(str(tmp_path / "o"))
    first.write(b"first")
    second = Output(str(tmp_path / "o"))
    second.write(b"second")
    third = os.open(tmp_path / ".o.00000000.afs-part", os.O_WRONLY | os.O_CREAT)
    fcntl.flock(third, fcntl.LOCK_EX)
    Output(str(tmp_path / "o")).discard()
    assert (tmp_path / ".o.00000000.afs-part").exists()
    os.close(third)
    second.commit()
    assert (tmp_path / "o").read_bytes() == b"second\n"
    first.commit()
    assert (tmp_path / "o").read_bytes() == b"first\n"
    Output(str(tmp_path / "o")).discard()
    assert names(tmp_path) == ["o"]


def test_many_runs_on_one_name_at_once(shell):
    """Whoever is last has its whole file there, and nothing is left over."""
    running = [shell.start("afs-validate", "-q", "-o", "o") for _ in range(6)]
    for number, process in enumerate(running):
        process.stdin.write(b'{"instruction":"%d","output":"x"}\n' % number * 3000)
        process.stdin.close()
    for process in running:
        assert process.wait(60) == 0 and process.stderr.read() == b""
        process.stdout.close()
        process.stderr.close()
    lines = (shell.folder / "o").read_bytes().splitlines()
    assert len(lines) == 3000 and len(set(lines)) == 1
    assert names(shell.folder) == ["o"]


def test_no_descriptor_is_left_open(tmp_path):
    if not os.path.isdir("/proc/self/fd"):
        pytest.skip("no /proc")
    before = len(os.listdir("/proc/self/fd"))
    for number in range(20):
        write(tmp_path / "o", b"x")
        Output(str(tmp_path / "p.gz")).discard()
        Output("/dev/null").discard()
        if number % 2:
            with pytest.raises(OSError):
                Output(str(tmp_path))
    assert len(os.listdir("/proc/self/fd")) == before


# --- writes that fail -----------------------------------------------------------------------------------


@full_device
def test_a_full_device(shell):
    for args in (
        ("-o", "/dev/full"),
        ("-o", "x", "--rejects", "/dev/full"),
        ("-o", "x", "--summary", "/dev/full"),
    ):
        (shell.folder / "x").write_bytes(b"old")
        done = shell.run("afs-validate", *args, stdin=GOOD + BAD)
        assert done.returncode == 1
        assert done.stderr.endswith(b"afs-validate: /dev/full: no space left on device\n")
        assert (shell.folder / "x").read_bytes() == b"old" and names(shell.folder) == ["x"]


@full_device
@pytest.mark.parametrize("args", [(), ("--help",), ("--version",), ("--complete",)])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_standard_output_is_never_a_success(shell, args, unbuffered):
    shell.env["PYTHONUNBUFFERED"] = unbuffered
    with open("/dev/full", "wb") as full:
        done = shell.run("afs-validate", *args, stdin=GOOD, stdout=full)
    assert done.returncode == 1
    assert done.stderr == b"afs-validate: standard output: no space left on device\n"


def _small_files():
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
def test_a_file_that_may_not_grow(shell, suffix):
    (shell.folder / f"o{suffix}").write_bytes(b"old")
    lines = b"".join(
        b'{"instruction":"%s","output":"x"}\n' % os.urandom(40).hex().encode() for _ in range(9000)
    )
    process = subprocess.run(
        ["afs-validate", "-o", f"o{suffix}"],
        cwd=shell.folder, env=shell.env, input=lines, check=False,
        capture_output=True, preexec_fn=_small_files,
    )  # fmt: skip
    assert process.returncode == 1
    assert process.stderr == f"afs-validate: o{suffix}: file too large\n".encode()
    assert (shell.folder / f"o{suffix}").read_bytes() == b"old" and names(shell.folder) == [f"o{suffix}"]


@pytest.fixture
def tiny_disk(tmp_path):
    """A file system of 64 kB, where that can be made."""
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(folder)], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("no right to mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_runs_full_keeps_every_old_file(shell, tiny_disk):
    """No file of a run appears where another of the same run finds no room."""
    old = {"o": b"old\n", "r": b"old rejects\n", "s": b"old summary\n"}
    for name, data in old.items():
        (tiny_disk / name).write_bytes(data)
    # The good lines fit, the rejects do not, and they are still in memory when the input ends.
    bad = b"".join(b'{"instruction":"%d","bad":"%s"}\n' % (n, b"y" * 200) for n in range(300))
    args = (
        "-o",
        tiny_disk / "o",
        "--rejects",
        tiny_disk / "r",
        "--rejects-text",
        "--summary",
        tiny_disk / "s",
    )
    done = shell.run("afs-validate", *args, stdin=GOOD * 10 + bad)
    assert done.returncode == 1
    assert done.stderr == f"afs-validate: {tiny_disk}/r: no space left on device\n".encode()
    assert {name: (tiny_disk / name).read_bytes() for name in names(tiny_disk)} == old
    done = shell.run("afs-validate", *args, stdin=GOOD * 10)
    assert done.returncode == 0 and (tiny_disk / "o").read_bytes() == GOOD * 10


@pytest.mark.skipif(not ROOT_USER, reason="needs another user to be")
def test_a_folder_that_cannot_be_written(shell):
    (shell.folder / "closed").mkdir(mode=0o555)
    (shell.folder / "in").write_bytes(GOOD)
    status, stderr = as_nobody(shell, "afs-validate", "-o", "closed/o", "in")
    assert status == 2
    assert (
        stderr == b"afs-validate: closed/o: permission denied; name a file in a folder that can be written\n"
    )


@pytest.mark.parametrize("stream", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_standard_streams_never_become_data_files(shell, stream):
    (shell.folder / "in").write_bytes(GOOD + BAD)
    done = shell.bash(f"afs-validate -o o --rejects r --summary s in {stream}; echo $?")
    assert done.stdout == b"0\n"
    assert (shell.folder / "o").read_bytes() == GOOD
    assert (shell.folder / "r").read_bytes().count(b"\n") == 1
    assert (shell.folder / "s").read_bytes().count(b"\n") == 1


def test_closed_streams_that_are_needed_are_errors(shell):
    (shell.folder / "in").write_bytes(GOOD)
    done = shell.bash("afs-validate in >&-; echo $?")
    assert (done.stdout, done.stderr) == (b"1\n", b"afs-validate: standard output: bad file descriptor\n")
    done = shell.bash("afs-validate -q <&-; echo $?")
    assert (done.stdout, done.stderr) == (b"1\n", b"afs-validate: stdin:1: bad file descriptor\n")
    done = shell.bash("afs-validate --help >&-; echo $?")
    assert (done.stdout, done.stderr) == (b"1\n", b"afs-validate: standard output: bad file descriptor\n")
    done = shell.bash("afs-validate nothing 2>&-; echo $?; afs-validate in 2>/dev/full")
    assert done.stdout == b"2\n" + GOOD


def test_a_pipe_left_in_non_blocking_mode_gets_every_line():
    """What another program did to a shared pipe must not lose lines."""
    front, back = os.pipe()
    os.set_blocking(back, False)
    got = bytearray()

    def take():
        while data := os.read(front, 1000):
            got.extend(data)

    out = Output(f"/dev/fd/{back}")
    reader = threading.Timer(0.2, take)
    reader.start()
    for _ in range(3000):
        out.write(b"x" * 500)
    out.commit()
    os.close(back)
    reader.join()
    os.close(front)
    assert len(got) == 3000 * 501


def test_an_interrupt_while_a_fifo_waits_leaves_nothing(shell):
    os.mkfifo(shell.folder / "fifo")
    process = shell.start("afs-validate", "-o", "o", "--rejects", "fifo")
    while not any(name.endswith(".afs-part") for name in names(shell.folder)):
        assert process.poll() is None
    time.sleep(0.2)  # now it waits for a reader of the fifo
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=30)
    assert (process.returncode, stderr) == (130, b"afs-validate: interrupted\n")
    assert names(shell.folder) == ["fifo"]
