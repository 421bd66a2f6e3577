# ruff: noqa: E501, RUF001  samples are quoted whole, in their own characters
"""What a score is made of, what it tells apart, and how it gets into the line."""

from __future__ import annotations

import contextlib
import inspect
import json
import os
import random
import re
import string
import textwrap

import pytest
from afs import jsonl, sample
from afs.curate import damage, ending, profiles, score, signals
from afs.curate.view import WINDOW, View
from conftest import load
from hypothesis import given
from hypothesis import strategies as st

command = load("afs-score")
NAMES = [
    "relevance", "substance", "completeness", "variety", "density", "directness", "originality", "integrity",
    "language", "code", "outcome",
]  # fmt: skip


def asked(question, answer, context="", **more):
    return {"instruction": question, "input": context, "output": answer, **more}


def view(answer, question="Explain what a hash map is.", context="", **more):
    return View(asked(question, answer, context, **more))


GENERIC = profiles.weights_of("generic")


def raw(record, profile="generic"):
    return score.mean(score.components(record), profiles.weights_of(profile))


def rated(question, answer, context=""):
    return raw(asked(question, answer, context))


# --- good and bad, by hand --------------------------------------------------------------------------

SOUND = [
    ("What is the capital of France?", "Paris."),
    ("What is the capital of France?", "Paris"),
    ("2+2?", "4"),
    ("Name a colour.", "Blue is a colour."),
    ("Is water wet? Answer yes or no.", "Yes"),
    ("Who wrote Faust?", "Johann Wolfgang von Goethe"),
    ("Convert 5 miles to kilometres.", "8.04672 km"),
    ("What's the regex for an integer?", "^-?[0-9]+$"),
    ("How do I get the length of a list in Python?", "len(my_list)"),
    ("Write SQL that counts users.", "SELECT COUNT(*) FROM users;"),
    ("Give me a JSON object with name and age.", '{"name": "Ada", "age": 36}'),
    ("Write a Python function that adds two numbers.", "def add(a, b):\n    return a + b"),
    (
        "Write a C function that returns the larger of two ints.",
        "int max(int a, int b)\n{\n    if (a > b) {\n        return a;\n    }\n    return b;\n}",
    ),
    ("List three fruits.", "- Apple\n- Banana\n- Cherry"),
    ("List the steps to make tea.", "1. Boil the water.\n2. Pour it over the tea.\n3. Wait three minutes."),
    (
        "Compare Python and Go in a table.",
        "| | Python | Go |\n|---|---|---|\n| Typing | dynamic | static |\n| Speed | slow | fast |",
    ),
    (
        "How do I undo the last commit but keep my changes?",
        "Use:\n\n```bash\ngit reset --soft HEAD~1\n```\n\nThis moves the branch back and leaves your changes staged.",
    ),
    (
        "Write a haiku about autumn.",
        "Leaves drift to the ground\nA cold wind carries their scent\nWinter waits outside",
    ),
    (
        "Write a thank-you letter to my teacher.",
        "Dear Ms. Brown,\n\nThank you for a wonderful year. I will not forget the castle.\n\nBest wishes,\nJohn Smith",
    ),
    ("Fix the spelling: I recieved teh letter yestarday.", "I received the letter yesterday."),
    ("Proofread: The cat sat on the mat, it was warm.", "The cat sat on the mat; it was warm."),
    ("Can you push it?", "Done: https://example.com/repo/pull/12"),
    ("yes", "Done. I updated the configuration and ran the tests: all 42 pass."),
    ("thanks!", "You're welcome!"),
    (
        "I can't log in to the server, what should I do?",
        "I'm sorry to hear that. First check that the server is up: ping it. If it answers, look at your key.",
    ),
    (
        "Why did the build fail?",
        "It failed because `libfoo` is missing. I cannot reach the index from here, so please run:\n\n    apt install libfoo",
    ),
    (
        "Write the first Fibonacci numbers.",
        "0, 1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610, 987",
    ),
    (
        "Erkläre kurz, was eine Wärmepumpe ist.",
        "Eine Wärmepumpe entzieht der Umgebung Wärme und bringt sie mit Hilfe von Strom auf eine höhere Temperatur.",
    ),
    (
        "Qu'est-ce que la photosynthèse ?",
        "C'est le processus par lequel les plantes font du sucre avec la lumière.",
    ),
    ("法国的首都是哪里?", "巴黎。"),
    (
        "请解释一下什么是递归。",
        "递归是一种函数直接或间接调用自身的编程方法。每次调用都会把问题缩小, 直到遇到基本情况为止。",
    ),
    ("日本の首都はどこですか?", "東京です。"),
    (
        "파이썬에서 리스트를 정렬하는 방법을 알려줘.",
        "리스트를 정렬하려면 sort 메서드나 sorted 함수를 사용하면 됩니다.",
    ),
    ("Объясни, что такое гравитация.", "Гравитация — это сила, с которой тела притягиваются друг к другу."),
    ("ما هي عاصمة مصر؟", "عاصمة مصر هي القاهرة."),
    ("ประเทศไทยมีเมืองหลวงชื่ออะไร", "เมืองหลวงของประเทศไทยคือกรุงเทพมหานคร"),
]
HASH = "Explain what a hash map is."
FAULTY = [
    ("cut", HASH, "A hash map stores pairs of keys and values. It computes a number from the key, and uses it to find the"),
    ("cut in a list", HASH, "1. There are keys.\n2. There are values.\n3. Every key leads to the"),
    ("cut before an item", HASH, "A hash map has:\n\n- The keys.\n- The values.\n-"),
    ("cut in a table", HASH, "| part | use |\n|---|---|\n| key | finds |\n| value"),
    ("open fence", HASH, "Here is code:\n\n```python\nd = {}\nd['a'] = 1"),
    ("announced only", HASH, "A hash map stores pairs of keys and values. It works like this:"),
    ("marked as cut", HASH, "A hash map stores pairs of keys and values. It computes [truncated]"),
    ("empty", HASH, ""),
    ("blank", HASH, " \n\t"),
    ("dots", HASH, "..."),
    ("too little", HASH, "ok"),
    ("refused", HASH, "I'm sorry, but I cannot help with that request."),
    ("refused", HASH, "Unfortunately, I am not able to provide that information."),
    ("refused", HASH, "As an AI language model, I do not have personal opinions."),
    ("refused", "请解释一下什么是递归。", "抱歉, 我无法回答这个问题。"),
    ("error", HASH, "API Error: 529 overloaded_error"),
    ("form", HASH, "[Insert answer here]"),
    ("echo", HASH, "explain what a hash map is."),
    ("loop", HASH, "A hash map is fast. " * 20),
    ("loop", HASH, "map " * 16),
    ("loop", HASH, "a" * 100),
    ("loop", "请解释一下什么是递归。", "递归是递归。" * 30),
    ("loop", "Explain tides.", "Tides are caused by the moon. " + "They rise and then they fall again. " * 6),
    ("letters", HASH, "xkjq wpltz vbnmr qwrtp zxcvb lkjhg fdsqw rtplk jhgfd szxcv bnmqw rtypl kjhgf dszxc vbnmq"),
    ("lost characters", HASH, "A hash map \ufffd\ufffd\ufffd of \ufffd\ufffd and \ufffd\ufffd\ufffd values."),
    ("misread", HASH, "Une table de hachage est définie par des clés et des valeurs associées.".encode().decode("cp1252")),
    ("nothing asked", "", "An answer to nothing at all, which is long enough to be one."),
]  # fmt: skip


