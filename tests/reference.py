"""What each metric is, slow and exact: dicts and lists of Fractions, no import from ecograph.

Ties are (provider, receiver, weight) or (provider, receiver, weight, relation), with any numbers as weights; a float
counts as the exact fraction it is.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

Id = Hashable
Tie = Sequence[Any]

ONE, ZERO = Fraction(1), Fraction(0)


def cascade_states(
    ties: Iterable[Tie],
    psi: Mapping[Any, Any],
    rounds: int,
    *,
    group: Mapping[Any, Any] | None = None,
    market: Mapping[Any, Any] | None = None,
    classes: Mapping[Any, int] | None = None,
    cost: Mapping[Any, Any] | None = None,
    demand: Mapping[Any, Any] | None = None,
    floor: bool = False,
) -> tuple[dict[Id, Fraction], dict[Id, Fraction]]:
    """What is left of each capacity after so many Jacobi rounds: through inputs, and through customers.

    ``classes`` is {(group of provider, of receiver): 0, 1 or 2}; nobody missing from ``market`` is replaced; ``floor``
    takes a market that offers <= 1e-10 for one that offers 1.
    """
    w: dict[tuple[Id, Id], Fraction] = {}
    for i, j, weight, *_ in ties:
        if weight > 0 and i != j:
            w[i, j] = w.get((i, j), ZERO) + Fraction(weight)
    ids = list(psi)
    g = {i: (group or {}).get(i, ("own", i)) for i in ids}
    out = {i: sum((v for (a, _), v in w.items() if a == i), ZERO) for i in ids}
    revenue = {i: out[i] + Fraction((demand or {}).get(i, 0)) for i in ids}
    bought = {j: sum((v for (_, b), v in w.items() if b == j), ZERO) + Fraction((cost or {}).get(j, 0)) for j in ids}
    start = {i: Fraction(psi[i]) for i in ids}
    hd, hu = dict(start), dict(start)
    for _ in range(rounds):
        hd, hu = (
            {j: min(start[j], _inputs_left(j, w, hd, g, market or {}, classes or {}, out, bought, floor)) for j in ids},
            {i: min(start[i], max(ZERO, 1 - sum(((v / revenue[i]) * (1 - hu[j]) for (a, j), v in w.items() if a == i),
                                                ZERO))) for i in ids},
        )  # fmt: skip
    return hd, hu


def _inputs_left(
    j: Id,
    w: dict[tuple[Id, Id], Fraction],
    hd: dict[Id, Fraction],
    g: dict[Id, Any],
    market: Mapping[Any, Any],
    classes: Mapping[Any, int],
    out: dict[Id, Fraction],
    bought: dict[Id, Fraction],
    floor: bool,
) -> Fraction:
    lost: dict[Any, Fraction] = {"linear": ZERO}
    for i in [a for a, b in w if b == j]:
        offers = sum((out[k] * hd[k] for k in out if i in market and market.get(k) == market[i]), ZERO)
        if floor and offers <= Fraction(1e-10):
            offers = ONE
        s = out[i] / max(out[i], offers) if i in market else ONE
        kind = classes.get((g[i], g[j]), 1)
        same = sum((v for (a, b), v in w.items() if b == j and g[a] == g[i]), ZERO)
        share = {0: ZERO, 1: w[i, j] / bought[j], 2: w[i, j] / same}[kind]
        key = ("essential", g[i]) if kind == 2 else "linear"
        lost[key] = lost.get(key, ZERO) + s * share * (1 - hd[i])
    return max(ZERO, 1 - max(lost.values()))


def cascade_loss(
    weight: Mapping[Any, Any], states: tuple[dict[Id, Fraction], dict[Id, Fraction]]
) -> tuple[Fraction, Fraction, Fraction]:
    """Weighted means of what is lost: in all, through inputs, through customers."""
    hd, hu = states
    total = sum(map(Fraction, weight.values()), ZERO)
    share = {i: Fraction(v) / total for i, v in weight.items()}
    each = [
        {i: 1 - min(hd[i], hu[i]) for i in hd},
        {i: 1 - v for i, v in hd.items()},
        {i: 1 - v for i, v in hu.items()},
    ]
    whole, down, up = (sum((v * loss[i] for i, v in share.items()), ZERO) for loss in each)
    return whole, down, up


def esri(
    ties: Sequence[Tie], ids: Iterable[Id], rounds: int, **options: Any
) -> dict[Id, tuple[Fraction, Fraction, Fraction]]:
    """The same for the closure of each, weighed by what each one sells."""
    everyone = list(ids)
    out = {i: sum((Fraction(v) for a, b, v, *_ in ties if a == i and b != i and v > 0), ZERO) for i in everyone}
    return {
        k: cascade_loss(out, cascade_states(ties, {i: int(i != k) for i in everyone}, rounds, **options))
        for k in everyone
    }


def eps_sensitivity(
    ties: Sequence[Tie], ids: Iterable[Id], eps: Any, **options: Any
) -> dict[Id, tuple[Fraction, Fraction, Fraction]]:
    """``esri`` in the published style: each closure stops at the first round without a decrease above eps."""
    everyone, found = list(ids), {}
    for k in everyone:
        psi = {i: int(i != k) for i in everyone}
        rounds, fall = 0, ONE
        while fall > Fraction(eps):
            before = cascade_states(ties, psi, rounds, floor=True, **options)
            rounds += 1
            after = cascade_states(ties, psi, rounds, floor=True, **options)
            fall = max(old[i] - new[i] for old, new in zip(before, after, strict=True) for i in everyone)
        found[k] = esri(ties, everyone, rounds, floor=True, **options)[k]
    return found
