"""What is left of whom after a shock, and the way that a conductor's loss came."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ecograph.cpu import cascade as kernels
from ecograph.device import guarded
from ecograph.ecosystem import Ecosystem
from ecograph.errors import ConvergenceError
from ecograph.gpu import cascade as gpu
from ecograph.metrics.cascade_network import Built, Essentiality, build
from ecograph.metrics.cascade_run import Closure, check_rule, lost_by, pack, rule_of, where

__all__ = ["cascade_attribution", "cascade_state"]

F8Array = NDArray[np.float64]


def cascade_state(
    eco: Ecosystem,
    closure: Closure,
    *,
    essentiality: Essentiality | None = None,
    substitution: str = "market",
    layer: str | None = None,
    relation_weights: Mapping[str, float] | None = None,
    normalise: str | None = None,
    tol: float = 1e-8,
    device: str = "auto",
) -> pl.DataFrame:
    r"""What is left of every participant's capacity after one shock.

    .. math:: h^d_j, h^u_j \in [0, 1], \qquad loss_j = 1 - \min(h^d_j, h^u_j)

    Parameters
    ----------
    eco : the ecosystem, or a view of it.
    closure : the shock, as for ``cascade_loss``.
    essentiality, substitution, layer, relation_weights, normalise, tol : as for ``esri``.
    device : "auto", "cpu" or "gpu": docs/gpu.md says when "auto" takes a device.

    Returns
    -------
    pl.DataFrame
        One row a participant in the order of ``eco.ids``: id, hd (left by its inputs), hu (by its customers). Exactly
        1 where the loss never comes. From above: limits may be lower, by what ``esri`` calls the error bound.

    Raises
    ------
    ParticipantError, EcographError, UnitError, WindowError, ConvergenceError, DeviceError : as for ``cascade_loss``.

    Notes
    -----
    O(rounds * ties that the loss comes to) time.

    Examples
    --------
    o buys 3 from a and 1 from b, who both buy from c:

    >>> ties = {"provider": ["a", "b", "c", "c"], "receiver": ["o", "o", "a", "b"], "weight": [3, 1, 1, 1]}
    >>> cascade_state(Ecosystem.from_ties(ties), {"a": 0.5}).sort("id").rows()
    [('a', 0.5, 0.5), ('b', 1.0, 1.0), ('c', 1.0, 0.75), ('o', 0.625, 1.0)]

    References
    ----------
    .. [1] C. Diem et al., as for ``esri``.
    """
    check_rule(substitution, tol)
    built = build(eco, essentiality, layer, relation_weights, normalise)
    shock, rule = pack([lost_by(eco, closure)]), rule_of(substitution, False, tol)
    held = where(device, built, shock, "cascade_state")[1]
    if held is None:
        hd, hu, _, run = kernels.run_state(built.network, rule, shock.row, shock.psi)
    else:
        with guarded("the cascade"):
            hd, hu, run = gpu.run_state(held, rule, shock.row, shock.psi)
    _check_end(run, rule)
    return pl.DataFrame({"id": eco.ids, "hd": hd, "hu": hu})


def cascade_attribution(
    eco: Ecosystem,
    closure: Closure,
    conductor: str,
    *,
    essentiality: Essentiality | None = None,
    substitution: str = "market",
    layer: str | None = None,
    relation_weights: Mapping[str, float] | None = None,
    normalise: str | None = None,
    tol: float = 1e-8,
) -> pl.DataFrame:
    r"""Through which first-hop provider or customer did a conductor's loss come?

    .. math:: 1 - h^d_o = \sum_i s_i L^d_{io} (1 - h^d_i), \qquad 1 - h^u_o = \sum_j L^u_{oj} (1 - h^u_j)

    the first sum over the providers in the constraint that binds: all linear inputs, or one essential group.

    Parameters
    ----------
    eco : the ecosystem, or a view of it.
    closure : the shock, as for ``cascade_loss``.
    conductor : whose loss it is.
    essentiality, substitution, layer, relation_weights, normalise, tol : as for ``esri``.

    Returns
    -------
    pl.DataFrame
        One row a partner that passes loss on: channel ("down", "up"), constraint ("shock", "linear", "essential" or
        "customers"), through (the partner's id; null for the shock itself), loss (its term), share (of the terms of
        its channel; they sum to 1), binding (does this channel set the total loss, min(hd, hu)? both may). Largest
        loss first within a channel. No rows where nothing is lost.

    Raises
    ------
    ParticipantError, EcographError, UnitError, WindowError, ConvergenceError : as for ``cascade_loss``.

    Notes
    -----
    The terms of a channel add up to its loss before clipping at 0, that is to 1 - F(h) of the final state h: within
    ``tol`` of 1 - h, and never above 1 but by rounding. A constraint that doesn't bind has no rows: an essential group
    that loses less than another is free. psi binds (one row, "shock") where the shock takes as much or more by itself;
    of equal constraints the shock goes first, then the linear sum, then essential groups in the order of names.

    O(rounds * ties that the loss comes to) time.

    Examples
    --------
    o buys 3 from a and 1 from b, who both buy from c, who closes:

    >>> ties = {"provider": ["a", "b", "c", "c"], "receiver": ["o", "o", "a", "b"], "weight": [3, 1, 1, 1]}
    >>> cascade_attribution(Ecosystem.from_ties(ties), "c", "o").select("channel", "through", "loss").rows()
    [('down', 'a', 0.75), ('down', 'b', 0.25)]

    References
    ----------
    .. [1] C. Diem et al., as for ``esri``.
    """
    check_rule(substitution, tol)
    o = eco.row_of(conductor)
    built = build(eco, essentiality, layer, relation_weights, normalise)
    hd, hu, felt, psi = _state(eco, built, closure, substitution, tol)
    binding = {"down": bool(hd[o] <= hu[o]), "up": bool(hu[o] <= hd[o])}
    parts = [
        ("down", *_terms(built.network, built.network.down, o, felt, psi[o], "linear")),
        ("up", *_terms(built.network, built.network.up, o, 1.0 - hu, psi[o], "customers")),
    ]
    frames = [_frame(eco, *part, binding=binding[part[0]]) for part in parts]
    return pl.concat(frames)


def _state(
    eco: Ecosystem, built: Built, closure: Closure, substitution: str, tol: float
) -> tuple[F8Array, F8Array, F8Array, F8Array]:
    """hd, hu, what is felt of each one's loss of inputs, and psi."""
    shock = pack([lost_by(eco, closure)])
    rule = rule_of(substitution, False, tol)
    hd, hu, felt, run = kernels.run_state(built.network, rule, shock.row, shock.psi)
    _check_end(run, rule)
    psi = np.ones(len(eco))
    psi[shock.row] = shock.psi
    return hd, hu, felt, psi


