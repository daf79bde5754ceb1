"""How concentrated are a receiver's inputs over its providers?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ecograph.cpu import concentration as kernels
from ecograph.ecosystem import Ecosystem
from ecograph.metrics.operator import arrows

__all__ = ["gini", "hhi"]


def hhi(
    eco: Ecosystem,
    *,
    layer: str | None = None,
    relation_weights: Mapping[str, float] | None = None,
    normalise: str | None = None,
) -> NDArray[np.float64]:
    r"""Herfindahl-Hirschman index of every receiver.

    .. math:: H_j = \sum_i (w_{ij} / in_j)^2, \qquad in_j = \sum_i w_{ij}

    Parameters
    ----------
    eco : the ecosystem, or a view of it; only ties of weight > 0 that are no self-ties count.
    layer : "service", "money", or None for both.
    relation_weights, normalise : how amounts of different units are joined; as for ``reliance``.

    Returns
    -------
    (n,) float64, in the order of ``eco.ids``. Dimensionless: between 1/k and 1 for k providers (parallel ties of
    one provider are added up first). NaN for a participant without providers.

    Raises
    ------
    UnitError : the relations have different units and nothing says how to join them.
    WindowError : no tie of the view counts.

    Notes
    -----
    O(ties) time. Relative error about (3k + 1) u, u = 2**-53.

    Examples
    --------
    >>> eco = Ecosystem.from_ties({"provider": ["a", "b", "c"], "receiver": ["o"] * 3, "weight": [5, 3, 2]})
    >>> round(float(hhi(eco)[eco.row_of("o")]), 12)
    0.38

    References
    ----------
    .. [1] A. O. Hirschman, "The Paternity of an Index", American Economic Review 54 (1964), 761.
    """
    found = arrows(eco, layer=layer, relation_weights=relation_weights, normalise=normalise)
    return kernels.hhi_rows(found.ptr, found.amount)


def gini(
    eco: Ecosystem,
    *,
    layer: str | None = None,
    relation_weights: Mapping[str, float] | None = None,
    normalise: str | None = None,
) -> NDArray[np.float64]:
    r"""Gini coefficient of the amounts that each receiver gets from its providers, population form.

    .. math:: G_j = \frac{\sum_i (2 i - k - 1) w_{(i)}}{k \sum_i w_{(i)}}, \qquad w_{(1)} \le \dots \le w_{(k)}

    Parameters
    ----------
    eco : the ecosystem, or a view of it; only ties of weight > 0 that are no self-ties count.
    layer : "service", "money", or None for both.
    relation_weights, normalise : how amounts of different units are joined; as for ``reliance``.

    Returns
    -------
    (n,) float64, in the order of ``eco.ids``. Dimensionless: from 0 (all k providers give the same, or k = 1) to
    1 - 1/k. NaN for a participant without providers.

    Raises
    ------
    UnitError : the relations have different units and nothing says how to join them.
    WindowError : no tie of the view counts.

    Notes
    -----
    O(ties log ties) time. Absolute error about 2 k u, u = 2**-53. The sample form is k / (k - 1) times this.

    Examples
    --------
    >>> eco = Ecosystem.from_ties({"provider": ["a", "b", "c"], "receiver": ["o"] * 3, "weight": [5, 3, 2]})
    >>> round(float(gini(eco)[eco.row_of("o")]), 12)
    0.2

    References
    ----------
    .. [1] C. Gini, "Variabilita e mutabilita" (1912); form of C. Dagum, "Gini ratio", The New Palgrave (1987).
    """
    found = arrows(eco, layer=layer, relation_weights=relation_weights, normalise=normalise)
    return kernels.gini_rows(found.ptr, found.amount)
