"""A made-up conversation as the log of Gemini CLI, of one of its generations.

Every word that the client puts in holds INJECTED, and so does every text that a file names beside a
question, so that a test can tell that none of it became a question or an answer.
"""

from __future__ import annotations

import copy
import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import talks

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

# strings: .json, what is typed is a text. parts: .json, it is a list of parts, shown as it was typed.
# lines: .jsonl, each message written again when more is known of it. durable: .jsonl, results are
# messages, too, and checkpoints put a new list in the place of all messages.
GENERATIONS = ("strings", "parts", "lines", "durable")

CLIENT = (
    "<session_context>\nThis is the Gemini CLI. INJECTED\n</session_context>",
    "<hook_context>INJECTED</hook_context>",
    "System: Please continue.",
    "System: Potential loop detected. Details: INJECTED",
)
ACKNOWLEDGED = "Got it. Thanks for the additional context!"
SUMMARY = "<state_snapshot>\n<overall_goal>INJECTED</overall_goal>\n</state_snapshot>"
CUT = "Output too large. Showing first 9 and last 9 characters. "
MASK = "<tool_output_masked>\nINJECTED\n\nOutput too large. "
FILES = "\n--- Content from referenced files ---"


@dataclass
class Written:
    """The files of a conversation, and the truth of each sub-agent that they tell of."""

    files: list[Path]
    agents: list[talks.Talk] = field(default_factory=list)


