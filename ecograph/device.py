"""Where to compute, with the reason as data, and whether it fits in memory."""

from __future__ import annotations

import os
from typing import Literal, NamedTuple

from ecograph.errors import DeviceError, EcographError, MemoryLimitError

__all__ = ["Choice", "Device", "check_memory", "choose", "find_gpu"]

Device = Literal["auto", "cpu", "gpu"]


class Choice(NamedTuple):
    """A device and why it was chosen."""

    device: Literal["cpu", "gpu"]
    reason: str


def choose(device: str) -> Choice:
    """Where to compute; an explicit "gpu" never falls back in silence.

    Examples
    --------
    >>> choose("cpu")
    Choice(device='cpu', reason='you asked for it')
    """
    if device not in ("auto", "cpu", "gpu"):
        raise EcographError(f"device={device!r} is unknown.", hint='device="auto", "cpu" or "gpu"')
    if device == "cpu":
        return Choice("cpu", "you asked for it")
    name = find_gpu()
    reason = f"this version has no GPU kernels ({name} is there)" if name else "no CUDA device"
    if device == "gpu":
        raise DeviceError(f'device="gpu" can\'t be had: {reason}.', hint='device="cpu", or "auto"')
    return Choice("cpu", reason)


def find_gpu() -> str | None:
    """Name of the first CUDA device that CuPy sees, or None."""
    try:
        import cupy

        return str(cupy.cuda.runtime.getDeviceProperties(0)["name"].decode())
    except Exception:  # not installed, no driver, no device: CuPy has an error of its own for each
        return None


def check_memory(nbytes: int, what: str, hint: str) -> None:
    """Refuse work whose arrays don't fit in the memory that is free now."""
    try:
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        with open("/proc/meminfo") as lines:  # counts what caches would give back, which sysconf doesn't
            free = max(free, *(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable")))
    except (OSError, ValueError, TypeError):
        return  # not told on this system
    if nbytes > free:
        raise MemoryLimitError(f"{nbytes / 1e9:.1f} GB are needed for {what}, {free / 1e9:.1f} GB are free.", hint=hint)
