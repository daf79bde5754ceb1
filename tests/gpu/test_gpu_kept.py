"""Rows stay on the device for as long as the arrays that they were made of, and go before memory is short."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ecograph.device import guarded
from ecograph.errors import DeviceError
from ecograph.gpu import _module, breadth, chains, core
from ecograph.kept import DEVICE
from tests.gpu.graphs import Graph
from tests.gpu.host_cupy import HostCupy

Given = tuple[Any, Any, Any]


def arrays(seed: int = 1) -> Given:
    """That nobody writes to."""
    graph = Graph([3] * 40, seed)
    given = graph.ptr, graph.column, graph.value
    for each in given:
        each.setflags(write=False)
    return given


def bytes_of_rows(given: Given) -> int:
    return chains.bytes_needed(chains.plan(given[0]), 40, 120) - chains.lane_bytes(chains.plan(given[0]), 40)


def test_arrays_that_die_free_what_is_on_the_device(host_shim: Callable[..., HostCupy]) -> None:
    cupy, given = host_shim(), arrays()
    chains.rows_kept(*given)
    assert cupy.living > 0
    del given
    assert cupy.living == 0
    assert len(DEVICE) == 0


def test_each_gets_its_own(host_shim: Callable[..., HostCupy]) -> None:
    host_shim()
    one, other = arrays(1), arrays(2)
    for given in (one, other, one, other):
        np.testing.assert_array_equal(chains.rows_kept(*given).value.get(), given[2])
        np.testing.assert_array_equal(chains.rows_kept(*given).column.get(), given[1])
    mixed = one[0], one[1], other[2]
    np.testing.assert_array_equal(chains.rows_kept(*mixed).value.get(), other[2])
    np.testing.assert_array_equal(chains.rows_kept(*mixed).column.get(), one[1])


def test_arrays_that_may_be_written_to_are_copied_each_time(host_shim: Callable[..., HostCupy]) -> None:
    cupy, given = host_shim(), arrays()
    value = given[2].copy()
    for k in range(2):
        value[0] = k
        assert chains.rows_kept(given[0], given[1], value).value.get()[0] == k
    assert len(DEVICE) == 0
    assert cupy.living == 0


def test_what_is_kept_goes_before_a_refusal_and_the_oldest_first(host_shim: Callable[..., HostCupy]) -> None:
    cupy, kept = host_shim(), [arrays(seed) for seed in range(2)]
    for given in kept:
        chains.rows_kept(*given)
    one = cupy.living // 2
    cupy.free = 3 * one
    assert _module.shortfall(one) is None
    assert len(DEVICE) == 2
    assert _module.shortfall(2 * one) is None
    assert len(DEVICE) == 1
    copies = cupy.counts["copy"]
    chains.rows_kept(*kept[1])
    assert cupy.counts["copy"] == copies
    assert _module.shortfall(4 * one) is not None
    assert len(DEVICE) == 0
    assert cupy.living == 0


def test_what_is_kept_goes_before_lanes_are_halved(host_shim: Callable[..., HostCupy]) -> None:
    """By the estimate, and where memory ended in mid-run; but not what is in use."""
    cupy, mine, old = host_shim(), arrays(1), arrays(2)
    start = np.arange(34, dtype=np.int32)
    room = bytes_of_rows(mine)
    needs = chains.lane_bytes(chains.plan(mine[0]), 40)
    for free in (room + needs + 512, 1 << 30):
        cupy = host_shim(free=free)
        chains.rows_kept(*old, 0)
        rows = chains.rows_kept(*mine, 0)
        if free == 1 << 30:
            cupy.full_at = {len(cupy.made) + 4}
        with _module.noted() as notes:
            chains.pull_lanes(rows, start, 1e-2, 60)
        assert notes == []
        assert cupy.counts["ended"] == (free == 1 << 30)
        assert len(DEVICE) == 1
        assert chains.rows_kept(*mine) is rows


def test_a_device_that_failed_keeps_nothing(host_shim: Callable[..., HostCupy]) -> None:
    cupy, given = host_shim(), arrays()
    rows = chains.rows_kept(*given)
    cupy.counts["lost"] = 1
    with pytest.raises(DeviceError), guarded("this"):
        rows.value.get()
    assert chains.rows_kept(*given) is not rows


def test_no_more_are_kept_than_there_may_be(host_shim: Callable[..., HostCupy]) -> None:
    host_shim()
    given = [arrays(seed) for seed in range(DEVICE.most + 1)]
    for each in given:
        chains.rows_kept(*each)
    assert len(DEVICE) == DEVICE.most


def test_core_numbers_copy_arrows_once(host_shim: Callable[..., HostCupy]) -> None:
    cupy, (ptr, column, _) = host_shim(), arrays()
    back, other = breadth.turned(ptr, column)
    for each in (back, other):
        each.setflags(write=False)
    first = core.core_numbers(ptr, column, back, other)
    copies = cupy.counts["copy"]
    np.testing.assert_array_equal(core.core_numbers(ptr, column, back, other), first)
    assert cupy.counts["copy"] == copies + 1  # degrees, where numbers begin
