"""Ranks under uncertainty: a factor of a covariance, the largest studentised difference, and who is above whom."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numba import types
from numpy.typing import NDArray

from ecograph.cpu._jit import F8, F8_2, F8w, F8w_2, I8w, f8, i8, jit
from ecograph.cpu.threads import over_blocks

__all__ = ["above_and_below", "covary", "factor", "largest_differences"]

F8Array: TypeAlias = NDArray[np.float64]
I8Array: TypeAlias = NDArray[np.int64]
DRAWS = 256  # in a block: 100 estimates of them stay in the second cache


def factor(covariance: F8Array, least: float) -> F8Array:
    """L with L L' = covariance, by Cholesky's elimination with the largest pivot first; it ends at pivots <= least.

    (n, rank): what is left over has no diagonal entry above ``least``.
    """
    n = covariance.shape[0]
    out = np.zeros((n, n))
    rank = _factor(np.diag(covariance).copy(), np.ascontiguousarray(covariance), least, out)
    return np.ascontiguousarray(out[:, :rank])


@jit(i8, F8w, F8_2, f8, F8w_2)
def _factor(left: F8Array, covariance: F8Array, least: float, out: F8Array) -> int:
    n = left.size
    for k in range(n):
        pivot = 0
        for i in range(1, n):
            if left[i] > left[pivot]:
                pivot = i
        if left[pivot] <= least:
            return k
        root = np.sqrt(left[pivot])
        for i in range(n):
            if left[i] >= 0.0:
                value = covariance[i, pivot]
                for q in range(k):
                    value -= out[i, q] * out[pivot, q]
                out[i, k] = value / root
                left[i] -= out[i, k] * out[i, k]
        left[pivot] = -1.0
    return n


def covary(root: F8Array, normal: F8Array) -> F8Array:
    """Draws with the covariance root root': (draws, n) from (draws, rank) independent standard normal ones."""
    out = np.zeros((normal.shape[0], root.shape[0]))
    over_blocks(_covary, -(-out.shape[0] // DRAWS), normal.size * root.shape[0], root, normal, out)
    return out


@jit(types.void, i8, F8_2, F8_2, F8w_2)
def _covary(b: int, root: F8Array, normal: F8Array, out: F8Array) -> None:
    end = (b + 1) * DRAWS if (b + 1) * DRAWS < out.shape[0] else out.shape[0]
    for d in range(b * DRAWS, end):
        for i in range(out.shape[1]):
            total = 0.0
            for q in range(root.shape[1]):
                total += root[i, q] * normal[d, q]
            out[d, i] = total


def largest_differences(deviation: F8Array, error: F8Array) -> F8Array:
    """For each draw the largest |d_k - d_l| / error[k, l] over all pairs whose error is above 0; 0 where none is."""
    out = np.zeros(deviation.shape[0])
    per_error = np.divide(1.0, error, out=np.zeros(error.shape), where=error > 0.0)
    blocks, work = -(-out.size // DRAWS), out.size * error.size // 2
    over_blocks(_largest, blocks, work, np.ascontiguousarray(deviation.T), per_error, out)
    return out


@jit(types.void, i8, F8_2, F8_2, F8w)
def _largest(b: int, deviation: F8Array, per_error: F8Array, out: F8Array) -> None:
    """Pair by pair over a block of draws: the inner loop takes several draws in one instruction."""
    begin, end = b * DRAWS, (b + 1) * DRAWS if (b + 1) * DRAWS < out.size else out.size
    for k in range(per_error.shape[0]):
        for m in range(k):
            scale = per_error[k, m]
            if scale > 0.0:
                for d in range(begin, end):
                    t = abs(deviation[k, d] - deviation[m, d]) * scale
                    out[d] = t if t > out[d] else out[d]


def above_and_below(low: F8Array, high: F8Array, error: F8Array, critical: float) -> tuple[I8Array, I8Array]:
    """How many are significantly above each, and how many below: bounds further apart than critical * error."""
    above, below = np.zeros(low.size, np.int64), np.zeros(low.size, np.int64)
    _above_and_below(low, high, error, critical, above, below)
    return above, below


@jit(types.void, F8, F8, F8_2, f8, I8w, I8w)
def _above_and_below(
    low: F8Array, high: F8Array, error: F8Array, critical: float, above: I8Array, below: I8Array
) -> None:
    for k in range(low.size):
        for m in range(low.size):
            if low[m] - high[k] > critical * error[k, m]:
                above[k] += 1
                below[m] += 1
