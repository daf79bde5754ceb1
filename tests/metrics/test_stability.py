"""The correlation-stability coefficient against its definition on the same dropped events, SciPy, and its laws."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from ecograph.ecosystem import Ecosystem
from ecograph.errors import EcographError
from ecograph.metrics import cs_coefficient, reliance
from ecograph.metrics import stability as module
from ecograph.metrics.resample import drop_events
from ecograph.metrics.stability import _coefficient, _correlation, _ranks
from tests.reference import agreement_more as reference

SHARES = (0.2, 0.5, 0.8)


def build(ties: list[tuple[str, str, int]]) -> Ecosystem:
    """Ties of so many events of amount 1."""
    provider, receiver, count = zip(*ties, strict=True)
    return Ecosystem.from_ties(
        {"provider": provider, "receiver": receiver, "weight": [float(c) for c in count], "count": count}
    )


@st.composite
def chains(draw: st.DrawFn) -> Ecosystem:
    """Providers of o and of each other, no circles."""
    ties = [(f"p{i}", "o", draw(st.integers(1, 30))) for i in range(draw(st.integers(2, 4)))]
    ties += [(f"q{i}", f"p{draw(st.integers(0, 1))}", draw(st.integers(1, 9))) for i in range(draw(st.integers(0, 3)))]
    return build(ties)


def lens_values(eco: Ecosystem, ids: list[str], lens: str) -> list[float] | None:
    try:
        ledger = reliance(eco, "o", lenses=[lens], by=lens, top=99)
    except EcographError:
        return None
    found = dict(ledger.table.select("id", lens).iter_rows())
    return [round(found.get(id, 0.0), 8) for id in ids]


@settings(max_examples=8)
@given(chains(), st.sampled_from(["direct", "rooted", "reach"]), st.integers(0, 9), st.sampled_from([0.7, 0.3]))
def test_equals_the_definition_on_the_same_events(eco: Ecosystem, lens: str, seed: int, correlation: float) -> None:
    ids = [id for id in eco.ids if id != "o"]
    original = lens_values(eco, ids, lens)
    assert original is not None
    options: dict[str, Any] = {"shares": SHARES, "replicates": 8, "level": 0.7, "correlation": correlation}
    if len(set(original)) == 1:
        with pytest.raises(EcographError, match="no order that could be stable"):
            cs_coefficient(eco, "o", lens, seed=seed, **options)
        return
    samples = {s: [lens_values(drop_events(eco, s, seed, r), ids, lens) for r in range(8)] for s in SHARES}
    result = cs_coefficient(eco, "o", lens, seed=seed, **options)
    assert result.coefficient == reference.cs_coefficient(original, samples, 0.7, correlation)
    for line in result.table.iter_rows(named=True):
        there = [it for it in samples[line["share"]] if it is not None and len(set(it)) > 1]
        assert line["failed"] == 8 - len(there)
        if there:
            expected = [spearmanr(original, it).statistic for it in there]
            assert line["mean"] == pytest.approx(np.mean(expected), abs=1e-12)
            assert line["low"] == pytest.approx(np.quantile(expected, 0.05), abs=1e-12)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=20))
def test_the_correlation_is_spearmans(pairs: list[tuple[int, int]]) -> None:
    x, y = np.array(pairs, float).T
    got = _correlation(_ranks(x, 0.0), _ranks(y, 0.0))
    if len(set(x)) > 1 < len(set(y)):
        assert got == pytest.approx(spearmanr(x, y).statistic, abs=1e-12)
    else:
        assert np.isnan(got)


def test_values_closer_than_the_bound_are_tied() -> None:
    assert _ranks(np.array([0.5, 0.5 + 1e-9, 0.1]), 1e-8).tolist() == [1, 1, -2]
    assert _ranks(np.array([0.5, 0.5 + 1e-9, 0.1]), 0.0).tolist() == [0, 2, -2]


def test_far_apart_is_stable_and_even_is_not() -> None:
    steep = build([("a", "o", 40_000), ("b", "o", 20_000), ("c", "o", 10_000)])
    even = build([("a", "o", 3), ("b", "o", 2), ("c", "o", 3), ("d", "o", 4)])
    assert cs_coefficient(steep, "o", "direct", shares=SHARES, replicates=10).coefficient == 0.8
    result = cs_coefficient(even, "o", "direct", shares=SHARES, replicates=20)
    assert result.coefficient == 0.0
    assert result.table["kept"].to_list() == sorted(result.table["kept"], reverse=True)


def test_a_share_that_passes_behind_one_that_fails_does_not_count() -> None:
    lines = [{"share": share, "kept": kept} for share, kept in [(0.1, 0.95), (0.2, 1.0), (0.3, 0.9), (0.4, 1.0)]]
    assert _coefficient(lines, 0.95) == 0.2
    assert _coefficient(lines[2:], 0.95) == 0.0
    original = [1, 2, 3]
    samples = {line["share"]: [original if k < 20 * line["kept"] else None for k in range(20)] for line in lines}
    assert reference.cs_coefficient(original, samples, 0.95, 0.7) == 0.2


def test_a_replicate_without_providers_is_told_of_and_is_no_success() -> None:
    eco = build([("a", "o", 1), ("b", "o", 2)])
    result = cs_coefficient(eco, "o", "direct", shares=[0.9], replicates=20, level=0.01, correlation=0.0)
    gone = [r for r in range(20) if not drop_events(eco, 0.9, 0, r).ties.weight.any()]
    assert gone
    assert [r for _, r, _ in result.failures] == gone
    assert result.table["failed"][0] >= len(gone)
    assert result.table["kept"][0] <= 1 - len(gone) / 20


def test_a_conductor_in_a_closed_class_is_asked_by_first_round_every_time() -> None:
    ties = [("a", "o", 900), ("b", "o", 400), ("c", "o", 100), ("o", "a", 50), ("o", "b", 50), ("o", "c", 50)]
    asked: list[Any] = []

    def noted(*arguments: Any, **options: Any) -> Any:
        asked.append(options.get("feedback"))
        return reliance(*arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "reliance", noted)
        result = cs_coefficient(build(ties), "o", shares=SHARES, replicates=5)
        cs_coefficient(build(ties[:3]), "o", shares=[0.2], replicates=1)
    assert result.coefficient == 0.8
    assert not result.failures
    assert asked == [None, *[False] * 15, None, True]


def test_progress_and_provenance() -> None:
    seen: list[Any] = []
    eco = build([("a", "o", 5), ("b", "o", 2)])
    shares = [0.5, 0.2, 0.5]
    result = cs_coefficient(eco, "o", shares=shares, replicates=2, progress=lambda *tick: seen.append(tick[1:]))
    assert seen == [(k, 4) for k in (1, 2, 3, 4)]
    assert result.table["share"].to_list() == [0.2, 0.5]
    assert result.provenance["function"] == "ecograph.metrics.cs_coefficient"


@pytest.mark.parametrize(
    "wrong",
    [{"shares": []}, {"shares": [0.0]}, {"shares": [1.0]}, {"replicates": 0}, {"level": 0.0}, {"level": 1.1},
     {"correlation": -0.1}, {"correlation": float("nan")}, {"lens": "fame"}, {"seed": -1}],
)  # fmt: skip
def test_impossible_parameters_are_refused(wrong: dict[str, Any]) -> None:
    eco = build([("a", "o", 5), ("b", "o", 2)])
    with pytest.raises(EcographError):
        cs_coefficient(eco, "o", **({"replicates": 2} | wrong))


def test_ties_without_counts_are_refused() -> None:
    eco = Ecosystem.from_ties({"provider": ["a", "b"], "receiver": ["o", "o"], "weight": [5.0, 2.0]})
    with pytest.raises(EcographError, match="how many events"):
        cs_coefficient(eco, "o")
