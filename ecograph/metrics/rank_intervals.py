"""How sure is a rank? Simultaneous rank intervals from estimates and how they vary together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ecograph.cpu import ranks as kernels
from ecograph.cpu.draws import normal_rows
from ecograph.metrics.ranking import ROUNDING, Bounds

__all__ = ["DRAWS", "NEVER", "RankIntervals", "Spread", "from_covariance", "from_replicates", "rank_intervals"]

DRAWS = 4_000  # of the largest difference: its 95 % quantile is then one between 94.3 and 95.7 %
NEVER = 1e-10  # relative: a standard error this small would take 1e20 events; it is rounding

F8Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Spread:
    """How estimates vary: their covariance, and draws of their deviations that have it."""

    covariance: F8Array  # (n, n)
    deviation: F8Array  # (draws, n)


@dataclass(frozen=True, eq=False)
class RankIntervals:
    """By estimate: the least and the largest rank, the chance to be among the first, and groups of neighbours."""

    low: NDArray[np.int64]
    high: NDArray[np.int64]
    top: F8Array
    group: list[str]
    critical: float


def from_covariance(covariance: F8Array, seed: int) -> Spread:
    """Normal deviations: as many draws as the quantile of their largest difference needs."""
    root = kernels.factor(covariance, 1e-14 * float(np.diag(covariance).max(initial=0.0)))
    normal = np.empty(DRAWS * root.shape[1])
    normal_rows(seed, 0, np.arange(normal.size, dtype=np.uint64), normal)
    return Spread(covariance, kernels.covary(root, normal.reshape(DRAWS, root.shape[1])))


def from_replicates(values: F8Array) -> Spread:
    """Deviations of replicates (replicates, n) from their mean."""
    deviation = values - values.mean(axis=0)
    product = np.einsum("rk,rl->kl", deviation, deviation, optimize=False)  # adds in order, unlike a BLAS with threads
    return Spread(product / (len(values) - 1), deviation)


def rank_intervals(value: Bounds, spread: Spread, k: int, n: int, *, level: float = 0.95) -> RankIntervals:
    """Rank intervals that hold for all estimates at once.

    Parameters
    ----------
    value : estimates, larger is better; those that bounds or rounding don't tell apart count as equal.
    spread : how they vary together.
    k : ``top`` is the chance of a rank <= k.
    n : how many candidates there are in all; the others have smaller estimates.
    level : of all intervals together.

    Notes
    -----
    The critical value is the ``level`` quantile of max |t| over all pairs. rank_low = 1 + those significantly above;
    rank_high = those not significantly below, or n where an estimate isn't significantly above the weakest one and
    there are others outside the set (Al Mohamad, Goeman and van Zwet 2022, from Tukey's all-pairs comparison).
    Pairs without any error are ordered by value. O(draws n^2) time.
    """
    error = _pair_errors(value, spread)
    largest = kernels.largest_differences(spread.deviation, error)
    critical = float(np.quantile(largest, level, method="higher"))
    low, high = value.low * (1 - ROUNDING), value.high * (1 + ROUNDING)
    above, below = kernels.above_and_below(low, high, error, critical)
    size = value.low.size
    last = np.where(_open(value.low, low, high, error, critical) & (size < n), n, size - below)
    group = _groups(value, low, high, error, critical)
    return RankIntervals(1 + above, last, _top(value, spread, k), group, critical)


def _pair_errors(value: Bounds, spread: Spread) -> F8Array:
    v = np.diag(spread.covariance)
    error = np.sqrt(np.maximum(v[:, None] + v[None, :] - 2.0 * spread.covariance, 0.0))
    scale = np.maximum(np.abs(value.low)[:, None], np.abs(value.low)[None, :])
    noise = np.sqrt(np.maximum(v[:, None], v[None, :])) * 1e-7  # what the difference of equal variances leaves over
    return np.where(error <= np.maximum(NEVER * scale, noise), 0.0, error)


def _open(value: F8Array, low: F8Array, high: F8Array, error: F8Array, critical: float) -> NDArray[np.bool_]:
    """Who isn't significantly above the weakest?"""
    weakest = int(np.argmin(value))
    return np.asarray(low - high[weakest] <= critical * error[:, weakest])


def _top(value: Bounds, spread: Spread, k: int) -> F8Array:
    """Share of draws in which fewer than k are above."""
    drawn = value.low + spread.deviation
    if k >= value.low.size:
        return np.ones(value.low.size)
    kth = np.partition(drawn, value.low.size - k, axis=1)[:, value.low.size - k]
    return np.asarray((drawn >= kth[:, None] - NEVER * np.abs(kth[:, None])).mean(axis=0))


def _groups(value: Bounds, low: F8Array, high: F8Array, error: F8Array, critical: float) -> list[str]:
    """Letters: neighbours in rank that share one are all pairwise not significantly different.

    Longest runs without a significant pair inside; a run inside another one isn't named.
    """
    order = np.argsort(-value.low, kind="stable")
    apart = low[order][:, None] - high[order][None, :] > critical * error[np.ix_(order, order)]
    letters = [""] * order.size
    begin = name = 0
    for end in range(order.size):
        start = begin
        while apart[start : end + 1, end].any():
            start += 1
        if start > begin:
            _mark(letters, order[begin:end], name)
            begin, name = start, name + 1
    _mark(letters, order[begin:], name)
    return letters


def _mark(letters: list[str], rows: NDArray[np.intp], name: int) -> None:
    """a, b, ..., z, aa., ab., ...: several letters end in a point, so that ab is always a and b."""
    text = chr(97 + name % 26) if name < 26 else f"{chr(96 + name // 26)}{chr(97 + name % 26)}."
    for row in rows:
        letters[row] += text
