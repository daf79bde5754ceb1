"""Intervals of lenses and of ranks: by the delta method, by redrawing weights, or by dropping events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ecograph.ecosystem import Ecosystem
from ecograph.errors import ConvergenceError
from ecograph.metrics import delta
from ecograph.metrics.lenses import Lens, Reach, Rooted
from ecograph.metrics.question import Question, build_lenses, key
from ecograph.metrics.rank_intervals import RankIntervals, Spread, from_covariance, from_replicates, rank_intervals
from ecograph.metrics.ranking import ROUNDING, Bounds
from ecograph.metrics.resample import replicate_values
from ecograph.metrics.rooted_replicates import drawn_on_device, rooted_replicates

__all__ = ["METHODS", "Asked", "Sure", "how_sure"]

METHODS = ("delta", "bootstrap", "none")
SMOOTH = ("direct", "rooted", "reach", "first_round")  # lenses with a gradient
HOPS = ("brokerage", "captive")  # only whether a tie is there counts
LEVEL, Z = 0.95, 1.959963984540054
MOST = 1_000  # compared, where all could be: a million pairs
ENOUGH = 20  # replicates, or there is no interval

F8Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Asked:
    """How intervals are wanted."""

    method: str
    seed: int
    replicates: int
    drop: float  # share of events dropped, for lenses that only ask whether a tie is there

    def compared(self, by: str, top: int, n: int) -> int:
        """How many candidates are compared with each other."""
        if self.method == "none":
            return top
        least = max(4 * top, 100)
        return max(least, min(n, MOST)) if by == "direct" else least

    def way(self, lens: str) -> str:
        """How the interval of a lens is found."""
        if lens in HOPS:
            return "drop"
        return "delta" if self.method == "delta" and lens in SMOOTH else "redraw"


@dataclass(frozen=True, eq=False)
class Sure:
    """Intervals of the rows shown."""

    ranks: RankIntervals
    of: dict[str, tuple[F8Array, F8Array]]  # 95 % interval of each lens
    ways: dict[str, str]
    compared: int
    thin: float | None  # share of steps through receivers with few events
    failed: list[str] = field(default_factory=list)  # what became of replicates that gave no values


def how_sure(
    ask: Question, lenses: Mapping[str, Lens], by: str, value: Bounds, at: NDArray[np.intp], shown: int, asked: Asked
) -> Sure:
    """Intervals for the first ``shown`` of the candidates at ``at``, whose ranks are compared; ``value`` ranks them."""
    ways = {name: asked.way(name) for name in lenses if not _constant(ask, name)}
    rows = {name: ask.rows[at] if name == by else ask.rows[at[:shown]] for name in ways}
    known = {name: lens.values(at[: rows[name].size]) for name, lens in lenses.items() if name in ways}
    smooth = {
        name: _delta(ask, name, lenses[name], rows[name], known[name].low) for name in ways if ways[name] == "delta"
    }
    drawn, failed = _replicates(ask, {name: rows[name] for name in ways if name not in smooth}, ways, asked)
    of = {name: wilson_interval(known[name].take(np.arange(shown)), _errors(smooth[name])[:shown]) for name in smooth}
    of |= {name: _percentiles(values, shown) for name, values in drawn.items()}
    spread = Spread(np.zeros((at.size, at.size)), np.zeros((1, at.size)))  # a constant
    if by in smooth:
        spread = from_covariance(smooth[by], asked.seed)
    elif by in drawn:
        spread = from_replicates(key(by, Bounds(drawn[by], drawn[by])).low)
    ranks = rank_intervals(value, spread, shown, ask.rows.size, level=LEVEL)
    return Sure(
        ranks, {name: of[name] for name in lenses if name in of}, ways, at.size, _thin(ask, by, lenses[by]), failed
    )


def _constant(ask: Question, name: str) -> bool:
    """Reach inside a closed class is 1, whatever the events."""
    return name == "reach" and ask.closed and ask.feedback is not False


def _delta(ask: Question, name: str, lens: Lens, rows: NDArray[np.intp], theta: F8Array) -> F8Array:
    if name == "direct":
        g = delta.of_direct(ask.p, ask.o, rows)
    elif isinstance(lens, Rooted):
        g = delta.of_rooted(lens, ask.whole, ask.found, rows, ask.restart, ask.progress)
    else:
        assert isinstance(lens, Reach)
        g = delta.of_reach(lens, rows, theta, ask.progress)
    return delta.covariance(ask.eco, ask.p, ask.events, g)


def _replicates(
    ask: Question, need: Mapping[str, NDArray[np.intp]], ways: Mapping[str, str], asked: Asked
) -> tuple[dict[str, F8Array], list[str]]:
    """Values of lenses in replicates of the ecosystem, and what went wrong in those that have none."""
    out: dict[str, F8Array] = {}
    failed: list[str] = []
    for how in ("redraw", "drop"):
        names = tuple(name for name in need if ways[name] == how)
        if not names:
            continue
        values, lost = _values_of(ask, {name: need[name] for name in names}, how, asked)
        failed += [f"{message} (replicate {r})" for r, message in lost]
        there = values[~np.isnan(values).any(axis=1)]
        if len(there) < ENOUGH:
            raise ConvergenceError(
                f"Only {len(there)} of {asked.replicates} replicates gave values: {lost[0][1] if lost else 'NaN'}",
                hint=f'ask for at least replicates={ENOUGH}, for other lenses, or for intervals="none"',
            )
        ends = np.cumsum([need[name].size for name in names])
        out |= dict(zip(names, np.split(there, ends[:-1], axis=1), strict=True))
    return out, failed


def _values_of(
    ask: Question, need: Mapping[str, NDArray[np.intp]], how: str, asked: Asked
) -> tuple[F8Array, list[tuple[int, str]]]:
    """(replicates, values): the lenses side by side, each at its rows; and the replicates that failed."""
    parts: dict[str, F8Array] = {}
    lost: list[tuple[int, str]] = []
    if how == "redraw" and "rooted" in need and _side_by_side(ask):
        parts["rooted"], lost = rooted_replicates(ask, need["rooted"], asked.replicates, asked.seed)
    if rest := {name: rows for name, rows in need.items() if name not in parts}:
        values, more = replicate_values(
            ask.eco, partial(_values, ask, rest), replicates=asked.replicates, seed=asked.seed, how=how,
            share=asked.drop, progress=ask.progress,
        )  # fmt: skip
        ends = np.cumsum([rows.size for rows in rest.values()])
        parts |= dict(zip(rest, np.split(values, ends[:-1], axis=1), strict=True))
        lost = sorted([*more, *(it for it in lost if it[0] not in dict(more))])
    return np.concatenate([parts[name] for name in need], axis=1), lost


def _side_by_side(ask: Question) -> bool:
    """Clusters are drawn by a device alone, but for refunds that may leave no tie at all."""
    return ask.eco.ties.cluster is None or (ask.on_gpu and drawn_on_device(ask.eco))


def _values(ask: Question, need: Mapping[str, NDArray[np.intp]], eco: Ecosystem) -> F8Array:
    """The lenses of some rows, side by side; the longest list of rows begins with every other."""
    names = tuple("reach" if name == "first_round" else name for name in need)
    again = ask.again(eco, max(need.values(), key=len), names)
    lenses = build_lenses(again)
    return np.concatenate([lenses[name].values(np.arange(rows.size)).low for name, rows in need.items()])


def _errors(covariance: F8Array) -> F8Array:
    return np.array(np.sqrt(np.maximum(np.diag(covariance), 0.0)))


def _percentiles(values: F8Array, shown: int) -> tuple[F8Array, F8Array]:
    low, high = np.quantile(values[:, :shown], [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return low, high


def wilson_interval(value: Bounds, error: F8Array) -> tuple[F8Array, F8Array]:
    """Wilson's score interval (1927) for as many events as would give a share this error: it stays in [0, 1].

    Where bounds reach 0 or 1 there is no such number: then the normal interval, cut off at the ends.
    """
    v = value.low
    edge = (v <= 0.0) | (value.high >= 1.0 - ROUNDING) | (error <= 0.0)
    per_event = np.where(edge, 0.0, Z * Z * error**2 / np.where(edge, 1.0, v * (1.0 - v)))  # z^2 / n
    centre, half = v + per_event / 2.0, np.sqrt(Z * Z * error**2 + per_event**2 / 4.0)
    low, high = (centre - half) / (1.0 + per_event), (centre + half) / (1.0 + per_event)
    return np.clip(np.minimum(low, v), 0.0, 1.0), np.clip(np.maximum(high, v), 0.0, 1.0)


def _thin(ask: Question, by: str, lens: Lens) -> float | None:
    """Share of the steps of chains that start at receivers with fewer than FEW events."""
    few = ask.events.few(ask.p)
    if by == "direct":
        return float(few[ask.o])
    if isinstance(lens, Rooted):
        steps = delta.shares_of_steps(ask.p, ask.found, lens.found.place, lens.x)
    elif isinstance(lens, Reach):
        steps = delta.shares_of_steps(ask.p, lens.found, lens.graph.node, lens.visits.x)
    else:
        return None
    return float(steps[few].sum())
