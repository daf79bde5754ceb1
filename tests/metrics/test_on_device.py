"""Metrics whose sums run on a device give what they give on the CPU, within what both promise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

import ecograph
from ecograph import Ecosystem, reliance
from ecograph.errors import ConvergenceError, DeviceError, EcographError
from ecograph.metrics import (
    counterfactual_visits,
    eigenvector_centrality,
    esri_linear,
    hits,
    hypothetical_extraction,
    intervals,
    katz_centrality,
    leontief_totals,
    pagerank,
    reach,
)
from ecograph.metrics.resample import redraw, replicate_values
from ecograph.metrics.rooted_replicates import rooted_replicates
from tests.gpu.host_cupy import HostCupy
from tests.metrics.test_rooted_replicates import question

TOL = 1e-10


def market(n: int = 30, seed: int = 1, *, cost: float = 20.0) -> Ecosystem:
    """Ties at random, some of them on circles, and o, who buys from a tenth and sells to many."""
    random = np.random.default_rng(seed)
    provider, receiver = random.integers(0, n, 4 * n), random.integers(0, n, 4 * n)
    first = np.arange(1, n // 10 + 2)
    provider = np.concatenate([provider, first, np.zeros(n - 1, np.int64)])
    receiver = np.concatenate([receiver, np.zeros(first.size, np.int64), np.arange(1, n)])
    ids = [f"p{k}" for k in range(n)]
    ties = {
        "provider": [ids[k] for k in provider],
        "receiver": [ids[k] for k in receiver],
        "weight": 1.0 + random.integers(0, 9, provider.size),
        "count": np.full(provider.size, 3),
    }
    people = {"id": ids, "external_cost": np.full(n, cost), "external_demand": np.full(n, cost)}
    return Ecosystem.from_ties(ties, people)


def closed_class() -> Ecosystem:
    """o depends on a pair that buys from each other only."""
    ties = {"provider": list("abcabx"), "receiver": list("oobbac"), "weight": [1.0, 2, 1, 3, 1, 1]}
    return Ecosystem.from_ties({**ties, "receiver": list("oobbao")})


@pytest.mark.parametrize("feedback", [None, False])
@pytest.mark.parametrize("by", ["rooted", "reach"])
def test_reliance(by: str, feedback: bool | None, on_host_shim: Callable[..., HostCupy]) -> None:
    cupy = on_host_shim()
    eco = market()
    asked: dict[str, Any] = {"by": by, "top": 8, "feedback": feedback}
    here, there = (reliance(eco, "p0", device=device, **asked) for device in ("cpu", "gpu"))
    assert cupy.counts["walk_rows"] > 0
    assert cupy.counts["pull_lanes"] > 0
    assert there.provenance["device"] == "gpu"
    assert there.provenance["device_reason"] == "host-shim, for the sums over chains of rooted and reach"
    assert here.provenance["device"] == "cpu"
    assert there.certificate.unique == here.certificate.unique
    assert there.certificate.bound <= TOL * (1 + 1e-3)
    assert there.table["id"].to_list() == here.table["id"].to_list()
    for name, values in here.table.to_dict().items():
        if values.dtype.is_float():
            close = 1e-5 if name.endswith(("_low", "_high")) or name == "p_top" else 2 * TOL
            np.testing.assert_allclose(
                there.table[name].to_numpy(), values.to_numpy(), rtol=0, atol=close, err_msg=name
            )


def test_rows_are_copied_once_a_call(on_host_shim: Callable[..., HostCupy]) -> None:
    """Rooted needs the transpose of a graph, reach both sides of it, and no class is closed: two sets of rows."""
    cupy = on_host_shim()
    reliance(market(), "p0", device="gpu", intervals="none", top=20)
    rows, vectors, lanes = 2, 3, cupy.counts["begin_lanes"]  # vectors: rooted, visits, and back to the conductor
    assert lanes >= 1
    # A set of rows takes 8 copies; a vector where it begins and what counts; lanes these and who is held.
    assert cupy.counts["copy"] == 8 * rows + 2 * vectors + 2 * lanes
    assert cupy.counts["walk_rows"] + cupy.counts["pull_lanes"] > 8 * (vectors + lanes)


@pytest.mark.parametrize("lenses", [["rooted"], ["rooted", "reach"]])
def test_replicates(lenses: list[str], on_host_shim: Callable[..., HostCupy]) -> None:
    """The same draws, so the same intervals; those of reach are the CPU's."""
    cupy = on_host_shim()
    eco = market()
    asked: dict[str, Any] = {"lenses": lenses, "by": "rooted", "intervals": "bootstrap", "replicates": 40, "top": 5}
    here, there = (reliance(eco, "p0", device=device, **asked) for device in ("cpu", "gpu"))
    assert cupy.counts["draw_amounts"] == 2  # 32 at a time
    assert there.provenance["device_reason"].endswith("of replicates of rooted")
    assert there.table["id"].to_list() == here.table["id"].to_list()
    for name in ("rooted_low", "rooted_high", "p_top"):
        np.testing.assert_allclose(there.table[name].to_numpy(), here.table[name].to_numpy(), rtol=0, atol=2 * TOL)


