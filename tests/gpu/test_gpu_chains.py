"""Sums over chains by the CUDA kernels against the CPU's step, the CPU's sweeps and exact fractions."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from ecograph.cpu import chains as cpu_chains
from ecograph.gpu import chains as gpu
from ecograph.gpu._module import module
from tests.gpu.graphs import KEEP, CpuSteps, Graph
from tests.gpu.host_cupy import HostCupy
from tests.gpu.host_shim import Schedule

U = 2.0**-53


def on_device(graph: Graph, start: Any, goal: float, most: int) -> tuple[Any, Any, int]:
    return gpu.pull_lanes(gpu.to_device(graph.ptr, graph.column, graph.value), start, goal, most)


def starts(graph: Graph, lanes: int) -> Any:
    """Some lanes begin in the same row, the second nowhere."""
    start = np.arange(lanes) * 7 % graph.n
    start[1:2] = -1
    return start.astype(np.int32)


# Lengths at the edges of what a warp, a block and a piece take, and numbers of rows around those of a warp and a block.
SHORT_ROWS = {
    "single": [0],
    "single with itself": [1],
    "31": [k % 5 for k in range(31)],
    "33": [k % 7 for k in range(33)],
    "a block and one": [1, *[2] * 31, 63, 64],
}
LONG_ROWS = {
    "middle": [1, 65, 0, 64, 66, 127, *[3] * 40],
    "a hub": [gpu.PIECE + 1, *[1] * 65],
    "edges": [63, 64, 65, gpu.PIECE - 1, gpu.PIECE, gpu.PIECE + 1, 2 * gpu.PIECE, 2 * gpu.PIECE + 1, 0, 5],
}


@pytest.mark.parametrize("name", SHORT_ROWS)
def test_short_rows_equal_the_cpu_bit_for_bit(name: str, schedule: Schedule, twins_on: Callable[..., Any]) -> None:
    twins_on(schedule)
    graph = Graph(SHORT_ROWS[name])
    start = starts(graph, 5)
    x, change, steps = on_device(graph, start, 0.0, 6)
    expected, moved = CpuSteps(graph, start).after(steps)
    np.testing.assert_array_equal(x, expected)
    np.testing.assert_allclose(change, moved, rtol=2 * (graph.n + 1) * U, atol=0)


@pytest.mark.parametrize("name", LONG_ROWS)
def test_long_rows_equal_the_cpu_within_the_bound_of_sums(
    name: str, schedule: Schedule, twins_on: Callable[..., Any]
) -> None:
    """A row's sum has terms >= 0: in any order its relative error is below (length + 1) u a step, on each side."""
    twins_on(schedule)
    graph = Graph(LONG_ROWS[name])
    start = starts(graph, 3)
    x, change, steps = on_device(graph, start, 0.0, 3)
    expected, moved = CpuSteps(graph, start).after(steps)
    np.testing.assert_allclose(x, expected, rtol=2 * steps * (graph.longest + 1) * U, atol=0)
    np.testing.assert_allclose(change, moved, rtol=2 * (steps * (graph.longest + 1) + graph.n) * U, atol=0)
    same = np.diff(graph.ptr) <= gpu.SHORT
    first, _, _ = on_device(graph, start, 0.0, 1)
    np.testing.assert_array_equal(first[same], CpuSteps(graph, start).after(1)[0][same])


