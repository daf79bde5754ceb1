"""Columns of Arrow and Polars as ecograph takes them: bytes and categories as text, the rest as it is."""

from __future__ import annotations

from typing import Any

import polars as pl

from ecograph.errors import SourceError
from ecograph.ingest.batch import decode
from ecograph.ingest.columns import Mask, Texts
from ecograph.ingest.quarantine import brief

__all__ = ["arrow_column", "polars_column", "schema_of"]


def polars_column(column: pl.Series) -> tuple[pl.Series | Texts, Mask | None]:
    """A Polars column as it is taken, and which of its cells aren't valid text."""
    if column.dtype == pl.Binary:
        return decode(column.to_arrow())
    if column.dtype in (pl.Categorical, pl.Enum):
        return column.cast(pl.String), None
    return column, None


def arrow_column(column: Any) -> tuple[pl.Series | Texts, Mask | None]:
    """An Arrow array as it is taken, checked first, and which of its cells aren't valid text."""
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        column.validate(full=True)  # an index out of range would be read as it stands
        column = column.cast(column.type.value_type)
    if _is_text(column.type):
        # Arrow takes text from a file on trust; as bytes its offsets are checked here, its UTF-8 in ``decode``.
        same = {pa.string(): pa.binary(), pa.large_string(): pa.large_binary(), pa.string_view(): pa.binary_view()}
        column = column.view(same.get(column.type, column.type))
        column.validate(full=True)
        return decode(column)
    column.validate(full=True)
    series = pl.from_arrow(column)
    assert isinstance(series, pl.Series)
    return series, None


def _is_text(kind: Any) -> bool:
    from pyarrow import types

    checks = (types.is_string, types.is_large_string, types.is_string_view,
              types.is_binary, types.is_large_binary, types.is_binary_view)  # fmt: skip
    return any(check(kind) for check in checks)


def schema_of(name: str, schema: Any) -> dict[str, pl.DataType]:
    """Polars types of an Arrow schema; ``Unknown`` where Polars has none."""
    if len(set(schema.names)) < len(schema.names):
        twice = sorted({n for n in schema.names if schema.names.count(n) > 1})
        hint = "rename columns so that each name is used once."
        raise SourceError(f"{name}: more than one column is called {brief(repr(twice[0]), 40)}.", hint=hint)
    return {field.name: _dtype(field.type) for field in schema}


def _dtype(kind: Any) -> pl.DataType:
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    if _is_text(kind):
        return pl.String()
    try:
        series = pl.from_arrow(pa.array([], kind))
    except (pa.ArrowException, pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return pl.Unknown()
    assert isinstance(series, pl.Series)
    return series.dtype
