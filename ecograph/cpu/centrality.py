"""Steps of the linear centralities over rows of arrows, and core numbers.

One writer a row; sums over all rows are made block by block and folded in index order outside: the same bits for
any number of threads.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numba import types
from numpy.typing import NDArray

from ecograph.cpu._jit import F8, F8_2, I4, I8, U1, F8w, F8w_2, I4w, I8w, f8, jit, prange

__all__ = ["BLOCK", "core_numbers", "pagerank_step", "pull", "row_sums"]

I4Array: TypeAlias = NDArray[np.int32]
I8Array: TypeAlias = NDArray[np.int64]
U1Array: TypeAlias = NDArray[np.uint8]
F8Array: TypeAlias = NDArray[np.float64]

BLOCK = 1024  # rows whose sums are made together: fixed, so that it's no matter who makes them


def row_sums(ptr: I8Array, w: F8Array) -> F8Array:
    """Sum of each row, 0 where it is empty."""
    out = np.empty(ptr.size - 1)
    _row_sums(ptr, w, out)
    return out


@jit(types.void, I8, F8, F8w, parallel=True)
def _row_sums(ptr: I8Array, w: F8Array, out: F8Array) -> None:
    for j in prange(out.size):
        total = 0.0
        for e in range(ptr[j], ptr[j + 1]):
            total += w[e]
        out[j] = total


def pull(ptr: I8Array, column: I4Array, w: F8Array, x: F8Array) -> F8Array:
    """out[j] = sum of w_e x[column_e] over row j."""
    out = np.empty(ptr.size - 1)
    _pull(ptr, column, w, x, out)
    return out


@jit(types.void, I8, I4, F8, F8, F8w, parallel=True)
def _pull(ptr: I8Array, column: I4Array, w: F8Array, x: F8Array, out: F8Array) -> None:
    for j in prange(out.size):
        total = 0.0
        for e in range(ptr[j], ptr[j + 1]):
            total += w[e] * x[column[e]]
        out[j] = total


@jit(types.void, I8, I4, F8, U1, F8_2, F8_2, F8, f8, F8_2, F8w_2, F8w_2, F8w_2, parallel=True)
def pagerank_step(
    ptr: I8Array,
    column: I4Array,
    share: F8Array,
    ends: U1Array,
    restart: F8Array,
    dangle: F8Array,
    held: F8Array,
    alpha: float,
    x: F8Array,
    new: F8Array,
    change: F8Array,
    ended: F8Array,
) -> None:
    """One step of every lane: new = alpha (S x + held dangle) + (1 - alpha) restart.

    ``held[k]`` is the sum of x over rows without arrows out (``ends``). By block: ``change`` is the sum of
    |new - x|, ``ended`` the sum of new over such rows.
    """
    n, lanes = x.shape
    for b in prange(change.shape[0]):
        acc = np.empty(lanes)
        for k in range(lanes):
            change[b, k] = ended[b, k] = 0.0
        for j in range(b * BLOCK, min(n, (b + 1) * BLOCK)):
            acc[:] = 0.0
            if lanes == 1:  # no loop over lanes inside
                total = 0.0
                for e in range(ptr[j], ptr[j + 1]):
                    total += share[e] * x[column[e], 0]
                acc[0] = total
            else:
                for e in range(ptr[j], ptr[j + 1]):
                    i, q = column[e], share[e]
                    for k in range(lanes):
                        acc[k] += q * x[i, k]
            for k in range(lanes):
                value = alpha * (acc[k] + held[k] * dangle[j, k]) + (1.0 - alpha) * restart[j, k]
                change[b, k] += abs(value - x[j, k])
                if ends[j]:
                    ended[b, k] += value
                new[j, k] = value


def core_numbers(in_ptr: I8Array, in_column: I4Array, out_ptr: I8Array, out_column: I4Array) -> I8Array:
    """Core number of each row, arrows in and out counted together."""
    degree: I8Array = np.diff(in_ptr) + np.diff(out_ptr)
    n = degree.size
    order = np.argsort(degree, kind="stable").astype(np.int32)
    place = np.empty(n, np.int32)
    place[order] = np.arange(n, dtype=np.int32)
    first = np.searchsorted(degree[order], np.arange(int(degree.max(initial=0)) + 1)).astype(np.int64)
    _core_numbers(in_ptr, in_column, out_ptr, out_column, order, place, first, degree)
    return degree


@jit(types.void, I8, I4, I8, I4, I4w, I4w, I8w, I8w)
def _core_numbers(
    in_ptr: I8Array,
    in_column: I4Array,
    out_ptr: I8Array,
    out_column: I4Array,
    order: I4Array,
    place: I4Array,
    first: I8Array,
    degree: I8Array,
) -> None:
    """Batagelj and Zaversnik (2003): take rows by rising degree; whoever is left loses what leads to them.

    ``order`` is sorted by degree throughout, ``first[d]`` the place where degrees >= d begin. Serial; O(arrows).
    """
    for q in range(order.size):
        v = order[q]
        for side in range(2):
            ptr, column = (in_ptr, in_column) if side == 0 else (out_ptr, out_column)
            for e in range(ptr[v], ptr[v + 1]):
                u = column[e]
                if degree[u] > degree[v]:
                    start = max(first[degree[u]], q + 1)
                    other, at = order[start], place[u]
                    order[start], order[at] = u, other
                    place[u], place[other] = start, at
                    first[degree[u]] = start + 1
                    degree[u] -= 1
