"""What afs-decontaminate finds, held against slow and obvious models, and what it must not find."""

# ruff: noqa: RUF001

from __future__ import annotations

import json
import random
import re

import pytest
from afs import jsonl
from afs.curate import benchmark, brief, contamination, screen
from hypothesis import given
from hypothesis import strategies as st

WORDS = [
    "river",
    "stone",
    "lamp",
    "copper",
    "seven",
    "garden",
    "quickly",
    "under",
    "yellow",
    "basket",
    "measure",
    "north",
    "window",
    "carry",
    "paper",
    "silver",
    "engine",
    "morning",
    "letter",
    "bridge",
    "harbour",
    "circle",
    "winter",
    "pencil",
    "answer",
    "market",
    "velvet",
    "orchard",
    "signal",
    "thunder",
]
CHINESE = "春夏秋冬山水花鸟风云雨雪日月星光天地人心东南西北金木火土"


def item(text, answer=False, field="question", line=1, name=None):
    return benchmark.Item("b", line, name, field, answer, text)


def index_of(*texts, ngram=13):
    return contamination.Index([item(text, line=n) for n, text in enumerate(texts, 1)], ngram)


def found(index, record, threshold=0.5):
    texts = screen.texts_of(record) if isinstance(record, dict) else [("output", record)]
    [(_, matches)] = screen.search([(None, texts)], index, threshold)
    return {match.entry: (match.coverage, match.fields) for match in matches}


def say(chance, count, words=WORDS):
    return " ".join(chance.choices(words, k=count))


# --- coverage against a model -------------------------------------------------------------------------


def model(texts, sample, ngram, threshold):
    """{text: coverage}: sets of tuples of words, by the letter of the help."""
    cut = [text.split() for text in texts]

    def grams(words, n):
        return [tuple(words[at : at + n]) for at in range(len(words) - n + 1)]

    sizes = [ngram if len(words) >= 2 * ngram else min(8, ngram) for words in cut]
    known = {}
    for number, words in enumerate(cut):
        for gram in grams(words, sizes[number]):
            known.setdefault(gram, set()).add(number)
    hits = {}
    for number, words in enumerate(cut):
        n = sizes[number]
        own = [len(known[gram]) <= contamination.TEMPLATE for gram in grams(words, n)]
        if not any(own):
            own = [True] * len(own)
        there = set(grams(sample.split(), n))
        count, covered = set(), set()
        for at, gram in enumerate(grams(words, n)):
            if own[at]:
                count |= set(range(at, at + n))
                if gram in there:
                    covered |= set(range(at, at + n))
        if covered and len(covered) / len(count) >= threshold:
            hits[number] = round(len(covered) / len(count), 4)
    return hits


@given(
    seed=st.integers(0, 1 << 30),
    ngram=st.integers(2, 14),
    threshold=st.sampled_from([0, 0.3, 0.5, 0.9, 1]),
    few=st.booleans(),
)
def test_coverage_is_that_of_sets_of_tuples(seed, ngram, threshold, few):
    chance = random.Random(seed)
    words = WORDS[:3] if few else WORDS  # of three words many n-grams repeat
    least = min(8, ngram)
    texts = list(
        dict.fromkeys(say(chance, chance.randint(least, 40), words) for _ in range(chance.randint(1, 30)))
    )
    parts = [say(chance, chance.randint(0, 30), words)]
    for text in chance.sample(texts, min(3, len(texts))):
        cut = text.split()
        start = chance.randrange(len(cut))
        parts += [" ".join(cut[start : chance.randint(start, len(cut))]), say(chance, 2, words)]
    sample = " ".join(parts)
    got = {
        entry: share for entry, (share, _) in found(index_of(*texts, ngram=ngram), sample, threshold).items()
    }
    assert got == model(texts, sample, ngram, threshold)


@given(seed=st.integers(0, 1 << 30))
def test_many_samples_at_once_are_each_alone(seed):
    chance = random.Random(seed)
    texts = [say(chance, 20) for _ in range(5)]
    index = index_of(*texts)
    records = []
    for _ in range(30):
        body = chance.choice([say(chance, 30), chance.choice(texts), ""])
        records.append([("instruction", say(chance, 3)), ("output", body)])
    # Words of one text and the next are no n-gram: half of an item at an end, half at a beginning.
    words = texts[0].split()
    records += [[("instruction", " ".join(words[:10])), ("output", " ".join(words[10:]))]]
    together = [matches for _, matches in screen.search(enumerate(records), index, 0.5)]
    alone = [next(screen.search([(0, texts)], index, 0.5))[1] for texts in records]
    assert together == alone
    assert [number for number, _ in screen.search(enumerate(records), index, 0.5)] == list(range(31))


