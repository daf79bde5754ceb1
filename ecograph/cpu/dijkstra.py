"""Shortest paths along arrows of given lengths, and what passes on the way."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numba import types
from numpy.typing import NDArray

from ecograph.cpu._jit import F8, I4, I8, F8w, I4w, i4, i8, jit

__all__ = ["along_lengths", "shortest_first"]

I4Array: TypeAlias = NDArray[np.int32]
I8Array: TypeAlias = NDArray[np.int64]
F8Array: TypeAlias = NDArray[np.float64]


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


@jit(i8, i4, I8, I4, F8, F8w, F8w, I4w, I4w, I4w, I4w)
def shortest_first(
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
    """Dijkstra's algorithm (1959): fill the arrays for everyone reached from s, by rising distance; return how many.

    Before, every distance is infinite, every place and spot -1. Whoever has a place is settled and stays.
    """
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


@jit(types.void, i8, I8, I4, F8, F8, F8, F8w, F8w, I4, I4)
def along_lengths(
    reached: int,
    ptr: I8Array,
    column: I4Array,
    length: F8Array,
    dist: F8Array,
    sigma: F8Array,
    delta: F8Array,
    value: F8Array,
    order: I4Array,
    place: I4Array,
) -> None:
    """Dependencies by place into ``value``.

    delta_s(v) = sum over w behind v of sigma_v / sigma_w (1 + delta_s(w)), U. Brandes (2001), theorem 6. An arrow
    lies on a shortest path when the search found it so: same sum, same comparison. Where paths are more than float64
    counts, delta is NaN, also for those before.
    """
    for r in range(reached - 1, -1, -1):
        v = order[r]
        passing = 0.0 * sigma[v]  # NaN where sigma overflowed
        for e in range(ptr[v], ptr[v + 1]):
            w = column[e]
            if place[w] > r and dist[v] + length[e] == dist[w]:
                passing += sigma[v] / sigma[w] * (1.0 + delta[w])
        delta[v] = value[r] = passing
