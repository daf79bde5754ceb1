"""What rank has an element of a partial order on average?"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ecograph.errors import EcographError

__all__ = ["expected_ranks"]

MOST = 2_000_000  # sets of first elements: some 10 s and 1 GB


def expected_ranks(above: ArrayLike) -> NDArray[np.float64]:
    r"""Mean rank of each element over all linear extensions of a partial order.

    .. math:: E_k = \frac{1}{|L|} \sum_{l \in L} rank_l(k)

    Where some pairs of resources can be told apart and others can't, this is the one number that the known order
    leaves: every total order that agrees with it counts the same.

    Parameters
    ----------
    above : (n, n) booleans, ``above[i, j]``: i stands before j. Need not be transitive.

    Returns
    -------
    (n,) float64 in [1, n]; 1 is the topmost. Without any order all are (n + 1) / 2; they always sum to n (n + 1) / 2.

    Raises
    ------
    EcographError : not a square matrix, a circle in the order, or more than 2,000,000 sets of first elements.

    Notes
    -----
    Counts in whole numbers over the sets that can be the first so many: O(n sets) time; a chain has n + 1 sets, no
    order at all 2^n.

    Examples
    --------
    1 before 3, 4 and 5; 2 before 4; 3 before 5 (nine orders agree):

    >>> above = np.zeros((5, 5), bool)
    >>> above[[0, 0, 0, 1, 2], [2, 3, 4, 3, 4]] = True
    >>> expected_ranks(above).round(4).tolist()
    [1.3333, 2.1111, 2.8889, 4.2222, 4.4444]

    References
    ----------
    .. [1] R. Bruggemann, P. Annoni, "Average heights in partially ordered sets", MATCH 71 (2014), 117.
    """
    order = np.asarray(above, np.bool_)
    if order.ndim != 2 or order.shape[0] != order.shape[1]:
        raise EcographError(f"above has the shape {order.shape}.", hint="one row and one column for each element")
    before = [sum(1 << int(i) for i in np.flatnonzero(column)) for column in order.T]
    up = _ways_from_the_top(before)
    n, full = len(before), (1 << len(before)) - 1
    down = {full: 1}
    sums = [0] * n
    for first in sorted(up, key=int.bit_count, reverse=True):
        ways = down.get(first, 0)
        for k in range(n):
            bit = 1 << k
            if first & bit and (rest := first ^ bit) in up and before[k] & ~rest == 0:
                down[rest] = down.get(rest, 0) + ways
                sums[k] += first.bit_count() * up[rest] * ways
    return np.array([total / up[full] for total in sums], np.float64)


def _ways_from_the_top(before: list[int]) -> dict[int, int]:
    """For each set that can come first: in how many orders; sets are the bits of a whole number."""
    n = len(before)
    layer: dict[int, int] = {0: 1}
    out: dict[int, Any] = dict(layer)
    for _ in range(n):
        following: dict[int, int] = {}
        for first, ways in layer.items():
            for k in range(n):
                if not first >> k & 1 and before[k] & ~first == 0:
                    more = first | 1 << k
                    following[more] = following.get(more, 0) + ways
        if not following:
            raise EcographError("The order has a circle: some element is above itself.", hint="look at above & above.T")
        layer = following
        out |= layer
        if len(out) > MOST:
            raise EcographError(
                f"More than {MOST:,} sets of elements can come first.",
                hint="ask for fewer elements: the order says little",
            )
    return out
