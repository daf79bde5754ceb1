"""The host-shim's side of Python: the few names of CuPy that ecograph/gpu uses, as strict as CuPy or stricter.

It runs kernels on this machine and never passes for a GPU: the device is called host-shim. Memory comes filled with
poison, an argument must have the type that the kernel declares (CuPy checks nothing), and launches, copies and reads
that wait for the device are counted.
"""

from __future__ import annotations

import re
import weakref
from collections import Counter
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from time import perf_counter
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

from tests.gpu.host_shim import Argument, HostModule, HostShimError, Schedule

__all__ = ["CUDARuntimeError", "HostCupy", "OutOfMemoryError", "ndarray"]


class OutOfMemoryError(MemoryError):
    """What CuPy raises where its pool gets no more."""


class CUDARuntimeError(RuntimeError):
    """What CuPy raises where a device fails, or is gone."""


# Where CuPy's own are at home: that is by what they are told from other errors.
OutOfMemoryError.__module__, CUDARuntimeError.__module__ = "cupy.cuda.memory", "cupy_backends.cuda.api.runtime"


class ndarray:
    """An array that only kernels and copies may touch."""

    def __init__(self, host: Any, counts: Counter[str], another: Callable[[Any, str], ndarray]) -> None:
        self._host, self._counts, self._another = host, counts, another
        self.shape, self.dtype, self.size, self.nbytes = host.shape, host.dtype, host.size, host.nbytes

    def __array__(self, *_: Any, **__: Any) -> None:
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Use `.get()`.")

    def get(self) -> Any:
        """A copy on the host; waits for the device, and tells what went wrong on it meanwhile."""
        if self._counts.pop("lost", 0):
            raise CUDARuntimeError("cudaErrorIllegalAddress: an illegal memory access was encountered")
        self._counts.update(read=1, got=self.nbytes)
        return self._host.copy()

    def copy(self) -> ndarray:
        """Another array on the device."""
        return self._another(self._host.copy(), "empty")


