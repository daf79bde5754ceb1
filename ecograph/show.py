"""What is in this ecosystem, for a person to read?"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ecograph.ecosystem import Ecosystem
from ecograph.html import details, plain
from ecograph.ties import NO_CLUSTER, NO_TIME

__all__ = ["day", "markup", "tie_table", "text", "times"]


def tie_table(eco: Ecosystem) -> pl.DataFrame:
    """Ids, names and times for rows; columns that the source didn't tell are left out."""
    names = pl.Series([relation.name for relation in eco.relations], dtype=pl.String)
    starts = np.array([NO_TIME if start is None else start for start in eco.periods], np.int64)
    readable: dict[str, Any] = {
        "provider": lambda rows: eco.ids.gather(rows),
        "receiver": lambda rows: eco.ids.gather(rows),
        "relation": lambda rows: names.gather(rows),
        "period": lambda rows: times(starts[rows]),
        "first": times,
        "last": times,
        "cluster": lambda codes: pl.Series(codes).replace(NO_CLUSTER, None),
    }
    columns = eco.ties.columns
    return pl.DataFrame([readable.get(name, pl.Series)(values).alias(name) for name, values in columns.items()])


def times(microseconds: NDArray[np.int64]) -> pl.Series:
    """Microseconds since 1970 as a UTC column, null where there is no time (NumPy's NaT is Polars' null)."""
    return pl.Series(microseconds.view("datetime64[us]")).dt.replace_time_zone("UTC")


def day(microseconds: int, zone: str = "UTC") -> str:
    """An instant as a date, with the time of day where it isn't midnight.

    Examples
    --------
    >>> day(0), day(90_000_000)
    ('1970-01-01', '1970-01-01 00:01:30')
    """
    shown = pl.Series([microseconds], dtype=pl.Datetime("us", "UTC")).dt.convert_time_zone(zone)
    text: str = shown.dt.to_string("%Y-%m-%d %H:%M:%S%.f")[0]
    return text.removesuffix(" 00:00:00")


def text(eco: Ecosystem) -> str:
    """A few lines, one fact each."""
    title, facts = _facts(eco)
    return "\n".join([title, *(f"  {name}: {plain(value, limit=400)}" for name, value in facts)])


def markup(eco: Ecosystem) -> str:
    """The same facts as a small HTML table; nothing from the data can leave its cell."""
    title, facts = _facts(eco)
    return details(title, facts)


def _facts(eco: Ecosystem) -> tuple[str, list[tuple[str, str]]]:
    title = f"Ecosystem of {_count(len(eco), 'participant')} and {_count(len(eco.ties), 'tie')}"
    facts = [("roles", _roles(eco)), ("relations", _relations(eco)), ("time", _span(eco)), ("clusters", _clusters(eco))]
    if aside := _set_aside(eco):
        facts.append(("set aside from lenses", aside))
    return title, [(name, value) for name, value in facts if value]


def _count(n: int, word: str) -> str:
    return f"{n:,} {word}" + ("" if n == 1 else "s")


def _roles(eco: Ecosystem, few: int = 8) -> str:
    counts = eco.participants["role"].value_counts().sort(["count", "role"], descending=[True, False], nulls_last=True)
    shown = [f"{n:,} {'without role' if role is None else plain(role, limit=30)}" for role, n in counts.iter_rows()]
    return _list(shown, few)


def _relations(eco: Ecosystem, few: int = 8) -> str:
    counts = np.bincount(eco.ties.relation, minlength=len(eco.relations))
    shown = [
        f"{plain(r.name, limit=30)} [{plain(r.unit, limit=20)}, {r.layer}] {_count(int(n), 'tie')}"
        for r, n in zip(eco.relations, counts, strict=True)
    ]
    return _list(shown, few)


def _list(shown: list[str], few: int) -> str:
    more = len(shown) - few
    return ", ".join(shown[:few]) + (f" and {more:,} more" if more > 0 else "")


def _span(eco: Ecosystem) -> str:
    starts = [start for start in eco.periods if start is not None]
    ties = eco.ties
    parts = []
    if ties.first is not None and ties.last is not None and (dated := ties.first != NO_TIME).any():
        low, high = int(ties.first[dated].min()), int(ties.last.max())
        parts.append(f"{day(low, eco.zone)} to {day(max(low, high), eco.zone)} {eco.zone}")
    if starts:
        length = f" of {eco.every}" if eco.every else ""
        parts.append(f"{_count(len(starts), 'period')}{length} from {day(starts[0], eco.zone)}")
    return ", ".join(parts)


def _clusters(eco: Ecosystem) -> str:
    if eco.ties.cluster is None:
        return ""
    codes = pl.Series(eco.ties.cluster)
    told = codes.filter(codes != NO_CLUSTER)
    parts = f"{told.n_unique():,} that cut {_count(len(eco.pooled.ties), 'tie')} into {_count(codes.len(), 'part')}"
    return parts + f", {codes.len() - told.len():,} of them of events by themselves" * (told.len() < codes.len())


def _set_aside(eco: Ecosystem) -> str:
    eco = eco.pooled
    loops = int((eco.ties.provider == eco.ties.receiver).sum())
    others = len(eco.ties) - int(eco.active.sum()) - loops
    parts = [_count(loops, "self-tie")] * (loops > 0) + [f"{_count(others, 'tie')} of weight 0 or less"] * (others > 0)
    return ", ".join(parts)
