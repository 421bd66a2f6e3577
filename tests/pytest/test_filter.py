"""The conditions of afs-filter, and what a jq expression can and cannot see and do."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import pytest
from afs import jsonl
from afs.curate import conditions, language, where
from afs.curate.sift import _RECORDS
from conftest import load
from hypothesis import given
from hypothesis import strategies as st

filters = load("afs-filter")
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def holds(expression, record):
    return where.compile(expression)(jsonl.encode(record))


@pytest.mark.parametrize(
    ("score", "reason"),
    [(0.5, ""), (1, ""), (0.49, "min-score"), (0, "min-score"), (None, "no-score")],
)
def test_a_score_reaches_the_least_or_not(score, reason):
    assert conditions.score(0.5)({"quality_score": score}) == reason
    assert conditions.score(0.5)({}) == "no-score"


@pytest.mark.parametrize("score", ["0.9", True, [], {}])
def test_a_score_of_another_type_is_bad(score):
    with pytest.raises(jsonl.Bad) as caught:
        conditions.score(0.5)({"quality_score": score})
    assert caught.value.reason == "not-sample"


@given(value=json_values)
def test_a_field_is_there_unless_it_is_null_or_empty(value):
    empty = value is None or (isinstance(value, str | list | dict) and not value)
    assert conditions.has("a.b")({"a": {"b": value}}) == ("lacks-a.b" if empty else "")


@pytest.mark.parametrize("record", [{}, {"a": None}, {"a": "b"}, {"a": [{"b": 1}]}, {"a.b": 1}])
def test_a_path_goes_through_objects_only(record):
    assert conditions.has("a.b")(record) == "lacks-a.b"


def test_characters_are_code_points():
    record = {"instruction": "\U0001f600", "input": None, "output": "e\u0301", "thinking": "x" * 99}
    assert conditions.length(len, "chars", "", None, 3)(record) == ""
    assert conditions.length(len, "chars", "", None, 2)(record) == "max-chars"


@given(record=st.dictionaries(st.text(), json_values, max_size=4))
def test_any_record_goes_through_jq(record):
    line = jsonl.encode(record)
    assert where.compile("true")(line) is True
    assert where.compile('type == "object"')(line) is True
    assert where.compile(".[]?")(line) == any(
        value is not None and value is not False for value in record.values()
    )


@pytest.mark.parametrize(
    ("expression", "kept"),
    [
        (".a", True), (".b", False), ("empty", False), ("false, 0", True), ("null, false", False),
        ('.a == "x"', True), (".a # comment", True), ("def f: .a; f", True), (". as $r | $r.a", True),
        ("repeat(1)", True), ('"\\(.a)%s"', True),
    ],
)  # fmt: skip
def test_any_output_that_is_true_keeps(expression, kept):
    assert holds(expression, {"a": "x", "b": False}) is kept


@pytest.mark.parametrize(
    "expression", ["", ".a[", "nosuch", "$nosuch", 'include "a"; .', 'import "a" as a; .']
)
def test_what_does_not_compile_is_a_value_error_without_a_traceback(expression):
    with pytest.raises(ValueError, match=r"^[^\n]+$"):
        where.compile(expression)


@pytest.mark.parametrize(
    "expression", [".a.b", "error", "error(.a)", "error(null)", "input", '"m" | modulemeta', ".a | fromjson"]
)
def test_a_failure_is_a_bad_record_that_quotes_nothing(expression):
    with pytest.raises(jsonl.Bad) as caught:
        holds(expression, {"a": "SECRET"})
    assert caught.value.reason == "where"
    assert "SECRET" not in caught.value.what
    assert caught.value.__cause__ is None


def test_the_environment_is_hidden_for_good_and_not_lost(tmp_path, monkeypatch):
    (tmp_path / ".jq").write_text('def leak: "leaked";')
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AFS_TEST_SECRET", "visible")
    before = dict(os.environ)
    asks = where.compile("(env, $ENV) | length > 0")
    assert dict(os.environ) == before
    for _ in range(3):
        assert asks(b"{}") is False
    # While an iterator of the same program lives, jq.py compiles it anew: nothing may show then either.
    nested = where.compile("(env, $ENV) | length > 0")
    assert [nested(b"{}"), asks(b"{}")] == [False, False]
    with pytest.raises(ValueError, match="leak/0 is not defined"):
        where.compile("leak")
    assert dict(os.environ) == before
    with pytest.raises(ValueError, match="import"):
        where.compile(f'import "m" as m {{search:"{tmp_path}"}}; .')
    assert dict(os.environ) == before


def test_a_condition_that_ends_early_leaves_the_next_record_alone():
    asks = where.compile("(.a, error)")
    for _ in range(3):
        assert asks(b'{"a":1}') is True
        with pytest.raises(jsonl.Bad):
            asks(b'{"a":false}')


def test_lone_surrogates_are_text_for_jq_too():
    line = b'{"a":"x\\ud83d"}'
    assert where.compile('.a | startswith("x") and length == 2')(line) is True


def test_jq_is_loaded_by_the_child_alone(shell):
    script = (
        "import sys; sys.argv = ['afs-filter', '-q', *sys.argv[2:]];"
        "from conftest import load; load('afs-filter').main(sys.argv[1:]);"
        "print('jq' in sys.modules, 'mmap' in sys.modules)"
    )
    shell.env["PYTHONPATH"] = f"{os.path.dirname(__file__)}:{os.path.dirname(__file__)}/../../lib"
    for options, loaded in (
        (["--min-score", "0.1"], b"False False\n"),
        (["--where", ".a"], b"False True\n"),
    ):
        done = shell.run("python3", "-c", script, "x", *options, stdin=b"")
        assert done.stdout == loaded, done.stderr


# --- numbers, names, languages ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"quality_components": {"relevance": 0.3}}, ""),
        ({"quality_components": {"relevance": 0.29}}, "min-relevance"),
        ({"quality_components": {"relevance": None}}, ""),  # the signal could not tell
        ({"quality_components": {}}, "no-relevance"),
        ({"quality_components": None}, "no-relevance"),
        ({}, "no-relevance"),
        ({"relevance": 0.9, "quality_components": {"relevance": 0}}, ""),  # a field comes before a part
    ],
)
def test_a_part_of_the_score_is_named_without_its_path(record, reason):
    found = set()
    assert conditions.number("relevance", 0.3, None, found)(record) == reason
    assert found == ({"relevance"} if not reason.startswith("no-") else set())


def test_a_number_has_two_bounds_and_a_path():
    both = conditions.number("_metadata.turn", 1, 3, set())
    reasons = [both({"_metadata": {"turn": turn}}) for turn in (0, 1, 3, 4)]
    assert reasons == ["min-_metadata.turn", "", "", "max-_metadata.turn"]
    for record in ({"_metadata": None}, {"_metadata": {}}, {"_metadata.turn": 2}):
        assert both(record) == "no-_metadata.turn"
    for wrong in ("2", True, [2]):
        with pytest.raises(jsonl.Bad):
            both({"_metadata": {"turn": wrong}})


@given(value=st.floats(-2, 2), least=st.floats(-2, 2), most=st.floats(-2, 2))
def test_bounds_are_inside(value, least, most):
    reason = conditions.number("x", least, most, set())({"x": value})
    assert reason == ("min-x" if value < least else "max-x" if value > most else "")


@pytest.mark.parametrize("text", ["x", "=1", "x=", "x=nan", "x=inf", "x=-inf", "x=1=y"])
def test_a_bound_is_a_field_and_a_finite_number(text):
    with pytest.raises(ValueError):
        filters.bound(text)


def test_a_bound_splits_at_the_last_sign():
    assert filters.bound("a=b=0.5") == ("a=b", 0.5)
    assert filters.limit("7") == ("", 7) and filters.limit("messages=7") == ("messages", 7)
    for wrong in ("-1", "domain=7", "=7", "output=", "output=x"):
        with pytest.raises(ValueError):
            filters.limit(wrong)
    for wrong in ("0", "nan", "-1", "x"):
        with pytest.raises(ValueError):
            filters.seconds(wrong)


def test_names_and_flags():
    source = conditions.one_of("source", ["a", "b"])
    assert [source(record) for record in ({"source": "a"}, {"source": "c"}, {})] == ["", "source", "source"]
    flag = conditions.without_flag("open")
    assert flag({"_metadata": {"flags": ["open"]}}) == "flag-open"
    for record in (
        {},
        {"_metadata": None},
        {"_metadata": {"flags": None}},
        {"_metadata": {"flags": ["opened"]}},
    ):
        assert flag(record) == ""
    with pytest.raises(jsonl.Bad):
        source({"source": 1})
    with pytest.raises(jsonl.Bad):
        flag({"_metadata": {"flags": "open"}})


SAID = {
    "en": "The parser reads the file and it is closed when the last line has been read.",
    "de": "Der Parser liest die Datei und sie wird nicht geschlossen, wenn das Ende noch nicht erreicht ist.",
    "fr": "Le programme lit le fichier et il est fermé par le système dans une seconde, pas plus.",
    "ja": "ファイルを読み込んで、最後の行まで処理します。",
    "zh": "程序读取文件并处理到最后一行为止。",
    "ko": "파일을 읽고 마지막 줄까지 처리합니다.",
    "cyrillic": "Программа читает файл до последней строки.",
    "und": "```python\nprint(1)\n```",
}


@pytest.mark.parametrize("name", SAID)
def test_the_language_is_that_of_the_answer_without_its_code(name):
    told = {other: conditions.in_language([other])({"output": SAID[name]}) for other in SAID}
    assert told.pop(name) == ""
    assert set(told.values()) == {f"language-{name}"}
    code = SAID[name] + "\n```\nthe of and to is that for with you it\n```\n"
    assert conditions.in_language([name])({"output": code}) == ""


def test_the_question_tells_where_the_answer_cannot():
    record = {"instruction": SAID["de"], "output": "42"}
    assert conditions.in_language(["de"])(record) == ""
    assert conditions.in_language(["en", "und"])(record) == "language-de"


def test_the_names_of_languages_are_those_that_can_be_told():
    with pytest.raises(ValueError, match=r"'klingon' is not known; en de .* und are"):
        conditions.in_language(["en", "klingon"])
    scripts = {name: SAID[name] for name in ("ja", "zh", "ko", "cyrillic")}
    scripts |= {
        "greek": "Το πρόγραμμα διαβάζει",  # noqa: RUF001
        "hebrew": "התוכנית קוראת את הקובץ",
        "arabic": "يقرأ البرنامج الملف",
    }
    scripts |= {"indic": "कार्यक्रम फ़ाइल को पढ़ता है", "thai": "โปรแกรมอ่านไฟล์จนถึงบรรทัดสุดท้าย"}
    assert {name: language.language(text) for name, text in scripts.items()} == {
        name: name for name in scripts
    }
    assert scripts.keys() == set(conditions.SCRIPTS)
    told = {name for names in language._FOREIGN.values() for name in names.split()} | {"en"}
    assert told == set(conditions.LANGUAGES)
    assert conditions.in_language(["und"])({"instruction": "x", "output": "y"}) == ""  # a word of Spanish


# --- lengths and tokens -------------------------------------------------------------------------------

MESSAGES = [
    {"role": "user", "content": "one two"},
    {
        "role": "assistant", "content": "three", "reasoning_content": "four five",
        "tool_calls": [{"id": "c", "type": "function", "function": {"name": "six", "arguments": "{}"}}],
    },
    {"role": "tool", "content": "seven", "tool_call_id": "c"},
]  # fmt: skip


def test_a_length_is_of_a_field_or_of_three():
    record = {"instruction": "a b", "input": None, "output": "c", "thinking": "d e f", "messages": MESSAGES}
    sizes = {
        field: sum(map(conditions.words, conditions.texts(record, field)))
        for field in ("", *conditions.TEXTS)
    }
    assert sizes == {"": 3, "instruction": 2, "input": 0, "output": 1, "thinking": 3, "messages": 8}
    assert conditions.length(conditions.words, "tokens", "messages", None, 7)(record) == "max-tokens-messages"
    assert conditions.length(conditions.words, "tokens", "thinking", 4, None)(record) == "min-tokens-thinking"
    for wrong in ([1], 3, "x", [{"content": 1}], [{"tool_calls": [{}]}]):
        with pytest.raises(jsonl.Bad):
            list(conditions.texts({"messages": wrong}, "messages"))


@pytest.mark.parametrize(
    ("text", "words", "chars4"),
    [
        ("", 0, 0),
        (" \n", 0, 1),
        ("a", 1, 1),
        ("abcd", 1, 1),
        ("abcde f", 2, 2),
        ("日本語 and 中文", 6, 3),
        ("é", 1, 1),
    ],
)
def test_tokens_by_words_and_by_fours(text, words, chars4):
    assert (conditions.tokenizer("words")(text), conditions.tokenizer("chars4")(text)) == (words, chars4)


def test_a_tokenizer_is_read_from_a_folder(tmp_path, monkeypatch):
    """A stand-in for the package tokenizers: its names are all that is used."""
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "tokenizers.py").write_text(
        """
