"""Do two ranked lists hold the same items near their tops?"""

from __future__ import annotations

from collections.abc import Collection
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecograph.errors import EcographError
from ecograph.html import quoted

__all__ = ["rbo"]


def rbo(x: Any, y: Any, p: float = 0.9) -> float:
    r"""Rank-biased overlap of two ranked lists, extrapolated (RBO_ext), with ties.

    .. math:: (1 - p) \sum_{d=1}^{l} A_d p^{d-1} + A_\infty p^l, \qquad
              A_d = \frac{2 X_d}{|S_{:d}| + |L_{:d}|}

    with X_d the items that both lists have at ranks up to d. Tied items all stand at the first rank of their group,
    so a list may have more than d items there. Behind the end s of the shorter list, the items that it doesn't show
    are taken to agree as the first s do: X_d + (d - s) A_s. Behind both ends agreement stays (X_l + (l - s) A_s) / l.

    Parameters
    ----------
    x, y : both lists of ids, best first, where a set, list or tuple of ids is a group of tied ones; or both (n,)
        scores of the same n items, item by item, of which the largest is first and equal ones are tied.
    p : in (0, 1), chance to look one rank further: the first 1 / (1 - p) ranks have most of the weight.

    Returns
    -------
    float
        In [0, 1]: 1 for the same list, ties and all, or one that goes on from the other; 0 for lists without a
        common item.

    Raises
    ------
    EcographError : p outside (0, 1), an empty list, an item twice in a list, a NaN, ids against scores, or scores
        of different numbers of items.

    Notes
    -----
    O(n) after sorting. A chain of weighted means: the relative error is below 4 (n + 1) 2**-53. Ties are
    read as equal ranks (RBO^w), not as an order that isn't known (RBO^a): ``rbo(x, x)`` is 1.

    Examples
    --------
    >>> rbo(["a", "b"], ["b", "a"], p=0.5)  # 0.5 * 0 + 0.25 * 1 + 0.25 * 1
    0.5
    >>> rbo([3.0, 2.0, 2.0], [3.0, 2.0, 1.0], p=0.5)  # 0.5 * 1 + 0.25 * 4/5 + 0.125 * 1 + 0.125 * 1
    0.95

    References
    ----------
    .. [1] W. Webber, A. Moffat, J. Zobel, "A Similarity Measure for Indefinite Rankings", ACM TOIS 28 (2010), 20.
    .. [2] M. Corsi, J. Urbano, "The Treatment of Ties in Rank-Biased Overlap", SIGIR (2024): RBO^w.
    """
    if not 0.0 < p < 1.0:
        raise EcographError(f"p={p!r} isn't in (0, 1).", hint="p=0.9: the first ten ranks have most of the weight")
    short, long = sorted(_lists(x, y), key=len)
    return _extrapolated(short, long, p)


def _extrapolated(short: dict[Any, int], long: dict[Any, int], p: float) -> float:
    """From the ranks of the items of each list."""
    s, depth = len(short), len(long)
    at = [max(rank, long[item]) for item, rank in short.items() if item in long]
    common, n_short, n_long = (_up_to(ranks, depth) for ranks in (at, short.values(), long.values()))
    d = np.arange(1, depth + 1)
    behind = np.maximum(d - s, 0)
    at_s = 2.0 * common[s - 1] / (n_short[s - 1] + n_long[s - 1])
    agreement = 2.0 * (common + behind * at_s) / (n_short + behind + n_long)
    value = float((common[-1] + (depth - s) * at_s) / depth)
    for a in agreement[::-1].tolist():  # Horner: each step is a mean of numbers in [0, 1]
        value = (1.0 - p) * a + p * value
    return min(value, 1.0)


def _up_to(ranks: Collection[int], depth: int) -> NDArray[np.int64]:
    """How many of the ranks, 1 to depth, are at most 1, 2, ..., depth."""
    counts = np.bincount(np.fromiter(ranks, np.int64, len(ranks)), minlength=depth + 1)
    return np.cumsum(counts)[1:].astype(np.int64)


def _lists(x: Any, y: Any) -> tuple[dict[Any, int], dict[Any, int]]:
    """For each list, its items with their ranks; tied ones have the first rank of their group."""
    if isinstance(x, str) or isinstance(y, str):
        raise EcographError("A text is no ranked list.", hint='rbo(["a", "b"], ["b", "a"])')
    first, second = list(x), list(y)
    if not first or not second:
        raise EcographError("An empty list has no overlap with anything.", hint="compare lists of one item or more")
    scored = [all(isinstance(it, Real) for it in items) for items in (first, second)]
    if scored[0] != scored[1]:
        raise EcographError("One list holds numbers, which are scores, and the other ids.", hint="make ids texts")
    if not scored[0]:
        return _of_ids(first), _of_ids(second)
    if len(first) != len(second):
        raise EcographError(f"Scores of {len(first)} and {len(second)} items can't be compared.",
                            hint="numbers are scores of the same items; make ids texts")  # fmt: skip
    return _of_scores(first), _of_scores(second)


def _of_ids(items: list[Any]) -> dict[Any, int]:
    ranks: dict[Any, int] = {}
    for entry in items:
        group = list(entry) if isinstance(entry, set | frozenset | list | tuple) else [entry]
        rank = len(ranks) + 1
        for item in group:
            if item in ranks or item != item:
                raise EcographError(f"{quoted([str(item)])} stands twice in a list, or is no id.")
            ranks[item] = rank
    if not ranks:
        raise EcographError("An empty list has no overlap with anything.", hint="compare lists of one item or more")
    return ranks


def _of_scores(scores: list[Any]) -> dict[Any, int]:
    values = np.asarray(scores, np.float64)
    if np.isnan(values).any():
        raise EcographError("A score is NaN.", hint="leave out what has no value, in both lists")
    order = np.argsort(-values, kind="stable")
    falling = -values[order]
    ranks = np.searchsorted(falling, falling, side="left") + 1
    return dict(zip(order.tolist(), ranks.tolist(), strict=True))
