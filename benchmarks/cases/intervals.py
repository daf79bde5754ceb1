"""What certainty costs: reach with delta intervals, rooted in 200 redrawn ledgers, in units of a point estimate."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.measure import measure
from benchmarks.plan import CONDUCTOR, Plan, log, ours


def rows(plan: Plan) -> Iterator[dict[str, Any]]:
    """All three on the same log, in turn; ratios come of medians."""
    path = log(plan, plan.interval_rows)
    names = {"none": "point estimate of reach", "delta": "delta", "bootstrap": "200 bootstrap replicates"}
    rivals = [ours("intervals", path, CONDUCTOR, method, who=who) for method, who in names.items()]
    for row in measure(rivals, plan.runs, limit=plan.limit):
        yield {"case": "intervals", "size": plan.interval_rows, **row}
