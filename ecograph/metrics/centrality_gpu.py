"""Centralities on a device, up to where one step of the CPU shows that they are done.

What a device found is where the CPU begins: it makes a step of its own and judges by that, as it does of every other
start. So a result never rests on what the device says of itself, but for ``walks``, where the device keeps the CPU's
rule, as the sums in that rule can't be had from the result.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ecograph.cpu import centrality as kernels
from ecograph.device import choose, guarded
from ecograph.gpu import centrality as gpu
from ecograph.gpu._module import kept
from ecograph.gpu.chains import FEWEST, ONE, bytes_at_most, pull_lanes, rows_kept, to_device
from ecograph.metrics.tie_graph import TieGraph

__all__ = ["eigenvector", "hub_scores", "on_gpu", "pagerank", "walks"]

F8Array = NDArray[np.float64]
I4Array = NDArray[np.int32]
I8Array = NDArray[np.int64]
Told = Callable[[float], None]


def on_gpu(what: str, device: str, n: int, arrows: int, lanes: int = 1, copies: int = 1) -> bool:
    """Is it the device that is taken, for ``copies`` of the arrows? ``what`` is the metric."""
    needs = bytes_at_most(n, arrows, min(max(lanes, ONE), FEWEST)) + (copies - 1) * bytes_at_most(n, arrows, 0)
    return choose(device, needs, arrows * lanes, what=what).device == "gpu"


def pagerank(
    graph: TieGraph, unit: float, restart: F8Array, dangle: F8Array | None, alpha: float, tol: float, most: int,
    told: Told,
) -> tuple[F8Array, float, int]:  # fmt: skip
    """PageRank of each lane, how far it is off by a step of the CPU, and the number of steps.

    ``dangle`` is where walks go on from participants without arrows out, for all lanes; None: ``restart``. With
    z = sum_t (alpha S)^t r for each r among those, x = (1 - alpha) z_restart + alpha h z_dangle, where h, what x has in
    such participants, follows from the sums of z there: so that no step has to know h.
    """
    out = kernels.row_sums(graph.out.ptr, graph.out.amount * unit)
    ends = out == 0.0
    share = graph.into.amount * unit / np.where(ends, 1.0, out)[graph.into.column]
    starts = restart if dangle is None else np.column_stack([restart, dangle])
    lanes, goal = starts.shape[1], (1.0 - alpha) * tol / 4.0
    with guarded("pagerank"):
        into = graph.into
        fewest = ONE if lanes == 1 else FEWEST
        rows = kept(
            "shares", (into.ptr, into.column, into.amount), lambda: to_device(into.ptr, into.column, share, fewest)
        )
        if lanes == 1:
            one, _, steps = gpu.walk_rows(rows, starts[:, 0], goal, most, by=alpha, tick=told)
            z = one[:, None]
        else:
            z, _, steps = pull_lanes(rows, starts, goal, most, by=alpha, tick=told)
    first, last = z[:, : restart.shape[1]], z if dangle is None else z[:, -1:]
    held = (1.0 - alpha) * first[ends].sum(axis=0) / (1.0 - alpha * last[ends].sum(axis=0))
    x = (1.0 - alpha) * first + alpha * held * last
    new = np.empty_like(x)
    for lane, h in enumerate(x[ends].sum(axis=0)):
        total = kernels.pull(graph.into.ptr, graph.into.column, share, x[:, lane].copy())
        d = restart[:, lane] if dangle is None else dangle[:, 0]
        new[:, lane] = alpha * (total + h * d) + (1.0 - alpha) * restart[:, lane]
    return new, alpha / (1.0 - alpha) * float(abs(new - x).sum(axis=0).max()), steps


def walks(
    ptr: I8Array, column: I4Array, value: F8Array, by: float, start: F8Array, tol: float, most: int, told: Told
) -> tuple[F8Array, float, int]:
    """Start + by G start + ..., its largest relative error, and the number of steps."""
    with guarded("the sum of walks"):
        rows = rows_kept(ptr, column, value, ONE)
        return gpu.walk_rows(rows, start, tol, most, by=by, relative=True, tick=told)


def hub_scores(graph: TieGraph, start: F8Array, tol: float, most: int, told: Told) -> tuple[F8Array, int]:
    """About the hubs, and the number of steps."""
    both = graph.into, graph.out
    norms = [float(kernels.row_sums(side.ptr, side.amount).max(initial=0.0)) for side in both]
    with guarded("hits"):
        into, out = (rows_kept(side.ptr, side.column, side.amount, ONE) for side in both)
        h, steps = gpu.hub_scores(into, out, start, (norms[0], norms[1]), tol, most, tick=told)
    return _start(h, start), steps


def eigenvector(graph: TieGraph, start: F8Array, tol: float, most: int, told: Told) -> tuple[F8Array, int]:
    """About the first eigenvector, and the number of steps."""
    norm = float(kernels.row_sums(graph.into.ptr, graph.into.amount).max(initial=0.0))
    with guarded("the eigenvector"):
        rows = rows_kept(graph.into.ptr, graph.into.column, graph.into.amount, ONE)
        x, steps = gpu.eigenvector(rows, start, norm, tol, most, tick=told)
    return _start(x, start), steps


def _start(found: F8Array, given: F8Array) -> F8Array:
    """What was found, to begin with; what was given where that is no vector."""
    total = float(found.sum())
    return found / total if 0.0 < total < np.inf else given
