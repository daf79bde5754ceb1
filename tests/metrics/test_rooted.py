"""Chains passed on from one conductor: their order, their sums, and what the way there may not change."""

from __future__ import annotations

from collections import deque
from fractions import Fraction

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from ecograph.cpu import lines
from ecograph.cpu import rooted as kernels
from ecograph.cpu.csr import starts
from ecograph.ecosystem import FEW, Ecosystem
from ecograph.errors import ConvergenceError
from ecograph.metrics.operator import Dependence, arrows, dependence
from ecograph.metrics.ranking import Bounds, first, touching
from ecograph.metrics.rooted import damped_visits, upstream
from tests.strategies import ecosystems

U = 2.0**-53


def circle(n: int, share: float = 1.0) -> Dependence:
    """Row j depends on j + 1 alone, the last on the first."""
    column = ((np.arange(n) + 1) % n).astype(np.int32)
    return Dependence(np.arange(n + 1), column, np.full(n, share), np.ones(n), np.zeros(n, np.uint8), ("r",))


@given(ecosystems(plain_ids=True), st.integers(0, 99))
def test_the_order_is_breadth_first(eco: Ecosystem, o: int) -> None:
    """A queue of Python's, over the rows as NumPy gives them."""
    if not eco.active.any():
        return
    p, o = dependence(eco, relation_weights={it.name: 1.0 for it in eco.relations}), o % len(eco)
    order, seen, queue, columns = [o], {o}, deque([o]), []
    while queue:
        for i in p.row(queue.popleft())[0].tolist():
            columns.append(i)
            if i not in seen:
                seen.add(i)
                order.append(i)
                queue.append(i)
    found = upstream(p, o)
    assert found.order.tolist() == order
    assert found.order[found.column].tolist() == columns
    assert np.diff(found.begin).tolist() == np.diff(p.ptr)[order].tolist()
    assert set(np.flatnonzero(found.reached)) == seen
    assert_array_equal(found.place[found.order], np.arange(len(order)))


@given(ecosystems(plain_ids=True), st.sampled_from([0.3, 0.85]), st.integers(0, 99))
def test_visits_solve_their_equation_within_what_they_say(eco: Ecosystem, damping: float, o: int) -> None:
    """The residual in fractions: its 1-norm is at most over + under, besides the rounding of these two."""
    if not eco.active.any():
        return
    p, o = dependence(eco, relation_weights={it.name: 1.0 for it in eco.relations}), o % len(eco)
    found = upstream(p, o)
    got = damped_visits(p, found, damping, 1e-12)
    residual = [-Fraction(float(x)) for x in got.x]
    residual[0] += 1
    for q, j in enumerate(found.order):
        provider, value = p.row(int(j))
        for i, v in zip(found.place[provider], value, strict=True):
            residual[i] += Fraction(float(v)) * Fraction(damping) * Fraction(float(got.x[q]))
    rounding = 8 * U * (found.column.size + 2 * len(residual)) * float(max(got.x))
    assert float(sum(map(abs, residual))) <= got.over + got.under + rounding
    assert got.over + got.under <= 1e-12 + rounding
    assert float(got.x.sum()) <= (1.0 + 1e-12) / (1.0 - damping)  # chains last no longer than that


@pytest.mark.parametrize(("n", "damping"), [(2, 0.5), (3, 0.999), (7, 0.99)])
def test_a_circle_has_a_closed_form(n: int, damping: float) -> None:
    """N_ok = d^k / (1 - d^n); a jump ahead takes a slow one there in few sweeps."""
    p = circle(n)
    got = damped_visits(p, upstream(p, 0), damping, 1e-12)
    assert_allclose(got.x, damping ** np.arange(n) / (1.0 - damping**n), rtol=1e-11)
    assert got.sweeps <= 24


def test_a_circle_that_nothing_leaves_is_refused() -> None:
    with pytest.raises(ConvergenceError):
        damped_visits(circle(3), upstream(circle(3), 0), 1.0 - 2.0**-52, 1e-12)


@given(st.lists(st.floats(0.01, 1.0), min_size=3, max_size=12), st.integers(1, 4), st.sampled_from([0.9, 0.99]))
def test_what_is_left_is_the_residual_before_and_after_a_jump(shares: list[float], extra: int, damping: float) -> None:
    n = len(shares)
    ptr = np.arange(0, 2 * n + 1, 2)
    column = np.stack([(np.arange(n) + 1) % n, (np.arange(n) + extra) % n], axis=1).astype(np.int32).ravel()
    value = np.stack([shares, 1.0 - np.array(shares)], axis=1).ravel() * damping
    r, h = np.zeros(n), np.zeros(n)
    r[0] = 1.0
    for _ in range(3):
        r0, h0 = r.copy(), h.copy()
        left = kernels.pass_on(ptr, column, value, r, h)
    for _ in range(2):
        matrix = np.zeros((n, n))
        np.add.at(matrix, (np.repeat(np.arange(n), 2), column), value)
        assert_allclose(r, np.eye(n)[0] + matrix.T @ h - h, atol=64 * n * U * h.max())
        assert left == pytest.approx(r.sum(), rel=n * U)
        assert (r >= 0.0).all()
        over, under = kernels.passed_residual(ptr, column, value, h)
        assert over - under == pytest.approx(r.sum(), abs=64 * n * U * h.max())
        left = kernels.stretch_passed(r0, h0, r, h)


