"""What the texts of Gemini CLI records mean: typed or injected, parts, arguments, results, masked outputs."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import orjson

from afs import jsonl
from afs.logs.chat import capped
from afs.logs.conversation import sound

_TAGS = ("session_context", "hook_context")
# What the client sends in the person's place, by its beginning.
_CLIENT = (
    "This is the Gemini CLI. We are setting up the context for our chat.",
    "System: Please continue.",
    "System: Potential loop detected.",
    "Here is the user's editor context as a JSON object",
    "Here is a summary of changes in the user's editor context",
    "I ran the following shell command:\n```sh\n",
)
ACKNOWLEDGED = frozenset(
    {
        "Binary content received. Proceeding with analysis.",
        "Got it. Thanks for the additional context!",
        "Got it. Thanks for the context!",
    }
)
_COMMAND = re.compile(r"[/?][\w:-]*(?:\s|\Z)")
# What the client answers to a call that the person did not want.
REFUSED = "did not allow"
_FILES = "\n--- Content from referenced files ---"
_EXIT = re.compile(r"^Exit Code: *(-?[1-9]\d*)", re.M)
_MASKED = ("<tool_output_masked>", "Output too large. Showing first ")
_WHOLE_AT = re.compile(r"(?:Full output available at|For full output see): *([^\n]+?)\s*$", re.M)
_WORKSPACE = re.compile(r"(?:working in the directory: *|^ *- +)((?:/|[A-Za-z]:\\)[^\n]*?)/?\s*$", re.M)


class Human(NamedTuple):
    """A record of type user: what was typed, what stands beside it, and what the record is.

    kind is "human", "command" (the client answered it), "results" (of tools), "summary" (of what the
    agent forgot) or "injected". `whole` is the text that the model was given.
    """

    kind: str
    question: str = ""
    context: str = ""
    whole: str = ""
    synthetic: bool = False


def human(record: dict[str, Any]) -> Human:
    """What a record of type user is."""
    parts = items(record["content"] if "content" in record else record.get("parts"))
    if any("functionResponse" in part for part in parts):
        return Human("results")
    given = told(parts)
    if "<state_snapshot>" in given and "</state_snapshot>" in given:
        return Human("summary", whole=given)
    whole, beside = _typed(given)
    if not whole.strip() or whole.startswith(_CLIENT) or whole.strip() == "Please continue.":
        return Human("injected", whole=given)
    shown = told(items(record.get("displayContent")))
    if shown.strip():
        question, more = shown, whole.removeprefix(shown) if whole != shown else ""
    else:
        question, mark, more = whole.partition(_FILES)
        more = mark + more
    synthetic = question.startswith("/") and not whole.startswith("/")
    kind = "command" if _COMMAND.match(question) and not synthetic else "human"
    return Human(kind, question, capped((more + beside).strip("\n")), whole, synthetic)


def _typed(given: str) -> tuple[str, str]:
    """A text without the blocks that the client set before and behind it; those behind it."""
    left = given
    while left.lstrip().startswith(tuple(f"<{tag}>" for tag in _TAGS)):
        left = left.lstrip()
        tag = left[1 : left.index(">")]
        end = left.rfind(f"</{tag}>")
        if end < 0:
            return "", ""
        left = left[end + len(tag) + 3 :].lstrip()
    beside = ""
    while left.rstrip().endswith("</hook_context>") and (at := left.rfind("<hook_context>")) >= 0:
        left, beside = left[:at].rstrip("\n"), left[at:] + beside
    return left, beside


def workspaces(given: str) -> list[str]:
    """The folders that an injected context names as the places of work."""
    return [found[1] for found in _WORKSPACE.finditer(given)] if "director" in given.lower() else []


# --- parts ------------------------------------------------------------------------------------------------


def items(content: Any) -> list[dict[str, Any]]:
    """The parts of a content, which may be a text, a part, or a list of both."""
    if type(content) is list:
        kept = (part if type(part) is dict else {"text": part} for part in content)
        return [part for part in kept if type(part.get("text", "")) in (str, type(None))]
    if type(content) is str:
        return [{"text": content}] if content else []
    return [content] if type(content) is dict else []


def told(parts: list[dict[str, Any]]) -> str:
    """The text of parts without thoughts; media and code as marks and fences."""
    words = ""
    for part in parts:
        text = part.get("text")
        if type(text) is str:
            words += "" if part.get("thought") else text
        elif mark := _mark(part):
            words += mark if not words or words.endswith("\n") else "\n" + mark
    return words


def thought(parts: list[dict[str, Any]]) -> str:
    """What the thought parts say."""
    words = (part.get("text") or part.get("thought") for part in parts if part.get("thought"))
    return "\n\n".join(word for word in words if type(word) is str and word)


def thoughts(given: Any) -> str:
    """The summaries of a record's thoughts, each behind its subject."""
    found = []
    for one in given if type(given) is list else ():
        if type(one) is dict:
            subject, words = string(one.get("subject")), string(one.get("description"))
            found.append(f"**{subject}**\n{words}".rstrip() if subject else words)
    return "\n\n".join(word for word in found if word)


