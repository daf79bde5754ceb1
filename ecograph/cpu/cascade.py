"""Jacobi rounds of a cascade: who loses how much when some lose capacity.

A *lane* is one shock. Lanes share the network and nothing else: one writer a lane, rows in the order in which the
loss came to them, so that bits don't depend on the number of threads. A round recomputes only rows one of whose
inputs changed in the round before (or all that the loss has come to, where telling them apart costs more): the
others would get the bits that they have.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numba import types
from numpy.typing import NDArray

from ecograph.cpu._jit import F8, I4, I8, F8w, F8w_2, I4w, I8w, U1w, b1, f8, i4, i8, jit, prange

__all__ = ["Network", "Rule", "essential_shares", "market_totals", "run_lanes", "run_state"]

I4Array: TypeAlias = NDArray[np.int32]
I8Array: TypeAlias = NDArray[np.int64]
F8Array: TypeAlias = NDArray[np.float64]
U1Array: TypeAlias = NDArray[np.uint8]
FLOOR = 1e-10  # of the published code: a market that offers no more counts as one that offers 1 unit of money
BLOCK = 16  # lanes that share one set of scratch arrays
TRIES = 16  # rounds in which a lowered state may rise above itself again; 64 found no more, at 2.5 times the cost
PAST = 8  # rounds over which the rate is taken: 2, 4 and 8 divide it, so losses that go to and fro don't fool it
DENSE = 4  # looking a row up costs a fourth of recomputing it


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
    """One channel's state. ``flag``: 1 a partner is below 1, 2 the row itself is; rows are listed as they come.

    ``place`` of a row among the active. ``changed`` lists the rows that the last round changed, ``moved`` those
    whose s did, ``todo`` (marked in ``mark``) what the next has to look at; ``past``: largest changes of late.
    """

    h: F8Array
    new: F8Array
    flag: U1Array
    active: I4Array
    hit: I4Array
    place: I4Array
    changed: I4Array
    todo: I4Array
    moved: I4Array
    mark: U1Array
    past: F8Array
    sizes: I8Array  # how many are active, hit, changed, to do; arrows from the changed, to the active


class Markets(NamedTuple):
    """Of each market what untouched members sell, ``high + low``; members below 1 are chained as they come.

    ``share`` is s of each row, 1 while nobody has lost anything.
    """

    high: F8Array
    low: F8Array
    share: F8Array
    first: I4Array
    last: I4Array
    after: I4Array
    touched: U1Array


NETWORK = types.NamedTuple([I8, I4, F8, I4, I8, I4, F8, F8, I4, F8, F8], Network)
RULE = types.NamedTuple([b1, b1, f8, i8], Rule)
SIDE = types.NamedTuple([F8w, F8w, U1w, I4w, I4w, I4w, I4w, I4w, I4w, U1w, F8w, I8w], Side)
MARKETS = types.NamedTuple([F8w, F8w, F8w, I4w, I4w, I4w, U1w], Markets)
ACTIVE, HIT, CHANGED, TODO, FROM, INTO = range(6)  # of Side.sizes


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


def run_state(network: Network, rule: Rule, row: I4Array, psi: F8Array) -> tuple[F8Array, F8Array, F8Array, F8Array]:
    """``hd``, ``hu`` and s of every row at the end of one lane, and its ``run`` (rounds, residual)."""
    n = network.out.size
    hd, hu, share, run = np.empty(n), np.empty(n), np.empty(n), np.empty(2)
    _run_state(network, rule, row, psi, hd, hu, share, run)
    return hd, hu, share, run


@jit(types.void, I4, I8, I4, I8, U1w, I4w, I4w, I8w)
def _activate(
    rows: I4Array,
    ptr: I8Array,
    column: I4Array,
    into: I8Array,
    flag: U1Array,
    active: I4Array,
    place: I4Array,
    sizes: I8Array,
) -> None:
    """Make rows and their partners active, in this order. ``into`` counts what a row reads."""
    count, arrows = sizes[ACTIVE], sizes[INTO]
    for i in rows:
        if count == flag.size:
            break
        for e in range(ptr[i] - 1, ptr[i + 1]):
            k = i if e < ptr[i] else column[e]
            if flag[k] == 0:
                flag[k] = 1
                active[count] = k
                place[k] = count
                count += 1
                arrows += into[k + 1] - into[k]
    sizes[ACTIVE], sizes[INTO] = count, arrows


@jit(types.void, I4, F8, I4, MARKETS)
def _join(rows: I4Array, out: F8Array, market: I4Array, markets: Markets) -> None:
    """These rows are below 1 from now on: what each offers is counted by itself."""
    first, last, after, high, low = markets.first, markets.last, markets.after, markets.high, markets.low
    for i in rows:
        m = market[i]
        _add(high, low, m, -out[i])
        after[i] = -1
        if first[m] < 0:
            first[m] = i
        else:
            after[last[m]] = i
        last[m] = i


@jit(types.void, NETWORK, SIDE, MARKETS, b1, i8)
def _fall(net: Network, side: Side, markets: Markets, down: bool, before: int) -> None:
    """The rows in ``hit`` from ``before`` on are below 1 from now on."""
    rows = side.hit[before : side.sizes[HIT]]
    if down:
        _activate(rows, net.out_ptr, net.receiver, net.ptr, side.flag, side.active, side.place, side.sizes)
        _join(rows, net.out, net.market, markets)
    else:
        _activate(rows, net.ptr, net.provider, net.out_ptr, side.flag, side.active, side.place, side.sizes)
    for i in rows:
        side.flag[i] = 2


@jit(i8, I4, I8, I4, U1w, I4w, i8)
def _mark(rows: I4Array, ptr: I8Array, column: I4Array, mark: U1Array, todo: I4Array, count: int) -> int:
    """Put the partners of these rows down as to do."""
    for i in rows:
        for e in range(ptr[i], ptr[i + 1]):
            k = column[e]
            if mark[k] == 0:
                mark[k] = 1
                todo[count] = k
                count += 1
    return count


@jit(i8, I4, F8, I4, b1, F8, MARKETS, I4w)
def _offers(
    rows: I4Array,
    out: F8Array,
    market: I4Array,
    published: bool,
    h: F8Array,
    markets: Markets,
    moved: I4Array,
) -> int:
    """Shares s in the markets of these rows, from what is offered there; lists whose s ``moved``, and counts them."""
    high, low, share, first, after = markets.high, markets.low, markets.share, markets.first, markets.after
    touched, count = markets.touched, 0
    for i in rows:
        touched[market[i]] = 1
    for i in rows:
        m = market[i]
        if touched[m] == 0:
            continue
        touched[m] = 0
        offer = high[m] + low[m]
        k = first[m]
        while k >= 0:  # in the order in which they fell below 1
            offer += out[k] * h[k]
            k = after[k]
        if published and offer <= FLOOR:
            offer = 1.0
        k = first[m]
        while k >= 0:
            s = out[k] / max(out[k], offer) if out[k] > 0.0 else 1.0
            if s != share[k]:
                share[k] = s
                moved[count] = k
                count += 1
            k = after[k]
    return count


@jit(types.void, I8, I4, F8, I4, b1, F8, F8, F8, I4, F8w)
def _down_rows(
    ptr: I8Array,
    provider: I4Array,
    down: F8Array,
    run: I4Array,
    substitute: bool,
    psi: F8Array,
    h: F8Array,
    share: F8Array,
    rows: I4Array,
    new: F8Array,
) -> None:
    """What each one's inputs allow: 1 less the larger of all linear loss and the worst essential group's."""
    for j in rows:
        linear, worst, start, stop = 0.0, 0.0, ptr[j], ptr[j + 1]
        if start < stop and run[stop - 1] < 0:  # runs rise: none is essential
            if substitute:
                for e in range(start, stop):
                    linear += down[e] * (1.0 - h[provider[e]]) * share[provider[e]]
            else:
                for e in range(start, stop):
                    linear += down[e] * (1.0 - h[provider[e]])
        else:
            group, last = 0.0, -1
            for e in range(start, stop):
                lost = down[e] * (1.0 - h[provider[e]])
                if substitute:
                    lost *= share[provider[e]]
                if run[e] < 0:
                    linear += lost
                else:
                    if run[e] != last:
                        group, last = 0.0, run[e]
                    group += lost
                    worst = max(worst, group)
        new[j] = min(psi[j], max(0.0, 1.0 - max(linear, worst)))


@jit(types.void, I8, I4, F8, F8, F8, I4, F8w)
def _up_rows(
    ptr: I8Array, receiver: I4Array, up: F8Array, psi: F8Array, h: F8Array, rows: I4Array, new: F8Array
) -> None:
    """What each one's customers still take."""
    for i in rows:
        lost = 0.0
        for e in range(ptr[i], ptr[i + 1]):
            lost += up[e] * (1.0 - h[receiver[e]])
        new[i] = min(psi[i], max(0.0, 1.0 - lost))


