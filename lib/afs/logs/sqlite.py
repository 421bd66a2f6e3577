"""Databases of other programs, read while these may write to them, with no trace beside them.

    -wal      -journal    how it is read
    none      none        in place, as a file that never changes (`immutable`): no lock, no file beside it
    rows      none        db and -wal copied; the copy is read, and so are the rows that are only in -wal
    any       unfinished  db and -journal copied; what was not committed is rolled back in the copy

A lock of the other program is never waited for: neither way asks for one. A copy lies in a folder of mode
0700 in the temporary folder, which goes when the reading ends, however it ends; one that a killed process
left is removed by the next process that opens a database, since a lock ends with its process.

Source of the rules: sqlite.org, "Write-Ahead Logging", "URI filenames" and "Defense against the dark arts".
"""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import re
import stat
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator
    from typing import TypeVar

    T = TypeVar("T")

MOST_COPIED = 4 << 30  # bytes; a database that is written to and is larger is left out
_TRIES = 3
_FOLDER = re.compile(r"afs-copy-[0-9a-f]{8}")
_MAGIC = b"SQLite format 3\0"
_JOURNAL_MAGIC = b"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"
_BESIDE = ("-wal", "-journal")
# A query takes some tens of instructions a row. A damaged or hostile tree may have rows without end.
_SLICE, _SLICES = 1 << 20, 1 << 11

_WORDS = {
    "SQLITE_NOTADB": "no database, or an encrypted one",
    "SQLITE_CORRUPT": "a damaged database",
    "SQLITE_INTERRUPT": "a database that takes too long to read",
    "SQLITE_TOOBIG": "a database with a value that is too large",
    "SQLITE_BUSY": "a database locked by another program",
    "SQLITE_LOCKED": "a database locked by another program",
    "SQLITE_FULL": "no room to read a database",
    "SQLITE_CANTOPEN": "a database that cannot be opened",
    "SQLITE_ERROR": "a database with other tables",
}


class Unreadable(Exception):
    """A database that cannot be used. str() says why, without its text; kind is that of a note."""

    def __init__(self, what: str, kind: str = "bad") -> None:
        super().__init__(what)
        self.kind = kind


class Changed(Unreadable):
    """Another program wrote into the database while it was read in place: what was read may be torn."""

    def __init__(self) -> None:
        super().__init__("a database that changed while it was read", "skipped")


class _Seen(NamedTuple):
    """A database and the files beside it, equal where nothing was written between two looks."""

    stamp: tuple[int, int, int]
    heads: tuple[bytes, ...]


def read(path: str, work: Callable[[sqlite3.Connection], T]) -> T:
    """What `work` makes of the database, once more over a copy where it changed while it was read in place.

    Raises Unreadable, and OSError for a file that cannot be read.
    """
    try:
        with opened(path) as connection:
            return work(connection)
    except Changed:
        with opened(path, copied=True) as connection:
            return work(connection)


@contextlib.contextmanager
def opened(path: str, copied: bool = False) -> Iterator[sqlite3.Connection]:
    """A connection that only reads: the file itself or, where that is written to or so asked, a copy.

    TEXT comes as bytearray and BLOB as bytes: what a program stores as text need not be UTF-8. An
    sqlite3.Error inside the block leaves it as Unreadable. Raises Unreadable also where the file is no
    database, Changed at the end of the block, and OSError for a file that cannot be read.
    """
    import sqlite3
    from urllib.parse import quote

    with contextlib.suppress(OSError):
        _sweep(_temporary())
    path = os.path.realpath(path)  # the files beside it are beside what a link leads to
    seen = _look(path)
    copied = copied or any(seen.heads)
    with contextlib.ExitStack() as stack:
        source = stack.enter_context(_copy(path)) if copied else path
        mode = "mode=ro" if copied else "mode=ro&immutable=1"
        if copied and os.path.exists(source + "-journal"):
            mode = "mode=rw"  # to roll back what was not committed
        try:
            connection = sqlite3.connect(f"file:{quote(os.fsencode(source))}?{mode}", uri=True, timeout=5)
            stack.callback(connection.close)
            connection.text_factory = bytearray
            left = iter(range(_SLICES))
            connection.set_progress_handler(lambda: next(left, None) is None, _SLICE)
            for setting in ("query_only=1", "trusted_schema=0", "cell_size_check=1", "mmap_size=0"):
                connection.execute(f"PRAGMA {setting}").close()
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            yield connection
        except (sqlite3.Error, sqlite3.Warning, UnicodeDecodeError) as error:  # it may quote wrong bytes
            if not copied and _look(path) != seen:
                raise Changed from None
            raise Unreadable(_words(error)) from None
    if not copied and _look(path) != seen:
        raise Changed


def columns(connection: sqlite3.Connection, table: str) -> frozenset[str]:
    """The stored columns of an ordinary table, empty where there is none of that name.

    A view, a virtual table or a computed column may run any expression, so they count as absent.
    """
    kinds = connection.execute("SELECT type, sql FROM sqlite_master WHERE name = ?", (table,)).fetchall()
    if [bytes(kind) for kind, _ in kinds] != [b"table"]:
        return frozenset()
    if re.match(rb"\s*create\s+virtual\b", kinds[0][1] or b"", re.I):
        return frozenset()
    rows = connection.execute("SELECT name, hidden FROM pragma_table_xinfo(?)", (table,)).fetchall()
    return frozenset(name.decode("utf-8", "replace") for name, hidden in rows if not hidden)


