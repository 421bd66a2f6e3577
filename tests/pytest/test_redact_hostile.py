"""Input that is out to get something through: every case comes out clean, in time, or not at all."""

from __future__ import annotations

import base64
import json
import random

import pytest
from afs import jsonl
from afs.redact import Known, Redactor, Unclean, record, redact_line, redact_lines
from afs.redact.findings import check, listed
from afs.redact.known import Name
from afs.redact.needles import spots
from afs.redact.rules import joined, load
from afs.redact.search.colours import bare, plain, views
from afs.redact.search.scan import Scanner
from hypothesis import given, settings
from hypothesis import strategies as st

REDACTOR = Redactor()
TOKEN = joined(["ghp_", "<b62*36>"])
OTHER = joined(["gho_", "<b62*36>"])
PASSWORD = "Tr0ub" + "4dor&3x"
WORD = "Zk8rVq" + "3nLw5T"
EMAIL = "m.jones" + "@" + "corp-mail.com"
CARD = "4539" + "1488" + "0343" + "6467"
GITHUB, HIDDEN = "REDACTED_GITHUB_TOKEN_1", "REDACTED_PASSWORD_1"


def clean(value):
    return REDACTOR.redact(value)[0]


def left(value, *secrets):
    """The eight-character windows of secrets that a value still holds, in any string of it."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return [each[at : at + 8] for each in secrets for at in range(len(each) - 7) if each[at : at + 8] in text]


def strings(parts, most):
    return st.lists(st.sampled_from(parts), max_size=most).map("".join)


def line_of(line):
    return redact_line(REDACTOR, line, jsonl.decode(line))[0]


# --- surrogates and control characters --------------------------------------------------------------


def test_lone_surrogates_stay_and_hide_nothing():
    half, low = "\ud83d", "\udc80"
    value = {
        half + TOKEN: low,
        "a": f"{half}{TOKEN}{low} ",
        "password": PASSWORD + half,
        low: f"see {PASSWORD}{low}",
    }
    assert clean(value) == {
        half + GITHUB: low,
        "a": f"{half}{GITHUB}{low} ",
        "password": HIDDEN,
        low: f"see {HIDDEN}{low}",
    }
    line = json.dumps(value).encode()
    assert not left(json.loads(line_of(line)), TOKEN, PASSWORD)
    untouched = b'{"\\ud83d" : "\\udc00\\ud800"}'
    assert line_of(untouched) is untouched


@pytest.mark.parametrize("code", [*range(32), *range(127, 160)])
def test_a_control_character_beside_a_secret_is_no_shelter(code):
    sign = chr(code)
    value = {
        f"{sign}password": PASSWORD,
        "a": f"{sign}{TOKEN}{sign}",
        "b": f"x{sign}{CARD}{sign}y",
        "c": f"DB_PASSWORD={WORD}{sign}HOME=/root",
        "d": f"{sign}{EMAIL}{sign}",
    }
    out = clean(value)
    assert not left(out, PASSWORD, TOKEN, CARD, WORD, EMAIL)
    if sign in "\0\3\4\t\n\r\x1c\x1d\x1e\x1f":  # between fields
        assert out["c"] == f"DB_PASSWORD={HIDDEN.replace('1', '2')}{sign}HOME=/root"


@pytest.mark.parametrize("sign", "\x01\x02\x07\x08\x0e\x0f\x7f")
def test_a_control_character_inside_a_secret_is_no_shelter(sign):
    assert clean({"a": f"x {TOKEN[:20]}{sign}{TOKEN[20:]} y"}) == {"a": f"x {GITHUB} y"}
    assert clean([f"x {sign.join(TOKEN)} y"]) == [f"x {GITHUB} y"]


@pytest.mark.parametrize("zero", ["\0", "\\u0000", "\\\\u0000"])
def test_utf_16_read_as_bytes_is_searched(zero):
    for text in (f"DB_PASSWORD={PASSWORD} ok", f"see {TOKEN} there"):
        wide = "".join(letter + zero for letter in text)
        out = clean({"a": wide, "b": f"\xff\xfe{wide}"})
        assert not left([each.replace(zero, "") for each in out.values()], TOKEN, PASSWORD)
        assert "REDACTED_" in out["a"] and "REDACTED_" in out["b"]
        assert bare(wide).rstrip("\0") == text or zero != "\0"


def test_zero_bytes_between_variables_stay():
    text = f"PATH=/bin\0DB_PASSWORD={PASSWORD}\0HOME=/root\0"
    assert clean(text) == f"PATH=/bin\0DB_PASSWORD={HIDDEN}\0HOME=/root\0"


# --- marks that nobody sees -------------------------------------------------------------------------

MARKS = list(map(chr, (0xAD, 0x34F, 0x61C, 0x180E, *range(0x200B, 0x2010), *range(0x202A, 0x202F))))
MARKS += map(chr, (*range(0x2060, 0x2070), 0xFE0F, 0xFEFF))
ESCAPED = [json.dumps(mark)[1:-1] for mark in MARKS] + ["\\\\u200b", "\\\\\\\\u200f", "\\uFEFF", "\\u00AD"]


@pytest.mark.parametrize("mark", [*MARKS, *ESCAPED], ids=ascii)
def test_a_mark_without_width_inside_a_secret_is_no_shelter(mark):
    value = {
        "a": f"x {TOKEN[:20]}{mark}{TOKEN[20:]} y",
        "b": f"x {mark.join(TOKEN)} y",
        "c": f"DB_PASS{mark}WORD={WORD} y",
        "d": f"m.jo{mark}nes{EMAIL[7:]}",
        "e": f"see {WORD[:5]}{mark}{WORD[5:]}{mark} y",
        f"pass{mark}word": PASSWORD,
        f"{TOKEN[:9]}{mark}{TOKEN[9:]}": 1,
    }
    assert clean(value) == {
        "a": f"x {GITHUB} y",
        "b": f"x {GITHUB} y",
        "c": f"DB_PASS{mark}WORD={HIDDEN} y",
        "d": "user1@example.com",
        "e": f"see {HIDDEN}{mark} y",
        f"pass{mark}word": "REDACTED_PASSWORD_2",
        GITHUB: 1,
    }
    assert clean(clean(value)) == clean(value)


@pytest.mark.parametrize("mark", MARKS, ids=ascii)
def test_a_mark_without_width_between_words_keeps_them_apart(mark):
    value = {"a": f"x{mark}{CARD}{mark}y", "b": f"the{mark}{TOKEN}", "c": f"{EMAIL}{mark}"}
    assert clean(value) == {
        "a": f"x{mark}REDACTED_CARD_1{mark}y",
        "b": f"the{mark}{GITHUB}",
        "c": f"user1@example.com{mark}",
    }


def test_marks_colours_and_escapes_mixed():
    text = (
        "x \x1b[32m" + TOKEN[:9] + "\u200b\x1b[0m" + TOKEN[9:20] + "\\u001b[1m\xad" + TOKEN[20:] + "\x1b[K y"
    )
    assert clean(text) == f"x \x1b[32m{GITHUB}\x1b[K y"
    assert bare(text) == f"x {TOKEN} y"


def test_what_is_not_seen_hides_nothing_that_is_known():
    held = REDACTOR.conversation()
    held.know(Known(((WORD, "KNOWN"), (f"so{chr(0xAD)}ft-" + "value", "KNOWN")), (Name("zelda", "user"),)))
    texts = [
        f"{WORD[:4]}\u200f{WORD[4:]}",
        f"{WORD[:4]}\x1b[31m{WORD[4:]}",
        "a soft-" + "value",
        "/home/ze\u200blda/x",
    ]
    out = [one.value for one in REDACTOR.redact_all([texts, "zelda" + "@host1 said"], held=held)]
    assert out[0] == ["REDACTED_KNOWN_1", "REDACTED_KNOWN_1", "a REDACTED_KNOWN_2", "/home/user1/x"]


def test_what_is_not_seen_is_not_forgotten(monkeypatch):
    """However little is remembered, and whichever record of a conversation tells the value."""
    values = [f"{WORD[:4]}\u200f{WORD[4:]}", [f"{WORD[:5]}\x1b[31m{WORD[5:]}", "x" * 40], f"password: {WORD}"]
    for room in (record._MEMO, 50, 0):
        monkeypatch.setattr(record, "_MEMO", room)
        monkeypatch.setattr(record, "_MEMO_TEXT", room // 2)
        redactor = Redactor()
        for order in (values, values[::-1], [*values, *values]):
            out = [one.value for one in redactor.redact_all(order)]
            assert WORD[4:8] not in repr(out)
            assert repr(out).count("REDACTED_PASSWORD_1") == len(order)


def test_hyperscan_sees_what_is_not_seen(monkeypatch, tmp_path):
    pytest.importorskip("hyperscan")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    table = load()
    fast, slow = Scanner(*table, accelerated=True), Scanner(*table, accelerated=False)
    for sign in [
        *MARKS,
        *ESCAPED,
        *map(chr, (*range(32), 127)),
        "\x1b[1m",
        "\\u001b[0m",
        "\\033[1;2m",
        "\\e[K",
    ]:
        for text in (
            f"x {TOKEN[:9]}{sign}{TOKEN[9:]} y",
            sign.join(TOKEN),
            f"DB_PASS{sign}WORD={WORD}{sign}",
        ):
            assert fast.find(text) == slow.find(text)


@settings(max_examples=300)
@given(strings([*"aB1 \\u0x[;m", "\x1b", "\0", "\xad", "\u200b", "\ufeff", "\\u200b", "\x1b[0m"], 30))
def test_places_count_back_to_what_they_were(text):
    for seen, back in views(text):
        for start in range(len(seen)):
            for end in range(start + 1, len(seen) + 1):
                first, last = back(start, end) if back else (start, end)
                assert (text[first] + text[last - 1]).replace("\0", "\n") == seen[start] + seen[end - 1]
    assert plain(text) is None or len(plain(text)[0]) < len(text)


# --- encodings --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "encode", [base64.b64encode, base64.urlsafe_b64encode, lambda data: data.hex().encode()]
)
def test_two_layers_of_an_encoding_are_read_and_a_third_is_not(encode):
    """docs/redaction.md says so: two deep."""
    text = f"API_KEY={TOKEN} ok"
    for layer in range(4):
        assert (clean({"a": text}) == {"a": text}) == (layer == 3)
        text = encode(text.encode()).decode()


def test_base64_of_a_known_value_is_found_at_every_offset_in_one_layer():
    value = [
        {"password": PASSWORD},
        *(base64.b64encode(f"{'x' * n}{PASSWORD}".encode()).decode() for n in range(6)),
    ]
    out = clean(value)
    assert out[:2] == [{"password": HIDDEN}, HIDDEN]
    assert out[2:] == [f"REDACTED_PASSWORD_{n}" for n in range(2, 7)]


# --- keys -------------------------------------------------------------------------------------------


def test_keys_that_are_secrets_at_any_depth():
    value = {TOKEN: {OTHER: [{TOKEN: {OTHER: TOKEN}}]}, f"x {OTHER}": 1, EMAIL: 2, CARD: 3}
    other = "REDACTED_GITHUB_TOKEN_2"
    assert clean(value) == {
        GITHUB: {other: [{GITHUB: {other: GITHUB}}]},
        f"x {other}": 1,
        "user1@example.com": 2,
        "REDACTED_CARD_1": 3,
    }


def test_keys_that_collide_keep_all_values():
    marked = f"{TOKEN[:9]}\u200b{TOKEN[9:]}"
    value = {TOKEN: 1, marked: 2, GITHUB: 3, f"{GITHUB}_2": 4}
    out = clean(value)
    assert list(out.values()) == [1, 2, 3, 4] and len(out) == 4 and not left(out, TOKEN)


def test_no_pointer_tells_a_key():
    value = {
        TOKEN: {f"a/{WORD}~": {"password": WORD, f"{WORD[:6]}\u200b{WORD[6:]}": [OTHER]}},
        EMAIL: [int(CARD)],
        CARD: TOKEN,
    }
    held = REDACTOR.conversation()
    (seen,) = REDACTOR.check_all([value], held)
    rows = list(listed(REDACTOR, value, seen, held, b"k" * 32))
    assert len(rows) >= 8
    for pointer, finding, tag in rows:
        assert not left([pointer, finding.rule, tag], TOKEN, OTHER, WORD, EMAIL, CARD)
        assert "\u200b" not in pointer


# --- numbers ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "number", [CARD, CARD + ".0", CARD[0] + "." + CARD[1:] + "e15", "3782" + "822463" + "10005"]
)
def test_a_number_that_is_a_card_becomes_text(number):
    line = '{"a":%s,"b":[%s,1.5],"c":{"card_number":%s},"ts":1700000000000,"f":1700000000.25}'
    line = line.replace("%s", number)
    assert line_of(line.encode()) == (
        b'{"a":"REDACTED_CARD_1","b":["REDACTED_CARD_1",1.5],"c":{"card_number":"REDACTED_CARD_1"},'
        b'"ts":1700000000000,"f":1700000000.25}'
    )
    pointers = [one.pointer for one in check(REDACTOR, json.loads(line))]
    assert pointers == ["/a", "/b/0", "/c/card_number"]


def test_a_card_of_19_digits_needs_its_name():
    digits = CARD + "12"
    total = sum(sum(divmod(int(d) * (2 - n % 2), 10)) for n, d in enumerate(reversed(digits)))
    number = int(f"{digits}{-total % 10}")
    assert clean({"card_number": number, "n": 1}) == {"card_number": "REDACTED_CARD_1", "n": 1}
    assert clean({"n": number}) == {"n": number}


def test_numbers_that_are_none_keep_their_bytes():
    line = (
        b'{"ts":1700000000000,"ms":1772359200123.0,"us":1700000000000000,"ns":1700000000000000000,'
        b'"id":1234567890123456789,"snowflake":175928847299117063,"f":1.50,"e":1E5,"z":-0.0,"n":-4539148803436467,'
        b'"h":18446744073709551615,"x":12345678901234567890123,"t":[10000000000000,99999999999999999]}'
    )
    assert line_of(line) is line


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"a":NaN,"b":"%s"}', "nan"),
        (b'{"a":-Infinity,"b":"%s"}', "nan"),
        (b'{"a":1e999,"b":"%s"}', "number"),
        (b'{"a":' + b"9" * 5000 + b',"b":"%s"}', "number"),
        (b'{"a":18446744073709551616,"b":"%s"}', "number"),
        (b'{"a":0.10000000000000000555,"b":"%s"}', "number"),
    ],
)
def test_a_number_that_cannot_be_kept_is_said_and_nothing_shown(line, reason):
    with pytest.raises(jsonl.Bad) as caught:
        line_of(line.replace(b"%s", TOKEN.encode()))
    assert caught.value.reason == reason and not left(str(caught.value), TOKEN)


# --- lines of keys ----------------------------------------------------------------------------------


def pem_lines(kind="RSA PRIVATE", seed=3):
    rng = random.Random(seed)
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    body = ["".join(rng.choices(letters, k=64)) for _ in range(7)] + [
        "".join(rng.choices(letters, k=38)) + "=="
    ]
    return [f"-----BEGIN {kind} " + "KEY-----", *body, f"-----END {kind} " + "KEY-----"]


BREAKS = {
    "LF": "\n".join,
    "CRLF": "\r\n".join,
    "CR": "\r".join,
    "escaped once": r"\n".join,
    "escaped twice": r"\\n".join,
    "escaped four times": ("\\" * 8 + "n").join,
    "<br>": "<br>".join,
    "<br />": "<br />\n".join,
    "percent": "%0A".join,
    "percent CRLF": "%0D%0A".join,
    "entity": "&#10;".join,
    "quoted": lambda lines: "\n".join(f'"{line}\\n"' for line in lines),
    "concatenated": lambda lines: "key = " + " +\n      ".join(f"'{line}\\n'" for line in lines) + ";",
    "YAML": lambda lines: "key: |\n" + "\n".join(f"    {line}" for line in lines),
    "diff": lambda lines: "\n".join(f"+{line}" for line in lines),
    "removed": lambda lines: "\n".join(f"-{line}" for line in lines),
    "cat -n": lambda lines: "\n".join(f"{n:6d}\t{line}" for n, line in enumerate(lines, 1)),
    "numbered": lambda lines: "\n".join(f"{n:5d}\u2192{line}" for n, line in enumerate(lines, 1)),
    "grep": lambda lines: "\n".join(f"certs/server.pem:{n}:{line}" for n, line in enumerate(lines, 1)),
    "colours": lambda lines: "\n".join(f"\x1b[32m+\x1b[m\x1b[32m{line}\x1b[m" for line in lines),
    "blank lines": "\n\n".join,
    "one line": " ".join,
    "Markdown": lambda lines: "\n".join(f"> {line}" for line in lines),
    "a service's log": lambda lines: "\n".join(f"app-1  | {line}" for line in lines),
    "marks": "\u200b\n".join,
}


@pytest.mark.parametrize("form", BREAKS)
def test_a_key_is_found_whatever_breaks_its_lines(form):
    lines = pem_lines()
    text = f"see\n{BREAKS[form](lines)}\nend"
    for value in (text, json.dumps({"k": text}), json.dumps(json.dumps({"k": text}))):
        out = clean({"a": value})
        assert not any(
            line[at : at + 16] in out["a"] for line in lines[1:-1] for at in range(0, len(line) - 15, 8)
        )
        assert "REDACTED_PRIVATE_KEY_1" in out["a"] and "end" in out["a"]


def test_a_private_key_in_a_line_an_item_is_found():
    lines = pem_lines()
    for value in (
        [*lines],
        [{"line": line} for line in lines],
        [{"n": n, "text": line} for n, line in enumerate(lines)],
    ):
        out = clean({"x": value})
        assert not left(out, *lines[1:-1]) and "REDACTED_PRIVATE_KEY_1" in json.dumps(out)


# --- shapes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("depth", [100, 250, 300, 900, 100_000])
def test_a_deep_value_is_searched_or_not_passed_on(depth):
    line = b'{"a":' + b"[" * depth + b'"%s"' % TOKEN.encode() + b"]" * depth + b"}"
    try:
        out = line_of(line)
    except (Unclean, jsonl.Bad) as error:
        assert depth > 250 and "deep" in str(error) and not left(str(error), TOKEN)
    else:
        assert GITHUB.encode() in out and TOKEN.encode() not in out


@pytest.mark.parametrize(
    ("line", "out"),
    [
        (b'{"a":"%s","a":"x"}', b'{"a":"x"}'),
        (b'{"a":{"b":"%s","b":1},"c":[{"b":"%s","b":2}]}', b'{"a":{"b":1},"c":[{"b":2}]}'),
        (b'{"%s":1,"%s":2}', b'{"REDACTED_GITHUB_TOKEN_1":2}'),
        (b'{"a":"%s","\\u0061":1}', b'{"a":1}'),
    ],
)
def test_a_key_that_comes_twice_passes_nothing_on(line, out):
    assert line_of(line.replace(b"%s", TOKEN.encode())) == out


def test_empty_strings_and_keys():
    value = {"": "", "a": {"": {"": [""]}}, "password": "", "b": [[], {}, "", None]}
    assert clean(value) is value
    assert clean({"": f"{TOKEN}", "password": ""}) == {"": GITHUB, "password": ""}


# --- placeholders -----------------------------------------------------------------------------------

TAKEN = [
    ("REDACTED_GITHUB_TOKEN_1", TOKEN, "REDACTED_GITHUB_TOKEN_2"),
    ("user1@example.com", EMAIL, "user2@example.com"),
    ("192.0.2.1", "81.2.69" + ".142", "192.0.2.2"),
    ("2001:db8::1", "2a02:2f0f:" + "8301::5e:21", "2001:db8::2"),
    ("00:00:5e:00:53:01", "3c:22:fb:" + "1a:34:56", "00:00:5e:00:53:02"),
    ("/home/user1/x", "/home/" + "margarethe/x", "/home/user2/x"),
    ("REDACTED_CARD_1", CARD, "REDACTED_CARD_2"),
]


@pytest.mark.parametrize(("there", "secret", "next_one"), TAKEN)
def test_a_placeholder_that_is_there_is_passed_over(there, secret, next_one):
    for value in (
        [there, secret],
        [secret, there],
        {there: secret},
        {"a": f"{there} and", "b": {"c": [secret]}},
    ):
        text = json.dumps(clean(value))
        assert next_one in text and there in text and secret not in text


def test_placeholders_of_every_form_stay():
    forms = "REDACTED_X_7 user3@example.com 192.0.2.5 198.51.100.7 2001:db8::2 2001:db8::1f /home/user4/x"
    forms += " 00:00:5e:00:53:09"
    for value in (forms, forms.split(), dict.fromkeys(forms.split(), forms), json.dumps(forms.split())):
        assert clean(value) is value


def test_a_value_that_holds_a_placeholder_is_a_value():
    rest = joined(["<b62*20>"])
    for value in (
        {"password": f"ab{HIDDEN}xK9qLm2vR"},
        f"token=REDACTED_TOKEN_1{rest}",
        {"api_key": f"{rest}REDACTED_API_KEY_1"},
    ):
        out = clean(value)
        assert not left(out, rest, "xK9qLm2vR") and clean(out) == out


def test_room_runs_out_into_the_next_range_and_then_into_the_general_form():
    public = [f"81.{2 + i // 200}.{69 + i % 3}.{i % 200 + 10}" for i in range(800)]
    out = clean([f"connect to {address} now" for address in public])
    names = [text.split()[2] for text in out]
    assert len(set(names)) == 800
    assert names[253] == "192.0.2.254" and names[254] == "198.51.100.1" and names[508] == "203.0.113.1"
    assert names[761] == "203.0.113.254" and names[762:] == [f"REDACTED_IP_{n}" for n in range(763, 801)]
    assert clean(out) is out


# --- values in values -------------------------------------------------------------------------------

SHORT = WORD
LONG = WORD + "9pXw" + "Kd2m"


def test_values_that_are_beginnings_of_others():
    for first, second in ((SHORT, LONG), (LONG, SHORT)):
        value = [{"password": first}, {"secret_key": second}, f"{SHORT} {LONG} {LONG}{SHORT} x{LONG}y"]
        out = clean(value)
        assert not left(out, SHORT, LONG)


def test_of_values_that_overlap_nothing_stays():
    first, second = LONG, LONG[8:] + "Qx4Rs" + "6Yh"
    for text in (
        first + second[12:],
        f"x {first}{second[12:]} y",
        base64.b64encode((first + second[12:]).encode()).decode(),
    ):
        for values in ((first, second), (second, first)):
            out = clean([{"password": values[0]}, {"api_key": values[1]}, text])
            assert not left(out, first, second) and out[2] != text


def test_findings_that_overlap_become_one():
    out = clean(f"https://u:{TOKEN}@h.example.org/?access_token={TOKEN}&x={TOKEN}:{OTHER}")
    assert not left(out, TOKEN, OTHER) and out.startswith("https://u:REDACTED_")


@settings(max_examples=200)
@given(
    st.lists(st.text("ab", min_size=1, max_size=4), max_size=8),
    st.text("ab\u200b", max_size=20),
    st.sampled_from([0, 99]),
)
def test_many_literals_are_found_as_one_by_one(literals, text, few):
    found = sorted(spots(literals, few)(text))
    assert found == sorted(
        (at, at + len(each)) for each in set(literals) for at in range(len(text)) if text.startswith(each, at)
    )


# --- any value --------------------------------------------------------------------------------------

planted = st.sampled_from(
    [
        TOKEN,
        OTHER,
        f"DB_PASSWORD={PASSWORD}",
        f"\u200b{TOKEN[:9]}\u200f{TOKEN[9:]}",
        f'{{"password": "{WORD}"}}',
        base64.b64encode(f"x={TOKEN}".encode()).decode(),
        EMAIL,
        "/home/" + "margarethe/x",
        "REDACTED_PASSWORD_1",
    ]
)
sides = strings([*" \n\t,;)<>\"'", "\u200b", "\0", "\x1b[0m", "\ud800", "é", "日", "\\n"], 3)
texts = st.tuples(sides, planted, sides).map("".join) | st.text(max_size=10)
values = st.recursive(
    texts | st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(texts, inner, max_size=4)
        | st.lists(texts.map(lambda text: {"delta": {"text": text}}), max_size=4)
    ),
    max_leaves=8,
)


@settings(max_examples=400)
@given(st.dictionaries(texts, values, max_size=4))
def test_no_planted_value_comes_out_and_twice_is_once(value):
    line = json.dumps(value).encode()
    try:
        out, counts = redact_line(REDACTOR, line, json.loads(line))
    except jsonl.Bad as error:
        assert error.reason == "number"
        return
    assert not left(bare(out.decode()), TOKEN, OTHER, EMAIL) and not left(
        json.loads(out), TOKEN, OTHER, EMAIL
    )
    assert (out is line) == (not counts)
    again, more = redact_line(REDACTOR, out, json.loads(out))
    assert again == out and not more


@settings(max_examples=150)
@given(
    st.binary(max_size=20), st.integers(0, 60), st.sampled_from([b'{"a":"%s"}', b'{"a":["%s",1,{"b":"%s"}]}'])
)
def test_a_line_that_does_not_parse_is_never_passed_on(junk, at, line):
    line = line.replace(b"%s", TOKEN.encode())
    line = line[:at] + junk + line[at:]
    try:
        out = line_of(line)
    except (jsonl.Bad, Unclean) as error:
        assert not left(str(error), TOKEN)
    else:
        assert jsonl.decode(out) is not None
        if at > 50 or not junk:
            assert TOKEN.encode() not in out


def test_one_record_that_cannot_be_written_stops_no_other_of_its_conversation():
    lines = [b'{"a":"%s","n":123456789012345678901234567890}', b'{"a":"%s"}', b'{"b":"nothing"}']
    lines = [line.replace(b"%s", TOKEN.encode()) for line in lines]
    first, second, third = redact_lines(REDACTOR, [(line, jsonl.decode(line)) for line in lines])
    assert isinstance(first, jsonl.Bad) and third.text is lines[2]
    assert second.text == f'{{"a":"{GITHUB}"}}'.encode()
