"""Gradients against exact derivatives; closed forms, scales and laws of intervals and ranks."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from ecograph.ecosystem import Ecosystem
from ecograph.errors import EcographError
from ecograph.ledger import Ledger
from ecograph.metrics import expected_ranks, intervals
from ecograph.metrics.rank_intervals import Spread, from_covariance, rank_intervals
from ecograph.metrics.ranking import Bounds
from ecograph.metrics.reliance import reliance
from tests import reference
from tests.reference import uncertainty as exact
from tests.strategies import pairs

A = 0.25  # restart
Ties = list[tuple[str, str, float, str]]


@st.composite
def known_events(draw: st.DrawFn, n: int = 6) -> tuple[Ties, list[float], list[int]]:
    """Ties, each of its own provider, receiver and relation, with their squares and counts; p0 has a provider."""
    ends = list(dict.fromkeys([*draw(pairs(n, 12)), (draw(st.integers(1, n - 1)), 0)]))
    weight = st.sampled_from([1.0, 2.0, 3.0, 0.5, 7.0])
    ties = [(f"p{i}", f"p{j}", draw(weight), draw(st.sampled_from("rs"))) for i, j in ends]
    count = [draw(st.integers(1, 9)) for _ in ties]
    square = [w * w / c * draw(st.sampled_from([1.0, 1.5, 4.0])) for (_, _, w, _), c in zip(ties, count, strict=True)]
    return ties, square, count


def build(ties: Ties, square: list[float], count: list[int], **columns: Any) -> Ecosystem:
    table = pl.DataFrame(ties, schema=["provider", "receiver", "weight", "relation"], orient="row")
    table = table.with_columns(weight_sq=pl.Series(square, dtype=pl.Float64), count=pl.Series(count, dtype=pl.Int64))
    people = pl.DataFrame({"id": sorted({*table["provider"], *table["receiver"]})})
    for name, values in columns.items():
        people = people.with_columns(pl.Series(name, [values.get(id) for id in people["id"]]))
    return Ecosystem.from_ties(table, people)


def errors(ledger: Ledger, lens: str) -> dict[str, float]:
    """Standard errors, from Wilson's limits p: (v - p)^2 = z^2 p (1 - p) / n and error^2 = v (1 - v) / n."""
    out = {}
    for row in ledger.table.iter_rows(named=True):
        v, p = row[lens], row[f"{lens}_high"]
        inside = 0 < v < 1 and 0 < p < 1
        out[row["id"]] = (p - v) / intervals.Z * (v * (1 - v) / (p * (1 - p))) ** 0.5 if inside else 0.0
    return out


LENSES: dict[str, Any] = {
    "direct": lambda p: reference.direct(p, "p0"),
    "rooted": lambda p: reference.rooted(p, "p0", Fraction(A)),
    "reach": lambda p: reference.reach(p, "p0"),
    "first_round": lambda p: reference.first_round(p, "p0"),
}


@settings(max_examples=40)
@given(
    known_events(),
    st.sampled_from([{}, {"p0": 2.0, "p1": 0.5, "p2": 3.0}]),
    st.sampled_from([0.0, 0.25]),
    st.booleans(),
)
def test_errors_are_those_of_exact_derivatives(
    events: tuple[Ties, list[float], list[int]], cost: dict[str, float], leak: float, first: bool
) -> None:
    ties, square, count = events
    eco = build(ties, square, count, external_cost=cost)
    ledger = reliance(eco, "p0", top=9, restart=A, leak=leak, feedback=False if first else None, tol=1e-13)
    for lens in ledger.lenses:
        if f"{lens}_low" not in ledger.table.columns:
            assert lens == "reach"  # 1 for all members of the conductor's closed class
            continue
        found = errors(ledger, lens)
        covariance = exact.covariance(ties, square, LENSES[lens], list(found), cost, leak)
        for k, (id, error) in enumerate(found.items()):
            value = ledger.table.filter(id=id)[lens][0]
            expected = float(covariance[k][k]) ** 0.5
            if 1e-3 < value < 1 - 1e-3 and expected < 0.5:  # where limits keep the digits
                assert error == pytest.approx(expected, rel=1e-4, abs=1e-7), (lens, id)


