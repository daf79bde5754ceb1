"""How often do chains of dependence pass by, and how likely do they ever?

N = (I - P)^-1 sums all chains. ``visits`` is its row of the conductor, ``hitting`` the probabilities
f_ok = N_ok / N_kk, each with a bound that follows from the residual of the result itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ecograph.cpu import chains as kernels
from ecograph.cpu.components import Rows, compact_rows, flip_rows
from ecograph.cpu.lines import zeros
from ecograph.device import Choice, check_memory, choose, guarded
from ecograph.errors import ConvergenceError
from ecograph.gpu import centrality as gpu_walks
from ecograph.gpu import chains as gpu
from ecograph.kept import HOST
from ecograph.metrics.components import Components
from ecograph.metrics.operator import Dependence
from ecograph.progress import Progress, track

__all__ = [
    "BATCH",
    "MOST",
    "STRETCH",
    "Graph",
    "Sums",
    "Visits",
    "arrows_of",
    "choose_device",
    "compact",
    "hitting",
    "hitting_at",
    "hitting_vectors",
    "lanes_at_once",
    "returning",
    "rounded",
    "unfinished",
    "visits",
    "visits_of",
]

BATCH = 32  # lanes solved together: 4 blocks keep 4 threads busy and 24 bytes a lane and participant in memory
STRETCH = 8  # sweeps between attempts to jump ahead: the smallest ratio needs some to become the rate
MOST = 20_000  # sweeps before giving up
MOST_STEPS = 100_000  # the same on a device, where a step does less than a sweep

F8Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Graph:
    """What a conductor depends on, renumbered so that most arrows lead to a smaller number.

    A closed class may be one node without arrows (*lumped*): entering it is what counts. The conductor is the last.
    """

    node: NDArray[np.int32]  # of each participant; -1 where no chain gets
    rows: Rows
    back: Rows  # transpose, numbered backwards
    circular: NDArray[np.bool_]  # is the node on a circle, so that N_kk > 1?
    on_gpu: bool = False  # sums are made on the device, where rows are kept for as long as they are here

    @property
    def n(self) -> int:
        """How many nodes."""
        return int(self.circular.size)


def choose_device(device: str, dependence: Dependence, order: NDArray[np.int32], lanes: int, more: int = 0) -> Choice:
    """Where to sum chains over those in ``order``: rows and their transpose, of two graphs at most, and ``lanes``.

    ``more`` is the memory of what else is to be made there. There has to be room for the fewest lanes at a time.
    """
    n, arrows = order.size, arrows_of(dependence, order)
    needs = gpu.bytes_at_most(n, arrows, min(max(lanes, gpu.ONE), gpu.FEWEST)) + 3 * gpu.bytes_at_most(n, arrows, 0)
    return choose(device, needs + more, arrows * lanes, what="sums over chains")


def arrows_of(dependence: Dependence, order: NDArray[np.int32]) -> int:
    """How many arrows lead on from those in ``order``."""
    return int((dependence.ptr[order + 1] - dependence.ptr[order]).sum())


def compact(
    dependence: Dependence, found: Components, *, barred: int = -1, lump: bool = True, on_gpu: bool = False
) -> Graph:
    """The graph of the participants in ``found``; with ``lump``, each closed class becomes one node.

    With ``on_gpu`` sums over its chains are made on the device, where its rows stay for as long as it does; who asks
    for the same graph gets this one.
    """
    lump = lump and bool(found.closed.any())
    if not on_gpu:
        return _compact(dependence, found, barred, lump, False)
    make = partial(_compact, dependence, found, barred, lump, True)
    return HOST.get((dependence, found), ("chains", barred, lump), make)


def _compact(dependence: Dependence, found: Components, barred: int, lump: bool, on_gpu: bool) -> Graph:
    component = found.component[found.order]
    closed = found.closed[component] & lump
    fresh = np.ones(component.size, np.bool_)
    fresh[1:] = ~closed[1:] | (component[1:] != component[:-1])
    node = np.full(found.component.size, -1, np.int32)
    node[found.order] = np.cumsum(fresh) - 1
    member = np.where(closed, np.int32(-1), found.order)[fresh]
    rows = compact_rows(dependence.ptr, dependence.provider, dependence.value, member, node, barred)
    circular = ((found.size[component] > 1) & ~closed)[fresh]
    back = flip_rows(rows)
    for values in (*rows, *back):
        values.setflags(write=False)
    return Graph(node, rows, back, circular, on_gpu)


@dataclass(frozen=True, eq=False)
class Sums:
    """Sums over the chains to (or from) some nodes, as far as they went: a lane each, ``lanes`` of them are wanted.

    ``d`` is the last change, from which they can go on; None on a device.
    """

    start: NDArray[np.int32]
    lanes: NDArray[np.intp]
    h: F8Array
    d: F8Array | None
    left: F8Array
    sweeps: int

    def only(self, lanes: NDArray[np.intp]) -> Sums:
        """The same, of which these lanes are still wanted."""
        return replace(self, lanes=lanes)


@dataclass(frozen=True, eq=False)
class Visits:
    """x = N_o. from below, by node: N_ok - x_k lies in [-under, over] * N_kk."""

    x: F8Array
    over: float
    under: float
    sweeps: int


def visits(graph: Graph, tol: float, *, damping: float = 1.0, progress: Progress = None) -> Visits:
    """Row o of N as x: x' (I - damping P) = e_o up to a residual s with |s|_1 <= tol.

    N_ok - x_k = sum_j s_j N_jk and N_jk = f_jk N_kk <= N_kk, hence the bounds of ``Visits``.
    """
    start, ones = np.zeros(1, np.int32), np.ones(graph.n)  # numbered backwards, the conductor is the first
    sums = _sum_chains(
        graph, graph.back, start, ones, tol, hold=False, damping=damping, label="chains from the conductor",
        progress=progress,
    )  # fmt: skip
    _check_end(sums, "from the conductor", tol)
    over, under = _residual(_damped(graph.back, damping), sums.h, start, ones, hold=False)
    if (error := float(over[0] + under[0])) > 2.0 * tol:
        raise rounded(error, tol, float(sums.h.sum()))
    return Visits(sums.h[::-1, 0].copy(), float(over[0]), float(under[0]), sums.sweeps)


def returning(graph: Graph, x: F8Array) -> F8Array:
    """Lower bounds of f_ko, the probability that a chain from k ever needs the conductor, by node."""
    if not graph.circular[-1]:
        return np.zeros(graph.n)
    start = np.array([graph.n - 1], np.int32)
    sums = _sum_chains(graph, graph.rows, start, x / x.sum(), 1e-6, hold=True, label="chains back", most=200)
    return np.minimum(sums.h[:, 0], 1.0)


def hitting(
    graph: Graph, found: Visits, nodes: NDArray[np.int32], tol: float, progress: Progress = None,
    begun: Sums | None = None,
) -> tuple[F8Array, F8Array, Sums]:  # fmt: skip
    """Lower and upper bounds of f_ok for each of ``nodes``, and the sums that gave them.

    ``begun`` : sums of an earlier call for a wider ``tol``, whose wanted lanes are ``nodes``; they go on from there.

    h approaches the hitting vector f of k from below: h_k = 1, rho = P h - h >= 0 in all other rows. Then

        0 <= f_o - h_o <= sum_i x_i rho_i + |s|_1.

    Proof. v = f - h has v_k = 0 and 0 <= v <= 1; (I - P) v is rho in the rows other than k and -P_k. v <= 0
    in row k. With e_o' = x' (I - P) + s':  v_o = sum_{i != k} x_i rho_i - x_k P_k. v + s' v, where the second
    term is <= 0 and the third <= |s|_1. (Where rounding makes some rho negative, v_o falls by at most
    sum_i x_i |rho_i|, N_o. being x up to terms of second order; the lower bound is lowered by that.)

    While sweeping, rho = U d <= P d for the last change d, and x' P d = x' d - (e_o - s)' d <= (x + s)' d:
    the weighted mass on which ``_sum_chains`` stops bounds sum_i x_i rho_i.
    """
    last = np.array([graph.n - 1])
    h, over, under, sums = hitting_at(graph, found, nodes, last, tol, progress, begun)
    return h[0] - under, h[0] + over, sums


def hitting_at(
    graph: Graph,
    found: Visits,
    nodes: NDArray[np.int32],
    at: NDArray[np.intp],
    tol: float,
    progress: Progress = None,
    begun: Sums | None = None,
) -> tuple[F8Array, F8Array, F8Array, Sums]:
    """Return h of ``hitting`` at some nodes, (``at``, ``nodes``); over and under of each lane; the sums.

    In the last row h_o - under <= f_o <= h_o + over, and over + under <= tol. Where o is made up to depend on m others,
    1 / m each, then in the row of each of these h - m under <= f <= h + m over: chains from it are 1 / m of all.
    """
    weight = found.x + found.over
    sums = _sum_chains(
        graph, graph.rows, nodes, weight, tol / 2, hold=True, label="candidates", progress=progress, begun=begun
    )
    _check_end(sums, "to the candidates", tol / 2)
    over, under = _residual(graph.rows, sums.h, sums.start, found.x, hold=True)
    over, under = over[sums.lanes] + found.over + found.under, under[sums.lanes]
    if (error := float((over + under).max())) > tol:
        raise rounded(error, tol, float(found.x.sum()))
    lanes = sums.h.reshape(-1, graph.n, sums.h.shape[1])[:, at].transpose(1, 0, 2).reshape(at.size, -1)
    return lanes[:, sums.lanes], over, under, sums


def lanes_at_once(n: int) -> int:
    """How many of n candidates to solve together: not one more than full blocks.

    One lane alone takes a fifth of the time that a block of one takes.
    """
    n = min(n, BATCH)
    return n - 1 if n > kernels.WIDTH and n % kernels.WIDTH == 1 else n


def hitting_vectors(
    graph: Graph, weight: F8Array, nodes: NDArray[np.int32], goal: float, *, hold: bool = True, damping: float = 1.0,
    progress: Progress = None,
) -> F8Array:  # fmt: skip
    """(n, lanes): h_k = 1 and h_i = damping sum_j P_ij h_j for each k of ``nodes``; without ``hold``, column k of N.

    For gradients, whose digits don't matter: until the change weighted by ``weight`` is <= goal.
    """
    return _lanes(
        graph, graph.rows, weight, nodes, goal, hold=hold, damping=damping, label="gradients", progress=progress
    )


def visits_of(graph: Graph, nodes: NDArray[np.int32], goal: float, progress: Progress = None) -> F8Array:
    """(n, lanes): row k of N for each k of ``nodes``, until chains of mass <= goal are on their way."""
    start = (graph.n - 1 - nodes).astype(np.int32)
    found = _lanes(
        graph, graph.back, np.ones(graph.n), start, goal, hold=False, label="gradients back", progress=progress
    )
    return np.ascontiguousarray(found[::-1])


def _lanes(
    graph: Graph, rows: Rows, weight: F8Array, start: NDArray[np.int32], goal: float,
    *, hold: bool, damping: float = 1.0, label: str, progress: Progress,
) -> F8Array:  # fmt: skip
    """Lanes side by side, BATCH at a time."""
    n, m = weight.size, start.size
    check_memory(8 * n * m, "the gradients", 'ask for intervals="none", or show fewer (top=)')
    out = np.empty((n, m))
    for begin in range(0, m, BATCH):
        some = start[begin : begin + BATCH]
        sums = _sum_chains(graph, rows, some, weight, goal, hold=hold, damping=damping, label=label, progress=progress)
        _check_end(sums, "for the gradients", goal)
        width = sums.h.shape[1]
        side = sums.h.reshape(-1, n, width).transpose(1, 0, 2).reshape(n, -1)
        out[:, begin : begin + some.size] = side[:, : some.size]
    return out


def _damped(rows: Rows, damping: float) -> Rows:
    return rows if damping == 1.0 else (rows[0], rows[1], rows[2] * damping)


def _sum_chains(
    graph: Graph,
    rows: Rows,
    start: NDArray[np.int32],
    weight: F8Array,
    goal: float,
    *,
    hold: bool,
    damping: float = 1.0,
    label: str,
    progress: Progress = None,
    most: int | None = None,
    begun: Sums | None = None,
) -> Sums:
    """Sum until the weighted change of every lane is <= goal; ``hold`` pins the rows in ``start`` at 1.

    ``begun`` with the same rows, weight and ``hold``: its wanted lanes, which start in ``start``, go on.
    """
    with track(progress, label, float(-np.log10(goal))) as tick:

        def told(left: float) -> None:
            tick(float(-np.log10(max(left, goal))))

        if graph.on_gpu:
            with guarded("the sums over chains"):
                return _step_on_device(
                    gpu.rows_kept(*rows), start, weight, goal, hold, damping, told, most or MOST_STEPS
                )
        begun = begun or _nothing_yet(start, weight.size)
        return _sweep(_damped(rows, damping), begun, weight, goal, hold, told, most or MOST)


def _step_on_device(
    rows: gpu.Rows, start: NDArray[np.int32], weight: F8Array, goal: float, hold: bool, damping: float,
    told: Callable[[float], None], most: int,
) -> Sums:  # fmt: skip
    """Steps, each from the last one: rho = P d for the last change d, and what bounds it is as for sweeps."""
    check_memory(3 * 8 * rows.n * start.size, "the chains", "leave lenses='reach' out, or look at a smaller view")
    if start.size == 1:
        h, left, steps = gpu_walks.walk_rows(
            rows, np.eye(1, rows.n, start[0])[0], goal, most, by=damping, held=int(start[0]) if hold else -1,
            weight=weight, tick=told,
        )  # fmt: skip
        return Sums(start, np.arange(1), h[:, None], None, np.array([left]), steps)
    x, change, steps = gpu.pull_lanes(rows, start, goal, most, by=damping, hold=hold, weight=weight, tick=told)
    blocks = np.pad(x, ((0, 0), (0, -x.shape[1] % kernels.WIDTH))).reshape(rows.n, -1, kernels.WIDTH)
    h = np.ascontiguousarray(blocks.transpose(1, 0, 2)).reshape(-1, kernels.WIDTH)
    return Sums(start, np.arange(start.size), h, None, change, steps)


def _nothing_yet(start: NDArray[np.int32], n: int) -> Sums:
    """The sums before the first sweep, by blocks of lanes: ``h`` and ``d`` of block b are rows b * n to (b + 1) * n."""
    lanes = start.size
    width = 1 if lanes == 1 else kernels.WIDTH
    blocks = -(-lanes // width)
    check_memory(3 * 8 * n * blocks * width, "the chains", "leave lenses='reach' out, or look at a smaller view")
    h, d = zeros(blocks * n, width), zeros(blocks * n, width)
    pins = np.arange(lanes) // width * n + start, np.arange(lanes) % width
    h[pins] = d[pins] = 1.0
    left = np.zeros(blocks * width)
    left[:lanes] = 1.0
    return Sums(start, np.arange(lanes), h, d, left, 0)


def _sweep(
    rows: Rows, begun: Sums, weight: F8Array, goal: float, hold: bool, told: Callable[[float], None], most: int
) -> Sums:
    """``begun`` until its wanted lanes are there; its arrays are written to. A block of lanes that is there rests."""
    start, h, d, n, width = begun.start, begun.h, begun.d, weight.size, begun.h.shape[1]
    assert d is not None, "sums on a device don't go on"
    held = np.full(begun.left.size, -1, np.int32)
    held[: start.size] = start if hold else -1
    left, before = np.zeros(begun.left.size), np.empty_like(d)
    left[begun.lanes] = begun.left[begun.lanes]
    mass, sweep = np.empty_like(left), begun.sweeps
    while left.max() > goal and sweep < most:
        sweep += 1
        mass[:] = np.repeat(np.where(left.reshape(-1, width).max(axis=1) > goal, 1.0, 0.0), width)
        if stretch := sweep % STRETCH == 0:
            before[:] = d
        if sweep == 1 and not hold:
            kernels.begin_lanes(*rows, start, weight, d, h, mass)
        else:
            kernels.sweep_lanes(*rows, held, weight, d, h, mass)
        if stretch:
            kernels.stretch_lanes(before, weight, d, h, mass)
        if sweep == 1 and hold:
            d[np.arange(start.size) // width * n + start, np.arange(start.size) % width] = 0.0
        running = left > goal
        left[running] = mass[running]
        told(float(left.max()))
    return replace(begun, left=left, sweeps=sweep)


def _check_end(sums: Sums, what: str, goal: float) -> None:
    if (left := sums.left[sums.lanes]).max() > goal:
        raise unfinished(what, left, goal, sums.sweeps)


def _residual(
    rows: Rows, h: F8Array, start: NDArray[np.int32], weight: F8Array, *, hold: bool
) -> tuple[F8Array, F8Array]:
    nobody = np.full(start.size, -1, np.int32)
    held, source = (start, nobody) if hold else (nobody, start)
    return kernels.residual_lanes(*rows, held, source, weight, h)


def unfinished(what: str, left: F8Array, goal: float, sweeps: int) -> ConvergenceError:
    """The error for sums over chains that don't end."""
    return ConvergenceError(
        f"After {sweeps:,} sweeps over the chains {what}, {left.max():.3g} of chain mass is still on its way "
        f"(wanted: {goal:.3g}). Hardly anything leaves the circles of dependence here.",
        hint="give the outside options (external_cost, or leak=0.01), ask for feedback=False, or a larger tol",
    )


def rounded(error: float, tol: float, length: float) -> ConvergenceError:
    """The error for a ``tol`` that float64 doesn't carry."""
    return ConvergenceError(
        f"Chains are {length:.3g} ties long on average: float64 carries the result to {error:.1g} only, not to "
        f"tol={tol:.1g}.",
        hint=f"ask for tol={10 * error:.0e}, give the outside options (external_cost, leak=), or feedback=False",
    )
