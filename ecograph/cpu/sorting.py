"""Stable orders of integer keys: radix sorts that give the same permutation on every machine."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numpy.typing import NDArray

from ecograph.cpu._jit import I8, U1, U8, I8w, U8w, i8, jit, u8

__all__ = ["break_ties", "deal", "hash_order", "radix_order", "radix_sorted", "sorted_words"]

_DIGIT = 11  # bits a pass: 2048 write streams still fit the first-level cache


def radix_order(keys: NDArray[np.uint64], order: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
    """Positions that sort ``keys``, stable; equal keys keep the order of ``order`` (default: as they come)."""
    return radix_sorted(keys, order)[1]


def radix_sorted(
    keys: NDArray[np.uint64], order: NDArray[np.int64] | None = None
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """The keys in ``radix_order``, and that order.

    Passes over digits in which no two keys differ are left out: O(n) for each other digit. Keys move with their
    positions, so that each pass reads from front to back.
    """
    order, moved = (np.arange(keys.size, dtype=np.int64), keys) if order is None else (order, keys[order])
    differs = int(np.bitwise_or.reduce(keys ^ keys[0])) if keys.size else 0
    for shift in range(0, 64, _DIGIT):
        if differs >> shift & (1 << _DIGIT) - 1:
            out = np.empty_like(moved), np.empty_like(order)
            _radix_pass(moved, order, np.uint64(shift), _counts(), *out)
            moved, order = out
    return moved, order


def sorted_words(words: NDArray[np.uint64], low: int) -> NDArray[np.uint64]:
    """Words sorted by their bits from ``low`` on, stable; they and a copy are written over and over. O(n) a digit."""
    differs = int(np.bitwise_or.reduce(words ^ words[0])) if words.size else 0
    spare = np.empty_like(words)
    for shift in range(low, 64, _DIGIT):
        if differs >> shift & (1 << _DIGIT) - 1:
            _word_pass(words, np.uint64(shift), _counts(), spare)
            words, spare = spare, words
    return words


def _counts() -> NDArray[np.int64]:
    return np.zeros((1 << _DIGIT) + 1, np.int64)


def hash_order(hashes: NDArray[np.uint64]) -> tuple[NDArray[np.int64], bool]:
    """Positions that sort hashes, stable, and whether two of them are equal. O(n) where they are spread evenly.

    A word of the upper bits and the position is all that moves. Of n hashes some n^3 / 2^64 pairs agree in those bits:
    they are put right one by one.
    """
    low = max(hashes.size - 1, 1).bit_length()
    mask = np.uint64((1 << low) - 1)
    words = hashes & ~mask
    words |= np.arange(hashes.size, dtype=np.uint64)
    words = sorted_words(words, low)
    order = (words & mask).view(np.int64)
    return order, _mend_order(hashes, words, np.uint64(low), order)


def deal(keys: NDArray[np.uint8], n_keys: int, words: NDArray[np.uint64], out: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Write rows (``words[j, r]`` for each j) sorted by small ``keys``, stable, and say where each key's run starts.

    ``out`` is flat, row after row; there are ``n_keys + 1`` starts, in rows.
    """
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.bincount(keys, minlength=n_keys), dtype=np.int64)])
    _deal(keys, starts[:-1].copy(), words.reshape(-1), out)
    return starts


def break_ties(
    keys: NDArray[np.uint64], data: NDArray[np.uint8], offsets: NDArray[np.int64], order: NDArray[np.int64]
) -> NDArray[np.int64]:
    """``order`` with runs of equal keys sorted by their bytes; rows equal in both keep their order."""
    out = order.copy()
    _break_ties(keys, data, offsets, out)
    return out


@jit(types.void, U8, I8, u8, I8w, U8w, I8w)
def _radix_pass(
    keys: NDArray[np.uint64], order: NDArray[np.int64], shift: np.uint64, place: NDArray[np.int64],
    keys_out: NDArray[np.uint64], out: NDArray[np.int64],
) -> None:  # fmt: skip
    mask = (u8(1) << u8(_DIGIT)) - u8(1)
    for k in range(keys.size):
        place[i8((keys[k] >> shift) & mask) + 1] += 1
    for d in range(1, place.size):
        place[d] += place[d - 1]
    for k in range(keys.size):
        d = i8((keys[k] >> shift) & mask)
        keys_out[place[d]] = keys[k]
        out[place[d]] = order[k]
        place[d] += 1


@jit(types.void, U8, u8, I8w, U8w)
def _word_pass(words: NDArray[np.uint64], shift: np.uint64, place: NDArray[np.int64], out: NDArray[np.uint64]) -> None:
    mask = (u8(1) << u8(_DIGIT)) - u8(1)
    for word in words:
        place[i8((word >> shift) & mask) + 1] += 1
    for d in range(1, place.size):
        place[d] += place[d - 1]
    for word in words:
        d = i8((word >> shift) & mask)
        out[place[d]] = word
        place[d] += 1


@jit(types.boolean, U8, U8, u8, I8w)
def _mend_order(hashes: NDArray[np.uint64], words: NDArray[np.uint64], low: np.uint64, order: NDArray[np.int64]) -> Any:
    """Sort runs of words that agree from bit ``low`` on by all bits of their hashes; whether any two agree in all."""
    equal = False
    for i in range(1, words.size):
        if words[i] >> low != words[i - 1] >> low:
            continue
        row, j = order[i], i
        while j > 0 and hashes[order[j - 1]] > hashes[row]:
            order[j] = order[j - 1]
            j -= 1
        order[j] = row
        equal |= j > 0 and hashes[order[j - 1]] == hashes[row]
    return equal


@jit(types.void, U1, I8w, U8, U8w)
def _deal(
    keys: NDArray[np.uint8], place: NDArray[np.int64], words: NDArray[np.uint64], out: NDArray[np.uint64]
) -> None:
    n = keys.size
    width = words.size // n
    for r in range(n):
        k = i8(keys[r])
        at = place[k] * width
        for j in range(width):
            out[at + j] = words[j * n + r]
        place[k] += 1


@jit(types.boolean, U1, i8, i8, i8, i8)
def _comes_after(data: NDArray[np.uint8], a: int, a_stop: int, b: int, b_stop: int) -> Any:
    """Whether bytes a sort after bytes b: unsigned bytes, a prefix first."""
    while a < a_stop and b < b_stop:
        if data[a] != data[b]:
            return data[a] > data[b]
        a += 1
        b += 1
    return a < a_stop


@jit(types.void, U8, U1, I8, I8w)
def _break_ties(
    keys: NDArray[np.uint64], data: NDArray[np.uint8], offsets: NDArray[np.int64], order: NDArray[np.int64]
) -> None:
    """Insertion within runs of equal keys: they are short, since two ids share a hash once in 2**64."""
    for i in range(1, order.size):
        row = order[i]
        j = i
        while j > 0:
            other = order[j - 1]
            if keys[other] != keys[row]:
                break
            if not _comes_after(data, offsets[other], offsets[other + 1], offsets[row], offsets[row + 1]):
                break
            order[j] = other
            j -= 1
        order[j] = row
