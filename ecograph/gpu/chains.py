"""Sums over chains of dependence on the device: many starts side by side, by steps that approach from below.

The CPU sweeps in place (``ecograph.cpu.chains``); here each step is made from the last one (Jacobi), so that all rows
are made at once. Both add up changes, and both have the limit sum_t G^t e. ``chains.cu`` tells how rows are shared out
and summed, and ``centrality.py`` does the same for one start.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecograph.gpu._module import LANES, THREADS, blocks, in_chunks, kept, module, shortfall

__all__ = [
    "FEWEST", "LANES", "LOOK", "ONE", "PIECE", "SHORT", "Plan", "Rows", "bytes_at_most", "bytes_needed", "lane_bytes",
    "plan", "pull_lanes", "rows_kept", "to_device",
]  # fmt: skip

FEWEST = 8  # lanes at a time where memory is short: their values are two sectors of 32 bytes
WARPS, ROWS = THREADS // LANES, 4  # of a block; short rows a warp takes. As in chains.cu
SHORT = 64  # arrows; up to so many a row is a warp's
PIECE = 4096  # arrows; up to so many a row is a block's, and a longer one is cut into such pieces
LOOK = 8  # steps between two looks at the change: one that isn't looked at waits for nothing
VECTORS = 3  # of a lane: the change, the next one, and the sum
ONE = 2  # lanes: as much memory as a vector by itself takes, in centrality.py


class Plan(NamedTuple):
    """Arrows ``begin`` to ``end`` of row ``target``, or of piece -1 - target. The first ``wide`` take a block."""

    begin: NDArray[np.int64]
    end: NDArray[np.int64]
    target: NDArray[np.int32]
    wide: int
    long: NDArray[np.int32]  # rows in pieces: row r has pieces bounds[r] to bounds[r + 1]
    bounds: NDArray[np.int32]

    @property
    def blocks(self) -> int:
        """How many blocks make a step."""
        return self.wide + -(-(self.target.size - self.wide) // (WARPS * ROWS))


def plan(ptr: NDArray[np.int64]) -> Plan:
    """Share rows out by their length: pieces of long rows first, then middle rows, then short ones."""
    size = np.diff(ptr)
    kinds = (size <= SHORT, (size > SHORT) & (size <= PIECE), size > PIECE)
    short, middle, long = (np.flatnonzero(those).astype(np.int32) for those in kinds)
    count = -(-size[long] // PIECE)
    bounds = np.concatenate([[0], np.cumsum(count)])
    number = np.arange(bounds[-1])
    cut = np.repeat(ptr[long], count) + (number - np.repeat(bounds[:-1], count)) * PIECE
    stop = np.minimum(cut + PIECE, np.repeat(ptr[long + 1], count))
    whole = np.concatenate([middle, short])
    return Plan(
        np.concatenate([cut, ptr[whole]]).astype(np.int64),
        np.concatenate([stop, ptr[whole + 1]]).astype(np.int64),
        np.concatenate([-1 - number, whole]).astype(np.int32),
        int(number.size + middle.size),
        long,
        bounds.astype(np.int32),
    )


class Rows(NamedTuple):
    """What stays on the device for as long as it is held: column and value of each arrow, the plan's arrays, and 1s."""

    n: int
    plan: Plan
    column: Any
    value: Any
    begin: Any
    end: Any
    target: Any
    long: Any
    bounds: Any
    ones: Any
    own: bool = False  # each of 32 lanes has values of its own

    @property
    def changes(self) -> int:
        """How many blocks tell of a change."""
        return self.plan.blocks + self.plan.long.size


def bytes_needed(made: Plan, n: int, arrows: int, lanes: int = LANES) -> int:
    """Device memory for rows and lanes; an array begins at a multiple of 512 bytes."""
    tasks = sum(each.nbytes for each in made if not isinstance(each, int))
    return 12 * arrows + tasks + 8 * n + 8 * 512 + lane_bytes(made, n, lanes)


def lane_bytes(made: Plan, n: int, lanes: int = LANES) -> int:
    """Device memory for lanes, and a weight of each row, beside rows that are there."""
    told = max(made.blocks + made.long.size, stretch_blocks(n * LANES)) + 1
    places = VECTORS * n + made.bounds[-1] + 1 + told + 3
    return 8 * n + 8 * lanes * int(places) + 11 * 512


