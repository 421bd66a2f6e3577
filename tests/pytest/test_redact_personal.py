"""Level 5: addresses, names, numbers of people are found in every context, and what looks like them stays."""

from __future__ import annotations

import json
import random
import time

import pytest
from afs.redact import Redactor, rules
from afs.redact.kinds.numbers import luhn
from afs.redact.search.scan import Scanner

_RULES, _WORDS = rules.load()
_SCANNER = Scanner([rule for rule in _RULES if rule.level == 5], _WORDS)
_ALL = Scanner(_RULES, _WORDS)


def found(text: str) -> list[tuple[str, str]]:
    return [(one.type, text[one.start : one.end]) for one in _SCANNER.find(text)]


def card(head: str, size: int, seed: int = 1) -> str:
    """A number that begins so and has its check digit."""
    draw = random.Random(f"{head}{size}{seed}")
    body = head + "".join(draw.choice("0123456789") for _ in range(size - 1 - len(head)))
    return next(body + last for last in "0123456789" if luhn((body + last).encode()))


def iban(country: str, body: str) -> str:
    number = "".join(str(int(char, 36)) for char in body + country + "00")
    return f"{country}{98 - int(number) % 97:02d}{body}"


def groups(text: str, sizes: tuple[int, ...], sign: str = " ") -> str:
    parts, at = [], 0
    for size in sizes:
        parts.append(text[at : at + size])
        at += size
    return sign.join(part for part in parts if part)


MAIL = "margarethe.kowalski" + "@" + "kowalski-bau.com"
PUBLIC4 = ".".join(("93", "184", "216", "34"))
PUBLIC6 = ":".join(("2a01", "4f8", "c17", "b8f", "", "2"))
MAC = ":".join(("3c", "22", "fb", "4a", "91", "0e"))
VISA = card("4", 16)
PHONE = "+1" + "415" + "867" + "5309"
BANK = iban("DE", "370400440532013000")
SOCIAL = "-".join(("536", "22", "8726"))

# (type, value): each must be found whole in each of the contexts below.
VALUES = [
    ("EMAIL", MAIL),
    ("EMAIL", "bob+tag.x" + "@" + "mail.corp-x.co.uk"),
    ("EMAIL", "joerg" + "@" + "m\u00fcller-bau.de"),
    ("EMAIL", "ivan" + "@" + "\u043f\u043e\u0447\u0442\u0430.\u0440\u0444"),
    ("EMAIL", "alice" + "@" + "Alices-MacBook-Pro.local"),
    ("IP", PUBLIC4),
    ("IP", ".".join(("185", "199", "108", "153"))),
    ("IPV6", PUBLIC6),
    ("IPV6", "2a02:8070:0884:0be0:" + "9d3a:55c1:1f0e:77aa"),
    ("MAC", MAC),
    ("MAC", MAC.upper().replace(":", "-")),
    ("MAC", "3c22" + ".fb4a" + ".910e"),
    ("PHONE", PHONE),
    ("PHONE", "+1 415-" + "867-5309"),
    ("PHONE", "(415) " + "867-5309"),
    ("PHONE", "415-" + "867-5309"),
    ("PHONE", "415." + "867.5309"),
    ("PHONE", "1-415-" + "867-5309"),
    ("PHONE", "+44 20 " + "7946 0018"),
    ("PHONE", "+49 (0) 151 " + "23456789"),
    ("PHONE", "+33 6 12 " + "34 56 78"),
    ("PHONE", "+91 98765 " + "43210"),
    ("PHONE", "+44 79115 " + "123456"),
    ("PHONE", "+353 85 " + "123 4567"),
    ("CARD", VISA),
    ("CARD", card("51", 16)),
    ("CARD", card("2223", 16)),
    ("CARD", card("37", 15)),
    ("CARD", card("36", 14)),
    ("CARD", card("6011", 16)),
    ("CARD", card("3530", 16)),
    ("CARD", "4242" * 4),
    ("CARD", groups(VISA, (4, 4, 4, 4))),
    ("CARD", groups(VISA, (4, 4, 4, 4), "-")),
    ("CARD", groups(card("37", 15), (4, 6, 5))),
    ("CARD", groups(card("36", 14), (4, 6, 4), "-")),
    ("IBAN", BANK),
    ("IBAN", groups(BANK, (4,) * 6)),
    ("IBAN", groups(iban("GB", "NWBK" + "60161331926819"), (4,) * 6, "-")),
    ("IBAN", iban("NL", "ABNA" + "0417164300")),
    ("IBAN", iban("FR", "20041010050500013M02606")),
    ("SSN", SOCIAL),
]
CONTEXTS = [
    "{}",
    "see {} there",
    '"{}"',
    "value={}\n",
    "<{}>",
    "x: {}, y",
    "| name | {} | 7 |",
    "alice,{},Berlin",
    "log line\n{}\nnext",
    "log line\\n{}\\nnext",
    "\x1b[1;31m{}\x1b[0m",
    "\\u001b[32m{}\\u001b[0m",
    "\\u0022{}\\u0022",
    "f('{}')",
    "<td>{}</td>",
    "[link]({})",
    "+    value = '{}'",
]


