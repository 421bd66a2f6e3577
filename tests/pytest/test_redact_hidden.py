"""What is hidden in an encoding, and random runs that only the words around them give away."""

from __future__ import annotations

import base64
import gzip
import json
import time
import zlib
from itertools import pairwise
from urllib.parse import quote

import pytest
from afs.redact import Redactor
from afs.redact.kinds.entropy import drawn
from afs.redact.rules import joined

REDACTOR = Redactor()
OTHER = Redactor()
GITHUB = joined(["ghp_", "<b62*36>"])
WORD = joined(["Zx9", "<b62*20>"])
RANDOM = joined(["<b62*40>"])
ENV = f"DEBUG=1\nDB_HOST=db.internal\nDB_PASSWORD={WORD}\nLOG_LEVEL=debug and more of it\n"
NOTHING = "DEBUG=1\nDB_HOST=db.internal\nLOG_LEVEL=debug and more of it, and nothing to hide here\n"


def b64(text):
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


def clean(text):
    return REDACTOR.redact(text)[0]


def whole(text, run):
    """Whether a run is replaced as a whole, by one placeholder, and all else is left."""
    before, _, after = text.partition(run)
    out = clean(text)
    return out.startswith(before + "REDACTED_") and out.endswith("_1" + after) and out.count("REDACTED_") == 1


# --- base64 and hexadecimal -------------------------------------------------------------------------

WIDTHS = (60, 64, 70, 76)
ENCODED = {
    "standard": b64(ENV),
    "unpadded": b64(ENV + "x").rstrip("="),
    "url-safe": base64.urlsafe_b64encode(("note: >>>???~~~ " + ENV).encode()).decode().rstrip("="),
    "twice": b64(b64(ENV)),
    "token": b64(f"token: {GITHUB}"),
    "json": b64(json.dumps({"auths": {"registry": {"password": WORD}}})),
    "key": b64("-----BEGIN " + joined(["RSA PRIVATE KEY-----\nMIIE", "<b62*60>", "\n", "<b62*64>", "\n"])),
    "utf-16": b64(f"$env:DB_PASSWORD='{WORD}'; Get-Item x".encode("utf-16-le")),
    "not in English": b64("# 数据库密码和其他秘密在这个文件里 请不要提交到仓库\n# 再说一遍\n" + ENV),
    "byte order mark": b64("\ufeff" + ENV),
    "hex": ENV.encode().hex(),
    "upper hex": ENV.encode().hex().upper(),
    "hex of base64": b64(ENV).encode().hex(),
}
CONTEXTS = (
    "{}",
    "config: {}\n",
    "echo {} | base64 -d > .env",
    '{{"type": "Opaque", "data": {{"env": "{}"}}}}',
    '{{\\"env\\": \\"{}\\"}}',
    "first\\n{}\\nlast",
    "data:text/plain;base64,{}",
    "\x1b[32m{}\x1b[0m",
    "| env | {} |",
    "https://x.org/?state={}",
)


@pytest.mark.parametrize("context", CONTEXTS)
@pytest.mark.parametrize("name", ENCODED)
def test_an_encoded_secret_goes_with_all_of_its_run(name, context):
    run = ENCODED[name]
    text = context.format(run)
    assert whole(text, run)


def test_the_end_of_a_long_run_is_read_too():
    run = b64("a line that says nothing\n" * 45_000 + ENV)
    assert clean(f"x {run} y") == "x REDACTED_PASSWORD_1 y"


def test_a_finding_has_the_type_of_what_is_inside():
    found = REDACTOR.find("x " + ENCODED["token"])
    assert [(one.type, one.rule) for one in found] == [("GITHUB_TOKEN", "github-token")]


def test_the_third_layer_is_left():
    text = b64(b64(b64(ENV)))
    assert clean(text) == text
    assert clean(b64(b64(ENV))) != b64(b64(ENV))


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(
    ("before", "joint"),
    [
        ("", "\n"),
        ("", "\r\n"),
        ("  ", "\n  "),
        ("+", "\n+"),
        ("> ", "\n> "),
        ('"', "\\n"),
        ('\\"', "\\\\n"),
        ('"', "\\r\\n"),
    ],
)
@pytest.mark.parametrize("encode", [b64, lambda text: text.encode().hex()], ids=["base64", "hex"])
def test_wrapped_lines_are_read_together(width, before, joint, encode):
    run = encode(ENV * 3)
    run = joint.join(run[at : at + width] for at in range(0, len(run), width))
    assert clean(f"{before}{run}{joint}done") == f"{before}REDACTED_PASSWORD_1{joint}done"


