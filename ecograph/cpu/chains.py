"""Sums over chains of dependence, by sweeps that approach them from below.

Every kernel works on rows in an order where most arrows lead to earlier rows, and on *lanes*: problems
that share the rows and differ in where they start. Lanes lie in blocks, row-major: the values of row i
in block b are ``d[b * n + i]``. One writer a block, rows in order within it: the same bits for any number
of threads.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numba import types
from numpy.typing import NDArray

from ecograph.cpu._jit import F8, F8_2, I4, I8, F8w, F8w_2, i8, jit, u8
from ecograph.cpu.prefetch import prefetch
from ecograph.cpu.threads import over_blocks

__all__ = ["WIDTH", "begin_lanes", "residual_lanes", "stretch_block", "stretch_lanes", "sweep_lanes"]

I4Array: TypeAlias = NDArray[np.int32]
I8Array: TypeAlias = NDArray[np.int64]
F8Array: TypeAlias = NDArray[np.float64]

WIDTH = 8  # lanes in a block: one cache line of float64
_1, _2, _3, _4, _5, _6, _7, _8 = (np.uint64(k) for k in range(1, 9))  # no sign: nothing counts from an end
_NONE = 2**31 - 1  # no row has this number
_AHEAD = np.uint64(24)  # arrows: about as many lines as a core can have under way


def sweep_lanes(
    ptr: I8Array, column: I4Array, p: F8Array, held: I4Array, weight: F8Array, d: F8Array, h: F8Array, mass: F8Array
) -> None:
    """One Gauss-Seidel sweep in the form of changes: d <- G d, h <- h + d, mass <- sum of weight * d.

    G = (I - L)^-1 U for P = L + U, L the arrows to earlier rows. ``held[l]`` is the row that keeps its values in
    lane l, or -1. Only numbers that aren't negative are added and multiplied: no digits cancel. A block whose
    masses are all 0 is left alone.
    """
    _sweep(ptr, column, p, held, np.full(mass.size, -1, np.int32), weight, d, h, mass)


def _sweep(
    ptr: I8Array, column: I4Array, p: F8Array, held: I4Array, known: I4Array, weight: F8Array, d: F8Array, h: F8Array,
    mass: F8Array,
) -> None:  # fmt: skip
    width, work = d.shape[1], column.size * mass.size
    flat = d.reshape(-1), h.reshape(-1)
    over_blocks(_sweep_block, mass.size // width, work, ptr, column, p, held, known, weight, width, *flat, mass)


@jit(types.void, i8, I8, I4, F8, I4, I4, F8, i8, F8w, F8w, F8w)
def _sweep_block(
    b: int,
    ptr: I8Array,
    column: I4Array,
    p: F8Array,
    held: I4Array,
    known: I4Array,
    weight: F8Array,
    width: int,
    d: F8Array,
    h: F8Array,
    mass: F8Array,
) -> None:
    """The sweep of one block of lanes; rows up to ``known[l]`` keep their values in lane l."""
    n, top, live = ptr.size - 1, b * width, False
    for k in range(top, top + width):
        live = live or mass[k] > 0.0
        mass[k] = 0.0
    if live and width == 1:
        first = b * n
        for i in range(known[top] + 1, n):
            total = 0.0
            for each in range(u8(ptr[i]), u8(ptr[i + 1])):
                e = u8(each)
                total += p[e] * d[u8(first) + u8(column[e])]
            if held[top] != i:
                d[first + i] = total
                h[first + i] += total
                mass[top] += weight[i] * total
    elif live:
        mine = slice(b * n * WIDTH, (b + 1) * n * WIDTH)
        _sweep_eight(top, ptr, column, p, held, known, weight, d[mine], h[mine], mass)


@jit(types.void, i8, I8, I4, F8, I4, I4, F8, F8w, F8w, F8w)
def _sweep_eight(
    top: int,
    ptr: I8Array,
    column: I4Array,
    p: F8Array,
    held: I4Array,
    known: I4Array,
    weight: F8Array,
    d: F8Array,
    h: F8Array,
    mass: F8Array,
) -> None:
    """The same for WIDTH lanes from ``top`` on, written out so that their sums stay in registers."""
    last = u8(column.size - 1 if column.size else 0)
    begin, end = i8(known[top]), i8(known[top])
    for k in range(top, top + WIDTH):
        begin = known[k] if known[k] < begin else begin
        end = known[k] if known[k] > end else end
    pinned = _next(held, top, begin)
    for i in range(begin + 1, ptr.size - 1):
        a0 = a1 = a2 = a3 = a4 = a5 = a6 = a7 = 0.0
        for each in range(u8(ptr[i]), u8(ptr[i + 1])):
            e = u8(each)
            ahead = e + _AHEAD
            prefetch(d, _8 * u8(column[ahead if ahead < last else last]))
            j, q = _8 * u8(column[e]), p[e]
            a0 += q * d[j]
            a1 += q * d[j + _1]
            a2 += q * d[j + _2]
            a3 += q * d[j + _3]
            a4 += q * d[j + _4]
            a5 += q * d[j + _5]
            a6 += q * d[j + _6]
            a7 += q * d[j + _7]
        at, w, totals = _8 * u8(i), weight[i], (a0, a1, a2, a3, a4, a5, a6, a7)
        if i == pinned or i <= end:
            pinned = _next(held, top, i)
            for lane in range(WIDTH):
                k = u8(lane)
                if held[top + lane] != i and i > known[top + lane]:
                    d[at + k] = totals[lane]
                    h[at + k] += totals[lane]
                    mass[top + lane] += w * totals[lane]
            continue
        for lane in range(WIDTH):
            k = u8(lane)
            d[at + k] = totals[lane]
            h[at + k] += totals[lane]
            mass[u8(top) + k] += w * totals[lane]


@jit(i8, I4, i8, i8)
def _next(held: I4Array, top: int, i: int) -> Any:
    """The first row after i that keeps its value in some lane of those from ``top`` on."""
    found = _NONE
    for k in range(top, top + WIDTH):
        row = i8(held[k])
        if i < row < found:
            found = row
    return found


def begin_lanes(
    ptr: I8Array, column: I4Array, p: F8Array, start: I4Array, weight: F8Array, d: F8Array, h: F8Array, mass: F8Array
) -> None:
    """The first sweep of lanes that aren't held: d = h = (I - L)^-1 e, where d is 1 in row ``start[l]`` of lane l.

    Rows before the start come to know of it in the next sweep: what they pass on to the start mustn't be lost.
    """
    known = np.pad(start, (0, mass.size - start.size), "edge")  # a lane that nothing starts in has only zeros
    _sweep(ptr, column, p, np.full(mass.size, -1, np.int32), known, weight, d, h, mass)
    mass[: start.size] += np.where(start > 0, weight[start], 0.0)


def stretch_lanes(before: F8Array, weight: F8Array, d: F8Array, h: F8Array, mass: F8Array) -> None:
    """Take in one step the longest jump along the last change that provably stays below the answer.

    With D = before, d = G D: the point h' = h - d + (t - 1) D has the residual (1 - t) D + t d, which is >= 0
    exactly when t <= 1 / (1 - m), m = the smallest d / D over rows with D > 0 (Collatz's lower bound of the
    rate). From there one sweep gives h + (t - 1) d, with that residual as its change.
    """
    over_blocks(stretch_block, mass.size // d.shape[1], d.size, before, weight, d, h, mass)


@jit(types.void, i8, F8_2, F8, F8w_2, F8w_2, F8w)
def stretch_block(b: int, before: F8Array, weight: F8Array, d: F8Array, h: F8Array, mass: F8Array) -> None:
    """``stretch_lanes`` of one block."""
    n, width = weight.size, d.shape[1]
    first, top = b * n, b * width
    for k in range(width):
        slowest = 1.0 - 1e-12
        for i in range(first, first + n):
            if before[i, k] > 0.0:
                rate = d[i, k] / before[i, k]
                slowest = rate if rate < slowest else slowest
        if slowest > 0.0 and mass[top + k] > 0.0:
            t, left = 1.0 / (1.0 - slowest), 0.0
            for i in range(n):
                h[first + i, k] += (t - 1.0) * d[first + i, k]
                rest = t * d[first + i, k] - (t - 1.0) * before[first + i, k]
                d[first + i, k] = rest if rest > 0.0 else 0.0
                left += weight[i] * d[first + i, k]
            mass[top + k] = left


def residual_lanes(
    ptr: I8Array, column: I4Array, p: F8Array, held: I4Array, source: I4Array, weight: F8Array, h: F8Array
) -> tuple[F8Array, F8Array]:
    """Weighted sums of the positive and the negative parts of b + P h - h over rows that aren't held.

    b is 1 in row ``source[l]`` of lane l (-1: nowhere). Computed afresh from h, rounding and all.
    """
    width, plus, minus = h.shape[1], np.zeros(held.size), np.zeros(held.size)
    blocks, work = -(-held.size // width), column.size * held.size
    rho = np.empty(blocks * width)
    over_blocks(
        _residual_block, blocks, work, ptr, column, p, held, source, weight, width, h.reshape(-1), rho, plus, minus
    )
    return plus, minus


@jit(types.void, i8, I8, I4, F8, I4, I4, F8, i8, F8, F8w, F8w, F8w)
def _residual_block(
    b: int,
    ptr: I8Array,
    column: I4Array,
    p: F8Array,
    held: I4Array,
    source: I4Array,
    weight: F8Array,
    width: int,
    h: F8Array,
    rho: F8Array,
    plus: F8Array,
    minus: F8Array,
) -> None:
    n, top = ptr.size - 1, b * width
    flat, last = h[b * n * width : (b + 1) * n * width], u8(column.size - 1 if column.size else 0)
    end, mine = plus.size if plus.size < top + width else top + width, rho[top : top + width]
    for i in range(n):
        at = i * width
        if width == 1:
            total = -flat[at] + 1.0 if source[top] == i else -flat[at]
            for each in range(u8(ptr[i]), u8(ptr[i + 1])):
                e = u8(each)
                total += p[e] * flat[u8(column[e])]
            mine[0] = total
        else:
            for k in range(WIDTH):
                mine[k] = -flat[at + k] + 1.0 if top + k < end and source[top + k] == i else -flat[at + k]
            a0, a1, a2, a3, a4, a5, a6, a7 = mine[0], mine[1], mine[2], mine[3], mine[4], mine[5], mine[6], mine[7]
            for each in range(u8(ptr[i]), u8(ptr[i + 1])):
                e = u8(each)
                ahead = e + _AHEAD
                prefetch(flat, _8 * u8(column[ahead if ahead < last else last]))
                j, q = _8 * u8(column[e]), p[e]
                a0 += q * flat[j]
                a1 += q * flat[j + _1]
                a2 += q * flat[j + _2]
                a3 += q * flat[j + _3]
                a4 += q * flat[j + _4]
                a5 += q * flat[j + _5]
                a6 += q * flat[j + _6]
                a7 += q * flat[j + _7]
            mine[0], mine[1], mine[2], mine[3], mine[4], mine[5], mine[6], mine[7] = a0, a1, a2, a3, a4, a5, a6, a7
        for k in range(top, end):
            if i != held[k]:
                if mine[k - top] > 0.0:
                    plus[k] += weight[i] * mine[k - top]
                else:
                    minus[k] -= weight[i] * mine[k - top]
