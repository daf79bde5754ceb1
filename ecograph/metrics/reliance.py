"""Which external resources does a conductor rely on most?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ecograph.device import Choice, choose
from ecograph.ecosystem import Ecosystem
from ecograph.errors import EcographError, ParticipantError
from ecograph.html import quoted
from ecograph.ledger import NAMED, Certificate, Ledger
from ecograph.metrics import lenses as lens_values
from ecograph.metrics.agreement import kendall_tau_b
from ecograph.metrics.components import Components, components
from ecograph.metrics.operator import Dependence, dependence
from ecograph.metrics.ranking import ROUNDING, Bounds, Shown, codes, first
from ecograph.progress import Progress
from ecograph.provenance import record
from ecograph.suggest import offer

__all__ = ["LENSES", "reliance"]

LENSES = ("direct", "rooted", "reach")


def reliance(
    eco: Ecosystem,
    conductor: str,
    *,
    lenses: Sequence[str] = LENSES,
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
    intervals: str = "none",
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
    lenses : which of "direct", "rooted" and "reach" to compute.
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
    intervals : "none"; this version has no others.
    seed : recorded in the provenance; nothing is drawn at random without intervals.
    device : "auto", "cpu" or "gpu".
    progress : True for a bar, or a callable of (label, done, total).

    Returns
    -------
    Ledger
        One row for each of the ``top`` external resources: participants that the conductor depends on over some
        chain and doesn't own. Every lens lies in [0, 1], direct <= reach; 0 means no chain of one tie (direct).
        ``rooted`` that meets a leak or a participant without providers is lost, not restarted.

    Raises
    ------
    ParticipantError : no such conductor, it has no providers, or nobody is left to rank.
    WindowError : no tie of the view counts.
    UnitError : relations of different units and nothing that says how to join them.
    ConvergenceError : ``tol`` can't be reached; the message says how far the sums came.
    DeviceError : ``device="gpu"`` without one.
    EcographError : an unknown or impossible value of a parameter; the message names the allowed ones.

    Notes
    -----
    **Closed classes** (nobody in it buys outside it or outside the data): members get the probability of entering
    it. Where the conductor sits in one, reach is 1 for every member and ranks nothing: first-round reach ranks.

    **Certified.** Candidates on no circle of dependence have reach N_ok, from one sum over chains. Others are
    solved in the order of an upper bound until no other can be among the first; ``Ledger.certificate`` tells.

    O(sweeps * ties of the reached part) for the sum and again for every 32 candidates solved; a graph without
    circles takes one sweep. Memory: 768 bytes a participant reached while 32 candidates are solved.

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
    _check(lenses, by, top, restart, tol, intervals)
    chosen = choose(device)
    o = eco.row_of(conductor)
    p = dependence(eco, layer=layer, relation_weights=relation_weights, normalise=normalise, leak=leak)
    if not p.row(o)[0].size:
        raise _no_providers(eco, conductor, layer)
    found = components(p, np.array([o]))
    external = _external(eco, conductor, o, found)
    question = _Question(eco, p, found, o, _of_role(eco, external, role), tuple(lenses), by, restart, tol, progress)
    answer = question.answer(top, feedback)
    notes = _notes(question, answer, conductor, top, role, external.size, feedback)
    parameters = {
        "conductor": conductor, "lenses": list(lenses), "by": by, "top": top, "role": role, "layer": layer,
        "restart": restart, "leak": leak, "feedback": feedback, "normalise": normalise, "tol": tol,
        "relation_weights": dict(relation_weights) if relation_weights is not None else None,
        "intervals": intervals, "seed": seed, "device": device,
    }  # fmt: skip
    return Ledger(
        table=_table(eco, question, answer),
        conductor=conductor,
        by=answer.by,
        lenses=tuple(answer.values),
        notes=notes,
        certificate=answer.certificate,
        agreement=None if answer.one_step else _agreement(answer.values),
        n_external=int(external.size),
        n_candidates=int(question.rows.size),
        provenance=_provenance(eco, p, chosen, answer, parameters),
    )


def _check(lenses: Sequence[str], by: str, top: int, restart: float, tol: float, intervals: str) -> None:
    if isinstance(lenses, str) or not lenses:
        raise EcographError(f"lenses={lenses!r} isn't a list of lenses.", hint=f"lenses={LENSES}")
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
    if intervals != "none":
        raise EcographError(f"intervals={intervals!r}: this version has no intervals.", hint='intervals="none"')


def _no_providers(eco: Ecosystem, conductor: str, layer: str | None) -> ParticipantError:
    o, ties = eco.row_of(conductor), eco.ties
    into = np.flatnonzero(eco.active[eco.indptr[o] : eco.indptr[o + 1]]) + eco.indptr[o]
    where = [eco.relations[r] for r in np.unique(ties.relation[into])]
    what = f"in layer {layer!r}" if layer and where else "in this view"
    fault = f"{quoted([conductor])} has no providers {what}: no tie with a weight above 0 ends at it."
    if where:
        there = ", ".join(f"{quoted([it.name])} (layer {it.layer!r})" for it in where)
        return ParticipantError(fault, hint=f"it has providers by {there}: leave layer= out, or weigh that relation")
    provides = bool(eco.active[ties.provider == o].any())
    hint = "it only provides to others: is it the conductor, or are ties the wrong way round (provider -> receiver)?"
    return ParticipantError(fault, hint=hint if provides else "look at eco.tie_table(), or widen the window")


def _external(eco: Ecosystem, conductor: str, o: int, found: Components) -> NDArray[np.intp]:
    """Participants upstream of the conductor that it doesn't own, in canonical order."""
    upstream: NDArray[np.bool_] = found.component >= 0
    upstream[o] = False
    reached = int(upstream.sum())
    if "owner" in eco.participants.columns:
        owned = (eco.participants["owner"] == conductor).fill_null(False)
        upstream &= ~owned.to_numpy()
    if not upstream.any():
        raise ParticipantError(
            f"{quoted([conductor])} owns all {reached:,} participants that it depends on: none is external.",
            hint="is the owner column right? It names the conductor that owns a participant; null = external",
        )
    return np.flatnonzero(upstream)