def test_a_secret_on_the_last_line_takes_the_first_with_it():
    run = base64.encodebytes((NOTHING * 2 + f"DB_PASSWORD={WORD}\n").encode()).decode().strip()
    assert clean(f"$ base64 .env\n{run}\n$ exit\n") == "$ base64 .env\nREDACTED_PASSWORD_1\n$ exit\n"


def test_lines_of_code_after_a_run_stay():
    run = b64(ENV * 2)[:160]
    assert clean(f"{run}\nreturn value\n") == "REDACTED_PASSWORD_1\nreturn value\n"


NOISE = bytes(zlib.crc32(b"%d" % number) & 255 for number in range(1200))
LEFT_ALONE = {
    "nothing to hide": b64(NOTHING * 3),
    "no secret in hex": NOTHING.encode().hex(),
    "image": "data:image/png;base64," + b64(b"\x89PNG\r\n\x1a\n" + NOISE),
    "jpeg": b64(b"\xff\xd8\xff\xe0\x00\x10JFIF" + NOISE),
    "gif": b64(b"GIF89a" + NOISE),
    "pdf": b64(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n" + NOISE),
    "font": "data:font/woff2;base64," + b64(b"wOF2\x00\x01\x00\x00" + NOISE),
    "archive": b64(gzip.compress(ENV.encode(), mtime=0)),
    "blob": b64(NOISE),
    "url-safe blob": base64.urlsafe_b64encode(NOISE).decode(),
    "wrapped blob": base64.encodebytes(NOISE).decode(),
    "digests": "\n".join(joined([f"{n}", "<hex*64>"])[1:] for n in range(20)),
    "integrity": f'"integrity": "sha512-{joined(["<b64*86>"])}==",',
    "certificate": b64("-----BEGIN CERTIFICATE-----\n" + joined(["MIID", "<b62*60>"]) + "\n"),
    "public key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + joined(["<b62*43>"]),
    "escapes of code": "re.compile(r'[\\x00-\\x1f\\x22\\x27]+') + '\\u00e9\\u0022' + \"%2d:%2d %20s\"",
    "html": "<p>if a &lt; b &amp;&amp; c &gt; d: say &quot;hello&quot; &#39;you&#39;</p>",
    "url": "https://x.org/search?q=how%20to%20write%3A%20a%20test%3F&next=%2Fhome%2Fmain",
    "names": "someRatherLongNameInCode another_long_name_of_a_function_in_code SCREAMING_LONG_CONSTANT_NAME",
}


@pytest.mark.parametrize("name", LEFT_ALONE)
def test_what_holds_no_text_or_no_secret_keeps_its_bytes(name):
    text = LEFT_ALONE[name]
    for form in (text, json.dumps({"content": text}), f"x = '{text}' # and so on"):
        assert clean(form) == form


# --- escapes ----------------------------------------------------------------------------------------


def escaped(form):
    return lambda text: "".join(form % ord(char) for char in text)


ROWS = {
    "\\x": escaped("\\x%02x"),
    "\\u": escaped("\\u%04x"),
    "\\U": escaped("\\u%04X"),
    "\\\\u": escaped("\\\\u%04x"),
    "%": escaped("%%%02X"),
    "%lower": escaped("%%%02x"),
    "&#": escaped("&#%d;"),
    "&#x": escaped("&#x%x;"),
}


@pytest.mark.parametrize("form", ROWS)
def test_a_token_written_in_escapes_is_found_to_the_character(form):
    row = ROWS[form](GITHUB)
    assert clean(f'x = "{row}" and so on') == 'x = "REDACTED_GITHUB_TOKEN_1" and so on'


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("{{\\u0022password\\u0022: \\u0022{}\\u0022}}", "{\\u0022password\\u0022: \\u0022@\\u0022}"),
        ("data-x='{{&quot;password&quot;:&quot;{}&quot;}}'", "data-x='{&quot;password&quot;:&quot;@&quot;}'"),
        ("{{\\x22password\\x22:\\x22{}\\x22}}", "{\\x22password\\x22:\\x22@\\x22}"),
        ("/cb?next=https%3A%2F%2Fx.org%2F%3Fclient_secret%3D{}%26y%3D1", None),
        ("/cb?config=%7B%22client_secret%22%3A%22{}%22%7D", "/cb?config=%7B%22client_secret%22%3A%22@%22%7D"),
        ("/cb?next=redis%3A%2F%2F%3A{}%40db%3A6379%2F0%20x", None),
        ("%257B%2522client_secret%2522%253A%2522{}%2522", "%257B%2522client_secret%2522%253A%2522@%2522"),
    ],
)
def test_a_value_between_escapes_is_found_and_the_escapes_stay(text, left):
    left = left or text.replace("{}", "@").replace("{{", "{").replace("}}", "}")
    out = clean(text.format(WORD))
    before, _, after = left.partition("@")
    assert out.startswith(before + "REDACTED_")
    assert out.endswith("_1" + after)


