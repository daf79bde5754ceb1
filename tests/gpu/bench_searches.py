"""Searches, cascades and core numbers against the CPU's, for ``make bench-gpu``: a part of the cases of bench.py."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from ecograph.cpu import cascade as cpu_cascade
from ecograph.cpu import centrality, paths
from ecograph.cpu.csr import by_provider
from ecograph.gpu import breadth, cascade, core, queue
from ecograph.gpu.chains import LANES
from tests.gpu.bench import Case, Sizes, power_law
from tests.gpu.test_gpu_breadth import Hops, between
from tests.gpu.test_gpu_cascade import fixed

__all__ = ["search_cases"]

ROUNDS = 3
U = 2.0**-53
TAKE = cpu_cascade.Rule(False, False, 0.0, ROUNDS)


def hops(rows: int) -> Hops:
    """Heavy-tailed, and nobody's arrow leads to itself."""
    graph = power_law(rows)
    row = np.repeat(np.arange(graph.n), np.diff(graph.ptr))
    kept = graph.column != row
    return between(row[kept], graph.column[kept], graph.n)


def on_cpu(graph: Hops, source: Any, room: Any, what: int, sums: Any, went: Any) -> None:
    for b in range(paths.BLOCKS):
        paths.by_hops(b, *graph, np.empty(0), paths.plain(graph.n), source, 0, source.size, *room, what, sums, went)


def breadth_cases(graph: Hops) -> Iterator[Case]:
    """32 sources, there and back; and there only, in words."""
    import cupy

    n, arrows = graph.n, graph.column.size
    source = (np.arange(LANES) * 7 % n).astype(np.int32)
    room, plain = paths.scratch(n, True), paths.plain(n)
    for name, what in (("pull_paths and back", paths.SUMS), ("pull_masks", paths.DISTANCES)):
        there = breadth.to_device(*graph, plain, what)
        work = breadth._Work(there, cupy.asarray(source), LANES, paths=what == paths.SUMS)
        levels = len(work.forward(0, LANES, None))
        sums, other = (np.zeros(2 * paths.BLOCKS * n if what == paths.SUMS else 0) for _ in range(2))
        went, expected = np.zeros((3, LANES)), np.zeros((3, LANES))

        def check(
            there: breadth.Arrows = there, what: int = what, sums: Any = sums, other: Any = other,
            went: Any = went, expected: Any = expected, levels: int = levels,
        ) -> None:  # fmt: skip
            sums[:], other[:] = 0.0, 0.0
            breadth.by_hops(there, source, 0, LANES, what, sums, went)
            on_cpu(graph, source, room, what, other, expected)
            np.testing.assert_allclose(sums, other, rtol=2 * levels * (graph.longest + 40) * U, atol=0)
            np.testing.assert_allclose(went, expected, rtol=2 * n * U, atol=0)

        def gpu(work: breadth._Work = work, back: bool = what == paths.SUMS) -> None:
            work.forward(0, LANES, None)
            if back:
                work.back(0)

        # Words of every level but the last are as good as never asked for: a lower bound, docs/gpu.md.
        nbytes = arrows * (2 * (8 + 8 * LANES) if what == paths.SUMS else 8)
        cpu = partial(on_cpu, graph, source, room, what, other, expected)
        yield Case(name, "arrows", arrows * LANES, nbytes, check, gpu, cpu)


