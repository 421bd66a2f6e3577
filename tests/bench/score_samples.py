"""Samples of known soundness, made up from a seed: what afs-score is calibrated with and measured on.

Four kinds, as the profiles of afs-score: single questions and answers (generic), code, dialogue, and agents'
turns. A question names its topic and some of what belongs to it; an answer takes up most of that and says
more, so that the overlap of both is spread as it is in public instruction data: about half of the terms of a
question come back, of some none and of others all.
"""

from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING, Any

from score_words import (
    CLOSINGS,
    DID,
    EXPLAIN,
    FACTS,
    FIELDS,
    FOREIGN,
    HEADINGS,
    ITEMS,
    LISTS,
    NAMES,
    OFFERS,
    PLACES,
    PYTHON,
    SAYINGS,
    STEPS,
    THINGS,
    TOPICS,
    WHY,
    WISHES,
    XS,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Made = dict[str, Any]

KINDS = ("generic", "code", "dialogue", "agentic")
# What happens to turns all the same, and of a hundred to how many.
_PASSED = {
    "": 63,
    "tool_failed": 24,
    "open": 5,
    "after_compaction": 3,
    "thanked_by_user": 3,
    "tool_rejected": 2,
}


def samples(kind: str, count: int, seed: int) -> Iterator[Made]:
    """`count` undamaged samples of a kind; the same seed gives the same ones."""
    random = Random(f"{kind}-{seed}")
    for _ in range(count):
        yield _MAKERS[kind](random)


def made(question: str, answer: str, context: str = "", flags: Sequence[str] | None = None) -> Made:
    """A record."""
    record: Made = {"instruction": question, "input": context, "output": answer}
    if flags is not None:
        record["_metadata"] = {"flags": list(flags)}
    return record


class _Topic:
    """A topic, with different things of it at every filling in."""

    def __init__(self, random: Random, line: str = "") -> None:
        self.random = random
        self.name, _, things = (line or random.choice(TOPICS)).partition(": ")
        self.things = things.split(", ")

    def __call__(self, text: str, **more: str) -> str:
        a, b = self.random.sample(self.things, 2)
        upper = self.name[0].upper() + self.name[1:]
        return text.format(t=self.name, T=upper, a=a, A=a[0].upper() + a[1:], b=b, **more)

    def prose(self, count: int) -> str:
        picked = self.random.sample(SAYINGS, min(count, len(SAYINGS)))
        if self.random.random() < 0.6:  # what begins an answer mostly names what it is about
            picked.sort(key=lambda text: "{t}" not in text.lower())
            picked[1:] = self.random.sample(picked[1:], len(picked) - 1)
        texts = [self(text) for text in picked]
        out = ""
        for text in texts:
            out += text + ("\n\n" if self.random.random() < 0.25 else " ")
        return out.strip()

    def items(self, count: int, mark: str) -> str:
        stop = self.random.choice(("", "."))
        style = self.random.choice(("{}", "{}", "**{}**"))
        texts = self.random.sample(ITEMS, count)
        lines = []
        for number, text in enumerate(texts, 1):
            line = self(text)
            if style != "{}":
                line = f"{style.format(self.random.choice(self.things).capitalize())}: {line}"
            lines.append(f"{mark.format(number)} {line}{stop}")
        return "\n".join(lines)


# --- single questions ---------------------------------------------------------------------------------


def _generic(random: Random) -> Made:
    make = random.choices(
        (_explained, _listed, _stepped, _fact, _task, _foreign, _letter, _code),
        (34, 14, 8, 10, 14, 10, 4, 6),
    )[0]
    return make(random)


def _explained(random: Random) -> Made:
    topic = _Topic(random)
    answer = topic.prose(int(random.lognormvariate(1.7, 0.7)) + 1)
    if random.random() < 0.2:
        answer += "\n\n" + topic(random.choice(CLOSINGS))
    return made(topic(random.choice(EXPLAIN)), answer)


def _listed(random: Random) -> Made:
    topic = _Topic(random)
    count = random.randint(3, 8)
    answer = topic.items(count, random.choice(("-", "*", "{}.", "-")))
    if random.random() < 0.6:
        answer = topic.prose(1) + "\n\n" + answer
    if random.random() < 0.35:
        answer += "\n\n" + topic(random.choice(CLOSINGS))
    return made(topic(random.choice(LISTS), n=str(count)), answer)


def _stepped(random: Random) -> Made:
    topic = _Topic(random)
    answer = topic.items(random.randint(3, 7), "{}.")
    if random.random() < 0.5:
        answer += "\n\n" + topic(random.choice(CLOSINGS))
    return made(topic(random.choice(STEPS)), answer)


def _fact(random: Random) -> Made:
    if random.random() < 0.3:
        land, city = random.choice(PLACES).split()
        answer = random.choice((f"{city}.", city, f"The capital of {land} is {city}."))
        return made(f"What is the capital of {land}?", answer)
    if random.random() < 0.3:
        one, two = random.randint(2, 99), random.randint(2, 99)
        answer = random.choice((f"{one + two}", f"{one} + {two} = {one + two}"))
        return made(f"What is {one} + {two}?", answer)
    topic = _Topic(random)
    a, b = random.sample(topic.things, 2)
    filled = random.choice(FACTS).format(t=topic.name, T=topic.name.capitalize(), a=a, b=b, A=a.capitalize())
    question, _, answer = filled.partition("|")
    return made(question, answer)


def _task(random: Random) -> Made:
    """Work on a given text: summarise, classify, rewrite, make a title."""
    topic = _Topic(random)
    text = topic.prose(random.randint(3, 7))
    sentences = text.replace("\n", " ").split(". ")
    task = random.randrange(5)
    if task == 0:
        return made("Summarise the text in one sentence.", topic("{T} is mostly about {a} and {b}."), text)
    if task == 1:
        label = random.choice(("positive", "negative", "neutral", "Positive."))
        return made("Classify the sentiment of the text as positive, negative or neutral.", label, text)
    if task == 2:
        return made("Give the text a title.", f"Understanding {topic.name.title()}", text)
    if task == 3:
        pick = random.choice(sentences).rstrip(".") + "."
        return made("Quote the most important sentence of the text.", pick, text)
    return made("Rewrite the text for a younger reader.", topic.prose(random.randint(2, 5)), text)


def _letter(random: Random) -> Made:
    topic = _Topic(random)
    name, end = (
        random.choice(("Ms. Brown", "Alex", "team", "Dr. Silva")),
        random.choice(("Best", "Sincerely")),
    )
    body = f"Dear {name},\n\n{topic.prose(3)}\n\n{end},\n{random.choice(('Sam Lee', 'Kim'))}"
    return made(topic("Write an email about {t} that mentions {a}."), body)


def _foreign(random: Random) -> Made:
    topics, sayings, questions = random.choice(list(FOREIGN.values()))
    topic = _Topic(random, random.choice(topics))
    joint = "" if "。" in sayings[0] else " "
    picked = random.sample(sayings, random.randint(2, len(sayings)))
    answer = joint.join(topic(text) for text in picked)
    return made(topic(random.choice(questions)), answer)


# --- code ---------------------------------------------------------------------------------------------


def _code(random: Random) -> Made:
    if random.random() < 0.3:
        return _data(random)
    request, body = random.choice(PYTHON)
    x, y = random.choice(NAMES), random.choice(FIELDS)
    f = random.choice((f"{y}_of_{x}", f"find_{x}", f"collect_{y}", f"{x}_by_{y}"))
    named = {"x": x, "y": y, "f": f, "F": f"{x.capitalize()}{y.capitalize()}"}
    text = body.format(**named)
    style = random.random()
    if style < 0.7:
        text = f"```python\n{text}\n```"
    if 0.2 < style < 0.7:
        told = f"It goes through every {x} once and looks at its {y}."
        more = random.choice(
            (f"\n\nAn empty list of {x}s is no error.", "", f"\n\nThe {y} must be comparable.")
        )
        text = f"{told}\n\n{text}{more}"
    return made(request.format(**named), text)


def _data(random: Random) -> Made:
    """JSON, TOML, SQL or a shell line."""
    x, y, z = random.choice(NAMES), *random.sample(FIELDS, 2)
    number = random.randint(1, 500)
    form = random.randrange(4)
    if form == 0:
        rows = {x: {y: number, z: random.choice(("low", "high")), "tags": [x, "new"][: random.randint(0, 2)]}}
        text = json.dumps(rows, indent=random.choice((2, 4)))
        question = f"Give me a JSON object for a {x} with {y}, {z} and a list of tags."
    elif form == 1:
        text = f'[{x}]\n{y} = {number}\n{z} = "high"\n\n[{x}.limits]\nsoft = true\n'.strip()
        question = f"Show a TOML section for the {x} with {y} and {z}."
    elif form == 2:
        text = f"SELECT {y}, COUNT(*)\nFROM {x}s\nWHERE {z} > {number}\nGROUP BY {y};"
        question = f"Write an SQL query that counts {x}s by {y} where {z} is above {number}."
    else:
        text = f"grep -c '{x}={y}' {z}.log | sort -n | head -n {number}"
        question = f"How do I count the lines with {x}={y} in {z}.log in a shell?"
    language = ("json", "toml", "sql", "sh")[form]
    if random.random() < 0.7:
        text = f"```{language}\n{text}\n```"
    return made(question, text)


# --- dialogue and agents ------------------------------------------------------------------------------


def _dialogue(random: Random) -> Made:
    topic = _Topic(random)
    before = topic.prose(random.randint(1, 4))
    question = random.choice(
        ("And what about {a}?", "thanks! how does {b} fit in?", "ok, is {a} hard to learn?", "Why is that?",
         "Could you give an example with {a}?", "I tried it, but {b} still confuses me.", "tell me more")
    )  # fmt: skip
    answer = topic.prose(random.randint(1, 4))
    if random.random() < 0.3:
        answer += topic(" Does that help with {b}?")
    return made(topic(question), answer, before)


def _agentic(random: Random) -> Made:
    thing, x = random.choice(THINGS), random.choice(XS)
    slug = x.split()[0].lower()
    where = f"src/{thing.split()[-1].lower()}/{slug}.py"

    def say(text: str) -> str:
        f = f"{random.choice(('check', 'load', 'parse', 'apply', 'build'))}_{slug.replace('-', '_')}"
        return text.format(thing=thing, x=x, f=f, p=where, o=slug, s=slug, n=random.randint(12, 400))

    parts = [say(random.choice(WHY))]
    mark = random.choice(("- ", "- ", "* ", "1. "))
    for heading in random.sample(HEADINGS, random.randint(1, 3)):
        items = random.sample(DID, random.randint(1, 5))
        lines = [f"{f'{at}. ' if mark == '1. ' else mark}{say(text)}" for at, text in enumerate(items, 1)]
        title = random.choice(("**{}**", "## {}", "{}:", "{}")).format(heading)
        parts.append(title + random.choice(("\n", "\n\n")) + "\n".join(lines))
    if random.random() < 0.15:
        body = random.choice(PYTHON)[1].format(x=slug.replace("-", "_"), y="state", f="apply", F="Job")
        parts.append(f"```python\n{body}\n```")
    if random.random() < 0.75:
        parts.append(say(random.choice(OFFERS)))
    if random.random() < 0.3:
        parts = [parts[0], *(say(text) for text in random.sample(WHY, random.randint(0, 3)))]
    tools = "\n\n".join(f"[shell]\n{say(text)}" for text in random.sample(DID, random.randint(0, 4)))
    flag = random.choices(list(_PASSED), list(_PASSED.values()))[0]
    return made(say(random.choice(WISHES)), "\n\n".join(parts), tools, [flag] if flag else [])


_MAKERS: dict[str, Callable[[Random], Made]] = {
    "generic": _generic,
    "code": _code,
    "dialogue": _dialogue,
    "agentic": _agentic,
}
