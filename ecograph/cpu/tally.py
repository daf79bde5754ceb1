"""From coded events to the ties of one bucket: a key for each event, sorted, and its runs summed in one pass.

Events are rows of bits as ``ingest.layout`` packs them: column k of a row has ``layout[3 * k + 1]`` bits from bit
``layout[3 * k]`` on, to which ``layout[3 * k + 2]`` is added. All relations are *narrow* (see ``cpu.reduce``). A key
holds, from its highest bits down, receiver, provider, relation, period and cluster as rows of their tables, then the
event's own row: one word to sort, and ties come out in the one order.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numpy.typing import NDArray

from ecograph.cpu._jit import I1, I2, I4, I8, U8, F8w, I2w, I4w, I8w, U8w, i8, jit, u8
from ecograph.cpu.exact import TEN, multiply
from ecograph.cpu.prefetch import prefetch
from ecograph.cpu.reduce import rounded
from ecograph.ties import NO_CLUSTER, NO_TIME

__all__ = ["add_runs", "join_keys", "read_rows"]

_PROVIDER, _RECEIVER, _MANTISSA, _TIME, _SCALE, _RELATION, _PERIOD, _CLUSTER, _WIDTH = range(0, 27, 3)
_FULL, _WORD = np.uint64(2**64 - 1), np.uint64(64)
_AHEAD = 16  # events whose words, or ranks, are asked for
_PRODUCT = np.uint64(1 << 32)  # below it a square takes one word


@jit(i8, U8, i8, I8, i8)
def _column(words: NDArray[np.uint64], row: int, layout: NDArray[np.int64], k: int) -> Any:
    """One column of the row that begins at this word; the word after the last row is there to be read."""
    begin, bits, least = u8(layout[k]), u8(layout[k + 1]), layout[k + 2]
    if bits == u8(0):
        return least
    at, shift = u8(row) + (begin >> u8(6)), begin & u8(63)
    value = (words[at] >> shift) | ((words[at + u8(1)] << u8(1)) << (u8(63) - shift))
    return i8(value & (_FULL >> (_WORD - bits))) + least


@jit(types.void, U8, I8, i8, I2, I4, I4, I1, I8, i8, I4w, I4w, I8w, I8w, U8w)
def read_rows(
    words: NDArray[np.uint64], layout: NDArray[np.int64], n: int, relations: NDArray[np.int16],
    periods: NDArray[np.int32], clusters: NDArray[np.int32], places: NDArray[np.int8], shift: NDArray[np.int64],
    done: int, provider: NDArray[np.int32], receiver: NDArray[np.int32], amount: NDArray[np.int64],
    time: NDArray[np.int64], keys: NDArray[np.uint64],
) -> None:  # fmt: skip
    """Read ``n`` rows to ``done`` and after: codes of both ends, amounts of as many decimals, times, keys without ends.

    Part k of a key begins at bit ``shift[k]``; relation, period and cluster are parts 2 to 4.
    """
    width = layout[_WIDTH]
    for k in range(n):
        row, r = k * width, done + k
        relation = relations[_column(words, row, layout, _RELATION)]
        period = periods[_column(words, row, layout, _PERIOD)]
        cluster = _column(words, row, layout, _CLUSTER)
        belongs = u8(0) if cluster < 0 else u8(clusters[cluster] + 1)
        provider[r] = _column(words, row, layout, _PROVIDER)
        receiver[r] = _column(words, row, layout, _RECEIVER)
        time[r] = _column(words, row, layout, _TIME)
        # Below 2**62: the survey saw it. Zero may have more decimals than the others have, whatever TEN then gives.
        more = i8(places[relation]) - _column(words, row, layout, _SCALE)
        amount[r] = _column(words, row, layout, _MANTISSA) * TEN[more]
        keys[r] = u8(relation) << u8(shift[2]) | u8(period) << u8(shift[3]) | belongs << u8(shift[4]) | u8(r)


@jit(types.void, I4, I4, I4, i8, I8, U8w)
def join_keys(
    rank: NDArray[np.int32], provider: NDArray[np.int32], receiver: NDArray[np.int32], first: int,
    shift: NDArray[np.int64], keys: NDArray[np.uint64],
) -> None:  # fmt: skip
    """Put both ends into the keys: their rows, the lowest of a receiver being ``first``."""
    last = keys.size - 1
    for r in range(keys.size):
        soon = r + _AHEAD if r + _AHEAD < last else last
        prefetch(rank, u8(provider[soon]))
        prefetch(rank, u8(receiver[soon]))
        keys[r] |= u8(rank[receiver[r]] - first) << u8(shift[0]) | u8(rank[provider[r]]) << u8(shift[1])


@jit(i8, U8, I8, I8, I1, i8, I8, I4w, I4w, I2w, I4w, I4w, F8w, F8w, I8w, I8w, I8w)
def add_runs(
    keys: NDArray[np.uint64], amount: NDArray[np.int64], time: NDArray[np.int64], places: NDArray[np.int8], base: int,
    shift: NDArray[np.int64],
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
                prefetch(amount, keys[e + _AHEAD] & mask)
                prefetch(time, keys[e + _AHEAD] & mask)
            m = amount[r]
            low += u8(m)
            high += (m >> i8(63)) + (1 if low < u8(m) else 0)
            size = u8(abs(m))
            if size < _PRODUCT:
                top, bottom = u8(0), size * size
            else:
                top, bottom = multiply(size, size)
            low_sq += bottom
            high_sq += i8(top) + (1 if low_sq < bottom else 0)
            now = time[r]
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
