"""What the events of a Codex log tell: ends of turns, what was taken back, outcomes, tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from afs.logs.codex import items
from afs.logs.codex.items import string
from afs.logs.conversation import Message

if TYPE_CHECKING:
    from collections.abc import Callable

    from afs.logs.codex.thread import Thread


def _started(thread: Thread, event: dict[str, Any]) -> None:
    name = string(event.get("turn_id"))
    if not name or name != thread.turn_id:
        thread.end_turn()
        thread.turn_id = name


def _completed(thread: Thread, event: dict[str, Any]) -> None:
    thread.end_turn()


def _aborted(thread: Thread, event: dict[str, Any]) -> None:
    repeat(thread, "user", "agent")
    turn = thread.by_turn_id.get(string(event.get("turn_id")), thread.turn)
    if event.get("reason") != "review_ended":
        thread.interrupt(turn)
    elif turn is thread.turn:
        thread.end_turn()


def _error(thread: Thread, event: dict[str, Any]) -> None:
    if thread.turn is not None and not thread.ended:
        thread.turn.flags.add("api_error")


def _rolled_back(thread: Thread, event: dict[str, Any]) -> None:
    repeat(thread, "user", "agent")
    number = event.get("num_turns")
    thread.take_back(number if type(number) is int else 1)


def _undone(thread: Thread, event: dict[str, Any]) -> None:
    """The files are as they were before the last turn that was not undone: its work was not wanted."""
    if event.get("success") is False:
        return
    for turn in reversed(thread.talk.turns):
        if not turn.skip and "corrected_by_user" not in turn.flags:
            turn.flags.add("corrected_by_user")
            return


def _tokens(thread: Thread, event: dict[str, Any]) -> None:
    info = event.get("info")
    if type(info) is not dict:
        return
    total = info.get("total_token_usage")
    if total is None or total == thread.spent:  # the same count is often written twice
        return
    before, thread.spent = thread.spent, total
    last = info.get("last_token_usage")
    turn = thread.turn
    if turn is None or type(total) is not dict:
        return
    for name, key in (("tokens_in", "input_tokens"), ("tokens_out", "output_tokens")):
        if type(last) is dict:
            number = last.get(key)
        else:
            number = _int(total.get(key)) - (_int(before.get(key)) if type(before) is dict else 0)
        setattr(turn, name, (getattr(turn, name) or 0) + max(0, _int(number)))


def _outcome(thread: Thread, event: dict[str, Any]) -> None:
    result = event.get("result")
    failed = event.get("success") is False or event.get("exit_code") not in (None, 0)
    failed = failed or (type(result) is dict and "Err" in result)
    if key := string(event.get("call_id")):
        thread.outcomes[key] = failed


def _searched(thread: Thread, event: dict[str, Any]) -> None:
    key = string(event.get("call_id"))
    if event.get("results"):
        thread.searches[key] = Message("tool", items.result(event)[0], tool_call_id=key, line=thread.place[0])
        thread.keep(thread.searches[key])


def _enveloped(thread: Thread, event: dict[str, Any]) -> None:
    """Keep what an event repeats until it is known whether the items themselves are absent."""
    if thread.asked and thread.worked:
        return
    if not thread.asked and string(event.get("turn_id")) not in ("", thread.turn_id):
        _started(thread, event)
    for index, item in enumerate(items.enveloped(event.get("item"))):
        thread.repeats.append(((*thread.place[:3], index), thread.stamp, item))


def repeat(thread: Thread, *families: str) -> None:
    """Take what events repeat of the person ("user") or the "agent", where it was not written itself."""
    repeats, thread.repeats = thread.repeats, []
    place, stamp, written = thread.place, thread.stamp, (thread.asked, thread.worked)
    for then, at, item in repeats:
        family = "user" if item.get("role") == "user" else "agent"
        if family not in families:
            thread.repeats.append((then, at, item))
        elif not written[family == "agent"]:
            thread.place, thread.stamp = then, at
            thread.item(item)
    thread.place, thread.stamp = place, stamp
    thread.asked, thread.worked = written


def _int(value: Any) -> int:
    return value if type(value) is int else 0


TABLE: dict[str, Callable[[Thread, dict[str, Any]], None]] = {
    "task_started": _started,
    "turn_started": _started,
    "task_complete": _completed,
    "turn_complete": _completed,
    "turn_aborted": _aborted,
    "error": _error,
    "thread_rolled_back": _rolled_back,
    "undo_completed": _undone,
    "token_count": _tokens,
    "exec_command_end": _outcome,
    "patch_apply_end": _outcome,
    "mcp_tool_call_end": _outcome,
    "web_search_end": _searched,
    "item_completed": _enveloped,
}
