"""Named assignments: names x values x contexts, armour in every form, clean values, and time that grows with
the length alone. Nothing here looks like a secret on disk: values are joined from parts."""

from __future__ import annotations

import json
import random
import time
import urllib.parse

import pytest
from afs.redact import Redactor
from afs.redact.kinds.judge import Judge
from afs.redact.rules import joined, load
from afs.redact.search.colours import plain

REDACTOR = Redactor()
STRENGTH = Judge(load()[1]).strength


def found(text):
    return [(one.rule, text[one.start : one.end]) for one in REDACTOR.find(text)]


def gone(text, value):
    """Whether one finding takes the last occurrence of a value, and nothing beside it."""
    at = text.rfind(value)
    return any(one.start == at and one.end == at + len(value) for one in REDACTOR.find(text))


def escaped(text, depth):
    for _ in range(depth):
        text = json.dumps(text, ensure_ascii=False)[1:-1]
    return text


# --- the matrix -------------------------------------------------------------------------------------

DRAWN = {
    "letters and digits": joined(["<b62*32>"]),
    "hexadecimal": joined(["<hex*32>"]),
    "a uuid": "-".join(joined([f"<hex*{size}>"]) for size in (8, 4, 4, 4, 12)),
    "base64": joined(["<b64*42>", "9+="]),
}
MADE_UP = {
    "a season": "Summer" + "2024!",
    "a sign": "hunter" + "2!",
    "leetspeak": "p4ss" + "w0rd",
    "a hash sign": "abc" + "#123xyz",
    "dollars": "pa$" + "$w0rd99",
    "an ampersand": "Tr0ub" + "4dor&3",
    "umlauts": "Pä" + "sswört1!",
    "another script": "пароль" + "12345",
    "an at sign": "P@ss" + "w0rd",
}
PLAIN = {  # only a name that can be nothing but a password's gives these away
    "a word and a digit": "hunter" + "2",
    "short": "s3" + "cr3t",
    "six signs": "aB3" + "$xY",
    "four words": "correct-horse-" + "battery-staple",
}
STRONG = [
    "DB_PASSWORD",
    "password",
    "dbPassword",
    "db-password",
    "passwd",
    "client_secret",
    "user_pass",
    "smtp_pwd",
]
WEAK = ["API_KEY", "apiKey", "access_token", "authToken"]

