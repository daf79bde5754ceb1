"""Replicates by the CUDA kernels: what they draw is the CPU's bit for bit, and what they sum is what they drew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from ecograph.cpu import draws, operator
from ecograph.cpu import replicates as cpu
from ecograph.gpu import replicates as gpu
from ecograph.gpu.chains import FEWEST, LANES, LOOK, PIECE, SHORT
from tests.gpu.host_cupy import HostCupy
from tests.gpu.host_shim import Schedule

U = 2.0**-53
KEEP, DAMPING, SEED = 0.9, 0.85, 2**63 + 5


class Table:
    """Ties by receiver: parallel ones, some with oneself, some of no weight, and the arrows that are left, by provider.

    ``sizes`` is how many providers a receiver has. The rows that are summed over are those of the providers.
    """

    def __init__(self, sizes: Sequence[int], *, from_one: bool = False) -> None:
        random = np.random.default_rng(3)
        self.n = len(sizes)
        names = [np.sort(random.integers(0, self.n, size)) for size in sizes]
        if from_one:  # all buy from the first, whose row is then long
            names = [np.zeros(1, np.int64)] * self.n
        self.indptr = np.concatenate([[0], np.cumsum([len(some) for some in names])]).astype(np.int64)
        self.provider = np.concatenate([*names, np.zeros(0)]).astype(np.int32)
        m = self.provider.size
        self.relation = random.integers(0, 2, m).astype(np.int16)
        self.weight = np.where(random.random(m) < 0.1, 0.0, random.random(m) + 0.1)
        self.factor = np.array([1.0, 0.3])
        self.shape = np.where(random.random(m) < 0.5, 1.0, 1.0 + 3 * random.random(m))
        self.key = random.integers(0, 2**63, m).astype(np.uint64)
        self.cost = random.random(self.n)
        self.rows = np.arange(self.n, dtype=np.int32)
        arrows = sorted({(int(self.provider[e]), j) for j, (begin, end) in enumerate(pairwise(self.indptr))
                         for e in range(begin, end) if self.weight[e] > 0.0 and self.provider[e] != j})  # fmt: skip
        self.number = {pair: k for k, pair in enumerate(arrows)}
        self.column = np.array([j for _, j in arrows], np.int32)
        count = np.bincount([i for i, _ in arrows], minlength=self.n)
        self.ptr = np.concatenate([[0], np.cumsum(count)]).astype(np.int64)
        self.place = np.array([self.number[pair] for pair in sorted(arrows, key=lambda pair: pair[::-1])], np.int64)

    @property
    def given(self) -> Any:
        """What the CPU's ``draw_shares`` takes, but for numbers and ``cost``."""
        return (self.rows, self.indptr, self.provider, self.relation, self.weight, self.factor, self.shape, self.key,
                self.place)  # fmt: skip

    def given_with(self, *more: Any) -> Any:
        return (*self.given, *more)

    @property
    def whole(self) -> Any:
        return self.given_with(self.cost)

    def on_cpu(self, replicate: int) -> Any:
        """(arrows, 32)."""
        out = []
        for first in range(replicate, replicate + LANES, cpu.TOGETHER):
            p = np.empty(cpu.TOGETHER * self.column.size)
            cpu.draw_shares(np.uint64(SEED), first, *self.given, self.cost, KEEP, DAMPING, p)
            out.append(p.reshape(-1, cpu.TOGETHER))
        return np.concatenate(out, axis=1)

    def on_device(self, at: Any, replicate: int, lanes: int = LANES) -> tuple[Any, Any]:
        """Rows with values for so many replicates, and which of them are asked for."""
        drawn = gpu.ties_to_device(gpu.ties_of(*self.whole), self.ptr, self.column, at)
        return gpu.draw_shares(drawn, SEED, replicate, KEEP, DAMPING, lanes), drawn.at


