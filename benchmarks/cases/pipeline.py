"""A log of string ids -> ties -> ranking -> top 20: ecograph against Polars + each peer, from Parquet and from CSV."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from benchmarks.measure import measure, per_event
from benchmarks.plan import CONDUCTOR, Plan, log, ours, peer

NOTE = """NetworKit is not here: its PageRank restarts everywhere alike, and its ApproximatePageRank from one node takes
undirected graphs only. networkx, which keeps a dict for every tie, gets a tenth of the rows."""
SLOW = ("networkx",)
ALIKE = 1e-4  # relative: peers stop at a residual of 1e-6 of all mass


def rows(plan: Plan) -> Iterator[dict[str, Any]]:
    """Rooted against every peer, and reach with its certificate, which no peer has."""
    able = [name for name in plan.peers if name not in SLOW]
    for ending in ("parquet", "csv"):
        few = able if ending == "parquet" else able[:2]  # CSV: those that are fastest from Parquet
        yield from _against(few, plan, f"{ending} to rooted top 20", plan.rows, ending)
        path = log(plan, plan.rows, ending)
        for row in measure([ours("pipeline", "reach", path, CONDUCTOR)], plan.runs, limit=plan.limit):
            yield {"case": f"{ending} to reach top 20, certified", "size": plan.rows, **per_event(row, plan.rows)}
    if slow := [name for name in plan.peers if name in SLOW]:
        yield from _against(slow, plan, "parquet to rooted top 20, a tenth of the rows", plan.rows // 10, "parquet")


def _against(peers: Sequence[str], plan: Plan, case: str, size: int, ending: str) -> Iterator[dict[str, Any]]:
    path = log(plan, size, ending)
    rivals = [ours("pipeline", "rooted", path, CONDUCTOR), *(peer("rooted", name, path, CONDUCTOR) for name in peers)]
    found = measure(rivals, plan.runs, limit=plan.limit)
    for row in found:
        yield {"case": case, "size": size, **per_event(verified(row, found[0]), size)}


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
