"""Coded events, cut by receiver and kept in a nameless file, a few or all of them in memory, until they are summed.

An event is a row of 8-byte words, sorted by bucket within a block of about a million rows. A word that is the same in
all rows of a block (one relation, one period, no time) is written once.
"""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ecograph.cpu.exact import TEN
from ecograph.cpu.sorting import deal
from ecograph.errors import OutputError
from ecograph.ingest.scratch import Scratch
from ecograph.ties import NO_CLUSTER

__all__ = ["BUCKETS", "Blocks", "Columns", "Rows"]

Columns = dict[str, NDArray[Any]]
Words = list[NDArray[np.uint64]]
BUCKETS = 256  # by the receiver's first hash byte: bucket after bucket is the canonical order of receivers
_ROWS = 1 << 18  # a block: large enough to write in one go, small beside any memory limit
_HELD = 8 << 20  # bytes of blocks that stay in memory though a file could have them
_NO_CLUSTER = np.int64(NO_CLUSTER).view(np.uint64)
_HALF, _LOW = np.uint64(32), np.uint64(0xFFFFFFFF)


def pack(columns: Columns) -> Words:
    """Ends, mantissa, time, the small columns together, and the cluster if there is one."""
    mantissa, scale = _alike(columns)
    small = columns["period"].astype(np.uint64) << _HALF
    small |= columns["relation"].astype(np.uint64) << np.uint64(8)
    small |= scale.view(np.uint8)
    ends = (columns["receiver"].astype(np.uint64) << _HALF) | columns["provider"].view(np.uint32)
    words = [ends, mantissa.view(np.uint64), columns["time"].view(np.uint64), small]
    return words if "cluster" not in columns else [*words, columns["cluster"].astype(np.int64).view(np.uint64)]


def _alike(columns: Columns) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
    """Mantissa and scale of the same amounts with as many decimals in each row: one word less differs between rows.

    Where there is one relation (another may have no decimals at all), and where they fit.
    """
    relation, mantissa, scale = columns["relation"], columns["mantissa"], columns["scale"]
    if not scale.size or scale.min() < 0 or (scale == scale[0]).all() or (relation != relation[0]).any():
        return mantissa, scale
    places = int(scale.max(where=mantissa != 0, initial=0))  # zero has no decimals, however it is written
    if max(int(mantissa.max()), -int(mantissa.min())) * 10**places >= 2**62:
        return mantissa, scale
    return mantissa * TEN[np.maximum(places - scale, 0)], np.full_like(scale, places)


def unpack(words: Words) -> Columns:
    """The columns again; provider, receiver, period and cluster as int64."""
    ends, mantissa, time, small, *cluster = words
    columns: Columns = {
        "provider": (ends & _LOW).view(np.int64), "receiver": (ends >> _HALF).view(np.int64),
        "period": (small >> _HALF).view(np.int64),
        "relation": ((small >> np.uint64(8)) & np.uint64(0xFFFF)).astype(np.int16),
        "mantissa": mantissa.view(np.int64), "scale": small.astype(np.uint8).view(np.int8), "time": time.view(np.int64),
    }  # fmt: skip
    return columns | {"cluster": cluster[0].view(np.int64)} if cluster else columns


class Rows(NamedTuple):
    """Some events as they are kept, for ``cpu.tally``: row after row of the words that differ."""

    n: int
    words: NDArray[np.uint64]
    at: NDArray[np.int64]  # of each word of a row: its place, or -1 where it is the same in all rows; last, the width
    constant: NDArray[np.uint64]


@dataclass(frozen=True)
class _Block:
    """Events sorted by bucket: rows of the words that differ, in memory or at a place in the file."""

    starts: NDArray[np.int64]
    constant: tuple[np.uint64 | None, ...]
    memory: mmap.mmap | None
    place: int = 0

    @property
    def rows(self) -> int:
        return int(self.starts[-1])

    @property
    def row_bytes(self) -> int:
        return 8 * self.constant.count(None)


