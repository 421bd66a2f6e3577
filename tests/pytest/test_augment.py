"""The rules of afs-augment: what a variant may change, what it keeps, and which requests have none."""

# ruff: noqa: RUF001

from __future__ import annotations

import json
import re
from collections import Counter

import pytest
from afs import jsonl, sample
from afs.curate import augment, split
from afs.curate.augment.covered import BLOCK, COVER, cover
from afs.curate.augment.forms import forms
from afs.curate.augment.request import request_of
from hypothesis import given
from hypothesis import strategies as st

MANY = 99
# Slow and plain: what a person would call code, a quotation, an address, a number or a placeholder.
KEPT = re.compile(
    r"```.*?```|`[^`\n]+`|https?://\S+[\w/]|\"[^\"\n]*\"|\bREDACTED_\w+"
    r"|\b[\w/-]+\.(?:py|md|go|json)\b|\d+(?:\.\d+)*",
    re.DOTALL,
)
DENIAL = re.compile(r"\b(?:not|no|never|none|nothing|nobody|without|cannot|neither|nor|\w+n't)\b")
OPENINGS = (
    "", "Please ", "please ", "Can you ", "could you please ", "I need you to ", "Let's ", "Can we ",
    "OK, ", "yes, ", "Hi! Can you ", "I'd like to ", "Would you ", "Also, ", "In `src/a.py`, ",
)  # fmt: skip
VERBS = (
    "write a function", "Write a test", "fix the bug", "Fix the typo", "explain how to", "Explain the code",
    "make it", "optimise the loop", "review the change", "check whether", "add support", "Add a flag",
    "rename", "find out why", "Why does it", "How do I", "What does the parser",
    "what is the difference between", "How does the cache", "translate this", "update",
)  # fmt: skip
OBJECTS = (
    "in `a b.c`", "for https://example.com/a?b=1", "named REDACTED_NAME_1", '"do not touch"',
    "with 3 items and 2.5 kB", "in src/lib.py", "that is not empty", "and never fails", "but don't run it",
    "so it's a class", "I'm not sure of", "without a copy", "and why is it so", "if it isn't too hard",
    "from main.go to b.json", "please", "work", "do", "```\ndon't\n```", "a list and a tuple", ", it fails",
    "e.g. in README.md", "(in C)", "we're using",
)  # fmt: skip
requests = st.builds(
    lambda opening, verb, objects, end, rest: opening + " ".join((verb, *objects)) + end + rest,
    st.sampled_from(OPENINGS),
    st.sampled_from(VERBS),
    st.lists(st.sampled_from(OBJECTS), max_size=3),
    st.sampled_from((".", "?", "", ":", "!", "...", ". ", ".\n")),
    st.sampled_from(
        ("", "", " It's 1 of 7. Don't `rm` it.", "\n\n```\nI am not\n```\n", " Thanks!", "\n- a\n- b")
    ),
)


def every(text):
    return augment.reworded(text, MANY, 1)[0]


def bare(text):
    return re.sub(r"[\s.,;:!?…]+", " ", text).strip().casefold()


# --- what is kept -----------------------------------------------------------------------------------


@given(text=requests)
def test_code_quotations_names_numbers_and_denials_are_those_of_the_original(text):
    for variant in every(text):
        assert Counter(KEPT.findall(variant)) == Counter(KEPT.findall(text)), variant
        assert Counter(DENIAL.findall(variant.lower())) == Counter(DENIAL.findall(text.lower())), variant


@given(
    text=requests
    | st.text(max_size=80)
    | st.builds(str.__add__, st.sampled_from(VERBS), st.text(max_size=60))
)
def test_variants_differ_from_the_original_and_from_each_other(text):
    found = every(text)
    assert len({bare(one) for one in (text, *found)}) == len(found) + 1
    request = request_of(text)
    if request is not None:
        tail = text[len(request.head) :]
        assert text.startswith(request.head) and all(one.endswith(tail) for one in found)
    else:
        assert found == []


