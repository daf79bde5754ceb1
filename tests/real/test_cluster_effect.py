"""food_delivery_bayarea: the figures of docs/data/clusters.md are what the benchmark gives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from benchmarks import cluster_effect
from ecograph import datasets

PAGE = Path(__file__).parents[2] / "docs" / "data" / "clusters.md"


def shown() -> dict[str, list[float]]:
    lines = PAGE.read_text().split("| estimate |")[1].split("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {name: [float(value) for value in values] for name, *values in cells}


def test_the_page_shows_what_the_benchmark_gives(need: Callable[[str], None]) -> None:
    """NumPy may draw otherwise one day: each error is then sure to 1 / sqrt(1000) and the page's likewise."""
    need(cluster_effect.NAME)
    found = cluster_effect.table(500, 1)
    page = shown()
    assert list(page) == found["estimate"].to_list()
    for name, share, *errors in found.iter_rows():
        assert page[name][0] == pytest.approx(share, abs=1e-3)
        assert page[name][1:] == pytest.approx(errors, rel=5 * np.sqrt(2 / 1000))


def test_errors_are_those_of_the_delta_method_on_the_rows(need: Callable[[str], None]) -> None:
    """The drivers' share s = 6 n / T: a meal of m moves it by -s m / T, a trip by 6 (1 - s) / T."""
    need(cluster_effect.NAME)
    rows = datasets.load(cluster_effect.NAME)
    meal = rows["Order_total"].cast(pl.Float64).to_numpy()
    total = meal.sum() + 6 * meal.size
    share = 6 * meal.size / total
    by_meal, by_trip = -share * meal / total, 6 * (1 - share) / total
    moves = pl.DataFrame({"who": rows["Consumer_ID"], "move": by_meal + by_trip})
    by_customer = moves.group_by("who").sum()["move"].to_numpy()
    want = [
        np.sqrt((by_meal**2).sum() + meal.size * by_trip**2),
        np.sqrt(((by_meal + by_trip) ** 2).sum()),
        np.sqrt((by_customer**2).sum()),
    ]
    assert shown()["all drivers together"][1:] == pytest.approx([100 * float(value) for value in want], rel=0.12)
