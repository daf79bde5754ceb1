"""Do the cells of a column look like times, and written how?"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Literal

import polars as pl

from ecograph.ingest.cells import Reason
from ecograph.ingest.look_numbers import PLAIN
from ecograph.ingest.times import read_times
from ecograph.mapping import Time
from ecograph.ties import NO_TIME

__all__ = ["TimeLook", "look_at_times"]

_ENOUGH = 0.9
_TRY = 50
_DAYS = ("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y", "%d.%m.%Y", "%m.%d.%Y",
         "%d/%m/%y", "%m/%d/%y", "%d.%m.%y", "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%d-%b-%Y",
         "%d-%b-%y", "%Y%m%d")  # fmt: skip
_CLOCKS = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S%.f", " %I:%M %p", " %I:%M:%S %p", "T%H:%M:%S", "T%H:%M:%S%.f",
           " %H:%M:%S %z", ", %H:%M", ", %I:%M %p")  # fmt: skip
_LIKELY = r"\d:\d\d|\d[-/. ]\w+[-/., ]+\d|^[A-Z][a-z]{2,8} \d{1,2},? \d{4}|^(19|20)\d{6}$"
# Day of the month and clock, or the clock alone: the rest must come from the user.
_PARTIAL = {
    r"^\d{1,2} \d{1,2}:\d{2}:\d{2}$": ("%Y-%m-%d %H:%M:%S", "2020-01-", "the year and the month"),
    r"^\d{1,2} \d{1,2}:\d{2}$": ("%Y-%m-%d %H:%M", "2020-01-", "the year and the month"),
    r"^\d{1,2}:\d{2}:\d{2}$": ("%Y-%m-%d %H:%M:%S", "2020-01-31 ", "the day"),
    r"^\d{1,2}:\d{2}$": ("%Y-%m-%d %H:%M", "2020-01-31 ", "the day"),
}
_EPOCHS: dict[Literal["s", "ms", "us"], int] = {"s": 1, "ms": 1000, "us": 1_000_000}
_FROM, _TO = 946_684_800, 2_051_222_400  # 2000 to 2034, in seconds


@dataclass(frozen=True)
class TimeLook:
    """How a column of times is to be read.

    Attributes
    ----------
    choices : one reading, or two that differ in which number is the day.
    matched, values : cells that are times when read so, and cells that aren't blank.
    missing : what the cells leave out, so that a prefix must supply it ("" = nothing).
    offset : the cells say how far they are from UTC.
    """

    choices: tuple[Time, ...]
    matched: int
    values: int
    missing: str = ""
    offset: bool = False


def look_at_times(cells: pl.Series, *, named_so: bool) -> TimeLook | None:
    """A reading under which nine tenths of the cells are times, or None.

    ``cells`` : without nulls and blanks. Numbers are taken for seconds (or thousandths, or millionths) since 1970
    where they fall into 2000 to 2034 and ``named_so``, the name of the column, speaks of time.
    """
    n = cells.len()
    if not n:
        return None
    if isinstance(cells.dtype, pl.Datetime) or cells.dtype == pl.Date:
        zoned = isinstance(cells.dtype, pl.Datetime) and cells.dtype.time_zone is not None
        return TimeLook((Time(cells.name),), n, n, offset=zoned)
    if named_so and (epoch := _epoch(cells)):
        return epoch
    if cells.dtype != pl.String:
        return None
    for pattern, (form, prefix, missing) in _PARTIAL.items():
        matched = int(cells.str.contains(pattern).sum())
        if matched >= _ENOUGH * n:
            return TimeLook((Time(cells.name, format=form, prefix=prefix),), matched, n, missing)
    iso = _matched(cells, Time(cells.name))
    if iso >= _ENOUGH * n:
        return TimeLook((Time(cells.name),), iso, n, offset=bool(cells.str.contains(r"(Z|[+-]\d\d:?\d\d)$").all()))
    return _formatted(cells) if 2 * cells.head(_TRY).str.contains(_LIKELY).sum() > min(n, _TRY) else None


def _epoch(cells: pl.Series) -> TimeLook | None:
    if cells.dtype == pl.String:
        cells = cells.filter(cells.str.contains(r"^\d{9,17}(\.\d*)?$")).cast(pl.Float64, strict=False).drop_nulls()
    elif not cells.dtype.is_numeric():
        return None
    for unit, ticks in _EPOCHS.items():
        inside = int(cells.cast(pl.Float64).is_between(_FROM * ticks, _TO * ticks).sum())
        if cells.len() and inside >= _ENOUGH * cells.len():
            return TimeLook((Time(cells.name, epoch=unit),), inside, cells.len())
    return None


def _formatted(cells: pl.Series) -> TimeLook | None:
    """The format that most cells have; two where day and month could be either way round."""
    head = cells.head(_TRY)
    forms = [day + clock for day, clock in product(_DAYS, _CLOCKS)]
    likely = [form for form in forms if 2 * _matched(head, Time(cells.name, format=form)) > head.len()]
    found = {form: _matched(cells, Time(cells.name, format=form)) for form in likely}
    most = max(found.values(), default=0)
    if most < _ENOUGH * cells.len():
        return None
    best = [form for form in likely if found[form] == most]
    swapped = best[0].replace("%d", "%x").replace("%m", "%d").replace("%x", "%m")
    chosen = [best[0], swapped] if swapped in best[1:] else best[:1]
    return TimeLook(tuple(Time(cells.name, format=f) for f in chosen), most, cells.len(), offset="%z" in best[0])


def _matched(cells: pl.Series, time: Time) -> int:
    read = read_times(cells.to_frame(), time, PLAIN)
    return int(((read.reason == Reason.FINE) & (read.values != NO_TIME)).sum())
