"""Which events belong together: codes of clusters, and ties pooled over them."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ecograph.order import canonical_order, merge_runs, tie_starts
from ecograph.ties import NO_CLUSTER, Ties

__all__ = ["cluster_codes", "pool", "pooled_rows"]


def cluster_codes(names: pl.Series) -> NDArray[np.int32]:
    """The rank of each name among the distinct ones, in the order of participants: hash, then bytes.

    A blank name, as a null, is ``NO_CLUSTER``: each event by itself.

    Examples
    --------
    >>> cluster_codes(pl.Series(["driver-1", None, "driver-2", "driver-1"]))
    array([ 1, -1,  0,  1], dtype=int32)
    """
    texts = names.cast(pl.String)
    told = texts.set(texts.str.strip_chars() == "", None)
    distinct = told.drop_nulls().unique()
    table = pl.DataFrame({"name": distinct[canonical_order(distinct)]}).with_row_index("code")
    coded = told.to_frame("name").join(table, on="name", how="left", maintain_order="left")["code"]
    return coded.cast(pl.Int32).fill_null(NO_CLUSTER).to_numpy()


def pool(ties: Ties) -> Ties:
    """The ties with what their clusters keep apart added up: exact sums of the parts, rounded once. O(ties).

    Examples
    --------
    >>> one = np.zeros(2, np.int32)
    >>> parts = Ties(one, one + 1, one, one, np.array([5.0, -2.0]), cluster=np.array([0, 1]))
    >>> pool(parts).weight, pool(parts).cluster
    (array([3.]), None)
    """
    if ties.cluster is None:
        return ties
    columns = {name: values for name, values in ties.columns.items() if name != "cluster"}
    return merge_runs(columns, tie_starts(columns))


def pooled_rows(ties: Ties) -> NDArray[np.int64]:
    """For each row of the tie table the row of ``pool(ties)`` that it is a part of."""
    columns = {name: values for name, values in ties.columns.items() if name != "cluster"}
    starts = tie_starts(columns)
    return np.repeat(np.arange(starts.size), np.diff(starts, append=len(ties)))
