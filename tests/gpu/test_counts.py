"""How often each function of ecograph/gpu launches, copies and waits, as the host-shim counts it."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ecograph.gpu
from ecograph.gpu import centrality, chains, draws, replicates
from tests.gpu import counts_searches
from tests.gpu.graphs import Graph
from tests.gpu.host_cupy import HostCupy
from tests.gpu.test_gpu_replicates import Cut, Table

N = 300
HUB = Graph([chains.PIECE + 1, 65, *[1] * 65])
ON_THE_HOST = {"_module.blocks", "_module.in_chunks", "_module.kept", "_module.module", "_module.noted",
               "_module.shortfall",
               "chains.Plan", "chains.Rows", "chains.plan",
               "chains.bytes_needed", "chains.bytes_at_most", "chains.lane_bytes", "replicates.Drawn",
               "replicates.Parts", "replicates.run_bytes",
               "replicates.Ties", "replicates.replicate_bytes", "replicates.ties_of"}  # fmt: skip


def drawn(name: str) -> Callable[[HostCupy], Callable[[], Any]]:
    def prepare(cupy: HostCupy) -> Callable[[], Any]:
        first = (cupy.asarray(np.full(N, 2.0)),) if name == "gamma_rows" else ()
        key, out = cupy.asarray(np.arange(N, dtype=np.uint64)), cupy.empty(N, np.float64)
        return lambda: getattr(draws, name)(*first, 1, 2, key, out)

    return prepare


def copied(cupy: HostCupy) -> Callable[[], Any]:
    return lambda: chains.to_device(HUB.ptr, HUB.column, HUB.value)


def kept(cupy: HostCupy) -> Callable[[], Any]:
    given = HUB.ptr.copy(), HUB.column.copy(), HUB.value.copy()
    for each in given:
        each.setflags(write=False)

    def call() -> None:
        rows = [chains.rows_kept(*given) for _ in range(3)]
        assert rows[0] is rows[1] is rows[2]  # and copied once

    return call


def pulled(cupy: HostCupy) -> Callable[[], Any]:
    rows = chains.to_device(HUB.ptr, HUB.column, HUB.value)
    return lambda: chains.pull_lanes(rows, np.zeros(33, np.int32), 0.0, 20)  # two times 32 lanes


def walked(cupy: HostCupy) -> Callable[[], Any]:
    rows = chains.to_device(HUB.ptr, HUB.column, HUB.value)
    return lambda: centrality.walk_rows(rows, np.ones(HUB.n), -1.0, 20, weight=np.ones(HUB.n))


def powered(cupy: HostCupy) -> Callable[[], Any]:
    rows = chains.to_device(HUB.ptr, HUB.column, HUB.value)
    return lambda: centrality.eigenvector(rows, np.ones(HUB.n), 1.0, -1.0, 20)


def hubs_of(cupy: HostCupy) -> Callable[[], Any]:
    into = chains.to_device(HUB.ptr, HUB.column, HUB.value)
    out = chains.to_device(np.arange(HUB.n + 1), np.zeros(HUB.n, np.int32), np.ones(HUB.n))  # no long row
    return lambda: centrality.hub_scores(into, out, np.ones(HUB.n), (1.0, 1.0), -1.0, 20)


TABLE = Table([k % 4 for k in range(37)])  # no long row
TIES = replicates.ties_of(*TABLE.whole)
CUT = Cut([k % 4 for k in range(37)], codes=3)
ASKED = np.arange(5)


def put(cupy: HostCupy) -> replicates.Drawn:
    return replicates.ties_to_device(TIES, TABLE.ptr, TABLE.column, ASKED)


def shared(cupy: HostCupy) -> Callable[[], Any]:
    drawn = put(cupy)
    return lambda: replicates.draw_shares(drawn, 1, 32, 1.0, 0.85)


def shared_of_parts(cupy: HostCupy) -> Callable[[], Any]:
    drawn = replicates.ties_to_device(replicates.ties_of(*CUT.whole), CUT.ptr, CUT.column, ASKED)
    return lambda: replicates.draw_shares(drawn, 1, 32, 1.0, 0.85)


def rooted(cupy: HostCupy) -> Callable[[], Any]:
    drawn = put(cupy)
    rows = replicates.draw_shares(drawn, 1, 32, 1.0, 0.85)
    return lambda: replicates.rooted_lanes(rows, drawn.at, 0, -1.0, 9)


ONCE = {"launch": 1}
PLAN = chains.plan(HUB.ptr)
ROWS_BYTES = 12 * HUB.column.size + sum(np.asarray(each).nbytes for each in PLAN) - 8 + 8 * HUB.n  # wide is no array
JUMP = {"slowest_lanes": 2, "fold_slowest": 2, "stretch_lanes": 2}  # after 8 and 16 steps
READS = {"read": 3 + 1, "got": 3 * 32 * 8 + 8 * HUB.n}  # after 8, 16 and 20 steps, and the result
LOOKS = {**READS, "fold_told": 3}
COPIED = {"copy": 8, "copied": ROWS_BYTES}
EXPECTED: dict[str, tuple[Callable[[HostCupy], Callable[[], Any]], dict[str, int]]] = {
    **{f"draws.{name}": (drawn(name), {**ONCE, name: 1}) for name in draws.__all__},
    "centrality.walk_rows": (
        walked,
        {
            **READS,
            **JUMP,
            "launch": 20 + 20 + 3 + 2 * 3,
            "walk_rows": 20,
            "finish_walks": 20,
            "sum_changes": 2,  # after a jump
            "fold_told": 1,
            "copy": 2,
            "copied": 2 * 8 * HUB.n,
        },
    ),
    "centrality.eigenvector": (
        powered,
        {**LOOKS, "launch": 20 + 20 + 3, "power_rows": 20, "finish_powers": 20, "copy": 1, "copied": 8 * HUB.n},
    ),
    "centrality.hub_scores": (  # two products a step
        hubs_of,
        {**LOOKS, "launch": 40 + 20 + 3, "power_rows": 40, "finish_powers": 20, "copy": 1, "copied": 8 * HUB.n},
    ),
    "replicates.ties_to_device": (
        lambda cupy: lambda: put(cupy),
        {
            "copy": 10 + 8 + 1,  # ties, rows, and whose values are asked for
            "copied": sum(each.nbytes for each in (*TIES, TABLE.column, ASKED))
            + sum(np.asarray(each).nbytes for each in chains.plan(TABLE.ptr))
            - 8
            + 8 * TABLE.n,
        },
    ),
    "replicates.draw_shares": (shared, {"launch": 3, "draw_amounts": 1, "total_rows": 1, "share_arrows": 1}),
    "replicates.draw_shares of parts": (
        shared_of_parts,
        {"launch": 3, "draw_parts": 1, "total_rows": 1, "share_arrows": 1},
    ),
    "replicates.rooted_lanes": (
        rooted,
        {
            **{name: times // 2 for name, times in JUMP.items()},
            "launch": 1 + 9 + 2 + 3 + 1 + 1 + 2 + 1,
            "begin_lanes": 1,
            "pull_lanes": 9 + 1,  # steps, and the residual
            "residual_rows": 1,
            "take_rows": 1,
            "sum_changes": 2 + 2,  # after 8 and 9 steps, and of the residual
            "copy": 2,
            "copied": 2 * 32 * 4,
            "read": 2 + 2 + 1,
            "got": 4 * 32 * 8 + ASKED.size * 32 * 8,
        },
    ),
    "chains.to_device": (
        copied,
        COPIED,
    ),
    "chains.rows_kept": (kept, COPIED),
    "chains.pull_lanes": (
        pulled,
        {
            **{name: 2 * times for name, times in JUMP.items()},
            "launch": 2 * (1 + 20 + 20 + 3 + 2 * 3),
            "begin_lanes": 2,
            "pull_lanes": 2 * 20,
            "finish_rows": 2 * 20,  # there is a long row
            "sum_changes": 2 * 3,  # after 8, 16 and 20 steps
            "copy": 2 * 2,
            "copied": 2 * 2 * 32 * 4,  # where lanes start, and that none is held
            "read": 2 * (3 + 1),
            "got": 2 * (3 * 32 + HUB.n * 32) * 8,
        },
    ),
}


EXPECTED |= counts_searches.EXPECTED
ON_THE_HOST |= counts_searches.ON_THE_HOST


@pytest.mark.parametrize("name", EXPECTED)
def test_a_driver_launches_copies_and_waits_as_often_as_stated(name: str, host_shim: Callable[..., HostCupy]) -> None:
    cupy = host_shim()
    prepare, expected = EXPECTED[name]
    call = prepare(cupy)
    cupy.counts.clear()
    call()
    assert cupy.counts == expected


def test_every_driver_is_counted() -> None:
    """A function that nobody launches with belongs to ON_THE_HOST."""
    names = set()
    for path in Path(ecograph.gpu.__file__).parent.glob("*.py"):
        module = importlib.import_module(f"ecograph.gpu.{path.stem}".removesuffix(".__init__"))
        called = (name for name in getattr(module, "__all__", ()) if callable(getattr(module, name)))
        names |= {f"{path.stem}.{name}" for name in called if inspect.getmodule(getattr(module, name)) is module}
    assert names == {name.split(" of ")[0] for name in EXPECTED} | ON_THE_HOST
