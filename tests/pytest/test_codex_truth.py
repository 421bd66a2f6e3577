"""Made-up conversations, written as logs of every Codex version: the parser recovers each of them exactly."""

from __future__ import annotations

import tempfile
from random import Random

import pytest
import talks
import write_codex
from afs.logs import codex, samples
from hypothesis import given, settings
from hypothesis import strategies as st


def exported(root):
    """(what a sample would tell, its turn) of the logs of a Codex home, as the engine chooses them."""
    known, found = set(), []
    for group in codex.find(str(root)):
        for talk in codex.parse(group, lambda *note: None):
            for turn in talk.turns:
                name = samples.turn_id(talk, turn)
                if talk.subagent or name in known or samples.why_not(turn):
                    continue
                known.add(name)
                at = samples.final(turn)
                rows = samples.chat(turn)[: at + 1]
                row = {
                    "instruction": turn.messages[0].content,
                    "output": rows[at]["content"],
                    "messages": rows,
                }
                found.append((row, turn))
    return found


def holds(generation, seed):
    random = Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        told, files = write_codex.write(talks.talk(random), random, folder, generation)
        found = exported(folder)
        kept = [exchange for talk in told for exchange in talk.exchanges if exchange.fate == "kept"]
        assert talks.recovered([row for row, _ in found]) == [
            one for talk in told for one in talks.told(talk)
        ], files
        for exchange, (row, turn) in zip(kept, found, strict=True):
            assert ("after_compaction" in turn.flags) == (generation > 1 and exchange.compacted)
            if row["instruction"].endswith("(of the fork)"):
                assert turn.origin == ""
            elif len(told) > len(files):  # the parent is gone: its turns still bear its name
                assert turn.origin != ""


@pytest.mark.parametrize("generation", write_codex.GENERATIONS)
def test_each_turn_is_recovered_and_none_twice(generation):
    @settings(max_examples=50)
    @given(st.integers(0, 2**32))
    def property_of(seed):
        holds(generation, seed)

    property_of()


@pytest.mark.slow
@pytest.mark.parametrize("generation", write_codex.GENERATIONS)
def test_each_turn_of_many_is_recovered_and_none_twice(generation):
    @settings(max_examples=2000)
    @given(st.integers(0, 2**32))
    def property_of(seed):
        holds(generation, seed)

    property_of()
