"""Sampled betweenness: exact moments of what was drawn, the bound, the guarantee, and when it is exact."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from math import log, sqrt
from typing import Any

import networkx as nx
import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from ecograph.ecosystem import Ecosystem
from ecograph.errors import EcographError, UnitError, WindowError
from ecograph.metrics import betweenness_sampled as module
from ecograph.metrics import searches
from ecograph.metrics.betweenness_sampled import bernstein, drawn, hoeffding, sampled_betweenness, schedule
from ecograph.metrics.paths import betweenness_centrality
from tests import reference
from tests.metrics.test_reliance import build
from tests.reference import lenses
from tests.strategies import pairs

U = 2.0**-53
N = 7
LENGTHS: dict[str | None, Any] = {None: lambda v: Fraction(1), "weight": lambda v: v}


def vector(eco: Ecosystem, values: dict[Any, Any]) -> NDArray[np.float64]:
    return np.array([float(values[id]) for id in eco.ids])


def community(n: int = 1200, seed: int = 4) -> Ecosystem:
    """Small groups that meet at a few hubs, who meet at one: betweenness up to a half."""
    rng = np.random.default_rng(seed)
    hub = rng.integers(1, 9, n)
    ties = [t for i in range(9, n) for t in ((f"p{i}", f"p{hub[i]}", 1.0), (f"p{hub[i]}", f"p{i}", 1.0))]
    ties += [t for h in range(1, 9) for t in (("p0", f"p{h}", 1.0), (f"p{h}", "p0", 1.0))]
    return build(ties)


# Exact reference


@given(pairs(N, 24), st.sampled_from([None, "weight"]), st.integers(0, 2**128 - 1))
@settings(max_examples=25)
def test_moments_are_those_of_the_searches_drawn(ends: list[tuple[int, int]], distance: str | None, seed: int) -> None:
    """In two rounds, the second of which adds to the first."""
    ties = [(f"p{i}", f"p{j}", 2.0 ** ((i + j) % 3)) for i, j in {*ends, (0, 1)} if i != j]
    ids = [f"p{i}" for i in range(N)]
    eco, w = build([*ties, *((id, id, 1.0) for id in ids)]), reference.amounts(ties, ids)
    graph, length = searches.lengths(eco, distance, False, None, None, None)
    work = module._Moments(graph, length, None)
    sources = drawn(seed, N, 48)
    work.of(sources[:16])
    mean, variance = work.of(sources)
    exact, spread = lenses.sampled_betweenness(w, [eco.ids[int(s)] for s in sources], LENGTHS[distance])
    assert_allclose(mean, vector(eco, exact), rtol=(2 * N * N + 80) * U)
    assert_allclose(variance, vector(eco, spread), rtol=0, atol=4 * 48 * U)
    whole = sampled_betweenness(eco, 0.01, distance=distance)  # more searches than participants
    assert whole.bound_reached == 0.0
    assert_array_equal(whole.values, betweenness_centrality(eco, distance=distance))


def test_values_and_bound_are_those_of_the_formula() -> None:
    """Recomputed from the sources with NetworkX's dependencies and the two theorems as printed."""
    eco = community()
    n, eps, delta, seed = len(eco), 0.08, 0.1, 11
    found = sampled_betweenness(eco, eps, delta=delta, seed=seed)
    sizes, rounds = schedule(n, eps, delta)
    assert found.samples in sizes
    assert found.samples < n
    sources = [eco.ids[int(s)] for s in drawn(seed, n, found.samples)]
    graph = nx.DiGraph(eco.to_networkx())
    x = np.zeros((found.samples, n))
    for q, s in enumerate(sources):
        x[q] = vector(eco, nx.betweenness_centrality_subset(graph, [s], list(graph))) / (n - 2)
    assert_allclose(found.values, x.mean(axis=0) * n / (n - 1), rtol=1e-12, atol=1e-15)
    chance, s = delta / rounds / n, found.samples
    both = np.sqrt(2 * x.var(axis=0, ddof=1) * log(4 / chance) / s) + 7 * log(4 / chance) / (3 * (s - 1))
    capped = sqrt(log(2 / chance) / (2 * s))
    bound = (capped if s == sizes[-1] else both.max()) * n / (n - 1)
    assert found.bound_reached == pytest.approx(bound, rel=1e-6)
    assert found.bound_reached <= eps
    for size in sizes[: sizes.index(s)]:  # earlier rounds weren't enough
        mean, variance = x[:size].mean(axis=0), x[:size].var(axis=0, ddof=1)
        assert bernstein(mean, variance, size, n, rounds, delta).max() > eps


