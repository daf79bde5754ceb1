"""What a cascade leaves, the way it came, and losses as reach: against exact twins, closed forms and laws."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from ecograph.ecosystem import Ecosystem
from ecograph.errors import ConvergenceError, EcographError, ParticipantError
from ecograph.metrics.cascade import cascade_loss
from ecograph.metrics.cascade_state import cascade_attribution, cascade_state
from ecograph.metrics.criticality import criticality_rows
from ecograph.metrics.reliance import reliance
from tests.metrics.test_cascade import all_classes, capacities, ecosystem, known, options, world, worlds
from tests.reference import cascade_more as twin

HUGE = 0.1  # a tolerance so coarse that few rounds are made, all of which the twin repeats
FEW = settings(max_examples=25)


@FEW
@given(worlds(), all_classes(), capacities(), st.sampled_from(["market", "off"]))
def test_state_and_attribution_equal_the_exact_reference(
    drawn: tuple[Any, Any], classes: Any, psi: list[float], substitution: str
) -> None:
    ties, columns = drawn
    eco, classes = world(ties, columns), known(classes, columns)
    kept = np.array([psi[int(id[1:])] for id in eco.ids])
    asked: Any = {"essentiality": classes, "substitution": substitution, "tol": HUGE}
    rounds = cascade_loss(eco, [kept], **asked).iterations
    left, said = dict(zip(columns["id"], psi, strict=True)), options(columns, classes, substitution=substitution)
    exact = twin.cascade_state(ties, left, rounds, **said)
    found = {id: (hd, hu) for id, hd, hu in cascade_state(eco, kept, **asked).iter_rows()}
    for id, values in exact.items():
        assert_allclose(found[id], [float(v) for v in values], atol=1e-13, rtol=0)
    for o in eco.ids[:2]:
        expected = twin.cascade_attribution(ties, left, o, exact, **said)
        table = cascade_attribution(eco, kept, o, **asked)
        for channel in ("down", "up"):
            part = table.filter(channel=channel)
            terms = dict(part.select("through", "loss").iter_rows())
            most = max(sum(map(float, constraint.values())) for constraint in expected[channel])
            assert sum(terms.values()) == pytest.approx(most, abs=1e-13)
            assert any(all(abs(float(constraint.get(k, 0)) - v) < 1e-13 for k, v in terms.items())
                       and abs(sum(map(float, constraint.values())) - most) < 1e-13
                       for constraint in expected[channel])  # fmt: skip
            assert part["share"].sum() == pytest.approx(float(bool(terms)), rel=1e-12)


def test_shares_add_up_to_the_loss_of_a_cascade() -> None:
    ties = [("a", "o", 3.0), ("b", "o", 1.0), ("c", "a", 1.0), ("c", "b", 1.0), ("o", "x", 2.0), ("x", "c", 1.0)]
    eco = ecosystem(ties, external_cost={"b": 1.0, "o": 2.0}, external_demand={"o": 2.0, "x": 1.0})
    table = cascade_attribution(eco, "c", "o", tol=1e-14)
    down, up = (table.filter(channel=name) for name in ("down", "up"))
    whole = cascade_loss(eco, ["c"], "o", tol=1e-14).table
    assert down["loss"].sum() == pytest.approx(whole["down"][0], rel=1e-13)
    assert up["loss"].sum() == pytest.approx(whole["up"][0], rel=1e-13)
    assert down.select("through", "binding").rows() == [("a", True), ("b", True)]
    assert_allclose(down["loss"], [3 / 6, 1 / 6 / 2], rtol=1e-13)  # b buys half outside
    assert up.select("through", "constraint", "binding").rows() == [("x", "customers", False)]


def test_the_shock_itself_and_the_constraint_that_binds() -> None:
    eco = ecosystem([(id, "o", 1.0) for id in "abcd"], group=dict(zip("abcdo", "11229", strict=True)))
    classes = {("1", "9"): 2, ("2", "9"): 1}
    shock = {"a": 1.0, "c": 1.0, "d": 1.0}
    table = cascade_attribution(eco, shock, "o", essentiality=classes, substitution="off")
    assert table.select("channel", "constraint", "through", "loss").rows() == [
        ("down", "linear", "c", 0.25),
        ("down", "linear", "d", 0.25),
    ]  # group 1 loses 1/2 as well: linear goes first
    table = cascade_attribution(eco, {"a": 1.0, "c": 1.0}, "o", essentiality=classes, substitution="off")
    assert table.select("constraint", "through", "loss").rows() == [("essential", "a", 0.5)]
    table = cascade_attribution(eco, {"a": 1.0, "o": 0.5}, "o", essentiality=classes, substitution="off")
    assert table.select("channel", "constraint", "through", "loss", "share").rows() == [
        ("down", "shock", None, 0.5, 1.0),
        ("up", "shock", None, 0.5, 1.0),
    ]
    assert cascade_attribution(eco, "o", "a").filter(channel="down").is_empty()


def test_bad_questions_are_refused() -> None:
    eco = ecosystem([("a", "o", 1.0)])
    with pytest.raises(ParticipantError, match="zz"):
        cascade_attribution(eco, "a", "zz")
    with pytest.raises(EcographError, match="tol"):
        cascade_state(eco, "a", tol=np.nan)
    with pytest.raises(EcographError, match="shares"):
        cascade_state(eco, {"a": 2.0})
    with pytest.raises(EcographError, match="leak"):
        criticality_rows(eco, 0, np.array([1]), leak=1.0)
    circle = ecosystem([("a", "b", 1.0), ("b", "a", 1.0), ("a", "c", 1e-6)])
    with pytest.raises(ConvergenceError, match="rounds"):
        cascade_state(circle, "c")


# Criticality


@FEW
@given(worlds(), st.sampled_from([0.0, 0.25]))
def test_linear_criticality_is_reach(drawn: tuple[Any, Any], leak: float) -> None:
    ties, columns = drawn
    eco = world(ties, columns)
    for id in eco.ids[:2]:
        try:
            ledger = reliance(eco, id, leak=leak, feedback=True, lenses=("reach",), top=10)
        except ParticipantError:
            continue
        rows = eco.rows_of(ledger.table["id"].to_list())
        down, *_ = criticality_rows(eco, eco.row_of(id), rows, leak=leak, tol=1e-14)
        # 1e-10: the ledger's own; 1e-11: six participants, the slowest circle keeps 99 % of 1e-14 * 100 rounds
        assert_allclose(down, ledger.table["reach"], atol=1e-10 + 1e-11, rtol=0)


def test_criticality_in_and_beside_a_closed_class() -> None:
    """a and b buy from each other only; o buys half of its inputs from a, and half from c."""
    eco = ecosystem([("a", "b", 1.0), ("b", "a", 1.0), ("a", "o", 1.0), ("c", "o", 1.0)])
    rows = eco.rows_of(["a", "b", "c"])
    down, up, _ = criticality_rows(eco, eco.row_of("o"), rows)
    assert_allclose(down, [0.5, 0.5, 0.5], rtol=1e-13)
    assert_array_equal(up, 0.0)
    inside, *_ = criticality_rows(eco, eco.row_of("a"), rows[1:])
    assert_array_equal(inside, [1.0, 0.0])


def test_a_leak_opens_a_closed_class() -> None:
    """With a tenth bought outside f_ob = .9/2 * .9 (o to a, a to b): a goes to b at .9."""
    eco = ecosystem([("a", "b", 1.0), ("b", "a", 1.0), ("a", "o", 1.0), ("c", "o", 1.0)])
    down, *_ = criticality_rows(eco, eco.row_of("o"), eco.rows_of(["b", "a", "c"]), leak=0.1)
    assert_allclose(down, [0.405, 0.45, 0.45], rtol=1e-13)
    with_group = Ecosystem.from_ties(eco.tie_table(), eco.participants)
    kinds = {("a", "o"): 2}
    essential, *_ = criticality_rows(with_group, eco.row_of("o"), eco.rows_of(["a"]), essentiality=kinds, leak=0.1)
    assert_allclose(essential, [0.9], rtol=1e-13)


def test_criticality_is_the_loss_of_the_conductor() -> None:
    eco = ecosystem([("a", "o", 1.0), ("b", "o", 1.0), ("o", "x", 1.0)], market=dict.fromkeys("ab", "m"))
    down, up, _ = criticality_rows(eco, eco.row_of("o"), eco.rows_of(["a", "x"]), substitution="market")
    table = cascade_loss(eco, ["a", "x"], "o").table
    assert_array_equal(down, table["down"])
    assert_array_equal(up, table["up"])
    assert_array_equal(down, [0.5, 0.0])


# Rounds that look at few rows


def rounds_over_all(eco: Ecosystem, closed: int, rounds: int, markets: NDArray[np.int64]) -> tuple[Any, Any]:
    """hd and hu after so many Jacobi rounds over matrices, everything linear, every row in every round."""
    n, ties = len(eco), eco.tie_table()
    w = np.zeros((n, n))
    w[eco.rows_of(ties["provider"].to_list()), eco.rows_of(ties["receiver"].to_list())] = ties["weight"]
    out, into = w.sum(1), w.sum(0)
    psi = np.ones(n)
    psi[closed] = 0.0
    hd, hu = psi.copy(), psi.copy()
    for _ in range(rounds):
        offer = np.bincount(markets, out * hd)[markets]
        s = np.divide(out, np.maximum(out, offer), out=np.ones(n), where=out > 0)
        lost = ((s * (1 - hd)) @ w) / np.where(into > 0, into, 1.0)
        sold = (w @ (1 - hu)) / np.where(out > 0, out, 1.0)
        hd, hu = np.minimum(psi, np.maximum(0, 1 - lost)), np.minimum(psi, np.maximum(0, 1 - sold))
    return hd, hu


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_rows_that_are_passed_over_have_not_changed(seed: int) -> None:
    """A long sparse graph: for many rounds few rows are to do, and markets tie far ends together."""
    rng, n = np.random.default_rng(seed), 120
    ends = [(i, i + 1) for i in range(n - 1)] + [tuple(rng.choice(n, 2, replace=False)) for _ in range(40)]
    ties = [(f"p{i}", f"p{j}", float(rng.integers(1, 9))) for i, j in {(min(e), max(e)) for e in ends}]
    seats = rng.integers(0, 40, n)
    eco = ecosystem(ties, market={f"p{i}": f"m{seats[i]}" for i in range(n)})
    markets = np.array([seats[int(id[1:])] for id in eco.ids])
    for closed in range(0, n, 17):
        row = eco.row_of(f"p{closed}")
        rounds = cascade_loss(eco, [f"p{closed}"], tol=1e-9).iterations
        hd, hu = rounds_over_all(eco, row, rounds, markets)
        state = cascade_state(eco, f"p{closed}", tol=1e-9)
        # shares of at most 1, sums of a few terms: an error grows by a few units a round, of at most 120 rounds
        assert_allclose(state["hd"], hd, atol=1e-13, rtol=0)
        assert_allclose(state["hu"], hu, atol=1e-13, rtol=0)
