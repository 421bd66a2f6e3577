"""Where a value stands, and how much it must look like a secret there.

A bar is a grade of judge.strength: 1 where only a literal can stand (a dotenv line, a flag, JSON), 3 or 4
where code may stand. `weak` raises it: 0 for a password, 1 for a name such as api_key, 2 for a lone token.
"""

from __future__ import annotations

import re
from typing import NamedTuple

NEVER = 5

COLOUR = rb"(?:(?:\x1b|\\{1,31}+(?:u001[bB]|x1[bB]|0?33|e))\[[0-9;]{0,16}m)"
_COLOURS = re.compile(COLOUR)
BREAK = rb"(?:\r?\n|\\{1,31}+r\\{1,31}+n|\\{1,31}+n)"
_BREAKS = re.compile(BREAK)
_BREAK_HERE = re.compile(BREAK + rb"$")
# What may stand before a setting on its line: marks of diffs, numbers of lines, comment signs, commands.
_MARKS = (
    rb"(?:[ \t>|#*;+\"'`-]|//|<[a-z]{1,8}>|\\{1,31}+u2[0-9a-fA-F]{3}|\xb7|\\{1,31}+[t\"'`]"
    rb"|[\w./-]{1,120}[:-]\d{1,6}[:-]|\d{1,7}(?:[:|\t \xb7-]|\\{1,31}+t)"
    rb"|\[[\w. :,-]{1,40}\]|[$%#][ \t]|\^?[0-9a-f]{7,40}[ ]\([^)\n]{1,80}\)"
    rb"|\d{4}-\d\d-\d\d[T ][\d:.,]{5,15}(?:Z|[+-]\d\d:?\d\d)?"
    rb"|[A-Z][a-z]{2}[ ]{1,2}\d{1,2}[ ]\d\d:\d\d:\d\d[ ][\w.-]{1,40}[ ]"
    rb"|(?:DEBUG|INFO|WARN(?:ING)?|ERROR|TRACE)\b|[\w./-]{1,40}(?:\[\d{1,8}\])?:[ ]"
    rb"|\d\d:\d\d:\d\d(?:[.,]\d{1,6})?|[\w-]{1,30}[ ]{1,4}\|){0,40}"
)
_PREFIX = re.compile(_MARKS)
_COMMANDS = (
    rb"(?:(?:export|set|setenv|SET|ENV|ARG|declare|local|readonly|env|let|echo|RUN|Environment=|sudo)"
    rb"[ \t]{0,2}(?:-[A-Za-z]{1,4}[ \t]{1,2})?\\{0,31}+[\"']?){0,3}"
)
_BEFORE = re.compile(_MARKS + _COMMANDS + rb"(?:[\w.-]{1,60}\.)?")
_AFTER = re.compile(
    rb"[ \t]{0,120}(?:\\{0,31}+[\"'`]?[ \t]{0,8}(?:[,\\|\xb7]+|\\{1,31}+u2[0-9a-fA-F]{3}"
    rb"|>>?[ \t][^\n]{1,80}|#[^\n]*|//[^\n]*|;[ \t][^\n]*)?)$"
)
# command NAME=value, and NAME=value command, in a shell.
_ARGUMENTS = re.compile(_MARKS + rb"[a-z][\w.-]{1,30}(?:[ ][\w./:=,@-]{1,60}){1,8}[ ]")
_COMMAND = re.compile(
    rb"[ \t]{1,2}(?!(?:and|or|if|in|is)[ \t])[a-z./][\w./-]{1,60}(?:[ \t][^(){}=]{0,300})?$"
)
# What may stand right before a name that is part of an argument.
_INLINE = re.compile(
    rb"(?:(?<![\w-])(?:-[eDFdPv]|--(?:env|set|set-string|build-arg|form|data|data-raw|data-urlencode"
    rb"|from-literal"
    rb"|define|param|parameter|var|secret|config|option|extra-vars|props?|property))[ \t=]{0,2}"
    rb"|config:set[ \t]{1,2}"
    rb"|(?:env|secrets?|config|variable|parameter)[ \t-](?:set|add|put)[ \t]{1,2}|export[ \t]|ENV[ \t]"
    rb"|env[ \t])"
    rb"\\{0,31}+[\"']?(?:[\w.-]{1,40}[.,])?$"
)
_PAIR_LEFT = re.compile(
    rb"(?:^|[\s;,&?\"'`({\[|])(?P<key>[A-Za-z_][\w. -]{0,40}?)="
    rb"(?:\\{0,31}+[\"'])?[^\s;=\"'(){}]{0,120}(?:\\{0,31}+[\"'])?"
    rb"(?P<by>;[ \t]?|[ \t]|,[ \t]?|&)$"
)
_PAIR_RIGHT = re.compile(
    rb"(?P<by>;[ \t]?|[ \t]|,[ \t]?|&)(?P<key>[A-Za-z_][\w.-]{0,40}(?: [A-Z]\w{0,20})?)=(?=[^=\s])"
)
_CONNECTION = re.compile(
    rb"(?i:server|data source|host|hostname|uid|user(?:[ _]?id|name)?|database|dbname|db|initial catalog"
    rb"|driver|endpoint\w*"
    rb"|address|addr|accountname|port|provider|sslmode|encrypt|login|dsn|account|schema|pooling|service)"
)
_SETTING = re.compile(
    _MARKS
    + _COMMANDS
    + rb"[\w. /-]{1,60}?(?:\\{0,31}+[\"'])?[ \t]{0,20}[:=](?:[ \t]|(?=[^:=>(\s])|$)[^(){};]{0,200}$"
)
_SECTION = re.compile(_MARKS + rb"(?:\[[\w. :\"'/-]{1,60}\]|[#;].{0,200}|---|[\w. -]{1,40}:)[ \t]*$")
_CODE = re.compile(
    rb"[(){};]|=>|->|\b(?:def|class|import|return|from|const|let|var|function|self|this|if|else|for|None"
    rb"|True|False)\b"
)
_SETTER = re.compile(
    rb"(?:setx|setenv|config(?:ure|:set)? set|secrets? (?:set|add|put|create)|set-secret|env (?:set|add)"
    rb"|variable set"
    rb"|(?:(?<![\w.])|(?<=\\[nrt]))(?:config|set -[a-zA-Z]{1,4})|ENV|ARG|#[ \t]?define|SetEnv|(?:fastcgi"
    rb"|uwsgi|scgi)_param|proxy_set_header|env)[ \t]{1,8}\\{0,31}+[\"']?$"
)
_TOLD = re.compile(
    rb"(?i:with|and|using|use|mit|avec|con)[ \t](?:(?:the|a|this|my|your)[ \t])?(?:[A-Za-z]{1,12}[ \t])?$"
)
_SET_TO = re.compile(rb"(?i:\b(?:set|sets|setting|chang|reset|updat|rotat|mak)\w{0,4}[ \t][^.\n]{0,60})$")
# What stands around `password=x` in a sentence, and around an argument of a call.
_SENTENCE = re.compile(rb"[A-Za-z0-9,.:][ ]$")
_GOES_ON = re.compile(rb"[.,;:!?]{0,3}(?:[ ](?![-+*/%<>|&=!])|$)")
_ARGUMENT = re.compile(rb"[(,][ \t]{0,4}$")
_COUNTED = re.compile(r"[A-Za-z]*[A-Za-z][0-9]{1,8}")
_PART = re.compile(rb"form-data;[ ]?name=(?:\\{0,31}+[\"']|&quot;)$")
_BULLET = re.compile(rb"(?:^|[\nn])[ \t]{0,4}[*-][ \t]{1,3}[*`]{0,3}$")
_MARKED_UP = re.compile(
    rb"<(?:property|entry|string|param|setting|add|data|item|env|secret|value|prop|arg)\b[^<>]{0,80}$"
)
# Names of settings that take their value behind a blank.
_DIRECTIVES = frozenset(("requirepass", "masterauth", "rootpw"))
# Words that name a statement or a folder as often as a secret.
_PLAIN = frozenset(("pass", "pwd", "key", "auth", "oauth"))
# How a function begins that takes a secret: setPassword("x"), with_token("x").
_TAKES = ("set", "with", "use", "add", "update", "change", "put", "password", "secret", "token", "api")
_WORD = re.compile(r"[a-z0-9äöüßàâéèêçñó-]+|[0-9]+|[a-z]+[A-Z]?[0-9]+")
_REACH = 400


