"""Where lines go: a file that appears whole or not at all, or straight into standard output."""

from __future__ import annotations

import os
import stat

TYPE_CHECKING = False  # typing is not loaded at run time: it costs as much as argparse's parse
if TYPE_CHECKING:
    from typing import Any

_BUFFER = 1 << 17


class Output:
    """Lines into a file that appears whole or not at all, or straight into standard output.

    A regular file gets a hidden temporary twin in its folder (created exclusively, mode 0600, locked),
    which commit() syncs and renames over it; discard() removes it. Devices, FIFOs, /dev/fd/N and "-" are
    written directly. `.gz` and `.zst` by suffix, with no name and time 0. Without an old file the mode
    is 0600 if `private`, else what the umask leaves.
    """

    def __init__(self, path: str, private: bool = False) -> None:
        self.path = path
        self._lines: list[bytes] = []
        self._size = 0
        self._flushed = 0
        self._temporary = ""
        self._fd, self._target = _open_direct(path), ""
        if self._fd < 0:
            self._target = os.path.realpath(path)
            self._mode = _mode(self._target, private)
            self._fd, self._temporary = _open_temporary(self._target)
        self._press = _press(path)

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
            _write(self._fd, self._press.compress(data) if self._press else data)

    def commit(self) -> None:
        """Make the file appear under its name."""
        self.flush()
        if self._press:
            _write(self._fd, self._press.flush())
        if self._temporary:
            os.fchmod(self._fd, self._mode)
            os.fsync(self._fd)
            os.rename(self._temporary, self._target)
            self._temporary = ""
            _sync_folder(os.path.dirname(self._target))
        self._close()

    def discard(self) -> None:
        """Leave the old file as it is."""
        self._lines, self._size = [], 0
        if self._temporary:
            os.unlink(self._temporary)
            self._temporary = ""
        self._close()

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


def _open_direct(path: str) -> int:
    """A descriptor for what is not a regular file of its own; -1 for a regular file."""
    if path == "-":
        return 1
    for prefix in ("/dev/fd/", "/proc/self/fd/"):
        if path.startswith(prefix) and path[len(prefix) :].isdigit():
            return os.dup(int(path[len(prefix) :]))
    if path in ("/dev/stdout", "/dev/stderr"):
        return os.dup(1 if path == "/dev/stdout" else 2)
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return -1
    if stat.S_ISREG(mode):
        return -1
    return os.open(path, os.O_WRONLY)  # a folder fails here with its own message


def _mode(target: str, private: bool) -> int:
    try:
        return stat.S_IMODE(os.stat(target).st_mode)
    except FileNotFoundError:
        mask = os.umask(0o077)
        os.umask(mask)
        return 0o600 if private else 0o666 & ~mask


def _open_temporary(target: str) -> tuple[int, str]:
    import fcntl

    folder, name = os.path.split(target)
    os.makedirs(folder, exist_ok=True)
    _remove_leftovers(folder, name)
    while True:
        path = os.path.join(folder, f".{name[:200]}.{os.urandom(4).hex()}.afs-part")
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(fd, fcntl.LOCK_EX)
        if os.fstat(fd).st_nlink:
            return fd, path
        os.close(fd)  # another run took it for a leftover before it was locked


def _remove_leftovers(folder: str, name: str) -> None:
    """Remove what a killed run on the same name left: a lock ends with its process."""
    import fcntl

    for entry in os.listdir(folder):
        if entry.startswith(f".{name[:200]}.") and entry.endswith(".afs-part"):
            path = os.path.join(folder, entry)
            try:
                fd = os.open(path, os.O_WRONLY | os.O_NOFOLLOW)
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
