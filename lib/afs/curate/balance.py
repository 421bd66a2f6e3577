"""How many records each group should have, and which.

Whole numbers are dealt by the largest remainder. A group that has too few gives its shortfall to the others
in the ratio of their weights (as water fills vessels), so sizes are exact to one record wherever the data
allow it.
"""

from __future__ import annotations

from afs.curate.rows import Rows

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from fractions import Fraction

    import numpy as np
    from numpy.typing import NDArray

_TOP = (1 << 64) - 1
_SCORES = (1 << 32) - 2


def pairs(texts: Sequence[str]) -> dict[str, Fraction]:
    """The numbers of texts such as 'a=2,b=.5', by name. A comma that no `=` follows is part of a name.

    Raises ValueError for what is no number, negative or not finite, and for a name that comes twice.
    """
    from fractions import Fraction

    found: dict[str, Fraction] = {}
    for text in texts:
        held = ""
        for piece in text.split(","):
            name, sign, number = (held + piece).rpartition("=")
            if not sign:
                held = f"{name}{number},"
                continue
            held = ""
            try:
                rough = float(number)
            except ValueError:
                rough = float("nan")
            if not abs(rough) < float("inf"):
                raise ValueError(f"'{name}={number}' needs a number behind the =")
            if rough < 0:
                raise ValueError(f"'{name}={number}' is negative")
            value = Fraction(number) if rough else Fraction(0)  # 1e-999999999 would take years
            if name in found:
                raise ValueError(f"'{name}' is named twice")
            found[name] = value
        if held:
            raise ValueError(f"'{held[:-1]}' has no =NUMBER")
    if not sum(found.values()):
        raise ValueError("the numbers sum to 0")
    return found


