"""Kendall's tau-b against the count of all pairs, and SciPy's."""

from __future__ import annotations

from math import isnan

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau

from ecograph.errors import EcographError
from ecograph.metrics import kendall_tau_b
from tests import reference

RANKS = st.lists(st.tuples(st.integers(0, 4), st.floats(-2, 2).map(lambda v: round(v, 1))), max_size=25)


@given(RANKS)
def test_equals_the_count_of_all_pairs(pairs: list[tuple[int, float]]) -> None:
    x, y = [a for a, _ in pairs], [b for _, b in pairs]
    expected = reference.kendall_tau_b(x, y)
    got = kendall_tau_b(x, y)
    assert (isnan(got) and isnan(expected)) or got == pytest.approx(expected, rel=4 * 2**-53)


@given(RANKS.filter(lambda pairs: len({a for a, _ in pairs}) > 1 < len({b for _, b in pairs})))
def test_equals_scipy(pairs: list[tuple[int, float]]) -> None:
    x, y = [a for a, _ in pairs], [b for _, b in pairs]
    assert kendall_tau_b(x, y) == pytest.approx(kendalltau(x, y, variant="b").statistic, abs=1e-12)


@given(st.lists(st.integers(), min_size=2, max_size=30, unique=True))
def test_same_and_opposite_orders(x: list[int]) -> None:
    small = [sorted(x).index(v) for v in x]
    assert kendall_tau_b(small, small) == 1.0
    assert kendall_tau_b(small, [-v for v in small]) == -1.0


def test_what_has_no_order() -> None:
    assert isnan(kendall_tau_b([], []))
    assert isnan(kendall_tau_b([1], [2]))
    assert isnan(kendall_tau_b([1, 1, 1], [1, 2, 3]))
    with pytest.raises(EcographError, match="NaN"):
        kendall_tau_b([1.0, float("nan")], [1, 2])
    with pytest.raises(EcographError, match="2 and 3"):
        kendall_tau_b([1, 2], [1, 2, 3])
