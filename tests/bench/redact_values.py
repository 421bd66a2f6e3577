"""Random values with the alphabets, lengths and checksums of the real ones, from templates.

    fill(chance, "ghp_<b62*30><crc62>")

A part is `<alphabet*length>` or `<alphabet*least-most>`, or a name of MAKERS such as `<pass>`. No text
in this folder is a secret, nor looks like one: values come to be when the benchmark runs.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import os
import random
import re
import string
import uuid
import zlib
from typing import TYPE_CHECKING

from redact_tables import FOLDER, listed

if TYPE_CHECKING:
    from collections.abc import Callable

B62 = string.digits + string.ascii_uppercase + string.ascii_lowercase
B58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
ALPHABETS = {
    "b62": B62,
    "b58": B58,
    "b64": string.ascii_letters + string.digits + "+/",
    "url64": string.ascii_letters + string.digits + "-_",
    "b32": string.ascii_uppercase + "234567",
    "b36": string.ascii_lowercase + string.digits,
    "B36": string.ascii_uppercase + string.digits,
    "hex": "0123456789abcdef",
    "HEX": "0123456789ABCDEF",
    "num": string.digits,
    "low": string.ascii_lowercase,
    "up": string.ascii_uppercase,
    "alpha": string.ascii_letters,
    "crock": "0123456789abcdefghjkmnpqrstvwxyz",
    "bech": BECH32,
    "BECH": BECH32.upper(),
}
WORDS, PROJECTS, _GIVEN, _FAMILY, _TLDS = map(listed, ("words", "projects", "given", "family", "tlds"))
_PART = re.compile(r"<([A-Za-z0-9]+)(?:\*(\d+)(?:-(\d+))?)?>")


def fill(chance: random.Random, template: str) -> str:
    """A template with its parts made up. What is no part stays as it is."""
    out = ""
    at = 0
    for match in _PART.finditer(template):
        out += template[at : match.start()]
        at = match.end()
        name, least, most = match[1], match[2], match[3]
        if name == "crc62":
            out += base62(zlib.crc32(out[out.rfind("_") + 1 :].encode()))
        elif name == "crchex":
            out += f"{zlib.crc32(out.encode()):08x}"
        elif name in ALPHABETS and least:
            count = chance.randint(int(least), int(most)) if most else int(least)
            out += mixed(chance, ALPHABETS[name], count)
        elif name in MAKERS:
            out += MAKERS[name](chance)
        else:
            out += match[0]
    return out + template[at:]


def mixed(chance: random.Random, alphabet: str, count: int) -> str:
    """Random characters, not all the same few."""
    while True:
        made = "".join(chance.choices(alphabet, k=count))
        if count < 8 or len(set(made)) > min(3, len(alphabet) // 3):
            return made


def base62(number: int) -> str:
    out = ""
    while number:
        number, digit = divmod(number, 62)
        out = B62[digit] + out
    return out.rjust(6, "0")


# --- checksums --------------------------------------------------------------------------------------


def luhn(digits: str) -> bool:
    total = 0
    for index, digit in enumerate(map(int, reversed(digits))):
        doubled = digit * 2
        total += digit if index % 2 == 0 else doubled - 9 * (doubled > 9)
    return total % 10 == 0


def card(chance: random.Random) -> str:
    start, length = chance.choice(
        (("4", 16), ("51", 16), ("53", 16), ("2221", 16), ("37", 15), ("6011", 16), ("3530", 16), ("36", 14))
    )
    body = start + mixed(chance, string.digits, length - len(start) - 1)
    return next(body + digit for digit in string.digits if luhn(body + digit))


def card_shown(chance: random.Random) -> str:
    number = card(chance)
    sizes = {16: (4, 4, 4, 4), 15: (4, 6, 5), 14: (4, 6, 4)}[len(number)]
    between = chance.choice(("", "", " ", "-"))
    out, at = [], 0
    for size in sizes:
        out.append(number[at : at + size])
        at += size
    return between.join(out)


IBANS = {"DE": "<num*18>", "FR": "<num*10><B36*11><num*2>", "NL": "<up*4><num*10>", "ES": "<num*20>",
         "GB": "<up*4><num*14>", "IT": "<up*1><num*10><B36*12>", "CH": "<num*5><B36*12>", "PL": "<num*24>",
         "SE": "<num*20>", "AT": "<num*16>", "BE": "<num*12>", "PT": "<num*21>"}  # fmt: skip


def mod97(iban: str) -> int:
    turned = iban[4:] + iban[:4]
    return int("".join(str(int(one, 36)) for one in turned)) % 97


def iban(chance: random.Random) -> str:
    country = chance.choice(sorted(IBANS))
    body = fill(chance, IBANS[country])
    made = f"{country}{98 - mod97(f'{country}00{body}'):02}{body}"
    if chance.random() < 0.5:
        made = " ".join(made[at : at + 4] for at in range(0, len(made), 4))
    return made


def base58check(payload: bytes) -> str:
    whole = payload + hashlib.sha256(hashlib.sha256(payload).digest()).digest()[:4]
    number, out = int.from_bytes(whole, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        out = B58[digit] + out
    return "1" * (len(whole) - len(whole.lstrip(b"\0"))) + out


@functools.cache
def wordlist() -> list[str]:
    """The 2,048 English words of BIP 39."""
    with open(os.path.join(FOLDER, "bip39.txt"), encoding="ascii") as file:
        return file.read().split()


def phrase(chance: random.Random, count: int = 0) -> str:
    """A wallet phrase whose last word holds the checksum, as BIP 39 has it."""
    count = count or chance.choice((12, 12, 12, 15, 18, 21, 24, 24))
    size = count * 11 * 32 // 33
    entropy = chance.getrandbits(size).to_bytes(size // 8, "big")
    bits = f"{int.from_bytes(entropy, 'big'):0{size}b}"
    bits += f"{hashlib.sha256(entropy).digest()[0]:08b}"[: size // 32]
    listed = wordlist()
    return " ".join(listed[int(bits[at : at + 11], 2)] for at in range(0, len(bits), 11))


# --- words, passwords, people -----------------------------------------------------------------------


def user(chance: random.Random) -> str:
    """A login name that is no ordinary word."""
    given, family = chance.choice(_GIVEN), chance.choice(_FAMILY)
    return chance.choice((family, given[0] + family, given + family[0:3], f"{given}{chance.randint(71, 99)}",
                          f"{given}.{family}", f"{given[0]}{family[:6]}"))  # fmt: skip


def human(chance: random.Random) -> str:
    """A password as people make them up."""
    one, two, three = chance.sample(WORDS, 3)
    leet = one.translate(str.maketrans("eoai", "30@1"))
    form = chance.choice((
        "{One}{year}!", "{leet}{some}", "{One}{Two}{few}", "{one}-{two}-{three}-{few}", "{Leet}!{few}",
        "My{One}#{year}", "{one}{some}", "{one}_{two}{sign}{few}", "{One}@{year}", "{two}.{one}.{few}",
    ))  # fmt: skip
    return form.format(
        one=one, two=two, three=three, One=one.capitalize(), Two=two.capitalize(), leet=leet,
        Leet=leet.capitalize(), year=chance.randint(1968, 2026), some=chance.randint(100, 99999),
        few=chance.randint(10, 99), sign=chance.choice("!?*"),
    )  # fmt: skip


def password(chance: random.Random) -> str:
    """A password that a shell takes in single quotes, from a generator or made up by a person."""
    if chance.random() < 0.45:
        return human(chance)
    alphabet = chance.choice((B62, B62, B62 + "!#%&*+-.:=?@^_~$", ALPHABETS["url64"], ALPHABETS["hex"]))
    while True:
        made = chance.choice(B62) + mixed(chance, alphabet, chance.randint(10, 24)) + chance.choice(B62)
        if sum(any(one in kind for one in made) for kind in (string.digits, string.ascii_letters)) == 2:
            return made


def password_bare(chance: random.Random) -> str:
    """A password that needs no quotes anywhere, nor an escape in a URL."""
    return re.sub(r"[^A-Za-z0-9._~-]", "_", password(chance)).strip("._~-")


def email(chance: random.Random) -> str:
    domain = f"{chance.choice(_FAMILY)}{chance.choice(('', '-labs', 'tech', 'mail'))}.{chance.choice(_TLDS)}"
    given, family = chance.choice(_GIVEN), chance.choice(_FAMILY)
    local = chance.choice(
        (f"{given}.{family}", user(chance), f"{given}+{chance.choice(PROJECTS)}", f"{given}_{family}")
    )
    return f"{local}@{chance.choice((domain, domain, 'gmail.com', 'outlook.com', 'proton.me'))}"


_PRIVATE = re.compile(
    r"(?:0|10|127|169\.254|192\.168|192\.0|198\.1[89]|198\.51|203\.0|100\.\d+|172\.(?:1[6-9]|2\d|3[01]))\."
)


def ipv4(chance: random.Random) -> str:
    while True:
        made = ".".join(
            str(chance.randint(1 if part in (0, 3) else 0, 223 if part == 0 else 254)) for part in range(4)
        )
        if not _PRIVATE.match(made) and len(made) > 9:
            return made


def ipv6(chance: random.Random) -> str:
    start = chance.choice(("2a01:4f8", "2a02:8108", "2600:1f18", "2a03:2880", "2607:f8b0", "2400:cb00"))
    rest = [f"{chance.randint(1, 65535):x}" for _ in range(6)]
    if chance.random() < 0.4:
        return f"{start}:{rest[0]}:{rest[1]}::{chance.choice(('1', rest[2]))}"
    return f"{start}:{':'.join(rest)}"


def phone(chance: random.Random) -> str:
    """A number in the international form, or in the form of the United States with its signs."""
    area, office, line = chance.randint(201, 989), chance.randint(220, 989), chance.randint(1000, 9899)
    if area % 100 == 11 or office % 100 == 11 or office == 555:
        area, office = 415, 638
    form = chance.choice((
        "+1 {0} {1} {2}", "+1{0}{1}{2}", "({0}) {1}-{2}", "{0}-{1}-{2}", "+1-{0}-{1}-{2}", "{0}.{1}.{2}",
        "+49 <151-179> <num*8>", "+44 7{3}{4} {1}{0}", "+33 6 {3} {4} {5} {6}", "+4917<num*8-9>",
        "+1 ({0}) {1}-{2}", "+351 91{3[0]} {1} {0}", "+41 79 {1} {3} {4}", "+91 9{2} {3}{0}",
        "+5511 9{2}-{3}{4}",
    ))  # fmt: skip
    pairs = [f"{chance.randint(10, 99)}" for _ in range(4)]
    form = form.replace("<151-179>", str(chance.randint(151, 179)))
    return fill(chance, form.format(area, office, line, *pairs))


def ssn(chance: random.Random) -> str:
    area = chance.choice((chance.randint(100, 665), chance.randint(667, 899)))
    return f"{area}-{chance.randint(11, 99)}-{chance.randint(1000, 9999)}"


def mac(chance: random.Random) -> str:
    maker = chance.choice(("3c:22", "a4:83", "b8:27", "dc:a6", "f0:18", "00:1a", "00:25", "00:50"))
    octets = [*maker.split(":"), *(f"{chance.randint(0, 255):02x}" for _ in range(4))]
    return chance.choice((":", ":", "-")).join(octets)


def encoded(chance: random.Random, template: str) -> str:
    """Standard base64 of a filled template."""
    return base64.b64encode(fill(chance, template).encode()).decode()


def unpadded(chance: random.Random, template: str) -> str:
    """URL-safe base64 of a filled template, as tokens of several parts have it."""
    return base64.urlsafe_b64encode(fill(chance, template).encode()).decode().rstrip("=")


def jwt(chance: random.Random) -> str:
    head = unpadded(chance, '{"alg":"' + chance.choice(("HS256", "RS256", "ES256")) + '","typ":"JWT"}')
    body = unpadded(chance, '{"sub":"<num*10>","name":"<word>","iat":17<num*8>,"exp":18<num*8>}')
    return f"{head}.{body}.{mixed(chance, ALPHABETS['url64'], 43)}"


def kube_jwt(chance: random.Random) -> str:
    """The token of a service account."""
    head = unpadded(chance, '{"alg":"RS256","kid":"<url64*43>"}')
    body = unpadded(chance, '{"iss":"kubernetes/serviceaccount","sub":"system:serviceaccount:<word>:<word>"}')
    return f"{head}.{body}.{mixed(chance, ALPHABETS['url64'], 342)}"


def uuid4(chance: random.Random) -> str:
    return str(uuid.UUID(int=chance.getrandbits(128), version=4))


MAKERS: dict[str, Callable[[random.Random], str]] = {
    "pass": password,
    "bare": password_bare,
    "human": human,
    "user": user,
    "word": lambda chance: chance.choice(PROJECTS),
    "noun": lambda chance: chance.choice(WORDS),
    "host": lambda chance: fill(
        chance, f"{chance.choice(('db', 'api', 'cache', 'mq'))}-<num*1>.<word>.internal"
    ),
    "uuid": uuid4,
    "email": email,
    "ipv4": ipv4,
    "ipv6": ipv6,
    "phone": phone,
    "card": card_shown,
    "iban": iban,
    "ssn": ssn,
    "mac": mac,
    "jwt": jwt,
    "b64jwt": lambda chance: base64.b64encode(jwt(chance).encode()).decode(),
    "kubejwt": kube_jwt,
    "grafana": lambda chance: encoded(chance, '{"k":"<b62*40>","n":"<word>","id":<num*2>}'),
    "grafanacloud": lambda chance: encoded(
        chance, '{"o":"<num*6>","n":"<word>","k":"<b62*24>","m":{"r":"us"}}'
    ),
    "onepassword": lambda chance: encoded(
        chance, '{"email":"<word>","muk":{"k":"<url64*43>"},"secretKey":"<b62*160>"}'
    ),
    "mapbox": lambda chance: unpadded(chance, '{"u":"<word>","a":"<b36*25>"}'),
    "phrase": phrase,
    "key32": lambda chance: base64.b64encode(chance.randbytes(32)).decode(),
    "key64": lambda chance: base64.b64encode(chance.randbytes(64)).decode(),
    "userpass": lambda chance: encoded(chance, "<user>:<bare>"),
    "b64password": lambda chance: encoded(chance, "<pass>"),
    "wif": lambda chance: base58check(b"\x80" + chance.randbytes(32) + b"\x01"),
    "xprv": lambda chance: base58check(
        b"\x04\x88\xad\xe4" + chance.randbytes(41) + b"\0" + chance.randbytes(32)
    ),
    "snowflake": lambda chance: base64.b64encode(str(chance.randint(10**17, 10**18)).encode()).decode(),
    "port": lambda chance: str(chance.choice((3000, 5432, 6379, 8000, 8080, 9090))),
    "time": lambda chance: (
        f"2026-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}T{chance.randint(0, 23):02}:"
        f"{chance.randint(0, 59):02}:{chance.randint(0, 59):02}Z"
    ),
}
