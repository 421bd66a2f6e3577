"""Level 0: names of users, hosts and people, replaced where names stand and not where words do.

A user called `mark` must not eat the word. So a name is looked for in every text, which is quick, and
each place is asked what stands beside it (positions.py): a home path, `name@host`, the owner column of
`ls -l`, a prompt, an author line. Free-standing, in any place and as a whole word, are replaced:

    user, host   names that are long and unusual (unusual())
    person       names of two words and eight letters together, some of them no ordinary words
    any          names of a known file

Case is exact. A user is also known capitalised in Windows paths, with dashes as agents name their
folders (`-home-john-doe-src`), and cut short by ps. A person's name is known in lower and upper case and
with other signs between its words. Names with letters beyond ASCII are known composed and decomposed,
percent-encoded and as JSON escapes.
"""

from __future__ import annotations

import json
import re
import unicodedata
from typing import TYPE_CHECKING, NamedTuple

from afs.redact import needles
from afs.redact.kinds.judge import PLACEHOLDER, oddness
from afs.redact.known import Name
from afs.redact.positions import AUTHOR, HOST, USER, Places
from afs.redact.search.scan import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_TYPES = {"user": "USER", "host": "HOST", "person": "PERSON"}
# So much of a text is looked at on each side of a name.
_WINDOW = 160
# With more forms than this one pattern of all is faster than a search for each.
_MANY = 200
_FREE = 7
_ODD = 0.15
_PERSON = 8

# Words that accounts, machines and fields are called by, and that prose and code are full of.
_WORDS = """
account admin administrator agent analyst analytics android anonymous api app apple application archlinux
arm assistant backend backup bare base bash bastion bench bot box broadcast browser build builder camera
centos chat chrome client clipboard cloud cluster code codespace compute computer container control core
cuda customer dash data database db debian deep default demo deploy deployer desktop dev devbox
devcontainer develop developer development devops docker docs documents download edge elastic
elasticsearch email engine engineer engineering enterprise example external fedora file files firewall
forward frontend full fullname game gateway gitea github gitlab gpu grafana guest hadoop hardware home
host hostname http hub image info instance internal jenkins jupyter kafka kali key keyboard keycloak
keyring knowledge kubernetes lab laptop launchpad learning library linux live local localhost login mac
macbook machine mail mailbox main manager manjaro master media metal minecraft mini mint mobile model
mongo mongodb monitor mysql name network new nginx nixos node none notebook office old online openwrt
operator oracle owner page parallels password pc penguin person phone platform play player popos portal
postgres postgresql primary private pro prod production program project projects prometheus proxy public
python rabbitmq raspberry raspberrypi redacted redhat redis release remote replica repo report repository
research robot root router ruby runner sandbox scanner science script search secondary secret security
sendmail server service session share shared shell shop site slave smart software source spark spring
staging standby star station steam storage store student studio support switch sysadmin sysroot system
systems tablet teacher team terminal test tester testing text thinkpad token tool toolbox tools trainer
training ubuntu unknown user username users utility vagrant value version video virtual vm web webapp
webapps webmaster website win windows work worker workspace workstation world writer zone
"""
_ORDINARY = frozenset(_WORDS.split())
# Machines that are called like many others. What is listed in a known file counts all the same.
_ANY_HOST = re.compile(
    r"localhost.*|[0-9a-f]{12}|[0-9a-f]{32,}|ip-\d+-\d+-\d+-\d+.*|(?:\d{1,3}\.){3}\d{1,3}|[\d.:-]+"
    r"|.*\.(?:internal|localdomain|example|invalid|test)|fv-az\d.*|codespaces-.*|(?:docker|buildkit|runner)-.*"
    r"|ubuntu-.*|debian-.*|(?:[a-z]+-)?(?:vm|instance|host|node|worker|server)-?\d*|host\d+"
)
_ANY_USER = re.compile(r"(?i:users?|user\d+|x+|\d+)|.*[^\w.@+$ -].*", re.S)


class _Form(NamedTuple):
    """One way to write a name: what to search for, and what a place must be for it to count."""

    needle: str
    kind: str
    how: str  # place, windows, start, free, person
    whole: re.Pattern[str] | None = None


def user_names(text: str) -> Iterator[Name]:
    """The user whom a home path names, as it stands in the path."""
    if len(text) > 1 and not _ANY_USER.fullmatch(text):
        yield Name(text, "user")


