"""Searches in hops by the CUDA kernels against the CPU's, and against paths counted one by one in fractions."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import pytest

from ecograph.cpu import paths as cpu
from ecograph.gpu import breadth as gpu
from ecograph.gpu._module import module
from ecograph.gpu.chains import PIECE
from tests.gpu.host_cupy import HostCupy
from tests.gpu.host_shim import Schedule

U = 2.0**-53
WHAT = {"sums": cpu.SUMS, "squares": cpu.SQUARES, "rows": cpu.ROWS, "distances": cpu.DISTANCES}


class Hops(NamedTuple):
    """Arrows by where they come from, and by where they lead."""

    ptr: Any
    column: Any
    back_ptr: Any
    back_column: Any

    @property
    def n(self) -> int:
        return int(self.ptr.size) - 1

    @property
    def longest(self) -> int:
        return int(max(np.diff(self.ptr).max(initial=0), np.diff(self.back_ptr).max(initial=0)))


def graph(sizes: list[int], seed: int = 1) -> Hops:
    """Rows of so many arrows to others, drawn at random; several may lead to the same."""
    random, n = np.random.default_rng(seed), len(sizes)
    row = np.repeat(np.arange(n, dtype=np.int32), sizes)
    return between(row, ((row + 1 + random.integers(0, max(1, n - 1), row.size)) % max(1, n)).astype(np.int32), n)


def between(row: Any, column: Any, n: int) -> Hops:
    ptr = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=n))]).astype(np.int64)
    column = column[np.argsort(row, kind="stable")].astype(np.int32)
    return Hops(ptr, column, *gpu.turned(ptr, column))


def line(n: int) -> Hops:
    return between(np.arange(n - 1), np.arange(1, n), n)


def star(n: int) -> Hops:
    """A hub and n others, both ways."""
    others, hub = np.arange(1, n + 1), np.zeros(n, np.int64)
    return between(np.concatenate([others, hub]), np.concatenate([hub, others]), n + 1)


# Numbers around those of a warp and a block, and lengths at the edges of what a warp, a block and a piece take.
GRAPHS = {
    "single": graph([0]),
    "two": graph([1, 0]),
    "31": graph([k % 3 for k in range(31)]),
    "33": graph([k % 4 for k in range(33)]),
    "65, sparse": graph([1] * 65),
    "line": line(40),
    "a hub": star(100),
    "edges of a warp": graph([63, 64, 65, 1, 0, *[2] * 30]),
    "edges of a piece": graph([PIECE, PIECE + 1, 2 * PIECE + 1, 0, *[1] * 40]),
}


def plain_or(graph: Hops, *, folded: bool) -> Any:
    """Everyone for itself, or whole numbers as folding leaves them, where some may be reached again."""
    if not folded:
        return cpu.plain(graph.n)
    node = np.random.default_rng(3).integers(1, 4, (4, graph.n)).astype(np.float64)
    node[2] *= np.arange(graph.n) % 3 == 0
    return node


def nothing(graph: Hops, what: int, sources: int) -> tuple[Any, Any]:
    rows = {cpu.DISTANCES: 0, cpu.ROWS: sources}.get(what, 2 * cpu.BLOCKS)
    return np.zeros(rows * graph.n), np.zeros((3, sources))


def on_cpu(graph: Hops, node: Any, source: Any, what: int, begin: int = 0) -> tuple[Any, Any]:
    sums, went = nothing(graph, what, source.size)
    for b in range(cpu.BLOCKS):
        cpu.by_hops(b, *graph, np.empty(0), node, source, begin, source.size, *cpu.scratch(graph.n, True), what, sums,
                    went)  # fmt: skip
    return sums, went


def on_device(graph: Hops, node: Any, source: Any, what: int, **given: Any) -> tuple[Any, Any]:
    sums, went = nothing(graph, what, source.size)
    gpu.by_hops(gpu.to_device(*graph, node, what), source, 0, source.size, what, sums, went, **given)
    return sums, went


def levels_of(graph: Hops) -> int:
    """At most so many: rounds until nobody new is reached from anyone."""
    row = np.repeat(np.arange(graph.n), np.diff(graph.ptr))
    reach, levels = np.eye(graph.n, dtype=bool), 0
    while True:
        more = reach.copy()
        np.logical_or.at(more, row, reach[graph.column])
        if (more == reach).all():
            return levels + 2  # who starts may be reached again
        reach, levels = more, levels + 1


def slack(graph: Hops) -> float:
    """Terms are >= 0: a sum over arrows is off by (length + 3) u at most, a level after the other, on each side."""
    return 2 * (levels_of(graph) * (graph.longest + 4) + 64) * U


@pytest.mark.parametrize(
    ("name", "what"),
    [(name, what) for name in GRAPHS for what in ("sums", "distances")]
    + [(name, what) for name in ("33", "edges of a warp") for what in ("squares", "rows")],
)
def test_searches_equal_the_cpu(name: str, what: str, schedule: Schedule, twins_on: Callable[..., Any]) -> None:
    twins_on(schedule)
    graph, asked = GRAPHS[name], WHAT[what]
    source = (np.arange(35 if what == "sums" and graph.n < 120 else 5) * 7 % graph.n).astype(np.int32)
    node = plain_or(graph, folded=what == "sums")
    found, expected = (where(graph, node, source, asked) for where in (on_device, on_cpu))
    np.testing.assert_allclose(found[0], expected[0], rtol=slack(graph), atol=0)
    exact = slice(2) if what == "distances" else slice(3)
    np.testing.assert_array_equal(found[1][exact], expected[1][exact])
    np.testing.assert_allclose(found[1], expected[1], rtol=2 * graph.n * U, atol=0)


def test_whole_numbers_equal_the_cpu_bit_for_bit(twins_on: Callable[..., Any]) -> None:
    """On a tree all that is added is a whole number: so it is exact in any order."""
    twins_on()
    parent = np.array([(v - 1) // 3 for v in range(1, 70)])
    tree = between(np.concatenate([np.arange(1, 70), parent]), np.concatenate([parent, np.arange(1, 70)]), 70)
    for graph, what in ((tree, cpu.SUMS), (line(40), cpu.SQUARES), (star(65), cpu.ROWS)):
        source = np.arange(0, graph.n, 2, dtype=np.int32)
        found, expected = (where(graph, cpu.plain(graph.n), source, what) for where in (on_device, on_cpu))
        np.testing.assert_array_equal(found[0], expected[0])


def test_sums_go_on_where_they_were(twins_on: Callable[..., Any]) -> None:
    """Searches made in two calls are those made in one, bit for bit, whatever the cut at a multiple of 16."""
    twins_on()
    graph, asked = GRAPHS["33"], cpu.SQUARES
    source = (np.arange(70) % graph.n).astype(np.int32)
    arrows = gpu.to_device(*graph, cpu.plain(graph.n), asked)
    sums, went = nothing(graph, asked, source.size)
    for first, last in ((0, 16), (16, 64), (64, 70), (70, 70)):
        gpu.by_hops(arrows, source, first, last, asked, sums, went)
    np.testing.assert_array_equal(sums, on_device(graph, cpu.plain(graph.n), source, asked)[0])


def test_sums_over_sources_have_the_order_of_the_cpu(twins_on: Callable[..., Any]) -> None:
    """Source q goes to the sum q mod 16, and each sum takes its sources in order."""
    twins_on()
    graph, asked = GRAPHS["31"], cpu.SUMS
    source = (np.arange(64) * 3 % graph.n).astype(np.int32)  # of the last 32, two go to each sum
    node = plain_or(graph, folded=True)
    added = np.zeros((cpu.BLOCKS, graph.n))
    alone = {s: on_device(graph, node, np.array([s], np.int32), asked)[0][: graph.n] for s in set(source.tolist())}
    for q, s in enumerate(source.tolist()):
        added[q % cpu.BLOCKS] += alone[s]
    np.testing.assert_array_equal(on_device(graph, node, source, asked)[0].reshape(cpu.BLOCKS, 2, -1)[:, 0], added)


def exact_dependency(graph: Hops, s: int) -> list[Fraction]:
    """What depends on each participant, of all pairs with s: paths from s to v times those from v on, over all."""
    rows = [graph.column[graph.ptr[v] : graph.ptr[v + 1]].tolist() for v in range(graph.n)]

    def counted(start: int) -> tuple[dict[int, int], dict[int, int]]:
        far, paths, level = {start: 0}, {start: 1}, [start]
        while level:
            behind: dict[int, int] = {}
            for v in level:
                for w in rows[v]:
                    if w not in far:
                        behind[w] = behind.get(w, 0) + paths[v]
            far |= dict.fromkeys(behind, far[level[0]] + 1)
            paths |= behind
            level = list(behind)
        return far, paths

    far, paths = counted(s)
    out = [Fraction()] * graph.n
    for v in far.keys() - {s}:
        onward, ways = counted(v)
        for t in onward.keys() - {s, v}:
            if far[v] + onward[t] == far[t]:
                out[v] += Fraction(paths[v] * ways[t], paths[t])
    return out


@pytest.mark.parametrize("name", ["single", "two", "31", "33", "edges of a warp"])
def test_dependencies_equal_exact_fractions(name: str, twins_on: Callable[..., Any]) -> None:
    twins_on()
    graph = GRAPHS[name]
    source = np.array([0, graph.n - 1], np.int32)
    sums, _ = on_device(graph, cpu.plain(graph.n), source, cpu.SUMS)
    for lane, s in enumerate(source):
        expected = [float(value) for value in exact_dependency(graph, int(s))]
        np.testing.assert_allclose(sums.reshape(cpu.BLOCKS, 2, -1)[lane, 0], expected, rtol=slack(graph), atol=0)


def test_paths_without_number_are_no_number(twins_on: Callable[..., Any]) -> None:
    """With 10^100 copies of each in a line, paths overflow at the fourth, as on the CPU: what depends on it is NaN."""
    twins_on()
    chain, source = line(9), np.zeros(1, np.int32)
    node = cpu.plain(chain.n)
    node[0] = 1e100
    found, expected = (where(chain, node, source, cpu.SUMS)[0] for where in (on_device, on_cpu))
    assert np.isnan(found).any()
    np.testing.assert_array_equal(np.isnan(found), np.isnan(expected))


def test_too_many_levels_end_it_before_anything_of_these_sources_is_stored(host_shim: Callable[..., HostCupy]) -> None:
    cupy = host_shim()
    graph, source = line(40), np.arange(34, dtype=np.int32)
    sums, went = nothing(graph, cpu.SUMS, source.size)
    arrows = gpu.to_device(*graph, cpu.plain(graph.n), cpu.SUMS)
    assert gpu.by_hops(arrows, source, 0, source.size, cpu.SUMS, sums, went, deepest=38) == 0
    assert not sums.any()
    assert not went.any()
    cupy.counts.clear()
    assert gpu.by_hops(arrows, source, 0, source.size, cpu.SUMS, sums, went, deepest=39) == 34
    assert cupy.counts["read"] == 40 + 8 + 2 + 1  # of the second 32, the first lies 7 before the end


def test_no_participants_and_no_sources(twins_on: Callable[..., Any]) -> None:
    twins_on()
    for empty in (graph([]), GRAPHS["33"]):
        sums, went = on_device(empty, cpu.plain(empty.n), np.zeros(0, np.int32), cpu.SUMS)
        assert not sums.any()
        assert went.shape == (3, 0)


def test_arrows_are_turned_where_that_was_not_done(twins_on: Callable[..., Any]) -> None:
    twins_on()
    graph, source = GRAPHS["edges of a warp"], np.arange(3, dtype=np.int32)
    half = graph._replace(back_column=np.empty(0, np.int32))
    found, expected = (on_device(each, cpu.plain(graph.n), source, cpu.ROWS) for each in (half, graph))
    np.testing.assert_array_equal(found[0], expected[0])


def test_a_grid_of_none_stores_nothing(twins_on: Callable[..., Any]) -> None:
    """CuPy makes one block of a grid of none; a kernel's own guard has to hold it."""
    cupy = twins_on()
    none, zero, word = cupy.zeros(0, np.int32), np.int64(0), cupy.zeros(0, np.uint32)
    node, value, count = cupy.zeros(8, np.float64), cupy.zeros(64, np.float64), cupy.zeros(32, np.uint64)
    for name, given in {
        "finish_paths": (none, none, value, zero, node, zero, np.uint32(1), word, word, value, count),
        "finish_masks": (none, none, word, zero, word, word, count),
        "finish_behind": (none, none, value, zero, none, zero, node, zero, word, value, value),
        "add_lanes": (none, zero, zero, node, zero, word, value, np.int32(0), value, value, none),
        "lanes_to_rows": (none, zero, zero, node, zero, word, value, value),
    }.items():
        threads = 256 if name in ("add_lanes", "lanes_to_rows", "finish_masks") else 32
        module("breadth").get_function(name)((0,), (threads,), given)
    assert not value.get().any()
    assert not count.get().any()


def test_what_does_not_fit_is_refused_before_it_is_copied(host_shim: Callable[..., HostCupy]) -> None:
    cupy = host_shim(free=10**5)
    with pytest.raises(MemoryError, match="device memory are needed"):
        gpu.to_device(*GRAPHS["a hub"], cpu.plain(101), cpu.SUMS)
    assert cupy.counts["copy"] == 0


@pytest.mark.parametrize("what", WHAT)
@pytest.mark.parametrize("name", ["single", "33", "edges of a piece"])
def test_memory_is_estimated_from_above(name: str, what: str, host_shim: Callable[..., HostCupy]) -> None:
    cupy = host_shim()
    graph, source = GRAPHS[name], np.arange(1, dtype=np.int32)
    on_device(graph, cpu.plain(graph.n), source, WHAT[what])
    sizes = [size for _, size in cupy.made]
    assert sum(sizes) <= gpu.bytes_needed(graph.n, graph.column.size, WHAT[what])
