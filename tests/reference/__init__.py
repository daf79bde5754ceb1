"""What each metric is, slow and exact: dicts and lists of Fractions, no import from ecograph.

Ties are (provider, receiver, weight) or (provider, receiver, weight, relation), with any numbers as weights; a float
counts as the exact fraction it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal, localcontext
from fractions import Fraction
from math import nan, sqrt
from typing import Any

Id = Any
Tie = Sequence[Any]
Operator = dict[Id, dict[Id, Fraction]]

ONE, ZERO = Fraction(1), Fraction(0)


def operator(ties: Iterable[Tie], cost: Mapping[Any, Any] | None = None, leak: Any = 0) -> Operator:
    """P[j][i] = (1 - leak) w_ij / (in_j + cost_j), over ties of weight > 0 between two participants.

    Rows of the same provider, receiver and relation are one tie.
    """
    merged: dict[tuple[Any, ...], Fraction] = {}
    for provider, receiver, weight, *relation in ties:
        key = (provider, receiver, *relation)
        merged[key] = merged.get(key, ZERO) + Fraction(weight)
    amounts: dict[Id, dict[Id, Fraction]] = {}
    for (provider, receiver, *_), weight in merged.items():
        amounts.setdefault(receiver, {})
        amounts.setdefault(provider, {})
        if weight > 0 and provider != receiver:
            row = amounts[receiver]
            row[provider] = row.get(provider, ZERO) + weight
    total = {j: sum(row.values(), ZERO) + Fraction((cost or {}).get(j, 0)) for j, row in amounts.items()}
    keep = 1 - Fraction(leak)
    return {j: {i: keep * w / total[j] for i, w in row.items()} for j, row in amounts.items()}


def upstream(p: Operator, o: Id) -> set[Id]:
    """Everyone that o depends on over some chain; o itself only if a chain leads back."""
    found: set[Id] = set()
    waiting = [o]
    while waiting:
        new = [i for i in p[waiting.pop()] if i not in found]
        found.update(new)
        waiting += new
    return found


def solve(rows: list[list[Fraction]], right: list[Fraction]) -> list[Fraction]:
    """Gauss's elimination without rounding."""
    n = len(rows)
    a = [[*row, b] for row, b in zip(rows, right, strict=True)]
    for c in range(n):
        pivot = next(r for r in range(c, n) if a[r][c])
        a[c], a[pivot] = a[pivot], a[c]
        a[c] = [v / a[c][c] for v in a[c]]
        for r in range(n):
            if r != c and a[r][c]:
                a[r] = [v - a[r][c] * w for v, w in zip(a[r], a[c], strict=True)]
    return [row[n] for row in a]


def ever(p: Operator, target: Id, stop: Iterable[Id] = ()) -> dict[Id, Fraction]:
    """From each participant, the probability that a chain comes to ``target`` before anyone in ``stop``."""
    end = {target, *stop}
    may = [j for j in p if j not in end and target in _reached(p, j, end)]  # the others have probability 0
    column = {j: c for c, j in enumerate(may)}
    rows = [[(ONE if i == j else ZERO) - p[j].get(i, ZERO) for i in may] for j in may]
    found = solve(rows, [p[j].get(target, ZERO) for j in may])
    return {j: ONE if j == target else found[column[j]] if j in column else ZERO for j in p}


def _reached(p: Operator, j: Id, end: set[Id]) -> set[Id]:
    found: set[Id] = set()
    waiting = [j]
    while waiting:
        for i in p[waiting.pop()]:
            if i not in found:
                found.add(i)
                if i not in end:
                    waiting.append(i)
    return found


def direct(p: Operator, o: Id) -> dict[Id, Fraction]:
    """The share of o's inputs that comes straight from each other participant."""
    return {k: p[o].get(k, ZERO) for k in p if k != o}


def reach(p: Operator, o: Id) -> dict[Id, Fraction]:
    """Probability that a chain of dependence from o ever needs k."""
    return {k: ever(p, k)[o] for k in p if k != o}


def first_round(p: Operator, o: Id) -> dict[Id, Fraction]:
    """The same where a chain that comes back to o is lost."""
    return reach({j: {i: v for i, v in row.items() if i != o} for j, row in p.items()}, o)


