"""Exact sums rounded once: 128-bit integers, decimal quotients, and a superaccumulator for floats.

A superaccumulator is one integer of many 32-bit digits, lowest first, each held in an int64; the last one
carries the sign (two's complement). Adding to it is exact, so the order of additions can't be seen in the
sum (the idea of Kulisch's accumulator; cf. Neal, "Fast exact summation", arXiv:1505.05571).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import types
from numpy.typing import NDArray

from ecograph.cpu._jit import F8, I8, F8w, I8w, b1, f8, i8, jit, u8

__all__ = ["MOST_PLACES", "TEN", "deposit", "deposit_float", "digits_needed", "exponent_range", "multiply", "quotient",
           "round_digits", "sum_runs"]  # fmt: skip

MOST_PLACES = 18  # 10**18 < 2**60: the divisor of squares with 9 decimal places
TEN = np.array([10**k for k in range(MOST_PLACES + 1)], np.int64)
_PIECE = np.uint64(0xFFFFFFFF)
_LOWEST = -1074  # exponent of the smallest float64


@jit(types.UniTuple(u8, 2), u8, u8)
def multiply(a: np.uint64, b: np.uint64) -> Any:
    """The 128-bit product of ``a`` and ``b`` as (high, low)."""
    s, half = u8(32), _PIECE
    a1, a0, b1_, b0 = a >> s, a & half, b >> s, b & half
    low, mid, mid2 = a0 * b0, a1 * b0, a0 * b1_
    carry = (low >> s) + (mid & half) + (mid2 & half)
    return a1 * b1_ + (mid >> s) + (mid2 >> s) + (carry >> s), (low & half) | (carry << s)


@jit(f8, u8, u8, i8, b1)
def _round(high: np.uint64, low: np.uint64, exponent: int, sticky: bool) -> Any:
    """(high * 2**64 + low) * 2**exponent, nearest, ties to even; ``sticky``: the true value is a little more."""
    one, half = u8(1), False
    while high != u8(0) or low >= u8(1 << 53) or exponent < _LOWEST:
        if high == u8(0) and low == u8(0) and exponent < _LOWEST:
            sticky, half, exponent = sticky or half, False, _LOWEST
            break
        sticky, half = sticky or half, (low & one) != u8(0)
        low = (low >> one) | (high << u8(63))
        high = high >> one
        exponent += 1
    if half and (sticky or (low & one) != u8(0)):
        low += one
    if low != u8(0) and exponent >= 971 and (exponent > 1024 or f8(low) >= math.ldexp(1.0, int(1024 - exponent))):
        return math.inf
    return math.ldexp(f8(low), int(exponent))


@jit(f8, u8, u8, i8)
def quotient(high: np.uint64, low: np.uint64, places: int) -> Any:
    """(high * 2**64 + low) / 10**places, rounded once; ``places`` up to 18, the dividend below 2**127."""
    divisor = u8(TEN[places])
    if high == u8(0) and low <= u8(1 << 53):
        return f8(low) / f8(TEN[places])  # both are exact (10**18 = 5**18 * 2**18), so the division rounds once
    one, top = u8(1), u8(63)
    q, rest, exponent = u8(0), u8(0), 128
    while q < u8(1 << 55):  # long division, bit by bit: the rest stays below 10**18
        exponent -= 1
        rest = (rest << one) | (high >> top)
        high = (high << one) | (low >> top)
        low = low << one
        q = q << one
        if rest >= divisor:
            rest = rest - divisor
            q |= one
    return _round(u8(0), q, exponent, (rest | high | low) != u8(0))


def exponent_range(values: NDArray[np.float64]) -> tuple[int, int] | None:
    """Smallest and largest e of ``values`` = f * 2**e with abs(f) in [1/2, 1); none when all are zero."""
    exponents = np.frexp(values)[1][values != 0]
    return (int(exponents.min()), int(exponents.max())) if exponents.size else None


def digits_needed(low: int, high: int) -> int:
    """Digits that hold 2**63 numbers, each a multiple of 2**``low`` and below 2**``high``."""
    return (high - low + 63) // 32 + 6  # 5 digits are touched by one deposit, the last is the sign


@jit(types.void, I8w, i8, i8, i8, u8, u8, b1)
def deposit(
    digits: NDArray[np.int64], base: int, width: int, position: int, high: np.uint64, low: np.uint64, negative: bool
) -> None:
    """Add +-(high * 2**64 + low) * 2**position to the number in ``digits[base:base + width]``."""
    s, half = u8(position % 32), u8(32)
    back = half - s
    first, last = base + position // 32, base + width - 1
    carry = i8(0)
    for k in range(width):
        if k == 0:
            piece = low << s
        elif k == 1:
            piece = low >> back
        elif k == 2:
            piece = ((low >> half) >> back) | (high << s)
        elif k == 3:
            piece = high >> back
        elif k == 4:
            piece = (high >> half) >> back
        elif carry == 0:
            break
        else:
            piece = u8(0)
        if first + k > last:
            break
        part = i8(piece & _PIECE)
        total = digits[first + k] + carry + (-part if negative else part)
        digits[first + k] = total if first + k == last else total & i8(_PIECE)
        carry = total >> i8(32)


@jit(types.void, I8w, i8, i8, i8, f8, b1)
def deposit_float(digits: NDArray[np.int64], base: int, width: int, low: int, value: float, square: bool) -> None:
    """Add ``value``, or its exact square, to a number whose unit is 2**low (2**(2 low) for squares)."""
    fraction, exponent = math.frexp(value)
    whole = u8(i8(abs(fraction) * 9007199254740992.0))  # 2**53: all its bits
    position = exponent - 53 - low
    if whole == u8(0):
        return
    if square:
        high, product = multiply(whole, whole)
        deposit(digits, base, width, 2 * position, high, product, False)
    else:
        deposit(digits, base, width, position, u8(0), whole, value < 0.0)


@jit(f8, I8w, i8, i8, i8)
def round_digits(digits: NDArray[np.int64], base: int, width: int, low: int) -> Any:
    """The number in ``digits`` times 2**low as the nearest float64. The digits are used up."""
    negative = digits[base + width - 1] < 0
    if negative:
        carry = i8(0)
        for j in range(base, base + width):
            total = carry - digits[j]
            digits[j] = total & i8(_PIECE)
            carry = total >> i8(32)
    j = base + width - 1
    while j > base + 2 and digits[j] == 0:
        j -= 1
    sticky = False
    for k in range(base, j - 2):
        sticky = sticky or digits[k] != 0
    middle = (u8(digits[j - 1]) << u8(32)) | u8(digits[j - 2])
    size = _round(u8(digits[j]), middle, low + 32 * (j - 2 - base), sticky)
    return -size if negative else size


def sum_runs(values: NDArray[np.float64], starts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Sum of ``values[starts[r]:starts[r + 1]]`` for every r: exact, then rounded once to nearest.

    The order within a run can't matter. O(n) time; memory for one accumulator of at most 70 digits.
    """
    out = np.empty(starts.size - 1)
    low, high = exponent_range(values) or (0, 0)
    _sum_runs(values, starts, low - 53, np.zeros(digits_needed(low - 53, high), np.int64), out)
    return out


@jit(types.void, F8, I8, i8, I8w, F8w)
def _sum_runs(
    values: NDArray[np.float64], starts: NDArray[np.int64], low: int, digits: NDArray[np.int64],
    out: NDArray[np.float64],
) -> None:  # fmt: skip
    for r in range(out.size):
        a, b = starts[r], starts[r + 1]
        if b - a == 1:
            out[r] = values[a]
            continue
        digits[:] = 0
        for e in range(a, b):
            deposit_float(digits, 0, digits.size, low, values[e], False)
        out[r] = round_digits(digits, 0, digits.size, low)
