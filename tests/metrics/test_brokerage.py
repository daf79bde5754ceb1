"""Brokerage and captive: exact references, NetworkX, closed forms, symmetries, and what binds them to each other."""

from __future__ import annotations

import sys
from dataclasses import replace
from fractions import Fraction
from typing import Any

import networkx as nx
import numba
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from ecograph.ecosystem import Ecosystem
from ecograph.errors import EcographError, MissingDependencyError, ParticipantError, UnitError, WindowError
from ecograph.metrics import searches
from ecograph.metrics.brokerage import brokerage, brokerage_rows
from ecograph.metrics.captive import captive, captive_row
from ecograph.metrics.operator import dependence
from ecograph.metrics.reach import reach
from tests import reference
from tests.metrics.test_reliance import Ties, build, networks
from tests.reference import lenses
from tests.strategies import pairs

U = 2.0**-53
N = 8
RTOL = (2 * N * N + 8) * U  # sums of at most N * N terms >= 0, each rounded a few times
VECTORS = [("A", "O"), ("B", "O"), ("C", "A"), ("C", "B"), ("D", "C"), ("E", "C"), ("F", "D"), ("F", "E")]


def hop(share: Fraction) -> Fraction:
    return Fraction(1)


def inverse(share: Fraction) -> Fraction:
    return 1 / share


def vector(eco: Ecosystem, values: dict[Any, Any]) -> NDArray[np.float64]:
    return np.array([float(values.get(id, 0)) for id in eco.ids])


@st.composite
def halves(draw: st.DrawFn) -> tuple[Ties, dict[str, float]]:
    """Amounts are powers of two, and costs fill each one's inputs up to one: 1 / P and its sums are exact."""
    ends = sorted({(i, j) for i, j in draw(pairs(N, 30)) if i != j} | {(draw(st.integers(1, N - 1)), 0)})
    ties = [(f"p{i}", f"p{j}", draw(st.sampled_from([1.0, 1.0, 2.0, 4.0])), "r") for i, j in ends]
    cost = {}
    for j in {receiver for _, receiver, _, _ in ties}:
        total = sum(w for _, receiver, w, _ in ties if receiver == j)
        cost[j] = 2.0 ** (draw(st.sampled_from([0, 0, 1])) + int(np.ceil(np.log2(total)))) - total
    return ties, cost


# Exact references, and NetworkX


@given(halves())
def test_brokerage_equals_the_exact_reference(given_: tuple[Ties, dict[str, float]]) -> None:
    ties, cost = given_
    eco, p = build(ties, external_cost=cost), reference.operator(ties, cost)
    assert_allclose(brokerage(eco, "p0"), vector(eco, lenses.brokerage(p, "p0", hop)), rtol=RTOL)
    assert_allclose(
        brokerage(eco, "p0", distance="inverse"), vector(eco, lenses.brokerage(p, "p0", inverse)), rtol=RTOL
    )


@given(networks())
def test_brokerage_equals_networkx(ties: Ties) -> None:
    eco, p = build(ties), reference.operator(ties)
    graph = nx.DiGraph([(j, i) for j, row in p.items() for i in row])
    theirs = nx.betweenness_centrality_subset(graph, ["p0"], list(graph))
    r = len(lenses.reached(p, "p0"))
    assert_allclose(brokerage(eco, "p0") * max(r - 1, 1), vector(eco, theirs) * (r > 1), rtol=2 * RTOL)


@given(networks())
def test_captives_are_those_that_fall_out_when_one_is_taken_away(ties: Ties) -> None:
    pytest.importorskip("graph_tool", reason="graph-tool comes from apt or conda, not from pip")
    eco, p = build(ties), reference.operator(ties)
    assert_array_equal(captive(eco, "p0"), vector(eco, lenses.captive(p, "p0")))


@given(networks(), st.integers(0, 6))
def test_captives_equal_the_dominator_tree_of_networkx(ties: Ties, root: int) -> None:
    """Any root, and participants that it doesn't reach: vertex 0 is the root, reached, or neither."""
    pytest.importorskip("graph_tool", reason="graph-tool comes from apt or conda, not from pip")
    eco, p = build(ties), reference.operator(ties)
    o = f"p{root}"
    assume(o in p)
    graph = nx.DiGraph([(j, i) for j, row in p.items() for i in row])
    graph.add_nodes_from(p)
    above = {t: k for t, k in nx.immediate_dominators(graph, o).items() if t != o}
    counts = dict.fromkeys(p, 0)
    for t in above:
        k = above[t]
        while k != o:
            counts[k] += 1
            k = above[k]
    assert_array_equal(captive(eco, o), vector(eco, {k: c / max(len(above) - 1, 1) for k, c in counts.items()}))


# Closed forms


@pytest.mark.parametrize("others", [[], [("X", "Y"), ("Y", "X"), ("O", "X")]])  # and an unreached part
def test_the_small_graph_of_the_design(others: list[tuple[str, str]]) -> None:
    """vectors.md, "Reliance on a small graph"; dependence arrows there are ties turned round here."""
    pytest.importorskip("graph_tool", reason="graph-tool comes from apt or conda, not from pip")
    eco = build([(i, j, 1.0) for i, j in VECTORS + others])
    assert_allclose(brokerage(eco, "O"), vector(eco, {"A": 0.4, "B": 0.4, "C": 0.6, "D": 0.1, "E": 0.1}), rtol=4 * U)
    assert_array_equal(captive(eco, "O"), vector(eco, {"C": 0.6}))


