"""Writes a Talk as Antigravity's conversations/<uuid>.db; messages and summaries made by hand."""

from __future__ import annotations

import base64
import json
import os
import sqlite3
from dataclasses import dataclass, field

TABLES = """
CREATE TABLE trajectory_meta(
  trajectory_id TEXT PRIMARY KEY, cascade_id TEXT, trajectory_type INT, source INT);
CREATE TABLE steps(idx INTEGER PRIMARY KEY, step_type INT, status INT, has_subtrajectory INT,
  metadata BLOB, error_details BLOB, permissions BLOB, task_details BLOB, render_info BLOB,
  step_payload BLOB, step_format INT);
CREATE TABLE gen_metadata(idx INTEGER PRIMARY KEY, data BLOB, size INT);
CREATE TABLE executor_metadata(idx INTEGER PRIMARY KEY, data BLOB);
CREATE TABLE parent_references(idx INTEGER PRIMARY KEY, data BLOB);
CREATE TABLE trajectory_metadata_blob(id TEXT PRIMARY KEY DEFAULT 'main', data BLOB);
CREATE TABLE battle_mode_infos(idx INTEGER PRIMARY KEY, data BLOB);
"""
MODEL, USER, SYSTEM = 2, 4, 5
BORN = 1782468976  # 2026-06-26T10:16:16Z
# How the two writers of today log the same calls: all as GENERIC, or some with a type of their own.
FORMS = ("generic", "kinds")


def varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out + bytes([value]))


def put(number, value):
    """One field: an int, text, bytes, or a list of each."""
    if isinstance(value, list):
        return b"".join(put(number, one) for one in value)
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def message(values):
    """A message of {number: value}; nested dicts are messages."""
    out = b""
    for number, value in values.items():
        values = value if isinstance(value, list) else [value]
        for one in values:
            out += put(number, message(one) if isinstance(one, dict) else one)
    return out


def call_of(call):
    return {1: call.id, 2: call.name, 3: json.dumps(call.arguments, ensure_ascii=False)}


@dataclass
class Book:
    """The rows of a database that is being written. tell() adds a step and gives its index."""

    name: str = "5b7f6a3e-0000-4000-8000-000000000001"
    rows: list = field(default_factory=list)
    generations: list = field(default_factory=list)
    parents: list = field(default_factory=list)
    about: dict = field(default_factory=dict)
    trajectory: str = "7c000000-0000-4000-8000-000000000001"
    clock: int = BORN
    version: int = 1

    def tell(self, kind, payload, source=MODEL, status=3, call=None, error=None, usage=None, home=""):
        index = len(self.rows)
        self.clock += 3
        told = {1: {1: self.clock, 2: 123456789}, 3: source}
        if call is not None:
            told[4] = call
        if usage is not None:
            told[9] = usage
        told[20] = {1: self.trajectory, 2: index, 3: home or self.name}
        values = {1: kind, 4: status, 5: told, **payload}
        if error is not None:
            values[31] = error
        self.rows.append((index, kind, status, message(told), error and message(error), message(values)))
        return index

    def rewind(self, index):
        """The person went back to before a step: it and what follows go, and the trajectory has a new id."""
        self.parents.append({1: self.trajectory, 2: index, 5: 3, 6: self.name})
        del self.rows[index:]
        self.trajectory = self.trajectory[:-4] + f"{len(self.parents):04d}"

    def save(self, folder, decimal=False, live=False):
        """The path of the database; where `live`, all rows are in its -wal and a connection stays open."""
        os.makedirs(folder, exist_ok=True)
        path = os.path.join(folder, f"{self.name}.db")
        form = (lambda data: data and ",".join(map(str, data))) if decimal else (lambda data: data)
        base = sqlite3.connect(path, isolation_level=None)
        base.execute("PRAGMA journal_mode=WAL")
        base.execute("PRAGMA wal_autocheckpoint=0")
        base.execute("PRAGMA synchronous=OFF")
        base.executescript(TABLES)
        base.execute("BEGIN")
        base.execute(f"PRAGMA user_version={self.version}")
        base.execute("INSERT INTO trajectory_meta VALUES(?, ?, 4, 17)", (self.trajectory, self.name))
        base.executemany(
            "INSERT INTO steps(idx, step_type, status, metadata, error_details, step_payload)"
            " VALUES(?, ?, ?, ?, ?, ?)",
            [(*row[:3], *map(form, row[3:])) for row in self.rows],
        )
        for table, values in (("gen_metadata", self.generations), ("parent_references", self.parents)):
            for index, value in enumerate(values):
                base.execute(f"INSERT INTO {table}(idx, data) VALUES(?, ?)", (index, form(message(value))))
        base.execute("INSERT INTO trajectory_metadata_blob VALUES('main', ?)", (form(message(self.about)),))
        base.execute("COMMIT")
        if live:
            self.connection = base
        else:
            base.close()
        return path