def bytes_at_most(n: int, arrows: int, lanes: int = LANES) -> int:
    """``bytes_needed`` for any rows of so many arrows, before they are shared out."""
    cuts = arrows // PIECE  # a row of s arrows has at most s / PIECE pieces more than one
    tasks, pieces = n + cuts, 2 * cuts
    blocks = pieces + arrows // SHORT + n // LANES + 1
    return (
        12 * arrows + 20 * tasks + 8 * cuts + 40 * n + 8 * lanes * (VECTORS * n + pieces + blocks + cuts + 4) + 20 * 512
    )


def to_device(
    ptr: NDArray[np.int64], column: NDArray[np.int32], value: NDArray[np.float64], lanes: int = FEWEST
) -> Rows:
    """Copy rows once. MemoryError where they and so many lanes don't fit."""
    import cupy

    made, n = plan(ptr), ptr.size - 1
    if lacking := shortfall(bytes_needed(made, n, column.size, lanes)):
        raise MemoryError(lacking)
    arrays = column, value, made.begin, made.end, made.target, made.long, made.bounds, np.ones(n)
    return Rows(n, made, *map(cupy.asarray, arrays))


def rows_kept(
    ptr: NDArray[np.int64], column: NDArray[np.int32], value: NDArray[np.float64], lanes: int = FEWEST
) -> Rows:
    """``to_device`` of these very arrays: copied once, for as long as they live."""
    return kept("rows", (ptr, column, value), lambda: to_device(ptr, column, value, lanes))