@pytest.mark.parametrize("context", CONTEXTS)
@pytest.mark.parametrize(("kind", "value"), VALUES)
def test_found_whole_in_every_context(kind: str, value: str, context: str) -> None:
    assert found(context.format(value)) == [(kind, value)]


@pytest.mark.parametrize(("kind", "value"), VALUES)
def test_found_in_json_in_json(kind: str, value: str) -> None:
    inner = json.dumps({"a": f'say "{value}"'}, ensure_ascii=False)
    for _ in range(3):
        assert found(inner) == [(kind, value)]
        inner = json.dumps({"text": inner}, ensure_ascii=False)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("to=margarethe%40{}", "margarethe%40kowalski-bau.com"),
        ("mailto:margarethe%2540{}?x=1", "margarethe%2540kowalski-bau.com"),
        ("q=%3Cmargarethe%40{}%3E", "margarethe%40kowalski-bau.com"),
        ("mail=a%2Bb%40{}&x", "a%2Bb%40kowalski-bau.com"),
        ("margarethe&#64;{}", "margarethe&#64;kowalski-bau.com"),
        ("margarethe&#x40;{}", "margarethe&#x40;kowalski-bau.com"),
        ("\\u003cmargarethe\\u0040{}\\u003e", "margarethe\\u0040kowalski-bau.com"),
        ("&lt;margarethe@{}&gt;", "margarethe@kowalski-bau.com"),
        ("mailto:margarethe@{}", "margarethe@kowalski-bau.com"),
        ("Write to margarethe@{}.", "margarethe@kowalski-bau.com"),
        ("Write to margarethe@{}.Then", "margarethe@kowalski-bau.com"),
        ("\u90ae\u7bb1\uff1amargarethe@{}", "margarethe@kowalski-bau.com"),
        ("12345+margarethe@users.noreply.github.com", "12345+margarethe@users.noreply.github.com"),
    ],
)
def test_mail_in_every_coding(text: str, value: str) -> None:
    assert found(text.replace("{}", "kowalski-bau.com")) == [("EMAIL", value)]


@pytest.mark.parametrize(
    "text",
    [
        "user1@example.com a@mail.example.org x%40example.net you@domain.com",
        "noreply@github.com no-reply@corp-x.com do-not-reply@corp-x.com renovate-bot@corp-x.com",
        "41898282+github-actions[bot]@users.noreply.github.com",
        "git@github.com:a/b.git pkg@1.2.3 a@b.py @media.screen icon@2x.png",
        "x = a@b.shape; y = a@b.T; f(a@b.org(1))",
    ],
)
def test_addresses_of_nobody_stay(text: str) -> None:
    assert found(text) == []


NAME = "margarethe"


