"""Replicates of rooted, eight side by side, against an ecosystem and a solve for each."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecograph.ecosystem import Ecosystem
from ecograph.metrics import intervals
from ecograph.metrics import rooted_replicates as module
from ecograph.metrics.operator import dependence
from ecograph.metrics.question import Question
from ecograph.metrics.resample import redraw, replicate_values
from ecograph.metrics.rooted import upstream
from tests.strategies import ecosystems

TOL = 1e-11


def question(eco: Ecosystem, o: int, **options: Any) -> Question:
    p = dependence(eco, normalise="relation" if len(eco.relations) > 1 else None, **options)
    found = upstream(p, o)
    rows = found.order[found.order != o].astype(np.intp)
    return Question(eco, p, found, o, rows, ("rooted",), 0.15, TOL, None, None, None, None, "off", None)


def counted(eco: Ecosystem, seed: int) -> Ecosystem:
    count = np.random.default_rng(seed).integers(1, 4, len(eco.ties))
    return replace(eco, ties=replace(eco.ties, count=count))


def ring(n: int = 60) -> Ecosystem:
    """Everyone gets from the next and from two others; the conductor is row 0 of nobody in particular."""
    random = np.random.default_rng(4)
    ends = {(f"p{i}", f"p{j}") for j in range(n) for i in {(j + 1) % n, *random.integers(0, n, 2).tolist()} if i != j}
    provider, receiver = zip(*sorted(ends), strict=True)
    count = random.integers(1, 5, len(ends))
    ties = {"provider": provider, "receiver": receiver, "weight": count * 1.5, "count": count}
    return Ecosystem.from_ties(ties)


@settings(max_examples=40)
@given(ecosystems(relations=2), st.integers(0, 2**32), st.sampled_from([0.0, 0.2]), st.integers(1, 17))
def test_each_replicate_is_what_its_own_ecosystem_gives(eco: Ecosystem, seed: int, leak: float, many: int) -> None:
    if not eco.active.any():
        return
    eco = counted(eco, seed)
    o = int(eco.ties.receiver[np.flatnonzero(eco.active)[0]])
    ask = question(eco, o, leak=leak) if not _outside(eco) else None
    if ask is None:
        return
    found, failed = module.rooted_replicates(ask, ask.rows, many, seed)
    expected, lost = replicate_values(
        eco, partial(intervals._values, ask, {"rooted": ask.rows}), replicates=many, seed=seed
    )
    assert failed == lost == []
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOL)


def _outside(eco: Ecosystem) -> bool:
    """Costs aren't in a unit that normalise= leaves alone."""
    return "external_cost" in eco.participants.columns and len(eco.relations) > 1


def test_a_star_gives_the_shares_of_its_drawn_weights() -> None:
    ties = {"provider": list("abc"), "receiver": ["o"] * 3, "weight": [6.0, 3.0, 1.0], "count": [3, 2, 1]}
    eco = Ecosystem.from_ties(ties)
    ask = question(eco, eco.row_of("o"))
    found, _ = module.rooted_replicates(ask, ask.rows, 20, 9)
    for r in range(20):
        drawn = redraw(eco, 9, r).ties
        share = dict(zip(drawn.provider.tolist(), drawn.weight / drawn.weight.sum(), strict=True))
        np.testing.assert_allclose(found[r], [0.15 * 0.85 * share[int(k)] for k in ask.rows], rtol=1e-13)


@pytest.mark.parametrize("cost", [0.0, 2.5])
def test_what_is_bought_outside_stays_what_it_is(cost: float) -> None:
    """One provider of weight w: its share is w / (w + cost), drawn by drawn."""
    ties = {"provider": ["a"], "receiver": ["o"], "weight": [3.0], "count": [2]}
    eco = Ecosystem.from_ties(ties, {"id": ["o"], "external_cost": [cost]})
    ask = question(eco, eco.row_of("o"), leak=0.1)
    found, _ = module.rooted_replicates(ask, ask.rows, 9, 2)
    drawn = np.array([redraw(eco, 2, r).ties.weight[0] for r in range(9)])
    np.testing.assert_allclose(found[:, 0], 0.15 * 0.85 * 0.9 * drawn / (drawn + cost), rtol=1e-13)


@pytest.mark.skipif(bool(numba.config.DISABLE_JIT), reason="Numba is switched off: there are no threads")
def test_same_bits_for_one_thread_and_two(monkeypatch: pytest.MonkeyPatch) -> None:
    if numba.config.NUMBA_NUM_THREADS < 2:
        pytest.skip("Numba was told to use one thread: nothing to compare")
    monkeypatch.setattr("ecograph.cpu.threads.WORTH", 0)
    ask, before, seen = question(ring(), 0), numba.get_num_threads(), []
    for threads in (1, 2):
        numba.set_num_threads(threads)
        seen.append(module.rooted_replicates(ask, ask.rows, 30, 1)[0].tobytes())
    numba.set_num_threads(before)
    assert seen[0] == seen[1]


def test_a_replicate_belongs_to_its_number_and_not_to_how_many_there_are() -> None:
    ask = question(ring(), 0)
    many, _ = module.rooted_replicates(ask, ask.rows, 70, 1)
    few, _ = module.rooted_replicates(ask, ask.rows, 67, 1)
    np.testing.assert_array_equal(many[:67], few)
    assert (np.std(many, axis=0) > 0.0).all()


def test_a_replicate_that_does_not_converge_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ecograph.metrics.chains.MOST", 2)
    ask = question(ring(), 0)
    found, failed = module.rooted_replicates(ask, ask.rows, 3, 1)
    assert np.isnan(found).all()
    assert [r for r, _ in failed] == [0, 1, 2]
    assert "not to tol=1e-11" in failed[0][1]
