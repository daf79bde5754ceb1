"""Columns as bytes, ids as codes, events as words: the same ties however a file keeps its text and its rows."""

from __future__ import annotations

import hashlib
import io
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ecograph import read_events
from ecograph.cpu.iso_text import parse_iso
from ecograph.cpu.point_text import GROUPED, points
from ecograph.ingest.ahead import ahead
from ecograph.ingest.batch import decode
from ecograph.ingest.codes import Codes
from ecograph.ingest.columns import Texts, texts_of
from ecograph.ingest.identifiers import read_ids
from ecograph.ingest.watch import _GROUPS
from ecograph.mapping import Mapping

ID = st.sampled_from(["a", "A", " a", "b ", "", "  ", "\u00a0", "0012", "سائق", "司机", "x" * 12, "x" * 13,
                      "driver-1234567", "e\u0301", "nul\0id", "-"]) | st.none()  # fmt: skip
PLAIN = Mapping.default(["provider", "receiver"])


@given(st.lists(st.lists(ID, max_size=12), max_size=4), st.sampled_from(["", "driver:"]), st.booleans(), st.booleans(),
       st.sampled_from([("",), ("", "-", "b")]))  # fmt: skip
def test_codes_say_what_reading_each_row_says(
    batches: list[list[str | None]], prefix: str, strip: bool, casefold: bool, null_values: tuple[str, ...]
) -> None:
    mapping = Mapping(PLAIN.ties, strip=strip, casefold=casefold, null_values=null_values)
    codes, named = Codes(mapping), set[str]()
    for batch in batches:
        column = pl.Series("id", batch, pl.String)
        want = read_ids(column, mapping, prefix)
        for given_ in (column, texts_of(column)):
            found = codes.read(given_, prefix)
            assert codes.encoder.texts(found.values).to_list() == want.values.to_list()
            assert found.reason.tolist() == want.reason.tolist()
            notices = {words: mask.tolist() for words, mask in want.notices.items() if mask.any()}
            assert {words: mask.tolist() for words, mask in found.notices.items() if mask.any()} == notices
        good = found.values[found.values >= 0][::2]
        codes.name(good)
        named |= set(codes.encoder.texts(good).to_list())
    assert len(codes) == len(named)
    ids, rank = codes.finish()
    assert set(ids.to_list()) == named
    assert sorted(rank[rank >= 0].tolist()) == list(range(len(named)))


ROWS = st.lists(st.tuples(ID, ID, st.integers(-9999, 9999), st.integers(0, 10**9)), min_size=1, max_size=30)


def parquet(rows: list[Any], group: int, *, dictionary: bool, large: bool, binary: bool) -> io.BytesIO:
    kind = {(False, False): pa.string(), (True, False): pa.large_string(), (False, True): pa.binary(),
            (True, True): pa.large_binary()}[large, binary]  # fmt: skip
    ends = [[None if row[k] is None else row[k].encode() for row in rows] for k in (0, 1)]
    table = pa.table(
        {"provider": pa.array(ends[0], pa.binary()).cast(kind), "receiver": pa.array(ends[1], pa.binary()).cast(kind),
         "amount": pa.array([row[2] / 100 for row in rows]),
         "time": pa.array([row[3] for row in rows], pa.timestamp("us"))}
    )  # fmt: skip
    file = io.BytesIO()
    pq.write_table(table, file, row_group_size=group, use_dictionary=dictionary)
    return file


