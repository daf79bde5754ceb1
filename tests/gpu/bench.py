"""Every twin against the CPU on a GPU, then its speed in the same run: ``make bench-gpu``.

Speeds are arrows (or rows) a second, the share of the bandwidth that a kernel reaches which does nothing but copy, and
how many times the CPU's kernel takes as long. What a twin must move, and so the share, is docs/gpu.md's count of bytes.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from ecograph.cpu import centrality as cpu_centrality
from ecograph.cpu import chains as cpu_chains
from ecograph.cpu import draws as cpu_draws
from ecograph.cpu import operator as cpu_operator
from ecograph.cpu import replicates as cpu_replicates
from ecograph.gpu import centrality, chains, draws, replicates
from ecograph.gpu._module import OPTIONS, THREADS, blocks
from tests.gpu.device import described, lacking
from tests.gpu.graphs import KEEP, CpuStep, CpuSteps, Graph

__all__ = ["Case", "Sizes", "cases", "main", "report"]

COPY = """
extern "C" __global__ void copy(const double* x, double* y, long long n)
{
    const long long i = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = x[i];
}
"""
SEED, REPLICATE, STEPS, U = 7, 1, 8, 2.0**-53


class Sizes(NamedTuple):
    """How much of everything."""

    rows: int = 1_000_000
    draws: int = 20_000_000
    copied: int = 1 << 27  # float64: far more than a cache holds
    repeats: int = 5


SMALL = Sizes(rows=20_000, draws=1_000_000, copied=1 << 24, repeats=3)


class Case(NamedTuple):
    """One twin: a check that raises where it differs from the CPU, what to time, and what it does."""

    name: str
    unit: str
    items: int
    nbytes: int
    check: Callable[[], None]
    gpu: Callable[[], Any]
    cpu: Callable[[], Any]


def power_law(n: int, seed: int = 1) -> Graph:
    """Rows of some 20 arrows, heavy-tailed, and one that a tenth of all others depend on."""
    sizes = np.minimum(10 * (1.0 + np.random.default_rng(seed).pareto(2.0, n)), n).astype(np.int64)
    sizes[0] = max(n // 10, 1)
    return Graph(sizes.tolist())


def step_bytes(rows: chains.Rows, arrows: int, arrow: int, row: int, piece: int) -> int:
    """What a step that isn't looked at moves, were nothing that's gathered in a cache: docs/gpu.md."""
    return arrows * (12 + arrow) + rows.plan.target.size * 20 + rows.n * row + int(rows.plan.bounds[-1]) * piece


def chain_cases(sizes: Sizes) -> Iterator[Case]:
    """One step of 32 lanes, of one, and of a power method."""
    import cupy

    graph = power_law(sizes.rows)
    rows = chains.to_device(graph.ptr, graph.column, graph.value)
    lanes, arrows, n = chains.LANES, graph.column.size, graph.n
    d, other, x = (cupy.zeros((n, lanes), np.float64) for _ in range(3))
    start = (np.arange(lanes) * 7 % n).astype(np.int32)
    given = 1.0, cupy.asarray(np.full(lanes, -1, np.int32)), rows.ones
    made = chains.sums(rows, chains.LANES)
    steps, one = CpuSteps(graph, start), CpuStep(graph)
    bound = 2 * STEPS * (graph.longest + 2) * U

    def lanes_agree() -> None:
        there, _, made = chains.pull_lanes(rows, start, 0.0, STEPS)
        np.testing.assert_allclose(there, steps.after(made)[0], rtol=bound, atol=0)

    yield Case("pull_lanes, 32 lanes", "arrows", arrows, step_bytes(rows, arrows, 256, 768, 256), lanes_agree,
               lambda: chains.step(rows, given, d, other, x, made, False), steps.step)  # fmt: skip

    before, last = np.random.default_rng(5).random((2, n * lanes)) + 0.1
    given_before, fresh = cupy.asarray(before), np.ones((lanes // cpu_chains.WIDTH * n, cpu_chains.WIDTH))
    ones, mass = np.ones(n), np.zeros(lanes)

    def jump() -> None:
        chains.stretch(given_before, d, x, rows.ones, lanes, made)

    def jumps_agree() -> None:
        change, total = cupy.asarray(last), cupy.asarray(last)
        chains.stretch(given_before, change, total, rows.ones, lanes, made)
        side = last.reshape(n, lanes)
        slowest = np.minimum((side / before.reshape(n, lanes)).min(axis=0), 1.0 - 1e-12)
        np.testing.assert_array_equal(total.get().reshape(n, lanes), side + (1.0 / (1.0 - slowest) - 1.0) * side)

    def jump_here() -> None:
        mass[:] = 1.0
        cpu_chains.stretch_lanes(fresh, ones, fresh.copy(), fresh.copy(), mass)

    yield Case("stretch_lanes, 32 lanes", "rows", n, n * (512 + 1288 + 16), jumps_agree, jump, jump_here)

    e, place = np.random.default_rng(2).random(n), centrality._place(rows)
    vectors = [cupy.asarray(e) for _ in range(4)]

    def walks_agree() -> None:
        there, _, made = centrality.walk_rows(rows, e, 0.0, STEPS)
        np.testing.assert_allclose(there, steps.after(made, e=e[:, None])[0][:, 0], rtol=bound, atol=0)

    def walk() -> None:
        first, second, third, fourth = vectors
        given = (np.float64(1.0), np.int64(-1), rows.ones, first, second, third, fourth, np.int32(0), np.int32(0))
        place.launch("walk_rows", "finish_walks", first, given)

    def powers_agree() -> None:
        there, _ = centrality.eigenvector(rows, e, 1.0, 0.0, 1)
        expected = 0.5 * (cpu_centrality.pull(graph.ptr, graph.column, graph.value, e) + e)
        np.testing.assert_allclose(there, expected, rtol=bound, atol=0)

    def power() -> None:
        one, zero, plain = np.float64(1.0), np.float64(0.0), np.int32(0)
        place.launch("power_rows", "finish_powers", vectors[0], (one, zero, zero, vectors[0], vectors[1], plain, plain))

    sector = 32  # what a gathered value takes
    yield Case("walk_rows, 1 lane", "arrows", arrows, step_bytes(rows, arrows, sector, 40, 16), walks_agree, walk,
               one.step)  # fmt: skip
    yield Case("power_rows", "arrows", arrows, step_bytes(rows, arrows, sector, 16, 16), powers_agree, power, one.step)


def replicate_cases(sizes: Sizes) -> Iterator[Case]:
    """32 replicates: their shares, and a step. An eighth of the rows, as an arrow takes 256 bytes."""
    import cupy

    graph = power_law(sizes.rows // 8)
    n = graph.n
    pairs = np.unique(np.repeat(np.arange(n), np.diff(graph.ptr)) * n + graph.column)
    provider, receiver = (each.astype(np.int32) for each in np.divmod(pairs[pairs // n != pairs % n], n))
    arrows, lanes = provider.size, chains.LANES
    place = np.argsort(receiver, kind="stable")
    ptr, indptr = (np.searchsorted(each, np.arange(n + 1)) for each in (provider, receiver[place]))
    keys = np.arange(arrows, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    given = (np.arange(n, dtype=np.int32), indptr, provider[place], np.zeros(arrows, np.int16), np.ones(arrows),
             np.ones(1), np.full(arrows, 2.0), keys, place, np.zeros(n))  # fmt: skip
    drawn = replicates.ties_to_device(replicates.ties_of(*given), ptr, receiver, np.arange(min(n, 8)))
    p = np.empty(cpu_replicates.TOGETHER * arrows)
    groups = range(0, lanes, cpu_replicates.TOGETHER)

    def draw() -> chains.Rows:
        return replicates.draw_shares(drawn, SEED, 0, 1.0, KEEP)

    def draw_here() -> None:
        for first in groups:
            cpu_replicates.draw_shares(np.uint64(SEED), first, *given, 1.0, KEEP, p)

    def shares_agree() -> None:
        draw_here()
        there = draw().value.get().reshape(arrows, lanes)[:, groups[-1] :]
        np.testing.assert_array_equal(there.view(np.uint64), p.reshape(arrows, -1).view(np.uint64))

    yield Case(
        "draw_shares, 32 lanes", "arrows", arrows, arrows * (32 + 272 + 264 + 524), shares_agree, draw, draw_here
    )

    code = keys % np.uint64(1000)
    parts = replicates.Parts(np.arange(arrows + 1), np.ones(arrows), np.zeros(arrows), code)
    cut = replicates.ties_to_device(replicates.ties_of(*given, parts=parts), ptr, receiver, np.arange(min(n, 8)))
    factor, value = np.empty(1000), np.empty(arrows)

    def draw_parts() -> chains.Rows:
        return replicates.draw_shares(cut, SEED, 0, 1.0, KEEP)

    def parts_here() -> None:
        """A thousand clusters, one part a tie: what ``redraw`` draws, and its shares, one replicate after another."""
        for lane in range(lanes):
            cpu_draws.exponential_rows(SEED, lane, np.arange(1000, dtype=np.uint64), factor)
            weight = factor[code.astype(np.intp)]
            value[:] = cpu_operator.shares(indptr, weight, cpu_operator.inflows(indptr, weight), np.zeros(n), 1.0)

    def parts_agree() -> None:
        parts_here()
        there = draw_parts().value.get().reshape(arrows, lanes)[place, -1]
        np.testing.assert_array_equal(there.view(np.uint64), (value * KEEP).view(np.uint64))

    yield Case("draw_shares of parts", "arrows", arrows, arrows * (40 + 272 + 264 + 524), parts_agree, draw_parts,
               parts_here)  # fmt: skip

    d, other, x = (cupy.zeros((n, lanes), np.float64) for _ in range(3))
    fixed, made = (1.0, cupy.asarray(np.full(lanes, -1, np.int32)), drawn.rows.ones), chains.sums(drawn.rows, lanes)
    rows = draw()
    here, mass = np.ones((2, cpu_replicates.TOGETHER * n)), np.zeros(cpu_replicates.TOGETHER)

    def sweep() -> None:
        for _ in groups:
            cpu_replicates.sweep_replicates(ptr, receiver, p, 0, here[0], here[1], mass)

    def sums_agree() -> None:
        *_, plus, minus = replicates.rooted_lanes(rows, drawn.at, 0, 1e-9, 1000)
        assert float((plus + minus).max()) < 1e-8

    yield Case("pull_lanes, replicates", "arrows", arrows, step_bytes(rows, arrows, 504, 768, 256), sums_agree,
               lambda: chains.step(rows, fixed, d, other, x, made, False), sweep)  # fmt: skip


def draw_cases(sizes: Sizes) -> Iterator[Case]:
    """Draws of each kind, one a row."""
    import cupy

    n = sizes.draws
    keys = np.arange(n, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    shapes = 1.0 + 10.0 ** np.random.default_rng(1).uniform(-3, 6, n)
    out, there, device_keys = np.empty(n), cupy.empty(n, np.float64), cupy.asarray(keys)
    for name, nbytes, here, on_device in [
        ("gamma_rows", 24, (shapes,), (cupy.asarray(shapes),)),
        ("exponential_rows", 16, (), ()),
        ("normal_rows", 16, (), ()),
    ]:

        def gpu(name: str = name, first: Any = on_device) -> None:
            getattr(draws, name)(*first, SEED, REPLICATE, device_keys, there)

        def cpu(name: str = name, first: Any = here) -> None:
            getattr(cpu_draws, name)(*first, SEED, REPLICATE, keys, out)

        def check(gpu: Callable[[], None] = gpu, cpu: Callable[[], None] = cpu) -> None:
            gpu()
            cpu()
            np.testing.assert_array_equal(there.get().view(np.uint64), out.view(np.uint64))

        yield Case(name, "rows", n, n * nbytes, check, gpu, cpu)


def cases(sizes: Sizes) -> Iterator[Case]:
    """Every twin. A new one has its own line here."""
    yield from chain_cases(sizes)
    yield from replicate_cases(sizes)
    yield from draw_cases(sizes)
    from tests.gpu.bench_searches import search_cases  # which needs this module

    yield from search_cases(sizes)


def device_seconds(call: Callable[[], Any], repeats: int) -> float:
    """The shortest of several, by the device's own clock, after one that compiles and warms up."""
    import cupy

    call()
    found: list[float] = []
    for _ in range(repeats):
        begin, end = cupy.cuda.Event(), cupy.cuda.Event()
        begin.record()
        call()
        end.record()
        end.synchronize()
        found.append(cupy.cuda.get_elapsed_time(begin, end) / 1e3)
    return min(found)


