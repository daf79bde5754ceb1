"""Jacobi rounds of a cascade: who loses how much when some lose capacity.

A *lane* is one shock. Lanes share the network and nothing else: one writer a lane, rows in the order in which the
loss came to them, so that bits don't depend on the number of threads. A round recomputes only rows with a partner
below 1; all other rows are exactly 1.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numba import types
from numpy.typing import NDArray

from ecograph.cpu._jit import F8, I4, I8, F8w, F8w_2, I4w, I8w, U1w, b1, f8, i4, i8, jit, prange

__all__ = ["Network", "Rule", "essential_shares", "market_totals", "run_lanes"]

I4Array: TypeAlias = NDArray[np.int32]
I8Array: TypeAlias = NDArray[np.int64]
F8Array: TypeAlias = NDArray[np.float64]
FLOOR = 1e-10  # of the published code: a market that offers no more counts as one that offers 1 unit of money
BLOCK = 16  # lanes that share one set of scratch arrays
TRIES = 16  # rounds in which a lowered state may rise above itself again; 64 found no more, at 2.5 times the cost


class Network(NamedTuple):
    """Arrows both ways: entry e of receiver j has ``provider``, ``down`` and ``run``; of provider i the other two.

    ``run[e]`` is the provider's group where its input is essential and -1 elsewhere; entries of one run are
    neighbours. ``high + low`` is what each market sells in all.
    """

    ptr: I8Array
    provider: I4Array
    down: F8Array
    run: I4Array
    out_ptr: I8Array
    receiver: I4Array
    up: F8Array
    out: F8Array
    market: I4Array
    high: F8Array
    low: F8Array


class Rule(NamedTuple):
    """How a lane is run, and when it stops."""

    substitute: bool
    published: bool
    stop: float
    limit: int


class Side(NamedTuple):
    """One channel's state. ``flag``: 1 a partner is below 1, 2 the row itself is; rows are listed as they come."""

    h: F8Array
    new: F8Array
    flag: NDArray[np.uint8]
    active: I4Array
    hit: I4Array
    sizes: I8Array  # how many are active, how many hit


NETWORK = types.NamedTuple([I8, I4, F8, I4, I8, I4, F8, F8, I4, F8, F8], Network)
RULE = types.NamedTuple([b1, b1, f8, i8], Rule)
SIDE = types.NamedTuple([F8w, F8w, U1w, I4w, I4w, I8w], Side)


def essential_shares(ptr: I8Array, amount: F8Array, run: I4Array, down: F8Array) -> None:
    """Overwrite ``down`` of essential inputs by their share in what the receiver buys of that group."""
    _essential_shares(ptr, amount, run, down)


@jit(types.void, I8, F8, I4, F8w, parallel=True)
def _essential_shares(ptr: I8Array, amount: F8Array, run: I4Array, down: F8Array) -> None:
    for j in prange(ptr.size - 1):
        e = ptr[j]
        while e < ptr[j + 1]:
            last, total = e, 0.0
            while last < ptr[j + 1] and run[last] == run[e]:
                total += amount[last]
                last += 1
            if run[e] >= 0:
                for k in range(e, last):
                    down[k] = amount[k] / total
            e = last


def market_totals(out: F8Array, market: I4Array, markets: int) -> tuple[F8Array, F8Array]:
    """What each market sells, as the unevaluated sum of two floats."""
    high, low = np.zeros(markets), np.zeros(markets)
    _market_totals(out, market, high, low)
    return high, low


@jit(types.void, F8w, F8w, i8, f8)
def _add(high: F8Array, low: F8Array, m: int, value: float) -> None:
    """Knuth's TwoSum: taking away all that was added leaves less than u^2 of it."""
    total = high[m] + value
    part = total - high[m]
    low[m] += (high[m] - (total - part)) + (value - part)
    high[m] = total


@jit(types.void, F8, I4, F8w, F8w)
def _market_totals(out: F8Array, market: I4Array, high: F8Array, low: F8Array) -> None:
    for i in range(out.size):
        _add(high, low, market[i], out[i])


def run_lanes(
    network: Network, rule: Rule, lane_ptr: I8Array, row: I4Array, psi: F8Array, weight: F8Array, bounds: bool
) -> tuple[F8Array, F8Array]:
    """``score`` (total, down, up) of each lane, sums of weight * loss; ``run`` (rounds, residual, error bound).

    Lane l holds rows ``row[lane_ptr[l]:lane_ptr[l + 1]]``, each once, at a capacity ``psi`` below 1. The bound is
    NaN where none was found or asked for.
    """
    lanes = lane_ptr.size - 1
    score, run = np.zeros((lanes, 3)), np.full((lanes, 3), np.nan)
    _run_lanes(network, rule, lane_ptr, row, psi, weight, bounds, score, run)
    return score, run


@jit(i8, i8, I8, I4, U1w, I4w, i8)
def _spread(i: int, ptr: I8Array, column: I4Array, flag: NDArray[np.uint8], active: I4Array, count: int) -> int:
    """Make i and its partners active."""
    if flag[i] == 0:
        flag[i] = 1
        active[count] = i
        count += 1
    for e in range(ptr[i], ptr[i + 1]):
        k = column[e]
        if flag[k] == 0:
            flag[k] = 1
            active[count] = k
            count += 1
    return count


