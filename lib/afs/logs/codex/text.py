"""What the texts of a Codex rollout mean: typed or injected, arguments, outputs, clocks."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import orjson

from afs import jsonl
from afs.logs.conversation import sound

# What the client puts into user messages, each between <name> and </name>. Codex itself knows them by
# both ends: a person may well begin with such a name.
_TAGS = """additional_context app-context apps_instructions codex_internal_context collaboration_mode
context_window context_window_guidance environment_context extension_context external_\\w+ goal_context
hook_prompt memory memories model_switch multi_agent_mode permissions_instructions permissions\\sinstructions
personality_spec plugins_instructions realtime_conversation recommended_plugins rollout_budget skill
skills_instructions subagent_notification token_budget token_budget_reminder turn_aborted user_action
user_instructions user_shell_command"""
_TAG = re.compile(rf"\s*<({'|'.join(_TAGS.split())})(?:\s[^<>]*)?>", re.IGNORECASE)
_AGENTS_MD = re.compile(r"\s*# AGENTS\.md instructions.*?<INSTRUCTIONS>.*</INSTRUCTIONS>\s*", re.S | re.I)
_WHERE = re.compile(r"<cwd>(.*?)</cwd>|^Current working directory: *(.+)$", re.M)
_IDE = re.compile(r"\s*# (?:Context from my IDE setup|Files mentioned by the user)\b")
_REQUEST = "## My request for Codex:"
_IMAGE_TAG = re.compile(r"\s*(?:<image[^<>]*>|</image>)\s*\Z")
# Prompts by which older clients made the model sum up; its next text is no answer to the person.
_SUMMARIZE = (
    "You have exceeded the maximum number of tokens, please stop coding",
    "You are performing a CONTEXT CHECKPOINT COMPACTION",
)
_CLIENT = (
    "## Memory\n\nYou have access to a memory folder",
    "Another language model started to solve this problem",
    "Here is a list of plugins that are available but not installed.",
    "Warning: The maximum number of unified exec processes",
    "Warning: Your account was flagged for potentially high-risk cyber activity",
    "Warning: apply_patch was requested via",
)
# Marks after which the agent answers the client.
STARTS_A_TURN = frozenset({"user_action", "heartbeat"})

# Records, events and items that are known and hold nothing of the conversation.
QUIET = frozenset(
    {
        "inter_agent_communication",
        "inter_agent_communication_metadata",
        "realtime_item",
        "retained_context",
        "security_risk_score",
        "token_usage_record",
        "world_state",
    }
)
QUIET_EVENTS = frozenset(
    {
        "agent_message",
        "agent_reasoning",
        "agent_reasoning_raw_content",
        "agent_reasoning_section_break",
        "background_event",
        "collab_agent_interaction_end",
        "collab_agent_spawn_end",
        "collab_close_end",
        "collab_resume_end",
        "collab_waiting_end",
        "context_compacted",
        "deprecation_notice",
        "dynamic_tool_call_request",
        "dynamic_tool_call_response",
        "entered_review_mode",
        "exited_review_mode",
        "guardian_assessment",
        "hook_completed",
        "hook_started",
        "image_generation_end",
        "item_started",
        "model_reroute",
        "plan_delta",
        "plan_update",
        "session_configured",
        "shutdown_complete",
        "stream_error",
        "sub_agent_activity",
        "thread_goal_updated",
        "thread_name_updated",
        "thread_settings_applied",
        "turn_diff",
        "user_message",
        "view_image_tool_call",
        "warning",
    }
)
QUIET_ITEMS = frozenset(
    {
        "additional_tools",
        "compaction",
        "compaction_summary",
        "compaction_trigger",
        "configuration_update",
        "context_compaction",
        "ghost_snapshot",
        "other",
    }
)

_EXIT = re.compile(r"^(?:Exit code:|Process exited with code) *(-?\d+)", re.M)
_BLOCKS = ("Exit code:", "Chunk ID:", "Wall time", "Process exited", "Total output lines", "Warning:")
_FAILURES = (
    "aborted",
    "apply_patch verification failed",
    "err:",
    "error:",
    "exec command rejected",
    "exec_command failed",
    "execution error",
    "failed in sandbox",
    "failed to parse function arguments",
    "patch rejected",
    "script failed",
    "unsupported c",
    "write_stdin failed",
)
_HEAD = 400


def typed(item: dict[str, Any]) -> tuple[str, set[str], str]:
    """(what the person typed, names of what the client put in, working folder if it says one)."""
    content = item.get("content")
    if type(content) is str:
        content = [{"type": "input_text", "text": content}]
    if type(content) is not list:
        return "", set(), ""
    words: list[str] = []
    marks: set[str] = set()
    where = ""
    images = sum(1 for part in content if type(part) is dict and "image" in str(part.get("type")))
    for part, kind in zip(content, _kinds(item, len(content)), strict=True):
        given = part.get("text") if type(part) is dict else None
        if type(given) is not str or (images and _IMAGE_TAG.match(given)):
            continue
        left, cwd = _strip(given, marks)
        where = cwd or where
        if kind == "user.heartbeat":
            marks.add("heartbeat")
        elif (not kind or kind.startswith("user.")) and left.strip():
            words.append(left)
    joined = "\n".join(words)
    if images and "heartbeat" not in marks and "[Image #" not in joined:
        joined = "\n".join([*words, *["[image]"] * images])
    return joined, marks, where


def _kinds(item: dict[str, Any], number: int) -> list[str]:
    """What the newest versions say of each part; "" where they say nothing."""
    for name in ("internal_chat_message_metadata_passthrough", "metadata"):
        extra = item.get(name)
        kinds = extra.get("content_item_kinds") if type(extra) is dict else None
        if type(kinds) is list and len(kinds) == number:
            return [kind if type(kind) is str else "" for kind in kinds]
    return [""] * number


def _strip(given: str, marks: set[str]) -> tuple[str, str]:
    """A part without what the client put in front; the working folder that this named."""
    left, where = given, ""
    while match := _TAG.match(left):
        name = match[1].lower()
        end = left.lower().rfind(f"</{name}>")
        if end < 0:
            break
        marks.add(name)
        if name == "environment_context" and (found := _WHERE.search(left, match.end(), end)):
            where = (found[1] or found[2]).strip()
        left = left[end + len(name) + 3 :].lstrip()
    if match := _AGENTS_MD.match(left):
        marks.add("agents_md")
        left = left[match.end() :]
    start = left.lstrip()
    if start.startswith(_SUMMARIZE):
        marks.add("summarize")
        return "", where
    if start.startswith(_CLIENT):
        return "", where
    if _IDE.match(left) and (at := left.rfind(_REQUEST)) >= 0:
        left = left[at + len(_REQUEST) :].lstrip()
    return left, where


def parts(content: Any, joint: str = "\n") -> str:
    """The text of a list of parts."""
    if type(content) is str:
        return content
    if type(content) is not list:
        return ""
    words = [part.get("text") for part in content if type(part) is dict]
    return joint.join(word for word in words if type(word) is str and word)


def arguments(given: Any) -> str:
    """JSON text of an object: as logged where it is one, else {"input": what was logged}."""
    if type(given) is dict:
        return encoded(given)
    raw = given if type(given) is str else ""
    if not raw:
        return "{}"
    try:
        if type(orjson.loads(raw)) is dict:
            return raw
    except ValueError:
        value = _loads(raw)
        if type(value) is dict:
            return encoded(value)
    return orjson.dumps({"input": sound(raw)}).decode()


def output(given: Any) -> tuple[str, bool, set[str]]:
    """(text, whether it failed, flags of the turn) of a tool's output in any of its forms."""
    failed = False
    if type(given) is dict:
        failed = given.get("success") is False or given.get("isError") is True or "Err" in given
        inner = next((given[key] for key in ("content", "output", "body", "Ok", "Err") if key in given), None)
        if type(inner) in (str, list):
            given = inner
        elif type(inner) is dict and type(inner.get("content")) is list:
            failed = failed or inner.get("isError") is True
            given = inner["content"]
    if type(given) is list:
        words = _listed(given)
    elif type(given) is str:
        words = given
    else:
        words = "" if given is None else encoded(given)
    words, code = _unpack(words)
    head = words[:_HEAD]
    start = head.lower()
    flags: set[str] = set()
    if code is None and head.startswith(_BLOCKS) and (match := _EXIT.search(head)):
        code = int(match[1])
    failed = failed or bool(code) or (code is None and start.startswith(_FAILURES))
    if start.startswith(("exec command rejected", "patch rejected")):
        flags.add("tool_rejected")
    if start.startswith("aborted") and len(words) < _HEAD:
        flags.add("interrupted")
    return words, failed, flags


