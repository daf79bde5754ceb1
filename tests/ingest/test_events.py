"""From rows to events: every row is good, filtered or bad; every decided case once."""

from __future__ import annotations

import os
from collections import Counter
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecograph.errors import AmbiguityError, MappingError
from ecograph.ingest.attributes import read_participants
from ecograph.ingest.events import EventBatch, events
from ecograph.ingest.quarantine import quarantine
from ecograph.ingest.source import Batch
from ecograph.ingest.watch import Watch
from ecograph.mapping import Amount, Endpoint, Filter, Mapping, TieRule, Time
from ecograph.schema import Relation
from ecograph.ties import NO_TIME

DATA = Path(os.environ.get("ECOGRAPH_DATA", "../shared/data"))
A, B = Endpoint("a"), Endpoint("b")
Row = tuple[str, str, str, Fraction | float, int]


def batch_of(frame: pl.DataFrame, first_line: int = 2) -> Batch:
    n = frame.height
    line = np.arange(first_line, first_line + n, dtype=np.int64)

    def raw(rows: Any) -> list[str]:
        return [repr(frame.row(int(row))) for row in rows]

    return Batch(frame, line, 10 * line, raw, quarantine("log.csv"), "log.csv", n)


def read(
    columns: dict[str, Any] | pl.DataFrame, *rules: TieRule, **more: Any
) -> tuple[EventBatch, tuple[Relation, ...], Any]:
    mapping = Mapping(rules or (TieRule(A, B),), **more)
    frame = pl.DataFrame(columns)
    mapping.check(dict(frame.schema))
    watch = Watch(mapping)
    found = events(batch_of(frame), mapping, watch)
    return found, *watch.finish()


def listed(found: EventBatch, relations: tuple[Relation, ...], rank: Any) -> list[tuple[int, Row]]:
    """(row, (provider, receiver, relation, amount, time)) of each event."""
    scale = found.scale.astype(int).tolist()
    amounts = [
        Fraction(m, 10**s) if s >= 0 else float(np.int64(m).view(np.float64))
        for m, s in zip(found.mantissa.tolist(), scale, strict=True)
    ]
    names = [relations[code].name for code in rank[found.relation]]
    ends = zip(found.provider, found.receiver, names, amounts, found.time.tolist(), strict=True)
    return list(zip(found.row.tolist(), ends, strict=True))


def ties(columns: dict[str, Any] | pl.DataFrame, *rules: TieRule, **more: Any) -> list[tuple[Any, ...]]:
    """(provider, receiver) of each event, with what differs from the default behind."""
    return [row[:2] for _, row in listed(*read(columns, *rules, **more))]


def test_ids_of_text_stay_text() -> None:
    ids = ["0012", "12", "１２", "سائق", "司机", 'O\'Brien "x"', "two\nlines", "nul\0id", "é", "e\u0301", "Ab", "aB"]
    assert [p for p, _ in ties({"a": ids, "b": ["r"] * len(ids)})] == ids


def test_ids_are_stripped_and_said() -> None:
    columns = {"a": [" x", "x", "\u00a0x\t"], "b": ["r"] * 3}
    found, *_ = read(columns)
    assert found.provider.to_list() == ["x"] * 3
    assert found.notices["a: ids stripped of blanks"] == 2
    assert ties(columns, strip=False) == [(" x", "r"), ("x", "r"), ("\u00a0x\t", "r")]


def test_case_is_kept_unless_folded() -> None:
    columns = {"a": ["Grab", "GRAB"], "b": ["r", "R"]}
    assert ties(columns) == [("Grab", "r"), ("GRAB", "R")]
    assert ties(columns, casefold=True) == [("grab", "r")] * 2
    assert ties(columns, TieRule(Endpoint("a", role="Firm"), B), casefold=True)[0] == ("Firm:grab", "r")


