"""What is found in one text: contexts, forms, decoys, and time that grows with the length alone."""

from __future__ import annotations

import json
import time
from itertools import pairwise

import pytest
from afs.redact import Redactor
from afs.redact.kinds.judge import Judge, oddness
from afs.redact.rules import joined, load

REDACTOR = Redactor()
DASHES = "-" * 5


def clean(text):
    return REDACTOR.redact(text)[0]


def lost(text, secret):
    """Whether no eight characters in a row of a secret are left."""
    out = clean(text)
    return out != text and not any(secret[at : at + 8] in out for at in range(max(1, len(secret) - 7)))


# --- the original's misses --------------------------------------------------------------------------

AWS_ID = "AKIA" + "IOSFODNN7" + "EXAMPLE"
AWS_SECRET = "wJalrXUtn" + "FEMI/K7MDENG/" + "bPxRfiCY" + "EXAMPLEKEY"
STRIPE = "sk_test_" + "4eC39HqLyj" + "WDarjtT1" + "zdp7dc"
JWT = ".".join(("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9", "eyJzdWIiOiIxMjM0NTY3ODkwIn0", "dozjgNryP4J3jVmN"))


@pytest.mark.parametrize("start", ["gho_", "ghs_", "ghu_", "ghr_", "ghp_"])
def test_every_token_of_github_is_found(start):
    token = joined([start, "<b62*36>"])
    assert clean(f"git clone with {token}.") == "git clone with REDACTED_GITHUB_TOKEN_1."


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("Authorization: Bearer {}", joined(["<b62*32>"])),
        ("{}", joined(["glpat-", "<url64*20>"])),
        ("{}", joined(["sk-proj-", "<url64*48>"])),
        ("{}", joined(["sk-or-v1-", "<hex*64>"])),
        ("{}", joined(["ASIA", "<b32*16>"])),
        ("aws_secret_access_key = {}", AWS_SECRET),
        ('AWS_SECRET_ACCESS_KEY="{}"', AWS_SECRET),
        ("{}", AWS_ID),
        ("{}", joined(["hf_", "<let*34>"])),
        ("{}", joined(["npm_", "<b62*36>"])),
        ("{}", JWT),
        ("{}", STRIPE),
        ("postgres://app:{}@db.internal/app", joined(["<b62*12>"])),
        ("password={}", "hunter2!" + "x9"),
        ("/home/{}/src", "margarethe"),
        ("write to {} please", "margarethe" + "@" + "corp-mail.com"),
    ],
)
def test_what_the_original_missed_is_found(text, secret):
    assert lost(text.format(secret), secret)


def test_a_word_that_ends_like_a_prefix_is_no_key():
    text = "the risk-abcdefghijklmnopqrstuvwxy is low, and a task-ghijklmnopqrstuvwxyzabcd, too"
    assert clean(text) == text


# --- contexts ---------------------------------------------------------------------------------------

TOKEN = joined(["ghp_", "<b62*36>"])
PASSWORD = "Tr0ub" + "4dor&3x"


@pytest.mark.parametrize(
    "form",
    [
        "{}",
        "({})",
        "x={}",
        "x:{}",
        "'{}'",
        "`{}`",
        "a\\n{}\\nb",
        "a\\t{}",
        "a\\\\n{}",
        "x\\u003d{}",
        "q%3D{}%26",
        "\x1b[33m{}\x1b[0m",
        "\\u001b[1;33m{}\\u001b[0m",
        "&quot;{}&quot;",
        "https://x.org/a/{}",
        "日本{}語",
        "“{}”",
        "name_{}",
    ],
)
def test_a_token_is_found_glued_to_anything_but_a_word(form):
    text = form.format(TOKEN)
    assert clean(text) == form.format("REDACTED_GITHUB_TOKEN_1")


def deep(value, depth):
    for _ in range(depth):
        value = json.dumps({"x": value})
    return value


