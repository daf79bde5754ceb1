"""Clusters at reading: coded exactly, the same bytes for any order of rows, one cluster a row where asked for."""

from __future__ import annotations

import hashlib
import random
from collections import Counter, defaultdict
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

from ecograph import check_events, read_events
from ecograph.ecosystem import Ecosystem
from ecograph.errors import MappingError, MemoryLimitError
from ecograph.ingest.blocks import Blocks
from ecograph.ingest.clusters import NamedClusters, RowClusters
from ecograph.mapping import Amount, Endpoint, Filter, Mapping, TieRule, Time
from tests.compare import assert_same

ORDERS = Mapping(
    (
        TieRule(
            Endpoint("shop"), Endpoint("customer"), "meal", amount=Amount("price", decimal="."), via=Endpoint("via")
        ),
        TieRule(Endpoint("driver"), Endpoint("shop"), "pickup", where=(Filter("driver", "not null"),)),
    ),
    time=Time("when"), every="1d",
)  # fmt: skip
COLUMNS = ("shop", "driver", "customer", "price", "when", "via", "city")
Row = tuple[str, str, str, str, str, str, str]
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["s1", "s2", ""]), st.sampled_from(["d1", "d2", ""]), st.sampled_from(["ani", "budi", "s1"]),
        st.sampled_from(["1.10", "2.5", "-0.3", "1e-20", "x"]), st.sampled_from(["2020-01-01", "2020-01-02", ""]),
        st.sampled_from(["", "gojek"]), st.sampled_from(["Solo", " Solo ", "", "Semarang", "東京"]),
    ),
    min_size=1, max_size=20,
)  # fmt: skip


def frame(rows: list[Row]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=dict.fromkeys(COLUMNS, pl.String), orient="row")


def readable(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row[0] and row[3] != "x"]


def events(row: Row) -> list[tuple[str, str, str, float]]:
    """(provider, receiver, relation, amount) of a good row."""
    shop, driver, customer, price, _, via, _ = row
    ends = [(shop, via), (via, customer)] if via else [(shop, customer)]
    found = [(*pair, "meal", float(price)) for pair in ends]
    return found + [(driver, shop, "pickup", 1.0)] * bool(driver)


def read(rows: list[Row], **options: Any) -> Ecosystem:
    eco: Ecosystem = read_events(frame([*rows, *FINE]), mapping=ORDERS, **options)
    return eco


FINE: list[Row] = [(f"s{i}", "d1", "ani", "1.00", "2020-01-01", "", "Solo") for i in range(30)]  # most rows are good


# Exact reference


@settings(max_examples=30)
@given(ROWS)
def test_each_part_is_the_exact_sum_of_its_clusters_events(rows: list[Row]) -> None:
    good = readable([*rows, *FINE])
    names = {row[6].strip() for row in good} - {""}
    order = sorted(names, key=lambda name: (xxhash.xxh64_intdigest(name.encode()), name.encode()))
    want: dict[Any, list[Fraction]] = defaultdict(list)
    for row in good:
        code = order.index(row[6].strip()) if row[6] else None
        for provider, receiver, relation, amount in events(row):
            want[provider, receiver, relation, row[4] or None, code].append(Fraction(amount))
    eco = read(rows, cluster="city")
    table = eco.tie_table().with_columns(pl.col("period").dt.strftime("%Y-%m-%d"))
    keys = ["provider", "receiver", "relation", "period", "cluster"]
    got = {tuple(row[:5]): row[5:] for row in table.select(*keys, "weight", "count").iter_rows()}
    assert {key: n for key, (_, n) in got.items()} == {key: len(amounts) for key, amounts in want.items()}
    for key, amounts in want.items():
        size = float(sum(map(abs, amounts)))
        assert abs(Fraction(got[key][0]) - sum(amounts)) <= Fraction(size) * 22 * Fraction(2) ** -53
    assert eco.report is not None
    assert eco.report.clusters == len(order)
    blank = sum(not row[6] for row in good)
    notice = "city: rows without a cluster, whose events stand each by itself"
    assert eco.report.notices.get(notice, 0) == blank


