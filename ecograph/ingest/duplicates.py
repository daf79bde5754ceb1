"""Which rows repeat an earlier one in every column that the mapping reads?"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ecograph.cpu.hashing import hash_rows
from ecograph.ingest.pairs import Pairs
from ecograph.order import text_buffers

__all__ = ["Duplicates", "row_keys"]


class Duplicates:
    """Remembers a 128-bit key of each distinct row (XXH64 of its cells with seeds 0 and 1).

    The keys are compared exactly; two different rows share one with a chance of n**2 / 2**129, 1e-23 at
    10**8 rows. 24 to 48 bytes a distinct row are held in memory: the price of ``duplicates``
    other than ``"keep"``.

    Examples
    --------
    >>> seen = Duplicates()
    >>> seen.again(pl.DataFrame({"who": ["a", "b", "a"], "what": ["1", "1", "1"]})).tolist()
    [False, False, True]
    >>> seen.again(pl.DataFrame({"who": ["b"], "what": ["1"]})).tolist()
    [True]
    """

    def __init__(self) -> None:
        self._pairs = Pairs()

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes."""
        return self._pairs.nbytes

    def again(self, rows: pl.DataFrame) -> NDArray[np.bool_]:
        """Whether each row equals one before it, in this table or in one asked about earlier."""
        known = len(self._pairs)
        number = self._pairs.find(*row_keys(rows))
        highest = np.maximum.accumulate(np.concatenate([[known - 1], number]))[:-1]
        return number <= highest


def row_keys(rows: pl.DataFrame) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Both halves of each row's 128-bit key."""
    data, offsets = text_buffers(_line(rows))
    return hash_rows(data, offsets), hash_rows(data, offsets, 1)


def _line(rows: pl.DataFrame) -> pl.Series:
    """All cells of a row as one text: each with its length before it, so that no two rows read alike."""
    cells = [pl.col(name).cast(pl.String) for name in rows.columns]
    told = [pl.concat_str(cell.str.len_bytes().cast(pl.String), pl.lit(":"), cell).fill_null("-") for cell in cells]
    return rows.select(pl.concat_str(told).alias("row")).to_series()
