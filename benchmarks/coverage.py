"""Do intervals hold what they promise? Ecosystems of known truth, each sampled 500 times.

    python -m benchmarks.coverage [--draws 500]        (make coverage)

Each draw is one sample of events. Rank intervals of a draw hold when *all* candidates' contain their true rank; where
true values are equal, all the ranks that they share. Writes docs/coverage.md and benchmarks/coverage.json.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ecograph import EcographError, Ecosystem, reliance
from ecograph.atomic import atomic_path
from ecograph.provenance import versions

ROOT = Path(__file__).resolve().parents[1]
LENSES = ("direct", "rooted", "reach")
ALL = 1_000  # more than there are candidates
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
    eco = Ecosystem.from_ties(
        {"provider": world.provider, "receiver": world.receiver, "weight": world.spread * world.amount}
    )
    ledger = reliance(eco, "o", lenses=[by], by=by, top=ALL, leak=world.leak, intervals="none")
    return dict(ledger.table.select("id", by).iter_rows())


def sample(world: World, size: int, rng: np.random.Generator) -> Ecosystem:
    """One sample: a Poisson number of events a tie, exponential amounts."""
    count = rng.poisson(size * world.spread)
    rows = np.repeat(np.arange(count.size), count)
    amount = rng.exponential(world.amount[rows])
    table = {
        "provider": world.provider, "receiver": world.receiver, "count": count,
        "weight": np.bincount(rows, amount, count.size), "weight_sq": np.bincount(rows, amount**2, count.size),
    }  # fmt: skip
    return Ecosystem.from_ties(pl.DataFrame(table).filter(pl.col("count") > 0))


def bursts(share: NDArray[np.float64], clustered: bool, rng: np.random.Generator) -> Ecosystem:
    """Customers come in bursts: 300 of them, each with one provider and one level of spending for some five events."""
    customers = 300
    provider, events = rng.choice(share.size, customers, p=share), 1 + rng.poisson(4.0, customers)
    customer = np.repeat(np.arange(customers), events)
    amount = rng.exponential(rng.lognormal(0.0, 0.8, customers)[customer])
    frame = pl.DataFrame({"provider": provider[customer], "cluster": customer, "amount": amount})
    keys = ["provider", "cluster"] if clustered else ["provider"]
    sums = frame.group_by(keys, maintain_order=True).agg(
        weight=pl.col("amount").sum(), weight_sq=(pl.col("amount") ** 2).sum(), count=pl.len()
    )
    return Ecosystem.from_ties(
        sums.with_columns(pl.format("k{}", "provider").alias("provider"), pl.lit("o").alias("receiver"))
    )


def tally(draws: Iterator[tuple[Ecosystem, float, int]], by: str, true: dict[str, float]) -> dict[str, Any]:
    """How often all rank intervals of a draw, and how often single limits, contain the truth."""
    ranks, limits, widths, lost = [], [], [], 0
    for eco, leak, seed in draws:
        try:
            ledger = reliance(eco, "o", lenses=[by], by=by, top=ALL, leak=leak, seed=seed)
        except EcographError:
            lost += 1
            continue
        rows = ledger.table.select("id", "rank_low", "rank_high", f"{by}_low", f"{by}_high").rows()
        values = np.array([true[id] for id, *_ in rows])
        ranks.append(all(_holds(true[id], values, low, high) for id, low, high, _, _ in rows))
        limits += [low <= true[id] <= high for id, _, _, low, high in rows]
        widths += [(high - low) / len(rows) for _, low, high, _, _ in rows]
    return {"draws": len(ranks), "lost": lost, "ranks": float(np.mean(ranks)), "limits": float(np.mean(limits)),
            "width": float(np.mean(widths)), "candidates": len(true)}  # fmt: skip


def _holds(value: float, seen: NDArray[np.float64], low: int, high: int) -> bool:
    """Are all ranks that equal ones share inside?"""
    return bool(low <= 1 + (seen > value * (1 + 1e-9)).sum() and (seen >= value * (1 - 1e-9)).sum() <= high)


def one_cell(shape: str, by: str, size: int, draws: int, seed: int) -> dict[str, Any]:
    """One row of the table; ``bursts`` has two, with and without telling which events belong together."""
    rng = np.random.default_rng(seed)
    if shape.startswith("bursts"):
        share = np.array([4.0] * 5 + [2.0] * 5 + [1.0] * 10) / 40.0
        true = {f"k{i}": float(s) for i, s in enumerate(share)}
        found = tally(((bursts(share, "customer" in shape, rng), 0.0, d) for d in range(draws)), by, true)
    else:
        world = SHAPES[shape](np.random.default_rng(7))
        found = tally(((sample(world, size, rng), world.leak, d) for d in range(draws)), by, truth(world, by))
    return {"world": shape, "by": by, "events": size, **found}


def cells(draws: int) -> Iterator[dict[str, Any]]:
    """Every world, lens and size, two at a time."""
    asked = [(shape, by, size) for shape in SHAPES for by in LENSES for size in SIZES]
    asked = [cell for cell in asked if cell[0] != "star" or cell[1] == "direct"]  # one step: the same question
    asked += [("bursts, events alone", "direct", 75), ("bursts, customers", "direct", 75)]
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:  # forks of threads can die
        jobs = [pool.submit(one_cell, *cell, draws, 1_000 + i) for i, cell in enumerate(asked)]
        for job in jobs:
            yield job.result()


def page(rows: list[dict[str, Any]], draws: int) -> str:
    """docs/coverage.md."""
    lines = [
        "# Coverage of the intervals",
        "",
        f"Written by `make coverage` (`benchmarks/coverage.py`): {draws} samples of events from each world of known",
        "truth. *Ranks*: share of samples in which the 95 % rank intervals of *all* candidates contain the true ranks.",
        "*Limits*: share of single 95 % limits that contain the true value. *Width*: mean of rank_high - rank_low as a",
        "share of candidates. Amounts are exponential, with means 1, 3 or 9: many true values are equal, which rank",
        "intervals find hardest.",
        "",
        "| world | lens | events a tie | ranks | limits | width |",
        "|---|---|---|---|---|---|",
        *(
            f"| {r['world']} | {r['by']} | {r['events']} | {r['ranks']:.1%} | {r['limits']:.1%} | {r['width']:.2f} |"
            for r in rows
        ),
        "",
        *_reading(rows),
    ]
    return "\n".join(lines) + "\n"


def _reading(rows: list[dict[str, Any]]) -> list[str]:
    """What the table says, in numbers taken from it."""
    plain = [r for r in rows if not r["world"].startswith("bursts")]
    enough, few = [r for r in plain if r["events"] >= 5], [r for r in plain if r["events"] < 5]
    alone, together = (next(r for r in rows if r["world"] == f"bursts, {w}") for w in ("events alone", "customers"))
    return [
        f"- From 5 events a tie on, rank intervals cover in {_least(enough, 'ranks')} or more, single limits in "
        f"{_least(enough, 'limits')} or more.",
        f"- With 2 events a tie they cover in {_least(few, 'ranks')} or more, single limits in "
        f"{_least(few, 'limits')} or more: limits are too narrow there, and a Ledger says which share of chains that "
        "concerns.",
        f"- Where 300 customers come in bursts, events taken as independent give {alone['ranks']:.1%} and "
        f"{alone['limits']:.1%}; told which events belong to a customer (`cluster=`), {together['ranks']:.1%} and "
        f"{together['limits']:.1%}.",
        "- All-pairs intervals are cautious where values differ: they promise that no pair is told apart wrongly, so "
        "that most ranks hold far more often than 95 %.",
    ]


def _least(rows: list[dict[str, Any]], what: str) -> str:
    return f"{min(r[what] for r in rows):.1%}"


def main() -> None:
    """Run all, show a row as it comes, write both files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=500)
    draws = parser.parse_args().draws
    rows = []
    for row in cells(draws):
        rows.append(row)
        print(row, flush=True)
    facts = {"draws": draws, "versions": versions(), "rows": rows}
    with atomic_path(ROOT / "benchmarks" / "coverage.json") as path:
        path.write_text(json.dumps(facts, indent=1) + "\n")
    with atomic_path(ROOT / "docs" / "coverage.md") as path:
        path.write_text(page(rows, draws))


if __name__ == "__main__":
    main()
