"""Where graph-tool puts the nodes of a small network, the same places each time."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecograph.figures.labels import Box
from ecograph.graphtool import import_graph_tool

__all__ = ["fit", "radial"]

_TURNS, _PUSHES = 48, 200


@contextmanager
def _numpy_generator_kept() -> Iterator[None]:
    """NumPy's global generator goes on as if nothing had been drawn: graph-tool 2.45 draws as it's imported."""
    state = np.random.get_state()  # noqa: NPY002  # it is the global generator that has to be kept
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002


def radial(n: int, edges: Sequence[tuple[int, int]], weight: Sequence[float]) -> NDArray[np.float64]:
    """Places of n nodes around node 0, by ``graph_tool.draw.radial_tree_layout``, which draws no random numbers.

    Parameters
    ----------
    n : nodes; each is linked to node 0 over some edges.
    edges : pairs of nodes, directions don't matter.
    weight : room each node needs on its ring, above 0.

    Returns
    -------
    (n, 2) float64
        Node 0 at (0, 0), a node k steps from it at distance k.
    """
    with _numpy_generator_kept():
        gt, draw = import_graph_tool(), _import_draw()
        graph = gt.Graph(directed=False)
        graph.add_vertex(n)
        graph.add_edge_list(np.array(edges, np.int64).reshape(-1, 2))
        room = graph.new_vertex_property("double")
        room.get_array()[:] = weight
        places = draw.radial_tree_layout(graph, graph.vertex(0), node_weight=room, weighted=True)
        return np.ascontiguousarray(places.get_2d_array([0, 1]).T, np.float64)


def fit(places: NDArray[np.float64], box: Box, apart: float) -> NDArray[np.float64]:
    """Turn and stretch the places to fill the box, node 0 in its middle, and push apart what is too close.

    Parameters
    ----------
    places : (n, 2), node 0 at (0, 0).
    box : in points.
    apart : least distance wanted between two nodes, in points; kept where the box is large enough for it.
    """
    angles = 2.0 * np.pi * np.arange(_TURNS) / _TURNS
    turns = [np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]]) for a in angles]
    fitted = [_stretched(places @ turn, box) for turn in turns]
    at = max(fitted, key=lambda each: np.round(_distances(each)[0].min(initial=np.inf), 6))
    for _ in range(_PUSHES):
        distance, i, j = _distances(at)
        close = np.flatnonzero(distance < apart)
        if not close.size:
            break
        step = (at[j] - at[i])[close] + 1e-9 * (1.0 + close[:, None])  # two at one place part, too
        step *= (0.5 * (apart - distance[close]) / np.maximum(np.hypot(*step.T), 1e-12))[:, None]
        moved = at.copy()
        np.subtract.at(moved, i[close], step)
        np.add.at(moved, j[close], step)
        at = np.clip(moved, [box.left, box.bottom], [box.right, box.top])
        at[0] = _middle(box)
    return at


def _middle(box: Box) -> NDArray[np.float64]:
    return np.array([(box.left + box.right) / 2, (box.bottom + box.top) / 2])


def _stretched(places: NDArray[np.float64], box: Box) -> NDArray[np.float64]:
    half = np.array([(box.right - box.left) / 2, (box.top - box.bottom) / 2])
    spread = np.maximum(np.abs(places).max(axis=0), 0.4 * np.abs(places).max() + 1e-9)
    out: NDArray[np.float64] = _middle(box) + places * half / spread
    return out


def _distances(at: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.intp], NDArray[np.intp]]:
    i, j = np.triu_indices(len(at), 1)
    return np.hypot(*(at[i] - at[j]).T), i, j


def _import_draw() -> Any:
    """``graph_tool.draw``; where Debian's gi is there and Gtk isn't, as if gi weren't there either.

    graph-tool expects an ImportError of a missing Gtk, and gi raises a ValueError.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it tells which of its other ways to draw are missing
        try:
            import graph_tool.draw as draw
        except ValueError:
            gi = sys.modules.get("gi")
            sys.modules["gi"] = None  # type: ignore[assignment]  # makes `import gi` an ImportError
            try:
                import graph_tool.draw as draw
            finally:
                sys.modules.pop("gi")
                if gi is not None:
                    sys.modules["gi"] = gi
    return draw