def unusual(name: str) -> bool:
    """Whether the name of a user or a host is so long and unusual that it can be nothing else in any text.

    Seven characters or more; not made of ordinary words and numbers alone; and digits behind or among
    its letters (`mhill1987`), or two parts that are no ordinary words (`john.doe`), or three parts, or
    letters side by side that words seldom have (`tjohnson`: judge.oddness() of .15, which one word in
    sixteen reaches).
    """
    parts = [part for part in re.split(r"[\W\d_]+", name.lower()) if part]
    if len(name) < _FREE or all(part in _ORDINARY for part in parts):
        return False
    letters = sum(map(len, parts))
    digits = sum(map(str.isdigit, name))
    if letters < 3:
        return False
    if digits and not re.fullmatch(r"[a-z]+-?\d", name):
        return True
    if len(parts) > 1 and not any(part in _ORDINARY for part in parts):
        return True
    return len(parts) > 2 or oddness(name) >= _ODD


class Positions:
    """The names of one conversation, ready to be looked for. A text without any of its `spots` holds none."""

    def __init__(self, names: Iterable[Name]) -> None:
        forms: dict[tuple[str, str, str], _Form] = {}
        for name in names:
            for form in _forms(name):
                forms.setdefault((form.needle, form.kind, form.how), form)
        self._forms: dict[str, list[_Form]] = {}
        for form in forms.values():
            self._forms.setdefault(form.needle, []).append(form)
        self.spots = needles.spots(self._forms, _MANY)

    def __repr__(self) -> str:
        return f"Positions({len(self._forms)} forms)"

    def find(self, text: str, field: str = "") -> tuple[Finding, ...]:
        """Where a text holds one of the names, in order, not overlapping. `field` names the field it is."""
        spots: list[tuple[int, int, str]] = []
        for at, last in self.spots(text):
            for form in self._forms[text[at:last]]:
                end = _end(form, text, at, field)
                if end:
                    spots.append((at, end, form.kind))
        return tuple(_apart(text, spots)) if spots else ()


def _apart(text: str, spots: list[tuple[int, int, str]]) -> Iterator[Finding]:
    """Findings of what does not overlap, the first and longest of what does; none in a placeholder."""
    spots.sort(key=lambda spot: (spot[0], -spot[1], spot[2] != "person", spot[2]))
    written = _WRITTEN.finditer(text)
    placeholder = next(written, None)
    done = 0
    for start, end, kind in spots:
        while placeholder is not None and placeholder.end() <= start:
            placeholder = next(written, None)
        if start >= done and (placeholder is None or placeholder.start() >= end):
            yield Finding(start, end, _TYPES[kind], f"known-{kind}")
            done = end


_WRITTEN = re.compile(PLACEHOLDER.pattern + r"|(?<![A-Za-z0-9])user\d+@example\.com")


# --- forms ------------------------------------------------------------------------------------------


def _forms(name: Name) -> Iterator[_Form]:
    text, kind, anywhere = name
    if kind == "person":
        yield from _of_person(text, anywhere)
        return
    low = text.lower()
    if not anywhere and (len(text) < 2 or _is_anyone(low, kind)):
        return
    free = anywhere or unusual(text)
    for form in _written(text):
        yield _Form(form, kind, "free" if free else kind)
    if kind == "user":
        dashed = re.sub(r"[^A-Za-z0-9]", "-", text)
        if dashed != text and dashed.strip("-"):
            yield _Form(dashed, kind, "dashed")
        if text[0].islower():
            yield _Form(text[0].upper() + text[1:], kind, "free" if unusual(text) else "windows")
        if len(text) > 8:
            yield _Form(text[:7] + "+", kind, kind)  # as ps shows it


def _is_anyone(low: str, kind: str) -> bool:
    if kind == "host":
        return low in _ORDINARY or _ANY_HOST.fullmatch(low) is not None
    return _ANY_USER.fullmatch(low) is not None


def _of_person(text: str, anywhere: bool) -> Iterator[_Form]:
    words = text.split()
    plain = [word.strip(".,").lower() for word in words]
    if not words or PLACEHOLDER.fullmatch(text):
        return
    if not anywhere and all(word in _ORDINARY for word in plain):
        return
    if not anywhere and (len(words) < 2 or sum(map(len, plain)) < _PERSON):
        for form in _written(text):
            yield _Form(form, "person", "person")
        return
    for form in _written(text):
        yield _Form(form, "person", "free")
    if len(words) > 1:
        yield _Form(f"{words[-1]}, {' '.join(words[:-1])}", "person", "free")
        whole = re.compile(_BETWEEN.join(map(re.escape, words)), re.I)
        for first in sorted({words[0], words[0].lower(), words[0].upper()}):
            yield _Form(first, "person", "free", whole)


_BETWEEN = r"(?:[ \t\xa0]{1,4}|[._+-]|%20|\\{1,8} |(?:\r?\n|\\{1,8}n)[ \t]{0,40})"


