"""Concentration of inputs: exact reference, closed forms, scale, laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from ecograph.ecosystem import Ecosystem
from ecograph.metrics import gini, hhi
from tests import reference

ROUNDOFF = 2.0**-53
Rows = dict[str, list[int]]
ROWS = st.dictionaries(
    st.sampled_from(["a", "b", "c", "d"]),
    st.lists(st.integers(0, 9) | st.just(10**6), max_size=8),
    min_size=1,
).filter(lambda rows: any(any(weights) for weights in rows.values()))


def build(rows: Rows, scale: float = 1.0) -> Ecosystem:
    """Weights of receivers; each has providers of its own, and weights of 0 stay in the table."""
    ties = [(f"{j}{i}", j, w * scale) for j, weights in rows.items() for i, w in enumerate(weights)]
    provider, receiver, weight = zip(*ties, strict=True)
    return Ecosystem.from_ties({"provider": provider, "receiver": receiver, "weight": weight}, {"id": list(rows)})


@given(ROWS)
def test_equals_the_exact_reference(rows: Rows) -> None:
    eco = build(rows)
    k = max(map(len, rows.values()))
    at = [eco.row_of(j) for j in rows]
    positive = [[w for w in weights if w > 0] for weights in rows.values()]
    assert_allclose(hhi(eco)[at], [reference.hhi(ws) for ws in positive], rtol=(3 * k + 1) * ROUNDOFF, atol=0)
    assert_allclose(gini(eco)[at], [reference.gini(ws) for ws in positive], rtol=0, atol=2 * k * ROUNDOFF)


@given(st.integers(1, 500))
def test_equal_shares(k: int) -> None:
    eco = build({"a": [3] * k})
    assert hhi(eco)[eco.row_of("a")] == pytest.approx(1 / k, rel=(3 * k + 1) * ROUNDOFF)
    assert gini(eco)[eco.row_of("a")] == pytest.approx(0, abs=2 * k * ROUNDOFF)


def test_known_values() -> None:
    """p = (.5, .3, .2): HHI .38, population Gini .2; one provider: 1 and 0; a provider only: NaN."""
    eco = build({"a": [5, 3, 2], "b": [7]})
    assert hhi(eco)[eco.row_of("a")] == pytest.approx(0.38, rel=1e-15)
    assert gini(eco)[eco.row_of("a")] == pytest.approx(0.2, abs=1e-15)
    assert (hhi(eco)[eco.row_of("b")], gini(eco)[eco.row_of("b")]) == (1.0, 0.0)
    assert np.isnan([hhi(eco)[eco.row_of("a0")], gini(eco)[eco.row_of("a0")]]).all()


@given(ROWS, st.integers(-20, 20))
def test_the_unit_of_weight_cancels_to_the_bit(rows: Rows, e: int) -> None:
    assert_array_equal(hhi(build(rows, 2.0**e)), hhi(build(rows)))
    assert_array_equal(gini(build(rows, 2.0**e)), gini(build(rows)))


def test_parallel_ties_of_one_provider_are_one_share() -> None:
    ties = {"provider": ["x", "x", "y"], "receiver": ["o"] * 3, "weight": [1, 2, 1], "relation": ["r", "s", "r"]}
    eco = Ecosystem.from_ties(ties)
    assert hhi(eco)[eco.row_of("o")] == 0.625
    assert gini(eco)[eco.row_of("o")] == 0.25


@given(st.lists(st.integers(1, 50), min_size=2, max_size=9))
def test_a_merger_never_lowers_concentration(weights: list[int]) -> None:
    apart, merged = build({"a": weights}), build({"a": [weights[0] + weights[1], *weights[2:]]})
    assert hhi(merged)[merged.row_of("a")] >= hhi(apart)[apart.row_of("a")] * (1 - 40 * ROUNDOFF)


@given(st.lists(st.integers(1, 50), min_size=2, max_size=9))
def test_a_gift_to_a_smaller_one_never_raises_inequality(weights: list[int]) -> None:
    low, *middle, high = sorted(weights)
    step = (high - low) // 2
    eco, after = build({"a": weights}), build({"a": [low + step, *middle, high - step]})
    assert gini(after)[after.row_of("a")] <= gini(eco)[eco.row_of("a")] + 40 * ROUNDOFF
