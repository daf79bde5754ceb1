"""Searches with a queue of each source by the CUDA kernels: the bits of the pull, and the CPU's numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ecograph.cpu import paths as cpu
from ecograph.gpu import breadth
from ecograph.gpu import queue as gpu
from ecograph.gpu._module import module
from ecograph.gpu.chains import PIECE
from tests.gpu import test_gpu_breadth as pulls
from tests.gpu.host_cupy import HostCupy
from tests.gpu.host_shim import Schedule
from tests.gpu.test_gpu_breadth import GRAPHS, WHAT, Hops, U, between, graph, line, nothing, on_cpu, plain_or, slack


def ring(n: int, *, both: bool = False) -> Hops:
    row, column = np.arange(n), (np.arange(n) + 1) % n
    return between(np.r_[row, column], np.r_[column, row], n) if both else between(row, column, n)


def grid(high: int, wide: int) -> Hops:
    """Cells with arrows to those right of them and below: as many paths as ways to mix steps."""
    cell = np.arange(high * wide).reshape(high, wide)
    row = np.r_[cell[:, :-1].ravel(), cell[:-1].ravel()]
    return between(row, np.r_[cell[:, 1:].ravel(), cell[1:].ravel()], cell.size)


def comet(tail: int, leaves: int) -> Hops:
    """A tail that ends in a hub with leaves, both ways."""
    one = np.r_[np.arange(tail), np.full(leaves, tail)]
    other = np.r_[np.arange(1, tail + 1), tail + 1 + np.arange(leaves)]
    return between(np.r_[one, other], np.r_[other, one], tail + leaves + 1)


def apart(n: int) -> Hops:
    """Two lines, a ring, and some whom nothing reaches."""
    parts = [(np.arange(n - 1), np.arange(1, n)), (2 * n - np.arange(n - 1), 2 * n - 1 - np.arange(n - 1)),
             (2 * n + 1 + np.arange(5), 2 * n + 1 + (np.arange(5) + 1) % 5)]  # fmt: skip
    row, column = (np.concatenate(side) for side in zip(*parts, strict=True))
    return between(row, column, 2 * n + 9)


def fan(arrows: int) -> Hops:
    """From 0 to some by very many arrows, parallel ones too, and from them to the last."""
    some = 1 + np.arange(arrows) % 40
    return between(np.r_[np.zeros(arrows, int), some], np.r_[some, np.full(arrows, 41)], 42)


DEEP = {
    "a line": line(70),
    "a ring": ring(41),
    "a ring both ways": ring(65, both=True),
    "a grid": grid(7, 11),
    "a hub on a tail": comet(20, 70),
    "apart": apart(17),
}
ALL = GRAPHS | DEEP | {"five pieces": fan(4 * PIECE + 65)}


def on_device(graph: Hops, node: Any, source: Any, what: int, begin: int = 0, **given: Any) -> tuple[Any, Any]:
    sums, went = nothing(graph, what, source.size)
    rows = gpu.to_device(breadth.to_device(*graph, node, what))
    gpu.by_hops(rows, source, begin, source.size, what, sums, went, **given)
    return sums, went


def same_bits(found: tuple[Any, Any], expected: tuple[Any, Any], n: int, what: int) -> None:
    """But for sums of inverses, which the pull leaves to NumPy."""
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1][:2], expected[1][:2])
    np.testing.assert_allclose(found[1][2], expected[1][2], rtol=2 * n * U, atol=0)


@pytest.mark.parametrize(
    ("name", "what"),
    [(name, what) for name in ALL for what in ("sums", "distances")]
    + [(name, what) for name in ("33", "a grid") for what in ("squares", "rows")],
)
def test_a_queue_gives_the_bits_of_the_pull(name: str, what: str, twins_on: Callable[..., Any]) -> None:
    twins_on()
    check(ALL[name], WHAT[what])


@pytest.mark.parametrize("name", ["31", "edges of a warp", "a hub", "a grid"])
def test_the_bits_do_not_go_by_the_order_of_threads(
    name: str, schedule: Schedule, twins_on: Callable[..., Any]
) -> None:
    """A level lies in its queue as chance will have it."""
    twins_on(schedule)
    check(ALL[name], cpu.SUMS)


def check(graph: Hops, asked: int) -> None:
    source = (np.arange(18 if graph.n < 34 else 3) * 7 % graph.n).astype(np.int32)
    node = plain_or(graph, folded=asked in (cpu.SUMS, cpu.SQUARES))
    found = on_device(graph, node, source, asked)
    same_bits(found, pulls.on_device(graph, node, source, asked), graph.n, asked)
    expected = on_cpu(graph, node, source, asked)
    np.testing.assert_allclose(found[0], expected[0], rtol=slack(graph), atol=0)
    exact = slice(2) if asked == cpu.DISTANCES else slice(3)
    np.testing.assert_array_equal(found[1][exact], expected[1][exact])
    np.testing.assert_allclose(found[1], expected[1], rtol=2 * graph.n * U, atol=0)


@pytest.mark.parametrize("name", ["two", "31", "a ring", "a grid"])
def test_dependencies_equal_exact_fractions(name: str, twins_on: Callable[..., Any]) -> None:
    twins_on()
    graph = ALL[name]
    source = np.array([0, graph.n - 1], np.int32)
    sums, _ = on_device(graph, cpu.plain(graph.n), source, cpu.SUMS)
    for lane, s in enumerate(source):
        expected = [float(value) for value in pulls.exact_dependency(graph, int(s))]
        np.testing.assert_allclose(sums.reshape(cpu.BLOCKS, 2, -1)[lane, 0], expected, rtol=slack(graph), atol=0)


def test_a_source_is_reached_again_at_the_end_of_a_ring(twins_on: Callable[..., Any]) -> None:
    """Of two copies in 9 places each, the way round brings 2^8 paths, of which the source's own targets are counted."""
    twins_on()
    graph, source = ring(9), np.arange(16, dtype=np.int32) % 9  # as many as are searched from at a time at least
    node = cpu.plain(9)
    node[0], node[2] = 2.0, 1.0
    found, expected = (where(graph, node, source, cpu.SUMS) for where in (on_device, on_cpu))
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1], np.repeat([[9.0], [1.0], [0.0]], 16, axis=1))