# --- what is planted is found, what is not is not -----------------------------------------------------


def shout(text):
    return text.upper()


def punctuate(text):
    return re.sub(r" ", lambda _: ", ", text) + "?!"


def mark(text):
    return "\n> **" + text.replace(" ", "**\n> _", 1).replace(" ", "\u00a0 ", 2) + "_ \u201d\u2026"


def wrap(text):
    return re.sub(r"(\S+ \S+ \S+) ", r"\1\n", text)


def same(text):
    return text


@pytest.mark.parametrize("change", [same, shout, punctuate, mark, wrap, str.title])
@pytest.mark.parametrize("ngram", [8, 13])
def test_every_planted_item_is_found_and_nothing_else(change, ngram):
    chance = random.Random(5)
    texts = [say(chance, size) for size in (8, 9, 12, 13, 15, 16, 25, 26, 27, 60, 400)]
    index = index_of(*texts, ngram=ngram)
    other = [word + "x" for word in WORDS]
    for number, text in enumerate(texts):
        for before, after in ((0, 0), (40, 0), (0, 40), (200, 300)):
            sample = f"{say(chance, before, other)} {change(text)} {say(chance, after, other)}"
            assert found(index, sample) == {number: (1.0, ["output"])}, (number, change)
    assert found(index, say(chance, 5000, other)) == {}


def test_short_questions_are_sentences_and_shorter_ones_all_of_a_field():
    index = index_of("Who wrote the play Hamlet?", "2 + 2?", "木漏れ日とは何", "What is 48 + 27?")
    for text in (
        "who wrote the play hamlet",
        "Hi. Who wrote the play Hamlet? Tell me.",
        "Q: WHO wrote the *play* Hamlet",
        "He asked: \u201cWho wrote the play Hamlet?\u201d",
        "line\nwho  wrote\tthe play hamlet\nline",
    ):
        assert found(index, text) == {0: (1.0, ["output"])}, text
    for text in (
        "I know who wrote the play Hamlet",
        "Who wrote the play Hamlet and when?",
        "Who wrote the plays of Hamlet?",
    ):
        assert found(index, text) == {}, text
    assert found(index, {"instruction": "2+2", "output": "4"}) == {1: (1.0, ["instruction"])}
    assert found(index, {"instruction": "2-2", "output": "2 + 2"}) == {}
    assert found(index, {"messages": [{"role": "user", "content": "2 + 2 ?"}]}) == {
        1: (1.0, ["messages.user"])
    }
    assert found(index, {"messages": [{"role": "assistant", "content": "2 + 2 ?"}]}) == {}
    assert found(index, "「木漏れ日とは何」と聞いた。") == {2: (1.0, ["output"])}
    assert found(index, "What is 48+27?") == {3: (1.0, ["output"])}
    assert found(index, "What is 48 - 27?") == {}


@given(text=st.text(max_size=60))
def test_a_short_text_stands_in_itself(text):
    text = brief.plain(text)
    signature = brief.signature(text)
    if len(signature) > 1:
        assert brief.stands(brief.pattern(text), signature, text)
        assert brief.stands(brief.pattern(text), signature, f"zq.\n{text}\nzq")


def test_a_short_answer_is_not_looked_for_and_a_long_one_is():
    answer = "Each lamp tells its switch by warmth and by light when you come up once"
    index = contamination.Index(
        [item("yes", True), item("The lamp is warm.", True), item(answer, True), item("", False)], 13
    )
    assert (len(index.origins), index.unused) == (1, 3)
    assert found(index, "yes") == {} and found(index, "The lamp is warm.") == {}
    assert found(index, answer.lower()) == {0: (1.0, ["output"])}


