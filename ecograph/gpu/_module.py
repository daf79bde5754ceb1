"""The one place where CUDA's options are chosen, and where the device's memory is asked for."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["LANES", "OPTIONS", "THREADS", "blocks", "in_chunks", "module", "noted", "shortfall"]

# CUDA fuses multiplication and addition by default, Numba without fastmath doesn't: unfused, the same order of sums
# gives the same bits.
OPTIONS = ("--std=c++17", "--fmad=false")
THREADS = 256  # of a block
LANES = 32  # side by side: a warp

_LOG = logging.getLogger("ecograph.device")
_NOTES: ContextVar[list[str] | None] = ContextVar("notes", default=None)


@cache
def module(name: str, lanes: int = LANES) -> Any:
    """Kernels of ``name.cu`` beside this file for so many lanes a row, compiled when one is first asked for."""
    import cupy

    options = OPTIONS if lanes == LANES else (*OPTIONS, f"-DWIDTH={lanes}")
    return cupy.RawModule(code=Path(__file__).with_name(f"{name}.cu").read_text(), options=options)


def blocks(items: int, each: int = THREADS) -> tuple[int]:
    """A grid of enough blocks. CuPy makes 1 of 0, so a kernel has to bear a block with nothing to do."""
    return (-(-items // each),)


def shortfall(nbytes: int) -> str | None:
    """Why ``nbytes`` can't be had on the device, or None where they fit.

    What CuPy's pool holds back for itself counts as free: it's ours to use again.
    """
    import cupy

    free = cupy.cuda.runtime.memGetInfo()[0] + cupy.get_default_memory_pool().free_bytes()
    if nbytes <= free:
        return None
    return f"{nbytes / 1e9:.1f} GB of device memory are needed, {free / 1e9:.1f} GB are free"


def in_chunks(
    begin: int, end: int, run: Callable[[int, int, int], None], *, least: int, what: str, most: int = LANES
) -> None:
    """``run(first, last, lanes)`` for the lanes from ``begin`` to ``end``, ``most`` at a time.

    Where the device's memory ends in mid-run, what that run held is let go, and it is made again with half the lanes,
    down to ``least``; then CuPy's ``OutOfMemoryError`` gets through. So ``run`` keeps nothing on the device and stores
    results last. A lane doesn't depend on who is beside it: results are the same bits. ``noted`` hears of it.
    """
    import cupy

    lanes, first = most, begin
    while first < end:
        last = min(first + lanes, end)
        try:
            run(first, last, lanes)
        except cupy.cuda.memory.OutOfMemoryError as error:
            if lanes == least:
                raise
            lanes //= 2
            _note(f"{what} went on with {lanes} lanes at a time from number {first} on, as memory ended ({error})")
        else:
            first = last
            continue
        cupy.get_default_memory_pool().free_all_blocks()  # not before the error, which holds arrays, is gone


@contextmanager
def noted() -> Iterator[list[str]]:
    """A list of what happened on the device within it that a result has to tell."""
    notes: list[str] = []
    token = _NOTES.set(notes)
    try:
        yield notes
    finally:
        _NOTES.reset(token)


def _note(sentence: str) -> None:
    _LOG.warning(sentence)
    if (notes := _NOTES.get()) is not None:
        notes.append(sentence)
