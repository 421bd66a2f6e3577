"""Whether an answer refuses, or is no answer but the text of an error or an empty form."""

from __future__ import annotations

from afs.curate.phrases import NO_ANSWER, REFUSAL, REFUSAL_HINTS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from afs.curate.view import View

_HEAD = 240
_SHORT = 600


def directness(view: View) -> float | None:
    """1 unless the answer refuses, speaks of itself as a model, or is the text of an error or a form.

    Refusing inside a longer answer weighs less: the rest may still help. None for an empty answer.
    """
    head = view.lower[:_HEAD]
    if not head:
        return None
    if not any(map(head.__contains__, REFUSAL_HINTS)):
        return 1.0
    if NO_ANSWER.match(head):
        return 0.0
    if REFUSAL.match(head):
        return 0.0 if len(view.answer) < _SHORT else 0.3
    return 1.0
