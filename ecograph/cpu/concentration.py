"""Concentration of each receiver's inputs over its providers."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numba import types
from numpy.typing import NDArray

from ecograph.cpu._jit import F8, I8, F8w, jit, prange

__all__ = ["gini_rows", "hhi_rows"]

I8Array: TypeAlias = NDArray[np.int64]
F8Array: TypeAlias = NDArray[np.float64]


def hhi_rows(ptr: I8Array, w: F8Array) -> F8Array:
    """Sum of squared shares of each row."""
    out = np.empty(ptr.size - 1)
    _hhi_rows(ptr, w, out)
    return out


@jit(types.void, I8, F8, F8w, parallel=True)
def _hhi_rows(ptr: I8Array, w: F8Array, out: F8Array) -> None:
    """out[j] = sum of squared shares of row j; NaN where the row is empty."""
    for j in prange(out.size):  # one writer per j: no race, same bits for any thread count
        total = 0.0
        for e in range(ptr[j], ptr[j + 1]):
            total += w[e]
        if total == 0.0:
            out[j] = np.nan
            continue
        index = 0.0
        for e in range(ptr[j], ptr[j + 1]):
            share = w[e] / total
            index += share * share
        out[j] = index


def gini_rows(ptr: I8Array, w: F8Array) -> F8Array:
    """Gini coefficient of each row, population form."""
    out = np.empty(ptr.size - 1)
    _gini_rows(ptr, w, out)
    return out


@jit(types.void, I8, F8, F8w, parallel=True)
def _gini_rows(ptr: I8Array, w: F8Array, out: F8Array) -> None:
    """out[j] = sum of (2 i - k - 1) w_(i) / (k sum w) over the k amounts of row j in rising order."""
    for j in prange(out.size):
        rising = np.sort(w[ptr[j] : ptr[j + 1]])
        k = rising.size
        total = 0.0
        for i in range(k):
            total += rising[i]
        if total == 0.0:
            out[j] = np.nan
            continue
        spread = 0.0
        for i in range(k):
            spread += (2 * i - k + 1) * (rising[i] / total)
        out[j] = spread / k
