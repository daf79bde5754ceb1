"""Seeded graphs as arrays, in three shapes: load balance is the story of every sparse kernel."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["SHAPES", "power_law", "rows_of"]

Ends: TypeAlias = tuple[NDArray[np.int32], NDArray[np.int32]]


def r_mat(n: int, arrows: int, seed: int = 1) -> Ends:
    """Recursive matrix (Chakrabarti, Zhan, Faloutsos 2004) with Graph500's quarters, nodes shuffled."""
    rng = np.random.default_rng(seed)
    levels = max(1, (n - 1).bit_length())
    row, column = np.zeros(arrows, np.int64), np.zeros(arrows, np.int64)
    for _ in range(levels):
        down = rng.random(arrows) > 0.76  # 0.57 + 0.19 of the arrows stay above
        right = rng.random(arrows) > np.where(down, 0.19 / 0.24, 0.57 / 0.76)
        row, column = 2 * row + down, 2 * column + right
    shuffled = rng.permutation(n).astype(np.int32)
    return shuffled[row % n], shuffled[column % n]


def uniform(n: int, arrows: int, seed: int = 1) -> Ends:
    """Both ends drawn from all nodes alike."""
    rng = np.random.default_rng(seed)
    row, column = rng.integers(0, n, (2, arrows), np.int32)
    return row, column


def one_hub(n: int, arrows: int, seed: int = 1) -> Ends:
    """Half of the arrows lead to node 0, the others anywhere."""
    row, column = uniform(n, arrows, seed)
    column[: arrows // 2] = 0
    return row, column


SHAPES: dict[str, Callable[[int, int, int], Ends]] = {"R-MAT": r_mat, "uniform": uniform, "one hub": one_hub}


def power_law(n: int, mean: float, exponent: float, cap: int, seed: int = 1) -> Ends:
    """Arrows whose out-degrees follow k^-exponent up to ``cap``, scaled to the mean; the other end drawn alike."""
    rng = np.random.default_rng(seed)
    k = np.arange(1, cap + 1)
    p = k ** -float(exponent)
    drawn = rng.choice(k, n, p=p / p.sum()).astype(np.float64)
    degree = np.minimum(rng.poisson(drawn * mean / drawn.mean()), cap)
    ends: list[NDArray[np.int32]] = [np.repeat(np.arange(n, dtype=np.int32), degree) for _ in range(2)]
    row, column = ends[0], rng.permutation(ends[1])
    other = row != column
    return row[other], column[other]


def rows_of(row: NDArray[np.int32], column: NDArray[np.int32], n: int) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """``ptr`` and columns by row, columns rising; arrows that are there twice stay."""
    order = np.lexsort((column, row))
    ptr = np.zeros(n + 1, np.int64)
    np.cumsum(np.bincount(row, minlength=n), out=ptr[1:])
    return ptr, column[order]
