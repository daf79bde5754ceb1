"""How many events may go before a lens tells another story?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import nan, sqrt
from typing import Any, TypeAlias

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ecograph.ecosystem import Ecosystem
from ecograph.errors import EcographError
from ecograph.ledger import Ledger
from ecograph.metrics.ranking import Bounds, codes
from ecograph.metrics.reliance import reliance
from ecograph.metrics.resample import drop_events
from ecograph.progress import Progress, track
from ecograph.provenance import record

__all__ = ["Stability", "cs_coefficient"]

F8Array: TypeAlias = NDArray[np.float64]
SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


@dataclass(frozen=True, eq=False)
class Stability:
    """The correlation-stability coefficient, and what it was found from.

    Parameters
    ----------
    coefficient : the largest share of events that may be dropped, of those tried; 0 where none may.
    table : one row a share: ``share``, ``kept`` (share of replicates whose correlation is high enough), ``mean`` and
        ``low`` (5 % quantile) of the correlations there are, ``failed`` (replicates without one).
    failures : (share, replicate, what went wrong), of replicates in which nothing could be computed.
    provenance : parameters, and where the data came from.
    """

    coefficient: float
    table: pl.DataFrame
    failures: tuple[tuple[float, int, str], ...] = ()
    provenance: dict[str, Any] = field(default_factory=dict)


def cs_coefficient(
    eco: Ecosystem,
    conductor: str,
    lens: str = "reach",
    *,
    shares: Sequence[float] = SHARES,
    replicates: int = 100,
    level: float = 0.95,
    correlation: float = 0.7,
    seed: int = 0,
    role: str | None = None,
    layer: str | None = None,
    relation_weights: Mapping[str, float] | None = None,
    normalise: str | None = None,
    device: str = "auto",
    progress: Progress = None,
) -> Stability:
    """Correlation-stability coefficient of a lens: how many events may be dropped.

    The largest share such that, there and at every smaller share tried, the lens over all candidates keeps a
    Spearman correlation of at least ``correlation`` with the lens on all events, in a share ``level`` of replicates.

    Parameters
    ----------
    eco : ties with ``count``.
    conductor : id of the participant whose reliance it is.
    lens : "direct", "rooted" or "reach".
    shares : of events dropped, each in (0, 1).
    replicates : how many times events are dropped, for each share.
    level : share of replicates that must keep the correlation, in (0, 1].
    correlation : the least correlation, in [0, 1].
    seed : of the draws, in [0, 2**64).
    role, layer, relation_weights, normalise, device : as for ``reliance``.
    progress : True for a bar, or a callable of (label, done, total).

    Returns
    -------
    Stability
        ``coefficient`` is one of ``shares`` or 0; ``table`` has mean and 5 % quantile of the correlations. Above 0.5
        is called stable and below 0.25 not to be interpreted [1]_.

    Raises
    ------
    EcographError : no ``count``, a lens that is the same for all candidates, or an impossible parameter; and
        whatever ``reliance`` raises for all events.

    Notes
    -----
    A candidate that chains no longer reach has 0. A replicate without a result (the conductor has lost its
    providers) or with the same value for all hasn't kept the correlation. Values that agree to the solver's bound
    are tied. Cases are events here, where [1]_ drops persons. Without the words "every smaller", chance could pass
    a large share after a smaller one failed; where that doesn't happen, both are the same.

    ``len(shares) * replicates`` times ``reliance``; "reach" solves every candidate on a circle of dependence.

    Examples
    --------
    Nine tenths of 30,000, 20,000 and 10,000 events can go without a change of order, but not of 3, 2 and 1:

    >>> ties = {"provider": ["a", "b", "c"], "receiver": ["o"] * 3, "weight": [3.0, 2.0, 1.0]}
    >>> many, few = (Ecosystem.from_ties(ties | {"count": c}) for c in ([30_000, 20_000, 10_000], [3, 2, 1]))
    >>> [cs_coefficient(it, "o", "direct", shares=[0.5, 0.9], replicates=20).coefficient for it in (many, few)]
    [0.9, 0.0]

    References
    ----------
    .. [1] S. Epskamp, D. Borsboom, E. I. Fried, "Estimating Psychological Networks and their Accuracy", Behavior
       Research Methods 50 (2018), 195.
    """
    tried = _check(shares, replicates, level, correlation)
    options = {"role": role, "layer": layer, "relation_weights": relation_weights, "normalise": normalise}
    asked: dict[str, Any] = {"lenses": [lens], "by": lens, "top": len(eco), "device": device, "intervals": "none"}
    asked |= options
    whole = reliance(eco, conductor, **asked)
    rows = eco.rows_of(whole.table["id"].to_list())
    original = _ranks(whole.table[whole.by].to_numpy(), whole.certificate.bound)
    if np.unique(original).size < 2:
        raise EcographError(
            f"{whole.by} is the same for all {rows.size:,} candidates: there is no order that could be stable.",
            hint='try another lens ("direct", "rooted", "reach"), or leave role= out',
        )
    asked["feedback"] = whole.by != "first_round"  # the same question each time, whatever class the conductor is in
    lines, failures = [], []
    with track(progress, "replicates", len(tried) * replicates) as tick:
        for k, share in enumerate(tried):
            found = np.full(replicates, nan)
            for r in range(replicates):
                dropped = drop_events(eco, share, seed, r)
                try:
                    ledger = reliance(dropped, conductor, **asked)
                    found[r] = _correlation(original, _ranks(_values(eco, ledger)[rows], ledger.certificate.bound))
                except EcographError as error:
                    failures.append((share, r, str(error)))
                tick(k * replicates + r + 1)
            lines.append(_line(share, found, correlation))
    parameters = {"conductor": conductor, "lens": lens, "shares": tried, "replicates": replicates, "level": level,
                  "correlation": correlation, "seed": seed, "device": device, **options}  # fmt: skip
    provenance = record(**parameters) | {"function": "ecograph.metrics.cs_coefficient", "ecosystem": eco.provenance}
    return Stability(_coefficient(lines, level), pl.DataFrame(lines), tuple(failures), provenance)


def _check(shares: Sequence[float], replicates: int, level: float, correlation: float) -> list[float]:
    tried = sorted({float(share) for share in shares})
    if not tried or not all(0.0 < share < 1.0 for share in tried):
        raise EcographError(f"shares={list(shares)} aren't shares in (0, 1).", hint="shares=(0.1, 0.2, 0.3)")
    if isinstance(replicates, bool) or not isinstance(replicates, int | np.integer) or replicates < 1:
        raise EcographError(f"replicates={replicates!r} isn't a whole number above 0.", hint="replicates=100")
    if not 0.0 < level <= 1.0:
        raise EcographError(f"level={level!r} isn't in (0, 1].", hint="level=0.95")
    if not 0.0 <= correlation <= 1.0:
        raise EcographError(f"correlation={correlation!r} isn't in [0, 1].", hint="correlation=0.7")
    return tried


def _values(eco: Ecosystem, ledger: Ledger) -> F8Array:
    """The ledger's lens by participant; 0 for whoever no chain reaches."""
    out = np.zeros(len(eco))
    out[eco.rows_of(ledger.table["id"].to_list())] = ledger.table[ledger.by].to_numpy()
    return out


