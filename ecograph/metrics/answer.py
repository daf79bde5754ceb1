"""The candidates that come first by one lens, their values by the others, and how sure all that is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecograph.ledger import Certificate
from ecograph.metrics.criticality import TOL
from ecograph.metrics.intervals import Asked, Sure, how_sure
from ecograph.metrics.lenses import Lens
from ecograph.metrics.question import Question, build_lenses, key
from ecograph.metrics.ranking import ROUNDING, Bounds, Shown, first

__all__ = ["Answer", "answer"]


@dataclass(frozen=True)
class Answer:
    """Of the rows shown, best first."""

    by: str
    at: NDArray[np.intp]  # positions among the candidates
    shown: Shown
    tied: list[NDArray[np.intp]]
    values: dict[str, Bounds]
    certificate: Certificate
    sweeps: list[int]
    sure: Sure | None  # None: no intervals


def answer(ask: Question, by: str, top: int, asked: Asked) -> Answer:
    """Rank by one lens, then fill in the others for the rows shown."""
    lenses = build_lenses(ask)
    by = "first_round" if by == "reach" and ask.first_round else by
    wanted = asked.compared(by, top, ask.rows.size)
    found, among, rest = lenses[by].settle(min(wanted, ask.rows.size))
    bounds = key(by, found)
    shown = first(bounds, top, lambda at: ask.eco.ids[ask.rows[among[at]]].to_list())
    at = among[shown.at]
    values = {name: lens.values(at) for name, lens in lenses.items()}
    sure = None
    if asked.method != "none":
        compared = _compared(bounds, shown.at, wanted)
        sure = how_sure(ask, lenses, by, bounds.take(compared), among[compared], at.size, asked)
    return Answer(
        by=by,
        at=at,
        shown=shown,
        tied=[among[others] for others in shown.tied],
        values=values,
        certificate=_certify(by, shown, key(by, values[by]), rest, lenses[by]),
        sweeps=[n for lens in lenses.values() for n in lens.sweeps],
        sure=sure,
    )


def _compared(bounds: Bounds, shown: NDArray[np.intp], m: int) -> NDArray[np.intp]:
    """Positions of those shown, in their order, and after them of the next largest, m in all."""
    order = np.argsort(-bounds.low, kind="stable")
    others = order[~np.isin(order, shown)]
    return np.concatenate([shown, others[: max(m - shown.size, 0)]])


def _certify(by: str, shown: Shown, values: Bounds, rest: float, lens: Lens) -> Certificate:
    outside = max(shown.outside, rest)
    unique = shown.kth * (1 - ROUNDING) > outside * (1 + ROUNDING)
    bound = float((values.high - values.low).max()) + ROUNDING * float(values.high.max())
    rounds = by in ("criticality", "criticality_up")  # a cascade from one side: how far its limit is isn't known here
    return Certificate(
        by, shown.kth, None if outside == -np.inf else outside, len(lens.lanes), max(bound, TOL) if rounds else bound,
        bool(unique), not rounds,
    )  # fmt: skip