class Site(NamedTuple):
    """A name and an operator in a text; the name begins at `start`."""

    raw: bytes
    start: int
    name: str
    shut: bytes
    kind: str
    op: bytes
    typed: bool
    weak: int


def uncoloured(raw: bytes) -> bytes:
    """The same without colour codes."""
    return _COLOURS.sub(b"", raw) if b"[" in raw else raw


def bar_quoted(site: Site) -> int:
    """The bar for a value in quotes."""
    kind, name, weak = site.kind, site.name, site.weak
    flag = name.startswith("-")
    if kind == "comma" and (
        (site.shut[:1] == b"]" and len(site.shut) > 1) or site.raw[site.start - 1 : site.start] == b"#"
    ):
        return 1 + weak  # type("input[name=password]", "x")
    if kind in ("comma", "call"):
        called = kind == "call" and (name.isupper() or name.rpartition(".")[2].lower().startswith(_TAKES))
        if name.lower() in _PLAIN or not (site.shut or flag or called):
            return NEVER
        return 1 + bool(weak) if flag else (2 if called or name.isupper() else 3) + bool(weak)
    if kind in ("cell", "dash"):
        return 2 + bool(weak)
    if kind == "said":
        return 1 + weak
    if kind == "to":
        return 1 + weak if _SET_TO.search(site.raw, max(0, site.start - 80), site.start) else NEVER
    if kind == "gap":
        if flag or _set_before(site) or site.raw[site.start : site.start + 1] == b":":
            return 1 + weak
        if name.isupper():
            return 2 + bool(weak)
        if name.lower() == "password":
            return 1  # SQL says PASSWORD 'x'
        return NEVER if name.lower() in _PLAIN else 3 + bool(weak)
    if kind == "part" or (kind in ("tag", "markup") and not _marked_up(site)):
        return NEVER
    return 1 + weak


