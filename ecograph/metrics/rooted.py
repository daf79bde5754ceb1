"""Whom does a conductor depend on, nearest first, and how often do damped chains of dependence come by?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ecograph.cpu import rooted as kernels
from ecograph.cpu.lines import zeros
from ecograph.device import check_memory
from ecograph.metrics.chains import MOST, STRETCH, Visits, rounded, unfinished
from ecograph.metrics.operator import Dependence
from ecograph.progress import Progress, track
from ecograph.ties import let_go

__all__ = ["Upstream", "damped_visits", "upstream"]


@dataclass(frozen=True, eq=False)
class Upstream:
    """The participants that a conductor depends on over any chain, itself among them."""

    order: NDArray[np.int32]  # nearest first: the conductor, its providers, theirs
    place: NDArray[np.int32]  # of each participant in ``order``; -1: no chain gets there
    begin: NDArray[np.int64]  # rows of P in that order
    column: NDArray[np.int32]  # places of their providers

    @property
    def reached(self) -> NDArray[np.bool_]:
        """For each participant: does a chain get there?"""
        there: NDArray[np.bool_] = self.place >= 0
        return there


def upstream(dependence: Dependence, o: int) -> Upstream:
    """What the conductor in row ``o`` depends on. O(participants + arrows reached) time, 4 bytes an arrow reached."""
    return Upstream(*kernels.breadth_order(dependence.ptr, dependence.provider, o))


def damped_visits(
    dependence: Dependence, found: Upstream, damping: float, tol: float, progress: Progress = None
) -> Visits:
    """Row o of (I - damping P)^-1 from below, by place: x' (I - damping P) = e_o up to a residual s, |s|_1 <= tol.

    ``over`` and ``under`` of ``Visits`` are the sums of the positive and the negative parts of s. A sweep leaves at
    most ``damping`` of what was left before, mostly much less: chains go through all levels in one. O(sweeps * arrows
    reached) time; 8 bytes an arrow and 40 a participant reached.
    """
    n = found.order.size
    check_memory(8 * found.column.size + 40 * n, "the chains", "look at a smaller view")
    amount, total, keep = dependence.parts
    value = kernels.values_in_order(
        dependence.ptr, amount, total, keep, damping, found.place, found.begin, lambda: let_go(amount)
    )
    rows = found.begin, found.column, value
    r, h = zeros(n), zeros(n)
    r[0] = left = 1.0
    with track(progress, "chains from the conductor", float(-np.log10(tol))) as tick:
        for sweep in range(1, MOST + 1):
            before = (r.copy(), h.copy()) if sweep % STRETCH == 0 else None
            left = kernels.pass_on(*rows, r, h)
            if before is not None:
                left = kernels.stretch_passed(*before, r, h)
            tick(float(-np.log10(max(left, tol))))
            if left <= tol:
                break
    if left > tol:
        raise unfinished("from the conductor", np.array([left]), tol, sweep)
    over, under = kernels.passed_residual(*rows, h)
    if (error := over + under) > 2.0 * tol:
        raise rounded(error, tol, float(h.sum()))
    return Visits(h, over, under, sweep)
