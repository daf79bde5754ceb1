"""Counting pairs that two rankings put in opposite orders."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecograph.cpu._jit import I8, I8w, i8, jit

__all__ = ["inversions"]


def inversions(code: NDArray[np.int64], largest: int) -> int:
    """Pairs p < q with code[p] > code[q]; codes from 1 to ``largest``."""
    return int(_inversions(code, np.zeros(largest + 1, np.int64)))


@jit(i8, I8, I8w)
def _inversions(code: NDArray[np.int64], tree: NDArray[np.int64]) -> int:
    """Fenwick's tree of the codes met so far: O(n log n)."""
    found = 0
    for p in range(code.size):
        larger, c = p, code[p]
        while c > 0:
            larger -= tree[c]
            c -= c & -c
        found += larger
        c = code[p]
        while c < tree.size:
            tree[c] += 1
            c += c & -c
    return found