CONTEXTS = {
    "dotenv": "A=1\n{n}={v}\nB=2\n",
    "dotenv in quotes": 'A=1\n{n}="{v}"\nB=2\n',
    "export": "export {n}={v}\nmake run\n",
    "export in quotes": "export {n}='{v}' && make",
    "setx": 'setx {n} "{v}"',
    "set": "set {n}={v}\r\nset B=1\r\n",
    "setenv": "setenv {n} {v}\n",
    "fish": "set -gx {n} {v}\n",
    "PowerShell": '$env:{n} = "{v}"',
    "docker -e": "docker run -d -e {n}={v} -p 80:80 img:latest",
    "ENV": "FROM x\nENV {n} {v}\nRUN make\n",
    "ARG": "FROM x\nARG {n}={v}\n",
    "flag": "tool login --{n} {v} --verbose",
    "flag with a sign": "tool login --{n}={v} --verbose",
    "flag in quotes": 'tool login --{n} "{v}" --verbose',
    "-D": "java -D{n}={v} -jar app.jar",
    "YAML": "db:\n  host: x\n  {n}: {v}\n  port: 5432\n",
    "YAML in quotes": "db:\n  host: x\n  {n}: '{v}'\n  port: 5432\n",
    "YAML pairs": "env:\n  - name: {n}\n    value: {v}\n  - name: B\n    value: x\n",
    "YAML list": "    environment:\n      - {n}={v}\n      - B=1\n",
    "JSON": '{{"user": "bob", "{n}": "{v}", "port": 1}}',
    "JSON tight": '{{"user":"bob","{n}":"{v}","port":1}}',
    "JSON name and value": '{{"name": "{n}", "value": "{v}"}}',
    "JSON value and name": '{{"value": "{v}", "name": "{n}"}}',
    "JSON in capitals": '[{{"Name": "{n}", "Value": "{v}"}}]',
    "Python typed": '{n}: str = "{v}"\n',
    "Python bytes": "{n} = b'{v}'\n",
    "Python call": 'connect(host="x", {n}="{v}", port=5)',
    "Python dict": "cfg = {{'user': 'bob', '{n}': '{v}'}}",
    "environ": 'os.environ["{n}"] = "{v}"',
    "JavaScript": 'const {n} = "{v}";',
    "JavaScript object": "const c = {{ user: 'bob', {n}: '{v}' }};",
    "JavaScript template": "let {n} = `{v}`;",
    "JavaScript default": "const x = process.env.{n} || '{v}';",
    "TypeScript": "private readonly {n}: string = '{v}';",
    "Java": 'private static final String {n} = "{v}";',
    "C#": 'public string {n} {{ get; set; }} = "{v}";',
    "C": '#define {n} "{v}"\n',
    "Go": '{n} := "{v}"',
    "Ruby": ':{n} => "{v}"',
    "PHP": "$config['{n}'] = '{v}';",
    "Clojure": '{{:{n} "{v}"}}',
    "Lua": "{n} = [[{v}]]",
    "Terraform": 'variable "{n}" {{\n  type = string\n  default = "{v}"\n}}\n',
    "tfvars": '{n}          = "{v}"\nregion = "x"',
    "properties": "app.user=bob\napp.{n}={v}\napp.x=1\n",
    "INI": "[client]\nuser = bob\n{n} = {v}\nhost = x\n",
    "INI tight": "[client]\nuser=bob\n{n}={v}\nhost=x\n",
    "XML": "<cfg><user>bob</user><{n}>{v}</{n}></cfg>",
    "XML attribute": '<add user="bob" {n}="{v}" />',
    "XML key and value": '<add key="{n}" value="{v}" />',
    "XML value and key": '<entry value="{v}" key="{n}"/>',
    "XML property": '<property name="{n}">{v}</property>',
    "plist": "<key>{n}</key>\n\t<string>{v}</string>",
    "HTML input": '<input type="text" name="{n}" value="{v}">',
    "Markdown row": "| Setting | Value |\n|---|---|\n| {n} | {v} |\n| port | 1 |\n",
    "Markdown column": "| user | {n} | host |\n|---|---|---|\n| bob | {v} | x |\n",
    "psql": " id | {n} | host\n----+-----+------\n  1 | {v} | x\n",
    "CSV": "id,user,{n},host\n1,bob,{v},x.org\n2,amy,q,y.org\n",
    "CSV in quotes": '"id","{n}","host"\n"1","{v}","x.org"\n',
    "TSV": "id\t{n}\thost\n1\t{v}\tx\n",
    "colours": "\x1b[32m{n}\x1b[0m=\x1b[33m{v}\x1b[0m\n",
    "colours of JSON": '\x1b[1;34m"{n}"\x1b[0m\x1b[37m:\x1b[0m \x1b[32m"{v}"\x1b[0m,',
    "added": "@@ -1,2 +1,2 @@\n-A=1\n+{n}={v}\n B=2\n",
    "removed": "@@ -1,2 +1,2 @@\n-{n}: {v}\n+{n}: ${{X}}\n",
    "numbered": "     1\tA=1\n     2\t{n}={v}\n     3\tB=2\n",
    "numbered with arrows": "     1\u2192A=1\n     2\u2192{n}={v}\n     3\u2192B=2\n",
    "grep": "config/app.env:12:{n}={v}\nconfig/app.env:13:B=1\n",
    "repr": "Config(host='x', {n}='{v}', port=5)",
    "repr of bytes": "{{'{n}': b'{v}'}}",
    "SQL insert": "INSERT INTO users (name, {n}) VALUES ('bob', '{v}');",
    "SQL update": "UPDATE users SET {n} = '{v}' WHERE id = 1;",
    "Markdown bold": "- **{n}**: `{v}`\n- **port**: 1",
    "query": "https://x.example.org/a?user=bob&{n}={e}&x=1",
    "form": "username=bob&{n}={e}&remember=1",
    "GraphQL": 'mutation {{ login({n}: "{v}", user: "bob") {{ id }} }}',
    "multipart": 'Content-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n--x',
    "heroku": "heroku config:set {n}={v} -a app",
    "kubectl": "kubectl create secret generic x --from-literal={n}={v}",
    "helm": "helm install x y --set auth.{n}={v}",
    "gh": 'gh secret set {n} --body "{v}"',
    "systemd": 'Environment="{n}={v}"',
    "make": "{n} := {v}\n",
    "heredoc": "cat > .env <<EOF\n{n}={v}\nEOF\n",
    "echo": 'echo "{n}={v}" >> .env',
    "curl -F": "curl -F {n}={v} https://x.org",
    "log": "2024-01-01 12:00:00 INFO connecting user=bob {n}={v} host=x",
    "escaped HTML": "<pre>{n} = &quot;{v}&quot;</pre>",
}
# What only sentences, prompts and connection strings have; the name is theirs.
TOLD = {
    "prompt": "Password for bob: {v}\n",
    "prompt of a host": "bob@host's password: {v}\n",
    "is": "The password is {v}, keep it safe.",
    "is, in quotes": 'the password is "{v}".',
    "was": "I reset it; your new password was {v}.",
    "set": "I set the password to {v} and restarted",
    "use": "Please use {v} as the password.",
    "with": "log in as bob with password {v} please",
    "pw": "user: bob\npw: {v}\n",
    "slash": "Login with admin / {v} to see it",
    "username/password": "username/password: admin/{v}",
    "German": "Das Passwort lautet {v}.",
    "more German": "mein Kennwort ist {v}",
    "French": "Le mot de passe est {v}.",
    "more French": "Mot de passe : {v}",
    "Spanish": "La contraseña es {v}",
    "more Spanish": "Contraseña: {v}",
    "ADO": "Server=x;Database=y;User Id=sa;Password={v};Encrypt=true",
    "ODBC": "Driver={{X}};Server=a;Uid=sa;Pwd={v};",
    "libpq": "host=x port=5432 user=bob password={v} dbname=y",
    "SQL": "ALTER USER bob WITH PASSWORD '{v}';",
    "fill": "page.getByLabel('Password').fill('{v}')",
    "expect": 'expect "password:"\nsend "{v}"\n',
    "input": '<input value="{v}" type="password" id="x">',
}


