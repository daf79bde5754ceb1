"""One step of PageRank by scikit-network and NetworKit: what forty more steps cost, divided by forty.

.venv-bench/bin/python -m benchmarks.peers.iteration scikit-network graph.npz
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from benchmarks.step import Step

__all__ = ["WAYS"]

FEW, MANY, TRIES = 2, 42, 3


def by_scikit_network(matrix: csr_matrix) -> Callable[[int], Any]:
    from sknetwork.ranking import PageRank

    return lambda steps: PageRank(0.85, solver="piteration", n_iter=steps, tol=0.0).fit_predict(matrix)


def by_networkit(matrix: csr_matrix) -> Callable[[int], Any]:
    import networkit

    coo = matrix.tocoo()
    graph = networkit.GraphFromCoo((coo.data, (coo.row, coo.col)), n=matrix.shape[0], directed=True, weighted=True)
    graph.indexEdges()

    def run(steps: int) -> Any:
        ranks = networkit.centrality.PageRank(graph, damp=0.85, tol=0.0)
        ranks.maxIterations = steps
        ranks.run()
        return np.array(ranks.scores())

    return run


WAYS = {"scikit-network": by_scikit_network, "networkit": by_networkit}


def main() -> None:
    """One run of one of them."""
    who, path = sys.argv[1:]
    step = Step()
    with np.load(path) as file:
        row, column, n = file["row"], file["column"], int(file["n"])
    with step.phase("prepare"):
        run = WAYS[who](csr_matrix((np.ones(row.size), (row, column)), shape=(n, n)))
        run(1)
    seconds = []
    for steps in (FEW, MANY):
        tries = []
        for _ in range(TRIES):
            started = time.perf_counter()
            x = run(steps)
            tries.append(time.perf_counter() - started)
        seconds.append(min(tries))
    step.phases["run"] = {"wall": (seconds[1] - seconds[0]) / (MANY - FEW), "cpu": 0.0}
    step.done(arrows=int(row.size), n=n, x=[float(v) for v in x[:: max(1, n // 50)][:50]])


if __name__ == "__main__":
    main()
