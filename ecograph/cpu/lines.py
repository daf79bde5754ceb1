"""Arrays that begin where a cache line does, on large pages.

Eight float64 lanes fill a line of 64 bytes. NumPy's large arrays begin 16 bytes after one: every group of eight then
lies in two lines, which took a gather from memory three times as long. And for ``np.zeros`` NumPy (1.26) doesn't ask
for large pages, without which a gather over more than 8 MB waits for addresses too.
"""

from __future__ import annotations

from math import prod

import numpy as np
from numpy.typing import NDArray

__all__ = ["LINE", "zeros"]

LINE = 64  # bytes


def zeros(*shape: int) -> NDArray[np.float64]:
    """``np.zeros(shape)`` whose first value begins a line."""
    size = prod(shape)
    room = np.empty(size + LINE // 8)
    begin = -room.ctypes.data % LINE // 8
    out = room[begin : begin + size].reshape(shape)
    out[...] = 0.0
    return out
