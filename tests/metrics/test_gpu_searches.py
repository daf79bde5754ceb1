"""Metrics by shortest paths on the device are those of the CPU, and say where they were computed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ecograph.cpu import paths as kernels
from ecograph.ecosystem import Ecosystem
from ecograph.errors import DeviceError
from ecograph.gpu import queue
from ecograph.ledger import Ledger
from ecograph.metrics import (
    betweenness_centrality,
    brokerage,
    closeness_centrality,
    harmonic_centrality,
    reliance,
    sampled_betweenness,
)
from ecograph.metrics.searches import Searches
from ecograph.metrics.tie_graph import tie_graph
from tests.gpu.host_cupy import HostCupy

METRICS: dict[str, Callable[..., Any]] = {
    "betweenness": betweenness_centrality,
    "endpoints": lambda eco, **given: betweenness_centrality(eco, endpoints=True, **given),
    "closeness": closeness_centrality,
    "harmonic": harmonic_centrality,
    "brokerage": lambda eco, **given: brokerage(eco, ["hub", "p3"], **given),
    "sampled": lambda eco, **given: sampled_betweenness(eco, 0.9, **given).values,
}


def ecosystem(n: int = 40) -> Ecosystem:
    """A hub, leaves that hang on it, twins, and some arrows at random: all that folding knows of."""
    random = np.random.default_rng(5)
    ids = [f"p{i}" for i in range(n)]
    pairs = [("hub", id) for id in ids] + [(id, "hub") for id in ids[::2]]
    pairs += [(ids[i], ids[j]) for i, j in random.integers(0, n // 2, (3 * n, 2)) if i != j]
    pairs += [(twin, id) for twin in ("t1", "t2", "t3") for id in ids[:5]]
    provider, receiver = zip(*pairs, strict=True)
    return Ecosystem.from_ties({"provider": provider, "receiver": receiver, "weight": [1.0] * len(pairs)})


@pytest.mark.parametrize("name", METRICS)
def test_a_metric_on_the_device_is_that_of_the_cpu(name: str, on_host_shim: Callable[..., HostCupy]) -> None:
    cupy, eco = on_host_shim(), ecosystem()
    found = METRICS[name](eco, device="gpu")
    assert cupy.counts["launch"] > 0
    np.testing.assert_allclose(found, METRICS[name](eco, device="cpu"), rtol=1e-13, atol=1e-300)


def test_arrows_are_copied_once(on_host_shim: Callable[..., HostCupy]) -> None:
    cupy, eco = on_host_shim(), ecosystem()
    betweenness_centrality(eco, device="gpu")
    assert cupy.counts["copy"] == 15 + 3  # arrows both ways and who stands for whom; sources and two sums


def search(eco: Ecosystem, device: str) -> Searches:
    graph = tie_graph(eco, weight=None)
    made = Searches(graph.out, graph.into, None, device=device)
    source = np.arange(graph.n, dtype=np.int32)
    made.run(kernels.DISTANCES, source, np.empty(0), np.zeros((3, graph.n)), label="test", progress=None)
    return made


def test_a_search_says_where_it_was(on_host_shim: Callable[..., HostCupy], monkeypatch: pytest.MonkeyPatch) -> None:
    cupy = on_host_shim()
    ties = {"provider": list("abcdefgh"), "receiver": list("bcdefghi"), "weight": [1] * 8}
    eco = Ecosystem.from_ties(ties)
    assert search(eco, "auto").choice == ("gpu", "host-shim")
    monkeypatch.setattr(queue, "deepest", lambda *_: 3)
    deep = "host-shim; a queue of each source, as more than 3 levels lie behind some"
    for device in ("auto", "gpu"):
        assert search(eco, device).choice == ("gpu", deep)
    assert cupy.counts["search_levels"] == 2
    assert search(eco, "cpu").choice == ("cpu", "you asked for it")
    on_host_shim(free=1000)
    assert "of device memory are needed" in search(eco, "auto").choice.reason


@pytest.mark.parametrize("name", METRICS)
def test_a_deep_network_is_searched_with_queues(
    name: str, on_host_shim: Callable[..., HostCupy], monkeypatch: pytest.MonkeyPatch
) -> None:
    cupy, eco = on_host_shim(), ecosystem(24)
    expected = METRICS[name](eco, device="gpu")
    assert not cupy.counts["search_paths"] + cupy.counts["search_levels"]
    monkeypatch.setattr(queue, "deepest", lambda *_: 1)
    cupy.counts.clear()
    found = METRICS[name](eco, device="gpu")
    assert cupy.counts["search_paths"] + cupy.counts["search_levels"] > 0
    np.testing.assert_allclose(found, expected, rtol=1e-14 if name == "harmonic" else 0, atol=0)


@pytest.mark.parametrize("metric", [betweenness_centrality, closeness_centrality, harmonic_centrality])
def test_lengths_are_the_cpus(metric: Callable[..., Any], on_host_shim: Callable[..., HostCupy]) -> None:
    cupy, eco = on_host_shim(), ecosystem()
    metric(eco, distance="inverse")
    assert cupy.counts["launch"] == 0
    with pytest.raises(DeviceError, match="no GPU kernels for this"):
        metric(eco, distance="inverse", device="gpu")


def test_the_lens_of_brokerage_is_searched_on_the_device_where_that_is_asked(
    on_host_shim: Callable[..., HostCupy],
) -> None:
    cupy, eco = on_host_shim(), ecosystem()

    def ledger(device: str) -> Ledger:
        return reliance(eco, "hub", lenses=["brokerage"], by="brokerage", intervals="none", device=device)

    found = ledger("gpu")
    assert cupy.counts["pull_behind"] > 0
    assert (found.provenance["device"], found.provenance["device_reason"]) == ("gpu", "host-shim")
    expected = ledger("cpu").table["brokerage"]
    np.testing.assert_allclose(found.table["brokerage"], expected, rtol=1e-13, atol=1e-300)


def test_memory_that_runs_out_is_a_device_error(on_host_shim: Callable[..., HostCupy]) -> None:
    on_host_shim(memory=20)
    with pytest.raises(DeviceError, match="no memory left for searches for shortest paths"):
        betweenness_centrality(ecosystem(), device="gpu")
