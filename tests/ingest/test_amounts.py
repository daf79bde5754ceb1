"""Amounts: exact against Python's decimal and fractions, in every dialect; what isn't a number is bad."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ecograph.errors import AmbiguityError, MappingError
from ecograph.ingest.amounts import Decimals, floats, read_amounts, read_numbers
from ecograph.ingest.cells import PHRASES, Parsed, Reason
from ecograph.ingest.watch import EARLY, Watch
from ecograph.mapping import Amount, Endpoint, Mapping, TieRule

PLAIN = Mapping.default(["provider", "receiver"])
EXACT_CASES = [
    ("12", 12, 0), ("0012", 12, 0), ("+3", 3, 0), ("-3", -3, 0), ("- 3", -3, 0), ("1.50", 15, 1), (".5", 5, 1),
    ("5.", 5, 0), ("(12.5)", -125, 1), ("( 12 )", -12, 0), ("1e3", 1000, 0), ("1.5E-3", 15, 4), ("-0.00", 0, 0),
    (" 7\u00a0", 7, 0), ("9223372036854775807", 2**63 - 1, 0), ("0.10000000000000000000000", 1, 1),
    ("100000000000000000000e-10", 10**10, 0),
]  # fmt: skip
NO_NUMBERS = ["x", "-", ".", "1.2.3", "1,5", "1 2", "--1", "(-1)", "(1", "1)", "()", "1e", "e5", "1-", "0x1F", "1_000",
              "٣", "½", "$5", "5%", "+", "1e+"]  # fmt: skip


def parse(texts: list[str | None], amount: Amount | None = None) -> Parsed[Decimals]:
    return read_numbers(pl.Series("amount", texts, dtype=pl.String), PLAIN, amount or Amount("amount"))


def fraction(values: Decimals, row: int = 0) -> Fraction:
    mantissa, scale = int(values.mantissa[row]), int(values.scale[row])
    if scale < 0:
        return Fraction(float(np.int64(mantissa).view(np.float64)))
    return Fraction(mantissa, 10**scale)


@pytest.mark.parametrize(("text", "mantissa", "scale"), EXACT_CASES)
def test_plain_numbers_in_their_shortest_form(text: str, mantissa: int, scale: int) -> None:
    parsed = parse([text])
    assert parsed.reason[0] == Reason.FINE
    assert (int(parsed.values.mantissa[0]), int(parsed.values.scale[0])) == (mantissa, scale)


@pytest.mark.parametrize("text", NO_NUMBERS)
def test_what_is_no_number(text: str) -> None:
    assert PHRASES[Reason(parse([text]).reason[0])] == "amount is not a number"


@pytest.mark.parametrize("text", ["nan", "NaN", "inf", "-Infinity", "+inf", "1e400", "-1e999999999999"])
def test_what_is_not_finite(text: str) -> None:
    assert PHRASES[Reason(parse([text]).reason[0])] == "amount is not finite"


@pytest.mark.parametrize("text", [None, "", "  ", "\u00a0"])
def test_missing(text: str | None) -> None:
    assert PHRASES[Reason(parse([text]).reason[0])] == "amount missing"


@pytest.mark.parametrize(
    ("text", "amount", "value"),
    [
        ("20.000", Amount("amount", thousands="."), "20000"),
        ("Rp 20.000,50", Amount("amount", thousands=".", currency="Rp"), "20000.5"),
        ("Rp.20.000", Amount("amount", thousands=".", currency="Rp."), "20000"),
        ("-Rp20.000", Amount("amount", thousands=".", currency="Rp"), "-20000"),
        ("Rp -20.000", Amount("amount", thousands=".", currency="Rp"), "-20000"),
        ("20.000", Amount("amount", decimal="."), "20"),
        ("20.000", Amount("amount", thousands=""), "20"),
        ("($1,234.50)", Amount("amount", thousands=",", currency="$"), "-1234.5"),
        ("1 234,5 €", Amount("amount", decimal=",", thousands=" ", currency="€"), "1234.5"),
        ("1\u202f234,5", Amount("amount", decimal=",", thousands="\u202f"), "1234.5"),
        ("1'234'567.25", Amount("amount", thousands="'"), "1234567.25"),
        ("1234567", Amount("amount", thousands=","), "1234567"),
        ("5 USD", Amount("amount", currency="USD"), "5"),
        ("5", Amount("amount", currency="USD"), "5"),
        ("$.50", Amount("amount", currency="$"), "0.5"),
        ("12345678901234567890", Amount("amount"), "12345678901234567890"),
        ("9223372036854775808", Amount("amount"), "9223372036854775808"),
        ("-9223372036854775809", Amount("amount"), "-9223372036854775809"),
    ],
)
def test_dialects(text: str, amount: Amount, value: str) -> None:
    parsed = parse([text], amount)
    assert parsed.reason[0] == Reason.FINE
    assert fraction(parsed.values) == (Fraction(value) if parsed.values.scale[0] >= 0 else Fraction(float(value)))


@pytest.mark.parametrize(
    "text", ["1,23", "1,2345", "12,34,567", "1234,567", "0,123", ",123", "1,,234", "1,234,", "1,234,56"]
)
def test_thousands_stand_at_groups_of_three(text: str) -> None:
    assert parse([text], Amount("amount", thousands=",")).reason[0] == Reason.NOT_A_NUMBER


@pytest.mark.parametrize("text", ["Rp.500", "Rp Rp 5", "Rp 5 Rp", "Rp", "EUR 5"])
def test_a_currency_is_taken_off_once_and_no_point_follows_its_letters(text: str) -> None:
    assert parse([text], Amount("amount", currency="Rp", decimal=".")).reason[0] == Reason.NOT_A_NUMBER


marks = st.sampled_from([(".", ""), (",", ""), (".", ","), (",", "."), (",", " "), (".", "'"), (",", "\u202f")])


@st.composite
def written(draw: st.DrawFn) -> tuple[str, Amount, Decimal]:
    """A number written in some dialect, the dialect, and the number."""
    decimal, thousands = draw(marks)
    currency = draw(st.sampled_from([None, "Rp", "$", "USD", "€"]))
    value = Decimal(draw(st.integers(-(10**18), 10**18))).scaleb(-draw(st.integers(0, 9)))
    whole, _, places = format(abs(value), f"{',' if thousands else ''}f").partition(".")
    text = whole.replace(",", thousands) + (decimal + places if places else draw(st.sampled_from(["", decimal])))
    blank = draw(st.sampled_from(["", " ", "\u00a0"]))
    if currency and draw(st.booleans()):
        text = currency + blank + text if draw(st.booleans()) else text + blank + currency
    if value < 0:
        text = "(" + text + ")" if draw(st.booleans()) else "-" + blank + text
    return text, Amount("amount", decimal=decimal, thousands=thousands, currency=currency), value


@given(st.lists(written(), min_size=1, max_size=1))
def test_equals_pythons_decimal_in_every_dialect(cases: list[tuple[str, Amount, Decimal]]) -> None:
    [(text, amount, value)] = cases
    parsed = parse([text], amount)
    assert parsed.reason[0] == Reason.FINE
    assert parsed.values.scale[0] >= 0  # 19 digits and 9 places always fit
    assert fraction(parsed.values) == Fraction(value)
    assert parsed.values.scale[0] == 0 or parsed.values.mantissa[0] % 10 != 0


@given(st.text("0123456789.,-+()eE $\u00a0R", max_size=12))
def test_the_grammar_equals_a_regular_expression(text: str) -> None:
    """A second reading of the docstring's grammar, by another machine."""
    digits = r"(?:[1-9]\d{0,2}(?:,\d{3})+(?!\d)|\d+)"
    number = rf"(?:{digits}(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?"
    blank = "[ \u00a0]*"
    free = rf"(?:(?P<a>[+-]){blank}(?:\${blank})?|\${blank}(?P<b>[+-])?{blank}|(?P<c>[+-])?{blank})"
    inner = rf"(?:{free}(?P<n>{number}){blank}(?P<after>\$)?)"
    wrapped = rf"\({blank}(?:\${blank})?(?P<m>{number}){blank}(?P<close>\$)?{blank}\)"
    found = re.fullmatch(f"{blank}(?:{inner}|{wrapped}){blank}", text)
    good = found is not None and text.count("$") <= 1
    assume(text.strip(" \u00a0") != "")
    parsed = parse([text], Amount("amount", thousands=",", currency="$"))
    assert (parsed.reason[0] != Reason.NOT_A_NUMBER) == good
    if good and found is not None and parsed.reason[0] == Reason.FINE:
        plain = (found["n"] or found["m"]).replace(",", "")
        minus = "(" in text or "-" in (found["a"], found["b"], found["c"])
        with localcontext(prec=100):
            exact = Fraction(Decimal(plain)) * (-1 if minus else 1) if abs(float(plain)) < 1e40 else None
        assert float(fraction(parsed.values)) == float(plain) * (-1 if minus else 1)
        assert parsed.values.scale[0] < 0 or fraction(parsed.values) == exact


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_the_text_of_a_float_comes_back_as_that_float(x: float) -> None:
    parsed = parse([repr(x)])
    assert float(fraction(parsed.values)) == x


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**6), 10**6).map(lambda i: i / 100)))
def test_float_columns_keep_their_value(xs: list[float]) -> None:
    values = read_numbers(pl.Series("amount", xs, dtype=pl.Float64), PLAIN).values
    for row, x in enumerate(xs):
        assert float(fraction(values, row)) == x
        short = (
            next((s for s in range(10) if abs(m := round(x * 10**s)) < 2**53 and m / 10**s == x), None)
            if abs(x) < 1e17
            else None
        )
        assert short is None or values.scale[row] >= 0


