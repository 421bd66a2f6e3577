"""Notes of a memory store: text with or without front matter -> an entry of fields.

Of YAML only what people write above notes is read: plain and quoted texts, and lists of them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from afs.logs.conversation import Note

_KEY = re.compile(r"([A-Za-z_][A-Za-z0-9_-]*)\s*:(?:\s+(.*))?\Z", re.S)
_ITEM = re.compile(r"\s*-\s+(.*)\Z", re.S)
_HEADING = re.compile(r"#\s+(.+?)(?:\s+#+)?\s*\Z")
_MOST_HEAD = 64 << 10


def entry(data: bytes, path: str, note: Note) -> dict[str, Any] | None:
    """The entry of a note: the fields of its front matter, `content`, and a `title` where it has one.

    Bytes that are no UTF-8 become U+FFFD, and are noted; a file of binary data gives None.
    """
    if b"\0" in data:
        note("skipped", path, 0, "binary data")
        return None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        note("skipped", path, data.count(b"\n", 0, error.start) + 1, "bytes that are no UTF-8, replaced")
        text = data.decode("utf-8-sig", "replace")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    fields, body = front_matter(text)
    body = body.strip("\n").rstrip()
    if not body.strip():
        note("skipped", path, 0, "an empty note")
        return None
    title = fields.get("title")
    if type(title) is not str or not title.strip():
        fields["title"] = heading(body) if not path.lower().endswith(".txt") else ""
    return {**fields, "content": body}


def heading(text: str) -> str:
    """The heading with which a text begins, "" where it begins with other text."""
    match = _HEADING.match(text.lstrip("\n").partition("\n")[0])
    return match[1] if match else ""


def front_matter(text: str) -> tuple[dict[str, Any], str]:
    """(fields, the rest) of a note; no fields where no front matter of at most 64 kB is closed."""
    if not text.startswith("---"):
        return {}, text
    head = text[:_MOST_HEAD].split("\n")
    ends = (at for at, line in enumerate(head) if at and line.rstrip() in ("---", "..."))
    end = next(ends, 0) if head[0].rstrip() == "---" else 0
    if not end:
        return {}, text
    fields: dict[str, Any] = {}
    key = ""
    open_list = ""
    for line in head[1:end]:
        if open_list:  # a list in brackets that goes on for lines
            open_list += " " + line.strip()
        elif match := _KEY.match(line):
            key, value = match[1].lower(), (match[2] or "").strip()
            open_list = value if value.startswith("[") else ""
            fields[key] = "" if value[:1] in ("|", ">") else _scalar(value)
        elif (match := _ITEM.match(line)) and key:
            items = fields[key] if type(fields[key]) is list else []
            fields[key] = [*items, _scalar(match[1])]
        if open_list and "]" in open_list:
            inner = open_list[1 : open_list.rindex("]")]
            fields[key] = [item for item in map(_scalar, inner.split(",")) if item]
            open_list = ""
    return fields, "\n".join(text.split("\n")[end + 1 :])


def _scalar(value: str) -> str:
    value = value.strip()
    if value[:1] in ("'", '"') and (end := value.find(value[0], 1)) > 0:
        return value[1:end]
    return re.sub(r"(?:\A|\s)#.*\Z", "", value, flags=re.S).strip()