@given(ROWS, st.integers(1, 9), st.booleans(), st.booleans(), st.booleans(), st.integers(0, 10**6))
def test_a_parquet_file_gives_what_its_rows_give(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Any], group: int, dictionary: bool, large: bool, binary: bool,
    seed: int,
) -> None:  # fmt: skip
    path = tmp_path_factory.mktemp("rows") / "log.parquet"
    path.write_bytes(parquet(rows, group, dictionary=dictionary, large=large, binary=binary).getvalue())
    random.Random(seed).shuffle(rows)
    columns = dict(zip(["provider", "receiver", "amount", "time"], map(list, zip(*rows, strict=True)), strict=True))
    columns["amount"] = [cents / 100 for cents in columns["amount"]]
    schema = {"provider": pl.String, "receiver": pl.String, "amount": pl.Float64, "time": pl.Int64}
    frame = pl.DataFrame(columns, schema=schema).with_columns(pl.col("time").cast(pl.Datetime("us")))
    results = []
    for source in (path, frame):
        try:
            eco = read_events(source, block_bytes=64 * 3)
        except Exception as error:  # no good row, or more than half are bad
            results.append((type(error), None, None))
        else:
            results.append((eco.ids.to_list(), eco.tie_bytes(), eco.report.reasons))
    assert results[0] == results[1]


def test_text_that_is_not_utf_8_is_set_aside_from_parquet(tmp_path: Path) -> None:
    ends = pa.array([b"p", b"\xff\xfe", b"q", b"\xc3\xa9", None, b"\xc3"], pa.binary())
    pq.write_table(
        pa.table({"provider": ends, "receiver": pa.array([b"o"] * 6, pa.binary())}), tmp_path / "log.parquet"
    )
    eco = read_events(tmp_path / "log.parquet")
    assert sorted(eco.ids) == ["o", "p", "q", "é"]
    assert eco.report.reasons == {"not valid UTF-8": 2, "provider missing": 1}
    assert eco.report.quarantine["line"].to_list() == [2, 5, 6]


@given(st.lists(st.binary(max_size=6) | st.none(), max_size=8), st.integers(0, 3), st.booleans())
def test_arrow_bytes_are_decoded_as_python_decodes_them(cells: list[bytes | None], skip: int, large: bool) -> None:
    array = pa.array(cells, pa.large_binary() if large else pa.binary()).slice(skip)
    column, invalid = decode(array)
    want = []
    for cell in cells[skip:]:
        try:
            want.append((None if cell is None else cell.decode(), False))
        except UnicodeDecodeError:
            want.append((None, True))
    series = column.series if isinstance(column, Texts) else column
    assert series.to_list() == [text for text, _ in want]
    wrong = np.zeros(len(want), np.bool_) if invalid is None else invalid
    assert wrong.tolist() == [bad for _, bad in want]


@given(st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)), st.sampled_from(["T", "t", " "]), st.integers(0, 9),
       st.sampled_from([None, "Z", "z", "+07", "-0330", "+05:45", " Z"]))  # fmt: skip
