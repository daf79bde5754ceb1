"""Where to compute, with the reason as data, and whether it fits in memory."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, NamedTuple

from ecograph.errors import DeviceError, EcographError, MemoryLimitError
from ecograph.kept import DEVICE, HOST
from ecograph.provenance import memory

__all__ = ["LEAST", "LOG", "Choice", "Device", "check_memory", "choose", "find_gpu", "guarded", "told"]

# Functions that return an array have nowhere to keep where it was made: each choice, with its reason, is told here at
# INFO, and at WARNING (ecograph/gpu/_module.py) that memory ended in mid-run.
LOG = logging.getLogger("ecograph.device")

Device = Literal["auto", "cpu", "gpu"]

# Arrows times lanes of a step. The CPU makes a smaller one in some 20 ms, so a run in about a second, which is what it
# takes to start CUDA and to load kernels: docs/gpu.md.
LEAST = 1 << 24


class Choice(NamedTuple):
    """A device and why it was chosen."""

    device: Literal["cpu", "gpu"]
    reason: str


def choose(device: str, needs: int | None = None, work: int | None = None, *, what: str = "work") -> Choice:
    """Where to compute; an explicit "gpu" never falls back in silence. The logger "ecograph.device" is told at INFO.

    Parameters
    ----------
    device : "auto", "cpu" or "gpu".
    needs : bytes of device memory, for as few lanes at a time as can be; None: no GPU kernel does what is asked.
    work : arrows times lanes of a step: "auto" leaves less than ``LEAST`` to the CPU. None: however little it is.
    what : what is computed, as in "pagerank".

    Examples
    --------
    >>> choose("cpu")
    Choice(device='cpu', reason='you asked for it')
    """
    chosen = _choose(device, needs, work)
    return told(chosen, what)


def told(chosen: Choice, what: str) -> Choice:
    """The choice, after the logger was told of it."""
    LOG.info("%s: device %s, because: %s", what, chosen.device, chosen.reason)
    return chosen


def _choose(device: str, needs: int | None, work: int | None) -> Choice:
    if device not in ("auto", "cpu", "gpu"):
        raise EcographError(f"device={device!r} is unknown.", hint='device="auto", "cpu" or "gpu"')
    if device == "cpu":
        return Choice("cpu", "you asked for it")
    name = find_gpu()
    reason = _against(name, needs)
    if device == "gpu":
        if reason is not None:
            raise DeviceError(f'device="gpu" can\'t be had: {reason}.', hint='device="cpu", or "auto"')
        return Choice("gpu", str(name))
    if reason is None and work is not None and work < LEAST:
        reason = f"{work:,} arrows times lanes are too few for {name} to be worth while (fewer than {LEAST:,})"
    return Choice("gpu", str(name)) if reason is None else Choice("cpu", reason)


def _against(name: str | None, needs: int | None) -> str | None:
    """Why it can't be the device of this name, or None."""
    if name is None:
        return "no CUDA device"
    if needs is None:
        return f"there are no GPU kernels for this ({name} is there)"
    from ecograph.gpu._module import shortfall

    try:
        return shortfall(needs)
    except Exception as error:  # CuPy's errors share no base class
        return f"{name} can't be used ({type(error).__name__}: {error})"


def find_gpu() -> str | None:
    """Name of the first CUDA device that CuPy sees, or None; without a driver there is none, whatever is shown."""
    try:
        import cupy

        runtime = cupy.cuda.runtime
        return str(runtime.getDeviceProperties(0)["name"].decode()) if runtime.driverGetVersion() else None
    except Exception:  # not installed, no driver, no device: CuPy has an error of its own for each
        return None


@contextmanager
def guarded(what: str) -> Iterator[None]:
    """Within it, a device that is lost or has no memory left is a DeviceError: no number comes of it.

    ``what`` is the work, as in "the sums over chains".
    """
    try:
        yield
    except Exception as error:
        kind = type(error)
        ours = (kind.__module__ or "").partition(".")[0] in ("cupy", "cupy_backends") or kind is MemoryError
        if not ours:
            raise
        DEVICE.clear()  # what a device kept that failed is nothing to go on with
        if isinstance(error, MemoryError):  # CuPy's OutOfMemoryError is one, and that of ecograph/gpu
            raise DeviceError(
                f"The device has no memory left for {what}: {error}.",
                hint='device="cpu", fewer at a time, or a device that nobody else works on',
            ) from error
        raise DeviceError(
            f"The device failed in {what}: {kind.__name__}: {error}.",
            hint='device="cpu"; a device that was lost is found again by a new Python process, if at all',
        ) from error


def check_memory(nbytes: int, what: str, hint: str) -> None:
    """Refuse work whose arrays don't fit in the memory that a program could get now, without what is kept."""
    free = memory()[1]
    while free is not None and nbytes > free and HOST.let_go():
        free = memory()[1]
    if free is not None and nbytes > free:
        raise MemoryLimitError(f"{nbytes / 1e9:.1f} GB are needed for {what}, {free / 1e9:.1f} GB are free.", hint=hint)