@pytest.mark.parametrize(
    "text",
    [
        "/home/{}/src",
        "/home/{}",
        "cd /home/{}\\n",
        "-I/home/{}/include -L/home/{}/lib",
        "PATH=/usr/bin:/home/{}/bin",
        "\x1b[34m/home/{}\x1b[0m",
        "\\u001b[34m/home/{}\\u001b[0m",
        "/Users/{}/Library",
        "C:\\Users\\{}\\x",
        "C:\\\\Users\\\\{}\\\\x",
        "C:\\\\\\\\\\\\\\\\Users\\\\\\\\\\\\\\\\{}\\\\\\\\\\\\\\\\x",
        "c:\\users\\{}\\x",
        "c:/users/{}/x",
        "C:/Users/{}/x",
        "C:\\Documents and Settings\\{}\\x",
        "/mnt/c/Users/{}/x",
        "src/main.ts-259-/c/Users/{}/x",
        "-/mnt/c/Users/{}/x\n+/home/{}/x",
        "/c/Users/{}/x",
        "/cygdrive/c/Users/{}/x",
        "\\\\fileserver\\Users\\{}\\x",
        "\\\\\\\\fileserver\\\\Users\\\\{}\\\\x",
        "\\\\wsl$\\Ubuntu\\home\\{}\\x",
        "\\\\wsl.localhost\\Ubuntu\\home\\{}\\x",
        "file:///home/{}/x",
        "file:///C:/Users/{}/x",
        "sftp://nas/home/{}/x",
        "vscode-remote://ssh-remote+box/home/{}/x",
        "rsync box:/home/{}/x .",
        "%2Fhome%2F{}%2Fx",
        "file%3A%2F%2F%2FUsers%2F{}%2Fx",
        "C%3A%5CUsers%5C{}%5Cx",
        "%252Fhome%252F{}%252Fx",
        "~/.claude/projects/-home-{}-src-x/a.jsonl",
        '"-Users-{}-src"',
        "projects/C--Users-{}-src",
        "projects/-mnt-c-Users-{}-src",
        "projects/-var-home-{}-src",
        "/var/home/{}/x",
        "/export/home/{}/x",
        "/data/home/{}/x",
        "/nfs/home/{}/x",
        "/mnt/nas/home/{}/x",
        "/home2/{}/x",
        "/homes/{}/x",
        "/usr/home/{}/x",
        "/scratch/users/{}/x",
        "/Volumes/Backup/Users/{}/x",
        "/System/Volumes/Data/Users/{}/x",
        "cd ~{}/src",
        "scp box:~{}/x .",
        "{}@thinkpad:~/src$ ls",
        "[{}@db1 src]$ ls",
        "ssh -p 2222 {}@build7 uptime",
        "scp a.txt {}@nas:/volume1/x",
        "git clone ssh://{}@code.corp-x.internal/r",
    ],
)
def test_user_names(text: str) -> None:
    assert set(found(text.format(*[NAME] * text.count("{}")))) == {("USER", NAME)}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("C:\\Users\\Anna Maria Huber\\Desktop", "Anna Maria Huber"),
        ("C:\\Users\\MARGAR~1\\AppData", "MARGAR~1"),
        ("/home/j\u00fcrgen/x", "j\u00fcrgen"),
        ("C:\\Users\\\u5f20\u4f1f\\x", "\u5f20\u4f1f"),
        ("/home/anna@corp-x.lan/x", "anna@corp-x.lan"),
    ],
)
def test_unusual_user_names(text: str, name: str) -> None:
    assert name in [value for _, value in found(text)]


@pytest.mark.parametrize(
    "text",
    [
        "/home/user1/x /home/runner/work /Users/Shared/x C:\\Users\\Public\\x /home/ubuntu",
        "/Users/runneradmin/x",
        "https://corp-x.com/home/margarethe/ http://corp-x.com/Users/margarethe",
        "/api/users/margarethe GET /users/margarethe",
        "/home/$USER/x /home/${{USER}}/x /home/<name>/x /home/%s/x /home/{name}/x",
        "/run/user/1000/bus",
        "src/home/view.py app/Users/model.rb ./home/x",
        "@import '~bootstrap/scss/x'; import x from '~components/y'",
        "HEAD~1/x a = ~mask/2 ~/src",
        "root@web1:~# ls; ubuntu@ip-10-0-0-1:~$ ; ssh git@github.com",
        "npm ls over ssh gives lodash@4.17.21 and react@18.2.0",
        "/home/\u2026/x /home/.../x",
    ],
)
def test_paths_of_nobody_stay(text: str) -> None:
    assert found(text) == []


def test_comment_of_a_public_key_goes_and_the_key_stays() -> None:
    key = "ssh-ed25519 AAAA" + "C3NzaC1lZDI1NTE5AAAAI" + "Qx9" * 14 + "Q"
    assert found(f"{key} anna@thinkpad\n") == [("USER", "anna@thinkpad")]
    assert found(f"{key} Anna Huber\\n") == [("USER", "Anna Huber")]
    assert found(f'"{key} {MAIL}"') == [("EMAIL", MAIL)]
    assert found(f"{key} anna@thinkpad\n{key} ben@box") == [("USER", "anna@thinkpad"), ("USER", "ben@box")]
    assert found(f"{key}\n{key} user1\n{key} you@example.com") == []
    assert found(f"add {key} to the file of the host and restart the server") == []


