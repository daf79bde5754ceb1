"""One Jacobi round of eight lanes: which rows to look at, and what is left of them."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numba import types
from numpy.typing import NDArray

from ecograph.cpu._jit import F8, I4, I8, U1, F8w, I4w, I8w, U1w, b1, i8, jit
from ecograph.cpu.cascade_felt import feel, feel_all
from ecograph.cpu.cascade_lanes import (
    NONE,
    ONE,
    V8,
    Lanes,
    add_scaled,
    at,
    gap,
    least,
    load,
    most,
    pick,
    some,
    store,
)
from ecograph.cpu.cascade_network import CHANNEL, MARKETS, Channel, Markets
from ecograph.cpu.cascade_state import BLOCK, CHANGED, PAGE, SHOCKS, SIDE, VISITED, Shocks, Side
from ecograph.cpu.prefetch import prefetch

__all__ = ["DENSE", "image", "round_of"]

I4Array: TypeAlias = NDArray[np.int32]
I8Array: TypeAlias = NDArray[np.int64]
F8Array: TypeAlias = NDArray[np.float64]
U1Array: TypeAlias = NDArray[np.uint8]
_1, _PAGE = np.uint64(1), np.uint64(PAGE)
DENSE = 4  # looking a row up costs a fourth of recomputing it


@jit(i8, I4, I8)
def _reads(rows: I4Array, reader_ptr: I8Array) -> int:
    """How many arrows read these rows."""
    reads = 0
    for i in rows:
        reads += reader_ptr[i + 1] - reader_ptr[i]
    return int(reads)


@jit(i8, I4, I8, I4, U1w, I4w)
def _ask(moved: I4Array, reader_ptr: I8Array, reader: I4Array, mark: U1Array, todo: I4Array) -> int:
    """List who reads rows that moved."""
    count = 0
    for i in moved:
        for e in range(reader_ptr[i], reader_ptr[i + 1]):
            t = reader[e]
            if mark[t] == 0:
                mark[t] = 1
                todo[count] = t
                count += 1
    return count


@jit(types.void, I8, I8, I4, F8, I4, F8, F8, U1, I4, F8, F8w, lanes=True)
def image(
    first: I8Array,
    bound: I8Array,
    column: I4Array,
    weight: F8Array,
    row: I4Array,
    felt: F8Array,
    psi: F8Array,
    struck: U1Array,
    places: I4Array,
    h: F8Array,
    left: F8Array,
) -> None:
    """What is left of the row at each place: 1 less the largest sum of a run, 0 at least, psi at most."""
    for q in range(np.uint64(places.size)):
        t, worst = np.uint64(places[q]), NONE
        i = np.uint64(row[t])
        prefetch(h, at(i))
        for r in range(np.uint64(first[t]), np.uint64(first[t + _1])):
            lost = NONE
            for e in range(np.uint64(bound[r]), np.uint64(bound[r + _1])):
                lost = add_scaled(lost, weight[e], load(felt, at(column[e])))
            worst = most(worst, lost)
        allowed = most(NONE, gap(ONE, worst))
        if struck[i]:
            allowed = least(allowed, load(psi, at(i)))
        store(left, at(q), allowed)


@jit(V8, I4, I4, F8, b1, F8, F8w, U1w, U1w, U1w, I4w, I8w, V8, lanes=True)
def _take(
    places: I4Array,
    row: I4Array,
    live: F8Array,
    published: bool,
    left: F8Array,
    h: F8Array,
    mark: U1Array,
    hit: U1Array,
    page: U1Array,
    changed: I4Array,
    sizes: I8Array,
    largest: Lanes,
) -> Lanes:
    """Take what is ``left`` over where a lane lives; returns the largest change (published rule: decrease)."""
    on, count = load(live, at(0)), np.uint64(sizes[CHANGED])
    for q in range(np.uint64(places.size)):
        t = np.uint64(places[q])
        mark[t] = 0
        i = np.uint64(row[t])
        k = at(i)
        old, new = load(h, k), load(left, at(q))
        fall = pick(on, gap(old, new), NONE)
        if some(fall):
            largest = most(largest, fall if published else most(fall, gap(NONE, fall)))
            store(h, k, pick(on, new, old))
            hit[i] = page[i // _PAGE] = 1
            changed[count] = i
            count += _1
    sizes[CHANGED] = count
    return largest


@jit(types.void, CHANNEL, MARKETS, SIDE, SHOCKS, b1, b1, F8, F8w, lanes=True)
def round_of(
    channel: Channel,
    markets: Markets,
    side: Side,
    shocks: Shocks,
    substitute: bool,
    published: bool,
    live: F8Array,
    largest: F8Array,
) -> None:
    """One round of the lanes that ``live``; ``largest`` change of each (published rule: decrease).

    All rows are recomputed where so many may change that telling them apart costs more: the others get the bits that
    they have.
    """
    todo, visited, first, bound = channel.all, channel.column.size, channel.first, channel.bound
    if DENSE * _reads(side.changed[: side.sizes[CHANGED]], channel.reader_ptr) >= visited:
        feel_all(markets, side, substitute, published)
    else:
        moved = side.moved[: feel(markets, side, shocks, substitute, published)]
        if DENSE * _reads(moved, channel.reader_ptr) < visited:
            todo, visited = side.todo[: _ask(moved, channel.reader_ptr, channel.reader, side.mark, side.todo)], 0
            for t in todo:
                visited += bound[first[t + 1]] - bound[first[t]]
    side.sizes[VISITED] += visited
    best, side.sizes[CHANGED] = NONE, 0
    for begin in range(0, todo.size, BLOCK):
        places = todo[begin : begin + BLOCK]
        image(first, bound, channel.column, channel.weight, channel.row, side.felt, shocks.psi, shocks.struck, places,
              side.h, side.left)  # fmt: skip
        best = _take(places, channel.row, live, published, side.left, side.h, side.mark, side.hit,
                     side.page, side.changed, side.sizes, best)  # fmt: skip
    store(largest, at(0), best)
