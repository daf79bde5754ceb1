"""What is there, what is missing, and which command mends it?

``ecograph doctor`` prints what ``examine`` finds and fails where something needed is missing.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from ecograph import provenance
from ecograph.cpu import _kept

__all__ = ["Finding", "data_folder", "examine", "healthy"]

_ROOT = Path(__file__).resolve().parents[1]
_GIB = 1024**3
_SETUP = "make setup"

# Run apart: a graph-tool built for another NumPy can take its process down with it.
_PROBE = """
import json, os, graph_tool, numpy
graph = graph_tool.Graph()
graph.add_vertex(2)
weights = graph.new_vertex_property("double")
weights.a[:] = [1.0, 2.0]
assert float(numpy.asarray(weights.a).sum()) == 3.0
file = os.path.realpath(graph_tool.__file__)
print(json.dumps([str(graph_tool.__version__).split()[0], file, numpy.__version__]))
"""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    ``found`` says what is there, in words; ``remedy`` is the command or step that mends it, None where all is well;
    ``needed`` tells whether ecograph's main job fails without it.
    """

    name: str
    found: str
    ok: bool = True
    needed: bool = True
    remedy: str | None = None


def healthy(findings: Iterable[Finding]) -> bool:
    """Whether nothing needed is missing.

    >>> healthy([Finding("CUDA device", "none", ok=False, needed=False)])
    True
    >>> healthy([Finding("numpy", "missing", ok=False)])
    False
    """
    return all(finding.ok or not finding.needed for finding in findings)


def examine() -> list[Finding]:
    """Look at everything ecograph builds on; takes about two seconds and changes nothing.

    Returns
    -------
    Findings: Python, system, set-up, graph-tool, packages, threads, kernel cache, CUDA device, memory, data.
    """
    return [
        Finding("python", f"{sys.version.split()[0]}, {sys.executable}"),
        Finding("system", provenance.system_name()),
        _setup(),
        _graph_tool(),
        *_packages(),
        _threads(),
        _kernel_cache(),
        _cuda(),
        _memory(),
        _data(),
    ]


def _setup() -> Finding:
    facts = provenance.setup_facts()
    if facts is None:
        return Finding("set-up", "this environment was not made by make", ok=False, needed=False, remedy=_SETUP)
    pins = _ROOT / facts["constraints"]
    found = f"{facts['way']} way, pins of {facts['constraints']} (sha256 {facts['sha256'][:12]})"
    if pins.is_file() and hashlib.sha256(pins.read_bytes()).hexdigest() != facts["sha256"]:
        return Finding("set-up", f"{found}, which have changed since", ok=False, needed=False, remedy=_SETUP)
    return Finding("set-up", found)


def _graph_tool() -> Finding:
    if find_spec("graph_tool") is None:
        remedy = f"apt-get install python3-graph-tool python3-cairo, then {_SETUP} (conda: environment.yml)"
        return Finding("graph-tool", "missing", ok=False, remedy=remedy)
    probe = subprocess.run([sys.executable, "-c", _PROBE], capture_output=True, text=True, check=False, timeout=120)
    if probe.returncode == 0:
        version, file, numpy = json.loads(probe.stdout.splitlines()[-1])
        return Finding("graph-tool", f"{version}, property maps work with NumPy {numpy}, {file}")
    said = (probe.stderr.strip().splitlines() or [f"it ended with status {probe.returncode}"])[-1][:200]
    abi = f"is it built for another NumPy than {provenance.version_of('numpy')}?"
    return Finding(
        "graph-tool", f"found, but it doesn't work ({abi}): {said}", ok=False, remedy=f"rm -rf .venv; {_SETUP}"
    )


def _packages() -> list[Finding]:
    """One finding for each package that is needed, one for each extra."""
    try:
        requirements = metadata.requires("ecograph") or []
    except metadata.PackageNotFoundError:
        requirements = list(provenance.NEEDED)
    extras: dict[str, list[str]] = {}
    needed = []
    for requirement in requirements:
        text, _, marker = requirement.partition(";")
        if extra := re.search(r"extra == ['\"](\w+)['\"]", marker):
            extras.setdefault(extra[1], []).append(text.strip())
        else:
            needed.append(_package(text.strip()))
    return needed + [_extra(name, texts) for name, texts in sorted(extras.items()) if name != "gpu"]


