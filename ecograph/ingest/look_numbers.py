"""Do the cells of a column look like amounts, and in which dialect?"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

import polars as pl

from ecograph.ingest.amounts import read_numbers
from ecograph.ingest.cells import Reason
from ecograph.ingest.evidence import samples
from ecograph.mapping import Amount, Endpoint, Mapping, TieRule

__all__ = ["NumberLook", "look_at_numbers"]

PLAIN = Mapping((TieRule(Endpoint("provider"), Endpoint("receiver")),))
_ENOUGH = 0.9
_CURRENCIES = """
Rp Rp. rp Rs Rs. RM R$ S$ A$ C$ US$ HK$ NT$ kr kr. zł Kč Ft lei CHF Fr. AUD BRL CAD CNY DKK EUR GBP HKD IDR
INR JPY KES KRW MXN MYR NGN NOK NZD PHP PLN RUB SEK SGD THB TRY TWD USD VND ZAR
"""
_PREFIX = r"^[-+(]?\s*([^\d\s.,+()-]+\.?)\s*[-+]?\d"
_SUFFIX = r"\d\s*([^\d\s.,+()-]+\.?)\)?$"
_GROUPED = {mark: rf"^[1-9]\d{{0,2}}(\{mark}\d{{3}})+$" for mark in ".,"}  # 0.125 has no thousands


@dataclass(frozen=True)
class NumberLook:
    """How a column of amounts is to be read.

    Attributes
    ----------
    choices : one reading, or several of which only the user knows which is meant.
    matched, values : cells that are numbers when read so, and cells that aren't blank.
    decimal_places : whether any cell has them. seen : what speaks for the reading, where it was in doubt.
    """

    choices: tuple[Amount, ...]
    matched: int
    values: int
    decimal_places: bool = False
    seen: str = ""


@dataclass(frozen=True)
class _Marks:
    """Counts of cells by the way they use point and comma."""

    pointed: int
    point_groups: int
    commaed: int
    comma_groups: int
    point_last: int
    comma_last: int


def look_at_numbers(cells: pl.Series) -> NumberLook | None:
    """A reading under which nine tenths of the cells are numbers, or None.

    ``cells`` : without nulls and blanks. A column where most values with a point look like ``20.000``, or most with a
    comma like ``20,000`` while nothing else tells, gives two choices.
    """
    if not cells.len() or cells.dtype in (pl.Boolean, pl.Date, pl.Datetime):
        return None
    if cells.dtype.is_numeric():
        return NumberLook(
            (Amount(cells.name),), cells.len(), cells.len(), cells.dtype.is_float() or cells.dtype.is_decimal()
        )
    if cells.dtype != pl.String:
        return None
    currency = _currency(cells)
    bare = cells.str.replace_all(currency, "", literal=True) if currency else cells
    bare = bare.str.strip_chars("+-() \u00a0\u202f")
    spaced = bare.str.contains(r"^\d{1,3}([ \u00a0\u202f]\d{3})+([.,]\d+)?$").sum()
    marks = _count(bare)
    readings, seen = _readings(marks)
    if 2 * spaced > cells.len():
        readings = [(decimal, " ") for decimal, _ in readings if decimal] or [(None, " ")]
    choices = tuple(Amount(cells.name, decimal=d, thousands=t, currency=currency) for d, t in readings)
    matched = max(_matched(cells, amount) for amount in choices)
    if matched < _ENOUGH * cells.len():
        return None
    places = len(choices) == 1 and marks.pointed + marks.commaed > marks.point_groups + marks.comma_groups
    return NumberLook(choices, matched, cells.len(), places, seen + _examples(cells, choices))


def _currency(cells: pl.Series) -> str | None:
    """A currency written before or after most of the numbers."""
    for pattern in (_PREFIX, _SUFFIX):
        found = cells.str.extract(pattern).drop_nulls()
        if 2 * found.len() > cells.len():
            text = str(found.mode().sort()[0])
            if text in _CURRENCIES.split() or (len(text) == 1 and unicodedata.category(text) == "Sc"):
                return text
    return None


def _count(bare: pl.Series) -> _Marks:
    point, comma = bare.str.contains(".", literal=True), bare.str.contains(",", literal=True)
    return _Marks(
        pointed=int(point.sum()),
        point_groups=int(bare.str.contains(_GROUPED["."]).sum()),
        commaed=int(comma.sum()),
        comma_groups=int(bare.str.contains(_GROUPED[","]).sum()),
        point_last=int(bare.str.contains(r"^\d{1,3}(,\d{3})+\.\d+$").sum()),
        comma_last=int(bare.str.contains(r"^\d{1,3}(\.\d{3})+,\d+$").sum()),
    )


def _readings(marks: _Marks) -> tuple[list[tuple[str | None, str | None]], str]:
    """(decimal, thousands) as they may be read; two of them where the user must say."""
    if marks.pointed and 2 * marks.point_groups > marks.pointed:
        seen = f"{marks.point_groups:,} of {marks.pointed:,} values with a point look like 20.000"
        return [(",", "."), (".", None)], seen
    if marks.comma_last > marks.point_last:
        return [(",", ".")], f"{marks.comma_last:,} values have a point before the comma"
    if marks.point_last:
        return [(".", ",")], f"{marks.point_last:,} values have a comma before the point"
    if marks.commaed and 2 * marks.comma_groups > marks.commaed:
        seen = f"{marks.comma_groups:,} of {marks.commaed:,} values with a comma look like 20,000"
        return [(".", ","), (",", None)], seen
    if marks.commaed:
        return [
            (",", None)
        ], f"{marks.commaed - marks.comma_groups:,} values have other than three digits after a comma"
    return [(None, None)], ""


def _matched(cells: pl.Series, amount: Amount) -> int:
    return int((read_numbers(cells, PLAIN, amount).reason == Reason.FINE).sum())


def _examples(cells: pl.Series, choices: tuple[Amount, ...]) -> str:
    if len(choices) < 2:
        return ""
    unlike = cells.filter(~cells.str.contains(r"[.,]\d{3}\D*$") & cells.str.contains(r"[.,]"))
    return f"; others are {', '.join(samples(unlike.head(100)))}" if unlike.len() else ""
