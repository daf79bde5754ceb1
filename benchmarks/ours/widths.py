"""Widths of delta intervals over those of the bootstrap, on real data: the mean over the first 20.

python -m benchmarks.ours.widths debian_bookworm_deps
"""

from __future__ import annotations

import sys

from benchmarks.step import Step

REPLICATES = 2_000  # a width is then known to some 2 %
SETS = {
    "debian_bookworm_deps": ("debian_bookworm", "jupyter-core", None),
    "food_delivery_bayarea": ("food_delivery", "platform", "relation"),
}


def main() -> None:
    """Rooted by both methods; shown are those of the same id."""
    (name,) = sys.argv[1:]
    mapping, conductor, normalise = SETS[name]
    step = Step()
    with step.phase("import"):
        from ecograph import datasets, read_events
        from ecograph.metrics.reliance import reliance
    with step.phase("read"):
        eco = read_events(datasets.path(name), mapping=datasets.mapping(mapping))
    with step.phase("run"):
        ledgers = [
            reliance(
                eco, conductor, lenses=["rooted"], by="rooted", normalise=normalise, intervals=method, top=20,
                replicates=REPLICATES,
            )
            for method in ("delta", "bootstrap")
        ]  # fmt: skip
    tables = [it.table for it in ledgers]
    widths = [dict(zip(t["id"], t["rooted_high"] - t["rooted_low"], strict=True)) for t in tables]
    ratios = [widths[0][id] / widths[1][id] for id in widths[0] if widths[1].get(id, 0.0) > 0.0]
    step.done(ties=len(eco.ties), width_ratio=sum(ratios) / len(ratios), compared=len(ratios),
              width_low=min(ratios), width_high=max(ratios))  # fmt: skip


if __name__ == "__main__":
    main()
