"""A log of string ids -> ties -> ranking -> top 20: ecograph against Polars + each peer, from Parquet and from CSV."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.measure import measure
from benchmarks.plan import CONDUCTOR, Plan, log, ours, peer

ALIKE = 1e-4  # relative: peers stop at a residual of 1e-6 of all mass


def rows(plan: Plan) -> Iterator[dict[str, Any]]:
    """Rooted against every peer, and reach with its certificate, which no peer has."""
    for ending in ("parquet", "csv"):
        path = log(plan, plan.rows, ending)
        few = plan.peers if ending == "parquet" else plan.peers[:2]  # CSV: those that are fastest from Parquet
        rivals = [ours("pipeline", "rooted", path, CONDUCTOR), *(peer("rooted", name, path, CONDUCTOR) for name in few)]
        found = measure(rivals, plan.runs, limit=plan.limit)
        for row in found:
            yield {"case": f"{ending} to rooted top 20", "size": plan.rows, **verified(row, found[0])}
        for row in measure([ours("pipeline", "reach", path, CONDUCTOR)], plan.runs, limit=plan.limit):
            yield {"case": f"{ending} to reach top 20, certified", "size": plan.rows, **row}


def verified(row: dict[str, Any], ecograph: dict[str, Any]) -> dict[str, Any]:
    """Only what solves the same equation and ranks the same counts: else the row says so instead of its time."""
    if "failed" in row or "failed" in ecograph:
        return row
    facts, own = row["facts"], ecograph["facts"]
    if facts["residual"] is None or facts["residual"] > 1e-6:
        return {"who": row["who"], "failed": f"wrong: residual {facts['residual']}"}
    if facts["ties"] != own["ties"]:
        return {"who": row["who"], "failed": f"wrong: {facts['ties']} ties, not {own['ties']}"}
    value = dict(own["best"])
    first = facts["best"][0][1] / own["best"][0][1]  # ours are lost where chains end, theirs sum to 1
    if any(id not in value or abs(v / (first * value[id]) - 1) > ALIKE for id, v in facts["best"]):
        return {"who": row["who"], "failed": "wrong: another top 20"}
    return row
