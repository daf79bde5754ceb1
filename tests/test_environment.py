"""The lists of what must be installed agree: pyproject.toml, environment.yml, constraints/, and the set-up script."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from ecograph import provenance

ROOT = Path(__file__).resolve().parents[1]
PINS = ("debian12", "debian13")
REQUIREMENT = re.compile(r"([\w.-]+)\s*(.*)")
CONDA_NAMES = {"cupy-cuda12x": "cupy", "xxhash": "python-xxhash"}
# What conda gives and pip can't, or pip finds by itself when it builds.
ONLY_CONDA = {"python", "graph-tool", "pycairo", "gxx", "pip", "hatchling", "editables"}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def asked() -> dict[str, str]:
    """Name and bound of every package in pyproject.toml, extras included."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = [*project["dependencies"], *(each for extra in project["optional-dependencies"].values() for each in extra)]
    return split(lines)


def split(lines: list[str]) -> dict[str, str]:
    matches = map(REQUIREMENT.fullmatch, lines)
    return {match[1]: match[2] for match in matches if match}


def pins(name: str) -> dict[str, str]:
    lines = (ROOT / "constraints" / f"{name}.txt").read_text().splitlines()
    pairs = [line.split("==") for line in lines if not line.startswith("#")]
    return {normal(name): version for name, version in pairs}


def release(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)))


def test_conda_and_pip_ask_for_the_same() -> None:
    lines = re.findall(r"^  - (\S+)$", (ROOT / "environment.yml").read_text(), re.MULTILINE)
    conda = {name: bound for name, bound in split(lines).items() if name not in ONLY_CONDA | {"conda-forge"}}
    assert conda == {CONDA_NAMES.get(name, name): bound for name, bound in asked().items()}


def test_provenance_and_doctor_know_what_is_needed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert sorted(provenance.NEEDED) == sorted(re.split(">=", line)[0] for line in project["dependencies"])


@pytest.mark.parametrize("name", PINS)
def test_pins_are_complete_and_within_bounds(name: str) -> None:
    pinned = pins(name)
    for package, bound in asked().items():
        assert bound.startswith(">="), f"{package}{bound}: pyproject.toml states lower bounds, constraints/ the rest"
        version = pinned.get(normal(package))
        assert version is not None, f"{package} is not pinned in constraints/{name}.txt; run `make pins` on {name}"
        assert release(version) >= release(bound), f"{package} {version} in constraints/{name}.txt is below {bound}"
    assert {"pip", "hatchling", "editables"} <= pinned.keys()


def test_debian_12_keeps_to_what_its_graph_tool_can_load() -> None:
    pinned = pins("debian12")
    assert release(pinned["numpy"]) < (2,)
    assert release(pinned["pyarrow"]) < (26,)
    assert release(pinned["cupy-cuda12x"]) < (14,)


@pytest.mark.parametrize("script", ["scripts/setup.sh", ".ci/run"])
def test_scripts_can_be_read_and_run(script: str) -> None:
    assert os.access(ROOT / script, os.X_OK)
    assert subprocess.run(["bash", "-n", ROOT / script], check=False).returncode == 0


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The files that set-up reads, in a place of their own."""
    for name in ("scripts", "constraints", "pyproject.toml", "environment.yml"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    return tmp_path


def set_up(checkout: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([checkout / "scripts" / "setup.sh"], env=os.environ | environment,
                          capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)  # fmt: skip


def test_the_conda_way_is_taken_once(checkout: Path) -> None:
    tools = checkout / "tools"
    tools.mkdir()
    made = 'mkdir -p .venv/bin; printf "#!/bin/sh\\n" >.venv/bin/python; chmod +x .venv/bin/python'
    (tools / "micromamba").write_text(f'#!/bin/sh\necho "$@" >>{checkout}/calls\n{made}\n')
    (tools / "micromamba").chmod(0o755)
    path = f"{tools}:{os.environ['PATH']}"
    first, second = set_up(checkout, PATH=path), set_up(checkout, PATH=path)
    assert first.returncode == second.returncode == 0, first.stderr + second.stderr
    assert "the conda way" in first.stdout
    assert "untested" in first.stdout
    assert second.stdout == "", "set-up that is done does nothing"
    assert (checkout / "calls").read_text() == "create --yes --prefix .venv --file environment.yml\n"
    with (checkout / "environment.yml").open("a") as file:
        file.write("# changed\n")
    assert "the conda way" in set_up(checkout, PATH=path).stdout, "a change of the list sets up anew"


def test_set_up_says_what_it_takes(checkout: Path) -> None:
    wrong = set_up(checkout, ECOGRAPH_SETUP="brew")
    assert wrong.returncode == 1
    assert "may be conda or apt" in wrong.stderr
    assert not (checkout / ".venv").exists()
