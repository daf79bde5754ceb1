"""How much of what a conductor depends on comes to it by way of a participant?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ecograph.cpu import paths as kernels
from ecograph.device import Choice, check_memory, choose
from ecograph.ecosystem import Ecosystem
from ecograph.errors import EcographError
from ecograph.gpu import breadth
from ecograph.metrics.conductors import rows_of_one_or_many
from ecograph.metrics.operator import Dependence, dependence
from ecograph.metrics.searches import EACH, Searches, check_lengths, uncountable
from ecograph.metrics.tie_graph import Rows, tie_graph
from ecograph.progress import Progress

__all__ = ["brokerage", "brokerage_rows", "choose_searches"]


def brokerage(
    eco: Ecosystem,
    conductor: str | Sequence[str],
    *,
    distance: str | None = None,
    layer: str | None = None,
    relation_weights: Mapping[str, float] | None = None,
    normalise: str | None = None,
    device: str = "auto",
    progress: Progress = None,
) -> NDArray[np.float64]:
    r"""Share of what a conductor depends on that comes to it by way of each participant, over shortest chains.

    .. math:: b_k = \frac{1}{R - 1} \sum_{t \ne k} \frac{\sigma_{ot}(k)}{\sigma_{ot}}

    with o the conductor, R the participants other than o that it depends on over some chain, sigma_ot the number of
    shortest chains of dependence from o to t and sigma_ot(k) of those through k.

    Parameters
    ----------
    eco : the ecosystem, or a view of it; only ties of weight > 0 that are no self-ties count, parallel ones once.
    conductor : id of the participant asked about, or a sequence of ids.
    distance : None: every arrow is one hop. "inverse": the arrow from receiver j to provider i is 1 / P[j, i] long, so
        that large shares of inputs are short; what j buys outside (``external_cost``) makes its arrows longer.
    layer : "service" or "money": only relations of that layer; None: all.
    relation_weights, normalise : how amounts of different units are joined, as for ``reliance``; hops need neither.
    device : "auto", "cpu" or "gpu". In hops a GPU can do it: docs/gpu.md says when "auto" takes one.
    progress : True for a bar, or a callable of (label, done, total).

    Returns
    -------
    (n,) float64 in [0, 1] in the order of ``eco.ids``, or (conductors, n) for a sequence, in its order. 1: everyone
    else comes by way of k. 0 for o itself, for who only comes last on chains, and everywhere where R < 2.

    Raises
    ------
    ParticipantError : no such conductor.
    WindowError : no tie of the view counts.
    UnitError : ``distance="inverse"``, the relations have different units and nothing says how to join them.
    EcographError : an unknown distance, lengths that don't add up to a number, or more chains than float64 can count.
    DeviceError : ``device="gpu"`` without one, with lengths, or that fails.
    MemoryLimitError : 768 bytes a participant don't fit, or the result.

    Notes
    -----
    Brandes' one-sided dependency of o on the dependence graph. O(arrows) time a conductor in hops, O((arrows + n)
    log n) with lengths. Two chains are equally short where their lengths, added up from o in float64, are equal. Counts
    above 2**53 are rounded. A leak that is the same for everyone stretches all lengths alike and changes nothing.

    Examples
    --------
    The platform o buys from a and b, who both buy from c, who buys from d. Of the 3 others than itself, a has half of
    what comes from c and from d, and c all of what comes from d:

    >>> ties = {"provider": ["a", "b", "c", "c", "d"], "receiver": ["o", "o", "a", "b", "c"], "weight": [1] * 5}
    >>> eco = Ecosystem.from_ties(ties)
    >>> [round(float(brokerage(eco, "o")[eco.row_of(id)]), 6) for id in "abcd"]
    [0.333333, 0.333333, 0.333333, 0.0]

    References
    ----------
    .. [1] U. Brandes, "A faster algorithm for betweenness centrality", J. Math. Sociology 25 (2001), 163.
    """
    if distance not in (None, "inverse"):
        raise EcographError(f"distance={distance!r} is unknown.", hint='distance="inverse", or None for hops')
    source, one = rows_of_one_or_many(eco, conductor)
    if distance is None:
        graph = tie_graph(eco, weight=None, layer=layer, relation_weights=relation_weights, normalise=normalise).into
        out = _rows(graph, None, source, progress, device)
    else:
        p = dependence(eco, layer=layer, relation_weights=relation_weights, normalise=normalise)
        out = brokerage_rows(p, source, weighted=True, device=device, progress=progress)
    return out[0] if one else out


def brokerage_rows(
    dependence: Dependence,
    sources: NDArray[np.int64],
    *,
    weighted: bool = False,
    device: str = "cpu",
    progress: Progress = None,
) -> NDArray[np.float64]:
    """(sources, n): ``brokerage`` of several rows, in hops or with ``weighted`` along arrows 1 / P[j, i] long."""
    length = check_lengths(dependence.value, inverse=True) if weighted else None
    return _rows(Rows(dependence.ptr, dependence.provider, dependence.value), length, sources, progress, device)


def choose_searches(device: str, dependence: Dependence, sources: int) -> Choice:
    """Where ``brokerage_rows`` searches, in hops."""
    arrows = dependence.provider.size
    needs = breadth.bytes_needed(dependence.ptr.size - 1, arrows, kernels.ROWS, breadth.FEWEST)
    return choose(device, needs, arrows * sources // EACH, what="brokerage")


def _rows(
    arrows: Rows, length: NDArray[np.float64] | None, rows: NDArray[np.int64], progress: Progress, device: str
) -> NDArray[np.float64]:
    n = arrows.ptr.size - 1
    check_memory(8 * n * rows.size, "brokerage of so many conductors", "ask for fewer at a time")
    out, source = np.zeros(rows.size * n), rows.astype(np.int32)
    searches = Searches(arrows, None, length, device=device)
    searches.run(kernels.ROWS, source, out, np.empty((0, 0)), label="brokerage", progress=progress)
    if np.isnan(out).any():
        raise uncountable()
    return out.reshape(rows.size, n)
