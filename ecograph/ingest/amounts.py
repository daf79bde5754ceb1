"""Amounts as exact decimals: mantissa / 10**scale; scale -1 = the mantissa holds the bits of a float64.

The shortest form is the only one used (no trailing zero while scale > 0), so equal amounts are equal pairs.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ecograph.cpu.decimal_text import BAD, EXACT, LONG, MAX_SCALE, parse_decimals
from ecograph.cpu.decimals import decimals_of_floats, divide_decimals
from ecograph.ingest.cells import Parsed, Reason, clean, text_buffers
from ecograph.ingest.columns import Columns, Table, Texts
from ecograph.mapping import Amount, Mapping

__all__ = ["Decimals", "constant", "floats", "read_amounts", "read_numbers"]

_PLAIN = Amount(decimal=".")
_INT64 = range(-(2**63) + 1, 2**63)
_NOT_FINITE = ("nan", "inf", "infinity")


class Decimals(NamedTuple):
    """Exact decimals, a row each."""

    mantissa: NDArray[np.int64]
    scale: NDArray[np.int8]


def read_amounts(frame: Table, amount: Amount, mapping: Mapping) -> Parsed[Decimals]:
    """The amounts of a frame's rows, divided where the mapping says so.

    Negative and zero amounts are kept, with a notice. Missing, unreadable and infinite ones have a reason.
    """
    if amount.column is None:
        values, reason = constant(amount.constant, frame.height), np.zeros(frame.height, np.uint8)
    else:
        numbers = _written(frame, amount, mapping) or read_numbers(frame[amount.column], mapping, amount)
        values, reason = numbers.values, numbers.reason
    if amount.divide_by is not None:
        values, failed = _divided(values, _divisors(frame, amount.divide_by, mapping))
        reason = np.where((reason == Reason.FINE) & (failed != Reason.FINE), failed, reason).astype(np.uint8)
    negative, binary = values.mantissa < 0, values.scale < 0
    if binary.any():  # the sign of minus zero, and of what is no number, says nothing
        negative[binary] = values.mantissa[binary].view(np.float64) < 0
    notices = {"negative amounts kept": negative} | (
        {"zero amounts kept": values.mantissa == 0, "amounts kept as the nearest float": binary}
        if amount.column is not None or amount.divide_by is not None
        else {}
    )
    return Parsed(values, reason, notices)


def read_numbers(series: pl.Series, mapping: Mapping, amount: Amount = _PLAIN) -> Parsed[Decimals]:
    """Numbers of a column of any numeric type or of text in the amount's dialect.

    Text is exact to 19 digits and 9 places; beyond them, and for binary floats without such a decimal, the
    nearest float64 is kept.
    """
    cells = clean(series, mapping)
    missing = cells.is_null().to_numpy()
    if cells.dtype.is_float():
        cells = cells.cast(pl.Float64)
        x = np.ascontiguousarray((cells.fill_null(0.0) if cells.null_count() else cells).to_numpy())
        values = Decimals(*decimals_of_floats(x))
        reason = np.zeros(x.size, np.uint8)
        reason[~np.isfinite(x)] = Reason.NOT_FINITE
    elif cells.dtype.is_integer() and cells.cast(pl.Int64, strict=False).null_count() == cells.null_count():
        values = Decimals(cells.cast(pl.Int64).fill_null(0).to_numpy().copy(), np.zeros(missing.size, np.int8))
        reason = np.zeros(missing.size, np.uint8)
    else:  # text, decimals and integers beyond int64: their digits
        values, reason = _parse(cells.cast(pl.String), _PLAIN if cells.dtype.is_numeric() else amount)
    reason[missing] = Reason.AMOUNT_MISSING
    return Parsed(values, reason)


def _written(frame: Table, amount: Amount, mapping: Mapping) -> Parsed[Decimals] | None:
    """Where every cell of a column of text is such a number as it stands: none is missing, and none needs be mended."""
    column = frame.given(str(amount.column)) if isinstance(frame, Columns) else None
    if any(mapping.null_values) or not isinstance(column, Texts) or column.missing is not None:
        return None
    mantissa, scale, status = parse_decimals(column.offsets, column.data, *_marks(amount))
    if (status != EXACT).any():
        return None
    return Parsed(Decimals(mantissa, scale), np.zeros(len(column), np.uint8))


def constant(text: str, rows: int) -> Decimals:
    """One number, written with a point, in all rows.

    Examples
    --------
    >>> [column.tolist() for column in constant("2.50", 2)]
    [[25, 25], [1, 1]]
    """
    values, _ = _parse(pl.Series([text]), _PLAIN)
    return Decimals(np.repeat(values.mantissa, rows), np.repeat(values.scale, rows))


def floats(values: Decimals) -> NDArray[np.float64]:
    """The amounts as float64, within one unit in the last place."""
    exact = values.mantissa / 10.0 ** np.maximum(values.scale, 0)
    return np.where(values.scale < 0, values.mantissa.view(np.float64), exact)


def _parse(text: pl.Series, amount: Amount) -> tuple[Decimals, NDArray[np.uint8]]:
    """Read texts; null gives 0 and a reason that the caller overwrites."""
    mantissa, scale, status = parse_decimals(*text_buffers(text), *_marks(amount))
    reason = np.where(status == BAD, Reason.NOT_A_NUMBER, Reason.FINE).astype(np.uint8)
    for row in np.flatnonzero(status == LONG):
        value = _long(_plain(text[int(row)], amount))
        if value is None:
            reason[row] = Reason.NOT_FINITE
        else:
            mantissa[row], scale[row] = value
    bad = np.flatnonzero(status == BAD)
    said = text.gather(bad).str.to_lowercase().str.strip_chars(" +-")
    reason[bad[said.is_in(_NOT_FINITE).fill_null(False).to_numpy()]] = Reason.NOT_FINITE
    return Decimals(mantissa, scale), reason


def _marks(amount: Amount) -> list[bytes]:
    return [mark.encode() for mark in (*amount.marks, amount.currency or "")]


def _plain(text: str, amount: Amount) -> str:
    """A text whose grammar the kernel has passed, as Python writes numbers."""
    decimal, thousands = amount.marks
    for mark in (amount.currency, thousands):
        text = text.replace(mark, "") if mark else text
    text = text.replace(decimal, ".").replace("\u00a0", "").replace(" ", "")
    return "-" + text.strip("()") if text.startswith("(") else text


def _long(text: str) -> tuple[int, int] | None:
    """(mantissa, scale) of a number with many digits or a large exponent; None = beyond float64."""
    x = float(text)
    if not np.isfinite(x):
        return None
    head, _, tail = text.lower().partition("e")
    sign, digits, exponent = Decimal(head).as_tuple()
    places = -int(exponent) - int(tail or 0)
    shown = "".join(map(str, digits)).strip("0")
    places -= len(digits) - len("".join(map(str, digits)).rstrip("0"))
    if not shown or (len(shown) <= 19 and -19 <= places <= MAX_SCALE):
        mantissa = int(shown or 0) * 10 ** max(-places, 0) * (-1 if sign else 1)
        if mantissa in _INT64:
            return mantissa, max(places, 0) if mantissa else 0
    return int(np.float64(x).view(np.int64)), -1


def _divisors(frame: Table, divide_by: str | int | float, mapping: Mapping) -> Parsed[Decimals]:
    if isinstance(divide_by, str):
        return read_numbers(frame[divide_by], mapping)
    return Parsed(constant(str(divide_by), frame.height), np.zeros(frame.height, np.uint8))


def _divided(values: Decimals, by: Parsed[Decimals]) -> tuple[Decimals, NDArray[np.uint8]]:
    """Quotients, exact where they are short decimals, else the nearest float64; reasons where there is none."""
    positive = np.where(by.values.scale < 0, floats(by.values) > 0, by.values.mantissa > 0)
    usable = (by.reason == Reason.FINE) & positive
    binary = (values.scale < 0) | (by.values.scale < 0)
    safe = usable & ~binary
    dividend = np.where(safe, values.mantissa, 0), np.where(safe, values.scale, 0).astype(np.int8)
    divisor = np.where(safe, by.values.mantissa, 1), np.where(safe, by.values.scale, 0).astype(np.int8)
    mantissa, scale, status = divide_decimals(dividend, divisor)
    for row in np.flatnonzero(status == LONG):
        (m, s), (d, t) = ((int(v[row]) for v in pair) for pair in (dividend, divisor))
        quotient = float(Fraction(m * 10**t, d * 10**s))
        mantissa[row] = np.float64(quotient).view(np.int64)
    reason = np.where(usable, Reason.FINE, Reason.DIVISOR).astype(np.uint8)
    rows = np.flatnonzero(usable & binary)
    with np.errstate(over="ignore"):
        quotients = floats(values)[rows] / floats(by.values)[rows]
    mantissa[rows], scale[rows] = quotients.view(np.int64), -1
    reason[rows[~np.isfinite(quotients)]] = Reason.NOT_FINITE
    return Decimals(mantissa, scale), reason
