"""ecograph alone on logs of growing length, with one thread and with all: is time linear, is memory bounded?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.measure import measure, per_event
from benchmarks.plan import CONDUCTOR, Plan, log, ours

CASE = "scaling, parquet to rooted top 20"


def rows(plan: Plan) -> Iterator[dict[str, Any]]:
    """From Parquet to the rooted top 20."""
    one = {"NUMBA_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1"}
    for size in plan.scaling:
        path = log(plan, size)
        rivals = [ours("pipeline", "rooted", path, CONDUCTOR),
                  ours("pipeline", "rooted", path, CONDUCTOR, who="ecograph, 1 thread", env=one)]  # fmt: skip
        for row in measure(rivals, plan.runs, limit=plan.limit):
            yield {"case": CASE, "size": size, **per_event(row, size)}
