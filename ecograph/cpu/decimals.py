"""Exact decimals from floats, and quotients of exact decimals: value = mantissa / 10**scale.

Scale -1 marks a value without a short decimal: there the mantissa holds the bits of a float64.
"""

from __future__ import annotations

import numpy as np
from numba import types
from numpy.typing import NDArray

from ecograph.cpu._jit import F8, I1, I8, F8w, I1w, I8w, U1w, f8, i8, jit
from ecograph.cpu.decimal_text import EXACT, LONG, MAX_SCALE

__all__ = ["decimals_of_floats", "divide_decimals"]

_WHOLE = 2.0**53  # below it every integer is a float64, and a quotient of two is rounded once
_MAX = np.iinfo(np.int64).max

Decimals = tuple[NDArray[np.int64], NDArray[np.int8]]


def decimals_of_floats(x: NDArray[np.float64]) -> Decimals:
    """The shortest (mantissa, scale) with mantissa / 10**scale == x, |mantissa| < 2**53; else x's bits, scale -1."""
    mantissa, scale = x.view(np.int64).copy(), np.full(x.size, -1, np.int8)
    _decimals_of_floats(x, mantissa, scale)
    return mantissa, scale


def divide_decimals(
    dividend: Decimals, divisor: Decimals
) -> tuple[NDArray[np.int64], NDArray[np.int8], NDArray[np.uint8]]:
    """Dividend / divisor, row by row; all scales >= 0, all divisors > 0.

    Exact where the quotient is a short decimal, else the nearest float64 with scale -1. Status LONG where
    float64 division would round twice: the caller divides those by other means.
    """
    rows = dividend[0].size
    out = np.zeros(rows, np.int64), np.zeros(rows, np.int8), np.zeros(rows, np.uint8)
    quotient = np.zeros(rows)
    _divide_decimals(*dividend, *divisor, *out, quotient)
    mantissa, scale, status = out
    mantissa[scale == -1] = quotient.view(np.int64)[scale == -1]
    return mantissa, scale, status


@jit(types.void, F8, I8w, I1w)
def _decimals_of_floats(x, mantissa, scale):  # type: ignore[no-untyped-def]  # typed by its signature above
    for r in range(x.size):
        power = 1.0
        for s in range(MAX_SCALE + 1):
            m = np.rint(x[r] * power)
            if not abs(m) < _WHOLE:
                break
            if m / power == x[r]:
                mantissa[r], scale[r] = i8(m), s
                break
            power *= 10.0


@jit(i8, i8, i8)
def _gcd(a, b):  # type: ignore[no-untyped-def]
    while b != 0:
        a, b = b, a % b
    return a


@jit(types.void, i8, i8, i8, I8w)
def _exact_quotient(m, d, scale, out):  # type: ignore[no-untyped-def]
    """Out = mantissa, scale, status of m / d / 10**scale; LONG where it is no short decimal."""
    g = _gcd(abs(m), d)
    m, d = m // g, d // g
    out[2] = EXACT
    for factor in (2, 5):  # each 2 in d is a 5 in m and one more place; ditto 5
        other = 10 // factor
        while d % factor == 0 and out[2] == EXACT:
            if abs(m) > _MAX // other:
                out[2] = LONG
            else:
                m, d, scale = m * other, d // factor, scale + 1
    while scale > 0 and m % 10 == 0 and m != 0:
        m, scale = m // 10, scale - 1
    while scale < 0 and out[2] == EXACT:
        if abs(m) > _MAX // 10:
            out[2] = LONG
        else:
            m, scale = m * 10, scale + 1
    if d != 1 or scale > MAX_SCALE:
        out[2] = LONG
    out[0], out[1] = m, scale if m != 0 else 0


@jit(types.void, I8, I1, I8, I1, I8w, I1w, U1w, F8w)
def _divide_decimals(m, s, d, t, mantissa, scale, status, quotient):  # type: ignore[no-untyped-def]
    out = np.zeros(3, np.int64)
    for r in range(m.size):
        shift = i8(s[r]) - i8(t[r])
        _exact_quotient(m[r], d[r], shift, out)
        if out[2] == EXACT:
            mantissa[r], scale[r] = out[0], out[1]
            continue
        power = 10.0 ** abs(shift)
        above = f8(m[r]) * power if shift < 0 else f8(m[r])
        below = f8(d[r]) * power if shift > 0 else f8(d[r])
        fair = abs(f8(m[r])) < _WHOLE and abs(above) < _WHOLE and below < _WHOLE
        quotient[r] = above / below
        scale[r] = -1
        status[r] = EXACT if fair else LONG