def _of_role(eco: Ecosystem, external: NDArray[np.intp], role: str | None) -> NDArray[np.intp]:
    if role is None:
        return external
    roles = _attribute(eco, "role", external)
    rows: NDArray[np.intp] = external[(roles == role).fill_null(False).to_numpy()]
    if not rows.size:
        raise ParticipantError(
            f"None of the {external.size:,} external resources has the role {quoted([role])}.",
            hint=offer(role, roles.drop_nulls().unique().sort(), "roles"),
        )
    return rows


def _attribute(eco: Ecosystem, name: str, rows: NDArray[np.intp]) -> pl.Series:
    if name in eco.participants.columns:
        return eco.participants[name][rows]
    return pl.Series(name, [None], dtype=pl.String).new_from_index(0, rows.size)


@dataclass(frozen=True)
class _Answer:
    by: str
    at: NDArray[np.intp]  # positions among the candidates
    shown: Shown
    tied: list[NDArray[np.intp]]
    values: dict[str, Bounds]  # of the rows shown
    certificate: Certificate
    sweeps: list[int]
    closed: bool  # does the conductor sit in a closed class?
    one_step: bool


@dataclass(frozen=True)
class _Question:
    """What is asked, about whom."""

    eco: Ecosystem
    p: Dependence
    found: Components
    o: int
    rows: NDArray[np.intp]  # candidates
    lenses: tuple[str, ...]
    by: str
    restart: float
    tol: float
    progress: Progress

    def answer(self, top: int, feedback: bool | None) -> _Answer:
        """Rank by one lens, then fill in the others for the rows shown."""
        everyone = np.arange(self.rows.size)
        closed = self.found.is_closed(self.o)
        first_round = feedback is False or (closed and feedback is None)
        reach = None
        if "reach" in self.lenses and (first_round or not closed):
            barred = self.o if first_round else -1
            reach = lens_values.Reach(self.p, self.found, self.o, self.rows, self.tol, barred, self.progress)
        whole = self._whole(closed and feedback is not False)
        by = "first_round" if self.by == "reach" and first_round else self.by
        if by in whole:
            bounds, among, rest = whole[by], everyone, -np.inf
        else:
            assert reach is not None  # by is one of the lenses, and those that aren't whole are reach
            bounds, among, rest = reach.settle(min(top, self.rows.size))
        shown = first(bounds, top, lambda at: self.eco.ids[self.rows[among[at]]].to_list())
        at = among[shown.at]
        values = {name: whole[name].take(at) for name in self.lenses if name in whole}
        if reach is not None:
            values["first_round" if first_round else "reach"] = reach.values(at)
        order = [name for name in (*LENSES, "first_round") if name in values]
        return _Answer(
            by=by,
            at=at,
            shown=shown,
            tied=[among[others] for others in shown.tied],
            values={name: values[name] for name in order},
            certificate=_certify(by, shown, values[by], rest, len(reach.lanes) if reach else 0),
            sweeps=reach.sweeps if reach else [],
            closed=closed,
            one_step=lens_values.one_step(self.p, self.found, self.o),
        )

    def _whole(self, closed: bool) -> dict[str, Bounds]:
        """Lenses whose values for all candidates come at once."""
        out = {"direct": lens_values.direct(self.p, self.o, self.rows)}
        if "rooted" in self.lenses:
            out["rooted"] = lens_values.rooted(self.p, self.found, self.rows, self.restart, self.tol, self.progress)
        if closed:  # no chain ever leaves the class, so each one ends up needing every member
            out["reach"] = Bounds(np.ones(self.rows.size), np.ones(self.rows.size))
        return {name: bounds for name, bounds in out.items() if name in self.lenses}


