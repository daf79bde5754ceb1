"""Which exact decimal does a text say? A parser over the bytes of an Arrow string column.

The grammar, with the dialect's own marks for *decimal*, *thousands* and *currency*, and blanks (space or
U+00A0) allowed between the parts::

    value  = "(" amount ")" | amount                      accounting parentheses say minus
    amount = [sign] [currency] [sign] number [currency]   at most one sign and one currency; no sign in parentheses;
                                                          after a currency of letters the number starts with a digit
    number = (digits [decimal [0-9]*] | decimal [0-9]+) [(e | E) [sign] [0-9]+]
    digits = [0-9]+ | [1-9][0-9]{0,2} (thousands [0-9]{3})+
"""

from __future__ import annotations

import numpy as np
from numba import types
from numpy.typing import NDArray

from ecograph.cpu._jit import I8, U1, I1w, I8w, U1w, i8, jit

__all__ = ["BAD", "EXACT", "LONG", "MAX_SCALE", "parse_decimals"]

EXACT, LONG, BAD = 0, 1, 2  # LONG: well formed, but more than (int64, scale 0 to 9) can hold
MAX_SCALE = 9
_MAX = np.iinfo(np.int64).max
_MAX_EXPONENT = 9999
_MINUS, _PLUS, _BLANK, _OPEN, _CLOSE, _ZERO, _NINE, _E, _e = (ord(c) for c in "-+ ()09Ee")


def parse_decimals(
    offsets: NDArray[np.int64], data: NDArray[np.uint8], decimal: bytes, thousands: bytes, currency: bytes
) -> tuple[NDArray[np.int64], NDArray[np.int8], NDArray[np.uint8]]:
    """(mantissa, scale, status) of each text ``data[offsets[r]:offsets[r + 1]]``; value = mantissa / 10**scale.

    Where the status is EXACT the form is the shortest: no trailing zero while scale > 0. Elsewhere mantissa
    and scale mean nothing. Empty marks never match. O(bytes), one writer a row.
    """
    rows = offsets.size - 1
    out = np.zeros(rows, np.int64), np.zeros(rows, np.int8), np.zeros(rows, np.uint8)
    marks = (np.frombuffer(mark, np.uint8) for mark in (decimal, thousands, currency))
    _parse_decimals(offsets, data, *marks, *out)
    return out


@jit(i8, U1, i8, i8, U1)
def _after(data, at, end, mark):  # type: ignore[no-untyped-def]  # typed by its signature above
    """The place behind ``mark`` where it stands at ``at``; else ``at`` itself."""
    if at + mark.size > end:
        return at
    for k in range(mark.size):
        if data[at + k] != mark[k]:
            return at
    return at + mark.size


@jit(i8, U1, i8, i8)
def _blanks(data, at, end):  # type: ignore[no-untyped-def]
    """The place behind the spaces and no-break spaces (C2 A0) at ``at``."""
    while at < end:
        if data[at] == _BLANK:
            at += 1
        elif at + 1 < end and data[at] == 0xC2 and data[at + 1] == 0xA0:
            at += 2
        else:
            break
    return at


@jit(i8, U1, i8, i8)
def _run(data, at, end):  # type: ignore[no-untyped-def]
    """The place behind the digits at ``at``."""
    while at < end and _ZERO <= data[at] <= _NINE:
        at += 1
    return at


@jit(i8, U1, i8, i8)
def _sign(data, at, end):  # type: ignore[no-untyped-def]
    if at < end and data[at] == _MINUS:
        return -1
    return 1 if at < end and data[at] == _PLUS else 0


@jit(types.void, i8, I8w)
def _append(digit, out):  # type: ignore[no-untyped-def]
    """out[0] = 10 out[0] + digit, or LONG where int64 is too small for it."""
    if out[0] > (_MAX - digit) // 10:
        out[2] = LONG
    else:
        out[0] = 10 * out[0] + digit


@jit(types.void, U1, i8, i8, I8w)
def _read(data, at, end, out):  # type: ignore[no-untyped-def]
    for p in range(at, end):
        _append(i8(data[p]) - _ZERO, out)


