"""Times: ISO 8601 or what the mapping says, never a guess; every decided case once."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecograph.errors import MappingError
from ecograph.ingest.cells import PHRASES, Parsed, Reason
from ecograph.ingest.times import check_time, read_times
from ecograph.mapping import Mapping, Time
from ecograph.ties import NO_TIME

PLAIN = Mapping.default(["provider", "receiver"])
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read(cells: list[Any] | pl.Series, time: Time | None = None, **more: list[Any]) -> Parsed[Any]:
    return read_times(pl.DataFrame({"t": cells, **more}), time or Time("t"), PLAIN)


def microseconds(when: datetime) -> int:
    return (when - EPOCH) // timedelta(microseconds=1)


def phrase(parsed: Parsed[Any], row: int = 0) -> str:
    return PHRASES.get(Reason(parsed.reason[row]), "")


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("2020-01-31", datetime(2020, 1, 31)),
        ("2020-01-31 23:59", datetime(2020, 1, 31, 23, 59)),
        ("2020-01-31T23:59:58", datetime(2020, 1, 31, 23, 59, 58)),
        ("2020-01-31t23:59:58.123456789", datetime(2020, 1, 31, 23, 59, 58, 123456)),
        ("2020-01-31T23:59:58Z", datetime(2020, 1, 31, 23, 59, 58)),
        ("2020-01-31 23:59:58+07:00", datetime(2020, 1, 31, 16, 59, 58)),
        ("2020-01-31 23:59:58 -0330", datetime(2020, 2, 1, 3, 29, 58)),
        ("2020-01-31T23:59:58+07", datetime(2020, 1, 31, 16, 59, 58)),
        (" 2020-01-31 ", datetime(2020, 1, 31)),
        ("1900-01-01", datetime(1900, 1, 1)),
        ("2200-12-31 23:59:59", datetime(2200, 12, 31, 23, 59, 59)),
    ],
)
def test_iso_8601(text: str, when: datetime) -> None:
    parsed = read([text])
    assert phrase(parsed) == ""
    assert parsed.values[0] == microseconds(when.replace(tzinfo=UTC))


@pytest.mark.parametrize(
    "text",
    ["01/02/2020", "1.2.2020", "20200131", "2020-1-3", "2020", "2020-02-30", "2020-01-31 24:00", "2020-01-31 10",
     "31 Jan 2020", "yesterday", "1580428800", "2020-01-31+07:00", "2020-01-31 23:59:58 WIB"],
)  # fmt: skip
def test_anything_else_needs_a_format(text: str) -> None:
    parsed = read([text])
    assert phrase(parsed) == "time is not ISO 8601; say its format in the mapping"


@pytest.mark.parametrize("cell", [None, "", "  "])
def test_a_missing_time_is_undated(cell: str | None) -> None:
    parsed = read(pl.Series([cell], dtype=pl.String))
    assert parsed.values.tolist() == [NO_TIME]
    assert phrase(parsed) == ""
    assert parsed.notices["events without a time kept, undated"].tolist() == [True]


@pytest.mark.parametrize("text", ["1899-12-31 23:59:59", "2201-01-01", "0001-01-01", "9999-12-31"])
def test_absurd_years(text: str) -> None:
    assert phrase(read([text])) == "time outside 1900 to 2200"


@pytest.mark.parametrize(
    ("text", "form", "when"),
    [
        ("01/02/2020", "%d/%m/%Y", datetime(2020, 2, 1)),
        ("01/02/2020", "%m/%d/%Y", datetime(2020, 1, 2)),
        ("31 Jan 2020 1:30 PM", "%d %b %Y %I:%M %p", datetime(2020, 1, 31, 13, 30)),
        ("31.01.20 10:00:00.5", "%d.%m.%y %H:%M:%S.%f", datetime(2020, 1, 31, 10, 0, 0, 500000)),
        ("2020-01-31 10:00:00 +0700", "%Y-%m-%d %H:%M:%S %z", datetime(2020, 1, 31, 3)),
    ],
)
def test_formats(text: str, form: str, when: datetime) -> None:
    parsed = read([text, "rubbish"], Time("t", format=form, zone="UTC"))
    assert parsed.values[0] == microseconds(when.replace(tzinfo=UTC))
    assert [phrase(parsed, row) for row in (0, 1)] == ["", "time not understood"]


def test_offsets_win_over_the_zone() -> None:
    """Rows of one column may differ: with an offset, with Z, without."""
    parsed = read(
        ["2020-06-01T12:00:00+09:00", "2020-06-01T12:00:00Z", "2020-06-01T12:00:00"], Time("t", zone="Asia/Jakarta")
    )
    hours = [(int(v) - microseconds(datetime(2020, 6, 1, tzinfo=UTC))) // 3_600_000_000 for v in parsed.values]
    assert hours == [3, 12, 5]


def test_a_time_that_occurs_twice_is_the_earlier_and_said() -> None:
    parsed = read(["2020-11-01 01:30:00", "2020-11-01 03:30:00"], Time("t", zone="America/New_York"))
    assert parsed.values[0] == microseconds(datetime(2020, 11, 1, 5, 30, tzinfo=UTC))
    assert parsed.notices["times that occur twice read as the earlier"].tolist() == [True, False]


def test_a_time_that_never_occurs_is_bad() -> None:
    assert (
        phrase(read(["2020-03-08 02:30:00"], Time("t", zone="America/New_York"))) == "time does not exist in its zone"
    )


@pytest.mark.parametrize(
    ("cells", "epoch"),
    [
        ([1_580_428_800], "s"), ([1_580_428_800_000], "ms"), ([1_580_428_800_000_000], "us"), (["1580428800"], "s"),
        (["1580428800.0"], "s"), ([1580428800.0], "s"), (["1.5804288e9"], "s"),
    ],
)  # fmt: skip
def test_epochs(cells: list[Any], epoch: Any) -> None:
    parsed = read(cells, Time("t", epoch=epoch, zone="Asia/Jakarta"))
    assert parsed.values[0] == microseconds(datetime(2020, 1, 31, tzinfo=UTC))


def test_epochs_that_are_none() -> None:
    parsed = read(["x", "99999999999999999999999", "-9e15", None, "1.5", "1.9999999999", "-1.5"], Time("t", epoch="s"))
    assert [phrase(parsed, row) for row in range(4)] == [
        "time not understood", "time outside 1900 to 2200", "time outside 1900 to 2200", ""]  # fmt: skip
    assert parsed.values[3:].tolist() == [NO_TIME, 1_500_000, 1_999_999, -1_500_000]
    assert read([float("nan"), 2**62], Time("t", epoch="us")).reason.tolist() == [Reason.FINE, Reason.YEARS]


def test_columns_that_are_times_already() -> None:
    noon = datetime(2020, 6, 1, 12)
    jakarta = Time("t", zone="Asia/Jakarta")
    expected = microseconds(datetime(2020, 6, 1, 5, tzinfo=UTC))
    for unit in ("ms", "us", "ns"):
        assert read(pl.Series([noon], dtype=pl.Datetime(unit)), jakarta).values[0] == expected
    zoned = pl.Series([noon.replace(tzinfo=UTC)], dtype=pl.Datetime("ms", "UTC"))
    assert read(zoned, jakarta).values[0] == microseconds(noon.replace(tzinfo=UTC))
    assert read([date(2020, 6, 1)], jakarta).values[0] == microseconds(datetime(2020, 5, 31, 17, tzinfo=UTC))
    assert phrase(read([datetime(1066, 10, 14)])) == "time outside 1900 to 2200"
    assert read([20200601], Time("t", format="%Y%m%d")).values[0] == microseconds(datetime(2020, 6, 1, tzinfo=UTC))


def test_days_that_wrap_past_the_month_end_move_on() -> None:
    """food_delivery's own rows: ordered on the 31st, delivered on the 1st."""
    time = Time("t", prefix="2020-01-", format="%Y-%m-%d %H:%M:%S", not_before="placed")
    parsed = read(["01 18:42:18", "31 23:59:59", "16 12:00:00", "05 10:00:00", None], time,
                  placed=["31 23:59:56", "31 23:00:00", "31 12:00:00", None, "31 00:00:00"])  # fmt: skip
    days = [
        datetime(2020, 2, 1, 18, 42, 18),
        datetime(2020, 1, 31, 23, 59, 59),
        datetime(2020, 1, 16, 12),
        datetime(2020, 1, 5, 10),
    ]
    assert parsed.values[:4].tolist() == [microseconds(d.replace(tzinfo=UTC)) for d in days]
    assert parsed.values[4] == NO_TIME
    assert parsed.notices["times moved on by one month"].tolist() == [True, False, False, False, False]


