"""Reach of many pairs: exact reference, the Ledger, closed forms, symmetries, laws."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from ecograph.errors import ConvergenceError, EcographError, ParticipantError
from ecograph.metrics import chains
from ecograph.metrics.reach import reach
from ecograph.metrics.reliance import reliance
from tests import reference
from tests.metrics.test_reliance import SLACK, TOL, Ties, build, costs, networks

some = st.lists(st.integers(0, 6), min_size=1, max_size=9)


# Exact reference


@given(networks(), costs(), st.sampled_from([0.0, 0.0, 0.25]), some, some)
@example([("p1", "p0", 1.0, "r"), ("p2", "p1", 1.0, "r"), ("p1", "p2", 1.0, "r")], {}, 0.0, [0, 1, 2], [0, 1, 2])
@example([("p1", "p0", 1.0, "r"), ("p2", "p1", 1.0, "r"), ("p1", "p2", 1.0, "r")], {"p1": 1.0}, 0.0, [0, 2], [1, 2])
def test_every_pair_equals_the_exact_reference(
    ties: Ties, cost: dict[str, float], leak: float, conductors: list[int], candidates: list[int]
) -> None:
    """Few of one and many of the other, twice the same, in any order; closed classes with conductors inside and out."""
    p = reference.operator(ties, cost, leak)
    o, k = ([f"p{i}" for i in rows if f"p{i}" in p] for rows in (conductors, candidates))
    got = reach(build(ties, external_cost=cost), o, k, leak=leak)
    exact = [[float("nan") if i == j else float(reference.ever(p, j)[i]) for j in k] for i in o]
    assert_allclose(got, np.array(exact).reshape(len(o), len(k)), rtol=0, atol=TOL + SLACK, equal_nan=True)


@given(networks(), costs())
def test_rows_are_those_of_the_ledger(ties: Ties, cost: dict[str, float]) -> None:
    """Together or alone: each by its own way, within tol of each other."""
    eco = build(ties, external_cost=cost)
    ledger = reliance(eco, "p0", lenses=["reach"], feedback=True, top=99).table
    together = reach(eco, eco.ids.to_list())[eco.row_of("p0")]
    alone = reach(eco, ["p0"])[0]
    assert_allclose(together[eco.rows_of(ledger["id"].to_list())], ledger["reach"].to_numpy(), rtol=0, atol=2 * TOL)
    assert_allclose(together, alone, rtol=0, atol=2 * TOL, equal_nan=True)
    assert np.nansum(alone > 0) == ledger.height


# Closed forms


def test_a_circle_that_leaks() -> None:
    """a and b buy half from each other and half outside: f is 1/2 both ways, whatever comes back."""
    eco = build([("a", "b", 1.0), ("b", "a", 1.0), ("a", "o", 3.0), ("b", "o", 1.0)], external_cost={"a": 1, "b": 1})
    got = reach(eco, ["o", "a", "b"], ["a", "b"])
    assert_allclose(got, [[7 / 8, 5 / 8], [np.nan, 0.5], [0.5, np.nan]], rtol=0, atol=TOL)


def test_a_closed_class_is_entered_or_lived_in() -> None:
    """o buys 1/4 from the circle of a, b and c, where everyone needs everyone for ever and nobody needs d."""
    eco = build([("a", "b", 1), ("b", "c", 1), ("c", "a", 1), ("a", "o", 1), ("d", "o", 3)])
    got = reach(eco, ["o", "a"], ["a", "b", "c", "d", "o"])
    assert_allclose(got, [[0.25, 0.25, 0.25, 0.75, np.nan], [np.nan, 1, 1, 0, 0]], rtol=0, atol=TOL)


@pytest.mark.parametrize("leak", [0.5, 0.01])
def test_many_conductors_on_one_long_circle(leak: float) -> None:
    """From i to i + d on a circle of n: (1 - leak)^d. 70 conductors and 70 candidates: more than two batches."""
    n = 70
    eco = build([(f"p{(i + 1) % n}", f"p{i}", 2.0) for i in range(n)])
    at = np.array([int(id[1:]) for id in eco.ids])
    expected = (1 - leak) ** ((at[None, :] - at[:, None]) % n)
    np.fill_diagonal(expected, np.nan)
    assert_allclose(reach(eco, eco.ids.to_list(), leak=leak), expected, rtol=0, atol=TOL)


# Symmetries


@given(networks(), costs(), st.integers(-20, 20))
def test_the_unit_of_weight_cancels(ties: Ties, cost: dict[str, float], e: int) -> None:
    eco = build(ties, external_cost=cost)
    scaled = build(
        [(i, j, w * 2.0**e, r) for i, j, w, r in ties], external_cost={j: c * 2.0**e for j, c in cost.items()}
    )
    assert_array_equal(reach(scaled, ["p0"]), reach(eco, ["p0"]))


def test_conductors_in_groups_are_those_all_together(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    eco = build([(f"p{i}", f"p{j}", float(w)) for i, j, w in rng.integers(1, 60, (150, 3)) if i != j])
    ids = eco.ids.to_list()
    whole = reach(eco, ids, leak=0.1)
    monkeypatch.setattr(sys.modules[reach.__module__], "TOGETHER", 7)
    assert_allclose(reach(eco, ids, leak=0.1), whole, rtol=0, atol=2 * TOL, equal_nan=True)


# Laws


@given(networks(), costs())
def test_by_way_of_another_is_one_way(ties: Ties, cost: dict[str, float]) -> None:
    """A chain that needs j and from there k needs k: f_ok >= f_oj f_jk; and direct <= reach."""
    eco = build(ties, external_cost=cost)
    f = reach(eco, eco.ids.to_list())
    np.fill_diagonal(f, 0.0)
    assert (np.einsum("oj,jk->ojk", f, f).max(axis=1) * (1 - np.eye(len(eco))) <= f + 3 * TOL).all()
    assert ((f >= 0) & (f <= 1)).all()
    p = reference.operator(ties, cost)
    for o in p:
        for k, share in p[o].items():
            assert f[eco.row_of(o), eco.row_of(k)] >= float(share) * (1 - 1e-15)


# How it is found, what is refused


def test_the_fewer_lanes_are_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    """20 buyers of 3 sellers, b and c on a circle: a lane a seller; with one buyer, one for it and two for b and c."""
    ties = [("a", "b", 1), ("b", "c", 1), ("c", "b", 1), *((s, f"o{i}", 1 + i) for i in range(20) for s in "abc")]
    eco = build(ties)
    visited, hit = [], []
    visits, vectors = chains.visits, chains.hitting_at

    def count_visits(graph: chains.Graph, *rest: Any, **more: Any) -> chains.Visits:
        visited.append(graph.n)
        return visits(graph, *rest, **more)

    def count_nodes(graph: chains.Graph, found: chains.Visits, nodes: Any, *rest: Any) -> Any:
        hit.append(nodes.size)
        return vectors(graph, found, nodes, *rest)

    monkeypatch.setattr(chains, "visits", count_visits)
    monkeypatch.setattr(chains, "hitting_at", count_nodes)
    everyone = reach(eco, [f"o{i}" for i in range(20)], list("abc"))
    assert (len(visited), hit) == (1, [3])
    visited.clear()
    hit.clear()
    one = reach(eco, ["o3"], list("abc"))
    assert (len(visited), hit) == (2, [2])
    assert_allclose(one[0], everyone[3], rtol=0, atol=2 * TOL)
    visited.clear()
    hit.clear()
    assert_allclose(reach(eco, ["o3"], ["a"])[0], everyone[3, :1], rtol=0, atol=2 * TOL)
    assert (len(visited), hit) == (1, [])


def test_what_can_not_be_answered_is_refused() -> None:
    eco = build([("a", "o", 1.0), ("b", "a", 1.0)])
    wrong: Any
    for wrong in ("o", ["z"], [3]):
        with pytest.raises(ParticipantError):
            reach(eco, wrong)
        with pytest.raises(ParticipantError):
            reach(eco, ["o"], wrong)
    for wrong in ({"tol": 1.0}, {"tol": float("nan")}, {"leak": 1.0}, {"layer": "no"}):
        with pytest.raises(EcographError):
            reach(eco, ["o"], **wrong)
    assert reach(eco, []).shape == (0, 3)
    assert reach(eco, ["o", "a"], []).shape == (2, 0)
    with pytest.raises(ParticipantError, match="one id"):
        reach(eco, "o")


def test_what_float64_can_not_certify_is_said_for_all_conductors() -> None:
    """Chains are some 1e9 ties long: nothing is known to 1e-14 of each of two conductors."""
    ties = [("a", "b", 1e9), ("b", "a", 1e9), ("a", "o", 1.0), ("b", "q", 1.0), ("c", "a", 1.0)]
    with pytest.raises(ConvergenceError, match="2 conductors together"):
        reach(build(ties), ["o", "q"], ["c"], tol=1e-14)


def test_progress_names_conductors_and_candidates() -> None:
    eco = build([("a", "o", 1.0), ("b", "a", 1.0), ("a", "b", 0.5)], external_cost={"a": 1.0})
    said = []
    reach(eco, ["o"], ["a", "b"], progress=lambda label, done, total: said.append(label))
    assert {"candidates", "chains from the conductor"} <= set(said)
    eco = build([("a", "o", 1.0), ("b", "a", 1.0)])
    said.clear()
    reach(eco, ["o"], ["a", "b"], progress=lambda label, done, total: said.append(label))
    assert said == ["conductors"]
