"""XXH64 over Arrow string buffers: the hash that orders participants, written down here.

The algorithm is the published one (XXH64 in https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md),
so the order of participants depends on no library's version. All arithmetic is modulo 2**64. ``quick_hash`` is our
own, and orders nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numpy.typing import NDArray

from ecograph.cpu._jit import I8, U1, U8w, i8, jit, u8
from ecograph.cpu.threads import over_blocks

__all__ = ["hash_rows", "hash_text", "quick_hash", "word8"]

_P1 = np.uint64(0x9E3779B185EBCA87)
_P2 = np.uint64(0xC2B2AE3D27D4EB4F)
_P3 = np.uint64(0x165667B19E3779F9)
_P4 = np.uint64(0x85EBCA77C2B2AE63)
_P5 = np.uint64(0x27D4EB2F165667C5)
_BLOCK = 1 << 14  # rows hashed in one call
_WORK = 8  # multiplications that hashing a short id is


@np.errstate(over="ignore")  # wrapping is meant; only an uncompiled kernel would warn of it
def hash_rows(data: NDArray[np.uint8], offsets: NDArray[np.int64], seed: int = 0) -> NDArray[np.uint64]:
    """XXH64 of the bytes ``data[offsets[r]:offsets[r + 1]]`` for every row r, in O(bytes)."""
    out = np.empty(offsets.size - 1, np.uint64)
    over_blocks(_hash_rows, -(-out.size // _BLOCK), _WORK * out.size, data, offsets, np.uint64(seed), out)
    return out


@jit(u8, u8, u8)
def _rotate(x: np.uint64, r: np.uint64) -> Any:
    return (x << r) | (x >> (u8(64) - r))


@jit(u8, u8, u8)
def _round(lane: np.uint64, word: np.uint64) -> Any:
    return _rotate(lane + word * _P2, u8(31)) * _P1


@jit(u8, u8, u8)
def _merge(h: np.uint64, lane: np.uint64) -> Any:
    return (h ^ _round(u8(0), lane)) * _P1 + _P4


@jit(u8, U1, u8)
def _word4(data: NDArray[np.uint8], i: np.uint64) -> Any:
    """Four bytes, the first one lowest: the spec's byte order on any machine.

    Unsigned positions spare the test for negative ones, so that LLVM makes one load of it.
    """
    low = u8(data[i]) | (u8(data[i + u8(1)]) << u8(8))
    return low | (u8(data[i + u8(2)]) << u8(16)) | (u8(data[i + u8(3)]) << u8(24))


@jit(u8, U1, u8)
def word8(data: NDArray[np.uint8], i: np.uint64) -> Any:
    """Eight bytes from ``data[i]`` on, the first one lowest."""
    return _word4(data, i) | (_word4(data, i + u8(4)) << u8(32))


@jit(u8, U1, i8, i8, u8)
def _stripes(data: NDArray[np.uint8], start: int, stop: int, seed: np.uint64) -> Any:
    """Steps 1 to 3 of the spec: four lanes over whole stripes of 32 bytes, then merged."""
    a, b, c, d = seed + _P1 + _P2, seed + _P2, seed, seed - _P1
    for i in range(start, stop, 32):
        a = _round(a, word8(data, u8(i)))
        b = _round(b, word8(data, u8(i + 8)))
        c = _round(c, word8(data, u8(i + 16)))
        d = _round(d, word8(data, u8(i + 24)))
    h = _rotate(a, u8(1)) + _rotate(b, u8(7)) + _rotate(c, u8(12)) + _rotate(d, u8(18))
    return _merge(_merge(_merge(_merge(h, a), b), c), d)


@jit(u8, U1, i8, i8, u8)
def hash_text(data: NDArray[np.uint8], start: int, stop: int, seed: np.uint64) -> Any:
    """XXH64 of the bytes ``data[start:stop]``."""
    i = start + (stop - start) // 32 * 32
    h = (_stripes(data, start, i, seed) if i > start else seed + _P5) + u8(stop - start)
    while i + 8 <= stop:
        h = _rotate(h ^ _round(u8(0), word8(data, u8(i))), u8(27)) * _P1 + _P4
        i += 8
    if i + 4 <= stop:
        h = _rotate(h ^ (_word4(data, u8(i)) * _P1), u8(23)) * _P2 + _P3
        i += 4
    while i < stop:
        h = _rotate(h ^ (u8(data[i]) * _P5), u8(11)) * _P1
        i += 1
    h = (h ^ (h >> u8(33))) * _P2
    h = (h ^ (h >> u8(29))) * _P3
    return h ^ (h >> u8(32))


@jit(u8, u8)
def _spread(h: np.uint64) -> Any:
    h = (h ^ (h >> u8(29))) * _P3
    return h ^ (h >> u8(32))


@jit(u8, U1, i8, i8)
def quick_hash(data: NDArray[np.uint8], start: int, stop: int) -> Any:
    """Where to look for the bytes ``data[start:stop]``: a fourth of XXH64's time for short ids, good enough for tables.

    Texts of 8 to 16 bytes are two words, which may overlap: no branch on their length to mispredict.
    """
    n, i, end = u8(stop - start), u8(start), u8(stop)
    h = n * _P5
    while i + u8(16) < end:
        h = _spread((h ^ word8(data, i)) * _P1)  # the next word meets no bits that say where this one differs
        i += u8(8)
    if n >= u8(8):
        a, b = word8(data, i), word8(data, end - u8(8))
    elif n >= u8(4):
        a, b = _word4(data, i), _word4(data, end - u8(4))
    elif n > u8(0):
        a, b = u8(data[i]) | (u8(data[i + (n >> u8(1))]) << u8(8)), u8(data[end - u8(1)])
    else:
        a, b = u8(0), u8(0)
    return _spread(((a ^ h) * _P1) ^ _rotate(b * _P2, u8(32)))


@jit(types.void, i8, U1, I8, u8, U8w)
def _hash_rows(
    block: int, data: NDArray[np.uint8], offsets: NDArray[np.int64], seed: np.uint64, out: NDArray[np.uint64]
) -> None:
    for r in range(block * _BLOCK, min((block + 1) * _BLOCK, out.size)):
        out[r] = hash_text(data, offsets[r], offsets[r + 1], seed)
