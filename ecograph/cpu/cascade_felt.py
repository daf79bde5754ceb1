"""How a loss is felt by those who read a row: less, where others of its market stand in."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numba import types
from numpy.typing import NDArray

from ecograph.cpu._jit import F8, I4, F8w, I4w, b1, f8, i8, jit
from ecograph.cpu.cascade_lanes import NONE, ONE, V8, Lanes, add_scaled, alike, at, gap, load, most, pick, some, store
from ecograph.cpu.cascade_network import MARKETS, Markets
from ecograph.cpu.cascade_state import CHANGED, SHOCKS, SIDE, Shocks, Side, hit_rows

__all__ = ["feel", "feel_all"]

I4Array: TypeAlias = NDArray[np.int32]
F8Array: TypeAlias = NDArray[np.float64]
FLOOR = 1e-10  # of the published code: a market that offers no more counts as one that offers 1 unit of money


@jit(V8, F8, i8, i8, f8, F8, b1, V8)
def _left(out: F8Array, begin: int, end: int, total: float, h: F8Array, published: bool, lost: Lanes) -> Lanes:
    """All less what is lost, or, where half is gone, the sum of what is left."""
    offer: Lanes = gap(alike(total), lost)
    much = gap(lost, offer)
    if some(most(NONE, much)):
        left = NONE
        for i in range(begin, end):
            left = add_scaled(left, out[i], load(h, at(i)))
        offer = pick(much, left, offer)
    if published:
        offer = pick(gap(offer, alike(FLOOR)), offer, ONE)
    return offer


@jit(V8, F8, i8, i8, f8, F8, I4, b1)
def _offer(out: F8Array, begin: int, end: int, total: float, h: F8Array, hit: I4Array, published: bool) -> Lanes:
    """What a market still sells, where only some of its rows are hit.

    Rows that lost nothing add exactly 0 to what is lost, so that other lanes don't change a bit of one.
    """
    lost: Lanes = NONE
    for i in hit:
        lost = add_scaled(lost, out[i], gap(ONE, load(h, at(i))))
    offer: Lanes = _left(out, begin, end, total, h, published, lost)
    return offer


@jit(V8, f8, V8, V8)
def _shared(out: float, offer: Lanes, lost: Lanes) -> Lanes:
    """What is felt of a loss where others offer too: s = out / max(out, offer) times it."""
    a = most(alike(out), offer)
    return (out / a[0] * lost[0], out / a[1] * lost[1], out / a[2] * lost[2], out / a[3] * lost[3],
            out / a[4] * lost[4], out / a[5] * lost[5], out / a[6] * lost[6], out / a[7] * lost[7])  # fmt: skip


@jit(i8, F8, I4, F8, V8, b1, F8w, I4w, i8, lanes=True)
def _move(
    out: F8Array,
    rows: I4Array,
    h: F8Array,
    offer: Lanes,
    substitute: bool,
    felt: F8Array,
    moved: I4Array,
    count: int,
) -> int:
    """Let the losses of these rows be felt; list those felt otherwise than before, from ``count`` on."""
    for i in rows:
        k = at(i)
        lost = gap(ONE, load(h, k))
        if substitute:
            if out[i] <= 0.0:  # nobody reads it
                continue
            lost = _shared(out[i], offer, lost)
        if some(gap(lost, load(felt, k))):
            store(felt, k, lost)
            moved[count] = i
            count += 1
    return count


@jit(V8, F8, i8, i8, f8, F8, b1, lanes=True)
def _offer_of_all(out: F8Array, begin: int, end: int, total: float, h: F8Array, published: bool) -> Lanes:
    """What a market still sells, where all of its rows are looked at: the same bits, as others add exactly 0."""
    lost: Lanes = NONE
    for i in range(np.uint64(begin), np.uint64(end)):
        lost = add_scaled(lost, out[i], gap(ONE, load(h, at(i))))
    offer: Lanes = _left(out, begin, end, total, h, published, lost)
    return offer


@jit(types.void, MARKETS, SIDE, b1, b1, lanes=True)
def feel_all(markets: Markets, side: Side, substitute: bool, published: bool) -> None:
    """How the losses of all rows are felt, without a look at which of them changed."""
    out, h, felt = markets.out, side.h, side.felt
    if not substitute:
        for i in range(np.uint64(out.size)):
            store(felt, at(i), gap(ONE, load(h, at(i))))
        return
    for m in range(markets.total.size):
        begin, end = np.uint64(markets.ptr[m]), np.uint64(markets.ptr[m + 1])
        offer = _offer_of_all(out, begin, end, markets.total[m], h, published)
        for i in range(begin, end):
            if out[i] > 0.0:  # else nobody reads it
                store(felt, at(i), _shared(out[i], offer, gap(ONE, load(h, at(i)))))


@jit(i8, MARKETS, SIDE, SHOCKS, b1, b1, lanes=True)
def feel(markets: Markets, side: Side, shocks: Shocks, substitute: bool, published: bool) -> int:
    """How the losses of the rows that changed are felt and, where others stand in, of all those hit in their markets.

    Lists whose loss ``moved``; returns how many.
    """
    changed, h, felt, moved, out = side.changed[: side.sizes[CHANGED]], side.h, side.felt, side.moved, markets.out
    if not substitute:
        return int(_move(out, changed, h, NONE, False, felt, moved, 0))
    asked, count = 0, 0
    for i in changed:
        m = markets.market[i]
        if shocks.open[m] == 0:
            shocks.open[m] = 1
            shocks.asked[asked] = m
            asked += 1
    for m in shocks.asked[:asked]:
        shocks.open[m] = 0
        begin, end = markets.ptr[m], markets.ptr[m + 1]
        rows = shocks.rows[: hit_rows(side.hit, side.page, begin, end, shocks.rows)]
        offer = _offer(out, begin, end, markets.total[m], h, rows, published)
        count = _move(out, rows, h, offer, True, felt, moved, count)
    return count
