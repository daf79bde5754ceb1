"""Cascades by the CUDA kernels against the CPU's: bit for bit where sums have the same order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ecograph.cpu import cascade as cpu
from ecograph.cpu.csr import by_provider
from ecograph.gpu import cascade as gpu
from ecograph.gpu.cascade_state import kernel
from ecograph.gpu.chains import FEWEST, PIECE
from tests.gpu.host_cupy import HostCupy
from tests.gpu.host_shim import Schedule

U = 2.0**-53
TOL = 1e-4
RULES = {
    "market": cpu.Rule(True, False, TOL, 100_000),
    "off": cpu.Rule(False, False, TOL, 100_000),
    "published": cpu.Rule(True, True, 1e-2, 1000),
    "few rounds": cpu.Rule(True, False, 0.0, 3),
}


def network(sizes: list[int], markets: int, *, runs: int = 1, leak: float = 0.75, seed: int = 1) -> cpu.Network:
    """Row j buys from ``sizes[j]`` at random, in so many runs; all shares add up to 1 - leak."""
    random, n = np.random.default_rng(seed), len(sizes)
    ptr = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    buyer = np.repeat(np.arange(n, dtype=np.int32), sizes)
    seller = ((buyer + 1 + random.integers(0, max(1, n - 1), buyer.size)) % max(1, n)).astype(np.int32)
    amount = random.random(buyer.size) + 0.01
    run = (np.arange(buyer.size) - ptr[buyer]) * runs // np.maximum(np.diff(ptr)[buyer], 1) - 1
    key = buyer.astype(np.int64) * (runs + 1) + run
    bought = np.bincount(key + 1, amount)[key + 1]
    market = (np.arange(n) * 7 % markets).astype(np.int32) if n else np.zeros(0, np.int32)
    seat = cpu.seats(market)
    out = np.bincount(seller, amount, n).astype(np.float64)
    out_ptr, rows = by_provider(seller, n)
    down = cpu.channel(seat, ptr, seller, amount / bought * (1 - leak), run.astype(np.int32))
    up = cpu.channel(seat, out_ptr, buyer[rows], (amount / out[seller] * (1 - leak))[rows])
    return fixed(cpu.Network(down, up, cpu.markets(seat, out, market), seat))


def fixed(net: cpu.Network) -> cpu.Network:
    """As the CPU's kernels take it: read-only."""
    for array in (*net.down, *net.up, *net.markets, net.seat):
        array.setflags(write=False)
    return net


NETWORKS = {
    "single": network([0], 1),
    "33": network([k % 5 for k in range(33)], 4),
    "runs": network([k % 9 for k in range(65)], 7, runs=3),
    "own markets": network([3] * 31, 31),
}
# Rows, sales and markets at the edges of what a warp, a block and a piece take.
LONG = {
    "a hub": network([66, *[1] * 66], 2),
    "edges": network([63, 64, 65, 1, 0, *[2] * 60], 1, runs=2),
}
PIECES = network([PIECE + 1, PIECE, 2 * PIECE + 9, *[2] * 30], 3)
CROWD = network([1] * (PIECE + 5), 1)


def shocks(n: int, lanes: int) -> tuple[Any, Any, Any]:
    """One closes; two lose a part; nobody; and so on."""
    rows: list[int] = []
    psi: list[float] = []
    ptr = [0]
    for lane in range(lanes):
        struck = sorted({lane * 5 % n, (lane * 11 + 3) % n})[: (1, 2, 0)[lane % 3]]
        rows += struck
        psi += [0.0 if lane % 3 == 0 else 0.25 + 0.5 * k for k in range(len(struck))]
        ptr.append(len(rows))
    return np.array(ptr, np.int64), np.array(rows, np.int32), np.array(psi)


def both(net: cpu.Network, rule: cpu.Rule, lanes: int, weight: Any) -> tuple[Any, Any, Any, Any]:
    given = (rule, *shocks(net.seat.size, lanes), weight, not rule.published)
    return *gpu.run_lanes(gpu.to_device(net, int(given[1][-1])), *given), *cpu.run_lanes(net, *given)


