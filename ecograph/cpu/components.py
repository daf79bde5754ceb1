"""Strong components of the dependence graph, which of them are closed, and compact numbering."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numba import types
from numpy.typing import NDArray

from ecograph.cpu._jit import F8, I4, I8, U1, F8w, I4w, I8w, U1w, i8, jit

__all__ = ["compact_rows", "flip_rows", "leaving", "strong_components"]

I4Array: TypeAlias = NDArray[np.int32]
I8Array: TypeAlias = NDArray[np.int64]
U1Array: TypeAlias = NDArray[np.uint8]
F8Array: TypeAlias = NDArray[np.float64]
Rows: TypeAlias = tuple[I8Array, I4Array, F8Array]


def strong_components(ptr: I8Array, provider: I4Array, roots: I8Array, barred: int) -> tuple[I4Array, I4Array]:
    """``order`` of the participants reached from ``roots``, and ``component`` of every participant.

    The order puts providers before receivers wherever they aren't in one component, and members of one
    component side by side; ``component`` counts up along it and is -1 where nothing reaches. Arrows to
    ``barred`` are passed over (-1: none).
    """
    n = ptr.size - 1
    order, component = np.empty(n, np.int32), np.full(n, -1, np.int32)
    scratch = np.full((4, n), -1, np.int32)
    reached = _strong_components(ptr, provider, roots, barred, *scratch, np.empty(n, np.int64), order, component)
    return order[:reached].copy(), component


@jit(i8, I8, I4, I8, i8, I4w, I4w, I4w, I4w, I8w, I4w, I4w)
def _strong_components(
    ptr: I8Array,
    provider: I4Array,
    roots: I8Array,
    barred: int,
    index: I4Array,
    low: I4Array,
    stack: I4Array,
    call: I4Array,
    edge: I8Array,
    order: I4Array,
    component: I4Array,
) -> int:
    """Tarjan's algorithm (SIAM J. Comput. 1:146, 1972) without recursion: O(participants + arrows)."""
    visited, reached, components, top = 0, 0, 0, 0
    for root in roots:
        if index[root] >= 0:
            continue
        depth, fresh = 0, root
        while True:
            if fresh >= 0:
                index[fresh] = low[fresh] = visited
                stack[top] = call[depth] = fresh
                edge[fresh] = ptr[fresh]
                visited, top, depth = visited + 1, top + 1, depth + 1
                fresh = -1
            j = call[depth - 1]
            if edge[j] < ptr[j + 1]:
                i = provider[edge[j]]
                edge[j] += 1
                if i == barred:
                    continue
                if index[i] < 0:
                    fresh = i
                elif component[i] < 0 and index[i] < low[j]:  # still on the stack
                    low[j] = index[i]
                continue
            if low[j] == index[j]:  # j is the first visited of its component, and leaves the stack last
                while True:
                    top -= 1
                    i = stack[top]
                    component[i] = components
                    order[reached] = i
                    reached += 1
                    if i == j:
                        break
                components += 1
            depth -= 1
            if depth == 0:
                break
            if low[j] < low[call[depth - 1]]:
                low[call[depth - 1]] = low[j]
    return reached


def leaving(
    ptr: I8Array, provider: I4Array, order: I4Array, component: I4Array, leaks: U1Array, barred: int
) -> NDArray[np.bool_]:
    """For each component: does an arrow lead out of it (barred ones do), or does a member leak?"""
    out = np.zeros(int(component[order[-1]]) + 1 if order.size else 0, np.uint8)
    _leaving(ptr, provider, order, component, leaks, barred, out)
    return out.astype(np.bool_)


@jit(types.void, I8, I4, I4, I4, U1, i8, U1w)
def _leaving(
    ptr: I8Array,
    provider: I4Array,
    order: I4Array,
    component: I4Array,
    leaks: U1Array,
    barred: int,
    out: U1Array,
) -> None:
    for j in order:
        if leaks[j]:
            out[component[j]] = 1
        for e in range(ptr[j], ptr[j + 1]):
            if provider[e] == barred or component[provider[e]] != component[j]:
                out[component[j]] = 1
                break


def compact_rows(ptr: I8Array, provider: I4Array, value: F8Array, member: I4Array, node: I4Array, barred: int) -> Rows:
    """Rows of the operator renumbered: row k is that of participant ``member[k]``, or empty where it is -1.

    ``node`` gives the new number of each participant; arrows to ``barred`` are left out.
    """
    rows = np.zeros(member.size + 1, np.int64)
    _count_rows(ptr, provider, member, barred, rows)
    np.cumsum(rows, out=rows)
    column, entry = np.empty(rows[-1], np.int32), np.empty(rows[-1])
    _fill_rows(ptr, provider, value, member, node, barred, rows, column, entry)
    return rows, column, entry


@jit(types.void, I8, I4, I4, i8, I8w)
def _count_rows(ptr: I8Array, provider: I4Array, member: I4Array, barred: int, rows: I8Array) -> None:
    for k in range(member.size):
        j, found = member[k], 0
        if j >= 0:
            for e in range(ptr[j], ptr[j + 1]):
                if provider[e] != barred:
                    found += 1
        rows[k + 1] = found


@jit(types.void, I8, I4, F8, I4, I4, i8, I8, I4w, F8w)
def _fill_rows(
    ptr: I8Array,
    provider: I4Array,
    value: F8Array,
    member: I4Array,
    node: I4Array,
    barred: int,
    rows: I8Array,
    column: I4Array,
    entry: F8Array,
) -> None:
    for k in range(member.size):
        j, at = member[k], rows[k]
        if j >= 0:
            for e in range(ptr[j], ptr[j + 1]):
                if provider[e] != barred:
                    column[at] = node[provider[e]]
                    entry[at] = value[e]
                    at += 1


def flip_rows(rows: Rows) -> Rows:
    """The transpose, numbered backwards (node k becomes n - 1 - k): receivers come before providers."""
    ptr, column, entry = rows
    n = ptr.size - 1
    start, back, flipped = np.zeros(n + 2, np.int64), np.empty(column.size, np.int32), np.empty(column.size)
    _flip_rows(ptr, column, entry, start, back, flipped)
    return start[:-1], back, flipped


@jit(types.void, I8, I4, F8, I8w, I4w, F8w)
def _flip_rows(ptr: I8Array, column: I4Array, entry: F8Array, start: I8Array, back: I4Array, flipped: F8Array) -> None:
    """Counts go two places up, so that each start moves on to its own end while entries are placed."""
    n = ptr.size - 1
    for e in range(column.size):
        start[n - 1 - column[e] + 2] += 1
    for k in range(2, start.size):
        start[k] += start[k - 1]
    for j in range(n - 1, -1, -1):
        for e in range(ptr[j], ptr[j + 1]):
            k = n - 1 - column[e] + 1
            back[start[k]] = n - 1 - j
            flipped[start[k]] = entry[e]
            start[k] += 1
