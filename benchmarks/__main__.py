"""Run benchmarks and write benchmarks/results.json and docs/performance.md.

    python -m benchmarks [--plan full|quick|tiny] [--only start,pipeline] [--skip large] [--runs 1] [--folder out/bench]

A long run can be done in parts: cases that aren't run keep the rows that results.json has of the same plan, commit and
machine. Rows of another commit or machine are dropped, and the page says what wasn't run.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks import plan as plans
from benchmarks.cases import CASES
from benchmarks.machine import code, load, machine, versions
from benchmarks.measure import PEERS, ROOT, Failure
from benchmarks.page import page
from ecograph.atomic import atomic_path

__all__ = ["kept", "main", "run"]


def run(plan: plans.Plan, only: list[str], before: dict[str, Any], save: Any) -> dict[str, Any]:
    """The results of the cases asked for, and those of ``before`` for the others."""
    now: dict[str, Any] = {"plan": plan.name, "code": code(), "machine": machine(), "versions": versions()}
    old = kept(before, now)
    if before and not old:
        print("results of another plan, commit, machine or set of packages are replaced", file=sys.stderr)
    results = {
        **now,
        "cases": {name: _about(name) for name in CASES},
        "runs": {name: how for name, how in old.get("runs", {}).items() if name not in only},
        "rows": [row for row in old.get("rows", []) if row["module"] not in only],
    }
    for name in only:
        print(f"{name}: {results['cases'][name]['title']}", file=sys.stderr, flush=True)
        how = results["runs"][name] = {"date": time.strftime("%Y-%m-%d %H:%M"), "load": round(load(), 2)}
        started = time.monotonic()
        try:
            for row in CASES[name].rows(plan):
                results["rows"].append({"module": name, **row})
                save(results)  # a run that is cut off has said what it found
        except (Failure, OSError, subprocess.CalledProcessError) as error:
            how["broke"] = str(error)[:200]
            print(f"{name} broke off: {error}", file=sys.stderr)
        how["seconds"] = round(time.monotonic() - started)
    results["rows"].sort(key=lambda row: list(CASES).index(row["module"]))
    save(results)
    return results


def kept(before: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """What was found before, if that was of the same plan, commit, machine and packages; else nothing."""
    alike = all(before.get(what) == now[what] for what in ("plan", "code", "machine", "versions"))
    known = now["code"]["commit"] is not None and not now["code"]["changed"]
    return before if alike and known else {}


def _about(name: str) -> dict[str, str]:
    case = CASES[name]
    said = " ".join((case.__doc__ or name).split()).rstrip(".")
    return {"title": said.split(": ")[0], "note": " ".join(getattr(case, "NOTE", "").split())}


def main(arguments: list[str] | None = None) -> None:
    """The one command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plan", choices=["full", "quick", "tiny"], default="full")
    parser.add_argument("--only", default=",".join(CASES), help=f"some of {', '.join(CASES)}")
    parser.add_argument(
        "--skip", default="", help="cases to leave out, such as large, which takes 8 GiB and 2 GB of disk"
    )
    parser.add_argument("--runs", type=int, help="of each contestant, instead of the plan's; each row says how many")
    parser.add_argument("--folder", type=Path, help="for logs and graphs (10^8 rows take 2 GB)")
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks" / "results.json")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "performance.md")
    given = parser.parse_args(arguments)
    plan = {"full": plans.FULL, "quick": plans.QUICK, "tiny": plans.TINY}[given.plan]
    plan = replace(plan, folder=given.folder.resolve() if given.folder else ROOT / plan.folder)
    plan = replace(plan, runs=given.runs or plan.runs)
    if not Path(PEERS).exists():
        print(f"{PEERS} isn't there: no peers (scripts/setup.sh bench makes it)", file=sys.stderr)
        plan = replace(plan, peers=(), bundled={})
    before = json.loads(given.results.read_text()) if given.results.exists() else {}
    only, skip = given.only.split(","), list(filter(None, given.skip.split(",")))
    if unknown := {*only, *skip} - set(CASES):
        parser.error(f"no case {', '.join(sorted(unknown))}; there are {', '.join(CASES)}")

    def save(results: dict[str, Any]) -> None:
        with atomic_path(given.results) as path:
            path.write_text(json.dumps(results, indent=1) + "\n")
        with atomic_path(given.page) as path:
            path.write_text(page(results))

    run(plan, [name for name in only if name not in skip], before, save)


if __name__ == "__main__":
    main()