@given(text=requests, most=st.integers(1, 6), seed=st.integers(0, 9))
def test_fewer_variants_are_the_first_of_more_and_chance_is_the_seed_alone(text, most, seed):
    found, why = augment.reworded(text, most, seed)
    assert found == augment.reworded(text, MANY, seed)[0][:most] and len(found) <= most
    assert {bare(one) for one in augment.reworded(text, MANY, seed)[0]} == {bare(one) for one in every(text)}
    assert why


@given(text=st.text(alphabet="`~\"' \n.-_aB9/<>“”‘’«»()", max_size=60) | requests)
def test_a_cover_has_the_length_of_its_text_and_changes_nothing_else(text):
    covered = cover(text)
    assert len(covered) == len(text)
    for one, other in zip(text.replace("’", "'"), covered, strict=True):
        assert other in (one, COVER, BLOCK)


@pytest.mark.parametrize(
    "part",
    [
        "`a b`", "``a ` b``", "https://x.org/a.b?c=d", '"two words"', "“two words”", "'two words'",
        "src/a.py", "a_b", "camelCase", "README", "--flag", "3.11", "17", "f(x)", "<div>", "a@b.c",
        "REDACTED_EMAIL_1", "$HOME",
        "x=1", "café", "#12",
    ],
)  # fmt: skip
def test_what_is_covered(part):
    assert set(cover(f"see {part} there")[4:-6]) <= {COVER, " "} and cover(f"see {part} there")[:4] == "see "


def test_words_of_english_are_not_covered():
    text = "Well-known words, it's plain (e.g. these) - and/or I'm done."
    assert cover(text) == text
    assert cover("a\n```py\nx\n```\nb") == "a\n" + BLOCK * 11 + "\nb"


# --- which forms ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "variant"),
    [
        ("Fix the bug.", "Please fix the bug."),
        ("Fix the bug.", "Could you fix the bug?"),
        ("Fix the bug.", "I'd like you to fix the bug."),
        ("Fix the bug.", "Fix the bug. Thanks."),
        ("Fix the bug.", "Fix the bug, please."),
        ("fix the bug", "could you fix the bug?"),
        ("Could you please fix the bug?", "Fix the bug."),
        ("can you fix the bug", "please fix the bug"),
        ("OK, now fix the bug.", "OK, now please fix the bug."),
        ("Great! Fix the bug.", "Great! Could you fix the bug?"),
        ("Hi Ann, fix the bug.\n", "Hi Ann, please fix the bug. Thank you.\n"),
        ("In `a.py`, fix the bug.", "Fix the bug in `a.py`."),
        ("Fix the bug in `a.py`.", "In `a.py`, fix the bug."),
        ("Write a poem.", "I need a poem."),
        ("Explain how to sort.", "How do I sort?"),
        ("How do I GET it?", "Explain how to GET it."),
        ("What does `x` do?", "Explain what `x` does."),
        ("How does the lock work?", "Please explain how the lock works."),
        ("Why isn't it done?", "Explain why it isn't done."),
        ("Why do we need it?", "Explain why we need it."),
        ("What's the difference between a and b?", "Explain the difference between a and b."),
        ("Explain the differences between a and b.", "What are the differences between a and b?"),
        ("Why does the test fail?", "Quick question: why does the test fail?"),
        ("Explain why I’m late.", "Explain why I am late."),
        ("Tell me if it is a bug.", "Tell me if it's a bug."),
        ("Let's fix the bug.", "I'd like us to fix the bug."),
        ("Can we fix the bug?", "Could we fix the bug?"),
        ("I want to add a flag.", "I'd like to add a flag."),
        ("Explain this:\n```\nx\n```", "Could you explain this:\n```\nx\n```"),
        ("Review this. Don't change it.", "Would you review this? Don't change it."),
    ],
)  # fmt: skip
def test_a_form_that_is_made(text, variant):
    request = request_of(text)
    tail = text[len(request.head) :]
    assert variant in [head + tail for _, head in forms(request)]
    assert bare(variant) in map(bare, every(text))


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("Fix the bug, don't touch the tests.", "Could"),  # an order cannot stand in a question
        ("Fix the bug, it blocks us.", "I need"),
        ("Fix the bug, our users are angry.", "Could"),
        ("Can you generate images?", "Please"),  # it is asked whether
        ("Can you generate images?", "Would"),
        ("Can you translate this? If not, leave it.", "Translate"),
        ("Translate to French: I am here.", "Could"),  # its end is that of the text to work on
        ("Correct this: he go home.", "Could"),
        ("Write tests for\n- a\n- b", "Could"),
        ("Add docs for https://example.com/a", "Could"),  # a mark would join the address
        ("Explain it to a child.", "Help me understand"),
        ("Write a page and publish it.", "I need a"),
        ("Create a class by copying the old one.", "I need a"),
        ("Generate a UUID for me.", "I need a"),
        ("What does the code need to do?", "Explain what"),
        ("How does this still work?", "Explain how"),
        ("What's the difference between a and b, and when do I use which?", "Explain"),
        ("What does it mean when the test is skipped?", ""),
        ("How are you?", ""),
        ("What is 2+2?", ""),
        ("Build failed with 3 errors", ""),
        ("Update: it works.", ""),
        ("Correct answers get a point.", ""),
        ("Fix is on its way.", ""),
        ("Make it work.", ""),
        ("FIX THE BUG", ""),
        ("Fix the error that says \"cannot open", ""),
        ("Write a function (in C", ""),
        ("`fix the bug`", ""),
        ("Add a " + "very " * 200 + "long list.", ""),
        ("", ""),
        ("Fix", ""),
    ],
)  # fmt: skip
def test_a_form_that_is_not_made(text, start):
    assert not [one for one in every(text) if one.startswith(start)]


