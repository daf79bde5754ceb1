"""Events to ties by ecograph: checked, coded, exact sums, all seven columns.

python -m benchmarks.ours.reduction events.parquet
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from benchmarks.step import Step


def main() -> None:
    """Import, a thousand events, then the log."""
    (path,) = sys.argv[1:]
    step = Step()
    with step.phase("import"):
        from ecograph import read_events
    from benchmarks.events import write

    with tempfile.TemporaryDirectory() as folder:
        little = write(Path(folder) / f"little{Path(path).suffix}", 1_000)
        with step.phase("warm"):
            read_events(str(little))
    with step.phase("run"):
        eco = read_events(path)
    rows = int(eco.ties.count.sum())
    step.done(rows=rows, ties=len(eco.ties), weight=float(eco.ties.weight.sum()), participants=len(eco))


if __name__ == "__main__":
    main()
