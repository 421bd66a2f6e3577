"""With hyperscan and without: the same findings, whatever the text, and a cache that never fails."""

from __future__ import annotations

import glob
import json
import os
import random
import re
import stat
import subprocess
import sys
import sysconfig
import time

import pytest
from afs.redact import rules
from afs.redact.search import accel
from afs.redact.search.candidates import candidate
from afs.redact.search.scan import Scanner
from hypothesis import given, settings
from hypothesis import strategies as st

hyperscan = pytest.importorskip("hyperscan", reason="the extra `accel` is not installed: hyperscan")

LIB = os.path.join(os.path.dirname(__file__), "..", "..", "lib")
RULES, WORDS = rules.load()
HITS = [rules.joined(parts) for rule in RULES for parts in rule.hit]
MISSES = [rules.joined(parts) for rule in RULES for parts in rule.miss]
WRAPPINGS = [
    lambda text: text,
    lambda text: f'export X="{text}"\n',
    lambda text: json.dumps({"a": text}),
    lambda text: json.dumps({"a": json.dumps({"b": text})}),
    lambda text: json.dumps(json.dumps(json.dumps([text]))),
    lambda text: f"\x1b[31m{text}\x1b[0m \\u001b[1m{text}\\u001b[0m",
    lambda text: "".join(f"+{line}\n" for line in text.split("\n")),
    lambda text: f"x = call('{text}', 1)  # \u2603 {text}",
    lambda text: "é" * 40 + text + "—" * 40,
]


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory):
    """A cache folder of the tests' own."""
    patch = pytest.MonkeyPatch()
    patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    patch.delenv("AFS_ACCEL", raising=False)
    yield os.environ["XDG_CACHE_HOME"]
    patch.undo()


@pytest.fixture(scope="module")
def both(folder):
    """The same findings by both ways, or an assertion; each finding list once more for a look."""
    plain, fast = Scanner(RULES, WORDS, False), Scanner(RULES, WORDS, True)
    assert fast.find("warm") == ()
    assert fast._gate is not None
    assert plain._gate is None

    def same(text):
        found = plain.find(text)
        assert fast.find(text) == found
        return found

    return same


@pytest.mark.parametrize("wrap", range(len(WRAPPINGS)))
def test_every_example_of_the_table(both, wrap):
    found = sum(len(both(WRAPPINGS[wrap](text))) for text in HITS + MISSES)
    assert found > len(HITS) / 2


def test_examples_behind_and_beside_each_other(both):
    chance = random.Random(1)
    for _ in range(400):
        both(chance.choice(["", " ", "\n", "=", ".", "-", '"', "\\n"]).join(chance.choices(HITS, k=5)))


def test_examples_cut_and_changed(both):
    chance = random.Random(2)
    signs = "\n\t \"'`\\/=:.,;-_+&?%$@#<>{}[]()|~!aA0é\u2603\x00\x1b"
    for text in HITS:
        for _ in range(4):
            begin, end = sorted((chance.randrange(len(text) + 1), chance.randrange(len(text) + 1)))
            at = chance.randrange(len(text) + 1)
            both(text[begin:end])
            both(text[:at] + chance.choice(signs) + text[at + chance.randrange(2) :])
            both(text.swapcase() if chance.random() < 0.2 else text[::-1])


def test_examples_over_the_borders_of_blocks(both):
    chance = random.Random(3)
    for text in chance.sample(HITS, 120):
        size = accel._BLOCK * chance.randrange(1, 4) - chance.randrange(len(text) + 300)
        filling = "some words of no meaning at all\n" * (size // 30)
        alone = both("words\n" + text + "\nsome")
        assert len(both(filling[-size:] + text + "\n" + filling)) == len(alone)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(st.sampled_from(HITS), st.text(max_size=40), st.binary(max_size=60)), max_size=8))
def test_any_text(both, parts):
    both("".join(part.decode("latin-1") if isinstance(part, bytes) else part for part in parts))


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="abkeytoknpswdr_-.:/+=~|!$%\\nu0041[;m9AZ \n\"'@", max_size=300))
def test_any_text_of_telling_signs(both, text):
    both(text)


def code(limit):
    """Files of the standard library and of packages, in an order that is no folder's."""
    files = glob.glob(os.path.join(sysconfig.get_path("stdlib"), "**", "*.py"), recursive=True)
    random.Random(4).shuffle(sorted_files := sorted(files))
    for path in sorted_files:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            text = file.read()
        yield text
        limit -= len(text)
        if limit < 0:
            return


