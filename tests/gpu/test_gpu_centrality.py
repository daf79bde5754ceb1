"""One vector at a time by the CUDA kernels: sums over chains and power methods, against the CPU's steps and NumPy."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from ecograph.cpu.centrality import pull
from ecograph.gpu import centrality as gpu
from ecograph.gpu._module import THREADS, module
from ecograph.gpu.chains import LANES, LOOK, PIECE, SHORT, WARPS, Rows, to_device
from tests.gpu.graphs import CpuSteps, Graph
from tests.gpu.host_cupy import HostCupy
from tests.gpu.host_shim import Schedule

U = 2.0**-53
NOBODY = np.full(1, -1, np.int32)

# Rows at the edges of what a thread, a warp and a piece take, and numbers of rows around those of a warp and a block.
GRAPHS = {
    "single": [0],
    "single with itself": [1],
    "31": [k % 5 for k in range(31)],
    "33": [k % 7 for k in range(33)],
    "a block and one": [1, *[2] * (THREADS - 1), SHORT],
    "middle": [1, SHORT + 1, 0, SHORT, SHORT + 2, 127, *[SHORT + 1] * WARPS, *[3] * 40],
    "a hub": [PIECE + 1, *[1] * 65],
    "edges": [SHORT - 1, SHORT, SHORT + 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 2 * PIECE + 1, 0, 5],
}


def there(graph: Graph) -> Rows:
    return to_device(graph.ptr, graph.column, graph.value)


def some(n: int, seed: int = 2) -> Any:
    return np.random.default_rng(seed).random(n)


@pytest.mark.parametrize("name", GRAPHS)
def test_walks_equal_the_cpu(name: str, schedule: Schedule, twins_on: Callable[..., Any]) -> None:
    """Bit for bit where no row is longer than a thread takes; else within the bound of sums in any order."""
    twins_on(schedule)
    graph = Graph(GRAPHS[name])
    e, weight = some(graph.n), some(graph.n, 3)
    x, left, steps = gpu.walk_rows(there(graph), e, 0.0, 3, by=0.75, weight=weight)
    expected, moved = CpuSteps(graph, NOBODY).after(steps, by=0.75, weight=weight, e=e[:, None])
    if graph.longest <= SHORT:
        np.testing.assert_array_equal(x, expected[:, 0])
    np.testing.assert_allclose(x, expected[:, 0], rtol=2 * steps * (graph.longest + 2) * U, atol=0)
    np.testing.assert_allclose(left, moved[0], rtol=2 * (steps * (graph.longest + 2) + graph.n) * U, atol=0)


@pytest.mark.parametrize("row", [0, 2, 7])
def test_a_row_may_keep_its_value(row: int, schedule: Schedule, twins_on: Callable[..., Any]) -> None:
    twins_on(schedule)
    graph = Graph([PIECE + 1, *[k % 4 for k in range(70)]])
    e = np.zeros(graph.n)
    e[row] = 1.0
    x, _, steps = gpu.walk_rows(there(graph), e, 0.0, 4, held=row)
    expected, _ = CpuSteps(graph, np.array([row], np.int32)).after(steps, hold=True)
    np.testing.assert_allclose(x, expected[:, 0], rtol=2 * steps * (graph.longest + 2) * U, atol=0)
    assert x[row] == 1.0


@pytest.mark.parametrize("n", [1, 31, 33, 70, 1030])
def test_a_jump_is_the_cpus(n: int, schedule: Schedule, twins_on: Callable[..., Any]) -> None:
    twins_on(schedule)
    graph = Graph([1 + k % 3 for k in range(n)])
    e, weight = some(graph.n), some(graph.n, 3)
    for steps in (8, 9, 16):
        x, left, _ = gpu.walk_rows(there(graph), e, 0.0, steps, weight=weight)
        expected, moved = CpuSteps(graph, NOBODY).after(steps, weight=weight, e=e[:, None])
        np.testing.assert_array_equal(x, expected[:, 0])
        np.testing.assert_allclose(left, moved[0], rtol=2 * n * U, atol=0)


def in_stated_order(graph: Graph, d: Any) -> Any:
    """G d whose rows are added up as docs/gpu.md says."""

    def over_warp(values: Any) -> Any:
        for apart in (16, 8, 4, 2, 1):
            values = values + values[np.arange(LANES) ^ apart]
        return values[0]

    def by_threads(begin: int, end: int, threads: int) -> Any:
        totals = np.zeros(threads)
        for first in range(begin, end, threads):
            e = np.arange(first, min(first + threads, end))
            totals[: e.size] += graph.value[e] * d[graph.column[e]]
        return totals

    out = np.zeros(graph.n)
    for row, (begin, end) in enumerate(pairwise(graph.ptr.tolist())):
        if end - begin <= SHORT:
            out[row] = by_threads(begin, end, 1)[0]
        elif end - begin <= PIECE:
            out[row] = over_warp(by_threads(begin, end, LANES))
        else:
            for piece in range(begin, end, PIECE):
                warps = by_threads(piece, min(piece + PIECE, end), THREADS).reshape(WARPS, LANES)
                total = 0.0
                for warp in warps:
                    total += over_warp(warp)
                out[row] += total
    return out


@pytest.mark.parametrize("name", ["middle", "edges"])
def test_sums_are_made_in_the_stated_order(name: str, schedule: Schedule, twins_on: Callable[..., Any]) -> None:
    twins_on(schedule)
    graph = Graph(GRAPHS[name])
    d = x = some(graph.n)
    for _ in range(2):
        d = in_stated_order(graph, d)
        x = x + d
    np.testing.assert_array_equal(gpu.walk_rows(there(graph), some(graph.n), 0.0, 2)[0], x)


def stretches(graph: Graph, start: Any, by: float, steps: int) -> tuple[Any, float]:
    """The CPU's rule of ``metrics.centrality._sum_walks``: x, and its largest relative error."""
    d, x, since, begun, mark = start, start.copy(), np.zeros(graph.n), start, 1
    error = np.inf
    for step in range(1, steps + 1):
        d = by * pull(graph.ptr, graph.column, graph.value, d)
        x, since = x + d, since + d
        grown = (d > 0.0) & (begun == 0.0)
        rate = np.inf if grown.any() else float((d[begun > 0.0] / begun[begun > 0.0]).max(initial=0.0))
        error = rate / (1.0 - rate) * float((since / np.where(x > 0.0, x, 1.0)).max()) if rate < 1.0 else np.inf
        if step == mark:
            begun, mark, since = d, 2 * mark, np.zeros(graph.n)
    return x, error


