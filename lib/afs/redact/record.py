"""Whole records: every string at every depth, keys too, replaced by numbered placeholders, then proven.

What was found once in a conversation is replaced everywhere in it, in the records before it too. A
changed record is searched again before it is given back: it holds no finding and nothing that is known
of the conversation, or it is Unclean. The first search of what did not change is its proof.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from afs.redact import rules
from afs.redact.flat import PIECE, Flat, across, flatten, rebuild, row
from afs.redact.known import NOTHING
from afs.redact.placeholders import Keeps, Placeholders, Unclean, closed
from afs.redact.search.scan import Finding, Scanner
from afs.redact.sticky import Held

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from afs.redact.known import Known

    # Findings by the number of their string.
    _Index = dict[int, Sequence[Finding]]

# Strings searched once are remembered, because agents' logs repeat them: at most so many characters.
_MEMO = 4 << 20
_MEMO_TEXT = 1 << 16
_ROUNDS = 4
_FIELDS = 20_000
# Ids and times, which agents write by the thousand: alone none of these holds anything, whatever the digits.
_IDS = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"
    r"|20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9](?:\.[0-9]{1,9})?Z"
    r"|(?:toolu|msg|req)_01[A-Za-z0-9]{22}"
)
_LONGEST_ID = 36
# Names tell less than any other rule what the text is that they stand in.
_NAMES, _LAST = frozenset(("known-user", "known-host", "known-person")), 9


class Seen(NamedTuple):
    """What one string of a value holds: its number in the row of all strings, its text, the findings."""

    number: int
    text: str
    found: Sequence[Finding]

    def __repr__(self) -> str:
        return f"Seen({len(self.found)} findings)"


class Clean(NamedTuple):
    """A value without what was found in it (the same object where that is nothing), and counts by type.

    `seen` is what it held.
    """

    value: Any
    counts: Counter[str]
    seen: Sequence[Seen] = ()


class _Searched(NamedTuple):
    """A search of a value: its strings, what the rules find in them, and which hold what is not seen."""

    flat: Flat
    found: _Index
    hiding: Collection[int]


class Redactor:
    """The packaged rules less those named in `without`, those of `extra_rules` files, and what is `known`.

    Raises rules.BadRule for a rule file or a name that cannot be used, OSError for a file that cannot
    be read. One instance serves any number of values; it keeps nothing of one for the next but a
    bounded memory of which strings hold what.
    """

    def __init__(
        self, without: Sequence[str] = (), extra_rules: Sequence[str] = (), known: Known = NOTHING
    ) -> None:
        self.rules, words = rules.load(tuple(without), extra_rules)
        self._scanner = Scanner(self.rules, words)
        self.strength = self._scanner.strength
        for path in extra_rules:
            rules.try_examples(path, without, self._scanner.find)
        self._by_id = {rule.id: rule for rule in self.rules}
        self.keeps = Keeps(self.rules)
        self._known = Held(self._by_id, self.strength)
        self._known.know(known)
        self._memo: dict[str, tuple[Finding, ...]] = {}
        self._held = 0
        # Hashes of texts that hold what is not seen: of all such in the memory, and longer ones.
        self._hiding: set[int] = set()
        # Rules from outside may find anything.
        self._empty = None if extra_rules else _IDS.fullmatch
        self._says: dict[str | None, bool] = {}

    def find(self, text: str) -> list[Finding]:
        """What a text holds, in order, not overlapping; offsets in characters."""
        found, more = self._find(text), self._known.find(text)
        return list(self.merged([*found, *more]) if more else found)

    def _find(self, text: str) -> tuple[Finding, ...]:
        found = self._memo.get(text)
        if found is None:
            if self._empty is not None and len(text) <= _LONGEST_ID and self._empty(text):
                found = ()
            else:
                found, hides = self._scanner.look(text)
                if hides:
                    self._hiding.add(hash(text))
            if len(text) <= _MEMO_TEXT:
                self._held += len(text) + 100
                if self._held > _MEMO:
                    self._memo.clear()
                    self._hiding &= {hash(text)}
                    self._held = len(text) + 100
                self._memo[text] = found
        return found

    def _up_to(self, text: str, level: int) -> Sequence[Finding]:
        """What a text that is joined of others holds."""
        return [one for one in self._find(text) if self._by_id[one.rule].level <= level]

    def merged(self, findings: list[Finding]) -> list[Finding]:
        """Findings in order; of those that overlap the union, as the one of the lowest level tells it."""
        level = {one.rule: self._by_id[one.rule].level for one in findings}
        level.update(dict.fromkeys(level.keys() & _NAMES, _LAST))  # a name within an address is a part of it
        findings.sort(key=lambda one: (one.start, -one.end, level[one.rule], one.type, one.rule))
        out: list[Finding] = []
        for one in findings:
            if out and one.start < out[-1].end:
                last = out[-1]
                best = one if level[one.rule] < level[last.rule] else last
                out[-1] = best._replace(start=last.start, end=max(last.end, one.end))
            else:
                out.append(one)
        return out

    # --- any JSON value -----------------------------------------------------------------------------

    def redact(self, value: Any) -> tuple[Any, Counter[str]]:
        """The value without what was found, and how many places of each type were replaced.

        The same object comes back, and an empty counter, where nothing is found. Placeholders are
        numbered by first appearance in this value; numbers that it holds already are passed over. A
        key that becomes equal to another gets a number behind it. Raises Unclean.
        """
        (result,) = self.redact_all([value])
        if isinstance(result, Unclean):
            raise result
        return result.value, result.counts

    def conversation(self) -> Held:
        """What is known of a conversation that begins: as much as of every one."""
        return Held(self._by_id, self.strength, self._known)

    def redact_all(
        self,
        values: Sequence[Any],
        beside: Iterable[Any] = (),
        held: Held | None = None,
        stream: bool = False,
    ) -> list[Clean | Unclean]:
        """Each value of one conversation as redact() gives it, or why it could not be made clean.

        What is found in one value, or in one of those `beside`, is replaced in all. `held` is what is
        known of the conversation so far; it learns. In a `stream` one value goes on where the last ended.
        """
        held = self.conversation() if held is None else held
        searched = self._all_learnt(values, held, stream)
        for value in beside:
            self._learnt(value, held)
        results: list[Clean | Unclean] = []
        if not held.knows() and not any(isinstance(one, Unclean) or one.found for one in searched):
            return [Clean(value, Counter()) for value in values]
        for _ in range(_ROUNDS):
            known = len(held)
            results = [
                self._cleaned(value, found, held) for value, found in zip(values, searched, strict=True)
            ]
            if len(held) == known:
                break
        else:
            results = [self._proven(result, held) for result in results]
        return self._apart(results, held) if stream else results

    def check_all(
        self, values: Sequence[Any], held: Held | None = None, stream: bool = False
    ) -> list[list[Seen] | Unclean]:
        """What each value of one conversation holds, or why it cannot be searched."""
        held = self.conversation() if held is None else held
        results: list[list[Seen] | Unclean] = []
        for found in self._all_learnt(values, held, stream):
            try:
                with closed():
                    results.append(self._seen(found, held))
            except Unclean as error:
                results.append(error)
        return results

    # --- the steps ----------------------------------------------------------------------------------

    def _all_learnt(self, values: Sequence[Any], held: Held, stream: bool) -> list[_Searched | Unclean]:
        searched = [self._learnt(value, held) for value in values]
        if stream:
            try:
                with closed():
                    self._read_together([one for one in searched if isinstance(one, _Searched)], held)
            except Unclean as error:
                return [error for _ in searched]
        return searched

    def _learnt(self, value: Any, held: Held) -> _Searched | Unclean:
        """The first search of a value. What it finds is known of the conversation from now on."""
        try:
            with closed():
                flat = flatten(value)
                found, hiding = self._search(flat)
                for number, findings in found.items():
                    held.learn(flat.texts[number], findings)
                return _Searched(flat, found, hiding)
        except Unclean as error:
            return error

    def _read_together(self, searched: list[_Searched], held: Held) -> bool:
        """Search the values of a stream as one, and add to each what shows only so. Whether anything does."""
        everything, starts = row([one.flat for one in searched])

        def find(text: str, level: int) -> Sequence[Finding]:
            return self.merged([*self._up_to(text, level), *held.find(text)])

        spread = across(everything, find)
        for number, findings in spread.items():
            index = bisect_right(starts, number) - 1
            flat, found, _ = searched[index]
            at = number - starts[index]
            held.learn(flat.texts[at], findings)
            found[at] = self.merged([*found.get(at, ()), *findings])
        return bool(spread)

    def _search(self, flat: Flat, only: Collection[int] | None = None) -> tuple[_Index, set[int]]:
        """What the rules find, in the strings that are named by `only`: the others hold nothing. And which
        of these strings hold what is not seen."""
        texts, names = flat.texts, flat.names
        out: _Index = {}
        hiding: set[int] = set()
        # The memory is asked for all strings in one go: most of a log was seen before.
        numbers = range(len(texts)) if only is None else only
        known = map(self._memo.get, map(texts.__getitem__, numbers))
        for number, found in zip(numbers, known, strict=True):
            if found is None:
                found = self._find(texts[number])
            if found:
                out[number] = found
            if self._hiding and hash(texts[number]) in self._hiding:
                hiding.add(number)
        for number in flat.numbers:  # its name may tell that it is an id
            out.pop(number, None)
            if (only is None or number in only) and (ids := self._of_number(names[number], texts[number])):
                out[number] = ids
        telling = self._telling(names)
        if telling:
            for number in numbers:
                name = names[number]
                if name in telling:
                    found = self._scanner.in_field(str(name), texts[number], tuple(out.get(number, ())))
                    if found:
                        out[number] = found
        if flat.lists:
            for number, more in across(flat, self._up_to).items():
                out[number] = self.merged([*out.get(number, ()), *more])
        return out, hiding

    def _of_number(self, name: str | None, text: str) -> list[Finding]:
        """What a whole number is, read together with the name of its field."""
        shift = len(name or "") + 2
        found = self._scanner.find(f"{name or ''}: {text}")
        return [
            one._replace(start=one.start - shift, end=one.end - shift) for one in found if one.start >= shift
        ]

    def _telling(self, names: Iterable[str | None]) -> set[str]:
        """Those of the names of fields that may say what their value is."""
        says = self._says
        distinct = set(names)
        if not distinct <= says.keys():
            if len(says) > _FIELDS:
                says.clear()
            for name in distinct:
                says[name] = name is not None and self._scanner.says(name)
        return {name for name in distinct if name and says[name]}

    def _with_known(self, searched: _Searched, held: Held) -> _Index:
        """What the rules found, and what is known of the conversation beside it, in the order of the row."""
        flat, found, hiding = searched
        known = held.find_all(flat.texts, flat.names, hiding)
        if flat.lists and held.knows():  # in pieces
            for number, more in across(flat, lambda text, _: held.find(text)).items():
                known[number] = [*known.get(number, ()), *more]
        if not known:
            return dict(sorted(found.items()))
        return {
            number: self.merged([*found.get(number, ()), *known.get(number, ())])
            for number in sorted(found.keys() | known.keys())
        }

    def _seen(self, searched: _Searched | Unclean, held: Held) -> list[Seen]:
        if isinstance(searched, Unclean):
            raise searched
        texts = searched.flat.texts
        return [
            Seen(number, texts[number], some) for number, some in self._with_known(searched, held).items()
        ]

    def _cleaned(self, value: Any, searched: _Searched | Unclean, held: Held) -> Clean | Unclean:
        if isinstance(searched, Unclean):
            return searched
        try:
            with closed():
                return self._rewritten(value, searched, held)
        except Unclean as error:
            return error

    def _rewritten(self, value: Any, searched: _Searched, held: Held) -> Clean:
        found = self._with_known(searched, held)
        if not found:
            return Clean(value, Counter())
        flat, hiding = searched.flat, searched.hiding
        seen = [Seen(number, flat.texts[number], findings) for number, findings in found.items()]
        places = Placeholders(self.keeps, set(self.keeps.present("\0".join(flat.texts))), held.value)
        for _ in range(_ROUNDS):
            texts = list(flat.texts)
            for number, findings in found.items():
                texts[number] = put(texts[number], findings, places)
            value = rebuild(value, iter(texts))
            # A key that changed may have been the name that made another string what it was.
            keys = any(flat.names[number] is None for number in found)
            flat = flatten(value) if keys else flat._replace(texts=texts)
            anew = range(len(flat.texts)) if keys else found.keys()
            found, hides = self._search(flat, anew)
            hiding = hides.union(number for number in hiding if number not in anew)
            for number, findings in found.items():
                held.learn(flat.texts[number], findings)
            found = self._with_known(_Searched(flat, found, hiding), held)
            if not found:
                return Clean(value, places.counts, seen)
        rest = ", ".join(sorted({one.rule for findings in found.values() for one in findings}))
        raise Unclean(f"could not be made clean of {rest}")

    def _proven(self, result: Clean | Unclean, held: Held) -> Clean | Unclean:
        """A result, if it holds nothing of what became known after it was made."""
        if isinstance(result, Unclean):
            return result
        try:
            with closed():
                flat = flatten(result.value)
                if self._with_known(_Searched(flat, {}, range(len(flat.texts))), held):
                    raise Unclean("a value was found once more after its replacement")
        except Unclean as error:
            return error
        return result

    def _apart(self, results: list[Clean | Unclean], held: Held) -> list[Clean | Unclean]:
        """The results of a stream, if nothing is left that shows when they are read together."""
        try:
            with closed():
                flats = [flatten(one.value) for one in results if isinstance(one, Clean)]
                left = [_Searched(flat, {}, ()) for flat in flats]
                if not self._read_together(left, held):
                    return results
                raise Unclean("could not be made clean of what is spread over several records")
        except Unclean as error:
            return [error for _ in results]


def put(text: str, found: Sequence[Finding], places: Placeholders) -> str:
    """A text with a placeholder for each finding."""
    out = []
    at = 0
    for one in found:
        out.append(text[at : one.start])
        if one.type != PIECE:
            out.append(places.put(text[one.start : one.end], one.type))
        at = one.end
    out.append(text[at:])
    return "".join(out)
