"""Do two rankings agree?"""

from __future__ import annotations

from math import nan, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ecograph.cpu.agreement import inversions
from ecograph.errors import EcographError

__all__ = ["kendall_tau_b"]


def kendall_tau_b(x: ArrayLike, y: ArrayLike) -> float:
    r"""Kendall's tau-b: agreement of two rankings with ties.

    .. math:: \tau_b = \frac{C - D}{\sqrt{(n_0 - n_x)(n_0 - n_y)}}

    with C concordant and D discordant pairs, n_0 = n (n - 1) / 2 and n_x, n_y the pairs tied in x, in y.

    Parameters
    ----------
    x, y : (n,) values of the same items, in any unit; only their order counts. No NaN.

    Returns
    -------
    float
        In [-1, 1]: 1 for the same order, -1 for the opposite one. NaN where one of them is constant or n < 2.

    Raises
    ------
    EcographError : the lengths differ, or a value is NaN.

    Notes
    -----
    O(n log n) time. Pairs are counted in whole numbers; only the last division rounds.

    Examples
    --------
    >>> kendall_tau_b([1, 2, 3, 4], [1, 2, 4, 3])
    0.6666666666666666
    >>> round(kendall_tau_b([1, 1, 2, 3], [1, 2, 3, 3]), 6)  # C = 4, D = 0, one pair tied in each
    0.8

    References
    ----------
    .. [1] M. G. Kendall, "The Treatment of Ties in Ranking Problems", Biometrika 33 (1945), 239.
    .. [2] W. R. Knight, J. Am. Stat. Assoc. 61 (1966), 436: counting by sorting.
    """
    a, b = _codes(np.asarray(x)), _codes(np.asarray(y))
    if a.size != b.size:
        raise EcographError(f"Rankings of {a.size} and {b.size} items can't be compared.")
    order = np.lexsort((b, a))
    discordant = inversions(np.ascontiguousarray(b[order]), int(b.max(initial=0)))
    pairs = a.size * (a.size - 1) // 2
    in_x, in_y, in_both = _pairs(a), _pairs(b), _pairs(a * (int(b.max(initial=0)) + 1) + b)
    scale = (pairs - in_x) * (pairs - in_y)
    return (pairs - in_x - in_y + in_both - 2 * discordant) / sqrt(scale) if scale else nan


def _codes(values: NDArray[np.generic]) -> NDArray[np.int64]:
    if np.isnan(values.astype(np.float64)).any():
        raise EcographError("A ranking holds NaN.", hint="leave out what has no value")
    codes: NDArray[np.int64] = np.unique(values, return_inverse=True)[1].reshape(-1).astype(np.int64) + 1
    return codes


def _pairs(code: NDArray[np.int64]) -> int:
    counts = np.unique(code, return_counts=True)[1]
    return sum(int(c) * (int(c) - 1) // 2 for c in counts)