def _words(error: Exception) -> str:
    """What went wrong, never in SQLite's words: they may quote the data."""
    name = getattr(error, "sqlite_errorname", "SQLITE_CORRUPT" if isinstance(error, ValueError) else "")
    for known, words in _WORDS.items():
        if name == known or name.startswith(known + "_"):
            return words
    return f"a database that cannot be read ({name or type(error).__name__})"


# --- what is there ----------------------------------------------------------------------------------


def _look(path: str) -> _Seen:
    with open(path, "rb", opener=_quickly) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise Unreadable("no regular file", "skipped")
        head = file.read(100)
    if not head.startswith(_MAGIC):
        if not head:
            raise Unreadable("an empty file")
        if not head.strip(b"\0"):
            raise Unreadable("a file of zeros")
        raise Unreadable("no database, or an encrypted one", "skipped")
    if len(head) < 100:
        raise Unreadable("a database cut in its head")
    stamp = (status.st_ino, status.st_size, status.st_mtime_ns)
    return _Seen(stamp, tuple(_head(path + suffix) for suffix in _BESIDE))


def _head(path: str) -> bytes:
    """The head of a -wal or -journal that holds anything: it differs for each round of writing."""
    try:
        with open(path, "rb", opener=_quickly) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return b""
            head = file.read(32)
    except OSError:
        return b""
    return head if head.strip(b"\0") else b""  # a finished journal may stay with its head struck out


def _quickly(path: str, flags: int) -> int:
    """Open without following a link and without waiting for the other end of a pipe."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


# --- the copy ---------------------------------------------------------------------------------------


@contextlib.contextmanager
def _copy(path: str) -> Iterator[str]:
    """A copy in which all that was committed when it was made can be read."""
    with _folder() as folder:
        target = os.path.join(folder, "db")
        try:
            if not any(_copied(path, target) for _ in range(_TRIES)):
                raise Unreadable("a database that changed while it was copied", "skipped")
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise _no_room() from None
            raise
        yield target


def _copied(path: str, target: str) -> bool:
    """Copy, and say whether it is whole.

    The database goes first. As long as the head of the -wal is the same no page of it was written over,
    so it holds every page that was moved into the database meanwhile; in the same way a -journal of the
    same head holds every page that was changed.
    """
    before = _look(path)
    size = before.stamp[1]
    for suffix in _BESIDE:
        with contextlib.suppress(OSError):
            size += os.lstat(path + suffix).st_size
    if size > MOST_COPIED:
        raise Unreadable(f"a database of {size} bytes that is in use", "skipped")
    space = os.statvfs(os.path.dirname(target))
    if space.f_bavail * space.f_frsize < size:
        raise _no_room()
    for suffix in ("", *_BESIDE):  # of the try before
        with contextlib.suppress(FileNotFoundError):
            os.unlink(target + suffix)
    for suffix, head in zip(("", *_BESIDE), (b"database", *before.heads), strict=True):
        if head:
            try:
                _duplicate(path + suffix, target + suffix)
            except FileNotFoundError:
                if not suffix:
                    raise
                return False
    if before.heads[1] and _names_another(target + "-journal"):
        # SQLite would go on to the files that it names, and may delete one of them.
        raise Unreadable("a database in a transaction with others", "skipped")
    after = _look(path)
    return after.heads == before.heads and (any(before.heads) or after.stamp == before.stamp)


def _no_room() -> Unreadable:
    return Unreadable("no room in the temporary folder for a copy of a database in use", "skipped")


def _names_another(journal: str) -> bool:
    with open(journal, "rb") as file:
        file.seek(max(0, os.path.getsize(journal) - len(_JOURNAL_MAGIC)))
        return file.read() == _JOURNAL_MAGIC


def _duplicate(source: str, target: str) -> None:
    """Copy as many bytes as the file has now."""
    with (
        open(source, "rb", opener=_quickly) as file,
        open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out,
    ):
        left = os.fstat(file.fileno()).st_size
        while left > 0 and (data := file.read(min(left, 1 << 20))):
            out.write(data)
            left -= len(data)


def _temporary() -> str:
    import tempfile

    return tempfile.gettempdir()


@contextlib.contextmanager
def _folder() -> Iterator[str]:
    """A locked folder of one's own in the temporary folder, removed at the end."""
    import fcntl

    path, fd = "", -1
    try:
        while True:
            path = os.path.join(_temporary(), f"afs-copy-{os.urandom(4).hex()}")
            try:
                os.mkdir(path, 0o700)
            except FileExistsError:
                continue
            try:
                fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            except FileNotFoundError:
                continue
            with contextlib.suppress(OSError):  # a file system without locks: leftovers stay, nothing else
                fcntl.flock(fd, fcntl.LOCK_EX)
            if os.path.exists(path):
                break
            os.close(fd)  # another process took it for a leftover before it was locked
            fd = -1
        yield path
    finally:
        if fd >= 0:
            _remove(path, fd)
            os.close(fd)


def _remove(path: str, fd: int) -> None:
    """Remove a folder of copies. Where that fails the next process tries again."""
    with contextlib.suppress(OSError):
        for name in os.listdir(fd):
            os.unlink(name, dir_fd=fd)
        os.rmdir(path)


@functools.cache
def _sweep(top: str) -> None:
    """Remove what killed processes of this user left, once a process."""
    import fcntl

    for name in os.listdir(top):
        if not _FOLDER.fullmatch(name):
            continue
        path = os.path.join(top, name)
        try:
            fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            if os.fstat(fd).st_uid == os.geteuid():
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(path, fd)
        except OSError:
            pass  # in use
        finally:
            os.close(fd)
