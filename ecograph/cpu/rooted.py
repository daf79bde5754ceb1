"""Chains of dependence from one conductor, followed by passing on: a row's chains go to its providers at once.

Participants are numbered in the order in which chains come to them, so that a sweep over the rows takes chains through
level after level. Rows are those of the operator, and nothing is transposed. Serial where a sum is passed on: who adds
to whom is the same for any number of threads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numba import types
from numpy.typing import NDArray

from ecograph.cpu._jit import F8, I4, I8, F8w, I4w, f8, i8, jit, u4, u8
from ecograph.cpu.operator import even_rows
from ecograph.cpu.prefetch import prefetch
from ecograph.cpu.threads import over_blocks

__all__ = ["breadth_order", "pass_on", "passed_residual", "stretch_passed", "values_in_order"]

I4Array: TypeAlias = NDArray[np.int32]
I8Array: TypeAlias = NDArray[np.int64]
F8Array: TypeAlias = NDArray[np.float64]

_AHEAD = np.uint64(32)  # arrows: about as many lines as a core can have under way
_SOON, _LATER = 8, 24  # rows whose arrows, and whose places, are asked for ahead: they lie anywhere
_BLOCKS = 16


def breadth_order(ptr: I8Array, provider: I4Array, root: int) -> tuple[I4Array, I4Array, I8Array, I4Array]:
    """``order`` of what ``root`` depends on over any chain, nearest first, and the place of every participant in it.

    Who is equally near comes in the order of receivers, then of arrows. A place is -1 where no chain gets. Returned as
    well: the rows in that order, ``begin``, and the place of every provider in them.
    """
    n = ptr.size - 1
    order, place = np.empty(n + 1, np.int32), np.full(n, -1, np.int32)
    column = np.empty(provider.size, np.int32)  # of what isn't written to, no memory is taken
    reached = _breadth_order(ptr, provider, root, order, place, column)
    order = order[:reached].copy()
    begin = np.zeros(reached + 1, np.int64)
    np.cumsum(ptr[order + 1] - ptr[order], out=begin[1:])
    return order, place, begin, column[: begin[-1]]


@jit(i8, I8, I4, i8, I4w, I4w, I4w)
def _breadth_order(ptr: I8Array, provider: I4Array, root: int, order: I4Array, place: I4Array, column: I4Array) -> int:
    """What has a place already is written too, and overwritten by the next: no branch to guess."""
    order[0], place[root], top, q, at = root, 0, 1, 0, u8(0)
    while q < top:
        if q + _LATER < top:
            prefetch(ptr, u8(order[q + _LATER]))
        if q + _SOON < top:
            prefetch(provider, u8(ptr[order[q + _SOON]]))
        j = order[q]
        for each in range(u8(ptr[j]), u8(ptr[j + 1])):
            i = u8(u4(provider[u8(each)]))
            order[top] = i
            known = place[i]
            fresh = known < 0
            known = top if fresh else known
            place[i] = known
            column[at] = known
            at += u8(1)
            top += fresh
        q += 1
    return top


def values_in_order(
    ptr: I8Array, amount: F8Array, total: F8Array, keep: float, damping: float, place: I4Array, begin: I8Array,
    pause: Callable[[], None],
) -> F8Array:  # fmt: skip
    """What the arrows of ``breadth_order`` carry: ``keep * (amount / total) * damping``, total that of the receiver.

    ``amount`` is read once, from front to back; ``pause`` is called when a fourth of it has been.
    """
    value, cut = np.empty(begin[-1]), even_rows(ptr, _BLOCKS)
    for first in range(0, _BLOCKS, _BLOCKS // 4):
        some = cut[first : first + _BLOCKS // 4 + 1]
        over_blocks(
            _fill_in_order, some.size - 1, value.size, some, ptr, amount, total, keep, damping, place, begin, value
        )
        pause()
    return value


@jit(types.void, i8, I8, I8, F8, F8, f8, f8, I4, I8, F8w)
def _fill_in_order(
    b: int,
    cut: I8Array,
    ptr: I8Array,
    amount: F8Array,
    total: F8Array,
    keep: float,
    damping: float,
    place: I4Array,
    begin: I8Array,
    value: F8Array,
) -> None:
    end = cut[b + 1]
    for j in range(cut[b], end):
        if j + _LATER < end:
            later = place[j + _LATER]
            prefetch(begin, u8(later if later > 0 else 0))
        if j + _SOON < end:
            soon = place[j + _SOON]
            prefetch(value, u8(begin[soon if soon > 0 else 0]))
        if place[j] < 0:
            continue
        at, whole = u8(begin[place[j]]), total[j]
        for each in range(u8(ptr[j]), u8(ptr[j + 1])):
            value[at] = keep * (amount[u8(each)] / whole) * damping
            at += u8(1)


@jit(f8, I8, I4, F8, F8w, F8w)
def pass_on(ptr: I8Array, column: I4Array, value: F8Array, r: F8Array, h: F8Array) -> float:
    """One sweep: row after row, what is left (r) is counted (h) and passed on; returns the sum that is left.

    h + r is known to be e + P' h throughout, for h = 0 and r = e at the start: r is the residual of h.
    """
    last = u8(column.size - 1 if column.size else 0)
    for each_row in range(ptr.size - 1):
        q = u8(each_row)
        d = r[q]
        r[q] = 0.0
        h[q] += d
        for each in range(u8(ptr[q]), u8(ptr[q + u8(1)])):
            e = u8(each)
            ahead = e + _AHEAD
            prefetch(r, u8(u4(column[ahead if ahead < last else last])))
            k = u8(u4(column[e]))
            r[k] += d * value[e]
    left = 0.0
    for q in range(r.size):
        left += r[q]
    return left


@jit(f8, F8, F8, F8w, F8w)
def stretch_passed(r0: F8Array, h0: F8Array, r: F8Array, h: F8Array) -> float:
    """Take in one step the longest jump along the last sweep's change that leaves no residual below 0.

    h0 + t (h - h0) has the residual r0 + t (r - r0), which is >= 0 exactly when t <= 1 / (1 - m), m = the smallest
    r / r0 over rows with r0 > 0. Returns the sum that is left.
    """
    slowest, left = 1.0 - 1e-12, 0.0
    for q in range(r.size):
        if r0[q] > 0.0:
            rate = r[q] / r0[q]
            slowest = rate if rate < slowest else slowest
    t = 1.0 / (1.0 - slowest)
    for q in range(r.size):
        if slowest > 0.0:
            h[q] += (t - 1.0) * (h[q] - h0[q])
            rest = t * r[q] - (t - 1.0) * r0[q]
            r[q] = rest if rest > 0.0 else 0.0
        left += r[q]
    return left


def passed_residual(ptr: I8Array, column: I4Array, value: F8Array, h: F8Array) -> tuple[float, float]:
    """Sums of the positive and the negative parts of e_0 + P' h - h, computed afresh from h."""
    rho = -h
    rho[0] += 1.0
    _pass_all(ptr, column, value, h, rho)
    return float(rho[rho > 0.0].sum()), float(-rho[rho < 0.0].sum())


@jit(types.void, I8, I4, F8, F8, F8w)
def _pass_all(ptr: I8Array, column: I4Array, value: F8Array, h: F8Array, rho: F8Array) -> None:
    last = u8(column.size - 1 if column.size else 0)
    for each_row in range(ptr.size - 1):
        q = u8(each_row)
        for each in range(u8(ptr[q]), u8(ptr[q + u8(1)])):
            e = u8(each)
            ahead = e + _AHEAD
            prefetch(rho, u8(u4(column[ahead if ahead < last else last])))
            rho[u8(u4(column[e]))] += h[q] * value[e]
