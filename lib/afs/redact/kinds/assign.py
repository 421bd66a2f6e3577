"""Level 3: a name that says secret, an operator, a value that is one. Any depth of escaped quotes.

At each place where a rule's anchor occurs (`pass`, `token`, ...) the rest of the name is taken and judged
by its words, then the operator is matched, then the value is judged by judge.strength. What bar a value
must pass depends on how and where it is written: contexts.py. Values that stand before their name, in
tables and in sentences are looked for by prose.py and tables.py.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from afs.redact.kinds import contexts, foreign, nested, prose, tables
from afs.redact.kinds.contexts import NEVER, Site
from afs.redact.kinds.forms import OPERATOR, QUOTE, TAIL

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from afs.redact.kinds.judge import Judge
    from afs.redact.rules import Rule

# ${NAME:-x} in a shell, ${name:x} in settings.
_EXPAND = re.compile(rb":[-=]?|-")
_OPEN = re.compile(rb"(?:[rbfuRBFUL@$&]{1,2}#?(?=\\{0,31}+[\"']))?(?P<q>" + QUOTE + rb"|\[\[)?")
_BARE = re.compile(
    rb"(?:[^\s\"'`<>(){}\[\],;&|\\\x1b]|\\(?![nrtu\"'`\\x0])"
    rb"|(?!&(?:[a-z]{2,6};|#))[&,(){}\[\]](?=[A-Za-z0-9!@#$%^*_+-])){1,512}+"
)
_QUERY = re.compile(rb"[^\s&\"'<>\\#`;,)}\]]{1,512}+")
_NEXT = re.compile(rb"&[A-Za-z_][\w.-]{0,40}=")
_NEXT_FIELD = re.compile(rb",[A-Za-z_$][\w$]{0,40}[:=]")
_BLOCK = re.compile(rb"[|>][+-]?[ \t]*(?:\r?\n|\\{1,31}+n)[ \t]*")
# An app password as Google shows it.
_QUARTETS = re.compile(rb"[a-z]{4}(?: [a-z]{4}){3}(?![A-Za-z0-9])")
_WORDS = re.compile(rb"[^\s\"'`\\<>|(){}=,:;]+(?:[ ][^\s\"'`\\<>|(){}=,:;]+){1,11}")
_LAST = re.compile(rb"[ \t]+(?:#.*)?$")
# Values are judged by their first half thousand bytes, and taken on from there to their end.
_JUDGED = 512
_QUERIES = re.compile(r"^&?\w{1,40}=[^&]*&\w{1,40}=")
_REST = re.compile(rb"[^\s\"'`\\]*+")
_QUOTED = 2048

_LEFT = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.$:/@"
# What an escape or a colour code leaves glued to the beginning of a name.
_GLUED = re.compile(
    rb"(?<=\\)(?:u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|[nrtbfvae0])|(?<=[\[;])[0-9;]{0,12}m|(?<![\w-])-D(?=[A-Za-z])"
)
_WORDS_BEFORE = re.compile(rb"(?:[A-Za-z0-9]{1,20} ){1,4}$")
_SPLIT = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_BOTH = re.compile(r"(?i)\buser(?:name|id)?s?[/:](?:pass|pw)")
_ID = re.compile(r"[0-9A-Za-z]{6,10}-(?:[0-9A-Za-z]{4}-){3}[0-9A-Za-z]{10,13}")
# What behind a bare value shows that it was code: a call, an index, an attribute, a choice.
_TYPE_NAME = re.compile(rb"[A-Z][A-Z0-9]{0,8}(?:[a-z]{2,20})?(?:[A-Z][a-z]{2,20}){1,6}")
_CALL = re.compile(rb"[A-Za-z_][\w.]*[(\[]")
_OPENS = (b"[", b"{")
_NUMBER = re.compile(rb"[0-9]{6,18}(?=\s{0,40}+(?:[,}]|\\{1,31}+[nr]))")
# What a plan of changes says: "old" -> "new".
_CHANGED = re.compile(
    rb"(?P<quote>\\{0,31}+[\"'])[ \t]{1,4}[-=]>[ \t]{1,4}(?P=quote)(?P<s>[^\"'\\\n]{4,2048})"
)
_CODE = re.compile(rb"[(\[]|\.[A-Za-z_]|[ \t]\?[ \t]")


class Assignments:
    """The level 3 rules, ready to look at a place in a text."""

    def __init__(self, rules: Iterable[Rule], judge: Judge, words: dict[str, list[str]]) -> None:
        self._strength = judge.strength
        self._not_after = frozenset(words["not_after"])
        self._facts = self._not_after.union(words["facts"])
        self._may_follow = frozenset(words["may_follow"])
        self._firm = frozenset(words["firm"])
        self._ids = frozenset(words["ids"])
        self._named: dict[str, tuple[Rule, int] | None] = {}
        self._parsed: dict[bytes, tuple[int, str, str, tuple[Rule, int] | None]] = {}
        self._rules = [
            (frozenset(r.words), tuple(r.ends), frozenset(r.qualifiers), frozenset(r.not_before), r)
            for r in rules
        ]

    # --- names --------------------------------------------------------------------------------------

    def name(self, name: str) -> Rule | None:
        """The rule for a name whose words say that its value is secret, or None."""
        named = self._look(name)
        return named[0] if named else None

    def _look(self, name: str) -> tuple[Rule, int] | None:
        """The rule for a name, and how weak it is: 0 a password, 1 a key of something, 2 a lone token."""
        if name not in self._named:
            if len(self._named) > 20000:
                self._named.clear()
            self._named[name] = self._judge_name(name)
        return self._named[name]

    def _judge_name(self, name: str) -> tuple[Rule, int] | None:
        if "REDACTED_" in name:  # a placeholder says secret, but names nothing
            return None
        if not name.isascii() and (view := foreign.view(name)) is not None:
            name = view[0]
        outer, within, key = name.rpartition(nested.WITHIN)
        if within:  # a field of an object that is secret
            own = self._look(key)
            if own is not None or nested.about(key, self._facts):
                return own
            return self._look(outer)
        plain = name[-80:].replace("\xf1", "n").replace("\\u00f1", "n")
        words = [word.lower() for word in _SPLIT.findall(plain)]
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
                if not rule.weak or "secret" in words:
                    return rule, 0
                return rule, 1 if word not in whole or not self._firm.isdisjoint(words) else 2
        return None

    def field(self, name: str, text: str) -> Rule | None:
        """The rule by which a whole text is secret as the value of a field of this name, or None."""
        named = self._look(name) if "::" not in name else None
        if named is None or len(text) < (6 if named[1] else 4):
            return None
        bar = 1 + named[1] + (nested.WITHIN in name)
        return named[0] if self._passes(text, name, bar, named[1]) else None

    def _passes(self, value: str, name: str, bar: int, weak: int) -> bool:
        strength = self._strength(value)
        if strength < bar or (weak and len(value) < (8 if strength < 3 else 6)):
            return False
        if weak and _QUERIES.search(value):
            return False
        if weak and (strength < 4 or _ID.fullmatch(value)):  # ids of requests are called tokens, too
            return self._ids.isdisjoint(word.lower() for word in _SPLIT.findall(name))
        return True

    def _parse(self, key: bytes, sign: int, anchor: int) -> tuple[int, str, str, tuple[Rule, int] | None]:
        """What stands glued before a name, all of the name, its last part, and what that says."""
        glued = _GLUED.match(key, sign, sign + anchor) if anchor else None
        begin = glued.end() if glued else sign
        whole = name = key[begin:].decode("latin-1")
        for mark in ("/", ":", "@"):
            name = name.rpartition(mark)[2]
        if len(self._parsed) > 20000:
            self._parsed.clear()
        self._parsed[key] = parsed = begin - sign, whole, name, self._look(name)
        return parsed

    # --- places -------------------------------------------------------------------------------------

    def at(self, raw: bytes, anchor: int) -> Iterator[tuple[int, int, Rule]]:
        """(start, end, rule) of the values that belong to the name around an anchor."""
        stop = TAIL.match(raw, anchor).end()  # type: ignore[union-attr]
        left = raw[max(0, anchor - 64) : anchor]
        start = anchor - (len(left) - len(left.rstrip(_LEFT)))
        sign = raw[start - 1 : start]
        key = sign + raw[start:stop] if sign in (b"\\", b"[", b";") else raw[start:stop]
        parsed = self._parsed.get(key)
        if parsed is None:
            parsed = self._parse(key, len(key) - (stop - start), anchor - start)
        glued, whole, name, named = parsed
        start += glued
        spaced = raw[start - 1 : start] == b" "
        if named is None and not spaced:
            return
        operator = OPERATOR.match(raw, stop)
        kind = operator.lastgroup if operator is not None else None
        if named is None or (named[1] == 2 and spaced):  # the secret access key is X, the next token: X
            if kind in ("assign", "said", "cell", "dash", "to") and (
                before := _WORDS_BEFORE.search(raw, max(0, start - 48), start)
            ):
                words = before[0][raw[before.start() - 1 : before.start()] == b"\\" :]
                longer = words.decode("latin-1").replace(" ", "_") + name
                plain = kind != "assign" or operator["assign"].strip(b" \t*") in (b":", b"=")  # type: ignore[index]
                named = self._look(longer) if plain else named
            if named is None:
                return
        rule, weak = named
        if "::" in whole and raw[stop : stop + 1] in (b'"', b"'", b"\\"):
            return  # the name of a type in a table of types
        span = None
        if operator is not None and kind is not None:
            shut = operator["shut"].strip(b"\\")
            if kind == "assign" and raw[start - 1 : start] == b"{" and (expand := _EXPAND.match(raw, stop)):
                site = Site(raw, start, name, b"", "expand", expand[0], False, weak)
                span = self._value(site, expand.end(), whole)
            else:
                op = contexts.uncoloured(operator[kind])
                if op == b":" and ":" in whole[:-1]:
                    return  # a part of a name of many parts
                site = Site(raw, start, name, shut, kind, op, bool(operator["type"]), weak)
                span = self._value(site, operator.end(), whole)
        if span is not None:
            yield *span, rule
            if (changed := _CHANGED.match(raw, span[1])) and self._strength(changed["s"].decode("latin-1")):
                yield *changed.span("s"), rule
            return
        if kind == "assign" and raw[(after := operator.end()) : after + 1] in _OPENS:  # type: ignore[union-attr]
            yield from self._nested(raw, after, name, named)
        for begin, end, bar in (*prose.before(raw, start), *tables.cells(raw, start, stop)):
            value = raw[begin:end].decode("latin-1")
            if self._passes(value, name, bar + weak, weak) and (
                contexts.plain(value) or self._strength(value) > 1
            ):
                yield begin, end, rule

    def _nested(
        self, raw: bytes, at: int, name: str, named: tuple[Rule, int]
    ) -> Iterator[tuple[int, int, Rule]]:
        """(start, end, rule) of the values in the list or object at `at` that a name says are secret."""
        for begin, end in nested.items(raw, at) if not named[1] else ():
            if self._strength(raw[begin:end].decode("latin-1")) > 1:
                yield begin, end, named[0]
        for begin, end, key in nested.fields(raw, at) if nested.holds(name) else ():
            value, own = raw[begin:end].decode("latin-1"), self._look(name + nested.WITHIN + key)
            if own is not None and self._passes(value, key, 2 + bool(own[1]), own[1]):
                yield begin, end, own[0]

    def _value(self, site: Site, after: int, whole: str) -> tuple[int, int] | None:
        """(begin, end) of the value behind an operator, if it is strong enough for where it stands."""
        raw = site.raw
        opening = _OPEN.match(raw, after)
        quote = opening["q"] if opening else None
        if opening and quote:
            begin = opening.end()
            if quote[:1] == b"&":
                end = max(begin, raw.find(quote, begin, begin + _QUOTED))
            elif quote == b"[[":
                end = max(begin, raw.find(b"]]", begin, begin + _QUOTED))
            else:
                if raw.startswith(quote[-1:] * 2, begin):
                    begin += 2
                end = closing(raw, begin, quote)
            bar = contexts.bar_quoted(site)
        else:
            found = self._bare(site, after)
            if found is None:
                return None
            begin, end, bar = found
        if _BOTH.search(whole):  # username/password: bob/x
            sign = re.search(rb"[ ]?[:/][ ]?", raw[begin:end])
            begin += sign.end() if sign else 0
        if bar >= NEVER or end - begin < 4:
            return None
        value = raw[begin : min(end, begin + _JUDGED)].decode("latin-1")
        if not self._passes(value, site.name, bar, site.weak):
            return None
        if (
            quote
            and end - begin < 10
            and not (site.shut or site.name.isupper() or site.kind != "assign" or site.op.strip() == b":")
            and self._strength(value) == 1
        ):
            return None  # password="python" in code is a name far more often than a secret
        if end - begin >= _JUDGED and (rest := _REST.match(raw, end)):
            end = rest.end()
        return begin, end

    def _bare(self, site: Site, after: int) -> tuple[int, int, int] | None:
        """(begin, end, bar) of a value without quotes, or None where it is code."""
        raw, start, kind = site.raw, site.start, site.kind
        sign = site.op.strip(b" \t\r\n*")
        block = _BLOCK.match(raw, after) if sign == b":" else None
        begin = block.end() if block else after
        asked = sign == b"=" and raw[start - 1 : start] in (b"?", b"&")
        value = (_QUERY if asked else _BARE).match(raw, begin)
        if value is None or raw[begin] in b"([{":
            return None
        end = value.end()
        if (
            sign == b"="
            and not asked
            and raw.find(b"&", begin, end + 1) >= 0
            and (more := _NEXT.search(raw, begin, end + 40))
            and more.start() < end
        ):
            end, asked = more.start(), True
        if asked:
            return begin, end, 1 + site.weak
        if sign == b"=" and raw[end - 1 : end] == b"/" and raw[start - 1 : start] not in (b"", b" ", b"\n"):
            end -= 1  # the end of an expression of sed
        if (
            sign in (b":", b"=")
            and raw.find(b",", begin, end) >= 0
            and (more := _NEXT_FIELD.search(raw, begin, end))
        ):
            end = more.start()
        bar = contexts.bar_bare(site)
        if kind in ("tag", "markup", "string"):
            return begin, max(begin, raw.find(b"<", begin, begin + 1024)), bar
        if kind == "expand":
            return begin, max(begin, raw.find(b"}", begin, begin + 256)), bar
        if kind == "comma":
            end = begin + len(raw[begin:end].partition(b",")[0])
        elif not site.weak and end - begin == 4 and (four := _QUARTETS.match(raw, begin)):
            end = four.end()
        if kind == "assign" and bar > 1 and bar < NEVER:
            strength = self._strength(raw[begin : min(end, begin + _JUDGED)].decode("latin-1"))
            if strength < bar:
                found = self._line(site, begin, end, strength)
                if found is not None:
                    return found
                if (
                    strength == 2
                    and not self._look(_name_of(raw, begin, end))
                    and contexts.mentioned(site, begin, end)
                ):
                    bar = 2
                elif strength == 1 and site.shut and _NUMBER.match(raw, begin):  # {"password": 123456}
                    bar = 1
        ended = raw[end : end + 1] in (b")", b",", b"=")
        if ended and sign == b":" and bar < 4 and _TYPE_NAME.fullmatch(raw, begin, end):
            return None  # a parameter and its type
        if (bar < 4 and _CODE.match(raw, end)) or (bar > 2 and _CALL.match(raw, begin, end)):
            return None
        trim = b".,:?" if kind in ("said", "to", "gap", "asked") else b".,:"
        return begin, begin + len(raw[begin:end].rstrip(trim)), bar

    def _line(self, site: Site, begin: int, end: int, strength: int) -> tuple[int, int, int] | None:
        """(begin, end, bar) where the line shows that a value is a setting, though weak or of words."""
        raw = site.raw
        last = contexts.line_end(raw, end)
        rest = raw[begin:last]
        tail = _LAST.search(rest)
        stop = begin + (tail.start() if tail else len(rest))
        words = stop > end and not site.weak and _WORDS.fullmatch(raw, begin, stop)
        if words and self._strength(raw[begin:stop].decode("latin-1")) > 1:
            strength = 2
        elif strength:
            stop = end
        else:
            return None
        proof = contexts.literal(site, begin, stop)
        value = raw[begin:stop].decode("latin-1")
        if proof == 2 and (strength != 1 or (contexts.plain(value) and "secret" not in site.name.lower())):
            return begin, stop, 1 + site.weak
        return (begin, stop, 2 + bool(site.weak)) if proof and strength else None


def _name_of(raw: bytes, begin: int, end: int) -> str:
    """A value without its digits, which may be the name of a variable: password2."""
    return raw[begin:end].rstrip(b".,:;!?").rstrip(b"0123456789").decode("latin-1")


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
