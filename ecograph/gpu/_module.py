"""The one place where CUDA's options are chosen, and where the device's memory is asked for."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["OPTIONS", "THREADS", "blocks", "module", "shortfall"]

# CUDA fuses multiplication and addition by default, Numba without fastmath doesn't: unfused, the same order of sums
# gives the same bits.
OPTIONS = ("--std=c++17", "--fmad=false")
THREADS = 256  # of a block


@cache
def module(name: str) -> Any:
    """Kernels of ``name.cu`` beside this file, compiled when one is first asked for."""
    import cupy

    return cupy.RawModule(code=Path(__file__).with_name(f"{name}.cu").read_text(), options=OPTIONS)


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
