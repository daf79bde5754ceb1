"""Exact twins of what a cascade leaves and of the way that it came, and of the linear family by elimination."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

from tests import reference

ZERO, ONE = Fraction(0), Fraction(1)


def cascade_state(
    ties: Iterable[Any], psi: Mapping[Any, Any], rounds: int, **options: Any
) -> dict[Any, tuple[Fraction, Fraction]]:
    """(hd, hu) of each after so many rounds."""
    hd, hu = reference.cascade_states(list(ties), psi, rounds, **options)
    return {i: (hd[i], hu[i]) for i in hd}


def cascade_attribution(
    ties: Iterable[Any],
    psi: Mapping[Any, Any],
    o: Any,
    state: Mapping[Any, tuple[Fraction, Fraction]],
    *,
    group: Mapping[Any, Any] | None = None,
    market: Mapping[Any, Any] | None = None,
    classes: Mapping[Any, int] | None = None,
    cost: Mapping[Any, Any] | None = None,
    demand: Mapping[Any, Any] | None = None,
) -> dict[str, list[dict[Any, Fraction]]]:
    """Candidate constraints of each channel, as terms by partner (None: the shock), in the state given."""
    ids = list(psi)
    w = {(i, j): v for i, row in reference.amounts(list(ties), ids).items() for j, v in row.items()}
    g = {i: (group or {}).get(i, ("own", i)) for i in ids}
    out = {i: sum((v for (a, _), v in w.items() if a == i), ZERO) for i in ids}
    whole = sum((v for (_, b), v in w.items() if b == o), ZERO) + Fraction((cost or {}).get(o, 0))
    linear: dict[Any, Fraction] = {}
    essential: dict[Any, dict[Any, Fraction]] = {}
    for i in (a for a, b in w if b == o):
        place = (market or {}).get(i)
        offered = sum((out[k] * state[k][0] for k in ids if place is not None and (market or {}).get(k) == place), ZERO)
        s = out[i] / max(out[i], offered)
        kind = (classes or {}).get((g[i], g[o]), 1)
        same = sum((v for (a, b), v in w.items() if b == o and g[a] == g[i]), ZERO)
        if kind == 1:
            linear[i] = s * w[i, o] / whole * (1 - state[i][0])
        elif kind == 2:
            essential.setdefault(g[i], {})[i] = s * w[i, o] / same * (1 - state[i][0])
    revenue = out[o] + Fraction((demand or {}).get(o, 0))
    up = {b: w[o, b] / revenue * (1 - state[b][1]) for a, b in w if a == o}
    shock: dict[Any, Fraction] = {None: 1 - Fraction(psi[o])}
    return {"down": [shock, linear, *essential.values()], "up": [shock, up]}


Matrix = dict[Any, dict[Any, Fraction]]


def inverse(q: Mapping[Any, Mapping[Any, Fraction]]) -> Matrix:
    """(I - Q)^-1 by elimination."""
    ids = list(q)
    left = {i: {j: int(i == j) - Fraction(q[i].get(j, 0)) for j in ids} for i in ids}
    right = {i: {j: Fraction(i == j) for j in ids} for i in ids}
    for p in ids:
        swap = next(i for i in ids[ids.index(p) :] if left[i][p])
        left[p], left[swap], right[p], right[swap] = left[swap], left[p], right[swap], right[p]
        by = left[p][p]
        left[p], right[p] = ({j: v / by for j, v in row.items()} for row in (left[p], right[p]))
        for i in ids:
            if i != p and (by := left[i][p]):
                left[i] = {j: v - by * left[p][j] for j, v in left[i].items()}
                right[i] = {j: v - by * right[p][j] for j, v in right[i].items()}
    return right


def esri_linear(q: Mapping[Any, Mapping[Any, Fraction]], weight: Mapping[Any, Any]) -> dict[Any, Fraction]:
    """One channel from its operator, receiver or seller first."""
    chains = inverse(q)
    total = sum(map(Fraction, weight.values()), ZERO)
    return {k: sum((Fraction(weight[i]) * chains[i][k] for i in q), ZERO) / chains[k][k] / total for k in q}


def leontief_totals(a: Mapping[Any, Mapping[Any, Fraction]], f: Mapping[Any, Any]) -> dict[Any, Fraction]:
    """L f."""
    return {i: sum((v * Fraction(f[j]) for j, v in row.items()), ZERO) for i, row in inverse(a).items()}


def hypothetical_extraction(a: Mapping[Any, Mapping[Any, Fraction]], f: Mapping[Any, Any]) -> dict[Any, Fraction]:
    """Output with everyone less output with k's row, column and demand removed, solved anew."""
    before = sum(leontief_totals(a, f).values(), ZERO)
    after = {}
    for k in a:
        rest = {i: {j: v for j, v in row.items() if j != k} for i, row in a.items() if i != k}
        after[k] = sum(leontief_totals(rest, {i: v for i, v in f.items() if i != k}).values(), ZERO)
    return {k: before - after[k] for k in a}


def counterfactual_visits(p: Mapping[Any, Mapping[Any, Fraction]], o: Any, k: Any) -> dict[Any, Fraction]:
    """Row o of the inverse without k, computed anew; 0 at k."""
    rest = {i: {j: v for j, v in row.items() if j != k} for i, row in p.items() if i != k}
    return {**inverse(rest)[o], k: ZERO}