class Log:
    """The records of one session: as lines, and as the messages that are live at its end."""

    def __init__(self, random: Random, talk: talks.Talk, generation: str, project: Path) -> None:
        self.random, self.talk, self.generation, self.project = random, talk, generation, project
        self.lines: list[Any] = []
        self.live: list[dict[str, Any]] = []
        self.names: dict[str, str] = {}  # the last id of messages that were written anew under another
        self.clock = 1_770_000_000_000
        self.facts = {
            "sessionId": talk.id,
            "projectHash": hashlib.sha256(talk.cwd.encode()).hexdigest(),
            "startTime": self.stamp(),
            "lastUpdated": self.stamp(),
        }
        self.lines.append(dict(self.facts))

    def dice(self, chance: float) -> bool:
        return self.random.random() < chance

    def stamp(self) -> str:
        self.clock += self.random.choice((1, 7, 1000))
        seconds, part = divmod(self.clock, 1000)
        day, second = 1 + seconds // 86400 % 28, seconds % 60
        hour, minute = seconds // 3600 % 24, seconds // 60 % 60
        return f"2026-05-{day:02d}T{hour:02d}:{minute:02d}:{second:02d}.{part:03d}Z"

    def strings(self) -> bool:
        return self.generation == "strings"

    def new(self, kind: str, content: Any, **more: Any) -> dict[str, Any]:
        return {
            "id": talks.uuid(self.random),
            "timestamp": self.stamp(),
            "type": kind,
            "content": content,
            **more,
        }

    def put(self, message: dict[str, Any]) -> dict[str, Any]:
        """Write a message, or write it again."""
        self.lines.append(copy.deepcopy(message))
        if all(one is not message for one in self.live):
            self.live.append(message)
        if self.dice(0.3):
            self.lines.append({"$set": {"lastUpdated": self.stamp()}})
        return message

    def noise(self) -> None:
        """What may stand between any two messages, and is none."""
        if not self.dice(0.25):
            return
        kind = self.random.randrange(6)
        if kind == 0:
            self.put(self.new(self.random.choice(("info", "warning")), "INJECTED"))
        elif kind == 1:
            text = self.random.choice(CLIENT)
            self.put(self.new("user", text if self.strings() else [{"text": text}]))
        elif kind == 2:
            self.put(
                self.new("gemini", [{"text": ACKNOWLEDGED}] if self.generation == "durable" else ACKNOWLEDGED)
            )
        elif kind == 3:
            self.lines.append({"type": "future_record", "payload": "INJECTED"})
        elif kind == 4:
            self.lines.append(b'{"id":"INJECTED","type":"us')
        else:
            self.put(self.new("info", [{"inlineData": {"mimeType": "image/png", "data": "SU5KRUNURUQ="}}]))

    # --- one turn -----------------------------------------------------------------------------------------

    def question(self, turn: talks.Exchange) -> dict[str, Any]:
        text, more = turn.question, {}
        if self.dice(0.25):
            beside = f"{FILES}\nContent from @a.csv:\nINJECTED\n--- End of content ---"
            if self.strings():
                text += beside
            else:
                more = {"displayContent": [{"text": text}] if self.dice(0.7) else text}
                parts = [{"text": turn.question}, {"text": beside}]
                return self.put(self.new("user", parts, **more))
        if self.strings():
            return self.put(self.new("user", text))
        parts = [{"text": text}]
        if self.dice(0.1):
            parts.append({"text": "<hook_context>INJECTED</hook_context>"})
        return self.put(self.new("user", parts if self.dice(0.9) else parts[0] if len(parts) == 1 else parts))

    def step(self, step: talks.Step, model: str) -> None:
        message = self.new("gemini", step.text, thoughts=[], tokens=None, model=model)
        if step.thought:
            message["thoughts"] = [{"subject": "", "description": step.thought, "timestamp": self.stamp()}]
        if self.dice(0.6):
            self.put(message)
        message["tokens"] = {"input": 10, "output": 3, "cached": 1, "thoughts": 2, "tool": 0, "total": 15}
        if self.dice(0.6) or not step.calls:
            self.put(message)
        if not step.calls:
            return
        if self.dice(0.3):
            message["toolCalls"] = [self.call(one) | {"status": "executing"} for one in step.calls]
            self.put(message)
        responses = [self.response(one) for one in step.calls]
        together = self.dice(0.3)
        message["toolCalls"] = [
            self.call(one) | {"status": "error" if one.failed else "success", "result": result}
            for one, result in zip(
                step.calls, [responses if together else [one] for one in responses], strict=True
            )
        ]
        self.random.shuffle(message["toolCalls"]) if len(step.calls) == 1 else None
        if self.dice(0.2) and len(step.calls) == 1 and not step.calls[0].failed:
            message["toolCalls"][0]["result"] = step.calls[0].result
        self.put(message)
        if self.generation == "durable" and self.dice(0.8):
            self.put(self.new("user", copy.deepcopy(responses)))

    def call(self, call: talks.Call) -> dict[str, Any]:
        return {
            "id": call.id,
            "name": call.name,
            "args": call.arguments,
            "timestamp": self.stamp(),
            "displayName": "x",
        }

    def response(self, call: talks.Call) -> dict[str, Any]:
        text = call.result or ""
        if len(text) > 40 and self.dice(0.2):
            path = self.output(call)
            text = f"{CUT}For full output see: {path}\nINJECTED"
        body: dict[str, Any] = {"error": text} if call.failed and text else {"output": text}
        if not call.failed and self.dice(0.1):
            body = {"content": [{"type": "text", "text": text}]}
        return {"functionResponse": {"id": call.id, "name": call.name, "response": body}}

    def output(self, call: talks.Call) -> str:
        """Write the file that holds the whole of a result; its name as the client tells it."""
        folder = self.project / "tool-outputs" / f"session-{self.talk.id}"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{call.name}_{call.id}.txt"
        path.write_bytes((call.result or "").encode())
        return f"/home/dana/.gemini/tmp/other/tool-outputs/{folder.name}/{path.name}"

    def turn(self, turn: talks.Exchange) -> None:
        if turn.compacted:
            self.checkpoint(forget=True)
        first = self.question(turn)
        while turn.fate == "unanswered" and turn.steps and not turn.steps[-1].calls:
            turn.steps.pop()  # a last text cannot be told from an answer
        for step in turn.steps:
            self.noise()
            self.step(step, self.talk.model)
            if self.dice(0.1):
                self.checkpoint(forget=self.dice(0.5))
        self.noise()
        if turn.fate in ("kept", "taken-back"):
            self.step(talks.Step(turn.thought, turn.answer), self.talk.model)
        elif turn.fate == "interrupted":
            self.put(self.new("info", "Request cancelled."))
        elif self.dice(0.5):
            self.put(self.new("error", "[API Error: INJECTED]"))
        if turn.fate == "taken-back":
            self.take_back(first)

    def take_back(self, first: dict[str, Any]) -> None:
        names = [message["id"] for message in self.live]
        name = self.names.get(first["id"], first["id"])
        if name in names:
            start = names.index(name)
            unknown = start == 0 and self.dice(0.5)
            self.lines.append({"$rewindTo": "nowhere" if unknown else name})
            del self.live[start:]
        else:  # the client had forgotten it
            self.lines.append({"$rewindTo": name})
            self.live.clear()

    # --- checkpoints --------------------------------------------------------------------------------------

    def checkpoint(self, forget: bool) -> None:
        """Put a new list in the place of the live messages: masked, without the oldest, written anew."""
        if self.generation != "durable" or not self.live:
            return
        kept = [copy.deepcopy(one) for one in self.live if one["type"] in ("user", "gemini")]
        if forget:
            kept = kept[self.random.randint(0, len(kept)) :]
            asked = [{"text": CLIENT[0]}], [{"text": SUMMARY}]
            head = [self.new("user", parts) for parts in asked] + [
                self.new("gemini", [{"text": ACKNOWLEDGED}])
            ]
            kept = head + kept
        for message in kept:
            if message["type"] == "gemini" and self.dice(0.5):
                self.as_parts(message)
            self.mask(message)
            if self.dice(0.1):
                old, message["id"] = message["id"], talks.uuid(self.random)
                self.names = {key: message["id"] if new == old else new for key, new in self.names.items()}
                self.names[old] = message["id"]
        self.live = kept
        self.lines.append({"$set": {"messages": copy.deepcopy(kept), "lastUpdated": self.stamp()}})

    def as_parts(self, message: dict[str, Any]) -> None:
        """The content as the model gave it: its thoughts and calls are parts of it."""
        if type(message["content"]) is not str:
            return
        thoughts = [one["description"] for one in message.get("thoughts", ())]
        parts: list[dict[str, Any]] = [
            {"text": one, "thought": True, "thoughtSignature": "x"} for one in thoughts
        ]
        if message["content"]:
            parts.append({"text": message["content"]})
        for call in message.get("toolCalls", ()):
            parts.append({"functionCall": {"id": call["id"], "name": call["name"], "args": call["args"]}})
        message["content"] = parts

    def mask(self, message: dict[str, Any]) -> None:
        """Cut results of calls, as the client does to save room."""
        cut = {call["id"] for call in message.get("toolCalls", ()) if self.dice(0.3)}
        for call in message.get("toolCalls", ()):
            parts = call.get("result")
            for part in parts if type(parts) is list else ():
                given = part["functionResponse"]
                if given["id"] in cut:
                    where = f"/x/tool-outputs/session-{self.talk.id}/{given['name']}_{given['id']}.txt"
                    text = f"{MASK}Full output available at: {where}\n</tool_output_masked>"
                    given["response"] = {"output": text}

    # --- files --------------------------------------------------------------------------------------------

    def bytes(self, lines: list[Any] | None = None) -> bytes:
        rows = self.lines if lines is None else lines
        out = b""
        for row in rows:
            out += row if type(row) is bytes else json.dumps(row, ensure_ascii=self.dice(0.2)).encode()
            out += b"\n"
        return out

    def whole(self, messages: list[dict[str, Any]]) -> bytes:
        value = {**self.facts, "messages": messages}
        return json.dumps(value, indent=2 if self.dice(0.8) else None, ensure_ascii=False).encode()