class Tokenizer:
    cut = True
    def __init__(self, text): self.text = text
    @classmethod
    def from_file(cls, path):
        text = open(path).read()
        if text == "bad": raise Exception("bad")
        return cls(text)
    def no_truncation(self): self.cut = False
    def no_padding(self): self.padded = False
    def encode(self, text, add_special_tokens=True):
        assert not (add_special_tokens or self.cut or self.padded)
        text.encode()  # as the package: TypeError or UnicodeEncodeError
        return type("Encoding", (), {"ids": text.split(self.text)})
"""
    )
    monkeypatch.syspath_prepend(tmp_path / "lib")
    monkeypatch.setitem(sys.modules, "tokenizers", None)  # noted, so that the stand-in goes at the end
    del sys.modules["tokenizers"]
    (tmp_path / "tokenizer.json").write_text("-")
    for name in (tmp_path, tmp_path / "tokenizer.json"):
        assert conditions.tokenizer(str(name))("a-b-\ud83d") == 3
    (tmp_path / "tokenizer.json").write_text("bad")
    with pytest.raises(ValueError, match="is no tokenizer"):
        conditions.tokenizer(str(tmp_path))
    with pytest.raises(ValueError, match="no such file; name words, chars4 or a folder"):
        conditions.tokenizer(str(tmp_path / "gone"))
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(ValueError, match="package tokenizers is missing"):
        conditions.tokenizer(str(tmp_path))


def test_a_real_tokenizer_counts_as_it_does(tmp_path):
    tokenizers = pytest.importorskip("tokenizers")
    model = tokenizers.models.WordLevel({"a": 0, "b": 1, "[UNK]": 2}, unk_token="[UNK]")
    made = tokenizers.Tokenizer(model)
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.enable_truncation(2)
    made.enable_padding(length=9)
    made.save(str(tmp_path / "tokenizer.json"))
    assert conditions.tokenizer(str(tmp_path))("a b a c \ud83d") == 5


# --- the child ----------------------------------------------------------------------------------------


@pytest.fixture
def child():
    made = []

    def start(expression, *more):
        made.append(where.Child(expression, *more))
        return made[-1]

    yield start
    for one in made:
        one.close()


def answers(child, lines):
    return [answer if type(answer) is bool else answer.what for answer in child.ask(lines)]


@given(
    expression=st.sampled_from([".a", ".a.b", ".[]?", "error", "empty", ".a > 0", '.a | test("x")']),
    records=st.lists(st.dictionaries(st.sampled_from("ab"), json_values, max_size=2), max_size=20),
)
def test_the_child_says_what_a_call_says(expression, records):
    lines = [jsonl.encode(record) for record in records]
    ask, wanted = where.compile(expression), []
    for line in lines:
        try:
            wanted.append(ask(line))
        except jsonl.Bad as error:
            wanted.append(error.what)
    child = where.Child(expression)
    try:
        assert answers(child, lines) == wanted
        assert answers(child, lines) == wanted
    finally:
        child.close()


HOSTILE = (
    "last(range(1e18))",
    "def f: f; f",
    "until(false; .)",
    "def f: [f]; f",
    "[range(1e10)]",
    "range(1e18) | false",
)


def is_large():
    """Whether this process holds so much that the child's bound, which counts it, means nothing."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[5]) * 4096 > 128 << 20
    except OSError:
        return False


