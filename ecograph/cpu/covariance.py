"""How estimates vary together when the weights of arrows do: sums of products of gradients.

The gradient of estimate l by the weight of the arrow i -> j is ``a[j, l] / total[j] * (keep * b[i, l] - c[j, l])``,
c the mean of b over j's providers: ``a`` says how often j is needed, ``b`` how much comes of needing i. Receivers lie
in a fixed number of blocks with sums of their own, added in order: the same bits for any number of threads.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numba import types
from numpy.typing import NDArray

from ecograph.cpu._jit import F8, F8_2, I4, I8, F8w, F8w_2, I4w, I4w_2, f8, i8, jit
from ecograph.cpu.threads import over_blocks

__all__ = ["arrow_covariance", "cluster_sums"]

I4Array: TypeAlias = NDArray[np.int32]
I8Array: TypeAlias = NDArray[np.int64]
F8Array: TypeAlias = NDArray[np.float64]
BLOCKS = 8
TOGETHER = 4  # arrows; _add_products is written out for so many
_LINE = 8  # numbers: a block's variances share no cache line with another's


def arrow_covariance(
    ptr: I8Array,
    provider: I4Array,
    value: F8Array,
    variance: F8Array,
    rows: I4Array,
    total: F8Array,
    keep: float,
    node: I4Array,
    a: F8Array,
    b: F8Array,
) -> F8Array:
    """Sum over the arrows into ``rows`` of g g' v: (lanes, lanes), g the gradient and v the ``variance`` of the arrow.

    ``a`` and ``b`` have one row a node and one column a lane; ``node`` numbers the participants, and an arrow from
    one with -1 counts as if nothing came of it.
    """
    lanes = a.shape[1]
    parts, g = np.zeros((BLOCKS * lanes, lanes)), np.zeros((BLOCKS * TOGETHER, lanes))
    mean, live, v = np.empty((BLOCKS, lanes)), np.empty((BLOCKS, lanes), np.int32), np.zeros((BLOCKS, _LINE))
    work = int((ptr[rows + 1] - ptr[rows]).sum()) * lanes
    over_blocks(
        _block, BLOCKS, work, ptr, provider, value, variance, rows, total, keep, node, a, b, mean, live, g, v, parts
    )
    lower = np.zeros((lanes, lanes))
    for part in parts.reshape(BLOCKS, lanes, lanes):  # in index order
        lower += part
    return lower + np.tril(lower, -1).T


@jit(i8, i8, I8, I4, F8, I4, F8_2, F8_2, F8w, I4w)
def _means(
    j: int,
    ptr: I8Array,
    provider: I4Array,
    value: F8Array,
    node: I4Array,
    a: F8Array,
    b: F8Array,
    mean: F8Array,
    live: I4Array,
) -> int:
    """List the lanes that need j in ``live``, with the mean of b over j's providers in each; return how many."""
    count = 0
    for k in range(a.shape[1]):
        if a[node[j], k] != 0.0:
            live[count] = k
            mean[count] = 0.0
            count += 1
    for e in range(ptr[j], ptr[j + 1]):
        i = node[provider[e]]
        if i >= 0:
            for q in range(count):
                mean[q] += value[e] * b[i, live[q]]
    return count