class Cut(Table):
    """The same with ties that clusters cut: some parts in a few clusters, some by themselves, refunds among them."""

    def __init__(self, sizes: Sequence[int], *, codes: int, apart: float = 0.2, from_one: bool = False) -> None:
        super().__init__(sizes, from_one=from_one)
        random = np.random.default_rng(8)
        count = random.integers(1, 4, self.weight.size)
        self.part_ptr = np.append(0, np.cumsum(count))
        m = int(self.part_ptr[-1])
        self.part_weight = np.where(random.random(m) < 0.3, -0.5, 1.0) * random.random(m)
        self.part_shape = np.where(random.random(m) < apart, random.integers(1, 4, m), 0.0)
        self.part_key = np.where(self.part_shape > 0.0, random.integers(0, 2**63, m), random.integers(0, codes, m))
        self.part_key = self.part_key.astype(np.uint64)

    @property
    def whole(self) -> Any:
        return (*super().whole, gpu.Parts(self.part_ptr, self.part_weight, self.part_shape, self.part_key))

    def on_cpu(self, replicate: int) -> Any:
        """As ``redraw`` and then the operator do it; (arrows, 32)."""
        alone, tie = self.part_shape > 0.0, np.repeat(np.arange(self.weight.size), np.diff(self.part_ptr))
        out = np.empty((self.column.size, LANES))
        for lane in range(LANES):
            drawn = np.empty(alone.size)
            own, codes = np.empty(int(alone.sum())), np.empty(int((~alone).sum()))
            draws.gamma_rows(self.part_shape[alone], SEED, replicate + lane, self.part_key[alone], own)
            draws.exponential_rows(SEED, replicate + lane, self.part_key[~alone], codes)
            drawn[alone], drawn[~alone] = own / self.part_shape[alone], codes
            sums = np.bincount(tie, self.part_weight * drawn, minlength=self.weight.size)
            weight = np.where(self.weight > 0.0, sums, self.weight)
            arrows, provider, amount = operator.merge_arrows(
                self.indptr, self.provider, self.relation, weight, self.factor
            )
            value = operator.shares(arrows, amount, operator.inflows(arrows, amount), self.cost, KEEP)
            receiver = np.repeat(np.arange(self.n), np.diff(arrows))
            at = [self.number[pair] for pair in zip(provider.tolist(), receiver.tolist(), strict=True)]
            out[:, lane] = 0.0  # of a tie that isn't there
            out[at, lane] = value * DAMPING
        return out


TABLES = {
    "single": Table([0]),
    "with itself only": Table([2]),
    "short": Table([k % 4 for k in range(37)]),
    "one who buys of all": Table([300, *[k % 3 for k in range(70)]]),
    "one of whom all buy": Table([1] * (SHORT + 30), from_one=True),
    "no tie in clusters": Cut([0], codes=1),
    "one cluster": Cut([k % 4 for k in range(37)], codes=1, apart=0.0),
    "few clusters": Cut([300, *[k % 3 for k in range(70)]], codes=3),
    "clusters and one of whom all buy": Cut([1] * (SHORT + 30), codes=40, from_one=True),
}


@pytest.mark.parametrize("name", TABLES)
def test_shares_equal_the_cpu_bit_for_bit(name: str, schedule: Schedule, twins_on: Callable[..., Any]) -> None:
    twins_on(schedule)
    table = TABLES[name]
    p = table.on_device(np.zeros(1, np.int64), 40)[0].value.get().reshape(-1, LANES)
    np.testing.assert_array_equal(p.view(np.uint64), table.on_cpu(40).view(np.uint64))


@pytest.mark.parametrize("most", [1, 400])
@pytest.mark.parametrize("name", TABLES)
def test_chains_of_each_replicate_are_summed(
    name: str, most: int, schedule: Schedule, twins_on: Callable[..., Any]
) -> None:
    """Against a solve for each, and the residual against that of what comes out, also where much is left."""
    twins_on(schedule)
    table = TABLES[name]
    at, start = np.arange(table.n), 0 if most == 1 else table.n - 1
    x, left, plus, minus = gpu.rooted_lanes(*table.on_device(at, 7), start, 1e-6, most)
    p = table.on_cpu(7)
    longest = int(np.diff(table.ptr).max())
    assert (left <= (1e-6 if most > 1 else 1.0)).all()
    for lane in range(LANES):
        g = np.zeros((table.n, table.n))
        g[np.repeat(np.arange(table.n), np.diff(table.ptr)), table.column] = p[:, lane]
        e = np.eye(table.n)[start]
        assert (x[:, lane] <= np.linalg.solve(np.eye(table.n) - g, e) * (1 + 1e-12)).all()
        rho = e + g @ x[:, lane] - x[:, lane]
        slack = 2 * (longest + 3) * U * x[:, lane].sum()
        assert abs(plus[lane] - np.maximum(rho, 0.0).sum()) <= slack
        assert abs(minus[lane] - np.maximum(-rho, 0.0).sum()) <= slack
        assert plus[lane] <= 0.9 * left[lane] + slack