@jit(types.void, SIDE, i4, I8, I4)
def _hit(side: Side, i: int, ptr: I8Array, column: I4Array) -> None:
    """Row i is below 1 from now on."""
    side.sizes[0] = _spread(i, ptr, column, side.flag, side.active, side.sizes[0])
    side.flag[i] = 2
    side.hit[side.sizes[1]] = i
    side.sizes[1] += 1


@jit(types.void, NETWORK, RULE, SIDE, F8, F8, F8w)
def _offers(net: Network, rule: Rule, side: Side, high: F8Array, low: F8Array, offer: F8Array) -> None:
    """``offer[m]`` = sum of out * h over market m, for every market with a row below 1."""
    hit = side.hit[: side.sizes[1]]
    for i in hit:
        offer[net.market[i]] = high[net.market[i]] + low[net.market[i]]
    for i in hit:
        offer[net.market[i]] += net.out[i] * side.h[i]
    if rule.published:
        for i in hit:
            if offer[net.market[i]] <= FLOOR:
                offer[net.market[i]] = 1.0


@jit(f8, NETWORK, RULE, i4, F8, F8)
def _down_row(net: Network, rule: Rule, j: int, h: F8Array, offer: F8Array) -> float:
    """What j's inputs allow: 1 less the larger of all linear loss and the worst essential group's."""
    linear, worst, group, last = 0.0, 0.0, 0.0, -1
    for e in range(net.ptr[j], net.ptr[j + 1]):
        i = net.provider[e]
        if h[i] < 1.0:
            lost = net.down[e] * (1.0 - h[i])
            if rule.substitute:
                lost *= net.out[i] / max(net.out[i], offer[net.market[i]])
            if net.run[e] < 0:
                linear += lost
            else:
                if net.run[e] != last:
                    group, last = 0.0, net.run[e]
                group += lost
                worst = max(worst, group)
    return max(0.0, 1.0 - max(linear, worst))


@jit(f8, NETWORK, i4, F8)
def _up_row(net: Network, i: int, h: F8Array) -> float:
    """What i's customers still take."""
    lost = 0.0
    for e in range(net.out_ptr[i], net.out_ptr[i + 1]):
        lost += net.up[e] * (1.0 - h[net.receiver[e]])
    return max(0.0, 1.0 - lost)


@jit(types.void, NETWORK, RULE, SIDE, b1, F8, F8, F8, F8w)
def _image(
    net: Network, rule: Rule, side: Side, down: bool, psi: F8Array, high: F8Array, low: F8Array, offer: F8Array
) -> None:
    """``new`` from the old state, for every active row."""
    if down and rule.substitute:
        _offers(net, rule, side, high, low, offer)
    for j in side.active[: side.sizes[0]]:
        can = _down_row(net, rule, j, side.h, offer) if down else _up_row(net, j, side.h)
        side.new[j] = min(psi[j], can)


@jit(f8, NETWORK, RULE, SIDE, b1, F8w, F8w)
def _commit(net: Network, rule: Rule, side: Side, down: bool, high: F8Array, low: F8Array) -> float:
    """Take the new state over; returns the largest change (published rule: the largest decrease)."""
    largest = 0.0
    for j in side.active[: side.sizes[0]]:
        fall = side.h[j] - side.new[j]
        largest = max(largest, fall if rule.published else abs(fall))
        side.h[j] = side.new[j]
        if side.h[j] < 1.0 and side.flag[j] != 2:
            if down:
                _hit(side, j, net.out_ptr, net.receiver)
                _add(high, low, net.market[j], -net.out[j])
            else:
                _hit(side, j, net.ptr, net.provider)
    return largest


@jit(b1, NETWORK, RULE, SIDE, b1, F8, f8, f8, F8, F8, F8w, F8w)
def _holds(
    net: Network,
    rule: Rule,
    side: Side,
    down: bool,
    psi: F8Array,
    lower: float,
    slack: float,
    high: F8Array,
    low: F8Array,
    offer: F8Array,
    kept: F8Array,
) -> bool:
    """Is the state less ``lower`` below the fixed point? Yes, if some F^t of it is above it, F being monotone.

    Then the largest of F^0, ..., F^(t-1) is below its own image, and so below the greatest fixed point (Tarski).
    ``slack`` is more than F rounds up by. The state is put back at the end.
    """
    active = side.active[: side.sizes[0]]
    for j in active:
        kept[j] = side.h[j]
        if side.flag[j] == 2:
            side.h[j] = max(0.0, kept[j] - lower)
    above = False
    for _ in range(TRIES):
        _image(net, rule, side, down, psi, high, low, offer)
        above = True
        for j in active:
            start = max(0.0, kept[j] - lower) if side.flag[j] == 2 else 1.0
            side.h[j] = max(0.0, side.new[j] - slack) if side.flag[j] == 2 else side.new[j]
            above = above and side.h[j] >= start
        if above:
            break
    for j in active:
        side.h[j] = kept[j]
    return above


