"""Exact open-addressing tables: from bytes to codes, from pairs of keys to rows.

A slot is 0 when free. Each kernel works through rows until a buffer of its caller is full and returns the
row it stopped at; the caller makes room and calls again, so memory grows with what is distinct.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numpy.typing import NDArray

from ecograph.cpu._jit import I8, U1, U8, I4w, I8w, U1w, U8w, i8, jit, u8
from ecograph.cpu.hashing import word8

__all__ = ["encode_rows", "find_pairs", "refill_codes", "refill_pairs"]

_MIX = np.uint64(0x9E3779B97F4A7C15)  # 2**64 over the golden ratio: spreads runs of consecutive rows


@jit(types.void, U8, i8, U8w)
def refill_codes(hashes: NDArray[np.uint64], n: int, slots: NDArray[np.uint64]) -> None:
    """Put codes 0 to n - 1 into empty ``slots``: upper half of the hash, code + 1."""
    mask = u8(slots.size - 1)
    for code in range(n):
        i = hashes[code] & mask
        while slots[i] != u8(0):
            i = (i + u8(1)) & mask
        slots[i] = ((hashes[code] >> u8(32)) << u8(32)) | u8(code + 1)


@jit(types.boolean, U1, i8, i8, U1, i8, i8)
def _same(a: NDArray[np.uint8], i: int, i_stop: int, b: NDArray[np.uint8], k: int, k_stop: int) -> Any:
    if i_stop - i != k_stop - k:
        return False
    if i_stop - i >= 8:  # whole words, the last one overlapping: no loop over a few bytes to mispredict
        while i + 8 < i_stop:
            if word8(a, u8(i)) != word8(b, u8(k)):
                return False
            i += 8
            k += 8
        return word8(a, u8(i_stop - 8)) == word8(b, u8(k_stop - 8))
    while i < i_stop:
        if a[i] != b[k]:
            return False
        i += 1
        k += 1
    return True


@jit(i8, U1, I8, U8, i8, I8w, U8w, U1w, I8w, U8w, I4w)
def encode_rows(
    data: NDArray[np.uint8], offsets: NDArray[np.int64], hashes: NDArray[np.uint64], row: int,
    size: NDArray[np.int64], slots: NDArray[np.uint64], heap: NDArray[np.uint8], starts: NDArray[np.int64],
    seen: NDArray[np.uint64], out: NDArray[np.int32],
) -> int:  # fmt: skip
    """Code rows from ``row`` on; code c is the bytes ``heap[starts[c]:starts[c + 1]]`` with hash ``seen[c]``.

    ``size[0]`` codes exist. Half of the hash only saves comparing; that two rows are the same participant
    is decided by their bytes.
    """
    mask = u8(slots.size - 1)
    n = size[0]
    for r in range(row, hashes.size):
        h, a, b = hashes[r], offsets[r], offsets[r + 1]
        i = h & mask
        while True:
            slot = slots[i]
            if slot == u8(0):
                end = starts[n] + b - a
                if n == seen.size or 2 * n >= slots.size or end > heap.size:
                    return r
                for k in range(b - a):  # assigning a slice would compile Numba's code for unlike shapes: 5 s
                    heap[starts[n] + k] = data[a + k]
                starts[n + 1] = end
                seen[n] = h
                out[r] = n
                n += 1
                size[0] = n
                slots[i] = ((h >> u8(32)) << u8(32)) | u8(n)
                break
            c = i8(slot & u8(0xFFFFFFFF)) - 1
            if slot >> u8(32) == h >> u8(32) and _same(data, a, b, heap, starts[c], starts[c + 1]):
                out[r] = c
                break
            i = (i + u8(1)) & mask
    return hashes.size


@jit(u8, u8, u8)
def _mix(high: np.uint64, low: np.uint64) -> Any:
    h = (high ^ (low * _MIX)) * _MIX
    return h ^ (h >> u8(29))


@jit(types.void, U8, U8, i8, I4w)
def refill_pairs(high: NDArray[np.uint64], low: NDArray[np.uint64], n: int, slots: NDArray[np.int32]) -> None:
    """Put pairs 0 to n - 1 into empty ``slots``: row + 1."""
    mask = u8(slots.size - 1)
    for row in range(n):
        i = _mix(high[row], low[row]) & mask
        while slots[i] != 0:
            i = (i + u8(1)) & mask
        slots[i] = row + 1


@jit(i8, U8, U8, i8, I8w, I4w, U8w, U8w, I4w)
def find_pairs(
    high: NDArray[np.uint64], low: NDArray[np.uint64], row: int, size: NDArray[np.int64],
    slots: NDArray[np.int32], high_seen: NDArray[np.uint64], low_seen: NDArray[np.uint64], out: NDArray[np.int32],
) -> int:  # fmt: skip
    """Find pairs from ``row`` on among the ``size[0]`` seen so far; a new pair is numbered next."""
    mask = u8(slots.size - 1)
    n = size[0]
    for r in range(row, high.size):
        i = _mix(high[r], low[r]) & mask
        while True:
            k = slots[i] - 1
            if k < 0:
                if n == high_seen.size or 2 * n >= slots.size:
                    return r
                high_seen[n], low_seen[n], out[r] = high[r], low[r], n
                n += 1
                size[0], slots[i] = n, n
                break
            if high_seen[k] == high[r] and low_seen[k] == low[r]:
                out[r] = k
                break
            i = (i + u8(1)) & mask
    return high.size
