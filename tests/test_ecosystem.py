"""From tables to an ecosystem: one order, exact sums, errors that teach, nothing from data let loose."""

from __future__ import annotations

import subprocess
import sys
from collections import defaultdict
from datetime import date, datetime, timedelta, timezone
from fractions import Fraction
from html.parser import HTMLParser
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from ecograph.ecosystem import Ecosystem
from ecograph.errors import ParticipantError, TieTableError
from ecograph.html import escape, plain
from ecograph.schema import PARTICIPANTS, Relation
from ecograph.suggest import nearest, offer
from tests.compare import assert_same
from tests.strategies import ecosystems, ids, tie_tables

TIES = {"provider": ["a", "b", "a", "c"], "receiver": ["o", "o", "o", "c"], "weight": [1.0, 2.0, 0.5, -1.0]}
Tables = tuple[pl.DataFrame, pl.DataFrame]


# One order


@given(tie_tables(), st.randoms(use_true_random=False))
def test_permuted_rows_and_columns_give_the_same_bytes(tables: Tables, random: Any) -> None:
    ties, participants = tables
    order = random.sample(range(ties.height), ties.height)
    columns = random.sample(ties.columns, len(ties.columns))
    people = random.sample(range(participants.height), participants.height)
    assert_same(Ecosystem.from_ties(ties[order].select(columns), participants[people]), Ecosystem.from_ties(*tables))


@given(tie_tables())
def test_participants_are_ordered_by_hash_then_bytes(tables: Tables) -> None:
    ties, participants = tables
    everyone = {*ties["provider"], *ties["receiver"], *participants["id"]}
    expected = sorted(everyone, key=lambda id: (xxhash.xxh64_intdigest(id.encode()), id.encode()))
    assert Ecosystem.from_ties(ties, participants).ids.to_list() == expected


@given(ecosystems())
def test_ties_are_sorted_and_none_is_parallel(eco: Ecosystem) -> None:
    ties = eco.ties
    keys = list(zip(ties.receiver, ties.provider, ties.relation, ties.period, strict=True))
    assert keys == sorted(set(keys))


@given(tie_tables())
def test_parallel_rows_are_merged_as_exact_fractions_would_be(tables: Tables) -> None:
    merged: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    for row in tables[0].iter_rows(named=True):
        merged[row["provider"], row["receiver"], row.get("relation", "tie"), row.get("period")].append(row)
    table = Ecosystem.from_ties(*tables).tie_table()
    assert table.height == len(merged)
    for row in table.iter_rows(named=True):
        rows = merged[row["provider"], row["receiver"], row["relation"], row["period"]]
        assert row["weight"] == float(sum(Fraction(r["weight"]) for r in rows))
        if "count" in row:
            assert row["count"] == sum(r["count"] for r in rows)
            assert row["weight_sq"] == float(sum(Fraction(r["weight_sq"]) for r in rows))
        if "first" in row:
            assert row["first"] == min((r["first"] for r in rows if r["first"]), default=None)
            assert row["last"] == max((r["last"] for r in rows if r["last"]), default=None)


def test_sums_are_rounded_once() -> None:
    ties = {"provider": ["a"] * 3, "receiver": ["o"] * 3, "weight": [1e16, 1.0, -1e16]}
    assert Ecosystem.from_ties(ties).ties.weight.tolist() == [1.0]


@given(tie_tables())
def test_participants_keep_their_attributes(tables: Tables) -> None:
    eco = Ecosystem.from_ties(*tables)
    given_rows = {row["id"]: row for row in tables[1].iter_rows(named=True)}
    assert eco.participants.columns == list(PARTICIPANTS)
    for row in eco.participants.iter_rows(named=True):
        expected = dict.fromkeys(PARTICIPANTS) | given_rows.get(row["id"], {"id": row["id"]})
        assert row == expected


# Both indices


@given(ecosystems())
def test_both_indices_equal_a_dict_of_lists(eco: Ecosystem) -> None:
    into: dict[int, list[int]] = defaultdict(list)
    out: dict[int, list[int]] = defaultdict(list)
    for e in range(len(eco.ties)):
        into[int(eco.ties.receiver[e])].append(e)
        out[int(eco.ties.provider[e])].append(e)
    for i in range(len(eco)):
        assert list(range(eco.indptr[i], eco.indptr[i + 1])) == into[i]
        assert eco.out_rows[eco.out_ptr[i] : eco.out_ptr[i + 1]].tolist() == out[i]
    assert eco.indptr.size == eco.out_ptr.size == len(eco) + 1
    assert eco.indptr[-1] == eco.out_ptr[-1] == len(eco.ties)


