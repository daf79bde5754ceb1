"""How estimates vary when whole clusters are drawn anew: derivatives by central differences in exact arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from tests.reference import Id, Tie, operator
from tests.reference.uncertainty import STEP


def cluster_covariance(
    parts: Sequence[Tie], clusters: Sequence[Any], squares: Sequence[Any],
    values: Callable[[Any], Mapping[Id, Fraction]], ids: Sequence[Id], leak: Any = 0,
) -> list[list[Fraction]]:  # fmt: skip
    """A cluster's parts grow together, each in proportion to itself; a part without a cluster varies by its square."""
    whole: dict[tuple[Any, ...], Fraction] = {}
    for provider, receiver, weight, *relation in parts:
        key = (provider, receiver, *relation)
        whole[key] = whole.get(key, Fraction(0)) + Fraction(weight)
    live = [t for t, (i, j, _, *r) in enumerate(parts) if whole[i, j, *r] > 0 and i != j]
    groups = {c: {t: Fraction(parts[t][2]) for t in live if clusters[t] == c} for c in clusters if c is not None}
    moves = [(1, direction) for direction in groups.values()]
    moves += [(squares[t], {t: Fraction(1)}) for t in live if clusters[t] is None]
    out = [[Fraction(0)] * len(ids) for _ in ids]
    for square, direction in moves:
        sides = []
        for sign in (1, -1):
            moved = [
                (i, j, Fraction(w) + sign * STEP * direction.get(t, 0), *r) for t, (i, j, w, *r) in enumerate(parts)
            ]
            sides.append(values(operator(moved, None, leak)))
        g = [(sides[0][k] - sides[1][k]) / (2 * STEP) for k in ids]
        for a, ga in enumerate(g):
            for b, gb in enumerate(g):
                out[a][b] += ga * gb * Fraction(square)
    return out
