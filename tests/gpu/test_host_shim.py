"""The host-shim notices what a device would let pass, and never passes for a device."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ecograph
from ecograph import device, doctor
from ecograph.errors import DeviceError
from ecograph.gpu import _module
from tests.gpu.host_cupy import HostCupy
from tests.gpu.host_shim import HostShimError, Schedule

# Each kernel has one fault, in the line that says so.
FAULTS = r"""
extern "C" __global__ void right(const double* x, double* out, long long n)
{
    __shared__ double part[64];
    const int t = threadIdx.x;
    part[t] = t < n ? x[t] : 0.0;
    __syncthreads();
    for (int half = 32; half > 0; half /= 2) {
        if (t < half) part[t] += part[t + half];
        __syncthreads();
    }
    if (t == 0 && blockIdx.x == 0) out[0] = part[0];
}
extern "C" __global__ void no_barrier(const double* x, double* out, long long n)
{
    __shared__ double part[64];
    part[threadIdx.x] = x[threadIdx.x];
    out[threadIdx.x] = part[63 - threadIdx.x];  // fault: race or uninitialised
}
extern "C" __global__ void no_barrier_before_store(const double* x, double* out, long long n)
{
    __shared__ double part[64];
    part[threadIdx.x] = x[threadIdx.x];
    __syncthreads();
    part[threadIdx.x] += part[63 - threadIdx.x];  // fault: race
}
extern "C" __global__ void store_after_loads(const double* x, double* out, long long n)
{
    __shared__ double part[1];
    if (threadIdx.x == 0) part[0] = x[0];
    __syncthreads();
    const double there = part[0]; if (threadIdx.x == 63) part[0] = there + 1.0;  // fault: race
}
extern "C" __global__ void between_blocks(const double* x, double* out, long long n)
{
    if (threadIdx.x == 0) out[0] += x[blockIdx.x];  // fault: race
}
extern "C" __global__ void past_the_end(const double* x, double* out, long long n)
{
    if (threadIdx.x <= n) out[0 * threadIdx.x] = x[n];  // fault: out of bounds
}
extern "C" __global__ void before_the_start(const double* x, double* out, long long n)
{
    if (threadIdx.x == 0) out[-1] = 1.0;  // fault: out of bounds
}
extern "C" __global__ void some_at_the_barrier(const double* x, double* out, long long n)
{
    if (threadIdx.x < 32)
        __syncthreads();  // fault: divergent
}
extern "C" __global__ void two_barriers(const double* x, double* out, long long n)
{
    if (threadIdx.x < 32) __syncthreads();
    else
        __syncthreads();  // fault: divergent
}
extern "C" __global__ void not_stored(const double* x, double* out, long long n)
{
    __shared__ double part[64];
    if (threadIdx.x == 0) out[0] = part[1];  // fault: uninitialised
}
"""
PLANTED = re.findall(r"global__ void (\w+).*?(?:fault: ([\w ]+)|\n\})", FAULTS, re.DOTALL)


@pytest.fixture
def launch(host_shim: Callable[..., HostCupy], schedule: Schedule) -> Callable[..., Any]:
    cupy = host_shim(schedule)
    kernels = cupy.RawModule(code=FAULTS, options=_module.OPTIONS)

    def run(name: str, blocks: int = 2, threads: int = 64) -> Any:
        x, out = cupy.asarray(np.arange(64.0)), cupy.empty(64, np.float64)
        kernels.get_function(name)((blocks,), (threads,), (x, out, np.int64(64)))
        return out.get()

    return run


@pytest.mark.parametrize(("name", "fault"), PLANTED, ids=[name for name, _ in PLANTED])
def test_a_fault_is_noticed_in_its_line_under_every_order(name: str, fault: str, launch: Callable[..., Any]) -> None:
    if not fault:
        assert launch(name)[0] == 63 * 32
        return
    line = next(k for k, text in enumerate(FAULTS.split(f"void {name}(")[1].splitlines()) if "fault" in text)
    line += FAULTS.split(f"void {name}(")[0].count("\n") + 1
    with pytest.raises(HostShimError, match=f"({fault.replace(' or ', '|')}).*(kernel.cu:|line ){line}\\b"):
        launch(name)


def test_each_kernel_but_one_has_a_fault() -> None:
    assert [fault for _, fault in PLANTED].count("") == 1
    assert len(PLANTED) == 10


def test_one_block_without_a_barrier_races_in_itself(launch: Callable[..., Any]) -> None:
    with pytest.raises(HostShimError, match="race"):
        launch("no_barrier_before_store", blocks=1)


def test_an_empty_grid_launches_one_block_as_cupy_does(launch: Callable[..., Any]) -> None:
    assert launch("right", blocks=0)[0] == 63 * 32


def test_arguments_are_held_to_the_types_of_the_kernel(host_shim: Callable[..., HostCupy]) -> None:
    cupy = host_shim()
    kernel = cupy.RawModule(code=FAULTS, options=_module.OPTIONS).get_function("right")
    x, n = cupy.zeros(64, np.float64), np.int64(64)
    for wrong, said in [((x, x), "3 arguments"), ((x, x, np.int32(64)), "int32"), ((x, x, 64.0), "float64"),
                        ((cupy.zeros(64, np.float32), x, n), "float32"), ((np.zeros(64), x, n), "NumPy")]:  # fmt: skip
        with pytest.raises(TypeError, match=said):
            kernel((1,), (64,), wrong)
    assert cupy.counts["launch"] == 0
    with pytest.raises(TypeError, match="Implicit"):
        np.asarray(x)
    with pytest.raises(HostShimError, match="no kernel"):
        cupy.RawModule(code=FAULTS, options=_module.OPTIONS).get_function("absent")


def test_memory_that_nobody_stored_is_poison(host_shim: Callable[..., HostCupy]) -> None:
    assert (host_shim().empty(3, np.float64).get() < -1e50).all()


def test_the_host_shim_is_no_device(host_shim: Callable[..., HostCupy]) -> None:
    host_shim()
    assert device.find_gpu() == "host-shim"
    assert device.choose("auto").device == "cpu"
    with pytest.raises(DeviceError, match="host-shim"):
        device.choose("gpu")
    (found,) = [each for each in doctor.examine() if each.name == "CUDA device"]
    assert "host-shim" in found.found


def test_nothing_outside_the_tests_knows_of_it() -> None:
    package = Path(ecograph.__file__).parent
    words = re.compile(r"host.shim|host_cupy|tests\.gpu")
    assert not [str(path) for path in package.rglob("*.[pc][yu]") if words.search(path.read_text())]


def test_memory_is_asked_for_before_it_is_used(host_shim: Callable[..., HostCupy]) -> None:
    host_shim(free=10**9)
    assert _module.shortfall(10**9) is None
    assert _module.shortfall(10**9 + 1) == "1.0 GB of device memory are needed, 1.0 GB are free"
