"""How do ids become small integers without two of them ever merging?"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ecograph.cpu.hashing import hash_rows
from ecograph.cpu.sorting import break_ties, radix_order
from ecograph.cpu.table import encode_rows, refill_codes
from ecograph.errors import MemoryLimitError
from ecograph.order import text_buffers

__all__ = ["Encoder"]

_MOST = 2**31 - 1  # codes are int32


class Encoder:
    """Codes of ids in the order of first appearance, for streamed columns of text.

    Two ids get one code when their bytes are equal and never otherwise: a 64-bit hash only says where to
    look. Memory: the bytes of the distinct ids, 16 bytes each and a table of 16 to 32 bytes each.

    Parameters
    ----------
    bits : how many bits of the hash to use; fewer than 64 only to force collisions in a test.
    most : how many ids there may be.
    what, hint : the words for them, and the way out, in the error where there are more.

    Examples
    --------
    >>> encoder = Encoder()
    >>> encoder.encode(pl.Series(["gojek", "driver-1", "gojek"]))
    array([0, 1, 0], dtype=int32)
    >>> ids, rank = encoder.finish()
    >>> ids.to_list(), rank
    (['gojek', 'driver-1'], array([0, 1], dtype=int32))
    """

    def __init__(
        self, *, bits: int = 64, most: int = _MOST, what: str = "participants",
        hint: str = "leave rows out by a filter in the mapping, or give ids that belong together one name.",
    ) -> None:  # fmt: skip
        self._mask = np.uint64(2**bits - 1)
        self._most, self._what, self._hint = most, what, hint
        self._size = np.zeros(1, np.int64)
        self._slots = np.zeros(1024, np.uint64)
        self._heap = np.empty(1 << 14, np.uint8)
        self._starts = np.zeros(513, np.int64)
        self._hashes = np.empty(512, np.uint64)

    def __len__(self) -> int:
        """How many distinct ids so far."""
        return int(self._size[0])

    @property
    def hashes(self) -> NDArray[np.uint64]:
        """The hash of each code's id: the first key of the canonical order."""
        return self._hashes[: len(self)]

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes."""
        return self._slots.nbytes + self._heap.nbytes + self._starts.nbytes + self._hashes.nbytes

    def encode(self, ids: pl.Series) -> NDArray[np.int32]:
        """The code of each id; no nulls.

        Raises
        ------
        MemoryLimitError : more distinct ids than an int32 can number.
        """
        data, offsets = text_buffers(ids)
        hashes = hash_rows(data, offsets) & self._mask
        out = np.empty(hashes.size, np.int32)
        row = 0
        while True:
            row = encode_rows(data, offsets, hashes, row, self._size, self._slots, self._heap, self._starts,
                              self._hashes, out)  # fmt: skip
            if len(self) > self._most:
                raise MemoryLimitError(
                    f"there are more than {self._most:,} {self._what}, the most that ecograph can number.",
                    hint=self._hint,
                )
            if row == out.size:
                return out
            self._grow(int(offsets[row + 1] - offsets[row]))

    def _grow(self, needed: int) -> None:
        """Make room for the row at hand: ``needed`` bytes and one more code."""
        n, used = len(self), int(self._starts[len(self)])
        if used + needed > self._heap.size:
            self._heap = _longer(self._heap, max(2 * self._heap.size, used + needed))
        if n == self._hashes.size:
            self._hashes = _longer(self._hashes, 2 * n)
            self._starts = _longer(self._starts, 2 * n + 1)
        if 2 * n >= self._slots.size:
            self._slots = np.zeros(2 * self._slots.size, np.uint64)
            refill_codes(self._hashes, n, self._slots)

    def finish(self) -> tuple[pl.Series, NDArray[np.int32]]:
        """The ids in canonical order, and for each code its row among them."""
        n = len(self)
        starts, data = self._starts[: n + 1], self._heap[: self._starts[n]]
        order = break_ties(self.hashes, data, starts, radix_order(self.hashes))
        rank = np.empty(n, np.int32)
        rank[order] = np.arange(n, dtype=np.int32)
        return _texts(data, starts)[order].rename("id"), rank


def _longer(values: NDArray[Any], size: int) -> NDArray[Any]:
    longer = np.empty(size, values.dtype)
    longer[: values.size] = values
    return longer


def _texts(data: NDArray[np.uint8], starts: NDArray[np.int64]) -> pl.Series:
    import pyarrow as pa

    array = pa.LargeStringArray.from_buffers(starts.size - 1, pa.py_buffer(starts), pa.py_buffer(data))
    return pl.Series("id", pl.from_arrow(array), dtype=pl.String)