def back_before(p: Operator, o: Id, k: Id) -> Fraction:
    """Probability that a chain from o is back at o before it comes to k."""
    before = ever(p, o, stop=[k])
    return sum((v * before[i] for i, v in p[o].items()), ZERO)


def rooted(p: Operator, o: Id, restart: Any) -> dict[Id, Fraction]:
    """a sum_t (1 - a)^t (P')^t e_o: what a walk that is lost at leaks and ends leaves at each participant."""
    a, ids = Fraction(restart), list(p)
    rows = [[(ONE if i == j else ZERO) - (1 - a) * p[j].get(i, ZERO) for j in ids] for i in ids]
    found = solve(rows, [a if i == o else ZERO for i in ids])
    return dict(zip(ids, found, strict=True))


def reliance(p: Operator, o: Id, restart: Any) -> dict[str, dict[Id, Fraction]]:
    """Every lens."""
    return {"direct": direct(p, o), "rooted": rooted(p, o, restart), "reach": reach(p, o),
            "first_round": first_round(p, o)}  # fmt: skip


def in_closed_class(p: Operator, j: Id, leaks: Callable[[Id], bool]) -> bool:
    """Does everyone that j depends on depend on j in turn, and does nobody of them leak?"""
    above = upstream(p, j)
    return j in above and all(j in upstream(p, i) and not leaks(i) for i in above)


def hhi(weights: Sequence[Any]) -> float:
    """Sum of squared shares; NaN where there is nothing to share."""
    total = sum(map(Fraction, weights), ZERO)
    return float(sum(((Fraction(w) / total) ** 2 for w in weights), ZERO)) if total else nan


def gini(weights: Sequence[Any]) -> float:
    """Half the mean absolute difference of all ordered pairs, over the mean."""
    amounts = [Fraction(w) for w in weights]
    total = sum(amounts, ZERO)
    if not total:
        return nan
    return float(sum((abs(v - w) for v in amounts for w in amounts), ZERO) / (2 * len(amounts) * total))


def kendall_tau_b(x: Sequence[Any], y: Sequence[Any]) -> float:
    """Concordant less discordant pairs, over the geometric mean of pairs untied in x and in y."""
    pairs = [(p, q) for q in range(len(x)) for p in range(q)]
    signs = [(_sign(x[p], x[q]), _sign(y[p], y[q])) for p, q in pairs]
    untied = sum(a != 0 for a, _ in signs) * sum(b != 0 for _, b in signs)
    return sum(a * b for a, b in signs) / sqrt(untied) if untied else nan


def _sign(a: Any, b: Any) -> int:
    return int(a > b) - int(a < b)


def amounts(ties: Iterable[Tie], ids: Iterable[Id]) -> Operator:
    """w[i][j] of the ties of weight > 0 between two participants; rows of one relation are one tie."""
    merged: dict[tuple[Any, ...], Fraction] = {}
    for provider, receiver, weight, *relation in ties:
        key = (provider, receiver, *relation)
        merged[key] = merged.get(key, ZERO) + Fraction(weight)
    w: Operator = {i: {} for i in ids}
    for (provider, receiver, *_), weight in merged.items():
        if weight > 0 and provider != receiver:
            w[provider][receiver] = w[provider].get(receiver, ZERO) + weight
    return w


def counted(w: Operator) -> Operator:
    """Every arrow 1."""
    return {i: dict.fromkeys(row, ONE) for i, row in w.items()}


def turned(w: Operator) -> Operator:
    """Every arrow the other way round."""
    return {j: {i: w[i][j] for i in w if j in w[i]} for j in w}


def pagerank(
    w: Operator, alpha: Any, restart: Mapping[Any, Any] | None = None, dangling: Mapping[Any, Any] | None = None
) -> dict[Id, Fraction]:
    """The solution of x_j = alpha (sum_i x_i w_ij / out_i + d_j sum over dead ends of x_i) + (1 - alpha) r_j."""
    r = _shares(restart or dict.fromkeys(w, 1))
    d = _shares(dangling) if dangling else r
    a = Fraction(alpha)
    step = {i: {j: v / sum(row.values()) for j, v in row.items()} if row else d for i, row in w.items()}
    rows = [[(ONE if i == j else ZERO) - a * step[i].get(j, ZERO) for i in w] for j in w]
    return dict(zip(w, solve(rows, [(1 - a) * r.get(j, ZERO) for j in w]), strict=True))


