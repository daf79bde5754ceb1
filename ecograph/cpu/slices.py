"""Rows of arrows laid out so that a step gathers as fast as memory gives: eight rows of equal length side by side.

A row of some ten arrows ends where a processor doesn't expect it, which costs more than its arrows. So rows are sorted
by length and taken eight at a time, a *slice*: entry t of its k-th row is ``column[base[s] + 8 t + k]``, and eight sums
grow at once, each in the order of its arrows [1]_. A slice's shorter rows are filled up with arrows from a slot that
stays 0. Rows are renumbered into *slots*, by how often they are gathered from (in powers of 4), then by length, then by
number: what is gathered most lies together. Rows of more than ``PIECE`` arrows are cut into pieces, which lie in
slices too, so that one hub is worked on by all threads; their sums are added in order. Where one vector is gathered
from all over, arrows of the other rows lie in tiles instead (tiles.py).

References
----------
.. [1] M. Kreutzer, G. Hager, G. Wellein, H. Fehske, A. R. Bishop, "A Unified Sparse Matrix Data Format for Efficient
   General Sparse Matrix-Vector Multiplication on Modern Processors with Wide SIMD Units", SIAM J. Sci. Comput. 36,
   C401 (2014).
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numba import types
from numpy.typing import NDArray

from ecograph.cpu._jit import F8, I4, I8, F8w, U4w, i8, jit
from ecograph.cpu.lines import zeros
from ecograph.cpu.threads import over_blocks
from ecograph.cpu.tiles import NONE, Tiles, tiles, worth_tiles

__all__ = ["LANES", "PIECE", "SLICE", "Slices", "slices"]

I4Array: TypeAlias = NDArray[np.int32]
U4Array: TypeAlias = NDArray[np.uint32]
I8Array: TypeAlias = NDArray[np.int64]
F8Array: TypeAlias = NDArray[np.float64]

SLICE = 8  # rows side by side; the loops of centrality.py are written out for so many
LANES = 8  # problems that share the rows, side by side: a cache line
PIECE = 512  # arrows; a longer row is cut
CHUNK = 1 << 15  # arrows and rows that are worked on together: fixed, so that it's no matter who does
_FILLED = 64  # parts in which slices are filled


class Slices(NamedTuple):
    """Slots 0 to ``long`` - 1 are rows in pieces; all others, up to ``slots`` - 1, lie in slices of their own.

    Slices ``first`` to ``slots`` / 8 - 1 are those of slots, later ones of pieces: piece p of a row at slot r, with
    ``bounds[r] <= p < bounds[r + 1]``, is slot ``slots`` + p. The last slot is no row's.
    """

    slot: I4Array  # of each row
    base: I8Array  # of each slice; one more at the end
    column: U4Array  # slots; unsigned, as Numba then needn't ask whether an index counts from the end
    weight: F8Array  # by entry, 0 where filled up; empty where every arrow counts 1
    first: int
    slots: int
    long: int
    bounds: I8Array
    cut: I8Array  # slices of each chunk
    tiles: Tiles  # of the rows that aren't in pieces, which then have no arrows in slices

    @property
    def pieces(self) -> int:
        """Slots of pieces, up to a whole number of slices."""
        return SLICE * (self.base.size - 1) - self.slots

    def spread(self, values: NDArray[Any], fill: float = 0.0) -> NDArray[Any]:
        """Values by row as values by slot."""
        out = np.full(self.slots, fill, values.dtype)
        out[self.slot] = values
        return out

    def to_lanes(self, values: F8Array) -> F8Array:
        """(n, lanes) as blocks of lanes, (blocks * slots, width): row j of block b is ``b * slots + slot[j]``.

        One lane has width 1, more have 8, one cache line; what is left of the last block is 0.
        """
        lanes = values.shape[1]
        width = 1 if lanes == 1 else LANES
        out = zeros(-(-lanes // width), self.slots, width)
        for lane in range(lanes):
            out[lane // width, self.slot, lane % width] = values[:, lane]
        return out.reshape(-1, width)

    def from_lanes(self, values: F8Array, lanes: int) -> F8Array:
        """What ``to_lanes`` was given."""
        width = values.shape[1]
        blocks = values.reshape(-1, self.slots, width)[:, self.slot]
        return np.ascontiguousarray(blocks.transpose(1, 0, 2).reshape(self.slot.size, -1)[:, :lanes])


def slices(ptr: I8Array, column: I4Array, weight: F8Array | None, lanes: int = 1) -> Slices:
    """Lay out rows for steps of so many lanes; ``weight`` None: every arrow counts 1.

    O(arrows), about as long as a few steps.
    """
    n, size = ptr.size - 1, np.diff(ptr)
    gathered = np.bincount(column, minlength=n)
    warmth = np.minimum((np.frexp(gathered)[1] + 1) // 2, 16)  # powers of 4
    key = (-np.minimum(size, PIECE + 1) - (PIECE + 2) * np.where(size > PIECE, 60, warmth)).astype(np.int16)
    order = np.argsort(key, kind="stable").astype(np.int32)  # a radix sort, as keys have 16 bits
    cut_rows = order[: int((size > PIECE).sum())]
    first = -(-cut_rows.size // SLICE)
    whole = (n - cut_rows.size) // SLICE + 1  # at least one slot is no row's
    slots = SLICE * (first + whole)
    slot = np.empty(n, np.int32)
    slot[order] = np.arange(n, dtype=np.int32)
    slot[order[cut_rows.size :]] += SLICE * first - cut_rows.size
    count = -(-size[cut_rows] // PIECE)
    bounds = np.concatenate([[0], np.cumsum(count)]).astype(np.int64)
    begin = np.zeros(slots + SLICE * -(-int(bounds[-1]) // SLICE), np.int64)
    end = begin.copy()
    short = order[cut_rows.size :]
    begin[slot[short]], end[slot[short]] = ptr[short], ptr[short + 1]
    tiled = NONE
    if lanes == 1 and worth_tiles(gathered, slot, int(size[short].sum())):
        tiled = tiles(begin[:slots], end[:slots], column, weight, slot)
        begin[:slots] = end[:slots] = 0
    pieces = slice(slots, slots + int(bounds[-1]))
    begin[pieces] = np.repeat(ptr[cut_rows] - PIECE * bounds[:-1], count) + PIECE * np.arange(bounds[-1])
    end[pieces] = np.minimum(begin[pieces] + PIECE, np.repeat(ptr[cut_rows + 1], count))
    length = (end - begin).reshape(-1, SLICE).max(axis=1)
    base = np.concatenate([[0], np.cumsum(SLICE * length)]).astype(np.int64)
    laid = np.empty(base[-1], np.uint32)
    heavy = np.empty(0 if weight is None else base[-1])
    given = heavy if weight is None else weight
    over_blocks(_fill, _FILLED, 16 * column.size, base, begin, end, column, given, slot, slots - 1, laid, heavy)
    return Slices(slot, base, laid, heavy, first, slots, cut_rows.size, bounds,
                  _chunks(base, slots // SLICE if tiled.chunks else 0), tiled)  # fmt: skip


def _chunks(base: I8Array, first: int) -> I8Array:
    """Slices from ``first`` on, about CHUNK arrows and rows each; a slice is never cut."""
    work = (base + SLICE * np.arange(base.size))[first:]
    work -= work[0]
    count = int(work[-1]) // CHUNK + 1
    cut: I8Array = first + np.searchsorted(work, work[-1] * np.arange(count + 1) // count).astype(np.int64)
    return cut


@jit(types.void, i8, I8, I8, I8, I4, F8, I4, i8, U4w, F8w)
def _fill(
    b: int,
    base: I8Array,
    begin: I8Array,
    end: I8Array,
    column: I4Array,
    weight: F8Array,
    slot: I4Array,
    nothing: int,
    laid: U4Array,
    heavy: F8Array,
) -> None:
    count = base.size - 1
    for s in range(b * count // _FILLED, (b + 1) * count // _FILLED):
        for k in range(SLICE):
            r = SLICE * s + k
            at = base[s] + k
            for e in range(begin[r], end[r]):
                laid[at] = slot[column[e]]
                if heavy.size:
                    heavy[at] = weight[e]
                at += SLICE
            for rest in range(at, base[s + 1], SLICE):
                laid[rest] = nothing
                if heavy.size:
                    heavy[rest] = 0.0
