"""Shortest paths from many sources, and what passes on the way.

Sources are dealt out to a fixed number of blocks, each with arrays of its own, and a block takes its sources in
order: the same bits for any number of threads and for any cut of the sources into calls.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numba import types
from numpy.typing import NDArray

from ecograph.cpu._jit import F8, I4, I8, F8w, I4w, b1, i4, i8, jit, prange

__all__ = ["BLOCKS", "brandes", "brandes_rows", "brandes_squares", "breadth_first", "distance_sums", "scratch"]

I4Array: TypeAlias = NDArray[np.int32]
I8Array: TypeAlias = NDArray[np.int64]
F8Array: TypeAlias = NDArray[np.float64]

BLOCKS = 16  # sources searched at the same time, at most


def scratch(n: int) -> tuple[F8Array, I4Array]:
    """For each block: distance, number of paths and dependency; order, place in it, heap and spot in it."""
    real = np.zeros((BLOCKS, 3, n))
    real[:, 0] = np.inf
    return real.ravel(), np.full(BLOCKS * 4 * n, -1, np.int32)


@jit(types.void, I4w, I4w, F8, i8)
def _up(heap: I4Array, spot: I4Array, dist: F8Array, at: int) -> None:
    """Move the participant at ``at`` up to where its distance belongs."""
    v = heap[at]
    while at > 0:
        above = (at - 1) // 2
        u = heap[above]
        if dist[u] <= dist[v]:
            break
        heap[at] = u
        spot[u] = at
        at = above
    heap[at] = v
    spot[v] = at


@jit(types.void, I4w, I4w, F8, i8)
def _down(heap: I4Array, spot: I4Array, dist: F8Array, size: int) -> None:
    """Move the participant at the top down to where its distance belongs."""
    at, v = 0, heap[0]
    while 2 * at + 1 < size:
        below = 2 * at + 1
        if below + 1 < size and dist[heap[below + 1]] < dist[heap[below]]:
            below += 1
        u = heap[below]
        if dist[v] <= dist[u]:
            break
        heap[at] = u
        spot[u] = at
        at = below
    heap[at] = v
    spot[v] = at


@jit(i8, i4, I8, I4, F8w, F8w, I4w, I4w)
def _breadth_first(
    s: int, ptr: I8Array, column: I4Array, dist: F8Array, sigma: F8Array, order: I4Array, place: I4Array
) -> int:
    """Fill the arrays for everyone reached from s, by rising number of arrows; return how many."""
    dist[s], sigma[s], order[0], place[s] = 0.0, 1.0, s, 0
    reached, head = 1, 0
    while head < reached:
        v = order[head]
        head += 1
        for e in range(ptr[v], ptr[v + 1]):
            w = column[e]
            if place[w] < 0:
                dist[w], sigma[w], order[reached], place[w] = dist[v] + 1.0, 0.0, w, reached
                reached += 1
            if dist[w] == dist[v] + 1.0:
                sigma[w] += sigma[v]
    return reached


def breadth_first(s: int, ptr: I8Array, column: I4Array) -> tuple[I4Array, I4Array]:
    """Everyone reached from s by rising number of arrows, s first, and each participant's place there (-1: none)."""
    n = ptr.size - 1
    order, place = np.empty(n, np.int32), np.full(n, -1, np.int32)
    reached: int = _breadth_first(np.int32(s), ptr, column, np.full(n, np.inf), np.empty(n), order, place)
    return order[:reached].copy(), place


