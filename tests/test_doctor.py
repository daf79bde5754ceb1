"""Doctor finds what is broken, says how to mend it, and can't be taken down by what it looks at."""

from __future__ import annotations

import json
import sys
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest

from ecograph import doctor, provenance
from ecograph.doctor import Finding, examine, healthy


def named(name: str) -> Finding:
    (finding,) = [each for each in examine() if each.name == name]
    return finding


def test_it_looks_at_everything_and_this_environment_is_healthy() -> None:
    findings = examine()
    names = [finding.name for finding in findings]
    assert len(set(names)) == len(names)
    wanted = {"python", "system", "graph-tool", "kernel cache", "CUDA device", "memory", "data", *provenance.NEEDED}
    assert wanted <= set(names)
    assert healthy(findings), [finding for finding in findings if not finding.ok]
    assert all(finding.remedy for finding in findings if not finding.ok), "what is missing can be mended"
    assert not any(finding.remedy for finding in findings if finding.ok)


@pytest.mark.parametrize("package", ["graph_tool", "polars"])
def test_a_missing_package_is_needed(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def without(name: str) -> ModuleSpec | None:
        return None if name == package else find_spec(name)

    monkeypatch.setattr(doctor, "find_spec", without)
    finding = named(package.replace("_", "-"))
    assert (finding.ok, finding.found) == (False, "missing")
    assert "make setup" in str(finding.remedy)
    assert not healthy(examine())


@pytest.mark.parametrize("probe", ["import os; os.abort()", "raise ImportError('numpy.core.multiarray')"])
def test_a_graph_tool_that_crashes_is_said_not_shared(probe: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_PROBE", probe)
    finding = named("graph-tool")
    assert not finding.ok
    assert finding.needed
    assert "another NumPy" in finding.found
    assert "multiarray" in finding.found or "status -6" in finding.found


def test_a_package_of_the_system_beside_newer_ones_is_pointed_at(monkeypatch: pytest.MonkeyPatch) -> None:
    outside = SimpleNamespace(origin="/usr/lib/python3/dist-packages/numpy/__init__.py")
    monkeypatch.setattr(doctor, "find_spec", lambda name: outside if name == "numpy" else find_spec(name))
    finding = named("numpy")
    assert not finding.ok
    assert "outside this environment" in finding.found
    assert str(outside.origin) in finding.found


def test_a_package_below_its_bound_is_needed_anew() -> None:
    finding = doctor._package("numpy>=99.1")
    assert (finding.ok, finding.needed) == (False, True)
    assert "99.1 is the least" in finding.found
    assert doctor._package("numpy>=1.9").ok, "1.26 is more than 1.9"


def test_pins_that_changed_after_set_up_are_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = {"way": "apt", "constraints": "constraints/debian12.txt", "sha256": "0" * 64, "key": "k"}
    (tmp_path / "ecograph-setup.json").write_text(json.dumps(facts))
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert "changed since" in doctor._setup().found
    (tmp_path / "ecograph-setup.json").write_text("cut off {")
    assert "not made by make" in doctor._setup().found


def test_a_driver_that_raises_is_no_device(monkeypatch: pytest.MonkeyPatch) -> None:
    def zeros(_: int) -> None:
        raise RuntimeError("cudaErrorInsufficientDriver")

    monkeypatch.setitem(sys.modules, "cupy", SimpleNamespace(zeros=zeros))
    monkeypatch.setattr(doctor, "find_spec", lambda name: True)
    finding = doctor._cuda()
    assert (finding.ok, finding.needed) == (False, False)
    assert "RuntimeError" in finding.found


def test_a_device_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = {"name": b"NVIDIA H100", "totalGlobalMem": 80 * 1024**3}
    runtime = SimpleNamespace(getDeviceProperties=lambda index: facts)
    cupy = SimpleNamespace(zeros=lambda n: None, cuda=SimpleNamespace(runtime=runtime))
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    monkeypatch.setattr(doctor, "find_spec", lambda name: True)
    assert (doctor._cuda().ok, doctor._cuda().found) == (True, "NVIDIA H100, 80 GiB")


def test_a_data_folder_that_is_not_there_is_no_failure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ECOGRAPH_DATA", str(tmp_path / "none"))
    finding = named("data")
    assert (finding.ok, finding.needed) == (False, False)
    assert "ECOGRAPH_DATA" in str(finding.remedy)
