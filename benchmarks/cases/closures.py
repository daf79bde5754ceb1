"""The whole ESRI vector, reference rule, seconds a closure on one thread."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.measure import measure
from benchmarks.plan import Plan, ours


def rows(plan: Plan) -> Iterator[dict[str, Any]]:
    """Power law 2.3, mean degree 8, largest 128."""
    step = ours("closures", plan.closures, env={"NUMBA_NUM_THREADS": "1"})
    for row in measure([step], min(plan.runs, 3), limit=plan.limit):
        yield {"case": "ESRI, one closure", "size": plan.closures, **row}
