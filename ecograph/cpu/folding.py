"""A graph made smaller before its shortest paths are counted: leaves folded into who they hang on, twins found."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numba import types
from numpy.typing import NDArray

from ecograph.cpu._jit import F8, I4, I8, U8, F8w, I4w, b1, i4, i8, jit

__all__ = ["fold_leaves", "join_twins", "unfold_leaves"]

I4Array: TypeAlias = NDArray[np.int32]
I8Array: TypeAlias = NDArray[np.int64]
U8Array: TypeAlias = NDArray[np.uint64]
F8Array: TypeAlias = NDArray[np.float64]


@jit(i4, i8, I8, I4, I8, I4)
def _neighbours(v: int, ptr: I8Array, column: I4Array, back_ptr: I8Array, back_column: I4Array) -> int:
    """How many v has arrows to or from; rows rise."""
    i, j, many = ptr[v], back_ptr[v], 0
    while i < ptr[v + 1] or j < back_ptr[v + 1]:
        w = min(column[i] if i < ptr[v + 1] else ptr.size, back_column[j] if j < back_ptr[v + 1] else ptr.size)
        i += i < ptr[v + 1] and column[i] == w
        j += j < back_ptr[v + 1] and back_column[j] == w
        many += 1
    return many


@jit(i4, i8, I8, I4, I4)
def _left(v: int, ptr: I8Array, column: I4Array, parent: I4Array) -> int:
    """The first that v has an arrow with and that isn't folded, or -1."""
    for e in range(ptr[v], ptr[v + 1]):
        if parent[column[e]] < 0:
            return int(column[e])
    return -1


@jit(i8, I8, I4, I8, I4, I4w, I4w, I4w, F8w, F8w, F8w, F8w, F8w)
def fold_leaves(
    ptr: I8Array,
    column: I4Array,
    back_ptr: I8Array,
    back_column: I4Array,
    degree: I4Array,
    parent: I4Array,
    leaves: I4Array,
    sources: F8Array,
    targets: F8Array,
    up: F8Array,
    down: F8Array,
    cross: F8Array,
) -> int:
    """Take away, one after the other, whoever has one neighbour left; return how many, in this order in ``leaves``.

    ``parent`` is -1 before, and after for who stays. ``sources`` and ``targets`` are 1 before; after, they count those
    folded into v, and v, whose paths come to v, and whom v leads to: whole numbers, exact up to 2**53. ``up`` and
    ``down`` keep what of them a leaf handed on (0 where there is no arrow that way), ``cross`` the pairs between two
    leaves, or what was folded into them, that meet in v.
    """
    n, found, kept = ptr.size - 1, 0, 0
    for v in range(n):
        degree[v] = _neighbours(v, ptr, column, back_ptr, back_column)
        if degree[v] == 1:
            leaves[found] = v
            found += 1
    head = 0
    while head < found:
        v = leaves[head]
        head += 1
        if degree[v] != 1:  # of two that only had each other, the second stays
            continue
        to, fro = _left(v, ptr, column, parent), _left(v, back_ptr, back_column, parent)
        p = max(to, fro)
        up[v], down[v] = sources[v] if to >= 0 else 0.0, targets[v] if fro >= 0 else 0.0
        cross[p] += up[v] * (targets[p] - 1.0) + (sources[p] - 1.0) * down[v]
        sources[p] += up[v]
        targets[p] += down[v]
        parent[v], leaves[kept] = p, v
        kept += 1
        degree[p] -= 1
        if degree[p] == 1:
            leaves[found] = p
            found += 1
    return kept


@jit(types.void, I4, I4, F8, F8, F8, F8, F8w, F8w)
def unfold_leaves(
    leaves: I4Array,
    parent: I4Array,
    sources: F8Array,
    targets: F8Array,
    up: F8Array,
    down: F8Array,
    came: F8Array,
    went: F8Array,
) -> None:
    """For each leaf, how many sources beyond what is folded into it reach it, and how many such targets it reaches.

    For everyone else that is in ``came`` and ``went`` before. Last folded, first unfolded.
    """
    for k in range(leaves.size - 1, -1, -1):
        v = leaves[k]
        p = parent[v]
        came[v] = came[p] + sources[p] - up[v] if down[v] > 0.0 else 0.0
        went[v] = went[p] + targets[p] - down[v] if up[v] > 0.0 else 0.0


@jit(b1, i4, i4, I8, I4, I4, b1)
def _same(u: int, v: int, ptr: I8Array, column: I4Array, parent: I4Array, closed: bool) -> bool:
    """Have u and v arrows to the same, of those not folded? ``closed``: to each other too."""
    i, j, met = ptr[u], ptr[v], 0
    while True:
        while i < ptr[u + 1] and (parent[column[i]] >= 0 or column[i] == v):
            met += column[i] == v
            i += 1
        while j < ptr[v + 1] and (parent[column[j]] >= 0 or column[j] == u):
            met += column[j] == u
            j += 1
        if i == ptr[u + 1] or j == ptr[v + 1]:
            break
        if column[i] != column[j]:
            return False
        i += 1
        j += 1
    return i == ptr[u + 1] and j == ptr[v + 1] and met == (2 if closed else 0)


@jit(types.void, I8, I4, I8, I4, I4, I4, U8, b1, I4w)
def join_twins(
    ptr: I8Array,
    column: I4Array,
    back_ptr: I8Array,
    back_column: I4Array,
    parent: I4Array,
    who: I4Array,
    key: U8Array,
    closed: bool,
    leader: I4Array,
) -> None:
    """Give all of ``who``, sorted by ``key``, that have the same arrows both ways the first of them as ``leader``.

    Twins have the same key. Who has the same key by accident is no twin, and at worst stays alone.
    """
    for k in range(1, who.size):
        u, v = leader[who[k - 1]], who[k]
        if (
            key[u] == key[v]
            and leader[v] == v
            and _same(u, v, ptr, column, parent, closed)
            and _same(u, v, back_ptr, back_column, parent, closed)
        ):
            leader[v] = u
