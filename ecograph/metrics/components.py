"""Which participants depend on each other in a circle, and which circles does no chain ever leave?

A strong component of the dependence graph is *closed* when no arrow leads out of it, at least one arrow lies
inside and no member leaks. That is decided by arrows and leak == 0, never by rounding. A participant without
providers is not closed: a chain ends there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecograph.cpu import components as kernels
from ecograph.metrics.operator import Dependence

__all__ = ["Components", "components"]


@dataclass(frozen=True, eq=False)
class Components:
    """Strong components of what some roots depend on, over all chains.

    ``order`` lists the participants reached, providers before receivers where they aren't in one component and
    components side by side; ``component`` numbers each participant's along it (-1: not reached); ``size`` and
    ``closed`` are by component.
    """

    order: NDArray[np.int32]
    component: NDArray[np.int32]
    size: NDArray[np.int64]
    closed: NDArray[np.bool_]

    def is_closed(self, row: int) -> bool:
        """Does this participant sit in a closed class?"""
        return bool(self.closed[self.component[row]])

    def members(self, row: int) -> NDArray[np.intp]:
        """The participants in the component of this one."""
        return np.flatnonzero(self.component == self.component[row])


def components(dependence: Dependence, roots: NDArray[np.int64], *, barred: int = -1) -> Components:
    """Components of what ``roots`` reach; arrows to the participant ``barred`` lead out of the graph.

    O(participants + arrows reached) time (Tarjan 1972).
    """
    ptr, provider = dependence.ptr, dependence.provider
    order, component = kernels.strong_components(ptr, provider, roots, barred)
    size = np.bincount(component[order])
    open_ = kernels.leaving(ptr, provider, order, component, dependence.leaks, barred)
    return Components(order, component, size, ~open_ & (size > 1))  # no self-ties: two or more have an arrow inside
