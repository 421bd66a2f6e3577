"""Places of secrets that an audit found open: sentences, objects, plans, commands, calls, other languages.

Each is tried with a password that a person makes up, one with signs and a random one, plain, as a string in
JSON and in JSON within JSON; what is beside the secret stays, and redacting twice is redacting once.
"""

from __future__ import annotations

import json
import re
import time
import unicodedata
from urllib.parse import quote

import pytest
from afs.redact import Redactor, known, rules
from afs.redact.known import BadKnown, Known, Name
from afs.redact.rules import joined
from afs.redact.search.scan import Scanner

REDACTOR = Redactor()
WORDS = ("hunter" + "2", "Tr0ub" + "4dor&3", joined(["<b62*20>"]))
MADE_UP = WORDS[0]

# QQ stands for the secret.
TEXTS = [
    # sentences and calls
    "the password=QQ works",
    "I tried password=QQ and it failed.",
    "connect(password=QQ)",
    "connect(host=db, password=QQ, port=1)",
    # lists and objects
    '{"passwords": ["QQ", "x"]}',
    '{"passwords": [\n  "x1",\n  "QQ"\n]}',
    '{"secret": {"data": {"a": "QQ"}}}',
    '{"secrets": {"type": "kv", "stripe": "QQ"}}',
    "secrets: {user: 'bob', other: 'QQ'}",
    '{"key": "db_password", "val": "QQ"}',
    '{"password": {"value": "QQ"}}',
    # AWS and Terraform
    '{"Parameter": {"Name": "/prod/db/password", "Type": "String", "Value": "QQ", "Version": 1}}',
    '{"Name": "/prod/app/x", "Type": "SecureString", "Value": "QQ", "Version": 3}',
    '{\n  "Name": "/prod/app/x",\n  "Type": "SecureString",\n  "Value": "QQ"\n}',
    "aws ssm put-parameter --name /prod/x --value 'QQ' --type SecureString",
    "aws ssm put-parameter --name /prod/x --type SecureString --value QQ",
    '"outputs": {"db_password": {"value": "QQ", "type": "string", "sensitive": true}}',
    '"outputs": {\n "db_password": {\n  "sensitive": true,\n  "type": "string",\n  "value": "QQ"\n }\n}',
    '{"type": "random_password", "instances": [{"attributes": {"id": "none", "result": "QQ"}}]}',
    '  ~ password = "old-Word9" -> "QQ"',
    '  ~ master_password      = "old-Word9" -> "QQ" # forces replacement',
    # SQL
    "SET PASSWORD FOR 'bob'@'localhost' = 'QQ';",
    "SET PASSWORD FOR bob = PASSWORD('QQ');",
    # commands
    'gh secret set NPM -b"QQ"',
    "gh secret set NPM --repo a/b --body QQ",
    "lftp -u bo,QQ sftp://h",
    "lftp -u 'bo,QQ' h",
    "snowsql -a acct -u bo -p QQ",
    "useradd -p QQ bob",
    "usermod -p 'QQ' bob",
    r"net use Z: \\srv\share /user:bo QQ",
    r"net use Z: \\srv\share QQ /user:bo",
    "kinit bo <<< QQ",
    "kinit bo <<< 'QQ'",
    "echo QQ | kinit bo",
    "bw unlock QQ",
    'bw unlock "QQ" --raw',
    "bw login bo QQ",
    "ansible-vault encrypt_string 'QQ' --name 'x'",
    "ansible-vault encrypt_string --vault-id dev@x QQ",
    # calls
    "jwt.sign(x,'QQ')",
    "jwt.sign({ id: user.id, role: 'a' }, 'QQ', { expiresIn: '1h' })",
    'jwt.encode(payload, "QQ", algorithm="HS256")',
    "crypto.createHmac('sha256','QQ').update(x)",
    'hmac.new(b"QQ", msg, hashlib.sha256)',
    "hash_hmac('sha256', $body, 'QQ')",
    "new Stripe('QQ')",
    "require('stripe')('QQ')",
    # other languages
    "Passwort: QQ",
    "das Passwort ist QQ",
    "mot de passe : QQ",
    "senha: QQ",
    "contraseña: QQ",
    "Hasło: QQ",
    "см. пароль: QQ",
    "Пароль=QQ",
    "пароль \u2014 QQ",
    "密码: QQ",
    "密碼=QQ",
    "密码\uff1aQQ",
    "密码是QQ\uff0c请",
    "口令: QQ",
    "パスワードは QQ です",
    "パスワード: QQです",
    "비밀번호: QQ",
    "şifre: QQ",
    "mật khẩu: QQ",
    # tables and files
    " user | password \n------+----------\n bob  | QQ\n(1 row)\n",
    " id | user | password \n----+------+----------\n 1  | bob  | QQ\n(1 row)\n",
    " password \n----------\n QQ\n(1 row)\n",
    "db.internal:5432:app:bob:QQ",
    "db.internal:5432:app:bob:QQ\n",
    "*:*:*:bob:QQ",
    '"user","password"\n"bob","QQ"\n',
    '"id","password","active"\r\n"1","QQ","t"\r\n',
]
WRAPS = {
    "plain": lambda text: text,
    "JSON": lambda text: json.dumps({"out": text}),
    "ASCII in JSON twice": lambda text: json.dumps(
        {"arguments": json.dumps({"out": text}, ensure_ascii=False)}
    ),
}


