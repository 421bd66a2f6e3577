"""Conversations that are made up from a seed: the truth from which the logs of each format are written.

A writer (write_codex.py, write_claude.py, ...) turns a Talk into the event log of one generation, with
the noise, replays and tears of that format. The exporter must then recover told(talk) exactly.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from random import Random
from typing import Any

WORDS = """
the parser drops last row of table when header is quoted config test port build branch cache queue
Zeile für größere Dateien déjà vu naïve 文件 読む 키 данные ошибка 🙂 👩‍💻 x==1 a<b && c>d $HOME
path/to/file.py `code` "quoted" back\\slash 100% #12 @name
""".split()  # noqa: SIM905
TOOLS = ("shell", "read_file", "edit", "search", "run_tests")


@dataclass
class Call:
    """One call of a tool and what came back; result None where none ever came."""

    id: str
    name: str
    arguments: dict[str, Any]
    result: str | None
    failed: bool = False


@dataclass
class Step:
    """What the agent did before its answer: thought, said and called, each possibly empty."""

    thought: str = ""
    text: str = ""
    calls: list[Call] = field(default_factory=list)


@dataclass
class Exchange:
    """One human turn.

    fate: "kept", "taken-back" (rewound or rolled back by the person), "interrupted" (no answer) or
    "unanswered" (the log ends, or the person asks on, before an answer). compacted: the agent summed up
    and forgot before this turn.
    """

    question: str
    steps: list[Step]
    answer: str
    thought: str = ""
    fate: str = "kept"
    compacted: bool = False


@dataclass
class Talk:
    """A conversation of one agent, oldest turn first."""

    id: str
    cwd: str
    model: str
    exchanges: list[Exchange]


def text(random: Random, most: int = 30) -> str:
    """Some words over some lines; never empty, never with space at an end."""
    words = [random.choice(WORDS) for _ in range(random.randint(1, most))]
    out = words[0]
    for word in words[1:]:
        out += random.choice((" ", " ", " ", " ", "\n", "\n\n", "\n    ")) + word
    if random.random() < 0.1:
        out += "\n```python\nprint(1)\n```"
    return out


def uuid(random: Random) -> str:
    """A UUID of version 4."""
    digits = f"{random.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def talk(random: Random, most: int = 6) -> Talk:
    """A conversation of 1 to `most` turns; the last one may have no answer."""
    exchanges = []
    number = random.randint(1, most)
    for at in range(number):
        steps = []
        for _ in range(random.choice((0, 0, 1, 1, 2, 4))):
            calls = [call(random) for _ in range(random.choice((0, 1, 1, 1, 2, 3)))]
            thought = text(random, 12) if random.random() < 0.4 else ""
            said = text(random, 12) if random.random() < 0.4 or not calls else ""
            steps.append(Step(thought, said, calls))
        fate = random.choices(("kept", "taken-back", "interrupted", "unanswered"), (12, 2, 1, 1))[0]
        exchange = Exchange(f"{text(random)} ({at})", steps, text(random, 60), fate=fate)
        exchange.thought = text(random, 12) if random.random() < 0.4 else ""
        exchange.compacted = at > 0 and random.random() < 0.15
        exchanges.append(exchange)
    folder = random.choice(("app", "my site", "src/köln", "a.b"))
    return Talk(uuid(random), f"/home/dana/{folder}", "model-x", exchanges)


def call(random: Random) -> Call:
    """A call with arguments of several kinds and a result that may be empty or long."""
    name = random.choice(TOOLS)
    arguments: dict[str, Any] = {"command": text(random, 6)}
    if random.random() < 0.3:
        arguments |= {
            "timeout": random.randint(1, 9000),
            "flags": ["-v", text(random, 2)],
            "deep": {"a": None},
        }
    result = random.choice(("", text(random, 40), "\n".join(f"{n}: {text(random, 5)}" for n in range(9))))
    return Call(f"call_{random.getrandbits(64):016x}", name, arguments, result, random.random() < 0.15)


Told = tuple[str, str, list[tuple[str, Any, str | None]]]


def told(talk: Talk) -> list[Told]:
    """(question, answer, [(tool, arguments, result)]) of each turn that gives a sample, in order."""
    found = []
    for turn in talk.exchanges:
        if turn.fate == "kept":
            calls = [(one.name, one.arguments, one.result) for step in turn.steps for one in step.calls]
            found.append((turn.question, turn.answer, calls))
    return found


def recovered(samples: list[dict[str, Any]]) -> list[Told]:
    """The same, read from samples as an exporter writes them with redaction off."""
    found = []
    for sample in samples:
        rows = sample["messages"]
        results = {row["tool_call_id"]: row["content"] for row in rows if row["role"] == "tool"}
        calls = [
            (made["function"]["name"], json.loads(made["function"]["arguments"]), results.get(made["id"]))
            for row in rows
            for made in row.get("tool_calls") or ()
        ]
        found.append((sample["instruction"], sample["output"], calls))
    return found