@pytest.mark.parametrize(
    "text",
    [
        "10.1.2.3 172.16.0.9 192.168.1.50 127.0.0.53 169.254.169.254 100.64.9.9 192.0.2.77",
        "198.51.100.7 203.0.113.9",
        "0.0.0.0 255.255.255.255 255.255.255.0 224.0.0.251 8.8.8.8 8.8.4.4 1.1.1.1 9.9.9.9",
        "1.2.3.4 v93.184.216.34 version 93.184.216.34 firmware: 93.184.216.34",
        "pkg==93.184.216.34 pkg>=93.184.216.34 ~=93.184.216.34 nvidia-cublas-cu12 12.4.5.8",
        "Chrome/120.0.0.0 Safari/537.36 Edg/121.0.0.0",
        "1.3.6.1.4.1.311.20 2.16.840.1.101.3.4 lib.so.93.184.216.34.5",
        "93.184.216.256 93.184.216.034 93.184.216 3.2.1.4 Title",
        "[0.12, 3.456, 10.20.30]",
        "128.0.0.0 192.0.0.0",
    ],
)
def test_numbers_with_dots_stay(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "http://{}:8080/x",
        "{}:443",
        "{}/24",
        "x-forwarded-for: {}, 10.0.0.1",
        "ssh root@{}",
        "::ffff:{}",
        "https://[::ffff:{}]/",
        '{{"ip":"{}"}}',
        "%20{}%20",
        "{}.nip.io",
        "from {}.",
        "peer={}",
        "+    server {}:8080;",
        "\x1b[38;2;100;200;50m{}\x1b[0m",
        "Accepted publickey for x from {} port 50022 ssh2",
    ],
)
def test_ipv4_in_its_places(text: str) -> None:
    assert found(text.replace("{{", "{").replace("}}", "}").replace("{}", PUBLIC4)) == [("IP", PUBLIC4)]


def test_versions_and_addresses_of_small_numbers_differ_by_what_stands_beside_them() -> None:
    small = ".".join(("5", "9", "12", "3"))
    assert found(f"release notes {small} fix") == []
    assert found(f"http://{small}/") == [("IP", small)]
    assert found(f"client_ip={small}") == [("IP", small)]


def test_ipv4_in_the_name_of_a_host() -> None:
    dashed = PUBLIC4.replace(".", "-")
    assert found(f"ec2-{dashed}.us-east-2.compute.amazonaws.com") == [("IP", dashed)]
    assert found(f"ip-{dashed}.corp-x.com") == [("IP", dashed)]
    assert found("ip-10-0-0-12.ec2.internal ip-172-31-44-2") == []


@pytest.mark.parametrize(
    "text", ["http://[{}]:8080/x", "{}/64", "{}%eth0", "addr:{}", "from {}: reply", "{}."]
)
def test_ipv6_in_its_places(text: str) -> None:
    assert found(text.format(PUBLIC6)) == [("IPV6", PUBLIC6)]


@pytest.mark.parametrize(
    "text",
    [
        "::1 :: fe80::1%eth0 fd12:3456::1 fc00::9 2001:db8::8a2e:370:7334 2001:db8::1 3fff::1 ff02::1",
        "12:34:56 2024:01:02 12:34:56 at 2023:10:11",
        "std::face::dead a::b Foo::bead ::before a[2000::2] x[2024::]",
        "2001:4860:4860::8888 2606:4700:4700::1111 2a01:4f8::/29",
        "3c:22:fb:4a:91:0e:11:22:33:44:55:66:77:88:99:aa",
        "00:00:5e:00:53:01 ff:ff:ff:ff:ff:ff 00:00:00:00:00:00 aa:bb:cc:dd:ee:ff 33:33:00:00:00:01",
        "12-34-56-78-90-12 2024-01-02-10-11-12 dead.beef 1234.5678.9012",
        "SHA1 Fingerprint=" + ":".join(f"{7 * n % 256:02X}" for n in range(1, 21)),
        "0000 3c 22 fb 4a 91 0e 3c 22",
        "3c22fb4a-910e-4c22-8b4a-910e3c22fb4a",
    ],
)
def test_colons_stay(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "phone: 07911 {}",
        '"mobile": "0151{}78"',
        "call me at +4479115{}",
        '{{\\"phone\\": \\"0171 {}7\\"}}',
        "tel:0171{}7",
        "Tel. 030 {}",
        "<phone>07911 {}</phone>",
        "| Phone | 07911 {} |",
        "call me at 0171 {}7",
        "fax 06 12 34 56 {}",
        "phone=415{}0",
        "https://wa.me/49171{}7",
        "phone_number = '00 44 7911 {}'",
        "?phone=%2B44791{}1&x",
        "tel:%2B44%20791%20{}1",
        "tel:\\u002b44791{}1",
    ],
)
def test_national_numbers_behind_a_word(text: str) -> None:
    text = text.format("234567")
    assert [kind for kind, _ in found(text)] == ["PHONE"]
    assert "234567" not in text.replace(found(text)[0][1], "")