@pytest.mark.parametrize("wrap", WRAPS)
@pytest.mark.parametrize("shape", TEXTS)
def test_a_secret_is_found_and_what_is_beside_it_stays(shape, wrap):
    for word in WORDS:
        if word == WORDS[1] and re.search(r"net use \S+ \S+ /|lftp -u bo", shape):
            continue  # a shell ends a bare word at &
        text = WRAPS[wrap](shape.replace("QQ", word))
        out, counts = REDACTOR.redact(text)
        assert counts, text
        assert word not in out, text
        begin, end = text.replace("old-Word9", "").split(word)[0][:12], text.split(word)[-1][-3:]
        assert out.startswith(begin) and out.endswith(end), (text, out)
        assert REDACTOR.redact(out) == (out, {}), out


VALUES = [
    {"passwords": ["x", MADE_UP]},
    {"secret": {"data": {"a": MADE_UP}}},
    {"app_secrets": {"one": {"two": MADE_UP}}},
    {"key": "db_password", "val": MADE_UP},
    {
        "Parameter": {
            "Name": "/p/db/password",
            "Type": "String",
            "Value": MADE_UP,
            "Version": 1,
            "ARN": "arn:x",
        }
    },
    {"Name": "/p/x", "Type": "SecureString", "Value": MADE_UP, "Version": 1, "DataType": "text", "ARN": "a"},
    {"outputs": {"conn": {"value": MADE_UP, "type": "string", "sensitive": True}}},
    {"пароль": MADE_UP},
    {"db_密码": MADE_UP},
    {"wachtwoord": MADE_UP},
    ["bw", "unlock", MADE_UP],
    ["kinit", "bo", "<<<", MADE_UP],
]


@pytest.mark.parametrize("value", VALUES, ids=json.dumps)
def test_a_secret_is_found_by_the_fields_around_it(value):
    out, counts = REDACTOR.redact(value)
    assert sum(counts.values()) == 1
    (kind,) = counts
    assert out == json.loads(json.dumps(value).replace(MADE_UP, f"REDACTED_{kind}_1"))
    assert REDACTOR.redact(out) == (out, {})


