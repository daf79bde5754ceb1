"""The dependence operator: shares, units, layers, leaks."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecograph.ecosystem import Ecosystem
from ecograph.errors import EcographError, UnitError, WindowError
from ecograph.metrics.operator import dependence
from tests import reference
from tests.strategies import tie_tables

UNITS = {"ride": ("1", "service"), "food": ("usd", "service"), "payout": ("usd", "money")}


def mixed(**columns: Any) -> Ecosystem:
    ties = {
        "provider": ["driver", "cook", "bank", "cook"],
        "receiver": ["o", "o", "o", "driver"],
        "weight": [1.0, 40.0, 9.0, 10.0],
        "relation": ["ride", "food", "payout", "food"],
    }
    return Ecosystem.from_ties(ties, {"id": ["o"], **columns}, relations=UNITS)


def shares(eco: Ecosystem, receiver: str = "o", **options: Any) -> dict[str, float]:
    provider, value = dependence(eco, **options).row(eco.row_of(receiver))
    return {eco.ids[int(i)]: float(v) for i, v in zip(provider, value, strict=True)}


@given(tie_tables(plain_ids=True), st.sampled_from([0.0, 0.25]))
def test_rows_are_the_exact_shares(tables: tuple[pl.DataFrame, pl.DataFrame], leak: float) -> None:
    """Parallel ties of several relations and periods are added up; self-ties and weights <= 0 take no part."""
    ties, people = tables
    kinds = [name for name in ("relation", "period") if name in ties.columns]
    rows = [(i, j, w, tuple(kind)) for i, j, w, *kind in ties.select("provider", "receiver", "weight", *kinds).rows()]
    cost = dict(people.select("id", "external_cost").fill_null(0).rows()) if "external_cost" in people.columns else {}
    eco = Ecosystem.from_ties(ties, people)
    expected = reference.operator(rows, cost, leak)
    if not any(expected.values()):
        with pytest.raises(WindowError, match="counts"):
            dependence(eco)
        return
    operator = dependence(eco, leak=leak)
    for row, id in enumerate(eco.ids):
        provider, value = operator.row(row)
        got = dict(zip(eco.ids.gather(provider.tolist()), value, strict=True))
        assert got == pytest.approx({i: float(v) for i, v in expected.get(id, {}).items()}, rel=1e-14)
        assert operator.leaks[row] == (leak > 0 or cost.get(id, 0) > 0)


@given(st.integers(1, 3000), st.sampled_from([0.1, 1 / 3, 1e-3]))
def test_a_hubs_shares_add_up_to_one(n: int, weight: float) -> None:
    eco = Ecosystem.from_ties({"provider": [f"p{i}" for i in range(n)], "receiver": ["o"] * n, "weight": [weight] * n})
    _, value = dependence(eco).row(eco.row_of("o"))
    exact = float(sum(map(Fraction, value.tolist())))
    assert exact == pytest.approx(1, abs=2**-52)  # each share rounds once; a plain sum would drift by n units


def test_different_units_are_refused_with_both_ways_out() -> None:
    with pytest.raises(UnitError, match="'food' in 'usd', 'payout' in 'usd', 'ride' in '1'") as caught:
        dependence(mixed())
    assert "relation_weights={" in str(caught.value)
    assert 'normalise="relation"' in str(caught.value)
    assert shares(mixed(), layer="money") == {"bank": 1.0}  # one unit: nothing to refuse


def test_relation_weights_say_what_a_unit_is_worth() -> None:
    got = shares(mixed(), layer="service", relation_weights={"ride": 10, "food": 1})
    assert got == {"driver": 0.2, "cook": 0.8}
    assert shares(mixed(), relation_weights={"ride": 1, "food": 0, "payout": 0}) == {"driver": 1.0}


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ({"ride": 1}, "leaves out 'food', 'payout'"),
        ({"ride": 1, "food": 1, "payout": 1, "rides": 1}, "names 'rides'"),
        ({"ride": -1, "food": 1, "payout": 1}, "of 'ride' isn't a number >= 0"),
        ({"ride": float("nan"), "food": 1, "payout": 1}, "of 'ride' isn't a number"),
    ],
)
def test_relation_weights_are_checked(weights: dict[str, float], said: str) -> None:
    with pytest.raises(UnitError, match=said):
        dependence(mixed(), relation_weights=weights)


def test_normalised_relations_weigh_the_same_in_all() -> None:
    """ride 1/1, food 40/50 and 10/50: o gets 1 from the driver and 0.8 from the cook."""
    got = shares(mixed(), layer="service", normalise="relation")
    assert got == pytest.approx({"driver": 1 / 1.8, "cook": 0.8 / 1.8}, rel=1e-15)
    assert dependence(mixed(), layer="service", normalise="relation").inflow.sum() == pytest.approx(2, rel=1e-15)


def test_costs_have_a_unit_and_shares_of_totals_do_not() -> None:
    eco = mixed(external_cost=[50.0])
    assert shares(eco, layer="service", relation_weights={"ride": 10, "food": 1})["cook"] == 0.4
    with pytest.raises(UnitError, match="external_cost is an amount"):
        dependence(eco, layer="service", normalise="relation")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"layer": "goods"}, "no layer 'goods'"),
        ({"normalise": "unit"}, "normalise='unit' is unknown"),
        ({"leak": 1.0}, r"leak=1.0 isn't a share in \[0, 1\)"),
        ({"leak": float("nan")}, "leak=nan"),
    ],
)
def test_unknown_values_are_named(options: dict[str, Any], said: str) -> None:
    with pytest.raises(EcographError, match=said):
        dependence(mixed(), **options)


def test_a_view_or_layer_without_ties_says_so() -> None:
    with pytest.raises(WindowError, match="None of the 1 ties"):
        dependence(Ecosystem.from_ties({"provider": ["a"], "receiver": ["o"], "weight": [0.0]}))
    with pytest.raises(WindowError, match="No tie of layer 'money'"):
        dependence(mixed().relation("ride"), layer="money")


def test_the_ecosystem_comes_back_unchanged() -> None:
    eco = mixed()
    before = eco.tie_bytes()
    dependence(eco, normalise="relation")
    assert eco.tie_bytes() == before
    assert not np.shares_memory(dependence(eco, normalise="relation").value, eco.ties.weight)
