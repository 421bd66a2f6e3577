"""What a pattern cannot say of cookies, web keys and Kubernetes secrets. Finders as in keys.py."""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING

from afs.redact.kinds.contexts import BREAK
from afs.redact.kinds.judge import oddness

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from afs.redact.kinds.judge import Judge

    Finder = Callable[[bytes, int], Iterator[tuple[int, int]]]

_SLASHES = rb"\\{0,31}+"
_COOKIE = re.compile(
    rb"(?i:cookies?(?:_?header)?" + _SLASHES + rb"[\"'`]?\]?[ \t]{0,4}(?P<sign>[:=,]|=>)?[ \t]{0,4}"
    rb"(?P<quote>" + _SLASHES + rb"[\"'])?)(?=[A-Za-z0-9_.!#$%*^|~-]{1,64}=)"
)
_PAIR = re.compile(
    rb"(?P<name>[A-Za-z0-9_.!#$%*^|~\[\]-]{1,64})=(?P<s>[^\s;,\"'`\\<>{}()]{0,4096})(?:;[ \t]{0,4})?"
)
_ATTRIBUTES = frozenset(b"path domain expires max-age samesite version priority comment".split())
_KIND = re.compile(rb"kind" + _SLASHES + rb"[\"']?:[ \t]{0,4}" + _SLASHES + rb"[\"']?$")
_DATA = re.compile(
    rb"(?:(?<![A-Za-z])|(?<=\\[nrt]))(?P<name>data|stringData)"
    + _SLASHES
    + rb"[\"']?:[ \t]{0,4}(?P<open>\{)?[ \t]*(?:"
    + BREAK
    + rb"|(?="
    + _SLASHES
    + rb"[\"'{A-Za-z]))"
)
_ENTRY = re.compile(
    rb"(?:"
    + BREAK
    + rb"|\\{1,31}+u2[0-9a-fA-F]{3}|[^A-Za-z0-9_\"'\\]){0,160}+(?:\d{1,7}(?:[ \t:|]|\\{1,31}+t){1,8})?"
    + _SLASHES
    + rb"[\"']?(?P<key>[A-Za-z0-9_][A-Za-z0-9_.-]{0,80})"
    + _SLASHES
    + rb"[\"']?:[ \t]{1,4}(?:(?P<quote>"
    + _SLASHES
    + rb"[\"'])(?P<quoted>[^\"'\r\n]{4,8192}?)(?P=quote)"
    rb"|(?P<s>[^\s\"'\\,{}|>]{4,8192}))"
)
# The rest of a line, and what frames lines of a notebook or of a log in JSON.
_LINE = re.compile(rb"[^\r\n\\]{0,120}?" + BREAK + rb"(?:[\"'],?[ \t]{0,8}\\{0,31}+" + BREAK + rb")?")
_TOP = frozenset(b"metadata kind apiVersion type stringData data spec status immutable".split())
_CURL = re.compile(rb"curl(?=[ \t])[^\n|;]{0,400}?[ \t](?:-b|--cookie)[ \t=]{0,4}" + _SLASHES + rb"[\"']?")
_JWK = re.compile(
    rb"\"(?:d|k|p|q|dp|dq|qi)" + _SLASHES + rb"\"[ \t]{0,4}:[ \t]{0,4}" + _SLASHES + rb"\""
    rb"(?P<s>[A-Za-z0-9_-]{20,8192})" + _SLASHES + rb"\""
)


def cookies(judge: Judge) -> Finder:
    """Values of a Cookie or Set-Cookie header that are no plain words."""

    def find(raw: bytes, at: int) -> Iterator[tuple[int, int]]:
        head = _COOKIE.match(raw, at)
        if head is None:
            head = _CURL.match(raw, at)
        elif not (head["sign"] or head["quote"]):
            return
        if head is None:
            return
        where = head.end()
        while pair := _PAIR.match(raw, where):
            value = pair["s"].decode("latin-1")
            if pair["name"].lower() not in _ATTRIBUTES and len(value) >= 8 and judge.strength(value) >= 3:
                yield pair.span("s")
            where = pair.end()

    return find


def kubernetes(judge: Judge) -> Finder:
    """The values under `data:` and `stringData:` of a Secret, called at the word of its kind."""

    def find(raw: bytes, at: int) -> Iterator[tuple[int, int]]:
        if not _KIND.search(raw, max(0, at - 48), at):
            return
        low = max(0, at - 2000)
        low = max(low, raw.rfind(b"---", low, at))
        high = raw.find(b"kind:", at, at + 4000)  # the next object
        for data in _DATA.finditer(raw, low, high if high >= 0 else at + 4000):
            where = data.end()
            while entry := _ENTRY.match(raw, where):
                if entry["key"] in _TOP:
                    break
                span = entry.span("quoted" if entry["quote"] else "s")
                value = raw[span[0] : span[1]]
                encoded = data["name"] == b"data" and _decoded(value.replace(b"\\/", b"/")) is not None
                if encoded or judge.strength(value.decode("latin-1")) >= (
                    4 if data["name"] == b"data" else 2
                ):
                    yield span
                where = entry.end()
                if not data["open"]:
                    stop = _LINE.match(raw, where)
                    if stop is None:
                        break
                    where = stop.end()

    return find


def jwk(raw: bytes, at: int) -> Iterator[tuple[int, int]]:
    """The private members of a JSON Web Key, called at its `kty`."""
    for member in _JWK.finditer(raw, max(0, at - 2000), at + 2000):
        if oddness(member["s"][:64].decode("latin-1")) >= 0.25:
            yield member.span("s")


def basic(value: bytes) -> bool:
    """Whether a value is base64 of `name:password`."""
    plain = _decoded(value if b"=" in value else value + b"=" * (-len(value) % 4))
    return plain is not None and b":" in plain and all(32 <= byte < 127 for byte in plain)


def jwt(token: bytes) -> bool:
    """Whether the first part is JSON, as the header of a token is, and tells an algorithm or a second."""
    head, _, rest = token.partition(b".")
    plain = _decoded(head.translate(_URL_SAFE) + b"=" * (-len(head) % 4))
    if plain is None or not plain.startswith(b"{"):
        return False
    return b'"alg"' in plain or b'"enc"' in plain or rest.startswith(b"eyJ")


_URL_SAFE = bytes.maketrans(b"-_", b"+/")


def _decoded(value: bytes) -> bytes | None:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return None
