# ruff: noqa: E501, RUF001  samples are quoted whole, in their own characters
"""Languages, code, stubs, profiles, calibration, work by ranges, and what the score tells apart."""

from __future__ import annotations

import json
import os
import random
import sys
import textwrap
import time

import pytest
from afs import jsonl
from afs.curate import calibration, language, parses, profiles, ranges, score, signals, stubs
from afs.curate.view import WINDOW, View
from afs.messages import Usage
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(ROOT / "tests" / "bench"))
import bench_score
import score_damage
import score_samples


def view(answer, question="Explain what a hash map is.", context=""):
    return View({"instruction": question, "input": context, "output": answer})


# --- language -----------------------------------------------------------------------------------------

TEXTS = {
    "en": "The function returns a list of all users that have signed in during the last week.",
    "de": "Die Funktion gibt eine Liste aller Nutzer zurück, die sich in der letzten Woche angemeldet haben, und ist nicht teuer.",
    "fr": "La fonction renvoie une liste des utilisateurs qui se sont connectés pendant la semaine, mais pas avec les autres.",
    "es": "La función devuelve una lista de los usuarios que se han conectado durante la semana, pero no con las otras.",
    "it": "La funzione restituisce una lista degli utenti che si sono collegati nella settimana, ma non con gli altri per ora.",
    "pt": "A função devolve uma lista dos usuários que não se conectaram durante a semana, mas com os outros também.",
    "ru": "Функция возвращает список всех пользователей, которые вошли на прошлой неделе.",
    "zh": "这个函数返回上周登录过的所有用户的列表。",
    "ja": "この関数は先週ログインしたすべてのユーザーのリストを返します。",
    "ko": "이 함수는 지난주에 로그인한 모든 사용자의 목록을 반환합니다.",
    "ar": "تعيد هذه الدالة قائمة بجميع المستخدمين الذين سجلوا الدخول في الأسبوع الماضي.",
    "el": "Η συνάρτηση επιστρέφει μια λίστα με όλους τους χρήστες που συνδέθηκαν την περασμένη εβδομάδα.",
    "th": "ฟังก์ชันนี้คืนค่ารายชื่อผู้ใช้ทั้งหมดที่เข้าสู่ระบบในสัปดาห์ที่แล้ว",
}  # fmt: skip
SCRIPTS = {"ru": "cyrillic", "ar": "arabic", "el": "greek", "th": "thai"}


@pytest.mark.parametrize("name", TEXTS)
def test_a_language_is_told_by_script_or_little_words(name):
    assert language.language(TEXTS[name]) == SCRIPTS.get(name, name)


@pytest.mark.parametrize("asked", TEXTS)
@pytest.mark.parametrize("answered", TEXTS)
def test_an_answer_agrees_with_its_question_in_language(asked, answered):
    found = language.agreement(view(TEXTS[answered], TEXTS[asked]))
    assert found == (1.0 if asked == answered else 0.05)


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Translate to German: where is the station?", TEXTS["de"]),
        ("Write that in French, please.", TEXTS["fr"]),
        ("把这句话翻译成英文。", TEXTS["en"]),
        ("Wie heißt das auf Englisch, und ist das nicht schwer?", TEXTS["en"]),
        ("ok", TEXTS["zh"]),
        ("用一句话解释这个命令：sort access.log | uniq -c | sort -rn | head", TEXTS["zh"]),
        (TEXTS["en"], "x = 1"),
        (TEXTS["zh"], "```python\nprint('the list of all users that have been in')\n```"),
        (TEXTS["de"], "`git rebase --onto main`"),
        (TEXTS["en"], ""),
    ],
)
def test_another_language_that_was_asked_for_or_code_is_no_fault(question, answer):
    assert language.agreement(view(answer, question)) in (None, 1.0)


def test_the_context_tells_the_language_where_the_question_is_too_short():
    assert language.agreement(view(TEXTS["zh"], "ok", TEXTS["en"])) == 0.15
    assert language.agreement(view(TEXTS["en"], "ok", TEXTS["en"])) == 1.0


