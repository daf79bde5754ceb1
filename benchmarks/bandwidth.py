"""How fast is memory here? McCalpin's STREAM triad a = b + s c in Numba, on arrays far larger than the caches.

python -m benchmarks.bandwidth
"""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np
from numba import njit, prange

from benchmarks.step import Step

__all__ = ["triad"]

LENGTH = 1 << 25  # 256 MiB an array
TIMES = 10


@njit(parallel=True, nogil=True, cache=False)
def _triad(a: Any, b: Any, c: Any, s: float) -> None:
    for i in prange(a.size):
        a[i] = b[i] + s * c[i]


def triad(length: int = LENGTH, times: int = TIMES) -> list[float]:
    """Bytes a second of each round but the first: 24 bytes an entry, as STREAM counts (the read of a isn't)."""
    a, b, c = np.zeros(length), np.ones(length), np.full(length, 2.0)
    seconds = []
    for _ in range(times + 1):
        started = time.perf_counter()
        _triad(a, b, c, 3.0)
        seconds.append(time.perf_counter() - started)
    assert a[0] == a[-1] == 7.0
    return [24 * length / s for s in seconds[1:]]


def main() -> None:
    """One process: the best round counts, as in STREAM."""
    length = int(sys.argv[1]) if len(sys.argv) > 1 else LENGTH
    step = Step()
    with step.phase("warm"):
        triad(1 << 12, 1)
    with step.phase("run"):
        rates = triad(length)
    step.done(bytes_a_second=max(rates))


if __name__ == "__main__":
    main()
