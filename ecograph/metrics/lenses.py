"""The values of each lens over the candidates, with bounds, and how they were found."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ecograph.metrics import chains
from ecograph.metrics.components import Components, components
from ecograph.metrics.operator import Dependence
from ecograph.metrics.ranking import Bounds, settle
from ecograph.metrics.rooted import Upstream, damped_visits
from ecograph.progress import Progress

__all__ = ["Lens", "Reach", "Rooted", "Whole", "direct", "one_step"]


class Lens(Protocol):
    """Values of candidates, which are named by their position."""

    lanes: set[int]  # candidates solved one by one
    sweeps: list[int]

    def settle(self, k: int) -> tuple[Bounds, NDArray[np.intp], float]:
        """Bounds and positions of all that may be among the k largest, and the bound of all others."""

    def values(self, at: NDArray[np.intp]) -> Bounds:
        """Bounds of the candidates at these positions."""


@dataclass
class Whole:
    """A lens whose values for all candidates come at once."""

    bounds: Bounds
    lanes: set[int] = field(default_factory=set)
    sweeps: list[int] = field(default_factory=list)

    def settle(self, k: int) -> tuple[Bounds, NDArray[np.intp], float]:
        """Everyone's bounds."""
        return self.bounds, np.arange(self.bounds.low.size), -np.inf

    def values(self, at: NDArray[np.intp]) -> Bounds:
        """Bounds of the candidates at these positions."""
        return self.bounds.take(at)


def direct(dependence: Dependence, o: int, rows: NDArray[np.intp]) -> Bounds:
    """P[o, k] of each candidate: the share of the conductor's inputs that comes straight from it."""
    shares = np.zeros(dependence.ptr.size - 1)
    provider, value = dependence.row(o)
    shares[provider] = value
    return Bounds(shares[rows], shares[rows])


class Rooted(Whole):
    """Rooted reliance, a sum_t (1 - a)^t (P')^t e_o of each candidate.

    It is a times the visits of P scaled by 1 - a. The residual s of those bounds the error in the 1-norm by
    a |s|_1 / a, since rows of the scaled P sum to at most 1 - a. With a ``graph`` the sum is made where that is.
    """

    def __init__(
        self, dependence: Dependence, found: Upstream, rows: NDArray[np.intp], restart: float, tol: float,
        progress: Progress, graph: chains.Graph | None = None,
    ) -> None:  # fmt: skip
        damping = 1.0 - restart
        if graph is None:
            visits = damped_visits(dependence, found, damping, tol / 2, progress)
        else:
            visits = chains.visits(graph, tol / 2, damping=damping, progress=progress)
            visits = replace(visits, x=visits.x[graph.node[found.order]])
        self.found, self.x = found, restart * visits.x  # by place
        place = found.place[rows]
        there = place >= 0  # a tie that was drawn anew may be gone, and with it the way to a candidate
        x = np.where(there, self.x[place], 0.0)
        super().__init__(Bounds(np.maximum(x - visits.under, 0.0), np.where(there, x + visits.over, 0.0)))


def one_step(dependence: Dependence, o: int) -> bool:
    """Is no chain of dependence from the conductor longer than one tie?"""
    provider, _ = dependence.row(o)
    return bool((dependence.ptr[provider + 1] == dependence.ptr[provider]).all())


