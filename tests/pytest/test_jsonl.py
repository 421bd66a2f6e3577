"""One record decoded, encoded and spliced; files and pipes cut into lines at any block border."""

from __future__ import annotations

import contextlib
import gzip
import io
import itertools
import json
import math
import os
import threading
import zlib

import orjson
import pytest
import zstandard
from afs import jsonl
from afs.logs import read as logs
from hypothesis import given
from hypothesis import strategies as st
from xxhash import xxh3_128_hexdigest

HIGH, LOW = range(0xD800, 0xDC00), range(0xDC00, 0xE000)


def _no_pairs(text):
    """Two halves side by side are one character in JSON, so such a text cannot come from a line."""
    return not any(ord(a) in HIGH and ord(b) in LOW for a, b in itertools.pairwise(text))


texts = st.text(st.characters(codec="utf-8"))
any_texts = st.text(st.characters()).filter(_no_pairs)  # lone surrogates too
numbers = st.integers(-(1 << 63), (1 << 64) - 1) | st.floats(allow_nan=False, allow_infinity=False)


def values(text):
    return st.recursive(
        st.none() | st.booleans() | numbers | text,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
        max_leaves=12,
    )


def records(text=any_texts):
    return st.dictionaries(text, values(text), max_size=5)


# --- one record ---------------------------------------------------------------------------------------


@given(values(any_texts))
def test_what_is_encoded_decodes_to_the_same(value):
    line = jsonl.encode(value)
    assert b"\n" not in line
    assert jsonl.decode(line) == value
    line.decode("utf-8")  # no half characters in the bytes


@given(records())
def test_encoding_is_json_for_the_standard_library_too(record):
    assert json.loads(jsonl.encode(record)) == record


@given(records(texts))
def test_ordinary_records_are_encoded_as_orjson_does(record):
    assert jsonl.encode(record) == orjson.dumps(record)


def test_encoding_keeps_text_as_it_is():
    record = {"b": "ü日本\u2028\u2029\x85\x0b", "a": 1}
    assert jsonl.encode(record) == '{"b":"ü日本\u2028\u2029\x85\\u000b","a":1}'.encode()


@pytest.mark.parametrize("escape", [b"\\ud83d", b"\\udfff", b"\\uDE00 \\ud83d", b"\\ude00\\ud83d"])
def test_a_lone_surrogate_survives(escape):
    line = b'{"a":"x' + escape + b'y"}'
    assert jsonl.encode(jsonl.decode(line)) == line.lower()
    assert jsonl.append_keys(line, {"b": 1}) == line[:-1] + b',"b":1}'


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"NaN", "nan"),
        (b'{"a":Infinity}', "nan"),
        (b'{"a":-Infinity}', "nan"),
        (b'{"a":1e999}', "number"),
        (b'{"a":-1e999}', "number"),
        (b"9" * 5000, "number"),
        (b'{"a":"\xff"}', "utf8"),
        (b'{"a":"\xed\xa0\xbd"}', "utf8"),
        (b'{"a":"\xf0\x9f\x98"}', "utf8"),
        (b'{"a"', "json"),
        (b"{'a':1}", "json"),
        (b'{"a":1,}', "json"),
        (b'{"a":01}', "json"),
        (b'{"a":"x\ty"}', "json"),
        (b'{"a":1} {"b":2}', "json"),
        (b'\xef\xbb\xbf{"a":1}', "json"),
        (b"", "json"),
        (b"[" * 2000 + b"]" * 2000, "depth"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "depth"),
    ],
)
def test_what_cannot_be_used_has_a_reason(line, reason):
    with pytest.raises(jsonl.Bad) as caught:
        jsonl.decode(line)
    assert caught.value.reason == reason
    assert "\n" not in caught.value.what


@given(st.text("qwxyz", min_size=4))
def test_no_message_quotes_the_data(secret):
    for line in (f'{{"{secret}', f'{{"a":{secret}}}', f'["{secret}\\q"]', f'["{secret}\t"]'):
        with pytest.raises(jsonl.Bad) as caught:
            jsonl.decode(line.encode())
        words = caught.value.what.split()
        assert secret not in words and secret.lower() not in words


def test_messages_say_where():
    with pytest.raises(jsonl.Bad, match=r"not JSON \(unterminated string starting at column 6\)"):
        jsonl.decode(b'{"a":"x')
    with pytest.raises(jsonl.Bad, match="invalid UTF-8 at byte 7"):
        jsonl.decode(b'{"a":"\xff"}')


