"""Which pairs of 64-bit keys were met before? Exact: both keys are stored and compared."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ecograph.cpu.table import find_pairs, refill_pairs

__all__ = ["Pairs"]


class Pairs:
    """Numbers pairs in the order of first appearance. About 24 to 48 bytes a distinct pair.

    Examples
    --------
    >>> keys = np.array([7, 8, 7], np.uint64)
    >>> Pairs().find(keys, keys)
    array([0, 1, 0], dtype=int32)
    """

    def __init__(self) -> None:
        self._size = np.zeros(1, np.int64)
        self._start()

    def _start(self) -> None:
        self._slots = np.zeros(1024, np.int32)
        self._high = np.empty(512, np.uint64)
        self._low = np.empty(512, np.uint64)

    def __len__(self) -> int:
        return int(self._size[0])

    @property
    def keys(self) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        """Both keys of every pair, by its number."""
        return self._high[: len(self)], self._low[: len(self)]

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes."""
        return self._slots.nbytes + self._high.nbytes + self._low.nbytes

    def clear(self) -> None:
        """Forget all pairs; memory is kept where wiping it is cheap."""
        self._size[0] = 0
        if self._slots.size <= 1 << 18:
            self._slots[:] = 0
        else:
            self._start()

    @np.errstate(over="ignore")  # the mixing wraps
    def find(self, high: NDArray[np.uint64], low: NDArray[np.uint64]) -> NDArray[np.int32]:
        """The number of each pair (high[r], low[r]); at most 2**31 - 1 distinct ones."""
        out = np.empty(high.size, np.int32)
        row = 0
        while (row := find_pairs(high, low, row, self._size, self._slots, self._high, self._low, out)) < out.size:
            self._high, self._low = (np.concatenate([a, np.empty_like(a)]) for a in (self._high, self._low))
            self._slots = np.zeros(2 * self._slots.size, np.int32)
            refill_pairs(self._high, self._low, len(self), self._slots)
        return out
