"""What rows say about participants: role, group, region, capacity and the like."""

from __future__ import annotations

import polars as pl

from ecograph.ingest.amounts import floats, read_numbers
from ecograph.ingest.cells import Reason, clean
from ecograph.ingest.identifiers import read_ids
from ecograph.mapping import Endpoint, Mapping
from ecograph.mapping_cells import ATTRIBUTES
from ecograph.schema import PARTICIPANTS

__all__ = ["UNREADABLE", "attribute_schema", "describe", "read_participants"]

UNREADABLE = "attributes that are not numbers left out"


def attribute_schema(endpoints: tuple[Endpoint, ...]) -> dict[str, pl.DataType]:
    """The columns that these endpoints can fill: id, role and the attributes that any of them names."""
    named = {name for endpoint in endpoints for name in endpoint.attributes}
    return {name: PARTICIPANTS[name].dtype for name in ("id", "role", *(n for n in ATTRIBUTES if n in named))}


def describe(
    frame: pl.DataFrame, ids: pl.Series, endpoint: Endpoint, mapping: Mapping, schema: dict[str, pl.DataType]
) -> tuple[pl.DataFrame, int]:
    """One row a row of ``frame``, with columns as in ``schema``; and how many numbers couldn't be read (now null)."""
    columns = {name: pl.Series(name, [None], dtype).new_from_index(0, frame.height) for name, dtype in schema.items()}
    columns["id"] = ids
    unreadable = 0
    if endpoint.role is not None:
        columns["role"] = pl.Series([endpoint.role]).new_from_index(0, frame.height)
    elif endpoint.role_column is not None:
        columns["role"] = clean(frame[endpoint.role_column], mapping).cast(pl.String)
    for name, column in endpoint.attributes.items():
        if schema[name] == pl.Float64:
            numbers = read_numbers(frame[column], mapping)
            columns[name] = pl.Series(floats(numbers.values)).set(pl.Series(numbers.reason != Reason.FINE), None)
            unreadable += int(((numbers.reason != Reason.FINE) & (numbers.reason != Reason.AMOUNT_MISSING)).sum())
        else:
            columns[name] = clean(frame[column], mapping).cast(pl.String)
    return pl.DataFrame({name: columns[name].rename(name) for name in schema}), unreadable


def read_participants(frame: pl.DataFrame, endpoint: Endpoint, mapping: Mapping) -> pl.DataFrame:
    """The participants that a second table lists: id (prefixed as in the events), role, attributes; distinct rows.

    Rows without an id are left out.
    """
    schema = attribute_schema((endpoint,))
    assert endpoint.column is not None
    ids = read_ids(frame[endpoint.column], mapping, endpoint.id_prefix).values
    rows, _ = describe(frame, ids, endpoint, mapping, schema)
    return rows.filter(pl.col("id").is_not_null()).unique(maintain_order=True)
