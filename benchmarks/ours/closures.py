"""The whole ESRI vector of a power-law graph, reference rule, per closure.

python -m benchmarks.ours.closures 10000
"""

from __future__ import annotations

import sys

import numpy as np

from benchmarks.graphs import power_law
from benchmarks.step import Step


def main() -> None:
    """Import, ten participants, then n of them."""
    n = int(sys.argv[1])
    step = Step()
    with step.phase("import"):
        from ecograph import Ecosystem
        from ecograph.metrics.cascade import esri

    def market(size: int) -> Ecosystem:
        row, column = power_law(size, 8.0, 2.3, 128)
        names = np.arange(size).astype(str)
        weight = np.random.default_rng(2).lognormal(0.0, 1.0, row.size)
        groups = {"id": names, "group": np.random.default_rng(3).integers(0, 50, size).astype(str)}
        return Ecosystem.from_ties({"provider": names[row], "receiver": names[column], "weight": weight}, groups)

    with step.phase("warm"):
        esri(market(10), reference=True)
    eco = market(n)
    with step.phase("run"):
        found = esri(eco, reference=True)
    for name in ("wall", "cpu"):
        step.phases["run"][name] /= n
    step.done(n=n, ties=len(eco.ties), sweeps=found.iterations)


if __name__ == "__main__":
    main()
