"""Which texts of a benchmark stand in a sample: coverage by word n-grams, as for GPT-3 and Tulu 3.

A word is what sketch.py cuts, in small letters; a character of a script without spaces is one. A text of
an item counts as found when enough of its words lie in n-grams that the sample has too, in whatever
order and field. N-grams that more than TEMPLATE texts share are their template and prove nothing; they
do not count, unless a text has no other. A text of under 2n words is compared by n-grams of SHORT.

A question too short for that counts as found where it stands as a sentence of its own, one of under
SENTENCE words where it is all that a question holds; signs of arithmetic have to agree then. Answers
that short prove nothing and are not looked for.
"""

from __future__ import annotations

from afs import jsonl
from afs.curate import brief, sketch

TYPE_CHECKING = False
if TYPE_CHECKING:
    import re
    from collections.abc import Iterable, Iterator
    from typing import NamedTuple

    import numpy as np
    from numpy.typing import NDArray

    from afs.curate.benchmark import Item

    Words = NDArray[np.uint64]
    Places = NDArray[np.int64]
    Text = tuple[str, str]  # field, text
else:
    from collections import namedtuple

ASKED = "messages.user"
SHORT = 8
SENTENCE = 4
TEMPLATE = 10
_BATCH = 1 << 18  # bytes that are cut and hashed at once
_TINY = 96
_MULTIPLIER = 0x9E3779B97F4A7C15
_FACTOR = 0xD6E8FEB86659FD93  # odd; n-grams are polynomials in it

if TYPE_CHECKING:

    class Match(NamedTuple):
        """An entry of an index, the share of its words that were found, and the sample's fields."""

        entry: int
        coverage: float
        fields: list[str]
else:
    Match = namedtuple("Match", "entry coverage fields")


def _grams(words: Words, size: int, cache: dict[int, Words]) -> Words:
    """The hashes of all runs of `size` words, made from shorter ones."""
    import numpy as np

    if size == 1:
        return words
    if size not in cache:
        if len(words) < size:
            cache[size] = words[:0]
        else:
            half = _half(size)
            head, tail = _grams(words, half, cache), _grams(words, size - half, cache)
            count = len(words) - size + 1
            cache[size] = head[:count] + tail[half : half + count] * np.uint64(pow(_FACTOR, half, 1 << 64))
    return cache[size]


def _grams_at(places: Places, size: int, cache: dict[int, Words]) -> Words:
    """The same for some places, all of them followed by enough words. The cache holds SHORT and below."""
    import numpy as np

    if size in cache:
        return cache[size][places]
    half = _half(size)
    tail = _grams_at(places + half, size - half, cache)
    return cache[half][places] + tail * np.uint64(pow(_FACTOR, half, 1 << 64))


def _half(size: int) -> int:
    """The largest power of two below, SHORT at most."""
    return min(SHORT, 1 << (size - 1).bit_length() - 1)


def _of_size(grams: Words, size: int) -> Words:
    """Grams as keys of the one table of all sizes."""
    import numpy as np

    return grams + np.uint64(size * _MULTIPLIER % (1 << 64))