@jit(types.void, NETWORK, RULE, SIDE, MARKETS, b1, F8, I4)
def _image(net: Network, rule: Rule, side: Side, markets: Markets, down: bool, psi: F8Array, rows: I4Array) -> None:
    """``new`` of these rows from the old state."""
    if down:
        _down_rows(net.ptr, net.provider, net.down, net.run, rule.substitute, psi, side.h, markets.share, rows,
                   side.new)  # fmt: skip
    else:
        _up_rows(net.out_ptr, net.receiver, net.up, psi, side.h, rows, side.new)


@jit(b1, NETWORK, RULE, SIDE, MARKETS, b1)
def _plan(net: Network, rule: Rule, side: Side, markets: Markets, down: bool) -> bool:
    """List in ``todo`` the rows that the next round may change; False: leave it, all active rows are cheaper."""
    changed, hit = side.changed[: side.sizes[CHANGED]], side.hit[: side.sizes[HIT]]
    few = bool(DENSE * side.sizes[FROM] <= side.sizes[INTO])
    moved = 0
    if down and rule.substitute:
        rows = changed if few else hit
        moved = _offers(rows, net.out, net.market, rule.published, side.h, markets, side.moved)
    if few and down:
        count = _mark(changed, net.out_ptr, net.receiver, side.mark, side.todo, 0)
        side.sizes[TODO] = _mark(side.moved[:moved], net.out_ptr, net.receiver, side.mark, side.todo, count)
    elif few:
        side.sizes[TODO] = _mark(changed, net.ptr, net.provider, side.mark, side.todo, 0)
    return few