@pytest.mark.parametrize("n", [2, 3, 30])
def test_on_a_chain_both_count_who_comes_after(n: int) -> None:
    pytest.importorskip("graph_tool", reason="graph-tool comes from apt or conda, not from pip")
    eco = build([(f"p{i + 1}", f"p{i}", 3.0) for i in range(n)])
    after = vector(eco, {f"p{i}": (n - i) / (n - 1) if n > 1 and i else 0 for i in range(n + 1)})
    assert_array_equal(brokerage(eco, "p0"), after)
    assert_array_equal(brokerage(eco, "p0", distance="inverse"), after)
    assert_array_equal(captive(eco, "p0"), after)
    assert not brokerage(eco, f"p{n}").any()  # nobody, and then one other: R < 2
    assert not captive(eco, f"p{n - 1}").any()


def test_a_large_share_is_a_short_way() -> None:
    """o takes c from a (3/4 * 1) and from b; b is as good in hops, a alone is by shares."""
    eco = build([("a", "o", 3.0), ("b", "o", 1.0), ("c", "a", 1.0), ("c", "b", 1.0)])
    assert brokerage(eco, "o")[eco.rows_of(["a", "b"])].tolist() == [0.25, 0.25]
    assert brokerage(eco, "o", distance="inverse")[eco.rows_of(["a", "b"])].tolist() == [0.5, 0.0]
    eco = build([("a", "o", 3.0), ("b", "o", 1.0), ("c", "a", 1.0), ("c", "b", 1.0)], external_cost={"a": 9.0})
    assert brokerage(eco, "o", distance="inverse")[eco.rows_of(["a", "b"])].tolist() == [0.0, 0.5]  # 1 / P[a, c] = 10


def test_a_circle_too_long_for_an_ordinary_stack() -> None:
    """o needs 1 needs 2 ... needs n - 1 needs 1: as deep as recursion over it can be."""
    pytest.importorskip("graph_tool", reason="graph-tool comes from apt or conda, not from pip")
    n = 400_000
    provider = np.append(np.arange(1, n), 1).astype(np.int32)
    p = replace(dependence(build([("a", "o", 1.0)])), ptr=np.arange(n + 1), provider=provider, given=np.ones(n))
    after = (n - 1.0 - np.arange(n)) / (n - 2)
    after[0] = 0.0
    assert_array_equal(captive_row(p, 0), after)


# Symmetries


@given(networks(), st.lists(st.integers(-20, 20), min_size=7, max_size=7))
def test_each_one_may_count_in_its_own_unit(ties: Ties, exponents: list[int]) -> None:
    """Shares of a receiver's inputs don't change when all of them are scaled."""
    scaled = [(i, j, w * 2.0 ** exponents[int(j[1:])], relation) for i, j, w, relation in ties]
    for distance in (None, "inverse"):
        assert_array_equal(
            brokerage(build(scaled), "p0", distance=distance), brokerage(build(ties), "p0", distance=distance)
        )


