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
from ecograph.gpu import chains, draws
from tests.gpu.graphs import Graph
from tests.gpu.host_cupy import HostCupy

N = 300
HUB = Graph([chains.PIECE + 1, 65, *[1] * 65])
ON_THE_HOST = {"_module.blocks", "_module.module", "_module.shortfall", "chains.Plan", "chains.Rows", "chains.plan",
               "chains.bytes_needed"}  # fmt: skip


def drawn(name: str) -> Callable[[HostCupy], Callable[[], Any]]:
    def prepare(cupy: HostCupy) -> Callable[[], Any]:
        first = (cupy.asarray(np.full(N, 2.0)),) if name == "gamma_rows" else ()
        key, out = cupy.asarray(np.arange(N, dtype=np.uint64)), cupy.empty(N, np.float64)
        return lambda: getattr(draws, name)(*first, 1, 2, key, out)

    return prepare


def copied(cupy: HostCupy) -> Callable[[], Any]:
    return lambda: chains.to_device(HUB.ptr, HUB.column, HUB.value)


def pulled(cupy: HostCupy) -> Callable[[], Any]:
    rows = chains.to_device(HUB.ptr, HUB.column, HUB.value)
    return lambda: chains.pull_lanes(rows, np.zeros(33, np.int32), 0.0, 20)  # two times 32 lanes


ONCE = {"launch": 1}
PLAN = chains.plan(HUB.ptr)
EXPECTED: dict[str, tuple[Callable[[HostCupy], Callable[[], Any]], dict[str, int]]] = {
    **{f"draws.{name}": (drawn(name), {**ONCE, name: 1}) for name in draws.__all__},
    "chains.to_device": (
        copied,
        {"copy": 7, "copied": 12 * HUB.column.size + sum(np.asarray(each).nbytes for each in PLAN) - 8},  # wide is none
    ),
    "chains.pull_lanes": (
        pulled,
        {
            "launch": 2 * (20 + 20 + 3),
            "pull_lanes": 2 * 20,
            "finish_rows": 2 * 20,  # there is a long row
            "sum_changes": 2 * 3,  # after 8, 16 and 20 steps
            "copy": 2,
            "copied": 2 * 32 * 4,  # where lanes start
            "read": 2 * (3 + 1),
            "got": 2 * (3 * 32 + HUB.n * 32) * 8,
        },
    ),
}


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
    assert names == EXPECTED.keys() | ON_THE_HOST
