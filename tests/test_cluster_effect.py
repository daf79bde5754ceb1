"""The benchmark of cluster resampling: closed forms on made-up orders, and the figures that the docs show."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from benchmarks import cluster_effect
from ecograph import Ecosystem, read_events
from ecograph.mapping import Mapping

N, REPLICATES = 400, 2000
NOISE = 0.08  # five standard errors of a standard error, 1 / sqrt(2 * REPLICATES)
ORDERS = Mapping.from_toml("""
[[ties]]
relation = "meal"
provider = { column = "shop", role = "shop", prefix = "" }
receiver = { constant = "o" }
amount = "price"
[[ties]]
relation = "delivery"
provider = { column = "driver", role = "driver", prefix = "" }
receiver = { constant = "o" }
""")


def orders(cluster: str | None) -> Ecosystem:
    """N orders of 12 at two shops, a driver worth 6 each; customers order four times, always at the same shop."""
    who = np.arange(N) // 4
    log = pl.DataFrame({"shop": np.where(who % 2, "s", "t"), "driver": "d", "price": 12.0, "who": who})
    return read_events(log, mapping=ORDERS, cluster=cluster)


def found(cluster: str | None) -> tuple[float, float]:
    """Standard errors of the share of shop s, 1/3, and of drivers, 1/3."""
    eco = orders(cluster)
    given = cluster_effect.inputs(eco, "o", {"meal": 1.0, "delivery": 6.0})
    drawn = cluster_effect.redrawn(given, len(eco), REPLICATES, np.random.default_rng(1))
    each, role = cluster_effect.errors(drawn, eco.participants["role"].eq_missing("driver").to_numpy())
    return float(each[eco.row_of("s")]), role


def test_errors_have_their_closed_forms() -> None:
    """Delta method: a share s = S / T moves by sum of (x_S - s x_T) / T over what is drawn together."""
    total = 18.0 * N
    # by event: meals at s move by 12 (1 - s), other meals by 12 s, trips by 6 s
    by_event = np.sqrt(N / 2 * 8.0**2 + N / 2 * 4.0**2 + N * 2.0**2) / total
    drivers = np.sqrt(N * (6.0 * 2 / 3) ** 2 + N * (12.0 / 3) ** 2) / total
    assert found(None) == pytest.approx((by_event, drivers), rel=NOISE)
    by_order = np.sqrt(N / 2 * 6.0**2 + N / 2 * 6.0**2) / total  # 12 - 18 / 3 at s, 18 / 3 elsewhere
    assert found("row") == pytest.approx((by_order, 0.0), rel=NOISE, abs=1e-12)
    assert found("who") == pytest.approx((2 * by_order, 0.0), rel=NOISE, abs=1e-12)  # four at a time: sqrt(4)


def test_without_the_data_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("ECOGRAPH_DATA", str(tmp_path / "absent"))
    monkeypatch.setattr("sys.argv", ["cluster_effect"])
    cluster_effect.main()
    assert "Nothing to measure on: The data set food_delivery_bayarea isn't here" in capsys.readouterr().out