def write(talk: talks.Talk, random: Random, folder: Path, generation: str) -> Written:
    """Write a conversation below a folder that stands for .gemini; a generation of .json forgets rewinds."""
    project = _project(talk, random, folder)
    log = Log(random, talk, generation, project)
    if log.dice(0.3):
        log.put(log.new("user", CLIENT[0]))
    told_json = generation in ("strings", "parts")
    for turn in talk.exchanges:
        if turn.fate == "taken-back" and told_json:
            continue
        if log.dice(0.1):
            log.put(log.new("user", "/stats INJECTED" if log.strings() else [{"text": "/stats INJECTED"}]))
        log.turn(turn)
    chats = project / "chats"
    chats.mkdir(parents=True)
    name = f"session-2026-05-01T09-00-{talk.id[:8]}"
    written = Written([])
    if told_json:
        messages = [message for row in log.live for message in ([row, row] if log.dice(0.05) else [row])]
        path = chats / f"{name}.{'jsonl' if log.dice(0.1) else 'json'}"
        path.write_bytes(log.whole(messages))
    else:
        path = chats / f"{name}.{'json' if log.dice(0.1) else 'jsonl'}"
        path.write_bytes(log.bytes() + (b'{"id":"INJECTED","type":"user","cont' if log.dice(0.2) else b""))
    written.files.append(path)
    _beside(log, random, folder, path)
    for _ in range(random.choice((0, 0, 1, 2))):
        written.agents.append(_agent(log, random, project, talk))
    return written


def _project(talk: talks.Talk, random: Random, folder: Path) -> Path:
    slug = random.choice(("app", hashlib.sha256(talk.cwd.encode()).hexdigest()))
    project = folder / "tmp" / slug
    project.mkdir(parents=True)
    if random.random() < 0.5:
        (project / ".project_root").write_text(talk.cwd)
    (folder / "projects.json").write_text(json.dumps({"projects": {talk.cwd: "app", "/home/dana": "dana"}}))
    (project / "logs.json").write_text('[{"sessionId":"x","type":"user","message":"INJECTED"}]')
    (project / "shell_history").write_text("INJECTED")
    (folder / "oauth_creds.json").write_text("INJECTED")
    return project