def cases(form, value):
    coded = urllib.parse.quote_plus(value)
    return form, value if "{e}" not in form else coded, coded


@pytest.mark.parametrize("depth", [0, 1, 2, 5])
@pytest.mark.parametrize("context", CONTEXTS)
def test_every_name_gives_every_value_away(context, depth):
    misses = []
    for values, names in ((DRAWN | MADE_UP, STRONG + WEAK), (PLAIN, STRONG)):
        for kind, value in values.items():
            form, shown, coded = cases(CONTEXTS[context], value)
            if depth == 5 and kind not in ("hexadecimal", "leetspeak", "short"):
                continue
            for name in names:
                text = escaped("before\n" + form.format(n=name, v=value, e=coded) + "\nafter", depth)
                if not gone(text, escaped(shown, depth)):
                    misses.append((name, kind))
    assert not misses


@pytest.mark.parametrize("context", TOLD)
def test_a_password_that_is_told_goes(context):
    for depth in (0, 2):
        for kind, value in (DRAWN | MADE_UP | PLAIN).items():
            text = escaped(TOLD[context].format(v=value), depth)
            assert gone(text, escaped(value, depth)), kind


@pytest.mark.parametrize("depth", range(5))
def test_quotes_deeper_than_any_log_writes_them(depth):
    slashes = "\\" * (2**depth - 1)  # 0, 1, 3, 7, 15
    value = MADE_UP["a season"]
    text = f'{{{slashes}"password{slashes}": {slashes}"{value}{slashes}", {slashes}"x{slashes}": 1}}'
    assert found(text) == [("password", value)]


def test_a_password_of_words_in_quotes_goes_and_prose_stays():
    words = " ".join(("correct", "horse", "battery", "staple"))
    assert gone(f'{{"password": "{words}"}}', words)
    assert gone(f"DB_PASSWORD='{words}'", words)
    for prose in (
        "Enter your password",
        "must contain digits and letters",
        "Passwort vergessen",
        "too short",
    ):
        assert not found(f'{{"password": "{prose}"}}')


