"""The generated world: what it promises about its rows, and the ranking that was planted in it."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import ecograph
from ecograph.datasets import GojekWorld, generate_gojek, gojek_facts, gojek_plan, load, write
from ecograph.errors import EcographError

SMALL = 1e-6  # two or three people of each role and region
EVENTS_OF_SEED_7 = "c1c09eeef7217fb736b49bce71eed81867e6f94cda669a5f40a29b281dc99044"


@pytest.fixture(scope="module")
def world() -> GojekWorld:
    return generate_gojek(seed=7)


def total(frame: pl.DataFrame, column: str) -> float:
    return float(frame[column].sum())


def digest(frame: pl.DataFrame) -> str:
    return hashlib.sha256(frame.write_csv().encode()).hexdigest()


def test_the_same_seed_gives_the_same_rows_on_any_numpy(world: GojekWorld) -> None:
    assert digest(world.events) == EVENTS_OF_SEED_7
    assert digest(generate_gojek(seed=8).events) != EVENTS_OF_SEED_7


def test_proportions_come_from_the_published_counts(world: GojekWorld) -> None:
    facts = load("case_facts")

    def fact(case: str, metric: str, as_of: str) -> float:
        return float(facts.filter(case=case, metric=metric, as_of=as_of)["value"].item())

    size = dict(world.participants.group_by("role").len().rows())
    assert size["driver"] == 5e-5 * fact("gojek", "drivers", "2020-11")
    assert size["merchant"] == 5e-5 * fact("gojek", "merchants", "2020-11")
    assert size["customer"] == 5e-5 * fact("goto", "monthly active users", "2020-12")
    kinds = dict(world.events.group_by("kind").len().rows())
    months = 4
    assert kinds["food"] == months * 5e-5 * fact("gojek", "GoFood completed orders a month", "2019-12")
    orders = sum(kinds[kind] for kind in ("food", "ride", "parcel", "home"))
    assert orders == months * 5e-5 * fact("goto", "transactions", "2020") / 12
    turnover = total(world.events, "fare") + total(world.events, "basket")
    technology = total(world.events.filter(kind="technology"), "price")
    assert technology / turnover == pytest.approx(5.5 / 150.5, rel=0.05)  # 610 bills, each within a third: 1.5 %
    fuel = world.events.filter(kind="fuel")["price"]
    assert (fuel % 645 == 0).all()  # tenths of a litre at the published 6,450


def test_every_published_row_used_is_cited(world: GojekWorld) -> None:
    facts = load("case_facts")
    cited = [line.strip() for line in world.source.splitlines() if line.startswith("        go") or "bbm," in line]
    assert len(cited) == 9
    rows = {f"{r['case']}, {r['metric']}, {r['as_of']}: {r['value']} {r['unit']} ({r['source_and_note']})"
            for r in facts.to_dicts()}  # fmt: skip
    assert set(cited) <= rows


def test_four_months_and_three_tiers(world: GojekWorld) -> None:
    times = world.events["time"]
    assert times.is_sorted()
    assert times.dt.strftime("%Y-%m").unique().sort().to_list() == ["2020-09", "2020-10", "2020-11", "2020-12"]
    assert world.events["event"].to_list() == list(range(1, world.events.height + 1))
    direct = set(world.truth.filter(pl.col("direct") > 0)["role"])
    assert direct == {"driver", "merchant", "worker", "supplier"}
    assert {"wholesaler-1", "mill-1", "refinery-1", "fuel-1"} <= set(world.truth.filter(direct=0.0)["id"])


def test_amounts_have_the_mean_they_are_planned_to_have(world: GojekWorld) -> None:
    for flow in gojek_plan.flows(gojek_facts.published(), 5e-5):
        rows = world.events.filter(kind=flow.kind)
        for party, pool in flow.parties.items():
            rows = rows.filter(pl.col(party).is_in(list(pool.members)))
        assert rows.height == flow.events
        for amount, mean in flow.means.items():
            error = 0.3536 * mean / np.sqrt(flow.events)  # Pareto, shape 4: sd is sqrt(2/16) of the mean
            assert abs(total(rows, amount) / flow.events - mean) < 5 * error


def test_truth_has_the_closed_forms_of_the_plan() -> None:
    """Worked by hand: D, M, T are the shares of drivers, merchants and technology in what the platform gets."""
    truth = generate_gojek(SMALL).truth
    reach = dict(truth.select("id", "reach").rows())
    d = total(truth.filter(role="driver"), "direct")
    t = total(truth.filter(id="cloud-1"), "direct") / 0.45
    m = reach["wholesaler-3"] / 0.12
    assert m > total(truth.filter(role="merchant"), "direct")  # the platform's own kitchens rely on wholesalers too
    assert d + m + t + total(truth.filter(role="worker"), "direct") == pytest.approx(1, abs=1e-10)
    planted = {
        "fuel-1": d * 0.60 * 0.75,
        "refinery-1": d * 0.60 * (0.75 * 0.90 + 0.25 * 0.70),
        "bank-2": d * 0.28 * (0.92 * 0.15 + 0.08),
        "wholesaler-1": m * 0.62,
        "mill-1": m * (0.62 * 0.52 + 0.26 * 0.55),
        "farm-2": m * (0.26 * 0.45 + 0.12),
        "cloud-1": t * 0.45 + d * 0.12 * 0.70 * 0.40,  # telecom-1 buys from it
        "telecom-1": t * 0.45 * 0.50 + d * 0.12 * 0.70,  # and it from telecom-1: a cycle
    }
    for name, expected in planted.items():
        assert reach[name] == pytest.approx(expected, abs=1e-11), name


def test_what_the_platform_owns_is_no_external_resource(world: GojekWorld) -> None:
    owned = world.participants.filter(owner="gojek")
    assert set(owned["role"]) == {"supplier", "merchant"}
    assert not set(owned["id"]) & set(world.truth["id"])
    popular = world.events["merchant"].value_counts(sort=True)["merchant"].drop_nulls().head(5)
    assert {f"merchant:{number}" for number in popular} & set(owned["id"])  # it would rank high if it weren't owned


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_planted_ranking_is_recovered_from_the_log(tmp_path: Path, seed: int) -> None:
    folder = write("gojek", tmp_path, seed=seed)
    truth = pl.read_csv(folder / "truth.csv")
    eco = ecograph.read_events(folder / "events.parquet", mapping=folder / "mapping.toml")
    ranked = {lens: ecograph.reliance(eco, "gojek", by=lens, top=10).table for lens in ("reach", "direct")}
    planted = truth.head(10)
    assert ranked["reach"]["id"].to_list() == planted["id"].to_list()
    np.testing.assert_allclose(ranked["reach"]["reach"], planted["reach"], rtol=0.15)  # 1,000 events or more a share
    assert ranked["direct"]["id"].to_list()[:3] == truth.sort("rank_direct")["id"].to_list()[:3]
    assert not set(ranked["reach"]["id"][:9]) & set(ranked["direct"]["id"])  # nine of ten have no direct tie at all


def test_parquet_and_csv_give_the_same_ties(tmp_path: Path) -> None:
    folder = generate_gojek(SMALL, seed=3).write(tmp_path, csv=True)
    read = [
        ecograph.read_events(folder / name, mapping=folder / "mapping.toml")
        for name in ("events.parquet", "events.csv")
    ]
    assert read[0].tie_bytes() == read[1].tie_bytes()
    assert {path.name for path in folder.iterdir()} == {
        "events.parquet", "events.csv", "participants.parquet", "mapping.toml", "truth.csv", "SOURCE.txt"}  # fmt: skip


def test_attributes_and_months_arrive(tmp_path: Path) -> None:
    folder = write("gojek", tmp_path, scale=SMALL)
    eco = ecograph.read_events(folder / "events.parquet", mapping=folder / "mapping.toml")
    got = eco.participants.select("id", "role", "group", "owner", "pillar", "region").sort("id")
    seen = pl.read_parquet(folder / "participants.parquet").sort("id")
    assert got.equals(seen)
    assert len(eco.periods) == 4


@pytest.mark.parametrize("dirty", [0.01, 0.3])
def test_spoiled_rows_are_counted_by_reason(tmp_path: Path, dirty: float) -> None:
    world = generate_gojek(SMALL, seed=5, dirty=dirty)
    clean = generate_gojek(SMALL, seed=5).events
    assert world.events.select(pl.all().is_null()).equals(clean.select(pl.all().is_null()))
    folder = world.write(tmp_path, csv=True)
    assert sum(world.spoiled.values()) == round(dirty * world.events.height) > 0
    for name in ("events.csv", "events.parquet"):
        report = ecograph.check_events(folder / name, mapping=folder / "mapping.toml")
        assert report.reasons == world.spoiled
        assert (report.rows, report.quarantined) == (world.events.height, sum(world.spoiled.values()))


def test_nothing_is_spoiled_unless_asked(world: GojekWorld) -> None:
    assert world.spoiled == {}
    assert world.events.schema["price"] == pl.Int64


@pytest.mark.parametrize(("scale", "dirty"), [(0.0, 0.0), (-1.0, 0.0), (float("nan"), 0.0), (1e-6, 1.5), (1e-6, -0.1)])
def test_values_out_of_range_are_refused(scale: float, dirty: float) -> None:
    with pytest.raises(EcographError, match="scale"):
        generate_gojek(scale, dirty=dirty)
