"""ecograph alone from 10^6 to 10^8 events, with one thread and with all: is time linear, is memory bounded?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.measure import measure
from benchmarks.plan import CONDUCTOR, Plan, log, ours


def rows(plan: Plan) -> Iterator[dict[str, Any]]:
    """From Parquet to the rooted top 20; the largest with all threads only."""
    for size in plan.scaling:
        path = log(plan, size)
        rivals = [ours("pipeline", "rooted", path, CONDUCTOR)]
        if size < 10**8:
            one = {"NUMBA_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1"}
            rivals.append(ours("pipeline", "rooted", path, CONDUCTOR, who="ecograph, 1 thread", env=one))
        for row in measure(rivals, plan.runs if size < 10**8 else 1, limit=4 * plan.limit):
            yield {"case": "scaling, parquet to rooted top 20", "size": size, **row}