@pytest.mark.parametrize(("question", "answer"), SOUND)
def test_a_sound_answer_is_well_above_the_threshold(question, answer):
    assert rated(question, answer) > 0.5


@pytest.mark.parametrize(("fault", "question", "answer"), FAULTY)
def test_a_faulty_answer_is_below_the_threshold(fault, question, answer):
    assert rated(question, answer) < 0.4


def test_a_label_for_a_long_text_is_enough():
    review = "The film was a delight from start to finish, and I would see it again tomorrow. " * 20
    assert rated("Classify the sentiment of this review.", "positive", review) > 0.9


# --- damage to text that was not written for this test ----------------------------------------------


def documented():
    """Questions and answers out of the documentation and the source of Python's own modules."""
    for module in (textwrap, random, string, json, inspect, re, os):
        for name, thing in sorted(vars(module).items()):
            text = inspect.getdoc(thing) or ""
            if name.startswith("_") or not inspect.isroutine(thing) or len(text) < 200:
                continue
            yield asked(f"What does {name} in the {module.__name__} module do, and how do I use it?", text)
            with contextlib.suppress(OSError, TypeError):  # no source: made at run time, or written in C
                if 300 < len(code := inspect.getsource(thing)) < 5000:
                    yield asked(f"Write {name}: {text.splitlines()[0]}", f"```python\n{code}```")


