"""Whole records: identity, depth, keys, numbers, stickiness, proof, lines, and that nothing leaks."""

from __future__ import annotations

import json
from collections import Counter

import orjson
import pytest
from afs import jsonl
from afs.redact import Finding, Redactor, Unclean, redact_line, whole
from afs.redact import record as record_module
from afs.redact.findings import check
from afs.redact.rules import joined
from hypothesis import given, settings
from hypothesis import strategies as st

REDACTOR = Redactor()
TOKEN = joined(["ghp_", "<b62*36>"])
OTHER = joined(["gho_", "<b62*36>"])
PASSWORD = "Tr0ub" + "4dor&3x"


def redact(value):
    return REDACTOR.redact(value)


def clean(value):
    return REDACTOR.redact(value)[0]


# --- shapes -----------------------------------------------------------------------------------------


def test_a_clean_value_comes_back_itself():
    for value in ({"a": [1, None, {"b": "text"}], "c": 1.5}, [], "", "words", 3, None, True, {"": {}}):
        same, counts = redact(value)
        assert same is value
        assert counts == Counter()


def test_only_what_changed_is_new():
    value = {"kept": {"a": ["b"]}, "changed": [TOKEN], "number": 1.0}
    new, counts = redact(value)
    assert new == {"kept": {"a": ["b"]}, "changed": ["REDACTED_GITHUB_TOKEN_1"], "number": 1.0}
    assert new["kept"] is value["kept"]
    assert value["changed"] == [TOKEN]
    assert list(new) == list(value)
    assert counts == {"GITHUB_TOKEN": 1}


def test_every_depth_is_reached():
    value = TOKEN
    for _ in range(100):
        value = {"x": [value]}
    out = clean(value)
    assert TOKEN not in json.dumps(out)
    for _ in range(5000):
        value = [value]
    with pytest.raises(Unclean, match="deep"):
        redact(value)
    with pytest.raises(Unclean, match="deep"):
        check(REDACTOR, value)


def test_keys_are_redacted_too():
    assert clean({TOKEN: 1, "b": 2}) == {"REDACTED_GITHUB_TOKEN_1": 1, "b": 2}
    assert clean({"a": {f"x {TOKEN}": {}}}) == {"a": {"x REDACTED_GITHUB_TOKEN_1": {}}}


def test_keys_that_become_equal_get_a_number():
    secret = 'Sw0rd"f!sh-9x7'
    escaped = json.dumps(secret)[1:-1]
    out = clean({"password": secret, secret: 1, escaped: 2})
    assert out == {"password": "REDACTED_PASSWORD_1", "REDACTED_PASSWORD_1": 1, "REDACTED_PASSWORD_1_2": 2}


@pytest.mark.parametrize(
    "value",
    [
        {"password": PASSWORD},
        {"env": {"DB_PASSWORD": PASSWORD}},
        {"client_secret": joined(["<hex*32>"])},
        {"headers": {"Authorization": "Bearer " + joined(["<b62*32>"])}},
        {"headers": {"Cookie": "sid=" + joined(["<hex*32>"])}},
        {"apiKey": joined(["<b62*32>"])},
        {"name": "API_TOKEN", "value": joined(["<b62*32>"])},
        {"key": "db_password", "value": PASSWORD},
        {"argv": ["mysql", "-u", "root", "-p" + PASSWORD]},
        {"argv": ["tool", "--token", joined(["<b62*32>"])]},
        {"argv": ["sshpass", "-p", PASSWORD, "ssh", "x"]},
        {"argv": ["curl", "-u", "me:" + PASSWORD, "https://x.org"]},
        {"arguments": json.dumps({"password": PASSWORD})},
        {"arguments": json.dumps({"a": json.dumps({"env": {"TOKEN": joined(["<b62*32>"])}})})},
        {"tokens": {"access_token": joined(["<url64*64>"])}},
        {"passphrase": [PASSWORD]},
        {"db_password": {"value": PASSWORD}},
    ],
)
def test_the_shape_of_the_record_tells_what_is_secret(value):
    out, counts = redact(value)
    assert sum(counts.values()) == 1
    assert "REDACTED_" in json.dumps(out)
    assert redact(out) == (out, {})