def _written(text: str) -> list[str]:
    """A text as it is and, if it is not ASCII, as other writers write it."""
    if text.isascii():
        return [text]
    from urllib.parse import quote

    out = []
    for form in dict.fromkeys((text, *(unicodedata.normalize(way, text) for way in ("NFC", "NFD")))):
        data = form.encode("utf-8", "surrogatepass")
        escaped = json.dumps(form)[1:-1]
        out += [form, quote(data), escaped]
        out += [escaped.replace("\\u", "\\" * depth + "u") for depth in (2, 4)]
    return out


# --- places -----------------------------------------------------------------------------------------

_PLACES = {"user": Places(USER), "host": Places(HOST), "person": Places(AUTHOR)}
_IN_WINDOWS = re.compile(r"(?:(?i:users)|Documents and Settings|[A-Z][A-Z0-9-]{1,14})\\\Z")
_IN_FOLDER = re.compile(r"(?:(?<![A-Za-z0-9_}])-(?:home|Users)|(?<![A-Za-z0-9])[A-Za-z]--Users)-\Z")
# Between two words of a command line that is a list in JSON.
_LISTED = re.compile(r"[\"'],\s{0,40}[\"']")
_QUOTES = ('"', "'")
# An escape, a percent code or a colour that ends where a name begins.
_GLUED = re.compile(
    r"(?:\\[nrt]|\\u00[0-9a-fA-F]{2}|%[0-9A-F]{2}|(?:\x1b|\\(?:u001[bB]|x1[bB]|0?33|e))\[[0-9;]{0,16}[mK])\Z"
)
_CODED = re.compile(
    r"(?:\x1b|\\+(?:u001[bB]|x1[bB]|0?33|e))\[[0-9;]{0,16}[mK]|\r|\\+([nrt])|\\+u00([0-9a-fA-F]{2})|\\+([\"'`/])"
    r"|\\{2,}|%(?:25)*([2345][0-9A-F])"
)
_PLAIN = {"n": "\n", "t": "\t", "r": ""}


def _end(form: _Form, text: str, at: int, field: str) -> int:
    """Where the name ends that begins at `at`, or 0 if it is none."""
    end = at + len(form.needle)
    if form.whole is not None:
        match = form.whole.match(text, at)
        if match is None:
            return 0
        end = match.end()
    free = form.how == "free"
    before, behind = text[at - 1 : at] if at else "", text[end : end + 1]
    if behind.isalnum() or (behind == "_" and not free):
        return 0
    if before.isalnum() or (before == "_" and not free):
        glued = _GLUED.search(text, max(0, at - 24), at)
        if glued is None and not (before == "_" and form.kind == "user"):
            return 0
    if free:
        return end
    tail = text[max(0, at - 7) : at]
    if form.kind == "user" and tail.endswith(("/home/", "/Users/")) and behind in _SHUT:
        return end
    left, right = _left(text, at), _right(text, end)
    if form.how == "windows":
        return end if _IN_WINDOWS.search(left) and right[:1] in _SHUT else 0
    if form.how == "dashed":
        return end if _IN_FOLDER.search(left) else 0
    if left[-1:] in _QUOTES and (words := _LISTED.sub(" ", left)) != left:  # ["sudo", "-u", "mark"]
        tail = _LISTED.sub(" ", right)
        if words[-1:] == " " and _stands(form.kind, words, tail if tail[:1] == " " else tail[1:]):
            return end
    if _stands(form.kind, left, right) or (
        field and not at and _stands(form.kind, f'"{field}": "', f'{right}"')
    ):
        return end
    return 0


def _stands(kind: str, left: str, right: str) -> bool:
    return _PLACES[kind].hold(left, right)


_SHUT = ("", "/", "\\", " ", "\n", '"', "'", "`", ":", ";", ",", ")", ">")


def _left(text: str, at: int) -> str:
    """What stands before `at`, decoded. It begins with NUL where there is more of it."""
    left = _decoded(text[max(0, at - _WINDOW) : at])
    return "\0" + left if at > _WINDOW else left


def _right(text: str, end: int) -> str:
    """What stands from `end` on, decoded. It ends with NUL where there is more of it."""
    right = _decoded(text[end : end + _WINDOW])
    return right + "\0" if end + _WINDOW < len(text) else right


def _decoded(text: str) -> str:
    if "\\" in text or "%" in text or "\x1b" in text or "\r" in text:
        return _CODED.sub(_character, text)
    return text


def _character(match: re.Match[str]) -> str:
    letter, code, sign, percent = match.groups()
    if letter:
        return _PLAIN[letter]
    if code or percent:
        char = chr(int(code or percent, 16))
        return char if char.isprintable() or char in "\n\t" else ""
    if sign:
        return str(sign)
    return "\\" if match[0][0] == "\\" else ""