def _ranks(values: F8Array, bound: float) -> NDArray[np.int64]:
    """Twice the average rank less n + 1, a whole number; values closer than their bound are tied."""
    _, group, size = np.unique(codes(Bounds(values, values + bound)), return_inverse=True, return_counts=True)
    last = np.cumsum(size)
    ranks: NDArray[np.int64] = (2 * last - size - values.size)[group.reshape(-1)]
    return ranks


def _correlation(x: NDArray[np.int64], y: NDArray[np.int64]) -> float:
    """Pearson's, of centred ranks: Spearman's. Whole numbers, exact below three million candidates; NaN if constant."""
    xx, yy, xy = (int(a @ b) for a, b in ((x, x), (y, y), (x, y)))
    return xy / sqrt(xx * yy) if xx and yy else nan


def _line(share: float, found: F8Array, correlation: float) -> dict[str, Any]:
    there = found[~np.isnan(found)]
    return {
        "share": share,
        "kept": float(np.count_nonzero(there >= correlation) / found.size),
        "mean": float(there.mean()) if there.size else None,
        "low": float(np.quantile(there, 0.05)) if there.size else None,
        "failed": found.size - there.size,
    }


def _coefficient(lines: list[dict[str, Any]], level: float) -> float:
    found = 0.0
    for line in lines:
        if line["kept"] < level:
            break
        found = line["share"]
    return found
