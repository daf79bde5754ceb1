"""Steps gathered from slices, and lanes side by side: what plain sums in a stated order give."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import pytest

from ecograph.cpu import centrality, chains, draws
from ecograph.cpu.slices import LANES, PIECE, SLICE, Slices, slices

KEEP = 0.85
# Rows without arrows, alone in a slice, just below and above a piece, and a hub of several pieces.
SIZES = {
    "none": [0],
    "few": [0, 3, 1, 1, 2, 0, 5],
    "slices": [k % 9 for k in range(67)],
    "pieces": [PIECE - 1, PIECE, PIECE + 1, *[2] * 30, 3 * PIECE + 5, 0, 0, 1],
}


def graph(sizes: list[int], weighted: bool) -> tuple[Any, Any, Any]:
    random = np.random.default_rng(len(sizes))
    ptr = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    column = random.integers(0, len(sizes), ptr[-1]).astype(np.int32)
    return ptr, column, random.random(ptr[-1]) + 0.5 if weighted else None


def step(rows: Slices, lanes: int, sizes: list[int]) -> tuple[Any, ...]:
    """What a step is made of, and its result in the order of rows."""
    n, random = len(sizes), np.random.default_rng(3)
    x, restart, dangle = (random.random((n, lanes)) for _ in range(3))
    scale, ends = random.random(n) + 0.5, (np.arange(n) % 3 == 0).astype(np.uint8)
    y = rows.to_lanes(x * scale[:, None])
    held = np.zeros(y.size // rows.slots)
    held[:lanes] = random.random(lanes)
    new = np.zeros_like(y)
    flat = rows.spread(scale, 1.0), rows.spread(ends), rows.to_lanes(restart), rows.to_lanes(dangle)
    moved, gone = centrality.pagerank_step(rows, *flat, held, KEEP, y, new)
    return x, restart, dangle, scale, ends, held, rows.from_lanes(new, lanes), moved[:lanes], gone[:lanes]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("lanes", [1, LANES + 1])
@pytest.mark.parametrize("name", SIZES)
def test_a_step_adds_each_rows_arrows_in_their_order(name: str, lanes: int, weighted: bool) -> None:
    """To the bit: a long row's pieces one by one, then their sums."""
    sizes = SIZES[name]
    ptr, column, weight = graph(sizes, weighted)
    x, restart, dangle, scale, ends, held, new, moved, gone = step(slices(ptr, column, weight), lanes, sizes)
    y, expected = x * scale[:, None], np.zeros_like(x)
    for j, size in enumerate(sizes):
        total = np.zeros(lanes)
        for begin in range(ptr[j], ptr[j] + size, PIECE):
            part = np.zeros(lanes)
            for e in range(begin, min(begin + PIECE, ptr[j + 1])):
                part += y[column[e]] if weight is None else weight[e] * y[column[e]]
            total = total + part if size > PIECE else part
        expected[j] = KEEP * (total + held[:lanes] * dangle[j]) + restart[j]
    np.testing.assert_array_equal(new, expected * scale[:, None])
    np.testing.assert_allclose(moved, np.abs(expected - x).sum(0), rtol=1e-12)
    np.testing.assert_allclose(gone, expected[ends == 1].sum(0), rtol=1e-12)


@pytest.mark.parametrize("name", SIZES)
def test_every_arrow_is_laid_once_and_what_fills_up_is_nobodys(name: str) -> None:
    sizes = SIZES[name]
    ptr, column, weight = graph(sizes, True)
    rows = slices(ptr, column, weight)
    filled = rows.column == rows.slots - 1
    assert rows.slots - 1 not in rows.slot
    assert np.unique(rows.slot).size == len(sizes)
    assert sorted(rows.weight[~filled]) == sorted(weight)
    assert not rows.weight[filled].any()
    assert rows.base[-1] == rows.column.size
    assert rows.cut[0] == 0
    assert rows.cut[-1] == rows.base.size - 1
    assert rows.pieces % SLICE == 0
    assert (np.diff(rows.base) <= SLICE * PIECE).all()


@pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="Numba is switched off: there are no threads")
def test_same_bits_for_one_thread_and_two() -> None:
    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("Numba was told to use one thread: nothing to compare")
    sizes = [40_000, *[7] * 12_000]  # several chunks and a hub
    rows, before, seen = slices(*graph(sizes, False)), numba.get_num_threads(), []
    assert rows.cut.size > 3
    for threads in (1, 2):
        numba.set_num_threads(threads)
        seen.append(b"".join(part.tobytes() for part in step(rows, 1, sizes)[-3:]))
    numba.set_num_threads(before)
    assert seen[0] == seen[1]


@pytest.mark.parametrize("hold", [False, True])
def test_eight_lanes_are_eight_times_one_lane(hold: bool) -> None:
    """Sweeps, the first one too, and residuals: values to the bit, with lanes that nothing starts in."""
    ptr, column, p = graph([k % 6 for k in range(40)], True)
    p, weight = p / 10, np.random.default_rng(1).random(40)
    starts = np.array([5, 39, 0, 5, 17], np.int32)

    def run(start: Any) -> list[Any]:
        width = 1 if start.size == 1 else chains.WIDTH
        h = np.zeros((40, width))
        h[start, np.arange(start.size)] = 1.0
        d, mass, held = h.copy(), np.zeros(width), np.full(width, -1, np.int32)
        mass[: start.size] = 1.0
        if hold:
            held[: start.size] = start
        else:
            chains.begin_lanes(ptr, column, p, start, weight, d, h, mass)
        for _ in range(3):
            chains.sweep_lanes(ptr, column, p, held, weight, d, h, mass)
        nobody = np.full(start.size, -1, np.int32)
        held, source = (start, nobody) if hold else (nobody, start)
        over, under = chains.residual_lanes(ptr, column, p, held, source, weight, h)
        return [values[..., : start.size] for values in (d, h, mass)] + [over, under]

    for k in range(starts.size):
        for many, one in zip(run(starts), run(starts[k : k + 1]), strict=True):
            np.testing.assert_array_equal(many[..., k], one[..., 0])


def test_exponentials_made_together_are_the_gammas_of_shape_one() -> None:
    key, replicate, out = np.uint64(2**63 + 12_345), 2**31 - 3, np.empty(8)
    draws.exponential_draws(np.uint64(7), np.uint64(replicate), key, out)
    for k in range(8):
        one = np.empty(1)
        draws.gamma_rows(np.ones(1), 7, replicate + k, np.array([key]), one)
        assert out[k] == one[0] == draws.gamma_draw(1.0, np.uint64(7), np.uint64(replicate + k), key)
