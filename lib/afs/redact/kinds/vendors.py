"""A random value behind the name of a service: ALGOLIA_APP_ID=..., deepgram: ..., "okta client" => ...

Many services draw keys that have no form of their own: 32 hexadecimal digits, a UUID. What tells them
from a digest is the name of the service before them. A long run of characters of tokens is looked at
only where no other rule claims it: it must be drawn at random, the name must stand within 72 bytes to its
left, and what lies between must assign and must not speak of commits, digests or versions.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from afs.redact.kinds.judge import filler, oddness
from afs.redact.search.runs import alternation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from afs.redact.kinds.judge import Judge

    RunFinder = Callable[[bytes, int, int], Iterator[tuple[int, int]]]

_BEFORE = 72
_LEFT = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.~+/$-"
_VALUE = re.compile(rb"[A-Za-z0-9_.~+/-]{1,512}+(?::[A-Za-z0-9_-]{16,128}+)?={0,2}")
_HEX = re.compile(rb"(?=[0-9a-fA-F-]*[0-9])(?:[0-9a-f]{20,}|[0-9A-F]{20,})")
_UUID = re.compile(rb"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_MIXED = re.compile(rb"(?=[A-Za-z]*(?:[0-9][A-Za-z]*){4})(?=[0-9]*[A-Za-z])[A-Za-z0-9]{16,}")
_NUMBER = re.compile(rb"[0-9]{15,}")
_GAP = re.compile(rb"[\w .:=>|,\"'`\\\[\](?+${}*/\t-]{0,56}(?:\r?\n[ \t\"']{0,16})?")
_PIECES = re.compile(rb"(?:(?<![A-Za-z])|(?<=[a-z])(?=[A-Z]))(?:[A-Z]?[a-z0-9]{2,5}|[A-Z0-9]{2,5})")
_SIGNS = (b"=", b":", b">", b",", b"|", b"(", b"[")
_SAID = (b"key", b"token", b"secret", b"auth", b"pat", b"-id", b"_id", b" id")
_ASSIGNS = re.compile(
    rb"[=:>|,(\[]|(?i:key|token|secret|auth|pat|id)\\{0,31}+[\"'`]?\s\\{0,31}+[\"'`]?$|[\"'][ \t]{1,4}[\"']$"
)
# With these words in the name an ordinary word may be the service, too.
_TELLS = re.compile(rb"(?i:key|token|secret|auth|pass|credential|api|pat(?![a-z])|webhook)")
# With these it is no key, whoever's it is.
_OTHER = re.compile(
    rb"(?i:sha|commit|hash|digest|checksum|integrity|version|release|revision|(?<![a-z])rev(?![a-z])|image|etag"
    rb"|trace|span|request|fingerprint|thumbprint|public|docker|branch|(?<![a-z])ref(?![a-z])|blob|tree|build"
    rb"|(?:session|run|job|message|event|user|team|file|page|tool|call|node)[_ -]?id)"
)


def services(words: dict[str, list[str]]) -> re.Pattern[bytes]:
    """The names of services at the beginning of a word; an ordinary word leaves the group `alone` empty."""
    keys = ("vendors", "vendor_words")
    alone, named = (alternation(words[key], 6).replace("_", "[ _.-]?").encode() for key in keys)
    return re.compile(
        rb"(?:(?<![A-Za-z])|(?<=[a-z])(?=[A-Z]))(?i:(?P<alone>" + alone + rb")|(?:" + named + rb"))"
        rb"(?:(?![a-z])|(?=(?i:key|token|secret|api|auth)))"
    )


def vendor(words: dict[str, list[str]], judge: Judge, service: re.Pattern[bytes]) -> RunFinder:
    """Finds the value that a run is part of, where the name of a service is before it."""
    # How the names begin, which tells quickly that none of them is there.
    names = words["vendors"] + words["vendor_words"]
    heads = {re.split(r"[_.]", name)[0][:5].encode() for name in names}
    strength = judge.strength

    def find(raw: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
        left = raw[max(0, start - _BEFORE) : start]
        own = left.rstrip(_LEFT)
        begin = start - (len(left) - len(own))
        told = own.rstrip(b" \t\r\n\"'`\\")
        if told[-1:] not in _SIGNS and not told[-6:].lower().endswith(_SAID):
            return
        if b"::" in own and b"::=" not in own:
            return  # Type::Of::CloudFormation, not a name that is given a value
        own = own.replace(b"{ get; set; }", b"").replace(b"-D", b"- ")
        told = own.rstrip(b" \t\r\n\"'`\\")
        line = max(told.rfind(b"\n"), told.rfind(b";"), told.rfind(b"{"))
        own = own[line + 1 :]
        pieces = _PIECES.findall(own.lower() if own.isupper() else own)
        if not any(piece[:5].lower() in heads or piece[:4].lower() in heads for piece in pieces):
            return
        value = _VALUE.match(raw, begin)
        if value is None or not (sure := _drawn(value[0])):
            return
        for name in service.finditer(own):
            gap = own[name.end() :]
            if _GAP.fullmatch(gap) is None or _ASSIGNS.search(gap) is None or _OTHER.search(gap):
                continue
            if (sure > 1 and name["alone"]) or _TELLS.search(gap):
                yield begin, value.end() - (len(value[0]) - len(value[0].rstrip(b".:/")))
                return

    def _drawn(value: bytes) -> int:
        """2: drawn at random. 1: may be a name, too. 0: a name."""
        text = value.rstrip(b".:/").decode("latin-1")
        if filler(text):
            return 0
        if _HEX.fullmatch(value) or _UUID.fullmatch(value) or (strength(text) == 4 and oddness(text) >= 0.25):
            return 2
        return 1 if _MIXED.fullmatch(value) or _NUMBER.fullmatch(value) else 0

    return find