def test_a_part_that_is_its_whole_tie_is_drawn_as_the_tie(twins_on: Callable[..., Any]) -> None:
    """Without a cluster: bit for bit as where nothing is cut."""
    twins_on()
    table = TABLES["one who buys of all"]
    parts = gpu.Parts(np.arange(table.weight.size + 1), table.weight, table.shape, table.key)
    ties = gpu.ties_of(*table.given_with(table.cost, parts))
    drawn = gpu.ties_to_device(ties, table.ptr, table.column, np.zeros(1, np.int64))
    p = gpu.draw_shares(drawn, SEED, 40, KEEP, DAMPING).value.get()
    np.testing.assert_array_equal(p.reshape(-1, LANES).view(np.uint64), table.on_cpu(40).view(np.uint64))


def test_one_cluster_over_all_leaves_shares_as_they_are(twins_on: Callable[..., Any]) -> None:
    """What is drawn cancels where nothing is bought outside."""
    twins_on()
    table = TABLES["short"]
    m = table.weight.size
    parts = gpu.Parts(np.arange(m + 1), table.weight, np.zeros(m), np.zeros(m, np.uint64))
    ties = gpu.ties_of(*table.given_with(np.zeros(table.n), parts))
    drawn = gpu.ties_to_device(ties, table.ptr, table.column, np.zeros(1, np.int64))
    p = gpu.draw_shares(drawn, SEED, 0, KEEP, DAMPING).value.get().reshape(-1, LANES)
    assert p.min() > 0.0
    np.testing.assert_allclose(p, p[:, :1].repeat(LANES, axis=1), rtol=10 * U)
    buys = np.bincount(table.column, p[:, 0], minlength=table.n)  # columns of these rows are receivers
    np.testing.assert_allclose(buys[buys > 0.0], KEEP * DAMPING, rtol=10 * U)


def test_rows_in_pieces(twins_on: Callable[..., Any]) -> None:
    twins_on()
    table = Table([1] * (PIECE + 900), from_one=True)
    assert np.diff(table.ptr).max() > PIECE
    x, _, plus, minus = gpu.rooted_lanes(*table.on_device(np.array([0, 5]), 0), 5, 1e-9, 2)
    p = table.on_cpu(0)
    np.testing.assert_array_equal(x[0], p[table.number[0, 5]])
    np.testing.assert_array_equal(x[1], 1.0)
    assert not plus.any()
    assert not minus.any()


def test_memory_of_parts_is_estimated_from_above(host_shim: Callable[..., HostCupy]) -> None:
    cupy = host_shim()
    table = TABLES["few clusters"]
    gpu.rooted_lanes(*table.on_device(np.arange(table.n), 0), 0, 0.0, LOOK)
    needed = gpu.replicate_bytes(
        table.n, table.column.size, table.provider.size, table.n, len(gpu.ties_of(*table.whole).weight)
    )
    taken = [size for _, size in cupy.made]
    assert sum(taken) <= needed <= 2 * sum(taken)


def test_no_rows_are_asked_for(twins_on: Callable[..., Any]) -> None:
    twins_on()
    drawn = TABLES["short"].on_device(np.zeros(0, np.int64), 0)
    assert gpu.rooted_lanes(*drawn, 0, 0.0, 3)[0].shape == (0, LANES)


def test_what_does_not_fit_is_refused_before_it_is_copied(host_shim: Callable[..., HostCupy]) -> None:
    table = TABLES["short"]
    ties = gpu.ties_of(*table.whole)
    needed = gpu.replicate_bytes(table.n, table.column.size, ties.weight.size, 1, lanes=FEWEST)
    cupy = host_shim(free=needed - 1)
    with pytest.raises(MemoryError, match="device memory are needed"):
        gpu.ties_to_device(ties, table.ptr, table.column, np.zeros(1, np.int64))
    assert cupy.counts["copy"] == 0


def test_memory_is_estimated_from_above(host_shim: Callable[..., HostCupy]) -> None:
    cupy = host_shim()
    table = TABLES["one who buys of all"]
    gpu.rooted_lanes(*table.on_device(np.arange(table.n), 0), 0, 0.0, LOOK)
    needed = gpu.replicate_bytes(table.n, table.column.size, table.provider.size, table.n)
    taken = [size for _, size in cupy.made]
    assert sum(taken) <= needed <= 2 * sum(taken)
