"""How do lenses vary with the events behind the ties? The delta method: gradients by every weight.

Row j of P is w_ij / (in_j + cost_j), so a little more of arrow i -> j changes what comes of j's inputs, sum_i P_ji b_i,
by (keep b_i - that sum) / (in_j + cost_j): the cost bought outside stays what it is. Each lens is a sum over chains
that come to j (``a``) and go on (``b``); docs/metrics.md lists them.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ecograph.cpu import covariance as kernels
from ecograph.device import check_memory
from ecograph.ecosystem import Ecosystem
from ecograph.metrics import chains
from ecograph.metrics.arrow_events import ArrowEvents
from ecograph.metrics.clusters import tie_parts
from ecograph.metrics.components import Components
from ecograph.metrics.lenses import Reach, Rooted
from ecograph.metrics.operator import Dependence
from ecograph.progress import Progress

__all__ = ["Gradients", "covariance", "of_direct", "of_reach", "of_rooted", "shares_of_steps"]

F8Array: TypeAlias = NDArray[np.float64]


class Gradients(NamedTuple):
    """The gradient of each lane by the weight of i -> j: a[j] / (in_j + cost_j) * (keep b[i] - sum_i P_ji b[i])."""

    rows: NDArray[np.int32]  # receivers j that any lane needs
    node: NDArray[np.int32]  # row of a participant in a and b
    a: F8Array  # (nodes, lanes)
    b: F8Array


def of_direct(p: Dependence, o: int, rows: NDArray[np.intp]) -> Gradients:
    """Direct: a = 1 at the conductor; b = 1 at the candidate."""
    node = np.full(p.ptr.size - 1, -1, np.int32)
    node[rows] = np.arange(rows.size)
    node[o] = rows.size
    a, b = np.zeros((rows.size + 1, rows.size)), np.eye(rows.size + 1, rows.size)
    a[rows.size] = 1.0
    return Gradients(np.array([o], np.int32), node, a, b)


def of_rooted(
    lens: Rooted, graph: chains.Graph, found: Components, rows: NDArray[np.intp], restart: float, progress: Progress
) -> Gradients:
    """Rooted: a = rooted; b = (1 - restart) y, y = e_k + (1 - restart) P y. Node k of ``graph`` is found.order[k]."""
    nodes, x = graph.node[rows], lens.x[lens.found.place[found.order]]
    goal = _goal(x[nodes] / restart)
    y = chains.hitting_vectors(graph, x / restart, nodes, goal, hold=False, damping=1.0 - restart, progress=progress)
    return Gradients(found.order, graph.node, np.repeat(x[:, None], rows.size, axis=1), (1.0 - restart) * y)


def of_reach(lens: Reach, rows: NDArray[np.intp], value: F8Array, progress: Progress) -> Gradients:
    """Reach: a = z, z_j = N_oj - f_ok N_kj, the visits to j before k; b = h, the chance to come to k from there."""
    graph, nodes, x = lens.graph, lens.graph.node[rows], lens.visits.x
    goal = _goal(value)
    h = chains.hitting_vectors(graph, x + lens.visits.over, nodes, goal, progress=progress)
    z = chains.visits_of(graph, nodes, goal, progress=progress)
    z *= -value
    z += x[:, None]
    np.maximum(z, 0.0, out=z)
    z[nodes, np.arange(nodes.size)] = 0.0
    if lens.barred >= 0:
        h[graph.node[lens.barred]] = 0.0  # as a provider: chains that come back are lost
    return Gradients(lens.found.order, graph.node, z, h)


def _goal(value: F8Array) -> float:
    """Chain mass that doesn't matter for a standard error: a ten-thousandth of the smallest value."""
    return float(np.clip(1e-4 * value.min(initial=1.0), 1e-13, 1e-6))


def covariance(eco: Ecosystem, p: Dependence, events: ArrowEvents, g: Gradients) -> F8Array:
    """(lanes, lanes): how the lanes vary together when events are drawn anew, one by one or by cluster."""
    total = p.inflow + p.cost
    alone = kernels.arrow_covariance(
        p.ptr, p.provider, p.value, events.variance, g.rows, total, p.keep, g.node, g.a, g.b
    )
    if eco.ties.cluster is None:
        return alone
    found = tie_parts(eco)
    parts, n = found.parts, found.code.size
    check_memory(8 * n * g.a.shape[1], "the clusters", "show fewer (top=), or read the events without cluster=")
    amount = np.where(eco.active & (found.cluster >= 0), parts.weight * p.factor[parts.relation], 0.0)
    sums = kernels.cluster_sums(
        p.ptr, p.provider, p.value, g.rows, total, p.keep, g.node, g.a, g.b,
        eco.indptr, parts.provider, amount, found.cluster.astype(np.int32), n,
    )  # fmt: skip
    return np.array(alone + np.einsum("ck,cl->kl", sums, sums, optimize=False))


def shares_of_steps(p: Dependence, found: Components, node: NDArray[np.int32], x: F8Array) -> F8Array:
    """By participant: its share of all steps that chains take, where node i is visited ``x[i]`` times.

    Chains that have entered a closed class have come to their end.
    """
    out = np.zeros(p.ptr.size - 1)
    there = found.order[~found.closed[found.component[found.order]]]
    bought = p.inflow[there] > 0.0
    kept = p.inflow[there] / np.where(bought, p.inflow[there] + p.cost[there], 1.0)
    out[there] = x[node[there]] * p.keep * kept
    return np.array(out / max(out.sum(), 1e-300))