@pytest.mark.parametrize("expression", HOSTILE)
def test_an_expression_without_end_is_ended_and_the_next_record_is_asked(child, expression):
    if is_large():
        pytest.skip("the process of the tests holds too much")
    asking = child(f"if .x then {expression} else .a end", 0.2)
    began = time.process_time()
    lines = [b'{"a":1}', b'{"x":1}', b'{"a":null}', b'{"x":1}', b'{"x":1}', b'{"a":2}']
    over = "the expression of --where takes over 0.2 seconds"
    assert answers(asking, lines) == [True, over, False, over, over, True]
    assert answers(asking, [b'{"x":1}']) == [over]
    assert answers(asking, [b'{"a":1}']) == [True]  # a window may end with an end
    assert time.process_time() - began < 0.2  # none of it in this process


def test_memory_is_bounded_too(child):
    asking = child('if .x then ("x" * (.x * 2e9) | length) else .a end', 60)
    assert answers(asking, [b'{"a":1}', b'{"x":1}', b'{"a":1}']) == [True, where._FAILED, True]


def test_after_so_many_ends_the_expression_is_at_fault(child):
    asking = child("def f: f; f", 0.2, 3)
    told = []
    with pytest.raises(where.Hostile):
        for answer in asking.ask([b"{}"] * 5):
            told.append(answer)
    assert len(told) == 3
    with pytest.raises(where.Hostile):
        list(asking.ask([b"{}"]))


