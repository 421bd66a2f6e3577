"""Ways to damage a sample, each with a name: what afs-score has to see.

A way takes a record and a Random and gives the damaged record, or None where it cannot be done to this one.
"""

from __future__ import annotations

import re
import string
from typing import TYPE_CHECKING, Any

from score_samples import FOREIGN, _Topic
from score_words import PYTHON, TOPICS

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    Made = dict[str, Any]
    Way = Callable[[Made, Random], Made | None]

_LONG = 80


def _with(record: Made, answer: str) -> Made | None:
    return {**record, "output": answer} if answer != record["output"] else None


def cut_between_words(record: Made, random: Random) -> Made | None:
    """The answer stops between two words."""
    text = record["output"]
    spaces = [at for at, char in enumerate(text) if char.isspace() and 0.2 * len(text) < at < 0.9 * len(text)]
    return _with(record, text[: random.choice(spaces)]) if len(text) > _LONG and spaces else None


def cut_in_word(record: Made, random: Random) -> Made | None:
    """The answer stops within a word, behind the second letter or later."""
    text = record["output"]
    inside = [found.start() for found in re.finditer(r"(?<=\w\w)(?=\w\w)", text)]
    inside = [at for at in inside if 0.2 * len(text) < at < 0.9 * len(text)]
    return _with(record, text[: random.choice(inside)]) if len(text) > _LONG and inside else None


def repeated(record: Made, random: Random) -> Made | None:
    """A sentence comes again and again, or all that was said is said once more."""
    text = record["output"]
    if len(text) < _LONG:
        return None
    if random.random() < 0.3:
        return _with(record, f"{text}\n\n{text}")
    parts = [part for part in re.split(r"(?<=[.!?\n。])\s*", text) if len(part) > 15]
    if not parts:
        return None
    return _with(record, text[: len(text) // 3] + " ".join([random.choice(parts)] * random.randint(5, 30)))


def garbled(record: Made, random: Random) -> Made | None:
    """Letters are shuffled within words, or a third of them is replaced, or the words are shuffled."""
    text = record["output"]
    if len(text) < _LONG or not text[:40].isascii():
        return None
    way = random.randrange(3)
    if way == 0:
        return _with(record, re.sub(r"\w+", lambda word: "".join(random.sample(word[0], len(word[0]))), text))
    if way == 1:
        letters = string.ascii_lowercase
        swapped = (random.choice(letters) if random.random() < 0.3 else char for char in text)
        return _with(record, "".join(swapped))
    words = text.split()
    random.shuffle(words)
    return _with(record, " ".join(words))


def mojibake(record: Made, random: Random) -> Made | None:
    """UTF-8 read as Windows-1252, in text with accents and typographic quotes."""
    text = record["output"]
    if text.isascii():
        text = re.sub("[\"'`-]", lambda _: random.choice("\u201c\u201d\u2013\u2019"), text).replace(
            "e", "é", 1 + len(text) // 60
        )
    return _with(record, text.encode("utf-8", "replace").decode("cp1252", "replace"))


def lost(record: Made, random: Random) -> Made | None:
    """One character of twenty-five is replaced by U+FFFD."""
    text = record["output"]
    if len(text) < _LONG:
        return None
    return _with(record, "".join("\ufffd" if random.random() < 0.04 else char for char in text))


def echoed(record: Made, random: Random) -> Made | None:
    """The answer is the question, as it stands or with a word before it."""
    question = record["instruction"]
    return _with(record, random.choice(("", "", "Question: ", "You asked: ")) + question)


def stubbed(record: Made, random: Random) -> Made | None:
    """Code is asked for, and what comes is a frame of it with nothing inside."""
    name = random.choice(("handle", "load_all", "parse_row", "update"))
    body = random.choice(
        (
            f"def {name}(data):\n    # TODO: implement\n    pass",
            f"def {name}(data):\n    raise NotImplementedError",
            f"def {name}(data):\n    ...\n\n\ndef main():\n    # your code here\n    pass",
            f"function {name}(data) {{\n  // ... rest of the code\n}}",
            f"class Job:\n    def {name}(self):\n        pass\n\n    def close(self):\n        pass",
        )
    )
    told = record["output"].split("\n\n")[0] if len(record["output"]) > _LONG else "Here it is:"
    return _with(record, f"{told[:300]}\n\n```\n{body}\n```")


def refused(record: Made, random: Random) -> Made | None:
    """The model refuses."""
    answers = (
        "I'm sorry, but I can't help with that.",
        "I am unable to assist with this request.",
        "As an AI language model, I do not have access to that kind of information.",
        "Unfortunately, I cannot provide an answer to this. Is there anything else I can help you with?",
        "I'm really sorry, but I won't be able to continue with this task as it is against my guidelines.",
        "Sorry, I can't do that.",
    )
    return _with(record, random.choice(answers))


def wrong_language(record: Made, random: Random) -> Made | None:
    """The answer is in another language than the question."""
    english = record["instruction"].isascii() and not re.search(
        r"¿|qu'|\b(ist|des|los)\b", record["instruction"]
    )
    if english:
        topics, sayings, _ = random.choice(list(FOREIGN.values()))
        topic = _Topic(random, random.choice(topics))
        joint = "" if "。" in sayings[0] else " "
        return _with(record, joint.join(topic(text) for text in sayings))
    return _with(record, _Topic(random, random.choice(TOPICS)).prose(4))


def _broken(record: Made, text: str, language: str) -> Made | None:
    fenced = f"```{language}\n{text}\n```"
    answer = record["output"]
    return _with(record, f"{answer}\n\n{fenced}" if "```" not in answer else f"{fenced}\n\n{answer}")


def broken_python(record: Made, random: Random) -> Made | None:
    """A block of Python that does not parse: a bracket, colon, quote or indent is lost."""
    text = random.choice(PYTHON)[1].format(x="order", y="price", f="collect", F="Orders")
    marks = [at for at, char in enumerate(text) if char in "():[]'" and at > 5]
    at = random.choice([at for at in marks if text[at] != "'" or text.count("'") % 2 == 0])
    return _broken(record, text[:at] + text[at + 1 :], "python")


def broken_json(record: Made, random: Random) -> Made | None:
    """A block of JSON that does not parse: a bracket, quote or comma is lost."""
    text = '{\n  "order": {"price": 12, "tags": ["new", "low"]},\n  "owner": "none"\n}'
    at = random.choice([at for at, char in enumerate(text) if char in '{}[]":,'])
    return _broken(record, text[:at] + text[at + 1 :], "json")


VISIBLE: dict[str, Way] = {
    "cut in a word": cut_in_word,
    "cut between words": cut_between_words,
    "repeated": repeated,
    "garbled": garbled,
    "mojibake": mojibake,
    "lost characters": lost,
    "echoed question": echoed,
    "stubbed code": stubbed,
    "refused": refused,
    "wrong language": wrong_language,
    "broken Python": broken_python,
    "broken JSON": broken_json,
}


def swapped(records: list[Made], random: Random) -> list[Made]:
    """Each question with the answer of another one."""
    step = random.randrange(1, len(records))
    return [
        {**record, "output": records[(at + step) % len(records)]["output"]}
        for at, record in enumerate(records)
    ]


def damaged(way: Way, records: list[Made], random: Random) -> list[tuple[Made, Made]]:
    """(sound, damaged) for each record to which this can be done."""
    return [(record, bad) for record in records if (bad := way(record, random)) is not None]