@pytest.mark.parametrize("missing", [None, "", "  ", "\u00a0", "NULL"])
@pytest.mark.parametrize("strip", [True, False])
def test_missing_ids(missing: str | None, strip: bool) -> None:
    columns = pl.DataFrame(
        {"a": [missing, "p", "p"], "b": ["r", missing, "r"]}, schema={"a": pl.String, "b": pl.String}
    )
    found, *_ = read(columns, strip=strip, null_values=("NULL",))
    assert found.bad.select("line", "offset", "column", "reason").rows() == [
        (2, 20, "a", "provider missing"), (3, 30, "b", "receiver missing")]  # fmt: skip
    assert found.bad["raw"][1] == repr(columns.row(1))
    assert (found.good, found.filtered, len(found)) == (1, 0, 1)


def test_the_word_none_is_an_id() -> None:
    assert ties({"a": ["None", "NA", "null"], "b": ["r"] * 3}) == [("None", "r"), ("NA", "r"), ("null", "r")]


def test_number_ids() -> None:
    found, *_ = read({"a": [12, 7], "b": [3.0, float("nan")]})
    assert (found.provider.to_list(), found.receiver.to_list()) == (["12"], ["3"])
    assert found.notices["b: whole floats read as integer ids"] == 1
    assert found.bad["reason"].to_list() == ["receiver missing"]
    for wrong in (12.5, float("inf"), 2.0**53):
        with pytest.raises(MappingError, match="no exact id"):
            read({"a": ["x"], "b": [wrong]})


def test_categories_are_texts() -> None:
    frame = pl.DataFrame({"a": ["x", "y"], "b": ["r", "r"]}).cast({"a": pl.Categorical, "b": pl.Enum(["r"])})
    assert ties(frame) == [("x", "r"), ("y", "r")]


def test_roles_keep_equal_numbers_apart() -> None:
    rule = TieRule(Endpoint("a", role="driver"), Endpoint("b", role="consumer"))
    found, *_ = read({"a": ["12"], "b": ["12"]}, rule)
    assert (found.provider[0], found.receiver[0]) == ("driver:12", "consumer:12")
    assert found.attributes.rows() == [("driver:12", "driver"), ("consumer:12", "consumer")]


def test_self_ties_are_kept_and_counted() -> None:
    found, *_ = read({"a": ["x", "x"], "b": ["x", "y"]})
    assert len(found) == 2
    assert found.notices["self-ties kept, outside every lens"] == 1


def test_via_gives_two_ties_and_its_absence_the_direct_one() -> None:
    rule = TieRule(A, B, via=Endpoint("v"), amount=Amount("w"))
    rows = listed(*read({"a": ["p", "q"], "b": ["r", "r"], "v": ["gojek", None], "w": ["2.5", "4"]}, rule))
    assert sorted(rows) == [
        (0, ("gojek", "r", "tie", Fraction(5, 2), NO_TIME)), (0, ("p", "gojek", "tie", Fraction(5, 2), NO_TIME)),
        (1, ("q", "r", "tie", Fraction(4), NO_TIME))]  # fmt: skip
    constant = TieRule(A, B, via=Endpoint(constant="gojek"))
    assert ties({"a": ["p"], "b": ["r"]}, constant) == [("p", "gojek"), ("gojek", "r")]


def test_a_row_is_bad_as_a_whole_for_its_first_reason() -> None:
    rules = TieRule(A, B), TieRule(B, A, amount=Amount("w"), time=Time("t"))
    found, *_ = read({"a": ["p"] * 5, "b": ["r", "r", "", "r", "r"], "w": ["1", "x", "x", "inf", None],
                      "t": ["2020-01-01", "2020-01-01", "x", "01/02/2020", "1066-10-14"]}, *rules)  # fmt: skip
    assert found.bad["reason"].to_list() == [
        "amount is not a number",
        "receiver missing",
        "amount is not finite",
        "amount missing",
    ]
    assert found.bad["column"].to_list() == ["w", "b", "w", "w"]
    assert found.row.tolist() == [0, 0]
    late, *_ = read({"a": ["p"] * 2, "b": ["r"] * 2, "t": ["01/02/2020", "1066-10-14"]}, TieRule(A, B, time=Time("t")))
    assert late.bad.select("column", "reason").rows() == [
        ("t", "time is not ISO 8601; say its format in the mapping"), ("t", "time outside 1900 to 2200")]  # fmt: skip