def test_a_number_is_a_secret_where_its_field_says_so():
    value = {"password": 123456789, "db_password": 7654321.0, "пароль": 1234567, "n": [1, {"pin": 987654}]}
    out, counts = REDACTOR.redact(value)
    assert "123456789" not in json.dumps(out) and "7654321" not in json.dumps(out)
    assert "1234567" not in json.dumps(out)
    assert counts["PASSWORD"] == 3 and REDACTOR.redact(out) == (out, {})
    text = '{"user": 5, "password": 123456789, "x": 1}'
    assert REDACTOR.redact(text)[0] == text.replace("123456789", "REDACTED_PASSWORD_1")
    for plain in (
        {"password_max_age": 7776000, "tokens": 1234567, "passed": 1234567, "bypass_count": 1000000},
        {"password": 12, "secret": True, "password_hash_rounds": 600000, "id": 123456789},
    ):
        assert REDACTOR.redact(plain) == (plain, {})
        assert REDACTOR.redact(json.dumps(plain)) == (json.dumps(plain), {})


CLEAN = [
    "def f(password=None, token=token1): return g(password=password2)",
    "login(password=hunter)",
    "the password=password1 default",
    '"passwords": ["password", "secret", "letmein"]',
    '{"secret": {"secretName": "db-creds-v2", "name": "my-app-tls2", "type": "Opaque"}}',
    '{"secrets": {"title": "Your secrets", "region": "eu-west-1", "version": "v2-beta7"}}',
    "secrets: {inherit: true}",
    '{"password": {"type": "string", "minLength": 12, "description": "the password of the user"}}',
    'count = "1" -> "2"',
    '"password" -> "passphrase"',
    "password = var.password -> local.password",
    '{"Type": "SecureString"}',
    "SET PASSWORD FOR bob = PASSWORD('password')",
    "gh secret set NPM < token.txt",
    'gh secret set NPM -b "$NPM"',
    "all secrets set in the vault are listed",
    "bw unlock --raw",
    "kinit bo",
    "ansible-vault encrypt_string --stdin-name x",
    "jwt.verify(token, publicKey, { algorithms: ['RS256'] })",
    "jwt.sign(payload, process.env.JWT_SECRET)",
    "createHmac('sha256', key)",
    "new Stripe(process.env.STRIPE_KEY, { apiVersion: '2023-10-16' })",
    "неверный пароль: попробуйте ещё раз",
    "пароль: admin-панель",
    "密码: 请输入至少8位",
    "密码学 abc123def",
    "パスワードマネージャー: 1password",
    "Tokens\n------\nsome text here",
    "Password\n--------\n\nSet `password` in the file.",
    "a | b\n--+--\n1 | 2",
    "0.0.0.0:5432:5432",
    '"arn:aws:secretsmanager:*:*:secret:name-of-one"',
]


@pytest.mark.parametrize("text", CLEAN)
def test_what_only_looks_so_stays(text):
    for wrap in WRAPS.values():
        assert REDACTOR.redact(wrap(text)) == (wrap(text), {})


def test_fields_that_tell_about_a_secret_stay():
    value = {
        "secret": {"name": "app-tls-2", "namespace": "prod7x", "type": "Opaque", "created_at": "2024x9"},
        "secrets": {"path": "kv/app1", "region": "eu-west-1", "version": 3},
        "user": {"name": "Zq8-plum", "id": "u-1289"},
        "key": {"name": "abc", "value": "a plain text"},
    }
    assert REDACTOR.redact(value) == (value, {})


# --- known values and names -------------------------------------------------------------------------

VALUE = "Plum-Qu\xe4rk/LAMP x9"
KNOWING = Redactor(known=Known(((VALUE, "KNOWN"),), (Name("mark", "user"),)))