@given(st.text())
def test_any_text_has_a_language_or_none(text):
    assert language.language(text) in ("", *language._LITTLE, *language._SCRIPTS)


# --- code that parses ---------------------------------------------------------------------------------


def fenced(name, text):
    return f"Here:\n\n```{name}\n{text}\n```\n"


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("python", "def f(x):\n    return x", 1.0),
        ("py", "    if x:\n        return await g()", 1.0),
        ("python", "def f(x:\n    return x", 0.0),
        ("python", "for x in y\n    print(x)", 0.0),
        ("python", "x = '\\d'", 1.0),
        ("python", ">>> 1 + 1\n2", None),
        ("python", "def f(x):\n    ...\n    return x +", None),
        ("python", "print 'old'", None),
        ("python", "x = " + "(" * 100 + "1", None),
        ("python", "x = " + "-" * 3000 + "1", None),
        ("python", "\0", None),
        ("json", '{"a": [1, 2, {"b": null}]}', 1.0),
        ("json", '{"a": 1,}', 0.0),
        ("json", "{'a': 1}", 0.0),
        ("json", '{"a": 1} // why', None),
        ("json", '{"a": 1, ...}', 0.0),
        ("json", '{\n  "a": 1,\n  ...\n}', None),
        ("jsonl", '{"a": 1}\n{"a": 2}', 1.0),
        ("json", "[" * 3000 + "]" * 3000, None),
        ("json", '{"a": "\\ud800"}', None),
        ("toml", '[a]\nb = 1\nc = "x"', 1.0),
        ("toml", "[a\nb = 1", 0.0),
        ("xml", '<?xml version="1.0"?>\n<a><b x="1"/></a>', 1.0),
        ("xml", "<a/><b/>", 1.0),
        ("xml", "<a><b></a>", 0.0),
        ("xml", "<a>&nbsp;</a>", None),
        ("xml", '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', None),
        ("yaml", "a: [1", None),
        ("", "def f(:", None),
        ("rust", "fn f( {", None),
    ],
)
def test_code_is_parsed_by_what_its_fence_names(name, text, expected):
    found = parses.parses(view(fenced(name, text)))
    assert found == expected, found


def test_one_broken_block_of_several_is_a_fault():
    good, bad = fenced("python", "x = 1"), fenced("json", '{"a": }')
    assert parses.parses(view(good + good)) == 1.0
    assert 0 < parses.parses(view(good + bad)) < 0.3
    assert parses.parses(view("No code at all.")) is None


def test_an_answer_that_is_nothing_but_code_is_parsed():
    question = "Write a Python function."
    assert parses.parses(view("def f(x):\n    return x", question)) == 1.0
    assert parses.parses(view("def f(x)\n    return x", question)) == 0.0
    assert parses.parses(view("def f(x)\n    return x", "Write it in Ruby.")) is None
    assert parses.parses(view('{"a": 1', "Give me JSON.")) == 0.0
    assert parses.parses(view('{"a": 1}', "Give me JSON.")) == 1.0


def test_only_blocks_that_are_read_whole_are_parsed():
    long = fenced("python", "x = 1\n" * 5000)
    assert parses.parses(view(long)) is None
    assert parses.parses(view(fenced("python", "def f(:") + "word " * 5000)) == 0.0
    assert parses.parses(view(fenced("python", "x = 1\n" * 700))) is None  # over the cap of a block


@given(st.sampled_from(["python", "json", "toml", "xml"]), st.text())
@settings(max_examples=150)
def test_no_text_makes_a_parser_fail(name, text):
    assert parses.parses(view(fenced(name, text))) in (None, 0.0, 1.0)


@given(
    st.sampled_from(["python", "toml", "xml"]),
    st.text(alphabet="()[]{}<>&;:=\"'\\ \n\tax1.,-", min_size=20, max_size=400),
)
@settings(max_examples=150)
def test_no_punctuation_makes_a_parser_fail(name, text):
    assert parses.parses(view(fenced(name, text))) in (None, 0.0, 1.0)


