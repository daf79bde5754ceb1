"""Replicates side by side on the device, 32 lanes with values of their own: drawn there, summed there.

Twins of ``ecograph.cpu.replicates``: draws and shares are the CPU's bit for bit; chains are summed as in ``chains.py``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecograph.gpu._module import THREADS, blocks, module, shortfall
from ecograph.gpu.chains import (
    FEWEST,
    LANES,
    ROWS,
    WARPS,
    Rows,
    begun,
    bytes_at_most,
    folded,
    lane_bytes,
    step,
    sum_lanes,
    to_device,
)

__all__ = [
    "LANES", "Drawn", "Parts", "Ties", "draw_shares", "replicate_bytes", "rooted_lanes", "run_bytes", "ties_of",
    "ties_to_device",
]  # fmt: skip

F8Array = NDArray[np.float64]


class Parts(NamedTuple):
    """What clusters cut ties into: parts of tie t are ``ptr[t]`` to ``ptr[t + 1]``; with them ties have no laws.

    Parts of a cluster have the shape 0 and its code as their key; others are drawn by themselves, as ties are.
    """

    ptr: NDArray[np.int64]
    weight: F8Array
    shape: F8Array
    key: NDArray[np.uint64]


class Ties(NamedTuple):
    """Ties that make arrows: those of arrow q are ``tie_ptr[q]`` to ``tie_ptr[q + 1]``, arrows of receiver r likewise.

    ``place`` is where an arrow lies among the rows that are summed over, ``cost`` what a receiver buys outside. Where
    there are ``Parts``, weight, shape and key are theirs, and those of tie t ``part_ptr[t]`` to ``part_ptr[t + 1]``.
    """

    weight: F8Array
    factor: F8Array  # what one unit of a tie is worth
    shape: F8Array
    key: NDArray[np.uint64]
    tie_ptr: NDArray[np.int64]
    arrow_ptr: NDArray[np.int64]
    receiver: NDArray[np.int32]  # of each arrow, counted as in arrow_ptr
    place: NDArray[np.int64]
    cost: F8Array
    part_ptr: NDArray[np.int64]  # empty where nothing cuts ties into parts


class Drawn(NamedTuple):
    """What stays on the device: ties, and rows whose values are drawn anew for each 32 replicates."""

    ties: Ties
    rows: Rows  # without values
    at: Any  # rows that are asked for


def ties_of(
    rows: NDArray[np.int32], indptr: NDArray[np.int64], provider: NDArray[np.int32], relation: NDArray[np.int16],
    weight: F8Array, factor: F8Array, shape: F8Array, key: NDArray[np.uint64], place: NDArray[np.int64], cost: F8Array,
    parts: Parts | None = None,
) -> Ties:  # fmt: skip
    """What ``cpu.replicates.draw_shares`` is given, without the ties that make no arrow.

    With ``parts`` of all ties of the table it is what ``metrics.resample.redraw`` and the operator are given.
    """
    size = indptr[rows + 1] - indptr[rows]
    whose = np.repeat(np.arange(rows.size, dtype=np.int32), size)
    tie = np.arange(whose.size) + np.repeat(indptr[rows] - (np.cumsum(size) - size), size)
    worth = factor[relation[tie]]
    there = (weight[tie] * worth > 0.0) & (provider[tie] != rows[whose])
    tie, whose = tie[there], whose[there]
    fresh = np.ones(tie.size, np.bool_)
    fresh[1:] = (provider[tie[1:]] != provider[tie[:-1]]) | (whose[1:] != whose[:-1])
    receiver = whose[fresh]
    part_ptr = np.zeros(0, np.int64)
    if parts is None:
        weight, shape, key = weight[tie], shape[there], key[there]
    else:
        size = parts.ptr[tie + 1] - parts.ptr[tie]
        part_ptr = np.append(0, np.cumsum(size))
        part = np.arange(part_ptr[-1]) + np.repeat(parts.ptr[tie] - part_ptr[:-1], size)
        weight, shape, key = parts.weight[part], parts.shape[part], parts.key[part]
    return Ties(
        weight, worth[there], shape, key, np.append(np.flatnonzero(fresh), tie.size),
        np.searchsorted(receiver, np.arange(rows.size + 1)), receiver, place, cost[rows], part_ptr,
    )  # fmt: skip


def replicate_bytes(n: int, arrows: int, ties: int, asked: int, parts: int = 0, lanes: int = LANES) -> int:
    """Device memory for it, at most; n counts participants, of whom each may be a receiver."""
    drawn = 8 * (lanes + 2) * (arrows + n) + 4 * arrows + 32 * ties + 24 * parts
    return bytes_at_most(n, arrows, lanes) + drawn + 16 * n + 8 * (lanes + 1) * asked + 24 * 512


def run_bytes(drawn: Drawn, lanes: int) -> int:
    """Device memory for so many replicates at a time, beside what is ``drawn`` of."""
    rows = drawn.rows
    values: int = rows.column.size + drawn.ties.cost.size + drawn.at.size + 2 * (rows.n // (WARPS * ROWS) + 2)
    return lane_bytes(rows.plan, rows.n, lanes) + 8 * lanes * values + 8 * 512


def ties_to_device(
    ties: Ties, ptr: NDArray[np.int64], column: NDArray[np.int32], at: NDArray[np.int64]
) -> Drawn:  # fmt: skip
    """Copy once. MemoryError where it doesn't fit."""
    import cupy

    parts = ties.weight.size if ties.part_ptr.size else 0
    if lacking := shortfall(replicate_bytes(ptr.size - 1, column.size, ties.factor.size, at.size, parts, FEWEST)):
        raise MemoryError(lacking)
    rows = to_device(ptr, column, np.zeros(0))._replace(own=True)
    return Drawn(Ties(*map(cupy.asarray, ties)), rows, cupy.asarray(at))