def test_cents_in_a_float_column_are_exact_decimals() -> None:
    values = read_numbers(pl.Series("amount", [0.1, 16.33, 1 / 3, 3.0]), PLAIN).values
    assert values.scale.tolist() == [1, 2, -1, 0]
    assert values.mantissa[:2].tolist() == [1, 1633]


def test_columns_of_other_types() -> None:
    wide = read_numbers(pl.Series("amount", [2**64 - 1, 7, None], dtype=pl.UInt64), PLAIN)
    assert [fraction(wide.values, row) for row in (0, 1)] == [Fraction(float(2**64 - 1)), 7]
    assert wide.reason.tolist() == [Reason.FINE, Reason.FINE, Reason.AMOUNT_MISSING]
    money = pl.Series("amount", ["12.3400", "-0.0001"]).cast(pl.Decimal(20, 4))
    parsed = read_numbers(money, PLAIN, Amount("amount", decimal=",")).values  # the dialect is about text
    assert [fraction(parsed, row) for row in (0, 1)] == [Fraction("12.34"), Fraction("-0.0001")]
    odd = read_numbers(pl.Series("amount", [float("nan"), float("inf"), None]), PLAIN)
    assert odd.reason.tolist() == [Reason.NOT_FINITE, Reason.NOT_FINITE, Reason.AMOUNT_MISSING]


