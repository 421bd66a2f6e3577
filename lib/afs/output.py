"""Where lines go: a file that appears whole or not at all, or straight into standard output."""

from __future__ import annotations

import contextlib
import os
import re
import stat

TYPE_CHECKING = False  # typing is not loaded at run time: it costs as much as argparse's parse
if TYPE_CHECKING:
    from typing import Any

_BUFFER = 1 << 17


class Output:
    """Lines into a file that appears whole or not at all, or straight into standard output.

    A regular file gets a hidden temporary twin in its folder (created exclusively, mode 0600, locked),
    which finish() syncs and commit() renames over it; discard() removes it. Devices, FIFOs, /dev/fd/N
    and "-" are written directly. `.gz` and `.zst` by suffix, with no name and time 0. Mode and owner are
    those of the old file; without one the mode is 0600 if `private`, else what the umask leaves.
    `target` is the file that will appear, "-" for standard output, "" for other streams.
    """

    def __init__(self, path: str, private: bool = False) -> None:
        self.path = path
        self._lines: list[bytes] = []
        self._size = 0
        self._flushed = 0
        self._temporary = ""
        self._finished = False
        self._press = _press(path)
        self._fd, self.target = _open_direct(path)
        if self._fd < 0:
            self.target = os.path.realpath(path)
            self._old = _stat(self.target)
            self._mode = stat.S_IMODE(self._old.st_mode) if self._old else 0o600 if private else _umasked()
            self._fd, self._temporary = _open_temporary(self.target)

    @property
    def count(self) -> int:
        """Lines written so far."""
        return self._flushed + len(self._lines)

    def write(self, line: bytes) -> None:
        """Write one line; the newline is added here."""
        self._lines.append(line)
        self._size += len(line)
        if self._size > _BUFFER:
            self.flush()

    def flush(self) -> None:
        """Hand all lines to the system (compressed streams keep what they still gather)."""
        if self._lines:
            self._flushed += len(self._lines)
            self._lines.append(b"")
            data = b"\n".join(self._lines)
            self._lines, self._size = [], 0
            self._write(self._press.compress(data) if self._press else data)

    def finish(self) -> None:
        """Everything that can still fail for want of space, before any file of a run appears."""
        if self._finished:
            return
        self.flush()
        if self._press:
            self._write(self._press.flush())
        if self._temporary:
            self._dress()
            os.fsync(self._fd)
        self._finished = True

    def commit(self) -> None:
        """Make the file appear under its name."""
        self.finish()
        if self._temporary:
            os.rename(self._temporary, self.target)
            self._temporary = ""
            _sync_folder(os.path.dirname(self.target))
        self._close()

    def discard(self) -> None:
        """Leave the old file as it is."""
        self._lines, self._size = [], 0
        if self._temporary:
            with contextlib.suppress(OSError):  # gone already, or renamed just before an interrupt
                os.unlink(self._temporary)
            self._temporary = ""
        self._close()

    def _write(self, data: bytes) -> None:
        try:
            _write(self._fd, data)
        except OSError as error:
            error.filename = "standard output" if self.target == "-" else self.path
            raise

    def _dress(self) -> None:
        """Give the twin the mode of the old file, and its owner where that is allowed."""
        mode = self._mode
        if self._old:
            for owner in ((-1, self._old.st_gid), (self._old.st_uid, -1)):
                with contextlib.suppress(OSError):
                    os.fchown(self._fd, *owner)
            if os.fstat(self._fd).st_gid != self._old.st_gid:  # the rights of one group are not another's
                mode &= ~0o070 | (mode & 0o007) << 3
        os.fchmod(self._fd, mode)

    def _close(self) -> None:
        if self._fd > 2:
            os.close(self._fd)
        self._fd = -1


def _write(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(fd, view) :]
        except BlockingIOError:  # a reader left the pipe in non-blocking mode
            import select

            select.select([], [fd], [])


def _open_direct(path: str) -> tuple[int, str]:
    """(descriptor, "-" or "") of what is not a regular file of its own; a descriptor of -1 for one."""
    if path == "-":
        return 1, "-"
    name = {"/dev/stdout": "/dev/fd/1", "/dev/stderr": "/dev/fd/2"}.get(path, path)
    if found := re.fullmatch(r"/(?:dev|proc/self)/fd/([0-9]{1,6})", name):
        return os.dup(int(found[1])), "-" if found[1] == "1" else ""
    old = _stat(path)
    if (old is None and not path.endswith("/") and path) or (old and stat.S_ISREG(old.st_mode)):
        return -1, ""
    # A folder fails here with its own message, and so does the name of one that does not exist.
    return os.open(path, os.O_WRONLY), ""


def _stat(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None


def _umasked() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return 0o666 & ~mask


def _open_temporary(target: str) -> tuple[int, str]:
    import fcntl

    folder, name = os.path.split(target)
    os.makedirs(folder, exist_ok=True)
    stem = os.fsdecode(b"." + os.fsencode(name)[:200])  # a name may have 255 bytes
    _remove_leftovers(folder, stem)
    while True:
        path = os.path.join(folder, f"{stem}.{os.urandom(4).hex()}.afs-part")
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with contextlib.suppress(OSError):  # a file system without locks: leftovers stay, nothing else
                fcntl.flock(fd, fcntl.LOCK_EX)
            if os.fstat(fd).st_nlink:
                return fd, path
        except BaseException:  # an interrupt while another run holds the lock
            os.unlink(path)
            raise
        os.close(fd)  # another run took it for a leftover before it was locked


def _remove_leftovers(folder: str, stem: str) -> None:
    """Remove what a killed run on the same name left: a lock ends with its process."""
    import fcntl

    leftover = re.compile(re.escape(stem) + r"\.[0-9a-f]{8}\.afs-part")
    for entry in os.listdir(folder):
        if leftover.fullmatch(entry):
            path = os.path.join(folder, entry)
            try:
                fd = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            except OSError:
                continue
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.unlink(path)
            except OSError:
                pass  # in use, or gone already
            finally:
                os.close(fd)


def _sync_folder(folder: str) -> None:
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    except OSError:
        pass  # some network file systems cannot; the rename stands
    finally:
        os.close(fd)


def _press(path: str) -> Any:
    if path.endswith(".gz"):
        import zlib

        return zlib.compressobj(1, zlib.DEFLATED, 31)
    if path.endswith(".zst"):
        import zstandard

        return zstandard.ZstdCompressor(level=3).compressobj()
    return None
