"""Which values are the largest, as far as their bounds can tell?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["ROUNDING", "Bounds", "Shown", "codes", "first", "settle", "touching"]

ROUNDING = 1e-13  # relative: some 900 units in the last place, beyond what sums along a chain lose
WIDE = 0.01  # relative: solving that far takes a third of the sweeps
F8Array: TypeAlias = NDArray[np.float64]


class Bounds(NamedTuple):
    """Each value lies in [low, high]; low is the value shown."""

    low: F8Array
    high: F8Array

    def take(self, rows: NDArray[np.intp]) -> Bounds:
        """The bounds of some."""
        return Bounds(self.low[rows], self.high[rows])


@dataclass(frozen=True, eq=False)
class Shown:
    """The first so many, best first: positions, competition ranks, and the positions tied with each."""

    at: NDArray[np.intp]
    rank: NDArray[np.int64]
    tied: list[NDArray[np.intp]]
    kth: float  # the smallest lower bound of those shown
    outside: float  # the largest upper bound of the others; -inf where there are none


def touching(bounds: Bounds) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """Positions by falling value, and for each place in that order the group of overlapping bounds it is in."""
    order = np.argsort(-bounds.low, kind="stable")
    low, high = bounds.low[order] * (1 - ROUNDING), bounds.high[order] * (1 + ROUNDING)
    after = np.maximum.accumulate(high[::-1])[::-1]  # a later one with wide bounds may reach over its neighbours
    return order, np.concatenate([[0], np.cumsum(after[1:] < low[:-1])]).astype(np.int64)[: order.size]


def _leading(bounds: Bounds, k: int) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """What ``touching`` says of the largest, as far as the group of the k-th goes: most values needn't be sorted."""
    some, n = 16 * k + 1000, bounds.low.size
    if some < n:
        parts = np.argpartition(-bounds.low, some)
        head, rest = np.sort(parts[:some]), parts[some:]  # by position, as a stable sort leaves equal values
        order, group = touching(bounds.take(head))
        order = head[order]
        end = int(np.searchsorted(group, group[k - 1], "right"))
        reach_up = float(bounds.high[rest].max()) * (1 + ROUNDING)
        if reach_up < float(bounds.low[order[end - 1]]) * (1 - ROUNDING):
            return order[:end], group[:end]
    return touching(bounds)


def codes(bounds: Bounds) -> NDArray[np.int64]:
    """Equal numbers for values that can't be told apart, larger ones for larger values."""
    order, group = touching(bounds)
    out = np.empty(order.size, np.int64)
    out[order] = -group
    return out


def first(bounds: Bounds, k: int, ids: Callable[[NDArray[np.intp]], list[str]]) -> Shown:
    """The k largest of values whose bounds are all known; ties are ordered by id."""
    order, group = _leading(bounds, min(k, bounds.low.size))
    k = min(k, order.size)
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    ends = np.append(starts[1:], order.size)
    at, rank, tied = [], [], []
    for start, end in zip(starts[: group[k - 1] + 1], ends, strict=False):
        members = order[start:end]
        if members.size > 1:
            names = ids(members)
            members = members[sorted(range(members.size), key=names.__getitem__)]
        for position in members[: k - start]:
            at.append(position)
            rank.append(start + 1)
            tied.append(members[members != position])
    chosen = np.array(at, np.intp)
    others = np.ones(bounds.low.size, np.bool_)
    others[chosen] = False
    outside = float(bounds.high[others].max(initial=-np.inf))
    return Shown(chosen, np.array(rank, np.int64), tied, float(bounds.low[chosen].min()), outside)


def settle(
    bounds: Bounds,
    known: NDArray[np.bool_],
    k: int,
    solve: Callable[[NDArray[np.intp], float], Bounds],
    *,
    batch: Callable[[int], int],
    spare: int,
) -> tuple[Bounds, NDArray[np.bool_]]:
    """Solve candidates in the order of their upper bounds until the k largest are certain.

    That is so when the k-th best lower bound is >= the upper bound of every candidate that isn't solved: none of
    them can be larger. Those that may be equal are solved too, up to ``spare`` in all.

    ``bounds`` are those of all candidates, (0, u) where not ``known``; ``solve`` gives those of some, as wide as
    a number allows (0: as narrow as it can). Wide ones are enough to put most of them out of the running.
    ``batch`` tells how many of so many to solve at once.
    """
    low, high, known = bounds.low.copy(), bounds.high.copy(), known.copy()
    solved = 0
    while True:
        best = low[known]
        kth = np.partition(best, best.size - k)[best.size - k] if best.size >= k else -np.inf
        must = np.flatnonzero(~known & (high > kth))
        may = np.flatnonzero(~known & (high * (1 + ROUNDING) >= kth * (1 - ROUNDING)))
        rest = may if solved < spare else must
        if not rest.size:
            return Bounds(low, high), known
        some = rest[np.argsort(-high[rest], kind="stable")[: batch(rest.size)]]
        solved += some.size
        if kth > 0.0:
            high[some] = np.minimum(high[some], solve(some, WIDE * kth).high)
            some = some[high[some] * (1 + ROUNDING) >= kth * (1 - ROUNDING)]
        if some.size:
            low[some], high[some] = solve(some, 0.0)
            known[some] = True
