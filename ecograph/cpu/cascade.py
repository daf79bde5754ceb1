"""Cascades: who loses how much when some lose capacity, by Jacobi rounds.

A *lane* is one shock. Eight lanes share the network and each look at it, and nothing else: the bits of one depend
neither on its company nor on the number of threads. A round recomputes rows that read one whose loss is felt
otherwise than before (or all, where telling them apart costs more): the others would get the bits that they have.
"""

from __future__ import annotations

from typing import TypeAlias

import numba
import numpy as np
from numba import types
from numpy.typing import NDArray

from ecograph.cpu._jit import F8, I4, I8, F8w, F8w_2, b1, i8, jit
from ecograph.cpu.cascade_ahead import rounds_ahead
from ecograph.cpu.cascade_bounds import bound_of
from ecograph.cpu.cascade_felt import feel
from ecograph.cpu.cascade_lanes import LANES, NONE, ONE, add_scaled, at, gap, least, load, pick, room, store
from ecograph.cpu.cascade_network import (
    CHANNEL,
    MARKETS,
    RULE,
    Channel,
    Markets,
    Network,
    Rule,
    channel,
    essential_shares,
    markets,
    seats,
)
from ecograph.cpu.cascade_rounds import round_of
from ecograph.cpu.cascade_state import (
    PAST,
    SHOCKS,
    SIDE,
    VISITED,
    Shocks,
    Side,
    clear,
    hit_rows,
    new_shocks,
    new_side,
    shock,
    touch,
)
from ecograph.cpu.threads import over_blocks

__all__ = ["Channel", "Markets", "Network", "Rule", "channel", "essential_shares", "markets", "run_lanes", "run_state",
           "seats"]  # fmt: skip

I4Array: TypeAlias = NDArray[np.int32]
I8Array: TypeAlias = NDArray[np.int64]
F8Array: TypeAlias = NDArray[np.float64]


