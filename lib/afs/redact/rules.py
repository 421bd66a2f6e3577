"""The rule table: rules.toml beside this file, and a person's own rules in the same form.

A rule is data. `level` says how it is looked for, and of two rules that claim the same text the lower
level names the type:

    1 prefix      `starts` (literals) or `shape` (a pattern), then the pattern `then`
    2 structure   the pattern `re` at one of `anchors` (lower case); the group `s` is secret; `gate` must
                  stand anywhere in the text, which spares the search for rare anchors
    3 assignment  a name whose words say secret (`words`, `ends`, `qualifiers`), then a value
    4 entropy     a finder that judges runs that nothing else claims
    5 personal    `anchors`, and a finder that knows the shape

Level 0 rows name what known.py and names.py look for; they hold no pattern. `keep` is the form of the
replacement where it is not REDACTED_TYPE_n: `{n}` is the number, `{x}` the same in two or more hexadecimal
digits (in one behind `::`); several forms are used one after the other, `room` numbers in each. What is
`sticky` is replaced wherever else it stands in the conversation. Patterns are ASCII and see text as one
byte a character. `hit` and `miss` are examples as lists of parts: a part such as `<hex*40>` is 40
made-up digits, so that no file of ours holds anything that looks like a secret.
"""

from __future__ import annotations

import hashlib
import os
import re
import tomllib
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "rules.toml")
LEVELS = {0: "known", 1: "prefix", 2: "structure", 3: "assignment", 4: "entropy", 5: "personal"}
FINDERS = frozenset(
    (
        "card",
        "cookies",
        "email",
        "home",
        "iban",
        "ipv4",
        "ipv6",
        "jwk",
        "key-body",
        "key-comment",
        "kubernetes",
        "login",
        "login-pair",
        "mac",
        "phone",
        "private-key",
        "private-lines",
        "random",
        "ssn",
        "tilde",
        "vendor",
    )
)
CHECKS = frozenset({"alone", "random", "jwt", "basic"})

_ALPHABETS = {
    "hex": "0123456789abcdef",
    "HEX": "0123456789ABCDEF",
    "dig": "0123456789",
    "let": "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "low": "abcdefghijklmnopqrstuvwxyz",
    "b32": "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
    "b32x": "023456789acdefghjklmnpqrstuvwxyz",
    "b58": "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz",
    "low36": "abcdefghijklmnopqrstuvwxyz0123456789",
    "up36": "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
    "b62": "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
    "b64": "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/",
    "url64": "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-",
}
_MADE_UP = re.compile(r"<(\w+)\*(\d+)>")


class BadRule(ValueError):
    """A rule table that cannot be used; the message names the rule."""


@dataclass(slots=True)
class Rule:
    """One row of the table. `least` is the strength that a value must have (judge.strength)."""

    id: str
    type: str
    level: int
    starts: list[str] = field(default_factory=list)
    shape: str = ""
    then: str = ""
    check: list[str] = field(default_factory=list)
    anchors: list[str] = field(default_factory=list)
    gate: str = ""
    before: int = 0
    re: str = ""
    least: int = 0
    finder: str = ""
    words: list[str] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)
    qualifiers: list[str] = field(default_factory=list)
    not_before: list[str] = field(default_factory=list)
    weak: bool = False
    keep: list[str] = field(default_factory=list)
    room: int = 0
    sticky: bool = True
    hit: list[list[str]] = field(default_factory=list)
    miss: list[list[str]] = field(default_factory=list)


_KEYS = {item.name for item in fields(Rule)}


def load(without: Sequence[str] = (), extra: Sequence[str] = ()) -> tuple[list[Rule], dict[str, list[str]]]:
    """The rules in order and the word lists of the judge. Raises BadRule, or OSError for an `extra` file."""
    with open(PATH, "rb") as file:
        table = tomllib.load(file)
    rules = [_rule(row, "rules.toml") for row in table["rule"]]
    for path in extra:
        rules += read_extra(path)
    seen: set[str] = set()
    for rule in rules:
        if rule.id in seen:
            raise BadRule(f"rule {rule.id}: there are two of this name")
        seen.add(rule.id)
    unknown = [name for name in without if name not in seen]
    if unknown:
        raise BadRule(f"no rule is called {unknown[0]}; --list-rules prints their names")
    return [rule for rule in rules if rule.id not in without], table["words"]


def read_extra(path: str) -> list[Rule]:
    """The rules of a person's own file. Raises BadRule, or OSError."""
    with open(path, "rb") as file:
        try:
            table = tomllib.load(file)
        except (tomllib.TOMLDecodeError, UnicodeDecodeError):
            raise BadRule(f"{path}: not TOML") from None
    rows = table.pop("rule", [])
    if table or not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise BadRule(f"{path}: only [[rule]] tables may stand in a rule file")
    rules = [_rule(row, path) for row in rows]
    for rule in rules:
        _compile(rule, path)
        for example in rule.hit + rule.miss:
            joined(example)
    return rules


