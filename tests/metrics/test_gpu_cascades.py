"""Cascades and core numbers on the device are those of the CPU, and say where they were computed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest

from ecograph.ecosystem import Ecosystem
from ecograph.errors import DeviceError
from ecograph.metrics import cascade_loss, core_number, eps_sensitivity, esri, reliance
from ecograph.metrics.cascade_run import Closure
from tests.gpu.host_cupy import HostCupy


def ecosystem(n: int = 30) -> Ecosystem:
    """Random ties among three groups, whose members stand in for each other."""
    random = np.random.default_rng(2)
    ids = [f"p{i}" for i in range(n)]
    pairs = [(ids[i], ids[j]) for i, j in random.integers(0, n, (3 * n, 2)) if i != j]
    provider, receiver = zip(*pairs, strict=True)
    ties = {"provider": provider, "receiver": receiver, "weight": random.integers(1, 9, len(pairs)) / 1.0}
    people = pl.DataFrame({"id": ids, "group": [f"g{i % 3}" for i in range(n)], "external_cost": [9.0] * n,
                           "external_demand": [9.0] * n})  # fmt: skip
    return Ecosystem.from_ties(ties, people)


def test_esri_on_the_device_is_that_of_the_cpu(on_host_shim: Callable[..., HostCupy]) -> None:
    cupy, eco = on_host_shim(), ecosystem()
    essential = {("g0", "g1"): 2, ("g2", "g1"): 0}
    found, expected = (esri(eco, essentiality=essential, tol=1e-5, device=device) for device in ("gpu", "cpu"))
    assert cupy.counts["take_left"] > 0
    exact = ["id", "iterations", "residual", "error_bound"]
    assert found.table.select(exact).equals(expected.table.select(exact))
    for name in ("total", "down", "up"):  # the weighted sums of 30 rows have another order
        np.testing.assert_allclose(found.table[name], expected.table[name], rtol=64 * 2.0**-53, atol=0)
    assert (found.provenance["device"], found.provenance["device_reason"]) == ("gpu", "host-shim")
    assert (expected.provenance["device"], expected.provenance["device_reason"]) == ("cpu", "you asked for it")


def test_losses_of_a_conductor_are_those_of_the_cpu_bit_for_bit(on_host_shim: Callable[..., HostCupy]) -> None:
    cupy, eco = on_host_shim(), ecosystem()
    closures: list[Closure] = ["p1", ("p2", "p3"), {"p4": 0.5}]
    found = cascade_loss(eco, closures, "p7", interaction=True, tol=1e-5, device="gpu")
    copies = cupy.counts["copy"]
    assert found.table.equals(cascade_loss(eco, closures, "p7", interaction=True, tol=1e-5, device="cpu").table)
    reference = cascade_loss(eco, closures, "p7", reference=True, device="gpu").table
    assert reference.equals(cascade_loss(eco, closures, "p7", reference=True, device="cpu").table)
    assert cupy.counts["copy"] < 2 * copies  # the network once, not again for the parts


def test_thresholds_on_the_device_are_those_of_the_cpu(on_host_shim: Callable[..., HostCupy]) -> None:
    cupy, eco = on_host_shim(), ecosystem()
    found = eps_sensitivity(eco, (1e-2, 1e-3), device="gpu")
    copies = cupy.counts["copy"]
    expected = eps_sensitivity(eco, (1e-2, 1e-3), device="cpu")
    assert found.select("eps", "id", "iterations").equals(expected.select("eps", "id", "iterations"))
    for name in ("total", "down", "up"):
        np.testing.assert_allclose(found[name], expected[name], rtol=64 * 2.0**-53, atol=0)
    eps_sensitivity(eco, (1e-2,), device="gpu")
    assert copies < 2 * (cupy.counts["copy"] - copies)  # the network once for both


@pytest.mark.parametrize("lenses", [["criticality"], ["criticality", "criticality_up", "rooted"]])
def test_criticality_on_the_device_is_that_of_the_cpu_bit_for_bit(
    lenses: list[str], on_host_shim: Callable[..., HostCupy]
) -> None:
    cupy, eco = on_host_shim(), ecosystem()
    asked: dict[str, Any] = {"lenses": lenses, "by": "criticality", "intervals": "none", "substitution": "market"}
    here, there = (reliance(eco, "p7", device=device, **asked) for device in ("cpu", "gpu"))
    assert cupy.counts["take_left"] > 0
    for lens in lenses[:2] if len(lenses) > 1 else lenses:
        assert there.table[lens].equals(here.table[lens])
    alone = "host-shim, for the cascades of criticality"
    both = "host-shim, for the sums over chains of rooted, and for the cascades of criticality"
    assert there.provenance["device_reason"] == (alone if len(lenses) == 1 else both)
    assert (here.provenance["device"], here.provenance["device_reason"]) == ("cpu", "you asked for it")


def test_criticality_says_where_it_was_when_the_sums_were_elsewhere(
    on_host_shim: Callable[..., HostCupy], monkeypatch: pytest.MonkeyPatch
) -> None:
    on_host_shim()
    monkeypatch.setattr("ecograph.gpu.cascade.bytes_needed", lambda *_: 1 << 40)
    asked: dict[str, Any] = {"lenses": ["rooted", "criticality"], "by": "rooted", "intervals": "none"}
    reason = reliance(ecosystem(), "p7", **asked).provenance["device_reason"]
    sums = "host-shim, for the sums over chains of rooted"
    assert reason.startswith(f"{sums}; cascades of criticality: cpu, 1099.5 GB of")
    with pytest.raises(DeviceError, match="of device memory are needed"):
        reliance(ecosystem(), "p7", device="gpu", **asked)


def test_what_does_not_fit_goes_to_the_cpu_and_says_so(on_host_shim: Callable[..., HostCupy]) -> None:
    cupy = on_host_shim(free=1000)
    found = esri(ecosystem(), tol=1e-3)
    assert found.provenance["device"] == "cpu"
    assert "of device memory are needed" in found.provenance["device_reason"]
    assert cupy.counts["launch"] == 0
    with pytest.raises(DeviceError, match="of device memory are needed"):
        esri(ecosystem(), device="gpu")
    with pytest.raises(DeviceError, match="of device memory are needed"):
        core_number(ecosystem(300), device="gpu")


def test_a_device_that_fails_gives_no_number(on_host_shim: Callable[..., HostCupy]) -> None:
    on_host_shim(memory=40)
    with pytest.raises(DeviceError, match="no memory left for cascades"):
        esri(ecosystem(), device="gpu")
    on_host_shim().counts["lost"] = 1
    with pytest.raises(DeviceError, match="failed in core numbers"):
        core_number(ecosystem(), device="gpu")


def test_core_numbers_on_the_device_are_those_of_the_cpu(on_host_shim: Callable[..., HostCupy]) -> None:
    cupy, eco = on_host_shim(), ecosystem()
    found = core_number(eco, device="gpu")
    assert cupy.counts["settle_cores"] > 0
    np.testing.assert_array_equal(found, core_number(eco, device="cpu"))