@given(
    st.lists(st.sampled_from(["1", "2.50", "x", "", None, "-7"]), max_size=20), st.integers(0, 20), st.integers(0, 20)
)
def test_a_slice_is_read_as_a_slice(texts: list[str | None], start: int, length: int) -> None:
    whole = pl.Series("amount", texts, dtype=pl.String)
    part, copy = whole.slice(start, length), pl.Series("amount", texts[start : start + length], dtype=pl.String)
    left, right = read_numbers(part, PLAIN), read_numbers(copy, PLAIN)
    assert left.values.mantissa.tolist() == right.values.mantissa.tolist()
    assert left.reason.tolist() == right.reason.tolist()


@given(
    st.integers(-(2**63) + 1, 2**63 - 1),
    st.integers(0, 9),
    st.integers(1, 10**6) | st.sampled_from([2**40, 5**20, 10**15]),
)
def test_quotients_are_exact_or_the_nearest_float(mantissa: int, places: int, n: int) -> None:
    frame = pl.DataFrame({"amount": [format(Decimal(mantissa).scaleb(-places), "f")], "n": [n]})
    values = read_amounts(frame, Amount("amount", decimal=".", divide_by="n"), PLAIN).values
    exact = Fraction(mantissa, 10**places) / n
    if values.scale[0] >= 0:
        assert fraction(values) == exact
        assert values.scale[0] <= 9
    else:
        assert float(fraction(values)) == float(exact)
        rest = (exact * 10**9).denominator == 1 and abs(exact * 10**9) < 2**63
        assert not rest, "a short decimal was kept as a float"


