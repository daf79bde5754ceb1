"""Run steps as processes of their own, side by side in turn, and say median and spread.

Imports nothing but the standard library: a large parent would show in the peak memory of its children.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.step import MARK

__all__ = ["OURS", "PEERS", "ROOT", "Contestant", "Failure", "TooSlow", "measure", "per_event", "spread"]

ROOT = Path(__file__).resolve().parents[1]
OURS = os.environ.get("ECOGRAPH_PYTHON", sys.executable)
BUDGET = 60.0  # seconds that the runs of one contestant may take in all before it isn't run again
PEERS = os.environ.get("ECOGRAPH_PEERS", str(ROOT / ".venv-bench" / "bin" / "python"))


@dataclass(frozen=True)
class Contestant:
    """Who runs what: a command whose last marked line, if it prints one, is ``Step.done``'s."""

    who: str
    command: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    before: Callable[[], None] | None = None  # of each run, untimed


class Failure(RuntimeError):
    """A step ended badly; the last lines it wrote."""


class TooSlow(Failure):
    """A step was stopped at its limit."""


def once(it: Contestant, limit: float) -> dict[str, Any]:
    """One run: wall and CPU seconds and peak memory of the process and its children, and what the step says itself."""
    if it.before:
        it.before()
    env = {**os.environ, "PYTHONPATH": str(ROOT), **it.env}
    env.pop("PYTHONDONTWRITEBYTECODE", None)  # with it, each of our starts would compile a hundred files anew
    with tempfile.TemporaryFile() as out:
        started = time.perf_counter()
        process = subprocess.Popen(it.command, stdout=out, stderr=subprocess.STDOUT, env=env, cwd=ROOT)
        try:
            usage = _wait(process, started, limit)
        except BaseException:
            process.kill()
            process.wait()
            raise
        wall = time.perf_counter() - started
        out.seek(0)
        text = out.read().decode("utf-8", "replace")
    if process.returncode != 0:
        raise Failure(f"{it.who} ended with status {process.returncode}: {' '.join(text.split()[-40:])}")
    told = [json.loads(line[len(MARK) :]) for line in text.splitlines() if line.startswith(MARK)]
    whole = {"wall": wall, "cpu": usage.ru_utime + usage.ru_stime, "peak": usage.ru_maxrss * 1024}
    return {"process": whole, **(told[-1] if told else {"phases": {}, "facts": {}, "peak": whole["peak"]})}


def _wait(process: subprocess.Popen[bytes], started: float, limit: float) -> Any:
    """The resources used, as only wait4 tells them for one child."""
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return usage
        if time.perf_counter() - started > limit:
            raise TooSlow(f"> {limit:g} s, its limit")
        time.sleep(0.002)


def measure(
    contestants: Sequence[Contestant], runs: int, *, phase: str = "run", limit: float = 1800.0, budget: float = BUDGET
) -> list[dict[str, Any]]:
    """A row for each contestant; all run once before any runs again. One that fails once is out, and its row says why.

    ``phase`` is what counts; "process" is the whole process, from start to end. Who has used up the ``budget`` isn't
    run again, so that fast ones have more runs than slow ones. ``over`` in a row is the limit that a run hit.
    """
    found: dict[str, list[dict[str, Any]]] = {it.who: [] for it in contestants}
    failed: dict[str, dict[str, Any]] = {}
    for _ in range(runs):
        for it in contestants:
            if it.who not in failed and sum(run["process"]["wall"] for run in found[it.who]) < budget:
                try:
                    found[it.who].append(once(it, limit))
                except TooSlow as failure:
                    failed[it.who] = {"failed": str(failure), "over": limit}
                except Failure as failure:
                    failed[it.who] = {"failed": str(failure)}
                _say(it.who, found[it.who], failed, phase)
    return [{"who": who, **(failed[who] if who in failed else _row(runs, phase))} for who, runs in found.items()]


def per_event(row: dict[str, Any], events: int) -> dict[str, Any]:
    """A row of a log with what one event costs: events a second, bytes of peak memory an event, ties an event."""
    if "failed" in row:
        return row
    more = {"events_a_second": events / row["wall"]["median"], "bytes_an_event": row["peak"]["median"] / events}
    if "ties" in row["facts"]:
        more["ties_an_event"] = row["facts"]["ties"] / events
    return {**row, "facts": {**row["facts"], **more}}


def _row(runs: list[dict[str, Any]], phase: str) -> dict[str, Any]:
    timed = [run["process"] if phase == "process" else run["phases"][phase] for run in runs]
    apart = {name: spread([run["phases"][name]["wall"] for run in runs]) for name in runs[0]["phases"] if name != phase}
    return {
        "wall": spread([run["wall"] for run in timed]),
        "cpu": spread([run["cpu"] for run in timed]),
        "peak": spread([run["peak"] if phase != "process" else run["process"]["peak"] for run in runs]),
        "apart": apart,
        "facts": runs[-1]["facts"],
    }


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, least and most of some runs."""
    return {"median": median(values), "low": min(values), "high": max(values), "runs": len(values)}


def _say(who: str, runs: list[dict[str, Any]], failed: Mapping[str, dict[str, Any]], phase: str) -> None:
    if who in failed:
        last = failed[who]["failed"]
    else:
        last = runs[-1]["process"] if phase == "process" else runs[-1]["phases"][phase]
    print(f"  {who}: {last}", file=sys.stderr, flush=True)
