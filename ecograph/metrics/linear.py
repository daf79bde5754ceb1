"""What linear chains say of every participant at once: closures, extraction, totals, removal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ecograph.cpu.centrality import pull
from ecograph.device import check_memory
from ecograph.ecosystem import Ecosystem
from ecograph.errors import ConvergenceError, EcographError
from ecograph.html import quoted
from ecograph.metrics import chains
from ecograph.metrics.cascade import Weights, weights_of
from ecograph.metrics.cascade_network import Built, build
from ecograph.metrics.centrality_gpu import on_gpu, walks
from ecograph.metrics.components import components
from ecograph.metrics.lenses import Reach
from ecograph.metrics.operator import Dependence, dependence
from ecograph.progress import Progress, track

__all__ = ["counterfactual_visits", "esri_linear", "hypothetical_extraction", "leontief_totals"]

F8Array = NDArray[np.float64]
MOST = 100_000  # steps of a sum over chains
STRETCH = 16  # steps between two looks at the rate


def esri_linear(
    eco: Ecosystem,
    *,
    weights: Weights | None = None,
    layer: str | None = None,
    relation_weights: Mapping[str, float] | None = None,
    normalise: str | None = None,
    tol: float = 1e-10,
    device: str = "auto",
    progress: Progress = None,
) -> pl.DataFrame:
    r"""The systemic risk index of all closures in closed form, channel by channel.

    .. math:: up_k = \frac{(v'N)_k}{N_{kk} \sum_i v_i}, \quad N = (I - L^u)^{-1}; \qquad down_k \text{ with } P

    Parameters
    ----------
    eco : the ecosystem, or a view of it.
    weights : v, as for ``esri``.
    layer, relation_weights, normalise : as for ``esri``.
    tol : largest absolute error of a value, in [1e-14, 0.1].
    device : "auto", "cpu" or "gpu": docs/gpu.md says when "auto" takes a device.
    progress : True for a bar, or a callable of (label, done, total).

    Returns
    -------
    pl.DataFrame
        One row a participant closed, in the order of ``eco.ids``: id, total (null: it has no closed form), down, up in
        [0, 1]. ``up`` is ``esri``'s for any essentiality and substitution; ``down`` that with all inputs linear and
        ``substitution="off"``. Members of a closed class get the weighted chance that a chain enters it.

    Raises
    ------
    WindowError, UnitError, DeviceError, EcographError : as for ``esri``.
    ConvergenceError : ``tol`` can't be reached.

    Notes
    -----
    O(sweeps * ties) for every 32 participants on circles; those on none come from one sum. 768 bytes a participant.

    Examples
    --------
    >>> ties = {"provider": ["a", "a", "b"], "receiver": ["b", "c", "d"], "weight": [1, 1, 2]}
    >>> esri_linear(Ecosystem.from_ties(ties)).sort("id").select("id", "down", "up").rows()
    [('a', 1.0, 0.5), ('b', 0.5, 0.75), ('c', 0.0, 0.25), ('d', 0.0, 0.75)]

    References
    ----------
    .. [1] C. Diem et al., as for ``esri``; [2] Kemeny and Snell, "Finite Markov Chains" (1960), theorem 3.5.7.
    """
    _check(tol)
    built = build(eco, None, layer, relation_weights, normalise)
    share = weights_of(eco, weights, built.out)
    p = dependence(eco, layer=layer, relation_weights=relation_weights, normalise=normalise)
    up, down = (_closures(operator, share, tol, device, progress) for operator in (built.sells, p))
    return pl.DataFrame(
        {"id": eco.ids, "total": pl.Series([None] * len(eco), dtype=pl.Float64), "down": down, "up": up}
    )


def hypothetical_extraction(
    eco: Ecosystem,
    *,
    layer: str | None = None,
    relation_weights: Mapping[str, float] | None = None,
    normalise: str | None = None,
    tol: float = 1e-10,
    device: str = "auto",
    progress: Progress = None,
) -> F8Array:
    r"""Output that is lost when each participant is extracted: its row, its column and its demand removed.

    .. math:: \frac{(1'L)_k x_k}{L_{kk}}, \qquad L = (I - A)^{-1}, \quad A_{ij} = W_{ij} / x_j

    with x_j = out_j + external_demand_j.

    Parameters
    ----------
    eco : the ecosystem, or a view of it.
    layer, relation_weights, normalise : as for ``reliance``.
    tol : largest error, as a share of all output, in [1e-14, 0.1].
    device : "auto", "cpu" or "gpu": docs/gpu.md says when "auto" takes a device.
    progress : True for a bar, or a callable of (label, done, total).

    Returns
    -------
    (n,) float64 in the order of ``eco.ids``, in the unit of the amounts, between x_k and the sum of x.

    Raises
    ------
    WindowError, UnitError, DeviceError, EcographError, ConvergenceError : as for ``esri_linear``.

    Notes
    -----
    L = X N X^-1 with N = (I - Lu)^-1, so this is sum_i x_i N_ik / N_kk: ``esri_linear``'s up by weights x, times their
    sum, at the same cost; likewise in closed classes, where L doesn't exist.

    Examples
    --------
    a sells 1 to b and 1 to c, b sells 2 to d; without b its 2 are lost, and what a sold to it:

    >>> eco = Ecosystem.from_ties({"provider": ["a", "a", "b"], "receiver": ["b", "c", "d"], "weight": [1, 1, 2]})
    >>> dict(zip(eco.ids, hypothetical_extraction(eco).tolist()))["b"]
    3.0

    References
    ----------
    .. [1] R. E. Miller, M. L. Lahr, "A taxonomy of extractions" (2001).
    """
    _check(tol)
    built = build(eco, None, layer, relation_weights, normalise)
    total = float(built.revenue.sum())
    lost: F8Array = total * _closures(built.sells, built.revenue / total, tol, device, progress)
    return lost


def leontief_totals(
    eco: Ecosystem,
    final_demand: Mapping[str, float] | Sequence[float] | F8Array | None = None,
    *,
    layer: str | None = None,
    relation_weights: Mapping[str, float] | None = None,
    normalise: str | None = None,
    tol: float = 1e-10,
    device: str = "auto",
    progress: Progress = None,
) -> F8Array:
    r"""Output that each participant needs for a given final demand.

    .. math:: x = L f, \qquad L = (I - A)^{-1}, \quad A_{ij} = W_{ij} / (out_j + external\_demand_j)

    A's column of a participant that puts nothing out is 0.

    Parameters
    ----------
    eco : the ecosystem, or a view of it.
    final_demand : f, by id (others 0) or in the order of ``eco.ids``, numbers >= 0 in the unit of the amounts; None:
        what is missing, each one's output less its sales to participants that put something out themselves.
    layer, relation_weights, normalise : as for ``reliance``.
    tol : largest relative error of a value, in [1e-14, 0.1].
    device : "auto", "cpu" or "gpu": docs/gpu.md says when "auto" takes a device.
    progress : True for a bar, or a callable of (label, done, total).

    Returns
    -------
    (n,) float64 >= f, in the order of ``eco.ids`` and the unit of f. With the default f it is out + external_demand,
    but 0 in closed classes, of which nothing is asked.

    Raises
    ------
    EcographError : f isn't made of numbers >= 0, or asks for output of a closed class, where the sum diverges.
    ConvergenceError : ``tol`` can't be reached.
    WindowError, UnitError, DeviceError : as for ``reliance``.

    Notes
    -----
    Steps add f + A f + A^2 f + ...; where a stretch of them begins with D, ends with d <= m D and adds up to S, the
    rest is at most m / (1 - m) S. O(steps * ties).

    Examples
    --------
    For 2 outside, b takes 1 of a:

    >>> people = {"id": ["a", "b"], "external_demand": [0.0, 2.0]}
    >>> eco = Ecosystem.from_ties({"provider": ["a"], "receiver": ["b"], "weight": [1.0]}, people)
    >>> sorted(zip(eco.ids, leontief_totals(eco, {"b": 6.0}).tolist()))
    [('a', 3.0), ('b', 6.0)]

    References
    ----------
    .. [1] W. Leontief, Review of Economics and Statistics 18 (1936), 105.
    """
    _check(tol)
    built = build(eco, None, layer, relation_weights, normalise)
    f = _missing(built) if final_demand is None else _demand(eco, final_demand)
    if (asked := (f > 0) & built.closed).any():
        some = eco.ids.filter(pl.Series(asked))[:3].to_list()
        raise EcographError(
            f"Final demand asks for output of {quoted(some)}, who sell to each other only: no output is enough.",
            hint="give external_demand to one of them, or leave them out of final_demand",
        )
    makes = built.revenue > 0
    need = np.divide(f, built.revenue, out=np.zeros_like(f), where=makes)
    return np.where(makes, built.revenue * _sum(built.sells, need, tol, device, progress), f)


def counterfactual_visits(
    eco: Ecosystem,
    conductor: str,
    removed: Sequence[str],
    *,
    layer: str | None = None,
    relation_weights: Mapping[str, float] | None = None,
    normalise: str | None = None,
    leak: float = 0.0,
    tol: float = 1e-10,
    device: str = "auto",
    progress: Progress = None,
) -> F8Array:
    r"""How often chains of dependence from a conductor pass everyone, when one participant is out.

    .. math:: N^{(k)}_{oj} = N_{oj} - N_{ok} N_{kj} / N_{kk}, \qquad N = (I - P)^{-1}

    Parameters
    ----------
    eco : the ecosystem, or a view of it.
    conductor : o.
    removed : each k, one at a time; not the conductor.
    layer, relation_weights, normalise, leak : as for ``reliance``.
    tol : residual of each sum over chains, in [1e-14, 0.1]; errors are at most about 4 tol times the largest N_jj.
    device : "auto", "cpu" or "gpu": docs/gpu.md says when "auto" takes a device.
    progress : True for a bar, or a callable of (label, done, total).

    Returns
    -------
    (number removed, n) float64, rows in the order of ``removed``, columns in that of ``eco.ids``; >= 0, 0 at k, and
    N_o. itself where o never needs k. What k gave is lost: shares of the others do not grow.

    Raises
    ------
    ParticipantError : no such participant.
    EcographError : the conductor is to be removed, or depends on a closed class: N doesn't exist there.
    ConvergenceError, WindowError, UnitError, DeviceError : as for ``reliance``.

    Notes
    -----
    Two more sums over chains for each k: O(sweeps * ties) each.

    Examples
    --------
    o buys 3 from a and 1 from b, who both buy from c: without a, c is needed for the quarter of b.

    >>> ties = {"provider": ["a", "b", "c", "c"], "receiver": ["o", "o", "a", "b"], "weight": [3, 1, 1, 1]}
    >>> eco = Ecosystem.from_ties(ties)
    >>> dict(zip(eco.ids, counterfactual_visits(eco, "o", ["a"])[0].tolist()))["c"]
    0.25

    References
    ----------
    .. [1] J. Sherman, W. J. Morrison, Annals of Mathematical Statistics 21 (1950), 124.
    """
    _check(tol)
    o, rows, n = eco.row_of(conductor), eco.rows_of(list(removed)), len(eco)
    if (rows == o).any():
        raise EcographError(f"{quoted([conductor])} is the conductor and can't be removed.", hint="leave it out")
    check_memory(8 * n * rows.size, "the visits", "ask for fewer at a time")
    p = dependence(eco, layer=layer, relation_weights=relation_weights, normalise=normalise, leak=leak)
    found = components(p, np.array([o]))
    there = chains.choose_device(device, p, found.order, 1).device == "gpu"
    if found.closed.any():
        raise EcographError(
            f"{quoted([conductor])} depends on a closed class: chains in it never end, and N doesn't exist.",
            hint="give external_cost to one of its members, or leak=0.01",
        )
    graph = chains.compact(p, found, on_gpu=there)
    base = chains.visits(graph, tol, progress=progress)
    out = np.tile(_spread(base.x, graph, n), (rows.size, 1))
    for line, k in zip(out, rows, strict=True):
        if graph.node[k] >= 0:
            beyond = chains.compact(p, components(p, np.array([k])), on_gpu=there)
            low, _, _ = chains.hitting(graph, base, graph.node[[k]], max(tol, 4 * (base.over + base.under)))
            line -= low[0] * _spread(chains.visits(beyond, tol).x, beyond, n)
            line[k] = 0.0
    return np.maximum(out, 0.0)


def _check(tol: float) -> None:
    if not 1e-14 <= tol <= 0.1:
        raise EcographError(f"tol={tol} isn't in [1e-14, 0.1].", hint="tol=1e-10")


def _spread(x: F8Array, graph: chains.Graph, n: int) -> F8Array:
    """Values by node as values by participant, 0 where no chain gets."""
    out = np.zeros(n)
    there = graph.node >= 0
    out[there] = x[graph.node[there]]
    return out


def _closures(operator: Dependence, share: F8Array, tol: float, device: str, progress: Progress) -> F8Array:
    """sum_i share_i N_ik / N_kk: the reach of one more participant, which depends on each by its share."""
    some = np.flatnonzero(share > 0).astype(np.int32)
    n = share.size
    whole = Dependence(
        np.append(operator.ptr, operator.ptr[-1] + some.size),
        np.concatenate([operator.provider, some]),
        np.concatenate([operator.value, share[some]]),
        np.append(operator.inflow, 1.0),
        np.append(operator.leaks, np.uint8(0)),
        operator.relations,
        np.append(operator.cost, 0.0),
        operator.keep,
        operator.factor,
    )
    found = components(whole, np.array([n]))
    rows = np.flatnonzero(found.component[:n] >= 0)
    out = np.zeros(n)
    there = chains.choose_device(device, whole, found.order, chains.BATCH).device == "gpu"
    out[rows] = Reach(whole, found, n, rows, tol, progress=progress, on_gpu=there).values(np.arange(rows.size)).low
    return out


def _missing(built: Built) -> F8Array:
    """What is sold outside the data, and to participants that put nothing out."""
    sells, revenue = built.sells, built.revenue
    ends = (revenue <= 0).astype(np.float64)
    left: F8Array = built.demand + revenue * pull(sells.ptr, sells.provider, sells.value, ends)
    return left


def _demand(eco: Ecosystem, given: Mapping[str, float] | Sequence[float] | F8Array) -> F8Array:
    if isinstance(given, Mapping):
        f = np.zeros(len(eco))
        f[eco.rows_of(list(given))] = list(given.values())
    else:
        f = np.array(given, np.float64)
    if f.shape != (len(eco),) or not (np.isfinite(f).all() and (f >= 0).all()):
        raise EcographError("final_demand isn't made of numbers >= 0, one a participant.", hint='{"id": 2.5}')
    return f


def _sum(operator: Dependence, start: F8Array, tol: float, device: str, progress: Progress) -> F8Array:
    """Start + Q start + Q^2 start + ..., each value to a relative ``tol``."""
    x, d, begun, since, error = start.copy(), start, start, np.zeros_like(start), np.inf
    with track(progress, "totals", float(-np.log10(tol))) as tick:
        if on_gpu("sums over chains", device, start.size, operator.provider.size):
            found, error, _ = walks(operator.ptr, operator.provider, operator.value, 1.0, start, tol, MOST,
                                    lambda left: tick(float(-np.log10(max(left, tol)))))  # fmt: skip
            if error <= tol:
                return found
            raise _endless(error, tol)
        for step in range(1, MOST + 1):
            d = pull(operator.ptr, operator.provider, operator.value, d)
            x += d
            since += d
            if not d.any():
                return x
            if step % STRETCH == 0:
                there = begun > 0.0
                m = np.inf if (d[~there] > 0.0).any() else float((d[there] / begun[there]).max(initial=0.0))
                if m < 1.0:
                    error = float((m / (1.0 - m) * since / np.where(x > 0.0, x, 1.0)).max())
                    tick(float(-np.log10(max(error, tol))))
                if error <= tol:
                    return x
                begun, since = d, np.zeros_like(start)
    raise _endless(error, tol)


def _endless(error: float, tol: float) -> ConvergenceError:
    return ConvergenceError(
        f"After {MOST:,} steps the totals are only known to {error:.1g} of their value (wanted: {tol:.1g}).",
        hint="hardly anything leaves some circle of sales: give external_demand, or ask for a larger tol",
    )
