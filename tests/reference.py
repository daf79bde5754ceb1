"""What each metric is, slow and exact: dicts and lists of Fractions, no import from ecograph.

Ties are (provider, receiver, weight) or (provider, receiver, weight, relation), with any numbers as weights; a float
counts as the exact fraction it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
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
