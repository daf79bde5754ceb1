"""Ties cut by cluster: coded and summed exactly, kept by every way in and out, and invisible to every lens."""

from __future__ import annotations

import inspect
from collections import defaultdict
from collections.abc import Callable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import ecograph.metrics as library
from ecograph.clusters import cluster_codes, pool
from ecograph.ecosystem import Ecosystem
from ecograph.errors import EcographError, TieTableError
from ecograph.ledger import Ledger
from ecograph.metrics import intervals
from ecograph.metrics.clusters import tie_parts
from ecograph.metrics.rank_intervals import Spread, from_covariance
from ecograph.metrics.reliance import reliance
from tests.compare import assert_same
from tests.metrics.test_intervals import LENSES
from tests.reference.clusters import cluster_covariance
from tests.strategies import UNITS, ecosystems, ids, tie_tables

Tables = tuple[pl.DataFrame, pl.DataFrame]
KEYS = ("receiver", "provider", "relation", "period", "cluster")


def by_hash(names: set[str]) -> list[str]:
    return sorted(names, key=lambda name: (xxhash.xxh64_intdigest(name.encode()), name.encode()))


# Exact reference


@settings(max_examples=25)
@given(tie_tables(clusters=True))
def test_parts_are_summed_as_exact_fractions_would_be(tables: Tables) -> None:
    rows = tables[0].iter_rows(named=True)
    told = [row | {"cluster": (row["cluster"] or "").strip() or None} for row in rows]
    order = by_hash({row["cluster"] for row in told if row["cluster"]})
    merged: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    for row in told:
        code = None if row["cluster"] is None else order.index(row["cluster"])
        merged[row["provider"], row["receiver"], row.get("relation", "tie"), row.get("period"), code].append(row)
    table = Ecosystem.from_ties(*tables).tie_table()
    assert table.height == len(merged)
    for row in table.iter_rows(named=True):
        rows_here = merged[row["provider"], row["receiver"], row["relation"], row["period"], row["cluster"]]
        assert row["weight"] == float(sum(Fraction(r["weight"]) for r in rows_here))
        if "count" in row:
            assert row["count"] == sum(r["count"] for r in rows_here)
            assert row["weight_sq"] == float(sum(Fraction(r["weight_sq"]) for r in rows_here))


@given(st.lists(st.none() | ids() | st.just(" "), max_size=12))
def test_codes_are_ranks_by_hash_then_bytes(names: list[str | None]) -> None:
    told = [None if name is None or not name.strip() else name for name in names]
    order = by_hash({name for name in told if name is not None})
    expected = [-1 if name is None else order.index(name) for name in told]
    assert cluster_codes(pl.Series(names, dtype=pl.String)).tolist() == expected


@settings(max_examples=25)
@given(ecosystems(clusters=True))
def test_ties_are_sorted_by_cluster_last_and_none_is_parallel(eco: Ecosystem) -> None:
    keys = list(zip(*(eco.ties.columns[name] for name in KEYS), strict=True))
    assert all(a < b for a, b in pairwise(keys))


@settings(max_examples=25)
@given(ecosystems(clusters=True))
def test_parts_say_which_tie_and_which_cluster(eco: Ecosystem) -> None:
    found = tie_parts(eco)
    whole = list(zip(*(found.eco.ties.columns[name] for name in KEYS[:4]), strict=True))
    for e, key in enumerate(zip(*(eco.ties.columns[name] for name in KEYS), strict=True)):
        assert whole[found.tie[e]] == key[:4]
        assert (found.code[found.cluster[e]] if found.cluster[e] >= 0 else -1) == key[4]
    assert found.parts is eco.ties
    assert found.code.tolist() == sorted({int(c) for c in eco.ties.columns["cluster"]} - {-1})


# Order, and every way in and out


@given(tie_tables(clusters=True), st.randoms(use_true_random=False))
def test_permuted_rows_give_the_same_bytes(tables: Tables, random: Any) -> None:
    ties, participants = tables
    order = random.sample(range(ties.height), ties.height)
    assert_same(Ecosystem.from_ties(ties[order], participants), Ecosystem.from_ties(*tables))


def _saved(eco: Ecosystem, folder: Path) -> Ecosystem:
    eco.save(folder / "eco", overwrite=True)
    return Ecosystem.load(folder / "eco")


def _graphml(eco: Ecosystem, folder: Path) -> Ecosystem:
    eco.to_graphml(folder / "eco.graphml", overwrite=True)
    return Ecosystem.from_graphml(folder / "eco.graphml")


WAYS: dict[str, Callable[[Ecosystem, Path], Ecosystem]] = {
    "table": lambda eco, _: Ecosystem.from_ties(
        eco.tie_table(), eco.participants, relations=eco.relations if len(eco.ties) else None
    ),
    "save": _saved,
    "networkx": lambda eco, _: Ecosystem.from_networkx(eco.to_networkx()),
    "graph-tool": lambda eco, _: Ecosystem.from_graph_tool(eco.to_graph_tool()),
    "graphml": _graphml,
}


