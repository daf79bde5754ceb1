"""Where eight cascades stand: capacities left, what of them is felt, and which rows to look at next."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numba import types
from numpy.typing import NDArray

from ecograph.cpu._jit import F8, I4, I8, U1, F8w, I4w, I8w, U1w, i8, jit
from ecograph.cpu.cascade_lanes import NONE, ONE, at, room, store
from ecograph.cpu.cascade_network import Network

__all__ = ["BLOCK", "CHANGED", "PAGE", "PAST", "SHOCKS", "SIDE", "VISITED", "Shocks", "Side", "clear", "hit_rows",
           "new_shocks", "new_side", "shock", "touch"]  # fmt: skip

I4Array: TypeAlias = NDArray[np.int32]
I8Array: TypeAlias = NDArray[np.int64]
F8Array: TypeAlias = NDArray[np.float64]
U1Array: TypeAlias = NDArray[np.uint8]

PAST = 8  # rounds over which the rate is taken: 2, 4 and 8 divide it, so losses that go to and fro don't fool it
PAGE = 64  # rows
_PAGE = np.uint64(PAGE)
BLOCK = 128  # rows whose images wait to be taken over, in the nearest cache
CHANGED, VISITED = range(2)  # of Side.sizes


class Side(NamedTuple):
    """One channel. ``h`` is what is left, ``felt`` what of a row's loss those feel who read it, eight lanes a row.

    ``changed`` lists the rows whose h the last round changed in some lane, ``moved`` those whose loss is felt
    otherwise than before, ``todo`` (by ``mark``) the places that read them, ``left`` what a block of these comes to.
    ``hit``: rows that ever changed; ``page``: are there any among 64? ``past``: largest changes of late, eight lanes a
    round. ``sizes``: how many changed; entries read so far.
    """

    h: F8Array
    felt: F8Array
    changed: I4Array
    moved: I4Array
    todo: I4Array
    left: F8Array
    mark: U1Array
    hit: U1Array
    page: U1Array
    past: F8Array
    sizes: I8Array


class Shocks(NamedTuple):
    """``psi`` of the rows that are ``struck`` in some lane; lists of rows and of markets, and which those are."""

    psi: F8Array
    struck: U1Array
    rows: I4Array
    asked: I4Array
    open: U1Array


SIDE = types.NamedTuple([F8w, F8w, I4w, I4w, I4w, F8w, U1w, U1w, U1w, F8w, I8w], Side)
SHOCKS = types.NamedTuple([F8w, U1w, I4w, I4w, U1w], Shocks)


def new_side(n: int) -> Side:
    """Where nothing is lost yet."""
    changed, moved, todo = np.empty((3, n), np.int32)
    mark, hit = np.zeros((2, n), np.uint8)
    page = np.zeros(n // PAGE + 1, np.uint8)
    past, sizes = room(PAST, 0.0), np.zeros(2, np.int64)
    return Side(room(n, 1.0), room(n, 0.0), changed, moved, todo, room(BLOCK, 0.0), mark, hit, page, past, sizes)


def new_shocks(net: Network) -> Shocks:
    """No shock."""
    n, m = net.markets.out.size, net.markets.total.size
    rows, asked = np.empty(n, np.int32), np.empty(m, np.int32)
    return Shocks(room(n, 1.0), np.zeros(n, np.uint8), rows, asked, np.zeros(m, np.uint8))


@jit(types.void, i8, U1w, U1w)
def touch(i: int, hit: U1Array, page: U1Array) -> None:
    """Row i counts among those hit."""
    hit[i] = page[i // PAGE] = 1


@jit(i8, U1, U1, i8, i8, I4w)
def hit_rows(hit: U1Array, page: U1Array, begin: int, end: int, rows: I4Array) -> int:
    """List the rows hit among some, in order; returns how many."""
    count = np.uint64(0)
    for p in range(begin // PAGE, (end + PAGE - 1) // PAGE):
        if page[p]:
            for i in range(np.uint64(max(begin, p * PAGE)), np.uint64(min(end, (p + 1) * PAGE))):
                rows[count] = i
                count += np.uint64(hit[i])
    return int(count)


@jit(types.void, SIDE, I8, I4, F8, SHOCKS)
def shock(side: Side, ptr: I8Array, row: I4Array, psi: F8Array, shocks: Shocks) -> None:
    """Lane l starts with ``psi`` of the rows from ``ptr[l]`` to ``ptr[l + 1]``."""
    count = 0
    for lane in range(ptr.size - 1):
        for q in range(ptr[lane], ptr[lane + 1]):
            i = row[q]
            side.h[at(i) + np.uint64(lane)] = shocks.psi[at(i) + np.uint64(lane)] = psi[q]
            shocks.struck[i] = 1
            if side.hit[i] == 0:
                touch(i, side.hit, side.page)
                side.changed[count] = i
                count += 1
    side.sizes[CHANGED] = count


@jit(types.void, SIDE, SHOCKS, lanes=True)
def clear(side: Side, shocks: Shocks) -> None:
    """Back to where nothing is lost, at the cost of what was."""
    h, felt = side.h, side.felt
    for row in shocks.rows[: hit_rows(side.hit, side.page, 0, side.hit.size, shocks.rows)]:
        i = np.uint64(row)
        store(h, at(i), ONE)
        store(felt, at(i), NONE)
        side.hit[i] = side.page[i // _PAGE] = 0
        if shocks.struck[i]:
            store(shocks.psi, at(i), ONE)
            shocks.struck[i] = 0
    side.sizes[CHANGED] = 0
