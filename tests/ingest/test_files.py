"""Each case that docs/data.md decides about files, one test a case."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pytest

from ecograph.errors import SourceError
from ecograph.ingest.quarantine import brief, quarantine
from ecograph.ingest.source import Dialect, columns, read, resolve


def put(path: Path, data: bytes | str) -> Path:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def rows(source: Any, dialect: Dialect | None = None, wanted: Any = None) -> tuple[list[Any], list[Any]]:
    """Good rows; and of the bad ones line, column, reason."""
    (one,) = resolve(source)
    batches = list(read(one, dialect or Dialect(), wanted))
    bad = pl.concat([batch.bad for batch in batches]).select("line", "column", "reason").rows()
    return [row for batch in batches for row in batch.frame.rows()], bad


def refusal(source: Any, dialect: Dialect | None = None) -> str:
    with pytest.raises(SourceError) as caught:
        rows(source, dialect)
    assert len(str(caught.value)) < 700
    assert caught.value.hint
    return str(caught.value)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "log.csv"


# --- headers -----------------------------------------------------------------------------------------------------


def test_header_cells_without_a_name_are_numbered(file: Path) -> None:
    (source,) = resolve(put(file, ',"two, words",\n1,2,3\n'))
    assert list(columns(source, Dialect())) == ["column_1", "two, words", "column_3"]


def test_names_used_twice_are_refused(file: Path) -> None:
    assert "more than one column is called 'a'" in refusal(put(file, "a,b,a\n1,2,3\n"))
    assert "more than one column is called 'column_2'" in refusal(put(file, "column_2,\n1,2\n"))


def test_a_header_alone_gives_no_rows_and_its_columns(file: Path) -> None:
    (source,) = resolve(put(file, "a,b\n"))
    (batch,) = read(source, Dialect(), ["b"])
    assert batch.frame.schema == {"b": pl.String()}
    assert (batch.frame.height, batch.framed) == (0, 0)


@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf", b"\n\r\n\n", gzip.compress(b"", mtime=0)])
def test_a_file_with_nothing_in_it_is_refused(file: Path, data: bytes) -> None:
    assert "is empty" in refusal(put(file, data)) or "no record" in refusal(file)


def test_blank_lines_above_the_header_are_passed_over(file: Path) -> None:
    assert rows(put(file, "\n\r\na,b\n\n1,2\n\n\n")) == ([("1", "2")], [(4, None, "blank line")])


def test_rows_that_all_disagree_with_the_header_mean_a_wrong_header(file: Path) -> None:
    text = refusal(put(file, "driver,amount\n" + "1,d1,5\n" * 3))
    assert "header names 2 column(s), but the rows have 3 field(s)" in text
    assert rows(put(file, "a,b\n1,2,3\n1,2,3\n1,2\n"))[1] == [
        (2, None, "too many fields"),
        (3, None, "too many fields"),
    ]


def test_a_header_that_cannot_be_read_is_refused(file: Path) -> None:
    assert "quote never closed" in refusal(put(file, 'a,"b\n1,2\n'))
    assert "stray quote" in refusal(put(file, '"a"x,b\n1,2\n'))
    assert "isn't valid UTF-8" in refusal(put(file, b"caf\xe9,b\n1,2\n"))
    assert "no whole record" in refusal(put(file, "x" * (1 << 26)))


def test_without_a_header(file: Path) -> None:
    put(file, "1,2\n3,4\n")
    assert rows(file, Dialect(header=False), ["column_2"]) == ([("2",), ("4",)], [])
    assert rows(file, Dialect(header=False, columns=("a", "b")), ["b", "a"]) == ([("2", "1"), ("4", "3")], [])
    assert rows(file, Dialect(header=False, columns=("a", "b", "c")))[1][0] == (1, None, "too few fields")
    assert "more than one" in refusal(file, Dialect(header=False, columns=("a", "a")))
    with pytest.raises(SourceError, match="without a header"):
        Dialect(columns=("a", "b"))


def test_a_column_that_is_not_there(file: Path) -> None:
    with pytest.raises(SourceError, match="no column 'drivr'") as caught:
        rows(put(file, "driver,b\n1,2\n"), wanted=["drivr"])
    assert caught.value.hint == "it has 'driver', ..."


# --- rows --------------------------------------------------------------------------------------------------------


def test_every_reason(file: Path) -> None:
    bad = ["1", "1,2,3", '"1"x,2', "", "1,\r2", '"1,2']
    assert rows(put(file, 'a,b\n1,5" pipe\n'))[0] == [("1", '5" pipe')]
    good, found = rows(put(file, "a,b\n" + "\n".join(bad) + "\n1,2\n"))
    assert good == [("1", "2")]
    reasons = ["too few fields", "too many fields", "stray quote", "blank line", "stray carriage return",
               "quote never closed"]  # fmt: skip
    assert found == [(line, None, reason) for line, reason in enumerate(reasons, start=2)]


def test_a_cell_that_is_not_utf8_sets_its_row_aside_and_is_named(file: Path) -> None:
    put(file, b"a,b,c\n1,\xff,\xfe\n\xc3\xa9,2,3\n1,2,\xed\xa0\x80\n")
    assert rows(file) == ([("é", "2", "3")], [(2, "b", "not valid UTF-8"), (4, "c", "not valid UTF-8")])
    assert rows(file, wanted=["c", "a"])[1] == [(2, "c", "not valid UTF-8"), (4, "c", "not valid UTF-8")]
    assert rows(file, wanted=["a"]) == ([("1",), ("é",), ("1",)], [])
    (batch,) = read(resolve(file)[0], Dialect(), None)
    assert batch.bad["raw"].to_list() == ["1,�,�", "1,2,���"]
    assert (batch.line.tolist(), batch.offset.tolist()) == ([3], [12])
    assert batch.raw(np.array([0])) == ["é,2,3"]


def test_nul_and_a_second_mark_are_text(file: Path) -> None:
    assert rows(put(file, b"a,b\n\xef\xbb\xbf1,\0\n"))[0] == [("\ufeff1", "\0")]


def test_in_one_column_a_blank_line_is_an_empty_cell(file: Path) -> None:
    assert rows(put(file, "a\n1\n\n\n2\n\n")) == ([("1",), ("",), ("",), ("2",), ("",)], [])


def test_lone_carriage_returns_end_lines_where_the_header_ends_in_one(file: Path) -> None:
    assert rows(put(file, 'a,b\r1,"2\r3"\r"x,5\r\r6,7\r')) == (
        [("1", "2\r3"), ("6", "7")],
        [(4, None, "quote never closed"), (5, None, "blank line")],
    )
    # With the bad record taken out, a CR and an LF stand together that aren't one line end.
    assert rows(put(file, 'a\r1\r"x"y\n\n2\r')) == ([("1",), ("",), ("2",)], [(3, None, "stray quote")])


def test_quarantine_cuts_raw_text(file: Path) -> None:
    (batch,) = read(resolve(put(file, "a,b\n" + "é" * 900 + "\n"))[0], Dialect(), None)
    assert batch.bad["raw"].to_list() == ["é" * 500]
    assert quarantine("s", [1], [0], None, ["x" * 501], "r")["raw"].to_list() == ["x" * 500]


@pytest.mark.parametrize("drops", [True, False])
def test_where_parser_and_frame_disagree_the_record_at_fault_is_set_aside(
    file: Path, monkeypatch: pytest.MonkeyPatch, drops: bool
) -> None:
    true_parser = pyarrow.csv.read_csv

    def odd(data: pa.BufferReader, *options: Any) -> pa.Table:
        text = data.read()
        if b"poison" in text and not drops:
            raise pa.ArrowInvalid("x" * 1000)
        return true_parser(io.BytesIO(text.replace(b"poison,1\n", b"")), *options)

    monkeypatch.setattr(pyarrow.csv, "read_csv", odd)
    put(file, "a,b\n" + "1,2\n" * 10 + "poison,1\n" + "3,4\n" * 4 + "poison,1\n")
    good, bad = rows(file)
    assert good == [("1", "2")] * 10 + [("3", "4")] * 4
    assert bad == [(12, None, "not parsed"), (17, None, "not parsed")]


# --- encodings and gzip ------------------------------------------------------------------------------------------


ENCODINGS = {"cp1252": "é", "latin-1": "é", "cp500": "é", "shift_jis": "日本", "gb18030": "日本", "utf-16-le": "日🛵",
             "utf-16-be": "日🛵", "utf-32-le": "日🛵"}  # fmt: skip


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_encodings_by_name(file: Path, encoding: str) -> None:
    cell = ENCODINGS[encoding]
    stored = f"a,b\n{cell},1\n{cell},2\n".encode(encoding)
    (batch,) = read(resolve(put(file, stored))[0], Dialect(encoding=encoding), None)
    assert batch.frame.rows() == [(cell, "1"), (cell, "2")]
    if encoding in ("shift_jis", "gb18030"):
        assert batch.offset.tolist() == [-1, -1]
    else:
        assert [stored[at:].decode(encoding) for at in batch.offset] == [f"{cell},1\n{cell},2\n", f"{cell},2\n"]


def test_what_does_not_decode_sets_its_row_aside(file: Path) -> None:
    half = "a,b\n1,2\n".encode("utf-16-le") + b"\x00\xd8" + ",2\n5,6\n".encode("utf-16-le")
    assert rows(put(file, b"\xff\xfe" + half)) == ([("1", "2"), ("5", "6")], [(3, "a", "not valid UTF-16-LE")])
    assert rows(put(file, b"\xff\xfe" + half + b"7"))[1][-1] == (5, None, "too few fields")
    assert rows(put(file, b"a,b\n1,\x81\n"), Dialect(encoding="cp1252")) == ([], [(2, "b", "not valid CP1252")])
    assert rows(put(file, b"a,b\n1,\xe9\n"), Dialect(encoding="ascii")) == ([], [(2, "b", "not valid ASCII")])


def test_marks_and_names_that_disagree(file: Path) -> None:
    put(file, "a,b\n1,2\n".encode("utf-8-sig"))
    assert rows(file, Dialect(encoding="utf-8")) == ([("1", "2")], [])
    assert "mark of utf-8" in refusal(file, Dialect(encoding="cp1252"))
    assert "begins with zero bytes" in refusal(put(file, "a,b\n1,2\n".encode("utf-16-le")))
    for name in ("utf-99", "hex", "idna", "punycode", "undefined", "x\0y", "rot13"):
        with pytest.raises(SourceError, match="isn't an encoding"):
            Dialect(encoding=name)


@pytest.mark.parametrize("mark", [";;", "", "é", "\n", "\0"])
def test_delimiters_and_quotes_are_one_ascii_character(mark: str) -> None:
    with pytest.raises(SourceError, match="one ASCII character"):
        Dialect(delimiter=mark)
    with pytest.raises(SourceError, match="one ASCII character"):
        Dialect(quote=mark)
    with pytest.raises(SourceError, match="both"):
        Dialect(delimiter='"')


def test_gzip_cut_anywhere_says_how_much_could_be_read(tmp_path: Path) -> None:
    text = ("a,b\n" + "".join(f"{i},{i * i}\n" for i in range(300))).encode()
    packed = gzip.compress(text)
    for cut in range(20, len(packed), 97):
        found = refusal(put(tmp_path / "cut.csv.gz", packed[:cut]))
        readable = zlib.decompressobj(31).decompress(packed[:cut])
        assert f"after {len(readable):,} bytes could be read" in found
        assert "gzip -dc" in found
    flat = gzip.compress(bytes(3 << 20))
    for cut in range(len(flat) - 60, len(flat) - 8, 7):
        readable = zlib.decompressobj(31).decompress(flat[:cut])
        assert f"after {len(readable):,} bytes could be read" in refusal(put(tmp_path / "flat.csv.gz", flat[:cut]))
    broken = bytearray(packed)
    broken[-6] ^= 255
    assert "damaged gzip" in refusal(put(tmp_path / "crc.csv.gz", bytes(broken)))
    assert "damaged gzip" in refusal(put(tmp_path / "tail.csv.gz", packed + b"not gzip"))


# --- what isn't a table ------------------------------------------------------------------------------------------


def _zipped(*names: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return out.getvalue()


STRANGERS = {
    "an Excel workbook": (_zipped("[Content_Types].xml", "xl/workbook.xml"), "CSV UTF-8"),
    "an OpenDocument file": (_zipped("mimetype", "content.xml"), "CSV UTF-8"),
    "a zip archive of 2 file(s), such as 'a.csv'": (_zipped("a.csv", "b.csv"), "unzip"),
    "a zip archive.": (b"PK\3\4 cut", "unzip"),
    "a PDF": (b"%PDF-1.7", "export"),
    "an old Excel workbook": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "CSV UTF-8"),
    "HTML or XML": (b"\xef\xbb\xbf \n<!DOCTYPE html><html>", "login page"),
    "HTML or XML,": ("\ufeff<html>".encode("utf-16-le"), "login page"),
    "compressed by zstd": (b"\x28\xb5\x2f\xfd", "zstd -d"),
    "compressed by bzip2": (b"BZh9", "bunzip2"),
    "a tar archive": (bytes(257) + b"ustar", "tar -xf"),
    "gzip inside gzip": (gzip.compress(gzip.compress(b"x")), "gzip -dc"),
    "Parquet or Arrow inside gzip": (gzip.compress(b"PAR1"), "gzip -dk"),
    "a zip archive": (gzip.compress(b"PK\3\4"), "unzip"),
    "an SQLite database": (b"SQLite format 3\0", "sqlite3"),
}


@pytest.mark.parametrize("what", STRANGERS)
@pytest.mark.parametrize("suffix", [".csv", ".ndjson", ".xlsx", ""])
def test_what_is_not_a_table_is_known_by_its_first_bytes(tmp_path: Path, what: str, suffix: str) -> None:
    data, way_out = STRANGERS[what]
    text = refusal(put(tmp_path / f"file{suffix}", data))
    assert what in text
    assert way_out in text


def test_names_that_promise_what_the_bytes_do_not_hold(tmp_path: Path) -> None:
    for name in ("a.parquet", "a.arrow"):
        assert "doesn't begin as" in refusal(put(tmp_path / name, "a,b\n1,2\n"))
    assert "JSON but not JSON lines" in refusal(put(tmp_path / "a.json", '[{"a": 1}]'))
    assert "jq -c" in refusal(put(tmp_path / "a.ndjson", '[\n{"a": 1}\n]'.replace("\n", "")))


# --- NDJSON ------------------------------------------------------------------------------------------------------


def test_json_values_keep_what_was_written(tmp_path: Path) -> None:
    lines = ['{"a": 12345678901234567890, "b": 1.10}', '{"b": "é\\u0000", "c": [1.0, {"d": null}]}',
             '{"a": false, "b": null, "c": 1E400}']  # fmt: skip
    path = put(tmp_path / "a.ndjson", "\n".join(lines))
    good, bad = rows(path)
    assert good == [
        ("12345678901234567890", "1.10", None),
        (None, "é\0", '[1.0,{"d":null}]'),
        ("false", None, "1E400"),
    ]
    assert bad == []
    assert rows(path, wanted=["c", "nowhere"])[0] == [(None, None), ('[1.0,{"d":null}]', None), ("1E400", None)]


def test_json_lines_that_are_bad(tmp_path: Path) -> None:
    lines = [b'{"a": 1}', b"{", b"[1]", b'{"a": 1, "a": 2}', b'{"a": NaN}', b'{"a": "\xff"}', b'{"a": "\\ud800"}', b"",
             b"[" * 10**5, b'{"a": 1} {"a": 2}', b'{"a": "\\ud83d\\ude00"}']  # fmt: skip
    good, bad = rows(put(tmp_path / "a.ndjson", b"\n".join(lines)))
    assert good == [("1",), ("😀",)]
    assert bad == [
        (2, None, "not valid JSON"), (3, None, "not a JSON object"), (4, None, "a key is given twice"),
        (5, None, "not valid JSON"), (6, None, "not valid UTF-8"), (7, "a", "half a surrogate pair"),
        (8, None, "blank line"), (9, None, "not valid JSON"), (10, None, "not valid JSON"),
    ]  # fmt: skip


# --- columnar ----------------------------------------------------------------------------------------------------


def test_columns_keep_their_types(tmp_path: Path) -> None:
    frame = pl.DataFrame({"n": [1, None], "f": [0.5, float("nan")], "l": [[1], None], "s.t": ["x", None]})
    frame = frame.with_columns(
        pl.Series("d", ["1.10", None]).str.to_decimal(scale=2), t=pl.datetime(2020, 1, 1, time_zone="UTC")
    )
    frame.write_parquet(tmp_path / "a.parquet")
    frame.write_ipc(tmp_path / "a.arrow", compression="zstd")
    for source in (tmp_path / "a.parquet", tmp_path / "a.arrow", frame, frame.lazy(), frame.to_arrow()):
        (one,) = resolve(source)
        (batch,) = read(one, Dialect(), None)
        assert columns(one, Dialect()) == batch.frame.schema == frame.schema
        assert batch.frame.equals(frame)
        (batch,) = read(one, Dialect(), ["s.t", "n"])
        assert batch.frame.equals(frame.select("s.t", "n"))
        assert batch.raw(np.array([1]))[0].startswith("{")


def test_bytes_that_are_not_text_set_their_row_aside(tmp_path: Path) -> None:
    table = pa.table({"a": pa.array([b"x", b"\xff", None]), "n": [1, 2, 3]})
    # Arrow itself lets a string column hold any bytes.
    valid, offsets, data = table["a"].chunk(0).buffers()
    lying = table.set_column(0, "a", pa.StringArray.from_buffers(3, offsets, data, valid))
    for source in (table, lying, pl.DataFrame(table)):
        assert rows(source) == ([("x", 1), (None, 3)], [(2, "a", "not valid UTF-8")])
        (batch,) = read(resolve(source)[0], Dialect(), None)
        assert batch.bad["raw"].to_list() == ['{"a": "�", "n": 2}']


def test_columnar_sources_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pl.DataFrame({"a": [1]}).write_parquet(path)
    assert "can't be read" in refusal(put(path, path.read_bytes()[:-5]))
    twice = pa.table([pa.array([1]), pa.array([2])], names=["a", "a"])
    assert "more than one column is called 'a'" in refusal(twice)
    assert "can't be read" in refusal(pl.LazyFrame({"a": ["x"]}).select(pl.col("a").cast(pl.Int64)))
    with pytest.raises(SourceError, match="no columns"):
        rows(pl.DataFrame())


def test_a_stream_is_read_once(tmp_path: Path) -> None:
    table = pa.table({"a": [1, 2]})
    (once,) = resolve(pa.RecordBatchReader.from_batches(table.schema, table.to_batches()))
    assert sum(batch.frame.height for batch in read(once, Dialect(), None)) == 2
    with pytest.raises(SourceError, match="was read already"):
        list(read(once, Dialect(), None))
    (again,) = resolve(table)
    for _ in range(2):
        assert sum(batch.frame.height for batch in read(again, Dialect(), None)) == 2


def test_an_arrow_stream_that_fails_midway(tmp_path: Path) -> None:
    def batches() -> Iterator[pa.RecordBatch]:
        yield pa.record_batch({"a": [1]})
        raise ValueError("row " + "secret " * 10**5)

    schema = pa.schema({"a": pa.int64()})
    text = refusal(pa.RecordBatchReader.from_batches(schema, batches()))
    assert len(text) < 400


def test_a_librarys_words_are_cut_and_kept_to_one_line() -> None:
    assert brief("a\n\x1b[31m b" + "x" * 10**6).startswith("a [31m bxxx")
    assert len(brief("x" * 10**6)) == 203