def clustered(seed: int = 1, *, refunds: bool = False) -> Ecosystem:
    """``market`` whose events belong to five customers, but for some; with refunds, ties may vanish."""
    whole, random = market(seed=seed), np.random.default_rng(seed)
    rows = np.tile(np.arange(len(whole.ties)), 3)
    customer = random.integers(0, 6, rows.size)
    weight = 1.0 + random.integers(0, 9, rows.size)
    if refunds:
        weight[: len(whole.ties)] *= np.where(random.random(len(whole.ties)) < 0.5, -0.7, 1.0)
    ids = whole.ids.to_list()
    ties = {
        "provider": [ids[k] for k in whole.ties.provider[rows]],
        "receiver": [ids[k] for k in whole.ties.receiver[rows]],
        "weight": weight,
        "count": np.ones(rows.size, np.int64),
        "cluster": [None if k == 5 else f"c{k}" for k in customer],
    }
    return Ecosystem.from_ties(ties, {"id": ids, "external_cost": np.full(len(ids), 20.0)})


@pytest.mark.parametrize("refunds", [False, True])
def test_replicates_with_clusters(refunds: bool, on_host_shim: Callable[..., HostCupy]) -> None:
    cupy = on_host_shim()
    eco = clustered(refunds=refunds)
    asked: dict[str, Any] = {"lenses": ["rooted"], "by": "rooted", "intervals": "bootstrap", "replicates": 40, "top": 5}
    here, there = (reliance(eco, "p0", device=device, **asked) for device in ("cpu", "gpu"))
    assert cupy.counts["draw_parts"] == 2
    assert there.provenance["device_reason"].endswith("of replicates of rooted")
    assert there.table["id"].to_list() == here.table["id"].to_list()
    for name in ("rooted_low", "rooted_high", "p_top"):
        np.testing.assert_allclose(there.table[name].to_numpy(), here.table[name].to_numpy(), rtol=0, atol=2 * TOL)


@pytest.mark.parametrize("lens", ["rooted", "reach"])
def test_who_is_not_reached_in_a_replicate_has_nothing(lens: str, on_host_shim: Callable[..., HostCupy]) -> None:
    """A refund in a cluster of its own may outweigh what was bought: then no chain gets there."""
    on_host_shim()
    ties = {"provider": list("abbc"), "receiver": list("oooa"), "weight": [1.0, 5, -4, 1], "count": [1] * 4,
            "cluster": list("xyzx")}  # fmt: skip
    eco = Ecosystem.from_ties(ties)
    ask = replace(question(eco, eco.row_of("o")), lenses=(lens,))
    drawn, _ = replicate_values(eco, partial(intervals._values, ask, {lens: ask.rows}), replicates=40)
    gone = np.array([redraw(eco, 0, r).ties.weight.min() <= 0.0 for r in range(40)])
    assert 0 < gone.sum() < 40
    np.testing.assert_array_equal(drawn[:, ask.rows == eco.row_of("b")][:, 0] == 0.0, gone)
    if lens == "rooted":
        there, _ = rooted_replicates(replace(ask, on_gpu=True), ask.rows, 40, 0)
        np.testing.assert_allclose(there, drawn, rtol=0, atol=TOL)


def test_ties_that_may_all_vanish_are_drawn_by_the_cpu(on_host_shim: Callable[..., HostCupy]) -> None:
    cupy = on_host_shim()
    ties = {
        "provider": list("aa"),
        "receiver": list("oo"),
        "weight": [5.0, -1],
        "count": [1] * 2,
        "cluster": list("xy"),
    }
    eco = Ecosystem.from_ties(ties)
    asked: dict[str, Any] = {"lenses": ["rooted"], "by": "rooted", "intervals": "bootstrap", "replicates": 40}
    found = reliance(eco, "o", device="gpu", **asked)
    assert cupy.counts["draw_parts"] == 0
    assert found.provenance["device_reason"].endswith("for the sums over chains of rooted")