def bar_bare(site: Site) -> int:
    """The bar for a bare value, before its line and the lines around it are looked at."""
    raw, start, name, kind, op, weak = site.raw, site.start, site.name, site.kind, site.op, site.weak
    flag = name.startswith("-")
    if kind == "assign":
        sign = op.strip(b" \t\r\n*")
        if sign == b"=":
            spaced = op[:1] in b" \t" or op[-1:] in b" \t"
            return 1 + weak if not spaced and (flag or (name.isupper() and not site.shut)) else 3 + bool(weak)
        if sign == b":" and name == "PASS":
            return NEVER  # what a run of tests says
        if sign == b":" and not site.typed:
            return (3 if site.shut[:1] in (b'"', b"'") else 2) + bool(weak)
        return NEVER if sign.endswith(b"==") else 3 + bool(weak)
    if kind in ("tag", "markup"):
        return 1 + weak if _marked_up(site) else NEVER
    if kind in ("pair", "inner", "opt", "string", "default", "expand", "sent", "printed"):
        return 1 + weak
    if kind == "part":
        named = _PART.search(raw, max(0, start - 60), start)
        return 1 + weak if named else NEVER
    if kind == "comma":
        return 2 + bool(weak) if not site.shut and op == b"," and _row(site) else NEVER
    if kind == "cell":
        return 2 + bool(weak) if op[:1] == b" " else NEVER
    if kind in ("said", "asked"):
        return 2 + bool(weak)
    if kind == "to":
        return 2 + bool(weak) if _SET_TO.search(raw, max(0, start - 80), start) else NEVER
    if kind == "dash":
        return (2 if _BULLET.search(raw, max(0, start - 8), start) else 3) + bool(weak)
    if kind == "gap":
        if flag or name in _DIRECTIVES or _set_before(site):
            return 2 + bool(weak)
        if (len(op) > 2 or "." in name) and _row(site):
            return 2 + bool(weak)
        return 2 if not weak and _TOLD.search(raw, max(0, start - 40), start) else NEVER
    return NEVER


def _row(site: Site) -> bool:
    """Whether a name is the first cell of a row."""
    left = uncoloured(site.raw[line_start(site.raw, site.start) : site.start])
    return left.rstrip(b"# ")[-1:] in (b'"', b"'") or _BEFORE.fullmatch(left) is not None


def _marked_up(site: Site) -> bool:
    """Whether a tag names the value: <NAME>x, <string name="NAME">x, <td>NAME</td><td>x."""
    raw, start = site.raw, site.start
    if (
        (raw[start - 1 : start] == b"<" and b"/" not in raw[start : start + 80].partition(b">")[0])
        or site.kind == "markup"
        or site.shut[:1] == b"<"
    ):
        return True
    return _MARKED_UP.search(raw, max(0, start - 120), start) is not None


def _set_before(site: Site) -> bool:
    return _SETTER.search(site.raw, max(0, site.start - 32), site.start) is not None


