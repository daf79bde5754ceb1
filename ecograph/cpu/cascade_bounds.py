"""How far is a state from the greatest fixed point? The smallest step down from which it rises above itself."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numba import types
from numpy.typing import NDArray

from ecograph.cpu._jit import F8, I4, U1, F8w, U1w, b1, f8, i8, jit, u8
from ecograph.cpu.cascade_felt import feel
from ecograph.cpu.cascade_lanes import LANES, NONE, V8, Lanes, add_scaled, alike, at, gap, load, most, pick, store
from ecograph.cpu.cascade_network import CHANNEL, MARKETS, Channel, Markets
from ecograph.cpu.cascade_rounds import DENSE, image
from ecograph.cpu.cascade_state import BLOCK, CHANGED, PAGE, PAST, SHOCKS, SIDE, Shocks, Side, hit_rows

__all__ = ["bound_of"]

I4Array: TypeAlias = NDArray[np.int32]
F8Array: TypeAlias = NDArray[np.float64]
U1Array: TypeAlias = NDArray[np.uint8]
TRIES = 16  # rounds in which a lowered state may rise above itself again; 64 found no more, at 2.5 times the cost


@jit(V8, i8)
def _lanes_of(bits: int) -> Lanes:
    """1.0 where the lane's bit is set."""
    return (float(bits & 1), float(bits >> 1 & 1), float(bits >> 2 & 1), float(bits >> 3 & 1),
            float(bits >> 4 & 1), float(bits >> 5 & 1), float(bits >> 6 & 1), float(bits >> 7 & 1))  # fmt: skip


