"""How much does a conductor lose when each of its external resources closes alone, down its inputs and up its sales?"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ecograph.device import Choice
from ecograph.ecosystem import Ecosystem
from ecograph.errors import EcographError
from ecograph.metrics.cascade_network import Essentiality, build
from ecograph.metrics.cascade_run import Shocks, cascades, check_rule, rule_of, where
from ecograph.progress import Progress

__all__ = ["TOL", "criticality_rows"]

TOL = 1e-12  # largest change of a last round


def criticality_rows(
    eco: Ecosystem,
    o: int,
    rows: NDArray[np.int64],
    *,
    essentiality: Essentiality | None = None,
    substitution: str = "off",
    layer: str | None = None,
    relation_weights: Mapping[str, float] | None = None,
    normalise: str | None = None,
    leak: float = 0.0,
    tol: float = TOL,
    device: str = "cpu",
    progress: Progress = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64], Choice]:
    """``down`` = 1 - hd_o and ``up`` = 1 - hu_o after closing each of ``rows`` alone, both in [0, 1]; where, and why.

    With all inputs linear and no substitution, ``down`` is reach f_ok: the chance that a chain of dependence from o
    ever needs k. That holds in closed classes too: for k in a class that o is outside of it is the chance to enter
    the class, and where o sits in a closed class it is 1 for every other member and ranks nothing (there is no
    first-round form). ``leak`` multiplies every share of inputs by 1 - leak, as it does P. Values come from below;
    how far they are from their limits is what ``esri`` calls the error bound, here of the order of ``tol``
    unless hardly anything leaks.
    """
    check_rule(substitution, tol)
    if not 0.0 <= leak < 1.0:
        raise EcographError(f"leak={leak} isn't a share in [0, 1).", hint="leak=0.1: a tenth is bought outside")
    built = build(eco, essentiality, layer, relation_weights, normalise, leak)
    weight = np.zeros(len(eco))
    weight[o] = 1.0
    shocks = Shocks(np.arange(rows.size + 1), rows.astype(np.int32), np.zeros(rows.size))
    chosen, held = where(device, built, shocks, "criticality")
    found = cascades(built, rule_of(substitution, False, tol), shocks, weight, progress, bounds=False, held=held)
    return found["down"].to_numpy(), found["up"].to_numpy(), chosen