def test_thanks_are_given_once_and_not_into_a_text_to_work_on():
    for text in ("Thanks. Fix the bug.", "Fix the bug. Thanks!", "Correct: he go.", "Fix it. It broke."):
        assert not [one for one in every(text) if len(re.findall("[Tt]hank", one)) > text.count("hank")]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Please write a poem.", "write"),
        ("Find out why it fails.", "fix"),
        ("Why did it fail?", "explain"),
        ("Help me understand the code.", "explain"),
        ("Make the loop faster.", "optimise"),
        ("Make a list.", "write"),
        ("Take a look at the diff.", "review"),
        ("Run the tests.", "other"),
        ("Corrige la función.", "other"),
        ("Fix den Fehler.", "language"),
        ("Write tests. Die Tests sind nicht gut und das ist ein Problem mit der Datei.", "language"),
        ("Let's add caching, it is too slow.", "form"),
    ],
)
def test_the_kind_is_that_of_the_opening(text, kind):
    found, why = augment.reworded(text, 1, 1)
    assert why == kind and bool(found) == (kind in augment.KINDS)
    if found:
        assert augment.reworded(text, 1, 1, ["none"]) == ([], "kind")


def test_each_kind_is_found_by_each_of_its_verbs():
    from afs.curate.augment import request

    for verb, kind in request._KIND.items():
        if verb not in ("make", "help me understand"):
            found = request_of(f"Please {verb} the parser.")
            assert found and (found.kind, found.form) == (kind, "please"), verb


def test_no_form_is_the_request_as_it_stands_in_other_letters():
    heads = (
        [head for _, head in forms(request_of("GET is slow, ok? Fix it."))] if request_of("GET is") else []
    )
    assert heads == []
    assert "How do I GET it?" not in every("How do I GET it?")


# --- samples ----------------------------------------------------------------------------------------


def made(instruction="Fix the bug.", **more):
    messages = [{"role": "system", "content": "s"}, {"role": "user", "content": instruction}]
    messages.append({"role": "assistant", "content": "done", "tool_calls": None})
    metadata = {"group": "g", "flags": ["tool_failed"], "turn": 3}
    fields = {"sample_id": "a" * 32, "instruction": instruction, "output": "done", "messages": messages}
    return sample.make(metadata=metadata, **{**fields, **more})