def _beside(log: Log, random: Random, folder: Path, path: Path) -> None:
    """Copies of a session under its other names, and files that are none."""
    if log.dice(0.3):  # the folder of the other naming, as it was when it was copied
        other = folder / "tmp" / "older-name" / "chats"
        other.mkdir(parents=True)
        lines = log.lines[: random.randint(1, max(1, len(log.lines) // 2))]
        if log.generation in ("strings", "parts"):
            (other / f"{path.stem}.json").write_bytes(log.whole(log.live[: len(log.live) // 2]))
        else:
            (other / path.name).write_bytes(log.bytes(lines))
    if log.dice(0.3) and path.suffix == ".jsonl" and log.generation in ("lines", "durable"):
        seen: dict[str, Any] = {}  # what the older file held before the session went on in this one
        for row in log.lines[: random.randint(0, len(log.lines))]:
            if type(row) is dict and "id" in row:
                seen[row["id"]] = row
            elif type(row) is dict and ("$rewindTo" in row or "messages" in row.get("$set", ())):
                break
        path.with_suffix(".json").write_bytes(log.whole(list(seen.values())[:-1]))
    if log.dice(0.2):
        path.with_name(path.name + ".tmp-4711").write_bytes(b"INJECTED")
    if log.dice(0.2):  # a session that begins with the same eight characters
        stub = {**log.facts, "sessionId": log.talk.id[:8] + "-0000-4000-8000-000000000000", "messages": []}
        path.with_name(f"session-2026-05-02T09-00-{log.talk.id[:8]}.json").write_text(json.dumps(stub))
    if log.dice(0.3):
        _saved(log, random)


def _saved(log: Log, random: Random) -> None:
    """A chat that the person saved on the way: the same turns, without ids."""
    contents: list[dict[str, Any]] = [{"role": "user", "parts": [{"text": CLIENT[0]}]}]
    for turn in log.talk.exchanges[: random.randint(1, len(log.talk.exchanges))]:
        if turn.fate != "kept":
            continue
        asked = next(row for row in log.lines if type(row) is dict and _asks(row, turn.question))
        content = asked["content"]
        parts = (
            [{"text": content}] if type(content) is str else content if type(content) is list else [content]
        )
        contents.append({"role": "user", "parts": parts})
        for step in turn.steps:
            calls = [{"functionCall": {"name": one.name, "args": one.arguments}} for one in step.calls]
            contents.append(
                {"role": "model", "parts": [*([{"text": step.text}] if step.text else []), *calls]}
            )
            if calls:
                back = [
                    {"functionResponse": {"name": one.name, "response": {"output": one.result}}}
                    for one in step.calls
                ]
                contents.append({"role": "user", "parts": back})
        contents.append({"role": "model", "parts": [{"text": turn.answer}]})
    value: Any = {"history": contents} if log.dice(0.5) else contents
    (log.project / "checkpoint-a%2Fb.json").write_text(json.dumps(value, indent=2))


def _asks(row: dict[str, Any], question: str) -> bool:
    parts = row.get("content")
    parts = [parts] if type(parts) in (str, dict) else parts or []
    return row.get("type") == "user" and any(
        (part if type(part) is str else part.get("text", "")).startswith(question) for part in parts
    )


def _agent(log: Log, random: Random, project: Path, parent: talks.Talk) -> talks.Talk:
    """A sub-agent's session, nested below its parent's name or among the sessions."""
    talk = talks.talk(random, 1)
    turn = talk.exchanges[0]
    turn.compacted, turn.fate = False, random.choice(("kept", "kept", "unanswered"))
    talk.cwd = parent.cwd
    own = Log(random, talk, log.generation, project)
    own.facts["kind"] = own.lines[0]["kind"] = "subagent"
    own.turn(turn)
    if turn.fate == "kept" and own.dice(0.5) and own.live[-1].get("content") == turn.answer:
        last = own.live[-1]
        last["content"] = ""
        last["toolCalls"] = [
            {"id": "done", "name": "complete_task", "args": {"result": turn.answer}, "status": "success"}
        ]
        own.lines = [row for row in own.lines if type(row) is not dict or row.get("id") != last["id"]]
        own.put(last)
    nested = own.dice(0.6)
    if nested:
        path = project / "chats" / parent.id / f"{talk.id}.jsonl"
    else:
        path = project / "chats" / f"session-2026-05-01T09-01-{talk.id[:8]}.jsonl"
    path.parent.mkdir(exist_ok=True)
    if log.generation in ("strings", "parts"):
        path.with_suffix(".json").write_bytes(own.whole(own.live))
    else:
        path.write_bytes(own.bytes())
    return talk