class Index:
    """The texts of benchmark items, ready to be looked for.

    `origins` holds the item of each entry, `twins` how many further items have the same text, `words` how
    many words count, `sizes` the n of its n-grams. `unused` counts texts that are not looked for.
    """

    def __init__(self, items: Iterable[Item], ngram: int) -> None:
        self.origins: list[Item] = []
        self.twins: list[int] = []
        self.sizes: list[int] = []
        self.words: list[int] = []
        self.unused = 0
        self.found: dict[int, int] = {}
        self._ngram = ngram
        self._short = min(SHORT, ngram)
        self._whole: dict[tuple[str, ...], int] = {}
        self._sentences: dict[int, tuple[re.Pattern[str], tuple[str, ...]]] = {}
        self._build(items)

    def _build(self, items: Iterable[Item]) -> None:
        import numpy as np

        known: dict[tuple[str, ...], int] = {}
        keys: list[Words] = []
        heads: list[Words] = []
        for item, text, batch, start, size in _cut(items):
            words = batch[1][start : start + size]
            few = size < self._short
            if not size or (few and item.answer):
                self.unused += 1
                continue
            name = brief.signature(text) if few else (jsonl.digest(words.tobytes()),)
            entry = known.setdefault(name, len(self.origins))
            if entry < len(self.origins):
                self.twins[entry] += 1
                continue
            n = self._ngram if size >= 2 * self._ngram else size if few else self._short
            self.origins.append(item._replace(text=""))
            self.twins.append(0)
            self.sizes.append(n)
            self.words.append(size)
            if few and size < SENTENCE:
                self._whole[name] = entry
                keys.append(words[:0])
                continue
            if few:
                self._sentences[entry] = (brief.pattern(text), name)
            end = start + size - n + 1
            keys.append(_of_size(_grams(batch[1], n, batch)[start:end], n))
            if n > SHORT:
                heads.append(_of_size(batch[SHORT][start:end], SHORT))
        known.clear()
        self._table(keys)
        self.grams = sorted({n for entry, n in enumerate(self.sizes) if len(self._rows(entry))})
        bits = max(16, (16 * len(self._sorted)).bit_length())
        self._shift = np.uint64(64 - min(bits, 26))
        self._mask = np.uint64((1 << min(bits, 26)) - 1)
        # Most words of a sample are in no n-gram: two bits tell, by the upper and the lower end of a key.
        # Of n-grams over SHORT their first SHORT words are looked at first.
        self._near = np.zeros(1 << min(bits, 26), np.uint8)
        for some in (self._sorted, *heads):
            self._near[(some >> self._shift).view(np.int64)] |= 1
            self._near[(some & self._mask).view(np.int64)] |= 2

    def _table(self, keys: list[Words]) -> None:
        """Number the n-grams, leave out those of templates, and note who has which."""
        import numpy as np

        counts = np.array([len(part) for part in keys], np.int64)
        self._firsts = np.concatenate((np.zeros(1, np.int64), np.cumsum(counts)))
        flat = np.concatenate(keys) if keys else np.zeros(0, np.uint64)
        keys.clear()
        self._sorted, rows = np.unique(flat, return_inverse=True)
        rows = rows.astype(np.int32)
        entries = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
        # (n-gram, entry), each once
        pairs = _distinct(rows.astype(np.int64) << 32 | entries)
        shared = np.bincount(pairs >> 32, minlength=len(self._sorted)) > TEMPLATE
        common = shared[rows] if len(rows) else np.zeros(0, bool)
        own = np.bincount(entries[~common], minlength=len(counts)) > 0
        common &= own[entries]  # an item that is nothing but template is looked for as it is
        self.template = int(np.count_nonzero(common))
        rows[common] = -1
        if self.template:
            pairs = _distinct(rows[~common].astype(np.int64) << 32 | entries[~common])
        self._owners = (pairs & 0xFFFFFFFF).astype(np.int32)
        self._offsets = np.searchsorted(pairs >> 32, np.arange(len(self._sorted) + 1))
        self._flat = rows
        self._repeats = np.bincount(entries[~common], minlength=len(counts)) - np.bincount(
            self._owners, minlength=len(counts)
        )
        for entry, n in enumerate(self.sizes):
            mine = self._rows(entry)
            if self.template and len(mine) and mine.min() < 0:
                self.words[entry] = _covered(mine >= 0, n)

    def _rows(self, entry: int) -> Places:
        return self._flat[self._firsts[entry] : self._firsts[entry + 1]]

    def lookup(self, words: Words) -> tuple[Places, Places]:
        """(places of words, n-grams of the index that begin there), of all sizes one after the other."""
        import numpy as np

        cache = {1: words}
        places, rows = [], []
        for first in sorted({min(size, SHORT) for size in self.grams}):
            keys = _of_size(_grams(words, first, cache), first)
            maybe = np.flatnonzero(self._near.take((keys >> self._shift).view(np.int64)) & 1)
            also = np.flatnonzero(self._near.take((keys[maybe] & self._mask).view(np.int64)) & 2)
            maybe = maybe[also]
            for size in self.grams:
                if min(size, SHORT) == first and len(maybe):
                    here = maybe if size == first else maybe[maybe <= len(words) - size]
                    keys = _of_size(_grams_at(here, size, cache), size)
                    found = np.searchsorted(self._sorted, keys)
                    found[found == len(self._sorted)] = 0
                    sure = self._sorted[found] == keys
                    places.append(here[sure])
                    rows.append(found[sure])
        if not places:
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        return np.concatenate(places), np.concatenate(rows)

    def matches(self, hits: list[tuple[str, int]], texts: list[Text], threshold: float) -> list[Match]:
        """The entries that stand in a sample, by the (field, n-gram) that were found in its texts."""
        import numpy as np

        found: list[Match] = []
        if hits:
            fields: dict[int, dict[str, None]] = {}
            count: dict[int, set[int]] = {}
            for field, row in hits:
                for entry in self._owners[self._offsets[row] : self._offsets[row + 1]].tolist():
                    fields.setdefault(entry, {})[field] = None
                    count.setdefault(entry, set()).add(row)
            for entry in sorted(count):
                n = self.sizes[entry]
                if (len(count[entry]) + int(self._repeats[entry])) * n < threshold * self.words[entry]:
                    continue
                here = np.isin(self._rows(entry), np.fromiter(count[entry], np.int32))
                coverage = _covered(here, n) / self.words[entry]
                if coverage < threshold:
                    continue
                named = list(fields[entry])
                if entry in self._sentences:
                    sentence = self._sentences[entry]
                    stands = {name for name, text in texts if name in named and brief.stands(*sentence, text)}
                    named = [name for name in named if name in stands]
                if named:
                    found.append(Match(entry, round(coverage, 4), named))
        return found + self._wholes(texts) if self._whole else found

    def _wholes(self, texts: list[Text]) -> list[Match]:
        """The entries of one to three words that are all of a text in which something is asked."""
        found: dict[int, list[str]] = {}
        for field, text in texts:
            if len(text) <= _TINY and field in ("instruction", "input", ASKED):
                entry = self._whole.get(brief.signature(brief.plain(text)))
                if entry is not None:
                    found.setdefault(entry, []).append(field)
        return [Match(entry, 1.0, fields) for entry, fields in found.items()]