@pytest.mark.parametrize("quote", ['"', "'"])
def test_a_quote_inside_a_value_does_not_end_it(quote):
    value = "ab" + "\\" + quote + "cd1!xy"
    assert gone(f"password = {quote}{value}{quote}\n", value)


def test_a_bare_word_is_a_password_in_a_list_of_settings_alone():
    word = "sword" + "fish"
    assert gone(f"[db]\nuser=bob\npassword={word}\nport=1\n", word)
    assert gone(f"db:\n  user: bob\n  password: {word}\n  port: 1\n", word)
    assert gone(f"DB_PASSWORD={word}\n", word)
    assert not found(f"def f(user, password={word}):")
    assert not found(f"    password = {word}\n    return f(password)\n")


# --- what stays -------------------------------------------------------------------------------------

CLEAN = {
    "references": ["${DB_PASSWORD}", "$DB_PASSWORD", "$(pass show db)", "{{ db_password }}", "%DB_PASSWORD%"],
    "stand-ins": ["<your-password>", "your_password_here", "changeme", "********", "xxxxxxxx", "[FILTERED]"],
    "what stands for one already": ["REDACTED_PASSWORD_1", "REDACTED_API_KEY_23"],
    "words of types": ["string", "null", "None", "true", "required", "optional"],
    "talk": ["password", "my-secret-token", "db_password", "the_api_key"],
    "paths": ["/run/secrets/db", "./keys/server.key", "~/.ssh/id_rsa", "C:\\keys\\x.pem"],
    "options": ["--use-random-password", "required|string|min:8", "!vault", "sha256", "utf-8", "2.6.0.Final"],
}
FORMS = [
    "{n}={v}",
    '{n}="{v}"',
    "{n}: {v}",
    '"{n}": "{v}"',
    "  {n}: '{v}'",
    "export {n}={v}",
    "--{n} {v}",
    "--{n}={v}",
    '{{"name": "{n}", "value": "{v}"}}',
    "<{n}>{v}</{n}>",
    "| {n} | {v} |",
    "?a=1&{n}={v}",
    '{n} = "{v}"',
    "{n} => '{v}'",
]


@pytest.mark.parametrize("kind", CLEAN)
@pytest.mark.parametrize("form", FORMS)
def test_clean_values_stay_byte_for_byte(form, kind):
    for name in STRONG + WEAK:
        for value in CLEAN[kind]:
            for depth in (0, 1):
                text = escaped("x\n" + form.format(n=name, v=value) + "\ny", depth)
                assert REDACTOR.redact(text)[0] == text


ID = "-".join(("3f2c9a1e", "7b64", "4d0e", "9c35", "a81f6e2d7b90"))


@pytest.mark.parametrize(
    "text",
    [
        "password: str = Field(..., min_length=8)",
        "const { username, password } = req.body;",
        "password: await bcrypt.hash(password, 10),",
        "password: z.string().min(8),",
        "    private_key: PKCS7PrivateKeyTypes,\n",
        "INSERT INTO users (email, password) VALUES ($1, $2)",
        "INSERT INTO users (email, password) VALUES (?, ?)",
        "| username | password | host |\n|---|---|---|\n| string | string | string |\n",
        'x = [\n    "PASS",\n    "FAIL",\n    "GRAY",\n]\n',
        "def f(\n    user,\n    password,\n    alpn_protocols,\n): ...",
        f'"ClientRequestToken": "{ID}"',
        f'"clientToken": "{ID}"',
        f'csrfToken: "{ID}"',
        f"Idempotency-Key: {ID}",
        '"AWS::IAM::AccessKey": "' + joined(["<hex*16>"]) + '"',
        "arn:aws:secretsmanager:us-west-2:123456789012:secret:MyTestSecret-a1b2c3",
        "Next page token: " + joined(["<b62*24>"]),
        "PASS: test_login_42",
        "{radio:!0,checkbox:!0,file:!0,password:!0,image:!0}",
        "the password is incorrect",
        "Your password is too short.",
        "Set the password to something secure.",
        "use bcrypt as the password hasher",
        "login with google / github",
        "login: http://127.0.0.1:8080/",
        "Credentials are *always* valid",
        "  Token:  '#ABB2BF',",
        "AUTH=CRAM-MD5",
        '<label for="password">Password</label>',
        '<input type="password" name="password" placeholder="Password">',
        "--password string   password for the registry",
        "kind: Secret\nmetadata:\n  name: x\ntype: Opaque\ndata:\n  host: ${HOST}\n",
        "password: ••••••••",
    ],
)
def test_code_and_talk_stay(text):
    assert REDACTOR.redact(text)[0] == text


