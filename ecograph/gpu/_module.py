"""The one place where CUDA's options are chosen, and where the device's memory is asked for."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from numpy.typing import NDArray

from ecograph.kept import DEVICE

__all__ = ["LANES", "OPTIONS", "THREADS", "blocks", "in_chunks", "kept", "module", "noted", "shortfall"]

# CUDA fuses multiplication and addition by default, Numba without fastmath doesn't: unfused, the same order of sums
# gives the same bits.
OPTIONS = ("--std=c++17", "--fmad=false")
THREADS = 256  # of a block
LANES = 32  # side by side: a warp

T = TypeVar("T")

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


def kept(what: str, of: Sequence[NDArray[Any]], make: Callable[[], T]) -> T:
    """``make()``, or what it gave before for these very arrays: it stays on the device for as long as all of them live.

    Arrays that somebody may write to are made anew each time. ``shortfall`` lets go of what is kept.
    """
    import cupy

    if any(each.flags.writeable for each in of):
        return make()
    return DEVICE.get(of, (what, cupy.cuda.runtime.getDevice()), make)


def shortfall(nbytes: int, using: Sequence[Any] = ()) -> str | None:
    """Why ``nbytes`` can't be had on the device, or None where they fit.

    What CuPy's pool holds back for itself counts as free: it's ours to use again. What is kept is let go of before
    there is a shortfall, the one that wasn't used for longest first, but none of ``using``.
    """
    while nbytes > (free := _free()):
        if not DEVICE.let_go(using):
            return f"{nbytes / 1e9:.1f} GB of device memory are needed, {free / 1e9:.1f} GB are free"
    return None


def _free() -> int:
    import cupy

    return int(cupy.cuda.runtime.memGetInfo()[0] + cupy.get_default_memory_pool().free_bytes())


def in_chunks(
    begin: int,
    end: int,
    run: Callable[[int, int, int], None],
    *,
    least: int,
    what: str,
    most: int = LANES,
    needs: Callable[[int], int] | None = None,
    using: Sequence[Any] = (),
) -> None:
    """``run(first, last, lanes)`` for the lanes from ``begin`` to ``end``, ``most`` at a time.

    ``needs(lanes)`` estimates the bytes of device memory that a run asks for: it is begun with half, or a
    quarter, where so many don't fit, but with no fewer than ``least``. What is kept is let go of first, but not
    ``using``.

    Where the device's memory ends in mid-run, what that run held is let go, and what is kept; where nothing was, the
    run is made again with half the lanes, down to ``least``; then CuPy's ``OutOfMemoryError`` gets through. So ``run``
    keeps nothing on the device and stores results last. A lane doesn't depend on who is beside it: results are the same
    bits. ``noted`` hears of it.
    """
    import cupy

    first = begin
    lanes = _lanes_that_fit(most, least, what, needs, using) if needs and begin < end else most
    while first < end:
        last = min(first + lanes, end)
        try:
            run(first, last, lanes)
        except cupy.cuda.memory.OutOfMemoryError as error:
            if not _let_go(using):
                if lanes == least:
                    raise
                lanes //= 2
                _note(f"{what} went on with {lanes} lanes at a time from number {first} on, as memory ended ({error})")
        else:
            first = last
            continue
        cupy.get_default_memory_pool().free_all_blocks()  # not before the error, which holds arrays, is gone


def _lanes_that_fit(most: int, least: int, what: str, needs: Callable[[int], int], using: Sequence[Any]) -> int:
    """The most lanes, halved from ``most``, that fit; ``least`` where none do, as estimates are high."""
    lanes, lacking = most, None
    while lanes > least and (short := shortfall(needs(lanes), using)):
        lanes, lacking = lanes // 2, lacking or short
    if lacking:
        _note(f"{what} began with {lanes} lanes at a time, as {most} don't fit ({lacking})")
    return lanes


def _let_go(using: Sequence[Any]) -> bool:
    """Of all that is kept but ``using``; False where that is nothing."""
    some = DEVICE.let_go(using)
    while some and DEVICE.let_go(using):
        pass
    return some


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
