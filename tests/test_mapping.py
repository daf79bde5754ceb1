"""Mappings: pleasant to write, impossible to misspell in silence, the same after a round trip."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecograph.errors import MappingError
from ecograph.ingest.source import Dialect
from ecograph.mapping import Amount, Endpoint, Filter, Mapping, ParticipantTable, TieRule, Time
from ecograph.mapping_cells import ATTRIBUTES
from ecograph.mapping_rules import OPERATORS
from ecograph.schema import LAYERS, Relation

FOOD = """
every = "1mo"

[time]
column = "Customer_placed_order_datetime"
prefix = "2020-01-"
format = "%Y-%m-%d %H:%M:%S"

[[ties]]
relation = "meal"
unit = "USD"
layer = "service"
provider = { column = "Restaurant_ID", role = "restaurant", attributes = { region = "Delivery_Region" } }
receiver = { column = "Consumer_ID", role = "consumer" }
via = { constant = "platform", role = "platform" }
amount = "Order_total"
where = { Delivery_Region = ["Palo Alto", "San Jose"], Order_total = { ">" = 0, "not null" = true } }

[[ties]]
relation = "delivery"
provider = { column = "Driver_ID", role = "driver" }
receiver = "Consumer_ID"
amount = 1
time = { column = "Delivered_to_consumer_datetime", not_before = "Driver_at_restaurant_datetime" }
"""
A, B = Endpoint("a"), Endpoint("b")


def test_short_forms_say_what_the_long_ones_say() -> None:
    mapping = Mapping.from_toml(FOOD)
    meal, delivery = mapping.ties
    assert mapping.every == "1mo"
    assert mapping.time == Time("Customer_placed_order_datetime", prefix="2020-01-", format="%Y-%m-%d %H:%M:%S")
    assert meal.amount == Amount("Order_total")
    assert meal.via == Endpoint(constant="platform", role="platform")
    assert meal.where == (
        Filter("Delivery_Region", "in", ("Palo Alto", "San Jose")),
        Filter("Order_total", ">", 0),
        Filter("Order_total", "not null"),
    )
    assert delivery.receiver == Endpoint("Consumer_ID")
    assert delivery.amount == Amount(constant="1")
    assert mapping.time_of(meal) == mapping.time
    assert mapping.time_of(delivery) == delivery.time
    assert mapping.relations == (Relation("delivery"), Relation("meal", "USD", "service"))
    assert mapping.columns == (
        "Restaurant_ID", "Delivery_Region", "Consumer_ID", "Order_total", "Driver_ID",
        "Delivered_to_consumer_datetime", "Driver_at_restaurant_datetime",
        "Customer_placed_order_datetime",
    )  # fmt: skip


def test_numbers_keep_their_digits() -> None:
    text = '[[ties]]\nprovider = "a"\nreceiver = "b"\namount = {}\nwhere = [{{ column = "c", op = ">", value = 2.5 }}]'
    mapping = Mapping.from_toml(text.format("2.50"))
    assert mapping.ties[0].amount.constant == "2.50"
    assert mapping.ties[0].where[0].value == 2.5
    assert Mapping.from_toml(text.format('{ column = "w", divide_by = 4 }')).ties[0].amount.divide_by == 4


words = st.text(min_size=1, max_size=6).filter(lambda s: s.strip() != "")
scalars = words | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.booleans()
chars = st.sampled_from([".", ",", "'", " ", "\u202f"])


@st.composite
def endpoints(draw: st.DrawFn) -> Endpoint:
    role = draw(st.sampled_from([{}, {"role": draw(words)}, {"role_column": draw(words)}]))
    where: dict[str, str] = {draw(st.sampled_from(["column", "constant"])): draw(words)}
    return Endpoint(
        **where, **role, prefix=draw(st.none() | st.text(max_size=4)),
        attributes=draw(st.dictionaries(st.sampled_from(ATTRIBUTES), words, max_size=2)),
    )  # fmt: skip


@st.composite
def amounts(draw: st.DrawFn) -> Amount:
    decimal, thousands = draw(
        st.sampled_from([(None, None), (".", None), (",", "."), (None, "."), (".", " "), (".", "")])
    )
    number = draw(st.integers(-(10**20), 10**20).map(str) | st.sampled_from(["-0", "2.50", "1e3", "007"]))
    return Amount(
        **draw(st.sampled_from([{"column": draw(words)}, {"constant": number}])), decimal=decimal, thousands=thousands,
        currency=draw(st.sampled_from([None, "Rp", "US$", "€", '"'])),
        divide_by=draw(st.none() | words | st.integers(1, 9) | st.floats(1e-9, 1e9)),
    )  # fmt: skip


@st.composite
def times(draw: st.DrawFn) -> Time:
    how: dict[str, Any] = draw(st.sampled_from([{}, {"epoch": "ms"}, {"format": "%d/%m/%Y", "prefix": "x\\"}]))
    return Time(
        draw(words), **how, zone=draw(st.sampled_from(["UTC", "Asia/Jakarta"])), not_before=draw(st.none() | words)
    )


@st.composite
def filters(draw: st.DrawFn) -> Filter:
    op: Any = draw(st.sampled_from(OPERATORS))
    values: dict[str, Any] = {
        "is null": None, "not null": None, "==": draw(scalars), "!=": draw(scalars),
        "in": tuple(draw(st.lists(scalars, max_size=3))), "not in": tuple(draw(st.lists(scalars, max_size=3))),
    }  # fmt: skip
    return Filter(draw(words), op, values.get(op, draw(st.integers(-9, 9) | st.just("2020-01-31") | st.just(0.5))))


@st.composite
def rules(draw: st.DrawFn) -> TieRule:
    name = draw(words)
    kind: dict[str, Any] = draw(
        st.sampled_from([{"relation_column": draw(words)}, {"unit": f"unit of {name}", "layer": "money"}, {}])
    )
    return TieRule(
        draw(endpoints()), draw(endpoints()), name, amount=draw(amounts()), time=draw(st.none() | times()),
        via=draw(st.none() | endpoints()), where=tuple(draw(st.lists(filters(), max_size=2))), **kind,
    )  # fmt: skip


@st.composite
def mappings(draw: st.DrawFn) -> Mapping:
    dialects = [
        Dialect(),
        Dialect(delimiter=";", quote=None, encoding="latin-1"),
        Dialect(header=False, columns=("a", "b")),
    ]
    declared = draw(st.dictionaries(words.map(lambda w: "data: " + w), st.sampled_from(LAYERS), max_size=2))
    return Mapping(
        tuple(draw(st.lists(rules(), min_size=1, max_size=3))),
        time=draw(st.none() | times()),
        where=tuple(draw(st.lists(filters(), max_size=2))),
        dialect=draw(st.sampled_from(dialects)),
        every=draw(st.sampled_from([None, "1mo", "1h30m"])),
        duplicates=draw(st.sampled_from(["keep", "count", "drop"])),
        strip=draw(st.booleans()),
        casefold=draw(st.booleans()),
        null_values=tuple(draw(st.lists(st.text(max_size=3), max_size=2))),
        participants=tuple(draw(st.lists(st.builds(ParticipantTable, words, endpoints()), max_size=2))),
        format=draw(st.sampled_from([None, "csv", "frame"])),
        declared=tuple(Relation(name, "kg", layer) for name, layer in declared.items()),  # type: ignore[arg-type]  # of LAYERS
    )


@given(mappings())
def test_toml_round_trip(mapping: Mapping) -> None:
    assert Mapping.from_toml(mapping.to_toml()) == mapping


def test_the_file_is_read_beside_its_tables(tmp_path: Path) -> None:
    path = tmp_path / "m.toml"
    table = '\n[[participants]]\npath = "shops.csv"\ncolumn = "id"\nrole = "shop"\nattributes = { group = "kind" }\n'
    path.write_text("\ufeff" + FOOD + table, encoding="utf-8")
    mapping = Mapping.from_toml(path)
    [shops] = mapping.participants
    assert shops.path == str(tmp_path / "shops.csv")
    assert shops.participant == Endpoint("id", role="shop", attributes={"group": "kind"})
    assert Mapping.from_toml(str(path)) == mapping
    with pytest.raises(MappingError, match="can't be read"):
        Mapping.from_toml(tmp_path / "absent.toml")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("every", "evry", "did you mean 'every'"),
        ("prefix", "prefixx", "time has the unknown key 'prefixx'"),
        ("role =", "roll =", "did you mean 'role'"),
        ("receiver =", "recever =", "did you mean 'receiver'"),
        ("region =", "regoin =", "did you mean 'region'"),
        ('layer = "service"', 'layer = "servce"', "did you mean 'service'"),
        ('">" = 0', '"=>" = 0', "unknown operator '=>'"),
        ('">" = 0', '">" = "many"', "can't compare with 'many'"),
        ("amount = 1", "amount = true", "must be a table"),
        ("amount = 1", 'amount = { column = "x", constant = 2 }', "not both"),
        ('unit = "USD"', "unit = 5", "must be a text in quotes"),
        ("[[ties]]", "[ties]", "isn't TOML"),
        ('"1mo"', '"monthly"', "write a length"),
        ('receiver = "Consumer_ID"', "", "ties[1] has no 'receiver'"),
        (
            'receiver = "Consumer_ID"',
            'receiver = { role = "x" }',
            "ties[1].receiver: an endpoint needs a column or a constant",
        ),
        ('relation = "delivery"', 'relation = "meal"\nunit = "EUR"', "unit 'USD' and 'EUR'"),
        ('relation = "delivery"', 'relation = "meal"\nlayer = "money"', "layer 'service' and 'money'"),
    ],
)
def test_mistakes_are_answered_with_the_way_out(old: str, new: str, said: str) -> None:
    assert old in FOOD
    with pytest.raises(MappingError) as error:
        Mapping.from_toml(FOOD.replace(old, new))
    assert said in str(error.value)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Mapping(()),
        lambda: Endpoint("a", constant="b"),
        lambda: Endpoint(constant=" "),
        lambda: Endpoint("a", role="r", role_column="c"),
        lambda: Endpoint("a", attributes={"colour": "c"}),
        lambda: Filter("a", "in", "b"),
        lambda: Filter("a", "=="),
        lambda: Filter("a", "is null", 1),
        lambda: Filter("a", "==", math.inf),
        lambda: Filter("a", "<", True),
        lambda: TieRule(A, B, " "),
        lambda: TieRule(A, B, relation_column="c", unit="USD"),
        lambda: Mapping((TieRule(A, B),), duplicates="no"),  # type: ignore[arg-type]
        lambda: Mapping((TieRule(A, B),), format="xlsx"),
        lambda: Mapping((TieRule(A, B),), every="0d"),
    ],
)
def test_parts_that_make_no_sense(wrong: Any) -> None:
    with pytest.raises(MappingError):
        wrong()


def test_a_relation_said_once_holds_for_all_its_rules() -> None:
    mapping = Mapping(
        (TieRule(A, B, "meal", unit="USD"), TieRule(B, A, "meal")), declared=(Relation("z", "kg", "money"),)
    )
    assert mapping.relations == (Relation("meal", "USD"), Relation("z", "kg", "money"))


def test_ids_carry_their_role() -> None:
    assert Endpoint("a", role="driver").id_prefix == "driver:"
    assert Endpoint("a", role="driver", prefix="").id_prefix == ""
    assert Endpoint("a", role="driver", prefix="d-").id_prefix == "d-"
    assert Endpoint("a", role_column="r").id_prefix == ""
    assert Endpoint(constant="gojek", role="platform").id_prefix == ""


def test_every_column_is_looked_for() -> None:
    mapping = Mapping.from_toml(FOOD)
    columns: dict[str, pl.DataType] = {name: pl.String() for name in mapping.columns}
    mapping.check(columns)
    for name in mapping.columns:
        with pytest.raises(MappingError) as error:
            mapping.check({n: t for n, t in columns.items() if n != name} | {name.lower() + "_": pl.String()})
        assert f"no column {name!r}" in str(error.value)
        assert f"did you mean {name.lower() + '_'!r}" in str(error.value)


@pytest.mark.parametrize(
    ("rule", "column", "dtype", "fits"),
    [
        (TieRule(A, B), "a", pl.Int64(), True),
        (TieRule(A, B), "a", pl.Float64(), True),
        (TieRule(A, B), "a", pl.Boolean(), False),
        (TieRule(A, B), "a", pl.Binary(), False),
        (TieRule(A, B), "a", pl.Date(), False),
        (TieRule(A, B), "a", pl.List(pl.String()), False),
        (TieRule(A, B, amount=Amount("x")), "x", pl.Decimal(9, 2), True),
        (TieRule(A, B, amount=Amount("x")), "x", pl.Boolean(), False),
        (TieRule(A, B, amount=Amount("x")), "x", pl.Date(), False),
        (TieRule(A, B, amount=Amount(divide_by="x")), "x", pl.UInt8(), True),
        (TieRule(A, B, time=Time("x")), "x", pl.Datetime("ns", "UTC"), True),
        (TieRule(A, B, time=Time("x")), "x", pl.Int64(), False),
        (TieRule(A, B, time=Time("x", epoch="s")), "x", pl.Int64(), True),
        (TieRule(A, B, time=Time("x")), "x", pl.Time(), False),
        (TieRule(A, B, time=Time("x", format="%Y%m%d")), "x", pl.Int32(), True),
        (TieRule(A, B, where=(Filter("x", "==", True),)), "x", pl.Boolean(), True),
        (TieRule(A, B, relation_column="x"), "x", pl.Struct([]), False),
        (TieRule(Endpoint("a", role_column="x"), B), "x", pl.Enum(["p"]), True),
        (TieRule(Endpoint("a", attributes={"capacity": "x"}), B), "x", pl.Boolean(), False),
    ],
)
def test_every_column_has_a_type_that_serves(rule: TieRule, column: str, dtype: pl.DataType, fits: bool) -> None:
    columns: dict[str, pl.DataType] = {"a": pl.String(), "b": pl.String()} | {column: dtype}
    if fits:
        Mapping((rule,)).check(columns)
    else:
        with pytest.raises(MappingError, match=f"{column!r} is"):
            Mapping((rule,)).check(columns)


def test_zone_and_format_are_checked_before_reading() -> None:
    columns: dict[str, pl.DataType] = {"a": pl.String(), "b": pl.String(), "t": pl.String()}
    with pytest.raises(MappingError, match="zone"):
        Mapping((TieRule(A, B),), time=Time("t", zone="Mars/Phobos")).check(columns)


def test_default_takes_what_a_plain_table_has() -> None:
    mapping = Mapping.default(["provider", "receiver", "amount", "time", "relation", "via", "colour"])
    assert mapping.columns == ("provider", "receiver", "via", "relation", "amount", "time")
    assert Mapping.default(["receiver", "provider"]).columns == ("provider", "receiver")
    with pytest.raises(MappingError, match="did you mean 'recever'"):
        Mapping.default(["provider", "recever"])
