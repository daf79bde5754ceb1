"""Shortest paths in hops: how many there are, and what passes on the way.

Of two neighbouring levels, the one with fewer arrows is gone through: a level sends to the next, or the next asks
(S. Beamer, K. Asanovic, D. Patterson, "Direction-optimizing breadth-first search", SC 2012); likewise on the way back.
Neither asks of an arrow whether it lies on a shortest path. Sums that go elsewhere are taken up before or never, and
``front`` is 0 but for one level.

Hot loops index by unsigned integers: Numba looks whether a signed one is below 0.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numba import types
from numpy.typing import NDArray

from ecograph.cpu._jit import F8, I4, I8, F8w, I4w, f8, i4, i8, jit

__all__ = ["breadth_first", "gather", "spread"]

I4Array: TypeAlias = NDArray[np.int32]
I8Array: TypeAlias = NDArray[np.int64]
F8Array: TypeAlias = NDArray[np.float64]

ONE = np.uint64(1)


@jit(i8, i8, i8, I8, I4, F8, F8, F8w, I4w)
def _send(
    begin: int, end: int, ptr: I8Array, column: I4Array, copies: F8Array, sigma: F8Array, paths: F8Array, order: I4Array
) -> int:
    """Add the paths of a level to all that its arrows lead to; return where the next level ends."""
    reached = np.uint64(end)
    for i in range(np.uint64(begin), np.uint64(end)):
        v = np.uint64(order[i])
        some = sigma[i] * copies[v]
        for e in range(np.uint64(ptr[v]), np.uint64(ptr[v + ONE])):
            w = np.uint64(column[e])
            before = paths[w]
            order[reached] = w
            reached += np.uint64(before == 0.0)  # who has been reached before has at least 1 and stays
            paths[w] = before + some
    return int(reached)


@jit(i8, i8, i8, i8, I8, I4, F8, F8, F8w, F8w, I4w, I4)
def _ask(
    begin: int,
    end: int,
    missing: int,
    back_ptr: I8Array,
    back_column: I4Array,
    copies: F8Array,
    sigma: F8Array,
    paths: F8Array,
    front: F8Array,
    order: I4Array,
    waiting: I4Array,
) -> int:
    """The same from the other end: the first ``missing`` of ``waiting`` look for arrows that come from the level."""
    for i in range(begin, end):
        front[order[i]] = sigma[i] * copies[order[i]]
    reached = np.uint64(end)
    for i in range(np.uint64(missing)):
        w = np.uint64(waiting[i])
        some = 0.0
        for e in range(np.uint64(back_ptr[w]), np.uint64(back_ptr[w + ONE])):
            some += front[np.uint64(back_column[e])]
        paths[w] = some
        order[reached] = waiting[i]
        reached += np.uint64(some > 0.0)
    for i in range(begin, end):
        front[order[i]] = 0.0
    return int(reached)


@jit(i8, i8, F8, I4w)
def _missing(missing: int, paths: F8Array, waiting: I4Array) -> int:
    """Leave in the first ``missing`` of ``waiting`` (-1: take everyone) whom nothing has reached; return how many."""
    kept = np.uint64(0)
    if missing < 0:
        for i in range(np.uint64(paths.size)):
            waiting[kept] = i
            kept += np.uint64(paths[i] == 0.0)
    else:
        for i in range(np.uint64(missing)):
            waiting[kept] = waiting[i]
            kept += np.uint64(paths[np.uint64(waiting[i])] == 0.0)
    return int(kept)


@jit(i8, i4, f8, I8, I4, I8, I4, F8, F8w, F8w, F8w, I4w, I4w, I4w, I4w)
def spread(
    s: int,
    own: float,
    ptr: I8Array,
    column: I4Array,
    back_ptr: I8Array,
    back_column: I4Array,
    copies: F8Array,
    paths: F8Array,
    front: F8Array,
    sigma: F8Array,
    order: I4Array,
    waiting: I4Array,
    start: I4Array,
    turn: I4Array,
) -> int:
    """Everyone reached from s in ``order``, level by level from ``start``; paths to each, by place, in ``sigma``.

    Return the number of levels. Each v stands for ``copies[v]`` with the same arrows. With ``own`` > 0, s may be
    reached again, for its copies: s has a second place then. ``paths`` and ``front`` are 0 before; ``paths`` isn't
    after. ``back`` holds the arrows by their ends, or ``back_column`` is empty and every level sends.
    """
    n, both = ptr.size - 1, back_column.size == column.size
    order[0], paths[s] = s, 1.0
    left = back_ptr[n] + (back_ptr[s + 1] - back_ptr[s] if own > 0.0 else 0)  # arrows that lead to who isn't reached
    head, reached, level, missing, above = 0, 1, 0, -1, 0
    while head < reached:
        tail, arrows, into = reached, 0, 0
        for i in range(np.uint64(head), np.uint64(tail)):
            v = np.uint64(order[i])
            sigma[i] = paths[v]
            arrows += ptr[v + ONE] - ptr[v]
            into += back_ptr[v + ONE] - back_ptr[v]
        start[level], turn[level] = head, both and into < above
        above, left = arrows, left - into
        if level == 0 and own > 0.0:
            paths[s] = 0.0
        if arrows <= left or not both:
            reached = _send(head, tail, ptr, column, copies, sigma, paths, order)
        elif left > 0:
            missing = _missing(missing, paths[:n], waiting)
            reached = _ask(head, tail, missing, back_ptr, back_column, copies, sigma, paths, front, order, waiting)
        head, level = tail, level + 1
    start[level] = reached
    return level


@jit(types.void, i8, i8, i8, I8, I4, F8, F8w, I4)
def _send_back(
    begin: int,
    end: int,
    last: int,
    back_ptr: I8Array,
    back_column: I4Array,
    paths: F8Array,
    behind: F8Array,
    order: I4Array,
) -> None:
    """Add up, in ``behind`` of a level, ``paths`` of those in the next (``end`` to ``last``) that arrows lead to."""
    for i in range(np.uint64(begin), np.uint64(end)):
        behind[np.uint64(order[i])] = 0.0
    for i in range(np.uint64(end), np.uint64(last)):
        w = np.uint64(order[i])
        some = paths[w]
        for e in range(np.uint64(back_ptr[w]), np.uint64(back_ptr[w + ONE])):
            behind[np.uint64(back_column[e])] += some


@jit(types.void, i8, i8, i8, I8, I4, F8, F8w, F8w, I4)
def _ask_ahead(
    begin: int,
    end: int,
    last: int,
    ptr: I8Array,
    column: I4Array,
    paths: F8Array,
    front: F8Array,
    behind: F8Array,
    order: I4Array,
) -> None:
    """The same from the other end."""
    for i in range(np.uint64(end), np.uint64(last)):
        w = np.uint64(order[i])
        front[w] = paths[w]
    for i in range(np.uint64(begin), np.uint64(end)):
        v = np.uint64(order[i])
        x = 0.0
        for e in range(np.uint64(ptr[v]), np.uint64(ptr[v + ONE])):
            x += front[np.uint64(column[e])]
        behind[v] = x
    for i in range(np.uint64(end), np.uint64(last)):
        front[np.uint64(order[i])] = 0.0


@jit(types.void, i8, i4, f8, I8, I4, I8, I4, F8, F8, F8w, F8w, F8w, F8w, I4, I4, I4)
def gather(
    levels: int,
    s: int,
    own: float,
    ptr: I8Array,
    column: I4Array,
    back_ptr: I8Array,
    back_column: I4Array,
    copies: F8Array,
    targets: F8Array,
    paths: F8Array,
    front: F8Array,
    behind: F8Array,
    sigma: F8Array,
    order: I4Array,
    start: I4Array,
    turn: I4Array,
) -> None:
    """Turn what ``spread`` found, but for s, into dependencies: ``sigma`` becomes delta_s, by place.

    With x_v the sum over w behind v of targets_w / sigma_w + copies_w x_w, where ``targets`` counts whom the copies of
    w lead to, delta_s(v) = sigma_v x_v: U. Brandes (2001), theorem 6, divided once a participant and not once an
    arrow; on the way, ``paths`` keeps what those before v add up. All terms are >= 0, so the relative error stays below
    (steps + additions) u. Where sigma overflowed, x is 0 and delta NaN.
    """
    for level in range(levels - 1, 0, -1):
        begin, end = np.uint64(start[level]), np.uint64(start[level + 1])
        last = np.uint64(start[min(level + 2, levels)])
        send = end == last or turn[level + 1] == 1
        if send:
            _send_back(begin, end, last, back_ptr, back_column, paths, behind, order)
        else:
            _ask_ahead(begin, end, last, ptr, column, paths, front, behind, order)
        for i in range(begin, end):
            v = np.uint64(order[i])
            x = behind[v]
            paths[v] = (own if order[i] == s else targets[v]) / sigma[i] + copies[v] * x
            sigma[i] *= x


def breadth_first(s: int, ptr: I8Array, column: I4Array) -> tuple[I4Array, I4Array]:
    """Everyone reached from s by rising number of arrows, s first, and each participant's place there (-1: none)."""
    n = ptr.size - 1
    real, whole = np.zeros((3, n + 2)), np.empty((3, n + 2), np.int32)
    none = np.empty(0, np.int32)
    levels = spread(np.int32(s), 0.0, ptr, column, ptr, none, np.ones(n), *real, whole[0], none, whole[1], whole[2])
    order, place = whole[0, : whole[1, levels]].copy(), np.full(n, -1, np.int32)
    place[order] = np.arange(order.size, dtype=np.int32)
    return order, place
