"""What if the events had fallen out otherwise? Ecosystems drawn anew from the sums that the ties hold.

A draw belongs to a tie, not to its row: it is keyed on the ids of both ends, the relation's name and the period's
first instant, with seed and replicate. So a tie gets the same draw in a view and in the whole, for any number of
threads. docs/metrics.md, "Resampling", has the laws.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ecograph.clusters import pooled_rows
from ecograph.cpu import draws
from ecograph.cpu.hashing import hash_rows
from ecograph.ecosystem import Ecosystem
from ecograph.errors import EcographError
from ecograph.order import text_buffers
from ecograph.progress import Progress, track
from ecograph.ties import NO_CLUSTER, NO_TIME

__all__ = ["cluster_laws", "drop_events", "gamma_laws", "may_vanish", "redraw", "replicate_values", "tie_draw_keys"]

_BLOCK = 1 << 18  # ties whose keys are hashed at a time: 8 MiB
_KEPT = ("ids", "indptr", "_by_provider", "seen", "_draw_keys")  # what doesn't depend on weights
_UNCOUNTED = "These ties don't say how many events each sums up, so there are no events to resample."
F8Array = NDArray[np.float64]


def redraw(eco: Ecosystem, seed: int, replicate: int) -> Ecosystem:
    """The ecosystem of one Bayesian bootstrap replicate: the weight of every active tie is drawn anew.

    Parameters
    ----------
    eco : ties with ``count``; ``weight_sq`` is used where it is there.
    seed : in [0, 2**64).
    replicate : in [0, 2**32).

    Returns
    -------
    Ecosystem
        Same participants, rows and other columns. A weight is gamma, of mean ``weight`` and variance
        ``weight**2 / shape``; the shape is weight**2 / weight_sq held in [1, count], or count without
        ``weight_sq``. Where clusters cut ties into parts, all parts of a cluster are multiplied by one exponential of
        mean 1 instead, keyed on its code; a part without a cluster is a gamma; and the ecosystem given back is
        ``eco.pooled`` with the sums of its parts. Inactive ties (weight <= 0, self-ties) stay as they are.

    Raises
    ------
    EcographError : no ``count``, an active tie with less than one event, or an impossible seed or replicate.

    Notes
    -----
    O(ties), about 0.2 us a tie; keys are made once an ecosystem. Weights times 2**k give draws times 2**k, to the bit.

    References
    ----------
    .. [1] D. B. Rubin, "The Bayesian Bootstrap", Annals of Statistics 9 (1981), 130.
    """
    _check(seed, replicate)
    if eco.ties.cluster is None:
        shape, factor = _shapes(eco), np.empty(len(eco.ties))
        draws.gamma_rows(shape, seed, replicate, tie_draw_keys(eco), factor)
        factor /= shape
        return _with_ties(eco, weight=np.where(eco.active, eco.ties.weight * factor, eco.ties.weight))
    drawn = eco.ties.weight * _cluster_factors(eco, eco.ties.cluster, seed, replicate)
    whole = eco.pooled
    sums = np.bincount(
        _once(eco, "_pooled_rows", lambda: pooled_rows(eco.ties)), drawn, minlength=len(whole.ties)
    )  # in table order
    return _with_ties(whole, weight=np.where(whole.active, sums, whole.ties.weight))


def _cluster_factors(eco: Ecosystem, cluster: NDArray[np.int32], seed: int, replicate: int) -> F8Array:
    """One exponential for all parts of a cluster; a gamma for a part without one: its tie has no other such part."""
    factor, alone = np.empty(cluster.size), cluster == NO_CLUSTER
    if alone.any():
        shape = _shapes(eco)[alone]
        drawn = np.empty(shape.size)
        draws.gamma_rows(shape, seed, replicate, tie_draw_keys(eco)[alone], drawn)
        factor[alone] = drawn / shape
    codes, row = _once(eco, "_cluster_codes", lambda: np.unique(cluster[~alone], return_inverse=True))
    drawn = np.empty(codes.size)
    draws.exponential_rows(seed, replicate, codes.astype(np.uint64), drawn)
    factor[~alone] = drawn[row]
    return factor


def drop_events(eco: Ecosystem, share: float, seed: int, replicate: int) -> Ecosystem:
    """The ecosystem with each event of an active tie dropped independently, with chance ``share``.

    Parameters
    ----------
    eco : ties with ``count``.
    share : in [0, 1); 0 gives the ecosystem back.
    seed : in [0, 2**64).
    replicate : in [0, 2**32).

    Returns
    -------
    Ecosystem
        Same participants and rows. Of an active tie's ``count`` events a binomial number is kept; ``weight`` and
        ``weight_sq`` are multiplied by kept / count, as if its events were equal. A tie with none left has weight 0:
        it stays in the table and no lens uses it. ``first`` and ``last`` stay. Clusters are pooled: events are
        dropped one by one.

    Raises
    ------
    EcographError : as ``redraw``, or an impossible share.

    Notes
    -----
    O(log count) a tie: about 0.1 us for ten events, 4 us for a million.
    """
    _check(seed, replicate)
    if not 0.0 <= share < 1.0:  # also where it is NaN
        raise EcographError(f"share={share!r} isn't in [0, 1).", hint="share=0.1 drops a tenth of the events")
    count = _counts(eco := eco.pooled)
    if share == 0.0:
        return eco
    kept = draws.kept_rows(count, float(share), seed, replicate, tie_draw_keys(eco))
    left = np.where(eco.active, kept / count, 1.0)
    changed: dict[str, NDArray[Any]] = {"weight": eco.ties.weight * left}
    changed["count"] = np.where(eco.active, kept, np.asarray(eco.ties.count))
    if eco.ties.weight_sq is not None:
        changed["weight_sq"] = eco.ties.weight_sq * left
    return _with_ties(eco, **changed)


def replicate_values(
    eco: Ecosystem,
    values: Callable[[Ecosystem], Any],
    *,
    replicates: int = 200,
    seed: int = 0,
    how: str = "redraw",
    share: float = 0.1,
    progress: Progress = None,
) -> tuple[F8Array, list[tuple[int, str]]]:
    """What a function of the ecosystem gives for ecosystems drawn anew.

    Parameters
    ----------
    eco : ties with ``count``.
    values : takes an ecosystem with the same participants and rows; returns m numbers, always as many.
    replicates : how many, at least 1.
    seed : in [0, 2**64).
    how : "redraw", or "drop" with ``share``.
    share : chance of an event to be dropped.
    progress : True for a bar, or a callable of (label, done, total).

    Returns
    -------
    (replicates, m) float64, row r of replicate r, and the replicates that failed with what they said. A replicate
    fails where ``values`` raises an ``EcographError`` (no convergence, nobody left to rank); its row is NaN.

    Raises
    ------
    EcographError : all replicates fail, the number of values changes, or an impossible parameter.

    Examples
    --------
    >>> ties = {"provider": ["a", "b"], "receiver": ["o", "o"], "weight": [30.0, 10.0], "count": [3, 1]}
    >>> eco = Ecosystem.from_ties(ties)
    >>> drawn, failed = replicate_values(eco, lambda it: it.ties.weight, replicates=100)
    >>> drawn.shape, failed
    ((100, 2), [])
    """
    if how not in ("redraw", "drop"):
        raise EcographError(f"how={how!r} is unknown.", hint='how="redraw" or how="drop"')
    if isinstance(replicates, bool) or not isinstance(replicates, int | np.integer) or replicates < 1:
        raise EcographError(f"replicates={replicates!r} isn't a whole number above 0.", hint="replicates=200")
    rows: list[F8Array | None] = []
    failed: list[tuple[int, str]] = []
    with track(progress, "replicates", replicates) as tick:
        for r in range(replicates):
            drawn = redraw(eco, seed, r) if how == "redraw" else drop_events(eco, share, seed, r)
            try:
                rows.append(np.array(values(drawn), np.float64).reshape(-1))
            except EcographError as error:
                rows.append(None)
                failed.append((r, str(error)))
            tick(r + 1)
    return _table(rows, failed), failed


def _table(rows: list[F8Array | None], failed: list[tuple[int, str]]) -> F8Array:
    sizes = sorted({row.size for row in rows if row is not None})
    if not sizes:
        raise EcographError(f"All {len(rows):,} replicates failed; the first one said: {failed[0][1]}")
    if len(sizes) > 1:
        raise EcographError(
            f"values gave {sizes[0]:,} numbers for one replicate and {sizes[-1]:,} for another.",
            hint="return one number for each participant, 0 or NaN where there is none",
        )
    return np.array([np.full(sizes[0], np.nan) if row is None else row for row in rows])


def tie_draw_keys(eco: Ecosystem) -> NDArray[np.uint64]:
    """The key of each tie's draws: XXH64 of four little-endian words, whatever rows the view has.

    XXH64 of the provider's id, of the receiver's id and of the relation's name, then the period's first instant
    in microseconds since 1970 (undated: -2**63). Made once an ecosystem. O(ties + bytes of ids).
    """
    keys: NDArray[np.uint64] = _once(eco, "_draw_keys", lambda: _make_keys(eco))
    return keys


def _make_keys(eco: Ecosystem) -> NDArray[np.uint64]:
    people = hash_rows(*text_buffers(eco.ids))
    names = hash_rows(*text_buffers(pl.Series("relation", [it.name for it in eco.relations], dtype=pl.String)))
    instants = np.array([NO_TIME if p is None else p for p in eco.periods], np.int64).view(np.uint64)
    ties = eco.ties
    keys = np.empty(len(ties), np.uint64)
    for start in range(0, keys.size, _BLOCK):
        part = slice(start, start + _BLOCK)
        words = np.stack([people[ties.provider[part]], people[ties.receiver[part]], names[ties.relation[part]],
                          instants[ties.period[part]]], axis=1).astype("<u8")  # fmt: skip
        ends = np.arange(0, 32 * (words.shape[0] + 1), 32, dtype=np.int64)
        keys[part] = hash_rows(words.reshape(-1).view(np.uint8), ends)
    keys.setflags(write=False)
    return keys


def gamma_laws(eco: Ecosystem) -> tuple[F8Array, NDArray[np.uint64]]:
    """Shape and key of each tie's draw: what ``gamma_rows`` asks for. Made once an ecosystem."""
    return _shapes(eco), tie_draw_keys(eco)