@jit(f8, I4, I8, b1, SIDE)
def _take(rows: I4Array, arrows: I8Array, published: bool, side: Side) -> float:
    """Take the new state of these rows over; returns the largest change (published rule: the largest decrease)."""
    h, new, mark, flag, hit, changed = side.h, side.new, side.mark, side.flag, side.hit, side.changed
    place, largest, count, total, fallen = side.place, 0.0, 0, 0, side.sizes[HIT]
    for j in rows:
        mark[j] = 0
        if h[j] != new[j]:
            fall = h[j] - new[j]
            largest = max(largest, fall if published else abs(fall))
            h[j] = new[j]
            changed[count] = j
            count += 1
            total += arrows[j + 1] - arrows[j]
            if new[j] < 1.0 and flag[j] != 2:
                hit[fallen] = place[j]
                fallen += 1
    side.sizes[CHANGED], side.sizes[FROM] = count, total
    fresh = hit[side.sizes[HIT] : fallen]
    fresh.sort()  # in the order of the active rows, whatever the order of ``rows``
    for q in range(fresh.size):
        fresh[q] = side.active[fresh[q]]
    side.sizes[HIT] = fallen
    return float(largest)


@jit(f8, NETWORK, RULE, SIDE, MARKETS, b1, F8)
def _round(net: Network, rule: Rule, side: Side, markets: Markets, down: bool, psi: F8Array) -> float:
    """One round of one channel."""
    few, before = _plan(net, rule, side, markets, down), side.sizes[HIT]
    rows = side.todo[: side.sizes[TODO]] if few else side.active[: side.sizes[ACTIVE]]
    _image(net, rule, side, markets, down, psi, rows)
    largest: float = _take(rows, net.out_ptr if down else net.ptr, rule.published, side)
    _fall(net, side, markets, down, before)
    return largest


@jit(types.void, NETWORK, SIDE, MARKETS, b1)
def _close(net: Network, side: Side, markets: Markets, down: bool) -> None:
    """Take for below 1 whoever some loss gets to, though it be too small for float64 to tell."""
    more = True
    while more:
        before = side.sizes[HIT]
        for j in side.active[: side.sizes[ACTIVE]]:
            if side.flag[j] != 2:
                met = not down
                if down:
                    for e in range(net.ptr[j], net.ptr[j + 1]):
                        met = met or (side.flag[net.provider[e]] == 2 and net.down[e] > 0.0)
                if met:
                    side.hit[side.sizes[HIT]] = j
                    side.sizes[HIT] += 1
        _fall(net, side, markets, down, before)
        more = side.sizes[HIT] > before


