"""How far are 32 cascades from their limits? As ``cpu.cascade_bounds``; ``cascade_bounds.cu`` has what that adds."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ecograph.cpu.cascade_bounds import TRIES
from ecograph.gpu._module import THREADS, blocks, module
from ecograph.gpu.cascade_state import EACH, PAST, State, pull
from ecograph.gpu.chains import LANES

__all__ = ["bound_of"]

F8Array: TypeAlias = NDArray[np.float64]
LOOK = 4  # tries between two looks at which lanes still need one


def bound_of(state: State, shocks: tuple[Any, Any], stop: float, rounds: F8Array, past: F8Array) -> F8Array:
    """(32,): some stop * 2^k below 1 that a lane's state surely isn't further above the fixed point, or NaN.

    Lanes of 0 ``rounds`` aren't looked at. ``shocks``: who is struck, and what that leaves.
    """
    import cupy

    bound, lower = np.full(LANES, np.nan), np.zeros(LANES)
    for lane in np.flatnonzero(rounds):
        expected, lower[lane] = _estimate(past[:, lane], int(rounds[lane])), stop
        while 0.0 < lower[lane] < 0.5 and lower[lane] < expected:
            lower[lane] *= 2.0
    if not lower.any():
        return bound
    met = _met(state)
    slack, low = _slack(state, met), cupy.empty(state.held.n * state.width, np.float64)
    while (open_ := (lower > 0.0) & (lower < 1.0)).any():
        below = _rise(state, shocks, met, low, np.concatenate([lower, slack]), open_)
        bound = np.where(open_ & ~below, lower, bound)
        lower = np.where(open_, np.where(below, 2.0 * lower, 0.0), lower)
    return bound


def _estimate(past: F8Array, rounds: int) -> float:
    """How far the state may still fall if changes go on shrinking as in the last rounds; 0 if they don't shrink."""
    span = min(rounds, PAST) - 1
    newest, oldest = float(past[(rounds - 1) % PAST]), float(past[(rounds - 1 - span) % PAST])
    if span < 1 or newest <= 0.0 or newest >= oldest:
        return 0.0
    rate: float = (newest / oldest) ** (1.0 / span)
    return newest * rate / (1.0 - rate)


def _kernel(state: State, name: str) -> Any:
    return module("cascade_bounds", state.width).get_function(name)


def _met(state: State) -> Any:
    """Lanes whose loss gets to each row. A launch and a read for each step farther, and one that finds nobody."""
    import cupy

    n, side = state.held.n, state.side
    met, other = (cupy.empty(n, np.uint32) for _ in range(2))
    _kernel(state, "begin_met")(blocks(n, EACH), (THREADS,), (state.h, state.hit, np.int64(n), met))
    grid = (n - side.narrow + blocks(side.narrow, EACH)[0],)
    more = True
    while more:
        grew = cupy.zeros(1, np.uint32)
        _kernel(state, "spread_met")(
            grid, (THREADS,),
            (side.row, side.first, side.bound, side.column, np.int64(side.narrow), np.int64(n), met, other, grew),
        )  # fmt: skip
        met, other, more = other, met, bool(grew.get()[0])
    return met


def _slack(state: State, met: Any) -> F8Array:
    """More than a row of F rounds up by: a unit for each term of its longest sum, and of what a market offers."""
    import cupy

    n, side, longest = state.held.n, state.side, cupy.zeros(LANES, np.uint32)
    _kernel(state, "longest_met")(
        blocks(n, EACH), (THREADS,), (side.row, side.first, side.bound, met, np.int64(n), longest)
    )
    seats = int(np.diff(state.held.network.markets.ptr).max(initial=0)) if state.substitute else 0
    slack: F8Array = 2.0**-53 * (seats + 16) + 2.0**-53 * longest.get()
    return slack


def _rise(
    state: State, shocks: tuple[Any, Any], met: Any, low: Any, step: F8Array, open_: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Is the state less ``step`` below its image nowhere yet, in the lanes that are ``open_``?"""
    import cupy

    n, side, there = state.held.n, state.side, cupy.asarray(step)
    always, below = cupy.asarray(np.array([2**32 - 1], np.uint32)), cupy.asarray(np.ones(LANES, np.uint32))
    worst = cupy.zeros(LANES, np.uint64)
    _kernel(state, "lower_rows")(blocks(n, EACH), (THREADS,), (state.h, met, there, np.int64(n), low))
    still = open_
    for tried in range(1, TRIES + 1):
        pull(state, low, met, met, always, published=False)
        _kernel(state, "rise_rows")(
            blocks(n, EACH), (THREADS,),
            (side.row, side.first, state.sums, *shocks, met, state.h, there, np.int64(n), low, worst),
        )  # fmt: skip
        _kernel(state, "decide_rise")((1,), (LANES,), (worst, below))
        if tried % LOOK == 0:
            still = open_ & (below.get() > 0)
            if not still.any():
                break
    return still
