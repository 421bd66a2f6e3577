"""Texts as sets of word 5-grams, and the sketches that tell which sets may be alike.

A word is a run of ASCII letters (in one case), digits, "_" and letters of other alphabets; a character of
a script that does not part its words (Chinese, Japanese, Korean, Thai, ...) is a word of its own. What
else there is parts words and does not count. A gram is five words in a row; a text of one to four words
has a single gram. All texts of a batch are cut and hashed in one buffer by numpy.

The sketch is MinHash (Broder 1997) under linear permutations of 32 bits, all of them on whole buffers.
"""

from __future__ import annotations

import functools

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray

    Words = NDArray[np.uint64]
    Places = NDArray[np.int64]

GRAM = 5
PERMUTATIONS = 128
SHORT = 200
# A longer run without a space (base64, a minified file) counts as several words.
_LONGEST = 32
_MIX = 0x9E3779B97F4A7C15
_POWERS = tuple(pow(0xD6E8FEB86659FD93, step, 1 << 64) for step in range(GRAM))
_ROUNDS = (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53)  # the finalizer of MurmurHash3, 64 bits

_LOWER = bytes(byte + 32 if 65 <= byte <= 90 else byte for byte in range(256))
_IN_WORD = bytes(byte >= 128 or byte == 95 or chr(byte).isalnum() for byte in range(256))


def text_of(record: Mapping[str, Any]) -> tuple[bytes, int]:
    """What a sample says as UTF-8, and how many bytes at its head are the question with its context.

    Behind the answer stand the messages that are neither question nor answer, and the calls of tools. A
    system prompt is a setting, and reasoning is not compared. Raises KeyError, TypeError or AttributeError
    for what is no sample.
    """
    question, context, answer = record["instruction"], record.get("input") or "", record["output"]
    head = question + "\n" + context + "\n" if context else question + "\n"
    if messages := record.get("messages"):
        texts = [head + answer]
        for message in messages:
            if message["role"] == "system":
                continue
            if (said := message["content"]) != question and said != answer:
                texts.append(said)
            for call in message.get("tool_calls") or ():
                texts += (call["function"]["name"], call["function"]["arguments"])
        whole = "\n".join(texts)
    else:
        whole = head + answer
    try:
        return whole.encode(), len(head) if head.isascii() else len(head.encode())
    except UnicodeEncodeError:
        return whole.encode("utf-8", "surrogatepass"), len(head.encode("utf-8", "surrogatepass"))


def asked(record: Mapping[str, Any]) -> int:
    """64 bits of the question with its context, but for case and spaces, where the answer is short; else 0.

    A short answer (under SHORT bytes) says too little to tell samples apart: they are alike only if they
    ask the same.
    """
    answer = record["output"]
    if len(answer) >= SHORT or len(answer.encode("utf-8", "surrogatepass")) >= SHORT:
        return 0
    from xxhash import xxh3_64_intdigest

    question = f"{record['instruction']} \0 {record.get('input') or ''}"
    plain = "".join(question.split()).lower()
    return int(xxh3_64_intdigest(plain.encode("utf-8", "surrogatepass"))) or 1


def words(data: bytes) -> tuple[Places, Words]:
    """Where the words of a buffer begin, and a hash of each."""
    import numpy as np

    text = data + bytes(8)  # words are read eight bytes at a time
    if data.isascii():
        kinds = np.frombuffer(text.translate(_IN_WORD), np.uint8)
        edges = np.flatnonzero(kinds[1:] != kinds[:-1]) + 1
        if kinds[0]:
            edges = np.concatenate((np.zeros(1, np.int64), edges))
        starts, sizes = edges[::2], edges[1::2] - edges[::2]
    else:
        kinds = _kinds(text)
        after = kinds[1:]
        edges = np.flatnonzero(((after != kinds[:-1]) | (after == 2)) & (after != 3)) + 1
        if kinds[0]:
            edges = np.concatenate((np.zeros(1, np.int64), edges))
        inside = np.flatnonzero(kinds[edges])  # the last edge is outside: zeros end the text
        starts = edges[inside]
        sizes = edges[inside + 1] - starts
    if len(sizes) and int(sizes.max()) > _LONGEST:
        starts, sizes = _split(starts, sizes)
    return starts, _hash(text, starts, sizes)


def _kinds(text: bytes) -> NDArray[np.uint8]:
    """Of each byte: 0 outside words, 1 in a word, 2 the first of a character that is a word, 3 its others."""
    import numpy as np

    kinds = np.frombuffer(bytearray(text.translate(_IN_WORD)), np.uint8)
    leads = np.flatnonzero(np.frombuffer(text, np.uint8) >= 0xC2)
    pairs = np.ndarray((len(text) - 1,), ">u2", text, strides=(1,))[leads]
    found = _kinds_of_pairs().take(pairs)
    kinds[leads] = found
    found += found == 2
    for step, least in ((1, 0), (2, 0xE000), (3, 0xF000)):
        longer = pairs >= least
        if not longer.all():
            leads, pairs, found = leads[longer], pairs[longer], found[longer]
        kinds[leads + step] = found
    return kinds


