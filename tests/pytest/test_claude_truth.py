"""Claude Code logs that are written from a made-up truth give that truth back, whole and once."""

from __future__ import annotations

import json
import re
from random import Random

import pytest
import talks
import write_claude
from afs.logs import claude, read, samples
from hypothesis import given, settings
from hypothesis import strategies as st


def given_back(folder):
    """(samples of the sessions, samples of each sub-agent by its task, all words of them)."""
    main, agents, made = [], [], []
    for files in claude.find(str(folder)):
        for talk in claude.parse(files, lambda *note: None):
            found = []
            for turn in talk.turns:
                brief = [message for message in turn.messages if message.load]
                assert all(len(message.content + message.reasoning) <= 400 for message in brief)
                if not samples.why_not(turn):
                    rows = samples.chat(turn)[: samples.final(turn) + 1]
                    found.append(
                        {"instruction": rows[0]["content"], "output": rows[-1]["content"], "messages": rows}
                    )
            made += found
            if talk.subagent:
                assert talk.parent and talk.group
                agents.append(talks.recovered(found))
            else:
                main += talks.recovered(found)
    return main, sorted(agents, key=lambda rows: rows[0][0]), json.dumps(made)


def comes_back(folder, seed, generation):
    random = Random(seed)
    talk = talks.talk(random)
    written = write_claude.write(talk, random, folder, generation)
    main, agents, words = found = given_back(folder)
    assert main == talks.told(talk)
    told = [talks.told(agent) for agent in written.agents]
    assert agents == sorted(told, key=lambda rows: rows[0][0])
    assert "INJECTED" not in words
    assert not any("ASIDE" in text for question, answer, _ in main for text in (question, answer))
    asides = re.findall(r"ASIDE [0-9a-f-]{36}", words)
    assert len(asides) == len(set(asides))
    return found


@pytest.mark.parametrize("generation", write_claude.GENERATIONS)
@settings(max_examples=50)
@given(seed=st.integers(0, 1 << 32))
def test_the_truth_comes_back(tmp_path_factory, generation, seed):
    comes_back(tmp_path_factory.mktemp("truth"), seed, generation)


@pytest.mark.slow
@pytest.mark.parametrize("generation", write_claude.GENERATIONS)
@settings(max_examples=2000)
@given(seed=st.integers(0, 1 << 32))
def test_the_truth_comes_back_from_thousands(tmp_path_factory, generation, seed):
    comes_back(tmp_path_factory.mktemp("truth"), seed, generation)


@pytest.mark.parametrize("generation", write_claude.GENERATIONS)
@settings(max_examples=40)
@given(seed=st.integers(0, 1 << 32))
def test_logs_too_large_to_be_held_give_the_same(tmp_path_factory, generation, seed):
    folder = tmp_path_factory.mktemp("truth")
    held = comes_back(folder, seed, generation)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(read, "LARGE", 0)
        assert given_back(folder) == held