# --- lists of values elsewhere ----------------------------------------------------------------------


@pytest.mark.parametrize("mark", ["", "+", "> ", "# ", "   12\t"])
@pytest.mark.parametrize("depth", [0, 1, 2])
def test_every_value_of_a_kubernetes_secret_goes(mark, depth):
    value, told = "RmFsY29u" + "MjAxOSE=", "Meadow" + "2025!"
    lines = [
        "kind: Secret",
        "data:",
        f"  notify: {value}",
        "stringData:",
        f"  gateway: '{told}'",
        "metadata:",
        "  name: x",
    ]
    text = escaped("\n".join(mark + line for line in lines), depth)
    assert [one for _, one in found(text)] == [value, told]


def test_all_rows_of_a_table_go_and_the_table_ends():
    secrets = [joined([f"<b62*{size}>"]) for size in (20, 24, 28)]
    rows = "".join(f"| bob | {one} | x |\n" for one in secrets)
    text = f"| user | password | host |\n| --- | --- | --- |\n{rows}\n| a | identifier_42 | b |\n"
    assert [one for _, one in found(text)] == secrets


def test_colour_codes_are_seen_through():
    bare, back = plain("\x1b[1mab\x1b[0mcd\x1b[K")
    assert bare == "abcd"
    assert back(0, 4) == (4, 12)
    assert plain("no codes [0m here") is None
    value = "winter" + "41949"
    text = f"password: \x1b[33m{value[:4]}\x1b[1m{value[4:]}\x1b[0m end"
    assert REDACTOR.redact(text)[0] == "password: \x1b[33mREDACTED_PASSWORD_1\x1b[0m end"


@pytest.mark.parametrize(
    ("value", "strength"),
    [
        ("foo(x)", 0), ("Optional[str]", 0), ("Xk9(mQ2" + "!z", 3), ("$ecret" + "!99", 3), ("$DB_PASS", 0),
        ("abcdef" + "1234567890", 2), ("token12", 2), ("%D0%BF%D0%B0" + "12345", 3), ("#ABB2BF", 1),
        ("correct horse " + "battery staple", 2), ("the correct horse", 0), ("*always*", 0),
        ("--read-only", 0),
    ],
)  # fmt: skip
def test_strength(value, strength):
    assert STRENGTH(value) == strength


# --- armour -----------------------------------------------------------------------------------------

KEY = "PRIVATE" + " KEY"
DASHES = "-" * 5


def armoured(kind, body, form=f"{DASHES}{{}}{DASHES}", *head):
    return [form.format(f"BEGIN {kind}"), *head, *body, form.format(f"END {kind}")], body


def lines_of(kind, count=9, width=64, head=()):
    body = [joined([f"<b64*{width - 2}>", f"{index:02d}"]) for index in range(count)]
    return armoured(kind, [*body, joined(["<b64*30>", "=="])], f"{DASHES}{{}}{DASHES}", *head)


