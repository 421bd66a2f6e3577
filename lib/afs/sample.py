"""The record: one TrainingSample a line, and the check that says whether an object is one.

A sample is a plain dict. Its fields, in order, are those of FIELDS; unknown fields are legal and pass
through every command. docs/training-sample.schema.json is `schema()` written out.
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing is not loaded at run time: it costs as much as argparse's parse
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

# name -> (JSON types, meaning). A producer writes every field but the last two.
FIELDS: dict[str, tuple[tuple[str, ...], str]] = {
    "sample_id": (("string",), "32 hex digits of the origin; the same turn always has the same"),
    "instruction": (("string",), "what the person asked"),
    "input": (("string",), "context beside it, for single-turn formats"),
    "output": (("string",), "the final answer"),
    "thinking": (("string", "null"), "the reasoning that the log holds in the clear"),
    "messages": (("array", "null"), "the whole turn or conversation as chat messages"),
    "tools": (("string", "null"), "JSON text of the list of function schemas"),
    "domain": (("string",), "topic"),
    "source": (("string",), "producer: codex, claude, gemini, antigravity, memory, history, distill, ..."),
    "teacher_model": (("string",), "the model that answered"),
    "teacher_prompt": (("string",), "the prompt that made it, for distilled samples"),
    "timestamp": (("string",), "RFC 3339 with zone, from the log"),
    "_metadata": (("object", "null"), "where it came from; any object of other systems is read"),
    "quality_score": (("number",), "added by afs-score: 0 to 1"),
    "quality_components": (("object",), "added by afs-score: what the score is made of"),
}
SCORE_FIELDS = ("quality_score", "quality_components")

METADATA_KEYS: dict[str, tuple[tuple[str, ...], str]] = {
    "group": (("string", "null"), "the conversation: what a split may not cut"),
    "project": (("string", "null"), "name of the project"),
    "turn": (("integer", "null"), "number of the human turn in its conversation, from 0"),
    "unit": (("string", "null"), "turn or conversation"),
    "model": (("string", "null"), "the model that the log names"),
    "agent_version": (("string", "null"), "version of the agent that wrote the log"),
    "tool_names": (("array", "null"), "names of the tools called, sorted"),
    "tokens_in": (("integer", "null"), "tokens read by the model"),
    "tokens_out": (("integer", "null"), "tokens written by the model"),
    "flags": (("array", "null"), "what happened to the turn: interrupted, tool_failed, open, ..."),
    "redactions": (("array", "null"), "what was redacted, as TYPE:COUNT"),
    "terms": (("string", "null"), "terms of use of the teacher or the source"),
}

ROLES = ("system", "user", "assistant", "tool")
_PYTHON: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "null": (type(None),),
    "array": (list,),
    "object": (dict,),
    "integer": (int,),
    "number": (int, float),
}
_WORDS = {
    "string": "a string",
    "null": "null",
    "array": "an array",
    "object": "an object",
    "number": "a number",
}
_TYPES = {name: frozenset(kind for t in types for kind in _PYTHON[t]) for name, (types, _) in FIELDS.items()}
_REQUIRED = ("instruction", "output")


def sample_id(*origin: str) -> str:
    """32 hex digits that name an origin such as (source, conversation, turn)."""
    from xxhash import xxh3_128_hexdigest

    return str(xxh3_128_hexdigest("\0".join(origin).encode("utf-8", "surrogatepass")))


def make(*, metadata: Mapping[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    """A whole sample in the order of FIELDS. What is not given is empty or null, never left out."""
    unknown = fields.keys() - (FIELDS.keys() - {"_metadata"})
    unknown_metadata = (metadata or {}).keys() - METADATA_KEYS.keys()
    if unknown or unknown_metadata:
        raise TypeError(f"not fields of a sample: {sorted(unknown | unknown_metadata)}")
    record: dict[str, Any] = {}
    for name, (types, _) in FIELDS.items():
        if name in SCORE_FIELDS and name not in fields:
            continue
        record[name] = fields.get(name, None if "null" in types else "")
    record["_metadata"] = {key: (metadata or {}).get(key) for key in METADATA_KEYS}
    return record


def check(record: Mapping[str, Any]) -> str:
    """What is wrong with a record, or "". Names the field, never its value."""
    for name in _REQUIRED:
        if name not in record:
            return f"field '{name}' is missing"
    get = _TYPES.get
    for name, value in record.items():
        kinds = get(name)
        if kinds is not None and type(value) not in kinds:
            return f"field '{name}' must be {_words(name)}, not {_word(value)}"
    messages = record.get("messages")
    if messages is not None and (wrong := _check_messages(messages)):
        return wrong
    metadata = record.get("_metadata")
    if metadata and type(metadata.get("group", "")) not in (str, type(None)):
        return "field '_metadata.group' must be a string or null"
    score = record.get("quality_score")
    if score is not None and not 0 <= score <= 1:
        return "field 'quality_score' must be from 0 to 1"
    return ""


def _check_messages(messages: list[Any]) -> str:
    for number, message in enumerate(messages):
        if type(message) is not dict:
            return f"messages[{number}] must be an object"
        if message.get("role") not in ROLES:
            return f"messages[{number}].role must be one of {', '.join(ROLES)}"
        if type(message.get("content")) is not str:
            return f"messages[{number}].content must be a string"
        calls = message.get("tool_calls")
        if calls is not None:
            if type(calls) is not list:
                return f"messages[{number}].tool_calls must be an array or null"
            for call in calls:
                if not _is_call(call):
                    shape = "{id, type, function: {name, arguments}} with arguments as JSON text"
                    return f"messages[{number}].tool_calls must hold objects {shape}"
        answered = message.get("tool_call_id")
        if type(answered) is not str and (answered is not None or message["role"] == "tool"):
            return f"messages[{number}].tool_call_id must be a string"
        reasoning = message.get("reasoning_content")
        if reasoning is not None and type(reasoning) is not str:
            return f"messages[{number}].reasoning_content must be a string or null"
    return ""


def _is_call(call: Any) -> bool:
    if (
        type(call) is not dict
        or type(call.get("id")) is not str
        or call.get("type", "function") != "function"
    ):
        return False
    function = call.get("function")
    if type(function) is not dict:
        return False
    return type(function.get("name")) is str and type(function.get("arguments")) is str


def _word(value: Any) -> str:
    names = {str: "a string", bool: "a boolean", int: "a number", float: "a number", type(None): "null"}
    return names.get(type(value), "an array" if type(value) is list else "an object")


def _words(name: str) -> str:
    return " or ".join(_WORDS[kind] for kind in FIELDS[name][0])


def content_key(record: Mapping[str, Any]) -> int:
    """128 bits that are equal for equal content: question, context, answer and what was said and called.

    Ids, times, scores and reasoning do not count. Lengths are hashed too, so that text moved from one
    field into the next gives another key.
    """
    from xxhash import xxh3_128_intdigest

    texts = [record["instruction"], record.get("input") or "", record["output"]]
    for message in record.get("messages") or ():
        texts += (message["role"], message["content"])
        for call in message.get("tool_calls") or ():
            # No role is named "call": a call is never taken for a message of the same words.
            texts += ("call", call["function"]["name"], call["function"]["arguments"])
    lengths = ",".join([str(len(text)) for text in texts])
    try:
        data = "\0".join((lengths, *texts)).encode()
    except UnicodeEncodeError:
        data = "\0".join((lengths, *texts)).encode("utf-8", "surrogatepass")
    return int(xxh3_128_intdigest(data))


def schema() -> dict[str, Any]:
    """The record as JSON Schema (draft 2020-12): valid is what check() finds nothing wrong with.

    Of _metadata only the group has a type, because records of other systems are read as they are.
    """
    call = {
        "type": "object",
        "required": ["id", "function"],
        "properties": {
            "id": {"type": "string"},
            "type": {"const": "function"},
            "function": {
                "type": "object",
                "required": ["name", "arguments"],
                "properties": {"name": {"type": "string"}, "arguments": {"type": "string"}},
            },
        },
    }
    message = {
        "type": "object",
        "required": ["role", "content"],
        "properties": {
            "role": {"enum": list(ROLES)},
            "content": {"type": "string"},
            "reasoning_content": {"type": ["string", "null"]},
            "tool_calls": {"type": ["array", "null"], "items": call},
            "tool_call_id": {"type": ["string", "null"]},
        },
        "if": {"required": ["role"], "properties": {"role": {"const": "tool"}}},
        "then": {"required": ["tool_call_id"], "properties": {"tool_call_id": {"type": "string"}}},
    }
    properties = {name: _property(types, meaning) for name, (types, meaning) in FIELDS.items()}
    properties["messages"]["items"] = message
    properties["quality_score"] |= {"minimum": 0, "maximum": 1}
    properties["_metadata"]["properties"] = {
        name: {"description": f"{meaning} ({' or '.join(types)})"}
        for name, (types, meaning) in METADATA_KEYS.items()
    }
    properties["_metadata"]["properties"]["group"]["type"] = list(METADATA_KEYS["group"][0])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "TrainingSample",
        "description": "One training sample: one JSON object a line.",
        "type": "object",
        "required": list(_REQUIRED),
        "properties": properties,
        "additionalProperties": True,
    }


def _property(types: tuple[str, ...], meaning: str) -> dict[str, Any]:
    return {"type": types[0] if len(types) == 1 else list(types), "description": meaning}
