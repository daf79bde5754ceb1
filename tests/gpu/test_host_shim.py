"""The host-shim notices what a device would let pass, and never passes for a device."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ecograph
from ecograph import device, doctor, provenance
from ecograph.errors import DeviceError
from ecograph.gpu import _module
from tests.gpu.host_cupy import HostCupy
from tests.gpu.host_shim import HostShimError, Schedule

FAULTS = Path(__file__).with_name("faults.cu").read_text()
PLANTED = [
    (name, "".join(re.findall(r"fault: ([\w ]+)", body)))
    for name, body in re.findall(r"global__ void (\w+)(.*?\n\})", FAULTS, re.DOTALL)
]


@pytest.fixture
def launch(host_shim: Callable[..., HostCupy], schedule: Schedule) -> Callable[..., Any]:
    cupy = host_shim(schedule)
    kernels = cupy.RawModule(code=FAULTS, options=_module.OPTIONS)

    def run(name: str, blocks: int = 2, threads: int = 64) -> Any:
        x, out, count = cupy.asarray(np.arange(64.0)), cupy.empty(64, np.float64), cupy.zeros(64, np.int32)
        kernels.get_function(name)((blocks,), (threads,), (x, out, count, np.int64(64)))
        return out.get()

    return run


@pytest.mark.parametrize(("name", "fault"), PLANTED, ids=[name for name, _ in PLANTED])
def test_a_fault_is_noticed_in_its_line_under_every_order(name: str, fault: str, launch: Callable[..., Any]) -> None:
    if not fault:  # or one that only sanitizers see
        assert launch(name)[0] == 63 * 32 or "right" not in name
        return
    line = next(k for k, text in enumerate(FAULTS.split(f"void {name}(")[1].splitlines()) if "fault" in text)
    line += FAULTS.split(f"void {name}(")[0].count("\n") + 1
    with pytest.raises(HostShimError, match=f"({fault.replace(' or ', '|')}).*(kernel.cu:|line ){line}\\b"):
        launch(name)


def test_each_kernel_that_is_not_right_has_a_fault() -> None:
    assert [name for name, fault in PLANTED if not fault] == [
        "right", "right_with_warps", "overflow", "shift", "past_shared_memory"
    ]  # fmt: skip
    assert len(PLANTED) == 23


def test_one_block_without_a_barrier_races_in_itself(launch: Callable[..., Any]) -> None:
    with pytest.raises(HostShimError, match="race"):
        launch("no_barrier_before_store", blocks=1)


def test_an_empty_grid_launches_one_block_as_cupy_does(launch: Callable[..., Any]) -> None:
    assert launch("right", blocks=0)[0] == 63 * 32


def test_arguments_are_held_to_the_types_of_the_kernel(host_shim: Callable[..., HostCupy]) -> None:
    cupy = host_shim()
    kernel = cupy.RawModule(code=FAULTS, options=_module.OPTIONS).get_function("right")
    x, c, n = cupy.zeros(64, np.float64), cupy.zeros(64, np.int32), np.int64(64)
    for wrong, said in [((x, x), "4 arguments"), ((x, x, c, np.int32(64)), "int32"), ((x, x, c, 64.0), "float64"),
                        ((cupy.zeros(64, np.float32), x, c, n), "float32"),
                        ((np.zeros(64), x, c, n), "NumPy")]:  # fmt: skip
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
    assert device.find_gpu() is None
    assert device.choose("auto", 0) == ("cpu", "no CUDA device")
    with pytest.raises(DeviceError, match="no CUDA device"):
        device.choose("gpu", 0)
    (found,) = [each for each in doctor.examine() if each.name == "CUDA device"]
    assert "host-shim" in found.found
    assert provenance.versions()["cupy"] == "host-shim"
    assert provenance.record()["versions"]["cupy"] == "host-shim"


def test_a_name_that_it_has_not_is_an_error(host_shim: Callable[..., HostCupy]) -> None:
    cupy = host_shim()
    for name in ("arange", "cumsum", "ElementwiseKernel", "fuse"):
        with pytest.raises(AttributeError, match=f"no cupy.{name}"):
            getattr(cupy, name)
    uses: list[Callable[[Any], Any]] = [lambda x: x + x, lambda x: x[0], float, len, lambda x: x.sum(), np.asarray]
    for use in uses:
        with pytest.raises((AttributeError, TypeError)):
            use(cupy.zeros(1))


def test_nothing_outside_the_tests_knows_of_it() -> None:
    package = Path(ecograph.__file__).parent
    words = re.compile(r"host.shim|host_cupy|tests\.gpu")
    assert not [str(path) for path in package.rglob("*.[pc][yu]") if words.search(path.read_text())]


def test_memory_is_asked_for_before_it_is_used(host_shim: Callable[..., HostCupy]) -> None:
    host_shim(free=10**9)
    assert _module.shortfall(10**9) is None
    assert _module.shortfall(10**9 + 1) == "1.0 GB of device memory are needed, 1.0 GB are free"
