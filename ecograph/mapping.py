"""How one row of a wide real-world table gives one or several ties: a mapping, as TOML or Python."""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Mapping as MappingABC
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import polars as pl

from ecograph.errors import MappingError
from ecograph.mapping_cells import Amount, Endpoint, Time
from ecograph.mapping_rules import Filter, ParticipantTable, TieRule
from ecograph.mapping_words import nearest_words, one_of
from ecograph.schema import Layer, Relation

if TYPE_CHECKING:
    from ecograph.ingest.source import Dialect

__all__ = ["Amount", "Endpoint", "Filter", "Mapping", "ParticipantTable", "TieRule", "Time"]

Duplicates = Literal["keep", "count", "drop"]
FORMATS = ("csv", "tsv", "ndjson", "parquet", "ipc", "frame")


def _dialect() -> Dialect:
    from ecograph.ingest.source import Dialect  # ingest imports this module

    return Dialect()


@dataclass(frozen=True)
class Mapping:
    """Which ties a row gives, and how its cells are read.

    Parameters
    ----------
    ties : one rule a tie, each row tries them all.
    time : of the rules that name none of their own; None = undated.
    where : filters that a row must pass whole.
    dialect : how the bytes of a text file are cut into cells.
    every : length of a period (``"1mo"``, ``"1w"``, ``"1d"``); None = one period.
    duplicates : rows that are equal in the columns read: kept, kept and counted, or dropped but for the first.
    strip : take blanks off both ends of ids and other texts; said in a notice.
    casefold : turn ids into lower case.
    null_values : texts that mean *missing*, beside blank cells, which always do.
    participants : further tables with attributes of participants.
    format : of the source, where its name doesn't tell.
    cluster : column whose equal cells say which rows belong together; "row" = each row by itself, so that the ties
        one row gives belong together; None = every event by itself.
    declared : unit and layer of relations whose names come from the data (``[relations.NAME]``).

    Raises
    ------
    MappingError : no rules; one relation with two units or layers; a value outside what is allowed.

    Examples
    --------
    >>> meal = TieRule(Endpoint("shop", role="shop"), Endpoint("buyer", role="buyer"), "meal", unit="USD",
    ...                amount=Amount("total"), via=Endpoint(constant="platform"))
    >>> Mapping((meal,)).relations
    (Relation(name='meal', unit='USD', layer='service'),)
    >>> Mapping((meal,)).columns
    ('shop', 'buyer', 'total')
    """

    ties: tuple[TieRule, ...]
    time: Time | None = None
    where: tuple[Filter, ...] = ()
    dialect: Dialect = field(default_factory=_dialect)
    every: str | None = None
    duplicates: Duplicates = "keep"
    strip: bool = True
    casefold: bool = False
    null_values: tuple[str, ...] = ("",)
    participants: tuple[ParticipantTable, ...] = ()
    format: str | None = None
    declared: tuple[Relation, ...] = ()
    cluster: str | None = None

    def __post_init__(self) -> None:
        if not self.ties:
            raise MappingError("the mapping gives no ties.", hint="add a [[ties]] table with provider and receiver")
        one_of(self.duplicates, get_args(Duplicates), "duplicates")
        if self.format is not None:
            one_of(self.format, FORMATS, "the format")
        if self.every is not None and not re.fullmatch(r"(?=.*[1-9])(\d+(us|ms|s|m|h|d|w|mo|q|y))+", self.every):
            raise MappingError(f"every is {self.every!r}.", hint='write a length like "1mo", "1w", "1d" or "6h"')
        self.relation_of("")  # raises where units or layers disagree

    @classmethod
    def from_toml(cls, source: str | Path) -> Mapping:
        """Read a mapping from a TOML file (a path) or from TOML text (a string with a line end or ``=`` in it).

        Paths of participant tables are taken beside the file. Unknown keys raise MappingError with the nearest
        known one; docs/data/mapping.md shows the keys.
        """
        from ecograph.mapping_toml import read_mapping

        return read_mapping(source)

    def to_toml(self) -> str:
        """The mapping as TOML text, with what is left at its default left out; ``from_toml`` gives it back equal."""
        from ecograph.mapping_write import write_mapping

        return write_mapping(self)

    @classmethod
    def default(cls, columns: Iterable[str]) -> Mapping:
        """The mapping of a table that already has provider, receiver and maybe amount, time, relation, via.

        Examples
        --------
        >>> Mapping.default(["provider", "receiver", "time"]).time.column
        'time'
        """
        names = list(columns)
        for needed in ("provider", "receiver"):
            if needed not in names:
                raise MappingError(
                    f"without a mapping a table needs the column {needed!r}; {nearest_words(needed, names)}.",
                    hint="rename the column, or let `ecograph map FILE` write a first mapping",
                )
        rule = TieRule(
            Endpoint("provider"),
            Endpoint("receiver"),
            amount=Amount("amount" if "amount" in names else None),
            via=Endpoint("via") if "via" in names else None,
            relation_column="relation" if "relation" in names else None,
        )
        return cls((rule,), time=Time("time") if "time" in names else None)

    def time_of(self, rule: TieRule) -> Time | None:
        """When the rule's events happened: its own time, else the mapping's."""
        return rule.time or self.time

    def relation_of(self, name: str) -> Relation:
        """The relation of that name; unit "1" and layer "service" where nothing says otherwise."""
        return self._said.get(name, Relation(name))

    @property
    def relations(self) -> tuple[Relation, ...]:
        """The relations that the mapping names (not those that only data name), sorted by name."""
        names = {rule.relation for rule in self.ties if rule.relation_column is None}
        return tuple(self.relation_of(name) for name in sorted(names | {r.name for r in self.declared}))

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that the mapping reads from the event table, in the order in which it names them."""
        from ecograph.mapping_check import uses

        return tuple(dict.fromkeys(use.column for use in uses(self)))

    def check(self, columns: MappingABC[str, pl.DataType]) -> None:
        """Raise MappingError where a column isn't there (the nearest names are given) or has an unsuitable type."""
        from ecograph.mapping_check import check_columns

        check_columns(self, columns)

    @property
    def _said(self) -> dict[str, Relation]:
        units: dict[str, str] = {}
        layers: dict[str, Layer] = {}
        said = [(r.relation, r.unit, r.layer) for r in self.ties if r.relation_column is None]
        for name, unit, layer in [*((r.name, r.unit, r.layer) for r in self.declared), *said]:
            _agree(units, name, unit, "unit")
            _agree(layers, name, layer, "layer")
        return {n: Relation(n, units.get(n, "1"), layers.get(n, "service")) for n in units.keys() | layers.keys()}


def _agree(said: dict[str, str] | dict[str, Layer], name: str, value: str | None, what: str) -> None:
    """Note that relation ``name`` has this unit (or layer); two different ones are an error."""
    if value is not None and said.setdefault(name, value) != value:  # type: ignore[arg-type]  # layers are checked by TieRule
        raise MappingError(f"the relation {name!r} has {what} {said[name]!r} and {value!r}.",
                           hint="give the two flows different names")  # fmt: skip