@settings(max_examples=30)
@given(ROWS)
def test_with_rows_as_clusters_each_cluster_is_one_row(rows: list[Row]) -> None:
    rows = rows + rows[:3]  # some rows twice
    eco = read(rows, cluster="row")
    found: dict[int, Counter[Any]] = defaultdict(Counter)
    ties = eco.tie_table()
    for provider, receiver, relation, weight, n, code in ties.select(
        "provider", "receiver", "relation", "weight", "count", "cluster"
    ).iter_rows():
        found[code][provider, receiver, relation, weight] += n
    want = [Counter(events(row)) for row in readable([*rows, *FINE])]
    assert sorted(found) == list(range(len(want)))
    # an event twice in one row (a shop that is its own customer) is one part of count 2
    merged = [Counter({(*key[:3], key[3] * n): n for key, n in each.items()}) for each in want]
    assert Counter(frozenset(c.items()) for c in found.values()) == Counter(frozenset(c.items()) for c in merged)


# The same bytes


@pytest.mark.parametrize("cluster", ["city", "row"])
@settings(max_examples=20)
@given(rows=ROWS, shuffle=st.randoms(use_true_random=False), limit=st.sampled_from([None, 80_000]))
def test_order_of_rows_cannot_be_seen(cluster: str, rows: list[Row], shuffle: random.Random, limit: int | None) -> None:
    shuffled = shuffle.sample([*rows, *rows[:2], *FINE], len(rows) + len(rows[:2]) + len(FINE))
    one = read_events(frame(shuffled), mapping=ORDERS, cluster=cluster, memory_limit=limit)
    assert_same(one, read_events(frame([*rows, *rows[:2], *FINE]), mapping=ORDERS, cluster=cluster))