@pytest.mark.parametrize(
    "form",
    [
        VALUE.encode().hex(),
        VALUE.encode().hex().upper(),
        quote(VALUE).lower(),
        quote(VALUE, safe="").lower(),
        "".join(f"%{byte:02x}" for byte in VALUE.encode()),
        "".join(f"%{byte:02X}" for byte in VALUE.encode()),
        VALUE.lower(),
        VALUE.upper(),
        unicodedata.normalize("NFD", VALUE),
        unicodedata.normalize("NFD", VALUE).upper(),
        json.dumps(unicodedata.normalize("NFD", VALUE))[1:-1],
    ],
    ids=ascii,
)
def test_a_known_value_is_found_in_other_forms(form):
    out, counts = KNOWING.redact({"a": f"x {form} y", "b": VALUE})
    assert (out, counts) == ({"a": "x REDACTED_KNOWN_1 y", "b": "REDACTED_KNOWN_1"}, {"KNOWN": 2})


def test_a_short_known_value_is_known_as_it_is_written():
    short = Redactor(known=Known((("Plum-9xy", "KNOWN"), ("Abc12", "KNOWN")), ()))
    text = "plum-9xy PLUM-9XY abc12 " + b"Abc12".hex()
    assert short.redact(text) == (text, {})
    assert short.redact("Plum-9xy " + b"Plum-9xy".hex())[1] == {"KNOWN": 2}


def test_a_known_value_may_hold_a_tab(tmp_path):
    path = tmp_path / "known.txt"
    path.write_text("KNOWN\tplum\tquark7\nACME\tone\ttwo\n")
    read = known.read(str(path))
    assert read.values == (("plum\tquark7", "KNOWN"), ("one\ttwo", "ACME"))
    assert Redactor(known=read).redact("a plum\tquark7 b")[0] == "a REDACTED_KNOWN_1 b"
    path.write_text("plum\tquark7\n")
    with pytest.raises(BadKnown, match="holds a tab needs KNOWN") as error:
        known.read(str(path))
    assert "plum" not in str(error.value) and "quark" not in str(error.value)


@pytest.mark.parametrize(
    "words",
    [
        ["sudo", "-u", "mark", "ls"],
        ["chown", "mark", "/x"],
        ["/usr/sbin/useradd", "mark"],
        ["docker", "run", "--user", "mark", "x"],
        ["su", "mark"],
    ],
)
def test_a_name_is_found_among_the_words_of_a_command(words):
    want = ["user1" if word == "mark" else word for word in words]
    assert KNOWING.redact({"argv": words})[0] == {"argv": want}
    for dump in (
        json.dumps,
        lambda value: json.dumps(value, indent=2),
        lambda value: json.dumps(json.dumps(value)),
    ):
        assert KNOWING.redact(dump(words))[0] == dump(want)
    for plain in (["john", "mark"], ["grep", "-c", "mark", "file"]):
        assert KNOWING.redact(json.dumps(plain))[0] == json.dumps(plain)
        assert KNOWING.redact(plain)[0] == plain


def test_a_name_is_found_in_the_fields_of_a_person():
    for key in ("author", "committer", "owner", "authors"):
        for name in ("name", "login", "username"):
            value = {"commit": {key: {"email": "", "date": "2024-01-01", name: "mark"}}}
            out = json.loads(json.dumps(value).replace("mark", "user1"))
            assert KNOWING.redact(value)[0] == out
            assert KNOWING.redact(json.dumps(value))[0] == json.dumps(out)
    assert KNOWING.redact({"label": {"name": "mark"}, "tag": {"name": "mark"}})[1] == {}


def test_time_grows_with_the_length_alone():
    scanner = Scanner(*rules.load(), accelerated=False)  # a database that is made ready takes its time
    for unit in (
        '"passwords": [',
        '"secret": {"a": {',
        "пароль",
        "密码是",
        "\\u5bc6",
        '"password","x",\\"',
        "jwt.sign(",
    ):
        spent = []
        for size in (1 << 14, 1 << 17):
            text = unit * (size // len(unit))
            started = time.process_time()
            scanner.find(text)
            spent.append(time.process_time() - started)
        assert spent[1] < 40 * max(spent[0], 0.01), (unit, spent)
