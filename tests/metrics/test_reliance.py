"""Lenses against exact references, dense solves and NetworkX; then closed forms, symmetries and laws."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import networkx as nx
import numpy as np
import polars as pl
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from ecograph.ecosystem import Ecosystem
from ecograph.errors import ConvergenceError, ParticipantError
from ecograph.ledger import Ledger
from ecograph.metrics import chains
from ecograph.metrics.reliance import reliance
from tests import reference
from tests.strategies import pairs

TOL = 1e-10
SLACK = 1e-12  # what rounding may add to the bound on eight participants: some 4,000 units in the last place
Ties = list[tuple[str, str, float, str]]


def build(ties: Iterable[tuple[Any, ...]], **columns: Any) -> Ecosystem:
    """Ties with or without a relation; columns of participants are dicts from id to value."""
    rows = [(provider, receiver, float(weight), *(relation or ["r"])) for provider, receiver, weight, *relation in ties]
    table = pl.DataFrame(rows, schema=["provider", "receiver", "weight", "relation"], orient="row")
    people = pl.DataFrame({"id": sorted({*table["provider"], *table["receiver"]})})
    for name, values in columns.items():
        people = people.with_columns(pl.Series(name, [values.get(id) for id in people["id"]]))
    return Ecosystem.from_ties(table, people)


def column(ledger: Ledger, lens: str) -> dict[str, float]:
    return dict(ledger.table.select("id", lens).iter_rows())


@st.composite
def networks(draw: st.DrawFn, n: int = 7) -> Ties:
    """At random, a hub, a chain or islands; parallel ties, self-ties, weights <= 0; p0 has a provider."""
    ends = draw(pairs(n, 20))
    weights = st.sampled_from([1, 1, 2, 3, 7, 0.5, 0.1, 30, 0, -2])
    ties = [(f"p{i}", f"p{j}", float(draw(weights)), draw(st.sampled_from("rs"))) for i, j in ends]
    provider = draw(st.integers(1, n - 1))
    return [*ties, (f"p{provider}", "p0", draw(st.sampled_from([1.0, 4.0])), "t")]


@st.composite
def costs(draw: st.DrawFn, n: int = 7) -> dict[str, float]:
    if draw(st.booleans()):
        return {}
    return {f"p{i}": draw(st.sampled_from([0.0, 0.0, 0.5, 3.0])) for i in range(n)}


def near(value: float, exact: Fraction, tol: float = TOL) -> bool:
    """From below, within tol."""
    return -SLACK <= float(exact) - value <= tol + SLACK


# Exact reference


@given(networks(), costs(), st.sampled_from([0.0, 0.0, 0.25]))
@example([("p1", "p0", 1.0, "r"), ("p2", "p1", 1.0, "r"), ("p1", "p2", 1.0, "r")], {}, 0.0)  # p0 outside a closed class
@example([("p1", "p0", 1.0, "r"), ("p0", "p1", 1.0, "r")], {}, 0.0)  # and inside one
@example([("p1", "p0", 1.0, "r"), ("p0", "p1", 1.0, "r")], {"p1": 0.5}, 0.0)  # a leak opens it
def test_lenses_equal_the_exact_reference(ties: Ties, cost: dict[str, float], leak: float) -> None:
    p = reference.operator(ties, cost, leak)
    exact = reference.reliance(p, "p0", Fraction(0.15))
    others = sorted(reference.upstream(p, "p0") - {"p0"})
    ledger = reliance(build(ties, external_cost=cost), "p0", top=99, leak=leak)
    assert sorted(ledger.table["id"]) == others
    for lens in ledger.lenses:
        wrong = {k: (v, exact[lens][k]) for k, v in column(ledger, lens).items() if not near(v, exact[lens][k])}
        assert not wrong, f"{lens}: {wrong}"
    closed = reference.in_closed_class(p, "p0", lambda j: leak > 0 or cost.get(j, 0) > 0)
    assert ledger.by == ("first_round" if closed else "reach")


@given(networks(), costs(), st.sampled_from([0.0, 0.25]))
def test_first_round_equals_the_exact_reference(ties: Ties, cost: dict[str, float], leak: float) -> None:
    exact = reference.first_round(reference.operator(ties, cost, leak), "p0")
    ledger = reliance(build(ties, external_cost=cost), "p0", lenses=["reach"], feedback=False, top=99, leak=leak)
    assert ledger.lenses == ("first_round",)
    assert all(near(v, exact[k]) for k, v in column(ledger, "first_round").items())


@given(networks(), st.sampled_from([0.0, 0.25]))
def test_first_round_and_reach_keep_their_law(ties: Ties, leak: float) -> None:
    """c_k <= f_k = c_k / (1 - r_k): the reference obeys it exactly, so both columns do within tol."""
    p = reference.operator(ties, {}, leak)
    for k, c in reference.first_round(p, "p0").items():
        f, r = reference.ever(p, k)["p0"], reference.back_before(p, "p0", k)
        assert c <= f
        assert c == f == 0 if r == 1 else f == c / (1 - r)
    eco = build(ties)
    reach = column(reliance(eco, "p0", feedback=True, top=99, leak=leak), "reach")
    first = column(reliance(eco, "p0", feedback=False, top=99, leak=leak), "first_round")
    assert all(first[k] <= reach[k] + TOL + SLACK for k in reach)


def brute_force(ties: Ties, k: int) -> tuple[list[Fraction], dict[str, Fraction]]:
    p = reference.operator(ties)
    others = reference.upstream(p, "p0") - {"p0"}
    values = {str(id): v for id, v in reference.reach(p, "p0").items() if id in others}
    return sorted(values.values(), reverse=True)[:k], values


@given(networks(9), st.integers(1, 8), st.sampled_from([1, 2, 32]))
def test_the_certified_set_is_the_brute_force_one_up_to_ties(ties: Ties, top: int, batch: int) -> None:
    expected, values = brute_force(ties, top)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chains, "BATCH", batch)
        ledger = reliance(build(ties), "p0", lenses=["reach"], feedback=True, top=top)
    shown = [values[id] for id in ledger.table["id"]]
    assert_allclose(np.array(sorted(shown, reverse=True), float), np.array(expected, float), rtol=0, atol=2 * TOL)
    outside = [v for id, v in values.items() if id not in set(ledger.table["id"])]
    certificate = ledger.certificate
    assert float(min(shown)) >= certificate.lowest - SLACK
    if certificate.outside is None:
        assert not outside
    else:
        assert float(max(outside)) <= certificate.outside + SLACK
        if certificate.unique:
            assert min(shown) > max(outside)
    if outside and min(shown) == max(outside):
        assert not certificate.unique


@given(networks(), st.integers(1, 7))
def test_ties_share_a_rank_and_are_ordered_by_id(ties: Ties, top: int) -> None:
    _, values = brute_force(ties, 99)
    gaps = [abs(a - b) for a in values.values() for b in values.values() if a != b]
    assume(not gaps or min(gaps) > 1e-8)  # so that whatever counts as tied is equal
    ledger = reliance(build(ties), "p0", lenses=["reach"], feedback=True, top=top)
    expected = sorted(values, key=lambda id: (-values[id], id))[:top]
    assert ledger.table["id"].to_list() == expected
    for row in ledger.table.iter_rows(named=True):
        equal = [id for id in sorted(values) if values[id] == values[row["id"]] and id != row["id"]]
        assert row["rank"] == 1 + sum(v > values[row["id"]] for v in values.values())
        assert row["tied_with"] == equal


# Other programs


@given(networks(), st.sampled_from([0.05, 0.15, 0.5]))
def test_rooted_is_networkx_pagerank_when_nothing_is_lost(ties: Ties, a: float) -> None:
    ends = {j for j, row in reference.operator(ties).items() if not row}
    kept = [
        *ties,
        *((f"p{(int(str(j)[1:]) + 1) % 7}", str(j), 1.0, "t") for j in sorted(ends, key=str)),
    ]  # give each a provider
    graph: Any = nx.DiGraph()
    for receiver, row in reference.operator(kept).items():
        graph.add_weighted_edges_from((receiver, provider, float(share)) for provider, share in row.items())
    assume(all(graph.out_degree(j) for j in graph))
    expected = nx.pagerank(graph, alpha=1 - a, personalization={"p0": 1.0}, tol=1e-14, max_iter=10_000)
    got = column(reliance(build(kept), "p0", lenses=["rooted"], by="rooted", top=99, restart=a), "rooted")
    for k, v in got.items():
        assert v == pytest.approx(expected[k], abs=TOL + 7e-14 / a)


@settings(max_examples=10)
@given(st.integers(0, 10**6), st.sampled_from([30, 60]))
def test_lenses_equal_dense_solves(seed: int, n: int) -> None:
    """Dense NumPy solves of the same definitions, on graphs with circles, hubs and ends."""
    rng = np.random.default_rng(seed)
    w = np.where(rng.random((n, n)) < 3 / n, rng.integers(1, 50, (n, n)), 0.0)  # w[j, i]: i provides to j
    np.fill_diagonal(w, 0)
    w[rng.random(n) < 0.2] = 0
    w[:, 1] += np.where(rng.random(n) < 0.5, 5.0, 0.0)  # a giant hub
    w[0, 1:4], w[1, 1] = 1.0, 0.0
    cost = np.where(rng.random(n) < 0.5, 3.0, 0.0)
    w[2] = 0  # an end, where whoever buys nothing outside the data buys too: no closed class, so that N exists
    w[(cost == 0) & (w.sum(1) > 0), 2] += 1
    p = w / np.maximum(w.sum(1) + cost, 1)[:, None]
    total = np.linalg.inv(np.eye(n) - p)
    j, i = np.nonzero(w)
    ids = [f"n{k:02}" for k in range(n)]
    ties = [(ids[a], ids[b], w[b, a]) for a, b in zip(i, j, strict=True)]
    ledger = reliance(build(ties, external_cost=dict(zip(ids, cost, strict=True))), "n00", top=n, feedback=True)
    x = 0.15 * np.linalg.inv(np.eye(n) - 0.85 * p)[0]
    for row in ledger.table.iter_rows(named=True):
        k = int(row["id"][1:])
        assert row["direct"] == pytest.approx(p[0, k], rel=1e-14)
        assert row["rooted"] == pytest.approx(x[k], abs=TOL)
        assert row["reach"] == pytest.approx(total[0, k] / total[k, k], abs=TOL + 1e-9 * np.linalg.cond(total) / 1e6)


# Closed forms


def test_the_small_graph_with_known_dominators() -> None:
    """O-A O-B A-C B-C C-D C-E D-F E-F: O depends on A, ...; everything upstream of C passes through it."""
    arrows = ["OA", "OB", "AC", "BC", "CD", "CE", "DF", "EF"]
    ties = [(arrow[1], arrow[0], 1.0) for arrow in arrows]
    ledger = reliance(build(ties), "O")
    reach = {"A": 0.5, "B": 0.5, "C": 1.0, "D": 0.5, "E": 0.5, "F": 1.0}
    assert {k: float(v) for k, v in reference.reach(reference.operator(ties), "O").items()} == reach
    assert column(ledger, "reach") == reach
    assert ledger.table["id"].to_list() == ["C", "F", "A", "B", "D", "E"]
    assert ledger.table["rank"].to_list() == [1, 1, 3, 3, 3, 3]
    assert ledger.table["tied_with"].to_list()[2] == ["B", "D", "E"]


@given(st.integers(1, 30), st.sampled_from([0.0, 0.1, 0.5]))
def test_along_a_chain_each_link_keeps_its_share(n: int, leak: float) -> None:
    ties = [(f"{k + 1:02}", f"{k:02}", 1.0) for k in range(n)]
    ledger = reliance(build(ties), "00", top=99, leak=leak)
    for k, value in column(ledger, "reach").items():
        assert value == pytest.approx((1 - leak) ** int(k), rel=1e-13)
    for k, value in column(ledger, "rooted").items():
        assert value == pytest.approx(0.15 * (0.85 * (1 - leak)) ** int(k), abs=TOL)


@given(st.integers(2, 12), st.sampled_from([0.01, 0.3]))
def test_on_a_leaking_ring_reach_falls_with_distance(n: int, leak: float) -> None:
    """A chain that passes k has come all the way round to it: f = (1 - leak)^distance, N_kk = 1 / (1 - (1-leak)^n)."""
    ties = [(f"{(k + 1) % n:02}", f"{k:02}", 1.0) for k in range(n)]
    for k, value in column(reliance(build(ties), "00", leak=leak, lenses=["reach"]), "reach").items():
        assert near(value, Fraction((1 - leak) ** int(k)))


def test_a_circle_that_hardly_leaks_is_still_solved_to_tol() -> None:
    """A lazy walk would need some 10^8 sweeps; the exact answer is b / (b + eps), both ways."""
    for eps in (1e-6, 1e-9):
        ties = [("a", "o", 1.0), ("b", "a", 1.0), ("a", "b", 1.0), ("c", "b", eps), ("d", "a", eps)]
        p = reference.operator(ties)
        exact = reference.reach(p, "o")
        ledger = reliance(build(ties), "o", lenses=["reach"], tol=1e-6)
        assert all(near(v, exact[k], 1e-6) for k, v in column(ledger, "reach").items())
        assert max(ledger.provenance["solver"]["sweeps"]) < 200


# Closed classes


def test_entering_a_closed_class_counts_once_for_all_its_members() -> None:
    ties = [("a", "o", 3.0), ("b", "o", 1.0), ("x", "a", 1.0), ("c", "a", 1.0), ("y", "x", 1.0), ("x", "y", 1.0)]
    ledger = reliance(build(ties), "o")
    assert column(ledger, "reach") == {"a": 0.75, "x": 0.375, "y": 0.375, "c": 0.375, "b": 0.25}
    assert any("2 candidates sit in closed classes" in note for note in ledger.notes)


@given(st.floats(1e-300, 1e-17))
def test_closed_is_decided_by_leaks_not_by_rounding(cost: float) -> None:
    """in + cost == in in float64, yet the class leaks: it isn't closed, and the sums don't converge."""
    ties = [("a", "o", 1.0), ("o", "a", 1.0), ("b", "o", 1.0), ("o", "b", 1.0)]
    assert reliance(build(ties), "o").by == "first_round"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chains, "MOST", 100)
        with pytest.raises(ConvergenceError, match=r"chain mass|float64"):
            reliance(build(ties, external_cost={"a": cost}), "o")


def test_closed_is_decided_by_arrows_not_by_their_share() -> None:
    """An arrow of share 1e-30 leads out: rounding can't see it."""
    ties = [("a", "o", 1.0), ("o", "a", 1.0), ("b", "a", 1e-30)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chains, "MOST", 100)
        with pytest.raises(ConvergenceError):
            reliance(build(ties), "o")
    assert reliance(build(ties), "o", feedback=False).by == "first_round"


