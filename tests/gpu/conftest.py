"""How the CUDA kernels are run here: by the host-shim, under several orders of threads. Only tests can ask for it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ecograph.gpu import _module
from tests.gpu.host_cupy import HostCupy
from tests.gpu.host_shim import Schedule
from tests.gpu.sanitized import SANITIZED

HERE = Path(__file__).parent
SCHEDULES = [Schedule(), Schedule("backward"), Schedule("random", seed=7)][: 1 if SANITIZED else None]


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Sanitizers take some 20 s: `make unit-gpu` runs them, and not `make unit` as well."""
    by_itself = config.inipath == HERE / "pytest.ini"
    return True if collection_path == HERE / "test_sanitizers.py" and not by_itself else None


@pytest.fixture
def host_shim(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., HostCupy]]:
    """Puts a stand-in where ``import cupy`` looks, for one test; called again, it takes the place of the last."""
    if shutil.which("g++") is None:
        pytest.skip("the host-shim compiles CUDA kernels with g++, which isn't here; apt-get install g++")

    def install(schedule: Schedule = SCHEDULES[0], *, threads: int = 0, free: int = 1 << 30) -> HostCupy:
        cupy = HostCupy(schedule, threads=threads, free=free, sanitized=SANITIZED)
        monkeypatch.setitem(sys.modules, "cupy", cupy)
        _module.module.cache_clear()
        return cupy

    yield install
    _module.module.cache_clear()


@pytest.fixture(params=SCHEDULES, ids=lambda schedule: schedule.order)
def schedule(request: pytest.FixtureRequest) -> Schedule:
    """Each order of threads in turn."""
    chosen: Schedule = request.param
    return chosen