def test_a_variant_keeps_everything_but_its_question():
    record = made(timestamp="2026-01-02T03:04:05Z", teacher_model="m", quality_score=0.5)
    before = json.dumps(record)
    found, kind = augment.variants(record, 3, 1)
    assert (len(found), kind) == (3, "fix") and json.dumps(record) == before
    for one in found:
        assert sample.check(one) == "" and list(one) == list(record)
        assert one["messages"][1]["content"] == one["instruction"] != record["instruction"]
        assert one["_metadata"] == {
            **record["_metadata"],
            "flags": ["tool_failed", "augmented"],
            "parent_id": "a" * 32,
        }
        one["messages"][1]["content"] = one["instruction"] = "Fix the bug."
        one |= {"sample_id": record["sample_id"], "_metadata": record["_metadata"]}
        assert one == record
    assert len({one["sample_id"] for one in augment.variants(record, 9, 1)[0]}) == 9


def test_an_id_is_that_of_parent_and_text_whatever_seed_and_number():
    ids = {}
    for seed in range(5):
        for one in augment.variants(made(), 3 + seed, seed)[0]:
            assert ids.setdefault(one["instruction"], one["sample_id"]) == one["sample_id"]
    other = augment.variants(made(sample_id="b" * 32), MANY, 0)[0]
    assert {one["sample_id"] for one in other}.isdisjoint(ids.values())


@pytest.mark.parametrize(
    "metadata",
    [{"group": "g"}, {"group": None}, {"group": ""}, None, {}, {"flags": "odd"}, {"flags": None, "x": 1}],
)
@pytest.mark.parametrize("name", ["a" * 32, "", None])
def test_a_variant_is_in_the_group_of_its_parent(metadata, name):
    record = {"sample_id": name, "instruction": "Fix the bug.", "output": "o", "_metadata": metadata}
    if name is None:
        del record["sample_id"]
    found, _ = augment.variants(record, 2, 1)
    for one in found:
        assert split.group_of(one) == split.group_of(record)
        assert one["_metadata"]["parent_id"] and augment.is_augmented(one)
        assert "messages" not in one
    assert len(found) == 2


def test_no_variant_of_a_variant():
    (one,), _ = augment.variants(made(), 1, 1)
    assert augment.variants(one, 1, 1) == ([], "augmented")


def test_messages_go_along_or_there_is_no_variant():
    assert augment.variants(made(messages=None), 1, 1)[0][0]["messages"] is None
    assert augment.variants(made(messages=[]), 1, 1)[0][0]["messages"] == []
    other = [{"role": "user", "content": "Something else"}]
    assert augment.variants(made(messages=other), 1, 1) == ([], "messages")
    assert augment.variants(made(messages=[{"role": "system", "content": "s"}]), 1, 1) == ([], "messages")
    longer = [
        {"role": "user", "content": "Fix the bug.\n\nInput: x"},
        {"role": "user", "content": "Fix the bug."},
    ]
    (one,), _ = augment.variants(made(messages=longer), 1, 1)
    assert [m["content"] for m in one["messages"]] == [f"{one['instruction']}\n\nInput: x", "Fix the bug."]


def test_a_lone_surrogate_is_no_obstacle():
    record = jsonl.decode(b'{"sample_id":"\\ud83d","instruction":"Fix the bug in \\ud83d.","output":"o"}')
    found, kind = augment.variants(record, 5, 1)
    assert kind == "fix" and all(b"\\ud83d" in jsonl.encode(one) for one in found)


@pytest.mark.parametrize(
    "text",
    [
        " " * 500_000 + "fix the bug", "Fix the bug " + "(" * 500_000, "`" * 500_000, "Fix " * 200_000,
        "ok, " * 200_000, "Explain " + "```\n" * 200_000, "how does " + "a " * 500_000 + "work?",
        "Fix a" + "\n" * 500_000 + "b",
        "Write a " + '"' * 500_000, "Explain the difference between " + "a and " * 200_000,
    ],
)  # fmt: skip
def test_a_hostile_text_takes_no_time(text):
    import time

    start = time.process_time()
    augment.reworded(text, 3, 1)
    assert time.process_time() - start < 1.5