def test_a_rule_judges_only_rows_it_applies_to() -> None:
    rules = TieRule(A, B), TieRule(B, A, amount=Amount("w"), where=(Filter("w", "not null"),))
    found, *_ = read({"a": ["p"] * 3, "b": ["r"] * 3, "w": [None, "1", "x"]}, *rules)
    assert found.row.tolist() == [0, 1, 1]
    assert found.bad["line"].to_list() == [4]


def test_filtered_rows_are_never_bad() -> None:
    found, *_ = read({"a": ["p", ""], "b": ["r", "r"], "k": ["x", "y"]}, where=(Filter("k", "==", "x"),))
    assert (found.good, found.filtered, found.bad.height) == (1, 1, 0)


def test_refunds_zeros_and_undated_events_are_kept_and_counted() -> None:
    found, *_ = read({"a": ["p"] * 3, "b": ["r"] * 3, "w": ["-5", "0", "2"], "t": ["2020-01-01", None, None]},
                     TieRule(A, B, amount=Amount("w")), time=Time("t"))  # fmt: skip
    assert found.mantissa.tolist() == [-5, 0, 2]
    assert found.notices == Counter(
        {"w: negative amounts kept": 1, "w: zero amounts kept": 1, "t: events without a time kept, undated": 2}
    )


def test_notices_speak_of_good_rows_only() -> None:
    found, *_ = read({"a": [" p", " p"], "b": ["r", ""]})
    assert found.notices == Counter({"a: ids stripped of blanks": 1})


@pytest.mark.parametrize(
    ("op", "value", "passing"),
    [
        ("==", "5", "b"),
        ("==", 5, "b"),
        ("!=", "5", "acdef"),
        ("in", ("5", "10"), "bc"),
        ("not in", ("5", "10"), "adef"),
        ("is null", None, "f"),
        ("not null", None, "abcde"),
        (">", 5, "acd"),
        (">=", 5, "abcde"),
        ("<", 10, "abe"),
        ("<=", "5.0", "be"),
        ("==", 1, ""),
        (">", "9.99", "acd"),
        ("==", True, ""),
        ("in", (), ""),
    ],
)
def test_filters_on_text(op: Any, value: Any, passing: str) -> None:
    """Equality is of text; order is of numbers: 5.0 isn't "5" and is no less."""
    columns = {"a": list("abcdef"), "b": ["r"] * 6, "x": ["9.995", "5", "10", "1e1", "5.0", None]}
    assert "".join(p for p, _ in ties(columns, where=(Filter("x", op, value),))) == passing


@pytest.mark.parametrize(
    ("op", "value", "passing"),
    [
        ("==", "1.0", "a"),
        ("==", 1, "a"),
        (">", 0.1, "ab"),
        (">=", 0.1, "abc"),
        ("in", (0.1, 3), "c"),
        ("==", "x", ""),
        ("!=", 1, "bcd"),
    ],
)
def test_filters_on_numbers(op: Any, value: Any, passing: str) -> None:
    columns = {"a": list("abcd"), "b": ["r"] * 4, "x": [1.0, 1 / 3, 0.1, None]}
    assert "".join(p for p, _ in ties(columns, where=(Filter("x", op, value),))) == passing