def literal(site: Site, begin: int, end: int) -> int:
    """2 where a bare value at begin:end stands in a list of settings, 1 where on a line of its own, or 0."""
    raw = site.raw
    if site.op == b":":
        return 0
    first, last = line_start(raw, site.start), line_end(raw, end)
    if raw[first - 1 : first] == b'"' and (shut := raw.find(b'"', end, last)) >= 0:
        last = end + len(raw[end:shut].rstrip(b"\\"))  # the end of the text in JSON that began the line
    elif raw[end:last].lstrip(b"\\")[:1] == b'"' and raw.find(b'"', first, site.start) < 0:
        last = end  # or in one that began on an earlier line
    left, right = uncoloured(raw[first : site.start]), uncoloured(raw[end:last])
    if _INLINE.search(left, max(0, len(left) - 90)):
        return 2
    if site.op.strip(b" \t") == b"=" and not site.op.startswith(b" "):
        before, after = _PAIR_LEFT.search(left, max(0, len(left) - 180)), _PAIR_RIGHT.match(right)
        pairs = [pair for pair in (before, after) if pair is not None]
        if any(pair["by"][:1] in b"; " and _CONNECTION.fullmatch(pair["key"].strip()) for pair in pairs):
            return 2
        if len(pairs) == 2 and before["by"][:1] == after["by"][:1] != b",":  # type: ignore[index]
            return 2
        if pairs and pairs[0]["by"][:1] == b"," and left.rpartition(b"(")[0].endswith(b" "):
            return 0
        if pairs and raw[end : end + 1] not in b"(.[":
            return 1
    if not _BEFORE.fullmatch(left):
        return 1 if site.op == b"=" and _ARGUMENTS.fullmatch(left) and _AFTER.match(right) else 0
    if not _AFTER.match(right):
        return 1 if site.op == b"=" and _COMMAND.match(right) else 0
    around = 0
    for other in (above(raw, first), below(raw, last)):
        other = uncoloured(other or b"")
        if other.count(b'"') % 2:  # where a text in JSON begins or ends
            head, _, tail = other.rpartition(b'"')
            other = tail if head.rstrip(b"\\").endswith((b":", b": ")) else head.rstrip(b"\\")
        if not other.strip():
            continue
        code = _CODE.search(other, _PREFIX.match(other).end())  # type: ignore[union-attr]
        if _SECTION.match(other):
            around += other.lstrip()[:1] == b"["
        elif _SETTING.match(other) and not code:
            around += 1
        else:
            return 1 if not code or (site.op == b"=" and "." in site.name) else 0
    return 2 if around else 1


def mentioned(site: Site, begin: int, end: int) -> bool:
    """Whether a word with digits at begin:end is the value in a sentence or in a call, `password=hunter2`."""
    raw = site.raw
    if site.op != b"=" or site.weak or site.typed or site.shut:
        return False
    value = raw[begin:end].rstrip(b".,:;!?").decode("latin-1")
    if len(value) < 6 or not _COUNTED.fullmatch(value):
        return False
    left, right = raw[line_start(raw, site.start) : site.start], raw[begin + len(value) : line_end(raw, end)]
    if _ARGUMENT.search(left) and b"(" in left:
        return right[:1] in (b")", b",")
    return _SENTENCE.search(left) is not None and _GOES_ON.match(right) is not None and b"(" not in left


def plain(value: str) -> bool:
    """Whether a word is written as no name of code is: small letters, digits, dashes."""
    return _WORD.fullmatch(value) is not None


_OPENED = re.compile(rb":[ \t]?\\{0,31}+\"(?=[^\":]{0,600}\Z)")


def line_start(raw: bytes, at: int, reach: int = _REACH) -> int:
    """Where the line, real or written out, begins that `at` stands on; at most `reach` before it."""
    low = max(0, at - reach)
    first = raw.rfind(b"\n", low, at) + 1 or low
    if raw.find(b"\\", first, at) >= 0:
        for match in _BREAKS.finditer(raw, first, at):
            first = match.end()
    if raw.find(b'"', first, at) >= 0 and (opened := _OPENED.search(raw, first, at)):
        first = opened.end()  # a text in JSON begins a line
    return first


def line_end(raw: bytes, at: int, reach: int = _REACH) -> int:
    """Where that line ends; at most `reach` behind it."""
    high = min(len(raw), at + reach)
    last = raw.find(b"\n", at, high)
    last = high if last < 0 else last - raw.startswith(b"\r", last - 1, last)
    if raw.find(b"\\", at, last) >= 0 and (match := _BREAKS.search(raw, at, last)):
        last = match.start()
    return max(at, last)


def above(raw: bytes, first: int, reach: int = _REACH) -> bytes | None:
    """The line before the one that begins at `first`, or None where there is none."""
    found = _BREAK_HERE.search(raw, max(0, first - 70), first)
    return raw[line_start(raw, found.start(), reach) : found.start()] if found else None


def below(raw: bytes, last: int, reach: int = _REACH) -> bytes | None:
    """The line behind the one that ends at `last`, or None where there is none."""
    found = _BREAKS.match(raw, last)
    return raw[found.end() : line_end(raw, found.end(), reach)] if found else None
