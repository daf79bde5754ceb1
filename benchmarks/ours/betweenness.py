"""Exact betweenness of an undirected graph by ecograph.

python -m benchmarks.ours.betweenness graph.npz
"""

from __future__ import annotations

import sys

import numpy as np

from benchmarks.step import Step


def main() -> None:
    """Import, a triangle, then the graph."""
    (path,) = sys.argv[1:]
    step = Step()
    with step.phase("import"):
        from ecograph import Ecosystem
        from ecograph.metrics.paths import betweenness_centrality
    with step.phase("warm"):
        betweenness_centrality(Ecosystem.from_ties({"provider": ["a", "b"], "receiver": ["b", "c"], "weight": [1, 1]}))
    with np.load(path) as file:
        row, column, n = file["row"], file["column"], int(file["n"])
    names = np.arange(n).astype(str)
    ends = {"provider": names[np.concatenate([row, column])], "receiver": names[np.concatenate([column, row])]}
    with step.phase("prepare"):
        eco = Ecosystem.from_ties({**ends, "weight": np.ones(2 * row.size)})
    with step.phase("run"):
        found = betweenness_centrality(eco, normalized=False)
    out = np.zeros(n)
    out[eco.ids.cast(int).to_numpy()] = found / 2.0  # each pair was counted from both ends
    step.done(n=n, edges=int(row.size), total=float(out.sum()), most=float(out.max()))


if __name__ == "__main__":
    main()
