"""The frame of every command: options, messages, counts, summaries, exits.

A command builds its parser with parser(), does its work inside `with Run(args) as run:` and ends with
run(main), which turns every way to stop into a documented exit status.
"""

from __future__ import annotations

import argparse
import io
import os
import sys

try:
    from afs import __version__, jsonl
    from afs.messages import Stop, Usage, fail, reason_of, say, show
    from afs.run import Run
except ImportError as error:
    _prog = os.path.basename(sys.argv[0])
    sys.stderr.write(f"{_prog}: {error.name} is missing; run scripts/afs-venv and activate .venv\n")
    raise SystemExit(2) from None

TYPE_CHECKING = False  # typing is not loaded at run time: it costs as much as argparse's parse
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn

    _Flag = tuple[tuple[str, ...], dict[str, Any]]

EXIT_STATUS = """\
  0    done
  1    bad data, a corrupt file, or a write that failed
  2    wrong usage, or a named input that does not exist
  3    a question or limit set by the user was answered no
  4    an outside service failed
  130  interrupted
  141  the reader went away
"""
__all__ = ["FLAGS", "Run", "Usage", "fail", "parser", "run", "say", "show"]


def size(text: str) -> int:
    """Bytes from 1048576, 512k, 64M or 2G."""
    unit = {"k": 10, "m": 20, "g": 30}.get(text[-1:].lower())
    number = float(text[:-1] if unit else text) * (1 << (unit or 0))
    if not 1 <= number < 1 << 60:
        raise ValueError(text)
    return int(number)


def share(text: str) -> float:
    """A number from 0 to 1."""
    number = float(text)
    if not 0 <= number <= 1:
        raise ValueError(text)
    return number


def whole(text: str) -> int:
    """A whole number from 0."""
    number = int(text)
    if number < 0:
        raise ValueError(text)
    return number


# The one table of flags that mean the same in every command. A command names the rows that it takes.
FLAGS: dict[str, tuple[_Flag, ...]] = {
    "input": (
        (
            ("files",),
            {"nargs": "*", "metavar": "FILE", "help": "JSON lines, plain, .gz or .zst; - or none: stdin"},
        ),
        (
            ("-i", "--input"),
            {"action": "append", "metavar": "FILE", "help": "the same as FILE; may be repeated"},
        ),
        (
            ("--max-record",),
            {
                "type": size,
                "default": jsonl.MAX_RECORD,
                "metavar": "SIZE",
                "help": "longest line held (256M)",
            },
        ),
    ),
    "output": (
        (
            ("-o", "--output"),
            {
                "default": "-",
                "metavar": "FILE",
                "help": "write here, whole or not at all; .gz and .zst by suffix",
            },
        ),
    ),
    "rejects": (
        (("--rejects",), {"metavar": "FILE", "help": "name records that cannot be used here, and go on"}),
        (
            ("--max-reject",),
            {
                "type": share,
                "metavar": "SHARE",
                "help": "exit 3 if more than this share (0 to 1) is rejected",
            },
        ),
    ),
    "rejects-text": (
        (("--rejects-text",), {"action": "store_true", "help": "put the text into --rejects as well"}),
    ),
    "dropped": (
        (("--dropped",), {"metavar": "FILE", "help": "keep what was removed here, with the reason"}),
    ),
    "summary": ((("--summary",), {"metavar": "FILE", "help": "write the counts as JSON"}),),
    "strict": (
        (("--strict",), {"action": "store_true", "help": "stop at the first record that cannot be used"}),
    ),
    "limit": ((("--limit",), {"type": whole, "metavar": "N", "help": "stop after N records are written"}),),
    "config": (
        (("--config",), {"metavar": "FILE", "help": "settings; else $AFS_CONFIG, ~/.config/afs/config.toml"}),
    ),
    "memory": (
        (
            ("--memory",),
            {
                "type": size,
                "default": 256 << 20,
                "metavar": "SIZE",
                "help": "most bytes held at once of what belongs together (256M)",
            },
        ),
    ),
    "jobs": (
        (
            ("-j", "--jobs"),
            {
                "type": whole,
                "default": 1,
                "metavar": "N",
                "help": "processes that share named plain files (1); 0: one a core",
            },
        ),
    ),
    "seed": (
        (("--seed",), {"type": int, "default": 42, "metavar": "N", "help": "what chance depends on (42)"}),
    ),
}


