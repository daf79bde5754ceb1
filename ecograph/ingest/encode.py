"""How do ids become small integers without two of them ever merging?"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ecograph.cpu.sorting import break_ties, hash_order
from ecograph.cpu.table import BLOCK, HEAD, WINDOW, add_rows, find_rows, gather_texts, refill_codes
from ecograph.cpu.threads import Shared
from ecograph.errors import MemoryLimitError
from ecograph.order import text_buffers

__all__ = ["Encoder", "Found"]

_MOST = 2**31 - 1  # codes are int32
_LONGEST = 2**35  # bytes of texts: a slot holds 32 bits of place / 8


class Found(NamedTuple):
    """What was known of some texts when they were looked up: quick hashes, and codes, -1 where there was none."""

    hashes: NDArray[np.uint64]
    codes: NDArray[np.int32]


class Encoder:
    """Codes of ids in the order of first appearance, for streamed columns of text.

    Two ids get one code when their bytes are equal and never otherwise: a hash only says where to look. Memory: the
    bytes of the distinct ids to a multiple of 8, 25 bytes each and a table of 16 to 32 bytes each.

    Parameters
    ----------
    bits : how many bits of hashes to use; fewer than 64 only to force collisions in a test.
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
        self._shared = Shared()
        self._size = np.zeros(2, np.int64)  # codes, bytes of the heap in use
        self._slots = np.zeros(1024, np.uint64)
        self._heap = np.empty(16 << 10, np.uint8)
        self._hashes, self._first_bytes = np.empty(512, np.uint64), np.empty(512, np.uint8)
        self._places = np.zeros(512, np.int64)  # in the heap, of each code's text
        self.row_starts = np.zeros(257, np.int64)

    def __len__(self) -> int:
        """How many distinct ids so far."""
        return int(self._size[0])

    @property
    def hashes(self) -> NDArray[np.uint64]:
        """The hash of each code's id: the first key of the canonical order."""
        return self._hashes[: len(self)]

    @property
    def first_bytes(self) -> NDArray[np.uint8]:
        """The highest byte of each hash; one eighth of the memory to look it up in."""
        return self._first_bytes[: len(self)]

    @property
    def nbytes(self) -> int:
        """Memory held, in bytes."""
        held = self._slots, self._heap, self._hashes, self._first_bytes, self._places
        return sum(array.nbytes for array in held)

    def encode(self, ids: pl.Series) -> NDArray[np.int32]:
        """The code of each id; no nulls.

        Raises
        ------
        MemoryLimitError : more distinct ids than an int32 can number.
        """
        return self.encode_texts(*text_buffers(ids))

    @np.errstate(over="ignore")  # hashing wraps; only an uncompiled kernel would warn of it
    def look_up(self, data: NDArray[np.uint8], offsets: NDArray[np.int64]) -> Found:
        """What is known of the texts ``data[offsets[r]:offsets[r + 1]]``. Any thread may ask, meanwhile too."""
        found = Found(np.empty(offsets.size - 1, np.uint64), np.empty(offsets.size - 1, np.int32))
        room = np.empty(WINDOW, np.uint64)
        for block in range(-(-found.codes.size // BLOCK)):
            with self._shared.reading():
                find_rows(block, data, offsets, self._mask, self._slots, self._heap, room, *found)
        return found

    @np.errstate(over="ignore")
    def encode_texts(
        self, data: NDArray[np.uint8], offsets: NDArray[np.int64], found: Found | None = None
    ) -> NDArray[np.int32]:
        """The code of each text, as in ``encode``; ``found`` is what ``look_up`` gave earlier, and is written to.

        One thread at a time may ask: what is new is numbered row after row.
        """
        hashes, out = self.look_up(data, offsets) if found is None else found
        with self._shared.changing():
            row, known = 0, len(self)
            while (row := self._add(data, offsets, hashes, row, out)) < out.size:
                self._grow(int(offsets[row + 1] - offsets[row]))
            self._first_bytes[known : len(self)] = self._hashes[known : len(self)] >> np.uint64(56)
        return out

    def _add(self, data: Any, offsets: Any, hashes: Any, row: int, out: NDArray[np.int32]) -> int:
        stopped = add_rows(data, offsets, hashes, row, self._mask, self._size, self._slots, self._heap,
                           self._hashes, self._places, out)  # fmt: skip
        if len(self) > self._most or self._size[1] > _LONGEST:
            raise MemoryLimitError(
                f"there are more than {self._most:,} {self._what}, the most that ecograph can number.",
                hint=self._hint,
            )
        return int(stopped)

    def _grow(self, needed: int) -> None:
        """Make room for the row at hand: ``needed`` bytes and one more code."""
        n, used, needed = len(self), int(self._size[1]), needed + HEAD + 7
        if used + needed > self._heap.size:
            self._heap = _longer(self._heap, max(2 * self._heap.size, used + needed))
        if n == self._hashes.size:
            self._hashes, self._places = _longer(self._hashes, 2 * n), _longer(self._places, 2 * n)
            self._first_bytes = _longer(self._first_bytes, 2 * n)
        if 2 * n >= self._slots.size:
            size = 2 * self._slots.size
            self._slots = np.zeros(0, np.uint64)  # the old one is of no more use: give it back first
            self._slots = np.empty(size, np.uint64)  # on large pages, which NumPy doesn't ask for where it makes zeros
            self._slots[:] = 0
            refill_codes(self._heap, self._places, n, self._mask, np.empty(WINDOW, np.uint64), self._slots)

    def finish(self, live: NDArray[np.bool_] | None = None) -> tuple[pl.Series, NDArray[np.int32]]:
        """The ids in canonical order, and for each code its row among them.

        ``live`` : whether each code counts; the others are left out, and have the row -1. ``row_starts`` then tells at
        which row the ids begin whose hash has each first byte (and, last, how many there are).
        """
        order, equal = hash_order(self.hashes)
        if equal:  # two ids share a hash once in 2**64
            order = break_ties(self.hashes, *self._gather(np.arange(len(self), dtype=np.int32)), order)
        if live is not None and not live.all():
            order = order[live[order]]
        in_bytes = np.bincount(self.first_bytes if live is None else self.first_bytes[live], minlength=256)
        self.row_starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(in_bytes)])
        rank = np.full(len(self), -1, np.int32)
        rank[order] = np.arange(order.size, dtype=np.int32)
        return self.texts(order.astype(np.int32)).rename("id"), rank

    def close(self) -> None:
        """Give memory back; how many ids there were is still known."""
        self._slots, self._hashes = np.empty(0, np.uint64), np.empty(0, np.uint64)
        self._heap, self._places = np.empty(0, np.uint8), np.empty(0, np.int64)
        self._first_bytes = np.empty(0, np.uint8)

    def bare(self, first: int) -> NDArray[np.bool_]:
        """Of codes from ``first`` on: whether a text begins and ends with a visible ASCII character."""
        place = self._places[first : len(self)]
        size = self._heap[: self._heap.size // 4 * 4].view(np.uint32)[place // 4 - 1].astype(np.int64)
        a, b = self._heap[place], self._heap[place + np.maximum(size, 1) - 1]
        bare: NDArray[np.bool_] = (size > 0) & (a > 0x20) & (a < 0x7F) & (b > 0x20) & (b < 0x7F)
        return bare

    def texts(self, codes: NDArray[np.int32]) -> pl.Series:
        """The texts of these codes; null where -1 stands."""
        import pyarrow as pa

        data, ends = self._gather(codes)
        array = pa.LargeStringArray.from_buffers(codes.size, pa.py_buffer(ends), pa.py_buffer(data))
        series = pl.Series("id", pl.from_arrow(array), dtype=pl.String)
        return series.set(pl.Series(codes < 0), None) if codes.min(initial=0) < 0 else series

    def _gather(self, codes: NDArray[np.int32]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """The bytes of these texts, and the ``n + 1`` offsets that cut them."""
        ends, data = np.zeros(codes.size + 1, np.int64), np.empty(0, np.uint8)
        codes = np.ascontiguousarray(codes)
        gather_texts(self._heap, self._places, codes, ends, data)
        if ends[-1]:
            data = np.empty(int(ends[-1]), np.uint8)
            gather_texts(self._heap, self._places, codes, ends, data)
        return data, ends


def _longer(values: NDArray[Any], size: int) -> NDArray[Any]:
    longer = np.empty(size, values.dtype)
    longer[: values.size] = values
    return longer
