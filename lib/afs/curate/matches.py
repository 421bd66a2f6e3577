"""What makes two samples the same, and which of the same stays: keys, groups of equal keys, states."""

from __future__ import annotations

from afs import jsonl, sample
from afs.curate.places import FIRST, MIDDLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray

    from afs.curate.sorting import Numbers, Sorter

    State = NDArray[np.uint8]
    Key = Callable[[Mapping[str, Any]], int]

# What becomes of a record, and the words for it.
KEPT, DUPLICATE, CONTINUED, NEAR, REFERENCE, WITHDRAWN = range(6)
WORDS = ("kept", "duplicate", "continued", "near", "reference", "withdrawn")
_LOW = (1 << 64) - 1
_LAST = 1 << 32


def id_key(record: Mapping[str, Any]) -> int:
    """128 bits of the sample_id. Raises KeyError or AttributeError where there is none."""
    from xxhash import xxh3_128_intdigest

    name = record["sample_id"]
    if not name:
        raise KeyError("sample_id")
    return int(xxh3_128_intdigest(name.encode("utf-8", "surrogatepass")))


def is_withdrawn(line: bytes) -> bool:
    """Whether an exporter wrote this record to take a sample back."""
    if b'"withdrawn"' not in line:
        return False
    record = jsonl.decode(line)
    metadata = record.get("_metadata")
    flags = metadata.get("flags") if isinstance(metadata, dict) else None
    return isinstance(flags, list) and "withdrawn" in flags and not record.get("output")


def beginnings(record: Mapping[str, Any]) -> list[int]:
    """128 bits of every beginning of a conversation, the shortest first and the whole of it last.

    A sample without messages is a question and its answer. Reasoning and ids of calls do not count. Raises
    KeyError, TypeError or AttributeError for what is no sample.
    """
    from xxhash import xxh3_128

    messages: Sequence[Mapping[str, Any]] = record.get("messages") or ()
    if not messages:
        context, question = record.get("input"), record["instruction"]
        asked = f"{question}\n\n{context}" if question and context else question or context or ""
        messages = ({"role": "user", "content": asked}, {"role": "assistant", "content": record["output"]})
    mark, found = xxh3_128(), []
    for message in messages:
        texts = [message["role"], message["content"]]
        for call in message.get("tool_calls") or ():
            texts += ("call", call["function"]["name"], call["function"]["arguments"])
        lengths = ",".join([str(len(text)) for text in texts])
        mark.update("\0".join((lengths, *texts, "")).encode("utf-8", "surrogatepass"))
        found.append(mark.intdigest())
    return found


def add_keys(keys: Sorter, record: Mapping[str, Any], number: int, rank: int, by: str) -> None:
    """Put the rows of a record by which it meets others: key, length turned round, rank, number, whole.

    Raises KeyError, TypeError or AttributeError for a record that has no key, and spool.Full.
    """
    if by != "conversation":
        key = sample.content_key(record) if by == "content" else id_key(record)
        keys.row(key >> 64, key & _LOW, _LAST, rank, number, 1)
        return
    found = beginnings(record)
    length = _LAST - len(found)
    for key in found[:-1]:
        keys.row(key >> 64, key & _LOW, length, rank, number, 0)
    keys.row(found[-1] >> 64, found[-1] & _LOW, length, rank, number, 1)


def settle(keys: Sorter, state: State) -> Iterator[Numbers]:
    """Decide on the records that have the key of another: tables of (number, number of the one that stays).

    Of a group the longest stays, of these the one of the lowest rank. All that meet under a key begin with
    the same messages, so the longest of them has no longer one, and stays.
    """
    import numpy as np

    last: tuple[int, int] | None = None
    head, length, rank = 0, 0, 1
    for block in keys.blocks():
        new = np.ones(len(block), bool)
        new[1:] = (block[1:, 0] != block[:-1, 0]) | (block[1:, 1] != block[:-1, 1])
        new[0] = last != (int(block[0, 0]), int(block[0, 1]))
        first = np.maximum.accumulate(np.where(new, np.arange(len(block)), -1))
        before = first < 0
        heads = np.where(before, np.uint64(head), block[first, 4])
        lengths = np.where(before, np.uint64(length), block[first, 2])
        ranks = np.where(before, np.uint64(rank), block[first, 3])
        last = (int(block[-1, 0]), int(block[-1, 1]))
        head, length, rank = int(heads[-1]), int(lengths[-1]), int(ranks[-1])
        gone = (block[:, 5] == 1) & (heads != block[:, 4]) & (block[:, 3] != FIRST)
        if gone.any():
            numbers = block[gone, 4]
            kind = np.where(lengths[gone] == block[gone, 2], DUPLICATE, CONTINUED)
            state[numbers] = np.where(ranks[gone] == FIRST, REFERENCE, kind)
            yield np.stack((numbers, heads[gone]), axis=1)


def ranker(keep: str) -> Callable[[Mapping[str, Any], int], int]:
    """What gives the rank of the record that came as number n: of the same the lowest rank stays.

    `keep` is first, last, longest or best:FIELD, the field a path with dots; a record without a number
    there comes behind those that have one.
    """
    if keep == "first":
        return lambda record, number: MIDDLE
    if keep == "last":
        return lambda record, number: MIDDLE - number
    if keep == "longest":
        return lambda record, number: MIDDLE - length_of(record)
    path = keep.partition(":")[2].split(".")

    def best(record: Mapping[str, Any], number: int) -> int:
        value: Any = record
        for key in path:
            value = value.get(key) if type(value) is dict else None
        if type(value) not in (int, float):
            return _LOW
        return _descending(value)

    return best


def length_of(record: Mapping[str, Any]) -> int:
    """Characters of question, context, answer and messages."""
    texts = [record.get("instruction"), record.get("input"), record.get("output")]
    messages = record.get("messages")
    if type(messages) is list:
        texts += [message.get("content") for message in messages if type(message) is dict]
    return sum(len(text) for text in texts if type(text) is str)


def _descending(value: float) -> int:
    """A number of 64 bits that is the lower, the higher the value is; neither the first nor the last."""
    from struct import pack, unpack

    try:
        bits = int(unpack("<Q", pack("<d", value or 0.0))[0])
    except OverflowError:  # an integer that no double holds
        return 1 if value > 0 else _LOW - 1
    return _LOW - (bits ^ (_LOW if bits >> 63 else 1 << 63))
