"""The linear family against elimination in fractions; then identities, closed classes and refusals."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from ecograph.ecosystem import Ecosystem
from ecograph.errors import EcographError, ParticipantError
from ecograph.metrics.cascade import esri
from ecograph.metrics.linear import counterfactual_visits, esri_linear, hypothetical_extraction, leontief_totals
from tests.metrics.test_cascade import ecosystem, linear
from tests.reference import cascade_more as twin

IDS = [f"p{i}" for i in range(5)]
FEW = settings(max_examples=25)
Drawn = tuple[dict[tuple[str, str], int], dict[str, int], dict[str, int]]


@st.composite
def open_worlds(draw: st.DrawFn) -> Drawn:
    """Ties among five, cost and demand outside, at least 1 each: at most 9/10 of anything stays inside a row."""
    pairs = [(i, j) for i in IDS for j in IDS if i != j]
    chosen = draw(st.lists(st.sampled_from(pairs), min_size=1, max_size=12, unique=True))
    weights = {pair: draw(st.sampled_from([1, 1, 2, 9])) for pair in chosen}
    outside = [{i: draw(st.integers(4, 8)) for i in IDS} for _ in range(2)]
    return weights, outside[0], outside[1]


def made(drawn: Drawn) -> Ecosystem:
    weights, cost, demand = drawn
    return ecosystem([(i, j, float(w)) for (i, j), w in weights.items()], external_cost=cost, external_demand=demand)


def operators(drawn: Drawn) -> tuple[Any, Any, Any, dict[str, int], dict[str, int]]:
    """Lu, P and A by rows, and what each sells and puts out."""
    w, cost, demand = drawn
    out = {i: sum(v for (a, _), v in w.items() if a == i) for i in IDS}
    into = {j: sum(v for (_, b), v in w.items() if b == j) for j in IDS}
    x = {i: out[i] + demand[i] for i in IDS}
    lu: Any = {i: {j: Fraction(w[i, j], x[i]) for j in IDS if (i, j) in w} for i in IDS}
    p: Any = {j: {i: Fraction(w[i, j], into[j] + cost[j]) for i in IDS if (i, j) in w} for j in IDS}
    a: Any = {i: {j: Fraction(w[i, j], x[j]) for j in IDS if (i, j) in w} for i in IDS}
    return lu, p, a, out, x


def by_order(eco: Ecosystem, values: Any) -> list[float]:
    return [float(values[id]) for id in eco.ids]


@FEW
@given(open_worlds())
def test_closures_and_extraction_equal_the_exact_reference(drawn: Drawn) -> None:
    eco, (lu, p, a, out, x) = made(drawn), operators(drawn)
    table = esri_linear(eco, tol=1e-12)
    assert_allclose(table["up"], by_order(eco, twin.esri_linear(lu, out)), atol=1e-12, rtol=0)
    assert_allclose(table["down"], by_order(eco, twin.esri_linear(p, out)), atol=1e-12, rtol=0)
    assert table["total"].null_count() == len(eco)
    exact = by_order(eco, twin.hypothetical_extraction(a, drawn[2]))
    assert_allclose(hypothetical_extraction(eco, tol=1e-12), exact, atol=1e-12 * sum(x.values()), rtol=0)


@FEW
@given(open_worlds(), st.lists(st.integers(0, 3), min_size=5, max_size=5))
def test_totals_equal_the_exact_reference(drawn: Drawn, asked: list[int]) -> None:
    eco, (_, _, a, _, x) = made(drawn), operators(drawn)
    f = dict(zip(IDS, asked, strict=True))
    assert_allclose(leontief_totals(eco, f, tol=1e-13), by_order(eco, twin.leontief_totals(a, f)), rtol=2e-13)
    assert_allclose(leontief_totals(eco, tol=1e-13), by_order(eco, x), rtol=2e-13)  # x = L f


@FEW
@given(open_worlds(), st.permutations(IDS))
def test_visits_without_one_equal_the_exact_reference(drawn: Drawn, order: list[str]) -> None:
    eco, (_, p, _, _, _) = made(drawn), operators(drawn)
    o, *others = order
    found = counterfactual_visits(eco, o, others, tol=1e-13)
    for line, k in zip(found, others, strict=True):
        # rows of P sum to 9/13 * 4 at most 36/40: N_jj <= 10, so errors stay below 40 tol
        assert_allclose(line, by_order(eco, twin.counterfactual_visits(p, o, k)), atol=4e-12, rtol=0)


def test_against_the_cascade_and_dense_inverses() -> None:
    """Vectors D: to 1e-12 against the cascade at 1e-14, and (1'L)_k x_k / L_kk."""
    eco, w, (demand, _) = linear(12, 8)
    iterated, table = esri(eco, tol=1e-14, substitution="off").table, esri_linear(eco, tol=1e-13)
    for name in ("down", "up"):
        assert_allclose(table[name], iterated[name], atol=1e-12, rtol=0)
    x = w.sum(1) + demand
    chains = np.linalg.inv(np.eye(12) - w / x)
    assert_allclose(hypothetical_extraction(eco, tol=1e-13), chains.sum(0) * x / np.diag(chains), rtol=1e-11)
    f = np.arange(12.0)
    assert_allclose(leontief_totals(eco, f, tol=1e-13), chains @ f, rtol=1e-11)


def test_closed_classes_follow_their_rule() -> None:
    """a and b sell to each other only; c sells half to a, half outside; d sells to e, who sells nothing."""
    ties = [("a", "b", 1.0), ("b", "a", 2.0), ("c", "a", 2.0), ("d", "e", 4.0)]
    eco = ecosystem(ties, external_demand={"c": 2.0})
    table = dict(esri_linear(eco, weights={"c": 1.0}).select("id", "up").iter_rows())
    assert table == {"a": 0.5, "b": 0.5, "c": 1.0, "d": 0.0, "e": 0.0}
    limit = dict(esri(eco, weights={"c": 1.0}, tol=1e-14).table.select("id", "up").iter_rows())
    assert limit == pytest.approx(table, abs=1e-12)
    totals = dict(zip(eco.ids, leontief_totals(eco).tolist(), strict=True))
    assert totals == pytest.approx({"a": 0.0, "b": 0.0, "c": 2.0, "d": 4.0, "e": 0.0}, rel=1e-12)
    with pytest.raises(EcographError, match="each other only"):
        leontief_totals(eco, {"a": 1.0})
    with pytest.raises(EcographError, match="closed class"):
        counterfactual_visits(ecosystem([("a", "b", 1.0), ("b", "a", 2.0), ("a", "o", 1.0)]), "o", ["b"])


def test_scaling_the_unit_of_money_scales_output_and_nothing_else() -> None:
    eco, _, _ = linear(8, 2)
    unit = 2.0**20
    ties = eco.tie_table().with_columns(weight=eco.tie_table()["weight"] * unit)
    people = eco.participants.with_columns(
        external_cost=eco.participants["external_cost"] * unit,
        external_demand=eco.participants["external_demand"] * unit,
    )
    larger = Ecosystem.from_ties(ties.select("provider", "receiver", "weight"), people)
    assert esri_linear(larger).equals(esri_linear(eco))
    assert_array_equal(hypothetical_extraction(larger), hypothetical_extraction(eco) * unit)
    assert_array_equal(leontief_totals(larger), leontief_totals(eco) * unit)


def test_extraction_loses_at_least_the_own_output_and_at_most_all() -> None:
    eco, w, (demand, _) = linear(10, 3)
    x = w.sum(1) + demand
    lost = hypothetical_extraction(eco)
    assert (lost >= x * (1 - 1e-9)).all()
    assert (lost <= x.sum() * (1 + 1e-9)).all()
    base, less = counterfactual_visits(eco, eco.ids[0], [eco.ids[1], eco.ids[1]])
    assert_array_equal(base, less)
    assert base[1] == 0.0


@pytest.mark.parametrize("f", [{"p0": -1.0}, [1.0], {"p0": float("nan")}])
def test_impossible_demand_is_refused(f: Any) -> None:
    eco, _, _ = linear(4, 1)
    with pytest.raises(EcographError, match="final_demand"):
        leontief_totals(eco, f)


def test_other_impossible_questions_are_refused() -> None:
    eco, _, _ = linear(4, 1)
    with pytest.raises(EcographError, match="conductor"):
        counterfactual_visits(eco, "p0", ["p0"])
    with pytest.raises(ParticipantError, match="p9"):
        counterfactual_visits(eco, "p0", ["p9"])
    for function in (esri_linear, hypothetical_extraction, leontief_totals):
        with pytest.raises(EcographError, match="tol"):
            function(eco, tol=0.5)