@jit(f8, NETWORK, SIDE, MARKETS, b1)
def _rounding(net: Network, side: Side, markets: Markets, substitute: bool) -> float:
    """More than a row of F rounds up by: a unit for each term of its longest sum, and of what a market offers."""
    longest, seats, after = 0, 0, markets.after
    for j in side.active[: side.sizes[ACTIVE]]:
        longest = max(longest, net.ptr[j + 1] - net.ptr[j], net.out_ptr[j + 1] - net.out_ptr[j])
    if substitute:
        for i in side.hit[: side.sizes[HIT]]:
            k, chain = i, 0
            if markets.first[net.market[i]] == i:
                while k >= 0:
                    k, chain = after[k], chain + 1
            seats = max(seats, chain)
    return 2.0**-53 * (longest + seats + 16)


@jit(b1, NETWORK, RULE, SIDE, MARKETS, b1, F8, f8, f8, F8w)
def _holds(
    net: Network,
    rule: Rule,
    side: Side,
    markets: Markets,
    down: bool,
    psi: F8Array,
    lower: float,
    slack: float,
    kept: F8Array,
) -> bool:
    """Is the state less ``lower`` below the fixed point? Yes, if some F^t of it is above it, F being monotone.

    Then the largest of F^0, ..., F^(t-1) is below its own image, and so below the greatest fixed point (Tarski).
    ``slack`` is more than F rounds up by. The state is put back at the end.
    """
    active = side.active[: side.sizes[ACTIVE]]
    for j in active:
        kept[j] = side.h[j]
        if side.flag[j] == 2:
            side.h[j] = max(0.0, kept[j] - lower)
    above = False
    for _ in range(TRIES):
        if down and rule.substitute:
            hit = side.hit[: side.sizes[HIT]]
            _offers(hit, net.out, net.market, rule.published, side.h, markets, side.moved)
        _image(net, rule, side, markets, down, psi, active)
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


@jit(f8, SIDE, i8)
def _estimate(side: Side, rounds: int) -> float:
    """How far the state may still fall if changes go on shrinking as in the last rounds; 0 if they don't shrink."""
    span = min(rounds, PAST) - 1
    newest = side.past[(rounds - 1) % PAST]
    oldest = side.past[(rounds - 1 - span) % PAST]
    if span < 1 or newest <= 0.0 or newest >= oldest:
        return 0.0
    rate = (newest / oldest) ** (1.0 / span)
    return float(newest * rate / (1.0 - rate))


@jit(f8, NETWORK, RULE, SIDE, MARKETS, b1, F8, i8, F8w)
def _bound(
    net: Network, rule: Rule, side: Side, markets: Markets, down: bool, psi: F8Array, rounds: int, kept: F8Array
) -> float:
    """Some stop * 2^k below 1 that the state surely isn't further above the fixed point, or NaN.

    The search begins at what is expected; a bad guess costs time, or a larger bound, never a false one.
    """
    _close(net, side, markets, down)
    slack = _rounding(net, side, markets, down and rule.substitute)
    expected, lower = _estimate(side, rounds), rule.stop
    while 0.0 < lower < 0.5 and lower < expected:
        lower *= 2.0
    while 0.0 < lower < 1.0:
        if _holds(net, rule, side, markets, down, psi, lower, slack, kept):
            return lower
        lower *= 2.0
    return np.nan


@jit(types.void, NETWORK, SIDE, MARKETS)
def _clear(net: Network, side: Side, markets: Markets) -> None:
    for j in side.active[: side.sizes[ACTIVE]]:
        side.h[j] = 1.0
        side.flag[j] = side.mark[j] = 0
    for i in side.hit[: side.sizes[HIT]]:
        m = net.market[i]
        markets.share[i], markets.first[m] = 1.0, -1
        markets.high[m], markets.low[m] = net.high[m], net.low[m]
    side.sizes[:] = 0


@jit(types.void, F8, SIDE, SIDE, F8w)
def _score(weight: F8Array, down: Side, up: Side, score: F8Array) -> None:
    """Weighted sums of the losses: total, down, up."""
    for i in down.hit[: down.sizes[HIT]]:
        score[1] += weight[i] * (1.0 - down.h[i])
        score[0] += weight[i] * (1.0 - min(down.h[i], up.h[i]))
    for i in up.hit[: up.sizes[HIT]]:
        score[2] += weight[i] * (1.0 - up.h[i])
        if down.flag[i] != 2:
            score[0] += weight[i] * (1.0 - up.h[i])


