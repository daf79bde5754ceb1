"""Memory that ends in mid-run: fewer lanes at a time and the same bits, or an error, and never another number."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ecograph.cpu import paths as cpu
from ecograph.gpu import _module, breadth, cascade, chains, queue, replicates
from tests.gpu.graphs import Graph
from tests.gpu.host_cupy import HostCupy, OutOfMemoryError
from tests.gpu.test_gpu_breadth import GRAPHS, on_device
from tests.gpu.test_gpu_cascade import NETWORKS, RULES, shocks
from tests.gpu.test_gpu_replicates import DAMPING, KEEP, SEED, Cut, Table

ROWS = Graph([chains.PIECE + 1, 65, *[k % 5 for k in range(70)]])
FEW = Graph([65, *[k % 5 for k in range(30)]])
TABLE = Table([k % 4 for k in range(37)])
CUT = Cut([k % 4 for k in range(37)], codes=3)


def sums_over_chains(graph: Graph = ROWS) -> Any:
    rows, start = chains.to_device(graph.ptr, graph.column, graph.value), np.arange(34) * 7 % graph.n
    return chains.pull_lanes(rows, start.astype(np.int32), 1e-2, 60)[:2]


def searches(what: int, name: str = "33") -> Any:
    source = np.arange(33, dtype=np.int32)
    return on_device(GRAPHS[name], cpu.plain(GRAPHS[name].n), source, what)


def queues() -> Any:
    """Of 32 sources, all in one launch."""
    graph, source = GRAPHS["33"], np.arange(32, dtype=np.int32)
    sums, went = np.zeros(2 * cpu.BLOCKS * 33), np.zeros((3, 32))
    rows = queue.to_device(breadth.to_device(*graph, cpu.plain(33), cpu.SUMS))
    queue.by_hops(rows, source, 0, 32, cpu.SUMS, sums, went)
    return sums, went


def of_replicates(table: Table = TABLE) -> Any:
    drawn = replicates.ties_to_device(replicates.ties_of(*table.whole), table.ptr, table.column, np.arange(5))
    found: list[Any] = []

    def run(first: int, last: int, lanes: int) -> None:
        rows = replicates.draw_shares(drawn, SEED, first, KEEP, DAMPING, lanes)
        some = replicates.rooted_lanes(rows, drawn.at, 0, 1e-6, 400, lanes)
        found.append([each[..., : last - first] for each in some])

    _module.in_chunks(
        0, 34, run, least=chains.FEWEST, what="Replicates", needs=lambda lanes: replicates.run_bytes(drawn, lanes)
    )
    return [np.concatenate(each, axis=-1) for each in zip(*found, strict=True)]


def cascades(rule: str = "market", lanes: int = 17) -> Any:
    """With error bounds, but for few rounds."""
    given = shocks(33, lanes)
    held = cascade.to_device(NETWORKS["33"], given[1].size)
    return cascade.run_lanes(held, RULES[rule], *given, np.full(33, 1.0 / 33), rule == "market")


# What is asked, and how far lanes are halved.
WORK: dict[str, tuple[Callable[[], Any], list[int]]] = {
    "sums over chains": (sums_over_chains, [16, 8]),
    "sums over sources": (lambda: searches(cpu.SUMS), [16]),
    "rows of sources": (lambda: searches(cpu.ROWS), [16]),
    "searches with queues": (queues, [16]),
    "replicates": (of_replicates, [16, 8]),
    "replicates with clusters": (lambda: of_replicates(CUT), [16, 8]),
    "cascades": (cascades, [16, 8]),
}
SMALL: dict[str, Callable[[], Any]] = {
    "sums over chains": lambda: sums_over_chains(FEW),
    "sums over sources": WORK["sums over sources"][0],
    "cascades": lambda: cascades("few rounds", 33),
}


def halved(notes: list[str]) -> list[int]:
    return [int(note.split("with ")[1].split()[0]) for note in notes]


@pytest.mark.parametrize("name", WORK)
def test_half_the_lanes_give_the_same_bits(
    name: str, host_shim: Callable[..., HostCupy], caplog: pytest.LogCaptureFixture
) -> None:
    """The largest array is too large by a byte for twice as many lanes as are left in the end."""
    work, lanes = WORK[name]
    cupy = host_shim()
    expected = work()
    largest = max(size for way, size in cupy.made if way != "asarray")
    cupy = host_shim()
    cupy.largest = 2 * lanes[-1] * largest // 32 - 1
    with _module.noted() as notes, caplog.at_level(logging.WARNING, logger="ecograph.device"):
        found = work()
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)
    assert halved(notes) == lanes
    assert [record.getMessage() for record in caplog.records] == notes
    assert cupy.counts["freed"] == len(notes)
    cupy = host_shim()
    cupy.largest = lanes[-1] * largest // 32 // 2
    with pytest.raises(OutOfMemoryError), _module.noted() as notes:
        work()
    assert halved(notes) == lanes


# Where the last digits of an estimate count for more than lanes do of few rows.
LARGER: dict[str, Callable[[], Any]] = {
    "sums over sources": lambda: searches(cpu.SUMS, "a hub"),
    "rows of sources": lambda: searches(cpu.ROWS, "a hub"),
}
# Of queues test_gpu_queue.py tests it: what they share with searches side by side needs more than they.
BEGUN = [(name, lanes) for name, (_, halves) in WORK.items() if "queues" not in name for lanes in halves]


@pytest.mark.parametrize(("name", "lanes"), BEGUN)
def test_lanes_are_begun_with_as_many_as_fit(
    name: str,
    lanes: int,
    host_shim: Callable[..., HostCupy],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A byte less than twice as many would take: nothing is tried that doesn't fit, and bits are the same."""
    work, asked = LARGER.get(name, WORK[name][0]), list[tuple[int, int]]()
    cupy, fit = host_shim(), _module._lanes_that_fit

    def seen(most: int, least: int, what: str, needs: Callable[[int], int], using: Any) -> int:
        asked.append((cupy.living, needs(2 * lanes)))
        return fit(most, least, what, needs, using)

    monkeypatch.setattr(_module, "_lanes_that_fit", seen)
    expected = work()
    held, wide = asked[0]
    monkeypatch.setattr(_module, "_lanes_that_fit", fit)
    for free, fewer in ((held + wide - 1, [lanes]), (held + wide, [2 * lanes] if lanes < 16 else [])):
        cupy = host_shim(free=free)
        caplog.clear()
        with _module.noted() as notes, caplog.at_level(logging.WARNING, logger="ecograph.device"):
            found = work()
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(one, other)
        assert halved(notes) == fewer
        assert all("as 32 don't fit (0.0 GB of device memory are needed, 0.0 GB are free)" in note for note in notes)
        assert [record.getMessage() for record in caplog.records] == notes
        assert cupy.counts["ended"] == 0
        assert cupy.peak <= free


@pytest.mark.parametrize("name", SMALL)
def test_memory_may_end_at_any_array(name: str, host_shim: Callable[..., HostCupy]) -> None:
    """Once: half the lanes from there on, or an error while rows are copied; what is done stays done."""
    work = SMALL[name]
    cupy = host_shim()
    expected, errors = work(), 0
    tried = range(0, len(cupy.made), 1 if len(cupy.made) < 50 else 7)
    for k in tried:
        cupy = host_shim()
        cupy.full_at = {k}
        try:
            with _module.noted() as notes:
                found = work()
        except OutOfMemoryError:
            errors += 1
            continue
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(one, other)
        assert halved(notes) == [16]
        assert ("from number 0 on" in notes[0]) or ("from number 32 on" in notes[0])
    assert 0 < errors < len(tried) / 2
