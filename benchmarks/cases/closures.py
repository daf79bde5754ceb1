"""The whole ESRI vector, seconds a closure on one thread."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.measure import measure
from benchmarks.plan import Plan, ours

RULES = {"reference": "ESRI, one closure", "bounds": "ESRI, one closure, tol 1e-8 and an error bound"}


def rows(plan: Plan) -> Iterator[dict[str, Any]]:
    """Power law 2.3, mean degree 8, largest 128; the published rule, and rounds to 1e-8 with demand from outside."""
    for rule, case in RULES.items():
        step = ours("closures", plan.closures, rule, env={"NUMBA_NUM_THREADS": "1"})
        for row in measure([step], min(plan.runs, 3), limit=plan.limit):
            yield {"case": case, "size": plan.closures, **row}
