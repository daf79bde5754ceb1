"""Coded events, cut by receiver and kept in a nameless file, a few or all of them in memory, until they are summed.

A block of some hundred thousand events is sorted by bucket, its rows as small as ``layout`` makes them.
"""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecograph.cpu.sorting import deal
from ecograph.errors import OutputError
from ecograph.ingest.layout import Columns, Layout, fit, pack, unpack
from ecograph.ingest.scratch import Scratch

__all__ = ["BUCKETS", "Blocks", "Rows"]

BUCKETS = 256  # by the receiver's first hash byte: bucket after bucket is the canonical order of receivers
_ROWS = 1 << 18  # a block: large enough to write in one go, small beside any memory limit
_HELD = 8 << 20  # bytes of blocks that stay in memory though a file could have them


class Rows(NamedTuple):
    """Some events as they are kept, for ``cpu.tally``: words of rows and one more, their layout, and how many rows."""

    n: int
    parts: list[tuple[NDArray[np.uint64], NDArray[np.int64], int]]


@dataclass(frozen=True)
class _Block:
    """Events sorted by bucket, in memory or at a place in the file."""

    starts: NDArray[np.int64]
    layout: Layout
    memory: mmap.mmap | None
    place: int = 0

    @property
    def rows(self) -> int:
        return int(self.starts[-1])

    @property
    def nbytes(self) -> int:
        return self.rows * self.layout.row_bytes


