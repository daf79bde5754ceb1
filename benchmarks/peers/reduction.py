"""Events to ties by a group-by: sum, sum of squares, count, first, last of each pair; ids stay text.

.venv-bench/bin/python -m benchmarks.peers.reduction duckdb events.parquet
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.step import Step

__all__ = ["WAYS"]


def by_duckdb(path: str) -> tuple[int, float]:
    import duckdb
    import pyarrow.compute

    source = "read_csv" if Path(path).suffix == ".csv" else "read_parquet"
    ties = duckdb.sql(
        "select provider, receiver, sum(amount) w, sum(amount * amount) s, count(*) c, min(time) f, max(time) l "
        f"from {source}('{path}') group by all"
    ).to_arrow_table()
    return ties.num_rows, float(pyarrow.compute.sum(ties["w"]).as_py())


def by_polars(path: str) -> tuple[int, float]:
    import polars as pl

    log = pl.scan_csv(path, try_parse_dates=True) if Path(path).suffix == ".csv" else pl.scan_parquet(path)
    amount, time = pl.col("amount"), pl.col("time")
    sums = log.group_by("provider", "receiver").agg(
        w=amount.sum(), s=(amount * amount).sum(), c=pl.len(), f=time.min(), l=time.max()
    )
    ties = sums.collect(engine="streaming")
    return ties.height, float(ties["w"].sum())


WAYS: dict[str, Callable[[str], tuple[int, float]]] = {"duckdb": by_duckdb, "polars": by_polars}


def main() -> None:
    """One run of one of them."""
    who, path = sys.argv[1:]
    step = Step()
    with step.phase("import"):
        __import__(who)
    with step.phase("run"):
        ties, weight = WAYS[who](path)
    step.done(ties=ties, weight=weight)


if __name__ == "__main__":
    main()
