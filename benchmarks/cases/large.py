"""ecograph alone on 10^8 events, all threads: time against a tenth of them, and peak memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.cases.scaling import CASE
from benchmarks.measure import measure, per_event
from benchmarks.plan import CONDUCTOR, Plan, log, ours


def rows(plan: Plan) -> Iterator[dict[str, Any]]:
    """One run; the log takes 2 GB on disk and some minutes to write."""
    for size in plan.large:
        (row,) = measure([ours("pipeline", "rooted", log(plan, size), CONDUCTOR)], 1, limit=4 * plan.limit)
        yield {"case": CASE, "size": size, **per_event(row, size)}
