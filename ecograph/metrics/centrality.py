"""Who is central by what flows: PageRank, Katz, hubs and authorities, eigenvector, over the tie graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ecograph.cpu import centrality as kernels
from ecograph.cpu.components import strong_components
from ecograph.cpu.lines import zeros
from ecograph.cpu.slices import LANES, slices
from ecograph.device import check_memory
from ecograph.ecosystem import Ecosystem
from ecograph.errors import ConvergenceError, EcographError
from ecograph.metrics import centrality_gpu as gpu
from ecograph.metrics.tie_graph import Rows, TieGraph, spread, tie_graph
from ecograph.progress import Progress, track

__all__ = ["eigenvector_centrality", "hits", "katz_centrality", "pagerank"]

Vector = Mapping[str, float]


def pagerank(
    eco: Ecosystem,
    *,
    alpha: float = 0.85,
    personalization: Vector | Sequence[Vector] | None = None,
    max_iter: int = 10_000,
    tol: float = 1e-10,
    nstart: Vector | None = None,
    weight: str | None = "weight",
    dangling: Vector | None = None,
    reverse: bool = False,
    layer: str | None = None,
    relation_weights: Mapping[str, float] | None = None,
    normalise: str | None = None,
    device: str = "auto",
    progress: Progress = None,
) -> NDArray[np.float64]:
    r"""PageRank of every participant; ``networkx.pagerank`` with the same names.

    .. math:: x_j = \alpha \Big(\sum_i x_i \frac{w_{ij}}{out_i} + d_j \sum_{i: out_i = 0} x_i\Big) + (1 - \alpha) r_j

    Parameters
    ----------
    eco : the ecosystem, or a view of it; only ties of weight > 0 that are no self-ties count, parallel ones added up.
    alpha : damping, in [0, 1).
    personalization : r by id, scaled to sum 1, 0 for who isn't named; None: everyone the same. A sequence of such
        dicts is solved together, one lane each.
    max_iter : steps before giving up.
    tol : largest error of the result, summed over participants. (NetworkX stops where the *change* of a step falls
        below n * tol.)
    nstart : where to start, by id; the result is the same within ``tol``.
    weight : "weight", or None: every arrow counts 1.
    dangling : d by id, where a walk goes on from participants without arrows out; None: r.
    reverse : True for the dependence graph, receiver -> provider; False takes provider -> receiver, as stored.
    layer, relation_weights, normalise : as for ``reliance``.
    device : "auto", "cpu" or "gpu": docs/gpu.md says when "auto" takes a device.
    progress : True for a bar, or a callable of (label, done, total).

    Returns
    -------
    (n,) float64, in the order of ``eco.ids``, or (n, lanes) for a sequence. In [0, 1]; each lane sums to 1.

    Raises
    ------
    WindowError : no tie of the view counts.
    UnitError : the relations have different units and nothing says how to join them.
    ParticipantError : an id that isn't there.
    ConvergenceError : ``tol`` isn't reached in ``max_iter`` steps.
    DeviceError : ``device="gpu"`` without one; the device failed.
    EcographError : an impossible value of a parameter.

    Notes
    -----
    A step shrinks differences by alpha, so that the error is at most alpha / (1 - alpha) times the last change: that is
    what stops, besides rounding, (k + 8) u / (1 - alpha) for k arrows into a participant, u = 2**-53.
    O(steps * (arrows + n) * lanes) time, 40 bytes a participant and lane.

    Examples
    --------
    >>> eco = Ecosystem.from_ties({"provider": ["a", "b"], "receiver": ["o", "o"], "weight": [3, 1]})
    >>> round(float(pagerank(eco, alpha=0.5)[eco.row_of("o")]), 9)  # o = o / 3 + 1 / 3
    0.5

    References
    ----------
    .. [1] L. Page, S. Brin, R. Motwani, T. Winograd, "The PageRank Citation Ranking" (1999).
    """
    _check(max_iter, tol)
    if not 0.0 <= alpha < 1.0:
        raise EcographError(f"alpha={alpha} isn't in [0, 1).", hint="alpha=0.85")
    graph = tie_graph(eco, weight=weight, reverse=reverse, layer=layer, relation_weights=relation_weights,
                      normalise=normalise)  # fmt: skip
    single = personalization is None or isinstance(personalization, Mapping)
    restart = _lanes(eco, personalization)
    dangle = restart if dangling is None else np.repeat(spread(eco, dangling, "dangling")[:, None], restart.shape[1], 1)
    start = restart if nstart is None else np.repeat(spread(eco, nstart, "nstart")[:, None], restart.shape[1], 1)
    if gpu.on_gpu("pagerank", device, graph.n, graph.into.column.size, restart.shape[1] + (dangling is not None)):
        with track(progress, "pagerank", float(-np.log10(tol))) as tick:
            start, error, steps = gpu.pagerank(
                graph, _unit_of(graph, weight is not None), restart, None if dangling is None else dangle[:, :1], alpha,
                tol, max_iter, _towards(tick, tol),
            )  # fmt: skip
        if error <= tol:
            return start[:, 0].copy() if single else start
        max_iter = max(1, max_iter - steps)
    x = _walk(graph, weight is not None, restart, dangle, start, alpha, max_iter, tol, progress)
    return x[:, 0].copy() if single else x


def _lanes(eco: Ecosystem, personalization: Vector | Sequence[Vector] | None) -> NDArray[np.float64]:
    n = len(eco)
    if personalization is None:
        return np.full((n, 1), 1.0 / n)
    given = [personalization] if isinstance(personalization, Mapping) else personalization
    if not given:
        raise EcographError("personalization is empty.", hint="give a dict by id, a sequence of them, or None")
    check_memory(40 * n * len(given), "the lanes of pagerank", "give fewer personalization vectors at a time")
    lanes = np.empty((n, len(given)))
    for k, vector in enumerate(given):
        lanes[:, k] = spread(eco, vector, "personalization")
    return lanes


def _unit_of(graph: TieGraph, weighted: bool) -> float:
    """So that 1 / out is finite, whatever the unit."""
    return float(0.5 ** np.frexp(graph.into.amount.max())[1]) if weighted else 1.0


def _towards(tick: Callable[[float], None], tol: float) -> Callable[[float], None]:
    return lambda left: tick(float(-np.log10(max(left, tol))))


def _walk(
    graph: TieGraph,
    weighted: bool,
    restart: NDArray[np.float64],
    dangle: NDArray[np.float64],
    start: NDArray[np.float64],
    alpha: float,
    max_iter: int,
    tol: float,
    progress: Progress,
) -> NDArray[np.float64]:
    """Steps on x * scale, x's part for one unit of weight out: what is gathered then needs no share an arrow."""
    unit = _unit_of(graph, weighted)
    out = kernels.row_sums(graph.out.ptr, graph.out.amount * unit)
    ends, lanes = out == 0.0, restart.shape[1]
    rows = slices(graph.into.ptr, graph.into.column, graph.into.amount * unit if weighted else None, lanes)
    scale, flags = rows.spread(1.0 / np.where(ends, 1.0, out), 1.0), rows.spread(ends.astype(np.uint8))
    again, given = (1.0 - alpha) * rows.to_lanes(restart), rows.to_lanes(dangle)
    y = rows.to_lanes(start)
    y *= np.tile(scale, -(-lanes // LANES))[:, None]  # in place: a new array would begin anywhere
    new = zeros(*y.shape)
    held = np.zeros(y.size // rows.slots)
    held[:lanes] = start[ends].sum(axis=0)
    with track(progress, "pagerank", float(-np.log10(tol))) as tick:
        for _ in range(max_iter):
            change, held = kernels.pagerank_step(rows, scale, flags, again, given, held, alpha, y, new)
            y, new = new, y
            error = alpha / (1.0 - alpha) * float(change.max())
            tick(float(-np.log10(max(error, tol))))
            if error <= tol:
                x: NDArray[np.float64] = rows.from_lanes(y, lanes) / scale[rows.slot][:, None]
                return x
    raise _unfinished("pagerank", max_iter, error, tol)


def katz_centrality(
    eco: Ecosystem,
    *,
    alpha: float = 0.1,
    beta: float | Vector = 1.0,
    max_iter: int = 10_000,
    tol: float = 1e-10,
    normalized: bool = True,
    weight: str | None = None,
    reverse: bool = False,
    layer: str | None = None,
    relation_weights: Mapping[str, float] | None = None,
    normalise: str | None = None,
    device: str = "auto",
    progress: Progress = None,
) -> NDArray[np.float64]:
    r"""Katz centrality of every participant; ``networkx.katz_centrality`` with the same names.

    .. math:: x_j = \alpha \sum_i x_i w_{ij} + \beta_j

    Parameters
    ----------
    eco : the ecosystem, or a view of it; only ties of weight > 0 that are no self-ties count, parallel ones added up.
    alpha : what a step of a walk counts, >= 0 and below 1 / (largest eigenvalue of w).
    beta : a number > 0, or numbers >= 0 by id, 0 for who isn't named.
    max_iter : steps before giving up.
    tol : largest relative error of each value before ``normalized``, after which it is at most twice that.
    normalized : divide by the Euclidean norm.
    weight : "weight", or None (as in NetworkX): every arrow counts 1.
    reverse : True for the dependence graph, receiver -> provider; False takes provider -> receiver, as stored.
    layer, relation_weights, normalise : as for ``reliance``.
    device : "auto", "cpu" or "gpu": docs/gpu.md says when "auto" takes a device.
    progress : True for a bar, or a callable of (label, done, total).

    Returns
    -------
    (n,) float64, in the order of ``eco.ids``; > 0 where ``beta`` is, and 0 where no walk from such a place leads.

    Raises
    ------
    WindowError : no tie of the view counts.
    UnitError : the relations have different units and nothing says how to join them.
    ConvergenceError : the walks don't add up: ``alpha`` is too large, or ``max_iter`` too small.
    DeviceError : ``device="gpu"`` without one; the device failed.
    EcographError : an impossible value of a parameter.

    Notes
    -----
    Sums the walks by length from below. Where S is the sum over a stretch of s lengths that begins with D and ends
    with d <= m D, m < 1, all later ones add up to at most m / (1 - m) S: that is what stops. A graph without circles
    ends exactly. O(steps * arrows) time.

    Examples
    --------
    >>> eco = Ecosystem.from_ties({"provider": ["a", "b"], "receiver": ["b", "c"], "weight": [1, 1]})
    >>> x = katz_centrality(eco, alpha=0.5, normalized=False)
    >>> [float(x[eco.row_of(id)]) for id in "abc"]
    [1.0, 1.5, 1.75]

    References
    ----------
    .. [1] L. Katz, "A new status index derived from sociometric analysis", Psychometrika 18 (1953), 39.
    """
    _check(max_iter, tol)
    if not 0.0 <= alpha < np.inf:
        raise EcographError(f"alpha={alpha} isn't a number >= 0.", hint="alpha=0.1")
    graph = tie_graph(eco, weight=weight, reverse=reverse, layer=layer, relation_weights=relation_weights,
                      normalise=normalise)  # fmt: skip
    given = graph.into, alpha, _sources(eco, beta), max_iter, tol, progress
    there = gpu.on_gpu("katz_centrality", device, graph.n, graph.into.column.size)
    x = _walks_on_gpu(*given) if there else _sum_walks(*given)
    return x / np.sqrt((x * x).sum()) if normalized else x


def _sources(eco: Ecosystem, beta: float | Vector) -> NDArray[np.float64]:
    if isinstance(beta, Mapping):
        values = np.array(list(beta.values()), np.float64)
        out = np.zeros(len(eco))
        out[eco.rows_of(list(beta))] = values
    else:
        out = np.full(len(eco), float(beta))
    if not (np.isfinite(out).all() and (out >= 0).all() and (out > 0).any()):
        raise EcographError("beta needs a number > 0, or numbers >= 0 by id, one of them > 0.", hint="beta=1.0")
    return out


def _sum_walks(
    into: Rows, alpha: float, beta: NDArray[np.float64], max_iter: int, tol: float, progress: Progress
) -> NDArray[np.float64]:
    x, d, since, error = beta.copy(), beta, np.zeros_like(beta), np.inf
    begun, mark = beta, 1
    with track(progress, "walks", float(-np.log10(tol))) as tick, np.errstate(over="ignore", invalid="ignore"):
        for step in range(1, max_iter + 1):
            d = alpha * kernels.pull(into.ptr, into.column, into.amount, d)
            x += d
            since += d
            if not np.isfinite(x).all():
                break
            m = _rate(begun, d)
            if m < 1.0:
                error = float((m / (1.0 - m) * since / np.where(x > 0.0, x, 1.0)).max())
                tick(float(-np.log10(max(error, tol))))
                if error <= tol:
                    return x
            if step == mark:
                begun, mark = d, 2 * mark
                since[:] = 0.0
    raise _endless(step, alpha, tol)


def _walks_on_gpu(
    into: Rows, alpha: float, beta: NDArray[np.float64], max_iter: int, tol: float, progress: Progress
) -> NDArray[np.float64]:
    with track(progress, "walks", float(-np.log10(tol))) as tick:
        x, error, steps = gpu.walks(into.ptr, into.column, into.amount, alpha, beta, tol, max_iter, _towards(tick, tol))
    if error > tol or not np.isfinite(x).all():
        raise _endless(steps, alpha, tol)
    return x


def _endless(steps: int, alpha: float, tol: float) -> ConvergenceError:
    return ConvergenceError(
        f"After {steps:,} steps the walks of katz_centrality at alpha={alpha} haven't added up to tol={tol:.1g}.",
        hint="alpha has to be below 1 / (largest eigenvalue of the ties): take a smaller alpha, or a larger max_iter",
    )


def _rate(begun: NDArray[np.float64], d: NDArray[np.float64]) -> float:
    """The smallest m with d <= m * begun in every row; infinite where there is none."""
    there = begun > 0.0
    if (d[~there] > 0.0).any():
        return float("inf")
    return float((d[there] / begun[there]).max(initial=0.0))


def hits(
    eco: Ecosystem,
    *,
    max_iter: int = 10_000,
    tol: float = 1e-10,
    nstart: Vector | None = None,
    normalized: bool = True,
    weight: str | None = "weight",
    reverse: bool = False,
    layer: str | None = None,
    relation_weights: Mapping[str, float] | None = None,
    normalise: str | None = None,
    device: str = "auto",
    progress: Progress = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    r"""Hubs and authorities; ``networkx.hits`` with the same names.

    .. math:: a_j \propto \sum_i w_{ij} h_i, \qquad h_i \propto \sum_j w_{ij} a_j

    Parameters
    ----------
    eco : the ecosystem, or a view of it; only ties of weight > 0 that are no self-ties count, parallel ones added up.
    max_iter : steps before giving up.
    tol : stop where a step changes the hubs by this much, summed over participants.
    nstart : hubs to start from, by id; matters only where the first singular value occurs more than once.
    normalized : values sum to 1; False: the largest is 1.
    weight : "weight", or None: every arrow counts 1.
    reverse : True for receiver -> provider: hubs and authorities change places.
    layer, relation_weights, normalise : as for ``reliance``.
    device : "auto", "cpu" or "gpu": docs/gpu.md says when "auto" takes a device.
    progress : True for a bar, or a callable of (label, done, total).

    Returns
    -------
    Two (n,) float64 in [0, 1], hubs and authorities, in the order of ``eco.ids``: the first left and right singular
    vectors of w, reached from equal values. Hubs are those who provide to good authorities.

    Raises
    ------
    WindowError : no tie of the view counts.
    UnitError : the relations have different units and nothing says how to join them.
    ConvergenceError : ``tol`` isn't reached in ``max_iter`` steps: the two first singular values are nearly the same.
    DeviceError : ``device="gpu"`` without one; the device failed.
    EcographError : an impossible value of a parameter.

    Notes
    -----
    Power method, O(steps * arrows) time. With q < 1 the square of the ratio of the second singular value to the
    first, the error is about tol * q / (1 - q).

    Examples
    --------
    >>> eco = Ecosystem.from_ties({"provider": ["a", "a", "b"], "receiver": ["x", "y", "y"], "weight": [1, 1, 1]})
    >>> hubs, authorities = hits(eco)
    >>> round(float(hubs[eco.row_of("a")] / hubs[eco.row_of("b")]), 6)  # the golden ratio
    1.618034

    References
    ----------
    .. [1] J. M. Kleinberg, "Authoritative sources in a hyperlinked environment", J. ACM 46 (1999), 604.
    """
    _check(max_iter, tol)
    graph = tie_graph(eco, weight=weight, reverse=reverse, layer=layer, relation_weights=relation_weights,
                      normalise=normalise)  # fmt: skip
    h = np.full(graph.n, 1.0 / graph.n) if nstart is None else spread(eco, nstart, "nstart")
    with track(progress, "hits", float(-np.log10(tol))) as tick:
        steps = 0
        if gpu.on_gpu("hits", device, graph.n, graph.into.column.size, copies=2):
            h, steps = gpu.hub_scores(graph, h, tol, max_iter, _towards(tick, tol))
        for _ in range(max(1, max_iter - steps)):
            a = _unit(kernels.pull(graph.into.ptr, graph.into.column, graph.into.amount, h))
            new = _unit(kernels.pull(graph.out.ptr, graph.out.column, graph.out.amount, a))
            change = float(np.abs(new - h).sum())
            h = new
            tick(float(-np.log10(max(change, tol))))
            if change <= tol:
                return (h, a) if normalized else (h / h.max(), a / a.max())
    raise _unfinished("hits", max_iter, change, tol)


def _unit(values: NDArray[np.float64]) -> NDArray[np.float64]:
    total = float(values.sum())
    if not total > 0.0:
        raise EcographError("nstart names nobody with an arrow out.", hint="leave nstart= out")
    shares: NDArray[np.float64] = values / total
    return shares


def eigenvector_centrality(
    eco: Ecosystem,
    *,
    max_iter: int = 10_000,
    tol: float = 1e-10,
    nstart: Vector | None = None,
    weight: str | None = None,
    reverse: bool = False,
    layer: str | None = None,
    relation_weights: Mapping[str, float] | None = None,
    normalise: str | None = None,
    device: str = "auto",
    progress: Progress = None,
) -> NDArray[np.float64]:
    r"""Eigenvector centrality of every participant; ``networkx.eigenvector_centrality`` with the same names.

    .. math:: \lambda x_j = \sum_i w_{ij} x_i, \qquad \lambda > 0 \text{ the largest}, \quad \lVert x \rVert_2 = 1

    Parameters
    ----------
    eco : the ecosystem, or a view of it; only ties of weight > 0 that are no self-ties count, parallel ones added up.
    max_iter : steps before giving up.
    tol : stop where the Euclidean norm of w'x - lambda x is at most tol * lambda.
    nstart : where to start, by id; matters only where several parts of the graph share the largest lambda.
    weight : "weight", or None (as in NetworkX): every arrow counts 1.
    reverse : True for the dependence graph, receiver -> provider; False takes provider -> receiver, as stored.
    layer, relation_weights, normalise : as for ``reliance``.
    device : "auto", "cpu" or "gpu": docs/gpu.md says when "auto" takes a device.
    progress : True for a bar, or a callable of (label, done, total).

    Returns
    -------
    (n,) float64 in [0, 1], in the order of ``eco.ids``. Unique where every participant reaches every other.

    Raises
    ------
    WindowError : no tie of the view counts.
    UnitError : the relations have different units and nothing says how to join them.
    ConvergenceError : ``tol`` isn't reached in ``max_iter`` steps.
    DeviceError : ``device="gpu"`` without one; the device failed.
    EcographError : an impossible value of a parameter; or a graph without circles, where the only eigenvalue is 0.

    Notes
    -----
    Power method on w' + lambda: circles of even length don't make it swing, and the unit of w cancels. O(steps *
    arrows) time. The error is about the residual over the gap between the first and the second eigenvalue.

    Examples
    --------
    >>> eco = Ecosystem.from_ties({"provider": ["a", "b"], "receiver": ["b", "a"], "weight": [1, 4]})
    >>> x = eigenvector_centrality(eco, weight="weight")
    >>> round(float(x[eco.row_of("a")] / x[eco.row_of("b")]), 6)  # 2 a = 4 b
    2.0

    References
    ----------
    .. [1] P. Bonacich, "Power and centrality: a family of measures", Am. J. Sociology 92 (1987), 1170.
    """
    _check(max_iter, tol)
    graph = tie_graph(eco, weight=weight, reverse=reverse, layer=layer, relation_weights=relation_weights,
                      normalise=normalise)  # fmt: skip
    component = strong_components(graph.out.ptr, graph.out.column, np.arange(graph.n), -1)[1]
    if component.max() == graph.n - 1:
        raise EcographError(
            "No arrow of these ties lies on a circle: there is no eigenvalue above 0, and no eigenvector centrality.",
            hint="pagerank and katz_centrality are made for that",
        )
    x = np.full(graph.n, 1.0) if nstart is None else spread(eco, nstart, "nstart")
    x = x / _norm(x)
    error = np.inf
    with track(progress, "eigenvector", float(-np.log10(tol))) as tick:
        steps = 0
        if gpu.on_gpu("eigenvector_centrality", device, graph.n, graph.into.column.size):
            x, steps = gpu.eigenvector(graph, x, tol, max_iter, _towards(tick, tol))
            x /= _norm(x)
        for _ in range(max(1, max_iter - steps)):
            y = kernels.pull(graph.into.ptr, graph.into.column, graph.into.amount, x)
            value = float((x * y).sum())
            if value > 0.0:
                error = _norm(y - value * x) / value
                tick(float(-np.log10(max(error, tol))))
                if error <= tol:
                    return x
            x = y + (value or _norm(y) or 1.0) * x
            x /= _norm(x)
    raise _unfinished("eigenvector_centrality", max_iter, error, tol)


def _norm(x: NDArray[np.float64]) -> float:
    return float(np.sqrt((x * x).sum()))  # not BLAS, whose sums depend on its threads


def _check(max_iter: int, tol: float) -> None:
    if max_iter < 1:
        raise EcographError(f"max_iter={max_iter} is less than one step.", hint="leave max_iter= out")
    if not 1e-14 <= tol <= 0.1:
        raise EcographError(f"tol={tol} isn't in [1e-14, 0.1].", hint="tol=1e-10")


def _unfinished(what: str, steps: int, left: float, tol: float) -> ConvergenceError:
    return ConvergenceError(
        f"After {steps:,} steps {what} is {left:.1g} away from where it may stop, which is {tol:.1g}.",
        hint="take a larger tol= or max_iter=",
    )