@pytest.mark.parametrize(
    "value",
    [
        {"max_tokens": "4096", "token_type": "bearer", "type": "password"},
        {"key": "a1b2c3d4e5f6g7h8", "cache_key": joined(["<hex*32>"])},
        {"password": None, "secret": True, "token": 12345678901, "auth": {"type": "none"}},
        {"password": "", "token": "abc", "api_key": "your-api-key"},
        {"usage": {"input_tokens": 5, "tokens": ["the", "cat"]}},
        {"argv": ["mkdir", "-p", "build-2024/output"]},
        {"argv": ["git", "commit", "-m", "the password field"]},
        {"name": "colour", "value": "blue-1234-abcd"},
        {
            "properties": {
                "password": {"type": "string", "description": "The password, at least 8 characters"}
            }
        },
    ],
)
def test_what_only_looks_like_it_stays(value):
    assert clean(value) is value


# --- placeholders -----------------------------------------------------------------------------------


def test_numbers_follow_the_first_appearance():
    value = {"a": f"{OTHER} {TOKEN}", "b": [TOKEN, OTHER], "c": joined(["npm_", "<b62*36>"])}
    assert clean(value) == {
        "a": "REDACTED_GITHUB_TOKEN_1 REDACTED_GITHUB_TOKEN_2",
        "b": ["REDACTED_GITHUB_TOKEN_2", "REDACTED_GITHUB_TOKEN_1"],
        "c": "REDACTED_NPM_TOKEN_1",
    }


def test_numbers_that_are_there_already_are_passed_over():
    value = ["REDACTED_GITHUB_TOKEN_1 and REDACTED_GITHUB_TOKEN_3", TOKEN, OTHER]
    assert clean(value)[1:] == ["REDACTED_GITHUB_TOKEN_2", "REDACTED_GITHUB_TOKEN_4"]
    address = "alice" + "@" + "corp-mail.com"
    assert clean(["user1@example.com", address]) == ["user1@example.com", "user2@example.com"]
    assert clean(["/home/user1/x", "/home/" + "alice/x"]) == ["/home/user1/x", "/home/user2/x"]


def test_personal_data_keeps_its_syntax():
    text = (
        "/home/{0}/src C:\\Users\\{0}\\x /Users/{0} ~/.claude/projects/-home-{0}-src "
        "{0}@corp-mail.com {1}@corp-mail.com"
    )
    assert clean(text.format("alice", "bob")) == (
        "/home/user1/src C:\\Users\\user1\\x /Users/user1 ~/.claude/projects/-home-user1-src "
        "user1@example.com user2@example.com"
    )


def test_a_value_has_one_number_in_every_depth_of_escapes():
    secret = 'Sw0rd"f!sh\\9'
    once, twice = json.dumps({"password": secret}), json.dumps(json.dumps({"password": secret}))
    out = clean({"password": secret, "once": once, "twice": twice})
    assert out["password"] == "REDACTED_PASSWORD_1"
    assert json.loads(out["once"]) == {"password": "REDACTED_PASSWORD_1"}
    assert json.loads(json.loads(out["twice"])) == {"password": "REDACTED_PASSWORD_1"}


# --- sticky -----------------------------------------------------------------------------------------


def test_what_was_found_once_is_replaced_everywhere():
    value = {
        "before": f"it said {PASSWORD}!",
        "env": f"DB_PASSWORD={PASSWORD}",
        "after": [PASSWORD, {PASSWORD: 1}],
    }
    out, counts = redact(value)
    assert PASSWORD not in json.dumps(out)
    assert out["before"] == "it said REDACTED_PASSWORD_1!"
    assert counts == {"PASSWORD": 4}


def test_a_plain_word_is_not_sticky():
    value = {"DB_PASSWORD": "development", "text": "the development of development tools"}
    out = clean(value)
    assert out["DB_PASSWORD"] == "REDACTED_PASSWORD_1"
    assert out["text"] is value["text"]


