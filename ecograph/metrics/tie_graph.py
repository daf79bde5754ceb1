"""The tie graph as the field's centralities take it: one arrow a pair, provider -> receiver as stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecograph.cpu.csr import by_provider
from ecograph.ecosystem import Ecosystem
from ecograph.errors import EcographError
from ecograph.metrics.operator import arrows

__all__ = ["Rows", "TieGraph", "spread", "tie_graph"]


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
    """Merge the ties that count into arrows.

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
    found = arrows(eco, layer=layer, relation_weights=relation_weights, normalise=normalise)
    into = Rows(found.ptr, found.provider, found.amount if weight else np.ones(found.amount.size))
    out = _turned(into)
    return TieGraph(out, into) if reverse else TieGraph(into, out)


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
