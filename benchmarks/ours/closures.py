"""The whole ESRI vector of a power-law graph, per closure.

python -m benchmarks.ours.closures 10000 reference|bounds
"""

from __future__ import annotations

import sys

import numpy as np

from benchmarks.graphs import power_law
from benchmarks.step import Step


def main() -> None:
    """Import, ten participants, then n of them; arrows are counted afterwards, on a sample."""
    n, published = int(sys.argv[1]), sys.argv[2] == "reference"
    step = Step()
    with step.phase("import"):
        from ecograph import Ecosystem
        from ecograph.cpu.cascade import run_lanes
        from ecograph.metrics.cascade import esri
        from ecograph.metrics.cascade_network import build
        from ecograph.metrics.cascade_run import rule_of

    def market(size: int) -> Ecosystem:
        """Where nothing is sold outside, losses of sales end at 1: no tolerance is met in useful time."""
        row, column = power_law(size, 8.0, 2.3, 128)
        names = np.arange(size).astype(str)
        rng = np.random.default_rng(2)
        weight = rng.lognormal(0.0, 1.0, row.size)
        people = {"id": names, "group": np.random.default_rng(3).integers(0, 50, size).astype(str)}
        if not published:
            people["external_demand"] = rng.exponential(2.0, size)
        return Ecosystem.from_ties({"provider": names[row], "receiver": names[column], "weight": weight}, people)

    with step.phase("warm"):
        esri(market(10), reference=published)
    eco = market(n)
    with step.phase("run"):
        found = esri(eco, reference=published)
    for name in ("wall", "cpu"):
        step.phases["run"][name] /= n
    built, some, visits = build(eco, None, None, None, None), min(n, 512), list[int]()
    rows = np.random.default_rng(4).permutation(n)[:some].astype(np.int32)
    run_lanes(built.network, rule_of("market", published, 1e-8), np.arange(some + 1), rows, np.zeros(some),
              built.out, False, visits)  # fmt: skip
    rounds = float(found.table["iterations"].to_numpy().mean())
    step.done(n=n, ties=len(eco.ties), sweeps=round(rounds, 2), arrows_a_closure=sum(visits) / some)


if __name__ == "__main__":
    main()
