"""make test-gpu and make bench-gpu would run on a machine with a GPU, and say clearly that this is none."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from ecograph.gpu import draws
from tests.gpu import bench, device
from tests.gpu.host_cupy import HostCupy
from tests.gpu.sanitized import ROOT

SIZES = bench.Sizes(rows=150, draws=300, copied=1000, repeats=1)


def python(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], cwd=ROOT, env=os.environ | environment, capture_output=True,
                          text=True, check=False, stdin=subprocess.DEVNULL)  # fmt: skip


@pytest.mark.skipif(device.lacking() is None, reason="there is a GPU here, so nothing is refused")
def test_without_a_gpu_tests_that_require_one_fail_in_one_sentence() -> None:
    done = python("-m", "pytest", "-c", "tests/gpu/pytest.ini", "tests/gpu", ECOGRAPH_REQUIRE_GPU="1")
    assert done.returncode == 1
    assert "ECOGRAPH_REQUIRE_GPU=1, and CuPy " in done.stdout + done.stderr
    assert "nothing was tested" in done.stdout + done.stderr
    assert "passed" not in done.stdout


@pytest.mark.skipif(device.lacking() is None, reason="there is a GPU here, so nothing is refused")
def test_without_a_gpu_nothing_is_measured() -> None:
    done = python("-m", "tests.gpu.bench")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("bench-gpu needs a GPU, and CuPy ")


def test_where_a_gpu_is_required_twins_run_on_what_cupy_has_and_the_header_names_it() -> None:
    """With a stand-in for CuPy itself, put there before pytest begins; the header says that it is no GPU."""
    code = """
import sys, pytest
from tests.gpu.host_cupy import HostCupy
from tests.gpu.host_shim import Schedule
sys.modules["cupy"] = HostCupy(Schedule())
sys.exit(pytest.main(["-c", "tests/gpu/pytest.ini", "tests/gpu/test_gpu_draws.py", "-k", "257 or launch"]))
"""
    done = python("-c", code, ECOGRAPH_REQUIRE_GPU="1")
    assert "CUDA kernels: on host-shim (" in done.stdout
    assert "3 passed, " in done.stdout, done.stdout  # what counts launches needs the host-shim's own fixture
    assert "skipped" not in done.stdout


def test_a_skip_is_a_failure_where_a_gpu_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    skipped = SimpleNamespace(outcome="skipped", longrepr="no g++")
    assert device.unskipped(skipped).outcome == "skipped"
    monkeypatch.setattr(device, "REQUIRED", True)
    assert device.unskipped(skipped).outcome == "failed"
    assert "makes a failure of this skip: no g++" in skipped.longrepr
    assert device.unskipped(SimpleNamespace(outcome="passed")).outcome == "passed"


def test_the_benchmark_runs_and_says_on_what(host_shim: Callable[..., HostCupy]) -> None:
    host_shim()
    lines = list(bench.report(SIZES))
    assert lines[0].startswith("16 twins equal the CPU")
    assert [line.split()[0] for line in lines[3:19]] == [
        "pull_lanes,", "stretch_lanes,", "walk_rows,", "power_rows", "draw_shares,", "draw_shares", "pull_lanes,",
        "gamma_rows", "exponential_rows", "normal_rows", "pull_paths", "pull_masks", "search_paths", "search_levels",
        "pull_runs,", "settle_cores,",
    ]  # fmt: skip
    assert device.described().startswith("host-shim (")
    assert "CuPy host-shim" in device.described()


def test_the_benchmark_times_no_wrong_twin(
    host_shim: Callable[..., HostCupy], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    host_shim()
    monkeypatch.setattr(bench, "SMALL", SIZES)
    monkeypatch.setattr(draws, "normal_rows", draws.exponential_rows)
    assert bench.main("--small") == 1
    said = capsys.readouterr()
    assert "a twin differs from the CPU" in said.err
    assert "GB/s" not in said.out
