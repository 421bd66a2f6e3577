"""Level 4: runs drawn at random that no format, structure or name gives away, where the words around do.

A run is 24 to 200 characters of base62, base64 or base64url, or hexadecimal of a key's length, and
stands by itself: in quotes, between blanks, on a line of its own. Randomness alone is no evidence. In
agents' logs nearly all random runs are ids of calls, digests, parts of URLs; so the border is this:

    taken  the same line speaks of a token, password, secret, API key before the run (or right behind
           it: "... is the token"), or the line before ends in such words; or the run ends a line
           below a command that prints secrets (`gh auth token`, `cat secret.key`, `openssl rand`); or
           it is in a list that has such a name; or the value of an environment variable in capitals
    left   all without such words; all where the line speaks of a hash, a commit, a version, an id, a
           signature, a public key, a test vector; what has a name of its own that level 3 has judged;
           UUIDs, 40 hexadecimal digits, ULIDs, paths, URLs, digests with a label, ids with a prefix

A run without words cannot be told from an id, not even by a person: it is left.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

from afs.redact.kinds.judge import filler, oddness

if TYPE_CHECKING:
    from collections.abc import Iterator

_LEAST, _MOST = 24, 200
_ODD = 0.28
# Names in code that hold no digit are passed over before anything else is asked.
_DIGIT = re.compile(rb"[A-Za-z_-]*+[0-9]")
_SIGNS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_-"
_JOINS = (b"+", b"/")
_BODY = re.compile(rb"[A-Za-z0-9+/_-]{1,201}+={0,2}")
_OPENS = re.compile(rb"[\s\"'`(\[{=:,>|;*]")
# The letter of an escape, and the end of a colour code, that stand before a run like a part of it.
_GLUED = re.compile(rb"(?<=\\)[nrt]|(?<=[\[;])\d{1,3}m")
_SHUTS = re.compile(rb"(?:\Z|[\s\"'`)\]},;|<*\x1b\\]|[.!?:](?:[\s\"'`\\]|\Z))")


def _any(*parts: bytes) -> bytes:
    return rb"(?:" + b"|".join(parts) + rb")"


# --- what a run is ----------------------------------------------------------------------------------

_HEX = re.compile(r"(?:[0-9a-f]+|[0-9A-F]+)")
_KEY_SIZES = (32, 48, 64, 96, 128)
_ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
# Ids of tool calls, messages, runs and the like begin with what they are ids of.
_ID = re.compile(
    r"(?i:acct|agent|ami|arn|asst|batch|build|call|chart|chat|chatcmpl|ch|cmpl|conv|ctc|cus|doc|dpl|eni|evt?"
    r"|event|fc|file|ft|gen|id|img|in|item|job|message|msg|node|obj|org|part|pi|price|prj|prod|proj|prt|req"
    r"|request|resp|rev|rs|run|session|sess|sg|snap|span|srvtoolu|step|subnet|sub|task|team|thread|toolu"
    r"|trace|user|usr|vid|vol|vpc|vs|ws)[_-].*"
)
# Symbols of compilers, names with a number, digests with a label, dates.
_STRUCTURED = re.compile(r"_{1,3}Z[A-Z0-9].*|\$s\w.*|[A-Za-z_]+\d{0,4}|(?:sha\d{1,3}|h1|md5)[-_].*|[\dT_-]+")
_CUT = re.compile(r"[-_/+]")

# --- what the words around it say -------------------------------------------------------------------

# Words that say what a random run is; a key says it only together with another word.
_TELLING = re.compile(
    rb"(?<![a-z0-9])"
    + _any(
        rb"pass(?:word|wd|phrase|code)s?|secrets?|credentials?|creds|bearer|otp|pats?",
        rb"(?:[a-z]{2,16}[ _-]?)?tokens?",
        rb"(?:api|access|secret|private|signing|encryption|decryption|auth|admin|master|deploy|license|service"
        rb"|client|account|webhook|recovery|app|bot|session|shared"
        rb"|server|storage|my|your|our|new)[ _-]?keys?",
    )
    + rb"(?![a-z0-9])"
)
_TELLING_PARTS = tuple(b"pass secret cred bearer otp pat token key".split())
# Parts of words, and words, that say on the same line that it is something else.
_OTHER_PARTS = tuple(
    b"hash digest checksum md5 integrity fingerprint thumbprint known_hosts commit revision branch version"
    b" etag artifact bundle chunk blob guid ulid uuid trace tracing cursor thread nonce boundary signature"
    b" signed encrypted_content public certificate ssh-rsa ssh-ed25519 ecdsa- vector cache primary foreign"
    b" model symbol mangl image video asset upload download example. tokeniz max_tok".split()
)
_OTHER_WORDS = frozenset(b"id ids uid uids sha crc rev ref span csrf xsrf".split())
_WORD = re.compile(rb"[a-z]+")
_OTHER_TOKEN = re.compile(
    rb"token_?(?:count|id|type)|(?:next|page|continuation|sync|prompt|input|output)[ _-]?tokens?"
    rb"|(?:total|special|starting|change|request)[ _-]?tokens?"
)
# A name and an operator right before the run; names that say nothing, and names of lists.
_NAME = re.compile(
    rb"([a-z0-9_.\[\]-]{1,64})[\"'`\\\]]{0,8}[ \t]{0,4}(?::=|=>|===?|[:=])[ \t]{0,4}[\"'`\\\[({]{0,8}\Z"
)
_NEUTRAL = frozenset(b"value val content text result output stdout default data raw old new previous".split())
_LISTED = re.compile(rb"(?:tokens|secrets|passwords|credentials|creds|(?:api|access|secret|auth)_?keys)\Z")
_VARIABLE = re.compile(
    rb"(?:\A|[\s;\"'`]|\\n)(?:(?:export|set|-e|env) )?([A-Z][A-Z0-9_]{2,48})=[\"'\\]{0,4}\Z"
)
# Without such a word the value must have letters of both cases, and digits.
_MIXED = re.compile(rb"(?=[^A-Z]*[A-Z][^A-Z]*[A-Z])(?=[^a-z]*[a-z][^a-z]*[a-z])(?=[^0-9]*[0-9])")
_FLAG = re.compile(rb"(?<![a-z0-9-])--?([a-z][a-z0-9-]*)[ \t]{1,4}[\"'`\\]{0,8}\Z")
_SAYS = re.compile(
    rb"(?:\A|_)(?:ACCESS|APIKEY|AUTH|BEARER|COOKIE|CREDS?|DSN|ENCRYPTION|HMAC|JWT|KEY|LICENSE|PASS|PASSWD|PAT"
    rb"|PEPPER|PRIVATE|PSK|SALT|SAS|SECRET|SESSION|SIGNING|SK|TOKEN|WEBHOOK)(?:_|\Z)"
)
_SAYS_NOT = re.compile(rb"PUBLIC|_ID\Z|_SHA\Z|HASH|DIGEST|COMMIT|VERSION|CACHE|SOCK|PATH|FILE|DIR|URL")
_HIDDEN = rb"(?:token|secret|passw|api[_-]?key|credential|[._]key(?![a-z])|[._]pat(?![a-z])|[._]pass)"
# Commands whose output is a secret, and what one of them must hold.
_PRINTS_PARTS = (
    *(b"token secret pass pw key rand base64 vault get- cred auth pat".split()),
    b"op ",
    b"bw ",
)
_PRINTS = re.compile(
    _any(
        rb"gh auth token|auth print-(?:access|identity)-token|auth[: ]token|tokens? create|create token",
        rb"get-(?:secret-value|access-token|login-password|parameters?|session-token|password-data)",
        rb"secrets? (?:versions access|get|show|read|download)|keyvault secret show|aws configure get",
        rb"get secrets? [^\n]{0,160}(?:jsonpath|base64|-o )|base64 (?:-d|-D|--decode)",
        rb"vault (?:read|kv get|print|token|login|write|unwrap)|lpass show",
        rb"security find-(?:generic|internet)-password",
        rb"(?<![a-z-])pass (?:show (?:-c )?[\w./-]+|[\w.-]+/[\w./-]+)",
        rb"(?<![a-z])(?:op (?:read|item get)|bw get)",
        rb"openssl rand|pwgen|wg genkey|secrets\.token_|randombytes\(",
        rb"key:generate|gen-?(?:secret|pass)|generate-(?:secret|pass)",
        rb"(?:echo|printf) [\"']?\$\{?\w{0,40}(?:token|secret|key|pass|pat|auth|cred|pw)",
        rb"printenv \w{0,40}(?:token|secret|key|pass|auth|cred)",
        rb"(?:cat|head|tail|less|more|bat|type|get-content)(?: -\w{1,8})* [^\n|]{0,100}" + _HIDDEN,
    )
)
# Not when the output is counted or summed up.
_SUMS = re.compile(
    rb"sum(?![a-z])|hash|digest|fingerprint|md5|(?<![a-z])wc(?![a-z])|rev-parse|pubkey|\.pub(?![a-z])"
)
_LINES = re.compile(rb"\r?\n|\\{1,7}+r\\{1,7}+n|\\{1,7}+n")
_BETWEEN = b" \t\"'`\\[({"
_FRAME = b" \t\"'`*|\\"
_BLANK = re.compile(rb"[\s\"'`>*|$#-]*+\Z")
_BEFORE, _BEHIND = 400, 64
_NEAR, _NEAR_HEX, _NEAR_LINE = 90, 40, 120
# Between the run and the words behind it: `X` is the new token, "X")  # api key.
_UP_TO = re.compile(rb"[\"'`)*,;\\\]]{0,6} {0,4}(?:is|as|was|for|=|-|\(|\xb7|#|//|--|/\*)? ?")


def random_run(raw: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The random run, with telling words around it, that the row of 16 and more letters, digits, `_` and
    `-` at raw[start:end] is part of: (start, end), or nothing."""
    if _DIGIT.match(raw, start, end) is None:
        return
    if end - start < _LEAST and raw[start - 1 : start] not in _JOINS and raw[end : end + 1] not in _JOINS:
        return
    span = _span(raw, start)
    if span is not None and _told(raw, *span):
        yield span


