"""Secrets in pieces: over elements, parts, deltas and neighbouring lines."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from afs.redact import Redactor
from afs.redact.rules import joined

REDACTOR = Redactor()
TOKEN = joined(["ghp_", "<b62*36>"])
WORD = "Zk8rVq" + "3nLw5T"
GITHUB, HIDDEN = "REDACTED_GITHUB_TOKEN_1", "REDACTED_PASSWORD_1"


def clean(value):
    return REDACTOR.redact(value)[0]


# --- split over elements, parts, deltas, lines ------------------------------------------------------

CUTS = [(4,), (9,), (20,), (39,), (3, 12, 13, 30)]


def pieces(text, cuts):
    return [text[begin:end] for begin, end in pairwise([0, *cuts, len(text)])]


def items(make):
    return lambda parts: {"x": [make(part) for part in parts]}


SHAPES = {
    "elements": items(lambda part: part),
    "elements with text around": lambda parts: {"x": ["see " + parts[0], *parts[1:-1], parts[-1] + " there"]},
    "content parts": lambda parts: {"content": [{"type": "text", "text": part} for part in parts]},
    "content parts of several shapes": lambda parts: {
        "content": [{"type": "text", "id": "a", "text": parts[0]}]
        + [{"type": "text", "text": part, "annotations": []} for part in parts[1:]]
    },
    "delta.content": items(lambda part: {"choices": [{"index": 0, "delta": {"content": part}}]}),
    "delta.content after a role": lambda parts: {
        "x": [{"delta": {"role": "assistant", "content": parts[0]}}]
        + [{"delta": {"content": part}} for part in parts[1:]]
    },
    "delta.text": items(
        lambda part: {"type": "content_block_delta", "delta": {"type": "text_delta", "text": part}}
    ),
    "partial_json": items(lambda part: {"delta": {"type": "input_json_delta", "partial_json": part}}),
    "delta": items(lambda part: {"type": "response.output_text.delta", "delta": part}),
    "chunk": items(lambda part: {"chunk": part}),
    "delta with pings": lambda parts: {
        "x": [each for part in parts for each in ({"delta": {"text": part}}, {"type": "ping"}, {"delta": {}})]
    },
}


@pytest.mark.parametrize("cuts", CUTS, ids=str)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_token_in_pieces_is_found(shape, cuts):
    out = clean(SHAPES[shape](pieces(TOKEN, cuts)))
    text = json.dumps(out)
    assert text.count(GITHUB) == 1
    assert not any(len(part) > 3 and part in text for part in pieces(TOKEN, cuts))
    assert clean(out) == out


@pytest.mark.parametrize(
    "shape", [each for each in SHAPES if "delta" in each or each in ("chunk", "partial_json")]
)
def test_what_a_stream_assigns_is_found(shape):
    out = clean(SHAPES[shape](["set DB_PASS", "WORD=Tr", "0ub", "4dor&3x\n", "and go"]))
    text = json.dumps(out)
    assert HIDDEN in text and "0ub" not in text and "4dor" not in text and "and go" in text


def test_two_streams_side_by_side_do_not_mix():
    items = [
        {"delta": {"text": "ghp_"}},
        {"delta": {"thinking": TOKEN[4:24]}},
        {"delta": {"thinking": TOKEN[24:]}},
    ]
    assert clean(items) == items


@pytest.mark.parametrize("size", [1000, 1100, 8000, 60_000])
def test_pieces_of_any_length_are_read_together(size):
    filler = ("word " * size)[:size]
    records = [
        {"type": "output", "chunk": filler + part} for part in ("", TOKEN[:11], TOKEN[11:] + " " + filler)
    ]
    records[2]["chunk"] = TOKEN[11:] + " " + filler
    out = clean(records)
    assert out[1]["chunk"] == filler + GITHUB and out[2]["chunk"] == " " + filler


EVENTS = {
    "delta.content": lambda part: {"id": "c1", "choices": [{"index": 0, "delta": {"content": part}}]},
    "delta.text": lambda part: {"type": "content_block_delta", "delta": {"type": "text_delta", "text": part}},
    "partial_json": lambda part: {"delta": {"type": "input_json_delta", "partial_json": part}},
    "delta": lambda part: {"type": "response.output_text.delta", "delta": part},
    "payload.delta": lambda part: {
        "timestamp": "x",
        "payload": {"type": "agent_message_delta", "delta": part},
    },
    "long": lambda part: {"type": "output", "chunk": part + " " * 9000 if part.startswith("and") else part},
}


@pytest.mark.parametrize("pings", [False, True])
@pytest.mark.parametrize("event", EVENTS)
def test_a_secret_over_neighbouring_lines_of_a_stream_is_found(shell, event, pings):
    make = EVENTS[event]
    rows = [
        make(part)
        for part in ("set DB_PASS", "WORD=Tr0", "ub4dor&3x\n", TOKEN[:3], TOKEN[3:17], TOKEN[17:], " and go")
    ]
    if pings:
        rows[2:2] = [{"type": "ping"}]
        rows[6:6] = [{"type": "ping"}, {"type": "ping"}]
    source = "".join(json.dumps(row) + "\n" for row in rows)
    done = shell.run("afs-redact", "-q", stdin=source.encode())
    assert done.returncode == 0, done.stderr
    out = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(out) == len(rows)
    text = done.stdout.decode()
    assert HIDDEN in text and GITHUB in text and " and go" in text
    assert not any(part in text for part in ("Tr0", "ub4dor", TOKEN[3:17], TOKEN[17:]))
    assert shell.run("afs-redact", "-q", stdin=done.stdout).stdout == done.stdout


@pytest.mark.parametrize("kind", [["x"], {}, None, 5])
def test_a_kind_of_any_shape_after_a_stream_stops_nothing(shell, kind):
    lines = [{"choices": [{"delta": {"content": "a"}}]}, {"type": kind}]
    text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines).encode()
    done = shell.run("afs-redact", "-q", stdin=text)
    assert (done.returncode, done.stdout, done.stderr) == (0, text, b"")