def test_filters_on_truth_and_times() -> None:
    columns = {
        "a": ["a", "b"],
        "b": ["r", "r"],
        "x": ["True", "false"],
        "y": [True, False],
        "t": ["2020-01-31", "2020-02-01T00:00"],
    }
    for test in (
        Filter("x", "==", True),
        Filter("y", "==", True),
        Filter("y", "==", "true"),
        Filter("t", "<", "2020-02-01"),
        Filter("t", "<=", "2020-01-31 12:00"),
    ):
        assert ties(columns, where=(test,)) == [("a", "r")], test
    dated = pl.DataFrame(columns).with_columns(pl.col("t").str.slice(0, 10).str.to_date())
    assert ties(dated, where=(Filter("t", ">", "2020-01-31"),)) == [("b", "r")]
    assert ties(dated, where=(Filter("t", "==", "2020-01-31"),)) == [("a", "r")]
    for wrong in (Filter("y", ">", "2020-01-31"), Filter("t", ">", 5), Filter("t", ">", "2020-01-99")):
        with pytest.raises(MappingError, match="can't compare"):
            ties(dated, where=(wrong,))


def test_a_cell_that_cannot_be_ordered_is_bad_and_filters_join_by_and() -> None:
    columns = {"a": ["p", "q", "s"], "b": ["r"] * 3, "x": ["many", "many", "7"], "k": ["yes", "no", "yes"]}
    found, *_ = read(columns, where=(Filter("x", ">", 5), Filter("k", "==", "yes")))
    assert found.provider.to_list() == ["s"]
    assert found.filtered == 1
    assert found.bad.select("column", "reason").rows() == [("x", "cell can't be compared as its filter asks")]


@given(st.integers(-(10**12), 10**12), st.integers(-(10**12), 10**12), st.integers(0, 9), st.integers(0, 9))
def test_order_of_decimals_is_exact(m: int, n: int, s: int, t: int) -> None:
    left, right = (format(Decimal(k).scaleb(-p), "f") for k, p in ((m, s), (n, t)))
    passed = bool(ties({"a": ["p"], "b": ["r"], "x": [left]}, where=(Filter("x", "<", right),)))
    assert passed == (Fraction(left) < Fraction(right))


def test_relations_from_data() -> None:
    mapping = Mapping((TieRule(A, B, relation_column="kind"),), declared=(Relation("ride", "km"),))
    watch = Watch(mapping)
    first = events(
        batch_of(pl.DataFrame({"a": ["p"] * 3, "b": ["r"] * 3, "kind": ["zebra", "ride", None]})), mapping, watch
    )
    second = events(
        batch_of(pl.DataFrame({"a": ["p"] * 2, "b": ["r"] * 2, "kind": ["apple", "zebra"]})), mapping, watch
    )
    relations, rank = watch.finish()
    assert relations == (Relation("apple"), Relation("ride", "km"), Relation("tie"), Relation("zebra"))
    assert [relations[r].name for r in rank[first.relation]] == ["zebra", "ride", "tie"]
    assert [relations[r].name for r in rank[second.relation]] == ["apple", "zebra"]


def test_attributes_from_columns() -> None:
    shop = Endpoint("a", role_column="kind", attributes={"region": "city", "capacity": "seats"})
    columns = {
        "a": ["p", "p", "q", ""],
        "b": ["r"] * 4,
        "kind": ["cafe", "cafe", None, "x"],
        "city": ["Solo", "Solo", "", "y"],
        "seats": ["12.5", "12.5", "many", "1"],
    }
    found, *_ = read(columns, TieRule(shop, B))
    assert found.attributes.columns == ["id", "role", "region", "capacity"]
    assert found.attributes.rows() == [("p", "cafe", "Solo", 12.5), ("q", None, None, None)]
    assert found.notices["attributes that are not numbers left out"] == 1
    second = read_participants(
        pl.DataFrame(columns), Endpoint("a", role="shop", attributes={"group": "kind"}), Mapping((TieRule(A, B),))
    )
    assert second.rows() == [("shop:p", "shop", "cafe"), ("shop:q", "shop", None)]