@given(ecosystems())
def test_seen_and_active_are_what_they_say(eco: Ecosystem) -> None:
    ends = {*eco.ties.provider.tolist(), *eco.ties.receiver.tolist()}
    assert np.flatnonzero(eco.seen).tolist() == sorted(ends)
    rows = eco.tie_table().iter_rows(named=True)
    assert eco.active.tolist() == [row["weight"] > 0 and row["provider"] != row["receiver"] for row in rows]


def test_arrays_handed_out_are_read_only() -> None:
    eco = Ecosystem.from_ties(TIES | {"count": [1] * 4})
    arrays = [eco.indptr, eco.out_ptr, eco.out_rows, eco.seen, eco.active, *eco.ties.columns.values()]
    assert not any(array.flags.writeable for array in arrays)


# Ways in


@pytest.mark.parametrize("kind", [pl.DataFrame, lambda t: pl.LazyFrame(t), pa.table, lambda t: t])
def test_tables_come_in_many_kinds(kind: Any) -> None:
    people = {"id": ["z", "a"], "role": [" ", "driver"]}
    eco = Ecosystem.from_ties(kind(TIES), kind(people))
    assert_same(eco, Ecosystem.from_ties(pl.DataFrame(TIES), pl.DataFrame(people)))
    assert dict(eco.participants.select("id", "role").iter_rows()) == {
        "a": "driver", "b": None, "c": None, "o": None, "z": None
    }  # fmt: skip


def test_input_is_left_as_it_was() -> None:
    ties, weight = pl.DataFrame(TIES), np.array(TIES["weight"])
    Ecosystem.from_ties(ties)
    Ecosystem.from_ties(TIES | {"weight": weight})
    assert ties.equals(pl.DataFrame(TIES))
    assert weight.flags.writeable


def test_whole_number_ids_become_text_and_text_stays() -> None:
    eco = Ecosystem.from_ties({"provider": [12, 7], "receiver": ["0012", "12"], "weight": [1, 2.5]})
    assert sorted(eco.ids) == ["0012", "12", "7"]
    categorical = pl.DataFrame(TIES).with_columns(pl.col("provider").cast(pl.Categorical))
    assert_same(Ecosystem.from_ties(categorical), Ecosystem.from_ties(TIES))


def test_times_of_any_kind_become_microseconds_utc() -> None:
    jakarta = timezone(timedelta(hours=7))
    moments = [datetime(2024, 1, 1, 7, tzinfo=jakarta), datetime(2024, 1, 1)]
    starts = [[date(2024, 1, 1)], [moments[1]], [moments[0]]]
    periods = {Ecosystem.from_ties(_one(period=start)).periods for start in starts}
    assert periods == {(1_704_067_200_000_000,)}
    nanoseconds = pl.Series(moments[1:]).cast(pl.Datetime("ns"))
    assert Ecosystem.from_ties(_one(period=nanoseconds)).periods in periods


def test_relations_carry_unit_and_layer() -> None:
    ties = TIES | {"relation": ["ride", "pay", "ride", "pay"]}
    by_dict = Ecosystem.from_ties(ties, relations={"ride": "1", "pay": ("USD", "money"), "gift": "USD"})
    listed = (Relation("gift", "USD"), Relation("pay", "USD", "money"), Relation("ride"))
    assert by_dict.relations == listed
    assert_same(Ecosystem.from_ties(ties, relations=listed[::-1]), by_dict)
    assert Ecosystem.from_ties(ties).relations == (Relation("pay"), Relation("ride"))
    assert Ecosystem.from_ties(_one(relation=[None])).relations == (Relation("tie"),)


def test_an_ecosystem_may_be_empty() -> None:
    eco = Ecosystem.from_ties({"provider": [], "receiver": [], "weight": []})
    assert (len(eco), len(eco.ties), eco.indptr.tolist(), eco.out_ptr.tolist()) == (0, 0, [0], [0])
    assert repr(eco).startswith("Ecosystem of 0 participants and 0 ties")


# Errors that teach


def _one(**columns: Any) -> dict[str, Any]:
    return {"provider": ["a"], "receiver": ["o"], "weight": [1.0]} | columns


