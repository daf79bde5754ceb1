"""What reading a column gives: values, the reason where a cell is bad, and notices where one was mended."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Generic, TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ecograph.ingest.columns import Mask
from ecograph.mapping import Mapping

__all__ = ["PHRASES", "TEXTUAL", "Mask", "Parsed", "Reason", "clean", "text_buffers"]

T = TypeVar("T")
TEXTUAL = (pl.String, pl.Categorical, pl.Enum, pl.Null)


class Reason(IntEnum):
    """Why a row was set aside; FINE = it wasn't."""

    FINE = 0
    ID_MISSING = 1
    PROVIDER_MISSING = 2
    RECEIVER_MISSING = 3
    AMOUNT_MISSING = 4
    NOT_A_NUMBER = 5
    NOT_FINITE = 6
    DIVISOR = 7
    TIME = 8
    NOT_ISO = 9
    NO_SUCH_LOCAL_TIME = 10
    YEARS = 11
    NOT_COMPARABLE = 12


PHRASES = {
    Reason.PROVIDER_MISSING: "provider missing",
    Reason.RECEIVER_MISSING: "receiver missing",
    Reason.AMOUNT_MISSING: "amount missing",
    Reason.NOT_A_NUMBER: "amount is not a number",
    Reason.NOT_FINITE: "amount is not finite",
    Reason.DIVISOR: "divisor is not a positive number",
    Reason.TIME: "time not understood",
    Reason.NOT_ISO: "time is not ISO 8601; say its format in the mapping",
    Reason.NO_SUCH_LOCAL_TIME: "time does not exist in its zone",
    Reason.YEARS: "time outside 1900 to 2200",
    Reason.NOT_COMPARABLE: "cell can't be compared as its filter asks",
}


@dataclass(frozen=True)
class Parsed(Generic[T]):
    """Values of a column, row by row; where ``reason`` isn't FINE the value means nothing."""

    values: T
    reason: NDArray[np.uint8]
    notices: dict[str, Mask] = field(default_factory=dict)


def clean(series: pl.Series, mapping: Mapping) -> pl.Series:
    """The column with null where a cell is missing: null, blank, or one of the mapping's null values.

    Texts are stripped when the mapping says so; columns of other types come back as they are.
    """
    if series.dtype not in TEXTUAL:
        return series
    text = series.cast(pl.String)
    bare = text.str.strip_chars()
    text = bare if mapping.strip else text
    missing = (bare == "") | text.is_in(list(mapping.null_values))
    return text.set(missing.fill_null(True), None)


def text_buffers(series: pl.Series) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """(offsets, bytes) of a String column as read-only arrays; null as an empty text.

    Offsets are absolute positions in the bytes and need not start at 0 (slices).
    """
    array = series.rename("").fill_null("").rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
    _, offsets, data = array.buffers()
    if len(array) == 0:
        return np.zeros(1, np.int64), np.zeros(0, np.uint8)
    every = np.frombuffer(offsets, np.int64)
    return every[array.offset : array.offset + len(array) + 1], np.frombuffer(data, np.uint8)