def lists(name: str) -> bool:
    """Whether a field of this name holds many secrets."""
    said = name.lower().encode("ascii", "replace")
    return _LISTED.search(said) is not None and not _other(said)


def listed(name: str, text: str) -> bool:
    """Whether a text is a random run, and one of many secrets by the name of their field."""
    if not _LEAST <= len(text) <= _MOST or not text.isascii():
        return False
    return lists(name) and _BODY.fullmatch(text.encode()) is not None and drawn(text.encode())


def _span(raw: bytes, start: int) -> tuple[int, int] | None:
    """The whole run around a row of signs where it stands by itself and is random."""
    left = raw[max(0, start - _MOST) : start]
    start -= len(left) - len(left.rstrip(_SIGNS))
    glued = _GLUED.match(raw, start)
    if glued is not None:
        start = glued.end()
    body = _BODY.match(raw, start)
    if body is None or not _LEAST <= len(body[0]) <= _MOST or not _SHUTS.match(raw, body.end()):
        return None
    if not (glued or _OPENS.match(raw, start - 1) or not start) or not drawn(body[0]):
        return None
    end = body.end()
    if raw[end - 1 : end] in (b"+", b"-") and raw[end : end + 1] == b" ":
        end -= 1  # the mark of the next line of a diff, where line ends are lost
    return start, end