def test_a_ledger_tells_where_memory_ended(on_host_shim: Callable[..., HostCupy]) -> None:
    """Sixteen candidates a time instead of 32, and replicates; intervals are the same bits."""
    on_host_shim()
    eco = market()
    asked: dict[str, Any] = {"by": "rooted", "lenses": ["rooted"], "intervals": "bootstrap", "replicates": 40, "top": 5}
    whole = reliance(eco, "p0", device="gpu", **asked)
    cupy = on_host_shim()
    cupy.largest = 150 * 8 * 16 + 512  # values of 150 arrows at most for 16 replicates
    half = reliance(eco, "p0", device="gpu", **asked)
    assert half.table.equals(whole.table)
    reason = half.provenance["device_reason"]
    ended = "Replicates went on with 16 lanes at a time from number 0 on"
    assert reason.startswith(f"{whole.provenance['device_reason']}; {ended}")
    assert cupy.counts["freed"] == 2  # of what is kept, then of 32 lanes


def test_replicates_that_fail_are_told(on_host_shim: Callable[..., HostCupy], monkeypatch: pytest.MonkeyPatch) -> None:
    on_host_shim()
    ask = replace(question(market(), 0), on_gpu=True)
    whole, none = rooted_replicates(ask, ask.rows, 3, 1)
    assert not none
    monkeypatch.setattr("ecograph.metrics.chains.MOST_STEPS", 8)
    values, failed = rooted_replicates(ask, ask.rows, 3, 1)
    assert [r for r, _ in failed] == [0, 1, 2]
    assert "only, not to tol=1e-11" in failed[0][1]
    assert np.isnan(values).all()
    assert not np.isnan(whole).any()


def test_reach_in_and_before_closed_classes(on_host_shim: Callable[..., HostCupy]) -> None:
    on_host_shim()
    eco = closed_class()
    for conductor in ("o", "a"):
        here, there = (reliance(eco, conductor, device=device) for device in ("cpu", "gpu"))
        assert there.table["id"].to_list() == here.table["id"].to_list()
        for lens in here.lenses:
            np.testing.assert_allclose(there.table[lens].to_numpy(), here.table[lens].to_numpy(), rtol=0, atol=2 * TOL)


def test_lenses_without_kernels_are_the_cpus(on_host_shim: Callable[..., HostCupy]) -> None:
    on_host_shim()
    eco = market()
    with pytest.raises(DeviceError, match="no GPU kernels for this"):
        reliance(eco, "p0", lenses=["direct"], by="direct", device="gpu")
    found = reliance(eco, "p0", lenses=["direct"], by="direct").provenance
    assert (found["device"], found["device_reason"]) == (
        "cpu",
        "there are no GPU kernels for this (host-shim is there)",
    )


def test_what_does_not_fit(on_host_shim: Callable[..., HostCupy]) -> None:
    on_host_shim(free=10_000)
    eco = market()
    found = reliance(eco, "p0").provenance
    assert found["device"] == "cpu"
    assert "GB of device memory are needed, 0.0 GB are free" in found["device_reason"]
    with pytest.raises(DeviceError, match="device memory are needed"):
        reliance(eco, "p0", device="gpu")


def test_a_device_that_fails_gives_no_number(on_host_shim: Callable[..., HostCupy]) -> None:
    eco = market()
    for memory in range(0, 30, 4):
        on_host_shim(memory=memory)
        with pytest.raises(DeviceError, match=r"no memory left for the sums over chains: Out of memory"):
            reliance(eco, "p0")
    on_host_shim().counts["lost"] = 1
    with pytest.raises(DeviceError, match="failed in pagerank: CUDARuntimeError"):
        pagerank(eco)


def test_chains_that_hardly_end_are_told(
    on_host_shim: Callable[..., HostCupy], monkeypatch: pytest.MonkeyPatch
) -> None:
    on_host_shim()
    monkeypatch.setattr("ecograph.metrics.chains.MOST_STEPS", 24)
    with pytest.raises(ConvergenceError, match="After 24 sweeps over the chains from the conductor"):
        reliance(market(cost=1e-6), "p0", lenses=["reach"], by="reach", device="gpu")


