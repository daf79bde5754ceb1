"""One step of PageRank on three shapes of graph: arrows a second, bytes an arrow, share of the triad's bandwidth."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.measure import OURS, ROOT, Contestant, measure
from benchmarks.plan import Plan, ours, peer

_WRITE = """
import sys, numpy as np
from benchmarks.graphs import SHAPES
shape, n, arrows, path = sys.argv[1:]
row, column = SHAPES[shape](int(n), int(arrows), 1)
pair = np.unique(row.astype(np.int64) << 32 | column)
np.savez(path, row=(pair >> 32).astype(np.int32), column=(pair & (2**32 - 1)).astype(np.int32), n=int(n))
"""


def rows(plan: Plan) -> Iterator[dict[str, Any]]:
    """The triad first, then each shape with one thread and with all."""
    (triad,) = measure(
        [Contestant("triad", [OURS, "-m", "benchmarks.bandwidth", str(plan.triad)])], plan.runs, limit=plan.limit
    )
    yield {"case": "memory bandwidth", "size": plan.triad, **triad}
    n, arrows = plan.graph
    for shape in ("R-MAT", "uniform", "one hub"):
        path = graph(plan, shape, n, arrows)
        one = {"NUMBA_NUM_THREADS": "1"}
        rivals = [ours("iteration", path), ours("iteration", path, who="ecograph, 1 thread", env=one)]
        if plan.peers:
            rivals += [peer("iteration", name, path) for name in ("scikit-network", "networkit")]
        for row in measure(rivals, plan.runs, limit=plan.limit):
            if "facts" in row:
                row["facts"].pop("x", None)
                row["facts"]["arrows_a_second"] = row["facts"]["arrows"] / row["wall"]["median"]
                if "bytes" in row["facts"]:
                    row["facts"]["arrow_bytes"] = row["facts"]["bytes"] / row["facts"]["arrows"]
                if "bytes" in row["facts"] and "facts" in triad:
                    rate = row["facts"]["bytes"] / row["wall"]["median"]
                    row["facts"]["share_of_triad"] = rate / triad["facts"]["bytes_a_second"]
            yield {"case": f"PageRank step, {shape}", "size": arrows, **row}


def graph(plan: Plan, shape: str, n: int, arrows: int) -> Path:
    """A graph's file, written in a process of its own where it isn't there yet."""
    path = plan.folder.resolve() / f"{shape.replace(' ', '-')}-{n}-{arrows}.npz"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([OURS, "-c", _WRITE, shape, str(n), str(arrows), str(path)], check=True, cwd=ROOT)
    return path