def pull_lanes(
    rows: Rows,
    start: NDArray[Any],
    goal: float,
    most: int,
    *,
    by: float = 1.0,
    hold: bool = False,
    weight: NDArray[np.float64] | None = None,
    tick: Callable[[float], None] | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """X = sum_t (by G)^t e of each lane, (n, lanes), from below; its last change; the number of steps.

    e is 1 in row ``start[l]`` of lane l (-1: nowhere), or column l of ``start``. With ``hold``, chains end where they
    come back to the row in ``start``. Steps of a lane end when it has changed by <= ``goal``, summed over rows times
    ``weight`` (None: 1), which is looked at every ``LOOK`` steps, or after ``most``. Before a look x jumps as far along
    the last change as it may and stay below, as on the CPU. If no column of by G sums to more than q < 1, what x lacks
    is <= q / (1 - q) times the change. No lane depends on those beside it: fewer of them, where memory is short, give
    the same bits.
    """
    parts: list[tuple[Any, Any, int]] = []

    def run(first: int, last: int, width: int) -> None:
        parts.append(_some_lanes(rows, start[..., first:last], width, goal, most, by, hold, weight, tick))

    in_chunks(
        0, start.shape[-1], run, least=FEWEST, what="Sums over chains",
        needs=lambda lanes: lane_bytes(rows.plan, rows.n, lanes), using=(rows,),
    )  # fmt: skip
    if not parts:
        return np.zeros((rows.n, 0)), np.zeros(0), 0
    x, change, steps = zip(*parts, strict=True)
    return np.concatenate(x, axis=1), np.concatenate(change), max(steps)


def _some_lanes(
    rows: Rows, start: Any, width: int, goal: float, most: int, by: float, hold: bool, weight: Any, tick: Any
) -> tuple[Any, Any, int]:
    """At most ``width`` of them; the others start nowhere and stay 0."""
    import cupy

    lanes, nobody = start.shape[-1], np.full(width, -1, np.int32)
    if start.ndim == 2:
        d = cupy.asarray(np.concatenate([start, np.zeros((rows.n, width - lanes))], axis=1))
        x, held = d.copy(), cupy.asarray(nobody)
    else:
        held = cupy.asarray(np.concatenate([start, nobody[lanes:]]).astype(np.int32))
        d, x = begun(rows, held)
        held = held if hold else cupy.asarray(nobody)
    given = by, held, rows.ones if weight is None else cupy.asarray(weight)
    moved, steps = sum_lanes(rows, given, [d, cupy.empty((rows.n, width), np.float64)], x, goal, most, tick, lanes)[:2]
    return x.get()[:, :lanes], moved[:lanes], steps


def begun(rows: Rows, start: Any) -> tuple[Any, Any]:
    """Two times as many lanes as ``start`` has that are 1 in the row that it tells, and else 0."""
    import cupy

    d, x = (cupy.zeros((rows.n, start.size), np.float64) for _ in range(2))
    module("chains", start.size).get_function("begin_lanes")((1,), (start.size,), (start, d, x))
    return d, x


class Sums(NamedTuple):
    """What blocks of a step tell of, and where rows in pieces are put together."""

    piece: Any
    change: Any
    total: Any
    slowest: Any


def sums(rows: Rows, lanes: int) -> Sums:
    """Memory for it."""
    import cupy

    told = max(rows.changes, stretch_blocks(rows.n * lanes, lanes)) + 1
    sizes = (int(rows.plan.bounds[-1]) + 1) * lanes, told * lanes, lanes, lanes
    return Sums(*(cupy.empty(size, np.float64) for size in sizes))


def sum_lanes(
    rows: Rows, given: Any, d: list[Any], x: Any, goal: float, most: int, tick: Any, used: int | None = None
) -> tuple[Any, int, Sums]:
    """Step until all is there, with two places for the change; x takes it up. Lanes from ``used`` on are empty."""
    lanes = x.shape[1]
    made = sums(rows, lanes)
    done, steps = np.arange(lanes) >= (lanes if used is None else used), 0
    moved = np.where(done, 0.0, np.inf)
    while steps < most and not done.all():
        steps += 1
        far = steps % LOOK == 0
        look = steps % LOOK == 0 or steps == most
        step(rows, given, d[0], d[1], x, made, look and not far)
        d.reverse()
        if look:
            count = stretch(d[1], d[0], x, given[2], lanes, made) if far else rows.changes
            moved = np.where(done, moved, folded(made.change, count, made.total))
            done, before = moved <= goal, done
            if (done != before).any() and not done.all():
                _still(done, d[0])
            if tick:
                tick(float(moved.max()))
    return moved, steps, made


def _still(done: NDArray[np.bool_], d: Any) -> None:
    """Lanes that are done change no more."""
    import cupy

    kernel = module("chains", done.size).get_function("still_lanes")
    kernel(blocks(d.size), (THREADS,), (cupy.asarray(done.astype(np.int32)), d, np.int64(d.size)))


def stretch_blocks(count: int, lanes: int = LANES) -> int:
    """How many blocks look at so many values, ``lanes`` in a line."""
    return -(-count // (lanes * WARPS * ROWS))


def stretch(before: Any, d: Any, x: Any, weight: Any, lanes: int, made: Any) -> int:
    """The longest jump along the last change that stays below the answer, of 8 to 32 lanes or 1: three launches.

    ``made`` has room for what blocks tell: change and slowest. Returns how many blocks did.
    """
    line = LANES if lanes == 1 else lanes
    kernels, count, size, threads = module("chains", line), stretch_blocks(d.size, line), np.int64(d.size), WARPS * line
    kernels.get_function("slowest_lanes")((count,), (threads,), (before, d, made.change, size))
    kernels.get_function("fold_slowest")(
        (1,), (threads,), (made.change, np.int64(count), np.int32(lanes), made.slowest)
    )
    kernels.get_function("stretch_lanes")(
        (count,), (threads,), (made.slowest, before, weight, np.int32(lanes), d, x, made.change, size)
    )
    return count


def folded(change: Any, blocks: int, total: Any) -> Any:
    """What blocks told, as one number a lane: a launch and a read."""
    lanes = total.size
    module("chains", lanes).get_function("sum_changes")((1,), (WARPS * lanes,), (change, np.int64(blocks), total))
    return total.get()


def step(rows: Rows, given: Any, d: Any, other: Any, x: Any, made: Sums, look: bool) -> None:
    """One launch, and a second only where there are long rows."""
    lanes, shared = d.shape[1], rows.plan
    kernels = module("chains", lanes)
    piece, change = made.piece, made.change
    by, held, weight = given
    kernels.get_function("pull_lanes")(
        (shared.blocks,), (WARPS * lanes,),
        (rows.begin, rows.end, rows.target, np.int64(shared.wide), np.int64(shared.target.size), rows.column,
         rows.value, np.int32(rows.own), np.float64(by), held, weight, d, other, x, piece, change, np.int32(look)),
    )  # fmt: skip
    if shared.long.size:
        kernels.get_function("finish_rows")(
            (shared.long.size,), (lanes,),
            (rows.long, rows.bounds, piece, np.int64(shared.long.size), np.float64(by), held, weight, other, x, change,
             np.int64(shared.blocks), np.int32(look)),
        )  # fmt: skip
