"""A log to its top 20 by ecograph, the full product on: checks, quarantine, full tie table, hashes of provenance.

python -m benchmarks.ours.pipeline rooted events.parquet gojek
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.step import Step


def main() -> None:
    """Import, the same on a thousand events (loads compiled kernels), then the log."""
    by, path, conductor = sys.argv[1:]
    step = Step()
    with step.phase("import"):
        from ecograph import read_events
        from ecograph.metrics.reliance import reliance

    def rank(log: Any) -> Any:
        eco = read_events(log)
        ledger = reliance(eco, conductor, lenses=[by], by=by, top=20, intervals="none")
        return eco, ledger

    from benchmarks.events import write

    with tempfile.TemporaryDirectory() as folder:
        little = write(Path(folder) / f"little{Path(path).suffix}", 1_000)
        with step.phase("warm"):
            rank(str(little))
    with step.phase("run"):
        eco, ledger = rank(path)
    best = ledger.table.select("id", by).rows()
    step.done(best=best, ties=len(eco.ties), participants=len(eco), certificate=str(ledger.certificate),
              residual=_residual(eco, conductor) if by == "rooted" else None)  # fmt: skip


def _residual(eco: Any, conductor: str) -> float:
    """As for peers, by NumPy and from the tie table; x is the whole lens."""
    import numpy as np

    from ecograph.metrics.lenses import Rooted
    from ecograph.metrics.operator import dependence
    from ecograph.metrics.rooted import upstream

    o, n = eco.row_of(conductor), len(eco)
    p = dependence(eco)
    found = upstream(p, o)
    lens = Rooted(p, found, np.arange(0), 0.15, 1e-10, None)
    x = np.where(found.reached, lens.x[found.place], 0.0)
    x = x / x.sum()
    ties = eco.ties
    total = np.bincount(ties.receiver, ties.weight, n)
    new = 0.85 * np.bincount(ties.provider, ties.weight / total[ties.receiver] * x[ties.receiver], n)
    new[o] += 0.15 + 0.85 * x[total == 0.0].sum()
    return float(np.abs(new - x).sum())


if __name__ == "__main__":
    main()
