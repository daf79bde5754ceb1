"""A second call copies no arrows; another ecosystem, layer or weight does. Of memory the least is asked for."""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import ecograph.device
from ecograph import Ecosystem, metrics, reliance
from ecograph.gpu import chains, replicates
from ecograph.kept import DEVICE, HOST
from ecograph.metrics import cascade_state
from tests.gpu.host_cupy import HostCupy
from tests.metrics.test_gpu_cascades import ecosystem as groups
from tests.metrics.test_on_device import market


def layers(seed: int = 1) -> Ecosystem:
    """Two relations of two layers, on the same circle of 20 and at random."""
    random, n = np.random.default_rng(seed), 20
    provider, receiver = random.integers(0, n, 60), random.integers(0, n, 60)
    ring = np.arange(n)
    provider, receiver = (
        np.concatenate([ring, ring, provider]),
        np.concatenate([(ring + 1) % n, (ring + 1) % n, receiver]),
    )
    relation = ["s"] * n + ["m"] * n + ["s" if k % 3 else "m" for k in range(60)]
    ids = [f"p{k}" for k in range(n)]
    ties = {"provider": [ids[k] for k in provider], "receiver": [ids[k] for k in receiver], "relation": relation,
            "weight": 1.0 + random.random(2 * n + 60)}  # fmt: skip
    return Ecosystem.from_ties(ties, relations={"s": ("u", "service"), "m": ("u", "money")})


