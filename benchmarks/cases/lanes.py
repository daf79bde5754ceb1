"""Sixteen problems on one graph against one: seeds that share arrows, replicates with values of their own.

A step a lane; vectors are larger than the cache in a full run.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.cases.iteration import graph
from benchmarks.measure import OURS, Contestant, measure
from benchmarks.plan import Plan, ours

LANES = 16


def rows(plan: Plan) -> Iterator[dict[str, Any]]:
    """One seed and sixteen, one thread's block of replicates and two; times are a lane's."""
    (triad,) = measure(
        [Contestant("triad", [OURS, "-m", "benchmarks.bandwidth", str(plan.triad)])], plan.runs, limit=plan.limit
    )
    n, arrows = plan.wide
    path = graph(plan, "uniform", n, arrows)
    for kind, least in (("seeds", 1), ("replicates", 8)):
        rivals = [ours("lanes", path, kind, lanes, who=f"{lanes} {kind}") for lanes in (least, LANES)]
        for row in measure(rivals, plan.runs, limit=plan.limit):
            if "facts" in row and "facts" in triad:
                rate = row["facts"]["bytes"] / row["wall"]["median"]
                row["facts"]["share_of_triad"] = rate / triad["facts"]["bytes_a_second"]
            yield {"case": f"lanes, {kind}", "size": arrows, **row}
