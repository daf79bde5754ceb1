"""The tie graph as the field's centralities take it: one arrow a pair, provider -> receiver as stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecograph.cpu.csr import by_provider
from ecograph.ecosystem import Ecosystem
from ecograph.errors import EcographError
from ecograph.kept import HOST
from ecograph.metrics.operator import arrows
from ecograph.provenance import memory

__all__ = ["Rows", "TieGraph", "spread", "tie_graph"]

SHARE = 8  # a graph isn't kept that takes more than such a part of the memory that is free beside it


@dataclass(frozen=True, eq=False)
class Rows:
    """Arrows by one of their ends: those of participant j are ``ptr[j]`` to ``ptr[j + 1]``."""

    ptr: NDArray[np.int64]
    column: NDArray[np.int32]  # the other end, rising within a row
    amount: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class TieGraph:
    """Every arrow twice: in the row of the participant it leads to, and of the one it comes from."""

    into: Rows
    out: Rows

    @property
    def n(self) -> int:
        """How many participants."""
        return self.into.ptr.size - 1


def tie_graph(
    eco: Ecosystem,
    *,
    weight: str | None = "weight",
    reverse: bool = False,
    layer: str | None = None,
    relation_weights: Mapping[str, float] | None = None,
    normalise: str | None = None,
) -> TieGraph:
    """Merge the ties that count into arrows: made once, and kept while ``eco`` lives (the last two graphs of all are).

    Arrays can't be written to, for the next call gets the same.

    Parameters
    ----------
    eco : the ecosystem, or a view of it; ties of weight <= 0 and self-ties are left out.
    weight : "weight": an arrow carries the sum of its parallel ties. None: it carries 1, and relations of different
        units may be there together, as nothing is added.
    reverse : turn every arrow round: receiver -> provider, who depends on whom.
    layer, relation_weights, normalise : as for ``arrows``; a relation of weight 0 is left out.
    """
    if weight not in (None, "weight"):
        raise EcographError(f"weight={weight!r} is unknown.", hint='weight="weight", or None: every arrow counts 1')
    if weight is None and relation_weights is None:
        relation_weights = {it.name: 1.0 for it in eco.relations}
    asked = {"layer": layer, "relation_weights": relation_weights, "normalise": normalise}
    weights = None if relation_weights is None else frozenset(relation_weights.items())
    into, out = HOST.get((eco,), (weight, layer, weights, normalise), lambda: _both(eco, weight, asked), _is_small)
    return TieGraph(out, into) if reverse else TieGraph(into, out)


def _both(eco: Ecosystem, weight: str | None, asked: dict[str, Any]) -> tuple[Rows, Rows]:
    """Arrows by where they lead, and by where they come from."""
    found = arrows(eco, **asked)
    into = Rows(found.ptr, found.provider, found.amount if weight else np.ones(found.amount.size))
    both = into, _turned(into)
    for rows in both:
        for values in (rows.ptr, rows.column, rows.amount):
            values.setflags(write=False)
    return both


def _is_small(both: tuple[Rows, Rows]) -> bool:
    free = memory()[1]
    return free is not None and SHARE * sum(rows.ptr.nbytes + 12 * rows.column.size for rows in both) <= free


def _turned(rows: Rows) -> Rows:
    n = rows.ptr.size - 1
    ptr, entries = by_provider(rows.column, n)
    other = np.repeat(np.arange(n, dtype=np.int32), np.diff(rows.ptr))
    return Rows(ptr, other[entries], rows.amount[entries])


def spread(eco: Ecosystem, given: Mapping[str, float], name: str) -> NDArray[np.float64]:
    """``given`` by id as a vector over all participants that sums to 1; who isn't named has 0."""
    values = np.array(list(given.values()), np.float64)
    total = values.sum()
    if not (np.isfinite(total) and total > 0 and (values >= 0).all()):
        raise EcographError(f"{name} needs numbers >= 0 whose sum is above 0.", hint=f'{name}={{"id": 1.0}}')
    out = np.zeros(len(eco))
    out[eco.rows_of(list(given))] = values / total
    return out
