"""Sums over chains that are stopped and go on."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecograph.cpu import chains as kernels
from ecograph.ecosystem import Ecosystem
from ecograph.metrics import chains
from ecograph.metrics.components import components
from ecograph.metrics.lenses import Reach
from ecograph.metrics.operator import dependence
from tests import reference
from tests.metrics.test_reliance import build

NEAR = [(f"p{(i + step) % 30}", f"p{i}", 1.0 + (7 * i + step) % 5) for i in range(30) for step in (1, 2, 11)]
COST = {f"p{i}": 0.1 for i in range(30)}  # so that chains end


def lens(**more: Any) -> tuple[Ecosystem, Reach]:
    eco = build(NEAR, external_cost=COST)
    p, o = dependence(eco), eco.row_of("p0")
    return eco, Reach(p, components(p, np.array([o])), o, np.array([r for r in range(30) if r != o]), 1e-10, **more)


@cache
def one_lens() -> Reach:
    return lens()[1]


@given(st.lists(st.integers(0, 28), min_size=2, max_size=kernels.WIDTH, unique=True), st.data())
def test_a_block_that_goes_on_is_the_one_that_never_stopped(at: list[int], data: st.DataObject) -> None:
    """Bit for bit, for any of its lanes in any order; and both are what elimination gives."""
    reach = one_lens()
    node = reach.node[at]
    whole = chains.hitting(reach.graph, reach.visits, node, 1e-10)
    _, _, begun = chains.hitting(reach.graph, reach.visits, node, data.draw(st.sampled_from([0.1, 1e-4])))
    assert begun.sweeps < whole[2].sweeps
    some = np.array(data.draw(st.permutations(range(len(at)))), np.intp)
    low, high, sums = chains.hitting(reach.graph, reach.visits, node[some], 1e-10, begun=begun.only(some))
    assert sums.sweeps == whole[2].sweeps
    np.testing.assert_array_equal(low, whole[0][some])
    np.testing.assert_array_equal(high, whole[1][some])


def test_blocks_that_rest_meanwhile_keep_their_bounds() -> None:
    """Lanes of four blocks, of which a few go on: between what is known below and above, and no wider than asked."""
    eco, reach = lens()
    p = np.zeros((30, 30))
    for id, row in reference.operator([(*tie, "r") for tie in NEAR], COST).items():
        p[eco.row_of(id), [eco.row_of(k) for k in row]] = [float(share) for share in row.values()]
    visits = np.linalg.inv(np.eye(30) - p)
    value = (visits[eco.row_of("p0")] / visits.diagonal())[reach.rows]
    at = np.arange(29)
    wide = reach.solve(at, 1e-3)
    some = np.array([27, 3, 4, 11])
    narrow = reach.solve(some)
    for bounds, mine, tol in ((wide, at, 1e-3), (narrow, some, 1e-10)):
        assert (bounds.low <= value[mine] + 1e-12).all()
        assert (bounds.high >= value[mine] - 1e-12).all()
        assert (bounds.high - bounds.low <= tol).all()
    _, first, then = reach.sweeps
    alone = lens()[1]
    alone.solve(some)
    assert first + then <= alone.sweeps[-1] + chains.STRETCH  # they went on, and didn't begin anew


@pytest.mark.parametrize(
    ("candidates", "lanes"), [(1, 1), (7, 7), (8, 8), (9, 8), (10, 10), (17, 16), (32, 32), (33, 32), (400, 32)]
)
def test_no_block_is_made_for_one_lane(candidates: int, lanes: int) -> None:
    assert chains.lanes_at_once(candidates) == lanes
