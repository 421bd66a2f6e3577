"""Secrets and personal data out of any JSON value: rules as data, and what cannot be made clean is said.

    redactor = Redactor()
    clean, counts = redactor.redact(record)

docs/redaction.md tells what is found and how the replacements look.
"""

from __future__ import annotations

from afs.redact.known import BadKnown, Known, is_own, known_from
from afs.redact.lines import redact_line, redact_lines, whole
from afs.redact.placeholders import Unclean
from afs.redact.ready import ready
from afs.redact.record import Clean, Redactor
from afs.redact.rules import BadRule, Rule
from afs.redact.search.scan import Finding

__all__ = [
    "BadKnown",
    "BadRule",
    "Clean",
    "Finding",
    "Known",
    "Redactor",
    "Rule",
    "Unclean",
    "is_own",
    "known_from",
    "ready",
    "redact_line",
    "redact_lines",
    "whole",
]
