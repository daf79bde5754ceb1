"""The participant, event and tie tables: column, type, unit and meaning, as data."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

import polars as pl

__all__ = ["EVENTS", "LAYERS", "PARTICIPANTS", "PILLARS", "TIES", "Column", "Layer", "Pillar", "Relation"]

Layer = Literal["service", "money"]
Pillar = Literal["iot", "cloud", "big data", "ai", "super app", "broadband"]
LAYERS: tuple[str, ...] = get_args(Layer)
PILLARS: tuple[str, ...] = get_args(Pillar)


class Column(NamedTuple):
    """One column of a table: its Polars type, its unit, its meaning, and whether a table must have it."""

    dtype: pl.DataType
    unit: str
    meaning: str
    required: bool = False


class Relation(NamedTuple):
    """What flows along a tie. Amounts of relations with different units are never added in silence."""

    name: str
    unit: str = "1"
    layer: Layer = "service"


_TIME = pl.Datetime("us", "UTC")

PARTICIPANTS: dict[str, Column] = {
    "id": Column(pl.String(), "id", "The participant; unique, never blank.", required=True),
    "role": Column(pl.String(), "name", "What it is: driver, merchant, supplier, ..."),
    "group": Column(pl.String(), "name", "Kind of contribution; a null group is a group of its own."),
    "market": Column(pl.String(), "name", "Who can stand in for whom; null = the group."),
    "owner": Column(pl.String(), "id", "The conductor that owns it; null = external."),
    "pillar": Column(pl.String(), "name", "One of the six technology pillars, or null."),
    "region": Column(pl.String(), "name", "Where it is."),
    "capacity": Column(pl.Float64(), "unit and span of weight", "The most it can give; null = unknown."),
    "external_cost": Column(pl.Float64(), "unit of weight", "Inputs bought outside the data; null = 0."),
    "external_demand": Column(pl.Float64(), "unit of weight", "Output sold outside the data; null = 0."),
}

EVENTS: dict[str, Column] = {
    "provider": Column(pl.String(), "id", "Who gives.", required=True),
    "receiver": Column(pl.String(), "id", "Who gets.", required=True),
    "relation": Column(pl.String(), "name", "What flows; null = the only one."),
    "amount": Column(pl.Float64(), "unit of the relation", "How much; 1 when absent; negative = a refund."),
    "time": Column(_TIME, "UTC", "When; null = undated."),
    "via": Column(pl.String(), "id", "The conductor that orchestrated it; null = nobody."),
}

TIES: dict[str, Column] = {
    "provider": Column(pl.String(), "id", "Who gives.", required=True),
    "receiver": Column(pl.String(), "id", "Who gets.", required=True),
    "relation": Column(pl.String(), "name", "What flows."),
    "period": Column(_TIME, "UTC", "First instant of the period; null = undated or one period."),
    "weight": Column(pl.Float64(), "unit of the relation", "Sum of the events' amounts.", required=True),
    "weight_sq": Column(pl.Float64(), "unit squared", "Sum of the squared amounts."),
    "count": Column(pl.Int64(), "events", "Number of events."),
    "first": Column(_TIME, "UTC", "Time of the first event."),
    "last": Column(_TIME, "UTC", "Time of the last event."),
    "cluster": Column(pl.Int32(), "code", "Which events belong together, from 0; null = each event by itself."),
}
