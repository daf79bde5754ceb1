"""Which external resources does a conductor rely on most?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ecograph.device import Choice, choose
from ecograph.ecosystem import Ecosystem
from ecograph.errors import EcographError
from ecograph.gpu._module import noted
from ecograph.gpu.chains import FEWEST
from ecograph.gpu.replicates import replicate_bytes
from ecograph.html import quoted
from ecograph.ledger import Ledger
from ecograph.metrics import ledger_parts
from ecograph.metrics.answer import Answer, answer
from ecograph.metrics.brokerage import choose_searches
from ecograph.metrics.candidates import external_resources, no_providers, of_role
from ecograph.metrics.cascade_network import Essentiality
from ecograph.metrics.chains import BATCH, arrows_of, choose_device
from ecograph.metrics.intervals import ENOUGH, METHODS, Asked
from ecograph.metrics.lenses import one_step
from ecograph.metrics.operator import Dependence, dependence
from ecograph.metrics.question import LENSES, Question
from ecograph.metrics.rooted import Upstream, upstream
from ecograph.metrics.rooted_replicates import drawn_on_device
from ecograph.progress import Progress
from ecograph.provenance import record

__all__ = ["LENSES", "USUAL", "reliance"]

USUAL = ("direct", "rooted", "reach")


def reliance(
    eco: Ecosystem,
    conductor: str,
    *,
    lenses: Sequence[str] = USUAL,
    by: str = "reach",
    top: int = 20,
    role: str | None = None,
    layer: str | None = None,
    restart: float = 0.15,
    leak: float = 0.0,
    feedback: bool | None = None,
    relation_weights: Mapping[str, float] | None = None,
    normalise: str | None = None,
    tol: float = 1e-10,
    essentiality: Essentiality | None = None,
    substitution: str = "off",
    intervals: str = "delta",
    replicates: int = 200,
    drop: float = 0.1,
    seed: int = 0,
    device: str = "auto",
    progress: Progress = None,
) -> Ledger:
    r"""Rank the external resources of a conductor by how much it relies on them.

    With P[j, i] the share of j's inputs that comes from i and N = (I - P)^-1 the sum over all chains of dependence:

    .. math:: direct_k = P_{ok}, \quad rooted_k = a \sum_t (1 - a)^t (P')^t e_o |_k, \quad reach_k = N_{ok} / N_{kk}

    Parameters
    ----------
    eco : the ecosystem, or a view of it (``eco.window(...)``, ``eco.relation(...)``, ...).
    conductor : id of the participant whose reliance is asked for.
    lenses : which to compute, of "direct", "rooted", "reach", "brokerage", "captive", "criticality",
        "criticality_up" and "substitutability"; or "all". docs/metrics.md defines them.
    by : the lens that ranks; one of ``lenses``.
    top : how many to show, at least 1; more than there are: all.
    role : show and rank only candidates of this role; chains still run through everyone.
    layer : "service" or "money": only relations of that layer; None: all.
    restart : a in (0, 1], chance at each step of ``rooted`` to start again (1 - damping).
    leak : share in [0, 1) of every participant's inputs bought outside the data, besides ``external_cost``.
    feedback : None: reach counts chains that pass through the conductor again, unless it sits in a closed class.
        False: *first-round* reach, chains end where they come back to the conductor. True: always with them.
    relation_weights : what one unit of each relation is worth in a common one, ``{"name": number}``.
    normalise : "relation": relations weigh the same in all.
    tol : largest absolute error of ``rooted`` and ``reach``, in [1e-14, 0.1].
    essentiality, substitution : as for ``esri``; criticality uses them.
    intervals : "delta": by gradients where a lens has them (direct, rooted, reach, first_round), else as "bootstrap".
        "bootstrap": each tie's weight is drawn anew as its events tell (Bayesian bootstrap); brokerage and captive,
        which only ask whether a tie is there, in replicates with events dropped. "none". Ties without ``count``
        have none, and a note says so.
    replicates : how many, at least 20.
    drop : share of events dropped in each replicate, in (0, 1); for brokerage and captive.
    seed : of every draw; the same seed gives the same intervals.
    device : "auto", "cpu" or "gpu": where the chains of ``rooted`` and ``reach`` are summed, and their gradients,
        replicates of ``rooted`` drawn, and cascades of criticality run. docs/gpu.md says when "auto" takes a device;
        all else is the CPU's.
    progress : True for a bar, or a callable of (label, done, total).

    Returns
    -------
    Ledger
        One row for each of the ``top`` external resources: participants that the conductor depends on over some
        chain and doesn't own. Every lens lies in [0, 1], direct <= reach; 0 means no chain of one tie (direct).
        ``rooted`` that meets a leak or a participant without providers is lost, not restarted.
        With intervals: rank_low and rank_high (95 %, all pairs compared at once), p_top (chance to be among the rows
        shown), 95 % limits of each lens (``reach_low``, ``reach_high``), and tie_group (rows that share a letter
        can't be told apart).

    Raises
    ------
    ParticipantError : no such conductor, it has no providers, or nobody is left to rank.
    WindowError : no tie of the view counts.
    UnitError : relations of different units and nothing that says how to join them.
    ConvergenceError : ``tol`` can't be reached; the message says how far the sums came.
    DeviceError : ``device="gpu"`` without one, or with lenses that have no GPU kernels; the device failed.
    EcographError : an unknown or impossible value of a parameter; the message names the allowed ones.

    Notes
    -----
    **Closed classes** (nobody in it buys outside it or outside the data): members get the probability of entering
    it. Where the conductor sits in one, reach is 1 for every member and ranks nothing: first-round reach ranks.

    **Certified.** Candidates on no circle of dependence have reach N_ok, from one sum over chains. Others are
    solved in the order of an upper bound until no other can be among the first; ``Ledger.certificate`` tells.

    O(sweeps * ties of the reached part) for the sum and again for every 32 candidates solved; a graph without
    circles takes one sweep of reach, and of rooted at most one for each level. Memory: for rooted 12 bytes a tie and
    some 60 a participant reached, for reach three times as much, and 768 a participant while 32 candidates are solved.

    Examples
    --------
    The platform o buys from a and b, who both buy from c:

    >>> ties = {"provider": ["a", "b", "c", "c"], "receiver": ["o", "o", "a", "b"], "weight": [3, 1, 1, 1]}
    >>> ledger = reliance(Ecosystem.from_ties(ties), "o")
    >>> ledger.table.select("rank", "id", "direct", "reach").rows()
    [(1, 'c', 0.0, 1.0), (2, 'a', 0.75, 0.75), (3, 'b', 0.25, 0.25)]

    References
    ----------
    .. [1] L. Page, S. Brin, R. Motwani, T. Winograd, "The PageRank Citation Ranking" (1999), section 6: rooted.
    .. [2] J. G. Kemeny, J. L. Snell, "Finite Markov Chains" (1960), theorem 3.5.7: N_ok = f_ok N_kk.
    """
    lenses = LENSES if isinstance(lenses, str) and lenses == "all" else lenses
    _check(lenses, by, top, restart, tol)
    asked = _asked(eco, intervals, seed, replicates, drop)
    o = eco.row_of(conductor)
    p = dependence(eco, layer=layer, relation_weights=relation_weights, normalise=normalise, leak=leak)
    if not p.row(o)[0].size:
        raise no_providers(eco, conductor, layer)
    eco.ties.let_go()  # of all their columns, only some are read from here on, and each from front to back
    reached = upstream(p, o)
    external = external_resources(eco, conductor, o, reached)
    chosen = _chosen(device, eco, p, reached, lenses, asked)
    ask = Question(
        eco, p, reached, o, of_role(eco, external, role), tuple(lenses), restart, tol, feedback, layer, normalise,
        essentiality,
        substitution, progress, chosen is not None and chosen.device == "gpu", device,
    )  # fmt: skip
    with noted() as notes:
        got = answer(ask, by, int(top), asked)
    parameters = {
        "conductor": conductor, "lenses": list(lenses), "by": by, "top": top, "role": role, "layer": layer,
        "restart": restart, "leak": leak, "feedback": feedback, "normalise": normalise, "tol": tol,
        "relation_weights": dict(relation_weights) if relation_weights is not None else None,
        "essentiality": None if essentiality is None else {" -> ".join(k): v for k, v in essentiality.items()},
        "substitution": substitution, "intervals": intervals, "replicates": replicates, "drop": drop, "seed": seed,
        "device": device,
    }  # fmt: skip
    return Ledger(
        table=ledger_parts.table(ask, got),
        conductor=conductor,
        by=got.by,
        lenses=tuple(got.values),
        notes=ledger_parts.notes(ask, got, conductor, top, role, external.size, intervals),
        certificate=got.certificate,
        agreement=None if one_step(p, o) else ledger_parts.agreement(got.values),
        n_external=int(external.size),
        n_candidates=int(ask.rows.size),
        provenance=_provenance(eco, p, _joined(chosen, ask.closed_on, notes), got, parameters),
    )


def _check(lenses: Sequence[str], by: str, top: int, restart: float, tol: float) -> None:
    if isinstance(lenses, str) or not lenses:
        raise EcographError(f"lenses={lenses!r} isn't a list of lenses.", hint=f'lenses={USUAL}, or "all"')
    if unknown := [lens for lens in lenses if lens not in LENSES]:
        raise EcographError(f"Unknown lens {quoted(unknown)}.", hint=f"lenses are {quoted(LENSES)}")
    if by not in lenses:
        what = "isn't among the lenses asked for" if by in LENSES else "is no lens"
        raise EcographError(f"by={by!r} {what}.", hint=f"by is one of {quoted(lenses)}")
    if isinstance(top, bool) or not isinstance(top, int | np.integer) or top < 1:
        raise EcographError(f"top={top!r} isn't a whole number above 0.", hint="top=20")
    if not 0.0 < restart <= 1.0:
        raise EcographError(f"restart={restart} isn't in (0, 1].", hint="restart=0.15, that is damping 0.85")
    if not 1e-14 <= tol <= 0.1:
        raise EcographError(f"tol={tol} isn't in [1e-14, 0.1].", hint="tol=1e-10")


def _asked(eco: Ecosystem, intervals: str, seed: int, replicates: int, drop: float) -> Asked:
    """How intervals are wanted, and whether the events are known well enough for any."""
    if intervals not in METHODS:
        raise EcographError(f"intervals={intervals!r} is unknown.", hint=f"intervals is one of {quoted(METHODS)}")
    if isinstance(replicates, bool) or not isinstance(replicates, int | np.integer) or replicates < ENOUGH:
        raise EcographError(f"replicates={replicates!r} isn't a whole number >= {ENOUGH}.", hint="replicates=200")
    if not 0.0 < drop < 1.0:
        raise EcographError(f"drop={drop} isn't in (0, 1).", hint="drop=0.1: a tenth of the events")
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed < 2**63:
        raise EcographError(f"seed={seed!r} isn't a whole number from 0 to 2^63 - 1.", hint="seed=0")
    return Asked("none" if eco.ties.count is None else intervals, int(seed), int(replicates), float(drop))


def _chosen(
    device: str, eco: Ecosystem, p: Dependence, found: Upstream, lenses: Sequence[str], asked: Asked
) -> Choice | None:
    """Where sums over chains are made, or without any the search of brokerage.

    None: criticality alone has GPU kernels, and chooses by the network that it makes.
    """
    summed = [lens for lens in ("rooted", "reach") if lens in lenses]
    if not summed and "brokerage" in lenses:
        return choose_searches(device, p, 1)
    if not summed:
        return None if {"criticality", "criticality_up"} & set(lenses) else choose(device, what="reliance")
    drawn = asked.method == "bootstrap" and "rooted" in summed and drawn_on_device(eco)
    many = drawn or "reach" in summed or asked.method == "delta"
    more, n = 0, found.order.size
    if drawn:
        ties, parts = (int(np.diff(each.indptr)[found.order].sum()) for each in (eco.pooled, eco))
        parts = 0 if eco.ties.cluster is None else parts
        more = replicate_bytes(n, arrows_of(p, found.order), ties, n, parts, FEWEST)
    chosen = choose_device(device, p, found.order, BATCH if many else 1, more)
    if chosen.device == "cpu":
        return chosen
    what = " and ".join(summed) + (" and of replicates of rooted" if drawn else "")
    return Choice("gpu", f"{chosen.reason}, for the sums over chains of {what}")


def _joined(chosen: Choice | None, closed: Sequence[Choice], notes: Sequence[str]) -> Choice:
    """One choice for all of it: where cascades of criticality were run too, and where memory ended in mid-run."""
    cascades = next((each for each in closed if each.device == "gpu"), next(iter(closed), None))
    if chosen is None:
        chosen = cascades or Choice("cpu", "nothing was closed")
        if chosen.device == "gpu":
            chosen = Choice("gpu", f"{chosen.reason}, for the cascades of criticality")
    elif cascades is not None and cascades.device != chosen.device:
        there = f"cascades of criticality: {cascades.device}, {cascades.reason}"
        chosen = Choice(chosen.device, f"{chosen.reason}; {there}")
    elif cascades is not None and cascades.device == "gpu":
        chosen = Choice("gpu", f"{chosen.reason}, and for the cascades of criticality")
    return Choice(chosen.device, "; ".join([chosen.reason, *notes]))


def _provenance(
    eco: Ecosystem, p: Dependence, chosen: Choice, answer: Answer, parameters: dict[str, Any]
) -> dict[str, Any]:
    return record(**parameters) | {
        "function": "ecograph.reliance",
        "device": chosen.device,
        "device_reason": chosen.reason,
        "relations": list(p.relations),
        "intervals": ledger_parts.interval_facts(answer.sure) if answer.sure else None,
        "solver": {"sweeps": answer.sweeps, "solved": answer.certificate.solved, "bound": answer.certificate.bound},
        "ecosystem": eco.provenance,
    }