def test_a_value_that_holds_escapes_is_taken_with_them():
    secret = f"{WORD}%2B{WORD}%2F%3D"
    text = f"/cb?config=%7B%22client_secret%22%3A%22{secret}%22%7D"
    assert clean(text) == "/cb?config=%7B%22client_secret%22%3A%22REDACTED_SECRET_1%22%7D"


def test_nested_encodings_are_read_twice():
    text = quote(json.dumps({"env": b64(ENV)}), safe="")
    assert WORD not in clean(text)
    assert "%22env%22" in clean(text)
    assert "REDACTED_" in clean(text)


# --- random runs ------------------------------------------------------------------------------------

BASE64 = joined(["<b62*18>"]) + "+" + joined(["<b62*12>", "9"]) + "/" + joined(["<b62*10>"]) + "="
HEX = joined(["<hex*64>"])
PREY = (
    "the token for the staging deployment is still {}",
    "Use this token when you call the service, please: {}",
    "Here is your new API key:\n\n{}\n\nKeep it safe.",
    "Here is the client secret:\n```\n{}\n```",
    "`{}` is the new password",
    "please rotate the old secret ({}) today",
    'client.login("bob", "{}")  # api key',
    'connect(host, "{}", timeout=3)  # the access token of bob',
    "$ gh auth token\n{}\n",
    "$ gh auth token\\n{}\\n$ ",
    "$ cat ~/.config/app/secret.key\n{}\n",
    "$ openssl rand -base64 32\n{}",
    "$ vault kv get -field=value kv/app\n{}\n",
    "$ pass show work/mail\n{}\n",
    "$ echo $GITLAB_TOKEN\n{}\n",
    "$ kubectl get secret app -o jsonpath='{{.data.x}}' | base64 -d\n{}\n",
    "$ aws secretsmanager get-secret-value --secret-id prod/db --query SecretString --output text\n{}\n",
    'tokens = ["{}", "x"]',
    'API_KEYS: ["{}"]',
    "export APP_PAT={}",
    "STRIPE_SK={}",
    "export SOMETHING_ODD='{}'",
    "| api token | prod | {} |",
    "- password of the admin account - {}",
)


@pytest.mark.parametrize("secret", [RANDOM, BASE64], ids=["base62", "base64"])
@pytest.mark.parametrize("context", PREY)
def test_a_random_run_among_telling_words_is_found(context, secret):
    text = context.format(secret)
    out = clean(text)
    assert secret[:12] not in out
    assert out.count("REDACTED_") == 1
    assert secret[-12:] not in out


def test_random_runs_in_a_list_of_secrets_are_found_by_the_name_of_the_list():
    out = clean({"deviceTokens": [RANDOM, "x"], "nextPageTokens": [RANDOM[::-1]]})
    assert out == {"deviceTokens": ["REDACTED_HIGH_ENTROPY_1", "x"], "nextPageTokens": [RANDOM[::-1]]}


@pytest.mark.parametrize(
    "context",
    ["$ openssl rand -hex 32\n{}\n", "the secret is still {}", 'secrets = ["{}"]', "`{}` is the token"],
)
def test_hexadecimal_of_the_size_of_a_key_needs_the_words_near(context):
    assert HEX not in clean(context.format(HEX))


DECOYS = (
    "{}",
    "$ make\n{}\ndone",
    '"id": "{}", "token_type": "bearer"',
    '{{"tool_use_id": "toolu_{}", "name": "read_token"}}',
    "call_{} was the call that read the token",
    "commit {} fixes the token parser",
    "the token digest: sha256:{}",
    "sha512-{} of the package token-stream",
    "https://docs.example.org/d/{}/edit holds the secret plan",
    "token list at https://x.org/p/{}",
    "trace {} token refresh",
    "the public key is {}",
    "request id {} used 300 tokens",
    "assets/token.{}.js",
    "/nix/store/{}-token-1.0",
    "etag {} for the secret page",
    "a run in prose {} without words",
    'cache_key("{}")',
    "aws list --starting-token {}",
    "export BUILD_SHA={}",
    "IMAGE_TAG={}",
    "_ZN4core3fmt{}E is the symbol of the token type",
    '"signature": "{}", "thinking": "the password"',
    "session id {} and its token",
    "multipart/form-data; boundary={} token",
)