@pytest.mark.parametrize("cluster", ["city", "row"])
def test_blocks_files_and_the_disk_cannot_be_seen(
    cluster: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = random.Random(7)
    rows = [(f"s{rng.randrange(3)}", f"d{rng.randrange(3)}", f"c{rng.randrange(5)}", str(rng.random()),
             f"2020-01-0{rng.randrange(1, 3)}", "gojek", f"k{rng.randrange(4)}") for _ in range(2500)]  # fmt: skip
    frame(rows[:900]).write_csv(tmp_path / "a.csv")
    frame(rows[900:]).write_csv(tmp_path / "b.csv")
    spilled, close = set[bool](), Blocks.close

    def closing(self: Blocks) -> None:
        spilled.add(self.spilled > 0)
        close(self)

    monkeypatch.setattr(Blocks, "close", closing)
    ways: list[tuple[Any, dict[str, Any]]] = [
        (frame(rows), {}),
        ([tmp_path / "b.csv", tmp_path / "a.csv"], {"block_bytes": 4096}),
        (tmp_path / "*.csv", {"memory_limit": 150_000 if cluster == "city" else None, "block_bytes": 9999}),
    ]
    ecos = [read_events(source, mapping=ORDERS, cluster=cluster, **options) for source, options in ways]
    digests = {hashlib.sha256(eco.tie_bytes()).hexdigest() for eco in ecos}
    assert spilled == ({True, False} if cluster == "city" else {False})  # parts of rows take more than their events
    assert len(digests) == 1


def test_without_clusters_nothing_is_added() -> None:
    eco = read(FINE)
    assert eco.ties.cluster is None
    assert "cluster" not in eco.tie_table().columns
    assert eco.report is not None
    assert "clusters" not in eco.report.to_dict()
    assert read(FINE, cluster="city").pooled.tie_bytes() == eco.tie_bytes()


def test_repeated_rows_are_dropped_with_their_clusters() -> None:
    text = ORDERS.to_toml().replace('every = "1d"', 'every = "1d"\nduplicates = "drop"\ncluster = "city"')
    rows = [*FINE[:2], *FINE[:2], (*FINE[0][:6], "Semarang")]
    eco = read_events(frame(rows), mapping=text)
    assert eco.report is not None
    assert (eco.report.good, eco.report.filtered, eco.report.clusters) == (3, 2, 2)


# Where it is said


def test_a_mapping_names_the_cluster_and_the_call_has_the_last_word(tmp_path: Path) -> None:
    mapping = Mapping.from_toml(ORDERS.to_toml().replace('every = "1d"', 'every = "1d"\ncluster = "city"'))
    assert mapping.cluster == "city"
    assert "city" in mapping.columns
    assert Mapping.from_toml(mapping.to_toml()) == mapping
    said = read_events(frame(FINE), mapping=mapping)
    assert_same(said, read(FINE[:0], cluster="city"))
    by_row = read_events(frame(FINE), mapping=mapping, cluster="row")
    assert by_row.report is not None
    assert by_row.report.clusters == len(FINE)
    assert 'cluster = "row"' in by_row.provenance["mapping"]
    report = check_events(frame(FINE), mapping=mapping)
    assert report.clusters == 1
    assert "1 clusters" in str(report)
    assert report.to_dict()["clusters"] == 1


def test_padded_and_cased_names_of_clusters_are_mended_as_ids_are() -> None:
    log = pl.DataFrame({"provider": ["a"] * 4, "receiver": ["o"] * 4, "who": ["Ani", " ani ", "ani", None]})
    plain = read_events(log, cluster="who").tie_table()
    assert sorted(plain["count"]) == [1, 1, 2]
    text = '[[ties]]\nprovider = "provider"\nreceiver = "receiver"\n'
    folded = read_events(log, mapping="casefold = true\n" + text, cluster="who").tie_table()
    assert sorted(folded.select("cluster", "count").rows(), key=str) == [(0, 3), (None, 1)]
    numbers = read_events(log.with_columns(who=pl.Series([7, 7, 12, None])), cluster="who").tie_table()
    assert sorted(numbers["count"]) == [1, 1, 2]


# Errors that teach


def test_an_unknown_column_is_answered_with_the_nearest() -> None:
    with pytest.raises(MappingError, match=r"(?s)cluster: the table has no column 'custommer'.*'customer'"):
        read(FINE, cluster="custommer")


def test_a_column_of_dates_names_no_clusters() -> None:
    log = pl.DataFrame({"provider": ["a"], "receiver": ["o"], "day": [0]}, schema_overrides={"day": pl.Date})
    with pytest.raises(MappingError, match="cluster: the column 'day' is Date, which can't be read as an id"):
        read_events(log, cluster="day")


def test_row_is_ambiguous_beside_a_column_of_that_name() -> None:
    log = pl.DataFrame({"provider": ["a"], "receiver": ["o"], "row": ["x"]})
    with pytest.raises(MappingError, match=r"(?s)a column 'row'.*rename"):
        read_events(log, cluster="row")


def test_too_many_clusters_are_told() -> None:
    with pytest.raises(MemoryLimitError, match=r"(?s)more than 2 clusters.*coarser column"):
        NamedClusters(most=2).number(pl.Series(["a", "b", "c"]))
    with pytest.raises(MemoryLimitError, match=r"(?s)more than 2 rows.*coarser column"):
        RowClusters(most=2).number(pl.DataFrame({"who": ["a", "a", "a"]}))
    names = [(*FINE[0][:6], f"{i:040}") for i in range(3000)]
    with pytest.raises(MemoryLimitError, match="clusters"):
        read_events(frame(names), mapping=ORDERS, cluster="city", memory_limit=200_000)


def test_codes_of_rows_are_numbers_from_zero_whatever_the_batches() -> None:
    rows = pl.DataFrame({"who": [str(i % 7) for i in range(50)]})
    whole, cut = RowClusters(), RowClusters()
    whole.number(rows)
    numbers = [cut.number(rows[a : a + 9]) for a in range(0, 50, 9)]
    assert np.concatenate(numbers).tolist() == list(range(50))
    assert sorted(cut.finish().tolist()) == list(range(50))
    assert cut.finish().tolist() == whole.finish().tolist()
