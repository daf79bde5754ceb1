"""Are these tables of ties and participants what they should be? Checked, cast, and told by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import polars as pl

from ecograph.clusters import cluster_codes
from ecograph.errors import TieTableError
from ecograph.html import plain, quoted
from ecograph.schema import PARTICIPANTS, PILLARS, TIES, Column
from ecograph.suggest import offer
from ecograph.ties import NO_CLUSTER

__all__ = ["UNREADABLE", "check_participants", "check_ties", "read_table", "series"]


def read_table(data: Any, what: str) -> pl.DataFrame:
    """``data`` as a Polars frame: a frame, a LazyFrame, an Arrow stream, or columns by name."""
    if isinstance(data, pl.DataFrame):
        return data
    if isinstance(data, pl.LazyFrame):
        return data.collect()
    if isinstance(data, Mapping):
        return _from_columns(data, what)
    if hasattr(data, "__arrow_c_stream__"):
        return pl.DataFrame(data)
    raise TieTableError(
        f"The {what} table is a {type(data).__name__}, which isn't a table.",
        hint="give a Polars frame, an object with __arrow_c_stream__ (pyarrow, pandas 2.2), or a dict of columns",
    )


def series(name: str, values: Any) -> pl.Series:
    """A column of one type; whole numbers among decimal ones become such. Polars' and Python's errors pass."""
    if isinstance(values, Sequence) and any(isinstance(value, float) for value in values):
        values = [float(v) if isinstance(v, Real) else v for v in values]
    return pl.Series(name, values)


UNREADABLE = (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError)


def _from_columns(data: Mapping[str, Any], what: str) -> pl.DataFrame:
    columns = []
    for name, values in data.items():
        try:
            columns.append(series(name, values))
        except UNREADABLE as error:
            raise TieTableError(
                f"Column '{plain(name)}' of the {what} table can't be read as values of one type "
                f"({type(error).__name__}).",
                hint="give lists or arrays of text, numbers, dates or None, one type a column",
            ) from None
    if len({column.len() for column in columns}) > 1:
        lengths = ", ".join(f"{plain(column.name)} {column.len():,}" for column in columns)
        raise TieTableError(f"The columns of the {what} table differ in length: {lengths}.")
    return pl.DataFrame(columns)


def check_ties(frame: pl.DataFrame) -> pl.DataFrame:
    """Ties with the columns they came with, cast to ``schema.TIES``; parallel rows aren't merged yet.

    Raises
    ------
    TieTableError : a column is missing, unknown or of the wrong type; an id is null or blank; a weight
        isn't finite; count < 1; weight_sq < 0; first > last; cluster < -1; some relations are null and some aren't.
    """
    frame = _columns(frame, TIES, "ties")
    for name in ("provider", "receiver"):
        _refuse(frame, "ties", name, _blank(name), "null or blank", "every tie needs both ends: drop or mend these")
    for name in ("weight", "weight_sq"):
        _refuse(frame, "ties", name, ~pl.col(name).is_finite().fill_null(False), "null, NaN or infinite",
                f"filter with pl.col('{name}').is_finite()" + _or_leave_out(name))  # fmt: skip
    _refuse(frame, "ties", "count", (pl.col("count") < 1).fill_null(True), "null or below 1",
            "a tie is the sum of at least one event" + _or_leave_out("count"))  # fmt: skip
    _refuse(frame, "ties", "weight_sq", pl.col("weight_sq") < 0, "below 0", "it is a sum of squares")
    if "first" in frame.columns:
        _refuse(frame, "ties", "last", pl.col("first") > pl.col("last"), "before 'first'", "swap the two columns?")
    _refuse(frame, "ties", "cluster", pl.col("cluster") < NO_CLUSTER, f"below {NO_CLUSTER}",
            "codes count from 0, and null is each event by itself; cast the column to text to have names")  # fmt: skip
    if "relation" in frame.columns:
        if frame["relation"].null_count() == frame.height:
            return frame.drop("relation")
        _refuse(frame, "ties", "relation", _blank("relation"), "null or blank", "name what flows along every tie")
    return frame


def check_participants(frame: pl.DataFrame) -> pl.DataFrame:
    """Participants with every column of ``schema.PARTICIPANTS``; blank attributes become null.

    Raises
    ------
    TieTableError : a column is unknown or of the wrong type; an id is missing, blank or there twice; a
        pillar isn't one of the six; capacity, external_cost or external_demand is negative or not finite.
    """
    frame = _columns(frame, PARTICIPANTS, "participants")
    _refuse(frame, "participants", "id", _blank("id"), "null or blank", "every participant needs an id")
    _refuse(frame, "participants", "id", pl.col("id").is_duplicated(), "there more than once",
            "keep one row a participant: participants.unique('id', keep='first')")  # fmt: skip
    for name, column in PARTICIPANTS.items():
        if name in frame.columns and column.dtype == pl.Float64():
            _refuse(frame, "participants", name, ~pl.col(name).is_finite(), "NaN or infinite", "null means unknown")
            _refuse(frame, "participants", name, pl.col(name) < 0, "negative", f"{name} is an amount, 0 or more")
    frame = frame.with_columns(
        pl.lit(None, column.dtype).alias(name)
        if name not in frame.columns
        else pl.when(~_blank(name)).then(name)
        if column.dtype == pl.String()
        else pl.col(name)
        for name, column in PARTICIPANTS.items()
    )
    if wrong := frame.filter(~pl.col("pillar").is_in(PILLARS))["pillar"].unique().sort().to_list():
        raise TieTableError(
            f"Unknown pillar {quoted(wrong)} in the participants table; it is one of {', '.join(PILLARS)}, or null.",
            hint=offer(wrong[0], PILLARS, "pillars"),
        )
    return frame.select(*PARTICIPANTS)


def _columns(frame: pl.DataFrame, schema: dict[str, Column], what: str) -> pl.DataFrame:
    """Only known columns, none that is required missing, each cast to its type."""
    if absent := [name for name, column in schema.items() if column.required and name not in frame.columns]:
        raise TieTableError(
            f"The {what} table lacks {quoted(absent)}; it has {quoted(frame.columns, few=12) or 'no columns'}.",
            hint=f"{offer(absent[0], frame.columns, 'columns')}; rename with frame.rename({{'old': '{absent[0]}'}})",
        )
    if unknown := [name for name in frame.columns if name not in schema]:
        raise TieTableError(
            f"The {what} table has columns that it can't keep: {quoted(unknown)}. It may have {', '.join(schema)}.",
            hint=f"{offer(unknown[0], schema, 'columns')}; rename these, or leave them out with frame.drop(...)",
        )
    return frame.select(_cast(frame[name], column.dtype, what) for name, column in schema.items() if name in frame)


def _cast(values: pl.Series, to: pl.DataType, what: str) -> pl.Series:
    have = values.dtype
    if have in (to, pl.Null):
        return values.cast(to)
    cast: pl.Series | None = None
    if to == pl.String() and (have.is_integer() or isinstance(have, pl.Categorical | pl.Enum)):
        cast = values.cast(pl.String)  # an integer id is its decimal text
    elif to == pl.Float64() and have.is_numeric():
        cast = values.cast(pl.Float64)
    elif to == pl.Int64() and have.is_integer():
        cast = values.cast(pl.Int64, strict=False)
    elif to == pl.Int32() and have.is_integer():
        cast = values.cast(pl.Int32, strict=False)
    elif to == pl.Int32() and (have == pl.String() or isinstance(have, pl.Categorical | pl.Enum)):
        return pl.Series(values.name, cluster_codes(values))
    elif isinstance(to, pl.Datetime) and isinstance(have, pl.Date | pl.Datetime):
        naive = not isinstance(have, pl.Datetime) or have.time_zone is None
        moment = values.cast(pl.Datetime("us")) if naive else values.dt.convert_time_zone("UTC").dt.cast_time_unit("us")
        cast = moment.dt.replace_time_zone("UTC") if naive else moment
    if cast is None or cast.null_count() > values.null_count():
        raise TieTableError(
            f"Column '{values.name}' of the {what} table is {plain(have)}; it has to be {_kind(to)}.",
            hint=f"cast it before: frame.with_columns({_way(values.name, have, to)})",
        )
    return cast


def _kind(to: pl.DataType) -> str:
    kinds = {pl.String(): "text (or whole numbers)", pl.Float64(): "a number", pl.Int64(): "a whole number"}
    kinds[pl.Int32()] = "text, or a whole number below 2^31"
    return kinds.get(to, "a date or a time")


def _way(name: str, have: pl.DataType, to: pl.DataType) -> str:
    if isinstance(to, pl.Datetime):
        return f"pl.col('{name}').str.to_datetime(time_zone='UTC')"
    if have.is_float() and to in (pl.String(), pl.Int32()):
        return f"pl.col('{name}').cast(pl.Int64)"  # ids 1.0, 2.0: an Int64 column with nulls on its way through pandas
    return f"pl.col('{name}').cast(pl.{'String' if to == pl.Int32() else to})"


def _blank(name: str) -> pl.Expr:
    return pl.col(name).is_null() | (pl.col(name).str.strip_chars() == "")


def _or_leave_out(name: str) -> str:
    return "" if name == "weight" else f", or leave the column '{name}' out"


def _refuse(frame: pl.DataFrame, what: str, name: str, wrong: pl.Expr, fault: str, hint: str) -> None:
    """Raise when ``wrong`` holds anywhere in column ``name``, naming the first rows."""
    if name not in frame.columns:
        return
    rows = frame.select(wrong.fill_null(False).arg_true()).to_series()
    if rows.len():
        where = ", ".join(map(str, rows.head(3))) + (f" and {rows.len() - 3:,} more" if rows.len() > 3 else "")
        raise TieTableError(
            f"Column '{name}' of the {what} table is {fault} in {rows.len():,} of {frame.height:,} rows "
            f"(counted from 0: {where}).",
            hint=hint,
        )
