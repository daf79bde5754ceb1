"""The one order: which participant comes first, which tie, and how parallel ties become one.

Participants are ordered by (XXH64 of the id's UTF-8 bytes, those bytes), both unsigned; ties by receiver,
provider, relation, period and, where there is one, cluster, all as rows. Neither depends on the order of the
input, on threads or on the version of any library.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ecograph.cpu.exact import sum_runs
from ecograph.cpu.hashing import hash_rows
from ecograph.cpu.sorting import break_ties, hash_order, radix_order
from ecograph.ties import NO_TIME, Ties

__all__ = [
    "canonical_order",
    "cluster_key",
    "merge_runs",
    "sort_ties",
    "text_buffers",
    "tie_keys",
    "tie_order",
    "tie_starts",
]

_KEYS = ("receiver", "provider", "relation", "period", "cluster")


def text_buffers(texts: pl.Series) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """UTF-8 bytes of a column without nulls and the ``n + 1`` offsets that cut them into rows."""
    if texts.null_count():
        raise ValueError(f"{texts.name!r} has {texts.null_count()} nulls where every row needs a text")
    array = texts.cast(pl.String).rechunk().to_arrow()
    _, offsets, data = array.buffers()
    if len(array) == 0 or data is None:
        return np.empty(0, np.uint8), np.zeros(len(array) + 1, np.int64)
    cuts = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1]
    return np.frombuffer(data, np.uint8), cuts


def canonical_order(ids: pl.Series) -> NDArray[np.intp]:
    """Rows of ``ids`` in canonical order; equal ids keep the order they came in.

    Parameters
    ----------
    ids : (n,) text without nulls.

    Returns
    -------
    (n,) positions such that ``ids[positions]`` is sorted by (64-bit hash, bytes). O(n + bytes).

    Examples
    --------
    >>> ids = pl.Series(["driver-1", "driver-2", "driver-3"])
    >>> ids[canonical_order(ids)].to_list()
    ['driver-2', 'driver-3', 'driver-1']
    """
    data, offsets = text_buffers(ids)
    hashes = hash_rows(data, offsets)
    order, equal = hash_order(hashes)
    return (break_ties(hashes, data, offsets, order) if equal else order).astype(np.intp, copy=False)


def tie_keys(columns: Mapping[str, NDArray[Any]]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Two integers that sort like (receiver, provider) and (relation, period); all are rows, so >= 0."""
    high, middle, low, last = (columns[name].astype(np.uint64) for name in _KEYS[:4])
    return high << np.uint64(32) | middle, low << np.uint64(32) | last


def tie_order(columns: Mapping[str, NDArray[Any]]) -> NDArray[np.int64]:
    """Positions that sort ties by receiver, provider, relation, period and cluster, if any; stable, O(n)."""
    high, low = tie_keys(columns)
    within = radix_order(cluster_key(columns["cluster"])) if "cluster" in columns else None
    return radix_order(high, radix_order(low, within))


def cluster_key(cluster: NDArray[np.int32]) -> NDArray[np.uint64]:
    """An integer that sorts like the code of a cluster, none (-1) first."""
    return (cluster.astype(np.int64) + 1).astype(np.uint64)


def tie_starts(columns: Mapping[str, NDArray[Any]]) -> NDArray[np.intp]:
    """First row of each run of sorted ties that share receiver, provider, relation and period (and cluster, if any)."""
    keys = [*tie_keys(columns), *(columns[name] for name in ("cluster",) if name in columns)]
    new = np.ones(keys[0].size, np.bool_)
    new[1:] = np.logical_or.reduce([key[1:] != key[:-1] for key in keys])
    return np.flatnonzero(new)


def sort_ties(columns: Mapping[str, NDArray[Any]]) -> Ties:
    """Ties in the one order, rows with the same keys merged into one.

    Parameters
    ----------
    columns : equally long arrays named as the fields of ``Ties``; weights and their squares finite.

    Returns
    -------
    Ties whose sums are exact and then rounded once, so the order of the rows can't be seen in them; counts
    are added, the earliest ``first`` and the latest ``last`` kept. O(n).

    Examples
    --------
    >>> key = np.zeros(3, np.int32)
    >>> columns = {"provider": key, "receiver": key, "relation": key, "period": key}
    >>> sort_ties(columns | {"weight": np.array([1e16, 1.0, -1e16])}).weight
    array([1.])
    """
    order = tie_order(columns)
    sorted_columns = {name: values[order] for name, values in columns.items()}
    return merge_runs(sorted_columns, tie_starts(sorted_columns))


def merge_runs(columns: Mapping[str, NDArray[Any]], starts: NDArray[np.intp]) -> Ties:
    """One tie for each run of sorted rows that begins at ``starts``, as ``sort_ties`` merges them."""
    rows = columns["provider"].size
    if starts.size == rows:
        return Ties(**columns)
    ends = np.append(starts, rows).astype(np.int64)
    return Ties(**{name: _merge(name, values, starts, ends) for name, values in columns.items()})


def _merge(name: str, values: NDArray[Any], starts: NDArray[np.intp], ends: NDArray[np.int64]) -> NDArray[Any]:
    """One value for each run ``ends[r]`` to ``ends[r + 1]``, ``starts`` being ``ends`` without its last."""
    if name in _KEYS:
        return values[starts]
    if name == "count":
        return np.add.reduceat(values, starts)
    if name == "last":
        return np.maximum.reduceat(values, starts)  # NO_TIME is the smallest integer: it loses
    if name == "first":
        never = np.iinfo(np.int64).max
        least = np.minimum.reduceat(np.where(values == NO_TIME, never, values), starts)
        return np.where(least == never, NO_TIME, least)
    return sum_runs(np.ascontiguousarray(values, np.float64), ends)
