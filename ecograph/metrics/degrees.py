"""Who is central by its own ties: degrees, strengths and cores."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ecograph.cpu import centrality as kernels
from ecograph.device import choose, guarded
from ecograph.ecosystem import Ecosystem
from ecograph.gpu import core
from ecograph.metrics.tie_graph import tie_graph

__all__ = [
    "core_number",
    "degree_centrality",
    "in_degree_centrality",
    "in_strength",
    "out_degree_centrality",
    "out_strength",
]


def degree_centrality(eco: Ecosystem, *, layer: str | None = None) -> NDArray[np.float64]:
    """Arrows in and out of every participant, over n - 1; ``networkx.degree_centrality``.

    Parameters
    ----------
    eco : the ecosystem, or a view of it; only ties of weight > 0 that are no self-ties count, parallel ones once.
    layer : "service", "money", or None for both.

    Returns
    -------
    (n,) float64 in [0, 2], in the order of ``eco.ids``: 2 where arrows lead to and from everyone else.

    Raises
    ------
    WindowError : no tie of the view counts.

    Notes
    -----
    O(ties) time; exact but for the division.

    Examples
    --------
    >>> eco = Ecosystem.from_ties({"provider": ["a", "b", "o"], "receiver": ["o", "o", "a"], "weight": [5, 3, 1]})
    >>> float(degree_centrality(eco)[eco.row_of("o")])
    1.5
    """
    graph = tie_graph(eco, weight=None, layer=layer)
    return (_degrees(graph.into.ptr) + _degrees(graph.out.ptr)) / (graph.n - 1)


def in_degree_centrality(eco: Ecosystem, *, layer: str | None = None) -> NDArray[np.float64]:
    """Providers of every participant, over n - 1; ``networkx.in_degree_centrality``.

    Parameters
    ----------
    eco : the ecosystem, or a view of it; only ties of weight > 0 that are no self-ties count, parallel ones once.
    layer : "service", "money", or None for both.

    Returns
    -------
    (n,) float64 in [0, 1], in the order of ``eco.ids``.

    Raises
    ------
    WindowError : no tie of the view counts.

    Notes
    -----
    O(ties) time; exact but for the division.

    Examples
    --------
    >>> eco = Ecosystem.from_ties({"provider": ["a", "b", "o"], "receiver": ["o", "o", "a"], "weight": [5, 3, 1]})
    >>> float(in_degree_centrality(eco)[eco.row_of("a")])
    0.5
    """
    graph = tie_graph(eco, weight=None, layer=layer)
    return _degrees(graph.into.ptr) / (graph.n - 1)


def out_degree_centrality(eco: Ecosystem, *, layer: str | None = None) -> NDArray[np.float64]:
    """Receivers of every participant, over n - 1; ``networkx.out_degree_centrality``.

    Parameters
    ----------
    eco : the ecosystem, or a view of it; only ties of weight > 0 that are no self-ties count, parallel ones once.
    layer : "service", "money", or None for both.

    Returns
    -------
    (n,) float64 in [0, 1], in the order of ``eco.ids``.

    Raises
    ------
    WindowError : no tie of the view counts.

    Notes
    -----
    O(ties) time; exact but for the division.

    Examples
    --------
    >>> eco = Ecosystem.from_ties({"provider": ["a", "b", "o"], "receiver": ["o", "o", "a"], "weight": [5, 3, 1]})
    >>> float(out_degree_centrality(eco)[eco.row_of("b")])
    0.5
    """
    graph = tie_graph(eco, weight=None, layer=layer)
    return _degrees(graph.out.ptr) / (graph.n - 1)


def in_strength(
    eco: Ecosystem,
    *,
    layer: str | None = None,
    relation_weights: Mapping[str, float] | None = None,
    normalise: str | None = None,
) -> NDArray[np.float64]:
    """What every participant gets: the sum of its ties in.

    Parameters
    ----------
    eco : the ecosystem, or a view of it; only ties of weight > 0 that are no self-ties count.
    layer : "service", "money", or None for both.
    relation_weights, normalise : how amounts of different units are joined; as for ``reliance``.

    Returns
    -------
    (n,) float64 >= 0 in the unit of the amounts, in the order of ``eco.ids``.

    Raises
    ------
    UnitError : the relations have different units and nothing says how to join them.
    WindowError : no tie of the view counts.

    Notes
    -----
    O(ties) time. Relative error at most k u for k ties, u = 2**-53.

    Examples
    --------
    >>> eco = Ecosystem.from_ties({"provider": ["a", "b", "o"], "receiver": ["o", "o", "a"], "weight": [5, 3, 1]})
    >>> float(in_strength(eco)[eco.row_of("o")])
    8.0
    """
    into = tie_graph(eco, layer=layer, relation_weights=relation_weights, normalise=normalise).into
    return kernels.row_sums(into.ptr, into.amount)


def out_strength(
    eco: Ecosystem,
    *,
    layer: str | None = None,
    relation_weights: Mapping[str, float] | None = None,
    normalise: str | None = None,
) -> NDArray[np.float64]:
    """What every participant gives: the sum of its ties out.

    Parameters
    ----------
    eco : the ecosystem, or a view of it; only ties of weight > 0 that are no self-ties count.
    layer : "service", "money", or None for both.
    relation_weights, normalise : how amounts of different units are joined; as for ``reliance``.

    Returns
    -------
    (n,) float64 >= 0 in the unit of the amounts, in the order of ``eco.ids``.

    Raises
    ------
    UnitError : the relations have different units and nothing says how to join them.
    WindowError : no tie of the view counts.

    Notes
    -----
    O(ties) time. Relative error at most k u for k ties, u = 2**-53.

    Examples
    --------
    >>> eco = Ecosystem.from_ties({"provider": ["a", "b", "o"], "receiver": ["o", "o", "a"], "weight": [5, 3, 1]})
    >>> float(out_strength(eco)[eco.row_of("a")])
    5.0
    """
    out = tie_graph(eco, layer=layer, relation_weights=relation_weights, normalise=normalise).out
    return kernels.row_sums(out.ptr, out.amount)


def core_number(eco: Ecosystem, *, layer: str | None = None, device: str = "auto") -> NDArray[np.int64]:
    """The largest k such that a participant is in the k-core; ``networkx.core_number``.

    The k-core is the largest part of the graph in which everyone has k arrows or more, in and out together.

    Parameters
    ----------
    eco : the ecosystem, or a view of it; only ties of weight > 0 that are no self-ties count, parallel ones once.
    layer : "service", "money", or None for both.
    device : "auto", "cpu" or "gpu": the same numbers; docs/gpu.md says when "auto" takes a device.

    Returns
    -------
    (n,) int64 >= 0, in the order of ``eco.ids``; exact. Two participants that give to each other share two arrows.

    Raises
    ------
    WindowError : no tie of the view counts.
    DeviceError : ``device="gpu"`` without one, or that fails.

    Notes
    -----
    O(ties + n log n) time.

    Examples
    --------
    A triangle, and d who only gives to a:

    >>> ties = {"provider": ["a", "b", "c", "d"], "receiver": ["b", "c", "a", "a"], "weight": [1, 1, 1, 1]}
    >>> eco = Ecosystem.from_ties(ties)
    >>> [int(core_number(eco)[eco.row_of(id)]) for id in "abcd"]
    [2, 2, 2, 1]

    References
    ----------
    .. [1] V. Batagelj, M. Zaversnik, "An O(m) algorithm for cores decomposition of networks" (2003).
    """
    graph = tie_graph(eco, weight=None, layer=layer)
    given = graph.into.ptr, graph.into.column, graph.out.ptr, graph.out.column
    arrows = graph.out.column.size
    if choose(device, core.bytes_needed(graph.n, arrows), 2 * arrows, what="core_number").device == "cpu":
        return kernels.core_numbers(*given)
    with guarded("core numbers"):
        return core.core_numbers(*given)


def _degrees(ptr: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.diff(ptr).astype(np.float64)