def whole(weights: Sequence[Fraction]) -> list[int]:
    """Whole numbers in the same ratio."""
    from math import lcm

    common = lcm(*(weight.denominator for weight in weights)) if weights else 1
    return [weight.numerator * (common // weight.denominator) for weight in weights]


def targets(names: Sequence[str], counts: Sequence[int], asked: Mapping[str, Fraction]) -> list[int]:
    """Weights by which the groups of `asked` get those shares of the whole, the others the rest as they are.

    Raises ValueError for shares of more than 1.
    """
    from fractions import Fraction

    rest = 1 - sum(asked.values(), Fraction(0))
    if rest < 0:
        raise ValueError("the shares are more than 1")
    others = sum(count for name, count in zip(names, counts, strict=True) if name not in asked)
    return whole(
        [
            asked[name] if name in asked else rest * Fraction(count, others)
            for name, count in zip(names, counts, strict=True)
        ]
    )


def tempered(counts: Sequence[int], temperature: float) -> list[int]:
    """Weights of count to the power 1/temperature: at 1 as the data are, at infinity all equal."""
    from fractions import Fraction

    if temperature == 1:
        return list(counts)
    top = max(counts, default=1)
    return whole([Fraction((count / top) ** (1 / temperature)) for count in counts])


def natural_size(weights: Sequence[int], counts: Sequence[int], caps: Sequence[int]) -> int:
    """The most records in the ratio of the weights with no group over its cap, and none needlessly repeated.

    Nothing is gained by repeating once the group with most to give has given everything.
    """
    total = sum(weights)
    known = [row for row in zip(weights, counts, caps, strict=True) if row[0]]
    if not known:
        return 0
    fits = min(cap * total // weight for weight, _, cap in known)
    return min(fits, max(-(-count * total // weight) for weight, count, _ in known))


def allot(weights: Sequence[int], caps: Sequence[int], size: int) -> list[int]:
    """Whole numbers in the ratio of the weights that sum to `size`, or to the caps where those are less.

    None is over its cap: what one cannot take the others get. Remainders that are equal go in order.
    """
    given = [0] * len(weights)
    left = size
    free = [at for at, weight in enumerate(weights) if weight]
    total = sum(weights)
    while full := [at for at in free if left * weights[at] >= caps[at] * total]:
        for at in full:
            given[at] = caps[at]
            left -= caps[at]
            total -= weights[at]
        gone = set(full)
        free = [at for at in free if at not in gone]
    rests = []
    for at in free:
        given[at], rest = divmod(left * weights[at], total)
        rests.append((-rest, at))
    for _, at in sorted(rests)[: left - sum(given[at] for at in free)] if free else ():
        given[at] += 1
    return given


def score_key(score: float | None, chance: int) -> int:
    """A key by which better scores come first and none last; equal ones (to 2**-32) by chance."""
    rank = _SCORES - round(score * _SCORES) if score is not None else _SCORES + 1
    return rank << 32 | chance >> 32


def cuts(rows: Rows, counts: Sequence[int], take: Sequence[int], most: int) -> tuple[list[int], list[int]]:
    """By group the key up to which `take` of its records have the smallest, and how many with that key.

    The rows are (group from 1, key). At most about `most` of them are held at a time.
    """
    cut, ties = [0] * len(counts), [0] * len(counts)
    if not any(take):
        return cut, ties
    import numpy as np

    for low, end in _stretches(counts, take, most):
        if end - low == 1 and counts[low] > most:
            cut[low], ties[low] = _cut_of_many(rows, low, take[low], most)
            continue
        held = [chunk[(chunk[:, 0] > low) & (chunk[:, 0] <= end)] for _, chunk in rows.chunks()]
        table = np.concatenate(held)
        order = np.lexsort((table[:, 1], table[:, 0]))
        group, key = table[order, 0], table[order, 1]
        start = np.searchsorted(group, np.arange(low + 1, end + 1, dtype=np.uint64))
        for at, first in zip(range(low, end), start.tolist(), strict=True):
            if take[at]:
                cut[at] = int(key[first + take[at] - 1])
                ties[at] = take[at] - int(
                    np.searchsorted(key[first : first + counts[at]], key.dtype.type(cut[at]))
                )
    return cut, ties


def _stretches(counts: Sequence[int], take: Sequence[int], most: int) -> Iterator[tuple[int, int]]:
    """Neighbouring groups of which together at most `most` records are looked at."""
    low, size = 0, 0
    for at, count in enumerate(counts):
        if not take[at]:
            count = 0
        if size and size + count > most:
            yield low, at
            low, size = at, 0
        size += count
    if size:
        yield low, len(counts)


def _cut_of_many(rows: Rows, group: int, take: int, most: int) -> tuple[int, int]:
    """The same for one group of too many: 16 bits of the key at a time until what is left can be held."""
    import numpy as np

    low, shift, before = 0, 64, 0
    while shift:
        shift -= 16
        found = np.zeros(1 << 16, np.int64)
        for key in _keys(rows, group, low, low + (1 << shift + 16) - 1):
            found += np.bincount(
                ((key - np.uint64(low)) >> np.uint64(shift)).astype(np.intp), minlength=1 << 16
            )
        upto = np.cumsum(found)
        step = int(np.searchsorted(upto, take - before))
        before += int(upto[step] - found[step])
        low += step << shift
        if found[step] <= most:
            break
    keys = np.sort(np.concatenate(list(_keys(rows, group, low, low + (1 << shift) - 1)))) if shift else None
    cut = int(keys[take - before - 1]) if keys is not None else low
    return cut, take - before - (int(np.searchsorted(keys, keys.dtype.type(cut))) if keys is not None else 0)


def _keys(rows: Rows, group: int, low: int, last: int) -> Iterator[NDArray[np.uint64]]:
    for _, chunk in rows.chunks():
        yield chunk[(chunk[:, 0] == group + 1) & (chunk[:, 1] >= low) & (chunk[:, 1] <= last), 1]


def copies(rows: Rows, every: Sequence[int], cut: Sequence[int], ties: Sequence[int]) -> Iterator[int]:
    """How often the record of every row is written: as all of its group, and once more up to the cut.

    -1 for a row that is no record; `every` may have other negative numbers.
    """
    if not rows.count:
        return
    import numpy as np

    base = np.array([-1, *every], np.int64)
    bound = np.array([0, *cut], np.uint64)
    left = [0, *ties]
    for _, chunk in rows.chunks():
        group = chunk[:, 0].astype(np.intp)
        number = base[group] + ((group > 0) & (chunk[:, 1] < bound[group]))
        for at in np.flatnonzero(chunk[:, 1] == bound[group]).tolist():
            home = int(group[at])
            if left[home]:
                left[home] -= 1
                number[at] += 1
        yield from number.tolist()
