"""Do rank intervals hold what they promise? Ecosystems of known truth, drawn 500 times each.

    python -m benchmarks.coverage [--draws 500] [--write]

Each draw is one sample of events; the intervals of the first ten hold when *all* ten contain their true rank. Writes
docs/coverage.md and benchmarks/coverage.json with --write.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[1]
TOP, LENSES = 10, ("direct", "rooted", "reach")
SIZES = (2, 5, 20, 30)
AMOUNTS = (1.0, 3.0, 9.0)  # mean of an event: groups of equals are what rank intervals find hardest


@dataclass(frozen=True)
class World:
    """Ties of known mean weight: mean number of events and mean amount of each."""

    name: str
    provider: list[str]
    receiver: list[str]
    spread: NDArray[np.float64]  # of the number of events around its mean over ties
    amount: NDArray[np.float64]
    leak: float


def star(rng: np.random.Generator) -> World:
    """One step: 40 providers of one platform."""
    names = [f"k{i:02}" for i in range(40)]
    return _world("star", [(name, "o") for name in names], rng, 0.0)


def tiers(rng: np.random.Generator) -> World:
    """25 merchants sell to a platform, 30 suppliers to merchants, three each; no circles."""
    ties = [(f"m{i:02}", "o") for i in range(25)]
    for m in range(25):
        ties += [(f"s{i:02}", f"m{m:02}") for i in rng.choice(30, 3, replace=False)]
    return _world("tiers", ties, rng, 0.0)


def circles(rng: np.random.Generator) -> World:
    """40 participants that provide to each other, four each, and half of them to the platform; a tenth leaks."""
    ties = [(f"p{i:02}", "o") for i in range(20)]
    for j in range(40):
        ties += [(f"p{i:02}", f"p{j:02}") for i in rng.choice([i for i in range(40) if i != j], 4, replace=False)]
    return _world("circles", ties, rng, 0.1)


def _world(name: str, ties: list[tuple[str, str]], rng: np.random.Generator, leak: float) -> World:
    provider, receiver = (list(side) for side in zip(*ties, strict=True))
    return World(name, provider, receiver, np.ones(len(ties)), rng.choice(AMOUNTS, len(ties)), leak)


SHAPES = {"star": star, "tiers": tiers, "circles": circles}


def truth(world: World, by: str) -> dict[str, float]:
    """Value of every candidate where each tie weighs its mean."""
    from ecograph import Ecosystem, reliance

    table = {"provider": world.provider, "receiver": world.receiver, "weight": world.spread * world.amount}
    eco = Ecosystem.from_ties(table)
    ledger = reliance(eco, "o", lenses=[by], by=by, top=len(eco), leak=world.leak, intervals="none")
    return dict(ledger.table.select("id", by).iter_rows())


def drawn(world: World, size: int, rng: np.random.Generator) -> pl.DataFrame:
    """Ties of one sample: a Poisson number of events, amounts exponential."""
    count = rng.poisson(size * world.spread)
    seen = count > 0
    rows = np.repeat(np.arange(count.size), count)
    amount = rng.exponential(world.amount[rows])
    frame = pl.DataFrame({"provider": world.provider, "receiver": world.receiver, "count": count})
    sums = {"weight": np.bincount(rows, amount, count.size), "weight_sq": np.bincount(rows, amount**2, count.size)}
    return frame.with_columns(**{name: pl.Series(values) for name, values in sums.items()}).filter(pl.Series(seen))


def one_cell(shape: str, by: str, size: int, draws: int, seed: int) -> dict[str, Any]:
    """How often all rank intervals, and how often single limits, contain the truth."""
    from ecograph import EcographError, Ecosystem, reliance

    world = SHAPES[shape](np.random.default_rng(7))
    true, rng = truth(world, by), np.random.default_rng(seed)
    ranks, limits, widths, lost = [], [], [], 0
    for _ in range(draws):
        eco = Ecosystem.from_ties(drawn(world, size, rng))
        try:
            ledger = reliance(eco, "o", lenses=[by], by=by, top=TOP, leak=world.leak, seed=int(rng.integers(2**31)))
        except EcographError:
            lost += 1
            continue
        rows = ledger.table.select("id", "rank_low", "rank_high", f"{by}_low", f"{by}_high").rows()
        seen = [true[id] for id in _seen(eco, ledger.n_candidates, true)]
        right = [_holds(true[id], seen, low, high) for id, low, high, _, _ in rows]
        ranks.append(all(right))
        limits += [low <= true[id] <= high for id, _, _, low, high in rows]
        widths += [high - low for _, low, high, _, _ in rows]
    return {
        "shape": shape, "by": by, "events": size, "draws": len(ranks), "lost": lost, "ranks": float(np.mean(ranks)),
        "limits": float(np.mean(limits)), "width": float(np.mean(widths)), "candidates": len(true),
    }  # fmt: skip


def _holds(value: float, all_values: list[float], low: int, high: int) -> bool:
    """Are all ranks that equal ones share inside?"""
    first = 1 + sum(v > value * (1 + 1e-9) for v in all_values)
    return low <= first and sum(v >= value * (1 - 1e-9) for v in all_values) <= high


def _seen(eco: Any, n: int, true: dict[str, float]) -> list[str]:
    """Candidates of this sample: ranks speak of those."""
    from ecograph import reliance

    if n == len(true):
        return list(true)
    return list(reliance(eco, "o", lenses=["direct"], by="direct", top=len(eco), intervals="none").table["id"])


def cells(draws: int) -> Iterator[dict[str, Any]]:
    """Every shape, lens and size, two at a time."""
    asked = [(shape, by, size) for shape in SHAPES for by in LENSES for size in SIZES]
    asked = [cell for cell in asked if not (cell[0] == "star" and cell[1] != "direct")]  # one step: the same question
    with ProcessPoolExecutor(2) as pool:
        jobs = [pool.submit(one_cell, *cell, draws, 1_000 + i) for i, cell in enumerate(asked)]
        for job in jobs:
            yield job.result()