@jit(types.void, i8, I8, I4, F8, F8, I4, F8, f8, I4, F8_2, F8_2, F8w_2, I4w_2, F8w_2, F8w_2, F8w_2)
def _block(
    p: int,
    ptr: I8Array,
    provider: I4Array,
    value: F8Array,
    variance: F8Array,
    rows: I4Array,
    total: F8Array,
    keep: float,
    node: I4Array,
    a: F8Array,
    b: F8Array,
    means: F8Array,
    lives: I4Array,
    g: F8Array,
    v: F8Array,
    parts: F8Array,
) -> None:
    lanes, mean, live, top = a.shape[1], means[p], lives[p], p * TOGETHER
    first, begin, end = p * lanes, p * rows.size // BLOCKS, (p + 1) * rows.size // BLOCKS
    at = top
    for r in range(begin, end):
        j = rows[r]
        count = _means(j, ptr, provider, value, node, a, b, mean, live)
        for e in range(ptr[j], ptr[j + 1] if count else ptr[j]):
            i = node[provider[e]]
            for k in range(lanes):
                g[at, k] = 0.0
            v[p, at - top] = variance[e]
            for q in range(count):
                k = live[q]
                g[at, k] = a[node[j], k] / total[j] * ((keep * b[i, k] if i >= 0 else 0.0) - mean[q])
            at += 1
            if at == top + TOGETHER:
                _add_products(g[top], g[top + 1], g[top + 2], g[top + 3], v[p], parts[first : first + lanes])
                at = top
    for r in range(at, top + TOGETHER):
        for k in range(lanes):
            g[r, k] = 0.0  # products with 0 add nothing
    _add_products(g[top], g[top + 1], g[top + 2], g[top + 3], v[p], parts[first : first + lanes])


@jit(types.void, F8, F8, F8, F8, F8, F8w_2)
def _add_products(g0: F8Array, g1: F8Array, g2: F8Array, g3: F8Array, v: F8Array, out: F8Array) -> None:
    """The lower half of v g g' of four arrows, in their order: one load and store of a sum serves four."""
    for q in range(g0.size):
        w0, w1, w2, w3 = g0[q] * v[0], g1[q] * v[1], g2[q] * v[2], g3[q] * v[3]
        if w0 != 0.0 or w1 != 0.0 or w2 != 0.0 or w3 != 0.0:
            line = out[q, : q + 1]
            for s in range(line.size):
                line[s] = (((line[s] + w0 * g0[s]) + w1 * g1[s]) + w2 * g2[s]) + w3 * g3[s]


def cluster_sums(
    ptr: I8Array,
    provider: I4Array,
    value: F8Array,
    rows: I4Array,
    total: F8Array,
    keep: float,
    node: I4Array,
    a: F8Array,
    b: F8Array,
    tie_ptr: I8Array,
    tie_provider: I4Array,
    amount: F8Array,
    cluster: I4Array,
    clusters: int,
) -> F8Array:
    """Sum over the ties of each cluster of g times ``amount``: (clusters, lanes).

    Ties of receiver j are ``tie_ptr[j]`` to ``tie_ptr[j + 1]``; those of amount 0 don't count (a refund's is negative).
    One thread: a cluster's ties lie anywhere.
    """
    sums = np.zeros((clusters, a.shape[1]))
    _cluster_sums(ptr, provider, value, rows, total, keep, node, a, b, tie_ptr, tie_provider, amount, cluster, sums)
    return sums


@jit(types.void, I8, I4, F8, I4, F8, f8, I4, F8_2, F8_2, I8, I4, F8, I4, F8w_2)
def _cluster_sums(
    ptr: I8Array,
    provider: I4Array,
    value: F8Array,
    rows: I4Array,
    total: F8Array,
    keep: float,
    node: I4Array,
    a: F8Array,
    b: F8Array,
    tie_ptr: I8Array,
    tie_provider: I4Array,
    amount: F8Array,
    cluster: I4Array,
    sums: F8Array,
) -> None:
    lanes = a.shape[1]
    mean, live = np.empty(lanes), np.empty(lanes, np.int32)
    for r in range(rows.size):
        j = rows[r]
        count = _means(j, ptr, provider, value, node, a, b, mean, live)
        for e in range(tie_ptr[j], tie_ptr[j + 1] if count else tie_ptr[j]):
            if amount[e] != 0.0 and tie_provider[e] != j:
                i = node[tie_provider[e]]
                for q in range(count):
                    k = live[q]
                    came = keep * b[i, k] if i >= 0 else 0.0
                    sums[cluster[e], k] += amount[e] * a[node[j], k] / total[j] * (came - mean[q])