@given(records(), records())
def test_appended_keys_come_last_and_leave_the_bytes_alone(record, pairs):
    pairs = {key: value for key, value in pairs.items() if key not in record}
    line = json.dumps(record).encode()  # escapes and spaces that encode() would not write
    longer = jsonl.append_keys(line, pairs)
    assert longer.startswith(line[:-1])
    assert json.loads(longer) == {**record, **pairs}
    assert list(json.loads(longer)) == [*record, *pairs]


@pytest.mark.parametrize(
    ("line", "longer"),
    [
        (b"{}", b'{"k":1}'),
        (b"{ }", b'{ "k":1}'),
        (b'{"a":{}}', b'{"a":{},"k":1}'),
        (b'{"a":"}"}', b'{"a":"}","k":1}'),
        (b'{"a":"{"} ', b'{"a":"{","k":1}'),
        (b'{"a":1}\r', b'{"a":1,"k":1}'),
        (b'{"a":1 }', b'{"a":1 ,"k":1}'),
        (b'{"a":1.000000000000000000000000001}', b'{"a":1.000000000000000000000000001,"k":1}'),
    ],
)
def test_keys_are_spliced_into_every_shape_of_object(line, longer):
    assert jsonl.append_keys(line, {"k": 1}) == longer
    assert jsonl.append_keys(line, {}) == line


@given(records())
def test_a_changed_record_keeps_its_other_values(record):
    line = jsonl.encode(record)
    changed = {**jsonl.decode(line), "new": "x"}
    assert jsonl.decode(jsonl.reencode(changed, line)) == changed


@pytest.mark.parametrize(
    "number",
    [
        b"18446744073709551616",
        b"-9223372036854775809",
        b"123456789012345678901234567890",
        b"0.12345678901234567890123",
        b"3.141592653589793238462643383279",
        b"1e-400",
        b"0.1000000000000000055511151231257827",
    ],
)
def test_a_number_that_does_not_survive_is_no_silent_loss(number):
    line = b'{"a":' + number + b',"b":1}'
    record = jsonl.decode(line)
    record["b"] = 2
    with pytest.raises(jsonl.Bad) as caught:
        jsonl.reencode(record, line)
    assert caught.value.reason == "number"


@pytest.mark.parametrize(
    "number",
    [b"18446744073709551615", b"-9223372036854775808", b"0.1", b"1.0", b"0.0", b"0e5", b"-0.0", b"1.50",
     b"1E5", b"0.10000000000000001", b"5e-324", b"1.7976931348623157e308", b"100000000000000000000.0"],
)  # fmt: skip
def test_a_number_that_survives_is_left_in(number):
    line = b'{"a":' + number + b',"b":0.5}'
    record = jsonl.decode(line)
    again = jsonl.decode(jsonl.reencode({**record, "b": 2}, line))
    assert again["a"] == record["a"] == json.loads(number)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_double_survives(number):
    line = json.dumps({"a": number}).encode()
    again = orjson.loads(jsonl.reencode({**jsonl.decode(line), "b": 1}, line))["a"]
    assert again == number and math.copysign(1, again) == math.copysign(1, number)


@pytest.mark.parametrize("depth", [100, 254, 255, 500, 800])
def test_deep_records_pass(depth):
    line = b'{"a":' + b"[" * depth + b"0.5" + b"]" * depth + b"}"
    record = jsonl.decode(line)
    try:
        assert jsonl.reencode(record, line) == line
    except jsonl.Bad as error:
        assert error.reason == "depth" and depth > 300


@pytest.mark.parametrize("depth", [900, 990, 1000, 1023])
def test_too_deep_is_a_reason_and_no_crash(depth):
    for inner in (b"0.5", b'"\\ud800"', b"1"):
        line = b'{"a":' + b"[" * depth + inner + b"]" * depth + b"}"
        try:
            record = jsonl.decode(line)
            assert jsonl.decode(jsonl.reencode(record, line)) == record
        except jsonl.Bad as error:
            assert error.reason == "depth"


def test_a_digest_is_32_hex_digits_of_the_bytes():
    assert jsonl.digest(b"abc") == xxh3_128_hexdigest(b"abc")
    assert len(jsonl.digest(b"")) == 32


# --- reading --------------------------------------------------------------------------------------------


@contextlib.contextmanager
def opened(path):
    fd = os.open(path, os.O_RDONLY)
    try:
        yield fd
    finally:
        os.close(fd)


