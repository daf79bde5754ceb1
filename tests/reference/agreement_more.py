"""Overlap of ranked lists and stability under loss of events, from their definitions in exact fractions."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from fractions import Fraction
from typing import Any

from tests.reference import ONE, ZERO

Groups = Sequence[Collection[Any]]


def groups_of_scores(scores: Sequence[Any]) -> list[set[int]]:
    """Items by falling score, equal ones together."""
    return [{i for i, other in enumerate(scores) if other == score} for score in sorted(set(scores), reverse=True)]


def rbo(x: Groups, y: Groups, p: Any) -> Fraction:
    """RBO_ext of two lists of groups of tied items; tied ones all stand at the first rank of their group."""
    p = Fraction(p)
    short, long = sorted((x, y), key=_length)
    s, l = _length(short), _length(long)  # noqa: E741
    at_s = _agreement(short, long, s)
    total = ZERO
    for d in range(1, l + 1):
        common = len(_seen(short, d) & _seen(long, d)) + (d - s) * at_s
        a = _agreement(short, long, d) if d <= s else 2 * common / (d + len(_seen(long, d)))
        total += (1 - p) / p * a * p**d
    behind: Fraction = (len(_seen(short, l) & _seen(long, l)) + (l - s) * at_s) / l
    tail: Fraction = behind * p**l
    return total + tail


def _length(groups: Groups) -> int:
    return sum(map(len, groups))


def _seen(groups: Groups, depth: int) -> set[Any]:
    """Items at ranks up to depth: whole groups that begin there."""
    out: set[Any] = set()
    for group in groups:
        if len(out) >= depth:
            break
        out |= set(group)
    return out


def _agreement(x: Groups, y: Groups, depth: int) -> Fraction:
    a, b = _seen(x, depth), _seen(y, depth)
    return Fraction(2 * len(a & b), len(a) + len(b))


def spearman_at_least(x: Sequence[Any], y: Sequence[Any], least: Any) -> bool:
    """Is the correlation of average ranks >= least, 0 <= least? Exactly; no where one is constant."""
    a, b = _ranks(x), _ranks(y)
    xx, yy, xy = _product(a, a), _product(b, b), _product(a, b)
    return xx * yy > 0 and xy >= 0 and xy * xy >= Fraction(least) ** 2 * xx * yy


def _ranks(values: Sequence[Any]) -> list[Fraction]:
    return [sum((Fraction(v > w) + Fraction(v == w, 2) for w in values), ZERO) for v in values]


def _product(a: Sequence[Fraction], b: Sequence[Fraction]) -> Fraction:
    return len(a) * sum((u * v for u, v in zip(a, b, strict=True)), ZERO) - sum(a, ZERO) * sum(b, ZERO)


def cs_coefficient(
    original: Sequence[Any], samples: Mapping[Any, Sequence[Sequence[Any] | None]], level: Any, correlation: Any
) -> Any:
    """The largest share at which, and at all smaller ones, enough samples keep the correlation; None failed."""
    found: Any = 0
    for share in sorted(samples):
        kept = [it is not None and spearman_at_least(original, it, correlation) for it in samples[share]]
        if Fraction(sum(kept), len(kept)) < min(Fraction(level), ONE):
            break
        found = share
    return found