@jit(i8, i4, I8, I4, F8, F8w, F8w, I4w, I4w, I4w, I4w)
def _shortest_first(
    s: int,
    ptr: I8Array,
    column: I4Array,
    length: F8Array,
    dist: F8Array,
    sigma: F8Array,
    order: I4Array,
    place: I4Array,
    heap: I4Array,
    spot: I4Array,
) -> int:
    """Dijkstra's algorithm (1959): the same by rising distance. Whoever has a place is settled and stays."""
    dist[s], sigma[s], heap[0], spot[s] = 0.0, 1.0, s, 0
    reached, size = 0, 1
    while size > 0:
        v = heap[0]
        size -= 1
        if size > 0:
            heap[0] = heap[size]
            _down(heap, spot, dist, size)
        order[reached], place[v] = v, reached
        reached += 1
        for e in range(ptr[v], ptr[v + 1]):
            w = column[e]
            if place[w] >= 0:
                continue
            d = dist[v] + length[e]
            if d < dist[w]:
                if spot[w] < 0:
                    heap[size], spot[w] = w, size
                    size += 1
                dist[w], sigma[w] = d, sigma[v]
                _up(heap, spot, dist, spot[w])
            elif d == dist[w]:
                sigma[w] += sigma[v]
    return reached


@jit(i8, i4, I8, I4, F8, b1, F8w, F8w, F8w, I4w, I4w, I4w, I4w)
def _dependencies(
    s: int,
    ptr: I8Array,
    column: I4Array,
    length: F8Array,
    hops: bool,
    dist: F8Array,
    sigma: F8Array,
    delta: F8Array,
    order: I4Array,
    place: I4Array,
    heap: I4Array,
    spot: I4Array,
) -> int:
    """Fill ``delta`` for everyone reached from s; return how many.

    delta_s(v) = sum over w behind v of sigma_v / sigma_w (1 + delta_s(w)), U. Brandes (2001), theorem 6. An arrow
    lies on a shortest path when the search found it so: same sum, same comparison. Where paths are more than float64
    counts, delta is NaN, also for those before.
    """
    reached: int
    if hops:
        reached = _breadth_first(s, ptr, column, dist, sigma, order, place)
    else:
        reached = _shortest_first(s, ptr, column, length, dist, sigma, order, place, heap, spot)
    for r in range(reached - 1, -1, -1):
        v = order[r]
        passing = 0.0 * sigma[v]  # NaN where sigma overflowed
        for e in range(ptr[v], ptr[v + 1]):
            w = column[e]
            step = 1.0 if hops else length[e]
            if place[w] > r and dist[v] + step == dist[w]:
                passing += sigma[v] / sigma[w] * (1.0 + delta[w])
        delta[v] = passing
    return reached


@jit(types.void, I4, i8, F8w, I4w, I4w)
def _forget(order: I4Array, reached: int, dist: F8Array, place: I4Array, spot: I4Array) -> None:
    """Leave the arrays as ``scratch`` made them."""
    for r in range(reached):
        v = order[r]
        dist[v], place[v], spot[v] = np.inf, -1, -1


@jit(types.void, I8, I4, F8, b1, b1, I4, i8, i8, F8w, I4w, F8w, parallel=True)
def brandes(
    ptr: I8Array,
    column: I4Array,
    length: F8Array,
    hops: bool,
    endpoints: bool,
    source: I4Array,
    begin: int,
    end: int,
    real: F8Array,
    whole: I4Array,
    total: F8Array,
) -> None:
    """Add the one-sided dependencies of sources ``begin`` (a multiple of BLOCKS) to ``end`` to each block's total."""
    n = ptr.size - 1
    for b in prange(BLOCKS):
        dist, sigma, delta = real[3 * b * n :][:n], real[(3 * b + 1) * n :][:n], real[(3 * b + 2) * n :][:n]
        order, place = whole[4 * b * n :][:n], whole[(4 * b + 1) * n :][:n]
        heap, spot = whole[(4 * b + 2) * n :][:n], whole[(4 * b + 3) * n :][:n]
        mine = total[b * n :][:n]
        for q in range(begin + b, end, BLOCKS):
            s = source[q]
            reached = _dependencies(s, ptr, column, length, hops, dist, sigma, delta, order, place, heap, spot)
            for r in range(1, reached):
                v = order[r]
                mine[v] += delta[v] + 1.0 if endpoints else delta[v]
            if endpoints:
                mine[s] += reached - 1
            _forget(order, reached, dist, place, spot)