@given(
    st.datetimes(datetime(1900, 1, 2), datetime(2099, 12, 30)),
    st.none() | st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m))),
    st.sampled_from(["UTC", "Asia/Jakarta", "America/New_York", "Asia/Kathmandu"]),
)
def test_agrees_with_datetime_fromisoformat(naive: datetime, offset: timezone | None, zone: str) -> None:
    """Python's own parser and zoneinfo as the oracle; up to 2099, where Polars' tables of summer time end."""
    when = naive.replace(tzinfo=offset)
    parsed = read([when.isoformat()], Time("t", zone=zone))
    aware = datetime.fromisoformat(when.isoformat())
    aware = aware if offset else aware.replace(tzinfo=ZoneInfo(zone), fold=0)
    back = aware.astimezone(UTC).astimezone(aware.tzinfo).replace(tzinfo=None)
    if back == naive:
        assert parsed.values[0] == microseconds(aware.astimezone(UTC))
    else:
        assert phrase(parsed) == "time does not exist in its zone"


@pytest.mark.parametrize("form", ["no directive", "%Q", "%Y %", "%H%f", "%d/%m/%Y %H"])
def test_formats_that_nobody_can_use(form: str) -> None:
    with pytest.raises(MappingError, match="format"):
        check_time(Time("t", format=form))


