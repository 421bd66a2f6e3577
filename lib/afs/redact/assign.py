"""Level 3: a name that says secret, an operator, a value that is one. Any depth of escaped quotes.

At each place where a rule's anchor occurs (`pass`, `token`, ...) the rest of the name and an operator
are matched, then the whole name is judged by its words, then the value by judge.strength. What bar a
value must pass depends on how it is written: in quotes, bare in a dotenv line, bare in code.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from afs.redact.judge import Judge
    from afs.redact.rules import Rule

_ANSI = rb"(?:(?:\x1b|\\{1,31}+(?:u001b|x1b|0?33|e))\[[0-9;]{0,16}m){0,4}"
_QUOTE = rb"(?:\\{0,31}+[\"'`])"
_GAP = rb"(?:[ \t\r\n]|\\{1,31}+n)"
_VALUE = _QUOTE + rb"?value" + _QUOTE + rb"?[ \t]{0,4}[:=][ \t]{0,4}"
_OPERATORS = (
    rb"[ \t]{0,40}(?:=>|:=|\?=|\|\|=|[=!]==?|\+?=|:(?!:))(?:\*\*|</b>)?[ \t]{0,40}",
    rb"[ \t]{0,4}," + _GAP + rb"{0,40}(?:" + _VALUE + rb")?",  # ("name", "x"), {"name": .., "value": ..}
    _GAP + rb"{1,40}(?:-[ \t])?" + _VALUE,  # - name: X, and `value:` on the next line
    rb"[ \t]{0,4}\{[^{}]{0,200}?default[ \t]{0,12}=[ \t]{0,4}",  # variable "name" { default = "x" }
    rb"\([ \t]{0,4}",
    _GAP + rb"{0,40}<string>",
    rb"[^<>\"'\\]{0,40}>",
    rb"[ \t]{0,40}\|[ \t]{0,40}",
    rb"[ \t]{1,4}(?:is|was|will be|are|set to)[ \t]{1,4}(?:now |set to )?:?[ \t]{0,4}",
    rb"[ \t]for[ \t][\w.@-]{1,40}[ \t]{0,2}:[ \t]{0,4}",
    rb"[ \t](?:--?|\xb7)[ \t]",  # a dash of any kind
    rb"[ \t]{1,8}",
)
_TYPE = (
    rb"[ \t]{0,4}\??:[ \t]{0,4}[A-Za-z_][\w.]{0,40}(?:\[[\w., |]{0,60}\])?(?:[ \t]?\|[ \t]?\w{1,20})?"
    rb"(?=[ \t]{0,4}=)"
)
# After the anchor: the rest of the name, what closes it, a type, an operator.
_OPERATOR = re.compile(
    rb"(?P<tail>[A-Za-z0-9_-]{0,48}+)"
    + (_ANSI + rb"(?P<shut>" + _QUOTE + rb"?\]?|\*\*|</[a-z]{1,8}>)")
    + (rb"(?P<type>" + _TYPE + rb")?(?P<op>" + rb"|".join(_OPERATORS) + rb")" + _ANSI)
)
_OPEN = re.compile(rb"(?:[rbfuRBFUL@$]{1,2}(?=[\"']))?(?P<q>" + _QUOTE + rb")?")
_BARE = re.compile(
    rb"(?:[^\s\"'`<>(){}\[\],;&|\\\x1b]|\\(?![nrtu\"'`\\x0])"
    rb"|(?!&(?:[a-z]{2,6};|#))[&,(){}\[\]](?=[A-Za-z0-9!@#$%^*_+-])){1,512}+"
)
_QUERY = re.compile(rb"[^\s&\"'<>\\#`;,)}\]]{1,512}+")
_BLOCK = re.compile(rb"[|>][+-]?[ \t]*(?:\r?\n|\\{1,31}+n)[ \t]*")
# Values are judged by their first half thousand bytes, and taken on from there to their end.
_JUDGED = 512
_REST = re.compile(rb"[^\s\"'`\\]*+")
_QUOTED = 2048

_LEFT = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.$:/@"
# What an escape or a colour code leaves glued to the beginning of a name.
_GLUED = re.compile(r"^(?:u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|[0-9;]{0,12}m|[nrtbfvae0])")
_WORDS_BEFORE = re.compile(rb"(?:[A-Za-z0-9]{1,20} ){1,4}$")
_SPLIT = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_TELLING = (b":", b"=", b"|", b"-", b"--", b"\xb7")
_SAID = (b"is", b"was", b"are", b"be", b"to", b"now")
# Words that name a statement or a folder as often as a secret.
_PLAIN = frozenset(("pass", "pwd", "key", "auth"))
# How a function begins that takes a secret: setPassword("x"), with_token("x").
_TAKES = ("set", "with", "use", "add", "update", "change", "put", "password", "secret", "token", "api")
_SETTER = re.compile(
    rb"(?:setx|config(?:ure|:set)? set|secrets? set|set-secret|env set|config|ENV|ARG|set -[a-zA-Z]{1,4})"
    rb"[ \t]{1,8}$"
)
# Names of settings that take their value behind a blank.
_DIRECTIVES = frozenset(("requirepass", "masterauth", "rootpw"))
# What behind a bare value shows that it was code: a call, an index, an attribute, a choice.
_CODE = re.compile(rb"[(\[]|\.[A-Za-z_]|[ \t]\?[ \t]")
_NEVER = 5


class Assignments:
    """The level 3 rules, ready to look at a place in a text."""

    def __init__(self, rules: Iterable[Rule], judge: Judge, words: dict[str, list[str]]) -> None:
        self._strength = judge.strength
        self._not_after = frozenset(words["not_after"])
        self._may_follow = frozenset(words["may_follow"])
        self._named: dict[str, Rule | None] = {}
        self._rules = [
            (frozenset(r.words), tuple(r.ends), frozenset(r.qualifiers), frozenset(r.not_before), r)
            for r in rules
        ]

    # --- names --------------------------------------------------------------------------------------

    def name(self, name: str) -> Rule | None:
        """The rule for a name whose words say that its value is secret, or None."""
        if name not in self._named:
            if len(self._named) > 20000:
                self._named.clear()
            self._named[name] = self._judge_name(name)
        return self._named[name]

    def _judge_name(self, name: str) -> Rule | None:
        words = [word.lower() for word in _SPLIT.findall(name[-80:])]
        for index in range(len(words) - 1, -1, -1):
            word, after = words[index], words[index + 1 :]
            for whole, ends, qualifiers, not_before, rule in self._rules:
                if word not in whole and not (ends and word.endswith(ends)):
                    continue
                if not self._not_after.isdisjoint(after):
                    return None
                if not name.isupper() and not all(w in self._may_follow or w.isdigit() for w in after):
                    return None
                if word in not_before or not not_before.isdisjoint(words[max(0, index - 1) : index]):
                    return None
                if qualifiers and word in whole and qualifiers.isdisjoint(words[:index]):
                    continue
                return rule
        return None

    def field(self, name: str, text: str) -> Rule | None:
        """The rule by which a whole text is secret as the value of a field of this name, or None."""
        rule = self.name(name)
        if rule is None or len(text) < (8 if rule.weak else 4):
            return None
        return rule if self._strength(text) >= (3 if rule.weak else 1) else None

    # --- places -------------------------------------------------------------------------------------

    def at(self, raw: bytes, anchor: int) -> Iterator[tuple[int, int, Rule]]:
        """(start, end, rule) of the value assigned to the name around an anchor: one or none."""
        operator = _OPERATOR.match(raw, anchor)
        if operator is None:
            return
        left = raw[max(0, anchor - 64) : anchor]
        start = anchor - (len(left) - len(left.rstrip(_LEFT)))
        name = raw[start : operator.end("tail")].decode("latin-1")
        if raw[start - 1 : start] in (b"\\", b"[", b";"):
            name = _GLUED.sub("", name, count=1)
        for sign in ("/", ":", "@"):
            name = name.rpartition(sign)[2]
        rule = self.name(name)
        if rule is None and raw[start - 1 : start] == b" ":
            said = operator["op"].strip(b" \t*")
            before = _WORDS_BEFORE.search(raw, max(0, start - 48), start)
            if before is not None and (said in _TELLING or said.endswith(_SAID)):
                name = before[0].decode("latin-1").replace(" ", "_") + name  # the secret access key is X
                rule = self.name(name)
        if rule is not None:
            span = self._value(raw, start, name, operator, rule)
            if span is not None:
                yield *span, rule

    def _value(
        self, raw: bytes, start: int, name: str, operator: re.Match[bytes], rule: Rule
    ) -> tuple[int, int] | None:
        """(begin, end) of the value behind an operator, if it is strong enough for where it stands."""
        sign = operator["op"].strip(b" \t\r\n*")
        shut = operator["shut"].strip(b"\\]")
        opening = _OPEN.match(raw, operator.end())
        quote = opening["q"] if opening else None
        if opening and quote:
            least = _least_quoted(sign, shut, name, rule.weak)
            begin = opening.end()
            if raw.startswith(quote[-1:] * 2, begin):
                begin += 2
            end = closing(raw, begin, quote)
        else:
            asked = sign == b"=" and raw[start - 1 : start] in (b"?", b"&")
            least = 2 + rule.weak if asked else _least_bare(raw, start, name, operator, sign, rule.weak)
            block = _BLOCK.match(raw, operator.end()) if sign == b":" else None
            begin = block.end() if block else operator.end()
            value = (_QUERY if asked else _BARE).match(raw, begin)
            if value is None or raw[begin] in b"([{":
                return None
            end = value.end()
            if sign.endswith(b">") and sign != b"=>":
                end = max(begin, raw.find(b"<", begin, begin + 1024))
            elif not asked:
                if least < 4 and _CODE.match(raw, end):
                    return None
                end = begin + len(raw[begin:end].rstrip(b".,:!?" if sign.endswith(_SAID) else b".,:"))
        if least == _NEVER or end - begin < (8 if rule.weak else 4):
            return None
        strength = self._strength(raw[begin : min(end, begin + _JUDGED)].decode("latin-1"))
        if strength < least:
            return None
        if strength == 1 and quote and end - begin < 10 and not (shut or name.isupper() or sign == b":"):
            return None  # password="python" in code is a name far more often than a secret
        if end - begin >= _JUDGED and (rest := _REST.match(raw, end)):
            end = rest.end()
        return begin, end


def _least_quoted(sign: bytes, shut: bytes, name: str, weak: bool) -> int:
    """The bar for a value in quotes."""
    flag = name.startswith("-")
    if sign in (b"|", b"-", b"--", b"\xb7") or sign.endswith(_SAID):
        return 2 + weak
    if sign in (b",", b"("):
        called = sign == b"(" and (name.isupper() or name.lower().startswith(_TAKES))
        if name.lower() in _PLAIN or not (shut or flag or called):
            return _NEVER
        return (2 if flag or name.isupper() else 3) + weak
    if not sign and not flag and name.lower() != "password":  # SQL says PASSWORD 'x'
        return _NEVER
    return 1 + 2 * weak


def _least_bare(raw: bytes, start: int, name: str, operator: re.Match[bytes], sign: bytes, weak: bool) -> int:
    """The bar for a bare value: low where only a literal can stand, high where code may stand."""
    op, shut = operator["op"], operator["shut"]
    flag = name.startswith("-")
    if sign == b"=":
        spaced = op[:1] in b" \t" or op[-1:] in b" \t"
        literal = not spaced and (flag or (name.isupper() and not shut))
        return 1 + 2 * weak if literal else 3 + weak
    if sign == b":" and not operator["type"]:
        return (3 if shut[:1] in (b'"', b"'") else 2) + weak
    if sign.endswith(b">") and sign != b"=>":
        return 1 + 2 * weak if raw[start - 1 : start] == b"<" or shut[:1] == b"<" else _NEVER
    if sign == b"|":
        return 3 + weak if op[:1] == b" " else _NEVER
    if sign in (b"=>", b"-", b"--", b"\xb7") or sign.endswith((*_SAID, b":")):
        return 3 + weak
    if not sign and (flag or name in _DIRECTIVES or _SETTER.search(raw, max(0, start - 24), start)):
        return 2 + weak
    return _NEVER


def closing(raw: bytes, begin: int, quote: bytes) -> int:
    """Where a value in this quote ends: the next such quote behind no more backslashes, or the line."""
    mark, depth = quote[-1:], len(quote) - 1
    stop = raw.find(b"\n", begin, begin + _QUOTED)
    stop = min(len(raw), begin + _QUOTED) if stop < 0 else stop
    at = raw.find(mark, begin, stop)
    while at >= 0:
        before = raw[max(begin, at - 32) : at]
        slashes = len(before) - len(before.rstrip(b"\\"))
        if not depth and slashes % 2 == 0:
            return at
        if depth and slashes <= depth:
            return at - slashes
        at = raw.find(mark, at + 1, stop)
    bare = _BARE.match(raw, begin)
    return bare.end() if bare else begin
