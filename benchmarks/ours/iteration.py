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
        from ecograph.cpu.lines import zeros
        from ecograph.cpu.slices import slices
    with np.load(path) as file:
        row, column, n = file["row"], file["column"], int(file["n"])
    with step.phase("prepare"):
        ptr, entries = by_provider(column, n)
        out = np.bincount(row, minlength=n)
        rows = slices(ptr, row[entries], None)
        scale, ends = rows.spread(1.0 / np.maximum(out, 1), 1.0), rows.spread((out == 0).astype(np.uint8))
    restart = rows.to_lanes(np.full((n, 1), 1.0 / n))
    y, new, again, held = restart * scale[:, None], zeros(*restart.shape), 0.15 * restart, np.zeros(1)
    seconds = []
    for _ in range(STEPS):
        started = time.perf_counter()
        kernels.pagerank_step(rows, scale, ends, again, restart, held, 0.85, y, new)
        seconds.append(time.perf_counter() - started)
        y, new = new, y
    x = rows.from_lanes(y, 1)[:, 0] / scale[rows.slot]
    step.phases["run"] = {"wall": float(np.median(seconds[2:])), "cpu": 0.0}
    # Of an arrow: a column, or both ends in a tile. Of a slot: old and new y, restart, dangle, scale, flag. What is
    # gathered at least once.
    step.done(
        arrows=int(row.size), n=n, bytes=int(4 * (rows.column.size + rows.tiles.of.size) + 41 * rows.slots), x=_few(x)
    )


def _few(x: np.ndarray) -> list[float]:
    return [float(v) for v in x[:: max(1, x.size // 50)][:50]]


if __name__ == "__main__":
    main()
