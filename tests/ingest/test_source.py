"""Every way in gives the same rows; every file that can't be read gets an answer; no row is lost."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ecograph.errors import SourceError
from ecograph.ingest.quarantine import QUARANTINE
from ecograph.ingest.source import Batch, Dialect, columns, read, resolve

ROWS = "driver,customer,amount\nd1,c1,10\nd2,c2,0012\nd1,c2,1.50\n"
TABLE = pl.DataFrame({"driver": ["d1", "d2", "d1"], "customer": ["c1", "c2", "c2"], "amount": ["10", "0012", "1.50"]})


def everything(
    source: Any, dialect: Dialect | None = None, wanted: Any = None, block: int = 1 << 20, format: str | None = None
) -> Batch:
    """All batches as one, checked on the way: framed = good + quarantined, and each row at its place."""
    batches = [
        batch
        for one in resolve(source, format=format)
        for batch in read(one, dialect or Dialect(), wanted, block_bytes=block)
    ]  # fmt: skip
    assert all(b.framed == b.frame.height + b.bad.height and b.bad.schema == QUARANTINE for b in batches)
    raws = [text for b in batches for text in b.raw(np.arange(b.frame.height))]
    return Batch(
        pl.concat([b.frame for b in batches]), np.concatenate([b.line for b in batches]),
        np.concatenate([b.offset for b in batches]), lambda rows: [raws[row] for row in rows],
        pl.concat([b.bad for b in batches]), batches[0].source, sum(b.framed for b in batches),
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("sources")


def put(path: Path, data: bytes | str) -> str:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return str(path)


def refused(source: Any, *, says: str, way_out: str, format: str | None = None) -> None:
    with pytest.raises(SourceError, match=says) as caught:
        everything(source, format=format)
    assert way_out in str(caught.value.hint)
    assert len(str(caught.value)) < 700


# --- the same rows whatever the way in ---------------------------------------------------------------------------


def test_text_comes_as_text(tmp_path: Path) -> None:
    got = everything(put(tmp_path / "a.csv", ROWS))
    assert got.frame.equals(TABLE)
    assert got.line.tolist() == [2, 3, 4]
    assert got.offset.tolist() == [23, 32, 43]
    assert got.raw(np.array([2, 0])) == ["d1,c2,1.50", "d1,c1,10"]
    assert everything(str(tmp_path / "a.csv"), wanted=["amount", "driver"]).frame.equals(TABLE[["amount", "driver"]])
    assert columns(resolve(tmp_path / "a.csv")[0], Dialect()) == dict.fromkeys(TABLE.columns, pl.String())


def test_every_way_in_gives_the_same_rows(tmp_path: Path) -> None:
    lines = "".join(json.dumps(row) + "\n" for row in TABLE.to_dicts())
    TABLE.write_parquet(tmp_path / "a.parquet")
    TABLE.write_ipc(tmp_path / "a.arrow")
    TABLE.write_ipc_stream(tmp_path / "b.ipc")
    (tmp_path / "parquet.csv").write_bytes((tmp_path / "a.parquet").read_bytes())
    plain, table = ROWS.encode(), TABLE.to_arrow()
    sources: list[Any] = [
        put(tmp_path / "a.csv", ROWS), put(tmp_path / "a.TSV", ROWS.replace(",", "\t")),
        put(tmp_path / "a.csv.gz", gzip.compress(plain)), put(tmp_path / "gz.csv", gzip.compress(plain)),
        put(tmp_path / "two.csv.gz", gzip.compress(plain[:30]) + gzip.compress(plain[30:]) + bytes(512)),
        put(tmp_path / "plain.csv.gz", ROWS), put(tmp_path / "a.ndjson", lines),
        put(tmp_path / "a.jsonl.gz", gzip.compress(lines.encode())), put(tmp_path / "a.json", lines),
        tmp_path / "a.parquet", tmp_path / "parquet.csv", tmp_path / "a.arrow", tmp_path / "b.ipc",
        TABLE, TABLE.lazy(), table, TABLE.cast(pl.Categorical), TABLE.cast(pl.Categorical).to_arrow(),
        TABLE.select(pl.all().cast(pl.Binary)),
        pa.RecordBatchReader.from_batches(table.schema, table.to_batches()),
    ]  # fmt: skip
    for source in sources:
        for block in (16, 1 << 20):
            if isinstance(source, pa.RecordBatchReader) and block > 16:
                continue
            got = everything(source, block=block)
            assert got.frame.equals(TABLE), source
            assert (got.framed, got.frame.schema) == (3, TABLE.schema)
            assert got.line.tolist() == ([2, 3, 4] if got.offset[0] > 0 else [1, 2, 3])


def test_a_list_and_a_glob(tmp_path: Path) -> None:
    names = "abcefghijklmnop"
    for name in reversed(names):
        put(tmp_path / f"{name}.csv", f"x,y\n{name},1\n")
    (tmp_path / "d.csv").mkdir()
    assert everything(f"{tmp_path}/*.csv").frame["x"].to_list() == list(names)
    frame = pl.DataFrame({"x": ["frame"], "y": ["1"]})
    assert everything([tmp_path / "c.csv", frame, tmp_path / "a.csv"]).frame["x"].to_list() == ["c", "frame", "a"]
    refused([f"{tmp_path}/*.csv", tmp_path / "a.csv"], says="given twice", way_out="counted twice")
    refused(f"{tmp_path}/*.tsv", says="no file matches", way_out="working folder")
    refused(tmp_path / "d.csv", says="isn't a file", way_out="d.csv/*.csv")
    refused(tmp_path / "aa.csv", says="there is no file", way_out="a.csv")
    refused([], says="is empty", way_out="at least one")
    refused(7, says="a int isn't a source", way_out="__arrow_c_stream__")
    refused("https://example.org/a.csv", says="address", way_out="curl")
    refused(put(tmp_path / "a.txt", ROWS), says="can't tell", way_out="format=")
    assert everything(tmp_path / "a.txt", format="csv").frame.equals(TABLE)
    refused(tmp_path / "a.txt", format="xls", says="no format", way_out="csv")


def test_hash_size_and_progress(tmp_path: Path) -> None:
    for data in (ROWS.encode() * 4000, gzip.compress(ROWS.encode() * 4000)):
        (source,) = resolve(put(tmp_path / "a.csv", data))
        ticks: list[float] = []
        for _ in read(source, Dialect(), None, block_bytes=1000, progress=ticks.append):
            pass
        assert ticks == sorted(ticks)
        assert ticks[-1] == source.nbytes == len(data)
        assert source.sha256() == source.digest == hashlib.sha256(data).hexdigest()
    TABLE.write_parquet(tmp_path / "a.parquet")
    (source,) = resolve(tmp_path / "a.parquet")
    ticks.clear()
    list(read(source, Dialect(), None, progress=ticks.append))
    assert ticks[-1] == source.nbytes
    assert source.sha256() == hashlib.sha256((tmp_path / "a.parquet").read_bytes()).hexdigest()
    assert resolve(TABLE)[0].sha256() is None


# --- fuzz ----------------------------------------------------------------------------------------------------------

PIECES = [b'"', b'"', b'""', b",", b",", b",", b"\n", b"\n", b"\r", b"\r\n", b"a", b"bc", b"\0", b"\xc3\xa9", b"\xff",
          b"\xe2\x82", b"\xef\xbb\xbf", b'"x,y"', b"1,2,3\n", b"1,2,3\n"]  # fmt: skip
garbage = st.lists(st.sampled_from(PIECES), max_size=50).map(b"".join)
blocks = st.one_of(st.integers(16, 60), st.integers(60, 3000))


def outcome(path: str, dialect: Dialect, block: int) -> Any:
    try:
        got = everything(path, dialect, block=block)
    except SourceError as error:
        return str(error)
    raws = got.raw(np.arange(got.frame.height))
    return got.frame.rows(), got.line.tolist(), got.offset.tolist(), raws, got.bad.rows(), got.framed


@example(b"\0\0", True, 16, "a\n")
@given(garbage, st.booleans(), blocks, st.sampled_from(["a,b,c\n", "a,b,c\r\n", "a,b,c\r", "a\n"]))
def test_random_bytes_end_in_rows_and_quarantine(
    folder: Path, data: bytes, header: bool, block: int, head: str
) -> None:
    path = put(folder / "fuzz.csv", (head.encode() if header else b"") + data)
    dialect = Dialect(header=header, max_cell_lines=3, max_cell_bytes=30)
    got = outcome(path, dialect, 1 << 20)
    assert outcome(path, dialect, block) == got
    if isinstance(got, str):
        legitimate = ["but the rows have", *([] if header else ["no record", "no whole record", "is empty"])]
        assert any(phrase in got for phrase in legitimate)
        return
    rows, _, _, raws, _, _ = got
    for row, raw in zip(rows, raws, strict=True):  # each cell is what the csv module sees in its record
        assert next(csv.reader(io.StringIO(raw, newline="")), [""]) == list(row)


cells = st.text(st.sampled_from("ab \",;\r\n\0é🛵\t1'"), max_size=8)
tables = st.integers(1, 4).flatmap(lambda w: st.lists(st.lists(cells, min_size=w, max_size=w), min_size=1))
ENCODINGS = {"utf-8": b"", "utf-8-sig": b"", "utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff",
             "utf-32-le": b"\xff\xfe\0\0", "utf-32-be": b"\0\0\xfe\xff"}  # fmt: skip


@given(tables, st.sampled_from(sorted(ENCODINGS)), st.sampled_from([",", ";", "\t"]), st.booleans(), blocks)
def test_well_formed_files_equal_what_the_csv_module_read(
    folder: Path, rows: list[list[str]], encoding: str, delimiter: str, quoted: bool, block: int
) -> None:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL)
    writer.writerows([[f"k{i}" for i in range(len(rows[0]))], *rows])
    stored = ENCODINGS[encoding] + out.getvalue().encode(encoding)
    got = everything(put(folder / "good.csv", stored), Dialect(delimiter=delimiter), block=block)
    assert [list(row) for row in got.frame.rows()] == rows
    assert got.bad.height == 0
    plain = encoding.removesuffix("-sig")
    for offset, raw in zip(got.offset.tolist(), got.raw(np.arange(len(rows))), strict=True):
        assert stored[offset:].decode(plain).startswith(raw)


LINES = ['{"a": 1}', '{"a": "x", "b": [1.0, {"c": null}]}', '{"a": 1, "a": 2}', "[1]", '{"a": "\\ud800"}', '{"a": NaN}',
         "", "{", '{"a"\r: 12345678901234567890.10}', "[" * 3000]  # fmt: skip


@given(garbage, st.lists(st.sampled_from(LINES), max_size=8), blocks)
def test_ndjson_lines_are_read_or_set_aside(folder: Path, data: bytes, lines: list[str], block: int) -> None:
    body = b'{"a": 0}\n' + b"\n".join([*(line.encode() for line in lines), data, b'{"a": true}'])
    path = put(folder / "fuzz.ndjson", body)
    got = outcome(path, Dialect(), block)
    assert got == outcome(path, Dialect(), 1 << 20)
    assert got[5] == body.count(b"\n") + 1
    assert set(got[1]) | {row[1] for row in got[4]} == set(range(1, got[5] + 1))


FRAME = pl.DataFrame({"id": ["é", None, "x"] * 20, "n": range(60), "f": [0.5] * 60})
packed = {
    "csv.gz": gzip.compress(FRAME.write_csv().encode()),
    "ndjson.gz": gzip.compress(FRAME.write_ndjson().encode()),
}
kinds = ["parquet", "ipc", *packed]


@given(st.integers(0, 3000), st.integers(0, 255), st.booleans(), st.sampled_from(kinds))
def test_damaged_files_never_end_in_a_traceback(folder: Path, at: int, byte: int, cut: bool, kind: str) -> None:
    whole = io.BytesIO(packed.get(kind, b""))
    if kind == "parquet":
        FRAME.write_parquet(whole)
    elif kind == "ipc":
        FRAME.write_ipc(whole)
    data = whole.getvalue()
    at %= len(data)
    said = ""
    try:
        got = everything(put(folder / f"damaged.{kind}", data[:at] + (b"" if cut else bytes([byte]) + data[at + 1 :])))
    except SourceError as error:
        said = str(error)
    else:
        assert not cut, got.framed
    assert len(said) < 700