@pytest.mark.parametrize(
    "text",
    [
        "07911 234567 0151 23456789 4158675309",
        "(415) 555-0123 555-0199 +1 415 555 0100 tel: 415-555-0142",
        "2024-01-02 10:11:12 2024/01/02-10 1700000000 1700000000000 20240102101112",
        "+0100 +02:00 x+14158675309 1.0.0+20130313144700 a[i]+12345678901",
        "+1 115 867 5309 +1 415 167 5309 +1234567890 +999 123 456 789",
        "115-867-5309 415-167-5309 911-867-5309 123-456-7890",
        "415-867-5309-1234 12-415-867-5309 0.415.867.5309 x415-867-5309",
        "512 256 1024 2048 300 400 5000",
        "[0.123456, 12.345678, 415.867, 1e10]",
        "phone_id: 15, phone on 2024-01-02, phonetics 1.2.3, string('0 123 321')",
        "@@ -1 +1 @@\n-14158675308\n+14158675309\n",
    ],
)
def test_no_telephones(text: str) -> None:
    assert found(text) == []


def test_several_numbers_beside_one_another() -> None:
    one, two = "415-" + "867-5309", "(212) " + "867-5310"
    assert found(f"{one} {two}\n{one}, {two}") == [("PHONE", one), ("PHONE", two)] * 2
    assert found(f"{PHONE} 2024-01-02") == [("PHONE", PHONE)]
    assert found(f"{VISA} 12/27 123") == [("CARD", VISA)]
    assert found(f"{groups(VISA, (4,) * 4)} 12/27 123")[0] == ("CARD", groups(VISA, (4,) * 4))
    assert found(f"{VISA}|12|2027|123") == [("CARD", VISA)]
    grouped = groups(VISA, (4, 4, 4, 4))
    assert found(f"visa {grouped} 1227") == [("CARD", grouped)]
    assert found(f"{one} {grouped} {two}") == [("PHONE", one), ("CARD", grouped), ("PHONE", two)]


def test_cards_of_the_rarer_lengths_need_a_word() -> None:
    for number in (card("4", 13), card("4", 19), card("5018", 12), card("6304", 18)):
        assert found(f"card number: {number}") == [("CARD", number)]
        assert found(f"x {number}") == []
    assert found("4" + "2" * 12) == [("CARD", "4" + "2" * 12)]


@pytest.mark.parametrize(
    "text",
    [
        f"{VISA[:-1]}{(int(VISA[-1]) + 1) % 10}",
        f"0.{VISA} {VISA}.5 1{VISA}99999 a{VISA} {VISA}f 0x{VISA} {VISA}_1 x_{VISA}",
        f"id: {VISA} user_id={VISA} messageId: {VISA} timestamp={VISA}",
        f'"id": {VISA}, "id":"{VISA}"',
        "1700000000000 1700000000000000 1700000000000000000 1234567890123456 1118765432109876543",
        "9007199254740992 4503599627370496 18446744073709551615",
        "0000 0000 0000 0000 4111 1111 1111 1111 1111",
        card("1", 16),
        card("9", 16),
        f"12-{VISA}-1",
        f"t**16 + {VISA}*t**14",
        "4142 4344 4546 4748 494a 4b4c 4d4e 4f50",
    ],
)
def test_no_cards(text: str) -> None:
    assert found(text) == []


def test_ids_that_pass_the_check_digit_are_cards_where_a_word_says_so() -> None:
    assert found(f'"card_id": "{VISA}"') == [("CARD", VISA)]


