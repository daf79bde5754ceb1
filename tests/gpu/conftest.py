"""On what CUDA kernels are run: the host-shim, under several orders of threads, or a GPU.

``ECOGRAPH_REQUIRE_GPU=1`` (make test-gpu) runs tests of twins on the GPU: without one nothing passes, and no test is
skipped. Only tests can ask for the host-shim.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from ecograph.gpu import _module
from ecograph.kept import DEVICE
from tests.gpu.device import REQUIRED, described, lacking, unskipped
from tests.gpu.host_cupy import HostCupy
from tests.gpu.host_shim import Schedule
from tests.gpu.sanitized import SANITIZED

HERE = Path(__file__).parent
# A device has an order of its own, and the sanitizers don't go by it.
SCHEDULES = [Schedule(), Schedule("backward"), Schedule("random", seed=7)][: 1 if SANITIZED or REQUIRED else None]


def pytest_sessionstart() -> None:
    if REQUIRED and (reason := lacking()):
        pytest.exit(f"ECOGRAPH_REQUIRE_GPU=1, and {reason}: nothing was tested", returncode=1)


def pytest_report_header(config: pytest.Config) -> list[str]:
    if config.rootpath != HERE:
        return []  # tests/conftest.py says it
    where = f"on {described()}" if REQUIRED else "on the host-shim, no GPU takes part"
    return [f"CUDA kernels: {where}" + ", under AddressSanitizer and UBSan" * SANITIZED]


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Sanitizers take some 20 s: `make unit-gpu` runs them, and not `make unit` as well."""
    if REQUIRED and collection_path.name in ("test_sanitizers.py", "test_ready.py"):
        return True  # they say what happens without a GPU
    by_itself = config.inipath == HERE / "pytest.ini"
    return True if collection_path == HERE / "test_sanitizers.py" and not by_itself else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What only the host-shim can show is no test of a GPU."""
    if not REQUIRED:
        return
    left_out = [each for each in items if "host_shim" in getattr(each, "fixturenames", ())]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [each for each in items if each not in left_out]


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, Any, Any]:
    return unskipped((yield))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, Any, Any]:
    return unskipped((yield))


@pytest.fixture
def host_shim(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., HostCupy]]:
    """Puts a stand-in where ``import cupy`` looks, for one test; called again, it takes the place of the last."""
    if shutil.which("g++") is None:
        pytest.skip("the host-shim compiles CUDA kernels with g++, which isn't here; apt-get install g++")

    def install(schedule: Schedule = SCHEDULES[0], *, threads: int = 0, free: int = 1 << 30) -> HostCupy:
        cupy = HostCupy(schedule, threads=threads, free=free, sanitized=SANITIZED)
        monkeypatch.setitem(sys.modules, "cupy", cupy)
        _module.module.cache_clear()
        DEVICE.clear()
        return cupy

    yield install
    _module.module.cache_clear()
    DEVICE.clear()


if REQUIRED:

    @pytest.fixture
    def twins_on() -> Callable[..., Any]:
        """CuPy itself: a device runs threads in an order of its own."""
        import cupy

        return lambda *_: cupy

else:

    @pytest.fixture
    def twins_on(host_shim: Callable[..., HostCupy]) -> Callable[..., Any]:
        """Where a twin runs: called with an order of threads, it gives CuPy or what stands in its place."""
        return host_shim


@pytest.fixture(params=SCHEDULES, ids=lambda schedule: schedule.order)
def schedule(request: pytest.FixtureRequest) -> Schedule:
    """Each order of threads in turn."""
    chosen: Schedule = request.param
    return chosen
