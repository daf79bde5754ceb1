"""programmableweb: APIs serve mashups through the registry."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import polars as pl
import pytest

import ecograph
from ecograph import Ecosystem, Mapping, datasets
from ecograph.metrics import gini, hhi

USES, DISTINCT = 12_614, 12_564
TOP = {"/api/google-maps": 1_984, "/api/twitter": 671, "/api/youtube": 562, "/api/flickr": 474, "/api/facebook": 381,
       "/api/twilio": 311}  # fmt: skip


def read(need: Callable[[str], None], mapping: Mapping | None = None) -> Ecosystem:
    need("programmableweb")
    apis = datasets.load("programmableweb", "api_nodes_estimator.csv")
    return ecograph.read_events(
        datasets.path("programmableweb"),
        mapping=mapping or datasets.mapping("programmableweb"),
        participants=apis.select(id="url", group="c"),
    )


@pytest.fixture(scope="module")
def web(need: Callable[[str], None]) -> Ecosystem:
    return read(need)


@pytest.fixture(scope="module")
def uses(need: Callable[[str], None]) -> set[tuple[str, ...]]:
    need("programmableweb")
    return set(datasets.load("programmableweb").rows())


def test_counts_of_distinct_uses(web: Ecosystem, uses: set[tuple[str, ...]]) -> None:
    assert len(uses) == DISTINCT
    assert web.report is not None
    assert (web.report.rows, web.report.good, web.report.filtered) == (USES, DISTINCT, USES - DISTINCT)
    ties = web.tie_table()
    to_registry = ties.filter(receiver="programmableweb")
    assert (to_registry.height, to_registry["weight"].sum()) == (1_508, DISTINCT)
    to_mashups = ties.filter(provider="programmableweb")
    assert (to_mashups.height, to_mashups["weight"].sum()) == (6_071, DISTINCT)


def test_uses_counted_with_their_duplicates(need: Callable[[str], None]) -> None:
    """Published degrees count the 50 duplicates; dropping them is a choice that the mapping makes."""
    mapping = replace(Mapping.from_toml(datasets.mapping("programmableweb")), duplicates="keep")
    ties = read(need, mapping).tie_table().filter(receiver="programmableweb")
    assert dict(ties.sort("weight", descending=True).head(6).select("provider", "weight").rows()) == TOP


def test_what_the_registry_relies_on(web: Ecosystem, uses: set[tuple[str, ...]]) -> None:
    ledger = ecograph.reliance(web, "programmableweb", top=10)
    counted = Counter(api for _, api in uses).most_common(10)
    assert ledger.table["id"].to_list() == [api for api, _ in counted]
    assert ledger.table["direct"].to_list() == pytest.approx([n / DISTINCT for _, n in counted], abs=1e-15)
    assert ledger.table["direct"][0] == pytest.approx(0.1574, abs=5e-5)
    assert any("One-step ecosystem" in note for note in ledger.notes)


def test_concentration_of_apis(web: Ecosystem) -> None:
    registry = web.row_of("programmableweb")
    assert hhi(web)[registry] == pytest.approx(0.0352, abs=5e-5)
    assert gini(web)[registry] == pytest.approx(0.8004, abs=5e-5)


def test_names_with_quotes_stay_whole(web: Ecosystem) -> None:
    assert 'Mashup: GIPHY and Twilio "Text a GIF"' in set(web.ids)


def test_truly_active_apis(need: Callable[[str], None]) -> None:
    need("programmableweb")
    apis = datasets.load("programmableweb", "api_nodes_estimator.csv")
    active = apis.filter(pl.col("ac") == "True").height
    assert (active, apis.height) == (10_534, 23_579)
    assert active / apis.height == pytest.approx(0.447, abs=5e-4)