def test_paths_without_number_are_no_number(twins_on: Callable[..., Any]) -> None:
    twins_on()
    chain, source = line(9), np.zeros(1, np.int32)
    node = cpu.plain(chain.n)
    node[0] = 1e100
    found, expected = (where(chain, node, source, cpu.SUMS)[0] for where in (on_device, on_cpu))
    assert np.isnan(found).any()
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))


def test_sums_go_on_where_the_pull_ended(twins_on: Callable[..., Any]) -> None:
    """Behind the first 32 sources lie 4 levels at most, behind the next 39: queues take these, in the CPU's order."""
    twins_on()
    graph = line(40)
    source = np.r_[35 + np.arange(32) % 5, np.arange(18)].astype(np.int32)
    node = plain_or(graph, folded=True)
    sums, went = nothing(graph, cpu.SUMS, source.size)
    arrows = breadth.to_device(*graph, node, cpu.SUMS)
    assert breadth.by_hops(arrows, source, 0, source.size, cpu.SUMS, sums, went, deepest=4) == 32
    assert not went[:, 32:].any()
    gpu.by_hops(gpu.to_device(arrows), source, 32, source.size, cpu.SUMS, sums, went)
    same_bits((sums, went), pulls.on_device(graph, node, source, cpu.SUMS), graph.n, cpu.SUMS)


def test_no_participants_and_no_sources(twins_on: Callable[..., Any]) -> None:
    twins_on()
    for empty in (graph([]), GRAPHS["31"]):
        sums, went = on_device(empty, cpu.plain(empty.n), np.zeros(0, np.int32), cpu.SUMS)
        assert not sums.any()
        assert went.shape == (3, 0)


