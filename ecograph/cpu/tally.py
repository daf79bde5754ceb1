"""From coded events to the ties of one bucket: a key for each event, sorted, and its runs summed in one pass.

Events are rows of words as ``ingest.blocks`` packs them: word k of row r is ``rows[r * at[5] + at[k]]``, or
``constant[k]`` in every row where ``at[k]`` is -1. All relations are *narrow* (see ``cpu.reduce``). A key holds, from
its highest bits down, receiver, provider, relation, period and cluster as rows of their tables, then the event's own
row: one word to sort, and ties come out in the one order.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numpy.typing import NDArray

from ecograph.cpu._jit import I1, I2, I4, I8, U8, F8w, I2w, I4w, I8w, U8w, i1, i8, jit, u8
from ecograph.cpu.exact import TEN, multiply
from ecograph.cpu.prefetch import prefetch
from ecograph.cpu.reduce import rounded
from ecograph.ties import NO_CLUSTER, NO_TIME

__all__ = ["add_runs", "join_keys", "rank_receivers"]

_ENDS, _MANTISSA, _TIME, _SMALL, _CLUSTER, _WIDTH = range(6)
_LOW = np.uint64(0xFFFFFFFF)
_AHEAD = 16  # events whose words are asked for
_PRODUCT = np.uint64(1 << 32)  # below it a square takes one word


@jit(u8, U8, I8, U8, i8, i8)
def _word(rows: NDArray[np.uint64], at: NDArray[np.int64], constant: NDArray[np.uint64], k: int, r: int) -> Any:
    return rows[r * at[_WIDTH] + at[k]] if at[k] >= 0 else constant[k]


@jit(types.UniTuple(i8, 2), U8, I8, U8, I4, U8w)
def rank_receivers(
    rows: NDArray[np.uint64], at: NDArray[np.int64], constant: NDArray[np.uint64], rank: NDArray[np.int32],
    keys: NDArray[np.uint64],
) -> Any:  # fmt: skip
    """The receiver of each event, as its row among participants; the smallest and the largest."""
    low, high = i8(rank.size), i8(0)
    for r in range(keys.size):
        j = i8(rank[_word(rows, at, constant, _ENDS, r) >> u8(32)])
        low, high = j if j < low else low, j if j > high else high
        keys[r] = u8(j)
    return low, high


@jit(types.void, U8, I8, U8, I4, I2, I4, I4, i8, I8, U8w)
def join_keys(
    rows: NDArray[np.uint64], at: NDArray[np.int64], constant: NDArray[np.uint64], rank: NDArray[np.int32],
    relations: NDArray[np.int16], periods: NDArray[np.int32], clusters: NDArray[np.int32], first: int,
    shift: NDArray[np.int64], keys: NDArray[np.uint64],
) -> None:  # fmt: skip
    """Keys of events whose receivers are there, the lowest being ``first``; part k begins at bit ``shift[k]``."""
    for r in range(keys.size):
        small = _word(rows, at, constant, _SMALL, r)
        cluster = i8(_word(rows, at, constant, _CLUSTER, r))
        i = u8(rank[_word(rows, at, constant, _ENDS, r) & _LOW])
        relation, period = u8(relations[(small >> u8(8)) & u8(0xFFFF)]), u8(periods[small >> u8(32)])
        belongs = u8(0) if cluster < 0 else u8(clusters[cluster] + 1)
        keys[r] = (
            (keys[r] - u8(first)) << u8(shift[0]) | i << u8(shift[1]) | relation << u8(shift[2])
            | period << u8(shift[3]) | belongs << u8(shift[4]) | u8(r)
        )  # fmt: skip


@jit(i8, U8, U8, I8, U8, I1, i8, I8, I4w, I4w, I2w, I4w, I4w, F8w, F8w, I8w, I8w, I8w)
def add_runs(
    keys: NDArray[np.uint64], rows: NDArray[np.uint64], at: NDArray[np.int64], constant: NDArray[np.uint64],
    places: NDArray[np.int8], base: int, shift: NDArray[np.int64],
    receiver: NDArray[np.int32], provider: NDArray[np.int32], relation: NDArray[np.int16], period: NDArray[np.int32],
    cluster: NDArray[np.int32], weight: NDArray[np.float64], weight_sq: NDArray[np.float64],
    count: NDArray[np.int64], first: NDArray[np.int64], last: NDArray[np.int64],
) -> int:  # fmt: skip
    """The ties of sorted keys, and how many they are; sums exact and rounded once, as in ``cpu.reduce``."""
    n, t, e = keys.size, 0, 0
    one = u8(1)
    own = u8(shift[4])
    mask = (one << own) - one
    while e < n:
        key = keys[e] >> own
        relation[t] = i8((keys[e] >> u8(shift[2])) & ((one << u8(shift[1] - shift[2])) - one))
        digits = i8(places[relation[t]])
        high, low, high_sq, low_sq = i8(0), u8(0), i8(0), u8(0)
        began, ended, start = i8(NO_TIME), i8(NO_TIME), e
        while e < n and keys[e] >> own == key:
            r = i8(keys[e] & mask)
            if e + _AHEAD < n:
                prefetch(rows, (keys[e + _AHEAD] & mask) * u8(at[_WIDTH]))
            scale = i8(i1(_word(rows, at, constant, _SMALL, r) & u8(0xFF)))
            m = i8(_word(rows, at, constant, _MANTISSA, r)) * TEN[digits - scale]  # below 2**62: the survey saw it
            low += u8(m)
            high += (m >> i8(63)) + (1 if low < u8(m) else 0)
            size = u8(abs(m))
            if size < _PRODUCT:
                top, bottom = u8(0), size * size
            else:
                top, bottom = multiply(size, size)
            low_sq += bottom
            high_sq += i8(top) + (1 if low_sq < bottom else 0)
            now = i8(_word(rows, at, constant, _TIME, r))
            if now != NO_TIME and (began == NO_TIME or now < began):
                began = now
            ended = now if now > ended else ended  # NO_TIME is the smallest integer
            e += 1
        receiver[t] = base + i8(keys[start] >> u8(shift[0]))
        provider[t] = i8((keys[start] >> u8(shift[1])) & ((one << u8(shift[0] - shift[1])) - one))
        period[t] = i8((keys[start] >> u8(shift[3])) & ((one << u8(shift[2] - shift[3])) - one))
        cluster[t] = i8((keys[start] >> own) & ((one << u8(shift[3] - shift[4])) - one)) + i8(NO_CLUSTER)
        weight[t], weight_sq[t] = rounded(high, low, digits), rounded(high_sq, low_sq, 2 * digits)
        count[t], first[t], last[t] = e - start, began, ended
        t += 1
    return t