@jit(i8, CHANNEL, SIDE, U1w)
def _close(channel: Channel, side: Side, met: U1Array) -> int:
    """List as ``changed`` whom a loss gets to, though too small for float64 to tell; ``met`` has the lanes as bits."""
    rows = side.changed
    count = hit_rows(side.hit, side.page, 0, side.hit.size, rows)
    for i in rows[:count]:
        for lane in range(LANES):
            if side.h[at(i) + np.uint64(lane)] < 1.0:
                met[i] |= 1 << lane
    more = True
    while more:
        more, q = False, 0
        while q < count:
            i, bits = rows[q], met[rows[q]]
            for e in range(channel.reader_ptr[i], channel.reader_ptr[i + 1]):
                j = channel.row[channel.reader[e]]
                if met[j] | bits != met[j]:
                    met[j] |= bits
                    more = True
                    if side.hit[j] == 0:
                        side.hit[j] = side.page[j // PAGE] = 1
                        rows[count] = j
                        count += 1
            q += 1
    return int(count)


@jit(V8, CHANNEL, MARKETS, I4, U1, b1)
def _rounding(channel: Channel, markets: Markets, places: I4Array, met: U1Array, substitute: bool) -> Lanes:
    """More than a row of F rounds up by: a unit for each term of its longest sum, and of what a market offers."""
    longest, seats = NONE, 0
    for t in places:
        terms = channel.bound[channel.first[t + 1]] - channel.bound[channel.first[t]]
        longest = most(longest, pick(_lanes_of(met[channel.row[t]]), alike(float(terms)), NONE))
    if substitute:
        for m in range(markets.total.size):
            seats = max(seats, markets.ptr[m + 1] - markets.ptr[m])
    slack: Lanes = add_scaled(alike(2.0**-53 * (seats + 16)), 2.0**-53, longest)
    return slack


@jit(V8, F8, u8, V8)
def _start(kept: F8Array, k: np.uint64, step: Lanes) -> Lanes:
    """What was kept less a step, 0 at least."""
    start: Lanes = most(NONE, gap(load(kept, k), step))
    return start


@jit(V8, I4, I4, U1, F8, F8, V8, V8, F8w, V8, lanes=True)
def _compare(
    places: I4Array,
    row: I4Array,
    met: U1Array,
    kept: F8Array,
    left: F8Array,
    down: Lanes,
    slack: Lanes,
    h: F8Array,
    worst: Lanes,
) -> Lanes:
    """Take over what is ``left``, for surely no more than that; the farthest below the start yet."""
    for q in range(places.size):
        i = row[places[q]]
        on = _lanes_of(met[i])
        risen = _start(left, at(q), pick(on, slack, NONE))
        store(h, at(i), risen)
        worst = most(worst, gap(_start(kept, at(i), pick(on, down, NONE)), risen))
    return worst


@jit(types.void, CHANNEL, MARKETS, SIDE, SHOCKS, b1, I4, U1, F8, F8, V8, F8w, lanes=True)
def _rise(
    channel: Channel,
    markets: Markets,
    side: Side,
    shocks: Shocks,
    substitute: bool,
    places: I4Array,
    met: U1Array,
    kept: F8Array,
    lower: F8Array,
    slack: Lanes,
    below: F8Array,
) -> None:
    """Is the state ``kept`` less ``lower`` below the fixed point? Yes (``below`` 0) if some F^t of it is above it.

    F is monotone: the largest of F^0, ..., F^(t-1) is then below its own image, and so below the greatest fixed point
    (Tarski). ``slack`` is more than F rounds up by.
    """
    down, row, h = load(lower, at(0)), channel.row, side.h
    store(below, at(0), alike(1.0))
    for t in places:
        store(h, at(row[t]), _start(kept, at(row[t]), pick(_lanes_of(met[row[t]]), down, NONE)))
    for _ in range(TRIES):
        feel(markets, side, shocks, substitute, False)
        worst = NONE
        for begin in range(0, places.size, BLOCK):
            part = places[begin : begin + BLOCK]
            image(channel.first, channel.bound, channel.column, channel.weight, row, side.felt, shocks.psi,
                  shocks.struck, part, h, side.left)  # fmt: skip
            worst = _compare(part, row, met, kept, side.left, down, slack, h, worst)
        store(below, at(0), pick(worst, load(below, at(0)), NONE))
        open_ = False
        for lane in range(LANES):
            open_ = open_ or (below[lane] > 0.0 and 0.0 < lower[lane] < 1.0)
        if not open_:
            break


@jit(f8, F8, i8, i8)
def _estimate(past: F8Array, lane: int, rounds: int) -> float:
    """How far the state may still fall if changes go on shrinking as in the last rounds; 0 if they don't shrink."""
    span = min(rounds, PAST) - 1
    newest = past[(rounds - 1) % PAST * LANES + lane]
    oldest = past[(rounds - 1 - span) % PAST * LANES + lane]
    if span < 1 or newest <= 0.0 or newest >= oldest:
        return 0.0
    rate = (newest / oldest) ** (1.0 / span)
    return float(newest * rate / (1.0 - rate))


@jit(types.void, CHANNEL, MARKETS, SIDE, SHOCKS, b1, f8, F8, F8w, F8w)
def bound_of(
    channel: Channel,
    markets: Markets,
    side: Side,
    shocks: Shocks,
    substitute: bool,
    stop: float,
    rounds: F8Array,
    kept: F8Array,
    bound: F8Array,
) -> None:
    """Some stop * 2^k below 1 that a lane's state surely isn't further above the fixed point, or NaN.

    The search begins at what is expected; a bad guess costs time, or a larger bound, never a false one. Lanes of 0
    ``rounds`` aren't looked at. The state is lost.
    """
    met, below, lower = np.zeros(side.mark.size, np.uint8), np.empty(LANES), np.zeros(LANES)
    count = _close(channel, side, met)
    side.sizes[CHANGED], places = count, side.todo[:count]
    for q in range(count):
        places[q] = channel.place[side.changed[q]]
    if DENSE * count > met.size:  # in the order in which they lie
        count = 0
        for t in channel.all:
            if met[channel.row[t]]:
                places[count] = t
                count += 1
    slack = _rounding(channel, markets, places, met, substitute)
    for t in places:
        store(kept, at(channel.row[t]), load(side.h, at(channel.row[t])))
    for lane in range(LANES):
        bound[lane] = np.nan
        if rounds[lane] > 0:
            expected, lower[lane] = _estimate(side.past, lane, int(rounds[lane])), stop
            while 0.0 < lower[lane] < 0.5 and lower[lane] < expected:
                lower[lane] *= 2.0
    open_ = True
    while open_:
        _rise(channel, markets, side, shocks, substitute, places, met, kept, lower, slack, below)
        open_ = False
        for lane in range(LANES):
            if 0.0 < lower[lane] < 1.0:
                if below[lane] > 0.0:
                    lower[lane] *= 2.0
                    open_ = open_ or lower[lane] < 1.0
                else:
                    bound[lane], lower[lane] = lower[lane], 0.0
