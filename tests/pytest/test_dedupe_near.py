"""Near duplicates: words, sketches, rows in order, and a run against a slow obvious model."""

from __future__ import annotations

import json
import random
import re

import numpy as np
import pytest
from afs.curate import alike, matches, near, places, sketch, sorting, spool
from hypothesis import given
from hypothesis import strategies as st

HAN = r"\u3041-\u9fff\uac00-\ud7a3"
PIECES = (
    "a",
    "B",
    "be",
    "word",
    "x_1",
    "42",
    "über",
    "中",
    "文",
    "か",
    "한",
    " ",
    ", ",
    "\n",
    "\u2014",
    "。",
    "🙂",
)
TEXTS = st.lists(st.sampled_from((*PIECES, " ", " "))).map("".join)


def slow_words(text):
    """Words of at most 32 bytes; only ASCII is put in one case."""
    lower = re.sub("[A-Z]", lambda found: found[0].lower(), text)
    words = [word.encode() for word in re.findall(rf"[{HAN}]|[^\W{HAN}]+", lower)]
    return [word[at : at + 32] for word in words for at in range(0, len(word), 32)]


def slow_grams(text):
    words = slow_words(text)
    return {tuple(words[at : at + 5]) for at in range(max(len(words) - 4, 1))} if words else set()


def sample_of(number, question, answer, context="", **more):
    return {"sample_id": f"{number}", "instruction": question, "input": context, "output": answer, **more}


def grams_of(texts):
    made, firsts, _, _ = sketch.grams([text.encode() for text in texts])
    return [set(made[firsts[at] : firsts[at + 1]].tolist()) for at in range(len(texts))]


# --- words and grams --------------------------------------------------------------------------------------


@given(st.lists(TEXTS, min_size=1, max_size=6))
def test_grams_are_those_of_a_slow_reading(texts):
    """Equal grams have equal hashes and others have not, in one buffer as alone."""
    found, slow = grams_of(texts), [slow_grams(text) for text in texts]
    for one, words in zip(found, slow, strict=True):
        assert len(one) == len(words)
    for at in range(len(texts)):
        for back in range(at):
            assert len(found[at] & found[back]) == len(slow[at] & slow[back])
    assert found == [grams_of([text])[0] for text in texts]


def test_case_marks_and_spaces_do_not_count():
    assert grams_of(["One two, three: FOUR - five!"]) == grams_of(
        ["one  two\nthree four \u201cfive\u201d\u2026"]
    )
    assert grams_of(["中文\uff0c可以。好吗"]) == grams_of(["中 文 可 以 好 吗"])
    assert grams_of(["ไทยไทยไทย"])[0] != grams_of(["ไทย"])[0]


def test_a_long_run_is_many_words():
    run = "".join(random.Random(1).choices("abcdefgh", k=100_000))
    (found,) = grams_of([run])
    assert len(found) == 100_000 // 32 - 4
    one, two = grams_of([run, run[:50_000] + "x" * 32 + run[50_032:]])
    assert len(one & two) / len(one | two) > 0.99


def test_the_text_is_question_answer_and_what_was_said_between():
    call = {"id": "1", "type": "function", "function": {"name": "grep", "arguments": '{"x":1}'}}
    messages = [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": "hm", "tool_calls": [call], "reasoning_content": "secret"},
        {"role": "tool", "content": "found", "tool_call_id": "1"},
        {"role": "assistant", "content": "a"},
    ]
    text, head = sketch.text_of(sample_of(1, "q", "a", "c", messages=messages))
    assert text == b'q\nc\na\nhm\ngrep\n{"x":1}\nfound' and text[:head] == b"q\nc\n"
    text, head = sketch.text_of(sample_of(1, "\ud800é", "a"))
    assert text == b"\xed\xa0\x80\xc3\xa9\na" and text[head:] == b"a"


def test_sketches_tell_the_similarity():
    chance = random.Random(2)
    words = [f"w{number}" for number in range(5000)]
    errors = []
    for _ in range(150):
        one = chance.choices(words, k=300)
        two = [word if chance.random() > 0.05 else chance.choice(words) for word in one]
        texts = [" ".join(one), " ".join(two)]
        made, firsts, _, _ = sketch.grams([text.encode() for text in texts])
        minima = sketch.minima(made, firsts)
        sets = grams_of(texts)
        true = len(sets[0] & sets[1]) / len(sets[0] | sets[1])
        errors.append((minima[:, 0] == minima[:, 1]).mean() - true)
    assert abs(np.mean(errors)) < 0.012 and np.std(errors) < 0.055


