"""What is asked, about whom, and the lenses that answer it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecograph.device import Choice
from ecograph.ecosystem import Ecosystem
from ecograph.metrics.arrow_events import ArrowEvents, arrow_events
from ecograph.metrics.brokerage import brokerage_rows
from ecograph.metrics.captive import captive_row
from ecograph.metrics.cascade_network import Essentiality
from ecograph.metrics.chains import Graph, compact
from ecograph.metrics.components import Components, components
from ecograph.metrics.criticality import criticality_rows
from ecograph.metrics.lenses import Lens, Reach, Rooted, Whole, direct
from ecograph.metrics.operator import Dependence, arrows, dependence
from ecograph.metrics.ranking import Bounds
from ecograph.metrics.rooted import Upstream, upstream
from ecograph.metrics.substitutability import substitutability_row
from ecograph.progress import Progress

__all__ = ["LENSES", "ORDER", "Closures", "Question", "build_lenses", "key"]

LENSES = (
    "direct", "rooted", "reach", "brokerage", "captive", "criticality", "criticality_up", "substitutability"
)  # fmt: skip
ORDER = (*LENSES[:3], "first_round", *LENSES[3:])


@dataclass(frozen=True, eq=False)
class Question:
    """A conductor, its candidates, and how lenses look at them."""

    eco: Ecosystem
    p: Dependence
    upstream: Upstream
    o: int
    rows: NDArray[np.intp]  # candidates, as rows of the participant table
    lenses: tuple[str, ...]
    restart: float
    tol: float
    feedback: bool | None
    layer: str | None
    normalise: str | None
    essentiality: Essentiality | None
    substitution: str
    progress: Progress
    on_gpu: bool = False  # where sums over chains are made, or without any the search of brokerage
    device: str = "cpu"  # as it was asked for: criticality chooses by its own network
    closed_on: list[Choice] = field(default_factory=list)  # where criticality's cascades were run, and why

    @cached_property
    def found(self) -> Components:
        """Who depends on each other in circles, of what the conductor depends on."""
        return components(self.p, np.array([self.o]))

    @cached_property
    def whole(self) -> Graph:
        """All of it, closed classes too, numbered by ``found``; on the device where sums are made there."""
        return compact(self.p, self.found, lump=False, on_gpu=self.on_gpu)

    @property
    def closed(self) -> bool:
        """Does the conductor sit in a closed class?"""
        return self.found.is_closed(self.o)

    @property
    def first_round(self) -> bool:
        """Is reach counted until a chain comes back to the conductor?"""
        return self.feedback is False or (self.closed and self.feedback is None)

    @cached_property
    def events(self) -> ArrowEvents:
        """What is known of the events behind every arrow; the ties have to tell their number."""
        return arrow_events(self.eco, self.p)

    @property
    def fixed(self) -> dict[str, float]:
        """What one unit of each relation is worth; the same for every replicate."""
        return {it.name: float(f) for it, f in zip(self.eco.relations, self.p.factor, strict=True)}

    def again(self, eco: Ecosystem, rows: NDArray[np.intp], lenses: tuple[str, ...]) -> Question:
        """The same question about other weights of the ties."""
        p = dependence(eco, layer=self.layer, relation_weights=self.fixed, leak=1.0 - self.p.keep)
        return replace(
            self, eco=eco, p=p, upstream=upstream(p, self.o), rows=rows, lenses=lenses, feedback=not self.first_round,
            progress=None, on_gpu=False, device="cpu", closed_on=[],
        )  # fmt: skip


def build_lenses(ask: Question) -> dict[str, Lens]:
    """The lenses asked for, by name, in the order in which tables show them.

    ``reach`` of a conductor in a closed class is 1 for all: no chain ever leaves the class, so each one ends up
    needing every member.
    """
    closures = Closures(partial(_close, ask), ask.rows.size)
    makers: dict[str, Callable[[], Lens]] = {
        "direct": lambda: Whole(direct(ask.p, ask.o, ask.rows)),
        "rooted": lambda: Rooted(
            ask.p, ask.upstream, ask.rows, ask.restart, ask.tol, ask.progress, ask.whole if ask.on_gpu else None
        ),
        "brokerage": lambda: Whole(exactly(_brokerage(ask)[ask.rows])),
        "captive": lambda: Whole(exactly(captive_row(ask.p, ask.o)[ask.rows])),
        "substitutability": lambda: Whole(exactly(_substitutability(ask))),
        "criticality": lambda: closures.side(0),
        "criticality_up": lambda: closures.side(1),
    }
    if "reach" in ask.lenses:
        if ask.closed and ask.feedback is not False:
            makers["reach"] = lambda: Whole(exactly(np.ones(ask.rows.size)))
        if ask.first_round or not ask.closed:
            barred = ask.o if ask.first_round else -1
            makers["first_round" if ask.first_round else "reach"] = lambda: Reach(
                ask.p, ask.found, ask.o, ask.rows, ask.tol, barred, ask.progress, ask.on_gpu
            )
    asked = {*ask.lenses, "first_round"}
    return {name: makers[name]() for name in ORDER if name in asked and name in makers}


def _close(ask: Question, at: NDArray[np.intp]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    down, up, chosen = criticality_rows(
        ask.eco, ask.o, ask.rows[at], essentiality=ask.essentiality, substitution=ask.substitution, layer=ask.layer,
        relation_weights=ask.fixed, leak=1.0 - ask.p.keep, device=ask.device, progress=ask.progress,
    )  # fmt: skip
    ask.closed_on.append(chosen)
    return down, up


def _brokerage(ask: Question) -> NDArray[np.float64]:
    """One search: not worth a device by itself, but where that was asked for."""
    on_gpu = ask.on_gpu and not {"rooted", "reach"} & set(ask.lenses)
    out: NDArray[np.float64] = brokerage_rows(ask.p, np.array([ask.o]), device="gpu" if on_gpu else "cpu")[0]
    return out


def _substitutability(ask: Question) -> NDArray[np.float64]:
    found = arrows(ask.eco, layer=ask.layer, relation_weights=ask.fixed)
    return substitutability_row(ask.eco, found, ask.o, normalise=ask.normalise)[ask.rows]


def exactly(values: NDArray[np.float64]) -> Bounds:
    """Values known to rounding."""
    return Bounds(values, values)


def key(name: str, bounds: Bounds) -> Bounds:
    """What is ranked, more is relied on more: substitutability counts against it."""
    return Bounds(1.0 - bounds.high, 1.0 - bounds.low) if name == "substitutability" else bounds


@dataclass(eq=False)
class Closures:
    """Criticality, one closure a candidate, run where it is asked for; both sides come of one run."""

    run: Callable[[NDArray[np.intp]], tuple[NDArray[np.float64], NDArray[np.float64]]]
    n: int
    found: dict[int, tuple[float, float]] = field(default_factory=dict)

    def side(self, which: int) -> Any:
        """The lens of one side: 0 inputs, 1 customers."""
        return _Side(self, which)


@dataclass(eq=False)
class _Side:
    closures: Closures
    which: int
    lanes: set[int] = field(default_factory=set)
    sweeps: list[int] = field(default_factory=list)

    def settle(self, k: int) -> tuple[Bounds, NDArray[np.intp], float]:
        """Every candidate is closed once."""
        at = np.arange(self.closures.n)
        return self.values(at), at, -np.inf

    def values(self, at: NDArray[np.intp]) -> Bounds:
        """Losses after closing the candidates at these positions."""
        known = self.closures.found
        if (new := np.array([k for k in at.tolist() if k not in known], np.intp)).size:
            down, up = self.closures.run(new)
            known.update(zip(new.tolist(), zip(down.tolist(), up.tolist(), strict=True), strict=True))
        return exactly(np.array([known[k][self.which] for k in at.tolist()], np.float64))
