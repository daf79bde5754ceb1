"""From the tie table to the dependence operator: merged arrows, sums of inputs, shares.

Rows are worked on in blocks, one writer a row: the same bits for any number of threads.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numba import types
from numpy.typing import NDArray

from ecograph.cpu._jit import F8, I2, I4, I8, F8w, I4w, I8w, U1w, f8, i8, jit
from ecograph.cpu.threads import over_blocks

__all__ = [
    "even_rows",
    "inflows",
    "merge_arrows",
    "merge_events",
    "relation_totals",
    "relations_there",
    "share_rows",
    "shares",
]

I4Array: TypeAlias = NDArray[np.int32]
I8Array: TypeAlias = NDArray[np.int64]
F8Array: TypeAlias = NDArray[np.float64]
U1Array: TypeAlias = NDArray[np.uint8]

_BLOCKS = 16


def even_rows(ptr: I8Array, blocks: int) -> I8Array:
    """Where to cut rows into blocks of about as many entries; a row is never cut."""
    cut: I8Array = np.searchsorted(ptr, np.arange(blocks + 1) * int(ptr[-1]) // blocks).astype(np.int64)
    cut[-1] = ptr.size - 1
    return cut


def relations_there(
    provider: I4Array, receiver: I4Array, relation: NDArray[np.int16], weight: F8Array, relations: int
) -> NDArray[np.bool_]:
    """Has a relation a tie of weight > 0 that is no self-tie? Looks no further than where all have one."""
    there = np.zeros(relations, np.uint8)
    _relations_there(provider, receiver, relation, weight, there)
    return there.astype(np.bool_)


@jit(types.void, I4, I4, I2, F8, U1w)
def _relations_there(
    provider: I4Array, receiver: I4Array, relation: NDArray[np.int16], weight: F8Array, there: U1Array
) -> None:
    missing = there.size
    for e in range(weight.size):
        if weight[e] > 0.0 and provider[e] != receiver[e] and not there[relation[e]]:
            there[relation[e]] = 1
            missing -= 1
            if missing == 0:
                break


def relation_totals(
    provider: I4Array, receiver: I4Array, relation: NDArray[np.int16], weight: F8Array, relations: int
) -> tuple[F8Array, I8Array]:
    """Sum of weights and number of ties of each relation, over ties of weight > 0 that are no self-ties."""
    total, count = np.zeros(relations), np.zeros(relations, np.int64)
    _relation_totals(provider, receiver, relation, weight, np.zeros(relations), total, count)
    return total, count


@jit(types.void, I4, I4, I2, F8, F8w, F8w, I8w)
def _relation_totals(
    provider: I4Array,
    receiver: I4Array,
    relation: NDArray[np.int16],
    weight: F8Array,
    lost: F8Array,
    total: F8Array,
    count: I8Array,
) -> None:
    """Neumaier's sum, in table order: the error doesn't grow with the number of ties."""
    for e in range(weight.size):
        if weight[e] > 0.0 and provider[e] != receiver[e]:
            r = relation[e]
            new = total[r] + weight[e]
            if total[r] >= weight[e]:
                lost[r] += (total[r] - new) + weight[e]
            else:
                lost[r] += (weight[e] - new) + total[r]
            total[r] = new
            count[r] += 1
    for r in range(total.size):
        total[r] += lost[r]


def merge_arrows(
    indptr: I8Array, provider: I4Array, relation: NDArray[np.int16], weight: F8Array, factor: F8Array
) -> tuple[I8Array, I4Array, F8Array]:
    """``ptr``, ``provider`` and ``amount``: one arrow for each pair whose ties count, amounts summed.

    A tie counts ``weight * factor[relation]`` when that is above 0 and it is no self-tie. Parallel ties are
    added in table order: by relation, then period.
    """
    ptr, cut = np.zeros(indptr.size, np.int64), even_rows(indptr, _BLOCKS)
    ties = cut, indptr, provider, relation, weight, factor
    over_blocks(_count_arrows, _BLOCKS, provider.size, *ties, ptr)
    np.cumsum(ptr, out=ptr)
    alike = bool(((factor == 0.0) | (factor == 1.0)).all())  # a tie that counts has no factor of 0
    if ptr[-1] == provider.size and alike:
        return indptr, provider, weight
    merged, amount = np.empty(ptr[-1], np.int32), np.empty(ptr[-1])
    over_blocks(_fill_arrows, _BLOCKS, provider.size, *ties, ptr, merged, amount)
    return ptr, merged, amount


@jit(types.void, i8, I8, I8, I4, I2, F8, F8, I8w)
def _count_arrows(
    b: int,
    cut: I8Array,
    indptr: I8Array,
    provider: I4Array,
    relation: NDArray[np.int16],
    weight: F8Array,
    factor: F8Array,
    count: I8Array,
) -> None:
    for j in range(cut[b], cut[b + 1]):
        last, found = -1, 0
        for e in range(indptr[j], indptr[j + 1]):
            if weight[e] * factor[relation[e]] > 0.0 and provider[e] != j and provider[e] != last:
                last = provider[e]
                found += 1
        count[j + 1] = found


@jit(types.void, i8, I8, I8, I4, I2, F8, F8, I8, I4w, F8w)
def _fill_arrows(
    b: int,
    cut: I8Array,
    indptr: I8Array,
    provider: I4Array,
    relation: NDArray[np.int16],
    weight: F8Array,
    factor: F8Array,
    ptr: I8Array,
    merged: I4Array,
    amount: F8Array,
) -> None:
    for j in range(cut[b], cut[b + 1]):
        at = ptr[j] - 1
        last = -1
        for e in range(indptr[j], indptr[j + 1]):
            w = weight[e] * factor[relation[e]]
            if w > 0.0 and provider[e] != j:
                if provider[e] != last:
                    last = provider[e]
                    at += 1
                    merged[at] = last
                    amount[at] = 0.0
                amount[at] += w


def merge_events(
    indptr: I8Array,
    provider: I4Array,
    relation: NDArray[np.int16],
    weight: F8Array,
    factor: F8Array,
    square: F8Array,
    count: I8Array,
    ptr: I8Array,
) -> tuple[F8Array, I8Array]:
    """For each arrow of ``merge_arrows``: the sum of ``square * factor^2`` and of ``count`` over its ties."""
    variance, events = np.zeros(ptr[-1]), np.zeros(ptr[-1], np.int64)
    _fill_events(indptr, provider, relation, weight, factor, square, count, ptr, variance, events)
    return variance, events


@jit(types.void, I8, I4, I2, F8, F8, F8, I8, I8, F8w, I8w)
def _fill_events(
    indptr: I8Array,
    provider: I4Array,
    relation: NDArray[np.int16],
    weight: F8Array,
    factor: F8Array,
    square: F8Array,
    count: I8Array,
    ptr: I8Array,
    variance: F8Array,
    events: I8Array,
) -> None:
    for j in range(indptr.size - 1):
        at = ptr[j] - 1
        last = -1
        for e in range(indptr[j], indptr[j + 1]):
            f = factor[relation[e]]
            if weight[e] * f > 0.0 and provider[e] != j:
                if provider[e] != last:
                    last = provider[e]
                    at += 1
                variance[at] += f * f * square[e]
                events[at] += count[e]


def share_rows(ptr: I8Array, amount: F8Array, cost: F8Array, keep: float) -> tuple[F8Array, F8Array]:
    """``inflow`` of each receiver and ``value`` of each arrow: keep * amount / (inflow + cost)."""
    inflow = inflows(ptr, amount)
    return inflow, shares(ptr, amount, inflow, cost, keep)


def inflows(ptr: I8Array, amount: F8Array) -> F8Array:
    """Sum of the amounts of each row; a hub's shares of it add up to 1."""
    inflow = np.empty(ptr.size - 1)
    over_blocks(_inflows, _BLOCKS, amount.size, even_rows(ptr, _BLOCKS), ptr, amount, inflow)
    return inflow