@dataclass
class Reach:
    """f_ok of candidates, or with ``barred`` = o their first-round reach, solved where and when it is asked for."""

    dependence: Dependence
    found: Components
    o: int
    rows: NDArray[np.intp]
    tol: float
    barred: int = -1
    progress: Progress = None
    on_gpu: bool = False
    lanes: set[int] = field(default_factory=set)
    sweeps: list[int] = field(default_factory=list)
    _begun: tuple[NDArray[np.intp], chains.Sums] | None = None

    def __post_init__(self) -> None:
        if self.barred >= 0:
            self.found = components(self.dependence, np.array([self.o]), barred=self.barred)
        self.graph = chains.compact(self.dependence, self.found, barred=self.barred, on_gpu=self.on_gpu)
        self.visits = chains.visits(self.graph, self.tol / 4, progress=self.progress)
        self.sweeps.append(self.visits.sweeps)
        self.node = self.graph.node[self.rows]
        self.known = (self.node < 0) | ~self.graph.circular[self.node]
        self.bounds = self._first_bounds()

    def _first_bounds(self) -> Bounds:
        """Exact to the residual off the circles, where N_kk = 1; elsewhere 0 and u_k of design.md.

        u_k: N_kk >= 1 + f_ko N_ok, as a chain from k may come to o and from there N_ok times to k. With
        N_ok = x_k + delta N_kk, 0 <= delta <= e: f_ok = x_k / N_kk + delta <= (x_k + e) / (1 + f_ko x_k).
        """
        x, error = self.visits.x, self.visits.over + self.visits.under
        back = np.zeros(x.size) if self.known.all() else chains.returning(self.graph, x)
        high = np.where(self.graph.circular, (x + error) / (1.0 + back * x), x + error)
        low = np.where(self.graph.circular, 0.0, x - self.visits.under)
        there = self.node >= 0  # of an ecosystem drawn anew, not always
        found = Bounds(np.where(there, low[self.node], 0.0), np.where(there, high[self.node], 0.0))
        return self._within(found, self.rows)

    def _within(self, bounds: Bounds, rows: NDArray[np.intp]) -> Bounds:
        """No reach is below direct, nor above 1: a chain of one tie is a chain, and a probability is one."""
        least = direct(self.dependence, self.o, rows).low
        low = np.maximum(np.minimum(bounds.low, 1.0), least)
        return Bounds(low, np.maximum(np.minimum(bounds.high, 1.0), low))

    def solve(self, at: NDArray[np.intp], wide: float = 0.0) -> Bounds:
        """Bounds of the candidates at some positions, one lane each, ``tol`` or ``wide`` apart.

        After wide bounds of some, narrow ones of any of them take up where those ended.
        """
        tol, begun, lanes = max(self.tol, wide), None, at
        if self._begun is not None and not wide and np.isin(at, self._begun[0]).all():
            lanes, begun = self._begun
            order = np.argsort(lanes)
            begun = begun.only(order[np.searchsorted(lanes, at, sorter=order)])
        low, high, sums = chains.hitting(self.graph, self.visits, self.node[at], tol, self.progress, begun)
        self._begun = (lanes, sums) if wide and sums.d is not None else None
        self.lanes.update(at.tolist())
        self.sweeps.append(sums.sweeps - (0 if begun is None else begun.sweeps))
        return self._within(Bounds(low, high), self.rows[at])

    def settle(self, k: int) -> tuple[Bounds, NDArray[np.intp], float]:
        """Bounds and positions of the candidates that may be among the k largest, and the bound of all others."""
        bounds, known = settle(
            self.bounds, self.known, k, self.solve, batch=self._together, spare=max(4 * k, 4 * chains.BATCH)
        )
        self._begun = None
        self.bounds, self.known = bounds, known
        at = np.flatnonzero(known)
        return bounds.take(at), at, float(bounds.high[~known].max(initial=-np.inf))

    def _together(self, n: int) -> int:
        """How many of n candidates are solved at once."""
        return min(n, chains.BATCH) if self.on_gpu else chains.lanes_at_once(n)

    def values(self, at: NDArray[np.intp]) -> Bounds:
        """Bounds of the candidates at these positions, all solved."""
        rest = at[~self.known[at]]
        for start in range(0, rest.size, chains.BATCH):
            some = rest[start : start + chains.BATCH]
            self.bounds.low[some], self.bounds.high[some] = self.solve(some)
            self.known[some] = True
        return self.bounds.take(at)
