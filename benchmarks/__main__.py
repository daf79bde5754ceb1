"""Run benchmarks and write benchmarks/results.json and docs/performance.md.

    python -m benchmarks [--plan full|quick|tiny] [--only start,pipeline] [--folder out/bench]

Cases that aren't run keep the rows that results.json has of the same plan; the page marks those that have none.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks import plan as plans
from benchmarks.cases import CASES
from benchmarks.machine import load, machine, versions
from benchmarks.measure import PEERS, ROOT, Failure
from benchmarks.page import page
from ecograph.atomic import atomic_path

__all__ = ["main", "run"]


def run(plan: plans.Plan, only: list[str], before: dict[str, Any], save: Any) -> dict[str, Any]:
    """The results of the cases asked for, and those of ``before`` for the others."""
    kept = before if before.get("plan") == plan.name else {}
    results: dict[str, Any] = {
        "plan": plan.name, "begun": time.strftime("%Y-%m-%d %H:%M"), "machine": machine(), "versions": versions(),
        "load": {name: value for name, value in kept.get("load", {}).items() if name not in only},
        "cases": {name: _title(name) for name in CASES},
        "rows": [row for row in kept.get("rows", []) if row["module"] not in only],
    }  # fmt: skip
    for name in only:
        print(f"{name}: {_title(name)}", file=sys.stderr, flush=True)
        results["load"][name] = round(load(), 2)
        try:
            for row in CASES[name].rows(plan):
                results["rows"].append({"module": name, **row})
                save(results)  # a run that is cut off has said what it found
        except (Failure, OSError) as error:
            print(f"{name} broke off: {error}", file=sys.stderr)
    save(results)
    return results


def _title(name: str) -> str:
    said = import_module(f"benchmarks.cases.{name}").__doc__ or name
    return " ".join(said.split()).rstrip(".").split(": ")[0]


def main(arguments: list[str] | None = None) -> None:
    """The one command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plan", choices=["full", "quick", "tiny"], default="full")
    parser.add_argument("--only", default=",".join(CASES), help=f"some of {', '.join(CASES)}")
    parser.add_argument("--folder", type=Path, help="for logs and graphs (10^8 rows take 2 GB)")
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks" / "results.json")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "performance.md")
    given = parser.parse_args(arguments)
    plan = {"full": plans.FULL, "quick": plans.QUICK, "tiny": plans.TINY}[given.plan]
    plan = replace(plan, folder=given.folder.resolve() if given.folder else ROOT / plan.folder)
    if not Path(PEERS).exists():
        print(f"{PEERS} isn't there: no peers (scripts/setup.sh bench makes it)", file=sys.stderr)
        plan = replace(plan, peers=(), bundled=())
    before = json.loads(given.results.read_text()) if given.results.exists() else {}
    only = given.only.split(",")
    if unknown := set(only) - set(CASES):
        parser.error(f"no case {', '.join(sorted(unknown))}; there are {', '.join(CASES)}")

    def save(results: dict[str, Any]) -> None:
        with atomic_path(given.results) as path:
            path.write_text(json.dumps(results, indent=1) + "\n")
        with atomic_path(given.page) as path:
            path.write_text(page(results))

    run(plan, only, before, save)


if __name__ == "__main__":
    main()
