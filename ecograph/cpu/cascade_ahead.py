"""How long will a cascade take? A guess, to run those of a kind together."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numba import types
from numpy.typing import NDArray

from ecograph.cpu._jit import F8, I4, I8, F8w, jit
from ecograph.cpu.cascade_lanes import LANES
from ecograph.cpu.cascade_network import Network, Rule

__all__ = ["rounds_ahead"]

I4Array: TypeAlias = NDArray[np.int32]
I8Array: TypeAlias = NDArray[np.int64]
F8Array: TypeAlias = NDArray[np.float64]
AHEAD = 16  # rounds looked ahead
TINY = 2.0**-1022


def rounds_ahead(network: Network, rule: Rule, lane_ptr: I8Array, row: I4Array) -> F8Array:
    """About how many rounds each lane will take: lanes that stop together keep each other company.

    As many as the longest chain of sales has links whose shares multiply to more than ``stop``; the best such product
    parts those of as many. Nothing but time depends on it.
    """
    lanes, n, up = lane_ptr.size - 1, network.seat.size, network.up
    if lanes <= LANES:
        return np.zeros(lanes)
    share, rounds = np.ones(n), np.zeros(n)
    for _ in range(AHEAD):
        farther = np.zeros(n)
        _farther(up.row, up.first, up.bound, up.column, up.weight, share, farther)
        rounds += np.where(farther > rule.stop, 1.0, 0.5 * farther / max(rule.stop, TINY))
        share = np.where(farther > rule.stop, farther, 0.0)
    struck = np.append((rounds + 0.5 * share)[network.seat[row]], 0.0)
    return np.where(np.diff(lane_ptr) > 0, np.maximum.reduceat(struck, lane_ptr[:-1]), 0.0)


@jit(types.void, I4, I8, I8, I4, F8, F8, F8w)
def _farther(
    row: I4Array, first: I8Array, bound: I8Array, column: I4Array, weight: F8Array, share: F8Array, farther: F8Array
) -> None:
    """The largest product of a share and one more weight."""
    for t in range(row.size):
        for e in range(bound[first[t]], bound[first[t + 1]]):
            farther[column[e]] = max(farther[column[e]], weight[e] * share[row[t]])