def cut(text, chance):
    spaces = [at for at, char in enumerate(text) if char.isspace() and 0.3 * len(text) < at < 0.9 * len(text)]
    return text[: chance.choice(spaces)]


def looping(text, chance):
    sentences = [part for part in re.split(r"(?<=[.!?\n])\s+", text) if len(part) > 20]
    return text[: len(text) // 3] + " ".join([chance.choice(sentences)] * chance.randint(8, 30))


def mistyped(text, chance):
    letters = string.ascii_lowercase
    return "".join(chance.choice(letters) if chance.random() < 0.3 else char for char in text)


def shuffled(text, chance):
    return " ".join("".join(chance.sample(word, len(word))) for word in text.split(" "))


def misread(text, chance):
    typographic = re.sub("[\"']", lambda _: chance.choice("“”"), text).replace("e", "é", 20)
    return typographic.encode().decode("cp1252", "replace")


def lost(text, chance):
    return "".join("\ufffd" if chance.random() < 0.04 else char for char in text)


def refused(text, chance):
    return chance.choice(
        [
            "I'm sorry, but I can't help with that.",
            "I am unable to assist with this request.",
            "Sorry, we can't do that.",
        ]
    )


def areas(good, bad):
    """Share of pairs in which the sound one scores higher (a tie is a half): the area under the ROC."""
    wins = sum((better > worse) + (better == worse) / 2 for better in good for worse in bad)
    return wins / len(good) / len(bad)


@pytest.mark.parametrize(
    ("harm", "least"),
    [
        (cut, 0.85),
        (looping, 0.98),
        (mistyped, 0.93),
        (shuffled, 0.93),
        (misread, 0.95),
        (lost, 0.98),
        (refused, 0.98),
    ],
)
def test_damage_is_ranked_below_what_it_was(harm, least):
    chance = random.Random(3)
    sound = list(documented())
    good = [raw(record) for record in sound]
    bad = [raw({**record, "output": harm(record["output"], chance)}) for record in sound]
    assert len(sound) > 60
    assert sorted(good)[len(good) // 20] > 0.4
    assert areas(good, bad) >= least


# --- the parts --------------------------------------------------------------------------------------


def test_components_are_a_fixed_set_in_order_rounded_to_four_places():
    parts = score.components(asked(HASH, "A hash map stores pairs of keys and values, " * 2 + "somehow."))
    assert list(parts) == NAMES == list(profiles.SIGNALS)
    for value in (value for value in parts.values() if value is not None):
        assert 0 <= value <= 1
        assert value == round(value, 4)


def test_what_cannot_tell_drops_out_of_the_mean():
    parts = dict.fromkeys(NAMES) | {"substance": 1.0, "variety": 0.2}
    weights = dict.fromkeys(NAMES, 1.0) | {"relevance": 9.0}
    assert score.mean(parts, weights) == pytest.approx(2 / (1 / 1.02 + 1 / 0.22) - 0.02)
    assert score.mean(parts, weights | {"variety": 0.0}) == pytest.approx(1.0)
    assert score.mean(dict.fromkeys(NAMES), weights) == 0.0
    assert score.mean(dict.fromkeys(NAMES, 1.0), weights) == 1.0


def test_a_rank_is_the_share_that_is_lower():
    sound = [0.1, 0.2, 0.2, 0.7, 1.0, 1.0]
    assert [score.rank(value, sound) for value in (0.0, 0.1, 0.15, 0.2, 0.3, 1.0)] == [
        0.0, 0.0, 0.1667, 0.1667, 0.5, 0.6667,
    ]  # fmt: skip


@given(st.lists(st.floats(0, 1), min_size=1), st.floats(0, 1))
def test_the_rank_is_what_counting_gives(values, value):
    assert score.rank(value, sorted(values)) == round(sum(other < value for other in values) / len(values), 4)


def test_all_signals_at_their_best_give_one():
    record = asked("Name a colour.", "Blue is a colour.", _metadata={"flags": ["thanked_by_user"]})
    assert score.mean(dict.fromkeys(NAMES, 1.0), GENERIC) == 1.0
    assert raw(record) > 0.97


@pytest.mark.parametrize(
    ("metadata", "messages", "expected"),
    [
        (None, None, None),
        ({"flags": None}, None, None),
        ({"flags": "interrupted"}, None, None),
        ({"flags": []}, None, 0.9),
        ({"flags": [7, "after_compaction"]}, None, 0.9),
        ({"flags": ["tool_failed"]}, None, 0.8),
        ({"flags": ["complained_by_user"]}, None, 0.3),
        ({"flags": ["thanked_by_user"]}, None, 1.0),
        ({"flags": ["tool_failed", "thanked_by_user"]}, None, 1.0),
        ({"flags": ["corrected_by_user", "thanked_by_user"]}, None, 0.3),
        ({"flags": ["tool_failed", "interrupted"]}, None, 0.0),
        ({"flags": ["corrected_by_user"]}, None, 0.3),
        (
            None,
            [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a", "tool_calls": None}],
            None,
        ),
        (None, [{"role": "assistant", "content": "", "tool_calls": [{}]}], 0.1),
        ({"flags": ["tool_failed"]}, [{"role": "tool", "content": "error"}], 0.1),
        (None, [], None),
        (None, ["x"], None),
        (7, 7, None),
    ],
)
def test_outcome_is_the_worst_that_the_record_says(metadata, messages, expected):
    assert signals.outcome(view("a", _metadata=metadata, messages=messages)) == expected


def test_an_interrupted_turn_is_below_the_threshold():
    record = asked("Rename the option.", "You're right, I will rename it now and run the tests.")
    assert raw(record) > 0.9
    assert raw({**record, "_metadata": {"flags": ["interrupted"]}}) < 0.4


def test_relevance_follows_what_the_question_names():
    question = "How does the borrow checker of Rust handle mutable references in closures?"
    on = "A closure that captures a mutable reference borrows it mutably: the borrow checker of Rust forbids others."
    off = "Preheat the oven, whisk the eggs with sugar until pale, fold in the flour and bake for half an hour in a tin."
    assert signals.relevance(view(on, question)) == 1.0
    assert signals.relevance(view(off, question)) == pytest.approx(0.2)
    assert signals.relevance(view(on, "yes please, do it")) is None
    assert signals.relevance(view("Yes.", question)) is None
    assert signals.relevance(view(on, "Summarise.", question)) == 1.0
    chinese = "请解释数据库事务的隔离级别有哪些"
    same = (
        "数据库事务的隔离级别有四种: 读未提交、读已提交、可重复读和串行化。级别越高, 并发越低, 异常越少。" * 2
    )
    assert signals.relevance(view(same, chinese)) > 0.9
    assert signals.relevance(view(on + on, chinese)) is None  # a translation may share nothing


def test_originality_knows_a_quotation_from_an_echo():
    question = (
        "Rewrite this text.\nThe quick brown fox jumps over the lazy dog.\nIt was not amused by that at all."
    )
    assert signals.originality(view(question, question)) == 0.0
    assert signals.originality(view(question.upper(), question)) == 0.0
    assert signals.originality(view(question + "\n", question)) == 0.0
    assert signals.originality(view("The quick brown fox jumps over the lazy dog.", question)) == 1.0
    assert (
        signals.originality(
            view("A fast fox leapt over a sleepy dog, and the dog did not like it.", question)
        )
        == 1.0
    )
    assert signals.originality(view("The quick brown fox.", "Shorten.", "The quick brown fox jumps.")) is None


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("```\ncode\n```", 1.0),
        ("text\n```python\ncode", 0.0),
        ("````md\n```\n````", 1.0),
        ("It ends here.", 1.0),
        ("It ends (here).", 1.0),
        ('He said: "It ends here."', 1.0),
        ("它在这里结束。", 1.0),
        ("It goes on, ", 0.0),
        ("The first (of them", 0.03),
        ("See `the file", 0.03),
        ("# Title\n\n## Another", 0.1),
        ("It was long. Then it became", 0.05),
        ("- One.\n- Two.\n- Three.\n- Four is", 0.1),
        ("- one\n- two\n- three", 1.0),
        ("So...", 0.2),
        ("", None),
    ],
)
def test_completeness_looks_at_the_end(answer, expected):
    assert ending.completeness(view(answer)) == expected


def test_a_cut_is_seen_where_the_block_began_outside_of_what_is_read():
    body = "line of code that is not so short\n" * 600
    assert ending.completeness(view(f"Text.\n```python\n{body}```")) == 1.0
    assert ending.completeness(view(f"Text.\n{body}```python\nx = 1")) == 0.0


@pytest.mark.parametrize(
    "text",
    [
        "Die Entwicklungsumgebung für Straßenverkehrsrecht hat Schwierigkeiten mit Rechtschreibprüfung und Angstschweiß.",
        "Wstrząs w Szczecinie: chrząszcz brzmi w trzcinie, a źdźbło trawy drży na wietrze wśród strzelistych brzóz.",
        "The https://example.com/html/nginx page explains strlcpy, fprintf, getHTTPStatusCode and parseXMLDocument.",
        "if (ptr != NULL && ptr->nxt->prv == ptr) { memcpy(dst, src, sizeof(*dst) * cnt); cnt += strlen(buf); }",
        "You see the beautiful queue of your colleagues: you say yes, they say no, and you queue again every year.",
    ],
)  # fmt: skip
def test_languages_and_code_are_no_letter_salad(text):
    assert damage.integrity(view(text)) > 0.8


@pytest.mark.parametrize("wrong", ["\x00", "\x07", "\ufffd", "\ud800", "\ue000", "\x81", "â€™", "Ã©", "ï»¿"])
def test_damage_counts_in_question_and_answer(wrong):
    text = "A plain sentence about nothing. "
    assert damage.integrity(view(text * 3)) == 1.0
    assert damage.integrity(view(text + wrong * 5)) < 0.1
    assert damage.integrity(view(text, question=text + wrong * 5)) < 0.1
    assert 0 < damage.integrity(view(text * 20 + wrong)) < 1


@pytest.mark.parametrize(
    "text", ["naïve café, Ærøskøbing", "Größe: 5 µm ± 2", "“Quoted” – it’s…", "¿Qué? ¡Sí!", "Ça va, Éric?"]
)
def test_accents_and_typography_are_no_damage(text):
    assert damage.integrity(view(text * 3)) == 1.0


def test_only_both_ends_of_a_long_text_are_read():
    head, tail = "A sentence at the start. " * 200, "A sentence with an end. " * 200
    one = asked("Explain it. " * 1000, head[:WINDOW] + "\ufffd" * 50_000 + "." + tail[-WINDOW:])
    other = asked("Explain it. " * 1000, head[:WINDOW] + "b c " * 9_000 + "." + tail[-WINDOW:])
    assert score.components(one) == score.components(other)


@given(question=st.text(), context=st.text() | st.none(), answer=st.text())
def test_any_text_gets_a_score(question, context, answer):
    record = asked(question, answer, context)
    assert not score.check(record)
    parts = score.components(record)
    assert 0 <= score.mean(parts, GENERIC) <= 1
    assert all(value is None or 0 <= value <= 1 for value in parts.values())


@given(st.text(alphabet="aA .:,;!?()[]{}`*|-#\n\"'\ud800。", max_size=80))
def test_any_punctuation_gets_a_score(answer):
    assert 0 <= rated("What is it?", answer) <= 1


def test_hostile_text_takes_no_time():
    for text in (
        "(" * WINDOW,
        "a. A" * WINDOW,
        "I'm very " * WINDOW,
        "`" * WINDOW,
        "\n\n" * WINDOW,
        "ab\n" * WINDOW,
    ):
        before = os.times().user
        rated(text, text + "x")
        rated("Why?", text)
        assert os.times().user - before < 0.5


# --- the line ---------------------------------------------------------------------------------------


def spliced(line):
    record = jsonl.decode(line)
    return command.scored(line, record, raw(record), score.components(record))


@pytest.mark.parametrize(
    "line",
    [
        b'{"instruction":"Say hi.","output":"Hi there."}',
        b'{ "instruction" : "Say hi." , "output" : "caf\\u00e9", "n": 1.50, "big": 123456789012345678901234567890 } ',
        b'{"instruction":"Say hi.","output":"x\\ud83d"}',
    ],
)
def test_scoring_again_changes_no_byte(line):
    once = spliced(line)
    assert once.startswith(line.rstrip()[:-1])
    assert spliced(once) == once
    assert not sample.check(jsonl.decode(once))


@pytest.mark.parametrize(
    "line",
    [
        b'{"quality_score":0.2,"instruction":"Say hi.","quality_components":{"electra":1},"output":"Hi there."}',
        b'{"instruction":"Say hi.","output":"Hi there.","quality_components":{},"quality_score":0.2}',
        b'{"instruction":"Say hi.","output":"Hi there.","quality_score": 0.2, "quality_components":null}',
        b'{"instruction":"Say hi.","output":"Hi there.","quality_score":1}',
        b'{"quality_score":9,"instruction":"Say hi.","output":"Hi there.","quality_score":0.2,"quality_components":{}}',
    ],
)
def test_an_old_score_is_replaced_and_goes_to_the_end(line):
    bare = b'{"instruction":"Say hi.","output":"Hi there."}'
    assert spliced(line) == spliced(bare)
    assert spliced(spliced(line)) == spliced(line)


def test_a_number_that_would_change_is_refused():
    line = b'{"quality_score":0.2,"instruction":"Say hi.","output":"Hi.","n":123456789012345678901234567890}'
    with pytest.raises(jsonl.Bad) as caught:
        spliced(line)
    assert caught.value.reason == "number"


@pytest.mark.parametrize(
    ("record", "wrong"),
    [
        ({"instruction": "q", "output": "a"}, ""),
        ({"instruction": "q", "output": "a", "input": None, "_metadata": "any", "messages": 5}, ""),
        ({"output": "a"}, "field 'instruction' is missing"),
        ({"instruction": "q", "output": None}, "field 'output' must be a string"),
        ({"instruction": "q", "output": "a", "input": 5}, "field 'input' must be a string"),
    ],
)
def test_a_record_needs_a_question_and_an_answer(record, wrong):
    assert score.check(record) == wrong
