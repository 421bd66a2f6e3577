"""What the texts of Antigravity's steps mean: what was typed, what the client put in, what tools said."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

# Which step tells the result of which tool. A tool or a type that is not here may go with any.
RESULTS = {
    "ask_question": ("ASK_QUESTION",),
    "browser_subagent": ("BROWSER_SUBAGENT",),
    "call_mcp_tool": ("MCP_TOOL",),
    "command_status": ("COMMAND_STATUS",),
    "find_by_name": ("FIND",),
    "generate_image": ("GENERATE_IMAGE",),
    "grep_search": ("GREP_SEARCH",),
    "invoke_subagent": ("INVOKE_SUBAGENT", "AGENCY_TOOL_CALL"),
    "list_dir": ("LIST_DIRECTORY",),
    "multi_replace_file_content": ("CODE_ACTION",),
    "notify_user": ("NOTIFY_USER",),
    "read_url_content": ("READ_URL_CONTENT",),
    "replace_file_content": ("CODE_ACTION",),
    "run_command": ("RUN_COMMAND",),
    "search_web": ("SEARCH_WEB",),
    "send_command_input": ("SEND_COMMAND_INPUT",),
    "task_boundary": ("TASK_BOUNDARY",),
    "view_file": ("VIEW_FILE",),
    "write_to_file": ("CODE_ACTION",),
}
RESULT_TYPES = frozenset(kind for kinds in RESULTS.values() for kind in kinds)
# Types of the model that are known and belong to no one tool.
OTHER_RESULTS = frozenset(("GENERIC", "AGENCY_TOOL_CALL"))
# What the client puts into a conversation: injected context and nothing that was said.
QUIET = frozenset(("CONVERSATION_HISTORY", "EPHEMERAL_MESSAGE", "KNOWLEDGE_ARTIFACTS"))

_OPEN, _CLOSE = "<USER_REQUEST>", "</USER_REQUEST>"
# What the client puts around it: blocks between <NAME> and </NAME>, the last one perhaps cut by the log.
_BLOCK = re.compile(r"<([A-Z][A-Z0-9]*_[A-Z0-9_]+)>")
_KNOWN_BLOCKS = frozenset(("ADDITIONAL_METADATA", "USER_SETTINGS_CHANGE"))
_MODEL = re.compile(r"setting `Model Selection` from (.+?) to (.+?)\.(?=\s|<|\Z)")
_MARK = re.compile(r"<truncated \d+ bytes>")
_ARTIFACT = re.compile(r"Comments on artifact URI: [^\n]*\n*")
_APPROVED = "The user has approved this document."
# What a person says to let the agent go on, and nothing else.
_GO_ON = frozenset(
    """
    approved; carry on; continue; continue please; do it; go; go ahead; go on; keep going; lgtm; looks good;
    looks good to me; ok; ok continue; ok go ahead; ok proceed; okay; okay continue; okay proceed;
    please continue; please proceed; proceed please; proceed; resume; sounds good; yes; yes continue;
    yes go ahead; yes please; yes proceed
    """.strip()
    .replace("\n    ", " ")
    .split("; ")
)


class Typed(NamedTuple):
    """What a USER_INPUT says: the text as typed; whether it only lets the agent go on; whether the log cut
    it; the model before and after it, where the person changed that."""

    text: str
    goes_on: bool
    cut: bool = False
    model_before: str = ""
    model: str = ""


def typed(content: str, truncated: bool) -> Typed:
    """Read the content of a USER_INPUT. `truncated` is what the log says of it."""
    start, end = content.find(_OPEN), content.rfind(_CLOSE)
    if start < 0:
        asked, around, cut = "", content, truncated
    elif end < start:
        asked, around, cut = _unwrapped(content[start + len(_OPEN) :]), content[:start], True
    else:
        asked, around = (
            content[start + len(_OPEN) : end],
            content[:start] + "\n" + content[end + len(_CLOSE) :],
        )
        cut = truncated and _MARK.search(asked) is not None
    asked = asked.removeprefix("\n").removesuffix("\n")
    settings = _MODEL.findall(around)
    wrapped = start >= 0 or any(f"<{name}>" in around for name in _KNOWN_BLOCKS)
    beside = _unwrapped(around) if wrapped else around  # a database has what was typed, and nothing else
    approved = _APPROVED in beside
    if approved:
        beside = _ARTIFACT.sub("", beside, count=1).replace(_APPROVED, "", 1)
    beside = beside if beside == content else beside.strip()
    text = "\n\n".join(part for part in (beside, asked) if part.strip())
    bare = re.sub(r"[\s,]+", " ", text[:100].strip().strip(".!").casefold()).strip()
    before, after = (settings[0][0], settings[-1][1]) if settings else ("", "")
    return Typed(text, approved or not bare or bare in _GO_ON, cut, "" if before == "None" else before, after)


def _unwrapped(text: str) -> str:
    """A text without the blocks that the client put in."""
    left, at = "", 0
    missing: set[str] = set()
    for match in _BLOCK.finditer(text):
        name = match[1]
        if match.start() < at or name in missing:
            continue
        end = text.find(f"</{name}>", match.end())
        if end < 0:
            missing.add(name)
            if name in _KNOWN_BLOCKS:
                return left + text[at : match.start()]
            continue
        left, at = left + text[at : match.start()], end + len(name) + 3
    return left + text[at:]


# --- tools ------------------------------------------------------------------------------------------

_FAILED = re.compile(
    r"Encountered error in step execution|The command failed\b|The command exited with code (?!0\b)-?\d+"
)
_TASK = re.compile(r"running as a background task with task id: (\S+/task-\d+)")
_FINISHED = re.compile(r'Task id "([^"\s]+/task-\d+)" (?:finished|completed|failed)[^\n:]*:?\s*')
_MESSAGE = re.compile(r"\[Message\] timestamp=\S+ sender=(\S+)(?: priority=\S+)?\s+content=")
_LOG = re.compile(r"\s*\nLog: file://\S+\s*\Z")
_WRAPPED = re.compile(r"\s*</SYSTEM_MESSAGE>\s*\Z")


def failed(text: str) -> bool:
    """Whether the head of a tool's result says that it failed."""
    return _FAILED.search(text[:400]) is not None


def background(text: str) -> str:
    """The id of the task that a call became, "" where the result is its own."""
    match = _TASK.search(text[:2000])
    return match[1] if match else ""


def messages(text: str) -> Iterator[tuple[str, str]]:
    """(sender, content) of each message in the text of a SYSTEM_MESSAGE."""
    heads = list(_MESSAGE.finditer(text))
    for at, head in enumerate(heads):
        end = heads[at + 1].start() if at + 1 < len(heads) else len(text)
        yield head[1], _WRAPPED.sub("", text[head.end() : end]).rstrip()


def is_cut(text: str) -> bool:
    """Whether the log cut a text somewhere."""
    return _MARK.search(text) is not None


def finished(text: str) -> tuple[str, str]:
    """(task id, its result) of a message that tells the end of a task; ("", "") for any other."""
    match = _FINISHED.search(text[:2000])
    return (match[1], _LOG.sub("", _WRAPPED.sub("", text[match.end() :]))) if match else ("", "")
