"""Coded events, cut by receiver and kept in memory or in a nameless file until they are summed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from ecograph.cpu.sorting import counting_order
from ecograph.errors import OutputError

__all__ = ["BUCKETS", "EVENT_BYTES", "Blocks", "Columns"]

Columns = dict[str, NDArray[Any]]
BUCKETS = 256  # by the receiver's first hash byte: bucket after bucket is the canonical order of receivers
_DTYPES = {"provider": np.int32, "receiver": np.int32, "relation": np.int16, "period": np.int32,
           "mantissa": np.int64, "scale": np.int8, "time": np.int64}  # fmt: skip
_CLUSTERED = _DTYPES | {"cluster": np.int32}
EVENT_BYTES = sum(np.dtype(dtype).itemsize for dtype in _DTYPES.values())  # 4 more where there are clusters
_ROWS = 1 << 20  # a block: large enough to write in one go, small beside any memory limit


@dataclass(frozen=True)
class _Block:
    """Events sorted by bucket: their columns, or where those begin in the file."""

    starts: NDArray[np.int64]
    columns: Columns | None
    place: int = 0

    @property
    def rows(self) -> int:
        return int(self.starts[-1])


class Blocks:
    """Events in memory up to ``budget`` bytes; what is older goes to one file without a name.

    ``clustered`` events have a column ``cluster``. The file is unlinked as it is opened (in ``TMPDIR``), so that
    nothing stays behind, not even after a kill.
    """

    def __init__(self, clustered: bool = False) -> None:
        self._dtypes = _CLUSTERED if clustered else _DTYPES
        self._event_bytes = EVENT_BYTES + 4 * clustered
        self._blocks: list[_Block] = []
        self._waiting: list[Columns] = []
        self._file: IO[bytes] | None = None
        self._end = 0
        self.spilled = 0

    def __enter__(self) -> Blocks:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Give memory and file back."""
        self._blocks, self._waiting = [], []
        if self._file is not None:
            self._file.close()

    @property
    def nbytes(self) -> int:
        """Memory held by events, in bytes."""
        held = sum(block.rows for block in self._blocks if block.columns is not None)
        return self._event_bytes * (held + self._rows_waiting)

    @property
    def _rows_waiting(self) -> int:
        return sum(columns["time"].size for columns in self._waiting)

    def add(self, columns: Columns, bucket: NDArray[np.uint8], budget: int) -> None:
        """Keep events; ``bucket`` is each one's; write all to the file when they exceed ``budget`` bytes."""
        self._waiting.append(columns | {"bucket": bucket})
        if self._rows_waiting >= _ROWS or self.nbytes > budget:
            self._cut()
        if self.nbytes > budget:
            self._blocks = [self._spill(block) for block in self._blocks]

    def occupied(self) -> list[int]:
        """The buckets that hold events, in order."""
        self._cut()
        rows = sum((np.diff(block.starts) for block in self._blocks), np.zeros(BUCKETS, np.int64))
        return [int(number) for number in np.flatnonzero(rows)]

    def bucket(self, number: int) -> Iterator[Columns]:
        """The events of one of the ``occupied`` buckets, block by block."""
        for block in self._blocks:
            a, b = block.starts[number], block.starts[number + 1]
            if a < b:
                yield self._read(block, int(a), int(b))

    def _cut(self) -> None:
        """Make blocks of the events waiting."""
        waiting, self._waiting = self._waiting, []
        rows = sum(columns["time"].size for columns in waiting)
        whole = {name: np.concatenate([w[name] for w in waiting]) for name in (*self._dtypes, "bucket")} if rows else {}
        for row in range(0, rows, _ROWS):
            part = {name: values[row : row + _ROWS] for name, values in whole.items()}
            order, starts = counting_order(part["bucket"], BUCKETS)
            columns = {name: part[name].astype(dtype, copy=False)[order] for name, dtype in self._dtypes.items()}
            self._blocks.append(_Block(starts, columns))

    def _spill(self, block: _Block) -> _Block:
        if block.columns is None:
            return block
        place = self._end
        try:
            self._file = self._file or tempfile.TemporaryFile(prefix="ecograph-")  # noqa: SIM115 - closed by close()
            self._file.seek(place)
            for values in block.columns.values():
                self._file.write(values.data)
            self._file.flush()
        except OSError as error:
            raise OutputError(
                f"events can't be set aside in {tempfile.gettempdir()}: {error.strerror}.",
                hint="set TMPDIR to a folder with more room, or raise memory_limit=.",
            ) from None
        self._end += self._event_bytes * block.rows
        self.spilled += block.rows
        return _Block(block.starts, None, place)

    def _read(self, block: _Block, a: int, b: int) -> Columns:
        if block.columns is not None:
            return {name: values[a:b] for name, values in block.columns.items()}
        assert self._file is not None
        part, place = {}, block.place
        for name, dtype in self._dtypes.items():
            size = np.dtype(dtype).itemsize
            self._file.seek(place + a * size)
            part[name] = np.frombuffer(self._file.read((b - a) * size), dtype)
            place += block.rows * size
        return part