def cluster_laws(eco: Ecosystem) -> tuple[F8Array, NDArray[np.uint64]]:
    """The same of each part of ties that clusters cut; shape 0 where a cluster is drawn: the key is then its code."""
    cluster = eco.ties.cluster
    assert cluster is not None
    alone = cluster == NO_CLUSTER
    shape, key = np.zeros(cluster.size), cluster.astype(np.uint64)
    if alone.any():
        shape[alone], key[alone] = _shapes(eco)[alone], tie_draw_keys(eco)[alone]
    return shape, key


def may_vanish(eco: Ecosystem) -> NDArray[np.bool_]:
    """For each tie that takes part, of the pooled ones: may its weight, drawn anew, be 0 or less?

    Only where it has a part below 0, as a refund is, in another cluster than what was bought.
    """
    if eco.ties.cluster is None:
        return np.zeros(int(eco.active.sum()), np.bool_)
    rows = _once(eco, "_pooled_rows", lambda: pooled_rows(eco.ties))
    refunded: NDArray[np.bool_] = np.bincount(rows, eco.ties.weight < 0.0, minlength=len(eco.pooled.ties)) > 0
    return refunded[eco.pooled.active]


def _once(eco: Ecosystem, name: str, make: Callable[[], Any]) -> Any:
    """What replicates of an ecosystem share."""
    if name not in eco.__dict__:
        eco.__dict__[name] = make()
    return eco.__dict__[name]


