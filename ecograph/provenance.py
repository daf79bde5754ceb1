"""With what was this number made? Versions, machine, pins and parameters, as data that JSON can hold.

Nothing here names a person, a host or a folder, so that provenance can be published as it is.
"""

from __future__ import annotations

import json
import math
import os
import platform
import sys
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["MADE_AT", "NEEDED", "machine", "memory", "plain", "record", "setup_facts",
           "system_name", "version_of", "versions"]  # fmt: skip

MADE_AT = "made_at"
"""The one field of ``record`` that differs from run to run."""

NEEDED = ("matplotlib", "networkx", "numba", "numpy", "polars", "pyarrow", "rich", "typer")
"""What pyproject.toml asks of pip; ``tests/test_environment.py`` holds the two together."""

_ALSO = ("llvmlite",)  # makes the machine code of the kernels
_CUPY = ("cupy", "cupy-cuda12x", "cupy-cuda13x")  # one module, three names it is published under
_KIB = 1024


def record(**parameters: Any) -> dict[str, Any]:
    """All that is needed to make a result again, beside its input.

    Parameters
    ----------
    **parameters : arguments of the call that made the result (seed, tolerance, device and its reason, ...);
        each is turned into what JSON can hold by ``plain``.

    Returns
    -------
    A dict with ``versions``, ``machine``, ``setup``, ``parameters`` and ``made_at`` (UTC, to the second). The same
    environment and parameters give the same dict but for ``made_at``, which is ``SOURCE_DATE_EPOCH`` if that is set.

    Examples
    --------
    >>> record(seed=7, lenses=("direct", "reach"))["parameters"]
    {'lenses': ['direct', 'reach'], 'seed': 7}
    """
    return {
        "versions": versions(),
        "machine": machine(),
        "setup": setup_facts(),
        "parameters": {name: plain(parameters[name]) for name in sorted(parameters)},
        MADE_AT: _now().strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def _now() -> datetime:
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    return datetime.fromtimestamp(int(epoch), UTC) if epoch.isdigit() else datetime.now(UTC)


def versions() -> dict[str, str]:
    """Version of ecograph and of each package that can change a number or a figure; absent ones are left out.

    graph-tool is named where it was used: asking it for its version would cost every ranking its import.
    """
    return dict(sorted([*_versions(), *_graph_tool(), *_cupy()]))


def _graph_tool() -> list[tuple[str, str]]:
    loaded = sys.modules.get("graph_tool")
    return [("graph-tool", str(loaded.__version__).split()[0])] if loaded is not None else []


def _cupy() -> list[tuple[str, str]]:
    """What is loaded, if it is: the package that is installed may not be what computed."""
    loaded = sys.modules.get("cupy")
    found = next(filter(None, map(version_of, _CUPY)), None) if loaded is None else str(loaded.__version__)
    return [] if found is None else [("cupy", found)]


@cache
def _versions() -> tuple[tuple[str, str], ...]:
    from ecograph import __version__

    found: dict[str, str | None] = {"ecograph": __version__, "python": platform.python_version()}
    found |= {name: version_of(name) for name in NEEDED + _ALSO}
    return tuple((name, version) for name, version in sorted(found.items()) if version is not None)


def version_of(package: str) -> str | None:
    """Version of an installed package, without importing it."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def machine() -> dict[str, Any]:
    """System, processor count, memory in bytes and Numba's threads; no host and no user name."""
    import numba

    return {
        "system": platform.system(),
        "release": system_name(),
        "architecture": platform.machine(),
        "processors": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory": memory()[0],
        "threads": int(numba.get_num_threads()),
    }


def system_name() -> str:
    """``Debian GNU/Linux 13 (trixie)``, or what the kernel calls itself where there is no os-release."""
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return f"{platform.system()} {platform.release()}"


def memory() -> tuple[int | None, int | None]:
    """Bytes of memory there are, and bytes that a program could get now; None where the system doesn't tell."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None, None
    sizes = {name: int(rest.split()[0]) * _KIB for name, _, rest in (line.partition(":") for line in lines)}
    return sizes.get("MemTotal"), sizes.get("MemAvailable")


def setup_facts() -> dict[str, str] | None:
    """How ``make setup`` made this environment: the way, the constraints file and its SHA-256; None if it didn't."""
    try:
        facts = json.loads((Path(sys.prefix) / "ecograph-setup.json").read_text())
    except (OSError, ValueError):
        return None
    return {name: str(facts[name]) for name in ("way", "constraints", "sha256") if name in facts}


def plain(value: Any) -> Any:
    """``value`` as JSON can hold it: the same input gives the same text, and nothing prints an address.

    Examples
    --------
    >>> plain({"tol": np.float64(1e-10), "top": None, "leak": float("nan"), "roles": {"driver", "cook"}})
    {'tol': 1e-10, 'top': None, 'leak': 'nan', 'roles': ['cook', 'driver']}
    """
    match value:
        case None | bool() | int() | str():
            return value
        case np.generic():
            return plain(value.item())
        case float():
            return value if math.isfinite(value) else str(value)
        case datetime() | date():
            return value.isoformat()
        case Mapping():
            return {str(key): plain(item) for key, item in value.items()}
        case set() | frozenset():
            return sorted((plain(item) for item in value), key=repr)
        case list() | tuple():
            if hasattr(value, "_asdict"):
                return plain(value._asdict())
            return [plain(item) for item in value]
        case os.PathLike():
            return os.fspath(value)
        case _ if is_dataclass(value) and not isinstance(value, type):
            return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
        case _:
            return f"<{getattr(value, '__qualname__', type(value).__qualname__)}>"