def draw_shares(drawn: Drawn, seed: int, replicate: int, keep: float, damping: float, lanes: int = LANES) -> Rows:
    """The rows, with values for ``lanes`` replicates from ``replicate`` on: the shares of inputs of each receiver."""
    import cupy

    ties, kernels = drawn.ties, module("draws", lanes)
    arrows, receivers = ties.place.size, ties.cost.size
    p = cupy.empty(arrows * lanes, np.float64)
    total = cupy.empty(receivers * lanes, np.float64)  # by receiver and lane
    cut = (ties.part_ptr,) if ties.part_ptr.size else ()
    kernels.get_function("draw_parts" if cut else "draw_amounts")(
        blocks(arrows * lanes), (THREADS,),
        (np.uint64(seed), np.uint64(replicate), ties.tie_ptr, *cut, ties.weight, ties.factor, ties.shape, ties.key,
         ties.place, p, np.int64(arrows)),
    )  # fmt: skip
    kernels.get_function("total_rows")(
        blocks(receivers * lanes), (THREADS,),
        (ties.arrow_ptr, ties.place, ties.cost, p, total, np.int64(receivers)),
    )  # fmt: skip
    kernels.get_function("share_arrows")(
        blocks(arrows * lanes), (THREADS,),
        (ties.receiver, ties.place, total, np.float64(keep), np.float64(damping), p, np.int64(arrows)),
    )  # fmt: skip
    return drawn.rows._replace(value=p)


def rooted_lanes(
    rows: Rows, at: Any, start: int, goal: float, most: int, lanes: int = LANES
) -> tuple[F8Array, F8Array, F8Array, F8Array]:
    """X = sum_t G^t e at the rows ``at``, (rows, lanes), of chains that begin in row ``start``; and of each lane:

    its last change, and the sums of the positive and negative parts of e + G x - x, computed afresh.
    """
    import cupy

    kernels, threads = module("chains", lanes), WARPS * lanes
    first = cupy.asarray(np.full(lanes, start, np.int32))
    d, x = begun(rows, first)
    two = [d, cupy.empty((rows.n, lanes), np.float64)]
    given = 1.0, cupy.asarray(np.full(lanes, -1, np.int32)), rows.ones
    left, _, made = sum_lanes(rows, given, two, x, goal, most, None)
    step(rows, given, x, two[0], two[1], made, False)  # two[0] is G x, and nobody needs two[1] any more
    count = -(-rows.n // (WARPS * ROWS))
    plus, minus = (cupy.empty((count + 1) * lanes, np.float64) for _ in range(2))
    kernels.get_function("residual_rows")((count,), (threads,), (first, two[0], x, plus, minus, np.int64(rows.n)))
    out = cupy.empty((at.size, lanes), np.float64)
    kernels.get_function("take_rows")(blocks(at.size, WARPS), (threads,), (at, x, out, np.int64(at.size)))
    return out.get(), left, folded(plus, count, made.total), folded(minus, count, made.total)
