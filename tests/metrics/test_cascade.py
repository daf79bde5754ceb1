"""Cascading loss against published numbers and an exact reference; then closed forms, scaling and laws."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given, reject
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from ecograph.cpu import cascade as kernels
from ecograph.ecosystem import Ecosystem
from ecograph.errors import ConvergenceError, EcographError, ParticipantError, UnitError
from ecograph.metrics import cascade
from ecograph.metrics.cascade import cascade_loss, eps_sensitivity, esri
from ecograph.metrics.cascade_network import build
from ecograph.metrics.cascade_result import CascadeResult
from tests import reference
from tests.strategies import pairs

ROUNDING = 1e-13  # seven participants, at most eight rounds of at most 20 terms each: some 900 units in the last place
Ties = list[tuple[str, str, float]]


def ecosystem(ties: Ties, **columns: Mapping[str, Any]) -> Ecosystem:
    """Columns of participants are dicts from id to value."""
    table = pl.DataFrame(ties, schema=["provider", "receiver", "weight"], orient="row")
    people = pl.DataFrame(
        {"id": sorted({*table["provider"], *table["receiver"], *(i for c in columns.values() for i in c)})}
    )
    for name, values in columns.items():
        people = people.with_columns(pl.Series(name, [values.get(id) for id in people["id"]]))
    return Ecosystem.from_ties(table, people)


def scores(result: CascadeResult | pl.DataFrame, column: str = "total") -> dict[str, float]:
    table = result if isinstance(result, pl.DataFrame) else result.table
    return dict(table.select("id", column).sort("id").iter_rows())


# Published numbers (A, B, C)

SIX_GROUPS = {f"f{k}": str((k - 1) % 3 + 1) for k in range(1, 7)}
SIX_KINDS = [[2, 1, 0], [0, 2, 1], [1, 0, 2]]
SIX_CLASSES = {(str(g + 1), str(h + 1)): kind for g, row in enumerate(SIX_KINDS) for h, kind in enumerate(row)}
SIX = [
    [0, 3, 2, 7, 5, 11],
    [4, 0, 9, 1, 8, 6],
    [10, 2, 0, 4, 3, 7],
    [6, 5, 1, 0, 9, 2],
    [8, 3, 6, 10, 0, 4],
    [2, 7, 5, 3, 11, 0],
]
SIX_TIES = [(f"f{i + 1}", f"f{j + 1}", float(w)) for i, row in enumerate(SIX) for j, w in enumerate(row) if w]


def six() -> Ecosystem:
    return ecosystem(SIX_TIES, group=SIX_GROUPS)


def test_six_firms_of_mixed_classes() -> None:
    found = scores(esri(six(), essentiality=SIX_CLASSES, tol=1e-12), "down")
    assert found["f1"] == pytest.approx(0.50687988214742541, rel=1e-11)
    printed = [0.5068798821, 0.6450113189, 0.4886171281, 0.5068798821, 0.6450113189, 0.4886171282]
    assert_allclose(list(found.values()), printed, atol=1.01e-10, rtol=0)


def test_what_is_left_of_six_firms_when_the_first_closes() -> None:
    left = [1 - cascade_loss(six(), ["f1"], f"f{k}", essentiality=SIX_CLASSES, tol=1e-12).table["down"][0]
            for k in range(1, 7)]  # fmt: skip
    assert_allclose(left, [0, 0.6, 0.7894068197483480, 0, 0.6111111111111110, 0.8786670560685980], atol=1e-11, rtol=0)


def test_which_way_essentiality_reads() -> None:
    turned = {(h, g): kind for (g, h), kind in SIX_CLASSES.items()}
    assert scores(esri(six(), essentiality=turned), "down")["f1"] == pytest.approx(0.4997, abs=5e-5)


LINKS = ["AX112", "BX212", "CX212", "DX212", "EX311", "FX311", "GX511", "HX910", "XI112", "XJ131", "XK142", "KL422"]
THIRTEEN = {
    "A": 0.4166666666666667, "B": 0.1369047619047619, "C": 0.1369047619047619, "D": 0.1369047619047619,
    "E": 0.12320402298850575, "F": 0.12320402298850575, "G": 0.12320402298850575, "H": 0.08333333333333333,
    "I": 0.30555555555555564, "J": 0.30555555555555564, "K": 0.388888888888889, "L": 0.388888888888889, "X": 1.0,
}  # fmt: skip


def thirteen(weight: float) -> tuple[Ecosystem, dict[tuple[str, str], int]]:
    groups = {firm: g for link in LINKS for firm, g in ((link[0], link[2]), (link[1], link[3]))}
    ties = [(link[0], link[1], weight) for link in LINKS]
    return ecosystem(ties, group=groups), {(link[2], link[3]): int(link[4]) for link in LINKS}


@pytest.mark.parametrize("weight", [1.0, 0.1])
def test_thirteen_firms_in_any_unit_of_money(weight: float) -> None:
    eco, classes = thirteen(weight)
    found = esri(eco, essentiality=classes)
    assert scores(found) == pytest.approx(THIRTEEN, rel=1e-14)
    assert found.residual < 1e-15


def test_the_published_rule_depends_on_the_unit_of_money() -> None:
    eco, classes = thirteen(1.0)
    assert scores(esri(eco, essentiality=classes, reference=True)) == pytest.approx(THIRTEEN, rel=1e-14)
    eco, classes = thirteen(0.1)
    found = esri(eco, essentiality=classes, reference=True)
    assert scores(found)["A"] == pytest.approx(0.1333, abs=5e-5)
    assert scores(found)["G"] == pytest.approx(0.0872, abs=5e-5)
    assert found.error_bound is None
    assert any("1 shocks never stopped" in note for note in found.notes)  # A's goes up and down for ever


def test_the_published_stop_looks_at_decreases_only() -> None:
    """b buys all from a, in one market: it falls to 0, then a market of nothing counts as 1 and b rises to 0.9."""
    eco = ecosystem([("a", "b", 0.1), ("b", "y", 0.1)], market=dict.fromkeys("ab", "m"), external_cost={"y": 9.9})
    table = cascade_loss(eco, ["a"], "b", reference=True).table
    assert table["iterations"][0] == 2
    assert table["down"][0] == pytest.approx(0.1, rel=1e-14)


def test_market_shares() -> None:
    """Sales of 2, 1 and 3, of which 1, 1/2 and 1/4 are left; the first two share a market."""
    ties = [("a", "x", 2.0), ("b", "y", 1.0), ("c", "z", 3.0)]
    eco = ecosystem(ties, market={"a": "m", "b": "m"}, group={"c": "n"})
    lost = cascade_loss(eco, [{"b": 0.5, "c": 0.75}], "y").table["down"][0]
    assert lost == pytest.approx(0.4 * 0.5, rel=1e-15)
    assert cascade_loss(eco, [{"b": 0.5, "c": 0.75}], "z").table["down"][0] == 0.75
    both = cascade_loss(eco, [{"a": 1e-9, "b": 0.5}], "x", tol=1e-15).table["down"][0]
    assert both == pytest.approx(0.8e-9, rel=1e-7)


def test_shares_of_inputs_by_class() -> None:
    eco = ecosystem([("a", "o", 2.0), ("b", "o", 3.0), ("c", "o", 5.0), ("d", "o", 7.0)],
                    group={"a": "1", "b": "1", "c": "2", "d": "3", "o": "9"})  # fmt: skip
    classes = {("1", "9"): 2, ("2", "9"): 1, ("3", "9"): 0}
    lost = cascade_loss(eco, ["a", "b", "c", "d"], "o", essentiality=classes, substitution="off").table["down"]
    assert_allclose(lost, [2 / 5, 3 / 5, 5 / 17, 0], rtol=1e-15)


def test_the_worst_of_two_essential_groups_counts() -> None:
    eco = ecosystem([(id, "o", 1.0) for id in "abcde"], group=dict(zip("abcdeo", "112229", strict=True)))
    classes = {("1", "9"): 2, ("2", "9"): 2}
    shocks = [("a", "c"), ("c", "a", "d"), ("a", "b", "c")]
    lost = cascade_loss(eco, shocks, "o", essentiality=classes, substitution="off").table["down"]
    assert_allclose(lost, [1 / 2, 2 / 3, 1], rtol=1e-15)


# Exact reference

GROUPS, MARKETS = ("1", "2", "3"), ("m", "n")


@st.composite
def worlds(draw: st.DrawFn, n: int = 6) -> tuple[Ties, dict[str, Any]]:
    """Ties of a hub, a chain, islands or none of these; groups, markets and outside amounts, or none."""
    ids = [f"p{i}" for i in range(n)]
    weights = st.sampled_from([1.0, 1.0, 2.0, 3.0, 7.0, 0.125, 0.0, -2.0])
    ties = [(f"p{i}", f"p{j}", draw(weights)) for i, j in draw(pairs(n, 14))]
    assume(any(reference.amounts(ties, ids).values()))

    def some(values: st.SearchStrategy[Any]) -> dict[str, Any]:
        drawn = draw(st.lists(st.none() | values, min_size=n, max_size=n))
        return {id: value for id, value in zip(ids, drawn, strict=True) if value is not None}

    columns = {
        "group": some(st.sampled_from(GROUPS)),
        "market": some(st.sampled_from(MARKETS)),
        "external_cost": some(st.sampled_from([0.0, 0.5, 3.0])),
        "external_demand": some(st.sampled_from([0.0, 0.25, 4.0])),
    }
    return [*ties, ("p0", f"p{n - 1}", 0.0)], {"id": dict.fromkeys(ids)} | columns


def world(ties: Ties, columns: dict[str, Any]) -> Ecosystem:
    people = pl.DataFrame({"id": list(columns["id"])})
    types = {"group": pl.String, "market": pl.String, "external_cost": pl.Float64, "external_demand": pl.Float64}
    for name, dtype in types.items():
        people = people.with_columns(pl.Series(name, [columns[name].get(id) for id in people["id"]], dtype=dtype))
    table = pl.DataFrame(
        ties, schema={"provider": pl.String, "receiver": pl.String, "weight": pl.Float64}, orient="row"
    )
    return Ecosystem.from_ties(table, people)


def all_classes() -> st.SearchStrategy[dict[tuple[str, str], int]]:
    keys = st.tuples(st.sampled_from(GROUPS), st.sampled_from(GROUPS))
    return st.dictionaries(keys, st.sampled_from([0, 1, 2, 2]), max_size=9)


def known(classes: dict[tuple[str, str], int], columns: dict[str, Any]) -> dict[tuple[str, str], int]:
    there = set(columns["group"].values())
    return {pair: kind for pair, kind in classes.items() if there.issuperset(pair)}


def options(columns: dict[str, Any], classes: dict[tuple[str, str], int], *, substitution: str) -> dict[str, Any]:
    own = {id: ("own", id) for id in columns["id"]}
    market = own | columns["group"] | columns["market"] if substitution == "market" else {}
    return {"group": columns["group"], "market": market, "classes": classes, "cost": columns["external_cost"],
            "demand": columns["external_demand"]}  # fmt: skip


def capacities() -> st.SearchStrategy[list[float]]:
    some = st.sampled_from([1.0, 1.0, 1.0, 0.0, 0.5, 0.7])
    return st.lists(some, min_size=6, max_size=6).filter(lambda psi: min(psi) < 1)


@given(worlds(), all_classes(), capacities(), st.sampled_from(["market", "off"]), st.integers(1, 8), st.booleans())
def test_every_round_equals_the_exact_reference(
    drawn: tuple[Ties, dict[str, Any]],
    classes: dict[tuple[str, str], int],
    psi: list[float],
    substitution: str,
    rounds: int,
    published: bool,
) -> None:
    ties, columns = drawn
    eco, classes = world(ties, columns), known(classes, columns)
    states = reference.cascade_states(ties, dict(zip(columns["id"], psi, strict=True)), rounds, floor=published,
                                      **options(columns, classes, substitution=substitution))  # fmt: skip
    built = build(eco, classes, None, None, None)
    kept = np.array([psi[int(id[1:])] for id in eco.ids])
    rows = np.flatnonzero(kept < 1).astype(np.int32)
    rule = kernels.Rule(substitution == "market", published, -2.0, rounds)  # no change is <= -2: all rounds are run
    for o, id in enumerate(eco.ids):
        weight = np.eye(len(eco))[o]
        score, run = kernels.run_lanes(built.network, rule, np.array([0, rows.size]), rows, kept[rows], weight, False)
        assert run[0, 0] == rounds
        exact = reference.cascade_loss({id: 1}, states)
        assert_allclose(score[0], [float(v) for v in exact], atol=ROUNDING, rtol=0)


@given(worlds(), all_classes(), st.sampled_from(["market", "off"]))
def test_a_bound_on_the_error_holds(
    drawn: tuple[Ties, dict[str, Any]], classes: dict[tuple[str, str], int], substitution: str
) -> None:
    """No score is further from the exact one, after many more rounds, than its bound."""
    ties, columns = drawn
    eco, classes = world(ties, columns), known(classes, columns)
    given_to = {"essentiality": classes, "substitution": substitution}
    coarse = esri(eco, tol=1e-3, **given_to).table  # type: ignore[arg-type]  # mypy takes the dict's values as one type
    try:
        fine = esri(eco, tol=1e-13, **given_to).table  # type: ignore[arg-type]
    except ConvergenceError:  # some worlds take more rounds than there are; they tell nothing
        reject()
    bound = coarse["error_bound"].fill_null(1.0).to_numpy()
    for column in ("total", "down", "up"):
        error = (fine[column] - coarse[column]).to_numpy()
        assert (error >= -ROUNDING).all()
        assert (error <= bound + ROUNDING).all()


@pytest.mark.parametrize("eps", [0.1, 0.01])
def test_the_published_stop(eps: float) -> None:
    """A chain of which each link passes on half of the loss: a decrease of 1/2, 1/4, 1/8, ..."""
    ties = [(f"p{k}", f"p{k + 1}", 1.0) for k in range(9)]
    ids, cost = [f"p{k}" for k in range(10)], {f"p{k}": 1.0 for k in range(10)}
    exact = reference.eps_sensitivity(ties, ids, eps, market={id: id for id in ids}, cost=cost)
    eco = ecosystem(ties, external_cost=cost)
    found = eps_sensitivity(eco, (eps,))
    for c, column in enumerate(("total", "down", "up")):
        assert scores(found, column) == pytest.approx({k: float(v[c]) for k, v in exact.items()}, rel=1e-12)
    if eps == cascade.PUBLISHED_EPS:
        assert_allclose(found["down"], esri(eco, reference=True).table["down"], rtol=0)


# Closed forms (D)


def linear(n: int, seed: int) -> tuple[Ecosystem, NDArray[np.float64], NDArray[np.float64]]:
    """A network, its weights W[i, j] in the order of ids, and demand and cost from outside."""
    rng = np.random.default_rng(seed)
    w = rng.integers(1, 9, (n, n)) * (rng.random((n, n)) < 0.5) * (1 - np.eye(n))
    w[0, 1:] += 1.0
    outside = rng.integers(1, 5, (2, n)).astype(float)
    ids = [f"p{i}" for i in range(n)]
    ties = [(ids[i], ids[j], w[i, j]) for i in range(n) for j in range(n) if w[i, j]]
    demand, cost = (dict(zip(ids, values.tolist(), strict=True)) for values in outside)
    eco = ecosystem(ties, external_demand=demand, external_cost=cost)
    order = [ids.index(id) for id in eco.ids]
    return eco, w[np.ix_(order, order)], outside[:, order]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_linear_scores_of_all_closures_have_a_closed_form(seed: int) -> None:
    eco, w, (demand, cost) = linear(9, seed)
    out, into = w.sum(1), w.sum(0)
    found = esri(eco, tol=1e-14, substitution="off")
    total = out + demand
    lu = np.divide(w, total[:, None])
    ld = np.divide(w, into + cost).T
    for name, operator in (("up", lu), ("down", ld)):
        chains = np.linalg.inv(np.eye(9) - operator)
        closed = (out @ chains) / (np.diag(chains) * out.sum())
        assert_allclose(found.table[name], closed, atol=1e-12, rtol=0)
    assert found.error_bound is not None
    assert found.error_bound < 1e-12


def test_upstream_is_linear_whatever_the_classes() -> None:
    eco, _, _ = linear(7, 5)
    plain = esri(eco, tol=1e-14).table["up"]
    essential = {(a, b): 2 for a in eco.ids for b in eco.ids}
    assert_allclose(esri(eco, essentiality=essential, tol=1e-14).table["up"], plain, rtol=0, atol=1e-12)


def test_extracting_a_participant() -> None:
    """Output x = L f, L = (I - A)^-1: without k's row, column and demand the loss is (1'L)_k x_k / L_kk."""
    eco, w, (demand, _) = linear(6, 4)
    x = w.sum(1) + demand
    a = w / x  # what a unit of j's output takes from i
    chains = np.linalg.inv(np.eye(6) - a)
    lost = chains.sum(0) * x / np.diag(chains)
    found = esri(eco, weights=x, tol=1e-14, substitution="off").table["up"]  # Lu and A are similar: x^-1 A x
    assert_allclose(found.to_numpy() * x.sum(), lost, rtol=1e-12)


# Scaling and laws


@given(worlds(), all_classes(), st.integers(-20, 20))
def test_the_unit_of_money_cancels(
    drawn: tuple[Ties, dict[str, Any]], classes: dict[tuple[str, str], int], exponent: int
) -> None:
    ties, columns = drawn
    classes = known(classes, columns)
    unit = 2.0**exponent
    money = {name: {id: v * unit for id, v in columns[name].items()} for name in ("external_cost", "external_demand")}
    before = esri(world(ties, columns), essentiality=classes).table
    after = esri(world([(i, j, w * unit) for i, j, w in ties], columns | money), essentiality=classes).table
    assert after.equals(before)


@given(worlds(), all_classes(), capacities(), st.integers(0, 5))
def test_a_larger_shock_never_loses_less(
    drawn: tuple[Ties, dict[str, Any]], classes: dict[tuple[str, str], int], psi: list[float], more: int
) -> None:
    ties, columns = drawn
    eco, classes = world(ties, columns), known(classes, columns)
    small = np.array([psi[int(id[1:])] for id in eco.ids])
    large = small.copy()
    large[more] /= 2
    table = cascade_loss(eco, [small, large], essentiality=classes, tol=1e-12).table
    for column in ("total", "down", "up"):
        assert table[column][1] >= table[column][0] - ROUNDING * 100
    assert (table["total"] >= table.select(pl.max_horizontal("down", "up")).to_series() - ROUNDING).all()


@given(worlds(), all_classes())
def test_where_no_chain_leads_nothing_is_lost(
    drawn: tuple[Ties, dict[str, Any]], classes: dict[tuple[str, str], int]
) -> None:
    ties, columns = drawn
    eco, classes = world(ties, columns), known(classes, columns)
    p = reference.turned(reference.amounts(ties, columns["id"]))
    for o in eco.ids:
        table = cascade_loss(eco, eco.ids, o, essentiality=classes).table
        above = reference.upstream(p, o)
        assert all(lost == 0.0 for k, lost in table.select("closure", "down").iter_rows() if k not in {o, *above})


def test_islands_keep_everything() -> None:
    eco = ecosystem([("a", "b", 1.0), ("c", "d", 2.0)])
    assert cascade_loss(eco, ["a", ("a", "b")], "d").table.select("total", "down", "up").rows() == [(0, 0, 0)] * 2


def test_many_lanes_are_each_as_if_alone() -> None:
    eco, _, _ = linear(40, 7)
    market = pl.Series("market", [f"m{row % 7}" for row in range(40)])
    eco = Ecosystem.from_ties(eco.tie_table(), eco.participants.with_columns(market))
    together = esri(eco).table
    alone = pl.concat([cascade_loss(eco, [id]).table.rename({"closure": "id"}) for id in eco.ids])
    assert together.equals(alone)


# What else is promised


def test_several_at_once_and_their_interaction() -> None:
    """Three stand in for each other. One goes: 1/3 of inputs, half of it replaced. Two go: 2/3, nothing replaced."""
    eco = ecosystem([("a", "o", 1.0), ("b", "o", 1.0), ("c", "o", 1.0)], market=dict.fromkeys("abc", "m"))
    shocks: list[cascade.Closure] = [("a", "b"), "a", {"a": 0.5, "b": 0.0}, {"a": 0.5, "b": 0.5}]
    table = cascade_loss(eco, shocks, "o", interaction=True).table
    assert table["closure"].to_list()[:3] == ["a + b", "a", "a (0.5)"]
    assert sorted(table["closure"][3].split(" + ")) == ["a (0.5)", "b (0.5)"]
    assert_allclose(table["total"], [2 / 3, 1 / 6, 1 / 6 / 2.5, 1 / 3 / 2], rtol=1e-15)
    assert table["interaction"].to_list()[1:3] == [None, None]
    assert_allclose(table["interaction"].to_numpy()[[0, 3]], [1 / 3, 1 / 6 - 2 / 15], rtol=1e-14)


def test_a_closed_class_of_customers_is_told() -> None:
    circle = [("a", "b", 1.0), ("b", "a", 1.0), ("c", "a", 1.0)]
    assert any("closed class" in note for note in esri(ecosystem(circle)).notes)
    assert not cascade_loss(ecosystem(circle), ["c"]).notes  # the shock doesn't hit the class
    assert not esri(ecosystem(circle, external_demand={"b": 0.5})).notes
    partly = [cascade_loss(ecosystem(circle), [{"a": 0.25}], id).table["up"][0] for id in "abc"]
    assert partly == [0.25, 0.25, 0.25]


def test_a_score_in_the_published_style_moves_as_eps_falls() -> None:
    ties = [("a", "b", 99.0), ("b", "a", 100.0), ("a", "c", 1.0), ("c", "a", 1.0)]
    up = eps_sensitivity(ecosystem(ties), (1e-1, 1e-2, 1e-6)).filter(id="c")["up"]
    assert up[0] < 0.1
    assert up[2] > 0.95


def test_a_result_says_how_good_it_is() -> None:
    eco, _, _ = linear(6, 3)
    found = esri(eco)
    assert 0 < found.residual <= 1e-8
    assert found.error_bound is not None
    assert 1e-8 <= found.error_bound <= 1e-6
    assert found.iterations == found.table["iterations"].max()
    assert "error at most" in repr(found)
    assert "<table" in found._repr_html_()
    assert found.provenance["parameters"]["tol"] == 1e-8


def nearly_closed(leak: float) -> Ecosystem:
    """Of what a and b sell to each other, hardly anything goes to c; still, all is lost when c closes."""
    return ecosystem([("a", "b", 1.0), ("b", "a", 1.0), ("a", "c", leak)])


def test_too_slow_is_an_error() -> None:
    with pytest.raises(ConvergenceError, match="100,000 rounds"):
        cascade_loss(nearly_closed(1e-6), ["c"])


def test_a_stop_far_from_the_limit_has_no_bound() -> None:
    found = cascade_loss(nearly_closed(1e-9), ["c"])
    assert found.table["up"][0] < 1e-6
    assert found.error_bound is None
    assert "no error bound" in repr(found)


def test_a_bound_far_above_the_tolerance() -> None:
    """Rounds stop at a change of 1e-5, and a hundredth of what a sells is still to go."""
    found = cascade_loss(nearly_closed(1e-3), ["c"], "a", tol=1e-5)
    left = 1 - found.table["up"][0]
    assert left == pytest.approx(0.01, rel=0.01)
    assert found.error_bound is not None
    assert left <= found.error_bound <= 4 * left


@pytest.mark.parametrize(("thin", "tol"), [(1e-7, 1e-4), (1e-9, 1e-8), (1e-13, 1e-12), (1e-15, 1e-4), (1e-15, 1e-14)])
def test_no_bound_is_below_the_error_where_hardly_anything_leaks(thin: float, tol: float) -> None:
    """Two sell to each other, ``thin`` to c and as much outside: they lose half when c closes, in countless rounds.

    Below 1e-15 a round changes less than it rounds: a bound that doesn't count its roundings says the error is tol.
    """
    ties = {"provider": ["a", "a", "b"], "receiver": ["c", "b", "a"], "weight": [thin, 1.0, 1.0]}
    people = {"id": ["a", "b", "c"], "external_demand": [0.0, thin, 0.0]}
    found = cascade_loss(Ecosystem.from_ties(ties, people), ["c"], "a", tol=tol)
    bound = found.table["error_bound"][0]
    assert bound is None or 0.5 - found.table["up"][0] <= bound + 1e-6


def test_weights_of_the_score() -> None:
    eco = ecosystem([("a", "b", 1.0), ("b", "c", 1.0)])
    assert scores(esri(eco, weights={"c": 2.0}), "down") == {"a": 1.0, "b": 1.0, "c": 1.0}
    assert scores(esri(eco, weights={"a": 1.0}), "down") == {"a": 1.0, "b": 0.0, "c": 0.0}


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"substitution": "on"}, EcographError, "substitution"),
        ({"tol": 1.0}, EcographError, "tol"),
        ({"essentiality": {("1", "9"): 2}}, EcographError, "no group"),
        ({"essentiality": {("f1", "f2"): 3}}, EcographError, "is 3"),
        ({"weights": [1.0]}, EcographError, "shape"),
        ({"weights": {"f1": -1.0}}, EcographError, ">= 0"),
        ({"weights": {"f9": 1.0}}, ParticipantError, "f9"),
        ({"device": "tpu"}, EcographError, "device"),
    ],
)
def test_impossible_values_are_refused(options: dict[str, Any], error: type[EcographError], match: str) -> None:
    with pytest.raises(error, match=match):
        esri(six(), **options)


@pytest.mark.parametrize("closures", ["f1", {"f1": 0.5}, [{"f1": 1.5}], [np.ones(2)], [np.full(6, np.nan)]])
def test_impossible_shocks_are_refused(closures: Any) -> None:
    with pytest.raises(EcographError, match="shock"):
        cascade_loss(six(), closures)
    with pytest.raises(EcographError, match="leave one out"):
        cascade_loss(six(), ["f1"], "f2", weights={"f1": 1.0})


@pytest.mark.parametrize("column", ["external_cost", "external_demand"])
def test_amounts_from_outside_and_shares_of_totals_do_not_mix(column: str) -> None:
    with pytest.raises(UnitError, match=column):
        esri(ecosystem([("a", "b", 1.0), ("b", "a", 1.0)], **{column: {"a": 1.0}}), normalise="relation")