@pytest.mark.parametrize("threshold", [0.05, 0.3, 0.5, 0.7, 0.8, 0.9, 1.0])
def test_bands_miss_little(threshold):
    bands, rows = near.banding(threshold)
    assert bands * rows <= sketch.PERMUTATIONS
    assert (1 - threshold**rows) ** bands <= 0.002


# --- rows in order ----------------------------------------------------------------------------------------

ROWS = st.lists(st.tuples(*[st.integers(0, 3) | st.just(2**64 - 1)] * 3), max_size=60)


@given(rows=ROWS, least=st.integers(1, 8), distinct=st.booleans(), again=ROWS)
def test_a_sorter_sorts_whatever_it_can_hold(rows, least, distinct, again):
    before, sorting._LEAST = sorting._LEAST, least
    try:
        with sorting.Sorter(3, 1, distinct) as sorter:
            for at in range(0, len(rows), 7):
                sorter.add(np.array(rows[at : at + 7], np.uint64).reshape(-1, 3))
            for some in (rows, [*rows, *again]):
                expected = sorted(set(some) if distinct else some)
                for _ in range(2):
                    blocks = list(sorter.blocks())
                    assert all(len(block) for block in blocks)
                    found = [tuple(row) for block in blocks for row in block.tolist()]
                    assert (sorted(set(found)) if distinct else found) == expected
                if some is rows:
                    for row in again:
                        sorter.row(*row)
    finally:
        sorting._LEAST = before


@given(size=st.integers(1, 300), picks=st.sets(st.integers(0, 299)), wide=st.integers(1, 90))
def test_rows_are_found_by_their_numbers(size, picks, wide):
    before, sorting._NEAR = sorting._NEAR, wide
    try:
        table = np.arange(2 * size, dtype=np.uint64).reshape(-1, 2)
        wanted = np.array(sorted(pick for pick in picks if pick < size), np.uint64)
        with sorting.Table(2) as rows:
            rows.extend(table)
            assert rows.pick(wanted).tolist() == table[wanted.astype(int)].tolist()
    finally:
        sorting._NEAR = before


# --- lines to be read again -------------------------------------------------------------------------------


@given(st.lists(st.binary(max_size=30).map(lambda line: line.replace(b"\n", b"x")), min_size=1), st.data())
def test_lines_are_found_again_in_files_and_copies(tmp_path_factory, lines, data):
    folder = tmp_path_factory.mktemp("places")
    (folder / "in").write_bytes(b"".join(line + b"\n" for line in lines))
    before, places._SPAN, places._GAP = (places._SPAN, places._GAP), 40, 9
    try:
        with places.Places(("stdin",)) as found:
            at = 0
            for number, line in enumerate(lines, 1):
                found.put_line(line, (str(folder / "in"), number, at), number)
                found.put_line(line, ("stdin", number, at), number)
                at += len(line) + 1
            some = data.draw(st.sets(st.integers(0, 2 * len(lines) - 1)))
            wanted = sorted(some)
            rows = found.pick(np.array(wanted, np.uint64))
            assert list(found.again(rows)) == [lines[number // 2] for number in wanted]
            assert [found.spot(row)[1] for row in rows.tolist()] == [number // 2 + 1 for number in wanted]
            found.check()
            (folder / "in").write_bytes(b"other\n")
            with pytest.raises(spool.Changed, match="was changed while it was read"):
                found.check()
    finally:
        places._SPAN, places._GAP = before


# --- keys and ranks ---------------------------------------------------------------------------------------


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False) | st.integers() | st.none(), min_size=2))
def test_the_best_come_first(values):
    rank = matches.ranker("best:a.b")
    ranks = [rank({"a": {"b": value}}, 0) for value in values]
    assert all(0 < one < 2**64 for one in ranks)
    for one, first in zip(values, ranks, strict=True):
        for two, second in zip(values, ranks, strict=True):
            if one is not None and (
                two is None or float(min(max(one, -1e300), 1e300)) > float(min(max(two, -1e300), 1e300))
            ):
                assert first < second
    assert rank({"a": {"b": True}}, 0) == rank({}, 0) == rank({"a": 3}, 0) == 2**64 - 1


def _as_double(number):
    try:
        return float(number)
    except OverflowError:
        return float("inf") if number > 0 else float("-inf")


TALKS = st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=4), min_size=1, max_size=9)


