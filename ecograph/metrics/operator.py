"""Who depends on whom, and by how much: the operator P.

``P[j, i] = (1 - leak) (1 - leak_j) w_ij / in_j`` is the share of j's inputs that comes from i, with
``leak_j = external_cost_j / (in_j + external_cost_j)``. Ties of weight <= 0 and self-ties take no part.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import isfinite

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ecograph.cpu import operator as kernels
from ecograph.ecosystem import Ecosystem
from ecograph.errors import EcographError, UnitError, WindowError
from ecograph.html import quoted
from ecograph.schema import LAYERS
from ecograph.suggest import offer

__all__ = ["Arrows", "Dependence", "arrows", "dependence"]


@dataclass(frozen=True, eq=False)
class Arrows:
    """Ties that count, one arrow for each (receiver, provider): receiver j's are ``ptr[j]`` to ``ptr[j + 1]``.

    Where every tie is an arrow of its own, the arrays are those of the tie table.
    """

    ptr: NDArray[np.int64]
    provider: NDArray[np.int32]
    amount: NDArray[np.float64]
    relations: tuple[str, ...]  # whose ties count
    unit: str | None  # of amounts; None where relation_weights= or normalise= made them comparable
    factor: NDArray[np.float64]  # by relation: what its amounts were multiplied by; 0 where it doesn't count


@dataclass(frozen=True, eq=False)
class Dependence:
    """P by rows: entry e of receiver j is ``value[e]``, for ``provider[e]``."""

    ptr: NDArray[np.int64]
    provider: NDArray[np.int32]
    given: NDArray[np.float64] | None  # ``value`` where it doesn't come of amounts
    inflow: NDArray[np.float64]  # in_j
    leaks: NDArray[np.uint8]  # does j buy outside? By leak > 0 and cost > 0, never by rounding
    relations: tuple[str, ...]
    # For gradients by the weights of ties; empty where an operator isn't made from ties.
    cost: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))  # external_cost of j
    keep: float = 1.0  # 1 - leak
    factor: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))  # by relation
    amount: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))  # of each arrow, where none is given

    @cached_property
    def value(self) -> NDArray[np.float64]:
        """By entry. Made when it is first asked for: 8 bytes an arrow that a sum from one conductor doesn't need."""
        if self.given is not None:
            return self.given
        return kernels.shares(self.ptr, self.amount, self.inflow, self.cost, self.keep)

    @property
    def parts(self) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
        """a, t and k of ``value[e] = k * (a[e] / t[j])``, to the bit."""
        if self.given is not None:
            return self.given, np.ones(self.ptr.size - 1), 1.0
        return self.amount, self.inflow + self.cost, self.keep

    def row(self, j: int) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
        """Providers of j and the shares of its inputs."""
        entries = slice(self.ptr[j], self.ptr[j + 1])
        if self.given is not None:
            return self.provider[entries], self.given[entries]
        return self.provider[entries], self.keep * (self.amount[entries] / (self.inflow[j] + self.cost[j]))


def dependence(
    eco: Ecosystem,
    *,
    layer: str | None = None,
    relation_weights: Mapping[str, float] | None = None,
    normalise: str | None = None,
    leak: float = 0.0,
) -> Dependence:
    """The operator P of a view, over the relations of ``layer`` (all where it is None).

    Parameters
    ----------
    eco : the ecosystem, or a view of it.
    layer : "service", "money" or None.
    relation_weights : multiplies each relation's amounts, after ``normalise``; has to name every relation whose
        ties count. The unit of ``external_cost`` is then the common one that the weights lead to.
    normalise : "relation" divides each relation's amounts by their total over the view, so that relations weigh
        the same in all.
    leak : share in [0, 1) of every receiver's inputs that comes from outside the data, besides
        ``external_cost``: every row of P is multiplied by 1 - leak.

    Returns
    -------
    Dependence
        Rows of P sum to 1 - leak_j, or 0 where a participant has no providers. O(ties) time and memory.
    """
    if not 0.0 <= leak < 1.0:
        raise EcographError(f"leak={leak} isn't a share in [0, 1).", hint="leak=0.1: a tenth is bought outside")
    found = arrows(eco, layer=layer, relation_weights=relation_weights, normalise=normalise)
    cost = _external_cost(eco, found, normalise)
    inflow = kernels.inflows(found.ptr, found.amount)
    leaks = ((cost > 0.0) | (leak > 0.0)).astype(np.uint8)
    return Dependence(
        found.ptr, found.provider, None, inflow, leaks, found.relations, cost, 1.0 - leak, found.factor, found.amount
    )


