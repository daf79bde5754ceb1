"""Delta intervals beside the bootstrap's on real data: the mean ratio of widths over the first 20."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import Any

from benchmarks.measure import measure
from benchmarks.plan import REAL, Plan, ours


def rows(plan: Plan) -> Iterator[dict[str, Any]]:
    """One run a data set of $ECOGRAPH_DATA; without it there are none, and a line says so."""
    if "ECOGRAPH_DATA" not in os.environ:
        print("  widths: ECOGRAPH_DATA names no folder of real data, so nothing is compared", file=sys.stderr)
        return
    for name in REAL:
        for row in measure([ours("widths", name, who=name)], 1, limit=plan.limit):
            yield {"case": "widths, delta over bootstrap", "size": None, **row}
