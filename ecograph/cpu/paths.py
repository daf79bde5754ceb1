"""Searches for shortest paths from many sources, and what they add up to.

Sources are dealt out to a fixed number of blocks, each with arrays of its own, and a block takes its sources in
order: the same bits for any number of threads and for any cut of the sources into calls.

All kernels begin with the same arguments. Arrows by where they come from and, behind them, by where they lead (or an
empty ``back_column``); their lengths, none for hops; ``node``, by participant: how many copies it stands for, how many
targets they lead to, how many of those a copy has in the other copies, and how many sources they stand for.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numba import types
from numpy.typing import NDArray

from ecograph.cpu._jit import F8, F8_2, I4, I8, F8w, F8w_2, I4w, b1, i4, i8, jit
from ecograph.cpu.breadth import gather, spread
from ecograph.cpu.dijkstra import along_lengths, shortest_first

__all__ = ["BLOCKS", "brandes", "brandes_rows", "distance_sums", "plain", "scratch"]

I4Array: TypeAlias = NDArray[np.int32]
I8Array: TypeAlias = NDArray[np.int64]
F8Array: TypeAlias = NDArray[np.float64]

BLOCKS = 16  # sources searched at the same time, at most


def scratch(n: int, hops: bool) -> tuple[F8Array, I4Array]:
    """Working arrays, four of each kind for each block, as a search finds and leaves them."""
    real = np.zeros((BLOCKS, 4, n + 2))
    if not hops:
        real[:, 0] = np.inf
    return real.ravel(), np.full(BLOCKS * 4 * (n + 2), -1, np.int32)


def plain(n: int) -> F8Array:
    """``node`` where everyone stands for nobody but itself."""
    node = np.ones((4, n))
    node[2] = 0.0
    return node


@jit(i8, i4, b1, I8, I4, I8, I4, F8, F8_2, F8w, I4w)
def _search(
    s: int,
    back: bool,
    ptr: I8Array,
    column: I4Array,
    back_ptr: I8Array,
    back_column: I4Array,
    length: F8Array,
    node: F8Array,
    real: F8Array,
    whole: I4Array,
) -> int:
    """Put everyone reached from s in order, in the first part of ``whole``; return how many places there are.

    In the last part of ``real``, by place: what depends on each, or without ``back`` how far each is from s.
    """
    m = ptr.size + 1
    a, b, c, value = real[:m], real[m : 2 * m], real[2 * m : 3 * m], real[3 * m :]
    order, p, q, r = whole[:m], whole[m : 2 * m], whole[2 * m : 3 * m], whole[3 * m :]
    if length.size > 0:
        reached: int = shortest_first(s, ptr, column, length, a, b, order, p, q, r)
        if back:
            along_lengths(reached, ptr, column, length, a, b, c, value, order, p)
        else:
            for i in range(reached):
                value[i] = a[order[i]]
        return reached
    copies, targets, own = node[0], node[1], node[2, s]
    levels = spread(s, own, ptr, column, back_ptr, back_column, copies, a, b, value, order, p, q, r)
    if back:
        gather(levels, s, own, ptr, column, back_ptr, back_column, copies, targets, a, b, c, value, order, q, r)
    else:
        for level in range(levels):
            value[q[level] : q[level + 1]] = level
    return int(q[levels])


@jit(types.void, i8, b1, F8w, I4w)
def _forget(reached: int, hops: bool, real: F8Array, whole: I4Array) -> None:
    """Leave the arrays as ``scratch`` made them."""
    m = real.size // 4
    for r in range(reached):
        v = whole[r]
        if hops:
            real[v] = 0.0
        else:
            real[v], whole[m + v], whole[3 * m + v] = np.inf, -1, -1


@jit(types.void, i8, I8, I4, I8, I4, F8, F8_2, I4, i8, i8, F8w, I4w, b1, F8w, F8w_2)
def brandes(
    b: int,
    ptr: I8Array,
    column: I4Array,
    back_ptr: I8Array,
    back_column: I4Array,
    length: F8Array,
    node: F8Array,
    source: I4Array,
    begin: int,
    end: int,
    real: F8Array,
    whole: I4Array,
    squares: bool,
    sums: F8Array,
    went: F8Array,
) -> None:
    """Add what sources ``begin`` (a multiple of BLOCKS) to ``end`` make of each participant to each block's ``sums``.

    ``sums`` has two rows a block: one-sided dependencies, and either their squares or the sources that reach it.
    Without ``squares``, ``went`` gets two rows: the targets that each source reaches, and 1 where it is reached again;
    then it is among its own sources and targets.
    """
    n, m = ptr.size - 1, real.size // BLOCKS
    real, whole = real[b * m :][:m], whole[b * m :][:m]
    order, delta = whole[: m // 4], real[3 * m // 4 :]
    total, other, targets = sums[2 * b * n :][:n], sums[(2 * b + 1) * n :][:n], node[1]
    for q in range(begin + b, end, BLOCKS):
        s = source[q]
        reached = _search(s, True, ptr, column, back_ptr, back_column, length, node, real, whole)
        weight, found = node[3, s], 0.0
        for r in range(1, reached):
            v = np.uint64(order[r])
            total[v] += weight * delta[r]
            other[v] += delta[r] * delta[r] if squares else weight
            found += targets[v]
        if not squares:
            went[0, q], went[1, q] = found, node[2, s] > 0.0 and real[s] != 0.0
        _forget(reached, length.size == 0, real, whole)


@jit(types.void, i8, I8, I4, I8, I4, F8, F8_2, I4, i8, i8, F8w, I4w, F8w)
def brandes_rows(
    b: int,
    ptr: I8Array,
    column: I4Array,
    back_ptr: I8Array,
    back_column: I4Array,
    length: F8Array,
    node: F8Array,
    source: I4Array,
    begin: int,
    end: int,
    real: F8Array,
    whole: I4Array,
    out: F8Array,
) -> None:
    """Row q of ``out``, all 0 before: delta_s(v) of source q over all but s and v that s reaches; 0 for s itself."""
    n, m = ptr.size - 1, real.size // BLOCKS
    real, whole = real[b * m :][:m], whole[b * m :][:m]
    for q in range(begin + b, end, BLOCKS):
        reached = _search(source[q], True, ptr, column, back_ptr, back_column, length, node, real, whole)
        row = out[q * n :][:n]
        if reached > 2:
            for r in range(1, reached):
                row[whole[r]] = real[3 * m // 4 + r] / (reached - 2)
        _forget(reached, length.size == 0, real, whole)


@jit(types.void, i8, I8, I4, I8, I4, F8, F8_2, I4, i8, i8, F8w, I4w, F8w_2)
def distance_sums(
    b: int,
    ptr: I8Array,
    column: I4Array,
    back_ptr: I8Array,
    back_column: I4Array,
    length: F8Array,
    node: F8Array,
    source: I4Array,
    begin: int,
    end: int,
    real: F8Array,
    whole: I4Array,
    out: F8Array,
) -> None:
    """For each source, in three rows: how many others it reaches, the sum of distances to them, and of inverses."""
    m = real.size // BLOCKS
    real, whole = real[b * m :][:m], whole[b * m :][:m]
    for q in range(begin + b, end, BLOCKS):
        reached = _search(source[q], False, ptr, column, back_ptr, back_column, length, node, real, whole)
        far, near = 0.0, 0.0
        for dist in real[3 * m // 4 + 1 :][: reached - 1]:
            far += dist
            near += 1.0 / dist
        out[0, q], out[1, q], out[2, q] = reached - 1, far, near
        _forget(reached, length.size == 0, real, whole)