@pytest.mark.parametrize("depth", [0, 1, 2, 3, 4])
@pytest.mark.parametrize(
    "form",
    [
        "DB_PASSWORD={}\nB=1",
        'export DB_PASSWORD="{}"\nmake',
        "db:\n  password: {}\n",
        '{{"password": "{}"}}',
        "+  password: '{}'",
        "    12→DB_PASSWORD={}",
        "mysql --password={} -u x",
        "- name: DB_PASSWORD\n  value: {}\n",
        "<password>{}</password>",
        "| password | {} |",
        "the password is {}, remember",
    ],
)
def test_a_named_value_is_found_at_any_depth_of_json(form, depth):
    value = deep(form.format(PASSWORD), depth)
    assert "Tr0ub" not in clean(value)
    for _ in range(depth):
        value = json.loads(clean(value))["x"]  # and the JSON is still JSON


@pytest.mark.parametrize(
    "text",
    [
        "max_tokens = 4096",
        'max_tokens: "a1b2c3d4e5f6g7h8i9"',
        'cache_key = "d41d8cd98f00b204e9800998ecf8427e"',
        "sorted(rows, key=lambda row: row.name)",
        "password = config.password",
        "password = getpass('Password: ')",
        "password = os.environ['DB_PASSWORD']",
        "DB_PASSWORD=${DB_PASSWORD}",
        "DB_PASSWORD=$(pass show db)",
        "password: <your password here>",
        "password: ********",
        "password: str | None = None",
        "token: Optional[str] = None",
        "api_key=YOUR_API_KEY",
        "api_key = 'your-api-key-here'",
        "password is required",
        "the token is invalid",
        "the key is 32 bytes long",
        "import secrets; secrets.token_hex(32)",
        "tokenizer = AutoTokenizer.from_pretrained('gpt2-medium-v2')",
        "keyboard = 'qwertz-1234-abcd'",
        "if password == confirm_password: return",
        "PWD=/work/src/project",
        "compass = 'north-123-abc'",
        "type: kubernetes.io/tls-secret-1",
        "def login(user: str, password: str) -> bool:",
        "password=password&user=user",
        'curl -H "Authorization: Bearer $TOKEN" https://api.example.com',
        "http://localhost:8080/@scope/package",
        "docker run -p 8080:80 mysql -p3306:3306",
        "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n-----END PUBLIC KEY-----",
    ],
)
def test_talk_of_secrets_is_no_secret(text):
    assert clean(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "commit 3f786850e387550fdab836ed7e6dc881de23001b",
        "index 3f78685..89e6c98 100644",
        '"session_id": "fa24fee9-636c-405a-b4bd-5c35ae3bde6d"',
        '"integrity": "sha512-' + joined(["<b64*86>"]) + '=="',
        "sha256:" + joined(["<hex*64>"]),
        "--hash=sha256:" + joined(["<hex*64>"]),
        "golang.org/x/sys v0.1.0 h1:" + joined(["<b64*43>"]) + "=",
        "![x](data:image/png;base64,iVBORw0KGgo" + joined(["<b64*400>"]) + ")",
        '"tool_use_id": "toolu_' + joined(["<b62*24>"]) + '"',
        '"call_id": "call_' + joined(["<b62*24>"]) + '"',
        '"id": "msg_' + joined(["<b62*24>"]) + '"',
        '"requestId": "req_' + joined(["<b62*24>"]) + '"',
        '"encrypted_content": "gAAAAAB' + joined(["<url64*500>"]) + '"',
        '"signature": "' + joined(["<b64*200>"]) + '"',
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + joined(["<b64*43>"]),
        "/nix/store/" + joined(["<low36*32>"]) + "-hello-2.12",
        "main." + joined(["<hex*20>"]) + ".js",
        "user@example.com, git@github.com:a/b.git, noreply@github.com, lodash@4.17.21",
        "/home/user/x /home/runner/work /Users/Shared https://x.org/home/page /api/users/me",
        "00000000: 7f45 4c46 0201 0100 0000 0000 0000 0000  .ELF............",
    ],
)
def test_hashes_and_ids_stay(text):
    assert clean(text) == text