@pytest.mark.parametrize("way", WAYS)
@settings(max_examples=10)
@given(eco=ecosystems(clusters=True))
def test_clusters_come_back(way: str, tmp_path_factory: pytest.TempPathFactory, eco: Ecosystem) -> None:
    if way.startswith("graph"):
        pytest.importorskip("graph_tool", reason="graph-tool isn't installed, so there is no graph to go through")
    back = WAYS[way](eco, tmp_path_factory.getbasetemp())
    assert back.tie_bytes() == eco.tie_bytes()
    assert back.ties.cluster is not None


@settings(max_examples=20)
@given(ecosystems(clusters=True, dated=True))
def test_views_keep_clusters_and_their_codes(eco: Ecosystem) -> None:
    views: list[Callable[[Ecosystem], Ecosystem]] = [lambda e: e.window("1970-02-01")]
    views += [lambda e, r=r: e.relation(r.name) for r in eco.relations]  # type: ignore[misc]
    views += [lambda e, r=r: e.role(r) for r in eco.participants["role"].drop_nulls().unique()]  # type: ignore[misc]
    views += [lambda e: e.without(e.ids[0])] * bool(len(eco))
    for view in views:
        try:
            seen = view(eco)
        except EcographError:
            continue  # nothing in that window
        assert seen.ties.cluster is not None
        assert_same(seen.pooled, view(eco.pooled))
        kept = seen.tie_table().join(eco.tie_table(), on=seen.tie_table().columns, nulls_equal=True)
        assert kept.height == len(seen.ties)


# What pooling is, and that lenses look at nothing else


@settings(max_examples=25)
@given(tie_tables(clusters=True))
def test_pooled_ties_are_those_without_clusters_to_rounding(tables: Tables) -> None:
    ties, participants = tables
    eco, plain = Ecosystem.from_ties(ties, participants), Ecosystem.from_ties(ties.drop("cluster"), participants)
    assert eco.pooled.ties.cluster is None
    for name, values in plain.ties.columns.items():
        got = eco.pooled.ties.columns[name]
        if name.startswith("weight"):  # each of the at most 7 parts is rounded once, and so is their sum
            sizes = Ecosystem.from_ties(ties.drop("cluster").with_columns(pl.col(name).abs()), participants)
            assert_allclose(got, values, rtol=0, atol=8 * 2.0**-53 * float(sizes.ties.columns[name].max(initial=0)))
        else:
            assert_array_equal(got, values)
    assert plain.pooled is plain


def test_a_refund_is_set_off_within_its_tie_whichever_cluster_it_is_in() -> None:
    table = {"provider": ["a", "a", "b"], "receiver": ["o"] * 3, "weight": [5.0, -2.0, 1.0], "cluster": ["x", "y", "x"]}
    eco = Ecosystem.from_ties(table)
    assert pool(eco.ties).weight.tolist() == eco.pooled.ties.weight.tolist()
    assert sorted(eco.pooled.ties.weight) == [1.0, 3.0]
    assert eco.active.all()
    assert reliance(eco, "o").table.filter(id="a")["direct"].item() == 0.75
    assert "2 that cut 2 ties into 3 parts" in repr(eco)
    assert "set aside" not in repr(eco)


@settings(max_examples=25)
@given(ecosystems(clusters=True))
def test_a_part_is_active_where_its_tie_is(eco: Ecosystem) -> None:
    found = tie_parts(eco)
    assert_array_equal(eco.active, found.eco.active[found.tie])


def told(value: Any) -> Any:
    """What a metric answers, as arrays and text."""
    if isinstance(value, Ledger):
        points = [name for name in value.table.columns if name in ("id", *value.lenses)]
        return value.table.select(points).to_dict(as_series=False)
    if isinstance(value, pl.DataFrame):
        return value.to_dict(as_series=False)
    if hasattr(value, "__dataclass_fields__"):
        fields = [name for name in value.__dataclass_fields__ if name != "provenance"]  # it knows the time of day
        return {name: told(getattr(value, name)) for name in fields}
    return value


def answers(metric: Callable[..., Any], eco: Ecosystem) -> Any:
    names = inspect.signature(metric).parameters
    first, last = eco.ids[0], eco.ids[-1]
    known = {"conductor": first, "conductors": [first], "closures": [first], "closure": first, "removed": [last]}
    known |= {"eps": 0.3} if "delta" in names else {}
    known |= {"relation_weights": {r.name: 1.0 for r in eco.relations}}
    try:
        return told(metric(eco, **{name: value for name, value in known.items() if name in names}))
    except EcographError as error:
        return type(error).__name__, str(error).replace(f"{len(eco.ties):,} ties", f"{len(eco.pooled.ties):,} ties")


METRICS = [
    name
    for name in library.__all__
    if inspect.isfunction(getattr(library, name))
    and next(iter(inspect.signature(getattr(library, name)).parameters)) == "eco"
]