class Blocks:
    """Events in one file without a name, but for the last ones, which may wait in memory.

    Where no file can be had they all stay in memory up to ``budget`` bytes; beyond it that is an error.
    """

    def __init__(self) -> None:
        self._blocks: list[_Block] = []
        self._waiting: list[tuple[Columns, NDArray[np.uint8]]] = []
        self._spare: list[mmap.mmap] = []  # of blocks that were written to the file
        self._scratch = Scratch()
        self._no_file = False
        self._end = 0
        self.spilled = 0

    def __enter__(self) -> Blocks:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Give memory and file back."""
        self._blocks, self._waiting, self._spare = [], [], []
        self._scratch.close()

    @property
    def nbytes(self) -> int:
        """Memory held by events, in bytes."""
        held = sum(block.nbytes for block in self._blocks if block.memory is not None)
        return held + sum(values.nbytes for columns, _ in self._waiting for values in columns.values())

    @property
    def rows(self) -> int:
        """How many events there are."""
        return sum(block.rows for block in self._blocks) + self._rows_waiting

    @property
    def _rows_waiting(self) -> int:
        return sum(bucket.size for _, bucket in self._waiting)

    def add(self, columns: Columns, bucket: NDArray[np.uint8], budget: int) -> None:
        """Keep events; ``bucket`` is each one's; what exceeds ``budget`` bytes must go to the file."""
        self._waiting.append((columns, bucket))
        enough = self._rows_waiting >= _ROWS or self.nbytes > budget
        if enough:
            self._cut()
        if self.nbytes > budget:
            try:
                self._spill()
            except OSError as error:
                raise OutputError(
                    f"events can't be set aside in {tempfile.gettempdir()}: {error.strerror}.",
                    hint="set TMPDIR to a folder with more room, or raise memory_limit=.",
                ) from None
        elif enough and self.nbytes > _HELD and not self._no_file:
            try:
                self._spill()
            except OSError:
                self._no_file = True  # there is memory

    def occupied(self) -> list[int]:
        """The buckets that hold events, in order."""
        self._cut()
        rows = sum((np.diff(block.starts) for block in self._blocks), np.zeros(BUCKETS, np.int64))
        return [int(number) for number in np.flatnonzero(rows)]

    def bucket(self, number: int, most: int) -> Iterator[Columns]:
        """The events of one of the ``occupied`` buckets, about ``most`` at a time at most. Any thread may ask."""
        parts: list[Columns] = []
        for block in self._blocks:
            end = int(block.starts[number + 1])
            for first in range(int(block.starts[number]), end, most):
                parts.append(self._columns(block, first, min(first + most, end)))
                if sum(part["provider"].size for part in parts) >= most:
                    yield _joined(parts)
                    parts = []
        if parts:
            yield _joined(parts)

    def rows_of(self, number: int, most: int) -> Rows | None:
        """The events of a bucket; None where they are more than ``most``."""
        spans = [(block, int(block.starts[number]), int(block.starts[number + 1])) for block in self._blocks]
        n = sum(end - first for _, first, end in spans)
        if n > most:
            return None
        words = np.empty(sum((end - first) * block.layout.width for block, first, end in spans) + 1, np.uint64)
        words[-1] = 0
        parts, done = [], 0
        for block, first, end in spans:
            if first < end:
                size = (end - first) * block.layout.width
                self._copy(block, first, words[done : done + size])
                parts.append((words[done : done + size + 1], block.layout.as_array(), end - first))
                done += size
        return Rows(n, parts)

    def _cut(self) -> None:
        """Make blocks of the events waiting."""
        waiting, self._waiting = self._waiting, []
        some: list[tuple[Columns, NDArray[np.uint8]]] = []
        for columns, bucket in waiting:
            first = 0
            while first < bucket.size:
                end = min(bucket.size, first + _ROWS - sum(keys.size for _, keys in some))
                some.append(({name: values[first:end] for name, values in columns.items()}, bucket[first:end]))
                first = end
                if sum(keys.size for _, keys in some) == _ROWS:
                    self._blocks.append(self._block(some))
                    some = []
        if some:
            self._blocks.append(self._block(some))

    def _block(self, some: list[tuple[Columns, NDArray[np.uint8]]]) -> _Block:
        parts, bucket = [columns for columns, _ in some], np.concatenate([keys for _, keys in some])
        layout = fit(parts)
        size = bucket.size * layout.row_bytes
        memory = next((room for room in self._spare if len(room) >= size), None)
        if memory is None:
            private = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_PRIVATE") else {}
            memory = mmap.mmap(-1, size, **private)
        else:
            self._spare.remove(memory)
        out = np.frombuffer(memory, np.uint64, size // 8)
        return _Block(deal(bucket, BUCKETS, pack(parts, layout), out), layout, memory)

    def _spill(self) -> None:
        """Write the blocks that are in memory to the file."""
        self._spare = []
        for number, block in enumerate(self._blocks):
            if block.memory is not None:
                self._scratch.write(self._end, memoryview(block.memory)[: block.nbytes])
                self._blocks[number] = replace(block, memory=None, place=self._end)
                self._end += block.nbytes
                self.spilled += block.rows
                self._spare.append(block.memory)

    def _columns(self, block: _Block, a: int, b: int) -> Columns:
        rows = np.empty((b - a) * block.layout.width, np.uint64)
        self._copy(block, a, rows)
        return unpack(rows, block.layout)

    def _copy(self, block: _Block, row: int, out: NDArray[np.uint64]) -> None:
        """Fill ``out`` with the words of the rows from ``row`` on."""
        if block.memory is not None:
            out[:] = np.frombuffer(block.memory, np.uint64, out.size, row * block.layout.row_bytes)
        else:
            self._scratch.read(block.place + row * block.layout.row_bytes, memoryview(out.data).cast("B"))

    def forget(self, number: int) -> None:
        """Give back the memory of a bucket and of those before it; nobody asks for them again."""
        for block in self._blocks:
            if block.memory is not None and hasattr(block.memory, "madvise"):
                done = int(block.starts[number + 1]) * block.layout.row_bytes // mmap.PAGESIZE * mmap.PAGESIZE
                if done:
                    block.memory.madvise(mmap.MADV_DONTNEED, 0, done)


def _joined(parts: list[Columns]) -> Columns:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