# --- private keys in the forms of logs --------------------------------------------------------------

BODY = [joined(["MIIE", "pA", "IBAA", "KCAQEA", "<b64*48>"])]
BODY += [joined(["<b64*62>", f"{index:02d}"]) for index in range(10)] + [joined(["<b64*30>", "=="])]
KIND = "RSA PRIVATE" + " KEY"
PEM = [f"{DASHES}BEGIN {KIND}{DASHES}", *BODY, f"{DASHES}END {KIND}{DASHES}"]
FORMS = {
    "plain": "\n".join(PEM),
    "carriage returns": "\r\n".join(PEM),
    "escaped": "\\n".join(PEM),
    "escaped twice": "\\\\n".join(PEM),
    "escaped with returns": "\\r\\n".join(PEM),
    "added in a diff": "\n".join(f"+{line}" for line in PEM),
    "removed in a diff": "\n".join(f"-{line}" for line in PEM),
    "numbered": "\n".join(f"{number:6d}\u2192{line}" for number, line in enumerate(PEM, 95)),
    "numbered with bars": "\n".join(f" {number} | {line}" for number, line in enumerate(PEM)),
    "found by grep": "\n".join(f"key.pem-{number}-{line}" for number, line in enumerate(PEM)),
    "echoed": "\n".join(f'echo "{line}" >> key' for line in PEM),
    "indented": "\n".join(f"      {line}" for line in PEM),
    "joined in code": " +\n".join(f'  "{line}\\n"' for line in PEM),
    "a list": json.dumps(PEM),
    "a list in text": json.dumps(json.dumps(PEM, indent=1)),
    "quoted mail": "\n".join(f"> {line}" for line in PEM),
    "a comment": "\n".join(f"# {line}" for line in PEM),
    "coloured": "\n".join(f"\x1b[32m+{line}\x1b[m" for line in PEM),
    "one line": " ".join(PEM),
    "web page": "<br>".join(PEM),
    "percent": "%0A".join(PEM),
    "with headers": "\n".join([PEM[0], "Proc-Type: 4,ENCRYPTED", "DEK-Info: AES-128-CBC,AB12", "", *PEM[1:]]),
    "end cut off": "\n".join(PEM[:7]) + "\n... [truncated]",
    "cut inside a line": "\n".join(PEM[:7]) + "\n" + PEM[7][:30],
    "beginning cut off": "\n".join(PEM[4:]),
    "no armour": "".join(BODY),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_private_key_goes_whole(form):
    text = f"This is it:\n{FORMS[form]}\nand the text goes on with internationalization"
    out = clean(text)
    for line in BODY:
        assert not any(line[at : at + 12] in out for at in range(len(line) - 11))
    assert "internationalization" in out
    assert "REDACTED_PRIVATE_KEY_1" in out


def test_armour_without_a_key_stays():
    text = f"{PEM[0]}\n...\n{PEM[-1]} and grep 'BEGIN {KIND}' *"
    assert clean(text) == text


# --- findings ---------------------------------------------------------------------------------------


def test_findings_are_in_order_and_apart():
    text = f"a {TOKEN} b https://u:{PASSWORD}@h {AWS_ID} password={PASSWORD} {JWT}"
    found = REDACTOR.find(text)
    assert [one.type for one in found] == ["GITHUB_TOKEN", "URL_PASSWORD", "AWS_KEY_ID", "PASSWORD", "JWT"]
    assert all(a.end <= b.start for a, b in pairwise(found))
    assert text[found[0].start : found[0].end] == TOKEN
    assert REDACTOR.find("") == REDACTOR.find("nothing here") == []


def test_of_two_claims_the_lower_level_names_the_union():
    (one,) = REDACTOR.find(f"Authorization: Bearer {TOKEN}")
    assert (one.type, one.rule) == ("GITHUB_TOKEN", "github-token")
    (one,) = REDACTOR.find(f'password="{TOKEN}!and-more"')
    assert one.end - one.start == len(TOKEN) + len("!and-more")


def test_offsets_are_characters_of_any_alphabet():
    for before in ("é", "日本語 ", "😀 ", "\ud800 ", "\0"):
        (one,) = REDACTOR.find(f"{before} {TOKEN}")
        assert one.start == len(before) + 1


# --- the judge --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "strength"),
    [
        ("abc", 0),
        ("None", 0),
        ("${X}", 0),
        ("{{ x }}", 0),
        ("<password>", 0),
        ("%s:%s", 0),
        ("xxxxxxxxxxxx", 0),
        ("config.password", 0),
        ("get_token(", 0),
        ("/etc/ssl/key", 0),
        ("server.key", 0),
        ("sha256", 0),
        ("your-token-here", 0),
        ("my secret password", 0),
        ("12345", 0),
        ("12345678", 1),
        ("letmein", 1),
        ("correct-horse-battery-staple", 2),
        ("hunter2", 2),
        ("P@ssw0rd", 3),
        ("Winter2024!", 3),
        (joined(["<b62*24>"]), 4),
        (joined(["<hex*32>"]), 4),
        ("fa24fee9-636c-405a-b4bd-5c35ae3bde6d", 4),
        ("REDACTED_PASSWORD_1", 0),
    ],
)
def test_strength_of_a_value(value, strength):
    assert Judge(load()[1]).strength(value) == strength


