"""Shortest paths in hops on the device with a queue of each source, for deep networks. ``queue.cu`` tells how."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ecograph.cpu.paths import BLOCKS, DISTANCES, ROWS, SQUARES, SUMS
from ecograph.gpu import breadth
from ecograph.gpu._module import LANES, THREADS, blocks, in_chunks, module, shortfall

__all__ = ["FEWEST", "MOST", "Rows", "by_hops", "bytes_needed", "deepest", "to_device"]

I4Array: TypeAlias = NDArray[np.int32]
F8Array: TypeAlias = NDArray[np.float64]

MOST = 512  # sources at a time, a block each: four on each multiprocessor of an H100 (132), some 64 registers a thread
FEWEST = BLOCKS  # where memory is short: as many sums over sources as a participant has

# Bytes that a device with sectors of 32 moves at most, docs/gpu.md: of an arrow and of a participant, for each source
# with a queue; of both for each level of 32 sources that are pulled; and once for these.
QUEUE = {True: (204, 384), False: (36, 80)}  # with paths, or distances alone
LEVEL = {True: (8, 56), False: (8, 32)}
ONCE = {True: (528, 1050), False: (0, 0)}
BUSY = 128  # sources; fewer don't keep a device busy, and take as long as so many


class Rows(NamedTuple):
    """What stays on the device: arrows by both ends in the order of rows, and ``node`` as in ``cpu.paths``."""

    n: int
    out: tuple[Any, Any]
    into: tuple[Any, Any]
    node: Any


def deepest(n: int, arrows: int, sources: int, what: int) -> int:
    """Levels behind a source from which on a queue each moves fewer bytes than a pull of 32: docs/gpu.md.

    Not more than memory has words for, beyond the ``DEEP`` levels that ``breadth.bytes_needed`` counts.
    """
    paths = what != DISTANCES
    queue, level, once = (one * arrows + each * n for one, each in (kind[paths] for kind in (QUEUE, LEVEL, ONCE)))
    lanes = -(-sources // LANES)
    most = max(1, (max(sources, BUSY) * queue - lanes * once) // (lanes * level))
    if most > breadth.DEEP and shortfall(breadth.bytes_needed(n, arrows, what, levels=most)):
        return breadth.DEEP
    return most


def bytes_needed(n: int, what: int, sources: int) -> int:
    """Device memory beside ``breadth.Arrows`` for so many sources at a time; an array begins at a multiple of 512."""
    each = 8 if what == DISTANCES else 28 + 8 * (what == ROWS)
    sums = 16 * BLOCKS * n if what in (SUMS, SQUARES) else 0
    return 16 * (n + 1) + sums + sources * (each * n + 24 + 24) + 512 * 12


def to_device(arrows: breadth.Arrows) -> Rows:
    """Where the rows of arrows that are there begin is copied, the rest shared."""
    import cupy

    out, into = ((cupy.asarray(side.ptr), side.column) for side in (arrows.out, arrows.into))
    return Rows(arrows.n, out, into, arrows.node)


def at_once(sources: int) -> int:
    """Sources at a time: as many as there are, up to ``MOST``; 16 times a power of two."""
    slots = MOST
    while slots > FEWEST and slots >= 2 * sources:
        slots //= 2
    return slots


def by_hops(
    rows: Rows,
    source: I4Array,
    begin: int,
    end: int,
    what: int,
    sums: F8Array,
    went: F8Array,
    *,
    tick: Callable[[int], None] = lambda done: None,
) -> None:
    """As ``breadth.by_hops``, the same bits, however deep. One launch there and back for up to ``MOST`` sources."""
    import cupy

    if begin >= end or not rows.n:
        return
    n, there = rows.n, cupy.asarray(source)
    total = cupy.asarray(sums if what in (SUMS, SQUARES) else np.zeros(0))
    held: list[_Work] = []  # for the next chunk too

    def run(first: int, last: int, slots: int) -> None:
        if not held:
            held.append(_Work(rows, there, slots, what))
        try:
            work, told = held[0], held[0].search(first, last)
            if what == ROWS:
                breadth.shares(work.rows(last - first), told[0], sums[first * n : last * n].reshape(-1, n))
        except Exception:
            held.clear()
            raise
        if what in (SUMS, SQUARES):
            work.add(first, last, total)
        if what in (SUMS, DISTANCES):
            went[: len(told), first:last] = told
        tick(last)

    in_chunks(
        begin, end, run, most=at_once(end - begin), least=FEWEST, what="Searches by queues",
        needs=lambda slots: bytes_needed(n, what, slots),
    )  # fmt: skip
    if what in (SUMS, SQUARES):
        sums[:] = total.get()


class _Work:
    """Arrays for as many sources as are searched from at a time, used again and again."""

    def __init__(self, rows: Rows, source: Any, slots: int, what: int) -> None:
        import cupy

        self.there, self.source, self.what = rows, source, what
        items, places = slots * rows.n, slots * (rows.n + 2)
        self.level, self.order = cupy.empty(items, np.int32), cupy.empty(places, np.int32)
        if what == DISTANCES:
            self.told = cupy.empty(slots * 3, np.float64)
            return
        self.start, self.told = cupy.empty(places, np.int32), cupy.empty(slots * 2, np.float64)
        self.delta, self.behind = (cupy.empty(items, np.float64) for _ in range(2))

    def search(self, first: int, last: int) -> F8Array:
        """One launch, one read: of each source the targets it reaches and if itself is one, or the rows of ``went``."""
        rows, n = self.there, np.int64(self.there.n)
        lanes = (self.source, np.int64(first), np.int64(last))
        given: tuple[Any, ...]
        if self.what == DISTANCES:
            given = (*rows.out, *lanes, n, self.level, self.order, self.told)
        else:
            given = (*rows.out, *rows.into, *lanes, rows.node, n, self.level, self.order, self.start, self.delta,
                     self.behind, self.told)  # fmt: skip
        name = "search_levels" if self.what == DISTANCES else "search_paths"
        self._kernel(name)((last - first,), (THREADS,), given)
        told: F8Array = self.told.get().reshape(-1, 3 if self.what == DISTANCES else 2)
        return told[: last - first].T

    def add(self, first: int, last: int, sums: Any) -> None:
        """To the sums over sources, as they lie on the host."""
        rows, squares = self.there, np.int32(self.what == SQUARES)
        self._kernel("add_searches")(
            blocks(BLOCKS * rows.n), (THREADS,),
            (self.source, np.int64(first), np.int64(last), rows.node, np.int64(rows.n), self.level, self.delta, squares,
             sums),
        )  # fmt: skip

    def rows(self, sources: int) -> F8Array:
        """(sources, n): dependencies by source."""
        import cupy

        items = sources * self.there.n
        out = cupy.empty((sources, self.there.n), np.float64)
        self._kernel("searches_to_rows")(blocks(items), (THREADS,), (self.level, self.delta, np.int64(items), out))
        found: F8Array = out.get()
        return found

    def _kernel(self, name: str) -> Any:
        return module("queue").get_function(name)
