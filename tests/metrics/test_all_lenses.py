"""The Ledger with every lens, and intervals by drawing events anew or dropping them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from ecograph.ecosystem import Ecosystem
from ecograph.errors import ConvergenceError, EcographError
from ecograph.metrics import brokerage, captive, kendall_tau_b, reliance, substitutability
from ecograph.metrics.question import LENSES, build_lenses
from ecograph.metrics.rank_intervals import from_replicates
from tests.metrics.test_intervals import Ties, build, known_events, star

# O-A O-B A-C B-C C-D C-E D-F E-F of vectors.md: O depends on A, ...
SMALL = [(arrow[1], arrow[0], 4.0, "r") for arrow in ("OA", "OB", "AC", "BC", "CD", "CE", "DF", "EF")]


def small(**columns: dict[str, object]) -> Ecosystem:
    return build(SMALL, [4.0] * 8, [4] * 8, **columns)


def test_the_small_graph_of_the_vectors_by_every_lens() -> None:
    table = reliance(small(), "O", lenses=LENSES, intervals="none").table
    values = {row["id"]: row for row in table.iter_rows(named=True)}
    assert {k: round(v["brokerage"], 12) for k, v in values.items()} == {
        "A": 0.4, "B": 0.4, "C": 0.6, "D": 0.1, "E": 0.1, "F": 0.0}  # fmt: skip
    assert {k: v["captive"] for k, v in values.items()} == {"C": 0.6} | dict.fromkeys("ABDEF", 0.0)
    assert set(table["substitutability"]) == {0.0}


@pytest.mark.parametrize("by", ["brokerage", "captive"])
def test_a_lens_of_hops_ranks_and_equals_its_function(by: str) -> None:
    eco = small()
    table = reliance(eco, "O", lenses=LENSES, by=by, intervals="none").table
    alone = {"brokerage": brokerage, "captive": captive}[by](eco, "O")
    assert table[by].to_list() == [alone[eco.row_of(id)] for id in table["id"]]
    assert table["id"][0] == "C"
    assert table[by].is_sorted(descending=True)


@settings(max_examples=20)
@given(known_events(), st.sampled_from([0.0, 0.25]))
def test_criticality_is_reach_where_inputs_are_linear_and_nobody_stands_in(
    events: tuple[Ties, list[float], list[int]], leak: float
) -> None:
    ledger = reliance(
        build(*events), "p0", lenses=["reach", "criticality"], top=9, leak=leak, feedback=True, intervals="none"
    )
    assert_allclose(ledger.table["criticality"].to_numpy(), ledger.table["reach"].to_numpy(), rtol=0, atol=1e-8)


def test_criticality_ranks_and_knows_essential_inputs_and_stand_ins() -> None:
    """Flour is a tenth of what the baker buys, and without it nothing gets baked; ovens stand in for each other."""
    ties = [("mill", "o", 1.0, "r"), ("oven1", "o", 5.0, "r"), ("oven2", "o", 4.0, "r")]
    eco = build(
        ties, [1.0, 5.0, 4.0], [4, 4, 4], group={"mill": "flour", "oven1": "oven", "oven2": "oven", "o": "bakery"}
    )
    essential = {("flour", "bakery"): 2}
    options = {"lenses": ["criticality"], "by": "criticality", "intervals": "none"}
    table = reliance(eco, "o", essentiality=essential, **options).table  # type: ignore[arg-type]
    assert table.select("id", "criticality").rows() == [("mill", 1.0), ("oven1", 0.5), ("oven2", 0.4)]
    certificate = reliance(eco, "o", essentiality=essential, **options).certificate  # type: ignore[arg-type]
    assert not certificate.proved
    assert "at which a round changed no more than 1e-12" in certificate.sentence
    assert reliance(eco, "o", intervals="none").certificate.proved
    table = reliance(eco, "o", substitution="market", **options).table  # type: ignore[arg-type]
    assert dict(table.select("id", "criticality").iter_rows())["mill"] == pytest.approx(0.1)
    assert table["criticality"].max() == pytest.approx(0.5)  # nobody has what one oven of two lacks: s = 1 at first


def test_criticality_has_limits_by_drawing_anew_and_both_sides() -> None:
    table = reliance(small(), "O", lenses=["criticality", "criticality_up"], by="criticality", replicates=20).table
    assert {"criticality_low", "criticality_up_high", "rank_low"} <= set(table.columns)
    assert (table["criticality_low"] <= table["criticality_high"]).all()
    assert (table["criticality_up"] == 0).all()  # O sells nothing


def test_the_least_substitutable_comes_first_and_agreement_counts_it_so() -> None:
    ties = [("a", "o", 5.0, "r"), ("b", "o", 3.0, "r"), ("c", "o", 2.0, "r")]
    eco = build(ties, [5.0, 3.0, 2.0], [5, 3, 2], group={"a": "g", "b": "g", "c": "h"})
    ledger = reliance(
        eco, "o", lenses=["direct", "rooted", "substitutability"], by="substitutability", intervals="none"
    )
    expected = substitutability(eco, "o")
    assert ledger.table.select("id", "substitutability").rows() == [
        ("c", 0.0), ("a", pytest.approx(0.375)), ("b", pytest.approx(0.625))]  # fmt: skip
    assert ledger.table["substitutability"].to_list() == [expected[eco.row_of(id)] for id in ledger.table["id"]]
    two = build([*ties, ("c", "a", 1.0, "r")], [5.0, 3.0, 2.0, 1.0], [5, 3, 2, 1], group={"a": "g", "b": "g", "c": "h"})
    agreement = reliance(two, "o", lenses=["direct", "substitutability"], by="direct", intervals="none").agreement
    assert agreement is not None
    assert agreement["substitutability"][0] == pytest.approx(kendall_tau_b([5, 3, 2], [2, 1, 3]))


def test_unit_of_capacity_and_relation_weights_go_together() -> None:
    """normalise= turns amounts into shares, which no capacity can be compared with."""
    eco = small(capacity={"C": 9.0})
    with pytest.raises(EcographError, match="capacity is an amount"):
        reliance(eco, "O", lenses=["substitutability"], by="substitutability", normalise="relation")


# Drawing anew


def test_bootstrap_and_delta_agree_where_events_are_many() -> None:
    """Widths within 15 %: 300 replicates know a standard error to 4 %."""
    counts = [400, 300, 200, 100]
    by_delta = reliance(star(counts), "o").table
    by_bootstrap = reliance(star(counts), "o", intervals="bootstrap", replicates=300, seed=5).table
    for lens in ("direct", "rooted", "reach"):
        width = [(t[f"{lens}_high"] - t[f"{lens}_low"]).to_numpy() for t in (by_delta, by_bootstrap)]
        assert_allclose(width[1], width[0], rtol=0.15)
    assert by_delta.select("rank_low", "rank_high").rows() == by_bootstrap.select("rank_low", "rank_high").rows()


def test_replicates_tell_what_cannot_be_told_apart() -> None:
    """Six events against four are no difference, six hundred against two hundred are one."""
    few, many = (
        reliance(star(counts), "o", lenses=["reach"], intervals="bootstrap").table for counts in ([6, 4], [600, 200])
    )
    assert few.select("rank_low", "rank_high", "tie_group").rows() == [(1, 2, "a"), (1, 2, "a")]
    first = reliance(star([6, 4]), "o", lenses=["reach"], intervals="bootstrap", top=1).table["p_top"].to_list()
    assert [0.5 < chance < 1.0 for chance in first] == [True]
    assert many.select("rank_low", "rank_high", "tie_group").rows() == [(1, 1, "a"), (2, 2, "b")]


def test_the_spread_of_replicates_is_their_sample_covariance() -> None:
    values = np.random.default_rng(1).normal([0.0, 5.0, -3.0, 1.0], size=(50, 4))
    spread = from_replicates(values)
    assert_allclose(spread.covariance, np.cov(values.T), rtol=1e-12, atol=1e-14)
    assert_allclose(spread.deviation, values - values.mean(axis=0), rtol=0, atol=0)


def test_bootstrap_and_delta_agree_on_circles_too() -> None:
    ties = [("a", "o", 300.0, "r"), ("b", "o", 100.0, "r"), ("b", "a", 200.0, "r"), ("a", "b", 150.0, "r"),
            ("c", "b", 250.0, "r"), ("o", "c", 100.0, "r"), ("d", "c", 300.0, "r")]  # fmt: skip
    eco = build(ties, [w for *_, w, _ in ties], [int(w) for *_, w, _ in ties])
    for feedback in (None, False):
        tables = [
            reliance(eco, "o", intervals=how, replicates=300, seed=6, feedback=feedback).table.sort("id")
            for how in ("delta", "bootstrap")
        ]
        lens = "reach" if feedback is None else "first_round"
        width = [(t[f"{lens}_high"] - t[f"{lens}_low"]).to_numpy() for t in tables]
        assert_allclose(width[1], width[0], rtol=0.2, atol=1e-6)


def test_the_same_seed_draws_the_same_and_another_another() -> None:
    tables = [
        reliance(star([9, 8, 7]), "o", lenses=["reach"], intervals="bootstrap", replicates=40, seed=seed).table
        for seed in (1, 1, 2)
    ]
    assert tables[0].equals(tables[1])
    assert not tables[0].equals(tables[2])


def test_dropped_events_move_what_hangs_on_a_single_one() -> None:
    """C hangs on eight events a side, G on one: only G's captives can fall away."""
    ties = [("c", "o", 60.0, "r"), ("g", "o", 1.0, "r"), ("x", "c", 60.0, "r"), ("y", "g", 60.0, "r")]
    eco = build(ties, [60.0, 1.0, 60.0, 60.0], [60, 1, 60, 60])
    ledger = reliance(eco, "o", lenses=["captive"], by="captive", drop=0.3)
    limits = {row["id"]: (row["captive_low"], row["captive_high"]) for row in ledger.table.iter_rows(named=True)}
    assert limits["g"] == (0.0, pytest.approx(1 / 3))
    assert limits["c"] == (pytest.approx(1 / 3), 1.0)  # alone with x where g is gone
    assert ledger.provenance["intervals"]["methods"] == {"captive": "drop"}
    assert any("no more" in note for note in ledger.notes)


