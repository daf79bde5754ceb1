"""Who is central by shortest paths: in between, or close to the others, over the tie graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from ecograph.cpu import paths as kernels
from ecograph.ecosystem import Ecosystem
from ecograph.metrics.folding import fold
from ecograph.metrics.searches import Searches, blocks_added, lengths
from ecograph.metrics.tie_graph import TieGraph
from ecograph.progress import Progress

__all__ = ["between", "betweenness_centrality", "closeness_centrality", "harmonic_centrality"]


def betweenness_centrality(
    eco: Ecosystem,
    *,
    normalized: bool = True,
    distance: str | None = None,
    endpoints: bool = False,
    reverse: bool = False,
    layer: str | None = None,
    relation_weights: Mapping[str, float] | None = None,
    normalise: str | None = None,
    device: str = "auto",
    progress: Progress = None,
) -> NDArray[np.float64]:
    r"""Share of shortest paths that pass through every participant; ``networkx.betweenness_centrality``, exact.

    .. math:: b_v = \sum_{s \ne v \ne t} \sigma_{st}(v) / \sigma_{st}

    Parameters
    ----------
    eco : the ecosystem, or a view of it; only ties of weight > 0 that are no self-ties count, parallel ones once.
    normalized : divide by the (n - 1)(n - 2) pairs that v could be in between, n (n - 1) with ``endpoints``.
    distance : None: every arrow is one hop. "inverse": an arrow is 1 / amount long, so that strong ties are short.
        "weight": as long as its amount. The amount is the sum of parallel ties. (NetworkX calls this ``weight``.)
    endpoints : count s and t as passed through.
    reverse : True for the dependence graph; betweenness is the same both ways but for the rounding of lengths.
    layer, relation_weights, normalise : as for ``reliance``.
    device : "auto", "cpu" or "gpu". In hops a GPU can do it: docs/gpu.md says when "auto" takes one.
    progress : True for a bar, or a callable of (label, done, total).

    Returns
    -------
    (n,) float64 >= 0, in the order of ``eco.ids``; in [0, 1] where normalised. 0 where n < 3 (without endpoints).

    Raises
    ------
    WindowError : no tie of the view counts.
    UnitError : ``distance`` is given, the relations have different units and nothing says how to join them.
    EcographError : an unknown distance, lengths that don't add up to a number, or more paths than float64 can count.
    DeviceError : ``device="gpu"`` without one, with lengths, or that fails.
    MemoryLimitError : 1,024 bytes for each participant that is searched from don't fit.

    Notes
    -----
    O(n arrows) time in hops, O(n (arrows + n) log n) with lengths. In hops, participants with one neighbour are folded
    into it, again and again, and those with the same arrows are searched from and passed as one: exact, as whole
    numbers count them ([2]_, [3]_). Two paths are equally short where their lengths, added up from s in float64, are
    equal: exact for hops and for amounts that are multiples of one power of two. Counts of paths above 2**53 are
    rounded; all that is added is >= 0.

    Examples
    --------
    On the path a -> b -> c, b lies on one of two ordered pairs' paths:

    >>> eco = Ecosystem.from_ties({"provider": ["a", "b"], "receiver": ["b", "c"], "weight": [1, 1]})
    >>> float(betweenness_centrality(eco)[eco.row_of("b")])
    0.5

    References
    ----------
    .. [1] U. Brandes, "A faster algorithm for betweenness centrality", J. Math. Sociology 25 (2001), 163.
    .. [2] M. Baglioni, F. Geraci, M. Pellegrini, E. Lastres, "Fast exact computation of betweenness centrality in
       social networks", ASONAM 2012.
    .. [3] A. E. Sariyuce, E. Saule, K. Kaya, U. V. Catalyurek, "Shattering and compressing networks for betweenness
       centrality", SDM 2013.
    """
    graph, length = lengths(eco, distance, reverse, layer, relation_weights, normalise)
    out, n = between(graph, length, endpoints, progress, device), graph.n
    pairs = n * (n - 1) if endpoints else (n - 1) * (n - 2)
    return out / pairs if normalized and pairs else out


def between(
    graph: TieGraph, length: NDArray[np.float64] | None, endpoints: bool, progress: Progress, device: str
) -> NDArray[np.float64]:
    """Betweenness, not normalised; hops (``length`` None) are counted in a smaller graph."""
    n, folded = graph.n, fold(graph) if length is None else None
    graph, node = (folded.graph, folded.node) if folded else (graph, None)
    searches = Searches(graph.out, graph.into, length, node=node, more=16, device=device)
    sums, went = np.zeros((kernels.BLOCKS, 2, graph.n)), np.zeros((2, graph.n))
    everyone = np.arange(graph.n, dtype=np.int32)
    searches.run(kernels.SUMS, everyone, sums.ravel(), went, label="betweenness", progress=progress, of=n)
    total, came = blocks_added(sums)
    if folded:
        return folded.unfold(total, came, went[0], went[1], endpoints)
    out: NDArray[np.float64] = total + (came + went[0]) if endpoints else total
    return out


@overload
def closeness_centrality(
    eco: Ecosystem,
    u: None = None,
    *,
    distance: str | None = ...,
    wf_improved: bool = ...,
    reverse: bool = ...,
    layer: str | None = ...,
    relation_weights: Mapping[str, float] | None = ...,
    normalise: str | None = ...,
    device: str = ...,
    progress: Progress = ...,
) -> NDArray[np.float64]: ...
@overload
def closeness_centrality(
    eco: Ecosystem,
    u: str,
    *,
    distance: str | None = ...,
    wf_improved: bool = ...,
    reverse: bool = ...,
    layer: str | None = ...,
    relation_weights: Mapping[str, float] | None = ...,
    normalise: str | None = ...,
    device: str = ...,
    progress: Progress = ...,
) -> float: ...
def closeness_centrality(
    eco: Ecosystem,
    u: str | None = None,
    *,
    distance: str | None = None,
    wf_improved: bool = True,
    reverse: bool = False,
    layer: str | None = None,
    relation_weights: Mapping[str, float] | None = None,
    normalise: str | None = None,
    device: str = "auto",
    progress: Progress = None,
) -> NDArray[np.float64] | float:
    r"""How close are those who reach a participant? ``networkx.closeness_centrality``.

    .. math:: c_u = \frac{r_u}{n - 1} \cdot \frac{r_u}{\sum_v d(v, u)}, \qquad r_u \text{ others reach } u

    Parameters
    ----------
    eco : the ecosystem, or a view of it; only ties of weight > 0 that are no self-ties count, parallel ones once.
    u : only this participant; None: all.
    distance : None for hops, "inverse" or "weight"; as for ``betweenness_centrality``.
    wf_improved : with the first factor (Wasserman and Faust), so that a small part isn't all close.
    reverse : True for the dependence graph: then r counts those whom u reaches along the ties as stored.
    layer, relation_weights, normalise : as for ``reliance``.
    device : "auto", "cpu" or "gpu". In hops a GPU can do it: docs/gpu.md says when "auto" takes one.
    progress : True for a bar, or a callable of (label, done, total).

    Returns
    -------
    (n,) float64 >= 0, in the order of ``eco.ids``, or one number for ``u``. At most 1 in hops; else in the inverse
    unit of the lengths. 0 for a participant that nobody reaches.

    Raises
    ------
    WindowError : no tie of the view counts.
    UnitError : ``distance`` is given, the relations have different units and nothing says how to join them.
    ParticipantError : no such ``u``.
    DeviceError : ``device="gpu"`` without one, with lengths, or that fails.
    EcographError : an unknown distance, or lengths that don't add up to a number.

    Notes
    -----
    O(n arrows) time in hops, O(n (arrows + n) log n) with lengths. Relative error about 2 n u, u = 2**-53.

    Examples
    --------
    On the path a -> b -> c, those who reach c are 1 and 2 hops away:

    >>> eco = Ecosystem.from_ties({"provider": ["a", "b"], "receiver": ["b", "c"], "weight": [1, 1]})
    >>> round(closeness_centrality(eco, "c"), 9), round(closeness_centrality(eco, "b"), 9)
    (0.666666667, 0.5)

    References
    ----------
    .. [1] S. Wasserman, K. Faust, "Social Network Analysis" (1994), p. 201.
    """
    graph, length = lengths(eco, distance, not reverse, layer, relation_weights, normalise)
    source = np.arange(graph.n) if u is None else eco.rows_of([u])
    others, farness, _ = _distances(graph, length, source, "closeness", progress, device)
    close = np.divide(others, farness, out=np.zeros(source.size), where=others > 0)
    if wf_improved:
        close *= others / (graph.n - 1)
    return close if u is None else float(close[0])


def harmonic_centrality(
    eco: Ecosystem,
    nbunch: Sequence[str] | None = None,
    *,
    distance: str | None = None,
    reverse: bool = False,
    layer: str | None = None,
    relation_weights: Mapping[str, float] | None = None,
    normalise: str | None = None,
    device: str = "auto",
    progress: Progress = None,
) -> NDArray[np.float64]:
    r"""Sum of inverse distances from all others to a participant; ``networkx.harmonic_centrality``.

    .. math:: h_u = \sum_{v \ne u} 1 / d(v, u), \qquad 1 / \infty = 0

    Parameters
    ----------
    eco : the ecosystem, or a view of it; only ties of weight > 0 that are no self-ties count, parallel ones once.
    nbunch : only these participants, in this order; None: all.
    distance : None for hops, "inverse" or "weight"; as for ``betweenness_centrality``.
    reverse : True for the dependence graph: distances from u along the ties as stored.
    layer, relation_weights, normalise : as for ``reliance``.
    device : "auto", "cpu" or "gpu". In hops a GPU can do it: docs/gpu.md says when "auto" takes one.
    progress : True for a bar, or a callable of (label, done, total).

    Returns
    -------
    (n,) float64 >= 0, in the order of ``eco.ids`` or of ``nbunch``. At most n - 1 in hops; else in the inverse unit
    of the lengths. 0 for a participant that nobody reaches.

    Raises
    ------
    WindowError : no tie of the view counts.
    UnitError : ``distance`` is given, the relations have different units and nothing says how to join them.
    ParticipantError : an id that isn't there.
    DeviceError : ``device="gpu"`` without one, with lengths, or that fails.
    EcographError : an unknown distance, or lengths that don't add up to a number.

    Notes
    -----
    O(n arrows) time in hops, O(n (arrows + n) log n) with lengths. Relative error about 2 n u, u = 2**-53.

    Examples
    --------
    >>> eco = Ecosystem.from_ties({"provider": ["a", "b"], "receiver": ["b", "c"], "weight": [1, 1]})
    >>> harmonic_centrality(eco, ["c", "b", "a"])
    array([1.5, 1. , 0. ])

    References
    ----------
    .. [1] P. Boldi, S. Vigna, "Axioms for centrality", Internet Mathematics 10 (2014), 222.
    """
    graph, length = lengths(eco, distance, not reverse, layer, relation_weights, normalise)
    source = np.arange(graph.n) if nbunch is None else eco.rows_of(list(nbunch))
    near: NDArray[np.float64] = _distances(graph, length, source, "harmonic", progress, device)[2]
    return near


def _distances(
    graph: TieGraph,
    length: NDArray[np.float64] | None,
    rows: NDArray[Any],
    label: str,
    progress: Progress,
    device: str,
) -> NDArray[np.float64]:
    """Along the arrows from each of ``rows``: how many others, the sum of distances, the sum of their inverses."""
    out, source = np.zeros((3, rows.size)), rows.astype(np.int32)
    searches = Searches(graph.out, graph.into, length, device=device)
    searches.run(kernels.DISTANCES, source, np.empty(0), out, label=label, progress=progress)
    return out
