"""How much does it matter which events are resampled together? Orders of a food delivery platform.

    python -m benchmarks.cluster_effect [--replicates 500] [--seed 1]

Prints the table of docs/data/clusters.md: standard errors of shares of the platform's inputs when events are drawn
anew one by one, by order (row) or by customer.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ecograph import Ecosystem, datasets, read_events
from ecograph.errors import SourceError
from ecograph.metrics.clusters import tie_parts

NAME = "food_delivery_bayarea"
WORTH = {"meal": 1.0, "delivery": 6.0}  # dollars: what a trip is paid
CLUSTERS = {"event": None, "order": "row", "customer": "Consumer_ID"}
TOP = 3
Floats = NDArray[np.float64]


class Inputs(NamedTuple):
    """Parts of the ties that end at the conductor."""

    provider: NDArray[np.int32]
    amount: Floats
    shape: Floats  # how many equal events a part is worth: weight^2 / weight_sq, at least 1 and at most its count
    cluster: NDArray[np.int64]  # -1: events by themselves
    n_clusters: int


def inputs(eco: Ecosystem, conductor: str, worth: Mapping[str, float]) -> Inputs:
    """What the conductor gets, a unit of each relation being worth what ``worth`` says."""
    o = eco.row_of(conductor)
    here = slice(eco.indptr[o], eco.indptr[o + 1])
    ties = eco.ties.take(np.arange(here.start, here.stop))
    cluster, n_clusters = np.full(len(ties), -1), 0
    if eco.ties.cluster is not None:
        found = tie_parts(eco)
        cluster, n_clusters = found.cluster[here], found.code.size
    assert ties.weight_sq is not None
    assert ties.count is not None
    equal = np.divide(ties.weight**2, ties.weight_sq, out=np.ones(len(ties)), where=ties.weight_sq > 0)
    value = np.array([worth.get(relation.name, 0.0) for relation in eco.relations])[ties.relation]
    return Inputs(ties.provider, ties.weight * value, np.clip(equal, 1.0, ties.count), cluster, n_clusters)


def redrawn(given: Inputs, n: int, replicates: int, rng: np.random.Generator) -> Floats:
    """(replicates, n): what each of n participants gives, Exp(1) times as much for each event or cluster.

    A sum of k equal events is multiplied by Gamma(k) / k.
    """
    out = np.empty((replicates, n))
    for row in out:
        alone = rng.standard_gamma(given.shape) / given.shape
        together = np.append(rng.standard_exponential(given.n_clusters), 1.0)  # [-1]: no cluster
        weight = np.where(given.cluster < 0, alone, together[given.cluster])
        row[:] = np.bincount(given.provider, given.amount * weight, minlength=n)
    return out


def errors(drawn: Floats, role: NDArray[np.bool_]) -> tuple[Floats, float]:
    """Standard error of each participant's share of the conductor's inputs, and of the sum over a role."""
    share = drawn / drawn.sum(axis=1, keepdims=True)
    return share.std(axis=0, ddof=1), float(share[:, role].sum(axis=1).std(ddof=1))


def table(replicates: int, seed: int) -> pl.DataFrame:
    """Share and standard errors in percent, one row an estimate; the last but one is a median over restaurants."""
    columns: dict[str, list[float]] = {}
    names: list[str] = []
    for kind, cluster in CLUSTERS.items():
        eco = read_events(datasets.path(NAME), mapping=datasets.mapping("food_delivery"), cluster=cluster)
        role = eco.participants["role"]
        drivers, restaurants = (role == "driver").to_numpy(), np.flatnonzero((role == "restaurant").to_numpy())
        given = inputs(eco, "platform", WORTH)
        share = np.bincount(given.provider, given.amount, minlength=len(eco)) / given.amount.sum()
        if not names:
            top = restaurants[np.argsort(-share[restaurants], kind="stable")[:TOP]]
            often = restaurants[share[restaurants] > 1e-3]
            names = [*eco.ids.gather(top), f"median of {often.size} restaurants above 0.1 %", "all drivers together"]
            columns["share"] = [*share[top], float(np.median(share[often])), float(share[drivers].sum())]
        each, whole = errors(redrawn(given, len(eco), replicates, np.random.default_rng(seed)), drivers)
        columns[f"by {kind}"] = [*each[top], float(np.median(each[often])), whole]
    return pl.DataFrame({"estimate": names} | {name: np.array(values) * 100 for name, values in columns.items()})


def markdown(found: pl.DataFrame) -> str:
    """The table as a page shows it."""
    lines = ["| " + " | ".join(found.columns) + " |", "|" + "---|" * found.width]
    lines += [f"| {name} | " + " | ".join(f"{value:.3f}" for value in rest) + " |" for name, *rest in found.iter_rows()]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replicates", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    try:
        print(markdown(table(asked.replicates, asked.seed)))
    except SourceError as error:
        print(f"Nothing to measure on: {error.message}")


if __name__ == "__main__":
    main()
