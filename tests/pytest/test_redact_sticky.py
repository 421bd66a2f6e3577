"""What is known of a conversation: every form of a value, in every record, and nothing that only looks so."""

from __future__ import annotations

import base64
import html
import json
import random
import urllib.parse

import pytest
from afs.redact import Clean, Redactor, Unclean, redact_lines, sticky
from afs.redact.known import Known, Name
from hypothesis import given, settings
from hypothesis import strategies as st

REDACTOR = Redactor()
WORD = "plum-Q7uark" + "-lamp"
SIGNS = 'a"b\\c/d&e' + "+f=g 7"


def group(*texts, held=None):
    return [result.value for result in REDACTOR.redact_all(list(texts), held=held)]


def knowing(*secrets):
    held = REDACTOR.conversation()
    held.know(Known(tuple((secret, "KNOWN") for secret in secrets), ()))
    return held


def test_what_one_record_tells_is_replaced_in_records_before_and_after():
    before, _, after = group({"a": f"see {WORD}"}, {"password": WORD}, {"b": [f"{WORD} there"]})
    assert before == {"a": "see REDACTED_PASSWORD_1"}
    assert after == {"b": ["REDACTED_PASSWORD_1 there"]}


FORMS = {
    "plain": lambda secret: secret,
    "json": lambda secret: json.dumps({"x": secret}),
    "json, ascii": lambda secret: json.dumps({"x": secret}, ensure_ascii=True),
    "json in json": lambda secret: json.dumps({"x": json.dumps({"y": secret})}),
    "percent": lambda secret: "https://h.example/?q=" + urllib.parse.quote(secret, safe=""),
    "percent of a path": lambda secret: urllib.parse.quote(secret),
    "percent of a form": lambda secret: "q=" + urllib.parse.quote_plus(secret),
    "percent of JavaScript": lambda secret: "q=" + urllib.parse.quote(secret, safe="!*'()"),
    "html": lambda secret: f'<p class="x">{html.escape(secret)}</p>',
    "base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "base64 of a text": lambda secret: base64.b64encode(f"xx{secret} and more".encode()).decode(),
    "base64, the other offsets": lambda secret: " ".join(
        base64.b64encode(("x" * n + secret + "y" * n).encode()).decode() for n in range(9)
    ),
    "url-safe base64": lambda secret: base64.urlsafe_b64encode(b"\xfb\xff" + secret.encode()).decode(),
}


@pytest.mark.parametrize("secret", [WORD, SIGNS, "Grün" + "kohl-9x7", "a b7C" + " d8E f9"])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_replaced(form, secret):
    text = f"see {FORMS[form](secret)} there"
    before, after = group({"a": text}, {"b": [text]}, held=knowing(secret))
    assert before["a"] == after["b"][0] != text
    for other in FORMS.values():
        assert other(secret) not in before["a"]
    assert before["a"].startswith("see ") and before["a"].endswith(" there")


@settings(max_examples=150, deadline=None)
@given(st.text(min_size=10, max_size=40), st.binary(max_size=20), st.binary(max_size=20))
def test_no_base64_of_a_text_that_holds_a_value_stays(secret, left, right):
    held = knowing(secret)
    data = left + secret.encode("utf-8", "surrogatepass") + right
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        text = encode(data).decode()
        assert REDACTOR.redact_all([f"<{text}>"], held=held)[0].value == "<REDACTED_KNOWN_1>"


def test_short_words_and_plain_words_stay():
    texts = ["the word dragonfly", {"password": "dragonfly"}, "it is 1234567", {"pin_password": "1234567"}]
    out = group(*texts)
    assert (out[0], out[2]) == (texts[0], texts[2])
    assert out[1] == {"password": "REDACTED_PASSWORD_1"}


def test_a_short_value_is_replaced_as_a_whole_word_only():
    out = group({"password": "x7Q!" + "kz9"}, "ax7Q!kz9 x7Q!kz9b (x7Q!kz9)")
    assert out[1] == "ax7Q!kz9 x7Q!kz9b (REDACTED_PASSWORD_1)"


def test_both_ways_of_searching_find_the_same(monkeypatch):
    rng = random.Random(5)
    secrets = ["".join(rng.choices("abcXYZ019+/-%", k=rng.randint(8, 20))) for _ in range(40)]
    text = " ".join(
        rng.choice(
            [secret, base64.b64encode(secret.encode()).decode(), f"a{secret}b", urllib.parse.quote(secret)]
        )
        for secret in rng.choices(secrets, k=400)
    )
    found = []
    for few in (0, 1 << 30):
        monkeypatch.setattr(sticky, "_FEW", few)
        found += group(text, held=knowing(*secrets))
    assert found[0] == found[1]
    assert found[0].count("REDACTED_KNOWN_") > 200


def test_a_record_that_cannot_be_searched_stops_no_other():
    deep = []
    for _ in range(5000):
        deep = [deep]
    first, second, third = REDACTOR.redact_all([{"password": WORD}, deep, WORD])
    assert isinstance(first, Clean) and isinstance(second, Unclean)
    assert third.value == "REDACTED_PASSWORD_1"


def test_values_beside_tell_and_are_not_given_back():
    (only,) = REDACTOR.redact_all([{"a": WORD}], beside=[{"password": WORD}])
    assert only.value == {"a": "REDACTED_PASSWORD_1"}


def test_numbers_begin_anew_in_each_record():
    out = group({"password": WORD}, {"secret_key": "Zx9" + "Kq2Lm5Np8Rt"}, f"{WORD} then Zx9" + "Kq2Lm5Np8Rt")
    assert out[2] == "REDACTED_PASSWORD_1 then REDACTED_API_KEY_1"


def test_the_next_conversation_knows_nothing():
    group({"password": WORD})
    assert group(WORD) == [WORD]


def test_what_is_held_goes_on_where_a_conversation_is_cut():
    held = REDACTOR.conversation()
    REDACTOR.redact_all([{"password": WORD}], held=held)
    assert REDACTOR.redact_all([WORD], held=held)[0].value == "REDACTED_PASSWORD_1"


def test_an_unchanged_record_keeps_its_bytes_among_changed_ones():
    lines = [b'{ "a" : "nothing", "n":1.50}', json.dumps({"password": WORD}).encode(), b'{"x": "y"}']
    out = redact_lines(REDACTOR, [(line, json.loads(line)) for line in lines])
    assert (out[0].text, out[2].text) == (lines[0], lines[2])


def test_nothing_known_is_shown():
    held = REDACTOR.conversation()
    (result,) = REDACTOR.redact_all([{"password": WORD}], held=held)
    known = Known(((WORD, "KNOWN"),), (Name("delores", "user"),))
    for shown in (held, known, known.names, result.seen, Redactor(known=known)):
        assert WORD not in repr(shown) and "delores" not in repr(shown)


def test_growth_is_linear_in_the_number_of_values():
    """Ten times the values may not cost a hundred times: they are searched for together."""
    secrets = [f"Zq{number:05d}xW" + "kPm" for number in range(3000)]
    text = " ".join(secrets)
    out = REDACTOR.redact_all([{"password": secret} for secret in secrets] + [text])
    assert not any(secret in out[-1].value for secret in secrets)
