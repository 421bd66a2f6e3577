"""Whether an answer refuses, or is no answer but the text of an error or an empty form."""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from afs.curate.view import View

# Nearly every answer has none of these words at its head, which is quick to see.
_HINTS = (
    "sorry", "can't", "cannot", "can’t", "unable", "not able", " ai ", "error", "no response", "lorem", "todo",
    "n/a", "i must decline", "i won't", "apologi", "抱歉", "无法", "申し訳", "lo siento", "désolé", "leider",
    "[object", "insert", "placeholder", "please run", "prompt is too long", "placeholder", "no content",
)  # fmt: skip
_REFUSAL = re.compile(
    r"^\W*(?:(?:i['’]?m|i am|we['’]?re|my) (?:\w+ )?(?:sorry|apologi[sz]e|apologies)\b|sorry\b|apologies\b"
    r"|i apologi[sz]e\b|unfortunately,? )?.{0,60}?\b(?:i|we) (?:can['’]?t|cannot|can not|won['’]t|am (?:not able"
    r"|unable) to|['’]m (?:not able|unable) to|must decline|(?:do not|don['’]t) feel comfortable)"
    r".{0,30}?\b(?:help|assist|comply|fulfil|provide|continue|answer|discuss|create|generate|support|engage"
    r"|do (?:that|this)|with (?:that|this)|to)\b"
    r"|^.{0,80}\bas an? (?:ai|artificial intelligence|(?:large )?language model)\b"
    r"|^\W*(?:i['’]m|i am) (?:just )?an? (?:ai|language model|artificial)"
    r"|^.{0,20}(?:抱歉|对不起|很遗憾).{0,20}(?:无法|不能|没有办法)|^.{0,6}我(?:无法|不能)(?:提供|帮助|回答|协助)"
    r"|^.{0,10}申し訳(?:ありません|ございません).{0,40}(?:できません|できかねます|お答え)"
    r"|^\W*lo siento,? pero no puedo|^\W*(?:je suis )?désolée?,? mais je ne peux|^.{0,30}leider kann ich",
    re.DOTALL,
)
_NO_ANSWER = re.compile(
    r"^\W*(?:api error\b|no response requested|\[request interrupted|invalid api key|please run /login"
    r"|credit balance is too low|prompt is too long|internal server error|request timed out|rate limit"
    r"|lorem ipsum|\[object object\]|(?:todo|tbd|n/a|placeholder|no content|\[?insert [\w ]+ here\]?)\W*$)",
)


def directness(view: View) -> float | None:
    """1 unless the answer refuses, speaks of itself as a model, or is the text of an error or a form.

    Refusing inside a longer answer weighs less: the rest may still help.
    """
    head = view.lower[:400]
    if not any(map(head.__contains__, _HINTS)):
        return 1.0
    if _NO_ANSWER.match(head):
        return 0.0
    if _REFUSAL.match(head[:200]):
        return 0.0 if len(view.answer) < 600 else 0.3
    return 1.0
