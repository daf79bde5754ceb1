"""What hangs below each node of a dominator tree."""

from __future__ import annotations

import numpy as np
from numba import types
from numpy.typing import NDArray

from ecograph.cpu._jit import I4, I8w, jit

__all__ = ["below"]


def below(parent: NDArray[np.int32]) -> NDArray[np.int64]:
    """How many nodes have each node above them; parents have smaller numbers, and node 0 none."""
    size = np.zeros(parent.size, np.int64)
    _below(parent, size)
    return size


@jit(types.void, I4, I8w)
def _below(parent: NDArray[np.int32], size: NDArray[np.int64]) -> None:
    for v in range(parent.size - 1, 0, -1):
        size[parent[v]] += size[v] + 1