def test_oddness_tells_names_from_random_text():
    names = ["get_current_user_password", "test_find_max_subarray", "internationalization", "CamelCaseName"]
    assert max(map(oddness, names)) < 0.2
    drawn = [joined([f"<{alphabet}*40>"]) for alphabet in ("b62", "low36", "hex", "url64", "b64", "b32")]
    assert min(map(oddness, drawn)) > 0.25


# --- hostile input ----------------------------------------------------------------------------------


def seconds(text):
    start = time.process_time()
    REDACTOR.find(text)
    return time.process_time() - start


@pytest.mark.parametrize("sign", [*'a="\\/@-$:', "a=", '\\"', "://", "=a&", "-----"])
def test_a_megabyte_of_one_sign_takes_time_in_step_with_its_length(sign):
    half = sign * ((1 << 19) // len(sign))
    seconds(half)  # what is loaded once is no matter of the length
    assert seconds(half * 2) < 4 * seconds(half) + 0.5


@pytest.mark.slow
def test_no_rule_is_slow_on_its_own_words_over_and_over():
    for rule in REDACTOR.rules:
        words = [*rule.starts[:1], *rule.anchors[:1], *(joined(example) for example in rule.hit[:1])]
        for word in words:
            for glue in ("", "=", '"', " "):
                text = (word + glue) * ((1 << 13) // len(word + glue))
                assert seconds(text) < 0.3, (rule.id, glue)


@pytest.mark.slow
def test_no_rule_is_slow_on_its_words_before_a_wall():
    for rule in REDACTOR.rules:
        example = joined(rule.hit[0]) if rule.hit else ""
        for cut in (len(example) // 3, 2 * len(example) // 3):
            for wall in ("a", '"', "\\", "=", "-", " "):
                assert seconds(example[:cut] + wall * (1 << 14)) < 0.4, (rule.id, cut, wall)


def test_long_strings_are_searched_to_their_end():
    text = "lorem ipsum dolor sit amet " * 200_000
    assert [one.rule for one in REDACTOR.find(text + TOKEN)] == ["github-token"]
    long = joined(["sk-ant-api03-", "<url64*100>"]) * 1000
    assert clean(f"x {long} y") == "x REDACTED_ANTHROPIC_KEY_1 y"
    secret = joined(["<b64*20000>"])
    assert lost(f'client_secret="{secret}"', secret)


@pytest.mark.parametrize("host", ["gitlab.com", "db.co", "192.0.2.20", "db.example.com"])
def test_a_password_in_a_url_leaves_the_host(host):
    word = "s3cr3t" + "Pw9x"
    text = f"https://bob:{word}@{host}/x.git"
    assert clean(text) == text.replace(word, "REDACTED_URL_PASSWORD_1")