def _distinct(values: Places) -> Places:
    """Each value once, in order; sorts in place."""
    import numpy as np

    values.sort()
    first = np.ones(len(values), bool)
    np.not_equal(values[1:], values[:-1], out=first[1:])
    return values[first]


def _covered(here: NDArray[np.bool_], n: int) -> int:
    """How many words lie in the n-grams that are marked by where they begin."""
    import numpy as np

    edges = np.zeros(len(here) + n, np.int32)
    edges[: len(here)] += here
    edges[n:] -= here
    return int(np.count_nonzero(np.cumsum(edges)))


def _cut(items: Iterable[Item]) -> Iterator[tuple[Item, str, dict[int, Words], int, int]]:
    """(item, plain text, grams by size of a batch of texts, the place of its first word, its words)."""
    import numpy as np

    held: list[tuple[Item, str]] = []
    size = 0

    def settle() -> Iterator[tuple[Item, str, dict[int, Words], int, int]]:
        if held:
            data = [text.encode("utf-8", "replace") for _, text in held]
            places, words = sketch.words(b"\n".join(data))
            ends = np.cumsum([len(part) + 1 for part in data])
            bounds = [0, *np.searchsorted(places, ends).tolist()]
            batch = {1: words}
            for number, (item, text) in enumerate(held):
                yield item, text, batch, bounds[number], bounds[number + 1] - bounds[number]
            held.clear()

    for item in items:
        held.append((item, brief.plain(item.text)))
        size += len(item.text)
        if size > _BATCH:
            yield from settle()
            size = 0
    yield from settle()