@lru_cache(maxsize=4096)
def drawn(run: bytes) -> bool:
    """Whether a run was drawn at random, as keys and tokens are: hexadecimal of a key's length, or
    letters and digits that no name or path puts side by side."""
    text = run.rstrip(b"=").decode("ascii")
    if filler(text) or not any(map(str.isdigit, text)):
        return False
    if _HEX.fullmatch(text):
        return len(text) in _KEY_SIZES and not text.isdigit()
    if _ULID.fullmatch(text) or _ID.fullmatch(text) or _STRUCTURED.fullmatch(text):
        return False
    parts = _CUT.split(text)
    if len(text) == 36 and [len(part) for part in parts] == [8, 4, 4, 4, 12]:
        return False
    if max(map(len, parts)) < 12 and len(parts) > 3 + len(text) // 12:
        return False  # words joined by dashes, a path
    if 3 * sum(ord(b) - ord(a) == 1 for a, b in pairwise(text)) > len(text):
        return False  # an alphabet
    if "/" in text and (text.startswith("/") or any(_like_word(part) for part in parts if len(part) > 3)):
        return False
    return oddness(text) >= _ODD


def _like_word(part: str) -> bool:
    return part.isalpha() and (part.islower() or part.istitle()) and oddness(part) < 0.2


def _told(raw: bytes, start: int, end: int) -> bool:
    """Whether the words around say that a random run is a secret."""
    lines = _LINES.split(raw[max(0, start - _BEFORE) : start].lower())
    left = lines[-1]
    right = _LINES.split(raw[end : end + _BEHIND].lower(), maxsplit=1)[0]
    above = [line for line in lines[:-1] if line.strip(_FRAME)][-3:]
    last = not right.strip(_FRAME)
    blank = last and _BLANK.match(left) is not None
    other = not blank and _other(left[-160:])
    if last and not other and any(_prints(line) for line in above):
        return True
    if other or _other(right):
        return False
    if left.rstrip(_BETWEEN).endswith((b":", b"=", b">")):
        variable = _VARIABLE.search(raw, max(0, start - 64), start)
        if variable is not None:
            if _SAYS_NOT.search(variable[1]):
                return False
            return _SAYS.search(variable[1]) is not None or _MIXED.match(raw, start, end) is not None
        left = left[-100:]
        name = _NAME.search(left)
        if name is not None and not _said(left, name):
            if name[1] not in _NEUTRAL:
                return _LISTED.search(name[1]) is not None
            left = left[: name.start()]
    flag = _FLAG.search(left, max(0, len(left) - 64))
    if flag is not None:
        return flag[1] in _NEUTRAL
    if blank:
        return bool(above) and _announced(above[-1])
    far = _NEAR_HEX if _HEX.fullmatch(raw[start:end].decode("ascii")) else _NEAR
    return _near(left, far) or _behind(right)