@settings(max_examples=25)
@given(known_events(), st.sampled_from(["direct", "rooted", "reach"]))
def test_covariances_are_those_of_exact_derivatives(events: tuple[Ties, list[float], list[int]], by: str) -> None:
    """Pairs too: what the comparison of two ranks rests on."""
    ties, square, count = events
    caught: list[Any] = []

    def catch(covariance: Any, seed: int) -> Spread:
        caught.append(covariance)
        return from_covariance(covariance, seed)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(intervals, "from_covariance", catch)
        ledger = reliance(build(ties, square, count), "p0", by=by, top=9, restart=A, leak=0.1, tol=1e-13)
    covariance = exact.covariance(ties, square, LENSES[by], ledger.table["id"].to_list(), None, 0.1)
    scale = max(float(covariance[k][k]) for k in range(len(covariance)))
    assert_allclose(caught[0], np.array(covariance, float), rtol=1e-5, atol=1e-6 * scale + 1e-18)


# Closed forms


def star(counts: list[int], amount: float = 1.0) -> Ecosystem:
    ties = [(f"k{i}", "o", amount * c, "r") for i, c in enumerate(counts)]
    return build(ties, [amount * amount * c for c in counts], counts)


@given(st.lists(st.integers(1, 400), min_size=2, max_size=9))
def test_shares_of_equal_events_vary_as_a_multinomial(counts: list[int]) -> None:
    n = sum(counts)
    ledger = reliance(star(counts), "o", by="direct", lenses=["direct"], top=99)
    for id, error in errors(ledger, "direct").items():
        p = counts[int(id[1:])] / n
        assert error == pytest.approx((p * (1 - p) / n) ** 0.5, rel=1e-6)


def test_a_pair_of_shares_by_hand() -> None:
    """60 of 100 events against 40: the difference .2 has an error of (1 - .2^2)^.5 / 10; two events tell nothing."""
    sure = reliance(star([600, 400]), "o", top=2).table
    assert sure.select("rank_low", "rank_high", "tie_group").rows() == [(1, 1, "a"), (2, 2, "b")]
    unsure = reliance(star([6, 4]), "o", top=2).table
    assert unsure.select("rank_low", "rank_high", "tie_group").rows() == [(1, 2, "a"), (1, 2, "a")]


def test_intervals_of_a_pair_are_those_of_one_normal_test() -> None:
    """Two candidates are one pair: the critical value is the normal quantile, 1.96."""
    ledger = reliance(star([30, 20]), "o", top=2)
    assert ledger.provenance["intervals"]["critical_value"] == pytest.approx(1.96, abs=0.08)
    assert ledger.provenance["intervals"]["compared"] == 2


# Ranks


def poset() -> np.ndarray[Any, Any]:
    """1 < {3, 4, 5}, 2 < 4, 3 < 5 (vectors.md, Ranks)."""
    above = np.zeros((5, 5), bool)
    above[[0, 0, 0, 1, 2], [2, 3, 4, 3, 4]] = True
    return above


def test_expected_ranks_of_the_published_poset() -> None:
    assert expected_ranks(poset()).round(4).tolist() == [1.3333, 2.1111, 2.8889, 4.2222, 4.4444]


