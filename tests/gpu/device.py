"""Is there a GPU, and is one required?"""

from __future__ import annotations

import os
from typing import Any

__all__ = ["REQUIRED", "described", "lacking", "unskipped"]

REQUIRED = os.environ.get("ECOGRAPH_REQUIRE_GPU") == "1"


def lacking() -> str | None:
    """What lacks for running kernels on a GPU, or None. CuPy alone can say yes to a device that gives no memory."""
    try:
        import cupy

        if cupy.zeros(1).get()[0] != 0.0:
            return "the device gives wrong memory"
    except ImportError as error:
        return f"CuPy can't be imported ({error})"
    except Exception as error:  # CuPy's errors share no base class
        return f"CuPy finds no GPU ({type(error).__name__}: {error})"
    return None


def described() -> str:
    """Name, memory and versions of the device that CuPy runs on."""
    import cupy

    runtime = cupy.cuda.runtime
    found = runtime.getDeviceProperties(0)
    return (f"{found['name'].decode()} ({found['totalGlobalMem'] / 2**30:.0f} GiB), CuPy {cupy.__version__}, "
            f"CUDA {runtime.runtimeGetVersion()}, driver {runtime.driverGetVersion()}")  # fmt: skip


def unskipped(report: Any) -> Any:
    """Where a GPU is required, a skip is a failure."""
    if REQUIRED and report.outcome == "skipped":
        report.outcome = "failed"
        report.longrepr = f"ECOGRAPH_REQUIRE_GPU=1 makes a failure of this skip: {report.longrepr}"
    return report