@pytest.mark.parametrize("name", METRICS)
@settings(max_examples=8)
@given(tables=tie_tables(clusters=True, plain_ids=True, max_participants=6))
def test_no_metric_sees_clusters(name: str, tables: Tables) -> None:
    """Eighths add up exactly, so here not even rounding may differ."""
    ties, participants = tables
    ties = ties.with_columns((pl.col("weight").clip(-9, 1e4) * 8).round() / 8)
    kinds = ties["relation"].unique().sort() if "relation" in ties.columns else ["tie"]
    units: Any = {kind: unit for kind, (unit, _) in zip(kinds, UNITS, strict=False)}
    cut, plain = (Ecosystem.from_ties(table, participants, relations=units) for table in (ties, ties.drop("cluster")))
    if len(cut):
        metric = getattr(library, name)
        assert repr(answers(metric, cut)) == repr(answers(metric, plain))


# How estimates vary by cluster


@st.composite
def cut_ties(draw: st.DrawFn) -> tuple[list[Any], list[Any], list[float], list[int]]:
    """Parts of ties among p0 to p4, some of them refunds, some of no cluster; p0 has a provider."""
    ends = [(draw(st.integers(1, 4)), 0), *draw(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=6))]
    parts, clusters = [], []
    for i, j in dict.fromkeys(ends):
        here = draw(st.lists(st.sampled_from([0, 1, 2, 3]), min_size=1, max_size=3, unique=True))
        for c in here:
            parts.append((f"p{i}", f"p{j}", draw(st.sampled_from([1.0, 2.0, 7.0, 0.5, -0.25])), "r"))
            clusters.append(None if c == 3 else c)
    count = [draw(st.integers(1, 9)) for _ in parts]
    square = [w * w / n * draw(st.sampled_from([1.0, 1.5])) for (_, _, w, _), n in zip(parts, count, strict=True)]
    return parts, clusters, square, count


@pytest.mark.parametrize("by", ["direct", "rooted", "reach"])
@settings(max_examples=12)
@given(drawn=cut_ties())
def test_covariances_by_cluster_are_those_of_exact_derivatives(by: str, drawn: Any) -> None:
    parts, clusters, square, count = drawn
    table = pl.DataFrame(parts, schema=["provider", "receiver", "weight", "relation"], orient="row").with_columns(
        pl.Series("weight_sq", square), pl.Series("count", count), pl.Series("cluster", clusters, dtype=pl.Int64)
    )
    caught: list[Any] = []

    def catch(covariance: Any, seed: int) -> Spread:
        caught.append(covariance)
        return from_covariance(covariance, seed)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(intervals, "from_covariance", catch)
        try:
            ledger = reliance(Ecosystem.from_ties(table), "p0", by=by, top=9, restart=0.25, leak=0.1, tol=1e-13)
        except EcographError:
            return  # refunds left the conductor without providers
    covariance = cluster_covariance(parts, clusters, square, LENSES[by], ledger.table["id"].to_list(), 0.1)
    scale = max(float(covariance[k][k]) for k in range(len(covariance)))
    assert_allclose(caught[0], np.array(covariance, float), rtol=1e-5, atol=1e-6 * scale + 1e-18)


# Errors that teach


def _one(cluster: Any) -> dict[str, Any]:
    return {"provider": ["a"], "receiver": ["o"], "weight": [1.0], "cluster": [cluster]}


@pytest.mark.parametrize(
    ("cluster", "says"),
    [
        (1.5, "'cluster'.*is Float64; it has to be text, or a whole number below 2\\^31.*\n.*cast\\(pl.Int64\\)"),
        (2**31, "'cluster'.*is Int64; it has to be text, or a whole number below 2\\^31.*\n.*cast\\(pl.String\\)"),
        (-2, "'cluster'.*below -1 in 1 of 1 rows.*\n.*text to have names"),
        (True, "'cluster'.*is Boolean"),
    ],
)
def test_clusters_that_cannot_be_coded_are_refused(cluster: Any, says: str) -> None:
    with pytest.raises(TieTableError, match=says):
        Ecosystem.from_ties(_one(cluster))


@pytest.mark.parametrize("cluster", [None, -1, " "])
def test_blank_is_each_event_by_itself(cluster: Any) -> None:
    eco = Ecosystem.from_ties(_one(cluster))
    assert eco.ties.columns["cluster"].tolist() == [-1]
    assert eco.tie_table()["cluster"].to_list() == [None]
    assert Ecosystem.from_networkx(eco.to_networkx()).tie_bytes() == eco.tie_bytes()  # no edge carries an attribute


def test_parts_of_ties_without_clusters_are_refused() -> None:
    eco = Ecosystem.from_ties({"provider": ["a"], "receiver": ["o"], "weight": [1]})
    with pytest.raises(TieTableError, match=r'(?s)no clusters.*cluster="customer"'):
        tie_parts(eco)


def test_parts_that_add_up_beyond_a_float_are_refused() -> None:
    table = {"provider": ["a", "a"], "receiver": ["o", "o"], "weight": [1e308, 1e308], "cluster": ["x", "y"]}
    with pytest.raises(TieTableError, match="beyond what a float64 holds"):
        Ecosystem.from_ties(table)
