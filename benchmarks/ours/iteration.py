"""One step of PageRank by ecograph on a graph kept as arrays: the median of several.

python -m benchmarks.ours.iteration graph.npz
"""

from __future__ import annotations

import sys
import time

import numpy as np

from benchmarks.step import Step

STEPS = 12


def main() -> None:
    """Uniform restart, nothing held: the same step as the peers'."""
    (path,) = sys.argv[1:]
    step = Step()
    with step.phase("import"):
        from ecograph.cpu import centrality as kernels
        from ecograph.cpu.csr import by_provider
    with np.load(path) as file:
        row, column, n = file["row"], file["column"], int(file["n"])
    with step.phase("prepare"):
        ptr, rows = by_provider(column, n)
        into = row[rows]
        out = np.bincount(row, minlength=n)
        share = 1.0 / out[into]
    x, new = np.full((n, 1), 1.0 / n), np.empty((n, 1))
    ends = (out == 0).astype(np.uint8)
    held, parts = np.zeros(1), (-(-n // kernels.BLOCK), 1)
    change, ended, seconds = np.empty(parts), np.empty(parts), []
    restart = x.copy()
    for _ in range(STEPS):
        started = time.perf_counter()
        kernels.pagerank_step(ptr, into, share, ends, restart, restart, held, 0.85, x, new, change, ended)
        seconds.append(time.perf_counter() - started)
        x, new = new, x
    step.phases["run"] = {"wall": float(np.median(seconds[2:])), "cpu": 0.0}
    # Of a row: pointer, old and new x, restart, dangle, flag; of an arrow: column, share. x of columns at least once.
    step.done(arrows=int(into.size), n=n, bytes=int(12 * into.size + (8 + 8 + 8 + 8 + 8 + 1) * n), x=_few(x[:, 0]))


def _few(x: np.ndarray) -> list[float]:
    return [float(v) for v in x[:: max(1, x.size // 50)][:50]]


if __name__ == "__main__":
    main()
