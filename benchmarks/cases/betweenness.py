"""Exact betweenness of graph-tool's own graphs, against graph-tool, igraph, rustworkx and NetworKit."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import Any

from benchmarks.measure import PEERS, ROOT, measure
from benchmarks.plan import Plan, ours, peer

NOTE = "On larger graphs only the fastest of the first are tried; the others would run for many minutes."
WHO = ("rustworkx", "igraph", "graph-tool", "networkit")  # the fastest on as-22july06 first


def rows(plan: Plan) -> Iterator[dict[str, Any]]:
    """Totals and largest values have to agree; all peers on the first graph, the fastest of these on larger ones."""
    for name, peers in plan.bundled.items():
        path = plan.folder.resolve() / f"{name}.npz"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            command = [PEERS, "-m", "benchmarks.peers.betweenness", "bundled", name, str(path)]
            subprocess.run(command, check=True, cwd=ROOT)
        rivals = [ours("betweenness", path), *(peer("betweenness", who, path) for who in WHO[:peers])]
        found = measure(rivals, min(plan.runs, 3), limit=plan.limit)
        for row in found:
            yield {
                "case": f"betweenness of {name}",
                "size": row.get("facts", {}).get("edges"),
                **_verified(row, found[0]),
            }


def _verified(row: dict[str, Any], ecograph: dict[str, Any]) -> dict[str, Any]:
    if "failed" in row or "failed" in ecograph:
        return row
    for what in ("total", "most"):
        if abs(row["facts"][what] / ecograph["facts"][what] - 1) > 1e-6:
            return {"who": row["who"], "failed": f"wrong: {what} {row['facts'][what]}"}
    return row
