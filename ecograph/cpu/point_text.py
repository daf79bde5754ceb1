"""Which texts have a point, and in which might it part thousands? A look over the bytes of an Arrow string column."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types
from numpy.typing import NDArray

from ecograph.cpu._jit import I8, U1, U1w, i8, jit, u1

__all__ = ["ASK", "GROUPED", "NONE", "POINTED", "points"]

NONE, POINTED, GROUPED, ASK = 0, 1, 2, 3
_ZERO, _NINE, _POINT = (ord(c) for c in "09.")


def points(data: NDArray[np.uint8], offsets: NDArray[np.int64]) -> NDArray[np.uint8]:
    """NONE, POINTED, GROUPED (``[1-9]`` and up to two digits, then groups of a point and three) or ASK, for each text.

    Spaces, signs and parentheses at either end don't count. ASK: a byte isn't ASCII.
    """
    out = np.zeros(offsets.size - 1, np.uint8)
    _points(data, offsets, out)
    return out


@jit(types.boolean, u1)
def _outside(c: int) -> Any:
    return c == ord(" ") or c == ord("+") or c == ord("-") or c == ord("(") or c == ord(")")


@jit(types.void, U1, I8, U1w)
def _points(data: NDArray[np.uint8], offsets: NDArray[np.int64], out: NDArray[np.uint8]) -> None:
    for r in range(out.size):
        a, b = offsets[r], offsets[r + 1]
        pointed = False
        for i in range(a, b):
            if data[i] >= 0x80:
                out[r] = ASK
            pointed = pointed or data[i] == _POINT
        if out[r] == ASK or not pointed:
            continue
        while a < b and _outside(data[a]):
            a += 1
        while b > a and _outside(data[b - 1]):
            b -= 1
        run, parts, fits = i8(0), 0, b > a and data[a] != _ZERO
        for i in range(a, b):
            if _ZERO <= data[i] <= _NINE:
                run += 1
            elif data[i] == _POINT:
                fits = fits and (1 <= run <= 3 if parts == 0 else run == 3)
                parts += 1
                run = 0
            else:
                fits = False
        out[r] = GROUPED if fits and parts > 0 and run == 3 else POINTED
