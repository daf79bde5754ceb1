"""Searches for shortest paths from many sources, and what they add up to.

Sources are dealt out to a fixed number of blocks, each with arrays of its own, and a block takes its sources in
order: the same bits for any number of threads and for any cut of the sources into calls.

Both kernels, one for hops and one for lengths, take the same arguments: a block; arrows by where they come from and
by where they lead (or an empty ``back_column``); their lengths, if any; ``node``, four numbers of each participant: how
many copies it stands for, how many targets those lead to, how many of these a copy has in the other copies, and how
many sources they stand for; sources ``begin`` (a multiple of BLOCKS) to ``end``; ``scratch``; what is asked, and where
it goes. ``back`` and ``node`` are for hops only.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numba import types
from numpy.typing import NDArray

from ecograph.cpu._jit import F8, F8_2, I4, I8, F8w, F8w_2, I4w, i4, i8, jit
from ecograph.cpu.breadth import gather, spread
from ecograph.cpu.dijkstra import along_lengths, shortest_first

__all__ = ["BLOCKS", "DISTANCES", "ROWS", "SQUARES", "SUMS", "by_hops", "by_lengths", "plain", "scratch"]

I4Array: TypeAlias = NDArray[np.int32]
I8Array: TypeAlias = NDArray[np.int64]
F8Array: TypeAlias = NDArray[np.float64]

BLOCKS = 16  # sources searched at the same time, at most
SUMS, SQUARES, ROWS, DISTANCES = range(4)  # what ``add`` makes of a search


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


@jit(types.void, i8, i8, i8, i4, i8, i8, I4, F8, F8_2, F8w, F8w_2)
def _add(
    what: int,
    b: int,
    q: int,
    s: int,
    reached: int,
    n: int,
    order: I4Array,
    value: F8Array,
    node: F8Array,
    sums: F8Array,
    went: F8Array,
) -> None:
    """Take up what the search from s, source q, found of each place: what depends on it, or how far it is.

    SUMS: each block has two rows of ``sums``, for dependencies, and for the sources that reach each participant;
    ``went`` has the targets that each source reaches. SQUARES: the second row is for squares of dependencies. ROWS: row
    q is delta_s(v) over all but s and v that s reaches; 0, as it was before, for s. DISTANCES: ``went`` has how many
    others each source reaches, the sum of distances to them, and of inverses.
    """
    if what == ROWS:
        row = sums[q * n :][:n]
        for r in range(1, reached if reached > 2 else 0):
            row[order[r]] = value[r] / (reached - 2)
    elif what == DISTANCES:
        far, near = 0.0, 0.0
        for r in range(1, reached):
            far += value[r]
            near += 1.0 / value[r]
        went[0, q], went[1, q], went[2, q] = reached - 1, far, near
    else:
        total, other, targets = sums[2 * b * n :][:n], sums[(2 * b + 1) * n :][:n], node[1]
        weight, found = node[3, s], 0.0
        for r in range(1, reached):
            v = np.uint64(order[r])  # unsigned, as in ``breadth``
            total[v] += weight * value[r]
            other[v] += value[r] * value[r] if what == SQUARES else weight
            found += targets[v]
        if what == SUMS:
            went[0, q] = found


@jit(types.void, i8, I8, I4, I8, I4, F8, F8_2, I4, i8, i8, F8w, I4w, i8, F8w, F8w_2)
def by_hops(
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
    what: int,
    sums: F8Array,
    went: F8Array,
) -> None:
    """For SUMS, ``went`` has a second row: 1 where a source is reached again, among its own sources and targets."""
    n = ptr.size - 1
    m = n + 2
    real, whole = real[4 * b * m :], whole[4 * b * m :]
    paths, front, behind, value = real[:m], real[m:][:m], real[2 * m :][:m], real[3 * m :][:m]
    order, waiting, start, turn = whole[:m], whole[m:][:m], whole[2 * m :][:m], whole[3 * m :][:m]
    copies, targets = node[0], node[1]
    for q in range(begin + b, end, BLOCKS):
        s = source[q]
        own = node[2, s]
        levels = spread(s, own, ptr, column, back_ptr, back_column, copies, paths, front, value,
                        order, waiting, start, turn)  # fmt: skip
        reached = start[levels]
        if what == DISTANCES:
            for level in range(levels):
                value[start[level] : start[level + 1]] = level
        else:
            gather(levels, s, own, ptr, column, back_ptr, back_column, copies, targets, paths, front, behind, value,
                   order, start, turn)  # fmt: skip
        _add(what, b, q, s, reached, n, order, value, node, sums, went)
        if what == SUMS:
            went[1, q] = own > 0.0 and paths[s] != 0.0
        for r in range(reached):
            paths[order[r]] = 0.0


@jit(types.void, i8, I8, I4, I8, I4, F8, F8_2, I4, i8, i8, F8w, I4w, i8, F8w, F8w_2)
def by_lengths(
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
    what: int,
    sums: F8Array,
    went: F8Array,
) -> None:
    """The same by Dijkstra's algorithm."""
    n = ptr.size - 1
    m = n + 2
    real, whole = real[4 * b * m :], whole[4 * b * m :]
    dist, sigma, delta, value = real[:m], real[m:][:m], real[2 * m :][:m], real[3 * m :][:m]
    order, place, heap, spot = whole[:m], whole[m:][:m], whole[2 * m :][:m], whole[3 * m :][:m]
    for q in range(begin + b, end, BLOCKS):
        s = source[q]
        reached = shortest_first(s, ptr, column, length, dist, sigma, order, place, heap, spot)
        if what == DISTANCES:
            for r in range(reached):
                value[r] = dist[order[r]]
        else:
            along_lengths(reached, ptr, column, length, dist, sigma, delta, value, order, place)
        _add(what, b, q, s, reached, n, order, value, node, sums, went)
        for r in range(reached):
            v = order[r]
            dist[v], place[v], spot[v] = np.inf, -1, -1
