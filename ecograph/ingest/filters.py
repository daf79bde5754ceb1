"""Which rows pass a filter, and which have a cell that it can't judge."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ecograph.cpu.decimal_text import MAX_SCALE
from ecograph.errors import MappingError
from ecograph.ingest.amounts import Decimals, constant, floats, read_numbers
from ecograph.ingest.cells import Mask, Reason, clean
from ecograph.ingest.columns import Table
from ecograph.ingest.times import read_times
from ecograph.mapping import Amount, Filter, Mapping, Time
from ecograph.mapping_cells import NUMBER
from ecograph.mapping_rules import Scalar

__all__ = ["passes"]

_PLAIN = Amount(decimal=".")


def passes(frame: Table, test: Filter, mapping: Mapping) -> tuple[Mask, Mask]:
    """(rows that pass, rows whose cell can't be compared; the latter also count as passing)."""
    cells = clean(frame[test.column], mapping)
    missing = cells.is_null().to_numpy()
    values = test.value if isinstance(test.value, tuple) else (test.value,)
    match test.op:
        case "is null":
            return missing, np.zeros_like(missing)
        case "not null":
            return ~missing, np.zeros_like(missing)
        case "==" | "in" | "!=" | "not in":
            equal = np.zeros_like(missing)
            for value in values:
                assert value is not None  # Filter checks
                equal |= _equals(cells, value, mapping) & ~missing
            return equal ^ (test.op in ("!=", "not in")), np.zeros_like(missing)
        case _:
            assert len(values) == 1
            assert values[0] is not None
            sign, judged = _order(cells, str(values[0]), mapping)
            right = {">": sign > 0, ">=": sign >= 0, "<": sign < 0, "<=": sign <= 0}[test.op]
            return (right | ~judged) & ~missing, ~judged & ~missing


def _equals(cells: pl.Series, value: Scalar, mapping: Mapping) -> Mask:
    """Text as text, numbers by value, truth as truth, times as instants."""
    if cells.dtype == pl.String:
        told = cells.str.to_lowercase() == str(value).lower() if isinstance(value, bool) else cells == str(value)
        return _mask(told)
    if cells.dtype == pl.Boolean:
        return _mask(cells.cast(pl.String) == str(value).lower())
    if cells.dtype.is_numeric() and not NUMBER.fullmatch(str(value)):
        return np.zeros(cells.len(), np.bool_)
    sign, judged = _order(cells, str(value), mapping)
    equal: Mask = judged & (sign == 0)
    return equal


def _mask(told: pl.Series) -> Mask:
    mask: Mask = told.fill_null(False).to_numpy()
    return mask


def _order(cells: pl.Series, value: str, mapping: Mapping) -> tuple[NDArray[np.int8], Mask]:
    """Sign of cell - value, and where there is one."""
    dated = isinstance(cells.dtype, pl.Datetime) or cells.dtype == pl.Date
    if dated or not NUMBER.fullmatch(value):
        return _order_times(cells, value, mapping)
    numbers = read_numbers(cells, mapping, _PLAIN)
    return _sign(numbers.values, constant(value, 1)), numbers.reason == Reason.FINE


def _order_times(cells: pl.Series, value: str, mapping: Mapping) -> tuple[NDArray[np.int8], Mask]:
    zone = mapping.time.zone if mapping.time else "UTC"
    time = Time("cell", zone=zone)
    wanted = read_times(pl.DataFrame({"cell": [value]}), time, mapping)
    if wanted.reason[0] != Reason.FINE or cells.dtype.is_numeric() or cells.dtype == pl.Boolean:
        raise MappingError(f"the filter on {cells.name!r} ({cells.dtype}) can't compare with {value!r}.",
                           hint="compare numbers with a number, times with an ISO 8601 time in quotes")  # fmt: skip
    times = read_times(pl.DataFrame({"cell": cells}), time, mapping)
    return np.sign(np.where(times.values < wanted.values, -1, times.values > wanted.values)).astype(
        np.int8
    ), times.reason == Reason.FINE


def _sign(values: Decimals, other: Decimals) -> NDArray[np.int8]:
    """Sign of values - other, exact: whole parts first, then the parts behind the point at nine places."""
    (whole, part), (whole_0, part_0) = _parts(values), _parts(other)
    exact = np.where(whole != whole_0, np.where(whole > whole_0, 1, -1), np.sign(part - part_0))
    binary = (values.scale < 0) | (other.scale < 0)
    return np.where(binary, np.sign(floats(values) - floats(other)), exact).astype(np.int8)


def _parts(values: Decimals) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    places = np.maximum(values.scale, 0).astype(np.int64)
    whole, part = np.divmod(values.mantissa, 10**places)
    return whole, part * 10 ** (MAX_SCALE - places)