def test_rank_intervals_of_the_published_poset() -> None:
    """(1,2) (1,4) (2,4) (3,5) (3,5): pairs that can't be told apart get an error beyond any difference."""
    related = poset() | poset().T
    value = np.array([5.0, 4.0, 3.0, 2.0, 1.0])
    error = np.where(related, 0.1, 100.0)
    covariance = np.zeros((5, 5))
    spread = Spread(covariance, np.zeros((1, 5)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ecograph.metrics.rank_intervals._pair_errors", lambda *_: error)
        patch.setattr("numpy.quantile", lambda *_, **__: 1.96)
        found = rank_intervals(Bounds(value, value), spread, 5, 5)
    assert list(zip(found.low.tolist(), found.high.tolist(), strict=True)) == [(1, 2), (1, 4), (2, 4), (3, 5), (3, 5)]


@given(st.integers(1, 6), st.integers(0, 10**6))
def test_expected_ranks_equal_the_mean_over_all_orders(n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    above = np.triu(rng.random((n, n)) < 0.3, 1)
    shuffled = rng.permutation(n)
    above = above[np.ix_(shuffled, shuffled)]
    assert_allclose(expected_ranks(above), [float(v) for v in exact.expected_ranks(above.tolist())], rtol=1e-15)


def test_an_order_with_a_circle_is_refused() -> None:
    with pytest.raises(EcographError, match="circle"):
        expected_ranks([[False, True], [True, False]])
    with pytest.raises(EcographError, match="shape"):
        expected_ranks([True])


def test_a_set_that_leaves_others_out_has_open_ranks() -> None:
    """The weakest compared may as well be one of those left out."""
    value = np.array([0.9, 0.02, 0.01])
    spread = from_covariance(np.diag([1e-4, 1e-4, 1e-4]), 1)
    found = rank_intervals(Bounds(value, value), spread, 2, 50)
    assert (found.low.tolist(), found.high.tolist()) == ([1, 2, 2], [1, 50, 50])
    assert rank_intervals(Bounds(value, value), spread, 2, 3).high.tolist() == [1, 3, 3]


def test_letters_join_neighbours_that_cannot_be_told_apart() -> None:
    value = np.array([3.0, 2.0, 1.0])
    spread = from_covariance(np.eye(3) * 0.2, 1)  # neighbours: 1 / .63 = 1.6; the outer pair: 3.2
    found = rank_intervals(Bounds(value, value), spread, 1, 3)
    assert found.group == ["a", "ab", "b"]
    assert found.top[0] > 0.9 > 0.1 > found.top[2]
    assert found.top.sum() == pytest.approx(1.0)


def test_without_any_error_values_order_and_equal_ones_are_tied() -> None:
    value = np.array([3.0, 2.0, 2.0, 1.0])
    found = rank_intervals(Bounds(value, value), Spread(np.zeros((4, 4)), np.zeros((1, 4))), 2, 4)
    assert (found.low.tolist(), found.high.tolist()) == ([1, 2, 2, 4], [1, 3, 3, 4])
    assert found.group == ["a", "b", "b", "c"]


def test_values_that_move_together_are_told_apart_by_their_difference() -> None:
    """Perfectly correlated: the difference has no error, however wide each interval is."""
    value = np.array([0.5, 0.4])
    found = rank_intervals(Bounds(value, value), from_covariance(np.full((2, 2), 0.04), 1), 1, 2)
    assert (found.low.tolist(), found.high.tolist()) == ([1, 2], [1, 2])


# Scale and symmetry


@settings(max_examples=30)
@given(known_events(), st.integers(-20, 20))
def test_the_unit_of_weight_cancels_to_the_bit(events: tuple[Ties, list[float], list[int]], e: int) -> None:
    ties, square, count = events
    scaled = [(i, j, w * 2.0**e, r) for i, j, w, r in ties]
    one = reliance(build(ties, square, count), "p0")
    other = reliance(build(scaled, [s * 4.0**e for s in square], count), "p0")
    assert one.table.equals(other.table)


@settings(max_examples=30)
@given(known_events())
def test_a_relation_worth_three_is_one_of_threefold_amounts(events: tuple[Ties, list[float], list[int]]) -> None:
    ties, square, count = events
    threefold = [(i, j, w * (3 if r == "r" else 1), r) for i, j, w, r in ties]
    nine = [s * (9 if tie[3] == "r" else 1) for s, tie in zip(square, ties, strict=True)]
    worth = {"r": 3.0, "s": 1.0} if {tie[3] for tie in ties} == {"r", "s"} else {ties[0][3]: 3.0}
    one = reliance(build(ties, square, count), "p0", relation_weights=worth).table
    other = reliance(build(threefold, nine, count), "p0").table
    for name in ("direct_high", "rooted_high"):
        assert_allclose(one.sort("id")[name].to_numpy(), other.sort("id")[name].to_numpy(), rtol=1e-9)


@settings(max_examples=30)
@given(st.lists(st.integers(1, 50), min_size=2, max_size=6))
def test_four_times_the_events_halve_the_errors(counts: list[int]) -> None:
    one = errors(reliance(star(counts), "o"), "reach")
    four = errors(reliance(star([4 * c for c in counts]), "o"), "reach")
    assert all(four[id] == pytest.approx(error / 2, rel=1e-6) for id, error in one.items())


def test_the_same_seed_gives_the_same_table_and_another_moves_only_ranks() -> None:
    eco = star([9, 8, 7, 6, 5])
    one, same, other = (reliance(eco, "o", seed=seed) for seed in (3, 3, 4))
    assert one.table.equals(same.table)
    limits = ["id", "direct_low", "direct_high", "reach_low", "reach_high"]
    assert one.table.select(limits).equals(other.table.select(limits))


# Laws


@settings(max_examples=30)
@given(known_events())
def test_limits_and_ranks_contain_what_they_are_about(events: tuple[Ties, list[float], list[int]]) -> None:
    ledger = reliance(build(*events), "p0", top=9)
    table = ledger.table
    assert ((table["rank_low"] <= table["rank"]) & (table["rank"] <= table["rank_high"])).all()
    assert table["p_top"].is_between(0, 1).all()
    for lens in ledger.lenses:
        if f"{lens}_low" in table.columns:
            assert ((table[f"{lens}_low"] >= 0) & (table[f"{lens}_low"] <= table[lens])).all()
            assert ((table[lens] <= table[f"{lens}_high"]) & (table[f"{lens}_high"] <= 1)).all()


@settings(max_examples=30)
@given(known_events())
def test_splitting_a_tie_by_period_changes_no_interval(events: tuple[Ties, list[float], list[int]]) -> None:
    """Two ties of half the events each: weight, square and count add up."""
    ties, square, count = events
    assume(all(c > 1 for c in count))
    halves = [(i, j, w / 2, r + part) for i, j, w, r in ties for part in "xy"]
    split = build(halves, [s / 2 for s in square for _ in "xy"], [c for c in count for _ in "xy"])
    one, two = reliance(build(ties, square, count), "p0").table, reliance(split, "p0").table
    joined = one.join(two, on="id", suffix="_two")
    for name in ("direct_high", "rooted_high"):
        assert_allclose(joined[name].to_numpy(), joined[f"{name}_two"].to_numpy(), rtol=1e-6)


def test_without_counts_there_are_no_intervals_and_a_note_says_so() -> None:
    eco = Ecosystem.from_ties({"provider": ["a", "b"], "receiver": ["o", "o"], "weight": [1, 2]})
    ledger = reliance(eco, "o")
    assert not ledger.has_intervals
    assert "No intervals: the ties don't tell how many events they are sums of." in ledger.notes
    assert not any("No intervals" in note for note in reliance(eco, "o", intervals="none").notes)


def test_thin_receivers_are_told() -> None:
    """o buys half of what it needs from m, who bought it in three events only: half as many steps as o's own."""
    eco = build([("m", "o", 50.0, "r"), ("n", "o", 50.0, "r"), ("s", "m", 3.0, "r")], [50.0, 50.0, 3.0], [50, 50, 3])
    (note,) = [n for n in reliance(eco, "o").notes if "fewer than 5" in n]
    assert note.startswith("33.3% of the steps that make up reach start at participants with fewer than 5 events")
    assert not any("fewer than 5" in n for n in reliance(star([50, 40]), "o").notes)