# And how many vectors of participants a second call copies: where to begin.
CALLS: dict[str, tuple[Callable[..., Any], int]] = {
    "pagerank": (metrics.pagerank, 8),
    "hits": (metrics.hits, 8),
    "eigenvector_centrality": (metrics.eigenvector_centrality, 8),
    "katz_centrality": (lambda eco, **given: metrics.katz_centrality(eco, alpha=0.001, **given), 8),
    "core_number": (lambda eco, **given: metrics.core_number(eco, device=given["device"], layer=given.get("layer")), 4),
    "closeness_centrality": (metrics.closeness_centrality, 4),
    "harmonic_centrality": (metrics.harmonic_centrality, 4),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_second_call_copies_no_arrows(name: str, on_host_shim: Callable[..., HostCupy]) -> None:
    (call, each), cupy, eco = CALLS[name], on_host_shim(), layers()
    first = call(eco, device="gpu")
    copied, living = cupy.counts["copied"], cupy.living
    again = call(eco, device="gpu")
    np.testing.assert_array_equal(again, first)
    assert cupy.counts["copied"] - copied == each * len(eco)
    assert cupy.living == living > 0
    other = layers(2)  # and every other graph its own
    for given in ({}, {"layer": "service"}, {"layer": "money"}):
        np.testing.assert_allclose(
            call(other, device="gpu", **given), call(other, device="cpu", **given), rtol=1e-6, atol=1e-9
        )
    np.testing.assert_array_equal(call(eco, device="gpu"), first)


def test_other_weights_of_relations_are_other_rows(on_host_shim: Callable[..., HostCupy]) -> None:
    on_host_shim()
    eco = layers()
    for s in (1.0, 5.0, 1.0):
        weights = {"s": s, "m": 1.0}
        found, expected = (metrics.pagerank(eco, relation_weights=weights, device=device) for device in ("gpu", "cpu"))
        np.testing.assert_allclose(found, expected, rtol=0, atol=2e-10)


def test_an_ecosystem_that_is_dropped_frees_the_device(on_host_shim: Callable[..., HostCupy]) -> None:
    cupy, eco = on_host_shim(), layers()
    for call, _ in CALLS.values():
        call(eco, device="gpu")
    assert cupy.living > 0
    del eco
    gc.collect()
    assert cupy.living == 0
    assert len(DEVICE) == len(HOST) == 0


def test_a_ledger_copies_each_set_of_rows_once(
    on_host_shim: Callable[..., HostCupy], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lenses, gradients and a certificate, by rows and by their transpose."""
    cupy, copied, once = on_host_shim(), list[Any](), chains.to_device

    def seen(ptr: Any, column: Any, value: Any, lanes: int = chains.FEWEST) -> Any:
        copied.append((value, value.tobytes()))
        return once(ptr, column, value, lanes)

    monkeypatch.setattr(chains, "to_device", seen)
    eco = market()
    reliance(eco, "p0", lenses=["rooted", "reach"], by="reach", intervals="delta", device="gpu")
    assert len({data for _, data in copied}) == len(copied) == 2
    copied.clear()
    gc.collect()
    assert cupy.living == 0  # nothing is kept beyond the call


def least(monkeypatch: pytest.MonkeyPatch, call: Callable[[], Any]) -> int:
    """What "auto" asks for, at most."""
    asked: list[int] = []
    choose = ecograph.device._choose

    def seen(device: str, needs: int | None, work: int | None) -> Any:
        asked.append(needs or 0)
        return choose(device, needs, work)

    with monkeypatch.context() as patch:
        patch.setattr(ecograph.device, "_choose", seen)
        call()
    return max(asked)


def test_auto_asks_for_room_for_the_fewest_lanes_and_a_ledger_tells(
    on_host_shim: Callable[..., HostCupy], monkeypatch: pytest.MonkeyPatch
) -> None:
    on_host_shim()
    eco = market(300)
    asked: dict[str, Any] = {"by": "reach", "lenses": ["reach"], "intervals": "none"}

    def call() -> Any:
        return reliance(eco, "p0", **asked)

    whole, room = call(), least(monkeypatch, call)
    cupy = on_host_shim(free=room)
    found = call()
    assert found.table.equals(whole.table)
    assert (found.provenance["device"], cupy.counts["ended"]) == ("gpu", 0)
    reason = found.provenance["device_reason"]
    assert "; Sums over chains began with " in reason
    assert "lanes at a time, as 32 don't fit (0.0 GB of device memory are needed" in reason
    on_host_shim(free=room - 1)
    assert "device memory are needed" in call().provenance["device_reason"]
    assert call().provenance["device"] == "cpu"


def test_replicates_begin_with_as_many_as_fit(
    on_host_shim: Callable[..., HostCupy], monkeypatch: pytest.MonkeyPatch
) -> None:
    on_host_shim()
    eco = market()
    asked: dict[str, Any] = {"by": "rooted", "lenses": ["rooted"], "intervals": "bootstrap", "replicates": 40}
    whole = reliance(eco, "p0", device="gpu", **asked)
    room = least(monkeypatch, lambda: reliance(eco, "p0", device="gpu", **asked))
    monkeypatch.setattr(replicates, "run_bytes", lambda drawn, lanes: room if lanes > 8 else 0)
    cupy = on_host_shim(free=room)
    found = reliance(eco, "p0", device="gpu", **asked)
    assert found.table.equals(whole.table)
    assert "Replicates began with 8 lanes at a time" in found.provenance["device_reason"]
    assert cupy.counts["ended"] == 0


def test_the_state_after_a_shock_is_that_of_the_cpu_bit_for_bit(
    on_host_shim: Callable[..., HostCupy], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    cupy, eco = on_host_shim(), groups()
    essential = {("g0", "g1"): 2, ("g2", "g1"): 0}
    for closure in ("p1", ["p2", "p3"], {"p4": 0.5}):
        for substitution in ("market", "off"):
            asked: dict[str, Any] = {"essentiality": essential, "substitution": substitution}
            found, expected = (cascade_state(eco, closure, device=device, **asked) for device in ("gpu", "cpu"))
            assert found.equals(expected)
    assert cupy.counts["take_left"] > 0
    on_host_shim(free=1000)
    with caplog.at_level(logging.INFO, logger="ecograph.device"):
        assert cascade_state(eco, "p1").equals(cascade_state(eco, "p1", device="cpu"))
    assert "cascade_state: device cpu, because: 0.0 GB of device memory are needed" in caplog.messages[0]