@pytest.mark.parametrize(
    ("ties", "says"),
    [
        ([1], "is a list"),
        ({"provder": ["a"], "receiver": ["o"], "weight": [1]}, "lacks 'provider'.*\n.*nearest columns: 'provder'"),
        (_one(wieght_sq=[1.0]), "can't keep: 'wieght_sq'.*\n.*nearest columns: 'weight_sq'"),
        (_one(receiver=[None]), "'receiver'.*null or blank in 1 of 1 rows"),
        (_one(provider=["\u2003\n"]), "'provider'.*null or blank"),
        (_one(provider=[1.0]), "'provider'.*is Float64.*\n.*cast\\(pl.Int64\\)"),
        (_one(weight=[None]), "'weight'.*null, NaN or infinite"),
        (_one(weight=[float("nan")]), "'weight'.*null, NaN or infinite"),
        (_one(weight=[float("-inf")]), "'weight'.*null, NaN or infinite"),
        (_one(weight=["1"]), "'weight'.*is String; it has to be a number"),
        (_one(weight=[True]), "'weight'.*is Boolean"),
        (_one(weight=[1, 2]), "differ in length: provider 1, receiver 1, weight 2"),
        (_one(provider=["\ud800"]), "'provider'.*can't be read"),
        (_one(count=[0]), "'count'.*null or below 1"),
        (_one(count=[None]), "'count'.*null or below 1"),
        (_one(count=[1.0]), "'count'.*is Float64; it has to be a whole number"),
        (_one(count=pl.Series([2**63], dtype=pl.UInt64)), "'count'.*is UInt64"),
        (_one(weight_sq=[-1.0]), "'weight_sq'.*below 0"),
        (_one(weight_sq=[None]), "'weight_sq'.*null, NaN or infinite.*\n.*leave the column"),
        (_one(first=[date(2024, 1, 2)], last=[date(2024, 1, 1)]), "'last'.*before 'first'"),
        (_one(period=["2024-01"]), "'period'.*is String; it has to be a date.*\n.*to_datetime"),
        ({k: v * 2 for k, v in _one().items()} | {"relation": ["x", None]}, "'relation'.*null or blank in 1 of 2"),
        (_one(weight=[1e308]) | {k: ["a"] * 2 for k in ("provider", "receiver")} | {"weight": [1.5e308] * 2}, "beyond"),
    ],
)
def test_bad_ties_are_refused(ties: Any, says: str) -> None:
    with pytest.raises(TieTableError, match=says):
        Ecosystem.from_ties(ties)


@pytest.mark.parametrize(
    ("participants", "says"),
    [
        ({"role": ["x"]}, "lacks 'id'"),
        ({"id": ["a", "b", "a"]}, "more than once in 2 of 3 rows \\(counted from 0: 0, 2\\)"),
        ({"id": [""]}, "null or blank"),
        ({"id": ["a"], "pillar": ["AI"]}, "Unknown pillar 'AI'.*\n.*nearest pillars: 'ai'"),
        ({"id": ["a"], "external_cost": [-1]}, "'external_cost'.*negative"),
        ({"id": ["a"], "external_demand": [-0.5]}, "'external_demand'.*negative"),
        ({"id": ["a"], "capacity": [float("inf")]}, "'capacity'.*NaN or infinite.*\n.*null means unknown"),
        ({"id": ["a"], "capacity": ["9"]}, "'capacity'.*is String"),
        ({"id": ["a"], "group": [1.5]}, "'group'.*is Float64"),
        ({"id": ["a"], "ownr": ["o"]}, "can't keep: 'ownr'.*\n.*nearest columns: 'owner'"),
    ],
)
def test_bad_participants_are_refused(participants: Any, says: str) -> None:
    with pytest.raises(TieTableError, match=says):
        Ecosystem.from_ties(TIES, participants)


@pytest.mark.parametrize(
    ("relations", "says"),
    [
        ({"orders": "USD"}, "doesn't list: 'order'.\n.*nearest relations: 'orders'"),
        ({"order": ("USD", "monye")}, "unknown layer 'monye'.\n.*nearest layers: 'money'"),
        ([Relation("order"), Relation("order", "USD")], "twice"),
    ],
)
def test_bad_relations_are_refused(relations: Any, says: str) -> None:
    with pytest.raises(TieTableError, match=says):
        Ecosystem.from_ties(_one(relation=["order"]), relations=relations)


@given(ecosystems())
def test_a_row_is_found_by_id(eco: Ecosystem) -> None:
    assert [eco.row_of(id) for id in eco.ids] == list(range(len(eco)))
    assert_array_equal(eco.rows_of(eco.ids.to_list()[::-1]), np.arange(len(eco))[::-1])