def try_examples(path: str, without: Sequence[str], find: Callable[[str], Iterable[Any]]) -> None:
    """Hold the rules of a person's file, which no test has seen, to their own examples. Raises BadRule."""
    for rule in read_extra(path):
        for key, wanted in (("hit", True), ("miss", False)) if rule.id not in without else ():
            for number, parts in enumerate(getattr(rule, key), 1):
                if any(one.rule == rule.id for one in find(joined(parts))) is not wanted:
                    what = "is not found" if wanted else "is found"
                    raise BadRule(f"{path}: rule {rule.id}: {key} {number} {what} by it")


def _rule(row: dict[str, Any], path: str) -> Rule:
    name = row.get("id")
    if not isinstance(name, str) or not re.fullmatch(r"[a-z0-9][a-z0-9-]*", name):
        raise BadRule(f"{path}: a rule needs an id of lower-case letters, digits and dashes")
    unknown = row.keys() - _KEYS
    if unknown:
        raise BadRule(f"{path}: rule {name}: unknown key {min(unknown)}")
    if not isinstance(row.get("type"), str) or not re.fullmatch(r"[A-Z][A-Z0-9_]*[A-Z0-9]", row["type"]):
        raise BadRule(f"{path}: rule {name}: type must be upper-case letters, digits and underscores")
    try:
        rule = Rule(**row)
    except TypeError:
        raise BadRule(f"{path}: rule {name}: level is missing") from None
    defaults = Rule("", "", 0)
    for key in row:
        default = getattr(defaults, key)
        texts = type(default) is list and key not in ("hit", "miss")
        if type(row[key]) is not type(default) or (texts and not all(type(x) is str for x in row[key])):
            raise BadRule(f"{path}: rule {name}: {key} has the wrong type")
    ready = {
        0: not (rule.anchors or rule.re),
        1: bool(rule.starts or rule.shape),
        2: bool(rule.anchors and (rule.re or rule.finder)),
        3: bool(rule.anchors and (rule.words or rule.ends)),
        4: bool(rule.finder),
        5: bool(rule.finder or (rule.anchors and rule.re)),
    }.get(rule.level)
    if not ready:
        raise BadRule(f"{path}: rule {name}: level {rule.level} lacks what it needs, or is unknown")
    if not all(type(x) is list and all(type(part) is str for part in x) for x in rule.hit + rule.miss):
        raise BadRule(f"{path}: rule {name}: hit and miss are lists of lists of parts")
    if not CHECKS.issuperset(rule.check):
        raise BadRule(f"{path}: rule {name}: check knows {', '.join(sorted(CHECKS))}")
    if rule.finder and rule.finder not in FINDERS:
        raise BadRule(f"{path}: rule {name}: finder knows {', '.join(sorted(FINDERS))}")
    if any(form.count("{n}") + form.count("{x}") != 1 for form in rule.keep):
        raise BadRule(f"{path}: rule {name}: each form of keep must hold {{n}} or {{x}} once")
    literals = rule.starts + rule.anchors + [rule.gate or "-"]
    if not all(text and text.isascii() for text in literals):
        raise BadRule(f"{path}: rule {name}: starts, anchors and gate are ASCII and not empty")
    if any(anchor != anchor.lower() for anchor in rule.anchors):
        raise BadRule(f"{path}: rule {name}: anchors are lower-case")
    return rule


def _compile(rule: Rule, path: str) -> None:
    """Try the patterns of a rule that no test has seen."""
    for source in (rule.shape, rule.then, rule.re):
        try:
            pattern = re.compile(source.encode("ascii"))
        except (re.error, UnicodeEncodeError):
            raise BadRule(f"{path}: rule {rule.id}: a pattern does not compile") from None
        if source and source is rule.re and "s" not in pattern.groupindex:
            raise BadRule(f"{path}: rule {rule.id}: re lacks the group (?P<s>...)")


def joined(parts: list[str]) -> str:
    """An example as text: the parts joined, `<alphabet*count>` made up, the same each time."""
    text = ""
    for index, part in enumerate(parts):
        made_up = _MADE_UP.fullmatch(part)
        if made_up is None:
            text += part
        elif made_up[1] not in _ALPHABETS:
            raise BadRule(f"an example names the alphabet {made_up[1]}, which is unknown")
        else:
            text += _drawn(_ALPHABETS[made_up[1]], int(made_up[2]), f"{index}:{'|'.join(parts)}")
    return text


def _drawn(alphabet: str, count: int, seed: str) -> str:
    out = ""
    block = 0
    while len(out) < count:
        mix = hashlib.sha256(f"{block}:{seed}".encode()).digest()
        out += "".join(alphabet[byte % len(alphabet)] for byte in mix)
        block += 1
    return out[:count]
