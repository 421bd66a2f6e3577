"""The formats that samples can be written in: one module a format, found by its name.

A format is a module with four names:

    NAME                   what --format calls it
    ABOUT                  one line for --list
    HOLDS                  what of a sample it can hold, of ALL; the rest is reported as lost
    convert(record, note)  a sample that sample.check() accepts -> the object to write

`note(kind, what)` is how a format says what it could not keep: kind is `lost` (it is not in the
output) or `adapted` (it is there in another form), and what is one word of lower-case letters. A
record that the format cannot take raises jsonl.Bad. A format never prints and reads no file.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    Note = Callable[[str, str], None]

    class Format(Protocol):
        """What a module of this package, or any object with these names, offers."""

        NAME: str
        ABOUT: str
        HOLDS: frozenset[str]

        @staticmethod
        def convert(record: dict[str, Any], note: Note) -> dict[str, Any]:
            """The object to write for a sample."""


BUILT_IN = ("alpaca", "openai", "sharegpt")
ALL = frozenset(("system", "turns", "tool_calls", "call_text", "tools", "thinking"))


class Unknown(LookupError):
    """No format has this name. Says which there are, the nearest first."""


def load(name: str) -> Format:
    """The format of this name. Raises Unknown."""
    if name not in BUILT_IN:
        import difflib

        near = difflib.get_close_matches(name, BUILT_IN)
        meant = f"did you mean {' or '.join(near)}? " if near else ""
        raise Unknown(f"no format '{name}'; {meant}known: {', '.join(BUILT_IN)}")
    import importlib

    found: Any = importlib.import_module(f"afs.converters.{name}")
    known: Format = found
    return known
