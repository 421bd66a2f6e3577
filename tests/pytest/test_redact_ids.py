"""Ids and times are not searched: the long way finds nothing in them either, and names still tell."""

from __future__ import annotations

import re
import string

import pytest
from afs.redact import Redactor, record, rules
from afs.redact.search.scan import Scanner
from hypothesis import given, settings
from hypothesis import strategies as st

RULES, WORDS = rules.load()
SIGNS = string.ascii_letters + string.digits
LITERALS = sorted(
    literal
    for literal in {text for rule in RULES for text in rule.starts + rule.anchors}
    | {word for words in WORDS.values() for word in words}
    | {"DE89370400440532013000", "GB29NWBK60161331926819", "4242424242424242"}
    if len(literal) <= 22 and set(literal) <= set(SIGNS)
)
ID = "-".join(("0f8e2b4c", "91d3", "4a7e", "b6c5", "3d2f1a0e9b8c"))
CALL = "toolu_01" + "A9bC8dE7fG6hJ5kL4mN3pQ"


@pytest.fixture(scope="module")
def scanner():
    return Scanner(RULES, WORDS, False)


@settings(max_examples=1500, deadline=None)
@given(st.from_regex(record._IDS, fullmatch=True))
def test_a_search_finds_nothing_in_an_id(scanner, text):
    assert scanner.find(text) == ()


@settings(max_examples=500, deadline=None)
@given(
    st.from_regex(
        re.compile(record._IDS.pattern.replace("0-9a-fA", "0-9").replace("0-9a-f", "0-9")), fullmatch=True
    )
)
def test_nor_where_it_is_all_digits(scanner, text):
    assert record._IDS.fullmatch(text)
    assert scanner.find(text) == ()


@pytest.mark.parametrize("change", [str, str.upper, str.title], ids=["as it is", "capitals", "first capital"])
def test_nor_whatever_the_rules_know_stands_in_it(scanner, change):
    for literal in LITERALS:
        for at in {0, (22 - len(literal)) // 2, 22 - len(literal)}:
            text = "toolu_01" + (SIGNS[:at] + change(literal) + SIGNS[::-1])[:22]
            assert record._IDS.fullmatch(text)
            assert scanner.find(text) == (), text


def test_the_longest_is_no_longer_than_what_is_tried():
    assert len(ID) == record._LONGEST_ID
    assert record._IDS.fullmatch(ID)
    assert record._IDS.fullmatch("2026-01-02T03:04:05.123456789Z")
    assert record._IDS.fullmatch(CALL)
    assert not record._IDS.fullmatch(f"{ID}\n")


@pytest.mark.parametrize("text", [ID, CALL, "2026-01-02T03:04:05.678Z"])
@pytest.mark.parametrize(
    "name", ["password", "client_secret", "heroku_api_key", "sessionId", "cookie", "tokens", "phone"]
)
def test_the_name_of_a_field_still_tells(name, text):
    quick, slow = Redactor(), Redactor()
    slow._empty = None
    value = {name: text, "beside": [text, {name: [text, text]}]}
    assert quick.redact(value) == slow.redact(value)
    if name == "client_secret" and text is ID:
        assert ID not in str(quick.redact(value)[0])


def test_a_rule_of_ones_own_may_find_an_id(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(
        '[[rule]]\nid = "calls"\ntype = "CALL"\nlevel = 1\nstarts = ["toolu_01"]\nthen = "[A-Za-z0-9]{22}"\n'
    )
    assert [one.rule for one in Redactor(extra_rules=[str(path)]).find(CALL)] == ["calls"]
    assert Redactor().find(CALL) == []
