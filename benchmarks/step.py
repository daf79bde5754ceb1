"""A step as its own process sees it: phases timed one by one, peak memory, facts; told to the parent as JSON.

Imports nothing but the standard library: peers run in an environment without ecograph.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["Step", "peak_bytes"]

MARK = "BENCHMARK "  # begins the line that the parent reads


def peak_bytes() -> int:
    """The most memory this process has held so far (VmHWM)."""
    with open("/proc/self/status") as file:
        found = re.search(r"VmHWM:\s+(\d+) kB", file.read())
    return int(found[1]) * 1024 if found else 0


class Step:
    """Times phases: usually "import", "warm" (JIT and first use, on little data), then "run"."""

    def __init__(self) -> None:
        self.phases: dict[str, dict[str, float]] = {}
        self.peak = 0

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time what is inside; the peak is that of the last phase's end, so that checks after it don't count."""
        wall, cpu = time.perf_counter(), time.process_time()
        yield
        self.phases[name] = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
        self.peak = peak_bytes()

    def done(self, **facts: Any) -> None:
        """Tell the parent."""
        print(MARK + json.dumps({"phases": self.phases, "peak": self.peak, "facts": facts}), flush=True)
