"""What a graph or a file carries beside its tables, and how columns of a foreign graph are read."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import polars as pl

from ecograph import __version__
from ecograph.ecosystem import Ecosystem
from ecograph.errors import GraphFormatError
from ecograph.html import quoted
from ecograph.schema import PARTICIPANTS, TIES, Relation
from ecograph.show import times
from ecograph.suggest import offer
from ecograph.tables import UNREADABLE, series
from ecograph.ties import NO_TIME

__all__ = ["KEY", "check_maps", "label", "label_from_text", "options_for", "readable", "text_or_numbers", "unlabel",
           "with_lost_columns"]  # fmt: skip

KEY = "ecograph"  # the graph property that holds the label


def label(eco: Ecosystem) -> dict[str, Any]:
    """Relations, periods, their length and zone, and who wrote it."""
    return {
        "version": __version__,
        "relations": [list(relation) for relation in eco.relations],
        "periods": list(eco.periods),
        "columns": list(eco.ties.columns),
        "every": eco.every,
        "zone": eco.zone,
    }


def unlabel(label: dict[str, Any]) -> dict[str, Any]:
    """The same as arguments of the ``Ecosystem`` constructor; none for an empty label."""
    if not label:
        return {}
    return {
        "relations": tuple(Relation(*map(str, relation)) for relation in label["relations"]),  # type: ignore[arg-type]
        "periods": tuple(None if start is None else int(start) for start in label["periods"]),
        "every": label["every"],
        "zone": label["zone"],
    }


def label_from_text(text: Any) -> dict[str, Any]:
    """The label that a graph carries, or an empty one where it carries none."""
    if text is None:
        return {}
    try:
        found: dict[str, Any] = json.loads(text)
        unlabel({**found})
    except (TypeError, ValueError, KeyError):
        raise GraphFormatError(
            f"The graph property '{KEY}' isn't the label that ecograph wrote.",
            hint=f"delete it (del g.gp['{KEY}'] or G.graph.pop('{KEY}')) and give relations=... yourself",
        ) from None
    return found


def check_maps(maps: dict[str, Any]) -> None:
    """Only columns of the tie and participant tables can be asked for, and the ends are the graph's own."""
    known = [name for name in (*TIES, *PARTICIPANTS) if name not in ("provider", "receiver")]
    if unknown := sorted(maps.keys() - set(known)):
        raise GraphFormatError(f"A graph has no column {quoted(unknown)}.", hint=offer(unknown[0], known, "columns"))


def options_for(carried: dict[str, Any], maps: dict[str, Any]) -> dict[str, Any]:
    """What the label says of the columns that are read as it left them."""
    source = {"relations": "relation", "periods": "period", "every": "period", "zone": None}
    return {name: value for name, value in unlabel(carried).items() if source[name] not in maps}


def text_or_numbers(name: str, values: list[Any]) -> pl.Series:
    """Python values as a column, if they are of one type."""
    try:
        return series(name, values)
    except UNREADABLE:
        kinds = sorted({type(value).__name__ for value in values})
        raise GraphFormatError(
            f"The values for {name} ({', '.join(kinds)}) aren't all numbers or all text in valid Unicode.",
            hint=f"make them one type, or give {name}=None to leave them out",
        ) from None


def readable(column: pl.Series, options: dict[str, Any]) -> pl.Series:
    """Names for rows of ``relations``, times for rows of ``periods`` and for microseconds since 1970 UTC."""
    if not column.dtype.is_integer() or column.name not in ("relation", "period", "first", "last"):
        return column
    known = options.get(f"{column.name}s")
    if known is None:
        return column if column.name == "relation" else times(column.cast(pl.Int64).to_numpy()).alias(column.name)
    if column.len() and not (column.min() >= 0 and column.max() < len(known)):  # type: ignore[operator]
        raise GraphFormatError(
            f"The map '{column.name}' points outside the {len(known)} {column.name}s that the graph's label lists.",
            hint=f"give {column.name}= a map of names or times, or None",
        )
    if column.name == "relation":
        return pl.Series("relation", [relation.name for relation in known], dtype=pl.String).gather(column)
    starts = np.array([NO_TIME if start is None else start for start in known], np.int64)
    return times(starts[column.to_numpy()]).alias("period")


def with_lost_columns(ties: pl.DataFrame, carried: dict[str, Any], maps: dict[str, Any]) -> pl.DataFrame:
    """Columns that the label lists and no edge had a value for: all null, or of a graph without edges."""
    lost = [name for name in carried.get("columns", ()) if name not in ties.columns and name not in maps]
    kept = [name for name in lost if name in ("first", "last", "cluster") or ties.height == 0]
    return ties.with_columns(pl.lit(None).alias(name) for name in kept if name in TIES)
