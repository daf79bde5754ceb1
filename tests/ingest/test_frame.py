"""The frame against a slow reference of another build, and against the csv module, at every block size."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from typing import NamedTuple, cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ecograph.ingest.frame import REASONS, Framer, Records
from ecograph.ingest.transcode import TextStream

LINES = {True: re.compile(rb"[^\r\n]*(?:\r\n|\r|\n|\Z)"), False: re.compile(rb"[^\n]*(?:\n|\Z)")}
PIECES = [b'"', b'"', b'""', b",", b",", b"\n", b"\r", b"\r\n", b"a", b"bc", b" ", b"\0", b"\xc3\xa9",
          b"\xf0\x9f\x9b\xb5", b"\xff", b"\xef\xbb\xbf", b'"x\n', b'","', b'"\r\n', b"long" * 9]  # fmt: skip
texts = st.lists(st.sampled_from(PIECES), max_size=60).map(b"".join)
blocks = st.one_of(st.integers(16, 80), st.integers(80, 4000))


class Found(NamedTuple):
    start: int
    line: int
    fields: int
    reason: str | None
    text: bytes


class Memory:
    """A stream of bytes already in UTF-8."""

    name, encoding, mark = "memory", "utf-8", 0

    def __init__(self, data: bytes) -> None:
        self._data, self.reads = data, 0

    def read(self, size: int) -> bytes:
        self.reads += 1
        taken, self._data = self._data[:size], self._data[size:]
        return taken


def framed(
    data: bytes, width: int, block: int, lone: bool = False, *, lines: int = 100, cell: int = 65536, record: int = 10**6
) -> list[Found]:
    framer = Framer(cast(TextStream, Memory(data)), ",", '"', lines, cell)
    framer.lone_cr = lone
    return [found for records in framer.blocks(block, width, record) for found in _found(records)]


def _found(records: Records) -> Iterator[Found]:
    for i in range(len(records)):
        text = records.text[records.start[i] : records.stop[i]]
        reason = REASONS.get(int(records.why[i]))
        yield Found(int(records.offset[i]), int(records.line[i]), int(records.fields[i]), reason, text)


def reference(
    data: bytes, width: int, lone: bool = False, *, lines: int = 100, cell: int = 65536, record: int = 10**6
) -> list[Found]:
    """Cut into physical lines first; then one character at a time, with the state in words."""
    line_starts = [m.start() for m in LINES[lone].finditer(data) if m.start() < len(data)]
    found, at = [], 0
    while at < len(line_starts):
        start = pos = line_starts[at]
        last, state, fields, reason_inside, reason = at, "at the start of a cell", 1, None, None
        opened = opened_line = -1
        while True:
            c = data[pos : pos + 1]
            ends = c in (b"", b"\n") or (c == b"\r" and (lone or data[pos + 1 : pos + 2] in (b"", b"\n")))
            if state == "in quotes":
                if pos - opened > cell or c == b"":
                    reason = "quote never closed"
                    break
                if c == b'"':
                    state, pos = "after a quote", pos + 1
                elif ends:
                    last += 1
                    if last - opened_line >= lines:
                        reason = "quote never closed"
                        break
                    pos = line_starts[last] if last < len(line_starts) else len(data)
                else:
                    pos += 1
                continue
            if state == "after a quote" and c == b'"':
                state, pos = "in quotes", pos + 1
                continue
            if pos - start > record:
                reason = "line too long"
                break
            if ends:
                break
            if c == b",":
                state, pos, fields = "at the start of a cell", pos + 1, fields + 1
                continue
            if state == "at the start of a cell" and c == b'"':
                state, pos, opened, opened_line = "in quotes", pos + 1, pos + 1, last
                continue
            if c == b"\r":
                reason_inside = reason_inside or "stray carriage return"
            elif state == "after a quote":
                reason_inside = reason_inside or "stray quote"
            state, pos = "in plain text", pos + 1
        number = at + 1
        if reason:
            first = LINES[lone].match(data, start)
            assert first
            stop = start + len(re.sub(rb"(\r\n|\n|\r)\Z", b"", first[0])) if last > at else pos
            at += 1
        else:
            stop, at = pos, last + 1
            if stop == start and width != 1:
                reason = "blank line"
            elif reason_inside:
                reason = reason_inside
            elif fields != width:
                reason = "too few fields" if fields < width else "too many fields"
        found.append(Found(start, number, fields, reason, data[start:stop]))
    while found and found[-1].reason == "blank line":
        found.pop()
    return found


@given(texts, st.integers(1, 4), blocks, st.booleans(), st.integers(1, 4), st.integers(1, 40), st.integers(1, 90))
@example(b'a,"b\n' + b"c\n" * 5, 2, 16, False, 3, 40, 90)
@example(b'"' + b'""' * 30 + b'",x\n1,2\n', 2, 16, True, 9, 40, 90)
@example(b'\r",""x\n', 1, 16, False, 9, 40, 90)
@example(b'a,b\r\n"c\r', 2, 16, False, 9, 40, 90)
def test_any_bytes_frame_as_the_reference_says_at_any_block_size(
    data: bytes, width: int, block: int, lone: bool, lines: int, cell: int, record: int
) -> None:
    assert framed(data, width, block, lone, lines=lines, cell=cell, record=record) == reference(
        data, width, lone, lines=lines, cell=cell, record=record
    )
    assert framed(data, width, block, lone) == reference(data, width, lone)


@pytest.mark.parametrize("block", range(16, 90))
def test_no_block_end_is_special(block: int) -> None:
    data = b'a,"b""c""",d\r\n"e\r\nf\rg\n\n""",h,i\r\r\n1,2,3\n"x"y,2,3\n,"",\n"\r\n",\r\n\n'
    data += b'4,"5,""",6\n7,8\n9\r,10,11\n9,10,"never\nclosed,1,2\n'
    for lone in (False, True):
        assert framed(data, 3, block, lone) == reference(data, 3, lone)
    assert [f.reason for f in framed(data, 3, block)].count(None) == 5


