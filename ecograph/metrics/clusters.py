"""What does each cluster bring to each tie? The data from which whole customers, or whole rows, are resampled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecograph.clusters import pooled_rows
from ecograph.ecosystem import Ecosystem
from ecograph.errors import TieTableError
from ecograph.ties import NO_CLUSTER, Ties

__all__ = ["Parts", "tie_parts"]


@dataclass(frozen=True, eq=False)
class Parts:
    """Ties cut by cluster: one part for each (tie, cluster).

    Attributes
    ----------
    eco : the ecosystem without clusters, whose ties are summed over them.
    parts : (m,) the parts; their weight, weight_sq and count are those of the cluster's events in the tie.
    tie : (m,) row of ``eco.ties`` that a part belongs to, ascending.
    code : (c,) codes of the clusters that are here, ascending; drawing by code gives a view the draws of the whole.
    cluster : (m,) row of ``code``, or -1 where each event of the part stands by itself.
    """

    eco: Ecosystem
    parts: Ties
    tie: NDArray[np.int64]
    code: NDArray[np.int32]
    cluster: NDArray[np.int64]


def tie_parts(eco: Ecosystem) -> Parts:
    """The parts of the ties of a view that was read with ``cluster=``.

    Raises
    ------
    TieTableError : the ties have no clusters.

    Notes
    -----
    O(m log m) time and O(m) memory for m parts.

    Examples
    --------
    >>> table = {"provider": ["a", "a"], "receiver": ["o", "o"], "weight": [1, 2], "cluster": ["ani", "budi"]}
    >>> found = tie_parts(Ecosystem.from_ties(table))
    >>> found.tie, found.cluster, found.parts.weight, found.eco.ties.weight
    (array([0, 0]), array([0, 1]), array([2., 1.]), array([3.]))
    """
    if eco.ties.cluster is None:
        raise TieTableError(
            "The ties have no clusters: nothing tells which events belong together.",
            hint='read the events with cluster="customer" (a column) or cluster="row"; or give from_ties a cluster',
        )
    code, cluster = np.unique(eco.ties.cluster, return_inverse=True)
    without = int(code.size > 0 and code[0] == NO_CLUSTER)  # it sorts first
    return Parts(eco.pooled, eco.ties, pooled_rows(eco.ties), code[without:], cluster - without)
