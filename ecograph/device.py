"""Where to compute, with the reason as data, and whether it fits in memory."""

from __future__ import annotations

from typing import Literal, NamedTuple

from ecograph.errors import DeviceError, EcographError, MemoryLimitError
from ecograph.provenance import memory

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
    """Refuse work whose arrays don't fit in the memory that a program could get now."""
    free = memory()[1]
    if free is not None and nbytes > free:
        raise MemoryLimitError(f"{nbytes / 1e9:.1f} GB are needed for {what}, {free / 1e9:.1f} GB are free.", hint=hint)