def write(talk, random, folder, form="generic", **more):
    """Write a Talk in one of FORMS, with the noise of the client; the path of the database.

    What was taken back is not in a database, compaction is one step, and an interrupted turn ends with a step
    that was cancelled.
    """
    return begun(talk, random, form)[0].save(folder, **more)


def begun(talk, random, form):
    """(the book of a Talk that is not saved yet, the number of rows before each exchange)."""
    book = Book(talk.id)
    book.about = {1: {1: "file://" + _quoted(talk.cwd)}, 2: {1: BORN}, 18: "default-cli-project"}
    return book, [_exchange(book, talk, turn, random, form) for turn in talk.exchanges]


def forked(book, begins, talk, random, form):
    """The book of a fork, which repeats some turns of the first and goes on with those of a Talk."""
    cut = random.choice(begins)
    fork = Book(talk.id, book.rows[:cut], book.generations[:cut], clock=book.clock + 99)
    fork.parents = [{1: book.trajectory, 2: cut, 5: 2, 6: book.name}]
    fork.trajectory = book.trajectory[:-4] + "f0f0"
    for turn in talk.exchanges:
        _exchange(fork, talk, turn, random, form)
    return fork


def _exchange(book, talk, turn, random, form):
    """Tell one turn; the number of rows before it."""
    begin = len(book.rows)
    if turn.compacted:
        book.tell(23, {60: {1: "# Resuming from a compaction\nall that was said"}}, SYSTEM)
    asked = {2: turn.question} if random.random() < 0.7 else {3: [{1: turn.question}]}
    book.tell(14, {19: random.choice((asked, {**asked, 3: [{1: turn.question}]}))}, USER)
    _noise(book, random)
    if turn.fate in ("interrupted", "unanswered"):  # a last text without a call would be the answer
        while turn.steps and not turn.steps[-1].calls:
            turn.steps.pop()
    for step in turn.steps:
        said = {3: step.thought, 1: step.text, 7: [call_of(call) for call in step.calls]}
        _generated(book, talk, book.tell(15, {20: {key: said[key] for key in said if said[key]}}))
        for call in random.sample(step.calls, len(step.calls)):  # parallel calls end in any order
            if call.result is not None:
                _result(book, random, call, form)
            _noise(book, random)
    if turn.fate == "kept" or (turn.fate == "taken-back" and random.random() < 0.5):
        told = {3: turn.thought, 1: turn.answer}
        _generated(book, talk, book.tell(15, {20: {key: told[key] for key in told if told[key]}}))
    elif turn.fate == "interrupted":
        book.tell(15, {20: random.choice(({}, {1: "Well, I"}))}, status=6)
    if turn.fate == "taken-back":
        book.rewind(begin)
    return begin


def _quoted(path):
    from urllib.parse import quote

    return quote(path)


def _generated(book, talk, index):
    book.generations.append({1: {4: {2: 900}, 19: "x-1", 21: talk.model}, 2: varint(index)})


def _noise(book, random):
    kind = random.choice((0, 0, 0, 90, 98, 101, 17))
    number = {90: 103, 98: 111, 101: 114}.get(kind)
    if number:
        book.tell(kind, {number: {1: "The model was told this; nobody typed it."}}, SYSTEM)
    elif kind == 17:
        book.tell(17, {24: {3: {3: "the model did not answer, trying again"}}}, SYSTEM, status=7)


def _result(book, random, call, form):
    status = 7 if call.failed else 3
    made = call_of(call)
    kinds = [132] if form == "generic" else [132, 21, 25, 103]
    kind = random.choice(kinds)
    payload = {
        132: {140: {2: {1: call.result}, 3: {1: "type.googleapis.com/gemini_coder.Step", 2: b"\x08\x08"}}},
        21: {28: {21: {1: call.result}, 1: "ls"}},
        25: {34: {11: call.result}},
        103: {116: {4: [{1: "x/antigravity.localharness.ToolResponse", 2: {1: call.name, 2: call.result}}]}},
    }[kind]
    book.tell(kind, payload, MODEL, status, call=made)


def summaries(entries, coded):
    """The map of summaries: {uuid: {number: value}}; base64 twice where `coded`."""
    rows = []
    for name, summary in entries.items():
        data = message(summary)
        inner = {1: base64.b64encode(data)} if coded else data
        rows.append({1: name, 2: inner})
    data = message({1: rows})
    return base64.b64encode(data) if coded else data


def state(path, items):
    """A state.vscdb with these {key: value}."""
    base = sqlite3.connect(path)
    base.execute("CREATE TABLE ItemTable(key TEXT UNIQUE ON CONFLICT REPLACE, value BLOB)")
    base.executemany("INSERT INTO ItemTable VALUES(?, ?)", items.items())
    base.commit()
    base.close()
    return str(path)
