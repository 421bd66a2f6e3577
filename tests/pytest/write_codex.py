"""Writes a made-up conversation as the log of a Codex version, with the noise of that version.

Generations: 0 one JSON document; 1 bare items; 2 wrapped records; 3 tasks with ids and phases; 4 world
state, code mode, replacement history; 5 ordinals and item_completed events, with or without the items
themselves. What a version cannot say (a rollback in 1, say) is changed in the talk, which stays the truth.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import talks
import zstandard

GENERATIONS = (0, 1, 2, 3, 4, 5)
CONTEXT = "<environment_context>\n  <cwd>/home/dana/app</cwd>\n</environment_context>"
RULES = "# AGENTS.md instructions for /home/dana/app\n\n<INSTRUCTIONS>\nBe brief.\n</INSTRUCTIONS>"
INJECTED = (
    CONTEXT,
    RULES,
    "<user_instructions>\nBe brief.\n</user_instructions>",
    "<user_shell_command>\n<command>ls</command>\n</user_shell_command>",
)


def uuid7(random, clock):
    """A UUID of version 7 of this time (milliseconds)."""
    rest = f"{random.getrandbits(74):019x}"
    return f"{clock >> 16:08x}-{clock & 0xFFFF:04x}-7{rest[:3]}-a{rest[3:6]}-{rest[6:18]}"


class Log:
    """The records of one thread, each with its time."""

    def __init__(self, random, generation, name, clock):
        self.random, self.generation, self.name, self.clock = random, generation, name, clock
        self.rows = []
        self.replay = []  # the rows that a fork repeats
        self.bare = generation < 2
        self.enveloped = generation == 5 and random.random() < 0.4  # events alone
        self.turn_id = ""
        self.pace = 2000  # milliseconds between two records, at most

    def tick(self, most=0):
        self.clock += self.random.randint(1, most or self.pace)

    def record(self, kind, payload):
        stamp = datetime.fromtimestamp(self.clock // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        row = {"timestamp": f"{stamp}.{self.clock % 1000:03d}Z", "type": kind, "payload": payload}
        if self.generation == 5:
            row = {"timestamp": row["timestamp"], "ordinal": len(self.rows), **row}
            if kind == "response_item":
                row["metadata"] = {"a": self.random.random()}
        self.rows.append(payload if self.bare else row)
        self.tick()

    def item(self, kind, **fields):
        if not self.enveloped:
            self.record("response_item", {"type": kind, **fields})

    def event(self, kind, **fields):
        if not self.bare:
            self.record("event_msg", {"type": kind, **fields})

    def twin(self, kind, **fields):
        """What generation 5 repeats of an item."""
        if self.generation == 5 and (self.enveloped or self.random.random() < 0.6):
            fields = {"type": kind, "id": f"i{len(self.rows)}", **fields}
            self.event("item_completed", thread_id=self.name, turn_id=self.turn_id, item=fields)

    def header(self, **more):
        stamp = datetime.fromtimestamp(self.clock // 1000, UTC).isoformat().replace("+00:00", "Z")
        meta = {
            "id": self.name,
            "timestamp": stamp,
            "cwd": "/home/dana/app",
            "cli_version": f"0.{self.generation}",
        }
        if self.generation == 0:
            self.session = {"timestamp": stamp, "id": self.name, "instructions": "be brief"}
        elif self.generation == 1:
            self.rows.append({"id": self.name, "timestamp": stamp, "instructions": None})
        else:
            if self.generation > 2:
                meta |= {"source": "cli", "base_instructions": {"text": "You are an agent."}}
            if self.generation > 3:
                meta |= {"session_id": self.name, "thread_source": "user"}
            if self.generation > 4:
                meta["history_mode"] = "paginated"
            self.record("session_meta", meta | more)

    # --- one message --------------------------------------------------------------------------------

    def message(self, role, text, parts=(), **fields):
        kind = "input_text" if role == "user" else "output_text"
        content = [{"type": kind, "text": part} for part in (*parts, *self.split(text))]
        self.item("message", role=role, content=content, **fields)

    def inject(self, text):
        self.item("message", role="user", content=[{"type": "input_text", "text": text}])

    def split(self, text):
        """The text in one part or in two, which are joined by a line end."""
        places = [
            at
            for at, char in enumerate(text)
            if char == "\n" and text[:at].strip() and text[at + 1 :].strip()
        ]
        if places and self.random.random() < 0.2:
            at = self.random.choice(places)
            return [text[:at], text[at + 1 :]]
        return [text]

    def ask(self, text):
        extra = self.random.sample(INJECTED, self.random.choice((0, 0, 1, 2)))
        if self.random.random() < 0.3:
            self.inject(self.random.choice(INJECTED))
        self.message("user", text, extra)
        self.twin("UserMessage", content=[{"type": "text", "text": text}])
        self.event("user_message", message=text, images=[])

    def think(self, text):
        raw = self.generation == 1 and self.random.random() < 0.3
        words = [{"type": "reasoning_text", "text": text}] if raw else None
        summary = [] if raw else [{"type": "summary_text", "text": text}]
        self.item("reasoning", summary=summary, content=words, encrypted_content="gAAAA")
        self.twin("Reasoning", summary_text=[text], raw_content=[])
        self.event("agent_reasoning", text=text)

    def say(self, text, phase):
        fields = {"phase": phase} if self.generation > 2 else {}
        if self.generation > 3:
            fields["id"] = f"msg_{len(self.rows)}"
        for _ in range(
            2 if self.generation > 3 and self.random.random() < 0.1 else 1
        ):  # sent again after a failure
            self.message("assistant", text, **fields)
            if self.enveloped:
                break
        if self.rows and not self.bare and self.random.random() < 0.3:
            self.tokens()
        self.twin("AgentMessage", content=[{"type": "Text", "text": text}], **fields)
        self.event("agent_message", message=text)

    def tokens(self):
        usage = {"total_token_usage": {"input_tokens": len(self.rows), "output_tokens": 1}}
        for info in (None, usage, usage):
            self.event("token_count", info=info, rate_limits=None)

    # --- calls --------------------------------------------------------------------------------------

    def call(self, call):
        """Write a call as this version does; the talk is changed where that gives it another name."""
        dice = self.random.random()
        if self.enveloped:
            kind = self.random.choice(("shell", "apply_patch", "mcp"))
            if kind == "mcp":
                call.name = f"mcp__db__{call.name}"
            elif kind == "shell":
                call.name, call.arguments = (
                    "shell",
                    {"command": ["bash", "-c", call.name], "cwd": "/home/dana/app"},
                )
            else:
                call.name, call.arguments = "apply_patch", {"changes": {"a.py": call.arguments}}
            return
        if self.generation > 3 and dice < 0.3:
            script = f"text(await tools.exec_command({json.dumps(call.arguments)}))"
            call.name, call.arguments = "exec", {"input": script}
            self.item("custom_tool_call", status="completed", call_id=call.id, name="exec", input=script)
        elif self.generation > 2 and dice < 0.4:
            call.name = f"mcp__db__{call.name}"
            name, words = call.name[9:], json.dumps(call.arguments)
            self.item("function_call", name=name, namespace="mcp__db", arguments=words, call_id=call.id)
        elif self.generation > 0 and dice < 0.5:
            call.name, call.arguments = "local_shell", {"type": "exec", "command": ["ls", call.name]}
            self.item("local_shell_call", status="completed", call_id=call.id, action=call.arguments)
        else:
            words = json.dumps(call.arguments, ensure_ascii=self.random.random() < 0.5)
            for _ in range(2 if self.random.random() < 0.05 else 1):  # sent again after a failure
                self.item("function_call", name=call.name, arguments=words, call_id=call.id)

    def result(self, call):
        if call.result is None:
            return
        if self.enveloped:
            self.envelope(call)
            return
        told = call.result
        if call.failed and not self.bare:
            self.event("exec_command_end", call_id=call.id, exit_code=1)
        elif call.failed or (self.generation > 2 and self.random.random() < 0.3):
            told = {"content": told, "success": not call.failed}
        elif self.generation < 4 and self.random.random() < 0.6:
            told = json.dumps({"output": told, "metadata": {"exit_code": 0, "duration_seconds": 0.1}})
        elif self.generation > 3 and self.random.random() < 0.5:
            at = told.find("\n") + 1
            words = [told[:at], told[at:]] if at else [told]
            told = [{"type": "input_text", "text": word} for word in words]
        kind = "custom_tool_call_output" if call.name == "exec" else "function_call_output"
        self.item(kind, call_id=call.id, output=told)

    def envelope(self, call):
        status = "failed" if call.failed else "completed"
        if call.name == "shell":
            code = (
                {"exit_code": int(call.failed)}
                if self.random.random() < 0.5
                else {"exitCode": int(call.failed)}
            )
            output = {"aggregated_output": call.result}
            self.twin("CommandExecution", id=call.id, status=status, **call.arguments, **output, **code)
        elif call.name == "apply_patch":
            self.twin("FileChange", id=call.id, status=status, stdout=call.result, **call.arguments)
        else:
            result = {"content": [{"type": "text", "text": call.result}], "isError": call.failed}
            name, wanted = call.name.removeprefix("mcp__db__"), call.arguments
            self.twin("McpToolCall", id=call.id, server="db", tool=name, arguments=wanted, result=result)

    # --- one turn -----------------------------------------------------------------------------------

    def turn(self, exchange):
        """Write a turn. What this version cannot tell is changed in the exchange."""
        start = len(self.rows)
        fate = exchange.fate
        if fate == "taken-back" and self.bare:
            fate = exchange.fate = "kept"
        if exchange.compacted:
            self.compact()
        self.begin()
        self.ask(exchange.question)
        steps = list(exchange.steps)
        if fate in ("interrupted", "unanswered"):  # without phases a last text would be the answer
            while steps and not steps[-1].calls:
                steps.pop()
        for step in steps:
            self.step(step, last=step is steps[-1] and fate == "interrupted" and self.bare)
        if fate in ("kept", "taken-back"):
            if exchange.thought:
                self.think(exchange.thought)
            self.say(exchange.answer, "final_answer")
        self.end(fate, exchange)
        self.replay.append((exchange, self.rows[start:]))
        self.noise()

    def begin(self):
        self.tick(60000)
        if self.generation > 2:
            self.turn_id = uuid7(self.random, self.clock)
            self.event("task_started", turn_id=self.turn_id)
            self.record(
                "turn_context", {"turn_id": self.turn_id, "model": "model-x", "cwd": "/home/dana/app"}
            )
        elif self.generation == 2:
            self.record("turn_context", {"model": "model-x", "cwd": "/home/dana/app"})

    def step(self, step, last):
        if step.thought:
            self.think(step.thought)
        if step.text:
            self.say(step.text, "commentary")
        for call in step.calls:
            self.call(call)
        results = list(step.calls)
        if not self.enveloped:  # events are written when a call ends
            self.random.shuffle(results)
        for call in results:
            if last and call is results[-1]:
                call.result = "aborted by user after 1.2s"
            self.result(call)

    def end(self, fate, exchange):
        if fate == "interrupted" and self.generation == 0:
            self.item(
                "message",
                role="system",
                content=[{"type": "input_text", "text": "⏹️  Execution interrupted by user."}],
            )
        elif fate == "interrupted" and self.generation > 1:
            if self.generation > 2 and self.random.random() < 0.5:
                self.inject("<turn_aborted>\nThe user interrupted.\n</turn_aborted>")
            self.event("turn_aborted", reason="interrupted", turn_id=self.turn_id)
        elif self.generation > 2:
            if fate == "unanswered":
                self.event("error", message="server overloaded")
            self.event("task_complete", turn_id=self.turn_id, last_agent_message=exchange.answer)

    def compact(self):
        if self.generation > 3:
            kept = [
                {
                    "type": "message",
                    "role": "user",
                    "content": [{"type": "input_text", "text": "an old question"}],
                }
            ]
            kept.append({"type": "compaction", "encrypted_content": "gAAAA"})
            self.record("compacted", {"message": "", "replacement_history": kept})
            self.event("context_compacted")
        elif self.generation > 1:
            self.record("compacted", {"message": "what was said so far"})

    def noise(self):
        dice = self.random.random()
        if dice < 0.15:
            self.record(self.random.choice(("brand_new", "world_state")), {"full": True, "state": {"a": "b"}})
        elif dice < 0.3:
            self.item("ghost_snapshot", ghost_commit={"id": "1"})
        elif dice < 0.4:
            self.item("message", role="developer", content=[{"type": "input_text", "text": "be brief"}])
        elif dice < 0.5 and self.generation > 1:
            self.record("session_meta", {"id": self.name, "cwd": "/home/dana/app"})
        elif dice < 0.6 and self.generation == 1:
            self.rows.append({"record_type": "state"})


def tell(log, exchanges):
    """Write turns, and take those back that the person took back: each alone, or several at once."""
    waiting = 0
    for at, exchange in enumerate(exchanges):
        log.turn(exchange)
        if exchange.fate == "taken-back":
            waiting += 1
            following = exchanges[at + 1].fate if at + 1 < len(exchanges) else ""
            if following != "taken-back" or log.random.random() < 0.5:
                log.event("thread_rolled_back", num_turns=waiting)
                waiting = 0


def write(talk, random, folder, generation):
    """Write a talk, and with luck a fork of it; (what they tell, the files). folder is a Codex home."""
    clock = 1_770_000_000_000 + random.randrange(10**9)
    name = uuid7(random, clock) if generation > 2 else talk.id
    log = Log(random, generation, name, clock)
    log.header()
    tell(log, talk.exchanges)
    told = [talk]
    files = [save(log, folder)]
    if generation > 1 and random.random() < 0.5:
        fork, branch = fork_of(log, random)
        told.append(branch)
        files.append(save(fork, folder))
        if random.random() < 0.25:  # the parent is gone, and lives on in the fork's head
            files.pop(0).unlink()
            repeated = [one for one, _ in fork.repeated]
            told[0] = talks.Talk(talk.id, talk.cwd, talk.model, repeated)
    return told, files


def fork_of(log, random):
    """A fork: the head repeats turns of its parent (those that were taken back perhaps), its own follow."""
    kept = [(one, rows) for one, rows in log.replay if one.fate != "taken-back"]
    kept = kept[: random.randint(1, len(kept))] if kept else []
    clock = log.clock + random.randint(5_000, 10**7)
    fork = Log(
        random, log.generation, uuid7(random, clock) if log.generation > 2 else talks.uuid(random), clock
    )
    fork.enveloped, fork.repeated = log.enveloped, kept
    declared = {"forked_from_id": log.name} if random.random() < 0.7 else {}
    fork.pace = 9  # a head is written in one burst; only ids of turns tell where a slow one ends
    slow = log.generation > 2 and random.random() < 0.2
    fork.header(**declared)
    if not declared or random.random() < 0.5:
        fork.record("session_meta", {"id": log.name, "cwd": "/home/dana/app"})
    old_times = log.generation > 2 and random.random() < 0.3
    for _, rows in kept:
        fork.clock += 1500 * slow
        for row in rows:
            if old_times:
                fork.rows.append(row)
            else:
                fork.record(row["type"], row["payload"])
    fork.pace = 2000
    fork.clock += 5000
    branch = talks.talk(random, 3)
    for exchange in branch.exchanges:
        exchange.question += " (of the fork)"
    tell(fork, branch.exchanges)
    return fork, branch


def save(log, folder):
    """The log as a file under a Codex home, perhaps packed, archived, torn or with noise in it."""
    random = log.random
    day = datetime.fromtimestamp(log.clock // 1000, UTC)
    started = datetime.fromtimestamp((log.clock - len(log.rows)) // 1000, UTC)
    archived = random.random() < 0.2
    place = Path(folder) / ("archived_sessions" if archived else f"sessions/{day:%Y/%m/%d}")
    place.mkdir(parents=True, exist_ok=True)
    if log.generation == 0:
        path = place / f"rollout-{day:%Y-%m-%d}-{log.name}.json"
        indent = random.choice((2, None))
        text = json.dumps({"session": log.session, "items": log.rows}, indent=indent, ensure_ascii=False)
        path.write_text(text, encoding="utf-8")
        return path
    path = place / f"rollout-{started:%Y-%m-%dT%H-%M-%S}-{log.name}.jsonl"
    dense = (",", ":") if random.random() < 0.8 else None
    lines = [
        json.dumps(row, separators=dense, ensure_ascii=random.random() < 0.3).encode() for row in log.rows
    ]
    for _ in range(random.choice((0, 0, 1, 2))):
        noise = random.choice(
            (b"\xff\xfe\x00\x01", b"", b"[1, 2]", b'{"type": "response_item", "payl', b"\x00" * 40)
        )
        lines.insert(random.randint(1, len(lines)), noise)
    data = b"\n".join(lines) + b"\n"
    if random.random() < 0.3:
        data += b'{"timestamp":"2026-02-11T08:20:00.000Z","type":"response_item","payload":{"type":"mess'
    if random.random() < 0.2:
        path = path.with_name(path.name + ".zst")
        data = zstandard.compress(data)
    path.write_bytes(data)
    return path