def test_a_short_value_is_replaced_as_a_word_only():
    secret = "xK9!" + "mQ2z"
    out = clean({"password": secret, "a": f"use {secret}.", "b": f"abc{secret}def"})
    assert out["a"] == "use REDACTED_PASSWORD_1."
    assert out["b"] == f"abc{secret}def"


def test_many_values_in_one_record():
    tokens = [joined(["ghp_", "<b62*30>", f"{number:06d}"]) for number in range(3000)]
    out, counts = redact({"all": "\n".join(tokens), "again": tokens})
    assert counts == {"GITHUB_TOKEN": 6000}
    assert out["again"][2999] == "REDACTED_GITHUB_TOKEN_3000"


# --- proof ------------------------------------------------------------------------------------------

secrets = st.sampled_from(
    [
        f" {TOKEN}",
        f"password={PASSWORD}",
        f'{{"api_key": "{joined(["<hex*32>"])}"}}',
        f"https://u:{PASSWORD}@h.org/",
        "/home/" + "margarethe/x",
        "m.jones" + "@" + "corp-mail.com",
        f"Authorization: Bearer {joined(['<b62*32>'])}",
        f"mysql -u x -p{PASSWORD} db",
        "REDACTED_PASSWORD_1",
        "REDACTED_GITHUB_TOKEN_7",
        "\\n",
        '\\"',
        "password: ",
        "token=",
        "-----BEGIN " + "PRIVATE KEY-----",
    ]
)
texts = st.lists(secrets | st.text(max_size=12), max_size=5).map("".join)
values = st.recursive(
    texts | st.none() | st.booleans() | st.integers(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=600)
@given(values)
def test_redacting_twice_is_redacting_once(value):
    once, counts = redact(value)
    again, more = redact(once)
    assert again is once
    assert more == Counter()
    assert check(REDACTOR, once) == []
    assert (once is value) == (not counts)
    assert TOKEN not in json.dumps(once)


@settings(max_examples=40)
@given(values, values)
def test_a_value_does_not_depend_on_what_came_before(first, second):
    fresh = Redactor().redact(second)
    REDACTOR.redact(first)
    assert REDACTOR.redact(second) == fresh


def test_what_cannot_be_made_clean_is_not_given_back(monkeypatch):
    redactor = Redactor()
    found = Finding(0, 1, "PASSWORD", "password")
    monkeypatch.setattr(redactor._scanner, "look", lambda text: ((found,) if text else (), False))
    with pytest.raises(Unclean, match="could not be made clean of password") as caught:
        redactor.redact({"a": PASSWORD})
    assert PASSWORD not in str(caught.value)


def test_a_fault_of_ours_passes_nothing_on_and_shows_nothing(monkeypatch):
    redactor = Redactor()

    def broken(text):
        raise KeyError(text)

    monkeypatch.setattr(redactor._scanner, "look", broken)
    for work in (redactor.redact, lambda value: check(redactor, value)):
        with pytest.raises(Unclean) as caught:
            work([PASSWORD])
        assert PASSWORD not in str(caught.value)
        assert caught.value.__suppress_context__


def test_memory_of_strings_is_bounded(monkeypatch):
    monkeypatch.setattr(record_module, "_MEMO", 10_000)
    redactor = Redactor()
    for number in range(1000):
        redactor.find(f"a text of some length with the number {number}")
    assert redactor._held <= 10_200
    redactor.find("x" * 100_000)
    assert "x" * 100_000 not in redactor._memo


# --- odd strings ------------------------------------------------------------------------------------


def test_odd_characters_are_no_shelter():
    for odd in ("\0", "\ud800", "\u2028", "\u200b", "é", "日本", "\x1a", "\x7f"):
        text = f"{odd}{TOKEN}{odd}"
        assert clean({"a": text}) == {"a": f"{odd}REDACTED_GITHUB_TOKEN_1{odd}"}
        assert clean({"password": PASSWORD + odd})["password"] == "REDACTED_PASSWORD_1"


def test_a_string_of_ten_megabytes():
    text = "0123456789 lorem ipsum, dolor sit amet\n" * (10_000_000 // 39)
    out = clean({"log": text + TOKEN})["log"]
    assert out == text + "REDACTED_GITHUB_TOKEN_1"


# --- pointers ---------------------------------------------------------------------------------------


def test_check_tells_where_and_never_what():
    secret = "Tr0ub" + "4dor&3x"
    value = {"a/b": [{"~": f"x {TOKEN}"}], TOKEN: {"password": secret, f"{secret}": f"token {OTHER}"}}
    found = check(REDACTOR, value)
    pointers = [(pointer, one.rule, one.start, one.end - one.start) for pointer, one, _ in found]
    assert (
        pointers
        == [
            ("/a~1b/0/~0", "github-token", 2, 40),
            ("/REDACTED_GITHUB_TOKEN_2", "github-token", 0, 40),
            ("/REDACTED_GITHUB_TOKEN_2/password", "password", 0, len(secret)),
            ("/REDACTED_GITHUB_TOKEN_2/REDACTED_PASSWORD_1", "github-token", 6, 40),
        ]
        or pointers[1][0] == "/REDACTED_GITHUB_TOKEN_1"
    )
    for pointer, one, _ in found:
        for value in (secret, TOKEN, OTHER):
            assert value not in pointer
            assert value not in repr(one)
    assert check(REDACTOR, {"a": "clean"}) == []


# --- lines ------------------------------------------------------------------------------------------


def line_of(line):
    return redact_line(REDACTOR, line, jsonl.decode(line))


@pytest.mark.parametrize(
    "line",
    [
        b'{ "a" : 1.50, "b":"caf\\u00e9 \\/ \\ud83d" }',
        b'{"n":123456789012345678901234567890,"f":1.00000000000000000001}',
        b'{"a":{"a":{"a":1}},"b":[{"a":1},{"a":2}]}',
        b"[]",
        b'"text"',
        b'{"a":1}\r',
    ],
)
def test_an_unchanged_line_keeps_its_bytes(line):
    out, counts = line_of(line)
    assert out is line
    assert not counts


def test_a_changed_line_keeps_order_and_values():
    out, counts = line_of(b'{"z": 1.5, "a": "%s", "u": "\\ud83d\\u2028", "n": null}' % TOKEN.encode())
    assert out == '{"z":1.5,"a":"REDACTED_GITHUB_TOKEN_1","u":"\\ud83d\u2028","n":null}'.encode()
    assert counts == {"GITHUB_TOKEN": 1}


def test_a_number_that_would_change_is_bad():
    with pytest.raises(jsonl.Bad) as caught:
        line_of(b'{"a":"%s","n":123456789012345678901234567890}' % TOKEN.encode())
    assert caught.value.reason == "number"


def test_a_secret_under_a_key_that_comes_twice_is_not_passed_through():
    line = b'{"a":"%s","b":1,"a":"harmless"}' % TOKEN.encode()
    out, counts = line_of(line)
    assert TOKEN.encode() not in out
    assert out == b'{"a":"harmless","b":1}'
    assert not counts
    record = orjson.loads(line)
    assert whole(line, record) == {"a": TOKEN, "b": 1, "a_2": "harmless"}
    clean_line = b'{"a": {"b": 1}, "c": {"b": 1}}'
    record = orjson.loads(clean_line)
    assert whole(clean_line, record) is record


def test_a_sample_says_what_was_redacted():
    line = orjson.dumps({"output": f"{TOKEN} {OTHER}", "_metadata": {"group": "g", "redactions": None}})
    out, _ = line_of(line)
    record = orjson.loads(out)
    assert record["_metadata"] == {"group": "g", "redactions": ["GITHUB_TOKEN:2"]}
    record["input"] = f"password={PASSWORD} " + joined(["npm_", "<b62*36>"])
    out, _ = line_of(orjson.dumps(record))
    assert orjson.loads(out)["_metadata"]["redactions"] == ["GITHUB_TOKEN:2", "NPM_TOKEN:1", "PASSWORD:1"]


def test_the_record_given_is_never_changed():
    record = {"output": TOKEN, "_metadata": {"redactions": None}}
    redact_line(REDACTOR, orjson.dumps(record), record)
    assert record == {"output": TOKEN, "_metadata": {"redactions": None}}