def arrows(
    eco: Ecosystem,
    *,
    layer: str | None = None,
    relation_weights: Mapping[str, float] | None = None,
    normalise: str | None = None,
) -> Arrows:
    """Merge the ties that count; parameters as for ``dependence``."""
    if layer is not None and layer not in LAYERS:
        raise EcographError(f"There is no layer {quoted([layer])}.", hint=f"layer={quoted(LAYERS)} or None for all")
    if normalise not in (None, "relation"):
        raise EcographError(f"normalise={normalise!r} is unknown.", hint='normalise="relation" or None')
    eco = eco.pooled  # a refund is set off within its tie, in whichever cluster it is
    ties, n = eco.ties, len(eco.relations)
    counts = kernels.relations_there(ties.provider, ties.receiver, ties.relation, ties.weight, n)
    used = [r for r, it in enumerate(eco.relations) if counts[r] and layer in (None, it.layer)]
    if not used:
        raise WindowError(_nothing(eco, layer, counts), hint="widen the window, or look at eco.tie_table()")
    factor = np.zeros(n)
    factor[used] = 1.0
    if normalise:
        total, _ = kernels.relation_totals(ties.provider, ties.receiver, ties.relation, ties.weight, n)
        factor[used] /= total[used]
    for r, weight in zip(used, _weights(eco, used, relation_weights, normalise), strict=True):
        factor[r] *= weight
    ptr, provider, amount = kernels.merge_arrows(eco.indptr, ties.provider, ties.relation, ties.weight, factor)
    unit = None if relation_weights is not None or normalise else eco.relations[used[0]].unit
    return Arrows(ptr, provider, amount, tuple(eco.relations[r].name for r in used), unit, factor)


def _nothing(eco: Ecosystem, layer: str | None, counts: NDArray[np.bool_]) -> str:
    if layer is None or not counts.any():
        return f"None of the {len(eco.ties):,} ties of this view counts: all are self-ties or have a weight <= 0."
    there = [it.name for r, it in enumerate(eco.relations) if counts[r]]
    return f"No tie of layer {layer!r} counts in this view; the relations {quoted(there)} are of the other layer."


def _weights(
    eco: Ecosystem, used: list[int], weights: Mapping[str, float] | None, normalise: str | None
) -> list[float]:
    """A factor for each relation used; refuses to add up different units in silence."""
    relations = [eco.relations[r] for r in used]
    if weights is None:
        if normalise is None and len({it.unit for it in relations}) > 1:
            units = ", ".join(f"{quoted([it.name])} in {quoted([it.unit])}" for it in relations)
            raise UnitError(
                f"The relations have different units: {units}. Their amounts can't be added.",
                hint='say what one unit is worth with relation_weights={"name": number, ...}, or let each relation '
                'weigh the same in all with normalise="relation"; or choose with eco.relation(...) or layer=',
            )
        return [1.0] * len(used)
    known = [it.name for it in eco.relations]
    if strange := sorted(set(weights) - set(known)):
        raise UnitError(
            f"relation_weights names {quoted(strange)}, unknown.", hint=offer(strange[0], known, "relations")
        )
    if missing := [it.name for it in relations if it.name not in weights]:
        raise UnitError(f"relation_weights leaves out {quoted(missing)}.", hint="0 leaves a relation out on purpose")
    if wrong := [it.name for it in relations if not (isfinite(weights[it.name]) and weights[it.name] >= 0)]:
        raise UnitError(f"relation_weights of {quoted(wrong)} isn't a number >= 0.")
    return [float(weights[it.name]) for it in relations]


def _external_cost(eco: Ecosystem, found: Arrows, normalise: str | None) -> NDArray[np.float64]:
    if "external_cost" not in eco.participants.columns:
        return np.zeros(len(eco))
    given = eco.participants["external_cost"].cast(pl.Float64).fill_null(0.0).to_numpy()
    cost = np.ascontiguousarray(given, np.float64)
    if normalise and (cost[np.diff(found.ptr) > 0] > 0).any():
        raise UnitError(
            'external_cost is an amount, and normalise="relation" turns amounts into shares of totals.',
            hint="use relation_weights= (external_cost is then in the unit they lead to), or leak= instead of costs",
        )
    return cost