def test_a_conductor_in_a_closed_class_is_told_and_ranked_by_the_first_round() -> None:
    """Payouts mapped as ties: money comes back, so chains never end."""
    ties = [("m", "o", 3.0), ("d", "o", 1.0), ("o", "m", 1.0), ("o", "d", 1.0), ("m", "d", 1.0)]
    ledger = reliance(build(ties), "o")
    assert ledger.by == "first_round"
    assert column(ledger, "reach") == {"m": 1.0, "d": 1.0}
    assert column(ledger, "first_round") == {"m": 0.875, "d": 0.25}
    assert "closed class of 3 participants ('d', 'm', 'o'" in ledger.notes[0]
    assert ledger.agreement is not None
    assert ledger.agreement["lens"].to_list() == ["direct", "rooted", "reach", "first_round"]
    told = reliance(build(ties), "o", feedback=True)
    assert told.by == "reach"
    assert told.table["rank"].to_list() == [1, 1]
    assert not told.certificate.solved


# Symmetry and scale


@given(networks(), st.integers(-30, 30))
def test_the_unit_of_weight_cancels_to_the_bit(ties: Ties, e: int) -> None:
    scaled = [(i, j, w * 2.0**e, relation) for i, j, w, relation in ties]
    assert reliance(build(scaled), "p0").table.equals(reliance(build(ties), "p0").table)