def _unpack(words: str) -> tuple[str, int | None]:
    """The form {"output": text, "metadata": {"exit_code": n}} as text. A failure keeps its code in sight."""
    if not words.startswith("{") or '"metadata"' not in words:
        return words, None
    value = _loads(words)
    if type(value) is not dict or not value.keys() <= {"output", "metadata"}:
        return words, None
    extra, told = value.get("metadata"), value.get("output")
    if type(extra) is not dict or type(told) is not str or type(extra.get("exit_code")) is not int:
        return words, None
    code = extra["exit_code"]
    return (f"Exit code: {code}\nOutput:\n{told}" if code else told), code


def _listed(given: list[Any]) -> str:
    """Parts of an output, each on a line of its own; pictures as a mark."""
    words = ""
    for part in given:
        told = part.get("text") if type(part) is dict else part
        if type(told) is not str:
            kind = str(part.get("type")) if type(part) is dict else "data"
            told = "[image]" if "image" in kind else f"[{kind}]" if type(part) is not dict else encoded(part)
        words += told if not words or words.endswith("\n") else "\n" + told
    return words


def encoded(value: Any) -> str:
    """JSON text of a value, without lone surrogates. Raises RecursionError or jsonl.Bad beyond some depth."""
    return jsonl.encode(_mend(value)).decode()


def _loads(raw: str) -> Any:
    try:
        return jsonl.decode(sound(raw).encode())
    except jsonl.Bad:
        return None


def _mend(value: Any) -> Any:
    if type(value) is str:
        return sound(value)
    if type(value) is list:
        return [_mend(item) for item in value]
    if type(value) is dict:
        return {sound(key): _mend(item) for key, item in value.items()}
    return value


def uuid_time(name: str) -> int:
    """Milliseconds since 1970 in a UUID of version 7; 0 for any other name."""
    if len(name) != 36 or name[14] != "7":
        return 0
    try:
        return int(name[:8] + name[9:13], 16)
    except ValueError:
        return 0


def clock(stamp: str) -> int:
    """Milliseconds since 1970 of an RFC 3339 time, UTC where it names no zone; 0 where it is none."""
    try:
        time = datetime.fromisoformat(stamp)
        time = time if time.tzinfo else time.replace(tzinfo=UTC)
        return int(time.timestamp() * 1000)
    except (ValueError, OverflowError):
        return 0
