"""Secrets and personal data out of any JSON value: rules as data, and what cannot be made clean is said.

    redactor = Redactor()
    clean, counts = redactor.redact(record)

docs/redaction.md tells what is found and how the replacements look.
"""

from __future__ import annotations

from afs.redact.placeholders import Unclean
from afs.redact.record import Redactor, redact_line, whole
from afs.redact.rules import BadRule, Rule
from afs.redact.scan import Finding

__all__ = ["BadRule", "Finding", "Redactor", "Rule", "Unclean", "redact_line", "whole"]