def test_alternatives_share_one_need() -> None:
    frame = pl.DataFrame({"n": ["1", "2", "3", "0", "-1", "x", None, "0.5"]})
    parsed = read_amounts(frame, Amount(divide_by="n"), PLAIN)
    assert [fraction(parsed.values, row) for row in (0, 1, 2, 7)] == [1, Fraction(1, 2), Fraction(1 / 3), 2]
    assert [PHRASES[Reason(code)] for code in parsed.reason[3:7]] == ["divisor is not a positive number"] * 4
    halved = read_amounts(pl.DataFrame({"amount": [1 / 3, 3.0]}), Amount("amount", divide_by=2), PLAIN).values
    assert floats(halved).tolist() == [1 / 6, 1.5]


def test_negative_and_zero_amounts_are_kept_and_said() -> None:
    frame = pl.DataFrame({"amount": ["-1", "0", "2", "-1e300"]})
    parsed = read_amounts(frame, Amount("amount"), PLAIN)
    assert not parsed.reason.any()
    assert parsed.notices["negative amounts kept"].tolist() == [True, False, False, True]
    assert parsed.notices["zero amounts kept"].tolist() == [False, True, False, False]
    assert parsed.notices["amounts kept as the nearest float"].tolist() == [False, False, False, True]


def watch(texts: Sequence[str | None], *, step: int | None = None, amount: Amount | None = None) -> None:
    """Read the texts in batches of ``step`` and finish."""
    amount = amount or Amount("price")
    looking = Watch(Mapping((TieRule(Endpoint("a"), Endpoint("b"), amount=amount),)))
    for start in range(0, len(texts), step or len(texts)):
        looking.look(amount, pl.Series("price", texts[start : start + (step or len(texts))], dtype=pl.String))
    looking.finish()


@pytest.mark.parametrize(
    "texts", [["20.000"], ["500", "700", "20.000"], ["1.250", "-15.000", "1.234.567", "2.5", None]]
)
def test_points_that_may_be_thousands_are_never_guessed(texts: list[str | None]) -> None:
    with pytest.raises(AmbiguityError, match="price") as error:
        watch(texts)
    assert 'thousands = "."' in str(error.value)
    assert 'decimal = "."' in str(error.value)
    assert repr(next(text for text in texts if text and "." in text)) in str(error.value)


@pytest.mark.parametrize(
    "texts", [["16.33", "20.000", "7.5"], ["0.125", "0.250"], ["500", "700"], [None], ["1.000", "2.50"]]
)
def test_points_that_are_decimal_pass(texts: list[str | None]) -> None:
    watch(texts)


def test_currency_does_not_hide_the_ambiguity() -> None:
    with pytest.raises(AmbiguityError):
        watch(["Rp 20.000", "(Rp 5.000)"], amount=Amount("price", currency="Rp"))


@given(st.lists(st.sampled_from(["20.000", "1.5", "7", None]), min_size=1, max_size=30), st.integers(1, 30))
def test_the_verdict_does_not_depend_on_batches(texts: list[str | None], step: int) -> None:
    def verdict(size: int | None) -> str:
        try:
            watch(texts, step=size)
        except AmbiguityError as error:
            return str(error)
        return "fine"

    assert verdict(step) == verdict(None)


def test_a_thousand_values_decide_before_the_end() -> None:
    early = ["20.000"] * (EARLY // 2 + 1) + ["1.5"] * (EARLY // 2 - 1)
    for step in (7, 333, EARLY, 5000):
        with pytest.raises(AmbiguityError, match=f"of {EARLY:,} with a point {EARLY // 2 + 1:,}"):
            watch(early + ["20.000"] * 100 + ["1.5"] * 9000, step=step)
    watch(["1.5", *early[1:], *["20.000"] * 100, *["1.5"] * 9000], step=5000)


@pytest.mark.parametrize(
    "wrong",
    [
        {"column": "a", "constant": "2"},
        {"constant": "x"},
        {"constant": "nan"},
        {"constant": "1e999"},
        {"decimal": ".."},
        {"decimal": "5"},
        {"thousands": "-"},
        {"decimal": ".", "thousands": "."},
        {"currency": " "},
        {"currency": "R1"},
        {"divide_by": 0},
        {"divide_by": -2},
        {"divide_by": float("nan")},
    ],
)
def test_amounts_that_make_no_sense(wrong: dict[str, Any]) -> None:
    with pytest.raises(MappingError):
        Amount(**wrong)
