"""How often searches, cascades and core numbers launch, copy and wait: a part of what test_counts.py expects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ecograph.cpu import cascade as cpu_cascade
from ecograph.cpu import paths as cpu
from ecograph.gpu import breadth, cascade, cascade_bounds, cascade_state, core, queue
from ecograph.gpu.chains import PIECE, plan
from tests.gpu.host_cupy import HostCupy
from tests.gpu.test_gpu_breadth import between
from tests.gpu.test_gpu_cascade import network

__all__ = ["EXPECTED", "ON_THE_HOST"]

Prepare = Callable[[HostCupy], Callable[[], Any]]
# 0 with 1, 2 and 3, by more arrows than a piece has, both ways.
OTHERS = np.arange(PIECE + 3) % 3 + 1
HUB = between(np.concatenate([0 * OTHERS, OTHERS]), np.concatenate([OTHERS, 0 * OTHERS]), 4)
SOURCES = np.array([0, 1], np.int32)  # 0 has 1 level behind it, 1 has 2
NET = network([PIECE + 1, 1, 1], 1)
SHOCKS = np.array([0, 1]), np.array([1], np.int32), np.array([0.5])
RULE = cpu_cascade.Rule(True, False, 0.0, 5)

ON_THE_HOST = {
    "breadth.Arrows", "breadth.Side", "breadth.bytes_needed", "breadth.fewest", "breadth.lane_bytes", "breadth.shares",
    "breadth.turned", "queue.Rows", "queue.bytes_needed", "queue.deepest", "core.bytes_needed",
    "cascade_state.lane_bytes", "cascade_state.Held", "cascade_state.Side", "cascade_state.State",
    "cascade_state.Tasks", "cascade_state.bytes_needed", "cascade_state.kernel",
}  # fmt: skip


def held(what: int) -> breadth.Arrows:
    return breadth.to_device(*HUB, cpu.plain(HUB.n), what)


def searched(what: int) -> Prepare:
    def prepare(cupy: HostCupy) -> Callable[[], Any]:
        arrows, went = held(what), np.zeros((3, 2))
        sums = np.zeros((2 if what == cpu.ROWS else 2 * cpu.BLOCKS) * HUB.n)
        return lambda: breadth.by_hops(arrows, SOURCES, 0, 2, what, sums, went)

    return prepare


def queued(what: int) -> Prepare:
    def prepare(cupy: HostCupy) -> Callable[[], Any]:
        rows, went = queue.to_device(held(what)), np.zeros((3, 2))
        sums = np.zeros((2 if what == cpu.ROWS else 2 * cpu.BLOCKS) * HUB.n)
        return lambda: queue.by_hops(rows, SOURCES, 0, 2, what, sums, went)

    return prepare


def arrows_held(cupy: HostCupy) -> Callable[[], Any]:
    arrows = held(cpu.SUMS)
    return lambda: queue.to_device(arrows)


def cascaded(cupy: HostCupy) -> Callable[[], Any]:
    there = cascade.to_device(NET, 1)
    return lambda: cascade.run_lanes(there, RULE, *SHOCKS, np.ones(3), False)


def one_shock(there: cascade.Held) -> Callable[[], Any]:
    return lambda: cascade.run_state(there, RULE, *SHOCKS[1:])


def group(cupy: HostCupy) -> cascade._Group:
    there = tuple(map(cupy.asarray, (SHOCKS[1], np.zeros(1, np.int32), SHOCKS[2])))
    made = cascade._Group(cascade.to_device(NET, 1), RULE, there, SHOCKS[0], slice(0, 1), 32)
    made.rounds()
    return made


def pulled(cupy: HostCupy) -> Callable[[], Any]:
    made = group(cupy)
    state = made.down
    return lambda: cascade_state.pull(state, state.h, state.hit, state.changed, made.live, published=False)


def bounded(cupy: HostCupy) -> Callable[[], Any]:
    made, rounds = group(cupy), np.zeros(32)
    rounds[0] = 1
    return lambda: cascade_bounds.bound_of(made.down, (made.struck, made.most), 0.25, rounds, np.zeros((8, 32)))


def bytes_of(*pointers: Any) -> int:
    """Of the arrays of plans."""
    return sum(each.nbytes for ptr in pointers for each in plan(ptr) if not isinstance(each, int))


OWNERS = 4 * (2 + 2)  # the row of each piece, both ways
COPIED = ("row", "first", "bound", "column", "weight")
LEVELS = {"read": 3, "got": 3 * 256}  # of 2 levels that hold someone and 1 that doesn't
FORWARD = {"begin_searches": 1, "pull_paths": 3, "finish_paths": 3}
BACK = {"pull_behind": 2, "finish_behind": 2}
ROUND = {"offers": 1, "feel": 2, "pull_runs": 2, "finish_runs": 1, "take_left": 2, "decide": 1}  # a long row, down
EXPECTED: dict[str, tuple[Prepare, dict[str, int]]] = {
    "breadth.to_device": (
        lambda cupy: lambda: held(cpu.SUMS),
        {"copy": 15, "copied": 8 * HUB.column.size + bytes_of(HUB.ptr, HUB.back_ptr) + OWNERS + 32 * HUB.n},
    ),
    # A level is one launch, two where rows are long, and one read; the way back reads nothing.
    "breadth.by_hops": (
        searched(cpu.SUMS),
        {
            **FORWARD,
            **BACK,
            "add_lanes": 1,
            "launch": 7 + 4 + 1,
            "read": 3 + 3,
            "got": 3 * 256 + 2 * 128 * HUB.n + 8,
            "copy": 3,
            "copied": 8 + 2 * 128 * HUB.n,
        },
    ),
    "queue.to_device": (arrows_held, {"copy": 2, "copied": HUB.ptr.nbytes + HUB.back_ptr.nbytes}),
    # However deep: one launch there and back, one that adds up, and what 16 sources tell, of whom 2 are there.
    "queue.by_hops": (
        queued(cpu.SUMS),
        {
            "search_paths": 1,
            "add_searches": 1,
            "launch": 2,
            "read": 2,
            "got": 16 * 2 * 8 + 2 * 128 * HUB.n,
            "copy": 2,
            "copied": 8 + 2 * 128 * HUB.n,
        },
    ),
    "cascade_state.to_device": (
        lambda cupy: lambda: cascade.to_device(NET),
        {
            "copy": 3 + 2 * 10 + 5,
            "copied": sum(getattr(side, name).nbytes for side in (NET.down, NET.up) for name in COPIED)
            + bytes_of(NET.down.bound, NET.up.bound, NET.markets.ptr)
            + 12 * 3
            + 8 * 1,
        },
    ),
    # Five rounds are wanted: those of two looks at who lives are launched, and nobody lives in the last three.
    "cascade.run_lanes": (
        cascaded,
        {
            **{name: 8 * each for name, each in ROUND.items()},
            "no_loss": 1,
            "strike": 1,
            "score_rows": 1,
            "fold_scores": 1,
            "launch": 8 * 9 + 4,
            "copy": 5,
            "copied": 4 + 4 + 8 + 24 + 4,
            "read": 2 + 1 + 1,
            "got": 2 * 4 + 512 + 768,
        },
    ),
    "cascade.run_state": (
        lambda cupy: one_shock(cascade.to_device(NET, 1)),
        {
            **{name: 8 * each for name, each in ROUND.items()},
            "no_loss": 1,
            "strike": 1,
            "launch": 8 * 9 + 2,
            "copy": 4,
            "copied": 4 + 4 + 8 + 4,
            "read": 2 + 1 + 2,
            "got": 2 * 4 + 512 + 2 * 8 * 8 * 3,  # of 3 rows all 8 lanes
        },
    ),
    "cascade_state.pull": (pulled, {"offers": 1, "feel": 1, "pull_runs": 1, "finish_runs": 1, "launch": 4}),
    # Everyone has lost something: one step farther finds nobody new. To go down by 0.25 is enough, as the first look
    # at four tries tells.
    "cascade_bounds.bound_of": (
        bounded,
        {
            "begin_met": 1,
            "spread_met": 1,
            "longest_met": 1,
            "lower_rows": 1,
            "offers": 4,
            "feel": 4,
            "pull_runs": 4,
            "finish_runs": 4,
            "rise_rows": 4,
            "decide_rise": 4,
            "launch": 4 + 6 * 4,
            "copy": 3,
            "copied": 512 + 4 + 128,
            "read": 1 + 1 + 1,
            "got": 4 + 128 + 128,
        },
    ),
    "core.core_numbers": (
        lambda cupy: lambda: core.core_numbers(HUB.back_ptr, HUB.back_column, HUB.ptr, HUB.column),
        {
            "settle_cores": 8,
            "launch": 8,
            "copy": 6,
            "copied": 2 * (HUB.ptr.nbytes + HUB.column.nbytes) + 8 * HUB.n,
            "read": 2,
            "got": 4 + 4 * HUB.n,
        },
    ),
}
