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
    blocks, work = mass.size // d.shape[1], column.size * mass.size
    over_blocks(_sweep_block, blocks, work, ptr, column, p, held, known, weight, d, h, mass)


@jit(types.void, i8, I8, I4, F8, I4, I4, F8, F8w_2, F8w_2, F8w)
def _sweep_block(
    b: int,
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
    """The sweep of one block of lanes; rows up to ``known[l]`` keep their values in lane l."""
    n, width = ptr.size - 1, d.shape[1]
    first, top = b * n, b * width
    live = False
    for k in range(top, top + width):
        live = live or mass[k] > 0.0
        mass[k] = 0.0
    if live and width == 1:
        for i in range(known[top] + 1, n):
            total = 0.0
            for each in range(u8(ptr[i]), u8(ptr[i + 1])):
                e = u8(each)
                total += p[e] * d[u8(first) + u8(column[e]), 0]
            if held[top] != i:
                d[first + i, 0] = total
                h[first + i, 0] += total
                mass[top] += weight[i] * total
    elif live:
        mine, lanes = slice(first, first + n), slice(top, top + width)
        _sweep_eight(ptr, column, p, held[lanes], known[lanes], weight, d[mine].reshape(-1), h[mine].reshape(-1),
                     mass[lanes])  # fmt: skip


@jit(types.void, I8, I4, F8, I4, I4, F8, F8w, F8w, F8w)
def _sweep_eight(
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
    """The same for WIDTH lanes, written out so that their sums stay in registers."""
    begin, end = np.int64(known.min()) + 1, np.int64(known.max())
    pinned, last = _next(held, begin - 1), u8(max(column.size, 1) - 1)
    for i in range(begin, ptr.size - 1):
        a0 = a1 = a2 = a3 = a4 = a5 = a6 = a7 = 0.0
        for each in range(u8(ptr[i]), u8(ptr[i + 1])):
            e = u8(each)
            prefetch(d, _8 * u8(column[min(e + _AHEAD, last)]))
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
            pinned = _next(held, i)
            for k in range(WIDTH):
                if held[k] != i and i > known[k]:
                    d[WIDTH * i + k] = totals[k]
                    h[WIDTH * i + k] += totals[k]
                    mass[k] += w * totals[k]
            continue
        for lane in range(WIDTH):
            k = u8(lane)
            d[at + k] = totals[lane]
            h[at + k] += totals[lane]
            mass[k] += w * totals[lane]


@jit(i8, I4, i8)
def _next(held: I4Array, i: int) -> Any:
    """The first row after i that keeps its value in some lane."""
    found = np.int64(np.iinfo(np.int32).max)
    for row in held:
        if row > i:
            found = min(found, np.int64(row))
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
                slowest = min(slowest, d[i, k] / before[i, k])
        if slowest > 0.0 and mass[top + k] > 0.0:
            t, left = 1.0 / (1.0 - slowest), 0.0
            for i in range(n):
                h[first + i, k] += (t - 1.0) * d[first + i, k]
                d[first + i, k] = max(0.0, t * d[first + i, k] - (t - 1.0) * before[first + i, k])
                left += weight[i] * d[first + i, k]
            mass[top + k] = left


def residual_lanes(
    ptr: I8Array, column: I4Array, p: F8Array, held: I4Array, source: I4Array, weight: F8Array, h: F8Array
) -> tuple[F8Array, F8Array]:
    """Weighted sums of the positive and the negative parts of b + P h - h over rows that aren't held.

    b is 1 in row ``source[l]`` of lane l (-1: nowhere). Computed afresh from h, rounding and all.
    """
    plus, minus = np.zeros(held.size), np.zeros(held.size)
    blocks, work = -(-held.size // h.shape[1]), column.size * held.size
    over_blocks(_residual_block, blocks, work, ptr, column, p, held, source, weight, h, plus, minus)
    return plus, minus


@jit(types.void, i8, I8, I4, F8, I4, I4, F8, F8_2, F8w, F8w)
def _residual_block(
    b: int,
    ptr: I8Array,
    column: I4Array,
    p: F8Array,
    held: I4Array,
    source: I4Array,
    weight: F8Array,
    h: F8Array,
    plus: F8Array,
    minus: F8Array,
) -> None:
    n, width = ptr.size - 1, h.shape[1]
    first, top = b * n, b * width
    lanes, last = min(width, plus.size - top), u8(max(column.size, 1) - 1)
    flat = h[first : first + n].reshape(-1)
    rho = np.empty(width)
    for i in range(n):
        for k in range(width):
            rho[k] = -flat[width * i + k]
            if top + k < plus.size and source[top + k] == i:
                rho[k] += 1.0
        if width == 1:
            for each in range(u8(ptr[i]), u8(ptr[i + 1])):
                e = u8(each)
                rho[0] += p[e] * flat[u8(column[e])]
        else:
            a0, a1, a2, a3, a4, a5, a6, a7 = rho[0], rho[1], rho[2], rho[3], rho[4], rho[5], rho[6], rho[7]
            for each in range(u8(ptr[i]), u8(ptr[i + 1])):
                e = u8(each)
                prefetch(flat, _8 * u8(column[min(e + _AHEAD, last)]))
                j, q = _8 * u8(column[e]), p[e]
                a0 += q * flat[j]
                a1 += q * flat[j + _1]
                a2 += q * flat[j + _2]
                a3 += q * flat[j + _3]
                a4 += q * flat[j + _4]
                a5 += q * flat[j + _5]
                a6 += q * flat[j + _6]
                a7 += q * flat[j + _7]
            rho[0], rho[1], rho[2], rho[3], rho[4], rho[5], rho[6], rho[7] = a0, a1, a2, a3, a4, a5, a6, a7
        for k in range(lanes):
            if i != held[top + k]:
                if rho[k] > 0.0:
                    plus[top + k] += weight[i] * rho[k]
                else:
                    minus[top + k] -= weight[i] * rho[k]