@jit(types.void, i8, I8, I8, F8, F8w)
def _inflows(b: int, cut: I8Array, ptr: I8Array, amount: F8Array, inflow: F8Array) -> None:
    """Neumaier's sum, in table order."""
    for j in range(cut[b], cut[b + 1]):
        total, lost = 0.0, 0.0
        for e in range(ptr[j], ptr[j + 1]):
            new = total + amount[e]
            if total >= amount[e]:
                lost += (total - new) + amount[e]
            else:
                lost += (amount[e] - new) + total
            total = new
        inflow[j] = total + lost


def shares(ptr: I8Array, amount: F8Array, inflow: F8Array, cost: F8Array, keep: float) -> F8Array:
    """``value`` of each arrow: keep * amount / (inflow + cost)."""
    value = np.empty(amount.size)
    over_blocks(_shares, _BLOCKS, amount.size, even_rows(ptr, _BLOCKS), ptr, amount, inflow, cost, keep, value)
    return value


@jit(types.void, i8, I8, I8, F8, F8, F8, f8, F8w)
def _shares(
    b: int,
    cut: I8Array,
    ptr: I8Array,
    amount: F8Array,
    inflow: F8Array,
    cost: F8Array,
    keep: float,
    value: F8Array,
) -> None:
    for j in range(cut[b], cut[b + 1]):
        for e in range(ptr[j], ptr[j + 1]):
            value[e] = keep * (amount[e] / (inflow[j] + cost[j]))