def host_seconds(call: Callable[[], Any], repeats: int) -> float:
    """The shortest of several on this side, where copies end."""
    call()
    found = []
    for _ in range(repeats):
        began = perf_counter()
        call()
        found.append(perf_counter() - began)
    return min(found)


def copy_bandwidth(sizes: Sizes) -> float:
    """Bytes a second that a kernel loads and stores which does nothing else."""
    import cupy

    x, y = (cupy.zeros(sizes.copied, np.float64) for _ in range(2))
    kernel = cupy.RawModule(code=COPY, options=OPTIONS).get_function("copy")
    given = (x, y, np.int64(sizes.copied))
    return 16 * sizes.copied / device_seconds(lambda: kernel(blocks(sizes.copied), (THREADS,), given), sizes.repeats)


def copies(sizes: Sizes) -> Iterator[str]:
    """What it takes to bring arrays there and back, which no other figure has in it."""
    import cupy

    host = np.arange(sizes.copied, dtype=np.float64)
    there = cupy.asarray(host)
    for name, call in [("to the device", lambda: cupy.asarray(host)), ("back", there.get)]:
        yield f"copy {name}: {host.nbytes / host_seconds(call, 2) / 1e9:.1f} GB/s ({host.nbytes / 1e9:.2f} GB)"


