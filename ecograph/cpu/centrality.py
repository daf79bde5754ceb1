"""Steps of the linear centralities over rows of arrows, and core numbers.

One writer a row; sums over all rows are made block by block and folded in index order outside: the same bits for
any number of threads.
"""

from __future__ import annotations

from math import gcd
from typing import TypeAlias

import numpy as np
from numba import types
from numpy.typing import NDArray

from ecograph.cpu._jit import F8, I4, I8, U1, U2, U4, F8w, F8w_2, I4w, I8w, f8, i8, jit, prange, u8
from ecograph.cpu.prefetch import prefetch
from ecograph.cpu.slices import LANES, SLICE, Slices
from ecograph.cpu.tiles import sum_tiles

__all__ = ["core_numbers", "pagerank_step", "pull", "row_sums"]

I4Array: TypeAlias = NDArray[np.int32]
I8Array: TypeAlias = NDArray[np.int64]
U1Array: TypeAlias = NDArray[np.uint8]
U2Array: TypeAlias = NDArray[np.uint16]
U4Array: TypeAlias = NDArray[np.uint32]
F8Array: TypeAlias = NDArray[np.float64]


_1, _2, _3, _4, _5, _6, _7, _8 = (np.uint64(k) for k in range(1, 9))  # no sign: nothing counts from an end
_AHEAD = np.uint64(128)  # entries of slices: more than a core looks ahead by itself
_TOGETHER = 1 << 9  # slots that are finished together, a multiple of 4


def row_sums(ptr: I8Array, w: F8Array) -> F8Array:
    """Sum of each row, 0 where it is empty."""
    out = np.empty(ptr.size - 1)
    _row_sums(ptr, w, out)
    return out


@jit(types.void, I8, F8, F8w, parallel=True)
def _row_sums(ptr: I8Array, w: F8Array, out: F8Array) -> None:
    for j in prange(out.size):
        total = 0.0
        for e in range(ptr[j], ptr[j + 1]):
            total += w[e]
        out[j] = total


def pull(ptr: I8Array, column: I4Array, w: F8Array, x: F8Array) -> F8Array:
    """out[j] = sum of w_e x[column_e] over row j."""
    out = np.empty(ptr.size - 1)
    _pull(ptr, column, w, x, out)
    return out


@jit(types.void, I8, I4, F8, F8, F8w, parallel=True)
def _pull(ptr: I8Array, column: I4Array, w: F8Array, x: F8Array, out: F8Array) -> None:
    for j in prange(out.size):
        total = 0.0
        for e in range(ptr[j], ptr[j + 1]):
            total += w[e] * x[column[e]]
        out[j] = total


def pagerank_step(
    rows: Slices,
    scale: F8Array,
    ends: U1Array,
    restart: F8Array,
    dangle: F8Array,
    held: F8Array,
    alpha: float,
    y: F8Array,
    new: F8Array,
) -> tuple[F8Array, F8Array]:
    """One step of every lane, x' = alpha (S x + held dangle) + restart, of y = x * scale, which is what rows gather.

    Arrays are by slot, those of lanes as ``Slices.to_lanes`` makes them; ``scale`` is above 0 everywhere. ``held[l]``
    is the sum of x over rows without arrows out, where ``ends`` is 1. Returns by lane the sum of |x' - x|, and that of
    x' over such rows. One writer a slot; sums over slots are made by chunk and added in order of the chunks.
    """
    chunks, lanes, tiled = rows.cut.size - 1, held.size, rows.tiles
    assert lanes == 1 or not tiled.chunks, "rows were laid out for one lane"
    part = np.empty(rows.pieces * lanes)
    change, ended = (np.zeros((chunks + tiled.chunks + 1, lanes)) for _ in range(2))
    sizes = np.array([rows.slots, rows.first, rows.pieces, _stride(chunks), y.shape[1]])
    flat = [each.reshape(-1) for each in (restart, dangle, y, new)]  # a row's place then costs no product
    given = scale, ends, *flat, part, held, alpha, change, ended
    if tiled.chunks:
        given_tiles = SLICE * rows.first, tiled.height, tiled.begin, tiled.into, tiled.of, tiled.weight
        _step_tiles(chunks, *given_tiles, scale, ends, *flat, held, alpha, change, ended)
    _step(sizes, rows.cut, rows.base, rows.column, rows.weight, *given)
    if rows.long:
        _long_rows(sizes, rows.bounds, *given)
    return change.sum(axis=0), ended.sum(axis=0)


def _stride(chunks: int) -> int:
    """Chunks are taken this far apart, so that any stretch of them is as much work as another: a thread gets one."""
    stride = max(1, int(0.618 * chunks))
    while gcd(stride, chunks) > 1:
        stride += 1
    return stride


