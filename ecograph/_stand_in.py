from __future__ import annotations

from math import fsum
from typing import Any

import numpy as np
import polars as pl
import xxhash
from numpy.typing import NDArray

from ecograph.ties import NO_TIME, Ties


def canonical_order(ids: pl.Series) -> NDArray[np.intp]:
    raw = [value.encode() for value in ids]
    return np.array(sorted(range(len(raw)), key=lambda i: (xxhash.xxh64_intdigest(raw[i]), raw[i])), dtype=np.intp)


def sort_ties(columns: dict[str, NDArray[Any]]) -> Ties:
    keys = [columns[name] for name in ("receiver", "provider", "relation", "period")]
    order = np.lexsort(keys[::-1])
    keys = [key[order] for key in keys]
    new = np.ones(order.size, dtype=bool)
    if order.size:
        new[1:] = np.logical_or.reduce([key[1:] != key[:-1] for key in keys])
    start = np.flatnonzero(new)
    out: dict[str, Any] = {}
    for name, raw in columns.items():
        values = raw[order]
        if name in ("receiver", "provider", "relation", "period"):
            out[name] = values[start]
        elif name in ("weight", "weight_sq"):
            out[name] = np.array([fsum(part) for part in np.split(values, start[1:])] if order.size else [])
        elif name == "count":
            out[name] = np.add.reduceat(values, start) if order.size else values
        elif name == "first":
            far = np.where(values == NO_TIME, np.iinfo(np.int64).max, values)
            low = np.minimum.reduceat(far, start) if order.size else far
            out[name] = np.where(low == np.iinfo(np.int64).max, NO_TIME, low)
        else:
            out[name] = np.maximum.reduceat(values, start) if order.size else values
    return Ties(**out)
