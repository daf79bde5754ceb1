"""Which events belong together: a number for each cluster while rows stream by, its code at the end."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ecograph.cpu.sorting import radix_order
from ecograph.errors import MemoryLimitError
from ecograph.ingest.duplicates import row_keys
from ecograph.ingest.encode import Encoder
from ecograph.ingest.pairs import Pairs
from ecograph.ties import NO_CLUSTER

__all__ = ["Clusters", "NamedClusters", "RowClusters"]

_MOST = 2**31 - 1  # codes are int32
_HINT = "let cluster= name a coarser column, or leave rows out by a filter in the mapping."


class NamedClusters:
    """Clusters named by a column; coded like participants, by the rank of (hash, bytes).

    Examples
    --------
    >>> clusters = NamedClusters()
    >>> clusters.number(pl.Series(["ani", None, "budi", "ani"]))
    array([ 0, -1,  1,  0], dtype=int32)
    >>> clusters.finish()            # budi's hash comes first
    array([1, 0], dtype=int32)
    """

    def __init__(self, *, most: int = _MOST) -> None:
        self._encoder = Encoder(most=most, what="clusters", hint=_HINT)

    def __len__(self) -> int:
        """How many clusters so far."""
        return len(self._encoder)

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes."""
        return self._encoder.nbytes

    def number(self, names: pl.Series) -> NDArray[np.int32]:
        """The number of each name, in the order of first appearance; ``NO_CLUSTER`` where there is none."""
        told = names.is_not_null().to_numpy()
        out = np.full(names.len(), NO_CLUSTER, np.int32)
        out[told] = self._encoder.encode(names.drop_nulls())
        return out

    def finish(self) -> NDArray[np.int32]:
        """For each number its code."""
        return self._encoder.finish()[1]


class RowClusters:
    """Each row is a cluster; coded by the rank of (128-bit key of its cells, which of the equal rows it is).

    So the codes don't depend on the order of rows, since equal rows give equal events. 28 to 52 bytes a row are held.

    Examples
    --------
    >>> clusters = RowClusters()
    >>> clusters.number(pl.DataFrame({"who": ["a", "b", "a"]}))
    array([0, 1, 2], dtype=int32)
    >>> clusters.finish()            # the key of a comes first
    array([0, 2, 1], dtype=int32)
    """

    def __init__(self, *, most: int = _MOST) -> None:
        self._most = most
        self._pairs = Pairs()
        self._distinct: list[NDArray[np.int32]] = []  # of each row: which of the distinct ones
        self._rows = 0

    def __len__(self) -> int:
        """How many rows so far."""
        return self._rows

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes."""
        return self._pairs.nbytes + 4 * self._rows

    def number(self, rows: pl.DataFrame) -> NDArray[np.int32]:
        """Running numbers of these rows.

        Raises
        ------
        MemoryLimitError : more rows than an int32 can number.
        """
        first, self._rows = self._rows, self._rows + rows.height
        if self._rows > self._most:
            raise MemoryLimitError(f"there are more than {self._most:,} rows, each a cluster.", hint=_HINT)
        self._distinct.append(self._pairs.find(*row_keys(rows)))
        return np.arange(first, self._rows, dtype=np.int32)

    def finish(self) -> NDArray[np.int32]:
        """For each number its code."""
        high, low = self._pairs.keys
        place = np.empty(len(self._pairs), np.uint64)
        place[radix_order(high, radix_order(low))] = np.arange(place.size, dtype=np.uint64)
        rows = np.concatenate([np.empty(0, np.int32), *self._distinct])
        code = np.empty(rows.size, np.int32)
        code[radix_order(place[rows])] = np.arange(rows.size, dtype=np.int32)  # stable: equal rows as they came
        return code


Clusters = NamedClusters | RowClusters