def test_an_unknown_id_gets_the_nearest_ones() -> None:
    eco = Ecosystem.from_ties(_one(provider=["driver:12"]))
    with pytest.raises(ParticipantError, match=r"No participant 'drivr:12' among 2.\n.*nearest ids: 'driver:12'"):
        eco.row_of("drivr:12")


def test_nearest_names_among_very_many() -> None:
    many = pl.Series([f"driver:{i}" for i in range(20_000)])
    assert nearest("drver:19999", many)[0] == "driver:19999"
    assert nearest("DRIVER:777", many, n=1) == ["driver:777"]
    assert offer("?", many, "ids").startswith("ids here: 'driver:0'")
    assert offer("?", []) == "there are no known here"


# For people to read


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, Any]] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.seen.append((tag, attrs))


@given(ids() | st.sampled_from(["<script>", "</td><b>", '"><img src=x>', "<!--", "&lt;b>"]))
def test_no_value_from_data_leaves_its_cell(text: str) -> None:
    ties = _one(relation=[text])
    eco = Ecosystem.from_ties(ties, {"id": ["a"], "role": [text]}, relations={text: text})
    tags = _Tags()
    tags.feed(eco._repr_html_())
    assert {tag for tag, _ in tags.seen} == {"div", "strong", "table", "tr", "th", "td"}
    assert all(attrs == [("class", "ecograph")] if tag == "div" else attrs == [] for tag, attrs in tags.seen)
    assert all(line.isprintable() for line in repr(eco).split("\n"))
    assert len(repr(eco).split("\n")) == 3


def test_scripts_and_terminal_codes_are_shown_as_text() -> None:
    assert escape("<script>alert('x')</script>") == "&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;"
    assert plain("\x1b[31m\u202e") == "\\x1b[31m\\u202e"
    assert plain("x" * 100, limit=5) == "xxxx…"
    eco = Ecosystem.from_ties(_one(), {"id": ["a"], "role": ["<script>alert(1)</script>"]})
    assert "<script" not in eco._repr_html_()


def test_repr_says_what_is_in_it() -> None:
    months = [date(2024, 1, 1), date(2024, 1, 1), date(2024, 2, 1), date(2024, 2, 1)]
    days = [datetime(2024, 1, 5), datetime(2024, 1, 9), None, datetime(2024, 2, 3, 12)]
    people = {"id": ["a", "b", "o"], "role": ["driver", "driver", "platform"]}
    eco = Ecosystem.from_ties(TIES | {"period": months, "first": days, "last": days}, people, relations={"tie": "IDR"})
    assert repr(eco).split("\n") == [
        "Ecosystem of 4 participants and 4 ties",
        "  roles: 2 driver, 1 platform, 1 without role",
        "  relations: tie [IDR, service] 4 ties",
        "  time: 2024-01-05 to 2024-02-03 12:00:00 UTC, 2 periods from 2024-01-01",
        "  set aside from lenses: 1 self-tie",
    ]
    assert "1 tie of weight 0 or less" in repr(Ecosystem.from_ties(_one(weight=[0])))
    many = {"id": [f"p{i}" for i in range(12)], "role": [f"r{i:02}" for i in range(12)]}
    assert "1 r06 and 5 more" in repr(Ecosystem.from_ties(_one(), many))


@given(tie_tables())
def test_tie_table_comes_back_as_it_went_in(tables: Tables) -> None:
    eco = Ecosystem.from_ties(*tables)
    assert_same(Ecosystem.from_ties(eco.tie_table(), eco.participants), eco)


def test_nothing_heavy_is_imported_before_it_is_asked_for() -> None:
    heavy = "{'graph_tool', 'networkx', 'matplotlib', 'cupy'} & set(sys.modules)"
    code = (
        f"import sys, ecograph; assert not ({heavy} | {{'pyarrow'}} & set(sys.modules)); "
        "eco = ecograph.Ecosystem.from_ties({'provider': ['a'], 'receiver': ['b'], 'weight': [1]}); "
        f"repr(eco); eco.without('a'); assert not {heavy}, {heavy}"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_events_come_in_by_the_one_way_of_reading_them() -> None:
    log = pl.DataFrame({"provider": ["a", "a"], "receiver": ["o", "o"], "amount": [0.1, 0.2]})
    assert Ecosystem.from_events(log).tie_table().select("weight", "count").rows() == [(0.3, 2)]