def test_iban() -> None:
    assert found(f"iban: {BANK.lower()}") == [("IBAN", BANK.lower())]
    assert found(f'"iban":"{groups(BANK, (4,) * 6).lower()}"') == [("IBAN", groups(BANK, (4,) * 6).lower())]
    assert found(f"IBAN%3D{BANK}") == [("IBAN", BANK)]
    wrong = BANK[:-1] + str((int(BANK[-1]) + 1) % 10)
    assert found(f"{wrong} x{BANK} {BANK}1 {BANK.lower()} {iban('ZZ', '370400440532013000')}") == []


def test_ssn() -> None:
    plain = SOCIAL.replace("-", "")
    assert found(f"ssn={plain}") == [("SSN", plain)]
    assert found(f"Social Security Number: {SOCIAL.replace('-', ' ')}") == [("SSN", SOCIAL.replace("-", " "))]
    assert found(f"{plain} {SOCIAL.replace('-', ' ')} 000-22-8726 666-22-8726 936-22-8726") == []
    assert found(f"536-00-8726 536-22-0000 1-{SOCIAL} {SOCIAL}-1 x{SOCIAL} 2024-01-0234") == []


def test_a_field_gives_its_name_to_its_value() -> None:
    redactor = Redactor()
    clean, counts = redactor.redact(
        {"mobile": "07911 " + "234567", "x": "07911 " + "234567", "ssn": "536" + "228726"}
    )
    assert counts == {"PHONE": 1, "SSN": 1} or counts == {"PHONE": 2, "SSN": 1}
    assert clean["mobile"] == "REDACTED_PHONE_1"
    assert clean["ssn"] == "REDACTED_SSN_1"


def test_placeholders_are_never_found() -> None:
    text = (
        "user1@example.com user12%40example.com /home/user1/x 192.0.2.1 198.51.100.254 203.0.113.9 "
        "2001:db8::1 2001:db8::ff 00:00:5e:00:53:01 00:00:5e:00:53:ff REDACTED_PHONE_1 "
        "tel: REDACTED_PHONE_12 card REDACTED_CARD_3 iban: REDACTED_IBAN_1 ssn REDACTED_SSN_1 "
        "ec2-192.0.2.1.compute ~user1/x user1@box:~$ ssh user2@box"
    )
    assert found(text) == []
    assert _ALL.find(text) == ()


def test_redacting_twice_is_redacting_once() -> None:
    redactor = Redactor()
    text = "\n".join(context.format(value) for _, value in VALUES for context in CONTEXTS[:6])
    once, counts = redactor.redact({"text": text + " /home/margarethe/x"})
    assert {"EMAIL", "USER", "IP", "IPV6", "MAC", "PHONE", "CARD", "IBAN", "SSN"} <= counts.keys()
    for _, value in VALUES:
        assert value not in once["text"]
    twice, more = redactor.redact(once)
    assert twice is once and not more


def test_every_rule_can_be_left_out() -> None:
    rows, words = rules.load(without=("card", "phone"))
    one = Scanner([rule for rule in rows if rule.level == 5], words)
    assert [each.type for each in one.find(f"{VISA} {PHONE} {PUBLIC4}")] == ["IP"]


_HOSTILE = [
    "0",
    "00-000-",
    "0000 ",
    "415-867-",
    "+1",
    "+1 415 ",
    "1.",
    "1.2.3.4",
    "12:34:",
    "a:",
    "abcd:",
    "::",
    "ab-",
    "abcd.",
    "AB12",
    "AA00 ",
    "@",
    "a@",
    "a.b@c.",
    "%40",
    "%",
    "\\",
    "/",
    "\\users",
    "/home/",
    "-home-a",
    "%2Fhome",
    "~a/",
    "ssh a@b ",
    "http://",
    "tel ",
    "phone 00 ",
    "AAAAC3NzaC1",
    "iban",
    "ip-1-",
    "(",
    " ",
    "\u00b7",
]


@pytest.mark.parametrize("unit", _HOSTILE)
def test_time_is_linear(unit: str) -> None:
    """Four times the input takes far less than sixteen times as long."""

    def cost(size: int) -> float:
        text = (unit * (size // len(unit) + 1))[:size]
        start = time.process_time()
        _SCANNER.find(text)
        return time.process_time() - start

    cost(1000)
    small = max(min(cost(16_000), cost(16_000)), 0.002)
    assert cost(64_000) < 9 * small + 0.02