def read(path, max_record=jsonl.MAX_RECORD, to_size=None):
    """([(line number, offset, bytes)], the reader, the corruption that ended it or None)."""
    found, corrupt = [], None
    with opened(path) as fd:
        reader = jsonl.Reader(fd, max_record, to_size)
        try:
            for block in reader.blocks():
                offset = reader.offset
                for number, line in enumerate(block, reader.line):
                    found.append((number, offset, line))
                    offset += len(line) + 1
        except jsonl.Corrupt as error:
            corrupt = error
    return found, reader, corrupt


def expected(data):
    """The same told by the simplest means."""
    found, offset = [], 0
    for number, line in enumerate(data.split(b"\n"), 1):
        found.append((number, offset, line))
        offset += len(line) + 1
    if not found[-1][2]:
        found.pop()
    return found


@pytest.fixture
def borders(monkeypatch):
    """Set the size of a block."""
    return lambda size: monkeypatch.setattr(jsonl, "BLOCK", size)


SHAPES = [
    b"",
    b"\n",
    b"\n\n\n",
    b"{}",
    b"{}\n",
    b'{"a":1}\n{"b":2}\n',
    b'{"a":1}\n{"b":2}',
    b'{"a":1}\r\n\r\n{"b":2}\r\n',
    b"\n\nab\n\n\ncdefgh\ni\n\n",
    '{"a":"\u2028\u2029\x85\x0b\x0c\x1c"}\n'.encode() * 3,
    b"0123456789" * 20 + b"\nx\n" + b"y" * 33,
]


@pytest.mark.parametrize("data", SHAPES)
@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress], ids=["plain", "gzip", "zstd"])
def test_lines_are_the_same_at_every_border(data, pack, tmp_path, borders):
    path = tmp_path / "in"
    path.write_bytes(pack(data))
    for size in [*range(1, 40), 1 << 17]:
        borders(size)
        found, reader, corrupt = read(path)
        assert found == expected(data), size
        assert corrupt is None and not reader.overlong
        assert reader.torn == (not data.endswith(b"\n") and data != b"")
        assert reader.taken == path.stat().st_size
        assert list(jsonl.lines(str(path))) == [(number, line) for number, _, line in expected(data)]


@given(
    st.lists(st.binary(max_size=12).map(lambda line: line.replace(b"\n", b"")), max_size=12),
    st.booleans(),
    st.integers(1, 30),
    st.integers(1, 14),
)
def test_a_limit_passes_over_the_lines_beyond_it_and_no_other(tmp_path_factory, lines, ended, size, most):
    data = b"\n".join(lines) + (b"\n" if ended and lines else b"")
    if data[:4] in (b"\x28\xb5\x2f\xfd",) or data[:3] in (b"\x1f\x8b\x08", b"\xef\xbb\xbf"):
        return
    path = tmp_path_factory.getbasetemp() / "limit"
    path.write_bytes(data)
    before, jsonl.BLOCK = jsonl.BLOCK, size
    try:
        found, reader, _ = read(path, max_record=most)
    finally:
        jsonl.BLOCK = before
    everything = expected(data)
    assert found == [row for row in everything if len(row[2]) <= most]
    assert reader.overlong == [
        (number, offset, len(line), xxh3_128_hexdigest(line))
        for number, offset, line in everything
        if len(line) > most
    ]


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress], ids=["plain", "gzip", "zstd"])
def test_an_overlong_line_is_passed_over_in_any_packing(pack, tmp_path):
    lines = [b"x" * 10, b"y" * (3 << 20), b"", b"z" * 100, b"w" * (2 << 20), b"last"]
    path = tmp_path / "in"
    path.write_bytes(pack(b"\n".join(lines)))
    for most in (4, 10, 99, 100, 1 << 20, (2 << 20) - 1, 2 << 20, 3 << 20):
        found, reader, _ = read(path, max_record=most)
        assert [line for _, _, line in found] == [line for line in lines if len(line) <= most]
        assert [(n, size) for n, _, size, _ in reader.overlong] == [
            (n, len(line)) for n, line in enumerate(lines, 1) if len(line) > most
        ]


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress], ids=["plain", "gzip", "zstd"])
def test_a_byte_order_mark_is_no_part_of_the_first_line(pack, tmp_path, borders):
    path = tmp_path / "in"
    path.write_bytes(pack(b'\xef\xbb\xbf{"a":1}\n{"b":2}\n'))
    for size in (1, 2, 3, 5, 100):
        borders(size)
        found, _, _ = read(path)
        assert found == [(1, 3, b'{"a":1}'), (2, 11, b'{"b":2}')]
    path.write_bytes(pack(b"\xef\xbb\xbf"))
    assert read(path)[0] == []


