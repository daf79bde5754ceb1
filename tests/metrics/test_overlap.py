"""Rank-biased overlap against its sum in fractions, published numbers, closed forms and laws."""

from __future__ import annotations

from math import log
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ecograph.errors import EcographError
from ecograph.metrics import rbo
from tests.reference import agreement_more as reference

P = st.sampled_from([0.1, 0.5, 0.9, 0.98])


@st.composite
def rankings(draw: st.DrawFn) -> list[list[str]]:
    """Some of twelve items, cut into groups of tied ones."""
    items = draw(st.lists(st.sampled_from("abcdefghijkl"), min_size=1, unique=True))
    groups: list[list[str]] = [[items[0]]]
    for item in items[1:]:
        if draw(st.booleans()):
            groups.append([])
        groups[-1].append(item)
    return groups


SCORES = st.lists(st.tuples(st.integers(0, 4), st.sampled_from([0.5, 1.0, 7.0, 1e-9])), min_size=1, max_size=12)


def near(n: int) -> Any:
    return {"rel": 4 * (n + 1) * 2**-53, "abs": 0}


@given(rankings(), rankings(), P)
@example([["a"], ["b", "c"], ["d"]], [["b", "a"], ["c"]], 0.5)
def test_equals_the_exact_reference(x: list[list[str]], y: list[list[str]], p: float) -> None:
    expected = float(reference.rbo(x, y, p))
    assert rbo(x, y, p) == pytest.approx(expected, **near(12))
    assert rbo([set(group) for group in x], [tuple(group) for group in y], p) == rbo(x, y, p)


@given(SCORES, P)
def test_scores_equal_the_exact_reference(pairs: list[tuple[int, float]], p: float) -> None:
    x, y = [a for a, _ in pairs], [b for _, b in pairs]
    expected = reference.rbo(reference.groups_of_scores(x), reference.groups_of_scores(y), p)
    assert rbo(np.array(x), y, p) == pytest.approx(float(expected), **near(12))


def test_the_published_numbers() -> None:
    """Corsi and Urbano's own program, its README: RBO_ext of two lists, with the ties of RBO^w and without ties."""
    x = ["red", {"blue", "green"}, "yellow", "pink"]
    y = [{"blue", "red"}, "white", {"yellow", "black", "purple"}, "green"]
    assert round(rbo(x, y, 0.95), 7) == 0.7068257


@given(st.integers(1, 30), P)
def test_lists_that_differ_in_their_first_places(n: int, p: float) -> None:
    """The first two swapped: all depths agree but the first."""
    items = [f"i{k}" for k in range(n + 1)]
    swapped = [items[1], items[0], *items[2:]]
    assert rbo(items, swapped, p) == pytest.approx(p, **near(n + 1))


@given(rankings(), P)
def test_one_for_the_same_list_and_for_its_beginning(x: list[list[str]], p: float) -> None:
    assert rbo(x, x, p) == pytest.approx(1.0, abs=1e-14)
    single = [group[0] for group in x]
    assert rbo(single, single[: len(single) // 2 + 1], p) == pytest.approx(1.0, abs=1e-14)
    assert rbo(x, [[f"{item}'" for item in group] for group in x], p) == 0.0


@given(rankings(), rankings(), P)
def test_symmetric_between_0_and_1_and_blind_to_order_within_a_group(
    x: list[list[str]], y: list[list[str]], p: float
) -> None:
    value = rbo(x, y, p)
    assert 0.0 <= value <= 1.0
    assert rbo(y, x, p) == pytest.approx(value, abs=1e-15)
    assert rbo([group[::-1] for group in x], y, p) == value


@given(st.lists(st.integers(-50, 50), min_size=2, max_size=20), P)
def test_only_the_order_of_scores_counts(x: list[int], p: float) -> None:
    y = list(range(len(x)))
    assert rbo([3.0 * v + 1.0 for v in x], y, p) == rbo(x, y, p)


def test_the_top_weighs_most() -> None:
    items = [f"i{k}" for k in range(40)]
    top, end = items.copy(), items.copy()
    top[0], top[5] = top[5], top[0]
    end[34], end[39] = end[39], end[34]
    assert rbo(items, top) < rbo(items, end) < 1.0


def test_the_first_ranks_have_the_published_weight() -> None:
    """Webber et al., equation 21: at p = 0.9 the first ten ranks have 86 % of the weight."""
    p, d = 0.9, 10
    seen = 1 - p ** (d - 1) + (1 - p) / p * d * (log(1 / (1 - p)) - sum(p**i / i for i in range(1, d)))
    assert round(seen, 2) == 0.86  # what the docs say; a common top ten and nothing else has at least that less its end
    common = [f"i{k}" for k in range(d)]
    long = 400
    value = rbo(common + [f"x{k}" for k in range(long)], common + [f"y{k}" for k in range(long)], p)
    assert value == pytest.approx(seen, abs=1e-12)


@pytest.mark.parametrize(
    ("x", "y", "p", "said"),
    [
        ([], ["a"], 0.9, "empty"),
        ([[]], ["a"], 0.9, "empty"),
        (["a", "b", "a"], ["a"], 0.9, "twice"),
        (["a", {"b"}, "b"], ["a"], 0.9, "twice"),
        (["a"], ["a"], 1.0, "isn't in"),
        (["a"], ["a"], float("nan"), "isn't in"),
        ([1.0, float("nan")], [1.0, 2.0], 0.9, "NaN"),
        ([1.0, 2.0], [1.0], 0.9, "2 and 1"),
        ([1.0], ["a"], 0.9, "scores"),
        ("abc", ["a"], 0.9, "text"),
    ],
)
def test_what_is_no_ranking_is_refused(x: Any, y: Any, p: float, said: str) -> None:
    with pytest.raises(EcographError, match=said):
        rbo(x, y, p)
