"""Events to ties alone: ecograph (checked, exact, ids coded) against a group-by of DuckDB and of Polars on text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.measure import measure, per_event
from benchmarks.plan import Plan, log, ours, peer


def rows(plan: Plan) -> Iterator[dict[str, Any]]:
    """From Parquet; the number of ties and the sum of amounts have to agree."""
    path = log(plan, plan.rows)
    rivals = [ours("reduction", path)]
    if plan.peers:
        rivals += [peer("reduction", name, path) for name in ("duckdb", "polars")]
    found = measure(rivals, plan.runs, limit=plan.limit)
    for row in found:
        yield {"case": "parquet to ties", "size": plan.rows, **per_event(_verified(row, found[0]), plan.rows)}


def _verified(row: dict[str, Any], ecograph: dict[str, Any]) -> dict[str, Any]:
    if "failed" in row or "failed" in ecograph:
        return row
    facts, own = row["facts"], ecograph["facts"]
    if facts["ties"] != own["ties"] or abs(facts["weight"] / own["weight"] - 1) > 1e-9:
        return {"who": row["who"], "failed": f"wrong: {facts['ties']} ties of {facts['weight']}"}
    return row
