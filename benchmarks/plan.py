"""How large and how often: a full run, a quick one, or the smallest that a test can bear."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.measure import OURS, PEERS, ROOT, Contestant

__all__ = ["CONDUCTOR", "FULL", "QUICK", "REAL", "TINY", "Plan", "log", "ours", "peer"]


CONDUCTOR = "gojek"  # of every log
REAL = ("debian_bookworm_deps", "food_delivery_bayarea")  # data sets with events, in $ECOGRAPH_DATA


@dataclass(frozen=True)
class Plan:
    """Sizes of every benchmark."""

    name: str
    runs: int
    rows: int  # of the log that pipelines read
    start_rows: int
    scaling: Sequence[int]
    large: Sequence[int]  # the same, once
    graph: tuple[int, int]  # nodes and arrows of one PageRank step
    wide: tuple[int, int]  # of one step of sixteen lanes: in a full run a vector is larger than the caches
    triad: int  # entries of each array
    bundled: Mapping[str, int]  # graph-tool's own graphs for betweenness, and how many peers are tried on it
    closures: int
    interval_rows: int
    peers: Sequence[str]
    limit: float  # seconds a run may take
    folder: Path


_PEERS = ("scikit-network", "python-graphblas", "igraph", "graph-tool", "rustworkx", "networkx")
FULL = Plan("full", 5, 10**7, 10**5, (10**6, 10**7), (10**8,), (10**6, 10**7), (8 * 10**6, 3 * 10**7), 1 << 25,
            {"as-22july06": 4, "email-Enron": 2, "pgp-strong-2009": 1}, 10_000, 10**6, _PEERS, 300.0,
            Path("out/bench"))  # fmt: skip
QUICK = Plan("quick", 1, 10**6, 10**5, (10**5, 10**6), (), (10**5, 10**6), (10**5, 10**6), 1 << 23, {"power": 4},
             1_000, 10**5, _PEERS[:4], 60.0, Path("out/bench"))  # fmt: skip
TINY = Plan("tiny", 1, 2_000, 2_000, (1_000, 2_000), (), (500, 4_000), (500, 4_000), 1 << 12, {}, 50, 2_000, (), 300.0,
            Path("out/bench"))  # fmt: skip


def log(plan: Plan, rows: int, ending: str = "parquet") -> str:
    """The log of so many rows; written, in a process of its own, where it isn't there yet."""
    path = plan.folder / f"events-{rows}.{ending}"
    if not path.exists():
        command = [OURS, "-m", "benchmarks.events", str(rows), str(path)]
        subprocess.run(command, check=True, cwd=ROOT)
    return str(path)


def ours(module: str, *arguments: Any, who: str = "ecograph", **rest: Any) -> Contestant:
    """A step of our own side."""
    return Contestant(who, [OURS, "-m", f"benchmarks.ours.{module}", *map(str, arguments)], **rest)


def peer(module: str, who: str, *arguments: Any, env: Mapping[str, str] | None = None) -> Contestant:
    """A step of a peer."""
    return Contestant(who, [PEERS, "-m", f"benchmarks.peers.{module}", who, *map(str, arguments)], env or {})