# --- stubs --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        ("def f(x):\n    pass", 0, 0),
        ("def f(x):\n    # TODO: implement\n    pass", 0, 0),
        ("def f(x):\n    ...", 0, 0),
        ("class A:\n    def f(self):\n        raise NotImplementedError('later')", 0, 0),
        ("function f() {\n  // your code here\n}", 0, 0),
        ("fn f() -> u8 {\n    todo!()\n}", 0, 0),
        ("import os\n\ndef f(x):\n    # ... rest of the code\n    return x", 0.1, 0.5),
        ("def f(x):\n    return x", 1, 1),
        ("try:\n    import a\nexcept ImportError:\n    pass\nx = a.b()", 1, 1),
        ("def f(x):\n    y = x + 1\n    # ...\n    return y", 1, 1),
        ("for x in y:\n    if x:\n        pass\n    else:\n        a = x\n        b = a\n        c = b\n        use(c)", 0.9, 1),
    ],
)  # fmt: skip
def test_a_frame_with_nothing_inside_is_no_code(text, least, most):
    assert least <= stubs.substantial(view(fenced("", text))) <= most


def test_without_code_there_is_no_stub():
    assert stubs.substantial(view("I would pass on that; implement it later.")) is None


# --- the signals that are new -------------------------------------------------------------------------


def test_density_falls_where_words_are_many_and_say_little():
    full = (
        "Photosynthesis turns sunlight, carbon dioxide and water into glucose and oxygen inside chloroplasts. "
        "Stomata regulate evaporation; roots deliver minerals, while phloem carries sugars toward growing tissue."
    )
    empty = "It is what it is and so it is that it is as it was and there it is for all of us to have it so. "
    assert signals.density(view(full)) > 0.9
    assert signals.density(view(empty * 2)) < 0.1
    assert signals.density(view("A few words.")) is None


@pytest.mark.parametrize(
    ("question", "answer", "least", "most"),
    [
        ("Explain tides.", "Moon.", 0, 0.2),
        ("Explain tides.", "The moon pulls at the water of the oceans, and so does the sun. " * 5, 1, 1),
        ("Is water wet? Answer yes or no.", "Yes", 1, 1),
        ("Is water wet? Answer yes or no.", "Water is wet, as everyone can see. " * 90, 0, 0.1),
        ("Who wrote Faust?", "Goethe", 0.7, 1),
    ],
)
def test_substance_depends_on_what_was_asked(question, answer, least, most):
    assert least <= signals.substance(view(answer, question)) <= most


def test_code_that_was_asked_for_has_to_come():
    question = "Write a Python function that adds two numbers."
    talk = "Adding two numbers in Python is a simple thing that a function can do for you at any time. "
    assert signals.relevance(view(talk * 2, question)) == 0.15
    assert (
        signals.relevance(view(talk + fenced("python", "def add(a, b):\n    return a + b"), question)) == 1.0
    )


def test_a_text_that_comes_twice_repeats_itself():
    text = " ".join(f"Sentence {number} says something new about topic {number * 7}." for number in range(40))
    assert signals.variety(view(text)) > 0.5
    other = textwrap.fill("".join(random.Random(1).choices("abcdefgh ", k=2000)))
    assert signals.variety(view(other)) == 1.0
    assert signals.variety(view(f"{other}\n\n{other}")) < 0.2


# --- profiles and calibration -------------------------------------------------------------------------


def test_every_profile_weighs_every_signal():
    assert set(profiles.WEIGHTS) == set(score_samples.KINDS)
    for weights in profiles.WEIGHTS.values():
        assert tuple(weights) == profiles.SIGNALS


def test_settings_change_weights_in_all_profiles_or_one():
    settings = {"": {"relevance": 0.5}, "code": {"code": 3, "relevance": 0}}
    assert profiles.weights_of("generic", settings)["relevance"] == 0.5
    assert profiles.weights_of("code", settings)["relevance"] == 0
    assert profiles.weights_of("code", settings)["code"] == 3
    assert profiles.weights_of("code") == dict(profiles.WEIGHTS["code"])