def agree(metric: Callable[..., Any], *given: Any, rtol: float = 0.0, atol: float = 0.0, **named: Any) -> Any:
    here, there = (np.array(metric(*given, device=device, **named)) for device in ("cpu", "gpu"))
    np.testing.assert_allclose(there, here, rtol=rtol, atol=atol)
    return there


@pytest.mark.parametrize("weight", ["weight", None])
def test_pagerank(weight: str | None, on_host_shim: Callable[..., HostCupy]) -> None:
    cupy = on_host_shim()
    eco = market()
    agree(pagerank, eco, weight=weight, atol=2 * TOL)
    assert (cupy.counts["walk_rows"] > 0, cupy.counts["pull_lanes"]) == (True, 0)
    ends = Ecosystem.from_ties({"provider": list("aabd"), "receiver": list("bcce"), "weight": [1e-200, 1e200, 1, 1]})
    for dangling in (None, {"a": 1.0, "d": 2.0}):
        agree(pagerank, ends, weight=weight, dangling=dangling, atol=2 * TOL)
        several = [{"a": 1.0}, {"b": 1.0, "e": 3.0}]
        agree(pagerank, ends, weight=weight, dangling=dangling, personalization=several, alpha=0.95, atol=2 * TOL)
    assert agree(pagerank, ends, alpha=0.0, atol=2 * TOL).sum() == pytest.approx(1.0)
    with pytest.raises(ConvergenceError, match="pagerank"):
        pagerank(eco, max_iter=3, device="gpu")


@pytest.mark.parametrize("weight", ["weight", None])
def test_katz_centrality(weight: str | None, on_host_shim: Callable[..., HostCupy]) -> None:
    on_host_shim()
    eco = market()
    alpha = 0.01 if weight else 0.1
    agree(katz_centrality, eco, weight=weight, alpha=alpha, rtol=4 * TOL)
    agree(katz_centrality, eco, weight=weight, alpha=alpha, beta={"p3": 2.0}, normalized=False, rtol=2 * TOL)
    for most in (10_000, 7):
        with pytest.raises(ConvergenceError, match="katz_centrality"):
            katz_centrality(eco, alpha=5.0, max_iter=most, device="gpu")


def test_hits(on_host_shim: Callable[..., HostCupy]) -> None:
    on_host_shim()
    eco = market()
    agree(hits, eco, atol=1e-8)
    agree(hits, eco, weight=None, normalized=False, nstart={"p1": 1.0}, atol=1e-8)
    with pytest.raises(EcographError, match="nobody with an arrow out"):
        hits(
            Ecosystem.from_ties({"provider": ["a"], "receiver": ["b"], "weight": [1]}), nstart={"b": 1.0}, device="gpu"
        )


def test_eigenvector_centrality(on_host_shim: Callable[..., HostCupy]) -> None:
    on_host_shim()
    eco = market()
    agree(eigenvector_centrality, eco, atol=1e-8)
    agree(eigenvector_centrality, eco, weight="weight", nstart={"p1": 1.0}, atol=1e-8)


def test_linear_metrics(on_host_shim: Callable[..., HostCupy]) -> None:
    cupy = on_host_shim()
    eco = market(20)
    agree(lambda device: esri_linear(eco, device=device).select("down", "up").to_numpy(), atol=2 * TOL)
    assert cupy.counts["pull_lanes"] > 0
    output = float(np.sum(hypothetical_extraction(eco, device="cpu")))
    agree(hypothetical_extraction, eco, atol=2 * TOL * output)
    agree(leontief_totals, eco, rtol=2 * TOL)
    agree(leontief_totals, eco, {"p3": 1.0}, rtol=2 * TOL)
    agree(counterfactual_visits, eco, "p0", ["p1", "p2"], atol=50 * TOL)


def test_reach(on_host_shim: Callable[..., HostCupy]) -> None:
    on_host_shim()
    agree(reach, market(20), ["p0", "p5"], atol=2 * TOL)


def test_a_device_that_is_not_there_is_an_error() -> None:
    eco = market(20)
    calls: list[Callable[..., Any]] = [pagerank, katz_centrality, hits, eigenvector_centrality, esri_linear,
                                       hypothetical_extraction, leontief_totals]  # fmt: skip
    for call in calls:
        with pytest.raises(DeviceError, match="no CUDA device"):
            call(eco, device="gpu")
    with pytest.raises(DeviceError, match="no CUDA device"):
        ecograph.reliance(eco, "p0", device="gpu")