KINDS = {
    "RSA": lines_of("RSA " + KEY),
    "EC": lines_of("EC " + KEY, 2),
    "DSA": lines_of("DSA " + KEY, 6),
    "PKCS 8": lines_of(KEY),
    "encrypted PKCS 8": lines_of("ENCRYPTED " + KEY),
    "encrypted": lines_of("RSA " + KEY, head=("Proc-Type: 4,ENCRYPTED", "DEK-Info: AES-128-CBC,AB12", "")),
    "OpenSSH": lines_of("OPENSSH " + KEY, width=70),
    "PGP": lines_of(f"PGP {KEY} BLOCK", head=("Version: GnuPG v2", "")),
    "OpenVPN": armoured("OpenVPN Static key V1", [joined([f"{n:02x}", "<hex*30>"]) for n in range(16)]),
    "SSH2": armoured("SSH2 ENCRYPTED " + KEY, lines_of("x")[1], "---- {} ----", 'Comment: "x"'),
}
BREAKS = {
    "lines": lambda lines: "\n".join(lines),
    "carriage returns": lambda lines: "\r\n".join(lines),
    "escaped once": lambda lines: "\\n".join(lines),
    "escaped twice": lambda lines: "\\\\n".join(lines),
    "escaped with returns": lambda lines: "\\\\r\\\\n".join(lines),
    "added": lambda lines: "\n".join("+" + line for line in lines),
    "removed": lambda lines: "\n".join("-" + line for line in lines),
    "indented": lambda lines: "\n".join("        " + line for line in lines),
    "cat -n": lambda lines: "\n".join(f"{n:6d}\t{line}" for n, line in enumerate(lines, 8)),
    "cat -n in JSON": lambda lines: json.dumps(
        "\n".join(f"{n:6d}\t{line}" for n, line in enumerate(lines, 8))
    ),
    "arrows in JSON": lambda lines: json.dumps(
        "\n".join(f"{n:6d}\u2192{line}" for n, line in enumerate(lines, 8))
    ),
    "grep": lambda lines: "\n".join(f"deploy/key.pem:{n}:{line}" for n, line in enumerate(lines, 8)),
    "grep -A": lambda lines: "\n".join(f"key.pem-{n}-{line}" for n, line in enumerate(lines, 8)),
    "blame": lambda lines: "\n".join(
        f"^3f78685 (bob 2024-05-01 12:00 {n}) {line}" for n, line in enumerate(lines)
    ),
    "a log": lambda lines: "\n".join(
        f"2024-05-01T12:00:0{n % 10}Z app[1]: {line}" for n, line in enumerate(lines)
    ),
    "colours": lambda lines: "\n".join(f"\x1b[32m+{line}\x1b[0m" for line in lines),
    "written colours": lambda lines: "\\n".join(f"\\u001b[32m+{line}\\u001b[0m" for line in lines),
    "one line": lambda lines: " ".join(lines),
    "no breaks": lambda lines: "".join(lines),
    "br": lambda lines: "<br>".join(lines),
    "entities": lambda lines: "&#10;".join(lines),
    "spans": lambda lines: "\n".join(f'<span class="l">{line}</span>' for line in lines),
    "percent": lambda lines: urllib.parse.quote("\n".join(lines), safe=""),
    "a form": lambda lines: urllib.parse.quote_plus("\r\n".join(lines)),
    "YAML block": lambda lines: "key: |\n" + "\n".join("  " + line for line in lines),
    "YAML folded": lambda lines: "key: >-\n" + "\n\n".join("  " + line for line in lines),
    "Java": lambda lines: " +\n".join(f'    "{line}\\n"' for line in lines) + ";",
    "Python": lambda lines: "\n".join(f"    b'{line}\\n'" for line in lines),
    "a list": lambda lines: json.dumps(lines, indent=2),
    "a list in text": lambda lines: json.dumps(json.dumps(lines)),
    "echo": lambda lines: "\n".join(f'echo "{line}" >> key' for line in lines),
    "quoted": lambda lines: "\n".join("> " + line for line in lines),
    "a comment": lambda lines: "\n".join(" * " + line for line in lines),
}
CUTS = {
    "whole": lambda lines: lines,
    "no end": lambda lines: lines[:-3],
    "cut in a line": lambda lines: [*lines[:-4], lines[-4][:31]],
    "no beginning": lambda lines: lines[-8:],
}


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("kind", KINDS)
def test_armour_goes_in_every_form(kind, cut):
    lines, body = KINDS[kind]
    if cut != "whole" and len(body) < 6:
        return
    kept = CUTS[cut](lines)
    for name, breaks in BREAKS.items():
        end = "" if kept[-1] == lines[-1] else "\n... [truncated]"
        text = f"See here:\n{breaks(kept)}{end}\nand internationalization goes on\n"
        clean = REDACTOR.redact(text)[0]
        assert "See here" in clean and "internationalization goes on" in clean, name
        for line in body:
            shown = breaks([line]) if name in ("percent", "a form") else line
            assert not any(shown[at : at + 12] in clean for at in range(max(1, len(shown) - 11))), name


