"""What a command says on standard error, and the two ways to end it early."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # typing is not loaded at run time: it costs as much as argparse's parse
if TYPE_CHECKING:
    from typing import NoReturn


class Usage(Exception):
    """A wrong call: exit 2, nothing written."""


class Stop(Exception):
    """Ends a run with a status and a message already said."""


def fail(what: str) -> NoReturn:
    """End the command as wrongly used: `afs-x: what` and exit 2."""
    raise Usage(what)


def say(text: str) -> None:
    """One line on standard error under the command's name. No one listening there stops no run."""
    if not text.isprintable():  # a file name may hold a newline or a terminal's codes
        text = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    try:
        sys.stderr.write(f"{name()}: {text}\n")
    except OSError:
        pass


def name() -> str:
    """The command as it was called."""
    return os.path.basename(sys.argv[0])


def show(path: str) -> str:
    """A path as it may stand in a file: relative, or from ~, or its last part."""
    if not os.path.isabs(path):
        return path
    for root, prefix in ((os.getcwd(), ""), (os.path.expanduser("~"), "~/")):
        if path.startswith(root.rstrip("/") + "/"):
            return prefix + os.path.relpath(path, root)
    return os.path.basename(path)


def reason_of(error: OSError) -> str:
    """What the system says of an error, in small letters."""
    return (error.strerror or str(error)).lower()
