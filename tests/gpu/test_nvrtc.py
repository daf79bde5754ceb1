"""CUDA's own compiler takes every kernel, within its registers, and CuPy has every name that ecograph/gpu uses."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ecograph.gpu._module import OPTIONS
from tests.gpu import host_cupy, nvrtc
from tests.gpu.host_cupy import HostCupy, ndarray
from tests.gpu.host_shim import KERNEL, Schedule

try:
    import cupy
    from cupy.cuda import nvrtc as real_nvrtc

    DEVICES = nvrtc.devices() if real_nvrtc.getVersion() else ()
except Exception as error:  # CuPy without a driver or without libnvrtc has an error of its own for each
    pytest.skip(f"no CuPy with NVRTC ({error}); make unit-gpu compiles kernels", allow_module_level=True)

# Each is taken by the host-shim as well, but for the second.
SPILLS = """
extern "C" __global__ void __launch_bounds__(1024, 2) many(const double* x, double* out)
{
    double held[40];
    for (int i = 0; i < 40; ++i) held[i] = x[i + threadIdx.x];
    __syncthreads();
    for (int i = 0; i < 40; ++i) out[i * threadIdx.x] = held[39 - i] / held[i];
}
"""
INCLUDES = "#include <cstdint>\n" + SPILLS
FUSES = 'extern "C" __global__ void fuses(double* x) { x[threadIdx.x] += x[32] * x[33]; }'


@pytest.mark.parametrize("path", nvrtc.KERNELS, ids=lambda path: path.name)
@pytest.mark.parametrize("device", DEVICES)
def test_every_kernel_compiles_without_spills_within_its_registers(device: str, path: Path) -> None:
    code = path.read_text()
    found, budget = nvrtc.used(nvrtc.compile_for(device, code)), nvrtc.budgets()
    assert sorted(found) == sorted(KERNEL.findall(code)), "the host-shim and NVRTC see different kernels"
    for name, used in found.items():
        assert used.spilled == 0, f"{name} spills {used.spilled} bytes on sm_{device}"
        assert name in budget, f"give {name} a budget of registers in docs/gpu.md"
        assert used.registers <= budget[name], f"{name} takes {used.registers} registers on sm_{device}"


@pytest.mark.parametrize("lanes", [8, 16])
@pytest.mark.parametrize("path", nvrtc.KERNELS, ids=lambda path: path.name)
def test_fewer_lanes_compile_within_the_same_registers(path: Path, lanes: int) -> None:
    """As ``module`` asks for them where memory is short; for an A100."""
    if "WIDTH" not in (code := path.read_text()):
        return
    found = nvrtc.used(nvrtc.compile_for("80", code, (*OPTIONS, f"-DWIDTH={lanes}")))
    assert all(used.spilled == 0 and used.registers <= nvrtc.budgets()[name] for name, used in found.items())


def test_no_budget_is_for_a_kernel_that_is_gone() -> None:
    names = {name for path in nvrtc.KERNELS for name in KERNEL.findall(path.read_text())}
    assert nvrtc.budgets().keys() == names


@pytest.mark.parametrize("path", nvrtc.KERNELS, ids=lambda path: path.name)
def test_nothing_is_fused(path: Path) -> None:
    assert "fma." not in nvrtc.ptx(path.read_text())


def test_what_is_wrong_is_noticed() -> None:
    assert nvrtc.used(nvrtc.compile_for("80", SPILLS))["many"].spilled > 0
    with pytest.raises(Exception, match="cstdint"):
        nvrtc.compile_for("80", INCLUDES)
    assert "fma." in nvrtc.ptx(FUSES, ("--std=c++17",))
    assert "fma." not in nvrtc.ptx(FUSES)


def uses(path: Path) -> Iterator[str]:
    """Every dotted name that begins with cupy."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            assert all(alias.asname is None for alias in node.names if alias.name.startswith("cupy")), path
        elif isinstance(node, ast.ImportFrom):
            assert not (node.module or "").startswith("cupy"), f"{path}: import cupy, and no names out of it"
        elif isinstance(node, ast.Attribute) and (name := ast.unparse(node)).startswith("cupy."):
            yield name.split("(")[0]


def test_errors_of_a_device_are_told_by_where_they_are_at_home() -> None:
    """``device.guarded`` goes by it, so that nothing has to import CuPy."""
    for real, ours in [
        (cupy.cuda.memory.OutOfMemoryError, host_cupy.OutOfMemoryError),
        (cupy.cuda.runtime.CUDARuntimeError, host_cupy.CUDARuntimeError),
    ]:
        assert (real.__module__, issubclass(real, MemoryError)) == (ours.__module__, issubclass(ours, MemoryError))


def real(name: str) -> Any:
    found: Any = cupy
    for part in name.split(".")[1:]:
        found = getattr(found, part)
    return found


USES = sorted({name for path in (nvrtc.ROOT / "ecograph" / "gpu").glob("*.py") for name in uses(path)})


@pytest.mark.parametrize("name", USES)
def test_cupy_has_every_name_that_is_used(name: str) -> None:
    assert real(name) is not None


def test_cupy_has_every_name_that_the_stand_in_has() -> None:
    """But for what tests ask of it: in what order to run, and what was counted."""
    own = {"schedule", "threads", "sanitized", "counts", "memory", "made", "largest", "full_at", "free", "peak",
               "living"}  # fmt: skip
    public = {name for name in [*vars(HostCupy), *vars(HostCupy(Schedule()))] if not name.startswith("_")} - own
    assert not [name for name in public if not hasattr(cupy, name)]
    assert not [name for name in vars(ndarray) if name != "__weakref__" and not hasattr(cupy.ndarray, name)]
    assert {"RawModule", "asarray", "empty", "zeros"} <= public