def _package(requirement: str) -> Finding:
    name, _, least = requirement.partition(">=")
    version, spec = provenance.version_of(name), find_spec(name)
    if version is None or spec is None or spec.origin is None:
        return Finding(name, "missing", ok=False, remedy=_SETUP)
    file = Path(spec.origin)
    if _release(version) < _release(least):
        return Finding(name, f"{version}, and {least} is the least that works, {file}", ok=False, remedy=_SETUP)
    if not file.is_relative_to(sys.prefix):
        # An older copy of the system beside newer packages is the usual cause of crashes nobody can place.
        return Finding(name, f"{version}, from outside this environment: {file}", ok=False, needed=False, remedy=_SETUP)
    return Finding(name, f"{version}, {file}")


def _release(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def _extra(name: str, requirements: list[str]) -> Finding:
    packages = [text.partition(">=")[0] for text in requirements]
    if missing := [package for package in packages if provenance.version_of(package) is None]:
        return Finding(f"extra {name}", f"lacks {', '.join(missing)}", ok=False, needed=False, remedy=_SETUP)
    return Finding(f"extra {name}", ", ".join(f"{package} {provenance.version_of(package)}" for package in packages))


def _threads() -> Finding:
    import numba

    if numba.config.DISABLE_JIT:
        remedy = "unset NUMBA_DISABLE_JIT"
        return Finding("numba threads", "none, kernels run as plain Python", ok=False, needed=False, remedy=remedy)
    threads = numba.get_num_threads()  # starts the threads, after which the layer is known
    return Finding("numba threads", f"{threads}, layer {numba.threading_layer()}")


def _kernel_cache() -> Finding:
    cached = not _kept.cache_state().startswith("no ")
    remedy = None if cached else "set ECOGRAPH_CACHE to a folder that you may write to"
    return Finding("kernel cache", _kept.cache_state(), ok=cached, needed=False, remedy=remedy)


def _cuda() -> Finding:
    def without(found: str, remedy: str) -> Finding:
        return Finding("CUDA device", f"{found}; work runs on the CPU", ok=False, needed=False, remedy=remedy)

    if find_spec("cupy") is None:
        pins = f"-c {facts['constraints']} " if (facts := provenance.setup_facts()) else ""
        install = f"{sys.executable} -m pip install {pins}cupy-cuda12x"
        return without("CuPy is not installed", f"where there is an NVIDIA GPU: {install}")
    try:
        import cupy

        cupy.zeros(1)  # is_available() alone says yes to devices that give no memory, and raises where a driver is old
        device = cupy.cuda.runtime.getDeviceProperties(0)
    except Exception as error:  # CuPy's errors share no base class
        return without(f"CuPy finds none ({type(error).__name__})", "install NVIDIA's driver, if there is a GPU")
    return Finding("CUDA device", f"{device['name'].decode()}, {device['totalGlobalMem'] / _GIB:.0f} GiB", needed=False)


def _memory() -> Finding:
    total, available = provenance.memory()
    if total is None or available is None:
        return Finding("memory", "the system doesn't tell", needed=False)
    found, enough = f"{available / _GIB:.1f} of {total / _GIB:.1f} GiB free", available > _GIB
    return Finding("memory", found, ok=enough, needed=False, remedy=None if enough else "close other programs")


def data_folder() -> Path:
    """The folder of real data: ``ECOGRAPH_DATA``, or ``../shared/data`` beside the repository."""
    return Path(os.environ.get("ECOGRAPH_DATA") or _ROOT.parent / "shared" / "data")


def _data() -> Finding:
    folder = data_folder()
    if not folder.is_dir():
        remedy = "set ECOGRAPH_DATA to the folder of real data; tests that need it are skipped without it"
        return Finding("data", f"{folder} is not there", ok=False, needed=False, remedy=remedy)
    return Finding("data", f"{sum(entry.is_dir() for entry in folder.iterdir())} data sets in {folder}")
