"""Times of a column as microseconds since 1970 UTC, never guessed."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ecograph.cpu.iso_text import BAD, ZONED, parse_iso
from ecograph.errors import MappingError
from ecograph.ingest.amounts import floats, read_numbers
from ecograph.ingest.cells import Parsed, Reason, clean
from ecograph.ingest.columns import Columns, Table, Texts, texts_of
from ecograph.mapping import Mapping, Time
from ecograph.mapping_words import nearest_words
from ecograph.ties import NO_TIME

__all__ = ["check_time", "read_times"]

_SECOND = 1_000_000
_FIRST, _LAST = -2_208_988_800 * _SECOND, 7_289_654_400 * _SECOND  # 1900-01-01 and 2201-01-01, UTC
_TICK = {"s": _SECOND, "ms": 1000, "us": 1}
_US = pl.Datetime("us")
_DAY = {"ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}  # ticks of a Datetime
_ANY_CLOCK = (-62_091, 120_529)  # days since 1970 from 1800 to 2299: what lies beyond is out in every zone
_HALF_MONTH = pl.duration(days=15)


class _Local(NamedTuple):
    """Clock readings, how far each is ahead of UTC (null: the mapping's zone says), and reasons."""

    clock: pl.Series
    ahead: pl.Series
    reason: NDArray[np.uint8]


def check_time(time: Time) -> None:
    """Raise MappingError where Polars knows no such zone or can't parse by such a format."""
    try:
        pl.Series([0]).cast(_US).dt.replace_time_zone(time.zone)
    except pl.exceptions.PolarsError:
        from zoneinfo import available_timezones

        near = nearest_words(time.zone, sorted(available_timezones())).partition(" There are")[0]
        raise MappingError(f"the time zone {time.zone!r} isn't known.", hint=near) from None
    if time.format is not None:
        try:
            _by_format(pl.Series([""]), time.format)
        except pl.exceptions.PolarsError as error:
            said = str(error).partition("\n")[0][:200]
            raise MappingError(f"the time format {time.format!r} can't be used: {said}") from None


def read_times(frame: Table, time: Time, mapping: Mapping) -> Parsed[NDArray[np.int64]]:
    """When each row happened, in microseconds since 1970 UTC; NO_TIME (with a notice) where the cell is missing.

    Text is ISO 8601 (``2020-01-31``, ``2020-01-31 23:59``, ``2020-01-31T23:59:59.5+07:00``, ``...Z``) or of the
    format given; 01/02/2020 without a format is bad, never guessed. Times without offset are in ``time.zone``:
    one that occurs twice (clocks set back) is the earlier, with a notice; one that never occurs is bad (Polars'
    tables know no summer time after 2099). What lies outside the years 1900 to 2200 is bad. With ``not_before``,
    a time more than 15 days earlier than that column's own is moved on by one month, with a notice: days of a
    month that wrap past its end.
    """
    if (instants := _instants(frame, time)) is not None:
        return Parsed(instants, np.zeros(instants.size, np.uint8))
    local = _written(frame, time, mapping) or _local(clean(frame[time.column], mapping), time, mapping)
    clock, moved = local.clock, np.zeros(frame.height, np.bool_)
    if time.not_before is not None:
        floor = _local(clean(frame[time.not_before], mapping), time, mapping).clock
        late = pl.select((clock < floor - _HALF_MONTH).fill_null(False)).to_series()
        clock, moved = (
            pl.select(pl.when(late).then(clock.dt.offset_by("1mo")).otherwise(clock)).to_series(),
            late.to_numpy(),
        )
    utc, twice = _utc(clock, local.ahead, time.zone)
    reason = local.reason.copy()
    known = clock.is_not_null().to_numpy()
    reason[known & utc.is_null().to_numpy()] = Reason.NO_SUCH_LOCAL_TIME
    microseconds = utc.fill_null(NO_TIME).to_numpy().copy()
    outside = known & (reason == Reason.FINE) & ((microseconds < _FIRST) | (microseconds >= _LAST))
    reason[outside] = Reason.YEARS
    undated = (reason == Reason.FINE) & ~known
    notices = {"events without a time kept, undated": undated, "times moved on by one month": moved,
               "times that occur twice read as the earlier": twice}  # fmt: skip
    return Parsed(microseconds, reason, notices)


def _instants(frame: Table, time: Time) -> NDArray[np.int64] | None:
    """A column of times that say UTC or are in it, none missing, none outside the years: there is nothing to do."""
    given = frame.given(time.column) if isinstance(frame, Columns) else frame[time.column]
    if isinstance(given, Texts) or not isinstance(given.dtype, pl.Datetime) or given.null_count() or not len(given):
        return None
    if time.not_before is not None or (given.dtype.time_zone is None and time.zone != "UTC"):
        return None
    if _absurd(given).any():
        return None
    microseconds = given.dt.cast_time_unit("us").to_physical().to_numpy()
    return microseconds if microseconds.min() >= _FIRST and microseconds.max() < _LAST else None


def _absurd(cells: pl.Series) -> pl.Series:
    """Which dates or times are so far off that they mustn't be turned into microseconds: that may wrap, or panic."""
    day = _DAY[cells.dtype.time_unit] if isinstance(cells.dtype, pl.Datetime) else 1
    ticks, most = cells.to_physical().cast(pl.Int64), 2**63 - 1
    first, last = (min(days * day, most) for days in _ANY_CLOCK)
    return ((ticks < first) | (ticks > last)).fill_null(False)


def _written(frame: Table, time: Time, mapping: Mapping) -> _Local | None:
    """Where every cell of a column of text is ISO 8601 as it stands: none is missing, and none needs be mended."""
    column = frame.given(time.column) if isinstance(frame, Columns) else None
    plain = time.format is None and time.epoch is None and not time.prefix and not any(mapping.null_values)
    if not plain or not isinstance(column, Texts) or column.missing is not None:
        return None
    clock, ahead = _by_iso(column)
    return None if clock.null_count() else _Local(clock, ahead, np.zeros(len(column), np.uint8))


def _local(cells: pl.Series, time: Time, mapping: Mapping) -> _Local:
    fine = np.zeros(cells.len(), np.uint8)
    none, zero = (pl.Series(v, dtype=pl.Int64).new_from_index(0, cells.len()) for v in ([None], [0]))
    if isinstance(cells.dtype, (pl.Date, pl.Datetime)) and (absurd := _absurd(cells)).any():
        rest = _local(cells.set(absurd, None), time, mapping)
        return rest._replace(reason=np.where(absurd.to_numpy(), Reason.YEARS, rest.reason).astype(np.uint8))
    if isinstance(cells.dtype, pl.Datetime):
        zoned = cells.dtype.time_zone is not None
        naive = cells.dt.convert_time_zone("UTC").dt.replace_time_zone(None) if zoned else cells
        return _Local(naive.cast(_US), zero if zoned else none, fine)
    if cells.dtype == pl.Date:
        return _Local(cells.cast(_US), none, fine)
    if time.epoch is not None:
        clock, reason = _of_epoch(cells, _TICK[time.epoch], mapping)
        return _Local(clock, zero, reason)
    text = cells if cells.dtype == pl.String else cells.cast(pl.Int64, strict=False).cast(pl.String)
    text = pl.select(pl.lit(time.prefix) + text.str.strip_chars()).to_series()
    if time.format is None:
        clock, ahead = _by_iso(texts_of(text))
    else:
        clock, ahead = _by_format(text, time.format), zero if _has_offset(time.format) else none
    failed = (cells.is_not_null() & clock.is_null()).to_numpy()
    why = Reason.NOT_ISO if time.format is None else Reason.TIME
    return _Local(clock, ahead, np.where(failed, why, Reason.FINE).astype(np.uint8))


def _by_iso(text: Texts) -> tuple[pl.Series, pl.Series]:
    """Clock readings of ISO 8601 texts and how far they say to be ahead of UTC (null: they don't)."""
    clock, ahead, status = parse_iso(text.data, text.offsets)
    bad = (status == BAD) if text.missing is None else (status == BAD) | text.missing
    told = pl.Series(clock) if not bad.any() else pl.Series(clock).set(pl.Series(bad), None)
    open_ = status != ZONED
    zone = pl.Series("", [None], pl.Int64).new_from_index(0, len(text)) if open_.all() else pl.Series(ahead)
    return told.cast(_US), zone if open_.all() or not open_.any() else zone.set(pl.Series(open_), None)


def _by_format(text: pl.Series, form: str) -> pl.Series:
    form = re.sub(r"(?<!%)\.%f", "%.f", form)
    if _has_offset(form):
        return text.str.strptime(pl.Datetime("us", "UTC"), form, strict=False).dt.replace_time_zone(None)
    return text.str.strptime(_US, form, strict=False)


def _has_offset(form: str) -> bool:
    return re.search(r"%(:{0,3}|#)z|%\+", form) is not None


def _of_epoch(cells: pl.Series, tick: int, mapping: Mapping) -> tuple[pl.Series, NDArray[np.uint8]]:
    """Clock readings of numbers of ticks since 1970; what is finer than a microsecond is cut off."""
    cells = cells.fill_nan(None) if cells.dtype.is_float() else cells
    numbers = read_numbers(cells, mapping)
    mantissa, scale = numbers.values
    power = 10 ** np.maximum(scale, 0).astype(np.int64)
    whole, part = np.divmod(mantissa, power)
    about, binary = floats(numbers.values), scale < 0
    far = np.where(
        binary, (about < _FIRST / tick) | (about >= _LAST / tick), (whole < _FIRST // tick) | (whole >= _LAST // tick)
    )
    exact = np.where(far, 0, whole) * tick + part * tick // power
    microseconds = np.where(binary, np.floor(np.where(far, 0.0, about) * tick).astype(np.int64), exact)
    missing = numbers.reason == Reason.AMOUNT_MISSING
    reason = np.where(missing | (numbers.reason == Reason.FINE), Reason.FINE, Reason.TIME).astype(np.uint8)
    reason[far & (reason == Reason.FINE) & ~missing] = Reason.YEARS
    return pl.Series(microseconds).set(pl.Series(missing | (reason != Reason.FINE)), None).cast(_US), reason


def _utc(clock: pl.Series, ahead: pl.Series, zone: str) -> tuple[pl.Series, NDArray[np.bool_]]:
    """Microseconds UTC, null where the zone has no such time; and where it has it twice."""
    plain = clock.cast(pl.Int64)
    if zone == "UTC":
        return plain - ahead.fill_null(0), np.zeros(clock.len(), np.bool_)
    open_ = clock.set(ahead.is_not_null(), None)
    earlier, later = (
        open_.dt.replace_time_zone(zone, ambiguous=which, non_existent="null")
        .dt.convert_time_zone("UTC")
        .cast(pl.Int64)
        for which in ("earliest", "latest")
    )
    return (plain - ahead).fill_null(earlier), (earlier != later).fill_null(False).to_numpy()