def _mark(part: dict[str, Any]) -> str:
    """What stands in the text for a part that is none."""
    data, file = part.get("inlineData"), part.get("fileData")
    code, ran = part.get("executableCode"), part.get("codeExecutionResult")
    if type(data) is dict:
        kind = string(data.get("mimeType")) or "data"
        size = max(1, len(string(data.get("data"))) * 3 // 4096)
        return f"[{kind.partition('/')[0]} {kind} {size} KB]"
    if type(file) is dict:
        return f"[file {string(file.get('mimeType'))}]".replace(" ]", "]")
    if type(code) is dict:
        return f"```{string(code.get('language')).lower()}\n{string(code.get('code'))}\n```\n"
    if type(ran) is dict:
        return f"```\n{string(ran.get('output'))}\n```\n"
    return ""


# --- tools ------------------------------------------------------------------------------------------------


def arguments(given: Any) -> str:
    """JSON text of an object."""
    if type(given) is dict:
        return encoded(given)
    if type(given) is str and given:
        try:
            if type(orjson.loads(given)) is dict:
                return given
        except ValueError:
            pass
    return encoded({"input": given}) if given else "{}"


def result(call_id: str, given: Any) -> tuple[str, bool] | None:
    """(text, whether it failed) of a call's result; None where there is none.

    The parts may be those of a whole turn, with the responses to other calls: only what stands from the
    response to this call up to the next response is taken.
    """
    parts = items(given)
    responses = [part["functionResponse"] for part in parts if type(part.get("functionResponse")) is dict]
    if not responses:
        return (told(parts), False) if parts or type(given) is str else None
    mine = [one for one in responses if one.get("id") == call_id]
    if not mine and len(responses) > 1:
        return None
    chosen = (mine or responses)[0]
    words, failed = response(chosen)
    taking = False
    for part in parts:
        if "functionResponse" in part:
            taking = part["functionResponse"] is chosen
        elif taking and (more := told([part])):
            words += more if not words or words.endswith("\n") else "\n" + more
    return words, failed


def response(given: dict[str, Any]) -> tuple[str, bool]:
    """(text, whether it is an error) of one functionResponse."""
    body = given.get("response")
    failed = False
    if type(body) is dict:
        error, output, content = body.get("error"), body.get("output"), body.get("content")
        failed = bool(error)
        if output is not None:
            words = _text(output)
            if failed:
                words += ("\n" if words else "") + _text(error)
        elif failed:
            words = _text(error)
        elif type(content) is list and all(type(part) is dict and "text" in part for part in content):
            words = "\n".join(_text(part["text"]) for part in content)
        else:
            words = encoded(body) if body else ""
    else:
        words = "" if body is None else _text(body)
    more = told(items(given.get("parts")))  # what cannot be text comes beside it
    return words + (more if not words or not more else "\n" + more), failed


def displayed(given: Any) -> str | None:
    """The text that the person was shown in the place of a result."""
    if type(given) is str:
        return given or None
    return string(given.get("fileDiff")) or None if type(given) is dict else None


def exited_badly(words: str) -> bool:
    """Whether a shell's labelled output tells of an exit status other than 0."""
    return bool(_EXIT.search(words))


def masked(words: str) -> str | None:
    """Where the whole of an output lies that was cut, "" where that is not told; None if it is whole."""
    if not words.lstrip().startswith(_MASKED):
        return None
    found = _WHOLE_AT.search(words)
    return found[1] if found else ""


# --- values -----------------------------------------------------------------------------------------------


def string(value: Any) -> str:
    """The value if it is a text, else ""."""
    return value if type(value) is str else ""


def _text(value: Any) -> str:
    return value if type(value) is str else encoded(value)


def encoded(value: Any) -> str:
    """JSON text of a value, without lone surrogates. Raises RecursionError or jsonl.Bad beyond some depth."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        return jsonl.encode(_mend(value)).decode()


def _mend(value: Any) -> Any:
    if type(value) is str:
        return sound(value)
    if type(value) is list:
        return [_mend(item) for item in value]
    if type(value) is dict:
        return {sound(key): _mend(item) for key, item in value.items()}
    return value