@given(talks=TALKS, references=TALKS | st.just([]), keep=st.sampled_from(("first", "last")))
def test_conversations_are_those_of_a_slow_model(talks, references, keep):
    rank_of = matches.ranker(keep)
    everything = [*references, *talks]
    state = np.zeros(len(everything), np.uint8)
    with sorting.Sorter(6, 1) as keys:
        for number, talk in enumerate(everything):
            record = {"messages": [{"role": "user", "content": said} for said in talk]}
            rank = 0 if number < len(references) else rank_of(record, number)
            matches.add_keys(keys, record, number, rank, "conversation")
        went = [row for table in matches.settle(keys, state) for row in table.tolist()]
    order = sorted(range(len(talks)), reverse=keep == "last")
    kept = [
        at
        for place, at in enumerate(order)
        if not any(
            len(other) > len(talks[at]) and other[: len(talks[at])] == talks[at] for other in everything
        )
        and talks[at] not in references
        and talks[at] not in [talks[other] for other in order[:place]]
    ]
    assert [at for at in range(len(talks)) if state[len(references) + at] == matches.KEPT] == sorted(kept)
    assert not state[: len(references)].any()
    for number, other in went:
        assert everything[other][: len(everything[number])] == everything[number]
        assert other < len(references) or other - len(references) in kept


# --- a run ------------------------------------------------------------------------------------------------


def slow_similarity(one, two):
    """The Jaccard similarity, or 0 for samples that ask something else."""
    short = [len(sample["output"].encode()) < sketch.SHORT for sample in (one, two)]
    asked = [f"{sample['instruction']}\n{sample['input']}" for sample in (one, two)]
    if short[0] != short[1]:
        return 0
    if all(short) and len({"".join(text.split()).lower() for text in asked}) > 1:
        return 0
    words = [set(slow_words(text)) for text in asked]
    if asked[0] != asked[1] and len(words[0] & words[1]) < len(words[0] | words[1]) / 2:
        return 0
    sets = [
        slow_grams("\n".join((text, sample["output"])))
        for text, sample in zip(asked, (one, two), strict=True)
    ]
    return len(sets[0] & sets[1]) / max(len(sets[0] | sets[1]), 1)


def families(seed, count):
    """Samples of which many are copies with some words changed, in question or answer."""
    chance = random.Random(seed)
    vocabulary = [f"{chance.choice('abcdefgh')}{number}" for number in range(2000)]
    made = []
    for number in range(count):
        if made and chance.random() < 0.6:
            old = chance.choice(made)
            rate = chance.choice((0, 0.01, 0.03, 0.05))
            texts = [
                " ".join(
                    word if chance.random() > rate else chance.choice(vocabulary) for word in text.split()
                )
                for text in (old["instruction"], old["output"])
            ]
        else:
            texts = [
                " ".join(chance.choices(vocabulary, k=size)) for size in (12, chance.choice((10, 60, 200)))
            ]
        made.append(sample_of(number, *texts, score=chance.randint(0, 5)))
    return made


@pytest.mark.parametrize("keep", ["first", "last", "longest", "best:score"])
@pytest.mark.parametrize("memory", ["1M", "256M"])
def test_what_is_kept_is_what_a_slow_model_keeps(shell, keep, memory):
    samples = families(3, 300)
    data = "".join(json.dumps(sample) + "\n" for sample in samples).encode()
    rank = {
        "first": lambda at: at,
        "last": lambda at: -at,
        "longest": lambda at: (-sum(len(samples[at][key]) for key in ("instruction", "output")), at),
        "best:score": lambda at: (-samples[at]["score"], at),
    }[keep]
    kept = []
    for at in sorted(range(len(samples)), key=rank):
        if all(slow_similarity(samples[at], samples[other]) < 0.7 for other in kept):
            kept.append(at)
    done = shell.run(
        "afs-dedupe", "--near", "--keep", keep, "--memory", memory, "--clusters", "who", stdin=data
    )
    assert done.returncode == 0, done.stderr
    found = [int(json.loads(line)["sample_id"]) for line in done.stdout.splitlines()]
    assert found == sorted(kept) and 60 < len(kept) < 200
    rows = [json.loads(line) for line in (shell.folder / "who").read_bytes().splitlines()]
    gone = [row for row in rows if row["reason"] != "kept"]
    assert len(gone) == len(samples) - len(kept)
    for row in gone:
        one, two = int(row["sample_id"]), int(row["match_id"])
        assert two in kept and row["line"] == one + 1 and row["match_line"] == two + 1
        assert row["similarity"] == round(slow_similarity(samples[one], samples[two]), 4) >= 0.7
        assert row["cluster"] == two + 1 and row["file"] == row["match_file"] == "stdin"
    assert {int(row["sample_id"]) for row in rows if row["reason"] == "kept"} == {
        int(row["match_id"]) for row in gone
    }


