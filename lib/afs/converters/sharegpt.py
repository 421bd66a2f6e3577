"""sharegpt: conversations of from and value, with tool calls as LLaMA-Factory reads them."""

from __future__ import annotations

from afs import jsonl
from afs.converters.turns import functions, has_thinking, question_of, turns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from afs.converters import Note
    from afs.converters.turns import Call, Turn

    Said = dict[str, str]

NAME = "sharegpt"
ABOUT = "conversations of human, gpt, function_call and observation, with system and tools"
HOLDS = frozenset(("system", "turns", "tool_calls", "tools"))


def convert(record: dict[str, Any], note: Note) -> dict[str, Any]:
    """`conversations`, `system` and `tools`, all three in every row.

    (human or observation) and (gpt or function_call) take strict turns, so neighbours of one side are
    joined by an empty line, and a text beside a call is lost. `function_call` is JSON text of a name and
    an object of arguments, spliced in as logged; calls made at once are a list, and their results a JSON
    list in one observation. What a person says between a result and the answer goes to the question
    before it: in the observation it would teach a model to obey the output of tools.
    """
    if record.get("messages"):
        said, system = _conversation(turns(record, note), note)
    else:
        question, answer = question_of(record)
        said, system = [{"from": "human", "value": question}, {"from": "gpt", "value": answer}], ""
    if has_thinking(record):
        note("lost", "thinking")
    text = record.get("tools")
    return {"conversations": said, "system": system, "tools": _tools(text, note) if text else ""}


def _conversation(kept: list[Turn], note: Note) -> tuple[list[Said], str]:
    """(what was said, the system text before it)."""
    said: list[Said] = []
    system: list[str] = []
    moved = False  # the last human turn is only system text so far
    for turn in kept:
        if turn.role == "assistant":
            _add_assistant(said, turn, note)
        elif turn.role == "system" and not said:
            system.append(turn.content)
        else:
            joined = bool(said) and said[-1]["from"] == "human"
            _add_human(said, turn, note)
            if turn.role == "system":
                note("adapted", "moved_system")
            elif joined and not moved:
                note("adapted", "merged_turns")
            moved = turn.role == "system" and not joined
    return said, "\n\n".join(system)


def _add_human(said: list[Said], turn: Turn, note: Note) -> None:
    last = said[-1] if said else {"from": ""}
    if last["from"] == "observation":
        last = next(one for one in reversed(said) if one["from"] == "human")
        if turn.role == "user":
            note("adapted", "moved_user")
    if last["from"] == "human":
        last["value"] += f"\n\n{turn.content}"
    else:
        said.append({"from": "human", "value": turn.content})


def _add_assistant(said: list[Said], turn: Turn, note: Note) -> None:
    if not said:  # the format begins with a question
        note("lost", "leading_answer")
        return
    last = said[-1]
    if turn.calls:
        if last["from"] == "gpt":
            said.pop()
        if last["from"] == "gpt" or (turn.content and not turn.content.isspace()):
            note("lost", "call_text")
        said.append({"from": "function_call", "value": _calls(turn.calls)})
        said.append({"from": "observation", "value": _results(turn.calls)})
    elif last["from"] == "gpt":
        last["value"] += f"\n\n{turn.content}"
        note("adapted", "merged_turns")
    else:
        said.append({"from": "gpt", "value": turn.content})


def _calls(calls: list[Call]) -> str:
    texts = [f'{{"name": {_json(call.name)}, "arguments": {call.arguments}}}' for call in calls]
    return texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"


def _results(calls: list[Call]) -> str:
    results = [call.result or "" for call in calls]
    return results[0] if len(results) == 1 else _json(results)


def _json(value: str | list[str]) -> str:
    return jsonl.encode(value).decode()


def _tools(text: str, note: Note) -> str:
    """The list as it stands in the sample; "" for none, because [] adds an empty system turn."""
    tools, others = functions(text)
    if others:
        note("lost", "tools")
        return jsonl.encode(tools).decode() if tools else ""
    return text if tools else ""