def test_a_quote_at_a_block_end_waits_for_the_next_byte() -> None:
    data = b'"' + b"x" * 20 + b'""' + b"y" * 40 + b'"\n1,2\n'
    for block in range(16, 70):
        found = framed(data, 2, block, cell=40, record=10)
        assert found == reference(data, 2, cell=40, record=10)
        assert [f.reason for f in found] == ["quote never closed", None]


cells = st.text(st.sampled_from('ab ",;\r\n\0é🛵\t1'), max_size=8)


@given(
    st.integers(1, 4).flatmap(lambda w: st.lists(st.lists(cells, min_size=w, max_size=w), min_size=1, max_size=12)),
    st.sampled_from(["\n", "\r\n", "\r"]), st.booleans(), blocks,
)  # fmt: skip
def test_what_the_csv_module_writes_is_framed_whole(
    rows: list[list[str]], end: str, everything: bool, block: int
) -> None:
    # Before Python 3.13 its writer leaves a CR or LF bare unless the line end it was given holds it.
    bare = end != "\r\n" and any(c in cell for row in rows for cell in row for c in "\r\n")
    out = io.StringIO()
    csv.writer(out, lineterminator=end, quoting=csv.QUOTE_ALL if everything or bare else csv.QUOTE_MINIMAL).writerows(
        rows
    )
    found = framed(out.getvalue().encode(), len(rows[0]), block, end == "\r")
    assert [f.reason for f in found] == [None] * len(rows)
    assert [next(csv.reader(io.StringIO(f.text.decode(), newline=""))) for f in found] == rows


@pytest.mark.parametrize("block", [16, 17, 1000, 1 << 20])
@pytest.mark.parametrize(("lines", "good"), [(100, True), (101, False)])
def test_a_quoted_cell_may_span_a_hundred_lines(block: int, lines: int, good: bool) -> None:
    data = b'1,"' + b"x\n" * (lines - 1) + b'"\n2,y\n'
    found = framed(data, 2, block)
    assert [f.reason for f in found][:2] == ([None, None] if good else ["quote never closed", "too few fields"])
    assert (found[0].line, found[-1].line) == (1, lines + 1)
    assert found[0].text == (data[: data.rindex(b"\n2")] if good else b'1,"x')
    assert found[-1].text == b"2,y"


@pytest.mark.parametrize("block", [16, 4096, 1 << 20])
@pytest.mark.parametrize(("size", "good"), [(65536, True), (65537, False)])
def test_a_quoted_cell_may_hold_64_kib(block: int, size: int, good: bool) -> None:
    data = b'1,"' + b"x" * size + b'"\n2,y\n'
    found = framed(data, 2, block)
    assert [(f.line, f.reason) for f in found] == [(1, None if good else "quote never closed"), (2, None)]
    assert found[1].start == len(data) - 4


def test_reading_goes_on_at_the_line_after_one_that_is_too_long() -> None:
    data = b"1,2\n" + b"x" * 1000 + b"\r\n3,4"
    for block in (16, 33, 5000):
        assert [f.reason for f in framed(data, 2, block, record=100)] == [None, "line too long", None]
        assert framed(data, 2, block, record=100)[-1] == Found(1006, 3, 2, None, b"3,4")


def test_a_block_grows_only_for_a_record_longer_than_it() -> None:
    data = b"1,2\n" * 5000 + b'"' + b"x" * 5000 + b'",2\n' + b"1,2\n" * 5000
    framer = Framer(cast(TextStream, Memory(data)), ",", '"', 100, 65536)
    sizes = [len(records.text) for records in framer.blocks(64, 2, 10**6)]
    assert max(sizes) < 2 * 5010 + 64
    assert sorted(sizes)[len(sizes) // 2] < 2 * 64
    stream = Memory(b'"' + b"x" * 60000 + b'"')
    assert len(list(Framer(cast(TextStream, stream), ",", '"', 100, 65536).blocks(16, 1, 10**6))) == 1
    assert stream.reads < 20  # doubled each time, or a long record would be framed again for every 16 bytes


def test_blank_lines_at_the_end_are_left_out_up_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ecograph.ingest.frame._BLANKS", 5)
    monkeypatch.setattr("ecograph.ingest.frame._RECORDS", 7)
    for blanks in range(20):
        for block in (16, 19, 1000):
            found = framed(b"1,2\n\n3,4\n" + b"\n" * blanks, 2, block)
            assert [f.reason for f in found] == [None, "blank line", None] + ["blank line"] * max(0, blanks - 5)
            assert [f.line for f in found] == list(range(1, len(found) + 1))


def test_quotes_and_delimiters_may_be_none() -> None:
    framer = Framer(cast(TextStream, Memory(b'"a,b\n"\xe2\x80\x9c","\n')), None, None, 100, 65536)
    (records,) = framer.blocks(64, -1, 1000)
    assert records.raw(0) == '"a,b'
    assert records.fields.tolist() == [1, 1]


def test_a_bare_carriage_return_never_shortens_a_cell() -> None:
    found = framed(b'1,foo\rbar\n2,baz\r\n\r\n3,"qu\rux"\n4,x\r', 2, 16)
    assert [f.reason for f in found] == ["stray carriage return", None, "blank line", None, None]
    assert [f.line for f in found] == [1, 2, 3, 4, 5]
    assert [f.line for f in framed(b"1,foo\r2,baz\r\n3,x", 2, 16, lone=True)] == [1, 2, 3]