@jit(i8, NETWORK, RULE, SIDE, SIDE, MARKETS, F8, F8w)
def _run_lane(net: Network, rule: Rule, down: Side, up: Side, markets: Markets, psi: F8Array, result: F8Array) -> int:
    """Rounds from the shock in both sides' lists of changed rows; ``result`` gets their number and the residual."""
    rounds, residual = 0, np.inf
    while rounds < rule.limit and residual > rule.stop:
        down.past[rounds % PAST] = _round(net, rule, down, markets, True, psi)
        up.past[rounds % PAST] = _round(net, rule, up, markets, False, psi)
        residual = max(down.past[rounds % PAST], up.past[rounds % PAST])
        rounds += 1
    result[0], result[1] = rounds, residual
    return rounds


@jit(types.void, NETWORK, SIDE, MARKETS, b1, i4, f8)
def _shock(net: Network, side: Side, markets: Markets, down: bool, i: int, left: float) -> None:
    """Leave row i so much of its capacity."""
    side.h[i] = left
    side.changed[side.sizes[CHANGED]] = i
    side.sizes[CHANGED] += 1
    side.sizes[FROM] += net.out_ptr[i + 1] - net.out_ptr[i] if down else net.ptr[i + 1] - net.ptr[i]
    side.hit[side.sizes[HIT]] = i
    side.sizes[HIT] += 1
    _fall(net, side, markets, down, side.sizes[HIT] - 1)


@jit(types.Tuple((SIDE, SIDE, MARKETS)), NETWORK)
def _scratch(net: Network) -> tuple[Side, Side, Markets]:
    """Both channels where nothing is lost yet."""
    n, m = net.out.size, net.high.size
    h = np.ones((2, n))
    share, new, past = np.ones(n), np.empty((2, n)), np.zeros((2, PAST))
    flags, lists, sizes = np.zeros((4, n), np.uint8), np.empty((12, n), np.int32), np.zeros((2, 6), np.int64)
    down = Side(h[0], new[0], flags[0], lists[0], lists[1], lists[2], lists[3], lists[4], lists[5], flags[1], past[0],
                sizes[0])  # fmt: skip
    up = Side(h[1], new[1], flags[2], lists[6], lists[7], lists[8], lists[9], lists[10], lists[11], flags[3], past[1],
              sizes[1])  # fmt: skip
    chain, touched = np.full((2, m), -1, np.int32), np.zeros(m, np.uint8)
    markets = Markets(net.high.copy(), net.low.copy(), share, chain[0], chain[1], np.empty(n, np.int32), touched)
    return down, up, markets


@jit(types.void, NETWORK, RULE, I4, F8, F8w, F8w, F8w, F8w)
def _run_state(
    net: Network, rule: Rule, row: I4Array, capacity: F8Array, hd: F8Array, hu: F8Array, share: F8Array, run: F8Array
) -> None:
    psi = np.ones(net.out.size)
    down, up, markets = _scratch(net)
    for q in range(row.size):
        psi[row[q]] = capacity[q]
        _shock(net, down, markets, True, row[q], capacity[q])
        _shock(net, up, markets, False, row[q], capacity[q])
    _run_lane(net, rule, down, up, markets, psi, run)
    if rule.substitute:
        hit = down.hit[: down.sizes[HIT]]
        _offers(hit, net.out, net.market, rule.published, down.h, markets, down.moved)
    hd[:], hu[:], share[:] = down.h, up.h, markets.share


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
    psi, kept = np.ones(weight.size), np.empty(weight.size)
    down, up, markets = _scratch(net)
    for lane in range(first, min(score.shape[0], first + BLOCK)):
        for q in range(lane_ptr[lane], lane_ptr[lane + 1]):
            psi[row[q]] = capacity[q]
            _shock(net, down, markets, True, row[q], capacity[q])
            _shock(net, up, markets, False, row[q], capacity[q])
        rounds = _run_lane(net, rule, down, up, markets, psi, run[lane])
        _score(weight, down, up, score[lane])
        if bounds:
            one = other = 0.0
            if run[lane, 1] > 0.0:
                one = _bound(net, rule, down, markets, True, psi, rounds, kept)
                other = _bound(net, rule, up, markets, False, psi, rounds, kept)
            run[lane, 2] = max(one, other) if one + other >= 0.0 else np.nan
        for q in range(lane_ptr[lane], lane_ptr[lane + 1]):
            psi[row[q]] = 1.0
        _clear(net, up, markets)  # the markets belong to down, and are put back with it
        _clear(net, down, markets)


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