def test_zones_that_nobody_knows() -> None:
    with pytest.raises(MappingError, match="Asia/Jakarta"):
        check_time(Time("t", zone="Asia/Jakata"))


def test_epoch_excludes_a_format() -> None:
    with pytest.raises(MappingError):
        Time("t", epoch="s", format="%Y")
    with pytest.raises(MappingError, match="'ms'"):
        Time("t", epoch="mss")  # type: ignore[arg-type]  # the point


WRAPPED = (2**64 + 1_500_000_000_000_000) // 1000  # in microseconds it would wrap to 2017
FAR = [
    pl.Series([0, WRAPPED, None, 2**62, -(2**62)]).cast(pl.Datetime("ms")),
    pl.Series([0, 2**62, None, 2**62, -(2**62)]).cast(pl.Datetime("us", "UTC")),
    pl.Series([0, 2**30, None, 2**31 - 1, -(2**31)], dtype=pl.Int32).cast(pl.Date),
]


@pytest.mark.parametrize("cells", FAR, ids=["ms", "us UTC", "days"])
@pytest.mark.parametrize("zone", ["UTC", "Asia/Jakarta"])
def test_absurd_dates_of_typed_columns_are_bad_and_never_wrap(cells: pl.Series, zone: str) -> None:
    """Beside a missing cell and without one, where a column in UTC is taken as it stands."""
    years = Reason.YEARS
    assert read(cells, Time("t", zone=zone)).reason.tolist() == [0, years, 0, years, years]
    assert read(cells.drop_nulls(), Time("t", zone=zone)).reason.tolist() == [0, years, years, years]
