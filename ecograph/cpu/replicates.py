"""Eight replicates side by side, each with its own values: drawing them, and summing chains over them.

Arrows and nodes are those of one graph; replicates differ in what the arrows carry, ``p[8 e + k]`` for arrow e in
replicate k. Draws are those of ``draws.gamma_rows``, to the bit. Matrices are given flat.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numba import types
from numpy.typing import NDArray

from ecograph.cpu._jit import F8, I2, I4, I8, U8, F8w, f8, i8, jit, u8
from ecograph.cpu.draws import exponential_draws, gamma_draw
from ecograph.cpu.prefetch import prefetch

__all__ = ["TOGETHER", "draw_shares", "residual_replicates", "sweep_replicates"]

I2Array: TypeAlias = NDArray[np.int16]
I4Array: TypeAlias = NDArray[np.int32]
I8Array: TypeAlias = NDArray[np.int64]
U8Array: TypeAlias = NDArray[np.uint64]
F8Array: TypeAlias = NDArray[np.float64]

TOGETHER = 8  # a cache line
_1, _2, _3, _4, _5, _6, _7, _8 = (np.uint64(k) for k in range(1, 9))  # no sign: nothing counts from an end
_AHEAD = np.uint64(16)  # arrows


@jit(types.void, u8, i8, I4, I8, I4, I2, F8, F8, F8, U8, I8, F8, f8, f8, F8w)
def draw_shares(
    seed: int,
    replicate: int,
    rows: I4Array,
    indptr: I8Array,
    provider: I4Array,
    relation: I2Array,
    weight: F8Array,
    factor: F8Array,
    shape: F8Array,
    key: U8Array,
    place: I8Array,
    cost: F8Array,
    keep: float,
    damping: float,
    p: F8Array,
) -> None:
    """Shares of the inputs of each receiver in ``rows``, its ties drawn anew as ``redraw`` does, times ``damping``.

    Ties are those of the whole table, ``shape`` and ``key`` those of the ties into ``rows``, one after another, and so
    ``place`` for their arrows: where in p. Operations and their order are those of ``redraw`` and ``dependence``.
    """
    tie, arrow = 0, 0
    total, lost, drawn = np.empty(TOGETHER), np.empty(TOGETHER), np.empty(TOGETHER)
    for j in rows:
        begin, last = arrow, -1
        for e in range(indptr[j], indptr[j + 1]):
            f = factor[relation[e]]
            if weight[e] * f > 0.0 and provider[e] != j:
                if provider[e] != last:
                    last = provider[e]
                    arrow += 1
                    p[8 * place[arrow - 1] : 8 * place[arrow - 1] + 8] = 0.0
                if shape[tie] == 1.0:
                    exponential_draws(seed, u8(replicate), key[tie], drawn)
                else:
                    for k in range(TOGETHER):
                        drawn[k] = gamma_draw(shape[tie], seed, u8(replicate + k), key[tie]) / shape[tie]
                at = 8 * place[arrow - 1]
                for k in range(TOGETHER):
                    p[at + k] += weight[e] * drawn[k] * f
            tie += 1
        total[:] = 0.0
        lost[:] = 0.0
        for q in range(begin, arrow):
            at = 8 * place[q]
            for k in range(TOGETHER):
                amount = p[at + k]
                new = total[k] + amount
                lost[k] += (total[k] - new) + amount if total[k] >= amount else (amount - new) + total[k]
                total[k] = new
        for k in range(TOGETHER):
            total[k] += lost[k]
            if total[k] == 0.0:  # all drawn below what a float64 can tell from 0
                total[k] = 1.0
        for q in range(begin, arrow):
            at = 8 * place[q]
            for k in range(TOGETHER):
                p[at + k] = keep * (p[at + k] / (total[k] + cost[j])) * damping


@jit(types.void, I8, I4, F8, i8, F8w, F8w, F8w)
def sweep_replicates(
    ptr: I8Array, column: I4Array, p: F8Array, begin: int, d: F8Array, h: F8Array, mass: F8Array
) -> None:
    """One sweep as ``chains.sweep_lanes`` makes it, from row ``begin`` on: d <- G d, h <- h + d, mass <- sum of d."""
    last = u8(max(column.size, 1) - 1)
    m0 = m1 = m2 = m3 = m4 = m5 = m6 = m7 = 0.0
    for i in range(begin, ptr.size - 1):
        a0 = a1 = a2 = a3 = a4 = a5 = a6 = a7 = 0.0
        for each in range(u8(ptr[i]), u8(ptr[i + 1])):
            e = u8(each)
            prefetch(d, _8 * u8(column[min(e + _AHEAD, last)]))
            j, q = _8 * u8(column[e]), _8 * e
            a0 += p[q] * d[j]
            a1 += p[q + _1] * d[j + _1]
            a2 += p[q + _2] * d[j + _2]
            a3 += p[q + _3] * d[j + _3]
            a4 += p[q + _4] * d[j + _4]
            a5 += p[q + _5] * d[j + _5]
            a6 += p[q + _6] * d[j + _6]
            a7 += p[q + _7] * d[j + _7]
        at = _8 * u8(i)
        d[at] = a0
        d[at + _1] = a1
        d[at + _2] = a2
        d[at + _3] = a3
        d[at + _4] = a4
        d[at + _5] = a5
        d[at + _6] = a6
        d[at + _7] = a7
        h[at] += a0
        h[at + _1] += a1
        h[at + _2] += a2
        h[at + _3] += a3
        h[at + _4] += a4
        h[at + _5] += a5
        h[at + _6] += a6
        h[at + _7] += a7
        m0 += a0
        m1 += a1
        m2 += a2
        m3 += a3
        m4 += a4
        m5 += a5
        m6 += a6
        m7 += a7
    mass[0], mass[1], mass[2], mass[3] = m0, m1, m2, m3
    mass[4], mass[5], mass[6], mass[7] = m4, m5, m6, m7


@jit(types.void, I8, I4, F8, F8, F8w, F8w)
def residual_replicates(ptr: I8Array, column: I4Array, p: F8Array, h: F8Array, plus: F8Array, minus: F8Array) -> None:
    """Sums of the positive and the negative parts of e_0 + P h - h, computed afresh."""
    last = u8(max(column.size, 1) - 1)
    for i in range(ptr.size - 1):
        at, one = _8 * u8(i), 1.0 if i == 0 else 0.0
        a0 = one - h[at]
        a1 = one - h[at + _1]
        a2 = one - h[at + _2]
        a3 = one - h[at + _3]
        a4 = one - h[at + _4]
        a5 = one - h[at + _5]
        a6 = one - h[at + _6]
        a7 = one - h[at + _7]
        for each in range(u8(ptr[i]), u8(ptr[i + 1])):
            e = u8(each)
            prefetch(h, _8 * u8(column[min(e + _AHEAD, last)]))
            j, q = _8 * u8(column[e]), _8 * e
            a0 += p[q] * h[j]
            a1 += p[q + _1] * h[j + _1]
            a2 += p[q + _2] * h[j + _2]
            a3 += p[q + _3] * h[j + _3]
            a4 += p[q + _4] * h[j + _4]
            a5 += p[q + _5] * h[j + _5]
            a6 += p[q + _6] * h[j + _6]
            a7 += p[q + _7] * h[j + _7]
        for k, rho in enumerate((a0, a1, a2, a3, a4, a5, a6, a7)):
            if rho > 0.0:
                plus[k] += rho
            else:
                minus[k] -= rho