def test_reading_ends_at_the_size_that_was_given(tmp_path, borders):
    path = tmp_path / "log"
    path.write_bytes(b"one\ntwo\nthr")
    for size in (1, 3, 100):
        borders(size)
        found, reader, _ = read(path, to_size=6)
        assert [line for _, _, line in found] == [b"one", b"tw"]
        assert reader.torn
    assert read(path, to_size=0)[0] == []


def test_a_pipe_that_gives_a_byte_at_a_time(borders):
    data = b'{"a":1}\n\n{"b":2}'
    front, back = os.pipe()

    def feed():
        for byte in data:
            os.write(back, bytes([byte]))
        os.close(back)

    feeder = threading.Thread(target=feed)
    feeder.start()
    lines = [line for block in jsonl.Reader(front).blocks() for line in block]
    feeder.join()
    os.close(front)
    assert lines == [b'{"a":1}', b"", b'{"b":2}']


def test_a_pipe_left_in_non_blocking_mode(borders):
    front, back = os.pipe()
    os.set_blocking(front, False)
    timer = threading.Timer(0.2, lambda: (os.write(back, b"late\n"), os.close(back)))
    timer.start()
    lines = [line for block in jsonl.Reader(front).blocks() for line in block]
    timer.join()
    os.close(front)
    assert lines == [b"late"]


def test_no_descriptor_is_left_open(tmp_path):
    path = tmp_path / "in"
    path.write_bytes(b"a\nb\n")
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else None
    for _ in range(20):
        rows = jsonl.lines(str(path))
        next(rows)
        rows.close()
    if before is not None:
        assert len(os.listdir("/proc/self/fd")) == before


# --- compressed input --------------------------------------------------------------------------------


LINES = b"".join(b'{"n":%d,"text":"%d"}\n' % (n, n * n) for n in range(40))
WHOLE = {"gzip": gzip.compress(LINES, mtime=0), "zstd": zstandard.ZstdCompressor().compress(LINES)}


@pytest.mark.parametrize("kind", WHOLE)
def test_every_truncation_gives_only_whole_lines_and_says_so(kind, tmp_path):
    whole = WHOLE[kind]
    everything = [line for _, _, line in expected(LINES)]
    path = tmp_path / "in"
    for cut in range(4, len(whole)):
        path.write_bytes(whole[:cut])
        found, _, corrupt = read(path)
        lines = [line for _, _, line in found]
        assert lines == everything[: len(lines)], cut
        assert corrupt is not None and "too early" in str(corrupt), cut
    for cut in range(1, 4):  # too short to be told from text: never taken for an empty file
        path.write_bytes(whole[:cut])
        found, _, corrupt = read(path)
        assert corrupt is not None or [line for _, _, line in found] == [whole[:cut]]


@pytest.mark.parametrize("kind", WHOLE)
def test_a_changed_byte_never_gives_other_lines_silently(kind, tmp_path):
    whole = zstandard.ZstdCompressor(write_checksum=True).compress(LINES) if kind == "zstd" else WHOLE[kind]
    path = tmp_path / "in"
    for at in range(len(whole)):
        if kind == "gzip" and 3 < at < 10:
            continue  # time, flags and system of the header: no part of the content
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        found, _, corrupt = read(path)
        lines = [line for _, _, line in found]
        assert corrupt is not None or at < 4 or lines == [line for _, _, line in expected(LINES)], at


@pytest.mark.parametrize("kind", WHOLE)
def test_members_follow_each_other(kind, tmp_path, borders):
    pack = gzip.compress if kind == "gzip" else zstandard.compress
    parts = [b"a\nb", b"c\n", b"", b"d\n" * 5, b"e"]
    path = tmp_path / "in"
    path.write_bytes(b"".join(map(pack, parts)))
    for size in (1, 2, 7, 50, 1 << 17):
        borders(size)
        found, _, corrupt = read(path)
        assert corrupt is None
        assert [line for _, _, line in found] == b"".join(parts).split(b"\n")


def test_zeros_behind_gzip_are_padding_and_anything_else_is_damage(tmp_path):
    path = tmp_path / "in"
    one = gzip.compress(b"a\n")
    path.write_bytes(one + bytes(1000))
    assert ([line for _, _, line in read(path)[0]], read(path)[2]) == ([b"a"], None)
    path.write_bytes(one + bytes(5) + one)
    assert [line for _, _, line in read(path)[0]] == [b"a", b"a"]
    for rest in (b"garbage", b"\0\0garbage", b"\x1f", one[:5]):
        path.write_bytes(one + rest)
        found, _, corrupt = read(path)
        assert [line for _, _, line in found] == [b"a"]
        assert corrupt is not None


