"""How a block of events is kept: rows of bits, of each column as many as it needs there.

What is the same in all rows takes no bits; the others are kept as differences to the least value of the block. Two
codes, an amount and a time of a log fit 16 bytes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecograph.ties import NO_CLUSTER

__all__ = ["COLUMNS", "Columns", "Layout", "fit", "pack", "unpack"]

Columns = dict[str, NDArray[Any]]
COLUMNS = ("provider", "receiver", "mantissa", "time", "scale", "relation", "period", "cluster")
_NARROW = {"scale": np.int8, "relation": np.int16}  # in what ``unpack`` gives; the others are int64
_WORD = 64


class Layout(NamedTuple):
    """Of each of ``COLUMNS``: at which bit of a row it begins, how many it has, and what to add.

    A row has ``width`` words; what begins in one word may end in the next.
    """

    begin: tuple[int, ...]
    bits: tuple[int, ...]
    least: tuple[int, ...]
    width: int
    clustered: bool

    @property
    def row_bytes(self) -> int:
        """Bytes of a row."""
        return 8 * self.width

    def as_array(self) -> NDArray[np.int64]:
        """For ``cpu.tally``: begin, bits and least of each column in turn, then the width."""
        each = zip(self.begin, self.bits, self.least, strict=True)
        return np.array([number for three in each for number in three] + [self.width], np.int64)


def fit(parts: list[Columns]) -> Layout:
    """The least room for these events: a row's bits without a gap, one word at the least."""
    least, bits = [], []
    for name in COLUMNS:
        there = [part[name] for part in parts if name in part]
        low = min((int(values.min()) for values in there), default=NO_CLUSTER)  # nothing else may be absent
        high = max((int(values.max()) for values in there), default=NO_CLUSTER)
        least.append(low)
        bits.append((high - low).bit_length())
    ends = np.cumsum([0, *bits]).tolist()
    return Layout(tuple(ends[:-1]), tuple(bits), tuple(least), max(1, -(-ends[-1] // _WORD)), "cluster" in parts[0])


def pack(parts: list[Columns], layout: Layout) -> NDArray[np.uint64]:
    """The words of the parts' rows, one part behind another: word k of all rows is ``[k]``."""
    rows = sum(part["provider"].size for part in parts)
    words, done = np.zeros((layout.width, rows), np.uint64), 0
    for part in parts:
        here = words[:, done : done + part["provider"].size]
        for name, begin, bits, least in zip(COLUMNS, *layout[:3], strict=True):
            if bits:
                k, shift = divmod(begin, _WORD)
                value = part[name].astype(np.int64)
                value -= np.int64(least)  # modulo 2**64: the difference of two int64 fits an uint64
                here[k] |= value.view(np.uint64) << np.uint64(shift)
                if shift + bits > _WORD:
                    here[k + 1] |= value.view(np.uint64) >> np.uint64(_WORD - shift)
        done += part["provider"].size
    return words


def unpack(rows: NDArray[np.uint64], layout: Layout) -> Columns:
    """The columns of rows, word after word and row after row; int64 but for scale and relation."""
    words, columns = rows.reshape(-1, layout.width).T, Columns()
    for name, begin, bits, least in zip(COLUMNS, *layout[:3], strict=True):
        k, shift = divmod(begin, _WORD)
        value = np.zeros(words.shape[1], np.uint64)
        if bits:
            value = words[k] >> np.uint64(shift)
            if shift + bits > _WORD:
                value |= words[k + 1] << np.uint64(_WORD - shift)
            value &= np.uint64(2**bits - 1)
        columns[name] = (value.view(np.int64) + np.int64(least)).astype(_NARROW.get(name, np.int64), copy=False)
    if not layout.clustered:
        del columns["cluster"]
    return columns