def _certify(by: str, shown: Shown, values: Bounds, rest: float, solved: int) -> Certificate:
    outside = max(shown.outside, rest)
    unique = shown.kth * (1 - ROUNDING) > outside * (1 + ROUNDING)
    bound = float((values.high - values.low).max()) + ROUNDING * float(values.high.max())
    return Certificate(by, shown.kth, None if outside == -np.inf else outside, solved, bound, bool(unique))


def _table(eco: Ecosystem, question: _Question, answer: _Answer) -> pl.DataFrame:
    rows = question.rows[answer.at]
    ids = eco.ids
    tied = [ids[question.rows[others[:NAMED]]].to_list() for others in answer.tied]
    return pl.DataFrame(
        {
            "rank": pl.Series(answer.shown.rank, dtype=pl.Int64),
            "id": ids[rows],
            "role": _attribute(eco, "role", rows),
            "group": _attribute(eco, "group", rows),
            **{name: bounds.low for name, bounds in answer.values.items()},
            "tied_with": pl.Series(tied, dtype=pl.List(pl.String)),
        }
    )


def _agreement(values: dict[str, Bounds]) -> pl.DataFrame | None:
    """Tau-b of each pair of lenses; values that can't be told apart count as tied."""
    if len(values) < 2:
        return None
    ranks = {name: codes(bounds) for name, bounds in values.items()}
    columns = {a: [kendall_tau_b(ranks[a], ranks[b]) for b in ranks] for a in ranks}
    return pl.DataFrame({"lens": list(ranks), **columns})


def _notes(
    question: _Question, answer: _Answer, conductor: str, top: int, role: str | None, external: int,
    feedback: bool | None,
) -> tuple[str, ...]:  # fmt: skip
    n = question.rows.size
    notes = []
    if answer.one_step:
        notes.append("One-step ecosystem: no chain of dependence is longer than one tie, so direct = reach.")
    if answer.closed:
        members = question.found.members(question.o)
        few = question.eco.ids[members].sort().head(3).to_list()
        fault = (
            f"{quoted([conductor])} sits in a closed class of {members.size:,} participants ({quoted(few)}, ...): "
            "nobody in it depends on anyone outside or buys outside the data, so reach is 1 for every other member "
            "and 0 elsewhere, and ranks nothing."
        )
        if feedback is None and "reach" in question.lenses:
            fault += " first_round is reach counted until a chain comes back to the conductor."
        notes.append(fault)
    elif feedback is False and "reach" in question.lenses:
        notes.append("first_round is reach counted until a chain comes back to the conductor (feedback=False).")
    elif question.found.closed.any():
        classes = question.found.closed[question.found.component[question.rows]].sum()
        notes.append(
            f"{classes:,} candidates sit in closed classes that chains never leave: their reach is the probability of "
            "entering the class, the same for all its members."
        )
    if role is not None:
        notes.append(f"Ranks are among the {n:,} candidates of role {quoted([role])}, of {external:,} external ones.")
    if top > n:
        notes.append(f"All {n:,} candidates are shown: there are fewer than the {top:,} asked for.")
    if many := [others.size for others in answer.tied if others.size > NAMED]:
        notes.append(f"Up to {max(many) + 1:,} candidates share a rank; tied_with names the first {NAMED} by id.")
    return tuple(notes)


def _provenance(
    eco: Ecosystem, p: Dependence, chosen: Choice, answer: _Answer, parameters: dict[str, Any]
) -> dict[str, Any]:
    return record(**parameters) | {
        "function": "ecograph.reliance",
        "device": chosen.device,
        "device_reason": chosen.reason,
        "relations": list(p.relations),
        "solver": {"sweeps": answer.sweeps, "solved": answer.certificate.solved, "bound": answer.certificate.bound},
        "ecosystem": eco.provenance,
    }