class Parser(argparse.ArgumentParser):
    """argparse with our messages, options and positionals in any order, and --complete for shells."""

    def error(self, message: str) -> NoReturn:
        fail(f"{message}; see {self.prog} --help")

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        if args == ["--complete"]:
            names = sorted(name for action in self._actions for name in action.option_strings)
            sys.stdout.write("".join(f"{name}\n" for name in names))
            raise SystemExit(0)
        # Behind "--" all is a FILE; parse_intermixed_args would take `-- -x` for an option again.
        args = list(sys.argv[1:] if args is None else args)
        cut = args.index("--") if "--" in args and self._takes_files() else len(args)
        found = self.parse_intermixed_args(args[:cut], namespace)
        if args[cut + 1 :]:
            found.files = [*found.files, *args[cut + 1 :]]
        return found

    def _takes_files(self) -> bool:
        return any(action.dest == "files" for action in self._actions)

    def _print_message(self, message: str, file: Any = None) -> None:
        (file or sys.stderr).write(message)  # argparse would pass over a full disk


def _formatter(prog: str) -> argparse.HelpFormatter:
    """Our layout. The width is found here because argparse would load shutil, and with it bz2 and lzma."""
    try:
        width = int(os.environ.get("COLUMNS", "")) or 80
    except ValueError:
        try:
            width = os.get_terminal_size(1).columns
        except OSError:
            width = 80
    return argparse.RawDescriptionHelpFormatter(prog, max_help_position=28, width=min(width, 110) - 2)


def parser(doc: str | None, names: str = "") -> Parser:
    """A parser described by a command's docstring, with the named rows of FLAGS, -q and --version."""
    head, _, rest = (doc or "").strip().partition("\n")
    prog = head.partition(" - ")[0]
    made = Parser(
        prog=prog,
        description=f"{head}\n{rest}".rstrip(),
        epilog=f"exit status:\n{EXIT_STATUS}",
        formatter_class=_formatter,
        allow_abbrev=False,
    )
    for name in names.split():
        for flags, settings in FLAGS[name]:
            made.add_argument(*flags, **settings)
    made.add_argument("-q", "--quiet", action="store_true", help="no closing line of counts")
    made.add_argument("--version", action="version", version=f"{prog} {__version__}")
    return made


def _interrupted(number: int, frame: Any) -> None:
    raise KeyboardInterrupt


def run(main: Callable[[list[str]], int]) -> NoReturn:
    """Run a command and leave with its status. Every way to stop ends here."""
    import signal

    for name in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(name) is signal.SIG_DFL:
            signal.signal(name, _interrupted)
    _open_streams()
    try:
        status = _called(main)
        sys.stdout.flush()
    except Usage as error:
        say(str(error))
        status = 2
    except Stop as error:
        status = error.args[0]
    except KeyboardInterrupt:
        say("interrupted")
        status = 130
    except BrokenPipeError:
        status = 141
    except ModuleNotFoundError as error:
        say(f"{error.name} is missing; run scripts/afs-venv and activate .venv")
        status = 2
    except OSError as error:
        say(f"{error.filename or 'standard output'}: {reason_of(error)}")
        status = 1
    except Exception as error:  # a fault of ours: what Python says of it may quote the data
        say(_fault(error))
        status = 1
    for stream, number in ((sys.stdout, 1), (sys.stderr, 2)):
        try:
            stream.flush()
        except OSError:  # said above; Python must not say it again at exit, with a status of its own
            os.dup2(os.open(os.devnull, os.O_WRONLY), number)
    sys.exit(status)


def _fault(error: Exception) -> str:
    """What was raised and where, without its message."""
    import traceback

    frames = traceback.extract_tb(error.__traceback__)[:-4:-1]
    where = ", called at ".join(f"{os.path.basename(frame.filename)}:{frame.lineno}" for frame in frames)
    return f"a fault of this program: {type(error).__name__} at {where}; please report it"


def _called(main: Callable[[list[str]], int]) -> int:
    try:
        return main(sys.argv[1:])
    except SystemExit as error:  # argparse after --help and --version
        return error.code if isinstance(error.code, int) else 0


def _open_streams() -> None:
    """Give closed standard streams a number that no data file can get, and standard output its encoding.

    The null device is opened the wrong way round: reading a closed input and writing to a closed output
    stay errors.
    """
    for number, flags in ((0, os.O_WRONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, flags)  # the lowest free number is this one
    sys.stdout = sys.stdout or io.TextIOWrapper(io.FileIO(1, "w", closefd=False), "utf-8")
    sys.stderr = sys.stderr or io.TextIOWrapper(io.FileIO(2, "w", closefd=False), "utf-8")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