@pytest.mark.parametrize(
    "settings",
    [{"": {"beauty": 1.0}}, {"poem": {"code": 1.0}}, {"code": {"beauty": 1.0}}, {"": dict.fromkeys(profiles.SIGNALS, 0)}],
)  # fmt: skip
def test_names_that_are_not_known_and_weights_of_nothing_are_refused(settings):
    with pytest.raises(Usage):
        profiles.weights_of("generic", settings)


def test_the_calibration_is_that_of_these_signals():
    with open(calibration.PATH, encoding="ascii") as file:
        shipped = file.read().splitlines()
    assert shipped == list(bench_score.calibrated()), (
        "run: python tests/bench/bench_score.py --calibrate (and look at what the scores became)"
    )


@pytest.mark.parametrize("profile", profiles.WEIGHTS)
@pytest.mark.parametrize("parsers", [True, False])
def test_sound_samples_are_spread_over_all_ranks(profile, parsers):
    weights = profiles.weights_of(profile)
    sound = calibration.sound(profile, weights, parsers)
    assert sound == sorted(sound)
    assert len(sound) == bench_score.CALIBRATED * (4 if profile == "generic" else 1)
    fresh = [
        score.rank(score.mean(score.components(record, parsers), weights), sound)
        for record in score_samples.samples(profile, 300, 3)
    ]
    assert sum(value < 0.05 for value in fresh) <= 0.12 * len(fresh)
    assert 0.3 < sorted(fresh)[150] < 0.75


def test_a_rank_of_the_set_itself_is_its_place():
    weights = profiles.weights_of("agentic")
    sound = calibration.sound("agentic", weights)
    first = next(iter(score_samples.samples("agentic", 1, bench_score.SEED)))
    mean = score.mean(score.components(first), weights)
    assert mean in sound
    assert score.rank(mean, sound) == round(sound.index(mean) / len(sound), 4)


# --- what it tells apart ------------------------------------------------------------------------------


def missed(name, sound, profile, capsys):
    found = bench_score.quality(name, sound, bench_score.rating(profile), 7)
    return found, capsys.readouterr().out


def test_damage_of_generated_answers_is_seen(capsys):
    found, told = missed("(a)", list(score_samples.samples("generic", 300, 11)), "generic", capsys)
    assert found == 0, told


@pytest.mark.skipif(not os.environ.get("AFS_TEST_HOME"), reason="AFS_TEST_HOME names no home with logs")
def test_damage_of_agents_turns_is_seen(capsys):
    turns = bench_score.turns(os.path.abspath(os.environ["AFS_TEST_HOME"]))
    assert len(turns) > 50
    found, told = missed("(b)", turns, "agentic", capsys)
    assert found == 0, told


def test_each_way_of_damage_damages():
    made = list(score_samples.samples("generic", 60, 2))
    for way in score_damage.VISIBLE.values():
        pairs = score_damage.damaged(way, made, random.Random(1))
        assert len(pairs) > 20
        assert all(
            good["output"] != bad["output"] and good["instruction"] == bad["instruction"]
            for good, bad in pairs
        )


def test_reasons_name_what_pulls_most_first():
    parts = dict.fromkeys(profiles.SIGNALS) | {"completeness": 0.05, "density": 0.5, "variety": 1.0}
    weights = profiles.weights_of("generic")
    assert score.reasons(parts, weights) == [
        "completeness 0.05 (stops before its end)",
        "density 0.5 (says little for its length)",
    ]
    assert score.reasons(parts, weights | {"completeness": 0.0})[0].startswith("density")


# --- hostile text -------------------------------------------------------------------------------------

HOSTILE = (
    "(", "`", "```\n", "```x\n", "~~~\n", "\n", "\n\n- ", "a. A", "I'm very ", "sorry i ", "1 + ", "in the ",
    "write a ", "// ...\n", "def f(", "{", '"', "\\", "<a>", "the of ", "抱歉", "Ã©", "\ufffd", "é", "한국", "..", " ",
    "in german ", "... rest of the code\n", "    pass\n", "class ", "http://", "I can't \u2019", "a1A", "|", "**", "- \n",
)  # fmt: skip


