"""How estimates vary with the weights of ties: derivatives by central differences in exact arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from itertools import permutations
from typing import Any

from tests.reference import Id, Tie, operator

STEP = Fraction(1, 10**40)  # relative: the derivative of a rational function is off by its square


def covariance(
    ties: Sequence[Tie], squares: Sequence[Any], values: Callable[[Any], Mapping[Id, Fraction]], ids: Sequence[Id],
    cost: Mapping[Any, Any] | None = None, leak: Any = 0,
) -> list[list[Fraction]]:  # fmt: skip
    """Sum over ties of (d value_k / d weight) (d value_l / d weight) square; ``values`` takes an operator.

    Each tie is a row of its own: no two of one provider, receiver and relation.
    """
    out = [[Fraction(0)] * len(ids) for _ in ids]
    for t, (tie, square) in enumerate(zip(ties, squares, strict=True)):
        if Fraction(tie[2]) <= 0 or tie[0] == tie[1]:
            continue
        h = Fraction(tie[2]) * STEP
        sides = []
        for sign in (1, -1):
            moved = [*ties[:t], (tie[0], tie[1], Fraction(tie[2]) + sign * h, *tie[3:]), *ties[t + 1 :]]
            sides.append(values(operator(moved, cost, leak)))
        g = [(sides[0][k] - sides[1][k]) / (2 * h) for k in ids]
        for a, ga in enumerate(g):
            for b, gb in enumerate(g):
                out[a][b] += ga * gb * Fraction(square)
    return out


def expected_ranks(above: Sequence[Sequence[bool]]) -> list[Fraction]:
    """Mean rank over all orders in which nobody stands before one that is above it; rank 1 is the topmost."""
    n = len(above)
    orders = [
        order
        for order in permutations(range(n))
        if not any(above[order[q]][order[p]] for q in range(n) for p in range(q))
    ]
    return [Fraction(sum(order.index(k) + 1 for order in orders), len(orders)) for k in range(n)]
