"""History stores that are written from a made-up truth give that truth back, whole and once."""

from __future__ import annotations

import json
from random import Random

import pytest
import talks
import write_history
from afs.logs import samples
from afs.logs.store import history, importing, ledger
from hypothesis import given, settings
from hypothesis import strategies as st


def made(root):
    """The samples of a store as the exporter makes them, redaction left out."""
    found, source, wanted = [], history.History(), samples.Wanted()
    for files in source.find(str(root)):
        for talk in source.parse(files, lambda *note: None):
            samples.mark_replies(talk.turns)
            for turn in talk.turns:
                if not samples.why_not(turn):
                    clean = samples.told(talk, [turn], wanted)
                    found.append(samples.make(talk, [turn], clean, {}, wanted, "turn"))
    return found


def comes_back(folder, seed, generation):
    random = Random(seed)
    told = [talks.talk(random) for _ in range(random.randint(1, 3))]
    write_history.write(told, random, folder, generation)
    found = made(folder)
    truth = [turn for talk in told for turn in talks.told(talk)]
    assert sorted(talks.recovered(found), key=repr) == sorted(truth, key=repr)
    assert len({sample["sample_id"] for sample in found}) == len(found)
    if generation != "threads":
        assert "INJECTED" not in json.dumps(found)


@pytest.mark.parametrize("generation", write_history.GENERATIONS)
@settings(max_examples=50)
@given(seed=st.integers(0, 1 << 32))
def test_the_truth_comes_back(tmp_path_factory, generation, seed):
    comes_back(tmp_path_factory.mktemp("truth"), seed, generation)


@pytest.mark.slow
@pytest.mark.parametrize("generation", write_history.GENERATIONS)
@settings(max_examples=2000)
@given(seed=st.integers(0, 1 << 32))
def test_the_truth_comes_back_from_thousands(tmp_path_factory, generation, seed):
    comes_back(tmp_path_factory.mktemp("truth"), seed, generation)


@settings(max_examples=100)
@given(seed=st.integers(0, 1 << 32))
def test_an_imported_thread_gives_the_samples_that_it_gave_itself(tmp_path_factory, seed):
    random, wanted = Random(seed), samples.Wanted(system=True)
    talk = write_history.thread(talks.talk(random), random)
    samples.mark_replies(talk.turns)
    folder = tmp_path_factory.mktemp("truth")
    own = {}
    for turn in talk.turns:
        if not samples.why_not(turn):
            clean = samples.told(talk, [turn], wanted)
            own[turn.ordinal] = samples.make(talk, [turn], clean, {}, wanted, "turn")
    ledger.append(str(folder), [importing.event_of(talk, talk.turns[at]) for at in own])
    again = {}
    source = history.History()
    for files in source.find(str(folder)):
        (thread,) = source.parse(files, lambda *note: None)
        samples.mark_replies(thread.turns)
        for turn in thread.turns:
            if not samples.why_not(turn):
                clean = samples.told(thread, [turn], wanted)
                again[turn.ordinal] = samples.make(thread, [turn], clean, {}, wanted, "turn")
    assert again == own
