"""The tables of the redaction benchmark, which are text files beside this one and say how they are read."""

from __future__ import annotations

import os
import re
from typing import NamedTuple

FOLDER = os.path.dirname(os.path.realpath(__file__))
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\"}
# Where a home path shows who the user is.
HOMES = (
    "/home/{v}/src/<word>",
    "cwd: /Users/{v}/code/<word>",
    "C:\\Users\\{v}\\source",
    'File "/home/{v}/app/main.py", line 3',
)
# Private keys: name, the words of the BEGIN and END lines, characters of base64 between them.
KEYS = (
    ("pem-rsa", "RSA PRIVATE KEY", 1600),
    ("pem-pkcs8", "PRIVATE KEY", 1620),
    ("pem-ec", "EC PRIVATE KEY", 220),
    ("pem-openssh", "OPENSSH PRIVATE KEY", 380),
    ("pem-encrypted", "ENCRYPTED PRIVATE KEY", 1700),
    ("pem-dsa", "DSA PRIVATE KEY", 800),
    ("pem-pgp", "PGP PRIVATE KEY BLOCK", 900),
)


class Token(NamedTuple):
    """A vendor's format, and whether it says by itself what it is."""

    name: str
    template: str
    names: list[str]
    free: bool


class Form(NamedTuple):
    """A value, and the ways in which it is written."""

    name: str
    template: str
    ways: list[str]


class Style(NamedTuple):
    """A statement that names a value, or, with the case `-`, one that does not."""

    style: str
    how: str
    case: str
    statement: str


def _lines(name: str) -> list[str]:
    with open(os.path.join(FOLDER, name), encoding="utf-8") as file:
        return [line.rstrip("\n") for line in file if line.strip() and not line.startswith("#")]


def _plain(text: str) -> str:
    return re.sub(r"\\([ntr\\])", lambda match: _ESCAPES[match[1]], text)


def listed(name: str) -> list[str]:
    """The words of that name of redact_words.txt."""
    return next(line.split()[1:] for line in _lines("redact_words.txt") if line.startswith(f"{name} "))


def tokens() -> list[Token]:
    out = []
    for line in _lines("redact_tokens.txt"):
        name, *parts = line.split()
        first = next(at for at, part in enumerate(parts) if at and "<" not in part)
        out.append(Token(name.rstrip("*"), " ".join(parts[:first]), parts[first:], name.endswith("*")))
    return out


def forms(name: str) -> list[Form]:
    """The table redact_NAME.txt: forms, people or decoys."""
    out: list[Form] = []
    for line in _lines(f"redact_{name}.txt"):
        if line.startswith("    "):
            out[-1].ways.append(_plain(line[4:]))
        else:
            kind, template = line.split(" ", 1)
            out.append(Form(kind, _plain(template), []))
    return out


def styles() -> list[Style]:
    out = []
    for line in _lines("redact_styles.txt"):
        head, statement = line.split("|", 1)
        style, how, case = head.split()
        out.append(Style(style, how, case, _plain(statement)))
    return out
