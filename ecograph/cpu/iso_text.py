"""Which moment does an ISO 8601 text say? A parser over the bytes of an Arrow string column.

The grammar: ``YYYY-MM-DD`` alone, or followed by one of ``T``, ``t``, a space, and ``HH:MM[:SS[.digits]]`` (1 to 9
digits; what is finer than a microsecond is cut off), a space or none, and at most one of ``Z``, ``z``, ``+HH``,
``+HHMM``, ``+HH:MM`` (or ``-``). A 60th second is taken for the next minute's first.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numpy.typing import NDArray

from ecograph.cpu._jit import I8, U1, I8w, U1w, i8, jit

__all__ = ["BAD", "OPEN", "ZONED", "parse_iso"]

BAD, OPEN, ZONED = 0, 1, 2
_SECOND = 1_000_000
_ZERO, _NINE, _DASH, _COLON, _POINT, _BLANK, _PLUS = (ord(c) for c in "09-:. +")


def parse_iso(
    data: NDArray[np.uint8], offsets: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint8]]:
    """(clock, ahead, status) of each text: microseconds since 1970 on its own clock, and how far that is ahead of UTC.

    Status BAD: no such text or no such day or time; OPEN: it doesn't say how far (0 stands there); ZONED.
    """
    rows = offsets.size - 1
    out = np.zeros(rows, np.int64), np.zeros(rows, np.int64), np.zeros(rows, np.uint8)
    _parse_iso(data, offsets, *out)
    return out


@jit(i8, U1, i8, i8, i8)
def _number(data: Any, at: int, n: int, stop: int) -> Any:
    """The number that ``n`` digits from ``at`` on say; -1 where they aren't there."""
    if at + n > stop:
        return -1
    value = 0
    for i in range(at, at + n):
        if not _ZERO <= data[i] <= _NINE:
            return -1
        value = 10 * value + i8(data[i]) - _ZERO
    return value


@jit(i8, i8, i8, i8)
def _day(year: int, month: int, day: int) -> Any:
    """Days since 1970-01-01 in the Gregorian calendar; counted from March, so that leap days come last."""
    y = year - 1 if month <= 2 else year
    era, m = y // 400, (month + 9) % 12
    y -= 400 * era
    return era * 146_097 + y * 365 + y // 4 - y // 100 + (153 * m + 2) // 5 + day - 1 - 719_468


@jit(i8, i8, i8)
def _length(year: int, month: int) -> Any:
    if month == 2:
        return 29 if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0) else 28
    return 30 if month in (4, 6, 9, 11) else 31


@jit(types.void, U1, i8, i8, I8w)
def _moment(data: Any, at: int, stop: int, out: Any) -> None:
    """Out = clock, ahead, status of the text between ``at`` and ``stop``."""
    out[0], out[1], out[2] = 0, 0, BAD
    year, month, day = _number(data, at, 4, stop), _number(data, at + 5, 2, stop), _number(data, at + 8, 2, stop)
    if year < 0 or not 1 <= month <= 12 or not 1 <= day <= _length(year, month):
        return
    if data[at + 4] != _DASH or data[at + 7] != _DASH:
        return
    clock = _day(year, month, day) * 86_400 * _SECOND
    at += 10
    if at < stop:
        if data[at] != _BLANK and data[at] | 0x20 != ord("t"):
            return
        hour, minute = _number(data, at + 1, 2, stop), _number(data, at + 4, 2, stop)
        if not 0 <= hour <= 23 or not 0 <= minute <= 59 or data[at + 3] != _COLON:
            return
        clock += (hour * 60 + minute) * 60 * _SECOND
        at += 6
        if at < stop and data[at] == _COLON:
            second = _number(data, at + 1, 2, stop)
            if not 0 <= second <= 60:
                return
            clock += second * _SECOND
            at += 3
            if at < stop and data[at] == _POINT:
                unit, first = _SECOND, at + 1
                at = first
                while at < stop and at - first < 9 and _ZERO <= data[at] <= _NINE:
                    unit //= 10
                    clock += (i8(data[at]) - _ZERO) * unit
                    at += 1
                if at == first:
                    return
        if at < stop and data[at] == _BLANK:
            at += 1
        if at < stop:
            minutes = i8(0)
            if data[at] | 0x20 != ord("z"):
                sign = 1 if data[at] == _PLUS else -1 if data[at] == _DASH else 0
                hours = _number(data, at + 1, 2, stop)
                if sign == 0 or hours < 0:
                    return
                at += 2
                if at + 1 < stop:
                    at += 1 if data[at + 1] == _COLON else 0
                    minutes = _number(data, at + 1, 2, stop)
                    if minutes < 0:
                        return
                    at += 2
                minutes = sign * (60 * hours + minutes)
            if at + 1 != stop:
                return
            out[1] = minutes * 60 * _SECOND
            out[0], out[2] = clock, ZONED
            return
    out[0], out[2] = clock, OPEN


@jit(types.void, U1, I8, I8w, I8w, U1w)
def _parse_iso(data: Any, offsets: Any, clock: Any, ahead: Any, status: Any) -> None:
    out = np.zeros(3, np.int64)
    for r in range(clock.size):
        _moment(data, offsets[r], offsets[r + 1], out)
        clock[r], ahead[r], status[r] = out[0], out[1], out[2]
