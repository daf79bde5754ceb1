"""A seeded log of events as a platform like Gojek keeps it, of any length, in bounded memory.

    python -m benchmarks.events 10000000 out/events.parquet

Columns: provider, receiver (ids such as ``driver-78301``), amount (rupiah, two decimals), time; in the order of time,
one participant for every ten events, few of them popular. The same rows for the same length and seed, in either format.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.plan import CONDUCTOR
from ecograph.atomic import atomic_path

__all__ = ["CONDUCTOR", "FLOWS", "KINDS", "blocks", "participants", "write"]

BLOCK = 1 << 19  # rows made, and written as one row group, at a time
EVENTS_EACH = 10  # events for every participant
KINDS = {"customer": 0.70, "driver": 0.19, "merchant": 0.08, "supplier": 0.02, "importer": 0.01}  # of participants
# Provider, receiver, share of events. Chains of dependence go in circles (customers work for suppliers), and end at
# importers, of whose own inputs nothing is known: of a supplier's inputs five in eight come from there.
FLOWS = [
    ("driver", "customer", 0.44),
    ("merchant", "customer", 0.26),
    ("supplier", "merchant", 0.10),
    ("supplier", "driver", 0.05),
    ("customer", "supplier", 0.03),
    ("importer", "supplier", 0.05),
    ("driver", CONDUCTOR, 0.04),
    ("merchant", CONDUCTOR, 0.03),
]
SKEW = 1.5  # member floor(n u^SKEW) of a kind, u uniform: the first hundredth has 4.6 % of its events
YEAR = 365 * 86_400  # seconds the log covers, however long it is
START = 1_735_689_600  # 2025-01-01 00:00 UTC


def participants(rows: int) -> dict[str, int]:
    """How many of each kind a log of so many rows draws from."""
    return {kind: max(1, round(share * rows / EVENTS_EACH)) for kind, share in KINDS.items()}


def blocks(rows: int, seed: int = 1) -> Iterator[pl.DataFrame]:
    """The log, ``BLOCK`` rows at a time; each block has a generator of its own."""
    sizes = participants(rows)
    for number, first in enumerate(range(0, rows, BLOCK)):
        rng = np.random.default_rng([seed, rows, number])
        yield _block(sizes, first, min(BLOCK, rows - first), rows, rng)


def _block(sizes: dict[str, int], first: int, n: int, rows: int, rng: np.random.Generator) -> pl.DataFrame:
    flow = rng.choice(len(FLOWS), n, p=[share for _, _, share in FLOWS])
    ends = {
        side: _ids(np.array([f[k] for f in FLOWS])[flow], sizes, rng) for k, side in enumerate(("provider", "receiver"))
    }
    amount = np.round(np.exp(rng.normal(10.0, 0.8, n)), 2)
    second = START + (np.arange(first, first + n) * YEAR) // rows
    time = pl.Series("time", second * 1_000_000).cast(pl.Datetime("us"))
    return pl.DataFrame({**ends, "amount": amount, "time": time})


def _ids(kind: NDArray[np.str_], sizes: dict[str, int], rng: np.random.Generator) -> pl.Series:
    """Names of members of these kinds; those drawn often come in no order of their numbers."""
    n = pl.Series(kind).replace_strict({**sizes, CONDUCTOR: 1}, return_dtype=pl.Int64).to_numpy()
    member = np.minimum((n * rng.random(n.size) ** SKEW).astype(np.int64), n - 1)
    number = (member * 2_654_435_761) % np.maximum(n * 7, 1)  # spread over seven times as many numbers
    frame = pl.DataFrame({"kind": kind, "number": number})
    name = pl.when(pl.col("kind") == CONDUCTOR).then(pl.col("kind")).otherwise(pl.format("{}-{}", "kind", "number"))
    return frame.select(name).to_series()


def write(path: Path, rows: int, seed: int = 1) -> Path:
    """Write the log as Parquet or CSV, by the name's ending; a file that is there already is taken as it is."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(path) as place:
            {".parquet": _write_parquet, ".csv": _write_csv}[path.suffix](place, blocks(rows, seed))
    return path


def _write_parquet(path: Path, frames: Iterator[pl.DataFrame]) -> None:
    from pyarrow import parquet

    writer: Any = None
    for frame in frames:
        table = frame.to_arrow()
        writer = writer or parquet.ParquetWriter(path, table.schema, compression="zstd")
        writer.write_table(table, row_group_size=BLOCK)
    writer.close()


def _write_csv(path: Path, frames: Iterator[pl.DataFrame]) -> None:
    with path.open("wb") as file:
        for number, frame in enumerate(frames):
            frame.write_csv(file, include_header=number == 0, datetime_format="%Y-%m-%d %H:%M:%S")


def main() -> None:
    """Write one log."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", type=int)
    parser.add_argument("path", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    write(given.path, given.rows, given.seed)


if __name__ == "__main__":
    main()