def test_replicates_that_fail_are_counted_and_too_few_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[object] = []

    def failing(ask: object) -> object:
        calls.append(ask)
        if len(calls) % 10 == 5:
            raise ConvergenceError("no luck")
        return build_lenses(ask)  # type: ignore[arg-type]

    monkeypatch.setattr("ecograph.metrics.intervals.build_lenses", failing)
    ledger = reliance(star([5, 4]), "o", lenses=["reach"], intervals="bootstrap", replicates=40)
    assert len(ledger.provenance["intervals"]["failed_replicates"]) == 4
    assert any(note.startswith("4 replicates gave no values and are left out: no luck") for note in ledger.notes)
    calls.clear()
    with pytest.raises(ConvergenceError, match="Only 18 of 20 replicates gave values: no luck"):
        reliance(star([5, 4]), "o", lenses=["reach"], intervals="bootstrap", replicates=20)


@settings(max_examples=10)
@given(st.lists(st.integers(1, 30), min_size=2, max_size=5), st.integers(-9, 9))
def test_the_unit_cancels_in_the_bootstrap_to_the_bit(counts: list[int], e: int) -> None:
    options = {"lenses": ["rooted"], "by": "rooted", "intervals": "bootstrap", "replicates": 20}
    one = reliance(star(counts), "o", **options).table  # type: ignore[arg-type]
    other = reliance(star(counts, 2.0**e), "o", **options).table  # type: ignore[arg-type]
    assert one.equals(other)


def test_all_names_every_lens() -> None:
    with pytest.raises(EcographError, match="isn't a list of lenses"):
        reliance(small(), "O", lenses="every")
    table = reliance(small(), "O", lenses="all", replicates=20).table
    assert np.isfinite(table.select(LENSES).to_numpy()).all()
