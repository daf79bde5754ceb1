"""Which device is chosen, and why; what becomes of one that is lost."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from ecograph import Ecosystem, device, metrics
from ecograph.errors import DeviceError, EcographError
from tests.gpu.host_cupy import CUDARuntimeError, HostCupy


def test_a_device_is_chosen_where_it_is_worth_while(
    on_host_shim: Callable[..., HostCupy], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert device.choose("gpu", 100, 1) == ("gpu", "host-shim")
    assert device.choose("auto", 100, 1) == ("gpu", "host-shim")
    assert device.choose("cpu", 100, 1) == ("cpu", "you asked for it")
    monkeypatch.setattr(device, "LEAST", 1000)
    assert device.choose("auto", 100, 1000).device == "gpu"
    few = "999 arrows times lanes are too few for host-shim to be worth while (fewer than 1,000)"
    assert device.choose("auto", 100, 999) == ("cpu", few)
    assert device.choose("auto", 100).device == "gpu"
    assert device.choose("gpu", 100, 999).device == "gpu"
    with pytest.raises(EcographError, match="unknown"):
        device.choose("tpu")


def test_functions_that_return_arrays_tell_where_they_were_and_why(
    on_host_shim: Callable[..., HostCupy], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each once, by name."""
    eco = Ecosystem.from_ties({"provider": ["a", "b", "c"], "receiver": ["b", "c", "a"], "weight": [1.0, 2.0, 3.0]})
    calls: dict[str, Callable[..., Any]] = {
        "pagerank": metrics.pagerank, "katz_centrality": metrics.katz_centrality, "hits": metrics.hits,
        "eigenvector_centrality": metrics.eigenvector_centrality, "core_number": metrics.core_number,
        "betweenness": metrics.betweenness_centrality, "closeness": metrics.closeness_centrality,
        "harmonic": metrics.harmonic_centrality, "eps_sensitivity": metrics.eps_sensitivity,
        "cascade_state": lambda eco, device: metrics.cascade_state(eco, "a", device=device),
    }  # fmt: skip
    with caplog.at_level(logging.INFO, logger="ecograph.device"):
        for call in calls.values():
            call(eco, device="cpu")
        metrics.closeness_centrality(eco, distance="weight")
        monkeypatch.setattr(device, "find_gpu", lambda: None)
        metrics.pagerank(eco)
    said = [record.getMessage() for record in caplog.records]
    assert said == [
        *(f"{name}: device cpu, because: you asked for it" for name in calls),
        "closeness, along lengths: device cpu, because: there are no GPU kernels for this (host-shim is there)",
        "pagerank: device cpu, because: no CUDA device",
    ]


def test_what_does_not_fit_goes_to_the_cpu_with_the_shortfall(on_host_shim: Callable[..., HostCupy]) -> None:
    on_host_shim(free=10**9)
    lacking = "2.0 GB of device memory are needed, 1.0 GB are free"
    assert device.choose("auto", 2 * 10**9) == ("cpu", lacking)
    with pytest.raises(DeviceError, match=lacking):
        device.choose("gpu", 2 * 10**9)


def test_a_device_that_gives_no_memory_is_none(
    on_host_shim: Callable[..., HostCupy], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> Any:
        raise CUDARuntimeError("cudaErrorDevicesUnavailable")

    monkeypatch.setattr(on_host_shim().cuda.runtime, "memGetInfo", broken)
    reason = "host-shim can't be used (CUDARuntimeError: cudaErrorDevicesUnavailable)"
    assert device.choose("auto", 1) == ("cpu", reason)
    with pytest.raises(DeviceError, match="can't be used"):
        device.choose("gpu", 1)


def test_a_lost_device_is_a_device_error(on_host_shim: Callable[..., HostCupy]) -> None:
    cupy = on_host_shim(memory=2)
    x = cupy.zeros(1)
    cupy.counts["lost"] = 1
    lost = "failed in the test: CUDARuntimeError: cudaErrorIllegal"
    with pytest.raises(DeviceError, match=lost), device.guarded("the test"):
        x.get()
    full = "no memory left for the test: Out of memory allocating 8 bytes"
    with pytest.raises(DeviceError, match=full), device.guarded("the test"):
        cupy.zeros(1), cupy.zeros(1)
    for error in (ValueError("ours"), np.exceptions.AxisError("numpy's")):
        with pytest.raises(type(error)), device.guarded("the test"):
            raise error