def test_iso_texts_say_what_python_reads(when: datetime, mark: str, digits: int, zone: str | None) -> None:
    nanos = f"{when.microsecond:06d}789"[:digits]
    text = (
        f"{when:%Y}".zfill(4) + when.strftime(f"-%m-%d{mark}%H:%M:%S") + ("." + nanos if digits else "") + (zone or "")
    )
    cut = when.replace(microsecond=int(nanos[:6].ljust(6, "0")) if digits else 0)
    hours = {"+07": 7.0, "-0330": -3.5, "+05:45": 5.75}.get(zone or "", 0.0)
    data = np.frombuffer(text.encode(), np.uint8)
    clock, ahead_, status = parse_iso(data, np.array([0, data.size]))
    assert clock[0] == (cut.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    assert (ahead_[0], status[0]) == (hours * 3_600_000_000, 1 if zone is None else 2)
    for broken in (text[:4] + text[5:], text + "x", text[:-1] + "\u0661", "x" + text):
        cells = np.frombuffer(broken.encode(), np.uint8)
        assert parse_iso(cells, np.array([0, cells.size]))[2][0] == 0


@example(2000, 2, 29)
@example(1900, 2, 29)
@example(2023, 2, 29)
@example(2024, 2, 29)
@given(st.integers(-400, 10_400), st.integers(0, 13), st.integers(0, 32))
def test_only_days_of_the_calendar_are_days(year: int, month: int, day: int) -> None:
    text = f"{year:04d}-{month:02d}-{day:02d}".encode()
    status = parse_iso(np.frombuffer(text, np.uint8), np.array([0, len(text)]))[2][0]
    if year != 0:  # Python's calendar begins at 1; ISO 8601's has a year 0
        try:
            datetime(year, month, day)
            assert status == 1
        except ValueError:
            assert status == 0


@given(st.lists(st.text(st.sampled_from("0123.-+() x"), max_size=9), max_size=9))
def test_points_are_grouped_as_the_expression_says(texts: list[str]) -> None:
    column = pl.Series(texts, dtype=pl.String)
    bare = column.str.strip_chars("+-() \u00a0")
    found = points(*(texts_of(column).data, texts_of(column).offsets))
    assert (found > 0).tolist() == ["." in text for text in bare]
    assert (found == GROUPED).tolist() == bare.str.contains(_GROUPS).to_list()


def test_reading_ahead_keeps_order_and_error_and_ends_its_thread() -> None:
    closed: list[str] = []

    def numbers(n: int) -> Iterator[int]:
        try:
            yield from range(n)
            raise KeyError("at the end")
        finally:
            closed.append(threading.current_thread().name)

    got: list[int] = []
    with pytest.raises(KeyError, match="at the end"):
        got.extend(ahead(numbers(50)))
    assert got == list(range(50))
    early: Any = ahead(numbers(10**9))
    assert [next(early) for _ in range(3)] == [0, 1, 2]
    early.close()
    assert closed == ["ecograph-reader"] * 2
    assert not [thread for thread in threading.enumerate() if thread.name == "ecograph-reader"]


def log(rows: int) -> pl.DataFrame:
    rng = np.random.default_rng(5)
    names = np.array([f"participant-{i}" for i in range(rows // 4)] + ["hub"])
    ends = {side: names[rng.integers(0, names.size, rows)] for side in ("provider", "receiver")}
    ends["receiver"][rng.random(rows) < 0.5] = "hub"
    amount = rng.integers(-99, 10**6, rows) / 10.0 ** rng.integers(0, 3, rows)
    return pl.DataFrame({**ends, "amount": amount, "time": rng.integers(0, 10**15, rows)}).with_columns(
        pl.col("time").cast(pl.Datetime("us"))
    )


THREADS = """
import hashlib, sys
from ecograph import read_events
eco = read_events(sys.argv[1], every="1y", block_bytes=1 << 21)
print(hashlib.sha256(eco.tie_bytes()).hexdigest(), len(eco.ties))
"""


def test_one_thread_and_two_give_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = log(100_000)
    frame.write_parquet(tmp_path / "log.parquet", row_group_size=33_333)
    said = [
        subprocess.run([sys.executable, "-c", THREADS, str(tmp_path / "log.parquet")], check=True, capture_output=True,
                       text=True, env=os.environ | {"NUMBA_NUM_THREADS": str(n)}).stdout.split()
        for n in (1, 2)
    ]  # fmt: skip
    assert said[0] == said[1]
    monkeypatch.setattr("ecograph.ingest.reduce._PART", 1000)  # a hub's events are summed in many parts, and merged
    eco = read_events(frame.sample(fraction=1.0, shuffle=True, seed=3), every="1y")
    assert [hashlib.sha256(eco.tie_bytes()).hexdigest(), str(len(eco.ties))] == said[0]


KILLED = """
import os, sys, threading, time
from ecograph import read_events
def tell(label, done, total):
    print("reading", flush=True)
    time.sleep(0.02)
try:
    read_events(sys.argv[1], progress=tell, block_bytes=1 << 16)
except KeyboardInterrupt:
    print([t.name for t in threading.enumerate() if t.name.startswith("ecograph-")], flush=True)
    raise
"""


def test_ctrl_c_in_mid_read_ends_every_thread(tmp_path: Path) -> None:
    log(60_000).write_parquet(tmp_path / "log.parquet", row_group_size=5000)
    with subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path / "log.parquet")], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "reading\n"
        time.sleep(0.05)
        process.send_signal(2)
        out, err = process.communicate(timeout=60)
    assert process.returncode == -2, err
    assert out.splitlines()[-1] == "[]"
