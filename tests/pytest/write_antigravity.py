"""Writes a made-up conversation as Antigravity's transcripts, with the noise of that format.

Generations: overview (older builds: `args` are JSON text, answers by notify_user); pair (short and whole
transcript); short (no whole one: what is over CUT characters is cut); full; generic (agy 1.2: all results
are GENERIC); chunks (rotated parts); sidecar (a short transcript, cut, beside what agy-reader wrote). What a
log cannot say is changed in the talk, which stays the truth: a turn whose question has slid out of every
file is "lost", one with a cut answer "cut", one whose arguments are cut "unsure".
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime

import talks

GENERATIONS = ("overview", "pair", "short", "full", "generic", "chunks", "sidecar")
CUT = 120
BORN = 1782468976  # 2026-06-26T10:16:16Z
NAMES = {
    "shell": ("run_command", "RUN_COMMAND"),
    "read_file": ("view_file", "VIEW_FILE"),
    "edit": ("replace_file_content", "CODE_ACTION"),
    "search": ("grep_search", "GREP_SEARCH"),
    "run_tests": ("run_tests", "MCP_TOOL"),
}
METADATA = """<ADDITIONAL_METADATA>
The current local time is: 2026-06-26T12:16:16+02:00.
INJECTED Active Document: /home/dana/app/notes.md
</ADDITIONAL_METADATA>"""
SETTINGS = """<USER_SETTINGS_CHANGE>
The user changed setting `Model Selection` from None to Example 3.5 Flash (High). No need to comment on it.
</USER_SETTINGS_CHANGE>"""


@dataclass
class Row:
    """One record: what both transcripts say of it, and what is in the talk for it (to be cut)."""

    record: dict
    exchange: object = None
    source: object = None  # the Call whose result it is, the Exchange whose answer it is
    question: bool = False
    extra: list = field(default_factory=list)  # raw lines that stand before it


def stamp(clock):
    return datetime.fromtimestamp(clock, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Log:
    """The records of a conversation, in the order of time."""

    def __init__(self, talk, random, generation):
        self.talk, self.random, self.generation = talk, random, generation
        self.rows, self.clock, self.index = [], BORN, 0
        self.messages, self.logs = [], {}
        self.exchange = None

    def add(self, source, kind, status="DONE", ahead=0, **fields):
        """A step; `ahead` puts it at an index that an earlier one has."""
        self.clock += self.random.choice((0, 0, 1, 1, 2, 30))
        record = {
            "step_index": self.index - ahead,
            "source": source,
            "type": kind,
            "status": status,
            "created_at": stamp(self.clock),
            **fields,
        }
        self.rows.append(Row(record, self.exchange))
        self.index += 0 if ahead else 1
        return self.rows[-1]

    def noise(self):
        random = self.random
        if random.random() < 0.25:
            self.add("SYSTEM", "EPHEMERAL_MESSAGE", content="INJECTED reminder")
        if random.random() < 0.1:
            self.add("SYSTEM", "KNOWLEDGE_ARTIFACTS")
        if random.random() < 0.1:
            content = "The following is a <SYSTEM_MESSAGE> not actually sent by the user. INJECTED timer"
            self.add("SYSTEM", "SYSTEM_MESSAGE", content=content)
        if random.random() < 0.1:
            content = "The USER performed the following action: INJECTED"
            self.add("USER_EXPLICIT", random.choice(("VIEW_FILE", "CODE_ACTION")), content=content)
        if random.random() < 0.05:
            self.add("SYSTEM", "ERROR_MESSAGE", status="ERROR", error="INJECTED quota")
        if random.random() < 0.05:
            self.add("SYSTEM", "WIND_OF_CHANGE", content="INJECTED")

    def ask(self, words):
        self.clock += self.random.randint(5, 5000)
        parts = [f"<USER_REQUEST>\n{words}\n</USER_REQUEST>"]
        if self.random.random() < 0.7:
            parts.append(METADATA)
        if self.random.random() < 0.2:
            parts.append(SETTINGS)
        row = self.add("USER_EXPLICIT", "USER_INPUT", content="\n".join(parts))
        row.question = True
        if self.random.random() < 0.5:
            self.add("SYSTEM", "CONVERSATION_HISTORY", content="INJECTED earlier talks")

    def approve(self):
        """A prompt that only lets the agent go on."""
        word = self.random.choice(("", "Continue", "proceed.", "LGTM", "Yes, go ahead"))
        content = f"<USER_REQUEST>\n{word}\n</USER_REQUEST>\n{METADATA}"
        if not word:
            plan = (
                "Comments on artifact URI: file:///home/dana/plan.md\n\nThe user has approved this document."
            )
            content = f"{plan}\n\n\n{content}"
        self.clock += 5
        self.add("USER_EXPLICIT", "USER_INPUT", content=content)

    def step(self, step):
        thought = {"thinking": step.thought} if step.thought else {}
        said = {"content": step.text} if step.text else {}
        if thought and (said or step.calls) and self.random.random() < 0.3:
            self.add("MODEL", "PLANNER_RESPONSE", **thought)
            thought = {}
        if said and step.calls and self.random.random() < 0.3:
            self.add("MODEL", "PLANNER_RESPONSE", **thought, **said)
            thought, said = {}, {}
        calls = [{"name": call.name, "args": call.arguments} for call in step.calls]
        if thought or said or calls:
            self.add(
                "MODEL", "PLANNER_RESPONSE", **thought, **said, **({"tool_calls": calls} if calls else {})
            )
        self.results(step.calls)

    def results(self, calls):
        """In the order of the calls for each type, but not for all; what is of no type is one lane."""
        lanes = {}
        mixed = self.random.random() < 0.5
        for call in calls:
            later = call.result.strip() != "" and self.random.random() < 0.15
            kind = "GENERIC" if self.generation == "generic" else self.kind(call.name)
            kind = "GENERIC" if later and not mixed and self.random.random() < 0.5 else kind
            lanes.setdefault(kind if mixed else "", []).append((call, kind, later))
        while lanes:
            lane = self.random.choice(sorted(lanes))
            call, kind, later = lanes[lane].pop(0)
            if not lanes[lane]:
                del lanes[lane]
            (self.later if later else self.result)(call, kind)

    def kind(self, name):
        return dict(NAMES.values()).get(name, "GENERIC")

    def result(self, call, kind):
        status = "ERROR" if call.failed else "DONE"
        head = f"Created At: {stamp(self.clock)}\nCompleted At: {stamp(self.clock)}\n"
        row = self.add("MODEL", kind, status=status, content=head + call.result)
        row.source = call
        if self.random.random() < 0.05:  # an error that shares the index of the result
            self.add("SYSTEM", "ERROR_MESSAGE", status="ERROR", ahead=1, error="INJECTED quota")
        return row

    def later(self, call, kind):
        """The command goes on in the background, and a message tells its end."""
        task = f"{self.talk.id}/task-{self.index}"
        notice = (
            f"Created At: {stamp(self.clock)}\nTool is running as a background task with task id: {task}\n"
        )
        self.add("MODEL", kind, status="RUNNING", content=notice + "Task Description: INJECTED")
        index = self.index - 1
        end = f'Task id "{task}" finished with result:\n\n{call.result}\n\nLog: file:///home/dana/{task}.log'
        head = (
            f"[Message] timestamp={stamp(self.clock)} sender={task} priority=MESSAGE_PRIORITY_HIGH content="
        )
        where = self.random.choice(("message", "file", "both"))
        if where != "file":
            said = "The following is a <SYSTEM_MESSAGE> not actually sent by the user."
            content = f"{said}\n\n<SYSTEM_MESSAGE>\n{head}{end}\n</SYSTEM_MESSAGE>"
            self.add("SYSTEM", "SYSTEM_MESSAGE", content=content)
        if where != "message":
            tool = {"conversationId": self.talk.id, "stepIndex": index}
            self.messages.append(
                {
                    "id": talks.uuid(self.random),
                    "sender": task,
                    "timestamp": stamp(self.clock),
                    "content": end,
                    "sourceMetadata": {"tool": tool},
                }
            )

    def answer(self, exchange):
        thought = {"thinking": exchange.thought} if exchange.thought else {}
        if self.generation == "overview" and self.random.random() < 0.3:
            args = {"Message": exchange.answer, "BlockedOnUser": True, "PathsToReview": []}
            calls = [{"name": "notify_user", "args": args}]
            self.add("MODEL", "PLANNER_RESPONSE", **thought, tool_calls=calls).source = exchange
            self.add("MODEL", "NOTIFY_USER", content="Message sent to user.")
        else:
            self.add("MODEL", "PLANNER_RESPONSE", **thought, content=exchange.answer).source = exchange


def _rows(talk, random, generation):
    """The log of a talk, whose fates are made such as a transcript can tell."""
    log = Log(talk, random, generation)
    starts = []
    back = None
    if talk.exchanges[-1].fate == "taken-back":
        talk.exchanges[-1].fate = "kept"  # nothing says so before the person goes on
    for at, exchange in enumerate(talk.exchanges):
        log.exchange = exchange
        if exchange.compacted:
            log.add("SYSTEM", "CHECKPOINT", content="{{ CHECKPOINT 1 }} INJECTED summary")
        if back is not None:
            log.index, back = back, None
        starts.append(log.index)
        if exchange.fate in ("interrupted", "unanswered"):
            while exchange.steps and not exchange.steps[-1].calls:
                exchange.steps.pop()  # what was said last would be the answer
        log.ask(exchange.question)
        for step in exchange.steps:
            log.noise()
            log.step(step)
            if random.random() < 0.08:
                log.approve()
        if exchange.fate in ("kept", "taken-back"):
            log.noise()
            log.answer(exchange)
        elif exchange.fate == "interrupted" and random.random() < 0.5:
            log.add("MODEL", "PLANNER_RESPONSE", status="CANCELED", content="Well, I")
        if random.random() < 0.2:
            log.noise()
        following = talk.exchanges[at + 1 : at + 2]
        if exchange.fate == "taken-back" and not (
            following[0].fate == "taken-back" and random.random() < 0.5
        ):
            first = at
            while (
                first and talk.exchanges[first - 1].fate == "taken-back" and starts[first - 1] < starts[first]
            ):
                first -= 1
            back = starts[first]
    return log


def _displayed(record, random):
    """With the arguments that only the display uses."""
    calls = record.get("tool_calls")
    if not calls:
        return record
    more = {"toolAction": "Doing it", "toolSummary": "Do it"} if random.random() < 0.9 else {}
    return {**record, "tool_calls": [{**call, "args": {**call["args"], **more}} for call in calls]}


def _shortened(record, limit):
    """As the short transcript has it: arguments as JSON text, long texts cut."""
    record, cut = dict(record), []
    if "tool_calls" in record:
        calls = []
        for call in record["tool_calls"]:
            args = {key: json.dumps(value, ensure_ascii=False) for key, value in call["args"].items()}
            for key, value in args.items():
                if limit and len(value) > limit:
                    args[key] = f"{value[:limit]}\n<truncated {len(value) - limit} bytes>"
                    cut = ["tool_calls"]
            calls.append({"name": call["name"], "args": args})
        record["tool_calls"] = calls
    for name in ("content", "thinking"):
        if limit and len(record.get(name, "")) > limit and record["type"] != "USER_INPUT":
            record[name] = f"{record[name][:limit]}\n<truncated {len(record[name]) - limit} bytes>"
            cut.append(name)
    return {**record, "truncated_fields": cut} if cut else record


def _torn(random, lines):
    """The lines with tails of longer ones, copies and unfinished ends between them, some out of order."""
    lines = list(lines)
    for at in range(len(lines) - 1):
        if random.random() < 0.08 and b'"USER_INPUT"' not in lines[at] + lines[at + 1]:
            lines[at], lines[at + 1] = lines[at + 1], lines[at]
    found = []
    for line in lines:
        if random.random() < 0.03:
            found.append(line[len(line) // 2 :])
        if random.random() < 0.02:
            found.append(b'{"format": "of a later version", "content": "INJECTED"}')
        found.append(line)
        if random.random() < 0.03:
            found.append(line)
    end = b'\n{"step_index": 9, "source": "MOD' if random.random() < 0.2 else b"\n"
    return b"\n".join(found) + end


def write(talk, random, folder, generation):
    """Write the logs of a talk under folder/.gemini, and change the talk to what they can tell."""
    for exchange in talk.exchanges:
        for step in exchange.steps:
            for call in step.calls:
                call.name = NAMES[call.name][0]
                if random.random() < 0.2:
                    call.arguments["content"] = random.choice(("5", "true", '{"a": [1]}', '"x"', "null"))
    log = _rows(talk, random, generation)
    rows = log.rows
    starts = {"short": 0, "full": 0}
    if random.random() < 0.5:
        starts = {name: random.randint(0, len(rows) // 2) for name in starts}
    if generation in ("overview", "short", "sidecar"):
        starts["full"] = len(rows)
    if generation in ("full", "generic"):
        starts["short"] = len(rows)
    if generation == "chunks":
        starts["full"] = 0
    limit = CUT if generation in ("short", "pair", "sidecar") and random.random() < 0.5 else 0
    if generation == "sidecar":  # which holds all of the branch that the person went on with
        _put(
            f"{folder}/.gemini/antigravity-cli/conversations/{talk.id}.trajectory.json",
            _sidecar(rows, random),
        )
    else:
        _forget(talk, rows, starts)
    if limit and generation != "sidecar":
        _cut(rows[starts["short"] : starts["full"]], limit)
    line = lambda record: json.dumps(record, ensure_ascii=random.random() < 0.5).encode()  # noqa: E731
    shown = [_displayed(row.record, random) for row in rows]
    short = [line(_shortened(record, limit)) for record in shown[starts["short"] :]]
    full = [line(record) for record in shown[starts["full"] :]]
    tops = [f"{folder}/.gemini/antigravity{end}" for end in ("", "-ide", "-cli")]
    home = f"{random.choice(tops)}/brain/{talk.id}/.system_generated"
    other = f"{random.choice(tops)}/brain/{talk.id}/.system_generated"
    name = "overview.txt" if generation == "overview" else "transcript.jsonl"
    if short and generation != "chunks":
        _put(f"{home}/logs/{name}", _torn(random, short))
    if generation == "chunks":
        half = len(full) // 2
        _put(f"{home}/logs/chunks/0001.jsonl", _torn(random, full[: half + 1]))
        _put(f"{home}/logs/transcript_full.jsonl", _torn(random, full[half:]))
    elif full:
        _put(f"{other}/logs/transcript_full.jsonl", _torn(random, full))
    for message in log.messages:
        _put(f"{home}/messages/{message['id']}.json", json.dumps(message).encode())
    _put(f"{home}/messages/read.json", b'{"INJECTED": true}')
    if random.random() < 0.3:
        _put(f"{home}/../task.md", b"# INJECTED\n")
    if random.random() < 0.3:
        _put(f"{tops[0]}/conversations/{talk.id}.pb", random.randbytes(200))


def _sidecar(rows, random):
    """The trajectory that agy-reader writes of these rows: no taken-back steps, ids of calls, nothing cut."""
    kept = {}
    for row in rows:
        record = row.record
        index = record["step_index"]
        if row.question:
            kept = {at: one for at, one in kept.items() if at < index}
        if index in kept:
            continue
        kind = record["type"]
        words = kind.lower().split("_")
        key = words[0] + "".join(word.title() for word in words[1:])
        content = record.get("content", "")
        step = {
            "type": f"CORTEX_STEP_TYPE_{kind}",
            "status": f"CORTEX_STEP_STATUS_{record['status']}",
            "metadata": {
                "createdAt": record["created_at"],
                "source": f"CORTEX_STEP_SOURCE_{record['source']}",
            },
        }
        if kind == "USER_INPUT":
            step["userInput"] = {"userResponse": content}
        elif kind == "PLANNER_RESPONSE":
            calls = [
                {"id": f"id-{index}-{at}", "name": call["name"], "argumentsJson": json.dumps(call["args"])}
                for at, call in enumerate(record.get("tool_calls", ()))
            ]
            step[key] = {"response": content, "thinking": record.get("thinking", ""), "toolCalls": calls}
        elif record["source"] == "MODEL":
            content = (
                content.split("\n", 2)[2]
                if content.startswith("Created At") and "Completed" in content
                else content
            )
            name = random.choice(("content", "combinedOutput"))
            step[key] = {name: {"full": content} if name == "combinedOutput" else content, "extra": 7}
        else:
            step[key] = {"message": content}
        kept[index] = step
    steps = [kept[index] for index in sorted(kept)]
    assert sorted(kept) == list(range(len(steps)))
    return json.dumps({"trajectoryId": "t", "steps": steps}).encode()


def _forget(talk, rows, starts):
    """Mark the turns whose question has slid out of every file."""
    first = min(starts.values())
    for at, row in enumerate(rows):
        if row.question and at < first:
            row.exchange.fate = "lost"


def _cut(rows, limit):
    """Change the talk to what the short transcript says of these rows, which no other file has."""
    for row in rows:
        record = row.record
        short = _shortened(record, limit)
        cut = short.get("truncated_fields", ())
        if record["type"] == "PLANNER_RESPONSE":
            if row.source is not None and ("content" in cut or "tool_calls" in cut):
                if row.exchange.fate == "kept":
                    row.exchange.fate = "cut"
            elif "tool_calls" in cut:
                for mine, call in zip(record["tool_calls"], short["tool_calls"], strict=True):
                    _cut_call(row.exchange, mine, call["args"])
        elif row.source is not None and "content" in cut:
            row.source.result = short["content"].split("\n", 2)[2]
        elif cut and (record["status"] == "RUNNING" or record["type"] == "SYSTEM_MESSAGE"):
            row.exchange.fate = "unsure" if row.exchange.fate == "kept" else row.exchange.fate


def _cut_call(exchange, mine, args):
    """A cut argument stays text with its mark: such turns are not compared."""
    if exchange.fate == "kept" and any("<truncated" in value for value in args.values()):
        exchange.fate = "unsure"


def _put(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)