@pytest.mark.parametrize("distance", [None, "inverse"])
def test_threads_rounds_and_company_give_the_same_bits(distance: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    eco = build([(f"p{i}", f"p{j}", float(w)) for i, j, w in rng.integers(1, 100, (400, 3)) if i != j])
    ids = eco.ids.to_list()
    many = numba.config.NUMBA_NUM_THREADS
    results = []
    for threads, work in ((1, 10**9), (many, 1)):
        numba.set_num_threads(threads)
        monkeypatch.setattr(searches, "WORK", work)
        results.append(brokerage(eco, ids, distance=distance))
    assert_array_equal(results[0], results[1])
    for id in ids[::20]:
        assert_array_equal(brokerage(eco, id, distance=distance), results[0][ids.index(id)])
    p = dependence(eco)
    assert_array_equal(brokerage_rows(p, np.array([3, 1]), weighted=distance is not None), results[0][[3, 1]])


# Laws


@given(networks())
def test_captives_are_never_more_than_what_is_brokered(ties: Ties) -> None:
    """All chains to a captive pass k, so all shortest ones do."""
    pytest.importorskip("graph_tool", reason="graph-tool comes from apt or conda, not from pip")
    eco, p = build(ties), reference.operator(ties)
    held = captive(eco, "p0")
    for distance in (None, "inverse"):
        between = brokerage(eco, "p0", distance=distance)
        assert (held <= between * (1 + RTOL)).all()
        assert (between <= 1 + RTOL).all()
    r = len(lenses.reached(p, "p0"))
    steps = reference.distances(p, hop)["p0"].values()
    assert_allclose(brokerage(eco, "p0").sum() * (r - 1), float(sum(steps) - r) if r > 1 else 0.0, rtol=RTOL)


@given(networks())
def test_what_is_captive_is_needed_no_more_often_than_its_keeper(ties: Ties) -> None:
    """Every chain that needs t needs k before; and where k keeps all ends of chains and nothing leaks, its reach is 1.

    captive <= reach is no law: a provider of 1 % of the inputs may keep 99 of 100 participants.
    """
    pytest.importorskip("graph_tool", reason="graph-tool comes from apt or conda, not from pip")
    eco, p = build(ties), reference.operator(ties)
    held, needed = captive(eco, "p0"), reach(eco, ["p0"])[0]
    everyone = lenses.reached(p, "p0")
    ends = {k for k in everyone if not p[k]}
    closed = any(reference.in_closed_class(p, k, lambda j: False) for k in everyone)
    for k in everyone:
        kept = everyone - {k} - lenses.reached(p, "p0", without=k)
        row = eco.row_of(k)
        assert (len(kept) > 0) == (held[row] > 0) or len(everyone) < 2
        assert all(needed[eco.row_of(t)] <= needed[row] + 2e-10 for t in kept)
        if ends <= kept | {k} and not closed:
            assert_allclose(needed[row], 1.0, atol=2e-10)


def test_a_keeper_of_many_may_be_needed_seldom() -> None:
    ties = [("k", "o", 1.0), ("a", "o", 99.0), *((f"p{i}", "k", 1.0) for i in range(8))]
    eco = build(ties)
    assert captive(eco, "o")[eco.row_of("k")] == 8 / 9
    assert_allclose(reach(eco, ["o"], ["k"]), 0.01, rtol=1e-12)


# What is refused, and what is said on the way


def test_hops_need_no_common_unit_and_lengths_do() -> None:
    pytest.importorskip("graph_tool", reason="graph-tool comes from apt or conda, not from pip")
    ties = {"provider": ["a", "b", "c"], "receiver": ["o", "a", "a"], "weight": [3, 1, 3], "relation": list("xyx")}
    eco = Ecosystem.from_ties(ties, {"id": ["a"], "external_cost": [2.0]}, relations={"x": "1", "y": "USD"})
    at = eco.row_of("a")
    assert brokerage(eco, "o")[at] == captive(eco, "o")[at] == brokerage(eco, "o", normalise="relation")[at] == 1.0
    with pytest.raises(UnitError):
        brokerage(eco, "o", distance="inverse")
    assert brokerage(eco, "o", distance="inverse", relation_weights={"x": 1.0, "y": 2.0})[at] == 1.0
    for lens in (brokerage, captive):
        assert not lens(eco, "o", relation_weights={"x": 0.0, "y": 1.0}).any()  # then o has no providers
    assert captive(eco, ["o", "a"]).shape == brokerage(eco, ["o", "a"]).shape == (2, 4)
    assert captive(eco, []).shape == brokerage(eco, []).shape == (0, 4)


def test_what_can_not_be_answered_is_refused() -> None:
    eco = build([("a", "o", 1e-320), ("b", "o", 1.0), ("c", "b", 1.0)])
    with pytest.raises(EcographError, match="add up"):
        brokerage(eco, "o", distance="inverse")
    with pytest.raises(EcographError, match="distance='weight'"):
        brokerage(eco, "o", distance="weight")
    wrong: Any
    for wrong in ("z", ["o", "z"], [0], [None]):
        for lens in (brokerage, captive):
            with pytest.raises(ParticipantError):
                lens(eco, wrong)
    nothing = Ecosystem.from_ties({"provider": [], "receiver": [], "weight": []}, {"id": ["alone"]})
    for lens in (brokerage, captive):
        with pytest.raises(WindowError):
            lens(nothing, "alone")


@pytest.mark.filterwarnings("ignore:overflow encountered", "ignore:invalid value")  # kernels as plain Python warn
@pytest.mark.parametrize("diamonds", [1024, 1030])  # the end of the 1024th is the first with 2**1024 chains
def test_more_chains_than_float64_counts_are_refused(diamonds: int) -> None:
    ties = [
        t for i in range(diamonds) for s in "xy" for t in ((f"{s}{i}", f"j{i}", 1.0), (f"j{i + 1}", f"{s}{i}", 1.0))
    ]
    eco = build(ties)
    with pytest.raises(EcographError, match="more shortest paths"):
        brokerage(eco, "j0")
    assert brokerage(eco, f"j{diamonds - 1023}").max() < 1.0  # 2**1023 chains are counted


def test_without_graph_tool_captive_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "graph_tool", None)
    eco = build([("a", "o", 1.0), ("b", "a", 1.0)])
    with pytest.raises(MissingDependencyError, match="graph-tool"):
        captive(eco, "o")


def test_progress_counts_conductors() -> None:
    pytest.importorskip("graph_tool", reason="graph-tool comes from apt or conda, not from pip")
    eco = build([("a", "o", 1.0), ("b", "a", 1.0)])
    said: list[tuple[str, float, float | None]] = []
    captive(eco, ["o", "a"], progress=lambda *what: said.append(what))
    brokerage(eco, ["o", "a"], progress=lambda *what: said.append(what))
    assert said == [("captive", 1, 2), ("captive", 2, 2), ("brokerage", 2, 2)]