@pytest.mark.parametrize("most", [1, 2, LOOK, 13, 24])
def test_the_error_of_walks_is_that_of_the_cpu(most: int, schedule: Schedule, twins_on: Callable[..., Any]) -> None:
    twins_on(schedule)
    graph = Graph([2, *[1 + k % 3 for k in range(40)]])
    for start in (some(graph.n) + 0.1, np.eye(1, graph.n, 3)[0]):
        x, left, steps = gpu.walk_rows(there(graph), start, 0.0, most, by=0.5, relative=True)
        expected, error = stretches(graph, start, 0.5, steps)
        np.testing.assert_array_equal(x, expected)
        np.testing.assert_allclose(left, error, rtol=8 * U, atol=0)


def test_what_several_blocks_saw_is_one_number(twins_on: Callable[..., Any]) -> None:
    """The largest of what three blocks, and one more of long rows, tell: no sum of them."""
    twins_on()
    graph = Graph([PIECE + 1, *[1 + k % 3 for k in range(2 * THREADS)]])
    start = some(graph.n) + 0.1
    _, left, steps = gpu.walk_rows(there(graph), start, 0.0, 3, by=1e-5, relative=True)
    _, error = stretches(graph, start, 1e-5, steps)
    assert 0.0 < error < np.inf
    np.testing.assert_allclose(left, error, rtol=16 * (graph.longest + 2) * U, atol=0)


