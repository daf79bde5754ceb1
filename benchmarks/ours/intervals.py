"""What intervals cost: reach by the delta method, rooted by redrawn weights; in units of the point estimate of reach.

python -m benchmarks.ours.intervals events.parquet gojek none|delta|bootstrap
"""

from __future__ import annotations

import sys

from benchmarks.step import Step


def main() -> None:
    """Import and read, a small one, then the question."""
    path, conductor, method = sys.argv[1:]
    by = "rooted" if method == "bootstrap" else "reach"
    step = Step()
    with step.phase("import"):
        from ecograph import read_events
        from ecograph.metrics.reliance import reliance
    with step.phase("read"):
        eco = read_events(path)
    with step.phase("warm"):
        ties = eco.tie_table().head(200).with_columns(receiver=eco.ids[:1].new_from_index(0, 200))
        little = type(eco).from_ties(ties)
        reliance(little, eco.ids[0], lenses=[by], by=by, intervals=method, replicates=20)
    with step.phase("run"):
        ledger = reliance(eco, conductor, lenses=[by], by=by, top=20, intervals=method, replicates=200)
    step.done(ties=len(eco.ties), solver=ledger.provenance["solver"])


if __name__ == "__main__":
    main()
