"""How much memory may reading take?"""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

from ecograph.errors import MemoryLimitError

__all__ = ["check_memory", "default_limit", "give_back"]


def default_limit(meminfo: Path = Path("/proc/meminfo")) -> int:
    """Half of the memory available now, in bytes; of all there is where the system doesn't tell."""
    try:
        lines = dict(line.split(":", 1) for line in meminfo.read_text().splitlines())
        return int(lines["MemAvailable"].split()[0]) * 1024 // 2
    except (OSError, LookupError, ValueError):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2


def give_back() -> None:
    """Hand free memory back to the system: Arrow and malloc keep what a batch took, a copy for each thread."""
    arrow = sys.modules.get("pyarrow")
    if arrow is not None:
        arrow.default_memory_pool().release_unused()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # only glibc has it
        if trim is not None:
            trim(0)


def check_memory(needed: int, limit: int, what: str) -> None:
    """Raise MemoryLimitError where ``what`` takes more than ``limit`` bytes."""
    if needed > limit:
        raise MemoryLimitError(
            f"{what} take {_size(needed)}, more than the {_size(limit)} that reading may use.",
            hint=f"raise memory_limit= (bytes, {needed} at least) where the machine has more, take longer periods"
            " (every=), or leave rows out by a filter in the mapping.",
        )


def _size(n: int) -> str:
    return f"{n / 2**30:.1f} GiB" if n >= 2**30 else f"{n / 2**20:.1f} MiB" if n >= 2**20 else f"{n:,} bytes"
