"""Ids: text stays text, whole numbers become their digits, and nothing else is taken for an id."""

from __future__ import annotations

import numpy as np
import polars as pl

from ecograph.errors import MappingError
from ecograph.ingest.cells import TEXTUAL, Mask, Parsed, Reason, clean
from ecograph.mapping import Mapping

__all__ = ["STRIPPED", "id_texts", "is_text", "read_ids", "settle"]

STRIPPED = "ids stripped of blanks"
_WHOLE = 2.0**53  # from here on a float no longer tells neighbouring integers apart


def read_ids(series: pl.Series, mapping: Mapping, prefix: str = "") -> Parsed[pl.Series]:
    """Ids of a column as text, null (reason ID_MISSING) where they are missing.

    Text is kept byte for byte (0012 is not 12; two Unicode spellings of one letter are two ids) except for
    ``strip`` and ``casefold``. Whole floats become integers with a notice; NaN is missing.

    Raises
    ------
    MappingError : a float id that isn't whole, or too large to be exact.

    Examples
    --------
    >>> from ecograph.mapping import Mapping
    >>> mapping = Mapping.default(["provider", "receiver"])
    >>> read_ids(pl.Series("id", [" 0012", "12"]), mapping, "driver:").values.to_list()
    ['driver:0012', 'driver:12']
    """
    texts, notices = id_texts(series)
    ids, changed = settle(texts, mapping, prefix, textual=is_text(series))
    if changed is not None:
        notices[STRIPPED] = changed
    missing = ids.is_null().to_numpy()
    return Parsed(ids, np.where(missing, Reason.ID_MISSING, Reason.FINE).astype(np.uint8), notices)


def is_text(series: pl.Series) -> bool:
    """Whether a column holds text, where blanks and null values stand for a missing cell."""
    return series.dtype in TEXTUAL


def id_texts(series: pl.Series) -> tuple[pl.Series, dict[str, Mask]]:
    """Each cell of an id column as text, before it is looked at; and notices."""
    if series.dtype.is_float():
        ids = _digits_of_floats(series)
        return ids, {"whole floats read as integer ids": ids.is_not_null().to_numpy()}
    return series.cast(pl.String), {}


def settle(texts: pl.Series, mapping: Mapping, prefix: str, *, textual: bool) -> tuple[pl.Series, Mask | None]:
    """What these texts are as ids, null where one is missing; and which were stripped (None: numbers have no blanks).

    An answer depends on its own text alone, so equal texts need be asked about only once.
    """
    ids, changed = texts, None
    if textual:
        ids = clean(texts, mapping)
        changed = (ids.is_not_null() & (ids != texts).fill_null(False)).to_numpy()
    ids = ids.str.to_lowercase() if mapping.casefold else ids
    return _prefixed(ids, prefix), changed


def _prefixed(ids: pl.Series, prefix: str) -> pl.Series:
    return ids if not prefix else pl.select(pl.lit(prefix) + ids).to_series().rename(ids.name)


def _digits_of_floats(series: pl.Series) -> pl.Series:
    values = series.cast(pl.Float64).fill_nan(None)
    inexact = values.filter((values != values.round()) | (values.abs() >= _WHOLE))
    if inexact.len():
        raise MappingError(
            f"the ids in {series.name!r} are floats such as {inexact[0]!r}, which stand for no exact id.",
            hint="write the column as text or integers in the source",
        )
    return values.cast(pl.Int64).cast(pl.String)
