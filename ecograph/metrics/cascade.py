"""How much is lost when a participant, or a part of one, goes: the cascade behind the systemic risk index ESRI."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import fsum
from typing import Any, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ecograph import __version__
from ecograph.cpu import cascade as kernels
from ecograph.device import Choice
from ecograph.ecosystem import Ecosystem
from ecograph.errors import EcographError
from ecograph.gpu.cascade import Held
from ecograph.metrics.cascade_network import Built, Essentiality, build
from ecograph.metrics.cascade_result import CascadeResult
from ecograph.metrics.cascade_run import (
    PUBLISHED_EPS,
    PUBLISHED_LIMIT,
    Closure,
    Lost,
    Shocks,
    cascades,
    check_rule,
    lost_by,
    name_of,
    pack,
    rule_of,
    where,
)
from ecograph.progress import Progress

__all__ = ["PUBLISHED_EPS", "Closure", "Weights", "cascade_loss", "eps_sensitivity", "esri", "weights_of"]

Weights: TypeAlias = Mapping[str, float] | Sequence[float] | NDArray[np.float64]


def esri(
    eco: Ecosystem,
    *,
    essentiality: Essentiality | None = None,
    substitution: str = "market",
    weights: Weights | None = None,
    layer: str | None = None,
    relation_weights: Mapping[str, float] | None = None,
    normalise: str | None = None,
    tol: float = 1e-8,
    reference: bool = False,
    device: str = "auto",
    progress: Progress = None,
) -> CascadeResult:
    r"""Economic systemic risk index: the share of all output that is lost when a participant closes.

    .. math:: ESRI_k = \sum_i v_i (1 - \min(h^d_i, h^u_i)) / \sum_i v_i

    with :math:`h^d` what is left of each capacity when losses run from providers to receivers (inputs fail),
    :math:`h^u` when they run back (customers fail), and v the weights. docs/metrics.md has the equations.

    Parameters
    ----------
    eco : the ecosystem, or a view of it. Columns used: group, market, external_cost, external_demand.
    essentiality : ``{(supplier's group, buyer's group): 0, 1 or 2}``: without a negligible input nothing is lost,
        without a linear one as much as its share of all inputs, without an essential one as much as its share of
        inputs of that group. Pairs left out are linear. A participant of null group goes by its id.
    substitution : "market": what others in the supplier's market (null: its group) still sell stands in for it;
        "off": nobody does.
    weights : v by participant, in the order of ``eco.ids`` or as ``{id: number}`` (others 0); None: what each sells.
    layer : "service" or "money": only relations of that layer; None: all.
    relation_weights, normalise : how amounts of different units are joined; as for ``reliance``.
    tol : rounds stop when no capacity changes by more, in [1e-15, 0.1].
    reference : True: the published rule to the letter. It stops at the largest decrease <= 1e-2, which isn't
        converged, and takes a market that offers <= 1e-10 for one that offers 1, so that the result depends on
        the unit of money. ``tol`` is then unused and there is no error bound.
    device : "auto", "cpu" or "gpu"; docs/gpu.md says when "auto" takes a device. Provenance has which, and why.
    progress : True for a bar, or a callable of (label, done, total).

    Returns
    -------
    CascadeResult
        ``table`` has one row a participant closed, in the order of ``eco.ids``: id, total, down and up (losses in
        [0, 1], that of the closed one counted: total >= max(down, up)), iterations, residual, error_bound.

    Raises
    ------
    WindowError : no tie of the view counts.
    UnitError : relations of different units and nothing that says how to join them.
    ConvergenceError : 100,000 rounds weren't enough.
    DeviceError : ``device="gpu"`` without one, or that fails.
    EcographError : an unknown or impossible value of a parameter; the message names the allowed ones.

    Notes
    -----
    Jacobi rounds from the state before. Capacities fall from round to round to the greatest fixed point.
    ``error_bound`` is a number b = 2^k tol for which the state lowered by b rises above itself within 16 rounds:
    then no capacity is more than b above its limit, up to rounding; 0 where the last round changed nothing.

    A round costs the ties of the rows one of whose inputs changed, and eight closures share each look at a tie.
    O(rounds * ties of the rows that the loss comes to) time for each closure at most; some 400 n bytes a thread.

    Examples
    --------
    a sells to b and c, b sells to d:

    >>> ties = {"provider": ["a", "a", "b"], "receiver": ["b", "c", "d"], "weight": [1, 1, 2]}
    >>> esri(Ecosystem.from_ties(ties)).table.sort("id").select("id", "total", "down", "up").rows()
    [('a', 1.0, 1.0, 0.5), ('b', 0.75, 0.5, 0.75), ('c', 0.25, 0.0, 0.25), ('d', 0.75, 0.0, 0.75)]

    References
    ----------
    .. [1] C. Diem, A. Borsos, T. Reisch, J. Kertesz, S. Thurner, "Quantifying firm-level economic systemic risk
       from nation-wide supply networks", Scientific Reports 12 (2022), 7719.
    """
    check_rule(substitution, tol)
    built = build(eco, essentiality, layer, relation_weights, normalise)
    rule = rule_of(substitution, reference, tol)
    shocks = Shocks(np.arange(len(eco) + 1), np.arange(len(eco), dtype=np.int32), np.zeros(len(eco)))
    weight = weights_of(eco, weights, built.out)
    chosen, held = where(device, built, shocks, "esri")
    columns = cascades(built, rule, shocks, weight, progress, held=held)
    parameters = _parameters(essentiality, substitution, layer, relation_weights, normalise, tol, reference, device)
    return CascadeResult(
        pl.DataFrame({"id": eco.ids, **columns}),
        _notes(built, shocks, reference, columns["residual"]),
        _provenance(eco, built, chosen, "ecograph.metrics.esri", parameters),
    )


def cascade_loss(
    eco: Ecosystem,
    closures: Iterable[Closure],
    conductor: str | None = None,
    *,
    interaction: bool = False,
    essentiality: Essentiality | None = None,
    substitution: str = "market",
    weights: Weights | None = None,
    layer: str | None = None,
    relation_weights: Mapping[str, float] | None = None,
    normalise: str | None = None,
    tol: float = 1e-8,
    reference: bool = False,
    device: str = "auto",
    progress: Progress = None,
) -> CascadeResult:
    r"""What one conductor, or the whole ecosystem, loses in each of many shocks.

    .. math:: loss_o = 1 - \min(h^d_o, h^u_o)

    Parameters
    ----------
    eco : the ecosystem, or a view of it.
    closures : the shocks. Each is an id (closes), several ids (close at once), ``{id: share}`` (each loses that
        share in [0, 1] of its capacity), or an array of what is left of each capacity, in the order of ``eco.ids``.
    conductor : whose loss it is; None: that of all, by ``weights``.
    interaction : add a column: total less the sum of what its parts come to one by one; null for one participant.
    weights : as for ``esri``; only without a conductor.
    essentiality, substitution, layer, relation_weights, normalise, tol, reference, device, progress : as for ``esri``.

    Returns
    -------
    CascadeResult
        ``table`` has one row a shock, in the order given: closure (its name), total, down and up (losses in [0, 1]
        through inputs and through customers), interaction if asked for, iterations, residual, error_bound. Exactly
        0 where no chain of ties leads from the shock to the conductor.

    Raises
    ------
    ParticipantError : no such participant.
    EcographError, UnitError, WindowError, ConvergenceError, DeviceError : as for ``esri``.

    Notes
    -----
    As for ``esri``: cost counts once a shock, and once more for each part where the interaction is asked for.

    Examples
    --------
    The platform o buys 3 from a and 1 from b, who both buy from c:

    >>> ties = {"provider": ["a", "b", "c", "c"], "receiver": ["o", "o", "a", "b"], "weight": [3, 1, 1, 1]}
    >>> found = cascade_loss(Ecosystem.from_ties(ties), ["c", {"a": 0.5}, ("a", "b")], "o")
    >>> found.table.select("closure", "total", "up").rows()
    [('c', 1.0, 0.0), ('a (0.5)', 0.375, 0.0), ('a + b', 1.0, 0.0)]

    References
    ----------
    .. [1] C. Diem et al., as for ``esri``.
    """
    check_rule(substitution, tol)
    if isinstance(closures, str | Mapping):
        raise EcographError(f"closures={closures!r} isn't a list of shocks.", hint=f"closures=[{closures!r}]")
    if conductor is not None and weights is not None:
        raise EcographError("weights= weighs losses of all, and a conductor's loss is its own.", hint="leave one out")
    given = list(closures)
    o = None if conductor is None else eco.row_of(conductor)
    built = build(eco, essentiality, layer, relation_weights, normalise)
    weight = np.zeros(len(eco)) if o is not None else weights_of(eco, weights, built.out)
    weight[slice(0) if o is None else o] = 1.0
    lost = [lost_by(eco, closure) for closure in given]
    rule = rule_of(substitution, reference, tol)
    shocks = pack(lost)
    chosen, held = where(device, built, shocks, "cascade_loss")
    columns = cascades(built, rule, shocks, weight, progress, held=held)
    if interaction:
        columns = _with_interaction(columns, lost, built, rule, weight, held)
    parameters = _parameters(essentiality, substitution, layer, relation_weights, normalise, tol, reference, device)
    parameters |= {"conductor": conductor, "closures": len(given)}
    names = pl.Series([name_of(eco, rows, shares) for rows, shares in lost], dtype=pl.String)
    return CascadeResult(
        pl.DataFrame({"closure": names, **columns}),
        _notes(built, shocks, reference, columns["residual"]),
        _provenance(eco, built, chosen, "ecograph.metrics.cascade_loss", parameters),
    )


def eps_sensitivity(
    eco: Ecosystem,
    eps: Sequence[float] = (1e-2, 1e-4, 1e-6, 1e-8),
    *,
    essentiality: Essentiality | None = None,
    substitution: str = "market",
    weights: Weights | None = None,
    layer: str | None = None,
    relation_weights: Mapping[str, float] | None = None,
    normalise: str | None = None,
    device: str = "auto",
) -> pl.DataFrame:
    r"""How a score in the published style moves as its stopping threshold falls.

    The published rule stops at the largest decrease <= eps = 1e-2. A score that keeps rising as eps falls wasn't
    converged: without external demand the upstream loss of a strongly connected network ends at 1.

    .. math:: ESRI_k(\epsilon) = \sum_i v_i (1 - \min(h^d_i, h^u_i)) / \sum_i v_i

    Parameters
    ----------
    eco : the ecosystem, or a view of it.
    eps : thresholds in [0, 0.1], each run from the start.
    essentiality, substitution, weights, layer, relation_weights, normalise, device : as for ``esri``.

    Returns
    -------
    pl.DataFrame
        Columns eps, id, total, down, up, iterations: one row a threshold and participant closed.

    Raises
    ------
    EcographError, UnitError, WindowError, ConvergenceError, DeviceError : as for ``esri``.

    Notes
    -----
    Costs as much as ``esri`` once a threshold; on a device the network is copied once for all.

    Examples
    --------
    a and b sell to each other; a sells a little to c, who closes:

    >>> ties = {"provider": ["a", "b", "a", "c"], "receiver": ["b", "a", "c", "a"], "weight": [99, 100, 1, 1]}
    >>> moved = eps_sensitivity(Ecosystem.from_ties(ties)).filter(id="c")
    >>> [round(up, 2) for up in moved["up"]]
    [0.02, 0.99, 0.99, 0.99]

    References
    ----------
    .. [1] C. Diem et al., as for ``esri``.
    """
    check_rule(substitution, 1e-8)
    if wrong := [each for each in eps if not 0.0 <= each <= 0.1]:
        raise EcographError(f"eps={wrong[0]} isn't in [0, 0.1].", hint="eps=(1e-2, 1e-4, 1e-6)")
    built = build(eco, essentiality, layer, relation_weights, normalise)
    weight = weights_of(eco, weights, built.out)
    shocks = Shocks(np.arange(len(eco) + 1), np.arange(len(eco), dtype=np.int32), np.zeros(len(eco)))
    held = where(device, built, shocks, "eps_sensitivity")[1]
    frames = []
    for each in eps:
        rule = kernels.Rule(substitution == "market", True, float(each), PUBLISHED_LIMIT)
        columns = cascades(built, rule, shocks, weight, None, held=held)
        frame = pl.DataFrame({"id": eco.ids, **columns}).select("id", "total", "down", "up", "iterations")
        frames.append(frame.select(pl.lit(float(each)).alias("eps"), pl.all()))
    return pl.concat(frames)


def weights_of(eco: Ecosystem, given: Weights | None, out: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shares of the score."""
    if isinstance(given, Mapping):
        values = np.zeros(len(eco))
        values[eco.rows_of(list(given))] = list(given.values())
    else:
        values = np.array(out if given is None else given, np.float64)
    if values.shape != (len(eco),):
        raise EcographError(
            f"weights have the shape {values.shape}.", hint=f"one for each of {len(eco):,} participants"
        )
    if not (np.isfinite(values).all() and (values >= 0).all() and values.any()):
        raise EcographError("weights have to be numbers >= 0, one of them above 0.", hint="None: what each one sells")
    return values / fsum(values)