def cugraph_line(sizes: Sizes) -> str:
    """An iteration of cuGraph's PageRank, one lane, on the same graph."""
    try:
        import cudf
        import cugraph
    except ImportError:
        return "cuGraph isn't installed: not compared"
    graph = power_law(sizes.rows)
    rows = np.repeat(np.arange(graph.n, dtype=np.int32), np.diff(graph.ptr))
    network = cugraph.Graph(directed=True)
    edges = cudf.DataFrame({"source": graph.column, "target": rows, "weight": graph.value})
    network.from_cudf_edgelist(edges, "source", "target", "weight", store_transposed=True)

    def run(steps: int) -> float:
        def call() -> None:
            cugraph.pagerank(network, alpha=KEEP, max_iter=steps, tol=0.0, fail_on_nonconvergence=False)

        return host_seconds(call, sizes.repeats)

    each = (run(40) - run(20)) / 20
    return f"cuGraph {cugraph.__version__} pagerank, 1 lane: {graph.column.size / each / 1e9:.3f} G arrows/s"


def report(sizes: Sizes) -> Iterator[str]:
    """Lines of the report; an AssertionError where a twin differs from the CPU."""
    checked = list(cases(sizes))
    for case in checked:
        case.check()
    yield f"{len(checked)} twins equal the CPU: draws bit for bit, sums within their bound"
    bandwidth = copy_bandwidth(sizes)
    yield f"bandwidth of a copy kernel: {bandwidth / 1e9:.0f} GB/s"
    yield f"{'':24}{'G/s':>10} {'unit':8}{'GB/s':>8}{'share':>8}{'CPU takes':>12}"
    taken = {}
    for case in checked:
        there, here = device_seconds(case.gpu, sizes.repeats), host_seconds(case.cpu, 2)
        taken[case.name] = there
        speed = case.nbytes / there
        yield (f"{case.name:24}{case.items / there / 1e9:10.3f} {case.unit:8}{speed / 1e9:8.0f}{speed / bandwidth:8.0%}"
               f"{here / there:9.1f} times")  # fmt: skip
    lanes, one = taken["pull_lanes, 32 lanes"], taken["walk_rows, 1 lane"]
    yield f"32 lanes take {lanes / one:.2f} times as long as 1, so {32 * one / lanes:.1f} times as many lanes a second"
    yield from copies(sizes)
    yield cugraph_line(sizes)


def main(*arguments: str) -> int:
    """Print the report; 2 where there is no GPU, 1 where a twin differs from the CPU."""
    parser = argparse.ArgumentParser(prog="python -m tests.gpu.bench", description=__doc__)
    parser.add_argument("--small", action="store_true", help="a fiftieth of the size")
    sizes = SMALL if parser.parse_args(arguments).small else Sizes()
    if reason := lacking():
        print(f"bench-gpu needs a GPU, and {reason}: nothing was measured", file=sys.stderr)
        return 2
    print(f"on {described()}; {sizes}")
    try:
        for line in report(sizes):
            print(line, flush=True)
    except AssertionError as error:
        print(f"a twin differs from the CPU, so nothing is timed: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
