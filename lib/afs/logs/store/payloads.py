"""The payload of an event of the history store: in its line, or in a file that the line names."""

from __future__ import annotations

import os
from typing import Any

from afs import jsonl
from afs.logs.store.ledger import is_common


def payload(path: str, event: dict[str, Any]) -> tuple[dict[str, Any] | None, str, str]:
    """(payload of an event in the file `path`, why there is none, the file that it was read from).

    A reference leads to a file under the folder of `path` (or beside `common`) after all links, or it is
    refused. The preview is a cut text and never read. Raises OSError for a payload that cannot be read.
    """
    given = event.get("payload")
    if given is not None:
        return _wrapped(given), "", ""
    reference = event.get("payload_ref")
    if type(reference) is not str or not reference:
        return None, "payload-missing", ""
    found, why = _resolve(path, reference)
    if why:
        return None, why, ""
    if os.path.getsize(found) > jsonl.MAX_RECORD:
        return None, "payload-large", found
    with open(found, "rb") as file:
        data = file.read()
    if not _is_told(data, event.get("payload_sha256")):
        return None, "payload-changed", found
    try:
        return _wrapped(jsonl.decode(data.removeprefix(b"\xef\xbb\xbf"))), "", found
    except jsonl.Bad:
        return None, "payload-changed", found


def _resolve(path: str, reference: str) -> tuple[str, str]:
    """(file, "") of a reference, or ("", why it leads to none)."""
    if os.path.isabs(reference) or "\0" in reference or ".." in reference.replace("\\", "/").split("/"):
        return "", "payload-outside"
    folder = os.path.dirname(path)
    why = "payload-missing"
    for base in (folder, *([os.path.dirname(folder)] if is_common(path) else ())):
        real = os.path.realpath(os.path.join(base, reference))
        if not real.startswith(os.path.realpath(base).rstrip(os.sep) + os.sep):
            why = "payload-outside"
        elif os.path.isfile(real):
            return real, ""
    return "", why


def _is_told(data: bytes, told: Any) -> bool:
    """Whether a payload is the one that its event tells of; one without a hash is taken as it is."""
    if type(told) is not str or not told:
        return True
    import hashlib

    hashes = (hashlib.sha256(text).hexdigest() for text in (data, data.rstrip(b"\r\n")))
    return told.lower() in hashes


def _wrapped(value: Any) -> dict[str, Any]:
    if type(value) is dict:
        return value
    return {"items": value} if type(value) is list else {"text": value}
