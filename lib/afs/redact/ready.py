"""The redactor that the options of a command ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from afs.messages import fail, reason_of
from afs.redact.known import BadKnown, known_from
from afs.redact.record import Redactor
from afs.redact.rules import BadRule

if TYPE_CHECKING:
    from collections.abc import Sequence


def ready(without: Sequence[str], extra_rules: Sequence[str], known: Sequence[str]) -> Redactor:
    """A redactor with --without, --rules and --known as they were given; a wrong one is a usage error."""
    try:
        return Redactor(without, extra_rules, known_from(known))
    except (BadRule, BadKnown) as error:
        fail(str(error))
    except OSError as error:
        fail(f"{error.filename}: {reason_of(error)}")
