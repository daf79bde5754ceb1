"""Core numbers of the CUDA kernel are the CPU's, and those of a graph peeled by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ecograph.cpu import centrality as cpu
from ecograph.gpu import core as gpu
from tests.gpu.host_cupy import HostCupy
from tests.gpu.host_shim import Schedule
from tests.gpu.test_gpu_breadth import Hops, between, graph, line, star


def on_both(hops: Hops) -> tuple[Any, Any]:
    given = (hops.back_ptr, hops.back_column, hops.ptr, hops.column)
    return gpu.core_numbers(*given), cpu.core_numbers(*given)


def clique(n: int, tail: int) -> Hops:
    """All with each other, one way, and a tail that hangs on the last."""
    row, column = np.nonzero(np.triu(np.ones((n, n)), 1))
    end = np.arange(n - 1, n + tail - 1)
    return between(np.concatenate([row, end]), np.concatenate([column, end + 1]), n + tail)


def fans(sizes: list[int]) -> Hops:
    """Rows of so many arrows, all to 40 others."""
    row = np.repeat(np.arange(len(sizes)), sizes)
    return between(row, len(sizes) + np.arange(row.size) % 40, len(sizes) + 40)


EDGES = [gpu.FEW - 1, gpu.FEW, gpu.FEW + 1, gpu.MANY - 1, gpu.MANY, gpu.MANY + 1, 31, 32, 33]
# Arrows in and out at the edges of what a thread, a warp and a block take; sizes around those of a warp and a block.
GRAPHS = {
    "single": graph([0]),
    "two": graph([1, 0]),
    "31": graph([k % 3 for k in range(31)]),
    "257": graph([k % 4 for k in range(257)]),
    "a hub": star(gpu.MANY // 2 + 1),
    "a clique with a tail": clique(20, 13),
    "line": line(40),
    "edges": fans(EDGES),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_core_numbers_equal_the_cpu(name: str, schedule: Schedule, twins_on: Callable[..., Any]) -> None:
    twins_on(schedule)
    found, expected = on_both(GRAPHS[name])
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == np.int64


def peeled(hops: Hops) -> list[int]:
    """The largest k for which a row is left when, again and again, whoever has fewer than k arrows goes."""
    pairs = np.stack([np.repeat(np.arange(hops.n), np.diff(hops.ptr)), hops.column], 1)
    numbers, k, left = np.zeros(hops.n, np.int64), 0, np.ones(hops.n, bool)
    while left.any():
        k, before = k + 1, -1
        while before != left.sum():
            before = left.sum()
            inside = pairs[left[pairs].all(1)]
            left &= np.bincount(inside.ravel(), minlength=hops.n) >= k
        numbers[left] = k
    return list(map(int, numbers))


@pytest.mark.parametrize("name", ["two", "31", "257", "a clique with a tail", "edges"])
def test_core_numbers_are_what_peeling_leaves(name: str, twins_on: Callable[..., Any]) -> None:
    twins_on()
    assert on_both(GRAPHS[name])[0].tolist() == peeled(GRAPHS[name])


def test_no_rows(twins_on: Callable[..., Any]) -> None:
    twins_on()
    assert on_both(graph([]))[0].tolist() == []


def test_what_does_not_fit_is_refused_before_it_is_copied(host_shim: Callable[..., HostCupy]) -> None:
    cupy = host_shim(free=10**4)
    with pytest.raises(MemoryError, match="device memory are needed"):
        on_both(GRAPHS["257"])
    assert cupy.counts["copy"] == 0


@pytest.mark.parametrize("name", ["single", "257", "edges"])
def test_memory_is_estimated_from_above(name: str, host_shim: Callable[..., HostCupy]) -> None:
    cupy = host_shim()
    on_both(GRAPHS[name])
    sizes = [size for way, size in cupy.made if way != "zeros"]  # one word a round is given back
    assert len(sizes) == 7
    assert sum(sizes) + 2 * 512 <= gpu.bytes_needed(GRAPHS[name].n, GRAPHS[name].column.size)