@jit(types.void, I8, I8, I8, U4, F8, F8, U1, F8, F8, F8, F8w, F8w, F8, f8, F8w_2, F8w_2, parallel=True)
def _step(
    sizes: I8Array,
    cut: I8Array,
    base: I8Array,
    column: U4Array,
    weight: F8Array,
    scale: F8Array,
    ends: U1Array,
    restart: F8Array,
    dangle: F8Array,
    y: F8Array,
    new: F8Array,
    part: F8Array,
    held: F8Array,
    alpha: float,
    change: F8Array,
    ended: F8Array,
) -> None:
    chunks, blocks = cut.size - 1, held.size // sizes[4]
    for i in prange(chunks * blocks):
        c, b = i // blocks * sizes[3] % chunks, i % blocks
        if sizes[4] == 1:
            _chunk(c, sizes, cut, base, column, weight, scale, ends, restart, dangle, y, new, part, held, alpha,
                   change, ended)  # fmt: skip
        else:
            _chunk_of_lanes(c, b, sizes, cut, base, column, weight, scale, ends, restart, dangle, y, new, part, held,
                            alpha, change, ended)  # fmt: skip


@jit(types.void, i8, I8, I8, I8, U4, F8, F8, U1, F8, F8, F8, F8w, F8w, F8, f8, F8w_2, F8w_2)
def _chunk(
    c: int,
    sizes: I8Array,
    cut: I8Array,
    base: I8Array,
    column: U4Array,
    weight: F8Array,
    scale: F8Array,
    ends: U1Array,
    restart: F8Array,
    dangle: F8Array,
    y: F8Array,
    new: F8Array,
    part: F8Array,
    held: F8Array,
    alpha: float,
    change: F8Array,
    ended: F8Array,
) -> None:
    """Slices of one chunk for one lane: eight sums at once, then what is made of them, slot by slot."""
    last = u8(max(column.size, SLICE) - SLICE)
    for s in range(max(sizes[1], cut[c]), cut[c + 1]):
        a0 = a1 = a2 = a3 = a4 = a5 = a6 = a7 = 0.0
        if weight.size:
            for each in range(u8(base[s]), u8(base[s + 1]), _8):
                e = u8(each)
                _ask(column, min(e + _AHEAD, last), y)
                a0 += weight[e] * y[column[e]]
                a1 += weight[e + _1] * y[column[e + _1]]
                a2 += weight[e + _2] * y[column[e + _2]]
                a3 += weight[e + _3] * y[column[e + _3]]
                a4 += weight[e + _4] * y[column[e + _4]]
                a5 += weight[e + _5] * y[column[e + _5]]
                a6 += weight[e + _6] * y[column[e + _6]]
                a7 += weight[e + _7] * y[column[e + _7]]
        else:
            for each in range(u8(base[s]), u8(base[s + 1]), _8):
                e = u8(each)
                _ask(column, min(e + _AHEAD, last), y)
                a0 += y[column[e]]
                a1 += y[column[e + _1]]
                a2 += y[column[e + _2]]
                a3 += y[column[e + _3]]
                a4 += y[column[e + _4]]
                a5 += y[column[e + _5]]
                a6 += y[column[e + _6]]
                a7 += y[column[e + _7]]
        r = SLICE * s - sizes[0]
        sums = new[SLICE * s : SLICE * s + SLICE]
        if r >= 0:
            sums = part[r : r + SLICE]
        sums[0], sums[1], sums[2], sums[3] = a0, a1, a2, a3
        sums[4], sums[5], sums[6], sums[7] = a4, a5, a6, a7
    r0, r1 = min(SLICE * max(sizes[1], cut[c]), sizes[0]), min(SLICE * cut[c + 1], sizes[0])
    moved, gone = np.empty(r1 - r0), np.empty(r1 - r0)
    _finish(scale[r0:r1], ends[r0:r1], restart[r0:r1], dangle[r0:r1], y[r0:r1], held[0], alpha, new[r0:r1], moved, gone)
    change[c, 0], ended[c, 0] = _total(moved), _total(gone)


@jit(types.void, i8, i8, i8, I8, U2, U2, F8, F8, U1, F8, F8, F8, F8w, F8, f8, F8w_2, F8w_2, parallel=True)
def _step_tiles(
    chunks: int,
    least: int,
    height: int,
    begin: I8Array,
    into: U2Array,
    of: U2Array,
    weight: F8Array,
    scale: F8Array,
    ends: U1Array,
    restart: F8Array,
    dangle: F8Array,
    y: F8Array,
    new: F8Array,
    held: F8Array,
    alpha: float,
    change: F8Array,
    ended: F8Array,
) -> None:
    for k in prange(change.shape[0] - 1 - chunks):
        _chunk_of_tiles(k, chunks, least, height, begin, into, of, weight, scale, ends, restart, dangle, y, new, held,
                        alpha, change, ended)  # fmt: skip


