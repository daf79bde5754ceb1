"""Parquet or CSV of events -> ties with integer ids, by public Polars calls: what feeds every peer.

Ids are coded exactly. Three ways were written; ``WAYS`` begins with the one used, the others are kept to be measured.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

__all__ = ["WAYS", "Fed", "feed", "scan"]


class Fed(NamedTuple):
    """Ties: ``ids[provider[e]]`` gave ``weight[e]`` to ``ids[receiver[e]]``; one for each pair."""

    ids: pl.Series
    provider: NDArray[np.int32]
    receiver: NDArray[np.int32]
    weight: NDArray[np.float64]


def scan(path: str) -> pl.LazyFrame:
    """The three columns that ties need."""
    log = pl.scan_csv(path) if Path(path).suffix == ".csv" else pl.scan_parquet(path)
    return log.select("provider", "receiver", "amount")


def by_category(path: str) -> Fed:
    """Both columns cast to one category type while they are scanned, pairs grouped by its numbers."""
    kind = pl.Categorical(pl.Categories.random())
    coded = scan(path).with_columns(pl.col("provider", "receiver").cast(kind))
    pairs = coded.group_by(pl.col("provider", "receiver").to_physical()).agg(pl.col("amount").sum())
    frame = pairs.collect(engine="streaming")
    ids = pl.int_range(0, pl.max_horizontal("provider", "receiver").max() + 1, dtype=pl.UInt32)
    return _fed(frame.select(ids.cat.to(kind).cast(pl.String)).to_series(), frame)


def by_enum(path: str) -> Fed:
    """Distinct ids first, then both columns cast to an Enum of them: what the issue measured."""
    log = scan(path).collect(engine="streaming")
    ids = pl.concat([log["provider"], log["receiver"]]).unique()
    kind = pl.Enum(ids)
    coded = log.with_columns(pl.col("provider", "receiver").cast(kind).to_physical())
    return _fed(
        ids, coded.lazy().group_by("provider", "receiver").agg(pl.col("amount").sum()).collect(engine="streaming")
    )


def by_join(path: str) -> Fed:
    """Distinct ids numbered, both columns joined to them."""
    log = scan(path).collect(engine="streaming")
    ids = pl.concat([log["provider"], log["receiver"]]).unique()
    number = ids.to_frame("id").with_row_index("row").lazy()
    coded = log.lazy()
    for side in ("provider", "receiver"):
        coded = coded.join(number, left_on=side, right_on="id").drop(side).rename({"row": side})
    return _fed(ids, coded.group_by("provider", "receiver").agg(pl.col("amount").sum()).collect(engine="streaming"))


def _fed(ids: pl.Series, frame: pl.DataFrame) -> Fed:
    ends = (frame[side].cast(pl.Int32).to_numpy() for side in ("provider", "receiver"))
    return Fed(ids, *ends, frame["amount"].to_numpy())


WAYS: dict[str, Callable[[str], Fed]] = {"category": by_category, "enum": by_enum, "join": by_join}


def feed(path: str, way: str = "category") -> Fed:
    """The ties of a log."""
    return WAYS[way](path)