# Closed forms


@given(st.integers(3, 10**7), st.floats(0.001, 0.5), st.floats(1e-6, 0.5))
def test_the_schedule_ends_where_hoeffding_needs_no_more(n: int, eps: float, delta: float) -> None:
    sizes, rounds = schedule(n, eps, delta)
    assert len(sizes) <= rounds <= len(sizes) + 1
    assert all(a < b for a, b in pairwise(sizes))
    assert all(size % 16 == 0 for size in sizes)
    assert hoeffding(sizes[-1], n, rounds, delta) <= eps < hoeffding(max(1, sizes[-1] - 17), n, rounds, delta)
    if len(sizes) > 1:
        nothing = np.zeros(1)
        assert bernstein(nothing, nothing, sizes[0], n, rounds, delta)[0] <= eps
        assert bernstein(nothing, nothing, sizes[0] - 17, n, rounds, delta)[0] > eps


def test_where_nothing_varies_the_first_round_is_enough() -> None:
    n, eps = 2000, 0.03
    eco = build([(f"p{i}", f"p{(i + 1) % n}", 1.0) for i in range(40)] + [(f"q{i}", f"r{i}", 1.0) for i in range(n)])
    found = sampled_betweenness(eco, eps)
    assert found.samples == schedule(len(eco), eps, 0.05)[0][0]


# The guarantee


@pytest.mark.parametrize(("eps", "delta", "n"), [(0.08, 0.3, 1200), (0.12, 0.5, 1200), (0.05, 0.1, 3000)])
def test_no_error_is_above_eps_more_often_than_said(eps: float, delta: float, n: int) -> None:
    """20 seeds; were the true rate delta, a count above delta * 20 + 3 sd would have a chance below 1 %."""
    eco = community(n)
    exact = betweenness_centrality(eco)
    assert exact.max() > 0.2  # there is something to miss
    seeds, wrong, beyond = 20, 0, 0
    for seed in range(seeds):
        found = sampled_betweenness(eco, eps, delta=delta, seed=seed)
        assert 0 < found.samples < len(eco)
        assert 0 < found.bound_reached <= eps
        error = float(np.abs(found.values - exact).max())
        wrong += error > eps
        beyond += error > found.bound_reached
    most = delta * seeds + 3 * sqrt(seeds * delta * (1 - delta))
    assert wrong <= beyond <= most


@pytest.mark.parametrize("p", [0.01, 0.1, 0.5])
def test_the_empirical_bound_holds_as_often_as_said_where_one_number_is_estimated(p: float) -> None:
    """n = 1 participant, one round, delta = 0.1, which the theorem spends on two sides."""
    rng = np.random.default_rng(0)
    x = (rng.random((4000, 64)) < p).astype(float)
    mean, variance = x.mean(axis=1), x.var(axis=1, ddof=1)
    bound = np.array([sqrt(2 * v * log(40) / 64) + 7 * log(40) / (3 * 63) for v in variance])
    twice = bernstein(mean, variance, 64, 2, 1, 0.2)  # n = 2 shares delta between two, and scales by n / (n - 1)
    assert_allclose(twice, 2 * bound, rtol=1e-6)
    assert (np.abs(mean - p) > bound).mean() <= 0.1


# Symmetries


