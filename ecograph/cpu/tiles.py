"""Arrows by where they gather from, for one vector that the second-level cache doesn't hold.

A gather from the third-level cache brings 64 bytes for 8, and from memory where others use that cache too. So slots
are taken in *chunks* whose sums fit the second-level cache, and a chunk's arrows by *block* of the slots that they
gather from: the vector passes by once a chunk, each line is brought once, and sums grow where they are kept. A tile is
what a chunk has in a block, in the order of slots, then of the row's arrows. So a row adds its arrows by block, and
within a block in their order: by the graph alone, for any number of threads.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numba import types
from numpy.typing import NDArray

from ecograph.cpu._jit import F8, I4, I8, U2, F8w, I8w, U2w, i8, jit, u8
from ecograph.cpu.prefetch import prefetch
from ecograph.cpu.threads import over_blocks

__all__ = ["BLOCK", "HEIGHT", "NONE", "Tiles", "sum_tiles", "tiles", "worth_tiles"]

I4Array: TypeAlias = NDArray[np.int32]
U2Array: TypeAlias = NDArray[np.uint16]
I8Array: TypeAlias = NDArray[np.int64]
F8Array: TypeAlias = NDArray[np.float64]

HEIGHT = 1 << 15  # slots of a chunk at most: 256 KB of sums
BLOCK = 1 << 10  # slots gathered from: 8 KB, which the nearest cache holds beside the sums that are under way
_NEAR = 1 << 16  # slots, the most gathered from, that the second-level cache holds anyhow
_LINE = 8  # slots
_SOON = 16  # rows whose arrows are asked for ahead: they lie anywhere
_BITS, _REST = np.uint32(BLOCK.bit_length() - 1), np.uint32(BLOCK - 1)
_1, _2, _3, _4 = (np.uint64(k) for k in range(1, 5))


class Tiles(NamedTuple):
    """Chunk k has slots ``k * height`` to ``(k + 1) * height`` - 1."""

    begin: I8Array  # of each tile, those of chunk 0 first; one more at the end
    into: U2Array  # of each arrow: its slot, counted from the first of its chunk
    of: U2Array  # the slot that it gathers from, counted from the first of its block
    weight: F8Array  # empty where every arrow counts 1
    height: int
    chunks: int


NONE = Tiles(np.zeros(1, np.int64), np.empty(0, np.uint16), np.empty(0, np.uint16), np.empty(0), HEIGHT, 0)


def worth_tiles(gathered: I8Array, slot: I4Array, arrows: int) -> bool:
    """Most gathers go far, and a chunk has an arrow for each line of the vector."""
    far = int(gathered[slot >= _NEAR].sum())
    return 2 * far > int(gathered.sum()) and HEIGHT * _LINE * arrows > slot.size**2


def tiles(begin: I8Array, end: I8Array, column: I4Array, weight: F8Array | None, slot: I4Array) -> Tiles:
    """Lay out slots whose arrows are ``begin`` to ``end`` - 1, in chunks as many for each of two threads."""
    slots = begin.size
    chunks = 2 * -(-slots // (2 * HEIGHT))
    height = _LINE * -(-slots // (_LINE * chunks))
    blocks = -(-slots // BLOCK)
    before = np.concatenate([[0], np.cumsum(end - begin)])
    start = before[np.minimum(height * np.arange(chunks + 1), slots)].astype(np.int64)
    first = np.full(chunks * blocks + 1, start[-1])
    into, of = (np.empty(start[-1], np.uint16) for _ in range(2))
    heavy = np.empty(0 if weight is None else start[-1])
    given = heavy if weight is None else weight
    fixed = start, begin, end, column, given, slot, height, blocks
    over_blocks(_fill, chunks, 16 * column.size, *fixed, first, into, of, heavy)
    return Tiles(first, into, of, heavy, height, chunks)


@jit(types.void, i8, I8, I8, I8, I4, F8, I4, i8, i8, I8w, U2w, U2w, F8w)
def _fill(
    k: int,
    start: I8Array,
    begin: I8Array,
    end: I8Array,
    column: I4Array,
    weight: F8Array,
    slot: I4Array,
    height: int,
    blocks: int,
    first: I8Array,
    into: U2Array,
    of: U2Array,
    heavy: F8Array,
) -> None:
    """One chunk: what its arrows gather from, then how many of them each block has, then where they lie."""
    low, high = k * height, min((k + 1) * height, begin.size)
    from_, place, at = np.empty(start[k + 1] - start[k], np.uint32), np.zeros(blocks + 1, np.int64), u8(0)
    for r in range(low, high):
        prefetch(column, u8(begin[min(r + _SOON, high - 1)]))
        for e in range(u8(begin[r]), u8(end[r])):
            from_[at] = column[e]
            at += _1
    for i in range(from_.size):
        from_[i] = slot[from_[i]]
        place[(from_[i] >> _BITS) + _1] += 1
    place[0] = start[k]
    for t in range(blocks):
        place[t + 1] += place[t]
        first[k * blocks + t] = place[t]
    at = u8(0)
    for r in range(low, high):
        for e in range(u8(begin[r]), u8(end[r])):
            t = u8(from_[at] >> _BITS)
            q = u8(place[t])
            place[t] = q + _1
            into[q] = r - low
            of[q] = from_[at] & _REST
            if heavy.size:
                heavy[q] = weight[e]
            at += _1


@jit(types.void, I8, U2, U2, F8, F8, F8w)
def sum_tiles(begin: I8Array, into: U2Array, of: U2Array, weight: F8Array, y: F8Array, sums: F8Array) -> None:
    """The sums of one chunk, whose tiles begin at ``begin``; meanwhile the lines of the next block are asked for."""
    sums[:] = 0.0
    last = u8(y.size - 1)
    for t in range(begin.size - 1):
        first, next_ = u8(t * BLOCK), u8((t + 1) * BLOCK)
        e, fours = u8(begin[t]), (begin[t + 1] - begin[t]) // 4
        lines = u8(BLOCK // _LINE // max(fours, 1) + 1)
        for _ in range(fours):
            for _ in range(lines):
                prefetch(y, min(next_, last))
                next_ += u8(_LINE)
            if weight.size:
                sums[u8(into[e])] += weight[e] * y[first + u8(of[e])]
                sums[u8(into[e + _1])] += weight[e + _1] * y[first + u8(of[e + _1])]
                sums[u8(into[e + _2])] += weight[e + _2] * y[first + u8(of[e + _2])]
                sums[u8(into[e + _3])] += weight[e + _3] * y[first + u8(of[e + _3])]
            else:
                sums[u8(into[e])] += y[first + u8(of[e])]
                sums[u8(into[e + _1])] += y[first + u8(of[e + _1])]
                sums[u8(into[e + _2])] += y[first + u8(of[e + _2])]
                sums[u8(into[e + _3])] += y[first + u8(of[e + _3])]
            e += _4
        for each in range(e, u8(begin[t + 1])):
            e = u8(each)
            sums[u8(into[e])] += (weight[e] if weight.size else 1.0) * y[first + u8(of[e])]
