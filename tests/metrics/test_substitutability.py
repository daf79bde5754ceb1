"""Substitutability: exact reference, closed forms, symmetries, laws."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from ecograph.ecosystem import Ecosystem
from ecograph.errors import EcographError, ParticipantError, TieTableError, UnitError, WindowError
from ecograph.metrics.operator import arrows
from ecograph.metrics.substitutability import substitutability, substitutability_row
from tests.metrics.test_reliance import Ties, build, networks
from tests.reference import lenses

U = 2.0**-53
N = 7
People = tuple[dict[str, str], dict[str, float]]


@st.composite
def people(draw: st.DrawFn) -> People:
    """Groups, some null; capacities, some null, none in some groups."""
    ids = [f"p{i}" for i in range(N)]
    group = {id: draw(st.sampled_from(["g", "h", "p0", None])) for id in ids}  # a group may be called as somebody is
    capacity = {id: draw(st.sampled_from([None, 0.0, 2.0, 11.0, 40.0])) for id in ids}
    bare = draw(st.sampled_from([None, "g", "h"]))
    return (
        {id: g for id, g in group.items() if g is not None},
        {id: float(c) for id, c in capacity.items() if c is not None and (bare is None or group[id] != bare)},
    )


def column(eco: Ecosystem, o: str = "p0", **options: Any) -> dict[str, float]:
    return dict(zip(eco.ids, substitutability(eco, o, **options).tolist(), strict=True))


# Exact reference


@given(networks(), people(), st.integers(0, N - 1))
def test_equals_the_exact_reference(ties: Ties, who: People, conductor: int) -> None:
    """capacity - out is exact up to the rounding of out, N terms, and what it cancels: both absolute."""
    group, capacity = who
    ids = sorted({*(t[0] for t in ties), *(t[1] for t in ties)})
    o = ids[conductor % len(ids)]
    exact = lenses.substitutability(ties, ids, o, group, capacity)
    eco = build(ties, group=group, capacity=capacity)
    smallest = min((w for _, _, w, _ in ties if w > 0), default=1.0)
    slack = 4 * N * N * U * max(1.0, sum(abs(w) for _, _, w, _ in ties) / smallest)
    got = substitutability(eco, o)
    assert_allclose(got, [float(exact[id]) for id in eco.ids], rtol=8 * N * U, atol=slack)


# Closed forms


def test_spare_capacity_over_what_is_needed() -> None:
    """k gives o 4 (and q 6); a could give 1 more and b 2 more, of k's group; c is of another; d's capacity is null."""
    ties = [("k", "o", 4), ("k", "q", 6), ("a", "q", 1), ("b", "q", 3), ("c", "q", 1), ("d", "q", 1), ("e", "q", 2)]
    group = dict.fromkeys("kabd", "rides") | {"c": "food"}
    eco = build(ties, group=group, capacity={"k": 10, "a": 2, "b": 5, "c": 99})
    found = column(eco, "o")
    assert (found["k"], found["a"], found["b"], found["d"]) == (
        0.75,
        1.0,
        1 / 3,
        1.0,
    )  # a, d: 2 + 0 and 1 + 2, needed 1
    assert (found["c"], found["e"]) == (0.0, 0.0)  # alone in a group, alone without one
    assert np.isnan(found["o"])
    assert np.isnan(found["q"])
    assert column(eco, "q")["k"] == 0.5  # q takes 6
    assert column(eco, "a")["k"] == 0.3  # no direct provider of a: all 10


def test_more_than_enough_is_1_and_overuse_spares_nothing() -> None:
    ties = [("k", "o", 4), ("a", "q", 1), ("b", "q", 9)]
    group = dict.fromkeys("kab", "g")
    assert column(build(ties, group=group, capacity={"a": 100}), "o")["k"] == 1.0
    assert column(build(ties, group=group, capacity={"b": 5}), "o")["k"] == 0.0
    assert column(build(ties, group=group, capacity={"b": 5, "a": 2}), "o")["k"] == 0.25
    assert (
        column(build(ties, group=group, capacity={"k": 99}), "o")["k"] == 0.0
    )  # somebody's is known: null is no spare


@pytest.mark.parametrize("n", [1, 2, 50])
def test_equal_ones_without_capacities_share_the_market(n: int) -> None:
    eco = build([(f"p{i}", "o", 3.0) for i in range(n)], group={f"p{i}": "g" for i in range(n)})
    assert_allclose(substitutability(eco, "o")[eco.rows_of([f"p{i}" for i in range(n)])], 1 - 1 / n, rtol=n * U)


def test_a_small_one_is_not_lost_beside_a_large_one() -> None:
    """1 - 1e16 / (1e16 + 1) has no digits left when it is computed so."""
    eco = build([("k", "o", 1e16), ("a", "o", 1.0)], group=dict.fromkeys("ka", "g"))
    assert column(eco, "o")["k"] == pytest.approx(1e-16, rel=1e-15, abs=0)
    ties = [("k", "o", 1e16), ("a", "o", 1.0), ("b", "o", 1.0)]
    eco = build(ties, group=dict.fromkeys("kab", "g"), capacity={"k": 3e16, "a": 1.0, "b": 1.25})
    assert column(eco, "o")["k"] == 0.25 / 1e16


def test_owned_ones_and_the_conductor_stand_in() -> None:
    ties = [("k", "o", 4), ("own", "q", 1), ("o", "q", 1)]
    eco = build(ties, group=dict.fromkeys(["k", "own", "o"], "g"), capacity={"own": 2, "o": 2}, owner={"own": "o"})
    assert column(eco, "o")["k"] == 0.5


# Symmetries


@given(networks(), people(), st.integers(-20, 20))
def test_the_unit_cancels(ties: Ties, who: People, e: int) -> None:
    group, capacity = who
    scaled = [(i, j, w * 2.0**e, r) for i, j, w, r in ties]
    eco = build(scaled, group=group, capacity={id: c * 2.0**e for id, c in capacity.items()})
    assert_array_equal(substitutability(eco, "p0"), substitutability(build(ties, group=group, capacity=capacity), "p0"))


# Laws


@given(networks(), people(), st.sampled_from([f"p{i}" for i in range(N)]), st.floats(0, 50))
def test_one_more_capacity_never_makes_others_harder_to_replace(
    ties: Ties, who: People, grown: str, more: float
) -> None:
    """Where the group has some already: the first capacity of a group changes what is measured."""
    group, capacity = who
    eco, o = build(ties, group=group, capacity=capacity), "p0"
    larger = build(ties, group=group, capacity=capacity | {grown: capacity.get(grown, 0.0) + more})
    before, after = column(eco, o), column(larger, o)
    for k, value in before.items():
        known = any(group.get(k) is not None and group.get(i) == group.get(k) for i in capacity) or k in capacity
        assert not (0.0 <= value <= 1.0) or not known or after[k] >= value
        assert k != grown or not known or after[k] == value or np.isnan(value)  # its own doesn't matter
        assert np.isnan(value) or 0.0 <= value <= 1.0


# Units, and what is refused


def test_capacity_is_in_the_unit_that_weights_lead_to_and_not_in_shares() -> None:
    ties = {"provider": list("kak"), "receiver": list("oqq"), "weight": [4, 1, 1], "relation": list("xyy")}
    people = {"id": ["k", "a"], "group": ["g", "g"], "capacity": [None, 12.0]}
    eco = Ecosystem.from_ties(ties, people, relations={"x": "1", "y": "USD"})
    assert column(eco, "o", relation_weights={"x": 2.0, "y": 10.0})["k"] == 2 / 8
    with pytest.raises(UnitError, match="different units"):
        substitutability(eco, "o")
    with pytest.raises(UnitError, match="capacity"):
        substitutability(eco, "o", normalise="relation")
    with pytest.raises(UnitError, match="capacity"):
        substitutability_row(eco, arrows(eco, normalise="relation"), 0, normalise="relation")
    bare = Ecosystem.from_ties(ties, {"id": ["k", "a"], "group": ["g", "g"]}, relations={"x": "1", "y": "USD"})
    assert column(bare, "o", normalise="relation")["k"] == 0.25  # 1 + 1/2 of the group's 2


@pytest.mark.filterwarnings("ignore:overflow encountered", "ignore:invalid value")  # kernels as plain Python warn
def test_what_can_not_be_answered_is_refused() -> None:
    eco = build([("a", "o", 1.0)])
    wrong: Any
    for wrong in ("z", None, ["a", "o"]):
        with pytest.raises(ParticipantError):
            substitutability(eco, wrong)
    for wrong in (-1.0, float("nan"), float("inf")):
        with pytest.raises(TieTableError, match="capacity"):
            build([("a", "o", 1.0)], capacity={"a": wrong})
    with pytest.raises(EcographError, match="larger unit"):
        substitutability(build([("a", "o", 1.5e308), ("b", "o", 1.5e308)]), "o")
    nothing = Ecosystem.from_ties({"provider": [], "receiver": [], "weight": []}, {"id": ["alone"]})
    with pytest.raises(WindowError):
        substitutability(nothing, "alone")
