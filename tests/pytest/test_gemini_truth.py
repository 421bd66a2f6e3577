"""Gemini CLI logs that are written from a made-up truth give that truth back, whole and once."""

from __future__ import annotations

import json
from random import Random

import pytest
import talks
import write_gemini
from afs.logs import gemini, read, samples
from hypothesis import given, settings
from hypothesis import strategies as st


def given_back(folder):
    """(samples of the sessions, samples of each sub-agent, every word of every turn that was kept)."""
    main, agents, words = [], [], []
    for files in gemini.find(str(folder)):
        for talk in gemini.parse(files, lambda *note: None):
            made = []
            for turn in talk.turns:
                if not samples.why_not(turn):
                    rows = samples.chat(turn)[: samples.final(turn) + 1]
                    made.append(
                        {"instruction": rows[0]["content"], "output": rows[-1]["content"], "messages": rows}
                    )
                    words.append(json.dumps(made[-1]))
            if talk.subagent:
                agents.append(talks.recovered(made))
            else:
                main += talks.recovered(made)
    return main, agents, "\n".join(words)


def holds(folder, seed, generation):
    random = Random(seed)
    talk = talks.talk(random)
    written = write_gemini.write(talk, random, folder, generation)
    main, agents, words = given_back(folder)
    assert main == talks.told(talk), (seed, generation)
    told = [rows for agent in written.agents if (rows := talks.told(agent))]
    order = lambda found: sorted(found, key=lambda rows: rows[0][0])  # noqa: E731
    assert order(rows for rows in agents if rows) == order(told), (seed, generation)
    assert "INJECTED" not in words, (seed, generation)


@pytest.mark.parametrize("generation", write_gemini.GENERATIONS)
@settings(max_examples=50)
@given(seed=st.integers(0, 1 << 32))
def test_the_truth_comes_back(tmp_path_factory, generation, seed):
    holds(tmp_path_factory.mktemp("truth"), seed, generation)


@pytest.mark.slow
@pytest.mark.parametrize("generation", write_gemini.GENERATIONS)
@settings(max_examples=2000)
@given(seed=st.integers(0, 1 << 32))
def test_the_truth_comes_back_2000_times(tmp_path_factory, generation, seed):
    holds(tmp_path_factory.mktemp("truth"), seed, generation)


@pytest.mark.parametrize("generation", write_gemini.GENERATIONS)
@settings(max_examples=60)
@given(seed=st.integers(0, 1 << 32))
def test_the_truth_comes_back_from_logs_too_large_to_be_held(tmp_path_factory, generation, seed):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(read, "LARGE", 10)
        holds(tmp_path_factory.mktemp("truth"), seed, generation)
