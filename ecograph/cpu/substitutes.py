"""What the others of one's group have."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numba import types
from numpy.typing import NDArray

from ecograph.cpu._jit import F8, I4, F8w, jit

__all__ = ["sum_of_others"]

I4Array: TypeAlias = NDArray[np.int32]
F8Array: TypeAlias = NDArray[np.float64]


def sum_of_others(group: I4Array, value: F8Array, groups: int) -> F8Array:
    """For each participant the sum of ``value`` >= 0 over its group without itself.

    Those before and those behind are added apart: taking oneself out of a total would cancel digits.
    """
    out = np.zeros(value.size)
    _sum_of_others(group, value, np.zeros(groups), np.zeros(groups), out)
    return out


@jit(types.void, I4, F8, F8w, F8w, F8w)
def _sum_of_others(group: I4Array, value: F8Array, before: F8Array, behind: F8Array, out: F8Array) -> None:
    for i in range(value.size):
        out[i] = before[group[i]]
        before[group[i]] += value[i]
    for i in range(value.size - 1, -1, -1):
        out[i] += behind[group[i]]
        behind[group[i]] += value[i]