def test_the_same_seed_gives_the_same_bits_on_any_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    eco = community()
    many = numba.config.NUMBA_NUM_THREADS
    results = []
    for threads, work in ((1, 10**9), (many, 1)):
        numba.set_num_threads(threads)
        monkeypatch.setattr(searches, "WORK", work)
        results.append(sampled_betweenness(eco, 0.08, seed=3))
    assert_array_equal(results[0].values, results[1].values)
    assert results[0].bound_reached == results[1].bound_reached
    assert (sampled_betweenness(eco, 0.08, seed=4).values != results[0].values).any()


def test_draws_are_even_and_begin_alike() -> None:
    """Philox4x64-10 with the seed as its key: the first words are written down."""
    assert_array_equal(drawn(5, 1000, 64)[:48], drawn(5, 1000, 48))
    counts = np.bincount(drawn(1, 10, 100_000), minlength=10)
    assert (np.abs(counts - 10_000) < 5 * sqrt(9_000)).all()
    words = np.random.Philox(key=7).random_raw(3)
    assert drawn(7, 1000, 3).tolist() == [int(word) % 1000 for word in words] == PHILOX


PHILOX = [692, 655, 120]


# When it is exact, and what is refused


@pytest.mark.parametrize("distance", [None, "inverse"])
def test_where_sampling_would_cost_more_it_is_exact(distance: str | None) -> None:
    rng = np.random.default_rng(1)
    eco = build([(f"p{i}", f"p{j}", float(w)) for i, j, w in rng.integers(1, 60, (150, 3)) if i != j])
    found = sampled_betweenness(eco, 0.1, distance=distance)
    assert (found.samples, found.bound_reached) == (len(eco), 0.0)
    assert_array_equal(found.values, betweenness_centrality(eco, distance=distance))
    two = sampled_betweenness(build([("a", "b", 1.0)]), 0.1)
    assert (two.values.tolist(), two.samples, two.bound_reached) == ([0.0, 0.0], 2, 0.0)


def test_after_rounds_in_vain_it_is_exact_too() -> None:
    """One participant that half of all pass: V is large, and the next round would be a search of everyone."""
    eco = community(600)
    sizes, _ = schedule(len(eco), 0.06, 0.05)
    assert sizes[0] < len(eco) < sizes[-1]
    said: list[float] = []
    found = sampled_betweenness(eco, 0.06, progress=lambda label, done, total: said.append(done))
    assert found.samples == len(eco)
    assert_array_equal(found.values, betweenness_centrality(eco))
    assert said == [*[size for size in sizes if size < len(eco)], len(eco)]


@pytest.mark.filterwarnings("ignore:overflow encountered", "ignore:invalid value")  # kernels as plain Python warn
def test_what_can_not_be_answered_is_refused() -> None:
    eco = build([("a", "b", 1.0), ("b", "c", 1.0)])
    wrong: Any
    for wrong in (0.0, 1.0, -1.0, float("nan")):
        with pytest.raises(EcographError, match="eps"):
            sampled_betweenness(eco, wrong)
        with pytest.raises(EcographError, match="delta"):
            sampled_betweenness(eco, 0.1, delta=wrong)
    for wrong in (-1, 2**128, 1.0, True, None):
        with pytest.raises(EcographError, match="seed"):
            sampled_betweenness(eco, 0.1, seed=wrong)
    with pytest.raises(EcographError, match="distance"):
        sampled_betweenness(eco, 0.1, distance="km")
    mixed = {"provider": ["a", "b"], "receiver": ["b", "c"], "weight": [1, 1], "relation": ["x", "y"]}
    with pytest.raises(UnitError):
        sampled_betweenness(Ecosystem.from_ties(mixed, relations={"x": "1", "y": "h"}), 0.1, distance="weight")
    with pytest.raises(WindowError):
        sampled_betweenness(Ecosystem.from_ties({"provider": [], "receiver": [], "weight": []}, {"id": ["z"]}), 0.1)
    diamonds = [t for i in range(1100) for s in "xy" for t in ((f"j{i}", f"{s}{i}", 1), (f"{s}{i}", f"j{i + 1}", 1))]
    with pytest.raises(EcographError, match="more shortest paths"):
        sampled_betweenness(build(diamonds), 0.1)
