"""How easily could others of its kind stand in for a participant?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ecograph.cpu.csr import by_provider
from ecograph.cpu.operator import share_rows
from ecograph.cpu.substitutes import sum_of_others
from ecograph.ecosystem import Ecosystem
from ecograph.errors import EcographError, UnitError
from ecograph.metrics.cascade_network import group_codes, text_column
from ecograph.metrics.conductors import rows_of_many
from ecograph.metrics.operator import Arrows, arrows

__all__ = ["substitutability", "substitutability_row"]


def substitutability(
    eco: Ecosystem,
    conductor: str,
    *,
    layer: str | None = None,
    relation_weights: Mapping[str, float] | None = None,
    normalise: str | None = None,
) -> NDArray[np.float64]:
    r"""Share of what each participant gives a conductor that the others of its group could give instead.

    .. math:: s_k = \min(1, \sum_{i \in g(k), i \ne k} \max(0, capacity_i - out_i) / w_{ko})

    with o the conductor, w_ko what k gives o, out_i all that i gives in the view, g(k) the ``group`` of k. Who gives
    the conductor nothing itself is compared with all that it gives: out_k stands in place of w_ko. Where nobody of
    the group has a capacity, the group's market shares stand in: s_k = 1 - out_k / (out of the whole group).

    Parameters
    ----------
    eco : the ecosystem, or a view of it; only ties of weight > 0 that are no self-ties count, parallel ones added up.
        ``capacity`` is in the unit of the amounts (that ``relation_weights`` lead to) and for the span of the view.
    conductor : id of the participant asked about.
    layer : "service" or "money": only relations of that layer; None: all.
    relation_weights, normalise : how amounts of different units are joined, as for ``reliance``.

    Returns
    -------
    (n,) float64 in [0, 1], in the order of ``eco.ids``: 1 is easy to replace. 0 for who is alone in its group (a null
    group is a group of its own) or whose group has capacities and none to spare; a null capacity spares nothing. NaN
    for who gives nothing in the view, and for the conductor itself.

    Raises
    ------
    ParticipantError : no such conductor.
    WindowError : no tie of the view counts.
    UnitError : relations of different units and nothing that says how to join them; or capacities, which are amounts,
        with ``normalise="relation"``, which turns amounts into shares.

    Notes
    -----
    Everyone of the group counts as a stand-in: owned participants, those that don't serve the conductor yet, and the
    conductor itself. O(ties) time. No digits cancel but those of capacity - out.

    Examples
    --------
    a gives 4 of the 5 that o takes; b of the same group could give 3 more than it does, c has nobody beside it:

    >>> ties = {"provider": ["a", "b", "c"], "receiver": ["o", "o", "a"], "weight": [4, 1, 9]}
    >>> people = {"id": ["a", "b", "c"], "group": ["rides", "rides", None], "capacity": [4, 4, None]}
    >>> eco = Ecosystem.from_ties(ties, people)
    >>> [float(substitutability(eco, "o")[eco.row_of(id)]) for id in "abc"]
    [0.75, 0.0, 0.0]
    """
    o = int(rows_of_many(eco, [conductor], "conductor")[0])
    found = arrows(eco, layer=layer, relation_weights=relation_weights, normalise=normalise)
    return substitutability_row(eco, found, o, normalise=normalise)


def substitutability_row(
    eco: Ecosystem, arrows: Arrows, o: int, *, normalise: str | None = None
) -> NDArray[np.float64]:
    """(n,): ``substitutability`` of the conductor in row ``o`` over the arrows of the view, made with ``normalise``."""
    capacity = _capacity(eco, normalise)
    group = group_codes(text_column(eco, "group"))
    groups = int(group.max(initial=-1)) + 1
    ptr, rows = by_provider(arrows.provider, len(eco))
    out, _ = share_rows(ptr, arrows.amount[rows], np.zeros(len(eco)), 1.0)
    with np.errstate(over="ignore"):
        if not np.isfinite(out.sum()):
            raise EcographError("The amounts add up to more than a float64 holds.", hint="give them in a larger unit")
    needed = out.copy()
    needed[arrows.provider[arrows.ptr[o] : arrows.ptr[o + 1]]] = arrows.amount[arrows.ptr[o] : arrows.ptr[o + 1]]
    given = ~np.isnan(capacity)
    spare = np.where(given, np.maximum(capacity - out, 0.0), 0.0)
    there = np.bincount(group[given], minlength=groups)[group] > 0
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        by_capacity = np.minimum(sum_of_others(group, spare, groups) / needed, 1.0)
        others = sum_of_others(group, out, groups)
        value = np.where(there, by_capacity, others / (others + out))
    value[out == 0.0] = np.nan
    value[o] = np.nan
    return value


def _capacity(eco: Ecosystem, normalise: str | None) -> NDArray[np.float64]:
    """NaN where it is unknown; negative and NaN ones are refused where tables are read."""
    if "capacity" not in eco.participants.columns:
        return np.full(len(eco), np.nan)
    column = eco.participants["capacity"].cast(pl.Float64)
    if normalise and column.null_count() < len(eco):
        raise UnitError(
            'capacity is an amount, and normalise="relation" turns amounts into shares of totals.',
            hint="use relation_weights= (capacity is then in the unit they lead to), or leave capacity out",
        )
    return np.ascontiguousarray(column.fill_null(float("nan")).to_numpy(), np.float64)