def test_large_families_are_found_whole(shell):
    """Buckets of more records than are compared with each other."""
    chance = random.Random(9)
    words = [f"w{number}" for number in range(3000)]
    base = chance.choices(words, k=300)
    samples = []
    for number in range(400):
        text = [word if chance.random() > 0.012 else chance.choice(words) for word in base]
        samples.append(sample_of(number, "the same question", " ".join(text)))
    data = "".join(json.dumps(sample) + "\n" for sample in samples).encode()
    done = shell.run("afs-dedupe", "--near", "--threshold", "0.8", stdin=data)
    found = [int(json.loads(line)["sample_id"]) for line in done.stdout.splitlines()]
    assert 20 < len(found) < 200
    for at, one in enumerate(found):
        assert all(slow_similarity(samples[one], samples[two]) < 0.8 for two in found[:at])


def test_one_short_answer_to_many_questions_stays(shell):
    template = (
        "Read this carefully, think step by step, use at most one word, do not explain, and say whether the"
        " number {} is prime, as you were taught in the long course about numbers that we had here together"
    )
    refusal = "I am sorry, but that is something that I cannot help with here. " * 3
    samples = [sample_of(number, template.format(number), "Yes.") for number in range(30)]
    samples += [
        sample_of(number, "Is 3 < 4 or 4 > 3? " * 9 + sign, "no") for number, sign in enumerate("<>+-")
    ]
    samples += [sample_of(number, f"who{number} what{number} where{number}", refusal) for number in range(9)]
    long = "word " * 30 + " ".join(f"w{number}" for number in range(300))
    samples += [sample_of(1, "how do I open a file", long), sample_of(2, "name the capital of France", long)]
    data = "".join(json.dumps(sample) + "\n" for sample in samples).encode()
    done = shell.run("afs-dedupe", "-q", "--near", "--threshold", "0.3", stdin=data)
    assert done.stdout == data
    same = json.dumps(sample_of(5, template.format(7).upper() + " ", "yes!")).encode() + b"\n"
    assert shell.run("afs-dedupe", "-q", "--near", stdin=data + same).stdout == data


def test_a_threshold_of_one_finds_what_differs_in_marks(shell):
    samples = [
        sample_of(number, "q", f"some words{mark} that are the same " * 9)
        for number, mark in enumerate(",;!")
    ]
    data = "".join(json.dumps(sample) + "\n" for sample in samples).encode()
    done = shell.run("afs-dedupe", "--near", "--threshold", "1", stdin=data)
    assert done.stdout == data.splitlines(True)[0] and b"near 2" in done.stderr


def test_what_is_no_sample_is_compared_by_its_id_alone(shell):
    data = (
        b'{"sample_id":"a","output":[1],"messages":5}\n{"sample_id":"b"}\n{"sample_id":"a","messages":{}}\n'
    )
    for keep in ("longest", "last", "best:x"):
        done = shell.run("afs-dedupe", "--near", "--by", "id", "--keep", keep, stdin=data)
        assert done.returncode == 0 and b"3 read, 2 written, 1 dropped (duplicate 1)" in done.stderr
        assert shell.run("afs-dedupe", "--keep", keep, stdin=data).returncode == 1


def test_similarity_asks_for_questions_of_one_kind():
    grams, words = np.arange(9, dtype=np.uint64), np.arange(4, dtype=np.uint64)
    one = (grams, 0, 1, words)
    assert alike.similarity(one, (grams[:8], 0, 1, words)) == 8 / 9
    assert alike.similarity(one, (grams, 0, 2, words + np.uint64(2))) == 0
    assert alike.similarity(one, (grams, 0, 2, words + np.uint64(1))) == 1
    assert alike.similarity(one, (grams, 5, 1, words)) == 0
    assert alike.similarity((grams, 5, 1, words), (grams, 5, 2, words + np.uint64(9))) == 1


def test_what_went_with_another_goes_where_that_went(shell):
    """b is near a, c is b again: c is matched with a, which is kept."""
    text = [f"w{number}" for number in range(200)]
    other = " ".join([*text[:100], "changed", *text[101:]])
    samples = [sample_of("a", "q", " ".join(text)), sample_of("b", "q", other), sample_of("c", "q", other)]
    data = "".join(json.dumps(sample) + "\n" for sample in samples).encode()
    done = shell.run("afs-dedupe", "--near", "--mark", "--clusters", "who", stdin=data)
    assert b"3 read, 3 written, 2 marked (near 2)" in done.stderr
    marks = [json.loads(line).get("_duplicate") for line in done.stdout.splitlines()]
    value = round(slow_similarity(samples[0], samples[1]), 4)
    told = {"reason": "near", "similarity": value, "id": "a", "file": "stdin", "line": 1}
    assert marks == [None, told, told]
    rows = [json.loads(line) for line in (shell.folder / "who").read_bytes().splitlines()]
    assert [(row["cluster"], row["sample_id"], row["match_id"]) for row in rows] == [
        (1, "a", None),
        (1, "b", "a"),
        (1, "c", "a"),
    ]
