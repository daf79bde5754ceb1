"""Many problems on one graph, a step each: seeds that share what arrows carry, or replicates with values of their own.

python -m benchmarks.ours.lanes graph.npz seeds|replicates LANES
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix

from benchmarks.step import Step

STEPS, DAMPING = 5, 0.85


def main() -> None:
    """The median step over the number of lanes; one step is compared with SciPy's product first."""
    path, kind, lanes = sys.argv[1], sys.argv[2], int(sys.argv[3])
    step = Step()
    with step.phase("import"):
        from ecograph.cpu.csr import by_provider
    with np.load(path) as file:
        row, column, n = file["row"], file["column"], int(file["n"])
    with step.phase("prepare"):
        ptr, entries = by_provider(column, n)
        run, moved = {"seeds": seeds, "replicates": replicates}[kind](ptr, row[entries], n, lanes)
        run()
    seconds = []
    for _ in range(STEPS):
        started = time.perf_counter()
        run()
        seconds.append((time.perf_counter() - started) / lanes)
    step.phases["run"] = {"wall": float(np.median(seconds)), "cpu": 0.0}
    step.done(arrows=int(row.size), n=n, bytes=moved / lanes, arrow_bytes=moved / lanes / row.size)


def seeds(ptr: Any, into: Any, n: int, lanes: int) -> tuple[Callable[[], Any], float]:
    """PageRank's step with a restart of its own a lane."""
    from ecograph.cpu import centrality as kernels
    from ecograph.cpu.lines import zeros
    from ecograph.cpu.slices import slices

    out = np.bincount(into, minlength=n)
    rows = slices(ptr, into, None, lanes)
    scale, ends = rows.spread(1.0 / np.maximum(out, 1), 1.0), rows.spread((out == 0).astype(np.uint8))
    first = np.full((n, lanes), 0.5 / n)
    first[np.arange(lanes), np.arange(lanes)] += 0.5
    restart = rows.to_lanes(first)
    y, new = rows.to_lanes(first), zeros(*restart.shape)
    y *= np.tile(scale, restart.shape[0] // rows.slots)[:, None]
    held, again = np.zeros(y.size // rows.slots), (1.0 - DAMPING) * restart

    def run() -> Any:
        return kernels.pagerank_step(rows, scale, ends, again, restart, held, DAMPING, y, new)

    run()
    got = rows.from_lanes(new, lanes)[:, -1] / scale[rows.slot]
    matrix = csr_matrix((1.0 / out[into], into, ptr), shape=(n, n))
    _agrees(got, DAMPING * (matrix @ first[:, -1]) + (1.0 - DAMPING) * first[:, -1])
    # Columns once a block of lanes; of a slot and lane old and new y, restart twice; scale and flag.
    blocks = restart.shape[0] // rows.slots
    return run, blocks * (4.0 * rows.column.size + 9.0 * rows.slots) + 32.0 * y.size


def replicates(ptr: Any, into: Any, n: int, lanes: int) -> tuple[Callable[[], Any], float]:
    """Sweeps of rooted over values that every lane has for itself, eight lanes side by side."""
    from ecograph.cpu import replicates as kernels
    from ecograph.cpu.lines import zeros
    from ecograph.cpu.threads import over_blocks

    width = kernels.TOGETHER
    blocks, random = -(-lanes // width), np.random.default_rng(1)
    p = [random.random(width * into.size) / 20 for _ in range(blocks)]
    state = [(zeros(width * n), zeros(width * n), zeros(width)) for _ in range(blocks)]
    for d, _, _ in state:
        d[:] = 1.0

    def one(b: int) -> None:
        kernels.sweep_replicates(ptr, into, p[b], 0, *state[b])

    d, h, mass = (each.copy() for each in state[0])
    kernels.residual_replicates(ptr, into, p[0], d, plus := np.zeros(width), minus := np.zeros(width))
    matrix = csr_matrix((p[0].reshape(-1, width)[:, 0], into, ptr), shape=(n, n))
    first = np.zeros(n)
    first[0] = 1.0
    _agrees(np.array([plus[0] - minus[0]]), np.array([(first + matrix @ np.ones(n) - 1.0).sum()]))
    kernels.sweep_replicates(ptr, into, p[0], 0, d, h, mass)
    _agrees(d, h)  # from nothing, h is the change
    # Of an arrow its column and eight values; of a row and lane d and h, read and written.
    moved = blocks * (4.0 + 8.0 * width) * into.size + blocks * 32.0 * width * n
    return lambda: over_blocks(one, blocks, width * blocks * into.size), moved


def _agrees(got: Any, expected: Any) -> None:
    np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-9 * np.abs(expected).max())


if __name__ == "__main__":
    main()
