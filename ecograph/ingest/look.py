"""What do the columns of a table hold: ids, amounts, times?"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from ecograph.ingest.evidence import Evidence, samples
from ecograph.ingest.look_numbers import NumberLook, look_at_numbers
from ecograph.ingest.look_times import TimeLook, look_at_times
from ecograph.ingest.names import speaks_of_time

__all__ = ["Look", "look_at"]

_EPOCHS = {"s": "seconds", "ms": "milliseconds", "us": "microseconds"}


@dataclass(frozen=True)
class Look:
    """One column of a sample.

    Attributes
    ----------
    cells : of the sample, without nulls and blanks. blank : how many of those were there.
    distinct : different cells. time, number : how they read as such; None = they don't.
    """

    name: str
    cells: pl.Series
    blank: int
    distinct: int
    time: TimeLook | None
    number: NumberLook | None

    @property
    def unique(self) -> bool:
        """Hardly a cell comes twice, as in a column that numbers the rows."""
        return self.cells.len() > 20 and self.distinct > 0.95 * self.cells.len()

    @property
    def mostly_blank(self) -> bool:
        """More cells are blank than not."""
        return self.blank > self.cells.len()

    @property
    def evidence(self) -> Evidence:
        """What the column holds, in a line."""
        kind, seen = "text", ""
        if self.time is not None:
            kind, seen = "time", f"{_share(self.time)} read {_reading(self.time)}, "
        elif self.number is not None:
            kind, seen = (
                "number",
                f"{_share(self.number)} are numbers, " + (f"{self.number.seen}, " * bool(self.number.seen)),
            )
        seen += f"{self.distinct:,} different, {self.blank:,} blank"
        return Evidence(self.name, kind, seen, samples(self.cells.head(1000)))


def look_at(column: pl.Series) -> Look:
    """Look at one column of a sample; of text, blanks around cells don't count."""
    cells = column.drop_nulls()
    if cells.dtype == pl.String:
        cells = cells.str.strip_chars()
        cells = cells.filter(cells != "")
    elif cells.dtype.is_float():
        cells = cells.drop_nans()
    nested = cells.dtype.is_nested() or cells.dtype in (pl.Object, pl.Unknown)
    time = None if nested else look_at_times(cells, named_so=speaks_of_time(column.name))
    number = None if nested or time is not None else look_at_numbers(cells)
    distinct = cells.len() if nested else cells.n_unique()
    return Look(column.name, cells, column.len() - cells.len(), distinct, time, number)


def _share(look: TimeLook | NumberLook) -> str:
    return f"{look.matched:,} of {look.values:,} values"


def _reading(look: TimeLook) -> str:
    if look.missing:
        return f"as times that leave out {look.missing}"
    ways = {
        f"as {c.format}" if c.format else f"as {_EPOCHS[c.epoch]} since 1970" if c.epoch else "as ISO 8601"
        for c in look.choices
    }
    return " or ".join(sorted(ways))
