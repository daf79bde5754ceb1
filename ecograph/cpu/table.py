"""Exact open-addressing tables: from bytes to codes, from pairs of keys to rows.

A slot is 0 when free. Kernels that add work through rows until a buffer of their caller is full and return the
row they stopped at; the caller makes room and calls again, so memory grows with what is distinct.

Texts lie one behind another in a *heap*, each as 4 bytes of code, 4 of length, its bytes, and padding to a multiple of
8: a row that meets its text again touches its slot and one or two lines of the heap, nothing else. Where to look for a
text a *quick* hash says; the one that orders participants is computed once for each text, not for each row.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numpy.typing import NDArray

from ecograph.cpu._jit import I4, I8, U1, U8, I4w, I8w, U1w, U8w, i8, jit, u8
from ecograph.cpu.hashing import hash_text, quick_hash, word8
from ecograph.cpu.prefetch import prefetch

__all__ = [
    "BLOCK",
    "HEAD",
    "WINDOW",
    "add_rows",
    "find_pairs",
    "find_rows",
    "gather_texts",
    "refill_codes",
    "refill_pairs",
]

BLOCK = 1 << 14  # rows that ``find_rows`` looks up in one call
HEAD = 8  # bytes of the heap before each text
_AHEAD = 24  # rows for which memory is asked
WINDOW = 32  # rows looked up side by side: their misses overlap
_MIX = np.uint64(0x9E3779B97F4A7C15)  # 2**64 over the golden ratio: spreads runs of consecutive rows
_LOW = np.uint64(0xFFFFFFFF)


@jit(types.void, U1, I8, i8, u8, U8w, U8w)
def refill_codes(
    heap: NDArray[np.uint8], places: NDArray[np.int64], n: int, bits: np.uint64, hashes: NDArray[np.uint64],
    slots: NDArray[np.uint64],
) -> None:  # fmt: skip
    """Put codes 0 to n - 1 into empty ``slots``: upper half of the quick hash, place of the text / 8 (never 0).

    ``hashes`` has room for WINDOW words.
    """
    mask = u8(slots.size - 1)
    for first in range(0, n, WINDOW):
        some = WINDOW if first + WINDOW < n else n - first
        for k in range(some):
            a = places[first + k]
            hashes[k] = quick_hash(heap, a, a + i8(word8(heap, u8(a - HEAD)) >> u8(32))) & bits
            prefetch(slots, hashes[k] & mask)
        for k in range(some):
            i = hashes[k] & mask
            while slots[i] != u8(0):
                i = (i + u8(1)) & mask
            slots[i] = ((hashes[k] >> u8(32)) << u8(32)) | u8(places[first + k] >> 3)


@jit(types.boolean, U1, i8, i8, U1, u8)
def _same(data: NDArray[np.uint8], a: int, size: int, heap: NDArray[np.uint8], k: np.uint64) -> Any:
    """Whether ``size`` bytes from ``data[a]`` and from ``heap[k]`` on are equal."""
    i, stop = u8(a), u8(a + size)
    if size >= 8:  # whole words, the last one overlapping: no loop over a few bytes to mispredict
        last = k + u8(size) - u8(8)
        while i + u8(8) < stop:
            if word8(data, i) != word8(heap, k):
                return False
            i += u8(8)
            k += u8(8)
        return word8(data, stop - u8(8)) == word8(heap, last)
    while i < stop:
        if data[i] != heap[k]:
            return False
        i += u8(1)
        k += u8(1)
    return True


@jit(i8, U1, i8, i8, u8, U8, U1)
def _code(
    data: NDArray[np.uint8], a: int, size: int, h: np.uint64, slots: NDArray[np.uint64], heap: NDArray[np.uint8]
) -> Any:
    """The code of one text; where it has none, -1 - the slot to put it in."""
    mask = u8(slots.size - 1)
    i = h & mask
    while True:
        slot = slots[i]
        if slot == u8(0):
            return -1 - i8(i)
        if slot >> u8(32) == h >> u8(32):
            place = (slot & _LOW) << u8(3)
            head = word8(heap, place - u8(HEAD))
            if i8(head >> u8(32)) == size and _same(data, a, size, heap, place):
                return i8(head & _LOW)
        i = (i + u8(1)) & mask


@jit(types.void, i8, U1, I8, u8, U8, U1, U8w, U8w, I4w)
def find_rows(
    block: int, data: NDArray[np.uint8], offsets: NDArray[np.int64], bits: np.uint64, slots: NDArray[np.uint64],
    heap: NDArray[np.uint8], slot: NDArray[np.uint64], hashes: NDArray[np.uint64], out: NDArray[np.int32],
) -> None:  # fmt: skip
    """Quick hashes (their ``bits``) and codes of one block of rows, -1 where a text has none yet; bytes decide.

    Some rows are hashed and their slots asked for, then the texts that the slots name, then bytes are compared: a row
    that waits for memory waits together with the others. A slot of another text is nearly always known by its 32 bits
    of hash: which text is asked for is the one compared. ``slot`` has room for WINDOW words.
    """
    mask = u8(slots.size - 1)
    end = (block + 1) * BLOCK if (block + 1) * BLOCK < hashes.size else hashes.size
    for first in range(block * BLOCK, end, WINDOW):
        n = WINDOW if first + WINDOW < hashes.size else hashes.size - first
        for k in range(n):
            h = quick_hash(data, offsets[first + k], offsets[first + k + 1]) & bits
            hashes[first + k] = h
            prefetch(slots, h & mask)
        for k in range(n):
            h = hashes[first + k]
            i = h & mask
            while slots[i] != u8(0) and slots[i] >> u8(32) != h >> u8(32):
                i = (i + u8(1)) & mask
            slot[k] = slots[i]
            prefetch(heap, (slot[k] & _LOW) << u8(3))
        for k in range(n):
            r = first + k
            size = offsets[r + 1] - offsets[r]
            place = (slot[k] & _LOW) << u8(3)
            if slot[k] == u8(0):
                out[r] = -1
                continue
            head = word8(heap, place - u8(HEAD))
            if i8(head >> u8(32)) == size and _same(data, offsets[r], size, heap, place):
                out[r] = i8(head & _LOW)
            else:
                code = _code(data, offsets[r], size, hashes[r], slots, heap)
                out[r] = code if code >= 0 else -1


@jit(i8, U1, I8, U8, i8, u8, I8w, U8w, U1w, U8w, I8w, I4w)
def add_rows(
    data: NDArray[np.uint8], offsets: NDArray[np.int64], hashes: NDArray[np.uint64], row: int, bits: np.uint64,
    size: NDArray[np.int64], slots: NDArray[np.uint64], heap: NDArray[np.uint8], seen: NDArray[np.uint64],
    places: NDArray[np.int64], out: NDArray[np.int32],
) -> int:  # fmt: skip
    """Give the rows from ``row`` on that ``find_rows`` left at -1 the next codes, in their order.

    ``hashes`` are quick ones; ``size`` = (codes there are, bytes of the heap in use); ``seen[c]`` holds the ``bits`` of
    the hash that orders code c, ``places[c]`` tells where its text begins.
    """
    n, used, last = size[0], size[1], hashes.size - 1
    for r in range(row, hashes.size):
        soon = r + _AHEAD if r + _AHEAD < last else last
        if out[soon] < 0:
            prefetch(slots, hashes[soon] & u8(slots.size - 1))
        if out[r] >= 0:
            continue
        h, a, length = hashes[r], offsets[r], offsets[r + 1] - offsets[r]
        code = _code(data, a, length, h, slots, heap)
        if code < 0:
            end = used + HEAD + (length + 7) // 8 * 8
            if n == seen.size or 2 * n >= slots.size or end > heap.size:
                return r
            for k in range(4):
                heap[used + k] = (n >> (8 * k)) & 255
                heap[used + 4 + k] = (length >> (8 * k)) & 255
            for k in range(length):  # assigning a slice would compile Numba's code for unlike shapes: 5 s
                heap[used + HEAD + k] = data[a + k]
            slots[-1 - code] = ((h >> u8(32)) << u8(32)) | u8((used + HEAD) >> 3)
            seen[n], places[n] = hash_text(data, a, offsets[r + 1], u8(0)) & bits, used + HEAD
            code = n
            n += 1
            used = end
            size[0], size[1] = n, used
        out[r] = code
    return hashes.size


@jit(types.void, U1, I8, I4, I8w, U1w)
def gather_texts(
    heap: NDArray[np.uint8], places: NDArray[np.int64], codes: NDArray[np.int32], ends: NDArray[np.int64],
    out: NDArray[np.uint8],
) -> None:  # fmt: skip
    """The texts of these codes, one behind another: ``out[ends[r]:ends[r + 1]]``; -1 is an empty one.

    Where ``out`` has no room for a byte, only ``ends`` is told: how much is needed.
    """
    write, last = out.size > 0, codes.size - 1
    for r in range(codes.size):
        later, soon = (
            codes[r + 2 * _AHEAD if r + 2 * _AHEAD < last else last],
            codes[r + _AHEAD if r + _AHEAD < last else last],
        )
        prefetch(places, u8(later if later >= 0 else 0))
        prefetch(heap, u8(places[soon if soon >= 0 else 0] - HEAD))
        c = codes[r]
        a = places[c if c >= 0 else 0]
        length = i8(word8(heap, u8(a - HEAD)) >> u8(32)) if c >= 0 else i8(0)
        if write:
            for k in range(length):
                out[ends[r] + k] = heap[a + k]
        else:
            ends[r + 1] = ends[r] + length


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
