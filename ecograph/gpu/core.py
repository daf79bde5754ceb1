"""Core numbers on the device, in rounds. ``core.cu`` tells how."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ecograph.gpu._module import THREADS, blocks, kept, module, shortfall
from ecograph.gpu.chains import WARPS

__all__ = ["FEW", "MANY", "bytes_needed", "core_numbers"]

I4Array: TypeAlias = NDArray[np.int32]
I8Array: TypeAlias = NDArray[np.int64]
FEW = 16  # arrows; up to so many a row is a thread's
MANY = 1024  # arrows; up to so many a row is a warp's, and a longer one a block's
LOOK = 8  # rounds between two looks at whether numbers still fall


def bytes_needed(n: int, arrows: int) -> int:
    """Device memory, from above; an array begins at a multiple of 512 bytes."""
    return 8 * arrows + 28 * n + 16 + 10 * 512


def core_numbers(in_ptr: I8Array, in_column: I4Array, out_ptr: I8Array, out_column: I4Array) -> I8Array:
    """Core number of each row, arrows in and out counted together: ``cpu.centrality.core_numbers``, exactly.

    One launch a round and one read every eight. Rounds are few but where a long tail is peeled off one by one: a line
    of n takes n / 2. No arrow leads to where it comes from. MemoryError where arrays don't fit.
    """
    import cupy

    degree: I8Array = np.diff(in_ptr) + np.diff(out_ptr)
    n = degree.size
    if lacking := shortfall(bytes_needed(n, in_column.size)):
        raise MemoryError(lacking)
    if not n:
        return degree
    arrows = in_ptr, in_column, out_ptr, out_column
    rows = kept("core", arrows, lambda: _to_device(degree, *arrows))
    number, other, falling = cupy.asarray(degree.astype(np.int32)), cupy.empty(n, np.int32), True
    while falling:
        for _ in range(LOOK):
            moved = cupy.zeros(1, np.uint32)
            _round(rows, number, other, moved)
            number, other = other, number
        falling = bool(moved.get()[0])
    found: I8Array = number.get().astype(np.int64)
    return found


class _Rows(NamedTuple):
    """How many blocks make a round, and what the kernel takes of rows."""

    blocks: int
    given: tuple[Any, ...]


def _to_device(degree: I8Array, *arrows: NDArray[Any]) -> _Rows:
    """Copy rows, those first that take a block each, then those that take a warp."""
    import cupy

    kind = np.digitize(degree, [FEW, MANY], right=True)  # 0 a thread, 1 a warp, 2 a block
    wide, middle = int((kind == 2).sum()), int((kind == 1).sum())
    (warps,), (threads,) = blocks(middle, WARPS), blocks(degree.size - wide - middle)
    rows = cupy.asarray(np.argsort(-kind, kind="stable").astype(np.int32))
    sizes = np.int64(wide), np.int64(middle), np.int64(degree.size)
    return _Rows(wide + warps + threads, (rows, *sizes, *map(cupy.asarray, arrows)))


def _round(rows: _Rows, number: Any, other: Any, moved: Any) -> None:
    kernel = module("core").get_function("settle_cores")
    kernel((rows.blocks,), (THREADS,), (*rows.given, number, other, moved))