@pytest.mark.parametrize("context", DECOYS)
@pytest.mark.parametrize(
    "run", [RANDOM, joined(["<hex*40>"]), joined(["<url64*30>"])], ids=["b62", "hex", "url64"]
)
def test_a_random_run_that_may_be_an_id_stays(context, run):
    text = context.format(run.strip("-_"))
    assert clean(text) == text


SHAPES = (
    "the secret is not {} but another",
    "this token, {}, is",
)


@pytest.mark.parametrize(
    "run",
    [
        joined(["<hex*8>", "-", "<hex*4>", "-4", "<hex*3>", "-8", "<hex*3>", "-", "<hex*12>"]),
        joined(["<hex*40>"]),
        "01J" + joined(["<up36*23>"]).translate(str.maketrans("ILOU", "JKMN")),
        "someRatherLongCamelCaseName2Of3Things",
        "a-rather-long-name-of-a-kebab-case-thing-2",
        "src/lib/another/path/of/tokens2/parser",
        "abcdefghijklmnopqrstuvwxyz0123456789",
        "1234567890123456789012345678901234567890",
        "aaaaaaaaaaaaaaaa1111111111111111",
        "VERY_LONG_CONSTANT_NAME_FOR_TOKEN_2",
        "test_token_parser_reads_utf8_and_utf16",
        "chatcmpl-" + joined(["<b62*29>"]),
    ],
)
@pytest.mark.parametrize("context", SHAPES)
def test_a_run_with_a_shape_of_its_own_stays(run, context):
    text = context.format(run)
    assert clean(text) == text


def test_random_runs_are_told_from_names():
    drawn_runs = [joined([f"{n}", "<b62*32>"])[1:] for n in range(10, 110)]
    assert sum(drawn(run.encode()) for run in drawn_runs) > 95


# --- all of it --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        *(context.format(ENCODED[name]) for context in CONTEXTS for name in ("standard", "hex", "twice")),
        *(ROWS[form](f"password={WORD} {GITHUB}") for form in ROWS),
        *(context.format(RANDOM) for context in PREY),
    ],
)
def test_twice_is_once_and_the_same_each_time(text):
    once = clean(text)
    assert once != text
    assert clean(once) == once
    assert OTHER.redact(text)[0] == once


HOSTILE = {
    "base64 alphabet": "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    "base64 of text": b64("a line that says nothing at all, of 48 characters"[:48]),
    "base64 of base64": b64(b64("another line that says nothing at all, 48 chars."[:36])),
    "short lines": b64("a line that says nothing at all"[:30]) + "\n",
    "wrapped": b64("a line that says nothing at all, and is long enough, it is")[:76] + "\n",
    "escaped wraps": b64("a line that says nothing at all, and is long enough, it is")[:76] + "\\n",
    "hex": b"any text of sixteen and more".hex(),
    "%41": "%41",
    "%3A": "%3A",
    "%25": "%25",
    "%2525": "%2525252525",
    "\\u0022": "\\u0022",
    "\\\\u0022": "\\\\\\\\u0022",
    "&quot;": "&quot;",
    "&amp;": "&amp;quot;",
    "\\x41": "\\x41",
    "far apart": "%3A" + "a" * 250,
    "just apart": "%3A" + "a" * 300,
    "backslashes": "\\" * 40 + "/",
    "slashes": "aGVsbG8gd29ybGQgaGVs/",
    "random": RANDOM + "/",
    "telling": f"the token {RANDOM[:30]}9 ",
    "tokens": f"{RANDOM[:30]}9 is the token",
    "names": "some_token_name_9",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_time_grows_with_the_length_alone(name):
    piece = HOSTILE[name]
    times = []
    for size in (100_000, 400_000):
        text = (piece * (size // len(piece) + 1))[:size]
        start = time.process_time()
        REDACTOR.find(text)
        times.append(time.process_time() - start)
    assert all(later < 8 * before + 0.4 for before, later in pairwise(times))
