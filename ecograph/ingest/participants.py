"""What is said about participants, by events and by a second table: one answer each, whatever the order."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl

from ecograph.errors import SourceError, TieTableError
from ecograph.html import quoted
from ecograph.ingest.attributes import read_participants
from ecograph.ingest.source import Dialect, columns, read, resolve
from ecograph.mapping import Mapping
from ecograph.mapping_cells import ATTRIBUTES, Endpoint
from ecograph.schema import PARTICIPANTS
from ecograph.suggest import offer
from ecograph.tables import check_participants

__all__ = ["Said", "participant_table", "read_second_table"]

_SMALL = 1 << 16  # rows put together at the least before they are condensed
_NO_ID = "participant rows without an id left out"


class Said:
    """Attributes told by streamed rows (id, attributes); of several the smallest text or the largest number counts.

    Memory grows with the ids that have attributes, not with the rows.

    Examples
    --------
    >>> said = Said()
    >>> said.add(pl.DataFrame({"id": ["a", "a"], "role": ["shop", "driver"], "capacity": [3.0, 7.0]}))
    >>> said.finish()[0].row(0), said.finish()[1]
    (('a', 'driver', 7.0), 2)
    """

    def __init__(self) -> None:
        self._parts: list[pl.DataFrame] = []
        self._condensed = 0

    def add(self, rows: pl.DataFrame) -> None:
        """Take rows with an id and attributes, null where nothing is said."""
        names = [name for name in rows.columns if name != "id"]
        rows = rows.filter(pl.any_horizontal(pl.col(name).is_not_null() for name in names)) if names else rows.clear()
        if rows.height:
            self._parts.append(rows.with_columns(pl.col(name).alias(f"{name} most") for name in names))
            if sum(part.height for part in self._parts) > 2 * max(self._condensed, _SMALL):
                self._condense()

    def finish(self) -> tuple[pl.DataFrame, int]:
        """(id and attributes, one row an id; how many attributes were told in more than one way)."""
        self._condense()
        if not self._parts:
            return pl.DataFrame(schema={"id": pl.String}), 0
        rows = self._parts[0]
        names = [name for name in rows.columns if f"{name} most" in rows.columns]
        differ = rows.select((pl.col(name) != pl.col(f"{name} most")).sum() for name in names)
        taken = [pl.col(name if rows[name].dtype == pl.String else f"{name} most").alias(name) for name in names]
        return rows.select("id", *taken), sum(differ.row(0))

    def _condense(self) -> None:
        """One row an id: the least and the most that was said; both are the same for any order of rows."""
        if self._parts:
            rows = pl.concat(self._parts, how="diagonal")
            least = [name for name in rows.columns if name != "id" and not name.endswith(" most")]
            both = [pl.col(name).min() for name in least] + [pl.col(f"{name} most").max() for name in least]
            self._parts = [rows.group_by("id").agg(both)]
            self._condensed = self._parts[0].height


def read_second_table(table: Any, mapping: Mapping, notices: Counter[str]) -> pl.DataFrame:
    """Attributes of participants from ``table`` (with the columns of ``schema.PARTICIPANTS``) or the mapping's tables.

    Raises
    ------
    SourceError : a row that can't be read: such a table is small enough to be right.
    TieTableError : no id column, or a column that isn't an attribute.
    """
    said = Said()
    specs = [(spec.path, spec.participant) for spec in mapping.participants] if table is None else [(table, None)]
    for source, endpoint in specs:
        for frame, end in _frames(source, endpoint):
            blank = frame[str(end.column)].cast(pl.String).str.strip_chars().fill_null("") == ""
            notices[_NO_ID] += int(blank.sum())
            said.add(read_participants(frame, end, mapping))
    rows, differ = said.finish()
    notices["attributes told in two ways by the participants table"] += differ
    return rows


def _frames(source: Any, endpoint: Endpoint | None) -> list[tuple[pl.DataFrame, Endpoint]]:
    """The table's parts, each with the way to read it."""
    dialect, frames = Dialect(), []
    for one in resolve(os.fspath(source) if isinstance(source, Path) else source):
        end = endpoint or _by_name(list(columns(one, dialect)))
        wanted = [name for name in (end.column, end.role_column, *end.attributes.values()) if name is not None]
        for batch in read(one, dialect, wanted):
            if batch.bad.height:
                line, column, reason = batch.bad.select("line", "column", "reason").row(0)
                where = f"line {line}" + (f", column {column!r}" if column else "")
                raise SourceError(f"{one.name}, {where}: {reason}.", hint="mend this row of the participants table.")
            frames.append((batch.frame, end))
    return frames


def _by_name(names: list[str]) -> Endpoint:
    if "id" not in names:
        hint = f"{offer('id', names, 'columns')}; or describe the table in the mapping ([[participants]])."
        raise TieTableError(f"the participants table has no column 'id'; it has {quoted(names, few=12)}.", hint=hint)
    if unknown := [name for name in names if name not in PARTICIPANTS]:
        hint = f"{offer(unknown[0], PARTICIPANTS, 'columns')}; leave other columns out."
        raise TieTableError(f"the participants table has columns that are no attributes: {quoted(unknown)}.", hint=hint)
    attributes = {name: name for name in ATTRIBUTES if name in names}
    return Endpoint("id", role_column="role" if "role" in names else None, attributes=attributes)


def participant_table(ids: pl.Series, said: pl.DataFrame, second: pl.DataFrame) -> pl.DataFrame:
    """Participants in the order of ``ids``, with every column of the schema; the second table's word counts first.

    Raises
    ------
    TieTableError : a pillar that isn't one of the six; a capacity or external amount below zero.
    """
    if not said.height and not second.height:  # nothing to check: ids are distinct, and none is blank
        nothing = [pl.lit(None, column.dtype).alias(name) for name, column in PARTICIPANTS.items() if name != "id"]
        return ids.rename("id").to_frame().with_columns(nothing).select(*PARTICIPANTS)
    found: dict[str, pl.Series] = {"id": ids.rename("id")}
    for rows in (second, said):
        aligned = found["id"].to_frame().join(rows, on="id", how="left", maintain_order="left")
        for name in aligned.columns[1:]:
            before = found.get(name, aligned[name])
            found[name] = before.zip_with(before.is_not_null(), aligned[name])
    return check_participants(pl.DataFrame(found))