def test_ties_that_are_arrows_already_are_not_copied() -> None:
    plain = Ecosystem.from_ties({"provider": list("abc"), "receiver": list("oob"), "weight": [1, 2, 3]})
    found = arrows(plain)
    assert np.shares_memory(found.amount, plain.ties.weight)
    assert np.shares_memory(found.provider, plain.ties.provider)
    scaled = arrows(plain, relation_weights={"tie": 2.0})
    assert sorted(scaled.amount) == [2.0, 4.0, 6.0]
    for odd in ({"weight": [1, 2, 0]}, {"provider": ["a", "a", "c"]}, {"provider": list("abb")}):
        ties = {"provider": list("abc"), "receiver": list("oob"), "weight": [1, 2, 3], "relation": ["r", "s", "r"]}
        eco = Ecosystem.from_ties(ties | odd, relations={"r": ("1", "service"), "s": ("1", "service")})
        assert not np.shares_memory(arrows(eco).amount, eco.ties.weight), odd


@given(st.lists(st.integers(0, 9), max_size=30), st.integers(0, 3))
def test_starts_of_rows(receivers: list[int], more: int) -> None:
    receiver, n = np.sort(np.array(receivers, np.int32)), max(receivers, default=-1) + 1 + more
    assert_array_equal(starts(receiver, n), np.searchsorted(receiver, np.arange(n + 1)))


@pytest.mark.parametrize("width", [0.0, 1e-3, 0.5])
@pytest.mark.parametrize("seed", range(4))
def test_the_first_are_those_of_a_full_sort(seed: int, width: float) -> None:
    """Many equal values, and bounds so wide that a group goes on beyond the values that were sorted."""
    random = np.random.default_rng(seed)
    low = np.round(random.random(4000) ** (seed + 1), 2 + seed)
    bounds = Bounds(low, low + width * random.random(4000) ** 8)
    order, group = touching(bounds)
    names = np.array([f"{k:04}" for k in random.permutation(4000)])
    got = first(bounds, 7, lambda at: names[at].tolist())
    place = [int(np.flatnonzero(order == at)[0]) for at in got.at]
    assert_array_equal(group[place], group[:7])
    assert_array_equal(got.rank, 1 + np.searchsorted(group, group[:7]))
    for at, tied in zip(got.at, got.tied, strict=True):
        mine = order[group == group[np.flatnonzero(order == at)[0]]]
        assert set(tied) == set(mine) - {at}


@pytest.mark.parametrize("shape", [(5,), (3, 8), (0, 8), (7, 1)])
def test_lanes_begin_a_line(shape: tuple[int, ...]) -> None:
    for _ in range(4):
        out = lines.zeros(*shape)
        assert out.shape == shape
        assert out.flags.c_contiguous
        assert not out.any()
        assert out.size == 0 or out.ctypes.data % lines.LINE == 0


def test_few_and_many_ids_are_found_alike() -> None:
    eco = Ecosystem.from_ties({"provider": [f"p{k}" for k in range(40)], "receiver": ["o"] * 40, "weight": [1] * 40})
    ids = ["p7", "o", "p7", "p39"]
    assert eco.rows_of(ids).tolist() == eco.rows_of(ids + ["o"] * FEW)[:4].tolist()
    assert [eco.ids[int(row)] for row in eco.rows_of(ids)] == ids
    assert eco.rows_of([]).size == 0


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="Numba was told to use one thread: nothing to compare")
def test_one_thread_and_many_give_the_same_bits() -> None:
    random = np.random.default_rng(7)
    n, m = 3_000, 400_000
    ties = {"provider": random.integers(0, n, m), "receiver": random.integers(0, n, m), "weight": random.random(m)}
    eco = Ecosystem.from_ties({name: v if name == "weight" else v.astype(str) for name, v in ties.items()})
    results, before = [], numba.get_num_threads()
    for threads in (1, 2):
        numba.set_num_threads(threads)
        p = dependence(eco)
        got = damped_visits(p, upstream(p, 0), 0.85, 1e-10)
        results.append((p.inflow, p.value, got.x))
    numba.set_num_threads(before)
    for one, many in zip(*results, strict=True):
        assert_array_equal(one, many)
