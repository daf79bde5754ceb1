"""From coded events to sums a tie: survey the amounts, add them exactly, round once.

An amount is mantissa / 10**scale, or the float64 whose bits are the mantissa where scale is -1. A relation is
*narrow* where its amounts, as integers of ``places`` decimals, leave 128 bits room for their sum; else *wide*:
each amount is read as the float64 nearest to it and added to a superaccumulator. The events of a tie are a run of a
sorted order, ``order[starts[t]:starts[t + 1]]``: a sum stays in registers until its run ends.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import types
from numpy.typing import NDArray

from ecograph.cpu._jit import F8, I1, I2, I8, U8, F8w, I8w, U8w, b1, f8, i8, jit, u8
from ecograph.cpu.exact import TEN, deposit_float, multiply, quotient, round_digits
from ecograph.ties import NO_TIME

__all__ = ["NARROW", "SCALES", "round_narrow", "round_wide", "rounded", "run_narrow", "run_times", "run_wide", "survey"]

SCALES = 10  # an amount has at most nine decimals
NARROW = np.iinfo(np.int64).min  # in place of a wide relation's unit


@jit(types.void, I2, I8, F8, I1, U8w, I8w, I8w)
def survey(
    relation: NDArray[np.int16], mantissa: NDArray[np.int64], floats: NDArray[np.float64], scale: NDArray[np.int8],
    biggest: NDArray[np.uint64], lowest: NDArray[np.int64], highest: NDArray[np.int64],
) -> None:  # fmt: skip
    """Largest mantissa of each (relation, scale); smallest and largest binary exponent of a relation's floats."""
    for r in range(relation.size):
        k = i8(relation[r])
        if scale[r] >= 0:
            size = u8(mantissa[r])
            if mantissa[r] < 0:
                size = u8(0) - size
            k = k * SCALES + scale[r]
            if size > biggest[k]:
                biggest[k] = size
        else:
            fraction, exponent = math.frexp(floats[r])
            if fraction != 0.0:
                if exponent < lowest[k]:
                    lowest[k] = exponent
                if exponent > highest[k]:
                    highest[k] = exponent


@jit(types.void, I8, I8, I8, I8w, I8w, I8w)
def run_times(
    order: NDArray[np.int64], starts: NDArray[np.int64], time: NDArray[np.int64],
    count: NDArray[np.int64], first: NDArray[np.int64], last: NDArray[np.int64],
) -> None:  # fmt: skip
    """How many events a tie has, and the earliest and the latest of the dated ones."""
    for t in range(count.size):
        count[t] = starts[t + 1] - starts[t]
        a, b = i8(NO_TIME), i8(NO_TIME)
        for e in range(starts[t], starts[t + 1]):
            now = time[order[e]]
            if now != NO_TIME and (a == NO_TIME or now < a):
                a = now
            b = max(b, now)  # NO_TIME is the smallest integer
        first[t], last[t] = a, b


@jit(types.void, I8, I8, I2, I8, I1, I1, b1, I8w, U8w)
def run_narrow(
    order: NDArray[np.int64], starts: NDArray[np.int64], relation: NDArray[np.int16], mantissa: NDArray[np.int64],
    scale: NDArray[np.int8], places: NDArray[np.int8], square: bool, high: NDArray[np.int64], low: NDArray[np.uint64],
) -> None:  # fmt: skip
    """Amounts (or squares) in units of 10**-places[relation] as (high, low); wide relations: places < 0."""
    for t in range(high.size):
        a, b = i8(0), u8(0)
        places_here = i8(places[relation[order[starts[t]]]])
        if places_here >= 0:
            for e in range(starts[t], starts[t + 1]):
                r = order[e]
                m = mantissa[r] * TEN[places_here - scale[r]]  # below 2**62: the survey saw it
                before = b
                if square:
                    top, bottom = multiply(u8(abs(m)), u8(abs(m)))
                    b = before + bottom
                    a += i8(top)
                else:
                    b = before + u8(m)
                    a += m >> i8(63)  # the sign, all 64 bits of it
                if b < before:
                    a += 1
        high[t], low[t] = a, b


@jit(types.void, I8, I8, I2, I8, F8, I1, I8, b1, i8, I8w)
def run_wide(
    order: NDArray[np.int64], starts: NDArray[np.int64], relation: NDArray[np.int16], mantissa: NDArray[np.int64],
    floats: NDArray[np.float64], scale: NDArray[np.int8], unit: NDArray[np.int64], square: bool, width: int,
    digits: NDArray[np.int64],
) -> None:  # fmt: skip
    """Add amounts (or squares) of wide relations to ``width`` digits a tie, in units of 2**unit[relation]."""
    for t in range(starts.size - 1):
        low = unit[relation[order[starts[t]]]]
        if low == NARROW:
            continue
        for e in range(starts[t], starts[t + 1]):
            r = order[e]
            if scale[r] < 0:
                value = floats[r]
            else:
                size = u8(mantissa[r])
                if mantissa[r] < 0:
                    size = u8(0) - size
                value = quotient(u8(0), size, i8(scale[r]))
                if mantissa[r] < 0:
                    value = -value
            deposit_float(digits, t * width, width, low, value, square)


@jit(f8, i8, u8, i8)
def rounded(high: int, low: np.uint64, places: int) -> Any:
    """The nearest float64 to a sum of 128 bits, in units of 10**-places."""
    a, b = u8(high), low
    if high < 0:
        a, b = ~a, u8(0) - b
        if b == u8(0):
            a += u8(1)
    size = quotient(a, b, places)
    return -size if high < 0 else size


@jit(types.void, I2, I1, b1, I8, U8, F8w)
def round_narrow(
    relation: NDArray[np.int16], places: NDArray[np.int8], square: bool,
    high: NDArray[np.int64], low: NDArray[np.uint64], out: NDArray[np.float64],
) -> None:  # fmt: skip
    """The nearest float64 to each tie's sum of a narrow relation; the others are left alone."""
    for t in range(out.size):
        d = i8(places[relation[t]])
        if d >= 0:
            out[t] = rounded(high[t], low[t], 2 * d if square else d)


@jit(types.void, I2, I8, b1, i8, I8w, F8w)
def round_wide(
    relation: NDArray[np.int16], unit: NDArray[np.int64], square: bool, width: int, digits: NDArray[np.int64],
    out: NDArray[np.float64],
) -> None:  # fmt: skip
    """The nearest float64 to each tie's sum of a wide relation; the digits are used up."""
    for t in range(out.size):
        low = unit[relation[t]]
        if low != NARROW:
            out[t] = round_digits(digits, t * width, width, 2 * low if square else low)