def _with_interaction(
    columns: dict[str, pl.Series],
    lost: Sequence[Lost],
    built: Built,
    rule: kernels.Rule,
    weight: NDArray[np.float64],
    held: Held | None,
) -> dict[str, pl.Series]:
    parts = {(row, keep): None for rows, kept in lost for row, keep in zip(rows.tolist(), kept.tolist(), strict=True)}
    shocks = pack([(np.array([row]), np.array([keep])) for row, keep in parts])
    alone = cascades(built, rule, shocks, weight, None, held=held)
    loss = dict(zip(parts, alone["total"], strict=True))
    apart = [
        fsum(loss[part] for part in zip(rows.tolist(), kept.tolist(), strict=True)) if rows.size > 1 else None
        for rows, kept in lost
    ]
    extra = {"interaction": columns["total"] - pl.Series(apart, dtype=pl.Float64)}
    return {name: columns[name] for name in ("total", "down", "up")} | extra | columns


def _notes(built: Built, shocks: Shocks, reference: bool, residual: pl.Series) -> tuple[str, ...]:
    notes = []
    if reference:
        notes.append(
            "Published rule: rounds stopped at the largest decrease <= 1e-2, which isn't converged, and a market that "
            "offers <= 1e-10 counts as one that offers 1. See eps_sensitivity()."
        )
        if astray := int((residual > PUBLISHED_EPS).sum()):
            notes.append(
                f"Warning: {astray:,} shocks never stopped; theirs is the state after {PUBLISHED_LIMIT:,} rounds."
            )
    inside = np.add.reduceat(np.append(built.closed[shocks.row], False), shocks.ptr[:-1]) > 0
    inside &= np.diff(shocks.ptr) > 0
    if hit := int(inside.sum()):
        notes.append(
            f"Warning: {hit:,} of {inside.size:,} shocks hit a closed class: {int(built.closed.sum()):,} participants "
            "sell to each other only and nothing outside the data, so no loss of customers leaks out, and what one of "
            "a class loses all of it lose in the end. Give external_demand, or read the column down."
        )
    return tuple(notes)


def _parameters(
    essentiality: Essentiality | None,
    substitution: str,
    layer: str | None,
    relation_weights: Mapping[str, float] | None,
    normalise: str | None,
    tol: float,
    reference: bool,
    device: str,
) -> dict[str, Any]:
    classes = sorted((*pair, int(value)) for pair, value in (essentiality or {}).items())
    return {
        "essentiality": [list(each) for each in classes], "substitution": substitution, "layer": layer,
        "relation_weights": dict(relation_weights) if relation_weights is not None else None,
        "normalise": normalise, "tol": PUBLISHED_EPS if reference else tol, "reference": reference, "device": device,
    }  # fmt: skip


def _provenance(
    eco: Ecosystem, built: Built, chosen: Choice, function: str, parameters: dict[str, Any]
) -> dict[str, Any]:
    return {
        "function": function,
        "ecograph": __version__,
        "parameters": parameters,
        "device": chosen.device,
        "device_reason": chosen.reason,
        "relations": list(built.relations),
        "ecosystem": eco.provenance,
    }
