"""Sums over chains of dependence on the device: many starts side by side, by steps that approach from below.

The CPU sweeps in place (``ecograph.cpu.chains``); here each step is made from the last one (Jacobi), so that all rows
are made at once. Both have the same limit, sum_t G^t e. ``chains.cu`` tells how rows are shared out and summed.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecograph.gpu._module import THREADS, module, shortfall

__all__ = ["LANES", "PIECE", "SHORT", "Plan", "Rows", "bytes_needed", "plan", "pull_lanes", "to_device"]

LANES = 32  # side by side: a warp
WARPS, ROWS = THREADS // LANES, 4  # of a block; short rows a warp takes. As in chains.cu
SHORT = 64  # arrows; up to so many a row is a warp's
PIECE = 4096  # arrows; up to so many a row is a block's, and a longer one is cut into such pieces
LOOK = 8  # steps between two looks at the change: one that isn't looked at waits for nothing


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
    """What stays on the device for as long as it is held: column and value of each arrow, and the plan's arrays."""

    n: int
    plan: Plan
    column: Any
    value: Any
    begin: Any
    end: Any
    target: Any
    long: Any
    bounds: Any

    @property
    def changes(self) -> int:
        """How many blocks tell of a change."""
        return self.plan.blocks + self.plan.long.size


def bytes_needed(made: Plan, n: int, arrows: int) -> int:
    """Device memory for rows and 32 lanes; an array begins at a multiple of 512 bytes."""
    tasks = sum(each.nbytes for each in made if not isinstance(each, int))
    places = 2 * n + made.bounds[-1] + 1 + made.blocks + made.long.size + 1 + 2
    return 12 * arrows + tasks + 8 * LANES * int(places) + 13 * 512


def to_device(ptr: NDArray[np.int64], column: NDArray[np.int32], value: NDArray[np.float64]) -> Rows:
    """Copy rows once. ``value`` is multiplied beforehand by what a step keeps. MemoryError where they don't fit."""
    import cupy

    made, n = plan(ptr), ptr.size - 1
    if lacking := shortfall(bytes_needed(made, n, column.size)):
        raise MemoryError(lacking)
    arrays = column, value, made.begin, made.end, made.target, made.long, made.bounds
    return Rows(n, made, *map(cupy.asarray, arrays))


def pull_lanes(
    rows: Rows, start: NDArray[np.int32], goal: float, most: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """X = sum_t G^t e of each lane, (n, lanes), from below; its last change in the 1-norm; the number of steps.

    e is 1 in row ``start[l]`` of lane l (-1: nowhere). Steps end when every lane has changed by <= ``goal``, which is
    looked at every ``LOOK`` steps, or after ``most``. The change is what the step before lacked: e + G x - x. If no
    column of G sums to more than q < 1, what x itself lacks is <= q / (1 - q) times the change.
    """
    parts = [_some_lanes(rows, start[k : k + LANES], goal, most) for k in range(0, start.size, LANES)]
    if not parts:
        return np.zeros((rows.n, 0)), np.zeros(0), 0
    x, change, steps = zip(*parts, strict=True)
    return np.concatenate(x, axis=1), np.concatenate(change), max(steps)


def _some_lanes(rows: Rows, start: NDArray[np.int32], goal: float, most: int) -> tuple[Any, Any, int]:
    """At most 32 of them; the others of the 32 start nowhere and stay 0."""
    import cupy

    x, other = (cupy.zeros((rows.n, LANES), np.float64) for _ in range(2))
    padded = cupy.asarray(np.concatenate([start, np.full(LANES - start.size, -1)]).astype(np.int32))
    piece = cupy.empty((int(rows.plan.bounds[-1]) + 1) * LANES, np.float64)
    change = cupy.empty((rows.changes + 1) * LANES, np.float64)
    total = cupy.empty(LANES, np.float64)
    moved, steps = np.full(LANES, np.inf), 0
    while steps < most and not (moved <= goal).all():
        steps += 1
        look = steps % LOOK == 0 or steps == most
        _step(rows, padded, x, other, piece, change, look)
        x, other = other, x
        if look:
            module("chains").get_function("sum_changes")((1,), (THREADS,), (change, np.int64(rows.changes), total))
            moved = total.get()
    return x.get()[:, : start.size], moved[: start.size], steps


def _step(rows: Rows, start: Any, x: Any, other: Any, piece: Any, change: Any, look: bool) -> None:
    """One launch, and a second only where there are long rows."""
    kernels, made = module("chains"), rows.plan
    kernels.get_function("pull_lanes")(
        (made.blocks,), (THREADS,),
        (rows.begin, rows.end, rows.target, np.int64(made.wide), np.int64(made.target.size), rows.column, rows.value,
         start, x, other, piece, change, np.int32(look)),
    )  # fmt: skip
    if made.long.size:
        kernels.get_function("finish_rows")(
            (made.long.size,), (LANES,),
            (rows.long, rows.bounds, piece, np.int64(made.long.size), start, x, other, change, np.int64(made.blocks),
             np.int32(look)),
        )  # fmt: skip