@jit(i8, U1, i8, i8, U1, I8w)
def _digits(data, at, end, thousands, out):  # type: ignore[no-untyped-def]
    """Read ``digits``; a separator that three digits and no more follow belongs to them, any other ends them."""
    first, stop = at, _run(data, at, end)
    _read(data, at, stop, out)
    grouped = 1 <= stop - first <= 3 and data[first] != _ZERO
    while grouped:
        at = _after(data, stop, end, thousands)
        grouped = at > stop and _run(data, at, end) - at == 3
        if grouped:
            stop = at + 3
            _read(data, at, stop, out)
    return stop


@jit(i8, U1, i8, i8, I8w)
def _exponent(data, at, end, out):  # type: ignore[no-untyped-def]
    """Read an exponent into the scale; what isn't one is left where it stands."""
    if at >= end or (data[at] != _E and data[at] != _e):
        return at
    sign = _sign(data, at + 1, end)
    first = at + 1 + abs(sign)
    stop = _run(data, first, end)
    if stop == first:
        return at
    exponent = 0
    for p in range(first, stop):
        exponent = min(10 * exponent + i8(data[p]) - _ZERO, _MAX_EXPONENT)
    if exponent == _MAX_EXPONENT:
        out[2] = LONG
    out[1] += exponent if sign < 0 else -exponent
    return stop


@jit(i8, U1, i8, i8, U1, U1, I8w)
def _number(data, at, end, decimal, thousands, out):  # type: ignore[no-untyped-def]
    stop = _digits(data, at, end, thousands, out)
    point = _after(data, stop, end, decimal)
    tail = _run(data, point, end) if point > stop else stop
    if stop == at and tail == point:
        out[2] = BAD
        return at
    if point > stop:
        _read(data, point, tail, out)
        out[1] = tail - point
    return _exponent(data, tail, end, out)


@jit(types.void, I8w)
def _shorten(out):  # type: ignore[no-untyped-def]
    """Bring the scale into 0 to 9 with no trailing zero, or LONG."""
    if out[0] == 0:
        out[1] = 0
    while out[1] > 0 and out[0] % 10 == 0:
        out[0] //= 10
        out[1] -= 1
    while out[1] < 0 and out[2] == EXACT:
        _append(0, out)
        out[1] += 1
    if out[1] > MAX_SCALE:
        out[2] = LONG


@jit(types.boolean, U1, i8, U1)
def _abbreviated(data, at, currency):  # type: ignore[no-untyped-def]
    """Whether no digit follows a currency that ends in a letter: ``Rp.500`` isn't half a rupiah."""
    last = currency[currency.size - 1] | 0x20  # lower case
    return ord("a") <= last <= ord("z") and not _ZERO <= data[at] <= _NINE


@jit(types.void, U1, i8, i8, U1, U1, U1, I8w)
def _value(data, at, end, decimal, thousands, currency, out):  # type: ignore[no-untyped-def]
    """Out = mantissa, scale, status of the text between ``at`` and ``end``."""
    out[:] = 0
    at = _blanks(data, at, end)
    wrapped = at < end and data[at] == _OPEN
    at = _blanks(data, at + 1, end) if wrapped else at
    sign = _sign(data, at, end)
    before = _blanks(data, at + abs(sign), end)
    at = _blanks(data, _after(data, before, end, currency), end)
    priced = at > before
    if sign == 0:
        sign = _sign(data, at, end)
        at = _blanks(data, at + abs(sign), end)
    abbreviated = priced and at < end and _abbreviated(data, at, currency)
    at = _blanks(data, _number(data, at, end, decimal, thousands, out), end)
    if not priced:
        at = _blanks(data, _after(data, at, end, currency), end)
    if wrapped:
        closed = at < end and data[at] == _CLOSE and sign == 0
        at = _blanks(data, at + 1, end) if closed else i8(-1)
        sign = i8(-1)
    if at != end or abbreviated:
        out[2] = BAD
    if out[2] == EXACT:
        _shorten(out)
    if sign < 0:
        out[0] = -out[0]


@jit(types.void, I8, U1, U1, U1, U1, I8w, I1w, U1w)
def _parse_decimals(offsets, data, decimal, thousands, currency, mantissa, scale, status):  # type: ignore[no-untyped-def]
    out = np.zeros(3, np.int64)
    for r in range(mantissa.size):
        _value(data, offsets[r], offsets[r + 1], decimal, thousands, currency, out)
        status[r] = out[2]
        if out[2] == EXACT:  # elsewhere the scale may not fit int8
            mantissa[r], scale[r] = out[0], out[1]