def _shares(given: Mapping[Any, Any]) -> dict[Id, Fraction]:
    total = sum(map(Fraction, given.values()), ZERO)
    return {id: Fraction(v) / total for id, v in given.items()}


def katz_centrality(w: Operator, alpha: Any, beta: Mapping[Any, Any]) -> dict[Id, Fraction]:
    """The solution of x_j = alpha sum_i x_i w_ij + beta_j, not normalised."""
    a = Fraction(alpha)
    rows = [[(ONE if i == j else ZERO) - a * w[i].get(j, ZERO) for i in w] for j in w]
    return dict(zip(w, solve(rows, [Fraction(beta.get(j, 0)) for j in w]), strict=True))


def eigenvector_centrality(w: Operator) -> dict[Id, float]:
    """(1 + w')^(2^40) applied to equal values, Euclidean norm 1."""
    shifted = [[_decimal((ONE if i == j else ZERO) + w[i].get(j, ZERO)) for i in w] for j in w]
    x = [float(v) for v in _limit(shifted)]
    return dict(zip(w, [v / sqrt(sum(u * u for u in x)) for v in x], strict=True))


def hits(w: Operator) -> tuple[dict[Id, float], dict[Id, float]]:
    """(w w')^(2^40) applied to equal values, and what authorities get from that; sums 1."""
    product = [[_decimal(sum((v * w[k].get(j, ZERO) for j, v in w[i].items()), ZERO)) for k in w] for i in w]
    h = dict(zip(w, _limit(product), strict=True))
    a = {j: sum((h[i] * _decimal(w[i][j]) for i in w if j in w[i]), Decimal(0)) for j in w}
    return tuple({id: float(v / sum(x.values())) for id, v in x.items()} for x in (h, a))  # type: ignore[return-value]


def _decimal(value: Fraction) -> Decimal:
    with localcontext(prec=80):
        return Decimal(value.numerator) / Decimal(value.denominator)


def _limit(matrix: list[list[Decimal]]) -> list[Decimal]:
    """Row sums of matrix^(2^40) up to a factor, with 80 digits of which the squarings lose some 12."""
    with localcontext(prec=80):
        for _ in range(40):
            columns = list(zip(*matrix, strict=True))
            matrix = [
                [sum((a * b for a, b in zip(row, c, strict=True)), Decimal(0)) for c in columns] for row in matrix
            ]
            top = max(max(row) for row in matrix)
            matrix = [[v / top for v in row] for row in matrix]
        return [sum(row, Decimal(0)) for row in matrix]


def in_strength(w: Operator) -> dict[Id, Fraction]:
    """Sum of what each gets."""
    return {j: sum(row.values(), ZERO) for j, row in turned(w).items()}


def out_strength(w: Operator) -> dict[Id, Fraction]:
    """Sum of what each gives."""
    return {i: sum(row.values(), ZERO) for i, row in w.items()}


def in_degree_centrality(w: Operator) -> dict[Id, Fraction]:
    """Share of the others who give to each."""
    return {j: Fraction(sum(j in row for row in w.values()), len(w) - 1) for j in w}


def out_degree_centrality(w: Operator) -> dict[Id, Fraction]:
    """Share of the others whom each gives to."""
    return {i: Fraction(len(row), len(w) - 1) for i, row in w.items()}


def degree_centrality(w: Operator) -> dict[Id, Fraction]:
    """Both."""
    into, out = in_degree_centrality(w), out_degree_centrality(w)
    return {i: into[i] + out[i] for i in w}


def core_number(w: Operator) -> dict[Id, int]:
    """By definition: for each k leave out whoever has fewer than k arrows to those left, until nobody has."""
    core: dict[Id, int] = {}
    left, k = set(w), 0
    while left:
        weak = {v for v in left if sum((u in w[v]) + (v in w[u]) for u in left) < k + 1}
        core.update(dict.fromkeys(weak, k))
        left -= weak
        k += not weak
    return core


