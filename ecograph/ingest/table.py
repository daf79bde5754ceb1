"""The columns of ties while they are made: large ones in a nameless file, since most of them are never read.

A lens reads who, to whom and how much; squares, counts and dates wait in the file until somebody asks. Very large ones
stay in memory, where they must have room anyway: the system begins to write files to the disk once a tenth of memory is
full of them, and whoever goes on writing waits for it.
"""

from __future__ import annotations

import mmap
from dataclasses import fields

import numpy as np

from ecograph.ingest.layout import Columns
from ecograph.ingest.scratch import Scratch
from ecograph.ties import DTYPES, Ties

__all__ = ["TieTable"]

_OFTEN_ZERO = ("relation", "period")
_SMALL = 32 << 20  # bytes of a table that isn't worth a file
_LARGE = 1 << 30  # bytes of one that the disk would have to take


class TieTable:
    """Columns that are filled from the front, in a file; in memory where they are small, very large, or no file is had.

    ``room`` : the most rows there can be. A column of zeros (one relation, one period) takes no memory at all.

    Attributes
    ----------
    rows, events : so far. worthless : rows whose weight isn't above zero.
    """

    def __init__(self, room: int, clustered: bool) -> None:
        self._names = [field.name for field in fields(Ties) if clustered or field.name != "cluster"]
        sizes = [room * np.dtype(DTYPES[name]).itemsize for name in self._names]
        ends = np.cumsum([0, *(-(-size // mmap.ALLOCATIONGRANULARITY) * mmap.ALLOCATIONGRANULARITY for size in sizes)])
        self._place, self._size = dict(zip(self._names, ends.tolist(), strict=False)), int(ends[-1])
        self._room, self._scratch, self._zero = room, Scratch(), set(_OFTEN_ZERO)
        self._columns: Columns | None = None if _SMALL < sum(sizes) <= _LARGE else self._empty()
        self.rows = self.events = self.worthless = 0

    def add(self, part: Columns) -> None:
        """Append rows."""
        self._zero -= {name for name in self._zero if part[name].any()}
        kept = {name: np.ascontiguousarray(part[name], DTYPES[name]) for name in self._names if name not in self._zero}
        if self._columns is None:
            try:
                for name, values in kept.items():
                    self._scratch.write(self._place[name] + self.rows * values.itemsize, values)
            except OSError:  # full, or no place for files: there is memory
                self._columns = self._empty()
                for name, values in self._filed(self.rows).items():
                    self._columns[name][: self.rows] = values
        if self._columns is not None:
            for name, values in kept.items():
                self._columns[name][self.rows : self.rows + values.size] = values
        self.rows += part["count"].size
        self.events += int(part["count"].sum())
        self.worthless += int(np.count_nonzero(part["weight"] <= 0))

    def finish(self) -> Columns:
        """The rows there are; of columns in memory what is left of their room is given back where it is more than half.

        Those of a file can be read as any others; their memory is the system's to take and fill again.
        """
        n = self.rows
        if self._columns is None:
            columns = self._filed(n) | {name: np.zeros(n, DTYPES[name]) for name in self._zero}
        else:
            keep = 2 * n >= self._room
            columns = {name: values[:n] if keep else values[:n].copy() for name, values in self._columns.items()}
        return {name: columns[name] for name in self._names}

    def close(self) -> None:
        """Give the file back; columns that were given out stay."""
        self._scratch.close()

    def _empty(self) -> Columns:
        return {name: np.zeros(self._room, DTYPES[name]) for name in self._names}

    def _filed(self, rows: int) -> Columns:
        """The first rows of the columns in the file."""
        if rows == 0:
            return {}
        memory = self._scratch.mapped(self._size)
        return {
            name: np.frombuffer(memory, DTYPES[name], rows, self._place[name])
            for name in self._names if name not in self._zero
        }  # fmt: skip