def strip(rows: int) -> Hops:
    """A grid 16 wide, both ways: a sixteenth as many levels as cells, and a little."""
    cell = np.arange(max(2, rows // 16) * 16).reshape(-1, 16)
    one = np.concatenate([cell[:, :-1].ravel(), cell[:-1].ravel()])
    other = np.concatenate([cell[:, 1:].ravel(), cell[1:].ravel()])
    return between(np.concatenate([one, other]), np.concatenate([other, one]), cell.size)


def queue_cases(graph: Hops, sources: int) -> Iterator[Case]:
    """A deep network, a queue of each source: there and back; and there only."""
    n, arrows = graph.n, graph.column.size
    source = (np.arange(sources) * 7 % n).astype(np.int32)
    room, plain = paths.scratch(n, True), paths.plain(n)
    for name, what in (("search_paths", paths.SUMS), ("search_levels", paths.DISTANCES)):
        rows = queue.to_device(breadth.to_device(*graph, plain, what))
        sums, other = (np.zeros(2 * paths.BLOCKS * n if what == paths.SUMS else 0) for _ in range(2))
        went, expected = np.zeros((3, sources)), np.zeros((3, sources))
        gpu = partial(queue.by_hops, rows, source, 0, sources, what, sums, went)
        cpu = partial(on_cpu, graph, source, room, what, other, expected)

        def check(gpu: Any = gpu, cpu: Any = cpu, found: Any = (sums, went), right: Any = (other, expected)) -> None:
            for each in (*found, *right):
                each[:] = 0.0
            gpu()
            cpu()
            np.testing.assert_allclose(found[0], right[0], rtol=4 * n * U, atol=0)
            np.testing.assert_allclose(found[1], right[1], rtol=2 * n * U, atol=0)

        # Half of the arrows lie on shortest paths. Sectors: what neighbours share is in the cache, docs/gpu.md.
        nbytes = sources * (arrows * 156 + n * 384 if what == paths.SUMS else arrows * 36 + n * 80)
        yield Case(name, "arrows", arrows * sources, nbytes, check, gpu, cpu)


def network(graph: Hops) -> cpu_cascade.Network:
    """Who buys equal shares of all its providers, of whom each is a market of its own."""
    size, back = np.diff(graph.ptr), np.diff(graph.back_ptr)
    row = np.repeat(np.arange(graph.n, dtype=np.int32), size)
    seat = cpu_cascade.seats(np.arange(graph.n, dtype=np.int32))
    out_ptr, rows = by_provider(graph.column, graph.n)
    down = cpu_cascade.channel(seat, graph.ptr, graph.column, 0.9 / size[row])
    up = cpu_cascade.channel(seat, out_ptr, row[rows], (0.9 / back[graph.column])[rows])
    return fixed(cpu_cascade.Network(down, up, cpu_cascade.markets(seat, back.astype(np.float64), seat), seat))


def cascade_case(graph: Hops) -> Case:
    """Three rounds of 32 closures, both channels."""
    net, n = network(graph), graph.n
    there = cascade.to_device(net, LANES)
    given = TAKE, np.arange(LANES + 1), np.arange(LANES, dtype=np.int32), np.zeros(LANES), np.full(n, 1.0 / n), False

    def check() -> None:
        found, expected = cascade.run_lanes(there, *given), cpu_cascade.run_lanes(net, *given)
        np.testing.assert_allclose(found[0], expected[0], rtol=4 * ROUNDS * (graph.longest + n) * U, atol=0)

    entries = net.down.column.size + net.up.column.size
    nbytes = ROUNDS * (entries * (20 + 8 * LANES) + 2 * n * 6 * 8 * LANES)
    return Case("pull_runs, 3 rounds", "arrows", ROUNDS * entries * LANES, nbytes, check,
                lambda: cascade.run_lanes(there, *given), lambda: cpu_cascade.run_lanes(net, *given))  # fmt: skip


def core_case(graph: Hops) -> Case:
    """One round; the CPU's is all of them."""
    import cupy

    given = graph.back_ptr, graph.back_column, graph.ptr, graph.column
    degree = np.diff(graph.back_ptr) + np.diff(graph.ptr)
    rows, number = core._to_device(degree, *given), cupy.asarray(degree.astype(np.int32))
    other, moved = cupy.empty(graph.n, np.int32), cupy.zeros(1, np.uint32)

    def check() -> None:
        np.testing.assert_array_equal(core.core_numbers(*given), centrality.core_numbers(*given))

    both = 2 * graph.column.size
    return Case("settle_cores, a round", "arrows", both, 8 * both + 40 * graph.n, check,
                lambda: core._round(rows, number, other, moved), lambda: centrality.core_numbers(*given))  # fmt: skip


def search_cases(sizes: Sizes) -> Iterator[Case]:
    """A fifth of the rows: the CPU takes some seconds for 32 searches of them."""
    graph = hops(max(2 * LANES, sizes.rows // 5))
    yield from breadth_cases(graph)
    yield from queue_cases(strip(sizes.rows // 20), min(512, 2 * sizes.rows // 50))
    yield cascade_case(graph)
    yield core_case(graph)