def distances(w: Operator, length: Callable[[Fraction], Fraction]) -> dict[Id, dict[Id, Fraction]]:
    """d[s][t] of every pair with a path, by Floyd and Warshall; d[s][s] = 0."""
    d = {i: {i: ZERO, **{j: length(v) for j, v in row.items()}} for i, row in w.items()}
    for k in w:
        for i in w:
            for j in d[k]:
                if k in d[i] and d[i][k] + d[k][j] < d[i].get(j, d[i][k] + d[k][j] + 1):
                    d[i][j] = d[i][k] + d[k][j]
    return d


def betweenness_centrality(
    w: Operator, length: Callable[[Fraction], Fraction], endpoints: bool = False
) -> dict[Id, Fraction]:
    """Pair by pair from the definition, not normalised: paths through v are paths to v times paths from v."""
    d = distances(w, length)
    paths: dict[tuple[Id, Id], int] = {}
    for s in w:
        for t in sorted(d[s], key=d[s].__getitem__):
            before = [v for v in d[s] if t in w[v] and d[s][v] + length(w[v][t]) == d[s][t]]
            paths[s, t] = sum(paths[s, v] for v in before) if t != s else 1
    between = dict.fromkeys(w, ZERO)
    for s, t in paths:
        for v in w if s != t else ():
            if v in d[s] and t in d[v] and d[s][v] + d[v][t] == d[s][t] and (endpoints or v not in (s, t)):
                between[v] += Fraction(paths[s, v] * paths[v, t], paths[s, t])
    return between


def closeness_centrality(
    w: Operator, length: Callable[[Fraction], Fraction], wf_improved: bool = True
) -> dict[Id, Fraction]:
    """Those who reach u over the sum of their distances; improved: times their share of the others."""
    d, close = distances(w, length), {}
    for u in w:
        far = [d[v][u] for v in w if v != u and u in d[v]]
        close[u] = len(far) / sum(far, ZERO) if far else ZERO
        close[u] *= Fraction(len(far), len(w) - 1) if wf_improved else 1
    return close


def harmonic_centrality(w: Operator, length: Callable[[Fraction], Fraction]) -> dict[Id, Fraction]:
    """Sum of inverse distances of those who reach u."""
    d = distances(w, length)
    return {u: sum((1 / d[v][u] for v in w if v != u and u in d[v]), ZERO) for u in w}


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

    Each round is exact but for a rounding to 2**-200, without which digits double from round to round.
    ``classes`` is {(group of provider, of receiver): 0, 1 or 2}; nobody missing from ``market`` is replaced; ``floor``
    takes a market that offers <= 1e-10 for one that offers 1.
    """
    ids = list(psi)
    w = _sales(ties, ids)
    g = {i: (group or {}).get(i, ("own", i)) for i in ids}
    out = {i: sum((v for (a, _), v in w.items() if a == i), ZERO) for i in ids}
    revenue = {i: out[i] + Fraction((demand or {}).get(i, 0)) for i in ids}
    bought = {j: sum((v for (_, b), v in w.items() if b == j), ZERO) + Fraction((cost or {}).get(j, 0)) for j in ids}
    start = {i: Fraction(psi[i]) for i in ids}
    hd, hu = dict(start), dict(start)
    for _ in range(rounds):
        inputs = {j: _inputs_left(j, w, hd, g, market or {}, classes or {}, out, bought, floor) for j in ids}
        sales = {i: sum((v * hu[j] for (a, j), v in w.items() if a == i), ZERO) for i in ids}
        hd = {j: min(start[j], _cut(inputs[j])) for j in ids}
        hu = {i: min(start[i], _cut(1 - (out[i] - sales[i]) / revenue[i] if out[i] else ONE)) for i in ids}
    return hd, hu


def _sales(ties: Iterable[Tie], ids: Iterable[Id]) -> dict[tuple[Id, Id], Fraction]:
    """What counts of what each sells to each."""
    return {(i, j): v for i, row in amounts(ties, ids).items() for j, v in row.items()}


def _cut(value: Fraction) -> Fraction:
    return Fraction(round(value * 2**200), 2**200)


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
    w = _sales(ties, everyone)
    out = {i: sum((v for (a, _), v in w.items() if a == i), ZERO) for i in everyone}
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