def test_no_text_of_a_megabyte_takes_long():
    chance = random.Random(5)
    mixed = ["".join(chance.choices(HOSTILE, k=300_000))[: 1 << 20] for _ in range(3)]
    for text in [*(piece * ((1 << 20) // len(piece)) for piece in HOSTILE), *mixed]:
        before = time.process_time()
        score.components({"instruction": text, "input": text, "output": text + "x"})
        score.components(
            {
                "instruction": "Write a Python function that explains?",
                "output": f"```python\n{text[:4000]}\n```",
            }
        )
        score.components({"instruction": text[:WINDOW], "output": text[:300]})
        assert time.process_time() - before < 0.5, repr(text[:20])


@given(st.lists(st.sampled_from(HOSTILE), min_size=1, max_size=60).map("".join), st.integers(1, 40))
@settings(max_examples=60, deadline=500)
def test_no_mixture_takes_long(text, times):
    score.components({"instruction": text, "output": text * times})
    score.components({"instruction": "Write code", "output": f"```json\n{text}\n```"})


# --- ranges -------------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 3000), max_size=60), st.booleans(), st.integers(20, 2000))
@settings(max_examples=60)
def test_ranges_are_whole_lines_that_cover_the_file(tmp_path_factory, lengths, ended, size):
    path = tmp_path_factory.mktemp("cut") / "in"
    data = b"\n".join(b"{" + b"x" * length for length in lengths) + (b"\n" if ended else b"")
    path.write_bytes(data)
    before, ranges.RANGE = ranges.RANGE, size
    try:
        found = list(ranges.cut(str(path)))
    finally:
        ranges.RANGE = before
    assert b"".join(data[start:end] for start, end in found) == data
    assert all(data[end - 1 : end] == b"\n" for _, end in found[:-1])
    assert all(start < end for start, end in found)


def test_no_range_begins_like_a_packed_file(tmp_path, monkeypatch):
    monkeypatch.setattr(ranges, "RANGE", 4)
    path = tmp_path / "in"
    path.write_bytes(b"{}\n{}\n\x1f\x8b\x08\n\xef\xbb\xbf{}\n{}\n")
    starts = [start for start, _ in ranges.cut(str(path))]
    assert starts == [0, 16]


def test_ranges_are_for_plain_files_with_something_in_them(tmp_path, monkeypatch):
    small, packed, large = tmp_path / "a", tmp_path / "b", tmp_path / "c"
    small.write_bytes(b"{}\n")
    packed.write_bytes(b"\x1f\x8b\x08" + b"x" * 5_000_000)
    large.write_bytes(b"{}\n" * 1_000_000)
    assert not ranges.plain([str(small)])
    assert not ranges.plain([str(large), str(packed)])
    assert not ranges.plain([str(large), "-"])
    assert not ranges.plain([str(tmp_path), str(large)])
    assert ranges.plain([str(large), str(small)])


@pytest.mark.parametrize("jobs", ["2", "3"])
def test_jobs_change_no_byte(shell, jobs):
    """Bad lines of every kind, in two files, the second without a newline at its end."""
    folder = shell.folder
    made = [jsonl.encode(record) for record in score_samples.samples("generic", 4000, 5)]
    for at, bad in enumerate(
        (b"{", b"7", b"", b"\xff", b'{"instruction":"x"}', b'{"output":NaN}', b'{"x":"%s"}' % (b"y" * 9000))
    ):
        made.insert(17 + 500 * at, bad)
    (folder / "a.jsonl").write_bytes(b"\n".join(made[:3000]) + b"\n")
    (folder / "b.jsonl").write_bytes(b"\n".join(made[1000:]))
    outputs = []
    for number in ("1", jobs):
        done = shell.run(
            "afs-score", "a.jsonl", "b.jsonl", "-j", number, "-o", f"out{number}", "--rejects", f"bad{number}",
            "--summary", f"sum{number}", "--explain", "--max-record", "8k",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        summary = json.loads((folder / f"sum{number}").read_bytes())
        summary.pop("run")
        outputs.append(
            (
                (folder / f"out{number}").read_bytes(),
                (folder / f"bad{number}").read_bytes(),
                summary,
                done.stderr,
            )
        )
    assert outputs[0][2]["rejected"] > 7
    assert outputs[0] == outputs[1]