def test_the_error_is_one(twins_on: Callable[..., Any]) -> None:
    """Exact sums, to a tolerance that is looked at: 1 + a + a^2 + ... on a circle, all of it in fractions."""
    twins_on()
    rows = to_device(np.array([0, 1, 2], np.int64), np.array([1, 0], np.int32), np.ones(2))
    x, left, steps = gpu.walk_rows(rows, np.ones(2), 1e-6, 1000, by=0.75, relative=True)
    assert left <= 1e-6
    assert steps % LOOK == 0
    assert 0 < (4 - Fraction(float(x[0]))) / 4 <= Fraction(left) * (1 + Fraction(1, 10**6))
    told: list[float] = []
    assert gpu.walk_rows(rows, np.ones(2), 1e-6, 1000, by=0.75, relative=True, tick=told.append)[2] == LOOK * len(told)


def test_walks_that_grow_without_end_are_told(twins_on: Callable[..., Any]) -> None:
    twins_on()
    rows = to_device(np.array([0, 1], np.int64), np.zeros(1, np.int32), np.array([1e300]))
    assert gpu.walk_rows(rows, np.ones(1), 1e-6, 100, relative=True)[1:] == (np.inf, LOOK)
    assert gpu.walk_rows(rows, np.ones(1), 1e-6, 9, by=2e-300, relative=True)[1:] == (np.inf, 9)


def test_no_rows(twins_on: Callable[..., Any]) -> None:
    twins_on()
    none = to_device(np.zeros(1, np.int64), np.zeros(0, np.int32), np.zeros(0))
    x, left, steps = gpu.walk_rows(none, np.zeros(0), 0.0, 100)
    assert (x.size, left, steps) == (0, 0.0, LOOK)
    assert gpu.eigenvector(none, np.zeros(0), 1.0, 1e-9, 100)[1] == LOOK
    assert gpu.hub_scores(none, none, np.zeros(0), (1.0, 1.0), 1e-9, 100)[1] == LOOK


def dense(graph: Graph) -> Any:
    out = np.zeros((graph.n, graph.n))
    np.add.at(out, (np.repeat(np.arange(graph.n), np.diff(graph.ptr)), graph.column), graph.value)
    return out


def turned(graph: Graph) -> Rows:
    order = np.argsort(graph.column, kind="stable")
    ptr = np.concatenate([[0], np.cumsum(np.bincount(graph.column, minlength=graph.n))])
    rows = np.repeat(np.arange(graph.n, dtype=np.int32), np.diff(graph.ptr))
    return to_device(ptr, rows[order], graph.value[order])


CIRCLES = {"short": [1 + k % 4 for k in range(70)], "a hub": [PIECE + 1, SHORT + 1, *[1 + k % 3 for k in range(30)]]}


@pytest.mark.parametrize("name", CIRCLES)
def test_the_first_eigenvector_is_found(name: str, schedule: Schedule, twins_on: Callable[..., Any]) -> None:
    twins_on(schedule)
    graph = Graph(CIRCLES[name])
    s = dense(graph)
    graph.value = graph.value * 1e100  # powers of such numbers are beyond float64
    told: list[float] = []
    x, steps = gpu.eigenvector(
        there(graph), np.ones(graph.n), 1e100 * float(s.sum(1).max()), 1e-7, 999, tick=told.append
    )
    assert 0.0 < x @ x < np.inf
    unit = x / np.sqrt(x @ x)
    y = s @ unit
    error = np.linalg.norm(y - (unit @ y) * unit) / (unit @ y)
    assert error <= 1.01e-7
    assert (told[-1] <= 1e-7, steps) == (True, LOOK * len(told))
    assert abs(unit @ y / abs(np.linalg.eigvals(s)).max() - 1.0) < 1e-5


