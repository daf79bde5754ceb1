"""Draws of the CUDA kernels equal those of the CPU bit for bit, whatever the blocks and the order of threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ecograph.cpu import draws as cpu
from ecograph.gpu import draws as gpu
from tests.gpu.host_cupy import HostCupy
from tests.gpu.host_shim import Schedule

SIZES = [0, 1, 255, 256, 257, 1500]
SEED, REPLICATE = 2**64 - 3, 999


def keys(n: int) -> Any:
    """Over the whole range of 64 bits."""
    return np.arange(n, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)


def shapes(n: int) -> Any:
    """From 1, which takes no loop, to a million; near 1 the loop turns points down most often."""
    some = 1.0 + 10.0 ** np.random.default_rng(1).uniform(-3, 6, n)
    some[: 2 * n // 3 : 3] = 1.0
    some[1 : n // 2 : 5] = 1.0 + 2.0**-52
    return some


def on_both(rows: str, cupy: Any, n: int, *first: Any) -> tuple[Any, Any]:
    out = np.empty(n)
    getattr(cpu, rows)(*first, SEED, REPLICATE, keys(n), out)
    there = cupy.empty(n, np.float64)
    getattr(gpu, rows)(*map(cupy.asarray, first), SEED, REPLICATE, cupy.asarray(keys(n)), there)
    return out.view(np.uint64), there.get().view(np.uint64)


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("rows", ["exponential_rows", "normal_rows", "gamma_rows"])
def test_draws_equal_the_cpu_bit_for_bit(rows: str, n: int, schedule: Schedule, twins_on: Callable[..., Any]) -> None:
    here, there = on_both(rows, twins_on(schedule), n, *([shapes(n)] if rows == "gamma_rows" else []))
    np.testing.assert_array_equal(here, there)


@pytest.mark.parametrize("threads", [32, 64, 1024])
def test_draws_are_no_matter_of_the_size_of_a_block(threads: int, host_shim: Callable[..., HostCupy]) -> None:
    here, there = on_both("gamma_rows", host_shim(threads=threads), 2048, shapes(2048))
    np.testing.assert_array_equal(here, there)