def _prints(line: bytes) -> bool:
    """Whether a line is a command, or says one, whose output is a secret."""
    if not any(part in line for part in _PRINTS_PARTS):
        return False
    return _PRINTS.search(line) is not None and not _SUMS.search(line)


def _other(line: bytes) -> bool:
    """Whether a line speaks of what is no secret, or ends in the middle of an address."""
    return (
        any(part in line for part in _OTHER_PARTS)
        or not _OTHER_WORDS.isdisjoint(_WORD.findall(line))
        or (b"token" in line and _OTHER_TOKEN.search(line) is not None)
        or (b"://" in line and len(line[line.rfind(b"://") :].split(None, 1)) == 1)
    )


def _announced(line: bytes) -> bool:
    """Whether a line ends by saying that a secret follows."""
    return line.rstrip(b" \t*\\`").endswith(b":") and _near(line, _NEAR_LINE) and not _other(line)


def _near(left: bytes, far: int) -> bool:
    left = left[-far - 24 :]
    if not any(part in left for part in _TELLING_PARTS):
        return False
    return any(len(left) - word.end() <= far for word in _TELLING.finditer(left))


def _behind(right: bytes) -> bool:
    if not any(part in right for part in _TELLING_PARTS):
        return False
    skipped = _UP_TO.match(right)
    return skipped is not None and _TELLING.search(right, skipped.end(), skipped.end() + 32) is not None


def _said(left: bytes, name: re.Match[bytes]) -> bool:
    """Whether what looks like a name with a colon is the end of a sentence: `the token for staging: X`."""
    before = left[: name.start()]
    return b":" in name[0] and before.endswith(b" ") and len(re.findall(rb"[a-z]{2,}", before[-80:])) > 1
