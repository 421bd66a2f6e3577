"""Antigravity transcripts that are written from a made-up truth give that truth back, whole and once."""

from __future__ import annotations

import json
import shutil
from random import Random

import pytest
import talks
import write_antigravity
from afs.logs import antigravity, read, samples
from hypothesis import given, settings
from hypothesis import strategies as st


def given_back(folder):
    """(what samples would tell, every word of every turn that was kept, notes) of a made-up home."""
    found, known, notes = [], set(), []
    for files in antigravity.find(f"{folder}/.gemini"):
        for talk in antigravity.parse(files, lambda *note: notes.append(note)):
            assert not talk.subagent
            for turn in talk.turns:
                name = samples.turn_id(talk, turn)
                if samples.why_not(turn) or name in known:
                    continue
                known.add(name)
                turn.messages = [message.load() if message.load else message for message in turn.messages]
                rows = samples.chat(turn)[: samples.final(turn) + 1]
                found.append(
                    {"instruction": rows[0]["content"], "output": rows[-1]["content"], "messages": rows}
                )
    return talks.recovered(found), json.dumps(found), notes


def holds(folder, seed, generation):
    random = Random(seed)
    talk = talks.talk(random)
    write_antigravity.write(talk, random, folder, generation)
    found, words, notes = given_back(folder)
    unsure = {one.question for one in talk.exchanges if one.fate == "unsure"}
    assert [row for row in found if row[0] not in unsure] == talks.told(talk), (seed, generation)
    assert "INJECTED" not in words, (seed, generation)
    assert {note[0] for note in notes} <= {"bad", "torn", "unknown", "skipped"}
    shutil.rmtree(folder)


@pytest.mark.parametrize("generation", write_antigravity.GENERATIONS)
@settings(max_examples=50)
@given(seed=st.integers(0, 1 << 32))
def test_the_truth_comes_back(tmp_path_factory, generation, seed):
    holds(tmp_path_factory.mktemp("truth"), seed, generation)


@pytest.mark.slow
@pytest.mark.parametrize("generation", write_antigravity.GENERATIONS)
@settings(max_examples=2000)
@given(seed=st.integers(0, 1 << 32))
def test_the_truth_comes_back_of_two_thousand(tmp_path_factory, generation, seed):
    holds(tmp_path_factory.mktemp("truth"), seed, generation)


@settings(max_examples=60)
@given(seed=st.integers(0, 1 << 32))
def test_a_log_that_is_not_held_says_the_same(tmp_path_factory, seed):
    before, read.LARGE = read.LARGE, 10
    try:
        holds(tmp_path_factory.mktemp("large"), seed, "pair")
    finally:
        read.LARGE = before