def _shapes(eco: Ecosystem) -> F8Array:
    shapes: F8Array = _once(eco, "_draw_shapes", lambda: _make_shapes(eco))
    return shapes


def _make_shapes(eco: Ecosystem) -> F8Array:
    """weight**2 / weight_sq in [1, count], without squaring what may overflow; 1 where the tie takes no part."""
    most, ties = _counts(eco).astype(np.float64), eco.ties
    if ties.weight_sq is None:
        return most
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        shape = ties.weight / ties.weight_sq * ties.weight
    held: F8Array = np.clip(np.where(eco.active, shape, 1.0), 1.0, most)
    return held


def _counts(eco: Ecosystem) -> NDArray[np.int64]:
    """Events of every tie, 1 where it takes no part."""
    if eco.ties.count is None:
        raise EcographError(
            _UNCOUNTED, hint="read events (ecograph.read_events counts them), or give from_ties a count column"
        )
    few = int((eco.active & (eco.ties.count < 1)).sum())
    if few:
        raise EcographError(
            f"{few:,} ties have a weight above 0 and a count below 1.", hint="count is the number of events, at least 1"
        )
    return np.where(eco.active, eco.ties.count, 1)


def _with_ties(eco: Ecosystem, **columns: NDArray[Any]) -> Ecosystem:
    """The ecosystem with other columns of the same ties, and what is known of them already."""
    drawn = replace(eco, ties=replace(eco.ties, **columns))
    _ = eco.ids, eco.indptr  # asked for by every lens: made once, not once a replicate
    drawn.__dict__.update({name: eco.__dict__[name] for name in _KEPT if name in eco.__dict__})
    return drawn


def _check(seed: int, replicate: int) -> None:
    for name, value, most in (("seed", seed, 64), ("replicate", replicate, 32)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or not 0 <= value < 2**most:
            raise EcographError(f"{name}={value!r} isn't a whole number in [0, 2**{most}).", hint=f"{name}=0")
