"""The reliance that was planted: exact reach from the expected ties, by one dense solve.

All drivers of a region expect the same shares from the same suppliers, likewise its merchants, so
one state stands for all of them (the chain is lumpable): about forty states at any scale.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ecograph.datasets.gojek_plan import CONDUCTOR, FIRMS, Flow, Pool

__all__ = ["RULES", "Rule", "truth"]


class Rule(NamedTuple):
    """One tie of a row: the kinds of row it holds for, its parties (columns or the conductor), its amount."""

    relation: str
    kinds: tuple[str, ...]
    provider: str
    receiver: str
    amount: str
    orchestrated: bool = False


RULES = (
    Rule("meal", ("food",), "merchant", "customer", "basket", orchestrated=True),
    Rule("trip", ("food", "ride", "parcel"), "driver", "customer", "fare", orchestrated=True),
    Rule("home service", ("home",), "worker", "customer", "fare", orchestrated=True),
    Rule("fuel", ("fuel",), "supplier", "driver", "price"),
    Rule("finance", ("finance",), "supplier", "driver", "price"),
    Rule("data", ("data",), "supplier", "driver", "price"),
    Rule("groceries", ("groceries",), "supplier", "merchant", "price"),
    Rule("technology", ("technology",), "supplier", CONDUCTOR, "price"),
    Rule("wholesale", ("wholesale",), "supplier", "buyer", "price"),
)


def truth(flows: list[Flow], participants: pl.DataFrame) -> pl.DataFrame:
    """Expected direct and reach of every external resource of the conductor, with their ranks.

    Returns
    -------
    Columns id, role, group, direct, reach (both in [0, 1], rounded to 12 decimals), rank_direct,
    rank_reach (1 = most relied on, equal values share a rank), sorted by rank_reach and id.
    """
    states, share = _shares_of_inputs(flows)
    chains = np.linalg.inv(np.eye(len(states)) - share)
    o = states[CONDUCTOR]
    found: dict[str, tuple[float, float]] = {}
    for name in FIRMS:
        k = states[name]
        found[name] = (float(share[o, k]), float(chains[o, k] / chains[k, k]))
    for pool in _people(flows):
        for number, chance in zip(pool.members, pool.chance.tolist(), strict=True):
            one = float(share[o, states[pool.name]]) * chance  # nobody but the conductor relies on people
            found[f"{pool.name.split('@')[0]}:{number}"] = (one, one)
    direct, reach = zip(*found.values(), strict=True)
    return (
        pl.DataFrame({"id": list(found), "direct": direct, "reach": reach})
        .with_columns(pl.col("direct", "reach").round(12))
        .join(participants, on="id", how="left", maintain_order="left")
        .filter(pl.col("owner").ne_missing(CONDUCTOR))
        .with_columns(pl.col("direct", "reach").rank("min", descending=True).name.prefix("rank_"))
        .select("id", "role", "group", "direct", "reach", pl.col("rank_direct", "rank_reach").cast(pl.Int64))
        .sort("rank_reach", "id")
    )


def _shares_of_inputs(flows: list[Flow]) -> tuple[dict[str, int], NDArray[np.float64]]:
    """P over the lumped states: row j holds the shares of j's expected inputs."""
    names = [CONDUCTOR, *FIRMS, *(pool.name for pool in _people(flows))]
    states = {name: row for row, name in enumerate(names)}
    inputs = np.zeros((len(states), len(states)))
    for flow in flows:
        for rule in RULES:
            if flow.kind not in rule.kinds:
                continue
            inflow = flow.events * flow.means[rule.amount]
            receiver = {CONDUCTOR: 1.0} if rule.orchestrated else _weights(flow, rule.receiver)
            for to, chance in receiver.items():
                for source, part in _weights(flow, rule.provider).items():
                    inputs[states[to], states[source]] += inflow * chance * part
    total = inputs.sum(axis=1, keepdims=True)
    return states, np.divide(inputs, total, out=np.zeros_like(inputs), where=total > 0)


def _weights(flow: Flow, party: str) -> dict[str, float]:
    """State -> chance: a state for each firm, one state for all the people of a pool."""
    if party == CONDUCTOR:
        return {CONDUCTOR: 1.0}
    pool = flow.parties[party]
    if pool.name != "firms":
        return {pool.name: 1.0}
    return {str(name): float(chance) for name, chance in zip(pool.members, pool.chance, strict=True)}


def _people(flows: list[Flow]) -> list[Pool]:
    """The pools of people that give something to the conductor, each once."""
    pools = {
        pool.name: pool
        for flow in flows
        for party, pool in flow.parties.items()
        if pool.name != "firms" and party != "customer"
    }
    return list(pools.values())