def test_ambiguous_amounts_stop_the_read() -> None:
    columns = {"a": ["p"], "b": ["r"], "w": ["20.000"]}
    with pytest.raises(AmbiguityError, match="20 or 20,000"):
        read(columns, TieRule(A, B, amount=Amount("w")))
    assert read(columns, TieRule(A, B, amount=Amount("w", thousands=".")))[0].mantissa.tolist() == [20000]
    assert read({"a": ["p"], "b": ["r"], "w": [20.0]}, TieRule(A, B, amount=Amount("w")))[0].mantissa.tolist() == [20]


def test_an_empty_batch_and_a_batch_with_bad_rows_of_its_own() -> None:
    mapping = Mapping((TieRule(A, B, amount=Amount("w"), via=Endpoint("b"), relation_column="a"),), time=Time("t"))
    frame = pl.DataFrame(schema=dict.fromkeys("abwt", pl.String))
    torn = quarantine("log.csv", [7], [70], None, ["torn"], "quote never closed")
    batch = Batch(frame, np.zeros(0, np.int64), np.zeros(0, np.int64), lambda rows: [], torn, "log.csv", 1)
    found = events(batch, mapping, Watch(mapping))
    assert (len(found), found.good, found.filtered) == (0, 0, 0)
    assert found.bad["reason"].to_list() == ["quote never closed"]


RULES = (
    TieRule(Endpoint("a", role="x"), B, "one", amount=Amount("w", decimal=".")),
    TieRule(B, A, "two", where=(Filter("k", "==", "yes"),), via=Endpoint("v")),
    TieRule(
        A,
        Endpoint(constant="c"),
        relation_column="k",
        where=(Filter("w", ">", 0),),
        amount=Amount("w", decimal=".", divide_by="n"),
    ),
)
WHERE = (Filter("k", "!=", "skip"),)
cell = st.sampled_from(["p", " q ", "r", "", None])
rows = st.lists(
    st.fixed_dictionaries(
        {
            "a": cell,
            "b": cell,
            "v": cell,
            "k": st.sampled_from(["yes", "no", "skip", None]),
            "w": st.sampled_from(["1", "2.50", "-3", "x", "inf", "", None, "0.1234567890123"]),
            "n": st.sampled_from(["1", "3", "0", None]),
            "t": st.sampled_from(["2020-01-01", "01/02/2020", None, "0001-01-01"]),
        }
    ),
    max_size=12,
)
SCHEMA = dict.fromkeys("abvkwnt", pl.String)


@given(rows)
def test_every_row_is_good_filtered_or_bad(cells: list[dict[str, str | None]]) -> None:
    found, *_ = read(pl.DataFrame(cells, schema=SCHEMA), *RULES, where=WHERE, time=Time("t"))
    assert found.good + found.filtered + found.bad.height == len(cells)
    assert found.filtered == sum(c["k"] == "skip" for c in cells)
    bad = set((found.bad["line"] - 2).to_list())
    expected = Counter[int]()
    for row, c in enumerate(cells):
        if c["k"] != "skip" and row not in bad:
            via = 2 if (c["v"] or "").strip() else 1
            positive = c["w"] in ("1", "2.50", "0.1234567890123")
            expected[row] = 1 + (via if c["k"] == "yes" else 0) + positive
    assert Counter(found.row.tolist()) == expected
    assert found.provider.null_count() == found.receiver.null_count() == 0


@given(rows.flatmap(lambda cells: st.tuples(st.just(cells), st.permutations(range(len(cells))))))
def test_permuting_rows_permutes_the_events(case: tuple[list[dict[str, str | None]], list[int]]) -> None:
    cells, order = case
    whole = read(pl.DataFrame(cells, schema=SCHEMA), *RULES, where=WHERE, time=Time("t"))
    mixed = read(pl.DataFrame([cells[i] for i in order], schema=SCHEMA), *RULES, where=WHERE, time=Time("t"))
    assert Counter(listed(*whole)) == Counter((order[row], event) for row, event in listed(*mixed))
    assert whole[0].notices == mixed[0].notices
    assert sorted(whole[0].bad["reason"]) == sorted(mixed[0].bad["reason"])
    assert set(whole[0].attributes.rows()) == set(mixed[0].attributes.rows())
    assert whole[1] == mixed[1]