def test_other_scripts_go_by_characters_and_in_small_letters():
    chance = random.Random(3)
    chinese = "".join(chance.choices(CHINESE, k=30))
    russian = "Сколько раз надо подняться на чердак чтобы узнать какая лампа к какому выключателю относится"
    greek = "Πόσες φορές πρέπει να ανέβεις στη σοφίτα για να μάθεις ποιος διακόπτης ανήκει σε ποια λάμπα"
    french = (
        "Combien de fois faut-il monter au grenier pour savoir à quelle lampe chaque interrupteur est relié"
    )
    index = index_of(chinese, russian, greek, french)
    broken = "，".join(chinese[at : at + 7] for at in range(0, 30, 7))
    assert found(index, f"请看：{broken}。谢谢") == {0: (1.0, ["output"])}
    assert found(index, russian.upper()) == {1: (1.0, ["output"])}
    assert found(index, greek.replace("ς", "ς,")) == {2: (1.0, ["output"])}
    decomposed = __import__("unicodedata").normalize("NFD", french)
    assert found(index, decomposed.upper()) == {3: (1.0, ["output"])}
    assert found(index, "".join(reversed(chinese)) + russian[::-1]) == {}


def test_a_template_proves_nothing_and_an_item_of_template_alone_is_still_found():
    chance = random.Random(9)
    template = (
        "Read the passage with care and answer the question below by naming one of the four choices given"
    )
    texts = [f"{template}: {say(chance, 9)}" for _ in range(11)]
    index = index_of(*texts, template)
    assert index.template > 0
    assert found(index, f"{template}: what is the colour of the sky") == {11: (1.0, ["output"])}
    assert found(index, texts[4]) == {4: (1.0, ["output"]), 11: (1.0, ["output"])}
    few = index_of(*texts[:10])
    assert few.template == 0
    assert len(found(few, template)) == 10  # ten may share it by chance


def test_equal_texts_are_one_entry():
    text = say(random.Random(1), 20)
    index = index_of(text, text.upper(), text + ".")
    assert (len(index.origins), index.twins) == (1, [2])
    assert index.origins[0].line == 1


def test_a_text_longer_than_a_piece_is_searched_over_the_cuts(monkeypatch):
    monkeypatch.setattr(screen, "_PIECE", 4096)
    monkeypatch.setattr(screen, "_BATCH", 1000)
    chance = random.Random(2)
    text = say(chance, 50)
    index = index_of(text)
    other = [word + "x" for word in WORDS]
    filling = say(chance, 3000, other)
    for at in range(3500, 4700, 61):
        sample = f"{filling[:at]} {text} {filling[at:]}"
        assert found(index, sample) == {0: (1.0, ["output"])}, at
    wall = "x" * 9000
    assert found(index, f"{wall} {text} {wall}") == {0: (1.0, ["output"])}


def test_all_texts_of_a_sample_are_searched_each_once():
    call = {"id": "c", "function": {"name": "f", "arguments": json.dumps({"text": "one\ntwo"})}}
    record = {
        "instruction": "ask", "input": "", "output": "answer", "thinking": "thought",
        "messages": [
            {"role": "system", "content": "system"}, {"role": "user", "content": "ask"},
            {"role": "user", "content": "more"},
            {"role": "assistant", "content": None, "reasoning_content": "why", "tool_calls": [call]},
            {"role": "assistant", "content": "answer", "tool_calls": None},
        ],
    }  # fmt: skip
    assert screen.texts_of(record) == [
        ("instruction", "ask"), ("output", "answer"), ("thinking", "thought"), ("messages", "system"),
        ("messages.user", "more"), ("messages", "why"), ("messages", '{"text": "one two"}'),
    ]  # fmt: skip
    for wrong in (
        {},
        {"instruction": 1},
        {"instruction": "", "messages": 5},
        {"messages": [{"role": "user"}]},
        {"messages": [{"role": "user", "content": 5}]},
        {"instruction": "", "messages": [3]},
    ):
        with pytest.raises((KeyError, TypeError, AttributeError)):
            screen.texts_of(wrong)


def test_lone_surrogates_are_words_that_match_nothing_else():
    index = index_of("lamp \ud83d " + say(random.Random(4), 20))
    assert found(index, "\ud83d lamp") == {}
    assert len(found(index, "lamp \ud83d " + say(random.Random(4), 20))) == 1