def test_a_long_record_has_more_time_and_memory(child):
    if is_large():
        pytest.skip("the process of the tests holds too much")
    line = json.dumps({"a": ["x" * 50] * 400_000}).encode()
    assert answers(child(".a | length == 400000", 0.3), [b"{}", line, b"{}"]) == [False, True, False]


@pytest.mark.parametrize("expression", [".a[", "[" * 50_000, "nosuch", 'include "a"; .'])
def test_what_does_not_compile_in_the_child_is_a_value_error(child, expression):
    with pytest.raises(ValueError, match=r"^[^\n]+$"):
        child(expression)


def test_a_child_goes_with_its_parent_and_has_none_of_its_files(shell):
    script = (
        "import os, sys; sys.path.insert(0, sys.argv[1]);"
        "from afs.curate.where import Child;"
        "held = open('held', 'wb'); made = Child('def f: f; f', 60);"
        "has = os.path.isdir('/proc/self/fd');"
        "print(made._pid, sorted(os.listdir(f'/proc/{made._pid}/fd')) if has else '', flush=True);"
        "made._send(b'{}'); os.kill(os.getpid(), 9)"
    )
    done = shell.run("python3", "-c", script, f"{os.path.dirname(__file__)}/../../lib")
    pid, _, files = done.stdout.decode().partition(" ")
    assert done.returncode == -9 and files.strip() in ("", "['0', '1', '2']")
    # It is in a record that does not end; its time is the one thing left to end it.
    os.kill(int(pid), 9)
    script = script.replace("made._send(b'{}'); ", "")
    pid = int(shell.run("python3", "-c", script, f"{os.path.dirname(__file__)}/../../lib").stdout.split()[0])
    for _ in range(200):
        try:
            os.kill(pid, 0)
            if Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z":
                return
        except (ProcessLookupError, FileNotFoundError):
            return
        time.sleep(0.05)
    raise AssertionError("the child is still there")


def test_a_window_fits_what_a_child_takes():
    assert _RECORDS <= where.MOST
