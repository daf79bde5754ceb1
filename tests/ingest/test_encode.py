"""Ids and their order: the published hash, codes that never merge, one order for participants and ties."""

from __future__ import annotations

import random
import threading
from fractions import Fraction
from typing import Any

import numpy as np
import polars as pl
import pytest
import xxhash
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ecograph.cpu.hashing import hash_rows, quick_hash
from ecograph.cpu.sorting import hash_order
from ecograph.errors import MemoryLimitError
from ecograph.ingest.duplicates import Duplicates
from ecograph.ingest.encode import Encoder
from ecograph.order import canonical_order, sort_ties, text_buffers
from ecograph.ties import NO_TIME
from tests.strategies import ids

IDS = ids()
WORD = 2**64 - 1
PRIMES = (0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5)


def rotate(x: int, r: int) -> int:
    return (x << r | x >> 64 - r) & WORD


def xxh64(raw: bytes, seed: int = 0) -> int:
    """The specification in Python's own integers."""
    p1, p2, p3, p4, p5 = PRIMES

    def word(i: int, size: int = 8) -> int:
        return int.from_bytes(raw[i : i + size], "little")

    def turn(lane: int, value: int) -> int:
        return rotate(lane + value * p2 & WORD, 31) * p1 & WORD

    n, i = len(raw), len(raw) // 32 * 32
    h = seed + p5
    if i:
        lanes = [seed + p1 + p2, seed + p2, seed, seed - p1]
        for k in range(0, i, 8):
            lanes[k // 8 % 4] = turn(lanes[k // 8 % 4], word(k))
        h = sum(rotate(lane & WORD, r) for lane, r in zip(lanes, (1, 7, 12, 18), strict=True))
        for lane in lanes:
            h = (h & WORD ^ turn(0, lane)) * p1 + p4
    h += n
    for k in range(i, n - 7, 8):
        h = rotate(h & WORD ^ turn(0, word(k)), 27) * p1 + p4
    i = n // 8 * 8
    if n - i >= 4:
        h = rotate(h & WORD ^ (word(i, 4) * p1 & WORD), 23) * p2 + p3
        i += 4
    for byte in raw[i:]:
        h = rotate(h & WORD ^ (byte * p5 & WORD), 11) * p1
    h &= WORD
    h = (h ^ h >> 33) * p2 & WORD
    h = (h ^ h >> 29) * p3 & WORD
    return h ^ h >> 32


def hashes(rows: list[bytes], seed: int) -> list[int]:
    offsets = np.cumsum([0, *map(len, rows)]).astype(np.int64)
    return [int(h) for h in hash_rows(np.frombuffer(b"".join(rows), np.uint8), offsets, seed)]


@given(st.lists(st.binary(max_size=100)), st.integers(0, WORD))
@example([b"x" * n for n in range(100)], 0)
def test_the_hash_is_the_published_one(rows: list[bytes], seed: int) -> None:
    assert [xxh64(row, seed) for row in rows] == [xxhash.xxh64_intdigest(row, seed) for row in rows]
    assert hashes(rows, seed) == [xxh64(row, seed) for row in rows]


def test_the_hash_of_nothing_is_written_in_the_specification() -> None:
    assert hashes([b""], 0) == [0xEF46DB3751D8E999]


@pytest.mark.parametrize(
    "form",
    ["{}", "{:x}", "driver-{}", "{:08d}", "{:016d}", "{:017d}", "https://example.org/u/{}/profile", "{0}-{0}",
     "aaaa{:08d}zzzz", "xxxxxxxxxxxxxxxxxxxxxxx{}yyyyyyyyyyy", "00000000-0000-{:04d}-0000-000000000000"],
)  # fmt: skip
def test_the_quick_hash_spreads_ids_as_they_are_made(form: str) -> None:
    """As well as chance would: of n balls in 4n bins, about n / 8 pairs meet; and no two have all bits the same."""
    n, bits = 4000, 14
    data, offsets = text_buffers(pl.Series([form.format(i) for i in range(n)]))
    with np.errstate(over="ignore"):
        found = [int(quick_hash(data, *offsets[r : r + 2])) for r in range(n)]
    assert len(set(found)) == n
    for part in ([h % 2**bits for h in found], [h >> 64 - bits for h in found]):
        meet = sum(k * (k - 1) // 2 for k in np.bincount(part).tolist())
        expected = n * (n - 1) / 2**bits / 2
        assert abs(meet - expected) < 5 * expected**0.5


def canonical(names: list[str]) -> list[int]:
    return sorted(range(len(names)), key=lambda i: (xxh64(names[i].encode()), names[i].encode(), i))


@given(st.lists(IDS))
def test_participants_are_ordered_by_hash_then_bytes(names: list[str]) -> None:
    assert canonical_order(pl.Series(names, dtype=pl.String)).tolist() == canonical(names)


@given(st.lists(IDS, max_size=30), st.integers(0, 30), st.integers(0, 30))
def test_a_part_of_a_column_is_read_where_it_lies(names: list[str], skip: int, take: int) -> None:
    part = pl.Series(names, dtype=pl.String).slice(skip, take)
    assert canonical_order(part).tolist() == canonical(part.to_list())


def test_a_missing_text_is_refused() -> None:
    with pytest.raises(ValueError, match="1 nulls"):
        text_buffers(pl.Series("id", ["a", None]))


@given(st.lists(st.lists(IDS, max_size=40), max_size=5), st.sampled_from([0, 1, 3, 64]))
@example([["a", "b", "a"], ["b", "c"]], 0)
def test_two_ids_share_a_code_only_if_equal(batches: list[list[str]], bits: int) -> None:
    encoder = Encoder(bits=bits)
    codes = [code for batch in batches for code in encoder.encode(pl.Series(batch, dtype=pl.String)).tolist()]
    names = [name for batch in batches for name in batch]
    first = list(dict.fromkeys(names))
    assert codes == [first.index(name) for name in names]  # numbered by first appearance
    found, rank = encoder.finish()
    assert found[rank[codes]].to_list() == names
    assert len(encoder) == found.len() == len(first)
    if bits == 0:  # all hashes collide: the order is that of the bytes
        assert found.to_list() == sorted(first, key=str.encode)
    if bits == 64:
        assert found.to_list() == [first[i] for i in canonical(first)]


def test_a_collision_found_in_the_hash_table_does_not_merge_long_ids() -> None:
    names = [f"{'x' * k}{i}" for k in (0, 7, 8, 9, 30) for i in range(40)]
    encoder = Encoder(bits=2)
    assert encoder.encode(pl.Series(names + names)).tolist() == [*range(200), *range(200)]


def test_what_is_known_is_found_while_another_thread_numbers_what_is_new() -> None:
    names = [f"driver-{i}" for i in range(20_000)]
    data, offsets = text_buffers(pl.Series(names))
    encoder, stop, wrong = Encoder(), threading.Event(), []

    def look() -> None:
        while not stop.is_set():
            known = encoder.look_up(data, offsets).codes
            wrong.extend(np.flatnonzero((known != -1) & (known != np.arange(known.size))).tolist())

    thread = threading.Thread(target=look)
    thread.start()
    try:
        early = encoder.look_up(data, offsets)  # nothing is known yet
        assert (early.codes == -1).all()
        for first in range(0, len(names), 100):
            assert encoder.encode(pl.Series(names[first : first + 100])).tolist() == [*range(first, first + 100)]
        assert encoder.encode_texts(data, offsets, early).tolist() == [*range(len(names))]
    finally:
        stop.set()
        thread.join(20)
    assert not wrong
    assert (encoder.look_up(data, offsets).codes == np.arange(len(names))).all()


@given(st.lists(st.integers(0, WORD) | st.sampled_from([5, 6, 5 << 40, (5 << 40) + 1, WORD]), max_size=60))
@example([WORD, WORD - 1, WORD - 2, 0, WORD - 1])
def test_hashes_are_put_in_order_by_all_their_bits(hashes: list[int]) -> None:
    order, equal = hash_order(np.array(hashes, np.uint64))
    assert order.tolist() == sorted(range(len(hashes)), key=hashes.__getitem__)  # stable
    assert equal == (len(set(hashes)) < len(hashes))


def test_tables_grow() -> None:
    names = pl.Series([f"driver-{i}" for i in range(3000)])
    encoder = Encoder()
    before = encoder.nbytes
    for start in range(0, 3000, 700):
        encoder.encode(names[start : start + 700])
    encoder.encode(pl.Series(["z" * 10**6]))
    assert encoder.encode(names).tolist() == list(range(3000))
    assert encoder.finish()[0].len() == 3001
    assert encoder.nbytes > before + 10**6


def test_more_ids_than_can_be_numbered_are_an_error() -> None:
    encoder = Encoder(most=3)
    assert encoder.encode(pl.Series(["a", "b", "c", "a"])).tolist() == [0, 1, 2, 0]
    with pytest.raises(MemoryLimitError, match="more than 3 participants"):
        encoder.encode(pl.Series(["d"]))


ROW = st.tuples(
    st.integers(0, 3), st.integers(0, 2), st.integers(0, 1), st.integers(0, 2),
    st.floats(allow_nan=False, allow_infinity=False, width=64).filter(lambda x: abs(x) < 1e300),
    st.integers(1, 9), st.none() | st.integers(0, 99),
)  # fmt: skip


@given(st.lists(ROW, max_size=30), st.randoms(use_true_random=False))
def test_parallel_ties_merge_into_one_in_the_one_order(
    rows: list[tuple[int, int, int, int, float, int, int | None]], shuffle: random.Random
) -> None:
    want: dict[tuple[int, ...], list[tuple[float, int, int | None]]] = {}
    for *key, weight, count, time in rows:
        want.setdefault(tuple(key), []).append((weight, count, time))
    results = []
    for _ in range(2):
        shuffle.shuffle(rows)
        lists = list(zip(*rows, strict=True)) if rows else [()] * 7
        keys = dict(zip(("receiver", "provider", "relation", "period"), lists, strict=False))
        columns: dict[str, NDArray[Any]] = {name: np.array(values, np.int32) for name, values in keys.items()}
        stamps = np.array([NO_TIME if t is None else t for t in lists[6]], np.int64)
        ties = sort_ties(columns | {"weight": np.array(lists[4], float), "count": np.array(lists[5], np.int64),
                                    "first": stamps, "last": stamps})  # fmt: skip
        results.append([values.tobytes() for values in ties.columns.values()])
    assert results[0] == results[1]
    assert list(zip(ties.receiver, ties.provider, ties.relation, ties.period, strict=True)) == sorted(want)
    assert ties.weight.tolist() == [float(sum(Fraction(w) for w, _, _ in want[key])) for key in sorted(want)]
    assert ties.count is not None
    assert ties.first is not None
    assert ties.last is not None
    assert ties.count.tolist() == [sum(n for _, n, _ in want[key]) for key in sorted(want)]
    dated = [[t for _, _, t in want[key] if t is not None] for key in sorted(want)]
    assert ties.first.tolist() == [min(times, default=NO_TIME) for times in dated]
    assert ties.last.tolist() == [max(times, default=NO_TIME) for times in dated]


CELLS = st.none() | st.sampled_from(["", "-", "1:a", "a", "1:", "a-"]) | IDS


@given(st.lists(st.tuples(CELLS, CELLS), max_size=20), st.integers(0, 20))
@example([("a", None), ("a", "-"), (None, None), (None, "1:"), ("", ""), ("", None)], 3)
def test_a_row_repeats_one_with_the_same_cells(rows: list[tuple[str | None, str | None]], cut: int) -> None:
    frame = pl.DataFrame(rows, schema={"x": pl.String, "y": pl.String}, orient="row")
    seen = Duplicates()
    again = [*seen.again(frame[:cut]), *seen.again(frame[cut:])]
    assert again == [row in rows[:i] for i, row in enumerate(rows)]