def run_lanes(
    network: Network,
    rule: Rule,
    lane_ptr: I8Array,
    row: I4Array,
    psi: F8Array,
    weight: F8Array,
    bounds: bool,
    visits: list[int] | None = None,
) -> tuple[F8Array, F8Array]:
    """``score`` (total, down, up) of each lane, sums of weight * loss; ``run`` (rounds, residual, error bound).

    Lane l holds rows ``row[lane_ptr[l]:lane_ptr[l + 1]]``, each once, at a capacity ``psi`` below 1. The bound is
    NaN where none was found or asked for. How many arrows rounds went along, eight lanes at a time, joins ``visits``.
    """
    lanes, n = lane_ptr.size - 1, weight.size
    order = np.argsort(rounds_ahead(network, rule, lane_ptr, row), kind="stable")
    size = np.diff(lane_ptr)[order]
    ptr = np.concatenate([[0], np.cumsum(size)])
    entry = np.arange(ptr[-1]) + np.repeat(lane_ptr[:-1][order] - ptr[:-1], size)
    seat, psi, weighed = network.seat[row[entry]], psi[entry], np.empty(n)
    weighed[network.seat] = weight
    score, run = np.zeros((lanes, 3)), np.full((lanes, 3), np.nan)
    parts = max(1, min((lanes + LANES - 1) // LANES, numba.get_num_threads()))

    def part(p: int) -> None:
        one, other, shocks, kept = new_side(n), new_side(n), new_shocks(network), room(n if bounds else 0, 0.0)
        _run_groups(*network[:3], rule, ptr, seat, psi, weighed, bounds, p, parts, one, other, shocks, kept, score, run)
        if visits is not None:
            visits.append(int(one.sizes[VISITED] + other.sizes[VISITED]))

    over_blocks(part, parts, lanes * network.up.column.size)
    back = np.argsort(order)
    return score[back], run[back]


def run_state(network: Network, rule: Rule, row: I4Array, psi: F8Array) -> tuple[F8Array, F8Array, F8Array, F8Array]:
    """``hd`` and ``hu`` of every row at the end of one lane, what is felt of its loss down, and ``run``."""
    n, seat = network.seat.size, network.seat
    down, up, shocks, run = new_side(n), new_side(n), new_shocks(network), np.empty((1, 3))
    _run_group(*network[:3], rule, np.array([0, row.size]), seat[row], psi, down, up, shocks, 0, run)
    feel(network.markets, down, shocks, rule.substitute, rule.published)
    hd, hu, felt = (lanes.reshape(n, LANES)[seat, 0] for lanes in (down.h, up.h, down.felt))
    return hd, hu, felt, run[0, :2]


@jit(types.void, CHANNEL, CHANNEL, MARKETS, RULE, I8, I4, F8, SIDE, SIDE, SHOCKS, i8, F8w_2)
def _run_group(
    down: Channel,
    up: Channel,
    markets: Markets,
    rule: Rule,
    lane_ptr: I8Array,
    row: I4Array,
    psi: F8Array,
    one: Side,
    other: Side,
    shocks: Shocks,
    first: int,
    run: F8Array,
) -> None:
    """Up to eight lanes from ``first`` on, each until it stops; what it then has stays."""
    width = min(LANES, lane_ptr.size - 1 - first)
    ptr = lane_ptr[first : first + width + 1]
    shock(one, ptr, row, psi, shocks)
    shock(other, ptr, row, psi, shocks)
    live, fell, sank = np.zeros(LANES), np.empty(LANES), np.empty(LANES)
    live[:width] = 1.0
    rounds, going = 0, True
    while going:
        round_of(down, markets, one, shocks, rule.substitute, rule.published, live, fell)
        round_of(up, markets, other, shocks, False, rule.published, live, sank)
        k, on, going = at(rounds % PAST), load(live, at(0)), False
        store(one.past, k, pick(on, load(fell, at(0)), load(one.past, k)))
        store(other.past, k, pick(on, load(sank, at(0)), load(other.past, k)))
        rounds += 1
        for lane in range(width):
            if live[lane] > 0.0:
                residual = max(fell[lane], sank[lane])
                run[first + lane, 0], run[first + lane, 1] = rounds, residual
                live[lane] = 1.0 if rounds < rule.limit and residual > rule.stop else 0.0
                going = going or live[lane] > 0.0


@jit(types.void, SIDE, SIDE, SHOCKS, F8, i8, F8w_2, lanes=True)
def _score(down: Side, up: Side, shocks: Shocks, weight: F8Array, first: int, score: F8Array) -> None:
    """Weighted sums of the losses (total, down, up), by row: those that lost nothing add exactly 0."""
    for i in shocks.rows[: hit_rows(up.hit, up.page, 0, up.hit.size, shocks.rows)]:
        touch(i, down.hit, down.page)
    total = fell = sank = NONE
    for row in shocks.rows[: hit_rows(down.hit, down.page, 0, down.hit.size, shocks.rows)]:
        i = np.uint64(row)
        hd, hu = load(down.h, at(i)), load(up.h, at(i))
        total = add_scaled(total, weight[i], gap(ONE, least(hd, hu)))
        fell = add_scaled(fell, weight[i], gap(ONE, hd))
        sank = add_scaled(sank, weight[i], gap(ONE, hu))
    sums = np.empty(3 * LANES)
    store(sums, at(0), total)
    store(sums, at(1), fell)
    store(sums, at(2), sank)
    for lane in range(min(LANES, score.shape[0] - first)):
        for c in range(3):
            score[first + lane, c] = sums[c * LANES + lane]


@jit(types.void, CHANNEL, CHANNEL, MARKETS, RULE, SIDE, SIDE, SHOCKS, F8w, i8, F8w_2)
def _bounds(
    down: Channel,
    up: Channel,
    markets: Markets,
    rule: Rule,
    one: Side,
    other: Side,
    shocks: Shocks,
    kept: F8Array,
    first: int,
    run: F8Array,
) -> None:
    """The larger bound of the two channels; 0 where the last round changed nothing."""
    rounds, fell, sank = np.zeros(LANES), np.empty(LANES), np.empty(LANES)
    width = min(LANES, run.shape[0] - first)
    for lane in range(width):
        rounds[lane] = run[first + lane, 0] if run[first + lane, 1] > 0.0 else 0.0
    bound_of(down, markets, one, shocks, rule.substitute, rule.stop, rounds, kept, fell)
    bound_of(up, markets, other, shocks, False, rule.stop, rounds, kept, sank)
    for lane in range(width):
        found = fell[lane] + sank[lane] >= 0.0
        worst = max(fell[lane], sank[lane]) if found else np.nan
        run[first + lane, 2] = worst if rounds[lane] > 0.0 else 0.0


@jit(types.void, CHANNEL, CHANNEL, MARKETS, RULE, I8, I4, F8, F8, b1, i8, i8, SIDE, SIDE, SHOCKS, F8w, F8w_2, F8w_2)
def _run_groups(
    down: Channel,
    up: Channel,
    markets: Markets,
    rule: Rule,
    lane_ptr: I8Array,
    row: I4Array,
    psi: F8Array,
    weight: F8Array,
    bounds: bool,
    part: int,
    parts: int,
    one: Side,
    other: Side,
    shocks: Shocks,
    kept: F8Array,
    score: F8Array,
    run: F8Array,
) -> None:
    """Every ``parts``-th group of eight lanes, one after the other."""
    for first in range(part * LANES, score.shape[0], parts * LANES):
        _run_group(down, up, markets, rule, lane_ptr, row, psi, one, other, shocks, first, run)
        _score(one, other, shocks, weight, first, score)
        if bounds:
            _bounds(down, up, markets, rule, one, other, shocks, kept, first, run)
        clear(other, shocks)
        clear(one, shocks)