@jit(types.void, i8, i8, i8, i8, I8, U2, U2, F8, F8, U1, F8, F8, F8, F8w, F8, f8, F8w_2, F8w_2)
def _chunk_of_tiles(
    k: int,
    chunks: int,
    least: int,
    height: int,
    begin: I8Array,
    into: U2Array,
    of: U2Array,
    weight: F8Array,
    scale: F8Array,
    ends: U1Array,
    restart: F8Array,
    dangle: F8Array,
    y: F8Array,
    new: F8Array,
    held: F8Array,
    alpha: float,
    change: F8Array,
    ended: F8Array,
) -> None:
    """Sums of one chunk in tiles, then what is made of them; slots of rows in pieces get theirs later."""
    count = change.shape[0] - 1 - chunks
    blocks, top = (begin.size - 1) // count, min((k + 1) * height, y.size)
    sum_tiles(begin[k * blocks : (k + 1) * blocks + 1], into, of, weight, y, new[k * height : top])
    moved, gone = np.empty(_TOGETHER), np.empty(_TOGETHER)
    for r0 in range(max(k * height, least), top, _TOGETHER):
        r1 = min(r0 + _TOGETHER, top)
        here, there = moved[: r1 - r0], gone[: r1 - r0]
        _finish(scale[r0:r1], ends[r0:r1], restart[r0:r1], dangle[r0:r1], y[r0:r1], held[0], alpha, new[r0:r1], here,
                there)  # fmt: skip
        change[chunks + k, 0] += _total(here)
        ended[chunks + k, 0] += _total(there)


@jit(types.void, U4, u8, F8, inline="always")
def _ask(column: U4Array, e: int, y: F8Array) -> None:
    """For the eight entries at e, what they will gather."""
    prefetch(y, u8(column[e]))
    prefetch(y, u8(column[e + _1]))
    prefetch(y, u8(column[e + _2]))
    prefetch(y, u8(column[e + _3]))
    prefetch(y, u8(column[e + _4]))
    prefetch(y, u8(column[e + _5]))
    prefetch(y, u8(column[e + _6]))
    prefetch(y, u8(column[e + _7]))


@jit(types.void, F8, U1, F8, F8, F8, f8, f8, F8w, F8w, F8w)
def _finish(
    scale: F8Array,
    ends: U1Array,
    restart: F8Array,
    dangle: F8Array,
    y: F8Array,
    held: float,
    alpha: float,
    new: F8Array,
    moved: F8Array,
    gone: F8Array,
) -> None:
    if held != 0.0:  # where nothing is held, there is an array less to read
        for i in range(new.size):
            new[i] += held * dangle[i]
    for i in range(new.size):
        x = alpha * new[i] + restart[i]
        gone[i] = x * ends[i]
        x *= scale[i]
        moved[i] = abs(x - y[i]) / scale[i]
        new[i] = x


@jit(f8, F8)
def _total(values: F8Array) -> float:
    """The sum of a multiple of 4 numbers: every fourth, then the four."""
    a = b = c = d = 0.0
    for i in range(0, values.size, 4):
        a += values[i]
        b += values[i + 1]
        c += values[i + 2]
        d += values[i + 3]
    return (a + b) + (c + d)