@pytest.mark.parametrize(
    ("name", "rule"), [*((name, "market") for name in NETWORKS), *(("33", rule) for rule in RULES)]
)
def test_short_rows_equal_the_cpu_bit_for_bit(
    name: str, rule: str, schedule: Schedule, twins_on: Callable[..., Any]
) -> None:
    """Of one conductor: everything. Of all, weighted sums have another order, and terms >= 0."""
    twins_on(schedule)
    net = NETWORKS[name]
    n = net.seat.size
    one = np.zeros(n)
    one[n // 2] = 1.0
    score, run, expected, expected_run = both(net, RULES[rule], 5 if n > 33 else 3, one)
    np.testing.assert_array_equal(score, expected)
    np.testing.assert_array_equal(run, expected_run)


@pytest.mark.parametrize(("name", "rule"), [("a hub", "off"), ("edges", "market")])
def test_long_rows_equal_the_cpu_within_the_bound_of_sums(
    name: str, rule: str, schedule: Schedule, twins_on: Callable[..., Any]
) -> None:
    """A sum of k terms >= 0 is off by k u at most, each round adds as much, and the leak ends what that adds up to."""
    twins_on(schedule)
    net = LONG[name]
    n = net.seat.size
    score, run, expected, expected_run = both(net, RULES[rule], 3, np.full(n, 1.0 / n))
    terms = max(int(np.diff(each.bound).max()) for each in (net.down, net.up)) + n
    np.testing.assert_allclose(score, expected, rtol=0, atol=40 * (terms + 8) * U / 0.75 + 2 * TOL)
    assert (abs(run[:, 0] - expected_run[:, 0]) <= 1).all()
    assert (run[:, 1] <= TOL).all()
    assert (run[:, 2] > 0).all() == (expected_run[:, 2] > 0).all()


def test_rows_in_pieces(schedule: Schedule, twins_on: Callable[..., Any]) -> None:
    twins_on(schedule)
    n = PIECES.seat.size
    given = (cpu.Rule(False, False, TOL, 2), *shocks(n, 2), np.full(n, 1.0 / n), False)
    score, run = gpu.run_lanes(gpu.to_device(PIECES, 9), *given)
    expected, expected_run = cpu.run_lanes(PIECES, *given)
    terms = int(np.diff(PIECES.down.bound).max()) + n
    np.testing.assert_allclose(score, expected, rtol=8 * terms * U, atol=0)
    np.testing.assert_allclose(run[:, :2], expected_run[:, :2], rtol=8 * terms * U, atol=0)


def test_a_market_in_pieces(twins_on: Callable[..., Any]) -> None:
    twins_on()
    n = CROWD.seat.size
    rule = cpu.Rule(True, False, TOL, 1)
    ptr, row = np.array([0, n // 2 + 100]), np.arange(n // 2 + 100, dtype=np.int32)  # more than half is lost
    given = (rule, ptr, row, np.zeros(row.size), np.full(n, 1.0 / n), False)
    score, run = gpu.run_lanes(gpu.to_device(CROWD, row.size), *given)
    expected, expected_run = cpu.run_lanes(CROWD, *given)
    np.testing.assert_allclose(score, expected, rtol=8 * (n + 8) * U, atol=0)
    np.testing.assert_allclose(run[:, :2], expected_run[:, :2], rtol=8 * (n + 8) * U, atol=0)


def test_more_than_32_lanes_are_each_as_if_alone(twins_on: Callable[..., Any]) -> None:
    twins_on()
    net = NETWORKS["33"]
    score, run, expected, expected_run = both(net, RULES["market"], 70, np.full(33, 1 / 33))
    np.testing.assert_array_equal(run, expected_run)
    np.testing.assert_allclose(score, expected, rtol=2 * 35 * U, atol=0)


@pytest.mark.parametrize("name", ["33", "runs"])
def test_the_state_of_one_shock_is_the_cpus_bit_for_bit(
    name: str, schedule: Schedule, twins_on: Callable[..., Any]
) -> None:
    twins_on(schedule)
    net = NETWORKS[name]
    row, psi = np.array([2, 0], np.int32), np.array([0.25, 0.5])
    for rule in (RULES["market"], RULES["off"]):
        hd, hu, run = gpu.run_state(gpu.to_device(net, 2), rule, row, psi)
        expected = cpu.run_state(net, rule, row, psi)
        for one, other in zip((hd, hu, run), (*expected[:2], expected[3]), strict=True):
            np.testing.assert_array_equal(one, other)
    assert hd[2] <= 0.25


def test_no_lanes(twins_on: Callable[..., Any]) -> None:
    twins_on()
    nothing = np.zeros(1, np.int64), np.zeros(0, np.int32), np.zeros(0)
    score, run = gpu.run_lanes(gpu.to_device(NETWORKS["33"]), RULES["off"], *nothing, np.ones(33), True)
    assert score.shape == run.shape == (0, 3)


def test_half_of_a_supplier_takes_half_of_a_buyer(twins_on: Callable[..., Any]) -> None:
    """0 sells to 1, who sells to 2, and nobody stands in: exact in any arithmetic."""
    twins_on()
    seat, ptr, out_ptr = cpu.seats(np.arange(3, dtype=np.int32)), np.array([0, 0, 1, 2]), np.array([0, 1, 2, 2])
    down = cpu.channel(seat, ptr, np.array([0, 1], np.int32), np.ones(2))
    up = cpu.channel(seat, out_ptr, np.array([1, 2], np.int32), np.ones(2))
    net = fixed(cpu.Network(down, up, cpu.markets(seat, np.array([1.0, 1.0, 0.0]), seat), seat))
    for struck, expected in ((0, (0.5, 0.5, 0.0)), (1, (0.5, 0.5, 0.0)), (2, (0.5, 0.5, 0.0))):
        weight = np.zeros(3)
        weight[2] = 1.0
        given = (np.array([0, 1]), np.array([struck], np.int32), np.array([0.5]), weight, True)
        score, run = gpu.run_lanes(gpu.to_device(net, 1), RULES["off"], *given)
        assert score[0].tolist() == list(expected if struck < 2 else (0.5, 0.5, 0.5))
        assert run[0].tolist() == [(3, 2, 3)[struck], 0.0, 0.0]


def test_a_grid_of_none_stores_nothing(twins_on: Callable[..., Any]) -> None:
    """CuPy makes one block of a grid of none; a kernel's own guard has to hold it."""
    cupy = twins_on()
    none, zero, x = cupy.zeros(0, np.int32), np.int64(0), cupy.zeros(64, np.float64)
    word, live = cupy.zeros(0, np.uint32), cupy.asarray(np.ones(1, np.uint32))
    for name, given in {
        "finish_offers": (none, none, x, zero, x, live, np.int32(0), x, word),
        "finish_runs": (none, none, x, zero, live, x, word),
        "strike": (none, none, x, zero, zero, np.int32(0), x, x, x, word, word, word, word, word),
    }.items():
        kernel(name)((0,), (32,), given)
    assert not x.get().any()


def test_what_does_not_fit_is_refused_before_it_is_copied(host_shim: Callable[..., HostCupy]) -> None:
    cupy = host_shim(free=gpu.bytes_needed(NETWORKS["33"], 0, FEWEST) - 1)
    with pytest.raises(MemoryError, match="device memory are needed"):
        gpu.to_device(NETWORKS["33"])
    assert cupy.counts["copy"] == 0


@pytest.mark.parametrize("net", [NETWORKS["single"], NETWORKS["runs"], PIECES], ids=["1", "65", "pieces"])
def test_memory_is_estimated_from_above(net: cpu.Network, host_shim: Callable[..., HostCupy]) -> None:
    cupy = host_shim()
    given = shocks(net.seat.size, 2)
    gpu.run_lanes(gpu.to_device(net), RULES["market"]._replace(limit=1), *given, np.ones(net.seat.size), False)
    low = 2 * 8 * 32 * net.seat.size  # of bounds, which come after
    sizes = [size for _, size in cupy.made]
    assert sum(sizes) + low <= gpu.bytes_needed(net, given[1].size)