class Blocks:
    """Events in one file without a name, but for the last ones, which may wait in memory.

    Where no file can be had they all stay in memory up to ``budget`` bytes; beyond it that is an error.
    """

    def __init__(self) -> None:
        self._blocks: list[_Block] = []
        self._waiting: list[tuple[Words, NDArray[np.uint8]]] = []
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
        self._blocks, self._waiting = [], []
        self._scratch.close()

    @property
    def nbytes(self) -> int:
        """Memory held by events, in bytes."""
        held = sum(block.rows * block.row_bytes for block in self._blocks if block.memory is not None)
        return held + sum(8 * len(words) * bucket.size for words, bucket in self._waiting)

    @property
    def rows(self) -> int:
        """How many events there are."""
        return sum(block.rows for block in self._blocks) + self._rows_waiting

    @property
    def _rows_waiting(self) -> int:
        return sum(bucket.size for _, bucket in self._waiting)

    def add(self, columns: Columns, bucket: NDArray[np.uint8], budget: int) -> None:
        """Keep events; ``bucket`` is each one's; what exceeds ``budget`` bytes must go to the file."""
        self._waiting.append((pack(columns), bucket))
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
        parts: list[Words] = []
        for block in self._blocks:
            for first in range(int(block.starts[number]), int(block.starts[number + 1]), most):
                parts.append(self._words(block, first, min(first + most, int(block.starts[number + 1]))))
                if sum(part[0].size for part in parts) >= most:
                    yield _joined(parts)
                    parts = []
        if parts:
            yield _joined(parts)

    def rows_of(self, number: int, most: int) -> Rows | None:
        """The events of a bucket; None where they are more than ``most`` or their blocks are not kept alike."""
        blocks = [block for block in self._blocks if block.starts[number] < block.starts[number + 1]]
        ends = [(int(block.starts[number]), int(block.starts[number + 1])) for block in blocks]
        n = sum(b - a for a, b in ends)
        if n > most or any(block.constant != blocks[0].constant for block in blocks):
            return None
        constant, width = blocks[0].constant, blocks[0].row_bytes // 8
        words, done = np.empty(n * width, np.uint64), 0
        for block, (a, b) in zip(blocks, ends, strict=True):
            self._copy(block, a, words[done : done + (b - a) * width])
            done += (b - a) * width
        differ = np.cumsum([one is None for one in constant]) - 1
        at = [place if one is None else -1 for place, one in zip(differ.tolist(), constant, strict=True)]
        at, same = at + [-1] * (5 - len(at)), [*(one or 0 for one in constant), *[_NO_CLUSTER] * (5 - len(at))]
        return Rows(n, words, np.array([*at, width], np.int64), np.array(same, np.uint64))

    def _cut(self) -> None:
        """Make blocks of the events waiting."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        bucket = np.concatenate([bucket for _, bucket in waiting])
        parts = [list(pieces) for pieces in zip(*(words for words, _ in waiting), strict=True)]
        for row in range(0, bucket.size, _ROWS):
            self._blocks.append(_block([_cut(part, row, row + _ROWS) for part in parts], bucket[row : row + _ROWS]))

    def _spill(self) -> None:
        """Write the blocks that are in memory to the file."""
        for number, block in enumerate(self._blocks):
            if block.memory is not None:
                size = block.rows * block.row_bytes
                self._scratch.write(self._end, memoryview(block.memory)[:size])
                self._blocks[number] = _Block(block.starts, block.constant, None, self._end)
                self._end += size
                self.spilled += block.rows

    def _words(self, block: _Block, a: int, b: int) -> Words:
        width = block.row_bytes // 8
        table = np.empty((b - a) * width, np.uint64)
        self._copy(block, a, table)
        columns = iter(table.reshape(b - a, width).T)
        return [next(columns) if one is None else np.full(b - a, one) for one in block.constant]

    def _copy(self, block: _Block, row: int, out: NDArray[np.uint64]) -> None:
        """Fill ``out`` with the words of the rows from ``row`` on."""
        if not out.size:
            return
        if block.memory is not None:
            out[:] = np.frombuffer(block.memory, np.uint64, out.size, row * block.row_bytes)
        else:
            self._scratch.read(block.place + row * block.row_bytes, memoryview(out.data).cast("B"))

    def forget(self, number: int) -> None:
        """Give back the memory of a bucket and of those before it; nobody asks for them again."""
        for block in self._blocks:
            if block.memory is not None and hasattr(block.memory, "madvise"):
                done = int(block.starts[number + 1]) * block.row_bytes // mmap.PAGESIZE * mmap.PAGESIZE
                if done:
                    block.memory.madvise(mmap.MADV_DONTNEED, 0, done)


def _joined(parts: list[Words]) -> Columns:
    return unpack([np.concatenate(words) for words in zip(*parts, strict=True)])


def _cut(parts: Words, a: int, b: int) -> Words:
    """Rows ``a`` to ``b - 1`` of one word, as pieces."""
    starts = np.cumsum([0, *(part.size for part in parts)]).tolist()
    return [part[max(a - s, 0) : b - s] for s, part in zip(starts, parts, strict=False) if s < b and s + part.size > a]


def _block(words: list[Words], bucket: NDArray[np.uint8]) -> _Block:
    constant = tuple(_only(pieces) for pieces in words)
    differ = [pieces for pieces, one in zip(words, constant, strict=True) if one is None]
    table = np.empty((len(differ), bucket.size), np.uint64)
    for row, pieces in zip(table, differ, strict=True):
        np.concatenate(pieces, out=row)
    private = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_PRIVATE") else {}
    memory = mmap.mmap(-1, max(1, table.nbytes), **private)
    return _Block(deal(bucket, BUCKETS, table, np.frombuffer(memory, np.uint64, table.size)), constant, memory)


def _only(pieces: Words) -> np.uint64 | None:
    """The one value that all of them hold, or None."""
    one: np.uint64 = pieces[0][0]
    return None if any((piece != one).any() for piece in pieces) else one
