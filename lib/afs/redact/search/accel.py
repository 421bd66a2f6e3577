"""Which rules can find anything in a text, told by hyperscan in one pass. The extra `accel` installs it.

Every rule has candidates: patterns that match wherever the rule finds something, and elsewhere, too
(candidates.py). Only rules with a candidate in a text are run, by the same code, so the findings are the
same with hyperscan and without, and a candidate that is too wide costs time alone. The compiled
database is kept in the user's cache folder; where that cannot be, it is compiled anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import importlib.util
import json
import os
import platform
import re
import stat
from typing import TYPE_CHECKING, Any

from afs.redact.kinds import argv, decoded, keys
from afs.redact.search import colours, sweep
from afs.redact.search.candidates import candidate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from afs.redact.rules import Rule
    from afs.redact.search.anchors import Block

    # The rules at each (gate, anchor).
    Anchored = Sequence[tuple[tuple[bytes, bytes], Sequence[Rule]]]
    Gate = Callable[[bytes], tuple[set[int], list[Block]]]

# Long texts are looked at in blocks, each with what stands before and behind it: anchors have less
# than _LEFT before them that belongs to them, and no candidate needs more than _RIGHT.
_BLOCK, _LEFT, _RIGHT = 1 << 14, 1 << 10, 1 << 11
_MAGIC = b"afs-candidates 1\n"
_LARGEST = 1 << 27
# Rows of what looks at a whole text: tokens of level 1, what else looks at long runs that hold a digit,
# encoded text, numbers and addresses, what is not seen, such as colour codes, and lists of words.
TOKENS, OTHERS, ENCODED, NUMBERS, UNSEEN, LISTS = -1, -2, -3, -4, -5, -6
IN_RUNS = frozenset((TOKENS, OTHERS, ENCODED))
EVERY = frozenset((TOKENS, OTHERS, ENCODED, NUMBERS, UNSEEN, LISTS))
# A digit in a row of sixteen of these has twelve of them on one side, or eight there and four here.
_SIGN = "[A-Za-z0-9_-]"
_DIGIT_IN_RUN = (
    f"{_SIGN}{{12}}[0-9]|{_SIGN}{{8}}[0-9]{_SIGN}{{4}}|{_SIGN}{{4}}[0-9]{_SIGN}{{8}}|[0-9]{_SIGN}{{12}}"
)
# Of a payload, of a structure, and of what has no beginning of its own, so much is in a candidate.
_PAYLOAD, _STRUCTURE, _SHAPE = 24, 40, 120
_KEPT = 4
# What stands at the anchor of a finder that finds anything.
_SIGNS = {"private-key": keys.SIGNS}
# And what stands there at one anchor of several: a mailbox before the sign; around `pass` more than the
# line of its own that it is in Python, unless a value or anything but a word follows in the next line.
_AT = {
    ("email", b"@"): (r"[0-9A-Za-z._%+'\xb7\xc0-\xff-]@[0-9A-Za-z\xb7\xc0-\xff]",),
    ("login", b"@"): (r"[0-9A-Za-z]@[0-9A-Za-z]",),
    ("", b"pass"): (
        r"P[Aa][Ss][Ss]",
        r"p(?:A[Ss][Ss]|a(?:S[Ss]|sS))",
        r"pass[ \t]*[^ \t\r\n]",
        r"[^ \t\r\n][ \t]*pass",
        r"pass\s*(?:[^A-Za-z@#\s]|[^\n]*[Vv]al)",
    ),
}


def wanted() -> bool:
    """Whether hyperscan is installed and not switched off by AFS_ACCEL=0."""
    return os.environ.get("AFS_ACCEL") != "0" and importlib.util.find_spec("hyperscan") is not None


def candidates(
    rules: Iterable[Rule], anchored: Anchored
) -> tuple[dict[int, list[str]], dict[int, list[str]]]:
    """The candidates of every row, and the spare ones; `anchored` are the rules at each (gate, anchor)."""
    rows: dict[int, list[str]] = {TOKENS: [], OTHERS: [_DIGIT_IN_RUN]}
    spare: dict[int, list[str]] = {}
    for rule in rules:
        if rule.level == 1:
            rows[TOKENS] += [
                candidate(f"{re.escape(start)}(?:{rule.then})", len(start) + _PAYLOAD)
                for start in rule.starts
            ]
            if rule.shape:
                ahead = rule.shape.startswith("(?=")
                shape = rule.shape if ahead else f"(?:{rule.shape})(?:{rule.then})"
                rows[TOKENS].append(candidate(shape, _SHAPE) or ".")
    rows[ENCODED] = [candidate(sign.pattern.decode("latin-1"), _SHAPE) or "." for sign in decoded.SIGNS]
    rows[NUMBERS] = [
        candidate(sign.decode("latin-1"), _SHAPE, table, left_out) or "."
        for sign, table, left_out in sweep.SIGNS
    ]
    names = "|".join(
        re.escape(anchor)
        for rule in rules
        if rule.level == 3 and not rule.qualifiers
        for anchor in rule.anchors
    )
    rows[UNSEEN] = [candidate(sign) for sign in colours.SIGNS]
    rows[LISTS] = [candidate(argv.SIGN.decode("latin-1"), _STRUCTURE)]
    for row, ((_, anchor), each) in enumerate(anchored):
        literal = candidate(f"(?i:{re.escape(anchor.decode('ascii'))})")
        own = {one for rule in each for one in _own(rule, anchor, names) or (literal,)}
        rows[row] = [literal] if "" in own or literal in own else sorted(own)
        spare[row] = [literal]
    return rows, spare


def _own(rule: Rule, anchor: bytes, names: str) -> Sequence[str]:
    """The candidates of a rule that are more than its anchor; `names` are the anchors of all of level 3."""
    if rule.re:
        return [candidate(rule.re, _STRUCTURE)]
    if (rule.finder, anchor) in _AT:
        return _AT[rule.finder, anchor]
    if rule.finder in _SIGNS:
        return [candidate(sign.decode("latin-1"), _STRUCTURE) for sign in _SIGNS[rule.finder]]
    if rule.qualifiers:  # a name says secret by these words before it, or by the words of another rule
        words = "|".join(map(re.escape, rule.qualifiers))
        anchors, ends = ("|".join(map(re.escape, each)) for each in (rule.anchors, rule.ends or rule.anchors))
        return [f"(?i:(?:{words}|{names})[^\\x00-\\x1f]*(?:{anchors}))", f"(?i:{ends})"]
    return []


def gate(rules: Sequence[Rule], anchored: Anchored) -> Gate | None:
    """A function that tells of a text which rows have a candidate in it: all of them, and by block.

    Rows are numbered as `anchored` is, and blocks tell of these; what looks at a whole text has a number
    below zero. None where hyperscan is not there or fails.
    """
    try:
        hyperscan: Any = importlib.import_module("hyperscan")
    except ImportError:
        return None
    try:
        database, told = _ready(hyperscan, rules, anchored)
    except hyperscan.error:
        return None
    scan = database.scan
    found: set[int] = set()
    add = found.add

    def seen(number: int, *_: object) -> None:
        add(number)

    def alive(raw: bytes | memoryview) -> set[int]:
        found.clear()
        scan(raw, seen)
        return {row for number in found for row in told[number]}

    def look(raw: bytes) -> tuple[set[int], list[Block]]:
        if len(raw) <= _BLOCK:
            every = alive(raw)
            rows = sorted(row for row in every if row >= 0)
            return every, [(0, len(raw), rows)] if rows else []
        every = set()
        blocks = []
        view = memoryview(raw)
        for at in range(0, len(raw), _BLOCK):
            here = alive(view[max(0, at - _LEFT) : at + _BLOCK + _RIGHT])
            every |= here
            if rows := sorted(row for row in here if row >= 0):
                blocks.append((at, min(len(raw), at + _BLOCK), rows))
        return every, blocks

    return look


def _ready(hyperscan: Any, rules: Sequence[Rule], anchored: Anchored) -> tuple[Any, list[list[int]]]:
    """The database, and the rows that each of its patterns tells of."""
    key = hashlib.sha256(_MAGIC)
    fields = ("level", "starts", "shape", "then", "anchors", "gate", "re", "finder", "qualifiers", "ends")
    said = [[getattr(rule, name) for name in fields] for rule in rules]
    for part in (
        hyperscan.__version__,
        platform.platform(),
        said,
        _SIGNS,
        decoded.SIGNS,
        sweep.SIGNS,
        colours.SIGNS,
        argv.SIGN,
    ):
        key.update(repr(part).encode() + b"\0")
    for path in (__file__, candidate.__code__.co_filename):  # what makes the candidates
        with contextlib.suppress(OSError), open(path, "rb") as file:
            key.update(file.read())
    path = _cache(key.hexdigest()[:32])
    kept = _load(hyperscan, path)
    if kept is None:
        kept = _made(hyperscan, *candidates(rules, anchored))
        _keep(path, json.dumps(kept[1]).encode() + b"\n" + hyperscan.dumpb(kept[0]))
    return kept


def _made(
    hyperscan: Any, rows: Mapping[int, Sequence[str]], spare: Mapping[int, Sequence[str]]
) -> tuple[Any, list[list[int]]]:
    table = _by_pattern(rows)
    try:
        return _compiled(hyperscan, table), list(table.values())
    except hyperscan.error:
        for pattern in list(table):
            if not _takes(hyperscan, pattern):
                for row in table.pop(pattern):
                    for other in spare.get(row, (".",)):
                        table.setdefault(other, []).append(row)
        return _compiled(hyperscan, table), list(table.values())


def _by_pattern(rows: Mapping[int, Sequence[str]]) -> dict[str, list[int]]:
    out: dict[str, list[int]] = {}
    for row, patterns in rows.items():
        for pattern in dict.fromkeys(patterns):
            out.setdefault(pattern, []).append(row)
    return out


def _takes(hyperscan: Any, pattern: str) -> bool:
    try:
        _compiled(hyperscan, {pattern: [0]})
    except hyperscan.error:
        return False
    return True


def _compiled(hyperscan: Any, table: dict[str, list[int]]) -> Any:
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(
        expressions=[pattern.encode() for pattern in table],
        ids=list(range(len(table))),
        flags=[hyperscan.HS_FLAG_SINGLEMATCH | hyperscan.HS_FLAG_DOTALL] * len(table),
    )
    return database


# --- the cache --------------------------------------------------------------------------------------


def _cache(name: str) -> str:
    folder = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(folder):
        folder = os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(folder, "afs", f"redact-{name}.hsdb")


def _load(hyperscan: Any, path: str) -> tuple[Any, list[list[int]]] | None:
    """What a file of ours holds, or None: none is there, it is another's, it was cut or changed."""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as file:
            about = os.fstat(file.fileno())
            if not stat.S_ISREG(about.st_mode) or about.st_uid != os.geteuid() or about.st_mode & 0o022:
                return None
            data = file.read(_LARGEST)
    except OSError:
        return None
    size = len(_MAGIC)
    if data[:size] != _MAGIC or hashlib.sha256(data[size + 32 :]).digest() != data[size : size + 32]:
        return None
    table, _, body = data[size + 32 :].partition(b"\n")
    try:
        database = hyperscan.loadb(body, hyperscan.HS_MODE_BLOCK)
        database.scratch = hyperscan.Scratch(database)
        database.scan(b"-", lambda *_: None)
    except hyperscan.error:  # made on another kind of processor
        return None
    return database, json.loads(table)


def _keep(path: str, body: bytes) -> None:
    """Write a database for the next process; where nothing can be written, do nothing."""
    folder = os.path.dirname(path)
    with contextlib.suppress(OSError):
        os.makedirs(folder, mode=0o700, exist_ok=True)
        import tempfile

        handle, part = tempfile.mkstemp(dir=folder, prefix=".redact-", suffix=".part")
        try:
            with open(handle, "wb") as file:
                file.write(_MAGIC + hashlib.sha256(body).digest() + body)
            os.replace(part, path)
        except BaseException:
            os.unlink(part)
            raise
        ours = [each.path for each in os.scandir(folder) if re.fullmatch(r"redact-\w+\.hsdb", each.name)]
        for old in sorted(ours, key=os.path.getmtime)[:-_KEPT]:
            os.unlink(old)
