"""The loop of a filter: every record through its conditions, and in windows through a jq expression."""

from __future__ import annotations

from afs import jsonl
from afs.messages import Stop, fail

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from afs.curate.conditions import Condition
    from afs.curate.where import Child
    from afs.run import Run

    # a line, why it goes ("" if the jq expression has to tell), and its file, number and offset
    Held = tuple[bytes, str | jsonl.Bad, tuple[str, int, int]]

# A window is so many bytes or records: one by one the two processes would wait for each other.
_BYTES = 1 << 18
_RECORDS = 256  # MOST of where.py


def sift(run: Run, conditions: Sequence[Condition]) -> None:
    """Write the records of a run for which no condition has a reason; drop the others for the first."""
    write = run.write
    for line, record in run.records():
        try:
            for condition in conditions:
                if reason := condition(record):
                    run.drop(line, reason)
                    break
            else:
                write(line)
        except jsonl.Bad as error:
            run.reject(error.reason, error.what)


def sift_where(run: Run, conditions: Sequence[Condition], expression: str, seconds: float | None) -> None:
    """The same, and then a jq expression. Order is kept among the written, the dropped and the rejected.

    Ends the run as wrongly used for an expression that does not compile, and with status 1 for one that
    takes too much again and again.
    """
    from afs.curate.where import Child, Hostile

    try:
        child = Child(expression, 5 if seconds is None else seconds)
    except ValueError as error:
        fail(f"--where: {error}; see the jq manual")
    try:
        _sift_where(run, conditions, child)
    except Hostile:
        run.fault(1, "--where takes too much time or memory again and again; the run stops")
        raise Stop(1) from None
    finally:
        child.close()


def _sift_where(run: Run, conditions: Sequence[Condition], child: Child) -> None:
    held: list[Held] = []
    size = 0
    reject_at = run.reject_at
    alone = run.args.limit is not None  # nothing is read that is not needed

    def settle() -> None:
        asked = [line for line, reason, _ in held if reason == ""]
        answers = child.ask(asked)
        rows, held[:] = held[:], []
        for line, reason, (path, number, offset) in rows:
            verdict = next(answers) if reason == "" else reason
            if verdict is True:
                run.write(line)
            elif isinstance(verdict, jsonl.Bad):
                part = (offset, len(line), jsonl.digest(line))
                reject_at(path, number, verdict.reason, verdict.what, run.reject_status, part, line)
            else:
                run.drop(line, verdict or "where")

    def in_order(*what: Any) -> None:
        settle()
        reject_at(*what)

    run.reject_at = in_order  # type: ignore[assignment,method-assign]  # lines are rejected while some wait
    for line, record in run.records():
        held.append((line, _reason(record, conditions), run.spot()))
        size += len(line)
        if alone or size > _BYTES or len(held) >= _RECORDS:
            settle()
            size = 0
    settle()


def _reason(record: dict[str, Any], conditions: Sequence[Condition]) -> str | jsonl.Bad:
    try:
        for condition in conditions:
            if reason := condition(record):
                return reason
    except jsonl.Bad as error:
        return error
    return ""
