"""The rule table: every example of every rule, and what a rule file may say."""

from __future__ import annotations

import time

import pytest
from afs.redact import BadRule, Redactor
from afs.redact.rules import LEVELS, PATH, joined, load

REDACTOR = Redactor()
RULES = REDACTOR.rules


def found_by(rule, text):
    return [one for one in REDACTOR.find(text) if one.rule == rule.id]


def examples():
    for rule in RULES:
        for parts in rule.hit:
            starts = rule.starts if parts[0] in rule.starts else [parts[0]]
            for start in starts:
                yield pytest.param(rule, joined([start, *parts[1:]]), id=f"{rule.id}:{start[:20]!r}")


@pytest.mark.parametrize(("rule", "text"), list(examples()))
def test_a_hit_is_found_by_its_rule(rule, text):
    assert found_by(rule, text), "the rule does not find its own example"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_no_miss_is_found_by_its_rule(rule):
    for parts in rule.miss:
        assert not found_by(rule, joined(parts)), parts


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_hit_is_replaced_whole_and_once_and_for_all(rule):
    for parts in rule.hit:
        text = joined(parts)
        clean, counts = REDACTOR.redact({"text": text})
        assert counts
        assert clean != {"text": text}
        for one in REDACTOR.find(text):
            assert len(text) < 12 or text[one.start : one.end] not in clean["text"]
        assert REDACTOR.redact(clean) == (clean, {})


def test_every_rule_has_examples_on_both_sides():
    # What is known has no examples in the table: test_redact_known.py has them.
    assert [rule.id for rule in RULES if rule.level and not (rule.hit and rule.miss)] == []


def test_there_are_as_many_formats_as_promised():
    assert sum(rule.level == 1 for rule in RULES) >= 380
    assert {rule.level for rule in RULES} <= set(LEVELS)


def test_the_table_and_the_programs_hold_nothing_that_a_scanner_trips_on():
    with open(PATH, encoding="utf-8") as file:
        text = file.read()
    assert [text[one.start - 20 : one.end] for one in REDACTOR.find(text)] == []


def test_examples_in_parts_are_the_same_each_time():
    assert joined(["a_", "<hex*8>"]) == joined(["a_", "<hex*8>"])
    assert joined(["a_", "<hex*8>"]) != joined(["b_", "<hex*8>"])[0:0] + joined(["a_", "<HEX*8>"])
    assert len(joined(["<b62*100>"])) == 100
    with pytest.raises(BadRule, match="alphabet"):
        joined(["<greek*3>"])


def test_loading_is_quick():
    best = 9.0
    for _ in range(5):
        start = time.process_time()
        Redactor()
        best = min(best, time.process_time() - start)
    assert best < 0.5  # about .07 where nothing else runs


# --- rules of one's own -----------------------------------------------------------------------------

GOOD = """
[[rule]]
id = "acme-key"
type = "ACME_KEY"
level = 1
starts = ["acme_"]
then = '[0-9a-f]{16,}'
hit = [["acme_", "<hex*16>"]]
miss = [["acme_", "no"]]

[[rule]]
id = "badge"
type = "BADGE"
level = 2
anchors = ["badge "]
re = '(?i:badge) (?P<s>[0-9]{6})'
"""


def test_a_rule_file_adds_rules(tmp_path):
    path = tmp_path / "rules.toml"
    path.write_text(GOOD)
    redactor = Redactor(extra_rules=[str(path)])
    key = joined(["acme_", "<hex*16>"])
    assert redactor.redact(f"{key} Badge 123456")[0] == "REDACTED_ACME_KEY_1 Badge REDACTED_BADGE_1"
    assert REDACTOR.find(key) == []


