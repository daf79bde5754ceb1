"""Eight lanes as one: what is done to the numbers that eight cascades have in a row.

A state is one array, row-major: the lanes of row j are the eight numbers from ``at(j)`` on, one line of the cache. They
are read into a tuple, which LLVM keeps in two vector registers. Unsigned indices spare a look for negative ones.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numba import types
from numpy.typing import NDArray

from ecograph.cpu._jit import F8, F8w, b1, f8, i8, jit, u8

__all__ = ["LANES", "NONE", "ONE", "V8", "Lanes", "add_scaled", "alike", "at", "gap", "least", "load", "most", "pick",
           "room", "some", "store"]  # fmt: skip

F8Array: TypeAlias = NDArray[np.float64]
Lanes: TypeAlias = tuple[float, float, float, float, float, float, float, float]

LANES = 8  # 64 bytes: a line of the cache, and two AVX registers
V8 = types.UniTuple(f8, LANES)
NONE: Lanes = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
ONE: Lanes = (1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)
_1, _2, _3, _4, _5, _6, _7 = (np.uint64(k) for k in range(1, LANES))


def room(rows: int, value: float) -> F8Array:
    """Lanes of so many rows, all of one value; each row is a line of the cache, and not parts of two."""
    whole = np.empty((rows + 1) * LANES)
    skip = -whole.ctypes.data % 64 // whole.itemsize
    part = whole[skip : skip + rows * LANES]
    part.fill(value)
    return part


@jit(u8, i8)
def at(j: int) -> np.uint64:
    """Where row j begins."""
    return np.uint64(j) << _3


@jit(V8, F8, u8)
def load(x: F8Array, k: np.uint64) -> Lanes:
    """The eight from k on."""
    return x[k], x[k + _1], x[k + _2], x[k + _3], x[k + _4], x[k + _5], x[k + _6], x[k + _7]


@jit(types.void, F8w, u8, V8)
def store(x: F8Array, k: np.uint64, a: Lanes) -> None:
    """Put eight back."""
    x[k], x[k + _1], x[k + _2], x[k + _3] = a[0], a[1], a[2], a[3]
    x[k + _4], x[k + _5], x[k + _6], x[k + _7] = a[4], a[5], a[6], a[7]


@jit(V8, f8)
def alike(a: float) -> Lanes:
    """The same in all lanes."""
    return a, a, a, a, a, a, a, a


@jit(V8, V8, f8, V8)
def add_scaled(a: Lanes, w: float, b: Lanes) -> Lanes:
    """What w b adds to a."""
    return (a[0] + w * b[0], a[1] + w * b[1], a[2] + w * b[2], a[3] + w * b[3],
            a[4] + w * b[4], a[5] + w * b[5], a[6] + w * b[6], a[7] + w * b[7])  # fmt: skip


@jit(V8, V8, V8)
def gap(a: Lanes, b: Lanes) -> Lanes:
    """How far a is above b."""
    return (a[0] - b[0], a[1] - b[1], a[2] - b[2], a[3] - b[3],
            a[4] - b[4], a[5] - b[5], a[6] - b[6], a[7] - b[7])  # fmt: skip


@jit(V8, V8, V8)
def most(a: Lanes, b: Lanes) -> Lanes:
    """The larger."""
    return (max(a[0], b[0]), max(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3]),
            max(a[4], b[4]), max(a[5], b[5]), max(a[6], b[6]), max(a[7], b[7]))  # fmt: skip


@jit(V8, V8, V8)
def least(a: Lanes, b: Lanes) -> Lanes:
    """The smaller."""
    return (min(a[0], b[0]), min(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3]),
            min(a[4], b[4]), min(a[5], b[5]), min(a[6], b[6]), min(a[7], b[7]))  # fmt: skip


@jit(V8, V8, V8, V8)
def pick(on: Lanes, a: Lanes, b: Lanes) -> Lanes:
    """One of them: a in lanes where ``on`` is above 0, and b elsewhere."""
    return (a[0] if on[0] > 0.0 else b[0], a[1] if on[1] > 0.0 else b[1], a[2] if on[2] > 0.0 else b[2],
            a[3] if on[3] > 0.0 else b[3], a[4] if on[4] > 0.0 else b[4], a[5] if on[5] > 0.0 else b[5],
            a[6] if on[6] > 0.0 else b[6], a[7] if on[7] > 0.0 else b[7])  # fmt: skip


@jit(b1, V8)
def some(d: Lanes) -> bool:
    """Is one of them not 0? A sum of sizes is 0 only where all are."""
    low = (abs(d[0]) + abs(d[4])) + (abs(d[1]) + abs(d[5]))
    return bool(low + ((abs(d[2]) + abs(d[6])) + (abs(d[3]) + abs(d[7]))) > 0.0)