@jit(types.void, i8, i8, I8, I8, I8, U4, F8, F8, U1, F8, F8, F8, F8w, F8w, F8, f8, F8w_2, F8w_2)
def _chunk_of_lanes(
    c: int,
    b: int,
    sizes: I8Array,
    cut: I8Array,
    base: I8Array,
    column: U4Array,
    weight: F8Array,
    scale: F8Array,
    ends: U1Array,
    restart: F8Array,
    dangle: F8Array,
    y: F8Array,
    new: F8Array,
    part: F8Array,
    held: F8Array,
    alpha: float,
    change: F8Array,
    ended: F8Array,
) -> None:
    """Slices of one chunk for one block of lanes: a row at a time, one load of a column for eight lanes."""
    slots, top = sizes[0], b * LANES
    first, moved, gone = u8(b * slots), np.zeros(LANES), np.zeros(LANES)
    total, mine = np.empty(LANES), held[top : top + LANES].copy()
    last, some = u8(max(column.size, 1) - 1), False
    for k in range(LANES):
        some = some or mine[k] != 0.0
    for s in range(max(sizes[1], cut[c]), cut[c + 1]):
        ahead = u8(base[s + 1] - base[s])  # the next slice is about as long
        for r in range(SLICE * s, SLICE * s + SLICE):
            a0 = a1 = a2 = a3 = a4 = a5 = a6 = a7 = 0.0
            for each in range(u8(base[s] + r - SLICE * s), u8(base[s + 1]), _8):
                e = u8(each)
                prefetch(y, _8 * (first + u8(column[min(e + ahead, last)])))
                j = _8 * (first + u8(column[e]))
                if weight.size:
                    a0 += weight[e] * y[j]
                    a1 += weight[e] * y[j + _1]
                    a2 += weight[e] * y[j + _2]
                    a3 += weight[e] * y[j + _3]
                    a4 += weight[e] * y[j + _4]
                    a5 += weight[e] * y[j + _5]
                    a6 += weight[e] * y[j + _6]
                    a7 += weight[e] * y[j + _7]
                else:
                    a0 += y[j]
                    a1 += y[j + _1]
                    a2 += y[j + _2]
                    a3 += y[j + _3]
                    a4 += y[j + _4]
                    a5 += y[j + _5]
                    a6 += y[j + _6]
                    a7 += y[j + _7]
            total[0], total[1], total[2], total[3] = a0, a1, a2, a3
            total[4], total[5], total[6], total[7] = a4, a5, a6, a7
            if r >= slots:
                at = u8(LANES * (b * sizes[2] + r - slots))
                for k in range(LANES):
                    part[at + u8(k)] = total[k]
                continue
            at, own, ended_here = u8(LANES * (b * slots + r)), scale[r], ends[r] != 0
            if some:  # where nothing is held, there is an array less to read
                for k in range(LANES):
                    total[k] += mine[k] * dangle[at + u8(k)]
            for k in range(LANES):
                x = (alpha * total[k] + restart[at + u8(k)]) * own
                moved[k] += abs(x - y[at + u8(k)]) / own
                new[at + u8(k)] = x
            if ended_here:
                for k in range(LANES):
                    gone[k] += alpha * total[k] + restart[at + u8(k)]
    for k in range(LANES):
        change[c, top + k] = moved[k]
        ended[c, top + k] = gone[k]


@jit(types.void, I8, I8, F8, U1, F8, F8, F8, F8w, F8, F8, f8, F8w_2, F8w_2)
def _long_rows(
    sizes: I8Array,
    bounds: I8Array,
    scale: F8Array,
    ends: U1Array,
    restart: F8Array,
    dangle: F8Array,
    y: F8Array,
    new: F8Array,
    part: F8Array,
    held: F8Array,
    alpha: float,
    change: F8Array,
    ended: F8Array,
) -> None:
    """Rows in pieces, from the sums of their pieces; their changes go to the last line."""
    width, last = sizes[4], change.shape[0] - 1
    for lane in range(held.size):
        b, k = lane // width, lane % width
        for r in range(bounds.size - 1):
            total, at = 0.0, width * (b * sizes[0] + r)
            for p in range(bounds[r], bounds[r + 1]):
                total += part[width * (b * sizes[2] + p) + k]
            x = alpha * (total + held[lane] * dangle[at + k]) + restart[at + k]
            after = x * scale[r]
            change[last, lane] += abs(after - y[at + k]) / scale[r]
            ended[last, lane] += x * ends[r]
            new[at + k] = after


def core_numbers(in_ptr: I8Array, in_column: I4Array, out_ptr: I8Array, out_column: I4Array) -> I8Array:
    """Core number of each row, arrows in and out counted together."""
    degree: I8Array = np.diff(in_ptr) + np.diff(out_ptr)
    n = degree.size
    order = np.argsort(degree, kind="stable").astype(np.int32)
    place = np.empty(n, np.int32)
    place[order] = np.arange(n, dtype=np.int32)
    first = np.searchsorted(degree[order], np.arange(int(degree.max(initial=0)) + 1)).astype(np.int64)
    _core_numbers(in_ptr, in_column, out_ptr, out_column, order, place, first, degree)
    return degree


@jit(types.void, I8, I4, I8, I4, I4w, I4w, I8w, I8w)
def _core_numbers(
    in_ptr: I8Array,
    in_column: I4Array,
    out_ptr: I8Array,
    out_column: I4Array,
    order: I4Array,
    place: I4Array,
    first: I8Array,
    degree: I8Array,
) -> None:
    """Batagelj and Zaversnik (2003): take rows by rising degree; whoever is left loses what leads to them.

    ``order`` is sorted by degree throughout, ``first[d]`` the place where degrees >= d begin. Serial; O(arrows).
    """
    for q in range(order.size):
        v = order[q]
        for side in range(2):
            ptr, column = (in_ptr, in_column) if side == 0 else (out_ptr, out_column)
            for e in range(ptr[v], ptr[v + 1]):
                u = column[e]
                if degree[u] > degree[v]:
                    start = max(first[degree[u]], q + 1)
                    other, at = order[start], place[u]
                    order[start], order[at] = u, other
                    place[u], place[other] = start, at
                    first[degree[u]] = start + 1
                    degree[u] -= 1