@functools.cache
def _kinds_of_pairs() -> NDArray[np.uint8]:
    """The kind of a character by its first two bytes."""
    import numpy as np

    table = np.ones(1 << 16, np.uint8)
    for first, last, kind in (
        (0xC280, 0xC2BF, 0),  # signs of Latin-1
        (0xC397, 0xC397, 0),  # times
        (0xC3B7, 0xC3B7, 0),  # divided by
        (0xE0B8, 0xE0BF, 2),  # Thai, Lao, Tibetan
        (0xE180, 0xE182, 2),  # Burmese
        (0xE19E, 0xE19F, 2),  # Khmer
        (0xE280, 0xE2BF, 0),  # punctuation, arrows, mathematics, boxes
        (0xE380, 0xEDBF, 2),  # kana, Chinese, Korean
        (0xE380, 0xE380, 0),  # their punctuation
        (0xEF80, 0xEFBF, 0),  # wide punctuation, the mark of byte order
        (0xEFA4, 0xEFAB, 2),  # Chinese, compatible forms
        (0xF080, 0xF0BF, 2),  # rare Chinese
        (0xF09F, 0xF09F, 0),  # emoji
    ):
        table[first : last + 1] = kind
    return table


def _split(starts: Places, sizes: Places) -> tuple[Places, Places]:
    import numpy as np

    pieces = -(-sizes // _LONGEST)
    total = int(pieces.sum())
    nth = np.arange(total) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    starts = np.repeat(starts, pieces) + nth * _LONGEST
    return starts, np.minimum(np.repeat(sizes, pieces) - nth * _LONGEST, _LONGEST)


def _hash(text: bytes, starts: Places, sizes: Places) -> Words:
    """Hash words of 1 to _LONGEST bytes, eight at a time, whatever lies around them."""
    import numpy as np

    eights = np.ndarray((len(text) - 7,), "<u8", text.translate(_LOWER), strides=(1,))
    masks = np.array([(1 << 8 * size) - 1 for size in range(9)], np.uint64)
    mix = np.uint64(_MIX)
    out = eights[starts]
    out &= masks.take(sizes, mode="clip")
    out += sizes.astype(np.uint64)
    out *= mix
    out ^= out >> np.uint64(32)
    for done in range(8, _LONGEST, 8):
        some = np.flatnonzero(sizes > done)
        if not len(some):
            break
        more = eights[starts[some] + done] & masks.take(sizes[some] - done, mode="clip")
        more = (out[some] ^ more) * mix
        out[some] = more ^ (more >> np.uint64(29))
    return out


def grams(texts: Sequence[bytes]) -> tuple[Words, Places, Words, Places]:
    """(grams of all texts, where those of each begin, words of all texts, where in all bytes they begin).

    Between two texts lies one byte. Of the second the end is there too.
    """
    import numpy as np

    places, found = words(b"\n".join(texts))
    ends = np.cumsum([len(text) + 1 for text in texts])
    bounds = np.concatenate((np.zeros(1, np.int64), np.searchsorted(places, ends)))
    counts = np.diff(bounds)
    row, offsets, sizes = found, bounds, counts
    if len(counts) and int(counts.min()) < GRAM:  # a text of few words gets blanks behind them
        sizes = np.where(counts == 0, 0, np.maximum(counts, GRAM))
        offsets = np.concatenate((np.zeros(1, np.int64), np.cumsum(sizes)))
        row = np.zeros(int(offsets[-1]), np.uint64)
        row[np.arange(len(found)) + np.repeat(offsets[:-1] - bounds[:-1], counts)] = found
    made = row[GRAM - 1 :].copy() if len(row) >= GRAM else row[:0]
    for step in range(1, GRAM):
        made += row[GRAM - 1 - step : len(row) - step] * np.uint64(_POWERS[step])
    _scatter(made)
    totals = np.maximum(sizes - GRAM + 1, 0)
    firsts = np.concatenate((np.zeros(1, np.int64), np.cumsum(totals)))
    if len(texts) > 1:
        # The windows that reach from one text into the next are left out.
        across = np.ones(len(made), bool)
        for step in range(1, GRAM):
            cut = offsets[1:-1] - step
            across[cut[(cut >= 0) & (cut < len(made))]] = False
        made = made[across]
    return made, firsts, found, places


def _scatter(values: Words) -> None:
    """Spread what differs in a few bits over all of them, in place."""
    import numpy as np

    for factor in _ROUNDS:
        values ^= values >> np.uint64(33)
        values *= np.uint64(factor)
    values ^= values >> np.uint64(33)


def minima(made: Words, firsts: Places) -> NDArray[np.uint32]:
    """The sketches of texts, one in each column: the least gram under each permutation.

    Every text must have a gram.
    """
    import numpy as np

    values = (made >> np.uint64(32)).astype(np.uint32)
    shuffled = np.empty_like(values)
    out = np.empty((PERMUTATIONS, len(firsts) - 1), np.uint32)
    for row, factor in zip(out, _factors(), strict=True):
        np.multiply(values, factor, out=shuffled)
        np.minimum.reduceat(shuffled, firsts[:-1], out=row)
    return out


@functools.cache
def _factors() -> NDArray[np.uint32]:
    """Odd numbers: a product with one is a permutation of 32 bits."""
    import numpy as np

    made = np.arange(1, PERMUTATIONS + 1, dtype=np.uint64) * np.uint64(_MIX)
    _scatter(made)
    return (made >> np.uint64(32)).astype(np.uint32) | np.uint32(1)


def band_keys(minima: NDArray[np.uint32], bands: int, asked: Words) -> Words:
    """A key for each band of each sketch, one row a band. Where `asked` is not 0, it has to agree too."""
    import numpy as np

    rows = len(minima) // bands
    made = np.empty((bands, minima.shape[1]), np.uint64)
    for band in range(bands):
        key = asked.copy()
        for row in minima[band * rows : (band + 1) * rows]:
            key *= np.uint64(_POWERS[1])
            key += row
        made[band] = key
    _scatter(made)
    return made