@pytest.mark.parametrize("name", CIRCLES)
def test_the_first_hubs_are_found(name: str, schedule: Schedule, twins_on: Callable[..., Any]) -> None:
    twins_on(schedule)
    graph = Graph(CIRCLES[name])
    graph.value = graph.value * 1e100
    s = dense(graph)
    norms = float(s.sum(1).max()), float(s.sum(0).max())
    told: list[float] = []
    h, steps = gpu.hub_scores(there(graph), turned(graph), np.full(graph.n, 1.0 / graph.n), norms, 1e-7, 999,
                              tick=told.append)  # fmt: skip
    h = h / h.sum()
    new = s.T @ (s @ h)
    assert abs(new / new.sum() - h).sum() <= 1e-7
    assert (told[-1] <= 1e-7, steps) == (True, LOOK * len(told))
    _, values, right = np.linalg.svd(s)
    first = abs(right[0]) / abs(right[0]).sum()
    assert abs(h - first).sum() < 1e-5 / (1 - (values[1] / values[0]) ** 2)


def test_a_power_method_stops_where_nothing_is_left(twins_on: Callable[..., Any]) -> None:
    """Without circles S^n = 0: no number comes of it."""
    twins_on()
    rows = to_device(np.array([0, 0, 1], np.int64), np.zeros(1, np.int32), np.ones(1))
    x, steps = gpu.hub_scores(rows, rows, np.array([0.0, 1.0]), (1.0, 1.0), 1e-9, 100)
    assert (x.tolist(), steps) == ([0.0, 0.0], LOOK)


@pytest.mark.parametrize("rows", [0, 1, THREADS, THREADS + 1])
def test_long_rows_are_finished_one_a_thread(rows: int, twins_on: Callable[..., Any]) -> None:
    """CuPy makes one block of a grid of none; a kernel's own guard has to hold it."""
    cupy = twins_on()
    old, piece = some(rows + 1), some(2 * rows + 1)
    row, bounds = cupy.asarray(np.arange(rows, dtype=np.int32)), cupy.asarray(2 * np.arange(rows + 1, dtype=np.int32))
    out, told = cupy.zeros(rows + 1, np.float64), cupy.zeros(9, np.float64)
    module("centrality").get_function("finish_powers")(
        (-(-rows // THREADS),), (THREADS,),
        (row, bounds, cupy.asarray(piece), np.int64(rows), np.float64(0.5), np.float64(2.0), np.float64(1.0),
         cupy.asarray(old), out, np.int32(0), np.int32(1), told, np.int64(1)),
    )  # fmt: skip
    expected = 0.5 * (piece[0:-1:2] + piece[1::2] + 2.0 * old[:rows])
    np.testing.assert_array_equal(out.get(), [*expected, 0.0])
    seen = told.get().reshape(3, 3)
    assert not seen[0].any()
    np.testing.assert_allclose(seen.sum(0), [expected.sum(), old[:rows].sum(), abs(expected - old[:rows]).sum()],
                               rtol=rows * U, atol=0)  # fmt: skip


@pytest.mark.parametrize(("sizes", "each"), [([3] * 40, 1), ([PIECE + 1, *[1] * 9], 2)], ids=["short", "a hub"])
def test_a_step_is_one_launch_and_a_look_one_read(
    sizes: list[int], each: int, host_shim: Callable[..., HostCupy]
) -> None:
    cupy = host_shim()
    graph = Graph(sizes)
    rows, back = there(graph), turned(graph)
    calls: list[tuple[Callable[[], Any], int]] = [
        (lambda: gpu.walk_rows(rows, np.ones(graph.n), -1.0, 20, relative=True), each),
        (lambda: gpu.eigenvector(rows, np.ones(graph.n), 1.0, -1.0, 20), each),
        (lambda: gpu.hub_scores(rows, back, np.ones(graph.n), (1.0, 1.0), -1.0, 20), each + 1),
    ]
    for call, launches in calls:
        cupy.counts.clear()
        call()
        looks = 3
        assert cupy.counts["launch"] == 20 * launches + looks
        assert cupy.counts["read"] == looks + 1
        assert cupy.counts["copy"] == 1