def test_anything_behind_a_zstd_frame_is_damage(tmp_path):
    path = tmp_path / "in"
    one = zstandard.compress(b"a\n")
    skippable = b"\x50\x2a\x4d\x18" + (3).to_bytes(4, "little") + b"abc"
    path.write_bytes(one + skippable + one)
    assert [line for _, _, line in read(path)[0]] == [b"a", b"a"]
    for rest in (b"garbage", bytes(10), one[:5]):
        path.write_bytes(one + rest)
        found, _, corrupt = read(path)
        assert [line for _, _, line in found] == [b"a"]
        assert corrupt is not None


def test_a_window_that_takes_too_much_memory_is_refused(tmp_path):
    """The head asks for 2 GB of window before a byte of content has come."""
    path = tmp_path / "in"
    path.write_bytes(b"\x28\xb5\x2f\xfd\x00" + bytes([(31 - 10) << 3]) + b"\x11\x00\x00a\n" + bytes(20))
    assert "window is over 128 MB" in str(read(path)[2])


def test_a_stream_without_its_size_is_read(tmp_path):
    path = tmp_path / "in"
    sink = io.BytesIO()
    with zstandard.ZstdCompressor().stream_writer(sink, closefd=False) as press:
        for _ in range(1000):
            press.write(b'{"a":"b"}\n')
    path.write_bytes(sink.getvalue())
    assert len(read(path)[0]) == 1000
    machine = zlib.compressobj(9, zlib.DEFLATED, 31)
    path.write_bytes(machine.compress(b"x" * (1 << 20)) + machine.flush())
    assert read(path)[0][0][2] == b"x" * (1 << 20)


# --- logs, which others write while they are read ------------------------------------------------------


def read_log(path):
    noted = []
    found = list(logs.records(str(path), lambda *what: noted.append((what[0], *what[2:]))))
    return found, noted


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress], ids=["plain", "gzip", "zstd"])
def test_a_log_gives_its_objects_and_names_the_rest(pack, tmp_path, borders):
    path = tmp_path / "log"
    path.write_bytes(pack(b'{"a":1}\n\nnot json\n[1]\n{"b":"\\ud800"}\r\n{"c":NaN}\n{"d":"\xff"}\n{"to'))
    for size in (1, 5, 1000):
        borders(size)
        found, noted = read_log(path)
        assert found == [(1, {"a": 1}), (5, {"b": "\ud800"})]
        assert noted == [
            ("bad", 3, "json"),
            ("bad", 4, "not-object"),
            ("bad", 6, "nan"),
            ("bad", 7, "utf8"),
            ("torn", 8, "json"),
        ]


def test_a_whole_last_line_needs_no_newline(tmp_path):
    (tmp_path / "log").write_bytes(b'{"a":1}\n{"b":2}')
    assert read_log(tmp_path / "log") == ([(1, {"a": 1}), (2, {"b": 2})], [])


def test_a_log_that_grows_ends_where_it_ended_when_it_was_opened(tmp_path, borders):
    path = tmp_path / "log"
    path.write_bytes(b'{"a":1}\n{"b":2}\n')
    borders(8)
    rows = logs.records(str(path), lambda *what: pytest.fail(f"{what}"))
    assert next(rows) == (1, {"a": 1})
    with path.open("ab") as file:
        file.write(b'{"c":3}\n' * 1000)
    assert list(rows) == [(2, {"b": 2})]


def test_a_log_that_ends_in_the_middle_of_its_packing_is_bad(tmp_path):
    path = tmp_path / "log"
    path.write_bytes(zstandard.compress(b'{"a":1}\n' * 5)[:-4])
    found, noted = read_log(path)
    assert [(what[0], what[2]) for what in noted] == [("bad", "the Zstandard data ends too early")]
    assert len(found) < 6
    path.write_bytes(gzip.compress(b'{"a":1}\n{"b":2}\n')[:-9])
    found, noted = read_log(path)
    assert [(what[0], what[2]) for what in noted] == [("bad", "the gzip data ends too early")]


def test_a_log_of_no_bytes_and_one_that_is_not_there(tmp_path):
    (tmp_path / "log").write_bytes(b"")
    assert read_log(tmp_path / "log") == ([], [])
    with pytest.raises(FileNotFoundError):
        read_log(tmp_path / "none")