@given(networks(), st.randoms(use_true_random=False))
def test_permuted_input_gives_the_same_bytes(ties: Ties, random: Any) -> None:
    shuffled = random.sample(ties, len(ties))
    once, again = reliance(build(ties), "p0"), reliance(build(shuffled), "p0")
    assert once.table.equals(again.table)
    assert once.certificate == again.certificate


# Laws


@given(networks(), costs())
def test_direct_never_exceeds_reach_and_both_are_shares(ties: Ties, cost: dict[str, float]) -> None:
    table = reliance(build(ties, external_cost=cost), "p0", top=99, feedback=True).table
    assert (table["direct"] <= table["reach"]).all()
    for lens in ("direct", "rooted", "reach"):
        assert table[lens].is_between(0, 1).all()


@given(networks(), st.sampled_from(["rooted", "direct"]))
def test_another_lens_ranks_and_reach_is_filled_in(ties: Ties, by: str) -> None:
    table = reliance(build(ties), "p0", by=by, top=3, feedback=True).table
    assert table[by].is_sorted(descending=True)
    whole = column(reliance(build(ties), "p0", top=99, feedback=True), "reach")
    assert all(value == pytest.approx(whole[k], abs=TOL) for k, value in table.select("id", "reach").iter_rows())


@given(networks())
def test_closing_what_is_never_needed_changes_nothing(ties: Ties) -> None:
    stray = [*ties, ("p0", "stray", 3.0, "r"), ("stray2", "stray", 1.0, "r")]
    assert reliance(build(stray), "p0").table.equals(reliance(build(ties), "p0").table)


def test_nobody_to_rank_is_told() -> None:
    with pytest.raises(ParticipantError, match="owns all 1 participants"):
        reliance(build([("a", "o", 1.0)], owner={"a": "o"}), "o")
