"""Rooted PageRank by each peer, on the ties of a log: receiver -> provider, restart at the conductor.

.venv-bench/bin/python -m benchmarks.peers.rooted scikit-network events.parquet gojek
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.peers.feed import Fed, feed
from benchmarks.step import Step

__all__ = ["PEERS", "residual"]

DAMPING = 0.85
STEPS = 90  # 2 * 0.85^90 < 1e-6: what is left after so many steps of power iteration
ENOUGH = 1e-6
F8Array = NDArray[np.float64]


def by_scikit_network(fed: Fed, root: int) -> F8Array:
    from scipy.sparse import csr_matrix
    from sknetwork.ranking import PageRank

    matrix = csr_matrix((fed.weight, (fed.receiver, fed.provider)), shape=(len(fed.ids), len(fed.ids)))
    # It loses what comes to an end and scales up, which isn't PageRank: an arrow from there to the root mends that.
    ends = np.flatnonzero(np.diff(matrix.indptr) == 0)
    matrix += csr_matrix((np.ones(ends.size), (ends, np.full(ends.size, root))), shape=matrix.shape)
    return PageRank(DAMPING, solver="piteration", n_iter=STEPS, tol=ENOUGH / 10).fit_predict(matrix, {root: 1.0})


def by_igraph(fed: Fed, root: int) -> F8Array:
    import igraph

    graph = igraph.Graph(n=len(fed.ids), edges=np.column_stack([fed.receiver, fed.provider]), directed=True)
    return np.array(graph.personalized_pagerank(damping=DAMPING, reset_vertices=[root], weights=fed.weight.tolist()))


def by_graph_tool(fed: Fed, root: int) -> F8Array:
    import graph_tool as gt
    from graph_tool.centrality import pagerank

    graph = gt.Graph(directed=True)
    graph.add_vertex(len(fed.ids))
    graph.add_edge_list(np.column_stack([fed.receiver, fed.provider]))
    weight, restart = graph.new_edge_property("double"), graph.new_vertex_property("double")
    weight.a, restart.a[root] = fed.weight, 1.0
    return np.array(pagerank(graph, damping=DAMPING, pers=restart, weight=weight, epsilon=ENOUGH / 10).a)


def by_rustworkx(fed: Fed, root: int) -> F8Array:
    import rustworkx

    graph = rustworkx.PyDiGraph()
    graph.add_nodes_from(range(len(fed.ids)))
    graph.add_edges_from(list(zip(fed.receiver.tolist(), fed.provider.tolist(), fed.weight.tolist(), strict=True)))
    found = rustworkx.pagerank(
        graph, alpha=DAMPING, weight_fn=float, personalization={root: 1.0}, tol=1e-12, max_iter=200
    )
    return np.fromiter(found.values(), np.float64, len(found))


def by_networkx(fed: Fed, root: int) -> F8Array:
    import networkx

    graph = networkx.DiGraph()
    graph.add_nodes_from(range(len(fed.ids)))
    graph.add_weighted_edges_from(zip(fed.receiver.tolist(), fed.provider.tolist(), fed.weight.tolist(), strict=True))
    found = networkx.pagerank(graph, alpha=DAMPING, personalization={root: 1.0}, tol=1e-12, max_iter=200)
    return np.fromiter(found.values(), np.float64, len(found))


def by_graphblas(fed: Fed, root: int) -> F8Array:
    import graphblas as gb

    n = len(fed.ids)
    total = np.bincount(fed.receiver, fed.weight, n)
    share = gb.Matrix.from_coo(fed.provider, fed.receiver, fed.weight / total[fed.receiver], nrows=n, ncols=n)
    ends = total == 0.0
    x = np.zeros(n)
    x[root] = 1.0
    for _ in range(STEPS):
        moved = share.mxv(gb.Vector.from_dense(x), "plus_times").new()
        held = x[ends].sum()
        x = DAMPING * moved.to_dense(fill_value=0.0)
        x[root] += 1.0 - DAMPING + DAMPING * held
    return x


PEERS: dict[str, Callable[[Fed, int], F8Array]] = {
    "scikit-network": by_scikit_network,
    "igraph": by_igraph,
    "graph-tool": by_graph_tool,
    "rustworkx": by_rustworkx,
    "networkx": by_networkx,
    "python-graphblas": by_graphblas,
}
MODULES = {
    "scikit-network": ["scipy.sparse", "sknetwork.ranking"],
    "igraph": ["igraph"],
    "graph-tool": ["graph_tool", "graph_tool.centrality"],
    "rustworkx": ["rustworkx"],
    "networkx": ["networkx", "scipy.sparse"],
    "python-graphblas": ["graphblas"],
}


def residual(fed: Fed, root: int, x: F8Array) -> float:
    """How far x is from (1 - d) e + d (P'x + what ends e), scaled to sum 1, in the 1-norm: 0 for the exact answer."""
    n = len(fed.ids)
    total = np.bincount(fed.receiver, fed.weight, n)
    scale = x.sum()
    x = x / scale
    new = DAMPING * np.bincount(fed.provider, fed.weight / total[fed.receiver] * x[fed.receiver], n)
    new[root] += 1.0 - DAMPING + DAMPING * x[total == 0.0].sum()
    return float(np.abs(new - x).sum())


def first(ids: pl.Series, x: F8Array, conductor: str, top: int = 20) -> list[tuple[str, float]]:
    """The largest values, the conductor left out."""
    frame = pl.DataFrame({"id": ids, "value": x / x.sum()}).filter(pl.col("id") != conductor)
    return frame.sort(["value", "id"], descending=[True, False]).head(top).rows()


def main() -> None:
    """One run of one peer: import, a small warm-up, then file to top 20."""
    peer, path, conductor = sys.argv[1:]
    step = Step()
    with step.phase("import"):
        for name in MODULES[peer]:
            import_module(name)
    with step.phase("warm"):
        ring = np.arange(3, dtype=np.int32)
        PEERS[peer](Fed(pl.Series(["a", "b", "c"]), ring, np.roll(ring, 1), np.ones(3)), 0)
    with step.phase("run"):
        fed = feed(path)
        root = int(fed.ids.index_of(conductor))
        x = PEERS[peer](fed, root)
        best = first(fed.ids, x, conductor)
    step.done(residual=residual(fed, root, x), best=best, ties=int(fed.provider.size), participants=len(fed.ids))


if __name__ == "__main__":
    main()