@jit(types.void, I8, I4, F8, b1, I4, i8, i8, F8w, I4w, F8w, F8w, parallel=True)
def brandes_squares(
    ptr: I8Array,
    column: I4Array,
    length: F8Array,
    hops: bool,
    source: I4Array,
    begin: int,
    end: int,
    real: F8Array,
    whole: I4Array,
    total: F8Array,
    square: F8Array,
) -> None:
    """The same without endpoints, and their squares to each block's ``square``."""
    n = ptr.size - 1
    for b in prange(BLOCKS):
        dist, sigma, delta = real[3 * b * n :][:n], real[(3 * b + 1) * n :][:n], real[(3 * b + 2) * n :][:n]
        order, place = whole[4 * b * n :][:n], whole[(4 * b + 1) * n :][:n]
        heap, spot = whole[(4 * b + 2) * n :][:n], whole[(4 * b + 3) * n :][:n]
        mine, ours = total[b * n :][:n], square[b * n :][:n]
        for q in range(begin + b, end, BLOCKS):
            reached = _dependencies(source[q], ptr, column, length, hops, dist, sigma, delta, order, place, heap, spot)
            for r in range(1, reached):
                v = order[r]
                mine[v] += delta[v]
                ours[v] += delta[v] * delta[v]
            _forget(order, reached, dist, place, spot)


@jit(types.void, I8, I4, F8, b1, I4, i8, i8, F8w, I4w, F8w, parallel=True)
def brandes_rows(
    ptr: I8Array,
    column: I4Array,
    length: F8Array,
    hops: bool,
    source: I4Array,
    begin: int,
    end: int,
    real: F8Array,
    whole: I4Array,
    out: F8Array,
) -> None:
    """Row q of ``out``, all 0 before: delta_s(v) of source q over all but s and v that s reaches; 0 for s itself."""
    n = ptr.size - 1
    for b in prange(BLOCKS):
        dist, sigma, delta = real[3 * b * n :][:n], real[(3 * b + 1) * n :][:n], real[(3 * b + 2) * n :][:n]
        order, place = whole[4 * b * n :][:n], whole[(4 * b + 1) * n :][:n]
        heap, spot = whole[(4 * b + 2) * n :][:n], whole[(4 * b + 3) * n :][:n]
        for q in range(begin + b, end, BLOCKS):
            reached = _dependencies(source[q], ptr, column, length, hops, dist, sigma, delta, order, place, heap, spot)
            row = out[q * n :][:n]
            if reached > 2:
                for r in range(1, reached):
                    row[order[r]] = delta[order[r]] / (reached - 2)
            _forget(order, reached, dist, place, spot)


@jit(types.void, I8, I4, F8, b1, I4, i8, i8, F8w, I4w, F8w, F8w, F8w, parallel=True)
def distance_sums(
    ptr: I8Array,
    column: I4Array,
    length: F8Array,
    hops: bool,
    source: I4Array,
    begin: int,
    end: int,
    real: F8Array,
    whole: I4Array,
    others: F8Array,
    farness: F8Array,
    nearness: F8Array,
) -> None:
    """For each source: how many others it reaches, the sum of distances to them, and of their inverses."""
    n = ptr.size - 1
    for b in prange(BLOCKS):
        dist, sigma = real[3 * b * n :][:n], real[(3 * b + 1) * n :][:n]
        order, place = whole[4 * b * n :][:n], whole[(4 * b + 1) * n :][:n]
        heap, spot = whole[(4 * b + 2) * n :][:n], whole[(4 * b + 3) * n :][:n]
        for q in range(begin + b, end, BLOCKS):
            if hops:
                reached = _breadth_first(source[q], ptr, column, dist, sigma, order, place)
            else:
                reached = _shortest_first(source[q], ptr, column, length, dist, sigma, order, place, heap, spot)
            far, near = 0.0, 0.0
            for r in range(1, reached):
                far += dist[order[r]]
                near += 1.0 / dist[order[r]]
            others[q], farness[q], nearness[q] = reached - 1, far, near
            _forget(order, reached, dist, place, spot)