def test_a_grid_of_none_stores_nothing(twins_on: Callable[..., Any]) -> None:
    cupy = twins_on()
    none, zero, whole, value = cupy.zeros(0, np.int32), np.int64(0), cupy.zeros(0, np.int64), cupy.zeros(8, np.float64)
    lanes = (none, zero, zero)
    for name, given in {
        "search_paths": (whole, none, whole, none, *lanes, value, zero, none, none, none, value, value, value),
        "search_levels": (whole, none, *lanes, zero, none, none, value),
        "add_searches": (*lanes, value, zero, none, value, np.int32(0), value),
        "searches_to_rows": (none, value, zero, value),
    }.items():
        module("queue").get_function(name)((0,), (256,), given)
    assert not value.get().any()


def test_all_are_searched_from_in_one_launch_up_to_the_most() -> None:
    assert [gpu.at_once(sources) for sources in (1, 16, 17, 33, 500, 9999)] == [16, 16, 32, 64, 512, 512]


def test_as_many_are_begun_as_memory_holds(host_shim: Callable[..., HostCupy]) -> None:
    graph, source = GRAPHS["33"], np.arange(64, dtype=np.int32) % 33
    for slots, launches in ((64, 1), (32, 2), (16, 4)):
        cupy = host_shim()
        rows = gpu.to_device(breadth.to_device(*graph, cpu.plain(graph.n), cpu.SUMS))
        there = 2 * 8 * cpu.BLOCKS * graph.n + 4 * source.size + 2 * 512  # sums and sources, copied first
        cupy.free = cupy.living + there + gpu.bytes_needed(graph.n, cpu.SUMS, slots)
        cupy.counts.clear()
        sums, went = nothing(graph, cpu.SUMS, source.size)
        gpu.by_hops(rows, source, 0, source.size, cpu.SUMS, sums, went)
        assert cupy.counts["launch"] == 2 * launches  # each is added to the sums


@pytest.mark.parametrize("what", WHAT)
def test_memory_is_estimated_from_above(what: str, host_shim: Callable[..., HostCupy]) -> None:
    cupy = host_shim()
    graph, source = GRAPHS["33"], np.arange(17, dtype=np.int32)
    arrows = breadth.to_device(*graph, cpu.plain(graph.n), WHAT[what])
    cupy.made.clear()
    sums, went = nothing(graph, WHAT[what], source.size)
    gpu.by_hops(gpu.to_device(arrows), source, 0, source.size, WHAT[what], sums, went)
    assert sum(size for _, size in cupy.made) <= gpu.bytes_needed(graph.n, WHAT[what], 32)


def test_the_rule_is_that_of_bytes(host_shim: Callable[..., HostCupy]) -> None:
    """By hand, with 20 arrows a participant: 32 (4,080 + 384) bytes less 11,610, by 216 a level."""
    host_shim(free=1 << 40)
    n, arrows = 10**6, 20 * 10**6
    assert gpu.deepest(n, arrows, 3200, cpu.SUMS) == (32 * 4464 - 11610) // 216 == 607
    assert gpu.deepest(n, arrows, 3200, cpu.DISTANCES) == 32 * 800 // 192 == 133
    assert gpu.deepest(n, arrows, 1, cpu.SUMS) == (128 * 4464 - 11610) // 216  # a device half asleep
    assert gpu.deepest(n, n, 3200, cpu.ROWS) == (32 * 588 - 1578) // 64 == 269  # a line
    assert gpu.deepest(1, 0, 3200, cpu.SUMS) == (32 * 384 - 1050) // 56
    host_shim(free=breadth.bytes_needed(n, arrows, cpu.SUMS, levels=606))
    assert gpu.deepest(n, arrows, 3200, cpu.SUMS) == breadth.DEEP  # there is no memory for 607