def test_clean_code(both):
    for text in code(1_500_000):
        both(text)
        for at in range(0, len(text), 2000):
            both(text[at : at + 2000])


@pytest.mark.slow
def test_much_clean_code(both):
    for text in code(60_000_000):
        both(text)


def test_records_of_the_benchmark(both):
    sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "bench"))
    try:
        redact_records = pytest.importorskip("redact_records", reason="the benchmark's records are not there")
    finally:
        sys.path.pop(0)
    found = 0
    for conversation in redact_records.conversations(17, 1):
        found += len(both(json.dumps(conversation, default=str, ensure_ascii=False)))
    assert found


# A name that is a statement, too, may be told by the lines around it; signs may be written as escapes.
SECRET = "Tr0ub" + "4dor&3"
BEFORE = [
    "",
    "x = 1\n",
    f"use {SECRET} as the ",
    f"use {SECRET} as ",
    "name,",
    "a | ",
    "x\t",
    "else: ",
    "\\n",
    "\xa0",
]
BEHIND = [
    "",
    f"value: {SECRET}",
    f'- "value": "{SECRET}"',
    f"val: {SECRET}",
    f'"type": "x",\n "on": 1,\n "val": "{SECRET}"',
    f"-----\n{SECRET}\n",
    f" ---- \r\n  {SECRET}",
    f"what it is, its value = {SECRET}",
    f"<string>{SECRET}</string>",
    f"\\n value: {SECRET}",
    f"= {SECRET}",
    f"{SECRET}\n",
    f"b,{SECRET}",
    f"b | {SECRET}\n",
    f"b\t{SECRET}\n",
    f"echo {SECRET} | x secret set pass ",
]


@pytest.mark.parametrize("name", ["pass", "PASS", "Pass", "pAss", "passe", "db_pass"])
def test_a_name_that_stands_in_a_line_of_its_own(both, name):
    found = 0
    for before in BEFORE:
        for space in ("", "  ", "\t"):
            for end in ("", "\n", " \r\n", "\n\n  ", " ", "\t", "\\n", ", ", ": ", '"\n'):
                found += sum(len(both(before + space + name + end + behind)) for behind in BEHIND)
    assert found


@pytest.mark.parametrize(
    "text", ["bob@corp.de", "ssh bob@host1", "bob@host1:~$ ", "bob@x.y-corp.de", "b.o+b@corp.de"]
)
def test_any_sign_beside_an_at(both, text):
    at = text.index("@")
    assert both(f"see {text}\n") or "host1" in text
    for sign in map(chr, range(256)):
        both(f"see {text[:at]}{sign}{text[at:]}\n")
        both(f"see {text[: at + 1]}{sign}{text[at + 1 :]}\n")


@pytest.mark.parametrize("sign", [":", "\\u003a", "\\x3A", "%3A", "%253a", "\x1b[1m:"])
def test_an_address_whose_colons_are_escapes(both, sign):
    address = "2a01:4f8:c17:b8f:9::2"
    for part in range(address.count(":") + 1):
        text = address.replace(":", "\0", part).replace(":", sign).replace("\0", ":")
        both(f"from {text} to dead: x")
        both(text)
    assert both(f"from {address} to")


def test_words_of_lists(both):
    for flag in ("-p", "--password", "-x", "- ", "", "-\\u0061"):
        for quote in ('"', '\\"', '\\\\\\"'):
            both(f"[{quote}mysql{quote}, {quote}{flag}{SECRET}{quote}, {quote}-u{quote}]")
            both(f"[{quote}mysql{quote},{quote}{flag}{quote},\n {quote}{SECRET}{quote}]")
    assert both(f'["mysql", "-u", "root", "-p{SECRET}"]')


HOSTILE = [
    "a",
    "=",
    '"',
    "\\",
    "9",
    ".",
    "-",
    "_",
    "key=",
    "a.",
    "1.",
    "@a",
    "pass:",
    "0-",
    "://",
    "eyJ",
    "A",
    "\\n",
]


