"""How do checked columns become an ecosystem in the one order?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ecograph.clusters import pool
from ecograph.ecosystem import Ecosystem
from ecograph.errors import TieTableError
from ecograph.html import quoted
from ecograph.order import canonical_order, sort_ties
from ecograph.schema import LAYERS, Layer, Relation
from ecograph.suggest import offer
from ecograph.tables import check_participants, check_ties, read_table
from ecograph.ties import NO_CLUSTER, NO_TIME

__all__ = ["ONLY", "Relations", "assemble", "check_relations", "code_names", "from_ties", "microseconds"]

Relations = Sequence[Relation] | Mapping[str, str | tuple[str, str]]
ONLY = "tie"  # what flows where the data name nothing


def from_ties(
    ties: Any,
    participants: Any = None,
    *,
    relations: Relations | None = None,
    periods: tuple[int | None, ...] | None = None,
    **rest: Any,
) -> Ecosystem:
    """Check both tables, add participants that only occur in ties, code, order and merge.

    ``periods`` are the sorted starts to code by, where the ties use no others; ``rest`` goes to ``Ecosystem``.
    """
    given = pl.DataFrame({"id": []}) if participants is None else read_table(participants, "participants")
    people = check_participants(given)
    table = check_ties(read_table(ties, "ties"))
    found = pl.concat([people["id"], table["provider"], table["receiver"]]).unique()
    people = people.join(found.to_frame("id"), on="id", how="full", coalesce=True)
    names = (
        table["relation"]
        if "relation" in table.columns
        else pl.Series("relation", [ONLY]).new_from_index(0, table.height)
    )
    known = check_relations(relations, names.unique().to_list())
    listed, period = _periods(table, periods)
    return assemble(
        people,
        provider=code_names(table["provider"], people["id"]),
        receiver=code_names(table["receiver"], people["id"]),
        relation=code_names(names, [r.name for r in known]),
        period=period,
        values={name: _values(table[name]) for name in table.columns if name in _CARRIED},
        relations=known,
        periods=listed,
        **rest,
    )


_CARRIED = ("weight", "weight_sq", "count", "first", "last", "cluster")


def assemble(
    participants: pl.DataFrame,
    *,
    provider: NDArray[Any],
    receiver: NDArray[Any],
    relation: NDArray[Any],
    period: NDArray[Any],
    values: Mapping[str, NDArray[Any]],
    relations: tuple[Relation, ...],
    periods: tuple[int | None, ...] = (None,),
    **rest: Any,
) -> Ecosystem:
    """Put participants in canonical order and ties in theirs, merging parallel rows exactly.

    ``provider`` and ``receiver`` are rows of ``participants``, in whatever order that table has;
    ``relation`` and ``period`` are rows of ``relations`` and ``periods``.
    """
    order = canonical_order(participants["id"])
    rank = np.empty(order.size, np.int32)
    rank[order] = np.arange(order.size, dtype=np.int32)
    columns = {"provider": rank[provider], "receiver": rank[receiver], "relation": relation, "period": period}
    ties = sort_ties(columns | dict(values))
    pooled = pool(ties).columns
    for name in ("weight", "weight_sq"):
        sums = pooled.get(name, np.zeros(0))
        if not np.isfinite(sums).all():
            raise TieTableError(
                f"Parallel ties add up to a {name} beyond what a float64 holds (1.8e308).",
                hint="give the amounts in a larger unit",
            )
    return Ecosystem(participants[order].rechunk(), ties, relations, periods, **rest)


def check_relations(relations: Relations | None, names: Iterable[str]) -> tuple[Relation, ...]:
    """Relations sorted by name: those given, which have to cover ``names``, or one of unit 1 for each name."""
    if relations is None:
        return tuple(Relation(name) for name in sorted(names))
    pairs = relations.items() if isinstance(relations, Mapping) else ((r.name, (r.unit, r.layer)) for r in relations)
    listed = [_relation(name, what) for name, what in pairs]
    known = [relation.name for relation in listed]
    if len(set(known)) < len(known):
        raise TieTableError(f"relations= names one relation twice: {quoted(sorted(known), few=12)}.")
    if absent := sorted(set(names) - set(known)):
        fault = f"The ties have relations that relations= doesn't list: {quoted(absent)}."
        raise TieTableError(fault, hint=offer(absent[0], known, "relations"))
    return tuple(sorted(listed))


def _relation(name: str, what: str | tuple[str, str]) -> Relation:
    unit, layer = (what, "service") if isinstance(what, str) else what
    if layer not in LAYERS:
        fault = f"Relation {quoted([name])} has an unknown layer {quoted([layer])}."
        raise TieTableError(fault, hint=offer(layer, LAYERS, "layers"))
    return Relation(name, unit, cast("Layer", layer))


def code_names(names: pl.Series, known: pl.Series | list[str]) -> NDArray[np.int64]:
    """The row in ``known`` (unique) of every name; -1 where it isn't known."""
    table = pl.DataFrame({"name": known}, schema={"name": pl.String}).with_row_index("row")
    coded = names.to_frame("name").join(table, on="name", how="left", maintain_order="left")
    return coded["row"].cast(pl.Int64).fill_null(-1).to_numpy()


def _periods(
    table: pl.DataFrame, listed: tuple[int | None, ...] | None
) -> tuple[tuple[int | None, ...], NDArray[np.int64]]:
    """The starts listed, or the distinct ones with the undated first, and the row of each tie in them."""
    times = microseconds(table["period"]) if "period" in table.columns else np.full(table.height, NO_TIME)
    starts, codes = np.unique(times, return_inverse=True)
    found = [None if start == NO_TIME else int(start) for start in starts]
    if listed is None or not set(found) <= set(listed):
        return tuple(found) or (None,), codes
    return listed, np.array([listed.index(start) for start in found], np.int64)[codes]


def _values(column: pl.Series) -> NDArray[Any]:
    if column.name == "cluster":
        return column.fill_null(NO_CLUSTER).to_numpy()
    return microseconds(column) if isinstance(column.dtype, pl.Datetime) else column.to_numpy()


def microseconds(times: pl.Series) -> NDArray[np.int64]:
    """A Datetime column as microseconds since 1970 UTC, ``NO_TIME`` where null."""
    return times.to_physical().fill_null(NO_TIME).to_numpy()
