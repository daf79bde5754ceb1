"""Lenses of reliance that follow arrows, and betweenness from some searches: slow, exact, by their definitions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from math import nan
from typing import Any

from tests.reference import ONE, ZERO, Id, Operator, Tie, amounts, distances

Length = Callable[[Fraction], Fraction]


def reached(p: Operator, o: Id, without: Id = None) -> set[Id]:
    """Everyone on chains from o that avoid ``without``; not o itself."""
    found, waiting = {o}, [o]
    while waiting:
        fresh = {i for i in p[waiting.pop()] if i not in found and i != without}
        found |= fresh
        waiting += sorted(fresh)
    return found - {o}


def dependency(p: Operator, o: Id, length: Length) -> dict[Id, Fraction]:
    """Over all others t, the part of the shortest paths from o to t that pass each v other than o and t."""
    d = distances(p, length)
    paths: dict[tuple[Id, Id], int] = {}
    for s in p:
        for t in sorted(d[s], key=d[s].__getitem__):
            before = [v for v in d[s] if t in p[v] and d[s][v] + length(p[v][t]) == d[s][t]]
            paths[s, t] = sum(paths[s, v] for v in before) if t != s else 1
    out = dict.fromkeys(p, ZERO)
    for t in d[o]:
        for v in d[o]:
            if v not in (o, t) and t in d[v] and d[o][v] + d[v][t] == d[o][t]:
                out[v] += Fraction(paths[o, v] * paths[v, t], paths[o, t])
    return out


def brokerage(p: Operator, o: Id, length: Length) -> dict[Id, Fraction]:
    """The dependency of o over the number of others that it reaches less one."""
    r = len(reached(p, o))
    return {v: value / (r - 1) if r > 1 else ZERO for v, value in dependency(p, o, length).items()}


def captive(p: Operator, o: Id) -> dict[Id, Fraction]:
    """By taking each k away: who can't be reached any more."""
    everyone = reached(p, o)
    out = dict.fromkeys(p, ZERO)
    if len(everyone) > 1:
        for k in everyone:
            lost = everyone - {k} - reached(p, o, without=k)
            out[k] = Fraction(len(lost), len(everyone) - 1)
    return out


def substitutability(
    ties: Iterable[Tie],
    ids: Iterable[Id],
    o: Id,
    group: Mapping[Any, Any],
    capacity: Mapping[Any, Any],
) -> dict[Id, Fraction | float]:
    """What others of the group spare over what is needed, at most 1; who is missing from ``group`` has no others."""
    w = amounts(ties, ids)
    out = {i: sum(row.values(), ZERO) for i, row in w.items()}
    found: dict[Id, Fraction | float] = {}
    for k in w:
        members = [i for i in w if i == k or (k in group and group.get(i) == group[k])]
        if out[k] == 0 or k == o:
            found[k] = nan
        elif any(i in capacity for i in members):
            spare = [max(ZERO, Fraction(capacity[i]) - out[i]) for i in members if i != k and i in capacity]
            found[k] = min(ONE, sum(spare, ZERO) / w[k].get(o, out[k]))
        else:
            found[k] = 1 - out[k] / sum(out[i] for i in members)
    return found


def sampled_betweenness(
    w: Operator, sources: Sequence[Id], length: Length
) -> tuple[dict[Id, Fraction], dict[Id, Fraction]]:
    """Mean and sample variance, over the sources, of each dependency over n - 2."""
    rows = {s: dependency(w, s, length) for s in sorted(set(sources))}
    mean, variance = {}, {}
    for v in w:
        x = [rows[s][v] / (len(w) - 2) for s in sources]
        mean[v] = sum(x, ZERO) / len(x)
        variance[v] = sum(((each - mean[v]) ** 2 for each in x), ZERO) / (len(x) - 1)
    return mean, variance