@pytest.mark.parametrize("unit", HOSTILE)
def test_hostile_megabytes(both, unit):
    start = time.process_time()
    both(unit * (1_000_000 // len(unit)))
    assert time.process_time() - start < 20


def test_real_logs(both):
    home = os.environ.get("AFS_TEST_HOME")
    if not home:
        pytest.skip("AFS_TEST_HOME names no home with logs")
    seen = set()
    for path in glob.glob(os.path.join(home, "**", "*.jsonl"), recursive=True, include_hidden=True):
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            for line in file:
                for part in (line, *re.findall(r'"((?:[^"\\]|\\.)*)"', line)):
                    if part not in seen:
                        seen.add(part)
                        both(part)
    assert seen


# --- candidates -------------------------------------------------------------------------------------

LEAVES = st.sampled_from(
    [
        "a",
        "B",
        r"\d",
        r"\w",
        r"\s",
        r"\S",
        ".",
        "[a-c]",
        "[^a]",
        "[^\\W_]",
        r"\.",
        "-",
        r"\x00",
        "x",
        r"[\s-]",
    ]
)


def wider(inner):
    return st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.tuples(inner, inner).map(lambda pair: f"(?:{pair[0]}|{pair[1]})"),
        st.tuples(inner, st.sampled_from(["?", "*", "+", "{2}", "{1,3}", "{2,}", "*?", "++", "{0,2}+"])).map(
            lambda pair: f"(?:{pair[0]}){pair[1]}"
        ),
        inner.map(lambda each: f"(?i:{each})"),
        inner.map(lambda each: f"(?s:{each})"),
        inner.map(lambda each: f"(?>{each})"),
        st.tuples(inner, inner).map(lambda pair: f"(?={pair[0]}){pair[1]}"),
        st.tuples(inner, inner).map(lambda pair: f"{pair[0]}(?={pair[1]})"),
        st.tuples(inner, inner).map(lambda pair: f"{pair[0]}(?!{pair[1]})"),
        st.tuples(st.sampled_from("aB-"), inner).map(lambda pair: f"(?<={pair[0]}){pair[1]}"),
        st.tuples(st.sampled_from("aB-"), inner).map(lambda pair: f"(?<!{pair[0]}){pair[1]}"),
        inner.map(lambda each: rf"(?:^|\b){each}$"),
    )


@settings(max_examples=600, deadline=None)
@given(
    st.recursive(LEAVES, wider, max_leaves=8),
    st.lists(st.text(alphabet="aAbBcxX-. \n\x00_9é", max_size=12), min_size=1, max_size=6),
    st.integers(1, 12),
)
def test_a_candidate_matches_wherever_its_pattern_does(source, texts, enough):
    pattern = re.compile(source.encode("latin-1"))
    written = candidate(source, enough)
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    if not written:
        return  # everywhere
    database.compile(expressions=[written.encode()], ids=[0], flags=[hyperscan.HS_FLAG_DOTALL])
    for text in texts:
        raw = text.encode("latin-1")
        there = []
        database.scan(raw, lambda *match, there=there: there.append(match) and None)
        assert there or pattern.search(raw) is None


def test_a_candidate_of_a_translated_text():
    table = bytes(48 if 48 <= byte < 58 else byte for byte in range(256))
    written = candidate(r"00\.0", 9, table, b"abc ")
    assert re.search(written.encode(), b"x1a 2 .b 3")
    assert not re.search(written.encode(), b"x1a 2 x b 3")


# --- rules of one's own, switches -------------------------------------------------------------------


def test_patterns_that_hyperscan_does_not_take(tmp_path, folder):
    path = tmp_path / "rules.toml"
    path.write_text(
        """
[[rule]]
id = "echo"
type = "ECHO"
level = 2
anchors = ["echo "]
re = 'echo (?P<s>([a-z])\\2[0-9]{3})'
[[rule]]
id = "large"
type = "LARGE"
level = 2
anchors = ["large:"]
re = 'large:(?P<s>(?:[a-z]{1,30}[0-9]{1,30}){30,60})'
[[rule]]
id = "far"
type = "FAR"
level = 1
shape = '(?=.{0,90}z)'
then = '[a-z]{20}'
"""
    )
    own, words = rules.load((), [str(path)])
    plain, fast = Scanner(own, words, False), Scanner(own, words, True)
    for text in [
        "echo aa123",
        "echo ab123",
        "large:" + "ab12" * 40,
        "large: ab",
        "abcdefghijklmnopqrstuvwxyz " * 3,
    ]:
        assert fast.find(text) == plain.find(text)
    assert [one.rule for one in fast.find("echo aa123")] == ["echo"]
    assert [one.rule for one in fast.find("large:" + "ab12" * 40)] == ["large"]


def test_a_candidate_that_is_refused_has_a_spare_one(folder):
    rows = {0: ["(", "never"], 1: ["("], 2: ["b"]}
    database, told = accel._made(hyperscan, rows, {0: ["a"]})

    def rows_in(raw):
        found = set()
        database.scan(raw, lambda number, *_: found.update(told[number]))
        return found

    assert rows_in(b"xa") == {0, 1}
    assert rows_in(b"xb") == {1, 2}


def test_it_can_be_switched_off(monkeypatch):
    monkeypatch.setenv("AFS_ACCEL", "0")
    assert not accel.wanted()
    scanner = Scanner(RULES, WORDS)
    scanner.find("a" * (1 << 19))
    assert scanner._gate is None
    monkeypatch.delenv("AFS_ACCEL")
    assert accel.wanted()
    scanner = Scanner(RULES, WORDS)
    scanner.find("short")
    assert scanner._gate is None  # not worth while yet
    scanner.find("a b" * (1 << 18))
    assert scanner._gate is not None


def test_without_hyperscan_nothing_changes(monkeypatch):
    monkeypatch.setitem(sys.modules, "hyperscan", None)
    scanner = Scanner(RULES, WORDS, True)
    assert [one.rule for one in scanner.find(f"{HITS[0]} ")] == [
        Scanner(RULES, WORDS, False).find(HITS[0])[0].rule
    ]
    assert scanner._gate is None


# --- the cache --------------------------------------------------------------------------------------

TRY = """
import sys
from afs.redact.search import accel
from afs.redact import rules
from afs.redact.search.scan import Scanner
made = accel._made
accel._made = lambda *args: print("made") or made(*args)
table, words = rules.load()
scanner = Scanner([rule for rule in table if rule.type == "GITHUB_TOKEN"], words, True)
print([one.rule for one in scanner.find(sys.argv[1])], scanner._gate is not None)
"""


@pytest.fixture
def attempt(tmp_path):
    """One process with a cache of its own: what it said."""
    token = rules.joined(["ghp_", "<b62*36>"])

    def run(**more):
        environment = {**os.environ, "PYTHONPATH": LIB, "HOME": str(tmp_path), **more}
        environment.pop("XDG_CACHE_HOME", None) if "XDG_CACHE_HOME" not in more else None
        done = subprocess.run(
            [sys.executable, "-B", "-c", TRY, token],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stderr == ""
        *made, found = done.stdout.splitlines()
        assert found == "['github-token'] True"
        return made

    return run


def kept(tmp_path):
    (path,) = (tmp_path / ".cache" / "afs").iterdir()
    return path


def test_a_second_process_loads_what_the_first_made(attempt, tmp_path):
    assert attempt() == ["made"]
    path = kept(tmp_path)
    assert re.fullmatch(r"redact-[0-9a-f]{32}\.hsdb", path.name)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert attempt() == []


@pytest.mark.parametrize("how", ["cut", "changed", "empty", "open", "link", "folder"])
def test_a_file_that_cannot_be_trusted_is_made_anew(attempt, tmp_path, how):
    attempt()
    path = kept(tmp_path)
    data = path.read_bytes()
    if how == "cut":
        path.write_bytes(data[:-100])
    elif how == "changed":
        path.write_bytes(data[:-100] + bytes([data[-100] ^ 1]) + data[-99:])
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "open":
        path.chmod(0o666)
    elif how == "link":
        path.rename(tmp_path / "other")
        path.symlink_to(tmp_path / "other")
    else:
        path.unlink()
        path.mkdir()
    assert attempt() == ["made"]
    if how != "folder":
        assert kept(tmp_path).read_bytes()[:200] == data[:200]
        assert attempt() == []


def test_a_home_that_cannot_be_written_is_no_failure(attempt, tmp_path):
    (tmp_path / ".cache").write_text("no folder")
    assert attempt() == ["made"]
    assert (tmp_path / ".cache").read_text() == "no folder"


def test_the_cache_folder_that_is_named_is_used(attempt, tmp_path):
    assert attempt(XDG_CACHE_HOME=str(tmp_path / "there")) == ["made"]
    assert len(list((tmp_path / "there" / "afs").iterdir())) == 1
    assert attempt(XDG_CACHE_HOME="relative/is/not/one") == ["made"]
    assert kept(tmp_path)


def test_old_databases_do_not_pile_up(tmp_path):
    for number in range(9):
        accel._keep(str(tmp_path / "afs" / f"redact-{number}.hsdb"), b"x")
        os.utime(tmp_path / "afs" / f"redact-{number}.hsdb", (number, number))
    (tmp_path / "afs" / "other.hsdb").write_text("not ours")
    accel._keep(str(tmp_path / "afs" / "redact-9.hsdb"), b"x")
    left = sorted(path.name for path in (tmp_path / "afs").iterdir())
    assert left == ["other.hsdb", "redact-6.hsdb", "redact-7.hsdb", "redact-8.hsdb", "redact-9.hsdb"]