@given(rows, st.integers(0, 12))
def test_cutting_a_batch_in_two_changes_nothing(cells: list[dict[str, str | None]], cut: int) -> None:
    frame = pl.DataFrame(cells, schema=SCHEMA)
    mapping = Mapping(RULES, where=WHERE, time=Time("t"))
    watch, once = Watch(mapping), Watch(mapping)
    whole = events(batch_of(frame), mapping, once)
    left, right = events(batch_of(frame[:cut]), mapping, watch), events(batch_of(frame[cut:]), mapping, watch)
    relations, rank = watch.finish()
    halves = listed(left, relations, rank) + [(row + len(frame[:cut]), e) for row, e in listed(right, relations, rank)]
    assert Counter(halves) == Counter(listed(whole, *once.finish()))
    assert whole.notices == left.notices + right.notices


@pytest.mark.skipif(not DATA.is_dir(), reason="the folder of real data (ECOGRAPH_DATA) isn't here")
def test_food_delivery_sums_are_the_published_ones() -> None:
    frame = pl.read_csv(DATA / "food_delivery_bayarea" / "deliveries.csv", infer_schema=False)
    stamp = {"prefix": "2020-01-", "format": "%Y-%m-%d %H:%M:%S"}
    placed, delivered = "Customer_placed_order_datetime", "Delivered_to_consumer_datetime"
    shop, driver = Endpoint("Restaurant_ID", role="restaurant"), Endpoint("Driver_ID", role="driver")
    diner, platform = Endpoint("Consumer_ID", role="consumer"), Endpoint(constant="platform", role="platform")
    rules = (
        TieRule(shop, diner, "meal", unit="USD", amount=Amount("Order_total"), via=platform),
        TieRule(platform, diner, "discount", unit="USD", layer="money", amount=Amount("Amount_of_discount")),
        TieRule(diner, driver, "tip", unit="USD", layer="money", amount=Amount("Amount_of_tip")),
        TieRule(platform, diner, "refund", unit="USD", layer="money", amount=Amount("Refunded_amount")),
        TieRule(driver, shop, "pickup", time=Time(delivered, not_before=placed, **stamp)),  # type: ignore[arg-type]  # texts all
    )
    found, relations, rank = read(frame, *rules, time=Time(placed, **stamp))  # type: ignore[arg-type]
    assert (found.good, found.filtered, found.bad.height, len(found)) == (18_079, 0, 0, 6 * 18_079)
    totals: dict[str, Fraction] = {}
    for code, relation in enumerate(relations):
        mine = rank[found.relation] == code
        cents = found.mantissa[mine] * 10 ** (2 - found.scale[mine].astype(np.int64))
        totals[relation.name] = Fraction(int(cents.sum()), 100)
    assert totals == {"meal": 2 * Fraction("926719.16"), "discount": Fraction("24526.54"), "tip": Fraction("63131.06"),
                      "refund": Fraction("11065.39"), "pickup": Fraction(18_079)}  # fmt: skip
    assert found.notices[f"{delivered}: times moved on by one month"] == 57
    roles = found.attributes.group_by("role").agg(pl.col("id").n_unique())
    assert dict(roles.iter_rows()) == {"restaurant": 314, "driver": 297, "consumer": 6_701, "platform": 1}
    pairs = pl.DataFrame({"p": found.provider, "r": found.receiver}).filter(
        rank[found.relation] == [r.name for r in relations].index("pickup")
    )
    assert pairs.n_unique() == 9_270