def test_a_rule_is_left_out_by_name(tmp_path):
    token = joined(["npm_", "<b62*36>"])
    assert Redactor(without=["npm-token"]).find(token) == []
    assert [one.rule for one in Redactor(without=["email"]).find(token)] == ["npm-token"]
    path = tmp_path / "rules.toml"
    path.write_text(GOOD)
    assert Redactor(["badge"], [str(path)]).find("badge 123456") == []
    with pytest.raises(BadRule, match="no rule is called nonsense"):
        Redactor(without=["nonsense"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rule = [", "not TOML"),
        ("\xff", "not TOML"),
        ("[words]\nnone = []", "only"),
        ("rule = 3", "only"),
        ("[[rule]]\ntype = 'X'", "id"),
        ("[[rule]]\nid = 'Not Good'", "id"),
        ("[[rule]]\nid = 'x'", "type"),
        ("[[rule]]\nid = 'x'\ntype = 'lower'", "type"),
        ("[[rule]]\nid = 'x'\ntype = 'XX'", "level"),
        ("[[rule]]\nid = 'x'\ntype = 'XX'\nlevel = 1", "lacks"),
        ("[[rule]]\nid = 'x'\ntype = 'XX'\nlevel = 2\nanchors = ['x']", "lacks"),
        ("[[rule]]\nid = 'x'\ntype = 'XX'\nlevel = 7\nanchors = ['x']", "unknown"),
        ("[[rule]]\nid = 'x'\ntype = 'XX'\nlevel = '1'\nstarts = ['x']", "wrong type"),
        ("[[rule]]\nid = 'x'\ntype = 'XX'\nlevel = 1\nstarts = 'x'", "wrong type"),
        ("[[rule]]\nid = 'x'\ntype = 'XX'\nlevel = 1\nstarts = [1]", "wrong type"),
        ("[[rule]]\nid = 'x'\ntype = 'XX'\nlevel = 1\nstarts = ['x']\nthen = '('", "does not compile"),
        (
            "[[rule]]\nid = 'x'\ntype = 'XX'\nlevel = 1\nstarts = ['x']\nthen = \"\\u00e9\"",
            "does not compile",
        ),
        ("[[rule]]\nid = 'x'\ntype = 'XX'\nlevel = 1\nstarts = [\"\\u00e9\"]\nthen = 'a'", "ASCII"),
        ("[[rule]]\nid = 'x'\ntype = 'XX'\nlevel = 1\nstarts = ['']\nthen = 'a'", "empty"),
        ("[[rule]]\nid = 'x'\ntype = 'XX'\nlevel = 2\nanchors = ['x']\nre = 'x'", "group"),
        ("[[rule]]\nid = 'x'\ntype = 'XX'\nlevel = 2\nanchors = ['X']\nre = '(?P<s>x)'", "lower-case"),
        ("[[rule]]\nid = 'x'\ntype = 'XX'\nlevel = 2\nanchors = ['x']\nfinder = 'magic'", "finder"),
        (
            "[[rule]]\nid = 'x'\ntype = 'XX'\nlevel = 2\nanchors = ['x']\nre = '(?P<s>x)'\ncolour = 1",
            "colour",
        ),
        ("[[rule]]\nid = 'x'\ntype = 'XX'\nlevel = 1\nstarts = ['x']\ncheck = ['luck']", "check"),
        ("[[rule]]\nid = 'email'\ntype = 'XX'\nlevel = 1\nstarts = ['x']\nthen = 'a'", "two of this name"),
        (
            "[[rule]]\nid = 'x'\ntype = 'XX'\nlevel = 2\nanchors = ['x']\nre = '(?P<s>x)'\nkeep = ['a']",
            "keep",
        ),
        ("[[rule]]\nid = 'x'\ntype = 'XX'\nlevel = 1\nstarts = ['x']\nhit = ['x']", "lists of parts"),
    ],
)
def test_a_rule_file_that_cannot_be_used_says_why(tmp_path, text, said):
    path = tmp_path / "rules.toml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(BadRule, match=said):
        load(extra=[str(path)])


def test_a_rule_file_that_is_not_there_is_an_os_error(tmp_path):
    with pytest.raises(OSError, match="nowhere"):
        load(extra=[str(tmp_path / "nowhere")])
