"""Who is in the conductor's ego network, and what flows between them?

The conductor, the first resources of its Ledger, those between them and the conductor as one node a role, and
the arrows among all of these.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ecograph.metrics.components import components
from ecograph.metrics.operator import Dependence, arrows, dependence
from ecograph.printable import printable

if TYPE_CHECKING:
    from ecograph.ecosystem import Ecosystem
    from ecograph.ledger import Ledger

__all__ = ["Network", "table"]

NO_ROLE = "(no role)"
_ARROWS = {"provider": pl.Int64, "receiver": pl.Int64, "relation": pl.String, "share": pl.Float64}
_WIDTH = 26  # characters of a label


class Network(NamedTuple):
    """Nodes and arrows as tables; row i of ``nodes`` is node i.

    Attributes
    ----------
    nodes : label, kind ("conductor", "resource", "others"), role, members, rank (null but for resources),
        chokepoint.
    arrows : provider and receiver (nodes), relation, share: of what the receiver gets, over all relations.
    chokepoint : what makes one, in words.
    """

    nodes: pl.DataFrame
    arrows: pl.DataFrame
    chokepoint: str


def table(ledger: Ledger, eco: Ecosystem, top: int = 12) -> Network:
    """The ego network of the Ledger's conductor: its ``top`` first resources and what flows among them.

    Parameters
    ----------
    ledger : what ``ecograph.reliance`` found.
    eco : the ecosystem, or the view of it, that was ranked.
    top : how many resources at most.

    Returns
    -------
    Network
        Shares of a receiver sum to 1 over its providers, drawn or not; those of ``others`` are of what all its
        members get together. Ties among the members of one node aren't arrows.

    Raises
    ------
    ParticipantError : the ecosystem lacks the conductor or a resource: it isn't the one that was ranked.

    Notes
    -----
    O(ties) time for each relation and each step of the longest chain from a resource to the conductor.
    """
    options = _options(ledger)
    shown = ledger.table.head(top)
    whole = dependence(eco, **options)
    o, rows = eco.row_of(ledger.conductor), eco.rows_of(shown["id"].to_list())
    node = np.full(len(eco), -1, np.int64)
    node[o], node[rows] = 0, np.arange(1, rows.size + 1)
    roles = _add_others(eco, whole, o, node)
    members = np.bincount(node[node >= 0], minlength=1 + rows.size + len(roles))
    marked, words = _chokepoints(ledger, shown)
    nodes = pl.DataFrame(
        {
            "label": [printable(name, width=_WIDTH) for name in (ledger.conductor, *shown["id"], *roles)],
            "kind": ["conductor", *["resource"] * rows.size, *["others"] * len(roles)],
            "role": ["", *shown["role"].fill_null(NO_ROLE), *roles],
            "members": members,
            "rank": [None, *shown["rank"], *[None] * len(roles)],
            "chokepoint": [False, *marked, *[False] * len(roles)],
        },
        schema_overrides={"rank": pl.Int64, "members": pl.Int64},
    )
    return Network(nodes, _arrows(eco, whole, node, options), words)


def _options(ledger: Ledger) -> dict[str, Any]:
    """How the ranking joined relations: the arrows have to be the same."""
    asked = ledger.provenance.get("parameters", {})
    return {name: asked.get(name) for name in ("layer", "relation_weights", "normalise")}


def _chokepoints(ledger: Ledger, shown: pl.DataFrame) -> tuple[list[bool], str]:
    """Those without whom others are out of the conductor's reach, where that is known, else those with reach 1."""
    if "captive" in shown.columns:
        return (shown["captive"] > 0).to_list(), "chokepoint: the only way to some others"
    lens = next((name for name in ("first_round", "reach") if name in shown.columns), None)
    if lens is None:
        return [False] * shown.height, ""
    return (shown[lens] >= 1.0 - max(ledger.certificate.bound, 1e-9)).to_list(), "chokepoint: every chain needs it"


def _add_others(eco: Ecosystem, whole: Dependence, o: int, node: NDArray[np.int64]) -> list[str]:
    """Number the participants between resources and the conductor; one node a role."""
    receiver = np.repeat(np.arange(len(eco)), np.diff(whole.ptr))
    upstream = components(whole, np.array([o])).component >= 0
    counts = upstream[receiver] & (whole.value > 0)  # all providers of whoever is upstream are so themselves
    receiver, provider = receiver[counts], whole.provider[counts]
    on = receiver != o  # what comes after the conductor isn't between
    between = _spread(node > 0, provider[on], receiver[on]) & (node < 0)
    role = eco.participants["role"] if "role" in eco.participants.columns else pl.Series([None] * len(eco))
    names = role.cast(pl.String).fill_null(NO_ROLE).filter(pl.Series(between))
    roles: list[str] = names.unique().sort().to_list()
    first = int(node.max()) + 1
    node[between] = [first + roles.index(name) for name in names]
    return roles


def _spread(start: NDArray[np.bool_], source: NDArray[Any], target: NDArray[Any]) -> NDArray[np.bool_]:
    """Everybody who is reached from ``start`` along source -> target, the start included."""
    found = start.copy()
    while True:
        fresh = target[found[source] & ~found[target]]
        if not fresh.size:
            return found
        found[fresh] = True


def _arrows(eco: Ecosystem, whole: Dependence, node: NDArray[np.int64], options: Mapping[str, Any]) -> pl.DataFrame:
    """Amounts between nodes, one row for each (receiver, provider, relation), as shares of the receiver's inflow."""
    n = int(node.max()) + 1
    inflow = np.bincount(node[node >= 0], weights=whole.inflow[node >= 0], minlength=n)
    parts = []
    for relation in whole.relations:
        weights = options["relation_weights"]
        chosen = {**options, "relation_weights": weights and {relation: weights[relation]}}
        found = arrows(eco.relation(relation), **chosen)
        receiver, provider = node[np.repeat(np.arange(len(eco)), np.diff(found.ptr))], node[found.provider]
        kept = (receiver >= 0) & (provider >= 0) & (receiver != provider)
        amount = np.bincount(receiver[kept] * n + provider[kept], weights=found.amount[kept], minlength=n * n)
        pair = np.flatnonzero(amount)
        share = amount[pair] / inflow[pair // n]
        part = {"provider": pair % n, "receiver": pair // n, "relation": [relation] * pair.size, "share": share}
        parts.append(pl.DataFrame(part, schema=_ARROWS))
    return pl.concat(parts).sort("receiver", "provider", "relation")