def test_the_bytes_do_not_depend_on_the_seed_of_hashes(shell):
    chance = random.Random(8)
    texts = [say(chance, 12) for _ in range(40)]
    (shell.folder / "b").write_text("\n".join(texts))
    rows = [{"instruction": "q", "output": " ".join(chance.choices(texts, k=3))} for _ in range(40)]
    (shell.folder / "in").write_bytes(b"".join(jsonl.encode(row) + b"\n" for row in rows))
    seen = set()
    for seed in ("1", "2"):
        shell.env["PYTHONHASHSEED"] = seed
        done = shell.run("afs-decontaminate", "--against", "b", "in", "--mark", "--matches", "m")
        assert done.returncode == 0, done.stderr
        seen.add((done.stdout, (shell.folder / "m").read_bytes()))
    assert len(seen) == 1


# --- the files of a benchmark ---------------------------------------------------------------------------


def read(path, *fields):
    wrong = []
    got = [
        (row.line, row.name, row.field, row.answer, row.text)
        for row in benchmark.items(str(path), fields, wrong.append)
    ]
    return got, wrong


def test_text_is_an_item_a_line(tmp_path):
    (tmp_path / "b.txt").write_text("\ufefffirst line\n\n  \nsecond \u2028 line\nlast")
    assert read(tmp_path / "b.txt") == (
        [(1, None, "line", False, "first line"), (4, None, "line", False, "second \u2028 line"),
         (5, None, "line", False, "last")],
        [],
    )  # fmt: skip


def test_json_lines_of_many_shapes(tmp_path):
    rows = [
        {"question": "q", "choices": {"text": ["a", "b"], "label": ["A", "B"]}, "answer": 3, "id": "x"},
        {"question": {"stem": "s", "choices": [{"text": "c", "label": "A"}]}, "task_id": 7, "source": "no"},
        {"messages": [{"role": "system", "content": "no"},
                      {"role": "user", "content": [{"type": "text", "text": "u"}]},
                      {"role": "assistant", "content": "v"}]},
        {"conversations": [{"from": "human", "value": "h"}, {"from": "gpt", "value": "g"}]},
        {"data": {"ask": "deep"}},
    ]  # fmt: skip
    (tmp_path / "b").write_text("\n".join(map(json.dumps, rows)))
    got, wrong = read(tmp_path / "b")
    assert wrong == []
    assert got == [
        (1, "x", "question", False, "q"), (1, "x", "choices", True, "a"), (1, "x", "choices", True, "b"),
        (2, 7, "question", False, "s"), (2, 7, "question", False, "c"),
        (3, None, "messages", False, "u"), (3, None, "messages", True, "v"),
        (4, None, "conversations", False, "h"), (4, None, "conversations", True, "g"),
    ]  # fmt: skip
    assert read(tmp_path / "b", "data.ask", "answer") == ([(5, None, "data.ask", False, "deep")], [])


def test_lines_that_cannot_be_used_are_named(tmp_path):
    (tmp_path / "b").write_text('{"question":"q"}\nnot json\n[1]\n{"question":"r"}\n')
    got, wrong = read(tmp_path / "b")
    assert [row[0] for row in got] == [1, 4]
    assert [text.partition(": ")[0].rpartition(":")[2] for text in wrong] == ["2", "3"]
    assert all(text.endswith("; its item is not looked for") for text in wrong)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "is empty"), ("\n \n", "is empty"),
        ('{"other":"q"}\n', "has no text in any of the fields question"),
        ('[\n {"question": "q"}\n]\n', "is JSON, but not an object a line"),
        ('{\n "question": "q"}\n', "is JSON, but not an object a line"),
    ],
)  # fmt: skip
def test_a_reference_without_text_is_empty(tmp_path, text, what):
    (tmp_path / "b").write_text(text)
    with pytest.raises(benchmark.Empty, match=what):
        read(tmp_path / "b")


@given(
    value=st.recursive(
        st.none() | st.integers() | st.text(max_size=3),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["role", "content", "from", "value", "text", "x"]), inner, max_size=3
            )
        ),
        max_leaves=12,
    )
)
def test_any_value_of_a_field_is_read_without_a_fault(value):
    assert all(type(text) is str for text, _ in benchmark._texts(value, False, 0))


def test_an_index_of_nothing_finds_nothing():
    assert found(contamination.Index([item("a", True)], 13), "a " * 100) == {}
    assert found(index_of("one two"), "one two " * 40) == {}
