"""Exact betweenness of an undirected graph by each peer; the graph is built before the clock starts.

.venv-bench/bin/python -m benchmarks.peers.betweenness igraph graph.npz
.venv-bench/bin/python -m benchmarks.peers.betweenness bundled email-Enron graph.npz    (writes it)
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.step import Step

__all__ = ["WAYS"]

Run = Callable[[], Any]
I4Array = NDArray[np.int32]


def by_igraph(row: I4Array, column: I4Array, n: int) -> Run:
    import igraph

    return igraph.Graph(n=n, edges=np.column_stack([row, column])).betweenness


def by_rustworkx(row: I4Array, column: I4Array, n: int) -> Run:
    import rustworkx

    graph = rustworkx.PyGraph(multigraph=False)
    graph.add_nodes_from(range(n))
    graph.add_edges_from_no_data(list(zip(row.tolist(), column.tolist(), strict=True)))
    return lambda: list(rustworkx.betweenness_centrality(graph, normalized=False).values())


def by_graph_tool(row: I4Array, column: I4Array, n: int) -> Run:
    import graph_tool as gt
    from graph_tool.centrality import betweenness

    graph = gt.Graph(directed=False)
    graph.add_vertex(n)
    graph.add_edge_list(np.column_stack([row, column]))
    return lambda: betweenness(graph, norm=False)[0].a


def by_networkit(row: I4Array, column: I4Array, n: int) -> Run:
    import networkit

    graph = networkit.GraphFromCoo((np.ones(row.size), (row, column)), n=n, directed=False, weighted=False)
    return lambda: np.array(networkit.centrality.Betweenness(graph).run().scores()) / 2.0


WAYS = {"rustworkx": by_rustworkx, "igraph": by_igraph, "graph-tool": by_graph_tool, "networkit": by_networkit}


def bundled(name: str, path: str) -> None:
    """Write one of graph-tool's own graphs, where they are on disk: each edge once, no loops."""
    import graph_tool as gt
    import graph_tool.collection

    file = Path(graph_tool.collection.__file__).parent / f"{name}.gt.gz"
    if not file.exists():
        print("absent")
        return
    edges = gt.load_graph(str(file)).get_edges()[:, :2]
    edges = np.unique(np.sort(edges[edges[:, 0] != edges[:, 1]], axis=1), axis=0).astype(np.int32)
    kept, flat = np.unique(edges, return_inverse=True)
    row, column = flat.reshape(edges.shape).astype(np.int32).T
    np.savez(path, row=row, column=column, n=kept.size)


def main() -> None:
    """One run of one of them, or a graph to be written."""
    who, *rest = sys.argv[1:]
    if who == "bundled":
        bundled(*rest)
        return
    step = Step()
    with np.load(rest[0]) as file:
        row, column, n = file["row"], file["column"], int(file["n"])
    with step.phase("prepare"):
        run = WAYS[who](row, column, n)
    with step.phase("run"):
        found = np.asarray(run())
    step.done(n=n, edges=int(row.size), total=float(found.sum()), most=float(found.max()))


if __name__ == "__main__":
    main()
