"""What is known of the events behind each arrow of dependence: how many, and how much its weight would vary."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecograph.clusters import pooled_rows
from ecograph.cpu import operator as kernels
from ecograph.ecosystem import Ecosystem
from ecograph.metrics.operator import Dependence
from ecograph.ties import NO_CLUSTER

__all__ = ["FEW", "ArrowEvents", "arrow_events", "squares"]

FEW = 5  # events of a receiver: below that, intervals are too narrow


@dataclass(frozen=True, eq=False)
class ArrowEvents:
    """By arrow of the dependence graph."""

    variance: NDArray[np.float64]  # of the arrow's amount, as its events vary that stand each by itself
    count: NDArray[np.int64]  # events

    def few(self, dependence: Dependence) -> NDArray[np.bool_]:
        """Which participants get anything at all, by fewer than FEW events?"""
        whole = np.concatenate([[0], np.cumsum(self.count)])
        events = whole[dependence.ptr[1:]] - whole[dependence.ptr[:-1]]
        return np.asarray((events > 0) & (events < FEW))


def arrow_events(eco: Ecosystem, dependence: Dependence) -> ArrowEvents:
    """Variance and number of events of each arrow; the ecosystem has to have counts."""
    square, cluster = squares(eco), eco.ties.cluster
    ties, indptr = eco.pooled.ties, eco.pooled.indptr
    if cluster is not None:  # these vary as a whole: delta.covariance adds them
        alone = np.where(cluster == NO_CLUSTER, square, 0.0)
        square = np.zeros(len(ties))
        np.add.at(square, pooled_rows(eco.ties), alone)
    assert ties.count is not None
    return ArrowEvents(
        *kernels.merge_events(
            indptr, ties.provider, ties.relation, ties.weight, dependence.factor, square, ties.count, dependence.ptr,
        )
    )  # fmt: skip


def squares(eco: Ecosystem) -> NDArray[np.float64]:
    """Sum of squared amounts of each tie: the variance of its weight under Poisson numbers of events.

    Without ``weight_sq``, as if all its events had the same amount.
    """
    ties = eco.ties
    assert ties.count is not None
    return ties.weight_sq if ties.weight_sq is not None else ties.weight**2 / np.maximum(ties.count, 1)
