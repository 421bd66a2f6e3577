"""Messages without their schema: what is written is read, and hostile bytes cost no more than themselves."""

from __future__ import annotations

import struct
import time

import pytest
from afs.logs.antigravity.protobuf import DEPTH, Bad, Budget, Message, Spent, fields, strings
from hypothesis import given
from hypothesis import strategies as st
from write_antigravity_db import message, put, varint

NUMBERS = st.integers(1, (1 << 29) - 1)
VALUES = st.one_of(st.integers(0, (1 << 64) - 1), st.binary(max_size=300))


@given(st.lists(st.tuples(NUMBERS, VALUES), max_size=40))
def test_what_is_written_is_read(rows):
    data = b"".join(put(number, value) for number, value in rows)
    assert list(fields(data)) == rows
    assert list(fields(memoryview(data))) == rows


@given(st.binary(max_size=400))
def test_any_bytes_are_fields_or_bad(data):
    try:
        assert sum(len(value) for _, value in fields(data) if isinstance(value, bytes)) <= len(data)
        list(strings(data))
    except Bad:
        pass


def test_fixed_widths_and_groups_are_read_over():
    group = (
        varint(9 << 3 | 3) + put(1, "inside") + varint(2 << 3 | 3) + varint(2 << 3 | 4) + varint(9 << 3 | 4)
    )
    data = put(1, 7) + b"\x11" + struct.pack("<d", 1.5) + group + b"\x1d" + b"abcd" + put(4, "end")
    assert list(fields(data)) == [(1, 7), (4, b"end")]


@pytest.mark.parametrize(
    "data",
    [
        b"\x08",  # a number that does not come
        b"\x08" + b"\xff" * 9 + b"\x02",  # 65 bits
        b"\x08" + b"\x80" * 10 + b"\x00",  # eleven bytes
        b"\x0a\x05abcd",  # longer than what is left
        b"\x0a" + b"\xff" * 9 + b"\x01" + b"x",  # a length of 2^64 - 1
        b"\x00\x01",  # field 0
        varint((1 << 29) << 3) + b"\x01",  # a number that no field has
        b"\x0e",
        b"\x0f",  # types that do not exist
        b"\x0b\x08\x01",  # a group without an end
        b"\x0c",  # an end without a group
        b"\x0b\x14",  # the end of another group
        b"\x09abcdefg",
        b"\x0dabc",  # cut fixed widths
        b"\x0b" * 33 + b"\x0c" * 33,
    ],
)
def test_bytes_that_are_no_message(data):
    with pytest.raises(Bad):
        list(fields(data))


def test_the_widest_numbers():
    assert list(fields(put(1, (1 << 64) - 1))) == [(1, (1 << 64) - 1)]
    assert list(fields(b"\x08" + b"\x81" + b"\x80" * 8 + b"\x00")) == [(1, 1)]  # longer than it need be


def test_absent_fields_and_those_of_another_type_are_empty():
    told = Message(put(1, 5) + put(2, "text") + put(3, b"") + put(2, "last"))
    assert (told.number(1), told.number(2), told.number(9)) == (5, 0, 0)
    assert (told.text(2), told.text(1), told.text(9), told.text(9, 9, 1)) == ("last", "", "", "")
    assert told.texts(2) == ["text", "last"]
    assert told.message(7, 8).number(1) == 0 and told.messages(1) == []
    assert 1 in told and 9 not in told


def test_parts_of_one_message_are_put_together():
    data = put(1, put(1, "a") + put(2, "b")) + put(1, put(2, "c") + put(3, 4))
    told = Message(data).message(1)
    assert (told.text(1), told.text(2), told.number(3)) == ("a", "c", 4)
    assert [part.text(2) for part in Message(data).messages(1)] == ["b", "c"]


def test_packed_and_single_numbers():
    assert Message(put(2, 1) + put(2, varint(300) + varint(2)) + put(2, 4)).numbers(2) == [1, 300, 2, 4]
    with pytest.raises(Bad):
        Message(put(2, b"\x80")).numbers(2)


def test_text_is_utf8_or_an_error():
    assert Message(put(1, "déjà vu 🙂")).text(1) == "déjà vu 🙂"
    for data in (b"d\xe9j\xe0", b"\xc0\x80", b"\xed\xa0\x80", "é".encode()[:1]):
        with pytest.raises(Bad, match="UTF-8"):
            Message(put(1, data)).text(1)


def test_nesting_is_bounded():
    data = b""
    for _ in range(DEPTH + 5):
        data = put(1, data)
    told = Message(data)
    with pytest.raises(Bad, match="depth"):
        told.message(*[1] * (DEPTH + 1))


def test_the_number_of_fields_is_bounded_over_all_messages():
    with pytest.raises(Spent):
        list(fields(put(1, 1) * 5, Budget(4)))
    told = Message(put(1, put(2, 1) * 3), Budget(6))
    assert told.message(1).number(2) == 1
    with pytest.raises(Spent):
        told.message(1)


@pytest.mark.parametrize("kind", ["wide", "deep", "tree", "digits"])
def test_hostile_messages_cost_little(kind):
    if kind == "wide":
        data = b"\x08\x01" * (3 << 20)
    elif kind == "deep":
        data = b"x" * (1 << 20)
        for _ in range(3000):
            data = put(1, data)
    elif kind == "tree":
        data = b"\x08\x01"
        for _ in range(DEPTH):
            data = put(1, data) * 2 if len(data) < 4 << 20 else put(1, data)
    else:
        data = put(1, b"\x0a" * (1 << 20))
    started = time.process_time()
    try:
        list(strings(data))
    except Bad:
        pass
    assert time.process_time() - started < 8


def test_the_texts_of_a_message_of_which_nothing_is_known():
    long = "The command completed.\n\tOutput: größe 🙂 " * 9
    told = {1: 8, 14: {1: "file:///w/main.py", 4: long, 9: {3: [{1: 7, 2: "inner"}]}}, 5: {1: "meta"}}
    assert list(strings(message(told), frozenset((5,)))) == ["file:///w/main.py", long, "inner"]
    assert list(strings(put(1, bytes(range(40))))) == []


@given(st.text(min_size=40).filter(lambda text: all(c >= " " and c != "\x7f" for c in text)))
def test_any_text_of_some_length_is_found(text):
    """A message of one text may be taken for text; both are most of the bytes."""
    for data in (put(9, text), put(9, put(1, text)), put(3, put(2, put(1, text)) + put(3, 5))):
        found = list(strings(data))
        assert sum(len(one.encode()) for one in found) * 2 >= len(text.encode())


WORDS = st.sampled_from(("the", "parser", "drops", "last", "row", "of", "größe", "文件", "a.b(c)=1"))


@given(st.lists(WORDS, min_size=8))
def test_prose_is_found_whole(words):
    text = " ".join(words)
    assert list(strings(put(4, put(2, put(1, text)) + put(3, 5)))) == [text]
