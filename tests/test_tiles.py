"""Steps gathered tile by tile: what plain sums give in the order that tiles state."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest

from ecograph.cpu import slices as layout
from ecograph.cpu.slices import LANES, PIECE, SLICE, Slices, slices
from ecograph.cpu.tiles import BLOCK, HEIGHT, worth_tiles
from tests.test_slices import KEEP, graph, step

# Rows in pieces, without arrows, and short ones; three blocks of slots, in two chunks.
SIZES = [PIECE + 1, 2 * PIECE + 3, *(k % 7 for k in range(2 * BLOCK + 100))]


@pytest.fixture(autouse=True)
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles for graphs that are too small for them."""
    monkeypatch.setattr(layout, "worth_tiles", lambda *_: True)


def in_order(rows: Slices, ptr: Any, column: Any, weight: Any, y: Any) -> Any:
    """Sums of rows: short ones by block of the slots gathered from, arrow by arrow; long ones piece by piece."""
    total, value = np.zeros(ptr.size - 1), y[column] if weight is None else weight * y[column]
    size, block = np.diff(ptr), rows.slot[column] // BLOCK
    row = np.repeat(np.arange(size.size), size)
    by_block = np.lexsort((block, row))  # stable: equal blocks keep the order of arrows
    assert (by_block != np.arange(by_block.size)).any()
    for t in range(size[size <= PIECE].max()):
        some = np.flatnonzero((size > t) & (size <= PIECE))
        total[some] += value[by_block[ptr[some] + t]]
    for j in np.flatnonzero(size > PIECE):
        for begin in range(ptr[j], ptr[j + 1], PIECE):
            part = 0.0
            for v in value[begin : min(begin + PIECE, ptr[j + 1])]:
                part += v
            total[j] += part
    return total


@pytest.mark.parametrize("weighted", [False, True])
def test_a_step_adds_each_rows_arrows_by_block(weighted: bool) -> None:
    """To the bit; changes and what ends of every row are counted once."""
    ptr, column, weight = graph(SIZES, weighted)
    rows = slices(ptr, column, weight)
    assert rows.tiles.chunks == 2
    x, restart, dangle, scale, ends, held, new, moved, gone = step(rows, 1, SIZES)
    total = in_order(rows, ptr, column, weight, x[:, 0] * scale)
    expected = KEEP * (total + held[0] * dangle[:, 0]) + restart[:, 0]
    np.testing.assert_array_equal(new[:, 0], expected * scale)
    np.testing.assert_allclose(moved, np.abs(expected - x[:, 0]).sum(), rtol=1e-12)
    np.testing.assert_allclose(gone, expected[ends == 1].sum(), rtol=1e-12)


def test_every_arrow_lies_in_one_tile_or_one_slice() -> None:
    ptr, column, weight = graph(SIZES, True)
    rows = slices(ptr, column, weight)
    begin, into, of, heavy, height, chunks = rows.tiles
    tiles = (begin.size - 1) // chunks
    chunk, block = np.divmod(np.repeat(np.arange(begin.size - 1), np.diff(begin)), tiles)
    row = np.repeat(np.arange(len(SIZES)), SIZES)
    short = np.repeat(np.array(SIZES) <= PIECE, SIZES)
    expected = zip(rows.slot[row[short]], rows.slot[column[short]], weight[short], strict=True)
    assert sorted(zip(chunk * height + into, block * BLOCK + of, heavy, strict=True)) == sorted(expected)
    assert height % SLICE == 0
    assert height <= HEIGHT
    filled = rows.column == rows.slots - 1
    assert sorted(rows.weight[~filled]) == sorted(weight[~short])


def test_several_lanes_lie_in_slices() -> None:
    ptr, column, weight = graph(SIZES, False)
    rows = slices(ptr, column, weight, LANES)
    assert rows.tiles.chunks == 0
    assert np.count_nonzero(rows.column != rows.slots - 1) == column.size


@pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="Numba is switched off: there are no threads")
def test_same_bits_for_one_thread_and_two() -> None:
    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("Numba was told to use one thread: nothing to compare")
    sizes = [*SIZES, *[5] * (2 * HEIGHT)]
    before, seen = numba.get_num_threads(), []
    for threads in (1, 2):
        numba.set_num_threads(threads)
        rows = slices(*graph(sizes, False))
        assert rows.tiles.chunks == 4
        seen.append(b"".join(part.tobytes() for part in (*rows.tiles[:3], *step(rows, 1, sizes)[-3:])))
    numba.set_num_threads(before)
    assert seen[0] == seen[1]


def test_tiles_are_for_gathers_from_all_over_a_vector_that_chunks_fill() -> None:
    n = 1 << 20
    slot, even = np.arange(n, dtype=np.int32), np.full(n, 10)
    few = np.where(slot < 1 << 15, 320, 1)
    assert worth_tiles(even, slot, 10 * n)
    assert not worth_tiles(few, slot, 10 * n)  # most of what is gathered lies together
    assert not worth_tiles(even, slot, 3 * n)  # a chunk would bring more lines than it has arrows
    assert not worth_tiles(even[: 1 << 16], slot[: 1 << 16], 10 << 16)  # the second-level cache holds all
