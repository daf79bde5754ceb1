"""Does a mapping fit the columns at hand?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Literal, NamedTuple

import polars as pl

from ecograph.errors import MappingError
from ecograph.mapping_cells import Amount, Endpoint, Time
from ecograph.mapping_rules import Filter
from ecograph.mapping_words import nearest_words

if TYPE_CHECKING:
    from ecograph import mapping

__all__ = ["Use", "check_columns", "check_participant_columns", "uses"]

Kind = Literal["id", "text", "number", "time", "filter"]


class Use(NamedTuple):
    """One mention of a column: where in the mapping, and what it is read as."""

    column: str
    place: str
    kind: Kind
    time: Time | None = None


def uses(spec: mapping.Mapping) -> Iterator[Use]:
    """Every mention of a column of the event table, in the mapping's order."""
    for number, rule in enumerate(spec.ties):
        place = f"ties[{number}]"
        for end, endpoint in zip(("provider", "receiver", "via"), rule.endpoints, strict=False):
            yield from _of_endpoint(endpoint, f"{place}.{end}")
        if rule.relation_column is not None:
            yield Use(rule.relation_column, f"{place}.relation_column", "text")
        yield from _of_amount(rule.amount, f"{place}.amount")
        yield from _of_time(rule.time, f"{place}.time")
        yield from _of_filters(rule.where, f"{place}.where")
    yield from _of_time(spec.time, "time")
    yield from _of_filters(spec.where, "where")
    if spec.cluster is not None and spec.cluster != "row":
        yield Use(spec.cluster, "cluster", "id")


def _of_endpoint(endpoint: Endpoint, place: str) -> Iterator[Use]:
    if endpoint.column is not None:
        yield Use(endpoint.column, place, "id")
    if endpoint.role_column is not None:
        yield Use(endpoint.role_column, f"{place}.role_column", "text")
    for name, column in endpoint.attributes.items():
        kind: Kind = "number" if name in ("capacity", "external_cost", "external_demand") else "text"
        yield Use(column, f"{place}.attributes.{name}", kind)


def _of_amount(amount: Amount, place: str) -> Iterator[Use]:
    if amount.column is not None:
        yield Use(amount.column, place, "number")
    if isinstance(amount.divide_by, str):
        yield Use(amount.divide_by, f"{place}.divide_by", "number")


def _of_time(time: Time | None, place: str) -> Iterator[Use]:
    if time is not None:
        yield Use(time.column, place, "time", time)
        if time.not_before is not None:
            yield Use(time.not_before, f"{place}.not_before", "time", time)


def _of_filters(filters: tuple[Filter, ...], place: str) -> Iterator[Use]:
    return (Use(f.column, place, "filter") for f in filters)


def check_columns(spec: mapping.Mapping, columns: Mapping[str, pl.DataType]) -> None:
    """Raise MappingError at the first mention that ``columns`` can't serve, or a zone or format nobody knows."""
    from ecograph.ingest.times import check_time  # ingest imports ecograph.mapping

    if spec.cluster == "row" and "row" in columns:
        raise MappingError('cluster = "row" keeps together what one row gives, and the table has a column \'row\'.',
                           hint="rename that column: nobody could tell which of the two is meant")  # fmt: skip
    for use in uses(spec):
        _check(use, columns)
        if use.time is not None:
            check_time(use.time)


def check_participant_columns(endpoint: Endpoint, columns: Mapping[str, pl.DataType]) -> None:
    """The same for the endpoint of a participant table."""
    for use in _of_endpoint(endpoint, "participants"):
        _check(use, columns)


def _check(use: Use, columns: Mapping[str, pl.DataType]) -> None:
    if use.column not in columns:
        raise MappingError(f"{use.place}: the table has no column {use.column!r}.",
                           hint=nearest_words(use.column, columns))  # fmt: skip
    dtype = columns[use.column]
    texts = dtype in (pl.String, pl.Categorical, pl.Enum, pl.Null)
    if texts or _serves(use, dtype):
        return
    hint = 'say epoch = "s", "ms" or "us", or a format' if use.kind == "time" and dtype.is_numeric() else None
    raise MappingError(
        f"{use.place}: the column {use.column!r} is {dtype}, which can't be read as {_WORDS[use.kind]}.", hint=hint
    )


_WORDS = {"id": "an id", "text": "a text", "number": "a number", "time": "a time", "filter": "a value to compare"}


def _serves(use: Use, dtype: pl.DataType) -> bool:
    match use.kind:
        case "id":
            return dtype.is_integer() or dtype.is_float()
        case "text":
            return dtype.is_integer() or dtype == pl.Boolean
        case "number":
            return dtype.is_numeric()
        case "filter":
            return dtype.is_numeric() or dtype in (pl.Boolean, pl.Date, pl.Datetime)
        case "time":
            time = use.time
            numeric = time is not None and (time.epoch is not None or time.format is not None)
            return dtype in (pl.Date, pl.Datetime) or (dtype.is_numeric() and numeric)