class _Kernel:
    def __init__(self, cupy: HostCupy, module: HostModule, name: str) -> None:
        self._cupy, self._module, self._name = cupy, module, name
        self._signature = module.signature(name)

    def __call__(self, grid: tuple[int, ...], block: tuple[int, ...], args: tuple[Any, ...]) -> None:
        if len(args) != len(self._signature):
            raise TypeError(f"{self._name} takes {len(self._signature)} arguments, {len(args)} are given")
        if len(grid) != 1 or len(block) != 1 or not 0 < block[0] <= 1024 or grid[0] >= 2**31:
            raise HostShimError(f"the host-shim can't launch {grid} blocks of {block}")
        arguments = [self._argument(*pair) for pair in zip(args, self._signature, strict=True)]
        threads = self._cupy.threads or block[0]
        blocks = max(1, grid[0] * block[0] // threads)  # as in CuPy, 0 becomes 1
        self._module.launch(self._name, blocks, threads, arguments, self._cupy.schedule)
        self._cupy.counts["launch"] += 1
        self._cupy.counts[self._name] += 1

    def _argument(self, given: Any, code: str) -> Argument:
        if isinstance(given, ndarray):
            if code != f"P{given.dtype.kind}{given.dtype.itemsize}":
                raise TypeError(f"{self._name} declares {code}, an array of {given.dtype} is given")
            return Argument(given._host.ctypes.data.to_bytes(8, "little"), given.nbytes, given.dtype.itemsize)
        if isinstance(given, np.ndarray):
            raise TypeError(f"{self._name} is given an array of NumPy")
        value = np.asarray(given)  # as in CuPy, an int goes in as int64 and a float as float64
        if code != f"{value.dtype.kind}{value.dtype.itemsize}":
            raise TypeError(f"{self._name} declares {code}, {given!r} goes in as {value.dtype}")
        return Argument(value.tobytes())


class _Event:
    """A moment on the device; what was launched before it is done, since launches here end before they return."""

    def __init__(self) -> None:
        self.at = float("nan")

    def record(self) -> None:
        self.at = perf_counter()

    def synchronize(self) -> None:
        pass


class HostCupy(ModuleType):
    """Stands where ``import cupy`` looks, for the time of a test.

    ``counts``: launches, in all and of each kernel; copies to the device and their bytes (``copied``); reads, each of
    which waits for the device, and their bytes (``got``); how often memory ``ended``. A name that isn't
    here is an AttributeError.

    ``made``: of each array the function that made it and its bytes, as CuPy rounds them up.

    ``free`` is how many bytes there are, of which living arrays take their part; ``peak`` is the most that they took.

    ``memory`` is how many arrays there is room for: the next one is an OutOfMemoryError. So is a working array (no
    copy) of more than ``largest`` bytes, and one whose number in ``made`` is in ``full_at``. ``counts["lost"] = 1``
    loses the device, which the next read tells.
    """

    def __init__(
        self,
        schedule: Schedule,
        *,
        threads: int = 0,
        free: int = 1 << 30,
        memory: int = 1 << 30,
        sanitized: bool = False,
    ) -> None:
        super().__init__("cupy")
        self.memory, self.made = memory, list[tuple[str, int]]()
        self.largest, self.full_at = 1 << 62, set[int]()
        self.free, self.peak, self._alive = free, 0, Counter[str]()
        self.__version__ = "host-shim"
        self.__spec__ = ModuleSpec("cupy", None)
        self.schedule, self.threads, self.sanitized, self.counts = schedule, threads, sanitized, Counter[str]()
        properties = {"name": b"host-shim", "totalGlobalMem": free}
        runtime = SimpleNamespace(
            memGetInfo=lambda: (self.free - self.living, free),
            getDevice=lambda: 0,
            getDeviceProperties=lambda _: properties,
            runtimeGetVersion=lambda: 0,
            driverGetVersion=lambda: 0,
            CUDARuntimeError=CUDARuntimeError,
        )
        self.cuda = SimpleNamespace(
            runtime=runtime,
            memory=SimpleNamespace(OutOfMemoryError=OutOfMemoryError),
            Event=_Event,
            get_elapsed_time=lambda begin, end: 1e3 * (end.at - begin.at),
        )

    @property
    def living(self) -> int:
        """Bytes of the arrays that are there."""
        return self._alive["bytes"]

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"the host-shim has no cupy.{name}; what ecograph/gpu uses has a line in host_cupy.py")

    def RawModule(self, *, code: str, options: tuple[str, ...]) -> Any:
        """Kernels of a .cu file, compiled by g++."""
        defined = tuple(each for each in options[2:] if re.fullmatch(r"-D\w+=\d+", each))
        if options != ("--std=c++17", "--fmad=false", *defined):
            raise HostShimError(f"the host-shim compiles as --std=c++17 --fmad=false would, not as {options}")
        module = HostModule(code, sanitized=self.sanitized, defined=defined)
        return SimpleNamespace(get_function=lambda name: _Kernel(self, module, name))

    def get_default_memory_pool(self) -> Any:
        """A pool that holds nothing back."""
        return SimpleNamespace(free_bytes=lambda: 0, free_all_blocks=lambda: self.counts.update(freed=1))

    def _given(self, host: Any, way: str) -> ndarray:
        self.memory -= 1
        self.made.append((way, -(-host.nbytes // 512) * 512))
        larger = way != "asarray" and self.made[-1][1] > self.largest
        size = self.made[-1][1]
        full = self.living + size > self.free
        if self.memory < 0 or larger or full or len(self.made) - 1 in self.full_at:
            self.counts["ended"] += 1
            raise OutOfMemoryError(f"Out of memory allocating {host.nbytes:,} bytes")
        self._alive["bytes"] += size
        self.peak = max(self.peak, self.living)
        array = ndarray(host, self.counts, self._given)
        weakref.finalize(array, lambda alive: alive.update(bytes=-size), self._alive)
        return array

    def asarray(self, given: Any) -> ndarray:
        """A copy on the device, C-contiguous."""
        host = np.array(given, order="C")
        self.counts.update(copy=1, copied=host.nbytes)
        return self._given(host, "asarray")

    def empty(self, shape: Any, dtype: Any) -> ndarray:
        """Memory that holds anything."""
        host = np.empty(shape, dtype)
        host.reshape(-1).view(np.uint8)[:] = 0xCB
        return self._given(host, "empty")

    def zeros(self, shape: Any, dtype: Any = np.float64) -> ndarray:
        """Memory that holds zeros; CuPy launches a kernel of its own."""
        return self._given(np.zeros(shape, dtype), "zeros")