def _check_end(run: F8Array, rule: kernels.Rule) -> None:
    if run[1] > rule.stop:
        raise ConvergenceError(
            f"The cascade still changed by up to {run[1]:.1g} after {rule.limit:,} rounds.",
            hint="ask for a larger tol, or give external_cost and external_demand: little leaks out of some class",
        )


def _terms(
    network: kernels.Network, net: kernels.Channel, o: int, felt: F8Array, psi: float, linear: str
) -> tuple[str, NDArray[np.int32], F8Array]:
    """The constraint that binds, its partners and their terms."""
    best, worst = ("shock", np.full(1, -1, np.int32), np.full(1, 1.0 - psi)), 1.0 - psi
    place, who = net.place[network.seat[o]], np.argsort(network.seat).astype(np.int32)
    for r in range(net.first[place], net.first[place + 1]):
        entries = slice(net.bound[r], net.bound[r + 1])
        partner = who[net.column[entries]]
        term = net.weight[entries] * felt[partner]
        if term.sum() > worst:
            worst = float(term.sum())
            best = (linear if net.group[r] < 0 else "essential", partner, term)
    return best


def _frame(
    eco: Ecosystem, channel: str, constraint: str, rows: NDArray[np.int32], term: F8Array, *, binding: bool
) -> pl.DataFrame:
    through = pl.Series([eco.ids[int(row)] if row >= 0 else None for row in rows], dtype=pl.String)
    found = pl.DataFrame({"through": through, "loss": term}).filter(pl.col("loss") > 0)
    named = found.select(
        pl.lit(channel).alias("channel"), pl.lit(constraint).alias("constraint"), "through", "loss",
        (pl.col("loss") / pl.col("loss").sum()).alias("share"), pl.lit(binding).alias("binding"),
    )  # fmt: skip
    return named.sort("loss", "through", descending=[True, False])