@jit(f8, NETWORK, RULE, SIDE, b1, F8, F8, F8, F8w, F8w)
def _bound(
    net: Network,
    rule: Rule,
    side: Side,
    down: bool,
    psi: F8Array,
    high: F8Array,
    low: F8Array,
    offer: F8Array,
    kept: F8Array,
) -> float:
    """The smallest stop * 2^k below 1 that the state surely isn't further above the fixed point, or NaN."""
    longest = 0
    for j in side.active[: side.sizes[0]]:
        longest = max(longest, net.ptr[j + 1] - net.ptr[j], net.out_ptr[j + 1] - net.out_ptr[j])
    slack = 2.0**-53 * (longest + side.sizes[1] + 16)
    lower = rule.stop
    while 0.0 < lower < 1.0:
        if _holds(net, rule, side, down, psi, lower, slack, high, low, offer, kept):
            return lower
        lower *= 2.0
    return np.nan


@jit(types.void, SIDE)
def _clear(side: Side) -> None:
    for j in side.active[: side.sizes[0]]:
        side.h[j] = 1.0
        side.flag[j] = 0
    side.sizes[:] = 0


@jit(types.void, F8, SIDE, SIDE, F8w)
def _score(weight: F8Array, down: Side, up: Side, score: F8Array) -> None:
    """Weighted sums of the losses: total, down, up."""
    for i in down.hit[: down.sizes[1]]:
        score[1] += weight[i] * (1.0 - down.h[i])
        score[0] += weight[i] * (1.0 - min(down.h[i], up.h[i]))
    for i in up.hit[: up.sizes[1]]:
        score[2] += weight[i] * (1.0 - up.h[i])
        if down.flag[i] != 2:
            score[0] += weight[i] * (1.0 - up.h[i])


@jit(types.void, NETWORK, RULE, I8, I4, F8, F8, b1, i8, F8w_2, F8w_2)
def _run_block(
    net: Network,
    rule: Rule,
    lane_ptr: I8Array,
    row: I4Array,
    capacity: F8Array,
    weight: F8Array,
    bounds: bool,
    first: int,
    score: F8Array,
    run: F8Array,
) -> None:
    """Lanes ``first``, ... one after the other; scratch arrays are put back where a lane has touched them."""
    n = weight.size
    psi, kept = np.ones(n), np.empty(n)
    high, low, offer = net.high.copy(), net.low.copy(), np.empty(net.high.size)
    flags, lists = np.zeros((2, n), np.uint8), np.empty((4, n), np.int32)
    down = Side(np.ones(n), np.empty(n), flags[0], lists[0], lists[1], np.zeros(2, np.int64))
    up = Side(np.ones(n), np.empty(n), flags[1], lists[2], lists[3], np.zeros(2, np.int64))
    for lane in range(first, min(score.shape[0], first + BLOCK)):
        for q in range(lane_ptr[lane], lane_ptr[lane + 1]):
            i = row[q]
            psi[i] = down.h[i] = up.h[i] = capacity[q]
            _hit(down, i, net.out_ptr, net.receiver)
            _hit(up, i, net.ptr, net.provider)
            _add(high, low, net.market[i], -net.out[i])
        rounds, residual = 0, np.inf
        while rounds < rule.limit and residual > rule.stop:
            _image(net, rule, down, True, psi, high, low, offer)
            _image(net, rule, up, False, psi, high, low, offer)
            residual = _commit(net, rule, down, True, high, low)
            residual = max(residual, _commit(net, rule, up, False, high, low))
            rounds += 1
        _score(weight, down, up, score[lane])
        run[lane, 0], run[lane, 1] = rounds, residual
        if bounds:
            one = other = 0.0
            if residual > 0.0:
                one = _bound(net, rule, down, True, psi, high, low, offer, kept)
                other = _bound(net, rule, up, False, psi, high, low, offer, kept)
            run[lane, 2] = max(one, other) if one + other >= 0.0 else np.nan
        for i in down.hit[: down.sizes[1]]:
            high[net.market[i]] = net.high[net.market[i]]
            low[net.market[i]] = net.low[net.market[i]]
        for q in range(lane_ptr[lane], lane_ptr[lane + 1]):
            psi[row[q]] = 1.0
        _clear(down)
        _clear(up)


@jit(types.void, NETWORK, RULE, I8, I4, F8, F8, b1, F8w_2, F8w_2, parallel=True)
def _run_lanes(
    net: Network,
    rule: Rule,
    lane_ptr: I8Array,
    row: I4Array,
    capacity: F8Array,
    weight: F8Array,
    bounds: bool,
    score: F8Array,
    run: F8Array,
) -> None:
    """Blocks side by side. Nothing else is done here: what parfors remove as dead can be live in a tuple."""
    lanes = score.shape[0]
    for block in prange((lanes + BLOCK - 1) // BLOCK):
        _run_block(net, rule, lane_ptr, row, capacity, weight, bounds, block * BLOCK, score, run)