def test_talk_of_armour_stays():
    for text in (
        f"{DASHES}BEGIN {KEY}{DASHES}\n...\n{DASHES}END {KEY}{DASHES}",
        f"{DASHES}BEGIN {KEY}{DASHES}\n<your key here>\n{DASHES}END {KEY}{DASHES}",
        f'if line == "{DASHES}BEGIN RSA {KEY}{DASHES}":\n    return parse_private_key(lines)\n',
    ):
        assert REDACTOR.redact(text)[0] == text


# --- time -------------------------------------------------------------------------------------------

HOSTILE = [
    "a",
    "=",
    '"',
    "\\",
    "7",
    ".",
    "pw=",
    "password",
    "password: ",
    '"password": "',
    "password\\n",
    "password is ",
    "pass,",
    "password,\n",
    "| password | x |\n",
    "password\tuser\n1\t2\n",
    "insert into t (a, password) values ('x','y'),",
    "use aaaa as the password ",
    "login with a / b ",
    f"{DASHES}BEGIN {KEY}{DASHES}\n",
    f"{DASHES}END {KEY}{DASHES}\n",
    "A7bQ" * 16 + f"\n{DASHES}END {KEY}{DASHES}\n",
    "A7bQzX9/" * 8 + "\n",
    KEY + " ",
    "\\u001b[0m",
    "\x1b[",
    '"value": "x", "name": "password", ',
    '<input value="x" type="password" ',
    "a=b password=c ",
    "Server=x;Password=y;",
    'password=\\"',
    "the secret access key ",
    "password=a&",
    "password = [[",
    "${PASSWORD:-",
    "<td>password</td><td>",
    'password { default ="',
    "password" + " " * 60,
    "kind: Secret\ndata:\n",
    'form-data; name="password"\n\n',
]


def seconds(text):
    begin = time.process_time()
    REDACTOR._scanner.find(text)
    return time.process_time() - begin


@pytest.mark.parametrize("unit", HOSTILE)
def test_time_grows_with_the_length_alone(unit):
    small = (unit * (30_000 // len(unit) + 1))[:30_000]
    large = (unit * (120_000 // len(unit) + 1))[:120_000]
    # Four times the length may take ten times as long on a busy machine; a square would take sixteen.
    for _ in range(3):
        first, second = seconds(small), seconds(large)
        if second < 0.1 + 10 * first:
            return
    raise AssertionError(f"{first:.3f} s, then {second:.3f} s")


def test_noise_of_many_signs_takes_no_time():
    rng = random.Random(4)
    signs = [
        "password",
        '"',
        "\\",
        "=",
        ":",
        " ",
        "\n",
        "{",
        "}",
        "<",
        ">",
        "|",
        ",",
        "a1B2",
        "key",
        "token",
        "'",
    ]
    text = "".join(rng.choice(signs) for _ in range(60_000))
    assert seconds(text) < 0.2 + 10 * max(seconds(text[: len(text) // 4]), 0.02)


@pytest.mark.parametrize(
    "text",
    [
        "password=Velvet72349" + "juniper",
        "[client]\nuser=root\npassword=hunt" + "er2",
        "  password = correct" + "horse9",
        "api_key=Winter" + "2024",
        "| user | password |\n|---|---|\n| admin | Tr1cky" + "-pw |",
    ],
)
def test_a_line_at_the_edge_of_a_text_in_json_is_a_line(text):
    for _ in range(4):
        assert REDACTOR.redact(text)[1].total() == 1
        text = json.dumps({"t": text})


def test_options_with_names_are_no_secret():
    text = "RUN --mount=type=secret docker build --secret id=npm,src=.npmrc ."
    assert REDACTOR.redact(text) == (text, {})