def in_stated_order(graph: Graph, start: Any, steps: int) -> Any:
    """Jacobi steps whose rows are added up as docs/gpu.md says."""
    d = CpuSteps(graph, start).e
    x = d.copy()

    def added(begin: int, end: int) -> Any:
        total = np.zeros(start.size)
        for e in range(begin, end):
            total = total + graph.value[e] * d[graph.column[e]]
        return total

    def stretches(begin: int, end: int) -> Any:
        each = -(-(end - begin) // gpu.WARPS)
        total = np.zeros(start.size)
        for from_ in range(begin, begin + gpu.WARPS * each, each):
            total = total + added(from_, min(from_ + each, end))
        return total

    for _ in range(steps):
        new = np.zeros_like(d)
        for row, (begin, end) in enumerate(pairwise(graph.ptr.tolist())):
            if end - begin <= gpu.SHORT:
                new[row] = added(begin, end)
                continue
            for piece in range(begin, end, gpu.PIECE):
                new[row] = new[row] + stretches(piece, min(piece + gpu.PIECE, end))
        d = new
        x = x + d
    return x


def test_sums_are_made_in_the_stated_order(twins_on: Callable[..., Any]) -> None:
    twins_on()
    graph = Graph([64, 65, 127, 0, gpu.PIECE + 9, *[1, 2, 3] * 9])
    start = np.array([0, 4], np.int32)
    x, _, steps = on_device(graph, start, 0.0, 4)
    np.testing.assert_array_equal(x, in_stated_order(graph, start, steps))


def exact(graph: Graph, row: int, steps: int) -> list[Fraction]:
    """Sum of G^t e over t <= steps, without rounding."""
    d = [Fraction(int(i == row)) for i in range(graph.n)]
    total = list(d)
    arrows = [(j, Fraction(value)) for j, value in zip(graph.column.tolist(), graph.value.tolist(), strict=True)]
    rows = [arrows[begin:end] for begin, end in pairwise(graph.ptr.tolist())]
    for _ in range(steps):
        d = [sum((value * d[j] for j, value in row), Fraction()) for row in rows]
        total = [a + b for a, b in zip(total, d, strict=True)]
    return total


@pytest.mark.parametrize("sizes", [[0], [1], [2, 0, 1, 3], [70, 1, 2, 0, 5], [gpu.PIECE + 3, 1, 1]], ids=str)
def test_sums_equal_exact_fractions(sizes: list[int], twins_on: Callable[..., Any]) -> None:
    twins_on()
    graph = Graph(sizes)
    start = np.array([0, len(sizes) - 1], np.int32)
    x, _, steps = on_device(graph, start, 0.0, 4)
    for lane, row in enumerate(start):
        expected = [float(value) for value in exact(graph, row, steps)]
        np.testing.assert_allclose(x[:, lane], expected, rtol=(steps * (graph.longest + 3) + 1) * U, atol=0)


def test_a_loop_gives_the_geometric_series(twins_on: Callable[..., Any]) -> None:
    twins_on()
    rows = gpu.to_device(np.array([0, 1], np.int64), np.zeros(1, np.int32), np.array([0.5]))
    x, change, steps = gpu.pull_lanes(rows, np.zeros(1, np.int32), 2.0**-20, 100)
    assert (x[0, 0], change[0], steps) == (2.0, 0.0, 8)  # 1 + 1/2 + ...: after 8 steps a jump gets there


@pytest.mark.parametrize("lanes", [1, 3])
def test_a_jump_stays_below(lanes: int, schedule: Schedule, twins_on: Callable[..., Any]) -> None:
    """Two circles that lose at different rates, and a row that is never come to again."""
    twins_on(schedule)
    rows = gpu.to_device(
        np.array([0, 1, 2, 3, 4, 4], np.int64), np.array([1, 0, 3, 2], np.int32), np.array([0.5, 0.5, 0.9, 0.99])
    )
    start = np.array([0, 2, 4], np.int32)[:lanes]
    x, change, steps = gpu.pull_lanes(rows, start, 1e-9, 400)
    exact = np.array([[4 / 3, 0, 0], [2 / 3, 0, 0], [0, 1 / 0.109, 0], [0, 0.99 / 0.109, 0], [0, 0, 1]])[:, :lanes]
    assert (change <= 1e-9).all()
    assert steps <= 400
    np.testing.assert_allclose(x, exact, rtol=1e-8)
    assert (x <= exact * (1 + 1e-14)).all()


def test_the_change_bounds_the_residual_that_the_cpu_finds(twins_on: Callable[..., Any]) -> None:
    twins_on()
    graph = Graph([k * k % 71 for k in range(50)])
    start = starts(graph, 8)
    x, change, _ = on_device(graph, start, 1e-4, 500)
    nowhere, ones = np.full(8, -1, np.int32), np.ones(graph.n)
    over, under = cpu_chains.residual_lanes(graph.ptr, graph.column, graph.value, nowhere, start, ones, x)
    slack = 4 * (graph.longest + 2) * U * x.sum(0)  # of rounding: from above, in one step here and one there
    assert (change <= 1e-4).all()
    assert (over + under <= KEEP * change + slack).all()
    assert (over[start >= 0] > 0.0).all()


def test_no_rows_and_no_lanes(twins_on: Callable[..., Any]) -> None:
    twins_on()
    nothing = gpu.to_device(np.zeros(1, np.int64), np.zeros(0, np.int32), np.zeros(0))
    x, change, steps = gpu.pull_lanes(nothing, np.full(2, -1, np.int32), 0.0, 100)
    assert (x.shape, change.tolist(), steps) == ((0, 2), [0.0, 0.0], gpu.LOOK)
    assert on_device(Graph([1, 1]), np.zeros(0, np.int32), 0.0, 100)[0].shape == (2, 0)


def test_a_block_with_no_long_row_stores_nothing(twins_on: Callable[..., Any]) -> None:
    """CuPy makes one block of a grid of none; a kernel's own guard has to hold it."""
    cupy = twins_on()
    x, change, none = cupy.zeros((2, 32), np.float64), cupy.zeros(32, np.float64), cupy.zeros(0, np.int32)
    module("chains").get_function("finish_rows")(
        (0,), (gpu.LANES,),
        (none, none, cupy.zeros(0, np.float64), np.int64(0), np.float64(1.0), cupy.zeros(32, np.int32),
         cupy.zeros(2, np.float64), x, x, change, np.int64(0), np.int32(1)),
    )  # fmt: skip
    assert not x.get().any()
    assert not change.get().any()


@pytest.mark.parametrize("name", ["33", "a block and one", "middle", "a hub"])
def test_lanes_are_held_weighted_and_damped_as_on_the_cpu(
    name: str, schedule: Schedule, twins_on: Callable[..., Any]
) -> None:
    """As the sums for reach: a chain ends where it comes back to its row, and what counts is who would see a change."""
    twins_on(schedule)
    graph = Graph({**SHORT_ROWS, **LONG_ROWS}[name])
    start, weight = starts(graph, 3), np.random.default_rng(2).random(graph.n)
    rows = gpu.to_device(*vars_of(graph))
    x, change, steps = gpu.pull_lanes(rows, start, 0.0, 3, by=0.75, hold=True, weight=weight)
    expected, moved = CpuSteps(graph, start).after(steps, by=0.75, hold=True, weight=weight)
    np.testing.assert_allclose(x, expected, rtol=2 * steps * (graph.longest + 2) * U, atol=0)
    np.testing.assert_allclose(change, moved, rtol=2 * (steps * (graph.longest + 2) + graph.n) * U, atol=0)
    assert (x[start[start >= 0], np.flatnonzero(start >= 0)] == 1.0).all()


def test_lanes_may_start_anywhere(schedule: Schedule, twins_on: Callable[..., Any]) -> None:
    twins_on(schedule)
    graph = Graph([k % 9 for k in range(70)])
    e = np.random.default_rng(3).random((graph.n, 34))
    told: list[float] = []
    x, change, steps = gpu.pull_lanes(gpu.to_device(*vars_of(graph)), e, 0.0, 9, by=0.5, tick=told.append)
    expected, _ = CpuSteps(graph, np.full(34, -1, np.int32)).after(steps, by=0.5, e=e)
    np.testing.assert_array_equal(x, expected)
    assert len(told) == 4  # after 8 and 9 steps, twice
    assert max(told[1], told[3]) == change.max()


def test_more_than_32_lanes_are_taken_32_at_a_time(host_shim: Callable[..., HostCupy]) -> None:
    cupy = host_shim()
    graph = Graph([k % 4 for k in range(40)])
    start = starts(graph, 65)
    x, change, steps = on_device(graph, start, 0.0, 3)
    np.testing.assert_array_equal(x, CpuSteps(graph, start).after(3)[0])
    assert change.shape == (65,)
    assert (cupy.counts["pull_lanes"], steps) == (9, 3)


@pytest.mark.parametrize(("sizes", "each"), [([3] * 40, 1), ([gpu.PIECE + 1, *[1] * 9], 2)], ids=["short", "a hub"])
def test_a_step_is_one_launch_and_a_look_one_read(
    sizes: list[int], each: int, host_shim: Callable[..., HostCupy]
) -> None:
    cupy = host_shim()
    rows = gpu.to_device(*vars_of(Graph(sizes)))
    copied = cupy.counts["copy"]
    _, _, steps = gpu.pull_lanes(rows, np.zeros(2, np.int32), 0.0, 20)
    looks = 3  # after 8, 16 and the last
    assert steps == 20
    jumps = 2  # after 8 and 16, three launches each
    assert cupy.counts["launch"] == 1 + each * steps + looks + 3 * jumps  # the first puts 1 where lanes start
    assert cupy.counts["read"] == looks + 1
    assert cupy.counts["copy"] == copied + 2  # where lanes start, and that none is held: rows stay on the device


def vars_of(graph: Graph) -> tuple[Any, Any, Any]:
    return graph.ptr, graph.column, graph.value


def test_every_arrow_and_every_row_is_one_tasks() -> None:
    graph = Graph(LONG_ROWS["edges"] + SHORT_ROWS["33"])
    made = gpu.plan(graph.ptr)
    arrows = np.concatenate([np.arange(*span) for span in zip(made.begin, made.end, strict=True)])
    assert sorted(arrows) == list(range(graph.column.size))
    assert sorted([*made.target[made.target >= 0], *made.long]) == list(range(graph.n))
    length = made.end - made.begin
    assert (length <= gpu.PIECE).all()
    assert (length[made.wide :] <= gpu.SHORT).all()
    assert (length[made.bounds[-1] : made.wide] > gpu.SHORT).all()
    for r, row in enumerate(made.long):
        pieces = slice(made.bounds[r], made.bounds[r + 1])
        assert made.target[pieces].tolist() == [-1 - p for p in range(made.bounds[r], made.bounds[r + 1])]
        assert (made.begin[pieces][0], made.end[pieces][-1]) == (graph.ptr[row], graph.ptr[row + 1])


def needed(graph: Graph, lanes: int = gpu.LANES) -> int:
    return gpu.bytes_needed(gpu.plan(graph.ptr), graph.n, graph.column.size, lanes)


def test_what_does_not_fit_is_refused_before_it_is_copied(host_shim: Callable[..., HostCupy]) -> None:
    graph = Graph([3] * 40)
    cupy = host_shim(free=needed(graph, gpu.FEWEST) - 1)
    with pytest.raises(MemoryError, match="device memory are needed"):
        gpu.to_device(*vars_of(graph))
    assert cupy.counts["copy"] == 0


@pytest.mark.parametrize("sizes", [[], [0], [1] * 33, LONG_ROWS["edges"]], ids=["none", "one", "33", "edges"])
def test_memory_is_estimated_from_above(sizes: list[int], host_shim: Callable[..., HostCupy]) -> None:
    cupy = host_shim()
    graph = Graph(sizes)
    rows = gpu.to_device(*vars_of(graph))
    gpu.pull_lanes(rows, np.full(32, -1, np.int32), 0.0, 1, weight=np.ones(graph.n))
    sizes_made = [size for _, size in cupy.made]
    assert len(sizes_made) == 18
    assert sum(sizes_made) <= needed(graph) <= sum(sizes_made) + 18 * 512
    assert needed(graph) <= gpu.bytes_at_most(graph.n, graph.column.size)
