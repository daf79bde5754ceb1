"""Shortest paths in hops on the device: 32 sources at a time, forward and back as a pull. ``breadth.cu`` tells how."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ecograph.cpu.csr import by_provider
from ecograph.cpu.paths import BLOCKS, DISTANCES, ROWS, SQUARES, SUMS
from ecograph.gpu._module import THREADS, blocks, in_chunks, module, shortfall
from ecograph.gpu.chains import LANES, PIECE, WARPS, Plan, plan

__all__ = ["DEEP", "FEWEST", "Arrows", "Side", "by_hops", "bytes_needed", "fewest", "lane_bytes", "shares",
           "to_device", "turned"]  # fmt: skip

I4Array: TypeAlias = NDArray[np.int32]
I8Array: TypeAlias = NDArray[np.int64]
F8Array: TypeAlias = NDArray[np.float64]

DEEP = 64  # levels whose words ``bytes_needed`` counts; how many there are is known when all are reached
FEWEST = 16  # sources at a time where memory is short: as many sums over sources as a participant has


class _TooDeep(Exception):
    """Behind one of 32 sources lie more levels than asked for."""


class Side(NamedTuple):
    """Arrows by one of their ends, and who takes which: arrays of the device, as in ``chains.Plan``; ``ptr`` is not."""

    plan: Plan
    ptr: I8Array
    column: Any
    begin: Any
    end: Any
    target: Any
    owner: Any  # the row of each piece
    long: Any
    bounds: Any


class Arrows(NamedTuple):
    """What stays on the device: arrows by where they lead and by where they come from, ``node`` as in ``cpu.paths``."""

    n: int
    into: Side
    out: Side
    node: Any


def bytes_needed(n: int, arrows: int, what: int, lanes: int = LANES, levels: int = DEEP) -> int:
    """Device memory for so many sources and levels, from above; an array begins at a multiple of 512 bytes."""
    long = arrows // PIECE
    tasks = 2 * (20 * (n + 2 * long) + 16 * long + 8)
    sums = 8 * 2 * BLOCKS * n if what in (SUMS, SQUARES) else 0
    return 8 * arrows + tasks + 36 * n + sums + 40 * 512 + lane_bytes(n, arrows, what, lanes, levels)


def lane_bytes(n: int, arrows: int, what: int, lanes: int, levels: int = DEEP) -> int:
    """Device memory for so many sources and levels, from above, beside arrows and sums over sources."""
    each = 0 if what == DISTANCES else 3 * lanes if what == ROWS else 2 * lanes
    return (4 * (levels + 3) + 8 * each) * n + 8 * LANES * (2 * (arrows // PIECE) + 1) + 512 * levels


def fewest(what: int) -> int:
    """Sources at a time where memory is short: distances have words, which are of 32."""
    return LANES if what == DISTANCES else FEWEST


def to_device(
    ptr: I8Array, column: I4Array, back_ptr: I8Array, back_column: I4Array, node: F8Array, what: int
) -> Arrows:
    """Copy arrows once, by where they come from and by where they lead (an empty ``back_column``: found here).

    No arrow leads to where it comes from. MemoryError where they, and what ``what`` needs, don't fit.
    """
    import cupy

    n = ptr.size - 1
    if back_column.size != column.size:
        back_ptr, back_column = turned(ptr, column)
    if lacking := shortfall(bytes_needed(n, column.size, what, fewest(what))):
        raise MemoryError(lacking)
    return Arrows(n, _side(back_ptr, back_column), _side(ptr, column), cupy.asarray(node.ravel()))


def turned(ptr: I8Array, column: I4Array) -> tuple[I8Array, I4Array]:
    """Arrows by their other ends."""
    n = ptr.size - 1
    back, entries = by_provider(column, n)
    return back, np.repeat(np.arange(n, dtype=np.int32), np.diff(ptr))[entries]


def _side(ptr: I8Array, column: I4Array) -> Side:
    import cupy

    made = plan(ptr)
    owner = np.repeat(made.long, np.diff(made.bounds))
    held = (column, made.begin, made.end, made.target, owner, made.long, made.bounds)
    return Side(made, ptr.copy(), *map(cupy.asarray, held))  # what is kept must not hold what it was made of


def by_hops(
    arrows: Arrows,
    source: I4Array,
    begin: int,
    end: int,
    what: int,
    sums: F8Array,
    went: F8Array,
    *,
    deepest: int | None = None,
    tick: Callable[[int], None] = lambda done: None,
) -> int:
    """Search from sources ``begin`` (a multiple of 16) to ``end``; results as ``cpu.paths.by_hops`` leaves them.

    Sums over sources are made in the CPU's order. Where more than ``deepest`` levels lie behind one of 32 sources, the
    search ends before these. Returns where it ended, another multiple of 16 or ``end``. ``tick`` hears of it.
    """
    import cupy

    if begin >= end or not arrows.n:
        return end
    n, there = arrows.n, cupy.asarray(source)
    ours = what in (SUMS, SQUARES)
    both = sums.reshape(BLOCKS, 2, n).transpose(1, 2, 0) if ours else np.zeros((2, 0))
    total, other = (cupy.asarray(np.ascontiguousarray(each)) for each in both)
    again = cupy.zeros(source.size if ours else 0, np.int32)
    held: list[_Work] = []  # for the next chunk too
    done = begin

    def run(first: int, last: int, width: int) -> None:
        if not held:
            held.append(_Work(arrows, there, width, paths=what != DISTANCES))
        try:
            search(held[0], first, last)
        except Exception:
            held.clear()
            raise

    def search(work: _Work, first: int, last: int) -> None:
        nonlocal done
        found = work.forward(first, last, deepest)[:, : last - first]
        if what == DISTANCES:
            _distances(found, went[:, first:last])
        else:
            work.back(first)
        if ours:
            work.add(first, last, what == SQUARES, total, other, again)
        if what == SUMS:
            went[0, first:last] = found.sum(0)
        if what == ROWS:
            shares(work.rows(first, last), found.sum(0), sums[first * n : last * n].reshape(-1, n))
        done = last
        tick(last)

    with suppress(_TooDeep):
        in_chunks(
            begin, end, run, least=fewest(what), what="Searches for shortest paths",
            needs=lambda width: lane_bytes(n, arrows.out.column.size, what, width), using=(arrows,),
        )  # fmt: skip
    if ours:
        both[:] = total.get(), other.get()
    if what == SUMS:
        went[1, begin:done] = again.get()[begin:done]
    return done


def _distances(found: NDArray[np.uint64], went: F8Array) -> None:
    """How many others each source reaches, the sum of distances to them, and of inverses."""
    level = np.arange(1, len(found) + 1)[:, None]
    went[:] = found.sum(0), (level * found).sum(0), (found / level).sum(0)


def shares(delta: F8Array, others: NDArray[np.uint64], rows: F8Array) -> None:
    """Of each source, whose share of all others but the last on the way; 0 where fewer than 2 are reached."""
    at = np.flatnonzero(others > 1)
    rows[at] = delta[at] / (others[at, None] - 1.0)


class _Work:
    """Arrays for 32 sources, or half of that, used again and again."""

    def __init__(self, arrows: Arrows, source: Any, width: int, *, paths: bool) -> None:
        import cupy

        self.arrows, self.source, self.paths, self.width = arrows, source, paths, width
        n = arrows.n
        self.sigma, self.behind = (cupy.empty(n * width if paths else 0, np.float64) for _ in range(2))
        pieces = 1 + int(max(arrows.into.plan.bounds[-1], arrows.out.plan.bounds[-1]))
        self.piece = cupy.empty(pieces * LANES, np.float64) if paths else cupy.empty(pieces, np.uint32)
        self.masks: list[Any] = []  # who is in each level after the first
        self.front = self.seen = None
        self.levels = 0  # after the first, that hold someone

    def forward(self, first: int, last: int, deepest: int | None) -> NDArray[np.uint64]:
        """Targets reached at each level from 1 on, by lane. One launch a level (two where rows are long), one read."""
        import cupy

        n, arrows = self.arrows.n, self.arrows
        self.front, self.seen = (cupy.zeros(n, np.uint32) for _ in range(2))
        self._kernel("begin_searches")(
            (1,), (LANES,),
            (self.source, np.int64(first), np.int64(last), arrows.node, np.int64(n), self.front, self.seen, self.sigma,
             np.int32(self.paths)),
        )  # fmt: skip
        found: list[NDArray[np.uint64]] = []
        active, before = (1 << last - first) - 1, self.front
        while active:
            if len(found) == len(self.masks):
                self.masks.append(cupy.empty(n, np.uint32))
            count, into = cupy.zeros(LANES, np.uint64), self.masks[len(found)]
            (self._paths if self.paths else self._masks)(np.uint32(active), before, into, count)
            found.append(count.get())
            active, before = sum(1 << lane for lane in np.flatnonzero(found[-1]).tolist()), into
            if deepest is not None and len(found) > deepest and active:
                raise _TooDeep
        self.levels = len(found) - 1
        return np.array(found)

    def _paths(self, active: Any, before: Any, into: Any, count: Any) -> None:
        side, arrows = self.arrows.into, self.arrows
        n, seen, sigma = np.int64(arrows.n), self.seen, self.sigma
        self._kernel("pull_paths")(
            (side.plan.blocks,), (THREADS,),
            (*_tasks(side), side.column, arrows.node, n, active, before, into, seen, sigma, self.piece, count),
        )  # fmt: skip
        if side.plan.long.size:
            self._kernel("finish_paths")(
                (side.plan.long.size,), (LANES,),
                (*_long(side, self.piece), arrows.node, n, active, into, seen, sigma, count),
            )  # fmt: skip

    def _masks(self, active: Any, before: Any, into: Any, count: Any) -> None:
        side = self.arrows.into
        self._kernel("pull_masks")(
            (side.plan.blocks,), (THREADS,),
            (*_tasks(side), side.column, active, before, into, self.seen, self.piece, count),
        )  # fmt: skip
        if side.plan.long.size:
            self._kernel("finish_masks")(
                blocks(side.plan.long.size), (THREADS,), (*_long(side, self.piece), into, self.seen, count)
            )

    def back(self, first: int) -> None:
        """Dependencies, in place of numbers of paths: one launch a level, or two; nothing is waited for."""
        side, arrows = self.arrows.out, self.arrows
        n, lanes = np.int64(arrows.n), (self.source, np.int64(first))
        for level in range(self.levels - 1, -1, -1):
            front, ahead = self.masks[level], self.masks[level + 1]
            last = np.int32(level == self.levels - 1)
            self._kernel("pull_behind")(
                (side.plan.blocks,), (THREADS,),
                (*_tasks(side), side.column, *lanes, arrows.node, n, last, front, ahead, self.behind, self.sigma,
                 self.piece),
            )  # fmt: skip
            if side.plan.long.size:
                self._kernel("finish_behind")(
                    (side.plan.long.size,), (LANES,),
                    (*_long(side, self.piece), *lanes, arrows.node, n, front, self.behind, self.sigma),
                )  # fmt: skip

    def add(self, first: int, last: int, squares: bool, total: Any, other: Any, again: Any) -> None:
        """To the sums over sources, by participant and block."""
        n = self.arrows.n
        self._kernel("add_lanes")(
            blocks(n, WARPS), (THREADS,),
            (*self._lanes(first, last), self.seen, self.sigma, np.int32(squares), total, other, again),
        )  # fmt: skip

    def rows(self, first: int, last: int) -> F8Array:
        """(lanes, n): dependencies by source."""
        import cupy

        n = self.arrows.n
        out = cupy.empty((last - first, n), np.float64)
        self._kernel("lanes_to_rows")(blocks(n), (THREADS,), (*self._lanes(first, last), self.seen, self.sigma, out))
        found: F8Array = out.get()
        return found

    def _kernel(self, name: str) -> Any:
        return module("breadth", self.width).get_function(name)

    def _lanes(self, first: int, last: int) -> tuple[Any, ...]:
        return self.source, np.int64(first), np.int64(last), self.arrows.node, np.int64(self.arrows.n)


def _tasks(side: Side) -> tuple[Any, ...]:
    return side.begin, side.end, side.target, side.owner, np.int64(side.plan.wide), np.int64(side.plan.target.size)


def _long(side: Side, piece: Any) -> tuple[Any, ...]:
    return side.long, side.bounds, piece, np.int64(side.plan.long.size)
