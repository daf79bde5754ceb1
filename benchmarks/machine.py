"""Which machine, which versions: what every figure hangs on."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
from pathlib import Path
from typing import Any

from benchmarks.measure import OURS, PEERS, ROOT

__all__ = ["code", "load", "machine", "versions"]

_OWN = ("numpy", "numba", "polars", "pyarrow")
_THEIRS = ("numpy", "scipy", "polars", "networkx", "igraph", "rustworkx", "scikit-network", "networkit",
           "python-graphblas", "duckdb")  # fmt: skip
_ASK = """
import json, sys
from importlib.metadata import PackageNotFoundError, version
found = {"python": sys.version.split()[0]}
for name in sys.argv[1:]:
    try:
        found[name] = version(name)
    except PackageNotFoundError:
        pass
try:
    import graph_tool
    found["graph-tool"] = graph_tool.__version__.split()[0]
except ImportError:
    pass
print(json.dumps(found))
"""


def machine() -> dict[str, Any]:
    """Processor, cores, memory, system."""
    cpu = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {"cpu": cpu[1] if cpu else platform.processor(), "cores": os.cpu_count(), "memory": memory,
            "system": f"{platform.system()} {platform.release().split('-')[0]}"}  # fmt: skip


def versions() -> dict[str, dict[str, str]]:
    """Of ecograph's environment and, where it is there, of the peers'."""
    found = {"ecograph's environment": _ask(OURS, _OWN)}
    if Path(PEERS).exists():
        found["peers' environment"] = _ask(PEERS, _THEIRS)
    return found


def code() -> dict[str, Any]:
    """The last commit that changed what is measured or what measures, and whether the working tree differs from it."""
    what = ["ecograph", "benchmarks/*.py", "benchmarks/**/*.py", "constraints"]

    def git(*words: str) -> str | None:
        done = subprocess.run(["git", *words, "--", *what], cwd=ROOT, capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else None

    try:
        return {"commit": git("log", "-1", "--format=%h") or None, "changed": bool(git("status", "--porcelain"))}
    except FileNotFoundError:
        return {"commit": None, "changed": False}


def load() -> float:
    """How many other processes want to run now."""
    return os.getloadavg()[0]


def _ask(python: str, names: tuple[str, ...]) -> dict[str, str]:
    out = subprocess.run([python, "-c", _ASK, *names], check=True, capture_output=True, text=True).stdout
    return {str(k): str(v) for k, v in json.loads(out).items()}
