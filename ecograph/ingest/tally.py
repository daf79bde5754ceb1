"""Ties of a bucket of events at once, where a word holds what they are sorted by: the common case."""

from __future__ import annotations

import numpy as np

from ecograph.cpu.sorting import sorted_words
from ecograph.cpu.tally import add_runs, join_keys, read_rows
from ecograph.ingest.blocks import Rows
from ecograph.ingest.layout import Columns
from ecograph.ingest.sums import Plan
from ecograph.ties import DTYPES

__all__ = ["tallied"]

_ORDER = ("receiver", "provider", "relation", "period", "cluster",
          "weight", "weight_sq", "count", "first", "last")  # fmt: skip
_NO_CLUSTERS = np.zeros(0, np.int32)


def tallied(rows: Rows, ranks: Columns, plan: Plan, first: int, last: int) -> Columns | None:
    """The columns of ``Ties``, in canonical order; None where keys need more than 63 bits.

    ``ranks`` : for each code its row; receivers have rows ``first`` to ``last``. ``plan`` : of amounts; all relations
    are narrow, in their squares too.
    """
    ends, relations, periods = ranks["provider"], ranks["relation"], ranks["period"]
    clusters = ranks.get("cluster", _NO_CLUSTERS)
    most = last - first, ends.size - 1, relations.size - 1, periods.size - 1, clusters.size, rows.n - 1
    bits = [int(value).bit_length() for value in most]
    if sum(bits) > 63:  # no shift is by 64
        return None
    shift = np.cumsum(bits[:0:-1])[::-1].copy()  # each part begins where all that are lower end
    out: Columns = {name: np.empty(rows.n, DTYPES[name]) for name in _ORDER}
    keys, amount, time = np.empty(rows.n, np.uint64), np.empty(rows.n, np.int64), np.empty(rows.n, np.int64)
    codes = out["provider"], out["receiver"]  # until ties are written there
    done = 0
    for words, layout, n in rows.parts:
        read_rows(words, layout, n, relations, periods, clusters, plan.places, shift, done, *codes, amount, time, keys)
        done += n
    join_keys(ends, *codes, first, shift, keys)
    n = add_runs(sorted_words(keys, bits[-1]), amount, time, plan.places, first, shift, *out.values())
    if "cluster" not in ranks:
        del out["cluster"]
    return {name: values[:n] for name, values in out.items()}
