"""What all tests share: how hard Hypothesis tries, where the real data is, and what the header says."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from ecograph import device, provenance
from ecograph.doctor import data_folder
from ecograph.gpu import _module
from ecograph.kept import DEVICE
from tests.gpu.host_cupy import HostCupy
from tests.gpu.host_shim import Schedule


def _profile(name: str, max_examples: int, *, derandomize: bool = False) -> None:
    # A slow machine must not fail a test, and a compiling kernel is slow at its first call.
    settings.register_profile(
        name,
        max_examples=max_examples,
        derandomize=derandomize,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
        print_blob=True,
    )


_profile("dev", 40)
_profile("ci", 60, derandomize=True)
_profile("nightly", 3000)
_profile("nojit", 5, derandomize=True)
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "dev")
settings.load_profile(PROFILE)


# Kernels as plain Python are some hundred times slower: what then takes longer than this is left to the other runs.
PLAIN = os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")
PLAIN_SECONDS = 15.0


# A shell that runs the tests in the background lets them ignore Ctrl-C, and so would all that they start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_report_header() -> list[str]:
    versions = " ".join(f"{name} {version}" for name, version in provenance.versions().items())
    data = data_folder()
    return [
        f"versions: {versions}",
        f"hypothesis profile: {PROFILE}; numba: {'off' if PLAIN else 'on'}; "
        f"real data: {data if data.is_dir() else 'none'}; CUDA kernels: on the host-shim, no GPU takes part",
    ]


@contextmanager
def _within(seconds: float) -> Iterator[None]:
    """Skip the test that is running when its time is up."""

    def up(signum: int, frame: Any) -> None:
        pytest.skip(f"as plain Python its kernels take more than {seconds:.0f} s")

    before = signal.signal(signal.SIGALRM, up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Iterator[None]:
    with _within(PLAIN_SECONDS) if PLAIN else nullcontext():
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Iterator[None]:
    with _within(PLAIN_SECONDS) if PLAIN else nullcontext():
        yield


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real data; a test that asks for it is skipped where there is none."""
    folder = data_folder()
    if not folder.is_dir():
        pytest.skip(f"there is no real data in {folder}; set ECOGRAPH_DATA to its folder to run this test")
    return folder


@pytest.fixture
def on_host_shim(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The host-shim as the device of ``device="gpu"``, and of "auto" for however little: what is wired runs on it.

    Called, it puts another in place (free=, memory=). Provenance says host-shim.
    """
    if shutil.which("g++") is None:
        pytest.skip("the host-shim compiles CUDA kernels with g++, which isn't here; apt-get install g++")

    def install(**given: Any) -> HostCupy:
        cupy = HostCupy(Schedule(), **given)
        monkeypatch.setitem(sys.modules, "cupy", cupy)
        _module.module.cache_clear()
        DEVICE.clear()
        return cupy

    install()
    monkeypatch.setattr(device, "find_gpu", lambda: "host-shim")
    monkeypatch.setattr(device, "LEAST", 0)
    yield install
    _module.module.cache_clear()
    DEVICE.clear()
