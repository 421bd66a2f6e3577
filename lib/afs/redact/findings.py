"""Findings fit to be shown: where they are and what they are, and never the value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from afs.redact.flat import PIECE, pointers
from afs.redact.placeholders import Placeholders, Unclean
from afs.redact.record import put

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from afs.redact.record import Redactor, Seen
    from afs.redact.search.scan import Finding
    from afs.redact.sticky import Held


class Found(NamedTuple):
    """A finding in a value: the JSON pointer of its string, the finding, and a tag of what was found."""

    pointer: str
    finding: Finding
    tag: str


def check(redactor: Redactor, value: Any) -> list[Found]:
    """What one value holds. Raises Unclean where it cannot be searched."""
    held = redactor.conversation()
    (seen,) = redactor.check_all([value], held)
    if isinstance(seen, Unclean):
        raise seen
    return list(listed(redactor, value, seen, held))


def listed(
    redactor: Redactor, value: Any, seen: Sequence[Seen], held: Held, key: bytes = b""
) -> Iterator[Found]:
    """The findings of a value with their places. No pointer holds what is `held` of the conversation.

    With a `key` the tag is 16 hexadecimal digits of HMAC-SHA-256 of the value, whatever form it was
    found in: equal for equal values under one key, and no help to guess the value without it.
    """
    import hmac

    places = Placeholders(redactor.keeps, set(), held.value)

    def mask(name: str) -> str:
        return put(name, redactor.merged([*redactor.find(name), *held.find(name)]), places)

    def tag(secret: str) -> str:
        data = held.value(secret).encode("utf-8", "surrogatepass")
        return hmac.new(key, data, "sha256").hexdigest()[:16]

    wanted = {one.number for one in seen}
    where = {number: place for number, place in enumerate(pointers(value, mask)) if number in wanted}
    for number, text, found in seen:
        for one in found:
            if one.type != PIECE:
                yield Found(where[number], one, tag(text[one.start : one.end]) if key else "")
